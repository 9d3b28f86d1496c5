"""The files that an index was made from, as they lie in the folder.

Only a regular file inside the folder is ever read: a name comes from an index, an index from
somewhere, and a link may have been turned since.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from ragkit.errors import IngestError
from ragkit.ingest.folder import locate

__all__ = ["MOST_BYTES", "find_original", "is_pdf", "read_original"]

MOST_BYTES = 200_000_000


def find_original(folder: Path, source: str) -> Path:
    """Return the real path of the file ``source`` of ``folder``.

    Raises IngestError, in words, for a file that is gone, is no regular file, or lies, all links
    followed, outside the folder.
    """
    name = source.rpartition("/")[2] or source
    try:
        path = locate(folder, source)
        root = folder.resolve(strict=True)
        real = path.resolve(strict=True)
        mode = real.stat().st_mode
    except FileNotFoundError as error:
        raise IngestError(f"The file '{name}' is not in the folder any more.") from error
    except (OSError, RuntimeError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "its name or its link leads nowhere"
        raise IngestError(f"'{name}' cannot be opened: {reason}.") from error
    if not real.is_relative_to(root):
        raise IngestError(f"'{name}' leads out of the folder.")
    if not stat.S_ISREG(mode):
        raise IngestError(f"'{name}' is not a file any more.")
    return real


def read_original(folder: Path, source: str, *, most: int = MOST_BYTES) -> bytes:
    """Return the bytes of the file ``source`` of ``folder``.

    Raises IngestError as ``find_original`` does, and for a file of more than ``most`` bytes.
    """
    path = find_original(folder, source)
    # The path has no links left: one that appears now was put there to mislead.
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        descriptor = os.open(path, flags)
    except OSError as error:
        link = error.errno == errno.ELOOP
        reason = "it has become a link" if link else error.strerror
        raise IngestError(f"'{path.name}' cannot be opened: {reason}.") from error
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        os.close(descriptor)
        raise IngestError(f"'{path.name}' is not a file any more.")
    with os.fdopen(descriptor, "rb") as file:
        if status.st_size > most:
            size, limit = status.st_size / 1e6, most / 1e6
            raise IngestError(f"'{path.name}' has {size:.0f} MB; at most {limit:.0f} MB are sent.")
        return file.read(most)


def is_pdf(path: Path) -> bool:
    """Return whether the file begins as PDFs do, whatever its name; False if it cannot be read."""
    try:
        with path.open("rb") as file:
            return b"%PDF-" in file.read(1024)
    except OSError:
        return False
