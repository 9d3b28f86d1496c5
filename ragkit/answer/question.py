"""What a question asks for, and which of its words a document must speak of."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Literal, cast

from ragkit.answer.definitions import asked_subject
from ragkit.answer.interrogatives import INTERROGATIVES, REMOVED, WEAK_WORDS
from ragkit.answer.matching import is_unspaced, iter_tokens, token_terms
from ragkit.retrieve.tokenizer import detect_language, is_function_word

__all__ = ["GRAMMAR_PAIR", "Kind", "Question", "QuestionTerm", "analyze_question"]

Kind = Literal[
    "person", "time", "number", "place", "reason", "method", "definition", "choice", "thing",
    "polar", "keywords",
]  # fmt: skip

# Languages whose question word comes first, and kinds whose words also join clauses there.
_ASKS_FIRST = frozenset({"en"})
_ELSEWHERE_TOO = frozenset({"time", "place", "person"})
# Kinds that a question what something is may be taken for by its words.
_EXPLAINS = frozenset({"method", "polar", "keywords"})
# A question longer than this is cut: it is a pasted text.
_LONGEST = 1000
# How much a term of each form counts beside a whole word.
_UNIGRAM, GRAMMAR_PAIR, _WEAK = 0.25, 0.3, 0.35
_THAI_BIGRAM, _THAI_TRIGRAM = 0.15, 0.5
# Characters that are mostly grammar in Chinese and Japanese: a pair holding one says less.
_GRAMMAR = frozenset(
    "的是了在于於由被和与與及或有以为為从從到就都也还還其这這那该該此它他她们們个個之所而且并並中上下后後前时時"
    "不没沒会會可能让讓把对對将將来來去第一二两兩几幾何哪么麼什吗嗎呢得着著过過又只很最更请請问問您你我"
    "はがをにでともへのかなよねやらりれるたてしすいうくけこそ"
)


@dataclass(frozen=True, slots=True)
class QuestionTerm:
    """An index term of the question; ``weight`` in (0, 1] by its form, before any idf."""

    term: str
    weight: float
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Question:
    """A question, what kind of answer it wants, and its informative terms.

    ``words`` are the informative words as the user typed them, in order, for display.
    ``focus`` is the noun beside the question word ("which *country*"), lower case, or "".
    ``subject`` is what is to be explained ("what is *a node*?"), or "".
    """

    text: str
    language: str | None
    kind: Kind
    terms: tuple[QuestionTerm, ...]
    words: tuple[str, ...]
    focus: str
    asked_at: int
    subject: str = ""


def analyze_question(text: str, *, language: str | None = None) -> Question:
    """Return what ``text`` asks. Never raises; a text without letters or digits has no terms."""
    text = " ".join(text[:_LONGEST].split())
    language = language or detect_language(text)
    kind, asked = _kind(text, language)
    holes = [asked] if asked else []
    removed = _removed(_base(language))
    if removed is not None:
        holes += [match.span() for match in removed.finditer(text)]
    # Every other question word goes too: "which year and where".
    for _, pattern in _patterns(language if language in INTERROGATIVES else "en"):
        if kind != "keywords":
            holes += [_asking(match) for match in pattern.finditer(text) if _short(match)]
    typed = kind in ("number", "time", "place", "person")
    masked = _mask(text, holes, language, typed=typed)
    explained = asked_subject(text)
    if explained:
        # "How is X to be understood?" speaks of X alone.
        masked = "\0" * explained[0] + masked[slice(*explained)] + "\0" * (len(text) - explained[1])
        kind = "definition" if kind in _EXPLAINS else kind
    found: dict[str, QuestionTerm] = {}
    for term in _terms(masked, language):
        known = found.get(term.term)
        if known is None or known.weight < term.weight:
            found[term.term] = term
    focus = _focus(text, asked, language) if asked else ""
    return Question(
        text=text,
        language=language,
        kind=kind,
        terms=tuple(found.values()),
        words=tuple(_words(masked, language)),
        focus=focus,
        asked_at=asked[0] if asked else len(text),
        subject=text[slice(*explained)] if explained else "",
    )


def _base(language: str | None) -> str:
    return "zh" if language == "zh-Hant" else language or "en"


def _kind(text: str, language: str | None) -> tuple[Kind, tuple[int, int] | None]:
    """Return the kind of the question and where its question word stands."""
    languages = [language or "en"]
    if "en" not in languages and re.search(r"[A-Za-z]{3}", text):
        languages.append("en")
    for code in languages:
        found = [
            (cast(Kind, kind), _asking(match), match.start())
            for kind, pattern in _patterns(code)
            if (match := pattern.search(text))
        ]
        if found:
            first = found[0]
            if code in _ASKS_FIRST and first[0] in _ELSEWHERE_TOO:
                # "What was the name of the woman whom he married when …" asks for a name.
                first = min(found, key=lambda f: f[2] if f[0] != "polar" else len(text))
            return first[0], first[1]
    return "keywords", None


@cache
def _patterns(language: str) -> tuple[tuple[str, re.Pattern[str]], ...]:
    return tuple(
        (kind, re.compile(pattern, re.IGNORECASE))
        for kind, pattern in INTERROGATIVES.get(language, ())
    )


@cache
def _removed(language: str) -> re.Pattern[str] | None:
    pattern = REMOVED.get(language)
    return re.compile(pattern, re.IGNORECASE) if pattern else None


@cache
def _weak(language: str) -> frozenset[str]:
    """Return the terms of the weak words of ``language``."""
    return frozenset(
        term
        for word in WEAK_WORDS.get(language, "").split()
        for term in token_terms(word, language)
        if len(term) > 1
    )


def _asking(match: re.Match[str]) -> tuple[int, int]:
    """Return where the question word stands: the pattern may hold the matter asked about too."""
    return match.span("asks" if match.re.groupindex and match["asks"] else 0)


def _short(match: re.Match[str]) -> bool:
    """Tell a question word from a pattern that spans the question's matter."""
    return match.end() - match.start() <= 12


