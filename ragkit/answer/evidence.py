"""How well each sentence of the retrieved nodes speaks of what the question asks.

A question is a row of atoms: words, or single characters in scripts without spaces. An atom weighs
as much as its rarest term (idf in the collection times the weight of the term's form), and a text
covers it in proportion to the rarest of its terms that the text holds. A character pair that
crosses two words therefore costs nothing where each of its characters is covered otherwise.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from ragkit.answer.definitions import is_heading_of, says_what_it_is
from ragkit.answer.expected import definition_pattern, expected_spans, has_expected
from ragkit.answer.matching import is_unspaced, iter_tokens, place_terms, token_terms
from ragkit.answer.measures import asked_unit
from ragkit.answer.named import names_one
from ragkit.answer.question import GRAMMAR_PAIR, Question, QuestionTerm, analyze_question
from ragkit.answer.units import Unit, first_cell, node_units
from ragkit.retrieve.characters import character_grams, fold_text
from ragkit.store.bm25 import idf

__all__ = [
    "Atoms",
    "DocumentFrequencies",
    "Evidence",
    "Features",
    "Passage",
    "gather_evidence",
    "weigh_atoms",
]

DocumentFrequencies = Callable[[Sequence[str]], tuple[int, Mapping[str, int]]]
"""Given terms, return how many nodes there are and how many of them hold each term."""

# Words of at least this many letters that begin alike are taken for forms of one word.
_PREFIX = 5
_PREFIX_SHARE = 0.7
# Weight of a character none of whose pairs is known: it may be a word of one character.
_UNKNOWN_CHARACTER = 0.5
# A question of less than half a word is taken for one of half a word.
_SHORTEST = 0.5
# What a word that no node holds counts as evidence, beside one that the best nodes lack.
_UNKNOWN = 0.5

# How surely the first sentence of a section says what the thing in its heading is, and a row of a
# table what the thing in its first cell is.
_NAMED = 0.8

# What a heading that is a yes-or-no question tells where a fact of one of these kinds is asked for.
_OTHER_KIND = 0.3
_TYPED = frozenset({"person", "time", "number", "place", "choice"})
_QUESTION_MARKS = ("?", "？", "؟", ";")

Places = Mapping[str, Sequence[tuple[int, int]]]


@dataclass(frozen=True, slots=True)
class Passage:
    """A retrieved node as the extractor reads it; ``score`` is 1 for the best node.

    ``context`` is its title and heading path, ``headings`` the parts of the path. ``language``
    is its document's, without the script ("zh" for "zh-Hant"), or "" where it is not known.
    """

    text: str
    score: float
    context: str
    headings: tuple[str, ...]
    language: str = ""


@dataclass(frozen=True)
class Atoms:
    """The question's atoms: for each its weight and the share that each of its terms covers.

    ``rarities`` are the weights as evidence, in [0, 1]: 1 is a word that almost no node holds, and
    a word that none holds counts half, since a document may use another. ``sizes`` are the
    atoms' lengths in words, about; grammar and the sort of thing asked for ("which colour") have
    none. ``names`` tells which atoms are names or numbers, ``known`` which some node holds, and
    ``strangers`` counts the numbers and identifiers that none holds. ``runs`` are the runs of
    characters inside the words (see ``ragkit.retrieve.characters``). ``nodes`` is the size of the
    collection, and ``rarest`` the greatest weight that a whole word can have in it.
    """

    weights: tuple[float, ...]
    shares: tuple[Mapping[str, float], ...]
    prefixes: tuple[frozenset[str], ...]
    rarities: tuple[float, ...]
    sizes: tuple[float, ...]
    names: tuple[bool, ...]
    known: tuple[bool, ...]
    runs: frozenset[str]
    rarest: float
    nodes: int
    strangers: float = 0.0

    @cached_property
    def wanted(self) -> frozenset[str]:
        """The terms of the question that are looked for in a text."""
        return frozenset(term for shares in self.shares for term in shares)

    @cached_property
    def total(self) -> float:
        """The weight of the whole question."""
        return sum(self.weights)

    def covered(self, held: Places) -> list[float]:
        """Return for each atom how far a text that holds the terms ``held`` covers it, 0 to 1."""
        return [
            max((share for term, share in shares.items() if term in held), default=0.0)
            for shares in self.shares
        ]

    def coverage(self, covered: Sequence[float]) -> float:
        """Return the covered share of the question's weight, from 0 to 1."""
        if not self.total:
            return 0.0
        return self.matter(covered) / self.total

    def matter(self, covered: Sequence[float]) -> float:
        """Return the covered weight, from 0 to ``total``."""
        return sum(w * c for w, c in zip(self.weights, covered, strict=True))

    def evidence(self, covered: Sequence[float]) -> float:
        """Return the covered share of the question's rarity, from 0 to 1."""
        total = sum(self.rarities)
        found = sum(r * c for r, c in zip(self.rarities, covered, strict=True))
        return found / total if total else 0.0

    def missing_names(self, covered: Sequence[float]) -> float:
        """Return how many names and numbers are not covered, each counted by its weight."""
        triples = zip(self.names, self.weights, covered, strict=True)
        lost = (min(1.0, weight / self.rarest) * (1 - c) for name, weight, c in triples if name)
        return sum(lost)

    def lost(self, covered: Sequence[float], *, known: bool) -> float:
        """Return the share of the question's length, from 0 to 1, that is not covered.

        Of the words that some node holds (``known``), each by its rarity, or of those that none
        holds.
        """
        rows = zip(self.sizes, self.weights, self.known, covered, strict=True)
        missed = sum(
            size * (1 - c) * (min(1.0, weight / self.rarest) if known else 1.0)
            for size, weight, is_known, c in rows
            if is_known is known
        )
        return missed / max(_SHORTEST, sum(self.sizes))


