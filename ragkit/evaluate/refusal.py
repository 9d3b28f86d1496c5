"""How well confidence tells questions that can be answered from those that cannot."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ragkit.evaluate.resampling import Floats

__all__ = ["ANSWERED_SHARE", "auroc", "auroc_draws", "suggested_threshold"]

ANSWERED_SHARE = 0.95


def auroc(positive: Sequence[float], negative: Sequence[float]) -> float | None:
    """Return the probability that a positive scores above a negative; a tie counts half.

    The area under the ROC curve (Hanley and McNeil 1982). None where either is empty.
    """
    if not positive or not negative:
        return None
    import numpy as np

    ordered = np.sort(np.asarray(negative, dtype=float))
    scores = np.asarray(positive, dtype=float)
    below = np.searchsorted(ordered, scores, side="left")
    upto = np.searchsorted(ordered, scores, side="right")
    return float((below + upto).sum() / (2 * len(scores) * len(ordered)))


def auroc_draws(
    positive: Sequence[float], negative: Sequence[float], draws: Iterator[Floats]
) -> list[float]:
    """Return the AUROC of each resample; ``positive[i]`` and ``negative[i]`` are one question's."""
    import numpy as np

    scores, others = np.asarray(positive, dtype=float), np.asarray(negative, dtype=float)
    order = np.argsort(others, kind="stable")
    below = np.searchsorted(others[order], scores, side="left")
    upto = np.searchsorted(others[order], scores, side="right")
    found = []
    for weights in draws:
        sums = np.concatenate(([0.0], np.cumsum(weights[order])))
        found.append(float(weights @ (sums[below] + sums[upto])) / (2 * weights.sum() ** 2))
    return found


def suggested_threshold(
    answerable: Sequence[float], *, answered: float = ANSWERED_SHARE
) -> float | None:
    """Return the highest confidence at which a share ``answered`` of ``answerable`` reaches it."""
    if not answerable:
        return None
    ordered = sorted(answerable)
    # The epsilon keeps 0.05 * 20 from missing the question that it should let go.
    return ordered[int((1 - answered) * len(ordered) + 1e-9)]
