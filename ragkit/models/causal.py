"""A causal language model from this machine's disk, in memory once, however many use it."""

# mypy: disable-error-code="import-not-found, import-untyped, no-untyped-call"
# (transformers may be absent, and is typed in part.)

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

from ragkit.errors import MissingExtra, ModelUnavailable
from ragkit.models import internlm2
from ragkit.models.chat_template import turn_ends
from ragkit.models.device import choose_device, choose_dtype, free_memory, limit_threads
from ragkit.models.hub import find_weights, missing_weights
from ragkit.models.memory import Quantization, check_memory
from ragkit.models.remote_code import check_complete, explained_weights, remote_code_allowed
from ragkit.models.turns import Turns

__all__ = ["Causal", "Quantization", "context_window", "load_causal"]

# Types of rope scaling whose ``max_position_embeddings`` is the length before scaling.
_UNSCALED_LENGTH = ("linear", "dynamic", "yarn")
_loading = threading.Lock()
_loaded: WeakValueDictionary[tuple[Path, str, str, str], Causal] = WeakValueDictionary()


@dataclass(frozen=True, eq=False)
class Causal:
    """A loaded model with its tokenizer.

    Whoever runs the model does so with its turn of ``turns``. ``ends`` are the ids that end an
    answer. ``kept`` is for what is worth keeping from one answer to the next, such as the keys and
    values of a prompt; it is touched only by who has the turn.
    """

    name: str
    model: Any
    tokenizer: Any
    device: str
    dtype: str
    folder: Path
    ends: tuple[int, ...]
    turns: Turns = field(default_factory=Turns)
    kept: dict[str, Any] = field(default_factory=dict)


def load_causal(
    model: str,
    *,
    revision: str | None = None,
    trust_remote_code: bool = False,
    device: str = "auto",
    dtype: str = "auto",
    quantization: Quantization = "none",
    status: Callable[[str], None] | None = None,
) -> Causal:
    """Load ``model``, a local folder or a hub name whose weights are on this machine.

    Weights go straight from the memory-mapped files to their device and number format. The same
    folder with the same settings is in memory once, whoever asks, and is given back when nobody
    holds it any longer. ``status`` gets a line at the start and one with the seconds at the end.

    Never downloads. Raises ModelUnavailable where the weights are missing, broken, too large for
    the memory that is free or in need of code that was not allowed to run, and MissingExtra where
    the model libraries are not installed.
    """
    folder = _folder(model, revision)
    try:
        import torch  # noqa: F401
    except ImportError:
        raise MissingExtra(f"The model '{model}'", "models") from None
    internlm2.register()
    remote = remote_code_allowed(folder, revision=revision, trust_remote_code=trust_remote_code)
    device = choose_device(device)
    dtype = choose_dtype(dtype, device)
    key = (folder.resolve(), device, dtype, quantization)
    with _loading:
        found = _loaded.get(key)
        if found is None:
            found = _load(model, folder, device, dtype, quantization, remote, status)
            _loaded[key] = found
    return found


def _folder(model: str, revision: str | None) -> Path:
    folder = find_weights(model, revision=revision)
    if folder is None:
        raise ModelUnavailable(missing_weights(model, revision=revision))
    return folder


def _load(
    name: str,
    folder: Path,
    device: str,
    dtype: str,
    quantization: Quantization,
    remote: bool,
    status: Callable[[str], None] | None,
) -> Causal:
    from transformers import AutoConfig

    short = Path(name).name
    say = status or (lambda line: None)
    began = time.monotonic()
    with explained_weights(folder):
        config = AutoConfig.from_pretrained(folder, trust_remote_code=remote, local_files_only=True)
        size = check_memory(
            folder,
            config.get_text_config(decoder=True),
            dtype=dtype,
            device=device,
            quantization=quantization,
            free=free_memory(device),
        )
        settings = dtype if quantization == "none" else f"{quantization}, {dtype}"
        say(f"Loading {short} ({settings}, {device}, {size / 1e9:.1f} GB)")
        tokenizer = _read_tokenizer(folder, remote=remote)
        if device == "cpu":
            limit_threads()
        with _no_bar(), _memory_is_enough(short, device):
            model = _read_weights(folder, config, device=device, dtype=dtype, remote=remote)
            if quantization != "none":
                from ragkit.models.quantize import quantize

                quantize(model, quantization)
        if device == "cpu":
            from ragkit.models.attention import use_grouped_attention

            use_grouped_attention(model)
    ends = _settle_generation(model, tokenizer)
    say(f"Loaded {short} ({settings}, {device}) in {time.monotonic() - began:.1f} s")
    return Causal(short, model, tokenizer, device, dtype, folder, ends)


