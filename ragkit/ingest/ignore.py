"""Which files are left out: gitignore patterns in ``.ragkitignore`` files, and what never counts.

The patterns mean what git says they mean (https://git-scm.com/docs/gitignore): ``!`` takes back,
a slash anchors, ``**`` spans folders, a trailing slash means folders alone, a file in a subfolder
outranks those above it, and nothing below a folder that is left out can be taken back. Written
here because a pattern is input: the usual libraries turn each into one regular expression that
backtracks, and five stars in a row then cost seconds for a name. Here each star costs one pass.
"""

from __future__ import annotations

import functools
import os
import re
import stat
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

__all__ = [
    "CACHES",
    "IGNORE_FILE",
    "INSTALLED",
    "IgnoreFile",
    "Pattern",
    "Reason",
    "default_reason",
    "parse_ignore_lines",
    "read_ignore_file",
]

IGNORE_FILE = ".ragkitignore"
Reason = Literal[
    "hidden", ".ragkitignore", "version control", "installed packages", "virtual environment",
    "cache", "lock file",
]  # fmt: skip
"""Why a file or a folder with all that is in it is not looked at."""

CACHES = frozenset(
    "__pycache__ __MACOSX .cache .pytest_cache .mypy_cache .ruff_cache .tox .nox .hypothesis "
    ".ipynb_checkpoints .gradle .parcel-cache .sass-cache".split()
)
INSTALLED = frozenset(("node_modules", "bower_components"))
_VERSIONED = frozenset((".git", ".hg", ".svn", ".jj", "CVS"))
_MAX_BYTES = 1_000_000
_MAX_PATTERNS = 10_000
_CLASSES = {
    "alnum": "0-9A-Za-z", "alpha": "A-Za-z", "blank": " \\t", "cntrl": "\\x00-\\x1f\\x7f",
    "digit": "0-9", "graph": "!-~", "lower": "a-z", "print": " -~", "space": " \\t-\\r",
    "punct": "!-/:-@\\[-`{-~", "upper": "A-Z", "xdigit": "0-9A-Fa-f",
}  # fmt: skip


def default_reason(name: str, *, is_folder: bool, hidden: bool) -> Reason | None:
    """Return why a name is left out by default; with ``hidden`` a dot is no reason of its own."""
    if name.startswith("~$"):
        return "lock file"
    if is_folder and name in _VERSIONED:
        return "version control"
    if is_folder and name in CACHES:
        return "cache"
    if is_folder and name in INSTALLED:
        return "installed packages"
    return "hidden" if name.startswith(".") and not hidden else None


@dataclass(frozen=True, slots=True)
class Pattern:
    """One line: its segments (None is ``**``), and what it does with what it matches.

    ``text`` is the line as written, ``line`` its number from 1.
    """

    segments: tuple[re.Pattern[str] | None, ...]
    takes_back: bool
    folders_only: bool
    anchored: bool
    text: str = ""
    line: int = 0


@dataclass(frozen=True, slots=True)
class IgnoreFile:
    """The patterns of one folder's file, in their order."""

    patterns: tuple[Pattern, ...]

    def verdict(self, parts: Sequence[str], *, is_folder: bool) -> bool | None:
        """Return True to leave a path out, False where it is taken back, None where none matches.

        ``parts`` are the path's names from the file's own folder down.
        """
        found = self.deciding(parts, is_folder=is_folder)
        return None if found is None else not found.takes_back

    def deciding(self, parts: Sequence[str], *, is_folder: bool) -> Pattern | None:
        """Return the last pattern that matches, which decides; ``parts`` as for ``verdict``."""
        for pattern in reversed(self.patterns):
            if pattern.folders_only and not is_folder:
                continue
            found = (
                _matches(pattern.segments, parts)
                if pattern.anchored
                else _is_match(pattern.segments[0], parts[-1])
            )
            if found:
                return pattern
        return None


def read_ignore_file(path: Path) -> IgnoreFile | None:
    """Return the patterns of ``path``; None where it is no regular file that can be read."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            return None
        with path.open("rb") as stream:
            data = stream.read(_MAX_BYTES)
    except OSError:
        return None
    lines = os.fsdecode(data.removeprefix(b"\xef\xbb\xbf")).split("\n")
    return parse_ignore_lines(lines[:_MAX_PATTERNS])


def parse_ignore_lines(lines: Iterable[str]) -> IgnoreFile:
    """Return the patterns of a file's lines; comments and lines that can match nothing go."""
    return IgnoreFile(tuple(filter(None, (_parse(n, line) for n, line in enumerate(lines, 1)))))


