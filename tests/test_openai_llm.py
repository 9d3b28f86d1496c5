"""Models behind a server that misbehaves in every way that servers do."""

from __future__ import annotations

import asyncio
import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

pytest.importorskip("llama_index.llms.openai_like", reason='needs pip install "ragkit[openai]"')

from llama_index.core.llms import ChatMessage
from openai_server import Exchange, Route, Stub, free_port, run_stub

from ragkit.cli import ragkit
from ragkit.errors import ConfigError, GenerationError, ModelUnavailable
from ragkit.models.server.openai_llm import CAREFUL_WINDOW, load_openai_llm

QUESTION = [
    ChatMessage(role="system", content="回答要简短。"),
    ChatMessage(role="user", content="默认端口是多少？"),
]
KEY = "sk-a-very-secret-key"


@pytest.fixture
def stub() -> Iterator[Stub]:
    with run_stub() as server:
        yield server


def connect(stub: Stub, **settings: Any) -> Any:
    """Return an LLM that asks nothing before its first question."""
    given: dict[str, Any] = {"context_window": 2048, "base_url": stub.url, **settings}
    return load_openai_llm(given.pop("model", "tiny"), **given)


def say(*texts: str, usage: tuple[int, int] | None = None, reason: str = "stop") -> Route:
    def route(exchange: Exchange) -> None:
        exchange.begin()
        for text in texts:
            exchange.delta(text)
        exchange.end(reason, usage)

    return route


def failure(llm: Any) -> str:
    """Return the words in which a question fails: short ones, without a key."""
    started = time.monotonic()
    with pytest.raises(GenerationError) as raised:
        list(llm.stream_chat(QUESTION))
    assert time.monotonic() - started < 4
    return in_words(raised.value)


def in_words(error: Exception) -> str:
    words = str(error)
    sentences = re.findall(r"[.!?](?= [A-Z]|$)", words)
    assert 1 <= len(sentences) <= 3, words
    assert KEY not in words
    assert "Traceback" not in words
    return words


# Answers


def test_stream(stub: Stub) -> None:
    stub.on_chat(say("默认", "端口是", " 8501。", usage=(17, 9)))
    *responses, last = connect(stub, seed=7).stream_chat(QUESTION)
    texts = [r.message.content for r in responses]
    assert texts[:3] == ["默认", "默认端口是", "默认端口是 8501。"]
    assert "".join(r.delta for r in [*responses, last]) == last.message.content == texts[2]
    facts = last.additional_kwargs
    assert (facts["prompt_tokens"], facts["completion_tokens"]) == (17, 9)
    assert facts["finish_reason"] == "stop"
    assert facts["tokens_per_second"] > 0
    sent = stub.chats[0].body
    assert sent["messages"] == [{"role": m.role.value, "content": m.content} for m in QUESTION]
    assert (sent["temperature"], sent["max_tokens"], sent["seed"]) == (0, 512, 7)
    assert sent["stream_options"] == {"include_usage": True}


def test_the_other_ways_to_ask_give_the_same(stub: Stub) -> None:
    stub.on_chat(say("8501", "。", usage=(4, 2), reason="length"))
    llm = connect(stub, temperature=0.5, top_p=0.9)
    assert llm.chat(QUESTION).additional_kwargs["finish_reason"] == "length"
    assert llm.complete("端口？").text == "8501。"
    assert [r.text for r in llm.stream_complete("端口？")][-1] == "8501。"
    assert stub.chats[0].body["top_p"] == 0.9

    async def ask() -> list[Any]:
        streamed = [r async for r in await llm.astream_chat(QUESTION)]
        return [streamed[-1], await llm.achat(QUESTION)]

    assert [r.message.content for r in asyncio.run(ask())] == ["8501。", "8501。"]


def test_characters_cut_between_packets(stub: Stub) -> None:
    def route(exchange: Exchange) -> None:
        exchange.begin()
        event = 'data: {"choices":[{"index":0,"delta":{"content":"端口😀"}}]}\n\n'
        for byte in event.encode():
            exchange.bytes(bytes([byte]))
        exchange.end()

    stub.on_chat(route)
    assert connect(stub).chat(QUESTION).message.content == "端口😀"


