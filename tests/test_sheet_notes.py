"""What spreadsheets hold beside short cells: long ones, hints, text boxes and comments."""

from __future__ import annotations

import csv
import io
import time
import zipfile

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl.chart import BarChart, Reference, Series
from openpyxl.comments import Comment

from ragkit.ingest.readers.content import Limits
from ragkit.ingest.readers.sheet_margins import margin_texts
from ragkit.ingest.readers.spreadsheet import _rows_of_any_length, read_delimited, read_xlsx

_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_BOX = (
    '<xdr:sp><xdr:txBody xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main">'
    "<a:p><a:r><a:t>{}</a:t></a:r><a:r><a:t>{}</a:t></a:r></a:p></xdr:txBody></xdr:sp>"
)
_DRAWING = (
    '<xdr:wsDr xmlns:xdr="http://schemas.openxmlformats.org/drawingml/2006/spreadsheetDrawing" '
    'xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006">{}</xdr:wsDr>'
)
_PEOPLE = (
    '<ThreadedComments xmlns="http://schemas.microsoft.com/office/spreadsheetml/2018/'
    'threadedcomments"><threadedComment ref="A2"><text>Ask Ida</text></threadedComment>'
    '<threadedComment ref="A2"><text>Done</text></threadedComment></ThreadedComments>'
)


def text_of(text: str) -> str:
    return read_delimited(text).sections[0].text


@pytest.mark.parametrize("first", ["sep=;", '"sep=;"', "SEP=;", "\ufeffsep=;\r"])
def test_the_hint_chooses_the_delimiter_and_is_no_row(first: str) -> None:
    body = "name;note\nIda;a, b, c\nPer;d, e, f\n"
    assert text_of(f"{first}\n{body}") == "name: Ida; note: a, b, c\nname: Per; note: d, e, f"


def test_the_hint_for_others_and_what_is_none() -> None:
    assert text_of("sep=\t\na\tb\n1\t2\n") == "a: 1; b: 2"
    assert text_of("sep=^\na^b\n1^2\n") == "a: 1; b: 2"
    assert text_of("sep=x,b\n1,2\n") == "sep=x: 1; b: 2"


def test_a_long_cell_costs_neither_names_nor_rows() -> None:
    long = 'x, "y"\n' * 40_000
    out = io.StringIO()
    csv.writer(out).writerows([["name", "note"], ["Ida", long], ["Per", "z"], ["", "", ""]])
    before = csv.field_size_limit()
    lines = text_of(out.getvalue()).split("\n")
    assert csv.field_size_limit() == before
    assert lines == [f"name: Ida; note: {' '.join(long.split())}", "name: Per; note: z"]


def test_long_cells_and_a_quote_that_is_never_closed() -> None:
    lines = text_of("a,b\n" + "x" * 200_000 + ',2\n"open,3\n' + "k,4\n" * 100).split("\n")
    assert lines[1:3] == ['a: "open; b: 3', "a: k; b: 4"]
    assert len(lines) == 102
    began = time.process_time()
    text_of("a,b\n" + "x" * 200_000 + ",2\n" + '"open",""3\n"' * 100_001)
    assert time.process_time() - began < 5


@given(st.lists(st.lists(st.text('ab,;" \n'), min_size=1, max_size=4), max_size=5))
def test_a_long_cell_changes_nothing_of_the_others(rows: list[list[str]]) -> None:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([["first", "second", "third"], *rows])
    text = out.getvalue()
    usual = list(csv.reader(io.StringIO(text, newline="")))
    assert list(_rows_of_any_length(text, ",")) == [row or [""] for row in usual]


def workbook(parts: dict[str, str], relations: str, comment: str = "") -> bytes:
    """Return a workbook of one sheet with ``parts``, to which the sheet has ``relations``."""
    book = openpyxl.Workbook()
    assert book.active is not None
    book.active.append(["name", "price"])
    book.active.append(["lamp", 9])
    if comment:
        book.active["B2"].comment = Comment(comment, "Ida")
    book.save(out := io.BytesIO())
    rels = "xl/worksheets/_rels/sheet1.xml.rels"
    copy = io.BytesIO()
    with zipfile.ZipFile(out) as old, zipfile.ZipFile(copy, "w", zipfile.ZIP_DEFLATED) as new:
        held = {name: old.read(name).decode("utf-8", "surrogateescape") for name in old.namelist()}
        held.setdefault(rels, "<Relationships></Relationships>")
        held[rels] = held[rels].replace("</Relationships>", f"{relations}</Relationships>")
        for name, part in {**held, **parts}.items():
            new.writestr(name, part.encode("utf-8", "surrogateescape"))
    return copy.getvalue()


