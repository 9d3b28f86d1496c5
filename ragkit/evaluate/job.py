"""An evaluation in a thread of its own: its progress, a way to cancel it, its result."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from ragkit.errors import RagkitError
from ragkit.evaluate.dataset import Passage, Question, gold_passages, gold_sources

if TYPE_CHECKING:
    from ragkit.evaluate.run import Outcome
    from ragkit.evaluate.system import System
    from ragkit.indexing import Progress

__all__ = ["Job", "JobState", "Plan", "QuestionSet", "Result"]

log = logging.getLogger("ragkit.evaluate")

OpenSystem = Callable[["QuestionSet", str, "Progress"], AbstractContextManager["System"]]
"""What is asked, the name of a system, and what hears of indexing, in; the system out."""
Phase = Literal["reading", "indexing", "asking", "figures", "done", "cancelled", "failed"]


@dataclass(frozen=True, slots=True)
class QuestionSet:
    """Questions and where what is right is looked for: the passages alone, or a folder."""

    passages: Sequence[Passage]
    questions: Sequence[Question]
    over_folder: bool

    def gold(self) -> Mapping[str, frozenset[str]]:
        """Return what is right for each answerable question."""
        if self.over_folder:
            return gold_sources(self.questions, self.passages)
        return gold_passages(self.passages, self.questions)


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be measured: one system by name, or two that are compared.

    ``load`` reads or drafts the test set; ``sample`` is a number of questions, None for all.
    """

    load: Callable[[], QuestionSet]
    systems: tuple[str, ...]
    sample: int | None = None
    answers: bool = False


@dataclass(frozen=True, slots=True)
class Result:
    """``report`` is the object of ``ragkit evaluate --json``; ``pages`` are by language."""

    report: Mapping[str, Any]
    pages: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class JobState:
    """How far a job is: ``done`` of ``total`` steps of ``phase`` of ``system``.

    ``error`` is in words, of a job that failed; ``seconds`` since it began, until it ended.
    """

    phase: Phase = "reading"
    system: str = ""
    done: int = 0
    total: int = 0
    seconds: float = 0.0
    error: str = ""
    cancelling: bool = False

    @property
    def running(self) -> bool:
        """Whether there is more to come."""
        return self.phase not in ("done", "cancelled", "failed")


class _CancelledError(Exception):
    """Ends the thread's work from a progress callback."""


class Job:
    """One run of ``plan``. Nothing that happens in it is raised; ``state`` tells."""

    def __init__(
        self, plan: Plan, *, open_system: OpenSystem, finished: Callable[[Result], None]
    ) -> None:
        """Begin at once. ``finished`` hears of the result, in the job's thread."""
        self._plan = plan
        self._open = open_system
        self._finished = finished
        self._cancel = threading.Event()
        self._began = time.monotonic()
        self._state = JobState()
        self.result: Result | None = None
        self._thread = threading.Thread(target=self._run, name="ragkit-evaluate", daemon=True)
        self._thread.start()

    @property
    def state(self) -> JobState:
        """How far it is."""
        state = self._state
        if not state.running:
            return state
        seconds = time.monotonic() - self._began
        return replace(state, seconds=seconds, cancelling=self._cancel.is_set())

    def cancel(self) -> None:
        """Ask it to end; it does so after the question, file or batch that it is at."""
        self._cancel.set()

    def join(self, timeout: float | None = None) -> None:
        """Wait for its end."""
        self._thread.join(timeout)

    def _run(self) -> None:
        try:
            self.result = self._measure()
            self._finished(self.result)
            self._end("done")
        except _CancelledError:
            self._end("cancelled")
        except RagkitError as error:
            self._end("failed", str(error))
        except Exception as error:  # a thread has nobody else to tell
            log.exception("the evaluation failed")
            self._end("failed", f"The evaluation failed: {type(error).__name__}.")

    def _end(self, phase: Phase, error: str = "") -> None:
        seconds = time.monotonic() - self._began
        self._state = replace(self._state, phase=phase, error=error, seconds=seconds)

    def _measure(self) -> Result:
        from ragkit.evaluate.metrics import load_ir_measures
        from ragkit.evaluate.run import sample_questions
        from ragkit.evaluate.text_metrics import load_bleu

        load_ir_measures()  # before anything is read in vain
        if self._plan.answers:
            load_bleu()
        testset = self._plan.load()
        self._check()
        questions = sample_questions(testset.questions, self._plan.sample)
        testset = replace(testset, questions=questions)
        done = [self._ask(testset, system) for system in self._plan.systems]
        self._phase("figures", "")
        return _result(done)

    def _ask(self, testset: QuestionSet, name: str) -> tuple[dict[str, Any], list[Outcome]]:
        from ragkit.evaluate.run import ask_questions
        from ragkit.evaluate.summary import summarize

        self._phase("indexing", name)
        with self._open(testset, name, self._step) as system:
            self._phase("asking", name)
            outcomes = ask_questions(
                system,
                testset.questions,
                testset.gold(),
                answers=self._plan.answers,
                progress=self._step,
            )
        names = {"retriever": system.retriever}
        return names | summarize(outcomes, by=["lang"]) | {"preset": system.preset}, outcomes

    def _phase(self, phase: Phase, system: str) -> None:
        self._check()
        self._state = JobState(phase, system)

    def _step(self, done: int, total: int, _name: str) -> None:
        self._check()
        self._state = replace(self._state, done=done, total=total)

    def _check(self) -> None:
        if self._cancel.is_set():
            raise _CancelledError


def _result(done: Sequence[tuple[dict[str, Any], list[Outcome]]]) -> Result:
    from ragkit.evaluate.page import comparison_page, report_page
    from ragkit.evaluate.page_words import LANGUAGES

    if len(done) == 1:
        report, outcomes = done[0]
        return Result(report, {code: report_page(report, outcomes, code) for code in LANGUAGES})
    from ragkit.evaluate.compare import compare_outcomes

    reports, found = [report for report, _ in done], [outcomes for _, outcomes in done]
    compared = compare_outcomes(*found)
    return Result(
        {"compare": compared, "reports": reports},
        {code: comparison_page(compared, reports, found, code) for code in LANGUAGES},
    )
