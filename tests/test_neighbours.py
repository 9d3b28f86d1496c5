"""Nodes grow by their neighbours with exact offsets; near-duplicates take one place."""

from __future__ import annotations

from pathlib import Path

import pytest
from llama_index.core.schema import NodeWithScore, TextNode
from store_support import PairAnalyzer, file_state, make_node, make_store

import ragkit
from ragkit.retrieve.duplicates import collapse_duplicates, near_duplicates
from ragkit.retrieve.neighbours import expand_nodes
from ragkit.retrieve.retriever import StoreRetriever
from ragkit.store.sqlite import SqliteStore

SECTIONS = [
    ("Ports > Default", "The server listens. "),
    ("Ports > Default", "Its port is 8080. "),
    ("Ports > Default", "Change it in the file. "),
    ("Backups", "They run at three. "),
    ("Backups", "They are kept a week."),
]
TEXT = "".join(text for _, text in SECTIONS)


@pytest.fixture
def store(tmp_path: Path) -> SqliteStore:
    store = make_store(tmp_path / "i.db")
    nodes, start = [], 0
    for number, (heading, text) in enumerate(SECTIONS):
        nodes.append(make_node(f"n{number}", "d", text, start=start, heading_path=heading))
        start += len(text)
    with store.transaction():
        store.catalog.put_document("d", TEXT, {})
        store.vector_store.add(nodes)
        store.catalog.put_file(file_state("a.md", "d"))
    return store


def expand(store: SqliteStore, ids: list[str], budget: int) -> list[NodeWithScore]:
    by_id = {node.node_id: node for node in store.vector_store.get_nodes(ids)}
    found = [NodeWithScore(node=by_id[id_], score=1.0 - n / 10) for n, id_ in enumerate(ids)]
    return expand_nodes(
        found,
        budget=budget,
        siblings=lambda document, first, last: store.vector_store.nodes_of(
            document, between=(first, last)
        ),
        document_text=store.catalog.document_text,
    )


def spans(nodes: list[NodeWithScore]) -> list[tuple[str, int | None, int | None]]:
    return [(n.node.node_id, n.node.start_char_idx, n.node.end_char_idx) for n in nodes]  # type: ignore[attr-defined]


def test_a_node_grows_to_its_section_and_no_further(store: SqliteStore) -> None:
    (grown,) = expand(store, ["n1"], 1000)
    text = grown.node.get_content()
    assert text == "The server listens. Its port is 8080. Change it in the file. "
    assert grown.node.metadata["source"] == "a.md"
    assert grown.score == 1.0
    (other,) = expand(store, ["n4"], 1000)
    assert other.node.get_content() == "They run at three. They are kept a week."


@pytest.mark.parametrize("budget", range(0, 130, 7))
def test_offsets_are_exact_and_the_budget_holds(store: SqliteStore, budget: int) -> None:
    for id_ in ("n0", "n1", "n2", "n3", "n4"):
        (grown,) = expand(store, [id_], budget)
        _, start, end = spans([grown])[0]
        assert start is not None and end is not None  # noqa: PT018
        assert TEXT[start:end] == grown.node.get_content()
        own = SECTIONS[int(id_[1])][1]
        assert own in grown.node.get_content()
        assert end - start <= max(budget, len(own))


def test_what_follows_is_read_first(store: SqliteStore) -> None:
    (grown,) = expand(store, ["n1"], 45)
    assert grown.node.get_content() == "Its port is 8080. Change it in the file. "


def test_a_node_in_a_better_ones_text_is_left_out(store: SqliteStore) -> None:
    assert [id_ for id_, *_ in spans(expand(store, ["n1", "n0", "n4"], 1000))] == ["n1", "n4"]
    kept = spans(expand(store, ["n0", "n2", "n1"], 45))
    for _, first, last in kept:
        others = [s for s in kept if s[1] != first]
        assert all(s[2] <= first or s[1] >= last for s in others)  # type: ignore[operator]


def test_no_budget_no_offset_and_no_document_change_nothing(store: SqliteStore) -> None:
    bare = NodeWithScore(node=TextNode(text="alone"), score=0.5)
    same = expand_nodes(
        [bare], budget=100, siblings=lambda *a: [], document_text=lambda id_: "never"
    )
    assert same == [bare]
    assert spans(expand(store, ["n1", "n0"], 0)) == spans(expand(store, ["n1", "n0"], 1))


