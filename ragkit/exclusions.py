"""What people decided about a folder's files, kept outside the folder so that it stays untouched.

One small SQLite file a folder: which files are left out of the index, and which were uploaded
through the page. Every face reads it; threads and processes may write at once.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ragkit.errors import StoreError

__all__ = ["EXCLUDED", "FolderNotes", "Uploaded", "folder_key", "open_notes"]

EXCLUDED = "Excluded in the chat's Documents page."
"""The reason for which a file that was left out is reported as skipped."""

_WAIT_SECONDS = 10.0
_TABLES = (
    "CREATE TABLE IF NOT EXISTS excluded (source TEXT PRIMARY KEY) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS upload (source TEXT PRIMARY KEY, sha256 TEXT NOT NULL,"
    " size INTEGER NOT NULL, uploaded_at TEXT NOT NULL) WITHOUT ROWID",
)


@dataclass(frozen=True, slots=True)
class Uploaded:
    """A file that the page brought. ``size`` is in bytes, ``uploaded_at`` ISO 8601 in UTC."""

    source: str
    sha256: str
    size: int
    uploaded_at: str


def folder_key(folder: Path, *more: object) -> str:
    """Return a file name's stem that stands for ``folder`` (and ``more``): readable and unique."""
    resolved = folder.resolve()
    digest = hashlib.sha256(repr((str(resolved), *more)).encode("utf-8", "surrogatepass"))
    name = re.sub(r"\W+", "-", resolved.name).strip("-")[:40] or "folder"
    return f"{name}-{digest.hexdigest()[:16]}"


def open_notes(home: Path, folder: Path) -> FolderNotes:
    """Return the notes on ``folder`` under ``home``; nothing is written before the first note."""
    return FolderNotes(home / "folders" / f"{folder_key(folder)}.db")


class FolderNotes:
    """The notes in one file. Every method raises StoreError where the file cannot be used."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def excluded(self) -> frozenset[str]:
        """Return the sources that are left out of the index."""
        return frozenset(row[0] for row in self._rows("SELECT source FROM excluded"))

    def exclude(self, sources: Iterable[str]) -> None:
        """Leave ``sources`` out of the index from its next run on."""
        with self._writing() as connection:
            connection.executemany(
                "INSERT OR IGNORE INTO excluded VALUES (?)", [(source,) for source in sources]
            )

    def include(self, sources: Iterable[str]) -> None:
        """Take ``sources`` in again; those that were never left out are no matter."""
        if not self.path.exists():
            return
        with self._writing() as connection:
            connection.executemany(
                "DELETE FROM excluded WHERE source = ?", [(source,) for source in sources]
            )

    def uploads(self) -> dict[str, Uploaded]:
        """Return what was uploaded, by source."""
        rows = self._rows("SELECT source, sha256, size, uploaded_at FROM upload")
        return {row[0]: Uploaded(*row) for row in rows}

    def uploaded(self, source: str) -> Uploaded | None:
        """Return what is known of an uploaded file; None for any other."""
        rows = self._rows(
            "SELECT source, sha256, size, uploaded_at FROM upload WHERE source = ?", (source,)
        )
        return Uploaded(*rows[0]) if rows else None

    def note_upload(self, source: str, *, sha256: str, size: int) -> None:
        """Note that the page brought ``source`` with these bytes; it is in the index again."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        with self._writing() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO upload VALUES (?, ?, ?, ?)", (source, sha256, size, now)
            )
            connection.execute("DELETE FROM excluded WHERE source = ?", (source,))

    def forget_upload(self, source: str) -> None:
        """Forget a file that was deleted, and that it was left out."""
        with self._writing() as connection:
            connection.execute("DELETE FROM upload WHERE source = ?", (source,))
            connection.execute("DELETE FROM excluded WHERE source = ?", (source,))

    def remove(self) -> None:
        """Forget everything: the file itself goes."""
        with self._in_words():
            for ending in ("", "-journal"):
                Path(f"{self.path}{ending}").unlink(missing_ok=True)

    def _rows(self, statement: str, parameters: tuple[str, ...] = ()) -> list[tuple[Any, ...]]:
        if not self.path.exists():
            return []
        with self._in_words(), contextlib.closing(self._connect()) as connection:
            return connection.execute(statement, parameters).fetchall()

    @contextlib.contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._in_words():
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            os.close(os.open(self.path, os.O_CREAT | os.O_RDWR, 0o600))
            with contextlib.closing(self._connect()) as connection, connection:
                for statement in _TABLES:
                    connection.execute(statement)
                yield connection

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self.path, timeout=_WAIT_SECONDS)

    @contextlib.contextmanager
    def _in_words(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise StoreError(
                f"The notes on this folder's files, {self.path}, cannot be used: {reason}. "
                "Check the space on its disk and its permissions."
            ) from error
