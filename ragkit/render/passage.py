"""A passage of a document in its surroundings, with quotes highlighted."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape
from itertools import pairwise

from ragkit.render import style
from ragkit.render.spans import highlight_spans

__all__ = ["passage_html"]

# A line that fills its column to so much goes on in the next one.
_FULL = 0.75
_SHORTEST_COLUMN = 24
# Lines of tables and lists stay lines.
_OWN_LINE = re.compile(
    r"\s*(?:[-*+•·▪◦‣●○–—|]|\(?\d{1,3}[.)、]|[a-zA-Z][.)]\s|$)|.*(?:\||\t|\s{3})"
)
_WIDE = re.compile(
    "[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60]"
)
# Stand for a joined line break until the HTML is written, so that offsets stay what they are.
_SPACE, _NOTHING = "\U000f0000", "\U000f0001"
_PRIVATE = re.compile(f"[{_SPACE}{_NOTHING}]")


def passage_html(
    text: str,
    spans: Sequence[tuple[int, int]] = (),
    *,
    before: str = "",
    after: str = "",
    more_before: bool = False,
    more_after: bool = False,
    join_lines: bool = False,
) -> str:
    """Return ``text`` with ``spans`` highlighted, between ``before`` and ``after`` in a paler tone.

    An ellipsis stands where the document goes on beyond. Everything is escaped; white space and
    line breaks are kept, unless ``join_lines`` joins the lines of paragraphs that were broken at
    the edge of a printed page. Where the passage is too long for its box, it begins at its quote.
    """
    whole = _PRIVATE.sub("\ufffd", before + text + after)
    if join_lines:
        whole = _joined(whole)
    first, last = len(before), len(before) + len(text)
    ending = f"{whole[last:].rstrip()} …" if more_after else whole[last:]
    begin = "" if spans else f'<span style="{style.BEGIN}"></span>'
    around = f'<span style="{style.AROUND}">'
    html = (
        f'<div class="ragkit-passage" dir="auto" tabindex="0" style="{style.PASSAGE}">'
        f"{around}{'… ' if more_before else ''}{escape(whole[:first])}</span>{begin}"
        f"<span>{highlight_spans(whole[first:last], spans, begin=True)}</span>"
        f"{around}{escape(ending)}</span></div>"
    )
    return html.replace(_SPACE, " ").replace(_NOTHING, "")


def _joined(text: str) -> str:
    """Return ``text``, of the same length, with the breaks inside paragraphs replaced."""
    lines = text.split("\n")
    longest = max(_width(line) for line in lines)
    if longest < _SHORTEST_COLUMN:
        return text
    pieces = [lines[0]]
    for line, following in pairwise(lines):
        full = _width(line) >= _FULL * longest
        goes_on = full and not _OWN_LINE.match(following) and "|" not in line
        wide = _WIDE.match(line[-1:]) or _WIDE.match(following[:1])
        joint = _NOTHING if wide or line.endswith(" ") else _SPACE
        pieces += [joint if goes_on else "\n", following]
    return "".join(pieces)


def _width(line: str) -> int:
    """Return how wide a line is, in narrow letters."""
    return len(line.rstrip()) + len(_WIDE.findall(line))
