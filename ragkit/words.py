"""Which words of a question a document holds, by the same terms that it is found by."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ragkit.why import Word

if TYPE_CHECKING:
    from ragkit.store.sqlite import SqliteStore

__all__ = ["question_words"]


def question_words(question: str, document_id: str, store: SqliteStore) -> tuple[Word, ...]:
    """Return the informative words of the question, and whether the file holds them."""
    from ragkit.answer.matching import is_unspaced, token_terms
    from ragkit.answer.question import analyze_question

    asked = analyze_question(question)
    terms = {word: token_terms(word, asked.language) for word in asked.words}
    every = list(dict.fromkeys(term for found in terms.values() for term in found))
    telling = [term.term for term in asked.terms]
    held = _held(every, document_id, store)
    _, counts = store.document_frequencies(every)
    words: list[Word] = []
    for word, found in terms.items():
        if is_unspaced(word):
            runs = _runs(word, found, held, counts)
            # What is left over between words may be grammar alone.
            words += [run for run in runs if any(term in run.text for term in telling)]
        elif found:
            rarest = min(counts[term] for term in found)
            words.append(_word(word, held.issuperset(found), rarest))
    if all(word.found for word in words):
        return tuple(words)
    text = store.catalog.document_text(document_id).casefold()
    return tuple(replace(w, in_file=w.found or _is_written(w.text, text)) for w in words)


def _word(text: str, found: bool, nodes: int) -> Word:
    return Word(text, in_file=found, nodes=nodes, found=found)


def _is_written(word: str, text: str) -> bool:
    """Return whether a word in letters of an alphabet stands in a text as it is."""
    from ragkit.answer.matching import is_unspaced

    pattern = rf"(?<!\w){re.escape(word.casefold())}(?!\w)"
    return not is_unspaced(word) and re.search(pattern, text) is not None


def _held(terms: Sequence[str], document_id: str, store: SqliteStore) -> set[str]:
    """Return which of the index terms some node of the document holds."""
    from ragkit.store import fts

    with store.reading() as snapshot:
        if snapshot is None:
            return set()
        nodes = snapshot.conn.execute(
            f"SELECT id FROM {snapshot.table('node')} WHERE document_id = ?", (document_id,)
        )
        rowids = [row[0] for row in nodes]
        return fts.held_terms(snapshot.conn, snapshot.table("fts"), terms, rowids)


def _runs(word: str, terms: Sequence[str], held: set[str], counts: Mapping[str, int]) -> list[Word]:
    """Cut a run of a script without spaces into what the file holds and what it lacks.

    A character counts as held where a pair of characters around it is: a lone one says little.
    """
    grams = [term for term in terms if len(term) > 1 or len(word) == 1]
    covered = [False] * len(word)
    for gram in grams:
        at = word.find(gram) if gram in held else -1
        while at >= 0:
            covered[at : at + len(gram)] = [True] * len(gram)
            at = word.find(gram, at + 1)
    found, start = [], 0
    for end in range(1, len(word) + 1):
        if end == len(word) or covered[end] != covered[start]:
            text = word[start:end]
            # In what the file holds, a pair across two of its words may be found nowhere.
            inner = [counts[g] for g in grams if g in text and (g in held or not covered[start])]
            inner = inner or [counts[char] for char in text if char in counts]
            found.append(_word(text, covered[start], min(inner, default=0)))
            start = end
    return found
