"""What is in the index, in the reader's language; summaries in the files' own cited sentences."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from llama_index.core.schema import TextNode

import ragkit
from ragkit.answer.intents import recognise
from ragkit.answer.overview import Library, answer_intent, summary_nodes
from ragkit.types import Answer, DocumentInfo

FILES = {
    "harbour.md": "# Harbour\n\n## Lighthouse\n\nThe lighthouse of the harbour was built in 1874. "
    "It is thirty metres high.\n\n## Ferry\n\nThe ferry leaves the harbour every forty minutes. "
    "A ticket costs 4 euros.\n\n## Fish market\n\nThe fish market opens at the harbour.\n",
    "docs/图书馆.md": "# 图书馆\n\n图书馆周一闭馆。借书期限为四周，可以续借一次。\n",
    "en/notes.txt": "The notes are written in English. They hold nothing else of interest.",
    "zh/notes.txt": "这些笔记是用中文写的。笔记里没有别的内容。",
    "empty.csv": "1,2,3\n4,5,6\n",
}


@pytest.fixture(scope="module")
def kb(tmp_path_factory: pytest.TempPathFactory) -> ragkit.KnowledgeBase:
    folder = tmp_path_factory.mktemp("folder")
    for name, text in FILES.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    kb = ragkit.open(folder, index=tmp_path_factory.mktemp("index") / "i.db", preset="lite")
    kb.index()
    return kb


def library(kb: ragkit.KnowledgeBase) -> Library:
    store = kb.parts.open_store(kb.index_uri)
    ids = {source: state.document_id for source, state in store.catalog.files().items()}

    def title(source: str) -> str:
        return str(store.catalog.document_metadata(str(ids[source])).get("title") or "")

    return Library(
        kb.documents, title, lambda source: store.vector_store.nodes_of(str(ids[source]))
    )


def lap(_: str) -> Mapping[str, float]:
    return {"load": 0.0, "retrieve": 0.0, "first_token": 1.0, "total": 2.0}


def ask(kb: ragkit.KnowledgeBase, message: str) -> Answer:
    intent = recognise(message, lambda: [d.source for d in kb.documents()])
    assert intent is not None, message
    stream = answer_intent(intent, message, library(kb), preset="lite", lap=lap)
    text = "".join(stream)
    assert text == stream.answer.text
    return stream.answer


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("你好", "你好"),
        ("謝謝你", "不客氣"),
        ("Bye", "Goodbye"),
        ("What can you do?", "5"),
        ("你能做什么？", "5"),
        ("Was kannst du?", "5"),
    ],
)
def test_courtesies_are_answered(kb: ragkit.KnowledgeBase, message: str, expected: str) -> None:
    answer = ask(kb, message)
    assert not answer.refused
    assert expected in answer.text
    assert not answer.citations
    assert not any(sentence.claim for sentence in answer.sentences)


@pytest.mark.parametrize("message", ["有哪些文档？", "Which documents do you have?"])
def test_documents_are_listed_with_formats_and_titles(
    kb: ragkit.KnowledgeBase, message: str
) -> None:
    answer = ask(kb, message)
    assert not answer.refused
    assert all(name in answer.text for name in FILES)
    assert "5" in answer.text
    assert "md 2" in answer.text
    assert "txt 2" in answer.text
    assert "harbour.md · " not in answer.text  # the title says no more than the name


def test_many_documents_are_listed_by_folder() -> None:
    documents = [DocumentInfo(f"{'ab'[n % 2]}/{n}.md", 1, 9, "", "") for n in range(100)]
    shelf = Library(lambda: documents, lambda _: "", lambda _: [])
    intent = recognise("which documents do you have?", list)
    assert intent is not None
    text = answer_intent(intent, "?", shelf, preset="lite", lap=lap).answer.text
    assert "100" in text
    assert "a/ (50)" in text
    assert "b/ (50)" in text
    assert len(text.splitlines()) == 3


def test_a_name_of_two_lines_is_one_entry() -> None:
    documents = [DocumentInfo("two\nlines.md", 1, 9, "", ""), DocumentInfo("b.md", 1, 9, "", "")]
    shelf = Library(lambda: documents, lambda _: "", lambda _: [])
    intent = recognise("which documents do you have?", list)
    assert intent is not None
    text = answer_intent(intent, "?", shelf, preset="lite", lap=lap).answer.text
    assert text.splitlines()[1:] == ["- two lines.md", "- b.md"]


def test_an_empty_index_says_so() -> None:
    shelf = Library(list, lambda _: "", lambda _: [])
    intent = recognise("有哪些文档？", list)
    assert intent is not None
    answer = answer_intent(intent, "有哪些文档？", shelf, preset="lite", lap=lap).answer
    assert "还没有" in answer.text


def test_a_summary_has_a_verbatim_sentence_of_each_section(kb: ragkit.KnowledgeBase) -> None:
    answer = ask(kb, "Summarise harbour.md")
    assert not answer.refused
    for part in ("lighthouse", "ferry", "fish market"):
        assert part in answer.text
    assert len(answer.citations) == len(answer.sources) == 3
    for citation in answer.citations:
        text = kb.text(citation.source)
        assert citation.source == "harbour.md"
        assert citation.quote == text[citation.start : citation.end]
        assert citation.quote in answer.text
    numbers = {source.n for source in answer.sources}
    assert {n for sentence in answer.sentences for n in sentence.citations} == numbers


def test_a_summary_of_a_name_in_two_languages_is_in_the_reader_s(kb: ragkit.KnowledgeBase) -> None:
    assert {c.source for c in ask(kb, "总结 notes.txt").citations} == {"zh/notes.txt"}
    assert {c.source for c in ask(kb, "Summarise notes.txt").citations} == {"en/notes.txt"}


def test_files_without_sentences_begin_and_unknown_ones_are_refused(
    kb: ragkit.KnowledgeBase,
) -> None:
    table = ask(kb, "Summarise empty.csv")
    assert [c.source for c in table.citations] == ["empty.csv"] * len(table.citations)
    assert all(kb.text(c.source)[c.start : c.end] == c.quote for c in table.citations)
    assert table.citations
    unknown = ask(kb, "Summarise harbor.md")
    assert unknown.refused
    assert "harbour.md" in unknown.text
    assert not unknown.citations


def test_a_model_reads_the_beginning_of_each_section(kb: ragkit.KnowledgeBase) -> None:
    intent = recognise("Summarise harbour.md", lambda: list(FILES))
    assert intent is not None
    nodes = summary_nodes(intent, library(kb), limit=8)
    assert {n.node.metadata["source"] for n in nodes} == {"harbour.md"}
    assert nodes
    assert len({n.node.node_id for n in nodes}) == len(nodes) <= 8
    assert len(summary_nodes(intent, library(kb), limit=1)) == 1


def test_the_longest_sections_are_kept_in_order() -> None:
    nodes = [
        TextNode(
            text=f"Section number {n} tells of rivers. " * (1 + n % 7),
            metadata={"heading_path": f"Book > Part {n}", "source": "b.md", "language": "en"},
        )
        for n in range(30)
    ]
    shelf = Library(list, lambda _: "", lambda _: nodes)
    intent = recognise("Summarise b.md", lambda: ["b.md"])
    assert intent is not None
    answer = answer_intent(intent, "?", shelf, preset="lite", lap=lap).answer
    said = [int(c.quote.split()[2]) for c in answer.citations]
    assert said == sorted(said)
    assert 1 < len(said) <= 6
    assert {0, 6, 13, 20, 27} <= set(said)
