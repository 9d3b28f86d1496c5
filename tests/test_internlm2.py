"""Native InternLM2: against the original code's numbers, and on checkpoints made here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_models import (
    MARK,
    Shape,
    random_weights,
    sentencepiece_model,
    write_internlm2,
    write_marking_code,
)

from ragkit.errors import ModelUnavailable
from ragkit.models import internlm2

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
np = pytest.importorskip("numpy")

from safetensors.torch import load_file  # noqa: E402
from transformers import (  # noqa: E402
    AutoConfig,
    AutoModel,
    AutoModelForCausalLM,
    AutoTokenizer,
)

ROOT = Path(__file__).resolve().parent.parent
DYNAMIC = {"type": "dynamic", "factor": 2.0}
GOLDEN = ("internlm2-gqa", "internlm2-rope-bias", "internlm2-full-vocab")
LAYOUTS = ("safetensors", "safetensors-sharded", "bin", "bin-sharded")


@pytest.fixture(autouse=True)
def registered() -> None:
    internlm2.register()


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def load(folder: Path, **more: Any) -> Any:
    model = AutoModelForCausalLM.from_pretrained(
        folder, trust_remote_code=True, dtype=torch.float32, **more
    )
    return model.eval()


def logits(model: Any, ids: Any, mask: Any = None) -> Any:
    with torch.no_grad():
        return model(input_ids=ids, attention_mask=mask).logits


def prompt(length: int, *, seed: int = 1) -> Any:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(3, 250, (1, length), generator=generator)


def reference(weights: dict[str, Any], shape: Shape, ids: Any) -> Any:
    """Logits (batch, tokens, vocabulary) by the paper's formulas, from the original layout."""
    head, groups = shape.hidden // shape.heads, shape.heads // shape.kv_heads
    length = ids.shape[1]

    def linear(x: Any, name: str) -> Any:
        y = x @ weights[name + ".weight"].float().T
        return y + weights[name + ".bias"].float() if name + ".bias" in weights else y

    def norm(x: Any, name: str) -> Any:
        return x / (x.pow(2).mean(-1, keepdim=True) + 1e-5).sqrt() * weights[name].float()

    base = 10000.0
    if shape.rope_scaling and length > shape.trained_length:
        factor = shape.rope_scaling["factor"]
        growth = factor * length / shape.trained_length - (factor - 1)
        base *= growth ** (head / (head - 2))
    angle = torch.arange(length)[:, None] / base ** (torch.arange(0, head, 2) / head)
    cos, sin = (torch.cat((part, part), -1) for part in (angle.cos(), angle.sin()))

    def rotate(x: Any) -> Any:  # (batch, tokens, heads, head)
        half = torch.cat((-x[..., head // 2 :], x[..., : head // 2]), -1)
        return x * cos[:, None] + half * sin[:, None]

    x = weights["model.tok_embeddings.weight"].float()[ids]
    for layer in range(shape.layers):
        at = f"model.layers.{layer}."
        fused = linear(norm(x, at + "attention_norm.weight"), at + "attention.wqkv")
        fused = fused.view(*ids.shape, shape.kv_heads, groups + 2, head)
        query = rotate(fused[..., :groups, :].reshape(*ids.shape, shape.heads, head))
        key = rotate(fused[..., groups, :]).repeat_interleave(groups, 2)
        value = fused[..., groups + 1, :].repeat_interleave(groups, 2)
        scores = torch.einsum("bqhd,bkhd->bhqk", query, key) / head**0.5
        future = torch.ones(length, length, dtype=torch.bool).triu(1)
        seen = scores.masked_fill(future, -torch.inf).softmax(-1)
        mixed = torch.einsum("bhqk,bkhd->bqhd", seen, value).reshape(*ids.shape, shape.hidden)
        x = x + linear(mixed, at + "attention.wo")
        y = norm(x, at + "ffn_norm.weight")
        gate = torch.nn.functional.silu(linear(y, at + "feed_forward.w1"))
        x = x + linear(gate * linear(y, at + "feed_forward.w3"), at + "feed_forward.w2")
    return linear(norm(x, "model.norm.weight"), "output")


def weights_of(folder: Path) -> dict[str, Any]:
    return {
        name: tensor
        for path in sorted(folder.glob("*.safetensors"))
        for name, tensor in load_file(path).items()
    }


# The original code's numbers


def golden_cases() -> list[tuple[str, str]]:
    names = ("p1", "p8", "p31", "p60", "batch_left", "batch_right")
    past = [("internlm2-rope-bias", name) for name in ("p100_over_max", "p150_over_max")]
    return [(model, name) for model in GOLDEN for name in names] + past


@pytest.fixture(scope="module")
def golden_models(shared: Path) -> dict[str, Any]:
    internlm2.register()
    return {name: load(shared / "models" / name) for name in GOLDEN}


@pytest.mark.parametrize(("name", "case"), golden_cases())
def test_logits_and_tokens_are_the_original_ones(
    shared: Path, golden_models: dict[str, Any], name: str, case: str
) -> None:
    folder = shared / "models" / name / "golden"
    golden = json.loads((folder / "golden.json").read_text("utf-8"))["cases"][case]
    ids, mask = torch.tensor(golden["input_ids"]), torch.tensor(golden["attention_mask"])
    model = golden_models[name]
    found = logits(model, ids, mask)
    if "logits_file" in golden:
        wanted = torch.from_numpy(np.load(folder / golden["logits_file"]))
        if wanted.ndim == 2:  # of the last position only
            wanted, seen = wanted[:, None], mask[:, -1:].bool()
        else:
            seen = mask.bool()
        difference = (found[:, -wanted.shape[1] :] - wanted).abs()[seen]
        assert difference.max() < 1e-4
    for top in golden["last_token_top8"]:
        row = found[top["row"], top["pos"]]
        assert row.topk(8).indices.tolist() == top["top_ids"]
        assert row[top["top_ids"]].tolist() == pytest.approx(top["top_logits"], abs=1e-4)
    if "greedy_24" in golden:
        ends, model.generation_config.eos_token_id = model.generation_config.eos_token_id, None
        out = model.generate(ids, attention_mask=mask, max_new_tokens=24, do_sample=False)
        model.generation_config.eos_token_id = ends
        assert out[:, ids.shape[1] :].tolist() == golden["greedy_24"]


def test_ids_and_text_are_the_original_ones(shared: Path) -> None:
    folder = shared / "models" / "internlm2-tokenizer"
    golden = json.loads((folder / "golden_ids.json").read_text("utf-8"))
    tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=True)
    for case in golden["strings"]:
        text, ids = case["text"], tokenizer(case["text"])["input_ids"]
        assert ids == case["fast"], text
        assert tokenizer.decode(ids, skip_special_tokens=True) == case["fast_dec"], text
        assert tokenizer.decode(ids) == case["fast_dec_sp"], text
        if "[UNUSED_TOKEN_" not in text:  # the slow one took that text for a special token
            assert ids == case["slow"], text
    chat = golden["chat"]
    rendered = tokenizer.apply_chat_template(
        chat["messages"], tokenize=False, add_generation_prompt=True
    )
    assert rendered == chat["text"]
    assert tokenizer(rendered, add_special_tokens=False)["input_ids"] == chat["ids"]


def test_chat_is_the_original_one_and_stops(shared: Path, golden_models: dict[str, Any]) -> None:
    folder = shared / "models" / "internlm2-gqa"
    golden = json.loads((folder / "golden" / "golden_text.json").read_text("utf-8"))
    tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=True)
    for case in golden["tokenizer"]:
        ids = tokenizer(case["text"])["input_ids"]
        assert ids == case["ids"]
        assert tokenizer.decode(ids) == case["decoded"]
        assert tokenizer.decode(ids, skip_special_tokens=True) == case["decoded_skip_special"]
    model = golden_models["internlm2-gqa"]
    assert model.generation_config.eos_token_id == golden["eos_ids"]
    assert any(case["ended_by_im_end"] for case in golden["chat"])
    for case in golden["chat"]:
        rendered = tokenizer.apply_chat_template(
            case["messages"], tokenize=False, add_generation_prompt=True
        )
        assert rendered == case["prompt_text"]
        ids = torch.tensor([tokenizer(rendered, add_special_tokens=False)["input_ids"]])
        assert ids.tolist() == [case["prompt_ids"]]
        out = model.generate(
            ids, max_new_tokens=24, do_sample=False, attention_mask=torch.ones_like(ids)
        )
        answer = out[0, ids.shape[1] :].tolist()
        assert answer == case["greedy_ids"]
        assert (answer[-1] == tokenizer.convert_tokens_to_ids("<|im_end|>")) == case[
            "ended_by_im_end"
        ]
        assert tokenizer.decode(answer, skip_special_tokens=True) == case["greedy_text"]


def test_published_vocabulary_ends_at_both_tokens(golden_models: dict[str, Any]) -> None:
    model = golden_models["internlm2-full-vocab"]
    assert model.generation_config.eos_token_id == [2, 92542]


# Checkpoints made here


@pytest.mark.parametrize("layout", LAYOUTS)
def test_original_folder_loads_as_it_is(tmp_path: Path, layout: Any) -> None:
    shape = Shape(kv_heads=2, bias=layout == "bin")
    folder = write_internlm2(tmp_path / "m", shape=shape, layout=layout)
    (folder / "custom_generate").mkdir()
    write_marking_code(folder / "custom_generate" / "generate.py")
    model = load(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=True)
    config = AutoConfig.from_pretrained(folder, trust_remote_code=True)
    assert config.model_type == "internlm2"
    assert model.config.attention_bias is shape.bias
    weights = random_weights(shape, len(tokenizer), seed=0)
    ids = prompt(20)
    assert (logits(model, ids) - reference(weights, shape, ids)).abs().max() < 1e-4
    assert not list(folder.rglob(MARK))


@pytest.mark.parametrize(
    ("heads", "kv_heads", "bias"),
    [(4, 4, False), (4, 1, True), (6, 2, True), (6, 3, False), (8, 2, False)],
)
def test_any_grouping_of_heads(tmp_path: Path, heads: int, kv_heads: int, bias: bool) -> None:
    shape = Shape(heads=heads, kv_heads=kv_heads, hidden=heads * 8, bias=bias)
    folder = write_internlm2(tmp_path / "m", shape=shape)
    ids = prompt(17)
    wanted = reference(weights_of(folder), shape, ids)
    assert (logits(load(folder), ids) - wanted).abs().max() < 1e-4


@pytest.mark.parametrize("kernel", ["eager", "sdpa"])
def test_padding_changes_nothing(tmp_path: Path, kernel: str) -> None:
    folder = write_internlm2(tmp_path / "m")
    model = load(folder, attn_implementation=kernel)
    assert model.config._attn_implementation == kernel
    short, long = prompt(9), prompt(15, seed=2)
    ids = torch.full((2, 15), 2)
    ids[0, 6:], ids[1] = short, long
    mask = (torch.arange(15) >= torch.tensor([[6], [0]])).long()
    positions = (mask.cumsum(-1) - 1).clamp(min=0)
    with torch.no_grad():
        both = model(input_ids=ids, attention_mask=mask, position_ids=positions).logits
    assert (both[0, 6:] - logits(model, short)[0]).abs().max() < 1e-4
    assert (both[1] - logits(model, long)[0]).abs().max() < 1e-4
    ids[0, :9], ids[0, 9:] = short, 2
    right = logits(model, ids, mask.flip(1))
    assert (right[0, :9] - logits(model, short)[0]).abs().max() < 1e-4


def test_the_pinned_eager_attention_is_dropped(tmp_path: Path) -> None:
    assert load(write_internlm2(tmp_path / "m")).config._attn_implementation == "sdpa"


# Dynamic NTK rope


@pytest.fixture(scope="module")
def stretched(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Shape]:
    shape = Shape(trained_length=32, rope_scaling=DYNAMIC, bias=True)
    return write_internlm2(tmp_path_factory.mktemp("rope") / "m", shape=shape), shape


@pytest.mark.parametrize("length", [5, 31, 32, 33, 40, 90])
def test_rope_past_the_trained_length(stretched: tuple[Path, Shape], length: int) -> None:
    folder, shape = stretched
    ids = prompt(length)
    wanted = reference(weights_of(folder), shape, ids)
    assert (logits(load(folder), ids) - wanted).abs().max() < 1e-4


def test_a_long_prompt_leaves_no_trace(stretched: tuple[Path, Shape]) -> None:
    folder, _ = stretched
    model, fresh = load(folder), load(folder)
    for length in (8, 31, 32, 33, 50):
        logits(model, prompt(90))
        assert torch.equal(logits(model, prompt(length)), logits(fresh, prompt(length))), length


def test_concurrent_prompts_do_not_meet(stretched: tuple[Path, Shape]) -> None:
    folder, _ = stretched
    model = load(folder)
    prompts = [prompt(length, seed=length) for length in (6, 90, 20, 60)]
    alone = [logits(model, ids) for ids in prompts]
    barrier = threading.Barrier(len(prompts))

    def ask(number: int) -> float:
        barrier.wait()
        found = [logits(model, prompts[number]) for _ in range(15)]
        return max(float((each - alone[number]).abs().max()) for each in found)

    with ThreadPoolExecutor(len(prompts)) as pool:
        assert max(pool.map(ask, range(len(prompts)))) < 1e-5


def test_generation_across_the_trained_length_repeats(stretched: tuple[Path, Shape]) -> None:
    folder, _ = stretched
    model = load(folder)
    model.generation_config.eos_token_id = None
    ids = prompt(25)

    def tokens() -> list[int]:
        mask = torch.ones_like(ids)
        return model.generate(ids, attention_mask=mask, max_new_tokens=20, do_sample=False).tolist()

    assert tokens() == tokens()


@pytest.mark.parametrize("scaling", [None, {"type": "linear", "factor": 2.0}])
def test_other_rope_is_llama_s(tmp_path: Path, scaling: Any) -> None:
    shape = Shape(trained_length=32, rope_scaling=scaling)
    folder = write_internlm2(tmp_path / "m", shape=shape)
    model = load(folder)
    llama = transformers.LlamaForCausalLM(
        transformers.LlamaConfig(
            **{k: v for k, v in model.config.to_dict().items() if k != "model_type"}
        )
    ).eval()
    llama.load_state_dict(model.state_dict())
    assert torch.equal(logits(model, prompt(50)), logits(llama, prompt(50)))


# What comes with Llama


@pytest.mark.parametrize("bias", [False, True])
def test_saved_checkpoint_has_the_original_layout(tmp_path: Path, bias: bool) -> None:
    folder = write_internlm2(tmp_path / "m", shape=Shape(bias=bias, rope_scaling=DYNAMIC))
    model = load(folder)
    model.save_pretrained(tmp_path / "saved", max_shard_size="20KB")
    AutoTokenizer.from_pretrained(folder).save_pretrained(tmp_path / "saved")
    assert len(list((tmp_path / "saved").glob("*.safetensors"))) > 1
    before, after = weights_of(folder), weights_of(tmp_path / "saved")
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    config = json.loads((tmp_path / "saved" / "config.json").read_text("utf-8"))
    assert (config["model_type"], config["bias"]) == ("internlm2", bias)
    again = load(tmp_path / "saved")
    assert again.generation_config.eos_token_id == model.generation_config.eos_token_id
    assert torch.equal(logits(model, prompt(12)), logits(again, prompt(12)))
    text = "the server needs 内存 <|im_end|> ok"
    first, second = (AutoTokenizer.from_pretrained(p) for p in (folder, tmp_path / "saved"))
    assert first(text)["input_ids"] == second(text)["input_ids"]


def test_model_made_from_a_config_saves_in_the_original_layout(tmp_path: Path) -> None:
    config = AutoConfig.from_pretrained(write_internlm2(tmp_path / "m"))
    model = AutoModelForCausalLM.from_config(config)
    model.save_pretrained(tmp_path / "saved")
    names = weights_of(tmp_path / "saved").keys()
    assert names == weights_of(tmp_path / "m").keys()
    assert torch.equal(logits(model.eval(), prompt(9)), logits(load(tmp_path / "saved"), prompt(9)))


def test_base_model_gives_hidden_states(tmp_path: Path) -> None:
    folder = write_internlm2(tmp_path / "m", layout="safetensors-sharded")
    base, info = AutoModel.from_pretrained(
        folder, trust_remote_code=True, dtype=torch.float32, output_loading_info=True
    )
    assert not info["missing_keys"]
    assert not info["unexpected_keys"]
    model = load(folder)
    with torch.no_grad():
        hidden = base.eval()(input_ids=prompt(9)).last_hidden_state
    assert torch.equal(model.lm_head(hidden), logits(model, prompt(9)))


@pytest.mark.parametrize("cache", ["dynamic", "static"])
def test_generation_with_a_cache_is_generation_without(tmp_path: Path, cache: str) -> None:
    model = load(write_internlm2(tmp_path / "m"))
    model.generation_config.eos_token_id = None
    ids = prompt(10)
    out = model.generate(
        ids,
        attention_mask=torch.ones_like(ids),
        max_new_tokens=12,
        do_sample=False,
        cache_implementation=cache,
        disable_compile=True,
    )
    for _ in range(12):
        ids = torch.cat((ids, logits(model, ids)[:, -1:].argmax(-1)), 1)
    assert out.tolist() == ids.tolist()


def test_stored_precision_is_kept(tmp_path: Path) -> None:
    folder = write_internlm2(tmp_path / "m", shape=Shape(dtype="bfloat16"))
    model = AutoModelForCausalLM.from_pretrained(folder)
    assert model.dtype == torch.bfloat16
    assert model.model.rotary_emb.inv_freq.dtype == torch.float32


# End of generation


def test_generation_ends_at_the_end_of_a_turn(tmp_path: Path) -> None:
    folder = write_internlm2(tmp_path / "m")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    end = tokenizer.convert_tokens_to_ids("<|im_end|>")
    model = load(folder)
    assert model.generation_config.eos_token_id == [2, end]
    ids = prompt(6)
    chosen = int(logits(model, ids)[0, -1].argmax())
    head = model.lm_head.weight.data
    head[[chosen, end]] = head[[end, chosen]]  # what it would say first is now the end
    out = model.generate(
        ids, attention_mask=torch.ones_like(ids), max_new_tokens=20, do_sample=False
    )
    assert out[0, 6:].tolist() == [end]


def test_without_a_tokenizer_the_published_end_remains(tmp_path: Path) -> None:
    folder = write_internlm2(tmp_path / "m")
    (folder / "tokenizer_config.json").unlink()
    assert load(folder).generation_config.eos_token_id == 2


# The tokenizer


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Any:
    internlm2.register()
    folder = write_internlm2(tmp_path_factory.mktemp("tokenizer") / "m")
    return AutoTokenizer.from_pretrained(folder, trust_remote_code=True)


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=60))
def test_any_text_comes_back(tokenizer: Any, text: str) -> None:
    text = text.replace("▁", " ")  # sentencepiece's own sign for a space cannot
    ids = tokenizer(text)["input_ids"]
    assert ids[0] == tokenizer.bos_token_id
    assert tokenizer.decode(ids[1:], skip_special_tokens=False) == text


