"""The evaluation page: its states in process, and a whole run in real Chromium."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("streamlit", reason='needs the extra: pip install "ragkit[app]"')
pytest.importorskip("ir_measures", reason='needs the extra: pip install "ragkit[eval]"')

import streamlit as st
from browser_support import Listener, ask, browser, opened, serving
from streamlit.testing.v1 import AppTest

import ragkit
from ragkit.chats import chats_path, folder_key, open_chats, save_result

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

__all__ = ["browser"]
APP = Path(__file__).resolve().parent.parent / "app"


def script(folder: str, language: str) -> None:
    """Draw the page alone, as the frame of all pages does."""
    import evaluation_page

    import ragkit
    from ragkit.chats import chats_path, open_chats

    kb = ragkit.open(folder, preset="lite")
    chats = open_chats(chats_path(kb.config.home))
    evaluation_page.draw("docs", kb, chats, "local", language)


def drawn(monkeypatch: pytest.MonkeyPatch, folder: Path, language: str = "en") -> AppTest:
    st.cache_resource.clear()
    st.cache_data.clear()
    monkeypatch.syspath_prepend(str(APP))
    monkeypatch.setattr(sys, "argv", ["main.py", str(folder)])
    test = AppTest.from_function(script, args=(str(folder), language), default_timeout=60)
    return test.run()


def rate(folder: Path, own_home: Path) -> None:
    kb, chats = ragkit.open(folder, preset="lite"), open_chats(chats_path(own_home))
    chat = chats.create("local", folder=folder_key(folder)).id
    turn = chats.begin_turn(chat, "local", "Who built the lighthouse of Alnmouth?")
    answer = kb.ask("Who built the lighthouse of Alnmouth?")
    chats.save_turn(turn, answer=answer, state="done")
    chats.set_feedback(turn, "local", "up")


def finished(test: AppTest) -> AppTest:
    import evaluation_run

    deadline = time.monotonic() + 60
    while evaluation_run.busy() and time.monotonic() < deadline:
        time.sleep(0.05)
    return test.run()


def html(test: AppTest) -> str:
    return "\n".join(element.proto.body for element in test.get("html"))


def test_without_ratings_drafts_are_offered(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    test = drawn(monkeypatch, folder)
    assert not test.exception
    assert test.title[0].value == "Evaluation"
    assert test.button(key="evaluation-run").disabled is False
    assert "Headings and FAQs" in " ".join(caption.value for caption in test.caption)


def test_ratings_are_measured_and_the_result_is_kept(
    monkeypatch: pytest.MonkeyPatch, folder: Path, own_home: Path
) -> None:
    rate(folder, own_home)
    test = drawn(monkeypatch, folder, "zh")
    assert test.title[0].value == "评估"
    assert "好评 1 个" in test.caption[1].value
    test.button(key="evaluation-run").click().run()
    test = finished(test)
    assert not test.exception
    assert not test.error, test.error[0].value
    assert "R@1 1.000" in test.selectbox(key="evaluation-result").options[0]
    assert "各深度的召回率" in html(test)
    again = drawn(monkeypatch, folder, "en")
    assert "Recall by depth" in html(again)
    again.button(key="evaluation-delete").click().run()
    assert "Recall by depth" not in html(again)


def test_a_set_that_cannot_be_used_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "![x](http-evil).txt").write_text("Plain words, no heading.\n", "utf-8")
    test = drawn(monkeypatch, tmp_path / "docs")
    test.button(key="evaluation-run").click().run()
    test = finished(test)
    assert "no headings" in test.error[0].value


def test_results_are_of_their_owner(
    monkeypatch: pytest.MonkeyPatch, folder: Path, own_home: Path
) -> None:
    chats = open_chats(chats_path(own_home))
    report = {"questions": 1, "recall@1": 0.5}
    for owner in ("somebody else", "local"):
        save_result(
            chats, owner, folder_key(folder), title=f"of {owner}", report=report,
            pages={"en": f"<main><h1>of {owner}</h1></main>"},
        )  # fmt: skip
    test = drawn(monkeypatch, folder)
    (only,) = test.selectbox(key="evaluation-result").options
    assert "of local" in only


def test_charts_inside_another_page_keep_colours_and_words() -> None:
    import base64
    import re

    from ragkit.evaluate.page_frame import embedded, figure, page
    from ragkit.evaluate.plots import Curve, line_chart

    chart = line_chart(
        [Curve("<b>&", [(1.0, 0.5, 0.4, 0.6)])], title='a "b"', x_label="k", y_label="r"
    )
    whole = page("t", ["<h1>First</h1>", figure("Title", "about", chart)])
    for dark in (True, False):
        inside = embedded(whole, dark=dark)
        assert "<svg" not in inside
        assert "<h1" not in inside
        assert 'alt="a &quot;b&quot;"' in inside
        (data,) = re.findall(r'src="data:image/svg\+xml;base64,([^"]+)"', inside)
        svg = base64.b64decode(data).decode()
        import xml.etree.ElementTree as ElementTree

        ElementTree.fromstring(svg)
        assert ("#e6e9ed" in svg) is dark


# In Chromium


@pytest.fixture(scope="module")
def chat(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("docs")
    (folder / "history.txt").write_text(
        "The lighthouse of Alnmouth was built in 1826 by Thomas Blackwood.\n", "utf-8"
    )
    for number in range(40):
        (folder / f"part{number}.md").write_text(
            f"# Part {number}\n\n## How is part {number} kept?\n\nPart {number} lies in box"
            f" {number * 7}.\n\n## 部件{number}存放在哪里？\n\n部件{number}放在第{number}号柜。\n",
            "utf-8",
        )
    with serving(folder, tmp_path_factory.mktemp("home")) as address:
        yield address


def to_evaluation(page: Page, address: str) -> None:
    page.goto(f"{address}/evaluation")
    page.locator(".st-key-evaluation-run button").wait_for(timeout=30_000)


@pytest.mark.browser
def test_a_rating_is_measured_in_the_browser(browser: Browser, chat: str, tmp_path: Path) -> None:
    with opened(browser, chat) as page:
        ask(page, "Who built the lighthouse of Alnmouth?")
        page.get_by_test_id("stFeedback").locator("button").first.click()
        page.wait_for_timeout(500)
        to_evaluation(page, chat)
        page.get_by_text("1 rated good").wait_for(timeout=20_000)
        page.locator(".st-key-evaluation-run button").click()
        report = page.locator(".ragkit-report")
        report.wait_for(timeout=60_000)
        assert "1.000" in report.inner_text()
        charts = report.locator("figure img")
        assert charts.count() >= 2
        drawn = charts.evaluate_all("all => all.every(i => i.complete && i.naturalWidth > 100)")
        assert drawn, "a chart is broken or forbidden"
        with page.expect_download() as download:
            page.get_by_text("JSON", exact=True).click()
        saved = tmp_path / "e.json"
        download.value.save_as(saved)
        assert json.loads(saved.read_text("utf-8"))["recall@1"] == 1.0
        page.reload()
        report.wait_for(timeout=30_000)
    with opened(browser, chat) as page:
        to_evaluation(page, chat)
        page.wait_for_timeout(1500)
        assert page.locator(".ragkit-report").count() == 0, "another browser sees the result"


@pytest.mark.browser
def test_a_run_is_cancelled_and_chatting_goes_on_meanwhile(browser: Browser, chat: str) -> None:
    from playwright.sync_api import TimeoutError as PlaywrightTimeout

    with opened(browser, chat, locale="zh-CN") as page:
        to_evaluation(page, chat)
        page.locator(".st-key-evaluation-answers label").first.click()
        page.wait_for_timeout(500)
        page.locator(".st-key-evaluation-run button").click()
        cancel = page.locator(".st-key-evaluation-cancel button")
        cancel.wait_for(timeout=30_000)
        with opened(browser, chat) as other:
            assert "1826" in ask(other, "When was the lighthouse of Alnmouth built?")
            to_evaluation(other, chat)
            if other.locator(".st-key-evaluation-run button").is_enabled():
                cancel.wait_for(state="hidden", timeout=5_000)  # else there were two at once
        over = page.get_by_text("已取消").or_(page.locator(".ragkit-report")).first
        with suppress(PlaywrightTimeout):  # it may have come to its end meanwhile
            cancel.click(timeout=5_000)
        over.wait_for(timeout=30_000)


@pytest.mark.browser
def test_uploaded_questions_and_a_hostile_one(browser: Browser, chat: str) -> None:
    listener = Listener()
    leak = f"{listener.address}/leak"
    rows = [
        {"question": f'When? ![x]({leak}) <img src="{leak}">', "source": "part1.md", "id": "a"},
        {"question": "How is part 3 kept?", "source": "part3.md", "id": "b"},
    ]
    with opened(browser, chat) as page:
        to_evaluation(page, chat)
        page.get_by_text("Your own").click()
        field = page.locator('[data-testid="stFileUploader"] input[type=file]')
        field.wait_for(state="attached", timeout=20_000)
        data = "\n".join(map(json.dumps, rows)).encode()
        file = {"name": "../../q.jsonl", "mimeType": "application/jsonl", "buffer": data}
        field.set_input_files([file])  # type: ignore[list-item]
        run = page.locator(".st-key-evaluation-run button:not([disabled])")
        run.wait_for(timeout=20_000)
        run.click()
        page.locator(".ragkit-report").wait_for(timeout=60_000)
        page.wait_for_timeout(800)
        assert page.locator(f'img[src^="{listener.address}"]').count() == 0
    assert listener.paths == []
    listener.close()
