"""When the documents do not hold the answer, and what to say then."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ragkit.answer.evidence import Atoms, Evidence
from ragkit.answer.near import near_numbers
from ragkit.answer.question import Question
from ragkit.answer.signals import refusal_signals
from ragkit.prompts import load_texts
from ragkit.types import SourceNode

__all__ = ["HOPELESS", "THRESHOLD", "confidence", "is_asking", "refusal_text"]

# Fitted by scripts/fit_refusal.py (which prints them) on the development halves of CMRC 2018, DRCD,
# SQuAD 2.0, XQuAD in eleven languages and the technical FAQ, each counted alike: questions with
# their passage in the index (the whole one, or one of 3 to 30 passages) against the same with it
# removed from the nodes, or never indexed. A penalty pulls towards weights that were judged on
# technical documentation. The last five were judged there alone: a sentence that says what the
# thing is that is to be explained; words that no node holds, and the same where the question is
# whether something is so or what it is; in a small collection, one word found and another missing;
# numbers and identifiers of the question that occur nowhere (docs/answers.md).
_WEIGHTS = {
    "around": 1.15, "everywhere": -0.41, "matter": 0.8, "soft": 6.2, "flat": -5.6, "typed": -1.2,
    "names": -0.63, "atoms": -0.14, "words": -0.6, "found": -0.02, "rivals": -0.14, "runs": 0.88,
    "runs_everywhere": 0.82, "lost_around": -1.15, "lost_node": -1.32, "lost_everywhere": -3.79,
    "named": 0.74,
    "defines": 3.0, "unknown": -3.0, "unfounded": -4.0, "thin_few": -6.0, "strangers": -0.75,
}  # fmt: skip
_BIAS = 5.42

THRESHOLD = 0.28
"""Below this ``confidence`` an answer is refused: 95% of the answerable questions of CMRC, DRCD,
SQuAD 2.0 and XQuAD (eleven languages), pooled, lie above, 93% in English and 97% in Chinese."""

HOPELESS = 0.04
"""Below this ``confidence`` no model is asked either: some 0.6% of the answerable questions lie
there, and a fifth of those whose passage was never indexed."""

_MOST_TERMS = 6

_GREETING_WORDS = (
    "hello hi hey there hallo bonjour salut hola ciao olá привет здравствуйте مرحبا สวัสดี chào xin "
    "नमस्ते merhaba γεια 你好 您好 嗨 哈喽 哈囉 早上好 晚上好 谢谢 謝謝 再见 再見 こんにちは "
    "ありがとう 안녕하세요 안녕 thanks thank bye danke merci gracias спасибо ok okay"
)
_GREETINGS = frozenset(_GREETING_WORDS.split())


def is_asking(question: Question) -> bool:
    """Return whether ``question`` holds anything to look for: not a greeting, not bare grammar."""
    if not any(term.weight >= 0.3 for term in question.terms):
        return False
    return not all(word.casefold() in _GREETINGS for word in question.words)


def confidence(
    question: Question,
    ranked: Sequence[tuple[float, Evidence]],
    evidence: Sequence[Evidence],
    atoms: Atoms,
    scores: Sequence[float],
) -> float:
    """Return how probable it is that the nodes hold the answer, from 0 to 1.

    It grows with the share of the question's words, by their rarity, around the best sentence (in
    it, its headings and its neighbours) and in all retrieved nodes together, and with how much the
    sentence's own words tell: a product's name that every node holds tells nothing. Runs of
    characters count beside whole words, which bridges forms of a word and scripts without spaces.
    It falls where words that the collection holds elsewhere are missing, where names are missing,
    where the sentence holds nothing of the kind that is asked for, where it is long and matches by
    chance, and where other sentences or nodes do nearly as well: then nothing in the collection
    stands out. ``ranked`` are the sentences with their scores and ``scores`` the nodes' scores,
    each best first.
    """
    signals = refusal_signals(question, ranked, evidence, atoms, scores)
    logit = _BIAS + sum(weight * signals[name] for name, weight in _WEIGHTS.items())
    return 1 / (1 + math.exp(-max(-30.0, min(30.0, logit))))


def refusal_text(
    question: Question, *, sources: Sequence[SourceNode], language: str | None = None
) -> str:
    """Return the refusal in the question's language, with the words that were looked for.

    It points to those of ``sources`` that share a word with the question, or says that none does.
    """
    texts = load_texts(language or question.language)
    if not is_asking(question):
        return texts.no_question
    words = question.words[:_MOST_TERMS]
    parts = [texts.not_found]
    if words:
        terms = texts.separator.join(texts.quoted.format(term=word) for word in words)
        parts.append(texts.looked_for.format(terms=terms))
    parts.append(texts.nearest if near_numbers(question, sources) else texts.nothing_near)
    return texts.gap.join(parts)
