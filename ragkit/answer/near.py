"""Which of the retrieved passages have anything to do with a question's own words."""

from __future__ import annotations

from collections.abc import Sequence

from ragkit.answer.matching import iter_tokens, token_terms
from ragkit.answer.question import Question
from ragkit.types import SourceNode

__all__ = ["near_numbers"]

# A whole word, a pair of characters, a Thai trigram; not a word such as "name" or "number", nor
# single characters, unless the question has no other.
_TELLING = 0.5


def near_numbers(question: Question, sources: Sequence[SourceNode]) -> tuple[int, ...]:
    """Return the numbers of the ``sources`` that share a content word with ``question``, in order.

    Forms of one word are one word. The file's name and the passage's headings count as its text.
    """
    telling = frozenset(term.term for term in question.terms if term.weight >= _TELLING)
    wanted = telling or frozenset(term.term for term in question.terms)
    if not wanted:
        return ()
    return tuple(source.n for source in sources if _shares(source, wanted, question.language))


def _shares(source: SourceNode, wanted: frozenset[str], language: str | None) -> bool:
    name = source.source.rpartition(".")[0] or source.source
    for mark in "/_-":
        name = name.replace(mark, " ")
    text = f"{name}\n{source.heading or ''}\n{source.text}"
    tokens = (text[start:end] for start, end in iter_tokens(text))
    return any(not wanted.isdisjoint(token_terms(token, language)) for token in tokens)
