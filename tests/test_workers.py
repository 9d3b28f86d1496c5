"""A file that crashes its reader, hangs it or eats memory costs that file; nothing is left over."""

from __future__ import annotations

import ctypes
import os
import re
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import ragkit
from ragkit.errors import IngestError
from ragkit.ingest.workers import Failure, Workers
from ragkit.knowledge import KnowledgeBase
from ragkit.preparing import FileToRead, Texts

LINUX = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")


def job(items: list[str]) -> list[str]:
    """Do what the items say, as readers have been seen to."""
    for item in items:
        if item == "crash":
            ctypes.string_at(0)
        elif item == "exit":
            os._exit(3)
        elif item == "hang":
            time.sleep(600)
        elif item == "spin":
            while True:
                pass
        elif item == "eat":
            held = []
            while True:
                held.append(bytearray(b"x" * 10_000_000))
        elif item == "gulp":
            return [bytes(40_000_000_000).decode()]
        elif item == "raise":
            raise ValueError("no such thing")
        elif item == "print":
            print("noise" * 1000, flush=True)
            os.write(1, b"noise")
    return [item.upper() for item in items]


@pytest.fixture
def workers() -> Iterator[Workers]:
    with Workers(job, count=2, seconds=3, memory_mb=200) as started:
        yield started


def children() -> set[int]:
    found = Path(f"/proc/{os.getpid()}/task").glob("*/children")
    return {int(pid) for path in found for pid in path.read_text().split()}


def outcomes(workers: Workers, *items: str) -> list[tuple[list[str], Any]]:
    return workers.submit(items).result(timeout=120)


def test_items_are_done_together(workers: Workers) -> None:
    assert outcomes(workers, "a", "b") == [(["a", "b"], ["A", "B"])]
    assert outcomes(workers, "print", "c") == [(["print", "c"], ["PRINT", "C"])]


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        ("crash", "the reader crashed"),
        ("exit", r"the reader crashed \(exit code 3\)"),
        ("hang", "took longer than 3 s"),
        ("spin", "took longer than 3 s"),
        pytest.param("eat", "needs more than 200 MB", marks=LINUX),
        pytest.param("gulp", "needs more than 200 MB", marks=LINUX),
        ("raise", "ValueError: no such thing"),
    ],
)
def test_one_item_fails_alone(workers: Workers, item: str, reason: str) -> None:
    found = outcomes(workers, "a", item, "b")
    failures = [outcome for _, outcome in found if isinstance(outcome, Failure)]
    assert [items for items, _ in found] == [["a"], [item], ["b"]]
    assert (found[0][1], found[2][1]) == (["A"], ["B"])
    (failure,) = failures
    assert re.search(reason, failure.reason), failure.reason
    assert outcomes(workers, "later") == [(["later"], ["LATER"])]


@LINUX
def test_nothing_is_left_over() -> None:
    before = children()
    with Workers(job, count=2, seconds=30, memory_mb=200) as workers:
        assert children() == before, "started before there was anything to do"
        busy = [workers.submit(["hang"]) for _ in range(4)]
        outcomes_of_one = workers.submit(["a"])
        time.sleep(1)
        assert len(children() - before) == 2
        began = time.monotonic()
    assert time.monotonic() - began < 10
    assert children() == before
    assert all(future.done() for future in [*busy, outcomes_of_one])
    assert not [t for t in threading.enumerate() if t.name.startswith("ragkit-read")]


def test_worker_that_cannot_be_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with (
        Workers(job, count=1, seconds=3, memory_mb=200) as workers,
        pytest.raises(IngestError, match="No process to read files"),
    ):
        workers.submit(["a"]).result(timeout=60)


