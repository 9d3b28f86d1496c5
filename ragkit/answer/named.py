"""Sentences that name one of a sort: "which preset?" is answered where "the `lite` preset" is."""

from __future__ import annotations

import re

from ragkit.answer.matching import is_unspaced, iter_tokens, token_terms
from ragkit.answer.question import Question

__all__ = ["names_one"]

_NAME = re.compile(
    r"`[^`\n]{1,60}`|《[^》\n]{1,40}》|「[^」\n]{1,40}」|“[^”\n]{1,40}”|\"[^\"\n]{1,40}\""
)
# Shorter is no noun in a script without spaces.
_SHORTEST_NOUN = 2
_NEAR = 40
# "Which environment variable": the noun may have so many words.
_LONGEST_NOUN = 3


def names_one(question: Question, text: str) -> bool:
    """Return whether ``text`` has a name beside the noun of which ``question`` asks "which?".

    A name is code or stands in quotation marks, and is not in the question itself.
    """
    if question.kind != "choice" or not question.focus:
        return False
    asked = question.text.casefold()
    for match in _NAME.finditer(text):
        name = match[0][1:-1].strip().casefold()
        before, after = text[max(0, match.start() - _NEAR) : match.start()], text[match.end() :]
        if name and name not in asked and _beside(question, before, after[:_NEAR]):
            return True
    return False


def _beside(question: Question, before: str, after: str) -> bool:
    """Return whether the noun ends what is ``before`` a name or begins what is ``after`` it."""
    if is_unspaced(question.focus):
        # Where the noun ends is not known: "预设可用" is "预设" and a verb.
        sizes = range(_SHORTEST_NOUN, len(question.focus) + 1)
        nouns = tuple(question.focus[:size] for size in sizes)
        return before.rstrip().endswith(nouns) or after.lstrip().startswith(nouns)
    language = question.language
    at = question.text.lower().find(question.focus, question.asked_at)
    noun = _stems(question.text[max(0, at) :], language)[:_LONGEST_NOUN]
    held = _stems(before, language) if before[-1:].isspace() else []
    begins = _stems(after, language)[:1] if after[:1].isspace() else []
    phrases = [noun[:size] for size in range(1, len(noun) + 1)]
    return begins == noun[:1] or any(held[-len(phrase) :] == phrase for phrase in phrases)


def _stems(text: str, language: str | None) -> list[tuple[str, ...]]:
    return [token_terms(text[start:end], language) for start, end in iter_tokens(text)]
