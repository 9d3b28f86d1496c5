"""An index moved to another store holds and answers what it did, also when it was cut short."""

from __future__ import annotations

import json
import math
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from llama_index.core.schema import NodeRelationship, RelatedNodeInfo, TextNode
from llama_index.core.vector_stores.types import VectorStoreQuery, VectorStoreQueryMode

import ragkit
from ragkit.errors import ConfigError, IndexMismatch, StoreError
from ragkit.move import MoveReport, move
from ragkit.retrieve.analyzer import LexicalAnalyzer
from ragkit.store import copying, open_store
from ragkit.store.catalog import FileState
from ragkit.store.sqlite import IndexBusy, SqliteStore

MARKS = {"embedder": "m", "splitter": 1}
NODES = 600  # more than a block of full text


def vector(seed: int) -> list[float]:
    draw = random.Random(seed)
    numbers = [draw.gauss(0, 1) for _ in range(16)]
    length = math.sqrt(sum(number * number for number in numbers))
    return [number / length for number in numbers]


def opened(uri: str | Path, **marks: Any) -> SqliteStore:
    return open_store(str(uri), analyzer=LexicalAnalyzer(), fingerprint={**MARKS, **marks})


def put(store: SqliteStore, numbers: range, *, document: str = "") -> None:
    with store.indexing_lock(timeout=5), store.transaction():
        for number in numbers:
            name = document or f"d{number // 10}"
            if name not in store.catalog.document_ids():
                store.catalog.put_document(name, f"文档 {name} 的全文。", {"title": name})
                state = FileState(f"{name}.md", 1, 1, name, name, None, "2026-01-01T00:00:00+00:00")
                store.catalog.put_file(state)
            source = RelatedNodeInfo(node_id=name)
            node = TextNode(
                id_=f"node-{number}",
                text=f"Passage number{number} about the harbour. 港口的第{number}段，灯塔很高。",
                metadata={
                    "page": number,
                    "heading_path": f"Harbour > Part {number}",
                    "language": "en",
                },
                embedding=vector(number),
                relationships={NodeRelationship.SOURCE: source},
            )
            store.vector_store.add([node])


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Return an index with deletions, skipped files and what was measured of its vectors."""
    folder = tmp_path / "docs"
    folder.mkdir()
    path = tmp_path / "from.db"
    store = opened(path)
    put(store, range(NODES))
    with store.indexing_lock(timeout=5):
        store.set_folder(str(folder))
        skipped = FileState("broken.pdf", 1, 1, "0", None, "damaged", "2026-01-01T00:00:00+00:00")
        store.catalog.put_file(skipped)
        for number in (1, 30, *range(50, NODES // 10)):  # the last ones are in an older segment
            store.catalog.remove_file(f"d{number}.md")
        store.vector_store.measure_worth(lambda text: vector(len(text)), again=True)
    store.close()
    return path


def moved(source: str | Path, target: str | Path, tmp_path: Path, **settings: Any) -> MoveReport:
    return move(str(source), str(target), home=tmp_path / "home", **settings)


def answers(store: SqliteStore) -> list[Any]:
    """Return what a store answers to questions of each kind."""
    given = []
    for number in (3, 77, 250, 512, 588):
        for mode, text in (
            (VectorStoreQueryMode.DEFAULT, None),
            (VectorStoreQueryMode.TEXT_SEARCH, f"number{number} 灯塔 harbour"),
            (VectorStoreQueryMode.HYBRID, f"灯塔 part {number}"),
        ):
            query = VectorStoreQuery(
                query_str=text, query_embedding=vector(number), similarity_top_k=8, mode=mode
            )
            found = store.vector_store.query(query)
            given.append((found.ids, found.similarities))
            given.append([node.to_dict() for node in found.nodes or ()])
    return given


def assert_alike(one: SqliteStore, other: SqliteStore) -> None:
    for here, there in zip(answers(one), answers(other), strict=True):
        if isinstance(here, tuple):
            assert here[0] == there[0]
            assert here[1] == pytest.approx(there[1], abs=2e-3)
        else:
            assert here == there


def needs(engine: str) -> str:
    modules = {
        "faiss": "faiss",
        "qdrant": "llama_index.vector_stores.qdrant",
        "milvus": "milvus_lite",
    }
    pytest.importorskip(modules[engine], reason=f'needs pip install "ragkit[{engine}]"')
    return engine


def digest(path: Path) -> list[bytes]:
    """Return the index file and its log (not opened while a store of this process has it)."""
    beside = (path, Path(f"{path}-wal"))
    return [place.read_bytes() for place in beside if place.exists() and place.stat().st_size]


@pytest.mark.parametrize("engine", ["sqlite", "faiss", "qdrant", "milvus"])
def test_all_of_it_is_there_and_answers_as_before(
    engine: str, source: Path, tmp_path: Path
) -> None:
    uri = str(tmp_path / "to.db")
    if engine != "sqlite":
        uri = f"{needs(engine)}://{tmp_path / 'to.db'}"
    before = digest(source)
    report = moved(source, uri, tmp_path)
    assert digest(source) == before, "the source is never changed"
    assert report.verified, report.differences
    assert (report.nodes, report.vectors, report.files, report.documents) == (480, 480, 48, 48)
    assert report.copied == 480
    assert report.published == (0 if engine == "sqlite" else 480)
    assert report.words.same == report.words.asked == 50
    assert report.dense.same == report.dense.asked == 50
    one, other = opened(source), opened(uri)
    assert_alike(other, one)
    assert one.catalog.details() == other.catalog.details()
    assert one.catalog.text("d7.md") == other.catalog.text("d7.md")
    assert one.folder() == other.folder() == str(tmp_path / "docs")
    assert other.damage() is None
    # Both go on alike: row ids beyond those of deleted nodes too.
    for store in (one, other):
        put(store, range(1000, 1030), document="new")
        with store.indexing_lock(timeout=5):
            store.catalog.remove_file("d5.md")
            store.publish()
    assert_alike(other, one)
    one.close()
    other.close()


def test_every_table_is_copied(source: Path, tmp_path: Path) -> None:
    """A table that a later version adds must not be forgotten here."""
    target = tmp_path / "to.db"
    assert moved(source, target, tmp_path).verified
    counts = []
    for path in (source, target):
        store = opened(path)
        with store.reading() as snapshot:
            assert snapshot is not None
            prefix = snapshot.table("")
            names = snapshot.conn.execute(
                "SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE ? || '%'",
                (prefix,),
            ).fetchall()
            counts.append(
                {
                    name.removeprefix(prefix): snapshot.conn.execute(
                        f"SELECT count(*) FROM {name}"
                    ).fetchone()[0]
                    for (name,) in names
                }
            )
        store.close()
    left = {name for name in counts[0] if counts[0][name] != counts[1].get(name)}
    assert left == {"removed"}, "caches of another file follow another log"
    assert counts[1]["worth"]
    assert counts[1]["fts_page"]


def test_there_and_back_again(source: Path, tmp_path: Path) -> None:
    first = f"{needs('faiss')}://{tmp_path / 'engine'}"
    assert moved(source, first, tmp_path).verified
    # The engine of the source is not needed: the file is the index.
    shutil.rmtree(tmp_path / "engine")
    report = moved(first, tmp_path / "back.db", tmp_path)
    assert (report.verified, report.vectors, report.published) == (True, 480, 0)
    one, other = opened(source), opened(tmp_path / "back.db")
    assert_alike(one, other)
    one.close()
    other.close()


def test_moved_again_copies_nothing(source: Path, tmp_path: Path) -> None:
    uri = f"{needs('faiss')}://{tmp_path / 'engine'}"
    assert moved(source, uri, tmp_path).copied == 480
    again = moved(source, uri, tmp_path)
    assert (again.copied, again.published, again.resumed, again.verified) == (0, 0, True, True)


def test_a_source_that_has_changed_is_copied_anew(source: Path, tmp_path: Path) -> None:
    assert moved(source, tmp_path / "to.db", tmp_path).verified
    store = opened(source)
    put(store, range(700, 703), document="later")
    store.close()
    report = moved(source, tmp_path / "to.db", tmp_path)
    assert (report.nodes, report.copied, report.verified) == (483, 483, True)


def test_the_source_may_change_meanwhile(source: Path, tmp_path: Path) -> None:
    """A copy is of one moment, whatever another process writes into the source."""
    writer = opened(source)
    changed = []

    def change(stage: str, done: int, total: int) -> None:
        if not changed:
            changed.append(stage)
            put(writer, range(800, 830), document="meanwhile")
            with writer.indexing_lock(timeout=5):
                writer.catalog.remove_file("d2.md")

    report = moved(source, tmp_path / "to.db", tmp_path, progress=change)
    assert changed
    assert (report.nodes, report.verified) == (480, True)
    assert writer.catalog.counts().nodes == 500
    writer.close()


@pytest.mark.parametrize("stage", ["content", "fts", "node", "engine", "questions"])
def test_a_move_that_fails_goes_on_where_it_was(
    stage: str, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copying, "BATCH", 100)
    uri = f"{needs('faiss')}://{tmp_path / 'engine'}"

    def fail(now: str, done: int, total: int) -> None:
        if now == stage:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        moved(source, uri, tmp_path, progress=fail)
    half = opened(uri)
    assert half.live_fingerprint() is None, "half an index answers nothing"
    half.close()
    report = moved(source, uri, tmp_path)
    assert (report.resumed, report.verified) == (True, True)
    copied = {"content": 480, "fts": 480, "node": 380, "engine": 0, "questions": 0}
    assert report.copied == copied[stage]
    one, other = opened(source), opened(uri)
    assert_alike(one, other)
    one.close()
    other.close()


KILLED = """
import sys
from pathlib import Path
from ragkit.move import move
from ragkit.store import copying
copying.BATCH = 50
def tell(stage, done, total):
    print(stage, done, flush=True)
    if stage == sys.argv[4]:
        sys.stdin.read()