def test_a_server_that_tells_no_counts(stub: Stub) -> None:
    stub.on_chat(say("a", "b", "c"))
    facts = connect(stub).chat(QUESTION).additional_kwargs
    assert facts["prompt_tokens"] is None
    assert facts["completion_tokens"] == 3


def test_a_server_that_rejects_stream_options(stub: Stub) -> None:
    def route(exchange: Exchange) -> None:
        if "stream_options" in exchange.request_read.body:
            exchange.json({"error": {"message": "Unknown field: stream_options"}}, status=400)
        else:
            say("ja")(exchange)

    stub.on_chat(route)
    llm = connect(stub)
    assert [llm.chat(QUESTION).message.content for _ in range(2)] == ["ja", "ja"]
    assert len(stub.chats) == 3  # told once, remembered


def test_thoughts_are_not_the_answer(stub: Stub) -> None:
    def route(exchange: Exchange) -> None:
        exchange.begin()
        exchange.event('{"choices":[{"index":0,"delta":{"reasoning_content":"Hmm, 8000?"}}]}')
        exchange.event('{"choices":[{"index":0,"delta":{"reasoning":"No."}}]}')
        for text in ("<thi", "nk>Or 90", "00?</th", "ink>\n\n85", "01"):
            exchange.delta(text)
        exchange.end()

    stub.on_chat(route)
    responses = list(connect(stub).stream_chat(QUESTION))
    assert "".join(r.delta for r in responses) == responses[-1].message.content == "8501"
    assert responses[0].delta == ""  # a reader who leaves while the model thinks is heard
    assert responses[-1].additional_kwargs["completion_tokens"] == 7


def test_only_thoughts_are_an_error(stub: Stub) -> None:
    stub.on_chat(say("<think>So ", "many", reason="length"))
    assert "512 tokens on thoughts" in failure(connect(stub))


# The connection


@pytest.mark.parametrize("read", [1, 3])
def test_closing_ends_the_request_at_once(stub: Stub, read: int) -> None:
    def route(exchange: Exchange) -> None:
        exchange.begin()
        for _ in range(400):
            exchange.delta("a ")
            time.sleep(0.02)

    stub.on_chat(route)
    stream = connect(stub).stream_chat(QUESTION)
    for _ in range(read):
        next(stream)
    stream.close()
    assert stub.left.wait(1)


def test_an_async_reader_who_is_cancelled_leaves(stub: Stub) -> None:
    def route(exchange: Exchange) -> None:
        exchange.begin()
        for _ in range(400):
            exchange.delta("a ")
            time.sleep(0.02)

    stub.on_chat(route)
    llm = connect(stub)

    async def read() -> None:
        async for _ in await llm.astream_chat(QUESTION):
            pass

    with pytest.raises(asyncio.TimeoutError):
        asyncio.run(asyncio.wait_for(read(), 0.3))
    assert stub.left.wait(1)


def test_one_more_try_where_a_connection_was_dropped(stub: Stub) -> None:
    stub.on_chat(lambda e: e.drop() if len(stub.chats) == 1 else say("ja")(e))
    assert connect(stub).chat(QUESTION).message.content == "ja"
    stub.on_chat(lambda e: e.drop())
    before = len(stub.chats)
    assert "broke off" in failure(connect(stub))
    assert len(stub.chats) - before == 2


def test_a_cut_keeps_the_text_so_far(stub: Stub) -> None:
    def route(exchange: Exchange) -> None:
        exchange.begin()
        exchange.delta("默认")
        exchange.delta("端口")
        exchange.drop()

    stub.on_chat(route)
    got = []
    with pytest.raises(GenerationError) as raised:
        got.extend(r.message.content for r in connect(stub).stream_chat(QUESTION))
    assert "broke off" in in_words(raised.value)
    assert "默认端口" in got
    assert len(stub.chats) == 1  # an answer that has begun is not asked for again


