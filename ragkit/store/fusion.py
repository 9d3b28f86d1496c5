"""Fusion by score of a lexical and a dense ranking."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TypeVar

__all__ = ["fuse_scores"]

Key = TypeVar("Key", bound=Hashable)


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
