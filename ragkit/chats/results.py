"""Results of evaluations, kept with the chats: like them they cannot be rebuilt."""

from __future__ import annotations

import json
import sqlite3
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ragkit.chats.history import Chats, now, owner_key
from ragkit.chats.records import ChatNotFound
from ragkit.chats.titles import LONGEST_TITLE, storable, title_of

__all__ = ["Result", "delete_result", "list_results", "result_page", "save_result"]

KEPT = 30
"""So many results of one owner and folder are kept, the newest."""


@dataclass(frozen=True, slots=True)
class Result:
    """One evaluation; ``report`` is the object of ``ragkit evaluate --json``."""

    id: int
    title: str
    created_at: str
    report: Mapping[str, Any]


def save_result(
    chats: Chats,
    owner: str | None,
    folder: str,
    *,
    title: str,
    report: Mapping[str, Any],
    pages: Mapping[str, str],
) -> int:
    """Keep a report and its HTML page in each language; return its id.

    Of those beyond ``KEPT`` the oldest go.
    """
    key, folder = owner_key(owner), storable(folder)
    told, packed = json.dumps(report), zlib.compress(json.dumps(dict(pages)).encode())

    def insert(conn: sqlite3.Connection) -> int:
        done = conn.execute(
            "INSERT INTO result (owner, folder, created_at, title, report, pages)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (key, folder, now(), title_of(title, columns=LONGEST_TITLE), told, packed),
        )
        conn.execute(
            "DELETE FROM result WHERE owner = ? AND folder = ? AND id NOT IN (SELECT id FROM result"
            " WHERE owner = ? AND folder = ? ORDER BY id DESC LIMIT ?)",
            (key, folder, key, folder, KEPT),
        )
        assert done.lastrowid is not None
        return done.lastrowid

    return chats.write(insert)


def list_results(chats: Chats, owner: str | None, folder: str) -> list[Result]:
    """Return what was measured about ``folder``, newest first."""
    with chats.reading() as conn:
        rows = conn.execute(
            "SELECT id, title, created_at, report FROM result WHERE owner = ? AND folder = ?"
            " ORDER BY id DESC",
            (owner_key(owner), storable(folder)),
        ).fetchall()
    return [Result(row[0], row[1], row[2], json.loads(row[3])) for row in rows]


def result_page(chats: Chats, owner: str | None, result_id: int, language: str = "en") -> str:
    """Return the HTML page of a result; ChatNotFound where it is not there or another's.

    A language that it was not written in gives the first that it was.
    """
    with chats.reading() as conn:
        row = conn.execute(
            "SELECT pages FROM result WHERE id = ? AND owner = ?", (result_id, owner_key(owner))
        ).fetchone()
    if row is None:
        raise ChatNotFound("There is no such result in this browser.")
    pages: dict[str, str] = json.loads(zlib.decompress(row[0]))
    return pages.get(language) or next(iter(pages.values()), "")


def delete_result(chats: Chats, owner: str | None, result_id: int) -> None:
    """Remove a result; one that is not there or another's stays as it is."""
    chats.write(
        lambda conn: conn.execute(
            "DELETE FROM result WHERE id = ? AND owner = ?", (result_id, owner_key(owner))
        )
    )
