"""The figures of a sentence: numbers with their units, dates, times of day, days of the week.

Written forms of the same figure compare equal: 16 and sixteen and 十六; 1,150 and 1150; 8万 and
80000; 90 minutes and 1.5 hours; 2024年3月5日, 5 March 2024 and 2024-03-05; 3 p.m. and 15:00.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from ragkit.answer.align_numerals import HAN_DIGITS, HAN_NUMERAL, han_value, spelled_numbers
from ragkit.answer.align_units import (
    BOUND_AFTER,
    BOUND_BEFORE,
    COUNTER,
    CURRENCY,
    MONTHS,
    MULTIPLIERS,
    UNIT,
    WEEKDAYS,
    unit_of,
)
from ragkit.retrieve.tokenizer import is_function_word

__all__ = ["Figure", "agree", "comparable", "figures"]

Kind = Literal["number", "date", "time", "weekday"]
# Languages that write 1.234,5 for what English writes 1,234.5.
_COMMA = frozenset(
    "de fr es it pt nl sv da no fi pl cs hu ro ru uk bg sr tr el ca et lt id vi eu".split()
)


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure at ``text[start:end]``.

    ``value`` is a canonical number, in the unit's base (seconds, metres, grams), minutes of the
    day for a time, 1 to 7 for a weekday. ``spelling`` is the digits of a number without a unit,
    by which 3.10 differs from 3.1. ``unit`` is its dimension; "?" stands for a word that is no
    unit known here, "" for none. ``date`` is (year, month, day), each 0 if not said. ``bound`` is
    "max" or "min" where the figure is a limit. ``loose`` tells a time without am or pm.
    """

    kind: Kind
    start: int
    end: int
    value: float = 0.0
    spelling: str = ""
    unit: str = ""
    ordinal: bool = False
    date: tuple[int, int, int] = (0, 0, 0)
    bound: Literal["", "max", "min"] = ""
    loose: bool = False


def agree(said: Figure, source: Figure) -> bool:
    """Return whether ``source`` bears out the figure that an answer ``said``.

    The source may say more (a whole date for a year) but not less, and not another limit.
    """
    if said.kind == "date" or source.kind == "date":
        ours, theirs = _as_date(said), _as_date(source)
        if ours is None or theirs is None:
            return False
        return all(a in (0, b) for a, b in zip(ours, theirs, strict=True))
    if said.kind != source.kind:
        return False
    if said.kind == "time":
        half = 720 if said.loose or source.loose else 1440
        return said.value % half == source.value % half
    if said.kind == "weekday":
        return said.value == source.value
    return _numbers_agree(said, source)


def comparable(a: Figure, b: Figure) -> bool:
    """Return whether one figure could stand in the place of the other."""
    if a.kind != b.kind:
        return _as_date(a) is not None and _as_date(b) is not None
    return a.kind != "number" or a.unit == b.unit or not a.unit or not b.unit


def _numbers_agree(said: Figure, source: Figure) -> bool:
    if said.unit == source.unit == "decade" and min(said.value, source.value) < 100:
        return said.value % 100 == source.value % 100
    if abs(said.value - source.value) > 1e-9 * max(1.0, abs(said.value)):
        return False
    if said.ordinal != source.ordinal and said.unit not in ("century", "quarter"):
        return False
    if said.bound and said.bound != source.bound:
        return False
    if said.unit != source.unit and said.unit:
        return False
    exact = not said.unit and not source.unit
    return not exact or said.spelling == source.spelling or not (said.spelling and source.spelling)


def _as_date(figure: Figure) -> tuple[int, int, int] | None:
    if figure.kind == "date":
        return figure.date
    year = figure.value
    if figure.kind == "number" and figure.unit == "" and not figure.ordinal and not figure.bound:
        if 1000 <= year < 2200 and year == int(year):
            return (int(year), 0, 0)
    return None


def figures(text: str, language: str | None) -> list[Figure]:
    """Return the figures of ``text`` (in NFKC) in order; they never overlap.

    Digits inside an identifier (``X3``, ``top_k2``) are no figure. Linear in ``len(text)``.
    """
    found: list[Figure] = []
    taken = text
    for scan in (_dates, _times, _weekdays, _digits, _han_numbers, _spelled):
        for figure in scan(taken, language or ""):
            found.append(figure)
            hole = "\0" * (figure.end - figure.start)
            taken = taken[: figure.start] + hole + taken[figure.end :]
    found.sort(key=lambda figure: figure.start)
    found = _share_units(text, found)
    return [_bounded(text, figure) if figure.kind == "number" else figure for figure in found]


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


