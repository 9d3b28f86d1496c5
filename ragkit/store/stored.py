"""In which form texts, metadata and terms are stored: worked out away from the index.

No SQLite here, so that a process that reads files for another does not load it.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ragkit.errors import StoreError

if TYPE_CHECKING:
    from ragkit.store.terms import Field
    from ragkit.types import Analyzer

__all__ = [
    "fulltext_fields",
    "fulltext_values",
    "metadata_json",
    "pack_text",
    "title_and_language",
    "unpack_text",
]

_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode
_COMPRESSION = 1  # 6 takes half as long again and saves 4% of the documents' part
# Bytes of a text that are not worth packing: that takes a twentieth of the time of indexing such a
# file, for a third of its bytes.
_SMALL = 1_000


def pack_text(text: str) -> bytes:
    """Return a document's text as it is stored."""
    data = text.encode("utf-8")
    return zlib.compress(data, 0 if len(data) < _SMALL else _COMPRESSION)


def unpack_text(packed: bytes) -> str:
    """Return the text that ``pack_text`` packed."""
    return zlib.decompress(packed).decode("utf-8")


def metadata_json(metadata: Mapping[str, Any]) -> str:
    """Return metadata as JSON that SQLite can read; ``StoreError`` for what JSON cannot hold."""
    try:
        return _encode(dict(metadata))
    except (TypeError, ValueError) as error:
        raise StoreError(
            f"Metadata cannot be stored: {error}. Use text, finite numbers, true, false, null, "
            "and lists or objects of them."
        ) from error


def fulltext_values(analyzer: Analyzer, text: str, metadata: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the terms that a node is found by: its text, and title and headings beside it."""
    title, language = title_and_language(metadata)
    return tuple(analyzer.index_fields(text, title=title, language=language))


def fulltext_fields(
    analyzer: Analyzer, text: str, *, title: str, language: str | None
) -> Sequence[Field]:
    """Return the same terms, for turning many nodes round at once.

    An analyzer may have a method ``index_runs`` that leaves runs of characters and their pairs
    whole; its terms are those of ``index_fields``.
    """
    index_runs = getattr(analyzer, "index_runs", None)
    if index_runs is not None:
        found: Sequence[Field] = index_runs(text, title=title, language=language)
        return found
    values = analyzer.index_fields(text, title=title, language=language)
    return [(value.split(), "") for value in values]


def title_and_language(metadata: Mapping[str, Any]) -> tuple[str, str | None]:
    """Return what metadata says of a node for its terms: title and headings, and the language."""
    language = metadata.get("language")
    parts: list[str] = []
    for key in ("title", "heading_path"):
        value = metadata.get(key)
        if isinstance(value, str):
            parts.append(value)
        elif isinstance(value, list):
            parts.extend(item for item in value if isinstance(item, str))
    title = "\n".join(part for part in parts if part)
    return title, language if isinstance(language, str) else None
