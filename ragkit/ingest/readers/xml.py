"""XML without entity expansion, external files or network."""

from __future__ import annotations

import re
from collections.abc import Iterable
from html.entities import html5
from typing import Any

from ragkit.errors import IngestError
from ragkit.ingest.readers.content import Content, one_line

__all__ = ["parse_xml", "read_xml", "refuse_entities"]

_ENTITY = re.compile(rb"<!ENTITY", re.I)
_TEXT_LIMIT = 20_000
_NAMED_CHARACTER = re.compile(r"&(\w+;)", re.ASCII)
_MANY_ATTRIBUTES = 100
# An address or a qualified name, such as xs:string: what a program needs.
_REFERENCE = re.compile(r"\s*[^\W\d][\w+.-]{0,20}:\S*\s*")


def refuse_entities(xml: bytes) -> None:
    """Raise IngestError where ``xml`` declares entities of its own, as entity bombs do."""
    head = xml[:_TEXT_LIMIT]
    if _ENTITY.search(head) or "<!ENTITY".encode("utf-16-le") in head.replace(b"\xfe\xff", b""):
        raise IngestError("XML that declares its own entities: it may be an entity bomb.")


def parse_xml(xml: bytes, *, recover: bool = False) -> Any:
    """Return the root element of ``xml``; raises IngestError where it is not well-formed."""
    from lxml import etree

    refuse_entities(xml)
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, recover=recover,
        remove_comments=True, remove_pis=True,
    )  # fmt: skip
    try:
        root = etree.fromstring(xml, parser)
    except etree.XMLSyntaxError as error:
        said = one_line(error.msg)[:120]
        if "xcessive depth" in said:
            raise IngestError("XML nested more than 256 levels deep.") from error
        raise IngestError(f"Damaged XML: {said}.") from error
    if root is None:
        raise IngestError("Damaged XML: it has no root element.")
    return root


def read_xml(text: str) -> Content:
    """Return the text of an XML file, one line an element that holds text directly.

    A leaf is ``name: text``, so that configuration and data files can be searched by name.
    """
    text = _NAMED_CHARACTER.sub(_character, re.sub(r"^\s*<\?xml[^>]*\?>", "", text, count=1))
    root = parse_xml(text.encode("utf-8", "replace"))
    lines: list[str] = []
    for element in root.iter():
        if isinstance(element.tag, str):
            name = _local(element.tag)
            own = one_line(element.text or "")
            if own:
                lines.append(f"{name}: {own}" if len(element) == 0 else own)
            lines.extend(
                f"{name} {_local(key)}: {one_line(value)}"
                for key, value in _attributes(element)
                if value.strip() and not _REFERENCE.fullmatch(value)
            )
        if tail := one_line(element.tail or ""):  # also behind an entity that nobody declared
            lines.append(tail)
    return Content.of("\n".join(lines), {"markup": "text"})


def _character(entity: re.Match[str]) -> str:
    """Return what a name of HTML's stands for, such as &eacute;: DTDs that say so are not read."""
    found = html5.get(entity[1], "")
    return found if found and not set(found) & set("<>&\"'") else entity[0]


def _attributes(element: Any) -> Iterable[tuple[str, str]]:
    """Return an element's attributes in their order.

    lxml looks each value up from the first attribute on, which takes hours for 300,000 of them.
    """
    if len(element.attrib) < _MANY_ATTRIBUTES:
        return element.attrib.items()  # type: ignore[no-any-return]
    return zip(element.keys(), element.xpath("@*", smart_strings=False), strict=True)


def _local(name: str) -> str:
    return name.rpartition("}")[2]
