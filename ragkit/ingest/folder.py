"""Every file below a folder, in a stable order, at the cost of one stat each.

Names are kept as they are. Bytes that are not UTF-8 appear as ``\\xff`` in ``Entry.source``, so
that it fits JSON, terminals and SQLite; names that contain such a sequence literally have their
backslashes doubled, so that two files never share a source and ``locate`` finds either again.
"""

from __future__ import annotations

import os
import re
import stat
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from typing import NamedTuple

from ragkit.errors import IngestError
from ragkit.ingest.ignore import (
    CACHES,
    IGNORE_FILE,
    INSTALLED,
    IgnoreFile,
    Reason,
    default_reason,
    read_ignore_file,
)

__all__ = ["SKIPPED_FOLDERS", "VIRTUAL_ENVIRONMENT", "Entry", "locate", "walk"]

SKIPPED_FOLDERS = CACHES | INSTALLED
VIRTUAL_ENVIRONMENT = "pyvenv.cfg"
"""The file by which a virtual environment of Python's is known."""
_READABLE = stat.S_IRUSR | stat.S_IRGRP | stat.S_IROTH
_EFFECTIVE = os.access in os.supports_effective_ids
_ESCAPE = re.compile(r"\\(?:\\|x[0-9a-f]{2})")
_SPECIAL = (
    (stat.S_ISFIFO, "A named pipe (FIFO), not a file."),
    (stat.S_ISSOCK, "A socket, not a file."),
    (stat.S_ISBLK, "A device, not a file."),
    (stat.S_ISCHR, "A device, not a file."),
)


_name = attrgetter("name")


class Entry(NamedTuple):
    """One file. ``source`` is relative to the folder, with forward slashes; ``place`` is its path.

    ``size`` is in bytes, ``mtime_ns`` in nanoseconds since 1970. Where ``problem`` is set, it says
    why the file or folder must not or cannot be read, and size and time may be 0.
    """

    source: str
    place: str
    size: int
    mtime_ns: int
    problem: str | None = None

    @property
    def path(self) -> Path:
        """The path that ``place`` spells; most files of a run over a folder need none."""
        return Path(self.place)


def walk(
    folder: Path, *, hidden: bool = False, left_out: Counter[Reason] | None = None
) -> Iterator[Entry]:
    """Yield every file below ``folder``, sorted by name within each folder.

    Left out, and only counted in ``left_out`` (a folder with all that is in it as one): what
    ``.ragkitignore`` files name, version control, caches, installed packages, virtual
    environments, Office lock files (``~$…``) and, unless ``hidden``, names that begin with a dot
    *below* the folder. A ``!`` pattern of a ``.ragkitignore`` takes any of these in.

    Yielded with a problem: links that lead out of the folder, to nothing, in circles or to
    another folder; pipes, sockets, devices; folders that cannot be listed and files that must not
    be read. A link to a file inside
    the folder is that file under a second name. Raises IngestError where ``folder`` is no folder.
    """
    root = _real_folder(folder)
    return _below(root, hidden, Counter() if left_out is None else left_out)


def locate(folder: Path, source: str) -> Path:
    """Return the path of ``source`` below ``folder``: the inverse of ``Entry.source``.

    Raises IngestError for a source that is absolute or climbs out of the folder.
    """
    parts = source.split("/")
    if source.startswith("/") or ".." in parts or "\x00" in source:
        raise IngestError(f"{source!r} is not the name of a file in the folder.")
    return folder.joinpath(*(_unescaped(part) for part in parts))


def _real_folder(folder: Path) -> str:
    shown = _escaped(str(folder))
    try:
        root = os.path.realpath(folder, strict=True)
        is_folder = stat.S_ISDIR(os.stat(root).st_mode)  # noqa: PTH116
    except FileNotFoundError as error:
        raise IngestError(f"No folder at {shown}. Check the path.") from error
    except OSError as error:
        raise IngestError(f"Cannot open {shown}: {error.strerror}.") from error
    except ValueError as error:
        raise IngestError(f"{shown!r} is not a path.") from error
    if not is_folder:
        raise IngestError(f"{shown} is a file. Give the folder that holds it.")
    return root


@dataclass(frozen=True, slots=True)
class _Level:
    """A folder on the way down: what is still to be seen in it, and what its patterns are.

    ``has_patterns``: it or a folder above it has any.
    """

    listed: Iterator[os.DirEntry[str]]
    prefix: str
    name: str
    ignore: IgnoreFile | None
    has_patterns: bool


