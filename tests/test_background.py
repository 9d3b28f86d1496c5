"""Indexing beside the chat: one run at a time, seen from outside, never raising."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import ragkit
from ragkit.background import Indexer
from ragkit.knowledge import KnowledgeBase

PATIENCE = 60.0


@pytest.fixture
def kb(folder: Path) -> KnowledgeBase:
    return ragkit.open(folder, preset="lite")


@pytest.fixture
def indexer(kb: KnowledgeBase) -> Iterator[Indexer]:
    made = Indexer(kb)
    yield made
    made.close()


def settle(folder: Path) -> None:
    """Move the time stamps an hour back: a fresh file is looked at twice."""
    for path in folder.rglob("*.*"):
        os.utime(path, (time.time() - 3600, time.time() - 3600))


def until(true: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline, "nothing happened"
        time.sleep(0.05)


def test_a_run_is_reported(indexer: Indexer) -> None:
    assert (indexer.state.running, indexer.generation, indexer.finished_at) == (False, 0, None)
    assert indexer.start()
    assert indexer.wait(PATIENCE)
    state = indexer.state
    assert not state.running
    assert state.report is not None
    assert len(state.report.added) == 3
    assert state.error is None
    assert indexer.generation == 1
    assert indexer.finished_at == pytest.approx(time.time(), abs=PATIENCE)


def test_progress_is_seen_and_questions_are_answered_meanwhile(
    indexer: Indexer, kb: KnowledgeBase, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle(folder)
    indexer.start()
    indexer.wait(PATIENCE)
    (folder / "new.md").write_text("The submarine is yellow.\n", "utf-8")
    reached, go_on = threading.Event(), threading.Event()
    index = kb.index

    def held(**options: object) -> object:
        def progress(done: int, total: int, source: str) -> None:
            options["given"](done, total, source)  # type: ignore[operator]
            reached.set()
            go_on.wait(PATIENCE)

        options["given"] = options["progress"]
        return index(progress=progress)

    monkeypatch.setattr(kb, "index", held)
    indexer.start()
    assert reached.wait(PATIENCE)
    state = indexer.state
    assert (state.running, state.done, state.total, state.source) == (True, 0, 1, "new.md")
    assert state.seconds > 0
    assert "1826" in kb.ask("When was the lighthouse of Alnmouth built?").text
    go_on.set()
    assert indexer.wait(PATIENCE)
    assert "new.md" in [d.source for d in kb.documents()]


def test_a_second_start_runs_once_more_and_not_at_once(
    indexer: Indexer, kb: KnowledgeBase, monkeypatch: pytest.MonkeyPatch
) -> None:
    running, most, calls = 0, 0, []
    go_on = threading.Event()
    index = kb.index

    def counted(**options: object) -> object:
        nonlocal running, most
        running += 1
        most = max(most, running)
        calls.append(options["rebuild"])
        go_on.wait(PATIENCE)
        try:
            return index(**options)  # type: ignore[arg-type]
        finally:
            running -= 1

    monkeypatch.setattr(kb, "index", counted)
    assert indexer.start()
    assert not indexer.start()
    assert not indexer.start(rebuild=True)
    assert not indexer.start()
    go_on.set()
    assert indexer.wait(PATIENCE)
    assert (calls, most, indexer.generation) == ([False, True], 1, 2)


def test_errors_are_words(tmp_path: Path) -> None:
    indexer = Indexer(ragkit.open(tmp_path / "nowhere", preset="lite"))
    indexer.start()
    assert indexer.wait(PATIENCE)
    assert "no folder" in str(indexer.state.error)
    indexer.watch(True)
    until(lambda: not indexer.watching)
    assert "no folder" in str(indexer.state.error)


def test_an_unexpected_error_is_no_traceback_and_ends_nothing(
    indexer: Indexer, kb: KnowledgeBase, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(**_: object) -> None:
        raise ZeroDivisionError("secret path /etc")

    with monkeypatch.context() as patched:
        patched.setattr(kb, "index", broken)
        indexer.start()
        assert indexer.wait(PATIENCE)
    assert "secret" not in str(indexer.state.error)
    assert "unexpectedly" in str(indexer.state.error)
    indexer.start()
    assert indexer.wait(PATIENCE)
    assert indexer.state.error is None
    assert indexer.state.report is not None


def test_watching_follows_the_folder(indexer: Indexer, kb: KnowledgeBase, folder: Path) -> None:
    indexer.watch(True)
    assert indexer.watching
    until(lambda: len(kb.documents()) == 3)
    (folder / "new.md").write_text("The submarine is yellow.\n", "utf-8")
    until(lambda: len(kb.documents()) == 4)
    until(lambda: indexer.state.report and indexer.state.report.added == ("new.md",))
    (folder / "new.md").unlink()
    until(lambda: len(kb.documents()) == 3)
    indexer.watch(False)
    assert not indexer.watching


def test_watching_alone_shows_no_run_when_nothing_changed(
    indexer: Indexer, kb: KnowledgeBase, folder: Path
) -> None:
    settle(folder)
    kb.index()
    indexer.watch(True)
    time.sleep(1)
    assert (indexer.generation, indexer.state.running) == (0, False)


def test_it_ends_with_the_process(tmp_path: Path) -> None:
    folder = tmp_path / "docs"
    folder.mkdir()
    for n in range(300):
        (folder / f"{n}.md").write_text(f"# File {n}\n\nThe number of this file is {n}.\n", "utf-8")
    code = (
        "import ragkit, time\n"
        "from ragkit.background import Indexer\n"
        f"i = Indexer(ragkit.open({str(folder)!r}, preset='lite'))\n"
        "i.watch(True); i.start()\n"
        "while not i.state.total: time.sleep(0.01)\n"
        "print('leaving')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False
    )
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "leaving", "")
    kb = ragkit.open(folder, preset="lite")
    kb.index()
    assert len(kb.documents()) == 300
