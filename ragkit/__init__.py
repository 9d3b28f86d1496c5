"""ragkit: a folder of documents becomes a cited, streaming chat on open models that you run.

>>> import ragkit
>>> kb = ragkit.open("data", preset="lite")  # doctest: +SKIP
>>> kb.ask("How do I open the chat over SSH?")  # doctest: +SKIP

Importing ragkit loads neither LlamaIndex nor any model library; they load when they are used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ragkit._version import __version__
from ragkit.errors import (
    ConfigError,
    GenerationError,
    IndexMismatch,
    IngestError,
    MissingExtra,
    ModelUnavailable,
    RagkitError,
    StoreError,
)

if TYPE_CHECKING:
    from ragkit.knowledge import Chat, KnowledgeBase, configure, open
    from ragkit.types import Answer, Citation, DocumentInfo, IndexReport, Sentence, SourceNode

__all__ = [
    "Answer",
    "Chat",
    "Citation",
    "ConfigError",
    "DocumentInfo",
    "GenerationError",
    "IndexMismatch",
    "IndexReport",
    "IngestError",
    "KnowledgeBase",
    "MissingExtra",
    "ModelUnavailable",
    "RagkitError",
    "Sentence",
    "SourceNode",
    "StoreError",
    "__version__",
    "configure",
    "open",
]

_OF_KNOWLEDGE = frozenset(("Chat", "KnowledgeBase", "configure", "open"))
_OF_TYPES = frozenset(
    ("Answer", "Citation", "DocumentInfo", "IndexReport", "Sentence", "SourceNode")
)


def __getattr__(name: str) -> Any:
    if name in _OF_KNOWLEDGE:
        from ragkit import knowledge

        return getattr(knowledge, name)
    if name in _OF_TYPES or name == "types":  # which processes that read files need not load
        import importlib

        types = importlib.import_module("ragkit.types")
        return types if name == "types" else getattr(types, name)
    raise AttributeError(f"module 'ragkit' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
