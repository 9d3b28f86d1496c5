# ruff: noqa: E501  (word lists read best one class a line)
"""What a span of a sentence looks like and where it stands beside the question's words.

The names of the features are those of ``mark_weights``; a feature that is not there is nought.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial

from ragkit.answer.asking import FALSE_FRIENDS
from ragkit.answer.candidates import CLAUSE_END, HAN, Places, Sight, Span
from ragkit.answer.matching import iter_tokens
from ragkit.retrieve.tokenizer import is_function_word

__all__ = ["span_features"]

# Classes of the words of grammar, together for the languages whose answers were learned from.
_GRAMMAR = {
    "article": "the a an der die das den dem ein eine einen einem el los las un una le les une ο η το τον την",
    "of": "of de del des von vom du της του των của",
    "by": "by por durch par από bởi",
    "in": "in at on im am en dans в на во σε στο στη στην στον trong tại ở",
    "to": "to into zu zum zur nach al к до đến",
    "from": "from aus desde из с от since",
    "with": "with mit con с με với using",
    "for": "for für para для για cho",
    "as": "as als como как ως như là",
    "and": "and und y e и και и và ve",
    "or": "or oder o или ή hoặc veya",
    "not": "but aber pero но nicht not no не δεν không",
    "which": "that which who whose whom where when что который которая которые que dass που mà",
    "be": "is are was were be been being ist sind war waren wurde wurden es son fue fueron era ser sido был была было были είναι ήταν được",
    "have": "has have had hat haben hatte ha han había έχει có",
    "modal": "will would can could may might must should did does do kann können puede",
    "than": "than between over under about around more less within during through after before против между über unter sobre entre más",
    "called": "called named known genannt llamado llamada называется gọi",
    "pronoun": "it he she they his her its their this these those such er sie sein ihr su sus он она они его их",
}  # fmt: skip
_CLASS = {word: name for name, words in _GRAMMAR.items() for word in words.split()}
_HAN_EDGES = frozenset(
    "是为為由被在于於的了和与與、，“《有对以从到至向将把等及或「（即称稱叫中者出成日人年"
)
_HAN_ENDS = frozenset("。；,:：）")
_OPENING = frozenset('《「『“"')
_CAPITAL = re.compile(r"[^\W\d_a-zа-яёα-ωά-ώßà-öø-ÿ\u0e00-\uffff]")
_BREAK = re.compile(r"[,;，；。:：]")
_REASON_BEFORE = re.compile(
    r"(?:因为|因為|由于|由於|为了|為了|以便|because(?: of)?|due to|since|to|for|weil|um|porque|debido a|из-за|чтобы|для|так как)\s*$",
    re.IGNORECASE,
)
_MARKS = frozenset("*_` \t\n\u00a0")
# Characters at which nearness is halved, and how many words of the question are looked at.
_HALF_HAN, _HALF = 12, 30
_NEAREST_TERMS = 3


@dataclass(frozen=True, slots=True)
class _Anchor:
    """A word of the question in the sentence; ``nearness`` to the question word is in (0, 1]."""

    nearness: float
    spans: Sequence[Span]


@dataclass(frozen=True, slots=True)
class _Side:
    """What one end of a span tells: ``gaps`` are the characters to the nearest matches there."""

    features: dict[str, float]
    gaps: list[int]


@dataclass(frozen=True, slots=True)
class _View:
    """What all spans of a sentence share; ``classes`` are those of its words."""

    sight: Sight
    han: bool
    half: int
    anchors: dict[str, list[_Anchor]]
    weighed: list[tuple[float, Sequence[Span]]]
    breaks: list[int]
    typed: frozenset[Span]
    measured: frozenset[Span]
    starts: list[int]
    ends: list[int]
    words: list[str]
    classes: list[str]
    asked_words: frozenset[str]
    asked_grammar: frozenset[str]


def span_features(sight: Sight, places: Places) -> Callable[[Span], dict[str, float]]:
    """Return the function that gives the features of a span of ``sight``."""
    view = _view(sight, places)
    # Spans share their ends: what depends on one end only is found once.
    behind, ahead = cache(partial(_behind, view)), cache(partial(_ahead, view))

    def features(span: Span) -> dict[str, float]:
        left, right = behind(span[0]), ahead(span[1])
        found = {**left.features, **right.features}
        found.update(_looks(view, span))
        found.update(_place(view, span, sorted((*left.gaps, *right.gaps))))
        found.update(_noun(view, span))
        found.update(_han_edges(view, span) if view.han else _word_edges(view, span))
        return found

    return features


def _view(sight: Sight, places: Places) -> _View:
    text, question = sight.text, sight.question
    tokens = [] if sight.han else list(iter_tokens(text))
    words = [text[start:end].lower() for start, end in tokens]
    asked = [question.text[start:end].lower() for start, end in iter_tokens(question.text)]
    anchors, weighed = _anchors(sight, places)
    return _View(
        sight=sight,
        han=sight.han,
        half=_HALF_HAN if sight.han else _HALF,
        anchors=anchors,
        weighed=weighed,
        breaks=[match.start() for match in _BREAK.finditer(text)],
        typed=frozenset(sight.typed),
        measured=frozenset(sight.measured),
        starts=[start for start, _ in tokens],
        ends=[end for _, end in tokens],
        words=words,
        classes=[_class(sight, span, word) for span, word in zip(tokens, words, strict=True)],
        asked_words=frozenset(asked),
        asked_grammar=frozenset(w for w in asked if is_function_word(w, question.language)),
    )


def _class(sight: Sight, span: Span, word: str) -> str:
    if any(start < span[1] and span[0] < end for start, end in sight.matched):
        return "matched"
    if word in _CLASS and not (word in FALSE_FRIENDS and sight.question.language == "en"):
        return _CLASS[word]
    if is_function_word(word, sight.question.language):
        return "grammar"
    if any(char.isdigit() for char in word):
        return "number"
    return "capital" if sight.text[span[0]].isupper() else "plain"


def _anchors(
    sight: Sight, places: Places
) -> tuple[dict[str, list[_Anchor]], list[tuple[float, Sequence[Span]]]]:
    """Return the question's words before, after and farthest behind the question word."""
    question, noun = sight.question, sight.asking.noun
    shortest = 2 if sight.han else 1
    terms = sorted(
        (t for t in question.terms if len(t.term) >= shortest and not noun[0] <= t.start < noun[1]),
        key=lambda t: (t.start, t.end),
    )
    found = [t for t in terms if t.term in places]
    at = question.asked_at
    rows = {(t.start, t.end) for t in terms}

    def nearness(start: int, end: int) -> float:
        if sight.han:
            between = max(0, at - end if start < at else start - at - 2) / 2
        elif start < at:
            between = sum(end <= s and e <= at for s, e in rows)
        else:
            between = sum(at <= s and e <= start for s, e in rows)
        return 1 / (1 + between / 2)

    before = sorted((t for t in found if t.start < at), key=lambda t: -t.end)[:_NEAREST_TERMS]
    after = [t for t in found if t.start >= at][:_NEAREST_TERMS]
    anchors = {
        "before": [_Anchor(nearness(t.start, t.end), places[t.term]) for t in before],
        "after": [_Anchor(nearness(t.start, t.end), places[t.term]) for t in after],
        "last": [_Anchor(1.0, places[t.term]) for t in found[-1:]],
    }
    total = sum(t.weight for t in found) or 1.0
    return anchors, [(t.weight / total, places[t.term]) for t in found]


