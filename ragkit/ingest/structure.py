"""The headings, tables and literal blocks of a text, by its markup.

Only what carries an outline or must stay whole is marked; everything between two blocks is prose,
whose paragraphs, lists and fences ``ragkit.ingest.lines`` finds without knowing the markup.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, Literal, NamedTuple, get_args

from ragkit.ingest.lines import FRONT_MATTER

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

__all__ = ["Block", "Markup", "find_blocks"]

Markup = Literal["markdown", "rst", "text", "table"]

_SLAB = 500_000  # characters of Markdown parsed at once
_TITLE = 200  # characters of a heading that go into a heading path
_MARKDOWN_BREAK = re.compile(r"\r\n?|\n")  # as markdown-it counts lines
_NO_SETEXT = re.compile(r"\s*(?:[-*+>|]\s|\d+[.)]\s|:?-+:?\s*\|)")
# What may begin anything but a paragraph or a heading with ``#``: front matter, a fence, a tag or
# a row of a table; or be the line under a title. White space that is none of a line's.
_OPENS_MORE = r"[ \t]*(?:<|`{3}|~{3}|=+[ \t]*$|-+[ \t]*$)"
# Both with the line break before it, which is looked for much sooner than a line's start.
_MORE_THAN_ATX = re.compile(rf"\n(?:\ufeff?(?:---|\+\+\+)|{_OPENS_MORE})", re.M)
_ATX = re.compile(r"\n {0,3}(#{1,6})(?![^ \t\n])(.*)")
_ATX_CLOSE = re.compile(r"[ \t]#+[ \t]*$")
_MARKS = re.compile(r"[<\[{*`\\]")  # that a title may hold
_PUNCTUATION = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"

# Plain text: several numbers deep ("2.1 Scope"), or a word that only headings open with. One
# number alone, or 一、, may as well be an item of a list.
_NUMBERED = re.compile(r"(\d{1,2}(?:\.\d{1,2}){1,4})\.?\s+(?=[^\W\d_])")
_NAMED = re.compile(
    r"(?:(?P<part>第[一二三四五六七八九十百零\d]{1,5}[部篇编編卷]|(?i:part)\s[\dIVX]{1,5}\b)"
    r"|(?P<chapter>第[一二三四五六七八九十百零\d]{1,5}[章回]|附录|附錄"
    r"|(?i:chapter|appendix|kapitel|chapitre|capítulo|глава|anhang|annexe)\s(?:\d{1,3}|[A-Z]|[IVX]{1,5})\b)"
    r"|(?P<section>第[一二三四五六七八九十百零\d]{1,5}[节節]))"
)
_PLAIN_COLUMNS = 60


class Block(NamedTuple):
    """A span of the text: a heading of a ``level`` from 1 with its ``title``, a table, or code."""

    start: int
    end: int
    kind: Literal["heading", "table", "code"]
    level: int = 0
    title: str = ""


def find_blocks(text: str, markup: Markup) -> list[Block]:
    """Return the blocks of ``text`` in order; they begin and end at line ends and never overlap.

    Linear in ``len(text)``. Raises ValueError for an unknown markup.
    """
    if markup == "markdown":
        return _markdown(text) if _has_more_than_atx(text) else list(_atx(text))
    if markup == "rst":
        return list(_rst(text))
    if markup == "table":
        return [Block(0, len(text), "table")] if text else []
    if markup == "text":
        return list(_plain(text))
    raise ValueError(f"unknown markup {markup!r}; known are {', '.join(get_args(Markup))}")


def _has_more_than_atx(text: str) -> bool:
    if "|" in text or "\r" in text or "\x00" in text:
        return True
    return _MORE_THAN_ATX.search("\n" + text) is not None


def _atx(text: str) -> Iterator[Block]:
    """Yield the blocks of a text without any construct of Markdown but ``#`` headings."""
    for match in _ATX.finditer("\n" + text):
        title = _ATX_CLOSE.sub("", match[2]).strip(" \t")
        end = min(match.end(), len(text))
        yield Block(match.start(), end, "heading", len(match[1]), _markdown_title(title))


@cache
def _parser() -> MarkdownIt:
    """Return CommonMark's block rules that bear on the outline.

    Containers are off: headings and tables inside a list or a quotation are not the document's,
    and nesting costs up to twenty passes over hostile text. So are inlines, which are not linear.
    """
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark").enable("table").disable(["reference", "blockquote", "list"])
    parser.core.ruler.disable(["inline", "text_join"])
    return parser


def _markdown(text: str) -> list[Block]:
    front = FRONT_MATTER.match(text)
    base = front.end() if front else 0
    body = text[base:] if base else text
    starts = [base, *(base + m.end() for m in _MARKDOWN_BREAK.finditer(body)), len(text)]
    return list(_markdown_blocks(text, starts))


