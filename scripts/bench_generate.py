"""Generation measured: time to the first token and tokens a second, on weights made at random.

    python scripts/bench_generate.py [--models internlm2-1.8b qwen2-0.5b] [--prompts 512 2048]
        [--paths none int8] [--tokens 12] [--rounds 3] [--device cpu] [--folder DIR]

The models have the published shapes (InternLM2-1.8B in its original layout). Each path is run in
turn with the naive one, LlamaIndex's HuggingFaceLLM with its own loading and defaults as tutorials
have it, and with a measurement of the memory's bandwidth by as many threads. The limit is that
bandwidth over the bytes of weights that a token needs. Times are taken where the model's forward
passes begin and end; figures are the best of the rounds, and ratios the median of the rounds'.
``--clock cpu`` counts the time that one thread computes, for a machine that others use too.
"""

from __future__ import annotations

import argparse
import gc
import itertools
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

import torch
from llama_index.core.llms import ChatMessage
from safetensors.torch import save_file
from tiny_internlm2 import write_internlm2_tokenizer
from tiny_models import write_qwen2_tokenizer

from ragkit.models import internlm2
from ragkit.models.int8_linear import Int8Linear
from ragkit.models.llm import load_llm

INTERNLM2 = {
    "architectures": ["InternLM2ForCausalLM"],
    "auto_map": {"AutoModelForCausalLM": "modeling_internlm2.InternLM2ForCausalLM"},
    "bias": False,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "hidden_act": "silu",
    "hidden_size": 2048,
    "intermediate_size": 8192,
    "max_position_embeddings": 32768,
    "model_type": "internlm2",
    "num_attention_heads": 16,
    "num_hidden_layers": 24,
    "num_key_value_heads": 8,
    "pad_token_id": 2,
    "rms_norm_eps": 1e-05,
    "rope_scaling": {"type": "dynamic", "factor": 2.0},
    "rope_theta": 1000000,
    "tie_word_embeddings": False,
    "torch_dtype": "bfloat16",
    "vocab_size": 92544,
}
QWEN2 = {
    "architectures": ["Qwen2ForCausalLM"],
    "hidden_act": "silu",
    "hidden_size": 896,
    "intermediate_size": 4864,
    "max_position_embeddings": 32768,
    "model_type": "qwen2",
    "num_attention_heads": 14,
    "num_hidden_layers": 24,
    "num_key_value_heads": 2,
    "rms_norm_eps": 1e-06,
    "rope_theta": 1000000.0,
    "tie_word_embeddings": True,
    "torch_dtype": "bfloat16",
    "vocab_size": 151936,
}
Clock: TypeAlias = Callable[[], float]
CLOCKS: dict[str, Clock] = {"wall": time.perf_counter, "cpu": time.thread_time}
MODELS = {
    "internlm2-1.8b": (INTERNLM2, write_internlm2_tokenizer),
    "qwen2-0.5b": (QWEN2, write_qwen2_tokenizer),
}


