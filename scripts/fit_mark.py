"""Fit the weights of the short answer's mark and write ``ragkit/answer/mark_weights.py``.

Listwise logistic regression over the candidate spans of each gold sentence, towards the spans that
share most words with a gold answer, with the expected F1 added to the likelihood; an L2 penalty
that is greater for what holds for one kind of question only; then only the weightiest features are
kept and fitted again. ``--check N`` leaves out N groups of articles in turn and prints F1 instead.

    python scripts/fit_mark.py --data ../shared/eval [--check 4]
"""

from __future__ import annotations

import argparse
import json
import random
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse
from scipy.optimize import minimize

from ragkit.answer import mark
from ragkit.answer.candidates import Span, answer_candidates, see
from ragkit.answer.matching import place_terms
from ragkit.answer.question import Question, analyze_question
from ragkit.answer.span_features import span_features
from ragkit.answer.units import node_units
from ragkit.evaluate.text_metrics import token_f1

OUT = Path(__file__).parents[1] / "ragkit" / "answer" / "mark_weights.py"
# Set, language and weight of a question. Translations of one set count less each.
HAN_SETS = (("cmrc2018-dev", "zh", 1.0), ("xquad", "zh", 1.0), ("drcd-dev", "zh-Hant", 1.0))
WORD_SETS = (
    ("xquad", "en", 1.0), ("squad2-dev", "en", 1.0), ("xquad", "de", 0.2), ("xquad", "ru", 0.2),
    ("xquad-more", "es", 0.2),
)  # fmt: skip
MOST_QUESTIONS = 1700
PENALTY, KIND_PENALTY = 3.0, 3.0
RISK = 2.0
SHARPNESS = 8.0
RAREST = 30
KEPT = 260
# Few questions of the sets name a unit, and where one does, nothing tells more.
GIVEN = {"measured": 3.0}


@dataclass(frozen=True)
class Item:
    """One question and the candidates of its gold sentence, each with its features and F1."""

    name: str
    article: str
    weight: float
    question: Question
    sentence: str
    candidates: list[Span]
    features: list[dict[str, float]]
    f1: np.ndarray[Any, Any]


