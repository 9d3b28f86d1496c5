"""The gate before the chat: hosts, token, the browser's name, and what pages may load."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import time
import tomllib
from pathlib import Path
from typing import Any

import pytest

from ragkit.cli.chat_options import chat_flags, chat_options
from ragkit.gate import BROWSER_COOKIE, Gate
from ragkit.gate_page import script_sources

ROOT = Path(__file__).resolve().parent.parent
LOCAL = "127.0.0.1:8501"
TOKEN = "correct horse 电池"


class Inside:
    """An app that notes what reaches it and answers as Streamlit's does."""

    def __init__(self, **headers: str) -> None:
        self.seen: list[dict[str, Any]] = []
        self._headers = [(k.replace("_", "-").encode(), v.encode()) for k, v in headers.items()]

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.seen.append(scope)
        if scope["type"] == "websocket":
            await send({"type": "websocket.accept", "headers": []})
        else:
            await send(
                {"type": "http.response.start", "status": 200, "headers": list(self._headers)}
            )
            await send({"type": "http.response.body", "body": b"inside"})

    def cookies(self) -> dict[str, str]:
        """Return the cookies of the last visit."""
        sent = dict(self.seen[-1]["headers"]).get(b"cookie", b"").decode()
        return dict(pair.split("=", 1) for pair in sent.split("; ") if pair)


class Answer:
    """What came back: status, headers, body; of a websocket 101 when it was accepted."""

    def __init__(self, messages: list[dict[str, Any]]) -> None:
        start = messages[0]
        self.kind = start["type"]
        self.status = start.get("status", {"websocket.accept": 101}.get(self.kind, 403))
        self.headers = {k.decode().lower(): v.decode() for k, v in start.get("headers", [])}
        self.set_cookies = [
            v.decode() for k, v in start.get("headers", []) if k.lower() == b"set-cookie"
        ]
        self.body = b"".join(m.get("body", b"") for m in messages[1:]).decode()


async def visiting(
    gate: Gate,
    path: str = "/",
    *,
    websocket: bool = False,
    method: str = "GET",
    query: str = "",
    body: bytes = b"",
    peer: str = "127.0.0.1",
    **headers: str,
) -> Answer:
    sent: list[dict[str, Any]] = []
    named = {"host": LOCAL, **{k.replace("_", "-"): v for k, v in headers.items()}}
    scope: dict[str, Any] = {
        "type": "websocket" if websocket else "http",
        "path": path,
        "query_string": query.encode(),
        "headers": [(k.encode(), v.encode("latin-1")) for k, v in named.items() if v],
        "client": (peer, 5000),
        "scheme": "ws" if websocket else "http",
        "extensions": {"websocket.http.response": {}} if websocket else {},
    }
    if not websocket:
        scope["method"] = method

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    await gate(scope, receive, send)
    return Answer(sent)


def visit(gate: Gate, path: str = "/", **more: Any) -> Answer:
    return asyncio.run(visiting(gate, path, **more))


def form(gate: Gate, token: str, **more: Any) -> Answer:
    from urllib.parse import urlencode

    headers = {"content_type": "application/x-www-form-urlencoded"}
    return visit(gate, method="POST", body=urlencode({"token": token}).encode(), **headers, **more)


def value(set_cookie: str) -> tuple[str, str]:
    name, _, rest = set_cookie.partition("=")
    return name, rest.split(";")[0]


# Hosts and origins


@pytest.mark.parametrize("websocket", [False, True])
@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.0.0.1:9000", "localhost:8501", "LOCALHOST", "[::1]:8501"]
)
def test_this_machine_is_served(host: str, websocket: bool) -> None:
    answer = visit(Gate(Inside()), host=host, websocket=websocket)
    assert answer.status == (101 if websocket else 200)


