"""When the documents do not hold the answer, and what to say then."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ragkit.answer.evidence import Atoms, Evidence
from ragkit.answer.question import Question
from ragkit.prompts import load_texts

__all__ = ["THRESHOLD", "confidence", "is_asking", "refusal_text"]

# Fitted by logistic regression on the development halves of CMRC 2018, DRCD, SQuAD 2.0, XQuAD (en
# zh de ru es hi th) and the technical FAQ, each set counted alike: questions with their passage in
# the index (the whole one, or one of 3 to 30 passages), against the same questions with it removed,
# unanswerable ones, questions asked of another set's passages, and technical questions asked of
# another product's manual under that product's name.
_AROUND, _EVERYWHERE, _MATTER, _SOFT = 2.75, 3.25, 0.85, 7.0
_FLAT, _LACKING, _NAMES, _ATOMS, _WORDS, _BIAS = -3.45, -1.0, -0.85, -0.33, -0.22, -1.35
# Not fitted (the sets ask about what is there): a number or identifier of the question that occurs
# nowhere in the collection.
_STRANGER = -1.5
# Nor these, chosen on small collections and technical questions: one word found, another missing,
# in any collection and the more in a small one (half of the second weight at so many nodes).
_THIN, _THIN_FEW, _FEW_NODES = -0.7, -2.2, 10
_ONE_WORD, _MISSING = 1.1, 0.45
# A longer sentence is no likelier to match by chance, since it is code or a table.
_LONG = 40
# Kinds of answer that are recognised surely enough for their absence to tell.
_TYPED = frozenset({"time", "number"})

THRESHOLD = 0.26
"""Below this ``confidence`` an answer is refused: 95% of those answerable questions of CMRC, DRCD,
SQuAD 2.0 and XQuAD (en zh de ru es hi th), pooled, lie above."""

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
    best: Evidence,
    evidence: Sequence[Evidence],
    atoms: Atoms,
    scores: Sequence[float],
) -> float:
    """Return how probable it is that the nodes hold the answer, from 0 to 1.

    It grows with the share of the question's words, by their rarity, around the best sentence (in
    it, its headings and its neighbours) and in all retrieved nodes together, and with how much the
    sentence's own words tell: a product's name that every node holds tells nothing. It falls where
    names are missing, where the sentence holds nothing of the kind that is asked for, where it is
    long and matches by chance, and where the other nodes score nearly as high: then nothing in the
    collection stands out. ``scores`` are the nodes' scores, best first.
    """
    columns = zip(*(e.covered for e in evidence), strict=True)
    everywhere = [max(column) for column in columns]
    logit = (
        _BIAS
        + _AROUND * atoms.evidence(best.around)
        + _EVERYWHERE * atoms.evidence(everywhere)
        + _MATTER * math.log(0.1 + atoms.matter(best.said) / atoms.rarest)
        + _SOFT * best.features.soft
        + _FLAT * _flatness(scores)
        + _thinness(atoms, best.around)
        + _LACKING * (best.features.lacking if question.kind in _TYPED else 0.0)
        + _NAMES * min(2.0, atoms.missing_names(best.around))
        + _STRANGER * min(2, atoms.strangers)
        + _ATOMS * math.log(max(1, len(atoms.weights)))
        + _WORDS * math.log(1 + min(best.words, _LONG))
    )
    return 1 / (1 + math.exp(-max(-30.0, min(30.0, logit))))


def _flatness(scores: Sequence[float]) -> float:
    """Return how near the other nodes' scores come to the best one's, from 0 to 1."""
    others = scores[1:]
    return sum(others) / len(others) / scores[0] if others and scores[0] else 0.0


def _thinness(atoms: Atoms, around: Sequence[float]) -> float:
    """Return what it costs that only one word of the question is found and another is missing.

    The one found may be what the collection is all about, the likelier the smaller it is.
    """
    found = sum(size * c for size, c in zip(atoms.sizes, around, strict=True))
    if found > _ONE_WORD or sum(atoms.sizes) - found < _MISSING:
        return 0.0
    return _THIN + _THIN_FEW / (1 + atoms.nodes / _FEW_NODES)


def refusal_text(question: Question, *, sources: bool, language: str | None = None) -> str:
    """Return the refusal in the question's language, with the words that were looked for.

    ``sources`` tells whether there are nearest sources to point to.
    """
    texts = load_texts(language or question.language)
    if not is_asking(question):
        return texts.no_question
    words = question.words[:_MOST_TERMS]
    parts = [texts.not_found]
    if words:
        terms = texts.separator.join(texts.quoted.format(term=word) for word in words)
        parts.append(texts.looked_for.format(terms=terms))
    if sources:
        parts.append(texts.nearest)
    return texts.gap.join(parts)
