"""Loading a language model: once, in the right format, and not beyond what is free."""

from __future__ import annotations

import gc
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tiny_models import Shape, write_internlm2, write_marking_code, write_qwen2

from ragkit.errors import ModelUnavailable
from ragkit.models import causal as module
from ragkit.models import device as device_module
from ragkit.models.memory import cache_bytes_per_token, check_memory, weight_bytes

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from ragkit.models.causal import context_window, load_causal  # noqa: E402
from ragkit.models.device import (  # noqa: E402
    choose_device,
    choose_dtype,
    free_memory,
    limit_threads,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_internlm2(tmp_path_factory.mktemp("models") / "internlm2-chat-tiny")


def load(folder: Path, **settings: Any) -> Any:
    return load_causal(str(folder), **{"device": "cpu", "dtype": "float32", **settings})


# Loading


def test_it_is_loaded_as_asked_and_says_so(folder: Path) -> None:
    lines: list[str] = []
    loaded = load(folder, dtype="bfloat16", status=lines.append)
    assert {p.dtype for p in loaded.model.parameters()} == {torch.bfloat16}
    assert {p.device.type for p in loaded.model.parameters()} == {"cpu"}
    assert not loaded.model.training
    assert (loaded.dtype, loaded.device, loaded.folder) == ("bfloat16", "cpu", folder)
    assert lines[0].startswith("Loading internlm2-chat-tiny (bfloat16, cpu, ")
    assert lines[1].startswith("Loaded internlm2-chat-tiny (bfloat16, cpu) in ")
    assert len(lines) == 2


@pytest.mark.parametrize(
    ("file", "kept", "why"),
    [
        ("tokenizer.model", 0.0, "neither tokenizer.model nor tokenizer.json"),
        ("vocab.json", 0.5, "EOF while parsing"),  # an exception of no particular type
        ("vocab.json", 0.0, "vocab"),
    ],
)
def test_a_tokenizer_that_is_not_whole_is_said(
    tmp_path: Path, file: str, kept: float, why: str
) -> None:
    write = write_qwen2 if file == "vocab.json" else write_internlm2
    there = write(tmp_path / "m") / file
    content = there.read_bytes()
    there.unlink()
    if kept:
        there.write_bytes(content[: int(len(content) * kept)])
    with pytest.raises(ModelUnavailable, match=rf"The tokenizer in .*{why}.*download the model"):
        load(tmp_path / "m")


def test_ten_threads_load_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original, calls = transformers.AutoModelForCausalLM.from_pretrained, []

    def counted(*args: Any, **kwargs: Any) -> Any:
        calls.append(args)
        return original(*args, **kwargs)

    monkeypatch.setattr(transformers.AutoModelForCausalLM, "from_pretrained", counted)
    start, lines = threading.Barrier(10), []

    def at_once(_: int) -> Any:
        start.wait()
        return load(folder, dtype="float16", status=lines.append)

    with ThreadPoolExecutor(10) as pool:
        loaded = list(pool.map(at_once, range(10)))
    assert len(calls) == 1
    assert all(one is loaded[0] for one in loaded)
    assert len(lines) == 2
    assert load(folder, dtype="float32") is not loaded[0]


def test_it_is_given_back_when_nobody_holds_it(folder: Path) -> None:
    loaded = load(folder, dtype="float16")
    key = (folder.resolve(), "cpu", "float16", "none")
    assert module._loaded[key] is loaded
    del loaded
    gc.collect()
    assert key not in module._loaded


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="needs /proc")
def test_weights_stay_in_the_mapped_file(tmp_path: Path) -> None:
    shape = Shape(layers=1, hidden=512, heads=4, kv_heads=4, intermediate=512, vocabulary=40_000)
    loaded = load(write_internlm2(tmp_path / "m", shape=shape))
    name = str(tmp_path / "m" / "model.safetensors")
    lines = Path("/proc/self/maps").read_text("utf-8").splitlines()
    mapped = [line.split()[0] for line in lines if name in line]
    at = loaded.model.model.embed_tokens.weight.data_ptr()
    assert any(int(a, 16) <= at < int(b, 16) for a, b in (part.split("-") for part in mapped))


def test_every_end_token_is_known(folder: Path, tmp_path: Path) -> None:
    loaded = load(folder)
    names = loaded.tokenizer.convert_ids_to_tokens(list(loaded.ends))
    assert set(names) == {"</s>", "<|im_end|>"}
    qwen = load(write_qwen2(tmp_path / "q"))
    assert set(qwen.tokenizer.convert_ids_to_tokens(list(qwen.ends))) == {
        "<|endoftext|>",
        "<|im_end|>",
    }


