from __future__ import annotations

import io
import json
import pickle
import zipfile
from email.message import EmailMessage
from pathlib import Path

import pytest

from ragkit.errors import IngestError
from ragkit.ingest.extract import Extraction, extract

LATIN = {
    "de": "Die Prüfung beginnt um zwölf Uhr, danach gibt es Käse und süße Brötchen für alle Gäste.",
    "fr": "L'élève préfère la forêt où le garçon a été aperçu près de la rivière, là-bas.",
    "pl": "Wszyscy ludzie rodzą się wolni i równi pod względem swej godności i praw.",
    "cs": "Všichni lidé rodí se svobodní a sobě rovní co do důstojnosti a práv, řekl učitel.",
    "tr": "Bütün insanlar özgür, onur ve haklar bakımından eşit doğarlar;",
}
OTHER = {
    "zh": "检索增强生成先从文档中找到相关的段落，再让模型根据这些段落回答问题，并给出引用。",
    "zh-Hant": "檢索增強生成先從文件中找到相關的段落，再讓模型根據這些段落回答問題，並給出引用。",
    "ja": "この文書では、検索の仕組みと使い方について説明します。まずデータを準備してください。",
    "ko": "이 문서는 검색 방법을 설명합니다. 먼저 데이터를 준비하고 서버를 시작하십시오.",
    "ru": "Все люди рождаются свободными и равными в своём достоинстве и правах, сказал учитель.",
    "el": "Όλοι οι άνθρωποι γεννιούνται ελεύθεροι και ίσοι στην αξιοπρέπεια και τα δικαιώματα.",
    "ar": "يولد جميع الناس أحرارا متساوين في الكرامة والحقوق وقد وهبوا عقلا وضميرا.",
    "he": "כל בני האדם נולדו בני חורין ושווים בערכם ובזכויותיהם. כולם חוננו בתבונה.",
    "th": "มนุษย์ทั้งหลายเกิดมามีอิสระและเสมอภาคกันในเกียรติศักดิ์และสิทธิ",
}
ENCODINGS = [
    ("zh", "utf-8"), ("zh", "utf-8-sig"), ("zh", "gbk"), ("zh", "gb18030"), ("zh-Hant", "big5"),
    ("ja", "cp932"), ("ja", "euc_jp"), ("ja", "iso2022_jp"), ("ko", "euc_kr"), ("ru", "cp1251"),
    ("ru", "koi8_r"), ("ru", "cp866"), ("ru", "iso8859_5"), ("el", "cp1253"), ("ar", "cp1256"),
    ("th", "cp874"), ("he", "cp1255"), ("de", "latin-1"), ("fr", "cp1252"), ("pl", "cp1250"),
    ("cs", "iso8859_2"),
    ("tr", "cp1254"), ("zh", "utf-16"), ("ru", "utf-16-le"), ("de", "utf-16-be"), ("zh", "utf-32"),
    ("zh", "utf-32-be"),
]  # fmt: skip


def written(folder: Path, name: str, content: str | bytes) -> Extraction:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return extract(path)


def holds(extraction: Extraction) -> None:
    """Check what every extraction promises."""
    end = 0
    for part in extraction.parts:
        assert end <= part.start < part.end
        assert not extraction.text[end : part.start].strip()
        assert extraction.text[part.start : part.end].strip()
        end = part.end
    assert end == len(extraction.text)
    assert "\r" not in extraction.text
    assert "\0" not in extraction.text
    assert extraction.metadata["format"]
    assert extraction.metadata["markup"] in ("markdown", "rst", "table", "text")
    assert len(extraction.sha256) == 64


@pytest.mark.parametrize(("language", "encoding"), ENCODINGS)
def test_encodings(tmp_path: Path, language: str, encoding: str) -> None:
    text = f"{(LATIN | OTHER)[language]}\n1234 abc\n"

    found = written(tmp_path, "a.txt", text.encode(encoding))

    assert found.text == text.strip()
    holds(found)


