"""The store: one door, ``open_store(uri)``, to where nodes, texts and vectors are kept."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ragkit.errors import ConfigError
from ragkit.types import Analyzer

if TYPE_CHECKING:
    from ragkit.store.sqlite import SqliteStore

__all__ = ["open_store"]


def open_store(
    uri: str | Path,
    *,
    analyzer: Analyzer,
    fingerprint: Mapping[str, str | int | None],
    read_only: bool = False,
) -> SqliteStore:
    """Open the index at ``uri``: a path, or ``sqlite:///path``.

    Nothing is created until the first write, then the folder with mode 0700 and the file with
    0600. ``fingerprint`` says with which settings the index is built (embedder, splitter …); the
    analyzer's version is added to it. With ``read_only`` a missing file is an error.

    Raises ``ConfigError`` for a URI of an unknown scheme, ``StoreError`` for a folder, a file of
    another kind, a damaged one, or one of a newer format.
    """
    from ragkit.store.sqlite import open_sqlite

    return open_sqlite(
        _sqlite_path(uri), analyzer=analyzer, fingerprint=fingerprint, read_only=read_only
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
            f"{uri!r}: this version has no store for {scheme}://. "
            "Give a file's path or sqlite:///path, or use --preset lite."
        )
    host, _, path = rest.partition("/")
    if host or not path:
        raise ConfigError(f"{uri!r} names no file. Write sqlite:///path, or sqlite:////path.")
    return Path(path).expanduser()
