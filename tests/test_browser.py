"""The chat as a person meets it: ``ragkit chat`` in a process, real Chromium in front of it."""

from __future__ import annotations

import http.server
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser
CHROMIUM = shutil.which("chromium")
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Start Debian's Chromium, or skip."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed: scripts/install_chromium.sh")
    with playwright.sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield started
        started.close()


class Listener:
    """Counts the requests that reach a port of this machine."""

    def __init__(self) -> None:
        self.paths: list[str] = []
        listener = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                listener.paths.append(self.path)
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def listener() -> Iterator[Listener]:
    made = Listener()
    yield made
    made.server.shutdown()


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
    port = free_port()
    home = tmp_path_factory.mktemp("home")
    process = subprocess.Popen(
        [sys.executable, "-m", "ragkit", "chat", str(folder), "--port", str(port)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, "RAGKIT_HOME": str(home), "RAGKIT_PRESET": "lite"},
        cwd=home,
    )
    address = f"http://127.0.0.1:{port}"
    try:
        wait_for(port, process)
        yield address
    finally:
        process.terminate()
        process.wait(timeout=20)


def wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert process.poll() is None, "the chat ended by itself"
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.2)
    pytest.fail("the chat did not start")


@pytest.fixture
def page(browser: Browser, chat: str) -> Iterator[Page]:
    context = browser.new_context(locale="en-GB")
    opened = context.new_page()
    opened.goto(chat)
    opened.get_by_test_id("stChatInputTextArea").wait_for(timeout=25_000)
    yield opened
    context.close()


def ask(page: Page, question: str) -> str:
    """Type a question, wait for its finished answer, and return its text."""
    answers = page.locator(".ragkit-answer")
    before = answers.count()
    box = page.get_by_test_id("stChatInputTextArea")
    box.fill(question)
    box.press("Enter")
    answers.nth(before).wait_for(timeout=30_000)
    return answers.nth(before).inner_text()


def test_question_and_answer_in_two_languages(page: Page) -> None:
    english = ask(page, "When was the lighthouse of Alnmouth built?")
    assert "1826" in english
    assert "history.txt" in english
    chinese = ask(page, "备份保留多少天？")
    assert "三十天" in chinese
    assert "手册.md" in chinese
    assert page.locator(".ragkit-answer").count() == 2


def test_quote_is_highlighted_in_its_source(page: Page) -> None:
    ask(page, "Who built the lighthouse of Alnmouth?")
    page.locator(".ragkit-answer summary").first.click()
    marked = page.locator(".ragkit-answer details mark").first.inner_text()
    assert marked.startswith("The lighthouse of Alnmouth was built in 1826")


def test_nothing_in_a_document_makes_the_browser_fetch(page: Page, listener: Listener) -> None:
    answer = ask(page, "What is the zeppelin code?")
    assert "4711" in answer
    page.wait_for_timeout(1000)
    assert listener.paths == []


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


def test_history_is_cleared(page: Page) -> None:
    ask(page, "Who built the lighthouse of Alnmouth?")
    page.get_by_text("Clear history").click()
    page.locator(".ragkit-answer").wait_for(state="detached", timeout=20_000)


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
