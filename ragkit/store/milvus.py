"""Milvus, a server or cluster by URL or Milvus Lite in this process, by ``MilvusVectorStore``.

LlamaIndex's class makes the collection, writes and searches; the client under it counts, deletes
and drops. The primary key is the row of the node in the index file, as text, so writing a node
again changes nothing. The payload is LlamaIndex's, so the collection can be opened with its class
too; what Milvus cannot hold of it is left out, since the index file has the whole:

- Milvus refuses texts over 65,535 bytes: the copy's text is cut there.
- All metadata of a node together may be 65,536 bytes: values over 1,000 characters, and what goes
  beyond 8,000, are left out of the copy.

Consistency is Strong: an answer sees what any other client has written before. The metric is
COSINE; a server picks and tunes the index (AUTOINDEX), Milvus Lite scans all (FLAT, exact).
"""

from __future__ import annotations

import importlib.util
import json
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from ragkit.errors import MissingExtra, StoreError
from ragkit.store.milvus_errors import explain, quiet

if TYPE_CHECKING:
    from llama_index.core.schema import BaseNode
    from llama_index.vector_stores.milvus import MilvusVectorStore
    from llama_index.vector_stores.milvus.utils import BaseSparseEmbeddingFunction
    from pymilvus import MilvusClient

    from ragkit.store.engine import Address, Key
    from ragkit.store.milvus_lite import LiteServer
    from ragkit.store.sparse import SparseVector

__all__ = ["MilvusEngine", "open_milvus"]

_CONNECT_SECONDS = 10.0
_SECONDS = 60  # for one request
_MOST = 16_384  # results of a search
_TEXT_BYTES = 65_535
_VALUE_CHARACTERS, _METADATA_CHARACTERS = 1_000, 8_000  # six bytes each, at worst, in JSON, twice
_NOT_LOADED = 101
_SPARSE_FIELD = "sparse_embedding"  # LlamaIndex's name
_SPARSE_SINCE = (2, 4)
T = TypeVar("T")


