"""Second look at the best nodes: do the question's words stand near each other there too?

After the sequential dependence model (Metzler and Croft 2005, "A Markov random field model for
term dependencies"): two words that are neighbours in the question, or have one word between
them, count where they stand within a window of four words, in either order. Only scripts that
put spaces between words have a part in it; in Chinese and Thai the runs of characters say the same.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache

from ragkit.retrieve.tokenizer import LETTER, normalize, word_term
from ragkit.store.bm25 import K1, B, idf

__all__ = ["proximity_scores"]

# A longer run of letters is no word: it is cut.
_WORD = re.compile(rf"{LETTER}{{1,40}}")
_ASKED_REACH, _WINDOW = 2, 3  # words ahead, in the question and in the text


def proximity_scores(question: str, texts: Sequence[str], *, language: str | None) -> list[float]:
    """Return for each of ``texts`` its BM25 over the question's pairs of words, 0 or more.

    How rare a pair is is judged among ``texts``. Words are stemmed in ``language``.
    """
    scores = [0.0] * len(texts)
    asked = _sequence(question, language)
    wanted = {
        _pair(one, other)
        for place, one in enumerate(asked)
        for other in asked[place + 1 : place + 1 + _ASKED_REACH]
    }
    if not wanted or not texts:
        return scores
    words = frozenset(asked)
    sequences = [_sequence(text, language) for text in texts]
    found = [_near(sequence, words, wanted) for sequence in sequences]
    holding = Counter(pair for counts in found for pair in counts)
    mean = sum(map(len, sequences)) / len(sequences) or 1.0
    for place, counts in enumerate(found):
        damping = K1 * (1 - B + B * len(sequences[place]) / mean)
        for pair, count in counts.items():
            rarity = idf(len(texts), holding[pair])
            scores[place] += rarity * count * (K1 + 1) / (count + damping)
    return scores


# The same nodes come up again and again; at about 2 kB a node this is a few megabytes.
@lru_cache(maxsize=4096)
def _sequence(text: str, language: str | None) -> tuple[str, ...]:
    return tuple(word_term(word, language) for word in _WORD.findall(normalize(text)))


def _pair(one: str, other: str) -> tuple[str, str]:
    return (one, other) if one <= other else (other, one)


def _near(
    sequence: tuple[str, ...], words: frozenset[str], wanted: set[tuple[str, str]]
) -> Counter[tuple[str, str]]:
    """Count the wanted pairs that stand within the window."""
    counts: Counter[tuple[str, str]] = Counter()
    places = [place for place, word in enumerate(sequence) if word in words]
    for at, place in enumerate(places):
        for other in places[at + 1 : at + 1 + _WINDOW]:
            if other - place > _WINDOW:
                break
            pair = _pair(sequence[place], sequence[other])
            if pair in wanted:
                counts[pair] += 1
    return counts
