"""What a vector engine beside the index file must do; see ``ragkit.store.replica``.

The file stays the truth: texts, words, metadata and float16 vectors are in it, so an engine that
lost its data is filled again without embedding anything. The engine holds a copy, in a collection
for each generation, and finds the nearest vectors.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol
from urllib.parse import parse_qsl, unquote, urlsplit

from ragkit.errors import ConfigError

if TYPE_CHECKING:
    from llama_index.core.schema import BaseNode

    from ragkit.store.sparse import SparseVector

__all__ = ["Address", "Engine", "Key", "open_engine", "parse_address"]

Key = str | int
"""What an engine knows a node by: its id, or its row in the file."""

_SERVERS = {"qdrant+http": "qdrant", "qdrant+https": "qdrant"}
_SERVERS |= {"milvus+http": "milvus", "milvus+https": "milvus"}
_FILES = ("faiss", "qdrant", "milvus")


class Engine(Protocol):
    """A vector engine. Everything that fails is a ``StoreError`` in words.

    Vectors are of unit length; scores are cosines (-1..1). A collection appears with the first
    ``upsert`` into it, and holds sparse vectors where that one brought them, as each later one
    then does.
    """

    @property
    def name(self) -> str:
        """The engine's name, for messages."""

    @property
    def key(self) -> Literal["id", "node_id"]:
        """The column of the node table that the engine's keys are from."""

    def require_sparse(self) -> None:
        """Do nothing where the engine has sparse vectors, else raise."""

    def upsert(
        self,
        collection: str,
        keys: Sequence[Key],
        nodes: Sequence[BaseNode],
        sparse: Sequence[SparseVector] | None = None,
    ) -> None:
        """Write nodes with embeddings, and terms; what is there under a key is replaced."""

    def delete(self, collection: str, keys: Sequence[Key]) -> None:
        """Remove nodes; nothing happens for keys that are not there."""

    def flush(self, collection: str) -> None:
        """Return when everything written so far survives the end of this process."""

    def search(
        self,
        collection: str,
        vector: Sequence[float],
        *,
        limit: int,
        allowed: Sequence[Key] | None = None,
    ) -> list[tuple[Key, float]]:
        """Return up to ``limit`` keys with their cosines, best first, among ``allowed``."""

    def search_sparse(
        self,
        collection: str,
        vector: SparseVector,
        *,
        limit: int,
        allowed: Sequence[Key] | None = None,
    ) -> list[tuple[Key, float]]:
        """Return up to ``limit`` keys with their inner products above 0, best first."""

    def count(self, collection: str) -> int | None:
        """Return how many nodes the collection holds; None where there is no such collection."""

    def drop(self, collection: str) -> None:
        """Remove the collection; nothing happens where there is none."""

    def own_paths(self) -> Sequence[Path]:
        """Return the files and folders that the engine keeps, none where a server does."""

    def close(self) -> None:
        """Let go of files and connections; using the engine again opens them again."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where an engine is: a server's ``url``, or the ``path`` of its own file or folder.

    With neither it is a file or folder of the engine's own beside the index file.

    ``collection`` begins the names of its collections; empty: chosen from the folder's name.
    """

    engine: Literal["faiss", "qdrant", "milvus"]
    url: str = ""
    path: Path | None = None
    collection: str = ""


def parse_address(uri: str) -> Address | None:
    """Return the engine that a store URI names, or None for an index file without one.

    ``faiss://PATH``, ``qdrant://FOLDER``, ``milvus://FILE`` (without a path: beside the index
    file), ``qdrant+http://HOST:PORT`` and ``milvus+https://HOST:PORT``, the last two with an
    optional ``/COLLECTION``; ``?collection=NAME`` works with each. Raises ConfigError for a URI of
    this kind that says too little or too much.
    """
    scheme, separator, rest = uri.partition("://")
    scheme = scheme.lower()
    if not separator or scheme not in (*_SERVERS, *_FILES):
        return None
    place, _, query = rest.partition("?")
    options = dict(parse_qsl(query, keep_blank_values=True))
    collection = _collection(uri, options.pop("collection", ""))
    if options:
        raise ConfigError(f"{uri!r}: unknown option '{next(iter(options))}'. There is: collection.")
    if scheme in _FILES:
        if "\x00" in place or (place and not place.strip("/")):
            raise ConfigError(
                f"{uri!r} names no file. Write {scheme}://path, or {scheme}:// alone."
            )
        path = Path(unquote(place)).expanduser() if place else None
        return Address(scheme, path=path, collection=collection)  # type: ignore[arg-type]
    return _server(uri, _SERVERS[scheme], collection)


def _server(uri: str, engine: str, collection: str) -> Address:
    parts = urlsplit(uri.partition("+")[2])
    try:
        port = parts.port
    except ValueError:
        raise ConfigError(f"{uri!r} has no valid port. Write a number after the colon.") from None
    if not parts.hostname:
        raise ConfigError(f"{uri!r} names no server. Write {engine}+http://HOST:PORT.")
    if parts.username or parts.password:
        raise ConfigError(
            f"The store's URI holds a password. Put it into RAGKIT_STORE__TOKEN, and write "
            f"{engine}+{parts.scheme}://{parts.hostname}{f':{port}' if port else ''}."
        )
    named = _collection(uri, unquote(parts.path.strip("/")))
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    url = f"{parts.scheme}://{host}" + (f":{port}" if port else "")
    return Address(engine, url=url, collection=named or collection)  # type: ignore[arg-type]


def _collection(uri: str, name: str) -> str:
    if name and not (name.replace("_", "a").isascii() and name.replace("_", "a").isalnum()):
        raise ConfigError(
            f"{uri!r}: '{name}' cannot name a collection. Use letters, digits and underscores."
        )
    return name


def open_engine(address: Address, token: str | None) -> Engine:
    """Open the engine that ``address`` names; nothing is created or asked yet.

    Raises MissingExtra where its client is not installed.
    """
    if address.engine == "faiss":
        from ragkit.store.faiss import open_faiss

        return open_faiss(address)
    if address.engine == "qdrant":
        from ragkit.store.qdrant import open_qdrant

        return open_qdrant(address, token)
    from ragkit.store.milvus import open_milvus

    return open_milvus(address, token)
