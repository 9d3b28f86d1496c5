"""``transformers serve`` with a tiny Qwen2, asked as any server is."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("llama_index.llms.openai_like", reason='needs pip install "ragkit[openai]"')
pytest.importorskip("torch", reason='needs pip install "ragkit[models]"')
pytest.importorskip("fastapi", reason='needs pip install "ragkit[test]"')

from llama_index.core.llms import ChatMessage
from openai_server import serve_transformers
from tiny_models import write_qwen2

from ragkit.errors import GenerationError
from ragkit.models.server.openai_llm import load_openai_llm

QUESTION = [
    ChatMessage(role="system", content="根据资料回答，并注明出处。"),
    ChatMessage(role="user", content="默认端口是多少？ What is the default port?"),
]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_qwen2(tmp_path_factory.mktemp("models") / "小模型")


@pytest.fixture(scope="module")
def url(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serve_transformers(model, tmp_path_factory.mktemp("hf")) as address:
        yield address


def connect(url: str, model: Path, **settings: Any) -> Any:
    given: dict[str, Any] = {"max_new_tokens": 24, "temperature": 1.0, "seed": 3, **settings}
    return load_openai_llm(str(model), base_url=url, **given)


def test_stream_and_chat(url: str, model: Path) -> None:
    llm = connect(url, model)
    responses = list(llm.stream_chat(QUESTION))
    last = responses[-1]
    assert len(responses) > 3
    assert "".join(r.delta for r in responses) == last.message.content != ""
    facts = last.additional_kwargs
    assert facts["finish_reason"] in ("stop", "length")
    assert 0 < facts["completion_tokens"] <= 24
    assert facts["prompt_tokens"] == own_count(model)
    assert facts["tokens_per_second"] > 0
    assert llm.chat(QUESTION).message.content == last.message.content  # the same seed


def own_count(model: Path) -> int:
    from transformers import AutoTokenizer

    messages = [{"role": m.role.value, "content": m.content} for m in QUESTION]
    tokenizer = AutoTokenizer.from_pretrained(model)
    ids = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_dict=True)
    return len(ids["input_ids"])


def test_the_estimate_is_on_the_careful_side(url: str, model: Path) -> None:
    from ragkit.models.llm import count_tokens

    assert count_tokens(connect(url, model), QUESTION) >= own_count(model)


def test_greedy_by_default_and_an_honest_length(url: str, model: Path) -> None:
    llm = load_openai_llm(str(model), base_url=url, max_new_tokens=5)
    one, two = (llm.chat(QUESTION) for _ in range(2))
    assert one.message.content == two.message.content
    assert one.additional_kwargs["completion_tokens"] <= 5


def test_closing_frees_the_server(url: str, model: Path) -> None:
    """A generation of minutes, left after two pieces, must not keep the next one waiting."""
    stream = connect(url, model, max_new_tokens=30_000).stream_chat(QUESTION)
    for _ in range(2):
        next(stream)
    stream.close()
    started = time.monotonic()
    connect(url, model, max_new_tokens=2).chat(QUESTION)
    assert time.monotonic() - started < 10


def test_several_readers_at_once(url: str, model: Path) -> None:
    llm = connect(url, model, temperature=0.0)
    asked = [[ChatMessage(role="user", content=text)] for text in ("备份在哪里？", "Which port?")]
    alone = [llm.chat(messages).message.content for messages in asked]
    together: dict[int, str] = {}

    def ask(n: int) -> None:
        together[n] = llm.chat(asked[n]).message.content

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [together[0], together[1]] == alone


def test_another_model_and_a_forgotten_v1(url: str, model: Path) -> None:
    with pytest.raises(GenerationError, match="has no model 'another'") as raised:
        connect(url, Path("another")).chat(QUESTION)
    assert str(model) in str(raised.value)
    with pytest.raises(GenerationError, match=f"most servers want {url}"):
        connect(url.removesuffix("/v1"), model).chat(QUESTION)
