from __future__ import annotations

import math
import random
import sqlite3
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest

from ragkit.store import fts
from ragkit.store.bm25 import best_rows
from ragkit.store.postings import Postings, Rows
from ragkit.types import Clause

ROWS = {
    1: ("guide", "the cat sat on the mat"),
    2: ("guide", "the dog chased the cat and the cat ran"),
    3: ("cat", "nothing of that kind here"),
    4: ("options", "--no-stream top_k v2.4.x c++ o'neil a:b"),
    5: ("中文", "战 国 无 双 战国 国无 无双"),
    **{n: ("filler", f"some other words number n{n}") for n in range(6, 20)},
}


@pytest.fixture
def conn():
    connection = sqlite3.connect(":memory:")
    fts.create(connection, "t", ("title", "body"))
    for rowid, values in ROWS.items():
        fts.insert(connection, "t", rowid, values)
    yield connection
    connection.close()


def clause(*terms, weights=(1.0, 1.0), weight=1.0):
    return Clause(terms, weights=weights, weight=weight)


def ids(found):
    return [rowid for rowid, _ in found]


@pytest.mark.parametrize("term", ["--no-stream", "top_k", "v2.4.x", "c++", "o'neil", "a:b", "战国"])
def test_a_term_is_found_whole(conn, term):
    assert len(fts.search(conn, "t", [clause(term)], limit=5)) == 1


@pytest.mark.parametrize("term", ["top", "no", "v2", "stream", "OR", "NEAR", "*", "title:cat"])
def test_a_part_or_an_operator_finds_nothing(conn, term):
    assert fts.search(conn, "t", [clause(term)], limit=5) == []


def test_more_occurrences_rank_higher(conn):
    found = fts.search(conn, "t", [clause("cat", weights=(0.0, 1.0))], limit=5)
    assert ids(found)[0] == 2
    assert found[0][1] > found[1][1] > 0


def test_field_weights_move_the_title_up(conn):
    assert ids(fts.search(conn, "t", [clause("cat", weights=(50.0, 0.1))], limit=5))[0] == 3


def test_clauses_add_up(conn):
    one = dict(fts.search(conn, "t", [clause("dog")], limit=5))
    both = dict(fts.search(conn, "t", [clause("dog"), clause("dog", weight=0.5)], limit=5))
    assert both[2] == pytest.approx(1.5 * one[2])


def test_limit_ties_and_allowed(conn):
    assert ids(fts.search(conn, "t", [clause("some")], limit=3)) == [6, 7, 8]
    assert ids(fts.search(conn, "t", [clause("cat")], limit=5, allowed=[1, 4, 99])) == [1]
    assert ids(fts.search(conn, "t", [clause("cat")], limit=5, allowed=[])) == []


def test_no_clause_no_row(conn):
    assert fts.search(conn, "t", [], limit=5) == []
    assert fts.search(conn, "t", [clause()], limit=5) == []


def test_a_deleted_row_is_gone_and_the_rest_is_as_if_it_never_was(conn):
    fts.delete(conn, "t", 2)
    assert 2 not in ids(fts.search(conn, "t", [clause("cat", "dog")], limit=9))
    never = sqlite3.connect(":memory:")
    fts.create(never, "t", ("title", "body"))
    for rowid, values in ROWS.items():
        if rowid != 2:
            fts.insert(never, "t", rowid, values)
    asked = [clause("cat", "mat", "some")]
    assert fts.search(conn, "t", asked, limit=9) == fts.search(never, "t", asked, limit=9)
    assert fts.document_frequencies(conn, "t", ["cat", "dog"]) == (18, {"cat": 2, "dog": 0})


def test_document_frequencies(conn):
    assert fts.document_frequencies(conn, "t", ["cat", "absent", "战国"]) == (
        19,
        {"cat": 3, "absent": 0, "战国": 1},
    )


def test_wrong_number_of_fields(conn):
    with pytest.raises(ValueError, match="2 fields"):
        fts.insert(conn, "t", 99, ("only one",))


def test_drop_leaves_nothing_and_twice_is_fine(conn):
    fts.drop(conn, "t")
    fts.drop(conn, "t")
    assert conn.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,)


class Reversing:
    """An analyzer whose second look turns the order round."""

    pool = 3

    def clauses(self, question):
        return [clause(question)]

    def rescore(self, question, candidates):
        return [-score + ("mat" in text) * 0 for score, text in candidates]


