"""Measure the extractive answer on question sets: what it holds, how long it is, when it refuses.

Retrieval is ragkit's own full-text search over one passage a node. Each answerable question is
asked twice: with its passage in the index, and with it taken out of the results.

    python scripts/bench_answers.py --passages P.jsonl --questions Q.jsonl [--language en]
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from llama_index.core.schema import NodeWithScore, TextNode

from ragkit.answer.extractive import ExtractedAnswer, extract_answer
from ragkit.answer.refusal import THRESHOLD
from ragkit.evaluate.refusal import auroc, suggested_threshold
from ragkit.evaluate.text_metrics import contains, token_f1
from ragkit.retrieve.analyzer import LexicalAnalyzer

Row = dict[str, Any]


class LexicalIndex:
    """BM25 over passages in memory, through the product's own analyzer and full-text table."""

    def __init__(self, passages: Sequence[Row]) -> None:
        """Index ``passages``, one node each."""
        import sqlite3

        from ragkit.store import fts

        self.passages = passages
        self._fts, self._analyzer = fts, LexicalAnalyzer()
        self._conn = sqlite3.connect(":memory:")
        fts.create(self._conn, "nodes", self._analyzer.fields)
        for rowid, passage in enumerate(passages, 1):
            title = str(passage.get("title") or "")
            language = passage.get("lang")
            values = self._analyzer.index_fields(
                str(passage["text"]), title=title, language=language
            )
            fts.insert(self._conn, "nodes", rowid, values)

    def search(self, question: str, *, limit: int) -> list[tuple[int, float]]:
        """Return indices of passages with scores, best first."""
        clauses = self._analyzer.clauses(question)
        hits = self._fts.search(self._conn, "nodes", clauses, limit=limit) if clauses else []
        return [(rowid - 1, score) for rowid, score in hits]

    def document_frequencies(self, wanted: Sequence[str]) -> tuple[int, dict[str, int]]:
        """Return the number of passages and how many hold each term."""
        return self._fts.document_frequencies(self._conn, "nodes", list(wanted))


def main() -> None:
    """Print one line of figures for each set and language."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--passages", type=Path, action="append", required=True)
    parser.add_argument("--questions", type=Path, action="append", required=True)
    parser.add_argument("--language", action="append", help="only this language; repeatable")
    parser.add_argument("--limit", type=int, help="only so many questions a language")
    parser.add_argument("--top-k", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    passages = [row for path in args.passages for row in _rows(path)]
    questions = [row for path in args.questions for row in _rows(path)]
    for language in args.language or sorted({str(q["lang"]) for q in questions}):
        figures = measure(
            [p for p in passages if p["lang"] == language],
            [q for q in questions if q["lang"] == language][: args.limit],
            top_k=args.top_k,
        )
        if args.json:
            print(json.dumps({"language": language} | figures, ensure_ascii=False))
        else:
            print(language, "  ".join(f"{k} {v:.3f}" for k, v in figures.items()), flush=True)


def measure(passages: Sequence[Row], questions: Sequence[Row], *, top_k: int) -> dict[str, float]:
    """Return the figures of one language; shares are in [0, 1]."""
    index = LexicalIndex(passages)
    tally: Counter[str] = Counter()
    kept: list[float] = []
    removed: list[float] = []
    unanswerable: list[float] = []
    began = time.perf_counter()
    for question in questions:
        found = index.search(question["question"], limit=top_k + 3)
        if question["passage_id"] is None:
            unanswerable.append(_ask(question, found[:top_k], index).confidence)
            continue
        gold = next(p for p in passages if p["id"] == question["passage_id"])
        answer = _ask(question, found[:top_k], index)
        kept.append(answer.confidence)
        left = [hit for hit in found if not _is_gold(passages[hit[0]], gold)]
        removed.append(_ask(question, left[:top_k], index).confidence)
        if question["answers"]:
            # What the sentences are worth is measured apart from whether they are given.
            forced = _ask(question, found[:top_k], index, threshold=0.0)
            tally.update(_judge(question, forced, gold, found, index))
            tally["judged"] += 1
    seconds = time.perf_counter() - began
    judged = max(1, tally["judged"])
    figures = {
        name: tally[name] / judged
        for name in ("contains", "gold_sentence", "sentences", "characters", "mark_f1", "marked")
    }
    figures["refusal_auroc"] = auroc(kept, removed) or float("nan")
    figures["answered"] = sum(c >= THRESHOLD for c in kept) / max(1, len(kept))
    figures["removed_refused"] = sum(c < THRESHOLD for c in removed) / max(1, len(removed))
    at_95 = suggested_threshold(kept) or 0.0
    figures["removed_refused_at_95"] = sum(c < at_95 for c in removed) / max(1, len(removed))
    if unanswerable:
        refused = sum(c < THRESHOLD for c in unanswerable)
        figures["unanswerable_refused"] = refused / len(unanswerable)
    figures["ms_a_question"] = 1000 * seconds / max(1, len(questions))
    return figures


def _ask(
    question: Row,
    found: Sequence[tuple[int, float]],
    index: LexicalIndex,
    *,
    threshold: float = THRESHOLD,
) -> ExtractedAnswer:
    return extract_answer(
        str(question["question"]),
        [_node(index.passages[i], score) for i, score in found],
        document_frequencies=index.document_frequencies,
        threshold=threshold,
    )


def _node(passage: Row, score: float) -> NodeWithScore:
    metadata = {"source": passage["id"], "title": passage.get("title") or ""}
    return NodeWithScore(node=TextNode(text=passage["text"], metadata=metadata), score=score)


def _judge(
    question: Row,
    answer: ExtractedAnswer,
    gold: Row,
    found: Sequence[tuple[int, float]],
    index: LexicalIndex,
) -> dict[str, float]:
    """Return the figures of one question; they are added up."""
    texts = [str(a["text"]) for a in question["answers"]]
    starts = [int(a["start"]) for a in question["answers"]]
    said = " ".join(sentence.text for sentence in answer.sentences)
    marks = [s.text[s.mark[0] : s.mark[1]] for s in answer.sentences if s.mark]
    in_gold = [s for s in answer.sentences if index.passages[found[s.node][0]]["id"] == gold["id"]]
    return {
        "contains": contains(said, texts),
        "gold_sentence": any(s.start <= start < s.end for s in in_gold for start in starts),
        "sentences": sum(s.sentences for s in answer.sentences),
        "characters": len(said),
        "marked": bool(marks),
        "mark_f1": token_f1(marks[0], texts) if marks else 0.0,
    }


def _is_gold(passage: Row, gold: Row) -> bool:
    same_group = passage.get("group") is not None and passage.get("group") == gold.get("group")
    return bool(passage["text"] == gold["text"] or same_group)


def _rows(path: Path) -> Iterator[Row]:
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.strip():
            yield json.loads(line)


if __name__ == "__main__":
    main()
