"""Inline styles: an answer looks the same in a notebook, in the chat and in an exported page.

Inline, because a notebook keeps no style sheet of an output that it does not trust. Text keeps the
page's own colour, and what is coloured is translucent over the page's own background, so that the
contrast of text stays above 4.5 to 1 on light and on dark.
"""

from __future__ import annotations

__all__ = [
    "AROUND",
    "BEGIN",
    "BLOCK",
    "BODY",
    "BOX",
    "CITE",
    "CODE",
    "CODE_BLOCK",
    "DOUBT",
    "HEADING",
    "HOST",
    "LINK",
    "LIST",
    "MARKS",
    "MUTED",
    "NAME",
    "NUMBER",
    "PASSAGE",
    "PLAIN",
    "QUOTATION",
    "QUOTE",
    "REFUSAL",
    "RULE",
    "SCROLL",
    "SHORT",
    "SOURCE",
    "SOURCES",
    "SOURCE_TEXT",
    "SUMMARY",
    "TABLE",
    "TABLE_CELL",
    "TABLE_HEAD",
    "UNSUPPORTED",
]

_LINE = "rgba(128,140,136,.35)"
_TEAL = "13,148,136"

BOX = "max-width:52rem;line-height:1.6;font-family:inherit;color:inherit;overflow-wrap:anywhere"
BODY = "margin:.2em 0 .7em"
PLAIN = "white-space:pre-wrap"
MUTED = "opacity:.72;font-size:.85em"
REFUSAL = (
    f"border:1px dashed {_LINE};border-radius:8px;padding:.7em .9em;"
    "background:rgba(128,140,136,.08)"
)

BLOCK = "margin:0 0 .65em"
MARKS = "margin:-.3em 0 .65em"
HEADING = "font-weight:600;line-height:1.35;margin:.9em 0 .35em"
LIST = "margin:0 0 .65em;padding-inline-start:1.6em"
QUOTATION = f"margin:0 0 .65em;padding:.1em .9em;border-inline-start:3px solid {_LINE}"
RULE = f"border:0;border-top:1px solid {_LINE};margin:1em 0"
CODE = (
    "font-family:ui-monospace,monospace;font-size:.88em;background:rgba(128,140,136,.16);"
    "color:inherit;border-radius:4px;padding:.1em .3em"
)
CODE_BLOCK = (
    "font-family:ui-monospace,monospace;font-size:.85em;line-height:1.5;margin:0 0 .75em;"
    "padding:.7em .9em;background:rgba(128,140,136,.12);color:inherit;border-radius:6px;"
    "white-space:pre-wrap;direction:ltr;text-align:left"
)
SCROLL = "overflow-x:auto;margin:0 0 .75em"
TABLE = "border-collapse:collapse;font-size:.94em;margin:0;width:auto;overflow-wrap:normal"
TABLE_HEAD = (
    f"border:0;border-bottom:2px solid {_LINE};padding:.35em .8em;font-weight:600;color:inherit;"
    "vertical-align:bottom"
)
TABLE_CELL = f"border:0;border-bottom:1px solid {_LINE};padding:.35em .8em;vertical-align:top"
LINK = f"color:inherit;text-decoration:underline;text-decoration-color:rgba({_TEAL},.9)"
HOST = "opacity:.72;font-size:.85em"

QUOTE = "background:rgba(255,193,7,.32);color:inherit;border-radius:3px;padding:0 .1em"
# An empty place some lines above the quote: where a passage scrolls, that is where it begins.
BEGIN = "display:inline-block;width:0;position:relative;top:-5em;scroll-initial-target:nearest"
SHORT = f"background:none;color:inherit;border-bottom:2px solid rgba({_TEAL},.9);font-weight:600"
UNSUPPORTED = (
    "text-decoration:underline dotted rgba(220,38,38,.95) 2px;text-underline-offset:.22em;"
    "text-decoration-skip-ink:none"
)
DOUBT = (
    "display:inline-block;border:1px solid rgba(220,38,38,.95);border-radius:1em;color:inherit;"
    "min-width:1.25em;line-height:1.25;text-align:center;font-size:.72em;font-weight:700;"
    "vertical-align:.35em;margin-inline:.2em .1em;cursor:help"
)
CITE = (
    f"display:inline-block;background:rgba({_TEAL},.18);color:inherit;border-radius:.4em;"
    "padding:0 .36em;line-height:1.4;font-size:.74em;font-weight:600;vertical-align:.28em;"
    "margin-inline-start:.18em;text-decoration:none;white-space:nowrap"
)

NUMBER = (
    f"display:inline-block;background:rgba({_TEAL},.18);color:inherit;border-radius:.4em;"
    "padding:0 .4em;line-height:1.45;font-size:.8em;font-weight:600;margin-inline:.1em .25em"
)
SOURCES = "margin:.2em 0 .3em"
SOURCE = f"border-inline-start:3px solid rgba({_TEAL},.55);padding:.1em .8em;margin:.45em 0"
SUMMARY = "cursor:pointer"
NAME = "font-weight:600;unicode-bidi:isolate"
SOURCE_TEXT = (
    "white-space:pre-wrap;margin:.4em 0 .2em;font-size:.92em;scroll-margin-top:7rem;"
    "max-height:22rem;overflow-y:auto"
)

PASSAGE = (
    "white-space:pre-wrap;overflow-wrap:anywhere;line-height:1.65;color:inherit;"
    f"border-inline-start:3px solid rgba({_TEAL},.55);padding-inline-start:1em;max-width:46rem;"
    "max-height:min(36rem,62vh);overflow-y:auto;overscroll-behavior:contain"
)
AROUND = "opacity:.72"
