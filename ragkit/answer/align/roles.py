"""Whether who does what to whom, and what has which figure, is the same in two sentences.

Without a parse the order of what both sentences say has to tell. Every function returns the reason
against support in a few words, or "".
"""

from __future__ import annotations

from ragkit.answer.align.figure import comparable
from ragkit.answer.align.match import Match, Tile
from ragkit.answer.align.reading import CONTENT, Element, Reading

__all__ = [
    "agent_acts",
    "exchanged",
    "misplaced_figure",
    "object_made_subject",
    "of_clause",
    "swapped_figures",
    "turned",
]

# More names or figures than this in one place are another matter, not one in place of another.
_FEW = 4


def exchanged(ours: Reading, theirs: Reading, match: Match) -> str:
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


def object_made_subject(ours: Reading, theirs: Reading, match: Match) -> str:
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
        theirs.elements[j].clause != clause
        and theirs.elements[j].clause not in theirs.relative
        and ours.elements[i].clause == own
        for i, j in heavy
    ):
        return ""
    taken = match.taken
    opening = [
        j for j in of_clause(theirs, clause)
        if j < first and j not in taken and theirs.elements[j].weight >= 2 * CONTENT
    ]  # fmt: skip
    return "object made subject" if opening else ""


def misplaced_figure(ours: Reading, theirs: Reading, match: Match, part: range) -> str:
    """Tell whether the source gives another figure to what the answer speaks of.

    "A has 3 and B has 5" does not say that A has 5: the clause of 5 has a subject of its own, or 5
    stands in another order, and the clause of A has a figure that the answer leaves out.
    """
    chained = {i for i in match.to if not any(i in slot.ours for slot in match.slots)}
    spoken = {
        theirs.elements[j].clause for i, j in match.to.items()
        if ours.elements[i].weight >= 2 * CONTENT and not ours.elements[i].figure
    }  # fmt: skip
    untold = [j for j in theirs.figures if j not in match.taken]
    for i in part:
        figure = ours.elements[i].figure
        if figure is None:
            continue
        j = match.to[i]
        clause = theirs.elements[j].clause
        others = _own_subjects(theirs, match, j)
        for k in untold:
            other, place = theirs.elements[k].figure, theirs.elements[k].clause
            if other is None or place == clause or not comparable(figure, other):
                continue
            if place in spoken and (clause in others or i not in chained):
                return "figure of another"
            between = any(place < n <= clause for n in others)
            if between and min(spoken, default=clause) <= place and _says(theirs, match, j, place):
                return "figure of another"
    return ""


def _own_subjects(theirs: Reading, match: Match, before: int) -> set[int]:
    """Return the clauses that hold, before an element, what the answer does not speak of."""
    return {
        element.clause for k, element in enumerate(theirs.elements[:before])
        if k not in match.taken and element.weight >= 2 * CONTENT and not element.figure
    }  # fmt: skip


def _says(theirs: Reading, match: Match, j: int, place: int) -> bool:
    """Tell whether the clause ``place`` says of its figure what is said of the figure ``j``."""
    here = {
        theirs.elements[k].key for k in of_clause(theirs, theirs.elements[j].clause)
        if k in match.taken and k != j and theirs.elements[k].weight >= CONTENT
    }  # fmt: skip
    return bool(here) and here <= {theirs.elements[k].key for k in of_clause(theirs, place)}


def agent_acts(ours: Reading, theirs: Reading, match: Match) -> str:
    """Tell whether the agent of one sentence's passive is acted upon in the other's active."""
    if theirs.agency and not ours.passive:
        back = {j: i for i, j in match.to.items()}
        verb, agent = (back.get(n) for n in theirs.agency)
    elif ours.agency and not theirs.passive:
        verb, agent = (match.to.get(n) for n in ours.agency)
    else:
        return ""
    return "agent" if verb is not None and agent is not None and agent > verb else ""


def turned(ours: Reading, theirs: Reading, match: Match) -> str:
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


def swapped_figures(ours: Reading, theirs: Reading, match: Match, part: range) -> str:
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


def of_clause(reading: Reading, clause: int) -> list[int]:
    """Return the elements of one clause."""
    return [n for n, element in enumerate(reading.elements) if element.clause == clause]
