"""Headers of e-mail as people read them, from messages that break the rules as well.

Encoded words (RFC 2047) whose characters are cut in two, or are in a superset of the character set
that they name; headers in eight bits without any encoding; spaces before the colon (RFC 822), and
lines that are no headers at all between those that are.
"""

from __future__ import annotations

import binascii
import quopri
import re
from collections.abc import Iterator
from email.message import EmailMessage

from ragkit.errors import IngestError
from ragkit.ingest.readers.content import one_line
from ragkit.ingest.readers.encoding import codec_of, decode

__all__ = ["mended", "shown_headers", "text_of"]

_SHOWN = ("From", "To", "Cc", "Date", "Subject")
_NAMES = {name.lower(): name for name in _SHOWN}
_LONGEST = 10_000
_WORD = re.compile(r"=\?([^?*\s]{1,40})(?:\*[^?\s]{0,20})?\?([bBqQ])\?([^?\s]*)\?=")
_FIELD = re.compile(rb"[!-9;-~]+[ \t]*:")
_SPACED = re.compile(rb"^([!-9;-~]+)[ \t]+:", re.M)
_LINE_END = re.compile(rb"\r?\n")


def mended(data: bytes) -> bytes:
    """Return a message with a head that Python's parser takes: without a byte order mark, empty
    lines before it, spaces before colons and lines that are no headers.
    """
    data = data.removeprefix(b"\xef\xbb\xbf").lstrip(b"\r\n")
    end = re.search(rb"\r?\n\r?\n", data)
    head = data[: end.start() if end else len(data)]
    lines = _LINE_END.split(head)
    kept = [
        line
        for at, line in enumerate(lines)
        if _FIELD.match(line) or line[:1] in (b" ", b"\t") or (not at and line[:5] == b"From ")
    ]
    if 2 * len(kept) <= len(lines):
        return data
    return _SPACED.sub(rb"\1:", b"\r\n".join(kept)) + data[len(head) :]


def shown_headers(message: EmailMessage) -> dict[str, str]:
    """Return the headers that people read, in their order; of a very long one, the beginning.

    Not through Python's own, which takes quadratic time for an endless subject and decodes each
    encoded word alone and strictly.
    """
    raw: dict[str, bytes] = {}
    for name, value in message.raw_items():
        shown = _NAMES.get(name.lower())
        if shown and shown not in raw:
            coded = str(value)[:_LONGEST].encode("utf-8", "surrogateescape")
            raw[shown] = b" ".join(_LINE_END.split(coded))
    # All at once, since the encoding of one name alone can hardly be told.
    lines = _text(b"\n".join(raw.values()), message.get_content_charset()).split("\n")
    found = dict(zip(raw, (one_line(_decoded(line)) for line in lines), strict=False))
    return {name: found[name] for name in _SHOWN if found.get(name)}


def _text(data: bytes, charset: str | None) -> str:
    return data.decode("ascii") if data.isascii() else text_of(data, charset)


def text_of(data: bytes, charset: str | None) -> str:
    """Return the text of a part or header that declares ``charset``, wrongly perhaps.

    What no encoding fits does not cost the rest of the message.
    """
    try:
        return decode(data, declared=charset).text
    except IngestError:
        return data.decode("utf-8", "replace")


def _decoded(line: str) -> str:
    """Return a header with its encoded words read, neighbours in one encoding as one."""
    if "=?" not in line:
        return line
    parts: list[str] = []
    charset, coded = "", b""
    for before, name, data in _pieces(line):
        joins = not before.strip() and name and coded
        if coded and not (joins and name == charset):
            parts.append(_word(coded, charset))
            coded = b""
        parts.append("" if joins else before)
        charset, coded = name, coded + data
    return "".join(parts)


def _pieces(line: str) -> Iterator[tuple[str, str, bytes]]:
    """Yield the text before each encoded word, its character set and its bytes; at last no word."""
    at = 0
    for found in _WORD.finditer(line):
        name, kind, data = found.groups()
        yield line[at : found.start()], name.lower(), _bytes(data, kind.lower())
        at = found.end()
    yield line[at:], "", b""


def _bytes(data: str, kind: str) -> bytes:
    raw = data.encode("utf-8", "surrogatepass")
    if kind == "q":
        return quopri.decodestring(raw, header=True)
    try:
        return binascii.a2b_base64(raw + b"==")
    except binascii.Error:
        return b""


def _word(data: bytes, charset: str) -> str:
    try:
        name = codec_of(charset)
        return data.decode(name) if name else _text(data, None)
    except (UnicodeError, LookupError, TypeError):
        return _text(data, charset)
