"""What was found out about a word of a text, kept for the next time that it comes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

__all__ = ["Memo"]

_Found = TypeVar("_Found")
_LONGEST = 24


class Memo(dict[str, _Found]):
    """``memo[piece]`` is ``find(piece)``: found once for most, since a text repeats its words.

    Pieces of more than 24 characters are not kept, and all are forgotten when there are ``most``.
    A dictionary, not ``lru_cache``: ``map`` of its ``__getitem__`` runs no Python code for those
    that are known.
    """

    def __init__(self, find: Callable[[str], _Found], *, most: int) -> None:
        super().__init__()
        self._find, self._most = find, most

    def __missing__(self, piece: str) -> _Found:
        found = self._find(piece)
        if len(piece) <= _LONGEST:
            if len(self) >= self._most:
                self.clear()
            self[piece] = found
        return found
