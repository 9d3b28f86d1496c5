"""The history of conversations: what is kept, whose it is, and what it survives."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import subprocess
import sys
import threading
import time
from dataclasses import fields, replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ragkit.chats import (
    ChatInfo,
    ChatNotFound,
    Chats,
    Turn,
    delete_result,
    export_html,
    export_markdown,
    list_results,
    open_chats,
    result_page,
    save_result,
)
from ragkit.chats.codec import decode_answer, encode_answer
from ragkit.chats.titles import title_of
from ragkit.errors import ConfigError, RagkitError, StoreError
from ragkit.types import Answer, Citation, Mark, Sentence, SourceNode

TEXT = "It was built in 1826."
ANSWER = Answer(
    question="When?",
    text=f"{TEXT} [1]",
    refused=False,
    preset="lite",
    sentences=(
        Sentence(TEXT, (1,), True, Mark(16, 20)),
        Sentence("Perhaps.", (), False, None, claim=False),
    ),
    citations=(Citation(1, "a.txt", 3, 10, 31, TEXT),),
    sources=(
        SourceNode(1, "a.txt", 3, 0.5, f"0123456789{TEXT}", 0, "Towers"),
        SourceNode(2, "b.txt", None, 0.25, "other"),
    ),
    timings_ms={"total": 12.5},
    near=(1,),
)


@pytest.fixture
def chats(tmp_path: Path) -> Chats:
    return open_chats(tmp_path / "chats.db")


def asked(chats: Chats, *questions: str, owner: str | None = "me", folder: str = "/docs") -> str:
    """Begin a chat in which each question is answered by its own words."""
    chat = chats.create(owner, folder=folder)
    for question in questions:
        turn = chats.begin_turn(chat.id, owner, question)
        answer = replace(ANSWER, question=question, text=f"Answer to {question}")
        assert chats.save_turn(turn, answer=answer, state="done")
    return chat.id


# What is kept


def test_a_conversation_is_there_again(tmp_path: Path) -> None:
    first = open_chats(tmp_path / "chats.db")
    chat = first.create("me", folder="/docs")
    turn = first.begin_turn(chat.id, "me", "When was it built?")
    first.save_turn(turn, answer=ANSWER, state="done")
    first.set_feedback(turn, "me", "up", "right")
    first.close()
    again = open_chats(tmp_path / "chats.db")
    (found,) = again.turns(chat.id, "me")
    assert found == Turn(
        turn, "When was it built?", ANSWER, "done", None, found.created_at, "up", "right"
    )
    info = again.get(chat.id, "me")
    assert (info.title, info.folder, info.turns) == ("When was it built?", "/docs", 1)
    assert info.updated_at > info.created_at


def test_every_field_of_an_answer_is_kept() -> None:
    assert decode_answer(encode_answer(ANSWER)) == ANSWER
    for kind, value in ((Answer, ANSWER), (Sentence, ANSWER.sentences[0])):
        defaults = [f.name for f in fields(kind) if getattr(value, f.name) in (None, (), {}, "")]
        assert not defaults, f"the test's own {kind.__name__} leaves {defaults} empty"
    assert set(json.loads(encode_answer(ANSWER))) == {f.name for f in fields(Answer)}


text = st.text(st.characters(), max_size=20)  # lone surrogates and NUL among them
page = st.none() | st.integers(0, 10**6)


@settings(max_examples=150, deadline=None)
@given(
    st.builds(
        Answer,
        question=text, text=text, refused=st.booleans(), preset=text,
        sentences=st.lists(
            st.builds(
                Sentence, text=text, citations=st.lists(st.integers(1, 9)).map(tuple),
                supported=st.booleans(),
                mark=st.none() | st.builds(Mark, st.integers(0, 9), st.integers(0, 9)),
                claim=st.booleans(),
            ), max_size=3,
        ).map(tuple),
        citations=st.lists(
            st.builds(Citation, n=st.integers(1, 9), source=text, page=page,
                      start=st.integers(0), end=st.integers(0), quote=text), max_size=3,
        ).map(tuple),
        sources=st.lists(
            st.builds(SourceNode, n=st.integers(1, 9), source=text, page=page,
                      score=st.floats(allow_nan=False), text=text, start=page,
                      heading=st.none() | text), max_size=3,
        ).map(tuple),
        timings_ms=st.dictionaries(text, st.floats(allow_nan=False), max_size=3),
    )
)  # fmt: skip
def test_any_answer_comes_back_as_it_was(answer: Answer) -> None:
    kept = encode_answer(answer).encode().decode()  # as SQLite stores it
    assert decode_answer(kept) == answer


def test_numbers_of_numpy_are_kept_as_numbers() -> None:
    numpy = pytest.importorskip("numpy")
    source = replace(ANSWER.sources[0], score=numpy.float32(0.5))
    answer = replace(ANSWER, sources=(source,))
    assert decode_answer(encode_answer(answer)).sources[0].score == 0.5


def test_an_answer_of_a_later_version_is_read() -> None:
    told = json.loads(encode_answer(ANSWER))
    told |= {"mood": "good", "sentences": [s | {"weight": 1} for s in told["sentences"]]}
    assert decode_answer(json.dumps(told)) == ANSWER


def test_a_field_that_was_not_there_yet_takes_its_default() -> None:
    told = json.loads(encode_answer(ANSWER))
    for sentence in told["sentences"]:
        del sentence["claim"]
    assert all(s.claim for s in decode_answer(json.dumps(told)).sentences)


@pytest.mark.parametrize("kept", ["", "{}", "[]", "null", '{"question": 1}', "[" * 5000])
def test_a_damaged_answer_is_an_error_of_its_turn_alone(chats: Chats, kept: str) -> None:
    chat = asked(chats, "one", "two")
    first, second = chats.turns(chat, "me")
    chats.write(lambda c: c.execute("UPDATE turn SET answer = ? WHERE id = ?", (kept, first.id)))
    broken, whole = chats.turns(chat, "me")
    assert broken.answer is None
    assert broken.state == "failed"
    assert "damaged" in str(broken.error)
    assert whole == second


def test_a_stopped_and_a_failed_turn(chats: Chats) -> None:
    chat = chats.create("me", folder="/docs").id
    first, second = chats.begin_turn(chat, "me", "a"), chats.begin_turn(chat, "me", "b")
    chats.save_turn(first, answer=replace(ANSWER, text="It was"), state="stopped")
    chats.save_turn(second, answer=None, state="failed", error="No weights.")
    one, two = chats.turns(chat, "me")
    assert (one.state, one.answer and one.answer.text) == ("stopped", "It was")
    assert (two.state, two.error, two.answer) == ("failed", "No weights.", None)


def test_questions_are_dropped_from_one_on(chats: Chats) -> None:
    chat = asked(chats, "a", "b", "c")
    _, second, _ = chats.turns(chat, "me")
    chats.drop_from(chat, "me", second.id)
    assert [turn.question for turn in chats.turns(chat, "me")] == ["a"]
    assert not chats.list("me", search="Answer to c")
    late = chats.save_turn(second.id, answer=ANSWER, state="done")
    assert late is False
    again = chats.begin_turn(chat, "me", "b2")
    assert again > second.id, "a late answer must not meet another question"


def test_an_unknown_word_of_feedback(chats: Chats) -> None:
    chat = asked(chats, "a")
    (turn,) = chats.turns(chat, "me")
    with pytest.raises(ConfigError, match="'good'"):
        chats.set_feedback(turn.id, "me", "good")  # type: ignore[arg-type]
    chats.set_feedback(turn.id, "me", "down", "wrong year")
    chats.set_feedback(turn.id, "me", None)
    (turn,) = chats.turns(chat, "me")
    assert (turn.feedback, turn.comment) == (None, "")


# Titles


def test_the_first_question_is_the_title_until_one_is_given(chats: Chats) -> None:
    chat = chats.create("me", folder="/docs").id
    assert chats.get(chat, "me").title == ""
    turn = chats.begin_turn(chat, "me", "  How do I\n\tinstall it? ")
    assert chats.get(chat, "me").title == "How do I install it?"
    chats.drop_from(chat, "me", turn)
    chats.begin_turn(chat, "me", "Where is it?")
    assert chats.get(chat, "me").title == "Where is it?"
    assert chats.rename(chat, "me", "Mine") == "Mine"
    chats.begin_turn(chat, "me", "And then?")
    assert chats.get(chat, "me").title == "Mine"
    assert chats.rename(chat, "me", " \n ") == "Where is it?"


def test_a_given_title_stays_when_the_first_question_comes(chats: Chats) -> None:
    chat = chats.create("me", folder="/docs", title="Towers")
    assert chat.title == "Towers"
    chats.begin_turn(chat.id, "me", "When?")
    assert chats.get(chat.id, "me").title == "Towers"


@pytest.mark.parametrize(
    ("question", "title"),
    [
        ("word " * 40, "word word word word word word word word word word word word…"),
        ("备份" * 40, "备份" * 14 + "备…"),
        ("x" * 58 + "e\u0301" * 9, "x" * 58 + "e\u0301…"),
        ("x" * 57 + "👨‍👩‍👧‍👦 family", "x" * 57 + "…"),
        ("x" * 56 + "🇨🇳🇩🇪🇫🇷", "x" * 56 + "🇨🇳…"),
        ("x" * 57 + "👍🏽👍🏽", "x" * 57 + "…"),
        ("a\u202egnp.exe\u2066", "agnp.exe"),
        ("a\0b\ud800c\u2028d", "a\ufffdb\ufffdc d"),
        ("", ""),
    ],
)
def test_titles_are_one_line_and_cut_between_characters(question: str, title: str) -> None:
    assert title_of(question) == title


@given(st.text(st.characters(), max_size=300))
def test_any_question_gives_a_title(question: str) -> None:
    title = title_of(question)
    assert title == title.strip()
    assert "\n" not in title
    title.encode()
    assert len(title) <= len(question) + 1


def test_an_endless_title_is_cut(chats: Chats) -> None:
    chat = asked(chats, "a")
    assert len(chats.rename(chat, "me", "x" * 100_000)) == 200


def test_text_that_sqlite_cannot_hold(chats: Chats) -> None:
    chat = chats.create("me", folder="/do\udcffcs", title="a\0b").id
    turn = chats.begin_turn(chat, "me", "what \ud800 is\0 this?")
    odd = replace(ANSWER, text="an \udfff answer\0 after", question="\ud800")
    chats.save_turn(turn, answer=odd, state="done", error="\ud83d")
    chats.set_feedback(turn, "me", "down", "\udcff")
    (found,) = chats.turns(chat, "me")
    assert found.question == "what \ufffd is\ufffd this?"
    assert found.answer == odd
    assert chats.list("me", search="after", folder="/do\udcffcs")
    assert chats.list("me", search="\ud800 nothing") == []
    for odd_id in ("\ud800", "\0", "x" * 10_000):
        with pytest.raises(ChatNotFound):
            chats.get(odd_id, "me")


# Whose it is


def test_anothers_chat_and_a_missing_one_are_the_same(chats: Chats) -> None:
    mine = asked(chats, "secret", owner="me")
    (turn,) = chats.turns(mine, "me")
    messages = set()
    for chat in (mine, "no-such-chat"):
        for act in (
            lambda c: chats.get(c, "you"),
            lambda c: chats.turns(c, "you"),
            lambda c: chats.begin_turn(c, "you", "hello"),
            lambda c: chats.drop_from(c, "you", turn.id),
            lambda c: chats.rename(c, "you", "yours"),
            lambda c: chats.delete(c, "you"),
        ):
            with pytest.raises(ChatNotFound) as error:
                act(chat)
            messages.add(str(error.value))
    for id_ in (turn.id, 10**9):
        with pytest.raises(ChatNotFound) as error:
            chats.set_feedback(id_, "you", "down")
        messages.add(str(error.value))
    assert len(messages) == 1
    assert issubclass(ChatNotFound, RagkitError)
    assert chats.list("you") == []
    assert chats.turns(mine, "me") == [turn]


def test_turns_of_another_chat_are_not_dropped(chats: Chats) -> None:
    mine, yours = asked(chats, "a"), asked(chats, "b", owner="you")
    chats.drop_from(mine, "me", 0)
    assert len(chats.turns(yours, "you")) == 1


def test_shared_mode_sees_every_chat(chats: Chats) -> None:
    mine, ours = asked(chats, "a"), asked(chats, "b", owner=None)
    assert {chat.id for chat in chats.list(None)} == {mine, ours}
    assert chats.get(mine, None).title == "a"
    with pytest.raises(ChatNotFound):
        chats.get(ours, "me")


def test_ids_cannot_be_guessed_and_cookies_are_not_kept(chats: Chats, tmp_path: Path) -> None:
    ids = {chats.create("cookie-of-mine", folder="/docs").id for _ in range(50)}
    assert len(ids) == 50
    assert all(re.fullmatch(r"[\w-]{16}", id_) for id_ in ids)
    chats.close()
    assert b"cookie-of-mine" not in (tmp_path / "chats.db").read_bytes()


def test_nobody_else_may_read_the_file(tmp_path: Path) -> None:
    path = tmp_path / "home" / "chats.db"
    chats = open_chats(path)
    asked(chats, "a")
    for each in path.parent.iterdir():
        assert each.stat().st_mode & 0o077 == 0, each
    assert path.parent.stat().st_mode & 0o077 == 0
    path.chmod(0o644)
    open_chats(path)
    assert path.stat().st_mode & 0o077 == 0


def test_what_is_deleted_is_gone_from_the_file(chats: Chats, tmp_path: Path) -> None:
    chat = asked(chats, "xyzzy the secret word " * 300)
    asked(chats, "another")
    chats.delete(chat, "me")
    with pytest.raises(ChatNotFound):
        chats.turns(chat, "me")
    chats.close()
    raw = b"".join(p.read_bytes() for p in tmp_path.glob("chats.db*"))
    assert b"another" in raw
    assert b"xyzzy" not in raw


# Finding


def test_chats_are_listed_by_their_last_use(chats: Chats) -> None:
    first, second = asked(chats, "a"), asked(chats, "b", folder="/other")
    assert [c.id for c in chats.list("me")] == [second, first]
    chats.begin_turn(first, "me", "more")
    assert [c.id for c in chats.list("me")] == [first, second]
    assert [c.id for c in chats.list("me", folder="/other")] == [second]
    assert [c.id for c in chats.list("me", limit=1)] == [first]


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("备份", {"zh"}),
        ("份保", {"zh"}),
        ("保留 备份", {"zh"}),
        ("МОСКВ", {"ru"}),
        ("straße", {"de"}),
        ("STRASSE", {"de"}),
        ("ＡＢＣ", {"wide"}),
        ("100%", {"percent"}),
        ("0%_", set()),
        ("_", {"percent"}),
        ("\\", {"percent"}),
        ("'; DROP TABLE chat; --", set()),
        ("answer to", {"zh", "ru", "de", "wide", "percent"}),
        ("москва strasse", set()),
        ("  ", {"zh", "ru", "de", "wide", "percent"}),
    ],
)
def test_search_in_any_language(chats: Chats, search: str, found: set[str]) -> None:
    made = {
        asked(chats, "备份保留多少天？"): "zh",
        asked(chats, "Где находится Москва?"): "ru",
        asked(chats, "Wo ist die Hauptstraße?"): "de",
        asked(chats, "What is abc?"): "wide",
        asked(chats, "Is x_y = 100 % or 100% of c:\\d?"): "percent",
    }
    assert {made[chat.id] for chat in chats.list("me", search=search)} == found


def test_search_reads_titles_answers_and_every_word(chats: Chats) -> None:
    chat = asked(chats, "first question", "second thing")
    chats.rename(chat, "me", "Lighthouses")
    for search in ("lighthouse", "SECOND answer", "lighthouses question thing"):
        assert [c.id for c in chats.list("me", search=search)] == [chat], search
    assert not chats.list("me", search="lighthouse keeper")
    assert not chats.list("you", search="lighthouse")


# Threads, processes, and what it survives


def test_many_threads(chats: Chats) -> None:
    errors: list[BaseException] = []

    def work(number: int) -> None:
        try:
            chat = asked(chats, *(f"{number} {n}" for n in range(5)), owner=f"o{number}")
            assert [t.question for t in chats.turns(chat, f"o{number}")] == [
                f"{number} {n}" for n in range(5)
            ]
        except (RagkitError, AssertionError) as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert len(chats.list(None, limit=100)) == 16


def run(code: str, *arguments: str | Path, **more: Any) -> subprocess.Popen[str]:
    lines = "import sys\nfrom pathlib import Path\nfrom ragkit.chats import open_chats\n" + code
    return subprocess.Popen(
        [sys.executable, "-c", lines, *map(str, arguments)],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **more,
    )  # fmt: skip


ASK_MANY = """
chats = open_chats(Path(sys.argv[1]))
chat = chats.create("me", folder="/docs")
for n in range(20):
    chats.save_turn(chats.begin_turn(chat.id, "me", f"q{n}"), answer=None, state="done")
