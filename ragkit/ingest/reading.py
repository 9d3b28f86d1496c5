"""How the files of a folder are to be read, and which of those to try again that could not be."""

from __future__ import annotations

import importlib.util
import json
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from ragkit.ingest.passwords import NO_PASSWORDS, Passwords

__all__ = ["Means", "Reading"]

_OFFICE_PASSWORDS = "msoffcrypto"  # what the extra ``passwords`` installs


@dataclass(frozen=True, slots=True)
class Reading:
    """``hidden`` takes in names that begin with a dot; with ``ocr`` images of pages are read."""

    hidden: bool = False
    passwords: Passwords = NO_PASSWORDS
    ocr: bool = False

    def means(self, *, seconds: float, memory_mb: int, max_bytes: int) -> Means:
        """Return what there is to read a file with, but for its passwords."""
        office = importlib.util.find_spec(_OFFICE_PASSWORDS) is not None
        return Means(seconds, memory_mb, max_bytes, self.ocr, office)

    def passwords_for(self, source: str) -> str:
        """Return the version of the passwords that there are for a file; empty without any."""
        return self.passwords.version if self.passwords.for_source(source) else ""


class Means(NamedTuple):
    """What a file is read with: more of any of it may bring out what did not come out before.

    ``passwords`` is their version, as ``Reading.passwords_for`` returns it; ``office`` tells
    whether those of Office files can be used.
    """

    seconds: float
    memory_mb: int
    max_bytes: int
    ocr: bool
    office: bool
    passwords: str = ""

    def to_text(self) -> str:
        """Return them as the catalog keeps them."""
        return json.dumps(self)

    def exceed(self, tried: str) -> bool:
        """Return whether these are better in any way than those of the text ``tried``.

        Other passwords are better than none and than others. Nothing exceeds an empty text.
        """
        then = _parsed(tried)
        if then is None:
            return False
        if self.passwords not in ("", then.passwords):
            return True
        return any(mine > theirs for mine, theirs in zip(self[:-1], then[:-1], strict=True))


@lru_cache(maxsize=64)
def _parsed(tried: str) -> Means | None:
    return Means(*json.loads(tried)) if tried else None
