"""Nearest vectors by cosine, over an in-memory copy that follows the file.

Up to ``EXACT_ROWS`` vectors the copy is float32 and the scan exact. Beyond, it holds one bit a
number (the sign, after the mean of the vectors is taken off, which is what makes signs of
anisotropic embeddings tell anything): 48 bytes a vector of 384 numbers. A Hamming scan picks
candidates, and those are scored exactly from the float16 vectors in the file.

The copy is brought up to the reader's snapshot at each search: row ids only grow, so what is new
is read by ``id > last``, and removals are read from the ``removed`` table.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ragkit.errors import StoreError
from ragkit.store.nodes import check_dimension

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ragkit.store.sqlite import Snapshot

    Floats = NDArray[np.float32]
    Ids = NDArray[np.int64]

__all__ = ["DenseIndex", "pack_vectors"]

EXACT_ROWS = 50_000
CANDIDATES = 1_000  # at least; and one row in CANDIDATE_SHARE
CANDIDATE_SHARE = 500
FEW_ALLOWED = 20_000  # filtered down to so few, vectors are scored exactly
_LOAD_ROWS = 20_000
_SCAN_ROWS = 65_536


def pack_vectors(vectors: Sequence[Sequence[float]]) -> tuple[list[bytes], int]:
    """Return vectors as float16 of unit length, as stored, and how many numbers each has.

    Raises ``StoreError`` for vectors of unequal length, with NaN or infinity, or all zero.
    """
    import numpy as np

    if len({len(vector) for vector in vectors}) != 1 or not len(vectors[0]):
        raise StoreError("Embeddings of one call must have one and the same length, not 0.")
    matrix = np.asarray(vectors, dtype=np.float64)
    units = _unit_rows(matrix).astype("<f2")
    return [row.tobytes() for row in units], int(matrix.shape[1])


def _unit_rows(matrix: Any) -> Any:
    import numpy as np

    if not np.isfinite(matrix).all():
        raise StoreError("An embedding holds NaN or infinity. The embedder failed; index again.")
    lengths = np.linalg.norm(matrix, axis=1, keepdims=True)
    if not (lengths > 0).all():
        raise StoreError("An embedding is all zeros, so it has no direction to compare.")
    return matrix / lengths


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
        import numpy as np

        check_dimension(snapshot.generation.dimension, len(query))
        unit = _unit_rows(np.asarray([query], dtype=np.float64))[0].astype(np.float32)
        if limit < 1 or snapshot.generation.dimension is None:
            return []
        if allowed is not None and len(allowed) <= FEW_ALLOWED:
            return _score_stored(snapshot, unit, list(allowed), limit)
        with self._lock:
            copy = self._copy
            if copy is None or not copy.follow(snapshot):
                copy = self._copy = _Copy(snapshot)
            view = copy.view()
        mask = None if allowed is None else np.isin(view.ids, np.asarray(allowed), kind="sort")
        return view.nearest(snapshot, unit, limit, mask)


class _Copy:
    """Arrays that grow: ids ascending, and for each a float32 row or packed signs."""

    def __init__(self, snapshot: Snapshot) -> None:
        import numpy as np

        assert snapshot.generation.dimension is not None
        self.generation = snapshot.generation.number
        self.dimension = snapshot.generation.dimension
        count = snapshot.conn.execute(
            f"SELECT count(*) FROM {snapshot.table('vector')}"
        ).fetchone()[0]
        self.exact = count <= EXACT_ROWS
        self.limit = EXACT_ROWS if self.exact else max(2 * count, 2 * EXACT_ROWS)
        self.size = self.dead = self.last_id = 0
        self.last_seq = _last_seq(snapshot)
        self.ids = np.empty(0, np.int64)
        self.alive = np.empty(0, np.bool_)
        self.rows: Any = np.empty((0, self.dimension), np.float32)
        self.centre: Any = None
        if not self.exact:
            self.rows = np.empty((-(-self.dimension // 64), 0), np.uint64)
        self._append_new(snapshot, expected=count)

    def follow(self, snapshot: Snapshot) -> bool:
        """Catch up with the snapshot; False when the copy must be made anew."""
        if self.generation != snapshot.generation.number:
            return False
        first, last = snapshot.conn.execute(
            f"SELECT min(seq), max(seq) FROM {snapshot.table('removed')}"
        ).fetchone()
        if first is not None and first > self.last_seq + 1:
            return False
        if last is not None and last > self.last_seq:
            self._remove(snapshot)
            self.last_seq = last
        self._append_new(snapshot, expected=0)
        return self.size <= self.limit and 4 * self.dead <= max(self.size, 1_000)

    def view(self) -> _View:
        """Return what a search scans; later growth does not change it."""
        n = self.size
        rows = self.rows[:n] if self.exact else self.rows[:, :n]
        return _View(self.ids[:n], self.alive[:n], rows, self.centre)

    def _append_new(self, snapshot: Snapshot, *, expected: int) -> None:
        cursor = snapshot.conn.execute(
            f"SELECT id, vector FROM {snapshot.table('vector')} WHERE id > ? ORDER BY id",
            (self.last_id,),
        )
        while batch := cursor.fetchmany(_LOAD_ROWS):
            self._append(batch, expected)

    def _append(self, batch: list[tuple[int, bytes]], expected: int) -> None:
        import numpy as np

        vectors = _decode([row[1] for row in batch], self.dimension)
        start, end = self.size, self.size + len(batch)
        if end > len(self.ids):
            self._grow(max(end, expected, len(self.ids) * 3 // 2))
        self.ids[start:end] = [row[0] for row in batch]
        self.alive[start:end] = True
        if self.exact:
            self.rows[start:end] = vectors
        else:
            if self.centre is None:
                self.centre = vectors.mean(axis=0, dtype=np.float32)
            self.rows[:, start:end] = _signs(vectors - self.centre)
        self.size, self.last_id = end, batch[-1][0]

    def _grow(self, capacity: int) -> None:
        import numpy as np

        def grown(old: Any, axis: int) -> Any:
            shape = list(old.shape)
            shape[axis] = capacity
            new = np.empty(shape, old.dtype)
            kept = [slice(None)] * old.ndim
            kept[axis] = slice(0, self.size)
            new[tuple(kept)] = old[tuple(kept)]
            return new

        self.ids, self.alive = grown(self.ids, 0), grown(self.alive, 0)
        self.rows = grown(self.rows, 0 if self.exact else 1)

    def _remove(self, snapshot: Snapshot) -> None:
        import numpy as np

        gone = snapshot.conn.execute(
            f"SELECT id FROM {snapshot.table('removed')} WHERE seq > ?", (self.last_seq,)
        ).fetchall()
        wanted = np.asarray([row[0] for row in gone], np.int64)
        places = np.searchsorted(self.ids[: self.size], wanted)
        places = places[places < self.size]
        hit = places[np.isin(self.ids[places], wanted)]
        self.dead += int(self.alive[hit].sum())
        self.alive[hit] = False


class _View:
    """One moment of a copy: ids, which are alive, and the rows to scan."""

    def __init__(self, ids: Ids, alive: Any, rows: Any, centre: Any) -> None:
        self.ids, self.alive, self.rows, self.centre = ids, alive, rows, centre

    def nearest(
        self, snapshot: Snapshot, unit: Floats, limit: int, mask: Any
    ) -> list[tuple[int, float]]:
        """Return the ``limit`` nearest alive rows under ``mask``."""
        import numpy as np

        alive = self.alive if mask is None else self.alive & mask
        if self.centre is None:
            scores = np.where(alive, self.rows @ unit, np.float32(-2))
            places = _smallest(-scores, limit)
            return [(int(self.ids[p]), float(scores[p])) for p in places if alive[p]]
        wanted = max(CANDIDATES, len(self.ids) // CANDIDATE_SHARE, 10 * limit)
        distances = _hamming(self.rows, _signs((unit - self.centre)[None, :])[:, 0])
        distances[~alive] = np.iinfo(distances.dtype).max
        near = np.argpartition(distances, min(wanted, len(distances)) - 1)[:wanted]
        candidates = self.ids[near[alive[near]]]
        return _score_stored(snapshot, unit, candidates.tolist(), limit)


def _score_stored(
    snapshot: Snapshot, unit: Floats, ids: list[int], limit: int
) -> list[tuple[int, float]]:
    """Score the given rows exactly from the file."""
    if not ids:
        return []
    rows = snapshot.conn.execute(
        f"SELECT id, vector FROM {snapshot.table('vector')}"
        " WHERE id IN (SELECT value FROM json_each(?))",
        (json.dumps(ids),),
    ).fetchall()
    if not rows:
        return []
    scores = _decode([row[1] for row in rows], len(unit)) @ unit
    return [(rows[p][0], float(scores[p])) for p in _smallest(-scores, limit)]


def _decode(blobs: list[bytes], dimension: int) -> Floats:
    import numpy as np

    flat = np.frombuffer(b"".join(blobs), dtype="<f2")
    return flat.reshape(len(blobs), dimension).astype(np.float32)


def _signs(vectors: Floats) -> Any:
    """Return the signs of each row as 64-bit words, one column a row: (words, rows)."""
    import numpy as np

    packed = np.packbits(vectors > 0, axis=1)
    padded = np.zeros((len(vectors), -(-packed.shape[1] // 8) * 8), np.uint8)
    padded[:, : packed.shape[1]] = packed
    return np.ascontiguousarray(padded.view(np.uint64).T)


def _hamming(words: Any, query: Any) -> Any:
    """Return the number of differing bits of each column, in blocks that fit the CPU's cache."""
    import numpy as np

    out = np.zeros(words.shape[1], np.uint16)
    for start in range(0, words.shape[1], _SCAN_ROWS):
        block = words[:, start : start + _SCAN_ROWS]
        target = out[start : start + _SCAN_ROWS]
        for word, bits in zip(block, query, strict=True):
            target += np.bitwise_count(word ^ bits)
    return out


def _smallest(values: Any, limit: int) -> list[int]:
    """Return the places of the smallest values in ascending order; ties by place."""
    import numpy as np

    if limit < len(values):
        places = np.sort(np.argpartition(values, limit - 1)[:limit])
    else:
        places = np.arange(len(values))
    return [int(p) for p in places[np.argsort(values[places], kind="stable")]]


def _last_seq(snapshot: Snapshot) -> int:
    row = snapshot.conn.execute(f"SELECT max(seq) FROM {snapshot.table('removed')}").fetchone()
    return row[0] or 0