def test_the_second_look_decides_the_order_within_the_pool(conn):
    def texts(rowids):
        return {rowid: ROWS[rowid][1] for rowid in rowids}

    first = fts.search(conn, "t", [clause("cat")], limit=3)
    asked = fts.search_question(conn, "t", Reversing(), "cat", limit=2, texts=texts)
    assert ids(asked) == ids(first)[::-1][:2]


def brute_force(rows, clauses, limit, allowed=None):
    """BM25 by the formula, over rows of (title, body)."""
    held = {rowid: [Counter(value.split()) for value in row] for rowid, row in rows.items()}
    lengths = {rowid: sum(field.total() for field in fields) for rowid, fields in held.items()}
    mean = sum(lengths.values()) / len(rows)
    scores: Counter[int] = Counter()
    for asked in clauses:
        for term in asked.terms:
            found = {r: f for r, f in held.items() if any(field[term] for field in f)}
            idf = math.log(1 + (len(rows) - len(found) + 0.5) / (len(found) + 0.5))
            for rowid, fields in found.items():
                frequency = sum(w * f[term] for w, f in zip(asked.weights, fields, strict=True))
                damping = 1.2 * (0.25 + 0.75 * lengths[rowid] / mean)
                scores[rowid] += asked.weight * idf * 2.2 * frequency / (frequency + damping)
    ranked = sorted(scores.items(), key=lambda item: (-item[1], item[0]))
    return [item for item in ranked if allowed is None or item[0] in allowed][:limit]


