"""What an embedder was trained to see before a question and before a text.

Without its prefixes a model such as E5 still answers, only worse, and nothing says so.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["Prefixes", "find_prefixes"]

_TASK = "Instruct: Given a web search query, retrieve relevant passages that answer the query\n"
_SENTENCE = "Represent this sentence for searching relevant passages: "
# Name of the model, question's prefix, text's prefix: from each model's card at
# https://huggingface.co/<owner>/<name>. Only for models whose own files may not say it; the first
# that matches counts. Models that want none (m3e, bge-m3, MiniLM, gte) are not listed.
_BY_NAME = (
    (r"multilingual-e5-large-instruct|e5-mistral-7b-instruct", f"{_TASK}Query: ", ""),
    (r"(multilingual-)?e5-(small|base|large)(-v2|-unsupervised)?", "query: ", "passage: "),
    (r"bge-(small|base|large)-en(-v1\.5)?", _SENTENCE, ""),
    (r"bge-(small|base|large)-zh(-v1\.5)?", "为这个句子生成表示以用于检索相关文章：", ""),
    (r"snowflake-arctic-embed-(m|l)-v2\.0", "query: ", ""),
    (r"snowflake-arctic-embed-(xs|s|m|l|m-long|m-v1\.5)", _SENTENCE, ""),
    (r"mxbai-embed-(large|xsmall|2d-large)-v1", _SENTENCE, ""),
    (r"nomic-embed-text-v[12](\.5|-moe)?", "search_query: ", "search_document: "),
    (r"qwen3-embedding-[\d.]+b", f"{_TASK}Query:", ""),
    (r"gte-qwen2-[\d.]+b-instruct", f"{_TASK}Query: ", ""),
    (r"embeddinggemma-300m", "task: search result | query: ", "title: none | text: "),
)


@dataclass(frozen=True, slots=True)
class Prefixes:
    """Put before questions and before texts as they are, with the space they may end in."""

    query: str = ""
    document: str = ""


def find_prefixes(
    folder: Path,
    *,
    model: str = "",
    query: str | None = None,
    document: str | None = None,
) -> Prefixes:
    """Return the prefixes of the embedder in ``folder``; reads one small file of it.

    ``query`` and ``document``, where not None, count as they are ("" is no prefix). Else those
    that the model's own ``config_sentence_transformers.json`` gives as ``prompts`` (see
    https://sbert.net/examples/sentence_transformer/applications/computing-embeddings), else those
    of a known ``model`` name or folder name, else none.
    """
    found = _own(folder) or _by_name(model, folder)
    return Prefixes(
        found.query if query is None else query,
        found.document if document is None else document,
    )


def _own(folder: Path) -> Prefixes | None:
    try:
        settings = json.loads((folder / "config_sentence_transformers.json").read_text("utf-8"))
    except (OSError, ValueError):
        return None
    prompts = settings.get("prompts") if isinstance(settings, dict) else None
    if not isinstance(prompts, dict):
        return None
    usual = settings.get("default_prompt_name")
    own = Prefixes(
        _prompt(prompts, "query", usual), _prompt(prompts, "document", "passage", "corpus", usual)
    )
    return own if own != Prefixes() else None  # the libraries save empty ones for any model


def _prompt(prompts: Mapping[str, Any], *names: str | None) -> str:
    values = (prompts.get(name) for name in names if name)
    return next((value for value in values if isinstance(value, str)), "")


def _by_name(model: str, folder: Path) -> Prefixes:
    for name in (model, str(folder)):
        # A folder of the hub's cache is models--OWNER--NAME/snapshots/COMMIT.
        parts = [part.rpartition("--")[2].lower() for part in re.split(r"[\\/]", name)]
        for pattern, query, document in _BY_NAME:
            if any(re.fullmatch(pattern, part.replace("___", ".")) for part in parts):
                return Prefixes(query, document)
    return Prefixes()
