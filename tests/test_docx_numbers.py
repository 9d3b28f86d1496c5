"""The numbers that Word counts itself, and documents within documents."""

from __future__ import annotations

import io
import re
import time
import zipfile
from pathlib import Path

import docx
import pytest
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls

from ragkit.ingest.extract import extract
from ragkit.ingest.readers.number_formats import written


def level(at: int, kind: str, text: str, more: str = "") -> str:
    start = "" if "<w:start " in more else '<w:start w:val="1"/>'
    return (
        f'<w:lvl w:ilvl="{at}">{start}<w:numFmt w:val="{kind}"/>{more}'
        f'<w:lvlText w:val="{text}"/></w:lvl>'
    )


def abstract(identity: int, *levels: str, more: str = "") -> str:
    return f'<w:abstractNum w:abstractNumId="{identity}">{more}{"".join(levels)}</w:abstractNum>'


def use(identity: int, of: int, overrides: str = "") -> str:
    return f'<w:num w:numId="{identity}"><w:abstractNumId w:val="{of}"/>{overrides}</w:num>'


class Document:
    """A document of python-docx with a numbering part of the test's own."""

    def __init__(self, *lists: str) -> None:
        self.document = docx.Document()
        numbering = self.document.part.numbering_part.element
        for child in list(numbering):
            numbering.remove(child)
        for xml in lists:
            numbering.append(parse_xml(xml.replace(" ", f" {nsdecls('w')} ", 1)))

    def add(
        self, text: str, number: int | None = None, at: int | None = 0, style: str = ""
    ) -> None:
        paragraph = self.document.add_paragraph(text, style=style or None)
        if number is not None:
            deeper = "" if at is None else f'<w:ilvl w:val="{at}"/>'
            xml = f'<w:numPr {nsdecls("w")}>{deeper}<w:numId w:val="{number}"/></w:numPr>'
            paragraph._p.get_or_add_pPr().append(parse_xml(xml))

    def number_style(self, name: str, number: int | None, at: int | None = None) -> None:
        properties = self.document.styles[name].element.get_or_add_pPr()
        deeper = "" if at is None else f'<w:ilvl w:val="{at}"/>'
        named = "" if number is None else f'<w:numId w:val="{number}"/>'
        xml = f"<w:numPr {nsdecls('w')}>{deeper}{named}</w:numPr>"
        properties.append(parse_xml(xml))

    def read(self, tmp_path: Path) -> str:
        path = tmp_path / "a.docx"
        self.document.save(str(path))
        return extract(path).text


LEGAL = abstract(
    0,
    level(0, "decimal", "Article %1"),
    level(1, "decimal", "%1.%2."),
    level(2, "lowerLetter", "(%3)"),
)


def test_levels_count_below_each_other(tmp_path: Path) -> None:
    document = Document(LEGAL, use(1, 0))
    for at in (0, 1, 1, 2, 2, 0, 1, 2):
        document.add(f"text {at}", 1, at)
    lines = [line.strip() for line in document.read(tmp_path).split("\n")]
    assert lines == [
        "Article 1 text 0", "1.1. text 1", "1.2. text 1", "(a) text 2", "(b) text 2",
        "Article 2 text 0", "2.1. text 1", "(a) text 2",
    ]  # fmt: skip


def test_lists_count_apart_and_go_on_after_text(tmp_path: Path) -> None:
    other = abstract(1, level(0, "upperRoman", "%1)", '<w:start w:val="3"/>'))
    document = Document(LEGAL, other, use(1, 0), use(2, 1), use(3, 0))
    document.add("one", 1)
    document.add("Text between.")
    document.add("three", 2)
    document.add("two", 3)  # another use of the same list goes on
    text = document.read(tmp_path)
    assert text.split() == "Article 1 one Text between. III) three Article 2 two".split()


def test_an_override_begins_anew_once(tmp_path: Path) -> None:
    again = '<w:lvlOverride w:ilvl="0"><w:startOverride w:val="1"/></w:lvlOverride>'
    document = Document(LEGAL, use(1, 0), use(2, 0, again))
    for number in (1, 1, 2, 2):
        document.add("x", number)
    assert re.findall(r"Article (\d)", document.read(tmp_path)) == ["1", "2", "1", "2"]


