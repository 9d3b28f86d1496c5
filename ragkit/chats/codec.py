"""Answers as JSON and back, with every field; fields of a later version are passed over."""

from __future__ import annotations

import json
import types
from collections.abc import Mapping
from dataclasses import MISSING, asdict, fields, is_dataclass
from functools import cache
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from ragkit.errors import StoreError
from ragkit.types import Answer

__all__ = ["decode_answer", "encode_answer"]

T = TypeVar("T")


def encode_answer(answer: Answer) -> str:
    """Return the answer as JSON; numbers of other libraries become Python's."""
    told = asdict(answer)
    text = json.dumps(told, ensure_ascii=False, separators=(",", ":"), default=_plain)
    try:
        text.encode()
    except UnicodeEncodeError:  # a lone surrogate: only its escape can be stored
        return json.dumps(told, separators=(",", ":"), default=_plain)
    return text


def decode_answer(text: str) -> Answer:
    """Return the answer that ``encode_answer`` wrote, in this version or another.

    Unknown fields are ignored, missing ones take their defaults. Raises StoreError where what is
    there is no answer.
    """
    try:
        return _build(Answer, json.loads(text))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise StoreError("An answer of this chat cannot be read; it is damaged.") from error


def _plain(value: Any) -> Any:
    """Return a number of NumPy's, or a mapping, as Python's own."""
    return dict(value) if isinstance(value, Mapping) else float(value)


@cache
def _hints(cls: type) -> dict[str, Any]:
    return get_type_hints(cls)


def _build(cls: type[T], told: Mapping[str, Any]) -> T:
    assert is_dataclass(cls)
    made = {}
    for each in fields(cls):
        if each.name in told:
            made[each.name] = _value(_hints(cls)[each.name], told[each.name])
        elif each.default is MISSING and each.default_factory is MISSING:
            raise KeyError(each.name)
    return cls(**made)


def _value(kind: Any, told: Any) -> Any:
    """Return ``told`` as a value of type ``kind``; JSON has no tuples and no dataclasses."""
    origin = get_origin(kind)
    if origin in (types.UnionType, Union):
        if told is None:
            return None
        return _value(next(k for k in get_args(kind) if k is not types.NoneType), told)
    if origin is tuple:
        return tuple(_value(get_args(kind)[0], item) for item in told)
    if is_dataclass(kind) and isinstance(kind, type):
        return _build(kind, told)
    if kind is float and isinstance(told, int):
        return float(told)
    wanted = dict if origin is not None else kind
    if isinstance(wanted, type) and not isinstance(told, wanted):
        raise TypeError(f"{told!r} is no {wanted.__name__}")
    return told
