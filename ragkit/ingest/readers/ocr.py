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

from ragkit.errors import IngestError

__all__ = ["OCR_MEMORY_MB", "Line", "can_ocr", "page_text", "picture_text"]

# What the engine maps for a page of A4 beyond what other files need; it holds half of it.
OCR_MEMORY_MB = 2048

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

    Empty where nothing is legible. Raises ImportError without the extra ``ocr`` and IngestError
    where the engine gives up, as it does without memory.
    """
    engine = _engine()
    try:
        result = engine(picture)
    except Exception as error:  # its own tree of errors differs between versions
        raise IngestError("OCR gave up. It may need more memory: ingest.file_memory_mb") from error
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
    rows = [row for part in _cut(list(lines), height) for row in _rows(part, height)]
    text = _joined(rows[0])
    for above, row in pairwise(rows):
        gap = row[0].top - above[0].bottom
        text += ("\n" if -2 * height < gap < height else "\n\n") + _joined(row)
    return text


def _cut(lines: list[Line], height: float) -> list[list[Line]]:
    """Cut the page where white space runs through it, first into columns, then into bands."""
    parts: list[list[Line]] = []
    stack = [lines]
    while stack:
        part = stack.pop()
        cut = _columns(part, height) or _bands(part, height)
        if cut is None:
            parts.append(part)
        else:
            stack.extend(reversed(cut))
    return parts


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


def _rows(lines: list[Line], height: float) -> list[list[Line]]:
    """Return what stands at the same height together, from the left; the rows from the top."""
    rows: list[list[Line]] = []
    for line in sorted(lines, key=_middle):
        if rows and _middle(line) - _middle(rows[-1][0]) < height / 2:
            rows[-1].append(line)
        else:
            rows.append([line])
    return [sorted(row, key=lambda line: line.left) for row in rows]


def _joined(row: Sequence[Line]) -> str:
    return " ".join(line.text.strip() for line in row)


def _middle(line: Line) -> float:
    return (line.top + line.bottom) / 2
