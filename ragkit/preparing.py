"""From files to what is written of them: texts, nodes and terms, ready for the store.

Plain data of built-in types and no LlamaIndex, so that a process of little memory can do it for
another, and what it hands over is small.
"""

from __future__ import annotations

import hashlib
import json
import pickle
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ragkit.errors import IngestError
from ragkit.ingest.extract import Extraction, extract
from ragkit.ingest.splitter import split
from ragkit.store.stored import (
    fulltext_fields,
    metadata_json,
    pack_text,
    title_and_language,
)
from ragkit.store.terms import Field, Inverted, invert_all

if TYPE_CHECKING:
    from ragkit.types import Analyzer

__all__ = ["Draft", "DraftNode", "Drafts", "FileToRead", "Prepared", "Sizing", "Texts"]

_NAMESPACE = bytes.fromhex("6f1a4f0e6b0f5d0e9a527a0b8c1d2e3f")  # a UUID
_VARIANT = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}  # of RFC 4122
_LANGUAGE_SAMPLE = 20_000
_encode_form = json.JSONEncoder(sort_keys=True, default=str).encode
_LARGEST_PARTS = 1_000  # bytes of functions and settings; a tokenizer has megabytes


class Sizing(NamedTuple):
    """How text is cut into nodes: the counter of the embedder (or of ``lite``) and its limits.

    ``token_starts`` says where the tokens of a text begin, where a counter can tell.
    """

    count_tokens: Callable[[str], int]
    chunk_size: int
    chunk_overlap: int = 0
    token_starts: Callable[[str], Sequence[int]] | None = None


class FileToRead(NamedTuple):
    """A file of about ``size`` bytes, passwords to try, and how long images of pages are read."""

    path: Path
    size: int
    passwords: tuple[str, ...] = ()
    ocr_seconds: float = 0.0


class DraftNode(NamedTuple):
    """A node of a draft: ``metadata`` is JSON."""

    node_id: str
    start: int
    metadata: str
    text: str


class Draft(NamedTuple):
    """One document: ``packed`` is its text, of so many ``characters``; ``metadata`` is JSON.

    ``unread_pages`` are images of which OCR might have made text.
    """

    sha256: str
    document_id: str
    metadata: str
    characters: int
    packed: bytes
    nodes: tuple[DraftNode, ...]
    unread_pages: int = 0


class Prepared(NamedTuple):
    """For each file its draft, or why there is none, in words; the terms of all drafts' nodes.

    Where texts alone were asked for, a file has an ``Extraction`` in place of a draft. ``seconds``
    is what each file took.
    """

    drafts: tuple[Draft | Extraction | str, ...]
    terms: tuple[Inverted, ...] | None
    seconds: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Texts:
    """Reads files and does no more with them."""

    max_bytes: int

    def __call__(self, files: Sequence[FileToRead]) -> Prepared:
        """Return what is in ``files``. Raises MemoryError."""
        found, seconds = [], []
        for file in files:
            began = time.perf_counter()
            found.append(self._read(file))
            seconds.append(time.perf_counter() - began)
        return Prepared(tuple(found), None, tuple(seconds))

    def _read(self, file: FileToRead) -> Extraction | str:
        try:
            return extract(
                file.path,
                max_bytes=self.max_bytes,
                passwords=file.passwords,
                ocr=file.ocr_seconds > 0,
                ocr_seconds=file.ocr_seconds,
            )
        except IngestError as error:
            if isinstance(error.__cause__, MemoryError):
                raise MemoryError from error
            return str(error)


@dataclass(frozen=True, slots=True)
class Drafts:
    """Reads files, cuts them into nodes and finds the terms of these."""

    sizing: Sizing
    analyzer: Analyzer
    detect_language: Callable[[str], str | None]
    max_bytes: int

    def __call__(self, files: Sequence[FileToRead]) -> Prepared:
        """Return the drafts of ``files``. Raises MemoryError."""
        return self.of_texts(Texts(self.max_bytes)(files))

    def of_texts(self, read: Prepared) -> Prepared:
        """Return drafts in place of texts."""
        found: list[Draft | Extraction | str] = []
        rows: list[Sequence[Field]] = []
        seconds = list(read.seconds)
        for place, extraction in enumerate(read.drafts):
            if not isinstance(extraction, Extraction):
                found.append(extraction)
                continue
            began = time.perf_counter()
            draft, terms = _draft(extraction, self.sizing, self.analyzer, self.detect_language)
            seconds[place] += time.perf_counter() - began
            found.append(draft if draft.nodes else "no text in it")
            rows += terms
        return Prepared(tuple(found), invert_all(rows, len(self.analyzer.fields)), tuple(seconds))

    def can_travel(self) -> bool:
        """Return whether another process can be given this: ragkit's own functions, no model."""
        counters = (self.sizing.count_tokens, self.sizing.token_starts)
        parts = (self.analyzer, self.detect_language, *counters)
        if not all(map(_is_own, parts)):
            return False
        try:
            size = len(pickle.dumps(parts))
        except (pickle.PicklingError, AttributeError, TypeError):
            return False
        return size <= _LARGEST_PARTS


