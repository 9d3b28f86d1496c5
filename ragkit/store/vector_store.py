"""The nodes of an index as a LlamaIndex vector store.

Query modes: DEFAULT (cosine over the vectors), TEXT_SEARCH (full text, scored by the analyzer's
clauses) and HYBRID (both, fused by score). Each query is one read transaction. Nodes come back as
they were added; when files hold their document, ``metadata["source"]`` is the first file by name
and ``metadata["sources"]`` all of them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from llama_index.core.bridge.pydantic import PrivateAttr
from llama_index.core.schema import BaseNode, Document, ImageNode, IndexNode, Node, TextNode
from llama_index.core.vector_stores.types import (
    BasePydanticVectorStore,
    MetadataFilters,
    VectorStoreQuery,
    VectorStoreQueryMode,
    VectorStoreQueryResult,
)

from ragkit.errors import StoreError
from ragkit.store import fts
from ragkit.store.filters import Condition, all_of, filter_condition, one_of
from ragkit.store.fusion import FEWEST, candidates, fuse_by_worth, fuse_scores
from ragkit.store.nodes import (
    NodeRow,
    StoredNode,
    delete_all_rows,
    delete_rows,
    fix_dimension,
    insert_row,
    read_rows,
    read_texts,
)
from ragkit.store.probes import (
    POOLED,
    Kept,
    Probe,
    choose_probes,
    count_nodes,
    is_current,
    read_kept,
    read_measured,
    write_kept,
)
from ragkit.store.stored import fulltext_values, metadata_json
from ragkit.store.worth import Learner, Measured, Observation, Worth, measure, observe, script

if TYPE_CHECKING:
    from ragkit.store.sqlite import Snapshot, SqliteStore

__all__ = ["SqliteVectorStore", "stored_nodes"]

_POOL = 50  # an arm of a fusion ranks at least so many
_POOL_FACTOR = 5
_CLASSES: dict[str, type[BaseNode]] = {
    cls.class_name(): cls for cls in (TextNode, Node, Document, IndexNode, ImageNode)
}


class SqliteVectorStore(BasePydanticVectorStore):
    """Nodes in one SQLite file; made by ``SqliteStore.vector_store``.

    Nodes may come without an embedding (an index for full text alone). The first embedding fixes
    the dimension; another one raises ``IndexMismatch``. Writes join the store's open
    ``transaction()``, or are one of their own.
    """

    stores_text: bool = True
    is_embedding_query: bool = True
    _store: SqliteStore = PrivateAttr()
    _worth: Worth = PrivateAttr(default_factory=Worth)
    _kept: Kept | None = PrivateAttr(default=None)  # where the index cannot be written
    _checked: int | None = PrivateAttr(default=None)  # the generation last looked at

    def __init__(self, store: SqliteStore, *, is_embedding_query: bool = True) -> None:
        super().__init__(stores_text=True, is_embedding_query=is_embedding_query)
        self._store = store

    @classmethod
    def class_name(cls) -> str:
        """Return LlamaIndex's name of the class."""
        return "SqliteVectorStore"

    @property
    def client(self) -> SqliteStore:
        """The store that holds the nodes."""
        return self._store

    def add(self, nodes: Sequence[BaseNode], **kwargs: Any) -> list[str]:
        """Add nodes and return their ids; a node with an id that is there replaces it."""
        if not nodes:
            return []
        vectors, dimension = _pack(nodes)
        unique = {node.node_id: (node, vec) for node, vec in zip(nodes, vectors, strict=True)}
        with self._store.transaction() as snapshot:
            if dimension is not None:
                fix_dimension(snapshot, dimension)
            present = one_of("node_id", list(unique))
            self._delete(snapshot, present)
            for node, vector in unique.values():
                insert_row(snapshot, self._row(node, vector))
        return [node.node_id for node in nodes]

    def delete(self, ref_doc_id: str, **delete_kwargs: Any) -> None:
        """Delete the nodes of a document; its text and files stay in the catalog."""
        with self._store.transaction() as snapshot:
            self._delete(snapshot, Condition("n.document_id = ?", (ref_doc_id,)))

    def delete_nodes(
        self,
        node_ids: list[str] | None = None,
        filters: MetadataFilters | None = None,
        **delete_kwargs: Any,
    ) -> None:
        """Delete the nodes with these ids that match the filters; without either, none."""
        if node_ids is None and filters is None:
            return
        with self._store.transaction() as snapshot:
            self._delete(snapshot, _selection(snapshot, node_ids=node_ids, filters=filters))

    def clear(self) -> None:
        """Delete all nodes; texts and files stay in the catalog."""
        with self._store.transaction() as snapshot:
            delete_all_rows(snapshot, self._store.analyzer)

    def get_nodes(
        self, node_ids: list[str] | None = None, filters: MetadataFilters | None = None
    ) -> list[BaseNode]:
        """Return the nodes with these ids that match the filters, in the order of adding."""
        with self._store.reading() as snapshot:
            if snapshot is None:
                return []
            wanted = _selection(snapshot, node_ids=node_ids, filters=filters)
            return [_to_node(row) for row in read_rows(snapshot, wanted.sql, wanted.parameters)]

    def nodes_of(
        self, document_id: str, *, between: tuple[int, int] | None = None
    ) -> list[BaseNode]:
        """Return the nodes of a document in the order of its text.

        ``between`` limits them to those that begin from the first offset up to before the second.
        """
        with self._store.reading() as snapshot:
            if snapshot is None:
                return []
            where, parameters = "n.document_id = ?", (document_id, *(between or ()))
            if between is not None:
                where += " AND n.start >= ? AND n.start < ?"
            rows = read_rows(snapshot, where, parameters, order="n.start, n.id")
            return [_to_node(row) for row in rows]

    def query(self, query: VectorStoreQuery, **kwargs: Any) -> VectorStoreQueryResult:
        """Return the best nodes with their scores, best first.

        DEFAULT gives ``similarity_top_k`` nodes by cosine (-1..1); TEXT_SEARCH
        ``similarity_top_k`` by full-text score (0 and up); HYBRID ``hybrid_top_k``, else
        ``similarity_top_k``, by fused score (0..1). Without ``alpha`` each arm counts by its worth
        in the question's language, as ``measure_worth`` found it; where it was never called, it
        is learned from the questions asked (see ``ragkit.store.worth``). With ``alpha``, that is
        the share of the dense arm, and the arms rank ``sparse_top_k`` and ``similarity_top_k``
        nodes deep, or deeper where those are not given. ``filters``, ``node_ids`` and ``doc_ids``
        limit every arm. Raises ``StoreError`` for other modes, and for a dense query without an
        embedding or of an index without vectors.
        """
        with self._store.reading() as snapshot:
            if snapshot is None:
                return VectorStoreQueryResult(nodes=[], similarities=[], ids=[])
            ranked = self._ranked(snapshot, query)
            rows = _rows_by_id(snapshot, [rowid for rowid, _ in ranked])
        found = [(rows[rowid], score) for rowid, score in ranked if rowid in rows]
        return VectorStoreQueryResult(
            nodes=[_to_node(row) for row, _ in found],
            similarities=[score for _, score in found],
            ids=[row.node_id for row, _ in found],
        )

    def measure_worth(
        self, embed_query: Callable[[str], Sequence[float]], *, again: bool = False
    ) -> bool:
        """Find out what the vectors are worth for hybrid queries; return whether it was measured.

        ``embed_query`` embeds up to 64 short texts for each of up to 8 languages, as questions. The
        result is kept in the index, or in memory where that cannot be written, and holds until a
        quarter of the nodes changed. Whether they did is looked up once a process, and with
        ``again``: call it so when the index changed. Raises what ``embed_query`` raises.
        """
        with self._store.reading() as snapshot:
            if snapshot is None or snapshot.generation.dimension is None:
                return False
            number = snapshot.generation.number
            if self._checked == number and not again:
                return False
            kept = read_kept(snapshot) or self._kept
            if kept is not None and is_current(snapshot, kept):
                self._checked = number
                return False
            probes = choose_probes(snapshot)
        asked = [(probe, embed_query(probe.text)) for probe in probes]
        with self._store.reading() as snapshot:
            if snapshot is None or snapshot.generation.number != number:
                return False
            kept = self._measured(snapshot, asked)
        self._keep(kept)
        self._checked = number
        return True

    def _measured(self, snapshot: Snapshot, asked: Sequence[tuple[Probe, Sequence[float]]]) -> Kept:
        seen: dict[str, list[Observation]] = {}
        for probe, vector in asked:
            if (observation := self._observe(snapshot, probe, vector)) is not None:
                for language in {probe.language, POOLED}:
                    seen.setdefault(language, []).append(observation)
        nodes, last = count_nodes(snapshot)
        languages = {language: measure(found) for language, found in seen.items()}
        return Kept(snapshot.generation.number, nodes, last, languages)

    def _observe(
        self, snapshot: Snapshot, probe: Probe, vector: Sequence[float]
    ) -> Observation | None:
        """Ask a probe; None where there are too few candidates, or its own node has no vector."""
        import numpy as np

        query = VectorStoreQuery(query_str=probe.text, query_embedding=list(vector))
        lexical, cosines = self._arms(snapshot, query, None, _POOL)
        own = self._store.dense.search(snapshot, vector, limit=1, allowed=[probe.rowid])
        cosines |= dict(own)
        if not own or len({rowid for rowid, _ in lexical} | set(cosines)) < FEWEST:
            return None
        all_ = candidates(lexical, cosines, depth=_POOL)
        texts = read_texts(snapshot, all_.keys)
        wanted = probe.text.split()  # nodes that overlap, and near-duplicates, hold it as well
        right = [
            rowid == probe.rowid or " ".join(wanted) in " ".join(texts.get(rowid, "").split())
            for rowid in all_.keys
        ]
        return observe(all_.by_words, all_.cosines, found=all_.found, right=np.asarray(right))

    def _keep(self, kept: Kept) -> None:
        if not self._store.read_only:
            try:
                with self._store.transaction() as snapshot:
                    if snapshot.generation.number == kept.generation:
                        write_kept(snapshot, kept)
                        self._kept = None
                return
            except StoreError:  # a file that cannot be written, or a full disk
                pass
        self._kept = kept

    def _known(self, snapshot: Snapshot, question: str, best: int | None) -> Measured | Learner:
        """Return what is known of the vectors in the language of the row ``best``."""
        language = None if best is None else _language(snapshot, best)
        measured = read_measured(snapshot, language)
        if measured is None and self._kept and self._kept.generation == snapshot.generation.number:
            found = self._kept.languages
            measured = found.get(language or POOLED) or found.get(POOLED)
        group = (snapshot.generation.number, script(question), language)
        return measured or Learner(self._worth, group, question)

    def _ranked(self, snapshot: Snapshot, query: VectorStoreQuery) -> list[tuple[int, float]]:
        wanted = None
        if query.filters is not None or query.node_ids or query.doc_ids:
            wanted = _selection(
                snapshot,
                node_ids=query.node_ids or None,
                doc_ids=query.doc_ids or None,
                filters=query.filters,
            )
        top_k = query.similarity_top_k
        if query.mode == VectorStoreQueryMode.DEFAULT:
            return self._dense(snapshot, query, wanted, top_k)
        if query.mode == VectorStoreQueryMode.TEXT_SEARCH:
            return self._lexical(snapshot, query, wanted, top_k)
        if query.mode == VectorStoreQueryMode.HYBRID:
            return self._hybrid(snapshot, query, wanted)
        raise StoreError(
            f"The embedded store has no query mode {query.mode.value!r}. "
            "It has default, text_search and hybrid."
        )

    def _hybrid(
        self, snapshot: Snapshot, query: VectorStoreQuery, wanted: Condition | None
    ) -> list[tuple[int, float]]:
        top_k = query.similarity_top_k
        limit = query.hybrid_top_k or top_k
        pool = max(_POOL, _POOL_FACTOR * limit)
        if query.alpha is not None:
            lexical = self._lexical(snapshot, query, wanted, query.sparse_top_k or pool)
            dense = self._dense(snapshot, query, wanted, top_k if query.hybrid_top_k else pool)
            return fuse_scores(lexical, dense, alpha=query.alpha)[:limit]
        lexical, cosines = self._arms(snapshot, query, wanted, pool)
        known = self._known(snapshot, query.query_str or "", lexical[0][0] if lexical else None)
        return fuse_by_worth(lexical, cosines, depth=pool, known=known)[:limit]

    def _arms(
        self, snapshot: Snapshot, query: VectorStoreQuery, wanted: Condition | None, pool: int
    ) -> tuple[list[tuple[int, float]], dict[int, float]]:
        """Return the best by words, and the cosines of these and of the best by vectors."""
        lexical = self._lexical(snapshot, query, wanted, pool)
        cosines = dict(self._dense(snapshot, query, wanted, pool))
        if missing := [rowid for rowid, _ in lexical if rowid not in cosines]:
            assert query.query_embedding is not None
            cosines |= self._store.dense.search(
                snapshot, query.query_embedding, limit=len(missing), allowed=missing
            )
        return lexical, cosines

    def _lexical(
        self, snapshot: Snapshot, query: VectorStoreQuery, wanted: Condition | None, limit: int
    ) -> list[tuple[int, float]]:
        if query.query_str is None:
            raise StoreError("A text search needs query_str.")
        if limit < 1:
            return []
        allowed = _allowed(snapshot, wanted)
        return fts.search_question(
            snapshot.conn,
            snapshot.table("fts"),
            self._store.analyzer,
            query.query_str,
            limit=limit,
            texts=lambda ids: read_texts(snapshot, ids),
            find=lambda clauses, depth: self._store.search_words(
                snapshot, clauses, limit=depth, allowed=allowed
            ),
        )

    def _dense(
        self, snapshot: Snapshot, query: VectorStoreQuery, wanted: Condition | None, limit: int
    ) -> list[tuple[int, float]]:
        if query.query_embedding is None:
            raise StoreError(
                "A dense query needs an embedding. Set an embedder, or ask by text: text_search."
            )
        if snapshot.generation.dimension is None:
            node = snapshot.table("node")
            if snapshot.conn.execute(f"SELECT 1 FROM {node} LIMIT 1").fetchone() is None:
                return []
            raise StoreError(
                f"The index {self._store.path} holds no vectors. Ask by text (text_search), "
                "or rebuild it with an embedder."
            )
        return self._store.dense.search(
            snapshot, query.query_embedding, limit=limit, allowed=_allowed(snapshot, wanted)
        )

    def _delete(self, snapshot: Snapshot, condition: Condition) -> int:
        return delete_rows(snapshot, condition.sql, condition.parameters)

    def _row(self, node: BaseNode, vector: bytes | None) -> NodeRow:
        metadata, text, rest = _from_node(node)
        fulltext = fulltext_values(self._store.analyzer, text, json.loads(metadata))
        start = getattr(node, "start_char_idx", None)
        return NodeRow(node.node_id, node.ref_doc_id, start, metadata, text, rest, fulltext, vector)


