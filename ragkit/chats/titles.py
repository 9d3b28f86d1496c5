"""Text as it may be stored and shown in one line: cleaned, folded for search, shortened."""

from __future__ import annotations

import re
import unicodedata

__all__ = ["LONGEST_TITLE", "fold", "shorten", "storable", "title_of"]

LONGEST_TITLE = 200
"""Characters of a title that a person gives; the rest is cut."""

_COLUMNS = 60
_JOINER = "\u200d"
# Marks that turn the direction of what follows, beyond the title's own end.
_DIRECTIONS = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


def storable(text: str) -> str:
    """Return ``text`` with U+FFFD for what SQLite cannot hold or find: NUL, lone surrogates."""
    return _UNSTORABLE.sub("\ufffd", text)


def fold(text: str) -> str:
    """Return ``text`` as search compares it: no case, no width, white space as one space."""
    return " ".join(unicodedata.normalize("NFKC", storable(text)).casefold().split())


def title_of(text: str, *, columns: int = _COLUMNS) -> str:
    """Return the first words of ``text`` as one clean line of at most ``columns`` columns."""
    return shorten(_one_line(text), columns=columns)


def shorten(line: str, *, columns: int) -> str:
    """Return ``line`` cut to ``columns``, between words where it has them, ending in "…".

    A wide character (Chinese, emoji) takes two columns. What is drawn as one character stays whole.
    """
    if _width(line) <= columns:
        return line
    used, end = 0, 0
    for end, char in enumerate(line):  # noqa: B007  (the place is wanted after the loop)
        used += _columns(char)
        if used > columns - 1:
            break
    while end and _joins(line, end):
        end -= 1
    space = line.rfind(" ", 0, end + 1)
    if space > end * 0.6:
        end = space
    return line[:end].rstrip(" ,;:.，；：。、-–") + "…"


def _one_line(text: str) -> str:
    text = _DIRECTIONS.sub("", storable(text))
    text = "".join(" " if unicodedata.category(c) in ("Cc", "Zl", "Zp") else c for c in text)
    return " ".join(text.split())


def _width(line: str) -> int:
    return sum(map(_columns, line))


def _columns(char: str) -> int:
    if unicodedata.combining(char) or unicodedata.category(char) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def _joins(line: str, place: int) -> bool:
    """Return whether a cut before ``line[place]`` would part what is drawn as one character."""
    char, before = line[place], line[place - 1]
    if unicodedata.category(char) in ("Mn", "Mc", "Me") or _JOINER in (char, before):
        return True
    if "\U0001f3fb" <= char <= "\U0001f3ff":  # a skin tone belongs to the emoji before it
        return True
    if _is_flag_half(char) and _is_flag_half(before):
        run = place
        while run and _is_flag_half(line[run - 1]):
            run -= 1
        return (place - run) % 2 == 1
    return False


def _is_flag_half(char: str) -> bool:
    return "\U0001f1e6" <= char <= "\U0001f1ff"
