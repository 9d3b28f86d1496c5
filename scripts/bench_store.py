"""Measure the embedded store: writing, full text, dense, filters, and the catalog.

    python scripts/bench_store.py [--nodes 1000 10000 100000] [--vectors 100000] [--folder DIR]

Texts are made up, with words by Zipf's law (``synthetic.py``). Vectors are clustered,
off centre and uneven, as embeddings are; recall is against an exact float32 scan of the same.
"""

from __future__ import annotations

import argparse
import functools
import random
import re
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from synthetic import make_question, make_text

from ragkit.retrieve.analyzer import LexicalAnalyzer
from ragkit.store import connections, open_store
from ragkit.store.catalog import FileState
from ragkit.store.sqlite import SqliteStore

DIMENSION = 384
NODES_A_DOCUMENT = 5


def main() -> None:
    """Run what the arguments ask for and print a line for each figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, nargs="*", default=[1_000, 10_000, 100_000])
    parser.add_argument("--vectors", type=int, nargs="*", default=[1_000, 10_000, 100_000])
    parser.add_argument("--writes", type=int, default=10_000, help="nodes written, both modes")
    parser.add_argument("--folder", type=Path, default=None)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        if options.writes:
            for mode in ("NORMAL", "FULL", "NORMAL", "FULL"):
                measure_writes(Path(folder) / f"{mode}{time.time_ns()}.db", options.writes, mode)
        for count in options.nodes:
            measure_text(Path(folder) / f"text{count}.db", count)
        for count in options.vectors:
            measure_vectors(Path(folder) / f"vectors{count}.db", count)


def measure_writes(path: Path, count: int, synchronous: str) -> None:
    """Print nodes a second with one transaction for each document."""
    configure = connections._configure

    def configured(conn: Any) -> None:
        configure(conn)
        conn.execute(f"PRAGMA synchronous = {synchronous}")

    connections._configure = configured
    documents = list(make_documents(count))
    store = open_new(path)
    begin, cpu = time.perf_counter(), time.process_time()
    for name, nodes in documents:
        with store.transaction():
            add_document(store, name, nodes)
    wall, cpu = time.perf_counter() - begin, time.process_time() - cpu
    connections._configure = configure
    print(
        f"write {count} nodes, synchronous={synchronous}: {count / wall:.0f} nodes/s "
        f"({count / cpu:.0f} per CPU second)"
    )
    store.close()


def measure_text(path: Path, count: int) -> None:
    """Print full-text latencies with and without filters, and those of the catalog."""
    from llama_index.core.vector_stores.types import (
        MetadataFilter,
        MetadataFilters,
        VectorStoreQuery,
        VectorStoreQueryMode,
    )

    store = open_new(path)
    with store.transaction():
        for name, nodes in make_documents(count):
            add_document(store, name, nodes)
    questions = [make_question(seed) for seed in range(60)]

    def ask(question: str, *parts: MetadataFilter) -> None:
        query = VectorStoreQuery(
            query_str=question,
            similarity_top_k=10,
            mode=VectorStoreQueryMode.TEXT_SEARCH,
            filters=MetadataFilters(filters=list(parts)) if parts else None,
        )
        store.vector_store.query(query)

    folder = MetadataFilter(key="folder", value="part3")
    year = MetadataFilter(key="year", value=2003)
    report(f"text search, {count} nodes", ask, questions)
    report(f"text search, {count} nodes, folder filter", lambda q: ask(q, folder), questions)
    report(f"text search, {count} nodes, metadata filter", lambda q: ask(q, year), questions)
    report(f"files(), {count // NODES_A_DOCUMENT} files", lambda _: store.catalog.files(), [0] * 9)
    store.close()
    print(f"file, {count} nodes: {path.stat().st_size / 1e6:.0f} MB")


def measure_vectors(path: Path, count: int) -> None:
    """Print dense latency, recall@10 against an exact scan, and memory."""
    vectors = clustered(count + 200)
    queries = vectors[count:].astype(np.float32)
    best = nearest_exactly(vectors[:count], queries)
    store = open_new(path)
    with store.transaction() as snapshot:
        snapshot.conn.execute("UPDATE generation SET dimension = ?", (DIMENSION,))
        snapshot.conn.executemany(
            f"INSERT INTO {snapshot.table('vector')} VALUES (?, ?)",
            ((n + 1, vectors[n].tobytes()) for n in range(count)),
        )
    del vectors
    before, begin = resident(), time.perf_counter()
    hits = 0
    with store.reading() as snapshot:
        assert snapshot is not None
        store.dense.search(snapshot, queries[0].tolist(), limit=10)
        cold, after = time.perf_counter() - begin, resident()
        for query, expected in zip(queries, best, strict=True):
            found = store.dense.search(snapshot, query.tolist(), limit=10)
            hits += len({rowid - 1 for rowid, _ in found} & expected)
        report(
            f"dense, {count} vectors (recall@10 {hits / 10 / len(queries):.4f}, "
            f"first search {cold:.2f} s, {after - before:.0f} MB more)",
            lambda query: store.dense.search(snapshot, query.tolist(), limit=10),
            list(queries),
        )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak of this process so far: {peak:.0f} MB")
    store.close()


def report(name: str, work: Callable[[Any], object], items: list[Any]) -> None:
    """Print the median and the 95th percentile of ``work`` over ``items``, warm."""
    work(items[0])
    spent = []
    for item in items:
        begin = time.perf_counter()
        work(item)
        spent.append((time.perf_counter() - begin) * 1e3)
    spent.sort()
    print(f"{name}: p50 {statistics.median(spent):.2f} ms, p95 {spent[len(spent) * 95 // 100]:.2f}")


def open_new(path: Path) -> SqliteStore:
    """Open an empty store."""
    return open_store(path, analyzer=LexicalAnalyzer(), fingerprint={"embedder": None})


def add_document(store: SqliteStore, name: str, nodes: list[Any]) -> None:
    """Write a document with its nodes and its file."""
    store.catalog.put_document(name, "\n".join(node.text for node in nodes), {})
    store.vector_store.add(nodes)
    store.catalog.put_file(
        FileState(
            f"part{int(name[1:]) % 50}/{name}.md",
            1,
            1,
            "0" * 64,
            name,
            None,
            "2026-01-01T00:00:00Z",
        )
    )


@functools.cache
def sentences() -> list[str]:
    """Return 9,600 sentences, half English-like and half Chinese, with words by Zipf's law."""
    pages = "\n".join(make_text(seed) for seed in range(400))
    return [part for part in re.split(r"(?<=[.。])\s*", pages) if part and "#" not in part]


