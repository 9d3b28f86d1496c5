"""Thoughts never reach the answer, wherever a server cuts its text into chunks."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragkit.errors import GenerationError
from ragkit.models.thoughts import AnswerText


def read(chunks: list[str]) -> str:
    answer = AnswerText()
    pieces = [answer.push(chunk) for chunk in chunks] + [answer.finish()]
    assert "".join(pieces) == answer.text
    return answer.text


def cut(text: str, places: list[int]) -> list[str]:
    ends = sorted({place % (len(text) + 1) for place in places} | {0, len(text)})
    return [text[a:b] for a, b in pairwise(ends)]


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("<think>端口？\n8501 < 9000</think>\n\n默认端口是 8501。", "默认端口是 8501。"),
        ("\n<think>\n\n</think>\n\nYes.", "Yes."),
        ("</think>\n\nYes.", "Yes."),
        ("<think>a</think><think>b</think>c", "c"),
        ("<think>never ends </thi", ""),
        (
            "Write `<think>` first; `</think>` ends it.",
            "Write `<think>` first; `</think>` ends it.",
        ),
        ("<th> is a table's head", "<th> is a table's head"),
        ("a\n</thinker>", "a\n</thinker>"),
        ("a\n</", "a\n</"),
        ("<", "<"),
        ("", ""),
    ],
)
@given(places=st.lists(st.integers(0, 200), max_size=12))
def test_only_the_answer_comes_out(text: str, answer: str, places: list[int]) -> None:
    assert read(cut(text, places)) == answer


@given(st.text(alphabet="<think>/ \n答", max_size=40), st.lists(st.integers(0, 50), max_size=8))
def test_cutting_changes_nothing(text: str, places: list[int]) -> None:
    def outcome(chunks: list[str]) -> str | None:
        try:
            return read(chunks)
        except GenerationError:
            return None

    assert outcome(cut(text, places)) == outcome([text])


@given(places=st.lists(st.integers(0, 200), max_size=12))
def test_thoughts_that_never_began_are_an_error(places: list[int]) -> None:
    with pytest.raises(GenerationError, match="reasoning-parser"):
        read(cut("The user asks for the port.\n</think>\n\n8501", places))


def test_an_answer_is_not_held_back() -> None:
    answer = AnswerText()
    assert [answer.push(c) for c in ("Ye", "s", "\n", "no")] == ["Ye", "s", "", "\nno"]
