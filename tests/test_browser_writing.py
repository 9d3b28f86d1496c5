"""Answers of a model in a real browser: streaming, stopping, reloading, waiting in line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from browser_support import (
    Listener,
    answers,
    browser,
    listener,
    opened,
    send,
    serving,
)

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

__all__ = ["browser", "listener"]
pytestmark = [pytest.mark.browser, pytest.mark.slow]

QUESTION = "Who built the lighthouse of Alnmouth?"


@pytest.fixture(scope="module")
def endless(
    endless_internlm2: Path,
    tiny_embedder: Path,
    tmp_path_factory: pytest.TempPathFactory,
    listener: Listener,
) -> Iterator[str]:
    """Run the chat with a model whose answers go on for minutes."""
    folder = tmp_path_factory.mktemp("docs")
    (folder / "history.txt").write_text(
        "The lighthouse of Alnmouth was built in 1826 by Thomas Blackwood. "
        "It burned down during the storm of 1861.\n",
        "utf-8",
    )
    (folder / "install.md").write_text(
        "# Installation\n\nThe server needs 16 GB of memory. Port 8501 must be free.\n", "utf-8"
    )
    (folder / "evil.md").write_text(
        f"The zeppelin code is 4711 ![x]({listener.address}/inline) "
        f"<img src='{listener.address}/html'> [here]({listener.address}/link).\n",
        "utf-8",
    )
    env = {
        "RAGKIT_PRESET": "internlm2",
        "RAGKIT_LLM__MODEL": str(endless_internlm2),
        "RAGKIT_LLM__MAX_NEW_TOKENS": "8000",
        "RAGKIT_EMBEDDER__MODEL": str(tiny_embedder),
        "OMP_NUM_THREADS": "1",
        "HF_HUB_OFFLINE": "1",
    }
    with serving(folder, tmp_path_factory.mktemp("home"), env=env) as address:
        yield address


@pytest.fixture
def page(browser: Browser, endless: str) -> Iterator[Page]:
    with opened(browser, endless) as started:
        yield started


def writing(page: Page) -> Any:
    return page.locator(".ragkit-writing")


def begin(page: Page, question: str = QUESTION) -> str:
    """Ask, wait for the first words, and return them."""
    send(page, question)
    first = {QUESTION: "The lighthouse"}.get(question, "The server")
    writing(page).get_by_text(first).wait_for(timeout=150_000)
    return str(writing(page).inner_text())


def grows(page: Page) -> None:
    """Wait until more is written than there is now."""
    page.wait_for_function(
        "n => (document.querySelector('.ragkit-writing')?.innerText.length ?? 0) > n",
        arg=len(writing(page).inner_text()),
        timeout=30_000,
    )


def stop(page: Page) -> None:
    page.get_by_role("button", name="Stop").click()
    writing(page).wait_for(state="detached", timeout=30_000)
    page.get_by_text("Stopped here.").last.wait_for(timeout=30_000)


def test_answer_streams_and_stop_keeps_what_was_written(page: Page) -> None:
    begin(page)
    writing(page).get_by_text("Blackwood").wait_for(timeout=30_000)
    grows(page)
    stop(page)
    kept = answers(page).last.inner_text()
    assert "Blackwood" in kept
    assert page.get_by_role("button", name="Stop").count() == 0
    page.reload()
    answers(page).last.wait_for(timeout=30_000)
    assert answers(page).last.inner_text() == kept
    page.get_by_text("Stopped here.").wait_for()


def test_escape_stops(page: Page) -> None:
    begin(page)
    page.get_by_role("button", name="Stop").wait_for()
    page.keyboard.press("Escape")
    page.get_by_text("Stopped here.").wait_for(timeout=30_000)


def test_the_page_follows_a_long_answer_until_a_person_scrolls(page: Page) -> None:
    for _ in range(2):
        begin(page)
        page.wait_for_timeout(2000)
        stop(page)
    main = page.locator(".stMain")
    page.mouse.move(700, 300)
    page.mouse.wheel(0, -5000)
    page.wait_for_timeout(500)
    before = main.evaluate("e => e.scrollHeight")
    begin(page)
    page.wait_for_timeout(5000)  # longer than the script that takes a person there
    assert main.evaluate("e => e.scrollHeight") > before
    away = "e => e.scrollHeight - e.clientHeight - e.scrollTop"
    assert main.evaluate(away) < 80  # a line or two may have come since
    page.mouse.wheel(0, -700)
    page.wait_for_timeout(1500)
    assert main.evaluate(away) > 100
    stop(page)


def test_reload_keeps_what_was_written(page: Page) -> None:
    begin(page)
    page.reload()
    page.get_by_text("Stopped here.").wait_for(timeout=30_000)
    assert "The lighthouse" in answers(page).last.inner_text()
    page.get_by_role("button", name="Answer again").wait_for()


def test_second_question_ends_the_first(page: Page) -> None:
    begin(page)
    send(page, "How much memory does the server need?")
    page.get_by_text("Stopped here.").wait_for(timeout=30_000)
    writing(page).get_by_text("16 GB").wait_for(timeout=30_000)
    assert "The lighthouse" in answers(page).first.inner_text()
    stop(page)
    answers(page).nth(1).wait_for(timeout=30_000)
    assert answers(page).count() == 2


def test_other_clicks_leave_the_answer_alone(page: Page) -> None:
    begin(page)
    stop(page)
    begin(page, "How much memory does the server need?")
    page.get_by_text("Settings").click()
    page.get_by_text("中文").click()
    page.get_by_role("button", name="停止").wait_for(timeout=30_000)
    grows(page)
    page.get_by_role("button", name="停止").click()
    writing(page).wait_for(state="detached", timeout=30_000)
    page.get_by_text("已在此停止。").last.wait_for()


def test_waiting_shows_the_place_and_a_closed_tab_frees_the_model(
    browser: Browser, endless: str
) -> None:
    with opened(browser, endless) as second:
        with opened(browser, endless) as first:
            begin(first)
            send(second, "How much memory does the server need?")
            second.get_by_text("One question is before yours.").wait_for(timeout=30_000)
        writing(second).get_by_text("16 GB").wait_for(timeout=30_000)
        stop(second)


def test_two_tabs_of_one_conversation(browser: Browser, endless: str) -> None:
    with opened(browser, endless) as first:
        begin(first)
        second = first.context.new_page()
        second.goto(first.url)
        second.get_by_text("being written in another tab").wait_for(timeout=30_000)
        stop(first)
        second.get_by_text("Stopped here.").wait_for(timeout=30_000)
        assert answers(second).inner_text() == answers(first).inner_text()


def test_nothing_that_a_model_writes_makes_the_browser_fetch(
    page: Page, listener: Listener
) -> None:
    send(page, "What is the zeppelin code?")
    writing(page).get_by_text("inline").or_(writing(page).get_by_text("4711")).first.wait_for(
        timeout=60_000
    )
    page.wait_for_timeout(2500)
    stop(page)
    assert "4711" in answers(page).inner_text()
    assert page.locator(".ragkit-answer img").count() == 0
    assert listener.paths == []


def test_model_state_and_settings_are_shown(page: Page) -> None:
    page.get_by_text("Settings").click()
    page.get_by_text(re.compile(r"Model loaded|Loading the model")).wait_for(timeout=30_000)
    page.get_by_text("Temperature").wait_for()
