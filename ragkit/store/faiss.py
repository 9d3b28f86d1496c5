"""Exact inner products by FAISS, beside the index file: one file a collection, in one folder.

LlamaIndex's classes for FAISS can neither delete nor filter, so FAISS's own are used: an
``IndexFlatIP`` under an ``IndexIDMap2``, whose ids are the rows of the index file. Files are
written beside the old one, flushed to the disk and renamed, so that a process that is killed leaves
a whole one behind; another process that reads sees the new one at its next question.
"""

from __future__ import annotations

import importlib.util
import os
import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ragkit.errors import ConfigError, MissingExtra, StoreError

if TYPE_CHECKING:
    from llama_index.core.schema import BaseNode

    from ragkit.store.engine import Address, Key
    from ragkit.store.sparse import SparseVector

__all__ = ["FaissEngine", "open_faiss"]

_NAME = re.compile(r"\w+")


@dataclass(slots=True)
class _Loaded:
    """An index in memory, the file that it was read from, and the greatest id ever in it."""

    stamp: tuple[int, int, int] | None
    index: Any
    greatest: int


class FaissEngine:
    """Collections as FAISS files in ``folder``. Safe to use from many threads."""

    name = "FAISS"
    key: Literal["id", "node_id"] = "id"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = threading.RLock()
        self._loaded: dict[str, _Loaded] = {}
        self._changed: set[str] = set()

    def require_sparse(self) -> None:
        """Raise ConfigError: FAISS has no sparse vectors."""
        raise ConfigError(
            "FAISS cannot look up words: it has no sparse vectors. Set store.words to file, or "
            "use Qdrant or Milvus."
        )

    def upsert(
        self,
        collection: str,
        keys: Sequence[Key],
        nodes: Sequence[BaseNode],
        sparse: Sequence[SparseVector] | None = None,
    ) -> None:
        """Add vectors; one under a key that is there replaces it."""
        import faiss
        import numpy as np

        vectors = np.asarray([node.get_embedding() for node in nodes], dtype=np.float32)
        ids = np.asarray(keys, dtype=np.int64)
        with self._lock:
            index = self._index(collection)
            if index is None:
                index = faiss.IndexIDMap2(faiss.IndexFlatIP(vectors.shape[1]))
                self._loaded[collection] = _Loaded(None, index, -1)
            known = self._loaded[collection]
            if ids.min() <= known.greatest:  # looking for them takes a pass over all
                index.remove_ids(ids)
            index.add_with_ids(vectors, ids)
            known.greatest = max(known.greatest, int(ids.max()))
            self._changed.add(collection)

    def delete(self, collection: str, keys: Sequence[Key]) -> None:
        """Remove vectors."""
        import numpy as np

        with self._lock:
            index = self._index(collection)
            if index is not None and index.remove_ids(np.asarray(keys, dtype=np.int64)):
                self._changed.add(collection)

    def flush(self, collection: str) -> None:
        """Write what has changed to the disk."""
        import faiss

        with self._lock:
            if collection not in self._changed:
                return
            index = self._loaded[collection].index
            path = self._path(collection)
            beside = path.with_suffix(f".{os.getpid()}.tmp")
            try:
                self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
                data = faiss.serialize_index(index)
                with open(beside, "wb", opener=_private) as file:
                    file.write(data.tobytes())
                    file.flush()
                    os.fsync(file.fileno())
                beside.replace(path)
                _sync_folder(self.folder)
            except OSError as error:
                beside.unlink(missing_ok=True)
                raise StoreError(
                    f"The FAISS file {path} cannot be written: {error.strerror}. "
                    "Make room or mend its permissions, and index again: nothing is lost."
                ) from error
            self._loaded[collection].stamp = _stamp(path)
            self._changed.discard(collection)

    def search(
        self,
        collection: str,
        vector: Sequence[float],
        *,
        limit: int,
        allowed: Sequence[Key] | None = None,
    ) -> list[tuple[Key, float]]:
        """Return the nearest keys with their inner products, exact, best first."""
        import faiss
        import numpy as np

        with self._lock:
            index = self._index(collection)
        if index is None:
            raise StoreError(
                f"The FAISS file {self._path(collection)} is not there. Make it again: "
                "ragkit index (nothing is embedded again)."
            )
        chosen = None
        if allowed is not None:
            ids = np.asarray(allowed, dtype=np.int64)
            # Its keyword arguments are made at run time, which type checkers cannot see.
            parameters: Any = faiss.SearchParameters
            chosen = parameters(sel=faiss.IDSelectorBatch(ids))
        query = np.asarray([vector], dtype=np.float32)
        # Threads that wait for one another on a busy machine cost a small search a hundredfold.
        threads = faiss.omp_get_max_threads()
        faiss.omp_set_num_threads(1)
        try:
            scores, found = index.search(query, min(limit, max(1, index.ntotal)), params=chosen)
        finally:
            faiss.omp_set_num_threads(threads)
        pairs = zip(found[0].tolist(), scores[0].tolist(), strict=True)
        return [(key, score) for key, score in pairs if key >= 0]

    def search_sparse(
        self,
        collection: str,
        vector: SparseVector,
        *,
        limit: int,
        allowed: Sequence[Key] | None = None,
    ) -> list[tuple[Key, float]]:
        """Raise ConfigError: FAISS has no sparse vectors."""
        self.require_sparse()
        return []

    def count(self, collection: str) -> int | None:
        """Return how many vectors there are; None without a file."""
        with self._lock:
            index = self._index(collection)
            return None if index is None else int(index.ntotal)

    def drop(self, collection: str) -> None:
        """Remove the file."""
        with self._lock:
            self._loaded.pop(collection, None)
            self._changed.discard(collection)
            self._path(collection).unlink(missing_ok=True)

    def own_paths(self) -> Sequence[Path]:
        """Return the folder."""
        return [self.folder.resolve()]

    def close(self) -> None:
        """Let go of what is in memory."""
        with self._lock:
            self._loaded.clear()
            self._changed.clear()

    def _path(self, collection: str) -> Path:
        if not _NAME.fullmatch(collection):
            raise StoreError(f"'{collection}' cannot name a FAISS file.")
        return self.folder / f"{collection}.faiss"

    def _index(self, collection: str) -> Any:
        """Return the collection in memory, read again when another process has written it."""
        import faiss

        path = self._path(collection)
        stamp = _stamp(path)
        known = self._loaded.get(collection)
        if known is not None and (collection in self._changed or known.stamp == stamp):
            return known.index
        if stamp is None:
            return None
        try:
            import numpy as np

            index: Any = faiss.deserialize_index(np.fromfile(path, dtype=np.uint8))
        except (OSError, RuntimeError) as error:
            raise StoreError(
                f"The FAISS file {path} cannot be read: {str(error).splitlines()[0]}. Delete it "
                "and make it again: ragkit index (nothing is embedded again)."
            ) from error
        ids = faiss.vector_to_array(index.id_map)
        self._loaded[collection] = _Loaded(stamp, index, int(ids.max()) if len(ids) else -1)
        return index


def open_faiss(address: Address) -> FaissEngine:
    """Open the folder of FAISS files at ``address``; nothing is made yet.

    Raises MissingExtra without FAISS, StoreError where a file is in the place of the folder.
    """
    if importlib.util.find_spec("faiss") is None:
        raise MissingExtra("The store faiss://", "faiss")
    assert address.path is not None
    if address.path.is_file():
        raise StoreError(
            f"{address.path} is a file, and faiss:// keeps a folder of files. "
            "Give another place with --index faiss://PATH."
        )
    return FaissEngine(address.path)


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _sync_folder(folder: Path) -> None:
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
