"""Linear layers with weights of 8 bits on a CPU, over torch's own integer kernels."""

# mypy: disable-error-code="import-not-found, misc, no-untyped-call"
# (torch may be absent, and is typed in part.)

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import TypeAlias

import torch

__all__ = ["Int8Linear", "int8_kernel"]

Multiply: TypeAlias = Callable[[torch.Tensor], torch.Tensor]

_ROWS_AT_ONCE = 16384  # of a weight matrix: bounds the float32 copy that is made to round it
_TINY = 1e-30  # keeps a row of zeros from dividing by zero
_FEW = 4  # rows for which multiplying twice as many takes hardly longer
_OUTLIER = 24.0  # times the mean element: there half a step is 24 / 254 = 9% of a typical one


class Int8Linear(torch.nn.Module):
    """``x @ weight.T + bias`` with weights of 8 bits, one scale to a row, and integer arithmetic.

    The kernel multiplies integers of 8 bits, so ``x`` is rounded too: token by token, to steps of
    its largest element. Where eight bits are coarse for that, what rounding left over is rounded to
    a second eight bits, multiplied as one more row and added: then all that is lost is in the
    weights. Reading the weights is what takes the time of a few rows, so for them the second
    part is nearly free and always used; of many (a prompt), the rows with an outlier have it.
    """

    def __init__(self, linear: torch.nn.Linear) -> None:
        super().__init__()
        self.in_features, self.out_features = linear.in_features, linear.out_features
        self.bias: torch.Tensor | None = None
        if linear.bias is not None:
            self.bias = linear.bias.detach().float()
        self._steps = input_steps()
        pack = int8_kernel()
        if pack is None:
            raise RuntimeError("torch has no kernel for 8-bit weights on this CPU")
        self._blocks = [pack(block) for block in linear.weight.detach().split(_ROWS_AT_ONCE)]

    @torch.no_grad()
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return (…, out_features) in the dtype of ``x``, (…, in_features)."""
        rows = x.reshape(-1, self.in_features).float()
        largest = rows.abs().amax(1, keepdim=True).clamp_(min=_TINY)
        scaled = rows * (self._steps / largest)
        product = self._multiply(scaled, _needs_more(rows, largest))
        product.mul_(largest / self._steps)
        if self.bias is not None:
            product += self.bias
        return product.to(x.dtype).reshape(*x.shape[:-1], self.out_features)

    def _multiply(self, scaled: torch.Tensor, finer: torch.Tensor | None) -> torch.Tensor:
        """Return the product of rows within ±steps; ``finer`` picks those with a second part."""
        zoom = 2.0 * self._steps
        if finer is None:
            both = scaled.new_empty(2, *scaled.shape)
            torch.round(scaled, out=both[0])
            torch.sub(scaled, both[0], out=both[1]).mul_(zoom)
            parts = self._integers(both.flatten(0, 1))
            return torch.add(parts[: len(scaled)], parts[len(scaled) :], alpha=1 / zoom)
        product = self._integers(scaled)
        if len(finer):
            left = scaled[finer]
            rest = left.sub_(left.round()).mul_(zoom)
            product.index_add_(0, finer, self._integers(rest), alpha=1 / zoom)
        return product

    def _integers(self, rows: torch.Tensor) -> torch.Tensor:
        """Return the product with ``rows`` rounded to whole numbers within ±steps."""
        parts = [multiply(rows) for multiply in self._blocks]
        whole: torch.Tensor = parts[0] if len(parts) == 1 else torch.cat(parts, 1)
        return whole

    def extra_repr(self) -> str:
        """Return what ``print(model)`` shows."""
        return f"{self.in_features}, {self.out_features}, bias={self.bias is not None}"


def _needs_more(rows: torch.Tensor, largest: torch.Tensor) -> torch.Tensor | None:
    """Return which rows get a second part: None for all."""
    if len(rows) <= _FEW:
        return None
    # The mean, which a few large elements move less than they move the root mean square.
    typical = rows.abs().mean(1, keepdim=True)
    found: torch.Tensor = (largest > _OUTLIER * typical).flatten().nonzero().flatten()
    return found


def input_steps() -> int:
    """Return how many steps of the input there are to each side of zero.

    127 with VNNI, which adds products in 32 bits. Without it pairs of products are added in 16 bits
    first, which 63 · 2 steps can't overflow: 2 · 126 · 127 < 2**15.
    """
    supported: Callable[[], bool] = getattr(torch.cpu, "_is_vnni_supported", lambda: False)
    return 127 if supported() else 63


def int8_kernel() -> Callable[[torch.Tensor], Multiply] | None:
    """Return what packs a weight for this CPU; None where torch has no such kernel.

    FBGEMM's reads weights at twice the speed of oneDNN's, but takes a kind of tensor that a later
    torch will be without (https://github.com/pytorch/pytorch/issues/184982).
    """
    operators = torch.ops.quantized
    engines = torch.backends.quantized.supported_engines
    multiply = hasattr(operators, "linear_with_input_q_dq_qweight_dq_output_fp32")
    if multiply and "fbgemm" in engines and hasattr(torch, "quantize_per_channel"):
        return _pack_fbgemm
    if "onednn" in engines and hasattr(torch.ops.onednn, "qlinear_pointwise"):
        return _pack_onednn
    return None


def _pack_fbgemm(weight: torch.Tensor) -> Multiply:
    """Return the product with ``weight``, its rows rounded to -127 … 127 of their own steps."""
    floats, scales = weight.float(), _scales(weight).double()
    zeros = torch.zeros(len(floats), dtype=torch.long)
    before = torch.backends.quantized.engine
    torch.backends.quantized.engine = "fbgemm"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # see int8_kernel
            quantized = torch.quantize_per_channel(floats, scales, zeros, 0, torch.qint8)
        packed = torch.ops.quantized.linear_prepack(quantized, None)
    finally:
        torch.backends.quantized.engine = before
    zero = input_steps() + 1
    multiply = torch.ops.quantized.linear_with_input_q_dq_qweight_dq_output_fp32
    return lambda rows: multiply(rows, 1.0, zero, packed)


def _pack_onednn(weight: torch.Tensor) -> Multiply:
    """Return the same with oneDNN."""
    scales = _scales(weight)
    whole = (weight.float() / scales[:, None]).round_().to(torch.int8)
    packed = torch.ops.onednn.qlinear_prepack(whole, None)
    zeros = torch.zeros(len(whole), dtype=torch.int32)
    zero = input_steps() + 1

    def multiply(rows: torch.Tensor) -> torch.Tensor:
        product: torch.Tensor = torch.ops.onednn.qlinear_pointwise(
            (rows.round() + zero).to(torch.uint8),
            *(1.0, zero, packed, scales, zeros, None),
            *(1.0, 0, torch.float32, "none", [], ""),
        )
        return product

    return multiply


def _scales(weight: torch.Tensor) -> torch.Tensor:
    return (weight.abs().amax(1).float() / 127).clamp_(min=_TINY)
