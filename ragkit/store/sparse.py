"""Our terms as sparse vectors, for engines that search them: inner products that are BM25.

A term is one of 2^32 dimensions by its hash. A node's vector holds the document's side of BM25,
with the collection's mean length when it was written; a question's vector the terms' idf and the
clauses' weights. The inner product is then BM25, up to terms that share a dimension and to nodes
written when the mean was another: it finds candidates, which ``bm25.score_rows`` scores exactly.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from ragkit.store.bm25 import K1, Statistics, damping_of, idf
from ragkit.store.postings import term_hash

if TYPE_CHECKING:
    from ragkit.store.terms import RowTerms
    from ragkit.types import Clause

__all__ = ["VERSION", "SparseVector", "node_vector", "question_vector"]

VERSION = 1
"""Changes whenever a node's vector would; part of the name of a collection that holds them."""
_DIMENSIONS = 2**32 - 2  # Milvus has no dimension 2^32 - 1
_NOTHING = _DIMENSIONS  # of nodes without a term: an engine may want one dimension at least


class SparseVector(NamedTuple):
    """Dimensions, ascending (0 up to 2^32 - 2), and the numbers in them, above 0."""

    indices: list[int]
    values: list[float]


def node_vector(row: RowTerms, mean: float) -> SparseVector:
    """Return a node's vector; ``mean`` is the mean length of the collection's nodes."""
    damping = float(damping_of(row.length + 1, mean))
    found: dict[int, float] = {}
    for term in dict.fromkeys(term for field in row.counts for term in field):
        frequency = sum(field.get(term, 0) for field in row.counts)
        value = (K1 + 1) * frequency / (frequency + damping)
        dimension = term_hash(term) % _DIMENSIONS
        found[dimension] = found.get(dimension, 0.0) + value
    return _vector(found or {_NOTHING: 1.0})


def question_vector(clauses: Sequence[Clause], statistics: Statistics) -> SparseVector:
    """Return a question's vector; one without numbers where no node holds any of its terms.

    Fields count alike in it, whatever the clauses' weights for them.
    """
    found: dict[int, float] = {}
    for clause in clauses:
        for term in dict.fromkeys(clause.terms):
            if held := statistics.held.get(term, 0):
                dimension = term_hash(term) % _DIMENSIONS
                worth = clause.weight * idf(statistics.rows, held)
                found[dimension] = found.get(dimension, 0.0) + worth
    return _vector(found)


def _vector(found: dict[int, float]) -> SparseVector:
    dimensions = sorted(found)
    return SparseVector(dimensions, [found[dimension] for dimension in dimensions])
