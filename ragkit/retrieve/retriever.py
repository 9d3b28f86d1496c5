"""The retriever: a question in, nodes out, best first; a LlamaIndex ``BaseRetriever``."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, Literal

from llama_index.core.base.base_retriever import BaseRetriever
from llama_index.core.schema import NodeWithScore, QueryBundle
from llama_index.core.vector_stores.types import (
    BasePydanticVectorStore,
    FilterCondition,
    FilterOperator,
    MetadataFilter,
    MetadataFilters,
    VectorStoreQuery,
    VectorStoreQueryMode,
)

from ragkit.errors import ConfigError
from ragkit.retrieve.classic import ClassicRanking
from ragkit.retrieve.duplicates import collapse_duplicates
from ragkit.retrieve.rerank import Reranker

__all__ = ["StoreRetriever", "parse_filters"]

_MODES = {
    "lexical": VectorStoreQueryMode.TEXT_SEARCH,
    "dense": VectorStoreQueryMode.DEFAULT,
    "hybrid": VectorStoreQueryMode.HYBRID,
}
_SPARE = 3  # nodes asked for in place of one, where near-duplicates fall out
# Metadata numbers are of 64 bits: a longer one can only be text.
_INTEGERS = 1 << 63
# int() refuses longer texts, and no metadata number is as long.
_DIGITS = 20
_FILTER = re.compile(r"([^=<>!]*[^=<>!\s][^=<>!]*)(!=|<=|>=|=|<|>)(.*)\Z", re.S)
_FILE_KEYS = frozenset(("source", "sources", "folder", "ref_doc_id", "doc_id", "document_id"))
_AFTER_ALL = "\U0010ffff"
_DATE = re.compile(r"(\d{4})(?:[-/.年](\d{1,2})(?:[-/.月](\d{1,2})日?|月)?|年)?")


class StoreRetriever(BaseRetriever):
    """Ask a vector store by words, by vectors, or by both.

    ``embed_query`` turns a question into its vector, and is needed for ``dense`` and ``hybrid``.
    LlamaIndex's own ``VectorIndexRetriever`` embeds the question in every mode and would fetch a
    default embedder for that, which ``lite`` must not.
    """

    def __init__(
        self,
        vector_store: BasePydanticVectorStore | ClassicRanking,
        *,
        kind: Literal["lexical", "dense", "hybrid"] = "lexical",
        top_k: int = 5,
        embed_query: Callable[[str], Sequence[float]] | None = None,
        filters: MetadataFilters | None = None,
        collapse: bool = False,
        reranker: Reranker | None = None,
        **kwargs: Any,
    ) -> None:
        """Raise ConfigError when ``kind`` needs an embedder and there is none.

        With ``collapse`` near-duplicates take one place (see ``ragkit.retrieve.duplicates``). A
        ``reranker`` orders its ``candidates`` and keeps its own ``top_n`` of them.
        """
        if kind != "lexical" and embed_query is None:
            raise ConfigError(f"retriever.kind '{kind}' needs an embedder. Use 'lexical'.")
        super().__init__(**kwargs)
        self._vector_store = vector_store
        self._kind = kind
        self._top_k = top_k
        self._embed_query = embed_query
        self._filters = filters
        self._collapse = collapse
        self._reranker = reranker

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        embedding = None
        if self._embed_query is not None and self._kind != "lexical":
            embedding = list(query_bundle.embedding or self._embed_query(query_bundle.query_str))
        wanted = max(self._top_k, self._reranker.candidates) if self._reranker else self._top_k
        result = self._vector_store.query(
            VectorStoreQuery(
                query_str=query_bundle.query_str,
                query_embedding=embedding,
                similarity_top_k=_SPARE * wanted if self._collapse else wanted,
                mode=_MODES[self._kind],
                filters=self._filters,
            )
        )
        scores = result.similarities or []
        found = [
            NodeWithScore(node=node, score=score)
            for node, score in zip(result.nodes or [], scores, strict=True)
        ]
        if self._collapse:
            found = collapse_duplicates(found, limit=wanted)
        if self._reranker is None:
            return found
        return self._reranker.rerank(query_bundle.query_str, found)


def parse_filters(pairs: Sequence[str]) -> MetadataFilters | None:
    """Turn ``KEY=VALUE`` arguments into filters; None when there are none.

    Beside ``=`` there are ``!=``, ``<``, ``<=``, ``>`` and ``>=``. Values of one key with ``=`` are
    alternatives; everything else must hold together. ``=`` also matches a list that has the value,
    such as tags. A value that reads as an integer matches numbers, too. Texts, dates among them,
    compare by their beginning: ``date<=2024`` holds for ``2024-12-31``, ``date>2024`` does not.
    A single text is one argument. Raises ConfigError for an argument without an operator, one that
    is not UTF-8, or a ``date`` to compare with that is none.
    """
    pairs = (pairs,) if isinstance(pairs, str) else pairs
    wanted: dict[str, list[MetadataFilter | MetadataFilters]] = {}
    groups: list[MetadataFilter | MetadataFilters] = []
    for pair in pairs:
        found = _FILTER.match(pair)
        if found is None:
            raise ConfigError(f"Filter '{pair}' is not KEY=VALUE. Example: --filter source=a.md")
        if not pair.isprintable() and any("\ud800" <= char <= "\udfff" for char in pair):
            raise ConfigError(f"Filter {pair!a} is not UTF-8. Convert it, for example with iconv.")
        key, operator, value = found[1].strip(), found[2], found[3].strip()
        if key == "date":
            value = _date(value, ordered=operator not in ("=", "!="))
        if operator == "=":
            wanted.setdefault(key, []).extend(_equal(key, value))
        elif operator == "!=":
            different = _equal(key, value)
            groups.append(MetadataFilters(filters=different, condition=FilterCondition.NOT))
        else:
            groups.append(_ordered(key, FilterOperator(operator), value))
    if not pairs:
        return None
    alternatives = [
        MetadataFilters(filters=either, condition=FilterCondition.OR) for either in wanted.values()
    ]
    return MetadataFilters(filters=[*alternatives, *groups], condition=FilterCondition.AND)


def _equal(key: str, value: str) -> list[MetadataFilter | MetadataFilters]:
    """Return alternatives: the text, the number it reads as, or a list that has one of them."""
    found: list[MetadataFilter | MetadataFilters] = []
    for meant in (value, _number(value)):
        if meant is None:
            continue
        found.append(MetadataFilter(key=key, value=meant, operator=FilterOperator.EQ))
        if key not in _FILE_KEYS:
            found.append(_in_list(key, meant))
    return found


def _in_list(key: str, value: str | int) -> MetadataFilters:
    """Return the filter that a list has ``value``: it is contained, and not as part of a text."""
    contained = MetadataFilter(key=key, value=value, operator=FilterOperator.CONTAINS)
    if isinstance(value, int):
        return MetadataFilters(filters=[contained])
    part = MetadataFilter(key=key, value=value, operator=FilterOperator.TEXT_MATCH)
    no_part = MetadataFilters(filters=[part], condition=FilterCondition.NOT)
    return MetadataFilters(filters=[contained, no_part], condition=FilterCondition.AND)


def _ordered(key: str, operator: FilterOperator, value: str) -> MetadataFilters:
    inclusive = operator in (FilterOperator.LTE, FilterOperator.GT)
    text = value + _AFTER_ALL if inclusive else value
    either = [MetadataFilter(key=key, value=text, operator=operator)]
    number = _number(value)
    if number is not None:
        either.append(MetadataFilter(key=key, value=number, operator=operator))
    return MetadataFilters(filters=[*either], condition=FilterCondition.OR)


def _date(value: str, *, ordered: bool) -> str:
    """Return a date as documents' dates are kept: ``2024``, ``2024-03`` or ``2024-03-05``."""
    found = _DATE.fullmatch(value)
    if found is not None:
        return "-".join(part.zfill(2) for part in found.groups() if part)
    if ordered:
        raise ConfigError(f"'{value}' is not a date. Write 2024, 2024-03 or 2024-03-05.")
    return value


def _number(value: str) -> int | None:
    digits = value.removeprefix("-")
    if digits.isdecimal() and len(digits) < _DIGITS and int(digits) < _INTEGERS:
        return int(value)
    return None
