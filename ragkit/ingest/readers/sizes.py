"""How much text an element of a page shows, how much of it in links, and what else it holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["HEADINGS", "SILENT_TAGS", "Sizes", "length", "measured", "tag_of"]

# Not ``embed``, which never ends in HTML: what follows it stands in it.
SILENT_TAGS = frozenset(
    "script style noscript template svg annotation iframe object applet canvas audio video "
    "head datalist".split()
)
HEADINGS = frozenset("h1 h2 h3 h4 h5 h6".split())


@dataclass(slots=True)
class Sizes:
    """Of one element with all below it: characters, those in links, links, and what it holds."""

    characters: int = 0
    linked: int = 0
    links: int = 0
    main: bool = False
    title: bool = False
    heading: bool = False
    table: bool = False
    holds_table: bool = False
    control: bool = False

    @property
    def own(self) -> int:
        """Characters outside links."""
        return self.characters - self.linked

    @property
    def density(self) -> float:
        """The share of characters that are in links."""
        return self.linked / self.characters if self.characters else 0.0


def tag_of(element: Any) -> str:
    """Return an element's name without namespace; empty for comments and the like."""
    tag = element.tag
    return tag.rpartition("}")[2].lower() if isinstance(tag, str) else ""


def measured(root: Any) -> dict[Any, Sizes]:
    """Return the sizes of all elements that show anything, bottom up."""
    sizes: dict[Any, Sizes] = {}
    order: list[Any] = []
    stack = [root]
    while stack:
        element = stack.pop()
        if (tag := tag_of(element)) and tag not in SILENT_TAGS:
            order.append(element)
            stack.extend(element)
    for element in reversed(order):
        tag = tag_of(element)
        total = Sizes(
            main=tag in ("main", "article") or element.get("role") == "main",
            title=tag == "h1",
            heading=tag in HEADINGS,
            table=tag == "table",
            control=tag in ("button", "input", "select") or element.get("role") == "button",
        )
        total.characters = length(element.text)
        for child in element:
            if inner := sizes.get(child):
                total.characters += inner.characters
                total.linked += inner.linked
                total.links += inner.links
                total.main |= inner.main
                total.title |= inner.title
                total.heading |= inner.heading
                total.table |= inner.table
                total.holds_table |= inner.table
                total.control |= inner.control
            total.characters += length(child.tail)
        if tag == "a":
            total.linked, total.links = total.characters, 1
        sizes[element] = total
    return sizes


def length(text: str | None) -> int:
    """Return the number of characters of ``text`` that are not white space."""
    return len("".join(text.split())) if text else 0