@pytest.mark.parametrize("text", ["持的约束基本相同。", "数据库安装与配置", "你好，世界"])
def test_very_short_gbk(tmp_path: Path, text: str) -> None:
    assert written(tmp_path, "a.txt", text.encode("gbk")).text == text


def test_an_encoding_that_starts_late_is_found(tmp_path: Path) -> None:
    code = "x = 1\n" * 100_000 + "# 连接数据库并执行查询操作\n"

    assert written(tmp_path, "a.py", code.encode("gbk")).text == code.strip()


def test_damaged_utf8_loses_only_the_damaged_place(tmp_path: Path) -> None:
    data = "前半段是好的文字，".encode() + b"\xff\xfe" + "后半段也是好的文字。".encode()

    found = written(tmp_path, "a.txt", data)

    assert found.text == "前半段是好的文字，\ufffd\ufffd后半段也是好的文字。"
    assert found.metadata["undecodable"] == 2


def test_newlines_marks_and_controls_are_normalised_and_nothing_else(tmp_path: Path) -> None:
    found = written(
        tmp_path, "a.txt", b"\xef\xbb\xbfone\r\ntwo\rthree\x00\x07\x0cfour  \tfive\xc2\xad"
    )

    assert found.text == "one\ntwo\nthree\nfour  \tfive\xad"


def test_markdown_stays_verbatim_and_front_matter_is_metadata(tmp_path: Path) -> None:
    text = '---\ntitle: "A guide"\nauthor: Lin\ntags: [a, b]\n---\n\n# Heading\n\n```\n# no\n```\n'

    found = written(tmp_path, "a.md", text)

    assert found.text == text.strip()
    assert found.metadata == {"format": "md", "encoding": "utf-8", "markup": "markdown",
                              "title": "A guide", "author": "Lin", "tags": ["a", "b"]}  # fmt: skip
    assert found.parts[0].metadata == {}


@pytest.mark.parametrize(
    ("name", "text", "title"),
    [
        ("a.md", "```\n# a comment\n```\n\n# The title #\n", "The title"),
        ("a.md", "The title\n=========\n\ntext", "The title"),
        ("a.md", "no title\n\n## only a section\n", None),
        ("a.rst", "The title\n=========\n\ntext", "The title"),
        ("a.rst", "=====\nTitle\n=====\n\ntext", "Title"),
        ("my file.txt", "text without one", None),
    ],
)
def test_titles_come_from_content(tmp_path: Path, name: str, text: str, title: str | None) -> None:
    assert written(tmp_path, name, text).metadata.get("title") == title


PAGE = """<!doctype html><html><head><title>Port 4000</title><meta name=author content="Wu">
<link rel="canonical" href="https://example.com/a"><style>b{}</style>
<script>var secret = "NOT_TEXT";</script></head><body>
<nav><a href=/>Home</a></nav><div id="cookie-banner">We use cookies. Accept?</div>
<p style="display: none">NOT_SHOWN</p>
<main><h1>Ports</h1><p>The  default <b>port</b>
is 4000.<br>Change it.</p><ul><li>one</li><li>two<ol><li>deep</li></ol></li></ul>
<pre>a = 1
  b = 2</pre><table><tr><th>Name</th><th>Port</th></tr><tr><td>TiDB</td><td>4000</td></tr></table>
</main><script>NOT_TEXT</script></body></html>"""


def test_html_keeps_structure_and_drops_furniture(tmp_path: Path) -> None:
    found = written(tmp_path, "a.html", PAGE)

    assert found.text == (
        "# Ports\n\nThe default port is 4000.\nChange it.\n\n- one\n- two\n  1. deep\n\n"
        "```\na = 1\n  b = 2\n```\n\nName: TiDB; Port: 4000"
    )
    assert found.metadata["title"] == "Port 4000"
    assert found.metadata["author"] == "Wu"
    assert found.metadata["url"] == "https://example.com/a"
    assert found.metadata["markup"] == "markdown"
    holds(found)


def test_html_that_is_all_navigation_is_not_empty(tmp_path: Path) -> None:
    found = written(tmp_path, "a.html", "<nav><a href=b>Chapter one</a></nav>")

    assert found.text == "Chapter one"


