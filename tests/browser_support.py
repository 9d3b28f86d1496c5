"""What tests in a real browser share: Chromium, ``ragkit chat`` in a process, a listener.

A test file takes the fixture by ``from browser_support import browser`` and starts the chat with
``serving``; ``ask`` types a question and returns the finished answer's text.
"""

from __future__ import annotations

import http.server
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

__all__ = [
    "CHROMIUM",
    "FLAGS",
    "Listener",
    "answers",
    "ask",
    "browser",
    "free_port",
    "listener",
    "opened",
    "send",
    "serving",
    "wait_for_port",
]

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
    """Counts the requests that reach a port of this machine; ``paths`` holds what was asked."""

    def __init__(self) -> None:
        self.paths: list[str] = []
        listener = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                listener.paths.append(self.path)
                self.send_response(204)
                self.end_headers()

            do_POST = do_HEAD = do_OPTIONS = do_GET  # noqa: N815  # the base class's names

            def log_message(self, *_: Any) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_port
        self.address = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture(scope="module")
def listener() -> Iterator[Listener]:
    """Listen on a port of this machine, for a test file."""
    made = Listener()
    yield made
    made.close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def serving(
    folder: Path,
    home: Path,
    *arguments: str,
    env: Mapping[str, str] | None = None,
    port: int | None = None,
) -> Iterator[str]:
    """Run ``ragkit chat FOLDER ARGUMENTS`` with preset lite and yield its address."""
    port = port or free_port()
    with (home / "chat.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "ragkit", "chat", str(folder), "--port", str(port), *arguments],
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, "RAGKIT_HOME": str(home), "RAGKIT_PRESET": "lite", **(env or {})},
            cwd=home,
        )
    try:
        wait_for_port(port, process)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(timeout=20)


def wait_for_port(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert process.poll() is None, "the chat ended by itself"
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    pytest.fail("the chat did not start")


@contextmanager
def opened(browser: Browser, address: str, **context: Any) -> Iterator[Page]:
    """Open the chat in a browser of its own (cookies, language: ``context``) until usable."""
    made = browser.new_context(**{"locale": "en-GB", **context})
    try:
        page = made.new_page()
        page.goto(address)
        page.get_by_test_id("stChatInputTextArea").wait_for(timeout=30_000)
        yield page
    finally:
        made.close()


def answers(page: Page) -> Any:
    """Return the finished answers on the page, oldest first."""
    return page.locator(".ragkit-answer")


def send(page: Page, question: str) -> None:
    """Type a question and press Enter."""
    box = page.get_by_test_id("stChatInputTextArea")
    box.fill(question)
    box.press("Enter")


def ask(page: Page, question: str, *, timeout: float = 30_000) -> str:
    """Type a question, wait for its finished answer, and return its text."""
    found = answers(page)
    before = found.count()
    send(page, question)
    found.nth(before).wait_for(timeout=timeout)
    return str(found.nth(before).inner_text())
