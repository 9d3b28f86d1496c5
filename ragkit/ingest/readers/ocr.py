"""The text in a picture of a page, with RapidOCR: PP-OCR models that its wheel brings along.

The extra ``ocr`` installs it. It reads Chinese, English, Japanese and other Latin scripts, needs
no network, and runs on the CPU.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from statistics import median
from typing import Any

__all__ = ["Line", "can_ocr", "page_text", "picture_text"]

_LEAST_SCORE = 0.5  # below it, lines are mostly dirt and drawings
_COLUMN_WIDTH = 0.25  # lines of text take that share of a page; cells of a table take less


@dataclass(frozen=True, slots=True)
class Line:
    """A line of text and the box around it, in pixels from the top left."""

    text: str
    left: float
    top: float
    right: float
    bottom: float


def can_ocr() -> bool:
    """Return whether the packages of the extra ``ocr`` are installed; imports none."""
    return all(importlib.util.find_spec(name) for name in ("rapidocr", "onnxruntime"))


def picture_text(picture: Any) -> str:
    """Return the text in ``picture``, an array of height x width x 3 bytes in BGR.

    Empty where nothing is legible. Raises ImportError without the extra ``ocr``.
    """
    result = _engine()(picture)
    if result.txts is None or result.boxes is None:
        return ""
    lines = [
        Line(text, *map(float, (*box.min(axis=0), *box.max(axis=0))))
        for text, box, score in zip(result.txts, result.boxes, result.scores, strict=True)
        if score >= _LEAST_SCORE and text.strip()
    ]
    return page_text(lines)


@lru_cache(maxsize=1)
def _engine() -> Any:
    from rapidocr import RapidOCR

    return RapidOCR(params={"Global.log_level": "critical"})


def page_text(lines: Sequence[Line]) -> str:
    """Return lines in the order in which a page is read: columns one after the other.

    Pieces beside each other are joined by a space, larger gaps become empty lines.
    """
    if not lines:
        return ""
    height = median(line.bottom - line.top for line in lines)
    rows = _rows(_ordered(list(lines), height), height)
    text = rows[0][0]
    for (_, before), (row, box) in pairwise(rows):
        gap = box.top - before.bottom
        text += ("\n" if -2 * height < gap < height else "\n\n") + row
    return text


def _ordered(lines: list[Line], height: float) -> list[Line]:
    """Cut the page where white space runs through it, first into columns, then into bands."""
    ordered: list[Line] = []
    stack = [lines]
    while stack:
        part = stack.pop()
        cut = _columns(part, height) or _bands(part, height)
        if cut is None:
            ordered.extend(sorted(part, key=lambda line: (line.top, line.left)))
        else:
            stack.extend(reversed(cut))
    return ordered


def _columns(lines: list[Line], height: float) -> tuple[list[Line], list[Line]] | None:
    by_left = sorted(lines, key=lambda line: line.left)
    width = max(line.right for line in lines) - by_left[0].left
    reach = by_left[0].right
    for place in range(1, len(by_left)):
        sides = by_left[:place], by_left[place:]
        if by_left[place].left - reach > height / 2 and all(
            len(side) > 2 and median(s.right - s.left for s in side) > _COLUMN_WIDTH * width
            for side in sides
        ):
            return sides
        reach = max(reach, by_left[place].right)
    return None


def _bands(lines: list[Line], height: float) -> tuple[list[Line], list[Line]] | None:
    """Cut at the widest white band that is wider than what stands between two lines."""
    by_top = sorted(lines, key=lambda line: line.top)
    best, at, reach = height / 4, 0, by_top[0].bottom
    for place in range(1, len(by_top)):
        if by_top[place].top - reach > best:
            best, at = by_top[place].top - reach, place
        reach = max(reach, by_top[place].bottom)
    return (by_top[:at], by_top[at:]) if at else None


def _rows(lines: Sequence[Line], height: float) -> list[tuple[str, Line]]:
    """Join what stands beside each other; each row with the box of its last piece."""
    rows: list[tuple[str, Line]] = []
    pieces: list[Line] = []
    for line in lines:
        if pieces and (
            abs(_middle(line) - _middle(pieces[0])) > height / 2 or line.left < pieces[0].left
        ):
            rows.append(_row(pieces))
            pieces = []
        pieces.append(line)
    rows.append(_row(pieces))
    return rows


def _row(pieces: list[Line]) -> tuple[str, Line]:
    ordered = sorted(pieces, key=lambda piece: piece.left)
    return " ".join(piece.text.strip() for piece in ordered), pieces[-1]


def _middle(line: Line) -> float:
    return (line.top + line.bottom) / 2