move(sys.argv[1], sys.argv[2], home=Path(sys.argv[3]), progress=tell)
"""


@pytest.mark.parametrize("stage", ["vector", "engine"])
def test_a_killed_move_goes_on(stage: str, source: Path, tmp_path: Path) -> None:
    uri = f"{needs('faiss')}://{tmp_path / 'engine'}"
    arguments = [str(source), uri, str(tmp_path / "home"), stage]
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith(stage):
            break
    process.send_signal(signal.SIGKILL)
    process.wait(30)
    report = moved(source, uri, tmp_path)
    assert (report.resumed, report.verified, report.nodes) == (True, True, 480)


def test_an_index_of_something_else_is_kept(source: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.db"
    store = opened(other, splitter=2)
    put(store, range(20))
    store.close()
    with pytest.raises(
        IndexMismatch, match=r"other settings \(splitter 2 against 1\).*--overwrite"
    ):
        moved(source, other, tmp_path)
    elsewhere = tmp_path / "elsewhere.db"
    store = opened(elsewhere)
    put(store, range(20))
    store.set_folder(str(tmp_path))
    store.close()
    with pytest.raises(IndexMismatch, match="of another folder"):
        moved(source, elsewhere, tmp_path)
    store = opened(elsewhere)
    assert store.catalog.counts().nodes == 20
    store.close()
    for place in (other, elsewhere):
        report = moved(source, place, tmp_path, overwrite=True)
        assert (report.nodes, report.verified) == (480, True)


def test_what_is_replaced_leaves_nothing_in_the_engine(source: Path, tmp_path: Path) -> None:
    uri = f"{needs('faiss')}://{tmp_path / 'engine'}"
    store = opened(uri, splitter=2)
    put(store, range(20))
    with store.indexing_lock(timeout=5):
        store.publish()
    store.close()
    assert moved(source, uri, tmp_path, overwrite=True).verified
    assert len(list((tmp_path / "engine").glob("*.faiss"))) == 1


def test_a_copy_that_answers_otherwise_is_not_taken(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An engine that loses what it is given: the target stays as it was, and the report says so."""
    from ragkit.store.faiss import FaissEngine

    uri = f"{needs('faiss')}://{tmp_path / 'engine'}"
    upsert = FaissEngine.upsert
    monkeypatch.setattr(
        FaissEngine,
        "upsert",
        lambda self, collection, keys, nodes, _: upsert(self, collection, keys[::2], nodes[::2]),
    )
    report = moved(source, uri, tmp_path)
    assert not report.verified
    assert "480 in the source, 240 in the engine" in report.differences[0]
    assert report.dense.recall < 0.95
    assert report.words.same == 50
    store = opened(uri)
    assert store.live_fingerprint() is None
    store.close()
    monkeypatch.undo()
    again = moved(source, uri, tmp_path)
    assert (again.verified, again.copied, again.resumed) == (True, 480, False)


