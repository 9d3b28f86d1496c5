"""BM25 over postings, exact and with the terms that cannot change the result left for last.

Okapi BM25 (Robertson and Zaragoza 2009) with Lucene's idf, ``log(1 + (N - n + .5) / (n + .5))``,
which unlike the classical one stays above 0 for a term that most rows hold. A term's frequency is
the sum of its counts in the fields, each times the field's weight, and a row's length the number
of its terms in all fields, as SQLite's FTS5 has it.

Rare terms are scored first. Once a row that holds none of them could not come among the best any
more, whatever it held of the rest, the rest is looked up for the remaining candidates alone
(MaxScore: Turtle and Flood 1995, "Query evaluation: strategies and optimizations"). The result is
that of scoring everything.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ragkit.store.postings import Places, Postings, Rows
    from ragkit.store.terms import RowTerms
    from ragkit.types import Clause

__all__ = [
    "K1",
    "B",
    "Statistics",
    "best_rows",
    "damping_of",
    "idf",
    "score_rows",
]

K1, B = 1.2, 0.75
_RARE_ROWS = 20_000


@dataclass(frozen=True, slots=True)
class Statistics:
    """What BM25 knows of a collection: its ``rows``, their terms in all, and how many rows hold
    each term that was asked for.
    """

    rows: int
    terms: int
    held: Mapping[str, int]

    @property
    def mean(self) -> float:
        """The mean length of a row, in terms; above 0."""
        return max(self.terms / self.rows, 1e-9) if self.rows else 1e-9


@dataclass(frozen=True, slots=True)
class _Term:
    """A term of a clause; ``bound`` is more than it can add to any row."""

    term: str
    factor: float
    weights: tuple[float, ...]
    size: int

    @property
    def bound(self) -> float:
        return self.factor * (K1 + 1)

    def worth(self, frequency: Any, damping: Any) -> Any:
        """Return what it adds to rows that hold it so often."""
        return self.bound * frequency / (frequency + damping)


def best_rows(
    rows: Rows,
    clauses: Sequence[Clause],
    postings: Mapping[str, Sequence[Postings]],
    *,
    limit: int,
    allowed: Places | None = None,
) -> list[tuple[int, float]]:
    """Return up to ``limit`` (place, score above 0), best first; ties by place.

    A row's score is the sum over ``clauses`` of the clause's weight times the row's BM25.
    ``allowed`` limits the result to these places, ascending; idf is that of all rows all the same.
    """
    import numpy as np

    lengths = rows.lengths
    count = int(np.count_nonzero(lengths))
    if not count or limit < 1:
        return []
    held = {term: sum(len(part.low) for part in parts) for term, parts in postings.items()}
    statistics = Statistics(count, int(lengths.sum(dtype=np.int64)) - count, held)
    damping = damping_of(lengths, statistics.mean)
    scores = np.zeros(len(lengths))
    terms = _terms(clauses, statistics)
    left, ahead = sum(term.size for term in terms), sum(term.bound for term in terms)
    candidates = allowed if allowed is not None and len(allowed) * 4 < left else None
    rare: Places | None = None  # rows of the rarest terms
    scored, added = 0.0, 0
    for term in terms:
        added += term.size
        if rare is None and added > max(_RARE_ROWS, len(lengths) // 16):
            rare = np.flatnonzero(scores > 0)
        if candidates is None and 2 * left > len(lengths) and scored > ahead:
            candidates = _candidates(scores, rare, allowed, limit, ahead)
        _add(scores, term, postings[term.term], damping, candidates)
        left, ahead, scored = left - term.size, ahead - term.bound, scored + term.bound
    if candidates is None:
        candidates = np.flatnonzero(scores > 0)
    if allowed is not None:
        candidates = np.intersect1d(candidates, allowed, assume_unique=True)
    return [(int(place), float(scores[place])) for place in _best(scores, candidates, limit)]


def score_rows(
    rows: Sequence[RowTerms], clauses: Sequence[Clause], statistics: Statistics
) -> list[float]:
    """Return the scores that ``best_rows`` would give ``rows``, in their order, to the last bit."""
    import numpy as np

    if not rows or not statistics.rows:
        return [0.0] * len(rows)
    lengths = np.asarray([row.length + 1 for row in rows], np.uint16)
    damping = damping_of(lengths, statistics.mean)
    scores = np.zeros(len(rows))
    for term in _terms(clauses, statistics):
        frequency = np.zeros(len(rows))
        for place, weight in enumerate(term.weights):
            counts = [row.counts[place].get(term.term, 0) for row in rows]
            frequency += weight * np.asarray(counts, np.uint8)
        scores += term.worth(frequency, damping)
    found: list[float] = scores.tolist()
    return found


def idf(rows: int, held: int) -> float:
    """Return what a term is worth that ``held`` of ``rows`` hold; above 0."""
    return math.log(1 + (rows - held + 0.5) / (held + 0.5))


def damping_of(lengths: Any, mean: float) -> Any:
    """Return what is added to a frequency below the line; ``lengths`` are those plus one."""
    return lengths * (K1 * B / mean) + (K1 * (1 - B) - K1 * B / mean)


def _terms(clauses: Sequence[Clause], statistics: Statistics) -> list[_Term]:
    """Return the terms that rows hold, what can add most first."""
    found = []
    for clause in clauses:
        for term in dict.fromkeys(clause.terms):
            if size := statistics.held.get(term, 0):
                factor = clause.weight * idf(statistics.rows, size)
                found.append(_Term(term, factor, clause.weights, size))
    return sorted(found, key=lambda term: -term.bound)


def _candidates(
    scores: Any, rare: Places | None, allowed: Places | None, limit: int, ahead: float
) -> Places | None:
    """Return the places that may yet be among the best; None where that may be any.

    The best so far are looked for among ``rare`` places, else all; ``ahead`` is more than the terms
    that are left can add.
    """
    import numpy as np

    places = np.flatnonzero(scores > 0) if rare is None else rare
    if allowed is not None:
        places = np.intersect1d(places, allowed, assume_unique=True)
    if len(places) < limit:
        return None
    surest = float(np.partition(scores[places], len(places) - limit)[len(places) - limit])
    floor = surest - ahead * (1 + 1e-9)  # the margin is for rounding
    if floor <= 0:
        return None
    return np.flatnonzero(scores >= floor)


def _add(
    scores: Any,
    term: _Term,
    postings: Sequence[Postings],
    damping: Any,
    candidates: Places | None,
) -> None:
    """Add what ``term`` is worth to each row, or to the candidates alone."""
    import numpy as np

    for part in postings:
        low, counts = part.low, part.counts
        if candidates is not None:
            first, last = np.searchsorted(candidates, (part.base, part.base + (1 << 16)))
        # Looking up many candidates takes longer than adding to all, which does no harm.
        if candidates is not None and 2 * (last - first) < len(low):
            wanted = (candidates[first:last] - part.base).astype(np.uint16)
            at = np.searchsorted(low, wanted)
            at[at == len(low)] = 0
            at = at[low[at] == wanted]
            low, counts = low[at], counts[:, at]
        if not len(low):
            continue
        places = part.base + low.astype(np.int64)
        frequency = np.zeros(len(low))
        for weight, field in zip(term.weights, counts, strict=True):
            frequency += weight * field
        scores[places] += term.worth(frequency, damping[places])


def _best(scores: Any, candidates: Places, limit: int) -> Places:
    """Return where the greatest scores above 0 stand, greatest first; ties by place."""
    import numpy as np

    places = candidates[scores[candidates] > 0]
    if limit < len(places):
        known = scores[places]
        least = np.partition(known, len(known) - limit)[len(known) - limit]
        ties = np.flatnonzero(known == least)[: limit - int((known > least).sum())]
        places = np.sort(np.concatenate([places[known > least], places[ties]]))
    found: Places = places[np.argsort(-scores[places], kind="stable")]
    return found
