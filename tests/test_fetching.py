"""A preset's weights come in the background, from a hub on this machine, whatever breaks."""

from __future__ import annotations

import random
import re
import sys
import time
from collections import namedtuple
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from browser_support import browser, free_port, opened, serving
from hub_server import HubServer, serve

pytest.importorskip("huggingface_hub", reason="the light installation downloads nothing")

from ragkit.fetching import Fetching
from ragkit.models.fetch import download as door
from ragkit.models.hub import find_weights

if TYPE_CHECKING:
    from playwright.sync_api import Browser
    from streamlit.testing.v1 import AppTest

__all__ = ["browser"]

MODELS = ("owner/reader", "owner/writer")
WEIGHTS = "model.safetensors"
SIZE = 2_000_000
noise = random.Random(11)


def repository() -> dict[str, bytes]:
    return {
        "config.json": b'{"model_type": "bert"}',
        "tokenizer.json": noise.randbytes(3000),
        WEIGHTS: noise.randbytes(SIZE),
        "pytorch_model.bin": noise.randbytes(SIZE),
    }


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    import huggingface_hub.constants as constants

    for name in ("HF_HUB_CACHE", "HF_HUB_OFFLINE", "HF_TOKEN", "MODELSCOPE_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("MODELSCOPE_CACHE", str(tmp_path / "ms"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    with serve({name: repository() for name in MODELS}) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        yield server


def wait(condition: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.01)


def ended(fetching: Fetching) -> Fetching:
    wait(lambda: not fetching.running)
    return fetching


def test_nobody_is_asked_before_a_person_wishes(hub: HubServer) -> None:
    fetching = Fetching(MODELS)
    assert (fetching.size, fetching.received, fetching.running) == (None, 0, False)
    assert not hub.requests


def test_the_size_is_asked_and_nothing_fetched(hub: HubServer) -> None:
    fetching = Fetching(MODELS)
    fetching.ask_size()
    ended(fetching)
    assert fetching.error is None
    assert fetching.size == 2 * (SIZE + 3000 + len(b'{"model_type": "bert"}'))
    assert fetching.received == 0
    assert not hub.asked("/storage/")


def test_all_models_come_whole(hub: HubServer) -> None:
    fetching = Fetching(MODELS)
    fetching.start()
    ended(fetching)
    assert (fetching.error, fetching.done, fetching.stopped) == (None, True, False)
    assert fetching.received == fetching.size
    for name in MODELS:
        folder = find_weights(name)
        assert folder is not None
        assert (folder / WEIGHTS).read_bytes() == hub.repositories[name][WEIGHTS]
    asked = len(hub.requests)
    fetching.start()
    ended(fetching)
    assert len(hub.requests) == asked, "what is here is not asked for again"


def test_a_dropped_connection_goes_on_by_itself(hub: HubServer) -> None:
    hub.drop_after[WEIGHTS] = [700_000]
    fetching = ended(start(Fetching(MODELS[:1])))
    assert (fetching.error, fetching.done) == (None, True)
    assert fetching.received == fetching.size
    ranges = [request.range for request in hub.asked(f"/storage/{MODELS[0]}/{WEIGHTS}")]
    assert ranges[0] is None
    assert all(r is not None for r in ranges[1:])
    assert len(ranges) == 2


def start(fetching: Fetching) -> Fetching:
    fetching.start()
    return fetching


def test_stopped_by_a_person_it_goes_on_from_there(hub: HubServer, tmp_path: Path) -> None:
    hub.pause = 0.02
    fetching = start(Fetching(MODELS[:1]))
    wait(lambda: fetching.received > 600_000)
    fetching.stop()
    ended(fetching)
    assert (fetching.stopped, fetching.done, fetching.error) == (True, False, None)
    (part,) = tmp_path.rglob("*.incomplete")
    kept = part.stat().st_size
    assert kept >= 500_000
    assert find_weights(MODELS[0]) is None
    hub.pause = 0
    hub.requests.clear()
    ended(start(fetching))
    assert (fetching.stopped, fetching.done, fetching.error) == (False, True, None)
    assert fetching.received == fetching.size
    (again,) = hub.asked(f"/storage/{MODELS[0]}/{WEIGHTS}")
    assert again.range == f"bytes={kept}-"


def test_another_process_goes_on_with_what_came(hub: HubServer) -> None:
    hub.pause = 0.02
    first = start(Fetching(MODELS[:1]))
    wait(lambda: first.received > 600_000)
    first.stop()
    ended(first)
    second = Fetching(MODELS[:1])
    second.ask_size()
    ended(second)
    assert 400_000 < second.received < SIZE


@pytest.mark.parametrize("spoilt", [WEIGHTS, "config.json"])
def test_other_bytes_than_announced_are_an_error_in_words(
    hub: HubServer, tmp_path: Path, spoilt: str
) -> None:
    hub.spoil.add(spoilt)
    fetching = ended(start(Fetching(MODELS[:1])))
    assert not fetching.done
    assert fetching.error is not None
    assert f"wrong {spoilt}" in fetching.error
    assert "Traceback" not in fetching.error
    assert find_weights(MODELS[0]) is None
    assert not list(tmp_path.rglob("*.incomplete"))
    hub.spoil.clear()
    ended(start(fetching))
    assert (fetching.error, fetching.done) == (None, True)
    assert fetching.received == fetching.size


def test_a_full_disk_is_said_before_anything_is_fetched(
    hub: HubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")
    full = usage(10**9, 10**9 - 10**6, 10**6)
    monkeypatch.setattr(door.shutil, "disk_usage", lambda _: full)
    fetching = ended(start(Fetching(MODELS)))
    assert fetching.error is not None
    assert "4.0 MB are still to fetch" in fetching.error
    assert not hub.asked("/storage/")
    monkeypatch.undo()


@pytest.mark.parametrize(
    ("status", "code", "words"),
    [(404, "RepoNotFound", "owner/reader"), (403, "GatedRepo", "owner/reader"), (500, "", "500")],
)
def test_refusals_of_the_hub_are_said(hub: HubServer, status: int, code: str, words: str) -> None:
    hub.refuse["owner/reader"] = (status, code)
    fetching = Fetching(MODELS)
    fetching.ask_size()
    ended(fetching)
    assert fetching.error is not None
    assert words in fetching.error
    assert fetching.size is None


def test_an_address_that_answers_nothing_is_said_soon(
    hub: HubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{free_port()}")
    fetching = Fetching(MODELS)
    began = time.monotonic()
    fetching.ask_size()
    ended(fetching)
    assert time.monotonic() - began < 15
    assert fetching.error is not None
    assert "127.0.0.1" in fetching.error


def test_two_who_press_at_once_start_one_download(hub: HubServer) -> None:
    hub.pause = 0.005
    fetching = Fetching(MODELS[:1])
    for _ in range(5):
        fetching.start()
    ended(fetching)
    assert fetching.done
    assert len(hub.asked(f"/storage/{MODELS[0]}/{WEIGHTS}")) == 1


# On the page

PAGE = Path(__file__).resolve().parent.parent / "app" / "main.py"
LLM = "internlm/internlm2-chat-1_8b"
EMBEDDER = "sentence-transformers/paraphrase-multilingual-MiniLM-L12-v2"


@pytest.fixture
def preset_hub(hub: HubServer) -> HubServer:
    """Return a hub that has (small) weights of the preset internlm2."""
    hub.repositories |= {LLM: repository(), EMBEDDER: repository()}
    return hub


@pytest.fixture
def open_page(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., AppTest]:
    """Return what opens the chat with a preset chosen whose weights are not here."""
    pytest.importorskip("streamlit", reason='needs the extra: pip install "ragkit[app]"')
    import streamlit as st
    from streamlit.testing.v1 import AppTest

    def opening(language: str = "en") -> AppTest:
        st.cache_resource.clear()
        st.cache_data.clear()
        monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])
        arguments = [str(folder), f"--index={tmp_path / 'i.db'}", "--preset=lite"]
        monkeypatch.setattr("sys.argv", [str(PAGE), *arguments])
        monkeypatch.syspath_prepend(str(PAGE.parent))
        test = AppTest.from_file(str(PAGE), default_timeout=60)
        test.session_state["language"] = language
        test.session_state["preset"] = "internlm2"
        return test.run()

    return opening


def press(test: AppTest, label: str) -> None:
    next(b for b in test.button if b.label.startswith(label)).click().run()
    assert not test.exception


def labels(test: AppTest) -> list[str]:
    return [button.label.replace("\\", "") for button in test.button]


def until(test: AppTest, shown: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not shown():
        assert time.monotonic() < deadline, [*labels(test), *(c.value for c in test.caption)]
        time.sleep(0.1)
        test.run()
        assert not test.exception


def test_the_page_asks_the_size_then_downloads(
    preset_hub: HubServer, open_page: Callable[..., AppTest]
) -> None:
    test = open_page()
    assert not preset_hub.requests, "nobody is asked before a person wishes"
    press(test, "Ask how much it is")
    until(test, lambda: "Download 4.0 MB" in labels(test))
    assert not preset_hub.asked("/storage/")
    press(test, "Download 4.0 MB")
    until(test, lambda: find_weights(LLM) is not None and find_weights(EMBEDDER) is not None)
    until(test, lambda: not any("Not on this machine" in c.value for c in test.caption))


@pytest.mark.parametrize(
    ("language", "ask", "size", "stop", "stopped"),
    [
        ("en", "Ask how much it is", "Download", "Stop the download", "What came is kept"),
        ("zh", "查询大小", "下载", "停止下载", "已下载的部分会保留"),
    ],
)
def test_the_page_stops_a_download_and_goes_on(
    preset_hub: HubServer,
    open_page: Callable[..., AppTest],
    language: str,
    ask: str,
    size: str,
    stop: str,
    stopped: str,
) -> None:
    preset_hub.pause = 0.03
    test = open_page(language)
    press(test, ask)
    until(test, lambda: any(label.startswith(f"{size} 4") for label in labels(test)))
    press(test, f"{size} 4")
    until(test, lambda: stop in labels(test))
    press(test, stop)
    until(test, lambda: any(stopped in c.value for c in test.caption))
    preset_hub.pause = 0
    press(test, f"{size} ")
    until(test, lambda: find_weights(LLM) is not None and find_weights(EMBEDDER) is not None)


def test_the_page_says_what_went_wrong_and_offers_it_again(
    preset_hub: HubServer, open_page: Callable[..., AppTest]
) -> None:
    preset_hub.spoil.add(WEIGHTS)
    test = open_page()
    press(test, "Ask how much it is")
    until(test, lambda: "Download 4.0 MB" in labels(test))
    press(test, "Download 4.0 MB")
    until(test, lambda: bool(test.warning))
    assert "sent a wrong model.safetensors" in test.warning[0].value.replace("\\", "")
    assert any(label.startswith("Download ") for label in labels(test))


@pytest.mark.browser
def test_in_a_browser_progress_is_seen_and_stopped_and_an_error_is_said(
    browser: Browser, preset_hub: HubServer, folder: Path, tmp_path: Path
) -> None:
    preset_hub.pause = 0.1
    home = tmp_path / "home"
    home.mkdir()
    env = {"HF_ENDPOINT": preset_hub.url, "HF_HOME": str(tmp_path / "hf")}
    with serving(folder, home, env=env) as address, opened(browser, address) as page:
        page.get_by_text("Settings").click()
        page.get_by_test_id("stSidebar").get_by_role("combobox").first.click()
        page.get_by_role("option", name="internlm2").click()
        page.get_by_role("button", name="Ask how much it is").click(timeout=30_000)
        page.get_by_role("button", name="Download 4.0 MB").click(timeout=30_000)
        page.get_by_text(re.compile(r"[\d.]+ [kM]B of 4\.0 MB")).wait_for(timeout=30_000)
        page.get_by_role("button", name="Stop the download").click()
        page.get_by_text("What came is kept").wait_for(timeout=30_000)
        preset_hub.pause = 0
        preset_hub.spoil.add(WEIGHTS)
        page.get_by_role("button", name=re.compile(r"Download [\d.]+ ")).click()
        said = page.get_by_test_id("stSidebar").get_by_test_id("stAlert")
        said.wait_for(timeout=60_000)
        assert "sent a wrong model.safetensors" in said.inner_text()
        preset_hub.spoil.clear()
        page.get_by_role("button", name=re.compile(r"Download [\d.]+ ")).click()
        page.get_by_text("Not on this machine").wait_for(state="detached", timeout=60_000)
        assert find_weights(LLM) is not None
