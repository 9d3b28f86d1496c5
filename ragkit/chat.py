"""``Chat``: a conversation with a knowledge base, in which questions may lean on earlier ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ragkit.answer.engine import AnswerStream
    from ragkit.knowledge import KnowledgeBase
    from ragkit.types import Answer

__all__ = ["Chat"]


class Chat:
    """A conversation. ``history`` holds its answers, oldest first."""

    def __init__(self, kb: KnowledgeBase, history: Sequence[Answer] = ()) -> None:
        """Begin with ``history``, the answers of an earlier conversation."""
        self._kb = kb
        self.history: list[Answer] = list(history)

    def ask(self, question: str, *, filters: Sequence[str] = ()) -> Answer:
        """Answer ``question`` in the light of the conversation so far, and remember it."""
        answer = self.stream(question, filters=filters).answer
        self.history.append(answer)
        return answer

    def stream(self, question: str, *, filters: Sequence[str] = ()) -> AnswerStream:
        """Like ``ask``, but iterate over the text; append ``.answer`` to ``history`` yourself."""
        return self._kb.stream(question, filters=filters, history=self.history)
