"""Indexing follows the folder: nothing read twice, nothing lost, nothing left over."""

from __future__ import annotations

import os
import shlex
import shutil
import time
import uuid
from collections.abc import Sequence
from pathlib import Path

import pytest

import ragkit
import ragkit.changed_files as changed_files
import ragkit.indexing as indexing
import ragkit.preparing as preparing
import ragkit.read_ahead as read_ahead
from ragkit.knowledge import KnowledgeBase


def settle(folder: Path) -> None:
    """Move all time stamps an hour back, as for files that nobody is writing to."""
    for number, path in enumerate(sorted(folder.rglob("*"))):
        if path.is_file():
            stamp = time.time() - 3600 - number
            os.utime(path, (stamp, stamp))


@pytest.fixture
def kb(folder: Path, tmp_path: Path) -> KnowledgeBase:
    settle(folder)
    return ragkit.open(folder, index=tmp_path / "index.db", preset="lite")


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the names of files that get parsed, as it happens."""
    seen: list[str] = []

    def counted(path: Path, **limits: int) -> object:
        seen.append(path.name)
        return extract(path, **limits)

    extract = preparing.extract
    monkeypatch.setattr(preparing, "extract", counted)
    return seen


def sources(kb: KnowledgeBase) -> list[str]:
    return [d.source for d in kb.documents()]


def found(kb: KnowledgeBase, question: str) -> list[str]:
    return [s.source for s in kb.retrieve(question)]


def test_first_run_indexes_everything(kb: KnowledgeBase) -> None:
    report = kb.index()
    assert sorted(report.added) == ["guide/install.md", "history.txt", "手册.md"]
    assert (report.updated, report.deleted, report.skipped) == ((), (), ())
    assert report.nodes == sum(d.nodes for d in kb.documents())


def test_unchanged_files_are_not_opened(
    kb: KnowledgeBase, folder: Path, reads: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    kb.index()
    reads.clear()
    monkeypatch.setattr(changed_files, "_hash", lambda *_: pytest.fail("it was hashed"))
    report = kb.index()
    assert (report.unchanged, reads) == (3, [])


def test_an_unchanged_folder_makes_nothing_ready_to_read(
    kb: KnowledgeBase, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "page.html").write_text("<p>A page is read by another process.</p>", "utf-8")
    settle(folder)
    asked: list[bool] = []
    can_travel = preparing.Drafts.can_travel

    def counted(drafts: preparing.Drafts) -> bool:
        asked.append(True)
        return can_travel(drafts)

    monkeypatch.setattr(preparing.Drafts, "can_travel", counted)
    assert len(kb.index().added) == 4
    assert len(asked) == 1
    asked.clear()
    monkeypatch.setattr(read_ahead, "Workers", lambda *_, **__: pytest.fail("made ready"))
    assert kb.index().unchanged == 4
    assert asked == []


def test_moved_time_stamp_costs_a_hash_once(
    kb: KnowledgeBase, folder: Path, reads: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    kb.index()
    reads.clear()
    stamp = time.time() - 1800
    os.utime(folder / "history.txt", (stamp, stamp))
    report = kb.index()
    assert (report.unchanged, report.updated, reads) == (3, (), [])
    monkeypatch.setattr(changed_files, "_hash", lambda *_: pytest.fail("hashed a second time"))
    assert kb.index().unchanged == 3


def test_write_within_the_time_stamps_granularity_is_seen(kb: KnowledgeBase, folder: Path) -> None:
    path = folder / "history.txt"
    path.write_text("The keeper was Anna Moor.\n", "utf-8")
    kb.index()
    stamp = path.stat()
    path.write_text("The keeper was Rosa Vane.\n", "utf-8")
    os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))  # same size, same time stamp
    assert kb.index().updated == ("history.txt",)
    assert "Rosa Vane" in kb.text("history.txt")


def test_changed_file_is_replaced(kb: KnowledgeBase, folder: Path) -> None:
    kb.index()
    (folder / "history.txt").write_text("The lighthouse was sold to a hotel in 1999.\n", "utf-8")
    report = kb.index()
    assert (report.updated, report.added, report.deleted) == (("history.txt",), (), ())
    assert "Blackwood" not in kb.text("history.txt")
    assert not any("Blackwood" in s.text for s in kb.retrieve("Thomas Blackwood"))
    assert "1999" in kb.ask("When was the lighthouse sold to a hotel?").text


def test_deleted_file_vanishes(kb: KnowledgeBase, folder: Path) -> None:
    before = kb.index().nodes
    (folder / "手册.md").unlink()
    report = kb.index()
    assert report.deleted == ("手册.md",)
    assert report.nodes < before
    assert "手册.md" not in sources(kb)
    with pytest.raises(ragkit.StoreError, match="手册"):
        kb.text("手册.md")


def test_renamed_file_is_not_read_again(kb: KnowledgeBase, folder: Path, reads: list[str]) -> None:
    kb.index()
    reads.clear()
    (folder / "history.txt").rename(folder / "guide" / "past.txt")
    report = kb.index()
    assert (report.added, report.deleted) == (("guide/past.txt",), ("history.txt",))
    assert reads == []
    assert found(kb, "Who built the lighthouse?")[0] == "guide/past.txt"


def test_rotated_files_are_not_read_again(
    kb: KnowledgeBase, folder: Path, reads: list[str]
) -> None:
    for number in range(1, 4):
        (folder / f"log.{number}.txt").write_text(f"Entry about comet number {number}0.\n", "utf-8")
    settle(folder)
    kb.index()
    reads.clear()
    for number in (3, 2, 1):
        (folder / f"log.{number}.txt").rename(folder / f"log.{number + 1}.txt")
    kb.index()
    assert reads == []
    for number in range(1, 4):
        assert kb.text(f"log.{number + 1}.txt") == f"Entry about comet number {number}0."


def test_same_text_twice_is_stored_once(kb: KnowledgeBase, folder: Path, reads: list[str]) -> None:
    before = kb.index().nodes
    reads.clear()
    shutil.copy(folder / "history.txt", folder / "guide" / "copy.txt")
    report = kb.index()
    assert (report.added, report.nodes, reads) == (("guide/copy.txt",), before, [])
    assert {"history.txt", "guide/copy.txt"} <= set(sources(kb))
    assert kb.text("guide/copy.txt") == kb.text("history.txt")
    (node,) = [
        n.node for n in kb.as_retriever(top_k=1).retrieve("Who built the lighthouse of Alnmouth?")
    ]
    assert node.metadata["sources"] == ["guide/copy.txt", "history.txt"]
    (folder / "history.txt").unlink()
    kb.index()
    assert found(kb, "Who built the lighthouse?")[0] == "guide/copy.txt"


def test_unreadable_file_is_reported_every_time(kb: KnowledgeBase, folder: Path) -> None:
    (folder / "noise.txt").write_bytes(bytes(range(256)) * 40)
    (folder / "empty.md").write_bytes(b"")
    for _ in range(2):
        report = kb.index()
        assert [s.source for s in report.skipped] == ["empty.md", "noise.txt"]
        assert all(s.reason for s in report.skipped)
    assert "noise.txt" not in sources(kb)


def test_file_that_becomes_unreadable_leaves_the_index(kb: KnowledgeBase, folder: Path) -> None:
    kb.index()
    (folder / "history.txt").write_bytes(bytes(range(256)) * 40)
    report = kb.index()
    assert report.deleted == ("history.txt",)
    assert [s.source for s in report.skipped] == ["history.txt"]
    assert "history.txt" not in sources(kb)


@pytest.mark.parametrize("place", ["absolute", "relative"])
def test_index_inside_the_folder_does_not_index_itself(
    folder: Path, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    index = "index.db" if place == "relative" else folder / "index.db"
    kb = ragkit.open(folder, index=index, preset="lite")
    assert kb.index().skipped == ()
    assert kb.index().skipped == ()


def test_folder_stays_untouched(folder: Path) -> None:
    before = sorted(str(p) for p in folder.rglob("*"))
    ragkit.open(folder, preset="lite").index()
    assert sorted(str(p) for p in folder.rglob("*")) == before


def test_default_index_is_shared_and_private(folder: Path, own_home: Path) -> None:
    kb = ragkit.open(folder, preset="lite")
    kb.index()
    place = Path(kb.index_uri)
    assert place.is_relative_to(own_home)
    assert place.parent.stat().st_mode & 0o777 == 0o700
    assert place.stat().st_mode & 0o777 == 0o600
    again = ragkit.open(folder / "guide" / "..", preset="lite")
    assert again.index_uri == kb.index_uri
    assert again.index().unchanged == 3


def test_other_settings_need_another_index(kb: KnowledgeBase, folder: Path, tmp_path: Path) -> None:
    kb.index()
    place = tmp_path / "index.db"
    other = ragkit.open(folder, index=place, preset="lite", settings={"splitter.chunk_size": 64})
    with pytest.raises(ragkit.IndexMismatch, match=r"chunk_size 200 -> 64") as caught:
        other.index()
    command = shlex.join(["ragkit", "index", str(folder), "--index", str(place), "--rebuild"])
    assert f": {command}, or" in str(caught.value)
    assert found(kb, "Who built the lighthouse?")[0] == "history.txt"
    other.index(rebuild=True)
    assert found(other, "Who built the lighthouse?")[0] == "history.txt"
    with pytest.raises(ragkit.IndexMismatch):
        kb.retrieve("Who built the lighthouse?")


def test_old_index_answers_during_a_rebuild(kb: KnowledgeBase, folder: Path) -> None:
    kb.index()
    (folder / "new.txt").write_text("The zeppelin landed on Tuesday.", "utf-8")
    seen: list[tuple[list[str], bool]] = []

    def progress(done: int, total: int, source: str) -> None:
        reader = ragkit.open(folder, index=kb.index_uri, preset="lite")
        seen.append((found(reader, "Who built the lighthouse?"), "new.txt" in sources(reader)))

    kb.index(rebuild=True, progress=progress)
    assert len(seen) == 5
    assert all(first[0] == "history.txt" and not new for first, new in seen)
    assert "new.txt" in sources(kb)


def test_second_folder_in_the_same_index_is_refused(
    kb: KnowledgeBase, folder: Path, tmp_path: Path
) -> None:
    kb.index()
    other = tmp_path / "other"
    other.mkdir()
    (other / "b.md").write_text("Something else.", "utf-8")
    with pytest.raises(ragkit.IndexMismatch, match="another folder"):
        ragkit.open(other, index=tmp_path / "index.db", preset="lite").index()
    assert sources(kb) == ["guide/install.md", "history.txt", "手册.md"]


def test_folder_that_moved_keeps_its_index(
    kb: KnowledgeBase, folder: Path, tmp_path: Path, reads: list[str]
) -> None:
    kb.index()
    reads.clear()
    moved = folder.rename(tmp_path / "moved")
    report = ragkit.open(moved, index=tmp_path / "index.db", preset="lite").index()
    assert (report.unchanged, reads) == (3, [])


def test_missing_folder_says_so_and_deletes_nothing(kb: KnowledgeBase, folder: Path) -> None:
    kb.index()
    shutil.rmtree(folder)
    with pytest.raises(ragkit.ConfigError, match="no folder"):
        kb.index()
    assert len(sources(kb)) == 3


def test_interrupt_keeps_what_was_done(kb: KnowledgeBase, folder: Path) -> None:
    for number in range(20):
        (folder / f"note-{number:02d}.md").write_text(f"Note {number}: fox {number}.", "utf-8")

    def stop(done: int, total: int, source: str) -> None:
        if done == 12:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        kb.index(progress=stop)
    assert len(sources(kb)) == 12
    report = kb.index()
    assert (report.unchanged, len(report.added)) == (12, 11)


def test_second_indexer_waits_and_refresh_does_not(kb: KnowledgeBase, folder: Path) -> None:
    kb.index()
    other = ragkit.open(folder, index=kb.index_uri, preset="lite")
    with kb._store.indexing_lock(timeout=0):
        assert other.refresh() is None
        assert found(other, "Who built the lighthouse?")[0] == "history.txt"
    assert other.refresh() is not None


def test_offsets_are_exact(kb: KnowledgeBase) -> None:
    kb.index()
    nodes = kb._store.vector_store.get_nodes()
    assert len(nodes) == kb.index().nodes
    for node in nodes:
        text = kb.text(node.metadata["source"])
        assert text[node.start_char_idx : node.end_char_idx] == node.text


def test_headings_are_metadata(kb: KnowledgeBase) -> None:
    kb.index()
    (best, *_) = kb.retrieve("How much memory does the server need?")
    assert best.heading == "Installation > Requirements"


def test_vectors_are_made_once_a_node(folder: Path, tmp_path: Path) -> None:
    from ragkit.retrieve.token_counts import count_tokens
    from ragkit.retrieve.tokenizer import detect_language

    kb = ragkit.open(folder, index=tmp_path / "v.db", preset="lite")
    embedded: list[str] = []

    def embed(texts: Sequence[str]) -> list[list[float]]:
        embedded.extend(texts)
        return [[float(len(text)), 1.0, 2.0] for text in texts]

    def run() -> None:
        indexing.sync(
            folder,
            kb._store,
            sizing=indexing.Sizing(count_tokens, 200),
            detect_language=detect_language,
            embed=embed,
            max_bytes=10**6,
        )

    run()
    assert len(embedded) == kb._store.catalog.counts().vectors > 0
    assert sorted(embedded) == sorted(n.text for n in kb._store.vector_store.get_nodes())
    run()
    (folder / "history.txt").rename(folder / "moved.txt")
    run()
    assert len(embedded) == kb._store.catalog.counts().vectors


def test_ids_of_nodes_are_uuids_of_their_place() -> None:
    from ragkit import preparing

    for place in (0, 7, 12_345):
        found = preparing._node_id("0a9e0789b2675536", place)
        assert found == str(
            uuid.uuid5(uuid.UUID(bytes=preparing._NAMESPACE), f"0a9e0789b2675536/{place}")
        )
