"""Details that readers must get right: margins, merged cells, attachments, revisions, records."""

from __future__ import annotations

import io
import json
from email.message import EmailMessage
from pathlib import Path

import pytest

from ragkit.errors import IngestError
from ragkit.ingest.extract import Extraction, extract
from ragkit.ingest.readers.running import PageText, running_lines, without_lines


def read(folder: Path, name: str, data: bytes | str) -> Extraction:
    path = folder / name
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return extract(path)


def shown(pages: list[PageText]) -> list[str]:
    _, idle = running_lines(pages)
    return [without_lines(p.text, lines) for p, lines in zip(pages, idle, strict=True)]


def test_a_line_that_counts_pages_goes_and_one_that_repeats_stays_once() -> None:
    pages = [PageText(f"Rules\n{n} of 4\nText {n}", ("Rules", f"{n} of 4")) for n in range(1, 5)]
    assert shown(pages) == ["Rules\nText 1", "Text 2", "Text 3", "Text 4"]


@pytest.mark.parametrize(
    "line",
    ["{}", "- {} -", "Page {}", "Seite {} von 3", "第 {} 页 共 3 页", "file:///a.html {}/3",
     "Tides | {}", "{}  Tides", "Tides – Page {} of 3"],
)  # fmt: skip
def test_page_numbers_in_many_shapes_go(line: str) -> None:
    numbered = [line.format(n) for n in range(1, 4)]
    pages = [PageText(f"{footer}\nText", (footer,)) for footer in numbered]
    assert shown(pages) == ["Text"] * 3


@pytest.mark.parametrize(
    "lines",
    [
        ["Invoice 17", "Invoice 31", "Invoice 12"],  # numbers that count nothing
        ["Invoice No. 1000", "Invoice No. 1001", "Invoice No. 1002"],  # nor are these of pages
        ["INV-1", "INV-2", "INV-3"],
        ["Day 1", "Day 2", "Day 3"],
        ["第1章", "第2章", "第3章"],
        ["Alpha", "Beta", "Gamma"],
        ["Rules", "Rules"],  # two pages are too few
        ["Rules", "", "", "", "", "", "Rules"],
    ],
)
def test_other_lines_in_the_margin_stay(lines: list[str]) -> None:
    pages = [PageText(f"{line}\nText", (line,) if line else ()) for line in lines]
    assert shown(pages) == [page.text for page in pages]


def test_a_line_that_runs_stays_where_it_stands_in_the_text() -> None:
    pages = [PageText(f"{n}\nText\n{n}", (str(n),)) for n in range(1, 4)]
    assert shown(pages) == ["Text\n1", "Text\n2", "Text\n3"]


def test_cells_merged_down_are_said_in_each_row(tmp_path: Path) -> None:
    import openpyxl

    book = openpyxl.Workbook()
    sheet = book.active
    for row in [["城市", "客户", "电话"], ["上海", "王芳", 7], [None, "李雷", 8], [None, None, 9]]:
        sheet.append(row)
    sheet.merge_cells("A2:A3")
    stream = io.BytesIO()
    book.save(stream)
    lines = read(tmp_path, "a.xlsx", stream.getvalue()).text.split("\n")
    assert lines[1] == "城市: 上海; 客户: 李雷; 电话: 8"
    assert lines[2] == "9"


def test_a_message_attached_to_a_message_is_read(tmp_path: Path) -> None:
    message = EmailMessage()
    message["From"], message["Subject"] = "a@x.example", "Outer"
    message.set_content("Outer text.")
    for level in range(3):
        inner = EmailMessage()
        inner["From"], inner["Subject"] = "b@x.example", f"Inner {level}"
        inner.set_content(f"Text of {level}.")
        message.add_attachment(inner)
    text = read(tmp_path, "a.eml", message.as_bytes()).text
    assert text.startswith("From: a@x.example\nSubject: Outer\n\nOuter text.")
    assert "Subject: Inner 2\n\nText of 2." in text


PAGE = (
    "<html><head><title>T</title></head><body><nav><a href=x>Way</a></nav>"
    "<p>Größe</p></body></html>"
)


