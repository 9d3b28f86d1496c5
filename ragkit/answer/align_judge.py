"""Whether one sentence of a source says what a sentence of an answer says.

Precision before recall: whatever the answer says beyond the source (a figure, a name, a negation,
an opposite, a word of generality, another order of roles) is a reason against support.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from ragkit.answer.align_match import Match, Slot, Tile, match_readings
from ragkit.answer.align_numbers import comparable
from ragkit.answer.align_sentence import CONTENT, Element, Reading
from ragkit.answer.align_words import CONTRAST_CHARS

__all__ = ["Verdict", "judge"]

# The share of the content that must be found, and the share that may be missing in one place.
_ENOUGH = 0.74
_CONTEXT_CREDIT = 0.9
# More names or figures than this in one place are another matter, not one in place of another.
_FEW = 4


@dataclass(frozen=True, slots=True)
class Verdict:
    """``score`` in [0, 1]; ``against`` says in a word why there is no support, or is "".

    ``context`` are the numbers of the sentences before that the words were taken from.
    """

    score: float
    against: str
    context: tuple[int, ...] = ()


def judge(
    ours: Reading,
    theirs: Reading,
    part: range,
    before: Sequence[tuple[int, Reading]] = (),
    *,
    later: bool = False,
) -> Verdict:
    """Return whether ``theirs`` says what elements ``part`` of ``ours`` say.

    ``before`` are numbered sentences that stand before ``theirs`` in the same text, nearest first:
    a subject may be named there ("It burned down in 1861"). ``later`` tells that ``part`` goes on a
    sentence, whose subject is then in what came before.
    """
    match = match_readings(ours, theirs, part)
    against = _lost_figure(ours, match, part)
    if against:
        return Verdict(0.0, against)
    context, borrowed = _borrow(ours, theirs, match, part, before)
    credit = {i: max(match.credit[i], borrowed.get(i, 0.0)) for i in part}
    total = sum(ours.elements[i].weight for i in part)
    score = sum(ours.elements[i].weight * credit[i] for i in part) / total if total else 0.0
    against = (
        _lost_name(ours, credit, part)
        or ("coverage" if score < _ENOUGH else "")
        or _replaced(ours, theirs, match, credit)
        or _exchanged(ours, theirs, match)
        or _object_made_subject(ours, theirs, match)
        or _misplaced_figure(ours, theirs, match, part)
        or _swapped_figures(ours, theirs, match, part)
        or _turned(ours, theirs, match)
        or _denied(ours, theirs, match, part)
        or _opposed(ours, theirs, match, part)
        or _scope(ours, theirs, match, part)
        or (_other_subject(ours, theirs, match, part) if later else "")
    )
    return Verdict(score, against, context)


def _lost_figure(ours: Reading, match: Match, part: range) -> str:
    lost = any(ours.elements[i].figure and not match.credit[i] for i in part)
    return "figure" if lost else ""


def _lost_name(ours: Reading, credit: dict[int, float], part: range) -> str:
    for i in part:
        if ours.elements[i].kind in ("name", "identifier") and not credit[i]:
            return f"name {ours.elements[i].key}"
    return ""


def _borrow(
    ours: Reading,
    theirs: Reading,
    match: Match,
    part: range,
    before: Sequence[tuple[int, Reading]],
) -> tuple[tuple[int, ...], dict[int, float]]:
    """Take a subject and names from the sentences before, where ``theirs`` has nothing instead."""
    borrowed: dict[int, float] = {}
    used: dict[int, None] = {}
    for n, slot in enumerate(match.slots):
        missing = [
            i for i in slot.ours
            if not match.credit[i] and (not n or ours.elements[i].kind == "name")
        ]  # fmt: skip
        heavy = [i for i in missing if ours.elements[i].weight >= CONTENT]
        if not heavy or _filler(theirs, match, slot):
            continue
        for number, reading in before:
            found = [i for i in missing if i not in borrowed and _holds(reading, ours.elements, i)]
            if found:
                used[number] = None
                borrowed.update(dict.fromkeys(found, _CONTEXT_CREDIT))
    return tuple(used), borrowed


def _holds(reading: Reading, elements: tuple[Element, ...], i: int) -> bool:
    element = elements[i]
    if element.kind != "char":
        return element.key in reading.index
    left = elements[i - 1].key + element.key if i else ""
    right = element.key + elements[i + 1].key if i + 1 < len(elements) else ""
    return left in reading.pairs or right in reading.pairs


def _filler(theirs: Reading, match: Match, slot: Slot) -> list[int]:
    """Return what the source has in a slot that the answer does not say anywhere."""
    taken = match.taken
    return [j for j in slot.theirs if j not in taken and theirs.elements[j].weight >= 2 * CONTENT]


def _replaced(
    ours: Reading,
    theirs: Reading,
    match: Match,
    credit: dict[int, float],
) -> str:
    """Tell whether something else stands in the answer where the source has its own word."""
    taken = match.taken
    for slot in match.slots:
        missing = [i for i in slot.ours if not credit[i] and ours.elements[i].weight >= 2 * CONTENT]
        filler = _filler(theirs, match, slot)
        if missing and filler:
            return "replaced " + " ".join(ours.elements[i].key for i in missing)
        lone = any(i not in match.to and ours.elements[i].key in CONTRAST_CHARS for i in slot.ours)
        if lone and any(
            j not in taken and theirs.elements[j].key in CONTRAST_CHARS for j in slot.theirs
        ):
            return "contrast"
    return ""


def _exchanged(ours: Reading, theirs: Reading, match: Match) -> str:
    """Tell whether a name or figure stands where the source has another one of its kind."""
    back = {j: i for i, j in match.to.items()}
    for slot in match.slots:
        moved = [i for i in slot.ours if i in match.to and _is_strong(ours, i)]
        others = [j for j in slot.theirs if _is_strong(theirs, j)]
        for i in moved:
            for j in others:
                if match.to[i] == j or not _same_class(ours.elements[i], theirs.elements[j]):
                    continue
                if j in back and ours.passive != theirs.passive:
                    continue
                if j not in back and len(others) > _FEW:
                    continue
                if ours.elements[i].kind == "char" and not _run(ours, slot.ours, i):
                    continue
                return f"exchanged {ours.elements[i].key} {theirs.elements[j].key}"
    return ""


def _run(reading: Reading, slot: range, i: int) -> bool:
    """Tell whether a character stands beside another of content in its slot."""
    near = (i - 1, i + 1)
    return any(n in slot and reading.elements[n].weight >= 2 * CONTENT for n in near)


def _is_strong(reading: Reading, i: int) -> bool:
    element = reading.elements[i]
    return element.kind in ("name", "identifier", "figure") or (
        element.kind == "char" and element.weight >= 2 * CONTENT
    )


def _same_class(a: Element, b: Element) -> bool:
    if a.figure is not None and b.figure is not None:
        return comparable(a.figure, b.figure)
    return (a.figure is None) == (b.figure is None)


def _object_made_subject(ours: Reading, theirs: Reading, match: Match) -> str:
    """Tell whether the answer opens with what is no subject in the source.

    "A bridge spans the river, is 1280 m long" says nothing of the length of the river: the river
    ends a clause that another word opens, and the rest stands in a later clause.
    """
    moved = {i for slot in match.slots for i in slot.ours}
    chain = sorted((i, j) for i, j in match.to.items() if i not in moved)
    heavy = [(i, j) for i, j in chain if ours.elements[i].weight >= CONTENT]
    if not heavy:
        return ""
    first = heavy[0][1]
    clause, own = theirs.elements[first].clause, ours.elements[heavy[0][0]].clause
    if not any(
        theirs.elements[j].clause != clause and ours.elements[i].clause == own for i, j in heavy
    ):
        return ""
    taken = match.taken
    opening = [
        j for j in _of_clause(theirs, clause)
        if j < first and j not in taken and theirs.elements[j].weight >= 2 * CONTENT
    ]  # fmt: skip
    return "object made subject" if opening else ""


def _misplaced_figure(ours: Reading, theirs: Reading, match: Match, part: range) -> str:
    """Tell whether the source gives another figure to what the answer speaks of.

    "A has 3 and B has 5" does not say that A has 5: the clause of 5 has a subject of its own, or 5
    stands in another order, and the clause of A has a figure that the answer leaves out.
    """
    taken = match.taken
    chained = {i for i in match.to if not any(i in slot.ours for slot in match.slots)}
    spoken = {
        theirs.elements[j].clause for i, j in match.to.items()
        if ours.elements[i].weight >= 2 * CONTENT and not ours.elements[i].figure
    }  # fmt: skip
    untold = [j for j in theirs.figures if j not in taken]
    for i in part:
        figure = ours.elements[i].figure
        if figure is None:
            continue
        j = match.to[i]
        clause = theirs.elements[j].clause
        own_subject = any(
            k not in taken and theirs.elements[k].weight >= 2 * CONTENT
            for k in _of_clause(theirs, clause) if k < j and not theirs.elements[k].figure
        )  # fmt: skip
        if not own_subject and i in chained:
            continue
        for k in untold:
            other, place = theirs.elements[k].figure, theirs.elements[k].clause
            if other and place != clause and place in spoken and comparable(figure, other):
                return "figure of another"
    return ""


def _turned(ours: Reading, theirs: Reading, match: Match) -> str:
    """Tell whether three runs stand in exactly the reverse order, or in the same but passive."""
    tiles = sorted((t for t in match.tiles if _counts(ours, t)), key=lambda tile: tile.a)
    turned = any(
        x.b > y.b > z.b
        for n, x in enumerate(tiles)
        for m, y in enumerate(tiles[n + 1 :], n + 1)
        for z in tiles[m + 1 :]
        if x.b > y.b and _alike(ours, x, z)
    )
    return "order" if turned and ours.passive == theirs.passive else ""


def _alike(ours: Reading, x: Tile, z: Tile) -> bool:
    """Tell whether two runs could play each other's part: a figure and a name cannot."""
    first = {ours.elements[n].figure is None for n in range(x.a, x.a + x.length)}
    return bool(first & {ours.elements[n].figure is None for n in range(z.a, z.a + z.length)})


