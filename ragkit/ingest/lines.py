"""Which line breaks end a sentence, and which only wrap a line.

Extracted text breaks lines for three reasons: a paragraph ends, an item of a list or a row of a
table ends, or the line was full. Only the last kind is read over.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from itertools import islice
from typing import Literal, NamedTuple

__all__ = [
    "FRONT_MATTER",
    "LINE_BREAK",
    "Run",
    "RunKind",
    "is_label_line",
    "is_row",
    "row_cells",
    "soft_runs",
]

RunKind = Literal["prose", "item", "row", "code"]

# As str.splitlines has it; one set of characters first, which is looked for much sooner.
LINE_BREAK = re.compile(r"[\n\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029](?:(?<=\r)\n)?+")

# YAML or TOML between two marker lines at the very start of a file.
FRONT_MATTER = re.compile(
    r"\ufeff?(?:---[ \t]*\r?\n(?=[^\n:]*:)(?:(?!---|\.\.\.)[^\n]*\n)*+(?:---|\.\.\.)"
    r"|\+\+\+[ \t]*\r?\n(?:(?!\+\+\+)[^\n]*\n)*+\+\+\+)[ \t]*(?=\r?\n|$)"
)
_FENCE = re.compile(r"(?:>\s*+)*+(?:[-*+]\s+|\d+\.\s+)?(`{3,}+(?=[^`]*+$)|~{3,}+)")
_ALONE = re.compile(r"\s*+(?:#{1,6}\s|\||\+[-=+]{3,}|\.\. |:[\w-]+:\s|<!--|</?[a-zA-Z][^<>]*>\s*$)")
_UNDERLINE = re.compile(r"""\s*+([=\-~^"'`#*+._:])\1{2,}\s*+$|\s*+\|?(?:\s*+:?-++:?\s*+\|)++""")
_ITEM = re.compile(
    r"\s*+(?:>\s*+)*+(?:[-*+•·▪■◦‣●○◆–—]\s|(?:\d{1,3}|[A-Za-z]|[ivxIVX]{1,5})[.)]\s"
    r"|\d{1,3}(?:\.\d{1,3}){0,4}[、．]?\s*+(?=[\u4e00-\u9fff])|[(（\[](?:\d{1,3}|[a-zA-Z]|[一二三四五六七八九十]{1,3})[)）\]]"
    r"|[一二三四五六七八九十]{1,3}[、．.]|第[一二三四五六七八九十百零\d]{1,6}[章节節条條篇部]|[\u2460-\u24ff\u2776-\u2793])"
)
# A line that opens with a letter, and so with none of the marks above nor a digit.
_NO_MARK = re.compile(
    r"[A-Za-z]++(?![.)])|[^\W\dA-Za-z_一二三四五六七八九十第\u2460-\u24ff\u2776-\u2793]"
)
# The time that opens an entry of a log.
_STAMP = re.compile(r"[\[(]?\d{4}[-/]\d\d[-/]\d\d[T ]\d\d:\d\d:\d\d")
_FIRST_WORD = re.compile(r"\s*+[^\w\s]*+([^\W_]{1,40})")
_STOPS = tuple('.!?。！？…．।॥؟۔။។።”」』"')
_SENTENCE_ENDS = tuple(".!?。！？")
_COMMAS = tuple(",，、;；-–—（(「“·&+/")

# What a column or a value is called, before ": " in a row that stands for a row of a table.
_NAME = r"(?!https?:)[^\s:;；|>#](?:(?![.]\s)[^:;；!?。！？\n]){0,60}+"
# Before the first name there may be what the whole row is called.
_CELL = re.compile(rf"(?:^(?:{_NAME}: (?={_NAME}: ))?|; )(?P<name>{_NAME}): (?=\S)", re.M)
_ROW_STARTS = re.compile(rf"{_NAME}(?:: \S|; )")
_ROW_GOES_ON = re.compile(rf"; {_NAME}: \S")
_LONGEST_ROW = 600
_BLOCK = 1 << 16  # characters whose lines are held at once
_CODE_SPAN = re.compile(r"`[^`\n]*`")
# "Name: Ann", "地点：三楼", "server.port: 8080", "top_k = 5": a line of its own among its like.
_LABEL = re.compile(r"(?!https?:)(?:[^\s:：;；.!?。！？|>#][^:：;；.!?。！？]{0,30}+(?:：|: )\s*\S"
                    r"|[A-Za-z_][\w.\-/\[\]]{0,80}(?:: | ?= ?)\S)")  # fmt: skip

_KEY = re.compile(r"[A-Za-z_][\w.\-/]{0,80}:")  # of what is indented below it, in YAML

# Below this many columns nobody wraps prose: short lines are a poem, an address or a list.
_NARROW = 30
# A full line leaves less room than the next word needs; allow ragged wrapping this share of it.
_RAGGED = 0.2


class Run(NamedTuple):
    """A span whose line breaks are soft, trimmed of white space and not empty.

    ``item`` opens with a list marker, ``row`` is a row of a table, with bars or as ``is_row`` tells
    it, ``code`` is a line of a fenced block, in which a full stop means nothing.
    """

    start: int
    end: int
    kind: RunKind


def is_row(text: str, start: int, end: int) -> bool:
    """Tell a row of a table written as ``name: value; name: value``, or as ``value | value``.

    ``text[start:end]`` is a line without white space at its ends. A line of prose may look alike:
    one of two names that ends as sentences do is none, nor is one of more than 600 characters.
    """
    if end - start > _LONGEST_ROW:
        return False
    if text.find(" | ", start, end) >= 0 and text[start] != "|":
        return " | " in _CODE_SPAN.sub("", text[start:end])
    if text.find("; ", start, end) < 0 or not _ROW_STARTS.match(text, start, end):
        return False
    named = sum(1 for _ in islice(_ROW_GOES_ON.finditer(text, start, end), 2))
    named += _CELL.match(text, start, end) is not None
    return named > 2 or (named == 2 and not text.endswith(_SENTENCE_ENDS, start, end))


def row_cells(row: str) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """Return the spans of name and value of each cell of a row that ``is_row`` tells, or label
    line.

    The name of a cell without one is empty. What the row itself is called is in no cell.
    """
    found = [m.span("name") for m in _CELL.finditer(row)]
    if not found and (label := _LABEL.match(row)):
        name_end = min(at for mark in ":：=" if (at := row.find(mark)) > 0)
        return [((0, len(row[:name_end].rstrip())), (label.end() - 1, len(row)))]
    if not found:
        return [((0, 0), (0, len(row)))]
    first: list[tuple[tuple[int, int], tuple[int, int]]] = []
    if (stop := row.rfind("; ", 0, found[0][0])) >= 0:
        first = [((0, 0), (0, stop))]
    ends = [start - 2 for start, _ in found[1:]] + [len(row)]
    return first + [
        ((start, stop), (stop + 2, end)) for (start, stop), end in zip(found, ends, strict=True)
    ]


def is_label_line(text: str, start: int, end: int) -> bool:
    """Tell a line such as "Name: Ann", "port = 80" or "server:", without white space around it."""
    labelled = _LABEL.match(text, start, end) or _KEY.fullmatch(text, start, end)
    return labelled is not None


def soft_runs(text: str, start: int, end: int) -> Iterator[Run]:
    """Yield the runs of ``text[start:end]`` in order; they cover all that is not white space."""
    held: list[tuple[int, int]] = []  # lines of the paragraph so far
    fence = ""
    front = FRONT_MATTER.match(text, 0, end) if start == 0 else None
    front_end = front.end() if front else start
    for begin, stop in _lines(text, start, end):
        if begin == stop:
            yield from _flush(text, held)
        elif begin < front_end:
            yield Run(begin, stop, "row")
        elif not fence and _NO_MARK.match(text, begin, stop):
            if (row := is_row(text, begin, stop)) or (held and _has_bars(text, *held[-1])):
                yield from _flush(text, held)
            if row and not _has_bars(text, begin, stop):
                yield Run(begin, stop, "row")
            else:
                held.append((begin, stop))
        elif fence or _FENCE.match(text, begin, stop):
            yield from _flush(text, held)
            yield Run(begin, stop, "code")
            fence = _fence_after(text, begin, stop, end, fence)
        elif held and not text[begin:stop].strip("> "):
            held.append((begin, stop))  # the blank line of a quotation
            yield from _flush(text, held)
        elif held and _UNDERLINE.match(text, begin, stop):
            yield from _underlined(text, held, stop)
        elif is_row(text, begin, stop) or _ALONE.match(text, begin, stop):
            yield from _flush(text, held)
            if _has_bars(text, begin, stop):
                held.append((begin, stop))  # its delimiter row may follow
            else:
                yield Run(begin, stop, "row" if is_row(text, begin, stop) else "prose")
        else:
            if held and (
                _has_bars(text, *held[-1])
                or _ITEM.match(text, begin, stop)
                or _STAMP.match(text, begin, stop)
            ):
                yield from _flush(text, held)
            held.append((begin, stop))
    yield from _flush(text, held)


def _fence_after(text: str, begin: int, stop: int, end: int, fence: str) -> str:
    """Return the fence that is open after the line ``text[begin:stop]``, given the one before it.

    A bare fence that nothing closes is the end of a block whose beginning was cut off.
    """
    mark = _FENCE.match(text, begin, stop)
    if mark is None:
        return fence
    bare = mark.end() == stop
    if fence:
        return "" if bare and mark[1].startswith(fence) else fence
    if bare and text.find(mark[1], stop, end) < 0:
        return ""
    return mark[1]


def _underlined(text: str, held: list[tuple[int, int]], stop: int) -> Iterator[Run]:
    """Yield the paragraph before a title, then the title with the line under (and over) it."""
    title = held.pop()[0]
    if held and _UNDERLINE.match(text, *held[-1]):
        title = held.pop()[0]
    yield from _flush(text, held)
    row = _has_bars(text, title, stop)
    yield Run(title, stop, "row" if row else "prose")


def _has_bars(text: str, start: int, end: int) -> bool:
    return text[start] == "|" or (text.find(" | ", start, end) >= 0 and end - start <= _LONGEST_ROW)


def _lines(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield each line's span, trimmed of white space at both ends; empty for a blank line."""
    at = start
    while at < end:
        found = LINE_BREAK.search(text, min(at + _BLOCK, end), end)
        for line in text[at : found.end() if found else end].splitlines(keepends=True):
            shown = line.strip()
            begin = at + len(line) - len(line.lstrip()) if shown else at
            yield begin, begin + len(shown)
            at += len(line)
            if shown and line[-1] == "\x0c":
                yield at - 1, at - 1  # a page ends


def _flush(text: str, lines: list[tuple[int, int]]) -> Iterator[Run]:
    """Yield the runs of consecutive lines and empty the list.

    Only the first line may open a list item; a row of a table is alone.
    """
    if not lines:
        return
    kind: RunKind = "prose"
    if _has_bars(text, *lines[0]):
        kind = "row"
    elif _ITEM.match(text, *lines[0]):
        kind = "item"
    begin = lines[0][0]
    if len(lines) > 1:
        widths = [_columns(text[s:e]) for s, e in lines]
        full = max(widths)
        prose = any(text.endswith(_STOPS, s, e) for s, e in lines)
        pairs = zip(lines, lines[1:], widths, strict=False)
        for (line, here), (there, there_end), width in pairs:
            series = is_label_line(text, line, here) and is_label_line(text, there, there_end)
            if not series and _wraps(text, here, there, there_end, width, full, prose=prose):
                continue
            yield Run(begin, here, kind)
            begin, kind = there, "prose"
    yield Run(begin, lines[-1][1], kind)
    lines.clear()


def _wraps(
    text: str, here: int, there: int, there_end: int, width: int, full: int, *, prose: bool
) -> bool:
    """Tell whether a line that ends at ``here`` goes on in the next, at ``there``."""
    first = _FIRST_WORD.match(text, there, there_end)
    if first is None:
        return True
    word = first[1]
    if word[:1].islower() or text.endswith(_COMMAS, 0, here):
        return True
    if full < _NARROW:
        return prose
    needed = 2 if not word.isascii() and _wide().match(word) else _columns(word) + 1
    return full - width - needed <= _RAGGED * full


def _columns(line: str) -> int:
    """Return how many terminal columns a line takes: two for a wide East Asian character."""
    return len(line) if line.isascii() else len(line) + len(_wide().findall(line))


@cache
def _wide() -> re.Pattern[str]:
    # So many characters take milliseconds to compile, which plain ASCII can do without.
    return re.compile(
        "[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff01-\uff60"
        "\uffe0-\uffe6\U0001f300-\U0001faff\U00020000-\U0003fffd]"
    )
