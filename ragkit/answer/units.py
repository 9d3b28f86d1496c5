"""The pieces of a node's text that can be an answer: sentences, list items, code blocks, rows."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from ragkit.ingest.lines import is_label_line, is_row, row_cells
from ragkit.ingest.sentences import sentence_spans

__all__ = ["Unit", "first_cell", "node_units"]

UnitKind = Literal[
    "sentence", "heading", "item", "code", "header", "row", "lead", "question", "aside"
]  # fmt: skip

# Only this much of a node is read: nodes are small, and a huge one must not hang the answer.
_LONGEST = 60_000

_FENCE = re.compile(r"(?:\s|>)*(?:[-*+]\s+|\d+\.\s+)?(?:`{3,}|~{3,})")
_FENCE_LINE = re.compile(r"^[ \t]*(?:[-*+]\s+|\d+\.\s+)?(`{3,}|~{3,})[ \t]*(\S*)", re.MULTILINE)
# A note set apart by MyST or by ":::": worth reading, but not what its section is about.
_ASIDE = re.compile(
    r"[`~:]{3,}\s*\{?(?:tip|note|warning|important|caution|hint|seealso|admonition)\b"
)
_WORD = re.compile(r"[^\W_]")
# A line of HTML tags with a few words between them: a link, a tab, a button.
_TAG = re.compile(r"</?[a-zA-Z][^<>]*>?(?:[^<>]{0,20}<[^<>]+>)*")
_HEADING = re.compile(r"#{1,6}\s|={3,}|<h[1-6]")
# The line of a page's front matter that names the page, as a heading does.
_TITLE = re.compile(r"title\s*:", re.IGNORECASE)
_ITEM = re.compile(r"(?:[-*+•·▪◦‣●○◆–—]|\d{1,3}[.)、．]|[(（]\d{1,3}[)）]|[a-zA-Z][.)])\s*\S")
# The first row of a table, over a line of dashes.
_HEADER = re.compile(r"[^\n]*\|[^\n]*\n\s*\|?\s*:?-{2,}[\s|:-]*$")
_RULE = re.compile(r"[\s|:=\-_*+~`#.>]+")
_QUESTION = re.compile(r"[?？؟;]\s*[\"'”’」』*_)）]*$")
_LEAD = re.compile(r"[:：]\s*[*_`]*$")
_LONGEST_LABELLED = 300
_STOP = re.compile(r"[.!?。！？…।؟۔;；:：,，]\s*[\"'”’」』》)）\]】*_`]*$")


@dataclass(frozen=True, slots=True)
class Unit:
    """``text[start:end]`` of a node, trimmed, and what it is.

    A ``row`` is one line of a table, with bars or as ``name: value; name: value``, or one of a
    series of lines ``name: value``; a ``header`` is a table's first with the dashes below it.
    """

    start: int
    end: int
    kind: UnitKind


@lru_cache(maxsize=512)
def node_units(text: str, headings: tuple[str, ...] = ()) -> tuple[Unit, ...]:
    """Return the units of ``text`` in order; rules and lone marks are left out.

    ``headings`` are known headings of the node, which plain text does not mark as such.
    """
    text = text[:_LONGEST]
    known = {_plain(heading) for heading in headings if heading}
    units: list[Unit] = []
    fence_from, fence = _opened_before(text)
    end = 0
    for start, end in sentence_spans(text):
        if units and units[-1].kind == "row" and start < units[-1].end:
            continue  # a further sentence in the last cell of a row
        piece = text[start:end]
        if fence_from is not None:
            if piece.lstrip("> \t").startswith(fence) and _RULE.fullmatch(piece):
                kind: UnitKind = "aside" if _ASIDE.match(text, fence_from) else "code"
                units.append(Unit(fence_from, end, kind))
                fence_from = None
            continue
        opened = _FENCE.match(piece)
        if opened:
            fence_from, fence = start, opened[0].strip()[-3:]
        elif not _RULE.fullmatch(piece) and not _TAG.fullmatch(piece):
            start, end = _unquoted(text, start, end)
            unit = Unit(start, end, _kind(text, start, end, known))
            units.append(_whole_row(text, unit) if unit.kind == "row" else unit)
    if fence_from is not None and end > fence_from:
        units.append(Unit(fence_from, end, "code"))
    return tuple(unit for unit in units if _WORD.search(text, unit.start, unit.end))


def first_cell(row: str) -> str:
    """Return the value in the first cell of a row; of a lone ``name: value`` the name."""
    if row.startswith("|") or " | " in row:
        return row.strip("| ").partition("|")[0]
    cells = row_cells(row)
    if not cells:
        return row
    name, value = cells[0]
    return row[slice(*(name if len(cells) == 1 else value))]


def _whole_row(text: str, row: Unit) -> Unit:
    """Return a row to the end of its line: a cell may hold several sentences."""
    line_end = text.find("\n", row.end)
    rest = text[row.end : line_end if line_end >= 0 else len(text)]
    return Unit(row.start, row.end + len(rest.rstrip()), "row")


def _unquoted(text: str, start: int, end: int) -> tuple[int, int]:
    """Return the span without the marks of a Markdown block quotation around it."""
    while start < end and text[start] in "> \t\n":
        start += 1
    while end > start and text[end - 1] in "> \t\n":
        end -= 1
    return start, end


def _opened_before(text: str) -> tuple[int | None, str]:
    """Return where code begins that the node was cut out of, and its fence; (None, "") if none.

    An odd number of fences, the first of them bare, is code whose opening is in the node before.
    """
    fences = _FENCE_LINE.findall(text)
    if len(fences) % 2 and not fences[0][1]:
        return len(text) - len(text.lstrip()), str(fences[0][0])
    return None, ""


def _kind(text: str, start: int, end: int, known: set[str]) -> UnitKind:
    piece = text[start:end]
    if _HEADING.match(piece) or _plain(piece) in known:
        return "heading"
    if text.startswith("---\n") and _TITLE.match(piece) and end <= text.find("\n---", 3):
        return "heading"
    alone = (start == 0 or "\n" in text[max(0, start - 3) : start]) and (
        end == len(text) or "\n" in text[end : end + 3]
    )
    if _HEADER.fullmatch(piece):
        return "header"
    line_end = _line_end(text, start, end)
    if piece.startswith("|") or (line_end and is_row(text, start, line_end)):
        return "row"
    if _LEAD.search(piece):
        return "lead"
    if _QUESTION.search(piece):
        return "question"
    if _ITEM.match(piece):
        return "item"
    if line_end and _is_labelled(text, start, line_end):
        return "row"
    if alone and end - start < 80 and not _STOP.search(piece) and text[end : end + 2] == "\n\n":
        return "heading"
    return "sentence"


def _line_end(text: str, start: int, end: int) -> int | None:
    """Return where the line that begins at ``start`` ends, without white space; None inside one."""
    if text[text.rfind("\n", 0, start) + 1 : start].strip():
        return None
    stop = text.find("\n", end)
    line = text[start : stop if stop >= 0 else len(text)]
    return start + len(line.rstrip())


def _is_labelled(text: str, start: int, stop: int) -> bool:
    """Tell one of several lines ``name: value``."""
    if stop - start > _LONGEST_LABELLED or not is_label_line(text, start, stop):
        return False
    before = text[text.rfind("\n", 0, max(0, start - 1)) + 1 : start].strip()
    after = text[stop:].lstrip(" \t").removeprefix("\n").partition("\n")[0].strip()
    return any(is_label_line(line, 0, len(line)) for line in (before, after) if line)


def _plain(line: str) -> str:
    return re.sub(r"[\s#*_`=:：?？.。\-]+", "", line).casefold()