def _parse(number: int, line: str) -> Pattern | None:
    line = line.removesuffix("\r")
    if line.startswith("#"):
        return None
    text = _without_trailing_spaces(line)
    takes_back = text.startswith("!")
    text = text.removeprefix("!")
    folders_only = text.endswith("/")
    text = text.removesuffix("/")
    anchored = "/" in text
    text = text.removeprefix("/")
    if not text:
        return None
    parts = text.split("/") if anchored else [text]
    segments: list[re.Pattern[str] | None] = []
    for part in parts:
        if anchored and part == "**":
            if not segments or segments[-1] is not None:
                segments.append(None)
            continue
        compiled = _segment(part)
        if compiled is None:
            return None
        segments.append(compiled)
    return Pattern(tuple(segments), takes_back, folders_only, anchored, line, number)


def _without_trailing_spaces(line: str) -> str:
    """Return ``line`` without the spaces at its end, but for one that a backslash keeps."""
    bare = line.rstrip(" ")
    backslashes = len(bare) - len(bare.rstrip("\\"))
    return bare + " " if len(bare) < len(line) and backslashes % 2 else bare


def _matches(segments: Sequence[re.Pattern[str] | None], parts: Sequence[str]) -> bool:
    """Return whether the segments match all of the parts, with ``**`` for any number of them.

    ``**`` at the end wants at least one part, elsewhere it may match none.
    """
    possible = {0}  # how many parts the segments so far may have matched
    last = len(segments) - 1
    for place, segment in enumerate(segments):
        if segment is None:
            low = min(possible) + (place == last)
            possible = set(range(low, len(parts) + 1))
        else:
            possible = {n + 1 for n in possible if n < len(parts) and _is_match(segment, parts[n])}
        if not possible:
            return False
    return len(parts) in possible


def _is_match(segment: re.Pattern[str] | None, name: str) -> bool:
    return segment is None or segment.match(name) is not None


@functools.lru_cache(maxsize=4096)
def _segment(glob: str) -> re.Pattern[str] | None:
    r"""Return the regular expression of one name's pattern; None where it can match nothing.

    Each part after a star is matched where it first fits, in an atomic group that is never tried
    again. That is exact, and the time grows with the name and not with the number of stars.
    """
    pieces = _pieces(glob)
    if pieces is None:
        return None
    first, *rest = pieces
    if not rest:
        return re.compile(f"{first}\\Z", re.DOTALL)
    middle = "".join(f"(?>.*?{piece})" for piece in rest[:-1] if piece)
    return re.compile(f"{first}{middle}.*{rest[-1]}\\Z", re.DOTALL)


def _pieces(glob: str) -> list[str] | None:
    """Return what stands between the stars, as regular expressions of a fixed length each."""
    pieces = [""]
    at = 0
    while at < len(glob):
        character = glob[at]
        at += 1
        if character == "*":
            pieces.append("")
        elif character == "?":
            pieces[-1] += "."
        elif character == "\\":
            if at == len(glob):
                return None
            pieces[-1] += re.escape(glob[at])
            at += 1
        elif character == "[":
            found = _set(glob, at)
            if found is None:
                return None
            expression, at = found
            pieces[-1] += expression
        else:
            pieces[-1] += re.escape(character)
    return pieces


def _set(glob: str, at: int) -> tuple[str, int] | None:
    """Return the expression of the set that begins at ``at``, and where it ends; None if broken."""
    negated = glob[at : at + 1] in ("!", "^")
    at += negated
    members: list[str] = []
    first = True
    while True:
        character = glob[at : at + 1]
        if not character:
            return None
        if character == "]" and not first:
            break
        first = False
        if glob.startswith("[:", at):
            end = glob.find(":]", at)
            if end >= 0:
                known = _CLASSES.get(glob[at + 2 : end])
                if known is None:
                    return None
                members.append(known)
                at = end + 2
                continue
        low, after = _member(glob, at)
        if low is None:
            return None
        at = after
        if glob[at : at + 1] == "-" and glob[at + 1 : at + 2] not in ("", "]"):
            high, after = _member(glob, at + 1)
            if high is None:
                return None
            at = after
            if low <= high:
                members.append(f"{re.escape(low)}-{re.escape(high)}")
        else:
            members.append(re.escape(low))
    if not members:  # such as [z-a]: nothing is in it
        return ("." if negated else "(?!)"), at + 1
    return f"[{'^' if negated else ''}{''.join(members)}]", at + 1


def _member(glob: str, at: int) -> tuple[str | None, int]:
    if glob[at] != "\\":
        return glob[at], at + 1
    return (glob[at + 1], at + 2) if at + 1 < len(glob) else (None, at)
