"""A language model behind a server that speaks OpenAI's protocol: vLLM, llama.cpp, Ollama, ….

Only the server at ``base_url`` is ever asked. Its key is given for it alone, by the setting
``llm.api_key`` (``RAGKIT_LLM__API_KEY``): the variables of other programs (``OPENAI_API_KEY``,
``OPENAI_ORG_ID``, …) hold secrets of another service, and sending them along unasked would tell
them to whoever runs this one.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ragkit.errors import ConfigError, MissingExtra

if TYPE_CHECKING:
    import httpx
    from llama_index.core.llms import LLM

    from ragkit.models.server.errors import Server

__all__ = ["CAREFUL_WINDOW", "load_openai_llm"]

CAREFUL_WINDOW = 4096
"""Tokens assumed where neither the settings nor the server tell: what Ollama cuts prompts to."""


def load_openai_llm(
    model: str,
    *,
    base_url: str | None,
    api_key: str | None = None,
    max_new_tokens: int = 512,
    temperature: float = 0.0,
    top_p: float = 1.0,
    seed: int | None = None,
    context_window: int | None = None,
    timeout: float = 300.0,
) -> LLM:
    """Return a chat LLM that asks the server at ``base_url``, such as http://127.0.0.1:8000/v1.

    ``model`` is a name that the server knows; "default" or "" takes the first one that it lists.
    ``context_window`` (tokens of prompt and answer) is asked of the server where it is None, else
    ``CAREFUL_WINDOW``. With both given nothing is sent before the first question. ``timeout`` is in
    seconds, for an answer and for any pause in it; a connection has 5 s. Requests to this machine
    never go through a proxy; others follow ``HTTP_PROXY``, ``HTTPS_PROXY`` and ``NO_PROXY``.

    Raises ConfigError for an address or key that cannot be used, MissingExtra without the packages,
    ModelUnavailable when the server cannot be reached, wants a key, or has no model. The LLM itself
    raises GenerationError only; see ``ServerLLM`` for what its streams hold.
    """
    address = _address(base_url)
    key = _key(api_key)
    try:
        from ragkit.models.server.server_llm import ServerLLM
    except ImportError:
        raise MissingExtra("A model behind a server", "openai") from None
    from ragkit.models.server.errors import Server
    from ragkit.models.server.info import ANY_MODEL, find_model

    server = Server(base_url=address, api_key=key, timeout=timeout)
    http = _open_http(server)
    if context_window is None or model in ANY_MODEL:
        found = find_model(http, server, model)
        model = found.name
        context_window = context_window or found.context_window or CAREFUL_WINDOW
    try:
        return ServerLLM.connect(
            server,
            http,
            model=model,
            context_window=context_window,
            max_new_tokens=max_new_tokens,
            temperature=temperature,
            top_p=top_p,
            seed=seed,
        )
    except ValueError as error:  # a model that OpenAI serves by another protocol only
        raise ConfigError(f"llm.model = '{model}' cannot be used: {error}") from error


def _address(base_url: str | None) -> str:
    """Return ``base_url`` without a slash at its end. Raises ConfigError, naming no password."""
    address = (base_url or "").strip().rstrip("/").removesuffix("/chat/completions")
    example = "such as http://127.0.0.1:8000/v1"
    if not address:
        raise ConfigError(f"llm.base_url is empty. Give the model server's address, {example}.")
    try:
        parts = urlsplit(address)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise ConfigError(f"llm.base_url is no address: {error}. Write it {example}.") from None
    if parts.username or parts.password:
        raise ConfigError(
            "llm.base_url has a user name or password in it. "
            "Leave them out, and give the key as RAGKIT_LLM__API_KEY."
        )
    if parts.scheme not in ("http", "https") or not host:
        raise ConfigError(f"llm.base_url = '{address}' is no web address. Write it {example}.")
    if parts.query or parts.fragment:
        raise ConfigError(f"llm.base_url = '{address}' has a ? or # in it. Write it {example}.")
    return address


def _key(api_key: str | None) -> str | None:
    key = (api_key or "").strip()
    if re.search(r"[^\x21-\x7e]", key):
        raise ConfigError(
            "llm.api_key has spaces, line breaks or letters that no key has. Copy it again."
        )
    return key or None


def _open_http(server: Server) -> httpx.Client:
    import httpx

    from ragkit.models.server.errors import CONNECT_SECONDS, is_local

    try:
        return httpx.Client(
            timeout=httpx.Timeout(server.timeout, connect=CONNECT_SECONDS),
            verify=httpx.create_ssl_context(),  # SSL_CERT_FILE counts for this machine too
            trust_env=not is_local(server.host),
        )
    except ImportError:
        raise ConfigError(
            "The proxy in ALL_PROXY is a SOCKS proxy, which needs a package that is not installed. "
            "Install socksio (pip install socksio), or put the server's name into NO_PROXY."
        ) from None
    except (ValueError, httpx.InvalidURL) as error:
        raise ConfigError(
            f"The proxy in HTTP_PROXY, HTTPS_PROXY or ALL_PROXY cannot be used: {error}."
        ) from None
    except OSError as error:
        raise ConfigError(f"SSL_CERT_FILE or SSL_CERT_DIR cannot be used: {error}.") from None
