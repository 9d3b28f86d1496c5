"""Many rows written at once say what one row after another says, whatever becomes one segment."""

from __future__ import annotations

import random
import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragkit.store import fts, pages, postings
from ragkit.store.bulk import insert_many
from ragkit.store.frequencies import count_holders, count_rows
from ragkit.store.segments import merge, read_segments
from ragkit.store.terms import Field, invert, invert_all

FIELDS = ("title", "body")
Row = tuple[list[str], list[str]]
Held = dict[int, tuple[int, dict[str, tuple[int, ...]]]]


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


def fields_of(row: Row) -> tuple[Field, ...]:
    return tuple((words, "") for words in row)


def expected(rows: Sequence[Row]) -> list[tuple[int, dict[str, tuple[int, ...]]]]:
    """Return the stored length of each row, and the counts of its terms."""
    found = []
    for row in rows:
        counted = [Counter(field) for field in row]
        length = min(sum(map(len, row)), 65_534) + 1
        terms = {t: tuple(min(c[t], 255) for c in counted) for field in row for t in field}
        found.append((length, terms))
    return found


def held(conn: sqlite3.Connection, table: str) -> Held:
    """Return what is stored of every row, by its id; pages and segments are seen to be in order."""
    lengths: dict[int, int] = {}
    terms: dict[int, dict[str, tuple[int, ...]]] = {}
    segments = read_segments(conn, table)
    assert all(before.end <= after.first for before, after in pairwise(segments))
    for segment in segments:
        assert segment.first >> 16 == segment.end - 1 >> 16
        stored = conn.execute(
            f"SELECT lengths FROM {table}_length WHERE segment = ?", (segment.key,)
        ).fetchone()[0]
        for at in range(segment.span):
            if length := int.from_bytes(stored[2 * at : 2 * at + 2], "little"):
                lengths[segment.first + at] = length
        whole = pages.read(conn, table, segment.key, len(FIELDS), low="", high=None)
        names = whole.names()
        assert names == sorted(set(names))
        at = 0
        for name, size in zip(names, whole.sizes.tolist(), strict=True):
            for place in range(at, at + size):
                rowid = segment.chunk << 16 | int(whole.rows[place])
                if rowid in lengths:
                    counts = tuple(whole.counts[:, place].tolist())
                    terms.setdefault(rowid, {})[name] = counts
            at += size
    for rowid, length, counts, words in conn.execute(
        f"SELECT id, length, counts, terms FROM {table}_pending ORDER BY id"
    ):
        lengths[rowid] = length
        named = words.split(" ") if words else []
        planes = (counts[: len(named)], counts[len(named) :])
        terms[rowid] = dict(zip(named, zip(*planes, strict=True), strict=True))
    return {rowid: (length, terms.get(rowid, {})) for rowid, length in lengths.items()}


def write(conn: sqlite3.Connection, rows: list[Row], first: int, step: int) -> None:
    """Write the rows one by one into ``one``, ``step`` at a time into ``many``."""
    for rowid, row in enumerate(rows, first):
        fts.insert(conn, "one", rowid, [" ".join(field) for field in row])
    for at in range(0, len(rows), step):
        inverted = invert_all([fields_of(row) for row in rows[at : at + step]], len(FIELDS))
        parts = [(part, [True] * len(part.lengths)) for part in inverted]
        insert_many(conn, "many", first + at, parts)


@pytest.mark.parametrize("step", [1, 7, 300, 700, 4500, 9999])
def test_same_rows_whatever_the_batch(conn: sqlite3.Connection, step: int) -> None:
    number = {1: 1200, 7: 2000, 300: 4400}.get(step, 9000)
    rows = make_rows(number, step)
    write(conn, rows, 1, step)
    wanted = dict(enumerate(expected(rows), 1))
    assert held(conn, "many") == wanted
    assert held(conn, "one") == wanted
    assert len(read_segments(conn, "many")) < 30


@pytest.mark.parametrize("first", [65_000, 65_535, 65_536])
def test_rows_of_two_chunks(conn: sqlite3.Connection, first: int) -> None:
    rows = make_rows(1300, first)
    write(conn, rows[:600], first - 600, 200)
    write(conn, rows[600:], first, 700)
    assert held(conn, "many") == dict(enumerate(expected(rows), first - 600))
    assert held(conn, "one") == held(conn, "many")
    over = [segment for segment in read_segments(conn, "many") if segment.chunk == 0]
    assert len(over) == 1, "all of a chunk is one segment once it is over"


def test_single_rows_and_many_by_turns_with_deletions(conn: sqlite3.Connection) -> None:
    rng = random.Random(4)
    rows, wanted, at = make_rows(6000, 5), {}, 10
    while at - 10 < 5000:
        some = rows[at - 10 : at - 10 + rng.choice((1, 2, 90, 600))]
        wanted |= dict(enumerate(expected(some), at))
        if rng.random() < 0.5:
            for rowid, row in enumerate(some, at):
                fts.insert(conn, "many", rowid, [" ".join(field) for field in row])
        else:
            parts = invert_all([fields_of(row) for row in some], 2)
            insert_many(conn, "many", at, [(p, [True] * len(p.lengths)) for p in parts])
        at += len(some) + rng.choice((0, 0, 3))
        for rowid in rng.sample(sorted(wanted), min(len(wanted), rng.choice((0, 30)))):
            fts.delete(conn, "many", rowid)
            del wanted[rowid]
        rows += rows[:3]
    found = held(conn, "many")
    assert found == wanted
    words = ["w0", "w7", "稀3", "稀4999", "w", "nothing", "zz"]
    holders = {w: sum(w in terms for _, terms in wanted.values()) for w in words}
    assert count_holders(conn, "many", words) == holders
    assert fts.document_frequencies(conn, "many", words) == (len(wanted), holders)
    assert count_rows(conn, "many") == len(wanted)