def test_an_end_without_a_reason_is_a_cut(stub: Stub) -> None:
    def route(exchange: Exchange) -> None:
        exchange.begin()
        exchange.delta("half an ans")
        exchange.end(reason=None)

    stub.on_chat(route)
    assert "broke off before the end" in failure(connect(stub))


def test_a_cut_after_the_end_loses_nothing(stub: Stub) -> None:
    def route(exchange: Exchange) -> None:
        exchange.begin()
        exchange.event('{"choices":[{"delta":{"content":"ja"},"finish_reason":"stop"}]}')
        exchange.drop()

    stub.on_chat(route)
    assert connect(stub).chat(QUESTION).message.content == "ja"


@pytest.mark.parametrize("texts", [(), ("Well",)])
def test_a_server_that_falls_silent(stub: Stub, texts: tuple[str, ...]) -> None:
    def route(exchange: Exchange) -> None:
        if texts:
            exchange.begin()
            exchange.delta(*texts)
        stub.left.wait(3)

    stub.on_chat(route)
    assert "sent nothing for 0.4 s" in failure(connect(stub, timeout=0.4))
    assert len(stub.chats) == 1


def test_an_answer_without_an_end(stub: Stub) -> None:
    def route(exchange: Exchange) -> None:
        exchange.begin()
        while True:
            exchange.delta("and ")
            time.sleep(0.05)

    stub.on_chat(route)
    assert "longer than 0.5 s" in failure(connect(stub, timeout=0.5))
    assert stub.left.wait(1)


def test_no_server() -> None:
    nowhere = f"http://127.0.0.1:{free_port()}/v1"
    started = time.monotonic()
    with pytest.raises(ModelUnavailable) as raised:
        load_openai_llm("tiny", base_url=nowhere)
    words = in_words(raised.value)
    assert nowhere in words
    assert "vllm serve" in words
    assert "--preset lite" in words
    assert words == failure(load_openai_llm("tiny", base_url=nowhere, context_window=2048))
    assert time.monotonic() - started < 4


def test_no_such_host() -> None:
    llm = load_openai_llm("tiny", base_url="http://no-such-host.invalid/v1", context_window=512)
    assert "'no-such-host.invalid'" in failure(llm)


def test_tls_to_a_plain_server(stub: Stub) -> None:
    words = failure(connect(stub, base_url=stub.url.replace("http:", "https:")))
    assert "begin llm.base_url with http://" in words


# What a server answers instead


def error(message: str, status: int, **more: Any) -> Route:
    return lambda e: e.json({"error": {"message": message, **more}}, status=status)


@pytest.mark.parametrize(
    ("message", "status", "more"),
    [
        (
            "This model's maximum context length is 4096 tokens. However, you requested 9000 "
            "tokens (8488 in the messages, 512 in the completion).",
            400,
            {"type": "BadRequestError"},
        ),
        (
            "request (9000 tokens) exceeds the available context size (4096 tokens)",
            400,
            {"type": "exceed_context_size_error", "n_ctx": 4096},
        ),
        (
            "The input (9000 tokens) is longer than the model's context length (4096 tokens).",
            400,
            {},
        ),
        (
            "Trying to keep the first 9000 tokens when context the overflows. However, the model "
            "is loaded with context length of only 4096 tokens, which is not enough.",
            400,
            {},
        ),
        ("Input is too long", 400, {"code": "context_length_exceeded"}),
        ("the input length exceeds the context length", 500, {}),
    ],
)
def test_a_prompt_that_is_too_long(
    stub: Stub, message: str, status: int, more: dict[str, Any]
) -> None:
    stub.on_chat(error(message, status, **more))
    words = failure(connect(stub))
    assert "longer than the model" in words
    assert "llm.context_window" in words
    assert ("(4096 tokens)" in words) == ("4096" in message)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (404, {"error": {"message": "The model `tiny` does not exist.", "code": 404}}),
        (404, {"error": {"message": "model 'tiny' not found", "type": "api_error"}}),
        (404, {"error": {"message": "Not here", "code": "model_not_found"}}),
        (400, {"detail": "Server is pinned to '/models/qwen'; requested 'tiny'."}),
    ],
)
def test_an_unknown_model_names_the_others(stub: Stub, status: int, body: dict[str, Any]) -> None:
    stub.on_chat(lambda e: e.json(body, status=status))
    stub.lists({"id": "qwen2-7b"}, {"id": "书生"})
    words = failure(connect(stub))
    assert "no model 'tiny'" in words
    assert "qwen2-7b, 书生" in words


