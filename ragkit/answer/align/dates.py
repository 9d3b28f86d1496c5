# ruff: noqa: E501  (one pattern a notation)

"""Dates, times of day and days of the week, in the notations of several languages."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ragkit.answer.align.figure import Figure
from ragkit.answer.align.numerals import HAN_DIGITS, han_value
from ragkit.answer.align.units import MONTHS, WEEKDAYS

__all__ = ["dates", "times", "weekdays"]

_HN = f"(?:\\d{{1,2}}|[{HAN_DIGITS}]{{1,3}})"


_HY = "(?:\\d{4}|[零〇一二三四五六七八九]{4})"


_NAMES = "|".join(sorted(MONTHS, key=len, reverse=True))


_DATE = re.compile(
    rf"(?P<y1>{_HY})\s?年\s?(?:(?P<m1>{_HN})\s?月(?:份|\s?(?P<d1>{_HN})\s?[日号號](?![本圆元]))?)?"
    rf"|(?<![个個{HAN_DIGITS}\d])(?P<m2>{_HN})\s?月(?:份|\s?(?P<d2>{_HN})\s?[日号號](?![本圆元]))?"
    r"|(?<![A-Za-z0-9_./-])(?P<y3>\d{4})(?P<sep>[-/.])(?P<m3>\d{1,2})(?:(?P=sep)(?P<d3>\d{1,2}))?(?![.\-/]?\d)"
    rf"|(?<!\w)(?P<d4>\d{{1,2}})(?:st|nd|rd|th|\.|er|º)?(?: of| de)? (?P<m4>{_NAMES})\b\.?(?:,?(?: de| del)? (?P<y4>\d{{4}})\b)?"
    rf"|\b(?P<m5>{_NAMES})\b\.? (?P<d5>\d{{1,2}})(?:st|nd|rd|th)?\b(?!:)(?:,? (?P<y5>\d{{4}})\b)?"
    rf"|\b(?P<m6>{_NAMES})\b,?(?: of| de)? (?P<y6>\d{{4}})\b"
    r"|(?<!\d)(?P<y7>\d{4}) (?:год[ауе]?м?\b|г\.)",
    re.IGNORECASE,
)


_LONE_MONTH = re.compile(
    rf"(?<!\w)(?P<m>{'|'.join(n for n in sorted(MONTHS, key=len, reverse=True) if len(n) > 3)}|May)\b"
)


def dates(text: str, language: str) -> Iterator[Figure]:
    """Yield the dates of ``text``; a year alone is left to numbers, a month alone is a date."""
    last = 0
    for match in _DATE.finditer(text):
        parts = {key[0]: value for key, value in match.groupdict().items() if value}
        month, day = _month(parts.get("m")), _small(parts.get("d"))
        if month > 12 or day > 31 or (parts.get("sep") == "." and not parts.get("d")):
            continue
        if parts.get("m") and not month:
            continue
        last = match.end()
        yield Figure("date", match.start(), last, date=(_small(parts.get("y")), month, day))
    for match in _LONE_MONTH.finditer(text):
        # A month is a name: "may" and "march" in small letters are English verbs.
        capital = match["m"][0].isupper() or language not in ("en", "de", "")
        dated = any(m.start() <= match.start() < m.end() for m in _DATE.finditer(text))
        if capital and not dated and not (match["m"] == "May" and match.start() == 0):
            yield Figure("date", *match.span(), date=(0, MONTHS[match["m"].lower()], 0))


def _small(written: str | None) -> int:
    if not written:
        return 0
    value = float(written) if written.isdecimal() else han_value(written)
    return int(value or 0)


def _month(written: str | None) -> int:
    return MONTHS.get(written.lower(), 0) or _small(written) if written else 0


_TIME = re.compile(
    rf"(?P<half>凌晨|早上|早晨|清晨|上午|中午|下午|傍晚|晚上|晚间|午前|午後|夜里)?\s?(?<!\d)(?P<h>\d{{1,2}}|[{HAN_DIGITS}]{{1,3}})\s?"
    rf"(?:[点點时時](?![钟間间])(?:(?P<half2>半)|(?P<m>\d{{1,2}}|[{HAN_DIGITS}]{{1,3}})分)?|点钟|點鐘)"
    r"|(?P<half3>凌晨|早上|早晨|清晨|上午|中午|下午|傍晚|晚上|晚间|午前|午後)?\s?(?<![A-Za-z0-9_:.])(?P<h2>\d{1,2}):(?P<m2>\d{2})(?::\d{2})?(?![\d:])\s?(?P<ap2>[ap]\.?m\b\.?)?"
    r"|(?<![A-Za-z0-9_:.])(?P<h3>\d{1,2})\s?(?P<ap3>[ap]\.?m\b\.?)"
    r"|(?<![A-Za-z0-9_:.])(?P<h4>\d{1,2})(?:[.:h](?P<m4>\d{2}))?\s?(?:Uhr|น\.)"
    r"|(?P<noon>\b(?:noon|midday)\b|正午)|(?P<midnight>\bmidnight\b|午夜)",
    re.IGNORECASE,
)


def times(text: str, language: str) -> Iterator[Figure]:
    """Yield the times of day of ``text``, in minutes after midnight."""
    for match in _TIME.finditer(text):
        parts = {key.rstrip("234"): value for key, value in match.groupdict().items() if value}
        if "noon" in parts or "midnight" in parts:
            yield Figure("time", *match.span(), value=720.0 if "noon" in parts else 0.0)
            continue
        hour, minute = _small(parts["h"]), _small(parts.get("m"))
        if hour > 24 or minute > 59 or (_small(parts["h"]) == 0 and parts["h"][0] not in "0零〇"):
            continue
        if match["half2"]:
            minute, half = 30, match["half"]
        else:
            half = match["half"] or match["half3"]
        later = half in ("下午", "傍晚", "晚上", "晚间", "午後") or parts.get("ap", "")[:1] in (
            "p",
            "P",
        )
        earlier = bool(half and not later) or parts.get("ap", "")[:1] in ("a", "A")
        if (later and hour < 12) or (earlier and hour == 12 and half != "中午"):
            hour = (hour + 12) % 24
        clear = later or earlier or hour > 12 or hour == 0 or parts["h"].startswith("0")
        yield Figure("time", *match.span(), value=hour * 60.0 + minute, loose=not clear)


_WEEKDAY = re.compile(
    rf"(?:星期|礼拜|禮拜|[周週])(?P<zh>[一二三四五六日天末])(?![年期个])|(?P<ja>[月火水木金土日])曜日?|\b(?P<name>{'|'.join(WEEKDAYS)})s?\b",
    re.IGNORECASE,
)


def weekdays(text: str, language: str) -> Iterator[Figure]:
    """Yield the days of the week in ``text``, Monday as 1."""
    for match in _WEEKDAY.finditer(text):
        if match["zh"]:
            value = "一二三四五六日天末".index(match["zh"]) + 1
            value = 7 if match["zh"] == "天" else value
        elif match["ja"]:
            value = "月火水木金土日".index(match["ja"]) + 1
        elif len(match["name"]) < 4 or (match["name"][0].islower() and language in ("en", "de")):
            continue
        else:
            value = WEEKDAYS[match["name"].lower()]
        yield Figure("weekday", *match.span(), value=float(value))