def _looks(view: _View, span: Span) -> Iterator[tuple[str, float]]:
    """Yield what the span looks like by itself."""
    start, end = span
    text = view.sight.text
    body = text[start:end]
    han = view.han and HAN.search(body) is not None
    words = body.split()
    size = (end - start) / 2 if han else max(1, len(words))
    yield "typed", span in view.typed
    yield "measured", span in view.measured
    others = [other for other in view.typed if other != span]
    yield "in_typed", any(s <= start and end <= e for s, e in others)
    yield "holds_typed", any(start <= s and e <= end for s, e in others)
    yield "length", math.log(size + 1)
    yield "length_squared", math.log(size + 1) ** 2
    if not han:
        yield "capital", sum(_CAPITAL.match(word) is not None for word in words) / max(1, size)
    yield "digit", any(char.isdigit() for char in body)
    yield "quoted", body[:1] in _OPENING or text[start - 1 : start] in _OPENING
    yield "clause", size > 4 and CLAUSE_END.match(text, end) is not None
    yield "breaks", min(3, bisect_left(view.breaks, end) - bisect_right(view.breaks, start))
    yield "reason_before", _REASON_BEFORE.search(text[max(0, start - 14) : start]) is not None


def _behind(view: _View, start: int) -> _Side:
    """Return what stands left of a span that begins at ``start``."""

    def gap(spans: Sequence[Span]) -> float:
        return min([start - e for _, e in spans if e <= start], default=math.inf)

    gaps = sorted([start - e for _, e in view.sight.matched if e <= start])[:2]
    found = _nearness(view, "right", gap)
    found["position"] = start / len(view.sight.text)
    found["opens"] = float(start < 3)
    found["before_all"] = float(not gaps)
    return _Side(found, gaps)


