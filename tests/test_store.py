"""The embedded store: catalog, nodes, queries, generations, permissions and bad places."""

from __future__ import annotations

import sqlite3
import stat
import sys
import threading
import time
from pathlib import Path

import pytest
from llama_index.core import VectorStoreIndex
from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.schema import (
    Document,
    ImageNode,
    IndexNode,
    NodeRelationship,
    RelatedNodeInfo,
    TextNode,
)
from llama_index.core.vector_stores.types import (
    MetadataFilter,
    MetadataFilters,
    VectorStoreQuery,
    VectorStoreQueryMode,
)
from store_support import PairAnalyzer, ask, file_state, make_node, make_store, put, terms_of

from ragkit.errors import ConfigError, IndexMismatch, StoreError
from ragkit.store import open_store
from ragkit.store.fusion import fuse_scores
from ragkit.store.sqlite import IndexBusy, SqliteStore


@pytest.fixture
def store(tmp_path: Path) -> SqliteStore:
    return make_store(tmp_path / "index.db")


# Nodes


def test_every_kind_of_node_comes_back_equal(store: SqliteStore) -> None:
    full = TextNode(
        id_="full",
        text="第一段 text with 'quotes' and \x00 and 𠮷",
        metadata={"title": "标题", "page": 3, "ratio": 0.5, "tags": ["a", "b"], "nothing": None},
        excluded_embed_metadata_keys=["page"],
        excluded_llm_metadata_keys=["title", "tags"],
        metadata_template="{key}={value}",
        relationships={
            NodeRelationship.SOURCE: RelatedNodeInfo(node_id="d", metadata={"k": 1}, hash="h"),
            NodeRelationship.NEXT: RelatedNodeInfo(node_id="next"),
            NodeRelationship.CHILD: [RelatedNodeInfo(node_id="c1"), RelatedNodeInfo(node_id="c2")],
        },
        start_char_idx=7,
        end_char_idx=40,
        mimetype="text/markdown",
    )
    nodes = [
        full,
        TextNode(id_="bare", text="bare"),
        IndexNode(id_="index", text="an index", index_id="other"),
        ImageNode(id_="image", text="caption", image_url="http://127.0.0.1/x.png"),
        Document(id_="document", text="a whole document", metadata={"a": 1}),
    ]
    assert store.vector_store.add(nodes) == [node.node_id for node in nodes]
    found = store.vector_store.get_nodes([node.node_id for node in nodes])
    assert {node.node_id: node for node in found} == {node.node_id: node for node in nodes}
    assert [type(node) for node in found] == [type(node) for node in nodes]


def test_adding_an_id_again_replaces_the_node_and_its_terms(store: SqliteStore) -> None:
    store.vector_store.add([make_node("n", "d", "apple pear")])
    store.vector_store.add([make_node("n", "d", "plum"), make_node("n", "d", "cherry")])
    assert ask(store, "cherry") == ["n"]
    assert ask(store, "apple plum") == []
    assert store.document_frequencies(["apple", "plum", "cherry"]) == (
        1,
        {"apple": 0, "plum": 0, "cherry": 1},
    )


def test_title_and_headings_are_searched_and_deleted(store: SqliteStore) -> None:
    node = make_node("n", "d", "body", title="Harbour", heading_path=["安装", "镜像 mirrors"])
    store.vector_store.add([node])
    for term in ("harbour", "安装", "mirrors"):
        assert ask(store, term) == ["n"]
    store.vector_store.delete("d")
    terms = terms_of("body harbour 安装 镜像 mirrors")
    assert store.document_frequencies(terms) == (0, dict.fromkeys(terms, 0))


def test_delete_nodes_by_id_and_by_filter(store: SqliteStore) -> None:
    store.vector_store.add([make_node(f"n{i}", "d", f"word{i} common", n=i) for i in range(5)])
    store.vector_store.delete_nodes(["n0"])
    above = MetadataFilters(filters=[MetadataFilter(key="n", value=3, operator=">=")])
    store.vector_store.delete_nodes(filters=above)
    store.vector_store.delete_nodes()
    assert sorted(ask(store, "common")) == ["n1", "n2"]
    store.vector_store.clear()
    assert ask(store, "common") == []
    assert store.catalog.counts().nodes == 0


