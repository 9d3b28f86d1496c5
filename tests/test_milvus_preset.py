"""Preset ``milvus-vllm`` from end to end: HTML folder, Milvus Lite, a server as vLLM's answers.

A tiny BERT stands in for bge-large; the model server speaks the protocol that vLLM does.
"""

from __future__ import annotations

import json
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("sentence_transformers", reason='needs pip install "ragkit[models]"')
pytest.importorskip("llama_index.vector_stores.milvus", reason='needs pip install "ragkit[milvus]"')

from openai_server import Exchange, Stub, run_stub

from ragkit.cli import main

Run = Callable[..., Any]
PAGE = """<!doctype html><html lang="en"><head><title>{title}</title>
<link rel="canonical" href="https://example.org/{name}"><script>var tracker = 1;</script></head>
<body><nav><a href="/">Home</a> <a href="/all">All pages</a></nav>
<main><h1>{title}</h1>{text}</main></body></html>"""
PAGES = {
    "lighthouse": ("The lighthouse", "The lighthouse of Alnmouth was built in 1826 of granite."),
    "harbour": ("The harbour", "The harbour was dredged in 1901, and boats moor at the quay."),
    "backup": ("备份", "备份每天凌晨三点自动进行，保存三十天。"),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    found = tmp_path / "site"
    found.mkdir()
    for name, (title, text) in PAGES.items():
        body = f"<p>{text}</p>"
        if name == "harbour":
            body += "".join(
                f"<p>Berth {n} takes ships of {n} metres and more.</p>" for n in range(40)
            )
        (found / f"{name}.html").write_text(PAGE.format(title=title, name=name, text=body), "utf-8")
    return found


@pytest.fixture
def stub() -> Iterator[Stub]:
    with run_stub() as found:
        found.lists({"id": "meta-llama/Llama-3.1-8B-Instruct", "max_model_len": 8192})
        yield found


@pytest.fixture
def run(
    tiny_embedder: Path,
    stub: Stub,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> Run:
    monkeypatch.setenv("RAGKIT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("RAGKIT_PRESET", "milvus-vllm")
    monkeypatch.setenv("RAGKIT_EMBEDDER__MODEL", str(tiny_embedder))
    monkeypatch.setenv("RAGKIT_LLM__BASE_URL", stub.url)

    def run(*arguments: str | Path) -> Any:
        capfd.readouterr()
        with pytest.raises(SystemExit) as left:
            main([str(argument) for argument in arguments])
        out, err = capfd.readouterr()
        assert not left.value.code, err
        for noise in ("Traceback", "pymilvus", "grpc", "RPC"):
            assert noise not in err
        return json.loads(out)

    return run


def answers(exchange: Exchange) -> None:
    exchange.begin()
    exchange.delta("The lighthouse of Alnmouth was built in 1826")
    exchange.delta(" of granite. [1]")
    exchange.end()


def test_from_html_to_a_cited_answer(run: Run, stub: Stub, folder: Path, tmp_path: Path) -> None:
    stub.on_chat(answers)
    report = run("index", folder, "--json")
    assert sorted(report["added"]) == ["backup.html", "harbour.html", "lighthouse.html"]
    assert report["nodes"] > 3, "the long page is cut at 512 characters"
    (lite,) = (tmp_path / "home").rglob("*.milvus")
    assert stat.S_IMODE(lite.stat().st_mode) == 0o700

    found = run("query", "When was the lighthouse of Alnmouth built?", "--data", folder, "--json")
    assert found["preset"] == "milvus-vllm"
    assert not found["refused"]
    assert found["sentences"][0]["citations"] == [1]
    (citation,) = found["citations"]
    assert citation["source"] == "lighthouse.html"
    assert "1826" in citation["quote"]
    assert len({source["source"] for source in found["sources"]}) > 1

    content = stub.chats[-1].body["messages"][-1]["content"]
    places = [content.index(f"<source {source['n']}>") for source in found["sources"]]
    assert places == sorted(places, reverse=True), "the best source is the last"
    assert places[0] < content.rindex("When was the lighthouse")
    for noise in ("tracker", "All pages"):
        assert noise not in content


def test_title_and_address_are_metadata(run: Run, stub: Stub, folder: Path) -> None:
    stub.on_chat(answers)
    run("index", folder, "--json")
    asked = ("query", "备份什么时候进行？", "--data", folder, "--json", "--filter")
    for condition in ("url=https://example.org/backup", "title=备份"):
        found = run(*asked, condition)
        assert {source["source"] for source in found["sources"]} == {"backup.html"}


def test_the_collection_opens_with_llamaindex_s_class(
    run: Run, folder: Path, tmp_path: Path
) -> None:
    from llama_index.core import VectorStoreIndex
    from llama_index.core.embeddings import MockEmbedding
    from llama_index.vector_stores.milvus import MilvusVectorStore

    from ragkit.store.milvus_lite import open_lite

    run("index", folder, "--json")
    (path,) = (tmp_path / "home").rglob("*.milvus")
    (collection,) = [found.name for found in (path / "collections").iterdir()]
    lite = open_lite(path)
    store = MilvusVectorStore(
        uri=lite.url, collection_name=collection, use_async_client=False, dedicated=True
    )
    store.client.load_collection(collection)
    width = store.client.describe_collection(collection)["fields"][-1]["params"]["dim"]
    index = VectorStoreIndex.from_vector_store(store, embed_model=MockEmbedding(width))
    nodes = index.as_retriever(similarity_top_k=50).retrieve("the lighthouse")
    lengths = [len(found.node.get_content()) for found in nodes]
    assert max(lengths) <= 512
    assert sum(length > 300 for length in lengths) > 2, "the long page is cut"
    by_source = {found.metadata["source"]: found.node for found in nodes}
    page = by_source["lighthouse.html"]
    assert page.metadata["url"] == "https://example.org/lighthouse"
    assert page.metadata["title"] == "The lighthouse"
    assert "1826" in page.get_content()
    store.client.close()
    lite.release()
