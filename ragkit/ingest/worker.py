"""What runs in a process that reads files for another: one job, asked again and again.

The process is told on its standard input what to do and answers on its standard output, so it
works on every system, imports nothing of the program that started it, and ends with it: a parent
that dies closes the pipe, and whatever still runs then is stopped by an alarm.
"""

from __future__ import annotations

import contextlib
import gc
import os
import pickle
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import IO, Any, NamedTuple

__all__ = ["BOOT", "Bounds", "Reply", "serve"]

BOOT = (
    "import os, pickle, sys; requests = os.fdopen(os.dup(0), 'rb');"
    " sys.path[:] = pickle.load(requests);"
    " from ragkit.ingest.worker import serve; serve(requests)"
)
"""What the process runs: ``sys.path`` comes first, so that it finds the same ragkit."""

_LEFT_ALONE = 5.0  # seconds beyond its time that a hung process lives when nobody stops it
_LOOKS = 2.0
# Addresses are not memory: libraries that compute (OCR) reserve far more of them than they use.
_ADDRESSES = 3


class Bounds(NamedTuple):
    """What one request may take: ``seconds``, and ``memory`` in bytes beyond what is loaded.

    The parent watches both. The process itself is refused memory beyond a few times as much.
    """

    seconds: float
    memory: int


class Reply(NamedTuple):
    """``value`` is what the job returned; without one it ran out of memory, or ``raised``."""

    value: Any = None
    out_of_memory: bool = False
    raised: str = ""


def serve(requests: IO[bytes]) -> None:
    """Answer ``requests`` until they end: first `Bounds`, then the job, then its arguments."""
    with contextlib.suppress(ValueError, OSError):
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    replies = _replies()
    bounds: Bounds = pickle.load(requests)
    job: Callable[[Any], Any] = pickle.load(requests)
    threading.Thread(target=_end_with_parent, args=(os.getppid(),), daemon=True).start()
    _limit_memory(bounds.memory)
    gc.freeze()  # what is loaded by now stays
    gc.set_threshold(50_000, 20, 20)  # files leave little that holds itself
    _send(replies, Reply())
    while True:
        try:
            argument = pickle.load(requests)
        except EOFError:
            return
        _alarm(bounds.seconds + _LEFT_ALONE)
        reply = _answer(job, argument)
        try:
            _send(replies, reply)
        except MemoryError:
            reply = Reply(out_of_memory=True)
            _send(replies, reply)
        except BrokenPipeError:
            return
        _alarm(0)
        if reply.out_of_memory:
            return  # what it still holds would be missing for the next file


def _replies() -> IO[bytes]:
    """Return the pipe for replies, out of the reach of libraries that print."""
    replies = os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nowhere, number)
    os.close(nowhere)
    return replies


def _answer(job: Callable[[Any], Any], argument: Any) -> Reply:
    try:
        return Reply(job(argument))
    except MemoryError:
        return Reply(out_of_memory=True)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is the job's
        return Reply(raised=f"{type(error).__name__}: {error}"[:300])


def _send(stream: IO[bytes], value: object) -> None:
    # At once: half of a reply would spoil those that follow.
    data = pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
    stream.write(data)
    stream.flush()


def _alarm(seconds: float) -> None:
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_REAL, seconds)  # by default the process ends


def _end_with_parent(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_LOOKS)
    os._exit(1)


def _limit_memory(more: int) -> None:
    """Let this process map only a few times ``more`` bytes, where the system can do that."""
    if not sys.platform.startswith("linux"):
        return
    import resource
    from pathlib import Path

    with contextlib.suppress(OSError, ValueError):
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[0])
        wanted = pages * resource.getpagesize() + _ADDRESSES * more
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (wanted, hard))
