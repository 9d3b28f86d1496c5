"""What a sentence is taken apart into, before two are compared."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from ragkit.answer.align.figure import Figure
from ragkit.answer.align.words import synonyms

__all__ = ["CONTENT", "Element", "Reading", "likes"]

ElementKind = Literal["word", "char", "figure", "name", "identifier"]


# An element lighter than this is grammar: a paraphrase may add or drop it.
CONTENT = 0.2


@dataclass(frozen=True, slots=True)
class Element:
    """One word, figure, identifier, or character of a script without spaces, at ``at``.

    ``beside`` are the words before and after a figure, grammar included.
    """

    key: str
    kind: ElementKind
    weight: float
    at: int
    clause: int
    figure: Figure | None = None
    beside: tuple[str, str] = ("", "")


@dataclass(frozen=True)
class Reading:
    """A sentence as ``find_support`` compares it.

    ``denials`` are ``(clause, element)``: a negation in the clause, before that element.
    ``marks`` are the words of scope by clause; ``sides`` the words that have an opposite, as
    ``(clause, element, own, (pair, side))``: they stand at that element, or are it if ``own``.
    ``agency`` are the elements of a passive verb and its agent. ``anaphor`` tells a sentence that
    opens with a pronoun, ``relative`` the clauses that do.
    """

    plain: str
    language: str | None
    elements: tuple[Element, ...]
    clauses: int
    denials: tuple[tuple[int, int], ...]
    parity: dict[int, tuple[bool, bool]]
    marks: dict[str, frozenset[int]]
    sides: tuple[tuple[int, int, bool, tuple[int, int]], ...]
    passive: bool
    agency: tuple[int, int] | None
    anaphor: bool
    relative: frozenset[int]
    total: float = field(default=0.0)

    @cached_property
    def index(self) -> dict[str, list[int]]:
        """Where each key stands."""
        found: dict[str, list[int]] = defaultdict(list)
        for n, element in enumerate(self.elements):
            found[element.key].append(n)
        return dict(found)

    @cached_property
    def likes(self) -> dict[str, list[int]]:
        """Where words stand that share a beginning (``^abcde``) or a meaning (``=12``)."""
        found: dict[str, list[int]] = defaultdict(list)
        for n, element in enumerate(self.elements):
            if element.kind == "word":
                for like in likes(element.key, self.language):
                    found[like].append(n)
        return dict(found)

    @cached_property
    def figures(self) -> list[int]:
        """Which elements are figures."""
        return [n for n, element in enumerate(self.elements) if element.figure]

    @cached_property
    def pairs(self) -> frozenset[str]:
        """Pairs of neighbouring characters, and all other keys."""
        found = {e.key for e in self.elements if e.kind != "char"}
        chars = zip(self.elements, self.elements[1:], strict=False)
        found.update(a.key + b.key for a, b in chars if a.kind == b.kind == "char")
        return frozenset(found)


def likes(key: str, language: str | None) -> list[str]:
    """Return what a stem shares with words that may stand for it."""
    found = [f"={group}" for group in synonyms(language or "en").get(key, ())]
    if len(key) >= 5 and key.isalpha():
        found.append("^" + key[:5])
    return found
