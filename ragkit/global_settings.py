"""LlamaIndex's global ``Settings``, set from a preset."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from ragkit.config import Config, load_config
from ragkit.parts import Parts, weights_present

__all__ = ["configure"]


def configure(preset: str | None = None, *, settings: Mapping[str, Any] | None = None) -> Config:
    """Set LlamaIndex's global ``Settings`` from a preset and return the configuration.

    Sets ``Settings.llm``, ``embed_model`` and ``node_parser``, loading the models.
    Where the preset has no embedder or no model, LlamaIndex's explicit "none" is set, so that
    nothing reaches for a remote service. Raises ConfigError and ModelUnavailable.
    """
    arguments = dict(settings or {}) | ({"preset": preset} if preset else {})
    config = load_config(arguments=arguments, weights_present=weights_present).config
    parts = Parts(config)
    from llama_index.core import Settings

    from ragkit.ingest.node_parser import SentenceAwareSplitter

    parts.require_llm()
    sizing = parts.sizing
    # Their types are wider where LangChain is installed.
    Settings.llm = cast("Any", parts.llm)
    Settings.embed_model = cast("Any", parts.embedder)
    Settings.node_parser = SentenceAwareSplitter(
        count_tokens=sizing.count_tokens,
        chunk_size=sizing.chunk_size,
        chunk_overlap=sizing.chunk_overlap,
    )
    return config
