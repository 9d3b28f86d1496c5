"""Questions to begin with: made of the documents' own words, kept where the index answers them."""

from __future__ import annotations

import importlib
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

import ragkit
from ragkit.answer.examples import Trial, made_from, tried_examples
from ragkit.errors import StoreError

ENGLISH = """# Handbook

A guest house is a building in which visitors stay for a few nights.

The deposit is 240 euros. The bridge was built in 1743 by a mason. It is a long way home.

## How do I get a key?

Ask at the front desk. Bring a document with your photograph.

## Why?

```bash
ls
```
"""
CHINESE = """# 手册

民宿是一种供旅客短期居住的房屋，由房主经营。

押金为二百四十元。保修期为二十四个月，自签字之日起。它是一种很长的路。

张伟负责仓库的钥匙。

## 怎样领取钥匙？

请到前台领取，并出示证件。
"""


@pytest.mark.parametrize(
    ("text", "questions"),
    [
        (
            ENGLISH,
            {
                "How do I get a key?": "Ask at the front desk",
                "What is a guest house?": "A guest house is a building in which visitors stay",
                "When was the bridge built?": "The bridge was built in 1743 by a mason",
                "What is the deposit?": "The deposit is 240 euros",
            },
        ),
        (
            CHINESE,
            {
                "怎样领取钥匙？": "请到前台领取",
                "什么是民宿？": "民宿是一种供旅客短期居住的房屋",
                "保修期是多久？": "保修期为二十四个月",
                "押金是多少？": "押金为二百四十元",
                "谁负责仓库的钥匙？": "张伟负责仓库的钥匙",
            },
        ),
    ],
)
def test_sentences_and_headings_give_questions(text: str, questions: dict[str, str]) -> None:
    made = {example.question: example.answer for example in made_from(text, "a.md")}
    assert made.keys() == questions.keys()
    for question, answer in questions.items():
        assert made[question].startswith(answer)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "It is a long way. This is the end of it. There is a house.",
        "Painting the roof white is a cheap way.",
        "| a | b |\n|---|---|\n| The fee is 3 | x |",
        "The *fee* is 30 ![x](http://h.example/p).",
        "The " + "very " * 40 + "long name is a thing of beauty.",
        "它是一种花。这是一种花。其是一种花。",
        "## Why?\n\n## Because\n",
        "\0\ud800 is a strange thing.",
    ],
)
def test_what_is_no_name_gives_none(text: str) -> None:
    assert made_from(text, "a.md") == []


def tried(files: dict[str, str], trials: dict[str, Trial], **knobs: object) -> list[str]:
    def text(source: str) -> str:
        if source not in files:
            raise StoreError(f"no indexed file '{source}'")
        return files[source]

    refused = Trial(0.0, "", "")
    names = [*files, "gone.md"]
    return tried_examples(names, text=text, ask=lambda q: trials.get(q, refused), **knobs)  # type: ignore[arg-type]


def test_only_what_the_index_answers_from_there_is_kept() -> None:
    fee, keys = "The fee is 30 euros.", "The deposit is 9 euros."
    files = {"a.md": fee, "b.md": keys}
    right = Trial(0.9, "a.md", fee)
    assert tried(files, {"What is the fee?": right}) == ["What is the fee?"]
    assert tried(files, {}) == []
    assert tried(files, {"What is the fee?": Trial(0.5, "a.md", fee)}) == []
    assert tried(files, {"What is the fee?": Trial(0.9, "b.md", fee)}) == []
    assert tried(files, {"What is the fee?": Trial(0.9, "a.md", "Something else.")}) == []


def test_the_readers_language_comes_first_and_files_differ() -> None:
    files = {"a.md": ENGLISH, "b.md": ENGLISH.replace("guest", "club"), "c.md": CHINESE}
    trials = {
        example.question: Trial(0.9, source, example.answer)
        for source, text in reversed(files.items())
        for example in made_from(text, source)
    }
    english = tried(files, trials, language="en")
    assert len(english) == 3
    assert sum("house" in q for q in english) <= 2
    chinese = tried(files, trials, language="zh")
    assert chinese[0] in {e.question for e in made_from(CHINESE, "c.md")}
    assert tried(files, trials, most=1, language="zh") == chinese[:1]


def test_an_index_gives_questions_that_it_answers(tmp_path: Path) -> None:
    folder = tmp_path / "docs"
    folder.mkdir()
    kb = ragkit.open(folder, index=tmp_path / "i.db", preset="lite")
    assert kb.examples() == []
    for name, text in (("a.md", ENGLISH), ("b.md", CHINESE)):
        (folder / name).write_text(text, "utf-8")
    (folder / "orders.csv").write_text("id,item\n1,lamp\n2,chair\n", "utf-8")
    kb.index()
    began = time.process_time()
    for language, mark in (("en", "?"), ("zh", "？")):
        questions = kb.examples(language=language)
        assert 1 <= len(questions) <= 3
        assert questions[0].endswith(mark)
        for question in questions:
            answer = kb.ask(question)
            assert not answer.refused, question
            assert answer.citations
    assert time.process_time() - began < 3


def test_the_handbook_gives_three_in_each_language() -> None:
    handbook = Path(__file__).resolve().parent.parent / "data"
    kb = ragkit.open(handbook, preset="lite")
    for language, mark in (("en", "?"), ("zh", "？")):
        kb.index()
        questions = kb.examples(language=language)
        assert len(questions) == 3
        assert all(question.endswith(mark) for question in questions)


def test_examples_of_files_as_they_were_do_not_replace_newer_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("streamlit")
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / "app"))
    examples = importlib.import_module("examples")
    monkeypatch.setattr(examples, "_AFTER_THE_PAGE", 3600)
    made = examples._Examples(SimpleNamespace(examples=lambda *, language: [language]))
    old, new = ["a.md"], ["a.md", "b.md"]
    made.of(old, "en")
    made.of(new, "en")
    made._make(new, "en")
    made._make(old, "en")  # began first, ends last
    assert made.of(new, "en") == (["en"], True)
