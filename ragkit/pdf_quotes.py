"""Where quotes stand on a page of a PDF.

A quote is found by its letters alone: the text that it was taken from has lost the white space,
hyphens and ligatures of the page.
"""

from __future__ import annotations

import ctypes
import unicodedata
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pypdfium2 import PdfPage, PdfTextPage

__all__ = ["Rectangle", "quote_boxes"]

_MOST_CHARACTERS = 200_000
_MOST_QUOTES = 50
_MOST_RECTANGLES = 2000
_SHORTEST_PIECE = 12  # letters; a shorter piece of a quote stands in too many places

Rectangle = tuple[int, int, int, int]


def quote_boxes(page: PdfPage, quotes: Sequence[str], size: tuple[int, int]) -> list[Rectangle]:
    """Return where ``quotes`` stand on a picture of ``size`` pixels, a rectangle for each line.

    Rectangles are left, top, right, bottom in pixels from the upper left corner. Of a quote that
    does not stand on the page as a whole, its longest beginning and end are taken, from 12 letters
    on. At most 50 quotes and 2000 rectangles. The caller has PDFium to itself.
    """
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
        return found[:_MOST_RECTANGLES]
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
