"""Tiny InternLM2 and Qwen2 checkpoints that answer from the sources in their prompt.

They find the source's sentence that shares most words with the question, copy it and end their
turn; ``tiny_circuit`` says how. They are written in about a second and need no training.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tiny_circuit import (
    HEAD,
    HEADS,
    HIDDEN,
    INTERMEDIATE,
    LAYERS,
    POSITIONS,
    ROPE_THETA,
    Token,
    reader_weights,
)
from tiny_models import (
    QWEN2_PADDING,
    QwenShape,
    Shape,
    handbook_pieces,
    write_internlm2,
    write_qwen2,
    write_weights,
)

from ragkit.prompts import load_texts


def write_reading_internlm2(folder: Path, *, stops: bool = True, dtype: str = "bfloat16") -> Path:
    """Write an InternLM2 in the original layout that answers; return ``folder``.

    It copies the sentence of the prompt that shares most words with the prompt's end, then writes
    ``<|im_end|>``; where ``stops`` is false it never ends its turn.
    """
    from ragkit.models import internlm2

    shape = Shape(
        layers=LAYERS,
        hidden=HIDDEN,
        heads=HEADS,
        kv_heads=HEADS,
        intermediate=INTERMEDIATE,
        trained_length=POSITIONS,
        rope_theta=ROPE_THETA,
        dtype=dtype,
    )
    internlm2.register()
    write_internlm2(folder, shape=shape, pieces=handbook_pieces())
    weights = reader_weights(_tokens(folder), stops=stops)
    write_weights(folder, _internlm2_names(weights, dtype), layout="safetensors")
    return folder


def write_reading_qwen2(folder: Path, *, stops: bool = True, dtype: str = "bfloat16") -> Path:
    """Write a Qwen2 that answers as ``write_reading_internlm2``'s does; return ``folder``."""
    import torch

    shape = QwenShape(
        layers=LAYERS,
        hidden=HIDDEN,
        heads=HEADS,
        kv_heads=HEADS,
        intermediate=INTERMEDIATE,
        positions=POSITIONS,
        rope_theta=ROPE_THETA,
        tied=False,
        dtype=dtype,
    )
    write_qwen2(folder, shape=shape)
    weights = reader_weights(_tokens(folder), stops=stops, rows=QWEN2_PADDING)
    found = {name: tensor.to(getattr(torch, dtype)) for name, tensor in weights.items()}
    for name, tensor in list(found.items()):
        if ".self_attn." in name and "o_proj" not in name:
            found[name.replace("weight", "bias")] = torch.zeros_like(tensor[:, 0])
    write_weights(folder, found, layout="safetensors")
    return folder


def _internlm2_names(weights: Mapping[str, Any], dtype: str) -> dict[str, Any]:
    """Return Llama's weights as the original InternLM2 names and joins them."""
    import torch

    names = {
        "model.embed_tokens.": "model.tok_embeddings.",
        "lm_head.": "output.",
        "self_attn.o_proj": "attention.wo",
        "mlp.gate_proj": "feed_forward.w1",
        "mlp.up_proj": "feed_forward.w3",
        "mlp.down_proj": "feed_forward.w2",
        "input_layernorm": "attention_norm",
        "post_attention_layernorm": "ffn_norm",
    }
    found = {}
    for name, tensor in weights.items():
        if name.endswith(("k_proj.weight", "v_proj.weight")):
            continue
        if name.endswith("q_proj.weight"):
            parts = [
                weights[name.replace("q_proj", part)] for part in ("q_proj", "k_proj", "v_proj")
            ]
            # for each key head its queries, the key, the value
            by_head = [part.view(HEADS, HEAD, HIDDEN) for part in parts]
            tensor = torch.stack(by_head, dim=1).reshape(-1, HIDDEN)
            name = name.replace("self_attn.q_proj", "attention.wqkv")
        for old, new in names.items():
            name = name.replace(old, new)
        found[name] = tensor.to(getattr(torch, dtype)).contiguous()
    return found


def _tokens(folder: Path) -> list[Token]:
    """Return what the weights need to know of a checkpoint's tokens, by id."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    special = set(tokenizer.all_special_ids) | set(tokenizer.added_tokens_decoder)
    texts = [load_texts(code) for code in ("en", "zh")]
    around = " ".join(text.sources + text.ask for text in texts)
    rules = set(tokenizer(around, add_special_tokens=False)["input_ids"])
    return [
        Token(tokenizer.decode([n], skip_special_tokens=False), n in special, n in rules)
        for n in range(len(tokenizer))
    ]
