"""What went wrong with a model server, in words.

Nothing here tells a key, and nothing sends one.
"""

from __future__ import annotations

import json
import os
import re
import socket
import ssl
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpx

__all__ = ["CONNECT_SECONDS", "Server", "explain", "explain_response", "is_dropped", "is_local"]

CONNECT_SECONDS = 5.0
_LONGEST_MESSAGE = 200  # characters of the server's own words
_WITHOUT = "To answer without a model: --preset lite."

# OpenAI's code and sentence (vLLM says the same), vLLM, llama.cpp, LM Studio, SGLang, Ollama, TGI.
_TOO_LONG = re.compile(
    r"context[_ ]length|context[_ ](window|size)|exceed_context|maximum model len"
    r"|prompt (is )?too long|inputs?`? tokens \+|max_model_len",
    re.IGNORECASE,
)
_WINDOW = re.compile(
    r"(?:context (?:length|size|window)|maximum model length)\D{0,25}(\d{3,})|\"n_ctx\": ?(\d{3,})",
    re.IGNORECASE,
)
_NO_SUCH_MODEL = re.compile(
    r"pinned to|(no such|unknown|invalid) model"
    r"|model.{0,120}(not found|not exist|not loaded|not available|unknown)",
    re.IGNORECASE | re.DOTALL,
)


@dataclass(frozen=True, kw_only=True)
class Server:
    """An OpenAI-compatible server and how it is asked; its key shows in no ``repr``.

    ``timeout`` is in seconds.
    """

    base_url: str
    api_key: str | None = field(default=None, repr=False)
    timeout: float = 300.0

    @property
    def host(self) -> str:
        """The host's name alone."""
        return urlsplit(self.base_url).hostname or ""

    def hide_key(self, text: str) -> str:
        """Return ``text`` without the key, should a server repeat it."""
        return text.replace(self.api_key, "…") if self.api_key else text


def is_local(host: str) -> bool:
    """Return whether ``host`` is this machine, by its name or a loopback address."""
    return (
        host == "localhost"
        or host.endswith(".localhost")
        or host.startswith("127.")
        or host in ("::1", "0.0.0.0")
    )


def is_dropped(error: BaseException) -> bool:
    """Return whether a connection that had been made was dropped, so that a second try makes sense.

    A server closes connections that were idle, and may do so just as one is used again.
    """
    dropped = (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError)
    return any(isinstance(cause, dropped) for cause in _causes(error))


def explain(
    error: BaseException, server: Server, *, model: str, models: Callable[[], Sequence[str]]
) -> str:
    """Say in up to three sentences what happened and what to do.

    ``error`` is httpx's or openai's; ``models`` is asked for the server's models only where
    ``model`` is unknown there.
    """
    response = getattr(error, "response", None)
    if isinstance(response, httpx.Response):
        return explain_response(response, server, model=model, models=models)
    for cause in _causes(error):
        if words := _connection(cause, server):
            return words
    if isinstance(error, json.JSONDecodeError):
        start = server.hide_key(_short(error.doc))
        return (
            f"The model server at {server.base_url} sent a line that is not JSON: {start!r}. "
            "Ask again; if it happens again, the server's log says more."
        )
    body = getattr(error, "body", None)  # an error that openai read within a stream
    message = _message(body) or str(error) or type(error).__name__
    if _TOO_LONG.search(message):
        return _too_long(message, server)
    return _failed(f"while answering: {server.hide_key(_short(message))}", server)


def explain_response(
    response: httpx.Response, server: Server, *, model: str, models: Callable[[], Sequence[str]]
) -> str:
    """Like ``explain``, for an answer that is no answer. Its body must have been read."""
    status, full = response.status_code, _message(_body(response)) or response.text
    message = server.hide_key(_short(full))
    if status < 400 and response.is_redirect:
        there = response.headers.get("location", "another address")
        return f"The model server at {server.base_url} sends on to {there}. Correct llm.base_url."
    if status in (401, 403):
        return _refused(status, message, server)
    if status < 500 and (_NO_SUCH_MODEL.search(full) or "model_not_found" in response.text):
        return _unknown_model(message, server, model, models())
    if status != 429 and _TOO_LONG.search(response.text):
        return _too_long(response.text, server)
    if "html" in response.headers.get("content-type", "") and status < 500:
        return f"{server.base_url} answers with a web page, not as a model server. {_path(server)}"
    if status in (404, 405):
        return f"There is no chat at {server.base_url} ({status}). {_path(server)}"
    if status == 429:
        wait = response.headers.get("retry-after", "")
        when = f"in {wait} s" if wait.isdigit() else "a little later"
        return (
            f"The server at {server.base_url} takes no more requests now (429). Ask again {when}."
        )
    if status >= 500:
        return _failed(f"({status}): {message}", server)
    said = f"({status}): {message}" if message else f"({status})"
    return f"The model server at {server.base_url} did not take the request {said}."


