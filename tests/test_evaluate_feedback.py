"""Ratings as a test set: what they tell of what is right, and that it can be asked again."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import ragkit
from ragkit.chats import Chats, chats_path, folder_key, open_chats
from ragkit.cli import ragkit as command
from ragkit.errors import ConfigError, IngestError
from ragkit.evaluate.choices import opener, runnable_presets, system_names
from ragkit.evaluate.dataset import Passage, Uploaded, gold_sources, load_passages, set_rows
from ragkit.evaluate.feedback import Feedback, feedback_set, read_feedback
from ragkit.evaluate.job import Job, Plan, QuestionSet, Result
from ragkit.evaluate.sections import Sections
from ragkit.evaluate.testsets import drafted_file, drafted_set, rated_set, uploaded_set
from ragkit.knowledge import KnowledgeBase

pytest.importorskip("ir_measures", reason='needs pip install "ragkit[eval]"')

CUP = "Who won the cup in 1966?"
LIGHTHOUSE = "Who built the lighthouse of Alnmouth?"


@pytest.fixture
def kb(folder: Path) -> KnowledgeBase:
    return ragkit.open(folder, preset="lite")


@pytest.fixture
def chats(own_home: Path) -> Chats:
    return open_chats(chats_path(own_home))


def rate(
    kb: KnowledgeBase, chats: Chats, *asked: tuple[str, str | None, str], owner: str = "me"
) -> None:
    """Ask each question in one chat and rate its answer with the comment."""
    chat = chats.create(owner, folder=folder_key(kb.folder)).id
    conversation = kb.chat()
    for question, verdict, comment in asked:
        turn = chats.begin_turn(chat, owner, question)
        chats.save_turn(turn, answer=conversation.ask(question), state="done")
        chats.set_feedback(turn, owner, verdict, comment)  # type: ignore[arg-type]


def told(kb: KnowledgeBase, chats: Chats, owner: str | None = "me") -> Feedback:
    documents = [document.source for document in kb.documents()]
    return read_feedback(chats, owner, folder_key(kb.folder), documents=documents)


def test_a_good_answer_tells_its_passages_and_its_short_answer(
    kb: KnowledgeBase, chats: Chats
) -> None:
    rate(kb, chats, (LIGHTHOUSE, "up", ""), ("备份保留多少天？", "up", ""))
    found = told(kb, chats)
    first, second = found.questions
    passages = {passage.id: passage for passage in found.passages}
    assert first.question == LIGHTHOUSE
    assert (first.lang, second.lang) == ("en", "zh")
    assert first.source == "history.txt"
    passage = passages[str(first.passage_id)]
    assert "1826 by Thomas Blackwood" in passage.text
    ((answer, start),) = first.answers
    assert answer == "Thomas Blackwood"
    assert passage.text[start : start + len(answer)] == answer
    assert (found.up, found.down, found.unknown) == (2, 0, 0)


def test_a_follow_up_is_asked_as_what_it_means(kb: KnowledgeBase, chats: Chats) -> None:
    rate(kb, chats, (LIGHTHOUSE, None, ""), ("And when was it built?", "up", ""))
    (question,) = told(kb, chats).questions
    assert "lighthouse" in question.question
    assert "Alnmouth" in question.question


def test_a_good_refusal_is_a_question_that_nothing_answers(kb: KnowledgeBase, chats: Chats) -> None:
    rate(kb, chats, (CUP, "up", ""))
    (question,) = told(kb, chats).questions
    assert (question.passage_id, question.source, question.answers) == (None, None, ())


@pytest.mark.parametrize(
    ("comment", "source"),
    [
        ("", None),
        ("That is wrong.", None),
        ("see install.md", "guide/install.md"),
        ("It is in guide/install.md.", "guide/install.md"),
        ("答案在手册.md里", "手册.md"),
        ("INSTALL.MD has it", "guide/install.md"),
        ("install.md or history.txt", None),
        ("reinstall.md", None),
        ("install.mdx", None),
    ],
)
def test_a_bad_answer_counts_where_its_comment_names_the_file(
    kb: KnowledgeBase, chats: Chats, comment: str, source: str | None
) -> None:
    rate(kb, chats, ("How much memory is needed?", "down", comment))
    found = told(kb, chats)
    assert [question.source for question in found.questions] == ([source] if source else [])
    assert (found.down, found.unknown) == (1, 0 if source else 1)


def test_a_name_inside_a_longer_name_is_not_named(kb: KnowledgeBase, chats: Chats) -> None:
    (kb.folder / "员工手册.md").write_text("# 员工\n\n年假十天。\n", "utf-8")
    kb.index()
    rate(kb, chats, ("年假有几天？", "down", "应当是员工手册.md"))
    assert [question.source for question in told(kb, chats).questions] == ["员工手册.md"]


def test_ratings_are_of_their_owner_and_folder(
    kb: KnowledgeBase, chats: Chats, tmp_path: Path
) -> None:
    rate(kb, chats, (LIGHTHOUSE, "up", ""))
    assert not told(kb, chats, "you").questions
    assert len(told(kb, chats, None).questions) == 1
    assert feedback_set(chats, "me", folder_key(tmp_path)) == ([], [])


def test_of_a_question_rated_twice_the_last_that_tells_counts(
    kb: KnowledgeBase, chats: Chats
) -> None:
    rate(kb, chats, (LIGHTHOUSE, "up", ""), (LIGHTHOUSE.upper(), "down", "no idea"))
    (question,) = told(kb, chats).questions
    assert question.passage_id
    rate(kb, chats, (LIGHTHOUSE, "down", "guide/install.md"))
    (question,) = told(kb, chats).questions
    assert (question.passage_id, question.source) == (None, "guide/install.md")


def test_an_answer_about_the_documents_themselves_tells_no_passage(
    kb: KnowledgeBase, chats: Chats
) -> None:
    chat = chats.create("me", folder=folder_key(kb.folder)).id
    turn = chats.begin_turn(chat, "me", LIGHTHOUSE)
    answer = replace(kb.ask(LIGHTHOUSE), citations=())
    chats.save_turn(turn, answer=answer, state="done")
    chats.set_feedback(turn, "me", "up")
    empty = chats.begin_turn(chat, "me", "?")
    chats.save_turn(empty, answer=None, state="failed", error="no")
    chats.set_feedback(empty, "me", "up")
    assert told(kb, chats).unknown == 2


# Asking it again


def evaluate(*arguments: str | Path) -> dict[str, Any]:
    done = CliRunner().invoke(command, ["evaluate", *map(str, arguments)])
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout) if "--json" in arguments else {}


def test_what_was_rated_good_is_found_first_by_the_command_line(
    kb: KnowledgeBase, chats: Chats, tmp_path: Path
) -> None:
    rate(
        kb,
        chats,
        (LIGHTHOUSE, "up", ""),
        ("备份保留多少天？", "up", ""),
        (CUP, "up", ""),
    )
    report = evaluate("--data", kb.folder, "--feedback", "--preset", "lite", "--answers", "--json")
    assert report["questions"] == 2
    assert report["recall@1"] == 1.0
    assert report["em"] == 1.0
    assert report["unanswerable"]["questions"] == 1
    out = tmp_path / "rated.jsonl"
    evaluate("--data", kb.folder, "--feedback", "--questions-out", out)
    again = evaluate("--data", kb.folder, "--questions", out, "--preset", "lite", "--json")
    assert again["recall@1"] == 1.0
    alone = evaluate("--passages", out, "--questions", out, "--preset", "lite", "--json")
    assert alone["questions"] == 2
    done = CliRunner().invoke(
        command, ["evaluate", "--data", str(kb.folder), "--feedback", "--questions-out", str(out)]
    )
    assert isinstance(done.exception, ConfigError)
    assert "is there already" in str(done.exception)


def test_a_worse_retriever_finds_less(kb: KnowledgeBase, chats: Chats) -> None:
    rate(kb, chats, (LIGHTHOUSE, "up", ""), ("备份保留多少天？", "up", ""))
    testset = rated_set(kb, chats, "me")
    open_system = opener({"lite": kb}, answers=False)
    with open_system(testset, "lite:lexical", lambda *_: None) as system:
        from ragkit.evaluate.run import ask_questions
        from ragkit.evaluate.summary import summarize

        def backwards(question: str, limit: int) -> list[Any]:
            # Everything there is, worst first.
            return [*reversed(system.retrieve("the lighthouse 备份 port memory", 50))][:limit]

        worse = replace(system, retrieve=backwards)
        good = summarize(ask_questions(system, testset.questions, testset.gold()))
        bad = summarize(ask_questions(worse, testset.questions, testset.gold()))
    assert good["recall@1"] == 1.0
    assert bad["recall@1"] < 1.0


def test_all_cited_nodes_are_right_and_a_neighbour_that_overlaps_is_not(
    kb: KnowledgeBase,
) -> None:
    from llama_index.core.schema import NodeWithScore, TextNode

    passages = [
        Passage(
            "t/1", "en", "", "The lighthouse of Alnmouth was built in 1826", "t", "history.txt"
        ),
        Passage("t/2", "en", "", "It burned down during the storm of 1861", "t", "history.txt"),
        Passage("t/3", "en", "", "The new tower is forty metres high.", None, "history.txt"),
    ]
    kb.index()
    testset = uploaded_set(
        [Uploaded("q", b'{"id": "q", "question": "?", "passage_id": "t/1", "source": "x"}'),
         Uploaded("p", "\n".join(map(json.dumps, set_rows(passages, []))).encode())],
        over_folder=True,
    )  # fmt: skip
    right = testset.gold()["q"]
    assert right == {"t/1", "t/2"}
    text = kb.text("history.txt")
    sections = Sections(kb, passages)

    def unit(start: int, end: int) -> str:
        node = TextNode(
            text=text[start:end], start_char_idx=start, metadata={"source": "history.txt"}
        )
        return sections.of(NodeWithScore(node=node), right)

    assert unit(0, len(passages[0].text)) == "t/1"
    new = text.index("The new tower")
    assert unit(text.index("It burned"), new) == "t/2"
    assert unit(new - 8, len(text)) == "t/3", "eight characters of what is right are not it"
    assert sections.of(
        NodeWithScore(node=TextNode(text="x", metadata={"source": "history.txt"})),
        frozenset({"history.txt"}),
    ) == "history.txt", "where the file is right, each part of it is"  # fmt: skip


def test_rows_come_back_as_they_were(kb: KnowledgeBase, chats: Chats) -> None:
    rate(
        kb,
        chats,
        (LIGHTHOUSE, "up", ""),
        (CUP, "up", ""),
        ("Memory?", "down", "install.md"),
    )
    found = told(kb, chats)
    file = Uploaded(
        "f", "\n".join(map(json.dumps, set_rows(found.passages, found.questions))).encode()
    )
    again = uploaded_set([file], over_folder=True)
    assert tuple(again.passages) == found.passages
    assert tuple(again.questions) == found.questions
    assert gold_sources(again.questions, again.passages) == gold_sources(
        found.questions, found.passages
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--feedback",), "--data"),
        (("--feedback", "--data", ".", "--questions", "q"), "--feedback asks"),
        (("--feedback", "--from-folder", "."), "--from-folder drafts"),
        (("--data", ".", "--feedback"), "No answer about"),
        (("--questions-out", "x"), "--feedback writes"),
    ],
)
def test_bad_usage_is_said(arguments: tuple[str, ...], words: str) -> None:
    done = CliRunner().invoke(command, ["evaluate", *arguments])
    assert done.exit_code != 0
    assert words in done.output + str(done.exception)


# Sets and jobs, as the page uses them


def test_an_uploaded_set_is_asked_where_its_passages_are(kb: KnowledgeBase) -> None:
    kb.index()
    documents = [document.source for document in kb.documents()]
    question = b'{"question": "Who?", "source": "history.txt"}'
    assert uploaded_set([Uploaded("q", question)], documents=documents).over_folder
    pair = (
        b'{"id": "p", "lang": "en", "title": "", "text": "Ann did."}\n'
        b'{"id": "q", "lang": "en", "question": "Who?", "passage_id": "p"}'
    )
    assert not uploaded_set([Uploaded("q", pair)], documents=documents).over_folder
    drafts = Uploaded("d", drafted_file(kb))
    assert uploaded_set([drafts], documents=documents).over_folder


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", "no questions"),
        (b"\xff\xfe", "../../evil.jsonl, line 1: not UTF-8"),
        (b"[]", "line 1: a JSON object is wanted"),
        (b'{"question": "?"}', "line 1: 'source' is missing"),
        (b'{"id": "a", "text": "t"}', "no questions"),
    ],
)
def test_a_bad_upload_is_said_with_its_line(data: bytes, error: str) -> None:
    with pytest.raises((ConfigError, IngestError), match=error.replace(".", r"\.")):
        uploaded_set([Uploaded("../../evil.jsonl", data)], documents=["a.md"])


def test_only_what_is_indexed_is_drafted(kb: KnowledgeBase) -> None:
    kb.index()
    (kb.folder / "new.md").write_text("# How is it new?\n\nIt came after the index.\n", "utf-8")
    sources = {p.source for p in load_passages([Uploaded("d", drafted_file(kb))])}
    assert sources == {"guide/install.md", "history.txt", "手册.md"}


def test_nothing_to_draft_is_said(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError, match="no headings"):
        drafted_file(ragkit.open(tmp_path / "empty", preset="lite"))


def test_lite_is_always_runnable_and_needs_no_vectors(kb: KnowledgeBase) -> None:
    assert "lite" in runnable_presets()
    names = system_names(kb, ["lite"])
    assert names[0] == "lite:lexical"
    assert not [name for name in names if name.endswith((":dense", ":hybrid"))]


def finish(kb: KnowledgeBase, plan: Plan) -> tuple[Job, list[Result]]:
    kept: list[Result] = []
    job = Job(plan, open_system=opener({"lite": kb}, answers=plan.answers), finished=kept.append)
    job.join(60)
    return job, kept


def test_a_job_measures_and_hands_its_pages_over(kb: KnowledgeBase) -> None:
    job, kept = finish(kb, Plan(lambda: drafted_set(kb), ("lite:lexical",), 3, answers=True))
    assert job.state.error == ""
    assert job.state.phase == "done"
    (result,) = kept
    assert result.report["questions"] == 3
    assert result.report["preset"] == "lite"
    assert "<h2>" in result.pages["en"]
    assert "召回率" in result.pages["zh"]
    assert 'lang="zh-Hans"' in result.pages["zh"]


def test_a_job_compares_two_retrievers(kb: KnowledgeBase) -> None:
    job, kept = finish(kb, Plan(lambda: drafted_set(kb), ("lite:lexical", "lite:bm25")))
    assert job.state.phase == "done", job.state.error
    assert [r["retriever"] for r in kept[0].report["reports"]] == ["lexical", "bm25"]
    assert "recall@1" in kept[0].report["compare"]


def test_uploaded_passages_are_measured_with_the_shared_models(kb: KnowledgeBase) -> None:
    pair = (
        b'{"id": "p", "lang": "en", "title": "", "text": "Ann baked the bread."}\n'
        b'{"id": "o", "lang": "en", "title": "", "text": "Rain fell."}\n'
        b'{"id": "q", "lang": "en", "question": "Who baked the bread?", "passage_id": "p"}'
    )
    job, kept = finish(kb, Plan(lambda: uploaded_set([Uploaded("f", pair)]), ("lite:lexical",)))
    assert job.state.phase == "done", job.state.error
    assert kept[0].report["recall@1"] == 1.0


def test_a_job_is_cancelled_between_questions(kb: KnowledgeBase) -> None:
    import threading

    reading, go_on = threading.Event(), threading.Event()

    def load() -> QuestionSet:
        reading.set()
        assert go_on.wait(20)
        return drafted_set(kb)

    kept: list[Result] = []
    job = Job(
        Plan(load, ("lite:lexical",)), open_system=opener({"lite": kb}, answers=False),
        finished=kept.append,
    )  # fmt: skip
    assert reading.wait(20)
    assert job.state.running
    job.cancel()
    assert job.state.cancelling
    go_on.set()
    job.join(30)
    assert job.state.phase == "cancelled"
    assert not kept


@pytest.mark.parametrize(
    ("fault", "words"),
    [(ConfigError("no file"), "no file"), (ZeroDivisionError("x"), "ZeroDivisionError")],
)
def test_a_job_that_fails_says_so(kb: KnowledgeBase, fault: Exception, words: str) -> None:
    def load() -> QuestionSet:
        raise fault

    job, kept = finish(kb, Plan(load, ("lite:lexical",)))
    assert job.state.phase == "failed"
    assert words in job.state.error
    assert not kept


def test_rated_set_without_ratings_is_said(kb: KnowledgeBase, chats: Chats) -> None:
    kb.index()
    with pytest.raises(ConfigError, match="No rating tells"):
        rated_set(kb, chats, "me")
