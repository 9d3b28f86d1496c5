"""What went wrong between this machine and a hub, in words, for both hubs' libraries."""

# mypy: disable-error-code="import-not-found"
# (both libraries may be absent.)

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from ragkit.models.fetch.remote_files import Hub, HubUnreachable, Status

__all__ = ["is_home", "retries_in_words", "unreachable"]

_HOMES = {
    "hf": ("huggingface.co", "hf.co"),
    "modelscope": ("modelscope.cn", "www.modelscope.cn", "modelscope.ai", "www.modelscope.ai"),
}
_RETRY = re.compile(r"retry|resume|thrown while requesting", re.I)
_TELLING = re.compile(
    r"Name or service not known|Temporary failure in name resolution|nodename nor servname[^'\"]*"
    r"|Connection refused|Connection reset|Network is unreachable|No route to host"
    r"|certificate verify failed|timed out|Proxy[\w ]*|disconnected"
    r"|no answer within [\d.]+ seconds",
    re.I,
)


def is_home(address: str, hub: Hub) -> bool:
    """Return whether ``address`` is the hub itself, to which a login token may go."""
    parts = urlsplit(address)
    return parts.scheme == "https" and parts.hostname in _HOMES[hub]


def unreachable(address: str, error: BaseException, *, hub: Hub) -> HubUnreachable:
    """Return the error for a hub that does not answer: which, why, and what else to try."""
    text = " ".join(str(part) for part in _chain(error))
    found = _TELLING.search(text)
    reason = found[0] if found else str(error).partition("\n")[0] or type(error).__name__
    other = "--from modelscope" if hub == "hf" else "--from hf"
    proxy = _proxy(address)
    through = f" through the proxy {proxy}" if proxy else ""
    setting = "correct HTTPS_PROXY" if proxy else "set HTTPS_PROXY where there is a proxy"
    return HubUnreachable(
        f"{address} cannot be reached{through} ({reason.strip()}). "
        f"Try a mirror (--endpoint URL) or {other}, or {setting}."
    )


def _proxy(address: str) -> str | None:
    """Return the proxy that the environment names for ``address``, without its password."""
    parts = urlsplit(address)
    if proxy_bypass(parts.hostname or ""):
        return None
    proxies = getproxies()
    found = proxies.get(parts.scheme) or proxies.get("all")
    return found.rpartition("@")[2] if found else None


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        current = current.__cause__ or current.__context__


@contextmanager
def retries_in_words(logger_name: str, status: Status | None) -> Iterator[None]:
    """Say on ``status`` that a library takes up a lost connection; its own log stays quiet.

    The libraries log each retry with the whole address, and warnings that are not for the user.
    """

    class Translator(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if status and _RETRY.search(record.getMessage()):
                status("The connection was lost; taking it up again where it broke …")

    logger = logging.getLogger(logger_name)
    before = logger.handlers, logger.propagate
    logger.handlers, logger.propagate = [Translator(logging.WARNING)], False
    try:
        yield
    finally:
        logger.handlers, logger.propagate = before