def _swapped_figures(ours: Reading, theirs: Reading, match: Match, part: range) -> str:
    """Tell whether two figures changed places: each follows and precedes what the other did."""
    own = [i for i in part if i in match.to and ours.elements[i].figure]
    lengths = {tile.a + n: tile for tile in match.tiles for n in range(tile.length)}
    for n, i in enumerate(own):
        for k in own[n + 1 :]:
            a, b = ours.elements[i].figure, ours.elements[k].figure
            if match.to[i] < match.to[k] or a is None or b is None or not comparable(a, b):
                continue
            moved = any(
                _travels(ours, theirs, match, lengths[x], x, y) for x, y in ((i, k), (k, i))
            )
            if not moved:
                return "figures swapped"
    return ""


def _travels(ours: Reading, theirs: Reading, match: Match, tile: Tile, i: int, k: int) -> bool:
    """Tell whether figure ``i`` took its neighbours along, which are not those of ``k`` too."""
    run = [n for n in range(tile.a, tile.a + tile.length) if n != i]
    if any(ours.elements[n].weight >= CONTENT for n in run):
        return True
    here, there = ours.elements[i].beside, theirs.elements[match.to[i]].beside
    other = ours.elements[k].beside
    return any(h == t != o and h.isalnum() for h, t, o in zip(here, there, other, strict=True))


