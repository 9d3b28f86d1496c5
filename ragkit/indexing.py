"""Keep an index in step with its folder: read what is new, drop what is gone, embed nothing twice.

An unchanged file costs a stat. A file whose time stamp or size moved is hashed; only when its
bytes differ is it read, split and embedded. Files are read ahead of what is written
(``read_ahead.py``). Prepared documents are written in transactions that hold whole documents, so
a run that is killed loses at most the last seconds and the next run goes on from there.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import time
from collections import Counter, deque
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from itertools import islice, takewhile
from pathlib import Path
from typing import TYPE_CHECKING, cast

from ragkit.errors import IndexMismatch, IngestError, StoreError
from ragkit.exclusions import EXCLUDED
from ragkit.ingest.folder import Entry, walk
from ragkit.ingest.ignore import Reason
from ragkit.ingest.reading import Means, Reading
from ragkit.ingest.workers import Workers
from ragkit.preparing import Draft, DraftNode, Drafts, FileToRead, Sizing
from ragkit.read_ahead import MUCH_FILES, Bounds, Read, is_much, open_workers, read_in_order
from ragkit.store.bulk import SEGMENT_ROWS, Inverted
from ragkit.store.catalog import FileState, put_documents, put_files
from ragkit.store.nodes import BulkNode, delete_rows, fix_dimension, insert_rows
from ragkit.types import IndexReport, SkippedFile

if TYPE_CHECKING:
    from ragkit.store.sqlite import SqliteStore

__all__ = ["Bounds", "Progress", "Sizing", "own_files", "sync"]

Progress = Callable[[int, int, str], None]
"""Called with files done, files in all, and the source being worked on."""
Embed = Callable[[Sequence[str]], Sequence[Sequence[float]]]
"""Returns a vector for each text, in order."""

_SETTLED_NS = 2_000_000_000  # coarsest time stamp of a common file system (FAT)
_BATCH_SECONDS = 5.0
_BATCH_CHARACTERS = 16_000_000
_NO_VECTOR = "it gives NaN, infinity or zeros alone"
_PLAIN_TEXT = "text"  # of which any embedder makes a vector, unless it is broken
_EMBEDDED_NODES = 512
_EMBEDDED_SECONDS = 0.5
_EMBEDDED_AT_ONCE = 4096  # nodes of one large file
_EMBEDDING_SECONDS = 5.0  # a batch that takes longer to embed is written in smaller ones
_PLAIN_BOUNDS = Bounds()
_OCR_SHARE = 0.75  # of the time for a file; the rest is for drawing its pages


@dataclass(slots=True)
class _Tally:
    added: list[str] = field(default_factory=list)
    updated: list[str] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    skipped: list[SkippedFile] = field(default_factory=list)
    unchanged: int = 0


@dataclass(slots=True)
class _Prepared:
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
        return self.draft.nodes if self.draft else ()


def sync(
    folder: Path,
    store: SqliteStore,
    *,
    sizing: Sizing,
    detect_language: Callable[[str], str | None],
    embed: Embed | None = None,
    max_bytes: int,
    excluded: Collection[str] = (),
    reading: Reading | None = None,
    bounds: Bounds = _PLAIN_BOUNDS,
    progress: Progress | None = None,
) -> IndexReport:
    """Bring ``store`` up to date with ``folder`` and report what was done.

    The caller holds the store's indexing lock. A file that cannot be read is skipped with its
    reason, and so are the sources that people ``excluded``. ``bounds`` hold for each file that
    is not plain text; one that takes more is skipped. What was skipped, or read
    in part, is tried again once there is more to read it with. Raises IngestError when the folder
    itself cannot be read, StoreError when the index cannot be written.
    """
    began = time.monotonic()
    reading = reading or Reading()
    left_out: Counter[Reason] = Counter()
    _claim(folder, store)
    known = store.catalog.files()
    # Opening the index other than through SQLite would drop this process's locks on it.
    own = own_files(store)
    tally = _Tally()
    drafts = Drafts(sizing, store.analyzer, detect_language, max_bytes)
    attempt = _Attempt.with_bounds(reading, bounds, max_bytes)
    prepare = _Preparer(store, known, attempt, sizing if embed else None)
    todo: list[Entry] = []
    readable: set[str] = set()
    with open_workers(drafts, bounds) as workers:
        for entry in walk(folder, hidden=reading.hidden, left_out=left_out):
            if entry.place in own:
                continue
            state = known.get(entry.source)
            problem = EXCLUDED if entry.source in excluded else entry.problem
            if problem is not None:
                tally.skipped.append(SkippedFile(entry.source, problem))
                continue
            readable.add(entry.source)
            if state and _is_as_it_was(entry, state, attempt):
                _count_unchanged(tally, state)
                continue
            todo.append(entry)
            if len(todo) == MUCH_FILES:
                workers.start()  # while the rest of the folder is listed
        prepared = prepare.in_order(todo, drafts, workers, tally=tally, progress=progress)
        with contextlib.closing(prepared):
            _write_changes(store, prepared, embed, tally)
    if progress and todo:
        progress(len(todo), len(todo), "")
    _remove(store, (state for source, state in known.items() if source not in readable), tally)
    return IndexReport(
        added=tuple(tally.added),
        updated=tuple(tally.updated),
        deleted=tuple(tally.deleted),
        unchanged=tally.unchanged,
        skipped=tuple(sorted(tally.skipped, key=lambda s: s.source)),
        nodes=store.catalog.counts().nodes,
        seconds=time.monotonic() - began,
        left_out=dict(left_out.most_common()),
    )


@dataclass(frozen=True, slots=True)
class _Attempt:
    """What the files of this run are read with."""

    reading: Reading
    means: Means

    @classmethod
    def with_bounds(cls, reading: Reading, bounds: Bounds, max_bytes: int) -> _Attempt:
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
        passwords = self.reading.passwords.for_source(entry.source)
        seconds = _OCR_SHARE * self.means.seconds if self.reading.ocr else 0.0
        return FileToRead(entry.path, entry.size, passwords, seconds)


def _is_as_it_was(entry: Entry, state: FileState, attempt: _Attempt) -> bool:
    same = (state.size, state.mtime_ns) == (entry.size, entry.mtime_ns)
    return same and not attempt.may_help(state)


def own_files(store: SqliteStore) -> frozenset[str]:
    """Return the paths of the index and of what lies beside it: they are no documents."""
    return frozenset(str(path) for path in store.own_paths())


def _claim(folder: Path, store: SqliteStore) -> None:
    """Tie the index to ``folder``; one that follows another folder would lose all its files."""
    wanted, noted = str(folder.resolve()), store.folder()
    if noted == wanted:
        return
    if noted and Path(noted).is_dir():
        raise IndexMismatch(
            f"The index {store.path} follows another folder, '{noted}', not '{wanted}'. "
            "Give each folder an index of its own with --index."
        )
    store.set_folder(wanted)


def _write_changes(
    store: SqliteStore, prepared: Iterable[_Prepared], embed: Embed | None, tally: _Tally
) -> None:
    batch: list[_Prepared] = []
    lost: set[str] = set()  # documents that have no vectors
    pace = 0.0  # seconds to embed a node
    size = _BatchSize()
    try:
        for file in prepared:
            batch.append(file)
            size.add(file)
            if (embed or file.closes) and size.is_full(pace, embeds=embed is not None):
                pace = (_embed(batch, embed, lost, tally) if embed else 0.0) or pace
                _write(store, batch)
                batch, size = [], _BatchSize()
        if embed:
            _embed(batch, embed, lost, tally)
    finally:
        # Also on Ctrl-C: what is ready is kept.
        _write(store, list(takewhile(lambda p: embed is None or _is_embedded(p), batch)))


class _BatchSize:
    """How much is ready to be written."""

    def __init__(self) -> None:
        self._since = time.monotonic()
        self._nodes = self._characters = 0

    def add(self, file: _Prepared) -> None:
        """Count a file's nodes."""
        self._nodes += len(file.nodes)
        self._characters += file.draft.characters if file.draft else 0

    def is_full(self, pace: float, *, embeds: bool) -> bool:
        """Return whether to write. Rows of a large segment are written once (``segments.py``)."""
        waited = time.monotonic() - self._since
        if embeds:
            by_pace = self._nodes * pace > _EMBEDDING_SECONDS
            return self._nodes >= _EMBEDDED_NODES or by_pace or waited > _EMBEDDED_SECONDS
        return (
            self._nodes >= SEGMENT_ROWS
            or waited > _BATCH_SECONDS
            or self._characters > _BATCH_CHARACTERS
        )


