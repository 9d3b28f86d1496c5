"""Milvus Lite in this process: one server for each folder, shared by all that open it.

Milvus Lite is a server in threads. Its own launcher listens on a TCP port that every user of the
machine can read from, says nothing of why it failed, and stops only with the process. Here it
listens on a socket in a folder that only this user can enter, and stops with its last user.
"""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ragkit.errors import StoreError

__all__ = ["LiteServer", "open_lite"]

_GRACE = 5  # seconds that a request still running gets to end
_THREADS = 4
_MOST_BYTES = 256 * 2**20  # of a message, as in a Milvus server


@dataclass(slots=True)
class LiteServer:
    """A folder that is open; ``url`` is what a Milvus client connects to."""

    path: Path
    url: str
    lock: threading.RLock
    """Held around each request: reads beside a write are not safe in Milvus Lite."""
    _stop: Callable[[], None]
    _users: int = 0

    def release(self) -> None:
        """Let go of it; the last one to do so closes the folder."""
        with _OPENING:
            self._users -= 1
            if self._users > 0:
                return
            _OPEN.pop((os.getpid(), self.path), None)
            self._stop()


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
    from milvus_lite import DataDirLockedError, MilvusLite

    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        database = MilvusLite(str(path))
    except DataDirLockedError as error:
        raise StoreError(
            f"Milvus Lite at {path} is open in another process, and it takes one. "
            "Close the other, or run a server: milvus+http://HOST:19530."
        ) from error
    except (FileExistsError, NotADirectoryError) as error:
        raise StoreError(
            f"{path} is a file, and Milvus Lite keeps a folder. "
            "Give another place with --index milvus://PATH."
        ) from error
    except OSError as error:
        raise StoreError(
            f"Milvus Lite cannot open {path}: {error.strerror or error}. "
            "Make room or mend its permissions, and try again."
        ) from error
    try:
        return _serve(path, database)
    except BaseException:
        database.close()
        raise


def _serve(path: Path, database: Any) -> LiteServer:
    import grpc
    from milvus_lite.adapter.grpc.servicer import MilvusServicer
    from pymilvus.grpc_gen import milvus_pb2_grpc

    workers = ThreadPoolExecutor(_THREADS, thread_name_prefix="milvus-lite")
    sizes = [(f"grpc.max_{way}_message_length", _MOST_BYTES) for way in ("receive", "send")]
    server = grpc.server(workers, options=sizes)
    milvus_pb2_grpc.add_MilvusServiceServicer_to_server(MilvusServicer(database), server)
    folder = None
    if os.name == "posix":
        folder = tempfile.TemporaryDirectory(prefix="ragkit-")  # mode 0700
        url = f"unix:{folder.name}/milvus"
        server.add_insecure_port(url)
    else:
        url = f"http://127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()

    def stop() -> None:
        server.stop(_GRACE).wait()
        workers.shutdown()
        database.close()
        if folder is not None:
            folder.cleanup()

    return LiteServer(path, url, threading.RLock(), stop)
