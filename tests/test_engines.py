"""One suite that every store passes: the index file alone, and with each engine beside it."""

from __future__ import annotations

import math
import random
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from llama_index.core.schema import NodeRelationship, RelatedNodeInfo, TextNode
from llama_index.core.vector_stores.types import (
    FilterCondition,
    FilterOperator,
    MetadataFilter,
    MetadataFilters,
    VectorStoreQuery,
    VectorStoreQueryMode,
)

import ragkit
from ragkit.errors import ConfigError, IndexMismatch, StoreError
from ragkit.retrieve.analyzer import LexicalAnalyzer
from ragkit.store import open_store
from ragkit.store.catalog import FileState
from ragkit.store.engine import Address, parse_address
from ragkit.store.publishing import read_mark
from ragkit.store.sqlite import SqliteStore

DIMENSION = 16
ENGINES = {
    "sqlite": None,
    "faiss": "faiss",
    "qdrant": "llama_index.vector_stores.qdrant",
    "milvus": "llama_index.vector_stores.milvus",
}


@pytest.fixture(params=ENGINES)
def uri(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    module = ENGINES[request.param]
    if module is not None:
        pytest.importorskip(module, reason=f'needs pip install "ragkit[{request.param}]"')
    scheme = request.param
    return str(tmp_path / "i.db") if module is None else f"{scheme}://{tmp_path / 'engine'}"


def opened(uri: str, **settings: Any) -> SqliteStore:
    return open_store(uri, analyzer=LexicalAnalyzer(), fingerprint={"embedder": "m", **settings})


@pytest.fixture
def store(uri: str) -> Iterator[SqliteStore]:
    found = opened(uri)
    yield found
    found.close()


def vector(seed: int, dimension: int = DIMENSION) -> list[float]:
    draw = random.Random(seed)
    numbers = [draw.gauss(0, 1) for _ in range(dimension)]
    length = math.sqrt(sum(number * number for number in numbers))
    return [number / length for number in numbers]


def node(number: int, *, document: str = "", text: str = "", **metadata: Any) -> TextNode:
    return TextNode(
        id_=f"node-{number}",
        text=text or f"Passage number{number} about the harbour.",
        metadata=metadata,
        embedding=vector(number),
        relationships={
            NodeRelationship.SOURCE: RelatedNodeInfo(node_id=document or f"document-{number}")
        },
    )


def write(store: SqliteStore, nodes: list[TextNode]) -> None:
    """Write nodes as indexing does: documents, files and nodes in one change; then the engine."""
    with store.indexing_lock(timeout=5):
        with store.transaction():
            for name in dict.fromkeys(n.ref_doc_id for n in nodes):
                assert name is not None
                store.catalog.put_document(name, f"The text of {name}.", {})
                state = FileState(f"{name}.md", 1, 1, name, name, None, "2026-01-01T00:00:00+00:00")
                store.catalog.put_file(state)
            store.vector_store.add(nodes)
        store.publish()


def ids(store: SqliteStore, query: VectorStoreQuery) -> list[str]:
    return list(store.vector_store.query(query).ids or [])


def dense(number: int, top_k: int = 3, **arguments: Any) -> VectorStoreQuery:
    return VectorStoreQuery(query_embedding=vector(number), similarity_top_k=top_k, **arguments)


def by_words(question: str, top_k: int = 3, **arguments: Any) -> VectorStoreQuery:
    return VectorStoreQuery(
        query_str=question,
        similarity_top_k=top_k,
        mode=VectorStoreQueryMode.TEXT_SEARCH,
        **arguments,
    )


def test_the_nearest_are_those_of_an_exact_search(store: SqliteStore) -> None:
    write(store, [node(n) for n in range(300)])
    for asked in (3, 77, 299):
        result = store.vector_store.query(dense(asked, 10))
        wanted = vector(asked)
        cosines = {
            f"node-{n}": sum(a * b for a, b in zip(wanted, vector(n), strict=True))
            for n in range(300)
        }
        best = sorted(cosines, key=lambda name: -cosines[name])[:10]
        assert result.ids == best
        assert result.similarities == pytest.approx([cosines[b] for b in best], abs=2e-3)


def test_nodes_come_back_as_they_were(store: SqliteStore) -> None:
    text = "港口的灯塔建于 1826 年。\n\n“Quoted”, naïve, 😀"
    write(store, [node(1, text=text, page=3, title="灯塔", tags=["a", "b"], ratio=0.5)])
    found = store.vector_store.query(dense(1, 1)).nodes
    assert found is not None
    assert found[0].get_content() == text
    assert found[0].node_id == "node-1"
    assert found[0].ref_doc_id == "document-1"
    assert found[0].metadata == {
        "page": 3, "title": "灯塔", "tags": ["a", "b"], "ratio": 0.5,
        "source": "document-1.md", "sources": ["document-1.md"],
    }  # fmt: skip


def test_words_in_any_language_find(store: SqliteStore) -> None:
    write(
        store,
        [
            node(1, text="备份每天凌晨三点自动进行。", language="zh"),
            node(2, text="The lighthouse was built in 1826.", language="en"),
            node(3, text="Der Leuchtturm steht am Hafen.", language="de"),
        ],
    )
    assert ids(store, by_words("备份什么时候进行？"))[0] == "node-1"
    assert ids(store, by_words("Who built the lighthouse?"))[0] == "node-2"
    assert ids(store, by_words("zeppelin")) == []


def test_hybrid_finds_by_either(store: SqliteStore) -> None:
    write(store, [node(n, text=f"Passage {n} about word{n}.") for n in range(40)])
    query = VectorStoreQuery(
        query_str="word7",
        query_embedding=vector(23),
        similarity_top_k=5,
        mode=VectorStoreQueryMode.HYBRID,
    )
    assert {"node-7", "node-23"} <= set(ids(store, query))


def test_a_node_added_again_replaces(store: SqliteStore) -> None:
    write(store, [node(n) for n in range(20)])
    changed = node(5, text="Entirely other words: zeppelin.")
    changed.embedding = vector(1005)
    write(store, [changed])
    assert store.catalog.counts().nodes == 20
    found = store.vector_store.query(dense(1005, 1))
    assert found.ids == ["node-5"]
    assert found.nodes is not None
    assert "zeppelin" in found.nodes[0].get_content()
    assert "node-5" not in ids(store, dense(5, 1))


def test_a_document_s_nodes_go_with_it(store: SqliteStore) -> None:
    write(store, [node(n, document=f"d{n % 4}") for n in range(40)])
    with store.indexing_lock(timeout=5):
        store.catalog.remove_file("d1.md")
        # Gone at once, also before the engine has heard of it.
        assert not {f"node-{n}" for n in range(1, 40, 4)} & set(ids(store, dense(5, 40)))
        store.publish()
    left = ids(store, dense(5, 40))
    assert sorted(left) == sorted(f"node-{n}" for n in range(40) if n % 4 != 1)


@pytest.mark.parametrize(
    ("filters", "wanted"),
    [
        ([MetadataFilter(key="language", value="zh")], lambda n: n % 3 == 0),
        (
            [MetadataFilter(key="language", value="zh", operator=FilterOperator.NE)],
            lambda n: n % 3 != 0,
        ),
        ([MetadataFilter(key="page", value=30, operator=FilterOperator.GTE)], lambda n: n >= 30),
        (
            [MetadataFilter(key="page", value=[1, 2, 9], operator=FilterOperator.IN)],
            lambda n: n in (1, 2, 9),
        ),
        ([MetadataFilter(key="source", value="d2.md")], lambda n: n % 4 == 2),
        ([MetadataFilter(key="标签", value="甲'\"")], lambda n: n == 11),
    ],
)
def test_filters_mean_the_same(
    store: SqliteStore, filters: list[Any], wanted: Callable[[int], bool]
) -> None:
    nodes = []
    for n in range(40):
        metadata: dict[str, Any] = {"language": "zh" if n % 3 == 0 else "en", "page": n}
        if n == 11:
            metadata["标签"] = "甲'\""
        nodes.append(node(n, document=f"d{n % 4}", **metadata))
    write(store, nodes)
    chosen = MetadataFilters(filters=filters, condition=FilterCondition.AND)
    expected = sorted(f"node-{n}" for n in range(40) if wanted(n))
    assert sorted(ids(store, dense(1, 40, filters=chosen))) == expected
    assert sorted(ids(store, by_words("harbour", 40, filters=chosen))) == expected


def test_a_broad_filter_of_many_nodes(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    from ragkit.store import replica

    monkeypatch.setattr(replica, "FEW_ALLOWED", 5)
    monkeypatch.setattr(replica, "_MOST_ALLOWED", 50)
    write(store, [node(n, language="zh" if n % 10 == 0 else "en") for n in range(400)])
    for language, count in (("zh", 40), ("en", 360)):
        chosen = MetadataFilters(filters=[MetadataFilter(key="language", value=language)])
        found = ids(store, dense(7, 30, filters=chosen))
        assert len(found) == 30
        assert all((int(name[5:]) % 10 == 0) == (language == "zh") for name in found)
        assert len(ids(store, dense(7, 400, filters=chosen))) == count


def test_it_is_there_after_reopening(uri: str) -> None:
    first = opened(uri)
    write(first, [node(n) for n in range(30)])
    first.close()
    again = opened(uri)
    assert ids(again, dense(12, 1)) == ["node-12"]
    assert again.catalog.counts().nodes == 30
    assert again.publish() == 0, "nothing was written again"
    again.close()


def test_a_rebuild_answers_from_the_old_until_the_end(store: SqliteStore) -> None:
    write(store, [node(n) for n in range(20)])
    with store.indexing_lock(timeout=5):
        target = store.begin_rebuild()
        with target.transaction():
            target.catalog.put_document("new", "The text.", {})
            target.vector_store.add([node(500, document="new")])
        target.publish()
        assert ids(store, dense(3, 1)) == ["node-3"]
        target.finish_rebuild()
        store.publish()
    assert ids(store, dense(3, 5)) == ["node-500"]


def test_vectors_of_another_length_are_refused(store: SqliteStore) -> None:
    write(store, [node(1)])
    longer = node(2)
    longer.embedding = vector(2, 24)
    with pytest.raises(IndexMismatch, match="16 numbers"):
        write(store, [longer])
    with pytest.raises(IndexMismatch):
        store.vector_store.query(VectorStoreQuery(query_embedding=vector(1, 24)))
    assert ids(store, dense(1, 1)) == ["node-1"]


def test_nothing_indexed_finds_nothing(store: SqliteStore) -> None:
    assert ids(store, by_words("harbour")) == []
    assert ids(store, dense(1)) == []


_ELSEWHERE = """
import sys
from llama_index.core.vector_stores.types import VectorStoreQuery
from ragkit.errors import StoreError
from ragkit.retrieve.analyzer import LexicalAnalyzer
from ragkit.store import open_store

store = open_store(sys.argv[1], analyzer=LexicalAnalyzer(), fingerprint={"embedder": "m"})
query = VectorStoreQuery(
    query_embedding=[float(number) for number in sys.argv[2].split()], similarity_top_k=1
)
try:
    print(*store.vector_store.query(query).ids)
except StoreError as error:
    print(error)
finally:
    store.close()
"""


def ask_elsewhere(uri: str, number: int) -> str:
    """Return what another process finds nearest to the vector of a node, or why it finds none."""
    numbers = " ".join(map(repr, vector(number)))
    done = subprocess.run(
        [sys.executable, "-c", _ELSEWHERE, uri, numbers],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return done.stdout.strip()


def test_another_process_sees_it_or_says_why_not(uri: str) -> None:
    store = opened(uri)
    write(store, [node(n) for n in range(300)])
    said = ask_elsewhere(uri, 12)
    if said != "node-12":  # an embedded engine that takes one process
        assert "another process" in said
        store.close()
        said = ask_elsewhere(uri, 12)
    assert said == "node-12"
    store.close()


def test_ten_thousand_nodes(store: SqliteStore) -> None:
    for begin in range(0, 10_000, 2_500):
        nodes = [node(n, document=f"d{n // 50}") for n in range(begin, begin + 2_500)]
        write(store, nodes)
    for asked in (4, 5_000, 9_999):
        assert ids(store, dense(asked, 1)) == [f"node-{asked}"]
        assert ids(store, by_words(f"number{asked}", 1)) == [f"node-{asked}"]
    counts = store.catalog.counts()
    assert counts.nodes == counts.vectors == 10_000


# What only an engine has


@pytest.fixture
def engine_uri(uri: str) -> str:
    if "://" not in uri:
        pytest.skip("the index file alone")
    return uri


def lose(store: SqliteStore) -> None:
    """Take the engine's data away, as a server that was set up anew."""
    replica: Any = store.dense
    with store.reading() as snapshot:
        assert snapshot is not None
        mark = read_mark(snapshot, replica.engine.name)
    assert mark is not None
    collection = mark.collection
    assert replica.engine.count(collection)
    replica.engine.drop(collection)


def test_an_engine_that_lost_its_data_is_filled_from_the_file(engine_uri: str) -> None:
    store = opened(engine_uri)
    write(store, [node(n) for n in range(300)])
    lose(store)
    with pytest.raises(StoreError, match="ragkit index"):
        ids(store, dense(3, 1))
    assert store.publish(verify=False) == 0
    assert store.publish() == 300
    assert ids(store, dense(3, 1)) == ["node-3"]
    store.close()


def test_a_copy_that_was_cut_short_goes_on(
    engine_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ragkit.store.publishing.BATCH", 10)
    store = opened(engine_uri)
    replica: Any = store.dense
    upsert = replica.engine.upsert
    calls = 0

    def fails(*arguments: Any) -> None:
        nonlocal calls
        calls += 1
        if calls == 14:
            raise StoreError("the server went away")
        upsert(*arguments)

    monkeypatch.setattr(replica.engine, "upsert", fails)
    with pytest.raises(StoreError, match="went away"):
        write(store, [node(n) for n in range(200)])
    # The index is whole meanwhile: what is not in the engine is looked up in the file.
    assert ids(store, dense(3, 1)) == ["node-3"]
    assert ids(store, dense(199, 1)) == ["node-199"]
    store.close()
    again = opened(engine_uri)
    copied = again.publish()
    assert 0 < copied < 200, "what was copied is not copied again"
    assert ids(again, dense(199, 1)) == ["node-199"]
    again.close()


# Words looked up in the engine

SYLLABLES = "ka to mi re sol van dor el qui sta ber lun har pen"
CHARACTERS = "港口灯塔建于备份每天凌晨自动进行文件索引向量检索问题答案城市河流"


@pytest.fixture(params=["qdrant", "milvus"])
def words_uri(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    module = ENGINES[request.param]
    assert module is not None
    pytest.importorskip(module, reason=f'needs pip install "ragkit[{request.param}]"')
    return f"{request.param}://{tmp_path / 'engine'}"


def opened_with_words(uri: str) -> SqliteStore:
    marks = {"embedder": "m"}
    return open_store(uri, analyzer=LexicalAnalyzer(), fingerprint=marks, words="engine")


def passage(seed: int) -> str:
    """Return made-up English and Chinese, some of it in most passages and some in few."""
    draw = random.Random(seed)
    syllables = SYLLABLES.split()
    weights = [1 / rank for rank in range(1, len(syllables) + 1)]
    words = ["".join(draw.choices(syllables, weights, k=2)) for _ in range(draw.randint(5, 40))]
    ranks = [1 / rank for rank in range(1, len(CHARACTERS) + 1)]
    chinese = "".join(draw.choices(CHARACTERS, ranks, k=draw.randint(5, 40)))
    return f"{' '.join(words)}. {chinese}。"


def passages(numbers: range, **metadata: Any) -> list[TextNode]:
    return [
        node(
            n,
            document=f"d{n // 10}",
            text=passage(n),
            title=passage(n + 10**6)[:9],
            language="zh" if n % 10 == 0 else "en",
            **metadata,
        )
        for n in numbers
    ]


def scored(store: SqliteStore, query: VectorStoreQuery) -> dict[str, float]:
    found = store.vector_store.query(query)
    return dict(zip(found.ids or [], found.similarities or [], strict=True))


def both(question: str, number: int) -> VectorStoreQuery:
    return VectorStoreQuery(
        query_str=question,
        query_embedding=vector(number),
        similarity_top_k=10,
        alpha=0.5,
        mode=VectorStoreQueryMode.HYBRID,
    )


def assert_alike(file: SqliteStore, engine: SqliteStore, **arguments: Any) -> None:
    """Ask both the same; .98 of the ten best must be the same, and their scores to the last bit."""
    same = asked = 0
    for number in range(8):
        question = passage(number + 50_000)[: 20 + number]
        question += passage(number + 60_000)[-8:]
        for query in (by_words(question, 10, **arguments), both(question, number)):
            wanted, found = scored(file, query), scored(engine, query)
            same += len(wanted.keys() & found.keys())
            asked += len(wanted)
            assert len(found) == len(wanted)
            if query.mode == VectorStoreQueryMode.TEXT_SEARCH:
                assert all(found[key] == wanted[key] for key in wanted.keys() & found.keys())
    assert same >= 0.98 * asked > 0


def count_calls(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return a list that grows with each search by words in the engine."""
    engine: Any = store.dense
    engine = engine.engine
    search = engine.search_sparse
    calls: list[int] = []

    def counted(*arguments: Any, **named: Any) -> Any:
        calls.append(1)
        return search(*arguments, **named)

    monkeypatch.setattr(engine, "search_sparse", counted)
    return calls


def test_words_in_the_engine_find_what_the_file_finds(
    words_uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, engine = opened(str(tmp_path / "file.db")), opened_with_words(words_uri)
    calls = count_calls(engine, monkeypatch)
    for store in (file, engine):
        write(store, passages(range(400)))
    assert_alike(file, engine)
    assert calls, "the engine was asked"
    changed = [node(n, document=f"d{n // 10}", text=passage(n + 9_000)) for n in range(30, 60)]
    for store in (file, engine):
        write(store, changed)  # replaced
        write(store, passages(range(400, 460)))  # added
        with store.indexing_lock(timeout=5):
            for document in (1, 2, 41):
                store.catalog.remove_file(f"d{document}.md")  # deleted
            store.publish()
    assert_alike(file, engine)
    engine.close()
    again = opened_with_words(words_uri)
    assert again.publish() == 0, "nothing was written again"
    assert_alike(file, again)
    for store in (file, again):
        with store.indexing_lock(timeout=5):
            target = store.begin_rebuild()
            with target.transaction():
                target.catalog.put_document("d", "The text.", {})
                target.vector_store.add(passages(range(1_000, 1_100)))
            target.publish()
            target.finish_rebuild()
            store.publish()
    assert_alike(file, again)
    assert ids(again, by_words(passage(1_044), 1)) == ["node-1044"]
    again.close()
    file.close()


def test_words_in_the_engine_under_filters(
    words_uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ragkit.store import engine_words, replica

    monkeypatch.setattr(engine_words, "_FEWEST", 20)
    monkeypatch.setattr(replica, "_MOST_ALLOWED", 100)
    file, engine = opened(str(tmp_path / "file.db")), opened_with_words(words_uri)
    for store in (file, engine):
        write(store, passages(range(300)))
    wanted = {
        "a few, scored in the file": MetadataFilter(key="source", value="d3.md"),
        "handed over": MetadataFilter(
            key="source", value=[f"d{n}.md" for n in range(9)], operator=FilterOperator.IN
        ),
        "too many to hand over": MetadataFilter(key="language", value="en"),
        "none": MetadataFilter(key="language", value="fr"),
    }
    for what, chosen in wanted.items():
        for number in range(3):
            query = by_words(passage(number), 10, filters=MetadataFilters(filters=[chosen]))
            assert scored(engine, query) == scored(file, query), what
    engine.close()
    file.close()


def test_words_that_the_engine_lacks_yet_are_read_in_the_file(
    words_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = opened_with_words(words_uri)
    calls = count_calls(store, monkeypatch)
    write(store, passages(range(30)))
    store.vector_store.add([node(500, text="The zeppelin landed.")])
    assert ids(store, by_words("zeppelin landed")) == ["node-500"]
    assert calls, "a few: the engine was asked for the others"
    calls.clear()
    store.vector_store.add(passages(range(600, 900)))
    assert ids(store, by_words(passage(777), 1)) == ["node-777"]
    assert not calls, "many: the file was asked alone"
    with store.transaction():
        store.vector_store.delete("document-500")
        assert ids(store, by_words("zeppelin landed")) == [], "as the change has it"
    store.close()


def test_a_copy_without_words_is_filled_again(
    words_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    without = opened(words_uri)
    write(without, passages(range(50)))
    without.close()
    store = opened_with_words(words_uri)
    calls = count_calls(store, monkeypatch)
    assert ids(store, by_words(passage(7), 1)) == ["node-7"]
    assert not calls, "until then the file is asked"
    assert store.publish() == 50
    assert ids(store, by_words(passage(7), 1)) == ["node-7"]
    assert ids(store, dense(7, 1)) == ["node-7"]
    assert calls
    assert store.published() == 50
    store.close()
    # Without the setting it goes on being written whole, and only isn't asked.
    without = opened(words_uri)
    write(without, [node(500, text="The zeppelin landed.")])
    without.close()
    store = opened_with_words(words_uri)
    calls = count_calls(store, monkeypatch)
    assert store.publish() == 0
    assert ids(store, by_words("zeppelin landed")) == ["node-500"]
    assert calls
    store.close()


def test_an_engine_that_lost_its_words_says_so(words_uri: str) -> None:
    store = opened_with_words(words_uri)
    write(store, [*passages(range(30)), node(500, text="?!")])  # one without any word
    lose(store)
    with pytest.raises(StoreError, match="ragkit index"):
        ids(store, by_words(passage(3)))
    assert store.publish() == 31
    assert ids(store, by_words(passage(3), 1)) == ["node-3"]
    assert ids(store, by_words("zeppelin")) == []
    store.close()


def test_an_engine_that_is_gone_midway_is_said_for_words_too(words_uri: str) -> None:
    store = opened_with_words(words_uri)
    write(store, passages(range(30)))
    assert ids(store, by_words(passage(3), 1)) == ["node-3"]
    replica: Any = store.dense
    if words_uri.startswith("qdrant"):
        replica.engine._client.close()
    else:
        replica.engine._client  # noqa: B018  # connected to a server that ends now
        replica.engine._lite.release()
        replica.engine._lite = None
    with pytest.raises(StoreError, match=r"Qdrant at|Milvus at"):
        ids(store, by_words(passage(3), 1))
    store.close()
    assert ids(store, by_words(passage(3), 1)) == ["node-3"], "when it is there again"
    store.close()


def test_a_move_to_an_engine_brings_the_words(
    words_uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ragkit.move import move
    from ragkit.store.replica import Replica

    file = opened(str(tmp_path / "from.db"))
    write(file, passages(range(60)))
    with file.indexing_lock(timeout=5):
        file.set_folder(str(tmp_path))
    file.close()
    search, asked = Replica.search_words, []

    def counted(self: Replica, *arguments: Any, **named: Any) -> Any:
        asked.append(self.words)
        return search(self, *arguments, **named)

    monkeypatch.setattr(Replica, "search_words", counted)
    source, home = str(tmp_path / "from.db"), tmp_path
    report = move(source, words_uri, home=home, sample=10, words="engine")
    assert report.verified, report.differences
    assert report.words.same == report.words.asked == 10
    assert asked == [True] * 10
    store = opened_with_words(words_uri)
    calls = count_calls(store, monkeypatch)
    assert store.publish() == 0
    assert ids(store, by_words(passage(7), 1)) == ["node-7"]
    assert calls
    store.close()


def test_words_need_a_vector_beside_them(words_uri: str) -> None:
    store = opened_with_words(words_uri)
    plain = node(1)
    plain.embedding = None
    with pytest.raises(ConfigError, match="1 of 2 new nodes have no vector"):
        write(store, [plain, node(2)])
    assert ids(store, by_words("harbour")) == ["node-1", "node-2"], "the file has them"
    store.close()


@pytest.mark.parametrize(("place", "said"), [("i.db", "names none"), ("faiss://x", "FAISS cannot")])
def test_words_need_an_engine_that_can(place: str, said: str, tmp_path: Path) -> None:
    if place.startswith("faiss"):
        pytest.importorskip("faiss", reason="needs ragkit[faiss]")
    with pytest.raises(ConfigError, match=said):
        opened_with_words(place.replace("x", str(tmp_path / "x")))


def test_words_in_qdrant_over_http(tmp_path: Path) -> None:
    pytest.importorskip("llama_index.vector_stores.qdrant", reason="needs ragkit[qdrant]")
    from qdrant_server import run_qdrant

    def engine() -> SqliteStore:
        return open_store(
            f"qdrant+{server.url}",
            analyzer=LexicalAnalyzer(),
            fingerprint={"embedder": "m"},
            catalog=tmp_path / "engine.db",
            words="engine",
        )

    file = opened(str(tmp_path / "file.db"))
    write(file, passages(range(60)))
    with run_qdrant() as server:
        store = engine()
        write(store, [])
        server.refuse = [503]
        write(store, passages(range(60)))
        server.refuse = [503]
        assert_alike(file, store)
        queries = [path for _, path, _ in server.asked if path.endswith("/points/query")]
        assert len(queries) >= 16
        store.close()
        store = engine()
        assert store.publish() == 0
        assert ids(store, by_words(passage(7), 1)) == ["node-7"]
    with pytest.raises(StoreError, match="cannot be reached"):
        ids(store, by_words(passage(7), 1))
    store.close()
    file.close()


def test_llamaindex_reads_a_qdrant_collection_with_words(tmp_path: Path) -> None:
    qdrant = pytest.importorskip("llama_index.vector_stores.qdrant", reason="needs ragkit[qdrant]")
    from ragkit.store.sparse import SparseVector

    store = opened_with_words(f"qdrant://{tmp_path / 'engine'}")
    write(store, passages(range(20)))
    engine: Any = store.dense
    with store.reading() as snapshot:
        assert snapshot is not None
        mark = read_mark(snapshot, "Qdrant")
    assert mark is not None
    collection = mark.collection
    client = engine.engine._client
    (point,), _ = client.scroll(collection, limit=1, with_vectors=True)
    sparse: SparseVector = point.vector["text-sparse-new"]

    def encode(texts: list[str]) -> tuple[list[list[int]], list[list[float]]]:
        return [sparse.indices] * len(texts), [sparse.values] * len(texts)

    theirs = qdrant.QdrantVectorStore(
        collection, client=client, enable_hybrid=True, sparse_doc_fn=encode, sparse_query_fn=encode
    )
    for mode in (VectorStoreQueryMode.SPARSE, VectorStoreQueryMode.DEFAULT):
        found = theirs.query(
            VectorStoreQuery(
                query_str="?", query_embedding=vector(0), similarity_top_k=1, mode=mode
            )
        )
        assert found.ids == [point.id]
        assert found.nodes[0].get_content() == passage(0)
    store.close()


def test_a_store_by_address_is_a_knowledge_base(engine_uri: str, tmp_path: Path) -> None:
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "a.md").write_text("The lighthouse of Alnmouth was built in 1826.", "utf-8")
    kb = ragkit.open(folder, index=engine_uri, preset="lite")
    assert "1826" in kb.ask("When was the lighthouse built?").text
    assert [d.source for d in kb.documents()] == ["a.md"]
    kb.close()


@pytest.fixture
def lite(tmp_path: Path) -> Path:
    pytest.importorskip("llama_index.vector_stores.milvus", reason="needs ragkit[milvus]")
    return tmp_path / "engine"


def test_milvus_lite_is_for_its_user_alone_and_ends(
    lite: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    first, second = opened(f"milvus://{lite}"), opened(f"milvus://{lite}")
    write(first, [node(n) for n in range(30)])
    assert ids(second, dense(3, 1)) == ["node-3"], "one process may open it twice"
    assert lite.stat().st_mode & 0o777 == 0o700
    first.close()
    assert ids(second, dense(4, 1)) == ["node-4"]
    second.close()
    assert not [t for t in threading.enumerate() if "milvus" in t.name]
    assert capfd.readouterr().err == ""


def test_a_damaged_milvus_lite_is_said_and_made_again(
    lite: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    store = opened(f"milvus://{lite}")
    write(store, [node(n) for n in range(30)])
    store.close()
    for file in lite.rglob("*.json*"):
        file.write_text("{", "utf-8")
    again = opened(f"milvus://{lite}")
    with pytest.raises(StoreError, match="ragkit index"):
        ids(again, dense(3, 1))
    again.close()
    shutil.rmtree(lite)
    assert again.publish() == 30
    assert ids(again, dense(3, 1)) == ["node-3"]
    again.close()
    assert capfd.readouterr().err == ""


def test_a_file_in_milvus_lite_s_place_is_said(lite: Path) -> None:
    lite.write_bytes(b"SQLite format 3")
    store = opened(f"milvus://{lite}")
    with pytest.raises(StoreError, match="is a file"):
        write(store, [node(1)])
    store.close()


def test_a_process_that_forgets_to_close_milvus_lite_ends(lite: Path) -> None:
    code = (
        "import sys; from test_engines import *; s = opened(sys.argv[1]);"
        " write(s, [node(1)]); print(ids(s, dense(1, 1)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, f"milvus://{lite}"],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert done.stdout == "['node-1']\n"
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("uri", "address"),
    [
        ("qdrant+http://db:6333", Address("qdrant", url="http://db:6333")),
        (
            "qdrant+https://db/papers",
            Address("qdrant", url="https://db", collection="papers"),
        ),
        (
            "milvus+http://[::1]:19530?collection=a_b",
            Address("milvus", url="http://[::1]:19530", collection="a_b"),
        ),
        ("faiss://x/y", Address("faiss", path=Path("x/y"))),
        ("milvus://", Address("milvus")),
        ("MILVUS:///tmp/a%20b", Address("milvus", path=Path("/tmp/a b"))),
        ("i.db", None),
        ("sqlite:///i.db", None),
    ],
)
def test_addresses(uri: str, address: Address | None) -> None:
    assert parse_address(uri) == address


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("faiss:///", "names no file"),
        ("qdrant+http://", "names no server"),
        ("qdrant+http://a:b@db:6333", "RAGKIT_STORE__TOKEN"),
        ("qdrant+http://db:none", "port"),
        ("qdrant+http://db/a-b", "letters, digits"),
        ("milvus://x?size=3", "'size'"),
        ("chroma://x", "no store for chroma"),
    ],
)
def test_bad_addresses_are_said(uri: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        open_store(uri, analyzer=LexicalAnalyzer(), fingerprint={}, catalog=Path("c.db"))
    assert "b@" not in str(caught.value), "no password in a message"


@pytest.mark.parametrize("engine", ["qdrant", "milvus"])
def test_a_server_that_is_not_there_is_said(engine: str, tmp_path: Path) -> None:
    pytest.importorskip(f"llama_index.vector_stores.{engine}", reason=f"needs ragkit[{engine}]")
    store = open_store(
        f"{engine}+http://127.0.0.1:9",
        analyzer=LexicalAnalyzer(),
        fingerprint={"embedder": "m"},
        catalog=tmp_path / "i.db",
    )
    with pytest.raises(StoreError, match=r"127\.0\.0\.1:9 cannot be reached"):
        write(store, [node(1)])
    assert store.catalog.counts().nodes == 1, "nothing is lost"
    store.close()
