"""Fusion of a lexical and a dense ranking: by their worth, or by fixed shares of their scores."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from ragkit.store.worth import Array, Learner, Measured

__all__ = ["candidates", "fuse_by_worth", "fuse_scores"]

Key = TypeVar("Key", bound=Hashable)

FEWEST = 8  # candidates: fewer do not show what an arm is worth
# The score of a node that words alone did not find: at most the last one's that they did.
_UNFOUND = 0.5


@dataclass(frozen=True, slots=True)
class Candidates(Generic[Key]):
    """The union of two rankings, those that the words found first, best first.

    ``by_words`` are log odds by words alone, ``slope`` those of a share of 1 of the best score.
    """

    keys: Sequence[Key]
    by_words: Array
    cosines: Array
    found: int
    slope: float


def candidates(
    lexical: Sequence[tuple[Key, float]], dense: Mapping[Key, float], *, depth: int
) -> Candidates[Key]:
    """Return what is to be weighed of two rankings; see ``fuse_by_worth``."""
    import numpy as np

    from ragkit.store.worth import lexical_slope

    keys = list(dict.fromkeys([key for key, _ in lexical] + list(dense)))
    scores, greatest = dict(lexical), max((score for _, score in lexical), default=0.0)
    unfound = _UNFOUND * lexical[-1][1] if lexical and len(lexical) >= depth else 0.0
    shares = np.asarray([max(0.0, scores.get(key, unfound)) for key in keys])
    slope = lexical_slope(greatest)
    middle = float(np.median(list(dense.values())))
    return Candidates(
        keys,
        slope * (shares / greatest if greatest > 0 else shares),
        np.asarray([dense.get(key, middle) for key in keys]),
        len(lexical),
        slope,
    )


def fuse_by_worth(
    lexical: Sequence[tuple[Key, float]],
    dense: Mapping[Key, float],
    *,
    depth: int,
    known: Measured | Learner,
) -> list[tuple[Key, float]]:
    """Return the union of two rankings, best first, as ``(key, score)`` with scores in 0..1.

    ``dense`` has the cosines of its own best and of what ``lexical`` found, as far as these have a
    vector; ``lexical`` is cut at ``depth`` where it is that long. How much each arm decides follows
    from what is ``known`` of the vectors: see ``ragkit.store.worth``.

    The best node scores 1. Another's score is the share of the best one's lexical score that would
    put it as far behind by words alone, and 0 where no share would. Fewer than ``FEWEST``
    candidates are fused half and half. Ties keep their order, lexical before dense.
    """
    if not dense or len({key for key, _ in lexical} | set(dense)) < FEWEST:
        by_cosine = sorted(dense.items(), key=lambda item: -item[1])
        return fuse_scores(lexical, by_cosine, alpha=0.5 if dense else 0.0)
    import numpy as np

    from ragkit.store.worth import weigh_candidates

    all_ = candidates(lexical, dense, depth=depth)
    odds = weigh_candidates(all_.by_words, all_.cosines, found=all_.found, known=known)
    behind = (odds - odds.max()) / all_.slope
    order = np.argsort(-odds, kind="stable")
    return [(all_.keys[place], float(max(0.0, 1.0 + behind[place]))) for place in order]


def fuse_scores(
    lexical: Sequence[tuple[Key, float]], dense: Sequence[tuple[Key, float]], *, alpha: float
) -> list[tuple[Key, float]]:
    """Return the union of two rankings, best first, as ``(key, score)`` with scores in 0..1.

    Each arm's scores are divided by the arm's greatest, and what an arm did not find, or scored
    below 0, counts 0 in it; ``alpha`` is the weight of the dense arm and ``1 - alpha`` that of
    the lexical one (LlamaIndex's convention). Scores, not ranks: an arm that is weak throughout a
    language then adds nearly the same to all candidates, while rank fusion would let it decide.
    Ties keep their order, lexical before dense. Raises ``ValueError`` for ``alpha`` outside 0..1.
    """
    if not 0.0 <= alpha <= 1.0:
        raise ValueError(f"alpha is {alpha}; it is the dense arm's share, from 0 to 1.")
    fused: dict[Key, float] = {}
    for ranking, weight in ((lexical, 1.0 - alpha), (dense, alpha)):
        greatest = max((score for _, score in ranking), default=0.0)
        for key, score in ranking:
            share = max(score, 0.0) / greatest if greatest > 0.0 else 0.0
            fused[key] = fused.get(key, 0.0) + weight * share
    return sorted(fused.items(), key=lambda item: -item[1])