def test_words_are_joined_and_turns_are_marked(tokenizer: Any) -> None:
    assert tokenizer.tokenize(" the server 知识库") == ["▁the", "▁server", "▁", "知识库"]
    text = tokenizer.apply_chat_template(
        [{"role": "user", "content": "端口？"}], tokenize=False, add_generation_prompt=True
    )
    assert text == "<s><|im_start|>user\n端口？<|im_end|>\n<|im_start|>assistant\n"
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    start, end = (tokenizer.convert_tokens_to_ids(t) for t in ("<|im_start|>", "<|im_end|>"))
    assert (ids.count(1), ids.count(start), ids.count(end)) == (1, 2, 1)
    assert max(ids) < len(tokenizer)


@pytest.mark.parametrize(
    "name", ["InternLM2Tokenizer", "InternLM2TokenizerFast", "PreTrainedTokenizerFast", None]
)
@pytest.mark.parametrize("trust", [True, False])
def test_settings_of_any_kind_find_the_tokenizer(
    tmp_path: Path, tokenizer: Any, name: str | None, trust: bool
) -> None:
    folder = write_internlm2(tmp_path / "m")
    path = folder / "tokenizer_config.json"
    content = json.loads(path.read_text("utf-8"))
    del content["auto_map"]
    content["tokenizer_class"] = name
    path.write_text(json.dumps({k: v for k, v in content.items() if v is not None}), "utf-8")
    text = "the server 默认端口 <|im_end|>\n ok"
    found = AutoTokenizer.from_pretrained(folder, trust_remote_code=trust)
    assert found(text)["input_ids"] == tokenizer(text)["input_ids"]


