"""The keys and values of a prompt, kept so that the next one reads only what is new in it.

A conversation begins the same each time: the instruction, then the turns so far. What a model
computed for these tokens is the same again, and reading a prompt is most of the wait for the first
word.
"""

# mypy: disable-error-code="import-not-found, import-untyped, misc, no-untyped-call"
# (transformers may be absent, and is typed in part.)

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer

__all__ = ["Prefix", "begin_cache", "keep_cache"]

_KEY = "prefix"
_LIMIT = 4096  # tokens that are kept: what the memory check allows for
_ROOM = 256  # tokens by which a full cache grows
# Tokens of a prompt that are always read: the logits of the last begin the answer, and a row alone
# is rounded otherwise than among many. A question asked again would be answered otherwise.
_REREAD = 8
# Types of rope scaling whose frequencies change where a prompt is longer than the trained length.
_BY_LENGTH = ("dynamic", "longrope")


@dataclass(frozen=True, eq=False)
class Prefix:
    """``cache`` holds the keys and values of exactly ``ids``."""

    ids: tuple[int, ...]
    cache: Any


def begin_cache(kept: dict[str, Any], model: Any, ids: Sequence[int]) -> Any:
    """Return a cache with the longest beginning of ``ids`` that was kept; it may be empty.

    None for a model with a kind of cache of its own.

    ``generate`` gets it as ``past_key_values`` with all of ``ids``, and reads the rest. What was
    kept is taken out: a generation that fails, or is left in the middle of a prompt, leaves
    nothing half-written behind.
    """
    prefix: Prefix | None = kept.pop(_KEY, None)
    if not model._supports_default_dynamic_cache():
        return None
    if prefix is not None and len(ids) <= _length_limit(model.config):
        common = min(_common(prefix.ids, ids), len(ids) - _REREAD)
        if common > 0:
            prefix.cache.crop(min(0, common - len(prefix.ids)))
            return prefix.cache
    cache = DynamicCache(config=model.config)
    if model.device.type == "cpu":
        cache.layers = [GrowingLayer() if type(x) is DynamicLayer else x for x in cache.layers]
    return cache


def keep_cache(
    kept: dict[str, Any], model: Any, cache: Any, ids: Sequence[int], *, prompt: int
) -> None:
    """Keep ``cache`` after ``generate`` returned ``ids``, the first ``prompt`` of them its prompt.

    At most 4,096 tokens are kept, of one prompt at a time. Nothing is kept of a model whose layers
    forget (a sliding window, a state), nor of a prompt past the length from which dynamic rope
    turns the keys by other frequencies: they would be wrong in a prompt of another length.
    """
    if cache is None or any(
        type(layer) not in (DynamicLayer, GrowingLayer) for layer in cache.layers
    ):
        return
    limit = _length_limit(model.config)
    held = min(layer.get_seq_length() for layer in cache.layers)
    if prompt > limit or held > len(ids):
        return
    count = min(held, _LIMIT, limit)
    for layer in cache.layers:
        layer.crop(min(0, count - layer.get_seq_length()))
        if held > count:  # a copy, so that the rest is given back
            layer.keys, layer.values = layer.keys.clone(), layer.values.clone()
    kept[_KEY] = Prefix(tuple(ids[:count]), cache)


def _length_limit(config: Any) -> float:
    """Return up to how many tokens the keys do not depend on a prompt's length."""
    text = config.get_text_config(decoder=True)
    rope = getattr(text, "rope_parameters", None) or {}
    kinds = [rope, *(part for part in rope.values() if isinstance(part, dict))]
    scaled = [kind for kind in kinds if kind.get("rope_type") in _BY_LENGTH]
    lengths = [kind.get("original_max_position_embeddings") for kind in scaled]
    return min((n or text.max_position_embeddings for n in lengths), default=float("inf"))


def _common(first: Sequence[int], second: Sequence[int]) -> int:
    """Return how many tokens both begin with."""
    for number, (one, other) in enumerate(zip(first, second, strict=False)):
        if one != other:
            return number
    return min(len(first), len(second))


class GrowingLayer(DynamicLayer):
    """Keys and values of one layer in memory with room to grow.

    ``DynamicLayer`` copies all of them for each new token. Here ``keys`` and ``values`` are the
    used part of larger tensors; where something else was put in their place, that is taken over.
    """

    def __init__(self) -> None:
        super().__init__()
        self._stores: list[torch.Tensor] = []

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Append states of (batch, heads, tokens, dimensions); return all there are."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        held = self.get_seq_length()
        end = held + key_states.shape[-2]
        self._make_room(key_states, value_states, held, end)
        for store, states in zip(self._stores, (key_states, value_states), strict=True):
            store[:, :, held:end] = states
        self.keys, self.values = (store[:, :, :end] for store in self._stores)
        return self.keys, self.values

    def _make_room(self, keys: torch.Tensor, values: torch.Tensor, held: int, end: int) -> None:
        now: tuple[Any, Any] = (self.keys, self.values)
        if held and end <= self._room() and all(map(_same_memory, self._stores, now)):
            return
        stores = []
        for states, before in zip((keys, values), now, strict=True):
            batch, heads, _, dimensions = states.shape
            store = states.new_empty(batch, heads, end + _ROOM, dimensions)
            if held:
                store[:, :, :held] = before
            stores.append(store)
        self._stores = stores

    def _room(self) -> int:
        return self._stores[0].shape[2] if self._stores else 0

    def reset(self) -> None:
        """Forget everything."""
        self._stores = []
        super().reset()


def _same_memory(one: torch.Tensor, other: torch.Tensor) -> bool:
    return one.data_ptr() == other.data_ptr() and one.shape[0] == other.shape[0]