@pytest.mark.parametrize(
    ("template", "end"),
    [
        (
            "{% for m in messages %}[{{ m.role }}]\n\n{{ m.content | trim }}<|eot_id|>{% endfor %}",
            0,
        ),
        ("{% for m in messages %}<{{ m.role }}>{{ m.content }}<end_of_turn>\n{% endfor %}", 1),
        ("{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}", None),
        ("{{ raise_exception('no') }}", None),
    ],
)
def test_the_template_says_what_ends_a_turn(folder: Path, template: str, end: int | None) -> None:
    from ragkit.models.chat_template import turn_ends

    tokenizer = transformers.AutoTokenizer.from_pretrained(load(folder).folder)
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|eot_id|>", "<end_of_turn>"]})
    tokenizer.chat_template = template
    added = tokenizer.convert_tokens_to_ids(["<|eot_id|>", "<end_of_turn>"])
    assert turn_ends(tokenizer) == (set() if end is None else {added[end]})


# What cannot be loaded


def test_missing_weights_are_said_with_the_way_to_get_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", "/nonexistent/hub")
    with pytest.raises(ModelUnavailable) as raised:
        load_causal("internlm/internlm2-chat-1_8b")
    message = str(raised.value)
    for part in ("internlm/internlm2-chat-1_8b", "/nonexistent/hub", "download", "--preset lite"):
        assert part in message


def test_a_device_that_is_not_there_is_said(folder: Path) -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    with pytest.raises(ModelUnavailable, match=r"device = 'cuda' is not on this machine.*has cpu"):
        load(folder, device="cuda")


