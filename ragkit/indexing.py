"""Keep an index in step with its folder: read what is new, drop what is gone, embed nothing twice.

An unchanged file costs a stat. A file whose time stamp or size moved is hashed; only when its
bytes differ is it read, split and embedded. Files are read ahead of what is written
(``read_ahead.py``). Prepared documents are written in transactions that hold whole documents, so
a run that is killed loses at most the last seconds and the next run goes on from there.
"""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from ragkit.changed_files import Attempt, ChangedFiles, Progress, Tally, count_unchanged
from ragkit.errors import IndexMismatch
from ragkit.exclusions import EXCLUDED
from ragkit.index_batches import Embed, write_changes
from ragkit.ingest.folder import Entry, walk
from ragkit.ingest.ignore import Reason
from ragkit.ingest.reading import Reading
from ragkit.preparing import Drafts, Sizing
from ragkit.read_ahead import MUCH_FILES, Bounds, ReadAhead
from ragkit.store.catalog import FileState
from ragkit.types import IndexReport, SkippedFile

if TYPE_CHECKING:
    from ragkit.store.sqlite import SqliteStore

__all__ = ["Bounds", "Progress", "Sizing", "own_files", "sync"]

_PLAIN_BOUNDS = Bounds()


def sync(
    folder: Path,
    store: SqliteStore,
    *,
    sizing: Sizing,
    detect_language: Callable[[str], str | None],
    embed: Embed | None = None,
    max_bytes: int,
    excluded: Collection[str] = (),
    reading: Reading | None = None,
    bounds: Bounds = _PLAIN_BOUNDS,
    progress: Progress | None = None,
) -> IndexReport:
    """Bring ``store`` up to date with ``folder`` and report what was done.

    The caller holds the store's indexing lock. A file that cannot be read is skipped with its
    reason, and so are the sources that people ``excluded``. ``bounds`` hold for each file that
    is not plain text; one that takes more is skipped. What was skipped, or read
    in part, is tried again once there is more to read it with. Raises IngestError when the folder
    itself cannot be read, StoreError when the index cannot be written.
    """
    began = time.monotonic()
    reading = reading or Reading()
    left_out: Counter[Reason] = Counter()
    _claim(folder, store)
    known = store.catalog.files()
    # Opening the index other than through SQLite would drop this process's locks on it.
    own = own_files(store)
    tally = Tally()
    drafts = Drafts(sizing, store.analyzer, detect_language, max_bytes)
    attempt = Attempt.with_bounds(reading, bounds, max_bytes)
    changed = ChangedFiles(store, known, attempt, sizing if embed else None)
    todo: list[Entry] = []
    readable: set[str] = set()
    with ReadAhead(drafts, bounds) as reader:
        for entry in walk(folder, hidden=reading.hidden, left_out=left_out):
            if entry.place in own:
                continue
            state = known.get(entry.source)
            problem = EXCLUDED if entry.source in excluded else entry.problem
            if problem is not None:
                tally.skipped.append(SkippedFile(entry.source, problem))
                continue
            readable.add(entry.source)
            if state and _is_as_it_was(entry, state, attempt):
                count_unchanged(tally, state)
                continue
            todo.append(entry)
            if len(todo) == MUCH_FILES:
                reader.start()  # while the rest of the folder is listed
        changes = changed.in_order(todo, reader, tally=tally, progress=progress)
        with contextlib.closing(changes):
            write_changes(store, changes, embed, tally)
    if progress and todo:
        progress(len(todo), len(todo), "")
    _remove(store, (state for source, state in known.items() if source not in readable), tally)
    return IndexReport(
        added=tuple(tally.added),
        updated=tuple(tally.updated),
        deleted=tuple(tally.deleted),
        unchanged=tally.unchanged,
        skipped=tuple(sorted(tally.skipped, key=lambda s: s.source)),
        nodes=store.catalog.counts().nodes,
        seconds=time.monotonic() - began,
        left_out=dict(left_out.most_common()),
    )


def _is_as_it_was(entry: Entry, state: FileState, attempt: Attempt) -> bool:
    same = (state.size, state.mtime_ns) == (entry.size, entry.mtime_ns)
    return same and not attempt.may_help(state)


def own_files(store: SqliteStore) -> frozenset[str]:
    """Return the paths of the index and of what lies beside it: they are no documents."""
    return frozenset(str(path) for path in store.own_paths())


def _claim(folder: Path, store: SqliteStore) -> None:
    """Tie the index to ``folder``; one that follows another folder would lose all its files."""
    wanted, noted = str(folder.resolve()), store.folder()
    if noted == wanted:
        return
    if noted and Path(noted).is_dir():
        raise IndexMismatch(
            f"The index {store.path} follows another folder, '{noted}', not '{wanted}'. "
            "Give each folder an index of its own with --index."
        )
    store.set_folder(wanted)


def _remove(store: SqliteStore, states: Iterable[FileState], tally: Tally) -> None:
    """Forget files that are gone, then every text that no file has any more."""
    gone = list(states)
    if gone:
        with store.transaction():
            for state in gone:
                store.catalog.remove_file(state.source)
                if state.document_id is not None:
                    tally.deleted.append(state.source)
    store.catalog.drop_unused_documents()
