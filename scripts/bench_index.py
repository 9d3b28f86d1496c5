"""Indexing measured: ragkit against the naive LlamaIndex path, each in a process of its own.

    python scripts/bench_index.py [--files 1000 10000] [--passages FILE… [--each 3]]

Files are made-up Markdown pages; with --passages (JSON lines with ``lang``, ``title`` and
``text``) each holds some passages of one language. Naive is SimpleDirectoryReader,
SentenceSplitter and BM25Retriever, persisted. Peak memory is the process's largest resident size,
and beside it that of the largest worker process. Computing time is all processes', with imports.
Compare ratios within one run: machines are noisy, and with other work on the same cores only
computing time can be compared.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from synthetic import make_folder


def make_pages(folder: Path, files: int, passages: list[Path], each: int) -> None:
    """Write ``files`` pages of ``each`` passages, a hundred to a folder."""
    by_language: dict[str, list[dict[str, str]]] = {}
    for path in passages:
        for line in path.read_text("utf-8").splitlines():
            row = json.loads(line)
            by_language.setdefault(row["lang"], []).append(row)
    rng = random.Random(7)
    languages = [name for name, rows in by_language.items() if len(rows) >= each]
    weights = [len(by_language[name]) for name in languages]
    for number in range(files):
        chosen = rng.sample(by_language[rng.choices(languages, weights)[0]], each)
        place = folder / f"{number // 100:04d}"
        place.mkdir(parents=True, exist_ok=True)
        title = f"# {chosen[0].get('title') or 'Page'} {number}"
        text = "\n\n".join([title, *(row["text"] for row in chosen)])
        (place / f"page-{number:06d}.md").write_text(text + "\n", encoding="utf-8")


def run_ragkit(folder: Path, target: Path) -> dict[str, float]:
    """Index with ragkit (lite), then once more unchanged."""
    import ragkit

    kb = ragkit.open(folder, index=target / "index.db", preset="lite")
    first = kb.index()
    second = kb.index()
    size = sum(p.stat().st_size for p in target.iterdir())
    return {
        "nodes": first.nodes,
        "seconds": first.seconds,
        "again": second.seconds,
        "disk_mb": size / 2**20,
    }


def run_naive(folder: Path, target: Path) -> dict[str, float]:
    """Index as LlamaIndex's own examples do."""
    from llama_index.core import SimpleDirectoryReader
    from llama_index.core.node_parser import SentenceSplitter
    from llama_index.retrievers.bm25 import BM25Retriever

    began = time.perf_counter()
    documents = SimpleDirectoryReader(str(folder), recursive=True).load_data()
    nodes = SentenceSplitter().get_nodes_from_documents(documents)
    BM25Retriever.from_defaults(nodes=nodes, similarity_top_k=5).persist(str(target))
    seconds = time.perf_counter() - began
    size = sum(p.stat().st_size for p in target.iterdir())
    return {"nodes": len(nodes), "seconds": seconds, "disk_mb": size / 2**20}


def _child(kind: str, folder: Path) -> None:
    with tempfile.TemporaryDirectory() as target:
        result = (run_ragkit if kind == "ragkit" else run_naive)(folder, Path(target))
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    peaks = [usage.ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10) for usage in used]
    computing = sum(usage.ru_utime + usage.ru_stime for usage in used)
    figures = {"peak_mb": peaks[0], "worker_mb": peaks[1], "computing": computing}
    print(json.dumps(result | figures))


def _measure(kind: str, folder: Path) -> dict[str, float]:
    command = [sys.executable, __file__, "--child", kind, str(folder)]
    environment = {**os.environ, "TOKENIZERS_PARALLELISM": "false"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        raise SystemExit(f"{kind} failed:\n{done.stderr[-2000:]}")
    result: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return result


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, nargs="+", default=[1000, 10_000])
    parser.add_argument("--passages", type=Path, nargs="*", default=[])
    parser.add_argument("--each", type=int, default=3)
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        _child(arguments.child[0], Path(arguments.child[1]))
        return
    head = (
        "files",
        "path",
        "nodes",
        "seconds",
        "computing",
        "peak MB",
        "worker MB",
        "disk MB",
        "again / first",
    )
    print("".join(f"{h:>14}" for h in head))
    for files in arguments.files:
        with tempfile.TemporaryDirectory() as folder:
            if arguments.passages:
                make_pages(Path(folder), files, arguments.passages, arguments.each)
            else:
                make_folder(Path(folder), files)
            results = {kind: _measure(kind, Path(folder)) for kind in ("ragkit", "naive")}
        for kind, r in results.items():
            again = f"{r['again'] / r['seconds']:.2%}" if "again" in r else "–"
            row = (
                files,
                kind,
                int(r["nodes"]),
                f"{r['seconds']:.2f}",
                f"{r['computing']:.1f}",
                f"{r['peak_mb']:.0f}",
                f"{r['worker_mb']:.0f}",
                f"{r['disk_mb']:.1f}",
                again,
            )
            print("".join(f"{cell!s:>14}" for cell in row))
        ratio = results["naive"]["seconds"] / results["ragkit"]["seconds"]
        print(f"  naive / ragkit seconds at {files} files: {ratio:.2f}")


if __name__ == "__main__":
    main()
