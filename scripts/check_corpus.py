"""Read every file of a folder and compare what comes out with a manifest.

Usage: python scripts/check_corpus.py FOLDER MANIFEST [--fail-under 0.98]

The manifest is JSON Lines: ``{path, format, encoding, expect, must_contain, must_not_contain?}``.
Probes are compared after removing all white space from both sides. ``expect`` is one of text,
empty_ok, error_reported, text_or_error, no_text_ok, no_crash, skip_reported,
text_or_skip_reported, policy. Exits 1 where the share of probes found is below ``--fail-under``,
or anything else in the table is wrong.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ragkit.errors import IngestError
from ragkit.ingest.extract import extract
from ragkit.ingest.folder import Entry, walk

TEXT_REQUIRED = ("text",)
REPORT_REQUIRED = ("error_reported", "skip_reported")


@dataclass(frozen=True)
class Outcome:
    """What became of one file: its ``text``, or the ``reason`` why there is none."""

    text: str = ""
    reason: str = ""
    crash: str = ""
    seconds: float = 0.0
    listed: bool = True


def read(entry: Entry | None) -> Outcome:
    """Extract a file; anything but an IngestError counts as a crash."""
    if entry is None:
        return Outcome(listed=False, reason="left out by the walk")
    if entry.problem:
        return Outcome(reason=entry.problem)
    started = time.perf_counter()
    try:
        text, reason, crash = extract(entry.path).text, "", ""
    except IngestError as error:
        text, reason, crash = "", str(error), ""
    except Exception as error:  # noqa: BLE001 - counting these is the point
        text, reason, crash = "", "", repr(error)
    return Outcome(text, reason, crash, time.perf_counter() - started)


def squeezed(text: str) -> str:
    """Return ``text`` without white space."""
    return "".join(text.split())


def broken_expectation(expect: str, outcome: Outcome) -> str | None:
    """Return in words how ``outcome`` differs from ``expect``, or None."""
    if outcome.crash:
        return f"raised {outcome.crash}"
    if expect in TEXT_REQUIRED and not outcome.text:
        return f"no text: {outcome.reason}"
    if expect in REPORT_REQUIRED and outcome.text:
        return "indexed, but must be reported"
    if expect in REPORT_REQUIRED and not outcome.listed:
        return "left out without a report"
    if expect in ("text_or_error", "text_or_skip_reported") and not (
        outcome.text or outcome.reason
    ):
        return "neither text nor report"
    return None


def check(folder: Path, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the counts that the table shows, and a line for everything that went wrong."""
    entries = {entry.source: entry for entry in walk(folder)}
    probes: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    encodings = [0, 0]
    wrong: list[str] = []
    slowest = (0.0, "")
    forbidden = unmet = crashes = 0
    for row in rows:
        outcome = read(entries.get(row["path"]))
        slowest = max(slowest, (outcome.seconds, row["path"]))
        text = squeezed(outcome.text)
        wanted = row.get("must_contain") or []
        missing = [probe for probe in wanted if squeezed(probe) not in text]
        probes[row["format"]][0] += len(wanted) - len(missing)
        probes[row["format"]][1] += len(wanted)
        if row["path"].startswith("encodings/") and wanted:
            encodings[0] += not missing
            encodings[1] += 1
        hits = [probe for probe in row.get("must_not_contain") or [] if squeezed(probe) in text]
        problem = broken_expectation(row["expect"], outcome)
        forbidden += len(hits)
        unmet += problem is not None
        crashes += bool(outcome.crash)
        wrong += [f"{row['path']}: missing {probe!r}" for probe in missing]
        wrong += [f"{row['path']}: holds {probe!r}" for probe in hits]
        wrong += [f"{row['path']}: {problem}"] if problem else []
    return {"probes": dict(probes), "encodings": encodings, "forbidden": forbidden, "unmet": unmet,
            "crashes": crashes, "wrong": wrong, "slowest": slowest}  # fmt: skip


def main() -> int:
    """Print the table; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--fail-under", type=float, default=0.98)
    arguments = parser.parse_args()
    with arguments.manifest.open(encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines if line.strip()]
    started = time.perf_counter()
    found = check(arguments.folder, rows)
    seconds = time.perf_counter() - started
    for line in found["wrong"]:
        print(f"  {line}")
    for name, (hits, total) in sorted(found["probes"].items()):
        if total:
            print(f"{name:24}{hits:5} of {total}")
    hits = sum(pair[0] for pair in found["probes"].values())
    total = sum(pair[1] for pair in found["probes"].values())
    print(f"{'probes found':24}{hits:5} of {total} ({hits / max(1, total):.1%})")
    print(f"{'encodings right':24}{found['encodings'][0]:5} of {found['encodings'][1]}")
    print(f"{'forbidden text':24}{found['forbidden']:5}")
    print(f"{'expectations not met':24}{found['unmet']:5}")
    print(f"{'exceptions':24}{found['crashes']:5}")
    print(f"{'files':24}{len(rows):5} in {seconds:.1f} s, slowest {found['slowest'][0]:.2f} s "
          f"({found['slowest'][1]})")  # fmt: skip
    wrong = found["forbidden"] or found["unmet"] or found["crashes"]
    return 1 if wrong or hits < arguments.fail_under * total else 0


if __name__ == "__main__":
    sys.exit(main())
