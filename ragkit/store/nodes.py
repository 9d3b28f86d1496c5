"""Node rows: what is written for one node, how it is deleted, and in what order it is read.

A node is a row in ``node`` (what filters read), one in ``content`` (its text and the rest of its
LlamaIndex form), one in the full-text table and, with an embedding, one in ``vector``. The
functions take an open snapshot and no LlamaIndex object.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from itertools import count, repeat
from typing import Any, NamedTuple

from ragkit.errors import IndexMismatch
from ragkit.store import fts
from ragkit.store.bulk import Inverted, insert_many
from ragkit.store.sqlite import Snapshot
from ragkit.types import Analyzer

__all__ = [
    "BulkNode",
    "NodeRow",
    "StoredNode",
    "check_dimension",
    "delete_all_rows",
    "delete_rows",
    "fix_dimension",
    "insert_row",
    "insert_rows",
    "last_row",
    "read_rows",
    "read_sources",
]

_REMOVED_KEPT = 100_000  # deletions a cache may lag behind before it loads anew


class NodeRow(NamedTuple):
    """A node ready to be written. ``vector`` is float16 of unit length, little endian.

    ``rest`` is empty where the rest of a node's LlamaIndex form follows from what is beside it.
    """

    node_id: str
    document_id: str | None
    start: int | None
    metadata: str
    text: str
    rest: str
    fulltext: tuple[str, ...]
    vector: bytes | None


class StoredNode(NamedTuple):
    """A node as it was read; ``sources`` are its document's files, sorted by name."""

    id: int
    node_id: str
    document_id: str | None
    start: int | None
    metadata: str
    text: str
    rest: str
    sources: tuple[str, ...]


def insert_row(snapshot: Snapshot, row: NodeRow) -> int:
    """Write one node and return its row id, which is never used again."""
    conn = snapshot.conn
    rowid = conn.execute(
        f"INSERT INTO {snapshot.table('node')} (node_id, document_id, start, metadata)"
        " VALUES (?, ?, ?, ?)",
        row[:4],
    ).lastrowid
    assert rowid is not None
    conn.execute(
        f"INSERT INTO {snapshot.table('content')} VALUES (?, ?, ?)", (rowid, row.text, row.rest)
    )
    fts.insert(conn, snapshot.table("fts"), rowid, row.fulltext)
    if row.vector is not None:
        conn.execute(f"INSERT INTO {snapshot.table('vector')} VALUES (?, ?)", (rowid, row.vector))
    return rowid


class BulkNode(NamedTuple):
    """A node whose terms are handed over apart; the fields are those of `NodeRow`.

    The rest of its LlamaIndex form follows from these.
    """

    node_id: str
    document_id: str
    start: int
    metadata: str
    text: str
    vector: bytes | None


def last_row(snapshot: Snapshot) -> int:
    """Return the last row id that a node ever had, 0 before the first."""
    row = snapshot.conn.execute(
        "SELECT seq FROM sqlite_sequence WHERE name = ?", (snapshot.table("node"),)
    ).fetchone()
    return 0 if row is None else int(row[0])


def insert_rows(
    snapshot: Snapshot, nodes: Sequence[BulkNode], terms: Iterable[tuple[Inverted, Sequence[bool]]]
) -> None:
    """Write nodes at once, under the row ids that follow ``last_row``.

    ``terms`` are those of the nodes in their order, with whether each of the rows is one of them.
    """
    conn, first = snapshot.conn, last_row(snapshot) + 1
    if nodes:
        node_ids, owners, starts, metadata, texts, vectors = zip(*nodes, strict=True)
        conn.executemany(
            f"INSERT INTO {snapshot.table('node')} VALUES (?, ?, ?, ?, ?)",
            zip(count(first), node_ids, owners, starts, metadata, strict=False),
        )
        conn.executemany(
            f"INSERT INTO {snapshot.table('content')} VALUES (?, ?, ?)",
            zip(count(first), texts, repeat(""), strict=False),
        )
        conn.executemany(
            f"INSERT INTO {snapshot.table('vector')} VALUES (?, ?)",
            (row for row in zip(count(first), vectors, strict=False) if row[1] is not None),
        )
    insert_many(conn, snapshot.table("fts"), first, terms)


