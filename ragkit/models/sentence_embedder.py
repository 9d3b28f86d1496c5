"""LlamaIndex's ``HuggingFaceEmbedding``, with vectors that are float32 and of length 1."""

# mypy: disable-error-code="import-not-found,misc"
# (sentence-transformers and LlamaIndex's integration may be absent.)

from __future__ import annotations

from pathlib import Path
from threading import Lock
from typing import Any

import torch
from llama_index.core.bridge.pydantic import PrivateAttr
from llama_index.embeddings.huggingface import HuggingFaceEmbedding

from ragkit.errors import ModelUnavailable
from ragkit.models.prefixes import Prefixes
from ragkit.models.reach import Reach, measure_reach

__all__ = ["SentenceEmbedder"]

_UNBOUNDED = 8192  # tokens, for models that read texts of any length

# Models whose position numbers begin after the padding's, where no torch module shows it.
_OFFSET_TYPES = frozenset({"camembert", "mpnet", "roberta", "xlm-roberta", "xlm-roberta-xl"})


class SentenceEmbedder(HuggingFaceEmbedding):
    """A sentence-transformers model as a LlamaIndex embedding, safe to use from several threads.

    Beyond its base class: ``reach``, prefixes exactly as given, the lengths of vectors set in
    float32 whatever the weights are, and a failure is raised at once, not tried again for half a
    minute. It is made by ``load_embedder``.
    """

    _lock: Lock = PrivateAttr(default_factory=Lock)
    _reach: Reach = PrivateAttr()

    @property
    def reach(self) -> Reach:
        """How much of a text it reads."""
        return self._reach

    def require_vocabulary(self, folder: Path) -> None:
        """Raise ModelUnavailable where the tokenizer's files in ``folder`` are missing.

        transformers makes an empty tokenizer then, to which all texts are the same.
        """
        rows = getattr(self._model.config, "vocab_size", None)
        tokens = len(self._model.tokenizer) if hasattr(self._model.tokenizer, "__len__") else rows
        if rows and tokens and tokens < rows // 2:
            raise ModelUnavailable(
                f"The tokenizer in {folder} has {tokens} tokens, and the model {rows}: its files "
                "are missing or damaged. Download the model again."
            )

    def prepare(self, prefixes: Prefixes) -> None:
        """Set the prefixes and find the reach; once, after loading."""
        # The base class takes "" for a prefix that was not given, and hides the model's own.
        self._model.prompts = {"query": prefixes.query, "text": prefixes.document}
        longest = _longest(self._model)
        if self._model.max_seq_length != longest:
            self._model.max_seq_length = longest  # a question beyond the positions would fail
        self._reach = measure_reach(
            self._model.tokenizer, longest=longest, prefix=prefixes.document, lock=self._lock
        )

    def _embed(self, inputs: list[Any], prompt_name: str | None = None) -> list[list[float]]:
        with self._lock:
            vectors = self._model.encode(
                inputs,
                batch_size=self.embed_batch_size,
                prompt_name=prompt_name,
                convert_to_tensor=True,
                show_progress_bar=False,
            )
        unit = torch.nn.functional.normalize(vectors.float(), dim=-1)
        found: list[list[float]] = unit.tolist()
        return found


def _longest(model: Any) -> int:
    """Return how many tokens ``model`` reads, special ones included."""
    limits = [model.max_seq_length, getattr(model.tokenizer, "model_max_length", None)]
    for name, module in model.named_modules():
        if name.endswith("position_embeddings") and isinstance(module, torch.nn.Embedding):
            # RoBERTa and its kin count positions from the padding's number on.
            unused = 0 if module.padding_idx is None else module.padding_idx + 1
            limits.append(module.num_embeddings - unused)
    config: Any = getattr(model, "config", None)
    if model.get_backend() != "torch" and hasattr(config, "max_position_embeddings"):
        unused = config.pad_token_id + 1 if config.model_type in _OFFSET_TYPES else 0
        limits.append(config.max_position_embeddings - unused)
    return int(min(_UNBOUNDED, *(limit for limit in limits if limit)))
