"""Rich Text Format, with striprtf (pure Python, BSD licence)."""

from __future__ import annotations

import re
from collections.abc import Callable

from ragkit.ingest.readers.content import Content, Metadata, one_line
from ragkit.ingest.readers.dates import iso_day

__all__ = ["read_rtf"]

_AUTHOR = re.compile(r"\\author ([^{}\\]{1,500})\}")
_MADE = re.compile(r"\\(?:creatim|revtim)\\yr(\d{4})\\mo(\d{1,2})\\dy(\d{1,2})")
_TITLE = re.compile(r"\\title ([^{}\\]{1,500})\}")


def read_rtf(data: bytes) -> Content:
    """Return the text of an RTF file; cells of a table row are joined by ``|``."""
    from striprtf import striprtf

    rtf_to_text: Callable[..., str] = striprtf.rtf_to_text
    source = data.decode("latin-1")
    text = rtf_to_text(source, errors="replace")
    # RTF writes characters beyond U+FFFF as two halves.
    text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    head = source[:50_000]
    metadata: Metadata = {"markup": "text"}
    for key, pattern in (("title", _TITLE), ("author", _AUTHOR)):
        found = pattern.search(head)
        if found and any(map(str.isalnum, found[1])):
            metadata[key] = one_line(found[1])
    if made := _MADE.search(head):
        day = iso_day(f"{made[1]}-{made[2]}-{made[3]}")
        metadata |= {"date": day} if day else {}
    return Content.of(text, metadata)
