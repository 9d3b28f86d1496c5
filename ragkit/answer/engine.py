"""From a question and its retrieved nodes to a finished ``Answer``, piece by piece."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from threading import Event
from typing import TYPE_CHECKING

from ragkit.answer.citations import cite_extract, source_nodes
from ragkit.answer.evidence import DocumentFrequencies
from ragkit.answer.extractive import extract_answer, iter_pieces
from ragkit.types import Answer

if TYPE_CHECKING:
    from llama_index.core.schema import NodeWithScore

__all__ = ["AnswerStream", "Lap", "answer_timings", "stream_extract"]

Lap = Callable[[str], Mapping[str, float]]
"""Note the time under a name; return all times so far, in milliseconds, with their ``total``."""


class AnswerStream:
    """An answer while it is written: iterate over its text; ``answer`` is the finished whole.

    The pieces join to ``answer.text``; a piece may be empty, so that a face can show what changed
    otherwise, such as ``place``. ``close`` ends the writing, and so does letting go of the stream.
    """

    def __init__(
        self,
        pieces: Iterator[str],
        finish: Callable[[], Answer],
        place: Callable[[], int | None] = lambda: None,
    ) -> None:
        """Take the text's pieces, what makes the answer of them, and the place in the queue."""
        self._pieces = pieces
        self._finish = finish
        self._place = place
        self._answer: Answer | None = None
        self._closed = Event()

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if self._closed.is_set():
            raise StopIteration
        piece = next(self._pieces)
        if (
            self._closed.is_set()
        ):  # by another thread, which could not close what was running in this one
            self.close()
        return piece

    @property
    def place(self) -> int | None:
        """How many readers the model serves before this one; None when it is not waiting."""
        return None if self._closed.is_set() else self._place()

    def close(self) -> None:
        """End the writing; ``answer`` then holds what was written so far. Idempotent.

        Another thread may call it: the one that reads gets at most one more piece.
        """
        self._closed.set()
        close = getattr(self._pieces, "close", None)
        if close is not None:
            with suppress(ValueError):  # it is running, in the thread that reads
                close()

    @property
    def answer(self) -> Answer:
        """The finished answer; waits for the rest of the text, and raises what stops it.

        After ``close`` or an error it is what was written until then, its last sentence unchecked.
        """
        if self._answer is None:
            for _ in self:
                pass
            self._answer = self._finish()
        return self._answer


def stream_extract(
    question: str,
    search: str,
    nodes: Sequence[NodeWithScore],
    *,
    document_frequencies: DocumentFrequencies,
    preset: str,
    lap: Lap,
    language: str | None = None,
) -> AnswerStream:
    """Answer ``question`` in the nodes' own sentences; never fails for want of an answer.

    ``search`` is the question as it was looked for: in a conversation, with the subject that it
    leans on. Citations refer to the sources by their number, in the order of ``nodes``. A refusal
    is in ``language`` (default: the question's).
    """
    extracted = extract_answer(
        search, nodes, document_frequencies=document_frequencies, reply_language=language
    )
    cited = cite_extract(extracted, nodes)
    sources = source_nodes(nodes)

    def pieces() -> Iterator[str]:
        lap("first_token")
        yield from iter_pieces(cited.text)

    def finish() -> Answer:
        return Answer(
            question=question,
            text=cited.text,
            refused=extracted.refused,
            preset=preset,
            sentences=cited.sentences,
            citations=cited.citations,
            sources=sources,
            near=extracted.near,
            timings_ms=answer_timings(lap),
        )

    return AnswerStream(pieces(), finish)


def answer_timings(lap: Lap) -> dict[str, float]:
    """Return the times of an answer that is finished now, by the names of ``Answer``."""
    timings = lap("finish")
    return {name: timings.get(name, 0.0) for name in ("load", "retrieve", "first_token", "total")}
