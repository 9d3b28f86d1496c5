"""Which sentences of the sources say what a sentence of an answer says, without a model."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ragkit.answer.matching import is_unspaced, iter_tokens, token_terms
from ragkit.ingest.sentences import sentence_spans
from ragkit.retrieve.tokenizer import detect_language, is_function_word, normalize

__all__ = ["PreparedTexts", "Support", "find_support", "prepare"]

_ENOUGH = 0.75
_DIGITS = re.compile(r"\d+(?:[.,:]\d+)*")


@dataclass(frozen=True, slots=True)
class Support:
    """``texts[node][start:end]`` is whole sentences that say what the answer's sentence says."""

    node: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class PreparedTexts:
    """Analysed source texts, made by ``prepare``; use it for every sentence of one answer."""

    sentences: tuple[tuple[int, int, int, frozenset[str], frozenset[str]], ...]
    language: str | None


def prepare(texts: Sequence[str], *, language: str | None = None) -> PreparedTexts:
    """Return ``texts`` analysed, to be given to ``find_support`` instead of them."""
    found = []
    for node, text in enumerate(texts):
        for start, end in sentence_spans(text):
            piece = text[start:end]
            found.append((node, start, end, *_analysis(piece, language or detect_language(piece))))
    return PreparedTexts(tuple(found), language)


def find_support(
    sentence: str, texts: Sequence[str] | PreparedTexts, *, language: str | None = None
) -> tuple[Support, ...]:
    """Return the spans of ``texts`` that support ``sentence``, best first, at most three.

    Empty where no source says the same.
    """
    prepared = texts if isinstance(texts, PreparedTexts) else prepare(texts, language=language)
    wanted, numbers = _analysis(
        sentence, language or prepared.language or detect_language(sentence)
    )
    best: tuple[float, Support] | None = None
    for node, start, end, held, digits in prepared.sentences:
        share = len(wanted & held) / len(wanted) if wanted else 0.0
        if share >= _ENOUGH and numbers <= digits and (best is None or share > best[0]):
            best = (share, Support(node, start, end))
    return (best[1],) if best else ()


def _analysis(text: str, language: str | None) -> tuple[frozenset[str], frozenset[str]]:
    text = normalize(text)
    found: set[str] = set()
    for start, end in iter_tokens(text):
        token = text[start:end]
        if not is_function_word(token, language):
            found.update(
                t for t in token_terms(token, language) if len(t) > 1 or not is_unspaced(t)
            )
    return frozenset(found), frozenset(_DIGITS.findall(text))