"""


def test_processes_that_begin_together(tmp_path: Path) -> None:
    writers = [run(ASK_MANY, tmp_path / "chats.db") for _ in range(4)]
    for writer in writers:
        said, _ = writer.communicate(timeout=120)
        assert writer.returncode == 0, said
    found = open_chats(tmp_path / "chats.db").list("me")
    assert [chat.turns for chat in found] == [20] * 4


ASK_FOR_EVER = """
chats = open_chats(Path(sys.argv[1]))
chat = chats.create("me", folder="/docs")
n = 0
while True:
    turn = chats.begin_turn(chat.id, "me", f"q{n}")
    print(n, flush=True)
    n += 1
"""


def test_kill_9_loses_nothing_that_was_kept(tmp_path: Path) -> None:
    path = tmp_path / "chats.db"
    for _ in range(5):
        writer = run(ASK_FOR_EVER, path)
        assert writer.stdout is not None
        seen = -1
        while seen < 10:
            seen = int(writer.stdout.readline())
        writer.kill()
        seen = max([seen, *map(int, writer.stdout.read().split())])
        writer.wait()
        chats = open_chats(path)
        chat = chats.list("me")[0]
        assert chat.turns >= seen + 1
        assert {turn.state for turn in chats.turns(chat.id, "me")} == {"stopped"}
        chats.close()
    conn = sqlite3.connect(path)
    assert conn.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_an_answer_of_a_living_process_is_being_written(tmp_path: Path) -> None:
    path = tmp_path / "chats.db"
    writer = run(ASK_FOR_EVER, path)
    assert writer.stdout is not None
    writer.stdout.readline()
    chats = open_chats(path)
    try:
        states = {t.state for t in chats.turns(chats.list("me")[0].id, "me")}
        assert states == {"writing"}
    finally:
        writer.kill()
        writer.wait()
    mine = chats.create("me", folder="/docs").id
    chats.begin_turn(mine, "me", "mine")
    assert chats.turns(mine, "me")[0].state == "writing"


LITTLE_ROOM = """
import resource, signal
from ragkit.errors import StoreError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
chats = open_chats(Path(sys.argv[1]), keep_going=sys.argv[2] == "on")
chat = chats.create("me", folder="/docs").id
chats.begin_turn(chat, "me", "kept")
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
try:
    for n in range(40):
        chats.begin_turn(chat, "me", f"q{n} " + "x" * 10_000)
