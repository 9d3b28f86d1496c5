"""What a model server tells of itself: its models, and how much they read.

The one thing that all servers have is ``GET /v1/models``. How long a prompt may be is told
differently by each, if at all:

- vLLM and SGLang: ``max_model_len`` of the model in ``/v1/models``;
- llama.cpp: ``default_generation_settings.n_ctx`` of ``/props``, for one request;
- Ollama: ``context_length`` of a loaded model in ``/api/ps``, else ``num_ctx`` in ``/api/show``.
  The length that the model was trained for says nothing: Ollama cuts prompts to its own setting,
  4096 unless set, without a word (https://docs.ollama.com/context-length);
- LM Studio: ``loaded_context_length`` in ``/api/v0/models``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from ragkit.errors import ModelUnavailable
from ragkit.models.server.errors import CONNECT_SECONDS, Server, explain, explain_response

__all__ = ["ANY_MODEL", "ServedModel", "find_model", "list_models"]

ANY_MODEL = ("", "default")
_SECONDS = 3.0  # for a server that lists its models but is busy with the rest
_LIST_SECONDS = 10.0
_FIELDS = ("max_model_len", "loaded_context_length", "context_length", "context_window", "n_ctx")


@dataclass(frozen=True, slots=True)
class ServedModel:
    """A model's name on its server, and how many tokens it reads and writes, None if not told."""

    name: str
    context_window: int | None


def find_model(http: httpx.Client, server: Server, wanted: str) -> ServedModel:
    """Return the model ``wanted``, or for '' and 'default' the first that the server lists.

    A name that the server does not list is taken as it is: servers also know aliases. Raises
    ModelUnavailable where no server answers, it wants a key, or no model is named on either side.
    """
    entries = _entries(http, server, wanted)
    name = _choose(entries, server) if wanted in ANY_MODEL else wanted
    entry = next((e for e in entries if e["id"] in (name, f"{name}:latest")), {"id": name})
    window = _window(entry) or _window(entry.get("meta"))
    return ServedModel(name, window or next(_elsewhere(http, server, name), None))


def list_models(http: httpx.Client, server: Server) -> list[str]:
    """Return the names of the server's models, none where it does not tell."""
    try:
        return [entry["id"] for entry in _listed(_get(http, server, f"{server.base_url}/models"))]
    except httpx.HTTPError:
        return []


def _entries(http: httpx.Client, server: Server, wanted: str) -> list[dict[str, Any]]:
    try:
        response = _get(http, server, f"{server.base_url}/models", seconds=_LIST_SECONDS)
    except httpx.ReadTimeout as error:
        if wanted not in ANY_MODEL:  # a busy server: the question itself may wait longer
            return []
        raise ModelUnavailable(
            f"The model server at {server.base_url} did not list its models within "
            f"{_LIST_SECONDS:g} s. Ask again later, or set llm.model."
        ) from error
    except httpx.HTTPError as error:
        raise ModelUnavailable(explain(error, server, model=wanted, models=list)) from error
    if response.status_code == 401:
        raise ModelUnavailable(explain_response(response, server, model=wanted, models=list))
    entries = _listed(response)
    if not entries and wanted in ANY_MODEL and not (response.is_success and _json(response)):
        raise ModelUnavailable(explain_response(response, server, model=wanted, models=list))
    return entries


def _choose(entries: list[dict[str, Any]], server: Server) -> str:
    names: list[str] = [entry["id"] for entry in entries]
    if "default" in names:  # mistral.rs calls its model so
        return "default"
    answering = [name for name in names if "embed" not in name.lower()]
    if not answering:
        raise ModelUnavailable(
            f"The server at {server.base_url} names no model that answers. "
            "Load one there, or set llm.model to the name it was started with."
        )
    return answering[0]


def _elsewhere(http: httpx.Client, server: Server, name: str) -> Iterator[int]:
    """Yield what the places other than ``/v1/models`` say; each is optional."""
    root = server.base_url.removesuffix("/v1")
    try:
        props = _json(_get(http, server, f"{root}/props"))
        if window := _window(props.get("default_generation_settings")):
            yield window
        loaded = _json(_get(http, server, f"{root}/api/ps")).get("models")
        if isinstance(loaded, list):
            for entry in loaded:
                if isinstance(entry, dict) and entry.get("name") in (name, f"{name}:latest"):
                    yield from filter(None, [_window(entry)])
            asked = {"model": name}
            shown = _json(_get(http, server, f"{root}/api/show", payload=asked)).get("parameters")
            if found := re.search(r"^num_ctx\s+(\d+)", str(shown), re.MULTILINE):
                yield int(found[1])
        for entry in _listed(_get(http, server, f"{root}/api/v0/models")):
            if entry["id"] == name and (window := _number(entry.get("loaded_context_length"))):
                yield window
    except httpx.HTTPError:
        return


def _get(
    http: httpx.Client,
    server: Server,
    url: str,
    *,
    seconds: float | None = None,
    payload: Mapping[str, str] | None = None,
) -> httpx.Response:
    headers = {"Authorization": f"Bearer {server.api_key}"} if server.api_key else {}
    limit = httpx.Timeout(seconds or _SECONDS, connect=CONNECT_SECONDS)
    method = "GET" if payload is None else "POST"
    return http.request(method, url, headers=headers, json=payload, timeout=limit)


def _listed(response: httpx.Response) -> list[dict[str, Any]]:
    data = _json(response).get("data") if response.is_success else None
    if not isinstance(data, list):
        return []
    return [e for e in data if isinstance(e, dict) and isinstance(e.get("id"), str) and e["id"]]


def _json(response: httpx.Response) -> dict[str, Any]:
    try:
        body = response.json() if response.is_success else None
    except ValueError:
        body = None
    return body if isinstance(body, dict) else {}


def _window(table: Any) -> int | None:
    if not isinstance(table, dict):
        return None
    return next((n for field in _FIELDS if (n := _number(table.get(field)))), None)


def _number(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None
