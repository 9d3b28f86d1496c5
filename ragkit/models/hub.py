"""Where weights are on this machine. Nothing here touches the network."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["find_weights", "missing_weights", "searched_folders"]

_WEIGHTS = ("*.safetensors", "*.bin", "*.gguf", "openvino/*.bin", "onnx/*.onnx")


def find_weights(model: str, *, revision: str | None = None) -> Path | None:
    """Return the folder that holds ``model``'s configuration and weights, or None.

    ``model`` is a local folder or a hub name ``owner/name``. A hub name is looked for in the
    Hugging Face cache (its documented layout ``models--owner--name/snapshots/COMMIT``, see
    https://huggingface.co/docs/huggingface_hub/guides/manage-cache) and in ModelScope's. Without a
    ``revision`` the snapshot that ``main`` points to is preferred, else the newest.
    """
    if not model:
        return None
    local = Path(model).expanduser()
    if _is_complete(local):
        return local
    for folder in _candidates(model, revision):
        if _is_complete(folder):
            return folder
    return None


def searched_folders(model: str) -> tuple[Path, ...]:
    """Return the folders in which ``find_weights`` looks, for messages that say where."""
    local = (Path(model).expanduser(),) if model.startswith((".", "/", "~")) else ()
    return (*local, _huggingface_cache() / _repository(model), _modelscope_cache() / model)


def missing_weights(model: str, *, preset: str | None = None) -> str:
    """Return the words for weights that are not on this machine: where they were looked for, and
    the command that gets them (for ``preset``, where one is known).
    """
    places = ", ".join(str(place) for place in searched_folders(model))
    return (
        f"No weights for '{model}' on this machine (looked in {places}). "
        f"Get them: ragkit download {preset or model} (mirror: --endpoint URL), "
        "or ask without a model: --preset lite."
    )


def _candidates(model: str, revision: str | None) -> list[Path]:
    repository = _huggingface_cache() / _repository(model)
    snapshots = repository / "snapshots"
    wanted = revision or "main"
    found = [snapshots / wanted]
    reference = repository / "refs" / wanted
    if reference.is_file():
        found.insert(0, snapshots / reference.read_text("utf-8").strip())
    if revision is None and snapshots.is_dir():
        found += sorted(snapshots.iterdir(), key=lambda p: p.stat().st_mtime, reverse=True)
    root = _modelscope_cache()
    return [*found, root / model, root / model.replace(".", "___"), root.parent / model]


def _is_complete(folder: Path) -> bool:
    return (folder / "config.json").is_file() and any(
        next(folder.glob(pattern), None) is not None for pattern in _WEIGHTS
    )


def _repository(model: str) -> str:
    return "models--" + model.replace("/", "--")


def _huggingface_cache() -> Path:
    home = os.environ.get("HF_HOME") or Path(
        os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "huggingface"
    )
    return Path(os.environ.get("HF_HUB_CACHE") or Path(home, "hub")).expanduser()


def _modelscope_cache() -> Path:
    default = Path.home() / ".cache" / "modelscope" / "hub"
    return Path(os.environ.get("MODELSCOPE_CACHE") or default).expanduser() / "models"
