"""Segments of postings: one blob a term for the rows of a block, merged as blocks come to an end.

A segment spans 512 row ids. Eight become one of 4,096 ids, and sixteen of those one of 65,536, so
that a term of a million rows is sixteen blobs, and each posting is written three times.

A blob holds the row ids ascending, each as its lowest 16 bits (a segment never crosses a multiple
of 65,536; the idea of Roaring bitmaps, Chambi et al. 2016), then for each field the counts in one
byte each (255 stands for more). A deleted row's length becomes 0, which hides its postings; they
are erased when a third of the segment is gone, or with the next merge.
"""

from __future__ import annotations

import heapq
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby, islice, pairwise
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Lengths = NDArray[np.uint16]

__all__ = [
    "CHUNK",
    "LEVELS",
    "Segment",
    "decode",
    "field_count",
    "merge",
    "merge_before",
    "new_segment",
    "pack_before",
    "planes",
    "read_lengths",
    "read_segments",
    "segment_of",
    "write_blobs",
]

LEVELS = (9, 12, 16)  # a segment of each level spans 2 to so many row ids
CHUNK = 16
_FETCH = 2_000


@dataclass(frozen=True, slots=True)
class Segment:
    """The rows whose ids are ``number`` after a shift by ``bits``; ``dead`` of them are deleted."""

    key: int
    bits: int
    number: int
    rows: int
    dead: int

    @property
    def chunk(self) -> int:
        """The 65,536 row ids that the segment lies in."""
        return self.number << self.bits >> CHUNK

    @property
    def offset(self) -> int:
        """The segment's first row id, within its chunk."""
        return self.number << self.bits & (1 << CHUNK) - 1


def read_segments(conn: sqlite3.Connection, table: str, where: str = "1") -> list[Segment]:
    """Return the segments in the order of their row ids."""
    rows = conn.execute(
        f"SELECT key, bits, number, rows, dead FROM {table}_segment"
        f" WHERE {where} ORDER BY number << bits"
    )
    return [Segment(*row) for row in rows]


def segment_of(conn: sqlite3.Connection, table: str, rowid: int) -> Segment | None:
    """Return the segment that spans ``rowid``, or None."""
    spans = " OR ".join(f"(bits = {bits} AND number = {rowid >> bits})" for bits in LEVELS)
    return next(iter(read_segments(conn, table, spans)), None)


def read_lengths(conn: sqlite3.Connection, table: str, segment: Segment) -> Lengths:
    """Return one number a row id of the segment: 0 without a row, else 1 plus its terms."""
    import numpy as np

    row = conn.execute(
        f"SELECT lengths FROM {table}_length WHERE segment = ?", (segment.key,)
    ).fetchone()
    return np.frombuffer(row[0], "<u2")


def decode(data: bytes, fields: int) -> tuple[Any, Any]:
    """Return the low bits of the row ids, and the counts, one row a field."""
    import numpy as np

    size = len(data) // (2 + fields)
    counts = np.frombuffer(data, np.uint8, offset=2 * size).reshape(fields, size)
    return np.frombuffer(data, "<u2", size), counts


def field_count(conn: sqlite3.Connection, table: str) -> int:
    """Return the number of fields."""
    return int(conn.execute(f"SELECT count(*) FROM {table}_field").fetchone()[0])


def planes(counts: list[bytes], sizes: list[int], fields: int) -> NDArray[np.uint8]:
    """Return the counts of several pending rows, one row a field."""
    import numpy as np

    planes = [
        b"".join(
            row[field * size : (field + 1) * size] for row, size in zip(counts, sizes, strict=True)
        )
        for field in range(fields)
    ]
    return np.frombuffer(b"".join(planes), np.uint8).reshape(fields, sum(sizes))


