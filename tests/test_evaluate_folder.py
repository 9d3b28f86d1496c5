"""Questions on a folder's own files: asked with --data, drafted with --from-folder."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

pytest.importorskip("ir_measures", reason='needs pip install "ragkit[eval]"')
pytest.importorskip("sacrebleu", reason='needs pip install "ragkit[eval]"')

from openai_server import Stub, chunk, run_stub

from ragkit.cli.evaluate import evaluate
from ragkit.errors import ConfigError, IngestError
from ragkit.evaluate.draft import ask_model, draft_rows, is_question, read_sections

FILES = {
    "guide.md": "# Guide\n\n## Installing the server\n\nRun the installer and restart the machine. "
    "It takes ten minutes.\n\n## How to back up\n\nCopy the data folder to another disk.\n",
    "faq.md": "# FAQ\n\n## Who pays for parking?\n\nThe company pays for parking on weekdays.\n\n"
    "## Are pets allowed?\n\nOnly on Fridays, and on a leash.\n",
    "zh/手册.md": "# 手册\n\n## 怎样申请年假？\n\n在系统里填写申请表，由主管批准。\n\n"
    "## 报销流程\n\n先保存发票，再提交给财务部门审核。\n",
    "qa.txt": "Q: Where is the printer?\nA: On the second floor.\n\n"
    "Q: Who repairs the printer?\nA: The help desk does.\n",
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RAGKIT_HOME", str(tmp_path / "home"))
    for name, text in FILES.items():
        path = tmp_path / "docs" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return tmp_path / "docs"


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
    return path


def run(*arguments: Any) -> Any:
    words = [str(argument) for argument in arguments]
    return CliRunner().invoke(evaluate, [*words, "--preset", "lite"], standalone_mode=False)


def done(*arguments: Any) -> Any:
    result = run(*arguments)
    if result.exception:
        raise result.exception
    return result


def test_a_question_names_the_file_that_answers(folder: Path, tmp_path: Path) -> None:
    questions = write(
        tmp_path / "q.jsonl",
        [
            {"question": "Who pays for parking?", "source": "faq.md", "answers": ["the company"]},
            {"question": "怎样申请年假？", "lang": "zh", "source": "zh/手册.md"},
            {"question": "Where is the printer?", "source": "guide.md"},
            {"question": "Who built the pyramids?", "source": None},
        ],
    )
    result = done(
        "--data", folder, "--questions", questions, "--answers", "--by", "source", "--json"
    )
    report = json.loads(result.stdout)
    assert report["questions"] == 3
    assert report["by_source"]["faq.md"]["recall@1"] == 1
    assert report["by_source"]["zh/手册.md"]["recall@1"] == 1
    assert report["by_source"]["guide.md"]["recall@1"] == 0
    assert report["contains"] == 1
    assert report["unanswerable"]["questions"] == 1
    assert sorted(p.name for p in folder.rglob("*.*")) == sorted(Path(n).name for n in FILES)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"question": "x?"}, "'source' is missing"),
        ({"question": "x?", "source": 3}, "'source' is 3"),
        ({"question": "x?", "source": "a.md", "answers": "a"}, "'answers' must be"),
        ({"question": "x?", "passage_id": "p"}, "no passage has the id 'p'"),
        ({"question": "", "source": "a.md"}, "'question' is ''"),
    ],
)
def test_a_bad_question_is_named_by_line(
    folder: Path, tmp_path: Path, row: dict[str, Any], message: str
) -> None:
    questions = write(tmp_path / "q.jsonl", [{"question": "y?", "source": "faq.md"}, row])
    result = run("--data", folder, "--questions", questions)
    assert isinstance(result.exception, IngestError)
    assert f"line 2: {message}" in str(result.exception)


def test_a_file_that_fills_the_first_places_is_taken_out_whole(
    folder: Path, tmp_path: Path
) -> None:
    """A long gold file must not leave the question without other nodes to be refused on."""
    lines = [f"Parking place {n} is next to the gate.\n\n" for n in range(300)]
    text = "# Places\n\n" + "".join(f"## Place {n}\n\n{line}" for n, line in enumerate(lines))
    (folder / "places.md").write_text(text, "utf-8")
    from ragkit.evaluate.dataset import Question
    from ragkit.evaluate.run import ask_questions
    from ragkit.evaluate.system import folder_system

    question = Question(
        "q", "en", "Which parking place is next to the gate?", None, source="places.md"
    )
    with folder_system(folder, preset="lite") as system:
        seen: list[set[str]] = []
        answer = system.answer

        def watching(asked: str, nodes: Any) -> Any:
            seen.append({system.unit(node, frozenset()) for node in nodes})
            return answer(asked, nodes)

        from dataclasses import replace

        watched = replace(system, answer=watching)
        ask_questions(watched, [question], {"q": {"places.md"}}, answers=True)
    assert seen[0] == {"places.md"}
    assert "faq.md" in seen[1]
    assert "places.md" not in seen[1]


def test_drafts_hold_faq_entries_and_headings_in_their_language(folder: Path) -> None:
    rows = list(draft_rows(list(read_sections(folder, max_bytes=10**6))))
    asked = {row["question"]: row for row in rows if "question" in row}
    assert set(asked) == {
        "Who pays for parking?",
        "Are pets allowed?",
        "Where is the printer?",
        "Who repairs the printer?",
        "怎样申请年假？",
        "What does “Guide” say about “Installing the server”?",
        "How do I back up?",
        "关于“报销流程”，《手册》是怎么说的？",
    }
    passages = {row["id"]: row for row in rows if "question" not in row}
    parking = passages[asked["Who pays for parking?"]["passage_id"]]
    assert parking["text"] == "The company pays for parking on weekdays."
    assert passages[asked["Where is the printer?"]["passage_id"]]["text"] == "On the second floor."
    assert asked["怎样申请年假？"]["lang"] == "zh"
    assert all(row["source"] in FILES for row in rows)
    for row in passages.values():
        assert row["text"] in FILES[row["source"]]


def test_drafts_can_be_asked_at_once_in_both_ways(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "draft.jsonl"
    told = done("--from-folder", folder, "--questions-out", out)
    assert "8 questions" in told.stderr
    assert told.stdout == ""
    printed = done("--from-folder", folder).stdout
    assert printed == out.read_text("utf-8"), "the same each time"
    passages = done("--passages", out, "--questions", out, "--by", "lang", "--json")
    assert json.loads(passages.stdout)["questions"] == 8
    report = json.loads(done("--data", folder, "--questions", out, "--json").stdout)
    assert report["questions"] == 8
    assert report["recall@1"] == 1, "the heading that asks stands in the node"


def test_edited_drafts_are_never_overwritten(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "draft.jsonl"
    out.write_text("my edits\n", "utf-8")
    result = run("--from-folder", folder, "--questions-out", out)
    assert isinstance(result.exception, ConfigError)
    assert "may hold your edits" in str(result.exception)
    assert out.read_text("utf-8") == "my edits\n"


def test_a_sample_of_drafts_keeps_the_faq(folder: Path) -> None:
    sections = list(read_sections(folder, max_bytes=10**6))
    rows = list(draft_rows(sections, number=6))
    assert len([row for row in rows if "question" in row]) == 6
    assert len([row for row in rows if "question" not in row]) == len(sections)
    assert "Are pets allowed?" in {row.get("question") for row in rows}


@pytest.mark.parametrize(
    ("number", "line"),
    [
        (1, "1 file could not be read: e0.txt\n"),
        (3, "3 files could not be read: e0.txt, e1.txt, e2.txt\n"),
        (4, "4 files could not be read: e0.txt, e1.txt, e2.txt, …\n"),
    ],
)
def test_names_of_what_could_not_be_read_are_not_taken_for_all(
    folder: Path, tmp_path: Path, number: int, line: str
) -> None:
    for at in range(number):
        (folder / f"e{at}.txt").touch()
    result = done("--from-folder", folder, "--questions-out", tmp_path / "q.jsonl")
    assert line in result.stderr


def test_a_folder_without_headings_and_one_that_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    (tmp_path / "plain" / "a.txt").write_text("Just a line of text about nothing.", "utf-8")
    for folder, message in (("plain", "no headings"), ("none", "There is no folder")):
        result = run("--from-folder", tmp_path / folder)
        assert isinstance(result.exception, ConfigError)
        assert message in str(result.exception)


@pytest.mark.parametrize(
    ("heading", "expected"),
    [
        ("How do I install it?", True),
        ("3.2 What is a node", True),
        ("如何备份", True),
        ("能不能删除吗", True),
        ("Installation", False),
        ("安装步骤", False),
        ("How to back up", False),
        ("Island life", False),
        ("Whatever works", False),
    ],
)
def test_headings_that_ask(heading: str, expected: bool) -> None:
    assert is_question(heading) is expected


@pytest.fixture
def stub() -> Iterator[Stub]:
    with run_stub() as server:
        yield server


def test_a_model_writes_the_questions_and_useless_ones_are_dropped(
    folder: Path, tmp_path: Path, stub: Stub, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("llama_index.llms.openai_like", reason='needs "ragkit[openai]"')

    def reply(exchange: Any) -> None:
        prompt = exchange.request_read.body["messages"][-1]["content"]
        said = "Question: How long does the installation take?\nMore."
        if "发票" in prompt:
            said = "How are invoices handled?"  # the wrong language
        shape = {"id": "x", "object": "chat.completion", "created": 1, "model": "tiny"}
        message = {"role": "assistant", "content": said}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        if exchange.request_read.body.get("stream"):
            events = [chunk({"content": said}), chunk({}, finish_reason="stop")]
            body = "".join(f"data: {json.dumps(event)}\n\n" for event in events)
            exchange.text(body + "data: [DONE]\n\n", kind="text/event-stream")
        else:
            exchange.json(shape | {"choices": [choice]})

    stub.on_chat(reply)
    monkeypatch.setenv("RAGKIT_LLM__KIND", "openai")
    monkeypatch.setenv("RAGKIT_LLM__MODEL", "tiny")
    monkeypatch.setenv("RAGKIT_LLM__BASE_URL", stub.url)
    monkeypatch.setenv("RAGKIT_LLM__CONTEXT_WINDOW", "4096")
    out = tmp_path / "draft.jsonl"
    done("--from-folder", folder, "--questions-out", out)
    rows = [json.loads(line) for line in out.read_text("utf-8").splitlines()]
    asked = [row["question"] for row in rows if "question" in row]
    assert "How long does the installation take?" in asked
    assert "How are invoices handled?" not in asked
    assert "Who pays for parking?" in asked, "an author's own question is kept"
    assert "ten minutes" in stub.chats[0].body["messages"][-1]["content"]


@pytest.mark.parametrize("said", ["", "\n", "No.", "I cannot see a text", "x?" * 200])
def test_what_is_no_question_is_dropped(folder: Path, said: str) -> None:
    section = next(read_sections(folder, max_bytes=10**6))
    assert ask_model(section, lambda prompt: said, lambda question: True) == ""


def test_a_question_that_finds_nothing_is_dropped(folder: Path) -> None:
    section = next(read_sections(folder, max_bytes=10**6))
    said = "1. Who pays for the parking of the guests?"
    assert ask_model(section, lambda prompt: said, lambda question: False) == ""
    assert ask_model(section, lambda prompt: said, lambda question: True) == said[3:]
