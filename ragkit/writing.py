"""An answer that is written in a thread of its own, while the page that shows it comes and goes.

A page in a browser is drawn anew at every click. The answer goes on meanwhile, and ends when it is
told to, or when nobody has looked at it for a while.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from ragkit.errors import RagkitError

if TYPE_CHECKING:
    from ragkit.answer.engine import AnswerStream
    from ragkit.types import Answer

__all__ = ["Keep", "State", "Writing", "Written"]

log = logging.getLogger(__name__)

State = Literal["writing", "done", "stopped", "failed"]
Keep = Callable[["Answer | None", State, "str | None"], None]
"""Called with what there is of the answer, how it ended, and the error's message, if any."""

_PATIENCE = 10.0
_LET_GO = 1.0
_STOPPING = 2.0  # a reader inside a model's prompt is reached once a second


@dataclass(frozen=True, slots=True)
class Written:
    """What there is so far. ``place`` is how many are before this reader, None where it does not
    wait; ``phase`` what goes on, with its ``seconds``; ``error`` a message, None for a bug.
    """

    text: str
    phase: str
    seconds: float
    place: int | None
    state: State
    answer: Answer | None
    error: str | None


class Writing:
    """One answer in the making. Safe to use from any thread."""

    def __init__(
        self,
        begin: Callable[[Writing], AnswerStream | None],
        *,
        keep: Keep,
        question: str = "",
        preset: str = "",
        patience: float = _PATIENCE,
    ) -> None:
        """Start at once. ``begin`` does what comes before the answer, telling ``phase``; it
        may return None once ``stopped`` is true.

        ``keep`` is called at the end, and earlier where a stop takes long. Without
        a call of ``wait`` or ``hold`` for ``patience`` seconds the answer is stopped.
        """
        self._begin, self._keep, self._patience = begin, keep, patience
        self._question, self._preset = question, preset
        self._changed = threading.Condition()
        self._text, self._phase = "", "search"
        self._place: int | None = None
        self._since = time.monotonic()
        self._deadline = self._since + patience
        self._state: State = "writing"
        self._answer: Answer | None = None
        self._error: str | None = None
        self._stopped = False
        self._ended = threading.Event()
        self._stream: AnswerStream | None = None
        # A daemon: at the end of the program the model hears that its reader has gone.
        threading.Thread(target=self._work, name="ragkit-answer", daemon=True).start()

    @property
    def stopped(self) -> bool:
        """Whether it was told to stop; ``begin`` may look at it between its steps."""
        return self._stopped or time.monotonic() > self._deadline

    @property
    def ended(self) -> bool:
        """Whether nothing more will come."""
        return self._ended.is_set()

    def hold(self) -> None:
        """Say that the reader is there."""
        self._deadline = time.monotonic() + self._patience

    def let_go(self) -> None:
        """Say that the reader may have left: unless it is back within a second, that is the end."""
        self._deadline = min(self._deadline, time.monotonic() + _LET_GO)

    def phase(self, name: str) -> None:
        """Say what is being done before the first word, such as ``load``."""
        with self._changed:
            self._phase, self._since = name, time.monotonic()
            self._changed.notify_all()

    def wait(self, seconds: float, *, seen: str = "") -> Written:
        """Wait until there is more text than ``seen``, or the end; return what there is."""
        with self._changed:
            self.hold()
            self._changed.wait_for(lambda: self.ended or self._text != seen, timeout=seconds)
            self.hold()
            return Written(
                text=self._text,
                phase=self._phase,
                seconds=time.monotonic() - self._since,
                place=self._place,
                state=self._state,
                answer=self._answer,
                error=self._error,
            )

    def stop(self) -> None:
        """End the writing and free the model; what was written is kept. Idempotent."""
        self._stopped = True
        stream = self._stream
        if stream is not None:
            stream.close()
        if not self._ended.wait(_STOPPING):
            # It is deep in a prompt, or a model is being loaded: nobody need wait for that.
            self._kept(self._draft(), "stopped", None)

    def _draft(self) -> Answer | None:
        """Return what is written so far, not yet checked against its sources."""
        from ragkit.types import Answer, Sentence

        text = self._text
        if not text:
            return None
        sentence = Sentence(text, (), supported=False, claim=False)
        return Answer(self._question, text, False, self._preset, (sentence,), (), ())

    def _work(self) -> None:
        state: State = "done"
        error: str | None = None
        answer: Answer | None = None
        try:
            state = self._written()
            if self._stream is not None and (state == "done" or self._text):
                answer = self._stream.answer
        except RagkitError as raised:
            state, error = "failed", str(raised)
        except Exception:
            # Broad on purpose: a page shows words, never a traceback; the log has the rest.
            log.exception("answering failed")
            state = "failed"
        if state == "failed":
            answer = self._rest()
        self._kept(answer, state, error)
        with self._changed:
            self._answer, self._state, self._error = answer, state, error
            self._ended.set()
            self._changed.notify_all()

    def _written(self) -> State:
        """Read the stream to its end; return how it ended."""
        stream = self._stream = self._begin(self)
        if stream is None:
            return "stopped"
        self.phase("write")
        for piece in stream:
            with self._changed:
                self._text += piece
                self._place = stream.place
                if piece:
                    self._changed.notify_all()
            if self.stopped:
                stream.close()
                return "stopped"
        return "stopped" if self._stopped else "done"

    def _rest(self) -> Answer | None:
        """Return what was written before it failed."""
        if self._stream is None or not self._text:
            return None
        try:
            self._stream.close()
            return self._stream.answer
        except Exception:
            log.exception("nothing of the failed answer could be kept")
            return None

    def _kept(self, answer: Answer | None, state: State, error: str | None) -> None:
        try:
            self._keep(answer, state, error)
        except RagkitError as raised:  # its chat was deleted meanwhile
            log.info("an answer was not kept: %s", raised)
