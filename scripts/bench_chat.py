"""Measure the chat in the browser: ``python scripts/bench_chat.py [--files 2500]``.

Made-up documents of preset lite, an index that is there already, a warm file cache. Prints, in
milliseconds: from the server's start to a usable page, and from Enter to an answer's first words,
as the page itself sees them (the median and the slowest of 20).
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Page, sync_playwright
from synthetic import make_folder, make_question

import ragkit

_FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
# Measured in the page: the clock starts with the key and stops with the first words drawn.
_WATCH = """() => {
  const count = () => document.querySelectorAll('.ragkit-answer, .ragkit-writing').length;
  const before = count();
  window.took = new Promise(done => {
    document.addEventListener('keydown', event => {
      if (event.key !== 'Enter') return;
      const began = performance.now();
      new MutationObserver((_, observer) => {
        if (count() > before) { observer.disconnect(); done(performance.now() - began); }
      }).observe(document.body, {childList: true, subtree: true});
    }, {once: true, capture: true});
  });
}"""


def first_words(page: Page, question: str) -> float:
    """Ask and return the milliseconds until something of the answer is on the page."""
    box = page.get_by_test_id("stChatInputTextArea")
    box.fill(question)
    page.evaluate(_WATCH)
    box.press("Enter")
    took = float(page.evaluate("window.took"))
    page.wait_for_timeout(400)
    return took


def main() -> None:
    """Make the index, start the chat, ask."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--files", type=int, default=2500)
    parser.add_argument("--questions", type=int, default=20)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder, home = Path(place, "docs"), Path(place, "home")
        make_folder(folder, given.files)
        os.environ["RAGKIT_HOME"] = str(home)
        kb = ragkit.open(folder, preset="lite")
        nodes = kb.index().nodes
        kb.close()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        with sync_playwright() as driver:
            browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=_FLAGS)
            page = browser.new_page()
            began = time.perf_counter()
            command = [sys.executable, "-m", "ragkit", "chat", str(folder), "--port", str(port)]
            process = subprocess.Popen(
                [*command, "--preset=lite"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            try:
                while True:
                    with socket.socket() as probe:
                        if probe.connect_ex(("127.0.0.1", port)) == 0:
                            break
                    time.sleep(0.02)
                page.goto(f"http://127.0.0.1:{port}")
                page.get_by_test_id("stChatInputTextArea").wait_for()
                usable = (time.perf_counter() - began) * 1000
                page.wait_for_timeout(3000)
                took = [first_words(page, make_question(n)) for n in range(given.questions)]
            finally:
                process.terminate()
                process.wait(timeout=20)
            browser.close()
    print(
        json.dumps(
            {
                "nodes": nodes,
                "usable_ms": round(usable),
                "first_question_ms": round(took[0]),
                "first_words_p50_ms": round(statistics.median(took)),
                "first_words_max_ms": round(max(took[1:])),
            }
        )
    )


if __name__ == "__main__":
    main()
