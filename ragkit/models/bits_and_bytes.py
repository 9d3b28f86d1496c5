"""Linear layers of the bitsandbytes library: NF4 on CPU and CUDA, LLM.int8 on CUDA.

NF4: https://arxiv.org/abs/2305.14314, section 3. LLM.int8: https://arxiv.org/abs/2208.07339.
"""

# mypy: disable-error-code="import-not-found, import-untyped, no-untyped-call"
# (bitsandbytes may be absent, and is typed in part.)

from __future__ import annotations

import importlib
import logging
import sys
from types import ModuleType

import torch

__all__ = ["int8_linear", "load_bitsandbytes", "nf4_linear"]


def load_bitsandbytes() -> ModuleType:
    """Import the library; ImportError where it is not installed.

    When it is imported on a CPU with bfloat16 instructions it asks a hub for another kernel, by way
    of the package ``kernels``. Nothing is downloaded here, so that package is out of sight
    meanwhile, and its kernel stays the one it was built with.
    """
    found = sys.modules.get("bitsandbytes")
    if found is not None:
        return found
    hidden = sys.modules.get("kernels")
    log = logging.getLogger("bitsandbytes.backends.cpu.ops")
    level = log.level
    sys.modules["kernels"] = None  # type: ignore[assignment]  # makes "import kernels" fail
    log.setLevel(logging.ERROR)
    try:
        return importlib.import_module("bitsandbytes")
    finally:
        log.setLevel(level)
        del sys.modules["kernels"]
        if hidden is not None:
            sys.modules["kernels"] = hidden


def nf4_linear(linear: torch.nn.Linear) -> torch.nn.Module:
    """Return ``linear`` with weights of 4 bits, blocks of 64 sharing a scale, on its device."""
    layers = load_bitsandbytes().nn
    weight = linear.weight.detach()
    with torch.device("meta"):
        made = layers.Linear4bit(
            linear.in_features,
            linear.out_features,
            bias=False,
            compute_dtype=weight.dtype,
            compress_statistics=False,  # the CPU's kernel has no second quantisation
            quant_type="nf4",
        )
    made.weight = layers.Params4bit(
        weight, requires_grad=False, compress_statistics=False, quant_type="nf4", module=made
    ).to(weight.device)
    made.bias = linear.bias
    return made.eval()  # type: ignore[no-any-return]


def int8_linear(linear: torch.nn.Linear) -> torch.nn.Module:
    """Return ``linear`` with weights of 8 bits, a row sharing a scale, on its CUDA device.

    Inputs are rounded to 8 bits too, except for columns with an element beyond 6.
    """
    layers = load_bitsandbytes().nn
    weight = linear.weight.detach()
    with torch.device("meta"):
        made = layers.Linear8bitLt(
            linear.in_features,
            linear.out_features,
            bias=False,
            has_fp16_weights=False,
            threshold=6.0,
        )
    # The library rounds when a weight goes from the CPU to its device.
    made.weight = layers.Int8Params(weight.cpu(), requires_grad=False, has_fp16_weights=False).to(
        weight.device
    )
    made.bias = linear.bias
    return made.eval()  # type: ignore[no-any-return]