@pytest.mark.parametrize("websocket", [False, True])
@pytest.mark.parametrize(
    "host",
    [
        "evil.example", "evil.example:8501", "127.0.0.1.evil.example", "localhost.evil.example",
        "127.0.0.2", "localhost.", "xlocalhost", "127.0.0.1@evil.example", "127.0.0.1:99999999",
        "", "localhost localhost", "[::2]", "2130706433", "0.0.0.0:8501",
    ],
)  # fmt: skip
def test_other_hosts_are_refused(host: str, websocket: bool) -> None:
    inside = Inside()
    answer = visit(Gate(inside), host=host, websocket=websocket)
    assert answer.status == 403
    assert not inside.seen
    if not websocket:
        assert "server.allowedHosts" in answer.body
        assert host not in answer.body or not host


def test_allowed_hosts_and_those_below_one() -> None:
    gate = Gate(Inside(), hosts=["chat.example.org", "*.lab.example"])
    assert visit(gate, host="Chat.example.org:80").status == 200
    assert visit(gate, host="a.lab.example").status == 200
    assert visit(gate, host="lab.example").status == 403
    assert visit(gate, host="evillab.example").status == 403
    assert visit(gate, host="x.chat.example.org").status == 403


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://127.0.0.1:9999", "http://localhost:8501"]
)
def test_foreign_origins_reach_no_websocket_and_change_nothing(origin: str) -> None:
    inside = Inside()
    assert visit(Gate(inside), websocket=True, origin=origin).status == 403
    assert visit(Gate(inside), method="PUT", origin=origin).status == 403
    assert visit(Gate(inside), method="POST", origin=origin).status == 403
    assert not inside.seen


def test_own_origin_and_none_are_let_through() -> None:
    assert visit(Gate(Inside()), websocket=True, origin=f"http://{LOCAL}").status == 101
    assert visit(Gate(Inside()), websocket=True).status == 101
    assert visit(Gate(Inside()), method="PUT", origin=f"http://{LOCAL}").status == 200


def test_without_token_or_hosts_other_machines_are_refused_by_their_address() -> None:
    assert visit(Gate(Inside()), peer="192.168.1.7").status == 403
    assert visit(Gate(Inside()), peer="::ffff:10.0.0.1", websocket=True).status == 403
    assert visit(Gate(Inside()), peer="::ffff:127.0.0.1").status == 200
    assert visit(Gate(Inside(), hosts=["box"]), peer="192.168.1.7", host="box").status == 200
    assert visit(Gate(Inside(), token=TOKEN), peer="192.168.1.7").status == 401


def test_a_server_without_the_extension_still_refuses_before_accepting() -> None:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "websocket", "path": "/", "headers": [(b"host", b"evil")]}
    asyncio.run(Gate(Inside())(scope, None, send))  # type: ignore[arg-type]
    assert [m["type"] for m in sent] == ["websocket.close"]


def test_lifespan_passes() -> None:
    inside = Inside()
    asyncio.run(Gate(inside, token=TOKEN)({"type": "lifespan"}, None, _drop))  # type: ignore[arg-type]
    assert inside.seen


async def _drop(_message: Any) -> None:
    pass


# The token


@pytest.mark.parametrize("path", ["/", "/static/js/index.js", "/_stcore/health", "/media/x.png"])
def test_without_the_token_nothing_is_served(path: str) -> None:
    inside = Inside()
    gate = Gate(inside, token=TOKEN)
    answer = visit(gate, path)
    assert answer.status == 401
    assert TOKEN not in answer.body
    assert not answer.set_cookies
    assert visit(gate, path, method="PUT").status == 401
    refused = visit(gate, "/_stcore/stream", websocket=True)
    assert (refused.status, refused.kind) == (401, "websocket.http.response.start")
    assert not inside.seen


