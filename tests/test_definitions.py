"""Questions what something is are answered by the sentence that says so."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from llama_index.core.schema import NodeWithScore, TextNode

from ragkit.answer.definitions import asked_subject, is_heading_of, says_what_it_is
from ragkit.answer.extractive import ExtractedAnswer, extract_answer
from ragkit.answer.question import analyze_question
from ragkit.retrieve.tokenizer import terms

# Language, question, its definition, and a sentence about the same thing that defines nothing.
DEFINED = [
    ("en", "What is a node?", "A node is a piece of a document.", "Each node holds text."),
    ("en", "What are nodes?", "A node is a piece of a document.", "All nodes are indexed."),
    ("en", "What does WAL stand for?", "WAL (write-ahead log) is a mode.", "Use WAL."),
    ("en", "What is meant by overlap?", "Overlap means shared text.", "Lower the overlap."),
    ("en", "What is a citation?", "**Citation**: a quote and its place.", "See the citation."),
    (
        "en",
        "What is an LLM?",
        "A language model (LLM) is a writer.",
        "An LLM needs RAM.",
    ),
    ("zh", "什么是预设？", "预设是一组命名的部件。", "可以用预设回答问题。"),
    ("zh", "预设是什么意思？", "`预设`（preset）是一组部件。", "换预设是安全的。"),
    ("zh", "什么叫 SSH 隧道？", "SSH 隧道是一条加密连接。", "先打开 SSH 隧道。"),
    ("zh", "什么是 LLM？", "大模型（大语言模型，LLM）是能写文字的模型。", "LLM 需要内存。"),
    ("zh", "偏移怎么理解？", "偏移指提取文本中的位置。", "每个偏移都要核对。"),
    ("zh-Hant", "什麼是節點？", "節點是文件的片段。", "請先刪除節點。"),
    ("de", "Was ist ein Knoten?", "Ein Knoten ist ein Teil des Textes.", "Jeder Knoten zählt."),
    ("de", "Was bedeutet Knoten?", "Knoten bezeichnet ein Stück Text.", "Der erste Knoten fehlt."),
    ("fr", "Qu'est-ce qu'un nœud ?", "Un nœud est une partie du texte.", "Chaque nœud compte."),
    ("fr", "C'est quoi un nœud ?", "Le nœud désigne une partie.", "On supprime le nœud."),
    ("es", "¿Qué es un nodo?", "Un nodo es una parte del texto.", "Cada nodo cuenta."),
    ("it", "Che cos'è un nodo?", "Il nodo è la parte di un testo.", "Ogni nodo conta."),
    ("pt", "O que é um nodo?", "Um nodo é uma parte do texto.", "Cada nodo conta."),
    ("ru", "Что такое узел?", "Узел — это часть документа.", "Каждый узел хранится отдельно."),
    ("ar", "ما هي العقدة؟", "العقدة هي جزء من المستند.", "احذف العقدة الأولى."),
    ("hi", "नोड क्या है?", "नोड एक दस्तावेज़ का भाग है।", "पहला नोड हटाएँ।"),
    ("th", "โหนดคืออะไร", "โหนดคือส่วนหนึ่งของเอกสาร", "ลบโหนดแรก"),
    ("vi", "Nút là gì?", "Nút là một phần của tài liệu.", "Xóa nút đầu tiên."),
    ("tr", "Düğüm nedir?", "Düğüm, belgenin bir parçasıdır.", "İlk düğüm silindi."),
    ("el", "Τι είναι ο κόμβος;", "Ο κόμβος είναι ένα τμήμα κειμένου.", "Σβήστε τον κόμβο."),
    ("ja", "ノードとは何ですか？", "ノードとは文書の一部である。", "最初のノードを消す。"),
    ("ko", "노드란 무엇인가요?", "노드는 문서의 일부입니다.", "첫 노드를 지운다."),
]


@pytest.mark.parametrize(("language", "question", "definition", "other"), DEFINED)
def test_a_definition_is_told_from_a_mention(
    language: str, question: str, definition: str, other: str
) -> None:
    subject = analyze_question(question, language=language).subject
    assert subject
    assert says_what_it_is(definition, subject, language) == 1
    assert says_what_it_is(other, subject, language) == 0


@pytest.mark.parametrize(
    ("subject", "text", "language"),
    [
        ("preset", "The main preset is fast.", "en"),
        ("index", "Indexes of others are an obstacle.", "fr"),
        ("预设", "预设是否可用，取决于权重。", "zh"),
        ("预设", "新预设是一个文件。", "zh"),
        ("node", "A node of a graph is a point.", "en"),
        ("", "Nothing is a thing.", "en"),
        ("node", "", "en"),
    ],
)
def test_what_only_looks_like_a_definition(subject: str, text: str, language: str) -> None:
    assert says_what_it_is(text, subject, language) == 0


def test_is_alone_is_less_sure() -> None:
    assert 0 < says_what_it_is("The index is stored in a folder.", "an index", "en") < 1


@pytest.mark.parametrize(
    "question",
    [
        "How do I rebuild the index?",
        "怎样重建索引？",
        "Wo ist der Index?",
        "Где индекс?",
        "",
        "?",
    ],
)
def test_other_questions_ask_for_no_definition(question: str) -> None:
    assert asked_subject(question) is None


def test_headings_that_are_the_term() -> None:
    assert is_heading_of("### 预设（preset）", "预设", "zh")
    assert is_heading_of("### 预设（preset）", "preset", "zh")
    assert is_heading_of("## Nodes", "a node", "en")
    assert is_heading_of("# Presets: which parts answer", "preset", "en")
    assert not is_heading_of("## Choosing a preset", "preset", "en")
    assert not is_heading_of("", "preset", "en")
    assert not is_heading_of("## The", "the", "en")


def ask(question: str, texts: Sequence[str], *, held: int = 20) -> ExtractedAnswer:
    """Ask of ``texts`` in a collection in which every word of them is common."""
    known = {term for text in texts for term in terms(text)}
    found = [
        NodeWithScore(node=TextNode(text=text), score=1 - n / 100) for n, text in enumerate(texts)
    ]
    return extract_answer(
        question,
        found,
        document_frequencies=lambda wanted: (100, {t: held for t in wanted if t in known}),
    )


@pytest.mark.parametrize(("language", "question", "definition", "other"), DEFINED)
def test_a_common_word_is_explained(
    language: str, question: str, definition: str, other: str
) -> None:
    answer = ask(question, [other, definition])
    assert not answer.refused, answer.confidence
    assert answer.sentences[0].text.endswith(definition.lstrip("*"))


def test_the_first_sentence_below_the_term_explains_it() -> None:
    glossary = "### Retriever\n\nFinds nodes that match.\n\n### Splitter\n\nMakes nodes."
    answer = ask("What is a splitter?", ["The splitter has an overlap.", glossary])
    assert answer.sentences[0].text == "Makes nodes."


@pytest.mark.parametrize(
    ("question", "row"),
    [
        ("What is mrr?", "| `mrr` | mean of 1 divided by the rank of the first hit |"),
        ("mrr 怎么理解？", "| `mrr` | 第一个正确段落名次的倒数的平均值 |"),
        ("Was ist mrr?", "| `mrr` | Mittel der Kehrwerte der Ränge |"),
    ],
)
def test_a_row_explains_what_its_first_cell_names(question: str, row: str) -> None:
    table = f"| A | B |\n|---|---|\n| `recall` | mrr |\n{row}"
    answer = ask(question, ["mrr mrr.", table])
    assert not answer.refused
    assert answer.sentences[0].text == row.strip("| ")
