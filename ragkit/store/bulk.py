"""Postings of many rows at once: turned round in memory, and written a block at a time.

`invert` needs no more than Python, so that a process that reads files can do it. `insert_many`
leaves behind what `postings.insert` of one row after another does, without keeping most rows as
pending and without writing a segment that is merged right away.
"""

from __future__ import annotations

import sqlite3
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from itertools import chain, count, repeat
from typing import TYPE_CHECKING, Any, NamedTuple

from ragkit.store import postings
from ragkit.store.segments import (
    CHUNK,
    LEVELS,
    field_count,
    merge_before,
    new_segment,
    planes,
    read_segments,
    segment_of,
    write_blobs,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Numbers = NDArray[np.int64]

__all__ = ["BLOCK_ROWS", "Terms", "insert_many", "invert"]

BLOCK_ROWS = 1 << LEVELS[1]
"""Row ids of one block: rows written a whole block at a time are written once."""
_LONGEST = 65_534  # a row's length is stored plus one, in 16 bits
_MOST = 255
_AT_ONCE, _POSTINGS = 8192, 150_000  # terms at least, and postings, that are sorted together
_SMALL = 16  # blobs of up to so many rows are cut by the array


class Terms(NamedTuple):
    """The terms of some rows: ``vocabulary`` has each once, a space between any two.

    A posting is a term in a row: ``places`` (uint32) is the term's place in the vocabulary, and
    ``counts`` (a plane of bytes a field) how often it is there, 255 for more. Postings are in the
    order of rows; ``sizes`` says how many each row has, ``lengths`` how many terms with repeats.
    """

    vocabulary: str
    places: bytes
    counts: tuple[bytes, ...]
    sizes: tuple[int, ...]
    lengths: tuple[int, ...]


def invert(rows: Iterable[Sequence[Sequence[str]]], fields: int) -> Terms:
    """Return the terms of ``rows``, each a list of terms for every one of ``fields``."""
    places: defaultdict[str, int] = defaultdict(count().__next__)
    index = array("I")
    counts = [bytearray() for _ in range(fields)]
    sizes: list[int] = []
    lengths: list[int] = []
    for row in rows:
        counted = [Counter(terms) for terms in row]
        found = dict.fromkeys(chain.from_iterable(counted))
        index.extend(map(places.__getitem__, found))
        for plane, field in zip(counts, counted, strict=True):
            if len(field) == len(found):  # then it has them all
                plane += _bytes(map(field.__getitem__, found))
            elif field:
                plane += _bytes(map(field.get, found, repeat(0)))
            else:
                plane += bytes(len(found))
        sizes.append(len(found))
        lengths.append(sum(map(len, row)))
    return Terms(
        " ".join(places), index.tobytes(), tuple(map(bytes, counts)), tuple(sizes), tuple(lengths)
    )


def _bytes(numbers: Iterable[int]) -> bytes:
    found = list(numbers)
    try:
        return bytes(found)
    except ValueError:
        return bytes(min(number, _MOST) for number in found)


def insert_many(
    conn: sqlite3.Connection, table: str, parts: Sequence[tuple[Terms, Sequence[int]]]
) -> None:
    """Add rows: for each part its terms, and the row ids of its rows, -1 for one to leave out.

    Row ids grow throughout. Raises ``ValueError`` for a part of another number of fields, and for
    a row id in a block that is over.
    """
    fields = field_count(conn, table)
    if any(len(terms.counts) != fields for terms, _ in parts):
        raise ValueError(f"{table} has {fields} fields, another number was given")
    rowids = [rowid for _, ids in parts for rowid in ids if rowid >= 0]
    if not rowids:
        return
    first, last = rowids[0], rowids[-1]
    limit = last >> LEVELS[0] << LEVELS[0]
    held = conn.execute(f"SELECT min(id), max(id) FROM {table}_pending").fetchone()
    if segment_of(conn, table, first) or (held[0] is not None and held[1] >= first):
        raise ValueError(f"Row ids of {table} only grow; {first} is in a block that is over.")
    if (held[0] or first) < limit:
        old = _pending_terms(conn, table, fields)
        block = _Block([*([old] if old else []), *parts], limit)
        conn.execute(f"DELETE FROM {table}_pending")
        for bits, number in _spans(conn, table, block.rowids, last):
            block.write(conn, table, bits, number)
        merge_before(conn, table, last)
    _insert_pending(conn, table, parts, limit)


def _pending_terms(
    conn: sqlite3.Connection, table: str, fields: int
) -> tuple[Terms, list[int]] | None:
    """Return the pending rows; all of them are in one block."""
    rows = conn.execute(
        f"SELECT id, length, counts, terms FROM {table}_pending ORDER BY id"
    ).fetchall()
    if not rows:
        return None
    places: defaultdict[str, int] = defaultdict(count().__next__)
    words = [row[3].split(" ") if row[3] else [] for row in rows]
    index = array("I", map(places.__getitem__, chain.from_iterable(words)))
    sizes = [len(terms) for terms in words]
    counts = tuple(plane.tobytes() for plane in planes([row[2] for row in rows], sizes, fields))
    lengths = tuple(row[1] - 1 for row in rows)
    terms = Terms(" ".join(places), index.tobytes(), counts, tuple(sizes), lengths)
    return terms, [row[0] for row in rows]


def _spans(
    conn: sqlite3.Connection, table: str, rowids: Numbers, last: int
) -> list[tuple[int, int]]:
    """Return the segments to write, as (bits, number): as large as they would become."""
    import numpy as np

    low, high = LEVELS[:2]
    begun = {segment.number << low >> high for segment in read_segments(conn, table, f"bits={low}")}
    spans: dict[tuple[int, int], None] = {}
    for number in np.unique(rowids >> low).tolist():
        whole = number << low >> high
        over = whole < last >> high and whole not in begun
        spans[(high, whole) if over else (low, number)] = None
    return list(spans)


class _Block:
    """The postings of the rows before ``limit``, in the order of row ids."""

    def __init__(self, parts: Sequence[tuple[Terms, Sequence[int]]], limit: int) -> None:
        import numpy as np

        places: defaultdict[str, int] = defaultdict(count().__next__)
        owners, terms, planes, ids, lengths = [], [], [], [], []
        for part, rowids in parts:
            words = part.vocabulary.split(" ") if part.vocabulary else []
            numbers = np.fromiter(map(places.__getitem__, words), np.int32, len(words))
            rows = np.asarray(rowids, np.int64)
            kept = (rows >= 0) & (rows < limit)
            wanted = np.repeat(kept, part.sizes)
            terms.append(numbers[np.frombuffer(part.places, np.uint32)][wanted])
            owners.append(np.repeat((rows - limit).astype(np.int32), part.sizes)[wanted])
            planes.append([np.frombuffer(plane, np.uint8)[wanted] for plane in part.counts])
            ids.append(rows[kept])
            lengths.append(np.asarray(part.lengths, np.int64)[kept])
        # Numbered in the order that SQLite keeps them in.
        self._words = sorted(places)
        ranks = np.empty(len(places), np.int32)
        ranks[[places[word] for word in self._words]] = np.arange(len(places), dtype=np.int32)
        self._terms = ranks[np.concatenate(terms)]
        self._limit = limit  # owners are row ids less the limit, to fit half the memory
        self._owners = np.concatenate(owners)
        self._planes = [np.concatenate(field) for field in zip(*planes, strict=True)]
        self.rowids: Numbers = np.concatenate(ids)
        self._lengths = np.minimum(np.concatenate(lengths), _LONGEST) + 1

    def write(self, conn: sqlite3.Connection, table: str, bits: int, number: int) -> None:
        """Write the segment of the row ids that are ``number`` after a shift by ``bits``."""
        import numpy as np

        limit = self._limit
        bounds = [(number << bits) - limit, ((number + 1) << bits) - limit]
        start, stop = np.searchsorted(self._owners, bounds)
        rows = self.rowids >> bits == number
        lengths = np.zeros(1 << bits, "<u2")
        lengths[self.rowids[rows] & (1 << bits) - 1] = self._lengths[rows]
        key = new_segment(conn, table, bits, number, lengths)
        step = max(_AT_ONCE, len(self._words) * _POSTINGS // max(1, int(stop - start)))
        for first in range(0, len(self._words), step):
            some = self._terms[start:stop]
            chosen = np.flatnonzero((some >= first) & (some < first + step))
            chosen = chosen[np.argsort(some[chosen], kind="stable")]
            terms = some[chosen]
            within = limit & (1 << CHUNK) - 1
            low = (self._owners[start:stop][chosen] + within & (1 << CHUNK) - 1).astype("<u2")
            counts = [plane[start:stop][chosen] for plane in self._planes]
            starts = np.flatnonzero(np.diff(terms, prepend=-1))
            blobs = _blobs(low, counts, starts, np.diff(starts, append=len(terms)))
            names = [self._words[term] for term in terms[starts].tolist()]
            write_blobs(conn, table, key, zip(names, blobs, strict=True))


def _blobs(low: Any, counts: Any, starts: Numbers, sizes: Numbers) -> list[bytes]:
    """Return each term's blob: its rows, then a plane of counts for each field."""
    import numpy as np

    fields = len(counts)
    pairs = low.view(np.uint8).reshape(-1, 2)
    blobs = np.empty(len(starts), object)
    for size in range(1, _SMALL + 1):
        which = np.flatnonzero(sizes == size)
        at = starts[which][:, None] + np.arange(size)
        cut = np.empty((len(which), (2 + fields) * size), np.uint8)
        cut[:, : 2 * size] = pairs[at].reshape(len(which), 2 * size)
        for field in range(fields):
            cut[:, (2 + field) * size : (3 + field) * size] = counts[field][at]
        data, step = cut.tobytes(), (2 + fields) * size
        blobs[which] = [data[i : i + step] for i in range(0, len(data), step)]
    for place in np.flatnonzero(sizes > _SMALL).tolist():
        a, b = int(starts[place]), int(starts[place] + sizes[place])
        blobs[place] = low[a:b].tobytes() + b"".join(plane[a:b].tobytes() for plane in counts)
    found: list[bytes] = blobs.tolist()
    return found


def _insert_pending(
    conn: sqlite3.Connection,
    table: str,
    parts: Sequence[tuple[Terms, Sequence[int]]],
    limit: int,
) -> None:
    """Keep the rows from ``limit`` on as pending, whose block is not over."""
    for part, rowids in parts:
        if rowids and max(rowids) < limit:
            continue
        words = part.vocabulary.split(" ") if part.vocabulary else []
        index = array("I", part.places)
        at = 0
        for rowid, size, length in zip(rowids, part.sizes, part.lengths, strict=True):
            start, at = at, at + size
            if rowid >= limit and rowid >= 0:
                terms = [words[place] for place in index[start:at]]
                counts = b"".join(plane[start:at] for plane in part.counts)
                postings.insert_pending(conn, table, rowid, length, terms, counts)
