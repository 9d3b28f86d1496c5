"""``OpenAILike`` made correct: streams that end, failures in words, answers without thoughts.

LlamaIndex's class sends the request and holds the settings. Ours is what happens around it: it
retries for up to a minute where a server is gone, lets exceptions of three libraries through,
gives no reason for an end, counts no tokens, and mixes thoughts into the text.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import httpx
import openai
from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponse,
    ChatResponseAsyncGen,
    ChatResponseGen,
    MessageRole,
)
from llama_index.core.bridge.pydantic import PrivateAttr
from llama_index.core.llms.callbacks import llm_chat_callback
from llama_index.llms.openai.utils import to_openai_message_dicts
from llama_index.llms.openai_like import OpenAILike

from ragkit.errors import GenerationError
from ragkit.models.server.errors import Server, explain, explain_response, is_dropped
from ragkit.models.server.info import list_models
from ragkit.models.thoughts import AnswerText

__all__ = ["ServerLLM"]

# ValueError: a line that is not JSON, or not text. AttributeError, TypeError: JSON of another form.
_FAILURES = (openai.OpenAIError, httpx.HTTPError, ValueError, AttributeError, TypeError)
_NO_KEY = "none"


@dataclass
class _Tally:
    """What is known of one answer when it has ended."""

    asked: float
    first: float = 0.0
    last: float = 0.0
    chunks: int = 0
    usage: Any = None
    end: str | None = None

    def count(self, now: float) -> None:
        self.first = self.first or now
        self.last = now
        self.chunks += 1

    def report(self) -> dict[str, Any]:
        prompt = getattr(self.usage, "prompt_tokens", None)
        written = getattr(self.usage, "completion_tokens", None) or self.chunks
        # The first token waits for the prompt to be read, so it is no measure of writing.
        seconds = self.last - self.first if self.chunks > 1 else self.last - self.asked
        steps = written - 1 if self.chunks > 1 else written
        return {
            "prompt_tokens": prompt,
            "completion_tokens": written,
            "tokens_per_second": steps / seconds if seconds > 0 else None,
            "finish_reason": "length" if self.end == "length" else "stop",
        }


class ServerLLM(OpenAILike):
    """A chat model behind an OpenAI-compatible server. Safe to share between threads.

    ``stream_chat`` yields as soon as a chunk comes: ``delta`` is new text ("" while the model
    thinks) and ``message.content`` all of it. The last one's ``additional_kwargs`` have
    ``prompt_tokens`` (None where the server does not tell), ``completion_tokens`` (thoughts
    included; the number of chunks where it does not tell), ``tokens_per_second`` and
    ``finish_reason`` ("stop" or "length"). Closing the generator closes the connection, upon which
    servers stop generating. Raises GenerationError and nothing else.
    """

    _server: Server = PrivateAttr()
    _http: httpx.Client = PrivateAttr()
    _ask_usage: bool = PrivateAttr(default=True)

    @classmethod
    def connect(
        cls,
        server: Server,
        http: httpx.Client,
        *,
        model: str,
        context_window: int,
        max_new_tokens: int,
        temperature: float,
        top_p: float,
        seed: int | None,
    ) -> ServerLLM:
        """Return the LLM; nothing is sent yet."""
        extra: dict[str, Any] = {} if seed is None else {"seed": seed}
        if temperature > 0:
            extra["top_p"] = top_p  # a server's own default may be another
        llm = cls(
            model=model,
            api_base=server.base_url,
            api_key=_NO_KEY,  # shown by repr; the key itself is in the client alone
            context_window=context_window,
            is_chat_model=True,
            max_tokens=max_new_tokens,
            temperature=temperature,
            additional_kwargs=extra,
            max_retries=0,
            timeout=server.timeout,
            openai_client=_client(server, http),
        )
        llm._server, llm._http = server, http
        return llm

    @classmethod
    def class_name(cls) -> str:
        """Return the name that LlamaIndex's callbacks show."""
        return "ServerLLM"

    def stream_chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponseGen:
        """Answer ``messages`` piece by piece; see the class."""
        responses = self._stream_chat(messages, **kwargs)

        @llm_chat_callback()
        def observed(_self: Any, _messages: Sequence[ChatMessage]) -> ChatResponseGen:
            return responses

        # LlamaIndex's wrapper leaves the closing of what it wraps to the garbage collector.
        with closing(responses):
            yield from observed(self, messages)

    def _stream_chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponseGen:
        tally, answer = _Tally(time.perf_counter()), AnswerText()
        try:
            with closing(self._chunks(messages, kwargs)) as chunks:
                for chunk in chunks:
                    yield _response(answer.push(_read(chunk, tally, answer)), answer)
                    if time.perf_counter() - tally.asked > self._server.timeout:
                        raise GenerationError(
                            f"The answer took longer than {self._server.timeout:g} s. "
                            "Raise llm.timeout, or lower llm.max_new_tokens."
                        )
        except _FAILURES as error:
            if tally.end is None:
                raise GenerationError(self._explain(error)) from error
        if tally.end is None:
            raise GenerationError(
                f"The model server at {self._server.base_url} broke off before the end of the "
                "answer. Ask again; if it happens again, the server's log says more."
            )
        rest = answer.finish()
        if tally.end == "length" and answer.thought and not answer.text:
            raise GenerationError(
                f"The model spent all {self.max_tokens} tokens on thoughts. Raise "
                "llm.max_new_tokens, or turn its thinking off at the server."
            )
        yield _response(rest, answer, tally.report())

    def _chunks(
        self, messages: Sequence[ChatMessage], kwargs: dict[str, Any]
    ) -> Generator[Any, None, None]:
        """Yield what the server sends, after one more try where an idle connection was dropped."""
        for last_try in (False, True):
            began = False
            try:
                with closing(self._open(messages, kwargs)) as stream:
                    for chunk in stream:
                        began = True
                        yield chunk
                return
            except (httpx.HTTPError, openai.APIConnectionError) as error:
                if last_try or began or not is_dropped(error):
                    raise

    def _open(self, messages: Sequence[ChatMessage], kwargs: dict[str, Any]) -> openai.Stream[Any]:
        payload = self._get_model_kwargs(stream=True, **kwargs)
        payload["messages"] = to_openai_message_dicts(messages, model=self.model)
        create = self._get_client().chat.completions.create
        stream: openai.Stream[Any]
        if self._ask_usage:
            try:
                stream = create(**payload, stream_options={"include_usage": True})
            except (openai.BadRequestError, openai.UnprocessableEntityError) as error:
                if "stream_options" not in error.response.text:
                    raise
                self._ask_usage = False
        if not self._ask_usage:
            stream = create(**payload)
        kind = stream.response.headers.get("content-type", "")
        if kind.startswith(("text/html", "application/json")):
            with closing(stream):
                raise GenerationError(self._explain_page(stream.response))
        return stream

    def _explain(self, error: BaseException) -> str:
        return explain(error, self._server, model=self.model, models=self._models)

    def _explain_page(self, response: httpx.Response) -> str:
        response.read()
        return explain_response(response, self._server, model=self.model, models=self._models)

    def _models(self) -> list[str]:
        return list_models(self._http, self._server)

    def _chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        *_, last = self._stream_chat(messages, **kwargs)
        return last

    async def _achat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        *_, last = [response async for response in await self._astream_chat(messages, **kwargs)]
        return last

    async def _astream_chat(
        self, messages: Sequence[ChatMessage], **kwargs: Any
    ) -> ChatResponseAsyncGen:
        responses = self._stream_chat(messages, **kwargs)
        reading, left = threading.Lock(), threading.Event()

        def step() -> ChatResponse | None:
            with reading:
                response = next(responses, None)
                if left.is_set():  # cancelled while this thread waited for the server
                    responses.close()
                return response

        async def read() -> ChatResponseAsyncGen:
            try:
                while (response := await asyncio.to_thread(step)) is not None:
                    yield response
            finally:
                left.set()
                if reading.acquire(blocking=False):
                    responses.close()

        return read()


