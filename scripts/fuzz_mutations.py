"""Changes to an input that keep some of its form, beside the bytes that libFuzzer changes itself.

Blind changes of bytes rarely give XML or JSON that parses, and never a text that repeats itself ten
thousand times, which is what brings out code that is not linear.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from typing import Any

__all__ = ["mutate"]

_XML = frozenset(("docx", "pptx", "xlsx", "epub", "odt", "xml"))
_JSON = frozenset(("json", "ipynb"))
_VALUES = ("", "0", "-1", "1", "2", "65536", "4294967296", "9" * 30, "1e400", "nan", "true", "٣",
           "²",
           "x", "\u202e", "../../x", "http://x/y", "file:///etc/passwd", "#", "none",
           "A1:ZZ9999999",
           "00000000-0000", "\ufeff", "\U0001f600", "0x10", " ", "word " * 50)  # fmt: skip
_TOKENS: dict[str, Sequence[bytes]] = {
    "html": [b"<table>", b"<tr>", b"<td>", b"<td colspan=99999999>", b"<pre>", b"<ul>", b"<li>",
             b"</p>", b"<svg>", b"<script>", b"</script>", b"<!--", b"-->", b"<![CDATA[", b"&#0;",
             b"&#xd800;", b"&amp", b"<meta charset=", b"utf-7", b"utf-16", b"idna", b"<h1>",
             b"<br>",
             b"<title>", b"<frameset>", b"<select>", b"<math>", b"<template>", b"hidden",
             b"<li value=-1>",
             b"<link rel=canonical href=http://x>", b"<!DOCTYPE html>", b"<plaintext>", b"<nav>"],
    "markdown": [b"---\n", b"+++\n", b"```", b"~~~", b"# ", b"\n===\n", b"\n---\n", b"> ", b"- ",
                 b"1. ",
                 b"|", b"|--|\n", b"[x](y)", b"![", b"<!--", b"a: &b\n", b"!!python/object:",
                 b"{#x}",
                 b"\\", b"date: 2024-", b"\t", b"  \n", b"$$", b"[[", b"***"],
    "rst": [b"====\n", b"----\n", b"::\n\n", b".. ", b".. code::", b":a: ", b"``", b"_`", b"    "],
    "csv": [b'"', b'""', b",", b";", b"\t", b"|", b"\r", b"\r\n", b"\n", b"\x00", b"sep=;\n", b"'"],
    "srt": [b"\n\n", b" --> ", b"00:00:01,000", b"WEBVTT", b"<i>", b"{\\an8}", b"1\n", b"NOTE "],
    "eml": [b"--XX\n", b"--XX--\n", b"Content-Type: ", b"multipart/mixed; boundary=XX\n\n",
            b"message/rfc822",
            b"message/partial", b"text/html", b"charset=", b"utf-7", b"Content-Transfer-Encoding: ",
            b"base64", b"quoted-printable", b"uuencode", b"=?utf-8?B?", b"?=", b"=?x?Q?=",
            b"filename*0*=",
            b"utf-8''%ff", b"\n\n", b"From: ", b"Date: ", b"Subject: ", b"<a@b>", b"(", b":",
            b"\r\n "],
    "rtf": [b"{", b"}", b"\\u", b"\\u-1?", b"\\u99999999999?", b"\\'", b"\\'ff", b"\\uc",
            b"\\uc99999", b"\\ansicpg",
            b"\\fcharset134", b"\\bin99999", b"\\par", b"\\cell", b"\\row", b"\\*", b"\\field",
            b"{\\title ",
            b"\\f99", b"HYPERLINK", b"\\ansicpg99999"],
    "pdf": [b"/Type /Page", b"/Kids [", b"2 0 R", b"/Count 99999999", b"stream\n", b"endstream",
            b"<<", b">>",
            b"/Filter /FlateDecode", b"/Encrypt 3 0 R", b"BT", b"Tj", b"TJ", b"ET", b"/MediaBox [",
            b"/Contents ", b"/Annots [", b"/Length -1", b"xref", b"trailer", b"/Title (",
            b"/XObject",
            b"/Parent 4 0 R", b"Do", b"BI ID EI", b"999999 0 Td"],
    "ignore": [b"**", b"*", b"/", b"!", b"[", b"]", b"[!", b"[^", b"[[:alpha:]]", b"\\", b"?",
               b"#", b"-", b" ",
               b"\n", b"a", b"\xff"],
    "fields": [b"---\n", b"+++\n", b"- ", b": ", b"[", b"]", b"{", b"}", b"&a ", b"*a", b"!!",
               b"|\n", b">-\n",
               b"2024-02-30", b"1e400", b".inf", b"0x", b"title:", b"tags:", b"? ", b"<<: ",
               b"\xe2\x80\xa8",
               b"12:30:45", b"= 1\n", b'"""', b"~"],
    "asking": [b"What", b"?", b"Who", b"where", "哪".encode(), "多少".encode(), "什么".encode(),
               b"\n", b"=", b">=",
               b"!=", b"source", b"tags", b"date", b"folder=", b'"', b"'", b"%", b"\\", b"8501",
               b" or ", b"not "],
    "encodings": [b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf", b"\x00", b"\x1b$B", b"\x1b(B",
                  b"\xff\xfe\x00\x00", b"+AGE-",
                  b"\xc4\xe3\xba\xc3", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xc0\x80",
                  b"charset=", b"<meta ",
                  b"<?xml encoding='", b"utf-16", b"gb2312", b"hz", b"punycode",
                  b"unicode_escape", b"mbcs"],
    "jsonl": [b"{", b"}", b"[", b"]", b'"', b":", b",", b"\n", b'"content":', b"null", b"NaN",
              b"1e999", b"\\ud800",
              b"\\u0000", b'"page":', b"-0", b"Infinity"],
}  # fmt: skip
_ANY = (b"\xe2\x80\xae", b"\xf0\x9f\x98\x80", b"\xcc\x81", b"\x00", b"\x0c", b"\xc2\x85",
        b"\xe2\x80\xa8", b"\xed\xa0\x80",
        b"\r", b"\n\n", b"\xe0\xb8\x81\xe0\xb8\xb3", "第一章 ".encode(), "。」".encode(), b". ",
        b"1.1 X\n", b"\xef\xbf\xbf",
        b"\xe1\x84\x80", b"\xe2\x80\x8d", b"U.S.A. ", b"\xd9\x81", b"\xe0\xa5\xa4",
        b"\xef\xbc\x8e", b"a_b-c.d/e")  # fmt: skip


