from __future__ import annotations

import json
import os
import socket
import sqlite3
import sys
from pathlib import Path

import pytest

from ragkit.errors import IngestError
from ragkit.ingest.folder import Entry, locate, walk

posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX file system")


def found(folder: Path) -> dict[str, Entry]:
    entries = list(walk(folder))
    assert len({entry.source for entry in entries}) == len(entries)
    return {entry.source: entry for entry in entries}


def put(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name, encoding="utf-8")


def test_lists_files_in_a_stable_order_with_size_and_time(tmp_path: Path) -> None:
    put(tmp_path, "b.md", "a/z.txt", "a/b/c.md", "中文/文件.txt")

    entries = list(walk(tmp_path))

    assert [e.source for e in entries] == ["a/b/c.md", "a/z.txt", "b.md", "中文/文件.txt"]
    assert entries == list(walk(tmp_path))
    status = (tmp_path / "b.md").stat()
    assert (entries[2].size, entries[2].mtime_ns) == (status.st_size, status.st_mtime_ns)
    assert all(e.path.read_text(encoding="utf-8") == e.source for e in entries)
    assert all(e.problem is None for e in entries)


def test_leaves_out_hidden_files_caches_and_environments(tmp_path: Path) -> None:
    put(
        tmp_path,
        "kept.md", ".hidden.md", ".git/config", "a/.cache/x.txt", "node_modules/m/readme.md",
        "__pycache__/m.txt", "env/pyvenv.cfg", "env/lib/x.txt", "~$kept.docx",
    )  # fmt: skip

    assert list(found(tmp_path)) == ["kept.md"]


def test_a_dot_folder_above_the_folder_does_not_matter(tmp_path: Path) -> None:
    put(tmp_path, ".config/docs/a.md")

    assert list(found(tmp_path / ".config" / "docs")) == ["a.md"]


def test_missing_folder_and_file_say_what_to_do(tmp_path: Path) -> None:
    put(tmp_path, "a.md")

    with pytest.raises(IngestError, match="No folder at"):
        walk(tmp_path / "none")
    with pytest.raises(IngestError, match=r"is a file\. Give the folder"):
        walk(tmp_path / "a.md")
    with pytest.raises(IngestError, match="not a path"):
        walk(Path("a\0b"))


@posix
def test_links_that_leave_the_folder_are_reported(tmp_path: Path) -> None:
    put(tmp_path, "secret.txt", "docs/a.md", "docs-other/b.md")
    docs = tmp_path / "docs"
    (docs / "out.txt").symlink_to(tmp_path / "secret.txt")
    (docs / "up").symlink_to(tmp_path)
    (docs / "sibling.md").symlink_to(tmp_path / "docs-other" / "b.md")  # shares a name prefix

    entries = found(docs)

    for name in ("out.txt", "up", "sibling.md"):
        assert entries[name].problem == "A symbolic link that leads out of the folder."
    assert entries["a.md"].problem is None


@posix
def test_links_in_circles_and_to_nothing_are_reported(tmp_path: Path) -> None:
    put(tmp_path, "a/x.md")
    (tmp_path / "a" / "again").symlink_to(tmp_path)
    (tmp_path / "one").symlink_to(tmp_path / "two")
    (tmp_path / "two").symlink_to(tmp_path / "one")
    (tmp_path / "gone.md").symlink_to(tmp_path / "never.md")

    entries = found(tmp_path)

    assert "link to a folder" in (entries["a/again"].problem or "")
    assert "in a circle" in (entries["one"].problem or "")
    assert entries["gone.md"].problem == "A symbolic link to nothing."
    assert entries["a/x.md"].problem is None


@posix
def test_a_link_to_a_file_inside_is_a_second_name_of_it(tmp_path: Path) -> None:
    put(tmp_path, "v2.md")
    (tmp_path / "latest.md").symlink_to("v2.md")

    entries = found(tmp_path)

    assert entries["latest.md"].problem is None
    assert entries["latest.md"].path == tmp_path.resolve() / "v2.md"


@posix
def test_pipes_and_sockets_are_reported_and_never_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(tmp_path / "pipe.txt")
    with socket.socket(socket.AF_UNIX) as server:
        monkeypatch.chdir(tmp_path)  # its full path may be too long for a socket's name
        server.bind("socket.txt")

        entries = found(tmp_path)

    assert "FIFO" in (entries["pipe.txt"].problem or "")
    assert "socket" in (entries["socket.txt"].problem or "")


@posix
def test_a_folder_that_cannot_be_listed_is_reported(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may read everything")
    put(tmp_path, "closed/a.md", "open.md")
    (tmp_path / "closed").chmod(0)
    try:
        entries = found(tmp_path)
    finally:
        (tmp_path / "closed").chmod(0o700)

    assert "cannot be listed" in (entries["closed"].problem or "")
    assert entries["open.md"].problem is None


NAMES = ("line\nbreak.md", "😀 emoji.md", "rtl\u202egpj.md", "a\\b.md", "a\\xff.md", "a\\\\xff.md",
         " lead and trail .md", "percent%20#1.md", "e\u0301 decomposed.md")  # fmt: skip


@posix
def test_odd_names_are_kept_and_found_again(tmp_path: Path) -> None:
    put(tmp_path, *NAMES)
    raw = os.fsencode(tmp_path) + b"/a\xff.md"
    with open(raw, "wb") as stream:  # noqa: PTH123 - a name that is no text
        stream.write(b"raw")

    entries = found(tmp_path)

    assert len(entries) == len(NAMES) + 1
    assert {"line\nbreak.md", "a\\b.md", "a\\xff.md"} <= set(entries)
    for source, entry in entries.items():
        assert locate(tmp_path, source).read_bytes() == entry.path.read_bytes()
        source.encode()  # no lone surrogates: fits a terminal,
        assert json.loads(json.dumps(source)) == source  # JSON
        assert sqlite3.connect(":memory:").execute("SELECT ?", (source,)).fetchone()[0] == source
    assert entries["a\\xff.md"].path.read_bytes() == b"raw"


@pytest.mark.parametrize("source", ["../x", "a/../../x", "/etc/passwd", "a\0b"])
def test_locate_stays_in_the_folder(tmp_path: Path, source: str) -> None:
    with pytest.raises(IngestError):
        locate(tmp_path, source)


@posix
def test_folders_deeper_than_a_path_may_be_long_are_reported(tmp_path: Path) -> None:
    put(tmp_path, "top.md")
    name = "d" * 200
    handle = os.open(tmp_path, os.O_RDONLY)
    for _ in range(25):
        os.mkdir(name, dir_fd=handle)
        inner = os.open(name, os.O_RDONLY, dir_fd=handle)
        os.close(handle)
        handle = inner
    os.close(handle)

    entries = found(tmp_path)

    assert entries["top.md"].problem is None
    assert [e for e in entries.values() if e.problem and "cannot be listed" in e.problem]


def test_a_file_that_vanishes_while_walking_is_left_out(tmp_path: Path) -> None:
    put(tmp_path, "a.md", "b.md")
    entries = walk(tmp_path)
    assert next(entries).source == "a.md"

    (tmp_path / "b.md").unlink()

    assert list(entries) == []