@contextmanager
def _no_bar() -> Iterator[None]:
    """Keep transformers from drawing a bar for each model it reads; the lines of status say it."""
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()


@contextmanager
def _memory_is_enough(name: str, device: str) -> Iterator[None]:
    """Turn running out of memory, which somebody else took since the check, into an error."""
    import torch

    try:
        yield
    except (torch.OutOfMemoryError, MemoryError) as error:
        if device.startswith("cuda"):
            torch.cuda.empty_cache()
        raise ModelUnavailable(
            f"'{name}' no longer fits on {device}: {free_memory(device) / 2**30:.1f} GiB were left "
            "while it was read. Free some, or choose a smaller model."
        ) from error


def _read_tokenizer(folder: Path, *, remote: bool) -> Any:
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(
            folder, trust_remote_code=remote, local_files_only=True
        )
    except ModelUnavailable:
        raise
    except Exception as error:  # tokenizers raises nothing more particular for a damaged file
        reason = str(error).strip().partition("\n")[0].rstrip(".!: ")
        raise ModelUnavailable(
            f"The tokenizer in {folder} does not load: {reason}. "
            "Its files are missing or damaged; download the model again."
        ) from error


def _read_weights(folder: Path, config: Any, *, device: str, dtype: str, remote: bool) -> Any:
    import torch
    from transformers import AutoModelForCausalLM

    loaded: Any = AutoModelForCausalLM.from_pretrained(
        folder,
        config=config,
        dtype=getattr(torch, dtype),
        # A map of one device puts no hooks into the model; without one the CPU is the place.
        device_map=None if device == "cpu" else {"": device},
        trust_remote_code=remote,
        local_files_only=True,
        output_loading_info=True,
    )
    model, info = loaded
    check_complete(info, folder=folder)
    return model.eval()


def _settle_generation(model: Any, tokenizer: Any) -> tuple[int, ...]:
    """Leave the tokens that end an answer as the model's only settings of generation; return them.

    transformers fills what a call leaves open from the published generation_config.json: sampling,
    penalties and lengths that nobody here asked for.
    """
    from transformers import GenerationConfig

    published = model.generation_config
    listed = published.eos_token_id
    ends = set(listed) if isinstance(listed, list) else {listed}
    ends |= {tokenizer.eos_token_id}
    if getattr(tokenizer, "chat_template", None):
        ends |= turn_ends(tokenizer)
    known = tuple(sorted(n for n in ends if n is not None and n < model.config.vocab_size))
    pads = (tokenizer.pad_token_id, published.pad_token_id, *known)
    model.generation_config = GenerationConfig(
        bos_token_id=published.bos_token_id,
        eos_token_id=list(known) or None,
        pad_token_id=next((pad for pad in pads if pad is not None), None),
    )
    return known


def context_window(config: Any) -> int | None:
    """Return how many tokens of prompt and answer a model reads, from its configuration.

    With linear, dynamic (NTK) or YaRN rope scaling that is the trained length times the factor,
    unless ``max_position_embeddings`` already says more. None where the model does not say.
    """
    config = config.get_text_config(decoder=True)
    length = getattr(config, "max_position_embeddings", None)
    if length is None:
        return None
    rope = getattr(config, "rope_parameters", None) or {}
    if rope.get("rope_type") in _UNSCALED_LENGTH:
        trained = rope.get("original_max_position_embeddings") or length
        length = max(length, int(trained * rope.get("factor", 1.0)))
    return int(length)
