"""The Milvus engine against a real server: PyPI's ``milvus`` 2.3.5, a standalone server in a wheel.

It is in no extra of ragkit: ``pip install --no-deps milvus==2.3.5``. It takes about ten seconds to
start, and asks for a token here.
"""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pytest
from llama_index.core.vector_stores.types import MetadataFilter, MetadataFilters
from test_engines import by_words, dense, ids, lose, node, vector, write

from ragkit.errors import StoreError
from ragkit.retrieve.analyzer import LexicalAnalyzer
from ragkit.store import open_store
from ragkit.store.milvus import MilvusEngine
from ragkit.store.sqlite import SqliteStore

milvus = pytest.importorskip("milvus", reason="needs pip install --no-deps milvus==2.3.5")
pytest.importorskip("llama_index.vector_stores.milvus", reason="needs ragkit[milvus]")
pytestmark = pytest.mark.slow

TOKEN = "root:Milvus"


@dataclass
class Server:
    """A server that can be stopped, and started again on its port."""

    folder: Path
    running: Any = None
    port: int = 0

    def start(self) -> None:
        ports = {"proxy_port": self.port} if self.port else {}
        config = milvus.MilvusServerConfig(data_dir=str(self.folder), **ports)
        config.try_bind_port = _bound  # also where connections of before are not over
        config.set("authorization_enabled", True)
        self.running = milvus.MilvusServer(config)
        self.running.start()
        self.port = self.running.listen_port

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


def _bound(port: int) -> socket.socket | None:
    found = socket.socket()
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        found.bind(("127.0.0.1", port))
        found.listen()
    except OSError:
        found.close()
        return None
    return found


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    found = Server(tmp_path_factory.mktemp("milvus"))
    found.start()
    yield found
    found.running.stop()


@pytest.fixture
def engine(server: Server) -> Iterator[MilvusEngine]:
    found = MilvusEngine(url=server.url, token=TOKEN)
    yield found
    for collection in found._client.list_collections():
        found.drop(collection)
    found.close()


def opened(
    server: Server, tmp_path: Path, words: Literal["file", "engine"] = "file"
) -> SqliteStore:
    return open_store(
        f"milvus+{server.url}",
        analyzer=LexicalAnalyzer(),
        fingerprint={"embedder": "m"},
        token=TOKEN,
        catalog=tmp_path / "i.db",
        words=words,
    )


def test_what_one_client_writes_another_finds_at_once(server: Server, engine: MilvusEngine) -> None:
    other = MilvusEngine(url=server.url, token=TOKEN)
    assert other.count("a") is None
    engine.upsert("a", list(range(300)), [node(n) for n in range(300)])
    assert other.count("a") == 300
    for asked in (3, 299):
        found = other.search("a", vector(asked), limit=10)
        cosines = {
            n: sum(x * y for x, y in zip(vector(asked), vector(n), strict=True)) for n in range(300)
        }
        assert [key for key, _ in found] == sorted(cosines, key=lambda n: -cosines[n])[:10]
        assert [s for _, s in found] == pytest.approx([cosines[k] for k, _ in found], abs=1e-5)
    engine.delete("a", list(range(100)))
    assert (3, pytest.approx(1.0)) not in other.search("a", vector(3), limit=5)
    assert other.count("a") == 200
    other.drop("a")
    assert engine.count("a") is None
    with pytest.raises(StoreError, match="ragkit index"):
        engine.search("a", vector(3), limit=1)
    engine.upsert("a", [1], [node(1)])
    assert other.search("a", vector(1), limit=2) == [(1, pytest.approx(1.0))]
    other.close()


def test_what_milvus_refuses_is_left_out_of_the_copy(engine: MilvusEngine) -> None:
    many = {f"k{n}": "甲" * 900 for n in range(40)}
    odd = node(2, text='"quoted" \\ it\'s')
    odd.metadata = {"标签": "甲'\"", "$meta": "x", "id": "x", "text": [1], "embedding": None}
    engine.upsert("1a", [1], [node(1, text="甲" * 60_000, big="乙" * 90_000, **many)])
    engine.upsert("1a", [2], [odd])
    assert [key for key, _ in engine.search("1a", vector(2), limit=5, allowed=[1, 2])] == [2, 1]


def test_many_allowed(engine: MilvusEngine) -> None:
    for begin in range(0, 3_000, 1_000):
        numbers = list(range(begin, begin + 1_000))
        engine.upsert("a", numbers, [node(n) for n in numbers])
    engine.upsert("a", [10_000], [node(10_000)])
    allowed = list(range(0, 20_000, 2))
    found = engine.search("a", vector(11), limit=200, allowed=allowed)
    assert len(found) == 200
    assert all(key % 2 == 0 for key, _ in found)
    assert engine.search("a", vector(11), limit=5, allowed=[]) == []
    assert len(engine.search("a", vector(11), limit=20_000)) == 3_001


