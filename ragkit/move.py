"""Move an index from one store to another: copied, not embedded again, and seen to answer alike.

What is moved is the index file with its texts, words and vectors; an engine that the target names
is then filled from it. The source is read through one snapshot and never written, its engine is not
needed, and neither are the documents or their models. The target's old index, if there is one,
answers until the new one is complete and has answered like the source.
"""

from __future__ import annotations

import contextlib
import shlex
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ragkit.errors import ConfigError, IndexMismatch, StoreError
from ragkit.exclusions import folder_key
from ragkit.folder_index import collection_of, own_index
from ragkit.store.alike import Answers, compare
from ragkit.store.engine import parse_address

if TYPE_CHECKING:
    from ragkit.store.copying import Progress
    from ragkit.store.sqlite import Snapshot, SqliteStore

__all__ = ["MoveReport", "move"]

Fingerprint = Mapping[str, str | int | None]


@dataclass(frozen=True, slots=True)
class MoveReport:
    """What was moved, and what was found when both were compared.

    ``copied`` nodes were written to the file and ``published`` ones to the engine in this run;
    ``differences`` say, in words, what is not alike: empty when the move is verified.
    """

    source: str
    target: str
    index: str
    folder: str
    files: int = 0
    documents: int = 0
    nodes: int = 0
    vectors: int = 0
    copied: int = 0
    published: int = 0
    resumed: bool = False
    words: Answers = field(default_factory=Answers)
    dense: Answers = field(default_factory=Answers)
    differences: tuple[str, ...] = ()
    seconds: float = field(default=0.0, compare=False)

    @property
    def verified(self) -> bool:
        """Whether the target holds and answers what the source does."""
        return not self.differences

    def to_dict(self) -> dict[str, Any]:
        """Return all of it as JSON takes it."""
        return {**asdict(self), "verified": self.verified}


def move(
    source: str,
    target: str,
    *,
    home: Path,
    folder: Path | None = None,
    token: str | None = None,
    overwrite: bool = False,
    sample: int = 50,
    words: Literal["file", "engine"] = "file",
    progress: Progress | None = None,
) -> MoveReport:
    """Copy the index at ``source`` to ``target`` and compare how both answer; go on if cut short.

    Both are what ``store.uri`` takes. One that names no file is the index of ``folder`` (default:
    the folder that the source follows) under ``home``. ``token`` is the target server's key;
    ``sample`` questions of each kind are asked; ``words`` says where the target looks them up, if
    it names an engine. Where ``verified`` is false the target is left as
    it was.

    Raises ConfigError where both are one index, IndexMismatch for a target with an index of another
    folder or other settings, unless ``overwrite``, IndexBusy while the target is written by another
    process, and StoreError for a source that cannot be read or a target that cannot be written.
    """
    began = time.monotonic()
    from_store = _open_source(source, home, folder)
    marks = from_store.fingerprint
    with contextlib.closing(from_store), from_store.reading() as snapshot:
        assert snapshot is not None  # _open_source looked
        noted = from_store.folder()
        to_store = _open_target(target, home, folder or Path(noted), marks, token, words)
        with contextlib.closing(to_store):
            same_file = _is_same(from_store.path, to_store.path)
            if same_file and parse_address(target) is None:
                raise ConfigError(
                    f"'{source}' and '{target}' are one index, {to_store.path}. "
                    "There is nothing to move: ask it by either address."
                )
            if not (same_file or overwrite):
                _refuse_others(to_store, marks, noted)
            report = MoveReport(source, target, str(to_store.path), noted)
            with to_store.indexing_lock(timeout=0):
                if same_file:
                    published = to_store.publish(progress=_published(progress))
                    report = replace(report, published=published)
                    report = _compared(report, from_store, to_store, sample, progress)
                else:
                    report = _copied(report, from_store, to_store, snapshot, sample, progress)
    return replace(report, seconds=round(time.monotonic() - began, 3))


def _copied(
    report: MoveReport,
    source: SqliteStore,
    target: SqliteStore,
    snapshot: Snapshot,
    sample: int,
    progress: Progress | None,
) -> MoveReport:
    """Copy, fill the engine, compare, and only then make the copy the target's index."""
    from ragkit.store.copying import begin_copy, copy_rows, forget_copy, holds, version_of

    version = version_of(snapshot)
    is_there = target.live_fingerprint() == source.fingerprint and holds(target, version)
    building, resumed = (target, True) if is_there else begin_copy(target, version)
    copied = copy_rows(snapshot, building, progress)
    published = building.publish(progress=_published(progress))
    report = replace(report, copied=copied, published=published, resumed=resumed)
    report = _compared(report, source, building, sample, progress)
    if not is_there:
        if not report.verified:
            forget_copy(building)
            return report
        building.finish_rebuild()
        target.publish()  # what the old index had in the engine is dropped
    return report


