"""Files left out of the index: noted outside the folder, honoured by every face."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest
from click.testing import CliRunner

import ragkit
from ragkit.cli import ragkit as command
from ragkit.errors import StoreError
from ragkit.exclusions import EXCLUDED, FolderNotes, open_notes


def test_an_excluded_file_leaves_the_index_and_comes_back(folder: Path) -> None:
    kb = ragkit.open(folder, preset="lite")
    kb.index()
    kb.notes.exclude(["history.txt"])
    report = kb.index()
    assert [(s.source, s.reason) for s in report.skipped] == [("history.txt", EXCLUDED)]
    assert "history.txt" not in [d.source for d in kb.documents()]
    assert not any("Blackwood" in s.text for s in kb.retrieve("Thomas Blackwood lighthouse"))
    assert (folder / "history.txt").exists()
    kb.notes.include(["history.txt"])
    assert kb.index().added == ("history.txt",)


def test_a_copy_of_an_excluded_file_stays(folder: Path) -> None:
    (folder / "copy.txt").write_bytes((folder / "history.txt").read_bytes())
    kb = ragkit.open(folder, preset="lite")
    kb.index()
    kb.notes.exclude(["history.txt"])
    kb.index()
    assert "1826" in kb.ask("When was the lighthouse of Alnmouth built?").text
    assert kb.retrieve("lighthouse of Alnmouth")[0].source == "copy.txt"


def test_the_command_line_honours_it(folder: Path, tmp_path: Path) -> None:
    ragkit.open(folder, preset="lite").notes.exclude(["history.txt"])
    index = tmp_path / "other.db"
    done = CliRunner().invoke(
        command, ["index", str(folder), "--index", str(index), "--preset", "lite", "--json"]
    )
    assert done.exit_code == 0
    assert json.loads(done.stdout)["skipped"] == [{"source": "history.txt", "reason": EXCLUDED}]


def test_it_holds_when_the_index_is_built_anew(folder: Path) -> None:
    kb = ragkit.open(folder, preset="lite")
    kb.notes.exclude(["history.txt"])
    assert [s.source for s in kb.index(rebuild=True).skipped] == ["history.txt"]


def test_nothing_is_written_before_the_first_note(folder: Path, own_home: Path) -> None:
    notes = open_notes(own_home, folder)
    assert (notes.excluded(), notes.uploads(), notes.uploaded("a")) == (frozenset(), {}, None)
    notes.include(["a"])
    assert not (own_home / "folders").exists()
    notes.exclude(["a"])
    assert notes.path.stat().st_mode & 0o777 == 0o600
    assert sorted(p.name for p in folder.iterdir()) == ["guide", "history.txt", "手册.md"]


def test_folders_do_not_share_notes(tmp_path: Path, own_home: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name / "docs").mkdir(parents=True)
    open_notes(own_home, tmp_path / "a" / "docs").exclude(["x.md"])
    assert open_notes(own_home, tmp_path / "b" / "docs").excluded() == frozenset()


def test_many_threads_write_at_once(tmp_path: Path) -> None:
    notes = FolderNotes(tmp_path / "n.db")
    threads = [
        threading.Thread(target=notes.exclude, args=([f"{n}-{i}.md" for i in range(20)],))
        for n in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(notes.excluded()) == 160


def test_damaged_notes_are_said(tmp_path: Path) -> None:
    path = tmp_path / "n.db"
    path.write_bytes(b"this is no database, but it is long enough to be read as one" * 20)
    with pytest.raises(StoreError, match="notes"):
        FolderNotes(path).excluded()
