"""The numbers that Word puts before paragraphs itself: "Article 3", "1.2.", "(a)", 第三条.

They stand in no paragraph: numbering.xml says how each level of each list counts (ISO 29500-1,
17.9), and the paragraphs, or their styles, to which level of which list they belong.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from ragkit.ingest.readers.content import one_line
from ragkit.ingest.readers.number_formats import BULLET, small_number, written

__all__ = ["Item", "Numbering"]

_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_LEVELS = 9
_PLACE = re.compile("%([1-9])")
_LONGEST = 60
_MOST_ABOVE = 50  # styles on which one is based, which a file could make endless
_BETWEEN = {"nothing": "", "space": " ", "tab": " "}
_GONE = (_W + "del", _W + "moveFrom")
_OFF = ("0", "false", "off")


class Item(NamedTuple):
    """What Word puts before a paragraph, the space behind it included, and its level, from 0.

    The label of a bullet is ``BULLET``. Where it is in no format that is known, it is that, or
    empty if only the paragraph's style says that it is in a list.
    """

    label: str
    level: int


@dataclass(frozen=True, slots=True)
class _Level:
    """One level of a list; ``restarts`` is the highest level, from 1, that restarts it."""

    kind: str = "decimal"
    text: str = ""
    start: int = 1
    restarts: int | None = None
    between: str = " "
    all_decimal: bool = False
    style: str = ""


@dataclass(slots=True)
class _Count:
    """How far a list has counted, and in which of its uses a start of their own held already."""

    numbers: dict[int, int] = field(default_factory=dict)
    begun: set[tuple[str, int]] = field(default_factory=set)


class Numbering:
    """Counts the paragraphs of a document, which must be asked for in their order, each once."""

    def __init__(self, numbering: Any, styles: Any) -> None:
        """Take the root elements of numbering.xml, or None without one, and of styles.xml."""
        self._styles = {s.get(_W + "styleId") or "": s for s in styles.iter(_W + "style")}
        self._places: dict[str, dict[str, str]] = {}  # what styles say, inherited
        self._lists: dict[str, dict[int, _Level]] = {}  # by abstractNumId
        self._uses: dict[str, tuple[str, dict[int, _Level], frozenset[int]]] = {}
        self._counts: dict[str, _Count] = {}
        if numbering is not None:
            self._read(numbering)

    def _read(self, numbering: Any) -> None:
        linked: dict[str, str] = {}  # lists that are another's, by the style that both name
        for abstract in numbering.iterchildren(_W + "abstractNum"):
            identity = abstract.get(_W + "abstractNumId") or ""
            self._lists[identity] = dict(_levels(abstract.iterchildren(_W + "lvl")))
            if style := _value(abstract, "numStyleLink"):
                linked[identity] = style
        uses = list(numbering.iterchildren(_W + "num"))
        lists = {use.get(_W + "numId") or "": _value(use, "abstractNumId") for use in uses}
        for use in uses:
            number = use.get(_W + "numId") or ""
            identity = lists[number] or ""
            if identity in linked:
                of_style = self._inherited(linked[identity]).get("numId", "")
                identity = lists.get(of_style) or identity
            own, restarted = self._overridden(use, self._lists.get(identity, {}))
            self._uses[number] = identity, own, restarted

    @staticmethod
    def _overridden(
        use: Any, levels: Mapping[int, _Level]
    ) -> tuple[dict[int, _Level], frozenset[int]]:
        """Return the levels of a use of a list, and those that begin anew with it."""
        own = dict(levels)
        restarted = set()
        for override in use.iterchildren(_W + "lvlOverride"):
            own.update(_levels(override.iterchildren(_W + "lvl")))
            at = small_number(override.get(_W + "ilvl"), 0)
            if (start := _value(override, "startOverride")) is not None and at in own:
                own[at] = replace(own[at], start=small_number(start, 1))
                restarted.add(at)
        return own, frozenset(restarted)

    def item(self, paragraph: Any) -> Item | None:
        """Return what Word puts before ``paragraph``; None where it is in no list."""
        properties = paragraph.find(_W + "pPr")
        style = _value(properties, "pStyle") or ""
        direct = _place(properties)
        inherited = self._inherited(style)
        number = direct.get("numId", inherited.get("numId"))
        if number in (None, "0"):
            return None
        identity, levels, restarted = self._uses.get(number, ("", {}, frozenset()))
        if "ilvl" in direct or "numId" in direct:
            at = small_number(direct.get("ilvl"), 0)
        else:
            named = (at for at, level in levels.items() if style and level.style == style)
            at = next(named, small_number(inherited.get("ilvl"), 0))
        level = levels.get(at)
        unknown = Item(BULLET if direct else "", at)
        if level is None or _joins_the_next(properties):
            return unknown
        count = self._counts.setdefault(identity, _Count())
        if at in restarted and (number, at) not in count.begun:
            count.begun.add((number, at))
            count.numbers.pop(at, None)
        _advance(count.numbers, at, levels)
        label = _label(count.numbers, at, levels)
        return Item(label, at) if label else unknown

    def _inherited(self, style: str) -> dict[str, str]:
        """Return ``numId`` and ``ilvl`` as a style or those that it is based on say."""
        if style in self._places:
            return self._places[style]
        found: dict[str, str] = {}
        seen: set[str] = set()
        above = style
        while above in self._styles and above not in seen and len(seen) < _MOST_ABOVE:
            seen.add(above)
            element = self._styles[above]
            found = _place(element.find(_W + "pPr")) | found
            above = _value(element, "basedOn") or ""
        if seen:
            self._places[style] = found
        return found


def _levels(elements: Iterable[Any]) -> Iterable[tuple[int, _Level]]:
    for element in elements:
        at = small_number(element.get(_W + "ilvl"), -1)
        if not 0 <= at < _LEVELS:
            continue
        restarts = _value(element, "lvlRestart")
        hidden = element.find(f"{_W}rPr/{_W}vanish")
        text = _value(element, "lvlText") or ""
        fallback = next(element.iterfind(".//{*}Fallback/{*}numFmt"), None)
        kind = _value(element, "numFmt") or (
            "decimal" if fallback is None else fallback.get(_W + "val") or ""
        )
        yield (
            at,
            _Level(
                kind="" if hidden is not None and hidden.get(_W + "val") not in _OFF else kind,
                text=text if len(text) <= _LONGEST else "",
                start=small_number(_value(element, "start"), 0),
                restarts=None if restarts is None else small_number(restarts, 0),
                between=_BETWEEN.get(_value(element, "suff") or "", " "),
                all_decimal=_is_on(element.find(_W + "isLgl")),
                style=_value(element, "pStyle") or "",
            ),
        )


def _advance(numbers: dict[int, int], at: int, levels: Mapping[int, _Level]) -> None:
    """Count one paragraph of level ``at``; deeper levels begin anew (17.9.10, lvlRestart)."""
    numbers[at] = numbers[at] + 1 if at in numbers else levels[at].start
    for deeper in [level for level in numbers if level > at]:
        restarts = levels[deeper].restarts if deeper in levels else None
        if restarts is None or at < restarts:
            del numbers[deeper]


def _label(numbers: Mapping[int, int], at: int, levels: Mapping[int, _Level]) -> str:
    own = levels[at]
    if own.kind == "bullet":
        return BULLET
    parts: list[str] = []
    for number, piece in enumerate(_PLACE.split(own.text)):
        if number % 2 == 0:
            parts.append(piece)
            continue
        place = int(piece) - 1
        level = levels.get(place)
        if place > at or level is None:
            return ""
        kind = "decimal" if own.all_decimal and level.kind != "none" else level.kind
        said = written(numbers.get(place, level.start), kind)
        if said is None:
            return ""
        parts.append(said)
    label = one_line("".join(parts))
    return label + own.between if label and own.kind and len(label) <= _LONGEST else ""


def _place(properties: Any) -> dict[str, str]:
    """Return ``numId`` and ``ilvl`` as far as the properties of a paragraph or style name them."""
    found = {name: _value(properties, f"numPr/{name}") for name in ("numId", "ilvl")}
    return {name: value for name, value in found.items() if value is not None}


def _joins_the_next(properties: Any) -> bool:
    """Tell a paragraph whose end was deleted or moved away, so that the next one goes on in it."""
    marks = () if properties is None else properties.iterfind(f"{_W}rPr/*")
    return any(mark.tag in _GONE for mark in marks)


def _is_on(mark: Any) -> bool:
    return mark is not None and mark.get(_W + "val") not in _OFF


def _value(element: Any, path: str) -> str | None:
    if element is None:
        return None
    found = element.find("/".join(_W + step for step in path.split("/")))
    return None if found is None else found.get(_W + "val")
