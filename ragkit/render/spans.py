"""Text that is shown as it is: escaped, with spans of it marked."""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import escape

from ragkit.render.style import BEGIN, QUOTE

__all__ = ["beginning", "highlight_spans", "shown_name"]

# Marks that turn the direction of text: in a name they make "gpj.exe" look like "exe.jpg".
_TURNING = re.compile("[\u202a-\u202e\u2066-\u2069\u200e\u200f\u061c]")


def highlight_spans(
    text: str,
    spans: Iterable[tuple[int, int]],
    style: str = QUOTE,
    *,
    begin: bool = False,
) -> str:
    """Return ``text`` escaped, with the half-open character ``spans`` inside ``<mark>``.

    Spans are clipped to the text; overlapping ones are joined. With ``begin``, a box
    that scrolls begins at the first one.
    """
    pieces: list[str] = []
    at = 0
    mark = f'<span style="{BEGIN}"></span>' if begin else ""
    for start, end in sorted(spans):
        start, end = max(start, at), min(end, len(text))
        if start >= end:
            continue
        mark += f'<mark style="{style}">{escape(text[start:end])}</mark>'
        pieces += [escape(text[at:start]), mark]
        at, mark = end, ""
    return "".join([*pieces, escape(text[at:])])


def beginning(text: str, most: int = 220) -> str:
    """Return the beginning of a passage on one line, less the headings that stand above it."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    line = " ".join(" ".join(lines).split()) or " ".join(text.split())
    return line if len(line) <= most else line[:most].rstrip() + " …"


def shown_name(name: str) -> str:
    """Return a file's name on one line, what turns the direction of text written as an escape."""
    return _TURNING.sub(lambda found: f"\\u{ord(found[0]):04x}", " ".join(name.split()))
