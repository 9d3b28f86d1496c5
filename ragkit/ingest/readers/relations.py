"""Parts of an Office package that another part refers to (ECMA-376 part 2, 9.3)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

__all__ = ["related_parts"]


def related_parts(part: Any, *kinds: str) -> Iterator[tuple[str, Any]]:
    """Yield kind and part of each relationship of one of ``kinds``, in the package's order.

    ``part`` is an OPC part of python-docx or python-pptx. A kind is the last step of the
    relationship's type, such as ``chart``, which is the same in the strict and the usual form.
    What is outside the package is left out.
    """
    for relation in part.rels.values():
        kind = (relation.reltype or "").rpartition("/")[2]
        if kind in kinds and not relation.is_external:
            yield kind, relation.target_part
