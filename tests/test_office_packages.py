"""Office files that are right but rare: strict ones, templates, shows, odd names, odd parts."""

from __future__ import annotations

import io
import re
import time
import zipfile
from collections.abc import Callable
from datetime import date
from pathlib import Path

import docx
import openpyxl
import pptx
import pytest
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls
from pptx.chart.data import BubbleChartData, CategoryChartData, XyChartData
from pptx.enum.chart import XL_CHART_TYPE
from pptx.oxml import parse_xml as parse_pptx
from pptx.util import Inches

from ragkit.errors import IngestError
from ragkit.ingest.extract import extract
from ragkit.ingest.readers.charts import chart_text
from ragkit.ingest.readers.ooxml import as_usual, without_missing_parts

_Part = Callable[[str, bytes], tuple[str, bytes] | None]


def word_file(*paragraphs: str) -> bytes:
    document = docx.Document()
    for text in paragraphs:
        document.add_paragraph(text)
    return saved(document)


def saved(document: object) -> bytes:
    out = io.BytesIO()
    document.save(out)  # type: ignore[attr-defined]
    return out.getvalue()


def slides(*titles: str) -> bytes:
    show = pptx.Presentation()
    for title in titles:
        show.slides.add_slide(show.slide_layouts[5]).shapes.title.text = title
    return saved(show)


def sheet(*rows: tuple[object, ...]) -> bytes:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    return saved(book)


