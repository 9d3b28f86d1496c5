"""Full text in the embedded store: BM25 over terms that an ``Analyzer`` made.

``postings.py`` keeps the terms and ``bm25.py`` scores them. SQLite's own FTS5 knows one formula,
reads every position of every match and cannot leave out what does not matter: on 100,000 nodes a
question took it 118 ms (``docs/performance.md``).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence

from ragkit.store import postings
from ragkit.store.bm25 import best_rows
from ragkit.store.frequencies import count_holders, count_rows
from ragkit.types import Analyzer, Clause

__all__ = [
    "create",
    "delete",
    "document_frequencies",
    "drop",
    "held_terms",
    "insert",
    "search",
    "search_question",
]

Find = Callable[[Sequence[Clause], int], list[tuple[int, float]]]
"""Returns up to so many (rowid, score) for the clauses, best first; equal scores by rowid."""


def create(conn: sqlite3.Connection, table: str, fields: Sequence[str]) -> None:
    """Create the full-text ``table`` with one column for each of ``fields``."""
    postings.create(conn, table, fields)


def drop(conn: sqlite3.Connection, table: str) -> None:
    """Drop ``table`` and what belongs to it; no error when it is not there."""
    postings.drop(conn, table)
    for name in (f"{table}_vocab", table):  # an index of an earlier version: FTS5
        conn.execute(f"DROP TABLE IF EXISTS {name}")


def insert(conn: sqlite3.Connection, table: str, rowid: int, values: Sequence[str]) -> None:
    """Add a row: one string of space-separated terms for each field. Row ids only grow."""
    postings.insert(conn, table, rowid, values)


def delete(conn: sqlite3.Connection, table: str, rowid: int) -> None:
    """Remove a row; nothing happens when it is not there."""
    postings.delete(conn, table, rowid)


def search(
    conn: sqlite3.Connection,
    table: str,
    clauses: Sequence[Clause],
    *,
    limit: int,
    allowed: Sequence[int] | None = None,
) -> list[tuple[int, float]]:
    """Return up to ``limit`` (rowid, score), best first; equal scores keep rowid order.

    A row's score is the sum over ``clauses`` of the clause's weight times the row's BM25.
    ``allowed`` limits the search to these row ids.
    """
    terms = [term for clause in clauses for term in clause.terms]
    if not terms:
        return []
    rows = postings.read_rows(conn, table)
    found = postings.read_postings(conn, table, rows, terms)
    places = None if allowed is None else rows.places(allowed)
    ranked = best_rows(rows, clauses, found, limit=limit, allowed=places)
    return [(rows.rowid(place), score) for place, score in ranked]


def search_question(
    conn: sqlite3.Connection,
    table: str,
    analyzer: Analyzer,
    question: str,
    *,
    limit: int,
    texts: Callable[[Sequence[int]], Mapping[int, str]],
    allowed: Sequence[int] | None = None,
    find: Find | None = None,
) -> list[tuple[int, float]]:
    """Return up to ``limit`` (rowid, score) for ``question``, best first; ties keep rowid order.

    ``find`` takes the place of ``search`` in this table, with clauses and a limit. The
    ``analyzer.pool`` best rows by full text are scored again by ``analyzer``, from what
    ``texts`` says they hold; a row that it does not know counts as empty. The rows after them keep
    their scores, and their places, since a second look only adds.
    """
    pool = analyzer.pool
    clauses, depth = analyzer.clauses(question), max(limit, pool)
    if find is None:
        found = search(conn, table, clauses, limit=depth, allowed=allowed)
    else:
        found = find(clauses, depth)
    known = texts([rowid for rowid, _ in found[:pool]])
    again = [(score, known.get(rowid, "")) for rowid, score in found[:pool]]
    scores = analyzer.rescore(question, again)
    ranked = zip([rowid for rowid, _ in found[:pool]], scores, strict=True)
    return (sorted(ranked, key=lambda item: (-item[1], item[0])) + found[pool:])[:limit]


def document_frequencies(
    conn: sqlite3.Connection, table: str, terms: Iterable[str]
) -> tuple[int, dict[str, int]]:
    """Return the number of rows, and for each term the number of rows that hold it (0 if none)."""
    return count_rows(conn, table), count_holders(conn, table, terms)


def held_terms(
    conn: sqlite3.Connection, table: str, terms: Iterable[str], rowids: Sequence[int]
) -> set[str]:
    """Return which of ``terms`` at least one of the rows holds."""
    rows = postings.read_rows(conn, table)
    places = set(rows.places(rowids).tolist())
    found = postings.read_postings(conn, table, rows, terms)
    return {
        term
        for term, parts in found.items()
        if any(not places.isdisjoint(part.places().tolist()) for part in parts)
    }
