"""From a question and its retrieved nodes to a finished ``Answer``, piece by piece."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from ragkit.answer.citations import CitedText, cite_extract, source_nodes
from ragkit.answer.evidence import DocumentFrequencies
from ragkit.answer.extractive import extract_answer, iter_pieces
from ragkit.types import Answer, SourceNode

if TYPE_CHECKING:
    from llama_index.core.schema import NodeWithScore

__all__ = ["AnswerStream", "Lap", "stream_extract"]

Lap = Callable[[str], Mapping[str, float]]
"""Note the time under a name; return all times so far, in milliseconds, with their ``total``."""


class AnswerStream:
    """An answer while it is written: iterate over its text; ``answer`` is the finished whole.

    Reading ``answer`` first writes what is left. The pieces join to ``answer.text``.
    """

    def __init__(self, pieces: Iterator[str], finish: Callable[[], Answer]) -> None:
        """Take the text's pieces, and what makes the answer of them once they are written."""
        self._pieces = pieces
        self._finish = finish
        self._answer: Answer | None = None

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        return next(self._pieces)

    @property
    def answer(self) -> Answer:
        """The finished answer; waits for the rest of the text."""
        if self._answer is None:
            for _ in self._pieces:
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
) -> AnswerStream:
    """Answer ``question`` in the nodes' own sentences; never fails for want of an answer.

    ``search`` is the question as it was looked for: in a conversation, with the subject that it
    leans on. Citations refer to the sources by their number, in the order of ``nodes``.
    """
    extracted = extract_answer(search, nodes, document_frequencies=document_frequencies)
    cited = cite_extract(extracted, nodes)
    sources = source_nodes(nodes)

    def pieces() -> Iterator[str]:
        lap("first_token")
        yield from iter_pieces(cited.text)

    def finish() -> Answer:
        timings = lap("finish")
        return _answer(question, cited, extracted.refused, preset, sources, timings)

    return AnswerStream(pieces(), finish)


def _answer(
    question: str,
    cited: CitedText,
    refused: bool,
    preset: str,
    sources: tuple[SourceNode, ...],
    timings: Mapping[str, float],
) -> Answer:
    kept = ("load", "retrieve", "first_token", "total")
    return Answer(
        question=question,
        text=cited.text,
        refused=refused,
        preset=preset,
        sentences=cited.sentences,
        citations=cited.citations,
        sources=sources,
        timings_ms={name: timings.get(name, 0.0) for name in kept},
    )
