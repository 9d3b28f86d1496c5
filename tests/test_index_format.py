"""An index of an earlier format answers as it did, and is known as changed once it is."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import ragkit
from ragkit.store.connections import FORMAT

QUESTION = "Which port must be free? 默认端口是多少？"


def read(folder: Path, index: Path) -> tuple[list[dict[str, Any]], list[tuple[str, float]]]:
    """Return every node as LlamaIndex writes it, and what is found for a question."""
    kb = ragkit.open(folder, index=index, preset="lite")
    nodes = [node.to_dict() for node in kb._store.vector_store.get_nodes()]
    found = [(source.text, source.score) for source in kb.retrieve(QUESTION)]
    kb.close()
    return nodes, found


def look(index: Path, sql: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(index)) as conn:
        return conn.execute(sql).fetchall()


@pytest.fixture
def old(folder: Path, tmp_path: Path) -> Path:
    """Return an index as format 1 was: what follows from the other columns is spelled out."""
    (folder / "rows.jsonl").write_text(
        '{"content": "Valve 7 is open.", "title": "Valves", "level": null}\n'
        '{"content": "Pump 3 is off.", "tags": ["a", "b"]}\n',
        "utf-8",
    )
    index = tmp_path / "i.db"
    kb = ragkit.open(folder, index=index, preset="lite")
    kb.index()
    kb.close()
    with closing(sqlite3.connect(index)) as conn, conn:
        for rowid, owner, start, metadata, text in conn.execute(
            "SELECT n.id, document_id, start, metadata, text FROM g1_node n"
            " JOIN g1_content c ON c.id = n.id"
        ).fetchall():
            rest = {
                "excluded_embed_metadata_keys": list(json.loads(metadata)),
                "relationships": {"1": {"node_id": owner, "class_name": "RelatedNodeInfo"}},
                "start_char_idx": start,
                "end_char_idx": start + len(text),
                "class_name": "TextNode",
            }
            conn.execute("UPDATE g1_content SET rest = ? WHERE id = ?", (json.dumps(rest), rowid))
        conn.execute("PRAGMA user_version = 1")
    return index


def test_nodes_are_those_of_the_first_format(folder: Path, tmp_path: Path, old: Path) -> None:
    nodes, found = read(folder, old)
    assert len(nodes) > 4
    assert found
    new = tmp_path / "new.db"
    ragkit.open(folder, index=new, preset="lite").index()
    assert read(folder, new) == (nodes, found)
    assert {row[0] for row in look(new, "SELECT rest FROM g1_content")} == {""}


def test_reading_leaves_the_format_and_writing_raises_it(folder: Path, old: Path) -> None:
    before = read(folder, old)
    assert look(old, "PRAGMA user_version") == [(1,)]
    kb = ragkit.open(folder, index=old, preset="lite")
    (folder / "new.txt").write_text("Another port of the server is 9000.", "utf-8")
    assert kb.index().added == ("new.txt",)
    kb.close()
    assert look(old, "PRAGMA user_version") == [(FORMAT,)]
    (folder / "new.txt").unlink()
    ragkit.open(folder, index=old, preset="lite").index()
    assert read(folder, old) == before


def test_large_pages_are_for_new_files_alone(folder: Path, tmp_path: Path) -> None:
    index = tmp_path / "i.db"
    with closing(sqlite3.connect(index)) as conn:
        conn.execute("PRAGMA page_size = 4096")
        conn.execute("PRAGMA journal_mode = WAL")  # which writes the first page
    for place, expected in ((index, 4096), (tmp_path / "new.db", 8192)):
        kb = ragkit.open(folder, index=place, preset="lite")
        kb.index()
        assert kb.retrieve(QUESTION)
        kb.close()
        assert look(place, "PRAGMA page_size") == [(expected,)]
