"""What each call of a chat model in this process comes to: its prompt, its options, its stream."""

# mypy: disable-error-code="misc"

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponseGen,
    CompletionResponseGen,
    MessageRole,
)
from llama_index.core.llms.callbacks import llm_chat_callback, llm_completion_callback

from ragkit.errors import GenerationError
from ragkit.models.chat_template import encode_chat, encode_text
from ragkit.models.generation import Options
from ragkit.models.responses import Generation, completion, responses, until_closed

__all__ = ["chat_stream", "completion_stream", "options_of_call", "prompt_ids"]


def prompt_ids(
    tokenizer: Any, prompt: str, *, formatted: bool, system_prompt: str | None
) -> list[int]:
    """Return the ids of ``prompt`` as one message, or as it is where it is ``formatted``."""
    if formatted:
        return encode_text(tokenizer, prompt)
    messages = [ChatMessage(role=MessageRole.USER, content=prompt)]
    if system_prompt:
        messages.insert(0, ChatMessage(role=MessageRole.SYSTEM, content=system_prompt))
    return encode_chat(tokenizer, messages)


class ChatModel(Protocol):
    """What decides on an answer of a chat model: its settings."""

    model_name: str
    context_window: int
    max_new_tokens: int
    temperature: float
    top_p: float
    seed: int | None
    timeout: float


def options_of_call(llm: ChatModel, given: Mapping[str, Any], *, tokens: int) -> Options:
    """Return the options of ``llm`` with what is ``given`` for one call, a ``temperature``.

    Raises GenerationError for anything else that is given, and for a prompt of so many ``tokens``
    that the answer has no room beside it.
    """
    unknown = [name for name in given if name != "temperature"]
    if unknown:
        raise GenerationError(
            f"'{unknown[0]}' is not for a single call of this model. "
            "Set it where the model is loaded."
        )
    room = llm.context_window - llm.max_new_tokens
    if tokens > room:
        raise GenerationError(
            f"The prompt has {tokens} tokens, and {llm.model_name} takes {room} beside "
            f"an answer of {llm.max_new_tokens}. Use fewer sources (top_k), a shorter question, "
            "or lower llm.max_new_tokens."
        )
    return Options(
        max_new_tokens=llm.max_new_tokens,
        temperature=given.get("temperature", llm.temperature),
        top_p=llm.top_p,
        seed=llm.seed,
        timeout=llm.timeout,
    )


def chat_stream(llm: Any, messages: Sequence[ChatMessage], answer: Generation) -> ChatResponseGen:
    """Return ``answer`` in pieces, seen by the callbacks of ``llm``; closing ends it."""

    @llm_chat_callback()
    def observed(_self: Any, _messages: Sequence[ChatMessage]) -> ChatResponseGen:
        return responses(answer)

    return until_closed(observed(llm, messages), answer)


def completion_stream(llm: Any, prompt: str, answer: Generation) -> CompletionResponseGen:
    """Return what ``chat_stream`` does, as LlamaIndex's completions."""

    @llm_completion_callback()
    def observed(_self: Any, _prompt: str) -> CompletionResponseGen:
        return (completion(response) for response in responses(answer))

    return until_closed(observed(llm, prompt), answer)
