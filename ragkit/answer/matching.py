"""Index terms with their places in a text, so that a match can be pointed at."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from ragkit.retrieve.tokenizer import terms

__all__ = ["is_unspaced", "iter_tokens", "place_terms", "token_terms"]

_HAN = (
    "\u3005-\u3007\u3041-\u3096\u309d-\u30ff\u31f0-\u31ff"
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af"
)
_HANGUL = "\u1100-\u11ff\u3130-\u318f\uac00-\ud7a3"
_THAI = (
    "\u0e01-\u0e3a\u0e40-\u0e4e\u0e81-\u0ece\u0edc-\u0edf\u1000-\u103f\u1050-\u108f\u1780-\u17d3"
)
_MARKS = '\\s\0,;!?"“”„«»()\\[\\]{}<>|=*`~、。，；：！？（）《》〈〉「」『』【】〔〕…।؟،؛'
# Runs without spaces, Hangul words, and anything else between white space and punctuation.
_TOKEN = re.compile(rf"[{_HAN}]+|[{_THAI}]+|[{_HANGUL}]+|[^{_MARKS}{_HAN}{_THAI}{_HANGUL}]+")
_RUN = re.compile(rf"[{_HAN}{_THAI}{_HANGUL}]")
_EDGE = ".:'’‘-–—/_&%$#@+^\\·"
# Marks that belong to a token where they end it: C++, C#, 50%.
_KEPT_TAIL = "+#%_"


def iter_tokens(text: str) -> Iterator[tuple[int, int]]:
    """Yield the spans of words, identifiers, numbers and runs of unspaced script, in order."""
    for match in _TOKEN.finditer(text):
        start, end = match.span()
        while start < end and text[start] in _EDGE and text[start] not in "-_$#@":
            start += 1
        while start < end and text[end - 1] in _EDGE and text[end - 1] not in _KEPT_TAIL:
            end -= 1
        if any(char.isalnum() for char in text[start:end]):
            yield start, end


def is_unspaced(token: str) -> bool:
    """Return whether ``token`` is a run of a script that is indexed by character n-grams."""
    return _RUN.match(token) is not None


@lru_cache(maxsize=1 << 15)
def token_terms(token: str, language: str | None) -> tuple[str, ...]:
    """Return the index terms of one token, without repeats, in order."""
    return tuple(dict.fromkeys(terms(token, language=language)))


def place_terms(
    text: str, wanted: frozenset[str], language: str | None
) -> dict[str, list[tuple[int, int]]]:
    """Return where each of the ``wanted`` terms occurs in ``text``; absent ones have no entry."""
    places: dict[str, list[tuple[int, int]]] = {}
    for start, end in iter_tokens(text):
        token = text[start:end]
        if not is_unspaced(token):
            for term in token_terms(token, language):
                if term in wanted:
                    places.setdefault(term, []).append((start, end))
            continue
        for at in range(len(token)):
            for size in (1, 2, 3):
                gram = token[at : at + size]
                if len(gram) == size and gram in wanted:
                    places.setdefault(gram, []).append((start + at, start + at + size))
    return places
