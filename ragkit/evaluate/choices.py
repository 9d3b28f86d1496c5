"""Which presets and retrievers a machine can compare, by name: ``lite:lexical``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from ragkit.evaluate.job import QuestionSet
from ragkit.evaluate.system import System, knowledge_system, passage_system

if TYPE_CHECKING:
    from ragkit.indexing import Progress
    from ragkit.knowledge import KnowledgeBase

__all__ = ["opener", "runnable_presets", "system_names"]

_BY_WORDS = ("lexical", "tfidf", "bm25")
_BY_VECTORS = ("dense", "hybrid")


def runnable_presets() -> list[str]:
    """Return the presets whose weights and store are here; looks at the disk alone."""
    from ragkit.config import preset_names, read_preset
    from ragkit.parts import weights_present

    found = []
    for name in preset_names():
        table = read_preset(name)
        models = [table.get(part, {}).get("kind", "none") for part in ("embedder", "llm")]
        # A store or a model elsewhere may be there or not: that is known when it is asked.
        local = "://" not in table.get("store", {}).get("uri", "") and "openai" not in models
        if local and (models == ["none", "none"] or weights_present(table)):
            found.append(name)
    return found


def system_names(kb: KnowledgeBase, presets: list[str]) -> list[str]:
    """Return what can be measured, the preset of ``kb`` with its own retriever first."""
    from ragkit.config import read_preset

    own = f"{kb.config.preset}:{kb.config.retriever.kind}"
    names = [own]
    for preset in dict.fromkeys([kb.config.preset, *presets]):
        embeds = read_preset(preset).get("embedder", {}).get("kind", "none") != "none"
        if preset == kb.config.preset:
            embeds = kb.config.embedder.kind != "none"
        kinds = (*_BY_VECTORS, *_BY_WORDS) if embeds else _BY_WORDS
        names += [f"{preset}:{kind}" for kind in kinds]
    return list(dict.fromkeys(names))


def opener(
    opened: Mapping[str, KnowledgeBase], *, answers: bool
) -> Callable[[QuestionSet, str, Progress], AbstractContextManager[System]]:
    """Return what opens a system by its name; ``opened`` holds each preset's knowledge base.

    Their models are shared with whoever else asks them.
    """

    def open_system(
        testset: QuestionSet, name: str, progress: Progress
    ) -> AbstractContextManager[System]:
        preset, _, retriever = name.partition(":")
        kb = opened[preset]
        if testset.over_folder:
            return knowledge_system(
                kb, testset.passages, retriever=retriever, answers=answers, progress=progress
            )
        return passage_system(
            testset.passages,
            preset=preset,
            retriever=retriever,
            answers=answers,
            models=kb,
            progress=progress,
        )

    return open_system
