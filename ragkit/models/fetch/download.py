"""Fetching weights: what it will take, whether it fits, and the download itself.

The transfers are done by huggingface_hub and modelscope_hub, ModelScope's own client.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from ragkit.errors import ConfigError, ModelUnavailable
from ragkit.models.fetch.remote_files import Hub, Plan, Progress, Status, size_in_words
from ragkit.models.hub import home_hub

__all__ = ["check_space", "choose_hub", "download_weights", "plan_download"]


def choose_hub(model: str, *, hub: Hub | None, endpoint: str | None) -> Hub:
    """Return the hub to fetch ``model`` from: the one asked for, else the one it is at home on.

    An ``endpoint`` without a ``hub`` is a mirror of the Hugging Face hub.
    """
    if hub is None and endpoint is None and home_hub(model) == "modelscope":
        return "modelscope"
    return hub or "hf"


def plan_download(
    model: str,
    *,
    hub: Hub | None = None,
    endpoint: str | None = None,
    revision: str | None = None,
    backend: str = "auto",
    send_token: bool = False,
) -> Plan:
    """Ask a hub what fetching ``model`` takes; answers or raises within 10 seconds without network.

    ``hub`` is by default the one that the model is at home on, ``endpoint`` its public address (or
    what HF_ENDPOINT and MODELSCOPE_ENDPOINT say). ``backend`` is the embedder's. A login token goes
    to the hub that gave it; to another address only with ``send_token``.

    Raises ConfigError for an address that is none and in offline mode, MissingExtra without the
    hub's library, HubUnreachable (a ModelUnavailable) where nothing answers, and ModelUnavailable
    for a model that is not there, is gated, or has no such revision.
    """
    chosen = choose_hub(model, hub=hub, endpoint=endpoint)
    variable = "HF_ENDPOINT" if chosen == "hf" else "MODELSCOPE_ENDPOINT"
    address = _checked(endpoint, "--endpoint") or _checked(os.environ.get(variable), variable)
    if chosen == "hf":
        from ragkit.models.fetch import from_huggingface

        return from_huggingface.plan(
            model, endpoint=address, revision=revision, backend=backend, send_token=send_token
        )
    from ragkit.models.fetch import from_modelscope

    return from_modelscope.plan(
        model, endpoint=address, revision=revision, backend=backend, send_token=send_token
    )


def check_space(plans: Sequence[Plan]) -> None:
    """Raise ModelUnavailable where a disk has less room than ``plans`` still need on it."""
    needed: dict[int, int] = {}
    place: dict[int, Path] = {}
    for plan in plans:
        existing = _existing(plan.folder)
        device = existing.stat().st_dev
        place[device] = existing
        needed[device] = needed.get(device, 0) + max(0, plan.size - plan.received)
    for device, size in needed.items():
        free = shutil.disk_usage(place[device]).free
        if size > free:
            raise ModelUnavailable(
                f"{size_in_words(size)} are still to fetch, and the disk of {place[device]} has "
                f"{size_in_words(free)} free. Make room, or move the cache: HF_HOME (Hugging Face) "
                "and MODELSCOPE_CACHE (ModelScope) name its folder."
            )


def download_weights(
    plan: Plan, *, progress: Progress | None = None, status: Status | None = None
) -> Path:
    """Fetch what ``plan`` lacks, check every file, and return the folder of the weights.

    A connection that drops is taken up again where it broke, a few times and with a line to
    ``status``; what came stays, and the next call goes on from there. Files whose size or checksum
    is not the hub's are deleted, and fetched once more where a part was there before.

    Raises ModelUnavailable; KeyboardInterrupt passes, keeping what came.
    """
    if plan.hub == "hf":
        from ragkit.models.fetch import from_huggingface

        return from_huggingface.fetch(plan, progress=progress, status=status)
    from ragkit.models.fetch import from_modelscope

    return from_modelscope.fetch(plan, progress=progress, status=status)


def _existing(folder: Path) -> Path:
    return next(p for p in (folder, *folder.absolute().parents) if p.is_dir())


def _checked(address: str | None, source: str) -> str | None:
    if not address:
        return None
    try:
        parts = urlsplit(address.strip())
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number
        valid = False
    if not valid:
        raise ConfigError(
            f"{source} = {address!r} is not the address of a hub. "
            "Give one like https://hf-mirror.com."
        )
    return address.strip().rstrip("/")
