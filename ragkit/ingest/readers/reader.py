"""All readers as one LlamaIndex ``BaseReader``. Imports llama_index.core."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from llama_index.core.readers.base import BaseReader
from llama_index.core.schema import Document

from ragkit.errors import IngestError
from ragkit.ingest.readers.content import Content, Limits, clean
from ragkit.ingest.readers.formats import read_bytes
from ragkit.ingest.readers.sniff import megabytes

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


def read_file(path: Path, limits: Limits) -> bytes:
    """Return the bytes of a regular file in one go, so that later changes do not matter.

    Never blocks on a FIFO or device. Raises IngestError where it cannot be read.
    """
    try:
        handle = os.open(
            path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
        )
        try:
            status = os.fstat(handle)
            if not stat.S_ISREG(status.st_mode):
                raise IngestError("Not a regular file.")
            with os.fdopen(handle, "rb", closefd=False) as stream:
                # A file that grows meanwhile, such as a log, is read to about where it ended.
                data = stream.read(min(limits.max_bytes, status.st_size + 65_536) + 1)
        finally:
            os.close(handle)
    except FileNotFoundError as error:
        raise IngestError("The file has vanished.") from error
    except PermissionError as error:
        raise IngestError("No permission to read it.") from error
    except OSError as error:
        raise IngestError(f"Cannot be read: {error.strerror}.") from error
    if len(data) > limits.max_bytes:
        size = max(status.st_size, len(data))
        raise IngestError(f"Too large: {megabytes(size)}, limit {megabytes(limits.max_bytes)}.")
    if not data:
        raise IngestError("Empty file.")
    return data
