"""Two systems on the same questions: is the difference more than chance?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ragkit.evaluate.resampling import bootstrap_p, effect_size, interval, randomisation_p
from ragkit.evaluate.run import Outcome
from ragkit.evaluate.summary import figure_draws, matrix

__all__ = ["compare_outcomes"]


def compare_outcomes(first: Sequence[Outcome], second: Sequence[Outcome]) -> dict[str, Any]:
    """Return for each figure how ``second`` differs from ``first``, question by question.

    ``difference`` is second less first with its 95% bootstrap ``interval``; ``p`` is of the
    two-sided randomisation test for means (of the bootstrap for BLEU and AUROC); ``effect`` is the
    mean difference over its standard deviation, ``better`` and ``worse`` are numbers of questions,
    all three None where a figure is no mean. Both are outcomes of the same questions in the same
    order; raises ValueError otherwise.
    """
    if [o.question.id for o in first] != [o.question.id for o in second]:
        raise ValueError("the two runs must have asked the same questions in the same order")
    ours, theirs = matrix(first), matrix(second)
    compared: dict[str, Any] = {}
    for name, (before, after) in figure_draws(first, second).items():
        moved = [b - a for a, b in zip(before, after, strict=True)]
        # BLEU and AUROC are no means of questions: their resamples' mean stands for them.
        row: dict[str, Any] = {
            "difference": round(sum(moved) / len(moved), 4),
            "interval": [round(edge, 4) for edge in interval(moved)],
            "p": round(bootstrap_p(moved), 4),
            "effect": None,
            "better": None,
            "worse": None,
        }
        if name in ours:
            differences = theirs[name] - ours[name]
            row |= {
                "difference": round(float(differences.mean()), 4),
                "p": round(randomisation_p(differences), 4),
                "effect": round(effect_size(differences), 4),
                "better": int((differences > 0).sum()),
                "worse": int((differences < 0).sum()),
            }
        compared[name] = row
    return compared