def write_model(folder: Path, name: str) -> None:
    """Write a checkpoint of random bfloat16 weights that takes seconds, not minutes."""
    config, write_tokenizer = MODELS[name]
    folder.mkdir(parents=True, exist_ok=True)
    write_tokenizer(folder)
    (folder / "config.json").write_text(json.dumps(config), "utf-8")
    noise = torch.randn(1 << 22, generator=torch.Generator().manual_seed(0)).bfloat16()

    def matrix(rows: int, columns: int, spread: float) -> torch.Tensor:
        made = (noise * spread).repeat(-(-rows * columns // len(noise)))
        return made[: rows * columns].reshape(rows, columns)

    shapes = internlm2_shapes(config) if name.startswith("internlm2") else qwen2_shapes(config)
    weights = {}
    for key, shape in shapes.items():
        if len(shape) == 1:
            weights[key] = torch.full(shape, 0.0 if "bias" in key else 1.0, dtype=torch.bfloat16)
        else:
            embeds = "embed" in key
            weights[key] = matrix(*shape, 1.0 if embeds else shape[1] ** -0.5).clone()
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


def internlm2_shapes(config: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    """Return the names and shapes of an original InternLM2 checkpoint."""
    hidden, inner, words = (
        config[key] for key in ("hidden_size", "intermediate_size", "vocab_size")
    )
    head = hidden // config["num_attention_heads"]
    fused = (config["num_attention_heads"] + 2 * config["num_key_value_heads"]) * head
    shapes: dict[str, tuple[int, ...]] = {
        "model.tok_embeddings.weight": (words, hidden),
        "model.norm.weight": (hidden,),
        "output.weight": (words, hidden),
    }
    for layer in range(config["num_hidden_layers"]):
        at = f"model.layers.{layer}."
        shapes[at + "attention.wqkv.weight"] = (fused, hidden)
        shapes[at + "attention.wo.weight"] = (hidden, hidden)
        shapes[at + "feed_forward.w1.weight"] = (inner, hidden)
        shapes[at + "feed_forward.w2.weight"] = (hidden, inner)
        shapes[at + "feed_forward.w3.weight"] = (inner, hidden)
        shapes[at + "attention_norm.weight"] = shapes[at + "ffn_norm.weight"] = (hidden,)
    return shapes


def qwen2_shapes(config: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    """Return the names and shapes of a Qwen2 checkpoint with tied embeddings."""
    hidden, inner = config["hidden_size"], config["intermediate_size"]
    keys = config["num_key_value_heads"] * hidden // config["num_attention_heads"]
    shapes: dict[str, tuple[int, ...]] = {
        "model.embed_tokens.weight": (config["vocab_size"], hidden),
        "model.norm.weight": (hidden,),
    }
    for layer in range(config["num_hidden_layers"]):
        at = f"model.layers.{layer}."
        for part, rows in (("q", hidden), ("k", keys), ("v", keys)):
            shapes[at + f"self_attn.{part}_proj.weight"] = (rows, hidden)
            shapes[at + f"self_attn.{part}_proj.bias"] = (rows,)
        shapes[at + "self_attn.o_proj.weight"] = (hidden, hidden)
        shapes[at + "mlp.gate_proj.weight"] = shapes[at + "mlp.up_proj.weight"] = (inner, hidden)
        shapes[at + "mlp.down_proj.weight"] = (hidden, inner)
        for norm in ("input_layernorm", "post_attention_layernorm"):
            shapes[at + f"{norm}.weight"] = (hidden,)
    return shapes


@dataclass(frozen=True)
class Loaded:
    """A loaded model and how a prompt is put to it; ``run`` generates, reading to the end."""

    name: str
    model: Any
    run: Callable[[str], None]
    load_seconds: float
    memory: float


@dataclass(frozen=True)
class Run:
    """One answer: seconds to the first token, tokens a second after it, tokens of the prompt."""

    first: float
    rate: float
    prompt: int


def load_naive(folder: Path, *, tokens: int, device: str) -> Loaded:
    """Return LlamaIndex's HuggingFaceLLM as tutorials load it."""
    from llama_index.llms.huggingface import HuggingFaceLLM

    internlm2.register()  # without it InternLM2 does not load at all
    before, began = used_memory(device), time.perf_counter()
    llm = HuggingFaceLLM(
        model_name=str(folder),
        tokenizer_name=str(folder),
        context_window=4096,
        max_new_tokens=tokens,
        device_map="auto" if device == "cpu" else {"": device},
    )
    seconds = time.perf_counter() - began

    def run(text: str) -> None:
        for _ in llm.stream_complete(text):
            pass

    return Loaded("naive", llm._model, run, seconds, used_memory(device) - before)


def load_ours(folder: Path, quantization: Any, *, tokens: int, device: str) -> Loaded:
    """Return ragkit's with ``quantization``."""
    before, began = used_memory(device), time.perf_counter()
    llm: Any = load_llm(
        "huggingface",
        str(folder),
        device=device,
        quantization=quantization,
        max_new_tokens=tokens,
        context_window=4096,
        timeout=600,
    )
    seconds = time.perf_counter() - began

    def run(text: str) -> None:
        llm._causal.kept.clear()  # every prompt is read whole
        for _ in llm.stream_chat([ChatMessage(role="user", content=text)]):
            pass

    name = f"ragkit, {quantization}"
    return Loaded(name, llm._causal.model, run, seconds, used_memory(device) - before)


def used_memory(device: str) -> float:
    """Return the bytes in use by this process, without mapped files, or those on its GPU."""
    gc.collect()
    if device.startswith("cuda"):
        return float(torch.cuda.memory_allocated(device))
    status = Path("/proc/self/status")
    if status.is_file():
        return 1024.0 * int(status.read_text().partition("RssAnon:")[2].split()[0])
    import psutil

    return float(psutil.Process().memory_info().rss)


def measure(path: Loaded, text: str, *, device: str, clock: Clock) -> Run:
    """Run one answer, timed where the forward passes begin and end."""
    with timed(path.model, device, clock) as (begins, ends, prompts):
        path.run(text)
    steps = sorted(later - now for now, later in itertools.pairwise(ends))
    # A quarter of the steps is faster than this, however busy others keep the machine.
    return Run(ends[0] - begins[0], 1 / steps[len(steps) // 4], prompts[0])


@contextmanager
def timed(
    model: Any, device: str, clock: Clock
) -> Iterator[tuple[list[float], list[float], list[int]]]:
    """Yield lists that get each forward pass's beginning, end and number of tokens."""
    begins: list[float] = []
    ends: list[float] = []
    prompts: list[int] = []

    def begin(_module: Any, args: Any, kwargs: Any) -> None:
        prompts.append(kwargs.get("input_ids", args[0] if args else None).shape[1])
        begins.append(clock())

    def end(*_: Any) -> None:
        if device.startswith("cuda"):
            torch.cuda.synchronize()
        ends.append(clock())

    hooks = [
        model.register_forward_pre_hook(begin, with_kwargs=True),
        model.register_forward_hook(end),
    ]
    try:
        yield begins, ends, prompts
    finally:
        for hook in hooks:
            hook.remove()


def bytes_read(model: Any) -> int:
    """Return the bytes of weights that one token needs: all but the embeddings' other rows."""
    total = 0
    for part in model.modules():
        if isinstance(part, Int8Linear):
            total += part.in_features * part.out_features + 4 * part.out_features
        elif not isinstance(part, torch.nn.Embedding):
            total += sum(weight.nbytes for weight in part.parameters(recurse=False))
    return total


def bandwidth(device: str, clock: Clock) -> float:
    """Return the bytes a second that all threads read together: the best of a few sums."""
    numbers = torch.ones(1 << 25, dtype=torch.int64, device=device)
    best = float("inf")
    for _ in range(8):
        began = clock()
        numbers.sum().item()
        best = min(best, clock() - began)
    return numbers.nbytes / best


def prompt_of(tokenizer_folder: Path, length: int) -> str:
    """Return text of about ``length`` tokens."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(tokenizer_folder, local_files_only=True)
    words = "the server needs memory and port how many open what is default".split()
    low, high = 1, length
    while low < high:
        middle = (low + high + 1) // 2
        text = " ".join(words[n % len(words)] for n in range(middle))
        low, high = (
            (middle, high) if len(tokenizer(text).input_ids) <= length else (low, middle - 1)
        )
    return " ".join(words[n % len(words)] for n in range(low))


def compare(folder: Path, name: str, quantization: str, arguments: Any) -> None:
    """Print the rows of one path beside the naive one, round by round."""
    clock = CLOCKS[arguments.clock]
    options = {"tokens": arguments.tokens, "device": arguments.device}
    naive = load_naive(folder, **options)
    ours = load_ours(folder, quantization, **options)
    for length in arguments.prompts:
        text = prompt_of(folder, length - 10)
        rounds = []
        for _ in range(arguments.rounds):
            measured = bandwidth(arguments.device, clock)
            both = [
                measure(path, text, device=arguments.device, clock=clock) for path in (naive, ours)
            ]
            rounds.append((measured, *both))
        speed = max(measured for measured, _, _ in rounds)
        for number, path in enumerate((naive, ours), 1):
            runs = [row[number] for row in rounds]
            sooner = statistics.median(row[1].first / row[number].first for row in rounds)
            faster = statistics.median(row[number].rate / row[1].rate for row in rounds)
            limit = speed / bytes_read(path.model)
            best = max(run.rate for run in runs)
            print(
                f"| {name} | {path.name} | {runs[0].prompt} | {min(run.first for run in runs):.2f} "
                f"| {sooner:.2f} | {best:.1f} | {faster:.2f} | {limit:.1f} | {best / limit:.0%} "
                f"| {path.load_seconds:.1f} | {path.memory / 2**30:.1f} |",
                flush=True,
            )


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--prompts", nargs="+", type=int, default=[512, 2048])
    parser.add_argument("--paths", nargs="+", default=["none", "int8"])
    parser.add_argument("--tokens", type=int, default=12)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, help="of torch; its own choice by default")
    parser.add_argument("--clock", choices=CLOCKS, default="wall")
    parser.add_argument("--folder", type=Path, help="where the weights are kept between runs")
    arguments = parser.parse_args()
    if arguments.clock == "cpu" and arguments.threads != 1:
        parser.error("--clock cpu counts one thread: add --threads 1")
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    clock = CLOCKS[arguments.clock]
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads, {arguments.device}")
    print(f"bandwidth {bandwidth(arguments.device, clock) / 1e9:.0f} GB/s")
    print(
        "| model | path | prompt | first token, s | naive / this | tokens/s | this / naive "
        "| limit | of limit | load, s | GiB |\n|---|---|---|---|---|---|---|---|---|---|---|"
    )
    with tempfile.TemporaryDirectory() as temporary:
        for name in arguments.models:
            folder = (arguments.folder or Path(temporary)) / name
            if not (folder / "model.safetensors").is_file():
                write_model(folder, name)
            for quantization in arguments.paths:
                compare(folder, name, quantization, arguments)
                gc.collect()


if __name__ == "__main__":
    main()
