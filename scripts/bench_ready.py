"""A one-off with models: how soon a fresh ``ragkit query`` is ready to generate.

    python scripts/bench_ready.py [--model internlm2-1.8b] [--runs 5] [--folder DIR]

The floor, measured in turn with it, is a process that imports llama_index.core,
sentence-transformers and transformers and reads the files of the weights once. The models have the
published shapes and random weights: MiniLM-L12 multilingual, and InternLM2-1.8B or Qwen2-0.5B.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench_embed import build_model
from bench_generate import MODELS, write_model

FLOOR = """
import sys
import llama_index.core, sentence_transformers, transformers
for path in sys.argv[1:]:
    with open(path, "rb", buffering=0) as file:
        while file.read(1 << 24):
            pass
"""
QUESTION = "What does the handbook say about ports?"


def settings(folder: Path, model: str) -> dict[str, str]:
    """Return the environment in which preset internlm2 finds the models of this measurement."""
    ours = {
        "RAGKIT_EMBEDDER__MODEL": str(folder / "minilm"),
        "RAGKIT_LLM__MODEL": str(folder / model),
        "RAGKIT_LLM__MAX_NEW_TOKENS": "1",
        "RAGKIT_HOME": str(folder / "home"),
    }
    others = {k: v for k, v in os.environ.items() if not k.startswith("RAGKIT_")}
    return others | ours | {"HF_HUB_OFFLINE": "1"}


def until_ready(command: list[str], environment: dict[str, str]) -> float:
    """Return the seconds until the process says that its language model is loaded."""
    began = time.perf_counter()
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=environment
    )
    assert process.stderr is not None
    said = []
    for line in process.stderr:
        said.append(line)
        if line.startswith("Loaded "):
            seconds = time.perf_counter() - began
            process.kill()
            process.wait()
            return seconds
    raise SystemExit("".join(said))


def floor(files: list[str], environment: dict[str, str]) -> float:
    """Return the seconds that importing the libraries and reading the files take."""
    began = time.perf_counter()
    command = [sys.executable, "-c", FLOOR, *files]
    subprocess.run(command, check=True, env=environment, capture_output=True)
    return time.perf_counter() - began


def measure(folder: Path, model: str, runs: int) -> None:
    """Print both times and their ratio."""
    if not (folder / "minilm").is_dir():
        build_model(folder / "minilm")
    if not (folder / model).is_dir():
        write_model(folder / model, model)
    documents = folder / "documents"
    documents.mkdir(exist_ok=True)
    (documents / "a.md").write_text("# Handbook\n\nThe port is 8501.\n", "utf-8")
    environment = settings(folder, model)
    command = [sys.executable, "-m", "ragkit", "query", QUESTION, "--preset", "internlm2"]
    command += ["--data", str(documents), "--no-stream"]
    files = [str(path) for path in folder.rglob("*.safetensors")]
    laps: dict[str, list[float]] = {"floor": [], "ready": []}
    for run in range(runs + 1):  # the first, which also builds the index, is not counted
        ready, least = until_ready(command, environment), floor(files, environment)
        if run:
            laps["ready"].append(ready)
            laps["floor"].append(least)
    ready, least = statistics.median(laps["ready"]), statistics.median(laps["floor"])
    print(
        f"{model}: ready to generate in {ready:.2f} s, floor {least:.2f} s, "
        f"ratio {ready / least:.2f} (medians of {runs} in turn)"
    )


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", choices=sorted(MODELS), default="internlm2-1.8b")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--folder", type=Path, help="Where the models are kept between runs.")
    arguments = parser.parse_args()
    if arguments.folder:
        arguments.folder.mkdir(parents=True, exist_ok=True)
        measure(arguments.folder, arguments.model, arguments.runs)
        return
    with tempfile.TemporaryDirectory() as folder:
        measure(Path(folder), arguments.model, arguments.runs)


if __name__ == "__main__":
    main()
