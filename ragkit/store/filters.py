"""LlamaIndex metadata filters as SQL conditions on a node ``n``; values are always bound.

The meaning follows LlamaIndex's own ``build_metadata_filter_fn`` (nested filters beside it):
a missing or null value matches only ``!=``, ``nin`` and ``is_empty``; ``contains``, ``any`` and
``all`` look into a list, or for a substring in a text; numbers are not texts. Beyond it,
``== None`` matches what is missing or null, and ``!= None`` what is there.

Keys that are answered from elsewhere than a node's own metadata:

- ``source``, ``sources``: the files that hold the node's text; a node matches when one of them
  does (``!=``, ``nin``: when none is in the list). Nodes of no file fall back on their metadata.
- ``folder``: every folder above such a file; ``folder == "a/b"`` matches ``a/b/c/d.md``.
- ``ref_doc_id``, ``doc_id``, ``document_id``: the node's document.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ragkit.errors import StoreError

if TYPE_CHECKING:
    from llama_index.core.vector_stores.types import MetadataFilter, MetadataFilters

    from ragkit.store.sqlite import Snapshot

__all__ = ["Condition", "all_of", "filter_condition", "one_of"]

_DOCUMENT_KEYS = ("ref_doc_id", "doc_id", "document_id")
_ORDERED = {">": ">", "<": "<", ">=": ">=", "<=": "<="}


@dataclass(frozen=True, slots=True)
class Condition:
    """A SQL expression that is 0 or 1, never NULL, and the values bound in it."""

    sql: str
    parameters: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class _Value:
    """SQL for a stored value, for its JSON type, and for a table of its elements."""

    value: str
    type: str
    each: str
    parameters: tuple[Any, ...]


def all_of(conditions: Sequence[Condition]) -> Condition:
    """Return the condition that all of them hold; true when there is none."""
    return _join(conditions, " AND ", empty="1")


def one_of(column: str, values: Sequence[str]) -> Condition:
    """Return the condition that the column ``n.<column>`` is one of ``values``."""
    return Condition(f"n.{column} IN (SELECT value FROM json_each(?))", (_list(values),))


def filter_condition(snapshot: Snapshot, filters: MetadataFilters) -> Condition:
    """Return ``filters`` as a condition on ``n``.

    Raises ``StoreError`` for an operator, or a value with an operator, that has no meaning here.
    """
    parts = [
        filter_condition(snapshot, part) if _is_nested(part) else _single(snapshot, part)  # type: ignore[arg-type]
        for part in filters.filters
    ]
    name = "and" if filters.condition is None else str(filters.condition.value)
    if not parts or name == "and":
        return all_of(parts)
    either = _join(parts, " OR ", empty="0")
    if name == "or":
        return either
    if name == "not":
        return Condition(f"NOT {either.sql}", either.parameters)
    raise StoreError(f"Filters cannot be combined by {name!r}. Use and, or, not.")


def _is_nested(part: object) -> bool:
    return hasattr(part, "filters")


def _join(conditions: Sequence[Condition], word: str, *, empty: str) -> Condition:
    if not conditions:
        return Condition(empty)
    sql = word.join(condition.sql for condition in conditions)
    return Condition(f"({sql})", tuple(p for c in conditions for p in c.parameters))


def _single(snapshot: Snapshot, part: MetadataFilter) -> Condition:
    operator, value = str(part.operator.value), part.value
    _check_value(part.key, operator, value)
    if part.key == "folder":
        return _of_files(snapshot, part.key, operator, value, _in_folder)
    if part.key in ("source", "sources"):
        return _of_files(snapshot, part.key, operator, value, _named)
    if part.key in _DOCUMENT_KEYS:
        each = "(SELECT n.document_id AS value)"
        return _compare(_Value("n.document_id", "'text'", each, ()), operator, value)
    return _compare(_metadata_value(part.key), operator, value)


def _check_value(key: str, operator: str, value: Any) -> None:
    is_list = isinstance(value, list)
    if operator in ("in", "nin", "any", "all"):
        if not is_list:
            raise StoreError(f"The filter {key!r} {operator} wants a list, not {value!r}.")
    elif operator == "is_empty":
        return
    elif is_list:
        raise StoreError(f"The filter {key!r} {operator} wants one value; use in, any or all.")
    elif operator in _ORDERED and value is None:
        raise StoreError(f"The filter {key!r} {operator} wants a number or a text, not None.")
    elif operator.startswith("text_match") and not isinstance(value, str):
        raise StoreError(f"The filter {key!r} {operator} wants a text, not {value!r}.")


def _metadata_value(key: str) -> _Value:
    """Return how to read a metadata key, whatever characters it has."""
    if not key or '"' in key or "\\" in key or not key.isprintable():
        # A JSON path cannot name such a key; look through the keys instead.
        found = "FROM json_each(n.metadata) m WHERE m.key = ?"
        return _Value(
            f"(SELECT m.value {found})",
            f"(SELECT m.type {found})",
            "(SELECT e.value FROM json_each(n.metadata) m, json_each("
            "CASE m.type WHEN 'array' THEN m.value ELSE json_array(m.value) END) e"
            " WHERE m.key = ?)",
            (key,),
        )
    path = f'$."{key}"'
    return _Value(
        "json_extract(n.metadata, ?)",
        "json_type(n.metadata, ?)",
        "json_each(n.metadata, ?)",
        (path,),
    )


def _compare(stored: _Value, operator: str, value: Any) -> Condition:
    """Return the comparison of a stored value; never NULL."""
    key = stored.parameters
    if operator in ("==", "!="):
        return _equal(stored, value, negate=operator == "!=")
    if operator in _ORDERED:
        return Condition(
            f"({stored.type} IN {_types_of(value)} AND {stored.value} {_ORDERED[operator]} ?)"
            " IS TRUE",
            (*key, *key, value),
        )
    if operator in ("in", "nin"):
        found = f"({stored.value} IN (SELECT value FROM json_each(?))) IS TRUE"
        sql = f"({found})" if operator == "in" else f"(NOT ({found}))"
        return Condition(sql, (*key, _list(value)))
    if operator == "contains":
        return _contains(stored, [value], every=True)
    if operator in ("any", "all"):
        return _contains(stored, value, every=operator == "all")
    if operator == "text_match":
        sql = f"({stored.type} = 'text' AND instr({stored.value}, ?) > 0) IS TRUE"
        return Condition(f"({sql})", (*key, *key, value))
    if operator == "text_match_insensitive":
        sql = f"({stored.type} = 'text' AND instr(ragkit_lower({stored.value}), ?) > 0) IS TRUE"
        return Condition(f"({sql})", (*key, *key, value.lower()))
    if operator == "is_empty":
        sql = (
            f"({stored.value} IS NULL OR {stored.value} = ''"
            f" OR ({stored.type} = 'array' AND {stored.value} = '[]'))"
        )
        return Condition(sql, key * 4)
    raise StoreError(
        f"The filter operator {operator!r} is not known here. Known: ==, !=, >, >=, <, <=, in, "
        "nin, any, all, contains, text_match, text_match_insensitive, is_empty."
    )


def _equal(stored: _Value, value: Any, *, negate: bool) -> Condition:
    key = stored.parameters
    sql = f"{stored.value} IS ?"
    parameters: tuple[Any, ...] = (*key, value)
    if isinstance(value, str) and value[:1] in ("[", "{"):
        # A list or an object reads as its JSON text, which is no text value.
        sql = f"({sql} AND {stored.type} = 'text')"
        parameters = (*parameters, *key)
    return Condition(f"(NOT {sql} IS TRUE)" if negate else f"({sql} IS TRUE)", parameters)


def _types_of(value: Any) -> str:
    return "('text')" if isinstance(value, str) else "('integer', 'real', 'true', 'false')"


def _contains(stored: _Value, values: Sequence[Any], *, every: bool) -> Condition:
    """Return whether a list has, or a text contains, any or every one of ``values``."""
    in_list = f"w.value IN (SELECT value FROM {stored.each})"
    in_text = f"(typeof(w.value) = 'text' AND instr({stored.value}, w.value) > 0)"
    found = f"CASE {stored.type} WHEN 'text' THEN {in_text} WHEN 'array' THEN {in_list} ELSE 0 END"
    inner = f"SELECT 1 FROM json_each(?) w WHERE {'NOT ' if every else ''}({found})"
    key = stored.parameters
    sql = f"(NOT EXISTS ({inner}) AND {stored.value} IS NOT NULL)" if every else f"EXISTS ({inner})"
    parameters = (_list(values), *key, *key, *key, *(key if every else ()))
    return Condition(sql, parameters)


_FilePredicate = Callable[[str, Any], Condition]


def _of_files(
    snapshot: Snapshot, key: str, operator: str, value: Any, predicate: _FilePredicate
) -> Condition:
    """Return a condition on the files ``f`` of the node's document."""
    file = snapshot.table("file")
    has_files = f"n.document_id IN (SELECT f.document_id FROM {file} f WHERE f.document_id NOTNULL)"
    if operator == "is_empty":
        own = _compare(_metadata_value(key), operator, value)
        return Condition(f"(NOT ({has_files}) AND {own.sql})", own.parameters)
    negate = operator in ("!=", "nin")
    positive = {"!=": "==", "nin": "in"}.get(operator, operator)
    if positive == "all":
        parts = [_of_files(snapshot, key, "==", item, predicate) for item in value]
        return all_of(parts)
    test = predicate(positive, value)
    own = _compare(_metadata_value(key), _plain(operator), value)
    sql = (
        f"CASE WHEN {has_files} THEN {'NOT ' if negate else ''}n.document_id IN (SELECT "
        f"f.document_id FROM {file} f WHERE f.document_id NOTNULL AND {test.sql})"
        f" ELSE {own.sql} END"
    )
    return Condition(f"({sql})", (*test.parameters, *own.parameters))


