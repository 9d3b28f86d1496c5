"""Sentences of a text that is still being written, each known as soon as it has ended.

Sentence ends are judged by ``ragkit.ingest.sentences``. A line break ends a sentence, since models
do not wrap their lines; a fenced block of code and a table are one piece each.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from ragkit.ingest.sentences import scan_run

__all__ = ["Ended", "SentenceCutter"]

Kind = Literal["sentence", "heading", "code", "table"]

# The end of a line after which it is open whether a sentence ended: a full stop is judged by the
# whole word behind it (3.5, e.g. this), any other terminator by one character, or two where a
# letter may be an initial. ``stop`` is sure to belong to the sentence; what follows is held back.
_HARD = "!?。！？｡．︒﹒﹖﹗‼‽⁇⁈⁉।॥؟۔։།༎။៕።፧፨෴᠃᠉"
_SPACED = r"(?:(?![\u2e80-\ua4cf\uac00-\ud7af])[^\W_])"
_UNSURE = re.compile(
    rf"(?P<stop>[.…‥{_HARD}]*[{_HARD}][.…‥{_HARD}]*|(?<=[\u0370-\u03ff\u1f00-\u1fff]);)[\W_]*{_SPACED}?$"
    rf"|(?P<dot>[.…‥]+)[\W_]*(?:{_SPACED}|[_'’-](?=[^\W_])){{0,24}}$"
)
_THAI_GAP = re.compile(r"(?<=[\u0e01-\u0e4e])\s+(?=[\u0e01-\u0e4e])")
_THAI = "\u0e01"
_THAI_ENOUGH = 80
_FENCE = re.compile(r"[ \t>]*(?:[-*+]\s+|\d{1,3}[.)]\s+)?(`{3,}|~{3,})")
_HEADING = re.compile(r"[ \t]*#{1,6}\s")
_COMPLETE = re.compile(rf"[.…‥{_HARD}][^\w\s]*$|\|$|\n[ \t]*(?:```|~~~)+$")
# Marks behind a full stop with no word in sight are given out all the same from this length on.
_MOST_HELD = 80


@dataclass(frozen=True, slots=True)
class Ended:
    """A sentence, trimmed, that has just been given out; ``hints`` are the model's own marks."""

    text: str
    kind: Kind
    hints: tuple[int, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether it ends as sentences, tables and code end, and does not break off."""
        return self.kind == "heading" or _COMPLETE.search(self.text) is not None


class SentenceCutter:
    """Takes a text in pieces; gives it out with the ends of sentences between its pieces.

    The strings that ``feed`` and ``finish`` yield are the text without white space at its two ends.
    A string is held back only where it is open whether it opens the next sentence: at most a word,
    and white space.
    """

    def __init__(self) -> None:
        self._line = ""
        self._begin = self._sent = 0  # of the sentence, and of what was not given out, in the line
        self._gap = ""  # white space before what comes next
        self._block = ""  # lines of the table or the code so far
        self._fence = ""  # what closes the code
        self._hints: list[tuple[int, int]] = []  # place in the line, number of a source
        self._block_hints: list[int] = []
        self._started = False

    def hint(self, numbers: tuple[int, ...]) -> None:
        """Note that the model cites the sources ``numbers`` here."""
        self._hints += [(len(self._line.rstrip()), number) for number in numbers]

    def feed(self, text: str) -> Iterator[str | Ended]:
        """Yield what is sure once ``text`` has come too."""
        while text:
            part, newline, text = text.partition("\n")
            if part:
                yield from self._extend(part)
            if newline:
                yield from self._end_line()
                self._gap += "\n"

    def finish(self) -> Iterator[str | Ended]:
        """Yield the rest; the last sentence has ended too."""
        yield from self._end_line()
        yield from self._end_block()

    @property
    def unfinished(self) -> str:
        """What was given out of a sentence that has not ended."""
        if self._block:
            return (self._block + self._line[: self._sent]).strip()
        return self._line[self._begin : self._sent].strip()

    def _extend(self, part: str) -> Iterator[str | Ended]:
        opening = not self._line.strip()
        self._line += part
        if not self._line.strip():
            return
        if opening and self._block and not self._fence and not _is_row(self._line):
            yield from self._end_block()
        if self._fence or _is_row(self._line) or _HEADING.match(self._line):
            yield from self._give(len(self._line))
            return
        unsure = _UNSURE.search(self._line, max(self._begin, self._sent - 40))
        hold = unsure.end("stop" if unsure["stop"] else "dot") if unsure else len(self._line)
        if len(self._line) - hold > _MOST_HELD:
            hold = len(self._line)
        yield from self._cut(hold)
        yield from self._give(hold)

    def _cut(self, hold: int) -> Iterator[str | Ended]:
        """Give out the sentences that end before ``hold``."""
        line = self._line
        end = len(line.rstrip())
        # What follows a phrase of Thai is taken to be long enough for a sentence.
        thai = self._begin + _THAI_ENOUGH < end and _THAI_GAP.search(line, self._begin)
        scanned = line[:end] + _THAI * _THAI_ENOUGH if thai else line[:end]
        first = len(line) - len(line.lstrip())
        for _, stop in list(scan_run(scanned, first, len(scanned)))[:-1]:
            if self._sent <= stop < hold and stop > self._begin:
                yield from self._give(stop)
                yield self._ended(stop)

    def _ended(self, stop: int) -> Ended:
        text = self._line[self._begin : stop].strip()
        near = tuple(n for at, n in self._hints if at <= stop)
        self._hints = [(at, n) for at, n in self._hints if at > stop]
        self._begin = stop
        kind: Kind = "heading" if _HEADING.match(text) else "sentence"
        return Ended(text, kind, tuple(dict.fromkeys(near)))

    def _end_line(self) -> Iterator[str | Ended]:
        line = self._line
        if not line.strip():
            if self._block and not self._fence and self._gap:
                yield from self._end_block()
            self._gap += line
            self._block += "\n" if self._fence else ""
            self._line, self._begin, self._sent = "", 0, 0
            return
        mark = _FENCE.match(line)
        if self._fence or mark or _is_row(line):
            yield from self._give(len(line))
            self._block += line[:] + "\n"
            self._block_hints += [n for _, n in self._hints]
            self._hints = []
            closing = mark is not None and line.strip() == mark[1]
            if self._fence and mark and closing and mark[1].startswith(self._fence):
                self._fence = ""
                yield from self._end_block(code=True)
            elif not self._fence and mark:
                self._fence = mark[1]
        else:
            end = len(line.rstrip())
            yield from self._cut(end)
            if line[self._begin : end].strip():
                yield from self._give(end)
                yield self._ended(end)
        self._gap += line[max(self._sent, len(line.rstrip())) :]
        self._line, self._begin, self._sent = "", 0, 0

    def _end_block(self, *, code: bool = False) -> Iterator[Ended]:
        text = self._block.strip("\n")
        if text.strip():
            kind: Kind = "code" if code or self._fence else "table"
            yield Ended(text.strip(), kind, tuple(dict.fromkeys(self._block_hints)))
        self._block, self._block_hints, self._fence = "", [], ""

    def _give(self, stop: int) -> Iterator[str]:
        """Give out the line up to ``stop``, less white space at its end."""
        piece = self._line[self._sent : stop]
        sure = piece.rstrip()
        if not sure:
            return
        text = self._gap + sure
        self._gap = ""
        self._sent += len(sure)
        yield text if self._started else text.lstrip()
        self._started = True


def _is_row(line: str) -> bool:
    return line.lstrip().startswith("|")
