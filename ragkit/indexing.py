"""Keep an index in step with its folder: read what is new, drop what is gone, embed nothing twice.

An unchanged file costs a stat. A file whose time stamp or size moved is hashed; only when its
bytes differ is it read, split and embedded. Prepared documents are written in short transactions
that hold whole documents, so a run that is killed loses at most the last half second and the next
run goes on from there.
"""

from __future__ import annotations

import hashlib
import json
import time
import uuid
from array import array
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING

from ragkit.errors import IndexMismatch, IngestError
from ragkit.exclusions import EXCLUDED
from ragkit.ingest.extract import Extraction, extract
from ragkit.ingest.folder import Entry, walk
from ragkit.ingest.ignore import Reason
from ragkit.ingest.reading import Reading
from ragkit.ingest.splitter import split
from ragkit.store.catalog import FileState
from ragkit.types import IndexReport, SkippedFile

if TYPE_CHECKING:
    from llama_index.core.schema import TextNode

    from ragkit.store.sqlite import SqliteStore

__all__ = ["Progress", "own_files", "sync"]

Progress = Callable[[int, int, str], None]
"""Called with files done, files in all, and the source being worked on."""
Embed = Callable[[Sequence[str]], Sequence[Sequence[float]]]
"""Returns a vector for each text, in order."""

_SETTLED_NS = 2_000_000_000  # coarsest time stamp of a common file system (FAT)
_BATCH_NODES = 512
_BATCH_SECONDS = 0.5
_EMBEDDED_AT_ONCE = 4096  # nodes of one large file
_EMBEDDING_SECONDS = 5.0  # a batch that takes longer to embed is written in smaller ones
_NAMESPACE = uuid.UUID("6f1a4f0e-6b0f-5d0e-9a52-7a0b8c1d2e3f")


@dataclass(frozen=True, slots=True)
class Sizing:
    """How text is cut into nodes: the counter of the embedder (or of ``lite``) and its limits."""

    count_tokens: Callable[[str], int]
    chunk_size: int
    chunk_overlap: int = 0


@dataclass(slots=True)
class _Tally:
    added: list[str] = field(default_factory=list)
    updated: list[str] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    skipped: list[SkippedFile] = field(default_factory=list)
    unchanged: int = 0


@dataclass(frozen=True, slots=True)
class _Prepared:
    """One file, ready to be written; ``text`` is None when its document is already stored."""

    state: FileState
    text: str | None = None
    metadata: Mapping[str, str | int] = field(default_factory=dict)
    nodes: Sequence[TextNode] = ()


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
    progress: Progress | None = None,
) -> IndexReport:
    """Bring ``store`` up to date with ``folder`` and report what was done.

    The caller holds the store's indexing lock. A file that cannot be read is skipped with its
    reason, and so are the sources that people ``excluded``. Raises IngestError when the folder
    itself cannot be read, StoreError when the index cannot be written.
    """
    began = time.monotonic()
    reading = reading or Reading()
    left_out: Counter[Reason] = Counter()
    _claim(folder, store)
    known = store.catalog.files()
    # Opening the index other than through SQLite would drop this process's locks on it.
    own = own_files(store)
    entries = [
        replace(entry, problem=EXCLUDED) if entry.source in excluded else entry
        for entry in walk(folder, hidden=reading.hidden, left_out=left_out)
        if str(entry.path) not in own
    ]
    tally = _Tally()
    prepare = _Preparer(
        store, known, sizing, detect_language, embed is not None, max_bytes, reading
    )
    todo: list[Entry] = []
    for entry in entries:
        state = known.get(entry.source)
        if entry.problem is not None:
            tally.skipped.append(SkippedFile(entry.source, entry.problem))
        elif state and _is_as_it_was(entry, state, reading):
            _count_unchanged(tally, state)
        else:
            todo.append(entry)
    _write_changes(store, _with_progress(todo, progress), prepare, embed, tally)
    if progress and todo:
        progress(len(todo), len(todo), "")
    readable = {entry.source for entry in entries if entry.problem is None}
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


def _is_as_it_was(entry: Entry, state: FileState, reading: Reading) -> bool:
    return (state.size, state.mtime_ns) == (entry.size, entry.mtime_ns) and not _may_help(
        state, reading
    )


def _may_help(state: FileState, reading: Reading) -> bool:
    """Return whether a file that could not be read may be now, with a password or OCR."""
    return bool(state.reason) and reading.may_help(
        state.source, str(state.reason), state.indexed_at
    )


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
    store: SqliteStore,
    todo: Iterable[Entry],
    prepare: _Preparer,
    embed: Embed | None,
    tally: _Tally,
) -> None:
    batch: list[_Prepared] = []
    nodes, since, pace = 0, time.monotonic(), 0.0  # pace: seconds to embed a node
    try:
        for entry in todo:
            prepared = prepare(entry, tally)
            batch.append(prepared)
            nodes += len(prepared.nodes)
            full = nodes >= _BATCH_NODES or nodes * pace > _EMBEDDING_SECONDS
            if full or time.monotonic() - since > _BATCH_SECONDS:
                pace = (_embed(batch, embed) if embed else 0.0) or pace
                _write(store, batch)
                batch, nodes, since = [], 0, time.monotonic()
        if embed:
            _embed(batch, embed)
    finally:
        # Also on Ctrl-C: what is ready is kept.
        _write(store, list(takewhile(lambda p: embed is None or _is_embedded(p), batch)))


