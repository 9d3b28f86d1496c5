"""Test sets in JSONL: passages, questions, and which passages or files answer a question.

A passage is ``{id, lang, title, text, group?, source?}``, a question ``{id, lang, question,
answers, passage_id, group?, source?}``; ``passage_id`` is null for a question that no passage
answers. Over a folder a question needs only ``{question, source, answers?}``: ``source`` is the
file that answers it, null where none does. Other keys are ignored.

One file may hold both, as ``ragkit evaluate --from-folder`` writes it: a row with a ``question`` is
a question, any other a passage.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from ragkit.errors import ConfigError, IngestError

__all__ = [
    "Passage",
    "Question",
    "Uploaded",
    "gold_passages",
    "gold_sources",
    "load_folder_questions",
    "load_passages",
    "load_questions",
    "set_rows",
]


@dataclass(frozen=True, slots=True)
class Passage:
    """One passage; ``group`` is equal for passages that say the same, ``source`` is its file."""

    id: str
    lang: str
    title: str
    text: str
    group: str | None = None
    source: str | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """One question; ``answers`` are spans (text, start) of its passage, start -1 where unknown.

    ``source`` is the file that answers it, over a folder; else what ``--by source`` groups by: the
    row's own ``source``, or the name of the file that it stands in.
    """

    id: str
    lang: str
    question: str
    passage_id: str | None
    answers: tuple[tuple[str, int], ...] = ()
    source: str | None = None


@dataclass(frozen=True, slots=True)
class Uploaded:
    """A file that is not on the disk; ``name`` is what messages call it."""

    name: str
    data: bytes

    def open(self, mode: str) -> BinaryIO:
        """Open it for reading, as ``Path.open("rb")`` does."""
        return io.BytesIO(self.data)

    def __str__(self) -> str:
        return self.name


File = Path | Uploaded


def load_passages(paths: Sequence[File]) -> list[Passage]:
    """Return the passages of all files, in order; rows that are questions are passed over.

    Raises ConfigError when a file is not there, IngestError with file and line when a line is not
    a passage or repeats an id.
    """
    found: dict[str, Passage] = {}
    for where, row in _rows(paths):
        if "question" in row and "text" not in row:
            continue
        passage = Passage(
            id=_text(row, "id", where),
            lang=_text(row, "lang", where, default=""),
            title=_text(row, "title", where, default=""),
            text=_text(row, "text", where),
            group=_text(row, "group", where, default="") or None,
            source=_text(row, "source", where, default="") or None,
        )
        if passage.id in found:
            raise IngestError(f"{where}: the passage id {passage.id!r} is there already.")
        found[passage.id] = passage
    return list(found.values())


def load_questions(paths: Sequence[File], passages: Sequence[Passage]) -> list[Question]:
    """Return the questions of all files, in order; each ``passage_id`` is one of ``passages``.

    Raises as ``load_passages`` does.
    """
    known = {passage.id for passage in passages}
    found: dict[str, Question] = {}
    for path in paths:
        name = path.name.removesuffix(".jsonl").removesuffix(".questions")
        for where, row in _rows([path]):
            if _is_passage(row):
                continue
            if "passage_id" not in row:
                raise IngestError(
                    f"{where}: 'passage_id' is missing. Unanswerable questions have null; "
                    "questions on a folder's files are asked with --data."
                )
            passage_id = _passage_id(row, where, known)
            source = _text(row, "source", where, default="") or name
            _add(found, row, where, passage_id=passage_id, source=source)
    return list(found.values())


def load_folder_questions(paths: Sequence[File], passages: Sequence[Passage]) -> list[Question]:
    """Return the questions of all files on a folder's documents, in order.

    Each names its ``source``, or a ``passage_id`` of ``passages`` that has one, or null in either.
    ``id`` may be left out; ``lang`` then stays empty where it is not given. Raises as
    ``load_passages`` does.
    """
    by_id = {passage.id: passage for passage in passages}
    found: dict[str, Question] = {}
    for where, row in _rows(paths):
        if _is_passage(row):
            continue
        if "source" not in row and "passage_id" not in row:
            raise IngestError(
                f"{where}: 'source' is missing: the file that answers, as `ragkit query` names it. "
                "Unanswerable questions have null."
            )
        passage_id = _passage_id(row, where, set(by_id)) if "passage_id" in row else None
        source = row.get("source")
        if passage_id is not None:
            source = by_id[passage_id].source or source
        if source is not None and not (isinstance(source, str) and source.strip()):
            raise IngestError(f"{where}: 'source' is {source!r}; a file's path is wanted, or null.")
        if passage_id is not None and source is None:
            raise IngestError(f"{where}: neither the question nor its passage names a 'source'.")
        _add(found, {"id": where} | row, where, passage_id=passage_id, source=source)
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


def gold_sources(
    questions: Sequence[Question], passages: Sequence[Passage] = ()
) -> dict[str, frozenset[str]]:
    """Return for each answerable question's id what counts as right over a folder.

    That is its passage with those of the same group and language, else its file.
    """
    groups: dict[tuple[str, str], set[str]] = {}
    for passage in passages:
        if passage.group is not None:
            groups.setdefault((passage.group, passage.lang), set()).add(passage.id)
    same = {id_: ids for ids in groups.values() for id_ in ids}
    gold: dict[str, frozenset[str]] = {}
    for question in questions:
        if question.passage_id is not None:
            gold[question.id] = frozenset({question.passage_id, *same.get(question.passage_id, ())})
        elif question.source is not None:
            gold[question.id] = frozenset({question.source})
    return gold


def set_rows(
    passages: Iterable[Passage], questions: Iterable[Question]
) -> Iterator[dict[str, Any]]:
    """Yield the rows of a file that the functions above read over a folder."""
    for passage in passages:
        row: dict[str, Any] = {"id": passage.id, "lang": passage.lang, "title": passage.title}
        row |= {"text": passage.text, "source": passage.source, "group": passage.group}
        yield {key: value for key, value in row.items() if value is not None}
    for question in questions:
        asked: dict[str, Any] = {"id": question.id, "lang": question.lang}
        asked |= {"question": question.question, "source": question.source}
        asked["answers"] = [{"text": text, "start": start} for text, start in question.answers]
        if question.passage_id is not None or question.source is None:
            asked["passage_id"] = question.passage_id
        yield asked


def _keys(passage: Passage) -> list[tuple[str, ...]]:
    keys: list[tuple[str, ...]] = [("text", passage.text)]
    if passage.group is not None:
        keys.append(("group", passage.group, passage.lang))
    return keys


def _is_passage(row: dict[str, Any]) -> bool:
    return "text" in row and "question" not in row


def _passage_id(row: dict[str, Any], where: str, known: set[str]) -> str | None:
    if row["passage_id"] is None:
        return None
    passage_id = _text(row, "passage_id", where)
    if passage_id not in known:
        raise IngestError(
            f"{where}: no passage has the id {passage_id!r}. Add its file with --passages."
        )
    return passage_id


def _add(
    found: dict[str, Question],
    row: dict[str, Any],
    where: str,
    *,
    passage_id: str | None,
    source: str | None,
) -> None:
    question = Question(
        id=_text(row, "id", where),
        lang=_text(row, "lang", where, default=""),
        question=_text(row, "question", where),
        passage_id=passage_id,
        answers=_answers(row, where),
        source=source,
    )
    if question.id in found:
        raise IngestError(f"{where}: the question id {question.id!r} is there already.")
    found[question.id] = question


def _rows(paths: Sequence[File]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield ``file, line n`` and the JSON object of each line that is not blank."""
    for path in paths:
        try:
            with path.open("rb") as file:
                for number, line in enumerate(file, start=1):
                    where = f"{path}, line {number}"
                    row = _row(line, where)
                    if row is not None:
                        yield where, row
        except OSError as error:
            raise ConfigError(f"Cannot read {path}: {error.strerror or error}.") from error