def _dates(text: str, language: str) -> Iterator[Figure]:
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


def _times(text: str, language: str) -> Iterator[Figure]:
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


def _weekdays(text: str, language: str) -> Iterator[Figure]:
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


_MULTIPLIER = "|".join(sorted((re.escape(m) for m in MULTIPLIERS), key=len, reverse=True))
_CURRENCY = "|".join(sorted((re.escape(c) for c in CURRENCY), key=len, reverse=True))
_DIGITS = re.compile(
    rf"(?P<currency>(?:{_CURRENCY})\s?)?(?P<hundredth>百分之|第)?\s?(?P<minus>(?<![\w\d)])[-−])?"
    r"(?:(?<![A-Za-z0-9_])|(?<=EUR)|(?<=USD)|(?<=RMB)|(?<=CNY)|(?<=GBP)|(?<=(?<![A-Za-z])[vV]))(?<![A-Za-z_][-./:#])(?<!\d[.,])"
    r"(?P<digits>\d+(?:[.,'’]\d+)*)"
    rf"(?P<decade>s\b)?(?P<rank>st\b|nd\b|rd\b|th\b)?(?:\s?(?P<times>{_MULTIPLIER})(?![A-Za-zа-яё]))?"
    r"(?P<more>(?<=[亿億])\d+(?:\.\d+)?[万萬])?",
    re.IGNORECASE,
)
_IN_WORD = re.compile(r"[A-Za-z_]{1,3}\d|[A-Za-z_]{4}|[A-Za-z]+[-_/]")
_GROUPS = re.compile(r"\d{1,3}(?:[,'’]\d{3})+(?:\.\d+)?")
_GROUPS_DOT = re.compile(r"\d{1,3}(?:[.'’]\d{3})+(?:,\d+)?")


def _digits(text: str, language: str) -> Iterator[Figure]:
    for match in _DIGITS.finditer(text):
        written = match["digits"]
        number = _number(written, language)
        spelling = "" if match["times"] or match["decade"] else _plain(written, language)
        if number is None:  # a version, an address, a list without spaces
            yield Figure("number", *match.span("digits"), value=-1.0, spelling=spelling)
            continue
        number *= MULTIPLIERS.get((match["times"] or "").lower(), 1)
        if match["more"]:
            number += float(match["more"][:-1]) * 1e4
        yield _measured(
            text,
            Figure(
                "number",
                match.start(),
                match.end(),
                value=-number if match["minus"] else number,
                spelling="-" * bool(match["minus"]) + spelling,
                unit="decade" if match["decade"] else "",
                ordinal=bool(match["rank"]) or match["hundredth"] == "第",
            ),
            currency=CURRENCY.get((match["currency"] or "").strip().upper(), ""),
            percent=match["hundredth"] == "百分之",
            language=language,
        )


def _plain(written: str, language: str) -> str:
    """Return the digits without thousands separators, with a point before decimals."""
    if language in _COMMA:
        if _GROUPS_DOT.fullmatch(written):
            written = re.sub(r"[.'’]", "", written)
        return written.replace(",", ".")
    return re.sub(r"[,'’]", "", written) if _GROUPS.fullmatch(written) else written


def _number(written: str, language: str) -> float | None:
    plain = _plain(written, language)
    if "," in plain and plain.count(",") == 1:
        plain = plain.replace(",", ".")
    if not re.fullmatch(r"\d{1,30}(?:\.\d{1,30})?", plain):
        return None
    return float(plain)


_HALF = re.compile(r"半(?=[个個年月天日小时時])|\bhalf (?:an? )?(?=[a-z])|半(?=小时)")
_SPACE = re.compile(r"[\s\u00a0-]?")
_BETWEEN = re.compile(
    r" (?!(?:and|or|to|of|in|at|on|for|by|from|with|per|the|a|as|is)\b)[a-z]{3,12} "
)


