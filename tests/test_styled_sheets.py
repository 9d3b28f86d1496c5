"""Sheets in which far more cells have a style than a value, and elements full of attributes."""

from __future__ import annotations

import io
import time
import zipfile
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import Workbook
from openpyxl.styles import Font

from ragkit.ingest.readers.content import Limits
from ragkit.ingest.readers.spreadsheet import read_xlsx
from ragkit.ingest.readers.xml import read_xml

_SHEET = "xl/worksheets/sheet1.xml"


def _workbook(sheet_data: Iterable[bytes], *, root: bytes = b"worksheet", ns: bytes = b"") -> bytes:
    """Return a workbook whose only sheet holds ``sheet_data``, the rest as openpyxl writes it."""
    plain, out = io.BytesIO(), io.BytesIO()
    Workbook().save(plain)
    prefix = root.rpartition(b":")[0]
    data = b"%s:sheetData" % prefix if prefix else b"sheetData"
    with zipfile.ZipFile(plain) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            if name != _SHEET:
                new.writestr(name, old.read(name))
        with new.open(_SHEET, "w") as sheet:
            uri = b"http://schemas.openxmlformats.org/spreadsheetml/2006/main"
            sheet.write(b'<%s xmlns%s="%s"><%s>' % (root, ns, uri, data))
            for piece in sheet_data:
                sheet.write(piece)
            sheet.write(b"</%s></%s>" % (data, root))
    return out.getvalue()


def _text(workbook: bytes) -> str:
    return "\n".join(section.text for section in read_xlsx(workbook, Limits()).sections)


_HEAD = (
    b'<row r="1"><c r="A1" t="inlineStr"><is><t>Name</t></is></c>'
    b'<c r="B1" t="inlineStr"><is><t>Amount</t></is></c></row>'
    b'<row r="2"><c r="A2" t="inlineStr"><is><t>Zephyr</t></is></c><c r="B2"><v>42</v></c></row>'
)


def _styled(first: int, last: int, *, closed: bytes = b"/>") -> Iterable[bytes]:
    for n in range(first, last + 1):
        cells = b"".join(b'<c r="%s%d" s="1"%s' % (c, n, closed) for c in (b"A", b"B", b"C"))
        yield b'<row r="%d" spans="1:3" s="1" customFormat="1">%s</row>' % (n, cells)


def test_a_column_formatted_to_the_bottom_costs_seconds() -> None:
    book = _workbook([_HEAD, *_styled(3, 400_000)])
    began = time.process_time()
    assert _text(book) == "Name: Zephyr; Amount: 42"
    assert time.process_time() - began < 8  # openpyxl alone: 17


@pytest.mark.parametrize("closed", [b"/>", b"></c>"])
def test_a_value_below_rows_that_are_only_styled_is_read(closed: bytes) -> None:
    last = b'<row r="60001"><c r="A60001" t="str"><v>Nadir</v></c><c r="B60001"><v>7</v></c></row>'
    book = _workbook([_HEAD, *_styled(3, 60_000, closed=closed), last])
    assert _text(book) == "Name: Zephyr; Amount: 42\nName: Nadir; Amount: 7"


def test_cells_that_do_not_say_where_they_stand_keep_their_column() -> None:
    rows = b"<row><c t='str'><v>Name</v></c><c t='str'><v>Amount</v></c></row>"
    rows += b"<row><c s='1'/><c><v>5</v></c></row><row/><row><c><v>6</v></c></row>"
    text = _text(_workbook([rows]))
    assert "Amount: 5" in text
    assert "6" in text.splitlines()[-1]


def test_a_prefix_of_the_namespace_changes_nothing() -> None:
    row = b'<x:row r="%d"><x:c r="A%d" s="1"/><x:c r="B%d"><x:v>%d</x:v></x:c></x:row>'
    rows = [row % (n, n, n, 10 * n) for n in (1, 2)]
    rows.insert(1, b'<x:row r="3"><x:c r="A3" s="1"></x:c></x:row>')
    text = _text(_workbook(rows, root=b"x:worksheet", ns=b":x"))
    assert text.split() == ["10", "20"]


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.lists(st.one_of(st.none(), st.integers(0, 99), st.text("ab <>/&\"'", max_size=4)),
                 max_size=5),
        max_size=12,
    )
)  # fmt: skip
def test_styles_change_nothing_of_what_is_read(rows: list[list[int | str | None]]) -> None:
    plain, styled = Workbook(), Workbook()
    for book in (plain, styled):
        assert book.active is not None
        for y, row in enumerate(rows, 1):
            for x, value in enumerate(row, 1):
                if value is not None:
                    book.active.cell(y, x, value)
    assert styled.active is not None
    for y in range(1, 20):
        for x in range(1, 8):
            styled.active.cell(y, x).font = Font(bold=True)
    texts = []
    for book in (plain, styled):
        book.save(out := io.BytesIO())
        texts.append(_text(out.getvalue()))
    assert texts[0] == texts[1]


def test_an_element_with_very_many_attributes_is_read_in_seconds() -> None:
    number = 100_000
    xml = "<r " + " ".join(f'a{n}="v{n}"' for n in range(number)) + ' z="last">text</r>'
    began = time.process_time()
    lines = read_xml(xml).sections[0].text.split("\n")
    assert time.process_time() - began < 5  # by name, one after another: 25
    assert lines[:3] == ["r: text", "r a0: v0", "r a1: v1"]
    assert lines[-1] == "r z: last"
    assert len(lines) == number + 2


def test_many_attributes_keep_their_own_values() -> None:
    names = [f"n{n}" for n in range(150)]
    xml = "<r xmlns:q='urn:q' q:first='one' " + " ".join(f"{n}='of {n}'" for n in names) + "/>"
    lines = read_xml(xml).sections[0].text.split("\n")
    assert lines == ["r first: one", *(f"r {n}: of {n}" for n in names)]


def test_names_of_characters_are_read_and_nothing_behind_an_unknown_one_is_lost() -> None:
    xml = '<!DOCTYPE a SYSTEM "a.dtd"><a><b>caf&eacute; &amp; &lt;tea&gt;</b><c>x &own; y</c></a>'
    text = read_xml(xml).sections[0].text
    assert "b: café & <tea>" in text
    assert "y" in text.split("\n")[-1]
