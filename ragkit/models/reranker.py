"""Rerankers: cross-encoders, through LlamaIndex's own ``SentenceTransformerRerank``."""

# mypy: disable-error-code="import-not-found"
# (The model libraries may be absent.)

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from ragkit.errors import MissingExtra, ModelUnavailable
from ragkit.models.device import choose_device, limit_threads
from ragkit.models.hub import find_weights, missing_weights
from ragkit.models.loading_report import complete_weights
from ragkit.models.remote_code import remote_code_allowed

if TYPE_CHECKING:
    from llama_index.core.postprocessor.types import BaseNodePostprocessor

__all__ = ["load_reranker"]

_ALL = 1000  # nodes that a call returns: who calls chooses the best


def load_reranker(
    model: str,
    *,
    revision: str | None = None,
    trust_remote_code: bool = False,
    device: str = "auto",
    status: Callable[[str], None] | None = None,
) -> BaseNodePostprocessor:
    """Load a sentence-transformers cross-encoder from this machine's disk; never download.

    ``model`` is a local folder or a hub name whose weights are in a cache of this machine. Returns
    LlamaIndex's postprocessor, which scores each node by question and text together and reads the
    first 512 tokens of both. ``status`` is told in a line what is loaded, and how long it took.
    Raises ModelUnavailable when the weights are not there, do not load, or score with more than one
    number; MissingExtra when the libraries are not installed.
    """
    folder = find_weights(model, revision=revision)
    if folder is None:
        raise ModelUnavailable(missing_weights(model))
    tell = status or (lambda line: None)
    tell(f"Loading the reranker {model}")
    began = time.monotonic()
    try:
        import sentence_transformers  # noqa: F401
        from llama_index.core.postprocessor import SentenceTransformerRerank
    except ImportError:
        raise MissingExtra(f"The reranker '{model}'", "models") from None
    trusted = remote_code_allowed(folder, revision=revision, trust_remote_code=trust_remote_code)
    place = choose_device(device)
    with complete_weights(folder):
        reranker = SentenceTransformerRerank(
            model=str(folder), top_n=_ALL, device=place, trust_remote_code=trusted
        )
    labels = reranker._model.config.num_labels
    if labels != 1:
        raise ModelUnavailable(
            f"The model in {folder} gives {labels} numbers for a text; a reranker gives one. "
            "Choose a cross-encoder trained for ranking."
        )
    if place == "cpu":
        limit_threads()
    tell(f"Reranker ready on {place} in {time.monotonic() - began:.1f} s")
    return reranker
