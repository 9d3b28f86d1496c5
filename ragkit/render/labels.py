"""The few words that a rendered answer has of its own, in the page's language."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Labels"]


@dataclass(frozen=True, slots=True)
class Labels:
    """Words for sighted readers and for screen readers; plain text, escaped where it is used.

    ``source`` names the mark of a source and takes ``{n}`` and ``{name}``; ``page`` takes ``{n}``.
    """

    unsupported: str = "No source supports this."
    source: str = "Source {n}: {name}"
    page: str = "p. {n}"
    sources: str = "Sources"
    nearest: str = "Nearest passages"
    image: str = "image"
    table: str = "Table"
