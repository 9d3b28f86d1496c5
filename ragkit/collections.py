"""The folders that one chat serves: those the operator named, and those people made in the page.

A folder of the second kind is *made here*: it lies under ragkit's home, holds uploads only, and
is made by a name. A name is all that a visitor ever gives, so no other folder of the machine can
be reached through it.
"""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ragkit.errors import ConfigError, RagkitError
from ragkit.exclusions import open_notes
from ragkit.uploads import safe_name

__all__ = ["Collection", "CollectionNotFound", "Collections"]

_LONGEST_NAME = 80  # characters
_MOST_MADE = 200


class CollectionNotFound(RagkitError):
    """No folder of this name is served."""


@dataclass(frozen=True, slots=True)
class Collection:
    """One folder. ``index`` is its index file or store URI, None for the default place."""

    name: str
    folder: Path
    index: str | None = None
    made_here: bool = False


class Collections:
    """The folders of one chat; the operator's come first, in the order given."""

    def __init__(self, folders: Sequence[Path], *, home: Path, index: str | None = None) -> None:
        """Serve ``folders``; ``index`` is the first one's. ``home`` holds what people make."""
        self._home = home.expanduser()
        self._given = tuple(_named(folders, index))

    def all(self) -> tuple[Collection, ...]:
        """Return every folder served; those made here are sorted by name."""
        return (*self._given, *self._made())

    def names(self) -> tuple[str, ...]:
        """Return the names of ``all``, in the same order."""
        return tuple(collection.name for collection in self.all())

    def get(self, name: str) -> Collection:
        """Return the folder called ``name``. Raises CollectionNotFound."""
        for collection in self.all():
            if collection.name == name:
                return collection
        raise CollectionNotFound(f"There is no folder '{name}' here. Choose one from the list.")

    def create(self, name: str) -> Collection:
        """Make an empty folder for uploads; its name may differ a little from what was asked for.

        Raises ConfigError for a name that is empty, too long or in use, and where the folder
        cannot be made.
        """
        if not name.strip():
            raise ConfigError("The folder has no name. Give it one.")
        if len(name) > _LONGEST_NAME:
            raise ConfigError(
                f"The name has {len(name)} characters, and {_LONGEST_NAME} are allowed."
            )
        made = self._made()
        safe = safe_name(name)
        if _folded(safe) in {_folded(collection.name) for collection in (*self._given, *made)}:
            raise ConfigError(f"There is a folder '{safe}' already. Choose another name.")
        if len(made) >= _MOST_MADE:
            raise ConfigError(f"There are {_MOST_MADE} folders already. Delete one first.")
        place = self._root / safe
        try:
            for folder in (self._home, self._root, place):
                # All but the last may be there; a link in its place is not followed.
                folder.mkdir(mode=0o700, parents=folder == self._home, exist_ok=folder != place)
        except OSError as error:
            raise ConfigError(
                f"The folder '{safe}' cannot be made: {error.strerror}. "
                "Check the space and the permissions of ragkit's home."
            ) from error
        return Collection(safe, place, made_here=True)

    def delete(self, name: str) -> None:
        """Delete a folder that was made here, with its uploads, its index and its notes.

        Raises CollectionNotFound, ConfigError for a folder that the operator named or that
        cannot be deleted.
        """
        collection = self.get(name)
        if not collection.made_here:
            raise ConfigError(f"The folder '{name}' was not made here, so it stays.")
        indexes = list(_indexes_of(self._home / "indexes", collection.folder))
        notes = open_notes(self._home, collection.folder)
        try:
            shutil.rmtree(collection.folder)
            for index in indexes:
                for ending in ("", "-wal", "-shm", "-journal", ".lock"):
                    Path(f"{index}{ending}").unlink(missing_ok=True)
        except OSError as error:
            raise ConfigError(
                f"The folder '{name}' cannot be deleted: {error.strerror}. Check its permissions."
            ) from error
        notes.remove()

    @property
    def _root(self) -> Path:
        return self._home / "collections"

    def _made(self) -> list[Collection]:
        try:
            found = sorted(p for p in self._root.iterdir() if p.is_dir() and not p.is_symlink())
        except OSError:
            return []
        taken = {_folded(collection.name) for collection in self._given}
        return [
            Collection(_free(path.name, taken), path, made_here=True)
            for path in found
            if not path.name.startswith(".") and path.name.isprintable()
        ]


def _named(folders: Sequence[Path], index: str | None) -> Iterator[Collection]:
    taken: set[str] = set()
    seen: set[Path] = set()
    for number, folder in enumerate(folders):
        resolved = folder.expanduser().resolve()
        if resolved in seen:
            continue
        seen.add(resolved)
        name = "".join(c if c.isprintable() else " " for c in resolved.name).strip() or "data"
        yield Collection(_free(name, taken), folder, index if number == 0 else None)


def _free(name: str, taken: set[str]) -> str:
    """Return ``name``, numbered when it is taken, and take it."""
    number, free = 1, name
    while _folded(free) in taken:
        number += 1
        free = f"{name} ({number})"
    taken.add(_folded(free))
    return free


def _folded(name: str) -> str:
    return unicodedata.normalize("NFKC", name).casefold()


def _indexes_of(place: Path, folder: Path) -> Iterator[Path]:
    """Yield the index files that follow ``folder``, whatever preset built them."""
    wanted = str(folder.resolve())
    for path in place.glob("*.db"):
        with contextlib.suppress(sqlite3.Error):
            uri = f"{path.absolute().as_uri()}?mode=ro"
            with contextlib.closing(sqlite3.connect(uri, uri=True)) as connection:
                if connection.execute(
                    "SELECT 1 FROM generation WHERE folder = ?", (wanted,)
                ).fetchone():
                    yield path