def _ahead(view: _View, end: int) -> _Side:
    """Return what stands right of a span that ends at ``end``."""

    def gap(spans: Sequence[Span]) -> float:
        return min([s - end for s, _ in spans if s >= end], default=math.inf)

    gaps = sorted([s - end for s, _ in view.sight.matched if s >= end])[:2]
    return _Side(_nearness(view, "left", gap), gaps)


def _nearness(view: _View, side: str, gap: Callable[[Sequence[Span]], float]) -> dict[str, float]:
    """Return how near the question's words are, the span being on this ``side`` of them."""
    found: dict[str, float] = {}
    build = view.sight.asking.build
    for name, anchors in view.anchors.items():
        value = max((a.nearness / (1 + gap(a.spans) / view.half) for a in anchors), default=0.0)
        if value:
            found[f"{side}_of_{name}"] = value
            if build != "other":
                found[f"{side}_of_{name}@{build}"] = value
    found[f"{side}_of_all"] = sum(w / (1 + 2 * gap(spans) / view.half) for w, spans in view.weighed)
    return found


def _place(view: _View, span: Span, gaps: Sequence[int]) -> Iterator[tuple[str, float]]:
    """Yield where the span stands beside the question's words, ``gaps`` being those next to it."""
    start, end = span
    matched = view.sight.matched
    inside = [min(e, end) - max(s, start) for s, e in matched if s < end and start < e]
    if inside:
        yield "overlap", sum(inside) / (end - start)
    nearest = [*[0] * len(inside), *gaps]
    if nearest:
        yield "near", 1 / (1 + nearest[0] / view.half)
        yield "next_near", 1 / (1 + nearest[min(1, len(nearest) - 1)] / view.half)
    at, to = bisect_right(view.breaks, start - 1), bisect_left(view.breaks, end)
    first = view.breaks[at - 1] if at else -1
    last = view.breaks[to] if to < len(view.breaks) else len(view.sight.text)
    yield "same_clause", float(any(s < last and first < e for s, e in matched))
    between = any(e <= start for _, e in matched) and any(end <= s for s, _ in matched)
    yield "between", float(between)


def _gaps(span: Span, spans: Sequence[Span]) -> tuple[float, float]:
    """Return the characters to the nearest of ``spans`` on the left and on the right."""
    start, end = span
    behind = min([start - e for _, e in spans if e <= start], default=math.inf)
    ahead = min([s - end for s, _ in spans if s >= end], default=math.inf)
    return behind, ahead


def _noun(view: _View, span: Span) -> Iterator[tuple[str, float]]:
    """Yield how the span stands to the noun that is asked for."""
    nouns, (start, end) = view.sight.nouns, span
    if not nouns:
        return
    held = [(s, e) for s, e in nouns if start <= s and e <= end]
    if held:
        yield "holds_noun", 1.0
        yield "ends_in_noun", float(any(e == end for _, e in held))
        yield "begins_with_noun", float(any(s == start for s, _ in held))
        yield "is_noun", float(span in held)
        return
    behind, ahead = _gaps(span, nouns)
    yield "right_of_noun", 1 / (1 + behind / view.half)
    yield "left_of_noun", 1 / (1 + ahead / view.half)
    yield "noun_before", float(behind <= 2)
    yield "noun_after", float(ahead <= 2)


