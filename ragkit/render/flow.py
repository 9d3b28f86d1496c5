"""What stands between and around the words of a text: marks of sources, doubts, the short answer.

Before a text is read as Markdown, each such place is noted in it by one private character, which
means nothing to Markdown and survives it; when HTML is written, the characters turn into marks.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from ragkit.types import Answer, Sentence

__all__ = ["Event", "Noted", "note_answer", "note_numbers", "only_events", "split_events"]

# Planes 15 and 16, for private use: no document's own characters are kept there.
_FIRST, _LAST = 0xF0000, 0x10FFFF
_MOST_EVENTS = 60_000
_PRIVATE = re.compile("[\U000f0000-\U0010ffff]")
_NUMBERS = re.compile(r"\s*((?:\[\d{1,4}\])+)")
_NUMBER = re.compile(r"\[(\d{1,4})\]")
# What Markdown reads at the start of a line, and characters that a note must not come between.
_OPENING = re.compile(r"(?:[ \t>]*(?:[-*+]|\d{1,9}[.)]|#{1,6})[ \t]+)*")
_ENTITY = re.compile(r"&#?\w{1,32};")
_BLOCK_END = ("```", "~~~", "|")


@dataclass(frozen=True, slots=True)
class Event:
    """``doubt`` and ``short`` begin, end with ``sure`` and ``plain``; ``cite`` stands alone.

    ``numbers`` are the sources of ``cite``.
    """

    kind: Literal["doubt", "sure", "short", "plain", "cite"]
    numbers: tuple[int, ...] = ()


@dataclass(slots=True)
class Noted:
    """A text with notes in it, and what each of them means."""

    text: str
    events: list[Event] = field(default_factory=list)


def split_events(text: str, events: list[Event]) -> Iterator[str | Event]:
    """Yield the words of ``text`` and, in their places, what its notes mean."""
    at = 0
    for found in _PRIVATE.finditer(text):
        number = ord(found[0]) - _FIRST
        if at < found.start():
            yield text[at : found.start()]
        at = found.end()
        if number < len(events):
            yield events[number]
    if at < len(text):
        yield text[at:]


def only_events(text: str) -> bool:
    """Return whether ``text`` is nothing but notes."""
    return bool(text) and _PRIVATE.sub("", text) == ""


def note_answer(answer: Answer, *, markdown: bool) -> Noted:
    """Return the answer's text with its sentences' marks noted in it.

    A sentence that the text does not hold is put after what does.
    """
    text, begin = _cleaned(answer.text), 0
    pieces: list[str] = []
    events: list[Event] = []
    shown = {source.n for source in answer.sources}
    for sentence in answer.sentences:
        words = _cleaned(sentence.text)
        start = text.find(words, begin)
        if start < 0:  # an answer whose text was made by hand
            pieces.append(" ")
            rest = begin
        else:
            pieces.append(text[begin:start])
            rest = start + len(words)
        numbers = _NUMBERS.match(text, rest)
        cited = tuple(int(n) for n in _NUMBER.findall(numbers[1])) if numbers else ()
        if not set(cited) <= shown or len(events) > _MOST_EVENTS:
            cited = ()
        pieces.append(_sentence(words, sentence, events, markdown=markdown))
        if numbers and cited:
            pieces += [text[rest : numbers.start(1)], _note(events, Event("cite", cited))]
            rest = numbers.end()
        begin = rest
    pieces.append(text[begin:])
    return Noted("".join(pieces), events)


def note_numbers(text: str) -> Noted:
    """Return ``text``, which is still being written, with what looks like its marks noted in it.

    Such are numbers in brackets behind a space, or on a line of their own.
    """
    events: list[Event] = []

    def noted(found: re.Match[str]) -> str:
        if len(events) > _MOST_EVENTS:
            return found[0]
        numbers = tuple(int(n) for n in _NUMBER.findall(found[2]))
        return found[1] + _note(events, Event("cite", numbers))

    text = re.sub(r"(?<=\S)([ ]|\n\n)((?:\[\d{1,2}\])+)(?![(\[:])", noted, _cleaned(text))
    return Noted(text, events)


def _cleaned(text: str) -> str:
    return _PRIVATE.sub("\ufffd", text)


def _note(events: list[Event], event: Event) -> str:
    events.append(event)
    return chr(_FIRST + len(events) - 1)


def _sentence(words: str, sentence: Sentence, events: list[Event], *, markdown: bool) -> str:
    """Return a sentence with its doubt, or its short answer, noted in it."""
    if len(events) > _MOST_EVENTS:
        return words
    if sentence.claim and not sentence.supported:
        return _doubted(words, events, markdown=markdown)
    mark = sentence.mark
    if mark is None or not 0 <= mark.start < mark.end <= len(words):
        return words
    if markdown and not (words[mark.start].isalnum() and words[mark.end - 1].isalnum()):
        return words  # a note beside a delimiter could change what Markdown makes of it
    return "".join(
        (
            words[: mark.start],
            _note(events, Event("short")),
            words[mark.start : mark.end],
            _note(events, Event("plain")),
            words[mark.end :],
        )
    )


def _doubted(words: str, events: list[Event], *, markdown: bool) -> str:
    if not markdown:
        return _note(events, Event("doubt")) + words + _note(events, Event("sure"))
    first = _first_word(words)
    if first is not None:
        words = words[:first] + _note(events, Event("doubt")) + words[first:]
    # Behind white space it changes nothing for Markdown; behind a block it needs a line of its own.
    gap = "\n\n" if words.endswith(_BLOCK_END) else " "
    return words + gap + _note(events, Event("sure"))


def _first_word(words: str) -> int | None:
    """Return where the first word begins, or None where Markdown would read a note otherwise.

    Beside a letter on its right, a note is to Markdown like that letter.
    """
    at = 0
    if (opening := _OPENING.match(words)) is not None:
        at = opening.end()
    if words.startswith(("```", "~~~"), at):
        return None
    while at < len(words):
        if entity := _ENTITY.match(words, at):
            at = entity.end()
        elif words[at].isalnum():
            return at
        else:
            at += 1
    return None
