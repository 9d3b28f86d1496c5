"""Bringing an engine up to the index file: what is written, what is deleted, and how far it came.

The place reached is kept in the file after some batches. Row ids only grow, so what is new is read
by ``id > last``; what is gone was noted by a trigger.
"""

from __future__ import annotations

import secrets
import sqlite3
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from ragkit.errors import ConfigError
from ragkit.store.engine_words import node_vectors
from ragkit.store.frequencies import Lengths, read_statistics
from ragkit.store.sparse import VERSION

if TYPE_CHECKING:
    from llama_index.core.schema import BaseNode

    from ragkit.store.engine import Engine, Key
    from ragkit.store.sparse import SparseVector
    from ragkit.store.sqlite import Snapshot, SqliteStore

__all__ = ["Mark", "Publisher", "has_words", "read_mark"]

BATCH = 100
"""Nodes written to an engine at once."""
_WORDS = f"_words{VERSION}"  # ends the names of collections with sparse vectors

# Rows of generations that were dropped stay until their collections are.
_MARKS = (
    "CREATE TABLE IF NOT EXISTS replica (generation INTEGER NOT NULL, engine TEXT NOT NULL,"
    " collection TEXT NOT NULL, last_id INTEGER NOT NULL, last_gone INTEGER NOT NULL,"
    " PRIMARY KEY (generation, engine))"
)


class Mark(NamedTuple):
    """How far the engine has come: its collection, the last row and the last deletion in it."""

    collection: str
    last_id: int
    last_gone: int


class _Batch(NamedTuple):
    """Nodes to write, under their keys; ``last`` is the row of the last one."""

    keys: list[Key]
    nodes: list[BaseNode]
    sparse: list[SparseVector] | None
    last: int


def has_words(collection: str) -> bool:
    """Return whether a collection holds sparse vectors, by its name."""
    return collection.endswith(_WORDS)


def read_mark(snapshot: Snapshot, engine: str) -> Mark | None:
    """Return how far ``engine`` has come with the generation; None before the beginning."""
    if not _has_marks(snapshot.conn):
        return None
    row = snapshot.conn.execute(
        "SELECT collection, last_id, last_gone FROM replica WHERE generation = ? AND engine = ?",
        (snapshot.generation.number, engine),
    ).fetchone()
    return None if row is None else Mark._make(row)


class Publisher:
    """Writes one store's vectors, and words if they are looked up there, to an engine."""

    def __init__(self, engine: Engine, *, base: str, words: bool, lengths: Lengths) -> None:
        """``base`` begins the names of the collections; a random part follows it."""
        self.engine = engine
        self.words = words
        self._base = base
        self._lengths = lengths

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
        mean = self._mean(store) if has_words(mark.collection) else None
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

    def _require_vectors(self, snapshot: Snapshot) -> None:
        mark = read_mark(snapshot, self.engine.name)
        last = mark.last_id if mark is not None and has_words(mark.collection) else 0
        nodes, vectors = snapshot.conn.execute(
            f"SELECT count(*), count(v.id) FROM {snapshot.table('node')} n"
            f" LEFT JOIN {snapshot.table('vector')} v ON v.id = n.id WHERE n.id > ?",
            (last,),
        ).fetchone()
        if vectors < nodes:
            raise ConfigError(
                f"{nodes - vectors:,} of {nodes:,} new nodes have no vector, and words in "
                f"{self.engine.name} need one beside them. Set store.words to file, or use a "
                "preset with an embedder."
            )

    def _mean(self, store: SqliteStore) -> float:
        with store.reading() as snapshot:
            assert snapshot is not None
            table = snapshot.table("fts")
            return read_statistics(snapshot.conn, table, (), self._lengths, keep=True).mean

    def _begin(self, store: SqliteStore) -> Mark:
        """Return how far the engine has come; a collection that lacks words is dropped before."""
        ending = _WORDS if self.words else ""
        with store.reading() as snapshot:
            assert snapshot is not None
            old = read_mark(snapshot, self.engine.name)
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
            found = read_mark(snapshot, self.engine.name)
            assert found is not None
            return found

    def _keep(self, store: SqliteStore, mark: Mark) -> None:
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

    def _delete_gone(self, store: SqliteStore, mark: Mark) -> Mark:
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
