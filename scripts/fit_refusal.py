"""Fit the weights of ``ragkit.answer.refusal`` and print what they yield, set by set.

Each question is asked with its passage in the index and with it removed: once from the nodes alone,
as ``ragkit evaluate`` does it, and once from the counts of words too, as if it had never been
indexed; some also over a few passages only. Weights are pulled towards those that were judged on
technical documentation. The table is of weights fitted without the set; the constants
printed last are of all sets, and stand in ``refusal.py``.

    SHARED_DATA=../shared python scripts/fit_refusal.py
"""

from __future__ import annotations

import argparse
import os
import random
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from llama_index.core.schema import NodeWithScore, TextNode

from ragkit.answer import extractive
from ragkit.answer.refusal import THRESHOLD
from ragkit.answer.signals import refusal_signals
from ragkit.evaluate.dataset import Passage, Question, gold_passages, load_passages, load_questions
from ragkit.evaluate.refusal import auroc, suggested_threshold
from ragkit.retrieve.analyzer import LexicalAnalyzer
from ragkit.retrieve.tokenizer import detect_language, terms
from ragkit.store import fts

# (files, language): those that are fitted on and shown.
SETS = [
    ("cmrc2018-dev", "zh"), ("drcd-dev", "zh-Hant"), ("squad2-dev", "en"),
    *(("xquad", language) for language in ("en", "zh", "de", "ru")),
    *(("xquad-more", language) for language in ("th", "ar", "es", "hi", "tr", "vi", "el")),
    ("techfaq", "en"), ("techfaq", "zh"),
]  # fmt: skip
TOP_K = 5
# Weights judged on technical documentation, which the sets are not: the penalty pulls here.
PRIOR = {
    "around": 2.78, "everywhere": 2.79, "matter": 0.79, "soft": 7.26, "flat": -3.85, "typed": -0.93,
    "names": -0.76, "atoms": -0.32, "words": -0.36, "found": 0.08, "rivals": -0.09,
    "runs": 0.0, "runs_everywhere": 0.0, "lost_around": 0.0, "lost_node": 0.0,
    "lost_everywhere": 0.0, "named": 0.0, "defines": 3.0, "unknown": -3.0, "unfounded": -4.0,
    "thin_few": -6.0, "strangers": -0.75,
}  # fmt: skip
# Not fitted: the sets ask about what is there, in its own words, of collections that are not small,
# hardly ever whether something is so, and seldom what a thing is.
FIXED = frozenset({"defines", "unknown", "unfounded", "thin_few", "strangers"})
# So many of the answerable questions, pooled, are answered at THRESHOLD.
ANSWERED = 0.95
# The technical FAQ's questions are too often not found at all to set a threshold by.
UNCALIBRATED = "techfaq"
NAMES = tuple(PRIOR)

Row = np.ndarray[Any, np.dtype[np.float64]]


@dataclass
class Asked:
    """Signals of one set's questions, a row each; rows of NaN are refused without a look."""

    kept: list[Row] = field(default_factory=list)
    removed: list[Row] = field(default_factory=list)
    never: list[Row] = field(default_factory=list)
    few_kept: list[Row] = field(default_factory=list)
    few_removed: list[Row] = field(default_factory=list)


