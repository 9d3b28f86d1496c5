"""Numbers of lists and marks of notes on pages, and rows of RTF tables with paragraphs in cells."""

from __future__ import annotations

import time

import pytest

from ragkit.ingest.readers.html import element_text, parse_html, read_html
from ragkit.ingest.readers.rtf import read_rtf


def page(body: str) -> str:
    return read_html(f"<html><body>{body}</body></html>").sections[0].text


@pytest.mark.parametrize(
    ("attributes", "numbers"),
    [
        ("type=a", ["a", "b"]), ("type=A start=27", ["AA", "BB"]), ("type=i start=4", ["iv", "v"]),
        ("type=I", ["I", "II"]), ("type=1", ["1", "2"]), ("type=x", ["1", "2"]),
        ("type=a start=0", ["0", "a"]),
    ],
)  # fmt: skip
def test_lists_are_numbered_as_their_type_says(attributes: str, numbers: list[str]) -> None:
    text = page(f"<ol {attributes}><li>Boats</li><li>Piers</li></ol>")
    assert text == f"{numbers[0]}. Boats\n{numbers[1]}. Piers"


def test_a_list_in_a_list_has_its_own_numbers() -> None:
    text = page("<ol><li>One<ol type=i><li>Deep</li><li>Deeper</li></ol></li><li>Two</li></ol>")
    assert text == "1. One\n  i. Deep\n  ii. Deeper\n2. Two"


@pytest.mark.parametrize(
    "mark",
    [
        '<sup><a href="#n1">1</a></sup>',
        '<a href="notes.html#n1"><sup>1</sup></a>',
        '<a role="doc-noteref" href="#n1">1</a>',
        '<a epub:type="noteref footnote" href="#n1">1</a>',
        '<sup><a href="#n1">[1]</a></sup>',
    ],
)
def test_the_mark_of_a_note_is_no_part_of_a_word(mark: str) -> None:
    assert page(f"<p>All boats{mark} are let.</p>") == "All boats[1] are let."


def test_a_link_of_endless_attributes_takes_no_time() -> None:
    attributes = " ".join(f"a{at}='1'" for at in range(15_000))
    root = parse_html(f"<p>boats<a href='#n1' {attributes}>1</a> are let.</p>")
    began = time.process_time()
    assert element_text(root) == "boats1 are let."
    assert time.process_time() - began < 0.2


def test_powers_and_other_links_stay_as_they_are() -> None:
    assert page("<p>12 m<sup>2</sup> of <a href='#x'>3</a> sails</p>") == "12 m2 of 3 sails"
    assert page("<p>12 m<sup><a href='/x'>2</a></sup></p>") == "12 m2"


def rtf(body: str) -> str:
    return read_rtf(rf"{{\rtf1\ansi {body}}}".encode()).sections[0].text.strip()


def test_paragraphs_in_cells_keep_a_row_together() -> None:
    row = r"\trowd\cellx1\cellx2 {{\pard\intbl {}\par}}\cell{{\pard\intbl {}\par}}\cell\intbl\row "
    cells = [("Boat", "Note"), ("Alma", r"old\par but sound"), ("Bea", r"new\line c:\\\\par")]
    text = rtf(r"Before.\par " + "".join(row.format(*pair) for pair in cells) + r"\pard After.\par")
    assert text.split("\n") == [
        "Before.",
        "Boat: Alma; Note: old but sound",
        r"Boat: Bea; Note: new c:\\par",
        "After.",
    ]


def test_a_row_that_never_ends_costs_no_lines() -> None:
    assert rtf(r"\trowd One.\par Two.\par") == "One.\nTwo."
    began = time.process_time()
    rtf(r"\trowd\par " * 50_000)
    assert time.process_time() - began < 10
