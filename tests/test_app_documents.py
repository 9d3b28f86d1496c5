"""The documents page's states, run in process by Streamlit's own AppTest."""

from __future__ import annotations

import ast
import re
import string
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("streamlit", reason='needs the extra: pip install "ragkit[app]"')

import streamlit as st
from streamlit.testing.v1 import AppTest
from test_hostile_files import encrypted_pdf
from test_protected import locked_pdf

import ragkit

APP = Path(__file__).resolve().parent.parent / "app"


def script(folder: str, language: str) -> None:
    import documents_page
    import shared
    import streamlit as st

    st.session_state["language"] = language
    name = shared.collections().names()[0]
    kb = shared.knowledge(name)
    documents_page.draw(name, kb, shared.serving(kb).indexer, language)


@pytest.fixture
def page(folder: Path, monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    """Return what opens the page of ``folder``, whose index is up to date."""

    def opened(language: str = "en", where: Path = folder) -> AppTest:
        st.cache_resource.clear()
        monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])
        monkeypatch.setattr("sys.argv", ["main.py", str(where), "--preset=lite"])
        monkeypatch.syspath_prepend(str(APP))
        kb = ragkit.open(where, preset="lite")
        if where.is_dir():
            kb.index()
        test = AppTest.from_function(script, args=(str(where), language), default_timeout=60)
        return test.run()

    return opened


def words(test: AppTest) -> str:
    kinds = ("title", "caption", "markdown", "text", "info", "warning", "error", "success")
    return "\n".join(str(e.value) for kind in kinds for e in test.get(kind))


def test_files_are_listed_with_their_states(page, folder: Path) -> None:  # type: ignore[no-untyped-def]
    (folder / "empty.md").write_text("", "utf-8")
    test = page()
    assert not test.exception
    table = test.dataframe[0].value
    assert list(table["source"]) == ["empty.md", "guide/install.md", "history.txt", "手册.md"]
    assert list(table["name"]) == ["empty.md", "install.md", "history.txt", "手册.md"]
    assert list(table["state"]) == ["⚠ Skipped: Empty file", *["✓ Indexed"] * 3]


def test_search_and_filter(page) -> None:  # type: ignore[no-untyped-def]
    test = page()
    test.text_input(key="file_search").set_value("HANDB").run()
    assert "No file matches" in words(test)
    test.text_input(key="file_search").set_value("Hist").run()
    assert list(test.dataframe[0].value["source"]) == ["history.txt"]


def test_the_page_speaks_chinese(page, folder: Path) -> None:  # type: ignore[no-untyped-def]
    (folder / "empty.md").write_text("", "utf-8")
    test = page("zh")
    assert test.title[0].value == "文档"
    table = test.dataframe[0].value
    assert table["state"][0] == "⚠ 已跳过：空文件"


def test_health_view(page, folder: Path) -> None:  # type: ignore[no-untyped-def]
    (folder / "figures.csv").write_text("1,2\n3,4\n", "utf-8")
    (folder / ".hidden.md").write_text("Hidden.\n", "utf-8")
    (folder / "node_modules").mkdir()
    (folder / "copy.txt").write_bytes((folder / "history.txt").read_bytes())
    test = page()
    test.segmented_control(key="documents_view").set_value("view_health").run()
    assert not test.exception
    assert [m.value for m in test.metric][:2] == ["5", "0"]
    languages = next(t.value for t in test.dataframe if "unknown" in list(t.value["name"]))
    assert sum(languages["files"]) == 5
    assert any("hidden 1 · installed packages 1" in c.value for c in test.caption)
    assert any("Same text" in e.label for e in test.expander)


def test_a_file_added_meanwhile_is_shown_after_reading_again(page, folder: Path) -> None:  # type: ignore[no-untyped-def]
    test = page()
    while test.button(key="read-again").disabled:  # it looks at fresh files once more
        test.run()
    (folder / "new.md").write_text("The submarine is yellow.\n", "utf-8")
    test.button(key="read-again").click().run()
    assert not test.exception
    assert "new.md" in list(test.dataframe[0].value["source"])


