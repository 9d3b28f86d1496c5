"""E-mail messages (.eml): subject, who, when, the text, names of attachments; saved web pages."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from email import policy
from email.message import EmailMessage, Message
from email.parser import BytesParser
from email.utils import parsedate_to_datetime

from ragkit.errors import IngestError
from ragkit.ingest.readers.content import Content, Metadata, one_line
from ragkit.ingest.readers.encoding import decode
from ragkit.ingest.readers.html import charset_of, element_text, parse_html, read_html

__all__ = ["read_mail", "read_web_archive"]

_DEEPEST = 5
_SHOWN = ("From", "To", "Cc", "Date", "Subject")
_NAMES = {name.lower(): name for name in _SHOWN}
_LONGEST_HEADER = 10_000
# Encodings of seven bits, which nothing but their name tells from ASCII, and of several bytes,
# as which no other text can be read.
_BY_NAME = frozenset(
    "utf-7 unicode-1-1-utf-7 hz hz-gb-2312 gb18030 gbk gb2312 big5 big5-hkscs euc-jp shift_jis "
    "iso-2022-jp euc-kr iso-2022-kr ks_c_5601-1987".split()
)


def read_mail(data: bytes) -> Content:
    """Return a message; of its alternatives the plain text, or else the HTML as text.

    Messages attached to it follow it, those attached to these too. Raises IngestError where it has
    no headers.
    """
    message = BytesParser(policy=policy.default).parsebytes(data)
    headers = _headers(message) if isinstance(message, EmailMessage) else {}
    if not isinstance(message, EmailMessage) or not headers:
        raise IngestError("Damaged e-mail: it has no headers.")
    metadata: Metadata = {"markup": "text"}
    if "Subject" in headers:
        metadata["title"] = headers["Subject"][:500]
    if "From" in headers:
        metadata["author"] = headers["From"][:500]
    if "Date" in headers:
        with suppress(ValueError):  # a date that is none is no reason to lose the message
            metadata["date"] = parsedate_to_datetime(headers["Date"]).date().isoformat()
    return Content.of("\n\n".join(filter(None, _blocks(message, _DEEPEST))), metadata)


def read_web_archive(data: bytes) -> Content:
    """Return the page that a browser saved as MHTML (RFC 2557), without what is on it beside text.

    Raises IngestError where it holds no page.
    """
    message = BytesParser(policy=policy.default).parsebytes(data)
    page = next((part for part in message.walk() if part.get_content_type() == "text/html"), None)
    payload = None if page is None else page.get_payload(decode=True)
    if page is None or not isinstance(payload, bytes):
        raise IngestError("Damaged web archive: it holds no page.")
    declared = page.get_content_charset() or charset_of(payload)
    return read_html(decode(payload, declared=declared).text)


def _headers(message: EmailMessage) -> dict[str, str]:
    """Return the headers that are shown; of one that is longer than any page, the beginning.

    Python takes quadratic time for an endless subject, and long for thousands of addresses.
    """
    found: dict[str, str] = {}
    for name, raw in message.raw_items():
        shown = _NAMES.get(name.lower())
        if shown and shown not in found:
            value = str(raw)[:_LONGEST_HEADER]
            with suppress(AttributeError, LookupError, ValueError):  # Python stumbles over "a <"
                value = policy.default.header_fetch_parse(shown, value)
            found[shown] = one_line(value)
    return {name: found[name] for name in _SHOWN if found.get(name)}


def _blocks(message: EmailMessage, depth: int) -> Iterator[str]:
    """Yield headers, text and names of attachments, then the messages attached."""
    yield "\n".join(f"{name}: {value}" for name, value in _headers(message).items())
    yield _body(message)
    attached = list(message.iter_attachments()) if message.is_multipart() else []
    if names := [n for part in attached if (n := one_line(part.get_filename() or ""))]:
        yield "Attachments: " + ", ".join(names)
    for part in attached if depth else ():
        if part.get_content_type() == "message/rfc822":
            for inner in part.get_payload():
                if isinstance(inner, EmailMessage):
                    yield from _blocks(inner, depth - 1)


def _body(message: EmailMessage) -> str:
    part = _text_part(message)
    if part is None:
        return ""
    payload = part.get_payload(decode=True)
    if not isinstance(payload, bytes) or not payload.strip():
        return ""
    text = _decoded(payload, part.get_content_charset())
    if part.get_content_subtype() != "html":
        return text.strip()
    root = parse_html(text)
    return "" if root is None else element_text(root, furniture=True)


def _text_part(message: EmailMessage) -> Message | None:
    """Return the part that holds the text, the first of any where the parts are damaged."""
    with suppress(AttributeError):  # of a part that says it has parts and has none
        return message.get_body(preferencelist=("plain", "html"))
    return next((part for part in message.walk() if part.get_content_maintype() == "text"), None)


def _decoded(payload: bytes, charset: str | None) -> str:
    """Return the text of a part; what no encoding fits does not cost the rest of the message."""
    if charset in _BY_NAME:
        with suppress(UnicodeError, LookupError):
            return payload.decode(charset)
    try:
        return decode(payload, declared=charset).text
    except IngestError:
        return payload.decode("utf-8", errors="ignore")