def _client(server: Server, http: httpx.Client) -> openai.OpenAI:
    client = openai.OpenAI(
        api_key=server.api_key or _NO_KEY,
        base_url=server.base_url,
        timeout=http.timeout,
        max_retries=0,
        http_client=http,
    )
    # The package takes these from OPENAI_* variables, which are meant for another service.
    client.organization = client.project = client.admin_api_key = None
    client._custom_headers = {}
    return client


def _read(chunk: Any, tally: _Tally, answer: AnswerText) -> str:
    """Return the text in ``chunk``, and keep what else it says."""
    tally.usage = chunk.usage or tally.usage
    if not chunk.choices:
        return ""
    choice = chunk.choices[0]
    tally.end = choice.finish_reason or tally.end
    delta = choice.delta
    if any(getattr(delta, name, None) for name in ("reasoning_content", "reasoning")):
        answer.thought = True
        tally.count(time.perf_counter())
    text: str = (delta and delta.content) or ""
    if text:
        tally.count(time.perf_counter())
    return text


def _response(delta: str, answer: AnswerText, report: dict[str, Any] | None = None) -> ChatResponse:
    message = ChatMessage(role=MessageRole.ASSISTANT, content=answer.text)
    return ChatResponse(message=message, delta=delta, additional_kwargs=report or {})