def mutate(target: str, data: bytes, largest: int, draw: random.Random) -> bytes | None:
    """Return ``data`` changed in a way that suits the target, or None to have bytes changed."""
    kind = draw.random()
    changed: bytes | None = None
    if kind < 0.35 and target in _XML:
        changed = _in_member(data, draw, _xml)
    elif kind < 0.35 and target in _JSON:
        changed = _json(data, draw)
    elif kind < 0.5:
        changed = _tokens(data, _TOKENS.get(target, ()), draw)
    elif kind < 0.56:
        changed = _repeated(data, largest, draw)
    return changed[:largest] if changed is not None else None


def _tokens(data: bytes, known: Sequence[bytes], draw: random.Random) -> bytes:
    for _ in range(draw.randint(1, 4)):
        at = draw.randint(0, len(data))
        token = draw.choice(known) if known and draw.random() < 0.7 else draw.choice(_ANY)
        gone = draw.choice((0, 0, len(token), 1))
        data = data[:at] + token + data[at + gone :]
    return data


def _repeated(data: bytes, largest: int, draw: random.Random) -> bytes:
    """Repeat a piece many times, to the size that is allowed."""
    start = draw.randint(0, len(data))
    piece = data[start : start + draw.choice((1, 2, 3, 5, 10, 40, 200))]
    room = max(0, largest - len(data))
    times = min(draw.choice((2, 10, 100, 1000, 50_000)), room // max(1, len(piece)))
    return data[:start] + piece * times + data[start:]


def _in_member(
    data: bytes, draw: random.Random, change: Callable[[bytes, random.Random], bytes | None]
) -> bytes | None:
    """Change what follows the line that names the member of a container."""
    if data.startswith((b"<", b"PK")):
        return change(data, draw)
    name, mark, body = data.partition(b"\n")
    changed = change(body, draw)
    return None if changed is None else name + mark + changed


def _xml(data: bytes, draw: random.Random) -> bytes | None:
    from lxml import etree

    try:
        root = etree.fromstring(data)
    except (etree.XMLSyntaxError, ValueError):
        return None
    for _ in range(draw.randint(1, 3)):
        elements = [element for element in root.iter() if isinstance(element.tag, str)]
        one, other = draw.choice(elements), draw.choice(elements)
        _change_element(root, one, other, draw)
    return bytes(etree.tostring(root))


def _change_element(root: Any, one: Any, other: Any, draw: random.Random) -> None:
    import copy

    what = draw.randrange(8)
    if what == 0 and one is not root:
        one.getparent().remove(one)
    elif what == 1:
        other.append(copy.deepcopy(one))
    elif what == 2 and one is not root and one not in other.iterancestors() and one is not other:
        other.append(one)
    elif what == 3 and one.attrib:
        key = draw.choice(list(one.attrib))
        one.set(key, draw.choice(_VALUES))
    elif what == 4 and one.attrib:
        del one.attrib[draw.choice(list(one.attrib))]
    elif what == 5:
        one.text = draw.choice(_VALUES)
    elif what == 6:
        one.tag = other.tag
    elif other.attrib:
        key = draw.choice(list(other.attrib))
        one.set(key, other.get(key))


def _json(data: bytes, draw: random.Random) -> bytes | None:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return None
    box = [value]
    for _ in range(draw.randint(1, 3)):
        places = list(_places(box))[:2000]
        holder, key = draw.choice(places)
        other_holder, other_key = draw.choice(places)
        what = draw.randrange(6)
        if what == 0:
            holder[key] = draw.choice((None, True, 0, -1, 1.5, 10**40, float("nan"), [], {}, ""))
        elif what == 1:
            holder[key] = draw.choice(_VALUES)
        elif what == 2:
            holder[key] = json.loads(json.dumps(other_holder[other_key]))
        elif what == 3:
            holder[key] = [json.loads(json.dumps(holder[key]))]
        elif what == 4 and isinstance(holder, dict):
            holder[draw.choice((*_VALUES, "content", "cells", "text", "source", "data"))] = holder[
                key
            ]
        elif isinstance(holder, dict):
            del holder[key]
    return json.dumps(box[0], ensure_ascii=draw.random() < 0.5).encode("utf-8", "surrogatepass")


def _places(box: list[Any]) -> Any:
    stack: list[Any] = [box]
    while stack:
        holder = stack.pop()
        keys = list(holder) if isinstance(holder, dict) else range(len(holder))
        for key in keys:
            yield holder, key
            if isinstance(holder[key], dict | list):
                stack.append(holder[key])
