"""Which of several sentences answers: its language, the sort of thing asked for, rows of tables."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from llama_index.core.schema import NodeWithScore, TextNode

from ragkit.answer.citations import cite_extract
from ragkit.answer.extractive import ExtractedAnswer, extract_answer
from ragkit.answer.named import names_one
from ragkit.answer.question import analyze_question
from ragkit.answer.units import node_units
from ragkit.retrieve.tokenizer import terms


def nodes_of(texts: Sequence[tuple[str, str]]) -> list[NodeWithScore]:
    return [
        NodeWithScore(node=TextNode(text=text, metadata={"language": language}), score=10.0 - n)
        for n, (language, text) in enumerate(texts)
    ]


def ask(question: str, nodes: Sequence[NodeWithScore]) -> ExtractedAnswer:
    held = [set(terms(node.node.get_content())) for node in nodes]
    return extract_answer(
        question,
        nodes,
        document_frequencies=lambda wanted: (
            len(held) + 100,
            {t: sum(t in terms_ for terms_ in held) for t in wanted},
        ),
    )


SAME = [
    ("en", "BM25 is a ranking formula: rare words count more."),
    ("zh", "BM25 是一种排序公式，少见的词权重更高。"),
    ("de", "BM25 ist eine Formel, die seltene Wörter höher gewichtet."),
    ("ru", "BM25 — это формула ранжирования."),
    ("ja", "BM25とは、順位付けの式である。"),
]


@pytest.mark.parametrize(
    ("question", "language"),
    [
        ("What is BM25?", "en"),
        ("BM25 是什么？", "zh"),
        ("Was ist BM25?", "de"),
        ("Что такое BM25?", "ru"),
        ("BM25とは何ですか？", "ja"),
    ],
)
@pytest.mark.parametrize("turned", [False, True])
def test_the_sentence_in_the_question_s_language_is_given(
    question: str, language: str, turned: bool
) -> None:
    nodes = nodes_of(SAME[::-1] if turned else SAME)
    answer = ask(question, nodes)
    assert [nodes[s.node].node.metadata["language"] for s in answer.sentences] == [language]


@pytest.mark.parametrize(
    ("question", "texts", "said"),
    [
        (
            "渡轮 Marrow 每天几点出发？",
            [("en", "The ferry Marrow (渡轮) leaves every day at 7:30."), ("zh", "每天都有早餐。")],
            "7:30",
        ),
        ("When was the tower built?", [("de", "Im Jahr 1874 wurde the tower built.")], "1874"),
        ("When was the tower built?", [("", "The tower was built in 1874.")], "1874"),
    ],
)
def test_another_language_answers_where_it_is_clearly_better(
    question: str, texts: list[tuple[str, str]], said: str
) -> None:
    answer = ask(question, nodes_of(texts))
    assert said in answer.sentences[0].text


@pytest.mark.parametrize(
    ("question", "text", "named"),
    [
        ("Which preset needs no GPU?", "The `lite` preset needs no GPU.", True),
        ("Which preset needs no GPU?", "The preset `lite` needs no GPU.", True),
        ("Which preset needs no GPU?", "Some machines have no GPU.", False),
        ("Which preset needs no GPU?", "Run `lite` where there is no GPU preset.", False),
        ("Is it the `lite` preset, or which preset is it?", "The `lite` preset.", False),
        ("Which environment variable moves it?", "The environment variable `HOME` does.", True),
        ("没有显卡，该用哪个预设？", "没有显卡时用 `lite` 预设。", True),
        ("哪个预设可用？", "预设 `lite` 可以用。", True),
        ("没有显卡，该用哪个预设？", "没有显卡的机器也可以用。", False),
        ("他演过哪部电影？", "他主演了电影《长城》。", True),
        ("Welche Einstellung gilt?", "Die Einstellung `top_k` gilt.", True),
        ("When was the preset made?", "The `lite` preset was made in 1999.", False),
    ],
)
def test_a_name_beside_the_noun_asked_for(question: str, text: str, named: bool) -> None:
    assert names_one(analyze_question(question), text) is named


@pytest.mark.parametrize(
    ("question", "texts", "said"),
    [
        (
            "Which preset suits a machine without a GPU?",
            ["ragkit suits a machine without a GPU.", "Without a GPU take the `lite` preset."],
            "`lite`",
        ),
        (
            "没有显卡的机器该用哪个预设？",
            ["本软件也适合没有显卡的机器。", "没有显卡时请用 `lite` 预设。"],
            "`lite`",
        ),
    ],
)
def test_which_wants_a_name(question: str, texts: list[str], said: str) -> None:
    language = "zh" if "预" in question else "en"
    answer = ask(question, nodes_of([(language, text) for text in texts]))
    assert said in answer.sentences[0].text


TABLE = """## Settings