def _counts(ours: Reading, tile: Tile) -> bool:
    run = ours.elements[tile.a : tile.a + tile.length]
    if all(element.kind == "char" for element in run):
        return sum(element.weight for element in run) >= 0.5
    return any(element.weight >= 0.9 for element in run)


def _denied(ours: Reading, theirs: Reading, match: Match, part: range) -> str:
    """Tell whether one denies what the other affirms, by the nearest common words."""
    back = {j: i for i, j in match.to.items()}
    for clause, after in ours.denials:
        if not (part.start <= after <= part.stop):
            continue
        i = _target(ours, clause, after, match.to)
        if i is None:
            if any(part.start <= n < part.stop for n in _of_clause(ours, clause)):
                return "denial of nothing"
            continue
        if _parity(ours, i) != _parity(theirs, match.to[i]):
            return "denied"
    for clause, after in theirs.denials:
        j = _target(theirs, clause, after, back)
        if j is not None and _parity(ours, back[j]) != _parity(theirs, j):
            return "not denied"
    return ""


def _of_clause(reading: Reading, clause: int) -> list[int]:
    return [n for n, element in enumerate(reading.elements) if element.clause == clause]


def _target(reading: Reading, clause: int, after: int, known: Collection[int]) -> int | None:
    """Return the known element that a negation speaks of, or None if that is not known.

    It speaks of what follows it in its clause; of what comes before only where nothing follows.
    """
    here = [n for n in _of_clause(reading, clause) if reading.elements[n].weight >= CONTENT]
    behind = [n for n in here if n >= after]
    return next((n for n in behind or here[::-1] if n in known), None)


def _parity(reading: Reading, n: int) -> tuple[bool, bool]:
    return reading.parity.get(reading.elements[n].clause, (False, False))


def _opposed(ours: Reading, theirs: Reading, match: Match, part: range) -> str:
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


def _scope(ours: Reading, theirs: Reading, match: Match, part: range) -> str:
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
    return bool(_of_clause(theirs, clause)) and bool(clauses)


def _other_subject(ours: Reading, theirs: Reading, match: Match, part: range) -> str:
    """Tell whether the source's sentence opens with a subject that the answer does not name."""
    if not match.to:
        return "nothing"
    first = min(match.to.values())
    known = {element.key for element in ours.elements}
    lead = [
        e
        for e in theirs.elements[:first]
        if e.weight >= 2 * CONTENT and e.clause == theirs.elements[first].clause
    ]
    return "other subject" if any(e.key not in known for e in lead) else ""