def fix_dimension(snapshot: Snapshot, dimension: int) -> None:
    """Make ``dimension`` the generation's, or raise ``IndexMismatch`` if it has another."""
    row = snapshot.conn.execute(
        "SELECT dimension FROM generation WHERE id = ?", (snapshot.generation.number,)
    ).fetchone()
    check_dimension(row[0], dimension)
    if row[0] is None:
        snapshot.conn.execute(
            "UPDATE generation SET dimension = ? WHERE id = ?",
            (dimension, snapshot.generation.number),
        )


def check_dimension(stored: int | None, dimension: int) -> None:
    """Raise ``IndexMismatch`` when vectors of ``dimension`` numbers meet an index of others."""
    if stored is not None and stored != dimension:
        raise IndexMismatch(
            f"The index holds vectors of {stored} numbers, this one has {dimension}. "
            "Use the embedder it was built with, or rebuild: ragkit index --rebuild."
        )


def delete_rows(snapshot: Snapshot, condition: str, parameters: Sequence[Any]) -> int:
    """Delete the nodes ``n`` for which the SQL ``condition`` holds; return how many."""
    conn, node, content = snapshot.conn, snapshot.table("node"), snapshot.table("content")
    rows = conn.execute(
        f"SELECT n.id FROM {node} n WHERE {condition} ORDER BY n.id", parameters
    ).fetchall()
    for (rowid,) in rows:
        fts.delete(conn, snapshot.table("fts"), rowid)
        conn.execute(f"DELETE FROM {node} WHERE id = ?", (rowid,))
        conn.execute(f"DELETE FROM {content} WHERE id = ?", (rowid,))
        vector = snapshot.table("vector")
        if conn.execute(f"DELETE FROM {vector} WHERE id = ?", (rowid,)).rowcount:
            removed = snapshot.table("removed")
            seq = conn.execute(f"INSERT INTO {removed} (id) VALUES (?)", (rowid,)).lastrowid
            conn.execute(f"DELETE FROM {removed} WHERE seq <= ?", ((seq or 0) - _REMOVED_KEPT,))
    return len(rows)


def delete_all_rows(snapshot: Snapshot, analyzer: Analyzer) -> None:
    """Delete every node, without taking each one's terms back."""
    conn = snapshot.conn
    conn.execute(
        f"INSERT INTO {snapshot.table('removed')} (id) SELECT id FROM {snapshot.table('vector')}"
    )
    for name in ("node", "content", "vector"):
        conn.execute(f"DELETE FROM {snapshot.table(name)}")
    fts.drop(conn, snapshot.table("fts"))
    fts.create(conn, snapshot.table("fts"), analyzer.fields)


def read_rows(
    snapshot: Snapshot, condition: str, parameters: Sequence[Any], *, order: str = "n.id"
) -> list[StoredNode]:
    """Return the nodes ``n`` for which the SQL ``condition`` holds, with their files' names."""
    rows = snapshot.conn.execute(
        f"SELECT n.id, n.node_id, n.document_id, n.start, n.metadata, c.text, c.rest"
        f" FROM {snapshot.table('node')} n JOIN {snapshot.table('content')} c ON c.id = n.id"
        f" WHERE {condition} ORDER BY {order}",
        parameters,
    ).fetchall()
    sources = read_sources(snapshot, {row[2] for row in rows if row[2] is not None})
    return [StoredNode._make((*row, tuple(sources.get(row[2], ())))) for row in rows]


def read_texts(snapshot: Snapshot, ids: Sequence[int]) -> dict[int, str]:
    """Return the texts of the nodes with these row ids."""
    return dict(
        snapshot.conn.execute(
            f"SELECT id, text FROM {snapshot.table('content')}"
            " WHERE id IN (SELECT value FROM json_each(?))",
            (json.dumps(list(ids)),),
        ).fetchall()
    )


def read_sources(snapshot: Snapshot, document_ids: Iterable[str]) -> dict[str, list[str]]:
    """Return the files of each document, sorted by name; documents without files are left out."""
    found: dict[str, list[str]] = {}
    rows = snapshot.conn.execute(
        f"SELECT document_id, source FROM {snapshot.table('file')}"
        " WHERE document_id IN (SELECT value FROM json_each(?)) ORDER BY source",
        (json.dumps(list(document_ids)),),
    )
    for document_id, source in rows:
        found.setdefault(document_id, []).append(source)
    return found
