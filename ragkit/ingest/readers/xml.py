"""XML without entity expansion, external files or network."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from html import unescape
from typing import Any

from ragkit.errors import IngestError
from ragkit.ingest.readers.content import Content, clean, one_line
from ragkit.ingest.readers.xml_entities import BOMB, without_entities

__all__ = ["parse_xml", "read_damaged_xml", "read_xml"]

_ENTITY = re.compile(rb"<!ENTITY", re.I)
_TEXT_LIMIT = 20_000
# XML 1.0, 2.8: what stands before the root element; only ``[`` opens declarations of entities.
_PROLOG = re.compile(
    rb"""\s*+(?:(?:<!--(?:(?!-->).)*+-->|<\?(?:(?!\?>).)*+\?>)\s*+)*+
    (?:<!DOCTYPE\s(?:[^<>\[\]"']|"[^"]*+"|'[^']*+')*+>\s*+)?+
    (?:(?:<!--(?:(?!-->).)*+-->|<\?(?:(?!\?>).)*+\?>)\s*+)*+""",
    re.S | re.X,
)
_OTHER_ENCODING = re.compile(rb"<\?xml\s[^<>]*\bencoding\s*=\s*[\"'](?!utf-8[\"'])", re.I)
_ROOT = re.compile(rb"<[A-Za-z_:\x80-\xff]")
_COMMENT = re.compile(r"<!--.*?-->", re.S)
_TAG = re.compile(r"<!\[CDATA\[|\]\]>|<!--|<[/?!\w][^<>]*+>")
_MOST_LOST = 0.05
_MANY_ATTRIBUTES = 100
# An address or a qualified name, such as xs:string: what a program needs.
_REFERENCE = re.compile(r"\s*[^\W\d][\w+.-]{0,20}:\S*\s*")


def _refuse_entities(xml: bytes) -> None:
    """Raise IngestError where ``xml`` declares entities of its own, as entity bombs do.

    What looks like a declaration in a comment or below the root element is none.
    """
    xml = xml.removeprefix(b"\xef\xbb\xbf")
    prolog = _PROLOG.match(xml)
    end = prolog.end() if prolog else 0
    head = xml[:_TEXT_LIMIT] + xml[end : end + _TEXT_LIMIT]
    if b"\0" in xml[:4]:  # two or four bytes a character
        head = xml.replace(b"\0", b"")
    if not _ENTITY.search(head):
        return
    # In other encodings than UTF-8 what seems to be a comment may be none.
    if _OTHER_ENCODING.match(xml) or not _ROOT.match(xml, end):
        raise IngestError(BOMB)


def parse_xml(xml: bytes, *, recover: bool = False) -> Any:
    """Return the root element of ``xml``; raises IngestError where it is not well-formed."""
    from lxml import etree

    _refuse_entities(xml)
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
    return _content(_lines(parse_xml(_prepared(text).encode())))


def read_damaged_xml(text: str) -> Content:
    """Return the text of an XML file that is not well-formed, as ``read_xml`` does.

    Where its parser loses more than a little, the text is all that stands outside tags. Raises
    IngestError where nothing in it is an element.
    """
    text = _prepared(text)
    bare = _without_tags(text)
    # In an element of our own, so that neither what follows the root nor what precedes it is lost.
    root = parse_xml(f"<all>{text}</all>".encode(), recover=True)
    if not any(isinstance(element.tag, str) for element in root):
        raise IngestError("Damaged XML: it has no element.")
    kept = sum(map(_size, root.itertext()))
    if kept < (1 - _MOST_LOST) * _size(bare):
        return _content(filter(None, map(one_line, bare.split("\n"))))
    return _content(_lines(root))


def _prepared(text: str) -> str:
    """Return XML without its declaration, control characters and entities of its own."""
    return without_entities(re.sub(r"^\s*<\?xml[^>]*\?>", "", clean(text), count=1))


def _without_tags(text: str) -> str:
    closed = text.rfind("-->") + len("-->")  # none is looked for in vain, for ever
    return unescape(_TAG.sub("\n", _COMMENT.sub("", text[:closed]) + text[closed:]))


def _size(text: str) -> int:
    return len("".join(text.split()))


def _content(lines: Iterable[str]) -> Content:
    return Content.of("\n".join(lines), {"markup": "text"})


def _lines(root: Any) -> Iterator[str]:
    for element in root.iter():
        if isinstance(element.tag, str):
            name = _local(element.tag)
            if own := one_line(element.text or ""):
                yield f"{name}: {own}" if len(element) == 0 else own
            for key, value in _attributes(element):
                if value.strip() and not _REFERENCE.fullmatch(value):
                    yield f"{name} {_local(key)}: {one_line(value)}"
        if tail := one_line(element.tail or ""):
            yield tail


def _attributes(element: Any) -> Iterable[tuple[str, str]]:
    """Return an element's attributes in their order.

    lxml looks each value up from the first attribute on, which takes hours for 300,000 of them.
    """
    if len(element.attrib) < _MANY_ATTRIBUTES:
        return element.attrib.items()  # type: ignore[no-any-return]
    return zip(element.keys(), element.xpath("@*", smart_strings=False), strict=True)


def _local(name: str) -> str:
    return name.rpartition("}")[2]
