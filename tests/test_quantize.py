"""Weights in fewer bits, grouped attention and kept prefixes, against the plain float model."""

from __future__ import annotations

import copy
import importlib.util
import subprocess
import sys
import weakref
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from transformers import DynamicCache, Qwen2Config, Qwen2ForCausalLM  # noqa: E402

from ragkit.errors import ConfigError, MissingExtra  # noqa: E402
from ragkit.models import internlm2  # noqa: E402
from ragkit.models.attention import use_grouped_attention  # noqa: E402
from ragkit.models.int8_linear import Int8Linear, int8_kernel  # noqa: E402
from ragkit.models.prefix import GrowingLayer, begin_cache, keep_cache  # noqa: E402
from ragkit.models.quantize import quantize  # noqa: E402

has_int8 = int8_kernel() is not None
needs_int8 = pytest.mark.skipif(not has_int8, reason="torch without int8 kernels")
needs_bitsandbytes = pytest.mark.skipif(
    importlib.util.find_spec("bitsandbytes") is None, reason="bitsandbytes is not installed"
)
SIZES = {
    "vocab_size": 512,
    "hidden_size": 128,
    "intermediate_size": 192,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "eos_token_id": None,
    "bos_token_id": None,
    "pad_token_id": 0,
}


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Tiny matrices are slower in several threads, far slower where others use the cores."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def make_model(kind: str, dtype: Any = torch.float32, **settings: Any) -> Any:
    """Return a random model whose logits differ clearly."""
    internlm2.register()
    torch.manual_seed(0)
    if kind == "internlm2":
        from ragkit.models._internlm2_model import InternLM2Config, InternLM2ForCausalLM

        model: Any = InternLM2ForCausalLM(InternLM2Config(**SIZES, bias=False, **settings))
    else:
        sizes = SIZES | {"tie_word_embeddings": True} | settings
        model = Qwen2ForCausalLM(Qwen2Config(**sizes))
    for name, weight in model.named_parameters():
        if weight.dim() == 2:
            spread = 0.3 if "embed" in name else weight.shape[1] ** -0.5
            torch.nn.init.normal_(weight, std=spread)
        elif name.endswith("bias"):
            torch.nn.init.normal_(weight, std=0.2)
    if kind == "internlm2":
        model.lm_head.weight.data.mul_(3)
    return model.to(dtype).eval()


def prompt(length: int, seed: int = 1) -> Any:
    return torch.randint(0, 512, (1, length), generator=torch.Generator().manual_seed(seed))


def generated(model: Any, ids: Any, count: int = 12, **options: Any) -> list[int]:
    mask = torch.ones_like(ids)
    out = model.generate(ids, attention_mask=mask, max_new_tokens=count, do_sample=False, **options)
    return out[0].tolist()


@torch.inference_mode()
def divergence(model: Any, other: Any, ids: Any) -> tuple[float, float]:
    """Return the mean KL divergence in nats, and the share of positions with the same top token."""
    logs = model(ids).logits.float().log_softmax(-1)
    others = other(ids).logits.float().log_softmax(-1)
    kl = (logs.exp() * (logs - others)).sum(-1).mean().item()
    return kl, (logs.argmax(-1) == others.argmax(-1)).float().mean().item()