def make_documents(count: int) -> Iterator[tuple[str, list[Any]]]:
    """Yield documents of five nodes of about 500 characters."""
    from llama_index.core.schema import NodeRelationship, RelatedNodeInfo, TextNode

    rng, pool = random.Random(1), sentences()
    for document in range(count // NODES_A_DOCUMENT):
        name, nodes = f"d{document}", []
        for number in range(NODES_A_DOCUMENT):
            text = " ".join(rng.sample(pool, 8))
            nodes.append(
                TextNode(
                    id_=f"{name}-{number}",
                    text=text,
                    metadata={"title": name, "heading_path": ["a", "b"], "year": 2000 + number},
                    start_char_idx=number * 1_000,
                    end_char_idx=number * 1_000 + len(text),
                    relationships={NodeRelationship.SOURCE: RelatedNodeInfo(node_id=name)},
                )
            )
        yield name, nodes


def clustered(count: int) -> np.ndarray[Any, Any]:
    """Return float16 unit vectors in clusters of unequal size."""
    rng = np.random.default_rng(5)
    clusters = max(200, count // 50)
    spread = ((1 + np.arange(DIMENSION)) ** -0.5).astype(np.float32)
    rotation = np.linalg.qr(rng.standard_normal((DIMENSION, DIMENSION)))[0].astype(np.float32)
    centres = rng.standard_normal((clusters, DIMENSION), dtype=np.float32) * spread
    size = rng.pareto(1.2, clusters) + 0.1
    out = np.empty((count, DIMENSION), np.float16)
    for start in range(0, count, 20_000):
        block = rng.choice(clusters, min(20_000, count - start), p=size / size.sum())
        noise = rng.standard_normal((len(block), DIMENSION), dtype=np.float32) * spread
        vectors = (centres[block] + 0.6 * noise) @ rotation + np.float32(0.05)
        out[start : start + len(block)] = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return out


def nearest_exactly(vectors: np.ndarray[Any, Any], queries: np.ndarray[Any, Any]) -> list[set[int]]:
    """Return each query's ten nearest by an exact scan."""
    scores = np.concatenate(
        [
            vectors[start : start + 20_000].astype(np.float32) @ queries.T
            for start in range(0, len(vectors), 20_000)
        ]
    )
    return [set(np.argpartition(-column, 10)[:10].tolist()) for column in scores.T]


def resident() -> float:
    """Return this process's resident memory in MB (Linux)."""
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024  # type: ignore[index]


if __name__ == "__main__":
    main()
