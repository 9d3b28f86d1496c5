"""Nearest vectors by cosine, over an in-memory copy that follows the file.

Up to ``EXACT_ROWS`` vectors the copy is float32 and the scan exact. Beyond, the copy holds for
each number its sign and a 4-bit code, 240 bytes for a vector of 384 numbers. A scan of the
signs leaves some thousand rows, their codes leave some hundred, and those are scored exactly
from the float16 vectors in the file.

The copy is brought up to the reader's snapshot at each search: row ids only grow, so what is new
is read by ``id > last``, and removals are read from the ``removed`` table.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ragkit.store.nodes import check_dimension
from ragkit.store.quantize import (
    Codec,
    decode,
    greatest,
    grown,
    learn_codec,
    places_of,
    products,
    sign_distances,
    unit_rows,
)

if TYPE_CHECKING:
    from ragkit.store.quantize import Codes, Floats, Ids, Mask, Words
    from ragkit.store.sqlite import Snapshot

__all__ = ["FEW_ALLOWED", "DenseIndex", "score_stored", "unit_query"]

EXACT_ROWS = 20_000
FEW_ALLOWED = 2_000  # filtered down to so few, vectors are scored from the file
_NEAR_ROWS, _NEAR_SHARE = 8_000, 64  # rows left by signs: at least, and one in
_FINAL_ROWS, _FINAL_FACTOR = 400, 10  # rows left by codes: at least, and for each one asked for
_SAMPLE_ROWS = 4_000
_LOAD_ROWS = 8_192


class DenseIndex:
    """The vectors of one store's live generation. Safe to use from many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._copy: _Copy | None = None

    def search(
        self,
        snapshot: Snapshot,
        query: Sequence[float],
        *,
        limit: int,
        allowed: Sequence[int] | None = None,
    ) -> list[tuple[int, float]]:
        """Return the row ids nearest to ``query`` with their cosines (-1..1), best first.

        ``allowed`` limits the search to these row ids. Raises ``IndexMismatch`` for a query of
        another dimension and ``StoreError`` for one with NaN or all zeros.
        """
        unit = unit_query(snapshot, query)
        if limit < 1 or snapshot.generation.dimension is None:
            return []
        if allowed is not None and len(allowed) <= FEW_ALLOWED:
            return score_stored(snapshot, unit, list(allowed), limit)
        if snapshot.uncommitted:  # may be rolled back and its row ids used again: share nothing
            view = _Copy(snapshot).view(snapshot)
        else:
            with self._lock:
                if self._copy is None or not self._copy.follow(snapshot):
                    self._copy = None  # free the old one before the new one is made
                    self._copy = _Copy(snapshot)
                view = self._copy.view(snapshot)
        return view.nearest(snapshot, unit, limit, allowed)


