"""A few processes that do one job under a bound of time and memory, and outlive none of it.

A request that crashes its process, hangs or eats memory fails alone: its process is killed and
the next request gets a fresh one. Processes start with the first request, or when told to.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ragkit.errors import IngestError
from ragkit.ingest.worker import BOOT, Bounds, Reply

__all__ = ["Failure", "Workers", "worker_count"]

_MOST = 4
_START_SECONDS = 60.0  # a loaded machine, a cold disk
_WATCH_SECONDS = 0.1
_MEGABYTE = 1 << 20
_SINGLE_THREADED = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a request got no answer, in words for a person, and after how many seconds."""

    reason: str
    seconds: float = 0.0


Outcome = tuple[list[Any], Any]
"""Items, and what the job returned for them, or their Failure."""


def worker_count() -> int:
    """Return how many processes are worth it here."""
    if hasattr(os, "sched_getaffinity"):
        return max(1, min(_MOST, len(os.sched_getaffinity(0))))
    return max(1, min(_MOST, os.cpu_count() or 1))


class Workers:
    """Processes that run ``job``, which takes a list of items. A context manager.

    ``job`` is picklable and from an installed package. Each call may take ``seconds``, and
    ``memory_mb`` beyond what the process has loaded; where the system cannot bound memory, time
    alone. Use it from one thread.
    """

    def __init__(
        self, job: Callable[[list[Any]], Any], *, count: int, seconds: float, memory_mb: int
    ) -> None:
        self._setup = b"".join(
            pickle.dumps(part) for part in (sys.path, Bounds(seconds, memory_mb * _MEGABYTE), job)
        )
        self._count = count
        self._seconds = seconds
        self._memory_mb = memory_mb
        self._threads = ThreadPoolExecutor(count, thread_name_prefix="ragkit-read")
        self._guard = threading.Lock()
        self._idle: list[_Worker] = []
        self._all: set[_Worker] = set()
        self._closed = threading.Event()
        self._watching = False

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self) -> None:
        """Have all processes started, while the caller sees to something else."""
        for _ in range(self._count):
            self._threads.submit(self._start_one)

    def submit(self, items: Sequence[Any]) -> Future[list[Outcome]]:
        """Have ``items`` done together; where that fails, each alone, so that one fails alone.

        The outcomes cover the items in order. The future raises IngestError where no process can
        be started.
        """
        return self._threads.submit(self._run, list(items))

    def close(self) -> None:
        """Stop everything at once, whatever it is doing."""
        self._closed.set()
        self._threads.shutdown(wait=False, cancel_futures=True)
        with self._guard:
            left = list(self._all)
        for worker in left:
            worker.stop()
        self._threads.shutdown(wait=True)
        with self._guard:
            left = list(self._all)  # one that was just being started
        for worker in left:
            worker.stop()
            worker.reap()

    def _run(self, items: list[Any]) -> list[Outcome]:
        answer = self._ask(items)
        if isinstance(answer, Failure) and len(items) > 1:
            return [([item], self._ask([item])) for item in items]
        return [(items, answer)]

    def _ask(self, items: list[Any]) -> Any:
        worker = self._take()
        began = time.monotonic()
        reply = worker.ask(items, self._seconds)
        seconds = time.monotonic() - began
        if reply is None or reply.out_of_memory:
            with self._guard:
                self._all.discard(worker)
            worker.stop()
            code = worker.reap()
            return Failure(self._reason(worker, code, out_of_memory=reply is not None), seconds)
        with self._guard:
            self._idle.append(worker)
        if reply.raised:
            return Failure(f"Its reader failed: {reply.raised}.", seconds)
        return reply.value

    def _reason(self, worker: _Worker, code: int, *, out_of_memory: bool) -> str:
        if out_of_memory or worker.stopped_for == "memory":
            return f"Reading it needs more than {self._memory_mb} MB of memory."
        if worker.stopped_for == "time":
            return f"Reading it took longer than {self._seconds:g} s."
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        return f"Damaged file: the reader crashed ({how})."

    def _start_one(self) -> None:
        with contextlib.suppress(IngestError):  # who needs one will be told
            worker = self._started()
            with self._guard:
                self._idle.append(worker)

    def _take(self) -> _Worker:
        with self._guard:
            if self._closed.is_set():
                raise IngestError("Reading was stopped.")
            if self._idle:
                return self._idle.pop()
        return self._started()

    def _started(self) -> _Worker:
        with self._guard:
            if not self._watching:
                self._watching = True
                threading.Thread(target=self._watch, name="ragkit-watch", daemon=True).start()
        worker = _Worker()
        with self._guard:
            self._all.add(worker)
        if self._closed.is_set():
            worker.stop()
        if not worker.start(self._setup):
            with self._guard:
                self._all.discard(worker)
            worker.stop()
            raise IngestError(
                "No process to read files could be started "
                f"({sys.executable}, exit code {worker.reap()}). Check memory and process limits."
            )
        return worker

    def _watch(self) -> None:
        while not self._closed.wait(_WATCH_SECONDS):
            with self._guard:
                watched = list(self._all)
            for worker in watched:
                worker.check(self._memory_mb * _MEGABYTE)


class _Worker:
    """One process. ``stopped_for`` is ``time`` or ``memory`` when `check` ended it."""

    def __init__(self) -> None:
        self.stopped_for = ""
        self._until: float | None = None
        self._lock = threading.Lock()
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-c", BOOT],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={**_SINGLE_THREADED, **os.environ},
            )
        except OSError as error:
            raise IngestError(f"No process to read files could be started: {error}.") from error
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._requests, self._replies = self._process.stdin, self._process.stdout
        self._own = 0  # bytes held before its first request

    def start(self, setup: bytes) -> bool:
        """Tell the process its job; return whether it is ready."""
        if self._exchange(setup, _START_SECONDS) is None:
            return False
        self._own = self._resident()
        return True

    def ask(self, items: list[Any], seconds: float) -> Reply | None:
        """Return the reply; None when the process ended instead."""
        return self._exchange(pickle.dumps(items, pickle.HIGHEST_PROTOCOL), seconds)

    def check(self, memory: int) -> None:
        """Stop the process if its time is over or it holds more than ``memory`` bytes more."""
        with self._lock:
            if self._until is None:
                return
            if time.monotonic() > self._until:
                self.stopped_for = "time"
            elif self._own and self._resident() - self._own > memory:
                self.stopped_for = "memory"
            if self.stopped_for:
                self._process.kill()

    def stop(self) -> None:
        """End the process, whatever it is doing."""
        with self._lock, contextlib.suppress(OSError):
            self._process.kill()

    def reap(self) -> int:
        """Wait for the ended process and return its exit code."""
        code = self._process.wait()
        for stream in (self._requests, self._replies):
            with contextlib.suppress(OSError):
                stream.close()
        return code

    def _exchange(self, request: bytes, seconds: float) -> Reply | None:
        with self._lock:
            self._until = time.monotonic() + seconds
        try:
            self._requests.write(request)
            self._requests.flush()
            reply: Reply = pickle.load(self._replies)
        except (OSError, EOFError, pickle.UnpicklingError):
            return None
        finally:
            with self._lock:
                self._until = None
        return None if self.stopped_for else reply

    def _resident(self) -> int:
        """Return the bytes that the process holds; 0 where that is not to be had."""
        try:
            text = Path(f"/proc/{self._process.pid}/statm").read_text("ascii")
        except OSError:
            return 0
        return int(text.split()[1]) * os.sysconf("SC_PAGE_SIZE")
