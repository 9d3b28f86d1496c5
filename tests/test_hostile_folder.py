"""A folder in which everything is hostile, through ``ragkit index``: each costs at most itself."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hostile_files import HOSTILE, Hostile

import ragkit
from ragkit.knowledge import KnowledgeBase

POSIX = pytest.mark.skipif(os.name != "posix", reason="POSIX file system")
GOOD = "The good file says that herons eat frogs."
NAMES = (
    "line\nbreak.md",
    "😀 emoji.md",
    "rtl\u202egpj.md",
    "a b#%20?.md",
    "é\u0301.md",
    "'quote\".md",
)


class Indexed(NamedTuple):
    """What ``ragkit index`` made of the folder."""

    kb: KnowledgeBase
    report: dict[str, Any]
    page: str

    def reason(self, source: str) -> str:
        return next((s["reason"] for s in self.report["skipped"] if s["source"] == source), "")


def index(
    folder: Path, place: Path, *more: str, **environment: str
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "ragkit", "index", str(folder), "--index", str(place / "i.db")]
    return subprocess.run(
        [*command, "--preset", "lite", "--json", *more],
        capture_output=True, text=True, timeout=500, check=False,
        env={**os.environ, "RAGKIT_HOME": str(place), **environment},
    )  # fmt: skip


@pytest.fixture(scope="module")
def indexed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Indexed]:
    place = tmp_path_factory.mktemp("hostile")
    folder = place / "docs"
    folder.mkdir()
    (folder / "good.md").write_text(GOOD, "utf-8")
    for hostile in HOSTILE:
        (folder / hostile.name).write_bytes(hostile.make())
    if os.name == "posix":
        strange_entries(folder, place)
    done = index(folder, place, "--report", str(place / "report.html"))
    deepest = folder / "deep"
    kb = ragkit.open(folder, index=place / "i.db", preset="lite")
    assert done.returncode == 0, done.stderr
    yield Indexed(kb, json.loads(done.stdout), (place / "report.html").read_text("utf-8"))
    kb.close()
    shutil.rmtree(deepest, ignore_errors=True)


def strange_entries(folder: Path, place: Path) -> None:
    """Put into ``folder`` what is no file, links, odd names and a path beyond the limit."""
    for name in NAMES:
        (folder / name).write_text(f"{GOOD} {name!r}", "utf-8")
    with open(os.fsencode(folder) + b"/\xff\xfe.md", "wb") as stream:  # noqa: PTH123 - no text
        stream.write(b"A name that is not UTF-8.")
    os.mkfifo(folder / "pipe.txt")
    here = Path.cwd()
    os.chdir(folder)  # a socket's path may have a hundred bytes
    try:
        with socket.socket(socket.AF_UNIX) as bound:
            bound.bind("socket.txt")
    finally:
        os.chdir(here)
    (place / "secret.txt").write_text("SECRET outside of the folder", "utf-8")
    (folder / "out.txt").symlink_to(place / "secret.txt")
    (folder / "device.txt").symlink_to("/dev/zero")
    (folder / "nothing.txt").symlink_to("gone.txt")
    (folder / "circle.txt").symlink_to("circle.txt")
    (folder / "up").symlink_to(".")
    at = os.open(folder, os.O_RDONLY)
    for name in ["deep", *["d" * 200] * 25]:
        os.mkdir(name, dir_fd=at)
        inner = os.open(name, os.O_RDONLY, dir_fd=at)
        os.close(at)
        at = inner
    handle = os.open("far.md", os.O_WRONLY | os.O_CREAT, dir_fd=at)
    os.write(handle, b"too far down")
    os.close(handle)
    os.close(at)


@pytest.mark.parametrize("hostile", HOSTILE, ids=[hostile.name for hostile in HOSTILE])
def test_file(indexed: Indexed, hostile: Hostile) -> None:
    reason = indexed.reason(hostile.name)
    if hostile.left_out:
        assert hostile.name not in {d.source for d in indexed.kb.documents()}
        assert not reason, "it is counted, not listed"
    elif hostile.refused:
        assert re.search(hostile.refused, reason), reason or "it was indexed"
        assert "\n" not in reason
        assert not re.search(r"Error|Exception|NoneType|0x[0-9a-f]{4}|codec", reason), reason
    else:
        assert not reason
        text = indexed.kb.text(hostile.name)
        assert hostile.holds in text
        assert hostile.never not in text
        assert "\ufffd" not in text


def test_the_good_file_is_found_among_them(indexed: Indexed) -> None:
    answer = indexed.kb.ask("What do herons eat?")
    assert "frogs" in answer.text
    assert indexed.report["seconds"] < 400


@POSIX
@pytest.mark.parametrize("name", NAMES)
def test_odd_names(indexed: Indexed, name: str) -> None:
    assert indexed.kb.text(name) == f"{GOOD} {name!r}"


@POSIX
def test_what_is_no_file_or_leads_elsewhere(indexed: Indexed) -> None:
    for source, reason in {
        "pipe.txt": "named pipe", "socket.txt": "A socket", "out.txt": "leads out of the folder",
        "device.txt": "leads out of the folder", "nothing.txt": "link to nothing",
        "circle.txt": "in a circle", "up": "link to a folder",
    }.items():  # fmt: skip
        assert reason in indexed.reason(source), source
    assert "SECRET" not in "".join(indexed.kb.text(d.source) for d in indexed.kb.documents())
    deep = [s for s in indexed.report["skipped"] if s["source"].startswith("deep/")]
    assert len(deep) == 1
    assert "File name too long" in deep[0]["reason"]


@pytest.mark.skipif(sys.platform != "linux", reason="names of any bytes")
def test_a_name_that_is_not_utf8(indexed: Indexed) -> None:
    assert indexed.kb.text("\\xff\\xfe.md") == "A name that is not UTF-8."


def test_all_of_it_is_told(indexed: Indexed) -> None:
    assert "hidden" in indexed.page
    assert "lock file" in indexed.page
    assert "zip bomb" in indexed.page
    assert "<script>alert" not in indexed.page
    refused = {hostile.name for hostile in HOSTILE if hostile.refused}
    assert refused <= {skipped["source"] for skipped in indexed.report["skipped"]}


def test_nothing_is_read_again_when_nothing_changed(indexed: Indexed) -> None:
    began = time.monotonic()
    report = indexed.kb.index()
    assert (report.added, report.updated, report.deleted) == ((), (), ())
    assert {s.source for s in report.skipped} == {s["source"] for s in indexed.report["skipped"]}
    assert time.monotonic() - began < 60


# A parser that misbehaves: the library that reads RTF, replaced in the processes that read

STRIPRTF = """
    import ctypes, os, time
    def rtf_to_text(source, errors="strict"):
        if "CRASH" in source:
            ctypes.string_at(0)
        if "EXIT" in source:
            os._exit(7)
        if "HANG" in source:
            time.sleep(600)
        if "EAT" in source:
            held = []
            while True:
                held.append(bytearray(b"x" * 20_000_000))
        if "RECURSE" in source:
            return rtf_to_text(source)
        if "RAISE" in source:
            raise SystemExit("a library must not")
        return source.partition("}")[2]
