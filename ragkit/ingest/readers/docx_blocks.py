"""The blocks of a Word document's XML: paragraphs, headings, list items and tables."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import Any

from ragkit.ingest.readers.content import one_line
from ragkit.ingest.readers.docx_numbers import Item, Numbering
from ragkit.ingest.readers.number_formats import BULLET
from ragkit.ingest.readers.tables import table_text

__all__ = ["Story", "blocks", "heading_levels"]

_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_M = "{http://schemas.openxmlformats.org/officeDocument/2006/math}"
_R = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"
_FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
_BOX = _W + "txbxContent"
_GONE = (_W + "del", _W + "moveFrom")
_MOST_ABOVE = 50  # styles on which one is based, as for their numbers
_HEADING = re.compile(r"heading (\d)$", re.I)


@dataclass(frozen=True, slots=True)
class Story:
    """What the blocks of a text need to know of the document.

    ``levels`` of headings by style, the numbers of lists, and how to read the text in another
    format that a relationship leads to.
    """

    levels: Mapping[str, int]
    numbering: Numbering
    chunk: Callable[[str], str]


def heading_levels(styles: Any) -> dict[str, int]:
    """Return the heading level of each paragraph style that has one, inherited ones included.

    Built-in names are English in every language's Word.
    """
    own: dict[str, int] = {}
    parents: dict[str, str] = {}
    for style in styles.iter(_W + "style"):
        identity = style.get(_W + "styleId") or ""
        name = style.find(_W + "name")
        named = "" if name is None else name.get(_W + "val") or ""
        found = _HEADING.match(named)
        outline = _value(style, "pPr/outlineLvl")
        if found:
            own[identity] = int(found[1])
        elif named.lower() == "title":
            own[identity] = 1
        elif outline and outline.isdecimal() and int(outline) < 9:
            own[identity] = int(outline) + 1
        parents[identity] = _value(style, "basedOn") or ""
    levels = dict(own)
    for identity in parents:
        parent, seen = parents[identity], {identity}
        while identity not in levels and parent and parent not in seen and len(seen) < _MOST_ABOVE:
            if parent in own:
                levels[identity] = own[parent]
            seen.add(parent)
            parent = parents.get(parent, "")
    return levels


def _value(element: Any, path: str) -> str | None:
    found = element.find("/".join(_W + step for step in path.split("/")))
    return None if found is None else found.get(_W + "val")


def blocks(body: Any, story: Story) -> Iterator[tuple[str, int]]:
    """Yield text and heading level (0 none, -1 list item) of each block below ``body``.

    An explicit stack, since content controls and text boxes nest.
    """
    in_cell = body.tag == _W + "tc"
    stack = list(reversed(body))
    initial = ""  # a large first letter, which stands in a paragraph of its own
    while stack:
        element = stack.pop()
        if element.tag == _W + "p":
            said = _paragraph(element).strip()
            text = initial + said
            initial = text if _is_initial(element) or not said else ""
            item = story.numbering.item(element)
            if text and not initial:
                yield _marked(text, element, item, story.levels)
            elif in_cell and item and item.label.strip() not in ("", BULLET.strip()):
                yield item.label.strip(), 0  # a column that counts the rows
            stack.extend(child for box in reversed(_boxes(element)) for child in reversed(box))
        elif element.tag == _W + "tbl":
            inside = replace(story, levels={})
            if text := table_text(_rows(element, inside), header=_header_rows(element), form=True):
                yield text, 0
        elif element.tag == _W + "altChunk":
            if text := story.chunk(element.get(_R + "id") or ""):
                yield text, 0
        elif element.tag not in (_FALLBACK, _W + "sectPr"):
            stack.extend(reversed(element))
    if initial:
        yield initial, 0


def _is_initial(paragraph: Any) -> bool:
    frame = paragraph.find(f"{_W}pPr/{_W}framePr")
    return frame is not None and frame.get(_W + "dropCap") in ("drop", "margin")


def _boxes(paragraph: Any) -> list[Any]:
    """Return the outermost text boxes anchored in ``paragraph``, each once."""
    return [
        box
        for box in paragraph.iter(_BOX)
        if not any(above.tag in (_FALLBACK, _BOX) for above in _above(box, paragraph))
    ]


def _above(element: Any, top: Any) -> Iterator[Any]:
    for above in element.iterancestors():
        if above is top:
            return
        yield above


def _paragraph(paragraph: Any) -> str:
    """Return the text of a paragraph without that of text boxes in it."""
    parts: list[str] = []
    stack: list[Any] = list(reversed(paragraph))
    while stack:
        element = stack.pop()
        if isinstance(element, str):
            parts.append(element)
            continue
        tag = element.tag
        if tag in (_W + "t", _M + "t"):
            parts.append((element.text or "").replace("\xad", ""))
        elif tag in (_W + "tab", _W + "ptab"):
            parts.append("\t")
        elif tag in (_W + "br", _W + "cr"):
            parts.append("\n")
        elif tag == _W + "noBreakHyphen":
            parts.append("-")
        elif tag == _W + "ruby":  # the word first, how it is read in brackets
            reading = "".join(t.text or "" for t in element.iterfind(f"{_W}rt//{_W}t"))
            said = f"({reading})" if reading.strip() else ""
            stack.extend((said, *reversed(element.findall(_W + "rubyBase"))))
        elif tag not in (_BOX, _FALLBACK, _W + "pPr", _W + "rPr", *_GONE) and not _is_hidden(
            element
        ):
            stack.extend(reversed(element))
    return "".join(parts)


def _is_hidden(run: Any) -> bool:
    """Tell a run that Word does not show: marks of an index, and what the author hid."""
    mark = run.find(f"{_W}rPr/{_W}vanish") if run.tag == _W + "r" else None
    return mark is not None and mark.get(_W + "val") not in ("0", "false", "off")


def _marked(
    text: str, paragraph: Any, item: Item | None, levels: Mapping[str, int]
) -> tuple[str, int]:
    label = item.label if item else ""
    level = levels.get(_value(paragraph, "pPr/pStyle") or "", 0)
    outline = _value(paragraph, "pPr/outlineLvl")
    if not level and outline and outline.isdecimal() and int(outline) < 9:
        level = int(outline) + 1
    if level:
        return f"{'#' * min(level, 6)} {'' if label == BULLET else label}{one_line(text)}", level
    if item and label:
        return f"{'  ' * min(8, item.level)}{label}{text}", -1
    return text, 0


def _header_rows(table: Any) -> int | None:
    """Return how many rows the author marked to be repeated on each page; None for none."""
    marks = [row.find(f"{_W}trPr/{_W}tblHeader") for row in _within(table, _W + "tr")]
    off = ("0", "false", "off")
    marked = takewhile(lambda mark: mark is not None and mark.get(_W + "val") not in off, marks)
    count = sum(1 for _ in marked)
    return count if 0 < count < len(marks) else None  # Word repeats none where all are marked


def _rows(table: Any, story: Story) -> Iterator[list[str]]:
    """Yield the rows of ``table``; a cell that spans rows repeats its text in each of them."""
    above: list[str] = []
    for row in _within(table, _W + "tr"):
        cells: list[str] = []
        for cell in _within(row, _W + "tc"):
            merge = cell.find(f"{_W}tcPr/{_W}vMerge")
            goes_on = merge is not None and merge.get(_W + "val") != "restart"
            column = len(cells)
            if goes_on and column < len(above):
                cells.append(above[column])
            else:
                cells.append(" ".join(text for text, _ in blocks(cell, story)))
            span = _value(cell, "tcPr/gridSpan") or "1"
            cells.extend([""] * (min(int(span), 100) - 1 if span.isdecimal() else 0))
        above = cells
        yield cells


def _within(element: Any, tag: str) -> Iterator[Any]:
    """Yield children called ``tag``, also those inside content controls and revisions."""
    stack = list(reversed(element))
    while stack:
        child = stack.pop()
        if child.tag == tag:
            yield child
        elif child.tag not in (_W + "tr", _W + "tc", _W + "tbl", _W + "p"):
            stack.extend(reversed(child))
