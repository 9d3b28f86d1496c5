"""Jupyter notebooks: Markdown cells as they are, code fenced, text outputs below it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ragkit.errors import IngestError
from ragkit.ingest.readers.content import Content, Metadata, clean
from ragkit.ingest.readers.html import element_text, parse_html
from ragkit.ingest.readers.records import load_json
from ragkit.ingest.readers.text import first_heading

__all__ = ["read_notebook"]

_FENCES = re.compile(r"`{3,}")
_MAX_OUTPUT = 10_000


def read_notebook(text: str) -> Content:
    """Return a notebook (nbformat 3 or 4) as Markdown; images and widgets are left out.

    Raises IngestError where it is not a notebook.
    """
    try:
        book = load_json(text)
    except ValueError as error:
        raise IngestError("Damaged notebook: it is not JSON.") from error
    cells = _cells(book)
    if cells is None:
        raise IngestError("Damaged notebook: it holds no cells.")
    blocks = [block for cell in cells if isinstance(cell, dict) for block in _cell(cell)]
    content = "\n\n".join(filter(str.strip, blocks))
    metadata: Metadata = {"markup": "markdown"}
    if title := next(filter(None, map(first_heading, blocks)), ""):
        metadata["title"] = title[:500]
    return Content.of(content, metadata)


def _cells(book: object) -> list[Any] | None:
    if not isinstance(book, dict):
        return None
    if isinstance(book.get("cells"), list):
        return list(book["cells"])
    sheets = book.get("worksheets")  # nbformat 3
    if not isinstance(sheets, list):
        return None
    return [c for sheet in sheets if isinstance(sheet, dict) for c in _listed(sheet.get("cells"))]


def _listed(value: object) -> list[Any]:
    """Return a list as it is and nothing for what should be one and is not."""
    return value if isinstance(value, list) else []


def _cell(cell: dict[str, Any]) -> Iterator[str]:
    source = _text(cell.get("source", cell.get("input")))
    if cell.get("cell_type") == "heading":  # of nbformat 3
        level = cell.get("level")
        yield f"{'#' * min(6, level if isinstance(level, int) and level > 0 else 1)} {source}"
        return
    if cell.get("cell_type") != "code":
        yield source
        return
    if source.strip():
        yield _fenced(source)
    for output in _listed(cell.get("outputs")):
        if isinstance(output, dict) and (shown := _output(output)).strip():
            yield shown


def _fenced(code: str) -> str:
    fence = "`" * max((len(run) + 1 for run in _FENCES.findall(code)), default=3)
    return f"{fence}\n{code.strip(chr(10))}\n{fence}"


def _output(output: dict[str, Any]) -> str:
    data = output.get("data")
    if isinstance(data, dict):
        if markdown := _text(data.get("text/markdown")):
            return markdown[:_MAX_OUTPUT]
        if table := _table(_text(data.get("text/html"))):
            return table[:_MAX_OUTPUT]
        text = _text(data.get("text/plain"))
        # Figures, formulas and pages print a placeholder: <Figure size 640x480 with 1 Axes>.
        if not text.strip() or re.fullmatch(r"\s*<[^<>\n]*>\s*", text):
            page = _page(_text(data.get("text/html")))
            return (page or _text(data.get("text/latex")))[:_MAX_OUTPUT]
    elif output.get("output_type") in ("error", "pyerr"):
        text = f"{output.get('ename', 'Error')}: {output.get('evalue', '')}"
    else:
        text = _text(output.get("text"))
    text = clean(text)[:_MAX_OUTPUT]
    return _fenced(text) if text.strip() else ""


def _table(html: str) -> str:
    """Return a table that is shown as HTML, as pandas does, by row; empty for other HTML."""
    return _page(html) if "<table" in html else ""


def _page(html: str) -> str:
    if not html or len(html) > 100 * _MAX_OUTPUT:
        return ""
    root = parse_html(html)
    return "" if root is None else element_text(root, furniture=True)


def _text(source: object) -> str:
    if isinstance(source, list):
        return "".join(piece for piece in source if isinstance(piece, str))
    return source if isinstance(source, str) else ""
