"""A second ranking by a slower model, as far as there is time for it."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from llama_index.core.postprocessor.types import BaseNodePostprocessor
    from llama_index.core.schema import NodeWithScore

__all__ = ["Reranker"]

_BATCH = 4  # nodes; between batches it can be stopped


class Reranker:
    """Orders nodes by a LlamaIndex postprocessor that scores each by itself, within a time budget.

    It never fails: where the model raises, returns what is no number, or is not done in time, the
    nodes stay in the order they came in, and ``problem`` says why. Safe to use from many threads;
    one question is ranked at a time, and waiting counts into the budget.
    """

    def __init__(
        self, model: BaseNodePostprocessor, *, top_n: int, seconds: float, candidates: int = 20
    ) -> None:
        """``top_n`` nodes are kept of ``candidates`` looked at; ``seconds`` is for one question."""
        self._model = model
        self._top_n = top_n
        self._seconds = seconds
        self.candidates = max(candidates, top_n)
        self._turn = threading.Lock()
        self.problem: str | None = None

    def rerank(self, question: str, nodes: Sequence[NodeWithScore]) -> list[NodeWithScore]:
        """Return the best ``top_n`` of ``nodes``, best first; ties keep their order.

        Scores are then the model's, between 0 and 1 (through a sigmoid where they are not), and
        the retriever's where the order stood. The nodes handed in are not changed.
        """
        scores = self._scores(question, nodes[: self.candidates]) if len(nodes) > 1 else None
        if scores is None:
            return list(nodes[: self._top_n])
        from llama_index.core.schema import NodeWithScore

        if not all(0.0 <= score <= 1.0 for score in scores):
            scores = [_sigmoid(score) for score in scores]
        order = sorted(range(len(scores)), key=lambda place: -scores[place])
        return [
            NodeWithScore(node=nodes[place].node, score=scores[place])
            for place in order[: self._top_n]
        ]

    def _scores(self, question: str, nodes: Sequence[NodeWithScore]) -> list[float] | None:
        """Return the model's scores, or None when it fails or is not done in time."""
        end = time.monotonic() + self._seconds
        found: list[float] = []
        failed: list[str] = []
        stop = threading.Event()

        def work() -> None:
            if not self._turn.acquire(timeout=max(0.0, end - time.monotonic())):
                return
            try:
                for first in range(0, len(nodes), _BATCH):
                    if stop.is_set() or time.monotonic() > end:
                        return
                    found.extend(self._score(question, nodes[first : first + _BATCH]))
            except Exception as error:  # noqa: BLE001 - a model may raise anything
                failed.append(f"{type(error).__name__}: {error}")
            finally:
                self._turn.release()

        worker = threading.Thread(target=work, name="ragkit-rerank", daemon=True)
        worker.start()
        worker.join(self._seconds)
        stop.set()
        scores = list(found)
        if failed:
            self.problem = f"The reranker failed: {failed[0]}"
        elif len(scores) < len(nodes):
            self.problem = f"The reranker was not done within {self._seconds:g} s"
        else:
            self.problem = None
        return None if self.problem else scores

    def _score(self, question: str, nodes: Sequence[NodeWithScore]) -> list[float]:
        from llama_index.core.schema import NodeWithScore, QueryBundle

        # The postprocessor sets scores in place and sorts: it gets copies, found again by place.
        copies = [NodeWithScore(node=found.node, score=None) for found in nodes]
        self._model.postprocess_nodes(list(copies), query_bundle=QueryBundle(question))
        scores = [float("nan") if c.score is None else float(c.score) for c in copies]
        if not all(map(math.isfinite, scores)):
            raise ValueError("a score is no number")
        return scores


def _sigmoid(value: float) -> float:
    return 1 / (1 + math.exp(-max(-60.0, min(60.0, value))))
