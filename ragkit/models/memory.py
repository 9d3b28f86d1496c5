"""What a model's weights and its cache take, and whether that fits."""

from __future__ import annotations

import json
import struct
from math import prod
from pathlib import Path
from typing import Any, Literal

from ragkit.errors import ModelUnavailable

__all__ = ["Quantization", "cache_bytes_per_token", "check_memory", "weight_bytes", "weight_files"]

Quantization = Literal["none", "int8", "int4"]

# Bound on what is left of 16-bit weights: rounded rows, their scales, and one layer in full.
_SHARE = {"none": 1.0, "int8": 0.7, "int4": 0.45}
_ITEM = {"float32": 4, "bfloat16": 2, "float16": 2}
_FLOATS = {"F64", "F32", "F16", "BF16"}
_CACHED_TOKENS = 4096  # a question, its sources and the answer, with room to spare
_HEADER_LIMIT = 100_000_000  # bytes: the format's own


def check_memory(
    folder: Path, config: Any, *, dtype: str, device: str, quantization: Quantization, free: int
) -> int:
    """Return the bytes the weights take; raise ModelUnavailable where ``free`` is too little.

    What is needed is the weights in ``dtype`` and the keys and values of 4,096 tokens (or of the
    model's whole context, where that is less). Quantised weights count in full on a GPU, which
    holds them before they are rounded; a CPU reads them layer by layer from the mapped file, where
    that is in ``dtype`` already.
    """
    weights = weight_bytes(folder, dtype)
    if device == "cpu" and weights <= sum(file.stat().st_size for file in weight_files(folder)):
        weights = int(weights * _SHARE[quantization])
    tokens = min(_CACHED_TOKENS, getattr(config, "max_position_embeddings", None) or _CACHED_TOKENS)
    cache = tokens * cache_bytes_per_token(config, dtype)
    if weights + cache > free:
        raise ModelUnavailable(
            f"The model in {folder} needs {_gib(weights + cache)} of memory on {device} "
            f"({_gib(weights)} of weights in {dtype}, {_gib(cache)} for {tokens} tokens), and "
            f"{_gib(free)} are free. {_smaller(device, dtype, quantization)}"
        )
    return weights


def _smaller(device: str, dtype: str, quantization: Quantization) -> str:
    ways = ["llm.quantization = 'int8'"] if device == "cpu" and quantization == "none" else []
    ways += ["llm.dtype = 'auto'"] if dtype == "float32" else []
    ways += ["llm.device = 'cpu'"] if device != "cpu" else []
    return f"Free some, or set {' or '.join(ways)}." if ways else "Free some, or use a smaller one."


def weight_bytes(folder: Path, dtype: str) -> int:
    """Return what the weights in ``folder`` take in ``dtype``, from the files' headers or sizes."""
    total = 0
    for file in weight_files(folder):
        if file.suffix == ".safetensors":
            total += _safetensors_bytes(file, _ITEM[dtype])
        else:
            total += file.stat().st_size * _ITEM[dtype] // _item_size_of_bin(folder)
    return total


def weight_files(folder: Path) -> list[Path]:
    """Return the files that transformers reads: safetensors where there are any, else ``.bin``."""
    for name in ("model.safetensors", "pytorch_model.bin"):
        if (folder / name).is_file():
            return [folder / name]
        index = folder / f"{name}.index.json"
        if index.is_file():
            try:
                shards = set(json.loads(index.read_text("utf-8"))["weight_map"].values())
            except (KeyError, ValueError) as error:
                raise ModelUnavailable(
                    f"{index} cannot be read: {error}. Download the model again."
                ) from error
            return _all_there([folder / shard for shard in sorted(shards)])
    return []


def _all_there(files: list[Path]) -> list[Path]:
    missing = [file.name for file in files if not file.is_file()]
    if missing:
        raise ModelUnavailable(
            f"{len(missing)} of {len(files)} weight files are missing in {files[0].parent}: "
            f"{', '.join(missing)}. Download the model again."
        )
    return files


def _safetensors_bytes(file: Path, item: int) -> int:
    """Return the bytes of a file's tensors with floating-point numbers of ``item`` bytes.

    Format: https://github.com/huggingface/safetensors#format
    """
    with file.open("rb") as stream:
        try:
            (length,) = struct.unpack("<Q", stream.read(8))
            header = json.loads(stream.read(min(length, _HEADER_LIMIT)))
            header.pop("__metadata__", None)
            return sum(_tensor_bytes(tensor, item) for tensor in header.values())
        except (struct.error, ValueError, KeyError, TypeError, AttributeError) as error:
            raise ModelUnavailable(
                f"{file} is no safetensors file, or was not downloaded to its end ({error}). "
                "Download the model again."
            ) from error


def _tensor_bytes(tensor: dict[str, Any], item: int) -> int:
    start, end = tensor["data_offsets"]
    return prod(tensor["shape"]) * item if tensor["dtype"] in _FLOATS else int(end - start)


def _item_size_of_bin(folder: Path) -> int:
    config = json.loads((folder / "config.json").read_text("utf-8"))
    return _ITEM.get(str(config.get("dtype") or config.get("torch_dtype")), 2)


def cache_bytes_per_token(config: Any, dtype: str) -> int:
    """Return what the keys and values of one token take in all layers."""
    heads = config.num_attention_heads
    head_dim = getattr(config, "head_dim", None) or config.hidden_size // heads
    kv_heads = getattr(config, "num_key_value_heads", None) or heads
    return int(2 * config.num_hidden_layers * kv_heads * head_dim * _ITEM[dtype])


def _gib(size: int) -> str:
    return f"{size / 2**30:.1f} GiB" if size >= 2**30 / 10 else f"{size / 2**20:.1f} MiB"
