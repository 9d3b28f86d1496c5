"""The bytes of one file, whatever else may be at its path."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from ragkit.errors import IngestError
from ragkit.ingest.readers.content import Limits
from ragkit.ingest.readers.sniff import megabytes

__all__ = ["read_file"]


def read_file(path: Path, limits: Limits) -> bytes:
    """Return the bytes of a regular file in one go, so that later changes do not matter.

    Never blocks on a FIFO or device. Raises IngestError where it cannot be read.
    """
    try:
        handle = os.open(
            path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
        )
        try:
            status = os.fstat(handle)
            if not stat.S_ISREG(status.st_mode):
                raise IngestError("Not a regular file.")
            with os.fdopen(handle, "rb", closefd=False) as stream:
                # A file that grows meanwhile, such as a log, is read to about where it ended.
                data = stream.read(min(limits.max_bytes, status.st_size + 65_536) + 1)
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
