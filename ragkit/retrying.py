"""Reading files again that were skipped, though nothing about them changed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ragkit.knowledge import KnowledgeBase

__all__ = ["read_again"]


def read_again(kb: KnowledgeBase, sources: Iterable[str]) -> tuple[str, ...]:
    """Have the next run read those of ``sources`` that were skipped; return these.

    For a file whose reading was cut short on a busy machine, or whose reader was repaired: what
    did not change is not read again by itself. Raises StoreError where the index cannot be
    written.
    """
    known = kb.catalog.files()
    skipped = [name for name in sources if name in known and known[name].document_id is None]
    for name in skipped:
        kb.catalog.remove_file(name)
    return tuple(skipped)
