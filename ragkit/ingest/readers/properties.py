"""Title, author and date out of an Office file's properties."""

from __future__ import annotations

import re
import zipfile

from ragkit.errors import IngestError
from ragkit.ingest.readers.content import Metadata, one_line
from ragkit.ingest.readers.dates import iso_day
from ragkit.ingest.readers.xml import parse_xml

__all__ = ["core_properties"]

_MEMBERS = ("docProps/core.xml", "meta.xml")
_DC = "{http://purl.org/dc/elements/1.1/}"
_DATES = (
    "{http://purl.org/dc/terms/}modified",
    "{http://purl.org/dc/terms/}created",
    f"{_DC}date",
)
_TEMPLATE_DATES = ("2013-12-23", "2013-01-27")  # of python-docx's and python-pptx's templates
# What programs and converters fill in when nobody did.
_NO_TITLE = re.compile(
    r"(powerpoint|word|excel)? ?(presentation|document|workbook|slide ?\d*|untitled.*|title|"
    r"演示文稿|文档|无标题|幻灯片 ?\d*)?$",
    re.I,
)
_NO_AUTHOR = re.compile(
    r"(python-docx|openpyxl|xlsxwriter|un-?named|unknown|author|user|admin|administrator|microsoft "
    r"office.*|apache poi|docx4j|steve canny)?$",
    re.I,
)


def core_properties(archive: zipfile.ZipFile) -> Metadata:
    """Return ``title``, ``author`` and ``date`` (ISO 8601, a day) of an Office or ODF file.

    Values that programs fill in by default are left out. Read here rather than through
    python-docx or python-pptx, which invent properties, dated today, where a file has none.
    """
    names = archive.namelist()
    member = next((name for name in _MEMBERS if name in names), None)
    if member is None:
        return {}
    try:
        root = parse_xml(archive.read(member), recover=True)
    except IngestError:
        return {}  # damaged properties do not cost the text
    title = one_line(root.findtext(f".//{_DC}title") or "")[:500]
    author = one_line(root.findtext(f".//{_DC}creator") or "")[:500]
    stamps = (root.findtext(f".//{name}") or "" for name in _DATES)
    days = (day for day in map(iso_day, stamps) if day not in _TEMPLATE_DATES)
    date = next(filter(None, days), "")
    fields = {
        "title": "" if _NO_TITLE.match(title) else title,
        "author": "" if _NO_AUTHOR.match(author) else author,
        "date": date,
    }
    return {key: value for key, value in fields.items() if value}
