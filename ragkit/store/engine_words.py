"""Words looked up in an engine: what it is given of a node, and how what it finds is scored.

The engine's sparse vectors find candidates; their scores are BM25 by the file's statistics, from
their own texts, and so the same to the last bit as where the file is asked alone. A node that
another one should have left out of the candidates is at their end, so more are fetched than asked
for.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ragkit.store.bm25 import Statistics, score_rows
from ragkit.store.sparse import SparseVector, node_vector
from ragkit.store.stored import fulltext_values
from ragkit.store.terms import RowTerms, count_terms

if TYPE_CHECKING:
    from ragkit.store.sqlite import Snapshot
    from ragkit.types import Analyzer, Clause

__all__ = ["candidate_count", "node_vectors", "score_candidates"]

_FACTOR, _FEWEST = 2, 50


def candidate_count(limit: int) -> int:
    """Return how many nodes an engine is asked for where ``limit`` are wanted."""
    return max(_FEWEST, _FACTOR * limit)


def node_vectors(
    snapshot: Snapshot, analyzer: Analyzer, rowids: Sequence[int], *, mean: float
) -> list[SparseVector]:
    """Return the sparse vectors of the nodes in these rows; ``mean`` is all nodes' mean length."""
    found = _read_terms(snapshot, analyzer, rowids)
    return [node_vector(found[rowid], mean) for rowid in rowids]


def score_candidates(
    snapshot: Snapshot,
    analyzer: Analyzer,
    rowids: Sequence[int],
    clauses: Sequence[Clause],
    statistics: Statistics,
    *,
    limit: int,
) -> list[tuple[int, float]]:
    """Return up to ``limit`` (rowid, score above 0), best first; equal scores by rowid.

    Rows that the file has no longer are left out.
    """
    found = _read_terms(snapshot, analyzer, rowids)
    scores = score_rows(list(found.values()), clauses, statistics)
    held = [(rowid, score) for rowid, score in zip(found, scores, strict=True) if score > 0]
    return sorted(held, key=lambda item: (-item[1], item[0]))[:limit]


def _read_terms(
    snapshot: Snapshot, analyzer: Analyzer, rowids: Sequence[int]
) -> dict[int, RowTerms]:
    """Return the terms of nodes, made again from what they were made of."""
    rows = snapshot.conn.execute(
        f"SELECT n.id, c.text, n.metadata FROM {snapshot.table('node')} n"
        f" JOIN {snapshot.table('content')} c ON c.id = n.id"
        " WHERE n.id IN (SELECT value FROM json_each(?))",
        (json.dumps(list(rowids)),),
    )
    return {
        rowid: count_terms(fulltext_values(analyzer, text, json.loads(metadata)))
        for rowid, text, metadata in rows
    }
