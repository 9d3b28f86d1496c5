"""XML without entity expansion, external files or network."""

from __future__ import annotations

import re
from typing import Any

from ragkit.errors import IngestError
from ragkit.ingest.readers.content import Content, one_line

__all__ = ["parse_xml", "read_xml", "refuse_entities"]

_ENTITY = re.compile(rb"<!ENTITY", re.I)
_TEXT_LIMIT = 20_000


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
    root = parse_xml(re.sub(r"^\s*<\?xml[^>]*\?>", "", text, count=1).encode("utf-8", "replace"))
    lines: list[str] = []
    for element in root.iter():
        if not isinstance(element.tag, str):
            continue
        name = element.tag.rpartition("}")[2]
        own = one_line(element.text or "")
        if own:
            lines.append(f"{name}: {own}" if len(element) == 0 else own)
        lines.extend(f"{name} {_local(key)}: {one_line(value)}" for key, value in
                     element.attrib.items() if value.strip() and ":" not in value[:8])  # fmt: skip
        if tail := one_line(element.tail or ""):
            lines.append(tail)
    return Content.of("\n".join(lines), {"markup": "text"})


def _local(name: str) -> str:
    return name.rpartition("}")[2]
