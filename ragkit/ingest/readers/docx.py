"""Word documents: paragraphs, headings, lists, tables, text boxes and notes, in reading order.

python-docx opens the package and knows the styles; the text is read from its XML, because its
paragraphs leave out text boxes, content controls, tracked insertions and equations.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

from ragkit.errors import IngestError
from ragkit.ingest.readers.blocks import joined
from ragkit.ingest.readers.charts import drawn_texts
from ragkit.ingest.readers.content import Content, Limits, one_line
from ragkit.ingest.readers.docx_blocks import Story, blocks, heading_levels
from ragkit.ingest.readers.docx_numbers import Numbering
from ragkit.ingest.readers.inner import Allowance, inner_text
from ragkit.ingest.readers.properties import core_properties
from ragkit.ingest.readers.relations import related_parts
from ragkit.ingest.readers.running import only_counts_pages

__all__ = ["read_docx"]

_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_DEEPEST = 3


class _Inside(NamedTuple):
    """How many levels of documents in documents are still read, and how much of them."""

    depth: int
    allowance: Allowance


def read_docx(data: bytes, *, depth: int = _DEEPEST, allowance: Allowance | None = None) -> Content:
    """Return a Word document as Markdown-like text.

    Footnotes, endnotes, charts, comments, and headers and footers, each once, come last. Of
    documents in documents ``depth`` levels are read, as far as ``allowance`` goes.
    """
    import docx

    document = docx.Document(io.BytesIO(data))
    part = document.part
    styles = document.styles.element
    inside = _Inside(depth, allowance or Allowance())
    story = Story(heading_levels(styles), _numbering(part, styles), partial(_chunk, part, inside))
    found = list(blocks(document.element.body, story))
    found.extend(_beside(part, story, inside, "footnotes", "endnotes"))
    found.extend((text, 0) for text in drawn_texts(part, charts=True))
    found.extend(_beside(part, story, inside, "comments"))
    plain = replace(story, levels={})
    running = (text for text, _ in _beside(part, plain, inside, "header", "footer"))
    found.extend((text, 0) for text in dict.fromkeys(running) if not only_counts_pages(text))
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        metadata = core_properties(archive) | {"markup": "markdown"}
    if "title" not in metadata:
        title = next((text for text, level in found if level == 1), None)
        if title:
            metadata["title"] = one_line(title.lstrip("# "))[:500]
    return Content.of(joined((text, level == -1) for text, level in found), metadata)


def _numbering(part: Any, styles: Any) -> Numbering:
    from ragkit.ingest.readers.xml import parse_xml

    for _, numbering in related_parts(part, "numbering"):
        with suppress(IngestError):
            return Numbering(parse_xml(numbering.blob), styles)
    return Numbering(None, styles)


def _chunk(part: Any, inside: _Inside, relationship: str) -> str:
    """Return the text in another format that converters leave in a document (altChunk)."""
    relation = part.rels.get(relationship)
    if relation is None or relation.is_external:
        return ""
    chunk = relation.target_part
    read = partial(_read_chunk, media_type=chunk.content_type, inside=inside)
    text, reason = inner_text(read, chunk.blob, inside.allowance)
    return f"[A part of this document was not read: {reason}]" if reason else text


def _read_chunk(data: bytes, media_type: str, inside: _Inside) -> Content:
    from ragkit.ingest.readers.encoding import charset_of, decode
    from ragkit.ingest.readers.html import read_html
    from ragkit.ingest.readers.mail import read_web_archive
    from ragkit.ingest.readers.rtf import read_rtf
    from ragkit.ingest.readers.text import read_plain

    if re.match(rb"\s*(?:MIME-Version|From|Content-Type):", data, re.I):
        return read_web_archive(data)
    if data.lstrip(b"\xef\xbb\xbf\xff\xfe\0 \r\n\t").startswith(b"<"):
        return read_html(decode(data, declared=charset_of(data)).text)
    if data.startswith(b"{\\rtf"):
        return read_rtf(data)
    if data.startswith(b"PK"):
        return _read_inner_document(data, inside)
    if media_type == "text/plain":
        return read_plain(decode(data).text)
    raise IngestError(f"Its format is not known ({one_line(media_type)[:60]}).")


def _read_inner_document(data: bytes, inside: _Inside) -> Content:
    from ragkit.ingest.readers.ooxml import as_usual
    from ragkit.ingest.readers.sniff import binary_format

    if inside.depth <= 1:
        raise IngestError("Documents in documents stand too deep.")
    if binary_format(data, "docx", Limits()) != "docx":
        raise IngestError("It is no Word document.")
    return read_docx(as_usual(data), depth=inside.depth - 1, allowance=inside.allowance)


def _beside(part: Any, story: Story, inside: _Inside, *kinds: str) -> Iterator[tuple[str, int]]:
    """Yield the blocks of the notes, comments, headers or footers that belong to ``part``."""
    from ragkit.ingest.readers.xml import parse_xml

    for _, beside in related_parts(part, *kinds):
        with suppress(IngestError):
            root = parse_xml(beside.blob)
            story = replace(story, chunk=partial(_chunk, beside, inside))
            plain = replace(story, levels={})
            if root.tag in (_W + "hdr", _W + "ftr"):
                yield from blocks(root, story)
            for note in root.iterchildren(_W + "footnote", _W + "endnote"):
                if note.get(_W + "type") in (None, "normal"):
                    yield from blocks(note, story)
            for comment in root.iterchildren(_W + "comment"):
                author = one_line(comment.get(_W + "author") or "")
                if said := " ".join(text for text, _ in blocks(comment, plain)):
                    yield f"Comment ({author}): {said}" if author else f"Comment: {said}", 0
