"""The figures of a sentence: numbers with their units, dates, times of day, days of the week.

Written forms of the same figure compare equal: 16 and sixteen and 十六; 1,150 and 1150; 8万 and
80000; 90 minutes and 1.5 hours; 2024年3月5日, 5 March 2024 and 2024-03-05; 3 p.m. and 15:00.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from ragkit.answer.align.dates import dates, times, weekdays
from ragkit.answer.align.figure import Figure
from ragkit.answer.align.numerals import HAN_NUMERAL, han_value, spelled_numbers
from ragkit.answer.align.units import (
    BOUND_AFTER,
    BOUND_BEFORE,
    COUNTER,
    CURRENCY,
    MULTIPLIERS,
    UNIT,
    unit_of,
)

__all__ = ["figures"]

# Languages that write 1.234,5 for what English writes 1,234.5.
_COMMA = frozenset(
    "de fr es it pt nl sv da no fi pl cs hu ro ru uk bg sr tr el ca et lt id vi eu".split()
)


def figures(text: str, language: str | None) -> list[Figure]:
    """Return the figures of ``text`` (in NFKC) in order; they never overlap.

    Digits inside an identifier (``X3``, ``top_k2``) are no figure. Linear in ``len(text)``.
    """
    found: list[Figure] = []
    taken = text
    for scan in (dates, times, weekdays, _digits, _han_numbers, _spelled):
        for figure in scan(taken, language or ""):
            found.append(figure)
            hole = "\0" * (figure.end - figure.start)
            taken = taken[: figure.start] + hole + taken[figure.end :]
    found.sort(key=lambda figure: figure.start)
    found = _share_units(text, found)
    return [_bounded(text, figure) if figure.kind == "number" else figure for figure in found]


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
        if text.startswith("分之", end) and numeral == "百":
            continue
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
