"""Measure the stores beside each other: filling, searching, memory and disk.

    python scripts/bench_scale.py [--nodes 10000 100000] [--stores sqlite faiss qdrant milvus]
                                  [--words engine] [--short-texts]

One index of made-up texts and vectors (``bench_store.py``) is made for each size and moved to each
store as ``ragkit move`` does. Each is then asked in a process of its own: first search, median,
resident memory of the process and of those that it started. Compare ratios within one run.

``--words engine`` has Qdrant and Milvus look up words too: "words" are questions by text, "alike"
is the share of the ten best that the file alone finds. ``--short-texts`` makes nodes of three words
in one document: what vectors cost stays the same, and a million is written in some minutes.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Literal

# Threads that wait for each other would be all that is measured on a busy machine.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from bench_store import DIMENSION, add_document, clustered, make_documents, nearest_exactly
from synthetic import make_question

from ragkit.move import move
from ragkit.retrieve.analyzer import LexicalAnalyzer
from ragkit.store import open_store
from ragkit.store.nodes import BulkNode, insert_rows
from ragkit.store.sqlite import SqliteStore
from ragkit.store.terms import invert_all

Words = Literal["file", "engine"]
MARKS = {"embedder": "made-up"}
QUESTIONS = 60
AT_ONCE = 4_096


def main() -> None:
    """Make the indexes, fill each store in a process of its own, and print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, nargs="*", default=[10_000, 100_000])
    stores = ["sqlite", "faiss", "qdrant", "milvus"]
    parser.add_argument("--stores", nargs="*", default=stores, choices=stores)
    parser.add_argument("--words", choices=["file", "engine"], default="file")
    parser.add_argument("--short-texts", action="store_true")
    parser.add_argument("--folder", type=Path, default=None)
    parser.add_argument("--child", nargs=3, metavar=("ACTION", "FOLDER", "STORE"))
    options = parser.parse_args()
    if options.child:
        action, folder, store = options.child
        words = options.words if store in ("qdrant", "milvus") else "file"
        print(json.dumps((fill if action == "fill" else ask)(Path(folder), store, words)))
        return
    for count in options.nodes:
        with tempfile.TemporaryDirectory(dir=options.folder) as folder:
            spent = make(Path(folder), count, short=options.short_texts)
            print(f"{count:,} nodes: index made in {spent:.0f} s of CPU")
            for store in options.stores:
                found = child("fill", folder, store, options.words)
                found |= child("ask", folder, store, options.words)
                print(
                    f"{store:>7} " + "  ".join(f"{name} {value}" for name, value in found.items())
                )


def child(action: str, folder: str, store: str, words: str) -> dict[str, Any]:
    """Run this script on one store and return what it measured."""
    command = [sys.executable, __file__, "--words", words, "--child", action, folder, store]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        return {"failed": done.stderr.strip().splitlines()[-1]}
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def make(folder: Path, count: int, *, short: bool) -> float:
    """Write the index that is moved, and the questions; return seconds of CPU."""
    vectors = clustered(count + QUESTIONS)
    queries = vectors[count:].astype(np.float32)
    best = nearest_exactly(vectors[:count], queries)
    np.save(folder / "queries.npy", queries)
    (folder / "best.json").write_text(json.dumps([sorted(ids) for ids in best]))
    begin = time.process_time()
    store = open_store(folder / "from.db", analyzer=LexicalAnalyzer(), fingerprint=MARKS)
    number = 0
    with store.transaction():
        for name, nodes in make_documents(5 if short else count):
            for node in nodes:
                node.embedding = vectors[number].tolist()
                number += 1
            add_document(store, name, nodes)
        if short:
            add_short(store, vectors[number:count])
        store.set_folder(str(folder))
    store.close()
    return time.process_time() - begin


def add_short(store: SqliteStore, vectors: Any) -> None:
    """Add a node of three words for each vector, to the document that is there, a block at once."""
    with store.transaction() as snapshot:
        for first in range(0, len(vectors), AT_ONCE):
            block = vectors[first : first + AT_ONCE]
            names = [f"n{first + place}" for place in range(len(block))]
            rows = [((["title"], ""), (["note", "number", name], "")) for name in names]
            nodes = [
                BulkNode(name, "d0", 0, "{}", f"Note number {name}", vector.tobytes())
                for name, vector in zip(names, block, strict=True)
            ]
            parts = invert_all(rows, 2)
            insert_rows(snapshot, nodes, [(part, [True] * len(part.lengths)) for part in parts])


