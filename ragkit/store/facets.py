"""What the files of an index can be told apart by: folders, formats, languages, days."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ragkit.store.sqlite import Snapshot, SqliteStore

__all__ = ["Facets", "facets", "has_key", "keys_of", "values_of"]

_DAY = re.compile(r"\d{4}(-\d\d(-\d\d)?)?")


@dataclass(frozen=True, slots=True)
class Facets:
    """The values that filters may name. ``formats`` and ``languages``: the commonest first.

    ``folders`` are sorted, each with all above it; ``days`` are dates of files in ISO 8601, of
    which some are years or months alone, sorted.
    """

    folders: tuple[str, ...] = ()
    formats: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    days: tuple[str, ...] = ()


def facets(store: SqliteStore) -> Facets:
    """Return what the indexed files can be told apart by.

    Reads a row a file, and of files of records, which may mix languages and days, one a record.
    """
    with store.reading() as snapshot:
        if snapshot is None:
            return Facets()
        rows = _rows(snapshot)
    folders: set[str] = set()
    for source in {row[0] for row in rows}:
        folder = source.rpartition("/")[0]
        while folder and folder not in folders:
            folders.add(folder)
            folder = folder.rpartition("/")[0]
    return Facets(
        tuple(sorted(folders)),
        _commonest((row[0], row[1]) for row in rows),
        _commonest((row[0], row[2]) for row in rows),
        tuple(sorted({day for row in rows if (day := _day(row[3]))})),
    )


def _rows(snapshot: Snapshot) -> list[tuple[str, object, object, object]]:
    """Return source, format, language and date of each file, and of each record of one."""
    file, document, node = (snapshot.table(name) for name in ("file", "document", "node"))
    wanted = ", ".join(
        f"json_extract({{0}}.metadata, '$.{key}')" for key in ("format", "language", "date")
    )
    return snapshot.conn.execute(
        f"SELECT f.source, {wanted.format('d')} FROM {file} f"
        f" JOIN {document} d ON d.document_id = f.document_id"
        f" UNION SELECT f.source, {wanted.format('n')} FROM {document} d"
        f" JOIN {node} n ON n.document_id = d.document_id"
        " JOIN {0} f ON f.document_id = d.document_id"
        " WHERE json_type(d.metadata, '$.records') NOTNULL".format(file)
    ).fetchall()


def _commonest(pairs: Iterable[tuple[str, object]]) -> tuple[str, ...]:
    """Return the texts that most sources have, each counted once a source."""
    counts = Counter(value for _, value in {p for p in pairs if isinstance(p[1], str)})
    return tuple(str(value) for value, _ in sorted(counts.items(), key=_by_count))


def _by_count(item: tuple[object, int]) -> tuple[int, str]:
    return -item[1], str(item[0])


def _day(value: object) -> str:
    found = _DAY.match(value) if isinstance(value, str) else None
    return found[0] if found else ""


def keys_of(snapshot: Snapshot) -> list[str]:
    """Return the keys of all nodes' metadata, sorted."""
    rows = snapshot.conn.execute(
        "SELECT DISTINCT m.key FROM (SELECT DISTINCT metadata FROM"
        f" {snapshot.table('node')}) n, json_each(n.metadata) m"
    )
    return sorted(row[0] for row in rows)


def has_key(snapshot: Snapshot, key: str) -> bool:
    """Return whether any node has ``key``; where one has, without reading the others."""
    found = snapshot.conn.execute(
        f"SELECT 1 FROM {snapshot.table('node')} n, json_each(n.metadata) m WHERE m.key = ?"
        " LIMIT 1",
        (key,),
    )
    return found.fetchone() is not None


def values_of(snapshot: Snapshot, key: str, most: int) -> list[str]:
    """Return up to ``most`` values of ``key``, the commonest first; a list's each by itself."""
    rows = snapshot.conn.execute(
        f"SELECT CAST(e.value AS TEXT), count(*) FROM {snapshot.table('node')} n,"
        " json_each(n.metadata) m, json_each("
        "CASE m.type WHEN 'array' THEN m.value ELSE json_array(m.value) END) e"
        " WHERE m.key = ? GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT ?",
        (key, most),
    )
    return [row[0] for row in rows if row[0] is not None]
