"""Rich Text Format, with striprtf (pure Python, BSD licence)."""

from __future__ import annotations

import re
from collections.abc import Callable

from ragkit.ingest.readers.content import Content, Metadata, one_line

__all__ = ["read_rtf"]

_TITLE = re.compile(r"\\title ([^{}\\]{1,500})\}")


def read_rtf(data: bytes) -> Content:
    """Return the text of an RTF file; cells of a table row are joined by ``|``."""
    from striprtf import striprtf

    rtf_to_text: Callable[..., str] = striprtf.rtf_to_text
    source = data.decode("latin-1")
    text = rtf_to_text(source, errors="replace")
    # RTF writes characters beyond U+FFFF as two halves.
    text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    metadata: Metadata = {"markup": "text"}
    found = _TITLE.search(source[:50_000])
    if found and any(map(str.isalnum, found[1])):
        metadata["title"] = one_line(found[1])
    return Content.of(text, metadata)
