"""What the gate of the chat says, as pages, and the headers that every answer carries.

The pages are whole in themselves: they load nothing, run nothing, and read in Chinese or English
by the browser's ``Accept-Language``.
"""

from __future__ import annotations

import base64
import hashlib
import html
import re
from collections.abc import Sequence

__all__ = [
    "PAGE_POLICY",
    "content_policy",
    "refused_page",
    "script_sources",
    "security_headers",
    "token_page",
]

# Of the gate's own pages: their style, and their form.
PAGE_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
# Of files that a document or a visitor brought: shown or saved, never run.
_MEDIA_POLICY = "default-src 'none'; img-src 'self' data:; style-src 'unsafe-inline'; sandbox"
_INLINE = re.compile(r"<script(?P<attributes>[^>]*)>(?P<code>.*?)</script>", re.DOTALL | re.I)

_WORDS = {
    "en": {
        "title": "This chat asks for a token",
        "why": "Whoever started the chat set one, and it keeps the documents to those who know it.",
        "label": "Token",
        "open": "Open the chat",
        "wrong": "That is not the token. Check it and try again.",
        "many": "Too many are trying at once. Wait a few seconds, then try again.",
        "refused": "This chat is not served at this address",
        "how": "Open it at http://127.0.0.1 on the machine that runs it, or through an SSH tunnel. "
        "Another host name has to be allowed: server.allowedHosts.",
    },
    "zh": {
        "title": "需要访问令牌",
        "why": "启动聊天的人设置了令牌，只有知道令牌的人才能查看文档。",
        "label": "令牌",
        "open": "进入聊天",
        "wrong": "令牌不正确，请检查后重试。",
        "many": "同时尝试的人太多，请等几秒钟再试。",
        "refused": "此地址不提供聊天服务",
        "how": "请在运行聊天的机器上打开 http://127.0.0.1，或通过 SSH 隧道访问。"
        "其他主机名须先加入 server.allowedHosts。",
    },
}
_STYLE = """
:root { color-scheme: light dark; --ink: #1d2523; --soft: #4d5a57; --line: #8a9894;
  --ground: #ffffff; --accent: #0b6b63; --on: #ffffff; --bad: #a3241b; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4eae8; --soft: #b3bfbb; --line: #6f7d79;
  --ground: #151a19; --accent: #3cc9bb; --on: #0c1413; --bad: #ff9a8f; } }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; color: var(--ink);
  background: var(--ground); font: 1rem/1.6 system-ui, "Noto Sans", "PingFang SC",
  "Microsoft YaHei", "Noto Sans CJK SC", sans-serif; }
main { width: min(26rem, calc(100vw - 3rem)); }
h1 { font-size: 1.4rem; line-height: 1.3; margin: 0 0 .5rem; }
p { color: var(--soft); margin: 0 0 1.25rem; }
p[role=alert] { color: var(--bad); }
label { display: block; margin-bottom: .25rem; }
input, button { box-sizing: border-box; width: 100%; font: inherit; padding: .6rem .75rem;
  border-radius: .5rem; }
input { border: 1px solid var(--line); background: transparent; color: inherit; }
button { margin-top: 1rem; border: 0; background: var(--accent); color: var(--on);
  font-weight: 600; cursor: pointer; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
"""


def token_page(accept_language: str, *, problem: str = "", again: bool = False) -> bytes:
    """Return the page that asks for the token, in the browser's language.

    ``problem`` is ``""``, ``"wrong"`` or ``"many"``. With ``again`` the page asks once more by
    itself, since a browser that followed a link from another site kept its cookie back.
    """
    language = _language(accept_language)
    words = _WORDS[language]
    alert = f'<p role="alert">{html.escape(words[problem])}</p>' if problem else ""
    form = (
        f"{alert}"
        '<form method="post">'
        f'<label for="token">{words["label"]}</label>'
        '<input id="token" name="token" type="password" autocomplete="current-password" '
        'required autofocus maxlength="1000">'
        f'<button type="submit">{words["open"]}</button></form>'
    )
    return _page(language, words["title"], f"<p>{words['why']}</p>{form}", again=again)


def refused_page(accept_language: str) -> bytes:
    """Return the page for a host name at which the chat is not served."""
    language = _language(accept_language)
    words = _WORDS[language]
    return _page(language, words["refused"], f"<p>{html.escape(words['how'])}</p>")


def script_sources(page: str) -> tuple[str, ...]:
    """Return a CSP source ``'sha256-…'`` for each inline script of an HTML page, in order."""
    return tuple(
        f"'sha256-{base64.b64encode(hashlib.sha256(m['code'].encode()).digest()).decode()}'"
        for m in _INLINE.finditer(page)
        if "src=" not in m["attributes"].lower()
    )


def content_policy(host: str, scripts: Sequence[str]) -> str:
    """Return the Content-Security-Policy of the chat at ``host``, a name with its port.

    Everything comes from the chat's own server, so nothing that an answer holds can reach
    another. Styles are inline because Streamlit writes them so; no ``eval`` is allowed.
    """
    return "; ".join(
        (
            "default-src 'self'",
            f"script-src 'self' {' '.join(scripts)}".strip(),
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data: blob:",
            "font-src 'self' data:",
            "media-src 'self' blob:",
            # Spelled out: older browsers do not count a websocket as 'self'.
            f"connect-src 'self' ws://{host} wss://{host}",
            "worker-src 'self' blob:",
            "frame-src 'self'",
            "object-src 'none'",
            "base-uri 'self'",
            "form-action 'self'",
            "frame-ancestors 'none'",
        )
    )


def security_headers(
    path: str, policy: str, present: frozenset[bytes]
) -> list[tuple[bytes, bytes]]:
    """Return the headers for the answer to ``path``; ``present`` are names that it has."""
    media = path.startswith("/media/")
    headers = {
        b"content-security-policy": (_MEDIA_POLICY if media else policy).encode("latin-1"),
        b"x-content-type-options": b"nosniff",
        # The hosts of an answer's links are not looked up before they are clicked.
        b"x-dns-prefetch-control": b"off",
        # The gate's form needs its Origin, which goes with the referrer, and only to itself.
        b"referrer-policy": b"same-origin" if policy is PAGE_POLICY else b"no-referrer",
        # No other site may draw on what is served here, not even as a picture.
        b"cross-origin-resource-policy": b"same-origin",
    }
    if b"cache-control" not in present and not path.startswith("/static/"):
        # Documents and answers do not stay behind in the browser's cache.
        headers[b"cache-control"] = b"no-store"
    return list(headers.items())


def _language(accept_language: str) -> str:
    """Return the page's language for an ``Accept-Language`` header: its best of zh and en."""
    best, quality = "en", 0.0
    for entry in accept_language.lower().split(","):
        tag, _, rest = entry.strip().partition(";")
        code = tag.split("-")[0]
        try:
            wanted = float(rest.partition("=")[2]) if rest else 1.0
        except ValueError:
            continue
        if code in _WORDS and wanted > quality:
            best, quality = code, wanted
    return best


def _page(language: str, title: str, body: str, *, again: bool = False) -> bytes:
    refresh = '<meta http-equiv="refresh" content="0">' if again else ""
    return (
        f'<!doctype html><html lang="{language}"><head><meta charset="utf-8">{refresh}'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{html.escape(title)}</title><style>{_STYLE}</style></head>"
        f"<body><main><h1>{html.escape(title)}</h1>{body}</main></body></html>"
    ).encode()
