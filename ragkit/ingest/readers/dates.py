"""Days as people and programs write them, in ISO 8601, so that they sort and compare as text."""

from __future__ import annotations

import re
from datetime import date

__all__ = ["iso_day"]

_MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()
_NUMBERS = re.compile(
    r"\s*(\d{4})(?:[-/.]|\s*年\s*)(\d{1,2})(?:(?:[-/.]|\s*月\s*)(\d{1,2})日?(?!\d))?(?:$|[\sTZ,;月])"
)
_COMPACT = re.compile(r"\s*(\d{4})(\d\d)(\d\d)(?:$|\D)")
_YEAR = re.compile(r"\s*(\d{4})\s*年?\s*$")
_MONTH_FIRST = re.compile(
    r"\s*(?:[A-Za-z]{3,9},\s+)?([A-Za-z]{3,9})\.?\s+(\d{1,2})(?:st|nd|rd|th)?,?\s+(\d{4})\b"
)
_DAY_FIRST = re.compile(
    r"\s*(?:[A-Za-z]{3,9},\s+)?(\d{1,2})(?:st|nd|rd|th)?\.?[\s-]+([A-Za-z]{3,9})\.?,?[\s-]+(\d{4})\b"
)


def iso_day(text: str) -> str:
    """Return the day that ``text`` begins with as ``2024-05-01``, or ``2024-05``, or ``2024``.

    Understands ISO 8601 with or without a time, ``2024/5/1``, ``20240501``, ``2024年5月1日``,
    ``May 1, 2024`` and ``1 May 2024``. Empty where it is none of these, ambiguous such as
    ``1/5/2024``, or no day of the calendar.
    """
    if found := _NUMBERS.match(text):
        return _checked(found[1], found[2], found[3])
    if found := _COMPACT.match(text):
        return _checked(found[1], found[2], found[3])
    if found := _YEAR.match(text):
        return _checked(found[1], "1", "1")[:4]
    if found := _MONTH_FIRST.match(text):
        return _checked(found[3], _month(found[1]), found[2])
    if found := _DAY_FIRST.match(text):
        return _checked(found[3], _month(found[2]), found[1])
    return ""


def _month(name: str) -> str:
    short = name[:3].lower()
    return str(_MONTHS.index(short) + 1) if short in _MONTHS else "0"


def _checked(year: str, month: str, day: str | None) -> str:
    try:
        found = date(int(year), int(month), int(day or 1)).isoformat()
    except ValueError:
        return ""
    return found if day else found[:7]