def _embed(batch: Sequence[_Prepared], embed: Embed) -> float:
    """Set the vectors of a batch's nodes; return the seconds a node took, 0 without nodes.

    Short texts of one file and long ones of another would be padded to each other: together, the
    embedder can sort them by length.
    """
    from llama_index.core.schema import MetadataMode

    began = time.monotonic()
    nodes = [node for prepared in batch for node in prepared.nodes]
    for start in range(0, len(nodes), _EMBEDDED_AT_ONCE):
        part = nodes[start : start + _EMBEDDED_AT_ONCE]
        vectors = embed([node.get_content(MetadataMode.EMBED) for node in part])
        for node, vector in zip(part, vectors, strict=True):
            # A list of a large file's numbers would take eight times the memory.
            node.embedding = array("f", vector)  # type: ignore[assignment]
    return (time.monotonic() - began) / len(nodes) if nodes else 0.0


def _is_embedded(prepared: _Prepared) -> bool:
    return all(node.embedding is not None for node in prepared.nodes)


def _write(store: SqliteStore, batch: Sequence[_Prepared]) -> None:
    if not batch:
        return
    with store.transaction():
        for prepared in batch:
            document_id = prepared.state.document_id
            if prepared.text is not None and document_id is not None:
                store.catalog.put_document(document_id, prepared.text, prepared.metadata)
                store.vector_store.add(list(prepared.nodes))
            # What this file held before may turn up under another name later in the run.
            store.catalog.put_file(prepared.state, keep_unused=True)


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


def _with_progress(entries: Sequence[Entry], progress: Progress | None) -> Iterator[Entry]:
    for done, entry in enumerate(entries):
        if progress:
            progress(done, len(entries), entry.source)
        yield entry


class _Preparer:
    """Turns a changed entry into what is to be written, reusing whatever is already stored."""

    def __init__(
        self,
        store: SqliteStore,
        known: Mapping[str, FileState],
        sizing: Sizing,
        detect_language: Callable[[str], str | None],
        embeds: bool,
        max_bytes: int,
        reading: Reading,
    ) -> None:
        self._store = store
        self._reading = reading
        self._known = known
        self._sizing = sizing
        self._detect_language = detect_language
        self._embeds = embeds
        self._max_bytes = max_bytes
        self._by_bytes = {
            (state.sha256, Path(source).suffix.lower()): state.document_id
            for source, state in known.items()
            if state.document_id is not None
        }
        self._prepared_ids: set[str] = set()

    def __call__(self, entry: Entry, tally: _Tally) -> _Prepared:
        """Return what to write for ``entry`` and count it."""
        old = self._known.get(entry.source)
        try:
            sha256 = _hash(entry.path, self._max_bytes)
        except IngestError as error:
            return self._skipped(entry, "", str(error), old, tally)
        if old and old.sha256 == sha256 and sha256 and not _may_help(old, self._reading):
            _count_unchanged(tally, old)
            return _Prepared(replace(old, size=entry.size, mtime_ns=_settled(entry)))
        twin = self._by_bytes.get((sha256, Path(entry.source).suffix.lower()))
        if twin is not None:
            self._count(entry, old, tally)
            return _Prepared(_state(entry, sha256, twin))
        try:
            extraction = extract(
                entry.path,
                max_bytes=self._max_bytes,
                passwords=self._reading.passwords.for_source(entry.source),
                ocr=self._reading.ocr,
            )
            prepared = self._prepare(entry, extraction.sha256 or sha256, extraction)
        except IngestError as error:
            return self._skipped(entry, sha256, str(error), old, tally)
        sha256 = extraction.sha256 or sha256  # the file may have changed since it was hashed
        if prepared.text is not None and not prepared.nodes:
            return self._skipped(entry, sha256, "no text in it", old, tally)
        self._count(entry, old, tally)
        document_id = prepared.state.document_id
        assert document_id is not None
        self._prepared_ids.add(document_id)
        self._by_bytes[sha256, Path(entry.source).suffix.lower()] = document_id
        return prepared

    def _prepare(self, entry: Entry, sha256: str, extraction: Extraction) -> _Prepared:
        document_id = _document_id(extraction)
        state = _state(entry, sha256, document_id)
        if document_id in self._prepared_ids or self._store.catalog.has_document(document_id):
            return _Prepared(state)
        metadata = dict(extraction.metadata)
        if "language" not in metadata:
            language = self._detect_language(extraction.text[:20_000])
            if language:
                metadata["language"] = language
            if "records" in metadata:
                extraction = _with_languages(extraction, self._detect_language)
        nodes = build_nodes(document_id, extraction, metadata, self._sizing)
        if self._embeds:
            _check_read_whole(nodes, self._sizing)
        return _Prepared(state, extraction.text, metadata, nodes)

    def _skipped(
        self, entry: Entry, sha256: str, reason: str, old: FileState | None, tally: _Tally
    ) -> _Prepared:
        tally.skipped.append(SkippedFile(entry.source, reason))
        if old is not None and old.document_id is not None:
            tally.deleted.append(entry.source)
        return _Prepared(_state(entry, sha256, None, reason))

    @staticmethod
    def _count(entry: Entry, old: FileState | None, tally: _Tally) -> None:
        known_before = old is not None and old.document_id is not None
        (tally.updated if known_before else tally.added).append(entry.source)


