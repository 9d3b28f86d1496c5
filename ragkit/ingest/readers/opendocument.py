"""OpenDocument text, spreadsheets and presentations, from their content.xml."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Container, Iterator
from contextlib import suppress
from dataclasses import replace
from itertools import islice
from typing import Any, NamedTuple

from ragkit.errors import IngestError
from ragkit.ingest.readers.blocks import joined
from ragkit.ingest.readers.content import Content, Limits, Section, one_line
from ragkit.ingest.readers.number_formats import BULLET
from ragkit.ingest.readers.odf_numbers import Numbers, OpenList
from ragkit.ingest.readers.properties import core_properties
from ragkit.ingest.readers.running import only_counts_pages
from ragkit.ingest.readers.spreadsheet import sheet_section
from ragkit.ingest.readers.tables import table_text
from ragkit.ingest.readers.xml import parse_xml

__all__ = ["read_opendocument"]

_TEXT = "{urn:oasis:names:tc:opendocument:xmlns:text:1.0}"
_TABLE = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}"
_DRAW = "{urn:oasis:names:tc:opendocument:xmlns:drawing:1.0}"
_OFFICE = "{urn:oasis:names:tc:opendocument:xmlns:office:1.0}"
_STYLE = "{urn:oasis:names:tc:opendocument:xmlns:style:1.0}"
_DC = "{http://purl.org/dc/elements/1.1/}"
_RUNNING = frozenset(
    f"{_STYLE}{place}{page}" for place in ("header", "footer") for page in ("", "-left", "-first")
)
_LEFT_OUT = frozenset(
    (_TEXT + "tracked-changes", _TEXT + "table-of-content", _OFFICE + "annotation",
     _TEXT + "sequence-decls", _OFFICE + "forms")
)  # fmt: skip
_ASIDE = frozenset((_TEXT + "note-body", _OFFICE + "annotation"))
_MAX_COLUMNS = 1000
_MAX_SPAN = 65_535
_HREF = "{http://www.w3.org/1999/xlink}href"
_MATH = "{http://www.w3.org/1998/Math/MathML}"
_SYMBOLS = tuple(_MATH + name for name in ("mi", "mn", "mo", "ms", "mtext"))
_MOST_FORMULAS, _LARGEST_FORMULA = 2000, 1_000_000


def read_opendocument(data: bytes, kind: str, limits: Limits) -> Content:
    """Return an odt as one section, an ods as one a sheet, an odp as one a slide."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        if "content.xml" not in archive.namelist():
            raise IngestError(f"Damaged {kind}: it has no content.")
        if b"encryption-data" in archive.read("META-INF/manifest.xml"):
            raise IngestError(f"Password-protected {kind} file. Save it without a password.")
        root = parse_xml(archive.read("content.xml"))
        metadata = core_properties(archive)
        styles = _styles(archive)
        _put_formulas(archive, root)
    body = root.find(f".//{_OFFICE}body")
    if body is None:
        raise IngestError(f"Damaged {kind}: it has no body.")
    numbers = Numbers(tree for tree in (root, styles) if tree is not None)
    if kind == "ods":
        sheets = (_sheet(table, limits) for table in body.iter(_TABLE + "table"))
        sections = tuple(section for section in sheets if section.text)
        return Content(sections, metadata | {"markup": "table"})
    if kind == "odp":
        slides = enumerate(body.iter(_DRAW + "page"), start=1)
        sections = tuple(Section(_flow(s, numbers), {"page": n, "slide": n}) for n, s in slides)
        return Content(sections, metadata | {"markup": "markdown", "slides": len(sections)})
    text = "\n\n".join((_flow(body, numbers), *_running(styles, numbers))).strip()
    return Content.of(text, metadata | {"markup": "markdown"})


def _sheet(table: Any, limits: Limits) -> Section:
    section = sheet_section(table.get(_TABLE + "name") or "", islice(_rows(table), limits.max_rows))
    comments = filter(None, map(_comment, _outermost(table, _OFFICE + "annotation")))
    return replace(section, text="\n".join(filter(None, (section.text, *comments))))


