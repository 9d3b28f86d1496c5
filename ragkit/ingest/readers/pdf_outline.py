"""Under which headings each page of a PDF stands, by its bookmarks."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from itertools import islice, takewhile
from typing import TYPE_CHECKING, NamedTuple

from ragkit.ingest.readers.content import one_line

if TYPE_CHECKING:
    from pypdfium2 import PdfDocument

__all__ = ["Bookmark", "heading_paths", "outline"]

_MOST = 5_000
_DEEPEST = 6
_LONGEST = 200


class Bookmark(NamedTuple):
    """A title, how deep it stands (from 0), and the page that it leads to, from 0."""

    page: int
    level: int
    title: str


def outline(document: PdfDocument) -> list[Bookmark]:
    """Return the bookmarks that lead to a page of the document, in the order of the pages."""
    logging.getLogger("pypdfium2").setLevel(logging.ERROR)  # it warns of each loop and deep tree
    return sorted(_bookmarks(document), key=lambda bookmark: bookmark.page)


def _bookmarks(document: PdfDocument) -> Iterator[Bookmark]:
    import pypdfium2

    for found in islice(document.get_toc(max_depth=_DEEPEST), _MOST):
        try:
            title = one_line(found.get_title())[:_LONGEST]
            target = found.get_dest()
            page = target.get_index() if target else None
        except (pypdfium2.PdfiumError, UnicodeError):
            continue  # one that is damaged leads nowhere
        if title and page is not None and page < len(document):
            yield Bookmark(page, found.level, title)


def heading_paths(bookmarks: Sequence[Bookmark], pages: Sequence[str]) -> list[str]:
    """Return for each page, given its text, the titles that all of it stands under, or "".

    Titles are joined by `` > ``. A section that begins in the middle of a page holds only a part of
    it, so the page keeps what that section and the one before have in common; one whose title
    opens the page holds all of it.
    """
    paths: list[str] = []
    path: list[Bookmark] = []
    left = list(reversed(bookmarks))
    for number, text in enumerate(pages):
        there = [path]
        while left and left[-1].page == number:
            bookmark = left.pop()
            path = [above for above in path if above.level < bookmark.level] + [bookmark]
            if len(there) == 1 and _opens(text, bookmark.title):
                there = []
            there.append(path)
        shared = takewhile(lambda step: len(set(step)) == 1, zip(*there, strict=False))
        paths.append(" > ".join(step[0].title for step in shared))
    return paths


def _opens(text: str, title: str) -> bool:
    start = "".join(text[: 4 * _LONGEST].split()).casefold()
    return start.startswith("".join(title.split()).casefold())