def uri_of(folder: Path, store: str) -> str:
    """Return the store's address in the folder."""
    return str(folder / "to.db") if store == "sqlite" else f"{store}://{folder / store}"


def fill(folder: Path, store: str, words: Words) -> dict[str, Any]:
    """Move the index into the store."""
    begin = time.perf_counter()
    target = uri_of(folder, store)
    report = move(str(folder / "from.db"), target, home=folder, sample=0, words=words)
    wall = time.perf_counter() - begin
    assert report.verified, report.differences
    cpu = sum(
        used.ru_utime + used.ru_stime
        for used in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    )
    places = [folder / store, folder / f"{store}.db"]
    files = [p for place in places for p in (place, *place.rglob("*")) if p.is_file()]
    size = (folder / ("to.db" if store == "sqlite" else f"{store}.catalog")).stat().st_size
    engine = sum(file.stat().st_size for file in files)
    return {
        "move s": round(wall, 1),
        "cpu s": round(cpu, 1),
        "file MB": round(size / 1e6),
        "engine MB": round(engine / 1e6),
        "fill peak MB": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }


def ask(folder: Path, store: str, words: Words) -> dict[str, Any]:
    """Search for the ten nearest, as a question does, and for the ten best by words."""
    queries = np.load(folder / "queries.npy")
    best = json.loads((folder / "best.json").read_text())
    opened = open_store(
        uri_of(folder, store), analyzer=LexicalAnalyzer(), fingerprint=MARKS, words=words
    )
    begin = time.perf_counter()
    spent, hits = [], 0
    with opened.reading() as snapshot:
        assert snapshot is not None
        opened.dense.search(snapshot, queries[0].tolist(), limit=10)
        first = time.perf_counter() - begin
        for query, wanted in zip(queries, best, strict=True):
            begin = time.perf_counter()
            found = opened.dense.search(snapshot, query.tolist(), limit=10)
            spent.append((time.perf_counter() - begin) * 1e3)
            hits += len({rowid - 1 for rowid, _ in found} & set(wanted))
    memory = sum(map(resident, [os.getpid(), *descendants(os.getpid())]))
    by_words = ask_by_words(folder, opened)
    with_words = sum(map(resident, [os.getpid(), *descendants(os.getpid())]))
    opened.close()
    return {
        "first s": round(first, 2),
        "p50 ms": round(statistics.median(spent), 2),
        "p95 ms": round(late(spent), 2),
        "recall@10": round(hits / 10 / len(queries), 4),
        "memory MB": round(memory),
        **by_words,
        "with words MB": round(with_words),
        "dimension": DIMENSION,
    }


def ask_by_words(folder: Path, opened: SqliteStore) -> dict[str, Any]:
    """Ask by text, and compare with what the index that was moved finds by itself."""
    from llama_index.core.vector_stores.types import VectorStoreQuery, VectorStoreQueryMode

    alone = open_store(folder / "from.db", analyzer=LexicalAnalyzer(), fingerprint=MARKS)
    spent, computing, alike, asked = [], [], 0, 0
    for seed in range(QUESTIONS // 2 + 1):
        query = VectorStoreQuery(
            query_str=make_question(seed),
            similarity_top_k=10,
            mode=VectorStoreQueryMode.TEXT_SEARCH,
        )
        begin, cpu = time.perf_counter(), time.process_time()
        found = opened.vector_store.query(query).ids or []
        spent.append((time.perf_counter() - begin) * 1e3)
        computing.append((time.process_time() - cpu) * 1e3)
        wanted = alone.vector_store.query(query).ids or []
        alike, asked = alike + len(set(found) & set(wanted)), asked + len(wanted)
    alone.close()
    return {
        "words first ms": round(spent[0], 1),
        "words p50 ms": round(statistics.median(spent[1:]), 1),
        "words p95 ms": round(late(spent[1:]), 1),
        "words cpu ms": round(statistics.median(computing[1:]), 1),
        "alike": round(alike / asked, 4) if asked else 1.0,
    }


def late(spent: list[float]) -> float:
    """Return the 95th percentile."""
    return sorted(spent)[len(spent) * 95 // 100]


def resident(pid: int) -> float:
    """Return a process's resident memory in MB (Linux)."""
    status = Path(f"/proc/{pid}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+)", status)
    return int(found[1]) / 1024 if found else 0.0


def descendants(pid: int) -> list[int]:
    """Return the processes that ``pid`` started, and those that they did (Linux)."""
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    own = [int(number) for task in tasks for number in task.read_text().split()]
    return own + [lower for number in own for lower in descendants(number)]


if __name__ == "__main__":
    main()
