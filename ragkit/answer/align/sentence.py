"""A sentence taken apart for comparing: its content in order, and what it denies or limits."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from ragkit.answer.align.cues import agency, clause_of, denials, sides
from ragkit.answer.align.figure import Figure
from ragkit.answer.align.numbers import figures
from ragkit.answer.align.reading import Element, Reading
from ragkit.answer.align.words import LIGHT_WORDS, MARKS, PASSIVE, canonical_han
from ragkit.answer.matching import is_unspaced, iter_tokens, token_terms
from ragkit.retrieve.tokenizer import detect_language, fold, is_function_word, normalize

__all__ = ["LONGEST", "plain_form", "read_sentence"]

# How much an element counts beside a word.
_NAME, _LIGHT, _HAN, _KANA, _THAI, _GRAMMAR_CHAR = 1.5, 0.3, 0.5, 0.15, 0.25, 0.05
LONGEST = 2_000


_GRAMMAR = frozenset(
    "的是了在于於由被和與与及或以为為从從到就都也还還其这這那该該此它他她们們个個之所而且并並中后後前时時"
    "不没沒会會可能让讓把对對将將来來去着著过過又很请請您你我有但因须每约用给即则如等吗呢吧本各可自至"
    "はがをにでともへのかなよねやらりれるたてしすいうくけこそ人名位次种"
)


# Languages in which every noun is written with a capital.
_NOUN_CAPITALS = frozenset({"de"})


_NEGATION_WORDS = frozenset(
    "not no never none neither nor without cannot nicht kein keine keinen keiner nie ohne pas ne "
    "jamais sans не нет ни без nunca sin non".split()
)


_CLAUSE = re.compile(
    r"[,;:。!?()、—]|\.(?=\s|$)|\n|\s[-–]\s|\b(?:and|but|while|whereas|although|though|however|which|who"
    r"|und|aber|sondern|et|mais|y|pero|и|но|while)\b|但|而且|并且|同时|以及|(?<=[\u4e00-\u9fff])而(?=[\u4e00-\u9fff]{2})",
    re.IGNORECASE,
)


_ANAPHOR = re.compile(
    r"\W*(?:(?:it|he|she|they|its|his|her|their|this|these|er|sie|es|il|elle|ils|elles|él|ella"
    r"|он|она|оно|они|его|её)\b|[它他她其该此这])",
    re.IGNORECASE,
)


_RELATIVE = re.compile(r"which|who", re.IGNORECASE)


_IDENTIFIER = re.compile(r"[0-9_/@#\\+]|^--?\w|\w\.\w|[a-z][A-Z]|::")


_CITED = re.compile(r"\[\d{1,3}\](?:\[\d{1,3}\])*|^\s*(?:[-*+•]|\(?\d{1,2}[.)、])\s+|[*]{1,3}")


_ENDS = " .。!?\"'“”"


_CODE = re.compile(r"`([^`\n]{1,80})`")


def plain_form(text: str) -> str:
    """Return ``text`` for telling a verbatim copy: no case, no marks at the ends, single spaces."""
    words = normalize(_CITED.sub("", text).replace("`", "")).casefold().split()
    return " ".join(words).strip(_ENDS)


def read_sentence(text: str, language: str | None = None) -> Reading:
    """Take ``text`` apart; what lies beyond 2,000 characters is not read."""
    plain = plain_form(text)
    text = normalize(_CITED.sub(" ", text[:LONGEST]))
    text = text.replace("’", "'")
    language = language or detect_language(text)
    base = "zh" if language == "zh-Hant" else language
    text = _joined_thousands(text, base)
    found = figures(text, base)
    holes = [(f.start, f.end) for f in found]
    cuts = [m.span() for m in _CLAUSE.finditer(text) if not _inside(m.start(), holes)]
    code = [match.span() for match in _CODE.finditer(text)]
    elements: list[Element] = []
    clause_at: list[int] = [end for _, end in cuts]
    spans = sorted([(s, e, None) for s, e in cuts] + [(f.start, f.end, f) for f in found],
                   key=lambda span: span[0])  # fmt: skip
    at = clause = 0
    for start, end, figure in [*spans, (len(text), len(text), None)]:
        if start > at:
            elements.extend(_piece(text, at, start, clause, base, code))
        if figure is not None:
            elements.append(_figure_element(text, figure, clause))
        elif start < len(text):
            clause += 1
        at = max(at, end)
    denied, parity = denials(text, clause_at, elements)
    return Reading(
        plain=plain,
        language=base,
        elements=tuple(elements),
        clauses=clause + 1,
        denials=tuple(denied),
        parity=parity,
        marks={
            name: frozenset(clause_of(m.start(), clause_at) for m in pattern.finditer(text))
            for name, pattern in MARKS
            if pattern.search(text)
        },
        sides=tuple(sides(text, clause_at, elements, base)),
        passive=PASSIVE.search(text) is not None,
        agency=agency(text, elements),
        anaphor=_ANAPHOR.match(text) is not None,
        relative=frozenset(
            clause_of(end, clause_at)
            for start, end in cuts
            if _RELATIVE.fullmatch(text, start, end)
        ),
        total=sum(element.weight for element in elements),
    )


def _joined_thousands(text: str, language: str | None) -> str:
    if language in ("fr", "ru", "uk", "pl", "cs", "sv", "no", "fi", "bg", "de", "es"):
        return re.sub(r"(?<![\d.,])(\d{1,3}) (?=\d{3}(?!\d))", r"\1", text)
    return text


def _inside(at: int, spans: list[tuple[int, int]]) -> bool:
    return any(start <= at < end for start, end in spans)


_BEFORE = re.compile(r"([A-Za-z\u00c0-\u04ff]+|\S)\s*$")


_AFTER = re.compile(r"\s*([A-Za-z\u00c0-\u04ff]+|\S)")


def _figure_element(text: str, figure: Figure, clause: int) -> Element:
    before = _BEFORE.search(text, max(0, figure.start - 20), figure.start)
    after = _AFTER.match(text, figure.end)
    beside = (before[1].lower() if before else "", after[1].lower() if after else "")
    return Element("#", "figure", _NAME, figure.start, clause, figure, beside)


def _piece(
    text: str, start: int, end: int, clause: int, language: str | None, code: list[tuple[int, int]]
) -> Iterator[Element]:
    piece, places = text[start:end], None
    if language in ("zh", "ja"):
        piece, places = canonical_han(piece)
    tokens = list(iter_tokens(piece))
    for n, (first, last) in enumerate(tokens):
        token = piece[first:last]
        at = start + (places[first] if places else first)
        if is_unspaced(token):
            for offset, char in enumerate(token, first):
                place = start + (places[offset] if places else offset)
                yield Element(char, "char", _char_weight(char), place, clause)
            continue
        beside = tokens[n + 1] if n + 1 < len(tokens) else None
        capital = token[0].isupper() and (
            at > _first_letter(text)
            or (beside is not None and piece[beside[0]].isupper())
            or not token[1:].islower()
        )
        for element in _word_elements(token, at, clause, language, capital=capital):
            yield replace(element, kind="identifier") if _inside(at, code) else element


def _first_letter(text: str) -> int:
    return next((n for n, char in enumerate(text) if char.isalnum()), 0)


def _char_weight(char: str) -> float:
    if "\u0e01" <= char <= "\u17d3":
        return _THAI
    if char in _GRAMMAR:
        return _GRAMMAR_CHAR
    return _KANA if "\u3041" <= char <= "\u309f" else _HAN


def _word_elements(
    token: str, at: int, clause: int, language: str | None, *, capital: bool
) -> Iterator[Element]:
    if _IDENTIFIER.search(token):
        key = (
            fold(token.strip("'\".,")).lstrip("v")
            if token[:2].strip("vV").isdigit()
            else fold(token)
        )
        yield Element(key, "identifier", _NAME, at, clause)
        return
    parts = token.split("-") if "-" in token else [token]
    for part in parts:
        lowered = part.lower()
        if not part or lowered in _NEGATION_WORDS or lowered.endswith("n't"):
            continue
        bare = re.sub(r"'(?:s|d|ll|re|ve|m)?$", "", part)
        bare = re.sub(r"^(?:l|d|qu|j|c|s|n|m|t)'", "", bare, flags=re.IGNORECASE)
        # "IT" and "WHO" are names, "The" in the middle of a merged sentence is none.
        shouted = len(bare) > 1 and bare.isupper()
        grammar = is_function_word(bare, language) or is_function_word(bare, "en")
        if not bare or (grammar and not shouted):
            continue
        terms = token_terms(bare, language)
        if not terms:
            continue
        latin_among_others = language in ("zh", "ja", "th", "ko") and bare[0] < "\u0250"
        name = latin_among_others or (capital and language not in _NOUN_CAPITALS)
        if name:
            yield Element(terms[0], "name", _NAME, at, clause)
        else:
            weight = _LIGHT if lowered in LIGHT_WORDS else 1.0
            yield Element(terms[0], "word", weight, at, clause)
