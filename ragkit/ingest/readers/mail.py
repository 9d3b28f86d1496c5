"""E-mail messages (.eml): subject, who, when, the text, attachments; saved web pages."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from email import policy
from email.message import EmailMessage, Message
from email.parser import BytesParser
from email.utils import getaddresses, parsedate_to_datetime

from ragkit.errors import IngestError
from ragkit.ingest.readers.attachments import attached_document, payload_of, suffix_of
from ragkit.ingest.readers.content import Content, Metadata, one_line
from ragkit.ingest.readers.encoding import charset_of, codec_of, decode
from ragkit.ingest.readers.html import element_text, parse_html, read_html
from ragkit.ingest.readers.inner import Allowance
from ragkit.ingest.readers.mail_headers import mended, shown_headers, text_of

__all__ = ["read_mail", "read_web_archive"]

_DEEPEST = 5  # of messages in messages
_DEEPEST_PART = 30
# Encodings of seven bits, which nothing but their name tells from ASCII, and of several bytes,
# as which no other text can be read.
_BY_NAME = frozenset(
    "utf-7 unicode-1-1-utf-7 hz hz-gb-2312 gb18030 gbk gb2312 big5 big5-hkscs euc-jp shift_jis "
    "iso-2022-jp euc-kr iso-2022-kr ks_c_5601-1987".split()
)
# Of alternatives that say the same: text as people wrote it, and what only programs read.
_RANKS = {"text/plain": 0, "text/html": 1, "text/calendar": 3}
_STUB, _LONGER = 300, 5  # a short text beside a page so many times as long only says to look there
_BOUNDARY = re.compile(r"\s*--([^\s\"]{1,70})\r?\n[!-9;-~]+:")
_LONGEST_CONTENT = 3000  # characters: names of 255 characters, each written as %E4%BD%A0
_LONGEST_HEADER = {"content-transfer-encoding": 100, "mime-version": 100}
_READ_TEXTS = ("plain", "html", "calendar", "markdown", "csv", "enriched", "x-patch", "x-diff")


class _Bounded(policy.EmailPolicy):
    """Python's rules for messages, but of very long headers only the beginning counts.

    It takes quadratic time for parameters, and a level of its stack for each bracket.
    """

    def header_source_parse(self, sourcelines: list[str]) -> tuple[str, str]:
        name, value = super().header_source_parse(sourcelines)
        kind = name.lower()
        most = _LONGEST_HEADER.get(kind, _LONGEST_CONTENT if kind.startswith("content-") else None)
        return name, value[:most]


def read_mail(data: bytes) -> Content | None:
    """Return a message; of its alternatives the plain text, or else the HTML as text.

    Documents and texts attached to it follow, and messages attached to it, with what is attached
    to these. What else is attached is named. None where it has no headers: then it is
    any other text.
    """
    message = _parsed(data)
    headers = _headers(message)
    if message is None or not headers or message.defects:
        message = _parsed(mended(data))
        headers = _headers(message)
    if message is None or not headers:
        return None
    metadata: Metadata = {"markup": "text"}
    if "Subject" in headers:
        metadata["title"] = headers["Subject"][:500]
    if "From" in headers:
        metadata["author"] = _names(headers["From"])[:500]
    if "Date" in headers:
        # A date that is none is no reason to lose the message.
        with suppress(ValueError, OverflowError, RecursionError):
            metadata["date"] = parsedate_to_datetime(headers["Date"]).date().isoformat()
    return Content.of("\n\n".join(filter(None, _blocks(message, _DEEPEST, Allowance()))), metadata)


def _names(sender: str) -> str:
    """Return who wrote a message without the addresses, which stand in its text, if it says."""
    try:
        names = [name or address for name, address in getaddresses([sender])]
    except RecursionError:  # brackets in brackets
        return sender
    return ", ".join(dict.fromkeys(names)) if all(names) else sender


def read_web_archive(data: bytes) -> Content:
    """Return the page that a browser saved as MHTML (RFC 2557), without what is on it beside text.

    Raises IngestError where it holds no page.
    """
    message = BytesParser(policy=_Bounded()).parsebytes(data)
    page = next((part for part in message.walk() if part.get_content_type() == "text/html"), None)
    payload = None if page is None else page.get_payload(decode=True)
    if page is None or not isinstance(payload, bytes):
        raise IngestError("Damaged web archive: it holds no page.")
    declared = page.get_content_charset() or charset_of(payload)
    return read_html(decode(payload, declared=declared).text)


def _parsed(data: bytes) -> EmailMessage | None:
    with suppress(ValueError):  # Python stumbles over an encoding's name with NUL in it
        message = BytesParser(policy=_Bounded()).parsebytes(data.replace(b"\0", b""))
        return message if isinstance(message, EmailMessage) else None
    return None


def _headers(message: EmailMessage | None) -> dict[str, str]:
    return {} if message is None else shown_headers(message)


def _blocks(message: EmailMessage, depth: int, allowance: Allowance) -> Iterator[str]:
    """Yield headers, text and names of attachments, then the texts and the messages attached."""
    yield "\n".join(f"{name}: {value}" for name, value in _headers(message).items())
    attached: list[Message] = []
    yield "\n\n".join(_texts(message, attached, _DEEPEST_PART))
    names, unread, texts, messages = _attachments(attached, allowance)
    lists = (("Attachments", names), ("Not read", unread))
    yield "\n".join(f"{title}: {', '.join(listed)}" for title, listed in lists if listed)
    yield from texts
    for inner in messages if depth else ():
        yield from _blocks(inner, depth - 1, allowance)


def _attachments(
    attached: Iterable[Message], allowance: Allowance
) -> tuple[list[str], list[str], list[str], list[EmailMessage]]:
    """Return the names of what is attached, of what of it is not read; its texts; and messages."""
    names: list[str] = []
    unread: list[str] = []
    texts: list[str] = []
    messages: list[EmailMessage] = []
    for part in attached:
        name = one_line(part.get_filename() or "")
        names += [name] if name else []
        if part.get_content_type() == "message/rfc822":
            messages += [inner for inner in part.get_payload() if isinstance(inner, EmailMessage)]
        elif text := _text(part) if _is_plain(part, name) else "":
            texts.append(text)
        elif inner := _attached_message(part, name):
            messages.append(inner)
        else:
            text, unread_why = attached_document(part, name, allowance)
            texts += [f"{name}:\n\n{text}"] if text else []
            unread += [name + unread_why] if name and unread_why is not None else []
    return names, unread, texts, messages


def _is_plain(part: Message, name: str) -> bool:
    """Tell a text that is read as it is; tables are read as files, by row."""
    return part.get_content_maintype() == "text" and suffix_of(name) not in ("csv", "tsv")


def _attached_message(part: Message, name: str) -> EmailMessage | None:
    """Return a message that was attached like any other file."""
    message = _parsed(payload_of(part)) if suffix_of(name) == "eml" else None
    return message if _headers(message) else None


def _texts(part: Message, attached: list[Message], depth: int) -> list[str]:
    """Return the texts of a message's body, in order; what is attached goes into ``attached``."""
    kind = part.get_content_type()
    if kind == "message/rfc822" or part.get_content_disposition() == "attachment":
        attached.append(part)
        return []
    if part.get_content_maintype() == "multipart":
        part = _with_found_boundary(part)
    children = part.get_payload() if part.is_multipart() else None
    if not isinstance(children, list) or not depth:
        is_text = part.get_content_maintype() in ("text", "multipart")
        if is_text and (text := _text(part)):
            return [text]
        if part.get_filename() and not part["Content-ID"]:
            attached.append(part)
        return []
    parts = [child for child in children if isinstance(child, Message)]
    found = [(child, _texts(child, attached, depth - 1)) for child in parts]
    if kind != "multipart/alternative":
        return [text for _, texts in found for text in texts]
    said = [(_RANKS.get(child.get_content_type(), 1), texts) for child, texts in found if texts]
    return _best(sorted(said, key=lambda alternative: alternative[0]))


