"""The numbers of lists and headings in OpenDocument texts (ODF 1.3 part 3, 16.27 to 16.31, 19.880).

As in Word, they stand in no paragraph: styles say how each level counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ragkit.ingest.readers.content import one_line
from ragkit.ingest.readers.number_formats import BULLET, small_number, written

__all__ = ["Numbers", "OpenList"]

_TEXT = "{urn:oasis:names:tc:opendocument:xmlns:text:1.0}"
_STYLE = "{urn:oasis:names:tc:opendocument:xmlns:style:1.0}"
_XML_ID = "{http://www.w3.org/XML/1998/namespace}id"
_FORMATS = {
    "1": "decimal", "a": "lowerLetter", "A": "upperLetter", "i": "lowerRoman", "I": "upperRoman",
    "01, 02, 03, ...": "decimalZero", "一, 二, 三, ...": "chineseCounting",
    "甲, 乙, 丙, ...": "ideographTraditional", "①, ②, ③, ...": "decimalEnclosedCircle",
}  # fmt: skip
_DEEPEST, _LONGEST = 10, 60
_OUTLINE = ""  # the name of the style of headings, which has none


class _Level(NamedTuple):
    kind: str
    before: str
    behind: str
    shown: int  # how many levels, this one the last
    start: int


@dataclass(slots=True)
class OpenList:
    """A list that is being read: the style of its levels, and how far each of them counted."""

    style: str
    counts: dict[int, int] = field(default_factory=dict)


class Numbers:
    """Counts lists, items and headings, which must be asked for in the order of the text."""

    def __init__(self, roots: Iterable[Any]) -> None:
        """Take the root elements of content.xml and styles.xml."""
        self._styles: dict[str, Mapping[int, _Level]] = {}
        self._of_paragraphs: dict[str, str] = {}
        for root in roots:
            for style in root.iter(_TEXT + "list-style", _TEXT + "outline-style"):
                is_outline = style.tag.endswith("outline-style")
                name = _OUTLINE if is_outline else style.get(_STYLE + "name") or "?"
                self._styles.setdefault(name, dict(_levels(style)))
            for style in root.iter(_STYLE + "style"):
                if list_style := style.get(_STYLE + "list-style-name"):
                    self._of_paragraphs[style.get(_STYLE + "name") or ""] = list_style
        self._headings = OpenList(_OUTLINE)
        self._last: dict[str, OpenList] = {}  # by style, and by identity

    def opened(self, element: Any, outer: OpenList | None, depth: int) -> OpenList:
        """Return the state of the ``text:list`` ``element`` of level ``depth``, from 0."""
        named = element.get(_TEXT + "style-name")
        goes_on = element.get(_TEXT + "continue-numbering") == "true"
        if outer is not None:
            if not goes_on:
                for deeper in [level for level in outer.counts if level >= depth]:
                    del outer.counts[deeper]
            return OpenList(named, outer.counts) if named else outer
        if named is None:
            first = next(element.iter(_TEXT + "p", _TEXT + "h"), None)
            style = "" if first is None else first.get(_TEXT + "style-name") or ""
            named = self._of_paragraphs.get(style, "?")
        before = self._last.get("#" + (element.get(_TEXT + "continue-list") or ""))
        before = before or (self._last.get(named) if goes_on else None)
        opened = OpenList(named, before.counts if before else {})
        self._last[named] = opened
        if identity := element.get(_XML_ID):
            self._last["#" + identity] = opened
        return opened

    def item(self, element: Any, opened: OpenList, depth: int) -> str:
        """Return what stands before the first paragraph of an item of level ``depth``, from 0."""
        start = element.get(_TEXT + "start-value")
        return self._counted(opened, depth, start) or BULLET

    def heading(self, element: Any, level: int) -> str:
        """Return what stands before a heading of ``level``, from 1; empty without a number."""
        if element.get(_TEXT + "is-list-header") == "true":
            return ""
        start = element.get(_TEXT + "start-value")
        if start is None and element.get(_TEXT + "restart-numbering") == "true":
            self._headings.counts.pop(level - 1, None)
        label = self._counted(self._headings, level - 1, start)
        return "" if label == BULLET else label

    def _counted(self, opened: OpenList, depth: int, start: str | None) -> str:
        """Count one more at ``depth``; return its label, empty in a format that is not known."""
        levels = self._styles.get(opened.style, {})
        own = levels.get(depth)
        counts = opened.counts
        if start is not None:
            counts[depth] = small_number(start, 1)
        else:
            counts[depth] = counts[depth] + 1 if depth in counts else own.start if own else 1
        for deeper in [level for level in counts if level > depth]:
            del counts[deeper]
        if own is None or own.kind == "bullet":
            return BULLET
        above = range(max(0, depth - own.shown + 1), depth + 1)
        shown = [(at, levels[at]) for at in above if at in levels and levels[at].kind]
        said = [written(counts.get(at, level.start), level.kind) for at, level in shown]
        if not own.kind or None in said:
            return ""
        label = one_line(own.before + ".".join(filter(None, said)) + own.behind)
        return f"{label} " if len(label) <= _LONGEST else ""


def _levels(style: Any) -> Iterable[tuple[int, _Level]]:
    for element in style:
        depth = small_number(element.get(_TEXT + "level"), 0) - 1
        if not isinstance(element.tag, str) or not 0 <= depth < _DEEPEST:
            continue
        kind = element.get(_STYLE + "num-format") or ""
        if not element.tag.endswith(("-number", "outline-level-style")):
            yield depth, _Level("bullet", "", "", 1, 1)
            continue
        yield (
            depth,
            _Level(
                kind=_FORMATS.get(kind, kind),
                before=(element.get(_STYLE + "num-prefix") or "")[: _LONGEST + 1],
                behind=(element.get(_STYLE + "num-suffix") or "")[: _LONGEST + 1],
                shown=max(1, small_number(element.get(_TEXT + "display-levels"), 1)),
                start=small_number(element.get(_TEXT + "start-value"), 1),
            ),
        )