def test_nodes_of_a_document_come_in_the_order_of_its_text(store: SqliteStore) -> None:
    starts = [30, 10, 20, 0]
    store.vector_store.add([make_node(f"s{s}", "d", f"t{s}", start=s) for s in starts])
    store.vector_store.add([make_node("other", "e", "x", start=15)])
    assert [n.node_id for n in store.vector_store.nodes_of("d")] == ["s0", "s10", "s20", "s30"]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {1, 2}])
def test_metadata_that_json_cannot_hold_is_refused_whole(store: SqliteStore, value: object) -> None:
    with pytest.raises(StoreError, match="Metadata cannot be stored"):
        store.vector_store.add([make_node("good", "d", "x"), make_node("bad", "d", "y", k=value)])
    assert store.vector_store.get_nodes() == []


def test_a_lone_surrogate_is_refused_in_words(store: SqliteStore) -> None:
    with pytest.raises(StoreError, match="surrogate"):
        store.vector_store.add([make_node("n", "d", "broken \ud800")])
    with pytest.raises(StoreError, match="surrogate"):
        store.catalog.put_document("d", "broken \ud800", {})
    assert store.catalog.counts().nodes == 0


# Catalog


def test_the_same_text_is_stored_once_and_both_files_are_known(store: SqliteStore) -> None:
    put(store, "b/two.md", ["第一 one", "two"], document_id="same")
    put(store, "a/one.md", ["第一 one", "two"], document_id="same")
    assert store.catalog.counts()[:4] == (2, 0, 1, 2)
    assert [(d.source, d.nodes, d.characters) for d in store.catalog.documents()] == [
        ("a/one.md", 2, 10),
        ("b/two.md", 2, 10),
    ]
    assert store.catalog.text("a/one.md") == store.catalog.text("b/two.md") == "第一 one\ntwo"
    assert store.catalog.sources_of(["same", "none"]) == {"same": ["a/one.md", "b/two.md"]}
    node = store.vector_store.get_nodes(["same#0"])[0]
    assert node.metadata == {"source": "a/one.md", "sources": ["a/one.md", "b/two.md"]}

    store.catalog.remove_file("a/one.md")
    assert store.vector_store.get_nodes(["same#0"])[0].metadata["sources"] == ["b/two.md"]
    store.catalog.remove_file("b/two.md")
    assert store.catalog.counts() == (0, 0, 0, 0, 0)
    assert store.document_frequencies(["one"]) == (0, {"one": 0})


def test_a_rename_and_a_change_of_content(store: SqliteStore) -> None:
    put(store, "old.md", ["alpha"], document_id="d1")
    with store.transaction():
        store.catalog.put_file(file_state("new.md", "d1"))
        store.catalog.remove_file("old.md")
    assert ask(store, "alpha") == ["d1#0"]
    assert store.catalog.text("new.md") == "alpha"

    put(store, "new.md", ["beta"], document_id="d2")  # the file's old document has no file now
    assert ask(store, "alpha beta") == ["d2#0"]
    assert store.catalog.document_ids() == {"d2"}


def test_file_states_come_back(store: SqliteStore) -> None:
    skipped = file_state("bad.bin", None, reason="not a text")
    put(store, "a.md", ["x"])
    store.catalog.put_file(skipped)
    assert store.catalog.files() == {
        "a.md": file_state("a.md", "doc-a.md"),
        "bad.bin": skipped,
    }
    assert [d.source for d in store.catalog.documents()] == ["a.md"]
    assert store.catalog.counts()[:2] == (2, 1)
    with pytest.raises(StoreError, match=r"bad\.bin"):
        store.catalog.text("bad.bin")


def test_files_of_a_large_folder_load_fast(store: SqliteStore) -> None:
    with store.transaction():
        for number in range(10_000):
            store.catalog.put_file(file_state(f"folder/{number % 97}/file-{number}.md", None))
    best = 1.0
    for _ in range(5):
        begin = time.perf_counter()
        assert len(store.catalog.files()) == 10_000
        best = min(best, time.perf_counter() - begin)
    assert best < 0.06  # 0.03 is wanted; twice that leaves room for a busy machine


# Queries