@pytest.mark.parametrize("declared", ["gb2312", "iso-8859-1", "no-such-thing", "utf-8"])
def test_html_declarations_are_believed_only_where_they_fit(tmp_path: Path, declared: str) -> None:
    page = f'<html><head><meta charset="{declared}"></head><body>这是一段中文的页面</body></html>'

    assert written(tmp_path, "a.html", page.encode("utf-8")).text == "这是一段中文的页面"
    assert written(tmp_path, "b.html", page.encode("gbk")).text == "这是一段中文的页面"


def test_a_page_about_cookies_is_kept(tmp_path: Path) -> None:
    page = f"<article class='about-cookies'><p>{'Cookies are small files. ' * 20}</p></article>"

    assert "Cookies are small files." in written(tmp_path, "a.html", page).text


def test_pdf_pages(tmp_path: Path) -> None:
    found = written(tmp_path, "a.pdf", pdf("First page", "", "Third page"))

    assert found.text == "First page\n\nThird page"
    assert [part.metadata for part in found.parts] == [{"page": 1}, {"page": 3}]
    assert found.metadata["pages"] == 3
    assert found.metadata["empty_pages"] == 1
    holds(found)


def pdf(*pages: str) -> bytes:
    """Return a PDF with one line of text a page, in Helvetica."""
    kids = " ".join(f"{4 + 2 * i} 0 R" for i in range(len(pages)))
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    for i, text in enumerate(pages):
        stream = f"BT /F1 12 Tf 72 700 Td ({text}) Tj ET" if text else ""
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents {5 + 2 * i} 0 R "
            "/Resources << /Font << /F1 3 0 R >> >> >>"
        )
        objects.append(f"<< /Length {len(stream)} >>\nstream\n{stream}\nendstream")
    out = "%PDF-1.4\n"
    places = []
    for number, content in enumerate(objects, start=1):
        places.append(len(out))
        out += f"{number} 0 obj\n{content}\nendobj\n"
    table = "".join(f"{place:010d} 00000 n \n" for place in places)
    size = len(objects) + 1
    return (
        f"{out}xref\n0 {size}\n0000000000 65535 f \n{table}"
        f"trailer << /Size {size} /Root 1 0 R >>\nstartxref\n{len(out)}\n%%EOF\n"
    ).encode("latin-1")


def test_docx_headings_lists_and_tables(tmp_path: Path) -> None:
    import docx

    document = docx.Document()
    document.core_properties.title = "Handbook"
    document.core_properties.author = "Wu Mei"
    document.add_heading("端口", level=1)
    document.add_paragraph("默认端口是 4000。")
    document.add_heading("Details", level=2)
    table = document.add_table(rows=2, cols=2)
    for cell, text in zip(table._cells, ["Name", "Port", "TiDB", "4000"], strict=True):
        cell.text = text
    document.save(str(tmp_path / "a.docx"))

    found = extract(tmp_path / "a.docx")

    assert found.text == "# 端口\n\n默认端口是 4000。\n\n## Details\n\nName: TiDB; Port: 4000"
    assert found.metadata["title"] == "Handbook"
    assert found.metadata["author"] == "Wu Mei"
    holds(found)


def test_docx_text_boxes_come_once_and_deletions_never(tmp_path: Path) -> None:
    import docx
    from docx.oxml import parse_xml

    w = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
    mc = 'xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006"'
    box = "<w:txbxContent><w:p><w:r><w:t>In the box</w:t></w:r></w:p></w:txbxContent>"
    document = docx.Document()
    document.element.body.insert(0, parse_xml(
        f"<w:p {w} {mc}><w:r><w:t>Around</w:t></w:r><w:r><mc:AlternateContent><mc:Choice>{box}"
        f"</mc:Choice><mc:Fallback>{box}</mc:Fallback></mc:AlternateContent></w:r>"
        "<w:del><w:r><w:delText>gone</w:delText></w:r></w:del>"
        "<w:ins><w:r><w:t> it</w:t></w:r></w:ins></w:p>"
    ))  # fmt: skip
    document.save(str(tmp_path / "a.docx"))

    assert extract(tmp_path / "a.docx").text == "Around it\n\nIn the box"


