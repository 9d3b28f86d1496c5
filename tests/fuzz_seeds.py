"""Small whole files of each format, made by code: where the fuzzer starts from."""

from __future__ import annotations

import io
import json
import re
import zipfile

from pdf_writer import PdfPage, lines, write_pdf

__all__ = ["containers", "starting_seeds"]

_LARGEST = 12_000  # bytes of a member that is kept as a seed


def members(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def containers() -> dict[str, dict[str, bytes]]:
    """Return the members of a small file of each format that is a zip container."""
    return {
        "docx": _docx(),
        "pptx": _pptx(),
        "xlsx": _xlsx(),
        "epub": _epub(),
        "odt": _open_document(
            "text",
            '<office:text><text:h text:outline-level="2">A heading</text:h>'
            '<text:p>Some<text:s text:c="3"/>text<text:tab/>here<text:line-break/>and</text:p>'
            "<text:list><text:list-item><text:p>an item</text:p></text:list-item></text:list>"
            "<table:table><table:table-row>"
            '<table:table-cell table:number-columns-repeated="2"><text:p>a</text:p>'
            "</table:table-cell></table:table-row></table:table>"
            "<text:p><draw:frame><draw:text-box><text:p>In a box</text:p></draw:text-box>"
            "</draw:frame></text:p></office:text>",
        ),
        "ods": _open_document(
            "spreadsheet",
            '<office:spreadsheet><table:table table:name="Stock"><table:table-row>'
            '<table:table-cell table:number-columns-repeated="2"><text:p>name</text:p>'
            "</table:table-cell><table:covered-table-cell/></table:table-row>"
            '<table:table-row table:number-rows-repeated="3"><table:table-cell>'
            "<text:p>3</text:p></table:table-cell></table:table-row></table:table>"
            "</office:spreadsheet>",
        ),
        "odp": _open_document(
            "presentation",
            '<office:presentation><draw:page draw:name="one"><draw:frame><draw:text-box>'
            "<text:p>A slide</text:p></draw:text-box></draw:frame></draw:page>"
            "</office:presentation>",
        ),
    }


def _docx() -> dict[str, bytes]:
    import docx

    document = docx.Document()
    document.add_heading("A title", 1)
    document.add_paragraph("Some text. 一些文字。")
    document.add_paragraph("An item", style="List Bullet")
    table = document.add_table(2, 2)
    table.cell(0, 0).text, table.cell(0, 1).text = "name", "value"
    table.cell(1, 0).merge(table.cell(1, 1)).text = "both"
    out = io.BytesIO()
    document.save(out)
    found = members(out.getvalue())
    found.pop("docProps/thumbnail.jpeg", None)
    for part in ("numbering", "stylesWithEffects", "webSettings", "fontTable"):
        found.pop(f"word/{part}.xml", None)
    found["_rels/.rels"] = _without_thumbnail(found["_rels/.rels"])
    w = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
    found["word/styles.xml"] = (
        f'<w:styles {w}><w:style w:type="paragraph" w:styleId="Heading1"><w:name '
        'w:val="heading 1"/><w:basedOn w:val="Normal"/></w:style><w:style w:type="paragraph" '
        'w:styleId="Normal" w:default="1"><w:name w:val="Normal"/></w:style></w:styles>'
    ).encode()
    found["word/footnotes.xml"] = (
        f'<w:footnotes {w}><w:footnote w:id="2"><w:p><w:r><w:t>A note</w:t></w:r></w:p>'
        "</w:footnote></w:footnotes>"
    ).encode()
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    found["word/_rels/document.xml.rels"] = (
        '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
        f'<Relationship Id="rId1" Type="{office}/styles" Target="styles.xml"/>'
        f'<Relationship Id="rId2" Type="{office}/footnotes" Target="footnotes.xml"/>'
        "</Relationships>"
    ).encode()
    found["[Content_Types].xml"] = found["[Content_Types].xml"].replace(
        b"</Types>",
        b'<Override PartName="/word/footnotes.xml" ContentType="application/vnd.openxmlformats-'
        b'officedocument.wordprocessingml.footnotes+xml"/></Types>',
    )
    return found


def _without_thumbnail(relations: bytes) -> bytes:
    return re.sub(rb"<Relationship [^>]*thumbnail[^>]*/>", b"", relations)


def _pptx() -> dict[str, bytes]:
    import pptx
    from pptx.chart.data import CategoryChartData
    from pptx.enum.chart import XL_CHART_TYPE
    from pptx.util import Inches

    show = pptx.Presentation()
    slide = show.slides.add_slide(show.slide_layouts[5])
    slide.shapes.title.text = "A title"
    box = slide.shapes.add_textbox(0, 0, Inches(1), Inches(1))
    box.text_frame.text = "Some text. 一些文字。"
    rows = slide.shapes.add_table(2, 2, 0, 0, Inches(2), Inches(1)).table
    rows.cell(0, 0).text, rows.cell(0, 1).text, rows.cell(1, 0).text = "name", "value", "a"
    slide.notes_slide.notes_text_frame.text = "A note"
    data = CategoryChartData()
    data.categories = ["east", "west"]
    data.add_series("sales", (1.5, 2))
    slide.shapes.add_chart(XL_CHART_TYPE.COLUMN_CLUSTERED, 0, 0, Inches(2), Inches(2), data)
    out = io.BytesIO()
    show.save(out)
    found = members(out.getvalue())
    found.pop("docProps/thumbnail.jpeg", None)
    found["_rels/.rels"] = _without_thumbnail(found["_rels/.rels"])
    return found


def _xlsx() -> dict[str, bytes]:
    import openpyxl

    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "Stock"
    for row in (["name", "count", "when"], ["a", 3, "=1+1"], ["货物", 2.5, True]):
        sheet.append(row)
    sheet.merge_cells("A4:B4")
    out = io.BytesIO()
    book.save(out)
    found = members(out.getvalue())
    found.pop("xl/theme/theme1.xml", None)
    return found


def _epub() -> dict[str, bytes]:
    return {
        "mimetype": b"application/epub+zip",
        "META-INF/container.xml": (
            b'<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
            b'<rootfile full-path="OPS/book.opf"/></rootfiles></container>'
        ),
        "OPS/book.opf": (
            b'<package xmlns="http://www.idpf.org/2007/opf"><metadata '
            b'xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>A book</dc:title>'
            b"<dc:creator>A. Uthor</dc:creator><dc:date>2024-05-01</dc:date></metadata><manifest>"
            b'<item id="a" href="one.xhtml"/><item id="b" href="two%20.html#x"/>'
            b'<item id="n" href="nav.xhtml" properties="nav"/></manifest>'
            b'<spine><itemref idref="n"/><itemref idref="a"/><itemref idref="b"/></spine></package>'
        ),
        "OPS/one.xhtml": (
            b'<html xmlns="http://www.w3.org/1999/xhtml"><head><title>x</title></head><body>'
            b"<h1>Chapter</h1><p>Some text.</p><ul><li>item</li></ul></body></html>"
        ),
        "OPS/two .html": "<p>第二章<br>more<table><tr><th>a<th>b<tr><td>1<td>2</table>".encode(),
        "OPS/nav.xhtml": b"<html><body>contents</body></html>",
    }


def _open_document(kind: str, body: str) -> dict[str, bytes]:
    spaces = " ".join(
        f'xmlns:{short}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
        for short, name in (
            ("office", "office"), ("text", "text"), ("table", "table"), ("draw", "drawing")
        )
    )  # fmt: skip
    return {
        "mimetype": f"application/vnd.oasis.opendocument.{kind}".encode(),
        "META-INF/manifest.xml": b"<manifest/>",
        "meta.xml": b'<m xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>T</dc:title>'
        b"<dc:date>2024-05-01T10:00:00</dc:date></m>",
        "content.xml": (
            f"<office:document-content {spaces}><office:body>{body}</office:body>"
            "</office:document-content>"
        ).encode(),
    }


_MARKDOWN = """---
title: A title
tags: [one, two]
date: 2024-05-01
nested: {version: 2}
---
# A heading {#anchor}

Some text with `code`. 一些文字。第二句？

- an item
  1. another

| name | value |
|------|------:|
| a    | 1     |

Setext
======

```python
print("x")
```

> quoted
"""
_HTML = """<!DOCTYPE html><!-- c --><html lang=en><head><meta charset="utf-8">
<title>A title</title><meta name="author" content="A. Uthor"><script>SECRETSCRIPT</script></head>
<body><nav><a href="x">nav</a></nav><div id="cookie-consent">cookies</div><main><h1>Heading</h1>
<p style="display:none">hidden</p><p>Some <b>text</b>.<br>More</p><ol><li>one<ul><li>two</ul></ol>
<table><caption>c</caption><tr><th>a</th><th>b</th></tr><tr><td colspan=2>1</td></tr></table>
<pre>code
 here</pre><svg><text>no</text></svg></main></body></html>
"""
_RST = """=======
A title
=======

Some text::

    code

Section
-------

.. code-block:: python

   x = 1

:field: value
"""
_EML = """From: =?utf-8?B?5byg?= <a@example.org>
To: b@example.org
Subject: =?gb2312?Q?=C4=E3=BA=C3?=
Date: Wed, 1 May 2024 10:00:00 +0000
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="XX"

--XX
Content-Type: multipart/alternative; boundary=YY

--YY
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: quoted-printable

Some text=20=E4=BD=A0
--YY
Content-Type: text/html; charset="iso-8859-1"
Content-Transfer-Encoding: base64

PHA+SGk8L3A+
--YY--
--XX
Content-Type: application/pdf; name="a.pdf"
Content-Disposition: attachment; filename*=utf-8''%e4%bd%a0.pdf

x
--XX--
"""
_RTF = (
    r"{\rtf1\ansi\ansicpg936\uc1{\fonttbl{\f0 Arial;}}{\info{\title A title}{\author A. Uthor}"
    r"{\creatim\yr2024\mo5\dy1}}\f0 Some \b text\b0.\par \u20320?\u-10179?\u-8703? \'c4\'e3\par"
    r"\trowd\cellx100 a\cell b\cell\row {\field{\*\fldinst{HYPERLINK \"http://x\"}}{\fldrslt l}}}"
)
_SRT = """1
00:00:01,000 --> 00:00:02,500
<i>Hello</i> there.

2
00:00:03.000 --> 00:00:04.000 align:start
{\\an8}你好。
"""
_XML = """<?xml version="1.0"?><a x="1" y="two words"><b>text</b>tail<c><![CDATA[raw]]></c></a>"""
_NOTEBOOK = {
    "cells": [
        {"cell_type": "markdown", "source": ["# A title\n", "Some text."]},
        {
            "cell_type": "code",
            "source": "print(1)",
            "outputs": [
                {"output_type": "stream", "text": ["\u001b[31m1\u001b[0m\n"]},
                {"output_type": "error", "ename": "E", "evalue": "bad"},
                {"output_type": "display_data", "data": {"text/plain": "<Figure>"}},
                {"data": {"text/markdown": "**x**", "image/png": "iVBORw0K"}},
            ],
        },
    ],
    "nbformat": 4,
}
_JSON = {"title": "A", "list": [{"a": 1, "b": None}, {"a": 2.5}], "deep": {"x": [True, [1, 2]]}}
_RECORDS = [
    {"content": "Some text.", "title": "One", "url": "http://x", "source": "forged", "page": 3},
    {"content": "文字。", "title": "Two", "n": 10**40, "f": 1e400},
]
_CODINGS = ("utf-16-le", "utf-16", "utf-32-be", "gb18030", "big5", "shift_jis", "euc_kr", "koi8_r",
            "cp1251", "cp1252", "cp437", "cp500", "iso2022_jp", "utf-7")  # fmt: skip


def starting_seeds() -> dict[str, list[bytes]]:
    """Return the inputs that fuzzing each target starts from."""
    page = PdfPage(lines("Some text", "in two lines"))
    records = [json.dumps(record, ensure_ascii=False) for record in _RECORDS]
    prose = (
        "Some text. Dr. Rose came at 5 p.m. 他说：「你好。」เขาไป Это т. д. प्रश्न। 안녕하세요?"
        "\n\n- item\n"
    )
    found = {
        "splitter": [bytes((kind, 20)) + _MARKDOWN.encode() for kind in range(4)]
        + [bytes((0x31, 9)) + prose.encode(), bytes((2, 30)) + _RST.encode()],
        "tokenizer": [prose.encode(), b"top_k --no-stream v2.4.x camelCase C++ a/b/c x@y.org"],
        "encodings": [
            f"你好，世界。Привет, мир. Größe {coding}".encode(coding, "ignore")
            for coding in _CODINGS
        ],
        "ignore": [b"a/b/c.md\n*.md\n!c.md\n/a/**/x\n[a-c]?\\*\n**/b/\n",
                   b"a b \n#x\na\\ \n[!z]*\n"],
        "fields": [
            _MARKDOWN.encode(),
            b"+++\ntitle = 'x'\ndate = 2024-05-01\n[a]\nb = [1, 2]\n+++\ntext",
            b"May 1, 2024\n1 May 2024\n2024/5/1\n20240501\n2024\n1/5/2024",
        ],
        "asking": [
            b"What port must be free?\nsource=install.md\ntags=setup\ndate>=2024",
            "默认端口是多少？\nfolder=a\nx!=1".encode(),
            b"Who built it in 1826?",
        ],
        "txt": [prose.encode(), "第一章 总则\n\n1.1 Scope\n\ntext".encode("gb18030")],
        "markdown": [_MARKDOWN.encode(), b"+++\ntitle = 'x'\n+++\n# A\n"],
        "rst": [_RST.encode()],
        "html": [_HTML.encode(), b'<meta charset=gb2312>\xc4\xe3\xba\xc3<p>a<table><tr><td>1<td>2'],
        "csv": [
            b'name,value\na,"1, 2"\nb,"say ""x"""\n',
            "货名;数量\n书;3\n".encode("gb18030"),
            b"a\tb\tc\n1\t2\t3\n",
            b"1|2|3\n4|5|6\n",
        ],
        "json": [json.dumps(_JSON).encode(), json.dumps(_RECORDS, ensure_ascii=False).encode()],
        "jsonl": ["\n".join([*records, "not json", "[1, 2]"]).encode()],
        "ipynb": [
            json.dumps(_NOTEBOOK).encode(),
            b'{"worksheets":[{"cells":[{"cell_type":"code","input":"x","outputs":[]}]}]}',
        ],
        "srt": [_SRT.encode(), b"WEBVTT\n\n00:01.000 --> 00:02.000\n<v A>Hi\n"],
        "xml": [_XML.encode()],
        "rtf": [_RTF.encode()],
        "eml": [_EML.encode(), b"Subject: x\nFrom: a@b\n\ntext"],
        "pdf": [write_pdf(page), write_pdf(PdfPage(), page)],
    }  # fmt: skip
    for kind, parts in containers().items():
        target = "odt" if kind in ("ods", "odp") else kind
        prefix = b"" if target == kind else kind.encode() + b":"
        found.setdefault(target, []).extend(
            prefix + name.encode() + b"\n" + body
            for name, body in parts.items()
            if len(body) <= _LARGEST
            and name.endswith((".xml", ".rels", "html", ".opf"))
            and "slideLayout" not in name
        )
    return found
