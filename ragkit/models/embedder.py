"""Embedders: text in, vectors out, through LlamaIndex's own integration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ragkit.errors import MissingExtra, ModelUnavailable
from ragkit.models.hub import find_weights, searched_folders

if TYPE_CHECKING:
    from llama_index.core.base.embeddings.base import BaseEmbedding

__all__ = ["load_embedder", "token_counter"]


def load_embedder(model: str, *, revision: str | None = None) -> BaseEmbedding:
    """Load a sentence-transformers model from this machine's disk; never download.

    ``model`` is a local folder or a hub name whose weights are in a cache of this machine.
    Raises ModelUnavailable when they are not there or do not load, MissingExtra when the model
    libraries are not installed.
    """
    folder = find_weights(model, revision=revision)
    if folder is None:
        places = ", ".join(str(p) for p in searched_folders(model))
        raise ModelUnavailable(
            f"No weights for '{model}' on this machine (looked in {places}). "
            f"Get them: hf download {model} (mirror: HF_ENDPOINT), or work without: --preset lite."
        )
    try:
        from llama_index.embeddings.huggingface import HuggingFaceEmbedding
    except ImportError:
        raise MissingExtra(f"The embedder '{model}'", "models") from None
    try:
        embedder: BaseEmbedding = HuggingFaceEmbedding(model_name=str(folder))
    except (OSError, ValueError, RuntimeError, KeyError) as error:
        raise ModelUnavailable(
            f"The weights of '{model}' in {folder} do not load: {error}. "
            "Download them again, or choose another model."
        ) from error
    return embedder


def token_counter(embedder: BaseEmbedding) -> tuple[Any, int]:
    """Return the embedder's own counter of tokens and its limit, both without special tokens.

    LlamaIndex's default of 1024 tokens a node would leave most of the text unread by an embedder
    that sees 128.
    """
    model: Any = embedder._model  # type: ignore[attr-defined]  # no public way to its tokenizer
    tokenizer = model.tokenizer

    def count(text: str) -> int:
        return len(tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"])

    return count, int(model.max_seq_length) - int(tokenizer.num_special_tokens_to_add())
