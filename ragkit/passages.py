"""A source of an answer with what stands around it in its file, and the answer's quotes in it.

An answer outlives what it was drawn from: files change and go. What can no longer be found in the
index is shown as the answer has it, and ``Passage.state`` says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, Protocol

from ragkit.errors import StoreError
from ragkit.types import Answer, Citation, SourceNode

__all__ = ["Passage", "State", "Texts", "passage"]

State = Literal["current", "changed", "gone"]

_SENTENCE_END = re.compile(r"[.!?…]+[\"'”’)\]]*\s+|[。！？；…]+[”’」』）]*|\n+")
_WORD_END = re.compile(r"\s+")
# So far from where the surroundings would be cut off, a better place for it is looked for.
_REACH = 120


class Texts(Protocol):
    """What has the extracted text of files: a ``KnowledgeBase``."""

    def text(self, source: str) -> str:
        """Return a file's text; raise StoreError where none is indexed."""


@dataclass(frozen=True, slots=True)
class Passage:
    """``before + text + after`` is one piece of the file's extracted text.

    ``text`` is the source's own; ``spans`` are the answer's quotes in it, as half-open offsets, in
    order and without overlap. ``start`` is the offset of ``text`` in the file's text. Where
    ``state`` is not ``current`` (the file now holds other text there, or is not in the index any
    more) there are no surroundings, and ``start`` is None. ``more_before`` and ``more_after`` tell
    whether the file goes on beyond.
    """

    n: int
    source: str
    page: int | None
    heading: str | None
    score: float
    before: str
    text: str
    after: str
    spans: tuple[tuple[int, int], ...]
    state: State
    start: int | None = None
    more_before: bool = False
    more_after: bool = False


def passage(kb: Texts, answer: Answer, n: int, *, around: int = 600) -> Passage:
    """Return the source number ``n`` of ``answer`` with up to ``around`` characters on each side.

    Surroundings begin and end with a sentence, a line or at least a word where one is near. Raises
    ValueError where the answer has no such source, and what ``kb.text`` raises for an index that
    cannot be read.
    """
    source = next((s for s in answer.sources if s.n == n), None)
    if source is None:
        raise ValueError(f"the answer has no source {n}; it has {len(answer.sources)}")
    text, state = _text_of(kb, source.source)
    start = None if text is None else _place(source, text)
    if text is not None and start is None:
        state = "changed"
    begin, stop = (0, 0) if start is None else (start, start + len(source.text))
    whole = text if text is not None and start is not None else ""
    first = _cut_before(whole, begin, around)
    last = _cut_after(whole, stop, around)
    return Passage(
        n=n,
        source=source.source,
        page=source.page,
        heading=source.heading,
        score=source.score,
        before=whole[first:begin],
        text=source.text,
        after=whole[stop:last],
        spans=tuple(_spans(source, answer.citations)),
        state=state,
        start=start,
        more_before=first > 0,
        more_after=last < len(whole),
    )


def _text_of(kb: Texts, source: str) -> tuple[str | None, State]:
    try:
        return kb.text(source), "current"
    except StoreError as error:
        # An index that cannot be read at all is no news about this file.
        if "no indexed file" not in str(error):
            raise
        return None, "gone"


def _place(source: SourceNode, text: str) -> int | None:
    """Return where the source's text stands now: where it stood, or the nearest equal place."""
    if not source.text:
        return None
    if source.start is not None and text.startswith(source.text, source.start):
        return source.start
    found = text.find(source.text)
    if found < 0:
        return None
    at = source.start
    while at is not None and (following := text.find(source.text, found + 1)) >= 0:
        if abs(following - at) > abs(found - at):
            break
        found = following
    return found


def _spans(source: SourceNode, citations: Iterable[Citation]) -> Iterator[tuple[int, int]]:
    """Yield the quotes' places in the source's text, in order, overlapping ones joined."""
    found: list[tuple[int, int]] = []
    for citation in citations:
        if citation.n != source.n or not citation.quote:
            continue
        start = citation.start - (source.start or 0)
        if start < 0 or source.text[start : start + len(citation.quote)] != citation.quote:
            start = source.text.find(citation.quote)
        if start >= 0:
            found.append((start, start + len(citation.quote)))
    joined: list[tuple[int, int]] = []
    for start, end in sorted(found):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    yield from joined


def _cut_before(text: str, begin: int, around: int) -> int:
    """Return where surroundings of about ``around`` characters before ``begin`` begin."""
    wanted = begin - max(0, around)
    if wanted <= 0:
        return 0
    for end in (_SENTENCE_END, _WORD_END):
        if found := end.search(text, wanted - 1, min(begin, wanted + _REACH)):
            return found.end()
    return wanted


def _cut_after(text: str, stop: int, around: int) -> int:
    wanted = stop + max(0, around)
    if wanted >= len(text):
        return len(text)
    near = max(stop, wanted - _REACH)
    for end in (_SENTENCE_END, _WORD_END):
        found = list(end.finditer(text, near, wanted))
        if found:
            return found[-1].end() if end is _SENTENCE_END else found[-1].start()
    return wanted
