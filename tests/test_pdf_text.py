"""PDF pages that are turned, filled in, or drawn twice."""

from __future__ import annotations

from pathlib import Path

import pytest
from pdf_writer import PdfPage, lines, write_pdf

from ragkit.ingest.extract import extract
from ragkit.ingest.readers.pdf import read_pdf

_FONT = "/Resources << /Font << /F1 3 0 R >> >>"


def with_annotation(page: str, annotation: str, *, form: bool) -> bytes:
    """Return a PDF of one page with an annotation; its appearance may be ``7 0 R``."""
    field = "/AcroForm << /Fields [6 0 R] /DR << /Font << /F1 3 0 R >> >> /DA (/F1 9 Tf 0 g) >>"
    drawn = "BT /F1 12 Tf 2 5 Td (Paid in May) Tj ET"
    objects = [
        f"<< /Type /Catalog /Pages 2 0 R {field if form else ''} >>",
        "<< /Type /Pages /Kids [4 0 R] /Count 1 >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 5 0 R /Annots [6 0 R] "
        f"{_FONT} >>",
        f"<< /Length {len(page)} >>\nstream\n{page}\nendstream",
        f"<< /Type /Annot /Rect [150 690 400 710] /F 4 {annotation} >>",
        f"<< /Type /XObject /Subtype /Form /BBox [0 0 250 20] {_FONT} "
        f"/Length {len(drawn)} >>\nstream\n{drawn}\nendstream",
    ]
    body = "".join(f"{n} 0 obj\n{content}\nendobj\n" for n, content in enumerate(objects, 1))
    return f"%PDF-1.4\n{body}trailer << /Root 1 0 R /Size 8 >>\n%%EOF\n".encode()


def test_what_is_filled_into_a_form_is_text() -> None:
    widget = "/Subtype /Widget /FT /Tx /T (name) /V (Ana Ruiz) /DA (/F1 12 Tf 0 g)"
    data = with_annotation(lines("Name:"), widget, form=True)
    assert read_pdf(data).sections[0].text.split() == ["Name:", "Ana", "Ruiz"]


def test_text_typed_onto_a_page_is_text() -> None:
    note = "/Subtype /FreeText /Contents (Paid in May) /AP << /N 7 0 R >>"
    data = with_annotation(lines("Invoice 17"), note, form=False)
    assert "Paid in May" in read_pdf(data).sections[0].text


def test_a_form_that_is_nothing_but_fields_is_no_empty_page() -> None:
    widget = "/Subtype /Widget /FT /Tx /T (sum) /V (35 euros) /DA (/F1 12 Tf 0 g)"
    assert "35 euros" in read_pdf(with_annotation("", widget, form=True)).sections[0].text


@pytest.mark.parametrize("turned", [90, 270])
def test_the_lines_of_a_turned_page_stay_apart(tmp_path: Path, turned: int) -> None:
    a, b, c, d = (0, 1, -1, 0) if turned == 90 else (0, -1, 1, 0)
    rows = ("Boat Length Fee", "Alma 12 35", "Bea 14 40", "Cora 9 20")
    x, step = (200, 20) if turned == 90 else (400, -20)
    y = 100 if turned == 90 else 700
    content = " ".join(
        f"BT /F1 12 Tf {a} {b} {c} {d} {x + step * n} {y} Tm ({row}) Tj ET"
        for n, row in enumerate(rows)
    )
    path = tmp_path / "turned.pdf"
    path.write_bytes(write_pdf(PdfPage(content, extra=f"/Rotate {turned}")))
    assert extract(path).text.split("\n") == list(rows)


def test_marks_beside_a_page_are_left_out() -> None:
    page = PdfPage(lines("Inside") + " " + lines("Printer", x=700))
    assert read_pdf(write_pdf(page)).sections[0].text.strip() == "Inside"


def test_letters_drawn_twice_are_read_once_and_numbers_as_they_are() -> None:
    twice = "".join(2 * c for c in "Municipality")
    page = PdfPage(lines(twice, "11223344", "bookkeeper", "AABB"))
    text = read_pdf(write_pdf(page)).sections[0].text
    assert text.split() == ["Municipality", "11223344", "bookkeeper", "AABB"]
