"""The chat in headless Chromium: how soon the page is usable, how soon an answer begins.

    python scripts/bench_app.py [--nodes 10000] [--runs 5] [--questions 10] [--idle 100]

``usable``: from the start of the process to a question box that took a letter, with an index that
is up to date and a browser that is running, its cache empty. ``hello`` is a bare page with a
question box, ``streamlit run hello.py``, started in turn with it. ``first token``: from the press
of Enter to the first text of the answer on the page, by the browser's own clock; ``bare`` is the
same on a page that answers at once. ``idle``: what the server's memory grows by with sessions that
are open and do nothing. Medians, with the range in brackets, and the machine's load.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright
from synthetic import make_folder

TESTS = Path(__file__).resolve().parent.parent / "tests"
sys.path.insert(0, str(TESTS))

from browser_support import CHROMIUM, FLAGS, free_port  # noqa: E402
from streamlit_client import open_session  # noqa: E402

HELLO = """
import streamlit as st
said = st.session_state.setdefault("said", [])
question = st.chat_input("Your question")
if question:
    said.append(question)
for one in said:
    with st.chat_message("assistant"):
        st.text("Said: " + one)
"""
PLACES = "Alnmouth Berwick Craster Dunbar Eyemouth Flamborough Girdle Holburn Inchkeith Kinnaird"
BOX = '[data-testid="stChatInputTextArea"]'
# Resolved by the page itself: its policy forbids the eval that Playwright's waiting needs.
WATCH = """word => {
  const box = document.querySelector('[data-testid="stChatInputTextArea"]');
  const messages = () => [...document.querySelectorAll('[data-testid="stChatMessage"]')];
  const before = messages().length;
  let start = 0;
  box.addEventListener('keydown', e => { if (e.key === 'Enter') start = performance.now(); },
    {capture: true, once: true});
  window.firstToken = new Promise(found => {
    const watcher = new MutationObserver(() => {
      if (!start || !messages().slice(before).some(m => m.textContent.includes(word))) return;
      watcher.disconnect();
      found(performance.now() - start);
    });
    watcher.observe(document.body, {subtree: true, childList: true, characterData: true});
  });
}"""


@contextmanager
def served(command: Sequence[str], port: int, home: Path) -> Iterator[tuple[float, int]]:
    """Start a server; yield when it was started, and its process id, once its port answers."""
    environment = {**os.environ, "RAGKIT_HOME": str(home), "RAGKIT_PRESET": "lite"}
    log = (home / "bench.log").open("ab")
    begun = time.perf_counter()
    process = subprocess.Popen(command, cwd=home, env=environment, stdout=log, stderr=log)
    try:
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            if process.poll() is not None:
                raise SystemExit(f"The server ended: see {log.name}")
            time.sleep(0.01)
        yield begun, process.pid
    finally:
        process.terminate()
        process.wait(timeout=20)
        log.close()


def usable(browser: Browser, command: Sequence[str], port: int, home: Path) -> tuple[float, float]:
    """Return the seconds until the port answers, and until the question box takes a letter."""
    with served(command, port, home) as (begun, _):
        listening = time.perf_counter() - begun
        with visit(browser, port) as page:
            box = page.locator(f"{BOX}:not([disabled])")
            box.press_sequentially("a")
            assert box.input_value() == "a"
            return listening, time.perf_counter() - begun


@contextmanager
def visit(browser: Browser, port: int) -> Iterator[Page]:
    """Open the page at ``port`` in a context of its own, in English."""
    context = browser.new_context(locale="en-GB")
    page = context.new_page()
    page.set_default_timeout(60_000)
    page.goto(f"http://127.0.0.1:{port}", wait_until="commit")
    try:
        yield page
    finally:
        context.close()


def first_tokens(page: Page, questions: Sequence[tuple[str, str]]) -> list[float]:
    """Return for each question the milliseconds from Enter to the answer's word on the page."""
    taken = []
    box = page.locator(f"{BOX}:not([disabled])")
    for question, word in questions:
        box.fill(question)
        # A person reads and types: what the last answer left to do is done by then.
        page.wait_for_timeout(1500)
        page.evaluate(WATCH, word)
        box.press("Enter")
        taken.append(page.evaluate("() => window.firstToken"))
    return taken