def _measured(text: str, figure: Figure, *, currency: str, percent: bool, language: str) -> Figure:
    """Return ``figure`` with its unit: a currency before it, or the word after it."""
    if currency or percent:
        unit = currency or "percent"
        after = UNIT.match(text, _SPACE.match(text, figure.end).end())  # type: ignore[union-attr]
        end = after.end() if after and unit_of(after)[0] == unit else figure.end
        return replace(figure, unit=unit, spelling="", end=end)
    if figure.unit:
        return figure
    at = _SPACE.match(text, figure.end).end()  # type: ignore[union-attr]
    after = UNIT.match(text, at)
    if not after:
        between = _BETWEEN.match(text, figure.end)
        long_unit = UNIT.match(text, between.end()) if between else None
        if long_unit and len(long_unit[0]) > 2:  # ten working days
            dimension, size = unit_of(long_unit)
            return replace(figure, unit=dimension, value=figure.value * size, spelling="")
        return figure
    dimension, size = unit_of(after)
    return replace(figure, unit=dimension, value=figure.value * size, spelling="", end=after.end())


def _han_numbers(text: str, language: str) -> Iterator[Figure]:
    for match in HAN_NUMERAL.finditer(text):
        start, end = match.span()
        before, numeral = text[max(0, start - 3) : start], match[0]
        value = han_value(numeral)
        ordinal = before.endswith("第")
        percent = before == "百分之"
        counter = COUNTER.match(text, end)
        if value is None or numeral[0] in "万萬亿億" or (numeral == "千万" and not counter):
            continue
        if len(numeral) == 1 and not (ordinal or percent or counter):
            continue
        if numeral == "一" and not ordinal and counter and counter[0] not in _MEASURED:
            continue
        if numeral == "十" and text.startswith("分", end) and not text.startswith("分钟", end):
            continue
        yield _measured(
            text,
            Figure("number", start, end, value=value, ordinal=ordinal),
            currency="",
            percent=percent,
            language=language,
        )
    for match in _HALF.finditer(text):
        figure = Figure("number", *match.span(), value=0.5)
        measured = _measured(text, figure, currency="", percent=False, language=language)
        if measured.unit:
            yield measured


# After these even "one" is a count and no article.
_MEASURED = frozenset("年月天日周秒岁歲倍元度级級米克吨噸升斤小时時星期")


def _spelled(text: str, language: str) -> Iterator[Figure]:
    known = language if language not in ("zh", "zh-Hant", "ja", "th", "ko") else ""
    for start, end, value, ordinal in spelled_numbers(text, known or "en"):
        figure = _measured(
            text,
            Figure("number", start, end, value=value, ordinal=ordinal),
            currency="",
            percent=False,
            language=language,
        )
        if ordinal and (figure.unit == "time" or not _DETERMINED.search(text, 0, start)):
            continue  # "First, ..." tells an order of speech, "30 seconds" a time
        if value == 1 and not ordinal and not figure.unit:
            continue  # a pronoun or an article
        yield figure


# An ordinal in words counts where it tells one thing of several: the second, its third.
_DETERMINED = re.compile(
    r"\b(?:the|a|an|his|her|its|their|our|my|your|this|that|every|each|[\w]+'s|in)[ -]$",
    re.IGNORECASE,
)
_RANGE = re.compile(r"\s?(?:[-–—~～至到]|to|bis|à|and|or|или|до)\s?")


def _share_units(text: str, found: list[Figure]) -> list[Figure]:
    """Give the first number of a range the unit of the second: 3-5 days, 3至5天."""
    shared = list(found)
    for n in range(len(shared) - 2, -1, -1):
        first, second = shared[n], shared[n + 1]
        numbers = first.kind == second.kind == "number"
        unit = second.unit if numbers and not first.unit else ""
        if unit and _RANGE.fullmatch(text[first.end : second.start]):
            value = first.value * _scale(text, second)
            shared[n] = replace(first, unit=unit, value=value, spelling="")
    return shared


def _scale(text: str, figure: Figure) -> float:
    for match in UNIT.finditer(text, figure.start, figure.end + 16):
        dimension, size = unit_of(match)
        if dimension == figure.unit:
            return size
    return 1.0


def _bounded(text: str, figure: Figure) -> Figure:
    """Return ``figure`` with the words of limit around it, within its clause."""
    before = BOUND_BEFORE.search(text[max(0, figure.start - 28) : figure.start])
    match = before or BOUND_AFTER.match(text, figure.end, figure.end + 24)
    if not match:
        return figure
    return replace(figure, bound="max" if match["max"] else "min")
