"""Excel workbooks and delimited text: a row a line, each value with its column's name."""

from __future__ import annotations

import csv
import io
import re
import warnings
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, time
from itertools import chain, islice
from statistics import median
from typing import Any

from ragkit.ingest.readers.content import Content, Limits, Section, clean
from ragkit.ingest.readers.properties import core_properties
from ragkit.ingest.readers.sheet_margins import margin_texts
from ragkit.ingest.readers.sheet_notes import sheet_notes
from ragkit.ingest.readers.sheet_xml import SheetArchive
from ragkit.ingest.readers.tables import row_lines, table_text

__all__ = ["cell_text", "read_delimited", "read_xlsx", "sheet_section"]

_UNNAMED = re.compile(r"(sheet|table|工作表|シート|tabelle|feuille?|hoja|лист) ?\d*$", re.I)
_DELIMITERS = ",;\t|"
_QUOTED = re.compile(r'"(?:[^"]|"")*"')
_QUOTED_FIELD = re.compile(r'"((?:[^"]|"")*+)"')
_HINT = re.compile(r'"?sep=([^\w\s"]|\t)"?[ ;,]*+(?:\n|\Z)', re.I)
_SWALLOWED_LINES = 20
# Above this many characters, repeating the column names in each row costs too much.
_NAMED_UP_TO = 20_000_000
_MERGED = re.compile(
    rb'<(?:\w+:)?mergeCell\s+ref="([A-Z]{1,3})([0-9]{1,7}):[A-Z]{1,3}([0-9]{1,7})"'
)
_MOST_MERGED, _LARGEST_SEARCHED = 20_000, 50_000_000


def read_xlsx(data: bytes, limits: Limits) -> Content:
    """Return one section a sheet that holds anything, its name as ``sheet``.

    Formulas come out as the values that Excel stored with them. Text boxes, the titles of charts,
    comments, and headers and footers for printing, each once, follow the rows.
    """
    from openpyxl.reader.excel import ExcelReader

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about styles and validations, which are not read
        reader = ExcelReader(io.BytesIO(data), read_only=True, data_only=True)
        reader.archive = SheetArchive(io.BytesIO(data))
        reader.read()
        book = reader.wb
        try:
            sections = []
            seen: set[str] = set()
            margins: set[str] = set()
            for sheet in book.worksheets:
                sheet.reset_dimensions()  # files often claim a million empty rows or columns
                rows = islice(sheet.iter_rows(values_only=True), limits.max_rows)
                behind = _behind_rows(book, sheet)
                merged = _merged_down(behind)
                notes = sheet_notes(reader.archive, sheet._worksheet_path, seen)
                printed = [text for text in margin_texts(behind) if text not in margins]
                margins.update(printed)
                sections.append(
                    sheet_section(sheet.title, _filled(rows, merged), [*notes, *printed])
                )
        finally:
            book.close()
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        metadata = core_properties(archive) | {"markup": "table", "sheets": len(sections)}
    return Content(tuple(filter(lambda section: section.text, sections)), metadata)


def _behind_rows(book: Any, sheet: Any) -> bytes:
    """Return the XML that stands behind a sheet's rows, of which their reader says nothing."""
    path = getattr(sheet, "_worksheet_path", None)
    archive = getattr(book, "_archive", None)
    if not path or archive is None or archive.getinfo(path).file_size > _LARGEST_SEARCHED:
        return b""
    xml: bytes = archive.read(path)
    return xml[max(0, xml.rfind(b"sheetData")) :]


def _merged_down(xml: bytes) -> dict[int, list[tuple[int, int]]]:
    """Return for a row the columns of cells that go on below it, and to which row, all from 0."""
    down: dict[int, list[tuple[int, int]]] = {}
    for found in islice(_MERGED.finditer(xml), _MOST_MERGED):
        letters, first, last = found[1].decode(), int(found[2]), int(found[3])
        if first < last:
            column = 0
            for letter in letters:
                column = column * 26 + ord(letter) - 64
            down.setdefault(first - 1, []).append((column - 1, last - 1))
    return down


