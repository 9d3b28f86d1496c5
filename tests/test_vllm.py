"""vLLM in process, on a stand-in with vLLM's own classes and arguments: vLLM needs a GPU.

``vllm_stand_in`` was written after the source of vLLM 0.33 and runs the tiny Qwen2's real weights,
so that the chat template, the stop tokens and the text in pieces are those of the model.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason='needs pip install "ragkit[models]"')

from llama_index.core.base.llms.types import ChatMessage

import ragkit
from ragkit.errors import ConfigError, GenerationError, ModelUnavailable
from ragkit.models.llm import load_llm

STAND_IN = Path(__file__).resolve().parent / "vllm_stand_in"
SOURCES = (
    "Sources, the best one last:\n\n[1] a.md\n<source 1>\nThe lighthouse of Alnmouth was built in "
    "1826 by Thomas Blackwood.\n</source 1>\n\nQuestion: Who built the lighthouse of Alnmouth?"
)
ASKED = [ChatMessage(role="user", content=SOURCES)]


@pytest.fixture
def vllm(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Return the stand-in as the module vllm."""
    monkeypatch.syspath_prepend(str(STAND_IN))
    import vllm as module

    yield module
    gc.collect()
    for name in [n for n in sys.modules if n == "vllm" or n.startswith("vllm.")]:
        del sys.modules[name]


def load(model: Path, **settings: Any) -> Any:
    return load_llm("vllm", str(model), **settings)


def test_it_answers_as_the_same_weights_do_in_transformers(vllm: Any, tiny_qwen2: Path) -> None:
    llm, plain = load(tiny_qwen2), load_llm("huggingface", str(tiny_qwen2), dtype="float32")
    expected = plain.chat(ASKED)
    responses = list(llm.stream_chat(ASKED))
    assert "Thomas Blackwood" in (responses[-1].message.content or "")
    assert responses[-1].message.content == expected.message.content
    assert "".join(r.delta or "" for r in responses) == expected.message.content
    assert len([r for r in responses if r.delta]) > 5, "in pieces"
    told, same = responses[-1].additional_kwargs, expected.additional_kwargs
    for name in ("prompt_tokens", "completion_tokens", "finish_reason"):
        assert told[name] == same[name]
    assert told["tokens_per_second"] > 0
    assert llm.chat(ASKED).message.content == expected.message.content
    assert llm.complete(SOURCES).text == expected.message.content
    assert llm.count_tokens(ASKED) == plain.count_tokens(ASKED)
    (arguments,) = vllm.STARTED
    assert arguments.model == str(tiny_qwen2)
    assert arguments.max_model_len == -1, "as long as there is room for"
    assert arguments.gpu_memory_utilization == 0.8


def test_it_answers_while_an_event_loop_goes_on(vllm: Any, tiny_qwen2: Path) -> None:
    llm = load(tiny_qwen2)
    ticks = []

    async def both() -> str:
        async def tick() -> None:
            while True:
                ticks.append(time.monotonic())
                await asyncio.sleep(0.005)

        ticking = asyncio.create_task(tick())
        text = "".join([r.delta or "" async for r in await llm.astream_chat(ASKED)])
        assert (await llm.achat(ASKED)).message.content == text
        assert (await llm.acomplete(SOURCES)).text == text
        ticking.cancel()
        return text

    assert "Thomas Blackwood" in asyncio.run(both())
    assert len(ticks) > 10


def test_answers_of_several_readers_are_written_at_once(vllm: Any, tiny_qwen2: Path) -> None:
    llm = load(tiny_qwen2)
    first, second = iter(llm.stream_chat(ASKED)), iter(llm.stream_chat(ASKED))
    texts = ["", ""]
    for _ in range(400):  # in turn: neither waits for the other's end
        for n, stream in enumerate((first, second)):
            texts[n] += getattr(next(stream, None), "delta", "") or ""
    assert texts[0] == texts[1]
    assert "Thomas Blackwood" in texts[0]


@pytest.mark.parametrize("how", ["close", "drop"])
def test_who_leaves_ends_the_generation(how: str, vllm: Any, endless_qwen2: Path) -> None:
    llm = load(endless_qwen2, max_new_tokens=1000)
    stream = llm.stream_chat(ASKED)
    next(stream)
    next(stream)
    assert vllm.ABORTED == []
    if how == "close":
        stream.close()
    else:
        del stream
        gc.collect()
    until = time.monotonic() + 10
    while not vllm.ABORTED and time.monotonic() < until:
        time.sleep(0.01)
    assert len(vllm.ABORTED) == 1


