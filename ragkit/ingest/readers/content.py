"""What a reader returns, and the few rules that all of them share."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

__all__ = [
    "NEEDS_OCR",
    "NEEDS_PASSWORD",
    "WRONG_PASSWORD",
    "Content",
    "Limits",
    "Metadata",
    "Section",
    "clean",
    "one_line",
    "scalars",
]

Metadata = dict[str, str | int | list[str | int]]
"""A list stands for several values, such as tags, any of which a filter may name."""

# How the reasons begin for which a file may be tried again with another password, or with OCR.
NEEDS_PASSWORD = "Password-protected"
WRONG_PASSWORD = "Wrong password"
NEEDS_OCR = "Scanned PDF: its pages are images without text."

# Patterns that are seldom needed are compiled when they are.
# Everything below U+0020 but tab and newline, DEL, the C1 block, lone surrogates, noncharacters.
_DROPPED = "[\x00-\x08\x0b\x0e-\x1f\x7f-\x84\x86-\x9f\ufdd0-\ufdef\ufffe\uffff]"
# What a program writes to a terminal besides text (ECMA-48, 5.4): colours, and titles of windows.
_ESCAPES = "\x1b(?:\\[[0-?]*[ -/]*[@-~]|\\][^\x07\x1b\n]{0,200}(?:\x07|\x1b\\\\))"
_SURROGATE = "[\ud800-\udfff]"
_CONTROLS = bytes(n for n in (*range(0x20), 0x7F) if n not in b"\t\n")
_C1 = re.compile(b"\xc2[\x80-\x9f]")  # in UTF-8, as what follows
_NONCHARACTERS = (b"\xef\xb7", b"\xef\xbf")  # and others
_SPACES = re.compile(r"\s+")
_MAX_VALUE = 500
_MOST_BITS = 1660  # as much as 500 digits say


class Limits(NamedTuple):
    """Bounds on one file. All sizes are in bytes.

    ``max_bytes`` of the file itself; ``max_unpacked`` of what a zip container may hold; no member
    larger than ``ratio_from`` may be packed tighter than ``max_ratio`` to 1; ``max_depth`` of
    nested JSON or XML; ``max_rows`` of a sheet; ``ocr_seconds`` of one PDF's OCR, which takes a
    second or more a page: pages after that count as empty.
    """

    max_bytes: int = 100_000_000
    max_unpacked: int = 400_000_000
    ratio_from: int = 8_000_000
    max_ratio: int = 100
    max_depth: int = 200
    max_rows: int = 1_000_000
    ocr_seconds: float = 45.0


@dataclass(frozen=True, slots=True)
class Section:
    """One page, sheet, slide or record; ``metadata`` holds what is true of it alone."""

    text: str
    metadata: Metadata = field(default_factory=dict)


class Content(NamedTuple):
    """A file's sections in reading order, and the metadata of the whole file."""

    sections: tuple[Section, ...]
    metadata: Metadata

    @classmethod
    def of(cls, text: str, metadata: Metadata) -> Content:
        """Return the content of a file that is one section."""
        return cls((Section(text),), metadata)


def clean(text: str) -> str:
    r"""Return ``text`` with ``\n`` newlines and without byte order marks and control characters.

    Colours of a terminal go with their control characters, and lone surrogates become U+FFFD.
    Nothing else changes, so that quotes stay verbatim.
    """
    if text.isascii() and text.isprintable():
        return text
    if "\x1b" in text:
        text = re.sub(_ESCAPES, "", text)
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if not _is_clean(text):
        text = text.replace("\x0c", "\n").replace("\x85", "\n")
        text = re.sub(_SURROGATE, "\ufffd", re.sub(_DROPPED, "", text))
    return text.removeprefix("\ufeff")


def _is_clean(text: str) -> bool:
    """Return whether nothing has to go, False where that is not sure.

    It is looked for in UTF-8, which takes a third of the time of a pattern of characters.
    """
    try:
        data = text.encode()
    except UnicodeEncodeError:
        return False
    if len(data.translate(None, _CONTROLS)) != len(data):
        return False
    return data.isascii() or not (_C1.search(data) or any(lead in data for lead in _NONCHARACTERS))


def one_line(value: object) -> str:
    """Return ``value`` as text without line breaks or runs of white space."""
    return _SPACES.sub(" ", clean(str(value))).strip()


def scalars(values: Mapping[str, object]) -> Metadata:
    """Return the non-empty strings and numbers of ``values``, as metadata.

    Text becomes one line of at most 500 characters; true, false, fractions and large numbers
    become text. Numbers that are longer yet, which Python refuses to write, are left out.
    """
    found: Metadata = {}
    for key, value in values.items():
        if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63:
            found[key] = value
        elif isinstance(value, int) and value.bit_length() > _MOST_BITS:
            continue
        elif isinstance(value, str | int | float) and (text := one_line(value)):
            found[key] = text[:_MAX_VALUE]
    return found
