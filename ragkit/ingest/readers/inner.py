"""Files within files: documents in documents, attachments of messages."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from contextlib import suppress

from ragkit.errors import IngestError
from ragkit.ingest.readers.content import Content, Limits, clean

__all__ = ["Allowance", "inner_text"]

_LEAST = 50_000  # bytes that each file counts for, since opening even an empty one takes time


class Allowance:
    """What all files within one file, and those within these, may unpack to together, in bytes.

    As much as one file of its own may. Each alone has its bounds, but there may be thousands.
    """

    def __init__(self) -> None:
        """Begin with the whole of it."""
        self._left = Limits().max_unpacked

    def covers(self, data: bytes) -> bool:
        """Tell whether the file ``data`` is within what is left, and if so take it off."""
        size = max(_LEAST, len(data))
        if data.startswith(b"PK"):
            # Its reader says what is wrong with it.
            with suppress(Exception), zipfile.ZipFile(io.BytesIO(data)) as archive:
                size = max(size, sum(member.file_size for member in archive.infolist()))
        if size > self._left:
            return False
        self._left -= size
        return True


def inner_text(
    read: Callable[[bytes], Content], data: bytes, allowance: Allowance
) -> tuple[str, str]:
    """Return the text of the file ``data`` within another, and why it could not be read, or "".

    ``read`` is its reader. Whatever that raises costs the file within alone.
    """
    if not allowance.covers(data):
        return "", "Too large together with the others."
    try:
        content = read(data)
    except IngestError as error:
        return "", str(error)
    except Exception as error:  # noqa: BLE001  parsers raise anything on damaged input
        return "", "Too large." if isinstance(error, MemoryError) else "Damaged."
    texts = (clean(section.text).strip() for section in content.sections)
    text = "\n\n".join(filter(None, texts))
    return text, ""
