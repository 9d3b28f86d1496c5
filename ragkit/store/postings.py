"""Postings in plain SQLite tables: which rows hold a term, and how often in each field.

Rows that come together make a segment (``segments.py``), a single one is first kept whole in
``pending``, and becomes part of a segment when its block of 512 row ids is over. Everything
happens inside the writer's transaction: readers see whole commits, and a crash leaves what was.
Row ids only grow: that lets a segment be final.
"""

from __future__ import annotations

import sqlite3
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from hashlib import blake2b
from typing import TYPE_CHECKING

from ragkit.store import pages, segments
from ragkit.store.segments import (
    CHUNK,
    field_count,
    merge,
    merge_neighbours,
    read_lengths,
    read_segments,
    segment_of,
)
from ragkit.store.terms import LONGEST, Terms, count_terms, of_counted_rows, select

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ragkit.store.segments import Lengths

    Places = NDArray[np.int64]

__all__ = [
    "Postings",
    "Rows",
    "create",
    "delete",
    "drop",
    "insert",
    "insert_many",
    "pack_pending",
    "planes",
    "read_postings",
    "read_rows",
    "term_hash",
]

_BLOCK = 9  # rows of 2 to so many row ids are pending together
_TABLES = (
    "CREATE TABLE {t}_field (place INTEGER PRIMARY KEY, name TEXT NOT NULL)",
    "CREATE TABLE {t}_pending (id INTEGER PRIMARY KEY, length INTEGER NOT NULL,"
    " hashes BLOB NOT NULL, counts BLOB NOT NULL, terms TEXT NOT NULL)",
    *segments.TABLES,
)


@dataclass(frozen=True, slots=True)
class Rows:
    """All rows that are there. A row's *place* is its chunk's index times 65,536 plus its low bits.

    ``chunks`` are the chunks (row id // 65,536) with a row, ascending; ``lengths`` has one number a
    place: 0 where no row is, else 1 plus the number of its terms.
    """

    chunks: tuple[int, ...]
    lengths: Lengths
    pending: Sequence[tuple[int, int, bytes, bytes]]  # row id, length, hashes, counts

    def base(self, chunk: int) -> int:
        """Return the first place of a chunk that is there."""
        return bisect_left(self.chunks, chunk) << CHUNK

    def rowid(self, place: int) -> int:
        """Return the row id at ``place``."""
        return self.chunks[place >> CHUNK] << CHUNK | place & (1 << CHUNK) - 1

    def places(self, rowids: Sequence[int]) -> Places:
        """Return the places, ascending, of those of ``rowids`` that are there."""
        import numpy as np

        wanted = np.unique(np.asarray(rowids, np.int64))
        chunks = np.asarray(self.chunks, np.int64)
        index = np.searchsorted(chunks, wanted >> CHUNK)
        known = index < len(chunks)
        index, wanted = index[known], wanted[known]
        same = chunks[index] == wanted >> CHUNK
        places = index[same] << CHUNK | wanted[same] & (1 << CHUNK) - 1
        kept: Places = places[self.lengths[places] > 0]
        return kept


@dataclass(frozen=True, slots=True)
class Postings:
    """A term's rows in one segment, or among the pending: ``base + low`` are their places.

    ``low`` is ascending; ``counts`` has one row a field.
    """

    base: int
    low: NDArray[np.uint16]
    counts: NDArray[np.uint8]

    def places(self) -> Places:
        """Return the places of the rows."""
        return self.base + self.low.astype("i8")


def create(conn: sqlite3.Connection, table: str, fields: Sequence[str]) -> None:
    """Create the tables whose names begin with ``table``."""
    for statement in _TABLES:
        conn.execute(statement.format(t=table))
    conn.executemany(f"INSERT INTO {table}_field (name) VALUES (?)", [(name,) for name in fields])


def drop(conn: sqlite3.Connection, table: str) -> None:
    """Drop the tables; no error when they are not there."""
    for name in ("field", "pending", "segment", "length", "page"):
        conn.execute(f"DROP TABLE IF EXISTS {table}_{name}")