def test_what_was_moved_away_or_deleted_is_not_counted(tmp_path: Path) -> None:
    document = Document(LEGAL, use(1, 0))
    for text in ("one", "", "", "two"):
        document.add(text, 1)
    for paragraph, mark in zip(document.document.paragraphs[1:3], ("moveFrom", "del"), strict=True):
        gone = f'<w:rPr {nsdecls("w")}><w:{mark} w:id="1" w:author="A"/></w:rPr>'
        paragraph._p.get_or_add_pPr().append(parse_xml(gone))
    assert document.read(tmp_path) == "Article 1 one\nArticle 2 two"


def test_endless_texts_of_levels_take_no_time(tmp_path: Path) -> None:
    document = Document(abstract(0, level(0, "decimal", "%1" * 200_000)), use(1, 0))
    for at in range(50):
        document.add(f"boat {at}", 1)
    began = time.process_time()
    assert document.read(tmp_path).startswith("- boat 0\n- boat 1\n")
    assert time.process_time() - began < 3


def test_levels_that_do_not_restart_count_through(tmp_path: Path) -> None:
    never = abstract(
        0, level(0, "decimal", "%1."), level(1, "decimal", "Rule %2", '<w:lvlRestart w:val="0"/>')
    )
    document = Document(never, use(1, 0))
    for at in (0, 1, 0, 1):
        document.add("x", 1, at)
    assert re.findall(r"Rule (\d)", document.read(tmp_path)) == ["1", "2"]


def test_headings_are_numbered_by_their_styles(tmp_path: Path) -> None:
    linked = abstract(
        0,
        level(
            0,
            "chineseCountingThousand",
            "第%1章",
            '<w:pStyle w:val="Heading1"/><w:suff w:val="space"/>',
        ),
        level(1, "decimal", "%1.%2", '<w:pStyle w:val="Heading2"/><w:isLgl/>'),
    )
    document = Document(linked, use(1, 0))
    document.number_style("Heading 1", 1)
    document.number_style("Heading 2", 1)
    document.add("总则", style="Heading 1")
    document.add("目的", style="Heading 2")
    document.add("附则", style="Heading 1")
    document.add("无号", 0, style="Heading 1")  # list 0 takes a paragraph out of its style's list
    assert document.read(tmp_path) == "# 第一章 总则\n\n## 1.1 目的\n\n# 第二章 附则\n\n# 无号"


def test_styles_based_on_others_and_lists_named_by_styles(tmp_path: Path) -> None:
    own = abstract(0, level(0, "upperLetter", "%1."), level(1, "lowerRoman", "%2."))
    named = abstract(1, more='<w:numStyleLink w:val="ListNumber"/>')
    document = Document(own, named, use(1, 0), use(2, 1))
    style = document.document.styles["List Number"]
    for old in style.element.xpath("w:pPr/w:numPr"):
        old.getparent().remove(old)
    document.number_style("List Number", 1)
    document.add("first", style="List Number")
    document.add("second", 2)
    document.add("deeper", 2, 1)
    assert document.read(tmp_path) == "A. first\nB. second\n  i. deeper"


@pytest.mark.parametrize(
    ("kind", "text"), [("bullet", "•"), ("custom", "%1"), ("hebrew1", "%1."), ("decimal", "%2.")]
)
def test_bullets_and_odd_numbers_are_marks(tmp_path: Path, kind: str, text: str) -> None:
    document = Document(abstract(0, level(0, kind, text)), use(1, 0))
    document.add("boat", 1)
    document.add("missing list", 7)
    assert document.read(tmp_path) == "- boat\n- missing list"


def test_a_column_that_counts_its_rows_is_read(tmp_path: Path) -> None:
    document = Document(abstract(0, level(0, "decimal", "%1")), use(1, 0))
    table = document.document.add_table(3, 2)
    for row, cells in enumerate([("No.", "Name"), ("", "Ann"), ("", "Bo")]):
        for at, text in enumerate(cells):
            table.cell(row, at).text = text
        if row:
            xml = f'<w:numPr {nsdecls("w")}><w:ilvl w:val="0"/><w:numId w:val="1"/></w:numPr>'
            table.cell(row, 0).paragraphs[0]._p.get_or_add_pPr().append(parse_xml(xml))
    assert document.read(tmp_path) == "No.: 1; Name: Ann\nNo.: 2; Name: Bo"


