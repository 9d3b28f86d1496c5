"""Segments: the postings of rows whose ids follow each other, merged as they become many.

A segment spans up to 65,536 row ids and never crosses a multiple of that, so that 16 bits tell its
rows apart. Rows that come together make one segment. Eight small neighbours become one, and all of
a chunk (65,536 ids) once the next one begins, so that a term of a million rows is in
sixteen places, and a posting is written a few times.

A deleted row's length becomes 0, which hides its postings; they are erased when a third of the
segment is gone, or with the next merge.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import TYPE_CHECKING

from ragkit.store import pages
from ragkit.store.terms import Terms, join, select

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Lengths = NDArray[np.uint16]

__all__ = [
    "CHUNK",
    "SMALL_ROWS",
    "TABLES",
    "Segment",
    "add",
    "field_count",
    "merge",
    "merge_neighbours",
    "read_lengths",
    "read_segments",
    "segment_of",
]

CHUNK = 16
TABLES = (
    "CREATE TABLE {t}_segment (key INTEGER PRIMARY KEY, first INTEGER NOT NULL,"
    " span INTEGER NOT NULL, rows INTEGER NOT NULL, dead INTEGER NOT NULL)",
    "CREATE TABLE {t}_length (segment INTEGER PRIMARY KEY, lengths BLOB NOT NULL)",
    pages.TABLE,
)
_MANY = 8
SMALL_ROWS = 2048
_SMALL = (8, 64, 512, SMALL_ROWS)  # so many neighbours of up to so many rows become one
_PAGES = 512  # of all segments together that are merged at once


@dataclass(frozen=True, slots=True)
class Segment:
    """The rows of the ``span`` ids from ``first`` on: ``rows`` once, of which ``dead`` are gone."""

    key: int
    first: int
    span: int
    rows: int
    dead: int

    @property
    def end(self) -> int:
        """The first row id behind the segment."""
        return self.first + self.span

    @property
    def chunk(self) -> int:
        """The 65,536 row ids that the segment lies in."""
        return self.first >> CHUNK

    @property
    def offset(self) -> int:
        """The segment's first row id, within its chunk."""
        return self.first & (1 << CHUNK) - 1


def read_segments(conn: sqlite3.Connection, table: str, where: str = "1") -> list[Segment]:
    """Return the segments in the order of their row ids."""
    rows = conn.execute(
        f"SELECT key, first, span, rows, dead FROM {table}_segment WHERE {where} ORDER BY first"
    )
    return [Segment(*row) for row in rows]


def segment_of(conn: sqlite3.Connection, table: str, rowid: int) -> Segment | None:
    """Return the segment that spans ``rowid``, or None."""
    spans = f"first <= {int(rowid)} AND first + span > {int(rowid)}"
    return next(iter(read_segments(conn, table, spans)), None)


def read_lengths(conn: sqlite3.Connection, table: str, segment: Segment) -> Lengths:
    """Return one number a row id of the segment: 0 without a row, else 1 plus its terms."""
    import numpy as np

    row = conn.execute(
        f"SELECT lengths FROM {table}_length WHERE segment = ?", (segment.key,)
    ).fetchone()
    return np.frombuffer(row[0], "<u2")


def field_count(conn: sqlite3.Connection, table: str) -> int:
    """Return the number of fields."""
    return int(conn.execute(f"SELECT count(*) FROM {table}_field").fetchone()[0])


def add(conn: sqlite3.Connection, table: str, first: int, lengths: Lengths, terms: Terms) -> None:
    """Write a segment of the row ids from ``first`` on; ``terms`` has their lowest 16 bits."""
    pages.write(conn, table, _new_segment(conn, table, first, lengths), terms)


def _new_segment(conn: sqlite3.Connection, table: str, first: int, lengths: Lengths) -> int:
    key = conn.execute(
        f"INSERT INTO {table}_segment (first, span, rows, dead) VALUES (?, ?, ?, 0)",
        (first, len(lengths), int((lengths > 0).sum())),
    ).lastrowid
    assert key is not None
    conn.execute(f"INSERT INTO {table}_length VALUES (?, ?)", (key, lengths.tobytes()))
    return key


def merge_neighbours(conn: sqlite3.Connection, table: str) -> None:
    """Merge the segments of every chunk that is over, and the last ones where many are small."""
    chunks = [
        list(group) for _, group in groupby(read_segments(conn, table), lambda part: part.chunk)
    ]
    for segments in chunks[:-1]:
        if len(segments) > 1:
            merge(conn, table, segments)
    for rows in _SMALL:
        last = [
            segment
            for segment in read_segments(conn, table)[-_MANY:]
            if segment.rows - segment.dead <= rows and segment.chunk == chunks[-1][0].chunk
        ]
        if len(last) == _MANY:
            merge(conn, table, last)


def merge(conn: sqlite3.Connection, table: str, segments: Sequence[Segment]) -> None:
    """Put neighbours of one chunk, in their order, into one without what was deleted."""
    import numpy as np

    first = segments[0].first
    lengths = np.zeros(segments[-1].end - first, "<u2")
    for segment in segments:
        start = segment.first - first
        lengths[start : start + segment.span] = read_lengths(conn, table, segment)
    if lengths.any():
        alive = np.full(1 << CHUNK, -1, np.int64)
        places = np.flatnonzero(lengths) + segments[0].offset
        alive[places] = places
        key = _new_segment(conn, table, first, lengths)
        for terms in _merged(conn, table, segments):
            thinned = any(segment.dead for segment in segments)
            pages.write(conn, table, key, select(terms, alive) if thinned else terms)
    for segment in segments:
        pages.delete(conn, table, segment.key)
        conn.execute(f"DELETE FROM {table}_length WHERE segment = ?", (segment.key,))
        conn.execute(f"DELETE FROM {table}_segment WHERE key = ?", (segment.key,))


def _merged(conn: sqlite3.Connection, table: str, segments: Sequence[Segment]) -> Iterator[Terms]:
    """Yield the terms of all segments together, a range of terms at a time."""
    fields = field_count(conn, table)
    firsts = sorted(name for s in segments for name in pages.firsts(conn, table, s.key))
    bounds: list[str | None] = ["", *sorted({*firsts[_PAGES::_PAGES]}), None]
    for low, high in pairwise(bounds):
        assert low is not None
        parts = [
            pages.read(conn, table, segment.key, fields, low=low, high=high) for segment in segments
        ]
        if any(len(part.sizes) for part in parts):
            yield join(parts, fields)
