"""What is to be written of each file that changed, and what is known of it without reading it.

A file whose bytes differ from those known is read, in ``read_ahead.py``; one that has the bytes of
another, or its own of the last time, is not.
"""

from __future__ import annotations

import contextlib
import hashlib
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from ragkit.errors import IngestError
from ragkit.ingest.folder import Entry
from ragkit.ingest.reading import Means, Reading
from ragkit.preparing import Draft, DraftNode, FileToRead, Sizing
from ragkit.read_ahead import Bounds, Read, ReadAhead, is_much
from ragkit.store.catalog import FileState
from ragkit.store.terms import Inverted
from ragkit.types import SkippedFile

if TYPE_CHECKING:
    from ragkit.store.sqlite import SqliteStore

__all__ = ["Attempt", "Change", "ChangedFiles", "Progress", "Tally", "count_unchanged"]

Progress = Callable[[int, int, str], None]
"""Called with files done, files in all, and the source being worked on."""

_SETTLED_NS = 2_000_000_000  # coarsest time stamp of a common file system (FAT)
_OCR_SHARE = 0.75  # of the time for a file; the rest is for drawing its pages


@dataclass(slots=True)
class Tally:
    """What a run did, by the names of files."""

    added: list[str] = field(default_factory=list)
    updated: list[str] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    skipped: list[SkippedFile] = field(default_factory=list)
    unchanged: int = 0


@dataclass(slots=True)
class Change:
    """One file, ready to be written; ``draft`` is None when its document is already stored.

    The terms of its nodes are those from row ``first`` of ``terms``, which it may share with files
    after it unless it ``closes`` a group; ``vectors`` are as stored.
    """

    state: FileState
    draft: Draft | None = None
    terms: tuple[Inverted, ...] | None = None
    first: int = 0
    vectors: list[bytes] | None = None
    dimension: int | None = None
    closes: bool = True

    @property
    def nodes(self) -> tuple[DraftNode, ...]:
        """The nodes to write, in their order."""
        return self.draft.nodes if self.draft else ()


@dataclass(frozen=True, slots=True)
class Attempt:
    """What the files of this run are read with."""

    reading: Reading
    means: Means

    @classmethod
    def with_bounds(cls, reading: Reading, bounds: Bounds, max_bytes: int) -> Attempt:
        """Return what there is to read with; a file takes no more than ``bounds``."""
        seconds, memory_mb = bounds
        means = reading.means(seconds=seconds, memory_mb=memory_mb, max_bytes=max_bytes)
        return cls(reading, means)

    def at(self, source: str) -> Means:
        """Return what there is to read the file ``source`` with."""
        return self.means._replace(passwords=self.reading.passwords_for(source))

    def may_help(self, state: FileState) -> bool:
        """Return whether more may come out of a file than the last time."""
        return bool(state.tried) and self.at(state.source).exceed(state.tried)

    def to_read(self, entry: Entry) -> FileToRead:
        """Return what a reader needs to know of a file."""
        known = self.reading.passwords
        passwords = known.for_source(entry.source) if known.rules else ()
        seconds = _OCR_SHARE * self.means.seconds if self.reading.ocr else 0.0
        return FileToRead(entry.path, entry.size, passwords, seconds)