def _embed(batch: Sequence[_Prepared], embed: Embed, lost: set[str], tally: _Tally) -> float:
    """Set the vectors of a batch's nodes; return the seconds a node took, 0 without nodes.

    Short texts of one file and long ones of another would be padded to each other: together, the
    embedder can sort them by length. A file of which a node has no vector is skipped, and its
    document is added to ``lost``.
    """
    from ragkit.store.quantize import pack_sound_vectors

    began = time.monotonic()
    texts = [node.text for prepared in batch for node in prepared.nodes]
    packed: list[bytes | None] = []
    dimension: int | None = None
    for start in range(0, len(texts), _EMBEDDED_AT_ONCE):
        found, dimension = pack_sound_vectors(embed(texts[start : start + _EMBEDDED_AT_ONCE]))
        packed += found
    if texts and not any(packed) and pack_sound_vectors(embed([_PLAIN_TEXT]))[0] == [None]:
        raise StoreError(
            f"The embedder makes no vector of any text: {_NO_VECTOR}. Repair or change it, and "
            "index again."
        )
    left = iter(packed)
    for prepared in batch:
        vectors = list(islice(left, len(prepared.nodes)))
        if prepared.draft and None in vectors:
            lost.add(prepared.draft.document_id)
        # The same text may have come before, under another name.
        if prepared.state.document_id in lost:
            _skip_unembedded(prepared, tally)
        else:
            prepared.vectors = cast("list[bytes]", vectors)
            prepared.dimension = dimension
    return (time.monotonic() - began) / len(texts) if texts else 0.0


