"""Which file of a folder is meant: by its path or its bare name; and what became of it."""

from __future__ import annotations

import difflib
import os
import unicodedata
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ragkit.errors import ConfigError, IngestError, StoreError
from ragkit.ingest.folder import locate, walk

if TYPE_CHECKING:
    from ragkit.knowledge import KnowledgeBase
    from ragkit.store.catalog import Catalog
    from ragkit.store.sqlite import SqliteStore

__all__ = [
    "Found",
    "close_names",
    "find_file",
    "left_out",
    "needs_password",
    "page_text",
    "source_name",
]

_MOST_NAMES = 3


@dataclass(frozen=True, slots=True)
class Found:
    """A file as it was looked for.

    ``source`` is its name in the index, or the given name where there is no such file.
    ``document_id`` is set where its text is indexed. Else ``reason`` says why it was not read;
    where that is empty, ``exists`` tells whether the folder holds such a file at all, and
    ``listed`` whether indexing would look at it. ``unopened`` says that the reason lies in the
    folder, such as a link that leads out of it, not in what the file holds.
    """

    source: str
    document_id: str | None = None
    reason: str = ""
    exists: bool = False
    listed: bool = False
    unopened: bool = False


def find_file(given: str, folder: Path, catalog: Catalog, *, hidden: bool = False) -> Found:
    """Find the file that ``given`` names, and what became of it; ``hidden`` as for ``walk``.

    Raises ConfigError as ``source_name`` does.
    """
    files = catalog.files()
    source = source_name(given, folder, files)
    state = files.get(source)
    if state is not None and state.document_id is not None:
        return Found(source, state.document_id, exists=True, listed=True)
    if state is not None:
        return Found(source, reason=state.reason or "It holds no text.", exists=True, listed=True)
    path = _path(source, folder)
    if path is None or not folder.is_dir():
        return Found(source)
    for entry in walk(
        folder, hidden=hidden
    ):  # what is not in the catalog is looked up in the folder itself
        if source == entry.source or (entry.problem and source.startswith(entry.source + "/")):
            reason = entry.problem or ""
            return Found(source, reason=reason, exists=True, listed=True, unopened=bool(reason))
    return Found(source, exists=os.path.lexists(path))


def close_names(source: str, names: Collection[str]) -> tuple[str, ...]:
    """Return up to three of ``names`` that are written much like ``source``, the closest first.

    Files of the same bare name in other folders come before other names.
    """
    wanted = _folded(source)
    bare = wanted.rpartition("/")[2]
    by_name = {_folded(name): name for name in names}
    same = [name for folded, name in by_name.items() if folded.rpartition("/")[2] == bare]
    like = _alike(wanted, by_name)
    ends: dict[str, list[str]] = {}
    for folded, name in by_name.items():
        ends.setdefault(folded.rpartition("/")[2], []).append(name)
    near = _alike(bare, ends)
    found = [*same, *(by_name[name] for name in like), *(n for name in near for n in ends[name])]
    return tuple(dict.fromkeys(found))[:_MOST_NAMES]


def left_out(kb: KnowledgeBase, source: str) -> tuple[str, str] | None:
    """Return what leaves a file of the folder out, and what to do; None for any other source."""
    from ragkit.ingest.left_out import left_out_in_words, why_left_out

    path = _path(source, kb.folder.resolve())
    if path is None or not os.path.lexists(path):
        return None
    if source in kb.notes.excluded():
        return (
            f"'{source}' was excluded in the chat's Documents page.",
            "Tick it there and choose Include.",
        )
    if str(path) in kb.index_files():
        return f"'{source}' is ragkit's own index, not a document.", ""
    found = why_left_out(kb.folder, source, hidden=kb.config.ingest.hidden)
    return None if found is None else left_out_in_words(source, found)


def needs_password(reason: str) -> bool:
    """Return whether a file that was skipped for ``reason`` lacks a password that can be given."""
    return "--password-file" in reason


def page_text(source: str, page: int, store: SqliteStore) -> str:
    """Return the part of a file's text that is its page (or slide) ``page``, counted from 1.

    White space at its two ends is left out. Raises StoreError for a file that is not indexed, has
    no pages, or has no text on this page.
    """
    from llama_index.core.vector_stores.types import MetadataFilter, MetadataFilters

    text = store.catalog.text(source)
    document_id = store.catalog.files()[source].document_id
    wanted = [MetadataFilter(key="document_id", value=document_id)]
    wanted.append(MetadataFilter(key="page", value=page))
    nodes: Sequence[Any] = store.vector_store.get_nodes(filters=MetadataFilters(filters=[*wanted]))
    spans = [(n.start_char_idx, n.end_char_idx) for n in nodes if n.start_char_idx is not None]
    if spans:
        return text[min(start for start, _ in spans) : max(end for _, end in spans)]
    pages = _pages(store, str(document_id))
    if not pages:
        raise StoreError(
            f"'{source}' has no pages: only PDFs and slides do. Leave out --page for all its text."
        )
    metadata = store.catalog.document_metadata(str(document_id))
    count = metadata.get("pages", metadata.get("slides", 0))
    lacks = f"has no text on page {page}"
    if isinstance(count, int) and 0 < count < page:
        lacks = f"has no page {page}: it has {count} page{'' if count == 1 else 's'}"
    raise StoreError(f"'{source}' {lacks}. Pages with text: {_ranges(pages)}.")