@pytest.fixture(scope="module")
def endless_qwen2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tiny_reader import write_reading_qwen2

    return write_reading_qwen2(tmp_path_factory.mktemp("models") / "endless", stops=False)


def test_an_answer_ends_at_its_limit_and_at_its_time(vllm: Any, endless_qwen2: Path) -> None:
    told = load(endless_qwen2, max_new_tokens=7).chat(ASKED).additional_kwargs
    assert (told["finish_reason"], told["completion_tokens"]) == ("length", 7)
    with pytest.raises(GenerationError, match=r"No complete answer in 0\.2 s"):
        load(endless_qwen2, max_new_tokens=2000, timeout=0.2).chat(ASKED)
    with pytest.raises(GenerationError, match="for a single call"):
        load(endless_qwen2).chat(ASKED, stop=["x"])


def test_a_prompt_that_is_too_long_is_said(vllm: Any, tiny_qwen2: Path) -> None:
    llm = load(tiny_qwen2, context_window=256, max_new_tokens=100)
    assert vllm.STARTED[-1].max_model_len == llm.metadata.context_window == 256
    with pytest.raises(GenerationError, match="takes 156 beside an answer of 100"):
        llm.chat([ChatMessage(role="user", content="lighthouse " * 300)])


def test_the_engine_is_started_once_and_shut_down_when_nobody_holds_it(
    vllm: Any, tiny_qwen2: Path
) -> None:
    one, two = load(tiny_qwen2), load(tiny_qwen2, temperature=0.5)
    assert len(vllm.STARTED) == 1
    threads = [t for t in threading.enumerate() if t.name == "ragkit-vllm"]
    assert threads
    del one
    gc.collect()
    assert vllm.SHUT_DOWN == []
    del two
    gc.collect()
    assert len(vllm.SHUT_DOWN) == 1


def test_what_it_cannot_do_is_said(
    vllm: Any, tiny_qwen2: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ConfigError, match="AWQ"):
        load(tiny_qwen2, quantization="int8")
    with pytest.raises(ConfigError, match="runs on a GPU"):
        load(tiny_qwen2, device="cpu")
    with pytest.raises(ModelUnavailable, match=r"No available memory.*gpu_memory_utilization"):
        load(tiny_qwen2, gpu_memory_utilization=0.05)
    with pytest.raises(ModelUnavailable, match="No weights for 'nobody/none'"):
        load_llm("vllm", "nobody/none")
    load(tiny_qwen2, device="cuda:1")
    assert vllm.STARTED[-1].device_ids == [1]
    monkeypatch.setenv("STAND_IN_GPU", "none")
    with pytest.raises(ModelUnavailable, match="vLLM finds no GPU"):
        load(tiny_qwen2, context_window=300)


def test_without_vllm_what_to_install_is_said_before_anything_is_indexed(
    tiny_qwen2: Path, tiny_embedder: Path, folder: Path
) -> None:
    settings = {"llm.kind": "vllm", "llm.model": str(tiny_qwen2)}
    settings["embedder.model"] = str(tiny_embedder)
    kb = ragkit.open(folder, preset="internlm2", settings=settings)
    with pytest.raises(ModelUnavailable, match="pip install vllm"):
        kb.ask("Who built the lighthouse?")
    assert kb.index_status().files is None


def test_the_milvus_preset_answers_with_it(
    tiny_qwen2: Path, tiny_embedder: Path, folder: Path, tmp_path: Path
) -> None:
    """By the command line, in processes of their own: stdout holds the answer alone."""
    pytest.importorskip("llama_index.vector_stores.milvus", reason='needs "ragkit[milvus]"')
    environment = {
        **os.environ,
        "PYTHONPATH": str(STAND_IN),
        "PYTHONUTF8": "1",
        "RAGKIT_HOME": str(tmp_path),
        "RAGKIT_PRESET": "milvus-vllm",
        "RAGKIT_EMBEDDER__MODEL": str(tiny_embedder),
        "RAGKIT_LLM__KIND": "vllm",
        "RAGKIT_LLM__MODEL": str(tiny_qwen2),
        "RAGKIT_LLM__PROMPT": "direct",  # for which the tiny model's weights were made
    }

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "ragkit", *arguments],
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
            env=environment,
        )

    question = "Who built the lighthouse of Alnmouth?"
    done = run("query", question, "--data", str(folder), "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert "Thomas Blackwood" in found["answer"]
    assert found["citations"][0]["source"] == "history.txt"
    assert "what vLLM logs" in done.stderr
    assert "vLLM is ready" in done.stderr
    said = run("doctor", "--data", str(folder))
    assert str(tiny_qwen2) in said.stdout
