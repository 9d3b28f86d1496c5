"""Where a sentence denies, uses a word that has an opposite, or names who acts."""

from __future__ import annotations

from collections.abc import Iterator

from ragkit.answer.align.reading import Element
from ragkit.answer.align.words import AGENT, NEGATION, han_opposites, opposites
from ragkit.answer.matching import iter_tokens, token_terms

__all__ = ["agency", "clause_of", "denials", "sides"]


def clause_of(at: int, cuts: list[int]) -> int:
    """Return the number of the clause at an offset; ``cuts`` are where clauses begin."""
    return sum(cut <= at for cut in cuts)


def denials(
    text: str, cuts: list[int], elements: list[Element]
) -> tuple[list[tuple[int, int]], dict[int, tuple[bool, bool]]]:
    """Return ``(clause, next element)`` of each negation, and what it makes of each clause.

    The latter is (denied, said with "without"): "not prohibited" denies twice.
    """
    denials: list[tuple[int, int]] = []
    kinds: dict[int, set[str]] = {}
    for match in NEGATION.finditer(text):
        kind = str(match.lastgroup)
        if kind == "skip":
            continue
        clause = clause_of(match.start(), cuts)
        after = sum(element.at < match.end() for element in elements)
        denials.append((clause, after))
        kinds.setdefault(clause, set()).add(kind)
    parity = {
        clause: (("neg" in found) != ("forbid" in found), "without" in found)
        for clause, found in kinds.items()
    }
    return denials, parity


def agency(text: str, elements: list[Element]) -> tuple[int, int] | None:
    """Return the elements of the verb and of the agent of a passive ("was sold by the firm")."""
    match = AGENT.search(text)
    if not match:
        return None
    verb = sum(element.at < match.end("be") for element in elements)
    agent = sum(element.at < match.end("by") for element in elements)
    known = verb < agent < len(elements) and elements[agent].figure is None
    return (verb, agent) if known else None


def sides(
    text: str, cuts: list[int], elements: list[Element], language: str | None
) -> Iterator[tuple[int, int, bool, tuple[int, int]]]:
    """Yield ``(clause, element, own, (pair, side))`` of words that have an opposite."""
    for at, side in _opposites(text, language):
        here = sum(element.at < at for element in elements)
        own = here < len(elements) and elements[here].at == at
        yield clause_of(at, cuts), here, own, side


def _opposites(text: str, language: str | None) -> Iterator[tuple[int, tuple[int, int]]]:
    if language in ("zh", "ja"):
        yield from han_opposites(text)
        return
    table = opposites(language or "en")
    for start, end in iter_tokens(text):
        for term in token_terms(text[start:end], language)[:1]:
            for side in table.get(term, ()):
                yield start, side