def test_a_saved_page_is_read_as_a_page(tmp_path: Path) -> None:
    message = EmailMessage()
    message["Subject"] = "Saved"
    message.set_content(PAGE, subtype="html", charset="utf-8")
    message.add_related(b"\x89PNG", maintype="image", subtype="png")
    found = read(tmp_path, "a.mhtml", message.as_bytes())
    assert found.text == "Größe"
    assert found.metadata["title"] == "T"
    with pytest.raises(IngestError, match="no page"):
        read(tmp_path, "b.mht", b"Subject: x\nContent-Type: text/plain\n\nwords")


def test_objects_of_a_list_are_rows(tmp_path: Path) -> None:
    value = {"orders": [{"id": 7, "to": {"name": "Ann", "city": "Kiel"}, "items": ["rope"]}]}
    text = read(tmp_path, "a.json", json.dumps(value)).text
    assert text == "orders: id: 7; to.name: Ann; to.city: Kiel; items: rope"
    lines = '{"pier": "North", "fee": 35}\n{"pier": "South", "fee": 20}\n'
    assert read(tmp_path, "a.jsonl", lines).text == "pier: North; fee: 35\n\npier: South; fee: 20"


def test_an_object_too_long_for_a_row_keeps_its_lines(tmp_path: Path) -> None:
    value = [{"id": 7, "to": {"name": "x" * 700}}]
    assert read(tmp_path, "a.json", json.dumps(value)).text.strip().split("\n") == [
        "id: 7", "to.name: " + "x" * 700,
    ]  # fmt: skip


def test_webvtt_without_its_blocks(tmp_path: Path) -> None:
    text = (
        "WEBVTT - t\nKind: captions\n\nSTYLE\n::cue { color: red }\n\nNOTE\nnot said\n\n"
        "1\n00:01.000 --> 00:04.000 align:start\n<v Ann>Hello from <c.x>the</c> pier.</v>\n"
    )
    assert read(tmp_path, "a.vtt", text).text == "Hello from the pier."


def test_rtf_tables_by_row_and_nothing_deleted(tmp_path: Path) -> None:
    rtf = (
        rb"{\rtf1\ansi Kept {\deleted gone {\b too}} on.\par\trowd\cellx1\cellx2 Pier\cell Fee\cell"
        rb"\row\trowd\cellx1\cellx2 North\cell 35\cell\row\pard After\par}"
    )
    text = read(tmp_path, "a.rtf", rtf).text
    assert "Pier: North; Fee: 35" in text
    assert "gone" not in text
    assert "too" not in text
    assert "After" in text


def test_word_leaves_out_what_was_moved_away_or_hidden(tmp_path: Path) -> None:
    import docx
    from docx.oxml import OxmlElement

    document = docx.Document()
    paragraph = document.add_paragraph("Here ")
    for tag, words in (("w:moveFrom", "from there"), ("w:moveTo", "to here")):
        moved, run, text = OxmlElement(tag), OxmlElement("w:r"), OxmlElement("w:t")
        text.text = words
        run.append(text)
        moved.append(run)
        paragraph._p.append(moved)
    paragraph.add_run("secret").font.hidden = True
    stream = io.BytesIO()
    document.save(stream)
    assert read(tmp_path, "a.docx", stream.getvalue()).text == "Here to here"


def test_form_and_header_in_word_tables(tmp_path: Path) -> None:
    import docx

    document = docx.Document()
    form = document.add_table(rows=3, cols=2)
    for cell, text in zip(
        form._cells, ["姓名", "张三", "工号", "1024", "部门", "研发"], strict=True
    ):
        cell.text = text
    fees = document.add_table(rows=3, cols=3)
    for cell, text in zip(fees._cells, "Port Fees - - Day Night Kiel 12 35".split(), strict=True):
        cell.text = text.replace("-", "")
    fees.cell(0, 1).merge(fees.cell(0, 2))
    fees.cell(0, 0).merge(fees.cell(1, 0))
    stream = io.BytesIO()
    document.save(stream)
    assert read(tmp_path, "a.docx", stream.getvalue()).text == (
        "姓名: 张三\n工号: 1024\n部门: 研发\n\nPort: Kiel; Fees Day: 12; Fees Night: 35"
    )
