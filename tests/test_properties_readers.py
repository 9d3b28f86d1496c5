"""What holds of any file of a format, whatever it holds; and of any question over a small index."""

from __future__ import annotations

import csv
import io
import json
import time
from contextlib import suppress
from email.message import EmailMessage

import fuzz_targets as targets
import pytest
from fuzz_seeds import containers, starting_seeds
from fuzz_targets import TARGETS
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from property_support import FRAGMENTS, SCRIPTS, any_text

from ragkit.errors import IngestError
from ragkit.ingest.readers.content import Limits, clean
from ragkit.ingest.readers.formats import read_bytes
from ragkit.retrieve.token_counts import count_tokens

TAGS = [
    "p", "div", "b", "table", "tr", "td", "th", "ul", "ol", "li", "pre", "h1", "h6", "br", "nav",
    "svg", "title",
    "head", "body", "html", "select", "option", "form", "textarea", "math", "template",
    "noscript", "main", "a",
    "frameset", "plaintext", "xmp", "image", "caption", "dl", "dd", "button", "iframe", "my-tag",
    "details",
]  # fmt: skip
ATTRIBUTES = ["", ' colspan="99999999"', " hidden", ' style="display:none"', ' class="cookie"',
              " id=x", " rowspan=0",
              ' role="navigation"', " <", ' a="', " charset=utf-7", ' colspan="٣"',
              " value=-1"]  # fmt: skip
PIECES = st.one_of(
    st.tuples(st.sampled_from(TAGS), st.sampled_from(ATTRIBUTES)).map(lambda t: f"<{t[0]}{t[1]}>"),
    st.sampled_from(TAGS).map(lambda tag: f"</{tag}>"),
    FRAGMENTS,
    st.sampled_from(
        [
            "&amp;",
            "&#0;",
            "&#xd800;",
            "&nosuch;",
            "<!--",
            "-->",
            "<![CDATA[",
            "]]>",
            "<?php",
            "<",
            ">",
        ]
    ),
)
WORDS = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=12)
CELLS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=30)


def joined(text: str) -> str:
    """Return ``text`` without white space, as what readers may change."""
    return "".join(clean(text).split())


# Any text under any name


