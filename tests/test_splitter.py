"""The splitter's contract on random text, and its choices on each kind of structure."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from llama_index.core.schema import Document, NodeRelationship, TextNode

from ragkit.ingest import sentences, structure
from ragkit.ingest.node_parser import SentenceAwareSplitter
from ragkit.ingest.splitter import Markup, split

ROOT = Path(__file__).resolve().parents[1]
SHARED = Path(os.environ.get("SHARED_DATA") or ROOT.parent / "shared")
FILES = SHARED / "docs" / "files"


def words(text: str) -> int:
    """Count as a lexical tokenizer does: Chinese characters and words of other scripts."""
    return len(re.findall(r"[\u3040-\u30ff\u4e00-\u9fff]|[^\W\u3040-\u30ff\u4e00-\u9fff]+", text))


def wordpieces(text: str) -> int:
    """Count as an embedder's tokenizer does: pieces of words, marks, and two special tokens."""
    return 2 + len(re.findall(r"[\u3040-\u30ff\u4e00-\u9fff]|[^\W_]{1,4}|[^\w\s]", text))


def bigrams(text: str) -> int:
    """A count that is larger for the whole than for the sum of its parts."""
    return max(0, 2 * len(re.findall(r"\w", text)) - 1)


def utf8(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))


def nodes(
    text: str,
    size: int = 200,
    *,
    markup: Markup = "markdown",
    overlap: int = 0,
    count: Callable[[str], int] = words,
) -> list[tuple[str, str]]:
    """Return (heading path, text) of each node."""
    spans = split(text, count_tokens=count, chunk_size=size, chunk_overlap=overlap, markup=markup)
    return [(" > ".join(s.heading_path), text[s.start : s.end]) for s in spans]


FRAGMENTS = st.sampled_from(
    [
        *("Hello world. ", "他说：“好。”然后", "ภาษาไทย ", "यह है। ", "# H\n", "## 标题\n\n"),
        *("```\n", "code line\n", "| a | b |\n", "|---|---|\n", "\n", "\n\n", "- item ", "1. x"),
        *("> q\n", " ", "\t", "\r\n", "\r", "\x0c", "e\u0301", "👨‍👩‍👧", "🇨🇳", "===\n", "---\n"),
        *("a: b\n", "://x.y?z ", "..", "…", "\u2028", "\u3000", "x" * 60, "汉" * 60, "\ud800"),
        *("::\n\n    lit\n", "~~~\n", "+++\n", "<!-- c -->\n", "<b>\n", "；", "，", "\x00", '"'),
        *("v2.4.x ", "Dr. ", "A. ", "\ufeff", "1.2 Scope\n\n", "\n第一章 总则\n"),
    ]
)
COUNTERS = st.sampled_from([words, wordpieces, bigrams, utf8, len])


@settings(max_examples=400, deadline=None)
@given(
    text=st.one_of(st.text(max_size=120), st.lists(FRAGMENTS, max_size=60).map("".join)),
    count=COUNTERS,
    size=st.sampled_from([3, 8, 20, 60, 200]),
    repeat=st.sampled_from([0.0, 0.3]),
    markup=st.sampled_from(["markdown", "rst", "text", "table"]),
)
def test_contract(
    text: str, count: Callable[[str], int], size: int, repeat: float, markup: Markup
) -> None:
    overlap = int(size * repeat)
    spans = split(text, count_tokens=count, chunk_size=size, chunk_overlap=overlap, markup=markup)
    covered: set[int] = set()
    for before, after in pairwise(spans):
        assert before.start < after.start
        assert before.end < after.end
        assert overlap or before.end <= after.start
    for span in spans:
        node = text[span.start : span.end]
        assert node
        assert node == node.strip()
        assert len(node) <= 20 * size
        assert count(node) <= size or len(node) == 1
        covered.update(range(span.start, span.end))
    assert all(i in covered for i, char in enumerate(text) if not char.isspace())


GUIDE = """---
title: Guide
summary: How to begin with a folder of documents, step by step, on a machine without a network.
---

# Guide

## Install

Run this:

```sh
# not a heading
pip install ragkit
```

## Empty

### Use

Ask a question.
And another one.

Setext
------

See [the docs](https://a.b/c#d) for more.

> - quoted
---

    # indented, not a heading

## Last
"""


def test_markdown_headings_become_the_path_and_stay_in_the_text() -> None:
    found = nodes(GUIDE)
    assert [path for path, _ in found] == [
        "",
        "Guide > Install",
        "Guide > Empty > Use",
        "Guide > Setext",
    ]
    assert found[0][1].startswith("---\ntitle: Guide")
    assert found[1][1].startswith("# Guide\n\n## Install\n\nRun this:")
    assert found[1][1].endswith("pip install ragkit\n```")
    assert found[2][1].startswith("## Empty\n\n### Use\n\nAsk")
    assert found[3][1].endswith("not a heading\n\n## Last")