def _skip_unembedded(prepared: _Prepared, tally: _Tally) -> None:
    """Make a file that was counted as read one that is skipped."""
    source = prepared.state.source
    reason = f"The embedder made no vector of a part of it: {_NO_VECTOR}."
    prepared.state = prepared.state._replace(document_id=None, reason=reason)
    prepared.draft = None
    if source in tally.updated:
        tally.updated.remove(source)
        tally.deleted.append(source)
    else:
        tally.added.remove(source)
    tally.skipped.append(SkippedFile(source, reason))


def _is_embedded(prepared: _Prepared) -> bool:
    return not prepared.nodes or prepared.vectors is not None


def _write(store: SqliteStore, batch: Sequence[_Prepared]) -> None:
    if not batch:
        return
    with store.transaction() as snapshot:
        drafts = [prepared.draft for prepared in batch if prepared.draft]
        if drafts:
            wanted = json.dumps([draft.document_id for draft in drafts])
            delete_rows(snapshot, "n.document_id IN (SELECT value FROM json_each(?))", (wanted,))
            put_documents(
                snapshot, [(d.document_id, d.characters, d.metadata, d.packed) for d in drafts]
            )
            for dimension in {p.dimension for p in batch if p.vectors and p.dimension}:
                fix_dimension(snapshot, dimension)
            insert_rows(snapshot, list(_rows(batch)), _terms(batch))
        # What a file held before may turn up under another name later in the run.
        put_files(snapshot, [prepared.state for prepared in batch])


def _rows(batch: Sequence[_Prepared]) -> Iterator[BulkNode]:
    for prepared in batch:
        if prepared.draft:
            owner = prepared.draft.document_id
            vectors: Sequence[bytes | None] = prepared.vectors or [None] * len(prepared.nodes)
            for node, vector in zip(prepared.nodes, vectors, strict=True):
                # The rest of its LlamaIndex form follows from these.
                yield BulkNode(
                    node.node_id, owner, node.start, node.metadata, node.text, "", vector
                )


def _terms(batch: Sequence[_Prepared]) -> Iterator[tuple[Inverted, list[bool]]]:
    """Yield the terms of the batch's nodes, with whether each of their rows is one of these."""
    found: dict[int, tuple[tuple[Inverted, ...], list[bool]]] = {}
    for prepared in batch:
        terms, number = prepared.terms, len(prepared.nodes)
        if terms and number:
            if id(terms) not in found:
                found[id(terms)] = terms, [False] * sum(len(part.lengths) for part in terms)
            _, wanted = found[id(terms)]
            wanted[prepared.first : prepared.first + number] = [True] * number
    for terms, wanted in found.values():
        at = 0
        for part in terms:
            yield part, wanted[at : at + len(part.lengths)]
            at += len(part.lengths)


