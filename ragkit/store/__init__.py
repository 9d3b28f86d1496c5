"""The store: one door, ``open_store(uri)``, to where nodes, texts and vectors are kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ragkit.errors import ConfigError

if TYPE_CHECKING:
    from ragkit.store.sqlite import SqliteStore
    from ragkit.types import Analyzer

__all__ = ["open_store"]


def open_store(
    uri: str | Path,
    *,
    analyzer: Analyzer,
    fingerprint: Mapping[str, str | int | None],
    read_only: bool = False,
    token: str | None = None,
    catalog: Path | None = None,
    collection: str = "ragkit",
    words: Literal["file", "engine"] = "file",
) -> SqliteStore:
    """Open the index at ``uri``: a path, ``sqlite:///path``, or one of an engine's.

    Nothing is created until the first write, then the folder with mode 0700 and the file with
    0600. ``fingerprint`` says with which settings the index is built (embedder, splitter …); the
    analyzer's version is added to it. With ``read_only`` a missing file is an error.

    With an engine (see ``ragkit.store.engine.parse_address``) the vectors are searched there, and
    all else is in an SQLite file: ``PATH.catalog`` beside an engine's own file, else ``catalog``.
    ``token`` is the server's key; ``collection`` begins the names of its collections where the URI
    names none. ``words`` says where they are looked up; in an engine, as sparse vectors, they are
    scored by the file all the same.

    Raises ``ConfigError`` for a URI of an unknown scheme, and for words in an engine where there is
    none or it has no sparse vectors, ``MissingExtra`` without the engine's
    client, ``StoreError`` for a folder, a file of another kind, a damaged one, or one of a newer
    format.
    """
    from ragkit.store.engine import parse_address
    from ragkit.store.sqlite import open_sqlite

    address = parse_address(uri) if isinstance(uri, str) else None
    if address is None:
        if words == "engine":
            raise ConfigError(
                f"store.words is engine, and '{uri}' names none. Set it to file, or give an "
                "engine's address: qdrant+http://HOST:6333."
            )
        return open_sqlite(
            _sqlite_path(uri), analyzer=analyzer, fingerprint=fingerprint, read_only=read_only
        )
    from ragkit.store.engine import open_engine
    from ragkit.store.replica import Replica

    if address.path is not None:
        catalog = address.path.with_name(address.path.name + ".catalog")
    if catalog is None:
        raise ConfigError(f"{uri!r} names no file, and an index has one. Give catalog.")
    if not address.url and address.path is None:
        address = replace(address, path=catalog.with_suffix(f".{address.engine}"))
    engine = open_engine(address, token)
    if words == "engine" and address.engine == "faiss":
        engine.require_sparse()
    base = address.collection or collection
    replica = Replica(engine, base=base, words=words == "engine")
    return open_sqlite(
        catalog, analyzer=analyzer, fingerprint=fingerprint, read_only=read_only, replica=replica
    )


def _sqlite_path(uri: str | Path) -> Path:
    if isinstance(uri, Path):
        return uri.expanduser()
    scheme, separator, rest = uri.partition("://")
    if not separator:
        if not uri.strip() or "\x00" in uri:
            raise ConfigError(f"{uri!r} is not a place for an index. Give a file's path.")
        return Path(uri).expanduser()
    if scheme.lower() != "sqlite":
        raise ConfigError(
            f"{uri!r}: there is no store for {scheme}://. Give a file's path, sqlite:///path, "
            "faiss://, qdrant://, qdrant+http://, milvus:// or milvus+http://."
        )
    host, _, path = rest.partition("/")
    if host or not path:
        raise ConfigError(f"{uri!r} names no file. Write sqlite:///path, or sqlite:////path.")
    return Path(path).expanduser()
