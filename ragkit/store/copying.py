"""Copy one store's live generation into another's, row by row, so that both answer alike.

Row ids stay what they are: words, vectors and ties between scores hang on them. All of it is read
from one snapshot of the source, which others may go on reading and writing meanwhile, and written
to a new generation beside what the target has, in transactions of some thousand rows. A copy that
was cut short goes on behind its last row; which state of which source it is of is noted beside it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ragkit.store.probes import read_kept, write_kept

if TYPE_CHECKING:
    from ragkit.store.sqlite import Snapshot, SqliteStore

__all__ = ["Progress", "Version", "begin_copy", "copy_rows", "forget_copy", "holds", "version_of"]

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is, and how much there is (0: unknown)."""
Version = str
"""What tells one state of an index from any other: other nodes give another one."""

BATCH = 4_000
# Their rows are never changed, so a copy goes on behind the greatest key that it has.
_LARGE = {
    "document": ("document_id",),
    "content": ("id",),
    "vector": ("id",),
    "fts_segment": ("key",),
    "fts_length": ("segment",),
    "fts_page": ("key",),
    "fts_pending": ("id",),
    "node": ("id",),
}
_COUNTED = ("document", "content", "vector", "node")
_NOTES = "CREATE TABLE IF NOT EXISTS copied (generation INTEGER PRIMARY KEY, version TEXT NOT NULL)"


def version_of(snapshot: Snapshot) -> Version:
    """Return what differs between any two states that hold other nodes."""
    conn, node = snapshot.conn, snapshot.table("node")
    made = conn.execute(
        "SELECT created_at, fingerprint, folder FROM generation WHERE id = ?",
        (snapshot.generation.number,),
    ).fetchone()
    last = conn.execute(f"SELECT id, node_id FROM {node} ORDER BY id DESC LIMIT 1").fetchone()
    counts = [
        conn.execute(f"SELECT count(*) FROM {snapshot.table(name)}").fetchone()[0]
        for name in ("node", "document")
    ]
    # When it was last deleted from: a merge of segments changes their rows.
    gone = conn.execute(
        f"SELECT count(*), COALESCE(max(seq), 0) FROM {snapshot.table('removed')}"
    ).fetchone()
    return json.dumps([*made, last, *counts, *gone])


def holds(target: SqliteStore, version: Version) -> bool:
    """Return whether the target's live generation is a copy of ``version``, and no more."""
    with target.reading() as snapshot:
        if snapshot is None:
            return False
        noted = _noted(snapshot)
        if noted != version:
            return False
        _, _, _, last, nodes, _, _, _ = json.loads(noted)
        return _shape(snapshot) == (last and last[0], nodes)


def begin_copy(target: SqliteStore, version: Version) -> tuple[SqliteStore, bool]:
    """Return a store that writes a generation beside the live one, and whether it was begun before.

    Call it, and all that follows, inside the target's ``indexing_lock``.
    """
    building = target.begin_rebuild()
    with building.reading() as snapshot:
        assert snapshot is not None
        resumed = _noted(snapshot) == version
    if not resumed:
        building = target.begin_rebuild(fresh=True)
        with building.transaction() as snapshot:
            snapshot.conn.execute(_NOTES)
            snapshot.conn.execute(
                "DELETE FROM copied WHERE generation NOT IN (SELECT id FROM generation)"
            )
            snapshot.conn.execute(
                "INSERT OR REPLACE INTO copied VALUES (?, ?)", (snapshot.generation.number, version)
            )
    return building, resumed


def forget_copy(building: SqliteStore) -> None:
    """Make the next ``begin_copy`` begin anew."""
    with building.transaction() as snapshot:
        snapshot.conn.execute(
            "DELETE FROM copied WHERE generation = ?", (snapshot.generation.number,)
        )


def copy_rows(source: Snapshot, target: SqliteStore, progress: Progress | None = None) -> int:
    """Copy what ``source`` has and ``target`` lacks; return how many nodes were copied now.

    Files are few and change alone, so they are copied anew each time.
    """
    nodes = 0
    for name, keys in _LARGE.items():
        copied = _copy_table(source, target, name, keys, progress)
        nodes += copied if name == "node" else 0
    _copy_rest(source, target)
    return nodes