def _open_source(uri: str, home: Path, folder: Path | None) -> SqliteStore:
    """Open an index for reading, its engine aside, with the fingerprint that it has."""
    from ragkit.retrieve.analyzer import LexicalAnalyzer
    from ragkit.store import open_store

    path = _file_of(uri, home, folder)
    analyzer = LexicalAnalyzer()
    found = open_store(path, analyzer=analyzer, fingerprint={}, read_only=True)
    marks = found.live_fingerprint()
    found.close()
    if marks is None:
        command = _index_command(folder, uri)
        raise StoreError(f"The index {path} holds nothing yet. Build it first: {command}")
    if marks.get("analyzer") != analyzer.version:
        command = _index_command(folder, uri, "--rebuild")
        raise IndexMismatch(
            f"The index {path} was built by another version of ragkit (words {marks['analyzer']}, "
            f"now {analyzer.version}). Build it anew first: {command}"
        )
    return open_store(path, analyzer=analyzer, fingerprint=marks, read_only=True)


def _open_target(
    uri: str,
    home: Path,
    folder: Path,
    marks: Fingerprint,
    token: str | None,
    words: Literal["file", "engine"],
) -> SqliteStore:
    """Open the store that a knowledge base of ``folder`` would open by this URI."""
    from ragkit.retrieve.analyzer import LexicalAnalyzer
    from ragkit.store import open_store

    return open_store(
        uri,
        analyzer=LexicalAnalyzer(),
        fingerprint=marks,
        token=token,
        catalog=own_index(home, folder, marks),
        collection=collection_of(folder),
        words=words if parse_address(uri) is not None else "file",
    )


def _file_of(uri: str, home: Path, folder: Path | None) -> Path | str:
    """Return the index file of a store URI; its engine is not asked."""
    address = parse_address(uri)
    if address is None:
        return uri
    if address.path is not None:
        return address.path.with_name(address.path.name + ".catalog")
    if folder is None:
        raise ConfigError(
            f"{uri!r} names no file, so it is the index of a folder. Say of which: --data DIR."
        )
    own = sorted((home / "indexes").glob(f"{folder_key(folder).rpartition('-')[0]}-*.db"))
    found = [path for path in own if _is_of(path, home, folder, address.engine)]
    if len(found) == 1:
        return found[0]
    if not found:
        command = _index_command(folder, uri)
        raise StoreError(f"There is no index of '{folder}' with {uri}. Build it: {command}")
    raise ConfigError(
        f"'{folder}' has {len(found)} indexes with {uri}, of different settings. "
        f"Name one by its file: {', '.join(map(str, found))}."
    )


def _index_command(folder: Path | str | None, uri: str, *flags: str) -> str:
    """Return the command that makes the index ``uri`` of ``folder``, as a shell reads it."""
    return shlex.join(["ragkit", "index", str(folder or "FOLDER"), "--index", uri, *flags])


def _is_of(path: Path, home: Path, folder: Path, engine: str) -> bool:
    """Return whether an index file is the folder's own and was copied to such an engine."""
    from ragkit.retrieve.analyzer import LexicalAnalyzer
    from ragkit.store import open_store

    try:
        store = open_store(path, analyzer=LexicalAnalyzer(), fingerprint={}, read_only=True)
        marks = store.live_fingerprint()
        engines = store.engines()
        store.close()
    except StoreError:
        return False
    if marks is None or engine not in {name.lower() for name in engines}:
        return False
    return path == own_index(home, folder, marks)


def _is_same(one: Path, other: Path) -> bool:
    return other.exists() and one.samefile(other)


def _refuse_others(target: SqliteStore, marks: Fingerprint, folder: str) -> None:
    """Raise IndexMismatch where the target holds an index that is not of the same thing."""
    found = target.live_fingerprint()
    if found is None:
        return
    if found != marks:
        differing = ", ".join(
            f"{key} {found.get(key)} against {marks.get(key)}"
            for key in sorted({*found, *marks})
            if found.get(key) != marks.get(key)
        )
        raise IndexMismatch(
            f"{target.path} holds an index of other settings ({differing}). "
            "Give another place, or replace it: --overwrite"
        )
    if target.folder() != folder:
        raise IndexMismatch(
            f"{target.path} holds the index of another folder, '{target.folder()}', not of "
            f"'{folder}'. Give another place, or replace it: --overwrite"
        )


def _compared(
    report: MoveReport,
    source: SqliteStore,
    target: SqliteStore,
    sample: int,
    progress: Progress | None,
) -> MoveReport:
    """Return the report with what is in the target, and how it answers beside the source."""
    found = target.catalog.counts()
    engine = parse_address(report.target) is not None
    words, dense, unlike = compare(source, target, sample=sample, engine=engine, progress=progress)
    return replace(
        report,
        files=found.files - found.skipped,
        documents=found.documents,
        nodes=found.nodes,
        vectors=found.vectors,
        words=words,
        dense=dense,
        differences=tuple(unlike),
    )


def _published(progress: Progress | None) -> Callable[[int, int], None] | None:
    if progress is None:
        return None
    told = progress

    def tell(done: int, total: int) -> None:
        told("engine", done, total)

    return tell
