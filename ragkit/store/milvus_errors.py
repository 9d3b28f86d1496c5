"""What Milvus, its client and gRPC say, in words."""

from __future__ import annotations

import functools
import logging
import os

__all__ = ["explain", "quiet"]

_LOGGERS = ("pymilvus", "pymilvus.milvus_client", "pymilvus.bulk_writer", "milvus_lite", "grpc")
_REFUSED = ("UNAUTHENTICATED", "PERMISSION_DENIED")


def explain(error: Exception, where: str, *, seconds: int) -> str:
    """Return what happened and what to do about it.

    ``where`` is the server's URL or Milvus Lite's folder, ``seconds`` what a request may take.
    """
    name, said = f"Milvus at {where}", _said(error)
    if _is_status(error, *_REFUSED) or "auth check" in said:
        return f"{name} refuses the token. Set RAGKIT_STORE__TOKEN to its token or user:password."
    if "http1.x" in said or _is_status(error, "UNIMPLEMENTED"):
        return f"{name} does not answer as Milvus does. Give the port of its gRPC, 19530 for most."
    if _is_status(error, "UNAVAILABLE"):
        return f"{name} cannot be reached: {said}. Start it, or correct store.uri."
    if _is_status(error, "DEADLINE_EXCEEDED"):
        return f"{name} did not answer within {seconds} s. Look at its log, and try again."
    if "No space left" in said or ("quota" in said and "disk" in said):
        return f"{name} has no room on its disk. Make room, and index again: nothing is lost."
    if "://" in where:
        return f"{name} fails: {said}. Look at its log, and try again."
    return (
        f"{name} fails: {said}. If the folder is damaged, delete it and make it again: "
        "ragkit index (nothing is embedded again)."
    )


@functools.cache
def quiet() -> None:
    """Keep what pymilvus, Milvus Lite and gRPC log from the terminal: each failure is raised too.

    Done once, so that handlers which the program adds later stay.
    """
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    import pymilvus  # noqa: F401  # which gives its loggers handlers when it is imported

    for name in _LOGGERS:
        logger = logging.getLogger(name)
        for handler in [h for h in logger.handlers if type(h) is logging.StreamHandler]:
            logger.removeHandler(handler)
        logger.addHandler(logging.NullHandler())  # else Python's last resort prints


def _chain(error: BaseException) -> list[BaseException]:
    """Return ``error`` and what it came from; pymilvus raises errors from themselves."""
    chain: list[BaseException] = []
    origin: BaseException | None = error
    while origin is not None and origin not in chain:
        chain.append(origin)
        before = (origin.__cause__, origin.__context__)
        origin = next((one for one in before if one is not None and one not in chain), None)
    return chain


def _is_status(error: BaseException, *names: str) -> bool:
    """Whether ``error``, or what it came from, is one of these states of gRPC."""
    for one in _chain(error):
        code = getattr(one, "code", None)
        if getattr(code() if callable(code) else code, "name", None) in names:
            return True
    return False


def _said(error: Exception) -> str:
    """Return the first line of what is behind ``error``."""
    deepest = _chain(error)[-1]
    details = getattr(deepest, "details", None)
    text = details() if callable(details) else getattr(deepest, "message", None) or str(deepest)
    lines = str(text).strip().splitlines()
    return (lines[0] if lines else type(deepest).__name__)[:200].rstrip(".")
