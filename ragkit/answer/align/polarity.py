"""Whether two sentences affirm and deny the same, and to the same extent.

Every function returns the reason against support in a few words, or "".
"""

from __future__ import annotations

from collections.abc import Collection

from ragkit.answer.align.match import Match
from ragkit.answer.align.reading import CONTENT, Reading
from ragkit.answer.align.roles import of_clause

__all__ = ["denied", "opposed", "scope"]


def denied(ours: Reading, theirs: Reading, match: Match, part: range) -> str:
    """Tell whether one denies what the other affirms, by the nearest common words."""
    back = {j: i for i, j in match.to.items()}
    for clause, after in ours.denials:
        if not (part.start <= after <= part.stop):
            continue
        i = _target(ours, clause, after, match.to)
        if i is None:
            if any(part.start <= n < part.stop for n in of_clause(ours, clause)):
                return "denial of nothing"
            continue
        if _parity(ours, i) != _parity(theirs, match.to[i]):
            return "denied"
    for clause, after in theirs.denials:
        j = _target(theirs, clause, after, back)
        if j is not None and _parity(ours, back[j]) != _parity(theirs, j):
            return "not denied"
    return ""


def _target(reading: Reading, clause: int, after: int, known: Collection[int]) -> int | None:
    """Return the known element that a negation speaks of, or None if that is not known.

    It speaks of what follows it in its clause; of what comes before only where nothing follows.
    """
    here = [n for n in of_clause(reading, clause) if reading.elements[n].weight >= CONTENT]
    behind = [n for n in here if n >= after]
    return next((n for n in behind or here[::-1] if n in known), None)


def _parity(reading: Reading, n: int) -> tuple[bool, bool]:
    return reading.parity.get(reading.elements[n].clause, (False, False))


def opposed(ours: Reading, theirs: Reading, match: Match, part: range) -> str:
    """Tell whether the source has the opposite of a word of the answer, in its place or clause."""
    clauses = {theirs.elements[match.to[i]].clause for i in match.to if i in part}
    own = {ours.elements[i].clause for i in part}
    held = {side for clause, _, _, side in theirs.sides if clause in clauses}
    anywhere = {side for _, _, _, side in theirs.sides}
    for clause, at, is_own, (pair, side) in ours.sides:
        if clause not in own:
            continue
        if (pair, side) not in anywhere and any(p == pair and s != side for p, s in held):
            return f"opposite {pair}"
        for slot in match.slots:
            if not _in_gap(slot.ours, at, own=is_own):
                continue
            there = {s for _, j, o, s in theirs.sides if _in_gap(slot.theirs, j, own=o)}
            if (pair, side) not in there and any(p == pair and s != side for p, s in there):
                return f"opposite {pair}"
    return ""


def _in_gap(gap: range, at: int, *, own: bool) -> bool:
    return at in gap if own else gap.start <= at <= gap.stop


_MAY_NOT_ADD = ("all", "only", "entire", "must")


_MAY_NOT_LOSE = ("maybe", "rarely", "only", "plan")


def scope(ours: Reading, theirs: Reading, match: Match, part: range) -> str:
    """Tell whether the answer is more general or more certain than the source."""
    own = {ours.elements[i].clause for i in part}
    clauses = {theirs.elements[match.to[i]].clause for i in match.to if i in part}
    said = {name for name, where in ours.marks.items() if where & own}
    source = {name for name, where in theirs.marks.items() if where & clauses}
    for name in _MAY_NOT_ADD:
        if name in said and name not in theirs.marks:
            if name == "must" and "permit" not in source:
                continue
            return f"adds {name}"
    for name in _MAY_NOT_LOSE:
        if name in source and name not in said:
            return f"loses {name}"
    if "must" in source and "permit" in said and "permit" not in source and "must" not in said:
        return "weakens must"
    if "if" in theirs.marks and "if" not in said:
        for clause in theirs.marks["if"]:
            if clause not in clauses and _near(theirs, clause, clauses):
                return "loses if"
    return ""


def _near(theirs: Reading, clause: int, clauses: set[int]) -> bool:
    return bool(of_clause(theirs, clause)) and bool(clauses)
