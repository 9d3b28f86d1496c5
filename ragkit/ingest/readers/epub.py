"""EPUB books: the chapters of the spine, in reading order."""

from __future__ import annotations

import io
import posixpath
import zipfile
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

from ragkit.errors import IngestError
from ragkit.ingest.readers.content import Content, Metadata, one_line
from ragkit.ingest.readers.dates import iso_day
from ragkit.ingest.readers.encoding import decode
from ragkit.ingest.readers.html import charset_of, element_text, parse_html
from ragkit.ingest.readers.xml import parse_xml

__all__ = ["read_epub"]

_CONTAINER = "META-INF/container.xml"
_ENCRYPTION = "META-INF/encryption.xml"
_DC = "{http://purl.org/dc/elements/1.1/}"


def read_epub(data: bytes) -> Content:
    """Return a book as Markdown-like text, with title, author and date from its package file."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        names = set(archive.namelist())
        if _CONTAINER not in names:
            raise IngestError("Damaged EPUB: it has no container file.")
        container = parse_xml(archive.read(_CONTAINER))
        rootfile = container.find(".//{*}rootfile")
        path = "" if rootfile is None else unquote(rootfile.get("full-path") or "")
        if path not in names:
            raise IngestError("Damaged EPUB: its package file is missing.")
        package = parse_xml(archive.read(path), recover=True)
        chapters = [_chapter(archive.read(name)) for name in _spine(package, path) if name in names]
        text = "\n\n".join(filter(None, chapters))
        if not text and _ENCRYPTION in names:
            raise IngestError("EPUB with copy protection (DRM).")
    return Content.of(text, _properties(package))


def _spine(package: Any, path: str) -> Iterator[str]:
    """Yield the members of the zip that hold the chapters, in order; navigation is left out."""
    items = {item.get("id"): item for item in package.iterfind(".//{*}manifest/{*}item")}
    seen: set[str] = set()
    for reference in package.iterfind(".//{*}spine/{*}itemref"):
        item = items.get(reference.get("idref"))
        if item is None or "nav" in (item.get("properties") or "").split():
            continue
        href = unquote((item.get("href") or "").partition("#")[0])
        name = posixpath.normpath(posixpath.join(posixpath.dirname(path), href))
        if name not in seen:  # a spine that goes in circles repeats a book without end
            seen.add(name)
            yield name


def _chapter(data: bytes) -> str:
    """Return a chapter's text: as XHTML, or as HTML where it is not well-formed."""
    try:
        root = parse_xml(data)
    except IngestError:
        root = parse_html(decode(data, declared=charset_of(data)).text)
    return "" if root is None else element_text(root, furniture=True)


def _properties(package: Any) -> Metadata:
    metadata: Metadata = {"markup": "markdown"}
    for name, key in (("title", "title"), ("creator", "author"), ("date", "date")):
        value = one_line(package.findtext(f".//{_DC}{name}") or "")[:500]
        if value:
            metadata[key] = (iso_day(value) or value) if key == "date" else value
    return metadata
