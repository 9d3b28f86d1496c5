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
import secrets
import sqlite3
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from ragkit.errors import ConfigError, StoreError
from ragkit.store import fts
from ragkit.store.dense import FEW_ALLOWED, score_stored, unit_query
from ragkit.store.engine_words import candidate_count, node_vectors, score_candidates
from ragkit.store.frequencies import Lengths, read_statistics
from ragkit.store.sparse import VERSION, question_vector

if TYPE_CHECKING:
    from llama_index.core.schema import BaseNode

    from ragkit.store.engine import Engine, Key
    from ragkit.store.sparse import SparseVector
    from ragkit.store.sqlite import Snapshot, SqliteStore
    from ragkit.types import Analyzer, Clause

__all__ = ["Replica"]

BATCH = 100
"""Nodes written to an engine at once."""
_MOST_ALLOWED = 10_000  # keys handed to an engine as a filter; beyond, its results are filtered
_MOST_BEHIND = 100_000  # vectors that a question scores from the file: a second or so
_MOST_SEARCHED = 16_384  # what servers return at once
_FEW_BEHIND = 200  # nodes whose words a question reads from their texts
_WORDS = f"_words{VERSION}"  # ends the names of collections with sparse vectors

# Rows of generations that were dropped stay until their collections are.
_MARKS = (
    "CREATE TABLE IF NOT EXISTS replica (generation INTEGER NOT NULL, engine TEXT NOT NULL,"
    " collection TEXT NOT NULL, last_id INTEGER NOT NULL, last_gone INTEGER NOT NULL,"
    " PRIMARY KEY (generation, engine))"
)


class _Batch(NamedTuple):
    """Nodes to write, under their keys; ``last`` is the row of the last one."""

    keys: list[Key]
    nodes: list[BaseNode]
    sparse: list[SparseVector] | None
    last: int


class _Ask(Protocol):
    """A search of one collection for one question."""

    def __call__(
        self, *, limit: int, allowed: Sequence[Key] | None = None
    ) -> list[tuple[Key, float]]: ...


