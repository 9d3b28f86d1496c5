"""Charts and diagrams of Office files, from their DrawingML (ECMA-376 part 1, 21)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import date, timedelta
from typing import Any

from ragkit.errors import IngestError
from ragkit.ingest.readers.content import one_line
from ragkit.ingest.readers.relations import related_parts
from ragkit.ingest.readers.tables import table_text
from ragkit.ingest.readers.xml import parse_xml

__all__ = ["chart_text", "chart_titles", "drawn_texts", "paragraph_text"]

_A = "{http://schemas.openxmlformats.org/drawingml/2006/main}"
_M = "{http://schemas.openxmlformats.org/officeDocument/2006/math}"
_C = "{http://schemas.openxmlformats.org/drawingml/2006/chart}"
_MOST_POINTS, _MOST_SERIES = 10_000, 255
# Of formats of numbers (ISO 29500-1, 18.8.31): what is no code in them, and codes of days.
_UNQUOTED = re.compile(r'"[^"]*"|\\.|\[[^\]]*\]|[_*].')
_DAY = re.compile(r"y|d", re.I)
_LONGEST_FORMAT = 255  # characters, as in Excel
_FIRST_DAY, _LAST_DAY = date(1899, 12, 30), 2_958_466


def drawn_texts(part: Any, *, charts: bool) -> Iterator[str]:
    """Yield the texts of the diagrams, and with ``charts`` of the charts, that ``part`` shows.

    ``part`` is an OPC part of python-docx or python-pptx. A damaged drawing shows nothing.
    """
    for kind, drawing in related_parts(part, "diagramData", *(["chart"] if charts else [])):
        with suppress(IngestError):
            xml = drawing.blob
            yield chart_text(xml) if kind == "chart" else _diagram(parse_xml(xml))


def paragraph_text(paragraph: Any) -> str:
    """Return the text of an ``a:p``, that of fields and formulas in it included."""
    parts = (
        " " if element.tag == _A + "br" else element.text or ""
        for element in paragraph.iter(_A + "t", _M + "t", _A + "br")
    )
    return one_line("".join(parts))


def _diagram(root: Any) -> str:
    paragraphs = map(paragraph_text, root.iter(_A + "p"))
    return "\n".join(f"- {text}" for text in paragraphs if text)


def chart_text(xml: bytes) -> str:
    """Return the titles of a chart and the numbers of its series, one a line.

    Raises IngestError where ``xml`` is damaged.
    """
    root = parse_xml(xml)
    named = _title(root.find(_C + "chart"))
    lines = [f"Chart: {named}" if named else "Chart", _axes(root)]
    for plot in root.iterfind(f"{_C}chart/{_C}plotArea/*"):
        series = plot.findall(_C + "ser")[:_MOST_SERIES]
        names = next(filter(None, (_points(one, "cat", "xVal") for one in series)), {})
        places = sorted(names or {at: "" for one in series for at in _points(one, "val", "yVal")})
        rows = [["", *(names.get(at, "") for at in places)]]
        for one in series:
            values = _points(one, "val", "yVal")
            name = " ".join(_points(one, "tx").values())
            rows.append([name, *(values.get(at, "") for at in places)])
        lines.append(table_text(rows, header=int(bool(names))))
    return "\n".join(filter(None, lines))


def chart_titles(xml: bytes) -> str:
    """Return what a chart is called, and its axes and series: all but the numbers.

    Raises IngestError where ``xml`` is damaged.
    """
    root = parse_xml(xml)
    named = _title(root.find(_C + "chart"))
    series = root.iterfind(f"{_C}chart/{_C}plotArea/*/{_C}ser")
    names = dict.fromkeys(" ".join(_points(one, "tx").values()) for one in series)
    listed = ", ".join(filter(None, names))
    lines = [f"Chart: {named}" if named else "", _axes(root), f"Series: {listed}" if listed else ""]
    return "\n".join(filter(None, lines))


def _axes(root: Any) -> str:
    axes = root.iterfind(f"{_C}chart/{_C}plotArea/*")
    titles = [_title(axis) for axis in axes if axis.tag.endswith("Ax")]
    listed = ", ".join(dict.fromkeys(filter(None, titles)))
    return f"Axes: {listed}" if listed else ""


def _title(element: Any) -> str:
    """Return the title of a chart or axis, which is written in it or stands in a cell."""
    title = None if element is None else element.find(_C + "title")
    if title is None:
        return ""
    written = " ".join(map(paragraph_text, title.iterfind(f"{_C}tx/{_C}rich/{_A}p")))
    return one_line(written) or " ".join(_points(title, "tx").values())


def _points(series: Any, *kinds: str) -> dict[int, str]:
    """Return the cached values of the first of ``kinds`` that a series has, by their place."""
    held = next((e for kind in kinds if (e := series.find(_C + kind)) is not None), None)
    if held is None:
        return {}
    if (plain := held.find(_C + "v")) is not None:
        return {0: one_line(plain.text or "")}
    level = next(held.iter(_C + "lvl"), held)  # of several levels the first is the finest
    form = _UNQUOTED.sub("", (held.findtext(f".//{_C}formatCode") or "")[:_LONGEST_FORMAT])
    since_1904 = held.getroottree().find(_C + "date1904")
    if since_1904 is not None and since_1904.get("val") != "0":
        form = ""  # days that are counted from another one stay numbers
    points: dict[int, str] = {}
    for point in level.iter(_C + "pt"):
        at = point.get("idx") or ""
        if at.isdecimal() and len(points) < _MOST_POINTS:
            points[int(at)] = _shown(point.findtext(_C + "v") or "", form)
    return points


def _shown(value: str, form: str) -> str:
    """Return a number as a person would write it, and other text as it is.

    ``form`` is Excel's format without what is no code in it.
    """
    try:
        if _DAY.search(form) and (day := float(value)) < _LAST_DAY:
            return (_FIRST_DAY + timedelta(days=int(day))).isoformat()
        if form.endswith("%"):
            return f"{float(value) * 100:.10g}%"
        return f"{float(value):.15g}" if "." in value else one_line(value)
    except (ValueError, OverflowError):
        return one_line(value)