def test_keys(stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    stub.on_chat(error(f"Incorrect API key provided: {KEY}", 401))
    words = failure(connect(stub, api_key=KEY))
    assert "does not accept the key" in words
    assert "RAGKIT_LLM__API_KEY" in words
    assert "wants a key" in failure(connect(stub))
    monkeypatch.setenv("OPENAI_API_KEY", "sk-another")
    assert "OPENAI_API_KEY is never sent" in failure(connect(stub))
    stub.routes["/v1/models"] = error("no", 401)
    with pytest.raises(ModelUnavailable, match="wants a key"):
        connect(stub, context_window=None)


def test_secrets_of_other_programs_stay_here(stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("API_KEY", "ADMIN_KEY", "ORG_ID", "PROJECT_ID"):
        monkeypatch.setenv(f"OPENAI_{name}", "another-secret")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "X-Gateway: another-secret")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    monkeypatch.setenv("OPENAI_API_BASE", "http://127.0.0.1:9/v1")
    stub.on_chat(say("ja"))
    stub.lists({"id": "tiny"})
    connect(stub, context_window=None).chat(QUESTION)
    assert stub.requests
    assert not [r for r in stub.requests if "another-secret" in str(r)]


def test_the_key_is_sent_and_not_shown(stub: Stub) -> None:
    stub.on_chat(say("ja"))
    stub.lists({"id": "tiny"})
    llm = connect(stub, api_key=f" {KEY}\n", context_window=None)
    llm.chat(QUESTION)
    assert {r.headers["authorization"] for r in stub.requests} == {f"Bearer {KEY}"}
    assert KEY not in f"{llm!r} {llm} {llm.to_dict()} {llm.model_dump_json()} {llm.to_payload()}"


PAGE = "<!doctype html><title>Welcome</title>"


@pytest.mark.parametrize(
    ("route", "said"),
    [
        (lambda e: e.text(PAGE, kind="text/html"), "a web page"),
        (lambda e: e.text(PAGE, kind="text/html", status=404), "a web page"),
        (lambda e: e.text("404 page not found", kind="text/plain", status=404), "no chat at"),
        (lambda e: e.text(PAGE, kind="text/html", status=502), r"failed \(502\)"),
        (lambda e: e.json({}, status=301, location="https://host/v1"), "sends on to https://host"),
        (error("Slow down", 429), "a little later"),
        (lambda e: e.json({}, status=429, retry_after="7"), "in 7 s"),
        (error("CUDA out of memory", 500), "CUDA out of memory"),
        (error("Loading model", 503), "still loading"),
        (error("temperature must be below 1", 400), "temperature must be below 1"),
        (error("No permission", 403), r"\(403\)"),
        (lambda e: e.json({"error": "Model has crashed"}), "Model has crashed"),
        (lambda e: e.text("", kind="text/plain", status=500), r"failed \(500\)"),
    ],
)
def test_answers_that_are_none(stub: Stub, route: Route, said: str) -> None:
    stub.on_chat(route)
    assert re.search(said, failure(connect(stub)))
    assert len(stub.chats) == 1


def test_a_forgotten_v1(stub: Stub) -> None:
    words = failure(connect(stub, base_url=stub.url.removesuffix("/v1")))
    assert f"most servers want {stub.url}." in words


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"error": {"message": "KV cache is full"}}', "KV cache is full"),
        ('{"error": "worker died"}', "worker died"),
        ('{"error": {"message": "exceeds the context length of 4096"}}', "4096 tokens"),
        ('{"choices": [{"delta"', "not JSON"),
        ('{"choices": [5]}', "failed while answering"),
        ('{"choices": 5}', "failed while answering"),
        ("[]", "failed while answering"),
    ],
)
def test_failures_within_a_stream(stub: Stub, line: str, said: str) -> None:
    def route(exchange: Exchange) -> None:
        exchange.begin()
        exchange.delta("Well")
        exchange.event(line)
        exchange.end()

    stub.on_chat(route)
    assert said in failure(connect(stub))


