"""How many rows there are, how long they are, and how many hold a term, without reading postings.

A page says how many rows hold each of its terms in front of the postings, which are not read;
those of a segment with deleted rows aside, which are looked through. The lengths of a segment are
added up once.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import TYPE_CHECKING

from ragkit.store import pages
from ragkit.store.bm25 import Statistics
from ragkit.store.postings import term_hash
from ragkit.store.segments import field_count, read_lengths, read_segments

if TYPE_CHECKING:
    from ragkit.store.segments import Segment

__all__ = ["Lengths", "count_holders", "count_rows", "read_statistics"]


class Lengths:
    """The sums of the lengths of segments that were asked for, by table. Safe to share."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, Segment], int] = {}

    def total(self, conn: sqlite3.Connection, table: str, *, keep: bool) -> int:
        """Return how many terms all rows have; ``keep`` what was read, for the next time."""
        import numpy as np

        known, sums = self._known, {}
        for segment in read_segments(conn, table):
            found = known.get((table, segment))
            if found is None:
                lengths = read_lengths(conn, table, segment)
                rows = int(np.count_nonzero(lengths))
                found = int(lengths.sum(dtype=np.int64)) - rows  # a length is kept plus one
            sums[table, segment] = found
        if keep:
            self._known = sums
        pending = conn.execute(
            f"SELECT COALESCE(sum(length - 1), 0) FROM {table}_pending"
        ).fetchone()[0]
        return sum(sums.values()) + int(pending)


def read_statistics(
    conn: sqlite3.Connection, table: str, terms: Iterable[str], lengths: Lengths, *, keep: bool
) -> Statistics:
    """Return what BM25 needs to know of all rows to score ``terms``.

    ``keep`` is false inside a change, which may be rolled back.
    """
    total = lengths.total(conn, table, keep=keep)
    return Statistics(count_rows(conn, table), total, count_holders(conn, table, terms))


def count_rows(conn: sqlite3.Connection, table: str) -> int:
    """Return the number of rows."""
    counted = conn.execute(
        f"SELECT (SELECT COALESCE(sum(rows - dead), 0) FROM {table}_segment)"
        f" + (SELECT count(*) FROM {table}_pending)"
    )
    return int(counted.fetchone()[0])


def count_holders(conn: sqlite3.Connection, table: str, terms: Iterable[str]) -> dict[str, int]:
    """Return for each of ``terms`` how many rows hold it."""
    import numpy as np

    found = dict.fromkeys(terms, 0)
    fields = field_count(conn, table)
    for segment in read_segments(conn, table):
        if not segment.dead:
            for term, size in pages.count_rows(conn, table, segment.key, found):
                found[term] += size
            continue
        lengths = read_lengths(conn, table, segment)
        for term, low, _ in pages.find(conn, table, segment.key, found, fields):
            found[term] += int((lengths[low - np.uint16(segment.offset)] > 0).sum())
    _add_pending(conn, table, found)
    return found


def _add_pending(conn: sqlite3.Connection, table: str, found: dict[str, int]) -> None:
    import numpy as np

    rows = conn.execute(f"SELECT hashes FROM {table}_pending").fetchall()
    flat = np.frombuffer(b"".join(row[0] for row in rows), "<u8")
    if not len(flat) or not found:
        return
    by_hash = {term_hash(term): term for term in found}
    wanted = np.sort(np.fromiter(by_hash, np.uint64, len(by_hash)))
    at = np.minimum(np.searchsorted(wanted, flat), len(wanted) - 1)
    counts = np.bincount(at[wanted[at] == flat], minlength=len(wanted))
    for number, count in zip(wanted.tolist(), counts.tolist(), strict=True):
        found[by_hash[number]] += count