def relation(number: int, kind: str, target: str) -> str:
    return f'<Relationship Id="x{number}" Type="{_OFFICE}/{kind}" Target="{target}"/>'


def sheet_of(data: bytes) -> list[str]:
    return read_xlsx(data, Limits()).sections[0].text.split("\n")


def test_comments_follow_the_rows() -> None:
    found = sheet_of(workbook({}, "", comment="Ida:\nraised in May"))
    assert found == ["name: lamp; price: 9", "B2: Ida: raised in May"]


def test_text_boxes_once_and_threads() -> None:
    choice = f"<mc:Choice>{_BOX.format('Net ', 'prices')}</mc:Choice>"
    twin = f"<mc:Fallback>{_BOX.format('Net ', 'prices')}</mc:Fallback>"
    drawing = _DRAWING.format(
        f"<mc:AlternateContent>{choice}{twin}</mc:AlternateContent>{_BOX.format('From ', 'May')}"
    )
    parts = {"xl/drawings/drawing7.xml": drawing, "xl/threadedComments/t.xml": _PEOPLE}
    relations = relation(1, "threadedComment", "/xl/threadedComments/t.xml") + relation(
        2, "drawing", "../drawings/drawing7.xml"
    )
    stand_in = "[Threaded comment]\n\nYour version of Excel allows you to read this.\n\nAsk Ida"
    found = sheet_of(workbook(parts, relations, comment=stand_in))
    assert found == ["name: lamp; price: 9", "Net prices", "From May", "A2: Ask Ida", "A2: Done"]


@pytest.mark.parametrize(
    "drawing",
    [
        None,
        "",
        "<a",
        _DRAWING,
        '<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>',
        "<a/>" + " " * 30_000_000,
    ],
)
def test_parts_that_are_damaged_or_missing_cost_themselves_only(drawing: str | None) -> None:
    parts = {} if drawing is None else {"xl/drawings/d.xml": drawing}
    found = sheet_of(workbook(parts, relation(1, "chart", "../drawings/d.xml")
                              + relation(2, "drawing", "../drawings/d.xml")))  # fmt: skip
    assert found == ["name: lamp; price: 9"]


def test_a_part_is_read_once_and_its_lines_are_bounded() -> None:
    drawing = _DRAWING.format(_BOX.format("a", "b") * 30_000)
    relations = "".join(relation(n, "drawing", "../drawings/d.xml") for n in range(1_000))
    began = time.process_time()
    found = sheet_of(workbook({"xl/drawings/d.xml": drawing}, relations))
    assert len(found) == 10_001
    assert time.process_time() - began < 5


def test_the_titles_of_charts_follow_the_rows() -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for row in (["month", "boats"], ["May", 7], ["June", 9]):
        sheet.append(row)
    chart = BarChart()
    chart.title, chart.x_axis.title, chart.y_axis.title = "Boats let", "Months", "Boats a day"
    series = Series(Reference(sheet, min_col=2, min_row=2, max_row=3), title="North pier")
    chart.series.append(series)
    sheet.add_chart(chart, "D2")
    book.save(out := io.BytesIO())
    assert sheet_of(out.getvalue())[2:] == [
        "Chart: Boats let", "Axes: Months, Boats a day", "Series: North pier"
    ]  # fmt: skip


def test_headers_and_footers_of_a_workbook_come_once() -> None:
    book = openpyxl.Workbook()
    for name in ("North", "South"):
        sheet = book.create_sheet(name)
        sheet.append(["boat", "length"])
        sheet.append([name, 7])
        sheet.merge_cells("A4:A5")
        sheet.oddHeader.center.text = "Harbour office"
        sheet.oddFooter.right.text = "Page &P of &N"
    book.save(out := io.BytesIO())
    assert [section.text for section in read_xlsx(out.getvalue(), Limits()).sections] == [
        "North\nboat: North; length: 7\nHarbour office",
        "South\nboat: South; length: 7",
    ]


def test_codes_of_headers_are_no_text() -> None:
    header = '&L&"Arial,Bold"&14Prices && fees&C&K01+049&D&RNet&X2'.replace("&", "&amp;")
    xml = f"<x:oddHeader>{header}</x:oddHeader><x:evenFooter>Net&amp;X2</x:evenFooter>"
    assert margin_texts(xml.encode()) == ["Prices & fees", "Net2"]
    assert margin_texts(b"<oddFooter>&amp;CPage &amp;P / &amp;N</oddFooter>") == []
    assert margin_texts(b"<oddFooter>" * 50_000) == []