except StoreError as error:
    print("ERROR", error)
else:
    print("TURNS", chats.get(chat, "me").turns, chats.turns(chat, "me")[0].question)
    print("NOTICE", chats.notice)
"""


@pytest.mark.parametrize("mode", ["off", "on"])
def test_a_full_disk_is_said_and_the_chat_goes_on(tmp_path: Path, mode: str) -> None:
    process = run(LITTLE_ROOM, tmp_path / "chats.db", mode)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 0, said
    if mode == "off":
        assert said.startswith("ERROR")
    else:
        assert "TURNS 41 kept" in said, "what could be read is still there, and all new turns"
        assert "NOTICE" in said
        assert "forgotten when this program ends" in said
    assert "full" in said
    chats = open_chats(tmp_path / "chats.db")
    kept = chats.turns(chats.list("me")[0].id, "me")
    assert kept[0].question == "kept"
    assert len(kept) < 41
    chats.begin_turn(chats.list("me")[0].id, "me", "there is room again")


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file" / "chats.db", Path("/proc/nowhere/chats.db"), tmp_path):
        with pytest.raises(StoreError, match=r"chats\.db"):
            open_chats(path)
        chats = open_chats(path, keep_going=True)
        assert "forgotten when this program ends" in (chats.notice or "")
        chat = asked(chats, "a", "b")
        assert [turn.question for turn in chats.turns(chat, "me")] == ["a", "b"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_file_that_may_only_be_read(tmp_path: Path) -> None:
    chats = open_chats(tmp_path / "chats.db")
    chat = asked(chats, "a")
    chats.close()
    (tmp_path / "chats.db").chmod(0o400)
    with pytest.raises(StoreError, match="permissions"):
        open_chats(tmp_path / "chats.db")
    again = open_chats(tmp_path / "chats.db", keep_going=True)
    assert [turn.question for turn in again.turns(chat, "me")] == ["a"]
    again.begin_turn(chat, "me", "b")
    assert again.notice


def test_a_history_of_a_later_version_is_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "chats.db"
    open_chats(path).close()
    with sqlite3.connect(path) as conn:
        conn.execute("PRAGMA user_version = 99")
    conn.close()
    before = path.read_bytes()
    with pytest.raises(StoreError, match=r"format 99.*Update ragkit"):
        open_chats(path)
    chats = open_chats(path, keep_going=True)
    asked(chats, "a")
    assert "format 99" in (chats.notice or "")
    assert path.read_bytes() == before


@pytest.mark.parametrize("content", [b"not a database at all, but long enough" * 40, b"\x89PNG"])
def test_a_file_that_is_no_history(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "chats.db"
    path.write_bytes(content)
    with pytest.raises(StoreError, match=r"chats\.db"):
        open_chats(path)
    assert open_chats(path, keep_going=True).notice
    assert path.read_bytes() == content


def test_a_database_of_another_program(tmp_path: Path) -> None:
    path = tmp_path / "chats.db"
    with sqlite3.connect(path) as conn:
        conn.execute("CREATE TABLE bookmarks (url TEXT)")
    conn.close()
    with pytest.raises(StoreError, match="another program"):
        open_chats(path)


def test_ten_thousand_turns_are_searched_quickly(chats: Chats) -> None:
    def fill(conn: sqlite3.Connection) -> None:
        words = " ".join(f"wort{n} 备份{n} lighthouse" for n in range(40))
        answer = encode_answer(replace(ANSWER, text=words * 4))
        for number in range(1000):
            conn.execute(
                "INSERT INTO chat (id, owner, folder, title, titled, folded, created_at,"
                " updated_at) SELECT ?, owner, folder, ?, 0, ?, created_at, ? FROM chat"
                " WHERE number = 1",
                (f"c{number}", f"title {number}", f"title {number}", f"2026-{number:06}"),
            )
            for _ in range(10):
                done = conn.execute(
                    "INSERT INTO turn (chat, state, writer, created_at, question, answer)"
                    " VALUES (?, 'done', '', '', 'q', ?)",
                    (number + 2, answer),
                )
                conn.execute(
                    "INSERT INTO said VALUES (?, ?, ?)", (done.lastrowid, number + 2, words)
                )

    asked(chats, "the first")
    chats.write(fill)
    took = []
    for search in ("", "lighthouse", "nowhere", "备份39", "wort3 title 77"):
        began = time.perf_counter()
        chats.list("me", search=search)
        took.append(time.perf_counter() - began)
    assert max(took) < 1.0, took


# Exports


class Markup(HTMLParser):
    """Collects the tags and attributes of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs


