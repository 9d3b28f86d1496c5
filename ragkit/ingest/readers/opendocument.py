"""OpenDocument text, spreadsheets and presentations, from their content.xml."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Container, Iterator
from contextlib import suppress
from dataclasses import replace
from itertools import islice
from typing import Any

from ragkit.errors import IngestError
from ragkit.ingest.readers.content import Content, Limits, Section
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


def read_opendocument(data: bytes, kind: str, limits: Limits) -> Content:
    """Return an odt as one section, an ods as one a sheet, an odp as one a slide."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        if "content.xml" not in archive.namelist():
            raise IngestError(f"Damaged {kind}: it has no content.")
        if b"encryption-data" in archive.read("META-INF/manifest.xml"):
            raise IngestError(f"Password-protected {kind} file. Save it without a password.")
        root = parse_xml(archive.read("content.xml"))
        metadata = core_properties(archive)
        running = _running(archive) if kind == "odt" else []
    body = root.find(f".//{_OFFICE}body")
    if body is None:
        raise IngestError(f"Damaged {kind}: it has no body.")
    if kind == "ods":
        sheets = (_sheet(table, limits) for table in body.iter(_TABLE + "table"))
        sections = tuple(section for section in sheets if section.text)
        return Content(sections, metadata | {"markup": "table"})
    if kind == "odp":
        slides = enumerate(body.iter(_DRAW + "page"), start=1)
        sections = tuple(Section(_flow(s), {"page": n, "slide": n}) for n, s in slides)
        return Content(sections, metadata | {"markup": "markdown", "slides": len(sections)})
    return Content.of(
        "\n\n".join((_flow(body), *running)).strip(), metadata | {"markup": "markdown"}
    )


def _sheet(table: Any, limits: Limits) -> Section:
    section = sheet_section(table.get(_TABLE + "name") or "", islice(_rows(table), limits.max_rows))
    comments = filter(None, map(_comment, _outermost(table, _OFFICE + "annotation")))
    return replace(section, text="\n".join(filter(None, (section.text, *comments))))


def _flow(top: Any) -> str:
    """Return paragraphs, headings, list items and tables below ``top``, in order."""
    blocks: list[str] = []
    stack: list[tuple[Any, int]] = [(child, 0) for child in reversed(top)]
    while stack:
        element, depth = stack.pop()
        if element.tag in _LEFT_OUT:
            continue
        if element.tag == _TABLE + "table":
            blocks.append(table_text(_rows(element), form=True))
        elif element.tag == _TEXT + "h":
            level = element.get(_TEXT + "outline-level") or "1"
            text = " ".join(_inline(element).split())
            blocks.append(f"{'#' * min(6, int(level) if level.isdecimal() else 1)} {text}")
        elif element.tag == _TEXT + "p":
            text = _inline(element).strip()
            blocks.append(f"{'  ' * (depth - 1)}- {text}" if depth and text else text)
        else:
            deeper = depth + (element.tag == _TEXT + "list")
            stack.extend((child, deeper) for child in reversed(element))
            continue
        if element.tag in (_TEXT + "h", _TEXT + "p"):
            stack.extend((box, 0) for box in reversed(_outermost(element, _DRAW + "text-box")))
    blocks.extend(_flow(note) for note in _outermost(top, _TEXT + "note-body"))
    blocks.extend(map(_comment, _outermost(top, _OFFICE + "annotation")))
    return "\n\n".join(block for block in blocks if block.strip("# "))


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


def _running(archive: zipfile.ZipFile) -> list[str]:
    """Return what the headers and footers of a text say, each once, but for page numbers."""
    if "styles.xml" not in archive.namelist():
        return []
    with suppress(IngestError):
        styles = parse_xml(archive.read("styles.xml"))
        places = styles.iterfind(f".//{_STYLE}master-page/*")
        texts = dict.fromkeys(_flow(p) for p in places if p.tag in _RUNNING)
        return [text for text in texts if text and not only_counts_pages(text)]
    return []


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
