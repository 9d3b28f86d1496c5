"""Many rows written at once leave behind what one row after another does."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator

import pytest

from ragkit.store import fts, postings
from ragkit.store.bulk import insert_many, invert
from ragkit.store.segments import read_segments

FIELDS = ("title", "body")
Row = tuple[list[str], list[str]]


@pytest.fixture
def conn() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    for table in ("one", "many"):
        fts.create(connection, table, FIELDS)
    yield connection
    connection.close()


def make_rows(number: int, seed: int) -> list[Row]:
    rng = random.Random(seed)
    common, rare = [f"w{n}" for n in range(30)], [f"稀{n}" for n in range(5000)]

    def row() -> Row:
        title = rng.choices(common, k=rng.choice((0, 0, 3)))
        body = rng.choices(common, k=rng.randint(0, 12)) + rng.choices(rare, k=rng.randint(0, 4))
        return title, body

    return [row() for _ in range(number)]


def held(conn: sqlite3.Connection, table: str) -> object:
    """Return all that the tables hold, whatever the keys of the segments are."""
    segments = {
        (s.bits, s.number): (
            s.rows,
            s.dead,
            conn.execute(
                f"SELECT lengths FROM {table}_length WHERE segment = ?", (s.key,)
            ).fetchone(),
            conn.execute(
                f"SELECT term, data FROM {table}_posting WHERE segment = ? ORDER BY term", (s.key,)
            ).fetchall(),
        )
        for s in read_segments(conn, table)
    }
    pending = [
        (
            rowid,
            length,
            dict(zip(terms.split(" "), zip(*planes(counts), strict=True), strict=True))
            if terms
            else {},
        )
        for rowid, length, counts, terms in conn.execute(
            f"SELECT id, length, counts, terms FROM {table}_pending ORDER BY id"
        )
    ]
    return segments, pending


def planes(counts: bytes) -> tuple[bytes, bytes]:
    half = len(counts) // 2
    return counts[:half], counts[half:]


def write(conn: sqlite3.Connection, rows: list[Row], rowids: list[int], step: int) -> None:
    """Write the rows one by one into ``one``, ``step`` at a time into ``many``."""
    for rowid, row in zip(rowids, rows, strict=True):
        fts.insert(conn, "one", rowid, [" ".join(field) for field in row])
    for at in range(0, len(rows), step):
        part, ids = rows[at : at + step], rowids[at : at + step]
        middle = len(part) // 2
        halves = ((part[:middle], ids[:middle]), (part[middle:], ids[middle:]))
        insert_many(conn, "many", [(invert(p, len(FIELDS)), i) for p, i in halves])


@pytest.mark.parametrize("step", [1, 300, 512, 700, 4500, 9999])
def test_same_tables_whatever_the_batch(conn: sqlite3.Connection, step: int) -> None:
    number = {1: 1200, 300: 4400, 512: 1100}.get(step, 9000)
    write(conn, make_rows(number, step), list(range(1, number + 1)), step)
    assert held(conn, "many") == held(conn, "one")


def test_same_tables_with_gaps_and_deletions(conn: sqlite3.Connection) -> None:
    rng = random.Random(4)
    rowids = sorted(rng.sample(range(1, 30_000), 6000))
    rows = make_rows(6000, 5)
    write(conn, rows[:2500], rowids[:2500], 400)
    for rowid in rng.sample(rowids[:2500], 200):
        for table in ("one", "many"):
            fts.delete(conn, table, rowid)
    write(conn, rows[2500:], rowids[2500:], 1700)
    assert held(conn, "many") == held(conn, "one")


def test_rows_that_are_left_out(conn: sqlite3.Connection) -> None:
    rows = make_rows(2000, 6)
    ids = [-1 if n % 3 == 0 else n + 10 - n // 3 for n in range(2000)]
    for rowid, row in zip(ids, rows, strict=True):
        if rowid >= 0:
            fts.insert(conn, "one", rowid, [" ".join(field) for field in row])
    insert_many(conn, "many", [(invert(rows, 2), ids)])
    assert held(conn, "many") == held(conn, "one")


def test_counts_and_lengths_have_a_ceiling(conn: sqlite3.Connection) -> None:
    rows: list[Row] = [(["a"] * 300, ["a", "b"]), ([], ["c"] * 70_000)]
    write(conn, rows, [5, 600], 2)
    assert held(conn, "many") == held(conn, "one")
    assert postings.read_rows(conn, "many").pending[0][1] == 65_535


def test_row_in_a_block_that_is_over(conn: sqlite3.Connection) -> None:
    rows = make_rows(600, 7)
    insert_many(conn, "many", [(invert(rows, 2), list(range(600)))])
    for wrong in (599, 20):
        with pytest.raises(ValueError, match="only grow"):
            insert_many(conn, "many", [(invert(rows[:1], 2), [wrong])])
    with pytest.raises(ValueError, match="2 fields"):
        insert_many(conn, "many", [(invert([[["x"]]], 1), [700])])
    insert_many(conn, "many", [])


def test_a_merge_keeps_every_term(conn: sqlite3.Connection) -> None:
    """More terms than are read at once, each of them in one row."""
    for rowid in range(1, 4200):
        fts.insert(conn, "one", rowid, ("", f"only{rowid} common"))
    (merged, *_) = read_segments(conn, "one")
    number = conn.execute("SELECT count(*) FROM one_posting WHERE segment = ?", (merged.key,))
    assert (merged.bits, number.fetchone()[0]) == (12, 4096)  # 4,095 rows' own and the common one
