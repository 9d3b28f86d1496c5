"""The rows and the report of one folder, read again only when something may have changed."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from ragkit.health.inventory import FileRow, inventory

if TYPE_CHECKING:
    from ragkit.health import Health
    from ragkit.knowledge import KnowledgeBase

__all__ = ["Overview"]

_FRESH_SECONDS = 30.0


class Overview:
    """What a page shows of a folder, shared by all who look at it. Safe between threads."""

    def __init__(self, kb: KnowledgeBase) -> None:
        """Read nothing yet."""
        self._kb = kb
        self._guard = threading.Lock()
        self._rows: tuple[FileRow, ...] | None = None
        self._seen: object = None
        self._read_at = 0.0
        self._health: Health | None = None
        self._health_of: object = None

    def rows(self, generation: object) -> tuple[FileRow, ...]:
        """Return the folder's files, at most half a minute old.

        ``generation`` is the indexer's: another one than last time has them read at once. Raises
        what ``inventory`` raises.
        """
        with self._guard:
            stale = time.monotonic() - self._read_at > _FRESH_SECONDS
            if self._rows is None or stale or self._seen != generation:
                self._rows = inventory(self._kb)
                self._seen, self._read_at = generation, time.monotonic()
            return self._rows

    def health(self, generation: object) -> Health:
        """Return the report, made anew when ``generation`` is another or after ``forget``."""
        from ragkit.health import health

        with self._guard:
            if self._health is None or self._health_of != generation:
                self._health, self._health_of = health(self._kb), generation
            return self._health

    def forget(self) -> None:
        """Read everything again when it is next asked for: a file was brought or taken away."""
        with self._guard:
            self._rows = self._health = None
