"""Retrieval measured from 1,000 to 1,000,000 nodes: time, memory, and how exact it is.

    python scripts/bench_retrieve.py [--max 1000000] [--naive-up-to 100000] [--cache FOLDER]
        [--passages FILE… --questions FILE…]

Nodes are made of sentences drawn from a stock: made-up ones (``synthetic.py``), or those of the
passages given, with the questions given. Each store is written once into the cache folder and
asked in a process of its own, whose peak memory is printed. *dense recall* is the share of the ten
nearest by an exact scan that are found; *lexical same* the share of questions whose ten best are
those of scoring every row by every term. Embedding a question is left out: vectors are made up,
around 200 centres. Questions are asked once before they are timed.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parent))

import numpy as np
from synthetic import make_question, make_text

if TYPE_CHECKING:
    from ragkit.store.sqlite import Snapshot

SIZES = (1_000, 10_000, 100_000, 1_000_000)
DIMENSIONS = 384
SENTENCES = 8
SPAN = 1 << 16  # row ids of the largest segment
REST = json.dumps({"class_name": "TextNode"})
FINGERPRINT: dict[str, str | int | None] = {"bench": 1}
NAIVE = ("SimpleVectorStore", "FAISS flat", "BM25Retriever")


def lines_of(paths: Sequence[str]) -> list[str]:
    """Return the lines of all files that are not blank."""
    texts = [Path(path).read_text(encoding="utf-8") for path in paths]
    return [line for text in texts for line in text.split("\n") if line.strip()]


def stock_of(passages: Sequence[str]) -> list[str]:
    """Return the sentences that nodes are made of."""
    if not passages:
        texts = [make_text(seed, sentences=20) for seed in range(1000)]
    else:
        texts = [json.loads(line)["text"] for line in lines_of(passages)]
    found = [part.strip() for text in texts for part in re.split(r"(?<=[.。！？!?])\s*|\n+", text)]
    return [part for part in dict.fromkeys(found) if len(part) > 10]


def questions_of(paths: Sequence[str], count: int) -> list[str]:
    """Return the questions to ask, evenly from those given."""
    if not paths:
        return [make_question(seed) for seed in range(count)]
    asked = [json.loads(line)["question"] for line in lines_of(paths)]
    return asked[:: max(1, len(asked) // count)][:count]


def vectors(count: int, seed: int) -> np.ndarray:
    """Return unit vectors around 200 centres, as topics make them."""
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(0).standard_normal((200, DIMENSIONS), np.float32)
    made = rng.standard_normal((count, DIMENSIONS), np.float32) * np.float32(0.7)
    made += centres[rng.integers(0, 200, count)]
    return np.asarray(made / np.linalg.norm(made, axis=1, keepdims=True))


def make_texts(stock: Sequence[str], count: int) -> Iterator[list[int]]:
    """Yield for each node which sentences of the stock it is made of."""
    rng = random.Random(1)
    for _ in range(count):
        yield rng.choices(range(len(stock)), k=SENTENCES)


def build(path: Path, stock: Sequence[str], count: int) -> None:
    """Write an index of ``count`` nodes: whole segments at a time, and the rest row by row."""
    from ragkit.retrieve.analyzer import LexicalAnalyzer
    from ragkit.retrieve.tokenizer import terms
    from ragkit.store import open_store
    from ragkit.store.nodes import NodeRow, fix_dimension, insert_row

    analysed = [terms(sentence) for sentence in stock]
    store = open_store(path, analyzer=LexicalAnalyzer(), fingerprint=FINGERPRINT)
    parts, first = make_texts(stock, count), 1  # row ids begin with 1
    while first <= count:
        last = min(first | SPAN - 1, count)
        chosen = [next(parts) for _ in range(first, last + 1)]
        packed = [vector.tobytes() for vector in vectors(len(chosen), first).astype("<f2")]
        texts = ["\n".join(stock[place] for place in places) for places in chosen]
        with store.transaction() as snapshot:
            fix_dimension(snapshot, DIMENSIONS)
            if last == first | SPAN - 1:
                _write_rows(snapshot, first, texts, packed)
                _write_segment(snapshot, first, chosen, analysed)
            else:
                for number, text in enumerate(texts, start=first):
                    words = [term for place in chosen[number - first] for term in analysed[place]]
                    vector = packed[number - first]
                    row = NodeRow(
                        f"n{number}", None, 0, "{}", text, REST, ("", " ".join(words)), vector
                    )
                    insert_row(snapshot, row)
        first = last + 1
    store.close()


def _write_rows(
    snapshot: Snapshot, first: int, texts: Sequence[str], packed: Sequence[bytes]
) -> None:
    """Write nodes as ``nodes.insert_row`` does, but for the full text."""
    numbered = list(enumerate(texts, start=first))
    snapshot.conn.executemany(
        f"INSERT INTO {snapshot.table('node')} VALUES (?, ?, NULL, 0, '{{}}')",
        ((number, f"n{number}") for number, _ in numbered),
    )
    snapshot.conn.executemany(
        f"INSERT INTO {snapshot.table('content')} VALUES (?, ?, ?)",
        ((number, text, REST) for number, text in numbered),
    )
    snapshot.conn.executemany(
        f"INSERT INTO {snapshot.table('vector')} VALUES (?, ?)", enumerate(packed, start=first)
    )


def _write_segment(
    snapshot: Snapshot,
    first: int,
    chosen: Sequence[Sequence[int]],
    analysed: Sequence[Sequence[str]],
) -> None:
    """Write the segment that the store would have arrived at by merging."""
    from ragkit.store import segments
    from ragkit.store.terms import Terms

    names = sorted({term for sentence in analysed for term in sentence})
    number_of = {term: number for number, term in enumerate(names)}
    numbers = [np.array([number_of[t] for t in sentence], np.int64) for sentence in analysed]
    sizes = [sum(len(numbers[place]) for place in places) for places in chosen]
    flat = np.concatenate([numbers[place] for places in chosen for place in places])
    low = np.repeat(np.arange(len(chosen)) + (first & SPAN - 1), sizes)
    found, counts = np.unique(flat << 16 | low, return_counts=True)
    lengths = (np.array(sizes) + 1).astype("<u2")
    held, starts = np.unique(found >> 16, return_index=True)
    body = np.minimum(counts, 255).astype(np.uint8)
    terms = Terms(
        " ".join(names[term] for term in held.tolist()).encode(),
        np.diff(starts, append=len(found)),
        (found & SPAN - 1).astype("<u2"),
        np.stack([np.zeros_like(body), body]),
    )
    segments.add(snapshot.conn, snapshot.table("fts"), first, lengths, terms)


def peak_megabytes() -> str:
    """Return the most memory that this process ever held.

    Not ``ru_maxrss``: on Linux a new process begins with that of the one that started it.
    """
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return f"{int(status.split('VmHWM:')[1].split()[0]) / 1024:.0f}"


def timed(ask: Callable[[int], object], count: int) -> str:
    """Return ``p50 / p95`` in milliseconds over all questions, each asked once before."""
    for place in range(count):
        ask(place)
    laps = []
    for place in range(count):
        began = time.perf_counter()
        ask(place)
        laps.append((time.perf_counter() - began) * 1000)
    return f"{statistics.median(laps):.1f} / {statistics.quantiles(laps, n=20)[-1]:.1f}"


def measure_ragkit(path: Path, questions: Sequence[str], *, exactness: bool) -> dict[str, str]:
    """Return time by kind of query, and with ``exactness`` how exact the answers are."""
    from llama_index.core.vector_stores.types import VectorStoreQuery, VectorStoreQueryMode

    from ragkit.retrieve.analyzer import LexicalAnalyzer
    from ragkit.store import open_store

    store = open_store(path, analyzer=LexicalAnalyzer(), fingerprint=FINGERPRINT)
    asked = vectors(len(questions), 10**6)

    def ask(place: int, mode: VectorStoreQueryMode) -> list[str]:
        query = VectorStoreQuery(
            query_str=questions[place],
            query_embedding=asked[place].tolist(),
            similarity_top_k=10,
            mode=mode,
        )
        return store.vector_store.query(query).ids or []

    found = {}
    for name, mode in (
        ("lexical", VectorStoreQueryMode.TEXT_SEARCH),
        ("dense", VectorStoreQueryMode.DEFAULT),
        ("hybrid", VectorStoreQueryMode.HYBRID),
    ):
        found[name] = timed(lambda place, mode=mode: ask(place, mode), len(questions))
    found["peak MB"] = peak_megabytes()
    if exactness:
        found["lexical same"] = f"{_lexical_same(store, questions):.3f}"
        nearest = [ask(place, VectorStoreQueryMode.DEFAULT) for place in range(len(questions))]
        found["dense recall"] = f"{_dense_recall(store, asked, nearest):.3f}"
    return found


def _lexical_same(store: object, questions: Sequence[str]) -> float:
    """Compare with scoring all rows by all terms, in other code than the store's."""
    from ragkit.retrieve.analyzer import LexicalAnalyzer
    from ragkit.store import fts, postings

    analyzer, same = LexicalAnalyzer(), 0
    with store.reading() as snapshot:  # type: ignore[attr-defined]
        conn, table = snapshot.conn, snapshot.table("fts")
        rows = postings.read_rows(conn, table)
        there = rows.lengths > 0
        count = int(there.sum())
        lengths = rows.lengths.astype(float) - 1
        mean = lengths[there].mean()
        for question in questions:
            clauses = analyzer.clauses(question)
            held = postings.read_postings(conn, table, rows, [t for c in clauses for t in c.terms])
            scores = np.zeros(len(lengths))
            for clause in clauses:
                for term in clause.terms:
                    frequency = np.zeros(len(lengths))
                    for part in held[term]:
                        frequency[part.places()] = part.counts.sum(axis=0)
                    holding = int((frequency > 0).sum())
                    idf = np.log(1 + (count - holding + 0.5) / (holding + 0.5))
                    damping = 1.2 * (0.25 + 0.75 * lengths / mean)
                    scores += clause.weight * idf * 2.2 * frequency / (frequency + damping)
            best = np.lexsort((np.arange(len(scores)), -np.round(scores, 9)))[:10]
            exact = [rows.rowid(int(place)) for place in best if scores[place] > 0]
            got = [rowid for rowid, _ in fts.search(conn, table, clauses, limit=10)]
            same += got == exact or np.allclose(
                [scores[rows.places([rowid])[0]] for rowid in got], scores[best[: len(got)]]
            )
    return same / len(questions)


