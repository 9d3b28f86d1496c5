"""E-mail messages (.eml): subject, who, when, the text, and the names of attachments."""

from __future__ import annotations

from contextlib import suppress
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from email.utils import parsedate_to_datetime

from ragkit.errors import IngestError
from ragkit.ingest.readers.content import Content, Metadata, one_line
from ragkit.ingest.readers.encoding import decode
from ragkit.ingest.readers.html import element_text, parse_html

__all__ = ["read_mail"]

_SHOWN = ("From", "To", "Cc", "Date", "Subject")
# Old encodings of seven bits, which nothing but their name tells from ASCII.
_SEVEN_BITS = ("utf-7", "unicode-1-1-utf-7", "hz", "hz-gb-2312")


def read_mail(data: bytes) -> Content:
    """Return a message; of its alternatives the plain text, or else the HTML as text."""
    message = BytesParser(policy=policy.default).parsebytes(data)
    if not isinstance(message, EmailMessage) or not any(message.get(name) for name in _SHOWN):
        raise IngestError("Damaged e-mail: it has no headers.")
    headers = {name: one_line(message[name]) for name in _SHOWN if message[name]}
    lines = [f"{name}: {value}" for name, value in headers.items()]
    blocks = ["\n".join(lines), _body(message)]
    names = [one_line(part.get_filename() or "") for part in message.iter_attachments()]
    if any(names):
        blocks.append("Attachments: " + ", ".join(filter(None, names)))
    metadata: Metadata = {"markup": "text"}
    if "Subject" in headers:
        metadata["title"] = headers["Subject"][:500]
    if "From" in headers:
        metadata["author"] = headers["From"][:500]
    if "Date" in headers:
        with suppress(ValueError):  # a date that is none is no reason to lose the message
            metadata["date"] = parsedate_to_datetime(headers["Date"]).date().isoformat()
    return Content.of("\n\n".join(filter(None, blocks)), metadata)


def _body(message: EmailMessage) -> str:
    part = message.get_body(preferencelist=("plain", "html"))
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


def _decoded(payload: bytes, charset: str | None) -> str:
    if charset in _SEVEN_BITS:
        with suppress(UnicodeError, LookupError):
            return payload.decode(charset)
    return decode(payload, declared=charset).text
