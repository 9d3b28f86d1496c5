"""Tables in Markdown, drawn with bars or written in HTML, as rows that make sense alone.

The syntax is that of GitHub Flavored Markdown (https://github.github.com/gfm/#tables-extension-):
a header, a line of dashes with as many cells, and rows up to the next empty line or block.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator

from ragkit.ingest.readers.tables import table_text

__all__ = ["with_named_rows"]

_RULE = re.compile(r" {0,3}\|?[ \t]*+:?-++:?[ \t]*+(?:\|[ \t]*+:?-++:?[ \t]*+)*+\|?[ \t]*+$")
_FENCE = re.compile(r" {0,3}(?:>[ \t]?)*(?:[-*+]|\d{1,9}[.)])?[ \t]*(`{3,}(?=[^`]*$)|~{3,})")
_OTHER_BLOCK = re.compile(r" {0,3}(?:#{1,6}[ \t]|>|`{3,}|~{3,}|[-*+][ \t]|<[a-zA-Z/!])")
_BAR = re.compile(r"(?<!\\)\|")
_BREAK = re.compile(r"<br\s*/?>", re.I)
_HTML_TABLE = re.compile(r"[ \t]*<table\b", re.I)
_HTML_END = re.compile(r"</table\s*>[ \t]*$", re.I)
_MOST_HTML = 2_000  # lines
_DEEPEST = 12  # columns, inside a list


def with_named_rows(text: str) -> str:
    """Return Markdown with each table as lines ``header: value; header: value``.

    Everything else, code included, stays as it is. Linear in ``len(text)``.
    """
    if "|" not in text and ("<" not in text or "<table" not in text.lower()):
        return text
    return "\n".join(_lines(text.split("\n")))


def _lines(lines: list[str]) -> Iterator[str]:
    at, fence = 0, ""
    html_ends = [number for number, line in enumerate(lines) if _HTML_END.search(line)]
    while at < len(lines):
        line = lines[at]
        if mark := _FENCE.match(line):
            if not fence:
                fence = mark[1]
            elif mark[1].startswith(fence) and not line[mark.end() :].strip():
                fence = ""
        elif not fence:
            taken = list(_table(lines, at)) or list(_html_table(lines, at, html_ends))
            if taken:
                end, text = taken[0]
                # Apart from what is around it, as the lines would run on otherwise.
                yield text + ("\n" if end < len(lines) and lines[end].strip() else "")
                at = end
                continue
        yield line
        at += 1


def _table(lines: list[str], at: int) -> Iterator[tuple[int, str]]:
    """Yield the end and the rows of the table whose header is ``lines[at]``, if it is one."""
    if at + 1 >= len(lines) or "|" not in lines[at] or "-" not in lines[at + 1]:
        return
    if "|" not in lines[at + 1] or not _RULE.match(lines[at + 1]):
        return
    header = _cells(lines[at])
    indent = len(lines[at]) - len(lines[at].lstrip(" "))
    if header is None or len(_cells(lines[at + 1]) or ()) != len(header) or indent > _DEEPEST:
        return
    rows, end = [header], at + 2
    while end < len(lines) and lines[end].strip() and not _OTHER_BLOCK.match(lines[end]):
        cells = _cells(lines[end])
        if cells is None:
            break
        rows.append(cells[: len(header)])
        end += 1
    if len(rows) > 1:
        yield end, table_text(rows, header=1 if any(header) else 0)


def _cells(line: str) -> list[str] | None:
    """Return the cells of a row, or None where the line has no bar."""
    line = line.strip()
    if "|" not in line:
        return None
    cells = _BAR.split(line)
    if line.startswith("|"):
        cells = cells[1:]
    if cells and not cells[-1].strip() and len(cells) > 1:
        cells = cells[:-1]
    return [_BREAK.sub(" ", cell.replace("\\|", "|")).strip() for cell in cells]


def _html_table(lines: list[str], at: int, ends: list[int]) -> Iterator[tuple[int, str]]:
    """Yield the end and the rows of an HTML table that begins and ends on lines of its own.

    ``ends`` are the lines that end with a table. One without text is yielded as it is, so that no
    line is parsed twice.
    """
    from ragkit.ingest.readers.html import element_text, parse_html

    place = bisect_left(ends, at)
    if place == len(ends) or ends[place] - at >= _MOST_HTML or not _HTML_TABLE.match(lines[at]):
        return
    end = ends[place] + 1
    source = "\n".join(lines[at:end])
    root = parse_html(source)
    text = "" if root is None else element_text(root, furniture=True)
    yield end, text if text.strip() else source
