"""Choosing the next token: the likeliest, or one drawn by temperature and top-p."""

# mypy: disable-error-code="import-not-found, misc, no-untyped-call"

from __future__ import annotations

import os
from typing import Any

import torch
from transformers import LogitsProcessor, TemperatureLogitsWarper, TopPLogitsWarper

__all__ = ["Draw"]


class Draw(LogitsProcessor):
    """Draws the next token and leaves it as the only one for a greedy search to take.

    transformers' own sampling draws from the process's random numbers: a seed would change what
    everything else in the process draws, and what other threads draw would change the answer.
    """

    def __init__(self, *, temperature: float, top_p: float, seed: int | None, device: Any) -> None:
        """Take ``temperature`` > 0, ``top_p`` in (0, 1], and a seed or None for a fresh one."""
        self._warpers: list[LogitsProcessor] = [TemperatureLogitsWarper(temperature)]
        if top_p < 1.0:  # nucleus sampling, https://arxiv.org/abs/1904.09751
            self._warpers.append(TopPLogitsWarper(top_p))
        self._generator = torch.Generator(device=device)
        fresh = int.from_bytes(os.urandom(8), "big") >> 1
        self._generator.manual_seed(fresh if seed is None else seed)

    def __call__(self, input_ids: torch.LongTensor, scores: torch.FloatTensor) -> Any:
        """Return ``scores``, shape (rows, vocabulary), with -inf for all tokens but the drawn."""
        warped: Any = scores
        for warper in self._warpers:
            warped = warper(input_ids, warped)
        drawn = torch.multinomial(warped.softmax(dim=-1), 1, generator=self._generator)
        only = torch.full_like(warped, float("-inf"))
        return only.scatter_(-1, drawn, 0.0)
