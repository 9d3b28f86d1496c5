"""Turns at one model: first come, first served, and who left is forgotten.

A model answers one reader at a time. Each reader joins the queue, waits for its turn, and leaves
when the model is free again. Nobody who went away holds up the others: neither a reader that
leaves, nor one that is no longer there when its turn comes.
"""

from __future__ import annotations

import threading
import time
from collections import deque

__all__ = ["Turn", "Turns"]


class Turns:
    """The queue at one model. Safe to use from any thread."""

    def __init__(self, *, patience: float = 5.0) -> None:
        """Take ``patience``, the seconds in which a reader must take up the turn it is offered."""
        self._patience = patience
        self._changed = threading.Condition()
        self._waiting: deque[Turn] = deque()
        self._holder: Turn | None = None

    def join(self) -> Turn:
        """Return a place at the end of the queue."""
        turn = Turn(self)
        with self._changed:
            self._waiting.append(turn)
        return turn

    def __len__(self) -> int:
        """Return how many wait or have the turn."""
        with self._changed:
            return len(self._waiting) + (self._holder is not None)

    def _offer(self, now: float) -> None:
        """Forget those at the head who do not take up the free turn. The lock is held."""
        while self._holder is None and self._waiting:
            head = self._waiting[0]
            if head._offered is None:
                head._offered = now
            if head._present or now - head._offered < self._patience:
                return
            self._waiting.popleft()
            self._changed.notify_all()

    def _until_offer_ends(self, now: float) -> float:
        """Return the seconds after which ``_offer`` may forget the head. The lock is held."""
        head = self._waiting[0] if self._waiting and self._holder is None else None
        if head is None or head._present or head._offered is None:
            return float("inf")
        return max(0.0, head._offered + self._patience - now)


class Turn:
    """One reader's place in the queue, from ``Turns.join``."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns
        self._present = False
        self._left = False
        self._offered: float | None = None

    @property
    def place(self) -> int:
        """Return how many are before this one: 0 with the turn, or when it is free to take."""
        with self._turns._changed:
            return self._place()

    def wait(self, timeout: float) -> bool:
        """Wait for the turn and take it; return whether it is taken.

        Returns False after ``timeout`` seconds, and as soon as fewer are before this one. Someone
        who was forgotten joins again at the end. After ``leave``, in whatever thread, it is False
        at once, and ``left`` is True.
        """
        turns, deadline = self._turns, time.monotonic() + timeout
        with turns._changed:
            if self._forgotten():
                self._offered = None
                turns._waiting.append(self)
            before = self._place()
            self._present = True
            try:
                while not self._left and turns._holder is not self:
                    now = time.monotonic()
                    turns._offer(now)
                    if turns._holder is None and turns._waiting[0] is self:
                        turns._waiting.popleft()
                        turns._holder = self
                        turns._changed.notify_all()
                    elif now >= deadline or self._place() < before:
                        return False
                    else:
                        turns._changed.wait(min(deadline - now, turns._until_offer_ends(now)))
            finally:
                self._present = False
                self._offered = None
        return not self._left

    def leave(self) -> None:
        """Give up the turn, or the place in the queue. May be called twice, from any thread."""
        turns = self._turns
        with turns._changed:
            self._left = True
            if turns._holder is self:
                turns._holder = None
            elif self in turns._waiting:
                turns._waiting.remove(self)
            turns._offer(time.monotonic())
            turns._changed.notify_all()

    @property
    def left(self) -> bool:
        """Return whether ``leave`` was called."""
        return self._left

    def _forgotten(self) -> bool:
        turns = self._turns
        return not self._left and turns._holder is not self and self not in turns._waiting

    def _place(self) -> int:
        turns = self._turns
        if turns._holder is self or self not in turns._waiting:
            return 0
        return turns._waiting.index(self) + (turns._holder is not None)