@pytest.mark.parametrize(
    "target",
    ["txt", "markdown", "rst", "html", "csv", "json", "jsonl", "ipynb", "srt", "xml", "eml"],
)
@settings(max_examples=max(15, settings.default.max_examples // 3))
@given(text=any_text())
def test_any_text(target: str, text: str) -> None:
    TARGETS[target](text.encode("utf-8", "surrogatepass"))


@pytest.mark.parametrize(
    "target", [name for name in starting_seeds() if name not in ("asking", "splitter")]
)
@settings(max_examples=max(8, settings.default.max_examples // 6))
@given(data=st.data())
def test_a_valid_file_with_something_changed(target: str, data: st.DataObject) -> None:
    whole = data.draw(st.sampled_from(starting_seeds()[target]))
    start = data.draw(st.integers(0, len(whole)))
    length = data.draw(st.sampled_from([0, 1, 2, 10, 100, len(whole)]))
    put = data.draw(
        st.one_of(
            st.binary(max_size=8), FRAGMENTS.map(lambda t: t.encode("utf-8", "surrogatepass"))
        )
    )
    TARGETS[target](whole[:start] + put + whole[start + length :])


# HTML


@given(st.lists(PIECES, max_size=60).map("".join))
def test_any_tag_soup(soup: str) -> None:
    TARGETS["html"](soup.encode("utf-8", "surrogatepass"))


@given(st.lists(PIECES, max_size=25).map("".join), WORDS)
def test_no_script_comes_out_of_any_soup(soup: str, word: str) -> None:
    assume("<!--" not in soup and "CDATA" not in soup and "<?" not in soup)
    assume(
        not any(
            tag in soup
            for tag in ("plaintext", "xmp", "textarea", "iframe", "noscript", 'a="', " <")
        )
    )
    assume("title" not in soup)
    page = f"{soup}<p>{word}<script>SECRETSCRIPT('{word}')</script><style>SECRETSTYLE</style></p>"
    found = targets.read(page.encode("utf-8", "surrogatepass"), "html")
    assert found is None or "SECRET" not in found.text


@given(
    st.lists(WORDS, min_size=1, max_size=8),
    st.sampled_from(["p", "li", "td", "h2", "b", "section", "my-tag"]),
)
def test_all_words_of_a_page_come_out(words: list[str], tag: str) -> None:
    found = targets.read("".join(f"<{tag}>{w}</{tag}> " for w in words).encode(), "html")
    assert found is not None
    for word in words:
        assert joined(word) in joined(found.text)


# Tables


@given(
    st.lists(st.lists(CELLS, min_size=2, max_size=5), min_size=2, max_size=8),
    st.sampled_from([",", ";", "\t", "|"]),
    st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]),
    st.sampled_from(["\n", "\r\n"]),
)
def test_all_cells_of_any_dialect_come_out(
    rows: list[list[str]], mark: str, quoting: int, end: str
) -> None:
    width = min(map(len, rows))
    rows = [row[:width] for row in rows]
    out = io.StringIO()
    csv.writer(out, delimiter=mark, quoting=quoting, lineterminator=end).writerows(rows)
    found = targets.read(out.getvalue().encode(), "csv")
    if found is None:
        assert not any(joined(cell) for row in rows for cell in row)
        return
    lost = [row for row in rows if not all(_comes_out(c, mark, found.text) for c in row)]
    assert len(lost) <= 2, "more than the names of empty columns"


def _comes_out(cell: str, mark: str, text: str) -> bool:
    words = clean(cell).replace('"', " ").replace(mark, " ").split()
    return all(joined(word) in joined(text) for word in words)


@given(
    st.lists(
        st.lists(WORDS, min_size=3, max_size=3, unique=True),
        min_size=3,
        max_size=8,
        unique_by=tuple,
    )
)
def test_a_table_without_quotes_keeps_its_rows(rows: list[list[str]]) -> None:
    """Each row is a line of its own; only those that look like a header stand in other lines."""
    found = targets.read("\n".join(",".join(row) for row in rows).encode(), "csv")
    assert found is not None
    lines = [joined(line) for line in found.text.split("\n")]
    whole = [row for row in rows if any(all(joined(c) in line for c in row) for line in lines)]
    assert len(whole) >= len(rows) - 2


# JSON, notebooks


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | any_text(4),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(any_text(2), inner, max_size=4),
    max_leaves=20,
)


@given(JSON)
@example(
    {"content": "x", "\ud800": "\udfff", "": None, "source": "../../etc/passwd", "page": 10**40}
)
@example([{"text": "a", "n": float("nan")}, {"text": " "}])
def test_any_json(value: object) -> None:
    for ascii_only in (True, False):
        text = json.dumps(value, ensure_ascii=ascii_only)
        TARGETS["json"](text.encode("utf-8", "surrogatepass"))
        TARGETS["jsonl"]((text + "\n" + text).encode("utf-8", "surrogatepass"))


@given(st.dictionaries(WORDS, st.integers() | WORDS, min_size=1, max_size=6))
def test_all_values_of_json_come_out(value: dict[str, object]) -> None:
    found = targets.read(json.dumps({"outer": [value]}).encode(), "json")
    assert found is not None
    for key, item in value.items():
        assert joined(key) in joined(found.text)
        assert joined(str(item)) in joined(found.text)


@given(JSON, JSON, JSON)
def test_any_notebook(source: object, outputs: object, cell: object) -> None:
    book = {
        "cells": [
            {"cell_type": "code", "source": source, "outputs": outputs},
            {
                "cell_type": "code",
                "source": "x",
                "outputs": [outputs, {"data": outputs}, {"text": source}],
            },
            {"cell_type": "markdown", "source": source},
            cell,
        ]
    }
    TARGETS["ipynb"](json.dumps(book).encode())


# Mail


@given(
    any_text(10),
    any_text(10),
    st.sampled_from(["utf-8", "gb18030", "utf-16", "iso-2022-jp", "koi8-r", "utf-7"]),
)
def test_any_message(subject: str, body: str, charset: str) -> None:
    message = EmailMessage()
    message["From"] = "a@example.org"
    message["Subject"] = " ".join(clean(subject).split()) or "x"
    try:
        message.set_content(clean(body), charset=charset)
        message.add_alternative(f"<p>{clean(body)}</p>", subtype="html")
        data = message.as_bytes()
    except (UnicodeError, LookupError, ValueError):
        assume(False)
    TARGETS["eml"](data)


@given(
    st.sampled_from(list(SCRIPTS)),
    st.sampled_from(["utf-8", "utf-7", "gb18030"]),
    st.sampled_from(["8bit", "base64", "quoted-printable"]),
)
def test_the_text_of_a_message_comes_out(language: str, charset: str, transfer: str) -> None:
    message = EmailMessage()
    message["From"], message["Subject"] = "a@example.org", "x"
    try:
        message.set_content(SCRIPTS[language], charset=charset, cte=transfer)
    except (UnicodeError, ValueError):
        assume(False)
    found = targets.read(message.as_bytes(), "eml")
    assert found is not None
    assert joined(SCRIPTS[language]) in joined(found.text)


# Containers


@pytest.mark.parametrize("kind", list(containers()))
def test_the_containers_to_start_from_are_read(kind: str) -> None:
    """Otherwise what is changed in them would not be looked at."""
    members = containers()[kind]
    name = next(name for name in members if name.endswith((".xml", ".opf")))
    found = targets.read(targets.container(kind, name.encode() + b"\n" + members[name]), kind)
    assert found is not None
    assert len(found.text) > 5
    assert found.metadata["format"] == kind


@pytest.mark.parametrize("kind", list(containers()))
@settings(max_examples=max(6, settings.default.max_examples // 8))
@given(data=st.data())
def test_a_container_without_a_member(kind: str, data: st.DataObject) -> None:
    from hostile_files import zipped

    members = containers()[kind]
    gone = data.draw(st.lists(st.sampled_from(list(members)), min_size=1, max_size=3))
    for name in gone:
        members.pop(name, None)
    if members:
        targets.read(zipped(members), kind)


# Time


@pytest.mark.parametrize(
    ("suffix", "begin", "unit"),
    [
        ("html", "", "<!--"), ("html", "", "<!---->"), ("html", "<table>", "<tr><td>a<td>b"),
        ("html", "", "<ul><li>a</ul>"), ("html", "", "<p>a<a href=x>b</a>"), ("html", "", "<a "),
        ("html", "<div>" * 2100, "<a <b"), ("html", "", "<table><tr><td>a</table>"),
        ("txt", "", "<!---->"), ("md", "---\n", "a: b\n"), ("md", "", "# a\n\n"),
        ("md", "", "|a|\n|-|\n"),
        ("rst", "", "a\n===\n"), ("srt", "", "1\n00:00:01,000 --> 00:00:02,000\na\n\n"),
        ("csv", "", '"a\n'),
        ("csv", "", "a;b,c\n"), ("json", "[", "[1,2],"), ("jsonl", "", '{"content": "a"}\n'),
        ("xml", "<a>", "<b/>"),
        ("rtf", "{\\rtf1 ", "{\\b a}"), ("eml", "From: a@b\nTo: ", "a@b.c, "),
        ("eml", "From: a@b\n", "X: y\n"),
        ("eml", "From: a@b\nSubject: ", "=?utf-8?B?YQ==?= "),
    ],
)  # fmt: skip
def test_what_repeats_takes_linear_time(suffix: str, begin: str, unit: str) -> None:
    def seconds(size: int) -> float:
        data = (begin + unit * (size // len(unit))).encode()
        began = time.process_time()
        with suppress(IngestError):
            read_bytes(data, suffix, limits=Limits())
        return time.process_time() - began

    # Eight times as much takes 64 times as long where it is quadratic. A run may be slow by what
    # else the process does, such as collecting what other tests left; three in turn are not.
    pairs = ((seconds(25_000), seconds(200_000)) for _ in range(3))
    assert any(long < max(0.6, 30 * short) for short, long in pairs)


# Questions


@given(any_text(6))
@settings(max_examples=max(20, settings.default.max_examples // 2))
@example("What port must be free?")
@example("'; DROP TABLE node; --")
@example('"unclosed NEAR(a b) * ^ -x OR AND')
@example("\ud800")
@example("?" * 5000)
@example("port " * 3000)
def test_any_question(question: str) -> None:
    TARGETS["asking"](question.replace("\n", " ").encode("utf-8", "surrogatepass"))


@given(
    st.lists(
        st.tuples(
            st.sampled_from(
                [
                    "source",
                    "folder",
                    "tags",
                    "date",
                    "page",
                    "heading_path",
                    "x",
                    '"',
                    "a.b",
                    "$",
                    "é",
                    "",
                ]
            ),
            st.sampled_from(["=", "!=", "<", "<=", ">", ">=", "==", "=>", "", " = "]),
            any_text(2)
            | st.sampled_from(["install.md", "setup", "2024", "9" * 40, "-1", "%", "_", "1e5"]),
        ).map("".join),
        max_size=3,
    )
)
@settings(max_examples=max(20, settings.default.max_examples // 2))
def test_any_filters(filters: list[str]) -> None:
    lines = ["What port must be free?", *(f.replace("\n", " ") for f in filters)]
    TARGETS["asking"]("\n".join(lines).encode("utf-8", "surrogatepass"))


def test_the_counter_of_the_targets_is_the_one_of_lite() -> None:
    assert targets._counter(0) is count_tokens
