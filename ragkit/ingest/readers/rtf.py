"""Rich Text Format, with striprtf (pure Python, BSD licence)."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import groupby

from ragkit.ingest.readers.content import Content, Metadata, one_line
from ragkit.ingest.readers.dates import iso_day
from ragkit.ingest.readers.tables import table_text

__all__ = ["read_rtf"]

_AUTHOR = re.compile(r"\\author ([^{}\\]{1,500})\}")
_MADE = re.compile(r"\\(?:creatim|revtim)\\yr(\d{4})\\mo(\d{1,2})\\dy(\d{1,2})")
_DELETED = re.compile(r"\{\\deleted\b")
_BESIDE = re.compile(r"\{(?:\\\*)?\\(?:footnote|annotation|shptxt)(?![a-z])")
_BINARY = re.compile(r"\\bin(?![a-z\d])")  # of no length, over which striprtf stumbles
_BRACE = re.compile(r"\\.|[{}]", re.S)
_DEEPEST = 3  # a comment on a note in a text box
_ROW = re.compile(r"[^\n|]*\|[^\n]*\|\s*$")
_TABLE_WORD = re.compile(r"\\(?:(trowd|row|par|line)(?![a-zA-Z])|.)", re.S)
_TITLE = re.compile(r"\\title ([^{}\\]{1,500})\}")


def read_rtf(data: bytes) -> Content:
    """Return the text of an RTF file, tables by row, without what was deleted under revision.

    Notes, comments and text boxes come last.
    """
    from striprtf import striprtf

    rtf_to_text: Callable[..., str] = striprtf.rtf_to_text
    source, _ = _taken(data.decode("latin-1"), _DELETED)
    source = _with_notes_last(_with_cells_on_a_line(_BINARY.sub(r"\\bin0", source)))
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
    return Content.of(_with_named_rows(text), metadata)


def _with_notes_last(source: str) -> str:
    """Return RTF with its notes, comments and text boxes, which striprtf drops, behind its text."""
    rest, notes = _taken(source, _BESIDE)
    end = rest.rfind("}")
    if not notes or end < 0:
        return source
    texts: list[str] = []
    for _ in range(_DEEPEST):
        taken = [_taken(note, _BESIDE) for note in notes]
        texts += [text for text, _ in taken]
        notes = [note for _, inner in taken for note in inner]
    return rest[:end] + "".join(f"\\par\\pard {{{text}\\par}}" for text in texts) + rest[end:]


def _with_cells_on_a_line(source: str) -> str:
    """Return RTF with spaces for the ends of paragraphs in cells, so that a row stays one line.

    A row goes from its definition to its end; one that never ends is none.
    """
    ends: list[tuple[int, int]] = []
    inner: list[tuple[int, int]] | None = None
    for word in _TABLE_WORD.finditer(source):
        if word[1] == "trowd":
            inner = [] if inner is None else inner
        elif inner is not None and word[1] == "row":
            ends += inner
            inner = None
        elif inner is not None and word[1]:
            inner.append(word.span())
    pieces: list[str] = []
    at = 0
    for start, end in ends:
        pieces += [source[at:start], "{ }"]
        at = end
    return "".join(pieces) + source[at:]


def _taken(source: str, pattern: re.Pattern[str]) -> tuple[str, list[str]]:
    """Return RTF without the groups that begin as ``pattern`` says, and what these hold."""
    pieces: list[str] = []
    groups: list[str] = []
    at = 0
    for opened in pattern.finditer(source):
        if opened.start() < at:
            continue
        depth = 1
        end = len(source)
        for brace in _BRACE.finditer(source, opened.end()):
            depth += {"{": 1, "}": -1}.get(brace[0], 0)
            if not depth:
                end = brace.end()
                break
        pieces.append(source[at : opened.start()])
        groups.append(source[opened.end() : end].removesuffix("}"))
        at = end
    return "".join(pieces) + source[at:], groups


def _with_named_rows(text: str) -> str:
    """Return text with the lines that striprtf made of table rows, ``a|b|``, as named rows."""
    lines: list[str] = []
    for is_table, group in groupby(text.split("\n"), key=lambda line: _ROW.match(line) is not None):
        rows = list(group)
        if is_table and len(rows) > 1:
            cells = [row.strip().removesuffix("|").split("|") for row in rows]
            lines.append(table_text(cells, form=True))
        else:
            lines += rows
    return "\n".join(lines)
