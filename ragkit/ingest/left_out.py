"""Which rule leaves a file out of the index, for one file that somebody misses, and in words."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from ragkit.ingest.folder import VIRTUAL_ENVIRONMENT, locate
from ragkit.ingest.ignore import (
    IGNORE_FILE,
    IgnoreFile,
    Pattern,
    Reason,
    default_reason,
    read_ignore_file,
)

__all__ = ["LeftOut", "left_out_in_words", "why_left_out"]

_RULES = {
    "hidden": "begins with a dot, so it is hidden",
    "version control": "is that of version control, not of documents",
    "installed packages": "is that of installed packages, not of documents",
    "cache": "is that of a cache, not of documents",
    "lock file": "begins with ~$: Office keeps no text in it, only that the document is open",
}


@dataclass(frozen=True, slots=True)
class LeftOut:
    """The first name on the way to a file that is left out, with all below it.

    ``source`` is that file or folder. Where a ``.ragkitignore`` names it, ``pattern`` is the line
    as written, ``line`` its number from 1 and ``file`` the source of that ``.ragkitignore``.
    """

    source: str
    is_folder: bool
    reason: Reason
    pattern: str = ""
    file: str = ""
    line: int = 0


def why_left_out(folder: Path, source: str, *, hidden: bool = False) -> LeftOut | None:
    """Return what leaves ``source`` out of ``walk(folder, hidden=hidden)``; None if nothing does.

    Raises IngestError for a source that is absolute or climbs out of the folder.
    """
    names = source.split("/")
    path, ignores = folder, list[tuple[str, IgnoreFile | None]]()
    for depth in range(1, len(names) + 1):
        ignores.append(("/".join(names[: depth - 1]), read_ignore_file(path / IGNORE_FILE)))
        path = locate(folder, "/".join(names[:depth]))
        is_folder = path.is_dir() and not path.is_symlink()
        found = _left_out(path, names[:depth], ignores, is_folder=is_folder, hidden=hidden)
        if found is not None:
            return found
    return None


def _left_out(
    path: Path,
    names: list[str],
    ignores: list[tuple[str, IgnoreFile | None]],
    *,
    is_folder: bool,
    hidden: bool,
) -> LeftOut | None:
    source = "/".join(names)
    if path.name == IGNORE_FILE:
        return LeftOut(source, is_folder, "hidden")
    decided = _deciding(path, names, ignores, is_folder=is_folder)
    if decided is not None:
        above, pattern = decided
        if pattern.takes_back:
            return None
        file = f"{above}/{IGNORE_FILE}".lstrip("/")
        return LeftOut(source, is_folder, ".ragkitignore", pattern.text, file, pattern.line)
    reason = default_reason(path.name, is_folder=is_folder, hidden=hidden)
    if reason in (None, "hidden") and is_folder and os.path.lexists(path / VIRTUAL_ENVIRONMENT):
        reason = "virtual environment"
    return None if reason is None else LeftOut(source, is_folder, reason)


def _deciding(
    path: Path,
    names: list[str],
    ignores: list[tuple[str, IgnoreFile | None]],
    *,
    is_folder: bool,
) -> tuple[str, Pattern] | None:
    """Return the pattern that decides on ``path`` and the folder whose ``.ragkitignore`` has it."""
    real = path.parts[len(path.parts) - len(names) :]
    for depth in range(len(names) - 1, -1, -1):
        above, ignore = ignores[depth]
        pattern = ignore.deciding(real[depth:], is_folder=is_folder) if ignore else None
        if pattern is not None:
            return above, pattern
    return None


def left_out_in_words(source: str, found: LeftOut) -> tuple[str, str]:
    """Return why ``source`` is left out, and what to do."""
    name = f"'{source}'"
    own = found.source == source
    if found.source.rpartition("/")[2] == IGNORE_FILE:
        return f"{name} lists what is left out; it is no document.", ""
    if found.file:
        what = "it" if own else f"its folder '{found.source}'"
        return (
            f"{name} is left out: line {found.line} of {found.file} names {what}: {found.pattern}",
            f"Take that line out, or write a line below it: {_taken_in(found, found.file)}",
        )
    if found.reason == "virtual environment":
        reason = f"{name} is left out: '{found.source}' is a virtual environment of Python's."
    else:
        subject = "its name" if own else f"the name of its folder '{found.source}'"
        reason = f"{name} is left out: {subject} {_RULES[found.reason]}."
    if found.reason == "lock file":
        return reason, "Ask about the document itself, whose name has no ~$."
    advice = f"Take it in with this line in {IGNORE_FILE}: {_taken_in(found, IGNORE_FILE)}"
    if found.reason == "hidden":
        advice += " (or all hidden files: ingest.hidden = true in ragkit.toml)"
    return reason, advice


def _taken_in(found: LeftOut, file: str) -> str:
    """Return the pattern by which ``file`` takes in what was left out, and nothing else."""
    below = found.source.removeprefix(file.removesuffix(IGNORE_FILE))
    escaped = re.sub(r"([\\\\*?\[])", r"\\\1", below)
    if escaped.endswith(" "):
        escaped = f"{escaped[:-1]}\\ "
    return f"!/{escaped}{'/' if found.is_folder else ''}"
