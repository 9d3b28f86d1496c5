"""What the history hands out: chats, their turns, and the error for a chat that is not there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ragkit.errors import RagkitError
from ragkit.types import Answer

__all__ = ["ChatInfo", "ChatNotFound", "State", "Turn", "Verdict"]

State = Literal["writing", "done", "stopped", "failed"]
Verdict = Literal["up", "down"]


class ChatNotFound(RagkitError):
    """There is no such chat, or it is another's; which of the two is not told."""


@dataclass(frozen=True, slots=True)
class ChatInfo:
    """One conversation. Times are ISO 8601 in UTC; ``turns`` counts its questions.

    ``title`` is one line of plain text, empty until something was asked.
    """

    id: str
    title: str
    folder: str
    created_at: str
    updated_at: str
    turns: int


@dataclass(frozen=True, slots=True)
class Turn:
    """One question and what came of it.

    ``answer`` is what was written so far, or None; ``error`` says in words why there is no more.
    A turn whose writer has died is ``stopped``, not ``writing``.
    """

    id: int
    question: str
    answer: Answer | None
    state: State
    error: str | None
    created_at: str
    feedback: Verdict | None
    comment: str
