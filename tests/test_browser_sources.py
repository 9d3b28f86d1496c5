"""Answers and sources in real Chromium: the hostile asks for nothing, and marks open sources."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from browser_support import (
    Listener,
    ask,
    browser,
    free_port,
    listener,
    opened,
    serving,
    wait_for_port,
)
from hostile_answers import hostile_names, hostile_texts
from pdf_writer import PdfPage, lines, write_pdf

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytest.importorskip("streamlit", reason='needs the extra: pip install "ragkit[app]"')
pytestmark = pytest.mark.browser
__all__ = ["browser", "listener"]

# A page of its own, without the chat's gate: the HTML has to be harmless by itself.
SCRIPT = """
import json, sys, time
from dataclasses import replace
from pathlib import Path
import streamlit as st
from ragkit.render import answer_html, passage_html, text_html
from ragkit.types import Answer, Citation, Sentence, SourceNode

texts, names, part, control = json.loads(Path(sys.argv[1]).read_text("utf-8"))
if control:
    st.html(f'<img src="{control}/control">')

def answer(text, name):
    return Answer(text, text + " [1]", False, name, (Sentence(text, (1,), False),),
                  (Citation(1, name, 1, 0, 5, text[:5]),),
                  (SourceNode(1, name, 1, 1.0, text, 0, name),))

if part == "whole":
    for number, text in enumerate(texts):
        for markdown in (True, False):
            made = answer(text, names[number % len(names)])
            prefix = f"a{number}{markdown}"
            st.html(answer_html(made, prefix=prefix, links=True, markdown=markdown))
        st.html(passage_html(text, [(2, 9)], before=text, after=text))
if part == "stream":
    for text in texts:
        place = st.empty()
        for end in range(1, len(text) + 1):
            place.html(text_html(text[:end], markdown=True, links=True))
            time.sleep(0.002)
