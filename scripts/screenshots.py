"""Take the screenshots of the chat: ``python scripts/screenshots.py [FOLDER]``.

Without FOLDER those of the README, in ``docs/images``; with it those of every state, to look at.
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
EVERY = len(sys.argv) > 1
IMAGES = Path(sys.argv[1]) if EVERY else ROOT / "docs" / "images"
KEPT = {
    "chat-light-en", "chat-dark-en", "chat-light-zh", "chat-dark-zh", "chat-light-zh-phone",
    "source-light-en", "refusal-light-en", "documents-light-en", "evaluation-light-en",
}  # fmt: skip
QUESTIONS = {
    "en": ("Where is the index stored?", "What is the salary of the finance director?"),
    "zh": ("索引保存在哪里？", "财务总监的工资是多少？"),
}
WIDE, PHONE = {"width": 1200, "height": 720}, {"width": 390, "height": 844}


def take(
    browser: Browser, address: str, language: str, scheme: str, *, phone: bool = False
) -> None:
    """Save pictures of the chat's states and of the other pages."""
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
        if EVERY or f"{what}-{name}" in KEPT:
            page.wait_for_timeout(900)
            page.mouse.move(0, 0)
            page.screenshot(path=str(IMAGES / f"{what}-{name}.png"))

    page.goto(address)
    page.get_by_test_id("stChatInputTextArea").wait_for(timeout=30_000)
    page.locator(".st-key-examples").wait_for(timeout=60_000)
    save("greeting")
    answer, refusal = QUESTIONS[language]
    ask(page, answer)
    save("chat")
    page.locator('[class*="st-key-sources-"] button').first.click()
    page.get_by_role("dialog").wait_for()
    save("source")
    page.keyboard.press("Escape")
    page.get_by_role("dialog").wait_for(state="detached")
    ask(page, refusal)
    save("refusal")
    page.goto(f"{address}/documents")
    page.get_by_test_id("stDataFrame").wait_for(timeout=30_000)
    save("documents")
    page.goto(f"{address}/evaluation")
    page.locator(".st-key-evaluation-set button").nth(1).click(timeout=30_000)
    page.locator(".st-key-evaluation-run button:not([disabled])").click(timeout=30_000)
    page.locator(".ragkit-report").wait_for(timeout=120_000)
    page.locator(".st-key-evaluation-save").evaluate("e => e.scrollIntoView()")
    save("evaluation")
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