def test_bytes_that_are_no_text(stub: Stub) -> None:
    def route(exchange: Exchange) -> None:
        exchange.begin()
        exchange.bytes(b'data: {"choices":[{"delta":{"content":"\xff\xfe"}}]}\n\n')
        exchange.end()

    stub.on_chat(route)
    assert failure(connect(stub))


# What a server tells of itself


@pytest.mark.parametrize(
    ("entry", "routes", "window"),
    [
        ({"id": "tiny", "max_model_len": 8192}, {}, 8192),
        ({"id": "tiny", "meta": {"n_ctx": 6144, "n_ctx_train": 32768}}, {}, 6144),
        (
            {"id": "tiny", "meta": {"n_ctx_train": 32768}},
            {"/props": {"default_generation_settings": {"n_ctx": 5120}}},
            5120,
        ),
        (
            {"id": "tiny:latest"},
            {"/api/ps": {"models": [{"name": "tiny:latest", "context_length": 16384}]}},
            16384,
        ),
        (
            {"id": "tiny:latest"},
            {
                "/api/ps": {"models": []},
                "/api/show": {
                    "parameters": 'num_ctx                        12288\nstop  "<|im_end|>"',
                    "model_info": {"qwen2.context_length": 32768},
                },
            },
            12288,
        ),
        (
            {"id": "tiny:latest"},
            {"/api/ps": {"models": []}, "/api/show": {"model_info": {"a.context_length": 32768}}},
            CAREFUL_WINDOW,
        ),
        (
            {"id": "tiny"},
            {"/api/v0/models": {"data": [{"id": "tiny", "loaded_context_length": 3072}]}},
            3072,
        ),
        ({"id": "tiny"}, {}, CAREFUL_WINDOW),
        ({"id": "tiny", "max_model_len": None}, {"/props": ["?"]}, CAREFUL_WINDOW),
        ({"id": "another", "max_model_len": 8192}, {}, CAREFUL_WINDOW),
    ],
)
def test_context_window(
    stub: Stub, entry: dict[str, Any], routes: dict[str, Any], window: int
) -> None:
    stub.lists(entry)
    for path, body in routes.items():
        stub.routes[path] = lambda e, body=body: e.json(body)  # type: ignore[misc]
    assert connect(stub, context_window=None).metadata.context_window == window
    assert connect(stub, context_window=777).metadata.context_window == 777


@pytest.mark.parametrize("wanted", ["", "default"])
def test_the_model_is_the_first_that_answers(stub: Stub, wanted: str) -> None:
    stub.lists({"id": "text-embedding-nomic"}, {"id": "qwen"}, {"id": "llama"}, {"no": "id"})
    llm = connect(stub, model=wanted)
    assert llm.metadata.model_name == "qwen"
    assert llm.metadata.is_chat_model
    stub.lists({"id": "qwen"}, {"id": "default"})
    assert connect(stub, model=wanted).metadata.model_name == "default"


@pytest.mark.parametrize(
    ("route", "said"),
    [
        (lambda e: e.json({"data": []}), "names no model"),
        (lambda e: e.json({"data": [{"id": "bge-embed"}]}), "names no model"),
        (lambda e: e.json({}, status=404), "llm.base_url"),
        (lambda e: e.text(PAGE, kind="text/html"), "a web page"),
        (lambda e: e.json({"error": "Loading"}, status=503), "still loading"),
    ],
)
def test_no_model_to_choose(stub: Stub, route: Route, said: str) -> None:
    stub.routes["/v1/models"] = route
    with pytest.raises(ModelUnavailable) as raised:
        connect(stub, model="default")
    assert said in in_words(raised.value)
    assert connect(stub, model="named", context_window=None).metadata.model_name == "named"


