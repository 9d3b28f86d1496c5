"""How the files of a folder are to be read, and which of the skipped ones to try again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from ragkit.ingest.passwords import NO_PASSWORDS, Passwords
from ragkit.ingest.readers.content import NEEDS_OCR, NEEDS_PASSWORD, WRONG_PASSWORD

__all__ = ["Reading"]


@dataclass(frozen=True, slots=True)
class Reading:
    """``hidden`` takes in names that begin with a dot; with ``ocr`` images of pages are read."""

    hidden: bool = False
    passwords: Passwords = NO_PASSWORDS
    ocr: bool = False

    def may_help(self, source: str, reason: str, indexed_at: str) -> bool:
        """Return whether a file that was skipped for ``reason`` may be read this time.

        ``indexed_at`` (ISO 8601) is when it was skipped. What failed stays as it is until the
        passwords change, so that refreshing an index costs nothing.
        """
        if reason.startswith(NEEDS_OCR):
            return self.ocr
        if reason.startswith(NEEDS_PASSWORD):
            return bool(self.passwords.for_source(source))
        if reason.startswith(WRONG_PASSWORD) and self.passwords.for_source(source):
            return datetime.fromisoformat(indexed_at).timestamp() <= self.passwords.changed_at
        return False
