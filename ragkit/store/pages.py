"""Pages: how the postings of a segment lie in a table, some hundred terms to a row.

A term on its own takes a few dozen bytes, and a row of SQLite costs more than that in time and
place. A page holds neighbours in the order of terms, so it is found by its first one. A term
that many rows hold has a page to itself.

A page is its terms (UTF-8, a space between any two); ``sizes``, the number of rows of each less
one, in 16 bits; and ``data``: the lowest 16 bits of the row ids (the idea of Roaring bitmaps,
Chambi et al. 2016), by term and ascending, then for each field the counts in one byte each.
Numbers are little endian. SQLite reads no further than the columns that are asked for.
"""

from __future__ import annotations

import json
import sqlite3
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from ragkit.store.terms import Terms

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["TABLE", "Found", "count_rows", "delete", "find", "firsts", "read", "write"]

TABLE = (
    "CREATE TABLE {t}_page (key INTEGER PRIMARY KEY, segment INTEGER NOT NULL, first TEXT NOT NULL,"
    " terms BLOB NOT NULL, sizes BLOB NOT NULL, data BLOB NOT NULL, UNIQUE (segment, first))"
)
# With what SQLite adds, one fits its own pages of 4,096 bytes, and two those of 8,192.
_BYTES = 3_900


class Found(NamedTuple):
    """A term in a segment: the lowest 16 bits of its row ids, and its counts, one row a field."""

    term: str
    low: NDArray[np.uint16]
    counts: NDArray[np.uint8]


def write(conn: sqlite3.Connection, table: str, segment: int, terms: Terms) -> None:
    """Add ``terms`` to a segment; they follow those that it has."""
    import numpy as np

    if not len(terms.sizes):
        return
    fields = len(terms.counts)
    vocabulary = terms.vocabulary
    gaps = np.flatnonzero(np.frombuffer(vocabulary, np.uint8) == 0x20)
    begin_at = np.concatenate([[0], gaps + 1, [len(vocabulary) + 1]])
    row_at = np.concatenate([[0], np.cumsum(terms.sizes)])
    weight_at = begin_at + 2 * np.arange(len(begin_at)) + (2 + fields) * row_at
    # A few of each are looked at: to make lists of them takes longer.
    begins, starts, ends = begin_at.data, row_at.data, weight_at.data
    sizes = (terms.sizes - 1).astype("<u2")
    low, counts = terms.rows, terms.counts

    def pages() -> Iterator[tuple[str, bytes, bytes, bytes]]:
        at = 0
        while at < len(sizes):
            stop = max(at + 1, bisect_right(ends, ends[at] + _BYTES) - 1)
            a, b = starts[at], starts[stop]
            yield (
                vocabulary[begins[at] : begins[at + 1] - 1].decode(),
                vocabulary[begins[at] : begins[stop] - 1],
                sizes[at:stop].tobytes(),
                low[a:b].tobytes() + counts[:, a:b].tobytes(),
            )
            at = stop

    conn.executemany(
        f"INSERT INTO {table}_page (segment, first, terms, sizes, data)"
        f" VALUES ({segment}, ?, ?, ?, ?)",
        pages(),
    )


def find(
    conn: sqlite3.Connection, table: str, segment: int, terms: Iterable[str], fields: int
) -> Iterator[Found]:
    """Yield those of ``terms`` that the segment has."""
    import numpy as np

    for term, held, packed, data in _look_up(conn, table, segment, terms, "p.sizes, p.data"):
        place = _place(held, term)
        if place is None:
            continue
        sizes = np.frombuffer(packed, "<u2")
        start = int(sizes[:place].sum(dtype=np.int64)) + place
        size, total = int(sizes[place]) + 1, len(data) // (2 + fields)
        counts = np.frombuffer(data, np.uint8, offset=2 * total).reshape(fields, total)
        low = np.frombuffer(data, "<u2", size, 2 * start)
        yield Found(term, low, counts[:, start : start + size])


def count_rows(
    conn: sqlite3.Connection, table: str, segment: int, terms: Iterable[str]
) -> Iterator[tuple[str, int]]:
    """Yield those of ``terms`` that the segment has, and how many rows hold each."""
    for term, held, sizes in _look_up(conn, table, segment, terms, "p.sizes"):
        place = _place(held, term)
        if place is not None:
            yield term, int.from_bytes(sizes[2 * place : 2 * place + 2], "little") + 1


def _look_up(
    conn: sqlite3.Connection, table: str, segment: int, terms: Iterable[str], columns: str
) -> Iterator[tuple[Any, ...]]:
    """Yield each of ``terms`` with the page that would hold it."""
    yield from conn.execute(
        f"SELECT w.value, p.terms, {columns} FROM json_each(?1) w CROSS JOIN {table}_page p"
        f" ON p.key = (SELECT key FROM {table}_page WHERE segment = ?2 AND first <= w.value"
        " ORDER BY first DESC LIMIT 1)",
        (json.dumps(list(terms)), segment),
    )


def _place(held: bytes, term: str) -> int | None:
    wanted = term.encode()
    if held.startswith(wanted) and held[len(wanted) : len(wanted) + 1] in (b"", b" "):
        return 0
    at = held.find(b" " + wanted + b" ")
    if at < 0:
        if not held.endswith(b" " + wanted):
            return None
        at = len(held) - len(wanted) - 1
    return held.count(b" ", 0, at) + 1


def firsts(conn: sqlite3.Connection, table: str, segment: int) -> list[str]:
    """Return the first term of each page of a segment, ascending."""
    rows = conn.execute(
        f"SELECT first FROM {table}_page WHERE segment = ? ORDER BY first", (segment,)
    )
    return [row[0] for row in rows]


def read(
    conn: sqlite3.Connection, table: str, segment: int, fields: int, *, low: str, high: str | None
) -> Terms:
    """Return the segment's terms from ``low`` up to but not including ``high``."""
    import numpy as np

    rows = conn.execute(
        f"SELECT terms, sizes, data FROM {table}_page WHERE segment = ?1 AND (?3 IS NULL"
        f" OR first < ?3) AND first >= COALESCE((SELECT max(first) FROM {table}_page"
        " WHERE segment = ?1 AND first <= ?2), '') ORDER BY first",
        (segment, low, high),
    ).fetchall()
    names = [name for row in rows for name in row[0].decode().split(" ")]
    sizes = np.frombuffer(b"".join(row[1] for row in rows), "<u2").astype(np.int64) + 1
    totals = [len(row[2]) // (2 + fields) for row in rows]
    ids = b"".join(row[2][: 2 * total] for row, total in zip(rows, totals, strict=True))
    counts = np.empty((fields, sum(totals)), np.uint8)
    at = 0
    for row, total in zip(rows, totals, strict=True):
        plane = np.frombuffer(row[2], np.uint8, offset=2 * total).reshape(fields, total)
        counts[:, at : at + total] = plane
        at += total
    lows = np.frombuffer(ids, "<u2")
    first = next((n for n, name in enumerate(names) if name >= low), len(names))
    last = len(names)
    while high is not None and last > first and names[last - 1] >= high:
        last -= 1
    bounds = np.concatenate([[0], np.cumsum(sizes)])
    a, b = int(bounds[first]), int(bounds[last])
    chosen = " ".join(names[first:last]).encode()
    return Terms(chosen, sizes[first:last], lows[a:b], counts[:, a:b])


def delete(conn: sqlite3.Connection, table: str, segment: int) -> None:
    """Delete all that a segment has."""
    conn.execute(f"DELETE FROM {table}_page WHERE segment = ?", (segment,))