class Index:
    """ragkit's full-text search over passages in memory, one node each."""

    def __init__(self, passages: Sequence[Passage]) -> None:
        """Index ``passages``."""
        self.passages = passages
        self._analyzer = LexicalAnalyzer()
        self._conn = sqlite3.connect(":memory:")
        fts.create(self._conn, "nodes", self._analyzer.fields)
        self._nodes = []
        for rowid, passage in enumerate(passages, 1):
            language = detect_language(passage.text)
            values = self._analyzer.index_fields(
                passage.text, title=passage.title, language=language
            )
            fts.insert(self._conn, "nodes", rowid, values)
            metadata = {"source": passage.id, "title": passage.title, "language": language or ""}
            self._nodes.append(TextNode(text=passage.text, metadata=metadata))

    def search(self, question: str, limit: int) -> list[NodeWithScore]:
        """Return the best nodes, as the product's retriever ranks them."""
        found = fts.search_question(
            self._conn,
            "nodes",
            self._analyzer,
            question,
            limit=limit,
            texts=lambda rowids: {i: self.passages[i - 1].text for i in rowids},
        )
        return [NodeWithScore(node=self._nodes[i - 1], score=score) for i, score in found]

    def frequencies(
        self, gone: Sequence[Passage] = ()
    ) -> Callable[[Sequence[str]], tuple[int, Mapping[str, int]]]:
        """Return document frequencies, as they would be without the passages ``gone``."""
        held = [set(terms(f"{p.title} {p.text}", language=detect_language(p.text))) for p in gone]

        def count(wanted: Sequence[str]) -> tuple[int, Mapping[str, int]]:
            total, found = fts.document_frequencies(self._conn, "nodes", list(wanted))
            left = {t: n - sum(t in terms_ for terms_ in held) for t, n in found.items()}
            return total - len(held), {t: max(0, n) for t, n in left.items()}

        return count


