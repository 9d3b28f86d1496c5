"""Take the screenshots that the README shows: ``python scripts/screenshots.py``.

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

from playwright.sync_api import Browser, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
IMAGES = ROOT / "docs" / "images"
QUESTIONS = {
    "en": "Where is the index kept?",
    "zh": "索引保存在哪里？",
}


def take(browser: Browser, address: str, language: str, scheme: str, width: int = 1200) -> None:
    """Ask a question and save one picture."""
    context = browser.new_context(
        locale={"en": "en-GB", "zh": "zh-CN"}[language],
        color_scheme=scheme,  # type: ignore[arg-type]
        viewport={"width": width, "height": 860},
    )
    page = context.new_page()
    page.goto(address)
    box = page.get_by_test_id("stChatInputTextArea")
    box.wait_for(timeout=30_000)
    box.fill(QUESTIONS[language])
    box.press("Enter")
    page.locator(".ragkit-answer").wait_for(timeout=30_000)
    page.wait_for_timeout(600)
    page.locator(".ragkit-answer summary").first.click()
    page.wait_for_timeout(300)
    name = f"chat-{scheme}-{language}" + ("" if width == 1200 else "-phone")
    page.screenshot(path=str(IMAGES / f"{name}.png"))
    context.close()


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
                take(browser, f"http://127.0.0.1:{port}", "zh", "light", width=390)
                browser.close()
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(timeout=20)


if __name__ == "__main__":
    main()
