"""Ask a system the questions of a test set and note, question by question, how it did."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from ragkit.errors import IngestError
from ragkit.evaluate.dataset import Passage, Question, gold_passages
from ragkit.evaluate.metrics import METRICS, score_rankings
from ragkit.evaluate.system import System, passage_system
from ragkit.evaluate.text_metrics import Overlap, bleu_counts, contains, exact_match, token_f1

if TYPE_CHECKING:
    from llama_index.core.schema import NodeWithScore

__all__ = [
    "Answered",
    "Outcome",
    "Retrieve",
    "ask_questions",
    "evaluate_retrieval",
    "lexical_retriever",
    "sample_questions",
]

# (question, how many) -> (passage id, score), best first.
Retrieve = Callable[[str, int], list[tuple[str, float]]]
Progress = Callable[[int, int, str], None]
_DEPTH = 10
_MOST_NODES = 2000


@dataclass(frozen=True, slots=True)
class Answered:
    """How one question was answered; the first four are None where it has no answer text.

    ``contains``, ``em`` and ``f1`` are in [0, 1] and judge what the answer says even where it was
    ``refused``; ``removed_confidence`` and ``removed_refused`` are of the same question with what
    is right taken out of the nodes, None for a question that nothing answers.
    """

    contains: float | None
    em: float | None
    f1: float | None
    overlap: Overlap | None
    refused: bool
    confidence: float
    removed_refused: bool | None
    removed_confidence: float | None
    sentences: int
    milliseconds: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """One question: what was found, best first (ten at most), and how that scores.

    ``scores`` holds every metric of ``METRICS`` for a question that something answers, and is empty
    for others. ``milliseconds`` is retrieval, the question's embedding included.
    """

    question: Question
    right: frozenset[str]
    ranking: tuple[str, ...]
    scores: Mapping[str, float]
    milliseconds: float
    answered: Answered | None = None


def ask_questions(
    system: System,
    questions: Sequence[Question],
    gold: Mapping[str, Collection[str]],
    *,
    answers: bool = False,
    progress: Progress | None = None,
) -> list[Outcome]:
    """Ask every question and return what came of it, in order.

    ``gold`` holds what is right for each answerable question. Without ``answers`` unanswerable ones
    are not asked. ``progress`` hears of questions done, questions in all, and the question.
    Raises IngestError when no question is answerable.
    """
    if not gold:
        raise IngestError(
            "No question names what answers it: there is nothing to measure. Give 'passage_id' "
            "(or 'source', over a folder) to those that are answerable."
        )
    asked = [q for q in questions if q.id in gold or answers]
    found = []
    for done, question in enumerate(asked):
        if progress:
            progress(done, len(asked), question.question)
        found.append(_ask(system, question, frozenset(gold.get(question.id, ())), answers))
    scores = score_rankings(gold, {o.question.id: o.ranking for o in found if o.right})
    return [
        Outcome(o.question, o.right, o.ranking, scores[o.question.id], o.milliseconds, o.answered)
        if o.right
        else o
        for o in found
    ]


def sample_questions(questions: Sequence[Question], number: int | None) -> list[Question]:
    """Return ``number`` of ``questions`` in their order, the same ones each time; all for None."""
    import random

    if number is None or number >= len(questions):
        return list(questions)
    kept = random.Random(0).sample(range(len(questions)), number)
    return [questions[place] for place in sorted(kept)]


def _ask(system: System, question: Question, right: frozenset[str], answers: bool) -> Outcome:
    # Enough to have top_k nodes left when what is right is taken out.
    wanted = max(_DEPTH, system.top_k + len(right)) * system.nodes_a_unit
    began = time.perf_counter()
    nodes = system.retrieve(question.question, wanted)
    milliseconds = 1000 * (time.perf_counter() - began)
    ranking = tuple(dict.fromkeys(system.unit(node, right) for node in nodes))[:_DEPTH]
    answered = None
    if answers:
        left = _without(system, question.question, right, nodes, wanted)
        answered = _answer(system, question, nodes[: system.top_k], left, right)
    return Outcome(question, right, ranking, {}, milliseconds, answered)


def _without(
    system: System,
    question: str,
    right: frozenset[str],
    nodes: Sequence[NodeWithScore],
    wanted: int,
) -> list[NodeWithScore]:
    """Return the best ``top_k`` nodes that are not part of what is right.

    A long file fills the first places by itself: then more are fetched.
    """
    left = [node for node in nodes if system.unit(node, right) not in right]
    while len(left) < system.top_k and len(nodes) == wanted < _MOST_NODES:
        wanted *= 4
        nodes = system.retrieve(question, wanted)
        left = [node for node in nodes if system.unit(node, right) not in right]
    return left[: system.top_k]


def _answer(
    system: System,
    question: Question,
    nodes: Sequence[NodeWithScore],
    left: Sequence[NodeWithScore],
    right: frozenset[str],
) -> Answered:
    began = time.perf_counter()
    given = system.answer(question.question, nodes)
    milliseconds = 1000 * (time.perf_counter() - began)
    removed = system.answer(question.question, left) if right else None
    texts = [text for text, _ in question.answers] if right else []
    return Answered(
        contains=float(contains(given.text, texts)) if texts else None,
        em=exact_match(given.short, texts) if texts else None,
        f1=token_f1(given.short, texts) if texts else None,
        overlap=bleu_counts(given.short, texts) if texts else None,
        refused=given.refused,
        confidence=given.confidence,
        removed_refused=removed.refused if removed else None,
        removed_confidence=removed.confidence if removed else None,
        sentences=given.sentences,
        milliseconds=milliseconds,
    )


def evaluate_retrieval(
    passages: Sequence[Passage],
    questions: Sequence[Question],
    *,
    retrieve: Retrieve,
    by: Literal["lang"] | None = None,
) -> dict[str, Any]:
    """Measure any function that retrieves; return ``questions``, each metric's mean, and ``by``.

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


@contextmanager
def lexical_retriever(passages: Sequence[Passage]) -> Iterator[Retrieve]:
    """Index ``passages`` in a temporary store, one node each, and yield its full-text retriever."""
    with passage_system(passages, preset="lite", retriever="lexical") as system:

        def retrieve(question: str, limit: int) -> list[tuple[str, float]]:
            found = system.retrieve(question, limit)
            return [(system.unit(node, frozenset()), node.score or 0.0) for node in found]

        yield retrieve


def _means(scores: Mapping[str, Mapping[str, float]], ids: Sequence[str]) -> dict[str, Any]:
    means = {name: sum(scores[id_][name] for id_ in ids) / len(ids) for name in METRICS}
    return {"questions": len(ids), **{name: round(value, 4) for name, value in means.items()}}
