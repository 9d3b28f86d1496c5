"""Files within files: documents in documents, attachments of messages."""

from __future__ import annotations

from collections.abc import Callable

from ragkit.errors import IngestError
from ragkit.ingest.readers.content import Content, clean

__all__ = ["inner_text"]


def inner_text(read: Callable[[], Content]) -> tuple[str, str]:
    """Return the text of a file within another, and why it could not be read, or "".

    ``read`` is its reader. Whatever that raises costs the file within alone.
    """
    try:
        content = read()
    except IngestError as error:
        return "", str(error)
    except Exception as error:  # noqa: BLE001  parsers raise anything on damaged input
        return "", "Too large." if isinstance(error, MemoryError) else "Damaged."
    texts = (clean(section.text).strip() for section in content.sections)
    text = "\n\n".join(filter(None, texts))
    return text, ""
