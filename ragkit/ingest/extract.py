"""One file in, its whole text with parts and metadata out, through SimpleDirectoryReader.

``extract`` is a plain function of picklable arguments and results, so that it can run in a
worker process.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ragkit.errors import IngestError
from ragkit.ingest.readers.content import Limits

if TYPE_CHECKING:
    from llama_index.core.schema import Document

__all__ = ["MAX_BYTES", "Extraction", "Part", "extract"]

MAX_BYTES = 100_000_000
_BETWEEN_PARTS = "\n\n"
# What can be true of a whole file. Anything else a Document says is true of its part alone.
_OF_FILE = frozenset(
    "format encoding markup title author date url language category tags description pages "
    "empty_pages ocr_pages undecodable sheets slides records".split()
)
_WARNS_OF_MISSING_READERS = "llama_index.core.readers.file.base"


@dataclass(frozen=True, slots=True)
class Part:
    """A page, sheet, slide or record: ``extraction.text[start:end]``, in code points."""

    start: int
    end: int
    metadata: dict[str, str | int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Extraction:
    """What came out of one file.

    ``text`` is what the offsets of citations refer to. ``parts`` are in order, do not overlap,
    and hold all of ``text`` but the empty lines between them. ``metadata`` of the file:
    ``format`` and ``markup`` (markdown, rst, table or text) always; ``encoding``, ``title``,
    ``author``, ``date``, ``url``, ``language``, ``pages``, ``empty_pages``, ``ocr_pages``,
    ``undecodable`` (characters) where known. ``sha256`` is of the bytes that were read.
    """

    text: str
    parts: tuple[Part, ...]
    metadata: dict[str, str | int] = field(default_factory=dict)
    sha256: str = ""


def extract(
    path: Path, *, max_bytes: int = MAX_BYTES, passwords: Sequence[str] = (), ocr: bool = False
) -> Extraction:
    """Return the text of the file at ``path``.

    Raises IngestError, its message the reason in words, for any file that cannot be read, is
    larger than ``max_bytes``, is not text in a format known here, or holds none. ``passwords``
    are tried on protected files; with ``ocr`` the images of scanned pages are read.
    """
    from llama_index.core import SimpleDirectoryReader

    from ragkit.ingest.readers.reader import FileReader

    reader = FileReader(limits=replace(Limits(), max_bytes=max_bytes), passwords=passwords, ocr=ocr)
    _silence_missing_readers()
    try:
        # load_file is what SimpleDirectoryReader runs for each of its files. Called directly, it
        # skips the constructor, which refuses odd names, and the metadata function's four stats.
        documents = SimpleDirectoryReader.load_file(
            input_file=path,
            file_metadata=_no_metadata,
            file_extractor={path.suffix.lower(): reader},
            raise_on_error=True,
        )
    except Exception as error:
        # Broad on purpose, and only here: parsers raise anything on damaged or hostile input,
        # MemoryError and RecursionError included, and one file must never stop a folder.
        raise _reason(error.__cause__ or error) from error
    return _joined(documents)


def _no_metadata(_: str) -> dict[str, Any]:
    return {}


def _drop_missing_readers(record: logging.LogRecord) -> bool:
    return "llama-index-readers-file" not in record.getMessage()


def _silence_missing_readers() -> None:
    """Drop LlamaIndex's warning, once a file, that its own file readers are not installed.

    Adding a filter that is there already changes nothing.
    """
    logging.getLogger(_WARNS_OF_MISSING_READERS).addFilter(_drop_missing_readers)


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
    return IngestError(f"Damaged file. Its reader says: {detail or type(error).__name__}.")


def _joined(documents: Sequence[Document]) -> Extraction:
    """Return Documents as one text, with what they all say alike as the file's metadata."""
    metadata = _shared(documents)
    sha256 = str(documents[0].metadata.get("sha256", ""))
    parts: list[Part] = []
    start = 0
    for document in documents:
        own = {k: v for k, v in document.metadata.items() if k not in metadata and k != "sha256"}
        end = start + len(document.text)
        parts.append(Part(start, end, own))
        start = end + len(_BETWEEN_PARTS)
    text = _BETWEEN_PARTS.join(document.text for document in documents)
    return Extraction(text, tuple(parts), metadata, sha256)


def _shared(documents: Sequence[Document]) -> dict[str, str | int]:
    first = documents[0].metadata
    return {
        key: value
        for key, value in first.items()
        if key in _OF_FILE and all(d.metadata.get(key) == value for d in documents)
    }
