"""The short answer inside a sentence: the span a reader's eye should fall on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ragkit.answer.expected import expected_spans
from ragkit.answer.question import Question

__all__ = ["mark_answer"]

Places = Mapping[str, Sequence[tuple[int, int]]]


def mark_answer(question: Question, sentence: str, places: Places) -> tuple[int, int] | None:
    """Return the span of ``sentence`` that answers ``question`` by itself, or None where unsure.

    ``places`` says where the question's terms stand in the sentence.
    """
    if question.kind in ("reason", "method", "definition", "polar", "keywords"):
        return None
    matched = sorted({span for spans in places.values() for span in spans})
    candidates = [
        span
        for span in expected_spans(sentence, question.kind, question.language)
        if not any(start < span[1] and span[0] < end for start, end in matched)
    ]
    if not candidates:
        return None
    if not matched:
        return candidates[0]
    return min(candidates, key=lambda s: min(_gap(s, m) for m in matched))


def _gap(a: tuple[int, int], b: tuple[int, int]) -> int:
    return max(a[0] - b[1], b[0] - a[1], 0)
