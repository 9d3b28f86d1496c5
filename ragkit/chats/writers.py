"""Which process writes an answer, so that one that died leaves none "being written" for ever."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

__all__ = ["is_alive", "this_writer"]


def this_writer() -> str:
    """Return a name for this process that no later process gets."""
    return f"{os.getpid()}:{_started(os.getpid())}"


def is_alive(writer: str) -> bool:
    """Return whether the process of that name still runs on this machine."""
    pid, _, started = writer.partition(":")
    if writer == this_writer():
        return True
    if not pid.isdigit() or not _runs(int(pid)):
        return False
    return started == _look(int(pid))


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except (OSError, OverflowError):
        return False
    return True


@cache
def _started(pid: int) -> str:
    return _look(pid)


def _look(pid: int) -> str:
    """Return when the process began, in ticks since boot, where /proc tells (proc(5), field 22).

    One that has ended, and whose parent has not asked for its status yet, gives "ended".
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text("ascii", "replace")
    except OSError:
        return ""
    state, *rest = stat.rpartition(")")[2].split()
    return "ended" if state in "ZX" else rest[18]
