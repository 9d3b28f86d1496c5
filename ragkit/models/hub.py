"""Where weights are on this machine, and what to do without them. Never touches the network."""

from __future__ import annotations

import getpass
import json
import os
import re
import socket
from collections.abc import Iterator
from pathlib import Path

__all__ = [
    "copy_lines",
    "find_weights",
    "home_hub",
    "huggingface_cache",
    "huggingface_name",
    "missing_weights",
    "modelscope_cache",
    "modelscope_name",
    "searched_folders",
]

_WEIGHTS = ("*.safetensors", "*.bin", "*.gguf", "openvino/*.bin", "onnx/*.onnx")
# What transformers reads a vocabulary from; GGUF has its own inside.
_VOCABULARIES = ("tokenizer.json", "tekken.json", "*vocab*", "*.model", "*.tiktoken", "*.spm",
                 "*.gguf")  # fmt: skip
_SHARD = re.compile(r"-\d{5}-of-(\d{5})(\.\w+)$")

# Models that have another name on ModelScope. Where both hubs use one name (as for
# sentence-transformers/paraphrase-multilingual-MiniLM-L12-v2 and BAAI/bge-large-en-v1.5) there is
# no line. From the models' pages, https://modelscope.cn/models/NAME.
_ON_MODELSCOPE = {
    "internlm/internlm2-chat-1_8b": "Shanghai_AI_Laboratory/internlm2-chat-1_8b",
    "internlm/internlm2-chat-1_8b-sft": "Shanghai_AI_Laboratory/internlm2-chat-1_8b-sft",
    "internlm/internlm2-chat-7b": "Shanghai_AI_Laboratory/internlm2-chat-7b",
    "internlm/internlm2_5-1_8b-chat": "Shanghai_AI_Laboratory/internlm2_5-1_8b-chat",
    "internlm/internlm2_5-7b-chat": "Shanghai_AI_Laboratory/internlm2_5-7b-chat",
    "meta-llama/Llama-3.1-8B-Instruct": "LLM-Research/Meta-Llama-3.1-8B-Instruct",
    "moka-ai/m3e-large": "AI-ModelScope/m3e-large",
    "Qwen/Qwen2-0.5B-Instruct": "qwen/Qwen2-0.5B-Instruct",
}
_ON_HUGGINGFACE = {there: here for here, there in _ON_MODELSCOPE.items()}


def modelscope_name(model: str) -> str:
    """Return the name of ``model`` on ModelScope."""
    return _ON_MODELSCOPE.get(model, model)


def huggingface_name(model: str) -> str:
    """Return the name of ``model`` on the Hugging Face hub."""
    return _ON_HUGGINGFACE.get(model, model)


def home_hub(model: str) -> str:
    """Return ``modelscope`` for a name that only ModelScope uses, else ``hf``."""
    return "modelscope" if model in _ON_HUGGINGFACE else "hf"


def find_weights(model: str, *, revision: str | None = None) -> Path | None:
    """Return the folder that holds ``model``'s configuration and all its weights, or None.

    In a cache the vocabulary must be there as well, else the model is to be downloaded still; of
    a folder of one's own, loading says what its tokenizer lacks.

    ``model`` is a local folder or a hub name ``owner/name``, under which, and under the name that
    the other hub gives it, both caches are searched: Hugging Face's (layout
    ``models--owner--name/snapshots/COMMIT``, see
    https://huggingface.co/docs/huggingface_hub/guides/manage-cache) and ModelScope's (from 1.38 on
    ``models/owner--name/snapshots/REVISION``; before, ``models/owner/name`` with dots as ``___``).
    Without a ``revision`` the snapshot of ``main`` or ``master`` is preferred, else the newest. A
    folder that does not name its revision never counts as a particular one.
    """
    if not model:
        return None
    local = Path(model).expanduser()
    if _is_complete(local):
        return local
    for folder in _candidates(model, revision):
        if _is_complete(folder) and _has_vocabulary(folder):
            return folder
    return None


def searched_folders(model: str) -> tuple[Path, ...]:
    """Return the folders in which ``find_weights`` looks, for messages that say where."""
    if _is_path(model):
        return (Path(model).expanduser(),)
    there = modelscope_name(model)
    return (
        huggingface_cache() / _repository(huggingface_name(model)),
        modelscope_cache() / "models" / there.replace("/", "--"),
    )


