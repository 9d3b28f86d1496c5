"""The embedded store: one SQLite file with files, texts, nodes, full text and vectors.

::

    store = open_store("index.db", analyzer=analyzer, fingerprint={"splitter": "2"})
    with store.indexing_lock(timeout=0):
        with store.transaction():                   # one document, all or nothing
            store.catalog.put_document("d1", text, {})
            store.vector_store.add(nodes)           # nodes whose ref_doc_id is "d1"
            store.catalog.put_file(FileState("a.md", …, document_id="d1", …))
    store.vector_store.query(…); store.catalog.documents(); store.document_frequencies(…)

    target = store.begin_rebuild()                  # same interface, writes beside the live one
    …index everything into target…
    target.finish_rebuild()                         # one transaction: switch and drop the old

A *generation* is one complete index; its tables carry its number. Exactly one is live; at most
one is being built. Each read is one read transaction that first looks up the live generation, so
a switch by another process is seen at the next read. A store handle whose fingerprint differs
from the live generation's raises ``IndexMismatch`` on reads and writes and never wipes anything.
"""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ragkit.errors import IndexMismatch, StoreError
from ragkit.store.connections import Database, storage_errors
from ragkit.types import Analyzer, Clause

if TYPE_CHECKING:
    from ragkit.store.catalog import Catalog
    from ragkit.store.dense import DenseIndex
    from ragkit.store.replica import Replica
    from ragkit.store.vector_store import SqliteVectorStore

__all__ = ["Generation", "IndexBusy", "Snapshot", "SqliteStore"]

Fingerprint = Mapping[str, str | int | None]

_TABLES = (
    "CREATE TABLE {g}_file (source TEXT PRIMARY KEY, size INTEGER NOT NULL,"
    " mtime_ns INTEGER NOT NULL, sha256 TEXT NOT NULL, document_id TEXT, reason TEXT,"
    " indexed_at TEXT NOT NULL, seconds REAL NOT NULL, tried TEXT NOT NULL) WITHOUT ROWID",
    "CREATE INDEX {g}_file_document ON {g}_file (document_id, source)",
    "CREATE TABLE {g}_document (document_id TEXT PRIMARY KEY, characters INTEGER NOT NULL,"
    " metadata TEXT NOT NULL, text BLOB NOT NULL)",
    # What filters read is kept apart from the texts, so that a filter scans a narrow table.
    "CREATE TABLE {g}_node (id INTEGER PRIMARY KEY AUTOINCREMENT, node_id TEXT NOT NULL UNIQUE,"
    " document_id TEXT, start INTEGER, metadata TEXT NOT NULL)",
    "CREATE INDEX {g}_node_document ON {g}_node (document_id, start)",
    "CREATE TABLE {g}_content (id INTEGER PRIMARY KEY, text TEXT NOT NULL, rest TEXT NOT NULL)",
    "CREATE TABLE {g}_vector (id INTEGER PRIMARY KEY, vector BLOB NOT NULL)",
    # Rows whose vectors were removed, for caches that follow the file.
    "CREATE TABLE {g}_removed (seq INTEGER PRIMARY KEY AUTOINCREMENT, id INTEGER NOT NULL)",
)


class IndexBusy(StoreError):
    """Another process is indexing into the same file."""


@dataclass(frozen=True, slots=True)
class Generation:
    """One complete index inside the file; ``dimension`` is None until the first vector."""

    number: int
    dimension: int | None

    def table(self, name: str) -> str:
        """Return the name of this generation's table ``name``."""
        return f"g{self.number}_{name}"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A connection inside a transaction, and the generation that it works on.

    ``uncommitted``: inside a change, whose rows may yet be rolled back.
    """

    conn: sqlite3.Connection
    generation: Generation
    uncommitted: bool = False

    def table(self, name: str) -> str:
        """Return the name of the generation's table ``name``."""
        return self.generation.table(name)


