"""Which line breaks end a sentence, and which only wrap a line.

Extracted text breaks lines for three reasons: a paragraph ends, an item of a list or a row of a
table ends, or the line was full. Only the last kind is read over.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

__all__ = ["LINE_BREAK", "soft_runs"]

LINE_BREAK = re.compile(r"\r\n|[\n\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")

_FENCE = re.compile(r" {0,3}(?:[-*+]\s+|\d+\.\s+)?(`{3,}|~{3,})")
_ALONE = re.compile(r"\s*+(?:#{1,6}\s|\||\+[-=+]{3,}|\.\. |:[\w-]+:\s|<!--|</?[a-zA-Z][^<>]*>\s*$)")
_UNDERLINE = re.compile(r"""\s*+([=\-~^"'`#*+._:])\1{2,}\s*+$|\s*+\|?(?:\s*+:?-+:?\s*+\|)+""")
_ITEM = re.compile(
    r"\s*+(?:>\s*+)*+(?:[-*+•·▪■◦‣●○◆–—]\s|(?:\d{1,3}|[A-Za-z]|[ivxIVX]{1,5})[.)]\s"
    r"|\d{1,3}(?:\.\d{1,3}){0,4}[、．]?\s*+(?=[\u4e00-\u9fff])|[(（\[](?:\d{1,3}|[a-zA-Z]|[一二三四五六七八九十]{1,3})[)）\]]"
    r"|[一二三四五六七八九十]{1,3}[、．.]|第[一二三四五六七八九十百零\d]{1,6}[章节節条條篇部]|[\u2460-\u24ff\u2776-\u2793])"
)
_FIRST_WORD = re.compile(r"\s*+[^\w\s]*+([^\W_]{1,40})")
_WIDE = re.compile("[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f"
                   "\uff01-\uff60\uffe0-\uffe6"
                   "\U0001f300-\U0001faff\U00020000-\U0003fffd]")  # fmt: skip
_STOPS = tuple('.!?。！？…．।॥؟۔။។።”」』"')
_COMMAS = tuple(",，、;；-–—（(「“·&+/")

# Below this many columns nobody wraps prose: short lines are a poem, an address or a list.
_NARROW = 30
# A full line leaves less room than the next word needs; allow ragged wrapping this share of it.
_RAGGED = 0.2


def soft_runs(text: str, start: int, end: int) -> Iterator[tuple[int, int, bool]]:
    """Yield ``(start, end, verbatim)`` runs of ``text[start:end]`` whose line breaks are soft.

    Runs are trimmed of white space, not empty, in order, and cover all that is not white space.
    ``verbatim`` marks a line of fenced code, in which a full stop means nothing.
    """
    fence = ""
    held: list[tuple[int, int]] = []
    for line_start, line_end in _lines(text, start, end):
        if line_start == line_end:
            yield from _paragraph(text, held)
            held = []
            continue
        mark = _FENCE.match(text, line_start, line_end)
        if fence or mark:
            yield from _paragraph(text, held)
            held = []
            yield line_start, line_end, True
            if mark and not fence:
                fence = mark[1]
            elif mark and mark[1].startswith(fence) and mark.end() == line_end:
                fence = ""
        elif held and _UNDERLINE.match(text, line_start, line_end):
            held.append((line_start, line_end))
            *rest, (title_start, _) = held[:-1]
            yield from _paragraph(text, rest)
            yield title_start, line_end, False
            held = []
        elif _ALONE.match(text, line_start, line_end):
            yield from _paragraph(text, held)
            held = []
            held.append((line_start, line_end))
            if text[line_start] != "|":
                yield line_start, line_end, False
                held = []
        else:
            if held and (text[held[-1][0]] == "|" or _ITEM.match(text, line_start, line_end)):
                yield from _paragraph(text, held)
                held = []
            held.append((line_start, line_end))
    yield from _paragraph(text, held)


def _lines(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield each line's span, trimmed of white space at both ends; empty for a blank line."""
    at = start
    while at < end:
        found = LINE_BREAK.search(text, at, end)
        stop = found.start() if found else end
        line = text[at:stop]
        left = len(line) - len(line.lstrip())
        yield (at + left, at + len(line.rstrip())) if left < len(line) else (at, at)
        if found and found[0] == "\x0c" and left < len(line):
            yield stop, stop  # a page ends
        at = found.end() if found else end


def _paragraph(text: str, lines: list[tuple[int, int]]) -> Iterator[tuple[int, int, bool]]:
    """Yield the runs of consecutive lines, none of which opens a list item or a table row."""
    if not lines:
        return
    if len(lines) == 1:
        yield *lines[0], False
        return
    widths = [_columns(text[s:e]) for s, e in lines]
    full = max(widths)
    prose = any(text.endswith(_STOPS, s, e) for s, e in lines)
    begin = lines[0][0]
    for (_, here), (there, there_end), width in zip(lines, lines[1:], widths, strict=False):
        if not _wraps(text, here, there, there_end, width=width, full=full, prose=prose):
            yield begin, here, False
            begin = there
    yield begin, lines[-1][1], False


def _wraps(
    text: str, here: int, there: int, there_end: int, *, width: int, full: int, prose: bool
) -> bool:
    """Tell whether a line that ends at ``here`` goes on in the next, at ``there``."""
    first = _FIRST_WORD.match(text, there, there_end)
    word = first[1] if first else ""
    if word[:1].islower() or text.endswith(_COMMAS, 0, here):
        return True
    if full < _NARROW:
        return prose
    needed = 2 if _WIDE.match(word) else _columns(word) + 1
    return full - width - needed <= _RAGGED * full


def _columns(line: str) -> int:
    """Return how many terminal columns a line takes: two for a wide East Asian character."""
    return len(line) if line.isascii() else len(line) + len(_WIDE.findall(line))
