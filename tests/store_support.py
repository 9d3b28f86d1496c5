"""What the store's tests share: a small analyzer, nodes, a store, and processes that use it."""

from __future__ import annotations

import multiprocessing
import multiprocessing.forkserver as forkserver
import os
import re
import resource
import sys
import time
from collections.abc import Callable, Sequence
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest
from llama_index.core.schema import NodeRelationship, RelatedNodeInfo, TextNode
from llama_index.core.vector_stores.types import VectorStoreQuery, VectorStoreQueryMode

from ragkit.errors import StoreError
from ragkit.store import open_store
from ragkit.store.catalog import FileState
from ragkit.store.sqlite import SqliteStore
from ragkit.types import Clause

_RUNS = re.compile(r"[一-鿿]+|[^\W_一-鿿]+")


class PairAnalyzer:
    """Words in lower case, and pairs of Chinese characters; title and body are two fields."""

    fields = ("body", "title")
    pool = 20

    def __init__(self, version: str = "pairs-1") -> None:
        self.version = version

    def index_fields(self, text: str, *, title: str, language: str | None) -> tuple[str, ...]:
        """Return the terms of text and title."""
        return " ".join(terms_of(text)), " ".join(terms_of(title))

    def clauses(self, question: str) -> Sequence[Clause]:
        """Return one clause with all terms; a match in the title counts twice."""
        terms = tuple(dict.fromkeys(terms_of(question)))
        return [Clause(terms, (1.0, 2.0))] if terms else []

    def rescore(self, question: str, candidates: Sequence[tuple[float, str]]) -> list[float]:
        """Return the scores as they are."""
        return [score for score, _ in candidates]


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
        if document not in store.catalog.document_ids():
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


def ask(store: SqliteStore, question: str, top_k: int = 10_000) -> list[str]:
    """Return the ids of the nodes that a text search finds."""
    query = VectorStoreQuery(
        query_str=question, similarity_top_k=top_k, mode=VectorStoreQueryMode.TEXT_SEARCH
    )
    return list(store.vector_store.query(query).ids or [])


# Processes. They are forked from a server that has imported this module, so that twenty of them
# cost little; what they acknowledge goes to a file with one write a line.

NODES = 4


def process(target: Callable[..., None], *arguments: object) -> BaseProcess:
    """Start ``target`` in a process of its own."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    here = Path(__file__).parent
    with pytest.MonkeyPatch.context() as patch:  # the server does not inherit sys.path
        patch.setenv("PYTHONPATH", os.pathsep.join([str(here), str(here.parent)]))
        forkserver.ensure_running()
    started = context.Process(target=target, args=arguments, daemon=True)
    started.start()
    return started


def numbered_texts(number: int) -> list[str]:
    """Return the nodes' texts of the numbered document."""
    return [f"common unique{number} part{part} 文档 " + "filler " * 40 for part in range(NODES)]


def put_numbered(store: SqliteStore, number: int) -> None:
    """Index the numbered document."""
    put(store, f"f{number}.md", numbered_texts(number), document_id=f"d{number}")


def write_numbers(
    path: Path, acknowledged: Path, first: int, last: int, splitter: int, rebuild: bool
) -> None:
    """Index documents one by one and acknowledge each after its commit."""
    store = make_store(path, splitter=splitter)
    target = store.begin_rebuild() if rebuild else store
    for number in range(first, last):
        put_numbered(target, number)
        acknowledge(acknowledged, number)
    if rebuild:
        target.finish_rebuild()
    store.close()


def write_at(path: Path, number: int, begin: float) -> None:
    """Wait for the moment ``begin``, open the index and write three documents."""
    time.sleep(max(0.0, begin - time.time()))
    store = make_store(path)
    for turn in range(3):
        put(store, f"{number}-{turn}.md", [f"text {number} {turn}"])


def write_until_full(path: Path, acknowledged: Path, largest_file: int) -> None:
    """Index documents with a limit on the size of files; exit with 7 and the error's words."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, largest_file))
    store = make_store(path, splitter=1)
    try:
        for number in range(1, 100_000):
            put_numbered(store, number)
            acknowledge(acknowledged, number)
    except StoreError as error:
        Path(f"{acknowledged}.error").write_text(str(error), encoding="utf-8")
        sys.exit(7)


def ask_for_acknowledged(path: Path, acknowledged: Path, last: int, asked: Path) -> None:
    """Ask for the newest acknowledged document, again and again, until it is ``last``."""
    store, count, newest = make_store(path, splitter=1), 0, -1
    while newest < last:
        lines = acknowledged.read_text().split() if acknowledged.exists() else []
        newest = int(lines[-1]) if lines else -1
        if newest < 0:
            continue
        found = ask(store, f"unique{newest}")
        assert sorted(found) == [f"d{newest}#{part}" for part in range(NODES)], (newest, found)
        assert store.catalog.text(f"f{newest}.md") == "\n".join(numbered_texts(newest))
        count += 1
    asked.write_text(str(count))


def acknowledge(path: Path, number: int) -> None:
    """Append a line; it is with the operating system when this returns."""
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(file, f"{number}\n".encode())
    os.close(file)
