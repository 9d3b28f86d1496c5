"""A generation as LlamaIndex's responses: whole or in pieces, blocking or not."""

# mypy: disable-error-code="import-not-found, misc"

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from typing import Any, Protocol, TypeVar

from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponse,
    ChatResponseGen,
    CompletionResponse,
    MessageRole,
)

from ragkit.errors import GenerationError
from ragkit.models.handover import Piece
from ragkit.models.thoughts import AnswerText

__all__ = [
    "Generation",
    "awhole",
    "completion",
    "pulled",
    "responses",
    "until_aclosed",
    "until_closed",
    "whole",
]

_T = TypeVar("_T")


class Generation(Protocol):
    """An answer that is being written, by whatever runs the model."""

    def pieces(self) -> Iterator[Piece]:
        """Yield what there is; raise GenerationError where it fails."""

    def cancel(self) -> None:
        """End the generation. Idempotent, from any thread."""


def responses(answer: Generation) -> ChatResponseGen:
    """Yield the pieces of ``answer`` as LlamaIndex's chat responses, less a model's thoughts."""
    said = AnswerText()
    for piece in answer.pieces():
        delta = said.push(piece.delta)
        extra: dict[str, Any] = {} if piece.place is None else {"place": piece.place}
        if piece.usage is not None:
            delta += said.finish()
            extra = asdict(piece.usage)
        message = ChatMessage(role=MessageRole.ASSISTANT, content=said.text)
        yield ChatResponse(message=message, delta=delta, additional_kwargs=extra)


def completion(response: ChatResponse) -> CompletionResponse:
    """Return a chat's response as a completion's."""
    return CompletionResponse(
        text=response.message.content or "",
        delta=response.delta,
        additional_kwargs=response.additional_kwargs,
    )


def whole(stream: Iterator[ChatResponse]) -> ChatResponse:
    """Return the answer that ``stream`` ends with. Raises GenerationError where there is none."""
    last = None
    for last in stream:  # noqa: B007  # each holds the text so far, so only the last is kept
        pass
    return _final(last)


async def awhole(stream: AsyncIterator[ChatResponse]) -> ChatResponse:
    """Return what ``whole`` does."""
    last = None
    async for last in stream:  # noqa: B007
        pass
    return _final(last)


def _final(last: ChatResponse | None) -> ChatResponse:
    if last is None or "finish_reason" not in last.additional_kwargs:
        raise GenerationError("The answer was stopped.")  # from another thread
    return ChatResponse(message=last.message, additional_kwargs=last.additional_kwargs)


def until_closed(stream: Iterator[_T], answer: Generation) -> Generator[_T, None, None]:
    """Yield from ``stream``; end ``answer`` at once when this is closed or dropped.

    LlamaIndex wraps a stream in callbacks that do not hand a close on to what they wrap.
    """
    try:
        yield from stream
    finally:
        answer.cancel()


async def until_aclosed(stream: AsyncIterator[_T], answer: Generation) -> AsyncGenerator[_T, None]:
    """Yield like ``until_closed``."""
    try:
        async for item in stream:
            yield item
    finally:
        answer.cancel()


async def pulled(stream: Iterator[_T], answer: Generation) -> AsyncGenerator[_T, None]:
    """Yield from ``stream``, which blocks, by a thread of its own.

    The threads that asyncio shares are few: readers who wait for their turn would hold them all,
    and the one whose turn it is would wait for a thread.
    """
    thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ragkit-read")
    loop = asyncio.get_running_loop()
    try:
        while (item := await loop.run_in_executor(thread, next, stream, None)) is not None:
            yield item
    finally:
        answer.cancel()
        thread.shutdown(wait=False)
