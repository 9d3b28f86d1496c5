"""LlamaIndex's ``HuggingFaceLLM`` for a chat model on this machine, made to answer and to stop."""

# mypy: disable-error-code="import-not-found, misc, no-untyped-call"
# (Base classes of type Any where the integration is not installed.)

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponse,
    ChatResponseAsyncGen,
    ChatResponseGen,
    CompletionResponse,
    CompletionResponseAsyncGen,
    CompletionResponseGen,
)
from llama_index.core.bridge.pydantic import Field, PrivateAttr
from llama_index.core.llms.callbacks import llm_chat_callback, llm_completion_callback
from llama_index.llms.huggingface import HuggingFaceLLM

from ragkit.errors import ConfigError
from ragkit.models.calls import chat_stream, completion_stream, options_of_call, prompt_ids
from ragkit.models.causal import Causal, context_window
from ragkit.models.chat_template import chat_text, check_template, encode_chat
from ragkit.models.generation import Generation
from ragkit.models.responses import (
    awhole,
    completion,
    pulled,
    responses,
    until_aclosed,
    whole,
)

__all__ = ["LocalLLM"]

_DEFAULT_WINDOW = 4096  # for a model whose configuration names no length


class LocalLLM(HuggingFaceLLM):
    """A chat model in this process.

    Streams yield ``ChatResponse`` with ``delta`` (which may be empty) and the text so far in
    ``message.content``. While others are before this reader, ``additional_kwargs`` is
    ``{"place": n}``; in the last response it has ``prompt_tokens``, ``completion_tokens``,
    ``tokens_per_second`` and ``finish_reason`` (``stop`` or ``length``). Closing or dropping a
    stream ends the generation within two tokens. One answer is generated at a time, first come,
    first served. Whatever goes wrong is a GenerationError.
    """

    temperature: float = Field(default=0.0, ge=0, description="0: always the likeliest token.")
    top_p: float = Field(default=1.0, gt=0, le=1, description="Share of likelihood sampled from.")
    seed: int | None = Field(default=None, description="Makes sampling repeatable.")
    timeout: float = Field(default=300.0, gt=0, description="Seconds for an answer.")
    patience: float = Field(default=30.0, gt=0, description="Seconds an answer may lie unread.")
    _causal: Causal = PrivateAttr()

    def __init__(
        self,
        causal: Causal,
        *,
        max_new_tokens: int = 512,
        temperature: float = 0.0,
        top_p: float = 1.0,
        seed: int | None = None,
        context_window: int | None = None,
        timeout: float = 300.0,
    ) -> None:
        """Answer with ``causal``.

        ``context_window`` is by default the model's own. Where the window is small,
        ``max_new_tokens`` becomes half of it. Raises ModelUnavailable for a model without a chat
        template, ConfigError for a ``context_window`` that the model does not have.
        """
        check_template(causal.tokenizer, causal.name)
        window = _window(causal, context_window)
        super().__init__(
            model=causal.model,
            tokenizer=causal.tokenizer,
            model_name=causal.name,
            tokenizer_name=causal.name,
            device_map=causal.device,
            context_window=1,  # the model's own limit is checked without its rope scaling
            max_new_tokens=min(max_new_tokens, window // 2),
            stopping_ids=list(causal.ends),
            # Not LlamaIndex's own bound method, by which printing the object would never end.
            messages_to_prompt=lambda messages: chat_text(causal.tokenizer, messages),
            is_chat_model=True,
        )
        self._causal = causal
        self.context_window = window
        self.temperature, self.top_p, self.seed = temperature, top_p, seed
        self.timeout = timeout

    def count_tokens(self, messages: Sequence[ChatMessage]) -> int:
        """Return the length of the prompt that ``messages`` become, with the template."""
        return len(encode_chat(self._causal.tokenizer, messages))

    def stream_chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponseGen:
        """Answer ``messages`` piece by piece; see the class."""
        answer = self._answer(self._chat_prompt(messages), kwargs)
        return chat_stream(self, messages, answer)

    def chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        """Answer ``messages`` in one piece."""
        answer = self._answer(self._chat_prompt(messages), kwargs)

        @llm_chat_callback()
        def observed(_self: Any, _messages: Sequence[ChatMessage]) -> ChatResponse:
            return whole(responses(answer))

        response: ChatResponse = observed(self, messages)
        return response

    def stream_complete(
        self, prompt: str, formatted: bool = False, **kwargs: Any
    ) -> CompletionResponseGen:
        """Answer ``prompt`` as one message, or as it is where it is ``formatted``, in pieces."""
        answer = self._answer(self._text_prompt(prompt, formatted), kwargs)
        return completion_stream(self, prompt, answer)

    def complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
        """Answer ``prompt`` as one message, or as it is where it is ``formatted``."""
        answer = self._answer(self._text_prompt(prompt, formatted), kwargs)

        @llm_completion_callback()
        def observed(_self: Any, _prompt: str) -> CompletionResponse:
            return completion(whole(responses(answer)))

        response: CompletionResponse = observed(self, prompt)
        return response

    async def astream_chat(
        self, messages: Sequence[ChatMessage], **kwargs: Any
    ) -> ChatResponseAsyncGen:
        """Answer like ``stream_chat`` while the event loop goes on."""
        prompt = await asyncio.to_thread(self._chat_prompt, messages)
        answer = self._answer(prompt, kwargs)

        @llm_chat_callback()
        async def observed(_self: Any, _messages: Sequence[ChatMessage]) -> ChatResponseAsyncGen:
            return pulled(responses(answer), answer)

        return until_aclosed(await observed(self, messages), answer)

    async def achat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        """Answer like ``chat`` while the event loop goes on."""
        prompt = await asyncio.to_thread(self._chat_prompt, messages)
        answer = self._answer(prompt, kwargs)

        @llm_chat_callback()
        async def observed(_self: Any, _messages: Sequence[ChatMessage]) -> ChatResponse:
            return await awhole(pulled(responses(answer), answer))

        response: ChatResponse = await observed(self, messages)
        return response

    async def astream_complete(
        self, prompt: str, formatted: bool = False, **kwargs: Any
    ) -> CompletionResponseAsyncGen:
        """Answer like ``stream_complete`` while the event loop goes on."""
        ids = await asyncio.to_thread(self._text_prompt, prompt, formatted)
        answer = self._answer(ids, kwargs)

        @llm_completion_callback()
        async def observed(_self: Any, _prompt: str) -> CompletionResponseAsyncGen:
            return pulled(map(completion, responses(answer)), answer)

        return until_aclosed(await observed(self, prompt), answer)

    async def acomplete(
        self, prompt: str, formatted: bool = False, **kwargs: Any
    ) -> CompletionResponse:
        """Answer like ``complete`` while the event loop goes on."""
        ids = await asyncio.to_thread(self._text_prompt, prompt, formatted)
        answer = self._answer(ids, kwargs)

        @llm_completion_callback()
        async def observed(_self: Any, _prompt: str) -> CompletionResponse:
            return completion(await awhole(pulled(responses(answer), answer)))

        response: CompletionResponse = await observed(self, prompt)
        return response

    def _chat_prompt(self, messages: Sequence[ChatMessage]) -> list[int]:
        return encode_chat(self._causal.tokenizer, messages)

    def _text_prompt(self, prompt: str, formatted: bool) -> list[int]:
        wrapper = self.query_wrapper_prompt
        if wrapper and not formatted:
            prompt = wrapper.format(query_str=prompt)
        tokenizer = self._causal.tokenizer
        return prompt_ids(tokenizer, prompt, formatted=formatted, system_prompt=self.system_prompt)

    def _answer(self, ids: list[int], given: dict[str, Any]) -> Generation:
        """Return the answer to a prompt that fits; nothing runs yet."""
        options = options_of_call(self, given, tokens=len(ids))
        return Generation(self._causal, ids, replace(options, patience=self.patience))


def _window(causal: Causal, wanted: int | None) -> int:
    own = context_window(causal.model.config)
    if wanted is not None and own is not None and wanted > own:
        raise ConfigError(
            f"llm.context_window is {wanted}, and {causal.name} reads {own} tokens. "
            "Leave it empty, or set it lower."
        )
    return wanted or own or _DEFAULT_WINDOW