def insert(conn: sqlite3.Connection, table: str, rowid: int, values: Sequence[str]) -> None:
    """Add a row: one string of space-separated terms for each field.

    Raises ``ValueError`` for another number of fields, and for a row id in a block that is over.
    """
    import numpy as np

    if field_count(conn, table) != len(values):
        raise ValueError(f"{table} has {field_count(conn, table)} fields, not {len(values)}")
    first = conn.execute(f"SELECT min(id) FROM {table}_pending").fetchone()[0]
    block, pending = rowid >> _BLOCK, None if first is None else first >> _BLOCK
    _check_grows(conn, table, rowid)
    if pending is not None and pending < block:
        pack_pending(conn, table)
    row = count_terms(values)
    terms = list(dict.fromkeys(term for field in row.counts for term in field))
    counts = b"".join(bytes(field.get(term, 0) for term in terms) for field in row.counts)
    conn.execute(
        f"INSERT INTO {table}_pending VALUES (?, ?, ?, ?, ?)",
        (
            rowid,
            row.length + 1,
            np.fromiter(map(term_hash, terms), "<u8", len(terms)).tobytes(),
            counts,
            " ".join(terms),
        ),
    )


def _check_grows(conn: sqlite3.Connection, table: str, rowid: int) -> None:
    end = conn.execute(f"SELECT COALESCE(max(first + span), 0) FROM {table}_segment").fetchone()[0]
    block = conn.execute(f"SELECT min(id) FROM {table}_pending").fetchone()[0]
    if rowid < end or (block is not None and rowid < block >> _BLOCK << _BLOCK):
        raise ValueError(f"Row ids of {table} only grow; {rowid} is in a block that is over.")


def insert_many(
    conn: sqlite3.Connection, table: str, first: int, lengths: Places, terms: Terms
) -> None:
    """Add rows whose ids follow each other from ``first`` on.

    ``lengths`` says how many terms each has; ``terms`` numbers the rows from 0; 65,536 at most.
    Raises ``ValueError`` for another number of fields, and for a row id in a block that is over.
    """
    import numpy as np

    fields = field_count(conn, table)
    if len(terms.sizes) and len(terms.counts) != fields:
        raise ValueError(f"{table} has {fields} fields, not {len(terms.counts)}")
    pending = conn.execute(f"SELECT max(id) FROM {table}_pending").fetchone()[0]
    _check_grows(conn, table, first)
    if pending is not None and pending >= first:
        raise ValueError(f"Row ids of {table} only grow; {first} is in a block that is over.")
    pack_pending(conn, table)
    stored = (np.minimum(lengths, LONGEST) + 1).astype("<u2")
    begin, end = first, first + len(lengths)
    numbers = np.arange(len(lengths))
    while begin < end:  # a segment is in one chunk
        stop = min(end, (begin >> CHUNK) + 1 << CHUNK)
        if (begin, stop) == (first, end):
            some = terms._replace(rows=terms.rows + np.uint16(first & (1 << CHUNK) - 1))
        else:
            inside = (numbers >= begin - first) & (numbers < stop - first)
            low = np.where(inside, numbers + first & (1 << CHUNK) - 1, -1)
            some = select(terms, low)
        segments.add(conn, table, begin, stored[begin - first : stop - first], some)
        begin = stop
    merge_neighbours(conn, table)


def pack_pending(conn: sqlite3.Connection, table: str) -> None:
    """Make a segment of the pending rows, if there are any."""
    import numpy as np

    rows = conn.execute(
        f"SELECT id, length, counts, terms FROM {table}_pending ORDER BY id"
    ).fetchall()
    if not rows:
        return
    held = [row[3].split(" ") if row[3] else [] for row in rows]
    counts = planes(
        [row[2] for row in rows], [len(terms) for terms in held], field_count(conn, table)
    )
    low = [row[0] & (1 << CHUNK) - 1 for row in rows]
    first = rows[0][0]
    lengths = np.zeros(rows[-1][0] + 1 - first, "<u2")
    for row in rows:
        lengths[row[0] - first] = row[1]
    segments.add(conn, table, first, lengths, of_counted_rows(held, counts, low))
    conn.execute(f"DELETE FROM {table}_pending")
    merge_neighbours(conn, table)


def planes(counts: list[bytes], sizes: list[int], fields: int) -> NDArray[np.uint8]:
    """Return the counts of several pending rows, one row a field."""
    import numpy as np

    joined = [
        b"".join(
            row[field * size : (field + 1) * size] for row, size in zip(counts, sizes, strict=True)
        )
        for field in range(fields)
    ]
    return np.frombuffer(b"".join(joined), np.uint8).reshape(fields, sum(sizes))


