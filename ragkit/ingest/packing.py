"""Cutting a run of text into units that fit, and packing units into nodes of even size.

Token counters are called on short pieces only, so that the cost stays linear in the text whatever
it holds, and on every finished node, since the parts' counts need not add up to the whole's.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache, cached_property
from itertools import accumulate
from typing import NamedTuple

from ragkit.ingest.sentences import scan_run

__all__ = ["Cut", "Meter", "Unit", "pack", "sentence_units", "verbatim_units"]


class Cut:
    """What it costs to end a node there, in shares of a node's size that it may be off target."""

    PARAGRAPH = 0.0
    ITEM = 0.1
    LINE = 0.2
    SENTENCE = 0.45
    CODE_PARAGRAPH = 0.5
    INTRODUCTION = 0.55
    CLAUSE = 0.7
    CODE_LINE = 0.8
    WORD = 1.0
    CHARACTER = 1.4
    HEADING = 1.6


class Unit(NamedTuple):
    """A piece of text that fits into a node; ``after`` is the cost of a cut behind it."""

    start: int
    end: int
    cost: float
    after: float


_CLOSE = "\"'”’」』》〉）)\\]】〕｝}»›"
_CLAUSE = re.compile(f"(?:[，、；：،؛၊]|[,;:|](?=[\\s{_CLOSE}]))[{_CLOSE}]*+")
_CHARS_PER_TOKEN = 20
_LONGEST_WORD = 48
_SHORT = 300  # characters that are sooner counted again than all their tokens found