HOSTILE = "<script>x()</script><img src=//evil/a> ![i](//evil/b) [l](javascript:x) \"'<b> </title>"


def hostile_chat() -> tuple[ChatInfo, list[Turn]]:
    answer = Answer(
        HOSTILE, f"{HOSTILE} [1]", False, HOSTILE,
        (Sentence(HOSTILE, (1,), True, Mark(0, 5)),),
        (Citation(1, f"{HOSTILE}.md", 1, 0, len(HOSTILE), HOSTILE),),
        (SourceNode(1, f"{HOSTILE}.md", 1, 1.0, HOSTILE, 0, HOSTILE),),
    )  # fmt: skip
    info = ChatInfo("id", HOSTILE, "/docs", "2026-11-21T10:00:00+00:00", "", 1)
    turn = Turn(1, HOSTILE, answer, "stopped", HOSTILE, "", "down", HOSTILE)
    return info, [turn, replace(turn, answer=None, question="# a\n- b\n1. c\n\n    code")]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_nothing_in_a_chat_becomes_markup_of_its_page(language: str) -> None:
    page = Markup(export_html(*hostile_chat(), language=language))
    assert not {"script", "img", "iframe", "link", "base", "form", "b" * 2} & set(page.tags)
    assert page.tags.count("title") == 1
    assert not [name for name, _ in page.attributes if name in ("src", "href", "onerror")]
    policy = next(v for n, v in page.attributes if n == "content" and "default-src" in (v or ""))
    assert "default-src 'none'" in str(policy)


