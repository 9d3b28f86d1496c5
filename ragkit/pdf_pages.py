"""A PDF's pages as pictures, with quotes highlighted, through PDFium.

A quote is found by its letters alone: the text that it was taken from has lost the white space,
hyphens and ligatures of the page. PDFs are somebody else's data: the size of a picture and the
time that drawing takes are bounded, and nothing in a PDF is run or fetched.
"""

from __future__ import annotations

import ctypes
import io
import os
import stat
import time
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ragkit.errors import IngestError

# PDFium is not safe to call from two threads: what reads PDFs for the index waits too.
from ragkit.ingest.readers.pdf import _LOCK as _PDFIUM_LOCK

if TYPE_CHECKING:
    from PIL.Image import Image
    from pypdfium2 import PdfDocument, PdfPage, PdfTextPage

__all__ = ["page_count", "page_png"]

_MOST_BYTES = 100_000_000
_NARROWEST, _WIDEST = 50, 2400
_HIGHEST = 4000  # pixels
_MOST_PIXELS = 6_000_000
_MOST_SCALE = 6.0  # a stamp is not blown up to a poster
_WAIT_SECONDS = 20.0
_DRAW_SECONDS = 8.0
_MOST_CHARACTERS = 200_000
_MOST_QUOTES = 50
_MOST_RECTANGLES = 2000
_SHORTEST_PIECE = 12  # letters; a shorter piece of a quote stands in too many places
_MARKER = (255, 224, 102)
_DARK = 100  # mean brightness below which a highlight has to lighten

Rectangle = tuple[int, int, int, int]


def page_png(path: Path, page: int, quotes: Sequence[str], *, width: int = 900) -> bytes:
    """Return page ``page`` (from 1) of the PDF at ``path`` as a PNG, ``quotes`` highlighted.

    ``width`` is in pixels, 50 to 2400; a very high page comes out narrower, at most 4000 pixels
    high. A quote that does not stand on the page as a whole has its beginning and its end
    highlighted, as far as they do; one that does not stand there at all, nothing. Drawing that
    takes longer than 8 seconds ends, and the picture holds what was drawn by then.

    Raises IngestError for a file that is gone, no PDF, damaged, protected by a password or larger
    than 100 MB, for a page that is not there, and where another thread keeps PDFium for 20 seconds.
    """
    width = min(_WIDEST, max(_NARROWEST, width))
    with _opened(path) as document:
        drawn = _page(document, path, page)
        try:
            size = _size(drawn, width)
            image = _picture(drawn, size)
            rectangles = _rectangles(drawn, quotes, size) if quotes else []
        finally:
            drawn.close()
    _highlight(image, rectangles[:_MOST_RECTANGLES])
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def page_count(path: Path) -> int:
    """Return how many pages the PDF at ``path`` has. Raises as ``page_png`` does."""
    with _opened(path) as document:
        return len(document)


@contextmanager
def _opened(path: Path) -> Iterator[PdfDocument]:
    """Open the PDF at ``path`` with PDFium to ourselves."""
    import pypdfium2

    data = _read(path)
    if not _PDFIUM_LOCK.acquire(timeout=_WAIT_SECONDS):
        raise IngestError("Another PDF is being read just now. Try again in a moment.")
    try:
        try:
            document = pypdfium2.PdfDocument(data)
        except pypdfium2.PdfiumError as error:
            raise IngestError(_reason(path, str(error))) from error
        try:
            yield document
        finally:
            document.close()
    finally:
        _PDFIUM_LOCK.release()


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
        return f"'{path.name}' is protected by a password: its pages cannot be shown."
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


def _rectangles(page: PdfPage, quotes: Sequence[str], size: tuple[int, int]) -> list[Rectangle]:
    """Return where on the picture the quotes stand, one rectangle for each line."""
    import pypdfium2

    try:
        text = page.get_textpage()
    except pypdfium2.PdfiumError:
        return []
    try:
        letters, places = _letters(text)
        found: list[Rectangle] = []
        for quote in quotes[:_MOST_QUOTES]:
            for start, end in _matches(_folded(quote), letters):
                first, last = places[start], places[end - 1]
                found += _on_picture(page, text, first, last - first + 1, size)
        return found
    finally:
        text.close()


def _letters(text: PdfTextPage) -> tuple[str, list[int]]:
    """Return the page's letters as ``_folded`` gives them, and the place of each in its text."""
    from pypdfium2 import raw

    letters: list[str] = []
    places: list[int] = []
    high = 0
    for index in range(min(text.count_chars(), _MOST_CHARACTERS)):
        code = raw.FPDFText_GetUnicode(text, index)
        if 0xD800 <= code < 0xDC00:
            high = code
            continue
        if 0xDC00 <= code < 0xE000:
            code = 0x10000 + ((high - 0xD800) << 10) + (code - 0xDC00) if high else 0xFFFD
        high = 0
        if code > 0x10FFFF:
            continue
        for letter in _folded(chr(code)):
            letters.append(letter)
            places.append(index)
    return "".join(letters), places


def _folded(text: str) -> str:
    """Return the letters and digits of ``text`` as they are compared.

    Without white space, hyphens and other marks, ligatures and wide letters in their plain forms.
    """
    plain = unicodedata.normalize("NFKC", text.replace("\ufffe", "")).casefold()
    return "".join(letter for letter in plain if letter.isalnum())


def _matches(quote: str, letters: str) -> Iterator[tuple[int, int]]:
    """Yield where ``quote`` stands in ``letters``, or its longest beginning and end that do."""
    if not quote:
        return
    at = letters.find(quote)
    if at >= 0:
        yield at, at + len(quote)
        return
    head = _longest(quote, letters, from_start=True)
    if head:
        at = letters.find(quote[:head])
        yield at, at + head
    tail = _longest(quote, letters, from_start=False)
    if tail:
        at = letters.rfind(quote[-tail:])
        yield at, at + tail


def _longest(quote: str, letters: str, *, from_start: bool) -> int:
    """Return the length of the longest beginning (or end) of ``quote`` in ``letters``, or 0."""
    low, high = _SHORTEST_PIECE - 1, len(quote)
    while high - low > 1:
        middle = (low + high) // 2
        piece = quote[:middle] if from_start else quote[-middle:]
        low, high = (middle, high) if piece in letters else (low, middle)
    return low if low >= _SHORTEST_PIECE else 0


def _on_picture(
    page: PdfPage, text: PdfTextPage, first: int, count: int, size: tuple[int, int]
) -> list[Rectangle]:
    found = []
    for index in range(min(text.count_rects(first, count), _MOST_RECTANGLES)):
        left, bottom, right, top = text.get_rect(index)
        corners = [_to_pixels(page, x, y, size) for x, y in ((left, bottom), (right, top))]
        xs, ys = zip(*corners, strict=True)
        margin = 2 + min(max(xs) - min(xs), max(ys) - min(ys)) // 5  # a box may cut its letters
        box = (
            max(0, min(xs) - margin),
            max(0, min(ys) - margin),
            min(size[0], max(xs) + margin),
            min(size[1], max(ys) + margin),
        )
        if box[0] < box[2] and box[1] < box[3]:
            found.append(box)
    return found


def _to_pixels(page: PdfPage, x: float, y: float, size: tuple[int, int]) -> tuple[int, int]:
    """Return where a point of the page lies on the picture, whatever turn and crop the page has."""
    from pypdfium2 import raw

    across, down = ctypes.c_int(), ctypes.c_int()
    raw.FPDF_PageToDevice(page, 0, 0, *size, 0, x, y, across, down)
    return across.value, down.value


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