"""


@pytest.mark.skipif(sys.platform != "linux", reason="memory of processes is bounded on Linux")
def test_a_parser_that_crashes_hangs_or_eats_memory_costs_that_file(tmp_path: Path) -> None:
    library = tmp_path / "library" / "striprtf"
    library.mkdir(parents=True)
    (library / "__init__.py").write_text("")
    (library / "striprtf.py").write_text(textwrap.dedent(STRIPRTF))
    folder = tmp_path / "docs"
    folder.mkdir()
    for what in ("CRASH", "EXIT", "HANG", "EAT", "RECURSE", "RAISE", "fine"):
        (folder / f"{what.lower()}.rtf").write_text(rf"{{\rtf1 {what}}}The heron stands here.")
    (folder / "after.md").write_text(GOOD)
    began = time.monotonic()

    done = index(
        folder, tmp_path, PYTHONPATH=str(library.parent),
        RAGKIT_INGEST__FILE_SECONDS="15", RAGKIT_INGEST__FILE_MEMORY_MB="150",
        RAGKIT_INGEST__OCR="off",  # which is given more memory
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert sorted(report["added"]) == ["after.md", "fine.rtf"]
    reasons = {s["source"]: s["reason"] for s in report["skipped"]}
    assert "the reader crashed" in reasons["crash.rtf"]
    assert "exit code 7" in reasons["exit.rtf"]
    assert "took longer than 15 s" in reasons["hang.rtf"]
    assert "needs more than 150 MB" in reasons["eat.rtf"]
    assert reasons["recurse.rtf"] == "Nested too deeply to be read."
    assert reasons["raise.rtf"]
    assert time.monotonic() - began < 200


def test_files_that_change_and_vanish_while_they_are_read(tmp_path: Path) -> None:
    folder = tmp_path / "docs"
    folder.mkdir()
    for number in range(150):
        (folder / f"{number:03d}.md").write_text(f"Note {number}. " + GOOD * 20)
    stop = threading.Event()

    def disturb() -> None:
        number = 0
        while not stop.is_set():
            path = folder / f"{number % 150:03d}.md"
            if number % 3 == 0:
                path.unlink(missing_ok=True)
            elif number % 3 == 1:
                path.write_bytes(b"x" * (number % 5000))
            else:
                with path.open("a") as stream:
                    stream.write(f"More of it, line {number}.\n")
            number += 7
            time.sleep(0.0005)

    thread = threading.Thread(target=disturb)
    thread.start()
    try:
        done = index(folder, tmp_path)
    finally:
        stop.set()
        thread.join()
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr

    for path in folder.iterdir():
        path.unlink()
    for number in range(5):
        (folder / f"final-{number}.md").write_text(f"Final {number}. {GOOD}")
    done = index(folder, tmp_path)
    assert done.returncode == 0, done.stderr
    kb = ragkit.open(folder, index=tmp_path / "i.db", preset="lite")
    assert {d.source for d in kb.documents()} == {f"final-{n}.md" for n in range(5)}
    kb.close()


AS_SOMEBODY = """
    import os, sys
    from pathlib import Path
    from ragkit.errors import IngestError
    from ragkit.ingest.extract import extract
    from ragkit.ingest.folder import walk

    folder = Path(sys.argv[1])
    extract(folder / "open.md")  # loads what is needed, which others may not be able to do
    if os.geteuid() == 0:
        os.setgid(65534)
        os.setuid(65534)
    for entry in walk(folder):
        try:
            print(entry.source, entry.problem or extract(entry.path).text)
        except IngestError as error:
            print(entry.source, error)