def delete(conn: sqlite3.Connection, table: str, rowid: int) -> None:
    """Remove a row; nothing happens when it is not there."""
    if conn.execute(f"DELETE FROM {table}_pending WHERE id = ?", (rowid,)).rowcount:
        return
    segment = segment_of(conn, table, rowid)
    if segment is None:
        return
    with conn.blobopen(f"{table}_length", "lengths", segment.key) as blob:
        blob.seek(2 * (rowid - segment.first))
        if blob.read(2) == b"\0\0":
            return
        blob.seek(-2, 1)
        blob.write(b"\0\0")
    dead = segment.dead + 1
    conn.execute(f"UPDATE {table}_segment SET dead = ? WHERE key = ?", (dead, segment.key))
    if 3 * dead >= segment.rows:
        merge(conn, table, [replace(segment, dead=dead)])


def read_rows(conn: sqlite3.Connection, table: str) -> Rows:
    """Return which rows are there, and their lengths."""
    import numpy as np

    found = read_segments(conn, table)
    pending = conn.execute(
        f"SELECT id, length, hashes, counts FROM {table}_pending ORDER BY id"
    ).fetchall()
    # All pending rows are in one block.
    chunks = {segment.chunk for segment in found} | {row[0] >> CHUNK for row in pending[:1]}
    rows = Rows(tuple(sorted(chunks)), np.zeros(len(chunks) << CHUNK, np.uint16), pending)
    for segment in found:
        start = rows.base(segment.chunk) + segment.offset
        rows.lengths[start : start + segment.span] = read_lengths(conn, table, segment)
    if pending:
        base = rows.base(pending[0][0] >> CHUNK)
        low = np.asarray([row[0] & (1 << CHUNK) - 1 for row in pending])
        rows.lengths[base + low] = [row[1] for row in pending]
    return rows


def read_postings(
    conn: sqlite3.Connection, table: str, rows: Rows, terms: Iterable[str]
) -> dict[str, list[Postings]]:
    """Return the postings of each of ``terms``, of rows that are there; a list may be empty."""
    found: dict[str, list[Postings]] = {term: [] for term in terms}
    fields = field_count(conn, table)
    for segment in read_segments(conn, table):
        base = rows.base(segment.chunk)
        for term, low, counts in pages.find(conn, table, segment.key, found, fields):
            if segment.dead:
                kept = rows.lengths[base + low.astype("i8")] > 0
                low, counts = low[kept], counts[:, kept]
            found[term].append(Postings(base, low, counts))
    if rows.pending and found:
        _find_pending(rows, found, fields)
    return found


@lru_cache(maxsize=1 << 16)
def term_hash(term: str) -> int:
    """Return 64 bits that stand for ``term``, in every process and version alike."""
    return int.from_bytes(blake2b(term.encode(), digest_size=8).digest(), "little")


def _find_pending(rows: Rows, found: dict[str, list[Postings]], fields: int) -> None:
    """Append what the pending rows hold of the terms in ``found``."""
    import numpy as np

    pending = rows.pending
    flat = np.frombuffer(b"".join(row[2] for row in pending), "<u8")
    by_hash = {term_hash(term): term for term in found}
    wanted = np.sort(np.fromiter(by_hash, np.uint64, len(by_hash)))
    # Most are told apart by 16 bits, which is faster than to look each of them up.
    likely = np.zeros(1 << 16, np.bool_)
    likely[wanted & np.uint64(0xFFFF)] = True
    hits = np.flatnonzero(likely[flat & np.uint64(0xFFFF)])
    at = np.minimum(np.searchsorted(wanted, flat[hits]), len(wanted) - 1)
    same = wanted[at] == flat[hits]
    at, hits = at[same], hits[same]
    if not len(hits):
        return
    sizes = [len(row[2]) // 8 for row in pending]
    owners = np.repeat(np.asarray([row[0] & (1 << CHUNK) - 1 for row in pending]), sizes)[hits]
    counts = planes([row[3] for row in pending], sizes, fields)[:, hits]
    base = rows.base(pending[0][0] >> CHUNK)
    for which in np.unique(at):
        mine = at == which
        term = by_hash[int(wanted[which])]
        found[term].append(Postings(base, owners[mine].astype(np.uint16), counts[:, mine]))