def test_in_a_real_folder_every_offset_is_exact(tmp_path: Path) -> None:
    folder = Path(__file__).resolve().parent.parent / "data"
    kb = ragkit.open(
        folder, index=tmp_path / "i.db", preset="lite", settings={"splitter.chunk_size": 40}
    )
    kb.index()
    from ragkit.parts import Parts  # the store as the knowledge base opens it

    store = Parts(kb.config).open_store(str(tmp_path / "i.db"))
    longer = 0
    for question in ("Which port does the app use?", "如何备份索引?", "retriever.kind"):
        found = kb.as_retriever(top_k=8).retrieve(question)
        grown = expand_nodes(
            found,
            budget=900,
            siblings=lambda d, first, last: store.vector_store.nodes_of(d, between=(first, last)),
            document_text=store.catalog.document_text,
        )
        assert 0 < len(grown) <= len(found)
        assert grown[0].node.node_id == found[0].node.node_id
        for node in grown:
            start, end = node.node.start_char_idx, node.node.end_char_idx  # type: ignore[attr-defined]
            assert kb.text(node.node.metadata["source"])[start:end] == node.node.get_content()
        longer += sum(len(n.node.get_content()) for n in grown) > sum(
            len(n.node.get_content()) for n in found[: len(grown)]
        )
    assert longer
    kb.close()


LONG = (
    "The scheduler starts each job in a process of its own and writes what it prints to a log. "
    "A job that fails is tried again after a minute, and the third failure is reported by mail. "
)


@pytest.mark.parametrize(
    "other",
    [
        LONG.upper(),
        LONG.replace(". ", ".\n\n"),
        "## " + LONG.replace("log", "**log**"),
        LONG.replace("is reported", "is then reported"),
        LONG + "Thanks.",
    ],
)
def test_the_same_in_another_dress(other: str) -> None:
    assert near_duplicates(LONG, other)
    assert near_duplicates(other, LONG)


@pytest.mark.parametrize(
    "other",
    [
        LONG.replace("third", "fourth"),
        LONG.replace("a minute", "5 minutes"),
        LONG.replace("is tried", "is not tried"),
        LONG.replace("is tried", "isn't tried"),
        LONG.replace("is tried", "is never tried"),
        LONG.replace("is reported", "is only reported"),
        LONG + "Version 2.",
        LONG.replace("fails", "succeeds"),
        LONG[: len(LONG) // 2],
        "",
    ],
)
def test_another_word_figure_or_negation_is_another_text(other: str) -> None:
    assert not near_duplicates(LONG, other)
    assert not near_duplicates(other, LONG)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("端口是 8080。", "端口是 8081。"),
        (
            "灯塔系统每天凌晨三点备份索引,保留七天。" * 3,
            "灯塔系统每天凌晨三点不备份索引,保留七天。" * 3,
        ),
        ("The limit is 1.5 GB.", "The limit is 15 GB."),
        ("It cools to -5 degrees.", "It cools to 5 degrees."),
        ("Costs 5 €.", "Costs 5 $."),
        ("x < 3", "x > 3"),
        ("Use C++.", "Use C."),
        ("ไม่ดี", "ดี"),
        ("นี่คือปู", "นี่คือปี"),
    ],
)
def test_small_signs_count(one: str, other: str) -> None:
    assert not near_duplicates(one, other)
    assert near_duplicates(one, one + " ")


def scored(*named: tuple[str, str]) -> list[NodeWithScore]:
    return [
        NodeWithScore(node=TextNode(text=text, metadata={"source": source}), score=1.0 / n)
        for n, (source, text) in enumerate(named, 1)
    ]


def test_duplicates_take_one_place_and_are_named() -> None:
    nodes = scored(
        ("a.md", LONG), ("b.md", "Other."), ("c.md", LONG.upper()), ("a.md", LONG), ("d.md", "More")
    )
    before = [node.model_copy(deep=True) for node in nodes]
    kept = collapse_duplicates(nodes, limit=3)
    assert [node.node.metadata["source"] for node in kept] == ["a.md", "b.md", "d.md"]
    assert kept[0].node.metadata["also_in"] == ["c.md"]
    assert "also_in" not in kept[1].node.metadata
    assert kept[0].score == 1.0
    assert "c.md" not in kept[0].node.get_content("llm")  # type: ignore[arg-type]
    assert [n.node.metadata for n in nodes] == [n.node.metadata for n in before]
    assert collapse_duplicates(nodes, limit=1)[0].node.metadata["also_in"] == ["c.md"]
    assert collapse_duplicates([], limit=3) == []


def test_the_retriever_fills_the_places_that_fall_out(tmp_path: Path) -> None:
    store = make_store(tmp_path / "i.db")
    assert isinstance(store.analyzer, PairAnalyzer)
    copies = [make_node(f"c{n}", f"d{n}", "port port eight", source=f"{n}.md") for n in range(6)]
    store.vector_store.add([*copies, make_node("x", "dx", "port of the harbour", source="x.md")])
    plain = StoreRetriever(store.vector_store, top_k=3).retrieve("port")
    assert [found.node.get_content() for found in plain] == ["port port eight"] * 3
    collapsed = StoreRetriever(store.vector_store, top_k=3, collapse=True).retrieve("port")
    assert [found.node.get_content() for found in collapsed] == [
        "port port eight",
        "port of the harbour",
    ]
    assert collapsed[0].node.metadata["also_in"] == [f"{n}.md" for n in range(1, 6)]
