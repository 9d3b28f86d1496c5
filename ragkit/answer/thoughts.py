"""What a reasoning model thinks aloud before its answer, kept from the reader."""

from __future__ import annotations

__all__ = ["ThoughtFilter"]

# Qwen3, DeepSeek-R1 and those after them; written even where a model has nothing to think about.
_OPEN, _CLOSE = "<think>", "</think>"


class ThoughtFilter:
    """Lets a text through in pieces, but for ``<think>…</think>`` at its very beginning."""

    def __init__(self) -> None:
        self._held = ""
        self._inside = False
        self._past = False

    def feed(self, text: str) -> str:
        """Return what goes through once ``text`` has come too."""
        if self._past:
            return text
        self._held += text
        if not self._inside:
            begun = self._held.lstrip()
            if len(begun) < len(_OPEN) and _OPEN.startswith(begun):
                return ""
            self._inside = begun.startswith(_OPEN)
        if not self._inside:
            return self._let(self._held)
        before, close, rest = self._held.partition(_CLOSE)
        if close:
            return self._let(rest)
        self._held = before[-len(_CLOSE) :]  # all that can still be part of the end
        return ""

    def finish(self) -> str:
        """Return the rest, at the text's end; thoughts that did not end are no answer."""
        return "" if self._past or self._inside else self._let(self._held)

    def _let(self, text: str) -> str:
        self._past, self._held = True, ""
        return text
