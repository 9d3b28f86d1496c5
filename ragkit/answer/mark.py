# ruff: noqa: E501  (patterns read best one kind a line)
"""The short answer inside a sentence: the span a reader's eye should fall on.

Every span that could be an answer (a date or number where one is asked for; runs of words between
punctuation, grammar and the question's own words; clauses) is scored by a linear model over what
it looks like and where it stands beside the question's words.
"""

from __future__ import annotations

import math
import re

from ragkit.answer.candidates import CLAUSE_END, HAN, Places, Sight, Span, answer_candidates, see
from ragkit.answer.question import Question

__all__ = ["mark_answer"]

# Kinds whose answer is not a few words of a sentence.
_UNMARKED = frozenset({"method", "polar", "keywords"})
# A longer sentence is a list or a row of a table: too many spans, too little to tell them apart.
_LONGEST_SENTENCE = 1000
# Below this probability the best candidate is hardly better than any other. A higher bar leaves
# more unmarked than it spares from a wrong mark: F1 falls by .02 at 0.1.
_SURE = 0.05

# Fitted by listwise logistic regression on the gold sentences of the development halves, towards
# the candidates that overlap most with a gold answer: Chinese (CMRC, DRCD, XQuAD), then languages
# with spaces (SQuAD 2.0, XQuAD en de ru es).
_WEIGHTS = {
    "typed": (2.4, 3.5),
    "in_typed": (1.5, 1.6),
    "holds_typed": (0.6, 1.4),
    "near": (0.8, 1.6),
    "next_near": (1.1, 1.3),
    "same_clause": (1.0, 0.8),
    "length": (1.9, 1.5),
    "length_squared": (-0.5, -0.5),
    "capital": (0.0, 0.5),
    "digit": (-0.9, 0.4),
    "copula": (0.6, 0.3),
    "agent": (0.1, 0.4),
    "article": (0.0, 0.4),
    "stop_before": (-0.2, 0.1),
    "stop_after": (0.3, 1.3),
    "touches_before": (0.1, 0.4),
    "touches_after": (0.3, 0.7),
    "between": (-0.1, 0.0),
    "begins": (-0.3, -0.5),
    "quoted": (0.9, 0.2),
    "clause": (-0.3, -0.3),
    "overlap": (-2.6, -2.7),
    "capital:person": (0.0, -0.4),
    "capital:thing": (0.3, 1.4),
    "capital:choice": (0.0, 1.7),
    "digit:person": (-0.9, -0.2),
    "digit:time": (2.8, 1.7),
    "digit:number": (1.9, 0.2),
    "agent:person": (0.6, 0.8),
    "in:place": (1.9, 1.4),
    "clause:reason": (1.4, 2.0),
    "clause:thing": (0.6, 0.6),
    "reason_before:reason": (1.3, 0.9),
    # Not fitted: few questions of the sets name a unit.
    "measured": (3.0, 3.0),
}

_CAPITAL = re.compile(r"[^\W\d_a-zа-яёα-ωά-ώßà-öø-ÿ\u0e00-\uffff]")
_COPULA = re.compile(
    r"(?:\b(?:is|are|was|were|as|called|named|ist|sind|war|waren|als|es|son|fue|era|est|sont|это|είναι|ήταν)\s+(?:an?|the|ein\w*|der|die|das|un\w*|el|la|los|las|le|les)?\s*|[是为為叫做称稱即])$",
    re.IGNORECASE,
)
_AGENT = re.compile(
    r"(?:\b(?:by|von|vom|durch|por|par|durch)\s+(?:the |dem |der |den |la |el |le )?|[由被])$",
    re.IGNORECASE,
)
_IN = re.compile(
    r"(?:\b(?:in|at|on|from|to|into|near|im|am|en|dans|в|во|на|σε|στο|στη|στην)\s+(?:the |der |dem |den |la |el |le )?|[在于於到自至])$",
    re.IGNORECASE,
)
_ARTICLE = re.compile(
    r"\b(?:the|an?|der|die|das|den|dem|ein\w*|el|la|los|las|un|una|le|les|une|ο|η|το|τον|την)\s$",
    re.IGNORECASE,
)
_REASON_BEFORE = re.compile(
    r"(?:因为|因為|由于|由於|为了|為了|以便|because(?: of)?|due to|since|to|for|weil|um|porque|debido a|из-за|чтобы|для|так как)\s*$",
    re.IGNORECASE,
)
_STOP_BEFORE = re.compile(r"(?:^|[,;:(（，、。；：\"“「《『]\s*)$")
_STOP_AFTER = re.compile(r"^(?:\s*[,;:)）.!?，、。；：\"”」》』]|\s*$)")