def test_an_empty_index_answers_with_nothing_and_makes_no_file(tmp_path: Path) -> None:
    store = make_store(tmp_path / "new" / "index.db")
    assert ask(store, "anything") == []
    assert store.catalog.files() == {}
    assert store.catalog.documents() == []
    assert store.vector_store.get_nodes() == []
    assert store.document_frequencies(["a"]) == (0, {"a": 0})
    assert store.live_fingerprint() is None
    assert list(tmp_path.iterdir()) == []


def test_text_search_honours_ids_documents_filters_and_top_k(store: SqliteStore) -> None:
    for document in ("d1", "d2", "d3"):
        put(store, f"{document}.md", [f"common {document}", "common again"], document_id=document)

    def found(**limits: object) -> set[str]:
        query = VectorStoreQuery(
            query_str="common",
            similarity_top_k=10,
            mode=VectorStoreQueryMode.TEXT_SEARCH,
            **limits,  # type: ignore[arg-type]
        )
        result = store.vector_store.query(query)
        assert result.similarities == sorted(result.similarities or [], reverse=True)
        return set(result.ids or [])

    assert len(found()) == 6
    assert found(doc_ids=["d1", "d3"]) == {"d1#0", "d1#1", "d3#0", "d3#1"}
    assert found(node_ids=["d2#1", "nobody"]) == {"d2#1"}
    only = MetadataFilters(filters=[MetadataFilter(key="source", value="d2.md")])
    assert found(filters=only) == {"d2#0", "d2#1"}
    assert found(filters=only, doc_ids=["d1"]) == set()
    assert len(ask(store, "common", top_k=2)) == 2
    assert ask(store, "?!") == []


def test_modes_that_are_not_there_are_named(store: SqliteStore) -> None:
    store.vector_store.add([make_node("n", "d", "x")])
    with pytest.raises(StoreError, match=r"'mmr'.*default, text_search and hybrid"):
        store.vector_store.query(VectorStoreQuery(query_str="x", mode=VectorStoreQueryMode.MMR))
    with pytest.raises(StoreError, match="needs an embedding"):
        store.vector_store.query(VectorStoreQuery(query_str="x"))
    with pytest.raises(StoreError, match="holds no vectors"):
        store.vector_store.query(VectorStoreQuery(query_embedding=[1.0]))
    with pytest.raises(StoreError, match="query_str"):
        store.vector_store.query(
            VectorStoreQuery(query_embedding=[1.0], mode=VectorStoreQueryMode.TEXT_SEARCH)
        )


class WordEmbedding(BaseEmbedding):
    """One dimension for each of a few words: texts that share words are near."""

    def _get_text_embedding(self, text: str) -> list[float]:
        found = terms_of(text)
        return [0.01 + found.count(word) for word in ("cat", "dog", "fish", "bird", "tree")]

    def _get_query_embedding(self, query: str) -> list[float]:
        return self._get_text_embedding(query)

    async def _aget_query_embedding(self, query: str) -> list[float]:
        return self._get_text_embedding(query)


def test_llama_index_inserts_retrieves_filters_and_deletes(store: SqliteStore) -> None:
    index = VectorStoreIndex.from_vector_store(store.vector_store, embed_model=WordEmbedding())
    index.insert(Document(id_="d1", text="cat dog", metadata={"lang": "en"}))
    index.insert(Document(id_="d2", text="fish bird", metadata={"lang": "zh"}))
    index.insert(Document(id_="d3", text="cat tree", metadata={"lang": "zh"}))

    best = index.as_retriever(similarity_top_k=2).retrieve("cat dog")
    assert [hit.node.ref_doc_id for hit in best] == ["d1", "d3"]
    assert best[0].score == pytest.approx(1.0, abs=1e-2)
    chinese = MetadataFilters(filters=[MetadataFilter(key="lang", value="zh")])
    for mode in ("default", "text_search", "hybrid"):
        retriever = index.as_retriever(
            similarity_top_k=3, filters=chinese, vector_store_query_mode=mode
        )
        assert retriever.retrieve("cat")[0].node.ref_doc_id == "d3"
        assert {hit.node.ref_doc_id for hit in retriever.retrieve("cat")} <= {"d2", "d3"}
    index.delete_ref_doc("d3")
    left = {hit.node.ref_doc_id for hit in index.as_retriever(similarity_top_k=9).retrieve("cat")}
    assert left == {"d1", "d2"}


