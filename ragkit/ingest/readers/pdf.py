"""PDF text page by page, with PDFium.

PDFium reads embedded and unembedded CJK fonts, is fast (a C library) and permissively licensed.
It is not safe to call from two threads, so one lock guards it.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ragkit.errors import IngestError
from ragkit.ingest.readers.content import (
    NEEDS_OCR,
    NEEDS_PASSWORD,
    WRONG_PASSWORD,
    Content,
    Metadata,
    Section,
    clean,
    one_line,
)
from ragkit.ingest.readers.dates import iso_day
from ragkit.ingest.readers.pdf_outline import heading_paths, outline
from ragkit.ingest.readers.pdf_page import page_text
from ragkit.ingest.readers.running import running_lines, without_lines

if TYPE_CHECKING:
    from pypdfium2 import PdfDocument

__all__ = ["read_pdf"]

_LOCK = threading.Lock()
_PLACEHOLDER = re.compile(r"\(?(anonymous|unspecified|untitled|none|null|unknown)\)?$", re.I)
_FILE_NAME = re.compile(r"\.(docx?|pptx?|xlsx?|tex|dvi|indd|pages|odt|pdf|html?|txt|qxd)$", re.I)
_OCR_DPI = 200  # letters of 10 points become 28 pixels high; the models were trained on 48
_OCR_PIXELS = 3000  # of the longer side
_DATE = re.compile(r"D:(\d{4})(\d\d)?(\d\d)?")


def read_pdf(
    data: bytes, *, passwords: Sequence[str] = (), ocr: bool = False, ocr_seconds: float = 60.0
) -> Content:
    """Return one section a page, numbered from 1 as ``page``; pages without text are left out.

    Bookmarks say under which headings (``heading_path``) a page stands.
    Page numbers in the margins are left out, and lines there that repeat those of earlier pages. A
    page that is an image under such lines is one without text.

    With ``ocr`` pages that are images are read through OCR, while it took less than ``ocr_seconds``
    in all; they carry ``ocr``, and the file ``ocr_pages``; ``unread_pages`` counts those left.
    Raises IngestError for damaged and password-protected files and for scans without text.
    """
    with _LOCK:
        document = _opened(data, passwords)
        try:
            if document.get_formtype():  # before its first page is loaded
                document.init_forms()
            return _content(document, ocr_seconds if ocr else 0.0)
        finally:
            document.close()


def _opened(data: bytes, passwords: Sequence[str]) -> PdfDocument:
    import pypdfium2

    for password in (None, *passwords):
        try:
            return pypdfium2.PdfDocument(data, password=password)
        except pypdfium2.PdfiumError as error:
            message = str(error).lower()
            if "password" not in message:
                raise IngestError(_reason(message)) from error
    if passwords:
        raise IngestError(f"{WRONG_PASSWORD} for this PDF. Correct it in the password file.")
    raise IngestError(f"{NEEDS_PASSWORD} PDF. Give its password with --password-file.")


def _reason(message: str) -> str:
    if "security" in message:
        return "PDF with an encryption that cannot be read."
    return "Damaged PDF: it cannot be opened."


def _content(document: PdfDocument, ocr_seconds: float) -> Content:
    pages = [page_text(document, index) for index in range(len(document))]
    runs, idle = running_lines(pages)
    texts = [without_lines(page.text, left) for page, left in zip(pages, idle, strict=True)]
    paths = heading_paths(outline(document), texts)
    sections: list[Section] = []
    images: list[Section] = []  # pages without text, for OCR
    for at, page in enumerate(pages):
        place: Metadata = {"page": at + 1, **({"heading_path": paths[at]} if paths[at] else {})}
        if not without_lines(page.text, runs[at]).strip() and _has_image(document, at):
            images.append(Section("", place))
        elif texts[at].strip():
            sections.append(Section(texts[at], place))
    seen, unread, failed = _read_images(document, images, ocr_seconds)
    if not sections and not seen:
        raise _without_text(len(images), unread, failed) from failed
    sections = sorted((*sections, *seen), key=_page_number)
    counts = {
        "empty_pages": len(pages) - len(sections),
        "unread_pages": unread,
        "ocr_pages": len(seen),
    }
    metadata: Metadata = {"markup": "text", "pages": len(pages)}
    metadata |= {name: count for name, count in counts.items() if count}
    return Content(tuple(sections), metadata | _properties(document))


def _page_number(section: Section) -> int:
    return int(section.metadata["page"])  # type: ignore[arg-type]


def _read_images(
    document: PdfDocument, images: Sequence[Section], seconds: float
) -> tuple[list[Section], int, IngestError | None]:
    """Return those of ``images`` on which OCR finds text, how many are unread, and an error of it.

    No page is begun after ``seconds``.
    """
    found: list[Section] = []
    unread = len(images)
    failed: IngestError | None = None
    began = time.monotonic()
    for section in images:
        if not time.monotonic() - began < seconds:
            break
        try:
            text = _seen(document, _page_number(section) - 1)
            unread -= 1
        except IngestError as error:
            failed = error  # a page that OCR cannot read does not cost the others
            continue
        if text.strip():
            found.append(Section(text, {**section.metadata, "ocr": "yes"}))
    return found, unread, failed


def _without_text(images: int, unread: int, failed: IngestError | None) -> IngestError:
    """Return why a PDF has no text at all."""
    if failed:
        return IngestError(f"Scanned PDF: {failed}")
    if unread < images:
        return IngestError("Scanned PDF: OCR found no text on its pages.")
    if images:
        return IngestError(
            f"{NEEDS_OCR} Run it through OCR first, or install ragkit's extra 'ocr'."
        )
    return IngestError("PDF without text.")


def _has_image(document: PdfDocument, index: int) -> bool:
    import pypdfium2
    from pypdfium2.raw import FPDF_PAGEOBJ_IMAGE

    try:
        page = document[index]
    except pypdfium2.PdfiumError:
        return False
    try:
        images = page.get_objects(filter=[FPDF_PAGEOBJ_IMAGE], max_depth=3)
        return next(images, None) is not None
    finally:
        page.close()


def _seen(document: PdfDocument, index: int) -> str:
    """Return what OCR reads on a page."""
    from ragkit.ingest.readers.ocr import picture_text

    page = document[index]
    try:
        scale = min(_OCR_DPI / 72, _OCR_PIXELS / max(1.0, *page.get_size()))
        bitmap = page.render(scale=scale, draw_annots=False, rev_byteorder=False)
        try:
            picture = bitmap.to_numpy()[:, :, :3].copy()
        finally:
            bitmap.close()
    finally:
        page.close()
    return clean(picture_text(picture))


def _properties(document: PdfDocument) -> Metadata:
    found: Metadata = {}
    raw = document.get_metadata_dict(skip_empty=True)
    for key, name in (("Title", "title"), ("Author", "author")):
        value = one_line(raw.get(key, ""))
        value = re.sub(r"^Microsoft (Word|PowerPoint|Excel) - ", "", value)
        if value and not _PLACEHOLDER.match(value) and not _FILE_NAME.search(value):
            found[name] = value[:500]
    date = _DATE.match(raw.get("CreationDate", ""))
    if date and (day := iso_day("-".join(filter(None, date.groups())))):
        found["date"] = day
    return found
