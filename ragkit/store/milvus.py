"""Milvus, as a file in this process (Milvus Lite) or a cluster by URI."""

from __future__ import annotations

from ragkit.errors import StoreError
from ragkit.store.engine import Address, Engine

__all__ = ["open_milvus"]


def open_milvus(address: Address, token: str | None) -> Engine:
    """Open the Milvus at ``address``."""
    raise StoreError(f"Milvus at {address.url or address.path} is not supported yet.")