def _flow(top: Any, numbers: Numbers) -> str:
    """Return paragraphs, headings, list items and tables below ``top``, in order."""
    blocks: list[tuple[str, bool]] = []
    stack = [_Step(child) for child in reversed(top)]
    while stack:
        step = stack.pop()
        element = step.element
        if element.tag in _LEFT_OUT:
            continue
        if element.tag == _TABLE + "table":
            blocks.append((table_text(_rows(element), form=True), False))
        elif element.tag == _TEXT + "h":
            blocks.append((_heading(step, numbers), False))
        elif element.tag == _TEXT + "p":
            text = _inline(element).strip()
            indent = "  " * max(0, step.depth - 1) if step.label else ""
            blocks.append((f"{indent}{step.label}{text}" if text else "", bool(step.label)))
        else:
            stack.extend(reversed(list(_within(step, numbers))))
            continue
        if element.tag in (_TEXT + "h", _TEXT + "p"):
            stack.extend(map(_Step, reversed(_outermost(element, _DRAW + "text-box"))))
    blocks.extend((_flow(note, numbers), False) for note in _outermost(top, _TEXT + "note-body"))
    blocks.extend((_comment(said), False) for said in _outermost(top, _OFFICE + "annotation"))
    return joined(block for block in blocks if block[0].strip("# "))


class _Step(NamedTuple):
    """An element of the text, the list in which it stands, how deep, and what goes before it."""

    element: Any
    depth: int = 0
    opened: OpenList | None = None
    label: str = ""


def _within(step: _Step, numbers: Numbers) -> Iterator[_Step]:
    """Yield the steps below an element; the first paragraph of a list's item has its label."""
    element, depth, opened, _ = step
    if element.tag == _TEXT + "list":
        opened = numbers.opened(element, opened, depth)
        depth += 1
    label = ""
    if element.tag == _TEXT + "list-item" and opened:
        # One that only holds a deeper list is not counted.
        first = next((child for child in element if isinstance(child.tag, str)), None)
        if first is not None and first.tag in (_TEXT + "p", _TEXT + "h"):
            label = numbers.item(element, opened, depth - 1)
    for child in element:
        yield _Step(child, depth, opened, label)
        label = ""


def _heading(step: _Step, numbers: Numbers) -> str:
    named = step.element.get(_TEXT + "outline-level") or "1"
    level = max(1, int(named)) if named.isdecimal() and len(named) < 3 else 1
    text = " ".join(_inline(step.element).split())
    # One without text counts, too.
    label = step.label or ("" if step.opened else numbers.heading(step.element, level))
    return f"{'#' * min(6, level)} {'' if label == BULLET else label}{text}" if text else ""


def _outermost(top: Any, tag: str) -> list[Any]:
    """Return the elements called ``tag`` below ``top``, but for those in another of them.

    Nor those in what was deleted, and in notes and comments, which are read by themselves.
    """
    gone = (tag, *_ASIDE, _TEXT + "tracked-changes")
    return [e for e in top.iter(tag) if e is not top and not any(_above(e, top, gone))]


def _above(element: Any, top: Any, tags: Container[str]) -> Iterator[bool]:
    for above in element.iterancestors():
        if above is top:
            return
        yield above.tag in tags


def _comment(annotation: Any) -> str:
    author = " ".join((annotation.findtext(_DC + "creator") or "").split())
    said = " ".join(filter(None, (_inline(p).strip() for p in annotation.iter(_TEXT + "p"))))
    if not said:
        return ""
    return f"Comment ({author}): {said}" if author else f"Comment: {said}"


def _styles(archive: zipfile.ZipFile) -> Any:
    """Return the root of the styles; None where they are not there, or damaged."""
    with suppress(KeyError, IngestError):
        return parse_xml(archive.read("styles.xml"))
    return None


