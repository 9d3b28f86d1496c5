"""Writing what was prepared: many documents to a transaction, embedded together."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice, takewhile
from typing import TYPE_CHECKING, cast

from ragkit.changed_files import Change, Tally
from ragkit.errors import StoreError
from ragkit.store.bulk import SEGMENT_ROWS
from ragkit.store.catalog import put_documents, put_files
from ragkit.store.nodes import BulkNode, delete_rows, fix_dimension, insert_rows
from ragkit.store.terms import Inverted
from ragkit.types import SkippedFile

if TYPE_CHECKING:
    from ragkit.store.sqlite import SqliteStore

__all__ = ["Embed", "write_changes"]

Embed = Callable[[Sequence[str]], Sequence[Sequence[float]]]
"""Returns a vector for each text, in order."""

_BATCH_SECONDS = 5.0
_BATCH_CHARACTERS = 16_000_000
_NO_VECTOR = "it gives NaN, infinity or zeros alone"
_PLAIN_TEXT = "text"  # of which any embedder makes a vector, unless it is broken
_EMBEDDED_NODES = 512
_EMBEDDED_SECONDS = 0.5
_EMBEDDED_AT_ONCE = 4096  # nodes of one large file
_EMBEDDING_SECONDS = 5.0  # a batch that takes longer to embed is written in smaller ones


def write_changes(
    store: SqliteStore, prepared: Iterable[Change], embed: Embed | None, tally: Tally
) -> None:
    """Write what was ``prepared``, in transactions that hold whole documents.

    With ``embed`` each node gets a vector; a file of which a node has none is skipped.
    """
    batch: list[Change] = []
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

    def add(self, file: Change) -> None:
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


def _embed(batch: Sequence[Change], embed: Embed, lost: set[str], tally: Tally) -> float:
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


def _skip_unembedded(prepared: Change, tally: Tally) -> None:
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


def _is_embedded(prepared: Change) -> bool:
    return not prepared.nodes or prepared.vectors is not None


def _write(store: SqliteStore, batch: Sequence[Change]) -> None:
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


def _rows(batch: Sequence[Change]) -> Iterator[BulkNode]:
    for prepared in batch:
        if prepared.draft:
            owner = prepared.draft.document_id
            vectors: Sequence[bytes | None] = prepared.vectors or [None] * len(prepared.nodes)
            for node, vector in zip(prepared.nodes, vectors, strict=True):
                node_id, start, metadata, text = node
                yield BulkNode(node_id, owner, start, metadata, text, vector)


def _terms(batch: Sequence[Change]) -> Iterator[tuple[Inverted, list[bool]]]:
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
