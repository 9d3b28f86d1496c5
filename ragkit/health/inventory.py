"""Every file of a folder beside what the index knows of it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ragkit.errors import IngestError
from ragkit.exclusions import EXCLUDED
from ragkit.ingest.folder import Entry, locate, walk
from ragkit.ingest.ignore import Reason

if TYPE_CHECKING:
    from ragkit.knowledge import KnowledgeBase
    from ragkit.store.catalog import FileDetails

__all__ = ["FileRow", "State", "inventory"]

State = Literal["indexed", "skipped", "excluded", "new", "changed", "gone"]


@dataclass(frozen=True, slots=True)
class FileRow:
    """One file. ``source`` is relative to the folder, with forward slashes.

    ``new``, ``changed`` and ``gone``: since the index was last brought up to date. ``reason`` says
    why a file was skipped. ``size`` is in bytes, ``modified`` in seconds since 1970; what is not
    known is 0 or empty. ``document_id`` is one for files with the same text. ``undecodable``
    counts characters that the file's encoding did not give, ``ocr_pages`` pages that OCR read, and
    ``seconds`` is what reading and splitting took.
    """

    source: str
    state: State
    reason: str = ""
    size: int = 0
    modified: float = 0.0
    nodes: int = 0
    characters: int = 0
    indexed_at: str = ""
    format: str = ""
    encoding: str = ""
    language: str = ""
    title: str = ""
    pages: int = 0
    empty_pages: int = 0
    undecodable: int = 0
    document_id: str = ""
    uploaded: bool = False
    ocr_pages: int = 0
    seconds: float = 0.0


def inventory(kb: KnowledgeBase, *, left_out: Counter[Reason] | None = None) -> tuple[FileRow, ...]:
    """Return one row for each file of the folder and of the index, by source.

    What is not looked at, such as hidden files, is counted in ``left_out`` by its reason.
    Costs a stat a file and one read of the index. Raises IndexMismatch and StoreError as reading
    the index does; of a folder that is gone the index's files are returned.
    """
    known = {details.state.source: details for details in kb.catalog.details()}
    uploads = kb.notes.uploads()
    excluded = kb.notes.excluded()
    own = kb.index_files()
    entries = {
        entry.source: entry
        for entry in (_walked(kb, left_out) if kb.folder.is_dir() else ())
        if str(entry.path) not in own
    }
    return tuple(
        _row(source, entries.get(source), known.get(source), source in excluded, source in uploads)
        for source in sorted(entries.keys() | known.keys())
    )


def with_own_encodings(
    rows: tuple[FileRow, ...], folder: Path, *, deadline: float
) -> tuple[FileRow, ...]:
    """Return ``rows`` with each file's own encoding, where several files have the same text.

    The index keeps one encoding a text. Looks at no further file after ``deadline``, a time of
    the monotonic clock.
    """
    owners = Counter(row.document_id for row in rows)
    return tuple(
        replace(row, encoding=_own_encoding(folder, row))
        if row.encoding and owners[row.document_id] > 1 and time.monotonic() < deadline
        else row
        for row in rows
    )


def _own_encoding(folder: Path, row: FileRow) -> str:
    from ragkit.ingest.readers.content import Limits
    from ragkit.ingest.readers.encoding import charset_of, decode
    from ragkit.ingest.readers.regular_file import read_file

    try:
        data = read_file(locate(folder, row.source), Limits())
        return decode(data, declared=charset_of(data)).encoding
    except IngestError:
        return row.encoding  # gone or changed since


def _walked(kb: KnowledgeBase, left_out: Counter[Reason] | None) -> Iterator[Entry]:
    return walk(kb.folder, hidden=kb.config.ingest.hidden, left_out=left_out)


def _row(
    source: str,
    entry: Entry | None,
    details: FileDetails | None,
    excluded: bool,
    uploaded: bool,
) -> FileRow:
    state, reason = _state(entry, details, excluded)
    size, modified = (entry.size, entry.mtime_ns / 1e9) if entry else (0, 0.0)
    if details is None:
        return FileRow(source, state, reason, size, modified, uploaded=uploaded)
    metadata = details.metadata
    return FileRow(
        source,
        state,
        reason,
        size or details.state.size,
        modified,
        details.nodes,
        details.characters,
        details.state.indexed_at if details.state.document_id else "",
        _text(metadata, "format"),
        _text(metadata, "encoding"),
        _text(metadata, "language"),
        _text(metadata, "title"),
        _number(metadata, "pages"),
        _number(metadata, "empty_pages"),
        _number(metadata, "undecodable"),
        details.state.document_id or "",
        uploaded,
        _number(metadata, "ocr_pages"),
        details.state.seconds,
    )


def _state(entry: Entry | None, details: FileDetails | None, excluded: bool) -> tuple[State, str]:
    if entry is None:
        return "gone", ""
    if excluded:
        return "excluded", EXCLUDED
    if entry.problem is not None:
        return "skipped", entry.problem
    if details is None:
        return "new", ""
    known = details.state
    # A time stamp of 0 stands for a file that was fresh when it was read.
    if known.size != entry.size or known.mtime_ns not in (0, entry.mtime_ns):
        return "changed", known.reason or ""
    return ("skipped", known.reason) if known.reason else ("indexed", "")


def counts(rows: tuple[FileRow, ...]) -> dict[State, int]:
    """Return how many files are in each state; all states are there."""
    found: dict[State, int] = dict.fromkeys(_states(), 0)
    for row in rows:
        found[row.state] += 1
    return found


def _states() -> Iterator[State]:
    yield from ("indexed", "skipped", "excluded", "new", "changed", "gone")


def _text(metadata: Mapping[str, Any], key: str) -> str:
    value = metadata.get(key)
    return value if isinstance(value, str) else ""


def _number(metadata: Mapping[str, Any], key: str) -> int:
    value = metadata.get(key)
    return value if isinstance(value, int) else 0
