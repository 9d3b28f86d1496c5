"""Plain text, Markdown, reStructuredText, source code and subtitles."""

from __future__ import annotations

import re
from heapq import merge

from ragkit.ingest.readers.content import Content, Metadata, clean, one_line

__all__ = ["first_heading", "read_markdown", "read_plain", "read_rst", "read_subtitles"]

_ATX = re.compile(r"^ {0,3}#[ \t]++(\S.*)$", re.M)
_SETEXT = re.compile(r"^(\S.*)\n=+[ \t]*$", re.M)
_FENCE = re.compile(r"^ {0,3}(`{3,}+(?![^\n]*`)|~{3,}+).*?(?:^ {0,3}\1|\Z)", re.M | re.S)
_RST_TITLE = r"(?m)^(?:([=~#*^\"'-])\1{2,}\n)?[ \t]*(\S.*)\n([=~#*^\"'-])\3{2,}[ \t]*$"
_HEAD = 20_000


def read_plain(text: str) -> Content:
    """Return text, source code, configuration or a log as it is."""
    return Content.of(text, {"markup": "text"})


def read_markdown(text: str) -> Content:
    """Return Markdown as it is, but for tables, whose rows are named by their header.

    Title and more come from front matter or the first heading.
    """
    text = clean(text)
    metadata: Metadata = {"markup": "markdown"}
    head = text[:_HEAD]
    if head.startswith(("---", "+++")):
        from ragkit.ingest.readers.front_matter import front_matter

        fields, end = front_matter(head)
        metadata |= fields
        head = head[end:]
    if "title" not in metadata and (title := first_heading(head)):
        metadata["title"] = title[:500]
    return Content.of(_with_named_rows(text), metadata)


def _with_named_rows(text: str) -> str:
    if "|" not in text and "<" not in text:
        return text  # and holds no table
    from ragkit.ingest.readers.pipe_tables import with_named_rows

    return with_named_rows(text)


def first_heading(text: str) -> str:
    """Return the first heading of level one in Markdown outside code; empty without any."""
    if "```" in text or "~~~" in text:
        text = _FENCE.sub("", text)
    # Lazily, and only what can be there: the heading is mostly in the first line.
    found = [_ATX.finditer(text)] if "#" in text else []
    if "\n=" in text:
        found.append(_SETEXT.finditer(text))
    return next(filter(None, map(_heading, merge(*found, key=re.Match.start))), "")


def _heading(found: re.Match[str]) -> str:
    """Return a heading without the ``#`` that close it, which a space keeps apart: not "C#"."""
    text = one_line(found[1])
    bare = text.rstrip("#") if found.re is _ATX else text
    return bare.rstrip() if not bare or bare.endswith(" ") else text


def read_rst(text: str) -> Content:
    """Return reStructuredText as it is; its first section title is the title."""
    text = clean(text)
    metadata: Metadata = {"markup": "rst"}
    if found := re.search(_RST_TITLE, text[:_HEAD]):
        metadata["title"] = one_line(found[2])[:500]
    return Content.of(text, metadata)


# Compiled when a file needs them.
_CUE = r"(?m)^(?:\d+[ \t]*\n)?(?:\d+:)?\d\d?:\d\d[.,]\d{3}[ \t]*-->[ \t]*[\d:.,]+.*$"
# The header of WebVTT, and its blocks of styles, regions and comments (https://www.w3.org/TR/webvtt1/).
_VTT_HEAD = r"\A(?:[A-Za-z-]+: ?[^\n]*\n)+"
_VTT_BLOCK = r"(?:\A|(?<=\n\n))(?:STYLE|REGION|NOTE)\b[^\n]*(?:\n[^\n]+)*"
_TAG = r"</?[a-zA-Z][^>\n]{0,80}>|\{\\[^}\n]{0,80}\}"


def read_subtitles(text: str) -> Content:
    """Return the spoken lines of SRT or WebVTT, one cue a line, without numbers and times."""
    text = clean(text)
    if text.startswith("WEBVTT"):
        text = "\n\n" + re.sub(_VTT_HEAD, "", text.partition("\n")[2])
        text = re.sub(_VTT_BLOCK, "\n", text)
    cues = (one_line(re.sub(_TAG, "", cue)) for cue in re.split(_CUE, text))
    return Content.of("\n".join(filter(None, cues)), {"markup": "text"})