@dataclass(frozen=True, slots=True)
class Features:
    """What is known of one unit; every value is in [0, 1] and 0 when it says nothing.

    ``own`` is the unit's coverage of the question; ``heading``, ``before`` and ``after`` are what
    the headings above it and its neighbours add, and ``soft`` what words of a like beginning add.
    ``node`` is the coverage of the whole node. ``local`` is the coverage when a word counts by how
    few units of the same node hold it; ``count`` when all atoms count alike. ``novel`` is the
    share (of eight words) that is not in the question. ``time`` and ``number`` tell that the unit
    holds one where one is asked for, ``lacking`` that it does not hold what is asked for.
    ``opens`` is the coverage of the heading that this unit opens the section of, ``above`` that of
    the headings and the unit before it together. ``defines`` tells how surely the unit says what
    something is, where the question asks what it is: its subject is that and "is a" follows, or
    it opens the section that has its name. ``named`` tells that a name (code, or in quotation
    marks) stands beside the noun of which one is asked for ("which preset": "the `lite` preset").
    ``measured`` tells that it holds a number in the unit that is asked for ("how many MB").
    """

    own: float
    heading: float
    before: float
    after: float
    node: float
    score: float
    lacking: float
    definition: float
    first: float
    novel: float
    local: float
    soft: float
    time: float
    number: float
    count: float
    opens: float
    above: float
    defines: float
    named: float
    measured: float


@dataclass(frozen=True, slots=True)
class Evidence:
    """One unit of one node beside the question; ``places`` are offsets into the unit's text.

    ``covered`` is how far the unit covers each atom, ``said`` the same with the heading whose
    section it opens, and ``around`` with all headings above it and its neighbours. ``words`` is
    its length. ``runs`` are the question's runs of characters that its node holds.
    """

    node: int
    position: int
    unit: Unit
    places: Places
    covered: tuple[float, ...]
    said: tuple[float, ...]
    around: tuple[float, ...]
    words: float
    runs: frozenset[str]
    features: Features


