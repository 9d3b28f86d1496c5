"""The short answer inside a sentence: the span a reader's eye should fall on.

Every span that could be an answer (a date or number where one is asked for; runs of words between
punctuation, grammar and the question's own words; clauses) is scored by a linear model over what
it looks like and where it stands beside the question's words. Among words set apart by spaces the
span is given that shares most with the likely ones (minimum Bayes risk; Kumar and Byrne 2004).
"""

from __future__ import annotations

import heapq
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache

from ragkit.answer.candidates import HAN, Places, Sight, Span, answer_candidates, see
from ragkit.answer.mark_weights import HAN_WEIGHTS, WORD_WEIGHTS
from ragkit.answer.question import Question
from ragkit.answer.span_features import span_features

__all__ = ["choose_span", "mark_answer", "span_score", "weights_of"]

# Kinds whose answer is not a few words of a sentence.
_UNMARKED = frozenset({"polar", "keywords"})
# Who asks how to do something wants steps; "how was it dated?" has a short answer.
_HOW_TO = re.compile(
    r"\bhow (?:to\b|(?:do|can|could|should|would|must|may|might) (?:i|we|you|one)\b)"
    r"|\bwie (?:kann|können|soll|muss|mache|macht) (?:ich|man|wir)\b"
    r"|\bcomment (?:faire|puis-je|\w+er)\b"
    r"|\bcómo (?:puedo|se puede|\w+[aei]r)\b|^как \w+(?:ть|ти)\b"
    r"|^(?:请问|請問)?(?:我们?|我們|应该|應該|该|該|要|可以)*(?:如何|怎[么麼样樣])|どう(?:やって|すれば|したら)",
    re.IGNORECASE,
)
# Kinds that are too rare to have weights of their own.
_LIKE = {"definition": "thing", "keywords": "thing", "method": "reason"}
# A longer sentence is a list or a row of a table: too many spans, too little to tell them apart.
_LONGEST_SENTENCE = 1000
# Below this probability the best candidate is hardly better than any other.
_SURE = 0.05
# Spans beyond the likeliest change no choice.
_MOST_RIVALS = 20


def mark_answer(question: Question, sentence: str, places: Places) -> Span | None:
    """Return the span of ``sentence`` that answers ``question`` by itself, or None where unsure.

    ``places`` says where the question's terms stand in the sentence.
    """
    if question.kind in _UNMARKED or len(sentence) > _LONGEST_SENTENCE:
        return None
    if question.kind == "method" and _HOW_TO.search(question.text):
        return None
    sight = see(question, sentence, places)
    candidates = answer_candidates(sight)
    if not candidates:
        return None
    weights, features = weights_of(sight), span_features(sight, places)
    scores = [span_score(weights, features(span).items()) for span in candidates]
    best = max(scores)
    if 1 / sum(math.exp(score - best) for score in scores) < _SURE:
        return None
    return _trimmed(sentence, choose_span(sentence, candidates, scores))


def choose_span(text: str, candidates: Sequence[Span], scores: Sequence[float]) -> Span:
    """Return the span to mark, by scores whose exponentials are in proportion to likelihood.

    Where words are not set apart it is the likeliest: shared characters say little.
    """
    best = max(scores)
    shares = [math.exp(score - best) for score in scores]
    likely = heapq.nlargest(_MOST_RIVALS, zip(shares, candidates, strict=True))
    return likely[0][1] if HAN.search(text) else _central(text, likely)


def weights_of(sight: Sight) -> Mapping[str, float]:
    """Return the weight of each feature for this script and kind of question."""
    return _weights(sight.han, _LIKE.get(sight.question.kind, sight.question.kind))


@cache
def _weights(han: bool, kind: str) -> Mapping[str, float]:
    table: dict[str, float] = {}
    for name, by_kind in (HAN_WEIGHTS if han else WORD_WEIGHTS).items():
        table[name] = by_kind.get("", 0.0) + by_kind.get(kind, 0.0)
    return table


def span_score(weights: Mapping[str, float], features: Iterable[tuple[str, float]]) -> float:
    """Return the weighted sum; features without a weight count nothing."""
    return sum([weights[name] * value for name, value in features if name in weights])


def _central(text: str, likely: Sequence[tuple[float, Span]]) -> Span:
    """Return the span whose words are expected to be shared most with the right answer."""
    sized = [(share, span, len(text[slice(*span)].split())) for share, span in likely]

    def expected(span: Span, size: int) -> float:
        total = 0.0
        for share, other, other_size in sized:
            start, end = max(span[0], other[0]), min(span[1], other[1])
            if start < end:
                total += share * 2 * len(text[start:end].split()) / (size + other_size)
        return total

    return max(sized, key=lambda row: expected(row[1], row[2]))[1]


def _trimmed(text: str, span: Span) -> Span | None:
    start, end = span
    while start < end and text[start] in " \t\n*_`":
        start += 1
    while start < end and text[end - 1] in " \t\n*_`,，、;；":
        end -= 1
    return (start, end) if start < end else None
