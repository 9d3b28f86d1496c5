"""Tables as lines that make sense alone: ``header: value; header: value``.

A row that is retrieved or quoted without the rows above it must still say what its values are.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from ragkit.ingest.readers.content import one_line

__all__ = ["row_lines", "spread", "table_text"]

_MAX_HEADER = 60
_MOST_HEADER_ROWS = 3
_LOOK_AHEAD = 12
_MAX_SPAN = 100
_MAX_COLUMNS = 1000
_MAX_HANGING = 100
_COLONS = (":", "：")
# Nothing but digits and what dates, times and amounts are written with.
_OF_VALUES = r"\s$€£¥￥%°()+\-.,:/'TZ年月日时時分秒"
_VALUE = re.compile(rf"[{_OF_VALUES}]*\d[{_OF_VALUES}\d]*")

_Row = Sequence[str]


def table_text(
    rows: Iterable[Sequence[object]], *, header: int | None = None, form: bool = False
) -> str:
    """Return a table as text, one row a line; see ``row_lines``."""
    return "\n".join(row_lines(rows, header=header, form=form))


def row_lines(
    rows: Iterable[Sequence[object]], *, header: int | None = None, form: bool = False
) -> Iterator[str]:
    """Yield one line for each row that holds anything.

    ``header`` is the number of rows at the top that name the columns, 0 for none, of which three
    are taken; with None they are found by their looks: one row, or two where the upper one groups
    columns. Below them lines are ``name: value; name: value``, empty cells left out; names of two
    rows are joined. Without a header, or for lines above it such as a title, cells are joined by
    `` | ``; so are, below the table, the names of columns that are empty. Below an empty row
    another table with names of its own may follow. With ``form`` a table of two columns may be one
    of labels and values, which has no header: ``label: value``.
    """
    source = map(_texts, rows)
    ahead: deque[list[str]] = deque()
    names: _Row | None = None
    unsaid: list[int] = []  # columns whose names no row has told yet
    looked = fresh = False
    while True:
        ahead.extend(islice(source, _LOOK_AHEAD + 1 - len(ahead)))
        if not ahead:
            break
        if not any(ahead[0]):
            ahead.popleft()
            fresh = True
            continue
        if not looked or fresh:
            given = header if not looked or not header else None
            found, labels = _opening(ahead, given, names, form=form)
            looked, fresh = True, False
            if labels:
                yield from map(_labelled, _filled(ahead, source))
                return
            if found is not None:
                yield from _columns(names, unsaid)
                at, count = found
                yield from map(_joined, _popped(ahead, at))
                header_rows = _popped(ahead, count)
                names = _combined(header_rows) if count else None
                unsaid = [column for column, name in enumerate(names or ()) if name]
                continue
        row = ahead.popleft()
        if names is None or _is_heading(names, row):
            yield _joined(row)
        elif list(row) != list(names):  # a header that is repeated says nothing
            if unsaid:
                unsaid = [column for column in unsaid if not _cell(row, column)]
            yield _named(names, row)
    yield from _columns(names, unsaid)


def _columns(names: _Row | None, unsaid: Sequence[int]) -> Iterator[str]:
    """Yield the names of columns that are empty, as one line."""
    if names and unsaid:
        yield _joined([names[column] for column in unsaid])


def spread(cells: Iterable[tuple[str, int, int]], hanging: dict[int, tuple[int, str]]) -> list[str]:
    """Return a row of cells given as (text, columns, rows), those that hang down from above filled.

    ``hanging`` says for a column how many further rows which text fills; it is kept up to date, so
    one mapping serves all rows of a table. A cell over several columns stands in its first.
    """
    row: list[str] = []

    def fill() -> None:
        while len(row) in hanging:
            left, text = hanging.pop(len(row))
            if left > 1:
                hanging[len(row)] = left - 1, text
            row.append(text)

    # Taken out first: what this row hangs down begins below it.
    new: dict[int, tuple[int, str]] = {}
    for text, columns, rows in cells:
        fill()
        for place in range(min(max(columns, 1), _MAX_SPAN, _MAX_COLUMNS - len(row))):
            if rows > 1 and len(hanging) + len(new) < _MAX_HANGING:
                new[len(row)] = min(rows, 65_535) - 1, text if not place else ""
            row.append(text if not place else "")
    fill()
    hanging.update(new)
    return row


def _opening(
    ahead: Iterable[_Row], header: int | None, names: _Row | None, *, form: bool
) -> tuple[tuple[int, int] | None, bool]:
    """Return where the names stand that hold from here on, and whether this is a form.

    The first is (rows above them, rows of names), or None where the names so far hold on.
    """
    if header is not None:
        return (0, min(header, _MOST_HEADER_ROWS)) if header else None, False
    if names is None:
        head = [row for row in ahead if any(row)]
        labels = form and _is_form(head)
        return None if labels else _find_header(head), labels
    block: list[_Row] = []
    for row in ahead:
        if not any(row):
            break
        block.append(row)
    found = _find_header(block)
    if found and _is_other_table(block, found, names):
        return found, False
    # A few words below a wide table, such as its source, have no names.
    apart = 2 * max(sum(map(bool, row)) for row in block) <= sum(map(bool, names))
    return ((0, 0) if apart else None), False


def _popped(ahead: deque[list[str]], count: int) -> list[list[str]]:
    """Return the first ``count`` rows that are not empty, taken out with the empty ones."""
    rows: list[list[str]] = []
    while len(rows) < count and ahead:
        if any(row := ahead.popleft()):
            rows.append(row)
    return rows


def _filled(ahead: deque[list[str]], source: Iterator[list[str]]) -> Iterator[list[str]]:
    yield from filter(any, ahead)
    yield from filter(any, source)


def _texts(row: Sequence[object]) -> list[str]:
    return ["" if cell is None else one_line(cell) for cell in row]


def _joined(row: _Row) -> str:
    pieces = list(filter(None, row))
    parts = ["" if not at else " " if pieces[at - 1].endswith(_COLONS) else " | "
             for at in range(len(pieces))]  # fmt: skip
    return "".join(gap + piece for gap, piece in zip(parts, pieces, strict=True))


def _labelled(row: _Row) -> str:
    filled = list(filter(None, row))
    if len(filled) != 2 or filled[0].endswith(_COLONS):
        return _joined(filled)
    return f"{filled[0]}: {filled[1]}"


def _is_heading(names: _Row, row: _Row) -> bool:
    """Tell a heading inside the table, or a total."""
    return len(names) > 2 and sum(map(bool, row)) == 1


def _named(names: _Row, row: _Row) -> str:
    pairs = (
        f"{names[i]}: {value}" if i < len(names) and names[i] else value
        for i, value in enumerate(row)
        if value
    )
    return "; ".join(pairs)


def _find_header(rows: Sequence[_Row]) -> tuple[int, int] | None:
    """Return how many rows stand above the names of the columns and how many rows name them.

    It is the first row as wide as the table, if it looks like one, with one above it that groups
    columns.
    """
    width = max((sum(map(bool, row)) for row in rows), default=0)
    if width < 2 or len(rows) < 2:
        return None
    for at, row in enumerate(rows[:-1]):
        if _groups(rows[at : at + 3]):
            return at, 2
        names = [cell for cell in row if cell]
        if len(names) >= max(2, width - 1):
            return (at, 1) if _is_header(names) else None
    return None


def _groups(rows: Sequence[_Row]) -> bool:
    """Tell whether the first row groups the columns that the second names, above a third row.

    It leaves out columns that the second one has; and below stand values, or the second repeats
    its names, or leaves out what the first names for both.
    """
    if len(rows) < 3:
        return False
    upper, lower, below = rows
    gaps = [
        at for at, name in enumerate(lower) if name and not _cell(upper, at) and any(upper[:at])
    ]
    named = [at for at, name in enumerate(upper) if name]
    if not gaps or (len(named) < 2 and not any(lower[: named[0]])):
        return False
    texts = [cell for cell in (*upper, *lower) if cell]
    if any(map(_is_number, texts)) or any(len(cell) > _MAX_HEADER for cell in texts):
        return False
    names = [name for name in _combined((upper, lower)) if name]
    if len(set(names)) < len(names):
        return False
    once = [cell for cell in lower if cell]
    return (
        len(set(once)) < len(once)
        or any(_VALUE.fullmatch(_cell(below, at)) for at in gaps)
        or any(not _cell(lower, at) for at in named)
    )


def _cell(row: _Row, at: int) -> str:
    return row[at] if at < len(row) else ""


def _combined(rows: Sequence[_Row]) -> list[str]:
    """Return one name for each column: those of its header's rows, a group's for all it spans."""
    if len(rows) == 1:
        return list(rows[0])
    width = max(map(len, rows), default=0)
    names: list[list[str]] = [[] for _ in range(width)]
    for number, row in enumerate(rows):
        group = ""
        for at in range(width):
            group = _cell(row, at) or (group if number < len(rows) - 1 else "")
            if group and group not in names[at]:
                names[at].append(group)
    return [" ".join(parts) for parts in names]


def _is_header(names: _Row) -> bool:
    return len(set(names)) == len(names) and all(
        len(name) <= _MAX_HEADER and not _is_number(name) and not name.endswith(_COLONS)
        for name in names
    )


def _is_other_table(block: Sequence[_Row], found: tuple[int, int], names: _Row) -> bool:
    """Tell whether a table with its own header begins: under a title, or a value below a name."""
    at, count = found
    header, below = _combined(block[at : at + count]), block[at + count :]
    if not below:
        return False
    values = any(_VALUE.fullmatch(_cell(below[0], i)) for i, name in enumerate(header) if name)
    if any(map(_VALUE.fullmatch, filter(None, header))):
        return False
    return at > 0 or (values and 2 * sum(map(bool, header)) > sum(map(bool, names)))


def _is_form(rows: Sequence[_Row]) -> bool:
    """Tell labels with values of all sorts from two columns with a header."""
    if len(rows) < 2 or max(sum(map(bool, row)) for row in rows) != 2:
        return False
    labels = [next(filter(None, row)) for row in rows]
    if sum(label.endswith(_COLONS) for label in labels) * 2 > len(labels):
        return True
    values = [_VALUE.fullmatch(row[-1]) is not None for row in rows[1:] if len(row) > 1]
    return any(values) and not all(values) and not any(map(_VALUE.fullmatch, labels))


def _is_number(text: str) -> bool:
    return text.strip("%$€£¥+-(). ").replace(",", "").replace(".", "").isdigit() and (
        len(text) != 4 or not text.isdigit()  # years head columns
    )