st.html('<div class="drawn">drawn</div>')
"""


@contextmanager
def drawing(
    place: Path, texts: list[str], names: list[str], part: str, control: str = ""
) -> Iterator[str]:
    """Run a Streamlit page that draws ``texts``; yield its address."""
    (place / "texts.json").write_text(json.dumps([texts, names, part, control]), "utf-8")
    (place / "page.py").write_text(SCRIPT, "utf-8")
    port = free_port()
    command = [
        sys.executable, "-m", "streamlit", "run", "page.py", "--server.headless=true",
        "--server.address=127.0.0.1", f"--server.port={port}", "--server.fileWatcherType=none",
        "--browser.gatherUsageStats=false", "--", "texts.json",
    ]  # fmt: skip
    process = subprocess.Popen(
        command,
        cwd=place,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parent.parent)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for_port(port, process)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=20)


def visit(browser: Browser, address: str) -> tuple[list[str], list[str], Page]:
    """Open a drawn page; return what it asked other hosts for, and what it did otherwise."""
    page = browser.new_context().new_page()
    asked: list[str] = []
    done: list[str] = []
    page.on("request", lambda r: asked.append(r.url) if foreign(r.url, address) else None)
    page.on("dialog", lambda d: (done.append(d.message), d.dismiss()))
    page.on("popup", lambda p: done.append(f"popup {p.url}"))
    page.goto(address)
    page.locator(".drawn").wait_for(timeout=120_000)
    page.wait_for_timeout(700)
    return asked, done, page


def foreign(url: str, address: str) -> bool:
    host = address.removeprefix("http://")
    return not re.match(rf"(?:https?|wss?)://{re.escape(host)}/|data:|blob:|about:", url)


def test_a_careless_page_is_noticed(browser: Browser, listener: Listener, tmp_path: Path) -> None:
    with drawing(tmp_path, [], [], "whole", control=listener.address) as address:
        asked, _, page = visit(browser, address)
        page.context.close()
    assert listener.paths == ["/control"]
    assert asked == [f"{listener.address}/control"]
    listener.paths.clear()


@pytest.mark.parametrize("part", ["whole", "stream"])
def test_nothing_hostile_reaches_a_server(
    browser: Browser, listener: Listener, tmp_path: Path, part: str
) -> None:
    texts = list(hostile_texts(listener.address).values())
    names = hostile_names(listener.address)
    with drawing(tmp_path, texts, names, part) as address:
        asked, done, page = visit(browser, address)
        # Whatever waits for a hand over it, or for the keyboard, waits in vain.
        for element in page.locator(".stHtml a, .stHtml summary, .stHtml [title]").all()[:60]:
            element.hover(timeout=5000, force=True)
        page.locator("details").evaluate_all("all => all.forEach(one => one.open = true)")
        page.emulate_media(media="print")
        page.wait_for_timeout(500)
        tags = page.locator(".stHtml").evaluate_all(
            "all => [...new Set(all.flatMap(one => [...one.querySelectorAll('*')]"
            ".map(e => e.tagName.toLowerCase())))]"
        )
        handlers = page.locator(".stHtml").evaluate_all(
            "all => all.flatMap(one => [...one.querySelectorAll('*')])"
            ".filter(e => [...e.attributes]"
            ".some(a => /^on|^src|srcset|^poster|^data$/.test(a.name)))"
            ".length"
        )
        address_now = page.url
        page.context.close()
    assert listener.paths == []
    assert asked == []
    assert done == []
    assert handlers == 0
    assert not {"img", "script", "iframe", "svg", "object", "link", "meta", "base", "form"} & {
        *tags
    }
    assert address_now.rstrip("/") == address


def test_links_open_on_a_click_only_and_elsewhere(
    browser: Browser, listener: Listener, tmp_path: Path
) -> None:
    text = f"[the report]({listener.address}/clicked) and [a script](javascript:alert(1))."
    with drawing(tmp_path, [text], ["a.md"], "stream") as address:
        _, _, page = visit(browser, address)
        assert page.get_by_text("(127.0.0.1)").count() == 1
        assert listener.paths == []
        link = page.get_by_role("link", name="the report")
        link.focus()
        link.hover()
        page.wait_for_timeout(300)
        assert listener.paths == []
        assert link.get_attribute("rel") == "noopener noreferrer"
        link.click()
        for _ in range(50):
            if listener.paths:
                break
            page.wait_for_timeout(100)
        assert page.url.rstrip("/") == address
        page.context.close()
    assert listener.paths == ["/clicked"]
    listener.paths.clear()


# --- the chat ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def chat(
    tmp_path_factory: pytest.TempPathFactory, listener: Listener
) -> Iterator[tuple[str, Path]]:
    """Run the chat on a PDF, a Markdown file and a hostile one."""
    folder = tmp_path_factory.mktemp("docs")
    (folder / "report.pdf").write_bytes(
        write_pdf(
            PdfPage(lines("The annual report of the harbour.", "It has three pages.")),
            PdfPage(lines("The lighthouse keeper is called", "Theodora Quill since 1987.")),
            PdfPage(lines("Appendix with nothing in it.")),
        )
    )
    (folder / "guide.md").write_text(
        "# Harbour guide\n\n## Ferries\n\n" + "Boats leave from the old pier. " * 40
        + "\n\nThe night ferry to Skagen costs 42 crowns. " + "Bring a coat. " * 60 + "\n",
        "utf-8",
    )  # fmt: skip
    leak = listener.address
    (folder / "evil ![x](http:__127.0.0.1_n).md").write_text(
        f"# ![h]({leak}/heading)\n\nThe zeppelin code is 4711 ![x]({leak}/inline?q) "
        f'<img src="{leak}/html"> <script>fetch("{leak}/script")</script> ![y][z].\n\n'
        f"[z]: {leak}/reference\n",
        "utf-8",
    )
    with serving(folder, tmp_path_factory.mktemp("home")) as address:
        yield address, folder


def open_source(page: Page, name: str = "") -> Any:
    """Click the first source below the last answer; return the dialog."""
    page.locator('[class*="st-key-sources-"] button', has_text=name).last.click()
    dialog = page.get_by_role("dialog")
    dialog.wait_for(timeout=15_000)
    return dialog


def test_a_number_in_a_long_chat_opens_its_passage_and_moves_nothing_else(
    browser: Browser, chat: tuple[str, Path]
) -> None:
    address, _ = chat
    with opened(browser, address, viewport={"width": 1280, "height": 500}) as page:
        for _ in range(5):
            ask(page, "What is the lighthouse keeper called?")
        page.locator(".ragkit-answer a[href^='#']").last.click()
        page.locator(".ragkit-answer details[open]").last.wait_for(timeout=15_000)
        page.wait_for_timeout(500)
        moved = page.evaluate(
            """() => [...document.querySelectorAll("*")].filter(e => e.scrollTop > 0)
            .map(e => e.dataset.testid)"""
        )
        assert set(moved) <= {"stMain"}
        assert page.get_by_test_id("stSidebar").bounding_box()["y"] == 0


def test_a_source_opens_with_its_quote_and_its_page(
    browser: Browser, chat: tuple[str, Path]
) -> None:
    address, folder = chat
    with opened(browser, address, viewport={"width": 1280, "height": 900}) as page:
        assert "Theodora Quill" in ask(page, "What is the lighthouse keeper called?")
        dialog = open_source(page, "report.pdf")
        dialog.get_by_text("page 2 ·").wait_for(timeout=15_000)
        assert "Theodora Quill" in dialog.locator("mark").first.inner_text()
        picture = dialog.locator("img")
        picture.wait_for(timeout=15_000)
        dialog.get_by_text("Page 2 of 3").wait_for(timeout=15_000)
        yellow = page.evaluate(
            """async () => { const i = document.querySelector('[role=dialog] img');
            await i.decode(); const c = document.createElement('canvas');
            c.width = i.naturalWidth; c.height = i.naturalHeight;
            const d = c.getContext('2d'); d.drawImage(i, 0, 0);
            const p = d.getImageData(0, 0, c.width, c.height).data; let n = 0;
            for (let k = 0; k < p.length; k += 4)
              if (p[k] == 255 && p[k + 1] == 224 && p[k + 2] == 102) n++;
            return n; }"""
        )
        assert yellow > 1000
        dialog.get_by_role("button", name="Next page").click()
        dialog.get_by_text("Page 3 of 3").wait_for(timeout=15_000)
        assert dialog.get_by_role("button", name="Next page").is_disabled()
        dialog.get_by_role("button", name="Back to page 2").click()
        dialog.get_by_text("Page 2 of 3").wait_for(timeout=15_000)
        with page.expect_download() as saved:
            dialog.get_by_role("button", name="Download the original").click()
        assert saved.value.suggested_filename == "report.pdf"
        assert Path(saved.value.path()).read_bytes() == (folder / "report.pdf").read_bytes()


def test_sources_are_leafed_through(browser: Browser, chat: tuple[str, Path]) -> None:
    address, _ = chat
    with opened(browser, address) as page:
        ask(page, "What does the night ferry to Skagen cost?")
        dialog = open_source(page, "guide.md")
        quote = dialog.locator("mark").first
        assert "42 crowns" in quote.inner_text()
        # In view though the passage is long: it scrolls to its quote.
        box = dialog.locator(".ragkit-passage")
        inside = box.evaluate(
            "b => { const m = b.querySelector('mark').getBoundingClientRect(),"
            " r = b.getBoundingClientRect();"
            " return m.top >= r.top - 1 && m.bottom <= r.bottom + 1; }"
        )
        assert inside
        step = dialog.get_by_role("button", name="Next source")
        if step.count() and step.is_enabled():
            step.click()
            dialog.get_by_text(re.compile(r"2 of \d")).wait_for(timeout=15_000)
            dialog.get_by_role("button", name="Previous source").click()
            dialog.get_by_text(re.compile(r"1 of \d")).wait_for(timeout=15_000)


def test_a_mark_opens_its_source_and_loads_nothing(
    browser: Browser, chat: tuple[str, Path]
) -> None:
    address, _ = chat
    with opened(browser, address) as page:
        ask(page, "What is the lighthouse keeper called?")
        ask(page, "What does the night ferry to Skagen cost?")
        ids = page.locator("[id^=rk-]").evaluate_all("all => all.map(one => one.id)")
        assert len(ids) == len(set(ids)) > 1
        mark = page.locator(".ragkit-answer").nth(1).locator('a[href^="#rk-"]').first
        target = mark.get_attribute("href")
        page.evaluate("window.kept = true")
        mark.focus()
        page.keyboard.press("Enter")
        source = page.locator(target or "")
        source.wait_for(state="visible", timeout=5000)
        assert source.evaluate("e => e.closest('details').open")
        top = source.evaluate("e => e.getBoundingClientRect().top")
        assert 0 <= top < page.viewport_size["height"]
        assert page.url.endswith(target or "?")
        assert page.evaluate("window.kept")  # the page was not loaded anew
        assert page.locator(".ragkit-answer").count() == 2


def test_hostile_documents_ask_for_nothing_in_the_chat(
    browser: Browser, chat: tuple[str, Path], listener: Listener
) -> None:
    address, _ = chat
    with opened(browser, address) as page:
        assert "4711" in ask(page, "What is the zeppelin code?")
        dialog = open_source(page, "1 · evil")
        dialog.locator("mark").first.wait_for(timeout=15_000)
        assert "![x](http:" in dialog.inner_text()
        assert dialog.locator(".stHtml img").count() == 0
        page.wait_for_timeout(700)
    assert listener.paths == []


def test_sources_speak_chinese(browser: Browser, chat: tuple[str, Path]) -> None:
    address, _ = chat
    with opened(browser, address, locale="zh-CN") as page:
        ask(page, "What is the lighthouse keeper called?")
        dialog = open_source(page, "report.pdf")
        dialog.get_by_text("第 2 页，共 3 页").wait_for(timeout=15_000)
        assert dialog.get_by_role("button", name="下载原文件").count() == 1


def test_a_file_that_went_away_is_said(browser: Browser, chat: tuple[str, Path]) -> None:
    address, folder = chat
    with opened(browser, address) as page:
        (folder / "brief.txt").write_text("The warden of the bridge is Ignatius Pell.\n", "utf-8")
        page.wait_for_timeout(4000)
        assert "Ignatius Pell" in ask(page, "Who is the warden of the bridge?")
        (folder / "brief.txt").unlink()
        page.wait_for_timeout(4000)
        dialog = open_source(page, "brief.txt")
        dialog.get_by_text("not in the index any more").wait_for(timeout=15_000)
        assert "Ignatius Pell" in dialog.locator("mark").first.inner_text()
        assert dialog.get_by_role("button", name="Download the original").count() == 0
