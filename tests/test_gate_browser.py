"""The gate in front of the real server: what Chromium may do behind it, and what is refused."""

from __future__ import annotations

import http.client
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("streamlit", reason='needs the extra: pip install "ragkit[app]"')

from browser_support import (
    Listener,
    browser,
    free_port,
    listener,
    serving,
    wait_for_port,
)

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

__all__ = ["browser", "listener"]

pytestmark = pytest.mark.browser
ROOT = Path(__file__).resolve().parent.parent
TOKEN = "open sesame 芝麻"

# Behind the gate: the widgets that pages may use, and what a hostile answer would hold.
WIDGETS = """
if __name__ == "__main__":
    import altair as alt
    import pandas as pd
    import streamlit as st
    from PIL import Image

    leak = "LEAK"
    data = pd.DataFrame({"a": [1, 2, 3], "b": [3, 1, 2], "c": ["x", "y", "x"]})
    st.html("<style>.own { color: rgb(1, 2, 3) }</style><p class='own'>of st.html</p>")
    st.bar_chart(data, x="a", y="b")
    st.altair_chart(alt.Chart(data).mark_circle().encode(x="a", y="b", color="c"))
    st.dataframe(data)
    st.image(Image.new("RGB", (31, 30), "green"))
    st.latex("x^2")
    st.code("print(1)", language="python")
    st.markdown(":material/home: home")
    st.feedback("thumbs")
    for file in st.file_uploader("Upload", accept_multiple_files=True):
        st.text(f"got {file.name}: {len(file.getvalue())}")
    st.download_button("Download", b"hello", file_name="中文.txt")
    asked = st.chat_input("Ask", accept_file="multiple")
    if asked:
        st.text("asked " + asked.text + ", with " + ", ".join(f.name for f in asked.files))
    if st.button("Be hostile"):
        st.markdown(f"![x]({leak}/inline) ![y][z]\\n\\n[z]: {leak}/reference")
        st.html(
            f"<img src='{leak}/image'><div style='background: url({leak}/style)'>x</div>"
            f"<style>@import url({leak}/import); p {{ background: url({leak}/css) }}"
            f"@font-face {{ font-family: f; src: url({leak}/font) }} p {{ font-family: f }}</style>"
            f"<iframe src='{leak}/frame'></iframe><object data='{leak}/object'></object>"
            f"<link rel='stylesheet' href='{leak}/link'><video src='{leak}/video'></video>"
            f"<script>fetch('{leak}/script')</script>"
            f"<form action='{leak}/form'><button id='send'>Send</button></form>"
            f"<svg><image href='{leak}/svg'/></svg><p>ready</p>"
        )
    if st.button("Fail"):
        raise ValueError("a secret in /etc/passwd")
elif __name__ != "__mp_main__":
    from pathlib import Path

    import streamlit as st
    from ragkit.gate import Gate
    from starlette.middleware import Middleware

    page = (Path(st.__file__).parent / "static" / "index.html").read_text("utf-8")
    app = st.App(__file__, middleware=[Middleware(Gate, page=page)])
"""


