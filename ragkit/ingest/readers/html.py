"""HTML to Markdown-like text: headings, lists, code and tables stay, page furniture goes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

from ragkit.ingest.readers.blocks import BLOCK_TAGS, HEADINGS, Blocks
from ragkit.ingest.readers.content import Content, Metadata, clean, one_line
from ragkit.ingest.readers.dates import iso_day
from ragkit.ingest.readers.tables import table_text

__all__ = ["charset_of", "element_text", "read_html"]

_CHARSET = re.compile(
    rb"""<(?:meta|\?xml)[^>]{0,300}?(?:charset|encoding)\s*=\s*["']?\s*([\w.:-]+)""", re.I
)
_NEVER = frozenset(
    "script style noscript template svg annotation iframe object embed applet canvas audio video "
    "head datalist".split()
)
_FURNITURE = frozenset("nav menu button dialog".split())
_FURNITURE_ROLES = frozenset("navigation search menu menubar dialog alertdialog".split())
_CONSENT = re.compile(r"cookie|consent|gdpr|ccpa|onetrust|didomi|truste", re.I)
_CONSENT_LENGTH = 3000
_META = {
    "author": "author", "article:author": "author", "dc.creator": "author",
    "citation_author": "author", "date": "date", "article:published_time": "date",
    "dc.date": "date", "dcterms.created": "date", "citation_publication_date": "date",
    "og:url": "url",
}  # fmt: skip
_HIDDEN = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.I)


def charset_of(data: bytes) -> str | None:
    """Return the encoding that an HTML or XML file declares in its first bytes, if any."""
    found = _CHARSET.search(data[:4096])
    return found[1].decode("ascii", errors="ignore") if found else None


def read_html(text: str) -> Content:
    """Return the main text of a page, with title, author, date and address where it names them.

    Scripts and styles never come out. Navigation, dialogs and cookie banners are left out,
    unless nothing else is there.
    """
    root = parse_html(text)
    if root is None:
        return Content.of(_stripped(text), {"markup": "text"})
    body = element_text(root) or element_text(root, furniture=True)
    return Content.of(body, _head(root) | {"markup": "markdown"})


def parse_html(text: str) -> Any:
    """Return the root element of ``text``, or None where it holds none or nests too deeply."""
    from lxml import etree

    # Without huge_tree, libxml2 silently stops at 256 nested elements; with it, at 2,048.
    parser = etree.HTMLParser(
        encoding="utf-8", huge_tree=True, no_network=True, remove_comments=True, remove_pis=True
    )
    data = clean(text).encode("utf-8", errors="replace")
    try:
        root = etree.fromstring(data, parser) if data.strip() else None
    except etree.XMLSyntaxError:
        return None  # nothing but comments
    cut_short = any("xcessive depth" in error.message for error in parser.error_log)
    return None if cut_short else root


