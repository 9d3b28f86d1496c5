"""EPUB books: the chapters of the spine, in reading order."""

from __future__ import annotations

import io
import posixpath
import re
import zipfile
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import unquote

from ragkit.errors import IngestError
from ragkit.ingest.readers.content import Content, Metadata, one_line
from ragkit.ingest.readers.dates import iso_day
from ragkit.ingest.readers.encoding import charset_of, decode
from ragkit.ingest.readers.html import element_text, parse_html
from ragkit.ingest.readers.xml import parse_xml
from ragkit.ingest.readers.xml_entities import by_number

__all__ = ["read_epub"]

_CONTAINER = "META-INF/container.xml"
_ENCRYPTION = "META-INF/encryption.xml"
_NAMED = re.compile(rb"&([A-Za-z][A-Za-z0-9]{1,31});")
_DECLARATIONS = re.compile(r"<!DOCTYPE[^\[>]*+\[[^\]]*+\]\s*>", re.I)
_HEAD = 4000  # characters in which declarations stand
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
        text = ""
        for order in (_spine(package), _manifest(package)):
            text = text or _chapters(archive, _members(order, path, names))
        if not text and _ENCRYPTION in names:
            raise IngestError("EPUB with copy protection (DRM).")
    return Content.of(text, _properties(package))


def _spine(package: Any) -> Iterator[Any]:
    """Yield the items of the package that hold the chapters, in reading order."""
    items = {item.get("id"): item for item in package.iterfind(".//{*}manifest/{*}item")}
    for reference in package.iterfind(".//{*}spine/{*}itemref"):
        item = items.get(reference.get("idref"))
        if item is not None:
            yield item


def _manifest(package: Any) -> Iterator[Any]:
    """Yield the pages of a package whose spine leads nowhere."""
    for item in package.iterfind(".//{*}manifest/{*}item"):
        if "html" in (item.get("media-type") or ""):
            yield item


def _members(items: Iterable[Any], path: str, names: Iterable[str]) -> Iterator[str]:
    """Yield the members of the zip that ``items`` name; navigation is left out."""
    there = {name.lower(): name for name in names} | {name: name for name in names}
    seen: set[str] = set()
    for item in items:
        if "nav" in (item.get("properties") or "").split():
            continue
        href = unquote((item.get("href") or "").partition("#")[0])
        name = posixpath.normpath(posixpath.join(posixpath.dirname(path), href))
        found = there.get(name) or there.get(name.lower())
        if found and found not in seen:  # a spine that goes in circles repeats a book without end
            seen.add(found)
            yield found


def _chapters(archive: zipfile.ZipFile, names: Iterable[str]) -> str:
    return "\n\n".join(filter(None, (_chapter(archive.read(name)) for name in names)))


def _numbered(entity: re.Match[bytes]) -> bytes:
    return by_number(entity[1].decode()).encode() or entity[0]


def _chapter(data: bytes) -> str:
    """Return a chapter's text: as XHTML, or as HTML where it is not well-formed."""
    try:
        root = parse_xml(_NAMED.sub(_numbered, data))
    except IngestError:
        text = decode(data, declared=charset_of(data)).text
        root = parse_html(_DECLARATIONS.sub("", text[:_HEAD]) + text[_HEAD:])
    return "" if root is None else element_text(root, furniture=True)


def _properties(package: Any) -> Metadata:
    metadata: Metadata = {"markup": "markdown"}
    for name, key in (("title", "title"), ("creator", "author"), ("date", "date")):
        value = one_line(package.findtext(f".//{_DC}{name}") or "")[:500]
        if value:
            metadata[key] = (iso_day(value) or value) if key == "date" else value
    return metadata