def _check_read_whole(nodes: Sequence[TextNode], sizing: Sizing) -> None:
    """Raise IngestError for a node of which the embedder would drop the end.

    The splitter sees to it, but for single characters that are more tokens than a node may have.
    """
    for node in nodes:
        tokens = sizing.count_tokens(node.text)
        if tokens > sizing.chunk_size:
            raise IngestError(
                f"a piece of it has {tokens} tokens and the embedder reads {sizing.chunk_size}: "
                f"'{node.text[:40]}'"
            )


def build_nodes(
    document_id: str,
    extraction: Extraction,
    metadata: Mapping[str, str | int],
    sizing: Sizing,
) -> list[TextNode]:
    """Split an extraction into nodes with exact offsets into ``extraction.text``.

    Nodes never cross a part (a page, a sheet, a record). Their ids follow from the document's id
    and their place, so writing the same document again changes nothing.
    """
    from llama_index.core.schema import NodeRelationship, RelatedNodeInfo, TextNode

    owner = RelatedNodeInfo(node_id=document_id)
    nodes: list[TextNode] = []
    markup = str(metadata.get("markup", "text"))
    for part in extraction.parts:
        text = extraction.text[part.start : part.end]
        spans = split(
            text,
            count_tokens=sizing.count_tokens,
            chunk_size=sizing.chunk_size,
            chunk_overlap=sizing.chunk_overlap,
            markup=markup,  # type: ignore[arg-type]
        )
        for span in spans:
            details = {**metadata, **part.metadata}
            details.pop("markup", None)
            if span.heading_path:
                details["heading_path"] = " > ".join(span.heading_path)
            nodes.append(
                TextNode(
                    id_=str(uuid.uuid5(_NAMESPACE, f"{document_id}/{len(nodes)}")),
                    text=text[span.start : span.end],
                    start_char_idx=part.start + span.start,
                    end_char_idx=part.start + span.end,
                    metadata=details,
                    relationships={NodeRelationship.SOURCE: owner},
                    # The text alone fills what the embedder reads; more would be cut off.
                    excluded_embed_metadata_keys=list(details),
                )
            )
    return nodes


def _with_languages(
    extraction: Extraction, detect_language: Callable[[str], str | None]
) -> Extraction:
    """Return it with the language of each record, where one can be told: files may mix them."""
    parts = []
    for part in extraction.parts:
        language = detect_language(extraction.text[part.start : min(part.end, part.start + 20_000)])
        known = {"language": language} if language else {}
        parts.append(replace(part, metadata={**known, **part.metadata}))
    return replace(extraction, parts=tuple(parts))


def _document_id(extraction: Extraction) -> str:
    """Same text in the same form is the same document, whatever its file is called."""
    form = [
        {key: value for key, value in extraction.metadata.items() if key != "encoding"},
        [[part.start, part.end, part.metadata] for part in extraction.parts],
    ]
    digest = hashlib.sha256(json.dumps(form, sort_keys=True, default=str).encode())
    digest.update(extraction.text.encode("utf-8", "surrogatepass"))
    return digest.hexdigest()[:32]


def _hash(path: Path, max_bytes: int) -> str:
    try:
        with path.open("rb") as file:
            if path.stat().st_size > max_bytes:
                return ""  # extract() refuses it in words
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise IngestError(f"cannot be read: {error.strerror or error}") from None


def _state(
    entry: Entry, sha256: str, document_id: str | None, reason: str | None = None
) -> FileState:
    return FileState(
        source=entry.source,
        size=entry.size,
        mtime_ns=_settled(entry),
        sha256=sha256,
        document_id=document_id,
        reason=reason,
        indexed_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _settled(entry: Entry) -> int:
    """Return the time stamp to remember: 0, which never matches, while the file is still fresh.

    A write within the time stamp's granularity after our read would otherwise go unseen.
    """
    return entry.mtime_ns if time.time_ns() - entry.mtime_ns > _SETTLED_NS else 0
