"""What a question asks for: its terms, and which of them are grammar.

Question words ("how", 什么, อะไร) say what sort of answer is wanted; documents seldom hold them, so
BM25 would take them for rare and telling. They are left out. Function words ("of", "the", 的, and
pairs of characters around 的) are kept, but count less: in a small collection their rarity is
chance (``docs/retrieval.md`` has the measurements).
"""

from __future__ import annotations

import re
from functools import cache

from ragkit.retrieve.languages import function_words
from ragkit.retrieve.tokenizer import CJK, detect_language, terms

__all__ = ["question_terms", "without_question_words"]

# Only those of languages in which leaving them out was measured to help; all capitals are a name
# (WHO).
_QUESTION_WORDS = re.compile(
    "是什么|是什麼|什么样|什麼樣|[为為]什[么麼]|[什甚][么麼]|怎[么麼][样樣办辦]?|怎[样樣]|如何|哪一?[些个個里裡儿年]?"
    "|多少|[几幾]|[吗嗎呢谁誰]|[是能]否|[请請][问問]"
    r"|\b(?:[Ww]hat|[Ww]hich|[Ww]ho|[Ww]hom|[Ww]hose|[Ww]hen|[Ww]here|[Ww]hy|[Hh]ow|[Dd]o|[Dd]oes"
    r"|[Dd]id|[Cc]an|[Ss]hould)\b"
    r"|\b(?:[Qq]ué|[Cc]uál(?:es)?|[Qq]uién(?:es)?|[Cc]uándo|[Dd]ónde|[Cc]ómo|[Cc]uánt[oa]s?)\b"
    "|อะไร|ใคร|ที่ไหน|เมื่อไร|เมื่อไหร่|เมื่อใด|อย่างไร|ยังไง|ทำไม|เหตุใด|กี่|เท่าไร|เท่าไหร่|เท่าใด|ใช่ไหม"
    "|หรือไม่|ไหน|ไหม|ใด|บ้าง"
)
# Chinese particles, prepositions, conjunctions and demonstratives.
_PARTICLES = frozenset(
    "的了着著过過在是和与與及或也都就被把对對从從于於之其此这這那个個些们們得地而且但为為以因所由有不最"
)
_CHINESE = re.compile(f"[{CJK}]+")


def without_question_words(question: str) -> str:
    """Return ``question`` with a space in place of each question word."""
    return _QUESTION_WORDS.sub(" ", question)


def question_terms(question: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the index terms that ``question`` asks for: those that tell, and those of grammar.

    Each once, in reading order. Question words are left out, unless nothing else is there.
    """
    language = detect_language(question)
    asked = terms(without_question_words(question), language=language) or terms(question)
    grammar = _function_terms(language or "en")
    telling: dict[str, None] = {}
    function: dict[str, None] = {}
    for term in asked:
        is_function = _has_particle(term) if _CHINESE.fullmatch(term) else term in grammar
        (function if is_function else telling)[term] = None
    return tuple(telling), tuple(function)


def _has_particle(term: str) -> bool:
    return not _PARTICLES.isdisjoint(term)


@cache
def _function_terms(language: str) -> frozenset[str]:
    words = function_words(language)
    return frozenset(term for word in words for term in terms(word, language=language))
