"""The text of one page of a PDF, what is filled into its forms included."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ragkit.ingest.readers.content import clean
from ragkit.ingest.readers.running import PageText

if TYPE_CHECKING:
    from pypdfium2 import PdfDocument, PdfPage, PdfTextPage

__all__ = ["page_text"]

# PDFium marks a hyphen that splits a word over two lines; some programs write a soft one.
_SPLIT_WORD = re.compile("[\x02\ufffe]\r?\n?|\xad\r?\n")
_MARGIN = 0.07  # of a page's height: half of the usual margin above and below its text
_MOST_ANNOTATIONS = 2000
_FEWEST_LETTERS = 4
_TWICE = re.compile(r"(?:([^\W\d_])\1\s*){2}")


def page_text(document: PdfDocument, index: int) -> PageText:
    """Return the text of a page; a damaged page has none.

    A document with a form must have had ``init_forms`` called.
    """
    import pypdfium2

    try:
        page = _filled_in(document, index)
    except pypdfium2.PdfiumError:
        return PageText("")  # a damaged page does not cost the others
    try:
        text_page = page.get_textpage()
        try:
            text = _readable(_text(page, text_page))
            bands = _bands(page, text_page) if text.strip() else ()
        finally:
            text_page.close()
    finally:
        page.close()
    lines = {line.strip() for line in text.split("\n")}
    near = (line.strip() for band in bands for line in _readable(band).split("\n"))
    return PageText(text, tuple(line for line in near if line in lines))


def _filled_in(document: PdfDocument, index: int) -> PdfPage:
    """Return a page with the fields of forms and the notes typed onto it as part of its text."""
    from pypdfium2.raw import FLAT_NORMALDISPLAY, FPDFPage_Flatten

    page = document[index]
    if not _is_written_on(page):
        return page
    FPDFPage_Flatten(page.raw, FLAT_NORMALDISPLAY)
    page.close()
    return document[index]


def _is_written_on(page: PdfPage) -> bool:
    from pypdfium2.raw import (
        FPDF_ANNOT_FREETEXT,
        FPDF_ANNOT_WIDGET,
        FPDFAnnot_GetSubtype,
        FPDFPage_CloseAnnot,
        FPDFPage_GetAnnot,
        FPDFPage_GetAnnotCount,
    )

    for at in range(min(FPDFPage_GetAnnotCount(page.raw), _MOST_ANNOTATIONS)):
        annotation = FPDFPage_GetAnnot(page.raw, at)
        if not annotation:
            continue
        kind = FPDFAnnot_GetSubtype(annotation)
        FPDFPage_CloseAnnot(annotation)
        if kind in (FPDF_ANNOT_FREETEXT, FPDF_ANNOT_WIDGET):
            return True
    return False


def _text(page: PdfPage, text_page: PdfTextPage) -> str:
    """Return what stands inside a page's borders.

    PDFium can tell lines that run upwards or sideways apart only where it gives all of the text,
    printers' marks beside the page included.
    """
    inside: str = text_page.get_text_bounded()
    everything: str = text_page.get_text_range()
    if page.get_rotation() or _letters(everything) <= _letters(inside):
        return everything
    return inside


def _letters(text: str) -> int:
    return len("".join(_SPLIT_WORD.sub("", text).split()))


def _bands(page: PdfPage, text_page: PdfTextPage) -> tuple[str, str]:
    """Return the texts of the upper and the lower margin as the page is shown."""
    left, bottom, right, top = page.get_bbox()
    if page.get_rotation() in (90, 270):
        margin = _MARGIN * (right - left)
        return (
            text_page.get_text_bounded(left, bottom, left + margin, top),
            text_page.get_text_bounded(right - margin, bottom, right, top),
        )
    margin = _MARGIN * (top - bottom)
    return (
        text_page.get_text_bounded(left, top - margin, right, top),
        text_page.get_text_bounded(left, bottom, right, bottom + margin),
    )


def _readable(text: str) -> str:
    text = clean(_SPLIT_WORD.sub("", text))
    if not _TWICE.search(text):
        return text
    return "\n".join(map(_once, text.split("\n")))


def _once(line: str) -> str:
    """Return a line whose every letter was drawn twice, to make it bold, with each once."""
    shown = "".join(line.split())
    letters = {c for c in shown if c.isalpha()}
    if len(shown) % 2 or shown[::2] != shown[1::2] or len(letters) < _FEWEST_LETTERS:
        return line
    kept = []
    second = False
    for c in line:
        if c.isspace() or not second:
            kept.append(c)
        second = second if c.isspace() else not second
    return "".join(kept)