def _filled(
    rows: Iterable[Sequence[object]], merged: Mapping[int, Sequence[tuple[int, int]]]
) -> Iterator[Sequence[object]]:
    """Yield rows with the text of cells that were merged downwards in each row they span."""
    if not merged:
        yield from rows
        return
    hanging: dict[int, tuple[int, object]] = {}
    for number, row in enumerate(rows):
        cells = list(row)
        hanging = {column: kept for column, kept in hanging.items() if kept[0] >= number}
        for column, (_, value) in hanging.items():
            if column < len(cells) and cells[column] is None and any(c is not None for c in cells):
                cells[column] = value
        for column, last in merged.get(number, ()):
            if column < len(cells) and cells[column] is not None:
                hanging[column] = last, cells[column]
        yield cells


def sheet_section(
    name: str, rows: Iterable[Iterable[object]], notes: Iterable[str] = ()
) -> Section:
    """Return a sheet as a section; its text starts with its name unless that is "Sheet1".

    ``notes`` are lines that follow the rows.
    """
    lines = row_lines([cell_text(cell) for cell in row] for row in rows)
    text = "\n".join(chain(lines, notes))
    if text and not _UNNAMED.match(name):
        text = f"{name}\n{text}"
    return Section(text, {"sheet": name})


def cell_text(value: object) -> str:
    """Return a cell's value as a reader would see it: 3 not 3.0, a day without 00:00:00."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.15g}"
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time() else value.isoformat(" ")
    if isinstance(value, date | time):
        return value.isoformat()
    return str(value)


def read_delimited(text: str, *, delimiter: str | None = None) -> Content:
    """Return CSV or TSV as rows; the delimiter is guessed from the first lines unless given.

    A first line ``sep=;``, which tells Excel the delimiter, goes before both and is no row.
    """
    text = clean(text)
    if hint := _HINT.match(text):
        text, delimiter = text[hint.end() :], hint[1]
    delimiter = delimiter or _delimiter(text[:50_000])
    header = None if len(text) <= _NAMED_UP_TO else 0
    try:
        lines = table_text(_rows(text, delimiter), header=header)
    except csv.Error:
        # A field of more than 128 kB. That limit holds for all threads of the process.
        lines = table_text(_rows_of_any_length(text, delimiter), header=header)
    return Content.of(lines, {"markup": "table"})


def _delimiter(head: str) -> str:
    """Return the delimiter that most lines have in equal number, outside quotes."""
    lines = [line for line in _QUOTED.sub("", head).split("\n")[:40] if line.strip()]
    if not lines:
        return ","

    def evenness(mark: str) -> tuple[float, float]:
        counts = [line.count(mark) for line in lines]
        middle = median(counts)
        return (sum(c == middle for c in counts) / len(counts) if middle else 0.0, middle)

    return max(_DELIMITERS, key=evenness)


def _rows(text: str, delimiter: str) -> Iterator[list[str]]:
    """Yield rows; from a quote that is never closed on, quotes are read as plain characters."""
    stream = io.StringIO(text, newline="")
    before = 0
    for row in csv.reader(stream, delimiter=delimiter):
        after = stream.tell()
        if after >= len(text) and row and row[-1].count("\n") > _SWALLOWED_LINES:
            rest = io.StringIO(text[before:], newline="")
            yield from csv.reader(rest, delimiter=delimiter, quoting=csv.QUOTE_NONE)
            return
        before = after
        yield row


def _rows_of_any_length(text: str, delimiter: str) -> Iterator[list[str]]:
    """Yield rows as ``_rows`` does, slower, and whatever the length of their fields."""
    plain = re.compile(rf"[^{re.escape(delimiter)}\n]*+")
    row: list[str] = []
    at, quotes = 0, True
    while at < len(text):
        value, start = "", at
        if quotes and text[at] == '"':
            if found := _QUOTED_FIELD.match(text, at):
                value, start = found[1].replace('""', '"'), found.end()
            else:
                quotes = False  # never closed
        end = plain.match(text, start).end()  # type: ignore[union-attr]  # it may be empty
        row.append(value + text[start:end])
        if end == len(text) or text[end] == "\n":
            yield row
            row = []
        at = end + 1
    if row:
        yield row