def test_the_question_speaks_the_browsers_language() -> None:
    gate = Gate(Inside(), token=TOKEN)
    assert "This chat asks for a token" in visit(gate).body
    assert "需要访问令牌" in visit(gate, accept_language="zh-CN,zh;q=0.9,en;q=0.8").body
    assert "asks for a token" in visit(gate, accept_language="de,en;q=0.7,zh;q=0.3").body
    assert "asks for a token" in visit(gate, accept_language="zh;q=x, ;;,").body
    page = visit(gate).body
    assert 'lang="en"' in page
    assert "<label" in page
    assert "http-equiv" not in page


@pytest.mark.parametrize("way", ["address", "form"])
def test_token_once_then_a_cookie_that_is_not_it(way: str) -> None:
    from urllib.parse import urlencode

    inside = Inside()
    gate = Gate(inside, token=TOKEN, wrong_token_seconds=0)
    query = "chat=ab%20c&x="
    if way == "address":
        answer = visit(gate, query=f"{urlencode({'token': TOKEN})}&{query}")
    else:
        answer = form(gate, TOKEN, query=query, origin=f"http://{LOCAL}")
    assert answer.status == 303
    assert answer.headers["location"] == "/?chat=ab+c&x="
    (cookie,) = answer.set_cookies
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(cookie.split("; "))
    name, key = value(cookie)
    assert "8501" in name
    assert TOKEN not in cookie
    assert key != hashlib.sha256(TOKEN.encode()).hexdigest()
    assert not inside.seen
    assert visit(gate, cookie=f"a=b; {name}={key}").status == 200
    assert visit(gate, websocket=True, cookie=f"{name}={key}").status == 101
    assert name not in inside.cookies()  # no page has use for it
    # A new token shuts out who had the old one; a server of another port asks for its own.
    assert visit(Gate(Inside(), token="another"), cookie=f"{name}={key}").status == 401
    assert visit(gate, cookie=f"{name}={key}", host="127.0.0.1:8502").status == 401


@pytest.mark.parametrize("wrong", ["", "x", TOKEN[:-1], TOKEN + "x", "\udcff", "é" * 5000])
def test_wrong_tokens_open_nothing(wrong: str) -> None:
    gate = Gate(Inside(), token=TOKEN, wrong_token_seconds=0)
    answer = form(gate, wrong.encode("utf-8", "replace").decode())
    assert answer.status == 401
    assert "That is not the token" in answer.body
    assert not answer.set_cookies
    assert visit(gate, query="token=wrong").status == 401
    assert visit(gate, cookie="ragkit_key_8501=é").status == 401
    assert visit(gate, cookie="ragkit_key_8501=").status == 401


def test_redirect_never_leads_to_another_host() -> None:
    gate = Gate(Inside(), token="t")
    for path in ("//evil.example/x", "/\\evil.example", "///evil.example"):
        place = visit(gate, path, query="token=t").headers["location"]
        assert place.startswith("/")
        assert not place.startswith(("//", "/\\"))
    assert "\n" not in visit(gate, "/a\r\nset-cookie: x", query="token=t").headers["location"]


def test_many_connections_guess_no_faster_than_one() -> None:
    async def guess(number: int) -> list[int]:
        gate = Gate(Inside(), token=TOKEN, wrong_token_seconds=0.05)
        tries = [visiting(gate, query=f"token={n}") for n in range(number)]
        answers = [answer.status for answer in await asyncio.gather(*tries)]
        # The crowd is gone: the right token is not kept waiting.
        right = await visiting(gate, query="token=correct+horse+%E7%94%B5%E6%B1%A0")
        assert right.status == 303
        return answers

    begun = time.perf_counter()
    assert asyncio.run(guess(6)) == [401] * 6
    assert time.perf_counter() - begun >= 6 * 0.05
    assert asyncio.run(guess(40)).count(429) == 32


def test_who_has_the_cookie_does_not_wait_for_those_who_guess() -> None:
    gate = Gate(Inside(), token="t", wrong_token_seconds=0.5)
    cookie = "=".join(value(visit(gate, query="token=t").set_cookies[0]))

    async def both() -> float:
        guess = asyncio.create_task(visiting(gate, query="token=x"))
        await asyncio.sleep(0)
        begun = time.perf_counter()
        assert (await visiting(gate, cookie=cookie)).status == 200
        waited = time.perf_counter() - begun
        await guess
        return waited

    assert asyncio.run(both()) < 0.2


