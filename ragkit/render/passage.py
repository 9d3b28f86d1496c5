"""A passage of a document in its surroundings, as it is, with quotes highlighted."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from ragkit.render import style
from ragkit.render.spans import highlight_spans

__all__ = ["passage_html"]


def passage_html(
    text: str,
    spans: Sequence[tuple[int, int]] = (),
    *,
    before: str = "",
    after: str = "",
    more_before: bool = False,
    more_after: bool = False,
) -> str:
    """Return ``text`` with ``spans`` highlighted, between ``before`` and ``after`` in a paler tone.

    An ellipsis stands where the document goes on beyond. Everything is escaped; white space and
    line breaks are kept.
    """
    start = "… " if more_before else ""
    end = " …" if more_after else ""
    marked = highlight_spans(text, spans, first_style=style.FIRST_QUOTE)
    begin = "" if spans else f' style="{style.FIRST_WORD}"'
    around = f'<span style="{style.AROUND}">'
    return (
        f'<div class="ragkit-passage" dir="auto" tabindex="0" style="{style.PASSAGE}">'
        f"{around}{start}{escape(before)}</span>"
        f"<span{begin}>{marked}</span>"
        f"{around}{escape(after)}{end}</span></div>"
    )
