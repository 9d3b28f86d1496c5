"""The chat page's states, run in process by Streamlit's own AppTest."""

from __future__ import annotations

import os
import re
import sys
import time
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("streamlit", reason='needs the extra: pip install "ragkit[app]"')

import streamlit as st
from streamlit.testing.v1 import AppTest

PAGE = Path(__file__).resolve().parent.parent / "app" / "main.py"


def page(
    monkeypatch: pytest.MonkeyPatch,
    *arguments: str | Path,
    language: str = "en",
    chat: str | None = None,
) -> AppTest:
    """Open the page as ``streamlit run app/main.py -- ARGUMENTS`` does."""
    st.cache_resource.clear()
    # AppTest puts the page in the place of __main__, which new processes would then import.
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])
    monkeypatch.setattr("sys.argv", [str(PAGE), *map(str, arguments)])
    monkeypatch.syspath_prepend(str(PAGE.parent))
    test = AppTest.from_file(str(PAGE), default_timeout=60)
    test.session_state["language"] = language
    if chat:
        test.query_params["chat"] = chat
    return test.run()


def html(test: AppTest) -> str:
    return "\n".join(str(e.proto) for e in test.get("html"))


@pytest.fixture
def arguments(folder: Path, tmp_path: Path) -> tuple[str, ...]:
    return (str(folder), f"--index={tmp_path / 'i.db'}", "--preset=lite")


def button(test: AppTest, label: str) -> Any:
    return next(b for b in test.button if b.label == label)


def ask(test: AppTest, question: str) -> AppTest:
    test.chat_input[0].set_value(question).run()
    assert not test.exception
    return test


def said(test: AppTest) -> str:
    """Return the captions without the marks that keep Markdown out."""
    return "\n".join(captions(test)).replace("\\", "")


def captions(test: AppTest) -> list[str]:
    return [str(c.value) for c in test.caption]


def everything(test: AppTest) -> str:
    """Return all the words on the page."""
    parts = [*test.title, *test.text, *test.caption, *test.info, *test.error, *test.warning]
    return "\n".join([*(str(p.value) for p in parts), html(test)])


def kept() -> Any:
    """Open the conversations that the page keeps."""
    from ragkit.chats import chats_path, open_chats

    return open_chats(chats_path(Path(os.environ["RAGKIT_HOME"])))