@pytest.mark.parametrize(
    ("source", "title"),
    [
        ("# `top_k` and **more** ##", "top_k and more"),
        ("# [Docs](https://a.b) <a id='x'></a>", "Docs"),
        ("# 使用 BR {#br}", "使用 BR"),
        ("# a\\_b", "a_b"),
    ],
)
def test_markdown_titles_are_read_as_the_reader_sees_them(source: str, title: str) -> None:
    assert nodes(f"{source}\n\ntext")[0][0] == title


def test_a_label_before_the_first_heading_is_no_section() -> None:
    assert nodes("(start)=\n\n# A\n\nText.") == [("A", "(start)=\n\n# A\n\nText.")]
    assert nodes("(start)=\n") == [("", "(start)=")]


def test_headings_with_carriage_returns() -> None:
    assert [path for path, _ in nodes("# A\r\n\r\nb\r\n\r\n## C\r\n\r\nd\r\n")] == ["A", "A > C"]


def test_rst_headings_and_literal_blocks() -> None:
    text = (
        "=====\nGuide\n=====\n\nIntro::\n\n    code = 1\n    ----\n\n    more\n\nInstall\n-------\n"
        "Text.\n\nDeep\n~~~~\n\nMore.\n\n使用\n----\n\n正文。\n"
    )
    assert nodes(text, markup="rst") == [
        ("Guide", "=====\nGuide\n=====\n\nIntro::\n\n    code = 1\n    ----\n\n    more"),
        ("Guide > Install", "Install\n-------\nText."),
        ("Guide > Install > Deep", "Deep\n~~~~\n\nMore."),
        ("Guide > 使用", "使用\n----\n\n正文。"),
    ]


def test_plain_headings_are_taken_only_when_nothing_else_is_likely() -> None:
    text = (
        "第一章 总则\n本法适用于所有人。\n\n第二节 范围\n内容。\n\n"
        "2.1 Scope\n\nText here.\n\n1. Install it\n\n2. Run it\n\n3.5 apples were eaten.\n"
    )
    assert [path for path, _ in nodes(text, markup="text")] == [
        "第一章 总则",
        "第一章 总则 > 第二节 范围",
        "第一章 总则 > 2.1 Scope",
    ]


def test_every_section_is_a_node_of_its_own() -> None:
    text = "# FAQ\n\n## Is it free?\n\nYes.\n\n## Is it fast?\n\nYes, very.\n"
    assert nodes(text) == [
        ("FAQ > Is it free?", "# FAQ\n\n## Is it free?\n\nYes."),
        ("FAQ > Is it fast?", "## Is it fast?\n\nYes, very."),
    ]


def test_no_node_is_a_bare_heading_even_before_a_block_that_fills_a_node() -> None:
    code = "```\n" + "\n".join(f"line number {i} of code" for i in range(39)) + "\n```"
    for _, node in nodes(f"## One\n\n{code}\n", size=198):
        assert words(node) > 20
    assert nodes("# Only\n\n## Headings\n") == [("Only > Headings", "# Only\n\n## Headings")]


def test_code_stays_whole_and_with_its_introduction_where_it_fits() -> None:
    prose = "This sentence has exactly eight words in it. " * 8
    code = "```py\n" + "\n\n".join(f"value_{i} = compute({i})" for i in range(12)) + "\n```"
    found = [node for _, node in nodes(f"{prose}\n\nRun this:\n\n{code}\n", size=80)]
    assert found[-1] == f"Run this:\n\n{code}"


def test_table_rows_stay_whole_and_header_with_the_first() -> None:
    rows = [f"| row {i} | some text for it; and, more |" for i in range(20)]
    table = "\n".join(["| a | b |", "|---|---|", *rows])
    found = [node for _, node in nodes(table, size=40)]
    assert "\n".join(found) == table
    assert found[0].startswith("| a | b |\n|---|---|\n| row 0 |")
    assert all(node.startswith("|") and node.endswith("|") for node in found)
    lines = [f"name {i}\tcity. Of {i}" for i in range(9)]
    found = [node for _, node in nodes("\n".join(lines), size=10, markup="table")]
    assert [line for node in found for line in node.split("\n")] == lines


def test_list_items_are_not_cut_while_they_fit() -> None:
    items = [f"- item {i} has one sentence. And it has one more of these." for i in range(10)]
    for _, node in nodes("\n".join(items), size=30):
        assert node.startswith("- item")
        assert node.endswith("of these.")


