"""Tables as lines that make sense alone: ``header: value; header: value``.

A row that is retrieved or quoted without the rows above it must still say what its values are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice

from ragkit.ingest.readers.content import one_line

__all__ = ["row_lines", "table_text"]

_MAX_HEADER = 60
_LOOK_AHEAD = 12


def table_text(rows: Iterable[Sequence[object]], *, header: bool | None = None) -> str:
    """Return a table as text, one row a line; see ``row_lines``."""
    return "\n".join(row_lines(rows, header=header))


def row_lines(rows: Iterable[Sequence[object]], *, header: bool | None = None) -> Iterator[str]:
    """Yield one line for each row that holds anything.

    With a header (``header=None``: where a row looks like one) the lines below it are
    ``name: value; name: value``, empty cells left out. Without one, or for lines above it such
    as a title, cells are joined by `` | ``.
    """
    cells = (_texts(row) for row in rows)
    filled = (row for row in cells if any(row))
    first = list(islice(filled, _LOOK_AHEAD))
    at = _header_at(first, header)
    if at is None:
        yield from map(_joined, chain(first, filled))
        return
    names = first[at]
    yield from map(_joined, first[:at])
    below = False
    for row in chain(first[at + 1 :], filled):
        below = True
        yield _named(names, row)
    if not below:
        yield _joined(names)


def _texts(row: Sequence[object]) -> list[str]:
    return ["" if cell is None else one_line(cell) for cell in row]


def _joined(row: Sequence[str]) -> str:
    return " | ".join(filter(None, row))


def _named(names: Sequence[str], row: Sequence[str]) -> str:
    if sum(map(bool, row)) == 1 and len(names) > 2:
        return _joined(row)  # a heading inside the table, or a total
    pairs = (
        f"{names[i]}: {value}" if i < len(names) and names[i] else value
        for i, value in enumerate(row)
        if value
    )
    return "; ".join(pairs)


def _header_at(rows: Sequence[Sequence[str]], wanted: bool | None) -> int | None:
    """Return the place of the header: the first row as wide as the table, if it looks like one."""
    if wanted is False or not rows:
        return None
    if wanted:
        return 0
    width = max(sum(map(bool, row)) for row in rows)
    if width < 2 or len(rows) < 2:
        return None
    for at, row in enumerate(rows[:-1]):
        names = [cell for cell in row if cell]
        if len(names) >= max(2, width - 1):
            return at if _is_header(names) else None
    return None


def _is_header(names: Sequence[str]) -> bool:
    return len(set(names)) == len(names) and all(
        len(name) <= _MAX_HEADER and not _is_number(name) for name in names
    )


def _is_number(text: str) -> bool:
    return text.strip("%$€£¥+-(). ").replace(",", "").replace(".", "").isdigit() and (
        len(text) != 4 or not text.isdigit()  # years head columns
    )