@pytest.mark.parametrize(("best", "wanted"), [("ab", ["ab", "c"]), ("bc", ["a", "bc"])])
def test_the_best_score_joins_first(tmp_path: Path, best: str, wanted: list[str]) -> None:
    write_internlm2(tmp_path)
    joined = [(text, -1.0 if text == best else -2.0, 1) for text in ("ab", "bc")]
    letters = [(letter, -9.0, 1) for letter in "abc"]
    model = sentencepiece_model([("<unk>", 0.0, 2), ("<s>", 0.0, 3), *joined, *letters])
    (tmp_path / "tokenizer.model").write_bytes(model)
    (tmp_path / "tokenizer_config.json").unlink()
    assert AutoTokenizer.from_pretrained(tmp_path).tokenize("abc") == wanted


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_broken_tokenizer_model_is_said(tmp_path_factory: Any, data: st.DataObject) -> None:
    folder = tmp_path_factory.mktemp("broken")
    write_internlm2(folder)
    whole = (folder / "tokenizer.model").read_bytes()
    cut = data.draw(
        st.one_of(st.integers(0, len(whole) - 30).map(lambda n: whole[:n]), st.binary())
    )
    (folder / "tokenizer.model").write_bytes(cut)
    with pytest.raises(ModelUnavailable, match=r"tokenizer\.model"):
        AutoTokenizer.from_pretrained(folder)