def _stripped(text: str) -> str:
    """Return ``text`` without tags, scripts and styles, for pages that no tree can hold."""
    pieces: list[str] = []
    hidden = 0

    class Stripper(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            nonlocal hidden
            hidden += tag in _NEVER
            pieces.append("\n" if tag in BLOCK_TAGS or tag in HEADINGS else "")

        def handle_endtag(self, tag: str) -> None:
            nonlocal hidden
            hidden = max(0, hidden - (tag in _NEVER))

        def handle_data(self, data: str) -> None:
            pieces.append("" if hidden else data)

    stripper = Stripper()
    stripper.feed(text)
    stripper.close()
    lines = (one_line(line) for line in "".join(pieces).split("\n"))
    return "\n".join(filter(None, lines))


def _head(root: Any) -> Metadata:
    metadata: Metadata = {}
    for element in root.iter("title"):
        if title := one_line("".join(element.itertext())):
            metadata["title"] = title[:500]
        break
    if "title" not in metadata:
        for element in root.iter("h1"):
            if title := one_line("".join(element.itertext())):
                metadata["title"] = title[:500]
                break
    for element in root.iter("meta"):
        key = (element.get("name") or element.get("property") or "").lower()
        value = one_line(element.get("content") or "")
        if key in _META and value:
            day = iso_day(value) if _META[key] == "date" else ""
            metadata.setdefault(_META[key], day or value[:500])
    for element in root.iter("link"):
        href = (element.get("href") or "").strip()
        if element.get("rel") == "canonical" and href.startswith(("http://", "https://")):
            metadata.setdefault("url", href[:500])
    return metadata


def element_text(root: Any, *, furniture: bool = False) -> str:
    """Return the readable text below ``root``; with ``furniture`` also navigation and banners."""
    lines = Blocks()
    for step, element, tag in _walk(root, furniture):
        if step == "table":
            lines.block(_table(element, furniture))
        elif step == "pre":
            lines.block(_preformatted(element))
        elif step == "start":
            lines.start(tag)
        elif step == "end":
            lines.end(tag)
        else:
            lines.inline(element)
    return lines.text()


def _walk(root: Any, furniture: bool) -> Iterator[tuple[str, Any, str]]:
    """Yield start, end, text, table and pre steps in document order, without recursion."""
    stack: list[tuple[str, Any]] = [("open", root)]
    while stack:
        step, item = stack.pop()
        if step == "text":
            yield "text", item, ""
            continue
        tag = _tag(item)
        if step == "close":
            yield "end", item, tag
            continue
        if not tag or _is_left_out(item, tag, furniture):
            continue
        if tag == "pre" or (tag == "table" and not _is_layout(item)):
            yield tag, item, tag
            continue
        yield "start", item, tag
        stack.append(("close", item))
        for child in reversed(item):
            if child.tail:
                stack.append(("text", child.tail))
            stack.append(("open", child))
        if item.text:
            stack.append(("text", item.text))


def _tag(element: Any) -> str:
    """Return an element's name without namespace; empty for comments and the like."""
    tag = element.tag
    return tag.rpartition("}")[2].lower() if isinstance(tag, str) else ""


def _is_left_out(element: Any, tag: str, furniture: bool) -> bool:
    if tag in _NEVER:
        return True
    if "hidden" in element.attrib or _HIDDEN.search(element.get("style") or ""):
        return True
    if furniture or tag in ("html", "body", "main", "article"):
        return False
    if tag in _FURNITURE or element.get("role") in _FURNITURE_ROLES:
        return True
    names = f"{element.get('id') or ''} {element.get('class') or ''}"
    return bool(_CONSENT.search(names)) and _length(element) < _CONSENT_LENGTH


def _length(element: Any) -> int:
    total = 0
    for text in element.itertext():
        total += len(text)
        if total >= _CONSENT_LENGTH:
            break
    return total


def _is_layout(table: Any) -> bool:
    """Tell tables that only place things on the page from tables of data."""
    if any(_tag(e) in ("table", "h1", "h2", "h3", "pre") for e in table.iterdescendants("*")):
        return True
    rows = _rows(table, furniture=True)
    return not rows or max(map(len, rows)) < 2


def _rows(table: Any, furniture: bool) -> list[list[str]]:
    rows = []
    for row in table.iter("tr", "{*}tr"):
        cells: list[str] = []
        for cell in row:
            if _tag(cell) in ("td", "th"):
                cells.append(one_line(element_text(cell, furniture=furniture)))
                span = cell.get("colspan") or ""
                cells.extend([""] * (min(int(span), 100) - 1 if span.isdecimal() else 0))
        rows.append(cells)
    return rows


def _table(table: Any, furniture: bool) -> str:
    rows = _rows(table, furniture)
    first = next(table.iter("tr", "{*}tr"), None)
    cells = [] if first is None else [_tag(c) for c in first if _tag(c) in ("td", "th")]
    has_header = len(rows) > 1 and bool(cells) and all(tag == "th" for tag in cells)
    captions = (one_line("".join(c.itertext())) for c in table.iter("caption", "{*}caption"))
    return "\n".join(filter(None, [*captions, table_text(rows, header=has_header or None)]))


def _preformatted(element: Any) -> str:
    code = "".join(element.itertext()).strip("\n")
    return f"```\n{code}\n```" if code.strip() else ""
