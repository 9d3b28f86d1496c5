"""What stands before the chat: who may come in, which browser it is, what its pages may load.

Plain ASGI middleware without Streamlit. In this order it refuses

- a host that is not this machine's or an allowed one, and a foreign ``Origin``: a web page of
  another site cannot reach the chat through a name that resolves to 127.0.0.1 (DNS rebinding);
- whoever has not given the token, where there is one;

then it gives every browser an unguessable name, to which its chats belong, and adds the headers
that keep the page from loading anything from elsewhere.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import ipaddress
import re
import secrets
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from ragkit.gate_page import (
    PAGE_POLICY,
    content_policy,
    refused_page,
    script_sources,
    security_headers,
    token_page,
)

__all__ = ["BROWSER_COOKIE", "Gate"]

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

BROWSER_COOKIE = "ragkit_browser"
_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
_HOST = re.compile(r"(?P<name>\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::(?P<port>\d{1,5}))?")
_BROWSER = re.compile(r"[A-Za-z0-9_-]{22}")  # 128 bits
_YEAR = 365 * 24 * 3600
_FORM = "application/x-www-form-urlencoded"
_FORM_BYTES = 8192
_WAITING = 8  # tokens tried at once


@dataclass(frozen=True, slots=True)
class _Visit:
    """What the gate reads of a request or a websocket's handshake."""

    method: str  # "" for a websocket
    path: str
    query: str
    headers: dict[str, str]
    cookies: dict[str, str]
    host: str
    name: str  # the host without its port, "" where it cannot be read
    port: str
    secure: bool
    local: bool

    @property
    def crossing(self) -> bool:
        """Whether a link or form of another site led here, so that Strict cookies are absent."""
        return self.headers.get("sec-fetch-site") == "cross-site"

    @property
    def page(self) -> bool:
        """Whether the browser asks for a page to show."""
        wanted = self.headers.get("sec-fetch-dest")
        if wanted is None:
            return self.method == "GET" and "text/html" in self.headers.get("accept", "")
        return self.method == "GET" and wanted == "document"


