"""What is left out of a folder: gitignore patterns, judged by git itself, and the defaults."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import time
from collections import Counter
from pathlib import Path

import pytest

from ragkit.ingest.folder import walk
from ragkit.ingest.ignore import Reason, parse_ignore_lines, read_ignore_file

PIECES = [
    "a", "b", "*", "?", "**", "/", "[ab]", "[!a]", "[a-c]", "\\", "x", "1", ".md", "!", "#",
    "foo", "[[:alpha:]]", "[]a]", "-", "[", ".", "[z-a]", " x",
]  # fmt: skip
NAMES = ["a", "b", "ab", "a.md", "b.txt", "foo", "bar", "a b", "x1", "A", " x", "[a]", "#h", "!n",
         ".dot", "a\\b"]  # fmt: skip


def put(folder: Path, *names: str, ignore: str | None = None) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name, encoding="utf-8")
    if ignore is not None:
        (folder / ".ragkitignore").write_text(ignore, encoding="utf-8")


def seen(folder: Path, *, hidden: bool = False) -> tuple[list[str], Counter[Reason]]:
    left_out: Counter[Reason] = Counter()
    return [e.source for e in walk(folder, hidden=hidden, left_out=left_out)], left_out


def is_left_out(lines: list[str], path: str) -> bool:
    """Return what the walk would decide: the first part that is left out takes all below it."""
    file = parse_ignore_lines(lines)
    parts = path.rstrip("/").split("/")
    return any(
        file.verdict(parts[:n], is_folder=n < len(parts) or path.endswith("/"))
        for n in range(1, len(parts) + 1)
    )


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_patterns_mean_what_git_says(tmp_path: Path, seed: int) -> None:
    draw = random.Random(seed)
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    check = ["git", "-C", str(tmp_path), "-c", "core.ignorecase=false", "check-ignore",
             "--no-index", "-z", "--stdin"]  # fmt: skip
    found = 0
    for _ in range(40):
        lines = ["".join(draw.choices(PIECES, k=draw.randint(1, 6))) for _ in range(3)]
        lines = [line for line in lines if line.strip()]
        (tmp_path / ".gitignore").write_text("\n".join(lines) + "\n", "utf-8")
        drawn = ["/".join(draw.choices(NAMES, k=draw.randint(1, 4))) for _ in range(40)]
        paths = sorted({path + draw.choice(("", "", "/")) for path in drawn})
        done = subprocess.run(
            check, input="\0".join(paths) + "\0", capture_output=True, text=True, check=False
        )
        git = set(done.stdout.split("\0")) - {""}
        mine = {path for path in paths if is_left_out(lines, path)}
        assert mine == git, lines
        found += len(git)
    assert found > 100


def test_a_folder_with_patterns(tmp_path: Path) -> None:
    put(
        tmp_path,
        "a.md", "a.log", "keep.log", "build/x.md", "src/build/y.md", "src/b.md", "src/deep/c.md",
        "top.txt", "src/top.txt", "drafts/one.md",
        ignore="# generated\n*.log\n!keep.log\n/build/\n/top.txt\nsrc/**/c.md\ndrafts\n\\#x\n",
    )  # fmt: skip
    (tmp_path / "src" / ".ragkitignore").write_text("b.md\n!c.md\n", "utf-8")

    names, left_out = seen(tmp_path)

    assert names == ["a.md", "keep.log", "src/build/y.md", "src/deep/c.md", "src/top.txt"]
    assert left_out == {".ragkitignore": 5}


def test_defaults_are_counted_by_their_reason(tmp_path: Path) -> None:
    put(
        tmp_path,
        "kept.md", ".hidden.md", ".config/x.md", ".git/config", ".cache/x.txt", "__pycache__/m.txt",
        "node_modules/m/readme.md", "env/pyvenv.cfg", ".venv/pyvenv.cfg", "~$kept.docx",
    )  # fmt: skip

    names, left_out = seen(tmp_path)

    assert names == ["kept.md"]
    assert left_out == {
        "hidden": 2, "version control": 1, "cache": 2, "installed packages": 1,
        "virtual environment": 2, "lock file": 1,
    }  # fmt: skip


def test_hidden_files_come_in_by_the_setting_and_caches_do_not(tmp_path: Path) -> None:
    put(tmp_path, ".notes/a.md", ".b.md", ".git/config", ".venv/pyvenv.cfg", ".pytest_cache/x.md")

    names, left_out = seen(tmp_path, hidden=True)

    assert names == [".b.md", ".notes/a.md"]
    assert left_out == {"version control": 1, "virtual environment": 1, "cache": 1}


def test_a_pattern_takes_a_default_back_but_not_what_lies_hidden_in_it(tmp_path: Path) -> None:
    put(
        tmp_path,
        ".github/ci.md", ".github/.secret.md", ".env", ".hidden.md", "node_modules/readme.md",
        ignore="!.github/\n!.hidden.md\n!node_modules\n",
    )  # fmt: skip

    names, left_out = seen(tmp_path)

    assert names == [".github/ci.md", ".hidden.md", "node_modules/readme.md"]
    assert left_out == {"hidden": 2}


def test_a_dot_folder_above_and_an_ignore_file_above_do_not_matter(tmp_path: Path) -> None:
    put(tmp_path, ".home/docs/a.md", ignore="*\n")

    assert seen(tmp_path / ".home" / "docs")[0] == ["a.md"]


def test_many_stars_cost_no_time(tmp_path: Path) -> None:
    lines = ["*a" * 30 + "*b", "**/" * 30 + "x*" * 30 + "/y", "[a-z]*" * 20 + "!"]
    file = parse_ignore_lines(lines)
    began = time.process_time()
    for _ in range(100):
        assert file.verdict(["a" * 250] * 40, is_folder=False) is None
    assert time.process_time() - began < 5


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="POSIX file system")
def test_an_ignore_file_that_is_none_is_no_matter(tmp_path: Path) -> None:
    put(tmp_path, "a.md")
    os.mkfifo(tmp_path / ".ragkitignore")
    assert seen(tmp_path)[0] == ["a.md"]
    (tmp_path / ".ragkitignore").unlink()
    (tmp_path / ".ragkitignore").mkdir()
    assert read_ignore_file(tmp_path / ".ragkitignore") is None
    (tmp_path / ".ragkitignore").rmdir()
    (tmp_path / ".ragkitignore").write_bytes(b"\xef\xbb\xbf\xff\xfe\x00\r\n*.md\r\n")
    assert seen(tmp_path)[0] == []


@pytest.mark.skipif(os.name != "posix", reason="POSIX file system")
def test_names_that_are_no_utf8_are_matched(tmp_path: Path) -> None:
    with open(os.fsencode(tmp_path) + b"/a\xff.log", "wb"):  # noqa: PTH123 - a name that is no text
        pass
    put(tmp_path, "b.md", ignore="*.log\n")
    assert seen(tmp_path)[0] == ["b.md"]
