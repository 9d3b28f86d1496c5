"""Bookmarks of PDFs as headings of their pages."""

from __future__ import annotations

from pathlib import Path

from pdf_writer import PdfPage, lines, write_pdf

from ragkit.ingest.extract import extract
from ragkit.ingest.readers.pdf_outline import Bookmark, heading_paths


def test_a_page_stands_under_the_bookmarks_that_hold_all_of_it() -> None:
    bookmarks = [
        Bookmark(1, 0, "1 Rooms"), Bookmark(1, 1, "1.1 Keys"), Bookmark(3, 1, "1.2 Heating"),
        Bookmark(4, 0, "2 Garden"),
    ]  # fmt: skip
    pages = [
        "A title page", "1 Rooms\nAbout them. 1.1 Keys", "More about keys",
        "Keys, at last. 1.2 Heating", "2  GARDEN\nTrees",
    ]  # fmt: skip
    assert heading_paths(bookmarks, pages) == [
        "", "1 Rooms", "1 Rooms > 1.1 Keys", "1 Rooms", "2 Garden",
    ]  # fmt: skip


def test_pages_without_bookmarks_have_no_headings() -> None:
    assert heading_paths([], ["one", "two"]) == ["", ""]


def test_bookmarks_become_headings_of_nodes(tmp_path: Path) -> None:
    pages = [
        PdfPage(lines(text)) for text in ("Rooms", "The keys hang on the board.", "Spare keys.")
    ]
    file = tmp_path / "a.pdf"
    file.write_bytes(write_pdf(*pages, bookmarks=[("Rooms", 0), ("Keys", 1), ("Nowhere", 9)]))

    found = extract(file)

    assert [part.metadata.get("heading_path") for part in found.parts] == [
        "Rooms", "Rooms", "Rooms > Keys",
    ]  # fmt: skip