def _connection(cause: BaseException, server: Server) -> str | None:
    """Return words for a failed connection, None for another cause."""
    where = server.base_url
    if isinstance(cause, httpx.ProxyError):
        return (
            f"The proxy that this machine is set to use did not pass a request on to {where}: "
            f"{_short(str(cause))}. If it must not be used for it, name {server.host} in NO_PROXY."
        )
    if isinstance(cause, socket.gaierror):
        return f"No machine is called '{server.host}'. Correct llm.base_url ({where}). {_WITHOUT}"
    if isinstance(cause, ssl.SSLCertVerificationError):
        return (
            f"The certificate of {where} is not trusted here: {cause.verify_message}. "
            "Set SSL_CERT_FILE to a file with your organisation's certificates."
        )
    if isinstance(cause, ssl.SSLError):
        return (
            f"No encrypted connection to {where}: {cause.reason or cause}. "
            "If the server speaks plain http, begin llm.base_url with http://."
        )
    if isinstance(cause, httpx.ConnectTimeout):
        return f"{where} did not answer within {CONNECT_SECONDS:g} s. {_start(server)}"
    if isinstance(cause, httpx.TimeoutException):
        return (
            f"The model server at {where} sent nothing for {server.timeout:g} s. "
            "It may be busy or still loading: ask again, or raise llm.timeout."
        )
    if isinstance(cause, httpx.ConnectError):
        return f"No model server answers at {where}. {_start(server)}"
    if isinstance(cause, httpx.TransportError):
        return (
            f"The connection to the model server at {where} broke off. "
            "Ask again; if it happens again, the server's log says more."
        )
    return None


def _start(server: Server) -> str:
    if not is_local(server.host) and urllib.request.getproxies():
        return f"Start it, correct llm.base_url, or check the proxy (NO_PROXY). {_WITHOUT}"
    return (
        "Start it (such as: vllm serve MODEL, llama-server -m FILE, ollama serve), or correct "
        f"llm.base_url. {_WITHOUT}"
    )


def _refused(status: int, message: str, server: Server) -> str:
    if server.api_key:
        said = f": {message}" if message else ""
        return (
            f"The server at {server.base_url} does not accept the key in llm.api_key "
            f"({status}){said}. Correct RAGKIT_LLM__API_KEY."
        )
    words = (
        f"The server at {server.base_url} wants a key ({status}). Set RAGKIT_LLM__API_KEY to it."
    )
    if os.environ.get("OPENAI_API_KEY"):
        words += " OPENAI_API_KEY is never sent, since it may be for another service."
    return words


def _unknown_model(message: str, server: Server, model: str, names: Sequence[str]) -> str:
    others = [name for name in names if name != model]
    shown = ", ".join(others[:8]) + (", …" if len(others) > 8 else "")
    listed = f"It has: {shown}." if others else f"It says: {message}."
    return f"The server at {server.base_url} has no model '{model}'. {listed} Set llm.model."


def _too_long(message: str, server: Server) -> str:
    found = _WINDOW.search(message)
    window = f" ({found[1] or found[2]} tokens)" if found else ""
    return (
        f"The question with its sources is longer than the model at {server.base_url} reads"
        f"{window}. Set llm.context_window to what the server has, or take fewer sources (top_k)."
    )


def _failed(what: str, server: Server) -> str:
    if re.search(r"\bloading\b", what, re.IGNORECASE):
        return f"The server at {server.base_url} is still loading its model. Ask again in a minute."
    return f"The model server at {server.base_url} failed {what}. Its log says more."


def _path(server: Server) -> str:
    if server.base_url.endswith("/v1"):
        return "Correct llm.base_url, and see that the program there is a model server."
    return f"Correct llm.base_url: most servers want {server.base_url}/v1."


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield the root cause first: it says most."""
    chain: list[BaseException] = []
    while error is not None and error not in chain:
        chain.append(error)
        error = error.__cause__ or error.__context__
    yield from reversed(chain)


def _body(response: httpx.Response) -> Any:
    try:
        return response.json()
    except ValueError:
        return None


def _message(body: Any) -> str:
    """Return the server's own words: OpenAI's ``error.message``, or FastAPI's ``detail``."""
    if isinstance(body, dict):
        return next(
            (
                text
                for key in ("error", "message", "detail", "msg")
                if (text := _message(body.get(key)))
            ),
            "",
        )
    if isinstance(body, list):
        return _message(body[0]) if body else ""
    return body if isinstance(body, str) else ""


def _short(text: str) -> str:
    words = " ".join(text.split()).rstrip(".")
    return words if len(words) <= _LONGEST_MESSAGE else words[:_LONGEST_MESSAGE].rstrip() + "…"
