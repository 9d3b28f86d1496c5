"""A PDF's pages as pictures, with quotes highlighted, through PDFium.

PDFs are somebody else's data: the size of a picture and the time that drawing takes are bounded,
and nothing in a PDF is run or fetched.
"""

from __future__ import annotations

import ctypes
import io
import os
import stat
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ragkit.errors import IngestError

# PDFium is not safe to call from two threads: what reads PDFs for the index waits too.
from ragkit.ingest.readers.pdf import _LOCK as _PDFIUM_LOCK
from ragkit.pdf_quotes import Rectangle, quote_boxes

if TYPE_CHECKING:
    from PIL.Image import Image
    from pypdfium2 import PdfDocument, PdfPage

__all__ = ["page_count", "page_png"]

_MOST_BYTES = 100_000_000
_NARROWEST, _WIDEST = 50, 2400
_HIGHEST = 4000  # pixels
_MOST_PIXELS = 6_000_000
_MOST_SCALE = 6.0  # a stamp is not blown up to a poster
_WAIT_SECONDS = 20.0
_DRAW_SECONDS = 8.0
_MARKER = (255, 224, 102)
_DARK = 100  # mean brightness below which a highlight has to lighten


def page_png(
    path: Path,
    page: int,
    quotes: Sequence[str],
    *,
    width: int = 900,
    passwords: Sequence[str] = (),
) -> bytes:
    """Return page ``page`` (from 1) of the PDF at ``path`` as a PNG, ``quotes`` highlighted.

    ``width`` is in pixels, 50 to 2400; a very high page comes out narrower, at most 4000 pixels
    high. A quote that does not stand on the page as a whole has its beginning and its end
    highlighted, as far as they do; one that does not stand there at all, nothing. Drawing that
    takes longer than 8 seconds ends, and the picture holds what was drawn by then. ``passwords``
    are tried on a protected file.

    Raises IngestError for a file that is gone, no PDF, damaged, protected by another password or
    larger than 100 MB, for a page that is not there, and where another thread keeps PDFium for 20
    seconds.
    """
    width = min(_WIDEST, max(_NARROWEST, width))
    with _opened(path, passwords) as document:
        drawn = _page(document, path, page)
        try:
            size = _size(drawn, width)
            image = _picture(drawn, size)
            rectangles = quote_boxes(drawn, quotes, size)
        finally:
            drawn.close()
    _highlight(image, rectangles)
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def page_count(path: Path, *, passwords: Sequence[str] = ()) -> int:
    """Return how many pages the PDF at ``path`` has. Raises as ``page_png`` does."""
    with _opened(path, passwords) as document:
        return len(document)


@contextmanager
def _opened(path: Path, passwords: Sequence[str]) -> Iterator[PdfDocument]:
    """Open the PDF at ``path`` with PDFium to ourselves."""
    data = _read(path)
    if not _PDFIUM_LOCK.acquire(timeout=_WAIT_SECONDS):
        raise IngestError("Another PDF is being read just now. Try again in a moment.")
    try:
        document = _document(path, data, passwords)
        try:
            yield document
        finally:
            document.close()
    finally:
        _PDFIUM_LOCK.release()


def _document(path: Path, data: bytes, passwords: Sequence[str]) -> PdfDocument:
    """Return the PDF, opened without a password or by the first of ``passwords`` that fits."""
    import pypdfium2

    failure: pypdfium2.PdfiumError | None = None
    for password in (None, *passwords):
        try:
            return pypdfium2.PdfDocument(data, password=password)
        except pypdfium2.PdfiumError as error:
            failure = error
            if "password" not in str(error).lower():
                break
    raise IngestError(_reason(path, str(failure))) from failure


def _read(path: Path) -> bytes:
    """Return the bytes of a regular file of bounded size."""
    name = path.name.encode(errors="backslashreplace").decode()
    try:
        # Without O_NONBLOCK a named pipe would wait for its writer.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    except FileNotFoundError as error:
        raise IngestError(f"The file '{name}' is not there any more.") from error
    except OSError as error:
        raise IngestError(f"'{name}' cannot be opened: {error.strerror}.") from error
    except ValueError as error:
        raise IngestError(f"{name!r} is not the name of a file.") from error
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        os.close(descriptor)
        raise IngestError(f"'{name}' is not a file.")
    with os.fdopen(descriptor, "rb") as file:
        if status.st_size > _MOST_BYTES:
            most = _MOST_BYTES // 1_000_000
            raise IngestError(f"'{name}' is too large to show: more than {most} MB.")
        return file.read(_MOST_BYTES)


def _reason(path: Path, message: str) -> str:
    if "password" in message.lower():
        return f"'{path.name}' is protected by a password: its pages cannot be shown without."
    if "security" in message.lower():
        return f"'{path.name}' has an encryption that cannot be read."
    return f"'{path.name}' is damaged or no PDF: its pages cannot be shown."


def _page(document: PdfDocument, path: Path, page: int) -> PdfPage:
    import pypdfium2

    count = len(document)
    if not 1 <= page <= count:
        raise IngestError(f"'{path.name}' has no page {page}. It has pages 1 to {count}.")
    try:
        return document[page - 1]
    except pypdfium2.PdfiumError as error:
        raise IngestError(f"Page {page} of '{path.name}' is damaged.") from error


def _size(page: PdfPage, width: int) -> tuple[int, int]:
    """Return the picture's size in pixels, near ``width`` and within all bounds."""
    wide, high = (max(1.0, side) for side in page.get_size())
    scale = min(width / wide, _HIGHEST / high, _MOST_SCALE, (_MOST_PIXELS / (wide * high)) ** 0.5)
    return max(1, round(wide * scale)), max(1, round(high * scale))


def _picture(page: PdfPage, size: tuple[int, int]) -> Image:
    """Draw the page, for a bounded time."""
    import pypdfium2
    from pypdfium2 import raw

    bitmap = pypdfium2.PdfBitmap.new_native(*size, raw.FPDFBitmap_BGR)
    try:
        bitmap.fill_rect((255, 255, 255, 255), 0, 0, *size)
        deadline = time.monotonic() + _DRAW_SECONDS
        pause = raw.IFSDK_PAUSE(version=1)
        asked = type(pause.NeedToPauseNow)(lambda _: int(time.monotonic() > deadline))
        pause.NeedToPauseNow = asked
        raw.FPDF_RenderPageBitmap_Start(
            bitmap, page, 0, 0, *size, 0, raw.FPDF_ANNOT, ctypes.byref(pause)
        )
        raw.FPDF_RenderPage_Close(page)
        image: Image = bitmap.to_pil().convert("RGB")  # a copy: the bitmap's memory goes
        return image
    finally:
        bitmap.close()


def _highlight(image: Image, boxes: Sequence[Rectangle]) -> None:
    """Lay the colour of a text marker over parts of the picture; dark letters stay dark."""
    from PIL import ImageChops, ImageStat
    from PIL.Image import blend, new

    clean: Any = image.copy()  # where boxes overlap, the marker is laid on once
    for box in boxes:
        under = clean.crop(box)
        colour = new("RGB", under.size, _MARKER)
        dark = ImageStat.Stat(under.convert("L")).mean[0] < _DARK
        over = blend(under, colour, 0.4) if dark else ImageChops.multiply(under, colour)
        image.paste(over, box)
