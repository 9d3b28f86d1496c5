"""A question on its way to its answer: begun at once, followed by whichever run draws the page."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import shared
import streamlit as st

from ragkit.writing import Writing

if TYPE_CHECKING:
    from ragkit.answer.engine import AnswerStream
    from ragkit.knowledge import KnowledgeBase
    from ragkit.types import Answer

__all__ = ["Asked", "Options", "begin", "current", "leave", "let_go"]

_SMALL_FOLDER = 500  # files; looking through them takes a few milliseconds
_LOOK = 0.05
_FIRST_READING = 60.0  # seconds that a first question waits for the folder to be read


@dataclass(frozen=True, slots=True)
class Options:
    """What the person set for questions; None where the configuration decides."""

    filters: tuple[str, ...] = ()
    top_k: int | None = None
    language: str | None = None
    temperature: float | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """An answer that this visitor waits for; ``partial``: not all of the folder is read yet."""

    chat_id: str
    turn_id: int
    writing: Writing
    partial: threading.Event


def begin(
    kb: KnowledgeBase,
    chat_id: str,
    question: str,
    *,
    history: Sequence[Answer],
    options: Options,
) -> Asked:
    """Keep the question, and begin to answer it. What was being written is stopped first."""
    leave()
    chats = shared.chats()
    turn_id = chats.begin_turn(chat_id, shared.owner(), question)
    serving, loading, partial = shared.serving(kb), shared.loading(kb), threading.Event()

    def stream(writing: Writing) -> AnswerStream | None:
        kb.require_answerer()
        if _look_through(serving, writing):
            partial.set()
        if writing.stopped:
            return None
        if not loading.loaded:
            writing.phase("load")
            loading.start()
            while not loading.wait(0.1):
                if writing.stopped:
                    return None
        writing.phase("search")
        return kb.stream(
            question,
            filters=options.filters,
            history=history,
            top_k=options.top_k,
            language=options.language,
            temperature=options.temperature,
        )

    def keep(answer: Answer | None, state: str, error: str | None) -> None:
        chats.save_turn(turn_id, answer=answer, state=state, error=error)  # type: ignore[arg-type]

    writing = Writing(stream, keep=keep, question=question, preset=kb.config.preset)
    asked = Asked(chat_id, turn_id, writing, partial)
    st.session_state["asked"] = asked
    return asked


def current() -> Asked | None:
    """Return the answer that this visitor waits for, if any, and hold on to it."""
    asked: Asked | None = st.session_state.get("asked")
    if asked is not None:
        asked.writing.hold()
    return asked


def let_go(asked: Asked) -> None:
    """Do what is right when a run of the page is cut short while it follows ``asked``.

    Streamlit ends a run in the same way for a click, after which the next run goes on with the
    answer, and for a closed tab or a lost connection, after which nobody does.
    """
    from streamlit.runtime import exists, get_instance
    from streamlit.runtime.scriptrunner import get_script_run_ctx

    context = get_script_run_ctx()
    if (
        context is not None
        and exists()
        and not get_instance().is_active_session(context.session_id)
    ):
        asked.writing.stop()
    else:
        asked.writing.let_go()


def leave() -> None:
    """End the answer that this visitor waits for: another question, another page, Stop."""
    asked = st.session_state.pop("asked", None)
    if asked is not None and not asked.writing.ended:
        asked.writing.stop()


def _look_through(serving: shared.Serving, writing: Writing) -> bool:
    """See that a small folder's newest files are known; wait for one that was never read.

    Return whether only a part of it has been read.
    """
    indexer = serving.indexer
    if len(serving.sources()) <= _SMALL_FOLDER and indexer.finished_at is not None:
        indexer.start()
        indexer.wait(_LOOK)
    if not serving.was_empty or indexer.finished_at is not None:
        return False
    writing.phase("read")
    began = time.monotonic()
    while not indexer.wait(0.1):
        if writing.stopped:
            return False
        # A refusal from half a folder would mislead; of a very large one a part is better.
        if indexer.state.done and time.monotonic() - began > _FIRST_READING:
            return True
    return False