@pytest.mark.parametrize(
    ("number", "kind", "said"),
    [
        (7, "decimal", "7"), (7, "decimalZero", "07"), (28, "lowerLetter", "bb"),
        (1994, "upperRoman", "MCMXCIV"), (4000, "lowerRoman", None), (0, "upperLetter", None),
        (10, "chineseCounting", "十"), (21, "japaneseCounting", "二十一"),
        (105, "chineseCountingThousand", "一百零五"),
        (110, "taiwaneseCountingThousand", "一百一十"),
        (3040, "chineseCountingThousand", "三千零四十"), (101, "chineseCounting", None),
        (3, "ideographTraditional", "丙"), (20, "decimalEnclosedCircle", "⑳"),
        (21, "decimalEnclosedCircle", None), (2, "hebrew1", None), (5, "none", ""),
    ],
)  # fmt: skip
def test_numbers_are_written_as_word_does(number: int, kind: str, said: str | None) -> None:
    assert written(number, kind) == said


_CHUNK = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/aFChunk"
_WHOLE = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


def with_chunk(inner: bytes, media: str, *, override: bool = False) -> bytes:
    """Return a document that holds ``inner`` between two paragraphs."""
    outer = docx.Document()
    outer.add_paragraph("Before it.")
    reference = f'<w:altChunk {nsdecls("w", "r")} r:id="rId99"/>'
    outer.element.body.insert(1, parse_xml(reference))
    outer.add_paragraph("Behind it.")
    saved, out = io.BytesIO(), io.BytesIO()
    outer.save(saved)
    relation = f'<Relationship Id="rId99" Type="{_CHUNK}" Target="inner.docx"/></Relationships>'
    declared = f'<Default Extension="docx" ContentType="{media}"/></Types>'
    if override:
        declared = f'<Override PartName="/word/inner.docx" ContentType="{media}"/></Types>'
    with zipfile.ZipFile(saved) as archive, zipfile.ZipFile(out, "w") as copy:
        for name in archive.namelist():
            part = archive.read(name)
            if name == "word/_rels/document.xml.rels":
                part = part.replace(b"</Relationships>", relation.encode())
            if name == "[Content_Types].xml":
                part = part.replace(b"</Types>", declared.encode())
            copy.writestr(name, part)
        copy.writestr("word/inner.docx", inner)
    return out.getvalue()


@pytest.mark.parametrize("media", [_WHOLE, f"{_WHOLE}.main+xml"])
@pytest.mark.parametrize("override", [False, True])
def test_a_document_in_a_document_is_read_in_its_place(
    tmp_path: Path, media: str, override: bool
) -> None:
    inner = io.BytesIO()
    document = docx.Document()
    document.add_paragraph("Words within.")
    document.save(inner)
    path = tmp_path / "a.docx"
    path.write_bytes(with_chunk(inner.getvalue(), media, override=override))
    assert extract(path).text == "Before it.\n\nWords within.\n\nBehind it."


def test_what_cannot_be_read_within_a_document_is_said(tmp_path: Path) -> None:
    data = b"PK\x03\x04 no zip"
    path = tmp_path / "a.docx"
    path.write_bytes(with_chunk(data, _WHOLE))
    before, notice, behind = extract(path).text.split("\n\n")
    assert (before, behind) == ("Before it.", "Behind it.")
    assert notice.startswith("[A part of this document was not read: Damaged docx")


def test_documents_in_documents_end_somewhere(tmp_path: Path) -> None:
    data = with_chunk(b"", _WHOLE)
    for _ in range(6):
        data = with_chunk(data, f"{_WHOLE}.main+xml")
    path = tmp_path / "a.docx"
    path.write_bytes(data)
    text = extract(path).text
    assert text.count("Before it.") == 3
    assert "Documents in documents stand too deep." in text


def test_documents_within_one_are_no_more_than_one_file_may_hold(tmp_path: Path) -> None:
    reference = b'r:id="rId99"/>'
    path = tmp_path / "a.docx"
    data = with_chunk(b"Often said.", "text/plain")
    with zipfile.ZipFile(io.BytesIO(data)) as archive, zipfile.ZipFile(path, "w") as copy:
        for name in archive.namelist():
            part = archive.read(name)
            if name == "word/document.xml":
                part = part.replace(reference, reference + b'<w:altChunk r:id="rId99"/>' * 8_100)
            copy.writestr(name, part)
    text = extract(path).text
    assert text.count("Often said.") == 8_000
    assert text.count("not read: Too large together with the others.]") == 101
    assert text.endswith("Behind it.")
