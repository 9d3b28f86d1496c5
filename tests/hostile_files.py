"""Files that cost a careless reader everything, made by code and no larger than they must be."""

from __future__ import annotations

import base64
import gzip
import io
import json
import random
import zipfile
from collections.abc import Callable
from dataclasses import dataclass

from fuzz_seeds import containers
from pdf_writer import lines

__all__ = ["HOSTILE", "Hostile", "zipped"]

LAUGHS = (
    '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x "ha">'
    + "".join(f'<!ENTITY x{i} "{f"&x{i - 1 or str()};" * 10}">' for i in range(1, 12))
    + "]>"
)
PROSE = "The heron stands in the reeds at dawn and waits for a fish. "
CHINESE = "苍鹭在黎明时站在芦苇丛中等待一条鱼。"


@dataclass(frozen=True)
class Hostile:
    """A file: its bytes, and the reason it is refused for or the text that must come out."""

    name: str
    make: Callable[[], bytes]
    refused: str = ""
    holds: str = ""
    never: str = "\ufffd"
    left_out: bool = False


def zipped(members: dict[str, bytes]) -> bytes:
    """Return a zip file of ``members``."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return out.getvalue()


def office(kind: str, **changed: bytes) -> bytes:
    """Return a whole container with members changed; ``__`` in a name stands for a slash."""
    members = containers()[kind]
    for name, content in changed.items():
        members[name.replace("__", "/").replace("_dot_", ".")] = content
    return zipped(members)


def blank_pages(count: int) -> bytes:
    """Return a PDF of so many empty pages, and one with text at the end."""
    kids = " ".join(f"{5 + i} 0 R" for i in range(count))
    text = lines("The last page")
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids} {5 + count} 0 R] /Count {count + 1} >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        f"<< /Length {len(text)} >>\nstream\n{text}\nendstream",
        *["<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] >>"] * count,
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R "
        "/Resources << /Font << /F1 3 0 R >> >> >>",
    ]
    out, places, at = ["%PDF-1.4\n"], [], 9
    for number, content in enumerate(objects, start=1):
        places.append(at)
        out.append(f"{number} 0 obj\n{content}\nendobj\n")
        at += len(out[-1])
    out.append(f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n")
    out.extend(f"{place:010d} 00000 n \n" for place in places)
    out.append(f"trailer << /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{at}\n%%EOF\n")
    return "".join(out).encode("latin-1")


def styled_rows(count: int) -> bytes:
    """Return a workbook with so many rows that hold formats and nothing else, as Excel leaves."""
    rows = "".join(f'<row r="{i}" s="1" customFormat="1"><c r="A{i}" s="1"/></row>'
                   for i in range(4, count))  # fmt: skip
    sheet = containers()["xlsx"]["xl/worksheets/sheet1.xml"].decode()
    return office(
        "xlsx",
        xl__worksheets__sheet1_dot_xml=sheet.replace(
            "</sheetData>", rows + "</sheetData>"
        ).encode(),
    )


def looping_book() -> bytes:
    """Return an EPUB whose spine names one chapter 100,000 times."""
    members = containers()["epub"]
    members["OPS/book.opf"] = members["OPS/book.opf"].replace(
        b'<itemref idref="a"/>', b'<itemref idref="a"/>' * 100_000
    )
    members["OPS/one.xhtml"] = f"<html><body><p>{PROSE * 1000}</p></body></html>".encode()
    return zipped(members)


def nested_mail(depth: int) -> bytes:
    """Return a message within a message, so many deep."""
    head = "From: a@example.org\nTo: b@example.org\nSubject: Herons\n"
    parts = [f'Content-Type: multipart/mixed; boundary="b{i}"\n\n--b{i}\n' for i in range(depth)]
    ends = [f"\n--b{i}--\n" for i in reversed(range(depth))]
    return (head + "".join(parts) + "Content-Type: text/plain\n\n" + PROSE + "".join(ends)).encode()


def notebook_with_picture(size: int) -> bytes:
    """Return a notebook that shows a picture of so many bytes."""
    picture = base64.b64encode(random.Random(0).randbytes(size)).decode()
    shown = {
        "output_type": "display_data",
        "data": {"image/png": picture, "text/plain": "<Figure>"},
    }
    cells = [
        {"cell_type": "markdown", "source": PROSE},
        {"cell_type": "code", "source": "plot()", "outputs": [shown]},
    ]
    return json.dumps({"cells": cells, "nbformat": 4}).encode()


def old_office(stream: str) -> bytes:
    """Return the beginning of an OLE container, as old and password-protected Office files are."""
    return (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(1000) + stream.encode("utf-16-le") + bytes(500)
    )


def half_and_half() -> bytes:
    """Return a file whose first half is UTF-8 and whose second is GBK, as appended logs are."""
    utf8 = "".join(f"{i} {CHINESE}\n" for i in range(20))
    gbk = "".join(f"{i} 备份每天凌晨三点自动进行，保留三十天。\n" for i in range(20))
    return utf8.encode() + gbk.encode("gbk")


def mail_in(charset: str, text: str) -> bytes:
    """Return a message in an encoding of seven bits."""
    head = (
        "From: a@b.cn\nSubject: x\nMIME-Version: 1.0\n"
        f"Content-Type: text/plain; charset={charset}\n\n"
    )
    return head.encode() + text.encode(charset)


def whole_docx(text: str) -> bytes:
    """Return a Word file."""
    body = containers()["docx"]["word/document.xml"]
    return office("docx", word__document_dot_xml=body.replace(b"Some text.", text.encode()))


HOSTILE = (
    # What was known
    Hostile("empty.md", lambda: b"", refused="Empty file"),
    Hostile("white.txt", lambda: b" \n\t\r\n ", refused="No text in it"),
    Hostile("random.txt", lambda: random.Random(1).randbytes(5000), refused="Not text"),
    Hostile("truncated.docx", lambda: office("docx")[:3000], refused="Damaged docx"),
    Hostile("truncated.pdf", lambda: b"%PDF-1.7\n1 0 obj\n<<", refused="Damaged PDF"),
    Hostile("word.pdf", lambda: whole_docx(PROSE), holds="The heron stands"),
    Hostile("picture.md", lambda: b"\x89PNG\r\n\x1a\n" + bytes(200), refused="PNG image"),
    Hostile(
        "bomb.docx",
        lambda: zipped(
            {"[Content_Types].xml": b"<Types/>", "word/document.xml": b"<a>" + b" " * 60_000_000}
        ),
        refused="zip bomb",
    ),
    Hostile("laughs.xml", lambda: f"{LAUGHS}<a>&x11;</a>".encode(), refused="entit"),
    Hostile(
        "one-line.txt",
        lambda: (PROSE * (5_000_000 // len(PROSE))).encode(),
        holds="waits for a fish",
    ),
    Hostile("deep.json", lambda: b"[" * 100_000 + b"]" * 100_000, refused="nested"),
    # What a person could have
    Hostile("blank-pages.pdf", lambda: blank_pages(8_000), holds="The last page"),
    Hostile("styled-rows.xlsx", lambda: styled_rows(30_000), holds="name: a"),
    Hostile("nested-divs.html", lambda: b"<div>" * 200_000 + PROSE.encode(), holds="The heron"),
    Hostile(
        "unclosed-comments.html",
        lambda: b"<p>" + PROSE.encode() + b"<!-- x" * 100_000,
        holds="The heron",
    ),
    Hostile(
        "laughs.svg", lambda: f"{LAUGHS}<svg><text>&x11;</text></svg>".encode(), refused="entit"
    ),
    Hostile(
        "laughs-in-relations.docx",
        lambda: office(
            "docx",
            word___rels__document_dot_xml_dot_rels=f"{LAUGHS}<Relationships>&x11;</Relationships>".encode(),
        ),
        refused=".",
    ),
    Hostile("looping.epub", looping_book, holds="The heron stands"),
    Hostile("nested.eml", lambda: nested_mail(1000), refused="."),
    Hostile("nested-a-little.eml", lambda: nested_mail(20), holds="The heron"),
    Hostile(
        "picture.ipynb",
        lambda: notebook_with_picture(8_000_000),
        holds="The heron",
        never="AAAAAAA",
    ),
    Hostile(
        "long-cell.csv", lambda: b'a,b\n1,"' + (PROSE * 30_000).encode() + b'"\n', holds="The heron"
    ),
    Hostile("gzip.pdf", lambda: gzip.compress(PROSE.encode()), refused="gzip archive"),
    Hostile(
        "absolute.zip",
        lambda: zipped({"/etc/passwd": b"x", "../../x": b"y"}),
        refused="zip archive",
    ),
    Hostile("locked.docx", lambda: old_office("EncryptedPackage"), refused="Password-protected"),
    Hostile("old.doc", lambda: old_office("WordDocument"), refused="Save it as .docx"),
    Hostile(
        "binary.xlsb",
        lambda: zipped({"[Content_Types].xml": b"<Types/>", "xl/workbook.bin": b"\x00"}),
        refused="Save it as .xlsx",
    ),
    Hostile("utf-32.txt", lambda: (CHINESE * 3).encode("utf-32-le"), holds=CHINESE),
    Hostile("utf-7.eml", lambda: mail_in("utf-7", CHINESE), holds=CHINESE),
    Hostile("hz.eml", lambda: mail_in("hz", CHINESE), holds=CHINESE),
    Hostile("half-and-half.log", half_and_half, holds="每天凌晨三点"),
    Hostile("half-and-half-2.log", half_and_half, holds=CHINESE),
    Hostile(
        "misdeclared.html",
        lambda: b'<meta charset="utf-8"><p>' + "Größe über alles, señor café".encode("cp1252"),
        holds="Größe über alles, señor café",
    ),
    Hostile(
        "._report.docx",
        lambda: b"\x00\x05\x16\x07\x00\x02\x00\x00Mac OS X" + bytes(100),
        left_out=True,
    ),
    Hostile("~$report.docx", lambda: b"\x05Admin" + bytes(150), left_out=True),
    Hostile(
        "page.mht",
        lambda: (
            b"From: <Saved by Blink>\nSubject: =?utf-8?Q?x?=\nMIME-Version: 1.0\n"
            b'Content-Type: multipart/related; type="text/html"; boundary="b"\n\n--b\n'
            b"Content-Type: text/html\n"
            b"Content-Transfer-Encoding: quoted-printable\n\n<p>The heron =\nstands</p>\n--b--\n"
        ),
        holds="The heron stands",
        never="=\n",
    ),
    Hostile(
        "drawing.eps",
        lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n0 0 moveto 9 9 lineto stroke\n" * 30,
        refused="PostScript",
    ),
    Hostile(
        "backup.tar",
        lambda: b"a.txt".ljust(257, b"\0") + b"ustar\x0000" + bytes(300),
        refused="tar archive",
    ),
    Hostile(
        "letter.pages",
        lambda: zipped({"Index/Document.iwa": b"\0\1", "preview.jpg": b""}),
        refused="Export it",
    ),
    Hostile(
        "web.doc",
        lambda: b"<html xmlns:o='x'><body><p>The heron stands</body></html>",
        holds="The heron",
    ),
    Hostile(
        "export.xls",
        lambda: b"<table><tr><td>name</td><td>n</td></tr><tr><td>heron</td><td>3</td></tr></table>",
        holds="heron",
        never="<td>",
    ),
    Hostile("many-comments.txt", lambda: b"<!---->" * 100_000 + PROSE.encode(), holds="The heron"),
    Hostile("quotes.csv", lambda: b'"' * 500_001 + b"\nheron,2\n", holds="heron"),
    Hostile(
        "braces.rtf",
        lambda: b"{\\rtf1 " + b"{" * 200_000 + b"The heron" + b"}" * 200_001,
        holds="The heron",
    ),
    Hostile(
        "columns.xlsx",
        lambda: office(
            "xlsx",
            xl__worksheets__sheet1_dot_xml=b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
            b'<row r="1"><c r="XFD1" t="inlineStr"><is><t>heron</t></is></c></row>'
            b"</sheetData></worksheet>",
        ),
        holds="heron",
    ),
    Hostile(
        "repeated.ods",
        lambda: office(
            "ods",
            content_dot_xml=containers()["ods"]["content.xml"]
            .replace(b'number-rows-repeated="3"', b'number-rows-repeated="1048576"')
            .replace(b'number-columns-repeated="2"', b'number-columns-repeated="16384"'),
        ),
        holds="name",
    ),
)