def _selection(
    snapshot: Snapshot,
    *,
    node_ids: list[str] | None = None,
    doc_ids: list[str] | None = None,
    filters: MetadataFilters | None = None,
) -> Condition:
    parts = []
    if node_ids is not None:
        parts.append(one_of("node_id", node_ids))
    if doc_ids is not None:
        parts.append(one_of("document_id", doc_ids))
    if filters is not None:
        parts.append(filter_condition(snapshot, filters))
    return all_of(parts)


def _allowed(snapshot: Snapshot, wanted: Condition | None) -> list[int] | None:
    """Return the row ids within a selection; None without one."""
    if wanted is None:
        return None
    rows = snapshot.conn.execute(
        f"SELECT n.id FROM {snapshot.table('node')} n WHERE {wanted.sql}", wanted.parameters
    )
    return [row[0] for row in rows]


def _language(snapshot: Snapshot, rowid: int) -> str | None:
    """Return the language that a node's metadata name."""
    row = snapshot.conn.execute(
        f"SELECT json_extract(metadata, '$.language') FROM {snapshot.table('node')} WHERE id = ?",
        (rowid,),
    ).fetchone()
    return row[0] if row and isinstance(row[0], str) else None


def stored_nodes(snapshot: Snapshot, ids: Sequence[int]) -> dict[int, BaseNode]:
    """Return the nodes with these row ids, as ``get_nodes`` does, by row id."""
    return {rowid: _to_node(row) for rowid, row in _rows_by_id(snapshot, list(ids)).items()}


