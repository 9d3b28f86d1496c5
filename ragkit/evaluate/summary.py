"""From question-by-question outcomes to the figures of a report, with bootstrap intervals."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from ragkit.evaluate.metrics import METRICS
from ragkit.evaluate.refusal import auroc, auroc_draws, suggested_threshold
from ragkit.evaluate.resampling import draws, interval, mean_draws
from ragkit.evaluate.run import Answered, Outcome
from ragkit.evaluate.text_metrics import bleu_of

if TYPE_CHECKING:
    from ragkit.evaluate.resampling import Floats

__all__ = [
    "ANSWER_METRICS",
    "SHORT_NAMES",
    "Grouping",
    "answered_of",
    "figure_draws",
    "group_outcomes",
    "matrix",
    "summarize",
]

ANSWER_METRICS = ("contains", "em", "f1", "bleu", "refusal_auroc")
SHORT_NAMES: Mapping[str, str] = {
    "recall@1": "R@1",
    "recall@5": "R@5",
    "recall@10": "R@10",
    "precision@5": "P@5",
    "mrr@10": "MRR",
    "ndcg@10": "nDCG",
    "contains": "cont.",
    "em": "EM",
    "f1": "F1",
    "bleu": "BLEU",
    "refusal_auroc": "AUROC",
}
_JUDGED = ("contains", "em", "f1")
Grouping = Literal["lang", "source"]
_KEYS: Mapping[str, str] = {"lang": "by", "source": "by_source"}


def summarize(outcomes: Sequence[Outcome], *, by: Sequence[Grouping] = ()) -> dict[str, Any]:
    """Return the figures of ``outcomes``: means, groups, intervals, latency and refusal.

    Keys are those that ``ragkit evaluate --json`` documents, without ``retriever`` and ``preset``.
    Figures are in [0, 1], milliseconds aside; None where there was nothing to measure.
    """
    figures = _figures(outcomes)
    groups: dict[str, Any] = {"by": {}}
    for grouping in by:
        groups[_KEYS[grouping]] = {
            name: _figures(found) | {"intervals": _intervals(found)}
            for name, found in group_outcomes(outcomes, grouping).items()
        }
    report = (
        figures | groups | {"intervals": _intervals(outcomes), "latency_ms": _latency(outcomes)}
    )
    if answered_of(outcomes):
        report |= {"given": _as_given(outcomes)} | _refusal(outcomes)
    return report


def group_outcomes(outcomes: Sequence[Outcome], by: Grouping) -> dict[str, list[Outcome]]:
    """Return the outcomes by language or source, in order of name; only groups with an answer."""
    groups: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        question = outcome.question
        name = question.lang if by == "lang" else question.source or ""
        groups.setdefault(name, []).append(outcome)
    return {name: found for name, found in sorted(groups.items()) if any(o.right for o in found)}


def answered_of(outcomes: Sequence[Outcome]) -> list[Answered]:
    """Return how the answerable questions were answered; empty without ``--answers``."""
    return [o.answered for o in outcomes if o.right and o.answered is not None]


def figure_draws(
    outcomes: Sequence[Outcome], others: Sequence[Outcome] | None = None
) -> dict[str, tuple[list[float], list[float]]]:
    """Return each figure's resampled values, for ``outcomes`` and for ``others`` drawn alike.

    ``others`` are the same questions asked of another system, in the same order.
    """
    systems = (outcomes, outcomes if others is None else others)
    found: dict[str, list[list[float]]] = {}
    for system in systems if others is not None else systems[:1]:
        for name, values in _draws(system).items():
            found.setdefault(name, []).append(values)
    return {name: (pair[0], pair[-1]) for name, pair in found.items()}


def _draws(outcomes: Sequence[Outcome]) -> dict[str, list[float]]:
    import numpy as np

    right = [o for o in outcomes if o.right]
    found: dict[str, list[float]] = {}
    if not right:
        return found
    means = mean_draws(np.array([[o.scores[name] for name in METRICS] for o in right]))
    found |= {name: means[:, place].tolist() for place, name in enumerate(METRICS)}
    answered = answered_of(right)
    judged = [a for a in answered if a.overlap is not None]
    if judged:
        means = mean_draws(np.array([_values(a) for a in judged]))
        found |= {name: means[:, place].tolist() for place, name in enumerate(_JUDGED)}
        counts = np.array([a.overlap for a in judged], dtype=float)
        found["bleu"] = [bleu_of(list(weights @ counts)) for weights in draws(len(counts))]
    if answered:
        kept, removed = _confidences(answered)
        found["refusal_auroc"] = auroc_draws(kept, removed, draws(len(kept)))
    return found


def _figures(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    right = [o for o in outcomes if o.right]
    figures: dict[str, Any] = {"questions": len(right)}
    for name in METRICS:
        figures[name] = _mean([o.scores[name] for o in right])
    answered = answered_of(right)
    if answered:
        judged = [a for a in answered if a.overlap is not None]
        for place, name in enumerate(_JUDGED):
            figures[name] = _mean([_values(a)[place] for a in judged])
        sums = [sum(column) for column in zip(*(a.overlap or () for a in judged), strict=True)]
        figures["bleu"] = _rounded(bleu_of(sums)) if sums else None
        figures["refusal_auroc"] = _rounded(auroc(*_confidences(answered)))
    return figures


def _intervals(outcomes: Sequence[Outcome]) -> dict[str, list[float]]:
    return {
        name: [round(edge, 4) for edge in interval(values)]
        for name, (values, _) in figure_draws(outcomes).items()
    }


def _latency(outcomes: Sequence[Outcome]) -> dict[str, dict[str, float]]:
    taken = {"retrieve": [o.milliseconds for o in outcomes]}
    if answers := [o.answered.milliseconds for o in outcomes if o.answered]:
        taken["answer"] = answers
    import numpy as np

    return {
        name: {f"p{share}": round(float(np.percentile(values, share)), 3) for share in (50, 95)}
        for name, values in taken.items()
    }


def _as_given(outcomes: Sequence[Outcome]) -> dict[str, float | None]:
    """Return what readers got: a refused answer holds nothing."""
    answered = answered_of(outcomes)
    judged = [a for a in answered if a.overlap is not None]
    given: dict[str, float | None] = {"answered": _mean([not a.refused for a in answered])}
    for place, name in enumerate(_JUDGED):
        given[name] = _mean([0.0 if a.refused else _values(a)[place] for a in judged])
    given["sentences"] = _mean([a.sentences for a in answered if not a.refused])
    return given


def _refusal(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    answered = answered_of(outcomes)
    kept, removed = _confidences(answered)
    threshold = suggested_threshold(kept)
    below: Callable[[float], bool] = lambda value: threshold is not None and value < threshold  # noqa: E731
    refusal = {
        "answered": _mean([not a.refused for a in answered]),
        "removed_refused": _mean([bool(a.removed_refused) for a in answered]),
        "suggested_threshold": _rounded(threshold),
        "answered_at_suggested": _mean([not below(value) for value in kept]),
        "removed_refused_at_suggested": _mean([below(value) for value in removed]),
    }
    report: dict[str, Any] = {"refusal": refusal}
    if nothing := [o.answered for o in outcomes if o.answered and not o.right]:
        report["unanswerable"] = {
            "questions": len(nothing),
            "refused": _mean([a.refused for a in nothing]),
            "refused_at_suggested": _mean([below(a.confidence) for a in nothing]),
            "auroc": _rounded(auroc(kept, [a.confidence for a in nothing])),
        }
    return report


def _confidences(answered: Sequence[Answered]) -> tuple[list[float], list[float]]:
    """Return the confidence of each question, and with what is right removed."""
    return [a.confidence for a in answered], [a.removed_confidence or 0.0 for a in answered]


def _values(answered: Answered) -> tuple[float, ...]:
    return (answered.contains or 0.0, answered.em or 0.0, answered.f1 or 0.0)


def matrix(outcomes: Sequence[Outcome]) -> dict[str, Floats]:
    """Return the figures that are means, question by question, in the order of ``outcomes``."""
    import numpy as np

    right = [o for o in outcomes if o.right]
    columns = {name: np.array([o.scores[name] for o in right]) for name in METRICS}
    judged = [a for a in answered_of(right) if a.overlap is not None]
    if judged:
        values = np.array([_values(a) for a in judged])
        columns |= {name: values[:, place] for place, name in enumerate(_JUDGED)}
    return columns


def _mean(values: Sequence[float]) -> float | None:
    return round(sum(values) / len(values), 4) if values else None


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