# Registration


def test_importing_loads_no_model_library() -> None:
    code = "import ragkit.models.internlm2, sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"torch", "transformers", "tokenizers"} & set(done.stdout.split())


def test_registering_again_changes_nothing(tmp_path: Path) -> None:
    folder = write_internlm2(tmp_path / "m")
    before = type(load(folder))
    for _ in range(2):
        internlm2.register()
    assert type(load(folder)) is before


@pytest.mark.parametrize("version", ["4.57.1", "5.4.0", "6.0.0", "5.5.3.dev0"])
def test_other_transformers_are_refused(monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    monkeypatch.setattr("transformers.__version__", version)
    with pytest.raises(ModelUnavailable, match=r"transformers>=5\.5\.4,<6"):
        internlm2.register()


def test_llama_is_left_alone(tmp_path: Path) -> None:
    config = transformers.LlamaConfig(
        vocab_size=64,
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
    )
    transformers.LlamaForCausalLM(config).save_pretrained(tmp_path)
    assert "model.embed_tokens.weight" in weights_of(tmp_path)
    assert type(AutoModelForCausalLM.from_pretrained(tmp_path)).__name__ == "LlamaForCausalLM"


# Memory

MEASURE = """
import sys, threading, torch
from ragkit.models.internlm2 import register
register()
from transformers import AutoModelForCausalLM
import transformers.models.llama.modeling_llama

def memory():
    lines = dict(line.split(":", 1) for line in open("/proc/self/status"))
    return [int(lines[name].split()[0]) for name in ("RssAnon", "RssFile")]

torch.set_num_threads(1)
before, peak, done = memory(), [0, 0], threading.Event()
def watch():
    while not done.wait(0.001):
        peak[:] = map(max, peak, memory())
watcher = threading.Thread(target=watch)
watcher.start()
model = AutoModelForCausalLM.from_pretrained(sys.argv[1])
with torch.no_grad():
    model(torch.arange(3, 40)[None])
done.set(); watcher.join()
print(*((high - low) / 1024 for high, low in zip(peak, before)))
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="measured through /proc")
def test_loading_keeps_one_copy(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shape = Shape(
        layers=12,
        hidden=1024,
        heads=16,
        kv_heads=8,
        intermediate=2560,
        vocabulary=24000,
        dtype="bfloat16",
    )
    folder = write_internlm2(tmp_path / "m", shape=shape)
    size = (folder / "model.safetensors").stat().st_size / 2**20
    fused = 12 * 2 * 1024 * 1024 * 2 / 2**20
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(folder)],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    own, mapped = map(float, done.stdout.split()[-2:])
    with capsys.disabled():
        print(f"\n{size:.0f} MiB of weights: {own:.0f} MiB own, {mapped:.0f} MiB mapped at peak")
    assert mapped < 1.2 * size
    assert own < fused + 0.1 * size  # wqkv is split into copies, nothing else is copied