def missing_weights(model: str, *, preset: str | None = None, revision: str | None = None) -> str:
    """Return the message for weights that are not here: where was looked, and what to do.

    It has the command for this machine and those for a machine without network. ``preset`` is the
    one that wants ``model``, where there is one.
    """
    places = ", ".join(str(folder) for folder in searched_folders(model))
    if _is_path(model):
        return (
            f"No weights in '{model}' (looked for config.json and all weight files in {places}). "
            "Correct the setting, or ask without a model: --preset lite."
        )
    at = f" at revision {revision}" if revision else ""
    return (
        f"No weights for '{model}'{at} on this machine (looked in {places}). "
        f"Get them: ragkit download {preset or model} (mirror: --endpoint URL), "
        f"or ask without a model: --preset lite. {copy_lines(model)}"
    )


def copy_lines(*models: str, hub: str = "hf", command: str | None = None) -> str:
    """Return the commands that fetch ``models`` on another machine and copy them to this one."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):  # no such user: a container with a bare number
        user = "USER"
    source = " --from modelscope" if hub == "modelscope" else ""
    lines = ["Without network here, run on a machine that has it:"]
    lines += [command] if command else [f"ragkit download {model}{source}" for model in models]
    for model in models:
        if hub == "modelscope":
            name = Path("models", modelscope_name(model).replace("/", "--"))
            there, here = Path("~/.cache/modelscope") / name, modelscope_cache() / name
        else:
            name = Path(_repository(huggingface_name(model)))
            there, here = Path("~/.cache/huggingface/hub") / name, huggingface_cache() / name
        lines.append(f"rsync -a --mkpath {there}/ {user}@{socket.gethostname()}:{here}/")
    return "\n    ".join(lines)


def huggingface_cache() -> Path:
    """Return the folder of Hugging Face's cache, by that library's own variables."""
    home = os.environ.get("HF_HOME") or Path(
        os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "huggingface"
    )
    named = os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE")
    return _expanded(named or Path(home, "hub"))


def modelscope_cache() -> Path:
    """Return the root of ModelScope's cache, by that library's own variable."""
    return _expanded(os.environ.get("MODELSCOPE_CACHE") or Path.home() / ".cache" / "modelscope")


def _expanded(path: str | Path) -> Path:
    return Path(os.path.expandvars(Path(path).expanduser()))


def _is_path(model: str) -> bool:
    return model.startswith((".", "/", "~")) or model.count("/") != 1


def _candidates(model: str, revision: str | None) -> Iterator[Path]:
    if _is_path(model):
        return
    names = dict.fromkeys((model, huggingface_name(model), modelscope_name(model)))
    root = modelscope_cache()
    for name in names:
        yield from _snapshots(huggingface_cache() / _repository(name), revision, branch="main")
        stored = root / "models" / name.replace("/", "--")
        yield from _snapshots(stored, revision, branch="master")
        if revision is None:
            owner, _, leaf = name.partition("/")
            for base in (root / "models", root / "hub" / "models", root, root / "hub"):
                yield base / owner / leaf.replace(".", "___")
                yield base / owner / leaf


def _snapshots(repository: Path, revision: str | None, *, branch: str) -> Iterator[Path]:
    snapshots = repository / "snapshots"
    wanted = revision or branch
    reference = repository / "refs" / wanted
    if reference.is_file():
        yield snapshots / reference.read_text("utf-8").strip()
    yield snapshots / wanted
    if revision is None and snapshots.is_dir():
        yield from sorted(snapshots.iterdir(), key=lambda p: p.stat().st_mtime, reverse=True)


def _is_complete(folder: Path) -> bool:
    if not (folder / "config.json").is_file():
        return False
    weights = {file.name for pattern in _WEIGHTS for file in folder.glob(pattern) if file.is_file()}
    return any(_has_all_parts(folder, name, weights) for name in weights)


def _has_vocabulary(folder: Path) -> bool:
    return any(file.is_file() for pattern in _VOCABULARIES for file in folder.glob(pattern))


def _has_all_parts(folder: Path, name: str, weights: set[str]) -> bool:
    """Return whether the checkpoint that the file ``name`` belongs to is there to its last part."""
    shard = _SHARD.search(name)
    if shard is None:
        return True
    stem = name[: shard.start()]
    index = folder / f"{stem}{shard[2]}.index.json"
    try:
        return set(json.loads(index.read_text("utf-8"))["weight_map"].values()) <= weights
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        count = int(shard[1])
        parts = {f"{stem}-{n:05d}-of-{shard[1]}{shard[2]}" for n in range(1, count + 1)}
        return parts <= weights


def _repository(model: str) -> str:
    return "models--" + model.replace("/", "--")
