"""Reading files ahead of what is done with them, in their order.

Plain text of moderate size is read here: our own code, linear in it. Anything else, and everything
when there is much, is read by worker processes under a bound of time and memory.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from ragkit.ingest.workers import Failure, Outcome, Workers, worker_count
from ragkit.preparing import Draft, Drafts, FileToRead, Prepared, Texts
from ragkit.store.terms import Inverted

__all__ = ["MUCH_FILES", "Bounds", "Read", "ReadAhead", "is_much"]

_PLAIN = frozenset(
    "txt text md markdown mdx qmd rmd rst csv tsv tab json geojson jsonl ndjson srt vtt log py "
    "js ts c h cc cpp hpp cs java kt go rs rb php pl lua r jl sh sql yaml yml toml ini cfg "
    "conf".split()
)
_PLAIN_BYTES = 1_000_000
_HEAD = 4096
_MARKS = (b"%PDF-", b"PK\x03\x04", b"\xd0\xcf\x11\xe0", b"{\\rtf", b"\x00", b"\x1b$")
MUCH_FILES, _MUCH_BYTES = 300, 4_000_000  # worth starting processes for
_GROUP_FILES, _GROUP_BYTES = 48, 300_000
# Of many files so many at once, that their terms make a segment by themselves (``store/bulk.py``).
_LARGE_GROUP_FILES, _LARGE_GROUP_BYTES = 1152, 2_000_000
_ROUNDS = 4  # that each process gets at least
_WAITING_BYTES = 32_000_000  # of files that are read ahead


class Bounds(NamedTuple):
    """What reading one file may take."""

    seconds: float = 60.0
    memory_mb: int = 1024


class Read(NamedTuple):
    """A draft, or why there is none; its nodes' terms are those from row ``first`` of ``terms``.

    ``seconds`` is what reading and splitting took; ``is_last`` of those that were read together.
    """

    draft: Draft | str
    seconds: float
    terms: tuple[Inverted, ...] | None = None
    first: int = 0
    is_last: bool = True


@dataclass(slots=True)
class _Group:
    """Files that are read together; without a future it is done when its turn comes."""

    files: list[FileToRead]
    size: int
    future: Future[list[Outcome]] | None = None


class ReadAhead:
    """Reads files, some ahead of the one that is asked for. A context manager.

    Reading one takes no more than ``bounds``. Nothing is made ready before there is a file to
    read. Use it from one thread.
    """

    def __init__(self, drafts: Drafts, bounds: Bounds) -> None:
        self._drafts = drafts
        self._bounds = bounds
        self._workers: Workers | None = None

    def __enter__(self) -> ReadAhead:
        return self

    def __exit__(self, *_: object) -> None:
        if self._workers is not None:
            self._workers.close()

    def start(self) -> None:
        """Have the processes that read files started, while the caller sees to something else."""
        self._processes().start()

    def in_order(
        self, files: Iterable[FileToRead | None], *, much: bool, number: int = 0
    ) -> Generator[Read | None, None, None]:
        """Yield what came out of each of ``files``; None for None, which keeps its place.

        ``much``: there is enough to do for processes to be worth their start. ``number`` of files
        there are about. Raises IngestError where no process can be started.
        """
        count = worker_count()
        share = number // (_ROUNDS * count) if much and self._travels else 0
        most = max(_GROUP_FILES, min(share, _LARGE_GROUP_FILES))
        waiting: deque[_Group | None] = deque()
        ahead = size = held = 0
        for group in _groups(files, most if much else 1):
            waiting.append(group)
            if group is not None:
                if much or not _is_quick(group.files[0]):
                    group.future = self._processes().submit(group.files)
                ahead, size, held = ahead + 1, size + group.size, held + len(group.files)
            while (
                ahead > 2 * count
                or size > _WAITING_BYTES
                or held > (count + 1) * most
                or len(waiting) > 4 * _GROUP_FILES
            ):
                done = waiting.popleft()
                yield from _results(done, self._drafts)
                if done is not None:
                    ahead, size, held = ahead - 1, size - done.size, held - len(done.files)
        while waiting:
            yield from _results(waiting.popleft(), self._drafts)

    @cached_property
    def _travels(self) -> bool:
        return self._drafts.can_travel()

    def _processes(self) -> Workers:
        if self._workers is None:
            drafts, bounds = self._drafts, self._bounds
            job: Callable[..., Prepared] = drafts if self._travels else Texts(drafts.max_bytes)
            self._workers = Workers(
                job, count=worker_count(), seconds=bounds.seconds, memory_mb=bounds.memory_mb
            )
        return self._workers


def is_much(sizes: Iterable[int]) -> bool:
    """Return whether files of these sizes are worth starting processes for."""
    listed = list(sizes)
    return len(listed) >= MUCH_FILES or sum(listed) >= _MUCH_BYTES


def _groups(files: Iterable[FileToRead | None], most: int) -> Iterator[_Group | None]:
    """Yield small plain files together, up to ``most``, any other file alone."""
    group = _Group([], 0)
    largest = _GROUP_BYTES if most <= _GROUP_FILES else _LARGE_GROUP_BYTES
    for file in files:
        together = most > 1 and file is not None and file.size <= _GROUP_BYTES and _is_plain(file)
        full = len(group.files) >= most or group.size >= largest
        if group.files and (full or not together):
            yield group
            group = _Group([], 0)
        if file is None:
            yield None
        elif together:
            group.files.append(file)
            group.size += file.size
        else:
            yield _Group([file], file.size)
    if group.files:
        yield group


def _results(group: _Group | None, drafts: Drafts) -> Iterator[Read | None]:
    if group is None:
        yield None
        return
    outcomes = group.future.result() if group.future else [(group.files, _here(group, drafts))]
    group.future = None  # which would hold what was read
    for items, outcome in outcomes:
        if isinstance(outcome, Failure):
            yield from (Read(outcome.reason, outcome.seconds) for _ in items)
            continue
        prepared: Prepared = outcome if outcome.terms is not None else drafts.of_texts(outcome)
        first, left = 0, len(items)
        for draft, seconds in zip(prepared.drafts, prepared.seconds, strict=True):
            left -= 1
            if isinstance(draft, Draft):
                yield Read(draft, seconds, prepared.terms, first, is_last=not left)
                first += len(draft.nodes)
            else:
                assert isinstance(draft, str)
                yield Read(draft, seconds, is_last=not left)


def _here(group: _Group, drafts: Drafts) -> Prepared | Failure:
    try:
        return drafts(group.files)
    except MemoryError:
        return Failure("Too large for the memory of this machine.")


def _is_plain(file: FileToRead) -> bool:
    return file.path.suffix.lower().removeprefix(".") in _PLAIN and file.size <= _PLAIN_BYTES


def _is_quick(file: FileToRead) -> bool:
    """Return whether the file is plain text by its name, its size and its first bytes."""
    if not _is_plain(file):
        return False
    try:
        head = _first_bytes(file)
    except OSError:
        return True  # reading it says in words what is wrong
    return not any(mark in head for mark in _MARKS) and not head.lstrip(
        b"\xef\xbb\xbf \t\r\n\x0c"
    ).startswith(b"<")


def _first_bytes(file: FileToRead) -> bytes:
    handle = os.open(file.path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    try:
        return os.read(handle, _HEAD)
    finally:
        os.close(handle)
