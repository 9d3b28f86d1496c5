"""Preset ``milvus-vllm`` from end to end: HTML folder, Milvus Lite, a server as vLLM's answers.

A tiny BERT stands in for bge-large; the model server speaks the protocol that vLLM does.
"""

from __future__ import annotations

import asyncio
import json
import os
import stat
import subprocess
import sys
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


QUESTION = "When was the lighthouse of Alnmouth built?"


def judges(exchange: Exchange) -> None:
    """Answer as the prompt wants it, and with a list of sources that it does not want."""
    exchange.begin()
    for piece in ("Relevant", " sources: [1", "]\n", "The lighthouse of Alnmouth was built "):
        exchange.delta(piece)
    exchange.delta("in 1826 of granite. [1]\n\nSources:\n[1] https://invented.example/page")
    exchange.end()


def test_the_model_is_told_to_judge_first_and_what_grounds_its_answer(
    run: Run, stub: Stub, folder: Path
) -> None:
    stub.on_chat(judges)
    found = run("query", QUESTION, "--data", folder, "--json")
    system, user = (message["content"] for message in stub.chats[-1].body["messages"])
    assert "First judge which numbered sources are relevant" in system
    assert user.index("Grounding sources: ") < user.index(QUESTION)
    (grounding,) = [line for line in user.splitlines() if line.startswith("Grounding sources:")]
    addresses = [f"https://example.org/{name}" for name in PAGES]
    listed = grounding.removeprefix("Grounding sources: ").split(", ")
    assert sorted(listed) == sorted({source["url"] for source in found["sources"]})
    assert set(listed) <= set(addresses)
    assert listed[-1] == found["sources"][0]["url"] == "https://example.org/lighthouse"
    assert "[1] lighthouse.html · The lighthouse · https://example.org/lighthouse\n" in user
    # The reader sees the answer alone, with sources that were checked.
    assert found["answer"] == "The lighthouse of Alnmouth was built in 1826 of granite. [1]"
    assert [c["source"] for c in found["citations"]] == ["lighthouse.html"]


def test_where_no_source_is_relevant_the_answer_is_refused(
    run: Run, stub: Stub, folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    def none(exchange: Exchange) -> None:
        exchange.begin()
        exchange.delta("Relevant sources: none\nThe lighthouse of Alnmouth is famous for ghosts.")
        exchange.end()

    stub.on_chat(none)
    run("index", folder, "--json")
    with pytest.raises(SystemExit) as left:
        main(["query", QUESTION, "--data", str(folder), "--json"])
    assert left.value.code == 3
    found = json.loads(capfd.readouterr().out)
    assert found["refused"]
    assert "ghosts" not in found["answer"]


def test_the_command_line_ends_with_the_sources_addresses(
    run: Run, stub: Stub, folder: Path
) -> None:
    stub.on_chat(judges)
    run("index", folder, "--json")
    done = subprocess.run(
        [sys.executable, "-m", "ragkit", "query", QUESTION, "--data", str(folder)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env={**os.environ, "PYTHONUTF8": "1"},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "The lighthouse of Alnmouth was built in 1826 of granite. [1]",
        "",
        "[1] lighthouse.html · The lighthouse · https://example.org/lighthouse",
    ]


def test_a_notebook_shows_the_sources_addresses(run: Run, stub: Stub, folder: Path) -> None:
    import ragkit

    stub.on_chat(judges)
    kb = ragkit.open(folder)
    answer = kb.ask(QUESTION)
    assert answer.sources[0].url == "https://example.org/lighthouse"
    assert ">https://example.org/lighthouse<" in answer._repr_html_()
    assert " · https://example.org/lighthouse" in answer._repr_markdown_()
    said = kb.as_query_engine().query(QUESTION)
    assert str(said) == answer.text, "the query engine judges first too"
    kb.close()


def test_the_chat_in_the_browser_shows_them(
    run: Run, stub: Stub, folder: Path, tmp_path: Path
) -> None:
    pytest.importorskip("streamlit", reason='needs pip install "ragkit[app]"')
    pytest.importorskip("websockets", reason='needs pip install "ragkit[test]"')
    from browser_support import serving
    from streamlit_client import open_session

    stub.on_chat(judges)
    run("index", folder, "--json")

    async def ask(address: str) -> str:
        session = await open_session(address.removeprefix("http://"))
        try:
            await session.rerun()
            return (await session.ask(QUESTION, "1826")).text
        finally:
            await session.close()

    home = tmp_path / "home"
    with serving(folder, home, env={"RAGKIT_PRESET": "milvus-vllm"}) as address:
        page = asyncio.run(ask(address))
    assert "was built in 1826 of granite" in page
    assert 'href="https://example.org/lighthouse"' in page
    assert "invented.example" not in page
    assert "Relevant sources" not in page


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
    assert sum(length > 200 for length in lengths) > 2, "the long page is cut"
    parts = [n.node.get_content() for n in nodes if n.node.metadata["source"] == "harbour.html"]
    repeats = [
        part
        for part in parts
        if any(part[:12] in other[-51:] for other in parts if other is not part)
    ]
    assert len(repeats) == len(parts) - 1, "each but the first opens with the end of another"
    by_source = {found.metadata["source"]: found.node for found in nodes}
    page = by_source["lighthouse.html"]
    assert page.metadata["url"] == "https://example.org/lighthouse"
    assert page.metadata["title"] == "The lighthouse"
    assert "1826" in page.get_content()
    store.client.close()
    lite.release()