def test_a_collection_that_was_released_is_loaded_again(engine: MilvusEngine) -> None:
    engine.upsert("a", [1], [node(1)])
    engine._client.release_collection("a")
    assert engine.search("a", vector(1), limit=1) == [(1, pytest.approx(1.0))]


def test_a_store_on_a_server(server: Server, engine: MilvusEngine, tmp_path: Path) -> None:
    store = opened(server, tmp_path)
    nodes = [
        node(
            n, document=f"d{n % 4}", text=f"港口的灯塔 number{n}", language="zh" if n % 3 else "en"
        )
        for n in range(120)
    ]
    write(store, nodes)
    assert ids(store, dense(77, 1)) == ["node-77"]
    assert ids(store, by_words("灯塔 number9", 1)) == ["node-9"]
    chosen = MetadataFilters(filters=[MetadataFilter(key="language", value="en")])
    assert sorted(ids(store, dense(1, 120, filters=chosen))) == sorted(
        f"node-{n}" for n in range(0, 120, 3)
    )
    with store.indexing_lock(timeout=5):
        store.catalog.remove_file("d1.md")
        store.publish()
    assert len(ids(store, dense(1, 120))) == 90
    store.close()
    again = opened(server, tmp_path)
    assert again.publish() == 0, "nothing was written again"
    lose(again)
    assert again.publish() == 90
    with again.indexing_lock(timeout=5):
        target = again.begin_rebuild()
        with target.transaction():
            target.catalog.put_document("new", "The text.", {})
            target.vector_store.add([node(500, document="new")])
        target.publish()
        target.finish_rebuild()
        again.publish()
    assert ids(again, dense(3, 5)) == ["node-500"]
    assert len(engine._client.list_collections()) == 1, "the old one was dropped"
    again.close()


def test_a_server_without_sparse_vectors_says_so_and_keeps_its_copy(
    server: Server, engine: MilvusEngine, tmp_path: Path
) -> None:
    store = opened(server, tmp_path)
    write(store, [node(n) for n in range(30)])
    store.close()
    store = opened(server, tmp_path, words="engine")
    assert ids(store, by_words("number7", 1)) == ["node-7"], "the file is asked"
    with pytest.raises(StoreError, match=r"is v?2\.3\.5\S*, and sparse vectors came with 2\.4"):
        store.publish()
    assert ids(store, dense(7, 1)) == ["node-7"]
    assert store.published() == 30
    store.close()


@pytest.mark.parametrize("token", [None, "root:wrong"])
def test_a_wrong_token_is_said(server: Server, token: str | None) -> None:
    with pytest.raises(StoreError, match="RAGKIT_STORE__TOKEN") as caught:
        MilvusEngine(url=server.url, token=token).count("a")
    assert "wrong" not in str(caught.value)


def test_another_port_of_it_is_said(server: Server) -> None:
    with pytest.raises(StoreError, match="19530 for most"):
        MilvusEngine(url=f"http://127.0.0.1:{server.running.webservice_port}").count("a")


def test_a_server_that_hangs_is_an_error_in_time(
    server: Server, engine: MilvusEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ragkit.store.milvus._SECONDS", 3)
    engine.upsert("a", [1], [node(1)])
    os.kill(server.running.server_proc.pid, signal.SIGSTOP)
    try:
        begin = time.monotonic()
        with pytest.raises(StoreError, match="did not answer within 3 s"):
            engine.search("a", vector(1), limit=1)
        assert time.monotonic() - begin < 15
    finally:
        os.kill(server.running.server_proc.pid, signal.SIGCONT)
    assert engine.search("a", vector(1), limit=1)


def test_a_server_that_goes_midway_is_said_and_goes_on(
    server: Server, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    store = opened(server, tmp_path)
    write(store, [node(n) for n in range(300)])
    server.running.stop()
    begin = time.monotonic()
    with pytest.raises(StoreError, match="cannot be reached"):
        write(store, [node(n) for n in range(300, 600)])
    with pytest.raises(StoreError, match="cannot be reached"):
        ids(store, dense(3, 1))
    assert time.monotonic() - begin < 40
    assert ids(store, by_words("number599", 1)) == ["node-599"], "words need no server"
    server.start()
    assert store.publish() in (300, 600)
    for asked in (3, 599):
        assert ids(store, dense(asked, 1)) == [f"node-{asked}"]
    store.close()
    assert capfd.readouterr().err == ""
    assert not [t for t in threading.enumerate() if "grpc" in t.name.lower()]
