"""The catalog: which files are in the index, their texts, and what is known of each.

A document is a text; files point at it. Files with the same text share one document and its
nodes, and a rename changes a file's row only. Every method is one read transaction or joins the
open ``transaction()`` of its store. Raises ``StoreError`` and ``IndexMismatch`` as the store does.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from ragkit.errors import StoreError
from ragkit.store.facets import Facets, facets, has_key, keys_of, values_of
from ragkit.store.nodes import delete_rows, read_sources
from ragkit.store.stored import metadata_json, pack_text, unpack_text
from ragkit.types import DocumentInfo

if TYPE_CHECKING:
    from llama_index.core.vector_stores.types import MetadataFilters

    from ragkit.store.sqlite import Snapshot, SqliteStore

__all__ = ["Catalog", "Counts", "FileDetails", "FileState", "put_documents", "put_files"]


class FileState(NamedTuple):
    """What is known of one file. ``document_id`` is None for a file that was not indexed, with
    the ``reason`` in words; ``indexed_at`` is ISO 8601 in UTC; ``sha256`` is of its bytes.

    ``seconds`` is what reading and splitting took. ``tried`` says under which conditions a file
    was read that could not be read, or not all of it; empty for one that was read whole.
    """

    source: str
    size: int
    mtime_ns: int
    sha256: str
    document_id: str | None
    reason: str | None
    indexed_at: str
    seconds: float = 0.0
    tried: str = ""


_COLUMNS = FileState._fields
_PLACES = f"VALUES ({', '.join('?' * len(_COLUMNS))})"


@dataclass(frozen=True, slots=True)
class FileDetails:
    """A file and what is known of its text; of one that was not indexed there is none.

    ``characters`` are code points; ``metadata`` is the document's, such as ``format``.
    """

    state: FileState
    characters: int
    nodes: int
    metadata: Mapping[str, Any]


class Counts(NamedTuple):
    """How much is in the index; ``skipped`` are files without a document."""

    files: int
    skipped: int
    documents: int
    nodes: int
    vectors: int


class Catalog:
    """Files and texts of one store; made by ``SqliteStore.catalog``."""

    def __init__(self, store: SqliteStore) -> None:
        self._store = store

    def files(self) -> dict[str, FileState]:
        """Return every known file by its source."""
        with self._store.reading() as snapshot:
            if snapshot is None:
                return {}
            rows = snapshot.conn.execute(f"SELECT * FROM {snapshot.table('file')}").fetchall()
            return {row[0]: FileState(*row) for row in rows}

    def put_file(self, state: FileState) -> None:
        """Add or replace a file's row; a document that no file refers to any more is dropped."""
        with self._store.transaction() as snapshot:
            before = _document_of(snapshot, state.source)
            put_files(snapshot, [state])
            if before != state.document_id:
                self._drop_unused(snapshot, before)

    def remove_file(self, source: str) -> None:
        """Forget a file, and its document with text and nodes when no other file has it."""
        with self._store.transaction() as snapshot:
            document_id = _document_of(snapshot, source)
            snapshot.conn.execute(
                f"DELETE FROM {snapshot.table('file')} WHERE source = ?", (source,)
            )
            self._drop_unused(snapshot, document_id)

    def drop_unused_documents(self) -> None:
        """Drop every document, with text and nodes, that no file refers to."""
        if not self._unused_documents():
            return  # nothing is written, so an index that cannot be written can be looked at
        with self._store.transaction() as snapshot:
            for document_id in self._unused_documents():
                self._drop_unused(snapshot, document_id)

    def _unused_documents(self) -> list[str]:
        with self._store.reading() as snapshot:
            if snapshot is None:
                return []
            rows = snapshot.conn.execute(
                f"SELECT document_id FROM {snapshot.table('document')}"
                f" EXCEPT SELECT document_id FROM {snapshot.table('file')}"
            )
            return [row[0] for row in rows]

    def document_ids(self) -> set[str]:
        """Return the ids of all documents whose texts are stored."""
        with self._store.reading() as snapshot:
            if snapshot is None:
                return set()
            rows = snapshot.conn.execute(f"SELECT document_id FROM {snapshot.table('document')}")
            return {row[0] for row in rows}

    def put_document(self, document_id: str, text: str, metadata: Mapping[str, Any]) -> None:
        """Store a document's whole text, the text that offsets refer to, and its metadata."""
        with self._store.transaction() as snapshot:
            packed = pack_text(text)
            put_documents(snapshot, [(document_id, len(text), metadata_json(metadata), packed)])

    def text(self, source: str) -> str:
        """Return a file's extracted text. Raises ``StoreError`` for a file not in the index."""
        with self._store.reading() as snapshot:
            document_id = None if snapshot is None else _document_of(snapshot, source)
            if document_id is None:
                raise StoreError(f"There is no indexed file {source!r}. Index its folder first.")
            return self.document_text(document_id)

    def document_text(self, document_id: str) -> str:
        """Return a document's whole text. Raises ``StoreError`` for an unknown document."""
        packed = self._document_column(document_id, "text")
        return unpack_text(packed)

    def document_metadata(self, document_id: str) -> dict[str, Any]:
        """Return a document's metadata. Raises ``StoreError`` for an unknown document."""
        return dict(json.loads(self._document_column(document_id, "metadata")))

    def documents(self) -> list[DocumentInfo]:
        """Return one row for each indexed file, sorted by source, duplicates included."""
        with self._store.reading() as snapshot:
            if snapshot is None:
                return []
            rows = snapshot.conn.execute(
                f"SELECT f.source, COALESCE(k.nodes, 0), d.characters, f.indexed_at, f.sha256"
                f" FROM {snapshot.table('file')} f"
                f" JOIN {snapshot.table('document')} d ON d.document_id = f.document_id"
                f" LEFT JOIN (SELECT document_id, count(*) AS nodes FROM {snapshot.table('node')}"
                " GROUP BY document_id) k ON k.document_id = f.document_id ORDER BY f.source"
            )
            return [DocumentInfo(*row) for row in rows]

    def documents_within(self, filters: MetadataFilters) -> list[DocumentInfo]:
        """Return those of ``documents`` of which a node matches ``filters``, as a search does."""
        from ragkit.store.filters import filter_condition

        with self._store.reading() as snapshot:
            if snapshot is None:
                return []
            condition = filter_condition(snapshot, filters)
            rows = snapshot.conn.execute(
                f"SELECT f.source FROM {snapshot.table('file')} f WHERE f.document_id IN"
                f" (SELECT n.document_id FROM {snapshot.table('node')} n WHERE {condition.sql})",
                condition.parameters,
            )
            sources = {row[0] for row in rows}
            return [document for document in self.documents() if document.source in sources]

    def details(self) -> list[FileDetails]:
        """Return every known file, sorted by source, with its text's figures and metadata."""
        with self._store.reading() as snapshot:
            if snapshot is None:
                return []
            rows = snapshot.conn.execute(
                f"SELECT {', '.join(f'f.{name}' for name in _COLUMNS)},"
                " COALESCE(d.characters, 0), COALESCE(k.nodes, 0), d.metadata"
                f" FROM {snapshot.table('file')} f"
                f" LEFT JOIN {snapshot.table('document')} d ON d.document_id = f.document_id"
                f" LEFT JOIN (SELECT document_id, count(*) AS nodes FROM {snapshot.table('node')}"
                " GROUP BY document_id) k ON k.document_id = f.document_id ORDER BY f.source"
            ).fetchall()
        return [
            FileDetails(
                FileState(*row[:-3]), row[-3], row[-2], json.loads(row[-1]) if row[-1] else {}
            )
            for row in rows
        ]

    def sources_of(self, document_ids: Iterable[str]) -> dict[str, list[str]]:
        """Return the files of each document, sorted; documents without files are left out."""
        with self._store.reading() as snapshot:
            return {} if snapshot is None else read_sources(snapshot, document_ids)

    def metadata_keys(self) -> list[str]:
        """Return the keys that a filter may name: what nodes' metadata hold, and their files'."""
        with self._store.reading() as snapshot:
            if snapshot is None:
                return []
            own = ("source", "folder")
            return [*own, *(key for key in keys_of(snapshot) if key not in own)]

    def has_metadata_key(self, key: str) -> bool:
        """Return whether the metadata of any node have ``key``."""
        with self._store.reading() as snapshot:
            return snapshot is not None and has_key(snapshot, key)

    def metadata_values(self, key: str, *, most: int = 20) -> list[str]:
        """Return up to ``most`` values that nodes have under ``key``, the commonest first."""
        with self._store.reading() as snapshot:
            return [] if snapshot is None else values_of(snapshot, key, most)

    def facets(self) -> Facets:
        """Return the folders, formats, languages and days that the files have."""
        return facets(self._store)

    def counts(self) -> Counts:
        """Return how many files, documents, nodes and vectors there are."""
        with self._store.reading() as snapshot:
            if snapshot is None:
                return Counts(0, 0, 0, 0, 0)
            files, indexed = snapshot.conn.execute(
                f"SELECT count(*), count(document_id) FROM {snapshot.table('file')}"
            ).fetchone()
            rest = [
                snapshot.conn.execute(f"SELECT count(*) FROM {snapshot.table(name)}").fetchone()[0]
                for name in ("document", "node", "vector")
            ]
            return Counts(files, files - indexed, *rest)

    def _document_column(self, document_id: str, column: str) -> Any:
        with self._store.reading() as snapshot:
            row = None
            if snapshot is not None:
                row = snapshot.conn.execute(
                    f"SELECT {column} FROM {snapshot.table('document')} WHERE document_id = ?",
                    (document_id,),
                ).fetchone()
            if row is None:
                raise StoreError(f"There is no document {document_id!r} in the index.")
            return row[0]

    def _drop_unused(self, snapshot: Snapshot, document_id: str | None) -> None:
        if document_id is None:
            return
        used = snapshot.conn.execute(
            f"SELECT 1 FROM {snapshot.table('file')} WHERE document_id = ?", (document_id,)
        ).fetchone()
        if used:
            return
        delete_rows(snapshot, "n.document_id = ?", (document_id,))
        snapshot.conn.execute(
            f"DELETE FROM {snapshot.table('document')} WHERE document_id = ?", (document_id,)
        )


def put_files(snapshot: Snapshot, states: Iterable[FileState]) -> None:
    """Add or replace rows of files; documents stay until ``drop_unused_documents``.

    In a run over a folder a text may turn up again under another name.
    """
    snapshot.conn.executemany(f"INSERT OR REPLACE INTO {snapshot.table('file')} {_PLACES}", states)


def put_documents(snapshot: Snapshot, documents: Iterable[tuple[str, int, str, bytes]]) -> None:
    """Store documents: id, characters, metadata as JSON, and the text from ``pack_text``."""
    snapshot.conn.executemany(
        f"INSERT OR REPLACE INTO {snapshot.table('document')} VALUES (?, ?, ?, ?)", documents
    )


def _document_of(snapshot: Snapshot, source: str) -> str | None:
    row = snapshot.conn.execute(
        f"SELECT document_id FROM {snapshot.table('file')} WHERE source = ?", (source,)
    ).fetchone()
    return None if row is None else row[0]
