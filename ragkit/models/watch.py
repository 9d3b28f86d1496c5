"""Ending a generation from outside: between tokens, and in the middle of a forward pass."""

# mypy: disable-error-code="import-not-found, misc, no-untyped-call"
# (Base classes of type Any where transformers is not installed, partly typed ones where it is.)

from __future__ import annotations

import threading
from typing import Any

import torch
from transformers import StoppingCriteria

from ragkit.models.causal import Causal
from ragkit.models.handover import Handover, Interruption

__all__ = ["LeaveForward", "Watch"]


class LeaveForward(Exception):
    """No error: the way out of a forward pass whose result nobody waits for."""


class Watch(StoppingCriteria):
    """Ends the generation when the hand-over says so: between tokens, and inside a long prompt."""

    def __init__(self, handover: Handover, causal: Causal) -> None:
        self.handover = handover
        self.reason: Interruption | None = None
        self._model = causal.model
        self._hooks: list[Any] = []

    def __call__(self, input_ids: torch.LongTensor, scores: Any, **kwargs: Any) -> Any:
        """Return, for each row, whether to stop after this token."""
        return torch.full(input_ids.shape[:1], self._due(), device=input_ids.device)

    def hook(self) -> None:
        """Look before each part of each layer too: a long prompt is one pass of seconds."""
        thread = threading.get_ident()

        def check(*_: Any) -> None:
            if threading.get_ident() == thread and self._due():
                raise LeaveForward

        self._hooks = [part.register_forward_pre_hook(check) for part in _steps(self._model)]

    def unhook(self) -> None:
        """Stop looking there; a single token is soon done."""
        while self._hooks:
            self._hooks.pop().remove()

    def _due(self) -> bool:
        self.reason = self.reason or self.handover.interruption()
        return self.reason is not None


def _steps(model: Any) -> list[Any]:
    """Return the decoder layers and the modules right inside them, such as attention and MLP."""
    count = model.config.get_text_config(decoder=True).num_hidden_layers
    lists = (part for part in model.modules() if isinstance(part, torch.nn.ModuleList))
    layers = [layer for part in lists if len(part) == count for layer in part]
    return [*layers, *(child for layer in layers for child in layer.children())]