def test_pptx_slides_and_notes(tmp_path: Path) -> None:
    import pptx

    presentation = pptx.Presentation()
    for title in ("One", "Two"):
        slide = presentation.slides.add_slide(presentation.slide_layouts[1])
        slide.shapes.title.text = title
        slide.placeholders[1].text = f"first\nsecond of {title}"
        slide.notes_slide.notes_text_frame.text = f"Say {title}"
    presentation.save(str(tmp_path / "a.pptx"))

    found = extract(tmp_path / "a.pptx")

    assert found.text.startswith("# One\n\n- first\n- second of One\n\nNotes: Say One\n\n# Two")
    assert [part.metadata for part in found.parts] == [{"page": 1, "slide": 1},
                                                       {"page": 2, "slide": 2}]  # fmt: skip
    assert found.metadata["title"] == "One"
    holds(found)


def test_xlsx_sheets_and_headers(tmp_path: Path) -> None:
    import datetime

    import openpyxl

    book = openpyxl.Workbook()
    book.active.title = "价格"
    book.active.append(["Prices of 2025"])
    book.active.append(["Fruit", "Price", "From"])
    book.active.append(["Apple", 3.0, datetime.datetime(2025, 1, 2)])
    book.active.append([None, None, None])
    book.active.append(["Pear", 0.1 + 0.2, None])
    book.create_sheet("Empty")
    book.create_sheet("Sheet3").append(["alone"])
    book.save(tmp_path / "a.xlsx")

    found = extract(tmp_path / "a.xlsx")

    assert found.text == (
        "价格\nPrices of 2025\nFruit: Apple; Price: 3; From: 2025-01-02\n"
        "Fruit: Pear; Price: 0.3\n\nalone"
    )
    assert [part.metadata["sheet"] for part in found.parts] == ["价格", "Sheet3"]
    holds(found)


@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
def test_delimited_rows_carry_their_header(tmp_path: Path, mark: str) -> None:
    rows = [
        ["Name", "Note"],
        ["Wu", '"a' + mark + ' ""b"""'],
        ["Li", '"two\nlines"'],
        ["", "", "x"],
    ]

    found = written(tmp_path, "a.csv", "\r\n".join(mark.join(row) for row in rows))

    assert found.text == f'Name: Wu; Note: a{mark.strip() or ""} "b"\nName: Li; Note: two lines\nx'
    assert found.metadata["markup"] == "table"


def test_a_quote_that_never_closes_costs_no_rows(tmp_path: Path) -> None:
    rows = "".join(f"row{i},{i}\n" for i in range(200))

    found = written(tmp_path, "a.csv", f'name,value\n"open,1\n{rows}')

    assert found.text.count("\n") == 200
    assert "name: row199; value: 199" in found.text


def test_numbers_only_make_no_header(tmp_path: Path) -> None:
    assert written(tmp_path, "a.csv", "1,2\n3,4\n").text == "1 | 2\n3 | 4"


def test_json_documents_become_records(tmp_path: Path) -> None:
    first = {"content": "端口是 4000。", "title": "端口", "product": "TiDB", "url": "https://e.x/1"}
    second = {"content": "Second.", "title": "Other", "product": "TiKV", "source": "/etc/passwd"}

    one = written(tmp_path, "one.json", json.dumps(first))
    assert one.text == "端口是 4000。"
    assert one.metadata["title"] == "端口"
    assert one.metadata["url"] == "https://e.x/1"
    assert one.parts[0].metadata == {"product": "TiDB"}

    for name, text in (
        ("many.json", json.dumps([first, second])),
        ("many.jsonl", f"{json.dumps(first)}\n\n{json.dumps(second)}\n"),
    ):
        many = written(tmp_path, name, text)
        assert many.text == "端口是 4000。\n\nSecond."
        assert [p.metadata["record"] for p in many.parts] == [1, 2]
        assert [p.metadata["title"] for p in many.parts] == ["端口", "Other"]
        assert "source" not in many.parts[1].metadata  # a file cannot claim to be another
        assert many.parts[1].metadata["record_source"] == "/etc/passwd"
        holds(many)


