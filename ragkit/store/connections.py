"""Connections to one SQLite file: opening, pooling, transactions, and errors in words.

Durability: WAL with ``synchronous=FULL``, so a commit that returned survives ``kill -9`` and a
power cut (https://www.sqlite.org/pragma.html#pragma_synchronous). Every read runs in one
transaction and sees one commit. Connections are lent from a pool, so threads that come and go,
such as Streamlit's, leave none behind; one writer of this process runs at a time, and writers of
several processes queue on SQLite's own lock.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from ragkit.errors import StoreError

__all__ = ["Database", "enter_wal", "roll_back", "storage_errors"]

APPLICATION_ID = 0x52414731  # "RAG1", in the file header
FORMAT = 2  # PRAGMA user_version; 1 spelled out what follows from the rest of a node's row
BUSY_SECONDS = 60.0
_IMMUTABLE = "mode=ro&immutable=1"
_KEEP_WAL_BYTES = 32 * 1024 * 1024
_PAGE_BYTES = 8192  # wastes less on rows of a kilobyte, and takes half the writes, of 4096
_CHECKPOINT_BYTES = 4 * 1024 * 1024


class Database:
    """One SQLite file with a pool of connections. The file appears with the first write."""

    def __init__(self, path: Path, *, read_only: bool) -> None:
        self.path = path
        self.read_only = read_only
        self._pool: list[sqlite3.Connection] = []
        self._pool_guard = threading.Lock()
        self._writer = threading.RLock()
        self._local = threading.local()
        self._pid = os.getpid()
        self._keep = True
        self._format = 0  # of the file, as last seen
        _check_path(path, must_exist=read_only)
        if self.exists():
            with storage_errors(path):
                self._release(self._connect())

    def exists(self) -> bool:
        """Return whether there is a file with something in it."""
        try:
            return self.path.stat().st_size > 0
        except OSError:
            return False

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection | None]:
        """Lend a connection inside one read transaction; None while there is no file yet.

        Re-entrant: inside another ``reading`` or ``writing`` of the same thread it is the same
        connection and the same snapshot.
        """
        active: sqlite3.Connection | None = getattr(self._local, "active", None)
        if active is not None:
            with storage_errors(self.path):
                yield active
            return
        if not self.exists():
            yield None
            return
        with storage_errors(self.path):
            conn = self._borrow()
            try:
                conn.execute("BEGIN")
                self._local.active = conn
                yield conn if self._has_schema(conn) else None
            finally:
                self._local.active = None
                roll_back(conn)
                self._release(conn)

    @contextlib.contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Lend a connection inside BEGIN IMMEDIATE … COMMIT; any exception rolls back.

        Re-entrant: an inner block joins the outer one as a savepoint, so an inner block that
        failed leaves nothing behind even when its caller goes on.
        """
        if self.read_only:
            raise StoreError(
                f"The index {self.path} was opened for reading only. "
                "Open it without read_only to change it."
            )
        if self.is_changing():
            with storage_errors(self.path), _savepoint(self._local.active) as conn:
                yield conn
            return
        if getattr(self._local, "active", None) is not None:
            raise StoreError("A change of the index cannot begin inside a read of it.")
        with self._writer, storage_errors(self.path):
            self._create_file()
            conn = self._borrow()
            try:
                conn.execute("BEGIN IMMEDIATE")
                self._local.active, self._local.in_write = conn, True
                if not self._has_schema(conn):
                    _create_schema(conn)
                elif self._format < FORMAT:  # an earlier version cannot read what comes now
                    conn.execute(f"PRAGMA user_version = {FORMAT}")
                yield conn
                if not conn.in_transaction:
                    raise StoreError(f"A change of the index {self.path} was rolled back.")
                conn.execute("COMMIT")
            finally:
                self._local.active, self._local.in_write = None, False
                roll_back(conn)
                self._release(conn)

    def is_changing(self) -> bool:
        """Return whether this thread is inside ``writing``."""
        return bool(getattr(self._local, "in_write", False))

    def close(self) -> None:
        """Close all idle connections; the last one out folds the log into the file."""
        with self._pool_guard:
            idle, self._pool = self._pool, []
        for conn in idle:
            conn.close()

    def _borrow(self) -> sqlite3.Connection:
        with self._pool_guard:
            if self._pid != os.getpid():  # a fork: SQLite connections must not cross it
                self._abandoned, self._pool, self._pid = self._pool, [], os.getpid()
            if self._pool:
                return self._pool.pop()
        return self._connect()

    def _release(self, conn: sqlite3.Connection) -> None:
        if not self._keep:
            conn.close()
            return
        with self._pool_guard:
            self._pool.append(conn)

    def _connect(self) -> sqlite3.Connection:
        conn, mode = _open_usable(self.path, read_only=self.read_only)
        self._keep = mode != _IMMUTABLE  # it may change under us: look again at the next read
        try:
            _check_format(conn, self.path)
            if mode == "mode=rw":
                _configure(conn)
        except BaseException:
            conn.close()
            raise
        return conn

    def _has_schema(self, conn: sqlite3.Connection) -> bool:
        if self._format < FORMAT:
            self._format = int(conn.execute("PRAGMA user_version").fetchone()[0])
        return self._format > 0

    def _create_file(self) -> None:
        """Create the folder (0700) and an empty file (0600), once."""
        if self.exists():
            return
        try:
            if not self.path.parent.exists():
                self.path.parent.mkdir(parents=True, mode=0o700)
            # Exclusive: nobody, this process included, can have a connection to a new file.
            os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        except FileExistsError:
            return
        except OSError as error:
            raise StoreError(
                f"Cannot create the index {self.path}: {error.strerror}. "
                "Choose another place with --index."
            ) from error


