"""Weights in fewer bits: smaller in memory, and faster where reading them is what takes the time.

A model that answers one reader reads all its weights for each token, so half the bits are up to
twice the speed. The weights of linear layers, the head's among them, are rounded to the nearest of
255 (int8) or 16 (int4) steps; embeddings and norms stay as they are. What that costs and gains is
measured in docs/generation.md.
"""

# mypy: disable-error-code="import-not-found, import-untyped, misc, no-untyped-call"
# (torch and bitsandbytes may be absent, and are typed in part.)

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable
from typing import Any, Literal

import torch

from ragkit.errors import ConfigError, MissingExtra
from ragkit.models.int8_linear import Int8Linear, int8_kernel

__all__ = ["quantize"]


def quantize(model: Any, bits: Literal["int8", "int4"]) -> None:
    """Replace the linear layers of ``model`` in place, one after the other.

    Each float weight is freed before the next is rounded, so memory never rises above that of the
    float model by more than one layer. Call it when the model is on its device. Layers that ran
    before are not to be used any longer.

    On a CPU int8 is torch's own kernel (x86 with AVX2 or AVX-512). int8 on CUDA and int4 on both
    are bitsandbytes; then the head, and layers of odd sizes, keep 16 bits on CUDA and have 8 on
    a CPU. Raises
    ConfigError where the device has no such kernel, MissingExtra where bitsandbytes is not
    installed.
    """
    device = next(model.parameters()).device.type
    convert = _converter(bits, device)
    head = model.get_output_embeddings()
    trim = _trimmer()
    names = [name for name, part in model.named_modules() if type(part) is torch.nn.Linear]
    for name in names:
        parent, _, attribute = name.rpartition(".")
        owner = model.get_submodule(parent)
        linear = getattr(owner, attribute)
        if linear is not head and (bits == "int8" or _fits_int4(linear)):
            setattr(owner, attribute, convert(linear))
        elif device == "cpu" and int8_kernel() is not None:
            setattr(owner, attribute, Int8Linear(linear))
        del linear
        trim()


def _fits_int4(linear: torch.nn.Linear) -> bool:
    """Return whether the kernels' blocks divide both sides, as they do in published models."""
    return linear.in_features % 64 == 0 and linear.out_features % 64 == 0


def _trimmer() -> Callable[[], object]:
    """Return what gives freed memory back to the system.

    By itself glibc keeps what it hands out in pieces below 32 MB, which is all of a model.
    """
    if sys.platform != "linux":
        return lambda: None
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    return (lambda: trim(0)) if trim else (lambda: None)


def _converter(bits: str, device: str) -> Callable[[torch.nn.Linear], torch.nn.Module]:
    if device not in ("cpu", "cuda"):
        raise ConfigError(
            f"llm.quantization = {bits!r} is not possible on device '{device}'. "
            "Set it to 'none', or llm.device = 'cpu'."
        )
    if bits == "int8" and device == "cpu":
        if int8_kernel() is None:
            raise ConfigError(
                "llm.quantization = 'int8' needs an x86 CPU and torch's kernels for it (FBGEMM or "
                "oneDNN). Set it to 'none'."
            )
        return Int8Linear
    from ragkit.models.bits_and_bytes import int8_linear, load_bitsandbytes, nf4_linear

    try:
        load_bitsandbytes()
    except ImportError:
        raise MissingExtra(f"llm.quantization = {bits!r} on {device}", "quant") from None
    return nf4_linear if bits == "int4" else int8_linear