def _rows_by_id(snapshot: Snapshot, ids: list[int]) -> dict[int, StoredNode]:
    rows = read_rows(snapshot, "n.id IN (SELECT value FROM json_each(?))", (json.dumps(ids),))
    return {row.id: row for row in rows}


def _pack(nodes: Sequence[BaseNode]) -> tuple[list[bytes | None], int | None]:
    vectors: list[bytes | None] = [None] * len(nodes)
    places = [place for place, node in enumerate(nodes) if node.embedding is not None]
    if not places:
        return vectors, None
    from ragkit.store.quantize import pack_vectors

    packed, dimension = pack_vectors([nodes[place].get_embedding() for place in places])
    for place, blob in zip(places, packed, strict=True):
        vectors[place] = blob
    return vectors, dimension


def _from_node(node: BaseNode) -> tuple[str, str, str]:
    """Return a node's metadata, text, and the rest of it as JSON, defaults left out."""
    metadata = metadata_json(node.metadata)
    text = node.get_content()
    rest = node.model_dump(
        mode="json", exclude_defaults=True, exclude={"id_", "embedding", "metadata"}
    )
    rest["class_name"] = node.class_name()
    if rest.get("text") == text:
        del rest["text"]
    return metadata, text, json.dumps(rest, ensure_ascii=False)


def _to_node(row: StoredNode) -> BaseNode:
    metadata = json.loads(row.metadata)
    data = json.loads(row.rest) if row.rest else _rest(row, list(metadata))
    cls = _CLASSES.get(data.pop("class_name"), TextNode)
    if row.sources:
        metadata["source"] = row.sources[0]
        metadata["sources"] = list(row.sources)
    if "text_resource" not in data:
        data.setdefault("text", row.text)
    return cls.from_dict({**data, "id_": row.node_id, "metadata": metadata})


def _rest(row: StoredNode, keys: list[str]) -> dict[str, Any]:
    """Return the rest of a piece of a document, as ``_from_node`` would.

    Its text alone fills what the embedder reads, so no key of the metadata goes there.
    """
    data: dict[str, Any] = {"class_name": "TextNode"}
    if keys:
        data["excluded_embed_metadata_keys"] = keys
    if row.document_id is not None:
        data["relationships"] = {"1": {"node_id": row.document_id, "class_name": "RelatedNodeInfo"}}
    if row.start is not None:
        data |= {"start_char_idx": row.start, "end_char_idx": row.start + len(row.text)}
    return data
