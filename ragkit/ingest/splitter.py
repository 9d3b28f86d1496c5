"""From a document's text to the spans of its nodes.

A node is what a reader is shown as a source: it should open at a heading, a paragraph or a
sentence, say what it is about, and be small enough for the embedder to read whole.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Literal, NamedTuple

from ragkit.ingest.lines import LINE_BREAK, soft_runs
from ragkit.ingest.packing import Cut, Meter, Unit, pack, sentence_units, verbatim_units
from ragkit.ingest.structure import Block, Markup, find_blocks

__all__ = ["Markup", "Span", "split"]

_FENCES = ("```", "~~~")
_OPENING_TAG = re.compile(r"<[a-zA-Z][^<>]*>")
_CLOSING_MARK = re.compile(r"(?:\s|</[\w-]+>|[^\w\s<`~|])+")
_TITLE = 60
_PREAMBLE = 80  # characters: a label, or front matter that says no more than the title
_STOP = re.compile(r"[^\w\s,，、;；)）\]】>`*_-]")
_INTRODUCES = re.compile(r"[:：][\s>*_]*$")


class Span(NamedTuple):
    """A node's place: ``text[start:end]`` is its text, under the headings of ``heading_path``."""

    start: int
    end: int
    heading_path: tuple[str, ...] = ()


class _Region(NamedTuple):
    start: int
    end: int
    kind: Literal["heading", "prose", "table", "code"]


class _Piece(NamedTuple):
    start: int
    end: int
    kind: Literal["heading", "prose", "item", "row", "code"]


def split(
    text: str,
    *,
    count_tokens: Callable[[str], int],
    chunk_size: int = 200,
    chunk_overlap: int = 0,
    markup: Markup = "text",
    token_starts: Callable[[str], Sequence[int]] | None = None,
) -> list[Span]:
    """Return the spans of the nodes of ``text``, in order; empty for a text of white space.

    - ``text[start:end]`` opens and closes with a character that is not white space, and every
      such character of ``text`` is in a node, headings included.
    - ``count_tokens(text[start:end]) <= chunk_size``, and ``end - start <= 20 * chunk_size``; only
      a single character that alone has more tokens than ``chunk_size`` exceeds it.
    - A node never holds text of two sections: a short section is a precise source, and its heading
      says what it is about. Only headings without text of their own, and a few words before the
      first heading, join the section after them; headings at the end join the one before.
    - Cuts fall between paragraphs, items and rows first, then sentences, clauses, words and
      characters; nodes of a section are of even size. Code and tables stay whole where they fit.
    - ``chunk_overlap`` tokens at most are repeated from the node before it in the same section,
      whole sentences where one fits, else from a word on; nodes overlap then.

    ``count_tokens`` should be the embedder's; it may add special tokens and need not be additive.
    Of one that is, ``token_starts`` may say where the tokens of a text begin, ascending: the same
    nodes are found sooner.
    Time and memory are linear in ``len(text)``. Raises ValueError for a ``chunk_size`` below 1, a
    ``chunk_overlap`` that is negative or not below ``chunk_size``, and an unknown ``markup``.
    """
    if chunk_size < 1:
        raise ValueError(f"chunk_size must be at least 1, not {chunk_size}")
    if not 0 <= chunk_overlap < chunk_size:
        raise ValueError(
            f"chunk_overlap must be from 0 to chunk_size - 1 = {chunk_size - 1}, "
            f"not {chunk_overlap}"
        )
    meter = Meter(text, count_tokens, chunk_size, token_starts)
    spans: list[Span] = []
    for path, regions in _sections(text, find_blocks(text, markup)):
        start, end = _within_space(text, regions[0].start, regions[-1].end)
        if start < end and meter.excess(start, end) <= 1:  # no need to look into it
            spans.append(Span(start, end, path))
            continue
        units = _units(meter, list(_pieces(text, regions)))
        spans += [Span(start, end, path) for start, end in pack(meter, units, chunk_overlap)]
    return spans


def _within_space(text: str, start: int, end: int) -> tuple[int, int]:
    whole = text[start:end]
    return end - len(whole.lstrip()), start + len(whole.rstrip())


