"""PDF text page by page, with PDFium.

PDFium reads embedded and unembedded CJK fonts, is fast (a C library) and permissively licensed.
It is not safe to call from two threads, so one lock guards it.
"""

from __future__ import annotations

import re
import threading
from typing import TYPE_CHECKING

from ragkit.errors import IngestError
from ragkit.ingest.readers.content import Content, Metadata, Section, clean, one_line

if TYPE_CHECKING:
    from pypdfium2 import PdfDocument

__all__ = ["read_pdf"]

_LOCK = threading.Lock()
# PDFium marks a hyphen that splits a word over two lines.
_SPLIT_WORD = re.compile("[\x02\ufffe]\r?\n?")
_PLACEHOLDER = re.compile(r"\(?(anonymous|unspecified|untitled|none|null|unknown)\)?$", re.I)
_FILE_NAME = re.compile(r"\.(docx?|pptx?|xlsx?|tex|dvi|indd|pages|odt|pdf|html?|txt|qxd)$", re.I)
_DATE = re.compile(r"D:(\d{4})(\d\d)?(\d\d)?")


def read_pdf(data: bytes, *, password: str | None = None) -> Content:
    """Return one section a page, numbered from 1 as ``page``; pages without text are left out.

    Raises IngestError for damaged and password-protected files and for scans without text.
    """
    import pypdfium2

    with _LOCK:
        try:
            document = pypdfium2.PdfDocument(data, password=password)
        except pypdfium2.PdfiumError as error:
            raise IngestError(_reason(str(error), password)) from error
        try:
            return _content(document)
        finally:
            document.close()


def _reason(message: str, password: str | None) -> str:
    if "password" in message.lower():
        return "Wrong password for this PDF." if password else "Password-protected PDF."
    if "security" in message.lower():
        return "PDF with an encryption that cannot be read."
    return "Damaged PDF: it cannot be opened."


def _content(document: PdfDocument) -> Content:
    sections: list[Section] = []
    empty = images = 0
    for number in range(1, len(document) + 1):
        text, has_image = _page(document, number - 1)
        if text.strip():
            sections.append(Section(text, {"page": number}))
        else:
            empty += 1
            images += has_image
    if not sections:
        if images:
            raise IngestError(
                "Scanned PDF: its pages are images without text. Run it through OCR first."
            )
        raise IngestError("PDF without text.")
    metadata: Metadata = {"markup": "text", "pages": len(document)}
    if empty:
        metadata["empty_pages"] = empty
    return Content(tuple(sections), metadata | _properties(document))


def _page(document: PdfDocument, index: int) -> tuple[str, bool]:
    """Return the text of a page, and whether a page without text holds an image."""
    import pypdfium2
    from pypdfium2.raw import FPDF_PAGEOBJ_IMAGE

    try:
        page = document[index]
    except pypdfium2.PdfiumError:
        return "", False  # a damaged page does not cost the others
    try:
        text_page = page.get_textpage()
        try:
            text = _SPLIT_WORD.sub("", text_page.get_text_bounded())
        finally:
            text_page.close()
        if text.strip():
            return clean(text), False
        return "", next(
            page.get_objects(filter=[FPDF_PAGEOBJ_IMAGE], max_depth=3), None
        ) is not None
    finally:
        page.close()


def _properties(document: PdfDocument) -> Metadata:
    found: Metadata = {}
    raw = document.get_metadata_dict(skip_empty=True)
    for key, name in (("Title", "title"), ("Author", "author")):
        value = one_line(raw.get(key, ""))
        value = re.sub(r"^Microsoft (Word|PowerPoint|Excel) - ", "", value)
        if value and not _PLACEHOLDER.match(value) and not _FILE_NAME.search(value):
            found[name] = value[:500]
    if date := _DATE.match(raw.get("CreationDate", "")):
        found["date"] = "-".join(filter(None, date.groups()))
    return found
