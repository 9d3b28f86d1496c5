"""The health report in Chromium: it looks right, sorts and filters, and fetches nothing."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from browser_support import browser
from click.testing import CliRunner

from ragkit.cli.index import index

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

__all__ = ["browser"]
pytestmark = pytest.mark.browser

LONG = "Quarterly_report_for_internal_use_only_final_" * 4 + ".md"
HEBREW = "דוח שנתי 2024 (סופי).md"
HOSTILE = "<img src=http:x onerror=alert(1)>\n.md"


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return the report on one folder in both languages."""
    place = tmp_path_factory.mktemp("health")
    docs = place / "docs"
    (docs / "deep" / "folder").mkdir(parents=True)
    for number in range(60):
        text = f"# Note {number}\n\n" + f"Valve {number} is checked by team {number % 7}. " * number
        (docs / f"note-{number}.md").write_text(text + "It is red.")
    for name in (LONG, HEBREW, HOSTILE):
        (docs / "deep" / "folder" / name).write_text(f"A text of its own: {len(name)} letters.")
    for number in range(9):
        (docs / f"empty-{number}.md").touch()
    (docs / "broken.txt").write_text("Der Schl\ufffdssel liegt \ufffdber der T\ufffdr. " * 9)
    (docs / ".hidden.md").write_text("x")
    found = {}
    for language, locale in (("en", "C.UTF-8"), ("zh", "zh_CN.UTF-8")):
        found[language] = place / f"{language}.html"
        arguments = [
            str(docs), "--preset", "lite", "--index", str(place / "i.db"),
            "--report", str(found[language]),
        ]  # fmt: skip
        result = CliRunner().invoke(
            index, arguments, standalone_mode=False, env={"LC_ALL": locale, "LANG": locale}
        )
        assert result.exception is None, result.exception
    return found


def shown(browser: Browser, path: Path, **context: Any) -> Iterator[Page]:
    made = browser.new_context(**context)
    page = made.new_page()
    asked: list[str] = []
    said: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda line: said.append(line.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(path.as_uri())
    yield page
    assert [url for url in asked if url != path.as_uri()] == []
    assert said == []
    made.close()


@pytest.mark.parametrize(
    ("language", "scheme", "width"),
    [("en", "light", 1280), ("zh", "dark", 1280), ("en", "dark", 390), ("zh", "light", 390)],
)
def test_no_rule_of_axe_is_broken_and_nothing_is_too_wide(
    browser: Browser, reports: dict[str, Path], language: str, scheme: Any, width: int
) -> None:
    found = find_spec("axe_playwright_python")
    if found is None or found.origin is None:
        pytest.skip("axe-playwright-python is not installed")
    axe = (Path(found.origin).parent / "axe.min.js").read_text("utf-8")
    size: Any = {"width": width, "height": 900}
    for page in shown(browser, reports[language], viewport=size, color_scheme=scheme):
        for summary in page.locator("summary").all():
            summary.click()
        page.evaluate(axe)
        broken = page.evaluate(
            "async () => (await axe.run(document, {resultTypes: ['violations']})).violations"
            ".map(v => v.id + ': ' + v.nodes.map(n => n.html.slice(0, 120)).join(' | '))"
        )
        assert broken == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def names(page: Page) -> list[str]:
    return [
        text.strip()
        for text in page.locator("table.files").last.locator(
            "tbody tr:not([hidden]) td.name"
        ).all_inner_texts()
    ]  # fmt: skip


def test_columns_sort_and_words_filter(browser: Browser, reports: dict[str, Path]) -> None:
    for page in shown(browser, reports["en"], viewport={"width": 1280, "height": 900}):
        table = page.locator("table.files").last
        assert len(names(page)) == 64
        table.get_by_role("button", name="Characters").click()
        assert names(page)[0] == "note-59.md"
        assert table.locator("th[aria-sort]").get_attribute("aria-sort") == "descending"
        table.get_by_role("button", name="Characters").click()
        assert names(page)[-1] == "note-59.md"
        table.get_by_role("button", name="File").click()
        sorted_names = [name for name in names(page) if name.startswith("note-")]
        assert sorted_names == [f"note-{number}.md" for number in range(60)]
        search = page.get_by_role("searchbox").last
        search.fill("NOTE-1 md")
        assert len(names(page)) == 11
        assert page.locator("output").last.inner_text() == "11 / 64"
        search.fill("")
        page.get_by_label("Only with warnings").check()
        assert "broken.txt" in names(page)
        assert len(names(page)) < 64


def test_the_heads_of_the_columns_stay_in_sight(browser: Browser, reports: dict[str, Path]) -> None:
    for page in shown(browser, reports["en"], viewport={"width": 1280, "height": 700}):
        head = page.locator("table.files").last.locator("th").first
        page.evaluate("scrollTo(0, document.documentElement.scrollHeight - 900)")
        box = head.bounding_box()
        assert box is not None
        assert -1 <= box["y"] <= 1


def test_names_keep_their_direction_and_their_columns(
    browser: Browser, reports: dict[str, Path]
) -> None:
    for page in shown(browser, reports["en"], viewport={"width": 1280, "height": 900}):
        row = page.locator("tr", has_text=HEBREW[:5])
        left = row.locator(".dir").bounding_box()
        name = row.locator("bdi").last.bounding_box()
        assert left is not None
        assert name is not None
        assert left["x"] < name["x"]  # the folder stands before the name, in one direction
        assert page.locator("tr img").count() == 0


def test_without_scripts_all_is_there(browser: Browser, reports: dict[str, Path]) -> None:
    for page in shown(browser, reports["zh"], java_script_enabled=False):
        assert page.locator("table.files tbody tr").count() == 64 + 9
        assert page.locator("button, input").count() == 0
