"""Presets from end to end, through the command line, on small real parts.

The models are tiny checkpoints in the published layouts (``tiny_models``, ``tiny_reader``); FAISS
and Qdrant are real, Qdrant embedded in the place of a server; the model server is ``transformers
serve``, and one that fails as told.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason='needs pip install "ragkit[models]"')

from openai_server import Exchange, Stub, free_port, run_stub, serve_transformers

import ragkit
from ragkit.cli import main

Command = Callable[..., "Done"]
RECORDS = [
    {
        "content": "The pump P-100 moves 40 litres a minute. Its filter lasts 500 hours.",
        "title": "Pump manual",
        "product": "P-100",
        "url": "https://example.org/p-100",
    },
    {
        "content": "水泵 P-200 每分钟输送六十升水。滤芯每三百小时更换一次。",
        "title": "水泵手册",
        "product": "P-200",
        "url": "https://example.org/p-200",
    },
    {
        "content": "Der Kessel K-7 heizt mit Gas und wird jedes Jahr im Herbst gewartet.",
        "title": "Kessel",
        "product": "K-7",
        "url": "https://example.org/k-7",
    },
]


class Done:
    """What a command left: exit status and both streams."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    """Return what runs ``ragkit`` as a process would, in this one: models are loaded once."""

    def run(*arguments: str | Path, **environment: str) -> Done:
        with monkeypatch.context() as patch:
            for name, value in environment.items():
                patch.setenv(name, value)
            capsys.readouterr()
            with pytest.raises(SystemExit) as left:
                main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        return Done(int(left.value.code or 0), out, err)

    return run


def set_all(monkeypatch: pytest.MonkeyPatch, **settings: str | Path) -> None:
    for name, value in settings.items():
        monkeypatch.setenv(f"RAGKIT_{name}", str(value))


@pytest.mark.parametrize(
    "name", ["lite", "internlm2", "qwen2-faiss", "qdrant-openai", "milvus-vllm"]
)
def test_each_says_what_it_is_and_what_was_run(name: str, command: Command) -> None:
    done = command("presets", name)
    for title in ("Reproduces", "Hardware", "Run here"):
        assert f"\n{title}" in done.out
    table = command("presets", name, "--json").json
    assert all(len(table[key]) > 20 for key in ("reproduces", "hardware", "tested"))
    assert "tested" not in table["settings"]


# qwen2-faiss


@pytest.fixture
def qwen2_faiss(tiny_qwen2: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    pytest.importorskip("faiss", reason='needs pip install "ragkit[faiss]"')
    pytest.importorskip("llama_index.llms.huggingface", reason='needs "ragkit[models]"')
    set_all(
        monkeypatch,
        PRESET="qwen2-faiss",
        EMBEDDER__MODEL=tiny_qwen2,
        LLM__MODEL=tiny_qwen2,
    )
    return f"faiss://{tmp_path / 'vectors'}"


def test_one_model_embeds_and_answers(
    qwen2_faiss: str, command: Command, folder: Path, tmp_path: Path
) -> None:
    place = ("--data", folder, "--index", qwen2_faiss)
    first = command("index", folder, "--index", qwen2_faiss, "--json")
    assert (first.code, len(first.json["added"])) == (0, 3)
    nodes = first.json["nodes"]
    (file,) = (tmp_path / "vectors").glob("*.faiss")
    assert vectors_in(file) == nodes
    question = ("query", "系统需要多少内存？", *place, "--json")
    asked = command(*question)
    assert asked.code == 0, asked.err
    assert "系统需要十六吉字节内存" in asked.json["answer"]
    again = command("index", folder, "--index", qwen2_faiss, "--json").json
    assert (again["added"], again["unchanged"]) == ([], 3)
    # In another process, which has only what is on the disk.
    done = subprocess.run(
        [sys.executable, "-m", "ragkit", *map(str, question), "--no-refresh"],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONUTF8": "1"},
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["answer"] == asked.json["answer"]
    # A file that goes takes its vectors with it.
    (folder / "手册.md").unlink()
    gone = command("index", folder, "--index", qwen2_faiss, "--json").json
    assert gone["deleted"] == ["手册.md"]
    assert vectors_in(file) == gone["nodes"] < nodes
    left = command(*question).json
    assert "手册.md" not in json.dumps(left["sources"], ensure_ascii=False)


def test_from_modelscope_to_an_answer_without_a_network(
    tiny_qwen2: Path, folder: Path, tmp_path: Path
) -> None:
    """Fetched by ModelScope's API in one process, asked in another when the hub is gone."""
    pytest.importorskip("modelscope_hub", reason='needs pip install "ragkit[modelscope]"')
    pytest.importorskip("faiss", reason='needs pip install "ragkit[faiss]"')
    from hub_server import serve

    environment = {**os.environ, "PYTHONUTF8": "1"}
    for name in ("HOME", "HF_HOME", "MODELSCOPE_CACHE", "RAGKIT_HOME"):
        environment[name] = str(tmp_path / name)
    environment.pop("HF_HUB_OFFLINE")  # the hub's own name for the switch, in conftest

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "ragkit", *arguments],
            capture_output=True,
            text=True,
            env=environment,
            timeout=300,
            check=False,
        )

    files = {path.name: path.read_bytes() for path in tiny_qwen2.iterdir()}
    with serve({"qwen/Qwen2-0.5B-Instruct": files}) as hub:
        done = run("download", "qwen2-faiss", "--from", "modelscope", "--endpoint", hub.url)
        assert done.returncode == 0, done.stderr
        assert hub.asked("/api/v1/models/qwen/Qwen2-0.5B-Instruct/repo/files")
        assert str(tmp_path / "MODELSCOPE_CACHE") in done.stdout
    question = ("query", "系统需要多少内存？", "--preset", "qwen2-faiss", "--data", str(folder))
    asked = run(*question, "--json")
    assert asked.returncode == 0, asked.stderr
    assert "系统需要十六吉字节内存" in json.loads(asked.stdout)["answer"]