@contextlib.contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Turn SQLite's errors into ``StoreError`` that say what happened to the index at ``path``."""
    try:
        yield
    except sqlite3.Error as error:
        raise StoreError(_in_words(path, error)) from error
    except UnicodeEncodeError as error:
        raise StoreError(
            f"Text with a lone surrogate (U+{ord(error.object[error.start]):04X}) "
            "cannot be stored. Decode the file as what it is, or replace the character."
        ) from error


def _in_words(path: Path, error: sqlite3.Error) -> str:
    name = getattr(error, "sqlite_errorname", "") or ""
    if name == "SQLITE_FULL" or name.startswith("SQLITE_IOERR"):
        return (
            f"The index {path} could not be written or read: {error}. "
            "The disk is full, a size limit is in force, or the disk fails. "
            "What was committed before is intact."
        )
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return (
            f"The index {path} has been busy for {BUSY_SECONDS:.0f} s. "
            "Wait for the other process to finish."
        )
    if name.startswith("SQLITE_READONLY"):
        return f"The index {path} cannot be written: {error}. Check its permissions."
    if name.startswith("SQLITE_CANTOPEN"):
        return (
            f"The index {path} cannot be opened: {error}. "
            "Check the permissions of the file and of its folder."
        )
    if name == "SQLITE_NOTADB":
        return f"{path} is not an SQLite file. Give another place with --index."
    if name.startswith("SQLITE_CORRUPT"):
        return (
            f"The index {path} is damaged: {error}. "
            "Delete the file and index again; documents are never in it alone."
        )
    return f"The index {path} cannot be used: {error}."


def _check_path(path: Path, *, must_exist: bool) -> None:
    """Raise ``StoreError`` for what can be seen without opening the file.

    The file is never opened but by SQLite: closing any other descriptor of it would drop the
    POSIX locks of all connections of this process (https://www.sqlite.org/howtocorrupt.html,
    2.2), and another process could then remove the log under them.
    """
    if path.is_dir():
        raise StoreError(f"{path} is a folder; an index is a file, such as {path / 'index.db'}.")
    if must_exist and not path.exists():
        command = shlex.join(["ragkit", "index", "FOLDER", "--index", str(path)])
        raise StoreError(f"There is no index at {path}. Build it: {command}")


def _has_log(path: Path) -> bool:
    try:
        return Path(f"{path}-wal").stat().st_size > 0
    except OSError:
        return False


def _open(uri: str) -> sqlite3.Connection:
    conn = sqlite3.connect(
        uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
    )
    conn.create_function("ragkit_lower", 1, _lower, deterministic=True)
    return conn


def _lower(value: str | int | float | bytes | None) -> str | int | float | bytes | None:
    return value.lower() if isinstance(value, str) else value


