"""The splitter as a LlamaIndex node parser. Importing this module loads LlamaIndex."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any, cast, get_args

from llama_index.core.node_parser import NodeParser
from llama_index.core.schema import (
    BaseNode,
    Document,
    MetadataMode,
    NodeRelationship,
    RelatedNodeInfo,
    TextNode,
)
from pydantic import Field

from ragkit.ingest.splitter import Markup, split

__all__ = ["SentenceAwareSplitter"]

_MARKUP_OF_FORMAT: dict[str, Markup] = {
    "markdown": "markdown",
    "md": "markdown",
    "mdx": "markdown",
    "rst": "rst",
    "csv": "table",
    "tsv": "table",
}


class SentenceAwareSplitter(NodeParser):
    """Turns documents into text nodes with ``ragkit.ingest.splitter.split``; see its contract.

    ``start_char_idx`` and ``end_char_idx`` are exact, repeated text included; they count from the
    start of the document, or of the document that a given node was cut from. A document's markup
    is its metadata's ``markup``, else follows from its ``format``; plain text by default. A
    node's metadata is its document's and ``heading_path``, the titles above it joined by " > ".
    """

    count_tokens: Callable[[str], int] = Field(
        exclude=True, description="Tokens of a text; the embedder's own count."
    )
    chunk_size: int = Field(default=200, gt=0, description="Most tokens of a node.")
    chunk_overlap: int = Field(default=0, ge=0, description="Most tokens repeated between nodes.")

    @classmethod
    def class_name(cls) -> str:
        """Return the name that LlamaIndex serialises."""
        return "SentenceAwareSplitter"

    def _parse_nodes(
        self, nodes: Sequence[BaseNode], show_progress: bool = False, **kwargs: Any
    ) -> list[BaseNode]:
        return [node for document in nodes for node in self._nodes_of(document)]

    def _postprocess_parsed_nodes(
        self, nodes: list[BaseNode], parent_doc_map: dict[str, Document]
    ) -> list[BaseNode]:
        """Return ``nodes``, linked.

        LlamaIndex's own version searches the document for each node's text, which finds the wrong
        place for repeated text and overwrites exact offsets.
        """
        if self.include_prev_next_rel:
            for before, after in pairwise(nodes):
                if before.ref_doc_id == after.ref_doc_id:
                    before.relationships[NodeRelationship.NEXT] = after.as_related_node_info()
                    after.relationships[NodeRelationship.PREVIOUS] = before.as_related_node_info()
        return nodes

    def _nodes_of(self, document: BaseNode) -> list[TextNode]:
        text = document.get_content(metadata_mode=MetadataMode.NONE)
        source, offset = _source(document)
        spans = split(
            text,
            count_tokens=self.count_tokens,
            chunk_size=self.chunk_size,
            chunk_overlap=self.chunk_overlap,
            markup=_markup(document.metadata),
        )
        shared = dict(document.metadata) if self.include_metadata else {}
        return [
            TextNode(
                id_=self.id_func(index, document),
                text=text[span.start : span.end],
                start_char_idx=offset + span.start,
                end_char_idx=offset + span.end,
                metadata=shared
                | ({"heading_path": " > ".join(span.heading_path)} if span.heading_path else {}),
                excluded_embed_metadata_keys=list(document.excluded_embed_metadata_keys),
                excluded_llm_metadata_keys=list(document.excluded_llm_metadata_keys),
                relationships={NodeRelationship.SOURCE: source},
            )
            for index, span in enumerate(spans)
        ]


def _source(document: BaseNode) -> tuple[RelatedNodeInfo, int]:
    """Return the document to name as source, and where ``document``'s text begins in it."""
    if document.source_node is None:
        return document.as_related_node_info(), 0
    return document.source_node, getattr(document, "start_char_idx", None) or 0


def _markup(metadata: Mapping[str, Any]) -> Markup:
    named = metadata.get("markup")
    if named in get_args(Markup):
        return cast(Markup, named)
    return _MARKUP_OF_FORMAT.get(str(metadata.get("format", "")).lower().lstrip("."), "text")