def _mask(text: str, holes: list[tuple[int, int]], language: str | None, *, typed: bool) -> str:
    """Return ``text`` with the question words blanked out, offsets unchanged.

    In scripts with spaces a pattern may span the matter ("what is the population"): only the words
    of grammar in it are blanked and, when ``typed``, those that name the type ("which year").
    """
    chars = list(text)
    weak = _weak(_base(language)) | _weak("en") if typed else frozenset()
    for hole_start, hole_end in holes:
        for start, end in iter_tokens(text[hole_start:hole_end]):
            start, end = start + hole_start, end + hole_start
            word = text[start:end]
            grammar = is_function_word(word, language) or is_function_word(word, "en")
            if is_unspaced(word) or grammar or weak.issuperset(token_terms(word, language)):
                chars[start:end] = "\0" * (end - start)
    return "".join(chars)


def _terms(masked: str, language: str | None) -> Iterator[QuestionTerm]:
    base = _base(language)
    weak = _weak(base)
    for start, end in iter_tokens(masked):
        token = masked[start:end]
        if is_unspaced(token):
            yield from _gram_terms(token, start, base, weak)
            continue
        if is_function_word(token, language) or is_function_word(token, "en"):
            continue
        for term in token_terms(token, language):
            if len(term) == 1 and not term.isdigit() and len(token) > 1:
                continue
            yield QuestionTerm(term, _WEAK if term in weak else 1.0, start, end)


def _gram_terms(
    run: str, offset: int, language: str, weak: frozenset[str]
) -> Iterator[QuestionTerm]:
    """Yield the terms of a run of a script without spaces, placed where they stand."""
    seen: dict[str, int] = {}
    for term in token_terms(run, language):
        at = run.find(term, seen.get(term, 0))
        if at < 0:
            at = 0
        seen[term] = at + 1
        if language in ("zh", "ja") or "\u3040" <= term[0] <= "\u9fff":
            weight = _han_weight(term, weak)
        elif "\uac00" <= term[0] <= "\ud7a3":
            weight = 1.0
        else:
            weight = _THAI_BIGRAM if len(term) == 2 else _THAI_TRIGRAM
            weight *= _WEAK if term in weak else 1.0
        if weight:
            # A composed vowel has two characters as a term and may have one in the text.
            end = min(at + len(term), len(run))
            yield QuestionTerm(term, weight, offset + at, offset + end)


def _han_weight(term: str, weak: frozenset[str]) -> float:
    if len(term) == 1:
        return 0.0 if term in _GRAMMAR else _UNIGRAM
    if term in weak:
        return _WEAK
    grammar = sum(char in _GRAMMAR for char in term)
    return (1.0, GRAMMAR_PAIR, 0.0)[min(grammar, 2)]


_HAN_BREAK = re.compile(
    r"[的是了在和与與及由被于於为為]|有[的]?|主要|可以|属于|屬於|叫做|叫|位于|位於"
)


def _words(masked: str, language: str | None) -> Iterator[str]:
    """Yield the informative words as typed, without repeats."""
    shown: set[str] = set()
    for start, end in iter_tokens(masked):
        token = masked[start:end]
        if is_unspaced(token):
            parts = _HAN_BREAK.split(token) if "\u3040" <= token[0] <= "\u9fff" else [token]
        elif is_function_word(token, language) or is_function_word(token, "en"):
            continue
        else:
            parts = [token]
        for part in parts:
            if part and part.casefold() not in shown and not all(c in _GRAMMAR for c in part):
                shown.add(part.casefold())
                yield part


def _focus(text: str, asked: tuple[int, int], language: str | None) -> str:
    """Return the word after the question word: the sort of thing that is asked for."""
    tail = text[asked[1] :]
    if _base(language) in ("zh", "ja"):
        match = re.match(r"[\u4e00-\u9fff]{1,4}", tail)
        return match[0] if match else ""
    for start, end in iter_tokens(tail[:60]):
        word = tail[start:end]
        return "" if is_function_word(word, language) else word.lower()
    return ""
