"""The lexical analyzer: which terms of a node are indexed, and which a question asks for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ragkit.retrieve.tokenizer import (
    detect_language,
    open_terms,
    open_words_and_runs,
    terms,
    words_and_runs,
)

if TYPE_CHECKING:
    from ragkit.types import Clause

__all__ = ["LexicalAnalyzer"]

# A term in the title counts as one in the text.
_WEIGHTS = (1.0, 1.0)
# How much a BM25 point of shared characters counts beside one of shared words. Nearly flat from
# .1 to .3 on every set measured (docs/retrieval.md), so little hangs on it.
_CHARACTER_WEIGHT = 0.2
# The same of pairs of words near each other: .1 and .2 are alike on every set measured.
_PROXIMITY_WEIGHT = 0.15
# How much a function word of the question counts beside a word that tells.
_FUNCTION_WEIGHT = 0.5


class LexicalAnalyzer:
    """Words, identifiers and character pairs of a node's text and title, for BM25.

    One configuration for every language and kind of text; see ``docs/retrieval.md``.
    """

    version = "6"
    fields = ("title", "body")
    pool = 30

    def index_fields(self, text: str, *, title: str, language: str | None) -> tuple[str, ...]:
        """Return the terms of ``title`` and ``text``, each joined by spaces."""
        language = language or detect_language(text)
        if language is None:
            return " ".join(open_terms(title)), " ".join(open_terms(text))
        return (
            " ".join(terms(title, language=language)),
            " ".join(terms(text, language=language)),
        )

    def index_runs(
        self, text: str, *, title: str, language: str | None
    ) -> tuple[tuple[list[str], str], ...]:
        """Return the same terms, runs of Chinese and Japanese as they are."""
        language = language or detect_language(text)
        if language is None:
            return open_words_and_runs(title), open_words_and_runs(text)
        return (
            words_and_runs(title, language=language),
            words_and_runs(text, language=language),
        )

    def clauses(self, question: str) -> Sequence[Clause]:
        """Return clauses that ask for any term of ``question``, grammar for less; none without.

        Question words are left out, unless nothing else is there.
        """
        # Here, since a process that only indexes is not asked.
        from ragkit.retrieve.question_terms import question_terms
        from ragkit.types import Clause

        telling, function = question_terms(question)
        clauses = (
            Clause(telling, weights=_WEIGHTS),
            Clause(function, weights=_WEIGHTS, weight=_FUNCTION_WEIGHT),
        )
        return tuple(clause for clause in clauses if clause.terms)

    def rescore(self, question: str, candidates: Sequence[tuple[float, str]]) -> list[float]:
        """Return new scores for candidates ``(score, text)``: what their characters and pairs of
        words share with the question is added to their own.

        Hand in the best ``pool`` nodes: which runs and pairs are rare is judged among them.
        """
        from ragkit.retrieve.characters import character_scores
        from ragkit.retrieve.proximity import proximity_scores
        from ragkit.retrieve.question_terms import without_question_words

        texts = [text for _, text in candidates]
        characters = character_scores(question, texts)
        about = without_question_words(question)
        near = proximity_scores(about, texts, language=detect_language(question))
        return [
            score + _CHARACTER_WEIGHT * runs + _PROXIMITY_WEIGHT * pairs
            for (score, _), runs, pairs in zip(candidates, characters, near, strict=True)
        ]