def test_a_server_too_busy_to_list(stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ragkit.models.server.info._LIST_SECONDS", 0.2)
    monkeypatch.setattr("ragkit.models.server.info._SECONDS", 0.2)
    stub.routes["/v1/models"] = stub.routes["/props"] = lambda e: time.sleep(1)
    assert connect(stub, context_window=None).metadata.context_window == CAREFUL_WINDOW
    with pytest.raises(ModelUnavailable, match=r"within 0\.2 s"):
        connect(stub, model="default")


# The machine around it


def test_a_proxy_is_not_asked_for_this_machine(stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    with run_stub() as proxy:
        address = f"http://127.0.0.1:{proxy.port}"
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, address)
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.delenv(name, raising=False)
        stub.on_chat(say("ja"))
        stub.lists({"id": "tiny"})
        for host in ("127.0.0.1", "localhost"):
            llm = connect(stub, base_url=stub.url.replace("127.0.0.1", host), context_window=None)
            assert llm.chat(QUESTION).message.content == "ja"
        assert not proxy.requests

        far = {"base_url": "http://far.invalid/v1"}
        proxy.routes["http://far.invalid/v1/chat/completions"] = say("from afar")
        assert connect(stub, **far).chat(QUESTION).message.content == "from afar"
        monkeypatch.setenv("NO_PROXY", "far.invalid")
        assert "far.invalid" in failure(connect(stub, **far))


def test_a_socks_proxy_is_no_matter_for_this_machine(
    stub: Stub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:9")
    stub.on_chat(say("ja"))
    assert connect(stub).chat(QUESTION).message.content == "ja"


def test_nobody_else_is_asked(stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither OpenAI nor the place that tiktoken fetches its vocabularies from."""
    asked = []
    find = socket.getaddrinfo

    def watched(host: Any, *rest: Any, **more: Any) -> Any:
        asked.append(host)
        return find(host, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", watched)
    stub.on_chat(say("ja"))
    stub.lists({"id": "gpt-4o"})
    llm = connect(stub, model="gpt-4o", context_window=None)
    assert llm.complete("端口？").text == "ja"
    from llama_index.core.utils import get_tokenizer

    assert get_tokenizer()("端口")
    assert set(asked) == {"127.0.0.1"}


@pytest.mark.parametrize(
    "address",
    [
        "",
        "  ",
        "127.0.0.1:8000/v1",
        "http://",
        "ftp://host/v1",
        "http://a:b@host/v1",
        "http://host:99999/v1",
        "http://host/v1?key=1",
        "http://[::1/v1",
    ],
)
def test_addresses_that_are_none(address: str) -> None:
    with pytest.raises(ConfigError, match=r"llm\.base_url") as raised:
        load_openai_llm("tiny", base_url=address)
    assert "a:b" not in in_words(raised.value)


def test_no_address() -> None:
    with pytest.raises(ConfigError, match="base_url is empty"):
        load_openai_llm("tiny", base_url=None)


@pytest.mark.parametrize("tail", ["/", "/chat/completions", "/chat/completions/"])
def test_addresses_with_too_much(stub: Stub, tail: str) -> None:
    stub.on_chat(say("ja"))
    assert connect(stub, base_url=stub.url + tail).chat(QUESTION).message.content == "ja"


@pytest.mark.parametrize("key", ["two words", "sk-\nnewline", "钥匙"])
def test_keys_that_are_none(stub: Stub, key: str) -> None:
    with pytest.raises(ConfigError, match=r"llm\.api_key") as raised:
        connect(stub, api_key=key)
    assert key not in str(raised.value)


@pytest.mark.parametrize("arguments", [["presets"], ["presets", "qdrant-openai", "--json"]])
def test_presets_never_show_the_key(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    without = CliRunner().invoke(ragkit, arguments, catch_exceptions=False)
    monkeypatch.setenv("RAGKIT_LLM__API_KEY", KEY)
    done = CliRunner().invoke(ragkit, arguments, catch_exceptions=False)
    assert (without.exit_code, done.exit_code) == (0, 0)
    assert KEY not in done.output
    assert without.output != done.output  # that there is one is shown
