"""When an answer is refused, and what is said then."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Sequence
from importlib.resources import files
from pathlib import Path

import pytest
from llama_index.core.schema import NodeWithScore, TextNode

import ragkit
from ragkit.answer.extractive import ExtractedAnswer, evidence_refuses, extract_answer
from ragkit.prompts import load_texts
from ragkit.retrieve.tokenizer import terms

PASSAGES = [
    "The Harbour Museum opened in 1987. It shows ships and maps of the northern coast.",
    "Tickets cost 12 euros. Children under six enter free of charge.",
    "The library lends books for four weeks. A fine of one euro is due for each late week.",
    "港口博物馆于1987年开放。馆内展出北方海岸的船只和地图。",
    "门票价格为12欧元。六岁以下儿童免费。",
    "图书馆的借书期限为四周。逾期每周罚款一欧元。",
]


def frequencies(wanted: list[str]) -> tuple[int, dict[str, int]]:
    held = [set(terms(text)) for text in PASSAGES]
    return len(held), {term: sum(term in terms_ for terms_ in held) for term in wanted}


def ask(question: str, language: str | None = None) -> ExtractedAnswer:
    wanted = set(terms(question))
    scored = [(len(wanted & set(terms(text))), text) for text in PASSAGES]
    best = sorted((pair for pair in scored if pair[0]), reverse=True)[:3] or [(1, PASSAGES[0])]
    nodes = [NodeWithScore(node=TextNode(text=text), score=float(score)) for score, text in best]
    return extract_answer(question, nodes, document_frequencies=frequencies, language=language)


@pytest.mark.parametrize(
    "question",
    [
        "When did the Harbour Museum open?",
        "How much do tickets cost?",
        "How long may I keep library books?",
        "港口博物馆是哪一年开放的？",
        "门票多少钱？",
        "图书馆的借书期限是多久？",
    ],
)
def test_answers_what_is_there(question: str) -> None:
    answer = ask(question)
    assert not answer.refused
    assert answer.sentences
    assert answer.message == ""
    assert 0 < answer.confidence <= 1


@pytest.mark.parametrize(
    "question",
    [
        "Who is the president of France?",
        "What is the boiling point of mercury?",
        "Why did the stock market crash in 1929?",
        "法国总统是谁？",
        "水银的沸点是多少？",
        "今天天气怎么样",
        "如何使用 deepspeed 训练",
        "What is the default of library_fine_weeks?",
    ],
)
def test_refuses_what_is_not_there(question: str) -> None:
    answer = ask(question)
    assert answer.refused
    assert answer.sentences == ()
    assert answer.message


@pytest.mark.parametrize(
    "text", ["hello", "你好", "hi there", "", "???", "谢谢", "Hallo", "สวัสดี", "the of"]
)
def test_nothing_to_look_for_is_said_so(text: str) -> None:
    answer = ask(text)
    assert answer.refused
    assert answer.looked_for == () or text.split()[0] in answer.message or "“" not in answer.message


def test_refusal_names_what_was_looked_for_as_typed() -> None:
    message = ask("Who founded the Nobel Academies?").message
    assert "“founded”" in message
    assert "“Academies”" in message
    assert message.startswith(load_texts("en").not_found)


@pytest.mark.parametrize(
    ("question", "language"),
    [
        ("水银的沸点是多少？", "zh"),
        ("水銀的沸點是多少？這個問題沒有人會", "zh-Hant"),
        ("水銀の沸点は何度ですか", "ja"),
        ("Was ist der Siedepunkt von Quecksilber?", "de"),
        ("Quel est le point d'ébullition du mercure ?", "fr"),
        ("¿Cuál es el punto de ebullición del mercurio?", "es"),
        ("Какова температура кипения ртути?", "ru"),
        ("ما هي درجة غليان الزئبق؟", "ar"),
        ("จุดเดือดของปรอทคืออะไร", "th"),
        ("Nhiệt độ sôi của thủy ngân là bao nhiêu?", "vi"),
        ("पारे का क्वथनांक क्या है?", "hi"),
        ("Cıvanın kaynama noktası nedir?", "tr"),
        ("Ποιο είναι το σημείο βρασμού του υδραργύρου;", "el"),
    ],
)
def test_refusal_is_in_the_question_s_language(question: str, language: str) -> None:
    assert ask(question).message.startswith(load_texts(language).not_found)


def test_language_can_be_chosen() -> None:
    assert ask("Quecksilber", "de").message.startswith(load_texts("de").not_found)


def test_every_language_has_every_text() -> None:
    found = [f for f in files("ragkit.prompts").iterdir() if f.name.endswith(".toml")]
    assert {"en.toml", "zh.toml", "zh-Hant.toml"} <= {f.name for f in found}
    for file in found:
        if file.name == "other.toml":  # what differs from en.toml
            continue
        texts = tomllib.loads(file.read_text(encoding="utf-8"))
        assert set(texts) == set(load_texts("en").__slots__), file.name
        assert "{terms}" in texts["looked_for"], file.name
        assert "{term}" in texts["quoted"], file.name


@pytest.mark.parametrize("language", ["xx", "../en", "", None, "en/../zh"])
def test_unknown_language_falls_back_to_english(language: str | None) -> None:
    assert load_texts(language).not_found == load_texts("en").not_found


def test_braces_in_a_question_are_harmless() -> None:
    assert "{0}" not in ask("What is {0} or {terms} in Saturnalia?").message


TINY = [
    "# Harbour\n\nThe lighthouse was built in 1874 by Anna Berg. It is thirty metres high.",
    "# Ferry\n\nThe ferry runs every forty minutes. A ticket costs 4 euros. Dogs travel free.",
    "# 图书馆\n\n图书馆周一闭馆。借书期限为四周。逾期每周罚款一元。",
]


@pytest.mark.parametrize(
    ("question", "refused"),
    [
        ("Who built the lighthouse?", False),
        ("Who painted the lighthouse?", True),
        ("How high is the lighthouse?", False),
        ("Who owns the ferry?", True),
        ("How often does the ferry run?", False),
        ("How many passengers does the ferry carry?", True),
        ("借书期限是多久？", False),
        ("图书馆哪天闭馆？", False),
        ("馆长是谁？", True),
    ],
)
def test_a_folder_of_three_short_files(tmp_path: Path, question: str, refused: bool) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    for number, text in enumerate(TINY):
        (folder / f"{number}.md").write_text(text, encoding="utf-8")
    kb = ragkit.open(folder, index=tmp_path / "i.db", preset="lite")
    assert kb.ask(question).refused is refused
    kb.close()


def _nodes(*texts: str, language: str = "en") -> list[NodeWithScore]:
    nodes = [TextNode(text=text, metadata={"language": language}) for text in texts]
    return [NodeWithScore(node=node, score=1 / (1 + n)) for n, node in enumerate(nodes)]


def _frequencies(
    nodes: list[NodeWithScore],
) -> Callable[[Sequence[str]], tuple[int, dict[str, int]]]:
    held = [set(terms(n.node.get_content(), language="en")) for n in nodes]
    return lambda wanted: (300, {t: c for t in wanted if (c := sum(t in h for h in held))})


def test_a_model_is_not_asked_only_where_it_is_hopeless() -> None:
    nodes = _nodes(
        "The ferry runs every forty minutes between the pier and the island.",
        "A ticket costs four euros, and dogs travel free.",
        "The lighthouse was built in 1874 by Anna Berg.",
    )
    frequencies = _frequencies(nodes)

    def refuses(question: str, *, by_words: bool) -> bool:
        return evidence_refuses(
            question, nodes, document_frequencies=frequencies, by_words=by_words
        )

    for by_words in (True, False):
        assert refuses("Which zk_barrier_timeout_ms does Kubernetes 1.29 take?", by_words=by_words)
        assert not refuses("How often does the ferry run?", by_words=by_words)
        assert not refuses("Was the lighthouse built in 1874?", by_words=by_words)
    synonyms = "What is the fare for a pet on the boat?"
    assert refuses(synonyms, by_words=True)
    assert not refuses(synonyms, by_words=False)
    assert evidence_refuses("Why?", [], document_frequencies=frequencies, by_words=False)


def test_a_model_reads_nodes_in_another_language() -> None:
    nodes = _nodes("渡轮每四十分钟一班。", language="zh")
    question = "Which zk_barrier_timeout_ms does Kubernetes 1.29 take?"
    assert not evidence_refuses(
        question, nodes, document_frequencies=_frequencies(nodes), by_words=True
    )
    unknown = _nodes("The ferry runs every forty minutes.", language="")
    assert not evidence_refuses(
        question, unknown, document_frequencies=_frequencies(unknown), by_words=True
    )
