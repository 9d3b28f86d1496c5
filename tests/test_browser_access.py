"""The chat for everyone: axe-core's rules, the keyboard alone, phones, zoom, hostile names."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from browser_support import Listener, answers, ask, browser, opened, serving
from pdf_writer import PdfPage, lines, write_pdf

from ragkit.chats import chats_path, open_chats
from ragkit.types import Sentence

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

__all__ = ["browser"]
pytestmark = pytest.mark.browser

QUESTION = "When was the lighthouse of Alnmouth built?"
DESK, PHONE = {"width": 1280, "height": 860}, {"width": 390, "height": 844}
# What Streamlit 1.67 draws and no setting changes: rule, the part of the page, why it is left.
STREAMLITS_OWN = (
    # A drop area that is out of the Tab order; the button inside it does the same.
    ("presentation-role-conflict", '[data-testid="stFileUploaderDropzone"]'),
)
VIOLATIONS = """async own => {
  const found = (await axe.run(document, {resultTypes: ["violations"]})).violations;
  return found.flatMap(rule => rule.nodes
    .filter(node => !own.some(([id, where]) =>
      id === rule.id && document.querySelector(node.target[0])?.matches(where)))
    .map(node => `${rule.impact} ${rule.id}: ${node.target.join(" ")} ${node.html.slice(0, 200)}`));
}"""


class Served(NamedTuple):
    """A running chat, its home, and what counts requests that must not be made."""

    address: str
    home: Path
    listener: Listener


@pytest.fixture(scope="module")
def axe() -> str:
    """Return axe-core's source."""
    found = find_spec("axe_playwright_python")
    if found is None or found.origin is None:
        pytest.skip("axe-playwright-python is not installed")
    return (Path(found.origin).parent / "axe.min.js").read_text("utf-8")


