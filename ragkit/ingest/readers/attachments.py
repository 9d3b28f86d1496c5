"""Documents attached to messages, read as files of their own would be, but under closer bounds."""

from __future__ import annotations

from contextlib import suppress
from email.message import Message
from functools import partial

from ragkit.ingest.readers.content import Limits
from ragkit.ingest.readers.inner import Allowance, inner_text
from ragkit.ingest.readers.sniff import megabytes

__all__ = ["attached_document", "payload_of", "suffix_of"]

_DOCUMENTS = frozenset(
    "pdf docx docm pptx pptm xlsx xlsm odt ods odp epub rtf txt md rst html htm csv tsv json jsonl "
    "ipynb xml srt vtt".split()
)
# Less than for a file of its own, since what takes too long costs the whole message.
_LIMITS = Limits(max_bytes=20_000_000, max_unpacked=100_000_000, max_rows=100_000)


def attached_document(part: Message, name: str, allowance: Allowance) -> tuple[str, str | None]:
    """Return the text of the file called ``name`` and None where it was read.

    Else an empty text, and in brackets why it was not, which is empty for files of other kinds.
    Messages are not read here: how deep these stand in each other is for their own reader to
    count. ``allowance`` is that of all that is attached.
    """
    from ragkit.ingest.readers.formats import read_bytes

    suffix = suffix_of(name)
    payload = payload_of(part) if suffix in _DOCUMENTS else b""
    if not payload:
        return "", ""
    if len(payload) > _LIMITS.max_bytes:
        return "", f" (above {megabytes(_LIMITS.max_bytes)})"
    read = partial(read_bytes, suffix=suffix, limits=_LIMITS)
    text, reason = inner_text(read, payload, allowance)
    return text, f" ({reason.partition('. ')[0].rstrip('.')})" if reason else None


def suffix_of(name: str) -> str:
    """Return the ending of a file's name in small letters and without its dot."""
    return name.rpartition(".")[2].lower() if "." in name else ""


def payload_of(part: Message) -> bytes:
    """Return the bytes of a part; none where they are damaged."""
    with suppress(ValueError, LookupError):
        payload = part.get_payload(decode=True)
        return payload if isinstance(payload, bytes) else b""
    return b""
