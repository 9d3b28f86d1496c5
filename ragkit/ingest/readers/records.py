"""JSON: documents with their fields as metadata, and any other data as ``path: value`` lines."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ragkit.errors import IngestError
from ragkit.ingest.readers.content import Content, Limits, Section, one_line, scalars

__all__ = ["RESERVED", "load_json", "read_json", "read_json_lines"]

_CONTENT_KEYS = ("content", "text", "body", "page_content")
# Names that the index gives a meaning of its own. A document must not be able to forge them.
RESERVED = frozenset(
    ("source", "sources", "format", "encoding", "markup", "sha256", "page", "slide", "sheet",
     "record", "records", "start", "end", "heading", "heading_path", "document_id", "doc_id",
     "ref_doc_id", "folder", "language", "pages", "slides", "sheets", "empty_pages", "ocr_pages",
     "unread_pages", "ocr", "undecodable")
)  # fmt: skip
_MAX_FIELDS = 50
_LONGEST_ROW = 600
_SCALAR = (str, int, float, type(None))


def load_json(text: str) -> Any:
    """Return the value of ``text``; numbers too long for Python stay text.

    Raises ValueError where it is not JSON and IngestError where it nests too deeply.
    """
    try:
        return json.loads(text, parse_int=_integer)
    except RecursionError as error:
        raise IngestError("JSON nested too deeply to be read.") from error


def _integer(digits: str) -> int | str:
    return int(digits) if len(digits) < 30 else digits


def read_json(text: str, limits: Limits) -> Content:
    """Return ``{content, title, url …}`` objects, one or an array, as one section each.

    Any other JSON becomes lines of its keys and values; text that is not JSON (JSON with
    comments, say) stays as it is.
    """
    try:
        value = load_json(text)
    except ValueError:
        return _lines_or_text(text, limits)
    records = value if isinstance(value, list) else [value]
    if records and all(map(_is_document, records)):
        return Content(
            tuple(_document(r, n if len(records) > 1 else None) for n, r in enumerate(records, 1)),
            {"markup": "text", "records": len(records)},
        )
    return Content.of("\n".join(_flat(value, limits)), {"markup": "table"})


def read_json_lines(text: str, limits: Limits) -> Content:
    """Return one section a line of JSON Lines, numbered from 1 as ``record``.

    Lines that are not JSON stay as they are.
    """
    sections = []
    for number, line in enumerate(filter(str.strip, text.split("\n")), start=1):
        try:
            value = load_json(line)
        except ValueError:
            value = line
        if _is_document(value):
            sections.append(_document(value, number))
        else:
            row = _row(value) if isinstance(value, dict) else ""
            row = row if len(row) <= _LONGEST_ROW else ""
            sections.append(Section(row or "\n".join(_flat(value, limits)), {"record": number}))
    return Content(tuple(sections), {"markup": "text", "records": len(sections)})


def _lines_or_text(text: str, limits: Limits) -> Content:
    first, _, rest = text.lstrip().partition("\n")
    try:
        is_lines = bool(rest.strip()) and isinstance(load_json(first), dict)
    except ValueError:
        is_lines = False
    return read_json_lines(text, limits) if is_lines else Content.of(text, {"markup": "text"})


def _content_key(record: Mapping[str, Any]) -> str | None:
    return next(
        (k for k in _CONTENT_KEYS if isinstance(record.get(k), str) and record[k].strip()), None
    )


def _is_document(value: object) -> bool:
    return (
        isinstance(value, dict)
        and _content_key(value) is not None
        and all(isinstance(field, _SCALAR) for field in value.values())
    )


def _document(record: Mapping[str, Any], number: int | None) -> Section:
    key = _content_key(record) or ""
    # Names are cleaned before they are compared: "source\0" must not become one of the index's.
    named = ((one_line(n), v) for n, v in list(record.items())[:_MAX_FIELDS] if n != key)
    fields = {
        (f"record_{name}" if name in RESERVED else name)[:80]: value
        for name, value in named
        if name
    }
    return Section(record[key], scalars(fields) | ({"record": number} if number else {}))


def _flat(value: object, limits: Limits) -> Iterator[str]:
    """Yield a line for each leaf and each list of plain values, and one a plain object in a list.

    Paths join keys with dots and leave positions in lists out.
    """
    stack: list[tuple[str, object, int]] = [("", value, 0)]
    while stack:
        path, item, depth = stack.pop()
        if depth > limits.max_depth:
            raise IngestError(f"JSON nested more than {limits.max_depth} levels deep.")
        if isinstance(item, dict):
            if depth and path.endswith("\n"):  # an object in a list
                path = path[:-1]
                if row := _row(item):
                    yield _labelled(path, row)
                    continue
                if depth == 1:
                    yield ""  # an empty line between the objects of the file's list
            prefix = f"{path}." if path else ""
            children = [(f"{prefix}{one_line(k)}", v, depth + 1) for k, v in item.items()]
            stack.extend(reversed(children))
        elif isinstance(item, list):
            path = path.removesuffix("\n")
            if all(isinstance(v, _SCALAR) for v in item):
                yield _labelled(path, ", ".join(map(_shown, item)))
            else:
                stack.extend((f"{path}\n", v, depth + 1) for v in reversed(item))
        else:
            yield _labelled(path.removesuffix("\n"), _shown(item))


def _row(record: Mapping[str, object]) -> str:
    """Return an object and the objects in it as one row of a table; empty where it is too much.

    Values in objects are named by their path. An object without others fits at any length.
    """
    if all(isinstance(value, _SCALAR) for value in record.values()):
        return "; ".join(_pairs(record.items()))
    pairs: list[tuple[str, object]] = []
    stack: list[tuple[str, object]] = [("", record)]
    while stack and len(pairs) <= _MAX_FIELDS:
        path, item = stack.pop()
        if isinstance(item, dict):
            prefix = f"{path}." if path else ""
            stack.extend((f"{prefix}{one_line(k)}", v) for k, v in reversed(item.items()))
        elif isinstance(item, list):
            if not all(isinstance(v, _SCALAR) for v in item):
                return ""
            pairs.append((path, ", ".join(map(_shown, item))))
        else:
            pairs.append((path, item))
    row = "; ".join(_pairs(pairs))
    return row if not stack and len(row) <= _LONGEST_ROW else ""


def _pairs(fields: Iterable[tuple[str, object]]) -> Iterator[str]:
    return (f"{one_line(k)}: {_shown(v)}" for k, v in fields if v not in (None, ""))


def _labelled(path: str, text: str) -> str:
    return f"{path}: {text}" if path else text


def _shown(value: object) -> str:
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    return one_line(value)
