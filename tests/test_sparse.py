"""BM25 without postings: statistics, scores of given rows, and sparse vectors."""

from __future__ import annotations

import random
import sqlite3

import pytest

from ragkit.store import fts
from ragkit.store.bm25 import score_rows
from ragkit.store.frequencies import Lengths, read_statistics
from ragkit.store.sparse import node_vector, question_vector
from ragkit.store.terms import count_terms
from ragkit.types import Clause

WORDS = [f"w{n}" for n in range(60)]


def product(one, other):
    known = dict(zip(one.indices, one.values, strict=True))
    return sum(known.get(i, 0) * v for i, v in zip(other.indices, other.values, strict=True))


def filled(rows):
    conn = sqlite3.connect(":memory:")
    fts.create(conn, "t", ("title", "body"))
    for rowid, row in rows.items():
        fts.insert(conn, "t", rowid, row)
    return conn


def made_up(count, seed=1):
    draw = random.Random(seed)
    weights = [1 / rank for rank in range(1, len(WORDS) + 1)]
    return {
        n: tuple(" ".join(draw.choices(WORDS, weights, k=draw.randint(0, k))) for k in (3, 30))
        for n in range(1, count + 1)
    }


@pytest.fixture
def asked():
    return [Clause(("w1", "w30", "w59", "never"), (1.0, 1.0)), Clause(("w0",), (1.0, 1.0), 0.5)]


def statistics_of(conn, clauses, lengths=None, keep=True):
    terms = [term for clause in clauses for term in clause.terms]
    return read_statistics(conn, "t", terms, lengths or Lengths(), keep=keep)


def test_scores_are_those_of_the_whole_index_to_the_last_bit(asked):
    """Rows come and go over several segments; what was added up once is not taken for the rest."""
    rows, draw, lengths = made_up(3_000), random.Random(2), Lengths()
    conn = filled(rows)
    asked.append(Clause(("w2", "w3"), (2.5, 0.25)))
    for _ in range(4):
        for rowid in draw.sample(sorted(rows), 200):
            fts.delete(conn, "t", rowid)
            del rows[rowid]
        statistics = statistics_of(conn, asked, lengths)
        assert statistics.rows == len(rows)
        assert statistics.terms == sum(len(" ".join(row).split()) for row in rows.values())
        for term, held in statistics.held.items():
            assert held == sum(term in " ".join(row).split() for row in rows.values())
        scores = score_rows([count_terms(row) for row in rows.values()], asked, statistics)
        found = dict(fts.search(conn, "t", asked, limit=5_000))
        assert {k: s for k, s in zip(rows, scores, strict=True) if s} == found


def test_what_an_index_counts_no_further_is_counted_no_further(asked):
    rows = {1: ("w1 " * 300, "w1 " * 300), 2: ("", "w30 " + "w2 " * 70_000), 3: ("w59", "w0")}
    conn = filled(rows)
    scores = score_rows(
        [count_terms(row) for row in rows.values()], asked, statistics_of(conn, asked)
    )
    assert dict(zip(rows, scores, strict=True)) == dict(fts.search(conn, "t", asked, limit=5))


def test_the_inner_product_is_the_score(asked):
    rows = made_up(400)
    conn = filled(rows)
    statistics = statistics_of(conn, asked)
    question = question_vector(asked, statistics)
    found = dict(fts.search(conn, "t", asked, limit=500))
    for rowid, row in rows.items():
        one = node_vector(count_terms(row), statistics.mean)
        assert product(one, question) == pytest.approx(found.get(rowid, 0.0), abs=1e-9)


def test_every_vector_is_what_engines_take(asked):
    rows = {**made_up(50), 99: ("", "")}
    conn = filled(rows)
    statistics = statistics_of(conn, asked)
    for row in rows.values():
        indices, values = node_vector(count_terms(row), statistics.mean)
        assert indices == sorted(set(indices)) != []
        assert 0 <= indices[0] <= indices[-1] < 2**32 - 1
        assert min(values) > 0
    empty = node_vector(count_terms(("", "")), statistics.mean)
    assert product(empty, question_vector(asked, statistics)) == 0


def test_dimensions_are_the_same_in_every_process():
    assert node_vector(count_terms(("", "灯塔 lighthouse")), 2.0).indices == [
        889257447,
        2598234992,
    ]


def test_nothing_indexed_and_nothing_known(asked):
    conn = filled({})
    statistics = statistics_of(conn, asked)
    assert (statistics.rows, statistics.terms) == (0, 0)
    assert question_vector(asked, statistics).indices == []
    assert score_rows([count_terms(("", "w1"))], asked, statistics) == [0.0]


def test_a_change_that_is_taken_back_is_not_remembered(asked):
    rows, lengths = made_up(600), Lengths()
    conn = filled(rows)
    conn.commit()
    conn.execute("BEGIN")
    for rowid in range(601, 1_300):
        fts.insert(conn, "t", rowid, ("", "w1 w1 w1"))
    inside = statistics_of(conn, asked, lengths, keep=False)
    conn.rollback()
    for rowid in range(601, 1_300):
        fts.insert(conn, "t", rowid, ("", "w1"))
    after = statistics_of(conn, asked, lengths)
    assert inside.terms - after.terms == 2 * 699