def changed(data: bytes, change: _Part) -> bytes:
    """Return a zip with each member as ``change`` returns it, left out where that is None."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as archive, zipfile.ZipFile(out, "w") as copy:
        for name in archive.namelist():
            if member := change(name, archive.read(name)):
                copy.writestr(*member)
    return out.getvalue()


def read(tmp_path: Path, name: str, data: bytes) -> str:
    path = tmp_path / name
    path.write_bytes(data)
    return extract(path).text


def as_strict(name: str, part: bytes) -> tuple[str, bytes]:
    """Return a part under the names of ECMA-376 part 1."""
    usual = rb"http://schemas\.openxmlformats\.org/(\w+ml|officeDocument)/2006/"
    return name, re.sub(usual, rb"http://purl.oclc.org/ooxml/\1/", part)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.docx", word_file("The ferry leaves at nine.")),
        ("a.pptx", slides("The ferry leaves at nine.")),
        ("a.xlsx", sheet(("The ferry leaves at nine.", 3))),
    ],
)
def test_strict_office_files_are_read(tmp_path: Path, name: str, data: bytes) -> None:
    strict = changed(data, as_strict)
    assert b"purl.oclc.org" in zipfile.ZipFile(io.BytesIO(strict)).read("_rels/.rels")
    assert "The ferry leaves at nine." in read(tmp_path, name, strict)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.dotx", "openxmlformats-officedocument.wordprocessingml.template.main+xml"),
        ("a.docm", "ms-word.document.macroEnabled.main+xml"),
        ("a.dotm", "ms-word.template.macroEnabledTemplate.main+xml"),
        ("a.ppsx", "openxmlformats-officedocument.presentationml.slideshow.main+xml"),
        ("a.potx", "openxmlformats-officedocument.presentationml.template.main+xml"),
        ("a.pptm", "ms-powerpoint.presentation.macroEnabled.main+xml"),
        ("a.ppsm", "ms-powerpoint.slideshow.macroEnabled.main+xml"),
    ],
)
def test_templates_shows_and_files_with_macros_are_read(
    tmp_path: Path, name: str, kind: str
) -> None:
    text = "The harbour closes in winter."
    data = word_file(text) if name[2] == "d" else slides(text)
    usual = rb"openxmlformats-officedocument\.\w+\.(?:document|presentation)\.main\+xml"

    def other(member: str, part: bytes) -> tuple[str, bytes]:
        return member, re.sub(usual, kind.encode(), part)

    assert text in read(tmp_path, name, changed(data, other))


def test_windows_paths_and_other_letters_in_a_package_are_read(tmp_path: Path) -> None:
    def windows(name: str, part: bytes) -> tuple[str, bytes]:
        return name.replace("/", "\\").lower(), part

    data = changed(sheet(("pier", "fee"), ("north", 35), ("south", 20)), windows)
    assert "pier: north; fee: 35" in read(tmp_path, "a.xlsx", data)


def test_parts_whose_names_differ_only_in_case_stay_two(tmp_path: Path) -> None:
    data = io.BytesIO(sheet(("pier", "fee"), ("north", 35)))
    with zipfile.ZipFile(data, "a") as archive:
        archive.writestr("XL/WORKSHEETS/SHEET1.XML", "<worksheet/>")
    assert "pier: north; fee: 35" in read(tmp_path, "a.xlsx", data.getvalue())


def test_a_relationship_to_a_part_that_is_not_there_costs_nothing(tmp_path: Path) -> None:
    missing = b'<Relationship Id="rId99" Type="http://x/image" Target="NULL"/></Relationships>'

    def dangling(name: str, part: bytes) -> tuple[str, bytes]:
        return name, part.replace(b"</Relationships>", missing)

    for name, data in (("a.docx", word_file("Boats wait.")), ("a.pptx", slides("Boats wait."))):
        assert "Boats wait." in read(tmp_path, name, changed(data, dangling))


def test_a_package_without_its_main_part_is_reported(tmp_path: Path) -> None:
    def without(name: str, part: bytes) -> tuple[str, bytes] | None:
        return None if name == "word/document.xml" else (name, part)

    with pytest.raises(IngestError, match="Damaged"):
        read(tmp_path, "a.docx", changed(word_file("Gone."), without))


def test_headers_and_footers_come_last_and_once(tmp_path: Path) -> None:
    document = docx.Document()
    document.add_paragraph("Boats wait.")
    document.sections[0].header.paragraphs[0].text = "Contract 2024/17"
    document.sections[0].footer.paragraphs[0].text = "Page 1 of 3"
    second = document.add_section()
    second.header.is_linked_to_previous = False
    second.header.paragraphs[0].text = "Contract 2024/17"
    text = read(tmp_path, "a.docx", saved(document))
    assert text == "Boats wait.\n\nContract 2024/17"


def test_a_document_with_nothing_but_a_header_is_read(tmp_path: Path) -> None:
    document = docx.Document()
    document.sections[0].header.paragraphs[0].text = "Harbour office"
    assert read(tmp_path, "a.docx", saved(document)) == "Harbour office"


def test_comments_of_a_document_come_out_with_who_wrote_them(tmp_path: Path) -> None:
    document = docx.Document()
    run = document.add_paragraph("The fee is 35 euros.").add_run(" See below.")
    document.add_comment(run, text="Since when?", author="Ana Ruiz", initials="AR")
    text = read(tmp_path, "a.docx", saved(document))
    assert text.endswith("Comment (Ana Ruiz): Since when?")


def test_a_large_first_letter_belongs_to_its_word(tmp_path: Path) -> None:
    document = docx.Document()
    first = document.add_paragraph("O")
    frame = f'<w:framePr {nsdecls("w")} w:dropCap="drop" w:lines="3"/>'
    first._p.get_or_add_pPr().append(parse_xml(frame))
    document.add_paragraph("nce a boat came.")
    assert read(tmp_path, "a.docx", saved(document)) == "Once a boat came."


def test_a_large_first_letter_waits_for_its_word(tmp_path: Path) -> None:
    document = docx.Document()
    first = document.add_paragraph("O")
    frame = f'<w:framePr {nsdecls("w")} w:dropCap="drop" w:lines="3"/>'
    first._p.get_or_add_pPr().append(parse_xml(frame))
    document.add_paragraph("")
    document.add_paragraph("nce a boat came.")
    assert read(tmp_path, "a.docx", saved(document)) == "Once a boat came."


def test_a_word_without_a_reading_has_no_brackets(tmp_path: Path) -> None:
    document = docx.Document()
    ruby = (
        f"<w:r {nsdecls('w')}><w:ruby><w:rt/><w:rubyBase><w:r><w:t>東京</w:t></w:r></w:rubyBase>"
        "</w:ruby></w:r>"
    )
    document.add_paragraph("港は")._p.append(parse_xml(ruby))
    assert read(tmp_path, "a.docx", saved(document)) == "港は東京"


def test_relationships_that_never_end_are_passed_over_in_time() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("_rels/.rels", "<Relationship " * 50_000)
    began = time.perf_counter()
    without_missing_parts(out.getvalue())
    assert time.perf_counter() - began < 5


def test_how_a_word_is_read_does_not_split_it(tmp_path: Path) -> None:
    document = docx.Document()
    paragraph = document.add_paragraph("港は")
    ruby = (
        f"<w:r {nsdecls('w')}><w:ruby><w:rubyPr/><w:rt><w:r><w:t>とうきょう</w:t></w:r></w:rt>"
        "<w:rubyBase><w:r><w:t>東京</w:t></w:r></w:rubyBase></w:ruby></w:r>"
    )
    paragraph._p.append(parse_xml(ruby))
    assert read(tmp_path, "a.docx", saved(document)) == "港は東京(とうきょう)"


def test_names_of_columns_that_are_empty_are_kept(tmp_path: Path) -> None:
    document = docx.Document()
    table = document.add_table(3, 3)
    for at, text in enumerate(("Boat", "Length", "Signature", "Alma", "12", "", "Bea", "14", "")):
        table.cell(at // 3, at % 3).text = text
    text = read(tmp_path, "a.docx", saved(document))
    assert text == "Boat: Alma; Length: 12\nBoat: Bea; Length: 14\nSignature"


def test_charts_of_every_kind_give_their_numbers(tmp_path: Path) -> None:
    show = pptx.Presentation()
    place = (Inches(1), Inches(1), Inches(4), Inches(3))
    bars = CategoryChartData()
    bars.categories = ["North", "South"]
    bars.add_series("Boats", (12, 7.5))
    points = XyChartData()
    depths = points.add_series("Depth")
    depths.add_data_point(1, 4.5)
    bubbles = BubbleChartData()
    bubbles.add_series("Load").add_data_point(2, 6.25, 10)
    for kind, data in (
        (XL_CHART_TYPE.COLUMN_CLUSTERED, bars),
        (XL_CHART_TYPE.XY_SCATTER, points),
        (XL_CHART_TYPE.BUBBLE, bubbles),
    ):
        shapes = show.slides.add_slide(show.slide_layouts[6]).shapes
        chart = shapes.add_chart(kind, *place, data).chart
        chart.value_axis.axis_title.text_frame.text = "Metres"
    text = read(tmp_path, "a.pptx", saved(show))
    assert text.count("\nAxes: Metres\n") == 3
    assert "Boats; North: 12; South: 7.5" in text
    assert "4.5" in text
    assert "6.25" in text


def test_days_and_shares_of_a_chart_are_shown_as_such(tmp_path: Path) -> None:
    show = pptx.Presentation()
    data = CategoryChartData(number_format="0.0%")
    data.categories = [date(2024, 5, 1), date(2024, 6, 1)]
    data.add_series("Boats let", (0.425, 1))
    data.add_series('Boats "yd" in all', (12, 13.5), number_format='0.0 "yd"')
    place = (Inches(1), Inches(1), Inches(4), Inches(3))
    slide = show.slides.add_slide(show.slide_layouts[6])
    slide.shapes.add_chart(XL_CHART_TYPE.LINE, *place, data)
    assert read(tmp_path, "a.pptx", saved(show)).split("\n")[1:] == [
        "Boats let; 2024-05-01: 42.5%; 2024-06-01: 100%",
        'Boats "yd" in all; 2024-05-01: 12; 2024-06-01: 13.5',
    ]


def test_endless_formats_and_series_of_a_chart_take_no_time() -> None:
    space = "http://schemas.openxmlformats.org/drawingml/2006/chart"
    points = "".join(f'<c:pt idx="{at}"><c:v>{at}.5</c:v></c:pt>' for at in range(500))
    values = f"<c:numCache><c:formatCode>{'[' * 50_000}</c:formatCode>{points}</c:numCache>"
    series = f"<c:ser><c:val><c:numRef>{values}</c:numRef></c:val></c:ser>"
    xml = (
        f'<c:chartSpace xmlns:c="{space}"><c:chart><c:plotArea><c:barChart>{series}'
        f"{'<c:ser/>' * 50_000}</c:barChart></c:plotArea></c:chart></c:chartSpace>"
    )
    began = time.process_time()
    assert chart_text(xml.encode()).count("499.5") == 1
    assert time.process_time() - began < 3


def test_types_that_never_end_are_passed_over_in_time() -> None:
    whole = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
    types = "".join(f'<Default Extension="d{at}" ContentType="{whole}"/>' for at in range(20_000))
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("[Content_Types].xml", f"<Types>{types}</Types>")
    began = time.process_time()
    with zipfile.ZipFile(io.BytesIO(as_usual(out.getvalue()))) as archive:
        assert b"main+xml" not in archive.read("[Content_Types].xml")
    assert time.process_time() - began < 3


def test_a_break_on_a_slide_does_not_join_words(tmp_path: Path) -> None:
    show = pptx.Presentation()
    slide = show.slides.add_slide(show.slide_layouts[5])
    slide.shapes.title.text = "Boats\vand piers"
    table = slide.shapes.add_table(2, 2, 0, 0, Inches(4), Inches(2)).table
    for at, text in enumerate(("Boat", "Home\vport", "Alma", "North\vpier")):
        table.cell(at // 2, at % 2).text = text
    slide.notes_slide.notes_text_frame.text = "Say\vhello.\nThen go."
    text = read(tmp_path, "a.pptx", saved(show))
    assert text == (
        "# Boats and piers\n\nBoat: Alma; Home port: North pier\n\nNotes: Say hello.\nThen go."
    )


def test_comments_on_a_slide_come_out(tmp_path: Path) -> None:
    p = "http://schemas.openxmlformats.org/presentationml/2006/main"
    comment = f'<p:cmLst xmlns:p="{p}"><p:cm><p:text>Too long?</p:text></p:cm></p:cmLst>'
    kind = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/comments"
    relation = f'<Relationship Id="rId9" Type="{kind}" Target="../comments/comment1.xml"/>'
    override = (
        '<Override PartName="/ppt/comments/comment1.xml" ContentType="application/'
        'vnd.openxmlformats-officedocument.presentationml.comments+xml"/></Types>'
    )

    def commented(name: str, part: bytes) -> tuple[str, bytes]:
        if name == "ppt/slides/_rels/slide1.xml.rels":
            part = part.replace(b"</Rel", relation.encode() + b"</Rel")
        return name, part.replace(b"</Types>", override.encode())

    data = io.BytesIO(changed(slides("Fees"), commented))
    with zipfile.ZipFile(data, "a") as archive:
        archive.writestr("ppt/comments/comment1.xml", comment)
    assert read(tmp_path, "a.pptx", data.getvalue()) == "# Fees\n\nComment: Too long?"


def test_a_shape_with_a_formula_is_read(tmp_path: Path) -> None:
    show = pptx.Presentation()
    slide = show.slides.add_slide(show.slide_layouts[6])
    box = slide.shapes.add_textbox(Inches(1), Inches(1), Inches(4), Inches(1))
    box.text_frame.text = "Depth is "
    math = "http://schemas.openxmlformats.org/officeDocument/2006/math"
    markup = "http://schemas.openxmlformats.org/markup-compatibility/2006"
    formula = parse_xml(
        f'<a14:m xmlns:a14="http://schemas.microsoft.com/office/drawing/2010/main">'
        f'<m:oMath xmlns:m="{math}"><m:r><m:t>x=5</m:t></m:r></m:oMath></a14:m>'
    )
    box.text_frame.paragraphs[0]._p.append(formula)
    wrapped = parse_xml(
        f'<mc:AlternateContent xmlns:mc="{markup}"><mc:Choice Requires="a14"/>'
        "<mc:Fallback/></mc:AlternateContent>"
    )
    box._element.addprevious(wrapped)
    wrapped[0].append(box._element)
    assert read(tmp_path, "a.pptx", saved(show)) == "Depth is x=5"


def test_a_footer_comes_out_once_and_slide_numbers_never(tmp_path: Path) -> None:
    def shape(number: int, kind: str, text: str) -> str:
        return (
            f'<p:sp {nsdecls("a")} xmlns:p="http://schemas.openxmlformats.org/presentationml/2006/'
            f'main"><p:nvSpPr><p:cNvPr id="{number}" name="x"/><p:cNvSpPr/><p:nvPr>'
            f'<p:ph type="{kind}"/></p:nvPr></p:nvSpPr><p:spPr/><p:txBody><a:bodyPr/><a:p><a:r>'
            f"<a:t>{text}</a:t></a:r></a:p></p:txBody></p:sp>"
        )

    show = pptx.Presentation()
    for number in (1, 2):
        slide = show.slides.add_slide(show.slide_layouts[5])
        slide.shapes.title.text = f"Pier {number}"
        for at, (kind, text) in enumerate((("ftr", "Harbour board"), ("sldNum", str(number)))):
            slide.shapes._spTree.append(parse_pptx(shape(10 + at, kind, text)))
    assert read(tmp_path, "a.pptx", saved(show)) == "# Pier 1\n\nHarbour board\n\n# Pier 2"


def test_text_that_begins_like_xml_is_text(tmp_path: Path) -> None:
    text = "<?xml version='1.0'?>\n<a>The ferry & the pier"
    assert "The ferry & the pier" in read(tmp_path, "a.txt", text.encode())
    assert read(tmp_path, "a.xml", text.encode()) == "a: The ferry & the pier"
    with pytest.raises(IngestError, match="Damaged XML"):
        read(tmp_path, "b.xml", b"<?xml version='1.0'?>\nThe ferry & the pier")


@pytest.mark.parametrize("form", ["html", "mht", "rtf", "txt"])
def test_a_page_that_a_converter_left_in_a_document_is_read(tmp_path: Path, form: str) -> None:
    page = "<html><body><p>Words of the page.</p><script>SCRIPT</script></body></html>"
    if form == "mht":
        page = f"MIME-Version: 1.0\nContent-Type: text/html; charset=utf-8\n\n{page}"
    if form in ("rtf", "txt"):
        page = r"{\rtf1 Words of the page.\par}" if form == "rtf" else "Words of the page.\n"
    media = {"rtf": "application/rtf", "txt": "text/plain"}.get(form, "text/html")
    kind = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/aFChunk"
    relation = f'<Relationship Id="rId9" Type="{kind}" Target="chunk.{form}"/></Relationships>'
    default = f'<Default Extension="{form}" ContentType="{media}"/></Types>'

    def chunked(name: str, part: bytes) -> tuple[str, bytes]:
        if name == "word/_rels/document.xml.rels":
            part = part.replace(b"</Relationships>", relation.encode())
        if name == "word/document.xml":
            part = part.replace(b"<w:sectPr", b'<w:altChunk r:id="rId9"/><w:sectPr', 1)
        return name, part.replace(b"</Types>", default.encode())

    data = io.BytesIO(changed(word_file(), chunked))
    with zipfile.ZipFile(data, "a") as archive:
        archive.writestr(f"word/chunk.{form}", page)
    assert read(tmp_path, "a.docx", data.getvalue()) == "Words of the page."


def test_a_relationship_of_no_kind_costs_no_document(tmp_path: Path) -> None:
    odd = b'<Relationship Id="rId98" Target="theme/theme1.xml"/></Relationships>'

    def without_kind(name: str, part: bytes) -> tuple[str, bytes]:
        return name, part.replace(b"</Relationships>", odd) if "document" in name else part

    assert (
        read(tmp_path, "a.docx", changed(word_file("Boats wait."), without_kind)) == "Boats wait."
    )


def test_a_workbook_that_excel_opens_unasked_is_read(tmp_path: Path) -> None:
    ooxml = pytest.importorskip("msoffcrypto.format.ooxml")
    data = sheet(("pier", "fee"), ("north", 35), ("south", 20))
    for password, opens in (("VelvetSweatshop", True), ("another", False)):
        out = io.BytesIO()
        ooxml.OOXMLFile(io.BytesIO(data)).encrypt(password, out)
        if opens:
            assert "pier: north; fee: 35" in read(tmp_path, "a.xlsx", out.getvalue())
        else:
            with pytest.raises(IngestError, match="Password-protected"):
                read(tmp_path, "a.xlsx", out.getvalue())
