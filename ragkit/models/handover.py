"""Between the thread that generates an answer and the one that reads it."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import Literal

from ragkit.errors import GenerationError

__all__ = ["GRACE", "HEARTBEAT", "Handover", "Interruption", "Piece", "Usage"]

Interruption = Literal["closed", "timeout", "gone"]
HEARTBEAT = 1.0  # seconds after which a reader hears that it still waits
GRACE = 15.0  # seconds past the time-out after which a model that does not react is given up


@dataclass(frozen=True, slots=True)
class Usage:
    """What an answer took. ``completion_tokens`` counts the end token too.

    ``tokens_per_second`` is measured from the first token on, where there is more than one.
    """

    prompt_tokens: int
    completion_tokens: int
    tokens_per_second: float
    finish_reason: Literal["stop", "length"]


@dataclass(frozen=True, slots=True)
class Piece:
    """What a reader gets: its ``place`` in the queue, or text, and at last the usage."""

    delta: str = ""
    place: int | None = None
    usage: Usage | None = None


class Handover:
    """Text from a writer to one reader, and word of the reader's leaving to the writer.

    A slow reader does not hold up the writer: what it has not read yet is joined, and is at most
    one answer. A reader that is not waiting for text and has not come back for ``patience`` seconds
    counts as gone, as does one that the end of the program leaves behind.
    """

    def __init__(self, *, timeout: float, patience: float) -> None:
        """Take both in seconds; ``timeout`` counts from here."""
        self._changed = threading.Condition()
        self._timeout, self._patience = timeout, patience
        self._deadline = time.monotonic() + timeout
        self._text = ""
        self._usage: Usage | None = None
        self._error: GenerationError | None = None
        self._closed = False
        self._reader = threading.current_thread()
        self._reading = False
        self._last_read = time.monotonic()

    def put(self, text: str) -> None:
        """Hand over ``text``; the writer's."""
        with self._changed:
            self._text += text
            self._changed.notify_all()

    def end(self, usage: Usage) -> None:
        """Say that the answer is complete; the writer's."""
        with self._changed:
            self._usage = usage
            self._changed.notify_all()

    def fail(self, error: GenerationError) -> None:
        """Say that the answer failed; the writer's."""
        with self._changed:
            self._error = error
            self._changed.notify_all()

    def interruption(self) -> Interruption | None:
        """Return why the writer should stop, None where it should not."""
        now, ending = time.monotonic(), not threading.main_thread().is_alive()
        if self._closed:
            return "closed"
        if now > self._deadline:
            return "timeout"
        patience = 0.0 if ending else self._patience
        if not self._reading and now - self._last_read > patience:
            return "gone"
        return "gone" if ending and self._reader.daemon else None

    def take(self) -> Piece | None:
        """Wait for what is next and return it: text, then the usage, then None; the reader's.

        Where nothing comes for a second, as while a long prompt is read, the piece is empty: a
        reader that waits in here can't leave. Raises GenerationError where the writer failed, or
        does not react to its time-out.
        """
        with self._changed:
            self._reader, self._reading = threading.current_thread(), True
            try:
                while not self._closed:
                    if self._text:
                        text, self._text = self._text, ""
                        return Piece(text)
                    if self._error is not None:
                        raise self._error
                    if self._usage is not None:
                        self._closed = True
                        return Piece(usage=self._usage)
                    if not self._changed.wait(min(HEARTBEAT, self._seconds_left())):
                        return Piece()
                return None
            finally:
                self._reading, self._last_read = False, time.monotonic()

    def close(self) -> None:
        """Say that nobody reads on. Idempotent, from any thread."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _seconds_left(self) -> float:
        left = self._deadline + GRACE - time.monotonic()
        if left <= 0:
            raise GenerationError(
                f"The model does not react: no answer in {self._timeout + GRACE:.0f} s, and it "
                "did not stop. Start ragkit again."
            )
        return left
