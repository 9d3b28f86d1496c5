"""Test sets in JSONL: passages, questions, and which passages answer a question.

A passage is ``{id, lang, title, text, group?}``, a question ``{id, lang, question, answers,
passage_id, group?}``; ``passage_id`` is null for a question that no passage answers. Other keys are
ignored.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ragkit.errors import ConfigError, IngestError

__all__ = ["Passage", "Question", "gold_passages", "load_passages", "load_questions"]


@dataclass(frozen=True, slots=True)
class Passage:
    """One passage; ``group`` is equal for passages that say the same."""

    id: str
    lang: str
    title: str
    text: str
    group: str | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """One question; ``answers`` are spans (text, start) of its passage."""

    id: str
    lang: str
    question: str
    passage_id: str | None
    answers: tuple[tuple[str, int], ...] = ()


def load_passages(paths: Sequence[Path]) -> list[Passage]:
    """Return the passages of all files, in order.

    Raises ConfigError when a file is not there, IngestError with file and line when a line is not
    a passage or repeats an id.
    """
    found: dict[str, Passage] = {}
    for where, row in _rows(paths):
        passage = Passage(
            id=_text(row, "id", where),
            lang=_text(row, "lang", where, default=""),
            title=_text(row, "title", where, default=""),
            text=_text(row, "text", where),
            group=_text(row, "group", where, default="") or None,
        )
        if passage.id in found:
            raise IngestError(f"{where}: the passage id {passage.id!r} is there already.")
        found[passage.id] = passage
    return list(found.values())


def load_questions(paths: Sequence[Path], passages: Sequence[Passage]) -> list[Question]:
    """Return the questions of all files, in order; each ``passage_id`` is one of ``passages``.

    Raises as ``load_passages`` does.
    """
    known = {passage.id for passage in passages}
    found: dict[str, Question] = {}
    for where, row in _rows(paths):
        if "passage_id" not in row:
            raise IngestError(
                f"{where}: 'passage_id' is missing. Unanswerable questions have null."
            )
        passage_id = None if row["passage_id"] is None else _text(row, "passage_id", where)
        if passage_id is not None and passage_id not in known:
            raise IngestError(
                f"{where}: no passage has the id {passage_id!r}. Add its file with --passages."
            )
        question = Question(
            id=_text(row, "id", where),
            lang=_text(row, "lang", where, default=""),
            question=_text(row, "question", where),
            passage_id=passage_id,
            answers=_answers(row, where),
        )
        if question.id in found:
            raise IngestError(f"{where}: the question id {question.id!r} is there already.")
        found[question.id] = question
    return list(found.values())


def gold_passages(
    passages: Sequence[Passage], questions: Sequence[Question]
) -> dict[str, frozenset[str]]:
    """Return for each answerable question's id the ids of all passages that count as right.

    These are the named passage, those with equal text, and those with its group and language.
    """
    by_id = {passage.id: passage for passage in passages}
    same: dict[tuple[str, ...], set[str]] = {}
    for passage in passages:
        for key in _keys(passage):
            same.setdefault(key, set()).add(passage.id)
    return {
        question.id: frozenset().union(*(same[key] for key in _keys(by_id[question.passage_id])))
        for question in questions
        if question.passage_id is not None
    }


def _keys(passage: Passage) -> list[tuple[str, ...]]:
    keys: list[tuple[str, ...]] = [("text", passage.text)]
    if passage.group is not None:
        keys.append(("group", passage.group, passage.lang))
    return keys


def _rows(paths: Sequence[Path]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield ``file, line n`` and the JSON object of each line that is not blank."""
    for path in paths:
        try:
            lines = path.read_text("utf-8-sig").split("\n")
        except OSError as error:
            raise ConfigError(f"Cannot read {path}: {error.strerror or error}.") from error
        except UnicodeDecodeError as error:
            raise IngestError(f"{path} is not UTF-8 (byte {error.start}). Convert it.") from error
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            where = f"{path}, line {number}"
            try:
                row = json.loads(line)
            except ValueError as error:
                raise IngestError(f"{where}: not JSON: {error}.") from error
            if not isinstance(row, dict):
                raise IngestError(f"{where}: a JSON object is wanted, not {type(row).__name__}.")
            yield where, row


def _text(row: dict[str, Any], key: str, where: str, *, default: str | None = None) -> str:
    value = row.get(key, default)
    if value is None and default is not None:
        return default
    if not isinstance(value, str) or (not value.strip() and default is None):
        problem = "is missing" if key not in row else f"is {value!r}"
        raise IngestError(f"{where}: {key!r} {problem}; a text is wanted.")
    return value


def _answers(row: dict[str, Any], where: str) -> tuple[tuple[str, int], ...]:
    try:
        return tuple((str(a["text"]), int(a["start"])) for a in row.get("answers") or ())
    except (TypeError, KeyError, ValueError) as error:
        raise IngestError(
            f"{where}: 'answers' must be a list of objects with 'text' and 'start'."
        ) from error
