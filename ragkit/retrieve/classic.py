"""The textbook rankings, to compare with: TF-IDF cosine and plain BM25, by well-kept libraries.

Both rank the same terms as ragkit's own lexical retrieval, so that they work in every language, but
know neither fields nor the nearness of words. Everything is held in memory, and made anew when the
index has changed: made for ``ragkit evaluate``, not for large folders.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any, Literal

from llama_index.core.vector_stores.types import (
    BasePydanticVectorStore,
    VectorStoreQuery,
    VectorStoreQueryResult,
)

from ragkit.errors import MissingExtra
from ragkit.retrieve.tokenizer import detect_language, terms
from ragkit.types import Analyzer

if TYPE_CHECKING:
    from llama_index.core.schema import BaseNode

__all__ = ["ClassicKind", "ClassicRanking"]

ClassicKind = Literal["tfidf", "bm25"]
Score = Callable[[list[str]], Any]
"""Return a score for each node, as an array, for a question's terms."""


@dataclass(frozen=True, slots=True)
class _Ranked:
    version: Hashable
    ids: list[str]
    score: Score


class ClassicRanking:
    """Ranks all nodes of a vector store by ``kind``; takes a store's place in a retriever.

    ``tfidf`` is the cosine of scikit-learn's ``TfidfVectorizer``; ``bm25`` is bm25s with its
    defaults (Lucene's form, k1 1.5, b 0.75). ``version`` changes whenever nodes do. Safe to share
    between threads. Raises MissingExtra where the library is not installed.
    """

    def __init__(
        self,
        kind: ClassicKind,
        vector_store: BasePydanticVectorStore,
        *,
        analyzer: Analyzer,
        version: Callable[[], Hashable],
    ) -> None:
        if importlib.util.find_spec("sklearn" if kind == "tfidf" else "bm25s") is None:
            raise MissingExtra(f"retriever.kind '{kind}'", "eval")
        self._build = _tfidf if kind == "tfidf" else _bm25
        self._vector_store = vector_store
        self._analyzer = analyzer
        self._version = version
        self._lock = Lock()
        self._ranked: _Ranked | None = None

    def query(self, query: VectorStoreQuery, **_: Any) -> VectorStoreQueryResult:
        """Return the best ``similarity_top_k`` nodes that match the filters, best first.

        Nodes that share no term with ``query_str`` are left out. Scores are as the library gives
        them: 0..1 for ``tfidf``, above 0 for ``bm25``.
        """
        import numpy as np

        ranked = self._current()
        text = query.query_str or ""
        asked = terms(text, language=detect_language(text))
        if not ranked.ids or not asked:
            return VectorStoreQueryResult(nodes=[], similarities=[], ids=[])
        scores = np.asarray(ranked.score(asked), dtype=np.float64)
        if query.filters is not None:
            wanted = {n.node_id for n in self._vector_store.get_nodes(filters=query.filters)}
            scores[[node_id not in wanted for node_id in ranked.ids]] = 0.0
        # Stable, so that equal scores keep the order of the index.
        order = np.argsort(-scores, kind="stable")[: query.similarity_top_k]
        best = [(ranked.ids[place], float(scores[place])) for place in order if scores[place] > 0]
        nodes = {n.node_id: n for n in self._vector_store.get_nodes([i for i, _ in best])}
        found = [(nodes[node_id], score) for node_id, score in best if node_id in nodes]
        return VectorStoreQueryResult(
            nodes=[node for node, _ in found],
            similarities=[score for _, score in found],
            ids=[node.node_id for node, _ in found],
        )

    def _current(self) -> _Ranked:
        with self._lock:
            version = self._version()
            if self._ranked is None or self._ranked.version != version:
                nodes = self._vector_store.get_nodes()
                score = self._build([self._terms(node) for node in nodes])
                self._ranked = _Ranked(version, [node.node_id for node in nodes], score)
            return self._ranked

    def _terms(self, node: BaseNode) -> list[str]:
        language = node.metadata.get("language")
        title = str(node.metadata.get("title") or "")
        fields = self._analyzer.index_fields(node.get_content(), title=title, language=language)
        return " ".join(fields).split()


def _tfidf(documents: Sequence[list[str]]) -> Score:
    from sklearn.feature_extraction.text import TfidfVectorizer

    if not any(documents):
        return lambda _: [0.0] * len(documents)
    vectorizer = TfidfVectorizer(analyzer=_as_they_are)
    matrix = vectorizer.fit_transform(documents)

    def score(asked: list[str]) -> Any:
        # Rows have length 1, so that the product is the cosine.
        return (matrix @ vectorizer.transform([asked]).T).toarray()[:, 0]

    return score


def _bm25(documents: Sequence[list[str]]) -> Score:
    import bm25s

    if not any(documents):
        return lambda _: [0.0] * len(documents)
    ranking = bm25s.BM25()
    ranking.index(list(documents), show_progress=False)
    known = set().union(*documents)

    def score(asked: list[str]) -> Any:
        found = [term for term in asked if term in known]
        return ranking.get_scores(found) if found else [0.0] * len(documents)

    return score


def _as_they_are(document: list[str]) -> list[str]:
    return document
