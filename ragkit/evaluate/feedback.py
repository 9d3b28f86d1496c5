"""Ratings of answers as a test set that ``ragkit evaluate`` reads.

A good answer says what is right: its question, with the nodes that it cites as right passages and
the short answers that it marks as answers. A good refusal is a question that nothing answers. A bad
answer says only what is wrong: its question counts where its comment names the file that has the
answer, and is left out otherwise. A follow-up is asked as what it means, made whole by the turns
before it.

What is rated good was found by the retriever of its day, so the set favours that retriever: it
shows what a change breaks, less what it gains.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from ragkit.answer.followup import whole_questions
from ragkit.chats.history import Chats, owner_key, read_turns
from ragkit.chats.records import Turn
from ragkit.chats.titles import fold, storable
from ragkit.evaluate.dataset import Passage, Question
from ragkit.retrieve.tokenizer import detect_language
from ragkit.types import Answer

__all__ = ["Feedback", "feedback_set", "read_feedback"]


@dataclass(frozen=True, slots=True)
class Feedback:
    """A test set from ratings: ``up`` and ``down`` count them, ``unknown`` those without a use.

    All cited nodes of one answer share their ``group``: each of them is right. The other nodes that
    it was given are passages too, which nothing asks for.
    """

    passages: tuple[Passage, ...]
    questions: tuple[Question, ...]
    up: int
    down: int
    unknown: int


def feedback_set(
    chats: Chats, owner: str | None, folder: str, *, documents: Collection[str] = ()
) -> tuple[list[Passage], list[Question]]:
    """Return the passages and questions of ``read_feedback``."""
    found = read_feedback(chats, owner, folder, documents=documents)
    return list(found.passages), list(found.questions)


def read_feedback(
    chats: Chats, owner: str | None, folder: str, *, documents: Collection[str] = ()
) -> Feedback:
    """Return what the ratings about ``folder`` tell; of a question rated twice, the last.

    ``documents`` are the sources that a comment may name, beside those that the answer was given.
    """
    known: dict[str, tuple[list[Passage], Question]] = {}
    up = down = unknown = 0
    for turn, before in _rated(chats, owner, folder):
        up, down = up + (turn.feedback == "up"), down + (turn.feedback == "down")
        asked = whole_questions(turn.question, before)
        found = _told(turn, asked, documents)
        if found is None:
            unknown += 1
            continue
        known[fold(asked)] = found
    passages = [passage for found, _ in known.values() for passage in found]
    questions = tuple(question for _, question in known.values())
    return Feedback(tuple(passages), questions, up, down, unknown)


def _rated(chats: Chats, owner: str | None, folder: str) -> Iterator[tuple[Turn, Sequence[Answer]]]:
    """Yield each rated turn, oldest first, with the answers before it in its chat."""
    where = "c.folder = ? AND c.number IN (SELECT chat FROM turn WHERE feedback IS NOT NULL)"
    values: tuple[str, ...] = (storable(folder),)
    if owner is not None:
        where, values = f"{where} AND c.owner = ?", (*values, owner_key(owner))
    before: dict[str, list[Answer]] = {}
    with chats.reading() as conn:
        turns = read_turns(conn, where, values)
    for chat, turn in turns:
        earlier = before.setdefault(chat, [])
        if turn.feedback is not None:
            yield turn, tuple(earlier)
        if turn.answer is not None:
            earlier.append(turn.answer)


def _told(
    turn: Turn, asked: str, documents: Collection[str]
) -> tuple[list[Passage], Question] | None:
    """Return what a rating says of what is right; None where it says nothing."""
    answer = turn.answer
    if not asked.strip():
        return None
    id_, language = f"turn-{turn.id}", detect_language(asked) or ""
    if turn.feedback == "down":
        given = {source.source for source in answer.sources} if answer else set()
        named = _named(turn.comment, given | set(documents))
        return ([], Question(id_, language, asked, None, source=named)) if named else None
    if answer is None:
        return None
    if answer.refused:
        return [], Question(id_, language, asked, None)
    cited = [c.n for c in answer.citations]
    passages = [
        Passage(
            id=f"{id_}/{source.n}",
            lang=language,
            title=source.heading or PurePosixPath(source.source).stem,
            text=source.text,
            group=id_ if source.n in cited else None,
            source=source.source,
        )
        for source in answer.sources
        if source.text.strip()
    ]
    first = next((p for p in passages if p.group and p.id == f"{id_}/{cited[0]}"), None)
    if first is None:  # an overview of the documents, or a model's answer without a source
        return None
    answers = tuple((text, first.text.find(text)) for text in _short_answers(answer))
    return passages, Question(id_, language, asked, first.id, answers, source=first.source)


def _short_answers(answer: Answer) -> list[str]:
    """Return what is marked in supported sentences, else what is quoted."""
    marked = [
        sentence.text[sentence.mark.start : sentence.mark.end]
        for sentence in answer.sentences
        if sentence.mark and sentence.supported and sentence.citations
    ]
    texts = marked or [citation.quote for citation in answer.citations]
    return [text for text in dict.fromkeys(texts) if text.strip()]


def _named(comment: str, documents: Collection[str]) -> str | None:
    """Return the one document that ``comment`` names, by its path or its file name."""
    said, found = comment.casefold(), dict[str, str | None]()
    for source in sorted(documents):
        for name in {source.casefold(), PurePosixPath(source).name.casefold()}:
            # A name that two documents have names neither.
            found[name] = None if name in found and found[name] != source else source
    spans = {
        match.span(): source
        for name, source in found.items()
        # "a.md" is not in "data.md"; before Chinese there is no space to look for.
        for match in re.finditer(rf"(?<![A-Za-z0-9_./-]){re.escape(name)}(?![A-Za-z0-9_])", said)
    }
    named = {
        source
        for (start, end), source in spans.items()
        if not any(a <= start and end <= b and (a, b) != (start, end) for a, b in spans)
    }
    return named.pop() if len(named) == 1 else None