def test_nothing_in_a_chat_becomes_markup_of_its_markdown() -> None:
    markdown_it = pytest.importorskip("markdown_it")
    made = export_markdown(*hostile_chat())
    html = markdown_it.MarkdownIt("commonmark").render(made)
    page = Markup(html)
    assert set(page.tags) <= {"h1", "h2", "p", "em", "strong", "blockquote", "br", "hr"}
    assert not page.attributes
    assert page.tags.count("h1") == 1
    assert page.tags.count("h2") == 2


def test_exports_carry_languages_and_words(chats: Chats) -> None:
    chat = asked(chats, "When was the lighthouse of Alnmouth built?", "备份保留多少天，在哪里？")
    info, turns = chats.get(chat, "me"), chats.turns(chat, "me")
    page = export_html(info, turns, language="en")
    assert '<html lang="en">' in page
    assert '<h2 lang="zh-Hans">备份保留多少天，在哪里？</h2>' in page
    assert "prefers-color-scheme:dark" in page
    assert "@media print" in page
    chinese = export_html(info, turns, language="zh")
    assert '<html lang="zh-Hans">' in chinese
    assert '<h2 lang="en">When was the lighthouse' in chinese
    assert "## 2. 问题" in export_markdown(info, turns, language="zh")
    assert export_html(info, []).count("<section>") == 0


