"""Retrieval metrics, by ir-measures (https://ir-measur.es) over trec_eval."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from ragkit.errors import MissingExtra

__all__ = ["METRICS", "load_ir_measures", "score_rankings"]

# Our name -> ir-measures' name. recall@k is the share of questions with a right passage among the
# first k (Success in trec_eval): passages that say the same are one answer, so that a twin in a
# pooled index does not halve it.
METRICS: Mapping[str, str] = {
    "recall@1": "Success@1",
    "recall@5": "Success@5",
    "recall@10": "Success@10",
    "precision@5": "P@5",
    "mrr@10": "RR",
    "ndcg@10": "nDCG@10",
}
_DEPTH = 10


def score_rankings(
    gold: Mapping[str, Collection[str]], rankings: Mapping[str, Sequence[str]]
) -> dict[str, dict[str, float]]:
    """Return ``{question id: {metric: value}}`` for every question of ``gold``.

    ``rankings`` holds passage ids, best first; a question without one scores 0. Only the first ten
    count, which makes trec_eval's reciprocal rank the one at 10. Raises MissingExtra without
    ir-measures.
    """
    ir_measures = load_ir_measures()
    # trec_eval orders equal scores by document id: rank is handed over as the score, so that the
    # retriever's own order stands.
    run = {
        question: {passage: float(-rank) for rank, passage in enumerate(ranking[:_DEPTH])}
        for question, ranking in rankings.items()
    }
    relevant = {question: dict.fromkeys(ids, 1) for question, ids in gold.items()}
    measures = {ir_measures.parse_measure(theirs): ours for ours, theirs in METRICS.items()}
    scores = {question: dict.fromkeys(METRICS, 0.0) for question in gold}
    for found in ir_measures.iter_calc(list(measures), relevant, run):
        scores[found.query_id][measures[found.measure]] = float(found.value)
    return scores


def load_ir_measures() -> Any:
    """Import ir-measures; raise MissingExtra where it is not installed."""
    try:
        import ir_measures
    except ImportError as error:
        raise MissingExtra("ragkit evaluate", "eval") from error
    return ir_measures
