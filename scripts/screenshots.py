"""Take the screenshots of the chat: ``python scripts/screenshots.py [FOLDER]``.

Runs the chat on ``data/`` with preset lite in a temporary home, and Chromium in front of it.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
IMAGES = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "images"
QUESTIONS = {
    "en": ("Where is the index kept?", "What is the salary of the finance director?"),
    "zh": ("索引保存在哪里？", "财务总监的工资是多少？"),
}
WIDE, PHONE = {"width": 1200, "height": 860}, {"width": 390, "height": 844}


def take(
    browser: Browser, address: str, language: str, scheme: str, *, phone: bool = False
) -> None:
    """Save pictures of the greeting, an answer, its opened source, and a refusal."""
    context = browser.new_context(
        locale={"en": "en-GB", "zh": "zh-CN"}[language],
        color_scheme=scheme,  # type: ignore[arg-type]
        viewport=PHONE if phone else WIDE,  # type: ignore[arg-type]
        is_mobile=phone,
        has_touch=phone,
    )
    page = context.new_page()
    name = f"{scheme}-{language}" + ("-phone" if phone else "")

    def save(what: str) -> None:
        page.wait_for_timeout(900)
        page.screenshot(path=str(IMAGES / f"{what}-{name}.png"))

    page.goto(address)
    page.get_by_test_id("stChatInputTextArea").wait_for(timeout=30_000)
    page.locator(".st-key-examples").wait_for(timeout=60_000)
    save("greeting")
    answer, refusal = QUESTIONS[language]
    ask(page, answer)
    save("chat")
    page.locator("[data-testid=stMain] [data-testid=stButtonGroup] button").first.click()
    page.get_by_role("dialog").wait_for()
    save("source")
    page.keyboard.press("Escape")
    page.get_by_role("dialog").wait_for(state="detached")
    ask(page, refusal)
    save("refusal")
    context.close()


def ask(page: Page, question: str) -> None:
    """Ask, and wait for the finished answer."""
    answers = page.locator(".ragkit-answer")
    before = answers.count()
    box = page.get_by_test_id("stChatInputTextArea")
    box.fill(question)
    box.press("Enter")
    answers.nth(before).wait_for(timeout=30_000)


def main() -> None:
    """Start the chat, take the pictures, stop it."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as home:
        process = subprocess.Popen(
            [sys.executable, "-m", "ragkit", "chat", "data", "--port", str(port)],
            cwd=ROOT,
            env={**os.environ, "RAGKIT_HOME": home, "RAGKIT_PRESET": "lite"},
            start_new_session=True,
        )
        try:
            time.sleep(8)
            with sync_playwright() as driver:
                browser = driver.chromium.launch(
                    executable_path=shutil.which("chromium"),
                    args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
                )
                for language in ("en", "zh"):
                    for scheme in ("light", "dark"):
                        take(browser, f"http://127.0.0.1:{port}", language, scheme)
                for language in ("en", "zh"):
                    take(browser, f"http://127.0.0.1:{port}", language, "light", phone=True)
                browser.close()
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(timeout=20)


if __name__ == "__main__":
    main()
