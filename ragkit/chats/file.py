"""The history's SQLite file: opening, threads, transactions, and errors in words.

WAL with ``synchronous=FULL``: a commit that returned survives ``kill -9`` and a power cut
(https://www.sqlite.org/pragma.html#pragma_synchronous). What is deleted is overwritten.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import platformdirs

from ragkit.errors import StoreError
from ragkit.store.connections import enter_wal, roll_back

__all__ = ["ChatFile", "Database", "MemoryFile", "Unwritable", "chats_path", "folder_key"]

APPLICATION_ID = 0x52414743  # "RAGC", in the file header
FORMAT = 1  # PRAGMA user_version
BUSY_SECONDS = 30.0
_LARGEST_COPY = 256 * 1024 * 1024

_SCHEMA = """
CREATE TABLE chat (
  number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, owner TEXT NOT NULL, folder TEXT NOT NULL,
  title TEXT NOT NULL, titled INTEGER NOT NULL, folded TEXT NOT NULL,
  created_at TEXT NOT NULL, updated_at TEXT NOT NULL);
CREATE INDEX chat_by_time ON chat (owner, updated_at);
-- AUTOINCREMENT: an answer that comes late for a turn that was dropped must not meet another.
CREATE TABLE turn (
  id INTEGER PRIMARY KEY AUTOINCREMENT, chat INTEGER NOT NULL REFERENCES chat ON DELETE CASCADE,
  state TEXT NOT NULL, writer TEXT NOT NULL, created_at TEXT NOT NULL, feedback TEXT,
  comment TEXT NOT NULL DEFAULT '', error TEXT, question TEXT NOT NULL, answer TEXT);
CREATE INDEX turn_of_chat ON turn (chat);
-- What search reads, apart from the answers with their sources, which are many times longer.
CREATE TABLE said (
  turn INTEGER PRIMARY KEY REFERENCES turn ON DELETE CASCADE,
  chat INTEGER NOT NULL REFERENCES chat ON DELETE CASCADE, folded TEXT NOT NULL);
CREATE INDEX said_in_chat ON said (chat);
CREATE TABLE result (
  id INTEGER PRIMARY KEY AUTOINCREMENT, owner TEXT NOT NULL, folder TEXT NOT NULL,
  created_at TEXT NOT NULL, title TEXT NOT NULL, report TEXT NOT NULL, pages BLOB NOT NULL);
CREATE INDEX result_by_owner ON result (owner, folder);
"""


class Unwritable(StoreError):
    """The file cannot be written now: no room, no permission, a failing disk."""


class Database(Protocol):
    """Lends a connection inside a transaction."""

    def reading(self) -> contextlib.AbstractContextManager[sqlite3.Connection]:
        """Lend one that sees one commit."""

    def writing(self) -> contextlib.AbstractContextManager[sqlite3.Connection]:
        """Lend one whose changes are kept together, or not at all."""

    def close(self) -> None:
        """Close what is idle."""


def chats_path(home: Path | None = None) -> Path:
    """Return where the history is: beside the indexes, in ``home`` or the user's data directory."""
    base = home or platformdirs.user_data_path("ragkit", appauthor=False)
    return Path(base).expanduser() / "chats.db"


def folder_key(folder: Path) -> str:
    """Return the name under which chats about ``folder`` are kept, from any working directory."""
    return str(folder.expanduser().resolve())


class ChatFile:
    """The file at ``path``, made at once (mode 0600) where it is not there."""

    def __init__(self, path: Path) -> None:
        """Open or create it; StoreError in words where that cannot be done."""
        self.path = path
        self._idle: list[sqlite3.Connection] = []
        self._guard = threading.Lock()
        self._writer = threading.Lock()
        self._pid = os.getpid()
        with _in_words(path):
            _create(path)
            conn = self._connect()
            _prepare(conn, path)
            self._release(conn)

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Lend a connection that sees one commit."""
        with _in_words(self.path), self._lent() as conn:
            conn.execute("BEGIN")
            yield conn

    @contextlib.contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Lend a connection inside BEGIN IMMEDIATE … COMMIT; an exception rolls back."""
        with self._writer, _in_words(self.path), self._lent() as conn:
            conn.execute("BEGIN IMMEDIATE")
            yield conn
            conn.execute("COMMIT")

    def close(self) -> None:
        """Close all idle connections; the last one out folds the log into the file."""
        with self._guard:
            idle, self._idle = self._idle, []
        for conn in idle:
            conn.close()

    @contextlib.contextmanager
    def _lent(self) -> Iterator[sqlite3.Connection]:
        conn = self._borrow()
        try:
            yield conn
        finally:
            roll_back(conn)
            self._release(conn)

    def _borrow(self) -> sqlite3.Connection:
        with self._guard:
            if self._pid != os.getpid():  # a fork: SQLite connections must not cross it
                self._abandoned, self._idle, self._pid = self._idle, [], os.getpid()
            if self._idle:
                return self._idle.pop()
        return self._connect()

    def _release(self, conn: sqlite3.Connection) -> None:
        with self._guard:
            self._idle.append(conn)

    def _connect(self) -> sqlite3.Connection:
        # mode=rw: a file that was removed under us is an error, not a new empty history.
        conn = _open(f"{self.path.absolute().as_uri()}?mode=rw")
        try:
            enter_wal(conn, seconds=BUSY_SECONDS)
            conn.execute("PRAGMA synchronous = FULL")
            conn.execute("PRAGMA secure_delete = ON")
        except BaseException:
            conn.close()
            raise
        return conn


