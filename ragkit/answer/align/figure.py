"""A figure in a sentence, and when two of them are the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Figure", "agree", "comparable"]

Kind = Literal["number", "date", "time", "weekday"]


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
        return (int(year), 0, 0) if 1000 <= year < 2200 and year == int(year) else None
    return None
