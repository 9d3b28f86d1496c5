"""Which sentences of the sources say what a sentence of an answer says, without a model.

``find_support`` compares the answer's sentence with every sentence of the sources: the content it
shares, in which order, and whether figures, names, negations, opposites and words of scope agree
(``align_judge``). A sentence may also be made of parts, each borne out by a sentence of its own.
See ``docs/citations.md`` for what this can tell and what it cannot.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ragkit.answer.align.judge import Verdict, judge
from ragkit.answer.align.reading import CONTENT, Reading
from ragkit.answer.align.sentence import LONGEST, read_sentence
from ragkit.ingest.sentences import sentence_spans
from ragkit.retrieve.tokenizer import detect_language

__all__ = ["PreparedTexts", "Support", "find_support", "prepare"]

# Only this much of a text is read, as for extraction; nodes are far smaller.
_LONGEST_TEXT = 60_000
# Sentences of the sources that are looked at closely, of those that share most.
_CANDIDATES = 6
_LEAST_SHARED = 0.35
# A subject may be named this many sentences before; headings above count too.
_BACK = 2
_MOST_SUPPORTS = 3
_MOST_CUTS = 8
# The least content a part of a sentence must have to be borne out on its own, in words.
_LEAST_PART = 1.9


@dataclass(frozen=True, slots=True)
class Support:
    """``texts[node][start:end]``, whole sentences that say what the answer's sentence says."""

    node: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class _Source:
    support: Support
    reading: Reading
    before: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class PreparedTexts:
    """Source texts taken apart by ``prepare``, for many calls of ``find_support``."""

    sources: tuple[_Source, ...]
    language: str | None


def prepare(texts: Sequence[str], *, language: str | None = None) -> PreparedTexts:
    """Return ``texts`` taken apart; a stream of sentences then does not analyse them again.

    ``language`` (ISO 639-1) is that of the texts; without it each text's is detected.
    """
    sources: list[_Source] = []
    for node, text in enumerate(texts):
        text = text[:_LONGEST_TEXT]
        own = language or detect_language(text)
        headings: list[int] = []
        first = len(sources)
        for start, end in sentence_spans(text):
            here = len(sources)
            before = list(range(here - 1, max(first, here - _BACK) - 1, -1))
            before += [n for n in headings[-2:] if n not in before]
            reading = read_sentence(text[start:end], own)
            sources.append(_Source(Support(node, start, end), reading, tuple(before)))
            if text[start] == "#" or text[start:end].rstrip().endswith((":", "：")):
                headings.append(here)
    return PreparedTexts(tuple(sources), language)


def find_support(
    sentence: str, texts: Sequence[str] | PreparedTexts, *, language: str | None = None
) -> tuple[Support, ...]:
    """Return the whole sentences of ``texts`` that say what ``sentence`` says, best first.

    At most three; several where the sentence joins what several sentences say, or where a subject
    is named in a sentence before. Empty where no source says the same: a figure, a name, a negation
    or the order of roles that differs is enough for that. Deterministic; no model, no network.
    ``texts`` may be prepared once for many sentences (``prepare``).
    """
    prepared = texts if isinstance(texts, PreparedTexts) else prepare(texts, language=language)
    language = language or prepared.language or _language_among(sentence, prepared)
    ours = read_sentence(sentence, language)
    if ours.plain and any(char.isalnum() for char in ours.plain):
        for source in prepared.sources:
            if source.reading.plain == ours.plain:
                return (source.support,)
    content = sum(e.weight for e in ours.elements if e.weight >= CONTENT)
    if content < 1.0 or len(sentence) > LONGEST:
        return ()  # nothing to prove, or more than is read
    found = _one(ours, prepared, range(len(ours.elements)))
    if found is None:
        found = _joined(ours, prepared)
    return tuple(prepared.sources[n].support for n in found[:_MOST_SUPPORTS]) if found else ()


def _language_among(sentence: str, prepared: PreparedTexts) -> str | None:
    """Return the language of ``sentence``; of two in one script, the sources' own."""
    own = detect_language(sentence)
    theirs = [source.reading.language for source in prepared.sources if source.reading.language]
    if theirs and own in (None, "en") and "en" not in theirs:
        common = max(sorted(set(theirs)), key=theirs.count)
        return own if common in _HAN else common
    return own


_HAN = frozenset({"zh", "ja", "ko", "th"})


def _one(
    ours: Reading, prepared: PreparedTexts, part: range, *, later: bool = False
) -> list[int] | None:
    """Return the source sentence that bears ``part`` out, with what it borrows from; or None."""
    best: tuple[float, list[int]] | None = None
    for n in _candidates(ours, prepared, part):
        verdict = _verdict(ours, prepared, n, part, later=later)
        if not verdict.against and (best is None or verdict.score > best[0] + 1e-9):
            best = (verdict.score, [n, *verdict.context])
    return best[1] if best else None


def _verdict(
    ours: Reading, prepared: PreparedTexts, n: int, part: range, *, later: bool = False
) -> Verdict:
    source = prepared.sources[n]
    before = [(m, prepared.sources[m].reading) for m in source.before]
    return judge(ours, source.reading, part, before, later=later)


def _candidates(ours: Reading, prepared: PreparedTexts, part: range) -> list[int]:
    """Return the source sentences that share most with ``part``, best first."""
    elements = [ours.elements[i] for i in part if ours.elements[i].weight >= CONTENT]
    total = sum(element.weight for element in elements)
    ranked = []
    for n, source in enumerate(prepared.sources):
        reading = source.reading
        shared = sum(
            e.weight for e in elements
            if e.key in reading.index or (e.kind == "word" and f"^{e.key[:5]}" in reading.likes)
        )  # fmt: skip
        if shared >= _LEAST_SHARED * total:
            ranked.append((-shared, n))
    return [n for _, n in sorted(ranked)[:_CANDIDATES]]


def _joined(ours: Reading, prepared: PreparedTexts) -> list[int] | None:
    """Return the sources of two or three parts of the sentence, cut between clauses; or None."""
    size = len(ours.elements)
    cuts = _cuts(ours)
    ways: list[tuple[int, ...]] = [(cut,) for cut in cuts]
    ways += [(a, b) for n, a in enumerate(cuts) for b in cuts[n + 1 :]] if len(cuts) <= 4 else []
    known: dict[tuple[int, int], list[int] | None] = {}
    for way in ways:
        found: list[int] = []
        for start, stop in _parts(way, size):
            if (start, stop) not in known:
                part = range(start, stop)
                heavy = sum(ours.elements[i].weight for i in part) >= _LEAST_PART
                known[start, stop] = _one(ours, prepared, part, later=start > 0) if heavy else None
            own = known[start, stop]
            if own is None:
                break
            found.extend(n for n in own if n not in found)
        else:
            return found
    return None


def _parts(way: Sequence[int], size: int) -> Iterator[tuple[int, int]]:
    start = 0
    for stop in (*way, size):
        yield start, stop
        start = stop


def _cuts(ours: Reading) -> list[int]:
    """Return the elements at which a new clause of the sentence begins."""
    pairs = zip(ours.elements, ours.elements[1:], strict=False)
    cuts = [n for n, (a, b) in enumerate(pairs, 1) if a.clause != b.clause]
    return cuts[:_MOST_CUTS]
