"""What readers once got wrong, each found by reading them or by fuzzing."""

from __future__ import annotations

import io
import json
import time
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from fuzz_targets import templates

from ragkit.errors import IngestError
from ragkit.ingest.extract import Extraction, extract
from ragkit.ingest.readers.dates import iso_day
from ragkit.ingest.readers.front_matter import front_matter
from ragkit.ingest.readers.tables import table_text


def read(folder: Path, name: str, data: bytes | str) -> Extraction:
    path = folder / name
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return extract(path)


@pytest.mark.parametrize("suffix", ["md", "ipynb"])
@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("# Use C#\n\ntext", "Use C#"),
        ("# Use C# ##  \n\ntext", "Use C#"),
        ("# ##\n\n# First\n", "First"),
        ("```\n# no title\n```\n\n# First\n", "First"),
        ("````\n```\n# no title\n````\n```x``` y\n# First\n", "First"),
        ("~~~\n# no title, in code that never ends\n", None),
        ("Title\n=====\n\n# Second\n", "Title"),
        ("## Only a lower one\n", None),
        ("# " + 600 * "x", 500 * "x"),
    ],
)
def test_the_first_heading_is_the_title(
    tmp_path: Path, suffix: str, text: str, title: str | None
) -> None:
    if suffix == "ipynb":
        text = json.dumps({"cells": [{"cell_type": "markdown", "source": text}]})
    assert read(tmp_path, f"a.{suffix}", text).metadata.get("title") == title


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("spaces.md", "# a" + " " * 50_000 + "b"),
        ("lines.vtt", "WEBVTT\n" + "\n" * 200_000 + "text"),
        ("spaces.ipynb", json.dumps({"cells": [{"source": "# a" + " " * 200_000 + "b"}]})),
        (
            "ticks.ipynb",
            json.dumps({"cells": [{"cell_type": "code", "source": "`" * 300_000 + "a"}]}),
        ),
    ],
)
def test_long_runs_of_one_character_take_linear_time(tmp_path: Path, name: str, text: str) -> None:
    began = time.process_time()
    assert read(tmp_path, name, text).text
    assert time.process_time() - began < 5  # the shortest of them took half a minute


def test_subtitles_after_a_block_and_many_empty_lines(tmp_path: Path) -> None:
    text = "WEBVTT\n\n\n\nNOTE no: text\nof this\n\n\n00:01.000 --> 00:02.000\nHello\n"
    assert read(tmp_path, "a.vtt", text).text == "Hello"


def test_code_that_holds_fences_is_fenced_by_more(tmp_path: Path) -> None:
    cell = {"cell_type": "code", "source": "a = '`````'"}
    assert read(tmp_path, "a.ipynb", json.dumps({"cells": [cell]})).text.startswith("``````\na")


@pytest.mark.parametrize(
    "value", ["!!bool x", "!!int ''", "!!timestamp x", "!!python/name:os.system"]
)
def test_front_matter_with_tags_raises_nothing(value: str) -> None:
    head = f"---\ntitle: A title\nother: {value}\n---\n"
    assert front_matter(head) == ({"title": "A title"}, len(head))


@pytest.mark.parametrize(
    ("text", "day"), [("٢٠٢٤", "2024"), ("２０２４年", "2024"), ("００００", "")]
)
def test_years_in_digits_of_any_script(text: str, day: str) -> None:
    assert iso_day(text) == day


def test_fields_of_one_name_are_all_kept(tmp_path: Path) -> None:
    found = read(tmp_path, "a.json", json.dumps([{"a.b": 1, "a": {"b": 2}}, {"c": [1, {}]}]))
    assert "a.b: 1; a.b: 2" in found.text


def test_hidden_rows_of_a_table_are_not_shown(tmp_path: Path) -> None:
    page = (
        "<p>text<table><tr hidden><th>no</tr><tr><th>name<th>size</tr><tr><td>a<td>1</tr>"
        "<tr style='display: none'><td>no<td>2</tr><tbody hidden><tr><td>no<td>3</tr></tbody>"
        "</table>"
    )
    assert read(tmp_path, "a.html", page).text == "text\n\nname: a; size: 1"


@pytest.mark.parametrize("deep", ["", "<div>" * 2100])
@pytest.mark.parametrize(
    "page",
    [
        "<p>one{}<embed src=x><p>two",
        "<html><head><title>no</title><style>p {{}}</style><body>{}<p>one<p>two",
        "<p>one{}<svg/><p>two",
        "<p>one{}<SCRIPT>if (a</b) no</scripts></script><p>two",
        "<p>one{} <style-guide>two</style-guide>",
    ],
)
def test_what_follows_what_is_not_shown_is_read(tmp_path: Path, page: str, deep: str) -> None:
    assert read(tmp_path, "a.html", page.format(deep)).text.split() == ["one", "two"]


def test_list_items_keep_their_numbers(tmp_path: Path) -> None:
    page = "<ol start=3><li>a<li>b<li value=9>c<li>d</ol><ul><li value=5>e</ul><ol start=x><li>f"
    assert read(tmp_path, "a.html", page).text == "3. a\n4. b\n9. c\n10. d\n- e\n1. f"


def test_the_button_that_is_a_heading_is_read(tmp_path: Path) -> None:
    page = (
        "<h1>Help</h1><h2><button>How do I pay?</button></h2><p>With a card.</p>"
        "<h2>Refunds <button>Copy link</button></h2><p>In ten days.</p><button>Send</button>"
    )
    assert read(tmp_path, "a.html", page).text == (
        "# Help\n\n## How do I pay?\n\nWith a card.\n\n## Refunds\n\nIn ten days."
    )