class MilvusEngine:
    """Collections of one Milvus. Safe to use from many threads.

    No request takes longer than a minute: a server that hangs is an error then, one that is gone
    after ten seconds at most.
    """

    name = "Milvus"
    key: Literal["id", "node_id"] = "id"

    def __init__(self, *, url: str = "", token: str | None = None, path: Path | None = None):
        """``url`` of a server and its ``token``, or the ``path`` of a Milvus Lite's folder."""
        self._url = url
        self._token = token
        self._path = path
        self._lite: LiteServer | None = None
        self._connected: MilvusClient | None = None
        self._stores: dict[tuple[str, bool], MilvusVectorStore] = {}
        self._next: Iterator[SparseVector] = iter(())
        self._lock = threading.RLock()

    def require_sparse(self) -> None:
        """Raise StoreError where the server is too old for sparse vectors."""
        if self._path is not None:
            return
        version = self._ask(lambda: str(self._client.get_server_version()))
        numbers = tuple(map(int, re.findall(r"\d+", version)[:2]))
        if numbers and numbers < _SPARSE_SINCE:
            raise StoreError(
                f"Milvus at {self._where} is {version}, and sparse vectors came with 2.4. "
                "Set store.words to file, or use a newer server."
            )

    def upsert(
        self,
        collection: str,
        keys: Sequence[Key],
        nodes: Sequence[BaseNode],
        sparse: Sequence[SparseVector] | None = None,
    ) -> None:
        """Write nodes; those under a key that is there are replaced."""
        copies = [_payload(key, node) for key, node in zip(keys, nodes, strict=True)]
        name, dimension = _named(collection), len(nodes[0].get_embedding())

        def write() -> None:
            if not self._client.has_collection(name):
                self._forget(name)  # LlamaIndex's class makes it only when it is new
            self._next = iter(sparse or ())  # anew at each try
            self._store(name, dimension, sparse=sparse is not None).add(copies)

        self._ask(write)

    def delete(self, collection: str, keys: Sequence[Key]) -> None:
        """Remove nodes."""
        name = _named(collection)

        def remove() -> None:
            if self._client.has_collection(name):
                self._store(name)
                self._client.delete(name, ids=[str(key) for key in keys])

        self._ask(remove)

    def flush(self, collection: str) -> None:
        """Do nothing: a write is in Milvus's log when it returns.

        Milvus Lite looks through what is only in its log anew for each search by words: there they
        are made a segment.
        """
        name = _named(collection)
        if self._path is not None and (name, True) in self._stores:
            self._ask(lambda: self._client.flush(name))

    def search(
        self,
        collection: str,
        vector: Sequence[float],
        *,
        limit: int,
        allowed: Sequence[Key] | None = None,
    ) -> list[tuple[Key, float]]:
        """Return the nearest keys with their cosines, best first; 16,384 at most."""
        from llama_index.core.vector_stores.types import VectorStoreQuery

        name = _named(collection)
        query = VectorStoreQuery(
            query_embedding=list(vector),
            similarity_top_k=min(limit, _MOST),
            node_ids=None if allowed is None else [str(key) for key in allowed],
            output_fields=["id"],  # else the vectors travel as well
        )

        def look() -> list[tuple[Key, float]] | None:
            if not self._client.has_collection(name):
                return None
            found = self._store(name).query(query)
            scored = zip(found.ids or [], found.similarities or [], strict=True)
            return [(int(key), float(score)) for key, score in scored]

        if allowed is not None and not allowed:
            return []  # LlamaIndex takes no ids for all ids
        return self._found(name, look)

    def search_sparse(
        self,
        collection: str,
        vector: SparseVector,
        *,
        limit: int,
        allowed: Sequence[Key] | None = None,
    ) -> list[tuple[Key, float]]:
        """Return the keys of the greatest inner products, best first; 16,384 at most."""
        name = _named(collection)
        quoted = ", ".join(f"'{key}'" for key in allowed or ())

        def look() -> list[tuple[Key, float]] | None:
            if not self._client.has_collection(name):
                return None
            self._store(name)
            found = self._client.search(
                name,
                data=[dict(zip(vector.indices, vector.values, strict=True))],
                anns_field=_SPARSE_FIELD,
                limit=min(limit, _MOST),
                filter="" if allowed is None else f"id in [{quoted}]",
                search_params={"metric_type": "IP"},
                consistency_level="Strong",
            )
            scored = [(int(hit["id"]), float(hit["distance"])) for hit in found[0]]
            return [(key, score) for key, score in scored if score > 0]

        if allowed is not None and not allowed:
            return []
        return self._found(name, look)

    def count(self, collection: str) -> int | None:
        """Return how many nodes there are, exactly; None without the collection."""
        name = _named(collection)

        def ask() -> int | None:
            if not self._client.has_collection(name):
                return None
            self._store(name)
            rows = self._client.query(
                name, filter="", output_fields=["count(*)"], consistency_level="Strong"
            )
            return int(rows[0]["count(*)"])

        return self._ask(ask)

    def drop(self, collection: str) -> None:
        """Remove the collection."""
        name = _named(collection)

        def remove() -> None:
            self._forget(name)
            if self._client.has_collection(name):
                self._client.drop_collection(name)

        self._ask(remove)

    def own_paths(self) -> Sequence[Path]:
        """Return the folder of a Milvus Lite."""
        return [self._path.resolve()] if self._path else []

    def close(self) -> None:
        """Close the connections, and the Milvus Lite where nothing else here uses it."""
        with self._lock:
            self._forget_all()
            if self._connected is not None:
                self._connected.close()
                self._connected = None
            if self._lite is not None:
                self._lite.release()
                self._lite = None

    @property
    def _where(self) -> str:
        return self._url or str(self._path)

    @property
    def _client(self) -> MilvusClient:
        with self._lock:
            if self._connected is None:
                from pymilvus import MilvusClient

                self._connected = MilvusClient(**self._connection())
            return self._connected

    def _opened(self, path: Path) -> LiteServer:
        with self._lock:
            if self._lite is None:
                from ragkit.store.milvus_lite import open_lite

                self._lite = open_lite(path)
            return self._lite

    def _connection(self) -> dict[str, Any]:
        """Return what clients are made with: a connection of their own, which they close."""
        # The time for one request: LlamaIndex passes none to the client's methods.
        times = {"methodConfig": [{"name": [{}], "timeout": f"{_SECONDS}s"}]}
        return {
            "uri": self._opened(self._path).url if self._path else self._url,
            "token": self._token or "",
            "dedicated": True,
            "timeout": _CONNECT_SECONDS,
            "grpc_options": {"grpc.service_config": json.dumps(times)},
        }

    def _store(
        self, name: str, dimension: int | None = None, *, sparse: bool = False
    ) -> MilvusVectorStore:
        """Return the collection, loaded; made where there is none and ``dimension`` is given."""
        with self._lock:
            if (name, sparse) not in self._stores:
                from llama_index.vector_stores.milvus import MilvusVectorStore

                store = MilvusVectorStore(
                    collection_name=name,
                    dim=dimension,
                    similarity_metric="COSINE",
                    consistency_level="Strong",
                    upsert_mode=True,
                    batch_size=100,
                    index_config={"index_type": "FLAT" if self._path else "AUTOINDEX"},
                    use_async_client=False,
                    enable_sparse=sparse,
                    sparse_embedding_field=_SPARSE_FIELD,
                    sparse_embedding_function=self._taking() if sparse else None,
                    **self._connection(),
                )
                store.client.load_collection(name, timeout=_SECONDS)
                self._stores[name, sparse] = store
            return self._stores[name, sparse]

    def _taking(self) -> BaseSparseEmbeddingFunction:
        """Return what gives LlamaIndex's class the terms of the nodes being written."""
        from llama_index.vector_stores.milvus.utils import BaseSparseEmbeddingFunction

        engine = self

        class Taking(BaseSparseEmbeddingFunction):  # type: ignore[misc,unused-ignore]
            def encode_queries(self, queries: list[str]) -> list[dict[int, float]]:
                raise NotImplementedError  # searched by the client

            def encode_documents(self, documents: list[str]) -> list[dict[int, float]]:
                taken = islice(engine._next, len(documents))
                return [dict(zip(v.indices, v.values, strict=True)) for v in taken]

        return Taking()

    def _found(
        self, name: str, look: Callable[[], list[tuple[Key, float]] | None]
    ) -> list[tuple[Key, float]]:
        """Return what ``look`` finds; StoreError where it says that there is no collection."""
        found = self._ask(look)
        if found is None:
            raise StoreError(
                f"Milvus at {self._where} has no collection '{name}' any more. "
                "Make it again: ragkit index (nothing is embedded again)."
            )
        return found

    def _forget(self, name: str) -> None:
        with self._lock:
            stores = [self._stores.pop((name, sparse), None) for sparse in (False, True)]
        for store in stores:
            if store is not None:
                store.client.close()

    def _forget_all(self) -> None:
        for name, _ in list(self._stores):
            self._forget(name)

    def _ask(self, request: Callable[[], T]) -> T:
        """Return what ``request`` gives; a collection that was released is loaded, once."""
        quiet()
        from grpc import RpcError
        from pymilvus.exceptions import MilvusException

        try:
            with nullcontext() if self._path is None else self._opened(self._path).lock:
                try:
                    return request()
                except MilvusException as error:
                    if error.code != _NOT_LOADED:
                        raise
                    self._forget_all()
                    return request()
        except (MilvusException, RpcError, OSError, ValueError) as error:
            raise StoreError(explain(error, self._where, seconds=_SECONDS)) from error


