"""How near an answer's text comes to the answers of a test set: contains, exact match, F1, BLEU.

Normalisation follows the official SQuAD script (Rajpurkar et al. 2016, ``evaluate-v2.0.py``: no
case, no punctuation, no English articles, single spaces). Scripts that put no space between words
are compared character by character, as CMRC 2018 (Cui et al. 2019) and DRCD (Shao et al. 2018) do;
CMRC's F1 counts the longest common run, ours all shared characters, as SQuAD's and DRCD's do.
"""

from __future__ import annotations

import re
import string
import unicodedata
from collections import Counter
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from ragkit.errors import MissingExtra
from ragkit.retrieve.tokenizer import CJK, UNSPACED

if TYPE_CHECKING:
    from sacrebleu.metrics.bleu import BLEU

__all__ = [
    "Overlap",
    "bleu_counts",
    "bleu_of",
    "contains",
    "exact_match",
    "load_bleu",
    "token_f1",
    "tokens",
]

_ARTICLES = frozenset({"a", "an", "the"})
_TOKEN = re.compile(rf"[{CJK}{UNSPACED}]|[^\s{CJK}{UNSPACED}]+")
_UNSPACED = re.compile(f"[{CJK}{UNSPACED}]")
_HAN = re.compile("[\u3400-\u9fff]")
_KANA_OR_UNSPACED = re.compile(f"[\u3040-\u30ff{UNSPACED}]")
_ORDER = 4

Overlap = tuple[int, ...]
"""BLEU's sufficient statistics: matches and totals of 1- to 4-grams, and both lengths."""


def tokens(text: str) -> list[str]:
    """Return the normalised tokens: words, or characters where words are not set apart."""
    plain = "".join(
        " " if char.isspace() else char
        for char in unicodedata.normalize("NFKC", text).lower()
        if char not in string.punctuation and unicodedata.category(char)[0] != "P"
    )
    return [token for token in _TOKEN.findall(plain) if token not in _ARTICLES]


def contains(said: str, answers: Sequence[str]) -> bool:
    """Return whether ``said`` holds one of ``answers``, whatever the case, width and spacing."""
    text = _folded(said)
    return any(_holds(text, _folded(answer)) for answer in answers)


def exact_match(said: str, answers: Sequence[str]) -> float:
    """Return 1 where ``said`` is one of ``answers`` after normalisation, else 0."""
    found = tokens(said)
    return float(any(found == tokens(answer) for answer in answers))


def token_f1(said: str, answers: Sequence[str]) -> float:
    """Return the best F1 of shared tokens with one of ``answers``, in [0, 1]; 0 without any."""
    return max((_f1(tokens(said), tokens(answer)) for answer in answers), default=0.0)


def bleu_counts(said: str, answers: Sequence[str]) -> Overlap:
    """Return what BLEU counts for one answer against its references; add them up over answers.

    Tokens are those of sacrebleu's ``zh`` tokenizer for Chinese, of ``char`` for Japanese, Thai,
    Lao, Khmer and Burmese, of ``13a`` for the rest, by the references' script. Raises MissingExtra
    without sacrebleu.
    """
    name = _tokenizer_name(" ".join(answers))
    score = load_bleu(name).sentence_score(said, list(answers))
    return (*score.counts, *score.totals, score.sys_len, score.ref_len)


def bleu_of(counts: Sequence[float]) -> float:
    """Return corpus BLEU (Papineni et al. 2002; sacrebleu, Post 2018) of added-up counts, 0 to 1.

    Smoothed as sacrebleu does by default (exponentially), for short answers have no 4-grams.
    """
    from sacrebleu.metrics.bleu import BLEU

    whole: Any = [round(count) for count in counts]
    score = BLEU.compute_bleu(
        correct=whole[:_ORDER],
        total=whole[_ORDER : 2 * _ORDER],
        sys_len=whole[-2],
        ref_len=whole[-1],
        smooth_method="exp",
    )
    return float(score.score) / 100


def _f1(said: Sequence[str], gold: Sequence[str]) -> float:
    if not said or not gold:  # as SQuAD: equal where both are empty
        return float(said == gold)
    shared = sum((Counter(said) & Counter(gold)).values())
    return 2 * shared / (len(said) + len(gold))


def _folded(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def _holds(text: str, answer: str) -> bool:
    if not _UNSPACED.search(text):
        return answer in text
    # "25 天" and "25天" are the same.
    return answer.replace(" ", "") in text.replace(" ", "")


def _tokenizer_name(references: str) -> str:
    if _KANA_OR_UNSPACED.search(references):
        return "char"
    return "zh" if _HAN.search(references) else "13a"


@cache
def load_bleu(tokenizer: str = "13a") -> BLEU:
    """Return sacrebleu's BLEU with a tokenizer; raise MissingExtra where it is not installed."""
    try:
        from sacrebleu.metrics.bleu import BLEU
    except ImportError as error:
        raise MissingExtra("ragkit evaluate --answers", "eval") from error
    # Counts are the same either way; without it sacrebleu logs a line for every sentence.
    return BLEU(tokenize=tokenizer, effective_order=True)