def _plain(operator: str) -> str:
    return {"any": "in"}.get(operator, operator)


def _named(operator: str, value: Any) -> Condition:
    """Return a condition on a file's own name."""
    plain = {"contains": "==", "any": "in"}.get(operator, operator)
    each = "(SELECT f.source AS value)"
    return _compare(_Value("f.source", "'text'", each, ()), plain, value)


def _in_folder(operator: str, value: Any) -> Condition:
    """Return the condition that a file lies somewhere under a folder."""
    if operator in ("==", "contains"):
        folders = [value]
    elif operator in ("in", "any"):
        folders = list(value)
    else:
        raise StoreError(f"A filter on 'folder' cannot use {operator!r}. Use ==, !=, in or nin.")
    return _join([_under(folder) for folder in folders], " OR ", empty="0")


def _under(folder: Any) -> Condition:
    if not isinstance(folder, str):
        return Condition("0")
    name = folder.removeprefix("./").strip("/")
    if name in ("", "."):
        return Condition("1")
    # "0" is the character after "/", so this is the range of all that begins with "name/".
    return Condition("(f.source >= ? AND f.source < ?)", (f"{name}/", f"{name}0"))


def _list(values: Sequence[Any]) -> str:
    return json.dumps(list(values), ensure_ascii=False)