def test_paragraphs_before_sentences_before_clauses_before_words() -> None:
    first, second = "One two three. Four five six. " * 4, "Seven eight nine. " * 8
    assert [n for _, n in nodes(f"{first}\n\n{second}", size=30)] == [
        first.strip(),
        second.strip(),
    ]
    clauses = "红色的苹果很好吃，绿色的苹果也不错，黄色的梨子很甜，紫色的葡萄很酸"
    assert [n[-1] for _, n in nodes(clauses, size=20)][:-1] == ["，"]
    spaced = [n for _, n in nodes("supercalifragilistic " * 40, size=7)]
    assert all(n.split() == ["supercalifragilistic"] * len(n.split()) for n in spaced)


def test_no_tiny_tails() -> None:
    text = "This sentence has exactly eight words in it. " * 26  # 208 words
    sizes = [words(node) for _, node in nodes(text, size=200)]
    assert sizes == [104, 104]


def test_a_hard_cut_parts_no_character() -> None:
    family, accented = "👨‍👩‍👧", "e\u0301"
    for unit in (family, accented, "नि"):
        for _, node in nodes(unit * 60, size=40, count=utf8, markup="text"):
            assert node == unit * (len(node) // len(unit))


def test_overlap_repeats_whole_sentences_within_a_section() -> None:
    text = "# A\n\n" + " ".join(f"Sentence {i} is here." for i in range(20)) + "\n\n# B\n\nOther."
    found = nodes(text, size=20, overlap=8)
    for (_, before), (path, after) in pairwise(found):
        if path == "B":
            assert after == "# B\n\nOther."
            continue
        shared = re.match(r"(?:Sentence \d+ is here\. ?)+", after)
        assert shared
        head = " ".join(after.split(". ")[:2]).replace(" Sentence", ". Sentence") + "."
        assert before.endswith(head)
        assert words(head) == 8


def test_special_tokens_are_counted_once() -> None:
    """A counter that adds two tokens to every text must not leave nodes half empty."""
    text = "Go on. " * 200
    sizes = [wordpieces(node) for _, node in nodes(text, size=62, count=wordpieces)]
    assert max(sizes) <= 62
    assert min(sizes) > 50


def test_the_counter_reads_a_bounded_multiple_of_the_text() -> None:
    for unit in (
        "It is so. ",
        "今天天气很好。",
        "x",
        "汉",
        "a, ",
        "word ",
        "。",
        "- a\n",
        "| a |\n",
    ):
        text = unit * (100_000 // len(unit))
        longest = total = 0

        def count(piece: str) -> int:
            nonlocal longest, total
            longest, total = max(longest, len(piece)), total + len(piece)
            return words(piece)

        split(text, count_tokens=count, markup="markdown")
        assert total < 4 * len(text), unit
        assert longest <= 4000, unit


@pytest.mark.slow
@pytest.mark.parametrize("unit", ["It is so. ", "今天天气很好。", "x", "汉", "word "])
def test_a_line_of_five_megabytes(unit: str) -> None:
    text = unit * (5_000_000 // len(unit.encode()))
    began = time.process_time()
    spans = split(text, count_tokens=words, markup="markdown")
    seconds = time.process_time() - began
    assert spans[-1].end == len(text.rstrip())
    assert seconds < 10  # about 3 on an idle core


@pytest.mark.parametrize(
    ("size", "overlap"), [(0, 0), (-1, 0), (10, 10), (10, -1)], ids=lambda v: str(v)
)
def test_impossible_sizes_are_refused(size: int, overlap: int) -> None:
    with pytest.raises(ValueError, match=r"must be"):
        split("text", count_tokens=words, chunk_size=size, chunk_overlap=overlap)


def test_unknown_markup_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown markup 'wiki'"):
        split("text", count_tokens=words, markup="wiki")  # type: ignore[arg-type]


def test_node_parser_keeps_offsets_of_repeated_text() -> None:
    text = "# A\n\n" + "Same sentence here. " * 30 + "\n\n# B\n\n" + "Same sentence here. " * 30
    document = Document(
        text=text, id_="doc", metadata={"format": "md", "source": "a.md"},
        excluded_embed_metadata_keys=["source"],
    )  # fmt: skip
    parser = SentenceAwareSplitter(
        count_tokens=words, chunk_size=31, id_func=lambda i, doc: f"{doc.node_id}-{i}"
    )
    made = parser.get_nodes_from_documents([document, Document(text="Other.", id_="two")])
    assert len(made) > 5
    spans = split(text, count_tokens=words, chunk_size=31, markup="markdown")
    for index, (node, span) in enumerate(zip(made, spans, strict=False)):
        assert isinstance(node, TextNode)
        assert (node.start_char_idx, node.end_char_idx) == (span.start, span.end)
        assert node.text == text[span.start : span.end]
        assert node.node_id == f"doc-{index}"
        assert node.metadata == document.metadata | {"heading_path": span.heading_path[0]}
        assert node.excluded_embed_metadata_keys == ["source"]
        assert node.ref_doc_id == "doc"
    assert made[1].prev_node is not None
    assert made[1].prev_node.node_id == "doc-0"
    assert made[0].next_node is not None
    assert made[0].next_node.node_id == "doc-1"
    assert NodeRelationship.NEXT not in made[-2].relationships
    assert made[-1].metadata == {}


def test_node_parser_splits_nodes_further_with_offsets_into_their_document() -> None:
    text = "Intro one. " * 10 + "Body two. " * 10
    whole = Document(text=text, id_="doc")
    part = TextNode(
        text=text[110:], start_char_idx=110, end_char_idx=len(text),
        relationships={NodeRelationship.SOURCE: whole.as_related_node_info()},
    )  # fmt: skip
    made = SentenceAwareSplitter(count_tokens=words, chunk_size=8)([part])
    assert len(made) > 1
    for node in made:
        assert isinstance(node, TextNode)
        assert node.ref_doc_id == "doc"
        assert node.start_char_idx is not None
        assert text[node.start_char_idx : node.end_char_idx] == node.text


@pytest.mark.skipif(not FILES.is_dir(), reason="the shared documents are not on this machine")
def test_real_documents_make_nodes_worth_citing() -> None:
    """Nodes open where a thought opens; hardly any is a scrap."""
    pattern = re.compile(r"\s*(?:#{1,6} .*\n*)+")
    total = scraps = torn = 0
    for path in sorted(FILES.glob("*-docs*/**/*.md")):
        text = path.read_text(encoding="utf-8")
        spans = split(text, count_tokens=words, markup="markdown")
        assert spans
        for span in spans:
            node = text[span.start : span.end]
            assert words(node) <= 200
            total += 1
            scraps += not words(pattern.sub("", node))
            torn += node[0] in "，。；、,;)）」" or (
                node[0].islower() and text[span.start - 1] == " "
            )
    assert total > 500
    assert scraps / total < 0.005
    assert torn / total < 0.03


@pytest.mark.parametrize(
    "text", ["long words of one sentence " * 200, "港口的灯塔建于一八二六年" * 90]
)
def test_overlap_begins_at_a_word_where_no_sentence_fits(text: str) -> None:
    spans = split(text, count_tokens=len, chunk_size=512, chunk_overlap=51)
    assert len(spans) > 2
    for before, after in pairwise(spans):
        assert 20 <= before.end - after.start <= 51
        assert not text[after.start].isspace()
        assert after.start == 0 or text[after.start - 1] < "a" or text[after.start - 1] > "z"
        assert after.end - after.start <= 512
        assert before.start < after.start


def test_a_row_of_a_table_is_not_repeated_in_part() -> None:
    rows = "\n".join(f"| {n} | {'cell ' * 16}|" for n in range(40))
    text = f"| n | text |\n|---|---|\n{rows}\n"
    spans = split(text, count_tokens=len, chunk_size=512, chunk_overlap=51, markup="markdown")
    assert len(spans) > 2
    for _before, after in pairwise(spans):
        assert text.startswith("|", after.start)


_BITS = [
    "# ", "## ", "####### ", " # ", "    # ", "\t# ", "   ## ", "a", "text ", "\n", "\n\n", " ##",
    "#", "# #", "\\#", "* ", "- ", "1. ", "> ", "***\n", "\u3000", "\x0b", "\x0c", "\u2028", "\x85",
    "\xa0", " ", "\t", "中文", "[a]: b", "## 第 3 节", "&amp;", "# a #b ##  ", "---", "```", "|",
    "=", "<b>",
]  # fmt: skip


@given(st.lists(st.sampled_from(_BITS), max_size=14).map("".join))
def test_headings_are_found_alike_with_and_without_a_parser(text):
    if not structure._has_more_than_atx(text):
        assert list(structure._atx(text)) == structure._markdown(text)


@given(st.lists(st.sampled_from([*"。！？”“中.a \n」"]), max_size=20).map("".join))
def test_the_short_way_to_tell_a_chinese_sentence_changes_nothing(text):
    quick = sentences.sentence_spans(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sentences, "_ends_surely", lambda mark, following: False)
        assert sentences.sentence_spans(text) == quick
