"""Running headers and footers: lines in the margins that stand on page after page.

A page number says nothing at all; a line that is the same on most pages says it once. A line in
the margin that differs from page to page in any other way is text, a "Chapter 2" on page 2 too.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["PageText", "only_counts_pages", "running_lines", "without_lines"]

_DIGITS = re.compile(r"\d+")
_SPACES = re.compile(r"\s+")
# A line that runs stands on at least this share of the pages, and on so many.
_SHARE, _FEWEST, _FEWEST_COUNTED = 0.5, 3, 2
_LONGEST = 200

# A number that counts the pages is a page number only where it says so: "Day 2" is a heading.
_PAGE_WORDS = frozenset(
    """p pp pg page pages of seite seiten s von página páginas pág pag pagina pagine di de sur side
    sidan sida av sivu strona str стр страница из sayfa trang halaman dari หน้า หน้าที่ पृष्ठ صفحة من
    第 页 頁 页码 頁碼 共 총 페이지 쪽 ページ 全""".split()
)
_WORD = re.compile(r"[^\W\d_]+")
_ALONE = re.compile(r"(?:^|\s{2,}|(?:^|\s)[|·•–—\-]\s*)#(?=$|\s{2,}|\s*[|·•–—\-](?:\s|$))")
_OF_ALL = re.compile(r"(\d+)\s*(?:[/／]|of|von|de|di|sur|из|av|dari)\s*(\d+)(?!\d)")


@dataclass(frozen=True, slots=True)
class PageText:
    """The text of a page, and the lines of it that stand in its margins."""

    text: str
    margins: tuple[str, ...] = ()


def running_lines(pages: Sequence[PageText]) -> tuple[list[frozenset[str]], list[frozenset[str]]]:
    """Return for each page the lines that run, and those of them that say nothing new there.

    The first page on which a line runs keeps it, unless it is a page number. Linear in the pages.
    """
    places: dict[str, dict[int, str]] = defaultdict(dict)
    for number, page in enumerate(pages):
        for line in page.margins:
            if 0 < len(line) <= _LONGEST:
                places[_shape(line)].setdefault(number, line)
    runs: list[set[str]] = [set() for _ in pages]
    idle: list[set[str]] = [set() for _ in pages]
    for found in places.values():
        counts = _counts(found) and all(_says_so(line, len(pages)) for line in found.values())
        fewest = _FEWEST_COUNTED if counts else _FEWEST
        if len(found) < max(fewest, _SHARE * len(pages)):
            continue
        if not counts and len(set(map(_plain, found.values()))) > 1:
            continue
        first = min(found)
        for number, line in found.items():
            runs[number].add(line)
            if counts or number != first:
                idle[number].add(line)
    return list(map(frozenset, runs)), list(map(frozenset, idle))


def without_lines(text: str, lines: frozenset[str]) -> str:
    """Return ``text`` without those of ``lines`` in it, each once."""
    if not lines:
        return text
    left = set(lines)
    kept = []
    for line in text.split("\n"):
        stripped = line.strip()
        if stripped in left:
            left.discard(stripped)
        else:
            kept.append(line)
    return "\n".join(kept)


def only_counts_pages(line: str) -> bool:
    """Tell whether a line has no words but those for pages."""
    return all(word in _PAGE_WORDS for word in _WORD.findall(line.casefold()))


def _shape(line: str) -> str:
    return _DIGITS.sub("#", _plain(line))


def _plain(line: str) -> str:
    return _SPACES.sub(" ", line).strip()


def _says_so(line: str, pages: int) -> bool:
    """Tell whether a line whose number grows with the pages is there for that number.

    It has no words but those for pages, or "3 of 12" for that many pages, or a number that other
    things than a space keep apart from the words.
    """
    if only_counts_pages(line):
        return True
    if any(int(last[:9]) == pages for _, last in _OF_ALL.findall(line)):
        return True
    return bool(_ALONE.search(_DIGITS.sub("#", line)))


def _counts(found: dict[int, str]) -> bool:
    """Tell whether one of the line's numbers grows by one from page to page."""
    if len(found) < _FEWEST_COUNTED:
        return False
    offsets = None
    for number, line in found.items():
        here = [int(digits[:9]) - number for digits in _DIGITS.findall(line)]
        pairs = set(enumerate(here))
        offsets = pairs if offsets is None else offsets & pairs
        if not offsets:
            return False
    return True
