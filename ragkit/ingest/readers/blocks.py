"""Elements of a page to Markdown-like blocks: headings, list items and paragraphs."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ragkit.ingest.readers.content import one_line
from ragkit.ingest.readers.number_formats import written

__all__ = ["BLOCK_TAGS", "HEADINGS", "Blocks", "joined"]

BLOCK_TAGS = frozenset(
    "address article aside blockquote body center dd details div dl dt fieldset figcaption figure "
    "footer form header hr li main ol option p section summary tr td th ul caption legend".split()
)
HEADINGS = {f"h{level}": level for level in range(1, 7)}
_SPACES = re.compile(r"[ \t\n\f]+")
_TYPED_ITEM = re.compile(r" *(?:-|\d+\.) ")
# Values of ``type`` of a list in HTML.
_FORMATS = {"a": "lowerLetter", "A": "upperLetter", "i": "lowerRoman", "I": "upperRoman"}


class Blocks:
    """Collects inline text into blocks. Markers (``# ``, ``- ``) wait for the text they mark."""

    def __init__(self) -> None:
        self._blocks: list[tuple[str, bool]] = []  # and whether it is a list's item
        self._inline: list[str] = []
        self._marker = ""
        self._lists: list[tuple[int | None, str]] = []

    def inline(self, text: str) -> None:
        """Add running text, without the places where a word may be divided."""
        self._inline.append(_SPACES.sub(" ", text.replace("\xad", "")))

    def block(self, text: str) -> None:
        """Add a block that is ready, such as a table."""
        self._flush()
        if text:
            self._blocks.append((text, False))

    def start(self, tag: str, *, number: int | None = None, kind: str = "") -> None:
        """Begin an element; ``number`` is that of a list's first item, or of the item it is.

        ``kind`` says how a list is numbered: a, A, i or I, or else by digits.
        """
        if tag == "br":
            self._inline.append("\n")
        elif tag in HEADINGS:
            self._flush()
            self._marker = "#" * HEADINGS[tag] + " "
        elif tag in ("ul", "ol"):
            self._flush()
            first = (1 if number is None else number) if tag == "ol" else None
            self._lists.append((first, _FORMATS.get(kind, "decimal")))
        elif tag == "li":
            self._flush()
            if number is not None and self._lists and self._lists[-1][0] is not None:
                self._lists[-1] = number, self._lists[-1][1]
            self._marker = self._item_marker()
        elif tag in BLOCK_TAGS:
            self._flush(keep_marker=True)

    def end(self, tag: str) -> None:
        """End an element."""
        if tag in ("ul", "ol") and self._lists:
            self._flush()
            self._lists.pop()
        elif tag in HEADINGS or tag in BLOCK_TAGS:
            self._flush()

    def text(self) -> str:
        """Return all blocks, an empty line between any two but list items."""
        self._flush()
        return joined(self._blocks)

    def _item_marker(self) -> str:
        indent = "  " * max(0, len(self._lists) - 1)
        number, kind = self._lists[-1] if self._lists else (None, "")
        if number is None:
            return f"{indent}- "
        self._lists[-1] = number + 1, kind
        return f"{indent}{written(number, kind) or number}. "

    def _flush(self, *, keep_marker: bool = False) -> None:
        raw = "".join(self._inline)
        self._inline.clear()
        lines = (_SPACES.sub(" ", line).strip() for line in raw.split("\n"))
        text = "\n".join(filter(None, lines))
        if text:
            if self._marker.startswith("#"):
                text = one_line(text)
            block = self._marker + text
            marked = bool(self._marker) and not self._marker.startswith("#")
            self._blocks.append((block, marked or _TYPED_ITEM.match(block) is not None))
        if text or not keep_marker:
            self._marker = ""


def joined(blocks: Iterable[tuple[str, bool]]) -> str:
    """Return texts, each with whether it is a list's item, an empty line between any two but items.

    These follow each other line by line.
    """
    parts: list[str] = []
    before = False
    for text, is_item in blocks:
        if parts:
            parts.append("\n" if before and is_item else "\n\n")
        parts.append(text)
        before = is_item
    return "".join(parts)
