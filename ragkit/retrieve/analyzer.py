"""The lexical analyzer: which terms of a node are indexed, and which a question asks for."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ragkit.retrieve.characters import character_scores
from ragkit.retrieve.tokenizer import detect_language, terms
from ragkit.types import Clause

__all__ = ["LexicalAnalyzer"]

# A term in the title counts as one in the text.
_WEIGHTS = (1.0, 1.0)
# How much a BM25 point of shared characters counts beside one of shared words. Nearly flat from
# .1 to .3 on every set measured (docs/retrieval.md), so little hangs on it.
_CHARACTER_WEIGHT = 0.2


# Words that say what sort of answer is wanted, not what it is about. Documents seldom hold them, so
# BM25 takes them for rare and telling. Only those of languages in which leaving them out was
# measured to help (docs/retrieval.md); all capitals are a name (WHO).
_QUESTION_WORDS = re.compile(
    "是什么|是什麼|什么样|什麼樣|[为為]什[么麼]|[什甚][么麼]|怎[么麼][样樣办辦]?|怎[样樣]|如何|哪一?[些个個里裡儿年]?"
    "|多少|[几幾]|[吗嗎呢谁誰]|[是能]否|[请請][问問]"
    r"|\b(?:[Ww]hat|[Ww]hich|[Ww]ho|[Ww]hom|[Ww]hose|[Ww]hen|[Ww]here|[Ww]hy|[Hh]ow|[Dd]o|[Dd]oes"
    r"|[Dd]id|[Cc]an|[Ss]hould)\b"
    r"|\b(?:[Qq]ué|[Cc]uál(?:es)?|[Qq]uién(?:es)?|[Cc]uándo|[Dd]ónde|[Cc]ómo|[Cc]uánt[oa]s?)\b"
)


class LexicalAnalyzer:
    """Words, identifiers and character pairs of a node's text and title, for BM25.

    One configuration for every language and kind of text; see ``docs/retrieval.md``.
    """

    version = "3"
    fields = ("title", "body")
    pool = 30

    def index_fields(self, text: str, *, title: str, language: str | None) -> tuple[str, ...]:
        """Return the terms of ``title`` and ``text``, each joined by spaces."""
        language = language or detect_language(text)
        return (
            " ".join(terms(title, language=language)),
            " ".join(terms(text, language=language)),
        )

    def clauses(self, question: str) -> Sequence[Clause]:
        """Return the one clause that asks for any term of ``question``; none without a term.

        Question words are left out, unless nothing else is there.
        """
        about = terms(_QUESTION_WORDS.sub(" ", question), language=detect_language(question))
        found = tuple(dict.fromkeys(about or terms(question)))
        return (Clause(found, weights=_WEIGHTS),) if found else ()

    def rescore(self, question: str, candidates: Sequence[tuple[float, str]]) -> list[float]:
        """Return new scores for candidates ``(score, text)``: their own plus shared characters.

        Hand in the best ``pool`` nodes: which runs are rare is judged among them.
        """
        characters = character_scores(question, [text for _, text in candidates])
        return [
            score + _CHARACTER_WEIGHT * more
            for (score, _), more in zip(candidates, characters, strict=True)
        ]