def main() -> None:
    """Print the table and the constants."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--limit", type=int, default=300, help="questions of a set")
    parser.add_argument("--few", type=int, default=40, help="of them over a few passages only")
    parser.add_argument("--penalty", type=float, default=0.01)
    args = parser.parse_args()
    shared = Path(os.environ.get("SHARED_DATA") or Path(__file__).parents[2] / "shared")
    data = {
        f"{name} {language}": gather(shared / "eval", name, language, args.limit, args.few)
        for name, language in SETS
    }
    print(f"{'set':18} {'left out':>8} {'never indexed':>13} {'removed refused at 95%':>22}")
    for name, asked in data.items():
        weights, _ = fit([a for other, a in data.items() if other != name], args.penalty)
        figures = (
            _auroc(asked.kept, asked.removed, weights),
            _auroc(asked.kept, asked.never, weights),
            _refused_at_95(asked, weights),
        )
        print("{:18} {:8.3f} {:13.3f} {:22.2f}".format(name, *figures), flush=True)
    weights, bias = fit(list(data.values()), args.penalty)
    calibrated = [a for name, a in data.items() if not name.startswith(UNCALIBRATED)]
    bias += _shift([_scores(a.kept, weights) + bias for a in calibrated])
    rounded = {name: round(float(w), 2) for name, w in zip(NAMES, weights, strict=True)}
    print("\n_WEIGHTS =", rounded)
    print("_BIAS =", round(bias, 2))
    logit = np.log(THRESHOLD / (1 - THRESHOLD))
    for name, asked in data.items():
        kept, removed = (_scores(rows, weights) + bias for rows in (asked.kept, asked.removed))
        shares = (np.mean(kept >= logit), np.mean(removed < logit))
        print("{:18} answered {:.3f}, removed refused {:.3f}".format(name, *shares))


def gather(folder: Path, name: str, language: str, limit: int, few: int) -> Asked:
    """Ask the questions of one set and return their signals."""
    passages = load_passages([folder / f"{name}.passages.jsonl"])
    questions = load_questions([folder / f"{name}.questions.jsonl"], passages)
    passages = [p for p in passages if p.lang == language]
    questions = [q for q in questions if q.lang == language and q.passage_id]
    gold = gold_passages(passages, questions)
    by_id = {p.id: p for p in passages}
    chance = random.Random(1)
    questions = chance.sample(questions, min(limit, len(questions)))
    index = Index(passages)
    asked = Asked()
    for number, question in enumerate(questions):
        right = [by_id[id_] for id_ in gold[question.id]]
        kept, removed, never = _ask(question, right, index)
        asked.kept.append(kept)
        asked.removed.append(removed)
        asked.never.append(never)
        if number < few:
            others = [p for p in passages if p.id not in gold[question.id]]
            chosen = chance.sample(others, min(len(others), chance.randint(2, 29)))
            kept, _, never = _ask(question, right, Index([*chosen, *right]))
            asked.few_kept.append(kept)
            asked.few_removed.append(never)
    return asked


def _ask(question: Question, right: Sequence[Passage], index: Index) -> tuple[Row, Row, Row]:
    """Return the signals with what is right, with it removed, and as if it never was."""
    gone = {p.id for p in right}
    found = index.search(question.question, TOP_K + 3 + len(gone))
    left = [node for node in found if node.node.metadata["source"] not in gone][:TOP_K]
    return (
        signals(question.question, found[:TOP_K], index.frequencies()),
        signals(question.question, left, index.frequencies()),
        signals(question.question, left, index.frequencies(right)),
    )


def signals(question: str, nodes: Sequence[NodeWithScore], frequencies: Any) -> Row:
    """Return the signals of one question in the order of ``NAMES``; NaN where it is refused."""
    seen: list[dict[str, float]] = []

    def watch(*given: Any) -> float:
        seen.append(refusal_signals(*given))
        return 0.0

    # The product's own way to the signals, up to where they would be weighed.
    original = extractive.confidence
    extractive.confidence = watch  # type: ignore[assignment]
    try:
        extractive.extract_answer(question, nodes, document_frequencies=frequencies)
    finally:
        extractive.confidence = original
    return np.array([seen[0][name] for name in NAMES] if seen else [np.nan] * len(NAMES))


def fit(sets: Sequence[Asked], penalty: float) -> tuple[Row, float]:
    """Return weights and bias by penalised logistic regression (Newton), all sets counted alike."""
    rows, labels, counts = [], [], []
    for asked in sets:
        parts = [(asked.kept, 1, 0.8), (asked.removed, 0, 0.4), (asked.never, 0, 0.4)]
        parts += [(asked.few_kept, 1, 0.2), (asked.few_removed, 0, 0.2)]
        for part, label, count in parts:
            known = [row for row in part if not np.isnan(row[0])]
            rows += known
            labels += [label] * len(known)
            counts += [count / 2 / len(sets) / max(1, len(known))] * len(known)
    x, y, c = np.array(rows), np.array(labels), np.array(counts)
    free = [i for i, name in enumerate(NAMES) if name not in FIXED]
    prior = np.array([PRIOR[name] for name in NAMES])
    scale = x[:, free].std(axis=0) + 1e-9
    design = np.hstack([x[:, free] / scale, np.ones((len(x), 1))])
    offset = x @ prior
    pull = np.append(np.full(len(free), penalty), 0.0)
    change = np.zeros(len(free) + 1)
    for _ in range(30):
        p = 1 / (1 + np.exp(-np.clip(offset + design @ change, -30, 30)))
        slope = design.T @ (c * (p - y)) + pull * change
        curve = (design * (c * p * (1 - p))[:, None]).T @ design + np.diag(pull + 1e-9)
        change -= np.linalg.solve(curve, slope)
    weights = prior.copy()
    weights[free] += change[:-1] / scale
    return weights, float(change[-1])


def _scores(rows: Sequence[Row], weights: Row) -> Row:
    return np.nan_to_num(np.array(rows) @ weights, nan=-30.0)


def _auroc(kept: Sequence[Row], removed: Sequence[Row], weights: Row) -> float:
    return auroc(list(_scores(kept, weights)), list(_scores(removed, weights))) or float("nan")


def _refused_at_95(asked: Asked, weights: Row) -> float:
    threshold = suggested_threshold(list(_scores(asked.kept, weights)))
    return float(np.mean(_scores(asked.removed, weights) < threshold))


def _shift(kept: Sequence[Row]) -> float:
    """Return what to add, so that ANSWERED of the answerable questions reach ``THRESHOLD``."""
    pooled = [float(score) for scores in kept for score in scores]
    edge = suggested_threshold(pooled, answered=ANSWERED) or 0.0
    return float(np.log(THRESHOLD / (1 - THRESHOLD)) - edge)


if __name__ == "__main__":
    main()