def _is_own(part: Any) -> bool:
    module = part.__module__ if callable(part) else type(part).__module__
    return str(module).split(".")[0] in ("ragkit", "builtins")


def _draft(
    extraction: Extraction,
    sizing: Sizing,
    analyzer: Analyzer,
    detect_language: Callable[[str], str | None],
) -> tuple[Draft, list[Sequence[Field]]]:
    """Return a document with its nodes, and the terms of each node by field.

    Nodes never cross a part (a page, a sheet, a record). Their ids follow from the document's id
    and their place, so writing the same document again changes nothing.
    """
    document_id = _document_id(extraction)
    metadata = dict(extraction.metadata)
    if "language" not in metadata:
        language = detect_language(extraction.text[:_LANGUAGE_SAMPLE])
        if language:
            metadata["language"] = language
        if "records" in metadata:
            extraction = _with_languages(extraction, detect_language)
    nodes: list[DraftNode] = []
    rows: list[Sequence[Field]] = []
    markup = str(metadata.get("markup", "text"))
    for part in extraction.parts:
        text = extraction.text[part.start : part.end]
        spans = split(
            text,
            count_tokens=sizing.count_tokens,
            chunk_size=sizing.chunk_size,
            chunk_overlap=sizing.chunk_overlap,
            markup=markup,  # type: ignore[arg-type]
            token_starts=sizing.token_starts,
        )
        shared = {**metadata, **part.metadata}
        shared.pop("markup", None)
        path: tuple[str, ...] | None = None
        for span in spans:
            if span.heading_path != path:
                path = span.heading_path
                details = {**shared, "heading_path": " > ".join(path)} if path else shared
                described = metadata_json(details)
                title, language = title_and_language(details)
            own = text[span.start : span.end]
            node_id = _node_id(document_id, len(nodes))
            nodes.append(DraftNode(node_id, part.start + span.start, described, own))
            rows.append(fulltext_fields(analyzer, own, title=title, language=language))
    packed, characters = pack_text(extraction.text), len(extraction.text)
    described = metadata_json(metadata)
    unread = int(str(metadata.get("unread_pages", 0)))
    sha256 = extraction.sha256
    draft = Draft(sha256, document_id, described, characters, packed, tuple(nodes), unread)
    return draft, rows


def _node_id(document_id: str, place: int) -> str:
    """Return the UUID version 5 of ``document_id/place``, as text.

    At a fifth of the time of ``uuid.uuid5``, and without loading its module.
    """
    d = hashlib.sha1(_NAMESPACE + f"{document_id}/{place}".encode()).hexdigest()
    return f"{d[:8]}-{d[8:12]}-5{d[13:16]}-{_VARIANT[d[16]]}{d[17:20]}-{d[20:32]}"


def _with_languages(
    extraction: Extraction, detect_language: Callable[[str], str | None]
) -> Extraction:
    """Return it with the language of each record, where one can be told: files may mix them."""
    parts = []
    for part in extraction.parts:
        end = min(part.end, part.start + _LANGUAGE_SAMPLE)
        language = detect_language(extraction.text[part.start : end])
        known = {"language": language} if language else {}
        parts.append(part._replace(metadata={**known, **part.metadata}))
    return extraction._replace(parts=tuple(parts))


def _document_id(extraction: Extraction) -> str:
    """Same text in the same form is the same document, whatever its file is called."""
    form = [
        {key: value for key, value in extraction.metadata.items() if key != "encoding"},
        [[part.start, part.end, part.metadata] for part in extraction.parts],
    ]
    digest = hashlib.sha256(_encode_form(form).encode())
    digest.update(extraction.text.encode("utf-8", "surrogatepass"))
    return digest.hexdigest()[:32]
