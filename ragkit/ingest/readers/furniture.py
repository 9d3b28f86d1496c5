"""What on a web page is not its text: navigation, headers, footers, banners, lists of other pages.

An element is furniture by what it says it is (its tag, its role, or the words of its id and class)
and only where it looks like it: few words beside its links, or outside the page's main part, and
never the better part of the page. Kohlschütter et al. 2010, "Boilerplate detection using shallow
text features", found the density of links to tell most. A leftover menu is the smaller harm: what
is in doubt stays.
"""

from __future__ import annotations

import re
from itertools import islice
from typing import Any

from ragkit.ingest.readers.furniture_words import (
    CONSENT,
    COOKIES,
    FOOT,
    HEAD,
    MENU,
    MORE,
    NAV,
    PARTS,
    RELATED,
    SIDE,
)
from ragkit.ingest.readers.sizes import HEADINGS, SILENT_TAGS, Sizes, length, measured, tag_of

__all__ = ["find_furniture"]

_NEVER = frozenset("html body main article h1 tr th tbody thead".split())
_CONTROLS = frozenset("button menu dialog".split())
_DIALOGS = frozenset("search menu menubar dialog alertdialog toolbar".split())
_BLOCKS = frozenset(
    "div section ul ol p center table form span td header footer aside nav dl".split()
)

_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_WORDS = re.compile(r"[a-z]+")
_FIXED = re.compile(r"position\s*:\s*(?:fixed|sticky)", re.I)
_SYMBOLS = re.compile(r"[\W_]{1,3}")

# Shares of an element's characters that stand in links.
_LINKED, _MOSTLY_LINKED, _NOTHING_BUT_LINKS = 0.4, 0.55, 0.85
# Characters. A footer of a few lines is one whatever share of a short page it takes.
_SMALL, _BANNER, _CONSENT_LENGTH = 400, 800, 3000
# The share of the page's words outside links that furniture may hold, beyond ``_SMALL``.
_LARGEST_SHARE = 0.3
# Of the page's words outside links that must be left, or names are not trusted.
_LEAST_LEFT = 0.3
_SHORT_LINK = 28
_MOST_SIBLINGS = 200
_FEWEST_LINKS = 3
_HEADING_DEPTH = 3  # elements between a heading and what it holds


def find_furniture(root: Any) -> frozenset[Any]:
    """Return the outermost elements below ``root`` that are no part of the page's text.

    Linear in the number of elements; never ``root``. It may be all that the page has.
    """
    sizes = measured(root)
    page = sizes[root]
    sure: set[Any] = set()
    likely: set[Any] = set()
    seen_title = False
    stack: list[tuple[Any, bool, bool]] = [(child, False, False) for child in reversed(root)]
    while stack:
        element, in_main, in_text = stack.pop()
        tag = tag_of(element)
        if not tag or element not in sizes:
            continue
        own = sizes[element]
        if tag not in _NEVER and not _is_whole_heading(element, sizes):
            if _is_tagged(element, tag, own, page, in_text):
                sure.add(element)
                continue
            placed = tag in _BLOCKS and (tag != "td" or _places_things(element, sizes))
            if (placed and _is_named(element, own, page, in_main, in_text)) or (
                placed and not in_text and _is_bare_menu(element, sizes, page, seen_title)
            ):
                likely.add(element)
                continue
        seen_title = seen_title or tag in ("h1", "h2")
        role = element.get("role") or ""
        in_main = in_main or tag == "main" or role == "main"
        in_text = in_text or in_main or tag in ("article", "section", "blockquote", "figure")
        stack.extend((child, in_main, in_text) for child in reversed(element))
    left = page.own - sum(sizes[element].own for element in sure | likely)
    return frozenset(sure if left < _LEAST_LEFT * page.own else sure | likely)


def _is_tagged(element: Any, tag: str, own: Sizes, page: Sizes, in_text: bool) -> bool:
    """Tell furniture by its tag and its role, and banners that ask for consent."""
    role = (element.get("role") or "").lower()
    if tag in _CONTROLS or role in _DIALOGS or _is_consent(element, own, page):
        return True
    if tag == "nav" or role == "navigation":
        return own.own < max(_SMALL, 0.6 * page.own) or own.density >= _LINKED
    if tag == "a":
        return own.characters <= 3 and _is_anchor(element)
    if own.main and own.own > 0.2 * page.own:
        return False
    small = _is_small(own, page)
    if tag == "footer" or role == "contentinfo":
        return small and (not in_text or own.density >= _LINKED)
    if tag == "header" or role == "banner":
        return small and not in_text and not own.heading
    if tag == "aside" or role == "complementary":
        if own.density >= _LINKED or _about_others(element, own):
            return True
        others = _words(element.get("id"), element.get("class")) & (MORE | NAV)
        return small and (_apart(in_text, page) or bool(others))
    return False


def _is_whole_heading(element: Any, sizes: dict[Any, Sizes]) -> bool:
    """Tell all that a heading holds, such as the button that unfolds the text below it."""
    for above in islice(element.iterancestors(), _HEADING_DEPTH):
        if tag_of(above) in HEADINGS:
            return sizes[above].characters == sizes[element].characters
    return False


def _is_small(own: Sizes, page: Sizes) -> bool:
    return own.own <= _SMALL or own.own <= _LARGEST_SHARE * page.own