def test_too_little_memory_is_said_before_loading(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shape = Shape(hidden=256, intermediate=512)
    folder = write_internlm2(tmp_path / "m", shape=shape)
    monkeypatch.setattr(module, "free_memory", lambda device: 1_000_000)
    with pytest.raises(ModelUnavailable) as raised:
        load(folder, dtype="float16")
    message = str(raised.value)
    assert "1.0 MiB are free" in message
    assert "of weights in float16" in message
    assert "llm.quantization = 'int8'" in message
    monkeypatch.setattr(module, "free_memory", lambda device: 9_000_000)
    assert load(folder, dtype="float16")


@pytest.mark.parametrize("damage", ["cut", "empty", "noise", "missing shard", "missing tensor"])
def test_broken_weights_are_said(tmp_path: Path, damage: str) -> None:
    sharded = "shard" in damage
    place = write_internlm2(
        tmp_path / "m", layout="safetensors-sharded" if sharded else "safetensors"
    )
    file = sorted(place.glob("model*.safetensors"))[-1]
    data = file.read_bytes()
    if damage == "missing tensor":
        from safetensors.torch import load_file, save_file

        tensors = load_file(file)
        tensors.pop("output.weight")
        save_file(tensors, file, metadata={"format": "pt"})
    elif sharded:
        file.unlink()
    else:
        file.write_bytes({"cut": data[: len(data) // 2], "empty": b"", "noise": b"x" * 99}[damage])
    with pytest.raises(ModelUnavailable, match=r"m\b"):
        load(place)


def test_code_of_its_own_does_not_run(tmp_path: Path) -> None:
    place = write_internlm2(tmp_path / "m")
    config = json.loads((place / "config.json").read_text("utf-8"))
    config["model_type"] = "strange"
    (place / "config.json").write_text(json.dumps(config), "utf-8")
    write_marking_code(place / "modeling_strange.py")
    with pytest.raises(ModelUnavailable, match="trust_remote_code"):
        load(place)
    assert not list(tmp_path.rglob("code-was-run"))


# Memory


@pytest.mark.parametrize("layout", ["safetensors", "safetensors-sharded", "bin", "bin-sharded"])
def test_weights_are_counted_in_the_format_they_take(tmp_path: Path, layout: Any) -> None:
    place = write_internlm2(tmp_path / "m", layout=layout)
    loaded = load(place)
    exact = sum(p.numel() for p in loaded.model.parameters())
    slack = 0 if layout.startswith("safe") else 40_000  # a .bin counts by its size
    assert 0 <= weight_bytes(place, "float32") - 4 * exact <= slack
    assert 0 <= weight_bytes(place, "bfloat16") - 2 * exact <= slack / 2


def test_the_cache_is_counted(folder: Path) -> None:
    model = load(folder).model
    cache = model(torch.arange(10)[None], use_cache=True).past_key_values
    held = sum(layer.keys.nbytes + layer.values.nbytes for layer in cache.layers)
    assert cache_bytes_per_token(model.config, "float32") * 10 == held


def test_quantised_weights_need_less_on_a_cpu(folder: Path) -> None:
    config = load(folder).model.config
    full = weight_bytes(folder, "float32")
    free = int(full * 0.7) + 128 * cache_bytes_per_token(config, "float32") + 1
    settings: dict[str, Any] = {"dtype": "float32", "device": "cpu", "free": free}
    assert check_memory(folder, config, quantization="int8", **settings) < full
    with pytest.raises(ModelUnavailable):
        check_memory(folder, config, quantization="none", **settings)
    with pytest.raises(ModelUnavailable):
        check_memory(folder, config, quantization="int8", **{**settings, "device": "cuda:0"})


@pytest.mark.parametrize(
    ("rope", "window"),
    [
        (None, 1000),
        ({"rope_type": "default"}, 1000),
        ({"rope_type": "dynamic", "factor": 2.0}, 2000),
        ({"rope_type": "linear", "factor": 4.0}, 4000),
        ({"rope_type": "yarn", "factor": 40.0, "original_max_position_embeddings": 25}, 1000),
        ({"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 1000}, 4000),
        ({"rope_type": "llama3", "factor": 32.0, "original_max_position_embeddings": 250}, 1000),
    ],
)
def test_the_window_follows_the_rope(rope: dict[str, Any] | None, window: int) -> None:
    config = SimpleNamespace(max_position_embeddings=1000, rope_parameters=rope)
    config.get_text_config = lambda decoder: config
    assert context_window(config) == window


# Devices


def test_auto_takes_what_is_there() -> None:
    chosen = choose_device("auto")
    assert torch.zeros(1, device=chosen).device.type == chosen.partition(":")[0]
    dtype = choose_dtype("auto", chosen)
    assert torch.zeros(1, device=chosen, dtype=getattr(torch, dtype)).dtype
    assert choose_dtype("float16", "cpu") == "float16"


@pytest.mark.parametrize(
    ("found", "dtype"),
    [({"avx512_bf16": True}, "bfloat16"), ({"bf16": True}, "bfloat16"), ({"avx2": 1}, "float32")],
)
def test_half_precision_only_where_the_cpu_has_it(
    monkeypatch: pytest.MonkeyPatch, found: dict[str, bool], dtype: str
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: found, raising=False)
    assert choose_dtype("auto", "cpu") == dtype


@pytest.fixture
def cgroup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the root of an empty hierarchy in which this process is at ``/box/job``."""
    monkeypatch.setattr(device_module, "_CGROUP", tmp_path)
    own = tmp_path / "own"
    own.write_text("4:memory:/box/job\n1:cpu,cpuacct:/box\n0::/box/job\n", "utf-8")
    monkeypatch.setattr(device_module, "_OWN_CGROUP", own)
    return tmp_path


def write(path: Path, content: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, "utf-8")


def test_memory_is_what_the_container_leaves(cgroup: Path) -> None:
    everything = free_memory("cpu")
    assert everything > 1 << 20
    write(cgroup / "box/memory.max", "1000000\n")
    write(cgroup / "box/memory.current", "700000\n")
    write(cgroup / "box/memory.stat", "anon 600000\ninactive_file 50000\nactive_file 10000\n")
    write(cgroup / "box/job/memory.max", "max\n")
    write(cgroup / "box/job/memory.current", "700000\n")
    assert free_memory("cpu") == 360_000
    write(cgroup / "memory/box/job/memory.limit_in_bytes", "500000\n")
    write(cgroup / "memory/box/job/memory.usage_in_bytes", "400000\n")
    assert free_memory("cpu") == 100_000


@pytest.mark.parametrize(
    ("files", "threads"),
    [
        ({"box/cpu.max": "250000 100000"}, 2),
        ({"box/cpu.max": "max 100000", "cpu.max": "50000 100000"}, 1),
        ({"cpu/box/cpu.cfs_quota_us": "300000", "cpu/box/cpu.cfs_period_us": "100000"}, 3),
        ({"cpu/box/cpu.cfs_quota_us": "-1", "cpu/box/cpu.cfs_period_us": "100000"}, None),
        ({"box/cpu.max": "6400000 100000"}, None),
        ({}, None),
    ],
)
def test_threads_are_no_more_than_the_container_may_run(
    cgroup: Path, monkeypatch: pytest.MonkeyPatch, files: dict[str, str], threads: int | None
) -> None:
    for name, content in files.items():
        write(cgroup / name, content)
    set_to: list[int] = []
    monkeypatch.setattr(torch, "get_num_threads", lambda: 16)
    monkeypatch.setattr(torch, "set_num_threads", set_to.append)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert limit_threads() == threads
    assert set_to == ([threads] if threads else [])
    monkeypatch.setenv("OMP_NUM_THREADS", "16")
    assert limit_threads() is None