def _copy_table(
    source: Snapshot,
    target: SqliteStore,
    name: str,
    keys: tuple[str, ...],
    progress: Progress | None,
) -> int:
    table = source.table(name)
    columns = [row[1] for row in source.conn.execute(f"PRAGMA table_info({table})")]
    listed, key, total = ", ".join(columns), ", ".join(keys), 0
    if name in _COUNTED:
        total = source.conn.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
    places = [columns.index(part) for part in keys]
    with target.reading() as there:
        assert there is not None
        own = there.table(name)
        last = there.conn.execute(
            f"SELECT {key} FROM {own} ORDER BY {', '.join(f'{part} DESC' for part in keys)} LIMIT 1"
        ).fetchone()
        done = there.conn.execute(f"SELECT count(*) FROM {own}").fetchone()[0] if total else 0
    before = done
    insert = f"INSERT INTO {own} ({listed}) VALUES ({', '.join('?' * len(columns))})"
    while True:
        after = f"WHERE ({key}) > ({', '.join('?' * len(keys))})" if last else ""
        cursor = source.conn.execute(
            f"SELECT {listed} FROM {table} {after} ORDER BY {key} LIMIT {BATCH}", last or ()
        )
        seen = _Last(cursor)
        with target.transaction() as there:
            there.conn.executemany(insert, seen)  # row by row: documents may be large
        if seen.row is None:
            return done - before
        last, done = tuple(seen.row[place] for place in places), done + seen.count
        if progress:
            progress(name.partition("_")[0], done, total)


class _Last:
    """Passes rows on and keeps the last one."""

    def __init__(self, cursor: Any) -> None:
        self._cursor = cursor
        self.row: tuple[Any, ...] | None = None
        self.count = 0

    def __iter__(self) -> _Last:
        return self

    def __next__(self) -> tuple[Any, ...]:
        row: tuple[Any, ...] = next(self._cursor)
        self.row, self.count = row, self.count + 1
        return row


def _copy_rest(source: Snapshot, target: SqliteStore) -> None:
    """Copy files, what was measured, and what the generation is, in one transaction."""
    noted = source.conn.execute(
        "SELECT dimension, folder, created_at FROM generation WHERE id = ?",
        (source.generation.number,),
    ).fetchone()
    files = source.conn.execute(f"SELECT * FROM {source.table('file')}")
    # Full text takes row ids that only grow, also beyond nodes that were deleted.
    used = source.conn.execute(
        "SELECT seq FROM sqlite_sequence WHERE name = ?", (source.table("node"),)
    ).fetchone()
    kept = read_kept(source)
    with target.transaction() as there:
        conn, number = there.conn, there.generation.number
        conn.execute(
            "UPDATE generation SET dimension = ?, folder = ?, created_at = ? WHERE id = ?",
            (*noted, number),
        )
        conn.execute(f"DELETE FROM {there.table('file')}")
        places = ", ".join("?" * len(files.description))
        conn.executemany(f"INSERT INTO {there.table('file')} VALUES ({places})", files)
        if used:
            changed = conn.execute(
                "UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = ?",
                (used[0], there.table("node")),
            ).rowcount
            if not changed:
                conn.execute(
                    "INSERT INTO sqlite_sequence VALUES (?, ?)", (there.table("node"), used[0])
                )
        if kept is not None:
            write_kept(there, kept)


def _noted(snapshot: Snapshot) -> Version | None:
    there = snapshot.conn.execute("SELECT 1 FROM sqlite_master WHERE name = 'copied'").fetchone()
    row = (
        there
        and snapshot.conn.execute(
            "SELECT version FROM copied WHERE generation = ?", (snapshot.generation.number,)
        ).fetchone()
    )
    return row[0] if row else None


def _shape(snapshot: Snapshot) -> tuple[int | None, int]:
    """Return the last row id and how many nodes there are; None without any."""
    node = snapshot.table("node")
    row = snapshot.conn.execute(f"SELECT max(id), count(*) FROM {node}").fetchone()
    return row[0], int(row[1])