@LINUX
@pytest.mark.parametrize("item", ["hang", "a"])
def test_workers_end_with_a_killed_parent(tmp_path: Path, item: str) -> None:
    code = f"""
        import sys, time
        sys.path.insert(0, {str(Path(__file__).parent)!r})
        from test_workers import job
        from ragkit.ingest.workers import Workers
        workers = Workers(job, count=1, seconds=300, memory_mb=200)
        workers.submit([{item!r}])
        time.sleep(300)
    """
    parent = subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)])
    listed = Path(f"/proc/{parent.pid}/task")
    deadline = time.monotonic() + 60
    pids: list[str] = []
    while not pids and time.monotonic() < deadline:
        pids = [pid for path in listed.glob("*/children") for pid in path.read_text().split()]
        time.sleep(0.05)
    assert pids
    time.sleep(1)
    parent.kill()
    parent.wait()
    deadline = time.monotonic() + 20
    while any(is_running(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not [pid for pid in pids if is_running(pid)]


def is_running(pid: str) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_password_and_reasons_reach_a_worker(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("# A\n\nSome text.", "utf-8")
    (tmp_path / "empty.md").write_bytes(b"")
    files = [FileToRead(tmp_path / name, 5) for name in ("a.md", "empty.md", "gone.md")]
    with Workers(Texts(1000), count=1, seconds=60, memory_mb=500) as workers:
        ((_, prepared),) = workers.submit(files).result(timeout=120)
    good, empty, gone = prepared.drafts
    assert good.text == "# A\n\nSome text."
    assert (empty, gone) == ("Empty file.", "The file has vanished.")


# A whole folder


@pytest.fixture
def starts(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return the processes that are started, as it happens."""
    import ragkit.ingest.workers as module

    seen: list[int] = []
    real = module._Worker

    def counted() -> object:
        worker = real()
        seen.append(worker._process.pid)
        return worker

    monkeypatch.setattr(module, "_Worker", counted)
    return seen


@pytest.fixture
def kb(folder: Path, tmp_path: Path) -> KnowledgeBase:
    return ragkit.open(folder, index=tmp_path / "index.db", preset="lite")


def test_plain_text_starts_no_process(kb: KnowledgeBase, folder: Path, starts: list[int]) -> None:
    assert len(kb.index().added) == 3
    assert starts == []
    (folder / "page.html").write_text("<html><body><p>A page about herons.</p></body></html>")
    assert kb.index().added == ("page.html",)
    assert len(starts) == 1
    stamp = time.time() - 3600
    os.utime(folder / "page.html", (stamp, stamp))
    kb.index()
    assert kb.index().added == ()
    assert len(starts) == 1, "a run in which nothing changed started a process"


def test_text_that_is_something_else_is_read_by_a_process(
    kb: KnowledgeBase, folder: Path, starts: list[int]
) -> None:
    (folder / "really-a-page.txt").write_text("<!doctype html><p>A page about herons.</p>")
    (folder / "really-a.md").write_bytes(b"%PDF-1.7 and then nothing")
    report = kb.index()
    assert [s.source for s in report.skipped] == ["really-a.md"]
    assert starts


def test_much_is_prepared_by_processes_in_order(
    folder: Path, tmp_path: Path, starts: list[int]
) -> None:
    for number in range(400):
        (folder / f"note-{number:03d}.md").write_text(
            f"# Note {number}\n\nThe heron number {number} stood in the reeds. 第 {number} 只鹭。\n"
        )
    kb = ragkit.open(folder, index=tmp_path / "much.db", preset="lite")
    seen: list[str] = []
    report = kb.index(progress=lambda done, total, source: seen.append(source))
    assert starts
    assert len(report.added) == 403
    assert seen[:-1] == sorted(seen[:-1], key=report.added.index) == list(report.added)
    nodes = kb._store.vector_store.get_nodes()
    assert [n.metadata["source"] for n in nodes] == sorted(
        (n.metadata["source"] for n in nodes), key=report.added.index
    )
    assert kb.retrieve("heron number 217")[0].source == "note-217.md"


def test_reader_that_hangs_costs_its_file(folder: Path, tmp_path: Path) -> None:
    """Reading anything takes longer than a thousandth of a second in a process."""
    page = "<p>A page about herons.</p>" * 30_000
    (folder / "page.html").write_text(f"<html><body>{page}</body></html>")
    settings = {"ingest.file_seconds": 0.001}
    kb = ragkit.open(folder, index=tmp_path / "i.db", preset="lite", settings=settings)
    report = kb.index()
    assert len(report.added) == 3
    assert [(s.source, s.reason) for s in report.skipped] == [
        ("page.html", "Reading it took longer than 0.001 s.")
    ]
    os.utime(folder / "page.html")
    assert kb.index().skipped == report.skipped, "the same bytes are not tried again"
    again = ragkit.open(folder, index=tmp_path / "i.db", preset="lite")
    report = again.index()
    assert (report.skipped, report.added) == ((), ("page.html",)), "but with more time they are"


@LINUX
def test_interrupt_ends_the_processes(kb: KnowledgeBase, folder: Path) -> None:
    (folder / "page.html").write_text("<html><body><p>A page about herons.</p></body></html>")
    before = children()

    def stop(done: int, total: int, source: str) -> None:
        if source == "手册.md":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        kb.index(progress=stop)
    assert children() == before
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert "page.html" in {d.source for d in kb.documents()}