def _is_named(element: Any, own: Sizes, page: Sizes, in_main: bool, in_text: bool) -> bool:
    """Tell furniture by the words of its id and class, where it looks like what they say."""
    if own.main and own.own > 0.2 * page.own:
        return False
    if _about_others(element, own):
        return True
    # The id of a section is often made of its heading.
    words = _words("" if _opens_with_heading(element) else element.get("id"), element.get("class"))
    if not words or not _is_small(own, page) or own.title:
        return False
    linked = own.density >= _MOSTLY_LINKED
    if words & NAV:
        return linked or own.own <= _SMALL // 4 or (not in_text and own.density >= _LINKED)
    if words & MENU:
        return linked and own.links >= _FEWEST_LINKS - 1
    if words & PARTS and words & (FOOT | HEAD | SIDE):
        return linked and not own.heading
    if words & FOOT:
        return linked or not in_text
    if words & HEAD:
        return not in_text and not own.heading and (linked or own.own <= _SMALL // 2)
    if words & SIDE:
        return (own.density >= _LINKED and own.links > 1) or _apart(in_text, page)
    if words & MORE:
        return linked or own.control or (own.own <= _SMALL // 2 and bool(own.links) and not in_main)
    return False


def _opens_with_heading(element: Any) -> bool:
    return len(element) > 0 and tag_of(element[0]) in HEADINGS


def _apart(in_text: bool, page: Sizes) -> bool:
    """Tell what is outside the main part of a page that has one."""
    return page.main and not in_text


def _words(*names: str | None) -> set[str]:
    """Return the words of ids and classes, and each as a whole: "site-footer", "navBar"."""
    found: set[str] = set()
    for name in " ".join(filter(None, names)).split():
        found |= set(_WORDS.findall(_HUMP.sub(" ", name).lower()))
        found.add("".join(_WORDS.findall(name.lower())))
    return found


def _is_consent(element: Any, own: Sizes, page: Sizes) -> bool:
    if own.main or own.title or own.characters > _CONSENT_LENGTH:
        return False
    minor = own.own <= 0.6 * page.own
    fixed = _FIXED.search(element.get("style") or "") is not None
    if CONSENT.search(f"{element.get('id') or ''} {element.get('class') or ''}"):
        return minor or own.control or fixed
    if own.characters > _BANNER or not (own.control or fixed) or not minor:
        return False
    return COOKIES.search("".join(element.itertext())) is not None


def _is_anchor(link: Any) -> bool:
    """Tell a mark beside a heading that links to the heading itself."""
    text = "".join(link.itertext()).strip()
    return (link.get("href") or "").startswith("#") and _SYMBOLS.fullmatch(text) is not None


def _about_others(element: Any, own: Sizes) -> bool:
    """Tell a list of other pages by the heading that it begins with."""
    if own.density < _LINKED or own.characters > 4 * _BANNER or own.main or own.title:
        return False
    for child in element:
        tag = tag_of(child)
        if tag in HEADINGS or (tag in ("p", "div", "strong", "span", "header") and len(child) < 2):
            text = " ".join("".join(child.itertext()).split()).strip(" :：.…")
            return RELATED.fullmatch(text) is not None
        if tag:
            return False
    return False


def _places_things(cell: Any, sizes: dict[Any, Sizes]) -> bool:
    """Tell the cells of tables that only place things on the page: they hold headings or tables."""
    table = next((above for above in cell.iterancestors() if tag_of(above) == "table"), None)
    if table is None or table not in sizes:
        return False
    return sizes[table].heading or sizes[table].holds_table


def _is_bare_menu(element: Any, sizes: dict[Any, Sizes], page: Sizes, seen_title: bool) -> bool:
    """Tell a menu without a name: short links and nothing else, above the title or at the end.

    Only of a page that has far more text, since a list of links may be what a page is for.
    """
    own = sizes[element]
    if own.links < _FEWEST_LINKS or own.density < _NOTHING_BUT_LINKS:
        return False
    if own.main or own.title or own.linked / own.links > _SHORT_LINK:
        return False
    if page.own < max(3 * own.characters, _SMALL // 2):
        return False
    if not seen_title:
        return page.title or not _before(element)
    return not _after(element, sizes) and not _follows_heading(element)


def _before(element: Any) -> bool:
    """Tell whether text stands before an element."""
    while (parent := element.getparent()) is not None:
        if length(parent.text):
            return True
        for sibling in islice(element.itersiblings(preceding=True), _MOST_SIBLINGS):
            if length(sibling.tail) or (
                tag_of(sibling) not in SILENT_TAGS and length("".join(sibling.itertext()))
            ):
                return True
        element = parent
    return False


def _after(element: Any, sizes: dict[Any, Sizes]) -> bool:
    """Tell whether a paragraph's worth of text stands after an element."""
    left = 80
    while (parent := element.getparent()) is not None:
        left -= length(element.tail)
        for sibling in islice(element.itersiblings(), _MOST_SIBLINGS):
            if sibling in sizes:
                left -= sizes[sibling].own + length(sibling.tail)
            if left < 0:
                return True
        element = parent
    return False


def _follows_heading(element: Any) -> bool:
    """Tell whether an element is introduced: by a heading, or by words that end in a colon."""
    while element is not None and tag_of(element) not in ("body", "html"):
        for sibling in islice(element.itersiblings(preceding=True), _MOST_SIBLINGS):
            if tag_of(sibling) in HEADINGS:
                return True
            text = "".join(sibling.itertext()).strip() if tag_of(sibling) else ""
            if text:
                return text.endswith((":", "："))
        parent = element.getparent()
        if parent is not None and length(parent.text):
            return True
        element = parent
    return False