def main() -> None:
    """Fit both tables, or check them on articles left out."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of the question sets")
    parser.add_argument("--check", type=int, default=0, help="print F1 by so many folds")
    args = parser.parse_args()
    tables = {}
    for title, sets in (("HAN_WEIGHTS", HAN_SETS), ("WORD_WEIGHTS", WORD_SETS)):
        items = [item for row in sets for item in _items(args.data, *row)]
        if args.check:
            _check(items, args.check)
        else:
            tables[title] = _fit(items)
    if tables:
        OUT.write_text(_source(tables), encoding="utf-8")


def _items(data: Path, name: str, language: str, weight: float) -> Iterator[Item]:
    passages = {row["id"]: row for row in _rows(data / f"{name}.passages.jsonl")}
    questions = [row for row in _rows(data / f"{name}.questions.jsonl") if row["answers"]]
    questions = [row for row in questions if row["lang"] == language]
    random.Random(1).shuffle(questions)
    for row in questions[:MOST_QUESTIONS]:
        passage = passages[row["passage_id"]]
        sentence = _gold_sentence(passage["text"], row["answers"])
        question = analyze_question(row["question"])
        if sentence is None or question.kind in ("polar", "keywords"):
            continue
        places = place_terms(sentence, frozenset(t.term for t in question.terms), question.language)
        sight = see(question, sentence, places)
        candidates = answer_candidates(sight)
        if not candidates:
            continue
        features = span_features(sight, places)
        answers = [answer["text"] for answer in row["answers"]]
        f1 = np.array([token_f1(sentence[start:end], answers) for start, end in candidates])
        rows = [features(span) for span in candidates]
        article = str(passage.get("title") or passage["id"])
        yield Item(f"{name} {language}", article, weight, question, sentence, candidates, rows, f1)


def _gold_sentence(text: str, answers: Sequence[dict[str, Any]]) -> str | None:
    for unit in node_units(text, ()):
        for answer in answers:
            end = answer["start"] + len(answer["text"])
            if unit.start <= answer["start"] and end <= unit.end:
                return text[unit.start : unit.end]
    return None


def _kind(item: Item) -> str:
    return mark._LIKE.get(item.question.kind, item.question.kind)


Key = tuple[str, str]
Table = dict[str, dict[str, float]]


def _fit(items: Sequence[Item]) -> Table:
    """Return the weights by feature and kind; the kind "" holds for all."""
    counts: Counter[Key] = Counter()
    for item in items:
        counts.update({(n, k) for row in item.features for n in row for k in ("", _kind(item))})
    keys = [key for key, count in counts.items() if count >= RAREST and key[0] not in GIVEN]
    design, starts = _design(items, keys)
    f1 = np.concatenate([item.f1 for item in items])
    weights = np.array([item.weight for item in items])
    found = _minimise(design, starts, f1, weights, keys)
    worth = np.abs(found) * np.sqrt(np.asarray(design.multiply(design).mean(0)).ravel() + 1e-4)
    kept = np.argsort(-worth)[:KEPT]
    keys = [keys[i] for i in kept]
    found = _minimise(design[:, kept], starts, f1, weights, keys)
    table: Table = defaultdict(dict, {name: {"": value} for name, value in GIVEN.items()})
    for (name, kind), value in sorted(zip(keys, found, strict=True)):
        if round(value, 1):
            table[name][kind] = round(float(value), 1)
    return table


def _design(items: Sequence[Item], keys: Sequence[Key]) -> tuple[Any, np.ndarray[Any, Any]]:
    column = {key: i for i, key in enumerate(keys)}
    rows, columns, values, starts, at = [], [], [], [], 0
    for item in items:
        starts.append(at)
        for features in item.features:
            for name, value in features.items():
                for kind in ("", _kind(item)):
                    if (name, kind) in column:
                        rows.append(at)
                        columns.append(column[name, kind])
                        values.append(value)
            at += 1
    return sparse.csr_matrix((values, (rows, columns)), shape=(at, len(keys))), np.array(starts)


def _minimise(
    design: Any, starts: Any, f1: Any, weights: Any, keys: Sequence[Key]
) -> np.ndarray[Any, Any]:
    segment = np.repeat(np.arange(len(starts)), np.diff([*starts, len(f1)]))
    target = np.exp(SHARPNESS * (f1 - np.maximum.reduceat(f1, starts)[segment])) * (f1 > 0)
    total = np.add.reduceat(target, starts)[segment]
    target = np.divide(target, total, out=np.zeros_like(target), where=total > 0)
    mass = np.add.reduceat(target, starts)[segment]
    each = weights[segment]
    penalty = np.array([PENALTY * (KIND_PENALTY if kind else 1) for _, kind in keys])

    def loss(beta: Any) -> tuple[float, Any]:
        scores = design @ beta
        scores = scores - np.maximum.reduceat(scores, starts)[segment]
        shares = np.exp(scores)
        whole = np.add.reduceat(shares, starts)[segment]
        shares = shares / whole
        expected = np.add.reduceat(shares * f1, starts)
        value = -np.sum(each * target * (scores - np.log(whole))) - RISK * weights @ expected
        slope = each * (shares * mass - target)
        slope -= RISK * each * shares * (f1 - expected[segment])
        return value + penalty @ beta**2 / 2, design.T @ slope + penalty * beta

    start = np.zeros(len(keys))
    return minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 100}).x


def _check(items: Sequence[Item], folds: int) -> None:
    articles = sorted({item.article for item in items})
    fold = {article: i % folds for i, article in enumerate(articles)}
    found: dict[str, list[float]] = defaultdict(list)
    for left_out in range(folds):
        table = _fit([item for item in items if fold[item.article] != left_out])
        for item in items:
            if fold[item.article] == left_out:
                found[item.name].append(_f1(item, table))
    for name, values in found.items():
        print(f"{name}: F1 {np.mean(values):.3f} on {len(values)} gold sentences", flush=True)


def _f1(item: Item, table: Table) -> float:
    weights = {k: v.get("", 0.0) + v.get(_kind(item), 0.0) for k, v in table.items()}
    scores = [mark.span_score(weights, row.items()) for row in item.features]
    chosen = mark.choose_span(item.sentence, item.candidates, scores)
    return float(item.f1[item.candidates.index(chosen)])


def _source(tables: dict[str, Table]) -> str:
    lines = [
        "# ruff: noqa: E501  (one feature a line)",
        '"""Weights of the mark\'s features, by kind of question; "" holds for every kind.',
        "",
        "Written by scripts/fit_mark.py on development halves: Chinese (CMRC, DRCD, XQuAD), and",
        "languages with spaces (SQuAD 2.0 and XQuAD en, with XQuAD de es ru at a fifth).",
        '"""',
        "",
        "# fmt: off",
        "from __future__ import annotations",
        "",
        '__all__ = ["HAN_WEIGHTS", "WORD_WEIGHTS"]',
    ]
    for title, table in tables.items():
        lines += ["", f"{title}: dict[str, dict[str, float]] = {{"]
        for name, row in sorted(table.items()):
            values = ", ".join(f"{json.dumps(kind)}: {value}" for kind, value in row.items())
            lines.append(f"    {json.dumps(name, ensure_ascii=False)}: {{{values}}},")
        lines.append("}")
    return "\n".join(lines) + "\n"


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.strip():
            yield json.loads(line)


if __name__ == "__main__":
    main()