class Meter:
    """Counts tokens of pieces of one text, and says what fits.

    A piece fits when it has at most ``size`` tokens and ``20 * size`` characters: some counters
    see one token in a million letters, and nobody can read such a node.
    """

    def __init__(
        self,
        text: str,
        count_tokens: Callable[[str], int],
        size: int,
        token_starts: Callable[[str], Sequence[int]] | None = None,
    ) -> None:
        self.text = text
        self.size = size
        self.max_chars = _CHARS_PER_TOKEN * size
        self.grain = max(1, size // 5)  # characters; units need not be finer
        self._count = count_tokens
        self._starts = token_starts(text) if token_starts and len(text) > _SHORT else None

    @cached_property
    def _base(self) -> int:
        """What the counter adds to every text (special tokens)."""
        return max(0, self._count(""))

    @cached_property
    def _space(self) -> int:
        """What the counter sees in a space (characters)."""
        lone, pair = self._count("a"), self._count("a a")
        return min(1, max(0, pair - 2 * lone + self._base))

    @property
    def budget(self) -> int:
        """Tokens that the units of one node may have together."""
        return max(1, self.size - self._base)

    def excess(self, start: int, end: int) -> float:
        """Return the piece's size over the allowed one: it fits when that is at most 1."""
        if end - start > self.max_chars:
            return (end - start) / self.max_chars
        return self._tokens(start, end) / self.size

    def cost(self, start: int, end: int) -> int | None:
        """Return the piece's own tokens, or None where it does not fit."""
        if end - start > self.max_chars:
            return None
        count = self._tokens(start, end)
        if count > self.size:
            return None
        return count - self._base if count > self._base else 0

    def gap(self, end: int, start: int) -> int:
        """Return the tokens of the white space between two pieces."""
        return self._space * (start - end)

    def _tokens(self, start: int, end: int) -> int:
        starts = self._starts
        if starts is None:
            return self._count(self.text[start:end])
        first = bisect_left(starts, start)
        whole = first < len(starts) and starts[first] == start
        # A piece that opens inside a token has a token more than begin in it, or other ones.
        if not whole and start and self._count(self.text[start : start + 1]):
            return self._count(self.text[start:end])
        return bisect_left(starts, end, first) - first


Spans = Iterable[tuple[int, int]]
_Cutter = Callable[[Meter, int, int], Spans]


def sentence_units(meter: Meter, start: int, end: int, after: float) -> Iterator[Unit]:
    """Yield units of a soft run: sentences, or parts of one that is too long for a node."""
    spans = scan_run(meter.text, start, end)
    return _fitting(meter, spans, _FINER, cut=Cut.SENTENCE, after=after)


def verbatim_units(meter: Meter, start: int, end: int, after: float) -> Iterator[Unit]:
    """Yield one unit, or parts of it where it is too long: for code, titles and table rows."""
    return _fitting(meter, [(start, end)], _FINER, cut=Cut.CLAUSE, after=after)


def _fitting(
    meter: Meter,
    spans: Spans,
    finer: tuple[tuple[_Cutter, float], ...],
    *,
    cut: float,
    after: float,
) -> Iterator[Unit]:
    """Yield units for ``spans``, small ones joined, those that do not fit cut by ``finer``."""
    first = last = -1  # of the unit so far
    for start, end in spans:
        if first < 0:
            first = start
        elif end - first > meter.grain:
            # Letters on both sides and no space: the cut is inside a word.
            at = Cut.CHARACTER if cut == Cut.WORD and last == start else cut
            cost = meter.cost(first, last)
            if cost is None:
                yield from _cut_up(meter, first, last, finer, after=at)
            else:
                yield Unit(first, last, cost + meter.gap(last, start), at)
            first = start
        last = end
    if first < 0:
        return
    cost = meter.cost(first, last)
    if cost is None:
        yield from _cut_up(meter, first, last, finer, after=after)
    else:
        yield Unit(first, last, cost, after)


def _cut_up(
    meter: Meter, start: int, end: int, finer: tuple[tuple[_Cutter, float], ...], *, after: float
) -> Iterator[Unit]:
    """Yield units for a piece that does not fit."""
    if finer:
        (cutter, cut), *rest = finer
        yield from _fitting(meter, cutter(meter, start, end), tuple(rest), cut=cut, after=after)
    else:
        yield Unit(start, end, meter.budget, after)  # one character; no counter can refuse it


def _clauses(meter: Meter, start: int, end: int) -> Iterator[tuple[int, int]]:
    text, begin = meter.text, start
    for match in _CLAUSE.finditer(text, start, end):
        if match.end() < end:
            yield begin, match.end()
            begin = _skip_space(text, match.end(), end)
    if begin < end:
        yield begin, end


def _words(meter: Meter, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield pieces of about a grain, cut at white space, else between scripts, else anywhere."""
    text, at = meter.text, start
    while end - at > meter.grain:
        stop = _word_end(text, at, at + meter.grain, end)
        yield at, at + len(text[at:stop].rstrip())
        at = _skip_space(text, stop, end)
    if at < end:
        yield at, end


def _word_end(text: str, at: int, aim: int, end: int) -> int:
    """Return where to cut ``text[at:end]`` near ``aim``: after a word, before its white space."""
    head = text[at : aim + 1]
    for place in range(len(head) - 1, len(head) // 2, -1):
        if head[place].isspace():
            return at + len(head[:place].rstrip())
    word = _word().match(text, aim - 1, min(end, aim + _LONGEST_WORD))
    # A word that does not end in sight is none.
    stop = word.end() if word and word.end() < aim + _LONGEST_WORD else aim
    return _whole_character(text, stop, end)


# So many characters take milliseconds to compile, which short texts can do without.
@cache
def _word() -> re.Pattern[str]:
    """Return what a word is in a script that separates words by spaces."""
    return re.compile("[^\\W_\u2e80-\uffdc]++")


@cache
def _word_start() -> re.Pattern[str]:
    """Return what opens a word: behind white space, or anywhere in a script that puts none."""
    return re.compile("(?<=\\s)[^\\s]|(?<=[\u3040-\ua4cf])[\u3040-\ua4cf]")


def _characters(meter: Meter, start: int, end: int) -> Iterator[tuple[int, int]]:
    text, at = meter.text, start
    while at < end:
        stop = _whole_character(text, at + 1, end)
        if shown := len(text[at:stop].rstrip()):
            yield at, at + shown
        at = stop


def _code_points(meter: Meter, start: int, end: int) -> Iterator[tuple[int, int]]:
    return ((at, at + 1) for at in range(start, end) if not meter.text[at].isspace())


_FINER: tuple[tuple[_Cutter, float], ...] = (
    (_clauses, Cut.CLAUSE),
    (_words, Cut.WORD),
    (_characters, Cut.CHARACTER),
    (_code_points, Cut.CHARACTER),
)


def _whole_character(text: str, aim: int, end: int) -> int:
    """Return a cut near ``aim`` that parts no letter from its marks, no emoji and no CRLF."""
    stop, last = aim, min(end, aim + 16)
    while stop < last and _joined(text[stop - 1], text[stop]):
        stop += 1
    return stop if stop < last or stop == end else aim


def _joined(left: str, right: str) -> bool:
    return (
        unicodedata.category(right)[0] == "M"
        or "\u200d" in (left, right)
        or "\U0001f3fb" <= right <= "\U0001f3ff"
        or ("\ud800" <= left <= "\udbff" and "\udc00" <= right <= "\udfff")
        or ("\U0001f1e6" <= left <= "\U0001f1ff" and "\U0001f1e6" <= right <= "\U0001f1ff")
        or left + right == "\r\n"
    )


def _skip_space(text: str, at: int, end: int) -> int:
    while at < end and text[at].isspace():
        at += 1
    return at


def pack(meter: Meter, units: list[Unit], overlap: int) -> Iterator[tuple[int, int]]:
    """Yield the span of each node that ``units``, all of one section, are packed into.

    Every node fits ``meter``. Cuts weigh the cost of their place against even sizes. A node opens
    with the end of the one before, up to ``overlap`` tokens: with whole sentences where one fits,
    else from a word on.
    """
    sums = [0.0, *accumulate([unit.cost for unit in units])]
    # The node's first unit that the node before does not have, its first character, and the cost of
    # what it repeats between the two.
    begin, head, repeated = 0, units[0].start if units else 0, 0.0
    while begin < len(units):
        budget = float(meter.budget)
        stop = _choose(meter, units, sums, begin, head, repeated, budget)
        while (excess := meter.excess(head, units[stop - 1].end)) > 1:
            if head < units[begin].start:
                head, repeated = units[begin].start, 0.0
            elif stop == begin + 1:
                break  # a unit fits alone, or nothing smaller exists
            else:
                used = sums[stop] - sums[begin]
                budget = min(budget / excess, used * 0.98) if used else 0
                again = _choose(meter, units, sums, begin, head, repeated, budget)
                stop = min(stop - 1, again)
                continue
            stop = _choose(meter, units, sums, begin, head, repeated, budget)
        yield head, units[stop - 1].end
        if stop < len(units):
            before = head
            head, repeated = units[stop].start, 0.0
            if overlap:
                head, repeated = _repeat_from(meter, units, sums, before, stop, overlap)
        begin = stop


def _choose(
    meter: Meter,
    units: list[Unit],
    sums: list[float],
    begin: int,
    head: int,
    repeated: float,
    budget: float,
) -> int:
    """Return where the node from ``head`` on should end; always beyond ``begin``."""
    first = sums[begin] - repeated
    total = sums[-1] - first
    room = head + meter.max_chars
    if total <= budget and units[-1].end <= room:
        return len(units)
    length = units[-1].end - head
    pieces = max(-(-total // max(budget, 1)), -(-length // meter.max_chars), 1)
    target = total / pieces
    best, least = begin + 1, float("inf")
    for stop in range(begin + 1, len(units) + 1):
        size = sums[stop] - first
        _, end, _, after = units[stop - 1]
        if size > budget or end > room:
            break
        loss = after + abs(size - target) / meter.size
        if loss <= least:
            best, least = stop, loss
    return best


def _repeat_from(
    meter: Meter, units: list[Unit], sums: list[float], before: int, stop: int, overlap: int
) -> tuple[int, float]:
    """Return where the next node begins, at most ``overlap`` tokens back, and what that costs.

    It begins behind ``before``, where the last node did: no node holds another.
    """
    best = stop
    for place in range(stop - 1, 0, -1):
        if sums[stop] - sums[place] > overlap or units[place].start <= before:
            break
        if units[place - 1].after <= Cut.INTRODUCTION:
            best = place
    if best < stop:
        return units[best].start, sums[stop] - sums[best]
    end = units[stop - 1].end
    first = max(before + 1, end - _CHARS_PER_TOKEN * overlap)
    starts = [found.start() for found in _word_start().finditer(meter.text, first, end)]

    def fits(start: int) -> bool:
        cost = meter.cost(start, end)
        return cost is not None and cost <= overlap

    at = bisect_left(starts, True, key=fits)
    if at == len(starts) or meter.text.startswith("|", units[stop - 1].start):  # half a row is none
        return units[stop].start, 0.0
    gap = meter.gap(end, units[stop].start)
    return starts[at], float((meter.cost(starts[at], end) or 0) + gap)