def _han_edges(view: _View, span: Span) -> Iterator[tuple[str, float]]:
    """Yield the characters around and inside a span of Chinese or Japanese."""
    text, (start, end), matched = view.sight.text, span, view.sight.matched
    before = text[start - 1] if start else "^"
    after = text[end] if end < len(text) else "$"
    if any(e == start for _, e in matched):
        yield "before:matched", 1.0
    elif before in _HAN_EDGES or before == "^":
        yield f"before:{before}", 1.0
    if any(s == end for s, _ in matched):
        yield "after:matched", 1.0
    elif after in _HAN_EDGES or after in _HAN_ENDS or after == "$":
        yield f"after:{after}", 1.0
    if text[start] in _HAN_EDGES:
        yield f"first:{text[start]}", 1.0
    if text[end - 1] in _HAN_EDGES:
        yield f"last:{text[end - 1]}", 1.0
    body = text[start:end]
    yield "asked_for", float(body[-1] in view.sight.question.focus[:2])
    yield "inner:的", float("的" in body)
    yield "inner:and", float("、" in body or "和" in body)
    yield "inner:latin", float(any(char.isascii() and char.isalpha() for char in body))


def _word_edges(view: _View, span: Span) -> Iterator[tuple[str, float]]:
    """Yield the classes of the words around and inside a span, and of the punctuation there."""
    words, classes = view.words, view.classes
    if not words:
        return
    first = min(bisect_right(view.ends, span[0]), len(words) - 1)
    last = max(first, min(bisect_left(view.ends, span[1]), len(words) - 1))
    before, after = _before(view, first), _after(view, last)
    yield f"before:{before}", 1.0
    yield f"after:{after}", 1.0
    loose = before in ("article", "grammar", "pronoun") and first > 1
    if loose:
        yield f"two_before:{classes[first - 2]}", 1.0
    yield f"first:{classes[first]}", 1.0
    yield f"last:{classes[last]}", 1.0
    yield "one_word", float(first == last)
    yield "name", float(classes[first] == classes[last] == "capital")
    yield "sentence_capital", float(first == 0 and classes[0] == "capital")
    inner: dict[str, float] = {}
    for name in classes[first + 1 : last]:
        inner[f"inner:{name}"] = inner.get(f"inner:{name}", 0.0) + 1
    yield from inner.items()
    share = classes[first : last + 1].count("matched") / (last - first + 1)
    yield "matched_share", share
    yield "any_matched", float(share > 0)
    if first:
        stranded = view.sight.asking.stranded
        yield (
            "preposition",
            float(words[first - 1] in stranded or (loose and words[first - 2] in stranded)),
        )
        asked = words[first - 1] in view.asked_grammar and classes[first - 1] != "article"
        yield "grammar_of_question", float(asked)
    said_again = any(len(w) > 2 and w in view.asked_words for w in words[first : last + 1])
    yield "word_of_question", float(said_again)
    question, (begin, end) = view.sight.question, view.sight.asking.noun
    if question.text[begin:end].endswith("s"):
        yield "plural_and", float("inner:and" in inner)
        yield "plural_s", float(words[last].endswith("s"))


def _before(view: _View, first: int) -> str:
    if not first:
        return "^"
    mark = _mark(view.sight.text[view.ends[first - 1] : view.starts[first]])
    if not mark:
        return view.classes[first - 1]
    return "," if mark in ",;" else "(" if mark in "([" else '"' if mark in '"“«„' else "other"


def _after(view: _View, last: int) -> str:
    if last + 1 == len(view.words):
        mark = _mark(view.sight.text[view.ends[last] :]) or "."
    else:
        mark = _mark(view.sight.text[view.ends[last] : view.starts[last + 1]])
    if not mark:
        return view.classes[last + 1]
    if mark in ".!?":
        return "."
    return "," if mark in ",;" else ")" if mark in ")]([" else '"' if mark in '"”»' else "other"


def _mark(between: str) -> str:
    return next((char for char in between if char not in _MARKS), "")
