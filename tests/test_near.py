"""Passages that a refusal points to: those that share a word with the question, or none."""

from __future__ import annotations

from pathlib import Path

import pytest

import ragkit
from ragkit.answer.near import near_numbers
from ragkit.answer.question import analyze_question
from ragkit.prompts import load_texts, text_languages
from ragkit.render import answer_html, answer_markdown, shown_sources
from ragkit.types import Answer, SourceNode


def source(n: int, text: str, name: str = "a.md", heading: str | None = None) -> SourceNode:
    return SourceNode(n, name, None, 1.0 / n, text, 0, heading)


@pytest.mark.parametrize(
    ("question", "texts", "near"),
    [
        ("What is the capital of Australia?", ["The rent is due monthly.", "Keys cost money."], ()),
        ("How many keys are there?", ["The rent is due.", "A lost key costs 45 euros."], (2,)),
        ("财务总监的工资是多少？", ["仓库预计六月底完工。", "工资每月十日发放。"], (2,)),
        ("What is the name of it?", ["Its name is Ida.", "Nothing."], (1,)),
        ("ราคาตั๋วเท่าไร", ["ตั๋วราคาสิบบาท", "ฝนตกหนัก"], (1,)),
        ("???", ["The rent is due monthly."], ()),
    ],
)
def test_a_content_word_in_common_makes_a_passage_near(
    question: str, texts: list[str], near: tuple[int, ...]
) -> None:
    asked = analyze_question(question)
    sources = [source(n, text) for n, text in enumerate(texts, start=1)]
    assert near_numbers(asked, sources) == near


def test_headings_and_file_names_count() -> None:
    asked = analyze_question("What does the warranty cover?")
    sources = [
        source(1, "Two years.", heading="Purchase > Warranty"),
        source(2, "Two years.", name="papers/warranty_2024.pdf"),
        source(3, "Two years."),
    ]
    assert near_numbers(asked, sources) == (1, 2)


@pytest.fixture
def kb(tmp_path: Path) -> ragkit.KnowledgeBase:
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "lease.md").write_text(
        "# Lease\n\n## Pets\n\nPets are allowed with consent.\n\n## Rent\n\nThe rent is 900.\n",
        "utf-8",
    )
    (folder / "租约.md").write_text("# 租约\n\n租金每月九百元，押金一千八百元。\n", "utf-8")
    return ragkit.open(folder, index=tmp_path / "i.db", preset="lite")


@pytest.mark.parametrize(
    ("question", "language"),
    [("What is the capital of Australia?", "en"), ("澳大利亚的首都在哪里？", "zh")],
)
def test_a_refusal_without_anything_near_says_so(
    kb: ragkit.KnowledgeBase, question: str, language: str
) -> None:
    answer = kb.ask(question)
    texts = load_texts(language)
    assert answer.refused
    assert answer.near == ()
    assert texts.nothing_near in answer.text
    assert texts.nearest not in answer.text
    assert "lease.md" not in answer_html(answer)
    assert "lease" not in answer_markdown(answer)
    assert answer.to_dict()["sources"] == [s.to_dict() for s in answer.sources]


def test_a_refusal_shows_what_shares_a_word_and_nothing_else(kb: ragkit.KnowledgeBase) -> None:
    answer = kb.ask("Who feeds the pets during the holidays in summer?")
    assert answer.refused
    assert [s.heading for s in answer.near_sources] == ["Lease > Pets"]
    assert load_texts("en").nearest in answer.text
    assert "> Pets are allowed with consent." in answer_markdown(answer)
    assert "The rent is 900" not in answer_markdown(answer)


def test_an_answer_knows_its_near_sources_too(kb: ragkit.KnowledgeBase) -> None:
    answer = kb.ask("How much is the rent?")
    assert not answer.refused
    assert answer.near is not None
    assert {c.n for c in answer.citations} <= set(answer.near)


def answered(near: tuple[int, ...] | None, *, refused: bool = False) -> Answer:
    sources = tuple(source(n, f"text {n}") for n in range(1, 6))
    return Answer("q", "t", refused, "lite", (), (), sources, near=near)


def test_without_a_judgement_all_are_shown() -> None:
    assert [s.n for s in shown_sources(answered(None))] == [1, 2, 3, 4, 5]
    assert [s.n for s in shown_sources(answered(None, refused=True))] == [1, 2, 3]
    assert [s.n for s in shown_sources(answered((2, 4), refused=True))] == [2, 4]
    # Found by meaning alone, in another language: words say nothing about any of them.
    assert [s.n for s in shown_sources(answered(()))] == [1, 2, 3, 4, 5]


def test_every_language_has_its_words() -> None:
    said = {load_texts(code).nothing_near for code in text_languages()}
    assert len(said) == len(text_languages())