| Setting | Default | Meaning |
|---|---|---|
| `max_file_mb` | 100 | Larger files are skipped. They are reported. |
| `timeout_s` | 30 | seconds until a request fails |

The settings are read once."""


def test_a_title_in_front_matter_is_a_heading() -> None:
    text = "---\ntitle: Braised pork\nauthor: Lin\n---\n\nSimmer it.\n\ntitle: of the cook\n"
    kinds = [(unit.kind, text[unit.start : unit.end]) for unit in node_units(text)]
    assert kinds[0] == ("heading", "title: Braised pork")
    assert ("row", "author: Lin") in kinds
    assert kinds[-1] != ("heading", "title: of the cook")


def test_units_of_a_table() -> None:
    units = [(u.kind, TABLE[u.start : u.end]) for u in node_units(TABLE)]
    assert [kind for kind, _ in units] == ["heading", "header", "row", "row", "sentence"]
    assert units[2][1].endswith("They are reported. |")
    bare = "Key | Value\n--- | ---\na | b"
    assert node_units(bare)[0].kind == "header"


@pytest.mark.parametrize(
    ("question", "row"),
    [
        ("How large is max_file_mb by default?", "`max_file_mb` | 100 | Larger files are skipped."),
        ("max_file_mb 是多少？", "`max_file_mb` | 100 | Larger files are skipped."),
        ("What is the default of timeout_s?", "`timeout_s` | 30 | seconds until"),
    ],
)
def test_a_row_is_given_without_its_border_and_verbatim(question: str, row: str) -> None:
    nodes = nodes_of([("en", TABLE), ("en", "The ferry runs every forty minutes.")])
    answer = extract_answer(question, nodes, document_frequencies=lambda _: (100, {}), threshold=0)
    sentence = answer.sentences[0]
    assert sentence.text.startswith(row)
    assert not sentence.text.endswith("|")
    assert sentence.text == TABLE[sentence.start : sentence.end]
    cited = cite_extract(answer, nodes)
    assert all(c.quote == TABLE[c.start : c.end] for c in cited.citations)
    if sentence.mark:
        assert sentence.text[slice(*sentence.mark)].strip()


@pytest.mark.parametrize("question", ["Which setting has a default meaning?", "Setting meaning"])
def test_the_header_of_a_table_is_no_answer(question: str) -> None:
    table = TABLE.partition("\n\n")[2]
    answer = extract_answer(
        question, nodes_of([("en", table)]), document_frequencies=lambda _: (9, {}), threshold=0
    )
    assert answer.sentences
    assert all("Meaning" not in sentence.text for sentence in answer.sentences)


def test_a_table_below_the_question_is_given_whole() -> None:
    text = (
        "## Which presets can be used?\n\n| Preset | Usable |\n|---|---|\n| `lite` | yes |\n"
        "| `large` | with weights |\n\n## Other\n\nThe ferry is late."
    )
    answer = ask("Which presets can be used?", nodes_of([("en", text)]))
    assert answer.sentences[0].text.startswith("| Preset | Usable |")
    assert "| `large` | with weights |" in answer.sentences[0].text
    assert "ferry" not in answer.sentences[0].text


@pytest.mark.parametrize(
    ("question", "heading", "yes"),
    [
        ("How many people use the tunnel?", "Can several people use the tunnel?", "Yes."),
        ("多少人使用隧道？", "可以多人使用隧道吗？", "可以。"),
        ("Wie viele Leute nutzen den Tunnel?", "Kann man den Tunnel nutzen?", "Ja."),
    ],
)
def test_yes_is_no_answer_to_how_many(question: str, heading: str, yes: str) -> None:
    text = f"### {heading}\n\n{yes} 25 / 100."
    fact = {"y": "300 people use the tunnel.", "。": "有 300 人使用隧道。"}
    counted = fact["。"] if "。" in yes else fact["y"]
    if yes == "Ja.":
        counted = "300 Leute nutzen den Tunnel."
    answer = ask(question, nodes_of([("", text), ("", counted)]))
    assert answer.sentences[0].text == counted


@pytest.mark.parametrize(
    ("question", "texts", "said"),
    [
        (
            "How much memory does the server take?",
            ["The server takes memory for 200 users.", "The server takes 5 GiB of memory."],
            "5 GiB",
        ),
        (
            "这座桥有多少米长？",
            ["这座桥有 4 条车道，桥面很长。", "这座桥有 320 米长。"],
            "320 米",
        ),
        (
            "Wie hoch ist der Turm?",
            ["Der hohe Turm hat 4 Uhren.", "Der Turm misst 98 Meter."],
            "98 Meter",
        ),
    ],
)
def test_a_number_in_the_unit_asked_for(question: str, texts: list[str], said: str) -> None:
    nodes = nodes_of([("", text) for text in texts])
    answer = extract_answer(
        question, nodes, document_frequencies=lambda _: (100, {}), threshold=0, max_sentences=1
    )
    assert said in answer.sentences[0].text
