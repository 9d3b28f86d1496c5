"""ragkit's objects inside LlamaIndex's and LangChain's own tools."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest
from llama_index.core import Settings
from llama_index.core.base.base_selector import BaseSelector, SelectorResult, SingleSelection
from llama_index.core.llms import MockLLM
from llama_index.core.query_engine import RouterQueryEngine
from llama_index.core.schema import QueryBundle
from llama_index.core.tools import QueryEngineTool, RetrieverTool, ToolMetadata

import ragkit


def opened(folder: Path, text: str) -> ragkit.KnowledgeBase:
    folder.mkdir()
    (folder / "a.md").write_text(text, "utf-8")
    return ragkit.open(folder, index=folder.with_suffix(".db"), preset="lite")


@pytest.fixture
def ships(tmp_path: Path) -> ragkit.KnowledgeBase:
    return opened(tmp_path / "ships", "# Ships\n\nThe ferry Aurora carries 120 passengers.")


@pytest.fixture
def towers(tmp_path: Path) -> ragkit.KnowledgeBase:
    return opened(tmp_path / "towers", "# Towers\n\nThe tower of Bergen is 48 metres high.")


class WordSelector(BaseSelector):
    """Chooses the tool whose description shares most words with the question."""

    def _select(self, choices: list[ToolMetadata], query: QueryBundle) -> SelectorResult:
        asked = set(query.query_str.lower().strip("?").split())
        shared = [len(asked & set(c.description.lower().split())) for c in choices]
        best = shared.index(max(shared))
        return SelectorResult(selections=[SingleSelection(index=best, reason="words")])

    async def _aselect(self, choices: list[ToolMetadata], query: QueryBundle) -> SelectorResult:
        return self._select(choices, query)

    def _get_prompts(self) -> dict:
        return {}

    def _update_prompts(self, prompts: dict) -> None:
        pass


def test_a_router_asks_the_right_knowledge_base(
    ships: ragkit.KnowledgeBase, towers: ragkit.KnowledgeBase, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The router makes a summariser of its own, which reaches for the global model.
    monkeypatch.setattr(Settings, "_llm", MockLLM())
    tools = [
        QueryEngineTool.from_defaults(kb.as_query_engine(), name=name, description=about)
        for kb, name, about in (
            (ships, "ships", "ferry passengers ships"),
            (towers, "towers", "tower high metres"),
        )
    ]
    router = RouterQueryEngine(selector=WordSelector(), query_engine_tools=tools)
    response = router.query("How many passengers does the ferry Aurora carry?")
    assert "120 passengers" in str(response)
    assert response.source_nodes[0].node.metadata["source"] == "a.md"
    assert "48 metres" in str(router.query("How high is the tower of Bergen?"))
    assert "48 metres" in str(asyncio.run(router.aquery("How high is the tower of Bergen?")))


def test_an_agent_s_tool_retrieves(ships: ragkit.KnowledgeBase) -> None:
    tool = RetrieverTool.from_defaults(ships.as_retriever(top_k=1), description="ships")
    said = tool.call("How many passengers does Aurora carry?")
    assert "120 passengers" in said.content
    said = asyncio.run(tool.acall("How many passengers does Aurora carry?"))
    assert "120 passengers" in said.content


def test_langchain_runs_it_in_a_chain(ships: ragkit.KnowledgeBase) -> None:
    pytest.importorskip("langchain_core", reason='needs pip install "ragkit[langchain]"')
    from langchain_core.language_models.fake_chat_models import ParrotFakeChatModel
    from langchain_core.output_parsers import StrOutputParser
    from langchain_core.prompts import ChatPromptTemplate
    from langchain_core.runnables import RunnableLambda, RunnablePassthrough

    from ragkit.langchain import RagkitRetriever

    retriever = RagkitRetriever(kb=ships)
    found = retriever.invoke("How many passengers does Aurora carry?")
    assert "120 passengers" in found[0].page_content
    assert found[0].metadata["source"] == "a.md"
    assert found[0].metadata["n"] == 1
    text = ships.text("a.md")
    start = found[0].metadata["start"]
    assert text[start : start + len(found[0].page_content)] == found[0].page_content

    # LangChain's model that says what it is told: the prompt comes out at the end of the chain.
    prompt = ChatPromptTemplate.from_template("{context}\n\nQuestion: {question}")
    joined = RunnableLambda(lambda documents: "\n".join(d.page_content for d in documents))
    asked = {"context": retriever | joined, "question": RunnablePassthrough()}
    chain = asked | prompt | ParrotFakeChatModel() | StrOutputParser()
    said = chain.invoke("How many passengers does Aurora carry?")
    assert "120 passengers" in said
    assert said.endswith("Question: How many passengers does Aurora carry?")
    assert asyncio.run(chain.ainvoke("Which ferry?"))
    assert RagkitRetriever(kb=ships, filters=("source=b.md",)).invoke("Aurora") == []
    with pytest.raises(ragkit.RagkitError, match="empty"):
        retriever.invoke(" ")


def test_without_langchain_the_extra_is_named() -> None:
    code = (
        "import sys; sys.modules['langchain_core'] = None\n"
        "sys.modules['langchain_core.documents'] = None\n"
        "import ragkit\n"
        "try:\n    import ragkit.langchain\n"
        "except ragkit.RagkitError as error:\n    print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert 'pip install "ragkit[langchain]"' in done.stdout