def pack_before(conn: sqlite3.Connection, table: str, rowid: int) -> None:
    """Make segments of the pending rows of all blocks before that of ``rowid``, and merge."""
    limit = rowid >> LEVELS[0] << LEVELS[0]
    pending = conn.execute(
        f"SELECT id, length, terms, hashes, counts FROM {table}_pending WHERE id < ? ORDER BY id",
        (limit,),
    ).fetchall()
    for number, rows in groupby(pending, key=lambda row: row[0] >> LEVELS[0]):
        _pack(conn, table, number, list(rows))
    conn.execute(f"DELETE FROM {table}_pending WHERE id < ?", (limit,))
    merge_before(conn, table, rowid)


def merge_before(conn: sqlite3.Connection, table: str, rowid: int) -> None:
    """Merge the segments of every larger block that is over when ``rowid`` is written."""
    for lower, upper in pairwise(LEVELS):
        step = upper - lower
        over = read_segments(conn, table, f"bits = {lower} AND number >> {step} < {rowid >> upper}")
        for number, group in groupby(over, key=lambda segment: segment.number >> step):
            merge(conn, table, list(group), upper, number)


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
    ids = np.repeat(np.asarray([row[0] & (1 << CHUNK) - 1 for row in rows], "<u2"), sizes)
    low = ids[order].tobytes()
    counts = planes([row[4] for row in rows], sizes, field_count(conn, table))
    ordered = [plane[order].tobytes() for plane in counts]
    words = [term for row in rows for term in row[2].split(" ") if term]
    starts = np.flatnonzero(np.diff(flat[order], prepend=flat[order][:1] ^ np.uint64(1)))
    bounds = [*starts.tolist(), len(order)]
    blobs = sorted(
        (words[first], low[2 * a : 2 * b] + b"".join(plane[a:b] for plane in ordered))
        for first, a, b in zip(order[starts].tolist(), bounds[:-1], bounds[1:], strict=True)
    )
    lengths = np.zeros(1 << LEVELS[0], "<u2")
    for row in rows:
        lengths[row[0] & (1 << LEVELS[0]) - 1] = row[1]
    key = new_segment(conn, table, LEVELS[0], number, lengths)
    write_blobs(conn, table, key, blobs)


def new_segment(
    conn: sqlite3.Connection, table: str, bits: int, number: int, lengths: Lengths
) -> int:
    """Write a segment without postings and return its key."""
    key = conn.execute(
        f"INSERT INTO {table}_segment (bits, number, rows, dead) VALUES (?, ?, ?, 0)",
        (bits, number, int((lengths > 0).sum())),
    ).lastrowid
    assert key is not None
    conn.execute(f"INSERT INTO {table}_length VALUES (?, ?)", (key, lengths.tobytes()))
    return key


def write_blobs(
    conn: sqlite3.Connection, table: str, key: int, blobs: Iterable[tuple[str, bytes]]
) -> None:
    """Write a segment's terms, in their order, with their blobs."""
    conn.executemany(f"INSERT INTO {table}_posting VALUES ({key}, ?, ?)", blobs)


def merge(
    conn: sqlite3.Connection, table: str, segments: list[Segment], bits: int, number: int
) -> None:
    """Put the segments, in the order of their row ids, into one without what was deleted."""
    import numpy as np

    fields = field_count(conn, table)
    lengths = np.zeros(1 << bits, "<u2")
    for segment in segments:
        start = (segment.number << segment.bits) - (number << bits)
        lengths[start : start + (1 << segment.bits)] = read_lengths(conn, table, segment)
    alive = None
    if any(segment.dead for segment in segments):
        alive = np.zeros(1 << CHUNK, np.bool_)
        offset = number << bits & (1 << CHUNK) - 1
        alive[offset : offset + (1 << bits)] = lengths > 0
    if lengths.any():
        key = new_segment(conn, table, bits, number, lengths)
        streams = [_stream(conn, table, segment.key) for segment in segments]
        merged = groupby(heapq.merge(*streams, key=lambda row: row[0]), key=lambda row: row[0])
        joined = ((term, _join([row[1] for row in rows], fields, alive)) for term, rows in merged)
        while batch := list(islice(joined, _FETCH)):
            write_blobs(conn, table, key, [row for row in batch if row[1]])
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
    low, counts = decode(data, fields)
    kept = alive[low]
    return bytes(low[kept].tobytes() + counts[:, kept].tobytes())