def test_an_engine_beside_the_same_file(source: Path, tmp_path: Path) -> None:
    """A folder's own index stays where it is when its vectors go to an engine."""
    place = tmp_path / "engine.catalog"
    source.rename(place)
    report = moved(place, f"{needs('faiss')}://{tmp_path / 'engine'}", tmp_path)
    assert (report.copied, report.published, report.verified) == (0, 480, True)


def test_an_address_without_a_file_is_the_folder_s_index(source: Path, tmp_path: Path) -> None:
    needs("faiss")
    folder = tmp_path / "docs"
    report = moved(source, "faiss://", tmp_path)
    assert Path(report.index).parent == tmp_path / "home" / "indexes"
    assert report.verified
    back = moved("faiss://", tmp_path / "back.db", tmp_path, folder=folder)
    assert (back.nodes, back.verified) == (480, True)
    with pytest.raises(ConfigError, match="--data"):
        moved("faiss://", tmp_path / "again.db", tmp_path)
    with pytest.raises(StoreError, match="There is no index of"):
        moved("qdrant://", tmp_path / "again.db", tmp_path, folder=folder)


def test_what_cannot_be_moved_is_said(source: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nothing to move"):
        moved(source, f"sqlite:///{source}", tmp_path)
    with pytest.raises(StoreError, match="There is no index at"):
        moved(tmp_path / "none.db", tmp_path / "to.db", tmp_path)
    with pytest.raises(ConfigError, match="no store for chroma"):
        moved(source, "chroma://x", tmp_path)
    empty = tmp_path / "empty.db"
    empty.touch()
    with pytest.raises(StoreError, match="holds nothing yet"):
        moved(empty, tmp_path / "to.db", tmp_path)
    old = open_store(
        tmp_path / "old.db", analyzer=LexicalAnalyzer(), fingerprint={**MARKS, "analyzer": "0"}
    )
    put(old, range(2))
    old.close()
    with pytest.raises(IndexMismatch, match="another version of ragkit"):
        moved(tmp_path / "old.db", tmp_path / "to.db", tmp_path)
    assert not (tmp_path / "to.db").exists()
    busy = opened(tmp_path / "to.db")
    with busy.indexing_lock(timeout=5), pytest.raises(IndexBusy):
        moved(source, tmp_path / "to.db", tmp_path)


def test_a_server_that_is_not_there(source: Path, tmp_path: Path) -> None:
    needs("qdrant")
    with pytest.raises(StoreError, match="cannot be reached"):
        moved(source, "qdrant+http://127.0.0.1:9", tmp_path)


# The command

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "ragkit", *map(str, arguments)],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env={**os.environ, "PYTHONUTF8": "1", "RAGKIT_PRESET": "lite"},
            timeout=120,
            check=False,
        )

    return run