@needs_int8
@pytest.mark.parametrize("kind", ["internlm2", "qwen2"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_int8_stays_close_to_the_float_model(kind: str, dtype: Any) -> None:
    model = make_model(kind, dtype)
    exact = copy.deepcopy(model).float()
    quantize(model, "int8")
    kl, same = divergence(exact, model, prompt(200))
    assert kl < 0.01
    assert same > 0.93
    parts = {type(part) for part in model.modules()}
    assert Int8Linear in parts
    assert torch.nn.Linear not in parts  # the head's weights too
    assert model(prompt(3)).logits.dtype == dtype


@needs_int8
def test_int8_greedy_tokens_follow_the_float_model() -> None:
    model = make_model("internlm2")
    ids = prompt(40)
    expected = generated(model, ids, 24)
    quantize(model, "int8")
    found = generated(model, ids, 24)
    agree = next((n for n, (a, b) in enumerate(zip(expected, found, strict=True)) if a != b), 64)
    assert agree >= 44  # the prompt and four more at least: random weights have many near ties


@needs_int8
@pytest.mark.parametrize("rows", [1, 4, 33])
@pytest.mark.parametrize("outlier", [1.0, 1000.0])
def test_an_outlier_does_not_cost_the_other_elements(rows: int, outlier: float) -> None:
    torch.manual_seed(0)
    linear = torch.nn.Linear(512, 300)
    linear.weight.data[:, 7] = 0  # what the outlier is multiplied by: only the others count
    x = torch.randn(rows, 512)
    x[-1, 7] = outlier
    expected = linear(x)
    found = Int8Linear(linear)(x)
    error = (found - expected).norm(dim=1) / (expected - linear.bias).norm(dim=1)
    # 8 bits of weights: a row's largest / 127 / √12, over its spread, is about half a percent here.
    assert error.max() < 0.02
    if rows <= 4 and outlier == 1:
        assert error.max() < 0.006


@needs_int8
def test_a_token_does_not_depend_on_its_neighbours() -> None:
    layer = Int8Linear(torch.nn.Linear(64, 48))
    x = torch.randn(40, 64)
    many = layer(x)
    x[1:] *= 1000
    assert torch.equal(many[:1], layer(x)[:1])


@needs_int8
def test_outlier_channels_cost_little() -> None:
    """A few channels of a trained model are far larger than the rest; so here."""
    model = make_model("internlm2")
    for layer in model.model.layers:
        layer.input_layernorm.weight.data[::64] *= 60
        layer.post_attention_layernorm.weight.data[::64] *= 60
    exact = copy.deepcopy(model)
    quantize(model, "int8")
    kl, same = divergence(exact, model, prompt(100))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ragkit.models.int8_linear._OUTLIER", 1e9)
        plain, _ = divergence(exact, model, prompt(100))
    assert kl < min(0.15, plain / 2)
    assert same > 0.75


@needs_int8
def test_int8_linear_edges() -> None:
    layer = Int8Linear(torch.nn.Linear(64, 20_000, bias=False))  # rows packed in two blocks
    assert layer(torch.zeros(2, 3, 64)).shape == (2, 3, 20_000)
    assert layer(torch.zeros(1, 64)).abs().max() == 0
    assert layer(torch.full((1, 64), float("nan"))).isnan().all()
    assert not list(layer.parameters())


@needs_int8
def test_the_float_weights_are_given_back() -> None:
    model = make_model("internlm2", torch.bfloat16)
    weights = [part.weight for part in model.modules() if type(part) is torch.nn.Linear]
    seen = [weakref.ref(weight) for weight in weights]
    del weights
    quantize(model, "int8")
    assert [ref() for ref in seen] == [None] * len(seen)


@needs_int8
def test_memory_falls_to_half() -> None:
    code = (
        "import torch, psutil, gc; torch.set_num_threads(1)\n"
        "from types import SimpleNamespace\n"
        "from ragkit.models.quantize import quantize\n"
        "used = lambda: psutil.Process().memory_info().rss / 2**20\n"
        "class Stack(torch.nn.Sequential):\n"
        "    def get_output_embeddings(self): return self[-1]\n"
        "def layer(): return torch.nn.Linear(2048, 4096, bias=False, dtype=torch.bfloat16)\n"
        "small = Stack(layer()); quantize(small, 'int8'); before = used()\n"
        "model = Stack(*[layer() for _ in range(12)]); floats = used() - before\n"
        "quantize(model, 'int8'); gc.collect(); print(floats, used() - before)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    floats, packed = map(float, done.stdout.split())
    assert floats > 180  # 12 layers of 16 MiB
    assert packed < 0.65 * floats


@needs_int8
def test_the_kernel_that_stays_gives_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    linear, x = torch.nn.Linear(256, 96), torch.randn(9, 256)
    first = Int8Linear(linear)(x)
    monkeypatch.delattr(torch, "quantize_per_channel")  # as in a later torch
    assert int8_kernel().__name__ == "_pack_onednn"
    second = Int8Linear(linear)(x)
    assert (first - second).abs().max() < 1e-4 * first.abs().max()


@needs_bitsandbytes
def test_int4_on_a_cpu() -> None:
    model = make_model("internlm2", torch.bfloat16)
    exact = copy.deepcopy(model).float()
    quantize(model, "int4")
    kl, same = divergence(exact, model, prompt(100))
    assert kl < 1.0  # ten times what eight bits lose and more; random weights have no slack
    assert same > 0.5
    assert len(generated(model, prompt(10), 4)) == 14
    layer = model.model.layers[0].mlp.up_proj
    assert layer.weight.numel() == 128 * 192 // 2  # two to a byte
    odd = make_model("qwen2", intermediate_size=100)
    quantize(odd, "int4")  # 100 has no blocks of 64
    assert isinstance(odd.model.layers[0].mlp.up_proj, Int8Linear)
    assert odd(prompt(5)).logits.isfinite().all()


@needs_bitsandbytes
def test_bitsandbytes_is_imported_without_asking_a_hub() -> None:
    code = (
        "import sys, types; fake = types.ModuleType('kernels'); asked = []\n"
        "fake.get_kernel = lambda *a, **k: asked.append(a) or exit('asked a hub')\n"
        "sys.modules['kernels'] = fake\n"
        "from ragkit.models.bits_and_bytes import load_bitsandbytes as load\n"
        "assert load() is load() and sys.modules['kernels'] is fake and not asked; print('ok')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout == "ok\n", done.stderr


def test_int4_without_bitsandbytes_names_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "bitsandbytes", None)
    model = make_model("qwen2")
    with pytest.raises(MissingExtra, match=r"int4.*cpu.*pip install"):
        quantize(model, "int4")
    assert type(model.lm_head) is torch.nn.Linear  # nothing was changed


@pytest.mark.parametrize("bits", ["int8", "int4"])
def test_a_device_without_kernels_says_so(bits: Any) -> None:
    with torch.device("meta"):
        model = Qwen2ForCausalLM(Qwen2Config(**SIZES))
    with pytest.raises(ConfigError, match=rf"'{bits}' is not possible on device 'meta'.*none"):
        quantize(model, bits)


def test_a_cpu_without_the_kernel_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    engines = SimpleNamespace(supported_engines=["qnnpack"], engine="qnnpack")
    monkeypatch.setattr(torch.backends, "quantized", engines)
    with pytest.raises(ConfigError, match=r"needs an x86 CPU.*'none'"):
        quantize(make_model("qwen2"), "int8")


@pytest.mark.parametrize("kind", ["internlm2", "qwen2"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_grouped_attention_changes_no_logit(kind: str, dtype: Any) -> None:
    model, ids = make_model(kind, dtype), prompt(30)
    padded = torch.ones(2, 30, dtype=torch.long)
    padded[1, :9] = 0
    plain = [decode_logits(model, ids, None), decode_logits(model, ids.repeat(2, 1), padded)]
    assert use_grouped_attention(model)
    grouped = [decode_logits(model, ids, None), decode_logits(model, ids.repeat(2, 1), padded)]
    for one, other in zip(plain, grouped, strict=True):
        assert torch.equal(one, other) or (one - other).abs().max() < 1e-5


@torch.inference_mode()
def decode_logits(model: Any, ids: Any, mask: Any) -> Any:
    """Return the logits of one token after ``ids``."""
    cache = DynamicCache(config=model.config)
    model(ids, attention_mask=mask, past_key_values=cache)
    longer = None if mask is None else torch.cat((mask, mask[:, :1] * 0 + 1), 1)
    return model(ids[:, :1], attention_mask=longer, past_key_values=cache).logits


def test_grouped_attention_leaves_other_implementations_alone() -> None:
    model = make_model("qwen2")
    model.set_attn_implementation("eager")
    assert not use_grouped_attention(model)
    assert model.config._attn_implementation == "eager"


def test_growing_layer_holds_what_dynamic_layer_holds() -> None:
    grown, plain = GrowingLayer(), DynamicCache()
    torch.manual_seed(0)
    for step, tokens in enumerate([5, 1, 300, 1, 1, 260, 1]):
        keys, values = torch.randn(2, 3, 2, tokens, 8).unbind()
        found = grown.update(keys, values)
        expected = plain.update(keys, values, 0)
        assert all(map(torch.equal, found, expected))
        if step == 3:
            grown.crop(-200)
            plain.crop(-200)
            assert grown.get_seq_length() == plain.get_seq_length() == 107
        if step == 4:  # something else in their place
            grown.reorder_cache(torch.tensor([2, 0, 1]))
            plain.reorder_cache(torch.tensor([2, 0, 1]))
    grown.reset()
    assert grown.get_seq_length() == 0


def answer(model: Any, kept: dict[str, Any], ids: Any, **options: Any) -> tuple[list[int], int]:
    """Return the tokens, and how many of the prompt were not read again."""
    cache = begin_cache(kept, model, ids[0].tolist())
    reused = cache.get_seq_length()
    found = generated(model, ids, past_key_values=cache, **options)
    keep_cache(kept, model, cache, found, prompt=ids.shape[1])
    return found, reused


@pytest.mark.parametrize("kind", ["internlm2", "qwen2"])
def test_a_kept_prefix_changes_no_token(kind: str) -> None:
    model, kept = make_model(kind), {}
    first = prompt(40)
    found, reused = answer(model, kept, first)
    assert (found, reused) == (generated(model, first), 0)
    follow_up = torch.cat((torch.tensor([found]), prompt(9, seed=2)), 1)
    expected = generated(model, follow_up)
    found, reused = answer(model, kept, follow_up)
    assert (found, reused) == (expected, 40 + 12 - 1)
    forked = torch.cat((first[:, :25], prompt(30, seed=3)), 1)
    expected = generated(model, forked)
    found, reused = answer(model, kept, forked)
    assert found == expected
    assert reused >= 25
    # The same prompt again: its end is still read.
    assert answer(model, kept, forked) == (expected, 55 - 8)
    shorter = forked[:, :10]
    expected = generated(model, shorter)
    assert answer(model, kept, shorter) == (expected, 10 - 8)
    tiny = shorter[:, :8]
    expected = generated(model, tiny)
    assert answer(model, kept, tiny) == (expected, 0)


@needs_int8
def test_a_question_asked_again_is_answered_the_same_in_eight_bits() -> None:
    model = make_model("internlm2", torch.bfloat16)
    quantize(model, "int8")
    with torch.inference_mode():
        for seed in range(8):
            kept: dict[str, Any] = {}
            ids = prompt(40, seed=seed)
            first = last_logits(model, kept, ids)
            keep_cache(kept, model, first[1], ids[0].tolist(), prompt=40)
            again = last_logits(model, kept, ids)
            assert again[1].get_seq_length() == 40
            assert torch.equal(first[0], again[0])


def last_logits(model: Any, kept: dict[str, Any], ids: Any) -> tuple[Any, Any]:
    """Return the logits that an answer begins with, and the cache."""
    cache = begin_cache(kept, model, ids[0].tolist())
    new = ids[:, cache.get_seq_length() :]
    return model(new, past_key_values=cache, use_cache=True).logits[:, -1], cache


def test_what_a_cancelled_generation_leaves_is_right_or_nothing() -> None:
    model, kept = make_model("internlm2"), {}
    first = prompt(40)
    answer(model, kept, first)
    # Left in the middle of reading a prompt: some layers have it, some do not.
    calls = []

    def leave(*_: Any) -> None:
        calls.append(1)
        raise KeyboardInterrupt

    longer = torch.cat((first, prompt(20, seed=5)), 1)
    hook = model.model.layers[1].register_forward_pre_hook(leave)
    with pytest.raises(KeyboardInterrupt):
        answer(model, kept, longer)
    hook.remove()
    assert calls
    assert not kept
    expected = generated(model, longer)
    assert answer(model, kept, longer) == (expected, 0)
    # Stopped between two tokens: what was read and written so far is kept.
    stopped = [lambda ids, scores, **_: torch.tensor([ids.shape[1] >= 64])]
    other = prompt(60, seed=6)
    found, _ = answer(model, kept, other, stopping_criteria=stopped)
    assert len(found) == 64
    again = torch.cat((torch.tensor([found]), prompt(5, seed=7)), 1)
    expected = generated(model, again)
    assert answer(model, kept, again) == (expected, 64 + 5 - 8)


def test_kept_keys_are_bounded_and_never_pass_the_trained_length() -> None:
    model, kept = make_model("qwen2"), {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ragkit.models.prefix._LIMIT", 16)
        ids = prompt(40)
        answer(model, kept, ids)
        prefix = kept["prefix"]
        assert len(prefix.ids) == prefix.cache.get_seq_length() == 16
        layer = prefix.cache.layers[0]
        assert layer.keys.untyped_storage().nbytes() == layer.keys.nbytes
        expected = generated(model, ids)
        assert answer(model, kept, ids) == (expected, 16)
    scaled = {"rope_type": "dynamic", "factor": 2.0, "rope_theta": 10000.0}
    model = make_model("internlm2", max_position_embeddings=64, rope_parameters=scaled)
    kept = {}
    short, long = prompt(50), torch.cat((prompt(50), prompt(40, seed=2)), 1)
    crossing, _ = answer(model, kept, short, count=30)
    assert len(crossing) == 80
    assert len(kept["prefix"].ids) <= 64
    expected = generated(model, long)
    assert answer(model, kept, long) == (expected, 0)
    assert not kept  # keys of a long prompt are turned by its own frequencies
    expected = generated(model, short)
    assert answer(model, kept, short) == (expected, 0)
    more = torch.cat((short, prompt(8, seed=4)), 1)
    expected = generated(model, more)
    assert answer(model, kept, more) == (expected, 50)


def test_a_model_with_a_sliding_window_keeps_nothing() -> None:
    model = make_model("qwen2", use_sliding_window=True, sliding_window=8, max_window_layers=0)
    kept: dict[str, Any] = {}
    ids = prompt(30)
    assert answer(model, kept, ids) == (generated(model, ids), 0)
    assert not kept
