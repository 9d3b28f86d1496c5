"""How the content of one sentence lies in another: what is found, in what order, what differs."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass

from ragkit.answer.align.figure import agree
from ragkit.answer.align.reading import CONTENT, Element, Reading, likes

__all__ = ["Match", "Slot", "Tile", "match_readings"]

# A word that shares only its beginning or its meaning with one of the source counts a little less.
_LIKE_CREDIT = 0.8
_LONE_CHARACTER = 0.6
_MAX_PAIRS = 4_000


@dataclass(frozen=True, slots=True)
class Tile:
    """Elements ``a .. a+length`` of the answer are ``b .. b+length`` of the source."""

    a: int
    b: int
    length: int
    weight: float


@dataclass(frozen=True, slots=True)
class Slot:
    """What stands between two tiles of the common order, in the answer and in the source."""

    ours: range
    theirs: range


@dataclass(frozen=True, slots=True)
class Match:
    """``to`` maps elements of the answer to the source's; ``credit`` is how well, 0 to 1."""

    to: dict[int, int]
    credit: tuple[float, ...]
    tiles: tuple[Tile, ...]
    slots: tuple[Slot, ...]

    @property
    def taken(self) -> frozenset[int]:
        """The elements of the source that are said in the answer."""
        return frozenset(self.to.values())


def match_readings(ours: Reading, theirs: Reading, part: range) -> Match:
    """Lay the elements ``part`` of the answer's sentence on those of a source's sentence.

    Longest common runs first (greedy string tiling, Wise 1993); the common order is the heaviest
    chain of tiles that stand in the same order in both.
    """
    pairs = _pairs(ours, theirs, part)
    tiles = _tiles(pairs, ours.elements)
    to: dict[int, int] = {}
    credit = [0.0] * len(ours.elements)
    strong: list[Tile] = []
    for tile in tiles:
        lone = _is_weak(tile, ours.elements)
        for n in range(tile.length):
            to[tile.a + n] = tile.b + n
            credit[tile.a + n] = pairs[tile.a + n, tile.b + n] * (_LONE_CHARACTER if lone else 1.0)
        strong.append(tile)
    chain = _chain(strong)
    return Match(to, tuple(credit), tuple(strong), tuple(_slots(chain, part, len(theirs.elements))))


def _pairs(ours: Reading, theirs: Reading, part: range) -> dict[tuple[int, int], float]:
    found: dict[tuple[int, int], float] = {}
    for i in part:
        element = ours.elements[i]
        if element.figure is not None:
            for j in theirs.figures:
                source = theirs.elements[j].figure
                if source is not None and agree(element.figure, source):
                    found[i, j] = 1.0
            continue
        for j in theirs.index.get(element.key, ()):
            found[i, j] = 1.0
        if element.kind == "word":
            for like in likes(element.key, ours.language):
                for j in theirs.likes.get(like, ()):
                    if like[0] == "=" or _begin_alike(element.key, theirs.elements[j].key):
                        found.setdefault((i, j), _LIKE_CREDIT)
        if len(found) > _MAX_PAIRS:
            break
    return found


def _begin_alike(a: str, b: str) -> bool:
    """Tell two forms of one word by their common beginning, at least 60% of the longer."""
    common = 0
    for x, y in zip(a, b, strict=False):
        if x != y:
            break
        common += 1
    return common >= 5 and common >= 0.6 * max(len(a), len(b))


def _tiles(pairs: dict[tuple[int, int], float], elements: tuple[Element, ...]) -> list[Tile]:
    heap: list[tuple[float, int, int, int]] = []

    def push(a: int, b: int, length: int) -> None:
        weight = sum(elements[a + n].weight * pairs[a + n, b + n] for n in range(length))
        # Long runs of characters say more than their parts.
        heapq.heappush(heap, (-weight * (1 + 0.05 * length), a, b, length))

    for a, b in pairs:
        if (a - 1, b - 1) in pairs:
            continue
        length = 1
        while (a + length, b + length) in pairs:
            length += 1
        push(a, b, length)
    used_a: set[int] = set()
    used_b: set[int] = set()
    tiles: list[Tile] = []
    while heap:
        weight, a, b, length = heapq.heappop(heap)
        free = [a + n not in used_a and b + n not in used_b for n in range(length)]
        if all(free):
            if not _too_small(a, length, elements):
                tiles.append(Tile(a, b, length, -weight))
                used_a.update(range(a, a + length))
                used_b.update(range(b, b + length))
            continue
        for first, size in _free_runs(free):
            push(a + first, b + first, size)
    return tiles


def _free_runs(free: list[bool]) -> Iterator[tuple[int, int]]:
    start = None
    for n, value in enumerate([*free, False]):
        if value and start is None:
            start = n
        elif not value and start is not None:
            yield start, n - start
            start = None


def _too_small(a: int, length: int, elements: tuple[Element, ...]) -> bool:
    """A lone Thai letter or a lone character of grammar is found everywhere."""
    run = elements[a : a + length]
    if any(element.kind != "char" for element in run):
        return False
    if "\u0e01" <= run[0].key <= "\u17d3":
        return length < 3
    return length == 1 and run[0].weight < CONTENT


def _is_weak(tile: Tile, elements: tuple[Element, ...]) -> bool:
    return tile.length == 1 and elements[tile.a].kind == "char"


def _chain(tiles: list[Tile]) -> list[Tile]:
    """Return the heaviest chain of tiles that follow each other in both sentences."""
    ordered = sorted(tiles, key=lambda tile: tile.a)
    best: list[tuple[float, int]] = []
    for n, tile in enumerate(ordered):
        value, back = tile.weight, -1
        for m in range(n):
            before = ordered[m]
            if before.b + before.length <= tile.b and best[m][0] + tile.weight > value:
                value, back = best[m][0] + tile.weight, m
        best.append((value, back))
    chain: list[Tile] = []
    at = max(range(len(best)), key=lambda n: best[n][0], default=-1)
    while at >= 0:
        chain.append(ordered[at])
        at = best[at][1]
    return chain[::-1]


def _slots(chain: list[Tile], part: range, size: int) -> Iterator[Slot]:
    a, b = part.start, 0
    for tile in chain:
        yield Slot(range(a, tile.a), range(b, tile.b))
        a, b = tile.a + tile.length, tile.b + tile.length
    yield Slot(range(a, part.stop), range(b, size))