def _below(root: str, hidden: bool, left_out: Counter[Reason]) -> Iterator[Entry]:
    """Yield the entries below ``root``, a folder's own files and folders in one sorted order."""
    listing = _list(root)
    if isinstance(listing, OSError):
        raise IngestError(f"Cannot list {_escaped(root)}: {listing.strerror}.")
    stack = [_level(listing, "", root, "", has_patterns=False)]
    while stack:
        level = stack[-1]
        for found in level.listed:
            name = found.name
            if name == IGNORE_FILE:
                continue
            is_folder = found.is_dir(follow_symlinks=False)
            verdict = _verdict(stack, name, is_folder) if level.has_patterns else None
            reason = _reason(found, is_folder, hidden, verdict)
            if reason is not None:
                left_out[reason] += 1
                continue
            source = level.prefix + _escaped(name)
            if not is_folder:
                entry = _entry(root, found, source)
                if entry is not None:
                    yield entry
                continue
            inner = _list(found.path)
            if isinstance(inner, OSError):
                problem = f"Folder that cannot be listed: {inner.strerror}."
                yield Entry(source, found.path, 0, 0, problem)
            elif verdict is None and any(entry.name == VIRTUAL_ENVIRONMENT for entry in inner):
                left_out["virtual environment"] += 1
            else:
                above = level.has_patterns
                stack.append(_level(inner, f"{source}/", found.path, name, has_patterns=above))
                break
        else:
            stack.pop()


def _level(
    listing: list[os.DirEntry[str]], prefix: str, place: str, name: str, *, has_patterns: bool
) -> _Level:
    has_own = any(entry.name == IGNORE_FILE for entry in listing)
    ignore = read_ignore_file(Path(place, IGNORE_FILE)) if has_own else None
    return _Level(iter(listing), prefix, name, ignore, has_patterns or ignore is not None)


def _verdict(stack: list[_Level], name: str, is_folder: bool) -> bool | None:
    """Return what the nearest ``.ragkitignore`` with a matching pattern says; None: none does."""
    parts = [name]
    for level in reversed(stack):
        if level.ignore is not None:
            verdict = level.ignore.verdict(parts, is_folder=is_folder)
            if verdict is not None:
                return verdict
        parts.insert(0, level.name)
    return None


def _reason(
    found: os.DirEntry[str], is_folder: bool, hidden: bool, verdict: bool | None
) -> Reason | None:
    if verdict is not None:
        return ".ragkitignore" if verdict else None
    reason = default_reason(found.name, is_folder=is_folder, hidden=hidden)
    if reason == "hidden" and is_folder and os.path.lexists(f"{found.path}/{VIRTUAL_ENVIRONMENT}"):
        return "virtual environment"
    return reason


def _list(folder: str) -> list[os.DirEntry[str]] | OSError:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=_name)
    except OSError as error:
        return error


def _entry(root: str, found: os.DirEntry[str], source: str) -> Entry | None:
    if found.is_symlink():
        return _link(root, found, source)
    place = found.path
    try:
        status = found.stat(follow_symlinks=False)
    except FileNotFoundError:
        return None  # deleted since it was listed
    except OSError as error:
        return Entry(source, place, 0, 0, f"Cannot be read: {error.strerror}.")
    problem = _problem(place, status.st_mode)
    return Entry(source, place, status.st_size, status.st_mtime_ns, problem)


def _problem(place: str, mode: int) -> str | None:
    """Return why what is at ``place`` cannot be read, or None.

    Permissions change without a trace in size and time, so a file that was read once is looked at
    again; where everybody may read it, that costs nothing.
    """
    if not stat.S_ISREG(mode):
        return _special(mode)
    if mode & _READABLE == _READABLE or os.access(place, os.R_OK, effective_ids=_EFFECTIVE):
        return None
    return "No permission to read it."


def _special(mode: int) -> str:
    return next((text for test, text in _SPECIAL if test(mode)), "Not a regular file.")


def _link(root: str, found: os.DirEntry[str], source: str) -> Entry:
    """Return the entry of a symbolic link; its path is the file that it leads to."""
    place = found.path
    try:
        real = os.path.realpath(found.path, strict=True)
        status = os.stat(real, follow_symlinks=False)  # noqa: PTH116
    except FileNotFoundError:
        return Entry(source, place, 0, 0, "A symbolic link to nothing.")
    except OSError as error:
        circle = "Too many levels" in (error.strerror or "")
        reason = "in a circle" if circle else f"that cannot be followed ({error.strerror})"
        return Entry(source, place, 0, 0, f"A symbolic link {reason}.")
    if os.path.commonpath((root, real)) != root:
        return Entry(source, place, 0, 0, "A symbolic link that leads out of the folder.")
    if stat.S_ISDIR(status.st_mode):
        return Entry(source, place, 0, 0, "A symbolic link to a folder: links are not followed.")
    problem = _problem(real, status.st_mode)
    return Entry(source, real, status.st_size, status.st_mtime_ns, problem)


def _escaped(name: str) -> str:
    if name.isascii() and "\\" not in name:
        return name
    try:
        name.encode()
    except UnicodeEncodeError:
        return os.fsencode(name.replace("\\", "\\\\")).decode("utf-8", errors="backslashreplace")
    return name.replace("\\", "\\\\") if _ESCAPE.search(name) else name


def _unescaped(name: str) -> str:
    if not _ESCAPE.search(name):
        return name
    raw = re.sub(
        rb"\\(\\|x[0-9a-f]{2})",
        lambda found: b"\\" if found[1] == b"\\" else bytes((int(found[1][1:], 16),)),
        os.fsencode(name),
    )
    return os.fsdecode(raw)
