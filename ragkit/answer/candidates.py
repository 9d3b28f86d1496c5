# ruff: noqa: E501  (patterns read best one kind a line)
"""Spans of a sentence that could be the short answer to a question."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from ragkit.answer.asking import Asking, read_asking
from ragkit.answer.expected import expected_spans
from ragkit.answer.matching import iter_tokens
from ragkit.answer.measures import asked_unit
from ragkit.answer.question import Question
from ragkit.retrieve.tokenizer import is_function_word

__all__ = ["CLAUSE_END", "HAN", "Places", "Sight", "Span", "answer_candidates", "see"]

Places = Mapping[str, Sequence[tuple[int, int]]]
Span = tuple[int, int]

_MOST_WORDS = 7
_MOST_PIECES = 4
# So many of the question's words may stand in an answer, if they are at most half of it: "What
# court …?" is answered by "the European Court of Justice".
_MOST_MATCHED = 2
_CURRENCY = frozenset("$£€¥")

HAN = re.compile(r"[\u3041-\u30ff\u4e00-\u9fff]")
_HAN_PIECE = re.compile(
    r"(?P<open>[《「『“\"‘【〈])(?P<quoted>[^》」』”\"’】〉]{1,40})[》」』”\"’】〉]"
    r"|[A-Za-z0-9][A-Za-z0-9 ,.\-+%/]*[A-Za-z0-9%+]|[A-Za-z0-9]"
    r"|(?P<grammar>[的是了在于於由被和与與及或以为為从從到就都也还還其而且并並将將把对對曾已等则則])"
    r"|(?P<stop>[，。、；：！？,;:!?()（）—…\s])"
    r"|[^的是了在于於由被和与與及或以为為从從到就都也还還其而且并並将將把对對曾已等则則，。、；：！？,;:!?()（）—…\s《「『“\"‘【〈A-Za-z0-9]+"
)


CLAUSE_END = re.compile(r"[,，;；。:：!?！？]|\.(?:\s|$)|$")
_CLAUSE_HEAD = re.compile(
    r"\s*(?:(?:是)?因为|因為|由于|由於|为了|為了|以|而|并|且|because(?: of)?|due to|since|as|and|or|but|so that|in order|weil|da|wegen|aufgrund"
    r"|porque|debido a|потому что|так как|из-за|поскольку|чтобы)?\s*",
    re.IGNORECASE,
)


_INNER = re.compile(
    r"\b(?:is|are|was|were|means|because(?: of)?|due to|to|for|ist|sind|war|weil|um|es|son|fue|porque|для|из-за|чтобы|так как)\s+"
    r"|因为|因為|由于|由於|以便|为了|為了|[是为為]",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Sight:
    """A sentence beside the question: ``matched`` are the question's words in it, merged and in
    order, and ``nouns`` those of the noun that is asked for ("which *city*"), which an answer may
    hold. ``typed`` are the spans that look like an answer of the question's kind; ``measured``
    those numbers among them, each with its unit, that are in the unit the question asks for.
    """

    text: str
    question: Question
    asking: Asking
    matched: tuple[Span, ...]
    nouns: tuple[Span, ...]
    typed: tuple[Span, ...]
    measured: tuple[Span, ...]

    @property
    def han(self) -> bool:
        """Whether the sentence is in a script that is read character by character."""
        return HAN.search(self.text) is not None


def see(question: Question, sentence: str, places: Places) -> Sight:
    """Return ``sentence`` as the candidates are sought in it."""
    asking = read_asking(question)
    known = [term for term in question.terms if term.term in places]
    of_noun = {t.term for t in known if asking.noun[0] <= t.start < asking.noun[1]}
    others = {t.term for t in known if len(t.term) > 1} - of_noun
    spans = {span for term in others for span in places[term]}
    typed = tuple(expected_spans(sentence, question.kind, question.language))
    measured = tuple(_measured(question, sentence, typed))
    # The unit belongs to the answer, also where the question names it.
    matched = [rest for span in _merged(spans) if (rest := _without(span, measured))]
    return Sight(
        text=sentence,
        question=question,
        asking=asking,
        matched=tuple(matched),
        nouns=tuple(sorted({span for term in of_noun for span in places[term]} - spans)),
        typed=(*typed, *(span for span in measured if span not in typed)),
        measured=measured,
    )


def _merged(spans: Collection[Span]) -> list[Span]:
    merged: list[Span] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _without(span: Span, taken: Sequence[Span]) -> Span | None:
    """Return what is left of ``span`` behind those of ``taken`` that reach into it."""
    start = max([span[0], *(e for s, e in taken if s <= span[0] < e)])
    return (start, span[1]) if start < span[1] else None


def _measured(question: Question, sentence: str, typed: Sequence[Span]) -> Iterator[Span]:
    """Yield the numbers of ``typed``, with their units, that are in the unit that is asked for."""
    unit = asked_unit(question)
    if unit is None:
        return
    for start, end in typed:
        inside = unit.search(sentence, start + 1, end) if HAN.match(sentence, end - 1) else None
        found = unit.match(sentence, end) or inside
        if found:
            yield start, found.end()


def answer_candidates(sight: Sight) -> list[Span]:
    """Return spans that could be the answer, without repeats; few hold words of the question."""
    text = sight.text
    found = [span for span in sight.typed if not _touched(sight, span)]
    if sight.han:
        runs = _han_runs(text, sight.matched)
        found += [span for span in runs if not _touched(sight, span)]
    else:
        found += _word_runs(sight)
    found += _clauses(sight)
    held = [(start, end) for start, end in found if text[start:end].strip()]
    return list(dict.fromkeys(_with_currency(text, span) for span in held))


def _touched(sight: Sight, span: Span) -> bool:
    return any(span[0] < end and start < span[1] for start, end in sight.matched)


def _with_currency(text: str, span: Span) -> Span:
    start, end = span
    return (start - 1, end) if start and text[start - 1] in _CURRENCY else span


def _clauses(sight: Sight) -> list[Span]:
    """Return the clauses, and what follows a form of "to be" or a reason word in each."""
    found: list[Span] = []
    begin = 0
    for match in CLAUSE_END.finditer(sight.text):
        end = match.start()
        head = _CLAUSE_HEAD.match(sight.text, begin, end)
        start = head.end() if head else begin
        if end - start > 1:
            found.append((start, end))
            inner = _INNER.search(sight.text, start, end)
            if inner and end - inner.end() > 1:
                found.append((inner.end(), end))
        begin = match.end()
    return found


def _word_runs(sight: Sight) -> list[Span]:
    """Return runs of words inside a clause that neither begin nor end with grammar."""
    text, language = sight.text, sight.question.language
    tokens = list(iter_tokens(text))
    grammar = [is_function_word(text[a:b], language) for a, b in tokens]
    matched = [_touched(sight, token) for token in tokens]
    runs: list[Span] = []
    for first in range(len(tokens)):
        if grammar[first]:
            continue
        asked = 0
        for last in range(first, min(len(tokens), first + _MOST_WORDS)):
            if last > first and _STOP.search(text, tokens[last - 1][1], tokens[last][0]):
                break
            asked += matched[last]
            if asked > _MOST_MATCHED:
                break
            if not grammar[last] and 2 * asked <= last - first + 1 and asked <= last - first:
                runs.append((tokens[first][0], tokens[last][1]))
    return runs


_STOP = re.compile(r"[,;:()\"“”«».!?—]")


def _han_runs(text: str, matched: Sequence[Span]) -> list[Span]:
    """Return runs of pieces between punctuation, grammar and the question's own words."""
    pieces: list[tuple[int, int, str]] = []
    for match in _HAN_PIECE.finditer(text):
        kind = match.lastgroup or "word"
        start, end = match.span("quoted") if match["quoted"] else match.span()
        if match["quoted"]:
            pieces.append((match.start(), match.end(), "word"))
        cuts = sorted({start, end, *(p for m in matched for p in m if start < p < end)})
        pieces += [(a, b, kind) for a, b in pairwise(cuts)]
    runs: list[Span] = []
    for first, (start, _, kind) in enumerate(pieces):
        if kind in ("grammar", "stop"):
            continue
        reach = start
        for last in range(first, min(len(pieces), first + 2 * _MOST_PIECES)):
            begin, end, kind = pieces[last]
            if (kind == "stop" and text[begin] not in "、 ") or begin < reach:
                break
            reach = end
            if kind not in ("grammar", "stop"):
                runs.append((start, end))
    return runs
