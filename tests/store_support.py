"""What the store's tests share: a small analyzer, nodes, and a store in a folder."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from llama_index.core.schema import NodeRelationship, RelatedNodeInfo, TextNode

from ragkit.store import open_store
from ragkit.store.catalog import FileState
from ragkit.store.sqlite import SqliteStore
from ragkit.types import Clause

_RUNS = re.compile(r"[一-鿿]+|[^\W_一-鿿]+")


class PairAnalyzer:
    """Words in lower case, and pairs of Chinese characters; title and body are two fields."""

    fields = ("body", "title")

    def __init__(self, version: str = "pairs-1") -> None:
        self.version = version

    def index_fields(self, text: str, *, title: str, language: str | None) -> tuple[str, ...]:
        """Return the terms of text and title."""
        return " ".join(terms_of(text)), " ".join(terms_of(title))

    def clauses(self, question: str) -> Sequence[Clause]:
        """Return one clause with all terms; a match in the title counts twice."""
        terms = tuple(dict.fromkeys(terms_of(question)))
        return [Clause(terms, (1.0, 2.0))] if terms else []


def terms_of(text: str) -> list[str]:
    """Return the terms of a text in order."""
    terms: list[str] = []
    for run in _RUNS.findall(text.lower()):
        if "一" <= run[0] <= "鿿":
            terms.extend(run[i : i + 2] for i in range(max(1, len(run) - 1)))
        else:
            terms.append(run)
    return terms


def make_store(path: Path, *, read_only: bool = False, **fingerprint: str | int) -> SqliteStore:
    """Open the index ``path`` with the small analyzer."""
    return open_store(path, analyzer=PairAnalyzer(), fingerprint=fingerprint, read_only=read_only)


def make_node(
    node_id: str,
    document_id: str | None,
    text: str,
    *,
    start: int = 0,
    vector: list[float] | None = None,
    **metadata: object,
) -> TextNode:
    """Return a node with a place in its document."""
    relationships = {}
    if document_id is not None:
        relationships[NodeRelationship.SOURCE] = RelatedNodeInfo(node_id=document_id)
    return TextNode(
        id_=node_id,
        text=text,
        metadata=metadata,
        embedding=vector,
        relationships=relationships,
        start_char_idx=start,
        end_char_idx=start + len(text),
    )


def put(store: SqliteStore, source: str, texts: Sequence[str], *, document_id: str = "") -> None:
    """Index a file as one document with a node for each of ``texts``, in one transaction."""
    document = document_id or f"doc-{source}"
    whole = "\n".join(texts)
    with store.transaction():
        if not store.catalog.has_document(document):
            store.catalog.put_document(document, whole, {"title": source})
            start, nodes = 0, []
            for number, text in enumerate(texts):
                nodes.append(make_node(f"{document}#{number}", document, text, start=start))
                start += len(text) + 1
            store.vector_store.add(nodes)
        store.catalog.put_file(file_state(source, document))


def file_state(source: str, document_id: str | None, reason: str | None = None) -> FileState:
    """Return a file's state with made-up size and time."""
    return FileState(
        source=source,
        size=10,
        mtime_ns=1_700_000_000_000_000_000,
        sha256="0" * 64,
        document_id=document_id,
        reason=reason,
        indexed_at="2026-01-01T00:00:00+00:00",
    )
