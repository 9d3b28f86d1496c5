"""When the documents do not hold the answer, and what to say then."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ragkit.answer.evidence import Atoms, Evidence
from ragkit.answer.question import Question
from ragkit.prompts import load_texts

__all__ = ["THRESHOLD", "confidence", "is_asking", "refusal_text"]

# Fitted by logistic regression on the development halves of CMRC 2018, DRCD, SQuAD 2.0, XQuAD and
# the technical FAQ (each set counted alike): questions with their passage in the index, against the
# same ones with it removed and against questions asked of another set's passages.
_WEIGHTS = {"heading": 0.9, "soft": 2.9}
_COUNT = 3.4
_EVERYWHERE, _UNKNOWN, _RIVAL, _LENGTH, _BIAS = 2.6, 1.5, -5.2, 0.3, -3.1
# Not fitted (the sets ask about what is there): a number or identifier of the question that occurs
# nowhere in the collection.
_STRANGER = -1.5
_MOST_UNKNOWN = 0.5

THRESHOLD = 0.18
"""Below this ``confidence`` an answer is refused: where 95% of those answerable questions of CMRC,
DRCD, SQuAD 2.0 and XQuAD (en zh de ru es), pooled, lie above."""

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
    best: Evidence, evidence: Sequence[Evidence], atoms: Atoms, scores: Sequence[float]
) -> float:
    """Return how probable it is that the nodes hold the answer, from 0 to 1.

    It grows with the share of the question's words in the best sentence (each counted alike), in
    its headings, and in all retrieved nodes together (by their weight). It falls where the best
    sentence's node lacks words and the next node is retrieved with nearly the same score: then
    nothing in the collection stands out. ``scores`` are the nodes' scores, best first.
    """
    columns = zip(*(e.covered for e in evidence), strict=True)
    everywhere = atoms.coverage([max(column) for column in columns])
    rival = scores[1] / scores[0] if len(scores) > 1 and scores[0] else 0.0
    features = best.features
    logit = (
        _BIAS
        + sum(weight * getattr(features, name) for name, weight in _WEIGHTS.items())
        # The body under a heading that is the question need not repeat it.
        + _COUNT * max(features.count, features.opens)
        + _EVERYWHERE * everywhere
        + _UNKNOWN * _forgiven(atoms.unknown, everywhere)
        + _STRANGER * min(2, atoms.strangers)
        + _RIVAL * (1 - features.node) * rival
        + _LENGTH * math.log(max(1, len(atoms.weights)))
    )
    return 1 / (1 + math.exp(-max(-30.0, min(30.0, logit))))


def _forgiven(unknown: float, everywhere: float) -> float:
    """Return the share of words that no node holds, as far as the other words were found.

    A document may use another verb; a question of which nothing is found is no paraphrase.
    """
    known = 1 - unknown
    return min(unknown, _MOST_UNKNOWN) * min(1.0, everywhere / known) if known else 0.0


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
