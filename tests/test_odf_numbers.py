"""Numbers of lists and headings, and formulas, in OpenDocument texts."""

from __future__ import annotations

import time
import zipfile
from pathlib import Path

from ragkit.ingest.extract import extract

_NAMES = "".join(
    f' xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{long or name}:1.0"'
    for name, long in [
        ("office", ""), ("text", ""), ("style", ""), ("table", ""), ("draw", "drawing")
    ]
)  # fmt: skip


def level(at: int, kind: str = "1", behind: str = ".", more: str = "", tag: str = "") -> str:
    tag = tag or "list-level-style-number"
    named = f'style:num-format="{kind}" style:num-suffix="{behind}"'
    return f'<text:{tag} text:level="{at}" {named} {more}/>'


def item(text: str, inner: str = "", more: str = "") -> str:
    return f"<text:list-item {more}><text:p>{text}</text:p>{inner}</text:list-item>"


def listed(items: str, more: str = 'text:style-name="L1"') -> str:
    return f"<text:list {more}>{items}</text:list>"


def read(
    tmp_path: Path, body: str, *levels: str, styles: str = "", parts: dict[str, str] | None = None
) -> str:
    own = f'<text:list-style style:name="L1">{"".join(levels)}</text:list-style>'
    content = (
        f'<office:document-content{_NAMES} xmlns:xlink="http://www.w3.org/1999/xlink">'
        f"<office:automatic-styles>{own}</office:automatic-styles>"
        f"<office:body><office:text>{body}</office:text></office:body></office:document-content>"
    )
    path = tmp_path / "a.odt"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.text")
        archive.writestr("META-INF/manifest.xml", "<manifest/>")
        archive.writestr("content.xml", content)
        archive.writestr(
            "styles.xml", f"<office:document-styles{_NAMES}>{styles}</office:document-styles>"
        )
        for name, part in (parts or {}).items():
            archive.writestr(name, part)
    return extract(path).text


def test_items_are_numbered_by_level_and_only_before_their_first_paragraph(tmp_path: Path) -> None:
    deeper = listed(item("deep") + item("deeper"), "")
    second = "<text:list-item><text:p>two</text:p><text:p>more</text:p></text:list-item>"
    text = read(
        tmp_path,
        listed(item("one", deeper) + second + item("three", listed(item("again"), ""))),
        level(1, "I"),
        level(2, "a", ")", 'style:num-prefix="("'),
    )
    assert text == "I. one\n  (a) deep\n  (b) deeper\nII. two\n\nmore\n\nIII. three\n  (a) again"


def test_lists_go_on_where_they_say_so(tmp_path: Path) -> None:
    named = 'text:style-name="L1" xml:id="first"'
    body = (
        listed(item("one"), named)
        + listed(item("one again"))
        + listed(item("two"), 'text:style-name="L1" text:continue-list="first"')
        + listed(item("three"), 'text:style-name="L1" text:continue-numbering="true"')
        + listed(item("nine", more='text:start-value="9"') + item("ten"))
    )
    text = read(tmp_path, body, level(1))
    assert text.split("\n") == [
        "1. one",
        "1. one again",
        "2. two",
        "3. three",
        "9. nine",
        "10. ten",
    ]


def test_an_item_that_only_holds_a_list_is_not_counted(tmp_path: Path) -> None:
    hull = f"<text:list-item>{listed(item('deep'), '')}</text:list-item>"
    body = listed(item("one")) + listed(
        hull + item("two"), 'text:style-name="L1" text:continue-numbering="true"'
    )
    shown = level(2, "1", ".", 'text:display-levels="2"')
    assert read(tmp_path, body, level(1), shown) == "1. one\n  1.1. deep\n2. two"


def test_headings_are_numbered_by_the_outline(tmp_path: Path) -> None:
    outline = "".join((
        level(1, "一, 二, 三, ...", "章", 'style:num-prefix="第"', "outline-level-style"),
        level(2, "1", "", 'text:display-levels="1"', "outline-level-style"),
    ))  # fmt: skip
    headings = [("1", "总则", ""), ("2", "目的", ""), ("2", "范围", ""), ("1", "", ""),
                ("1", "附则", ""), ("1", "附录", 'text:is-list-header="true"'),
                ("2", "期限", "")]  # fmt: skip
    body = "".join(
        f'<text:h text:outline-level="{at}" {more}>{text}</text:h>' for at, text, more in headings
    )
    styles = f"<text:outline-style>{outline}</text:outline-style>"
    assert read(tmp_path, body, styles=styles).split("\n\n") == [
        "# 第一章 总则", "## 1 目的", "## 2 范围", "# 第三章 附则", "# 附录", "## 1 期限"
    ]  # fmt: skip


def test_bullets_and_unknown_formats_are_marks(tmp_path: Path) -> None:
    bullet = '<text:list-level-style-bullet text:level="1" text:bullet-char="•"/>'
    for style in (bullet, level(1, "あ, い, う, ..."), ""):
        assert read(tmp_path, listed(item("boat") + item("pier")), style) == "- boat\n- pier"


def test_endless_marks_of_a_level_take_no_time(tmp_path: Path) -> None:
    endless = level(1, "1", more=f'style:num-prefix="{"x" * 500_000}"')
    began = time.process_time()
    text = read(tmp_path, listed("".join(item(f"boat {at}") for at in range(3_000))), endless)
    assert text.startswith("- boat 0\n- boat 1\n")
    assert time.process_time() - began < 3


def test_formulas_stand_in_their_place(tmp_path: Path) -> None:
    frame = '<draw:frame><draw:object xlink:href="./Object 1"/></draw:frame>'
    math = (
        '<math xmlns="http://www.w3.org/1998/Math/MathML"><semantics><mrow><msup><mi>a</mi>'
        "<mn>2</mn></msup><mo>+</mo><mi>b</mi></mrow><annotation>a^2 + b</annotation></semantics>"
        "</math>"
    )
    body = f"<text:p>Take {frame} boats.</text:p>"
    assert read(tmp_path, body, parts={"Object 1/content.xml": math}) == "Take a2+b boats."
    assert read(tmp_path, body, parts={"Object 1/content.xml": "<math"}) == "Take  boats."
