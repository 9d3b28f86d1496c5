"""Full text in the embedded store: SQLite FTS5 over terms that an ``Analyzer`` made.

The table is contentless: it holds postings, not text. FTS5 needs no knowledge of words, since each
value is a string of terms with a space between them; its ``ascii`` tokenizer is told to keep every
other character. ``detail=full`` is kept because BM25 needs term frequencies, which FTS5 reads from
the positions: on a contentless table with ``detail=column`` or ``none`` its ``bm25()`` is 0 for
every row.

Deleting from a contentless table takes the values that were inserted
(https://sqlite.org/fts5.html#contentless_tables); SQLite 3.40 has no other way.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence

from ragkit.types import Analyzer, Clause

__all__ = [
    "create",
    "delete",
    "document_frequencies",
    "drop",
    "insert",
    "search",
    "search_question",
]

# Everything in ASCII that may stand inside a term; the space and the double quote may not.
_TOKEN_CHARS = "!#$%&''()*+,-./:;<=>?@[\\]^_`{|}~"


def create(conn: sqlite3.Connection, table: str, fields: Sequence[str]) -> None:
    """Create the full-text ``table`` with one column for each of ``fields``."""
    columns = ", ".join(_quoted(field) for field in fields)
    conn.execute(
        f"CREATE VIRTUAL TABLE {_quoted(table)} USING fts5({columns}, content='', detail=full, "
        f"""tokenize="ascii tokenchars '{_TOKEN_CHARS.replace("''", "''''")}'")"""
    )
    conn.execute(
        f"CREATE VIRTUAL TABLE {_quoted(_vocabulary(table))} USING fts5vocab({_quoted(table)}, row)"
    )


def drop(conn: sqlite3.Connection, table: str) -> None:
    """Drop ``table`` and what belongs to it; no error when it is not there."""
    conn.execute(f"DROP TABLE IF EXISTS {_quoted(_vocabulary(table))}")
    conn.execute(f"DROP TABLE IF EXISTS {_quoted(table)}")


def insert(conn: sqlite3.Connection, table: str, rowid: int, values: Sequence[str]) -> None:
    """Add a row: one string of space-separated terms for each field."""
    columns, marks = _columns(conn, table, values)
    conn.execute(
        f"INSERT INTO {_quoted(table)} (rowid, {columns}) VALUES (?, {marks})", (rowid, *values)
    )


def delete(conn: sqlite3.Connection, table: str, rowid: int, values: Sequence[str]) -> None:
    """Remove a row; ``values`` must be exactly those it was inserted with."""
    name = _quoted(table)
    columns, marks = _columns(conn, table, values)
    conn.execute(
        f"INSERT INTO {name} ({name}, rowid, {columns}) VALUES ('delete', ?, {marks})",
        (rowid, *values),
    )


def search(
    conn: sqlite3.Connection,
    table: str,
    clauses: Sequence[Clause],
    *,
    limit: int,
    where: str = "",
    parameters: Sequence[object] = (),
) -> list[tuple[int, float]]:
    """Return up to ``limit`` (rowid, score), best first; equal scores keep rowid order.

    A row's score is the sum over ``clauses`` of the clause's weight times the row's BM25. ``where``
    is SQL on ``rowid`` with ``parameters``, for instance ``rowid IN (SELECT …)``.
    """
    totals: dict[int, float] = {}
    for clause in clauses:
        for rowid, score in _matches(conn, table, clause, max(limit, 50), where, parameters):
            totals[rowid] = totals.get(rowid, 0.0) + clause.weight * score
    ranked = sorted(totals.items(), key=lambda item: (-item[1], item[0]))
    return ranked[:limit]


def search_question(
    conn: sqlite3.Connection,
    table: str,
    analyzer: Analyzer,
    question: str,
    *,
    limit: int,
    texts: Callable[[Sequence[int]], Mapping[int, str]],
    where: str = "",
    parameters: Sequence[object] = (),
) -> list[tuple[int, float]]:
    """Return up to ``limit`` (rowid, score) for ``question``, best first; ties keep rowid order.

    The best rows by full text are scored again by ``analyzer`` from what ``texts`` says they hold;
    a row that it does not know counts as empty.
    """
    found = search(
        conn,
        table,
        analyzer.clauses(question),
        limit=max(limit, analyzer.pool),
        where=where,
        parameters=parameters,
    )
    known = texts([rowid for rowid, _ in found])
    scores = analyzer.rescore(question, [(score, known.get(rowid, "")) for rowid, score in found])
    ranked = zip([rowid for rowid, _ in found], scores, strict=True)
    return sorted(ranked, key=lambda item: (-item[1], item[0]))[:limit]


def _matches(
    conn: sqlite3.Connection,
    table: str,
    clause: Clause,
    limit: int,
    where: str,
    parameters: Sequence[object],
) -> Iterable[tuple[int, float]]:
    if not clause.terms:
        return []
    name = _quoted(table)
    query = " OR ".join(f'"{term}"' for term in dict.fromkeys(clause.terms))
    weights = ", ".join(repr(float(weight)) for weight in clause.weights)
    condition = f" AND ({where})" if where else ""
    return conn.execute(
        f"SELECT rowid, -bm25({name}, {weights}) AS score FROM {name} WHERE {name} MATCH ?"
        f"{condition} ORDER BY score DESC, rowid LIMIT ?",
        (query, *parameters, limit),
    )


def document_frequencies(
    conn: sqlite3.Connection, table: str, terms: Iterable[str]
) -> tuple[int, dict[str, int]]:
    """Return the number of rows, and for each term the number of rows that hold it (0 if none)."""
    rows = conn.execute(f"SELECT count(*) FROM {_quoted(table + '_docsize')}").fetchone()[0]
    found = {}
    for term in dict.fromkeys(terms):
        row = conn.execute(
            f"SELECT doc FROM {_quoted(_vocabulary(table))} WHERE term = ?", (term,)
        ).fetchone()
        found[term] = row[0] if row else 0
    return rows, found


def _vocabulary(table: str) -> str:
    return f"{table}_vocab"


def _columns(conn: sqlite3.Connection, table: str, values: Sequence[str]) -> tuple[str, str]:
    """Return the column names of ``table`` and as many question marks, for ``values``."""
    found = conn.execute("SELECT name FROM pragma_table_info(?)", (table,)).fetchall()
    if len(found) != len(values):
        raise ValueError(f"{table} has {len(found)} fields, not {len(values)}")
    return ", ".join(_quoted(row[0]) for row in found), ", ".join("?" * len(values))


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