def test_its_sources_are_in_the_system_message(
    qwen2_faiss: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ragkit.models.local_llm import LocalLLM

    sent: list[Any] = []
    stream_chat = LocalLLM.stream_chat

    def seen(self: Any, messages: Any, **kwargs: Any) -> Any:
        sent.append(messages)
        return stream_chat(self, messages, **kwargs)

    monkeypatch.setattr(LocalLLM, "stream_chat", seen)
    kb = ragkit.open(folder, index=qwen2_faiss)
    assert "系统需要十六吉字节内存" in kb.ask("系统需要多少内存？").text
    system, user = sent[-1]
    assert (system.role.value, user.role.value) == ("system", "user")
    assert "系统需要十六吉字节内存" in system.content
    assert "系统需要十六吉字节内存" not in user.content
    assert "系统需要多少内存？" in user.content
    kb.close()


def vectors_in(file: Path) -> int:
    import faiss

    return int(faiss.read_index(str(file)).ntotal)


def test_its_weights_are_in_memory_once(qwen2_faiss: str, folder: Path) -> None:
    kb = ragkit.open(folder, index=qwen2_faiss)
    embedder: Any = kb.parts.embedder
    llm: Any = kb.parts.llm
    assert embedder._causal.model is llm._model
    vector = embedder.get_text_embedding("港口的灯塔")
    assert sum(number * number for number in vector) == pytest.approx(1)
    kb.close()


# qdrant-openai


@pytest.fixture
def qdrant(tiny_embedder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    pytest.importorskip("llama_index.vector_stores.qdrant", reason='needs "ragkit[qdrant]"')
    pytest.importorskip("llama_index.llms.openai_like", reason='needs "ragkit[openai]"')
    set_all(
        monkeypatch,
        PRESET="qdrant-openai",
        EMBEDDER__MODEL=tiny_embedder,
        LLM__TIMEOUT="30",
    )
    return f"qdrant://{tmp_path / 'qdrant'}"


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stub]:
    with run_stub() as server:
        set_all(monkeypatch, LLM__BASE_URL=server.url, LLM__MODEL="tiny")
        server.lists({"id": "tiny", "max_model_len": 2048})
        yield server


@pytest.fixture(params=["files", "lines", "array"])
def documents(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Return a folder of the same records as one file each, as JSON Lines, and as an array."""
    folder = tmp_path / "json"
    folder.mkdir()
    texts = [json.dumps(record, ensure_ascii=False) for record in RECORDS]
    if request.param == "files":
        for number, text in enumerate(texts):
            (folder / f"{number}.json").write_text(text, "utf-8")
    elif request.param == "lines":
        (folder / "all.jsonl").write_text("\n".join(texts) + "\n", "utf-8")
    else:
        (folder / "all.json").write_text(f"[{', '.join(texts)}]", "utf-8")
    return folder


def points(uri: str) -> list[Any]:
    """Return what the embedded Qdrant holds."""
    from qdrant_client import QdrantClient

    client = QdrantClient(path=uri.removeprefix("qdrant://"))
    (collection,) = [found.name for found in client.get_collections().collections]
    found, _ = client.scroll(collection, limit=100, with_payload=True, with_vectors=True)
    client.close()
    return sorted(found, key=lambda point: str(point.id))


def answers_with(text: str) -> Callable[[Exchange], None]:
    def route(exchange: Exchange) -> None:
        exchange.begin()
        exchange.delta(text)
        exchange.end()

    return route


def test_documents_become_points_once(
    qdrant: str, stub: Stub, command: Command, documents: Path
) -> None:
    done = command("index", documents, "--index", qdrant, "--json")
    assert (done.code, done.json["skipped"]) == (0, [])
    assert done.json["nodes"] == 3
    before = points(qdrant)
    payloads = [point.payload for point in before]
    for record, language in zip(RECORDS, ("en", "zh", "de"), strict=True):
        (payload,) = [p for p in payloads if p["product"] == record["product"]]
        assert (payload["title"], payload["url"]) == (record["title"], record["url"])
        assert payload["language"] == language, "that of the record, not of the file"
    again = command("index", documents, "--index", qdrant, "--json").json
    assert (again["added"], again["updated"]) == ([], [])
    after = points(qdrant)
    assert [p.id for p in after] == [p.id for p in before]
    assert [p.payload for p in after] == payloads
    assert command("index", documents, "--index", qdrant, "--rebuild").code == 0
    rebuilt = [point.payload["node_id"] for point in points(qdrant)]
    assert sorted(rebuilt) == sorted(payload["node_id"] for payload in payloads)


def test_filters_by_product_and_the_answer(
    qdrant: str, stub: Stub, command: Command, documents: Path
) -> None:
    stub.on_chat(answers_with("滤芯每三百小时更换一次。[1]"))
    place = ("--data", documents, "--index", qdrant, "--json")
    asked = command("query", "滤芯多久更换一次？", *place, "--filter", "product=P-200")
    assert asked.code == 0, asked.err
    found = asked.json
    assert "三百小时" in found["answer"]
    assert len(found["sources"]) == 1
    assert "P-200" in found["sources"][0]["text"]
    prompt = json.dumps(stub.chats[-1].body, ensure_ascii=False)
    assert "P-200" in prompt
    assert "P-100" not in prompt
    asked = command("query", "Filter change?", *place, "--filter", "url=https://example.org/p-100")
    assert [s["text"][:14] for s in asked.json["sources"]] == ["The pump P-100"]


def refuses(message: str, status: int, **error: str) -> Callable[[Exchange], None]:
    return lambda exchange: exchange.json({"error": {"message": message, **error}}, status=status)


def breaks_off(exchange: Exchange) -> None:
    exchange.begin()
    exchange.delta("The filter is")
    exchange.drop()


@pytest.mark.parametrize(
    ("route", "said"),
    [
        (refuses("The model `tiny` does not exist.", 404), "has no model 'tiny'"),
        (refuses("Incorrect API key provided", 401), "wants a key"),
        (
            refuses("maximum context length is 512 tokens", 400, code="context_length_exceeded"),
            "longer than the model",
        ),
        (breaks_off, "broke off"),
    ],
)
def test_what_fails_at_the_server_is_said(
    route: Callable[[Exchange], None],
    said: str,
    qdrant: str,
    stub: Stub,
    command: Command,
    records: Path,
) -> None:
    stub.on_chat(route)
    question = "How many hours does the filter of the pump P-100 last?"
    done = command("query", question, "--data", records, "--index", qdrant)
    assert done.code == 1
    assert said in done.err
    assert done.err.strip().splitlines()[-1].startswith("Error: ")


@pytest.fixture
def records(tmp_path: Path) -> Path:
    folder = tmp_path / "records"
    folder.mkdir()
    (folder / "all.json").write_text(json.dumps(RECORDS, ensure_ascii=False), "utf-8")
    return folder


def test_a_server_that_is_down_is_said(
    qdrant: str, command: Command, records: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = free_port()
    set_all(monkeypatch, LLM__BASE_URL=f"http://127.0.0.1:{port}/v1", LLM__MODEL="tiny")
    question = "How many hours does the filter of the pump P-100 last?"
    done = command("query", question, "--data", records, "--index", qdrant)
    assert done.code == 1
    assert f"127.0.0.1:{port}" in done.err
    # And a Qdrant that is down: the index file is whole, and the words say what to do.
    nowhere = "qdrant+http://127.0.0.1:9"
    done = command("index", records, "--index", nowhere)
    assert done.code == 1
    assert "cannot be reached" in done.err


def test_a_real_server_answers(
    qdrant: str,
    command: Command,
    records: Path,
    tiny_qwen2: Path,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("fastapi", reason='needs pip install "ragkit[test]"')
    with serve_transformers(tiny_qwen2, tmp_path_factory.mktemp("hf")) as url:
        set_all(monkeypatch, LLM__BASE_URL=url, LLM__MODEL=tiny_qwen2)
        question = "How many litres a minute does the pump P-100 move?"
        done = command("query", question, "--data", records, "--index", qdrant, "--json")
        assert done.code == 0, done.err
        assert "moves 40 litres a minute" in done.json["answer"]
        assert "P-100" in done.json["sources"][0]["text"]
