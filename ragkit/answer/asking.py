"""How a question is built, in languages that put spaces between words.

Where the answer stands beside the question's words depends on it: "who opened X" wants what is left
of "opened", "what did X open" what is right of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ragkit.answer.matching import is_unspaced, iter_tokens
from ragkit.answer.question import Question
from ragkit.retrieve.tokenizer import is_function_word

__all__ = ["FALSE_FRIENDS", "Asking", "Build", "read_asking"]

Build = Literal["subject", "be", "auxiliary", "noun_be", "noun_auxiliary", "late", "other"]

_BE = frozenset("is are was were ist sind war waren es son fue era est sont".split())
_AUXILIARY = _BE | frozenset(
    "did does do can could will would should may might must has have had hat kann wird".split()
)
FALSE_FRIENDS = frozenset("war era son hat die den des est im mit con al".split())
"""Words of grammar in other languages that are nouns, names or nothing in English."""
# Beyond these many words the noun phrase of a question word has ended.
_LONGEST_NOUN = 5
_GRAMMAR_BEFORE_NOUN = 3
# A question word behind this share of the words stands where the answer does in a statement.
_LATE = 0.45


@dataclass(frozen=True, slots=True)
class Asking:
    """``noun`` is the span of what is asked for in the question ("which *old city* is …"), or an
    empty span; ``stranded`` are the prepositions before the question word and at the end ("what is
    it known *for*").
    """

    build: Build
    noun: tuple[int, int]
    stranded: frozenset[str]


def read_asking(question: Question) -> Asking:
    """Return how ``question`` is built; "other" in scripts without spaces and for keywords."""
    text, language = question.text, question.language
    spans = list(iter_tokens(text))
    words = [text[start:end].lower() for start, end in spans]
    if question.kind == "keywords" or not words or any(is_unspaced(word) for word in words):
        return Asking("other", (0, 0), frozenset())
    grammar = [is_function_word(word, language) for word in words]
    at = next((i for i, (_, end) in enumerate(spans) if end > question.asked_at), len(words))
    noun = at + 1
    while noun < min(at + 1 + _GRAMMAR_BEFORE_NOUN, len(words)) and _skipped(
        words[noun], grammar[noun]
    ):
        noun += 1
    reach = range(noun, min(noun + _LONGEST_NOUN, len(words)))
    verbs = _AUXILIARY - FALSE_FRIENDS if language == "en" else _AUXILIARY
    verb = next((i for i in reach if words[i] in verbs), None)
    # Without a verb of grammar only "which" and "how many" tell a noun from the verb.
    end = verb if verb is not None else noun + 1 if question.kind in ("choice", "number") else noun
    end = min(end, len(words))
    at_edges = [i for i in (at - 1, len(words) - 1) if 0 <= i < len(words) and grammar[i]]
    return Asking(
        build=_build(at, noun, verb, words),
        noun=(spans[noun][0], spans[end - 1][1]) if end > noun else (0, 0),
        stranded=frozenset(words[i] for i in at_edges),
    )


def _skipped(word: str, grammar: bool) -> bool:
    return grammar and word not in _AUXILIARY


def _build(at: int, noun: int, verb: int | None, words: list[str]) -> Build:
    if at > _LATE * len(words):
        return "late"
    if verb is None:
        return "subject"
    if words[verb] in _BE:
        return "be" if verb == noun else "noun_be"
    return "auxiliary" if verb == noun else "noun_auxiliary"