@dataclass(frozen=True, slots=True)
class _View:
    """One moment of a copy: ids ascending, which of them are there, and what is scanned."""

    ids: Ids
    alive: Mask | None
    exact: Floats | None
    signs: Words
    codes: Codes
    codec: Codec | None

    def nearest(
        self, snapshot: Snapshot, unit: Floats, limit: int, allowed: Sequence[int] | None
    ) -> list[tuple[int, float]]:
        """Return the ``limit`` nearest rows among those alive and allowed."""
        import numpy as np

        mask = self.alive
        if allowed is not None:
            among = np.zeros(len(self.ids), np.bool_)
            among[places_of(self.ids, np.asarray(allowed, np.int64))] = True
            mask = among if mask is None else among & mask
        if self.exact is not None:
            places = np.arange(len(self.ids)) if mask is None else np.flatnonzero(mask)
            scores = products(self.exact if mask is None else self.exact[places], unit)
            best = greatest(scores, limit)
            return [(int(self.ids[places[p]]), float(scores[p])) for p in best]
        assert self.codec is not None
        near = self._near(self.codec, unit, max(_NEAR_ROWS, len(self.ids) // _NEAR_SHARE), mask)
        estimates = self.codec.estimate(self.codes[near], unit)
        final = near[greatest(estimates, max(_FINAL_ROWS, _FINAL_FACTOR * limit))]
        return score_stored(snapshot, unit, self.ids[final].tolist(), limit)

    def _near(self, codec: Codec, unit: Floats, wanted: int, mask: Mask | None) -> Ids:
        """Return the places of at least ``wanted`` rows whose signs differ least."""
        import numpy as np

        query, weights = codec.signs(unit[None, :])[:, 0], codec.sign_weights(unit)
        distances = sign_distances(self.signs, query, weights)
        far = np.iinfo(distances.dtype).max
        if mask is not None:
            distances[~mask] = far
        upto = np.cumsum(np.bincount(distances))
        reach = min(int(np.searchsorted(upto, wanted)), far - 1)
        return np.flatnonzero(distances <= reach)


class _Copy:
    """Arrays that grow with the file: ids ascending, and what a ``_View`` scans."""

    def __init__(self, snapshot: Snapshot) -> None:
        import numpy as np

        assert snapshot.generation.dimension is not None
        self.generation = snapshot.generation.number
        self.dimension = snapshot.generation.dimension
        vectors = snapshot.table("vector")
        count = snapshot.conn.execute(f"SELECT count(*) FROM {vectors}").fetchone()[0]
        self.codec = None if count <= EXACT_ROWS else _sampled_codec(snapshot, self.dimension)
        self.most_rows = 2 * max(count, EXACT_ROWS)  # beyond, the choices here are made anew
        self.size = self.dead = self.last_id = 0
        self.last_seq = snapshot.conn.execute(
            f"SELECT COALESCE(max(seq), 0) FROM {snapshot.table('removed')}"
        ).fetchone()[0]
        self.ids = np.empty(0, np.int64)
        self.alive = np.empty(0, np.bool_)
        width = self.dimension if self.codec is None else 0
        self.exact = np.empty((0, width), np.float32)
        self.codes = np.empty((0, -(-self.dimension // 2)), np.uint8)
        self.signs = np.empty((-(-self.dimension // 64), 0), np.uint64)
        self._append_new(snapshot, expected=count)

    def follow(self, snapshot: Snapshot) -> bool:
        """Catch up with the snapshot; False when the copy must be made anew."""
        if self.generation != snapshot.generation.number:
            return False
        first, last = snapshot.conn.execute(
            f"SELECT min(seq), max(seq) FROM {snapshot.table('removed')}"
        ).fetchone()
        if last is not None and last > self.last_seq:
            if first > self.last_seq + 1:
                return False
            self._remove(snapshot)
            self.last_seq = last
        self._append_new(snapshot, expected=0)
        return self.size <= self.most_rows and 4 * self.dead <= max(self.size, 4_000)

    def view(self, snapshot: Snapshot) -> _View:
        """Return what a search scans: what its snapshot has; growth does not change it."""
        import numpy as np

        last = snapshot.conn.execute(f"SELECT max(id) FROM {snapshot.table('vector')}").fetchone()
        n = int(np.searchsorted(self.ids[: self.size], last[0] or 0, side="right"))
        return _View(
            ids=self.ids[:n],
            alive=self.alive[:n] if self.dead else None,
            exact=self.exact[:n] if self.codec is None else None,
            signs=self.signs[:, :n],
            codes=self.codes[:n],
            codec=self.codec,
        )

    def _append_new(self, snapshot: Snapshot, *, expected: int) -> None:
        cursor = snapshot.conn.execute(
            f"SELECT id, vector FROM {snapshot.table('vector')} WHERE id > ? ORDER BY id",
            (self.last_id,),
        )
        while batch := cursor.fetchmany(_LOAD_ROWS):
            end = self.size + len(batch)
            if end > len(self.ids):
                self._grow(max(end, expected, len(self.ids) * 3 // 2))
            self._append(batch, slice(self.size, end))
            self.size, self.last_id = end, batch[-1][0]

    def _append(self, batch: list[tuple[int, bytes]], where: slice) -> None:
        vectors = decode([row[1] for row in batch], self.dimension)
        self.ids[where] = [row[0] for row in batch]
        self.alive[where] = True
        if self.codec is None:
            self.exact[where] = vectors
        else:
            self.signs[:, where] = self.codec.signs(vectors)
            self.codes[where] = self.codec.codes(vectors)

    def _grow(self, capacity: int) -> None:
        self.ids = grown(self.ids, self.size, (capacity,))
        self.alive = grown(self.alive, self.size, (capacity,))
        if self.codec is None:
            self.exact = grown(self.exact, self.size, (capacity, self.dimension))
        else:
            self.codes = grown(self.codes, self.size, (capacity, self.codes.shape[1]))
            words = grown(self.signs.T, self.size, (capacity, len(self.signs)))
            self.signs = words.T.copy()

    def _remove(self, snapshot: Snapshot) -> None:
        import numpy as np

        gone = snapshot.conn.execute(
            f"SELECT id FROM {snapshot.table('removed')} WHERE seq > ?", (self.last_seq,)
        ).fetchall()
        places = places_of(self.ids[: self.size], np.asarray([row[0] for row in gone], np.int64))
        alive = self.alive.copy()  # a view in use keeps its own moment
        alive[places] = False
        self.alive = alive
        self.dead = int(self.size - alive[: self.size].sum())


def _sampled_codec(snapshot: Snapshot, dimension: int) -> Codec:
    """Measure mean and spread of each number on vectors picked evenly from the whole table."""
    import numpy as np

    table = snapshot.table("vector")
    first, last = snapshot.conn.execute(f"SELECT min(id), max(id) FROM {table}").fetchone()
    ids = np.unique(np.linspace(first, last, _SAMPLE_ROWS).astype(np.int64)).tolist()
    rows = snapshot.conn.execute(
        f"SELECT vector FROM {table} WHERE id IN (SELECT value FROM json_each(?))",
        (json.dumps(ids),),
    ).fetchall()
    if not rows:
        rows = snapshot.conn.execute(f"SELECT vector FROM {table} LIMIT {_SAMPLE_ROWS}").fetchall()
    return learn_codec(decode([row[0] for row in rows], dimension))


def unit_query(snapshot: Snapshot, query: Sequence[float]) -> Floats:
    """Return ``query`` at length 1; raises as ``DenseIndex.search`` does."""
    import numpy as np

    check_dimension(snapshot.generation.dimension, len(query))
    unit: Floats = unit_rows(np.asarray([query], dtype=np.float64))[0].astype(np.float32)
    return unit


def score_stored(
    snapshot: Snapshot, unit: Floats, ids: list[int], limit: int
) -> list[tuple[int, float]]:
    """Return the best ``limit`` of the given rows by their exact cosines, from the file."""
    if not ids:
        return []
    rows = snapshot.conn.execute(
        f"SELECT id, vector FROM {snapshot.table('vector')}"
        " WHERE id IN (SELECT value FROM json_each(?))",
        (json.dumps(ids),),
    ).fetchall()
    if not rows:
        return []
    scores = products(decode([row[1] for row in rows], len(unit)), unit)
    return [(rows[p][0], float(scores[p])) for p in greatest(scores, limit)]