def _with_found_boundary(part: Message) -> Message:
    """Return a part of several parts, cut at the boundary that it has instead of the named one."""
    payload = part.get_payload()
    found = _BOUNDARY.match(payload) if isinstance(payload, str) else None
    if not found:
        return part
    head = f'Content-Type: {part.get_content_type()}; boundary="{found[1]}"\n\n'
    cut = _parsed((head + str(payload)).encode("utf-8", "surrogateescape"))
    return part if cut is None else cut


def _best(said: list[tuple[int, list[str]]]) -> list[str]:
    """Return the first of alternatives, or the second where the first only stands in for it."""
    if not said:
        return []
    first, *others = (texts for _, texts in said)
    length = sum(map(len, first))
    if others and length < _STUB and sum(map(len, others[0])) > _LONGER * max(length, _STUB / 2):
        return others[0]
    return first


def _text(part: Message) -> str:
    """Return the text of a part that is text; empty for scripts, styles and the like."""
    kind = part.get_content_subtype()
    payload: object = None
    with suppress(ValueError, LookupError):
        payload = part.get_payload(decode=True)
    if part.get_content_maintype() == "text" and kind not in _READ_TEXTS:
        return ""
    if isinstance(part.get_payload(), str) and payload is None:
        payload = str(part.get_payload()).encode("utf-8", "surrogateescape")
    if not isinstance(payload, bytes) or not payload.strip():
        return ""
    declared = part.get_content_charset()
    text = _decoded(payload, declared or (charset_of(payload) if kind == "html" else None))
    if kind != "html":
        return text.strip()
    root = parse_html(text)
    return "" if root is None else element_text(root, furniture=True)


def _decoded(payload: bytes, charset: str | None) -> str:
    if charset in _BY_NAME:
        with suppress(UnicodeError, LookupError):
            return payload.decode(codec_of(charset))
    return text_of(payload, charset)