def test_a_link_from_another_site_asks_again_by_itself() -> None:
    # The browser keeps the Strict cookie back on such a way in, and sends it from our own page.
    gate = Gate(Inside(), token=TOKEN)
    crossing = {"sec_fetch_site": "cross-site", "sec_fetch_dest": "document"}
    assert 'http-equiv="refresh"' in visit(gate, **crossing).body
    assert "http-equiv" not in visit(gate, sec_fetch_site="same-origin").body


# The browser's name


def test_first_page_names_the_browser_and_later_ones_keep_it() -> None:
    inside = Inside()
    gate = Gate(inside)
    (cookie,) = visit(gate, accept="text/html").set_cookies
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(cookie.split("; "))
    assert "Max-Age=" in cookie
    name, own = value(cookie)
    assert name == BROWSER_COOKIE
    assert len(own) == 22
    again = visit(gate, accept="text/html", cookie=f"{name}={own}")
    assert value(again.set_cookies[0]) == (name, own)
    assert visit(gate, websocket=True, cookie=f"{name}={own}").set_cookies == []
    assert inside.cookies() == {name: own}
    others = {value(visit(gate, accept="text/html").set_cookies[0])[1] for _ in range(50)}
    assert len(others) == 50


def test_only_a_page_and_the_health_check_name_the_browser() -> None:
    gate = Gate(Inside())
    assert not visit(gate, "/static/js/a.js", sec_fetch_dest="script").set_cookies
    assert not visit(gate, "/media/x", sec_fetch_dest="image").set_cookies
    assert not visit(gate, method="PUT", accept="text/html").set_cookies
    assert visit(gate, "/_stcore/health").set_cookies
    assert not visit(gate, "/_stcore/health", cookie=f"{BROWSER_COOKIE}={'a' * 22}").set_cookies


def test_a_link_from_another_site_takes_no_name_away() -> None:
    gate = Gate(Inside())
    page = {"sec_fetch_dest": "document", "accept": "text/html"}
    assert not visit(gate, **page, sec_fetch_site="cross-site").set_cookies
    assert visit(gate, **page, sec_fetch_site="none").set_cookies
    # Browsers say so only to addresses that they trust; to others the referrer tells.
    assert not visit(gate, accept="text/html", referer="http://evil.example/").set_cookies
    assert visit(gate, accept="text/html", referer=f"http://{LOCAL}/").set_cookies


def test_a_websocket_without_cookie_has_a_name_of_its_own() -> None:
    inside = Inside()
    gate = Gate(inside)
    first = visit(gate, websocket=True)
    name = inside.cookies()[BROWSER_COOKIE]
    assert value(first.set_cookies[0]) == (BROWSER_COOKIE, name)
    visit(gate, websocket=True)
    assert inside.cookies()[BROWSER_COOKIE] != name


@pytest.mark.parametrize("bad", ["local", "", "x" * 21, "x" * 23, "../../etc/passwd", "é" * 22])
def test_a_name_that_the_gate_did_not_give_is_replaced(bad: str) -> None:
    inside = Inside()
    visit(Gate(inside), websocket=True, cookie=f"a=1; {BROWSER_COOKIE}={bad}; b=2")
    cookies = inside.cookies()
    assert cookies[BROWSER_COOKIE] != bad
    assert len(cookies[BROWSER_COOKIE]) == 22
    assert (cookies["a"], cookies["b"]) == ("1", "2")


# Headers


