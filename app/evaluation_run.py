"""The evaluation that runs: one at a time for all visitors, since it takes the machine's cores."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING

import streamlit as st

from ragkit.chats import save_result
from ragkit.evaluate.choices import opener
from ragkit.evaluate.job import Job, Plan

if TYPE_CHECKING:
    from ragkit.chats import Chats
    from ragkit.evaluate.job import QuestionSet, Result
    from ragkit.knowledge import KnowledgeBase

__all__ = ["Order", "begin", "busy", "mine"]


@dataclass(frozen=True, slots=True)
class Order:
    """What a person wants measured, and where the result is kept."""

    title: str
    load: Callable[[], QuestionSet]
    opened: Mapping[str, KnowledgeBase]
    systems: tuple[str, ...]
    sample: int | None
    answers: bool
    chats: Chats
    owner: str | None
    folder: str


class _Running:
    """The last job of this server."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.job: Job | None = None
        self.order: Order | None = None


@st.cache_resource(show_spinner=False)
def _running() -> _Running:
    return _Running()


def busy() -> bool:
    """Return whether an evaluation runs, whoever's it is."""
    job = _running().job
    return job is not None and job.state.running


def mine(owner: str | None, folder: str) -> Job | None:
    """Return the server's last job where this person began it, about this folder."""
    running = _running()
    order = running.order
    own = order is not None and (order.owner, order.folder) == (owner, folder)
    return running.job if own else None


def begin(order: Order) -> None:
    """Begin what was ordered; nothing where another was quicker."""

    def keep(result: Result) -> None:
        save_result(
            order.chats,
            order.owner,
            order.folder,
            title=order.title,
            report=result.report,
            pages=result.pages,
        )

    running = _running()
    with running.lock:
        if running.job is not None and running.job.state.running:
            return
        running.job = Job(
            Plan(order.load, order.systems, order.sample, order.answers),
            open_system=opener(order.opened, answers=order.answers),
            finished=keep,
        )
        running.order = order