def assert_exact(conn, rows, rng, words):
    asked = [
        clause(*dict.fromkeys(rng.choices(words, k=6))),
        clause(*words[:2], weights=(2.0, 0.5), weight=0.5),
    ]
    allowed = rng.choice([None, rng.sample(sorted(rows), len(rows) // 3), [-5, 1, 10**9]])
    limit = rng.choice([1, 10, 40])
    found = fts.search(conn, "t", asked, limit=limit, allowed=allowed)
    exact = brute_force(rows, asked, limit, None if allowed is None else set(allowed))
    assert ids(found) == ids(exact)
    assert [score for _, score in found] == pytest.approx([score for _, score in exact])
    count, frequencies = fts.document_frequencies(conn, "t", words)
    assert count == len(rows)
    for word in words[::7]:
        assert frequencies[word] == sum(word in " ".join(row).split() for row in rows.values())


@pytest.mark.parametrize("stride", [1, 45])
def test_every_question_gets_what_bm25_by_the_formula_says(stride):
    """Rows come and go; with a stride their ids span several segments of every size."""
    rng = random.Random(stride)
    words = [f"w{n}" for n in range(50)]
    weights = [1 / rank for rank in range(1, 51)]
    conn = sqlite3.connect(":memory:")
    fts.create(conn, "t", ("title", "body"))
    rows: dict[int, tuple[str, str]] = {}
    for number in range(1, 4801):
        row = tuple(" ".join(rng.choices(words, weights, k=rng.randint(0, k))) for k in (2, 12))
        rows[number * stride] = row
        fts.insert(conn, "t", number * stride, row)
        if rng.random() < 0.4:
            rowid = rng.choice(list(rows)) if number % 3 else min(rows)
            fts.delete(conn, "t", rowid)
            del rows[rowid]
        if number % 480 == 0:
            assert_exact(conn, rows, rng, words)
    spans = [span for (span,) in conn.execute("SELECT span FROM t_segment")]
    assert len(spans) < 16
    assert max(spans) >= 512 if stride == 1 else max(spans) > 60_000
    for rowid in rows:
        fts.delete(conn, "t", rowid)
    assert fts.document_frequencies(conn, "t", ["w0"]) == (0, {"w0": 0})
    assert conn.execute("SELECT count(*) FROM t_page").fetchone() == (0,)


@pytest.mark.parametrize("seed", range(8))
def test_leaving_common_terms_for_last_changes_nothing(seed):
    """200,000 rows, so that rows are ruled out; by the formula over whole arrays."""
    rng = np.random.default_rng(seed)
    count, shares = 200_000, [0.0002, 0.001, 0.02, 0.3, 0.6, 0.9]
    rows = Rows((0, 1, 2, 7), rng.integers(2, 60, 4 << 16).astype(np.uint16), [])
    rows.lengths[count:] = 0
    postings, matrix = {}, np.zeros((len(shares), len(rows.lengths)))
    for place, share in enumerate(shares):
        held = np.flatnonzero(rng.random(count) < share)
        counts = rng.integers(1, 5, (1, len(held))).astype(np.uint8)
        matrix[place, held] = counts[0]
        cuts = np.searchsorted(held, np.arange(5) << 16)
        postings[f"t{place}"] = [
            Postings(c << 16, (held[a:b] - (c << 16)).astype(np.uint16), counts[:, a:b])
            for c, (a, b) in enumerate(pairwise(cuts.tolist()))
        ]
    weights = [1.0, 1.0, 1.0, 0.5, 0.5, 0.5]
    clauses = [Clause((f"t{n}",), (1.0,), w) for n, w in enumerate(weights)]
    lengths = rows.lengths - 1.0
    damping = 1.2 * (0.25 + 0.75 * lengths / lengths[:count].mean())
    n = (matrix > 0).sum(axis=1, keepdims=True)
    idf = np.log(1 + (count - n + 0.5) / (n + 0.5)) * np.array(weights)[:, None]
    scores = (idf * 2.2 * matrix / (matrix + damping)).sum(axis=0)
    exact = np.argsort(-scores, kind="stable")[:10]
    found = best_rows(rows, clauses, postings, limit=10)
    assert ids(found) == exact.tolist()
    assert rows.rowid(3 << 16 | 5) == 7 << 16 | 5
    some = np.sort(rng.choice(count, 60_000, replace=False))
    exact = some[np.argsort(-scores[some], kind="stable")[:10]]
    assert ids(best_rows(rows, clauses, postings, limit=10, allowed=some)) == exact.tolist()


def test_a_change_that_is_rolled_back_leaves_the_blocks_as_they_were(tmp_path):
    conn = sqlite3.connect(tmp_path / "t.db", isolation_level=None)
    fts.create(conn, "t", ("body",))
    for rowid in range(1, 600):
        fts.insert(conn, "t", rowid, (f"common n{rowid}",))
    before = "\n".join(conn.iterdump())
    conn.execute("BEGIN")
    for rowid in range(600, 5000):
        fts.insert(conn, "t", rowid, ("common other",))
    for rowid in range(1, 400):
        fts.delete(conn, "t", rowid)
    conn.execute("ROLLBACK")
    assert "\n".join(conn.iterdump()) == before
    assert len(fts.search(conn, "t", [clause("common", weights=(1.0,))], limit=999)) == 599


def test_row_ids_only_grow_once_their_block_is_over(conn):
    fts.insert(conn, "t", 600, ("", "late"))
    for rowid in (1, 511):
        with pytest.raises(ValueError, match="only grow"):
            fts.insert(conn, "t", rowid, ("", "early"))
    fts.insert(conn, "t", 599, ("", "late"))  # in the same block
    assert ids(fts.search(conn, "t", [clause("late")], limit=9)) == [599, 600]


def test_deleting_twice_or_what_is_not_there_changes_nothing(conn):
    fts.insert(conn, "t", 600, ("", "late"))
    for rowid in (2, 2, 599, 77_777):
        fts.delete(conn, "t", rowid)
    assert fts.document_frequencies(conn, "t", ["cat"]) == (19, {"cat": 2})


def test_more_occurrences_than_a_byte_counts(conn):
    fts.insert(conn, "t", 20, ("", "buffalo " * 70_000))
    fts.insert(conn, "t", 21, ("", "buffalo " * 300))
    found = fts.search(conn, "t", [clause("buffalo")], limit=5)
    assert set(ids(found)) == {20, 21}


def test_which_terms_some_rows_hold(conn):
    assert fts.held_terms(conn, "t", ["cat", "dog", "absent"], [1, 3, 99]) == {"cat"}
    assert fts.held_terms(conn, "t", ["cat"], []) == set()
    assert fts.held_terms(conn, "t", [], [1]) == set()


def test_only_the_pool_gets_a_second_look(conn):
    seen = []

    def texts(rowids):
        seen.extend(rowids)
        return {}

    asked = fts.search_question(conn, "t", Reversing(), "some", limit=9, texts=texts)
    assert sorted(seen) == [6, 7, 8]
    assert ids(asked)[3:] == [9, 10, 11, 12, 13, 14]