def open_milvus(address: Address, token: str | None) -> MilvusEngine:
    """Open the Milvus at ``address``; nothing is asked yet.

    ``token`` is a server's token, or user:password. Raises MissingExtra without the client.
    """
    if importlib.util.find_spec("llama_index.vector_stores.milvus") is None:
        raise MissingExtra("The store milvus://", "milvus")
    if address.path is not None and importlib.util.find_spec("milvus_lite") is None:
        raise MissingExtra("The store milvus://", "milvus")
    return MilvusEngine(url=address.url, token=token, path=address.path)


def _payload(key: Key, node: BaseNode) -> BaseNode:
    """Return what Milvus keeps of a node: see the module's text."""
    from llama_index.core.schema import NodeRelationship, TextNode

    metadata: dict[str, Any] = {"node_id": node.node_id}
    room = _METADATA_CHARACTERS
    for name, value in node.metadata.items():
        size = len(json.dumps(value, ensure_ascii=False, default=str)) + len(name)
        # "$" begins names of Milvus's own.
        if size <= min(_VALUE_CHARACTERS, room) and not name.startswith("$"):
            metadata[name] = value
            room -= size
    source = node.source_node
    return TextNode(
        id_=str(key),
        text=node.get_content().encode()[:_TEXT_BYTES].decode(errors="ignore"),
        embedding=node.get_embedding(),
        metadata=metadata,
        relationships={NodeRelationship.SOURCE: source} if source else {},
    )


def _named(collection: str) -> str:
    """Return a name that Milvus takes: it begins with no digit."""
    return f"_{collection}" if collection[:1].isdigit() else collection
