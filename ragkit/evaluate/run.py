"""Run a retriever over a test set and report how well it did."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
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
    """Index ``passages`` in a temporary SQLite file, one node each, and yield its retriever.

    Nothing is deduplicated and nothing is split.
    """
    from ragkit.retrieve.analyzer import LexicalAnalyzer
    from ragkit.store import fts

    if not passages:
        raise ConfigError("There are no passages. Name a file that holds some: --passages FILE.")
    analyzer = LexicalAnalyzer()
    # The empty name is SQLite's for a temporary file that goes with its connection.
    with closing(sqlite3.connect("")) as conn:
        fts.create(conn, "passages", analyzer.fields)
        for rowid, passage in enumerate(passages, start=1):
            values = analyzer.index_fields(passage.text, title=passage.title, language=None)
            fts.insert(conn, "passages", rowid, values)

        def texts(rowids: Sequence[int]) -> dict[int, str]:
            return {rowid: passages[rowid - 1].text for rowid in rowids}

        def retrieve(question: str, limit: int) -> list[tuple[str, float]]:
            found = fts.search_question(
                conn, "passages", analyzer, question, limit=limit, texts=texts
            )
            return [(passages[rowid - 1].id, score) for rowid, score in found]

        yield retrieve