class SqliteStore:
    """One index file, bound to an analyzer and a fingerprint. Safe to use from many threads."""

    def __init__(
        self,
        database: Database,
        *,
        analyzer: Analyzer,
        fingerprint: Fingerprint,
        building: int | None = None,
        replica: Replica | None = None,
    ) -> None:
        self.analyzer = analyzer
        self.fingerprint = {"analyzer": analyzer.version, **fingerprint}
        self._database = database
        self._building = building
        self._catalog: Catalog | None = None
        self._vector_store: SqliteVectorStore | None = None
        self._dense: DenseIndex | None = None
        self._replica = replica

    @property
    def path(self) -> Path:
        """The file."""
        return self._database.path

    @property
    def read_only(self) -> bool:
        """Whether the store was opened for reading only."""
        return self._database.read_only

    @property
    def catalog(self) -> Catalog:
        """Files and texts."""
        if self._catalog is None:
            from ragkit.store.catalog import Catalog

            self._catalog = Catalog(self)
        return self._catalog

    @property
    def vector_store(self) -> SqliteVectorStore:
        """The nodes, as a LlamaIndex vector store; loads llama_index."""
        if self._vector_store is None:
            from ragkit.store.vector_store import SqliteVectorStore

            embeds = "embedder" not in self.fingerprint or bool(self.fingerprint["embedder"])
            self._vector_store = SqliteVectorStore(self, is_embedding_query=embeds)
        return self._vector_store

    @property
    def dense(self) -> DenseIndex | Replica:
        """The vectors in memory, following the file, or in an engine; loads numpy."""
        if self._replica is not None:
            return self._replica
        if self._dense is None:
            from ragkit.store.dense import DenseIndex

            self._dense = DenseIndex()
        return self._dense

    def search_words(
        self,
        snapshot: Snapshot,
        clauses: Sequence[Clause],
        *,
        limit: int,
        allowed: Sequence[int] | None = None,
    ) -> list[tuple[int, float]]:
        """Return up to ``limit`` (rowid, BM25 above 0), best first; equal scores by rowid."""
        from ragkit.store import fts

        if self._replica is not None:
            return self._replica.search_words(
                snapshot, self.analyzer, clauses, limit=limit, allowed=allowed
            )
        table = snapshot.table("fts")
        return fts.search(snapshot.conn, table, clauses, limit=limit, allowed=allowed)

    @contextlib.contextmanager
    def reading(self) -> Iterator[Snapshot | None]:
        """Hold one snapshot: all reads of this thread inside the block see the same commit.

        Yields None while nothing was ever indexed. Raises ``IndexMismatch`` when the index was
        built with other settings, ``StoreError`` when the file cannot be read.
        """
        with self._database.reading() as conn:
            generation = None if conn is None else self._generation(conn)
            if conn is None or generation is None:
                yield None
            else:
                yield Snapshot(conn, generation, uncommitted=self._database.is_changing())

    @contextlib.contextmanager
    def transaction(self) -> Iterator[Snapshot]:
        """Run the block as one change: all of it is durable afterwards, or none of it.

        Re-entrant: blocks inside it, and the methods of ``catalog`` and ``vector_store``, join
        it. Any exception rolls back. Raises ``IndexMismatch`` and ``StoreError``.
        """
        with self._database.writing() as conn:
            generation = self._generation(conn)
            if generation is None:
                generation = self._create_generation(conn, "live")
            yield Snapshot(conn, generation, uncommitted=True)

    def _make_folder(self) -> None:
        """Make the index's folder. Raises StoreError, with what can be set, where it cannot be."""
        folder = Path(self.path).parent
        try:
            # Another thread may make it at the same moment.
            folder.mkdir(parents=True, mode=0o700, exist_ok=True)
        except OSError as error:
            raise StoreError(
                f"The index's folder '{folder}' cannot be made: {error.strerror}. "
                "Choose another with RAGKIT_HOME or --index."
            ) from error

    @contextlib.contextmanager
    def indexing_lock(self, timeout: float) -> Iterator[None]:
        """Hold the file's advisory lock for a whole indexing run, across processes.

        Waits up to ``timeout`` seconds (0: not at all), then raises ``IndexBusy``. The operating
        system releases it when the process dies.
        """
        from filelock import FileLock, Timeout

        lock_path = Path(f"{self.path}.lock")
        self._make_folder()
        try:
            # filelock waits for ever where a file cannot be created (/proc); this fails at once.
            os.close(os.open(lock_path, os.O_CREAT | os.O_RDWR, 0o600))
            lock = FileLock(lock_path, mode=0o600, thread_local=False)
            lock.acquire(timeout=timeout)
        except Timeout:
            raise IndexBusy(
                f"Another process is indexing into {self.path}. "
                "Wait for it to finish; questions are answered meanwhile."
            ) from None
        except OSError as error:
            raise StoreError(
                f"Cannot lock the index {self.path}: {error.strerror}. "
                "Check the permissions of its folder."
            ) from error
        try:
            yield
        finally:
            lock.release()

    def begin_rebuild(self, *, fresh: bool = False) -> SqliteStore:
        """Return a store that writes a new generation beside the live one.

        An unfinished one with this fingerprint is resumed with all that it holds, unless a
        ``fresh`` one is wanted; one with another fingerprint is dropped. Call it inside
        ``indexing_lock``. The live generation goes on answering until ``finish_rebuild`` of the
        returned store.
        """
        wanted = _to_json(self.fingerprint)
        number = None
        with self._database.writing() as conn:
            rows = conn.execute(
                "SELECT id, fingerprint FROM generation WHERE state = 'building'"
            ).fetchall()
            for found, fingerprint in rows:
                if fingerprint == wanted and number is None and not fresh:
                    number = int(found)
                else:
                    self._drop_generation(conn, found)
            if number is None:
                number = self._create_generation(conn, "building").number
        return SqliteStore(
            self._database,
            analyzer=self.analyzer,
            fingerprint=self.fingerprint,
            building=number,
            replica=self._replica,
        )

    def publish(
        self, *, verify: bool = True, progress: Callable[[int, int], None] | None = None
    ) -> int:
        """Bring the vector engine beside the file, if any, up to the last commit.

        Returns how many nodes were copied; with ``verify`` also those that it has lost. Call it
        inside ``indexing_lock``, after changes. Raises ``StoreError`` when the engine fails: what
        is in the file stays, and the next call goes on.
        """
        if self._replica is None:
            return 0
        return self._replica.publish(self, verify=verify, progress=progress)

    def published(self) -> int | None:
        """Return how many nodes the engine beside the file holds; None without engine or any.

        Raises ``StoreError`` when the engine fails.
        """
        return None if self._replica is None else self._replica.count(self)

    def engines(self) -> tuple[str, ...]:
        """Return the names of the engines that this file was ever copied to."""
        with self._database.reading() as conn:
            known = (
                conn
                and conn.execute("SELECT 1 FROM sqlite_master WHERE name = 'replica'").fetchone()
            )
            if conn is None or not known:
                return ()
            rows = conn.execute("SELECT DISTINCT engine FROM replica ORDER BY engine")
            return tuple(row[0] for row in rows)

    def own_paths(self) -> list[Path]:
        """Return the files and folders that the index keeps for itself."""
        place = self.path.resolve()
        beside = [Path(f"{place}{ending}") for ending in ("", "-wal", "-shm", "-journal", ".lock")]
        return beside + (list(self._replica.own_paths()) if self._replica else [])

    def finish_rebuild(self) -> None:
        """Make the generation being built the live one and drop the old, in one transaction.

        Raises ``StoreError`` on a store that did not come from ``begin_rebuild``.
        """
        if self._building is None:
            raise StoreError("There is no rebuild to finish; begin_rebuild returns the store.")
        with self._database.writing() as conn:
            if self._generation(conn) is None:
                raise StoreError("The rebuild was dropped by another process. Start it again.")
            old = conn.execute("SELECT id FROM generation WHERE state = 'live'").fetchall()
            for (number,) in old:
                self._drop_generation(conn, number)
            conn.execute("UPDATE generation SET state = 'live' WHERE id = ?", (self._building,))
        self._building = None

    def live_fingerprint(self) -> dict[str, str | int | None] | None:
        """Return what the live generation was built with; None while there is none."""
        with self._database.reading() as conn:
            if conn is None:
                return None
            row = conn.execute("SELECT fingerprint FROM generation WHERE state = 'live'").fetchone()
            return None if row is None else dict(json.loads(row[0]))

    def damage(self) -> str | None:
        """Return what SQLite's quick check finds wrong with the file, or None."""
        with self._database.reading() as conn:
            if conn is None:
                return None
            first = str(conn.execute("PRAGMA quick_check(1)").fetchone()[0])
            return None if first == "ok" else first

    def folder(self) -> str:
        """Return the folder that ``set_folder`` noted, or an empty string."""
        with self.reading() as snapshot:
            if snapshot is None:
                return ""
            row = snapshot.conn.execute(
                "SELECT folder FROM generation WHERE id = ?", (snapshot.generation.number,)
            ).fetchone()
            return str(row[0])

    def set_folder(self, folder: str) -> None:
        """Note which folder this generation follows."""
        with self.transaction() as snapshot:
            snapshot.conn.execute(
                "UPDATE generation SET folder = ? WHERE id = ?",
                (folder, snapshot.generation.number),
            )

    def nodes_version(self) -> tuple[int, int, int]:
        """Return what differs between any two commits that hold other nodes."""
        with self.reading() as snapshot:
            if snapshot is None:
                return 0, 0, 0
            # Row ids are never used again, so an addition raises the first and a deletion alone
            # lowers the second.
            last, count = snapshot.conn.execute(
                f"SELECT COALESCE(MAX(id), 0), COUNT(*) FROM {snapshot.table('node')}"
            ).fetchone()
            return snapshot.generation.number, int(last), int(count)

    def last_row(self) -> int:
        """Return the last row id that a node ever had, 0 before the first."""
        from ragkit.store.nodes import last_row

        with self.reading() as snapshot:
            return 0 if snapshot is None else last_row(snapshot)

    def document_frequencies(self, terms: Sequence[str]) -> tuple[int, dict[str, int]]:
        """Return the number of nodes, and for each term in how many of them it occurs."""
        from ragkit.store import fts

        with self.reading() as snapshot:
            if snapshot is None:
                return 0, dict.fromkeys(terms, 0)
            return fts.document_frequencies(snapshot.conn, snapshot.table("fts"), list(terms))

    def close(self) -> None:
        """Close the file's connections; using the store again opens new ones."""
        self._database.close()
        if self._replica is not None:
            self._replica.close()

    def _generation(self, conn: sqlite3.Connection) -> Generation | None:
        """Return the generation that this handle works on, checked against its fingerprint."""
        row = conn.execute(
            "SELECT id, fingerprint, dimension, folder FROM generation"
            " WHERE CASE WHEN ?1 IS NULL THEN state = 'live' ELSE id = ?1 END",
            (self._building,),
        ).fetchone()
        if row is None:
            if self._building is not None:
                raise StoreError("The rebuild was dropped by another process. Start it again.")
            return None
        if row[1] != _to_json(self.fingerprint):
            changes = _changes(json.loads(row[1]), self.fingerprint)
            raise IndexMismatch(
                f"The index {self.path} was built with other settings: {changes}. "
                f"Build it anew beside the old one: {self._rebuild_command(row[3])}, "
                "or use the old settings."
            )
        return Generation(row[0], row[2])

    def _rebuild_command(self, folder: str) -> str:
        """Return the command that builds this index of ``folder`` anew, as a shell reads it."""
        words = ["ragkit", "index", *([folder] if folder else [])]
        if self._replica is None:  # else the address is the engine's
            words += ["--index", str(self.path)]
        return shlex.join([*words, "--rebuild"])

    def _create_generation(self, conn: sqlite3.Connection, state: str) -> Generation:
        from ragkit.store import fts

        number = conn.execute(
            "INSERT INTO generation (state, fingerprint, created_at) VALUES (?, ?, ?)",
            (state, _to_json(self.fingerprint), datetime.now(UTC).isoformat(timespec="seconds")),
        ).lastrowid
        assert number is not None
        generation = Generation(number, None)
        for statement in _TABLES:
            conn.execute(statement.format(g=f"g{number}"))
        fts.create(conn, generation.table("fts"), self.analyzer.fields)
        return generation

    def _drop_generation(self, conn: sqlite3.Connection, number: int) -> None:
        from ragkit.store import fts

        generation = Generation(number, None)
        fts.drop(conn, generation.table("fts"))
        for name in ("file", "document", "node", "content", "vector", "removed"):
            conn.execute(f"DROP TABLE {generation.table(name)}")
        for name in ("gone", "worth"):  # made when there is an engine, or something measured
            conn.execute(f"DROP TABLE IF EXISTS {generation.table(name)}")
        conn.execute("DELETE FROM generation WHERE id = ?", (number,))


def open_sqlite(
    path: Path,
    *,
    analyzer: Analyzer,
    fingerprint: Fingerprint,
    read_only: bool,
    replica: Replica | None = None,
) -> SqliteStore:
    """Open the index file at ``path``; see ``ragkit.store.open_store``."""
    with storage_errors(path):
        database = Database(path, read_only=read_only)
    return SqliteStore(database, analyzer=analyzer, fingerprint=fingerprint, replica=replica)


def _to_json(fingerprint: Fingerprint) -> str:
    return json.dumps(dict(fingerprint), ensure_ascii=False, sort_keys=True)


def _changes(found: Fingerprint, wanted: Fingerprint) -> str:
    return ", ".join(
        f"{key} {found.get(key, 'none')} -> {wanted.get(key, 'none')}"
        for key in sorted({*found, *wanted})
        if found.get(key) != wanted.get(key)
    )
