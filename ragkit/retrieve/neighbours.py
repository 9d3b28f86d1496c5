"""The small node finds, its section is read: nodes grown by their neighbours in the document.

A small node is found precisely, but may hold half of an answer. Before it is read it grows by the
nodes on either side, as long as they are of its own heading and page and there is room.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from llama_index.core.schema import BaseNode, NodeWithScore

__all__ = ["expand_nodes"]

Siblings = Callable[[str, int, int], "Sequence[BaseNode]"]
"""Return a document's nodes that begin from one offset up to, not including, another."""

DocumentText = Callable[[str], str]
"""Return the whole text of a document by its id; offsets of nodes refer to it."""

# What tells parts of a document apart: a node never grows into another part.
_SAME = ("heading_path", "page", "sheet", "slide", "record")


@dataclass(slots=True)
class _Grown:
    found: NodeWithScore
    document: str
    start: int
    end: int


def expand_nodes(
    nodes: Sequence[NodeWithScore], *, budget: int, siblings: Siblings, document_text: DocumentText
) -> list[NodeWithScore]:
    """Return ``nodes`` (best first) grown to at most ``budget`` characters each, in their order.

    A grown node's text is exactly ``document_text(id)[start_char_idx:end_char_idx]``. It keeps its
    id, score and metadata. A node that lies wholly in a better one's grown text is left out; one
    that overlaps it in part only grows as far as it does not. What is longer than ``budget``, has
    no offset or no document stays as it is. ``budget`` 0 changes nothing.
    """
    if budget <= 0:
        return list(nodes)
    grown: list[_Grown | NodeWithScore] = []
    taken: dict[str, list[tuple[int, int]]] = {}
    for found in nodes:
        node = found.node
        document, start = node.ref_doc_id, getattr(node, "start_char_idx", None)
        if document is None or start is None:
            grown.append(found)
            continue
        end = start + len(node.get_content())
        spans = taken.setdefault(document, [])
        if any(first <= start and end <= last for first, last in spans):
            continue
        begin, stop = _reach(node, document, start, end, budget, siblings, spans)
        spans.append((begin, stop))
        grown.append(_Grown(found, document, begin, stop))
    return [_read(item, document_text) if isinstance(item, _Grown) else item for item in grown]


def _reach(
    node: BaseNode,
    document: str,
    start: int,
    end: int,
    budget: int,
    siblings: Siblings,
    taken: Sequence[tuple[int, int]],
) -> tuple[int, int]:
    """Return the span that ``node`` grows to: by one neighbour after another, the next one first.

    What follows is read before what stands above: an answer is begun more often than it is led to.
    """
    if end - start >= budget:
        return start, end
    around = sorted(
        (first, first + len(other.get_content()))
        for other in siblings(document, start - budget, end + budget)
        if _same_part(node, other) and (first := getattr(other, "start_char_idx", None)) is not None
    )
    before = [span for span in around if span[0] < start]
    after = [span for span in around if span[1] > end and span[0] >= start]
    open_sides = {"after", "before"}
    while open_sides:
        for side in ("after", "before"):
            pile = after if side == "after" else before
            if side not in open_sides:
                continue
            if not pile:
                open_sides.discard(side)
                continue
            first, last = pile.pop(0) if side == "after" else pile.pop()
            begin, stop = min(start, first), max(end, last)
            if stop - begin > budget or _meets(begin, stop, start, end, taken):
                open_sides.discard(side)
            else:
                start, end = begin, stop
    return start, end


def _meets(begin: int, stop: int, start: int, end: int, taken: Sequence[tuple[int, int]]) -> bool:
    """Return whether growing from ``start, end`` would enter text that a better node has."""
    return any(
        first < stop and begin < last and not (first < end and start < last)
        for first, last in taken
    )


def _same_part(node: BaseNode, other: BaseNode) -> bool:
    return all(node.metadata.get(key) == other.metadata.get(key) for key in _SAME)


def _read(grown: _Grown, document_text: DocumentText) -> NodeWithScore:
    from llama_index.core.schema import NodeWithScore, TextNode

    node = grown.found.node
    if grown.end - grown.start == len(node.get_content()):
        return grown.found
    text = document_text(grown.document)[grown.start : grown.end]
    return NodeWithScore(
        node=TextNode(
            id_=node.node_id,
            text=text,
            metadata=dict(node.metadata),
            relationships=dict(node.relationships),
            excluded_embed_metadata_keys=list(node.excluded_embed_metadata_keys),
            excluded_llm_metadata_keys=list(node.excluded_llm_metadata_keys),
            start_char_idx=grown.start,
            end_char_idx=grown.end,
        ),
        score=grown.found.score,
    )
