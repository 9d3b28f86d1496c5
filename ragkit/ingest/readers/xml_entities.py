"""Entities of an XML file as plain text, so that its parser never sees the declaration of one.

Bombs need entities within entities, or long ones named often; whoever reads other files needs
external ones. What remains, a short text, stands in for its name, and at most doubles the file.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from html import escape, unescape
from html.entities import html5

from ragkit.errors import IngestError

__all__ = ["BOMB", "by_number", "without_entities"]

BOMB = "XML that declares its own entities: it may be an entity bomb."
_MOST_ENTITIES, _LONGEST_VALUE = 1000, 500
_INSERTED_ANYWAY = 100_000
_OF_XML = frozenset(("amp", "lt", "gt", "quot", "apos"))

# XML 1.0, 2.8 (prolog) and 4.2 (entities). All possessive: nothing is read in two ways.
_ASIDE = r"<!--(?:(?!-->).)*+-->|<\?(?:(?!\?>).)*+\?>"
_QUOTED = r"""(?:"[^"]*+"|'[^']*+')"""
_DOCTYPE = re.compile(rf"""(?:\s++|{_ASIDE})*+<!DOCTYPE\s(?:[^<>\[\]"']|{_QUOTED})*+\[""", re.S)
_DECLARATION = re.compile(
    rf"""\s++|%[^\s;%&<]++;|{_ASIDE}
    |<!ENTITY\s++(?P<parameter>%\s++)?+(?P<name>[^\s%&<>"';]++)\s++
      (?:(?P<value>{_QUOTED})|(?P<external>SYSTEM|PUBLIC)\s(?:[^<>"']|{_QUOTED})*+)\s*+>
    |<!(?:ELEMENT|ATTLIST|NOTATION)\s(?:[^<>"']|{_QUOTED})*+>""",
    re.S | re.X,
)
_END = re.compile(r"\]\s*+>")
_CHARACTER = re.compile(r"&#(?:\d{1,7}|x[\da-fA-F]{1,6});")
_TAG = re.compile(r"<[^<>]*+>")
# What stands in CDATA and comments is no reference, and neither is an ampersand without a name.
_REFERENCE = re.compile(
    r"<!\[CDATA\[(?:(?!\]\]>).)*+|<!--(?:(?!-->).)*+|<\?(?:(?!\?>).)*+"
    r"|&(?!#\d++;|#x[\da-fA-F]++;)(?:([^\W\d][\w.:-]*+);)?+",
    re.S,
)


def by_number(name: str) -> str:
    """Return a character that HTML names and XML does not, by its number; empty if it is none."""
    return "".join(f"&#{ord(character)};" for character in html5.get(f"{name};", ""))


def without_entities(xml: str) -> str:
    """Return ``xml`` without declarations of entities, and plain ones in place of their names.

    Names that HTML has, such as &mdash;, become numbers, since DTDs that say so are not
    read; names of external entities become a space; all else that begins like a reference stays as
    it is written, as text. Raises IngestError for entities that use others, and for those that are
    too many, too long or too often named.
    """
    declared: dict[str, str] = {}
    if "<!ENTITY" in xml and (found := _DOCTYPE.match(xml)):
        declared, end = _declarations(xml, found.end())
        xml = xml[end:]  # before it are but comments
    return _REFERENCE.sub(_put(declared, len(xml) + _INSERTED_ANYWAY), xml) if "&" in xml else xml


def _declarations(xml: str, at: int) -> tuple[dict[str, str], int]:
    """Return the texts of the entities that the DTD from ``at`` on declares, and where it ends."""
    values: dict[str, str] = {}
    number = 0
    while found := _DECLARATION.match(xml, at):
        at = found.end()
        if found["name"] is None:
            continue
        number += 1
        text = " " if found["external"] else _plain(found["value"][1:-1])
        if number > _MOST_ENTITIES or text is None:
            raise IngestError(BOMB)
        if not found["parameter"]:
            values.setdefault(found["name"], text)  # the first holds (4.2)
    if not (end := _END.match(xml, at)):
        raise IngestError(BOMB)
    return values, end.end()


def _plain(value: str) -> str | None:
    """Return an entity's text without tags; None where it is long or holds references."""
    if len(value) > _LONGEST_VALUE:
        return None
    text = _CHARACTER.sub(lambda number: unescape(number[0]), _TAG.sub("", value))
    return None if set(text) & set("&%") or _CHARACTER.search(text) else text


def _put(declared: dict[str, str], most: int) -> Callable[[re.Match[str]], str]:
    """Return what replaces a reference; it raises IngestError above ``most`` characters in all."""
    inserted = 0

    def replaced(reference: re.Match[str]) -> str:
        nonlocal inserted
        name = reference[1]
        if reference[0][0] == "<" or name in _OF_XML:
            return reference[0]
        if name in declared:
            text = escape(declared[name])
            inserted += len(text)
            if inserted > most:
                raise IngestError(BOMB)
            return text
        return by_number(name or "") or f"&amp;{reference[0][1:]}"

    return replaced
