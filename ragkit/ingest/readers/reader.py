"""All readers as one LlamaIndex ``BaseReader``. Imports llama_index.core."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from llama_index.core.readers.base import BaseReader
from llama_index.core.schema import Document

from ragkit.errors import IngestError
from ragkit.ingest.readers.content import Content, Limits, clean
from ragkit.ingest.readers.formats import read_bytes
from ragkit.ingest.readers.regular_file import read_file

__all__ = ["FileReader"]


class FileReader(BaseReader):
    """Reads any supported file, whatever its name; one Document a page, sheet, slide or record.

    A Document's metadata holds the file's (``format``, ``markup``, ``encoding``, ``title`` …) and
    its own (``page``, ``sheet``, ``record`` …). Use it with ``SimpleDirectoryReader(...,
    file_extractor={".pdf": FileReader()})`` or alone.
    """

    def __init__(
        self, *, limits: Limits | None = None, passwords: Sequence[str] = (), ocr: bool = False
    ) -> None:
        """Read under ``limits``; ``passwords`` are tried on protected PDF and Office files.

        With ``ocr`` pages of a PDF that are images are read through the extra ``ocr``.
        """
        self._limits = limits or Limits()
        self._passwords = tuple(passwords)
        self._ocr = ocr

    def load_data(self, file: Path, extra_info: dict[str, Any] | None = None) -> list[Document]:
        """Return the non-empty Documents of ``file``, in order.

        Raises IngestError, its message the reason in words, where there is nothing to read.
        """
        data = read_file(Path(file), self._limits)
        suffix = Path(file).suffix.lower().removeprefix(".")
        content = read_bytes(
            data, suffix, limits=self._limits, passwords=self._passwords, ocr=self._ocr
        )
        common = {**(extra_info or {}), **content.metadata,
                  "sha256": hashlib.sha256(data).hexdigest()}  # fmt: skip
        return _documents(content, common)


def _documents(content: Content, common: dict[str, Any]) -> list[Document]:
    documents = [
        Document(text=text, metadata={**common, **section.metadata})
        for section in content.sections
        if (text := clean(section.text).strip("\n ")).strip()
    ]
    if not documents:
        raise IngestError("No text in it.")
    return documents
