"""HTML to Markdown-like text: headings, lists, code and tables stay, page furniture goes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Set
from html import unescape
from typing import Any

from ragkit.ingest.readers.blocks import BLOCK_TAGS, HEADINGS, Blocks
from ragkit.ingest.readers.content import Content, Metadata, clean, one_line
from ragkit.ingest.readers.dates import iso_day
from ragkit.ingest.readers.furniture import find_furniture
from ragkit.ingest.readers.sizes import SILENT_TAGS, tag_of
from ragkit.ingest.readers.tables import spread, table_text

__all__ = ["element_text", "read_html"]

# A comment or declaration that never ends goes on to the end of the page; so does a script or
# style, in which a tag is no tag.
_TAG = re.compile(
    r"<!--.*?(?:-->|\Z)"
    r"|<(?P<raw>script|style)(?![\w:-])[^<>]*+(?:(?<=/)>|>.*?(?:</(?P=raw)(?![\w:-])[^<>]*+(?:>|\Z)|\Z)|\Z)"
    r"|<(?P<closing>/?)(?P<name>[a-z][\w:-]*+)[^<>]*+(?:>|\Z)|<[!?/][^>]*+(?:>|\Z)",
    re.S | re.I,
)
_SILENT = SILENT_TAGS - {"head"} | {"title"}  # the end of the head may be left out
_META = {
    "author": "author", "article:author": "author", "dc.creator": "author",
    "citation_author": "author", "date": "date", "article:published_time": "date",
    "dc.date": "date", "dcterms.created": "date", "citation_publication_date": "date",
    "og:url": "url",
}  # fmt: skip
# A space in a word of a script without any: there only since the source broke the line.
_GAP = re.compile("(?<![!-~À-ɏ]) | (?![!-~À-ɏ])")
_MARK = re.compile(r"\d{1,3}|[*†‡§]{1,3}")
_KINDS = ("role", "epub:type", "{http://www.idpf.org/2007/ops}type")  # of links, as of all else
_FRAMES = ("iframe", "noframes")  # which may hold a page in their text
_HIDDEN = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.I)


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
    """Return ``text`` without tags, scripts and styles, for pages that no tree can hold.

    Linear in the text, which Python's own ``HTMLParser`` is not on broken tags and comments.
    """
    pieces: list[str] = []
    at = 0
    silent, depth = "", 0  # the element whose text is not shown, and how often it is open
    for found in _TAG.finditer(text):
        if not silent:
            pieces.append(text[at : found.start()])
        at = found.end()
        tag = (found["name"] or "").lower()
        if silent:
            depth += (tag == silent) * (-1 if found["closing"] else 1)
            silent = silent if depth else ""
        elif tag in _SILENT and not found["closing"] and not found[0].endswith("/>"):
            silent, depth = tag, 1
        elif tag in BLOCK_TAGS or tag in HEADINGS or tag == "br":
            pieces.append("\n")
    if not silent:
        pieces.append(text[at:])
    lines = (one_line(line) for line in unescape("".join(pieces)).split("\n"))
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
    return _text(root, frozenset() if furniture else find_furniture(root))


def _text(root: Any, left_out: Set[Any]) -> str:
    lines = Blocks()
    for step, element, tag in _walk(root, left_out):
        if step == "table":
            lines.block(_table(element, left_out))
        elif step == "pre":
            lines.block(_preformatted(element))
        elif step == "ruby":
            lines.inline(_annotated(element))
        elif step in _FRAMES:
            inner = parse_html(_framed(element))
            lines.block("" if inner is None else element_text(inner))
        elif step == "start":
            kind = (element.get("type") or "").strip() if tag == "ol" else ""
            lines.start(tag, number=_number(element, tag), kind=kind)
        elif step == "end":
            lines.end(tag)
        else:
            lines.inline(element)
    return lines.text()


def _number(element: Any, tag: str) -> int | None:
    name = {"ol": "start", "li": "value"}.get(tag)
    value = (element.get(name) or "").strip() if name else ""
    return int(value) if value.isdecimal() and len(value) < 10 else None


def _walk(root: Any, left_out: Set[Any]) -> Iterator[tuple[str, Any, str]]:
    """Yield start, end, text, table and pre steps in document order, without recursion."""
    stack: list[tuple[str, Any]] = [("open", root)]
    while stack:
        step, item = stack.pop()
        if step == "text":
            yield "text", item, ""
            continue
        tag = tag_of(item)
        if step == "close":
            yield "end", item, tag
            continue
        if not tag or item in left_out or (_is_hidden(item, tag) and not _framed(item)):
            continue
        if tag == "ruby" or (tag in _FRAMES and _framed(item)):
            yield tag, item, tag
            continue
        if tag in ("sup", "a") and (mark := _note_mark(item, tag)):
            yield "text", f"[{mark}]", ""
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


def _framed(element: Any) -> str:
    """Return the page that an element holds as text; empty for elements that hold none."""
    tag = tag_of(element)
    if tag not in _FRAMES or "hidden" in element.attrib:
        return ""
    return (element.get("srcdoc") or "") if tag == "iframe" else element.text or ""


def _note_mark(element: Any, tag: str) -> str:
    """Return the mark that links to a note, which would else be part of the word before it.

    It is raised, or says what it is (DPUB-ARIA 1.0, EPUB 3 structural semantics).
    """
    inside = element[0] if len(element) == 1 and not (element.text or "").strip() else None
    link = element if tag == "a" else inside
    raised = inside is not None and tag_of(inside) == {"sup": "a", "a": "sup"}[tag]
    kinds = (element.get(name) or "" for name in _KINDS)
    said = tag == "a" and not {"noteref", "doc-noteref"}.isdisjoint(" ".join(kinds).split())
    if link is None or not (raised or said) or "#" not in (link.get("href") or ""):
        return ""
    mark = one_line("".join(element.itertext()))
    return mark if _MARK.fullmatch(mark) else ""


def _annotated(ruby: Any) -> str:
    """Return a word and behind it, in brackets, how it is read, so that it stays one word."""
    word: list[str] = [ruby.text or ""]
    reading: list[str] = []
    for part in ruby:
        tag = tag_of(part)
        if tag in ("rt", "rtc"):
            reading.append("".join(part.itertext()))
        elif tag != "rp":
            word.append("".join(part.itertext()) if tag else "")
        word.append(part.tail or "")
    said = _GAP.sub("", one_line("".join(reading)))
    return _GAP.sub("", one_line("".join(word))) + (f"({said})" if said else "")


def _is_hidden(element: Any, tag: str) -> bool:
    if tag in SILENT_TAGS or "hidden" in element.attrib:
        return True
    return _HIDDEN.search(element.get("style") or "") is not None


def _is_layout(table: Any) -> bool:
    """Tell tables that only place things on the page from tables of data."""
    if any(tag_of(e) in ("table", "h1", "h2", "h3", "pre") for e in table.iterdescendants("*")):
        return True
    rows = _rows(table, frozenset())
    return not rows or max(map(len, rows)) < 2


def _rows(table: Any, left_out: Set[Any]) -> list[list[str]]:
    rows = []
    hanging: dict[int, tuple[int, str]] = {}
    for row in _shown_rows(table):
        cells = [
            (one_line(_text(cell, left_out)), _span(cell, "colspan"), _span(cell, "rowspan"))
            for cell in row
            if tag_of(cell) in ("td", "th")
        ]
        rows.append(spread(cells, hanging))
    return rows


def _shown_rows(table: Any) -> Iterator[Any]:
    """Yield the rows of a table without those that are hidden, alone or with their group."""
    groups: dict[Any, bool] = {}
    for row in table.iter("tr", "{*}tr"):
        group = row.getparent()
        if group not in groups:
            groups[group] = group is not table and _is_hidden(group, tag_of(group))
        if not groups[group] and not _is_hidden(row, "tr"):
            yield row


def _span(cell: Any, name: str) -> int:
    value = (cell.get(name) or "").strip()
    return int(value) if value.isdecimal() and len(value) < 6 else 1


def _table(table: Any, left_out: Set[Any]) -> str:
    rows = _rows(table, left_out)
    captions = (one_line("".join(c.itertext())) for c in table.iter("caption", "{*}caption"))
    text = table_text(rows, header=_header_rows(table, len(rows)), form=True)
    return "\n".join(filter(None, [*captions, text]))


def _header_rows(table: Any, rows: int) -> int | None:
    """Return how many rows at the top hold nothing but header cells; None where it is not said.

    Where each row begins with a header cell, the table may have no other: then it has none.
    """
    count = 0
    beside = 0
    for number, row in enumerate(_shown_rows(table)):
        tags = [tag_of(cell) for cell in row if tag_of(cell) in ("td", "th")]
        if count == number and tags and all(tag == "th" for tag in tags):
            count += 1
        beside += tags[:1] == ["th"] and "td" in tags
    if 0 < count < rows:
        return count
    return 0 if beside == rows else None


def _preformatted(element: Any) -> str:
    code = "".join(element.itertext()).strip("\n")
    return f"```\n{code}\n```" if code.strip() else ""
