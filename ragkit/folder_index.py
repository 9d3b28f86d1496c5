"""A folder's index: where it is, and how it follows the folder."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs

from ragkit.config import Config
from ragkit.errors import ConfigError
from ragkit.exclusions import FolderNotes, folder_key, open_notes
from ragkit.parts import Parts, Status
from ragkit.types import IndexReport, IndexStatus

if TYPE_CHECKING:
    from threading import Event

    from ragkit.indexing import Progress
    from ragkit.ingest.reading import Reading
    from ragkit.store.sqlite import SqliteStore

__all__ = ["FolderIndex", "collection_of", "own_index"]

_WATCH_SECONDS = 10


def own_index(home: Path, folder: Path, fingerprint: Mapping[str, str | int | None]) -> Path:
    """Return the index file that ``folder`` has by default with settings of this fingerprint."""
    return home / "indexes" / f"{folder_key(folder, sorted(fingerprint.items()))}.db"


def collection_of(folder: Path) -> str:
    """Return what the names of a folder's collections in an engine begin with."""
    name = re.sub(r"[^A-Za-z0-9]+", "_", folder.resolve().name).strip("_")[:40]
    return f"ragkit_{name}".rstrip("_")


class FolderIndex:
    """The index of one folder, opened when it is first used. Safe to share between threads."""

    def __init__(
        self, folder: Path, config: Config, parts: Parts, *, status: Status | None = None
    ) -> None:
        """Open nothing yet. ``status`` is called with a line for the user."""
        self.folder = folder
        self._config = config
        self._parts = parts
        self._status = status
        self._reading: tuple[tuple[int, int], Reading] | None = None

    @cached_property
    def uri(self) -> str:
        """Where the index is: ``store.uri``, or a file of its own for folder and fingerprint."""
        return self._config.store.uri or str(self._own_path)

    @property
    def home(self) -> Path:
        """The folder of indexes and of what else ragkit keeps; it need not exist yet."""
        home = self._config.home or platformdirs.user_data_path("ragkit", appauthor=False)
        return Path(home).expanduser()

    @cached_property
    def notes(self) -> FolderNotes:
        """Which of the folder's files are left out of the index, and which were uploaded."""
        return open_notes(self.home, self.folder)

    @cached_property
    def store(self) -> SqliteStore:
        """The store behind ``uri``. Raises StoreError, MissingExtra."""
        return self._parts.open_store(
            self.uri, catalog=self._own_path, collection=collection_of(self.folder)
        )

    @property
    def reading(self) -> Reading:
        """How the folder's files are read. Raises ConfigError for a bad password file.

        A chat runs for weeks: a password file that was changed is read again.
        """
        stamp = _stamp(self._config.ingest.password_file)
        if self._reading is None or self._reading[0] != stamp:
            self._reading = stamp, self._read_settings()
        return self._reading[1]

    def _read_settings(self) -> Reading:
        from ragkit.ingest.passwords import NO_PASSWORDS, read_passwords
        from ragkit.ingest.readers.ocr import can_ocr
        from ragkit.ingest.reading import Reading

        ingest = self._config.ingest
        passwords = read_passwords(ingest.password_file) if ingest.password_file else NO_PASSWORDS
        if passwords.warning and self._status:
            self._status(passwords.warning)
        return Reading(ingest.hidden, passwords, ingest.ocr == "auto" and can_ocr())

    def sync(self, *, rebuild: bool = False, progress: Progress | None = None) -> IndexReport:
        """Bring the index up to date, waiting for another process that does; see ``kb.index``."""
        with self.store.indexing_lock(timeout=3600):
            if not rebuild:
                return self._sync(self.store, progress)
            target = self.store.begin_rebuild()
            report = self._sync(target, progress)
            target.finish_rebuild()
            self.store.publish()  # what the old generation had in an engine is dropped
            return report

    def refresh(self, *, progress: Progress | None = None) -> IndexReport | None:
        """Like ``sync``, but return None at once while another process is indexing."""
        from ragkit.store.sqlite import IndexBusy

        try:
            with self.store.indexing_lock(timeout=0):
                return self._sync(self.store, progress, verify=False)
        except IndexBusy:
            return None

    def ensure(self) -> None:
        """Index the folder if it never was. Raises ConfigError when neither is there."""
        if self.store.live_fingerprint() is not None:
            return
        if not self.folder.is_dir():
            raise ConfigError(
                f"There is no folder '{self.folder}', and no index of it. "
                "Give the folder of your documents (on the command line: --data)."
            )
        self.sync()

    def changes(self, *, stop: Event | None = None) -> Iterator[None]:
        """Yield whenever it is time to look at the folder again, until ``stop`` is set.

        Raises ConfigError when the folder is missing.
        """
        from watchfiles import watch

        # It also looks when nothing was heard for a while: network folders send no events, and a
        # change between the last run and the first event would be missed.
        quiet = _WATCH_SECONDS * 1000
        folder = self._existing_folder()
        for _ in watch(folder, rust_timeout=quiet, yield_on_timeout=True, stop_event=stop):
            yield

    def status(self) -> IndexStatus:
        """Return where the index is and how it fares; reads all of it to look for damage."""
        store = self.store
        if store.live_fingerprint() is None:
            return IndexStatus(uri=self.uri)
        counts = store.catalog.counts()
        return IndexStatus(
            uri=self.uri,
            files=counts.files - counts.skipped,
            nodes=counts.nodes,
            bytes=store.path.stat().st_size,
            damage=store.damage(),
        )

    def close(self) -> None:
        """Close the store, if it was opened; using it again opens it again."""
        if "store" in self.__dict__:  # cached_property: it was opened
            self.store.close()

    @cached_property
    def _own_path(self) -> Path:
        return own_index(self.home, self.folder, self._parts.fingerprint)

    def _sync(
        self, store: SqliteStore, progress: Progress | None, *, verify: bool = True
    ) -> IndexReport:
        from ragkit.indexing import Bounds, sync
        from ragkit.ingest.readers.ocr import OCR_MEMORY_MB
        from ragkit.models.embedder import embed_documents
        from ragkit.retrieve.tokenizer import detect_language

        embedder, ingest = self._parts.embedder, self._config.ingest
        report = sync(
            self._existing_folder(),
            store,
            sizing=self._parts.sizing,
            detect_language=detect_language,
            embed=partial(embed_documents, embedder) if embedder else None,
            max_bytes=ingest.max_file_mb * 1024 * 1024,
            bounds=Bounds(
                ingest.file_seconds,
                ingest.file_memory_mb + (OCR_MEMORY_MB if self.reading.ocr else 0),
            ),
            excluded=self.notes.excluded(),
            reading=self.reading,
            progress=progress,
        )
        store.publish(verify=verify)
        if embedder is not None and self._config.retriever.kind == "hybrid":
            # So that the first question of a process is ranked like every later one.
            store.vector_store.measure_worth(embedder.get_query_embedding, again=True)
        return report

    def _existing_folder(self) -> Path:
        if not self.folder.is_dir():
            kept = self.store.live_fingerprint() is not None
            raise ConfigError(
                f"There is no folder '{self.folder}'. Correct its name."
                + (" Its index is still there: ask it with --no-refresh." if kept else "")
            )
        return self.folder


def _stamp(path: Path | None) -> tuple[int, int]:
    """Return what changes when the file at ``path`` does."""
    if path is None:
        return 0, 0
    try:
        status = path.expanduser().stat()
    except OSError:
        return 0, 0  # reading it says in words what is wrong
    return status.st_mtime_ns, status.st_size