def test_pages_may_load_from_here_alone() -> None:
    page = '<script>let a = 1</script><script type="module" src="./b.js"></script>'
    answer = visit(Gate(Inside(), page=page))
    policy = dict(p.split(" ", 1) for p in answer.headers["content-security-policy"].split("; "))
    digest = base64.b64encode(hashlib.sha256(b"let a = 1").digest()).decode()
    assert policy["script-src"] == f"'self' 'sha256-{digest}'"
    assert policy["connect-src"] == f"'self' ws://{LOCAL} wss://{LOCAL}"
    assert policy["img-src"] == "'self' data: blob:"
    for name in ("object-src", "frame-ancestors"):
        assert policy[name] == "'none'"
    for name in ("default-src", "form-action", "base-uri", "frame-src"):
        assert policy[name] == "'self'"
    assert "unsafe-eval" not in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"


def test_documents_stay_in_no_cache_and_run_nothing() -> None:
    answer = visit(Gate(Inside()), "/media/abc.html")
    assert answer.headers["cache-control"] == "no-store"
    assert "sandbox" in answer.headers["content-security-policy"]
    assert visit(Gate(Inside()), "/_stcore/host-config").headers["cache-control"] == "no-store"
    kept = Gate(Inside(cache_control="public, immutable"))
    assert visit(kept, "/static/js/a.js").headers["cache-control"] == "public, immutable"


def test_refusals_carry_the_headers_too() -> None:
    for answer in (visit(Gate(Inside()), host="evil"), visit(Gate(Inside(), token="t"))):
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"
        # With no-referrer the browser would post the form with an Origin of null.
        assert answer.headers["referrer-policy"] == "same-origin"


def test_every_inline_script_of_the_page_is_found() -> None:
    page = "<SCRIPT nonce=x>\nif (a < b) {}\n</SCRIPT><script src='x'></script><script>c</script>"
    assert len(script_sources(page)) == 2
    streamlit = pytest.importorskip("streamlit")
    index = Path(streamlit.__file__).parent / "static" / "index.html"
    assert script_sources(index.read_text("utf-8"))


# How it is served


def flat(table: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, entry in table.items():
        if isinstance(entry, dict):
            found |= flat(entry, f"{prefix}{key}.")
        else:
            found[prefix + key] = tuple(entry) if isinstance(entry, list) else entry
    return found


def test_file_and_command_line_say_the_same() -> None:
    table = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text("utf-8"))
    from ragkit.config import AppSettings

    assert flat(table) == chat_options(AppSettings().max_upload_mb)
    flags = chat_flags(7)
    assert "--server.address=127.0.0.1" in flags
    assert "--server.maxUploadSize=7" in flags
    assert "--browser.gatherUsageStats=false" in flags
    assert flags.count("--server.allowedHosts=localhost") == 1


def test_streamlit_knows_every_option() -> None:
    pytest.importorskip("streamlit")
    from streamlit import config

    for name in chat_options():
        assert name in config._config_options_template, name


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def faded(text: str, ground: str, share: float = 0.6) -> str:
    """Return the colour of text drawn at ``share`` of its strength, as captions are."""
    mixed = (
        round(share * int(text[i : i + 2], 16) + (1 - share) * int(ground[i : i + 2], 16))
        for i in (1, 3, 5)
    )
    return "#" + "".join(f"{part:02x}" for part in mixed)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_theme_is_readable(theme: str) -> None:
    colours = {
        name.rsplit(".", 1)[1]: str(colour)
        for name, colour in chat_options().items()
        if name.startswith(f"theme.{theme}.")
    }
    for ground in (colours["backgroundColor"], colours["secondaryBackgroundColor"]):
        for ink in ("textColor", "primaryColor", "linkColor"):
            assert contrast(colours[ink], ground) >= 4.5, (ink, ground)
        assert contrast(faded(colours["textColor"], ground), ground) >= 4.5


def test_fonts_are_local() -> None:
    for name in ("theme.font", "theme.codeFont"):
        fonts = str(chat_options()[name])
        assert "http" not in fonts
        assert ":" not in fonts  # Streamlit's way to write the address of a style sheet
        assert "CJK SC" in fonts
