"""An answer that is written in a thread of its own: followed, left, stopped, failing."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

from ragkit.answer.engine import AnswerStream
from ragkit.errors import GenerationError
from ragkit.types import Answer
from ragkit.writing import Writing

Kept = list[tuple[Answer | None, str, str | None]]


class Source:
    """A stream of words that come when the test lets them, and a note of its end."""

    def __init__(self, *, fails: Exception | None = None) -> None:
        self.let, self.closed, self.text = threading.Semaphore(0), threading.Event(), ""
        self.fails = fails

    def stream(self) -> AnswerStream:
        def pieces() -> Iterator[str]:
            try:
                while True:
                    if self.let.acquire(timeout=0.05):
                        if self.fails is not None and self.text:
                            raise self.fails
                        self.text += "word "
                        yield "word "
                    else:
                        yield ""  # a heartbeat
            finally:
                self.closed.set()

        def finish() -> Answer:
            return Answer("q", self.text, False, "lite", (), (), ())

        return AnswerStream(pieces(), finish)


def begun(source: Source, **options: Any) -> tuple[Writing, Kept]:
    kept: Kept = []
    keep = lambda answer, state, error: kept.append((answer, state, error))  # noqa: E731
    return Writing(lambda _: source.stream(), keep=keep, **options), kept


def until(condition: Any, seconds: float = 5.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.01)


def test_text_is_followed_and_stop_keeps_it() -> None:
    source = Source()
    writing, kept = begun(source)
    source.let.release(2)
    until(lambda: writing.wait(0.1).text == "word word ")
    writing.stop()
    assert source.closed.wait(2)
    assert kept[-1][1:] == ("stopped", None)
    assert kept[-1][0] is not None
    assert kept[-1][0].text == "word word "
    assert writing.wait(0).state == "stopped"
    writing.stop()
    assert len(kept) == 1


def test_stop_before_the_first_word_keeps_no_answer() -> None:
    source = Source()
    writing, kept = begun(source)
    writing.stop()
    until(lambda: writing.ended)
    assert kept[-1] == (None, "stopped", None)


def test_error_is_told_and_the_text_before_it_is_kept() -> None:
    source = Source(fails=GenerationError("The model failed."))
    writing, kept = begun(source)
    source.let.release(2)
    until(lambda: writing.ended)
    answer, state, error = kept[-1]
    assert (state, error) == ("failed", "The model failed.")
    assert answer is not None
    assert answer.text == "word "


def test_bug_is_a_failure_without_words_of_its_own() -> None:
    def broken(_: Writing) -> AnswerStream:
        raise ZeroDivisionError

    kept: Kept = []
    writing = Writing(broken, keep=lambda *told: kept.append(told))
    until(lambda: writing.ended)
    assert kept == [(None, "failed", None)]


def test_nobody_looking_ends_it() -> None:
    source = Source()
    writing, _ = begun(source, patience=0.3)
    assert source.closed.wait(5)
    until(lambda: writing.ended)


def test_looking_keeps_it_alive_and_letting_go_ends_it() -> None:
    source = Source()
    writing, _ = begun(source, patience=0.5)
    for _ in range(8):
        writing.wait(0.1)
    assert not writing.ended
    writing.let_go()
    writing.hold()  # the next run of the page
    time.sleep(0.3)
    assert not writing.ended
    writing.let_go()
    assert source.closed.wait(5)


def test_stop_while_something_takes_long_keeps_what_there_is_at_once() -> None:
    held = threading.Event()
    kept: Kept = []

    def slow(_: Writing) -> AnswerStream | None:
        held.wait(20)
        return None

    writing = Writing(slow, keep=lambda *told: kept.append(told))
    writing.stop()
    assert kept == [(None, "stopped", None)]
    assert not writing.ended
    held.set()
    until(lambda: writing.ended)
