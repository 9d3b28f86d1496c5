"""What tells whether the retrieved nodes hold the answer: numbers for a logistic model."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ragkit.answer.evidence import Atoms, Evidence
from ragkit.answer.question import Question

__all__ = ["refusal_signals"]

# One word found, another missing: it tells in a small collection.
_FEW_NODES = 10
_ONE_WORD, _MISSING = 1.1, 0.45
# A longer sentence is no likelier to match by chance, since it is code or a table.
_LONG = 40
_MOST_FOUND = 4.0
# Kinds of answer that are recognised surely enough for their absence to tell.
_TYPED = frozenset({"time", "number"})
# Where one word is found, and so much of the question stands in no node, the words are another's.
_MOST_UNKNOWN = 0.6
# Kinds that are about all of their words: no other word may stand for one that no node holds.
_ALL_OF_IT = frozenset({"polar", "definition"})


def refusal_signals(
    question: Question,
    ranked: Sequence[tuple[float, Evidence]],
    evidence: Sequence[Evidence],
    atoms: Atoms,
    scores: Sequence[float],
) -> dict[str, float]:
    """Return the signals by name; the arguments are those of ``refusal.confidence``.

    ``around`` and ``everywhere`` (shares of the question's rarity), ``runs`` and
    ``runs_everywhere`` (shares of its runs of characters, in the best sentence's node and in all
    nodes), ``lost_*``, ``unknown`` and ``unfounded`` (shares of its length), ``defines`` and
    ``named`` lie in [0, 1].
    """
    top, best = ranked[0]
    everywhere = _most(evidence)
    node = _most([e for e in evidence if e.node == best.node])
    found = sum(size * c for size, c in zip(atoms.sizes, best.around, strict=True))
    thin = float(found <= _ONE_WORD and sum(atoms.sizes) - found >= _MISSING)
    runs = len(atoms.runs) or 1
    unknown = atoms.lost(everywhere, known=False)
    barely = bool(thin) and unknown >= _MOST_UNKNOWN
    return {
        "around": atoms.evidence(best.around),
        "everywhere": atoms.evidence(everywhere),
        "matter": math.log(0.1 + atoms.matter(best.said) / atoms.rarest),
        "soft": best.features.soft,
        "flat": _flatness(scores),
        "typed": best.features.lacking if question.kind in _TYPED else 0.0,
        "names": min(2.0, atoms.missing_names(best.around)),
        "atoms": math.log(max(1, len(atoms.weights))),
        "words": math.log(1 + min(best.words, _LONG)),
        "found": min(_MOST_FOUND, found),
        "rivals": math.log(sum(math.exp(score - top) for score, _ in ranked)),
        "runs": len(best.runs) / runs,
        "runs_everywhere": len(frozenset().union(*(e.runs for e in evidence))) / runs,
        "lost_around": atoms.lost(best.around, known=True),
        "lost_node": atoms.lost(node, known=True),
        "lost_everywhere": atoms.lost(everywhere, known=True),
        "unknown": unknown,
        "unfounded": unknown if barely or question.kind in _ALL_OF_IT else 0.0,
        "thin_few": thin / (1 + atoms.nodes / _FEW_NODES),
        "defines": best.features.defines,
        "named": best.features.named,
        "strangers": min(2.0, atoms.strangers),
    }


def _most(evidence: Sequence[Evidence]) -> list[float]:
    """Return how far each atom is covered around any of the sentences."""
    return [max(column) for column in zip(*(e.around for e in evidence), strict=True)]


def _flatness(scores: Sequence[float]) -> float:
    """Return how near the other nodes' scores come to the best one's, from 0 to 1."""
    others = scores[1:]
    return sum(others) / len(others) / scores[0] if others and scores[0] else 0.0
