"""Asking measured: the one-off query, and retrieval at 1k, 10k and 100k nodes.

    python scripts/bench_query.py [--nodes 1000 10000 100000] [--runs 5] [--naive-up-to 10000]

The one-off is ``ragkit query`` in a fresh process on an existing index, against
``python -c "import llama_index.core"``, run in turn; the ratio is what counts. Retrieval is the
median and the 95th percentile over 100 questions, by words, by vectors and by both, against
LlamaIndex's BM25Retriever and SimpleVectorStore with the same nodes and vectors.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import numpy as np
from llama_index.core.schema import NodeRelationship, RelatedNodeInfo, TextNode
from llama_index.core.vector_stores import SimpleVectorStore
from llama_index.core.vector_stores.types import VectorStoreQuery
from synthetic import make_question, make_text

import ragkit
from ragkit.retrieve.analyzer import LexicalAnalyzer
from ragkit.retrieve.retriever import StoreRetriever
from ragkit.store import open_store
from ragkit.store.catalog import FileState

DIMENSIONS = 384
QUESTIONS = 100


def vectors(count: int, seed: int) -> np.ndarray:
    """Return unit vectors around 200 centres, as topics make them."""
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(0).standard_normal((200, DIMENSIONS))
    made = centres[rng.integers(0, 200, count)] + 0.7 * rng.standard_normal((count, DIMENSIONS))
    return (made / np.linalg.norm(made, axis=1, keepdims=True)).astype(np.float32)


def make_nodes(count: int, first: int) -> list[TextNode]:
    """Return ``count`` nodes of about 500 characters, with vectors, five to a document."""
    embeddings = vectors(count, first + 1)
    nodes = []
    for offset in range(count):
        number = first + offset
        owner = RelatedNodeInfo(node_id=f"document-{number // 5}")
        nodes.append(
            TextNode(
                id_=f"node-{number}",
                text=make_text(number, sentences=4),
                embedding=embeddings[offset].tolist(),
                relationships={NodeRelationship.SOURCE: owner},
            )
        )
    return nodes


def fill(path: Path, count: int) -> list[TextNode]:
    """Write ``count`` nodes as the index of one folder; return them."""
    kb = ragkit.open(path.parent, index=path, preset="lite")
    store = kb._store
    everything: list[TextNode] = []
    for first in range(0, count, 2000):
        nodes = make_nodes(min(2000, count - first), first)
        with store.transaction():
            store.vector_store.add(nodes)
            for document in {n.ref_doc_id for n in nodes}:
                assert document is not None
                store.catalog.put_document(document, "text", {})
                store.catalog.put_file(
                    FileState(f"{document}.md", 4, 0, document, document, None, "2026-01-01")
                )
        everything += nodes
    return everything


def timed(ask: Callable[[int], object]) -> str:
    """Return ``p50 / p95`` in milliseconds over all questions, after a warm-up."""
    for seed in range(3):
        ask(seed)
    laps = []
    for seed in range(QUESTIONS):
        began = time.perf_counter()
        ask(seed)
        laps.append((time.perf_counter() - began) * 1000)
    return f"{statistics.median(laps):.1f} / {statistics.quantiles(laps, n=20)[-1]:.1f}"


def retrieval(path: Path, nodes: list[TextNode], *, naive: bool) -> dict[str, str]:
    """Measure each way of retrieving over the same nodes."""
    asked = vectors(QUESTIONS, 10**6)
    store = open_store(path, analyzer=LexicalAnalyzer(), fingerprint=_fingerprint(path))
    result = {}
    for kind in ("lexical", "dense", "hybrid"):
        retriever = StoreRetriever(
            store.vector_store,
            kind=kind,  # type: ignore[arg-type]
            top_k=5,
            embed_query=lambda question: asked[int(question.split()[-1])].tolist(),
        )
        result[f"ragkit {kind}"] = timed(
            lambda seed, r=retriever: r.retrieve(f"{make_question(seed)} {seed}")
        )
    if not naive:
        return result
    from llama_index.retrievers.bm25 import BM25Retriever

    bm25 = BM25Retriever.from_defaults(nodes=nodes, similarity_top_k=5)
    result["naive lexical"] = timed(lambda seed: bm25.retrieve(make_question(seed)))
    simple = SimpleVectorStore()
    simple.add(nodes)
    result["naive dense"] = timed(
        lambda seed: simple.query(
            VectorStoreQuery(query_embedding=asked[seed].tolist(), similarity_top_k=5)
        )
    )
    return result


def _fingerprint(path: Path) -> dict[str, str | int | None]:
    return ragkit.open(path.parent, index=path, preset="lite").parts.fingerprint


def one_off(path: Path, runs: int) -> None:
    """Print the wall time of a fresh ``ragkit query`` over that of importing LlamaIndex."""
    question = make_question(1)
    query = [sys.executable, "-m", "ragkit", "query", question, "--data", str(path.parent)]
    query += ["--index", str(path), "--preset", "lite", "--no-refresh", "--json"]
    floor = [sys.executable, "-c", "import llama_index.core"]
    laps: dict[str, list[float]] = {"query": [], "import": []}
    for run in range(runs + 1):
        for name, command in (("query", query), ("import", floor)):
            began = time.perf_counter()
            done = subprocess.run(command, capture_output=True, check=False)
            if done.returncode not in (0, 3):
                raise SystemExit(done.stderr.decode())
            if run:
                laps[name].append(time.perf_counter() - began)
    asked, imported = statistics.median(laps["query"]), statistics.median(laps["import"])
    print(f"one-off: {asked:.2f} s, import llama_index.core: {imported:.2f} s", end="")
    print(f", ratio {asked / imported:.2f} (median of {runs})")


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, nargs="+", default=[1000, 10_000, 100_000])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--naive-up-to", type=int, default=10_000)
    arguments = parser.parse_args()
    os.environ.pop("RAGKIT_PRESET", None)
    for count in arguments.nodes:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "index.db"
            nodes = fill(path, count)
            for name, lap in retrieval(path, nodes, naive=count <= arguments.naive_up_to).items():
                print(f"{count:>8} nodes  {name:<16} p50 / p95 ms: {lap}", flush=True)
            if count == 10_000:
                one_off(path, arguments.runs)


if __name__ == "__main__":
    main()
