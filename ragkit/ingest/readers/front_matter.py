"""Front matter of Markdown: YAML between ``---`` lines or TOML between ``+++`` lines.

It is input like any other: YAML is read by the safe loader after its events were counted, without
anchors, aliases or tags, so that it can neither run code nor grow.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Any

from ragkit.ingest.readers.content import Metadata, one_line, scalars
from ragkit.ingest.readers.records import RESERVED

__all__ = ["front_matter"]

_YAML = re.compile(r"\A---[ \t]*\n(.*?)\n(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.S)
_TOML = re.compile(r"\A\+\+\+[ \t]*\n(.*?)\n\+\+\+[ \t]*(?:\n|\Z)", re.S)
_LINE = re.compile(r"^([A-Za-z_][\w-]*):[ \t]*(\S.*)$", re.M)
_SAME = {
    "authors": "author", "creator": "author", "keywords": "tags", "tag": "tags",
    "categories": "category", "summary": "description", "published": "date", "pubdate": "date",
}  # fmt: skip
_MAX_EVENTS = 4000
_MAX_DEPTH = 20
_MAX_FIELDS = 50
_MAX_KEY = 80
_MAX_VALUES = 100
_TEXT = ("title", "description", "url")  # of which there is one


def front_matter(head: str) -> tuple[Metadata, int]:
    """Return the fields that ``head``, the beginning of a file, opens with, and where they end.

    Nested keys are joined by dots, lists of plain values stay lists, dates are ISO 8601. Names
    that the index gives a meaning of its own get ``front_`` before them. Nothing raises: what is
    neither YAML nor TOML gives its plain ``key: value`` lines.
    """
    if found := _YAML.match(head):
        values = _read_yaml(found[1])
        return _fields(_plain_lines(found[1]) if values is None else values), found.end()
    if found := _TOML.match(head):
        return _fields(_read_toml(found[1])), found.end()
    return {}, 0


def _read_yaml(block: str) -> Mapping[Any, Any] | None:
    """Return a mapping, or None where ``block`` is none or not safe to read."""
    import yaml

    try:
        depth = 0
        for count, event in enumerate(yaml.parse(block, Loader=yaml.SafeLoader)):
            if getattr(event, "anchor", None) or getattr(event, "tag", None):  # aliases have one
                return None
            depth += isinstance(event, yaml.CollectionStartEvent)
            depth -= isinstance(event, yaml.CollectionEndEvent)
            if count > _MAX_EVENTS or depth > _MAX_DEPTH:
                return None
        values = yaml.safe_load(block)
    except (yaml.YAMLError, ValueError, TypeError, OverflowError, RecursionError):
        return None
    return values if isinstance(values, dict) else None


def _read_toml(block: str) -> Mapping[Any, Any]:
    import tomllib

    try:
        return tomllib.loads(block)
    except (tomllib.TOMLDecodeError, ValueError, RecursionError):
        return {}


def _plain_lines(block: str) -> Mapping[str, object]:
    lines = reversed(_LINE.findall(block))
    return {key: _plain(value.strip()) for key, value in lines if value[0] not in "|>{&*!"}


def _plain(value: str) -> object:
    if value.startswith("[") and value.endswith("]"):
        return [item.strip().strip("\"'") for item in value[1:-1].split(",")]
    return value.strip("\"'")


def _fields(values: Mapping[Any, Any]) -> Metadata:
    fields: Metadata = {}
    for path, value in _flat(values):
        if len(fields) == _MAX_FIELDS:
            break
        name = _SAME.get(path.lower(), path.lower() if path.lower() in _KNOWN else path)
        name = (f"front_{name}" if name in RESERVED else name)[:_MAX_KEY]
        if name == "date":
            value = _day(value)
        kept = _kept(value)
        if name in _TEXT and kept is not None:
            kept = ", ".join(map(str, kept if isinstance(kept, list) else [kept]))[:500]
        if kept is not None and kept not in ("", []):
            fields.setdefault(name, kept)
    return fields


_KNOWN = frozenset((*_SAME.values(), *_TEXT))


def _flat(values: Mapping[Any, Any]) -> Iterator[tuple[str, object]]:
    stack: list[tuple[str, object]] = [("", values)]
    while stack:
        path, value = stack.pop()
        if isinstance(value, dict):
            prefix = f"{path}." if path else ""
            inner = [(f"{prefix}{one_line(key)}", item) for key, item in value.items()]
            stack.extend(reversed(inner))
        elif path:
            yield path, value


def _day(value: object) -> object:
    """Return a date as ISO 8601; what is no date stays as it is."""
    from ragkit.ingest.readers.dates import iso_day

    if isinstance(value, list):
        value = value[0] if value else ""
    return iso_day(str(value)) or value


def _kept(value: object) -> str | int | list[str | int] | None:
    if isinstance(value, list):
        items = [item for item in map(_scalar, value[:_MAX_VALUES]) if item is not None]
        return list(dict.fromkeys(items))
    return _scalar(value)


def _scalar(value: object) -> str | int | None:
    if isinstance(value, dict):
        value = value.get("name")  # as lists of authors have it
    if isinstance(value, datetime):
        value = value.isoformat(" ")
    elif isinstance(value, bool):
        value = "true" if value else "false"
    elif isinstance(value, date):
        value = value.isoformat()
    kept = scalars({"": value}).get("")
    return None if isinstance(kept, list) else kept
