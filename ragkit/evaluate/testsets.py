"""The three test sets of a folder's evaluation: rated answers, drafts, and files of one's own."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from ragkit.errors import ConfigError
from ragkit.evaluate.dataset import (
    Uploaded,
    load_folder_questions,
    load_passages,
    load_questions,
)
from ragkit.evaluate.draft import DRAFTED, draft_rows, read_sections
from ragkit.evaluate.feedback import read_feedback
from ragkit.evaluate.job import QuestionSet

if TYPE_CHECKING:
    from ragkit.chats import Chats
    from ragkit.knowledge import KnowledgeBase

__all__ = ["drafted_file", "drafted_set", "rated_set", "uploaded_set"]


def rated_set(kb: KnowledgeBase, chats: Chats, owner: str | None) -> QuestionSet:
    """Return what was rated in chats about the folder; ConfigError where nothing tells."""
    from ragkit.chats import folder_key

    documents = [document.source for document in kb.documents()]
    found = read_feedback(chats, owner, folder_key(kb.folder), documents=documents)
    if not any(q.passage_id or q.source for q in found.questions):
        raise ConfigError(
            "No rating tells yet which passage is right. Rate good answers with their sources, "
            "or name the right file in the comment to a bad one."
        )
    return QuestionSet(found.passages, found.questions, over_folder=True)


def drafted_file(kb: KnowledgeBase, number: int = DRAFTED) -> bytes:
    """Return at most ``number`` questions on the folder's headings and FAQs, with their sections.

    JSON Lines, to be edited and asked. No model is used; what is not indexed is not asked about.
    Raises ConfigError where no file has a heading or a FAQ to ask about.
    """
    indexed = {document.source for document in kb.documents()}
    sections = [
        section
        for section in read_sections(
            kb.folder, max_bytes=kb.config.ingest.max_file_mb * 1024 * 1024
        )
        if section.source in indexed or not indexed
    ]
    rows = list(draft_rows(sections, number=number))
    if not any("question" in row for row in rows):
        raise ConfigError(
            "Nothing in the folder could be turned into a question: no headings, no FAQ. "
            "Write questions by hand and upload them."
        )
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def drafted_set(kb: KnowledgeBase, number: int = DRAFTED) -> QuestionSet:
    """Return the questions of ``drafted_file``, to be asked over the folder."""
    return uploaded_set([Uploaded("drafts", drafted_file(kb, number))], over_folder=True)


def uploaded_set(
    files: Sequence[Uploaded],
    *,
    documents: Collection[str] = (),
    over_folder: bool | None = None,
) -> QuestionSet:
    """Return the passages and questions of JSONL files.

    They are asked over the folder where they have no passages, where a question names only its
    file, or where all passages are parts of ``documents``; else over the passages alone. Raises
    IngestError with file and line for a row that cannot be used, ConfigError without questions.
    """
    passages = load_passages(files)
    if over_folder is None:
        known = set(documents)
        over_folder = not passages or all(p.source in known for p in passages)
    if over_folder:
        questions = load_folder_questions(files, passages)
    else:
        questions = load_questions(files, passages)
    if not questions:
        raise ConfigError(
            "The files hold no questions. A row with 'question' is one: "
            '{"question": "…", "source": "file that answers"}.'
        )
    return QuestionSet(passages, questions, over_folder=over_folder)
