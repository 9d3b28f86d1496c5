"""Which stage lost a file: every stage, through the command line and the notebook."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from test_hostile_files import encrypted_pdf
from test_readers import pdf

import ragkit
from ragkit.errors import ConfigError
from ragkit.why import Why

# Notes that all speak of the port of a server, some more than others.
NOTES = 45


def write_folder(place: Path) -> Path:
    (place / "guide").mkdir(parents=True)
    (place / "zh").mkdir()
    (place / "notes").mkdir()
    (place / "guide" / "install.md").write_text(
        "# Installation\n\nThe server needs 16 GB of memory. The port of the server is 8501.\n",
        "utf-8",
    )
    (place / "history.txt").write_text(
        "The lighthouse of Alnmouth was built in 1826 by Thomas Blackwood.\n", "utf-8"
    )
    (place / "灯塔.txt").write_text("灯塔由托马斯于1826年建成，塔高四十米。\n", encoding="gbk")
    (place / "zh" / "备份.md").write_text("# 备份\n\n备份每天凌晨三点进行，保留三十天。\n", "utf-8")
    (place / "book.pdf").write_bytes(
        pdf("The zebra sleeps at noon.", "The walrus weighs a ton.", "An index of animals.")
    )
    (place / "random.txt").write_bytes(bytes(range(256)) * 40)
    (place / ".secret.md").write_text("The zebra is hidden.\n", "utf-8")
    for n in range(NOTES):
        ports = "The server has a port. " * (1 if n == 7 else 2)
        (place / "notes" / f"n{n:02}.md").write_text(
            f"{ports}Remark {n} of the diary says little of importance.\n", "utf-8"
        )
    return place


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_folder(tmp_path_factory.mktemp("why") / "docs")


@pytest.fixture(scope="module")
def index(place: Path) -> Path:
    """Return an index of the folder in preset lite."""
    path = place.parent / "lite.db"
    ragkit.open(place, index=path, preset="lite").index()
    return path


@pytest.fixture
def kb(place: Path, index: Path) -> ragkit.KnowledgeBase:
    return ragkit.open(place, index=index, preset="lite")


def run(*arguments: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "ragkit", "why", *map(str, arguments)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        stdin=subprocess.DEVNULL,
        cwd=cwd,
        env={**os.environ, "PYTHONUTF8": "1"},
        check=False,
        timeout=120,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done


def rank_of_n07(place: Path, index: Path) -> int:
    """Return the rank of the note that says less of the server than the others."""
    kb = ragkit.open(place, index=index, preset="lite", top_k=100)
    rank = [s.source for s in kb.retrieve("Which port has the server?")].index("notes/n07.md") + 1
    assert rank > 30
    return rank


def words(why: Why) -> tuple[set[str], set[str]]:
    held = {word.text for word in why.words if word.in_file}
    return held, {word.text for word in why.words if not word.in_file}


# --- The command line ---


def test_a_cited_file_was_not_lost(place: Path, index: Path) -> None:
    asked = ("When was the lighthouse of Alnmouth built?", "history.txt")
    done = run(*asked, "--data", place, "--index", index, "--preset", "lite")
    assert done.returncode == 0
    assert done.stdout.startswith("'history.txt' was not lost: the answer cites it.")
    assert "it lacks    nothing of the question" in done.stdout
    assert "The lighthouse of Alnmouth was built in 1826 by Thomas Blackwood." in done.stdout
    assert done.stderr == ""


def test_json_has_the_documented_keys_and_numbers(place: Path, index: Path) -> None:
    common = ("--data", place, "--index", index, "--preset", "lite", "--json")
    done = run("Which port has the server?", "notes/n07.md", *common, "--top-k", "3")
    assert done.returncode == 0
    found = json.loads(done.stdout)
    assert set(found) == {
        "question", "source", "preset", "stage", "lost", "reason", "advice", "close", "words",
        "ranking", "budget", "judgement", "passage",
    }  # fmt: skip
    assert (found["stage"], found["lost"], found["source"]) == ("outranked", True, "notes/n07.md")
    ranking = found["ranking"]
    assert (ranking["retriever"], ranking["top_k"]) == ("lexical", 3)
    assert ranking["rank"] == rank_of_n07(place, index)
    assert ranking["lexical"] == {
        "rank": ranking["rank"], "score": ranking["score"], "searched": ranking["searched"],
    }  # fmt: skip
    assert ranking["dense"] is None
    assert 0 < ranking["score"] < ranking["last"]["score"]
    assert found["judgement"] is None
    assert found["budget"] is None
    (advised,) = [line for line in found["advice"] if "--top-k" in line]
    top_k = advised.split("--top-k ")[1].split()[0].rstrip(".")
    kb = ragkit.open(place, index=index, preset="lite", top_k=int(top_k))
    assert "notes/n07.md" in {s.source for s in kb.retrieve("Which port has the server?")}


def test_output_names_the_rank_and_the_gap(place: Path, index: Path) -> None:
    common = ("--data", place, "--index", index, "--preset", "lite")
    done = run("Which port has the server?", "n07.md", *common)  # a bare name
    rank = rank_of_n07(place, index)
    assert f"was ranked {rank}" in done.stdout
    assert "and the best 5 are retrieved." in done.stdout
    assert f"rank        {rank}, score " in done.stdout
    assert "rank 5      score " in done.stdout
    assert "--filter source=notes/n07.md" in done.stdout


def test_index_is_made_and_refreshed_as_for_query(tmp_path: Path) -> None:
    place = tmp_path / "docs"
    place.mkdir()
    (place / "a.md").write_text("The submarine is yellow.\n", "utf-8")
    common = ("--data", place, "--index", tmp_path / "i.db", "--preset", "lite", "--json")
    question = "What colour is the submarine?"
    done = run(question, "a.md", *common)
    assert json.loads(done.stdout)["stage"] == "cited"
    assert "1 added" in done.stderr
    (place / "b.md").write_text("The balloon is green.\n", "utf-8")
    stale = json.loads(run(question, "b.md", *common, "--no-refresh").stdout)
    assert stale["stage"] == "unindexed"
    assert "ragkit index" in stale["advice"][0]
    assert json.loads(run("Which balloon is green?", "b.md", *common).stdout)["stage"] == "cited"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("  ", "history.txt"), "empty"),
        (("Who?", ""), "not the name of a file"),
        (("Who?", "guide"), "is a folder"),
        (("Who?", "../outside.md"), "outside the folder"),
        (("Who?", "/etc/passwd"), "outside the folder"),
        (("Who?", "."), "the folder itself"),
        (("Who?", "history.txt", "--filter", "language"), "not KEY=VALUE"),
        (("Who?",), "FILE"),
    ],
)
def test_bad_usage_is_said(place: Path, index: Path, arguments: tuple[str, ...], says: str) -> None:
    done = run(*arguments, "--data", place, "--index", index, "--preset", "lite", "--no-refresh")
    assert done.returncode == 2
    assert says in done.stderr
    assert done.stdout == ""


def test_file_as_the_shell_completes_it(place: Path, index: Path) -> None:
    common = ("--data", "docs", "--index", index, "--preset", "lite", "--json", "--no-refresh")
    done = run("How much memory?", "docs/guide/install.md", *common, cwd=place.parent)
    assert json.loads(done.stdout)["source"] == "guide/install.md"


def test_missing_folder_and_damaged_index_fail(tmp_path: Path) -> None:
    assert run("Who?", "a.md", "--data", tmp_path / "none").returncode == 2
    (tmp_path / "docs").mkdir()
    broken = tmp_path / "i.db"
    broken.write_bytes(b"SQLite format 3\x00" + b"\xff" * 8000)
    done = run("Who?", "a.md", "--data", tmp_path / "docs", "--index", broken, "--preset", "lite")
    assert done.returncode == 1
    assert str(broken) in done.stderr


def test_a_file_cannot_drive_the_terminal(tmp_path: Path) -> None:
    place = tmp_path / "docs"
    place.mkdir()
    (place / "evil\x1b[31m.md").write_text("The zebra code\x1b]0;owned\x07 is 42.\n", "utf-8")
    common = ("--data", place, "--index", tmp_path / "i.db", "--preset", "lite")
    done = run("What is the zebra code?", "evil\x1b[31m.md", *common)
    assert "42" in done.stdout
    assert "\x1b" not in done.stdout + done.stderr


# --- Every stage, in the notebook ---


def test_missing_file_has_close_names(kb: ragkit.KnowledgeBase) -> None:
    why = kb.why("Who built the lighthouse?", "histroy.txt")
    assert (why.stage, why.lost) == ("missing", True)
    assert why.close[0] == "history.txt"
    assert "Did you mean 'history.txt'" in why.advice[0]
    moved = kb.why("Who?", "old/install.md")
    assert moved.close[0] == "guide/install.md"
    assert kb.why("Who?", "xyz.txt").close == ()  # an ending alone is no likeness


def test_hidden_file_is_left_out(kb: ragkit.KnowledgeBase) -> None:
    why = kb.why("Where is the zebra?", ".secret.md")
    assert why.stage == "left_out"
    assert "begins with a dot" in why.reason
    assert "node_modules" not in why.reason  # no rule but the one that holds
    assert "!/.secret.md" in why.advice[0]


def test_the_line_that_leaves_a_file_out_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "docs"
    (folder / "guide" / "old").mkdir(parents=True)
    (folder / "guide" / "old" / "zebra.md").write_text("The zebra sleeps.\n", "utf-8")
    (folder / "guide" / ".ragkitignore").write_text("# what is past\n\nol?/\n", "utf-8")
    kb = ragkit.open(folder, index=tmp_path / "i.db", preset="lite")
    kb.index()

    why = kb.why("Where does the zebra sleep?", "guide/old/zebra.md")
    assert why.stage == "left_out"
    assert "line 3 of guide/.ragkitignore" in why.reason
    assert "'guide/old'" in why.reason
    assert why.reason.endswith("ol?/")

    line = why.advice[0].rpartition(" ")[2]
    with (folder / "guide" / ".ragkitignore").open("a", encoding="utf-8") as file:
        file.write(f"{line}\n")
    kb.index()
    assert kb.why("Where does the zebra sleep?", "guide/old/zebra.md").stage == "cited"


def test_a_file_that_somebody_excluded_says_where(tmp_path: Path) -> None:
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "zebra.md").write_text("The zebra sleeps.\n", "utf-8")
    kb = ragkit.open(folder, index=folder / "own.db", preset="lite")
    kb.notes.exclude(["zebra.md"])
    kb.index()

    why = kb.why("Where does the zebra sleep?", "zebra.md")
    assert why.stage == "left_out"
    assert "Documents page" in why.reason
    own = kb.why("Where does the zebra sleep?", "own.db")
    assert own.stage == "left_out"
    assert "own index" in own.reason


def test_unread_file_has_the_reason_of_the_report(kb: ragkit.KnowledgeBase) -> None:
    (skipped,) = kb.index().skipped
    why = kb.why("Where is the zebra?", "random.txt")
    assert why.stage == "unread"
    assert skipped.reason in why.reason
    assert why.ranking is None


def test_protected_file_needs_its_password_and_no_repair(tmp_path: Path) -> None:
    place = tmp_path / "docs"
    place.mkdir()
    (place / "locked.pdf").write_bytes(encrypted_pdf())
    (place / "a.md").write_text("The key is under the mat.\n", "utf-8")
    kb = ragkit.open(place, index=tmp_path / "i.db", preset="lite")
    why = kb.why("Where is the key?", "locked.pdf")
    assert why.stage == "unread"
    index = tmp_path / "i.db"
    command = f"ragkit index {place} --preset lite --index {index} --password-file FILE"
    assert why.advice == (f"Give it: {command}",)


def test_link_out_of_the_folder_is_unread(tmp_path: Path) -> None:
    place = tmp_path / "docs"
    place.mkdir()
    (tmp_path / "outside.md").write_text("Outside.\n", "utf-8")
    (place / "link.md").symlink_to(tmp_path / "outside.md")
    (place / "a.md").write_text("Inside.\n", "utf-8")
    kb = ragkit.open(place, index=tmp_path / "i.db", preset="lite")
    why = kb.why("What is inside?", "link.md")
    assert why.stage == "unread"
    assert "leads out of the folder" in why.reason
    assert why.advice == (
        "Put a copy of what it leads to in its place; the next question reads it.",
    )


def test_a_file_behind_equal_passages_is_not_ranked_among_them(tmp_path: Path) -> None:
    place = tmp_path / "docs"
    place.mkdir()
    (place / "many.txt").write_text("The lamp is lit at the door of the mill. " * 40_000, "utf-8")
    (place / "one.md").write_text("The lamp is here, and much is said beside it.\n", "utf-8")
    kb = ragkit.open(place, index=tmp_path / "i.db", preset="lite")
    why = kb.why("the", "one.md")
    assert why.stage == "outranked"
    assert why.ranking is not None
    assert why.ranking.rank is None
    assert why.ranking.searched < why.ranking.top_k
    assert "the question finds 1 passage in all, none of it" in why.reason


def test_filter_says_what_the_file_has_instead(kb: ragkit.KnowledgeBase) -> None:
    why = kb.why("Which port?", "guide/install.md", filters=["language=zh", "folder=guide"])
    assert why.stage == "filtered"
    assert "its language is en" in why.reason
    assert "folder is" not in why.reason
    assert "--filter language" in why.advice[0]
    assert why.passage is not None
    assert "8501" in why.passage.text
    pages = kb.why("Where is the walrus?", "book.pdf", filters=["page=9"])
    assert "its page is 1, 2, 3" in pages.reason
    none = kb.why("Which port?", "history.txt", filters=["page=9"])
    assert "has no page" in none.reason
    inside = kb.why("Where is the walrus?", "book.pdf", filters=["page=2", "format=pdf"])
    assert inside.stage == "cited"


def test_keys_of_a_filter_that_fit_different_pages(kb: ragkit.KnowledgeBase) -> None:
    why = kb.why("Where?", "book.pdf", filters=["author=1"])
    assert why.stage == "filtered"
    assert "has no author" in why.reason
    with pytest.raises(ConfigError, match=r'No document has .od"d. to filter by'):
        kb.why("Where?", "book.pdf", filters=['od"d=1'])


def test_unmatched_file_lacks_every_word(kb: ragkit.KnowledgeBase) -> None:
    why = kb.why("灯塔是谁建成的？", "guide/install.md")
    assert why.stage == "unmatched"
    held, lacking = words(why)
    assert held == set()
    assert any("灯塔" in word for word in lacking)
    show = next(line for line in why.advice if "ragkit show" in line)
    assert f"guide/install.md --data {kb.folder} --preset lite --index " in show
    assert why.passage is None


def test_words_of_the_question_in_the_file(kb: ragkit.KnowledgeBase) -> None:
    why = kb.why("How many walruses does the server port need?", "guide/install.md")
    held, lacking = words(why)
    assert {"server", "port", "need"} <= held
    assert "walruses" in lacking
    nodes = {word.text: word.nodes for word in why.words}
    assert nodes["server"] == NOTES + 1
    assert nodes["walruses"] == 1
    chinese = kb.why("灯塔备份多久？", "灯塔.txt")
    assert words(chinese) == ({"灯塔"}, {"备份"})


def test_chinese_words_that_stand_apart_in_the_file_are_counted(tmp_path: Path) -> None:
    place = tmp_path / "docs"
    place.mkdir()
    (place / "a.md").write_text("停车位每月租金为四十五欧元，需提前一个月申请。\n", "utf-8")
    why = ragkit.open(place, index=tmp_path / "i.db", preset="lite").why("停车位租金", "a.md")
    (word,) = why.words
    assert (word.text, word.in_file, word.nodes) == ("停车位租金", True, 1)


def test_a_word_indexed_by_another_stem_is_not_said_to_lack(tmp_path: Path) -> None:
    place = tmp_path / "docs"
    place.mkdir()
    german = "Das ist die Anleitung und der Text zu dem Speicher, er heißt hier memory.\n"
    (place / "de.md").write_text(german, "utf-8")
    kb = ragkit.open(place, index=tmp_path / "i.db", preset="lite")
    why = kb.why("What is the memory of the submarine?", "de.md")
    by_text = {word.text: word for word in why.words}
    assert (by_text["memory"].in_file, by_text["memory"].found) == (True, False)
    assert (by_text["submarine"].in_file, by_text["submarine"].found) == (False, False)
    assert why.stage == "unmatched"
    assert "language 'de'" in why.advice[0]


def test_chinese_file_in_gbk_is_cited(kb: ragkit.KnowledgeBase) -> None:
    why = kb.why("灯塔是哪一年建成的？", "灯塔.txt")
    assert why.stage == "cited"
    assert why.passage is not None
    assert why.passage.text == kb.text("灯塔.txt")[why.passage.start : why.passage.end]
    assert "1826" in why.passage.text


def test_page_of_the_nearest_passage(kb: ragkit.KnowledgeBase) -> None:
    why = kb.why("How much does the walrus weigh?", "book.pdf")
    assert why.passage is not None
    assert why.passage.page == 2
    assert why.passage.text == kb.text("book.pdf")[why.passage.start : why.passage.end]


def test_numbers_are_those_of_asking(kb: ragkit.KnowledgeBase) -> None:
    question = "Which port has the server?"
    sources = kb.retrieve(question)
    place = sources[2]
    why = kb.why(question, place.source)
    assert why.ranking is not None
    assert why.ranking.last is not None
    assert (why.ranking.rank, why.ranking.score) == (place.n, place.score)
    assert (why.ranking.last.source, why.ranking.last.score) == (
        sources[-1].source, sources[-1].score,
    )  # fmt: skip


def test_stage_of_retrieved_files_agrees_with_the_answer(kb: ragkit.KnowledgeBase) -> None:
    for question in ("Which port has the server?", "Who was Thomas Blackwood?", "备份保留多少天？"):
        answer = kb.ask(question)
        cited = {citation.source for citation in answer.citations}
        assert cited
        for source in {s.source for s in answer.sources}:
            why = kb.why(question, source)
            assert why.stage == ("cited" if source in cited else "uncited")
            assert why.judgement is not None
            assert set(why.judgement.cited) == cited


def test_refused_below_the_threshold(kb: ragkit.KnowledgeBase) -> None:
    question = "What is the salary of the lighthouse keeper in Hamburg?"
    assert kb.ask(question).refused
    why = kb.why(question, "history.txt")
    assert why.stage == "refused"
    assert why.judgement is not None
    assert why.judgement.refused
    assert why.judgement.confidence < why.judgement.threshold
    assert f"{why.judgement.confidence:.2f}" in why.reason
    assert any("'salary'" in line for line in why.advice)
    within = kb.why(question, "history.txt", filters=["format=txt"])
    see = next(line for line in within.advice if "--sources-only" in line)
    asked = shlex.split(see.partition("found: ")[2])
    assert asked[:3] == ["ragkit", "query", question]
    assert asked[asked.index("--data") + 1] == str(kb.folder)
    assert asked[asked.index("--index") + 1] == kb.index_uri
    assert asked[asked.index("--filter") + 1] == "format=txt"


def test_nodes_beyond_the_eighth_are_not_read(place: Path, index: Path) -> None:
    kb = ragkit.open(place, index=index, preset="lite", top_k=60)
    why = kb.why("Which port has the server?", "notes/n07.md")
    assert why.stage == "dropped"
    assert why.budget is not None
    assert (why.budget.kept, why.budget.tokens) == (8, None)


def test_twins_share_their_fate(tmp_path: Path) -> None:
    place = tmp_path / "docs"
    place.mkdir()
    for name in ("a.md", "b.md"):
        (place / name).write_text("The submarine is yellow.\n", "utf-8")
    kb = ragkit.open(place, index=tmp_path / "i.db", preset="lite")
    assert kb.why("What colour is the submarine?", "b.md").stage == "cited"


def test_a_bare_name_of_several_files_is_refused(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / "docs" / folder).mkdir(parents=True)
        (tmp_path / "docs" / folder / "x.md").write_text(f"The {folder} file.\n", "utf-8")
    kb = ragkit.open(tmp_path / "docs", index=tmp_path / "i.db", preset="lite")
    with pytest.raises(ConfigError, match=r"2 files are called 'x.md'.*'a/x.md', 'b/x.md'"):
        kb.why("Which file?", "x.md")
    absolute = kb.why("Which file?", str(tmp_path / "docs" / "b" / "x.md"))
    assert absolute.source == "b/x.md"


def test_empty_question_is_refused(kb: ragkit.KnowledgeBase) -> None:
    with pytest.raises(ConfigError, match="empty"):
        kb.why(" \n", "history.txt")


# --- A model would answer ---


def generating(place: Path, path: Path, **more: Any) -> ragkit.KnowledgeBase:
    """Return a knowledge base that asks a server which is not there: nothing may be generated."""
    settings = {
        "llm.kind": "openai",
        "llm.model": "m",
        "llm.base_url": "http://127.0.0.1:9/v1",
        "llm.max_new_tokens": 64,
        **more,
    }
    return ragkit.open(place, index=path, preset="lite", top_k=5, settings=settings)


def test_prompt_keeps_what_has_room(place: Path, index: Path) -> None:
    question = "Which port has the server?"
    wide = generating(place, index, **{"llm.context_window": 8000})
    ranked = [s.source for s in wide.retrieve(question)]
    first, last = wide.why(question, ranked[0]), wide.why(question, ranked[-1])
    assert (first.stage, last.stage, last.lost) == ("in_prompt", "in_prompt", False)
    assert last.budget is not None
    assert (last.budget.kept, last.budget.retrieved, last.budget.tokens) == (5, 5, 8000 - 64)
    narrow = generating(place, index, **{"llm.context_window": 500})
    lost = narrow.why(question, ranked[-1])
    assert (lost.stage, lost.lost) == ("dropped", True)
    assert lost.budget is not None
    assert lost.budget.kept < 5
    assert f"room for {lost.budget.kept} of 5 sources (436 tokens)" in lost.reason
    assert narrow.why(question, ranked[0]).stage == "in_prompt"
    none = generating(place, index, **{"llm.context_window": 256, "llm.max_new_tokens": 240})
    assert none.why(question, ranked[0]).stage == "dropped"


def test_stages_before_the_prompt_need_no_model(place: Path, index: Path) -> None:
    settings = {"llm.kind": "huggingface", "llm.model": "no/such-model"}
    kb = ragkit.open(place, index=index, preset="lite", settings=settings)
    assert kb.why("Which port has the server?", "notes/n07.md").stage == "outranked"
    assert kb.why("Who?", "random.txt").stage == "unread"
    question = "Which port has the server?"
    found = kb.why(question, kb.retrieve(question)[0].source)
    assert (found.stage, found.lost) == ("retrieved", False)
    assert "No weights" in found.reason


# --- Both arms ---


def test_both_arms_are_shown(tmp_path: Path) -> None:
    pytest.importorskip("sentence_transformers", reason='needs pip install "ragkit[models]"')
    from tiny_models import write_bert_embedder

    place = tmp_path / "docs"
    place.mkdir()
    for n in range(12):
        (place / f"{n:02}.md").write_text(f"The port of the server is {n}.\n", "utf-8")
    (place / "walrus.md").write_text("A walrus weighs a ton.\n", "utf-8")
    settings = {
        "embedder.kind": "huggingface",
        "embedder.model": str(write_bert_embedder(tmp_path / "bert", limit=32)),
        "embedder.device": "cpu",
    }
    question = "What is the port of the server?"
    for kind in ("hybrid", "dense"):
        kb = ragkit.open(
            place, index=tmp_path / "i.db", preset="lite", top_k=3,
            settings={**settings, "retriever.kind": kind},
        )  # fmt: skip
        kb.index()
        ranking = kb.why(question, "walrus.md").ranking
        assert ranking is not None
        assert ranking.dense is not None
        assert (ranking.retriever, ranking.rank) == (kind, 13)
        assert ranking.dense.rank == 13
        assert ranking.dense.score is not None
        assert -1 <= ranking.dense.score <= 1
        if kind == "dense":
            assert ranking.lexical is None
            continue
        assert ranking.lexical is not None
        assert ranking.lexical.rank is None  # it shares no word with the question
        first = kb.retrieve(question)[0]
        top = kb.why(question, first.source).ranking
        assert top is not None
        assert top.lexical is not None
        assert (top.rank, top.score) == (1, first.score)
        assert top.lexical.rank is not None
        kb.close()


def test_a_large_index_is_searched_only_so_far(tmp_path: Path) -> None:
    place = tmp_path / "docs"
    place.mkdir()
    lines = "\n\n".join(f"The server has port {n}. The port is {n}." for n in range(2600))
    (place / "many.jsonl").write_text(
        "\n".join(json.dumps({"text": line}) for line in lines.split("\n\n")), "utf-8"
    )
    (place / "z.md").write_text("Nothing here but a long remark on a port in the sun.\n", "utf-8")
    kb = ragkit.open(place, index=tmp_path / "i.db", preset="lite")
    why = kb.why("Which server has the port?", "z.md")
    assert why.stage == "outranked"
    assert why.ranking is not None
    assert (why.ranking.rank, why.ranking.score, why.ranking.searched) == (None, None, 2000)
    assert "not among the best 2000" in why.reason
    assert why.passage is not None
    assert "port" in why.passage.text