class MemoryFile:
    """The history without a file, as a copy of what can still be read at ``path``; one process."""

    def __init__(self, path: Path | None = None) -> None:
        """Copy the file, unless it is very large, damaged, or of a later version."""
        self._conn = _open("file::memory:")
        self._lock = threading.Lock()
        copied = False
        if path is not None:
            with contextlib.suppress(sqlite3.Error, OSError, StoreError):
                copied = _copy(path, self._conn)
        if not copied:
            self._conn.close()
            self._conn = _open("file::memory:")
        _prepare(self._conn, Path("memory"))

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Lend the one connection."""
        with self.writing() as conn:
            yield conn

    @contextlib.contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Lend the one connection inside a transaction."""
        with self._lock, _in_words(Path("memory")):
            try:
                self._conn.execute("BEGIN")
                yield self._conn
                self._conn.execute("COMMIT")
            finally:
                roll_back(self._conn)

    def close(self) -> None:
        """Forget everything."""
        self._conn.close()


def _open(uri: str) -> sqlite3.Connection:
    conn = sqlite3.connect(
        uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
    )
    conn.execute("PRAGMA foreign_keys = ON")
    return conn


def _create(path: Path) -> None:
    """Create the folder (0700) and an empty file (0600), and take others' rights to a file away."""
    if path.is_dir():
        raise StoreError(f"{path} is a folder; the chat history is a file, such as chats.db.")
    try:
        path.parent.mkdir(parents=True, mode=0o700, exist_ok=True)
        if not path.exists():
            # Exclusive: closing a descriptor of a file in use would drop SQLite's locks.
            with contextlib.suppress(FileExistsError):
                os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        elif path.stat().st_mode & 0o077:
            with contextlib.suppress(OSError):  # another's file: its owner's choice
                path.chmod(0o600)
    except OSError as error:
        raise Unwritable(
            f"Cannot create the chat history {path}: {error.strerror}. "
            "Choose another place with RAGKIT_HOME."
        ) from error


def _prepare(conn: sqlite3.Connection, path: Path) -> None:
    """Create the tables in a new file; raise StoreError for one of another program or version."""
    conn.execute("BEGIN IMMEDIATE")
    try:
        tables = conn.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        application = conn.execute("PRAGMA application_id").fetchone()[0]
        version = conn.execute("PRAGMA user_version").fetchone()[0]
        if tables and application != APPLICATION_ID:
            raise StoreError(
                f"{path} is an SQLite database of another program, not a chat history. "
                "Move it away, or choose another place with RAGKIT_HOME."
            )
        if version > FORMAT:
            raise StoreError(
                f"The chat history {path} has format {version}; this ragkit reads up to {FORMAT}. "
                "Update ragkit, or choose another place with RAGKIT_HOME."
            )
        if not tables:
            for statement in _SCHEMA.split(";\n"):
                conn.execute(statement)
            conn.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            conn.execute(f"PRAGMA user_version = {FORMAT}")
        conn.execute("COMMIT")
    finally:
        roll_back(conn)


def _copy(path: Path, into: sqlite3.Connection) -> bool:
    """Copy the history at ``path`` into ``into``; return False where there is none to copy."""
    if not 0 < path.stat().st_size < _LARGEST_COPY:
        return False
    # Read-only; immutable where not even the log's index can be made beside it.
    for mode in ("mode=ro", "mode=ro&immutable=1"):
        with contextlib.suppress(sqlite3.Error):
            conn = _open(f"{path.absolute().as_uri()}?{mode}")
            try:
                conn.backup(into)
            finally:
                conn.close()
            into.execute("PRAGMA journal_mode = MEMORY")
            application = into.execute("PRAGMA application_id").fetchone()[0]
            version = into.execute("PRAGMA user_version").fetchone()[0]
            return bool(application == APPLICATION_ID and version == FORMAT)
    return False


@contextlib.contextmanager
def _in_words(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise _translated(path, error) from error


def _translated(path: Path, error: sqlite3.Error) -> StoreError:
    name = getattr(error, "sqlite_errorname", "") or ""
    if name == "SQLITE_FULL" or name.startswith("SQLITE_IOERR"):
        return Unwritable(
            f"The chat history {path} cannot be written: {error}. The disk is full, a size limit "
            "is in force, or the disk fails. What was kept before is intact."
        )
    if name.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM")):
        return Unwritable(
            f"The chat history {path} cannot be opened for writing: {error}. "
            "Check the permissions of the file and of its folder."
        )
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return StoreError(
            f"The chat history {path} has been busy for {BUSY_SECONDS:.0f} s. "
            "Wait for the other process to finish."
        )
    if name == "SQLITE_NOTADB" or name.startswith("SQLITE_CORRUPT"):
        return StoreError(
            f"The chat history {path} is damaged: {error}. Restore a copy, or move it away."
        )
    return StoreError(f"The chat history {path} cannot be used: {error}.")
