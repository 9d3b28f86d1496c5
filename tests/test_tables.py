"""Tables as lines: which row names the columns, and what each line says."""

from __future__ import annotations

import time

import pytest

from ragkit.ingest.readers.pipe_tables import with_named_rows
from ragkit.ingest.readers.tables import spread, table_text

Rows = list[list[object]]


@pytest.mark.parametrize(
    ("rows", "text"),
    [
        ([["a", "b"], [1, 2]], "a: 1; b: 2"),
        ([["Prices"], [], ["Item", "Price"], ["pen", 3]], "Prices\nItem: pen; Price: 3"),
        ([["Item", "Price"]], "Item | Price"),
        ([[1, 2], [3, 4]], "1 | 2\n3 | 4"),
        (
            [["Region", "2023", "", "2024", ""], ["", "Q1", "Q2", "Q1", "Q2"], ["N", 1, 2, 3, 4]],
            "Region: N; 2023 Q1: 1; 2023 Q2: 2; 2024 Q1: 3; 2024 Q2: 4",
        ),
        (
            [["Name", "Marks", ""], ["", "Art", "Maths"], ["Ann", 5, "x"]],
            "Name: Ann; Marks Art: 5; Marks Maths: x",
        ),
        # A column without a name groups nothing.
        (
            [["Name", "", "City"], ["Ann", "x", "Rome"], ["Bo", "y", "Oslo"]],
            "Name: Ann; x; City: Rome\nName: Bo; y; City: Oslo",
        ),
        # A header that is printed again on the next page.
        ([["a", "b"], [1, 2], ["a", "b"], [3, 4]], "a: 1; b: 2\na: 3; b: 4"),
        # Another table below an empty row, and a note.
        (
            [["a", "b", "c"], [1, 2, 3], [], ["Stock"], ["Item", "Left"], ["pen", 7]],
            "a: 1; b: 2; c: 3\nStock\nItem: pen; Left: 7",
        ),
        (
            [["a", "b", "c", "d"], [1, 2, 3, 4], [], ["Source", "ACME"]],
            "a: 1; b: 2; c: 3; d: 4\nSource | ACME",
        ),
        # An empty row alone changes nothing.
        ([["a", "b"], [1, 2], [], [3, 4]], "a: 1; b: 2\na: 3; b: 4"),
    ],
)
def test_rows_say_what_their_values_are(rows: Rows, text: str) -> None:
    assert table_text(rows) == text


def test_a_header_may_be_given() -> None:
    rows: Rows = [["x", "y"], ["1", "z"], ["p", "q"]]
    assert table_text(rows, header=2) == "x 1: p; y z: q"
    assert table_text([[1, 2], [3, 4]], header=0) == "1 | 2\n3 | 4"


def test_labels_with_values_are_no_columns() -> None:
    rows: Rows = [["Name", "Ann"], ["Born", "1990-01-02"], ["City", "Rome"]]
    assert table_text(rows, form=True) == "Name: Ann\nBorn: 1990-01-02\nCity: Rome"
    labelled: Rows = [["姓名：", "张三", "性别：", "男"], ["部门：", "研发", "电话：", "12"]]
    assert table_text(labelled) == "姓名： 张三 | 性别： 男\n部门： 研发 | 电话： 12"


def test_cells_hang_down_and_sideways() -> None:
    hanging: dict[int, tuple[int, str]] = {}
    assert spread([("a", 1, 2), ("b", 2, 1)], hanging) == ["a", "b", ""]
    assert spread([("c", 1, 1), ("d", 1, 1)], hanging) == ["a", "c", "d"]
    assert spread([("e", 1, 1)], hanging) == ["e"]


def test_markdown_tables_become_rows_and_code_does_not() -> None:
    table = "| Thing | Place |\n|:--|--:|\n| hose | garage |\n| a \\| b | `x` |\n"
    assert with_named_rows(f"Where:\n{table}\nEnd.") == (
        "Where:\nThing: hose; Place: garage\nThing: a | b; Place: `x`\n\nEnd."
    )
    for code in (f"```\n{table}```", f"~~~~ md\n{table}~~~\n~~~~", "a | b\nc | d"):
        assert with_named_rows(code) == code


@pytest.mark.parametrize(
    "text",
    [
        "| a |",
        "|-|-|\n|-|-|",
        "a|b\n-|-",
        "| a | b |\n|---|\n| 1 | 2 |",
        "<table>\n<tr><td>x",
        "||||",
    ],
)
def test_what_only_looks_like_a_table_stays(text: str) -> None:
    assert with_named_rows(text) == text


def test_html_tables_in_markdown() -> None:
    html = "<table>\n<tr><th>K</th><th>V</th></tr>\n<tr><td>a</td><td>1</td></tr>\n</table>"
    assert with_named_rows(f"# T\n\n{html}\n\nEnd") == "# T\n\nK: a; V: 1\n\nEnd"


@pytest.mark.parametrize(
    "text",
    ["a|b\n|-" + " " * 100_000 + "x", "<table\n" * 30_000, "<table>\n" * 30_000 + "</table>"],
)
def test_what_is_no_table_in_markdown_is_told_in_linear_time(text: str) -> None:
    began = time.process_time()
    assert with_named_rows(text) == text
    assert time.process_time() - began < 1.5


def test_an_html_table_without_text_stays_as_it_is() -> None:
    text = "<table>\n<tr><td></td></tr>\n</table>\n<table>\n<tr><td>a</td></tr>\n</table>"
    assert with_named_rows(text).startswith("<table>\n<tr><td></td></tr>\n</table>\n")
    assert with_named_rows(text).endswith("a")
