"""A chat model in vLLM, in this process, as LlamaIndex's ``LLM``."""

# mypy: disable-error-code="import-not-found, misc"

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponse,
    ChatResponseAsyncGen,
    ChatResponseGen,
    CompletionResponse,
    CompletionResponseAsyncGen,
    CompletionResponseGen,
    LLMMetadata,
)
from llama_index.core.bridge.pydantic import Field, PrivateAttr
from llama_index.core.llms.custom import CustomLLM

from ragkit.models.calls import chat_stream, completion_stream, options_of_call, prompt_ids
from ragkit.models.chat_template import encode_chat
from ragkit.models.responses import completion, pulled, responses, until_aclosed, whole
from ragkit.models.vllm_engine import VllmEngine, VllmGeneration

__all__ = ["VllmLLM"]


class VllmLLM(CustomLLM):
    """A chat model in vLLM. Safe to share between threads; many answers are written at once.

    Streams are as ``ragkit.models.local_llm.LocalLLM`` states, without a place in a queue. Whatever
    goes wrong is a GenerationError.
    """

    model_name: str
    context_window: int
    max_new_tokens: int = 512
    temperature: float = Field(default=0.0, ge=0, description="0: always the likeliest token.")
    top_p: float = Field(default=1.0, gt=0, le=1, description="Share of likelihood sampled from.")
    seed: int | None = None
    timeout: float = Field(default=300.0, gt=0, description="Seconds for an answer.")
    _engine: VllmEngine = PrivateAttr()

    @classmethod
    def on(
        cls,
        engine: VllmEngine,
        *,
        max_new_tokens: int = 512,
        temperature: float = 0.0,
        top_p: float = 1.0,
        seed: int | None = None,
        timeout: float = 300.0,
    ) -> VllmLLM:
        """Answer with ``engine``; in a small window ``max_new_tokens`` becomes half of it."""
        llm = cls(
            model_name=engine.name,
            context_window=engine.context_window,
            max_new_tokens=min(max_new_tokens, engine.context_window // 2),
            temperature=temperature,
            top_p=top_p,
            seed=seed,
            timeout=timeout,
        )
        llm._engine = engine
        return llm

    @classmethod
    def class_name(cls) -> str:
        """Return the name that LlamaIndex's callbacks show."""
        return "VllmLLM"

    @property
    def metadata(self) -> LLMMetadata:
        """What LlamaIndex needs to know of the model."""
        return LLMMetadata(
            context_window=self.context_window,
            num_output=self.max_new_tokens,
            is_chat_model=True,
            model_name=self.model_name,
        )

    def count_tokens(self, messages: Sequence[ChatMessage]) -> int:
        """Return the length of the prompt that ``messages`` become, with the template."""
        return len(encode_chat(self._engine.tokenizer, messages))

    def stream_chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponseGen:
        """Answer ``messages`` piece by piece."""
        answer = self._answer(encode_chat(self._engine.tokenizer, messages), kwargs)
        return chat_stream(self, messages, answer)

    def chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        """Answer ``messages`` in one piece."""
        return whole(self.stream_chat(messages, **kwargs))

    async def astream_chat(
        self, messages: Sequence[ChatMessage], **kwargs: Any
    ) -> ChatResponseAsyncGen:
        """Answer like ``stream_chat`` while the event loop goes on."""
        answer = self._answer(encode_chat(self._engine.tokenizer, messages), kwargs)
        return until_aclosed(pulled(responses(answer), answer), answer)

    async def achat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        """Answer like ``chat`` while the event loop goes on."""
        return await asyncio.to_thread(self.chat, messages, **kwargs)

    def stream_complete(
        self, prompt: str, formatted: bool = False, **kwargs: Any
    ) -> CompletionResponseGen:
        """Answer ``prompt`` as one message, or as it is where it is ``formatted``, in pieces."""
        answer = self._answer(self._text_prompt(prompt, formatted), kwargs)
        return completion_stream(self, prompt, answer)

    def complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
        """Answer ``prompt`` as one message, or as it is where it is ``formatted``."""
        answer = self._answer(self._text_prompt(prompt, formatted), kwargs)
        return completion(whole(responses(answer)))

    async def astream_complete(
        self, prompt: str, formatted: bool = False, **kwargs: Any
    ) -> CompletionResponseAsyncGen:
        """Answer like ``stream_complete`` while the event loop goes on."""
        answer = self._answer(self._text_prompt(prompt, formatted), kwargs)
        return until_aclosed(pulled(map(completion, responses(answer)), answer), answer)

    async def acomplete(
        self, prompt: str, formatted: bool = False, **kwargs: Any
    ) -> CompletionResponse:
        """Answer like ``complete`` while the event loop goes on."""
        return await asyncio.to_thread(self.complete, prompt, formatted, **kwargs)

    def _text_prompt(self, prompt: str, formatted: bool) -> list[int]:
        tokenizer = self._engine.tokenizer
        return prompt_ids(tokenizer, prompt, formatted=formatted, system_prompt=self.system_prompt)

    def _answer(self, ids: list[int], given: dict[str, Any]) -> VllmGeneration:
        """Return the answer to a prompt that fits; nothing runs yet."""
        options = options_of_call(self, given, tokens=len(ids))
        return VllmGeneration(self._engine, ids, options)
