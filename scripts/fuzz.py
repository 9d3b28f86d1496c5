"""Fuzz the readers, the splitter and what else takes input, for a bounded time.

Usage: python scripts/fuzz.py [TARGET...] [--seconds 60] [--findings FOLDER] [--write-seeds]

Needs Atheris, which is libFuzzer for Python: pip install "ragkit[fuzz]". The targets and what must
hold of them are in tests/fuzz_targets.py, the seeds in tests/seeds/TARGET; the ordinary tests run
every seed. ``--seconds`` is CPU time for each target. What fails is written to FOLDER/TARGET, one
file for each place in the code, its traceback beside it; mend it, then keep the file as a seed.
Exits 1 where anything failed. ``--write-seeds`` writes the starting seeds anew and fuzzes nothing.
"""

from __future__ import annotations

import argparse
import hashlib
import logging
import os
import random
import resource
import subprocess
import sys
import time
import traceback
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SEEDS = ROOT / "tests" / "seeds"
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "scripts"), str(ROOT)]

LARGEST = 6_000  # bytes of an input: more are slower, and find little more
PATIENCE = 60  # seconds of wall clock after which one input counts as hanging
MEMORY_MB = 3000
RESTARTS = 5  # after crashes of a whole process
# Parsers in pure Python beneath ours; coverage of C libraries cannot be seen.
INSTRUMENTED = ["ragkit.ingest", "ragkit.retrieve", "ragkit.answer", "docx", "pptx", "openpyxl",
"striprtf", "email", "html", "csv", "json",
                "zipfile", "tomllib", "markdown_it", "base64", "quopri"]  # fmt: skip


def main() -> None:
    """Fuzz each target in a process of its own, one after the other."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("targets", nargs="*", metavar="TARGET")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--findings", type=Path, default=Path("findings"))
    parser.add_argument("--write-seeds", action="store_true")
    parser.add_argument("--in-process", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    from fuzz_seeds import starting_seeds

    known = list(starting_seeds())
    unknown = set(options.targets) - set(known)
    if unknown:
        parser.error(f"unknown target {', '.join(sorted(unknown))}; known are {', '.join(known)}")
    if options.write_seeds:
        write_seeds()
        return
    if options.in_process:
        fuzz(options.targets[0], options.seconds, options.findings)
        return
    failed = sum(
        watch(name, options.seconds, options.findings) for name in options.targets or known
    )
    sys.exit(1 if failed else 0)


def write_seeds() -> None:
    """Write the inputs to start from; those that were found later stay."""
    from fuzz_seeds import starting_seeds

    for target, inputs in starting_seeds().items():
        folder = SEEDS / target
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.glob("start-*"):
            old.unlink()
        for number, data in enumerate(inputs):
            (folder / f"start-{number:02d}").write_bytes(data)


def watch(target: str, seconds: float, findings: Path) -> int:
    """Fuzz ``target``, starting again after crashes; return how many failures there are."""
    place = (findings / target).resolve()
    place.mkdir(parents=True, exist_ok=True)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.monotonic()
    crashes = 0
    left = seconds
    while left > 1 and crashes < RESTARTS:
        command = [sys.executable, __file__, target, "--in-process", f"--seconds={left}"]
        done = subprocess.run([*command, f"--findings={findings}"], check=False)
        left = seconds - _cpu_of_children(before)
        if done.returncode == 0:
            break
        crashes += 1
        print(f"{target}: the process ended with {done.returncode}", flush=True)
    found = [path for path in place.iterdir() if path.suffix != ".txt"]
    spent, wall = _cpu_of_children(before), time.monotonic() - began
    print(f"{target}: {spent:.0f} s of CPU, {wall:.0f} s, {len(found)} failures", flush=True)
    return len(found)


def _cpu_of_children(before: resource.struct_rusage) -> float:
    now = resource.getrusage(resource.RUSAGE_CHILDREN)
    return now.ru_utime + now.ru_stime - before.ru_utime - before.ru_stime


def fuzz(target: str, seconds: float, findings: Path) -> None:
    """Fuzz one target in this process, which ends with it."""
    import atheris

    logging.disable(logging.CRITICAL)
    place = (findings / target).resolve()
    place.mkdir(parents=True, exist_ok=True)
    with atheris.instrument_imports(include=INSTRUMENTED):
        import fuzz_targets
        from fuzz_mutations import mutate
    run = fuzz_targets.TARGETS[target]
    for seed in sorted((SEEDS / target).iterdir()):
        run(seed.read_bytes())  # also: what is made or loaded once is not counted below
    known: set[str] = set()
    done = 0
    began = time.process_time()

    def once(data: bytes) -> None:
        nonlocal done
        done += 1
        try:
            run(data)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is what is looked for
            _keep(place, data, error, known)
        if done % 64 == 0 and time.process_time() - began > seconds:
            rate = done / max(0.001, time.process_time() - began)
            print(f"{target}: {done} executions, {rate:.0f} a second", flush=True)
            sys.stdout.flush()
            os._exit(0)

    def change(data: bytes, largest: int, seed: int) -> bytes:
        changed = mutate(target, data, largest, random.Random(seed))
        return changed if changed is not None else atheris.Mutate(data, largest)

    corpus = place.parent / "corpus" / target
    corpus.mkdir(parents=True, exist_ok=True)
    atheris.Setup(
        [sys.argv[0], str(corpus), str(SEEDS / target), f"-max_len={LARGEST}", "-close_fd_mask=2",
         f"-timeout={PATIENCE}", f"-rss_limit_mb={MEMORY_MB}", f"-artifact_prefix={place}/crash-",
         "-verbosity=0", "-print_final_stats=0", "-len_control=20"],
        once,
        custom_mutator=change,
    )  # fmt: skip
    atheris.Fuzz()


def _keep(place: Path, data: bytes, error: Exception, known: set[str]) -> None:
    """Write the first, or a smaller, input that fails at one place in the code."""
    frames = traceback.extract_tb(error.__traceback__)
    said = str(error) if isinstance(error, AssertionError) else ""
    where = "|".join(f"{frame.filename}:{frame.lineno}" for frame in frames[-2:])
    slow = said.startswith("took")
    name = hashlib.sha256(f"{type(error)}{'slow' if slow else where}".encode()).hexdigest()[:12]
    path = place / f"{type(error).__name__}-{name}"
    if path.exists() and (slow or path.stat().st_size <= len(data)):
        return
    path.write_bytes(data)
    path.with_suffix(".txt").write_text(
        "".join(traceback.format_exception(error)), "utf-8", "replace"
    )
    if name not in known:
        known.add(name)
        print(f"{place.name}: {type(error).__name__}: {error!s:.200} ({path})", flush=True)


if __name__ == "__main__":
    main()
