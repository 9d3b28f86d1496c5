"""Preset ``qdrant-openai`` with a Qdrant by URL: ragkit in processes of its own, HTTP between.

``qdrant_server`` says what of the server is real. The model server is a stub that speaks OpenAI's
protocol; ``test_presets`` has a real one.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("sentence_transformers", reason='needs pip install "ragkit[models]"')
pytest.importorskip("llama_index.vector_stores.qdrant", reason='needs pip install "ragkit[qdrant]"')
pytest.importorskip("llama_index.llms.openai_like", reason='needs pip install "ragkit[openai]"')

from openai_server import Exchange, Stub, run_stub
from qdrant_client import models
from qdrant_server import QdrantServer, run_qdrant

import ragkit
from ragkit.errors import StoreError

COUNT = 230
QUESTION = "How many litres a minute does the pump P-7 move?"
Home = dict[str, str]


@pytest.fixture
def qdrant() -> Iterator[QdrantServer]:
    with run_qdrant() as server:
        yield server


@pytest.fixture
def stub() -> Iterator[Stub]:
    def answers(exchange: Exchange) -> None:
        exchange.begin()
        exchange.delta("The pump P-7 moves 47 litres a minute. [1]")
        exchange.end()

    with run_stub() as server:
        server.lists({"id": "tiny", "max_model_len": 4096})
        server.on_chat(answers)
        yield server


@pytest.fixture
def records(tmp_path: Path) -> Path:
    folder = tmp_path / "records"
    folder.mkdir()
    lines = [
        json.dumps(
            {
                "content": f"The pump P-{n} moves {40 + n} litres a minute.",
                "title": f"Manual {n}",
                "product": f"P-{n}",
                "url": f"https://example.org/p-{n}",
            }
        )
        for n in range(COUNT)
    ]
    (folder / "all.jsonl").write_text("\n".join(lines) + "\n", "utf-8")
    return folder


@pytest.fixture
def home(
    qdrant: QdrantServer,
    stub: Stub,
    tiny_embedder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = {
        "HOME": tmp_path / "home",
        "PRESET": "qdrant-openai",
        "EMBEDDER__MODEL": tiny_embedder,
        "LLM__BASE_URL": stub.url,
        "STORE__URI": f"qdrant+{qdrant.url}",
    }
    for name, value in settings.items():
        monkeypatch.setenv(f"RAGKIT_{name}", str(value))


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "ragkit", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env={**os.environ, "PYTHONUTF8": "1"},
    )


@pytest.mark.usefixtures("home")
def test_json_lines_become_points_in_batches_of_100_once(
    qdrant: QdrantServer, stub: Stub, records: Path
) -> None:
    qdrant.refuse = [503]  # one more try
    done = run("index", records, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["nodes"] == COUNT
    batches = qdrant.batches()
    assert sum(batches) == COUNT
    assert max(batches) == 100
    made = [
        body
        for method, path, body in qdrant.asked
        if method == "PUT" and body and "vectors" in body
    ]
    (vectors,) = (body["vectors"] for body in made)
    assert (vectors["size"], vectors["distance"]) == (128, "Cosine")
    indexed = {body["field_name"] for _, path, body in qdrant.asked if path.endswith("/index")}
    assert {"source", "language", "title", "product", "url"} <= indexed

    (collection,) = [c.name for c in qdrant.held.get_collections().collections]
    before, _ = qdrant.held.scroll(collection, limit=1000, with_vectors=True)
    qdrant.asked.clear()
    again = run("index", records, "--json")
    assert again.returncode == 0, again.stderr
    assert (json.loads(again.stdout)["added"], qdrant.batches()) == ([], [])
    after, _ = qdrant.held.scroll(collection, limit=1000, with_vectors=True)
    assert [p.model_dump() for p in after] == [p.model_dump() for p in before]

    asked = run("query", QUESTION, "--data", records, "--filter", "product=P-7", "--no-refresh")
    assert asked.returncode == 0, asked.stderr
    assert asked.stdout.splitlines() == [
        "The pump P-7 moves 47 litres a minute. [1]",
        "",
        "[1] all.jsonl · https://example.org/p-7",
    ]
    assert "https://example.org/p-7" in json.dumps(stub.chats[-1].body)
    found = run("query", QUESTION, "--data", records, "--sources-only", "--no-refresh")
    assert "P-7 moves 47 litres" in found.stdout
    assert any(path.endswith("/points/query") for _, path, _ in qdrant.asked)


@pytest.mark.usefixtures("home")
def test_a_changed_record_replaces_its_own_point_alone(qdrant: QdrantServer, records: Path) -> None:
    kb = ragkit.open(records)
    kb.index()
    (collection,) = [c.name for c in qdrant.held.get_collections().collections]
    before = {str(p.id) for p in qdrant.held.scroll(collection, limit=1000)[0]}
    qdrant.asked.clear()
    file = records / "all.jsonl"
    file.write_text(file.read_text("utf-8").replace("moves 47", "moves 48"), "utf-8")
    kb.index()
    after, _ = qdrant.held.scroll(collection, limit=1000, with_payload=True)
    assert len(after) == len(before) == COUNT
    texts = " ".join(str(point.payload) for point in after)
    assert "moves 48 litres" in texts
    kb.close()


@pytest.mark.usefixtures("home")
def test_what_fails_at_qdrant_is_said(qdrant: QdrantServer, records: Path) -> None:
    qdrant.refuse = [503, 503, 503]
    done = run("index", records)
    assert done.returncode == 1
    assert "answers 503" in done.stderr
    qdrant.refuse = []
    qdrant.key = "secret"
    done = run("index", records)
    assert done.returncode == 1
    assert "RAGKIT_STORE__TOKEN" in done.stderr
    os.environ["RAGKIT_STORE__TOKEN"] = "secret"
    try:
        done = run("index", records)
    finally:
        del os.environ["RAGKIT_STORE__TOKEN"]
    assert done.returncode == 0, done.stderr
    assert "secret" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("size", "distance"), [(4, models.Distance.COSINE), (128, models.Distance.EUCLID)]
)
@pytest.mark.usefixtures("home")
def test_a_collection_of_another_size_or_distance_is_not_written_into(
    size: int, distance: models.Distance, qdrant: QdrantServer, records: Path
) -> None:
    from ragkit.store.engine import open_engine, parse_address

    qdrant.held.create_collection("taken", models.VectorParams(size=size, distance=distance))
    kb = ragkit.open(records)
    kb.index()
    nodes = kb._store.vector_store.get_nodes()[:2]
    address = parse_address(f"qdrant+{qdrant.url}")
    assert address is not None
    engine = open_engine(address, None)
    for node in nodes:
        node.embedding = [1.0] + [0.0] * 127
    with pytest.raises(StoreError, match=rf"vectors of {size} numbers \({distance.value}\)"):
        engine.upsert("taken", [1, 2], nodes)
    assert qdrant.held.count("taken").count == 0
    engine.close()
    kb.close()
