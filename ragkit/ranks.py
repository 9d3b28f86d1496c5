"""Where the nodes of one document stand for a question, as asking retrieves them."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Literal

from llama_index.core.schema import NodeWithScore, QueryBundle
from llama_index.core.vector_stores.types import (
    FilterCondition,
    MetadataFilter,
    MetadataFilters,
)

from ragkit.retrieve.retriever import StoreRetriever
from ragkit.why import Arm, Ranking, Standing

if TYPE_CHECKING:
    from ragkit.knowledge import KnowledgeBase
    from ragkit.store.sqlite import SqliteStore

__all__ = ["Ranks"]

# How far down is looked, step by step: an index may hold a million nodes, and memory is bounded.
# Up to 30 the lexical ranking is the one that asking sees, since as many are scored again there.
_DEPTHS = (30, 200, 2000)
# Each arm of a fusion ranks so deep for one result of it; see ragkit.store.vector_store.
_ARM_LEAST, _ARM_FACTOR = 50, 5


class Ranks:
    """A question, a document, and the rankings that both are in. Embeds the question once."""

    def __init__(
        self,
        kb: KnowledgeBase,
        store: SqliteStore,
        question: str,
        document_id: str,
        filters: MetadataFilters | None,
    ) -> None:
        self._kb = kb
        self._store = store
        self._question = question
        self._document_id = document_id
        self._filters = filters
        self._kind = kb.config.retriever.kind
        self._by_words = not kb.config.retriever.uses_vectors

    def retrieved(self) -> list[NodeWithScore]:
        """Return what asking retrieves."""
        return self._retrieve(self._kb.config.top_k)

    def is_within(self, top_k: int) -> bool:
        """Return whether asking with ``top_k`` retrieves a node of the document."""
        return self._place(self._retrieve(top_k)) is not None

    def nearest(self, *, filtered: bool = True) -> NodeWithScore | None:
        """Return the document's own best node, or None where it has none to be found."""
        own: list[MetadataFilter | MetadataFilters] = [
            MetadataFilter(key="document_id", value=self._document_id)
        ]
        if filtered and self._filters is not None:
            own.append(self._filters)
        both = MetadataFilters(filters=own, condition=FilterCondition.AND)
        found = self._kb.as_retriever(top_k=1, filters=both).retrieve(self._query)
        return found[0] if found else None

    def ranking(self) -> tuple[Ranking, NodeWithScore | None]:
        """Return where the document's best node stands, and that node, None where it is too deep.

        Looks as far down as the node is, and no further than 2,000 nodes.
        """
        top_k = self._kb.config.top_k
        depths = [top_k, *(depth for depth in _DEPTHS if depth > top_k)]
        for depth in depths:
            nodes = self._retrieve(depth)
            place = self._place(nodes)
            if place is not None or len(nodes) < depth:
                break
        best = None if place is None else nodes[place]
        score = None if best is None else float(best.score or 0.0)
        rank = None if place is None else place + 1
        last = nodes[top_k - 1] if len(nodes) >= top_k else None
        arm = Arm(rank, score, len(nodes))
        ranking = Ranking(
            retriever=self._kind,
            top_k=top_k,
            rank=rank,
            score=score,
            searched=len(nodes),
            last=None if last is None else _standing(last),
            lexical=arm if self._by_words else self._arm("lexical", best, depth),
            dense=arm if self._kind == "dense" else self._arm("dense", best, depth),
        )
        return ranking, best

    def _arm(
        self, kind: Literal["lexical", "dense"], best: NodeWithScore | None, depth: int
    ) -> Arm | None:
        """Return where ``best`` stands in one arm of a fusion; None where nothing is fused."""
        if self._kind != "hybrid":
            return None
        searched = 0
        for limit in sorted({max(_ARM_LEAST, _ARM_FACTOR * depth), _DEPTHS[-1]}):
            retriever = StoreRetriever(
                self._store.vector_store,
                kind=kind,
                top_k=limit,
                embed_query=lambda _: self._query.embedding or [],
                filters=self._filters,
            )
            nodes = retriever.retrieve(self._query)
            searched = len(nodes)
            for rank, scored in enumerate(nodes, 1):
                if best is not None and scored.node.node_id == best.node.node_id:
                    return Arm(rank, float(scored.score or 0.0), searched)
            if best is None or searched < limit:
                break
        return Arm(None, None, searched)

    def _retrieve(self, top_k: int) -> list[NodeWithScore]:
        retriever = self._kb.as_retriever(top_k=top_k, filters=self._filters)
        return list(retriever.retrieve(self._query))

    def _place(self, nodes: list[NodeWithScore]) -> int | None:
        places = (i for i, n in enumerate(nodes) if n.node.ref_doc_id == self._document_id)
        return next(places, None)

    @cached_property
    def _query(self) -> QueryBundle:
        embedder = None if self._by_words else self._kb.parts.embedder
        embedding = None if embedder is None else embedder.get_query_embedding(self._question)
        return QueryBundle(self._question, embedding=embedding)


def _standing(scored: NodeWithScore) -> Standing:
    return Standing(str(scored.node.metadata.get("source", "")), float(scored.score or 0.0))