def weigh_atoms(question: Question, document_frequencies: DocumentFrequencies) -> Atoms:
    """Return the atoms of ``question`` with their weights in this collection."""
    total, frequencies = document_frequencies([t.term for t in question.terms])
    total = max(total, 1)
    spans: dict[tuple[int, int], list[_Weighed]] = {}
    for term in question.terms:
        count = min(frequencies.get(term.term, 0), total)
        rarity = idf(total, count)
        for span in _atom_spans(question, term):
            weighed = _Weighed(
                term.term, rarity * term.weight, term.weight > GRAMMAR_PAIR, count > 0
            )
            spans.setdefault(span, []).append(weighed)
    rarest = idf(total, 0)
    weights: list[float] = []
    rarities: list[float] = []
    shares: list[dict[str, float]] = []
    known: list[bool] = []
    strangers = 0.0
    ordered = sorted(spans)
    for span in ordered:
        terms = spans[span]
        character = span[1] - span[0] == 1
        telling = _telling(terms, character=character)
        weight = max(term.weight for term in telling or terms)
        weight *= 1.0 if telling or not character else _UNKNOWN_CHARACTER
        whole = [term for term in terms if "_" in term.text]
        if not telling:
            strangers += 1.0 if _is_name(question, span) else 0.5 * _is_proper(question, span)
        elif whole and not any(term.known for term in whole):
            strangers += 2.0  # an identifier of which only the parts are known is another one
        weights.append(weight)
        known.append(bool(telling))
        rarities.append(math.sqrt(min(1.0, weight / rarest)) * (1.0 if telling else _UNKNOWN))
        # Headings are read too, and a store may not count their words.
        held = [term for term in terms if term.known] if telling else terms
        shares.append({t.text: min(1.0, t.weight / weight) for t in held} if weight else {})
    return Atoms(
        weights=tuple(weights),
        shares=tuple(shares),
        prefixes=tuple(
            frozenset(term.text[:_PREFIX] for term in spans[span] if len(term.text) >= _PREFIX)
            for span in ordered
        ),
        rarities=tuple(rarities),
        sizes=tuple(_size(question, span, spans[span]) for span in ordered),
        names=tuple(_is_name(question, span) or _is_proper(question, span) for span in ordered),
        known=tuple(known),
        runs=_runs(question, ordered),
        rarest=rarest,
        nodes=total,
        strangers=strangers,
    )


@dataclass(frozen=True, slots=True)
class _Weighed:
    """A term of an atom: ``full`` if no grammar is in it, ``known`` if some node holds it."""

    text: str
    weight: float
    full: bool
    known: bool


def _telling(terms: Sequence[_Weighed], *, character: bool) -> list[_Weighed]:
    """Return the known terms that make an atom known.

    A pair of characters that occurs nowhere may cross two words: it counts only where no other
    pair does. A single character that occurs somewhere does not make a word known, nor does a pair
    with a character of grammar where there is a full one.
    """
    if not character:
        return [term for term in terms if term.known]
    pairs = [term for term in terms if len(term.text) > 1]
    full = any(pair.full for pair in pairs)
    return [pair for pair in pairs if pair.known and (pair.full or not full)]


def _size(question: Question, span: tuple[int, int], terms: Sequence[_Weighed]) -> float:
    """Return the length of an atom in words: two Han or four Thai characters make one.

    Grammar has none, nor has the noun beside the question word: "blue" need not be called a colour.
    """
    token = question.text[span[0] : span[1]]
    if question.focus and question.kind in ("thing", "choice"):
        at = question.text.lower().find(question.focus, question.asked_at)
        if 0 <= at <= span[0] < at + (2 if is_unspaced(token) else 1):
            return 0.0
    if not is_unspaced(token):
        return 1.0
    if not any(term.full or len(term.text) == 1 for term in terms):
        return 0.0
    return 0.5 if token > "\u2e80" else 0.25


def _runs(question: Question, spans: Sequence[tuple[int, int]]) -> frozenset[str]:
    """Return the runs of characters inside the question's informative words."""
    chars = [" "] * len(question.text)
    for start, end in spans:
        chars[start:end] = question.text[start:end]
    return frozenset(character_grams("".join(chars)))


def _is_name(question: Question, span: tuple[int, int]) -> bool:
    """Tell a number, an identifier or a Latin word among Chinese: they have one form only."""
    token = question.text[span[0] : span[1]]
    if is_unspaced(token):
        return False
    if any(char.isdigit() or char in "_/@#" for char in token):
        return True
    return question.language in _UNSPACED and token.isascii()


