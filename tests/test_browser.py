"""The chat as a person meets it: ``ragkit chat`` in a process, real Chromium in front of it."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from browser_support import (
    Listener,
    answers,
    ask,
    browser,
    listener,
    opened,
    serving,
)

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

__all__ = ["browser", "listener"]
pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def chat(tmp_path_factory: pytest.TempPathFactory, listener: Listener) -> Iterator[str]:
    """Run ``ragkit chat`` on a small folder and yield its address."""
    folder = tmp_path_factory.mktemp("docs")
    (folder / "history.txt").write_text(
        "The lighthouse of Alnmouth was built in 1826 by Thomas Blackwood. "
        "It burned down during the storm of 1861.\n",
        "utf-8",
    )
    (folder / "手册.md").write_text("# 手册\n\n## 备份\n\n备份保留三十天。\n", "utf-8")
    leak = f"http://127.0.0.1:{listener.port}"
    (folder / "evil.md").write_text(
        f"# Zeppelin\n\nThe zeppelin code is 4711 ![x]({leak}/inline?q) "
        f'<img src="{leak}/html"> <script>fetch("{leak}/script")</script> ![y][z].\n\n'
        f"[z]: {leak}/reference\n",
        "utf-8",
    )
    with serving(folder, tmp_path_factory.mktemp("home")) as address:
        yield address


@pytest.fixture
def page(browser: Browser, chat: str) -> Iterator[Page]:
    with opened(browser, chat) as started:
        yield started


def test_question_and_answer_in_two_languages(page: Page) -> None:
    english = ask(page, "When was the lighthouse of Alnmouth built?")
    assert "1826" in english
    page.get_by_text("1 · history.txt").wait_for()
    chinese = ask(page, "备份保留多少天？")
    assert "三十天" in chinese
    page.get_by_text("1 · 手册.md").wait_for()
    assert page.locator(".ragkit-answer").count() == 2


def test_mark_opens_its_source_with_the_quote_highlighted(page: Page) -> None:
    ask(page, "Who built the lighthouse of Alnmouth?")
    mark = page.locator(".ragkit-answer a").first
    mark.focus()
    page.keyboard.press("Enter")
    quoted = page.locator(".ragkit-answer details mark").first
    quoted.wait_for()
    assert quoted.inner_text().startswith("The lighthouse of Alnmouth was built in 1826")


def test_source_opens_in_a_dialog(page: Page) -> None:
    ask(page, "Who built the lighthouse of Alnmouth?")
    page.get_by_role("button", name="history.txt").or_(
        page.get_by_role("radio", name="history.txt")
    ).first.click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_text("storm of 1861").first.wait_for(timeout=15_000)
    page.keyboard.press("Escape")
    dialog.wait_for(state="detached")


def test_nothing_in_a_document_makes_the_browser_fetch(page: Page, listener: Listener) -> None:
    answer = ask(page, "What is the zeppelin code?")
    assert "4711" in answer
    page.wait_for_timeout(1000)
    assert listener.paths == []


def test_questions_of_the_documents_are_offered_and_answered(page: Page) -> None:
    offered = page.locator('[class*="st-key-example-"] button')
    page.get_by_role("button", name="When was the lighthouse").wait_for(timeout=120_000)
    assert offered.last.inner_text().strip().endswith("Which documents are there?")
    page.get_by_role("button", name="When was the lighthouse").click()
    answers(page).get_by_text("1826").first.wait_for(timeout=30_000)


def test_a_list_of_files_is_a_list_that_can_be_asked_about(page: Page) -> None:
    ask(page, "Which documents are there?")
    assert sorted(answers(page).locator("li").all_inner_texts())[0] == "evil.md · Zeppelin"
    page.locator('[class*="st-key-listed-"] button').filter(has_text="history.txt").click()
    answers(page).nth(1).wait_for(timeout=30_000)
    assert "1826" in answers(page).nth(1).inner_text()
    page.get_by_text("What is history.txt about?").first.wait_for()
    assert page.locator('[class*="st-key-sources-"] button').all_inner_texts() == [
        "1 · history.txt"
    ]


def test_page_asks_no_other_host_for_anything(browser: Browser, chat: str) -> None:
    context = browser.new_context()
    page = context.new_page()
    hosts: set[str] = set()
    page.on("request", lambda request: hosts.add(request.url.split("/")[2]))
    page.goto(chat)
    page.get_by_test_id("stChatInputTextArea").wait_for(timeout=25_000)
    ask(page, "Who built the lighthouse of Alnmouth?")
    page.wait_for_timeout(1000)
    assert hosts == {chat.removeprefix("http://")}
    context.close()


def test_browser_language_and_switch(browser: Browser, chat: str) -> None:
    context = browser.new_context(locale="zh-CN")
    page = context.new_page()
    page.goto(chat)
    page.get_by_text("向文档提问").wait_for(timeout=25_000)
    page.get_by_text("English").click()
    page.get_by_text("Ask your documents").wait_for(timeout=20_000)
    context.close()


def test_reload_and_address_show_the_conversation_again(page: Page) -> None:
    answer = ask(page, "Who built the lighthouse of Alnmouth?")
    assert "?chat=" in page.url
    page.reload()
    answers(page).wait_for(timeout=30_000)
    assert answers(page).inner_text() == answer
    other = page.context.new_page()
    other.goto(page.url)
    answers(other).wait_for(timeout=30_000)
    assert answers(other).inner_text() == answer


def from_end(page: Page) -> float:
    """Return how many pixels the page could still be scrolled down."""
    return float(
        page.locator(".stMain").evaluate("e => e.scrollHeight - e.clientHeight - e.scrollTop")
    )


def test_page_keeps_to_the_end_until_a_person_scrolls_up(page: Page) -> None:
    for number in range(4):
        ask(page, f"What is the salary of the finance director number {number}?")
        page.wait_for_timeout(1500)
        assert from_end(page) < 5, number
    assert page.locator(".stMain").evaluate("e => e.scrollTop") > 500
    page.reload()
    answers(page).nth(3).wait_for(timeout=30_000)
    page.wait_for_timeout(1500)
    assert from_end(page) < 5
    page.mouse.move(700, 300)
    page.mouse.wheel(0, -600)
    page.wait_for_timeout(1500)
    assert from_end(page) > 500


def test_a_person_who_has_scrolled_up_is_taken_to_the_question_they_ask(page: Page) -> None:
    for number in range(3):
        ask(page, f"What is the salary of the finance director number {number}?")
    for number in range(2):
        page.mouse.move(700, 300)
        page.mouse.wheel(0, -3000)
        page.wait_for_timeout(800)
        assert from_end(page) > 300
        ask(page, f"Who built the lighthouse of Alnmouth, version {number}?")
        page.wait_for_timeout(1500)
        assert from_end(page) < 5
        shown = page.get_by_text(f"Alnmouth, version {number}?").last.bounding_box()
        assert shown is not None
        assert 0 <= shown["y"] <= 720
    page.mouse.wheel(0, -3000)
    page.wait_for_timeout(3500)
    assert from_end(page) > 300, "the page goes on scrolling after a person has scrolled away"


def test_another_browser_cannot_read_it(page: Page, browser: Browser) -> None:
    ask(page, "Who built the lighthouse of Alnmouth?")
    with opened(browser, page.url) as stranger:
        stranger.get_by_text("There is no such conversation here").wait_for(timeout=30_000)
        assert "Who built" not in stranger.locator("body").inner_text()
        assert "chat=" not in stranger.url


def test_new_chat_and_back(page: Page) -> None:
    ask(page, "Who built the lighthouse of Alnmouth?")
    page.get_by_role("button", name="New chat").click()
    page.get_by_text("Ask your documents").wait_for(timeout=60_000)
    answers(page).wait_for(state="detached", timeout=60_000)  # the old one may stay a moment
    ask(page, "备份保留多少天？")
    page.get_by_role("button", name="Who built the lighthouse").click()
    answers(page).get_by_text("Thomas Blackwood").first.wait_for(timeout=60_000)
    assert answers(page).count() == 1


def test_keyboard_alone_asks_and_asks_again(page: Page) -> None:
    page.get_by_test_id("stChatInputTextArea").focus()
    page.keyboard.type("When was the lighthouse of Alnmouth built?")
    page.keyboard.press("Enter")
    answers(page).wait_for(timeout=30_000)
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.innerText").strip().endswith("Answer again"):
            break
    else:
        pytest.fail("the keyboard does not reach “Answer again”")
    page.keyboard.press("Enter")
    page.wait_for_timeout(1500)
    assert "1826" in answers(page).inner_text()


@pytest.mark.parametrize("width", [360, 390])
def test_phone_shows_everything_in_its_width(browser: Browser, chat: str, width: int) -> None:
    view = {"width": width, "height": 780}
    with opened(browser, chat, viewport=view, has_touch=True, is_mobile=True) as phone:
        ask(phone, "What is the salary of the finance director?")
        phone.get_by_text("No passage comes near").wait_for()
        ask(phone, "How many windows does the lighthouse have upstairs?")
        ask(phone, "When was the lighthouse of Alnmouth built?")
        wide = phone.evaluate("document.scrollingElement.scrollWidth")
        assert wide <= width
        box = phone.get_by_test_id("stChatInputTextArea").bounding_box()
        assert box is not None
        assert box["y"] + box["height"] <= view["height"]


def test_dark_theme_keeps_its_contrast(browser: Browser, chat: str) -> None:
    with opened(browser, chat, color_scheme="dark") as page:
        ask(page, "When was the lighthouse of Alnmouth built?")
        shade = "e => getComputedStyle(e).color.match(/\\d+/g).slice(0, 3).map(Number)"
        assert min(answers(page).evaluate(shade)) > 180
        ground = page.locator("[data-testid=stApp]").evaluate(
            "e => getComputedStyle(e).backgroundColor.match(/\\d+/g).slice(0, 3).map(Number)"
        )
        assert max(ground) < 60


def test_only_this_machine_is_served(chat: str) -> None:
    port = int(chat.rsplit(":", 1)[1])
    wanted = f"{port:04X}"
    tables = [Path("/proc/net/tcp"), Path("/proc/net/tcp6")]
    if not tables[0].exists():
        pytest.skip("needs /proc/net/tcp")
    rows = [line.split() for t in tables if t.exists() for line in t.read_text().splitlines()[1:]]
    listening = [r[1] for r in rows if r[3] == "0A" and r[1].endswith(f":{wanted}")]
    assert listening == [f"0100007F:{wanted}"]


def test_other_hosts_are_refused(chat: str) -> None:
    port = int(chat.rsplit(":", 1)[1])
    request = (
        "GET /_stcore/stream HTTP/1.1\r\nHost: evil.example\r\nOrigin: http://evil.example\r\n"
        "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(request.encode())
        assert b" 403 " in connection.recv(200).splitlines()[0]


def test_port_in_use_is_said(chat: str, tmp_path: Path) -> None:
    port = chat.rsplit(":", 1)[1]
    done = subprocess.run(
        [sys.executable, "-m", "ragkit", "chat", str(tmp_path), "--port", port],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 1
    assert "in use" in done.stderr
    assert "Traceback" not in done.stderr