def test_other_json_is_readable(tmp_path: Path) -> None:
    value = {"server": {"port": 4000, "tls": None, "ids": [1, 2]},
             "users": [{"name": "Wu", "age": 5}, {"name": "Li", "age": 6}]}  # fmt: skip

    found = written(tmp_path, "a.json", json.dumps(value))

    assert found.text.split("\n") == [
        "server.port: 4000", "server.tls: null", "server.ids: 1, 2",
        "users: name: Wu; age: 5", "users: name: Li; age: 6",
    ]  # fmt: skip
    assert written(tmp_path, "b.json", '{"a": 1, // why\n}').text == '{"a": 1, // why\n}'


def test_notebook_cells_and_outputs(tmp_path: Path) -> None:
    book = {"nbformat": 4, "cells": [
        {"cell_type": "markdown", "source": ["# Title\n", "Text"]},
        {"cell_type": "code", "source": "print(6 * 7)", "outputs": [
            {"output_type": "stream", "text": ["42\n"]},
            {"output_type": "display_data", "data": {"image/png": "iVBORw0KGgo", "text/plain":
                                                     "<Figure size 1x1>"}},
            {"output_type": "error", "ename": "ValueError", "evalue": "no"}]},
    ]}  # fmt: skip

    found = written(tmp_path, "a.ipynb", json.dumps(book))

    assert found.text == (
        "# Title\nText\n\n```\nprint(6 * 7)\n```\n\n```\n42\n```\n\n```\nValueError: no\n```"
    )
    assert found.metadata["title"] == "Title"
    with pytest.raises(IngestError, match="Damaged notebook"):
        written(tmp_path, "b.ipynb", '{"cells": [')


