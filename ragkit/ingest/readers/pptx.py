"""PowerPoint: one section a slide, with title, text, tables, charts, diagrams and notes."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from ragkit.errors import IngestError
from ragkit.ingest.readers.charts import chart_text, drawn_texts, paragraph_text
from ragkit.ingest.readers.content import Content, Section, one_line
from ragkit.ingest.readers.properties import core_properties
from ragkit.ingest.readers.relations import related_parts
from ragkit.ingest.readers.running import only_counts_pages
from ragkit.ingest.readers.tables import table_text
from ragkit.ingest.readers.xml import parse_xml

__all__ = ["read_pptx"]

_A = "{http://schemas.openxmlformats.org/drawingml/2006/main}"
_P = "{http://schemas.openxmlformats.org/presentationml/2006/main}"
_MC = "{http://schemas.openxmlformats.org/markup-compatibility/2006}"
_HOLDS_SHAPES = (_P + "spTree", _P + "grpSp")
_BULLET = re.compile(r"\A(?:[•·]\s*|-\s+)+")  # typed by hand; a minus has no space behind it


def read_pptx(data: bytes) -> Content:
    """Return one section a slide, numbered from 1 as ``slide`` and ``page``.

    A footer comes out with the first slide that has it.
    """
    import pptx

    presentation = pptx.Presentation(io.BytesIO(data))
    sections = []
    footers: set[str] = set()
    for number, slide in enumerate(presentation.slides, start=1):
        _unwrap(slide.shapes)
        text = "\n\n".join(filter(None, _slide(slide))) or _background(slide)
        new = [footer for footer in _footers(slide.shapes) if footer not in footers]
        footers.update(new)
        text = "\n\n".join(filter(None, (text, *new)))
        sections.append(Section(text, {"page": number, "slide": number}))
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        metadata = core_properties(archive) | {"markup": "markdown", "slides": len(sections)}
    if "title" not in metadata and sections and sections[0].text.startswith("# "):
        metadata["title"] = sections[0].text.partition("\n")[0].removeprefix("# ")[:500]
    return Content(tuple(sections), metadata)


def _slide(slide: Any) -> Iterator[str]:
    title = slide.shapes.title
    if title is not None and title.has_text_frame:
        text = one_line(" ".join(_lines(title.text_frame)))
        yield f"# {text}" if text else ""
    for shape in _shapes(slide.shapes):
        if title is None or shape.shape_id != title.shape_id:
            yield _shape(shape)
    yield from drawn_texts(slide.part, charts=False)
    yield from _comments(slide.part)
    if slide.has_notes_slide and slide.notes_slide.notes_text_frame is not None:
        notes = "\n".join(_lines(slide.notes_slide.notes_text_frame)).strip()
        yield f"Notes: {notes}" if notes else ""


def _background(slide: Any) -> str:
    """Return what layout and master show on a slide that has no text of its own."""
    layout = slide.slide_layout
    shapes = [*_shapes(layout.slide_master.shapes), *_shapes(layout.shapes)]
    return "\n\n".join(filter(None, (_shape(s) for s in shapes if not s.is_placeholder)))


def _unwrap(shapes: Any) -> None:
    """Put the shapes that only newer programs know, such as those with formulas, in their place.

    python-pptx passes over what stands in ``mc:AlternateContent``.
    """
    for alternate in list(shapes._spTree.iter(_MC + "AlternateContent")):
        chosen = alternate.find(_MC + "Choice")
        parent = alternate.getparent()
        if chosen is None or parent is None or parent.tag not in _HOLDS_SHAPES:
            continue
        for shape in list(chosen):
            alternate.addprevious(shape)
        parent.remove(alternate)


def _footers(shapes: Any) -> Iterator[str]:
    from pptx.enum.shapes import PP_PLACEHOLDER

    for shape in shapes:
        if shape.is_placeholder and shape.placeholder_format.type == PP_PLACEHOLDER.FOOTER:
            text = one_line(" ".join(_lines(shape.text_frame))) if shape.has_text_frame else ""
            if text and not only_counts_pages(text):
                yield text


def _shapes(shapes: Any) -> Iterator[Any]:
    """Yield shapes in drawing order, those inside groups included, page furniture left out."""
    from pptx.enum.shapes import MSO_SHAPE_TYPE, PP_PLACEHOLDER

    furniture = (PP_PLACEHOLDER.SLIDE_NUMBER, PP_PLACEHOLDER.DATE, PP_PLACEHOLDER.FOOTER)
    stack = list(reversed(list(shapes)))
    while stack:
        shape = stack.pop()
        if shape.shape_type == MSO_SHAPE_TYPE.GROUP:
            stack.extend(reversed(list(shape.shapes)))
        elif not (shape.is_placeholder and shape.placeholder_format.type in furniture):
            yield shape


def _shape(shape: Any) -> str:
    if shape.has_text_frame:
        paragraphs = list(shape.text_frame._txBody.iter(_A + "p"))
        texts = [(paragraph_text(p), _depth(p)) for p in paragraphs]
        texts = [(text, depth) for text, depth in texts if text]
        if len(texts) == 1:
            return texts[0][0]
        return "\n".join(f"{'  ' * depth}- {_BULLET.sub('', text)}" for text, depth in texts)
    if getattr(shape, "has_table", False) and shape.has_table:
        rows = (
            [" ".join(_lines(cell.text_frame)) for cell in row.cells] for row in shape.table.rows
        )
        return table_text(rows, header=1 if shape.table.first_row else None)
    if getattr(shape, "has_chart", False) and shape.has_chart:
        with suppress(IngestError):
            return chart_text(shape.chart_part.blob)
    return ""


def _lines(frame: Any) -> list[str]:
    """Return the text of each paragraph; python-pptx's own has control characters for breaks."""
    return [paragraph_text(p) for p in frame._txBody.iter(_A + "p")]


def _depth(paragraph: Any) -> int:
    properties = paragraph.find(_A + "pPr")
    level = "0" if properties is None else properties.get("lvl") or "0"
    return min(8, int(level)) if level.isdecimal() else 0


def _comments(part: Any) -> Iterator[str]:
    """Yield what reviewers wrote on a slide, in the old form of comments and in the new."""
    for _, comments in related_parts(part, "comments"):
        with suppress(IngestError):
            root = parse_xml(comments.blob)
            said = [one_line(text.text or "") for text in root.iter("{*}text")]
            said += map(paragraph_text, root.iter(_A + "p"))
            yield "\n".join(f"Comment: {text}" for text in said if text)