def test_an_export_of_any_text_is_utf8() -> None:
    info, turns = hostile_chat()
    odd = replace(turns[0], answer=replace(ANSWER, text="a \ud800 b"))
    for made in (export_markdown(info, [odd]), export_html(info, [odd])):
        made.encode()


# Results of evaluations


def test_results_are_kept_listed_and_bound_to_their_owner(chats: Chats) -> None:
    first = save_result(
        chats,
        "me",
        "/docs",
        title="one",
        report={"a": 1},
        pages={"en": "<p>1</p>", "zh": "<p>一</p>"},
    )
    save_result(chats, "me", "/docs", title="two", report={"a": 2}, pages={"en": "<p>2</p>"})
    save_result(chats, "you", "/docs", title="three", report={}, pages={})
    assert [r.title for r in list_results(chats, "me", "/docs")] == ["two", "one"]
    assert list_results(chats, "me", "/docs")[1].report == {"a": 1}
    assert result_page(chats, "me", first) == "<p>1</p>"
    assert result_page(chats, "me", first, "zh") == "<p>一</p>"
    assert result_page(chats, "me", first, "de") == "<p>1</p>"
    for owner, id_ in (("you", first), ("me", 999)):
        with pytest.raises(ChatNotFound):
            result_page(chats, owner, id_)
    delete_result(chats, "you", first)
    assert len(list_results(chats, "me", "/docs")) == 2
    delete_result(chats, "me", first)
    assert [r.title for r in list_results(chats, "me", "/docs")] == ["two"]


def test_the_oldest_results_go(chats: Chats) -> None:
    for number in range(35):
        save_result(chats, "me", "/docs", title=str(number), report={}, pages={})
    found = list_results(chats, "me", "/docs")
    assert len(found) == 30
    assert found[0].title == "34"