def _sections(text: str, blocks: list[Block]) -> list[tuple[tuple[str, ...], list[_Region]]]:
    """Return each section's heading path and regions; no region is white space alone."""
    sections: list[tuple[tuple[str, ...], list[_Region]]] = []
    outline: list[tuple[int, str]] = []
    regions: list[_Region] = []  # of the section so far
    bare = True  # it has nothing but headings, or a few words before the first
    at = 0
    for block in [*blocks, None]:
        start = block.start if block else len(text)
        if prose := text[at:start].strip():
            regions.append(_Region(at, start, "prose"))
            bare = bare and at == 0 and len(prose) <= _PREAMBLE
        if block is None:
            break
        at = block.end
        if block.kind != "heading":
            regions.append(_Region(block.start, block.end, block.kind))
            bare = False
            continue
        if not bare:
            sections.append((tuple(title for _, title in outline), regions))
            regions, bare = [], True
        outline = [entry for entry in outline if entry[0] < block.level]
        if block.title:
            outline.append((block.level, block.title))
        regions.append(_Region(block.start, block.end, "heading"))
    if bare and sections:
        sections[-1][1].extend(regions)
    elif regions:
        sections.append((tuple(title for _, title in outline), regions))
    return sections


def _pieces(text: str, regions: list[_Region]) -> Iterator[_Piece]:
    """Yield what paragraphs are made of: headings, soft runs, rows of tables, lines of code."""
    for region in regions:
        if region.kind == "prose":
            for run in soft_runs(text, region.start, region.end):
                yield _Piece(run.start, run.end, run.kind)
        elif region.kind == "heading":
            yield from _trimmed(text, region.start, region.end, "heading")
        else:
            kind: Literal["row", "code"] = "row" if region.kind == "table" else "code"
            at = region.start
            while at < region.end:
                found = LINE_BREAK.search(text, at, region.end)
                yield from _trimmed(text, at, found.start() if found else region.end, kind)
                at = found.end() if found else region.end


def _trimmed(
    text: str, start: int, end: int, kind: Literal["heading", "row", "code"]
) -> Iterator[_Piece]:
    line = text[start:end]
    if line := line.rstrip():
        yield _Piece(start + len(line) - len(line.lstrip()), start + len(line), kind)


def _units(meter: Meter, pieces: list[_Piece]) -> list[Unit]:
    """Return the units of one section, each with the cost of a cut behind it."""
    units: list[Unit] = []
    for index, piece in enumerate(pieces):
        after = Cut.PARAGRAPH
        gap = 0
        if index + 1 < len(pieces):
            opens_table = index == 0 or pieces[index - 1].kind != "row"
            after = _cut_between(meter.text, piece, pieces[index + 1], opens_table=opens_table)
            gap = meter.gap(piece.end, pieces[index + 1].start)
        make = sentence_units if piece.kind in ("prose", "item") else verbatim_units
        units += make(meter, piece.start, piece.end, after)
        if gap:
            units[-1] = units[-1]._replace(cost=units[-1].cost + gap)
    return units


def _cut_between(text: str, piece: _Piece, following: _Piece, *, opens_table: bool) -> float:
    """Return the cost of a node's end between two neighbours."""
    gap = text[piece.end : min(following.start, piece.end + 200)]
    blank = len(LINE_BREAK.findall(gap)) > 1 or "\x0c" in gap
    if piece.kind == "heading":
        return Cut.HEADING
    if _OPENING_TAG.fullmatch(text, piece.start, min(piece.end, piece.start + 200)):
        return Cut.HEADING
    if _CLOSING_MARK.fullmatch(text, following.start, min(following.end, following.start + 80)):
        return Cut.CHARACTER
    if text.startswith(_FENCES, piece.start) and text.startswith(_FENCES, following.start):
        return Cut.ITEM  # one fenced block ends, another begins
    if piece.kind == following.kind == "code":
        return Cut.CODE_PARAGRAPH if blank else Cut.CODE_LINE
    if piece.kind == following.kind == "row":
        return Cut.INTRODUCTION if opens_table else Cut.ITEM
    if _INTRODUCES.search(text, max(piece.start, piece.end - 12), piece.end):
        return Cut.INTRODUCTION
    if following.kind == "item":
        line = text.rfind("\n", max(0, following.start - 12), following.start)
        indent = following.start - line if line >= 0 else 12
        return Cut.ITEM + 0.01 * indent  # deeper items hang on those above
    if (
        piece.kind == "prose"
        and piece.end - piece.start <= _TITLE
        and not _STOP.match(text, piece.end - 1)
    ):
        return Cut.INTRODUCTION  # a short line that ends with no stop: a title without markup
    return Cut.PARAGRAPH if blank else Cut.LINE
