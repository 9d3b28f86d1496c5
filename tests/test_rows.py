"""Questions about rows of tables: the rows meant, and no others, verbatim, with their headers."""

from __future__ import annotations

from pathlib import Path

import pytest

import ragkit
from ragkit.answer.units import node_units
from ragkit.ingest.lines import is_label_line, is_row, row_cells
from ragkit.ingest.sentences import sentence_spans
from ragkit.knowledge import KnowledgeBase
from ragkit.types import Answer

FILES = {
    "parcels.csv": """parcel,receiver,city,weight_kg,state
P-77,Lund Trading,Oslo,12,delivered
P-78,Mara Foods,Riga,3,lost
P-79,Lund Trading,Bergen,40,waiting
P-80,Quill Press,Oslo,8,waiting
""",
    "器材.csv": """器材,编号,剩余,位置
投影仪,T9,4,二楼
扩音器,K2,0,一楼
白板,B1,7,三楼
帐篷,Z5,0,一楼
""",
    "garden.md": """# Garden

## Beds

| Bed | Length | Crop |
|---|---|---|
| North | 6 m | beans |
| South | 9 m | leeks |

## Tools

| Tool | Kept in |
|---|---|
| rake | barn |
| sieve | cellar |
| spade | barn |
""",
    "settings.json": """{"mail": {"relay": "post.example", "port": 2525, "retry": {"pauses": 7}},
"store": {"folder": "/srv/box", "quota_gb": 90},
"staff": [{"name": "Ida Holm", "task": "gardener", "room": "B12"},
{"name": "Per Vik", "task": "cook", "room": "C03"}]}""",
    "meals.csv": "meal,vegan,price\nstew,yes,9\nomelette,no,7\ndhal,yes,8\nburger,no,11\n",
}


@pytest.fixture(scope="module")
def kb(tmp_path_factory: pytest.TempPathFactory) -> KnowledgeBase:
    folder = tmp_path_factory.mktemp("tables")
    for name, text in FILES.items():
        (folder / name).write_text(text, encoding="utf-8")
    base = ragkit.open(folder, index=folder.parent / "tables.db", preset="lite")
    base.index()
    return base


def shown(kb: KnowledgeBase, question: str) -> Answer:
    answer = kb.ask(question)
    assert not answer.refused
    for citation in answer.citations:
        assert citation.quote == kb.text(citation.source)[citation.start : citation.end]
    return answer


@pytest.mark.parametrize(
    ("question", "rows"),
    [
        ("What is the state of parcel P-78?", ["parcel: P-78"]),
        ("Which parcels did Lund Trading receive?", ["parcel: P-77", "parcel: P-79"]),
        ("Which parcels are waiting?", ["parcel: P-79", "parcel: P-80"]),
        ("投影仪还剩余多少？", ["器材: 投影仪"]),
        ("白板在哪个位置？", ["器材: 白板"]),
        ("哪些器材没有剩余？", ["器材: 扩音器", "器材: 帐篷"]),
        ("一楼有哪些器材？", ["器材: 扩音器", "器材: 帐篷"]),
        ("How long is the bed North?", ["Bed: North; Length: 6 m; Crop: beans"]),
        ("Where is the sieve kept?", ["Tool: sieve; Kept in: cellar"]),
        ("Where are the sieve and the rake kept?", ["Tool: rake", "Tool: sieve"]),
        ("Which port does mail use?", ["mail.port: 2525"]),
        ("What is the room of Per Vik?", ["staff: name: Per Vik; task: cook; room: C03"]),
        ("Which meals are vegan?", ["meal: stew", "meal: dhal"]),
        ("Which meals are not vegan?", ["meal: omelette", "meal: burger"]),
    ],
)
def test_the_rows_meant_and_no_others(kb: KnowledgeBase, question: str, rows: list[str]) -> None:
    found = [sentence.text for sentence in shown(kb, question).sentences]
    assert len(found) == len(rows), found
    assert all(text.startswith(row) for text, row in zip(found, rows, strict=True)), found


@pytest.mark.parametrize(
    ("question", "mark"),
    [
        ("What is the state of parcel P-78?", "lost"),
        ("白板在哪个位置？", "三楼"),
        ("投影仪还剩余多少？", "4"),
        ("What is the room of Per Vik?", "C03"),
        ("Who is the cook?", "Per Vik"),
        ("Which meals are not vegan?", "omelette"),
        ("哪些器材没有剩余？", "扩音器"),
    ],
)
def test_the_cell_asked_for_is_marked(kb: KnowledgeBase, question: str, mark: str) -> None:
    sentence = shown(kb, question).sentences[0]
    assert sentence.mark is not None
    assert sentence.text[sentence.mark.start : sentence.mark.end] == mark


def test_rows_stand_below_each_other(kb: KnowledgeBase) -> None:
    lines = shown(kb, "Which meals are vegan?").text.split("\n")
    assert lines == ["meal: stew; vegan: yes; price: 9 [1]", "meal: dhal; vegan: yes; price: 8 [1]"]


def test_a_table_that_the_question_is_about_is_given_whole(
    kb: KnowledgeBase, tmp_path: Path
) -> None:
    (tmp_path / "f.md").write_text(
        "# 导出\n\n可以导出的格式：\n\n| 格式 | 后缀 |\n|---|---|\n| 图片 | png |\n"
        "| 文字 | txt |\n",
        encoding="utf-8",
    )
    base = ragkit.open(tmp_path, index=tmp_path.parent / "whole.db", preset="lite")
    base.index()
    answer = shown(base, "可以导出哪些格式？")
    assert "格式: 图片; 后缀: png\n格式: 文字; 后缀: txt" in answer.text
    assert "|---" not in answer.text


@pytest.mark.parametrize(
    ("line", "row"),
    [
        ("a: 1; b: 2", True),
        ("产品: 键盘; 库存: 3", True),
        ("x; b: 2; c: 3", True),
        ("a | b", True),
        ("There are two: one is red; the other: blue.", False),
        ("He left; she stayed", False),
        ("Note: it rains today", False),
        ("See https://a.b; and http://c.d", False),
        ("a: " + "b" * 700 + "; c: d", False),
    ],
)
def test_what_a_row_looks_like(line: str, row: bool) -> None:
    assert is_row(line, 0, len(line)) is row


def test_cells_of_a_row() -> None:
    def cells(row: str) -> list[tuple[str, str]]:
        return [(row[slice(*name)], row[slice(*value)]) for name, value in row_cells(row)]

    assert cells("a: 1; b c: 2; 3") == [("a", "1"), ("b c", "2; 3")]
    assert cells("x; b: 2; c: 3") == [("", "x"), ("b", "2"), ("c", "3")]
    assert cells("staff: name: Ann; room: 3") == [("name", "Ann"), ("room", "3")]
    assert cells("no cells") == [("", "no cells")]
    assert cells("top_k = 5") == [("top_k", "5")]
    assert cells("地点：三楼") == [("地点", "三楼")]


def test_lines_with_labels_are_lines_of_their_own() -> None:
    text = "host: the name of the machine that answers.\nport: the number\nthat it listens at"
    assert [text[a:b] for a, b in sentence_spans(text)][:1] == [text.split("\n")[0]]
    assert is_label_line("port: 80", 0, 8)
    assert not is_label_line("a sentence. b: c", 0, 16)


def test_lists_and_questions_with_labels_are_what_they_were() -> None:
    text = "- name: the caller\n- port: the number\n\n**Q: Who pays?**\nA: You.\n\nhost: a\nport: b"
    kinds = [unit.kind for unit in node_units(text)]
    assert kinds == ["item", "item", "question", "row", "row", "row"]