def _open_usable(path: Path, *, read_only: bool) -> tuple[sqlite3.Connection, str]:
    """Return a connection by the first mode that can read ``path``, and the mode.

    In a folder that cannot be written SQLite can create neither log nor shared memory; then the
    file is opened as immutable, which is sound only while there is no log to read.
    """
    modes = ["mode=ro"]
    if not read_only and os.access(path, os.W_OK):
        modes.insert(0, "mode=rw")
    if not _has_log(path) and not os.access(path.parent, os.W_OK):
        modes = [_IMMUTABLE]
    failure: sqlite3.Error | None = None
    for mode in modes:
        conn = _open(f"{path.absolute().as_uri()}?{mode}")
        try:
            conn.execute("SELECT count(*) FROM sqlite_master").fetchone()
            return conn, mode
        except sqlite3.Error as error:
            conn.close()
            failure = error
    assert failure is not None
    raise failure


def _check_format(conn: sqlite3.Connection, path: Path) -> None:
    conn.execute("BEGIN")  # one snapshot: another process may be creating the schema
    tables = conn.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    application = conn.execute("PRAGMA application_id").fetchone()[0]
    version = conn.execute("PRAGMA user_version").fetchone()[0]
    conn.execute("ROLLBACK")
    pages = conn.execute("PRAGMA page_count").fetchone()[0]
    expected = pages * conn.execute("PRAGMA page_size").fetchone()[0]
    if not _has_log(path) and (size := path.stat().st_size) < expected and not _has_log(path):
        raise StoreError(
            f"The index {path} is truncated: {size} of {expected} bytes. "
            "Delete it and index again, or restore a copy."
        )
    if application != APPLICATION_ID and tables:
        raise StoreError(
            f"{path} is an SQLite database of another program, not an index. "
            "Give another place with --index."
        )
    if version > FORMAT:
        raise StoreError(
            f"The index {path} has format {version}; this ragkit reads up to {FORMAT}. "
            "Update ragkit, or index into another file."
        )


def _create_schema(conn: sqlite3.Connection) -> None:
    conn.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    conn.execute(f"PRAGMA user_version = {FORMAT}")
    conn.execute(
        "CREATE TABLE generation (id INTEGER PRIMARY KEY AUTOINCREMENT, state TEXT NOT NULL,"
        " fingerprint TEXT NOT NULL, dimension INTEGER, created_at TEXT NOT NULL,"
        " folder TEXT NOT NULL DEFAULT '')"
    )


def enter_wal(conn: sqlite3.Connection, *, seconds: float = BUSY_SECONDS) -> None:
    """Switch the file to WAL, which it stays in; wait up to ``seconds`` for who is in the way.

    SQLite's busy timeout does not cover this: two processes that create a file together would
    have one of them fail at once.
    """
    deadline = time.monotonic() + seconds
    while True:
        try:
            conn.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            busy = (getattr(error, "sqlite_errorname", "") or "").startswith("SQLITE_BUSY")
            if not busy or time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            return


def _configure(conn: sqlite3.Connection) -> None:
    conn.execute(f"PRAGMA page_size = {_PAGE_BYTES}")  # of a new file; another keeps its own
    enter_wal(conn)
    page_bytes = conn.execute("PRAGMA page_size").fetchone()[0]
    conn.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_BYTES // page_bytes}")
    conn.execute("PRAGMA synchronous = FULL")
    conn.execute(f"PRAGMA journal_size_limit = {_KEEP_WAL_BYTES}")
    # Erase what is deleted where that costs no extra write.
    conn.execute("PRAGMA secure_delete = FAST")


@contextlib.contextmanager
def _savepoint(conn: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    if not conn.in_transaction:
        raise StoreError("The change was rolled back after an error; begin a new one.")
    conn.execute("SAVEPOINT inner_change")
    try:
        yield conn
    except BaseException:
        if conn.in_transaction:  # SQLite rolls everything back by itself when the disk is full
            conn.execute("ROLLBACK TO inner_change")
            conn.execute("RELEASE inner_change")
        raise
    conn.execute("RELEASE inner_change")


def roll_back(conn: sqlite3.Connection) -> None:
    """End the open transaction, if any, as if it had never been; never raises."""
    if conn.in_transaction:
        with contextlib.suppress(sqlite3.Error):
            conn.execute("ROLLBACK")