def _is_proper(question: Question, span: tuple[int, int]) -> bool:
    """Tell a capitalised word inside a question; in German every noun is one."""
    return span[0] > 0 and question.language != "de" and question.text[span[0]].isupper()


_UNSPACED = frozenset({"zh", "zh-Hant", "ja", "th", "lo", "km", "my"})


def _atom_spans(question: Question, term: QuestionTerm) -> list[tuple[int, int]]:
    """Return a span for each character of an n-gram, and one for a word."""
    if is_unspaced(question.text[term.start : term.end]):
        return [(i, i + 1) for i in range(term.start, term.end)]
    return [(term.start, term.end)]


def gather_evidence(
    question: Question, atoms: Atoms, passages: Sequence[Passage]
) -> list[Evidence]:
    """Return every unit of every passage with its features, in reading order."""
    return [
        evidence
        for number, passage in enumerate(passages)
        for evidence in _of_passage(question, atoms, passage, number)
    ]


def _of_passage(question: Question, atoms: Atoms, passage: Passage, number: int) -> list[Evidence]:
    language = question.language
    units = node_units(passage.text, passage.headings)
    texts = [passage.text[unit.start : unit.end] for unit in units]
    places = [place_terms(text, atoms.wanted, language) for text in texts]
    covers = [atoms.covered(held) for held in places]
    context = atoms.covered(place_terms(passage.context, atoms.wanted, language))
    path = passage.headings[-1] if passage.headings else ""
    above = atoms.covered(place_terms(path, atoms.wanted, language)) if path else None
    node = atoms.coverage([max(column) for column in zip(context, *covers, strict=True)])
    local = _local_weights(atoms, covers)
    folded = fold_text(passage.text), fold_text(passage.context)
    runs = frozenset(run for run in atoms.runs if any(run in text for text in folded))
    nothing = [0.0] * len(context)
    in_table = nothing
    unit_asked = asked_unit(question)
    subject = question.subject
    named = bool(path and subject) and is_heading_of(path, subject, language)
    found: list[Evidence] = []
    opens = atoms.coverage(above) * _alike(question, path) if above else 0.0
    for position, unit in enumerate(units):
        own = covers[position]
        is_heading = unit.kind in ("heading", "question")
        if is_heading:
            above, opens = own, max(atoms.coverage(own), opens if position == 0 else 0.0)
            opens *= _alike(question, texts[position])
            named = bool(subject) and is_heading_of(texts[position], subject, language)
        base = atoms.coverage(own)
        soft = _soft(atoms, texts[position], own, language)
        in_table = own if unit.kind == "header" else in_table if unit.kind == "row" else nothing
        before = covers[position - 1] if position else nothing
        after = covers[position + 1] if position + 1 < len(units) else nothing
        heading = _either(context, above) if above else context
        heading = _either(heading, in_table)
        typed = _typed(texts[position], question, places[position])
        features = Features(
            own=base,
            heading=atoms.coverage(_either(own, heading)) - base,
            before=atoms.coverage(_either(own, before)) - base,
            after=atoms.coverage(_either(own, after)) - base,
            node=node,
            score=passage.score,
            lacking=float(typed is False),
            definition=_defines(texts[position], question),
            first=float(position == 0),
            novel=_novel(texts[position], places[position]),
            local=sum(w * c for w, c in zip(local, own, strict=True)) / (sum(local) or 1.0),
            soft=soft,
            time=float(typed is True and question.kind == "time"),
            number=float(typed is True and question.kind == "number"),
            count=sum(c > 0.5 for c in own) / max(1, len(own)),
            opens=0.0 if is_heading or unit.kind in ("aside", "header") else opens,
            above=atoms.coverage(_either(heading, before)),
            defines=_says(texts[position], unit, subject, language, named=named and opens > 0),
            named=float(names_one(question, texts[position])),
            measured=float(_measured(texts[position], question, unit_asked)),
        )
        found.append(
            Evidence(
                node=number,
                position=position,
                unit=unit,
                places=places[position],
                covered=tuple(own),
                said=tuple(_either(own, above) if above and features.opens else own),
                around=tuple(_either(_either(own, heading), _either(before, after))),
                words=_length(texts[position]),
                runs=runs,
                features=features,
            )
        )
        if not is_heading and unit.kind not in ("aside", "header"):
            opens = 0.0
    return found


