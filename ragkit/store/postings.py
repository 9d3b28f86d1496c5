"""Postings in plain SQLite tables: which rows hold a term, and how often in each field.

A new row is first kept whole in ``pending``. When a block of 512 row ids is over, its rows
become a *segment*: one blob a term. Eight segments become one of 4,096 ids, and sixteen of those
one of 65,536, so that a term of a million rows is sixteen blobs, and each posting is written three
times. Everything happens inside the writer's transaction: readers see whole commits, and a crash
leaves what was.

A blob holds the row ids ascending, each as its lowest 16 bits (a segment never crosses a multiple
of 65,536; the idea of Roaring bitmaps, Chambi et al. 2016), then for each field the counts in one
byte each (255 stands for more). A deleted row's length becomes 0, which hides its postings; they
are erased when a third of the segment is gone, or with the next merge.

Row ids only grow: that is what lets a segment be final.
"""

from __future__ import annotations

import heapq
import json
import sqlite3
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from hashlib import blake2b
from itertools import groupby, pairwise
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Places = NDArray[np.int64]
    Lengths = NDArray[np.uint16]

__all__ = ["Postings", "Rows", "create", "delete", "drop", "insert", "read_postings", "read_rows"]

_LEVELS = (9, 12, 16)  # a segment of each level spans 2 to so many row ids
_CHUNK = 16
_LONGEST = 65_534  # a row's length is stored plus one, in 16 bits
_MOST = 255
_FETCH = 2_000
_TABLES = (
    "CREATE TABLE {t}_field (place INTEGER PRIMARY KEY, name TEXT NOT NULL)",
    "CREATE TABLE {t}_pending (id INTEGER PRIMARY KEY, length INTEGER NOT NULL,"
    " hashes BLOB NOT NULL, counts BLOB NOT NULL, terms TEXT NOT NULL)",
    "CREATE TABLE {t}_segment (key INTEGER PRIMARY KEY, bits INTEGER NOT NULL,"
    " number INTEGER NOT NULL, rows INTEGER NOT NULL, dead INTEGER NOT NULL)",
    "CREATE TABLE {t}_length (segment INTEGER PRIMARY KEY, lengths BLOB NOT NULL)",
    "CREATE TABLE {t}_posting (segment INTEGER NOT NULL, term TEXT NOT NULL, data BLOB NOT NULL,"
    " PRIMARY KEY (segment, term)) WITHOUT ROWID",
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
        return bisect_left(self.chunks, chunk) << _CHUNK

    def rowid(self, place: int) -> int:
        """Return the row id at ``place``."""
        return self.chunks[place >> _CHUNK] << _CHUNK | place & (1 << _CHUNK) - 1

    def places(self, rowids: Sequence[int]) -> Places:
        """Return the places, ascending, of those of ``rowids`` that are there."""
        import numpy as np

        wanted = np.unique(np.asarray(rowids, np.int64))
        chunks = np.asarray(self.chunks, np.int64)
        index = np.searchsorted(chunks, wanted >> _CHUNK)
        known = index < len(chunks)
        index, wanted = index[known], wanted[known]
        same = chunks[index] == wanted >> _CHUNK
        places = index[same] << _CHUNK | wanted[same] & (1 << _CHUNK) - 1
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
    for name in ("field", "pending", "segment", "length", "posting"):
        conn.execute(f"DROP TABLE IF EXISTS {table}_{name}")


def field_count(conn: sqlite3.Connection, table: str) -> int:
    """Return the number of fields."""
    return int(conn.execute(f"SELECT count(*) FROM {table}_field").fetchone()[0])


def insert(conn: sqlite3.Connection, table: str, rowid: int, values: Sequence[str]) -> None:
    """Add a row: one string of space-separated terms for each field.

    Raises ``ValueError`` for another number of fields, and for a row id in a block that is over.
    """
    import numpy as np

    if field_count(conn, table) != len(values):
        raise ValueError(f"{table} has {field_count(conn, table)} fields, not {len(values)}")
    first = conn.execute(f"SELECT min(id) FROM {table}_pending").fetchone()[0]
    block, pending = rowid >> _LEVELS[0], None if first is None else first >> _LEVELS[0]
    if _segment_of(conn, table, rowid) or (pending is not None and pending > block):
        raise ValueError(f"Row ids of {table} only grow; {rowid} is in a block that is over.")
    if pending is not None and pending < block:
        _pack_before(conn, table, rowid)
    fields = [Counter(term for term in value.split(" ") if term) for value in values]
    terms = list(dict.fromkeys(term for field in fields for term in field))
    conn.execute(
        f"INSERT INTO {table}_pending VALUES (?, ?, ?, ?, ?)",
        (
            rowid,
            min(sum(field.total() for field in fields), _LONGEST) + 1,
            np.fromiter(map(_hash, terms), "<u8", len(terms)).tobytes(),
            b"".join(bytes(min(field[term], _MOST) for term in terms) for field in fields),
            " ".join(terms),
        ),
    )


def delete(conn: sqlite3.Connection, table: str, rowid: int) -> None:
    """Remove a row; nothing happens when it is not there."""
    if conn.execute(f"DELETE FROM {table}_pending WHERE id = ?", (rowid,)).rowcount:
        return
    segment = _segment_of(conn, table, rowid)
    if segment is None:
        return
    with conn.blobopen(f"{table}_length", "lengths", segment.key) as blob:
        blob.seek(2 * (rowid & (1 << segment.bits) - 1))
        if blob.read(2) == b"\0\0":
            return
        blob.seek(-2, 1)
        blob.write(b"\0\0")
    dead = segment.dead + 1
    conn.execute(f"UPDATE {table}_segment SET dead = ? WHERE key = ?", (dead, segment.key))
    if 3 * dead >= segment.rows:
        _merge(conn, table, [replace(segment, dead=dead)], segment.bits, segment.number)


def read_rows(conn: sqlite3.Connection, table: str) -> Rows:
    """Return which rows are there, and their lengths."""
    import numpy as np

    segments = _segments(conn, table)
    pending = conn.execute(
        f"SELECT id, length, hashes, counts FROM {table}_pending ORDER BY id"
    ).fetchall()
    # All pending rows are in one block.
    chunks = {segment.chunk for segment in segments} | {row[0] >> _CHUNK for row in pending[:1]}
    rows = Rows(tuple(sorted(chunks)), np.zeros(len(chunks) << _CHUNK, np.uint16), pending)
    for segment in segments:
        start = rows.base(segment.chunk) + segment.offset
        rows.lengths[start : start + (1 << segment.bits)] = _lengths(conn, table, segment)
    if pending:
        base = rows.base(pending[0][0] >> _CHUNK)
        low = np.asarray([row[0] & (1 << _CHUNK) - 1 for row in pending])
        rows.lengths[base + low] = [row[1] for row in pending]
    return rows


def read_postings(
    conn: sqlite3.Connection, table: str, rows: Rows, terms: Iterable[str]
) -> dict[str, list[Postings]]:
    """Return the postings of each of ``terms``, of rows that are there; a list may be empty."""
    found: dict[str, list[Postings]] = {term: [] for term in terms}
    wanted, fields = json.dumps(list(found)), field_count(conn, table)
    for segment in _segments(conn, table):
        base = rows.base(segment.chunk)
        for term, data in conn.execute(
            f"SELECT w.value, p.data FROM json_each(?) w CROSS JOIN {table}_posting p"
            " ON p.segment = ? AND p.term = w.value",
            (wanted, segment.key),
        ):
            low, counts = _decode(data, fields)
            if segment.dead:
                kept = rows.lengths[base + low.astype("i8")] > 0
                low, counts = low[kept], counts[:, kept]
            found[term].append(Postings(base, low, counts))
    if rows.pending and found:
        _find_pending(rows, found, fields)
    return found


@dataclass(frozen=True, slots=True)
class _Segment:
    key: int
    bits: int
    number: int
    rows: int
    dead: int

    @property
    def chunk(self) -> int:
        return self.number << self.bits >> _CHUNK

    @property
    def offset(self) -> int:
        return self.number << self.bits & (1 << _CHUNK) - 1


def _segments(conn: sqlite3.Connection, table: str, where: str = "1") -> list[_Segment]:
    """Return the segments in the order of their row ids."""
    rows = conn.execute(
        f"SELECT key, bits, number, rows, dead FROM {table}_segment"
        f" WHERE {where} ORDER BY number << bits"
    )
    return [_Segment(*row) for row in rows]


def _segment_of(conn: sqlite3.Connection, table: str, rowid: int) -> _Segment | None:
    spans = " OR ".join(f"(bits = {bits} AND number = {rowid >> bits})" for bits in _LEVELS)
    return next(iter(_segments(conn, table, spans)), None)


def _lengths(conn: sqlite3.Connection, table: str, segment: _Segment) -> Lengths:
    import numpy as np

    row = conn.execute(
        f"SELECT lengths FROM {table}_length WHERE segment = ?", (segment.key,)
    ).fetchone()
    return np.frombuffer(row[0], "<u2")


def _decode(data: bytes, fields: int) -> tuple[Any, Any]:
    import numpy as np

    size = len(data) // (2 + fields)
    counts = np.frombuffer(data, np.uint8, offset=2 * size).reshape(fields, size)
    return np.frombuffer(data, "<u2", size), counts


@lru_cache(maxsize=1 << 16)
def _hash(term: str) -> int:
    return int.from_bytes(blake2b(term.encode(), digest_size=8).digest(), "little")


def _find_pending(rows: Rows, found: dict[str, list[Postings]], fields: int) -> None:
    """Append what the pending rows hold of the terms in ``found``."""
    import numpy as np

    pending = rows.pending
    flat = np.frombuffer(b"".join(row[2] for row in pending), "<u8")
    by_hash = {_hash(term): term for term in found}
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
    owners = np.repeat(np.asarray([row[0] & (1 << _CHUNK) - 1 for row in pending]), sizes)[hits]
    counts = _planes([row[3] for row in pending], sizes, fields)[:, hits]
    base = rows.base(pending[0][0] >> _CHUNK)
    for which in np.unique(at):
        mine = at == which
        term = by_hash[int(wanted[which])]
        found[term].append(Postings(base, owners[mine].astype(np.uint16), counts[:, mine]))


def _planes(counts: list[bytes], sizes: list[int], fields: int) -> NDArray[np.uint8]:
    """Return the counts of several pending rows, one row a field."""
    import numpy as np

    planes = [
        b"".join(
            row[field * size : (field + 1) * size] for row, size in zip(counts, sizes, strict=True)
        )
        for field in range(fields)
    ]
    return np.frombuffer(b"".join(planes), np.uint8).reshape(fields, sum(sizes))


def _pack_before(conn: sqlite3.Connection, table: str, rowid: int) -> None:
    """Make segments of the pending rows of all blocks before that of ``rowid``, and merge."""
    limit = rowid >> _LEVELS[0] << _LEVELS[0]
    pending = conn.execute(
        f"SELECT id, length, terms, hashes, counts FROM {table}_pending WHERE id < ? ORDER BY id",
        (limit,),
    ).fetchall()
    for number, rows in groupby(pending, key=lambda row: row[0] >> _LEVELS[0]):
        _pack(conn, table, number, list(rows))
    conn.execute(f"DELETE FROM {table}_pending WHERE id < ?", (limit,))
    for lower, upper in pairwise(_LEVELS):
        step = upper - lower
        over = _segments(conn, table, f"bits = {lower} AND number >> {step} < {rowid >> upper}")
        for number, group in groupby(over, key=lambda segment: segment.number >> step):
            _merge(conn, table, list(group), upper, number)


def _pack(
    conn: sqlite3.Connection,
    table: str,
    number: int,
    rows: list[tuple[int, int, str, bytes, bytes]],
) -> None:
    """Make a segment of the lowest level of pending rows."""
    import numpy as np

    flat = np.frombuffer(b"".join(row[3] for row in rows), "<u8")
    sizes = [len(row[3]) // 8 for row in rows]
    order = np.argsort(flat, kind="stable")
    ids = np.repeat(np.asarray([row[0] & (1 << _CHUNK) - 1 for row in rows], "<u2"), sizes)
    low = ids[order].tobytes()
    counts = _planes([row[4] for row in rows], sizes, field_count(conn, table))
    planes = [plane[order].tobytes() for plane in counts]
    words = [term for row in rows for term in row[2].split(" ") if term]
    starts = np.flatnonzero(np.diff(flat[order], prepend=flat[order][:1] ^ np.uint64(1)))
    bounds = [*starts.tolist(), len(order)]
    blobs = sorted(
        (words[first], low[2 * a : 2 * b] + b"".join(plane[a:b] for plane in planes))
        for first, a, b in zip(order[starts].tolist(), bounds[:-1], bounds[1:], strict=True)
    )
    lengths = np.zeros(1 << _LEVELS[0], "<u2")
    for row in rows:
        lengths[row[0] & (1 << _LEVELS[0]) - 1] = row[1]
    key = _new_segment(conn, table, _LEVELS[0], number, lengths)
    _write(conn, table, key, blobs)


def _new_segment(
    conn: sqlite3.Connection, table: str, bits: int, number: int, lengths: Lengths
) -> int:
    key = conn.execute(
        f"INSERT INTO {table}_segment (bits, number, rows, dead) VALUES (?, ?, ?, 0)",
        (bits, number, int((lengths > 0).sum())),
    ).lastrowid
    assert key is not None
    conn.execute(f"INSERT INTO {table}_length VALUES (?, ?)", (key, lengths.tobytes()))
    return key


def _write(
    conn: sqlite3.Connection, table: str, key: int, blobs: Iterable[tuple[str, bytes]]
) -> None:
    conn.executemany(f"INSERT INTO {table}_posting VALUES ({key}, ?, ?)", blobs)


def _merge(
    conn: sqlite3.Connection, table: str, segments: list[_Segment], bits: int, number: int
) -> None:
    """Put the segments, in the order of their row ids, into one without what was deleted."""
    import numpy as np

    fields = field_count(conn, table)
    lengths = np.zeros(1 << bits, "<u2")
    for segment in segments:
        start = (segment.number << segment.bits) - (number << bits)
        lengths[start : start + (1 << segment.bits)] = _lengths(conn, table, segment)
    alive = None
    if any(segment.dead for segment in segments):
        alive = np.zeros(1 << _CHUNK, np.bool_)
        offset = number << bits & (1 << _CHUNK) - 1
        alive[offset : offset + (1 << bits)] = lengths > 0
    if lengths.any():
        key = _new_segment(conn, table, bits, number, lengths)
        streams = [_stream(conn, table, segment.key) for segment in segments]
        merged = groupby(heapq.merge(*streams, key=lambda row: row[0]), key=lambda row: row[0])
        joined = ((term, _join([row[1] for row in rows], fields, alive)) for term, rows in merged)
        while batch := [row for row, _ in zip(joined, range(_FETCH), strict=False)]:
            _write(conn, table, key, [row for row in batch if row[1]])
    for segment in segments:
        conn.execute(f"DELETE FROM {table}_posting WHERE segment = ?", (segment.key,))
        conn.execute(f"DELETE FROM {table}_length WHERE segment = ?", (segment.key,))
        conn.execute(f"DELETE FROM {table}_segment WHERE key = ?", (segment.key,))


def _stream(conn: sqlite3.Connection, table: str, key: int) -> Iterator[tuple[str, bytes]]:
    """Yield a segment's terms in order; each read ends before anything is written."""
    last = ""
    while batch := conn.execute(
        f"SELECT term, data FROM {table}_posting WHERE segment = ? AND term > ?"
        f" ORDER BY term LIMIT {_FETCH}",
        (key, last),
    ).fetchall():
        yield from batch
        last = batch[-1][0]


def _join(parts: list[bytes], fields: int, alive: Any) -> bytes:
    """Return one blob of several whose row ids follow each other, without rows not ``alive``."""
    if alive is not None:
        parts = [_alive(data, fields, alive) for data in parts]
    if len(parts) == 1:
        return parts[0]
    sizes = [len(data) // (2 + fields) for data in parts]
    low = b"".join(data[: 2 * size] for data, size in zip(parts, sizes, strict=True))
    planes = (
        data[(2 + field) * size : (3 + field) * size]
        for field in range(fields)
        for data, size in zip(parts, sizes, strict=True)
    )
    return low + b"".join(planes)


def _alive(data: bytes, fields: int, alive: Any) -> bytes:
    low, counts = _decode(data, fields)
    kept = alive[low]
    return bytes(low[kept].tobytes() + counts[:, kept].tobytes())
