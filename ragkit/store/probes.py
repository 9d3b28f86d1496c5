"""Probes: parts of an index's own nodes that are asked as questions, to see what vectors are worth.

Where a question comes from is known, so no labels are needed. Half of the probes are whole
sentences, half a few words of one, which full text misses about as often as it does real questions.
Taking a sentence of a passage for a question about it goes back to the inverse cloze task (Lee,
Chang and Toutanova 2019, arXiv:1906.00300).

Which nodes and words are taken follows from the index alone. What the probes showed is kept in the
index, in a table that an index of an earlier version lacks, and is measured again when a
quarter of the nodes changed.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from ragkit.ingest.sentences import sentence_spans
from ragkit.store.worth import Measured

if TYPE_CHECKING:
    from ragkit.store.sqlite import Snapshot

__all__ = [
    "POOLED",
    "Kept",
    "Probe",
    "choose_probes",
    "count_nodes",
    "is_current",
    "read_kept",
    "read_measured",
    "write_kept",
]

POOLED = ""  # stands for all languages, where a question's own was not measured
_A_LANGUAGE = 64
_LANGUAGES = 8  # the most common ones
_CHANGED = 4  # one in so many nodes added or removed, and the measurement is out of date
_LEAST_CHARACTERS = 8
# A whole sentence is cut here, a few words there: by words, or characters where no spaces are.
_LONG, _SHORT = (16, 40), (4, 7)


@dataclass(frozen=True, slots=True)
class Probe:
    """A question made of the node ``rowid``; ``language`` as the node's metadata have it, or ''."""

    rowid: int
    language: str
    text: str


@dataclass(frozen=True, slots=True)
class Kept:
    """What was measured: of which generation, how many nodes up to which row, by language."""

    generation: int
    nodes: int
    last: int
    languages: Mapping[str, Measured]


def choose_probes(snapshot: Snapshot) -> list[Probe]:
    """Return up to 64 probes for each of the 8 most common languages, from nodes spread evenly."""
    rows: dict[str, list[int]] = {}
    for rowid, language in snapshot.conn.execute(
        f"SELECT id, json_extract(metadata, '$.language') FROM {snapshot.table('node')} ORDER BY id"
    ):
        rows.setdefault(language if isinstance(language, str) else POOLED, []).append(rowid)
    common = sorted(rows, key=lambda language: (-len(rows[language]), language))[:_LANGUAGES]
    chosen = {rowid: language for language in common for rowid in _spread(rows[language])}
    texts = snapshot.conn.execute(
        f"SELECT id, text FROM {snapshot.table('content')}"
        " WHERE id IN (SELECT value FROM json_each(?)) ORDER BY id",
        (json.dumps(list(chosen)),),
    )
    return [
        Probe(rowid, chosen[rowid], part)
        for number, (rowid, text) in enumerate(texts)
        if (part := _part(text, _LONG if number % 2 else _SHORT))
    ]


def count_nodes(snapshot: Snapshot) -> tuple[int, int]:
    """Return how many nodes there are, and the last row id, 0 without any."""
    node = snapshot.table("node")
    row = snapshot.conn.execute(f"SELECT count(*), COALESCE(max(id), 0) FROM {node}").fetchone()
    return int(row[0]), int(row[1])


def is_current(snapshot: Snapshot, kept: Kept) -> bool:
    """Return whether less than a quarter of the nodes changed since ``kept`` was measured."""
    nodes = count_nodes(snapshot)[0]
    added = snapshot.conn.execute(
        f"SELECT count(*) FROM {snapshot.table('node')} WHERE id > ?", (kept.last,)
    ).fetchone()[0]
    removed = kept.nodes + added - nodes
    return kept.generation == snapshot.generation.number and (
        _CHANGED * (added + removed) < max(kept.nodes, 1)
    )


def read_kept(snapshot: Snapshot) -> Kept | None:
    """Return what the index keeps, or None where nothing was measured yet."""
    if not _is_there(snapshot):
        return None
    rows = snapshot.conn.execute(f"SELECT language, nodes, last, measured FROM {_table(snapshot)}")
    found = rows.fetchall()
    if not found:
        return None
    languages = {row[0]: _measured(row[3]) for row in found}
    return Kept(snapshot.generation.number, found[0][1], found[0][2], languages)


def read_measured(snapshot: Snapshot, language: str | None) -> Measured | None:
    """Return what is kept of ``language``, else of all together, or None."""
    if not _is_there(snapshot):
        return None
    row = snapshot.conn.execute(
        f"SELECT measured FROM {_table(snapshot)} WHERE language IN (?, ?)"
        " ORDER BY language DESC LIMIT 1",
        (language or POOLED, POOLED),
    ).fetchone()
    return None if row is None else _measured(row[0])


def write_kept(snapshot: Snapshot, kept: Kept) -> None:
    """Keep ``kept`` in the index, in place of what was there."""
    table = _table(snapshot)
    snapshot.conn.execute(
        f"CREATE TABLE IF NOT EXISTS {table} (language TEXT PRIMARY KEY, nodes INTEGER NOT NULL,"
        " last INTEGER NOT NULL, measured TEXT NOT NULL) WITHOUT ROWID"
    )
    snapshot.conn.execute(f"DELETE FROM {table}")
    snapshot.conn.executemany(
        f"INSERT INTO {table} VALUES (?, ?, ?, ?)",
        [
            (language, kept.nodes, kept.last, json.dumps(asdict(measured)))
            for language, measured in kept.languages.items()
        ],
    )


def _table(snapshot: Snapshot) -> str:
    return snapshot.table("worth")


def _is_there(snapshot: Snapshot) -> bool:
    row = snapshot.conn.execute(
        "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?", (_table(snapshot),)
    ).fetchone()
    return row is not None


def _measured(data: str) -> Measured:
    found = json.loads(data)
    first, second, third = found["moments"]
    evidence = tuple(tuple(row) for row in found["evidence"])
    return Measured(evidence, (first, second, third), found["reach"])


def _spread(rows: list[int]) -> list[int]:
    wanted = min(_A_LANGUAGE, len(rows))
    return [rows[place * len(rows) // wanted] for place in range(wanted)]


def _part(text: str, size: tuple[int, int]) -> str:
    """Return a sentence of ``text`` or some of its words, picked by the text; '' without any."""
    spans = [(a, b) for a, b in sentence_spans(text) if b - a >= _LEAST_CHARACTERS]
    if not spans:
        return ""
    pick = zlib.crc32(text.encode("utf-8", "surrogatepass"))
    start, end = spans[pick % len(spans)]
    sentence = text[start:end]
    words = sentence.split()
    spaced = len(words) >= _SHORT[0] or len(sentence) < _LEAST_CHARACTERS * len(words)
    if not spaced:
        first = pick % max(1, len(sentence) - size[1] + 1)
        return sentence[first : first + size[1]]
    first = pick % max(1, len(words) - size[0] + 1)
    return " ".join(words[first : first + size[0]])