def _either(a: Sequence[float], b: Sequence[float]) -> list[float]:
    return [max(x, y) for x, y in zip(a, b, strict=True)]


def _local_weights(atoms: Atoms, covers: Sequence[Sequence[float]]) -> list[float]:
    """Return the weight of each atom by how few of the node's units speak of it."""
    n = len(covers)
    columns = zip(*covers, strict=True) if covers else [()] * len(atoms.weights)
    found = []
    for weight, column in zip(atoms.weights, columns, strict=True):
        held = sum(c > 0.5 for c in column)
        found.append(weight * idf(n, held))
    return found


def _soft(atoms: Atoms, text: str, own: Sequence[float], language: str | None) -> float:
    """Return the coverage added by words that only begin like a word of the question."""
    begins = {
        term[:_PREFIX]
        for start, end in iter_tokens(text)
        if not is_unspaced(text[start:end])
        for term in token_terms(text[start:end], language)
        if len(term) >= _PREFIX
    }
    gained = [
        max(c, _PREFIX_SHARE) if prefixes & begins else c
        for c, prefixes in zip(own, atoms.prefixes, strict=True)
    ]
    return atoms.coverage(gained) - atoms.coverage(own)


def _typed(text: str, question: Question, places: Places) -> bool | None:
    """Return whether ``text`` holds what is asked for, beside what the question says itself."""
    if question.kind not in ("time", "number", "person", "place"):
        return has_expected(text, question.kind, question.language)
    matched = {span for spans in places.values() for span in spans}
    return any(
        not any(start < e and s < end for s, e in matched)
        for start, end in expected_spans(text, question.kind, question.language)
    )


def _defines(text: str, question: Question) -> float:
    if question.kind not in ("definition", "thing") or not question.words:
        return 0.0
    subject = max(question.words, key=len)
    return float(definition_pattern(text, subject, beside=question.words))


def _measured(text: str, question: Question, unit: re.Pattern[str] | None) -> bool:
    """Return whether ``text`` holds a number in the unit that is asked for."""
    if unit is None:
        return False
    for _, end in expected_spans(text, "number", question.language):
        # The pattern of a Chinese number may end in its unit.
        if unit.match(text, end) or unit.match(text, end - 1):
            return True
    return False


def _alike(question: Question, heading: str) -> float:
    """Return how far a section answers the question that its heading's words answer, 0 to 1.

    Under "Can several people use it?" stands yes or no, and not how many people use it.
    """
    heading = heading.strip("#*_` \n")
    if question.kind not in _TYPED or not heading.endswith(_QUESTION_MARKS):
        return 1.0
    kind = analyze_question(heading, language=question.language).kind
    return _OTHER_KIND if kind == "polar" else 1.0


def _says(text: str, unit: Unit, subject: str, language: str | None, *, named: bool) -> float:
    """Return how surely a unit says what ``subject`` is; ``named`` if it opens its section."""
    if subject and unit.kind == "row":
        cell = first_cell(text)
        return _NAMED if is_heading_of(cell, subject, language) else 0.0
    if not subject or unit.kind not in ("sentence", "item"):
        return 0.0
    return max(says_what_it_is(text, subject, language), _NAMED if named else 0.0)


def _novel(text: str, places: Places) -> float:
    matched = {span for spans in places.values() for span in spans}
    return min(max(0.0, _length(text) - len(matched)), 8.0) / 8


def _length(text: str) -> float:
    """Return the length of ``text`` in words; two Han or five Thai characters count as one."""
    count = 0.0
    for start, end in iter_tokens(text):
        if not is_unspaced(text[start:end]):
            count += 1
        elif "\u3040" <= text[start] <= "\ud7ff":
            count += (end - start) / 2
        else:
            count += (end - start) / 5
    return count
