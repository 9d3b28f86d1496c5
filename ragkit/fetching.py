"""Fetching a preset's weights in the background, when a person has asked for it."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from ragkit.errors import RagkitError

if TYPE_CHECKING:
    from ragkit.models.fetch.remote_files import Plan

__all__ = ["Fetching"]

log = logging.getLogger(__name__)


class _Stopped(KeyboardInterrupt):
    """Ends a download from within: the libraries take it for Ctrl-C, and keep what came."""


class Fetching:
    """One preset's models: first what they take, then the download. Safe between threads.

    ``size`` and ``received`` are in bytes, ``size`` None until a hub was asked; ``error`` is a
    message for the person, and what came until then stays. ``stopped``: a person ended it.
    """

    def __init__(self, models: Sequence[str]) -> None:
        """Ask nobody yet."""
        self._models = tuple(models)
        self._guard = threading.Lock()
        self._thread: threading.Thread | None = None
        self._wish_to_stop = threading.Event()
        self.size: int | None = None
        self.received = 0
        self.done = False
        self.stopped = False
        self.error: str | None = None

    @property
    def running(self) -> bool:
        """Whether a hub is being asked, or weights are on their way."""
        thread = self._thread
        return thread is not None and thread.is_alive()

    def ask_size(self) -> None:
        """Ask the hub how much there is to fetch."""
        self._start(self._plan)

    def start(self) -> None:
        """Fetch everything, going on where an earlier download stopped."""
        self._start(self._fetch)

    def stop(self) -> None:
        """End the download when the next bytes come; ``start`` goes on from there."""
        self._wish_to_stop.set()

    def _start(self, work: Callable[[], object]) -> None:
        with self._guard:
            if self.running or self.done:
                return
            self.error, self.stopped = None, False
            self._wish_to_stop.clear()
            self._thread = threading.Thread(
                target=self._work, args=(work,), name="ragkit-fetch", daemon=True
            )
            self._thread.start()

    def _work(self, work: Callable[[], object]) -> None:
        os.environ.setdefault("TQDM_DISABLE", "1")  # the libraries' own bars; read at their import
        try:
            work()
        except _Stopped:
            self.stopped = True
        except RagkitError as error:
            self.error = str(error)
        except Exception as error:
            # Broad on purpose: a thread has no one to raise to; the log has the rest.
            log.exception("fetching failed")
            self.error = f"The download failed ({type(error).__name__}). What came is kept."

    def _plan(self) -> list[Plan]:
        from ragkit.models.fetch.download import plan_download

        plans = [plan_download(model) for model in self._models]
        self.size = sum(plan.size for plan in plans)
        self.received = sum(plan.received for plan in plans)
        return plans

    def _fetch(self) -> None:
        from ragkit.models.fetch.download import check_space, download_weights

        plans = self._plan()  # again: what is here may have changed since it was asked
        check_space(plans)
        for plan in plans:
            download_weights(plan, progress=self._count)
        self.done = True

    def _count(self, number: int) -> None:
        if self._wish_to_stop.is_set():
            raise _Stopped
        self.received += number