def test_rows_that_are_left_out(conn: sqlite3.Connection) -> None:
    rows = make_rows(6000, 6)
    kept = [n % 3 > 0 and not 4000 < n < 4300 for n in range(6000)]
    parts, at = [], 0
    for part in invert_all([fields_of(row) for row in rows], 2):
        parts.append((part, kept[at : at + len(part.lengths)]))
        at += len(part.lengths)
    insert_many(conn, "many", 50, parts)
    stayed = [row for row, wanted in zip(rows, kept, strict=True) if wanted]
    assert held(conn, "many") == dict(enumerate(expected(stayed), 50))


def test_counts_and_lengths_have_a_ceiling(conn: sqlite3.Connection) -> None:
    rows: list[Row] = [(["a"] * 300, ["a", "b"]), ([], ["c"] * 70_000), ([], [])]
    write(conn, rows, 5, 3)
    assert held(conn, "many") == held(conn, "one") == dict(enumerate(expected(rows), 5))
    assert held(conn, "many")[6] == (65_535, {"c": (0, 255)})


def test_row_in_a_block_that_is_over(conn: sqlite3.Connection) -> None:
    (some,) = invert_all([fields_of(row) for row in make_rows(600, 7)], 2)
    insert_many(conn, "many", 0, [(some, [True] * 600)])
    for wrong in (599, 20):
        with pytest.raises(ValueError, match="only grow"):
            insert_many(conn, "many", wrong, [(some, [True] * 600)])
        with pytest.raises(ValueError, match="only grow"):
            fts.insert(conn, "many", wrong, ["", "x"])
    fts.insert(conn, "many", 700, ["", "x"])
    with pytest.raises(ValueError, match="only grow"):
        insert_many(conn, "many", 699, [(some, [True] * 600)])
    with pytest.raises(ValueError, match="2 fields"):
        insert_many(conn, "many", 701, [(invert_all([[(["x"], "")]], 1)[0], [True])])
    insert_many(conn, "many", 701, [])
    insert_many(conn, "many", 701, [(some, [False] * 600)])
    assert len(held(conn, "many")) == 601


def test_a_merge_keeps_every_term(conn: sqlite3.Connection) -> None:
    """More terms than are read at once, most of them in one row, one in all."""
    rows: list[Row] = [([], ["common", *(f"only{n}-{k}" for k in range(60))]) for n in range(4000)]
    write(conn, rows, 1, 500)
    segments = read_segments(conn, "many")
    merge(conn, "many", segments)
    (whole,) = read_segments(conn, "many")
    assert (whole.first, whole.span, whole.rows) == (1, 4000, 4000)
    assert len(pages.firsts(conn, "many", whole.key)) > 1024
    assert held(conn, "many") == dict(enumerate(expected(rows), 1))


def test_terms_are_found_in_whatever_page_they_are(conn: sqlite3.Connection) -> None:
    names = sorted({f"{a}{b}" for a in ("a", "ab", "中", "中文", "𠀀", "z") for b in range(700)})
    rows: list[Row] = [([], [*names[n::7], "everywhere"]) for n in range(3000)]
    write(conn, rows, 1, 3000)
    (segment,) = read_segments(conn, "many")
    asked = [*names, "everywhere", "a", "0", "中", "𠀀", "zz", "z69 z7", ""]
    found = {f.term: len(f.low) for f in pages.find(conn, "many", segment.key, asked, 2)}
    counted = dict(pages.count_rows(conn, "many", segment.key, asked))
    assert found == counted
    assert found.pop("everywhere") == 3000
    assert set(found) == set(names)
    rest = postings.read_rows(conn, "many")
    (only,) = postings.read_postings(conn, "many", rest, ["中文3"])["中文3"]
    holding = [n for n, row in enumerate(rows, 1) if "中文3" in row[1]]
    assert [rest.rowid(place) for place in only.places().tolist()] == holding


_RUNS = st.lists(st.text("中文字𠀀々", min_size=1, max_size=6), max_size=4).map(" ".join)
_WORDS = st.lists(st.sampled_from(["a", "b", "zeta", "été", "한국", "~"]), max_size=6)


@given(
    st.integers(1, 3).flatmap(
        lambda fields: st.lists(
            st.lists(st.tuples(_WORDS, _RUNS), min_size=fields, max_size=fields),
            min_size=1,
            max_size=6,
        )
    )
)
def test_a_run_stands_for_its_characters_and_pairs(rows: list[list[tuple[list[str], str]]]) -> None:
    fields = len(rows[0])
    terms, lengths = invert(rows, fields)
    spelled = [
        [
            words + [r for run in runs.split() for r in [*run, *map(str.__add__, run, run[1:])]]
            for words, runs in row
        ]
        for row in rows
    ]
    wanted = {
        (term, number, tuple(field.count(term) for field in row))
        for number, row in enumerate(spelled)
        for field in row
        for term in field
    }
    names = terms.names()
    assert names == sorted(set(names))
    owned = [name for name, size in zip(names, terms.sizes, strict=True) for _ in range(size)]
    counts = map(tuple, terms.counts.T.tolist())
    assert list(zip(owned, terms.rows.tolist(), counts, strict=True)) == sorted(wanted)
    assert lengths.tolist() == [sum(map(len, row)) for row in spelled]