def test_an_empty_folder_says_what_to_do(page, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    empty = tmp_path / "empty"
    empty.mkdir()
    assert "Add documents above" in words(page(where=empty))


def test_nothing_of_a_files_name_is_markup(page, folder: Path) -> None:  # type: ignore[no-untyped-def]
    (folder / "![a](x) <b> $x$ :red[y].md").write_text("", "utf-8")
    test = page()
    test.segmented_control(key="documents_view").set_value("view_health").run()
    markup = "\n".join(
        str(e.value) for kind in ("markdown", "caption", "info", "warning") for e in test.get(kind)
    )
    labels = "\n".join(e.label for e in test.expander)
    assert "![a]" not in markup + labels


def test_both_languages_say_the_same() -> None:
    sys.path.insert(0, str(APP))
    try:
        from texts_documents import TEXTS
    finally:
        sys.path.remove(str(APP))

    def fields(text: str) -> set[str | None]:
        return {name for _, name, _, _ in string.Formatter().parse(text) if name}

    assert TEXTS["en"].keys() == TEXTS["zh"].keys()
    for key, text in TEXTS["en"].items():
        assert fields(text) == fields(TEXTS["zh"][key]), key
        assert re.search("[\u4e00-\u9fff]", TEXTS["zh"][key]), key


def test_every_text_is_used() -> None:
    source = "\n".join(p.read_text("utf-8") for p in APP.glob("documents_*.py"))
    tree = ast.parse((APP / "texts_documents.py").read_text("utf-8"))
    assigned = [n for n in tree.body if isinstance(n, ast.Assign)]
    table = next(n.value for n in assigned if ast.unparse(n.targets[0]) == "TEXTS")
    texts = ast.literal_eval(table)["en"]
    kinds = ("f_", "g_", "drop_", "browse_")
    unused = [k for k in texts if f'"{k}"' not in source and not k.startswith(kinds)]
    assert unused == []


def test_reasons_of_the_readers_have_chinese_words() -> None:
    from ragkit.health.reasons import reason

    for text in (
        "Excluded in the chat's Documents page.",
        "Scanned PDF: its pages are images without text. Run it through OCR first.",
        "This is a PNG image, not a text document.",
        "Password-protected PDF file. Save it without a password.",
        "Too large: 120 MB, limit 100 MB.",
        "It is called .txt but holds PDF. Rename it to .pdf.",
        "The folder has a file of this name that was not uploaded here, so it stays. Rename yours.",
        "Damaged docx: File is not a zip file.",
    ):
        said = reason(text, "zh")
        assert re.search("[\u4e00-\u9fff]", said), text
        assert reason(text, "en") == text
    assert ".pdf" in reason("It is called .txt but holds PDF. Rename it to .pdf.", "zh")
    assert "PNG" in reason("This is a PNG image, not a text document.", "zh")


def test_upload_of_any_file_is_taken_in_at_once(page, folder: Path) -> None:  # type: ignore[no-untyped-def]
    test = page()
    uploader = test.get("file_uploader")[0]
    uploader.set_value([("notes.txt", b"The gate code is 4711.\n", "text/plain")]).run()
    assert not test.exception
    assert (folder / "notes.txt").exists()
    assert "1 added" in words(test)


def tried_again(page, folder: Path, language: str, *sources: str) -> AppTest:  # type: ignore[no-untyped-def]
    """Open the page, tick ``sources``, choose Try again and wait for what it says."""
    test = page(language)
    while test.button(key="read-again").disabled:
        test.run()
    names = list(test.dataframe[0].value["source"])
    key = f"files-{test.dataframe[0].proto.id.rpartition('-files-')[2]}"
    rows = [names.index(source) for source in sources]
    test.session_state[key] = {"selection": {"rows": rows, "columns": [], "cells": []}}
    test.run().button(key="try-again").click().run()
    for _ in range(100):
        if "documents_tried" not in test.session_state:
            break
        time.sleep(0.05)
        test.run()
    assert not test.exception
    return test


@pytest.mark.parametrize(("language", "still"), [("en", "still not read"), ("zh", "仍未读入")])
def test_trying_a_protected_file_again_says_how_to_give_its_password(  # type: ignore[no-untyped-def]
    page, folder: Path, language: str, still: str
) -> None:
    (folder / "locked.pdf").write_bytes(encrypted_pdf())
    test = tried_again(page, folder, language, "locked.pdf")
    said = words(test)
    assert still in said
    assert "password_file" in said
    assert f"ragkit index {folder} --preset lite --password-file FILE" in test.code[0].value


def test_trying_again_tells_what_is_still_not_read(page, folder: Path) -> None:  # type: ignore[no-untyped-def]
    (folder / "locked.pdf").write_bytes(encrypted_pdf())
    (folder / "empty.md").write_text("", "utf-8")
    said = words(tried_again(page, folder, "en", "empty.md"))
    assert "still not read" in said
    assert "empty.md: Empty file" in said
    assert "password_file" not in said


def test_a_corrected_password_file_is_enough(  # type: ignore[no-untyped-def]
    page, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "locked.pdf").write_bytes(locked_pdf("right", "The safe is in the cellar."))
    passwords = tmp_path / "passwords.txt"
    passwords.write_text("other.pdf: wrong\n", "utf-8")
    passwords.chmod(0o600)
    monkeypatch.setenv("RAGKIT_INGEST__PASSWORD_FILE", str(passwords))
    test = tried_again(page, folder, "en", "locked.pdf")
    assert "adds the password to its password file" in words(test)
    passwords.write_text("locked.pdf: right\n", "utf-8")
    test.button(key="try-again").click().run()
    while "documents_tried" in test.session_state:
        time.sleep(0.05)
        test.run()
    assert "Read now: locked" in words(test)