def _remove(store: SqliteStore, states: Iterable[FileState], tally: _Tally) -> None:
    """Forget files that are gone, then every text that no file has any more."""
    gone = list(states)
    if gone:
        with store.transaction():
            for state in gone:
                store.catalog.remove_file(state.source)
                if state.document_id is not None:
                    tally.deleted.append(state.source)
    store.catalog.drop_unused_documents()


def _count_unchanged(tally: _Tally, state: FileState) -> None:
    if state.reason is None:
        tally.unchanged += 1
    else:
        tally.skipped.append(SkippedFile(state.source, state.reason))


class _Preparer:
    """Turns a changed entry into what is to be written, reusing whatever is already stored."""

    def __init__(
        self,
        store: SqliteStore,
        known: Mapping[str, FileState],
        attempt: _Attempt,
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
        drafts: Drafts,
        workers: Workers,
        *,
        tally: _Tally,
        progress: Progress | None,
    ) -> Generator[_Prepared, None, None]:
        """Yield what to write for each entry, and count it. Closing it stops the reading."""
        looked: deque[str | _Prepared | None] = deque()  # what is known without reading

        def files() -> Iterator[FileToRead | None]:
            for entry in entries:
                seen = self._look(entry)
                looked.append(seen)
                yield None if isinstance(seen, _Prepared) else self._attempt.to_read(entry)

        much = is_much(entry.size for entry in entries)
        reads = read_in_order(files(), drafts, workers, much=much, number=len(entries))
        with contextlib.closing(reads):
            for done, entry in enumerate(entries):
                if progress:
                    progress(done, len(entries), entry.source)
                read = next(reads)
                seen = looked.popleft()
                if isinstance(seen, _Prepared):
                    yield self._known_already(entry, seen, tally)
                else:
                    assert read is not None
                    yield self._prepared(entry, seen, read, tally)

    def _look(self, entry: Entry) -> str | _Prepared | None:
        """Return what to write if that is clear without reading, else the hash if it was taken."""
        if entry.size not in self._sizes:
            return None  # no file with these bytes was ever seen
        old = self._known.get(entry.source)
        try:
            sha256 = _hash(entry.path, self._max_bytes)
        except IngestError as error:
            return _Prepared(_unreadable(_state(entry, "", reason=str(error))))
        if old and old.sha256 == sha256 and sha256 and not self._attempt.may_help(old):
            return _Prepared(old._replace(size=entry.size, mtime_ns=_settled(entry)))
        twin = self._by_bytes.get((sha256, Path(entry.source).suffix.lower()))
        if twin is None:
            return sha256
        same = _state(entry, sha256, twin.document_id, seconds=twin.seconds, tried=twin.tried)
        return _Prepared(same)

    def _known_already(self, entry: Entry, prepared: _Prepared, tally: _Tally) -> _Prepared:
        old = self._known.get(entry.source)
        state = prepared.state
        if old and (old.sha256, old.document_id, old.reason) == (
            state.sha256,
            state.document_id,
            state.reason,
        ):
            _count_unchanged(tally, old)
            return prepared
        if state.document_id is None:
            return self._skipped(state, old, tally)
        self._count(entry, old, tally)
        return prepared

    def _prepared(self, entry: Entry, sha256: str | None, read: Read, tally: _Tally) -> _Prepared:
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
            return _Prepared(state, closes=read.is_last)
        self._stored.add(draft.document_id)
        return _Prepared(state, draft, read.terms, read.first, closes=read.is_last)

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

    def _skipped(self, state: FileState, old: FileState | None, tally: _Tally) -> _Prepared:
        tally.skipped.append(SkippedFile(state.source, str(state.reason)))
        if old is not None and old.document_id is not None:
            tally.deleted.append(state.source)
        return _Prepared(state)

    @staticmethod
    def _count(entry: Entry, old: FileState | None, tally: _Tally) -> None:
        known_before = old is not None and old.document_id is not None
        (tally.updated if known_before else tally.added).append(entry.source)


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
    return FileState(
        source=entry.source,
        size=entry.size,
        mtime_ns=_settled(entry),
        sha256=sha256,
        document_id=document_id,
        reason=reason,
        indexed_at=datetime.now(UTC).isoformat(timespec="seconds"),
        seconds=seconds,
        tried=tried,
    )


def _settled(entry: Entry) -> int:
    """Return the time stamp to remember: 0, which never matches, while the file is still fresh.

    A write within the time stamp's granularity after our read would otherwise go unseen.
    """
    return entry.mtime_ns if time.time_ns() - entry.mtime_ns > _SETTLED_NS else 0
