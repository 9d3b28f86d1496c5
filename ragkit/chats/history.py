"""``Chats``: conversations by id, of one owner each, in the history's file."""

from __future__ import annotations

import contextlib
import hashlib
import secrets
import sqlite3
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from ragkit.chats.codec import decode_answer, encode_answer
from ragkit.chats.file import ChatFile, Database, MemoryFile, Unwritable
from ragkit.chats.records import ChatInfo, ChatNotFound, State, Turn, Verdict
from ragkit.chats.titles import LONGEST_TITLE, fold, storable, title_of
from ragkit.chats.writers import is_alive, this_writer
from ragkit.errors import ConfigError, StoreError
from ragkit.types import Answer

__all__ = ["Chats", "now", "open_chats", "owner_key"]

T = TypeVar("T")
Turns = list[Turn]  # inside the class, ``list`` is its method
_LONGEST_COMMENT = 10_000
_INFO = (
    "SELECT c.id, c.title, c.folder, c.created_at, c.updated_at,"
    " (SELECT count(*) FROM turn t WHERE t.chat = c.number) FROM chat c"
)


def open_chats(path: Path, *, keep_going: bool = False) -> Chats:
    """Open the history at ``path``, creating it (mode 0600) where there is none.

    Safe between threads and processes. Raises StoreError where it cannot be opened. With
    ``keep_going`` it never does: whatever can still be read is then copied into memory, now or when
    a write fails, and ``Chats.notice`` says in words that nothing is kept from then on.
    """
    try:
        return Chats(ChatFile(path), path=path, keep_going=keep_going)
    except StoreError as error:
        if not keep_going:
            raise
        return Chats(MemoryFile(path), path=path, notice=_lost(error))


