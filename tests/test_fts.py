from __future__ import annotations

import sqlite3

import pytest

from ragkit.store import fts
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