def zipped(members: dict[str, str | bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return stream.getvalue()


def test_epub_follows_the_spine(tmp_path: Path) -> None:
    chapter = (
        "<html xmlns='http://www.w3.org/1999/xhtml'><head><title/></head><body>{}</body></html>"
    )
    book = zipped({
        "mimetype": "application/epub+zip",
        "META-INF/container.xml": '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:'
        'container"><rootfiles><rootfile full-path="O/b.opf"/></rootfiles></container>',
        "O/b.opf": '<package xmlns="http://www.idpf.org/2007/opf" '
        'xmlns:dc="http://purl.org/dc/elements/1.1/"><metadata><dc:title>书</dc:title>'
        "<dc:creator>Wu</dc:creator></metadata><manifest><item id='1' href='one%20.xhtml'/>"
        "<item id='2' href='two.xhtml'/></manifest><spine><itemref idref='2'/>"
        "<itemref idref='1'/></spine></package>",
        "O/one .xhtml": chapter.format("<p>Last</p>"),
        "O/two.xhtml": chapter.format("<h2>First</h2><p>Not&nbsp;well-formed<br>here"),
    })  # fmt: skip

    found = written(tmp_path, "a.epub", book)

    assert found.text == "## First\n\nNot\xa0well-formed\nhere\n\nLast"
    assert (found.metadata["title"], found.metadata["author"]) == ("书", "Wu")
    holds(found)


def test_open_document(tmp_path: Path) -> None:
    names = ("office:1.0", "text:1.0", "table:1.0", "drawing:1.0")
    spaces = " ".join(
        f'xmlns:{p}="urn:oasis:names:tc:opendocument:xmlns:{n}"'
        for p, n in zip(("office", "text", "table", "draw"), names, strict=True)
    )
    content = (
        f"<office:document-content {spaces}><office:body><office:text>"
        '<text:h text:outline-level="2">端口</text:h>'
        "<text:p>It is<text:s/>4000<text:tab/>now.</text:p>"
        "<text:list><text:list-item><text:p>one</text:p></text:list-item></text:list>"
        "</office:text></office:body></office:document-content>"
    )
    data = zipped({"mimetype": "application/vnd.oasis.opendocument.text", "content.xml": content,
                   "META-INF/manifest.xml": "<m/>"})  # fmt: skip

    found = written(tmp_path, "a.odt", data)

    assert found.text == "## 端口\n\nIt is 4000\tnow.\n\n- one"


def test_rtf_with_cjk_and_surrogate_halves(tmp_path: Path) -> None:
    source = rb"{\rtf1\ansi{\fonttbl{\f0\fcharset134 SimSun;}}\f0 \'d6\'d0\'ce\'c4\par " \
             rb"{\b bold} \u-10179?\u-8704?\par}"  # fmt: skip

    assert written(tmp_path, "a.rtf", source).text == "中文\nbold 😀"


def test_mail(tmp_path: Path) -> None:
    message = EmailMessage()
    message["Subject"] = "端口 report"
    message["From"] = "wu@example.com"
    message["Date"] = "Fri, 16 Dec 2022 17:04:16 +0000"
    message.set_content("The port is 4000.")
    message.add_alternative("<p>The port is 4000.</p>", subtype="html")
    message.add_attachment(b"\0\1", maintype="application", subtype="x", filename="data.bin")

    found = written(tmp_path, "a.eml", message.as_bytes())

    assert found.text.count("The port is 4000.") == 1
    assert "Subject: 端口 report" in found.text
    assert "Attachments: data.bin" in found.text
    assert found.metadata["date"] == "2022-12-16"


def test_subtitles_and_xml(tmp_path: Path) -> None:
    srt = (
        "1\r\n00:00:01,000 --> 00:00:02,000\r\n<i>Hello</i>\r\nthere\r\n\r\n"
        "2\r\n00:00:03,000 --> 00:00:04,000\r\nBye\r\n"
    )
    assert written(tmp_path, "a.srt", srt).text == "Hello there\nBye"

    xml = '<?xml version="1.0" encoding="GBK"?><c><port note="默认">4000</port><!-- no --></c>'
    assert written(tmp_path, "a.xml", xml.encode("gbk")).text == "port: 4000\nport note: 默认"


def test_attributes_of_xml_but_addresses_and_qualified_names(tmp_path: Path) -> None:
    xml = '<a start="09:00" note="Note: bring it" type="xs:string" href="https://a.example/b"/>'
    assert written(tmp_path, "a.xml", xml).text == "a start: 09:00\na note: Note: bring it"


def test_source_code_is_text(tmp_path: Path) -> None:
    found = written(tmp_path, "a.py", "def f():\n    return 1\n")

    assert found.text == "def f():\n    return 1"
    assert found.metadata == {"format": "py", "markup": "text", "encoding": "utf-8"}


def test_extract_can_run_in_another_process(tmp_path: Path) -> None:
    found = written(tmp_path, "a.md", "# T\n\ntext")

    assert pickle.loads(pickle.dumps(extract)) is extract
    assert pickle.loads(pickle.dumps(found)) == found


def test_the_reader_works_in_a_simple_directory_reader(tmp_path: Path) -> None:
    from llama_index.core import SimpleDirectoryReader

    from ragkit.ingest.readers.reader import FileReader

    (tmp_path / "a.pdf").write_bytes(pdf("One", "Two"))
    (tmp_path / "b.csv").write_text("k,v\nx,1\n")
    reader = FileReader()

    documents = SimpleDirectoryReader(
        str(tmp_path), file_extractor={".pdf": reader, ".csv": reader}, raise_on_error=True
    ).load_data()

    assert [d.text for d in documents] == ["One", "Two", "k: x; v: 1"]
    assert documents[1].metadata["page"] == 2
    assert documents[1].metadata["file_name"] == "a.pdf"  # LlamaIndex's own


def test_no_warning_about_missing_readers(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    written(tmp_path, "a.md", "text")

    assert not [r for r in caplog.records if "readers-file" in r.getMessage()]
