"""Second look at the best nodes by words: which runs of characters do they share with the question?

Runs of four characters inside words bridge what stemming does not: compounds ("Universität" in
"Universitätsbibliothek"), inflections without a stemmer, misspellings and product names. Chinese
and Japanese count in threes, Thai, Lao, Khmer and Burmese in fours. They are looked up in the
candidates' own text, so they cost no index, and are weighted by how few *candidates* hold them
(BM25 with the candidates as the collection): what all of them share cannot tell them apart.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache

from ragkit.retrieve.tokenizer import CJK, HANGUL, LETTER, MARKS, UNSPACED, normalize
from ragkit.store.bm25 import K1, B, idf

__all__ = ["character_grams", "character_scores", "fold_text"]

_LETTERS_SIZE, _CJK_SIZE, _UNSPACED_SIZE = 4, 3, 4
_RUN = re.compile(rf"(?P<cjk>[{CJK}{HANGUL}]+)|(?P<unspaced>[{UNSPACED}]+)|(?P<word>{LETTER}+)")
_DIACRITIC = re.compile(
    "[\u0300-\u036f\u0483-\u0487\u0591-\u05c7\u0610-\u061a\u0640\u064b-\u065f\u0670]+"
)
_GAP = re.compile(rf"[^\w{MARKS}]+")


# The same nodes come up again and again; at about 1 kB a node this is a few megabytes.
@lru_cache(maxsize=4096)
def fold_text(text: str) -> str:
    """Return ``text`` without case and diacritics, one space for all that stands between words."""
    text = _GAP.sub(" ", normalize(text).casefold().replace("_", " "))
    if not text.isascii():
        if not unicodedata.is_normalized("NFD", text):
            text = unicodedata.normalize("NFD", text)
        text = unicodedata.normalize("NFC", _DIACRITIC.sub("", text))
    return f" {text.strip()} "


def character_grams(question: str) -> list[str]:
    """Return the runs of characters to look for, each once; a space marks the edge of a word."""
    found: dict[str, None] = {}
    for match in _RUN.finditer(fold_text(question)):
        run, kind = match.group(), match.lastgroup
        size = _CJK_SIZE if kind == "cjk" else _UNSPACED_SIZE
        if kind == "word":
            run, size = f" {run} ", _LETTERS_SIZE
        for i in range(len(run) - size + 1):
            found[run[i : i + size]] = None
    return list(found)


def character_scores(question: str, texts: Sequence[str]) -> list[float]:
    """Return for each of ``texts`` its BM25 over the question's character runs, 0 or more."""
    grams = character_grams(question)
    scores = [0.0] * len(texts)
    if not grams or not texts:
        return scores
    folded = [fold_text(text) for text in texts]
    mean = sum(map(len, folded)) / len(folded)
    damping = [K1 * (1 - B + B * len(text) / mean) for text in folded]
    for gram in grams:
        counts = [text.count(gram) for text in folded]
        holding = sum(1 for count in counts if count)
        if not holding:
            continue
        rarity = idf(len(texts), holding)
        for i, count in enumerate(counts):
            if count:
                scores[i] += rarity * count * (K1 + 1) / (count + damping[i])
    return scores
