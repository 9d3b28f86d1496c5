"""Qdrant, by URL or embedded in this process, through LlamaIndex's ``QdrantVectorStore``.

LlamaIndex's class makes the collection, writes and searches; the client under it counts and drops.
A point's id is the row of the node in the index file, as a UUID, so writing a node again changes
nothing. The payload is LlamaIndex's, so the collection can be opened with its class too, and so are
the names of the vectors where there are sparse ones: it opens with ``enable_hybrid=True``.
"""

from __future__ import annotations

import importlib.util
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from ragkit.errors import MissingExtra, StoreError

if TYPE_CHECKING:
    from llama_index.core.schema import BaseNode
    from llama_index.vector_stores.qdrant import QdrantVectorStore
    from qdrant_client import QdrantClient

    from ragkit.store.engine import Address, Key
    from ragkit.store.sparse import SparseVector

__all__ = ["QdrantEngine", "open_qdrant"]

_TRIES, _PAUSE = 3, 0.5
_SECONDS = 60  # for one request
_PASSING = (429, 502, 503, 504)
# Payload that others filter by, the fields of JSON documents among it.
_FILTERED = ("source", "language", "format", "title", "product", "url")
T = TypeVar("T")


class QdrantEngine:
    """Collections of one Qdrant. A request that does not get through is tried three times."""

    name = "Qdrant"
    key: Literal["id", "node_id"] = "id"

    def __init__(self, connect: Callable[[], QdrantClient], *, where: str, path: Path | None):
        """``connect`` makes a client; ``where`` is said in messages; ``path`` is a folder of its
        own, or None for a server.
        """
        self._connect = connect
        self._where = where
        self._path = path
        self._connected: QdrantClient | None = None
        self._stores: dict[tuple[str, bool], QdrantVectorStore] = {}
        self._next: Iterator[SparseVector] = iter(())
        self._fitting: set[tuple[str, int]] = set()  # collections seen to take vectors so long

    def require_sparse(self) -> None:
        """Do nothing: Qdrant has sparse vectors."""

    def upsert(
        self,
        collection: str,
        keys: Sequence[Key],
        nodes: Sequence[BaseNode],
        sparse: Sequence[SparseVector] | None = None,
    ) -> None:
        """Write nodes; those under a key that is there are replaced."""
        renamed = []
        for key, node in zip(keys, nodes, strict=True):
            copy = node.model_copy(update={"id_": _point_id(key)})
            copy.metadata = {**node.metadata, "node_id": node.node_id}
            renamed.append(copy)
        if not self._exists(collection):  # LlamaIndex's class makes it only when it is new
            self._forget(collection)
        else:
            self._check(collection, len(nodes[0].get_embedding()))

        def write() -> None:
            self._next = iter(sparse or ())  # anew at each try
            self._store(collection, sparse=sparse is not None).add(renamed)

        self._ask(write)

    def delete(self, collection: str, keys: Sequence[Key]) -> None:
        """Remove nodes."""
        from qdrant_client.models import PointIdsList

        if not self._exists(collection):
            return
        points = PointIdsList(points=[_point_id(key) for key in keys])
        self._ask(lambda: self._client.delete(collection, points_selector=points, wait=True))

    def flush(self, collection: str) -> None:
        """Do nothing: a write is on Qdrant's disk when it returns."""

    def search(
        self,
        collection: str,
        vector: Sequence[float],
        *,
        limit: int,
        allowed: Sequence[Key] | None = None,
    ) -> list[tuple[Key, float]]:
        """Return the nearest keys with their cosines, best first."""
        from llama_index.core.vector_stores.types import VectorStoreQuery

        self._require(collection)
        query = VectorStoreQuery(
            query_embedding=list(vector),
            similarity_top_k=limit,
            node_ids=None if allowed is None else [_point_id(key) for key in allowed],
        )
        found = self._ask(lambda: self._store(collection).query(query))
        scored = zip(found.ids or [], found.similarities or [], strict=True)
        return [(uuid.UUID(point).int, float(score)) for point, score in scored]

    def search_sparse(
        self,
        collection: str,
        vector: SparseVector,
        *,
        limit: int,
        allowed: Sequence[Key] | None = None,
    ) -> list[tuple[Key, float]]:
        """Return the keys of the greatest inner products, with these, best first."""
        from llama_index.vector_stores.qdrant.base import DEFAULT_SPARSE_VECTOR_NAME
        from qdrant_client import models

        self._require(collection)
        chosen = None
        if allowed is not None:
            points = models.HasIdCondition(has_id=[_point_id(key) for key in allowed])
            chosen = models.Filter(must=[points])
        found = self._ask(
            lambda: self._client.query_points(
                collection,
                query=models.SparseVector(indices=vector.indices, values=vector.values),
                using=DEFAULT_SPARSE_VECTOR_NAME,
                query_filter=chosen,
                limit=limit,
                with_payload=False,
            )
        )
        scored = [(uuid.UUID(str(point.id)).int, point.score) for point in found.points]
        return [(key, score) for key, score in scored if score > 0]

    def count(self, collection: str) -> int | None:
        """Return how many points there are, exactly; None without the collection."""
        if not self._exists(collection):
            return None
        return self._ask(lambda: int(self._client.count(collection, exact=True).count))

    def drop(self, collection: str) -> None:
        """Remove the collection."""
        self._forget(collection)
        self._ask(lambda: self._client.delete_collection(collection))

    def own_paths(self) -> Sequence[Path]:
        """Return the folder of an embedded Qdrant."""
        return [self._path.resolve()] if self._path else []

    def close(self) -> None:
        """Close the connection."""
        if self._connected is not None:
            self._connected.close()
            self._connected = None
            self._stores.clear()

    @property
    def _client(self) -> QdrantClient:
        if self._connected is None:
            self._connected = self._connect()
        return self._connected

    def _exists(self, collection: str) -> bool:
        return bool(self._ask(lambda: self._client.collection_exists(collection)))

    def _require(self, collection: str) -> None:
        if not self._exists(collection):
            raise StoreError(
                f"Qdrant at {self._where} has no collection '{collection}' any more. "
                "Make it again: ragkit index (nothing is embedded again)."
            )

    def _check(self, collection: str, dimension: int) -> None:
        """Raise StoreError for a collection whose vectors are of another size or distance."""
        from qdrant_client.models import Distance

        if (collection, dimension) in self._fitting:
            return
        found = self._ask(lambda: self._client.get_collection(collection)).config.params.vectors
        for vectors in found.values() if isinstance(found, dict) else [found]:
            if vectors and (vectors.size, vectors.distance) != (dimension, Distance.COSINE):
                raise StoreError(
                    f"The collection '{collection}' of Qdrant at {self._where} has vectors of "
                    f"{vectors.size} numbers ({vectors.distance.value}), and these have "
                    f"{dimension} (Cosine). Delete it, or name another: store.uri = '…/NAME'."
                )
        self._fitting.add((collection, dimension))

    def _forget(self, collection: str) -> None:
        self._fitting = {known for known in self._fitting if known[0] != collection}
        for sparse in (False, True):
            self._stores.pop((collection, sparse), None)

    def _take(self, texts: list[str]) -> tuple[list[list[int]], list[list[float]]]:
        """Return the sparse vectors of the nodes being written, in the place of their texts."""
        taken = list(islice(self._next, len(texts)))
        return [vector.indices for vector in taken], [vector.values for vector in taken]

    def _store(self, collection: str, *, sparse: bool = False) -> QdrantVectorStore:
        from llama_index.vector_stores.qdrant import QdrantVectorStore
        from qdrant_client.models import PayloadSchemaType

        if (collection, sparse) not in self._stores:
            indexes: list[dict[str, Any]] = [
                {"field_name": name, "field_schema": PayloadSchemaType.KEYWORD}
                for name in _FILTERED
            ]
            self._stores[collection, sparse] = QdrantVectorStore(
                collection,
                client=self._client,
                batch_size=100,
                # An embedded Qdrant has none, and warns of each.
                payload_indexes=None if self._path else indexes,
                index_doc_id=not self._path,
                enable_hybrid=sparse,
                sparse_doc_fn=self._take,
                sparse_query_fn=self._take,  # else a model for it is downloaded
            )
        return self._stores[collection, sparse]

    def _ask(self, request: Callable[[], T]) -> T:
        """Return what ``request`` gives, tried again where the server was not to be reached."""
        from httpx import HTTPError
        from qdrant_client.http.exceptions import ResponseHandlingException, UnexpectedResponse

        for left in reversed(range(_TRIES)):
            try:
                return request()
            except UnexpectedResponse as error:
                if left and error.status_code in _PASSING:
                    time.sleep(_PAUSE)
                    continue
                raise StoreError(self._explain(error.status_code, error)) from error
            except (ResponseHandlingException, HTTPError, OSError) as error:
                if left:
                    time.sleep(_PAUSE)
                    continue
                raise StoreError(
                    f"Qdrant at {self._where} cannot be reached: {_short(error)}. "
                    "Start it, or correct store.uri."
                ) from error
            except (RuntimeError, ValueError) as error:
                raise StoreError(self._explain(None, error)) from error
        raise AssertionError("unreachable")

    def _explain(self, status: int | None, error: Exception) -> str:
        where = f"Qdrant at {self._where}"
        if status in (401, 403):
            return f"{where} refuses the key ({status}). Set RAGKIT_STORE__TOKEN."
        if "already accessed" in str(error):
            return (
                f"{where} is open in another process, and an embedded Qdrant takes one. "
                "Close the other, or run a server: qdrant+http://HOST:6333."
            )
        said = f"answers {status}" if status else "fails"
        return f"{where} {said}: {_short(error)}. Look at its log, and try again."


def open_qdrant(address: Address, token: str | None) -> QdrantEngine:
    """Open the Qdrant at ``address``; nothing is asked yet.

    ``token`` is the server's API key. Raises MissingExtra without the client.
    """
    if importlib.util.find_spec("llama_index.vector_stores.qdrant") is None:
        raise MissingExtra("The store qdrant://", "qdrant")

    def connect() -> QdrantClient:
        from qdrant_client import QdrantClient

        if address.path is not None:
            address.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            return QdrantClient(path=str(address.path))
        # A key over plain HTTP draws a warning; whether that is well is the user's to say.
        return QdrantClient(
            url=address.url,
            api_key=token,
            timeout=_SECONDS,
            check_compatibility=False,
        )

    where = address.url or str(address.path)
    return QdrantEngine(connect, where=where, path=address.path)


def _point_id(key: Key) -> str:
    return str(uuid.UUID(int=int(key)))


def _short(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return (lines[0] if lines else type(error).__name__)[:200].rstrip(".")