"""


@POSIX
def test_a_file_without_permission_is_said(tmp_path: Path) -> None:
    """Root may read everything, so that where root runs this somebody else reads."""
    with tempfile.TemporaryDirectory(dir=None if os.geteuid() else "/tmp") as place:
        folder = Path(place) / "docs"
        folder.mkdir()
        for name in ("closed.md", "closed.pdf", "open.md"):
            (folder / name).write_text(GOOD)
        (folder / "closed").mkdir()
        for name in ("closed.md", "closed.pdf", "closed"):
            (folder / name).chmod(0)
        if os.geteuid() == 0:
            Path(place).chmod(0o755)
        done = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(AS_SOMEBODY), str(folder)],
            capture_output=True,
            text=True,
            check=False,
        )
        (folder / "closed").chmod(0o700)
        assert done.returncode == 0, done.stderr
        said = dict(line.split(" ", 1) for line in done.stdout.splitlines())
    assert said["open.md"] == GOOD
    assert said["closed.md"] == said["closed.pdf"] == "No permission to read it."
    assert said["closed"] == "Folder that cannot be listed: Permission denied."


@POSIX
def test_a_killed_run_is_gone_on_with(tmp_path: Path) -> None:
    folder = tmp_path / "docs"
    folder.mkdir()
    for number in range(400):
        (folder / f"{number:03d}.md").write_text(f"# Note {number}\n\n" + GOOD * 30)
    command = [sys.executable, "-m", "ragkit", "index", str(folder), "--preset", "lite", "--index"]
    running = subprocess.Popen(
        [*command, str(tmp_path / "i.db")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    time.sleep(2.5)
    running.send_signal(signal.SIGKILL)
    running.wait()
    done = index(folder, tmp_path)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert len(report["added"]) + report["unchanged"] == 400
    assert not report["skipped"]
