"""The lexical analyzer: which terms of a node are indexed, and which a question asks for."""

from __future__ import annotations

from collections.abc import Sequence

from ragkit.retrieve.tokenizer import detect_language, terms
from ragkit.types import Clause

__all__ = ["LexicalAnalyzer"]


class LexicalAnalyzer:
    """Words, identifiers and character pairs of a node's text and title, for BM25.

    One configuration for every language and kind of text; see ``docs/retrieval.md``.
    """

    version = "1"
    fields = ("title", "body")

    def index_fields(self, text: str, *, title: str, language: str | None) -> tuple[str, ...]:
        """Return the terms of ``title`` and ``text``, each joined by spaces."""
        language = language or detect_language(text)
        return (
            " ".join(terms(title, language=language)),
            " ".join(terms(text, language=language)),
        )

    def clauses(self, question: str) -> Sequence[Clause]:
        """Return the one clause that asks for any term of ``question``; none without a term."""
        found = tuple(dict.fromkeys(terms(question)))
        return (Clause(found, weights=(1.0, 1.0)),) if found else ()
