"""The bytes of one file, whatever else may be at its path."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from ragkit.errors import IngestError
from ragkit.ingest.readers.content import Limits
from ragkit.ingest.readers.sniff import megabytes

__all__ = ["read_file"]

_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


def read_file(path: Path, limits: Limits) -> bytes:
    """Return the bytes of a regular file in one go, so that later changes do not matter.

    Never blocks on a FIFO or device. Raises IngestError where it cannot be read.
    """
    try:
        handle = os.open(path, _FLAGS)
        try:
            status = os.fstat(handle)
            if not stat.S_ISREG(status.st_mode):
                raise IngestError("Not a regular file.")
            data = _read(handle, status.st_size, limits.max_bytes)
        finally:
            os.close(handle)
    except FileNotFoundError as error:
        raise IngestError("The file has vanished.") from error
    except PermissionError as error:
        raise IngestError("No permission to read it.") from error
    except OSError as error:
        raise IngestError(f"Cannot be read: {error.strerror}.") from error
    if len(data) > limits.max_bytes:
        size = max(status.st_size, len(data))
        raise IngestError(f"Too large: {megabytes(size)}, limit {megabytes(limits.max_bytes)}.")
    if not data:
        raise IngestError("Empty file.")
    return data


def _read(handle: int, size: int, most: int) -> bytes:
    """Return up to ``most`` + 1 bytes of a file that had ``size`` when it was opened.

    One that grows meanwhile, such as a log, is read to about where it ended.
    """
    left = min(most, size + 65_536) + 1
    data = os.read(handle, min(left, size + 1))
    if len(data) == size:
        return data
    parts = [data]
    while data and left > len(data):
        left -= len(data)
        data = os.read(handle, left)
        parts.append(data)
    return b"".join(parts)
