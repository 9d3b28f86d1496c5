"""The extracted text of a file, as the command line prints it."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from test_hostile_files import encrypted_pdf
from test_readers import pdf

import ragkit
from ragkit.errors import StoreError


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("show") / "docs"
    (place / "a").mkdir(parents=True)
    (place / "a" / "灯塔.txt").write_text("灯塔建于1826年。\n塔高四十米。\n", encoding="gbk")
    (place / "book.pdf").write_bytes(pdf("The zebra sleeps at noon.", "", "The walrus swims."))
    (place / "odd.txt").write_bytes(b"One line\r\nTwo \xe2\x80\xae end\n")
    (place / "random.txt").write_bytes(bytes(range(256)) * 40)
    return place


@pytest.fixture(scope="module")
def common(place: Path) -> tuple[str, ...]:
    return ("--data", str(place), "--index", str(place.parent / "i.db"), "--preset", "lite")


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    done = subprocess.run(
        [sys.executable, "-m", "ragkit", *arguments],
        capture_output=True,
        stdin=subprocess.DEVNULL,
        env={**os.environ, **environment},
        check=False,
        timeout=120,
    )
    assert b"Traceback" not in done.stderr, done.stderr
    return done


def test_text_is_exactly_that_of_the_index(place: Path, common: tuple[str, ...]) -> None:
    first = run("show", "a/灯塔.txt", *common)  # builds the index
    assert first.returncode == 0
    kb = ragkit.open(place, index=common[3], preset="lite")
    for source in ("a/灯塔.txt", "book.pdf", "odd.txt"):
        done = run("show", source, *common)
        assert done.stdout == kb.text(source).encode()
        assert done.stderr == b""


def test_citations_point_into_what_is_shown(common: tuple[str, ...]) -> None:
    answer = json.loads(run("query", "灯塔建于哪一年？", *common, "--json", PYTHONUTF8="1").stdout)
    (citation,) = answer["citations"]
    text = run("show", citation["source"], *common).stdout.decode()
    assert text[citation["start"] : citation["end"]] == citation["quote"]


def test_a_narrow_locale_changes_nothing(common: tuple[str, ...]) -> None:
    narrow = run("show", "灯塔.txt", *common, PYTHONUTF8="0", PYTHONIOENCODING="ascii")
    assert "灯塔建于1826年。" in narrow.stdout.decode()


def test_pages(place: Path, common: tuple[str, ...]) -> None:
    assert run("show", "book.pdf", "--page", "3", *common).stdout == b"The walrus swims."
    empty = run("show", "book.pdf", "--page", "2", *common)
    assert (empty.returncode, empty.stdout) == (1, b"")
    assert "no text on page 2. Pages with text: 1, 3." in empty.stderr.decode()
    beyond = run("show", "book.pdf", "--page", "9", *common)
    assert (beyond.returncode, beyond.stdout) == (1, b"")
    assert "no page 9: it has 3 pages. Pages with text: 1, 3." in beyond.stderr.decode()
    none = run("show", "odd.txt", "--page", "1", *common)
    assert none.returncode == 1
    assert b"has no pages" in none.stderr
    assert run("show", "book.pdf", "--page", "0", *common).returncode == 2
    kb = ragkit.open(place, index=common[3], preset="lite")
    assert kb.text("book.pdf", page=1) == "The zebra sleeps at noon."
    with pytest.raises(StoreError, match="Pages with text: 1, 3"):
        kb.text("book.pdf", page=4)


def test_what_cannot_be_shown(common: tuple[str, ...]) -> None:
    unknown = run("show", "bok.pdf", *common)
    assert unknown.returncode == 1
    assert b"Did you mean 'book.pdf'?" in unknown.stderr
    skipped = run("show", "random.txt", *common)
    assert skipped.returncode == 1
    assert b"'random.txt' was not read: " in skipped.stderr
    for given in ("", "..", "/etc/passwd"):
        assert run("show", given, *common).returncode == 2
    folder = run("show", "a", *common)
    assert folder.returncode == 2
    assert b"is a folder" in folder.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="names that only POSIX has")
def test_names_of_every_kind_and_readers_that_leave(tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    (docs / "a folder").mkdir(parents=True)
    names = ["line\nbreak.md", "a folder/of space.md", "emoji 😀.md", "rtl\u202egpj.md"]
    for name in names:
        (docs / name).write_text(f"The content of {len(name)}.\n", "utf-8")
    (Path(os.fsdecode(os.fsencode(docs) + b"/caf\xe9.txt"))).write_text("Latin name.\n", "utf-8")
    (docs / "long.txt").write_text("A line of the long file.\n" * 60_000, "utf-8")
    options = ("--data", str(docs), "--index", str(tmp_path / "i.db"), "--preset", "lite")
    for name in names:
        assert (
            run("show", name, *options).stdout.decode().rstrip() == f"The content of {len(name)}."
        )
    for given in (os.fsdecode(b"caf\xe9.txt"), "caf\\xe9.txt"):
        assert run("show", given, *options).stdout.rstrip() == b"Latin name."
    whole = subprocess.run(
        f"{sys.executable} -m ragkit show long.txt {' '.join(options)} | head -1",
        shell=True, capture_output=True, check=False, timeout=120,
    )  # fmt: skip
    assert (whole.stdout, whole.stderr) == (b"A line of the long file.\n", b"")


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    file = tmp_path / "docs" / "a.md"
    common = ("--data", str(tmp_path / "docs"), "--index", str(tmp_path / "i.db"), "--preset=lite")
    file.write_text("Old text.\n", "utf-8")
    assert run("show", "a.md", *common).stdout.startswith(b"Old text.")
    file.write_text("New and longer text.\n", "utf-8")
    assert run("show", "a.md", *common, "--no-refresh").stdout.startswith(b"Old text.")
    assert run("show", "a.md", *common).stdout.startswith(b"New and longer text.")
    file.unlink()
    gone = run("show", "a.md", *common)
    assert gone.returncode == 1
    assert b"no file 'a.md' in the folder" in gone.stderr


def test_what_is_not_indexed_is_told_with_what_to_do(tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "a.md").write_text("Text.\n", "utf-8")
    (docs / "old.bak").write_text("Old.\n", "utf-8")
    (docs / ".ragkitignore").write_text("*.bak\n", "utf-8")
    (docs / "locked.pdf").write_bytes(encrypted_pdf())
    index = tmp_path / "i.db"
    common = ("--data", str(docs), "--index", str(index), "--preset=lite")
    assert "line 1 of .ragkitignore" in run("show", "old.bak", *common).stderr.decode()
    locked = run("show", "locked.pdf", *common).stderr.decode()
    assert f"ragkit index {docs} --preset lite --index {index} --password-file FILE" in locked
    (docs / "new.md").write_text("New.\n", "utf-8")
    (docs / "link.md").symlink_to(tmp_path)
    for name, why in (("locked.pdf", "Password-protected"), ("link.md", "A symbolic link")):
        assert why in run("show", name, *common, "--no-refresh").stderr.decode()
    new = run("show", "new.md", *common, "--no-refresh").stderr.decode()
    assert f"Index it first: ragkit index {docs}" in new
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "x.md").write_text("Out.\n", "utf-8")
    (docs / "linked").symlink_to(tmp_path / "outside")
    assert "leads out of the folder" in run("show", "linked/x.md", *common).stderr.decode()


def test_a_terminal_is_not_driven_and_offsets_stay(place: Path, common: tuple[str, ...]) -> None:
    leader, follower = pty.openpty()
    command = [sys.executable, "-m", "ragkit", "show", "odd.txt", *common, "--no-refresh"]
    environment = {**os.environ, "PYTHONUTF8": "1"}
    subprocess.run(command, stdout=follower, stderr=follower, env=environment, check=True)
    os.close(follower)
    shown = os.read(leader, 10_000).decode().replace("\r\n", "\n").rstrip("\n")
    os.close(leader)
    text = ragkit.open(place, index=common[3], preset="lite").text("odd.txt").rstrip("\n")
    assert "\u202e" in text
    assert "Two \ufffd end" in shown
    assert len(shown) == len(text)