def _dense_recall(store: object, asked: np.ndarray, found: Sequence[Sequence[str]]) -> float:
    """Compare with an exact scan of the vectors as they are stored."""
    best: list[list[tuple[float, str]]] = [[] for _ in asked]
    with store.reading() as snapshot:  # type: ignore[attr-defined]
        cursor = snapshot.conn.execute(
            f"SELECT n.node_id, v.vector FROM {snapshot.table('vector')} v"
            f" JOIN {snapshot.table('node')} n ON n.id = v.id"
        )
        while batch := cursor.fetchmany(20_000):
            flat = np.frombuffer(b"".join(row[1] for row in batch), "<f2").astype(np.float32)
            products = asked @ flat.reshape(len(batch), -1).T
            for place, row in enumerate(products):
                top = np.argsort(-row)[:10]
                best[place] += [(float(row[p]), batch[p][0]) for p in top]
                best[place] = sorted(best[place], reverse=True)[:10]
    hits = [
        len({name for _, name in exact} & set(got)) for exact, got in zip(best, found, strict=True)
    ]
    return sum(hits) / (10 * len(asked))


def measure_naive(
    name: str, stock: Sequence[str], count: int, questions: Sequence[str]
) -> dict[str, str]:
    """Return time and memory of one of LlamaIndex's own over the same nodes."""
    from llama_index.core.schema import TextNode
    from llama_index.core.vector_stores.types import VectorStoreQuery

    asked = vectors(len(questions), 10**6)
    made = [
        TextNode(id_=f"n{number}", text="\n".join(stock[place] for place in chosen))
        for number, chosen in enumerate(make_texts(stock, count))
    ]
    if name == "BM25Retriever":
        from llama_index.retrievers.bm25 import BM25Retriever

        bm25 = BM25Retriever.from_defaults(nodes=made, similarity_top_k=10)
        lap = timed(lambda place: bm25.retrieve(questions[place]), len(questions))
    else:
        for first in range(0, count, 10_000):
            block = vectors(min(10_000, count - first), first)
            for node, vector in zip(made[first : first + 10_000], block, strict=True):
                node.embedding = vector.tolist()
        if name == "FAISS flat":
            import faiss
            from llama_index.vector_stores.faiss import FaissVectorStore

            store: object = FaissVectorStore(faiss_index=faiss.IndexFlatIP(DIMENSIONS))
        else:
            from llama_index.core.vector_stores import SimpleVectorStore

            store = SimpleVectorStore()
        store.add(made)  # type: ignore[attr-defined]
        # SimpleVectorStore takes seconds a question at 100,000 nodes.
        few = len(questions) if name == "FAISS flat" else min(10, len(questions))
        lap = timed(
            lambda place: store.query(  # type: ignore[attr-defined]
                VectorStoreQuery(query_embedding=asked[place].tolist(), similarity_top_k=10)
            ),
            few,
        )
    return {"p50 / p95": lap, "peak MB": peak_megabytes()}


