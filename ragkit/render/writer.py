"""Writes words with what is noted in them: marks of sources, doubts, the short answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from html import escape

from ragkit.render import style
from ragkit.render.flow import Event, split_events
from ragkit.render.labels import Labels

__all__ = ["Marks", "Writer"]


@dataclass(frozen=True, slots=True)
class Marks:
    """How marks are written: ``cite`` takes the numbers of sources and returns their HTML.

    ``links`` tells whether addresses may be opened by a click.
    """

    cite: Callable[[Sequence[int]], str]
    labels: Labels
    links: bool = False


@dataclass(slots=True)
class Writer:
    """Gathers HTML in ``out``; ``events`` is what the notes in its texts mean."""

    events: list[Event]
    marks: Marks
    out: list[str] = field(default_factory=list)
    doubted: bool = False
    short: bool = False
    addresses: list[str] = field(default_factory=list)  # what to write behind each open link

    def words(self, text: str) -> None:
        """Write text with what is noted in it; a mark stands at its word, without a space."""
        for item in split_events(text, self.events):
            if isinstance(item, str):
                self.out.append(self._styled(escape(item)))
                continue
            if item.kind in ("cite", "sure") and self.out:
                self.out[-1] = self.out[-1].rstrip(" ")
            self.event(item)

    def code(self, text: str) -> None:
        """Write code, in which numbers in brackets are its own."""
        for item in split_events(text, self.events):
            if isinstance(item, str):
                self.out.append(self._styled(escape(item)))
            elif item.kind == "cite":
                self.out += [f"[{n}]" for n in item.numbers]
            else:
                self.event(item)

    def event(self, event: Event) -> None:
        """Write a mark, or begin or end a stretch of text."""
        if event.kind == "cite":
            self.out.append(self.marks.cite(event.numbers))
        elif event.kind == "sure":
            self.out.append(_doubt_sign(self.marks.labels))
        elif event.kind in ("short", "plain"):
            self.short = event.kind == "short"
        self.doubted = event.kind == "doubt" or (self.doubted and event.kind in ("short", "plain"))

    def _styled(self, text: str) -> str:
        if not text.strip():
            return text
        if self.short:
            text = f'<mark style="{style.SHORT}">{text}</mark>'
        if self.doubted:
            title = escape(self.marks.labels.unsupported)
            text = f'<span style="{style.UNSUPPORTED}" title="{title}">{text}</span>'
        return text


def _doubt_sign(labels: Labels) -> str:
    title = escape(labels.unsupported)
    return f'<span role="img" aria-label="{title}" title="{title}" style="{style.DOUBT}">?</span>'