def _row(line: bytes, where: str) -> dict[str, Any] | None:
    try:
        text = line.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise IngestError(f"{where}: not UTF-8 (byte {error.start + 1}). Convert it.") from error
    if not text.strip():
        return None
    try:
        row = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise IngestError(f"{where}: not JSON: {error}.") from error
    if not isinstance(row, dict):
        raise IngestError(f"{where}: a JSON object is wanted, not {type(row).__name__}.")
    return row


def _text(row: dict[str, Any], key: str, where: str, *, default: str | None = None) -> str:
    value = row.get(key, default)
    if value is None and default is not None:
        return default
    if not isinstance(value, str) or (not value.strip() and default is None):
        problem = "is missing" if key not in row else f"is {value!r}"
        raise IngestError(f"{where}: {key!r} {problem}; a text is wanted.")
    return value


def _answers(row: dict[str, Any], where: str) -> tuple[tuple[str, int], ...]:
    """Return the answers, given as ``{text, start?}`` or as bare texts."""
    wrong = f"{where}: 'answers' must be a list of texts, or of objects with 'text' and 'start'."
    answers = row.get("answers") or ()
    if not isinstance(answers, list | tuple):
        raise IngestError(wrong)
    found = []
    for answer in answers:
        answer = {"text": answer} if isinstance(answer, str) else answer
        if not isinstance(answer, dict) or not isinstance(answer.get("text"), str):
            raise IngestError(wrong)
        start = answer.get("start", -1)
        if not isinstance(start, int) or not answer["text"].strip():
            raise IngestError(wrong)
        found.append((answer["text"], start))
    return tuple(found)