def source_name(given: str, folder: Path, files: Collection[str]) -> str:
    """Return the source that ``given`` names, be it one of ``files`` or not.

    It may be a path relative to ``folder``, any other path, or a bare name that one file has.
    Raises ConfigError for an empty name, a folder, a file outside ``folder``, and a bare name that
    several files have.
    """
    if not given.strip() or "\0" in given:
        raise ConfigError(f"{given!r} is not the name of a file. Give a file of '{folder}'.")
    if given in files:
        return given
    plain = os.path.normpath(given).replace(os.sep, "/")
    if plain in files:
        return plain
    if Path(given).is_absolute() or plain == ".." or plain.startswith("../"):
        return _below(Path(given), folder, files, given)
    if os.path.lexists(folder / plain):
        return _below(folder / plain, folder, files, given)
    bare = [name for name in files if name.rpartition("/")[2] == plain]
    if len(bare) > 1:
        listed = ", ".join(f"'{name}'" for name in sorted(bare)[:_MOST_NAMES])
        more = ", …" if len(bare) > _MOST_NAMES else ""
        raise ConfigError(
            f"{len(bare)} files are called '{plain}'. Give the path of one: {listed}{more}."
        )
    if not bare and os.path.lexists(given):  # as a shell completes it, from the working directory
        return _below(Path(given), folder, files, given)
    return bare[0] if bare else _printable(plain)


def _below(path: Path, folder: Path, files: Collection[str], given: str) -> str:
    """Return the source of ``path``; raise ConfigError where that is not below ``folder``."""
    shown = given.encode(errors="backslashreplace").decode()
    # The path as it is written first: a link in the folder is a file of the folder.
    root, real = Path(os.path.normpath(folder.absolute())), folder.resolve()
    absolute = Path(os.path.normpath(path.absolute()))
    for base, place in ((root, absolute), (real, absolute), (real, path.resolve())):
        if place == base:
            raise ConfigError(f"'{shown}' is the folder itself. Give a file in it.")
        if place.is_relative_to(base) and path.is_dir() and not path.is_symlink():
            raise ConfigError(f"'{shown}' is a folder. Give a file in it.")
        if place.is_relative_to(base):
            source = place.relative_to(base).as_posix()
            if source in files or (source.isprintable() and "\\" not in source):
                return source
            # Names that are no UTF-8 are written with escapes.
            return next((n for n in files if _path(n, base) == place), _printable(source))
    raise ConfigError(
        f"'{shown}' is outside the folder '{folder}'. "
        "Give a file of the folder, or the file's own folder with --data."
    )


def _alike(name: str, others: Collection[str]) -> list[str]:
    """Return up to three of ``others`` that are like ``name`` in more than their endings."""
    like = difflib.get_close_matches(name, others, n=_MOST_NAMES, cutoff=0.6)
    stem = _stem(name)
    return [n for n in like if difflib.SequenceMatcher(a=stem, b=_stem(n)).ratio() >= 0.5]


def _stem(name: str) -> str:
    return name.rpartition(".")[0] or name


def _path(source: str, folder: Path) -> Path | None:
    try:
        return locate(folder, source)
    except IngestError:
        return None


def _printable(name: str) -> str:
    return name.encode(errors="backslashreplace").decode()


def _folded(name: str) -> str:
    return unicodedata.normalize("NFKC", name).casefold()


def _pages(store: SqliteStore, document_id: str) -> list[int]:
    """Return the numbers of the document's pages that hold text, in order."""
    with store.reading() as snapshot:
        if snapshot is None:
            return []
        rows = snapshot.conn.execute(
            "SELECT DISTINCT json_extract(metadata, '$.page') AS page"
            f" FROM {snapshot.table('node')} WHERE document_id = ? ORDER BY page",
            (document_id,),
        )
        return [row[0] for row in rows if isinstance(row[0], int)]


def _ranges(numbers: Sequence[int]) -> str:
    """Return ``1–3, 5`` for 1, 2, 3, 5."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return ", ".join(str(a) if a == b else f"{a}–{b}" for a, b in runs)
