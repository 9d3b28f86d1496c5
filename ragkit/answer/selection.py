# ruff: noqa: E501  (word lists read best one language a line)

"""Which sentences answer, and how much around them is needed for them to make sense alone."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from ragkit.answer.evidence import Evidence, Passage
from ragkit.answer.question import Question
from ragkit.answer.rows import MOST_ROWS, rows_meant
from ragkit.answer.units import Unit, node_units

__all__ = ["LEANS_BACK", "Excerpt", "rank_evidence", "select_excerpts"]

# Fitted by listwise logistic regression (the softmax over all units of the five retrieved nodes,
# against the sentence that holds the gold answer) on the development halves of CMRC 2018, DRCD,
# SQuAD 2.0 and XQuAD (en zh de ru es hi vi), all sets and languages together; see
# scripts/bench_answers.py for what it yields on each.
_WEIGHTS = {
    "heading": 3.1, "before": 2.0, "after": 0.8, "node": 2.1, "score": 4.1, "lacking": -0.9,
    "definition": 0.7, "first": 0.35, "novel": -0.4, "local": 3.75, "soft": 1.3, "time": 0.7,
    "number": 0.7, "count": 5.0,
}  # fmt: skip
# Not fitted, since the sets hold plain paragraphs only; judged on technical documentation.
# The body under a heading that is the question:
_OPENS, _OPENS_FROM = 8.0, 0.5
# Code whose lead or heading does not speak of the question: it is matched by a comment. And code
# where no way to do something is asked for.
_CODE, _CODE_UNASKED = -4.0, -2.0
# A lead whose list or code is missing, and a sentence that only points elsewhere:
_HANGING, _POINTER = -2.0, -1.0
# "X is …" where X is all that is asked about:
_DEFINES = 2.0
# A sentence that says what the thing is that a question asks to be explained.
_SAYS_WHAT = 6.0
# A sentence that names one of what is asked for: "which preset" and "the `lite` preset".
_NAMES_ONE = 4.0
# A number in the unit that is asked for: "how many MB" and "100 MB".
_MEASURED = 1.5

# A sentence in another language than the question's, where others are in the question's.
_FOREIGN = -3.0

# The second sentence is given when it is at least this likely beside the first.
_SECOND = 0.3

# After an excerpt of this many characters (a list, code) a second one is no help.
_LONG_ENOUGH = 400
_LONGEST_UNIT = 700
_SHORTEST = 18
_LONGEST_BLOCK = 1500
_MOST_ITEMS = 12

LEANS_BACK = re.compile(
    r"[\s*_>\"'“‘«(（「『-]*(?:"
    r"(?:[它他她其该該此]|这|這|那(?!么?[些里裡])|前者|后者|後者|另外|此外|因此|所以|但|不过|不過|然而|而且|并且|並且|同时|同時|于是|於是|例如|比如|"
    r"これ|それ|その|この|彼|しかし|また|そのため|이것|그것|그는|그녀|하지만|"
    r"ดังนั้น|นอกจากนี้|แต่|มัน|เขา|เธอ)"
    r"|(?:it|its|he|his|she|her|they|their|this|these|those|that|such|however|but|also|therefore|thus|"
    r"moreover|furthermore|instead|otherwise|then|so|for example|for instance|in addition|as a result|"
    r"er|sie|sein|ihr|dies|diese[rsmn]?|dieser|jedoch|aber|daher|deshalb|außerdem|dabei|dadurch|"
    r"il|elle|ils|elles|cela|ceci|cette|cependant|mais|ainsi|ello|ellos|este|esta|esto|estos|sin embargo|pero|además|"
    r"он|она|оно|они|его|её|их|это|этот|эта|эти|однако|но|поэтому|кроме того|также|"
    r"هو|هي|هذا|هذه|ومع ذلك|لكن|لذلك|यह|वह|इस|ये|वे|लेकिन|हालांकि|इसलिए|bu|bunlar|ancak|ayrıca|nó|họ|điều này|tuy nhiên|"
    r"αυτό|αυτή|αυτός|αυτά|ωστόσο|αλλά|επίσης)(?=[\s,，'’]))",
    re.IGNORECASE,
)
_POINTS = re.compile(
    r"请参[考见阅]|請參[考見閱]|参见|参阅|參見|參閱|详见|詳見|参照してください|\b(?:refer to|see also|for (?:more )?(?:details|information)|siehe)\b"
    r"|\bsee \[",
    re.IGNORECASE,
)
_BULLET = re.compile(r"(?:[-*+•]|\d{1,2}[.)])\s+")
_BOUNDARY = re.compile(r"[,，;；、:：。.!?！？]\s*|\s+")


@dataclass(frozen=True, slots=True)
class Excerpt:
    """``text[start:end]`` of one node; ``cores`` are the sentences in it that answer, best first.

    ``sentences`` counts the units that were joined.
    """

    node: int
    start: int
    end: int
    cores: tuple[Evidence, ...]
    sentences: int


def rank_evidence(
    question: Question, evidence: Sequence[Evidence], passages: Sequence[Passage]
) -> list[tuple[float, Evidence]]:
    """Return the units that may be an answer with their scores, best first; ties keep order.

    Headings, headers of tables and questions are never answers. A unit that repeats the text of a better one from
    another node is left out by the caller, not here. Where the passages are in several languages,
    one of them the question's, that one is preferred.
    """
    foreign = _foreign(question, passages)
    scored = [
        (_score(question, e) + _shape(e, passages[e.node]) + foreign[e.node], e)
        for e in evidence
        if e.unit.kind not in ("heading", "header", "question")
    ]
    return sorted(scored, key=lambda pair: -pair[0])


def _score(question: Question, evidence: Evidence) -> float:
    features = evidence.features
    score: float = sum(weight * getattr(features, name) for name, weight in _WEIGHTS.items())
    score += _OPENS * max(0.0, features.opens - _OPENS_FROM)
    if question.kind == "definition":
        score += _DEFINES * features.definition
    score += _SAYS_WHAT * features.defines + _NAMES_ONE * features.named
    score += _MEASURED * features.measured
    if evidence.unit.kind == "code" and question.kind != "keywords":
        score += _CODE * (1 - features.above)
        score += 0.0 if question.kind in ("method", "thing", "choice") else _CODE_UNASKED
    return score


def _foreign(question: Question, passages: Sequence[Passage]) -> list[float]:
    """Return for each passage what it loses by its language: nothing where no other is at hand."""
    asked = str(question.language or "").partition("-")[0]
    if asked not in {passage.language for passage in passages}:
        return [0.0] * len(passages)
    return [_FOREIGN if p.language not in ("", asked) else 0.0 for p in passages]


def _shape(evidence: Evidence, passage: Passage) -> float:
    """Return what the form of a unit takes from its score."""
    unit = evidence.unit
    if unit.kind == "lead":
        units = node_units(passage.text, passage.headings)
        return 0.0 if _block_end(units, evidence.position) > evidence.position else _HANGING
    return _POINTER if _POINTS.search(passage.text, unit.start, unit.end) else 0.0


def select_excerpts(
    question: Question,
    ranked: Sequence[tuple[float, Evidence]],
    passages: Sequence[Passage],
    *,
    max_sentences: int,
) -> list[Excerpt]:
    """Return the excerpts to answer with, best first, each able to stand alone."""
    if not ranked:
        return []
    best_score, best = ranked[0]
    if best.unit.kind == "row":
        excerpts = _rows(question, best, ranked, passages)
        if len(excerpts) > 1:
            return excerpts
    else:
        excerpts = [_expand(question, best, passages[best.node])]
    sentences = excerpts[0].sentences
    whole_block = excerpts[0].end - excerpts[0].start > _LONG_ENOUGH or best.unit.kind == "code"
    for score, candidate in ranked[1:] if not whole_block else ():
        if sentences >= max_sentences or score < best_score + math.log(_SECOND):
            break
        if candidate.unit.kind == best.unit.kind == "row":
            continue  # it was left out among the rows of its table, or is of another one
        if len({"", passages[candidate.node].language, passages[best.node].language}) > 2:
            continue  # a translation says the same again, to a reader of another language
        other = _expand(question, candidate, passages[candidate.node])
        if any(_same(other, known, passages) for known in excerpts):
            # The sentence before it, which it leans on, is given already.
            other = _expand(question, candidate, passages[candidate.node], alone=False)
        if any(_same(other, known, passages) for known in excerpts):
            continue
        excerpts.append(other)
        sentences += other.sentences
    return _merged(excerpts, passages)


def _rows(
    question: Question,
    best: Evidence,
    ranked: Sequence[tuple[float, Evidence]],
    passages: Sequence[Passage],
) -> list[Excerpt]:
    """Return the rows that answer, each by itself, or a table that the question is about whole."""
    found: list[Excerpt] = []
    meant = rows_meant(question, best, [evidence for _, evidence in ranked], passages)
    units = node_units(passages[best.node].text, passages[best.node].headings)
    first, last = _table(units, best.position)
    if best.features.opens > _OPENS_FROM and len(meant) >= min(last - first, MOST_ROWS):
        start, end = units[first].start, units[last].end
        return [Excerpt(best.node, start, end, (best,), 1)]
    for row in meant:
        passage = passages[row.node]
        start, end = _without_bars(passage.text, *_clipped(passage.text, row.unit, row))
        excerpt = Excerpt(row.node, start, end, (row,), 1)
        if not any(_same(excerpt, known, passages) for known in found):
            found.append(excerpt)
    return found


def _table(units: Sequence[Unit], row: int) -> tuple[int, int]:
    """Return the first and last unit of the table that the row is in, as far as it can be shown."""
    first = last = row
    while first and units[first - 1].kind in ("row", "header") and last - first < MOST_ROWS:
        first -= 1
    while last + 1 < len(units) and units[last + 1].kind == "row" and last - first < MOST_ROWS:
        if units[last + 1].end - units[first].start > _LONGEST_BLOCK:
            break
        last += 1
    return first, last


def _expand(
    question: Question, evidence: Evidence, passage: Passage, *, alone: bool = True
) -> Excerpt:
    """Return the unit with what it needs: the sentence before, or the list or code after."""
    units = node_units(passage.text, passage.headings)
    first = last = evidence.position
    text = passage.text
    unit = units[first]
    if alone and unit.kind in ("sentence", "lead") and first and _leans(text, units, first):
        first -= 1
    if unit.kind == "code" and first and units[first - 1].kind in ("lead", "sentence", "item"):
        first -= 1
    if first == last and _too_short(text, units, last):
        last += 1
    if units[last].kind == "lead" or _introduces(question, units, last):
        last = _block_end(units, last)
    start, end = units[first].start, units[last].end
    if first == last:
        start, end = _clipped(text, unit, evidence)
        bullet = _BULLET.match(text, start, end)
        start = bullet.end() if bullet and unit.kind == "item" else start
        if unit.kind == "row":
            start, end = _without_bars(text, start, end)
    count = last - first + 1 if all(u.kind == "sentence" for u in units[first:last]) else 1
    return Excerpt(evidence.node, start, end, (evidence,), count)


def _without_bars(text: str, start: int, end: int) -> tuple[int, int]:
    """Return a row's span without the bars at its ends, which are marks of the table's border."""
    while start < end and text[start] in "| \t":
        start += 1
    while end > start and text[end - 1] in "| \t":
        end -= 1
    return start, end


def _leans(text: str, units: Sequence[Unit], at: int) -> bool:
    """Tell whether a sentence points back at the one before it, in the same paragraph."""
    before, unit = units[at - 1], units[at]
    if before.kind != "sentence" or "\n\n" in text[before.end : unit.start]:
        return False
    if unit.end - before.start > _LONGEST_UNIT:
        return False
    return LEANS_BACK.match(text, unit.start, unit.end) is not None


def _too_short(text: str, units: Sequence[Unit], at: int) -> bool:
    """Tell whether a sentence such as "Yes." needs the next one of its paragraph."""
    unit = units[at]
    if unit.kind != "sentence" or at + 1 == len(units) or units[at + 1].kind != "sentence":
        return False
    wide = text[unit.start] > "\u2e80"
    apart = "\n\n" in text[unit.end : units[at + 1].start]
    return not apart and unit.end - unit.start < (_SHORTEST // 2 if wide else _SHORTEST)


def _introduces(question: Question, units: Sequence[Unit], at: int) -> bool:
    """Tell whether code follows that shows how, where the question asks how."""
    following = units[at + 1] if at + 1 < len(units) else None
    return (
        question.kind in ("method", "keywords")
        and following is not None
        and following.kind == "code"
        and units[at].kind in ("sentence", "item")
    )


def _block_end(units: Sequence[Unit], lead: int) -> int:
    """Return the last unit of the list, table, code or sentence that ``units[lead]`` leads to."""
    last = lead
    for position in range(lead + 1, len(units)):
        unit = units[position]
        opened = "row" if units[lead + 1].kind == "header" else units[lead + 1].kind
        if unit.kind in ("heading", "question") or unit.end - units[lead].start > _LONGEST_BLOCK:
            break
        if position > lead + 1 and (unit.kind != opened or unit.kind in ("code", "sentence")):
            break
        if position - lead > _MOST_ITEMS:
            break
        last = position
    return last


def _clipped(text: str, unit: Unit, evidence: Evidence) -> tuple[int, int]:
    """Return the unit's span, or the part of a huge unit around its matches."""
    if unit.end - unit.start <= _LONGEST_BLOCK or unit.kind == "code":
        return unit.start, min(unit.end, unit.start + _LONGEST_BLOCK * 2)
    at = min((start for spans in evidence.places.values() for start, _ in spans), default=0)
    start = max(unit.start, unit.start + at - _LONGEST_UNIT // 2)
    end = min(unit.end, start + _LONGEST_UNIT)
    if start > unit.start:
        boundary = _BOUNDARY.search(text, start, min(end, start + 100))
        start = boundary.end() if boundary else start
    if end < unit.end:
        ends = [m.start() for m in _BOUNDARY.finditer(text, max(start + 1, end - 100), end)]
        end = ends[-1] if ends and ends[-1] > start else end
    return start, end


def _same(a: Excerpt, b: Excerpt, passages: Sequence[Passage]) -> bool:
    if a.node == b.node and a.start < b.end and b.start < a.end:
        return True
    return _plain(passages[a.node].text[a.start : a.end]) == _plain(
        passages[b.node].text[b.start : b.end]
    )


def _plain(text: str) -> str:
    return "".join(char for char in text.casefold() if char.isalnum())


def _merged(excerpts: list[Excerpt], passages: Sequence[Passage]) -> list[Excerpt]:
    """Return the excerpts with neighbours of one node made one, so that the quote is whole."""
    if len(excerpts) != 2 or excerpts[0].node != excerpts[1].node:
        return excerpts
    first, second = sorted(excerpts, key=lambda e: e.start)
    between = passages[first.node].text[first.end : second.start]
    if between.strip() or "\n\n" in between:
        return [first, second]
    cores = excerpts[0].cores + excerpts[1].cores
    count = first.sentences + second.sentences
    return [Excerpt(first.node, first.start, second.end, cores, count)]
