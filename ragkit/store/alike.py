"""See whether two stores hold the same and answer alike, by questions drawn from one of them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ragkit.ingest.sentences import sentence_spans

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llama_index.core.schema import BaseNode

    from ragkit.store.copying import Progress
    from ragkit.store.sqlite import SqliteStore

__all__ = ["Answers", "compare"]

_TOP_K = 10
_TOLERANCE = 2e-3  # of a cosine: float16 in the file, float32 in an engine
_LEAST_RECALL = 0.95  # engines may search approximately
_LONGEST_QUESTION = 200
_MOST_SAID = 5


@dataclass(frozen=True, slots=True)
class Answers:
    """How a sample of questions was answered by both; ``same`` of ``asked`` alike.

    ``recall`` is the share (0..1) of the source's ten best that the target found.
    """

    asked: int = 0
    same: int = 0
    recall: float = 1.0


def compare(
    source: SqliteStore,
    target: SqliteStore,
    *,
    sample: int,
    engine: bool,
    progress: Progress | None = None,
) -> tuple[Answers, Answers, list[str]]:
    """Return how both answer by words and by vectors, and in words what is not alike.

    Up to ``sample`` nodes of the source, spread evenly, are asked for: by a heading or a first
    sentence, and by their own vectors. Answers by words must be the same to the last digit; engines
    may search approximately, so by vectors .95 of the nearest must be found. ``engine`` says that
    the target has one. Raises ``StoreError`` when either fails.
    """
    wanted, found = source.catalog.counts(), target.catalog.counts()
    unlike = [
        f"{name}: {here} in the source, {there} in the target"
        for name, here, there in zip(wanted._fields, wanted, found, strict=True)
        if here != there
    ]
    held = target.published() or 0
    if engine and held != wanted.vectors:
        unlike.append(f"vectors: {wanted.vectors} in the source, {held} in the engine")
    words, dense, changed = _asked(source, target, sample, progress)
    unlike += changed
    if words.same < words.asked:
        unlike.append(f"by words: {words.same} of {words.asked} questions answered alike")
    if dense.recall < _LEAST_RECALL:
        unlike.append(f"by vectors: {dense.recall:.3f} of the nearest found")
    return words, dense, unlike


def _asked(
    source: SqliteStore, target: SqliteStore, sample: int, progress: Progress | None
) -> tuple[Answers, Answers, list[str]]:
    """Ask both what the source's own nodes suggest: their headings, sentences and vectors."""
    from llama_index.core.vector_stores.types import VectorStoreQuery, VectorStoreQueryMode

    questions = _questions(source, sample)
    same, near, recalled, unlike = 0, 0, 0.0, []
    by_vectors = [vector for _, vector in questions if vector is not None]
    for done, (text, vector) in enumerate(questions, 1):
        query = VectorStoreQuery(
            query_str=text, similarity_top_k=_TOP_K, mode=VectorStoreQueryMode.TEXT_SEARCH
        )
        one, other = source.vector_store.query(query), target.vector_store.query(query)
        same += (one.ids, one.similarities) == (other.ids, other.similarities)
        unlike += _changed(one.nodes, other.nodes)
        if vector is not None:
            query = VectorStoreQuery(query_embedding=vector, similarity_top_k=_TOP_K)
            one, other = source.vector_store.query(query), target.vector_store.query(query)
            best, found = one.similarities or [], other.similarities or []
            # Nodes that are equally near may stand in any order.
            enough = sum(score >= best[-1] - _TOLERANCE for score in found) if best else 0
            recalled += enough / len(best) if best else 1.0
            near += len(best) == len(found) and all(
                abs(a - b) <= _TOLERANCE for a, b in zip(best, found, strict=True)
            )
            unlike += _changed(one.nodes, other.nodes)
        if progress:
            progress("questions", done, len(questions))
    recall = recalled / len(by_vectors) if by_vectors else 1.0
    words = Answers(len(questions), same, same / len(questions) if questions else 1.0)
    dense = Answers(len(by_vectors), near, round(recall, 4))
    return words, dense, sorted(set(unlike))[:_MOST_SAID]


def _changed(one: Sequence[BaseNode] | None, other: Sequence[BaseNode] | None) -> list[str]:
    """Return which nodes that both found are not the same."""
    known = {node.node_id: node for node in one or ()}
    return [
        f"node {node.node_id} has another text or other metadata"
        for node in other or ()
        if node.node_id in known and node.to_dict() != known[node.node_id].to_dict()
    ]


def _questions(source: SqliteStore, sample: int) -> list[tuple[str, list[float] | None]]:
    """Return texts to ask, with vectors to ask by, from nodes spread evenly over the index."""
    from ragkit.store.quantize import decode
    from ragkit.store.vector_store import stored_nodes

    with source.reading() as snapshot:
        assert snapshot is not None
        rows = snapshot.conn.execute(f"SELECT id FROM {snapshot.table('node')} ORDER BY id")
        ids = [row[0] for row in rows]
        count = min(sample, len(ids))
        chosen = [ids[place * len(ids) // count] for place in range(count)]
        nodes = stored_nodes(snapshot, chosen)
        vectors = dict(
            snapshot.conn.execute(
                f"SELECT id, vector FROM {snapshot.table('vector')}"
                " WHERE id IN (SELECT value FROM json_each(?))",
                (json.dumps(chosen),),
            ).fetchall()
        )
        dimension = snapshot.generation.dimension
    questions: list[tuple[str, list[float] | None]] = []
    for number, rowid in enumerate(chosen):
        vector = None
        if rowid in vectors and dimension is not None:
            vector = decode([vectors[rowid]], dimension)[0].tolist()
        questions.append((_question(nodes[rowid], by_heading=number % 2 == 0), vector))
    return questions


def _question(node: BaseNode, *, by_heading: bool) -> str:
    """Return a node's heading, else its first sentence."""
    heading = node.metadata.get("heading_path") or node.metadata.get("title")
    if by_heading and isinstance(heading, str) and heading.strip():
        return heading.rpartition(" > ")[2][:_LONGEST_QUESTION]
    text = node.get_content()
    start, end = next(iter(sentence_spans(text)), (0, len(text)))
    return str(text[start:end][:_LONGEST_QUESTION])