class ChangedFiles:
    """Turns a changed entry into what is to be written, reusing whatever is already stored."""

    def __init__(
        self,
        store: SqliteStore,
        known: Mapping[str, FileState],
        attempt: Attempt,
        sizing: Sizing | None,
    ) -> None:
        self._attempt = attempt
        self._known = known
        self._sizing = sizing  # of the embedder, if there is one
        self._max_bytes = attempt.means.max_bytes
        self._sizes = {state.size for state in known.values()}
        self._stored = store.catalog.document_ids()

    @cached_property
    def _by_bytes(self) -> dict[tuple[str, str], FileState]:
        """What is known of files by their bytes and suffix; an unchanged folder asks for none."""
        return {
            (state.sha256, Path(source).suffix.lower()): state
            for source, state in self._known.items()
            if state.document_id is not None and not self._attempt.may_help(state)
        }

    def in_order(
        self,
        entries: Sequence[Entry],
        reader: ReadAhead,
        *,
        tally: Tally,
        progress: Progress | None,
    ) -> Generator[Change, None, None]:
        """Yield what to write for each entry, and count it. Closing it stops the reading."""
        looked: deque[str | Change | None] = deque()  # what is known without reading

        def files() -> Iterator[FileToRead | None]:
            for entry in entries:
                seen = self._look(entry)
                looked.append(seen)
                yield None if isinstance(seen, Change) else self._attempt.to_read(entry)

        much = is_much(entry.size for entry in entries)
        reads = reader.in_order(files(), much=much, number=len(entries))
        with contextlib.closing(reads):
            for done, entry in enumerate(entries):
                if progress:
                    progress(done, len(entries), entry.source)
                read = next(reads)
                seen = looked.popleft()
                if isinstance(seen, Change):
                    yield self._known_already(entry, seen, tally)
                else:
                    assert read is not None
                    yield self._prepared(entry, seen, read, tally)

    def _look(self, entry: Entry) -> str | Change | None:
        """Return what to write if that is clear without reading, else the hash if it was taken."""
        if entry.size not in self._sizes:
            return None  # no file with these bytes was ever seen
        old = self._known.get(entry.source)
        try:
            sha256 = _hash(entry.path, self._max_bytes)
        except IngestError as error:
            return Change(_unreadable(_state(entry, "", reason=str(error))))
        if old and old.sha256 == sha256 and sha256 and not self._attempt.may_help(old):
            return Change(old._replace(size=entry.size, mtime_ns=_settled(entry, time.time_ns())))
        twin = self._by_bytes.get((sha256, Path(entry.source).suffix.lower()))
        if twin is None:
            return sha256
        same = _state(entry, sha256, twin.document_id, seconds=twin.seconds, tried=twin.tried)
        return Change(same)

    def _known_already(self, entry: Entry, prepared: Change, tally: Tally) -> Change:
        old = self._known.get(entry.source)
        state = prepared.state
        if old and (old.sha256, old.document_id, old.reason) == (
            state.sha256,
            state.document_id,
            state.reason,
        ):
            count_unchanged(tally, old)
            return prepared
        if state.document_id is None:
            return self._skipped(state, old, tally)
        self._count(entry, old, tally)
        return prepared

    def _prepared(self, entry: Entry, sha256: str | None, read: Read, tally: Tally) -> Change:
        old = self._known.get(entry.source)
        draft = read.draft
        if not isinstance(draft, str) and self._sizing:
            draft = _unread_end(draft, self._sizing) or draft
        if isinstance(draft, str):
            skipped = self._unread(entry, sha256, draft)
            done = self._skipped(skipped._replace(seconds=read.seconds), old, tally)
            done.closes = read.is_last
            return done
        self._count(entry, old, tally)
        tried = self._tried(entry) if draft.unread_pages else ""
        state = _state(entry, draft.sha256, draft.document_id, seconds=read.seconds, tried=tried)
        if draft.document_id in self._stored:
            return Change(state, closes=read.is_last)
        self._stored.add(draft.document_id)
        return Change(state, draft, read.terms, read.first, closes=read.is_last)

    def _tried(self, entry: Entry) -> str:
        return self._attempt.at(entry.source).to_text()

    def _unread(self, entry: Entry, sha256: str | None, reason: str) -> FileState:
        """Return the state of a file that gave no text, so that it is not tried again in vain."""
        state = _state(entry, sha256 or "", reason=reason)
        if sha256 is None:
            try:
                state = state._replace(sha256=_hash(entry.path, self._max_bytes))
            except IngestError:
                return _unreadable(state)
        return state._replace(tried=self._tried(entry))

    def _skipped(self, state: FileState, old: FileState | None, tally: Tally) -> Change:
        tally.skipped.append(SkippedFile(state.source, str(state.reason)))
        if old is not None and old.document_id is not None:
            tally.deleted.append(state.source)
        return Change(state)

    @staticmethod
    def _count(entry: Entry, old: FileState | None, tally: Tally) -> None:
        known_before = old is not None and old.document_id is not None
        (tally.updated if known_before else tally.added).append(entry.source)


def count_unchanged(tally: Tally, state: FileState) -> None:
    """Count a file that is as it was, or is skipped for the reason that it was skipped for."""
    if state.reason is None:
        tally.unchanged += 1
    else:
        tally.skipped.append(SkippedFile(state.source, state.reason))


def _unread_end(draft: Draft, sizing: Sizing) -> str:
    """Return, in words, of which node the embedder would drop the end; empty where of none.

    The splitter sees to it, but for single characters that are more tokens than a node may have.
    """
    for node in draft.nodes:
        tokens = sizing.count_tokens(node.text)
        if tokens > sizing.chunk_size:
            return (
                f"a piece of it has {tokens} tokens and the embedder reads {sizing.chunk_size}: "
                f"'{node.text[:40]}'"
            )
    return ""


def _hash(path: Path, max_bytes: int) -> str:
    try:
        with path.open("rb") as file:
            if path.stat().st_size > max_bytes:
                return ""  # extract() refuses it in words
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise IngestError(f"cannot be read: {error.strerror or error}") from None


def _unreadable(state: FileState) -> FileState:
    """Return it with a time stamp that matches no file: permissions change without a trace."""
    return state._replace(mtime_ns=0)


def _state(
    entry: Entry,
    sha256: str,
    document_id: str | None = None,
    reason: str | None = None,
    *,
    seconds: float = 0.0,
    tried: str = "",
) -> FileState:
    now = time.time_ns()
    return FileState(
        source=entry.source,
        size=entry.size,
        mtime_ns=_settled(entry, now),
        sha256=sha256,
        document_id=document_id,
        reason=reason,
        indexed_at=_iso(now // 1_000_000_000),
        seconds=seconds,
        tried=tried,
    )


@lru_cache(maxsize=1)
def _iso(seconds: int) -> str:
    """Return a time since 1970 as ISO 8601 in UTC; many files are read within a second."""
    return datetime.fromtimestamp(seconds, UTC).isoformat()


def _settled(entry: Entry, now: int) -> int:
    """Return the time stamp to remember: 0, which never matches, while the file is still fresh.

    A write within the time stamp's granularity after our read would otherwise go unseen.
    """
    return entry.mtime_ns if now - entry.mtime_ns > _SETTLED_NS else 0
