"""Attention of one new token on a CPU, where several query heads share a key/value head.

transformers asks torch for grouped-query attention, and torch's CPU kernel reads the keys and
values of a head again for each of its queries, one row at a time. The queries of a group laid out
as rows of one head are the same sums in the same order (the results are equal to the bit) in a
fifth of the time: see docs/generation.md.
"""

# mypy: disable-error-code="import-not-found, import-untyped, no-untyped-call"
# (transformers may be absent, and is typed in part.)

from __future__ import annotations

from typing import Any

import torch
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

__all__ = ["use_grouped_attention"]

_NAME = "sdpa_grouped"


def use_grouped_attention(model: Any) -> bool:
    """Let ``model`` attend this way where it would use torch's attention; return whether it does.

    For a model on a CPU. Prompts, and models without grouped heads, are attended as before.
    """
    if model.config._attn_implementation != "sdpa":
        return False
    AttentionInterface.register(_NAME, attend)
    AttentionMaskInterface.register(_NAME, sdpa_mask)
    model.set_attn_implementation(_NAME)
    return bool(model.config._attn_implementation == _NAME)


def attend(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    **options: Any,
) -> tuple[torch.Tensor, None]:
    """Return (batch, tokens, query heads, dimensions), and no weights, as transformers wants it.

    ``query`` is (batch, query heads, tokens, dimensions); ``key`` and ``value`` have their own
    number of heads, which divides that of the queries.
    """
    batch, heads, tokens, _ = query.shape
    groups = heads // key.shape[1]
    special = any(options.get(name) is not None for name in ("position_bias", "softcap", "cache"))
    if tokens > 1 or groups == 1 or special:
        result: tuple[torch.Tensor, None] = sdpa_attention_forward(
            module, query, key, value, attention_mask, **options
        )
        return result
    if attention_mask is not None and attention_mask.shape[1] > 1:
        attention_mask = attention_mask.reshape(batch, key.shape[1], groups, -1)
    attended = torch.nn.functional.scaled_dot_product_attention(
        query.reshape(batch, key.shape[1], groups, -1),
        key,
        value,
        attn_mask=attention_mask,
        scale=options.get("scaling"),
    )
    return attended.reshape(batch, 1, heads, -1), None