def test_the_command(run: Run, folder: Path, tmp_path: Path) -> None:
    index = tmp_path / "i.db"
    kb = ragkit.open(folder, index=index, preset="lite")
    kb.index()
    kb.close()
    question = ("query", "备份保存多少天？", "--data", folder, "--json")
    before = json.loads(run(*question, "--index", index).stdout)
    shutil.move(folder, tmp_path / "away")  # the documents are not needed
    done = run("move", index, "to.db")
    assert done.returncode == 0, done.stderr
    assert "nodes of 3 files" in done.stdout
    assert done.stderr == ""
    shutil.move(tmp_path / "away", folder)
    began = time.monotonic()
    after = json.loads(run(*question, "--index", "to.db").stdout)
    assert time.monotonic() - began < 60
    assert after["sources"] == before["sources"]
    assert (after["answer"], after["refused"]) == (before["answer"], False)
    report = json.loads(run("move", index, "to.db", "--json", "--sample", "2").stdout)
    assert (report["verified"], report["copied"], report["words"]["asked"]) == (True, 0, 2)
    assert run("move", index, index).returncode == 2
    missing = run("move", "none.db", "to.db")
    assert (missing.returncode, missing.stdout) == (1, "")
    assert missing.stderr.startswith("Error: There is no index at none.db")
