"""The notebook face: a notebook is run, and what an answer shows is looked at."""

from __future__ import annotations

import json
import re
from dataclasses import FrozenInstanceError
from html.parser import HTMLParser
from pathlib import Path

import pytest

import ragkit
from ragkit.render import answer_html, answer_markdown, highlight_spans
from ragkit.types import Answer, Citation, Mark, Sentence, SourceNode

EVIL = "<script>alert(1)</script> ![x](http://127.0.0.1:9/leak) [a](javascript:alert(1)) `<b>`"


def answer(text: str = EVIL, source: str = EVIL) -> Answer:
    quote = text[:8]
    return Answer(
        question=text,
        text=f"{quote} [1]",
        refused=False,
        preset="lite",
        sentences=(Sentence(quote, (1,), True, Mark(0, 3)), Sentence(text, (), False)),
        citations=(Citation(1, source, 2, 50, 58, quote),),
        sources=(SourceNode(1, source, 2, 1.5, text, 50, text),),
        timings_ms={"total": 12.0},
    )


def test_a_notebook_runs(folder: Path, tmp_path: Path) -> None:
    nbformat = pytest.importorskip("nbformat")
    from nbclient import NotebookClient

    cells = [
        "import ragkit",
        f"kb = ragkit.open({str(folder)!r}, index={str(tmp_path / 'i.db')!r}, preset='lite')",
        "kb.index()",
        "kb.ask('When was the lighthouse of Alnmouth built?')",
        "[d.source for d in kb.documents()]",
        "''.join(kb.stream('备份保存多少天？'))",
        "chat = kb.chat(); chat.ask('Who built the lighthouse of Alnmouth?').text",
        "a = kb.ask('How high is the new tower?')\n"
        "all(c.quote == kb.text(c.source)[c.start:c.end] for c in a.citations)",
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells])
    NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    results = [cell.outputs[-1]["data"] if cell.outputs else {} for cell in notebook.cells]
    assert "1826" in results[3]["text/html"]
    assert "<mark" in results[3]["text/html"]
    assert "1826" in results[3]["text/markdown"]
    assert "history.txt" in results[4]["text/plain"]
    assert "三十天" in results[5]["text/plain"]
    assert "Thomas Blackwood" in results[6]["text/plain"]
    assert results[7]["text/plain"] == "True"


class Tags(HTMLParser):
    """Collects what a browser would act on."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag != "br":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_html_is_well_formed_and_holds_nothing_live() -> None:
    parser = Tags()
    parser.feed(answer_html(answer()))
    assert parser.open == []
    assert {tag for tag, _ in parser.seen} <= {
        "div", "span", "sup", "mark", "details", "summary", "p", "code",
    }  # fmt: skip
    for _, attributes in parser.seen:
        assert set(attributes) <= {
            "style", "class", "title", "open", "dir", "role", "aria-label", "tabindex",
        }  # fmt: skip
        assert "url(" not in (attributes.get("style") or "")


def test_html_marks_the_quote_the_short_answer_and_the_unsupported() -> None:
    made = answer(text="The tower is forty metres high.", source="a.md")
    html = answer_html(made)
    assert re.search(r"<mark[^>]*>The</mark> towe", html)  # the short answer in its sentence
    assert re.search(r"<mark[^>]*>The towe</mark>r is forty", html)  # the quote in its source
    assert "No source supports this." in html
    assert "p. 2" in html


def test_markdown_is_escaped() -> None:
    text = answer_markdown(answer())
    assert "![" not in text.replace("!\\[", "").replace("\\!\\[", "")
    assert "<script>" not in text.replace("\\<script\\>", "")


@pytest.mark.parametrize(
    ("spans", "expected"),
    [
        ([], "abc&lt;d"),
        ([(0, 1)], "<mark>a</mark>bc&lt;d"),
        ([(2, 99), (1, 3)], "a<mark>bc</mark><mark>&lt;d</mark>"),
        ([(-5, 1), (4, 4), (9, 12)], "<mark>a</mark>bc&lt;d"),
    ],
)
def test_highlighting_clips_and_joins(spans: list[tuple[int, int]], expected: str) -> None:
    assert re.sub(r"<mark[^>]*>", "<mark>", highlight_spans("abc<d", spans)) == expected


def test_answers_are_frozen_and_serialise() -> None:
    made = answer()
    with pytest.raises(FrozenInstanceError):
        made.text = "other"  # type: ignore[misc]
    assert json.loads(json.dumps(made.to_dict()))["citations"][0]["quote"] == EVIL[:8]


def test_open_neither_indexes_nor_touches_the_disk(folder: Path, tmp_path: Path) -> None:
    place = tmp_path / "deep" / "i.db"
    kb = ragkit.open(folder, index=place, preset="lite")
    assert not place.parent.exists()
    assert kb.documents() == []
    assert not place.parent.exists()
    assert not kb.ask("Who built the lighthouse?").refused  # indexes by itself, once
    assert place.exists()


def test_empty_question_and_file_as_folder_are_refused(folder: Path) -> None:
    with pytest.raises(ragkit.ConfigError, match="empty"):
        ragkit.open(folder, preset="lite").ask("  ")
    with pytest.raises(ragkit.ConfigError, match=r"caf\\udce9.*UTF-8"):
        ragkit.open(folder, preset="lite").ask("menu of the caf\udce9")
    with pytest.raises(ragkit.ConfigError, match="is a file"):
        ragkit.open(folder / "history.txt")


def test_stream_is_the_answer_in_pieces(folder: Path, tmp_path: Path) -> None:
    kb = ragkit.open(folder, index=tmp_path / "i.db", preset="lite")
    stream = kb.stream("When was the lighthouse built and when did it burn down?")
    pieces = list(stream)
    assert "".join(pieces) == stream.answer.text
    assert len(pieces) > 1


def test_llamaindex_objects(folder: Path, tmp_path: Path) -> None:
    from llama_index.core.base.base_query_engine import BaseQueryEngine
    from llama_index.core.base.base_retriever import BaseRetriever

    kb = ragkit.open(folder, index=tmp_path / "i.db", preset="lite")
    retriever, engine = kb.as_retriever(top_k=2), kb.as_query_engine()
    assert isinstance(retriever, BaseRetriever)
    assert isinstance(engine, BaseQueryEngine)
    assert len(retriever.retrieve("lighthouse tower memory")) == 2
    response = engine.query("When was the lighthouse of Alnmouth built?")
    assert "1826" in str(response)
    assert response.source_nodes[0].node.metadata["source"] == "history.txt"


def test_chat_carries_the_subject_on(folder: Path, tmp_path: Path) -> None:
    chat = ragkit.open(folder, index=tmp_path / "i.db", preset="lite").chat()
    assert "Blackwood" in chat.ask("Who built the lighthouse of Alnmouth?").text
    follow = chat.ask("And when was it built?")
    assert "1826" in follow.text
    assert follow.question == "And when was it built?"
    assert len(chat.history) == 2


def test_configure_sets_llamaindex_and_reaches_for_nothing() -> None:
    from llama_index.core import Settings
    from llama_index.core.embeddings import MockEmbedding
    from llama_index.core.llms import MockLLM

    config = ragkit.configure("lite")
    assert config.preset == "lite"
    assert isinstance(Settings.llm, MockLLM)
    assert isinstance(Settings.embed_model, MockEmbedding)
    assert type(Settings.node_parser).__name__ == "SentenceAwareSplitter"
    with pytest.raises(ragkit.ModelUnavailable, match=r"internlm2-chat-1_8b|MiniLM"):
        ragkit.configure("internlm2")
