"""Milvus Lite in this process: one server for each folder, shared by all that open it.

Milvus Lite is a server in threads. Its own launcher listens on a TCP port that every user of the
machine can read from, says nothing of why it failed, and stops only with the process. Here it
listens on a socket in a folder that only this user can enter, and stops with its last user.
"""

from __future__ import annotations

import os
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ragkit.errors import StoreError

__all__ = ["LiteServer", "open_lite"]

_GRACE = 5  # seconds that a request still running gets to end


@dataclass(slots=True)
class LiteServer:
    """A folder that is open; ``url`` is what a Milvus client connects to."""

    path: Path
    url: str
    lock: threading.RLock
    """Held around each request: reads beside a write are not safe in Milvus Lite."""
    _parts: list[Any]  # the gRPC server, the database, the socket's folder
    _users: int = 0

    def release(self) -> None:
        """Let go of it; the last one to do so closes the folder."""
        with _OPENING:
            self._users -= 1
            if self._users > 0:
                return
            _OPEN.pop((os.getpid(), self.path), None)
            server, database, folder = self._parts
            self._parts.clear()  # its threads end when nothing refers to the server
            server.stop(_GRACE).wait()
            database.close()
            if folder is not None:
                folder.cleanup()


_OPENING = threading.Lock()
_OPEN: dict[tuple[int, Path], LiteServer] = {}  # by process: a fork has none of the threads


def open_lite(path: Path) -> LiteServer:
    """Open the folder of a Milvus Lite, made with mode 0700 where there is none.

    Call ``release`` on what comes back. Raises StoreError when another process has it open, when a
    file is in its place, and when it cannot be written or is damaged.
    """
    path = path.expanduser().resolve()
    with _OPENING:
        found = _OPEN.get((os.getpid(), path))
        if found is None:
            found = _start(path)
            _OPEN[os.getpid(), path] = found
        found._users += 1
        return found


def _start(path: Path) -> LiteServer:
    from milvus_lite.adapter.grpc.server import start_server_in_thread
    from milvus_lite.exceptions import DataDirLockedError

    folder = None
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        if os.name == "posix":
            folder = tempfile.TemporaryDirectory(prefix="ragkit-")  # mode 0700
            host = f"unix:{folder.name}/milvus"
        else:
            host = "127.0.0.1"
        server, database, port = start_server_in_thread(str(path), host=host, port=0)
    except BaseException as error:
        if folder is not None:
            folder.cleanup()
        if isinstance(error, DataDirLockedError):
            raise StoreError(
                f"Milvus Lite at {path} is open in another process, and it takes one. "
                "Close the other, or run a server: milvus+http://HOST:19530."
            ) from error
        if isinstance(error, (FileExistsError, NotADirectoryError)):
            raise StoreError(
                f"{path} is a file, and Milvus Lite 3 keeps a folder. "
                "Give another place with --index milvus://PATH."
            ) from error
        if isinstance(error, OSError):
            raise StoreError(
                f"Milvus Lite cannot open {path}: {error.strerror or error}. "
                "Make room or mend its permissions, and try again."
            ) from error
        raise
    # A socket's port is 0, and a part of its name.
    url = f"{host}:0" if folder else f"http://{host}:{port}"
    return LiteServer(path, url, threading.RLock(), [server, database, folder])