def test_a_word_table_whose_rows_are_all_marked_as_header_keeps_its_rows(tmp_path: Path) -> None:
    docx = pytest.importorskip("docx")
    document = docx.Document()
    table = document.add_table(3, 2)
    for row, texts in zip(table.rows, (("name", "size"), ("a", "1"), ("b", "1")), strict=True):
        row._tr.get_or_add_trPr().append(docx.oxml.OxmlElement("w:tblHeader"))
        for cell, text in zip(row.cells, texts, strict=True):
            cell.text = text
    out = io.BytesIO()
    document.save(out)
    assert read(tmp_path, "a.docx", out.getvalue()).text == "name: a; size: 1\nname: b; size: 1"


def test_of_many_rows_of_names_none_is_lost() -> None:
    rows = [[f"a{n}", f"b{n}"] for n in range(20)]
    text = table_text(rows, header=18)
    assert all(cell in text for row in rows for cell in row)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.md", "A file begins with %PDF-1.7 where it is a PDF."),
        ("a.txt", "The ftyp box comes first."),
        ("a.txt", "x" * 257 + "ustar is what tar writes."),
    ],
)
def test_text_about_other_formats_is_text(tmp_path: Path, name: str, text: str) -> None:
    assert read(tmp_path, name, text).text == text


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.pdf", b"Content-Type: x\n\n%PDF-1.7\n"),
        ("a", b"Content-Type: x\n\n%PDF-1.7\n"),
        ("a.txt", b"\n%PDF-1.7\n"),
        ("a.txt", b"\x00\x00\x00\x18ftypmp42" + bytes(40)),
        ("a.txt", b"name" + bytes(253) + b"ustar"),
    ],
)
def test_the_formats_themselves_are_not(tmp_path: Path, name: str, data: bytes) -> None:
    with pytest.raises(IngestError, match=r"PDF|video|tar"):
        read(tmp_path, name, data)


def test_covered_cells_that_are_written_as_one_say_what_is_above_each(tmp_path: Path) -> None:
    def cell(text: str, more: str = "") -> str:
        return f"<table:table-cell {more}><text:p>{text}</text:p></table:table-cell>"

    down = 'table:number-rows-spanned="2"'
    wide = 'table:number-rows-spanned="2" table:number-columns-spanned="2"'
    covered = '<table:covered-table-cell table:number-columns-repeated="{}"/>'
    rows = (
        cell("city") + cell("name") + cell("phone") + cell("note") + cell("more"),
        cell("Ulm", down) + cell("Ann", down) + cell("1") + cell("x", wide) + covered.format(1),
        covered.format(2) + cell("2") + covered.format(2),
    )
    body = "".join(f"<table:table-row>{row}</table:table-row>" for row in rows)
    members = templates()["odt"] | {"content.xml": body_of(f"<table:table>{body}</table:table>")}
    assert read(tmp_path, "a.odt", zipped(members)).text == (
        "city: Ulm; name: Ann; phone: 1; note: x\ncity: Ulm; name: Ann; phone: 2; note: x\nmore"
    )


def body_of(content: str) -> bytes:
    names = "".join(
        f' xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
        for name in ("office", "text", "table")
    )
    return (
        f"<office:document-content{names}><office:body><office:text>{content}</office:text>"
        "</office:body></office:document-content>"
    ).encode()


def zipped(members: Mapping[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return out.getvalue()


def test_a_minus_is_no_bullet_of_a_slide(tmp_path: Path) -> None:
    pptx = pytest.importorskip("pptx")
    show = pptx.Presentation()
    slide = show.slides.add_slide(show.slide_layouts[1])
    slide.shapes.title.text = 600 * "x"
    slide.placeholders[1].text = "-5 °C at night\n- by day 10 °C\n•\tdry"
    out = io.BytesIO()
    show.save(out)
    found = read(tmp_path, "a.pptx", out.getvalue())
    assert found.text.endswith("\n\n- -5 °C at night\n- by day 10 °C\n- dry")
    assert found.metadata["title"] == 500 * "x"


def test_a_document_made_on_no_day_has_no_date(tmp_path: Path) -> None:
    core = (
        '<c xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:t="http://purl.org/dc/terms/">'
        "<t:modified>2024-13-45T00:00:00Z</t:modified><t:created>2024-05-01T00:00:00Z</t:created>"
        "</c>"
    )
    members = templates()["docx"] | {"docProps/core.xml": core.encode()}
    assert read(tmp_path, "a.docx", zipped(members)).metadata["date"] == "2024-05-01"


@pytest.mark.parametrize("header", ["Ann <", "Ann <@", '""@'])
def test_a_header_that_is_none_costs_no_message(tmp_path: Path, header: str) -> None:
    found = read(tmp_path, "a.eml", f"From: {header}\nSubject: Plans\n\nWe meet at noon.\n")
    assert found.text.startswith("From: ")
    assert found.text.endswith("Subject: Plans\n\nWe meet at noon.")


def test_a_part_without_the_parts_it_speaks_of_costs_no_message(tmp_path: Path) -> None:
    message = (
        "From: a@b.c\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=A\n\n"
        "--A\nContent-Type: multipart/related\n\nnothing\n"
        "--A\nContent-Type: text/plain\n\nWe meet at noon.\n--A--\n"
    )
    assert read(tmp_path, "a.eml", message).text.endswith("We meet at noon.")