@contextmanager
def streamlit_run(script: Path, *arguments: str, cwd: Path | None = None) -> Iterator[str]:
    """Run ``streamlit run`` with no configuration but the port, and yield the address."""
    port = free_port()
    home = script.parent
    command = [sys.executable, "-m", "streamlit", "run", str(script), f"--server.port={port}"]
    process = subprocess.Popen(
        [*command, "--server.headless=true", "--browser.gatherUsageStats=false", *arguments],
        cwd=cwd or home,
        env={**os.environ, "RAGKIT_HOME": str(home), "RAGKIT_PRESET": "lite"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for_port(port, process)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=20)


@pytest.fixture
def widgets(tmp_path: Path, listener: Listener) -> Iterator[str]:
    script = tmp_path / "widgets.py"
    script.write_text(WIDGETS.replace("LEAK", listener.address), "utf-8")
    with streamlit_run(script) as address:
        yield address


@pytest.fixture(scope="module")
def docs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("docs")
    (folder / "a.txt").write_text("The lighthouse of Alnmouth was built in 1826.\n", "utf-8")
    return folder


@pytest.fixture(scope="module")
def guarded(docs: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run the chat with a token."""
    home = tmp_path_factory.mktemp("home")
    with serving(docs, home, env={"RAGKIT_APP_TOKEN": TOKEN}) as address:
        yield address


def complaints(page: Page) -> list[str]:
    """Note what the console says of refused loads and of errors."""
    said: list[str] = []
    page.on("console", lambda m: said.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    return said


def box(page: Page) -> Any:
    found = page.get_by_test_id("stChatInputTextArea")
    found.wait_for(timeout=30_000)
    return found


def test_widgets_work_and_nothing_gets_out(
    browser: Browser, widgets: str, listener: Listener
) -> None:
    context = browser.new_context(accept_downloads=True)
    page = context.new_page()
    said = complaints(page)
    page.goto(widgets)
    box(page)
    page.locator("[data-testid=stVegaLiteChart] :is(canvas, svg)").nth(1).wait_for()
    assert page.locator(".own").evaluate("p => getComputedStyle(p).color") == "rgb(1, 2, 3)"
    picture = page.get_by_test_id("stImage").locator("img")
    picture.scroll_into_view_if_needed()
    assert picture.evaluate("i => i.decode().then(() => i.naturalWidth)") == 31
    page.locator("[data-testid=stFileUploader] input[type=file]").set_input_files(
        {"name": "x.txt", "mimeType": "text/plain", "buffer": b"abc"}
    )
    page.get_by_text("got x.txt: 3").wait_for()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download", exact=True).click()
    assert download.value.suggested_filename == "中文.txt"
    assert Path(download.value.path()).read_bytes() == b"hello"
    page.locator("[data-testid=stChatInput] input[type=file]").first.set_input_files(
        {"name": "y.txt", "mimeType": "text/plain", "buffer": b"abcd"}
    )
    page.get_by_test_id("stChatInput").get_by_text("y.txt").wait_for()
    box(page).fill("hello")
    box(page).press("Enter")
    page.get_by_text("asked hello, with y.txt").wait_for()
    assert said == []
    page.get_by_role("button", name="Be hostile").click()
    page.get_by_text("ready", exact=True).wait_for()
    page.wait_for_timeout(1500)
    assert listener.paths == []
    assert any("Content Security Policy" in line for line in said)
    context.close()


def test_token_is_asked_for_and_leaves_no_trace(browser: Browser, guarded: str) -> None:
    context = browser.new_context(locale="zh-CN")
    page = context.new_page()
    answer = page.goto(f"{guarded}/?chat=abc")
    assert answer is not None
    assert answer.status == 401
    page.get_by_label("令牌").fill("wrong")
    page.keyboard.press("Enter")
    page.get_by_role("alert").wait_for()
    page.get_by_label("令牌").fill(TOKEN)
    page.get_by_role("button").click()
    box(page)
    assert "token" not in page.url
    assert {c["name"].partition("_key_")[0]: c["httpOnly"] for c in context.cookies()}["ragkit"]
    assert all("芝麻" not in c.get("value", "") for c in context.cookies())
    page.reload()
    box(page)
    context.close()


def test_link_with_the_token_and_one_from_another_site(browser: Browser, guarded: str) -> None:
    context = browser.new_context()
    page = context.new_page()
    with elsewhere(f"{guarded}/?token={TOKEN}") as link:
        page.goto(link)
        page.get_by_role("link").click()
        box(page)
        assert page.url.startswith(guarded)
        assert "token" not in page.url
    named = {c["name"]: c.get("value") for c in context.cookies()}
    # Another site leads here again: the cookies that it cannot send are not replaced.
    with elsewhere(guarded) as link:
        page.goto(link)
        page.get_by_role("link").click()
        box(page)
    assert named["ragkit_browser"]
    after = {c["name"]: c.get("value") for c in context.cookies()}
    assert after["ragkit_browser"] == named["ragkit_browser"]
    context.close()


@contextmanager
def elsewhere(target: str) -> Iterator[str]:
    """Serve a page of another site (a name is not the address) that links to ``target``."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = f'<a href="{target}">go</a>'.encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://localhost:{server.server_port}/"
    server.shutdown()
    server.server_close()


def test_websocket_needs_the_token(guarded: str) -> None:
    from websockets.exceptions import InvalidStatus
    from websockets.sync.client import connect

    def knock(cookie: str) -> int:
        stream = f"{guarded.replace('http', 'ws', 1)}/_stcore/stream"
        try:
            connect(stream, additional_headers={"Cookie": cookie}, open_timeout=30).close()
        except InvalidStatus as refused:
            return refused.response.status_code
        return 101

    assert knock("") == 401
    assert knock("ragkit_key_8501=x; ragkit_browser=" + "a" * 22) == 401
    assert knock(key_of(guarded)) == 101


def key_of(address: str) -> str:
    """Give the token as the form does and return the cookie."""
    from urllib.parse import urlencode

    connection = http.client.HTTPConnection(address.removeprefix("http://"), timeout=20)
    connection.request(
        "POST",
        "/",
        urlencode({"token": TOKEN}),
        {"Content-Type": "application/x-www-form-urlencoded"},
    )
    return str(connection.getresponse().headers["Set-Cookie"]).split(";")[0]


@pytest.mark.parametrize(
    "path",
    [
        "/media/..%2f..%2fapp.py", "/media/..%5c..%5capp.py", "/static/..%2f..%2f..%2fmain.py",
        "/component/..%2f..%2fx", "//evil.example/x", "/media/%2e%2e%2f%2e%2e%2fetc%2fpasswd",
    ],
)  # fmt: skip
def test_paths_out_of_the_page_are_refused(guarded: str, path: str) -> None:
    connection = http.client.HTTPConnection(guarded.removeprefix("http://"), timeout=20)
    connection.request("GET", path, headers={"Cookie": key_of(guarded)})
    assert connection.getresponse().status == 400


def test_bare_streamlit_run_serves_this_machine_alone(docs: Path, tmp_path: Path) -> None:
    # From another folder Streamlit finds no configuration and listens everywhere.
    import shutil

    shutil.copytree(ROOT / "app", tmp_path / "app")
    with streamlit_run(tmp_path / "app" / "main.py", "--", str(docs), cwd=tmp_path) as address:
        port = int(address.rsplit(":", 1)[1])
        for host in ("OWN", "localhost"):
            assert knocked(own_address(), port, host) == 403
        assert knocked("127.0.0.1", port, "127.0.0.1") == 200


def own_address() -> str:
    """Return an address of this machine that is not the loopback's, or skip."""
    done = subprocess.run(["hostname", "-I"], capture_output=True, text=True, check=False)
    found = [a for a in done.stdout.split() if "." in a and not a.startswith("127.")]
    if not found:
        pytest.skip("this machine has no other address")
    return found[0]


def knocked(address: str, port: int, host: str) -> int:
    """Return the status of a page asked for by another process: tests reach the loopback only."""
    code = (
        "import http.client, sys; address, port, host = sys.argv[1:]; "
        "c = http.client.HTTPConnection(address, int(port), timeout=20); "
        "c.request('GET', '/', headers={'Host': host.replace('OWN', address) + ':' + port}); "
        "print(c.getresponse().status)"
    )
    command = [sys.executable, "-c", code, address, str(port), host]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return int(done.stdout)


def test_a_failing_page_says_so_in_words(browser: Browser, tmp_path: Path) -> None:
    app = tmp_path / "app"
    app.mkdir()
    for module in ("main.py", "warm.py", "following.py"):
        (app / module).write_text((ROOT / "app" / module).read_text("utf-8"), "utf-8")
    failing = 'def draw():\n    raise ValueError("a secret in /etc/passwd")\n'
    (app / "page.py").write_text(failing, "utf-8")
    # In full detail by Streamlit's default.
    with streamlit_run(app / "main.py") as address:
        page = browser.new_page()
        page.goto(address)
        page.get_by_text("Something went wrong").wait_for(timeout=30_000)
        content = page.content()
        page.close()
    assert "passwd" not in content
    assert str(tmp_path) not in content
    assert "Traceback" not in content