def _markdown_blocks(text: str, starts: list[int]) -> Iterator[Block]:
    """Yield the blocks of the lines that begin at ``starts``, the end of the text being the last.

    Parsed a slab at a time, since a parser's tokens take far more memory than the text. A slab's
    last block may go on, so the next slab begins with it.
    """
    at, slab = 0, _SLAB
    while at < len(starts) - 1:
        stop = min(bisect_right(starts, starts[at] + slab, at + 1), len(starts) - 1)
        tokens = _parser().parse(text[starts[at] : starts[stop]])
        done = stop
        if stop < len(starts) - 1:
            done = at + max((t.map[0] for t in tokens if t.map and t.level == 0), default=stop - at)
            if done == at:
                slab *= 2
                continue
        slab = _SLAB
        for token, inner in pairwise(tokens):
            if token.map is None or at + token.map[0] >= done:
                continue
            start, end = starts[at + token.map[0]], starts[min(at + token.map[1], stop)]
            if token.type == "table_open":
                yield Block(start, end, "table")
            # A rule under a list or a quotation is no heading's.
            elif token.type == "heading_open" and not (
                token.markup in "=-" and _NO_SETEXT.match(inner.content)
            ):
                title = _markdown_title(inner.content)
                yield Block(start, end, "heading", int(token.tag[1:]), title)
        at = done


def _markdown_title(source: str) -> str:
    """Return a heading as the reader sees it: without anchors, tags, links and emphasis."""
    title = " ".join(source[: 4 * _TITLE].split())
    if _MARKS.search(title):
        title = re.sub(r"\s*\{[#:.][^{}]*\}$|<[^<>]*>", "", title)
        title = re.sub(r"!?\[([^\[\]]*)\]\([^()]*\)", r"\1", title)
        title = re.sub(r"[*`]|\\(?=[!-/:-@\[-`{-~])", "", title).strip()
    return title[:_TITLE]


def _rst(text: str) -> Iterator[Block]:
    """Yield section titles, levels by the order in which their adornments appear, and literals."""
    lines = _line_spans(text)
    styles: list[tuple[str, bool]] = []
    literal = -1  # the indentation of the line that announced a literal block
    at = fresh = 0  # ``fresh`` is the line right after a title
    while at < len(lines):
        start, end = lines[at]
        line = text[start:end]
        indent = len(line) - len(line.lstrip())
        if literal >= 0 and line.strip():
            stop = _dedent(text, lines, at, literal)
            announced, literal = literal, -1
            if indent > announced:
                yield Block(start, lines[stop - 1][1], "code")
                at = stop
                continue
        over = _adornment(line)
        if over and at + 2 < len(lines) and _adornment(text[slice(*lines[at + 2])]) == over:
            title, last, style = text[slice(*lines[at + 1])].strip(), at + 2, (over[0], True)
        elif at + 1 < len(lines):
            alone = at == fresh or not text[slice(*lines[at - 1])].strip()
            title, last = line.strip() if alone and not indent else "", at + 1
            style = (text[lines[last][0] : lines[last][0] + 1], False)
        else:
            break
        under = _adornment(text[slice(*lines[last])])
        if title and len(under) >= max(2, min(_columns(title[:4]), 4)) and not _adornment(title):
            if style not in styles:
                styles.append(style)
            yield Block(
                start, lines[last][1], "heading", styles.index(style) + 1, _rst_title(title)
            )
            at = fresh = last + 1
            continue
        if line.rstrip().endswith("::") or re.match(r"\s*\.\. (?:code|code-block|literal)", line):
            literal = indent
        at += 1


def _adornment(line: str) -> str:
    """Return ``line`` without trailing space when it is one punctuation mark repeated, else ''."""
    line = line.rstrip()
    return line if line and line[0] in _PUNCTUATION and line == line[0] * len(line) else ""


def _rst_title(title: str) -> str:
    return re.sub(r":[\w:.+-]{1,40}:`|`_{0,2}|\*", "", title[: 2 * _TITLE]).strip()[:_TITLE]


def _dedent(text: str, lines: list[tuple[int, int]], at: int, indent: int) -> int:
    """Return the index after the last line from ``at`` on that is indented beyond ``indent``."""
    stop = at
    for index in range(at, len(lines)):
        line = text[slice(*lines[index])]
        if line.strip():
            if len(line) - len(line.lstrip()) <= indent:
                break
            stop = index + 1
    return max(stop, at + 1)


def _plain(text: str) -> Iterator[Block]:
    """Yield only lines that cannot be anything but headings: short, alone and numbered or named."""
    lines = _line_spans(text)
    for index, (start, end) in enumerate(lines):
        if end - start > 2 * _PLAIN_COLUMNS:
            continue
        line = text[start:end].strip()
        if not line or line[-1] in ".。,，;；:：!！、…":
            continue
        numbered, named = _NUMBERED.match(line), _NAMED.match(line)
        if not (numbered or named) or _columns(line) > _PLAIN_COLUMNS:
            continue
        if index and text[slice(*lines[index - 1])].strip():
            continue
        if numbered and (index + 1 == len(lines) or not text[slice(*lines[index + 1])].strip()):
            yield Block(start, end, "heading", 2 + numbered[1].count("."), line)
        elif named:
            level = 1 if named["part"] else 2 if named["chapter"] else 3
            yield Block(start, end, "heading", level, line)


def _line_spans(text: str) -> list[tuple[int, int]]:
    r"""Return the spans of lines without their ``\n``; a ``\r`` before it stays in the line."""
    spans, at = [], 0
    while at < len(text):
        stop = text.find("\n", at)
        stop = len(text) if stop < 0 else stop
        spans.append((at, stop))
        at = stop + 1
    return spans


def _columns(line: str) -> int:
    return sum(1 + (unicodedata.east_asian_width(c) in "WF") for c in line)
