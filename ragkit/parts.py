"""The parts that a configuration names, each made when it is first used and then shared."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Any

from ragkit.config import Config
from ragkit.errors import ConfigError, ModelUnavailable
from ragkit.models.hub import find_weights, missing_weights

if TYPE_CHECKING:
    from llama_index.core.base.embeddings.base import BaseEmbedding
    from llama_index.core.llms import LLM, ChatMessage
    from llama_index.core.postprocessor.types import BaseNodePostprocessor

    from ragkit.indexing import Sizing
    from ragkit.retrieve.rerank import Reranker
    from ragkit.store.sqlite import SqliteStore

__all__ = ["Parts", "Status", "weights_present"]

# Part of an index's fingerprint: raise it when the same files would give other texts or nodes.
READERS = 6
SPLITTER = 2

Status = Callable[[str], None]
"""Called with a line for the user when a model is being loaded, and when it is there."""


class Parts:
    """Models, sizes and stores by configuration. Safe to share between threads."""

    def __init__(self, config: Config, *, status: Status | None = None) -> None:
        """Make nothing yet. ``status`` hears of models being loaded."""
        self.config = config
        self._status = status
        self._loading = RLock()

    @property
    def embedder(self) -> BaseEmbedding | None:
        """The embedder, None where retrieval is by words alone. Raises ModelUnavailable."""
        with self._loading:
            return self._embedder

    @property
    def llm(self) -> LLM | None:
        """The language model, None where answers are extracted. Raises ModelUnavailable."""
        with self._loading:
            return self._llm

    @property
    def sizing(self) -> Sizing:
        """How text is cut into nodes: by the embedder's own tokens, where there is one."""
        with self._loading:
            return self._sizing

    def require_llm(self) -> None:
        """Do nothing where ``llm`` is to be had; else raise, at no cost, what it would raise."""
        llm = self.config.llm
        if llm.kind == "vllm":
            from ragkit.models.llm import require_vllm

            require_vllm()
        in_process = llm.kind in ("huggingface", "vllm")
        if in_process and find_weights(llm.model, revision=llm.revision) is None:
            preset = self.config.preset
            raise ModelUnavailable(missing_weights(llm.model, preset=preset, revision=llm.revision))
        if llm.kind == "openai" and not llm.base_url:
            raise ConfigError(
                f"Preset '{self.config.preset}' asks a model server, and llm.base_url is empty. "
                "Give its address, such as http://127.0.0.1:8000/v1."
            )

    @cached_property
    def fingerprint(self) -> dict[str, str | int | None]:
        """What an index is built with; its file and its generation are tied to it."""
        from ragkit.retrieve.analyzer import LexicalAnalyzer

        splitter, embedder = self.config.splitter, self.config.embedder
        marks: dict[str, str | int | None] = {
            "analyzer": LexicalAnalyzer().version,
            "chunk_overlap": splitter.chunk_overlap,
            "chunk_size": splitter.chunk_size,
            "embedder": embedder.model if embedder.kind != "none" else None,
            "readers": READERS,
            "revision": self._embedder_revision(),
            "splitter": SPLITTER,
        }
        if splitter.unit != "tokens":
            marks["chunk_unit"] = splitter.unit
        if prefix := self._document_prefix():
            marks["document_prefix"] = prefix
        if self._shares_weights() and self.config.llm.quantization != "none":
            marks["quantization"] = self.config.llm.quantization
        return marks

    def open_store(
        self, uri: str, *, catalog: Path | None = None, collection: str = "ragkit"
    ) -> SqliteStore:
        """Open the index at ``uri`` for this configuration; see ``ragkit.store.open_store``."""
        from ragkit.retrieve.analyzer import LexicalAnalyzer
        from ragkit.store import open_store

        token = self.config.store.token
        return open_store(
            uri,
            analyzer=LexicalAnalyzer(),
            fingerprint=self.fingerprint,
            token=token.get_secret_value() if token else None,
            catalog=catalog,
            collection=collection,
            words=self.config.store.words,
        )

    def _shares_weights(self) -> bool:
        """Return whether one model embeds and answers."""
        embedder, llm = self.config.embedder, self.config.llm
        same = embedder.model == llm.model
        return same and embedder.kind == "llm" and llm.kind == "huggingface"

    def _embedder_revision(self) -> str | None:
        return (self.config.llm if self._shares_weights() else self.config.embedder).revision

    def _document_prefix(self) -> str:
        """Return what is put before nodes when they are embedded; loads no model."""
        settings = self.config.embedder
        if settings.kind != "huggingface":
            return settings.document_prefix or ""
        from ragkit.models.prefixes import find_prefixes

        folder = find_weights(settings.model, revision=settings.revision) or Path(settings.model)
        return find_prefixes(
            folder, model=settings.model, document=settings.document_prefix
        ).document

    @cached_property
    def _embedder(self) -> BaseEmbedding | None:
        settings = self.config.embedder
        if settings.kind == "none":
            return None
        if settings.kind == "llm":
            return self._llm_embedder()
        from ragkit.models.embedder import load_embedder

        return load_embedder(
            settings.model,
            revision=settings.revision,
            trust_remote_code=settings.trust_remote_code,
            device=settings.device,
            dtype=settings.dtype,
            backend=settings.backend,
            batch_size=settings.batch_size,
            query_prefix=settings.query_prefix,
            document_prefix=settings.document_prefix,
            status=self._status,
        )

    def _llm_embedder(self) -> BaseEmbedding:
        """Return the embedder that shares its weights with the language model."""
        from ragkit.models.causal import load_causal
        from ragkit.models.llm_embedder import load_llm_embedder

        settings, llm = self.config.embedder, self.config.llm
        shared = self._shares_weights()
        # Loaded with the same settings, it is the one that answers: weights are in memory once.
        like = llm if shared else settings
        causal = load_causal(
            settings.model,
            revision=like.revision,
            trust_remote_code=like.trust_remote_code,
            device=like.device,
            dtype=like.dtype,
            quantization=llm.quantization if shared else "none",
            status=self._status,
        )
        return load_llm_embedder(
            causal,
            batch_size=settings.batch_size,
            query_prefix=settings.query_prefix,
            document_prefix=settings.document_prefix,
        )

    @cached_property
    def _llm(self) -> LLM | None:
        settings = self.config.llm
        if settings.kind == "none":
            return None
        from ragkit.models.llm import load_llm

        key = settings.api_key
        return load_llm(
            settings.kind,
            settings.model,
            base_url=settings.base_url,
            api_key=key.get_secret_value() if key else None,
            revision=settings.revision,
            trust_remote_code=settings.trust_remote_code,
            device=settings.device,
            dtype=settings.dtype,
            quantization=settings.quantization,
            max_new_tokens=settings.max_new_tokens,
            temperature=settings.temperature,
            top_p=settings.top_p,
            seed=settings.seed,
            context_window=settings.context_window,
            timeout=settings.timeout,
            gpu_memory_utilization=settings.gpu_memory_utilization,
            status=self._status,
        )

    def reranker(self, top_n: int) -> Reranker | None:
        """Return what orders the nodes found and keeps ``top_n``; None where none is set."""
        settings = self.config.retriever
        if not settings.rerank_model:
            return None
        from ragkit.retrieve.rerank import Reranker

        with self._loading:
            model = self._cross_encoder
        return Reranker(
            model,
            top_n=top_n,
            seconds=settings.rerank_seconds,
            candidates=settings.rerank_candidates,
        )

    @cached_property
    def _cross_encoder(self) -> BaseNodePostprocessor:
        from ragkit.models.reranker import load_reranker

        device = self.config.embedder.device
        return load_reranker(self.config.retriever.rerank_model, device=device, status=self._status)

    def count_tokens(self, messages: Sequence[ChatMessage]) -> int:
        """Return how many tokens ``messages`` are as a prompt of the language model."""
        from ragkit.models.llm import count_tokens

        llm = self.llm
        assert llm is not None, "only a model has tokens"
        return count_tokens(llm, messages)

    @cached_property
    def _sizing(self) -> Sizing:
        from ragkit.indexing import Sizing
        from ragkit.retrieve.token_counts import count_tokens, token_starts

        splitter = self.config.splitter
        size, overlap = splitter.chunk_size, splitter.chunk_overlap
        by_characters = splitter.unit == "characters"
        if self.embedder is None:
            if by_characters:
                return Sizing(len, size, overlap)
            return Sizing(count_tokens, size, overlap, token_starts)
        from ragkit.models.embedder import token_counter

        count, limit = token_counter(self.embedder)
        if not by_characters:
            return Sizing(count, min(size, limit), overlap)

        def characters(text: str) -> int:
            """Return the length, or more where the embedder would not read the text whole."""
            return max(len(text), -(-count(text) * size // limit))

        return Sizing(characters, size, overlap)


def weights_present(table: Mapping[str, Any]) -> bool:
    """Return whether the models of a preset's ``table`` can be loaded without a network.

    Looks at the disk only, and imports none of the model libraries.
    """
    wanted = [table.get("embedder", {}), table.get("llm", {})]
    names = [part["model"] for part in wanted if part.get("kind") in ("huggingface", "llm")]
    installed = all(importlib.util.find_spec(name) for name in ("torch", "transformers"))
    return installed and all(find_weights(name) is not None for name in names)
