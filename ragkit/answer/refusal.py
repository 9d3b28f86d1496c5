"""When the documents do not hold the answer, and what to say then."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ragkit.answer.evidence import Atoms, Evidence
from ragkit.answer.question import Question
from ragkit.prompts import load_texts

__all__ = ["HOPELESS", "THRESHOLD", "confidence", "is_asking", "refusal_text"]

# Fitted by logistic regression on the development halves of CMRC 2018, DRCD, SQuAD 2.0, XQuAD and
# the technical FAQ, each set counted alike: questions with their passage in the index (the whole
# one, or one of 3 to 30 passages; found by words, by vectors, or by both), against the same
# questions with it removed, unanswerable ones, and questions asked of another set. The penalty
# pulls towards weights that were judged on technical documentation: unpenalised ones gain .01 of
# AUROC at most and answer from small folders what they do not say (docs/answers.md).
_WEIGHTS = {
    "around": 2.78, "everywhere": 2.79, "matter": 0.79, "soft": 7.26, "flat": -3.85, "typed": -0.93,
    "names": -0.76, "atoms": -0.32, "words": -0.36, "found": 0.08, "rivals": -0.09,
}  # fmt: skip
_BIAS = -0.1
# Not fitted (the sets ask about what is there): a number or identifier of the question that occurs
# nowhere in the collection.
_STRANGER = -1.5
# Nor these, chosen on small collections and technical questions: one word found, another missing,
# in any collection and the more in a small one (half of the second weight at so many nodes).
_WEIGHTS |= {"thin": -0.7, "thin_few": -2.2}
_FEW_NODES = 10
_ONE_WORD, _MISSING = 1.1, 0.45
# A longer sentence is no likelier to match by chance, since it is code or a table.
_LONG = 40
_MOST_FOUND = 4.0
# Kinds of answer that are recognised surely enough for their absence to tell.
_TYPED = frozenset({"time", "number"})

THRESHOLD = 0.28
"""Below this ``confidence`` an answer is refused: about 95% of those answerable questions of CMRC,
DRCD, SQuAD 2.0 and XQuAD (en zh de ru th), pooled, lie above."""

HOPELESS = 0.02
"""Below this ``confidence`` no model is asked either: some 0.5% of the answerable questions lie
there, and half of those that have nothing to do with the documents."""

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
    sentence's own words tell: a product's name that every node holds tells nothing. It falls where
    names are missing, where the sentence holds nothing of the kind that is asked for, where it is
    long and matches by chance, and where other sentences or nodes do nearly as well: then nothing
    in the collection stands out. ``ranked`` are the sentences with their scores and ``scores`` the
    nodes' scores, each best first.
    """
    signals = _signals(question, ranked, evidence, atoms, scores)
    logit = _BIAS + sum(_WEIGHTS[name] * value for name, value in signals.items())
    logit += _STRANGER * min(2, atoms.strangers)
    return 1 / (1 + math.exp(-max(-30.0, min(30.0, logit))))


def _signals(
    question: Question,
    ranked: Sequence[tuple[float, Evidence]],
    evidence: Sequence[Evidence],
    atoms: Atoms,
    scores: Sequence[float],
) -> dict[str, float]:
    """Return what tells whether the nodes hold the answer, by the names of the weights."""
    top, best = ranked[0]
    everywhere = [max(column) for column in zip(*(e.covered for e in evidence), strict=True)]
    found = sum(size * c for size, c in zip(atoms.sizes, best.around, strict=True))
    thin = float(found <= _ONE_WORD and sum(atoms.sizes) - found >= _MISSING)
    return {
        "around": atoms.evidence(best.around),
        "everywhere": atoms.evidence(everywhere),
        "matter": math.log(0.1 + atoms.matter(best.said) / atoms.rarest),
        "soft": best.features.soft,
        "flat": _flatness(scores),
        "typed": best.features.lacking if question.kind in _TYPED else 0.0,
        "names": min(2.0, atoms.missing_names(best.around)),
        "atoms": math.log(max(1, len(atoms.weights))),
        "words": math.log(1 + min(best.words, _LONG)),
        "found": min(_MOST_FOUND, found),
        "rivals": math.log(sum(math.exp(score - top) for score, _ in ranked)),
        "thin": thin,
        "thin_few": thin / (1 + atoms.nodes / _FEW_NODES),
    }


def _flatness(scores: Sequence[float]) -> float:
    """Return how near the other nodes' scores come to the best one's, from 0 to 1."""
    others = scores[1:]
    return sum(others) / len(others) / scores[0] if others and scores[0] else 0.0


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
