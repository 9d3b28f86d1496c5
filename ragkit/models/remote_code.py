"""Code that comes with a checkpoint, as Python files or inside a pickle: when it may run.

Python files run only for a model that needs them, from a pinned revision, when trusted by setting;
what a pickle (``.bin``) would call never runs.
"""

# mypy: disable-error-code="import-not-found"
# (transformers and safetensors may be absent.)

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

from ragkit.errors import ModelUnavailable
from ragkit.models import internlm2

__all__ = ["check_complete", "explained_weights", "remote_code_allowed"]

_COMMIT = re.compile(r"[0-9a-f]{6,64}")  # branches and tags move, and the code with them
_OURS = frozenset({"InternLM2ForCausalLM", "InternLM2Model", "InternLM2Tokenizer"})
_STOCK_MODULES = "sentence_transformers."


def remote_code_allowed(folder: Path, *, revision: str | None, trust_remote_code: bool) -> bool:
    """Return what to pass to transformers or sentence-transformers as ``trust_remote_code``.

    ``folder`` holds a model's files. A model that the libraries (or ``ragkit.models.internlm2``)
    load natively gives False, even where the folder names code of its own. One that needs its own
    code gives True where ``trust_remote_code`` is set and ``revision`` is the commit that was read
    and trusted; else ModelUnavailable, naming the files and the two settings. Runs none of it.
    """
    files = _code_files(folder)
    if not files:
        return False
    named = ", ".join(files)
    elsewhere = [file for file in files if "--" in file]
    if elsewhere:
        raise ModelUnavailable(
            f"The model in {folder} needs code from another repository ({', '.join(elsewhere)}), "
            "which its revision does not pin. Copy the files into the folder and name them without "
            "the repository, or choose another model."
        )
    if not trust_remote_code or revision is None or not _COMMIT.fullmatch(revision):
        raise ModelUnavailable(
            f"The model in {folder} needs Python code of its own ({named}), and it was not run: "
            f"revision is {revision!r} and trust_remote_code is {str(trust_remote_code).lower()}. "
            'Read the code, then set revision = "COMMIT" (a commit id, not a branch or tag) and '
            "trust_remote_code = true."
        )
    if folder.parent.name == "snapshots" and not folder.name.startswith(revision):
        raise ModelUnavailable(
            f"The weights in {folder} are of commit {folder.name}, and revision = {revision!r} is "
            f"the one trusted to run {named}. Download that revision, or read the code and set "
            "revision to the commit that is here."
        )
    return True


def _code_files(folder: Path) -> list[str]:
    """Return the files of code without which the model does not load, as its settings name them.

    A file of another repository is ``OWNER/NAME--FILE``.
    """
    config, tokenizer = _json(folder / "config.json"), _json(folder / "tokenizer_config.json")
    references: list[str] = []
    if "auto_map" in config and not _native_model(config):
        references += _strings(config["auto_map"])
    if "auto_map" in tokenizer and not _native_tokenizer(tokenizer):
        references += _strings(tokenizer["auto_map"])
    modules = _json(folder / "modules.json")
    references += [
        str(module.get("type"))
        for module in (modules if isinstance(modules, list) else [])
        if not str(module.get("type")).startswith(_STOCK_MODULES)
    ]
    return sorted({reference.rpartition(".")[0] + ".py" for reference in references})


def _native_model(config: Mapping[str, Any]) -> bool:
    internlm2.register()
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    # A known type with an architecture of its own would load as the known one, with other layers.
    architectures = config.get("architectures") or []
    return config.get("model_type") in CONFIG_MAPPING and all(map(_native_class, architectures))


def _native_tokenizer(config: Mapping[str, Any]) -> bool:
    name = str(config.get("tokenizer_class", "")).removesuffix("Fast")
    return _native_class(name) or _native_class(name + "Fast")


def _native_class(name: str) -> bool:
    import transformers

    return name in _OURS or name in dir(transformers)


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise ModelUnavailable(
            f"{path} cannot be read: {error}. Download the model again."
        ) from error


def _strings(value: Any) -> list[str]:
    """Return the strings anywhere in the JSON ``value``: auto_map has three forms."""
    if isinstance(value, str):
        return [value]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for part in inner for text in _strings(part)]


@contextmanager
def explained_weights(folder: Path) -> Iterator[None]:
    """Turn what goes wrong while the weights in ``folder`` are read into ModelUnavailable.

    For the body to be safe it must leave transformers' ``weights_only`` at True, under which a
    pickle is refused before anything in it is called.
    """
    from safetensors import SafetensorError

    try:
        yield
    except UnpicklingError as error:
        found = re.search(r"GLOBAL (\S+)", str(error))
        asks = f" (it asks for {found[1]})" if found else ""
        raise ModelUnavailable(
            f"A .bin file in {folder} is not plain weights{asks}; nothing in it was run. "
            "Use a copy of the model in safetensors format, from a source you trust."
        ) from error
    except (SafetensorError, OSError, RuntimeError, ValueError) as error:
        reason = str(error).strip().partition("\n")[0].rstrip(".!")
        raise ModelUnavailable(
            f"The weights in {folder} do not load: {reason}. "
            "Download the model again, or choose another."
        ) from error


def check_complete(loading_info: Mapping[str, Any], *, folder: Path) -> None:
    """Raise ModelUnavailable where the checkpoint left weights of the model unset.

    ``loading_info`` is what ``from_pretrained(…, output_loading_info=True)`` returns beside the
    model. transformers itself only logs it, and answers from random numbers.
    """
    unset = sorted(loading_info["missing_keys"])
    if unset:
        raise ModelUnavailable(
            f"The weights in {folder} are incomplete: {len(unset)} are missing, among them "
            f"{unset[0]}. Download the model again."
        )