def test_an_index_without_embedder_is_not_asked_for_embeddings(tmp_path: Path) -> None:
    lexical = open_store(tmp_path / "i.db", analyzer=PairAnalyzer(), fingerprint={"embedder": None})
    assert lexical.vector_store.is_embedding_query is False
    dense = open_store(tmp_path / "j.db", analyzer=PairAnalyzer(), fingerprint={"embedder": "m"})
    assert dense.vector_store.is_embedding_query is True


def test_hybrid_weighs_the_arms_by_alpha(store: SqliteStore) -> None:
    store.vector_store.add(
        [
            make_node("words", "d", "needle needle", vector=[0.0, 1.0]),
            make_node("sense", "d", "other", vector=[1.0, 0.0]),
            make_node("both", "d", "needle in a much longer text", vector=[0.8, 0.6]),
        ]
    )

    def ranked(alpha: float | None, hybrid_top_k: int | None = None) -> list[str]:
        query = VectorStoreQuery(
            query_str="needle",
            query_embedding=[1.0, 0.0],
            similarity_top_k=3,
            hybrid_top_k=hybrid_top_k,
            alpha=alpha,
            mode=VectorStoreQueryMode.HYBRID,
        )
        return list(store.vector_store.query(query).ids or [])

    assert ranked(0.0)[0] == "words"
    assert ranked(1.0)[0] == "sense"
    assert ranked(None)[0] == "both"
    assert ranked(None, hybrid_top_k=1) == ["both"]


def test_fusion_by_score() -> None:
    fused = fuse_scores([("a", 8.0), ("b", 4.0)], [("b", 0.9), ("c", 0.45)], alpha=0.25)
    assert fused == [("a", 0.75), ("b", pytest.approx(0.625)), ("c", pytest.approx(0.125))]
    assert fuse_scores([], [("x", -0.5)], alpha=0.5) == [("x", 0.0)]
    assert fuse_scores([], [], alpha=0.5) == []
    assert [k for k, _ in fuse_scores([("a", 1.0)], [("b", 1.0)], alpha=0.5)] == ["a", "b"]
    with pytest.raises(ValueError, match="alpha"):
        fuse_scores([], [], alpha=1.5)


# Transactions


def test_a_transaction_is_all_or_nothing(store: SqliteStore) -> None:
    put(store, "kept.md", ["kept"])

    def change_and_fail() -> None:
        with store.transaction():
            put(store, "lost.md", ["lost"])
            assert ask(store, "lost") == ["doc-lost.md#0"]  # its own writes are seen inside
            raise RuntimeError

    with pytest.raises(RuntimeError):
        change_and_fail()
    assert ask(store, "lost kept") == ["doc-kept.md#0"]
    assert list(store.catalog.files()) == ["kept.md"]


def test_a_failed_inner_change_leaves_nothing_behind(store: SqliteStore) -> None:
    def change_and_fail() -> None:
        with store.transaction():
            put(store, "inner.md", ["inner"])
            raise RuntimeError

    with store.transaction():
        put(store, "outer.md", ["outer"])
        with pytest.raises(RuntimeError):
            change_and_fail()
    assert list(store.catalog.files()) == ["outer.md"]
    assert ask(store, "inner") == []


def test_a_reading_block_sees_one_commit(tmp_path: Path) -> None:
    reader, writer = make_store(tmp_path / "i.db"), make_store(tmp_path / "i.db")
    put(writer, "one.md", ["word"])
    with reader.reading():
        assert len(ask(reader, "word")) == 1
        put(writer, "two.md", ["word"])
        assert len(ask(reader, "word")) == 1
        with pytest.raises(StoreError, match="inside a read"):
            put(reader, "three.md", ["word"])
    assert len(ask(reader, "word")) == 2