def idle_growth(command: Sequence[str], port: int, home: Path, sessions: int) -> tuple[float, int]:
    """Return the server's growth in MB by ``sessions`` idle ones after ten, and how many stood."""

    async def grow(pid: int) -> tuple[float, int]:
        for_warmth = [await open_session(f"127.0.0.1:{port}") for _ in range(10)]
        for session in for_warmth:
            await session.rerun()
        await asyncio.sleep(3)
        before = resident(pid)
        opened = []
        for _ in range(sessions):
            session = await open_session(f"127.0.0.1:{port}")
            await session.rerun()
            opened.append(session)
        await asyncio.sleep(3)
        growth = resident(pid) - before
        for session in (*opened, *for_warmth):
            await session.close()
        return growth, len(opened)

    with served(command, port, home) as (_, pid):
        return asyncio.run(grow(pid))


def resident(pid: int) -> float:
    """Return a process's resident memory in MB."""
    status = Path(f"/proc/{pid}/status").read_text("utf-8")
    line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1]) / 1024


def build(folder: Path, home: Path, nodes: int) -> int:
    """Write and index documents of about ``nodes`` nodes; return how many there are."""
    make_folder(folder, nodes // 10, sentences=70)
    for number, place in enumerate(PLACES.split()):
        text = f"The access code of the {place} lighthouse is K{number}7{number}3.\n"
        (folder / f"{place}.txt").write_text(text, "utf-8")
    command = [sys.executable, "-m", "ragkit", "index", str(folder), "--preset=lite", "--json"]
    environment = {**os.environ, "RAGKIT_HOME": str(home)}
    done = subprocess.run(command, env=environment, cwd=home, capture_output=True, check=True)
    return int(json.loads(done.stdout)["nodes"])


def said(values: Sequence[float], unit: str) -> str:
    """Return median and range."""
    low, middle, high = min(values), statistics.median(values), max(values)
    digits = 0 if unit == "ms" else 2
    return f"{middle:.{digits}f} {unit} [{low:.{digits}f}–{high:.{digits}f}]"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--nodes", type=int, default=10_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--questions", type=int, default=10)
    parser.add_argument("--idle", type=int, default=100)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        measure(Path(name), arguments)


def measure(place: Path, arguments: Any) -> None:
    """Run every measurement in ``place``."""
    home, folder = place / "home", place / "docs"
    home.mkdir()
    folder.mkdir()
    (home / "hello.py").write_text(HELLO, "utf-8")
    nodes = build(folder, home, arguments.nodes)
    port = free_port()
    python = [sys.executable, "-m"]
    chat = [*python, "ragkit", "chat", str(folder), f"--port={port}", "--preset=lite"]
    hello = [*python, "streamlit", "run", "hello.py", f"--server.port={port}"]
    hello += ["--server.address=127.0.0.1", "--server.headless=true"]
    hello += ["--server.fileWatcherType=none", "--browser.gatherUsageStats=false"]
    asked = [(f"What is the access code of the {p} lighthouse?", f"K{n}7{n}3")
             for n, p in enumerate(PLACES.split())][: arguments.questions]  # fmt: skip
    echoed = [(f"question {n}", f"Said: question {n}") for n in range(len(asked))]
    print(f"{nodes} nodes, load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        ours, theirs = [], []
        for _ in range(arguments.runs):
            theirs.append(usable(browser, hello, port, home))
            ours.append(usable(browser, chat, port, home))
        for label, runs in (("chat", ours), ("hello", theirs)):
            if runs:
                print(f"usable, {label}: {said([r[1] for r in runs], 's')},", end=" ")
                print(f"of it until the port answers {said([r[0] for r in runs], 's')}")
        if runs:
            ratio = statistics.median(o[1] / t[1] for o, t in zip(ours, theirs, strict=True))
            print(f"usable, chat / hello: {ratio:.2f}")
        for label, command, questions in (("chat", chat, asked), ("bare", hello, echoed)):
            with served(command, port, home), visit(browser, port) as page:
                taken = first_tokens(page, questions) if questions else []
            if taken:
                print(f"first token, {label}: {said(taken, 'ms')}, the first {taken[0]:.0f} ms")
        browser.close()
    if arguments.idle:
        growth, opened = idle_growth(chat, port, home, arguments.idle)
        print(f"idle: {opened} sessions, {growth:+.1f} MB")
    print(f"load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
