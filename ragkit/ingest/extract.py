"""One file in, its whole text with parts and metadata out.

``extract`` is a plain function of picklable arguments and results that loads no LlamaIndex, so that
it can run in a worker process. ``readers.reader.FileReader`` is the same as a ``BaseReader``.
"""

from __future__ import annotations

import hashlib
import re
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from ragkit.errors import IngestError
from ragkit.ingest.readers.content import Content, Limits, Metadata, clean
from ragkit.ingest.readers.formats import read_bytes
from ragkit.ingest.readers.regular_file import read_file

__all__ = ["MAX_BYTES", "Extraction", "Part", "extract"]

MAX_BYTES = 100_000_000
_BETWEEN_PARTS = "\n\n"
_LIMITS = Limits()
# What can be true of a whole file. Anything else a Document says is true of its part alone.
_OF_FILE = frozenset(
    "format encoding markup title author date url language category tags description pages "
    "empty_pages unread_pages ocr_pages undecodable sheets slides records".split()
)


class Part(NamedTuple):
    """A page, sheet, slide or record: ``extraction.text[start:end]``, in code points."""

    start: int
    end: int
    metadata: Metadata


class Extraction(NamedTuple):
    """What came out of one file.

    ``text`` is what the offsets of citations refer to. ``parts`` are in order, do not overlap,
    and hold all of ``text`` but the empty lines between them. ``metadata`` of the file:
    ``format`` and ``markup`` (markdown, rst, table or text) always; ``encoding``, ``title``,
    ``author``, ``date``, ``url``, ``language``, ``pages``, ``empty_pages``, ``ocr_pages``,
    ``unread_pages`` (images that OCR might read), ``undecodable`` (characters) where known.
    ``sha256`` is of the bytes that were read.
    """

    text: str
    parts: tuple[Part, ...]
    metadata: Metadata
    sha256: str


def extract(
    path: Path,
    *,
    max_bytes: int = MAX_BYTES,
    passwords: Sequence[str] = (),
    ocr: bool = False,
    ocr_seconds: float = _LIMITS.ocr_seconds,
) -> Extraction:
    """Return the text of the file at ``path``.

    Raises IngestError, its message the reason in words, for any file that cannot be read, is
    larger than ``max_bytes``, is not text in a format known here, or holds none. ``passwords``
    are tried on protected files; with ``ocr`` the images of scanned pages are read, while that
    takes less than ``ocr_seconds``.
    """
    limits = Limits(max_bytes=max_bytes, ocr_seconds=ocr_seconds)
    suffix = path.suffix.lower().removeprefix(".")
    try:
        data = read_file(path, limits)
        content = read_bytes(data, suffix, limits=limits, passwords=passwords, ocr=ocr)
        return _joined(content, hashlib.sha256(data).hexdigest())
    except Exception as error:
        # Broad on purpose, and only here: parsers raise anything on damaged or hostile input,
        # MemoryError and RecursionError included, and one file must never stop a folder.
        raise _reason(error) from error


# What parsers stumble into on damaged files; their messages are about Python, not about the file.
_SLIPS = (TypeError, AttributeError, LookupError, ArithmeticError, AssertionError,
          NotImplementedError, struct.error, StopIteration)  # fmt: skip
_INTERNAL = r"invalid literal|codec can't|unpack|<class |0x[0-9a-f]{5,}|expected str"


def _reason(error: BaseException) -> IngestError:
    """Return ``error`` as a reason that a person understands."""
    if isinstance(error, IngestError):
        return error
    if isinstance(error, MemoryError):
        return IngestError("Too large for the memory of this machine.")
    if isinstance(error, RecursionError):
        return IngestError("Nested too deeply to be read.")
    detail = " ".join(str(error).split())[:160].rstrip(".")
    if isinstance(error, ImportError):
        return IngestError(f"Its reader is not installed ({detail}).")
    if isinstance(error, KeyError) and "archive" in detail:
        return IngestError("Damaged file: a part of it is missing.")
    if not detail or isinstance(error, _SLIPS) or re.search(_INTERNAL, detail):
        return IngestError("Damaged file: its reader could make nothing of it.")
    return IngestError(f"Damaged file. Its reader says: {detail}.")


def _joined(content: Content, sha256: str) -> Extraction:
    """Return sections as one text, with what they all say alike as the file's metadata."""
    sections = [
        (text, _storable({**content.metadata, **section.metadata}))
        for section in content.sections
        if (text := clean(section.text).strip("\n ")) and not text.isspace()
    ]
    if not sections:
        raise IngestError("No text in it.")
    metadata = {key: value for key, value in sections[0][1].items() if key in _OF_FILE}
    for _, said in sections[1:]:
        metadata = {key: value for key, value in metadata.items() if said.get(key) == value}
    parts: list[Part] = []
    start = 0
    for text, said in sections:
        own = {key: value for key, value in said.items() if key not in metadata}
        parts.append(Part(start, start + len(text), own))
        start += len(text) + len(_BETWEEN_PARTS)
    return Extraction(
        _BETWEEN_PARTS.join(text for text, _ in sections), tuple(parts), metadata, sha256
    )


def _storable(metadata: Metadata) -> Metadata:
    """Return metadata that JSON and SQLite take, whatever a reader found in the file."""
    return {
        clean(key): clean(value) if isinstance(value, str) else _cleaned(value)
        for key, value in metadata.items()
    }


def _cleaned(value: int | list[str | int]) -> int | list[str | int]:
    if isinstance(value, int):
        return value
    return [clean(one) if isinstance(one, str) else one for one in value]
