"""Which part of a file a node stands in, where a test set quotes parts of files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ragkit.evaluate.dataset import Passage

if TYPE_CHECKING:
    from llama_index.core.schema import NodeWithScore

    from ragkit.knowledge import KnowledgeBase

__all__ = ["Sections"]


@dataclass(slots=True)
class Sections:
    """Finds the section of a file that a node belongs to, else its file."""

    kb: KnowledgeBase
    sections: Sequence[Passage]
    _places: dict[str, list[tuple[int, int, str]]] = field(default_factory=dict)
    _by_source: dict[str, list[Passage]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for section in self.sections:
            self._by_source.setdefault(section.source or "", []).append(section)

    def of(self, found: NodeWithScore, right: frozenset[str]) -> str:
        """Return the id of the node's section, or its file's source.

        A node may hold several short sections: then it is one of those in ``right``. One that only
        touches a section, as neighbours that overlap do, is no part of it.
        """
        source = str(found.node.metadata["source"])
        if source not in self._by_source or source in right:
            return source
        if source not in self._places:
            self._places[source] = self._located(source)
        start = getattr(found.node, "start_char_idx", None) or 0
        end = start + len(found.node.get_content())
        parts = []
        for s, e, id_ in self._places[source]:
            common = min(end, e) - max(start, s)
            if common > 0 and 3 * common >= min(end - start, e - s):
                parts.append((common, id_))
        of_right = [part for part in parts if part[1] in right]
        return max(of_right or parts, default=(0, source))[1]

    def _located(self, source: str) -> list[tuple[int, int, str]]:
        text = self.kb.text(source)
        places, at = [], 0
        for section in self._by_source[source]:
            start = text.find(section.text, at)
            start = text.find(section.text) if start < 0 else start
            if start >= 0:
                places.append((start, start + len(section.text), section.id))
                at = start
        return places