def main() -> None:
    """Print the figures, each system in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--max", type=int, default=100_000)
    parser.add_argument("--naive-up-to", type=int, default=100_000)
    parser.add_argument("--cache", type=Path, default=Path(".bench"))
    parser.add_argument("--count", type=int, default=100, help="questions")
    parser.add_argument("--passages", nargs="*", default=[])
    parser.add_argument("--questions", nargs="*", default=[])
    parser.add_argument("--only", help=argparse.SUPPRESS)  # one system at size --max
    arguments = parser.parse_args()
    questions = questions_of(arguments.questions, arguments.count)
    # What is measured alone needs no text.
    stock = [] if arguments.only in ("ragkit", "exactness") else stock_of(arguments.passages)
    kind = "given" if arguments.passages else "made"
    arguments.cache.mkdir(parents=True, exist_ok=True)
    for size in [arguments.max] if arguments.only else [n for n in SIZES if n <= arguments.max]:
        path = arguments.cache / f"{kind}-{size}.db"
        if arguments.only in NAIVE:
            print(json.dumps(measure_naive(arguments.only, stock, size, questions)))
        elif arguments.only:
            exactness = arguments.only == "exactness"
            print(json.dumps(measure_ragkit(path, questions, exactness=exactness)))
        else:
            _print_size(path, stock, size, naive=size <= arguments.naive_up_to)


def _print_size(path: Path, stock: Sequence[str], size: int, *, naive: bool) -> None:
    done = path.with_suffix(".done")
    if not done.exists():
        path.unlink(missing_ok=True)
        began = time.perf_counter()
        build(path, stock, size)
        done.touch()
        print(f"{size:>9} built in {time.perf_counter() - began:.0f} s", flush=True)
    print(f"{size:>9} {path.stat().st_size / 2**20:.0f} MB on disk", flush=True)
    for name in ["ragkit", "exactness", *(NAIVE if naive else ())]:
        command = [sys.executable, __file__, *sys.argv[1:], "--max", str(size), "--only", name]
        run = subprocess.run(command, capture_output=True, text=True, check=False)
        if run.returncode:
            raise SystemExit(run.stderr)
        figures = json.loads(run.stdout.splitlines()[-1])
        if name == "exactness":
            figures = {key: figures[key] for key in ("lexical same", "dense recall")}
        shown = ", ".join(f"{key} {value}" for key, value in figures.items())
        print(f"{size:>9} {name:<18} {shown}", flush=True)


if __name__ == "__main__":
    main()
