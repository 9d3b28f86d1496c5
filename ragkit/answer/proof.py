"""Which spans of the sources stand behind a piece of a generated answer."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property

from ragkit.answer.align import PreparedTexts, Support, find_support, prepare
from ragkit.answer.question import analyze_question
from ragkit.answer.refusal import is_asking
from ragkit.answer.running import Ended
from ragkit.types import SourceNode

__all__ = ["Proof"]

_RULE_ROW = re.compile(r"\|?(?:\s*:?-+:?\s*\|?)+")
_FENCE = re.compile(r"[ \t>]*(?:[-*+]\s+|\d{1,3}[.)]\s+)?(?:`{3,}|~{3,})")
# A number that only counts the steps of the answer is no figure to be looked for.
_ITEM = re.compile(r"\s*(?:[-*+•]\s+|\d{1,3}[.)、．]\s*(?!\d))?")
# A line in bold is a heading to a model.
_BOLD = re.compile(r"(?:\*\*|__)[^*]+(?:\*\*|__)[:：]?")
# What leads to a list, and a question, say nothing that a source could support.
_LEADS = re.compile(r"[:：?？؟][\s*_`\"'”’»)）]*$")
_FIGURE = re.compile(r"\d")
_BLOCK_SPREAD = 2


class Proof:
    """The sources of one answer, to compare its sentences with."""

    def __init__(self, sources: Sequence[SourceNode], *, language: str | None = None) -> None:
        """``language`` (ISO 639-1) is the answer's, where known. Nothing is analysed yet."""
        self.sources = tuple(sources)
        self._language = language

    def supports(self, part: Ended) -> tuple[Support, ...]:
        """Return the spans that say what ``part`` says, best first; empty where none does.

        All rows of a table must have support, and code must stand in a source line by line.
        """
        if part.kind == "heading" or (_LEADS.search(part.text) and not _FIGURE.search(part.text)):
            return ()
        if part.kind == "code":
            return self._code(part.text)
        if part.kind == "table":
            return self._table(part.text)
        said = _ITEM.sub("", part.text, count=1).replace("**", "")
        return find_support(said, self._prepared, language=self._language)

    def is_claim(self, part: Ended) -> bool:
        """Tell whether ``part`` states something that a source could support."""
        if part.kind in ("code", "table"):
            return True
        if part.kind == "heading" or _BOLD.fullmatch(part.text):
            return False
        if _LEADS.search(part.text):
            return False
        return is_asking(analyze_question(part.text, language=self._language))

    @cached_property
    def _prepared(self) -> PreparedTexts:
        return prepare([source.text for source in self.sources])

    def _table(self, text: str) -> tuple[Support, ...]:
        rows = [row.strip() for row in text.splitlines()]
        if len(rows) > 1 and _RULE_ROW.fullmatch(rows[1]):
            rows = rows[2:]
        found: dict[Support, None] = {}
        for row in rows:
            said = " ".join(cell.strip() for cell in row.strip("|").split("|"))
            supports = find_support(said, self._prepared, language=self._language)
            if not supports:
                return ()
            found[supports[0]] = None
        return tuple(found)

    def _code(self, text: str) -> tuple[Support, ...]:
        lines = [line.strip() for line in text.splitlines() if not _FENCE.match(line)]
        lines = [line for line in lines if line]
        if not lines:
            return ()
        for node, source in enumerate(self.sources):
            span = _in_order(lines, source.text)
            if span and span[1] - span[0] <= _BLOCK_SPREAD * sum(len(line) + 8 for line in lines):
                return (Support(node, *span),)
        return ()


def _in_order(lines: Sequence[str], text: str) -> tuple[int, int] | None:
    """Return the span of ``text`` that holds ``lines`` one after the other, or None."""
    start = at = text.find(lines[0])
    for line in lines:
        at = text.find(line, at)
        if start < 0 or at < 0:
            return None
        at += len(line)
    return start, at
