"""Tiny InternLM2 checkpoints in the original layout, written in a second or less.

They have what the published ones have: ``config.json`` with ``auto_map``, fused ``wqkv`` weights, a
sentencepiece ``tokenizer.model``, and Python files, which here leave a mark if anything runs them.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

Layout = Literal["safetensors", "safetensors-sharded", "bin", "bin-sharded"]

CHAT_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + "
    "message['content'] + '<|im_end|>' + '\n'}}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
SPECIAL = (
    "<|plugin|>",
    "<|interpreter|>",
    "<|action_end|>",
    "<|action_start|>",
    "<|im_end|>",
    "<|im_start|>",
)
_WORDS = "the server needs memory and port user assistant system what is how many open default"
_CHINESE = "知识库 什么 内存 端口 备份 每天 系统 默认 多少 是 的 在 需要 。 ？ ，"
_NORMAL, _UNKNOWN, _CONTROL, _USER_DEFINED, _BYTE = 1, 2, 3, 4, 6
MARK = "code-was-run"


@dataclass(frozen=True, kw_only=True)
class Shape:
    """What the weights are like; the defaults are grouped heads without bias or rope scaling."""

    layers: int = 2
    hidden: int = 32
    heads: int = 4
    kv_heads: int = 2
    intermediate: int = 48
    trained_length: int = 128
    bias: bool = False
    rope_scaling: dict[str, Any] | None = None
    rope_theta: float = 10000
    vocabulary: int | None = None  # at least as large as the tokenizer's, which is the default
    dtype: str = "float32"


def write_internlm2(
    folder: Path,
    *,
    shape: Shape | None = None,
    layout: Layout = "safetensors",
    seed: int = 0,
    pieces: Sequence[str] = (),
) -> Path:
    """Write a random checkpoint in the original layout into ``folder``, and return it.

    ``pieces`` are words of the tokenizer besides its few own, the first joined first; with
    ``tiny_models.handbook_pieces()`` a token is about as long as a real model's.
    """
    shape = shape or Shape()
    folder.mkdir(parents=True, exist_ok=True)
    size = write_internlm2_tokenizer(folder, pieces)
    vocabulary = shape.vocabulary or size
    _dump(folder / "config.json", _config(shape, vocabulary))
    _dump(
        folder / "generation_config.json",
        {"_from_model_config": True, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 2},
    )
    for name in ("configuration", "modeling"):
        write_marking_code(folder / f"{name}_internlm2.py")
    write_weights(folder, random_weights(shape, vocabulary, seed=seed), layout=layout)
    return folder


def write_internlm2_tokenizer(folder: Path, words: Sequence[str] = ()) -> int:
    """Write ``tokenizer.model`` and its settings; return the size of the vocabulary."""
    pieces = _pieces(words)
    (folder / "tokenizer.model").write_bytes(sentencepiece_model(pieces))
    first = len(pieces) - len(SPECIAL)
    numbers = {0: "<unk>", 1: "<s>", 2: "</s>", **dict(enumerate(SPECIAL, first))}
    settings = {
        "add_bos_token": True,
        "add_eos_token": False,
        "added_tokens_decoder": {
            str(number): {
                "content": text,
                "lstrip": False,
                "normalized": False,
                "rstrip": False,
                "single_word": False,
                "special": True,
            }
            for number, text in numbers.items()
        },
        "additional_special_tokens": list(reversed(SPECIAL)),
        "auto_map": {
            "AutoTokenizer": [
                "tokenization_internlm2.InternLM2Tokenizer",
                "tokenization_internlm2_fast.InternLM2TokenizerFast",
            ]
        },
        "bos_token": "<s>",
        "chat_template": CHAT_TEMPLATE,
        "clean_up_tokenization_spaces": False,
        "eos_token": "</s>",
        "pad_token": "</s>",
        "tokenizer_class": "InternLM2Tokenizer",
        "unk_token": "<unk>",
    }
    _dump(folder / "tokenizer_config.json", settings)
    for name in ("tokenization_internlm2", "tokenization_internlm2_fast"):
        write_marking_code(folder / f"{name}.py")
    return len(pieces)


def write_marking_code(path: Path) -> None:
    """Write a Python file that leaves ``MARK`` beside itself, wherever it is copied, when run."""
    path.parent.mkdir(parents=True, exist_ok=True)
    mark = path.parent / MARK
    path.write_text(f"open({str(mark)!r}, 'w').close()\n", "utf-8")


def random_weights(shape: Shape, vocabulary: int, *, seed: int) -> dict[str, Any]:
    """Return weights by the names that the original checkpoints give them."""
    import torch

    generator = torch.Generator().manual_seed(seed)
    dtype = getattr(torch, shape.dtype)

    def matrix(rows: int, columns: int) -> Any:
        # By this spread activations neither die nor explode, and logits differ clearly.
        return (torch.randn(rows, columns, generator=generator) / columns**0.5).to(dtype)

    def vector(size: int, centre: float) -> Any:
        return (centre + 0.2 * torch.randn(size, generator=generator)).to(dtype)

    head = shape.hidden // shape.heads
    fused = (shape.heads + 2 * shape.kv_heads) * head
    weights = {
        "model.tok_embeddings.weight": matrix(vocabulary, shape.hidden) * shape.hidden**0.5,
        "model.norm.weight": vector(shape.hidden, 1.0),
        "output.weight": 3 * matrix(vocabulary, shape.hidden),
    }
    for layer in range(shape.layers):
        at = f"model.layers.{layer}."
        weights[at + "attention.wqkv.weight"] = 2 * matrix(fused, shape.hidden)
        weights[at + "attention.wo.weight"] = matrix(shape.hidden, shape.hidden)
        weights[at + "attention_norm.weight"] = vector(shape.hidden, 1.0)
        weights[at + "ffn_norm.weight"] = vector(shape.hidden, 1.0)
        weights[at + "feed_forward.w1.weight"] = matrix(shape.intermediate, shape.hidden)
        weights[at + "feed_forward.w2.weight"] = matrix(shape.hidden, shape.intermediate)
        weights[at + "feed_forward.w3.weight"] = matrix(shape.intermediate, shape.hidden)
        if shape.bias:
            weights[at + "attention.wqkv.bias"] = vector(fused, 0.0)
            weights[at + "attention.wo.bias"] = vector(shape.hidden, 0.0)
    return weights


def write_weights(folder: Path, weights: dict[str, Any], *, layout: Layout) -> None:
    """Write ``weights`` as the hub has them: one file, or two with an index."""
    import torch
    from safetensors.torch import save_file

    name, suffix = (
        ("model", "safetensors") if layout.startswith("safe") else ("pytorch_model", "bin")
    )

    def save(part: dict[str, Any], path: Path) -> None:
        if suffix == "bin":
            torch.save(part, path)
        else:
            save_file(part, path, metadata={"format": "pt"})

    if not layout.endswith("-sharded"):
        save(weights, folder / f"{name}.{suffix}")
        return
    names = sorted(weights)
    where: dict[str, str] = {}
    for number, half in enumerate((names[::2], names[1::2]), 1):
        file = f"{name}-{number:05}-of-00002.{suffix}"
        save({key: weights[key] for key in half}, folder / file)
        where |= dict.fromkeys(half, file)
    total = sum(tensor.nbytes for tensor in weights.values())
    index = {"metadata": {"total_size": total}, "weight_map": where}
    _dump(folder / f"{name}.{suffix}.index.json", index)


def sentencepiece_model(pieces: list[tuple[str, float, int]]) -> bytes:
    """Return a serialised BPE ModelProto of ``(text, score, type)`` without a dummy prefix.

    Format: https://github.com/google/sentencepiece/blob/master/src/sentencepiece_model.proto
    """
    parts = [
        _bytes(1, _bytes(1, text.encode()) + b"\x15" + struct.pack("<f", score) + _number(3, kind))
        for text, score, kind in pieces
    ]
    parts.append(_bytes(2, _number(3, 2) + _number(4, len(pieces)) + _number(35, 1)))
    parts.append(_bytes(3, _bytes(1, b"identity") + _number(3, 0) + _number(4, 0)))
    return b"".join(parts)


def _pieces(more: Sequence[str]) -> list[tuple[str, float, int]]:
    """Return the vocabulary in the published order: control, bytes, words, special tokens."""
    found = [("<unk>", 0.0, _UNKNOWN), ("<s>", 0.0, _CONTROL), ("</s>", 0.0, _CONTROL)]
    found += [(f"<0x{byte:02X}>", 0.0, _BYTE) for byte in range(256)]
    # Each beginning of a word is a piece, so that every word can be joined from its letters.
    words = [f"▁{word}" for word in _WORDS.split()] + _CHINESE.split()
    texts = [*more, *(word[:end] for word in words for end in range(2, len(word) + 1))]
    texts += sorted(
        {letter for word in words for letter in word} | set("abcdefghijklmnopqrstuvwxyz")
    )
    found += [(text, -float(rank), _NORMAL) for rank, text in enumerate(dict.fromkeys(texts))]
    return found + [(f"[UNUSED_TOKEN_{141 + n}]", 0.0, _USER_DEFINED) for n in range(len(SPECIAL))]


def _config(shape: Shape, vocabulary: int) -> dict[str, Any]:
    return {
        "architectures": ["InternLM2ForCausalLM"],
        "attn_implementation": "eager",
        "auto_map": {
            "AutoConfig": "configuration_internlm2.InternLM2Config",
            "AutoModelForCausalLM": "modeling_internlm2.InternLM2ForCausalLM",
            "AutoModel": "modeling_internlm2.InternLM2ForCausalLM",
        },
        "bias": shape.bias,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "hidden_act": "silu",
        "hidden_size": shape.hidden,
        "initializer_range": 0.02,
        "intermediate_size": shape.intermediate,
        "max_position_embeddings": shape.trained_length,
        "model_type": "internlm2",
        "num_attention_heads": shape.heads,
        "num_hidden_layers": shape.layers,
        "num_key_value_heads": shape.kv_heads,
        "pad_token_id": 2,
        "rms_norm_eps": 1e-05,
        "rope_scaling": shape.rope_scaling,
        "rope_theta": shape.rope_theta,
        "tie_word_embeddings": False,
        "torch_dtype": shape.dtype,
        "use_cache": True,
        "vocab_size": vocabulary,
    }


def _dump(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False), "utf-8")


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _bytes(field: int, value: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(value)) + value