class _Mark(NamedTuple):
    """How far the engine has come: its collection, the last row and the last deletion in it."""

    collection: str
    last_id: int
    last_gone: int


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
        self._base = base
        self._lengths = Lengths()

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
        mark = self._mark(snapshot)
        if mark is None or not mark.last_id or not mark.collection.endswith(_WORDS):
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
        """Bring the engine up to the last commit; return how many nodes were written.

        Nothing that was written is written again, unless the engine has lost some, which
        ``verify`` looks for by counting. ``progress`` is called with nodes done and nodes in all.
        Raises ``StoreError`` when the engine fails; what is done is kept. Raises ``ConfigError``
        for words of nodes without vectors.
        """
        self._drop_garbage(store)
        with store.reading() as snapshot:
            if snapshot is None:
                return 0
            if self.words:
                self._require_vectors(snapshot)
            if snapshot.generation.dimension is None:
                return 0
        mark = self._begin(store)
        mean = self._mean(store) if mark.collection.endswith(_WORDS) else None
        mark = self._delete_gone(store, mark)
        if verify and mark.last_id:
            expected = _count_vectors(store, "id <= ?", mark.last_id)
            # More may be there: what was written since, but not noted, before a run was killed.
            if (self.engine.count(mark.collection) or 0) < expected:
                mark = mark._replace(last_id=0)  # all is written again, under the same keys
        total, done = _count_vectors(store, "id > ?", mark.last_id), 0
        kept, began, rest = 0, time.monotonic(), 0.0
        while batch := self._read(store, mark.last_id, mean):
            self.engine.upsert(mark.collection, batch.keys, batch.nodes, batch.sparse)
            mark = mark._replace(last_id=batch.last)
            done += len(batch.keys)
            # FAISS writes its whole file each time: that may take a tenth of the time.
            if done - kept >= 10 * BATCH and time.monotonic() - began >= rest:
                before = time.monotonic()
                self._keep(store, mark)
                kept, began = done, time.monotonic()
                rest = 10 * (began - before)
            if progress:
                progress(min(done, total), total)
        if done:
            self._keep(store, mark)
        return done

    def count(self, store: SqliteStore) -> int | None:
        """Return how many nodes the engine holds of the generation; None before the first."""
        with store.reading() as snapshot:
            mark = None if snapshot is None else self._mark(snapshot)
        return None if mark is None else self.engine.count(mark.collection)

    def own_paths(self) -> Sequence[Any]:
        """Return the engine's own files and folders."""
        return self.engine.own_paths()

    def close(self) -> None:
        """Close the engine."""
        self.engine.close()

    def _tail(self, snapshot: Snapshot, allowed: Sequence[int] | None) -> tuple[str, list[int]]:
        """Return the collection, "" while there is none, and the rows that are not in it yet."""
        mark = self._mark(snapshot)
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

    def _require_vectors(self, snapshot: Snapshot) -> None:
        node, vector = snapshot.table("node"), snapshot.table("vector")
        nodes, vectors = snapshot.conn.execute(
            f"SELECT (SELECT count(*) FROM {node}), (SELECT count(*) FROM {vector})"
        ).fetchone()
        if vectors < nodes:
            raise ConfigError(
                f"{nodes - vectors:,} of {nodes:,} nodes have no vector, and {self.engine.name} "
                "finds words only beside one. Set store.words to file, or use a preset with an "
                "embedder."
            )

    def _mean(self, store: SqliteStore) -> float:
        with store.reading() as snapshot:
            assert snapshot is not None
            table = snapshot.table("fts")
            return read_statistics(snapshot.conn, table, (), self._lengths, keep=True).mean

    def _begin(self, store: SqliteStore) -> _Mark:
        """Return how far the engine has come; a collection that lacks words is dropped before."""
        ending = _WORDS if self.words else ""
        with store.reading() as snapshot:
            assert snapshot is not None
            old = self._mark(snapshot)
        lacks = old is None or not old.collection.endswith(ending)
        if self.words and lacks:
            self.engine.require_sparse()
            if old is not None:
                self.engine.drop(old.collection)
        name = f"{self._base}_{secrets.token_hex(4)}{ending}"
        with store.transaction() as snapshot:
            node, gone = snapshot.table("node"), snapshot.table("gone")
            for statement in (
                _MARKS,
                f"CREATE TABLE IF NOT EXISTS {gone} (seq INTEGER PRIMARY KEY AUTOINCREMENT,"
                " id INTEGER NOT NULL, node_id TEXT NOT NULL)",
                f"CREATE TRIGGER IF NOT EXISTS {gone}_note AFTER DELETE ON {node} BEGIN"
                f" INSERT INTO {gone} (id, node_id) VALUES (old.id, old.node_id); END",
            ):
                snapshot.conn.execute(statement)
            snapshot.conn.execute(
                "INSERT OR IGNORE INTO replica VALUES (?, ?, ?, 0, 0)",
                (snapshot.generation.number, self.engine.name, name),
            )
            if lacks:
                snapshot.conn.execute(
                    "UPDATE replica SET collection = ?, last_id = 0"
                    " WHERE generation = ? AND engine = ?",
                    (name, snapshot.generation.number, self.engine.name),
                )
            found = self._mark(snapshot)
            assert found is not None
            return found

    def _mark(self, snapshot: Snapshot) -> _Mark | None:
        """Return how far the engine has come with the generation; None before the beginning."""
        if not _has_marks(snapshot.conn):
            return None
        row = snapshot.conn.execute(
            "SELECT collection, last_id, last_gone FROM replica"
            " WHERE generation = ? AND engine = ?",
            (snapshot.generation.number, self.engine.name),
        ).fetchone()
        return None if row is None else _Mark._make(row)

    def _keep(self, store: SqliteStore, mark: _Mark) -> None:
        """Note how far the engine has come, once that would survive this process."""
        self.engine.flush(mark.collection)
        with store.transaction() as snapshot:
            number, gone = snapshot.generation.number, snapshot.table("gone")
            snapshot.conn.execute(
                "UPDATE replica SET last_id = ?, last_gone = ? WHERE generation = ? AND engine = ?",
                (mark.last_id, mark.last_gone, number, self.engine.name),
            )
            snapshot.conn.execute(
                f"DELETE FROM {gone} WHERE seq <="
                " (SELECT min(last_gone) FROM replica WHERE generation = ?)",
                (number,),
            )

    def _delete_gone(self, store: SqliteStore, mark: _Mark) -> _Mark:
        """Delete the nodes that the file has no longer, a batch at a time."""
        while True:
            with store.reading() as snapshot:
                assert snapshot is not None
                # What is there again under its key is written after all deletions.
                rows = snapshot.conn.execute(
                    f"SELECT seq, {self.engine.key} FROM {snapshot.table('gone')}"
                    f" WHERE seq > ? ORDER BY seq LIMIT {10 * BATCH}",
                    (mark.last_gone,),
                ).fetchall()
            if not rows:
                return mark
            self.engine.delete(mark.collection, [row[1] for row in rows])
            mark = mark._replace(last_gone=rows[-1][0])
            self._keep(store, mark)

    def _drop_garbage(self, store: SqliteStore) -> None:
        """Drop the collections of generations that are no more."""
        with store.reading() as snapshot:
            if snapshot is None or not _has_marks(snapshot.conn):
                return
            dropped = snapshot.conn.execute(
                "SELECT collection FROM replica WHERE engine = ?"
                " AND generation NOT IN (SELECT id FROM generation)",
                (self.engine.name,),
            ).fetchall()
        for (collection,) in dropped:
            self.engine.drop(collection)
            with store.transaction() as snapshot:
                snapshot.conn.execute("DELETE FROM replica WHERE collection = ?", (collection,))

    def _read(self, store: SqliteStore, last: int, mean: float | None) -> _Batch | None:
        """Return the next nodes that have vectors, with them, and with words unless ``mean`` is
        None.
        """
        from ragkit.store.quantize import decode
        from ragkit.store.vector_store import stored_nodes

        with store.reading() as snapshot:
            assert snapshot is not None
            rows = snapshot.conn.execute(
                f"SELECT v.id, v.vector, n.{self.engine.key} FROM {snapshot.table('vector')} v"
                f" JOIN {snapshot.table('node')} n ON n.id = v.id"
                f" WHERE v.id > ? ORDER BY v.id LIMIT {BATCH}",
                (last,),
            ).fetchall()
            if not rows:
                return None
            ids = [row[0] for row in rows]
            nodes = stored_nodes(snapshot, ids)
            sparse = None
            if mean is not None:
                sparse = node_vectors(snapshot, store.analyzer, ids, mean=mean)
            dimension = snapshot.generation.dimension
        assert dimension is not None
        for row, vector in zip(rows, decode([row[1] for row in rows], dimension), strict=True):
            nodes[row[0]].embedding = vector.tolist()
        keys = [row[2] for row in rows]
        return _Batch(keys, [nodes[rowid] for rowid in ids], sparse, ids[-1])

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


def _has_marks(conn: sqlite3.Connection) -> bool:
    row = conn.execute("SELECT 1 FROM sqlite_master WHERE name = 'replica'").fetchone()
    return row is not None


def _count_vectors(store: SqliteStore, condition: str, rowid: int) -> int:
    with store.reading() as snapshot:
        assert snapshot is not None
        row = snapshot.conn.execute(
            f"SELECT count(*) FROM {snapshot.table('vector')} WHERE {condition}", (rowid,)
        ).fetchone()
        return int(row[0])


def _all_rows(snapshot: Snapshot) -> list[int]:
    return [row[0] for row in snapshot.conn.execute(f"SELECT id FROM {snapshot.table('vector')}")]