class Chats:
    """The conversations of all owners. ``owner`` None sees and changes every chat.

    Every method that takes a chat's or a turn's id raises ChatNotFound where it is not there or is
    another owner's, and StoreError where the file cannot be read or written.
    """

    def __init__(
        self, file: Database, *, path: Path, keep_going: bool = False, notice: str | None = None
    ) -> None:
        """Use ``open_chats``. ``notice`` is a line to show while nothing is kept, else None."""
        self.notice = notice
        self._file = file
        self._path = path
        self._keep_going = keep_going
        self._moving = threading.Lock()

    def create(self, owner: str | None, *, folder: str, title: str = "") -> ChatInfo:
        """Begin a chat about ``folder``; its id cannot be guessed."""
        chat_id, at, title = (
            secrets.token_urlsafe(12),
            now(),
            title_of(title, columns=LONGEST_TITLE),
        )

        def insert(conn: sqlite3.Connection) -> None:
            conn.execute(
                "INSERT INTO chat (id, owner, folder, title, titled, folded, created_at,"
                " updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    chat_id,
                    owner_key(owner),
                    storable(folder),
                    title,
                    bool(title),
                    fold(title),
                    at,
                    at,
                ),
            )

        self.write(insert)
        return ChatInfo(chat_id, title, folder, at, at, 0)

    def list(
        self, owner: str | None, *, folder: str | None = None, search: str = "", limit: int = 50
    ) -> list[ChatInfo]:
        """Return the owner's chats, the one last used first.

        ``search`` keeps those whose title, questions or answers hold all of its words, in any
        language, whatever the case and width; parts of words count.
        """
        where, values = ["1"], list[Any]()
        if owner is not None:
            where, values = ["c.owner = ?"], [owner_key(owner)]
        if folder is not None:
            where.append("c.folder = ?")
            values.append(storable(folder))
        for word in dict.fromkeys(fold(search).split()):
            where.append(
                "(instr(c.folded, ?) OR EXISTS (SELECT 1 FROM said s"
                " WHERE s.chat = c.number AND instr(s.folded, ?)))"
            )
            values += [word, word]
        order = " ORDER BY c.updated_at DESC, c.number DESC LIMIT ?"
        with self.reading() as conn:
            rows = conn.execute(f"{_INFO} WHERE {' AND '.join(where)}{order}", [*values, limit])
            return [ChatInfo(*row) for row in rows]

    def get(self, chat_id: str, owner: str | None) -> ChatInfo:
        """Return the chat."""
        with self.reading() as conn:
            number = _number(conn, chat_id, owner)
            return ChatInfo(*conn.execute(f"{_INFO} WHERE c.number = ?", (number,)).fetchone())

    def turns(self, chat_id: str, owner: str | None) -> Turns:
        """Return the chat's turns, oldest first."""
        with self.reading() as conn:
            number = _number(conn, chat_id, owner)
            return [turn for _, turn in read_turns(conn, "t.chat = ?", (number,))]

    def begin_turn(self, chat_id: str, owner: str | None, question: str) -> int:
        """Keep ``question`` before its answer begins, and return the turn's id.

        The first question is the title of a chat that nobody gave one.
        """
        question, at = storable(question), now()

        def insert(conn: sqlite3.Connection) -> int:
            number = _number(conn, chat_id, owner)
            empty = not conn.execute("SELECT 1 FROM turn WHERE chat = ?", (number,)).fetchone()
            conn.execute("UPDATE chat SET updated_at = ? WHERE number = ?", (at, number))
            if empty:
                title = title_of(question)
                conn.execute(
                    "UPDATE chat SET title = ?, folded = ? WHERE number = ? AND NOT titled",
                    (title, fold(title), number),
                )
            done = conn.execute(
                "INSERT INTO turn (chat, state, writer, created_at, question)"
                " VALUES (?, 'writing', ?, ?, ?)",
                (number, this_writer(), at, question),
            )
            conn.execute(
                "INSERT INTO said VALUES (?, ?, ?)", (done.lastrowid, number, fold(question))
            )
            assert done.lastrowid is not None
            return done.lastrowid

        return self.write(insert)

    def save_turn(
        self, turn_id: int, *, answer: Answer | None, state: State, error: str | None = None
    ) -> bool:
        """Keep what was written so far; return False where the turn was dropped meanwhile."""
        told = encode_answer(answer) if answer is not None else None

        def update(conn: sqlite3.Connection) -> bool:
            row = conn.execute(
                "SELECT chat, question FROM turn WHERE id = ?", (turn_id,)
            ).fetchone()
            if row is None:
                return False
            conn.execute(
                "UPDATE turn SET answer = ?, state = ?, error = ?, writer = ? WHERE id = ?",
                (told, state, storable(error) if error else None, this_writer(), turn_id),
            )
            if state != "writing":  # what is half written need not be found
                said = fold(f"{row[1]} {answer.text if answer is not None else ''}")
                conn.execute("UPDATE said SET folded = ? WHERE turn = ?", (said, turn_id))
                conn.execute("UPDATE chat SET updated_at = ? WHERE number = ?", (now(), row[0]))
            return True

        return self.write(update)

    def drop_from(self, chat_id: str, owner: str | None, turn_id: int) -> None:
        """Remove this turn and all later ones, as when a question is asked anew."""

        def remove(conn: sqlite3.Connection) -> None:
            number = _number(conn, chat_id, owner)
            conn.execute("DELETE FROM turn WHERE chat = ? AND id >= ?", (number, turn_id))

        self.write(remove)

    def rename(self, chat_id: str, owner: str | None, title: str) -> str:
        """Give the chat a title, as one line of at most 200 characters; return it.

        An empty one gives the title of the first question back.
        """
        given = title_of(title, columns=LONGEST_TITLE)

        def update(conn: sqlite3.Connection) -> str:
            number, kept = _number(conn, chat_id, owner), given
            if not kept:
                first = conn.execute(
                    "SELECT question FROM turn WHERE chat = ? ORDER BY id LIMIT 1", (number,)
                ).fetchone()
                kept = title_of(first[0]) if first else ""
            conn.execute(
                "UPDATE chat SET title = ?, folded = ?, titled = ? WHERE number = ?",
                (kept, fold(kept), bool(given), number),
            )
            return kept

        return self.write(update)

    def delete(self, chat_id: str, owner: str | None) -> None:
        """Remove the chat with all its turns and feedback; nothing of it stays in the file."""
        self.write(
            lambda conn: conn.execute(
                "DELETE FROM chat WHERE number = ?", (_number(conn, chat_id, owner),)
            )
        )

    def set_feedback(
        self, turn_id: int, owner: str | None, verdict: Verdict | None, comment: str = ""
    ) -> None:
        """Rate an answer, or take the rating back with None, the comment with it.

        Raises ConfigError for another word than "up" and "down".
        """
        if verdict not in ("up", "down", None):
            raise ConfigError(f"Feedback is 'up', 'down' or None, not {verdict!r}.")
        comment = storable(comment)[:_LONGEST_COMMENT] if verdict else ""

        def update(conn: sqlite3.Connection) -> None:
            row = conn.execute(
                "SELECT c.id FROM turn t JOIN chat c ON c.number = t.chat WHERE t.id = ?",
                (turn_id,),
            ).fetchone()
            _number(conn, row[0] if row else "", owner)
            conn.execute(
                "UPDATE turn SET feedback = ?, comment = ? WHERE id = ?",
                (verdict, comment, turn_id),
            )

        self.write(update)

    def close(self) -> None:
        """Close the file; the object can be used again."""
        self._file.close()

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Lend a connection that sees one commit, to the other modules of this package."""
        with self._file.reading() as conn:
            yield conn

    def write(self, change: Callable[[sqlite3.Connection], T]) -> T:
        """Make ``change`` as one transaction; in memory where the file takes no more."""
        file = self._file
        try:
            with file.writing() as conn:
                return change(conn)
        except Unwritable as error:
            if not self._keep_going or isinstance(file, MemoryFile):
                raise
            with self._moving:
                if self._file is file:  # no other thread was quicker
                    self._file, self.notice = MemoryFile(self._path), _lost(error)
        with self._file.writing() as conn:
            return change(conn)


def read_turns(
    conn: sqlite3.Connection, where: str, values: tuple[Any, ...]
) -> list[tuple[str, Turn]]:
    """Return (chat id, turn) of the turns that ``where`` (over t and its chat c) keeps, by age."""
    rows = conn.execute(
        "SELECT c.id, t.id, t.question, t.answer, t.state, t.error, t.created_at, t.feedback,"
        f" t.comment, t.writer FROM turn t JOIN chat c ON c.number = t.chat WHERE {where}"
        " ORDER BY t.id",
        values,
    )
    return [(row[0], _turn(row)) for row in rows]


def _turn(row: tuple[Any, ...]) -> Turn:
    _, turn_id, question, told, state, error, created_at, feedback, comment, writer = row
    answer = None
    if told is not None:
        try:
            answer = decode_answer(told)
        except StoreError as unreadable:
            state, error = "failed", str(unreadable)
    if state == "writing" and not is_alive(writer):
        state = "stopped"
    return Turn(turn_id, question, answer, state, error, created_at, feedback, comment)


def _number(conn: sqlite3.Connection, chat_id: str, owner: str | None) -> int:
    """Return the chat's row; ChatNotFound where it is not there or another's."""
    row = conn.execute(
        "SELECT number, owner FROM chat WHERE id = ?", (storable(chat_id),)
    ).fetchone()
    if row is None or (owner is not None and row[1] != owner_key(owner)):
        raise ChatNotFound("There is no such chat in this browser. Begin a new one.")
    return int(row[0])


def owner_key(owner: str | None) -> str:
    """Return what is stored for an owner: a digest, for the cookie itself opens the chats."""
    return "" if owner is None else hashlib.sha256(owner.encode("utf-8", "replace")).hexdigest()


def now() -> str:
    """Return the time as ISO 8601 in UTC, with microseconds."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


def _lost(error: StoreError) -> str:
    return f"{error} Chats go on, but are forgotten when this program ends."
