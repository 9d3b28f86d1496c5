"""A knowledge base as a LangChain retriever; needs the extra ``ragkit[langchain]``.

::

    from ragkit.langchain import RagkitRetriever

    retriever = RagkitRetriever(kb=ragkit.open("docs"))
    chain = {"context": retriever, "question": RunnablePassthrough()} | prompt | model
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from ragkit.errors import MissingExtra
from ragkit.knowledge import KnowledgeBase

try:
    from langchain_core.documents import Document
    from langchain_core.retrievers import BaseRetriever
except ImportError as error:
    raise MissingExtra("ragkit.langchain", "langchain") from error
if TYPE_CHECKING:
    from langchain_core.callbacks import CallbackManagerForRetrieverRun

__all__ = ["RagkitRetriever"]


class RagkitRetriever(BaseRetriever):
    """What ``kb.retrieve`` finds, as LangChain documents, best first.

    ``filters`` are ``KEY=VALUE`` strings over node metadata. A document's metadata are ``source``
    (the file, relative to the folder), ``page``, ``score``, ``start`` (offset in the file's text),
    ``heading``, ``title``, ``url`` and ``n``, the rank from 1, beside what else filters know of it.
    Raises what ``kb.retrieve`` raises.
    """

    kb: KnowledgeBase
    filters: tuple[str, ...] = ()

    def _get_relevant_documents(
        self, query: str, *, run_manager: CallbackManagerForRetrieverRun
    ) -> list[Document]:
        found = self.kb.retrieve(query, filters=self.filters)
        return [_document(dataclasses.asdict(node)) for node in found]


def _document(node: dict[str, Any]) -> Document:
    return Document(page_content=node.pop("text"), metadata=node.pop("metadata") | node)
