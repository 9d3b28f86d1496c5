"""The index's vectors in an engine beside the file: a copy that follows the file's own log.

A change of the index is a change of the file alone, so it is as quick and as safe as without an
engine. ``publish`` then brings the engine up to the last commit: row ids only grow, so what is new
is read by ``id > last``, and what is gone was noted by a trigger. The place reached is kept in the
file after each batch, so a run that is killed, or whose server went away, goes on from there; a
batch that comes twice changes nothing. An engine that has lost its data is filled again from the
file, without embedding anything.

Where words are looked up in the engine too, its collection also holds each node's terms as a sparse
vector; its name says so, and one without is filled again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from ragkit.errors import StoreError
from ragkit.store import fts
from ragkit.store.dense import FEW_ALLOWED, score_stored, unit_query
from ragkit.store.engine_words import candidate_count, score_candidates
from ragkit.store.frequencies import Lengths, read_statistics
from ragkit.store.publishing import Publisher, has_words, read_mark
from ragkit.store.sparse import question_vector

if TYPE_CHECKING:
    from ragkit.store.engine import Engine, Key
    from ragkit.store.sqlite import Snapshot, SqliteStore
    from ragkit.types import Analyzer, Clause

__all__ = ["Replica"]

_MOST_ALLOWED = 10_000  # keys handed to an engine as a filter; beyond, its results are filtered
_MOST_BEHIND = 100_000  # vectors that a question scores from the file: a second or so
_MOST_SEARCHED = 16_384  # what servers return at once
_FEW_BEHIND = 200  # nodes whose words a question reads from their texts


class _Ask(Protocol):
    """A search of one collection for one question."""

    def __call__(
        self, *, limit: int, allowed: Sequence[Key] | None = None
    ) -> list[tuple[Key, float]]: ...


class Replica:
    """One store's vectors in an engine; takes the place of its ``DenseIndex``.

    Safe to use from many threads; ``publish`` belongs inside the store's ``indexing_lock``.
    """

    def __init__(self, engine: Engine, *, base: str, words: bool = False) -> None:
        """``base`` begins the names of the collections; a random part follows it. ``words``: they
        are looked up in the engine, too.
        """
        self.engine = engine
        self.words = words
        self._lengths = Lengths()
        self._publisher = Publisher(engine, base=base, words=words, lengths=self._lengths)

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
        another dimension, ``StoreError`` for one with NaN or all zeros, when the engine fails, and
        when it is far behind the file. What it lacks so far is scored from the file.
        """
        unit = unit_query(snapshot, query)
        if limit < 1 or snapshot.generation.dimension is None:
            return []
        # What is not committed cannot be in the engine.
        if snapshot.uncommitted or (allowed is not None and len(allowed) <= FEW_ALLOWED):
            rows = _all_rows(snapshot) if allowed is None else list(allowed)
            return score_stored(snapshot, unit, rows, limit)
        collection, tail = self._tail(snapshot, allowed)
        found = score_stored(snapshot, unit, tail, limit)
        if not collection:
            return found
        ask = partial(self.engine.search, collection, unit.tolist())
        best = dict(found) | dict(self._copied(snapshot, ask, limit, allowed))
        return sorted(best.items(), key=lambda item: (-item[1], item[0]))[:limit]

    def search_words(
        self,
        snapshot: Snapshot,
        analyzer: Analyzer,
        clauses: Sequence[Clause],
        *,
        limit: int,
        allowed: Sequence[int] | None = None,
    ) -> list[tuple[int, float]]:
        """Return up to ``limit`` (rowid, score above 0), best first, scored as the file does it.

        The file alone is asked where words are not looked up in the engine, and while that lacks
        more than a few nodes. Raises ``StoreError`` when the engine fails.
        """
        table, held = snapshot.table("fts"), self._held(snapshot)
        if held is None:
            return fts.search(snapshot.conn, table, clauses, limit=limit, allowed=allowed)
        collection, rows = held
        terms = [term for clause in clauses for term in clause.terms]
        statistics = read_statistics(snapshot.conn, table, terms, self._lengths, keep=True)
        vector = question_vector(clauses, statistics)
        if limit < 1 or not vector.indices:
            return []
        depth = candidate_count(limit)
        if allowed is not None and len(allowed) <= depth:
            rows = list(allowed)
        else:
            ask = partial(self.engine.search_sparse, collection, vector)
            among = None if allowed is None else frozenset(allowed)
            rows = [row for row in rows if among is None or row in among]
            rows += [row for row, _ in self._copied(snapshot, ask, depth, allowed)]
        return score_candidates(snapshot, analyzer, rows, clauses, statistics, limit=limit)

    def _held(self, snapshot: Snapshot) -> tuple[str, list[int]] | None:
        """Return the collection with words, and the few rows that are not in it yet; else None."""
        if not self.words or snapshot.uncommitted:
            return None
        mark = read_mark(snapshot, self.engine.name)
        if mark is None or not mark.last_id or not has_words(mark.collection):
            return None
        behind = snapshot.conn.execute(
            f"SELECT id FROM {snapshot.table('node')} WHERE id > ? LIMIT {_FEW_BEHIND + 1}",
            (mark.last_id,),
        ).fetchall()
        return None if len(behind) > _FEW_BEHIND else (mark.collection, [row[0] for row in behind])

    def _copied(
        self, snapshot: Snapshot, ask: _Ask, limit: int, allowed: Sequence[int] | None
    ) -> list[tuple[int, float]]:
        """Return the best rows of those in the engine that the snapshot has and allows."""
        if allowed is not None and len(allowed) <= _MOST_ALLOWED:
            keys = list(self._keys(snapshot, allowed).values())
            return self._rows(snapshot, ask(limit=limit, allowed=keys))
        return self._filtered(snapshot, ask, limit, allowed)

    def _filtered(
        self, snapshot: Snapshot, ask: _Ask, limit: int, allowed: Sequence[int] | None
    ) -> list[tuple[int, float]]:
        """Search ever deeper until ``limit`` rows are left that the snapshot has and allows."""
        among = None if allowed is None else frozenset(allowed)
        wanted = limit
        while True:
            found = ask(limit=wanted)
            rows = self._rows(snapshot, found)
            if among is not None:
                rows = [(row, score) for row, score in rows if row in among]
            if len(rows) >= limit or len(found) < wanted or wanted >= _MOST_SEARCHED:
                return rows[:limit]
            wanted = min(_MOST_SEARCHED, wanted * 4)

    def publish(
        self,
        store: SqliteStore,
        *,
        verify: bool = True,
        progress: Callable[[int, int], None] | None = None,
    ) -> int:
        """Bring the engine up to the last commit; see ``Publisher.publish``."""
        return self._publisher.publish(store, verify=verify, progress=progress)

    def count(self, store: SqliteStore) -> int | None:
        """Return how many nodes the engine holds of the generation; None before the first."""
        with store.reading() as snapshot:
            mark = None if snapshot is None else read_mark(snapshot, self.engine.name)
        return None if mark is None else self.engine.count(mark.collection)

    def own_paths(self) -> Sequence[Any]:
        """Return the engine's own files and folders."""
        return self.engine.own_paths()

    def close(self) -> None:
        """Close the engine."""
        self.engine.close()

    def _tail(self, snapshot: Snapshot, allowed: Sequence[int] | None) -> tuple[str, list[int]]:
        """Return the collection, "" while there is none, and the rows that are not in it yet."""
        mark = read_mark(snapshot, self.engine.name)
        last = mark.last_id if mark else 0
        rows = snapshot.conn.execute(
            f"SELECT id FROM {snapshot.table('vector')} WHERE id > ? LIMIT {_MOST_BEHIND + 1}",
            (last,),
        ).fetchall()
        if len(rows) > _MOST_BEHIND:
            raise StoreError(
                f"More than {_MOST_BEHIND:,} vectors of the index are not in {self.engine.name} "
                "yet. Wait for the indexing to end, or copy them: ragkit index."
            )
        among = None if allowed is None else frozenset(allowed)
        return mark.collection if mark and last else "", [
            r for (r,) in rows if among is None or r in among
        ]

    def _keys(self, snapshot: Snapshot, rows: Sequence[int]) -> dict[int, Key]:
        """Return the engine's keys of the rows that there are."""
        found = snapshot.conn.execute(
            f"SELECT id, {self.engine.key} FROM {snapshot.table('node')}"
            " WHERE id IN (SELECT value FROM json_each(?))",
            (json.dumps(list(rows)),),
        )
        return dict(found.fetchall())

    def _rows(
        self, snapshot: Snapshot, found: Sequence[tuple[Key, float]]
    ) -> list[tuple[int, float]]:
        """Return what was found by row id, without what the file has no longer."""
        keys = json.dumps([key for key, _ in found])
        rows = dict(
            snapshot.conn.execute(
                f"SELECT {self.engine.key}, id FROM {snapshot.table('node')}"
                f" WHERE {self.engine.key} IN (SELECT value FROM json_each(?))",
                (keys,),
            ).fetchall()
        )
        return [(rows[key], score) for key, score in found if key in rows]


def _all_rows(snapshot: Snapshot) -> list[int]:
    return [row[0] for row in snapshot.conn.execute(f"SELECT id FROM {snapshot.table('vector')}")]