def _running(styles: Any, numbers: Numbers) -> list[str]:
    """Return what the headers and footers of a text say, each once, but for page numbers."""
    places = () if styles is None else styles.iterfind(f".//{_STYLE}master-page/*")
    texts = dict.fromkeys(_flow(p, numbers) for p in places if p.tag in _RUNNING)
    return [text for text in texts if text and not only_counts_pages(text)]


def _put_formulas(archive: zipfile.ZipFile, root: Any) -> None:
    """Put the formulas of a text, which are objects of their own in the package, in their place."""
    names = set(archive.namelist())
    for held in islice(list(root.iter(_DRAW + "object")), _MOST_FORMULAS):
        path = f"{(held.get(_HREF) or '').removeprefix('./').rstrip('/')}/content.xml"
        frame = held.getparent()
        if path not in names or archive.getinfo(path).file_size > _LARGEST_FORMULA:
            continue
        with suppress(IngestError):
            formula = parse_xml(archive.read(path))
            if formula.tag != f"{_MATH}math" or frame.tag != _DRAW + "frame":
                continue
            symbols = (sign.text or "" for sign in formula.iter(*_SYMBOLS))
            tail = frame.tail
            frame.clear()
            frame.tag, frame.text, frame.tail = _TEXT + "span", one_line("".join(symbols)), tail


def _inline(paragraph: Any) -> str:
    """Return a paragraph's text with its tabs, line breaks and runs of spaces."""
    parts: list[str] = [paragraph.text or ""]
    stack = list(reversed(paragraph))
    while stack:
        element = stack.pop()
        if isinstance(element, str):
            parts.append(element)
            continue
        stack.append(element.tail or "")
        if element.tag == _TEXT + "s":
            count = element.get(_TEXT + "c") or "1"
            parts.append(" " * (min(int(count), 100) if count.isdecimal() else 1))
        elif element.tag in (_TEXT + "tab", _TEXT + "line-break"):
            parts.append("\t" if element.tag == _TEXT + "tab" else "\n")
        elif element.tag not in (*_LEFT_OUT, _DRAW + "frame", _TEXT + "note"):
            stack.extend(reversed(element))
            stack.append(element.text or "")
    return "".join(parts)


def _rows(table: Any) -> Iterator[list[str]]:
    """Yield rows; a cell that is repeated is repeated, an empty tail is not.

    A cell that spans rows repeats its text in each of them.
    """
    hanging: dict[int, tuple[int, str]] = {}
    for row in table.iter(_TABLE + "table-row"):
        if next(row.iterancestors(_TABLE + "table")) is not table:
            continue  # of a table in a cell, which is part of that cell
        cells: list[str] = []
        for cell in row.iterchildren(_TABLE + "table-cell", _TABLE + "covered-table-cell"):
            repeat = cell.get(_TABLE + "number-columns-repeated") or "1"
            count = min(int(repeat) if repeat.isdecimal() else 1, _MAX_COLUMNS - len(cells))
            text = " ".join(
                _inline(p) for p in cell.iter(_TEXT + "p") if not any(_above(p, cell, _ASIDE))
            )
            if cell.tag == _TABLE + "covered-table-cell":
                cells.extend(_hung(hanging, len(cells), count, text))
                continue
            down = cell.get(_TABLE + "number-rows-spanned") or "1"
            if down.isdecimal() and int(down) > 1:
                hanging[len(cells)] = min(int(down), _MAX_SPAN) - 1, text
            cells.extend([text] * count)
        while cells and not cells[-1]:
            cells.pop()
        yield cells


def _hung(hanging: dict[int, tuple[int, str]], at: int, count: int, text: str) -> Iterator[str]:
    """Yield what ``count`` covered cells from column ``at`` on say: what hangs down from above.

    ``hanging`` says for a column how many further rows which text fills, and is kept up to date.
    Other covered cells have a ``text`` of their own, as a rule none.
    """
    for column in range(at, at + count):
        left, above = hanging.pop(column, (0, text))
        if left > 1:
            hanging[column] = left - 1, above
        yield above
