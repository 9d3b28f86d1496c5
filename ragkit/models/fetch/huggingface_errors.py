"""What huggingface_hub raises, in words."""

# mypy: disable-error-code="import-not-found"
# (huggingface_hub may be absent.)

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ragkit.errors import ConfigError, ModelUnavailable
from ragkit.models.fetch.hub_words import is_home, unreachable

__all__ = ["explained", "wrong_file"]

_HOME = "https://huggingface.co"


def wrong_file(address: str, path: str, why: str) -> ModelUnavailable:
    """Return the error for a file that came whole and is not the one that was announced."""
    return ModelUnavailable(
        f"{address} sent a wrong {path}: {why}. It was deleted. "
        "Run the command again, or take another source (--endpoint URL, --from modelscope)."
    )


@contextmanager
def explained(address: str, name: str, revision: str | None, *, token: bool) -> Iterator[None]:
    """Turn what the library raises into ModelUnavailable; ``token``: whether one was sent."""
    from huggingface_hub import errors

    try:
        yield
    except errors.GatedRepoError as error:
        raise _refused(
            name, address, token, "its owner asks for a licence to be accepted"
        ) from error
    except errors.RevisionNotFoundError as error:
        raise ModelUnavailable(
            f"'{name}' on {address} has no revision {revision!r}. "
            "Correct the setting revision, or leave it out for the newest."
        ) from error
    except errors.HfHubHTTPError as error:
        raise _http_error(error, name, address, token) from error
    except ModelUnavailable:
        raise
    except errors.LocalEntryNotFoundError as error:
        cause = error.__cause__
        if isinstance(cause, errors.HfHubHTTPError):
            raise _http_error(cause, name, address, token) from error
        raise unreachable(address, cause or error, hub="hf") from error
    except errors.FileMetadataError as error:
        raise _no_hub(address, str(error)) from error
    except (TimeoutError, _network_error()) as error:
        raise unreachable(address, error, hub="hf") from error
    except OSError as error:
        if error.errno is None:
            reason = str(error).partition("\n")[0]
            raise ModelUnavailable(f"{address} sent what does not fit: {reason}") from error
        raise ModelUnavailable(
            f"The weights cannot be written: {error.strerror}: '{error.filename}'. Correct that, "
            "or set HF_HOME to a folder that can be written."
        ) from error
    except (ValueError, TypeError, KeyError, AssertionError, AttributeError) as error:
        if "proxy" in str(error).lower():
            raise ConfigError(
                f"The proxy that the environment names cannot be used: {error}. "
                "Correct or unset HTTPS_PROXY, HTTP_PROXY and ALL_PROXY."
            ) from error
        raise _no_hub(address, str(error)) from error


def _http_error(error: Any, name: str, address: str, token: bool) -> ModelUnavailable:
    code = error.response.status_code
    if code in (401, 403):
        return _refused(name, address, token, f"HTTP {code}: missing, private or gated")
    if code == 404:
        return ModelUnavailable(
            f"There is no '{name}' on {address}, or a file of it is missing (HTTP 404). "
            "Check the name, or take another source: --endpoint URL, --from modelscope."
        )
    return ModelUnavailable(
        f"{address} answers HTTP {code} for '{name}'. "
        "Try again later, or take another source: --endpoint URL, --from modelscope."
    )


def _refused(name: str, address: str, token: bool, why: str) -> ModelUnavailable:
    if is_home(address, "hf") or token:
        what = f"Check the name, accept the licence on {_HOME}/{name}, and log in: hf auth login."
    else:
        what = (
            f"Check the name. For a gated model accept the licence on {_HOME}/{name}, log in with "
            "hf auth login, and add --send-token: tokens go to no other address by themselves."
        )
    return ModelUnavailable(f"{address} does not give '{name}' ({why}). {what}")


def _no_hub(address: str, reason: str) -> ModelUnavailable:
    return ModelUnavailable(
        f"{address} answers, but not as a Hugging Face hub does ({reason.partition(chr(10))[0]}). "
        "Check the address (--endpoint or HF_ENDPOINT), and whether the network asks for a login."
    )


def _network_error() -> type[Exception]:
    """Return the base of what the library's HTTP client raises; versions differ in the client."""
    from huggingface_hub.errors import HfHubHTTPError

    client = sys.modules[HfHubHTTPError.__bases__[0].__module__.partition(".")[0]]
    found: type[Exception] = getattr(client, "TransportError", OSError)
    return found
