"""The chat page's states, run in process by Streamlit's own AppTest."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

pytest.importorskip("streamlit", reason='needs the extra: pip install "ragkit[app]"')

import streamlit as st
from streamlit.testing.v1 import AppTest

PAGE = Path(__file__).resolve().parent.parent / "app" / "main.py"


def page(monkeypatch: pytest.MonkeyPatch, *arguments: str | Path, language: str = "en") -> AppTest:
    """Open the page as ``streamlit run app/main.py -- ARGUMENTS`` does."""
    st.cache_resource.clear()
    # AppTest puts the page in the place of __main__, which new processes would then import.
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])
    monkeypatch.setattr("sys.argv", [str(PAGE), *map(str, arguments)])
    monkeypatch.syspath_prepend(str(PAGE.parent))
    test = AppTest.from_file(str(PAGE), default_timeout=60)
    test.session_state["language"] = language
    return test.run()


def html(test: AppTest) -> str:
    return "\n".join(str(e.proto) for e in test.get("html"))


@pytest.fixture
def arguments(folder: Path, tmp_path: Path) -> tuple[str, ...]:
    return (str(folder), f"--index={tmp_path / 'i.db'}", "--preset=lite")


def test_first_visit_indexes_and_greets(
    arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    test = page(monkeypatch, *arguments)
    assert not test.exception
    assert "3 files" in test.markdown[0].value
    assert test.metric[0].value == "3"
    assert test.chat_input[0].placeholder == "Your question"


def test_page_speaks_chinese(arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    test = page(monkeypatch, *arguments, language="zh")
    assert test.title[0].value == "向文档提问"
    assert "3 个文件" in test.markdown[0].value


def test_question_is_answered_with_sources_and_kept(
    arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    test = page(monkeypatch, *arguments)
    test.chat_input[0].set_value("When was the lighthouse of Alnmouth built?").run()
    assert not test.exception
    assert "1826" in html(test)
    assert "history.txt" in html(test)
    test.chat_input[0].set_value("备份保存多少天？").run()
    assert "1826" in html(test)
    assert "三十天" in html(test)
    assert len(test.chat_message) == 4


def test_follow_up_leans_on_the_conversation(
    arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    test = page(monkeypatch, *arguments)
    test.chat_input[0].set_value("Who built the lighthouse of Alnmouth?").run()
    test.chat_input[0].set_value("And when was it built?").run()
    assert "1826" in html(test)


def test_refusal_is_an_answer_not_an_error(
    arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    test = page(monkeypatch, *arguments)
    test.chat_input[0].set_value("What is the salary of the finance director?").run()
    assert not test.error
    assert "documents" in html(test)


def test_history_can_be_cleared(
    arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    test = page(monkeypatch, *arguments)
    test.chat_input[0].set_value("Who built the lighthouse?").run()
    assert test.chat_message
    clear = next(b for b in test.button if b.label == "Clear history")
    clear.click().run()
    assert not test.chat_message


def test_new_file_is_found_after_reading_the_folder_again(
    arguments: tuple[str, ...], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    test = page(monkeypatch, *arguments)
    (folder / "new.md").write_text("The submarine is yellow.\n", "utf-8")
    next(b for b in test.button if b.label == "Read the folder again").click().run()
    assert test.metric[0].value == "4"


def test_skipped_files_are_named(
    arguments: tuple[str, ...], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "noise.txt").write_bytes(bytes(range(256)) * 40)
    test = page(monkeypatch, *arguments)
    assert any("noise.txt" in t.value for t in test.text)


def test_missing_folder_is_said_on_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    test = page(monkeypatch, tmp_path / "nowhere", "--preset=lite")
    assert not test.exception
    assert "no folder" in test.error[0].value


def test_empty_folder_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    test = page(monkeypatch, empty, f"--index={tmp_path / 'i.db'}", "--preset=lite")
    assert not test.exception
    assert "Put documents into the folder" in test.markdown[0].value


def test_auto_shows_what_it_chose(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    test = page(monkeypatch, folder, f"--index={tmp_path / 'i.db'}")
    assert any("lite" in i.value for i in test.info)