def test_threads_write_and_ask_at_once(store: SqliteStore) -> None:
    errors: list[BaseException] = []

    def work(name: int) -> None:
        try:
            for number in range(10):
                put(store, f"{name}-{number}.md", [f"word{name} text"])
                assert f"doc-{name}-{number}.md#0" in ask(store, f"word{name}", top_k=50)
        except BaseException as error:  # noqa: BLE001
            errors.append(error)

    threads = [threading.Thread(target=work, args=(name,)) for name in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert store.catalog.counts().nodes == 60


# Generations


def test_other_settings_are_named_and_wipe_nothing(tmp_path: Path) -> None:
    path = tmp_path / "i.db"
    old = make_store(path, splitter=2, embedder="m3e")
    put(old, "a.md", ["word"])
    new = make_store(path, splitter=3, embedder="m3e")
    for attempt in (
        lambda: ask(new, "word"),
        lambda: put(new, "b.md", ["x"]),
        new.catalog.files,
        lambda: new.document_frequencies(["a"]),
    ):
        with pytest.raises(
            IndexMismatch, match=rf"splitter 2 -> 3.*ragkit index --index {path} --rebuild"
        ):
            attempt()
    assert ask(old, "word") == ["doc-a.md#0"]
    other = open_store(
        path, analyzer=PairAnalyzer("pairs-2"), fingerprint={"splitter": 2, "embedder": "m3e"}
    )
    with pytest.raises(IndexMismatch, match="analyzer pairs-1 -> pairs-2"):
        other.catalog.counts()


def test_a_rebuild_goes_beside_the_live_index_and_switches_at_once(tmp_path: Path) -> None:
    path = tmp_path / "i.db"
    old = make_store(path, splitter=1)
    put(old, "a.md", ["oldword"])
    new = make_store(path, splitter=2)
    target = new.begin_rebuild()
    put(target, "a.md", ["newword"], document_id="new")
    assert ask(target, "newword") == ["new#0"]
    assert ask(old, "oldword newword") == ["doc-a.md#0"]  # the live one answers meanwhile
    target.finish_rebuild()
    for reader in (new, target):
        assert ask(reader, "oldword newword") == ["new#0"]
    with pytest.raises(IndexMismatch, match="splitter 2 -> 1"):
        ask(old, "oldword")
    names = sqlite3.connect(path).execute("SELECT name FROM sqlite_master").fetchall()
    assert not [name for (name,) in names if name.startswith("g1_")]
    with pytest.raises(StoreError, match="no rebuild to finish"):
        new.finish_rebuild()


def test_an_unfinished_rebuild_is_resumed_or_dropped(tmp_path: Path) -> None:
    path = tmp_path / "i.db"
    put(make_store(path, splitter=1), "a.md", ["live"])
    put(make_store(path, splitter=2).begin_rebuild(), "a.md", ["half"])

    resumed = make_store(path, splitter=2).begin_rebuild()
    assert list(resumed.catalog.files()) == ["a.md"]
    fresh = make_store(path, splitter=3).begin_rebuild()
    assert fresh.catalog.files() == {}
    with pytest.raises(StoreError, match="dropped by another"):
        put(resumed, "b.md", ["x"])
    with pytest.raises(StoreError, match="dropped by another"):
        resumed.finish_rebuild()
    assert ask(make_store(path, splitter=1), "live") == ["doc-a.md#0"]


def test_a_rebuild_without_a_live_index_becomes_live(store: SqliteStore) -> None:
    target = store.begin_rebuild()
    put(target, "a.md", ["word"])
    assert ask(store, "word") == []
    target.finish_rebuild()
    assert ask(store, "word") == ["doc-a.md#0"]


def test_indexing_is_locked_across_handles(tmp_path: Path) -> None:
    first, second = make_store(tmp_path / "i.db"), make_store(tmp_path / "i.db")
    with first.indexing_lock(timeout=0):
        with pytest.raises(IndexBusy, match="Another process is indexing"):
            second.indexing_lock(timeout=0.05).__enter__()
        put(second, "a.md", ["word"])  # the lock is about whole runs; a write is not refused
    with second.indexing_lock(timeout=0):
        pass


# The file


def test_file_and_folder_belong_to_the_user_alone(tmp_path: Path) -> None:
    store = make_store(tmp_path / "new" / "index.db")
    with store.indexing_lock(timeout=0):
        put(store, "a.md", ["x"])
    folder = tmp_path / "new"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    names = sorted(file.name for file in folder.iterdir())
    assert {"index.db", "index.db-wal"} <= set(names)
    for file in folder.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file.name


@pytest.mark.parametrize("uri", ["http://localhost:6333", "chroma://x", "sqlite://"])
def test_unknown_schemes_say_what_is_known(uri: str) -> None:
    with pytest.raises(ConfigError, match="sqlite:///path"):
        open_store(uri, analyzer=PairAnalyzer(), fingerprint={})


@pytest.mark.parametrize("uri", ["", "  ", "a\x00b"])
def test_an_empty_uri_is_refused(uri: str) -> None:
    with pytest.raises(ConfigError, match="not a place"):
        open_store(uri, analyzer=PairAnalyzer(), fingerprint={})


def test_sqlite_uris_name_the_same_file_as_a_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for uri in ("i.db", "sqlite:///i.db", f"sqlite:///{tmp_path}/i.db", tmp_path / "i.db"):
        store = open_store(uri, analyzer=PairAnalyzer(), fingerprint={})
        assert store.path.resolve() == tmp_path / "i.db"


def test_odd_characters_in_the_path(tmp_path: Path) -> None:
    path = tmp_path / "a folder?x=1&mode=ro#%41 索引" / "i?.db"
    put(make_store(path), "a.md", ["word"])
    assert ask(make_store(path), "word") == ["doc-a.md#0"]
    assert path.exists()


def test_places_that_are_no_index(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="is a folder"):
        make_store(tmp_path)
    (tmp_path / "text.db").write_text("just a text, longer than one header of SQLite\n" * 9)
    with pytest.raises(StoreError, match="not an SQLite file"):
        make_store(tmp_path / "text.db")
    with pytest.raises(StoreError, match="no index at"):
        make_store(tmp_path / "none.db", read_only=True)
    with pytest.raises(StoreError, match=r"text\.db"):
        put(make_store(tmp_path / "text.db" / "below.db"), "a.md", ["x"])
    with sqlite3.connect(tmp_path / "other.db") as other:
        other.execute("CREATE TABLE mine (x)")
    with pytest.raises(StoreError, match="another program"):
        make_store(tmp_path / "other.db")


def test_a_newer_format_is_refused(tmp_path: Path) -> None:
    put(make_store(tmp_path / "i.db"), "a.md", ["x"])
    with sqlite3.connect(tmp_path / "i.db") as conn:
        conn.execute("PRAGMA user_version = 99")
    with pytest.raises(StoreError, match=r"format 99.*Update ragkit"):
        make_store(tmp_path / "i.db")


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_a_truncated_file_is_refused_in_words(tmp_path: Path, share: float) -> None:
    path = tmp_path / "i.db"
    store = make_store(path)
    put(store, "a.md", [f"some text {i}" for i in range(300)])
    store.close()
    assert not Path(f"{path}-wal").exists()
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(StoreError, match="truncated"):
        make_store(path)
    path.write_bytes(whole)
    assert len(ask(make_store(path), "text", top_k=500)) == 300


def test_a_damaged_page_is_an_error_in_words(tmp_path: Path) -> None:
    path = tmp_path / "i.db"
    store = make_store(path)
    put(store, "a.md", [f"some text {i}" for i in range(300)])
    store.close()
    broken = bytearray(path.read_bytes())
    broken[8192:] = b"\xa5" * (len(broken) - 8192)
    path.write_bytes(bytes(broken))
    with pytest.raises(StoreError, match=r"damaged|not an SQLite"):
        ask(make_store(path), "text")


def test_an_empty_file_is_an_empty_index(tmp_path: Path) -> None:
    (tmp_path / "i.db").touch()
    store = make_store(tmp_path / "i.db")
    assert ask(store, "x") == []
    put(store, "a.md", ["x"])
    assert ask(store, "x") == ["doc-a.md#0"]


def test_reading_only(tmp_path: Path) -> None:
    put(make_store(tmp_path / "i.db"), "a.md", ["word"])
    reader = make_store(tmp_path / "i.db", read_only=True)
    assert ask(reader, "word") == ["doc-a.md#0"]
    with pytest.raises(StoreError, match="reading only"):
        put(reader, "b.md", ["x"])


def test_opening_a_store_loads_neither_numpy_nor_llama_index(tmp_path: Path) -> None:
    import subprocess

    code = (
        "import sys\n"
        "from ragkit.store import open_store\n"
        "class A:\n"
        "    version = 'v'; fields = ('body',)\n"
        f"s = open_store({str(tmp_path / 'i.db')!r}, analyzer=A(), fingerprint={{}})\n"
        "with s.transaction(): s.catalog.put_document('d', 't', {})\n"
        "assert s.catalog.document_text('d') == 't'\n"
        "print(sorted(sys.modules.keys() & {'numpy', 'llama_index', 'llama_index.core'}))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