def test_first_visit_reads_the_folder_and_greets(
    arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    test = page(monkeypatch, *arguments)
    assert not test.exception
    assert test.title[0].value == "Ask your documents"
    assert test.chat_input[0].placeholder == "Ask about your documents"
    deadline = time.monotonic() + 30
    while "3 files of" not in everything(test) and time.monotonic() < deadline:
        time.sleep(0.2)
        test.run()
    assert "3 files of “docs” are indexed." in everything(test)
    assert [b.label for b in test.button if b.key and b.key.startswith("example-")]
    assert kept().list(None) == []


def test_page_speaks_chinese(arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    test = page(monkeypatch, *arguments, language="zh")
    assert test.title[0].value == "向文档提问"
    assert test.chat_input[0].placeholder == "就文档提问"
    ask(test, "备份保留多少天？")
    assert "三十天" in html(test)
    assert button(test, "重新回答")


def test_both_languages_say_the_same_things() -> None:
    sys.path.insert(0, str(PAGE.parent))
    try:
        from texts import TEXTS
    finally:
        sys.path.remove(str(PAGE.parent))
    fields = re.compile(r"\{(\w+)\}")
    assert TEXTS["en"].keys() == TEXTS["zh"].keys()
    for key, text in TEXTS["en"].items():
        assert set(fields.findall(text)) == set(fields.findall(TEXTS["zh"][key])), key


def test_question_is_answered_with_sources_and_kept(
    arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    test = page(monkeypatch, *arguments)
    ask(test, "When was the lighthouse of Alnmouth built?")
    assert "1826" in html(test)
    assert "history.txt" in html(test)
    ask(test, "备份保存多少天？")
    assert "1826" in html(test)
    assert "三十天" in html(test)
    assert len(test.chat_message) == 4
    (info,) = kept().list("local")
    assert info.title == "When was the lighthouse of Alnmouth built?"
    assert [t.state for t in kept().turns(info.id, "local")] == ["done", "done"]


def test_a_new_visit_shows_the_conversation_again(
    arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = ask(page(monkeypatch, *arguments), "Who built the lighthouse of Alnmouth?")
    (info,) = kept().list("local")
    assert info.id in first.query_params["chat"]
    again = page(monkeypatch, *arguments, chat=info.id)
    assert "Thomas Blackwood" in html(again)
    assert len(again.chat_message) == 2


@pytest.mark.parametrize("owner", [None, "another browser"])
def test_unknown_and_foreign_chats_are_the_same(
    owner: str | None, arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    chat_id = "no-such-chat"
    if owner:
        chat_id = kept().create(owner, folder="f", title="secret plans").id
    test = page(monkeypatch, *arguments, chat=chat_id)
    assert not test.exception
    assert "There is no such conversation here" in test.info[0].value
    assert "secret plans" not in everything(test)
    assert not test.chat_message
    assert "chat" not in test.query_params


def test_stopped_turn_offers_to_answer_again(
    arguments: tuple[str, ...], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ragkit.chats import folder_key

    info = kept().create("local", folder=folder_key(folder))
    turn = kept().begin_turn(info.id, "local", "Who built the lighthouse of Alnmouth?")
    kept().save_turn(turn, answer=None, state="stopped")
    test = page(monkeypatch, *arguments, chat=info.id)
    assert "Stopped before the first word." in captions(test)
    button(test, "Answer again").click().run()
    assert "Thomas Blackwood" in html(test)
    assert len(kept().turns(info.id, "local")) == 1


def test_question_is_edited_and_asked_again(
    arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    test = ask(page(monkeypatch, *arguments), "Who built the lighthouse of Alnmouth?")
    ask(test, "备份保存多少天？")
    next(b for b in test.button if b.label == "Edit the question").click().run()
    test.text_area[0].set_value("When did the lighthouse burn down?")
    button(test, "Ask").click().run()
    assert not test.exception
    assert "1861" in html(test)
    assert len(test.chat_message) == 2


def test_follow_up_leans_on_the_conversation(
    arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    test = ask(page(monkeypatch, *arguments), "Who built the lighthouse of Alnmouth?")
    assert "1826" in html(ask(test, "And when was it built?"))


def test_refusal_shows_what_is_nearest(
    arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    test = ask(page(monkeypatch, *arguments), "What is the colour of the lighthouse keeper's hat?")
    assert not test.error
    assert "do not answer this" in html(test)
    assert "Nearest passages" in captions(test)
    assert button(test, "Open")


def test_new_chat_leaves_the_old_one_in_the_list(
    arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    test = ask(page(monkeypatch, *arguments), "Who built the lighthouse?")
    button(test, "New chat").click().run()
    assert not test.chat_message
    next(b for b in test.button if b.key and b.key.startswith("chat-")).click().run()
    assert len(test.chat_message) == 2


def test_chat_is_deleted_when_that_is_confirmed(
    arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    test = ask(page(monkeypatch, *arguments), "Who built the lighthouse?")
    test.button(key="delete").click().run()
    assert len(test.chat_message) == 2
    test.button(key="delete-yes").click().run()
    assert not test.exception
    assert not test.chat_message
    assert kept().list("local") == []


def test_titles_are_no_markup(arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    title = "![x](http://127.0.0.1:9/leak) **bold** :red[r] <b>"
    test = ask(page(monkeypatch, *arguments), title)
    entry = next(b for b in test.button if b.key and b.key.startswith("chat-"))
    assert "\\!\\[x\\]\\(http" in entry.label
    assert "\\*\\*bold" in entry.label


def test_only_chosen_files_are_asked(
    arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    test = ask(page(monkeypatch, *arguments), "Who built the lighthouse of Alnmouth?")
    test.multiselect(key="files").set_value(["guide/install.md"]).run()
    ask(test, "Who built the lighthouse of Alnmouth, and when?")
    (info,) = kept().list("local")
    last = kept().turns(info.id, "local")[-1].answer
    assert {source.source for source in last.sources} <= {"guide/install.md"}
    assert last.refused


def test_languages_formats_folders_and_days_narrow_what_is_asked(
    arguments: tuple[str, ...], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for year in (2019, 2024):
        text = f"---\ndate: {year}-05-06\n---\nThe ferry carried {year} passengers.\n"
        (folder / f"ferry-{year}.md").write_text(text, "utf-8")
    test = page(monkeypatch, *arguments)
    assert test.multiselect(key="scope_formats").options == ["MD", "TXT"]
    assert "scope_folders" not in {m.key for m in test.multiselect}  # there is only one
    assert test.selectbox(key="scope_from").options == ["Any", "2019", "2024"]
    test.selectbox(key="scope_from").set_value("2024").run()
    ask(test, "How many passengers did the ferry carry?")
    assert "Asked only: from 2024" in said(test)
    assert "Asking only: from 2024" in said(test)
    test.selectbox(key="scope_from").set_value("").run()
    test.multiselect(key="scope_languages").set_value(["zh"]).run()
    ask(test, "How many passengers did the ferry carry?")
    assert "Asked only: 简体中文" in said(test)
    ask(test, "Which documents are there?")
    (info,) = kept().list("local")
    dated, chinese, listed = (turn.answer for turn in kept().turns(info.id, "local"))
    assert {source.source for source in dated.sources} == {"ferry-2024.md"}
    assert {source.source for source in chinese.sources} <= {"手册.md"}
    assert "手册.md" in listed.text
    assert "ferry" not in listed.text
    test.button(key="scope-clear").click().run()
    assert test.multiselect(key="scope_languages").value == []
    assert "Asking only" not in said(test)
    assert "Asked only: from 2024" in said(test)


def test_feedback_is_kept(arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    test = ask(page(monkeypatch, *arguments), "Who built the lighthouse of Alnmouth?")
    test.feedback[0].set_value(1).run()
    assert not test.exception
    (info,) = kept().list("local")
    assert kept().turns(info.id, "local")[0].feedback == "up"


def test_new_file_is_found_by_the_next_question(
    arguments: tuple[str, ...], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    test = ask(page(monkeypatch, *arguments), "Who built the lighthouse of Alnmouth?")
    (folder / "new.md").write_text("The submarine of Alnmouth is yellow.\n", "utf-8")
    deadline = time.monotonic() + 20
    while "yellow" not in html(test) and time.monotonic() < deadline:
        ask(test, "What colour is the submarine of Alnmouth?")
        time.sleep(0.3)
    assert "yellow" in html(test)


def test_missing_folder_is_said_on_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    test = page(monkeypatch, tmp_path / "nowhere", "--preset=lite")
    assert not test.exception
    assert "no folder" in test.error[0].value


def test_missing_model_is_an_answer_in_words(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("MODELSCOPE_CACHE", str(tmp_path / "scope"))
    test = page(monkeypatch, folder, "--preset=internlm2")
    ask(test, "Who built the lighthouse of Alnmouth?")
    assert "No weights" in test.error[0].value
    assert any("ragkit download internlm2" in c.value for c in test.code)


def test_a_chinese_reader_is_told_in_chinese_what_failed(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("MODELSCOPE_CACHE", str(tmp_path / "scope"))
    test = page(monkeypatch, folder, "--preset=internlm2")
    test.session_state["language"] = "zh"
    ask(test, "Who built the lighthouse of Alnmouth?")
    first, _, detail = test.error[0].value.partition("\n\n")
    assert "未能回答这个问题" in first
    assert "No weights" in detail  # names the command, so it stays as it is


@pytest.mark.parametrize(("language", "what"), [("en", "cannot be opened"), ("zh", "无法打开此页")])
def test_an_index_that_is_none_is_told_in_the_pages_language(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, language: str, what: str
) -> None:
    (tmp_path / "i.db").write_bytes(b"no index " * 1000)
    index = f"--index={tmp_path / 'i.db'}"
    test = page(monkeypatch, folder, index, "--preset=lite", language=language)
    assert not test.exception
    first, _, detail = test.error[0].value.partition("\n\n")
    assert what in first
    assert "SQLite" in detail


def test_empty_folder_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    test = page(monkeypatch, empty, f"--index={tmp_path / 'i.db'}", "--preset=lite")
    assert not test.exception
    deadline = time.monotonic() + 20
    while "Put documents" not in everything(test) and time.monotonic() < deadline:
        time.sleep(0.2)
        test.run()
    assert "Put documents into the folder" in everything(test)


def test_auto_says_once_what_it_chose(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("MODELSCOPE_CACHE", str(tmp_path / "scope"))
    test = page(monkeypatch, folder, f"--index={tmp_path / 'i.db'}")
    deadline = time.monotonic() + 20
    while not test.code and time.monotonic() < deadline:
        time.sleep(0.2)
        test.run()
    assert test.code[0].value == "ragkit download internlm2"
    test.button(key="dismiss").click().run()
    assert not any("No model is on this machine" in m.value for m in test.markdown)