class Gate:
    """ASGI middleware around the chat.

    ``token``: what a visitor has to give, None for no such question. ``hosts``: names besides the
    loopback's at which the chat may be reached, ``*.example.org`` for those below one. ``page``:
    the HTML that the app serves; its inline scripts are the only ones allowed. A wrong token
    holds up the next try by ``wrong_token_seconds``.

    With neither token nor hosts only connections of this machine are let in, whatever the server
    listens on.
    """

    def __init__(
        self,
        app: App,
        *,
        token: str | None = None,
        hosts: Iterable[str] = (),
        page: str = "",
        wrong_token_seconds: float = 1.0,
    ) -> None:
        self._app = app
        self._token = _digest(token) if token else None
        # Not the token, and slow to guess it from: a cookie reaches every port of the host.
        self._key = (
            hashlib.pbkdf2_hmac("sha256", token.encode(), b"ragkit chat", 200_000).hex()
            if token
            else ""
        )
        self._hosts = tuple(h.lower() for h in hosts if h.lower() not in _LOOPBACK)
        self._scripts = script_sources(page)
        self._pause = wrong_token_seconds
        self._trying = asyncio.Semaphore(1)
        self._waiting = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the visit through to the app, or answer it here."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        visit = _read(scope)
        language = visit.headers.get("accept-language", "")
        if self._is_foreign(visit):
            await _answer(scope, send, 403, refused_page(language))
        elif self._token is None:
            await self._admit(visit, scope, receive, send)
        else:
            given = await _given_token(visit, receive)
            if given is not None:
                await self._try(given, visit, scope, send)
            elif self._holds_key(visit):
                await self._admit(visit, scope, receive, send)
            else:
                again = visit.page and visit.crossing
                await _answer(scope, send, 401, token_page(language, again=again))

    def _is_foreign(self, visit: _Visit) -> bool:
        if not (visit.local or self._hosts or self._token):
            return True
        below = (h[1:] for h in self._hosts if h.startswith("*."))
        known = visit.name in _LOOPBACK or visit.name in self._hosts
        if not known and not any(visit.name.endswith(end) for end in below):
            return True
        origin = visit.headers.get("origin")
        # Browsers send it with every websocket and every request that changes something.
        return bool(
            origin is not None
            and visit.method not in ("GET", "HEAD")
            and urlsplit(origin).netloc.lower() != visit.host
        )

    def _holds_key(self, visit: _Visit) -> bool:
        shown = visit.cookies.get(_key_cookie(visit), "").encode("latin-1")
        return hmac.compare_digest(shown, self._key.encode())

    async def _try(self, given: str, visit: _Visit, scope: Scope, send: Send) -> None:
        """Answer a visitor who gives a token: by the way in, or by the question again."""
        language = visit.headers.get("accept-language", "")
        if self._waiting >= _WAITING:
            await _answer(scope, send, 429, token_page(language, problem="many"))
            return
        self._waiting += 1
        try:
            # One after the other, so that many connections guess no faster than one.
            async with self._trying:
                right = hmac.compare_digest(_digest(given), self._token or b"")
                if not right:
                    await asyncio.sleep(self._pause)
        finally:
            self._waiting -= 1
        if not right:
            await _answer(scope, send, 401, token_page(language, problem="wrong"))
            return
        # Back to the address without the token, so that no history or link keeps it.
        cookie = _cookie(_key_cookie(visit), self._key, visit)
        headers = [(b"location", _clean_address(visit)), (b"set-cookie", cookie)]
        await _answer(scope, send, 303, b"", headers)

    async def _admit(self, visit: _Visit, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the visit on with the browser's name, and add the headers to the answer."""
        name, to_set = visit.cookies.get(BROWSER_COOKIE, ""), _begins(visit)
        if not _BROWSER.fullmatch(name):
            name = secrets.token_urlsafe(16)
            # A page without the cookie has a name for as long as it is open.
            to_set = to_set or scope["type"] == "websocket"
        policy = content_policy(visit.host, self._scripts)

        async def guarded(message: Message) -> None:
            if message["type"] in ("http.response.start", "websocket.accept"):
                headers = list(message.get("headers", ()))
                if to_set:
                    headers.append((b"set-cookie", _cookie(BROWSER_COOKIE, name, visit, _YEAR)))
                if message["type"] == "http.response.start":
                    present = frozenset(key.lower() for key, _ in headers)
                    headers += security_headers(visit.path, policy, present)
                message["headers"] = headers
            await send(message)

        kept = {k: v for k, v in visit.cookies.items() if not k.startswith("ragkit_")}
        own = "; ".join(f"{k}={v}" for k, v in (*kept.items(), (BROWSER_COOKIE, name)))
        headers = [(k, v) for k, v in scope["headers"] if k != b"cookie"]
        inner = {**scope, "headers": [*headers, (b"cookie", own.encode("latin-1"))]}
        await self._app(inner, receive, guarded)


def _read(scope: Scope) -> _Visit:
    headers = {k.decode("latin-1").lower(): v.decode("latin-1") for k, v in scope["headers"]}
    cookies: dict[str, str] = {}
    for pair in headers.get("cookie", "").split(";"):
        key, equals, value = pair.strip().partition("=")
        if equals:
            cookies[key] = value
    host = headers.get("host", "").lower()
    found = _HOST.fullmatch(host)
    client = scope.get("client")
    return _Visit(
        method=scope.get("method", ""),
        path=scope["path"],
        query=scope.get("query_string", b"").decode("latin-1"),
        headers=headers,
        cookies=cookies,
        host=host,
        name=found["name"] if found else "",
        port=(found["port"] if found else None) or "",
        secure=scope.get("scheme") in ("https", "wss"),
        local=client is None or _is_loopback(client[0]),
    )


def _is_loopback(address: str) -> bool:
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False  # a name: from a proxy's header, not from a socket
    mapped = getattr(found, "ipv4_mapped", None)
    return bool((mapped or found).is_loopback)


def _begins(visit: _Visit) -> bool:
    """Whether the answer may name the browser.

    Only a page, and the health check that precedes the websocket: of the many requests that a
    first page makes at once each would bring another name. Not a page that another site's link
    led to: the browser keeps its cookie back then and would lose the name it has.
    """
    if visit.path.endswith("/_stcore/health"):
        return BROWSER_COOKIE not in visit.cookies
    if "sec-fetch-site" not in visit.headers:
        referer = visit.headers.get("referer", "")
        return visit.page and (not referer or urlsplit(referer).netloc.lower() == visit.host)
    return visit.page and not visit.crossing


async def _given_token(visit: _Visit, receive: Receive) -> str | None:
    """Return the token of the address or the form, None where there is none."""
    if visit.method == "GET":
        return dict(parse_qsl(visit.query, keep_blank_values=True)).get("token")
    is_form = visit.headers.get("content-type", "").partition(";")[0].strip() == _FORM
    if visit.method != "POST" or not is_form or "/_stcore/" in visit.path:
        return None
    body, more = b"", True
    while more and len(body) <= _FORM_BYTES:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return dict(parse_qsl(body[:_FORM_BYTES].decode("utf-8", "replace"))).get("token", "")


def _clean_address(visit: _Visit) -> bytes:
    """Return the visit's path and query without the token; never another host's address."""
    left = [(k, v) for k, v in parse_qsl(visit.query, keep_blank_values=True) if k != "token"]
    path = "/" + quote(visit.path).lstrip("/\\")
    return (path + ("?" + urlencode(left) if left else "")).encode("latin-1")


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.strip().encode("utf-8", "surrogateescape")).digest()


def _key_cookie(visit: _Visit) -> str:
    # By port: a host's cookies are shared by its ports, where another chat has another token.
    return f"ragkit_key_{visit.port or 'default'}"


def _cookie(name: str, value: str, visit: _Visit, seconds: int | None = None) -> bytes:
    age = f"; Max-Age={seconds}" if seconds else ""
    secure = "; Secure" if visit.secure else ""
    return f"{name}={value}; Path=/; HttpOnly; SameSite=Strict{age}{secure}".encode("latin-1")


async def _answer(
    scope: Scope,
    send: Send,
    status: int,
    page: bytes,
    headers: Iterable[tuple[bytes, bytes]] = (),
) -> None:
    """Answer with a page of the gate's own; a websocket is refused before it is accepted."""
    kind = "http.response"
    if scope["type"] == "websocket":
        if "websocket.http.response" not in scope.get("extensions", {}):
            await send({"type": "websocket.close", "code": 1008})
            return
        kind = "websocket.http.response"
    sent = [
        *headers,
        (b"content-type", b"text/html; charset=utf-8"),
        (b"content-length", str(len(page)).encode()),
        *security_headers(scope["path"], PAGE_POLICY, frozenset()),
    ]
    if status == 401:
        sent.append((b"www-authenticate", b'Token realm="ragkit"'))
    body = b"" if scope.get("method") == "HEAD" else page
    await send({"type": f"{kind}.start", "status": status, "headers": sent})
    await send({"type": f"{kind}.body", "body": body})
