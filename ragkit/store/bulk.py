"""Many rows at once: their terms, as a process that reads files hands them over, are stored."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from ragkit.store import postings
from ragkit.store.segments import SMALL_ROWS, field_count
from ragkit.store.terms import Inverted, Terms, join, select

if TYPE_CHECKING:
    from ragkit.store.terms import Numbers

__all__ = ["SEGMENT_ROWS", "Inverted", "insert_many"]

SEGMENT_ROWS = 1 + SMALL_ROWS
"""Rows that make a segment which stays as it is until all of its chunk is merged."""


def insert_many(
    conn: sqlite3.Connection,
    table: str,
    first: int,
    parts: Iterable[tuple[Inverted, Sequence[bool]]],
) -> None:
    """Add those rows of ``parts`` that are to be kept, under the row ids from ``first`` on.

    Raises ``ValueError`` for a part of another number of fields, and for a row id in a block that
    is over.
    """
    import numpy as np

    fields = field_count(conn, table)
    held: list[Terms] = []
    lengths: list[Numbers] = []
    rows = 0

    def write() -> None:
        nonlocal first, rows
        if rows:
            postings.insert_many(conn, table, first, np.concatenate(lengths), join(held, fields))
            first, rows = first + rows, 0
            held.clear()
            lengths.clear()

    for part, wanted in parts:
        kept = np.asarray(wanted, np.bool_)
        if rows or not kept.all():
            numbers = np.where(kept, np.cumsum(kept) - 1 + rows, -1)
            held.append(select(part.terms, numbers))
        else:
            held.append(part.terms)
        lengths.append(part.lengths[kept])
        rows += int(kept.sum())
        if rows >= SEGMENT_ROWS:
            write()
    write()