@pytest.fixture(scope="module")
def chat(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Run the chat on a folder with something for every state, and names that are Markdown."""
    listener = Listener()
    folder, home = tmp_path_factory.mktemp("docs"), tmp_path_factory.mktemp("home")
    (folder / "history.txt").write_text(
        "The lighthouse of Alnmouth was built in 1826 by Thomas Blackwood. "
        "It burned down during the storm of 1861.\n",
        "utf-8",
    )
    (folder / "手册.md").write_text("# 手册\n\n## 备份\n\n备份保留三十天。\n", "utf-8")
    (folder / "report.pdf").write_bytes(
        write_pdf(
            PdfPage(lines("The annual report of the harbour.")),
            PdfPage(lines("The lighthouse keeper is called Theodora Quill.")),
        )
    )
    ferries = "# Guide\n\n## Ferries\n\n" + "Boats leave from the old pier. " * 40
    for name in ("guide.md", "copy.md"):
        (folder / name).write_text(ferries, "utf-8")
    (folder / "empty.txt").touch()
    # Browsers read backslashes as slashes.
    host = f"http:\\\\127.0.0.1:{listener.port}\\"
    (folder / f"![x]({host}name) [l]({host}link) `c`.md").write_text(
        f"# ![h]({listener.address}/heading)\n\nThe zeppelin code is 4711.\n", "utf-8"
    )
    with serving(folder, home) as address:
        yield Served(address, home, listener)
    listener.close()


def let_a_model_have_written(page: Page, home: Path) -> None:
    """Make the last answer one that a model wrote, with a sentence that no source supports."""
    chat_id = page.url.split("chat=")[1].split("#")[0]
    cookies = {cookie["name"]: cookie["value"] for cookie in page.context.cookies()}
    chats = open_chats(chats_path(home))
    turn = chats.turns(chat_id, cookies["ragkit_browser"])[-1]
    assert turn.answer is not None
    doubtful = Sentence("It was painted green in 1990.", (), False)
    table = "\n\n| Year | What |\n|---|---|\n| 1826 | built |\n\n```\nls -la\n```"
    written = replace(
        turn.answer,
        text=f"{turn.answer.text} {doubtful.text}{table}",
        sentences=(*turn.answer.sentences, doubtful),
        timings_ms={**turn.answer.timings_ms, "completion_tokens": 30},
    )
    chats.save_turn(turn.id, answer=written, state="done")
    page.reload()
    answers(page).last.wait_for(timeout=30_000)


def source_button(page: Page, name: str) -> Any:
    return page.locator('[class*="st-key-sources-"] button', has_text=name).last


def close_dialog(page: Page) -> None:
    page.keyboard.press("Escape")
    page.get_by_role("dialog").wait_for(state="detached")


def states(page: Page, served: Served, *, phone: bool) -> Iterator[str]:
    """Bring the page into one state after the other, and name each."""
    page.locator(".st-key-examples").wait_for(timeout=30_000)
    yield "empty chat"
    ask(page, QUESTION)
    let_a_model_have_written(page, served.home)
    yield "answer with an unsupported sentence"
    source_button(page, "history.txt").click()
    page.get_by_role("dialog").locator("mark").first.wait_for(timeout=15_000)
    yield "opened source"
    close_dialog(page)
    ask(page, "What is the lighthouse keeper called?")
    source_button(page, "report.pdf").click()
    page.get_by_role("dialog").locator("img").wait_for(timeout=15_000)
    yield "opened page of a PDF"
    close_dialog(page)
    ask(page, "How many windows does the lighthouse have upstairs?")
    page.locator('[class*="st-key-near-"]').first.wait_for()
    yield "refusal"
    if phone:
        page.get_by_test_id("stExpandSidebarButton").click()
    page.locator(".st-key-settings summary").click()
    page.locator(".st-key-current-chat summary").click()
    yield "settings and a conversation's menu"
    page.locator(".st-key-scope summary").click()
    page.wait_for_timeout(1000)  # a list closes when what it belongs to moves
    page.locator(".st-key-scope_formats input").click()
    page.get_by_role("option").first.wait_for()
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    page.locator(".st-key-scope-note").wait_for(timeout=15_000)
    yield "some documents are chosen"
    if phone:
        page.get_by_test_id("stSidebarCollapseButton").locator("button").click()
        page.get_by_test_id("stExpandSidebarButton").wait_for()
        yield "sidebar closed again"
    page.goto(f"{served.address}/documents")
    table = page.get_by_test_id("stDataFrame")
    table.wait_for(timeout=30_000)
    yield "documents"
    table.scroll_into_view_if_needed()
    page.wait_for_timeout(1000)
    box = table.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + 18, box["y"] + 36 + 17)
    page.locator(".st-key-exclude").wait_for()
    yield "a document is selected"
    page.locator(".st-key-documents_view button").nth(1).click()
    page.locator(".st-key-health-download").wait_for(timeout=30_000)
    page.get_by_role("main").locator("summary").first.click()
    yield "health report"
    page.goto(f"{served.address}/evaluation")
    page.locator(".st-key-evaluation-set button").nth(1).click(timeout=30_000)
    page.locator(".st-key-evaluation-run button:not([disabled])").click(timeout=15_000)
    page.locator(".ragkit-report").wait_for(timeout=60_000)
    yield "evaluation with a result"


@pytest.mark.parametrize(
    ("language", "scheme", "phone"),
    [("en", "light", False), ("zh", "dark", False), ("en", "dark", True), ("zh", "light", True)],
)
def test_no_state_breaks_a_rule_of_axe_or_its_width(
    browser: Browser, chat: Served, axe: str, language: str, scheme: str, phone: bool
) -> None:
    found = []
    with opened(
        browser,
        chat.address,
        locale={"en": "en-GB", "zh": "zh-CN"}[language],
        color_scheme=scheme,
        viewport=PHONE if phone else DESK,
        is_mobile=phone,
        has_touch=phone,
    ) as page:
        for state in states(page, chat, phone=phone):
            page.wait_for_timeout(900)  # what fades in has half its contrast
            page.evaluate(axe)  # not as a script of the page, which its policy forbids
            found += [f"{state}: {line}" for line in page.evaluate(VIOLATIONS, STREAMLITS_OWN)]
            if too_wide(page):
                found.append(f"{state}: wider than the screen")
    assert found == []
    assert chat.listener.paths == []


def too_wide(page: Page) -> bool:
    """Return whether page or dialog scroll sideways."""
    return bool(
        page.evaluate(
            "[document.documentElement, ...document.querySelectorAll('main, [role=dialog]')]"
            ".some(e => e.scrollWidth > e.clientWidth)"
        )
    )


def test_twice_the_size_fits(browser: Browser, chat: Served) -> None:
    # 200 % on a window of 1280 by 860.
    half = {"width": 640, "height": 430}
    with opened(browser, chat.address, viewport=half, device_scale_factor=2) as page:
        ask(page, QUESTION)
        wide = [too_wide(page)]
        source_button(page, "history.txt").click()
        page.get_by_role("dialog").locator("mark").first.wait_for(timeout=15_000)
        wide.append(too_wide(page))
        close_dialog(page)
        for place, part in (("documents", "stDataFrame"), ("evaluation", "stToggle")):
            page.goto(f"{chat.address}/{place}")
            page.get_by_test_id(part).or_(page.locator(".st-key-evaluation-run")).first.wait_for(
                timeout=30_000
            )
            wide.append(too_wide(page))
    assert wide == [False] * 4


def tab_to(page: Page, name: str, *, most: int = 60) -> None:
    """Press Tab until the control called ``name`` has the focus; each on the way shows that."""
    for _ in range(most):
        page.keyboard.press("Tab")
        here, seen = page.evaluate(
            """() => { const e = document.activeElement, s = getComputedStyle(e);
            const named = ["MAIN", "BODY"].includes(e.tagName) ? ""
              : e.getAttribute("aria-label") || e.placeholder || e.innerText || "";
            const inside = e.closest("[data-rac], [data-testid=stChatInput]") ?? e;
            const ring = s.outlineStyle !== "none" && s.outlineWidth !== "0px";
            return [named, e.tagName === "BODY" || ring || s.boxShadow !== "none"
              || ["INPUT", "TEXTAREA", "CANVAS"].includes(e.tagName)]; }"""
        )
        assert seen, f"the focus on {here!r} cannot be seen"
        # An icon's name comes before the label.
        if here.strip().rpartition("\n")[2].startswith(name):
            return
    pytest.fail(f"the keyboard does not reach {name!r}")


def test_keyboard_alone_through_everything(browser: Browser, chat: Served) -> None:
    with opened(browser, chat.address, viewport=DESK) as page:
        press = page.keyboard.press
        choosers: list[Any] = []  # from the start: a chooser that comes at once would be missed
        page.on("filechooser", lambda chooser: choosers.append(chooser))
        page.locator(".st-key-examples").wait_for(timeout=30_000)
        tab_to(page, "Ask about your documents", most=16)
        page.keyboard.type(QUESTION)
        press("Enter")
        answers(page).wait_for(timeout=30_000)
        source_button(page, "history.txt").wait_for()
        page.wait_for_timeout(800)

        tab_to(page, "Source 1: history.txt")  # the mark in the text
        press("Enter")
        assert page.evaluate("document.activeElement.innerText").startswith("The lighthouse")
        assert page.locator(".ragkit-answer details mark").first.is_visible()

        tab_to(page, "1 · history.txt")
        press("Enter")
        page.get_by_role("dialog").locator("mark").first.wait_for(timeout=15_000)
        page.get_by_role("button", name="Download the original").wait_for(timeout=15_000)
        tab_to(page, "Download the original", most=8)
        tab_to(page, "Close", most=3)  # the focus stays in the dialog
        close_dialog(page)
        page.wait_for_timeout(400)
        assert "1 · history.txt" in page.evaluate("document.activeElement.innerText")

        tab_to(page, "Thumbs up", most=3)
        press("Enter")
        page.locator('[data-testid="stFeedback"] [aria-checked="true"]').wait_for(timeout=10_000)

        tab_to(page, "More")
        press("Enter")
        tab_to(page, "Title", most=2)
        press("Control+a")
        page.keyboard.type("The old lighthouse")
        press("Enter")
        page.get_by_role("button", name="The old lighthouse").wait_for(timeout=10_000)

        tab_to(page, "Settings", most=12)
        press("Enter")
        tab_to(page, "Passages to read", most=6)
        value = page.evaluate("document.activeElement.value")
        press("ArrowRight")
        assert int(page.evaluate("document.activeElement.value")) == int(value) + 1

        tab_to(page, "New chat")
        press("Enter")
        page.get_by_text("Ask your documents").wait_for(timeout=15_000)

        tab_to(page, "Documents")
        press("Enter")
        page.get_by_test_id("stDataFrame").wait_for(timeout=30_000)
        page.locator('[data-test-script-state="notRunning"]').wait_for(timeout=15_000)
        page.wait_for_timeout(500)
        tab_to(page, "Upload")  # the button whose picture says “Choose files”
        assert page.evaluate("document.activeElement.closest('.st-key-upload') !== null")
        press("Enter")
        for _ in range(50):
            if choosers:
                break
            page.wait_for_timeout(100)
        assert len(choosers) == 1


def test_hostile_names_and_titles_fetch_nothing(browser: Browser, chat: Served) -> None:
    leak = chat.listener.address
    title = f"![t]({leak}/title) [l]({leak}/link) :material/home:"
    with opened(browser, chat.address, viewport=DESK) as page:
        ask(page, f"What is the zeppelin code? ![q]({leak}/question)")
        page.wait_for_timeout(600)
        # Before the menu opens: a list closes when what it belongs to scrolls.
        page.locator(".st-key-scope summary").click()
        page.wait_for_timeout(1000)
        page.get_by_label("Ask only these files").click()
        page.get_by_role("option", name="![x](").click()
        page.keyboard.press("Escape")
        page.wait_for_timeout(800)
        page.locator(".st-key-current-chat summary").click()
        field = page.get_by_label("Title")
        field.fill(title)
        field.press("Enter")
        page.get_by_role("button", name="![t](").wait_for(timeout=10_000)
        ask(page, "What is the zeppelin code?")
        page.goto(f"{chat.address}/documents")
        page.get_by_test_id("stDataFrame").wait_for(timeout=30_000)
        page.get_by_test_id("stFileUploaderDropzoneInput").set_input_files(
            [
                {"name": f"![u]({leak}/up).md", "mimeType": "text/markdown", "buffer": b"# Up\n"},
                {"name": f"![r]({leak}/no).pdf", "mimeType": "text/plain", "buffer": b"\x89PNG"},
            ]
        )
        page.get_by_role("button", name="Close").wait_for(timeout=30_000)
        page.wait_for_timeout(1500)
        assert page.locator(f'[src^="{leak}"], [href^="{leak}"]').count() == 0
    assert chat.listener.paths == []


def test_message_with_a_hostile_name_is_no_markup(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import streamlit
    from streamlit.testing.v1 import AppTest

    streamlit.cache_resource.clear()
    # AppTest puts the page in the place of __main__, which new processes would then import.
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])
    main = Path(__file__).parent.parent / "app" / "main.py"
    monkeypatch.syspath_prepend(str(main.parent))
    monkeypatch.setenv("RAGKIT_PRESET", "lite")
    monkeypatch.setattr("sys.argv", [str(main), str(tmp_path / "![x](http:\\\\127.0.0.1:9\\x)")])
    test = AppTest.from_file(str(main), default_timeout=20).run()
    message = test.error[0].value
    assert r"\!\[x\]\(" in message
    assert "![" not in message
