"""The answers of ``stream_generate`` behind LlamaIndex's query engines."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Generator, Sequence
from contextlib import closing
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from llama_index.core.base.response.schema import (
    AsyncStreamingResponse,
    Response,
    StreamingResponse,
)
from llama_index.core.callbacks.base import CallbackManager
from llama_index.core.response_synthesizers.base import BaseSynthesizer
from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode

from ragkit.answer.engine import AnswerStream
from ragkit.answer.generate import Refuses, stream_generate
from ragkit.answer.prompt import CountTokens
from ragkit.types import PromptStyle

if TYPE_CHECKING:
    from llama_index.core.llms import LLM

__all__ = ["GenerativeSynthesizer"]


class GenerativeSynthesizer(BaseSynthesizer):  # type: ignore[misc,unused-ignore]
    """A LlamaIndex response synthesizer that generates and cites; see ``stream_generate``.

    The response's text carries ``[n]`` after each sentence that a source supports, n being the
    place of its node in ``source_nodes``. Its ``metadata`` has ``refused``, ``sentences`` and
    ``citations`` (as in ``Answer.to_dict``); that of a streamed response once its text has ended.
    Leaving a streamed response early ends the generation.
    """

    def __init__(
        self,
        *,
        llm: LLM,
        count_tokens: CountTokens,
        language: str | None = None,
        style: PromptStyle = "direct",
        refuses: Refuses | None = None,
        streaming: bool = False,
        callback_manager: CallbackManager | None = None,
    ) -> None:
        """See ``stream_generate``; with ``streaming`` the text comes in pieces."""
        # The base class would resolve Settings' prompt helper, and load tiktoken for it.
        self._callback_manager = callback_manager or CallbackManager([])
        self._streaming = streaming
        self._llm = llm
        self._count_tokens = count_tokens
        self._language = language
        self._style: PromptStyle = style
        self._refuses = refuses

    @property
    def callback_manager(self) -> CallbackManager:
        """The callback manager that the query engine shares."""
        return self._callback_manager

    @callback_manager.setter
    def callback_manager(self, callback_manager: CallbackManager) -> None:
        self._callback_manager = callback_manager

    def synthesize(
        self,
        query: str | QueryBundle,
        nodes: Sequence[NodeWithScore],
        additional_source_nodes: Sequence[NodeWithScore] | None = None,
        **response_kwargs: Any,
    ) -> Response | StreamingResponse:
        """Answer ``query`` from ``nodes``. Raises GenerationError, a streamed response too."""
        stream = self._stream(query, nodes)
        sources = [*nodes, *(additional_source_nodes or [])]
        if self._streaming:
            metadata: dict[str, Any] = {}
            pieces = _pieces(stream, metadata)
            return StreamingResponse(pieces, source_nodes=sources, metadata=metadata)
        text = stream.answer.text
        return Response(text, source_nodes=sources, metadata=_metadata(stream))

    async def asynthesize(
        self,
        query: str | QueryBundle,
        nodes: Sequence[NodeWithScore],
        additional_source_nodes: Sequence[NodeWithScore] | None = None,
        **response_kwargs: Any,
    ) -> Response | AsyncStreamingResponse:
        """Like ``synthesize``, in a thread; cancelling it ends the generation."""
        stream = self._stream(query, nodes)
        sources = [*nodes, *(additional_source_nodes or [])]
        if self._streaming:
            metadata: dict[str, Any] = {}
            pieces = _apieces(stream, metadata)
            return AsyncStreamingResponse(pieces, source_nodes=sources, metadata=metadata)
        with closing(stream):
            text = "".join([piece async for piece in _apieces(stream, {})])
        return Response(text, source_nodes=sources, metadata=_metadata(stream))

    def get_response(
        self, query_str: str, text_chunks: Sequence[str], **response_kwargs: Any
    ) -> str:
        """Answer from bare texts, best first."""
        return self._stream(query_str, _nodes(text_chunks)).answer.text

    async def aget_response(
        self, query_str: str, text_chunks: Sequence[str], **response_kwargs: Any
    ) -> str:
        """Like ``get_response``, in a thread."""
        with closing(self._stream(query_str, _nodes(text_chunks))) as stream:
            return "".join([piece async for piece in _apieces(stream, {})])

    def _get_prompts(self) -> dict[str, Any]:
        return {}

    def _update_prompts(self, prompts: Any) -> None:
        """There are none to change: see ``ragkit.prompts``."""

    def _stream(self, query: str | QueryBundle, nodes: Sequence[NodeWithScore]) -> AnswerStream:
        question = query if isinstance(query, str) else query.query_str
        return stream_generate(
            question,
            question,
            nodes,
            llm=self._llm,
            count_tokens=self._count_tokens,
            preset="",
            lap=lambda name: {},
            language=self._language,
            style=self._style,
            refuses=self._refuses,
        )


def _nodes(texts: Sequence[str]) -> list[NodeWithScore]:
    return [NodeWithScore(node=TextNode(text=text)) for text in texts]


def _metadata(stream: AnswerStream) -> dict[str, Any]:
    answer = stream.answer
    return {
        "refused": answer.refused,
        "sentences": [asdict(sentence) for sentence in answer.sentences],
        "citations": [asdict(citation) for citation in answer.citations],
    }


def _pieces(stream: AnswerStream, metadata: dict[str, Any]) -> Generator[str, None, None]:
    with closing(stream):
        for piece in stream:
            if piece:
                yield piece
    metadata |= _metadata(stream)


async def _apieces(stream: AnswerStream, metadata: dict[str, Any]) -> AsyncGenerator[str, None]:
    with closing(stream):
        while (piece := await asyncio.to_thread(next, stream, None)) is not None:
            if piece:
                yield piece
    metadata |= _metadata(stream)
