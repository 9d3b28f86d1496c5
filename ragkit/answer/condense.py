# ruff: noqa: E501  (patterns and word lists read best one kind a line)

"""A follow-up question made whole by a language model, checked against what was said."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ragkit.answer.followup import leans, whole_questions
from ragkit.answer.markers import without_markers
from ragkit.answer.prompt import CountTokens, as_data
from ragkit.answer.question import analyze_question
from ragkit.errors import GenerationError
from ragkit.prompts import load_texts
from ragkit.types import Answer

if TYPE_CHECKING:
    from llama_index.core.llms import LLM, ChatMessage

__all__ = ["condense"]

# Earlier turns beyond these are seldom meant, and a longer text than this is no question.
_MOST_TURNS = 3
_TURN_LENGTH = 300
_LONGEST = 300
# Of the words of a whole question so many have been said; what else a model writes is invented.
_SAID = 0.75
_LABEL = re.compile(
    r"^\s*(?:[-*>]\s*)?(?:[\w ]{0,24}(?:question|follow-up|rewritten)[\w ]{0,12}|完整问题|完整問題|改写后?的?问题|改寫後?的?問題|追问|追問|问题|問題|質問|Frage|Вопрос)\s*[:：]\s*",
    re.IGNORECASE,
)
_QUOTES = " \t\"'“”‘’「」『』«»`*"


def condense(
    question: str,
    history: Sequence[Answer],
    llm: LLM,
    count_tokens: CountTokens,
    *,
    timeout: float = 20.0,
) -> str:
    """Return ``question`` as one that makes sense alone, in the words of ``llm``.

    ``history`` is the conversation before it, oldest first. The model is not asked where there is
    none, or where the question already stands alone. What it writes is taken only where it is one
    short question that keeps what was asked and says nothing that had not been said; else, and
    when it fails, does not fit its context window or takes longer than ``timeout`` seconds from its
    first sign on, the question is made whole without it, as ``whole_questions`` does. Never raises.
    """
    if not history or not leans(question):
        return question
    plain = whole_questions(question, history)
    messages = _messages(question, history)
    room = llm.metadata.context_window - max(0, llm.metadata.num_output)
    if count_tokens(messages) > room:
        return plain
    try:
        written = _first_line(_written(llm, messages, timeout))
    except GenerationError:
        return plain
    return written if _sensible(written, question, history) else plain


def _messages(question: str, history: Sequence[Answer]) -> list[ChatMessage]:
    from llama_index.core.base.llms.types import ChatMessage, MessageRole

    said = []
    for turn in history[-_MOST_TURNS:]:
        said.append(f"- {_clipped(turn.question)}")
        if not turn.refused:
            said.append(f"  > {_clipped(without_markers(turn.text))}")
    texts = load_texts(analyze_question(question).language)
    asked = texts.condense.format(history="\n".join(said), question=_clipped(question))
    return [ChatMessage(role=MessageRole.USER, content=asked)]


def _clipped(text: str) -> str:
    return as_data(" ".join(text.split())[:_TURN_LENGTH])


def _written(llm: LLM, messages: Sequence[ChatMessage], timeout: float) -> str:
    """Return the model's text up to the end of its first line or of the time."""
    responses = llm.stream_chat(list(messages))
    text = ""
    began: float | None = None
    try:
        for response in responses:
            if response.additional_kwargs.get("place"):
                continue  # waiting for others is no sign of trouble
            now = time.monotonic()
            began = now if began is None else began
            text += response.delta or ""
            if now - began > timeout:
                return ""
            if "\n" in text.strip() or len(text) > 2 * _LONGEST:
                break
    finally:
        close = getattr(responses, "close", None)
        if close is not None:
            close()
    return text


def _first_line(text: str) -> str:
    line = text.strip().partition("\n")[0]
    return _LABEL.sub("", line).strip(_QUOTES)


def _sensible(written: str, question: str, history: Sequence[Answer]) -> bool:
    """Tell a question that says what was asked, and nothing that nobody said."""
    if not written or len(written) > max(_LONGEST, 2 * len(question)):
        return False
    past = [" ".join(turn.question.split()) for turn in history]
    if written in past and " ".join(question.split()) not in past:
        return False
    wanted = _terms(question)
    terms = _terms(written)
    known = wanted.union(*(_terms(f"{turn.question}\n{turn.text}") for turn in history))
    if not terms or len(terms & known) < _SAID * len(terms):
        return False
    return len(terms & wanted) >= 0.5 * len(wanted)


def _terms(text: str) -> set[str]:
    return {term.term for term in analyze_question(text).terms if len(term.term) > 1}
