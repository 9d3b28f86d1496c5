"""A causal language model as an embedder: the mean of its last hidden states.

The weights are the ones that write the answers: nothing is loaded here.
"""

# mypy: disable-error-code="import-not-found"
# (torch may be absent.)

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import Lock
from typing import Any

from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.bridge.pydantic import PrivateAttr

from ragkit.models.causal import Causal, context_window
from ragkit.models.prefixes import Prefixes
from ragkit.models.reach import Reach, measure_reach
from ragkit.models.turns import Turns

__all__ = ["LLMEmbedder", "load_llm_embedder"]

_LONGEST = 512  # tokens: the mean over more says ever less of any one thing in the text
_BATCH_TOKENS = 2048  # padding included: about what a prompt takes, so that chats hardly wait
_PATIENCE = 60.0  # seconds; it is asked again for as long as it takes


def load_llm_embedder(
    causal: Causal,
    *,
    batch_size: int = 32,
    query_prefix: str | None = None,
    document_prefix: str | None = None,
) -> BaseEmbedding:
    """Return an embedder over the loaded language model ``causal``, which it shares.

    A text's vector is the mean of the last hidden states (after the final norm) of its tokens,
    special ones that the tokenizer adds included and padding left out, in float32 and of length 1.
    At most 512 tokens of a text are read, or the model's context where that is less. A prefix of
    None is none. Raises ConfigError for a prefix that leaves no room for text.
    """
    embedder = LLMEmbedder(model_name=causal.name, embed_batch_size=batch_size)
    embedder.attach(causal, Prefixes(query_prefix or "", document_prefix or ""))
    return embedder


class LLMEmbedder(BaseEmbedding):
    """LlamaIndex embedding over a causal model; made by ``load_llm_embedder``.

    Each batch waits for its turn in the queue in which the answers wait, and holds it for no more
    than 2048 tokens. Safe to use from several threads.
    """

    _causal: Any = PrivateAttr()
    _prefixes: Prefixes = PrivateAttr()
    _reach: Reach = PrivateAttr()
    _longest: int = PrivateAttr()

    @property
    def reach(self) -> Reach:
        """How much of a text it reads."""
        return self._reach

    @classmethod
    def class_name(cls) -> str:
        """Return the name that LlamaIndex reports."""
        return "LLMEmbedder"

    def attach(self, causal: Causal, prefixes: Prefixes) -> None:
        """Set the model and what comes before texts; once."""
        self._causal, self._prefixes = causal, prefixes
        self._longest = min(_LONGEST, context_window(causal.model.config) or _LONGEST)
        self._reach = measure_reach(
            causal.tokenizer, longest=self._longest, prefix=prefixes.document, lock=Lock()
        )

    def _embed(self, texts: Sequence[str]) -> list[list[float]]:
        # No padding or truncation by the tokenizer: both are settings of it, and it is shared.
        ids = [
            self._causal.tokenizer(text, verbose=False)["input_ids"][: self._longest]
            for text in texts
        ]
        vectors: list[list[float]] = []
        for batch in _short_batches(ids, self.embed_batch_size):
            with _turn(self._causal.turns):
                vectors += mean_states(self._causal.model, batch)
        return vectors

    def _get_query_embedding(self, query: str) -> list[float]:
        return self._embed([self._prefixes.query + query])[0]

    def _get_text_embedding(self, text: str) -> list[float]:
        return self._embed([self._prefixes.document + text])[0]

    def _get_text_embeddings(self, texts: list[str]) -> list[list[float]]:
        return self._embed([self._prefixes.document + text for text in texts])

    async def _aget_query_embedding(self, query: str) -> list[float]:
        return await asyncio.to_thread(self._get_query_embedding, query)

    async def _aget_text_embedding(self, text: str) -> list[float]:
        return await asyncio.to_thread(self._get_text_embedding, text)

    async def _aget_text_embeddings(self, texts: list[str]) -> list[list[float]]:
        return await asyncio.to_thread(self._get_text_embeddings, texts)


def mean_states(model: Any, ids: Sequence[Sequence[int]]) -> list[list[float]]:
    """Return, for each list of token ids, the mean of ``model``'s last hidden states, of length 1.

    ``model`` is a causal model of transformers; its head, which would make a number for each word
    of the vocabulary at each token, is left out.
    """
    import torch

    # Padded on the right: no token of a causal model sees what follows it, so padding changes
    # nothing, and positions count from 0.
    longest = max(1, *map(len, ids))
    tokens = torch.zeros((len(ids), longest), dtype=torch.long)
    mask = torch.zeros_like(tokens)
    for row, own in enumerate(ids):
        tokens[row, : len(own)] = torch.tensor(own, dtype=torch.long)
        mask[row, : max(1, len(own))] = 1  # an empty text is token 0, not a division by zero
    tokens, mask = tokens.to(model.device), mask.to(model.device)
    with torch.inference_mode():
        states = model.base_model(
            input_ids=tokens, attention_mask=mask, use_cache=False
        ).last_hidden_state
        weights = mask[:, :, None].float()
        mean = (states.float() * weights).sum(1) / weights.sum(1)
        vectors: list[list[float]] = torch.nn.functional.normalize(mean, dim=-1).tolist()
    return vectors


def _short_batches(
    ids: Sequence[Sequence[int]], batch_size: int
) -> Iterator[Sequence[Sequence[int]]]:
    """Yield ``ids`` in their order, as many at once as batch size and a turn's tokens allow."""
    start = 0
    longest = 0
    for place, own in enumerate(ids):
        longest = max(longest, len(own))
        count = place - start + 1
        if place > start and (count > batch_size or count * longest > _BATCH_TOKENS):
            yield ids[start:place]
            start, longest = place, len(own)
    if start < len(ids):
        yield ids[start:]


@contextmanager
def _turn(turns: Turns) -> Iterator[None]:
    """Hold the model for the body."""
    turn = turns.join()
    try:
        while not turn.wait(_PATIENCE):
            pass
        yield
    finally:
        turn.leave()
