"""Indexing beside the chat: one thread a folder, shared by all who look at its page.

Questions are answered from the last commit meanwhile. Nothing that goes wrong is raised into a
page: it is in the state, in words.
"""

from __future__ import annotations

import atexit
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from ragkit.errors import RagkitError

if TYPE_CHECKING:
    from ragkit.knowledge import KnowledgeBase
    from ragkit.types import IndexReport

__all__ = ["Indexer", "IndexingState"]

log = logging.getLogger("ragkit.background")

_UNEXPECTED = "Indexing failed unexpectedly. The terminal that runs the chat says more."
_LEAVE_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class IndexingState:
    """What is going on. ``total`` is 0 while the folder is being looked through.

    ``source`` is the file being read. ``report`` and ``error`` are the last run's: at most one of
    them is set, and both stay until the next run ends. ``seconds`` is how long the run has taken.
    """

    running: bool = False
    done: int = 0
    total: int = 0
    source: str = ""
    report: IndexReport | None = None
    error: str | None = None
    seconds: float = 0.0


class _Left(Exception):
    """The process ends; raised out of a run by its own progress."""


class Indexer:
    """Indexes one knowledge base in the background. Safe to share between threads."""

    def __init__(self, kb: KnowledgeBase) -> None:
        """Start nothing yet."""
        self._kb = kb
        self._guard = threading.Condition()
        self._indexing = threading.Lock()  # the watcher's looks wait for a run, and the other way
        self._state = IndexingState()
        self._began = 0.0
        self._thread: threading.Thread | None = None
        self._again: bool | None = None  # asked for while running; the value is ``rebuild``
        self._watcher: threading.Thread | None = None
        self._unwatch = threading.Event()
        self._leaving = threading.Event()
        self._generation = 0
        self._finished_at: float | None = None

    @property
    def state(self) -> IndexingState:
        """What is going on, and how the last run ended."""
        with self._guard:
            if not self._state.running:
                return self._state
            return replace(self._state, seconds=time.monotonic() - self._began)

    @property
    def generation(self) -> int:
        """Grows by one whenever a run that may have changed the index ends."""
        with self._guard:
            return self._generation

    @property
    def finished_at(self) -> float | None:
        """When the last run ended, in seconds since 1970; None before the first."""
        with self._guard:
            return self._finished_at

    @property
    def watching(self) -> bool:
        """Whether the folder is being followed."""
        with self._guard:
            return self._watcher is not None

    def start(self, *, rebuild: bool = False) -> bool:
        """Begin a run; return whether it began now.

        Where one is under way, another follows it, since that one may have passed the files that
        changed. A ``rebuild`` reads everything again, beside the index that answers meanwhile.
        """
        with self._guard:
            if self._leaving.is_set():
                return False
            if self._thread is not None:
                self._again = rebuild or bool(self._again)
                return False
            self._begin()
            self._thread = self._spawn(lambda: self._runs(rebuild), "ragkit-index")
            return True

    def watch(self, on: bool) -> None:
        """Follow the folder's changes from now on, or no longer."""
        with self._guard:
            if on == (self._watcher is not None) or (on and self._leaving.is_set()):
                return
            if not on:
                self._unwatch.set()
                self._watcher = None
                return
            self._unwatch = threading.Event()
            unwatch = self._unwatch
            self._watcher = self._spawn(lambda: self._follow(unwatch), "ragkit-watch")

    def wait(self, seconds: float | None = None) -> bool:
        """Wait for the runs under way; return whether they ended within ``seconds``."""
        with self._guard:
            return self._guard.wait_for(lambda: self._thread is None, seconds)

    def close(self) -> None:
        """Stop watching, and end a run at the next file; what it has read is kept."""
        self._leaving.set()
        watcher = self._watcher
        self.watch(False)
        self.wait(_LEAVE_SECONDS)
        if watcher is not None:
            watcher.join(_LEAVE_SECONDS)

    def _spawn(self, work: Callable[[], None], name: str) -> threading.Thread:
        atexit.unregister(self.close)
        atexit.register(self.close)  # a thread cut off inside SQLite could take the exit with it
        thread = threading.Thread(target=work, name=name, daemon=True)
        thread.start()
        return thread

    def _begin(self) -> None:
        self._began = time.monotonic()
        self._state = replace(self._state, running=True, done=0, total=0, source="", seconds=0.0)

    def _end(self, report: IndexReport | None, error: str | None) -> None:
        with self._guard:
            took = time.monotonic() - self._began
            self._state = IndexingState(report=report, error=error, seconds=took)
            self._generation += 1
            self._finished_at = time.time()

    def _runs(self, rebuild: bool) -> None:
        """Run until nobody asks for another run."""
        while True:
            with self._indexing:
                run = partial(self._kb.index, rebuild=rebuild, progress=self._progress)
                self._end(*self._attempt(run))
            with self._guard:
                again, self._again = self._again, None
                if again is None or self._leaving.is_set():
                    self._thread = None
                    self._guard.notify_all()
                    return
                rebuild = again
                self._begin()

    def _attempt(
        self, work: Callable[[], IndexReport | None]
    ) -> tuple[IndexReport | None, str | None]:
        """Return what ``work`` returns, and what went wrong in words."""
        try:
            return work(), None
        except _Left:
            return None, None
        except RagkitError as error:
            return None, str(error)
        except Exception:
            if self._ending():
                return None, None  # what it needed is being taken down
            # Broad on purpose: a thread has no one to raise to; the log has the rest.
            log.exception("indexing failed")
            return None, _UNEXPECTED

    def _ending(self) -> bool:
        return self._leaving.is_set() or not threading.main_thread().is_alive()

    def _progress(self, done: int, total: int, source: str) -> None:
        if self._ending():
            raise _Left
        with self._guard:
            if not self._state.running:  # the watcher's run found something to do
                self._begin()
            self._state = replace(self._state, done=done, total=total, source=source)

    def _follow(self, unwatch: threading.Event) -> None:
        """Look at the folder after each change, until told not to or until it cannot be."""

        def look_on() -> None:
            self._look()  # at what changed before anyone watched
            for _ in self._kb.changes(stop=unwatch):
                if unwatch.is_set() or self._look() is not None:
                    return

        error = self._attempt(look_on)[1]
        with self._guard:
            if self._unwatch is unwatch:
                self._watcher = None
        if error is not None:
            self._end(None, error)

    def _look(self) -> str | None:
        """Index what changed, seen by people only where something did; return what went wrong."""
        with self._indexing:
            report, error = self._attempt(lambda: self._kb.index(progress=self._progress))
            with self._guard:
                # Shown as running by ``_progress``; a run that waits for this one goes on.
                shown = self._state.running and self._thread is None
            changed = report is not None and (report.added or report.updated or report.deleted)
            if shown or changed or error:
                self._end(report, error)
                with self._guard:
                    if self._thread is not None:
                        self._begin()
        return error
