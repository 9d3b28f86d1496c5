"""Run a retriever over a test set and report how well it did."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

from ragkit.errors import ConfigError, IngestError
from ragkit.evaluate.dataset import Passage, Question, gold_passages
from ragkit.evaluate.metrics import METRICS, score_rankings

__all__ = ["Retrieve", "evaluate_retrieval", "lexical_retriever"]

# (question, how many) -> (passage id, score), best first.
Retrieve = Callable[[str, int], list[tuple[str, float]]]
_DEPTH = 10


def evaluate_retrieval(
    passages: Sequence[Passage],
    questions: Sequence[Question],
    *,
    retrieve: Retrieve,
    by: Literal["lang"] | None = None,
) -> dict[str, Any]:
    """Return the number of answerable ``questions``, each metric's mean over them, and ``by``.

    With ``by="lang"``, ``by`` holds the same for each language of the questions; without it is
    empty. Metrics are from 0 to 1. Raises IngestError when no question is answerable.
    """
    gold = gold_passages(passages, questions)
    if not gold:
        raise IngestError("No question names its passage: there is nothing to measure.")
    asked = [question for question in questions if question.id in gold]
    rankings = {q.id: [found for found, _ in retrieve(q.question, _DEPTH)] for q in asked}
    scores = score_rankings(gold, rankings)
    groups: dict[str, list[str]] = {}
    if by == "lang":
        for question in asked:
            groups.setdefault(question.lang, []).append(question.id)
    return _means(scores, list(gold)) | {
        "by": {lang: _means(scores, ids) for lang, ids in sorted(groups.items())}
    }


def _means(scores: Mapping[str, Mapping[str, float]], ids: Sequence[str]) -> dict[str, Any]:
    means = {name: sum(scores[id_][name] for id_ in ids) / len(ids) for name in METRICS}
    return {"questions": len(ids), **{name: round(value, 4) for name, value in means.items()}}


@contextmanager
def lexical_retriever(passages: Sequence[Passage]) -> Iterator[Retrieve]:
    """Index ``passages`` in a temporary store, one node each, and yield its retriever.

    Nothing is deduplicated and nothing is split.
    """
    from llama_index.core.schema import TextNode

    from ragkit.retrieve.analyzer import LexicalAnalyzer
    from ragkit.retrieve.retriever import StoreRetriever
    from ragkit.store import open_store

    if not passages:
        raise ConfigError("There are no passages. Name a file that holds some: --passages FILE.")
    with TemporaryDirectory(prefix="ragkit-evaluate-") as folder:
        store = open_store(Path(folder) / "passages.db", analyzer=LexicalAnalyzer(), fingerprint={})
        store.vector_store.add(
            [
                TextNode(id_=passage.id, text=passage.text, metadata={"title": passage.title})
                for passage in passages
            ]
        )

        def retrieve(question: str, limit: int) -> list[tuple[str, float]]:
            found = StoreRetriever(store.vector_store, top_k=limit).retrieve(question)
            return [(node.node_id, node.score or 0.0) for node in found]

        try:
            yield retrieve
        finally:
            store.close()