def mark_answer(question: Question, sentence: str, places: Places) -> Span | None:
    """Return the span of ``sentence`` that answers ``question`` by itself, or None where unsure.

    ``places`` says where the question's terms stand in the sentence.
    """
    if question.kind in _UNMARKED or len(sentence) > _LONGEST_SENTENCE:
        return None
    sight = see(question, sentence, places)
    candidates = answer_candidates(sight)
    if not candidates:
        return None
    scores = [_score(sight, span) for span in candidates]
    best = max(range(len(scores)), key=lambda i: scores[i])
    whole = sum(math.exp(score - scores[best]) for score in scores)
    return _trimmed(sentence, candidates[best]) if 1 / whole >= _SURE else None


def _score(sight: Sight, span: Span) -> float:
    column = 0 if HAN.search(sight.text) else 1
    total = 0.0
    for name, value in _features(sight, span).items():
        plain = _WEIGHTS.get(name)
        by_kind = _WEIGHTS.get(f"{name}:{sight.kind}")
        total += value * ((plain[column] if plain else 0.0) + (by_kind[column] if by_kind else 0.0))
    return total


def _trimmed(text: str, span: Span) -> Span | None:
    start, end = span
    while start < end and text[start] in " \t\n*_`":
        start += 1
    while start < end and text[end - 1] in " \t\n*_`,，、;；":
        end -= 1
    return (start, end) if start < end else None


def _features(sight: Sight, span: Span) -> dict[str, float]:
    """Return what ``span`` looks like and where it stands; names as in the weights, or one half."""
    start, end = span
    text, matched = sight.text, sight.matched
    body, before, after = text[start:end], text[max(0, start - 14) : start], text[end : end + 3]
    han = HAN.search(body) is not None
    words = body.split()
    size = (end - start) / 2 if han else max(1, len(words))
    scale = 12 if han else 30
    gaps = sorted(max(s - end, start - e, 0) for s, e in matched)
    near = [1 / (1 + gap / scale) for gap in gaps[:2]] or [0.0]
    left = any(e <= start for _, e in matched)
    capitals = sum(_CAPITAL.match(word) is not None for word in words) / max(1, len(words))
    return {
        "typed": span in sight.typed,
        "measured": span in sight.measured,
        "in_typed": any(s <= start and end <= e and span != (s, e) for s, e in sight.typed),
        "holds_typed": any(start <= s and e <= end and span != (s, e) for s, e in sight.typed),
        "near": near[0],
        "next_near": near[-1],
        "same_clause": _in_clause(sight, span),
        "length": math.log(size + 1),
        "length_squared": math.log(size + 1) ** 2,
        "capital": 0.0 if han else capitals,
        "digit": any(char.isdigit() for char in body),
        "copula": _COPULA.search(before) is not None,
        "agent": _AGENT.search(before) is not None,
        "in": _IN.search(before) is not None,
        "article": _ARTICLE.search(before) is not None,
        "stop_before": _STOP_BEFORE.search(before) is not None,
        "stop_after": _STOP_AFTER.match(after) is not None,
        "touches_before": any(0 <= start - e <= 1 for _, e in matched),
        "touches_after": any(0 <= s - end <= 1 for s, _ in matched),
        "between": left and any(end <= s for s, _ in matched),
        "begins": not left,
        "quoted": body[:1] in _QUOTES or before[-1:] in _QUOTES,
        "clause": CLAUSE_END.match(text, end) is not None and size > 4,
        "overlap": sum(max(0, min(e, end) - max(s, start)) for s, e in matched) / (end - start),
        "reason_before": _REASON_BEFORE.search(before) is not None,
    }


_QUOTES = frozenset('《「『“"')
_BREAK = re.compile(r"[,;，；。:：]")


def _in_clause(sight: Sight, span: Span) -> bool:
    """Return whether a word of the question stands in the same clause."""
    starts = [match.end() for match in _BREAK.finditer(sight.text, 0, span[0])]
    ends = _BREAK.search(sight.text, span[1])
    begin, end = starts[-1] if starts else 0, ends.start() if ends else len(sight.text)
    return any(s < end and begin < e for s, e in sight.matched)
