# ruff: noqa: E501  (texts as they are in a file)
"""The answer without a model: which sentences, joined how, marked where, cited exactly."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from llama_index.core.base.base_retriever import BaseRetriever
from llama_index.core.query_engine import RetrieverQueryEngine
from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode

from ragkit.answer.citations import cite_extract, source_nodes
from ragkit.answer.extractive import (
    ExtractedAnswer,
    ExtractiveSynthesizer,
    extract_answer,
    iter_pieces,
)
from ragkit.answer.units import node_units
from ragkit.retrieve.tokenizer import terms


def nodes_of(*texts: str, **metadata: Any) -> list[NodeWithScore]:
    return [
        NodeWithScore(
            node=TextNode(
                text=text,
                start_char_idx=100 * number,
                metadata={"source": f"{number}.md"} | metadata,
            ),
            score=10.0 - number,
        )
        for number, text in enumerate(texts)
    ]


def frequencies_of(nodes: Sequence[NodeWithScore]) -> Any:
    held = [set(terms(node.node.get_content())) for node in nodes]

    def document_frequencies(wanted: Sequence[str]) -> tuple[int, dict[str, int]]:
        # A hundred other nodes that hold none of this: idf as in a folder of some size.
        return len(held) + 100, {t: sum(t in terms_ for terms_ in held) for t in wanted}

    return document_frequencies


def ask(question: str, *texts: str, **metadata: Any) -> ExtractedAnswer:
    nodes = nodes_of(*texts, **metadata)
    return extract_answer(question, nodes, document_frequencies=frequencies_of(nodes))


def said(answer: ExtractedAnswer) -> str:
    return "\n".join(sentence.text for sentence in answer.sentences)


def marks(answer: ExtractedAnswer) -> list[str]:
    return [s.text[s.mark[0] : s.mark[1]] for s in answer.sentences if s.mark]


BRIDGE = (
    "The old bridge crosses the river near the mill. It was built in 1743 by the mason "
    "Henry Walker. Today about 2,000 people cross it every day."
)


@pytest.mark.parametrize(
    ("question", "holds", "mark"),
    [
        ("When was the bridge built?", "It was built in 1743", "1743"),
        ("Who built the old bridge?", "Henry Walker", "Henry Walker"),
        ("How many people cross the bridge every day?", "2,000 people", "2,000"),
    ],
)
def test_english_sentence_and_mark(question: str, holds: str, mark: str) -> None:
    answer = ask(question, BRIDGE, "The market is open on Mondays.")
    assert holds in said(answer)
    assert any(mark in found for found in marks(answer))


ROLES = "In 1981 Maria Olsen sold the harbour ferry to Peter Brandt."


@pytest.mark.parametrize(
    ("question", "passage", "mark"),
    [
        ("Who was the harbour ferry sold to?", ROLES, "Peter Brandt"),
        ("When was the ferry sold?", ROLES, "1981"),
        ("Which river does the old mill stand on?", "The old mill stands on the River Tay.", "River Tay"),
        ("How were the jars dated?", "The jars were dated by counting tree rings.", "counting tree rings"),
        ("渡船卖给了谁？", "1981年张建国把渡船卖给了李明。", "李明"),
    ],
)  # fmt: skip
def test_the_mark_fills_the_gap_of_the_question(question: str, passage: str, mark: str) -> None:
    assert marks(ask(question, passage)) == [mark]


@pytest.mark.parametrize(
    ("question", "passage"),
    [
        ("How do I start the pump?", "Start the pump with the green lever."),
        ("怎么启动水泵？", "启动水泵要按绿色按钮。"),
        ("Is the pump green?", "The pump is green."),
    ],
)
def test_steps_and_yes_or_no_are_not_marked(question: str, passage: str) -> None:
    assert marks(ask(question, passage)) == []


@pytest.mark.parametrize(
    ("question", "passage", "holds", "mark"),
    [
        (
            "天津图书馆是哪一年成立的？",
            "天津图书馆位于天津市南开区。天津图书馆成立于1908年，藏书五百万册。馆内设有自习室。",
            "成立于1908年",
            "1908年",
        ),
        (
            "Wann wurde die Universität Rostock gegründet?",
            "Rostock liegt an der Ostsee. Die Universität Rostock wurde 1419 gegründet. "
            "Sie hat neun Fakultäten.",
            "1419",
            "1419",
        ),
        (
            "Сколько комнат в гостинице?",
            "Гостиница стоит у моря. В гостинице 214 комнат. Завтрак входит в цену.",
            "214 комнат",
            "214",
        ),
    ],
)
def test_other_languages(question: str, passage: str, holds: str, mark: str) -> None:
    answer = ask(question, passage)
    assert holds in said(answer)
    assert any(mark in found for found in marks(answer))


@pytest.mark.parametrize(
    ("question", "passage", "holds"),
    [
        (
            "東京タワーの高さは何メートルですか",
            "東京タワーは港区にある。東京タワーの高さは333メートルである。夜は光る。",
            "333メートル",
        ),
        (
            "พิพิธภัณฑ์เปิดเมื่อใด",
            "พิพิธภัณฑ์แห่งนี้เปิดให้เข้าชมครั้งแรกเมื่อปี พ.ศ. 2530 โดยกรมศิลปากร",
            "2530",
        ),
    ],
)
def test_scripts_without_spaces(question: str, passage: str, holds: str) -> None:
    assert holds in said(ask(question, passage))


def test_a_sentence_that_leans_is_joined_with_the_one_before() -> None:
    text = (
        "Milvus stores vectors in segments. However, it seals a segment when the segment reaches "
        "512 MB. Queries are parallel."
    )
    answer = ask("When is a segment sealed at 512 MB?", text)
    first = answer.sentences[0]
    assert first.text.startswith("Milvus stores vectors")
    assert first.text.endswith("512 MB.")
    assert first.sentences == 2
    assert text[first.start : first.end] == first.text


def test_chinese_pronoun_is_joined() -> None:
    text = "分段是存储的基本单位。它在达到五百兆字节时会被封存。查询并行执行。"
    answer = ask("分段达到多少兆字节时会被封存？", text)
    assert answer.sentences[0].text.startswith("分段是存储的基本单位。它在")


def test_a_pronoun_is_not_joined_across_a_heading() -> None:
    text = "# Segments\n\nIt seals a segment at 512 MB."
    assert ask("When is a segment sealed?", text).sentences[0].text.startswith("It seals")


def test_a_lead_brings_its_list() -> None:
    text = "Intro text here.\n\nThe supported index types are:\n\n- HNSW\n- IVF_FLAT\n- DISKANN\n\nMore text."
    answer = ask("Which index types are supported?", text)
    assert answer.sentences[0].text.endswith("- DISKANN")
    assert "More text" not in said(answer)


def test_how_to_brings_the_command() -> None:
    text = (
        "# Setup\n\nTo install the client, run this command:\n\n```bash\npip install client\n```\n\n"
        "The client logs to stderr."
    )
    answer = ask("How do I install the client?", text)
    assert "pip install client" in said(answer)
    assert said(answer).startswith("To install")


@pytest.mark.parametrize("metadata", [{}, {"heading_path": "FAQ > Can I move the index?"}])
def test_faq_answer_is_the_body_under_the_question(metadata: dict[str, str]) -> None:
    heading = "" if metadata else "## Can I move the index?\n\n"
    text = heading + "Yes. Copy the file while nothing writes to it."
    answer = ask("Can I move the index?", text, **metadata)
    assert not answer.refused
    assert said(answer).startswith("Yes")
    assert "Copy the file" in said(answer)


def test_headings_and_questions_are_no_answers() -> None:
    text = (
        "# When was the museum opened\n\nWhen was the museum opened?\n\nThe museum opened in 1987."
    )
    answer = ask("When was the museum opened?", text)
    assert said(answer) == "The museum opened in 1987."


def test_same_sentence_in_two_nodes_is_given_once() -> None:
    text = "The museum opened in 1987."
    assert len(ask("When did the museum open?", text, "Note. " + text).sentences) == 1


def test_code_cut_by_the_splitter_is_one_unit() -> None:
    text = 'x = 1\nprint("When it opens")\n```\n\nThe museum opens at nine.'
    kinds = [unit.kind for unit in node_units(text)]
    assert kinds == ["code", "sentence"]


@pytest.mark.parametrize("text", ["", "   \n ", "---", "| --- | --- |", "```\n```", "# Title"])
def test_nodes_without_sentences_are_refused(text: str) -> None:
    assert ask("What is the title of the bridge?", text).refused


def test_no_nodes_and_no_question_are_refused() -> None:
    empty = extract_answer("Why?", [], document_frequencies=lambda wanted: (0, {}))
    assert empty.refused
    assert ask("", BRIDGE).refused


def test_scores_may_be_missing_or_nil() -> None:
    nodes = [NodeWithScore(node=TextNode(text=BRIDGE), score=None)]
    answer = extract_answer(
        "When was the old bridge built?", nodes, document_frequencies=frequencies_of(nodes)
    )
    assert not answer.refused


def test_a_huge_node_is_read_in_bounded_time_and_quoted_in_bounds() -> None:
    text = "Sesame oil " * 40_000 + "was pressed in 1743 at the mill. " + "Noise " * 20_000
    answer = ask("When was sesame oil pressed at the mill?", text)
    assert len(said(answer)) <= 3000


def test_one_long_sentence_is_cut_around_its_matches() -> None:
    text = "filler " * 300 + "the bridge was built in 1743, " + "filler " * 300
    answer = ask("When was the bridge built?", text.strip())
    assert "1743" in said(answer)
    assert len(said(answer)) < 1000
    first = answer.sentences[0]
    assert text.strip()[first.start : first.end] == first.text


WORDS = st.sampled_from(
    ["bridge", "built", "1743", "It", "was.", "by", "桥建于", "1908年。", "它", "谁", "\n", "\n\n", "# H",
     "- item", "```", "a:", "|", "> quote", "?", "Walker,", "สะพาน", "...", "\t", "🙂"]
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(
    st.lists(WORDS, max_size=40),
    st.sampled_from(["When was the bridge built?", "谁建了桥？", "how"]),
)
def test_quotes_are_verbatim(words: list[str], question: str) -> None:
    texts = [" ".join(words[::2]), "".join(words)]
    nodes = nodes_of(*texts)
    answer = extract_answer(
        question, nodes, document_frequencies=frequencies_of(nodes), threshold=0.0
    )
    for sentence in answer.sentences:
        assert sentence.text
        assert texts[sentence.node][sentence.start : sentence.end] == sentence.text
        if sentence.mark:
            assert 0 <= sentence.mark[0] < sentence.mark[1] <= len(sentence.text)


def test_citations_point_into_the_file() -> None:
    file = "x" * 200 + BRIDGE
    node = TextNode(
        text=BRIDGE,
        start_char_idx=200,
        metadata={"source": "a/b.md", "page": 3, "heading_path": "H"},
    )
    nodes = [
        NodeWithScore(node=TextNode(text="Other.", metadata={"source": "o.md"}), score=9.0),
        NodeWithScore(node=node, score=8.0),
    ]
    answer = extract_answer(
        "Who built the old bridge?", nodes, document_frequencies=frequencies_of(nodes)
    )
    cited = cite_extract(answer, nodes)
    assert cited.citations
    for citation in cited.citations:
        assert (citation.n, citation.source, citation.page) == (2, "a/b.md", 3)
        assert file[citation.start : citation.end] == citation.quote
    assert [s.text for s in cited.sentences] == [c.quote for c in cited.citations]
    assert cited.text.endswith(" [2]")
    assert source_nodes(nodes)[1].start == 200
    assert source_nodes(nodes)[1].heading == "H"


def test_chinese_sentences_are_joined_without_a_space() -> None:
    nodes = nodes_of("港口博物馆于1987年开放。", "港口博物馆1987年开放时免费。")
    answer = extract_answer(
        "港口博物馆哪年开放？", nodes, document_frequencies=frequencies_of(nodes)
    )
    text = cite_extract(answer, nodes).text
    assert "。 [" in text
    assert "] 港" not in text


class FixedRetriever(BaseRetriever):
    """Returns the same nodes for every question."""

    def __init__(self, nodes: list[NodeWithScore]) -> None:
        super().__init__()
        self.nodes = nodes

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        return self.nodes


@pytest.mark.parametrize("texts", [(BRIDGE,), ()])
def test_query_engine_needs_no_model(
    texts: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    from llama_index.core import Settings

    monkeypatch.setattr(Settings, "_llm", None)
    monkeypatch.setenv("OPENAI_API_KEY", "")
    nodes = nodes_of(*texts)
    engine = RetrieverQueryEngine(
        retriever=FixedRetriever(nodes),
        response_synthesizer=ExtractiveSynthesizer(document_frequencies=frequencies_of(nodes)),
    )
    response = engine.query("When was the old bridge built?")
    assert response.metadata["refused"] is (not texts)
    if texts:
        assert "1743" in str(response)
        assert response.metadata["citations"][0]["quote"] in str(response)
        assert response.source_nodes == nodes
    assert Settings._llm is None
    again = asyncio.run(engine.aquery("When was the old bridge built?"))
    assert str(again) == str(response)


def test_streaming_gives_the_same_text_in_pieces() -> None:
    nodes = nodes_of(BRIDGE)
    frequencies = frequencies_of(nodes)
    question = "When was the old bridge built?"
    whole = ExtractiveSynthesizer(document_frequencies=frequencies).synthesize(question, nodes)
    streamed = ExtractiveSynthesizer(document_frequencies=frequencies, streaming=True).synthesize(
        question, nodes
    )
    pieces = list(streamed.response_gen)
    assert "".join(pieces) == str(whole)
    assert len(pieces) > 5
    assert streamed.metadata == whole.metadata


@given(st.text(max_size=200))
def test_pieces_join_to_the_text(text: str) -> None:
    assert "".join(iter_pieces(text)) == text


def test_a_translation_of_the_answer_is_not_given_beside_it() -> None:
    english = nodes_of("BM25 is a ranking formula for lexical retrieval.", language="en")
    chinese = nodes_of("BM25 is 词汇检索的排序公式。", language="zh")
    nodes = [*english, *chinese]
    answer = extract_answer("What is BM25?", nodes, document_frequencies=frequencies_of(nodes))
    assert len(answer.sentences) == 1


def test_a_source_on_a_sheet_names_the_sheet():
    told = [{"source": "a.xlsx", "sheet": "Stock"}, {"source": "a.md", "heading_path": "A > B"}]
    nodes = [NodeWithScore(node=TextNode(text="8", metadata=each), score=1.0) for each in told]
    assert [source.heading for source in source_nodes(nodes)] == ["Stock", "A > B"]
