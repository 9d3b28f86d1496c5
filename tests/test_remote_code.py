"""Code in a checkpoint runs when it is needed, pinned and trusted; code in a pickle never does."""

from __future__ import annotations

import json
import pickle
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from tiny_models import MARK, write_internlm2, write_marking_code

from ragkit.errors import ModelUnavailable

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from safetensors.torch import load_file  # noqa: E402

from ragkit.models.remote_code import (  # noqa: E402
    check_complete,
    explained_weights,
    remote_code_allowed,
)

COMMIT = "0123456789abcdef0123456789abcdef01234567"
HOMEMADE = """
from transformers import LlamaConfig, LlamaForCausalLM

class HomemadeConfig(LlamaConfig):
    model_type = "homemade"

class HomemadeModel(LlamaForCausalLM):
    config_class = HomemadeConfig
"""


@pytest.fixture(autouse=True)
def own_module_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keep the copies that transformers makes of remote code out of the user's cache."""
    import transformers.dynamic_module_utils as dynamic

    monkeypatch.setattr(dynamic, "HF_MODULES_CACHE", str(tmp_path / "modules"))
    monkeypatch.syspath_prepend(str(tmp_path / "modules"))


def load(folder: Path, *, revision: str | None = None, trust: bool = False) -> Any:
    """Load as load_llm does."""
    allowed = remote_code_allowed(folder, revision=revision, trust_remote_code=trust)
    with explained_weights(folder):
        model, info = transformers.AutoModelForCausalLM.from_pretrained(
            folder, trust_remote_code=allowed, output_loading_info=True
        )
    check_complete(info, folder=folder)
    return model


@pytest.fixture
def homemade(tmp_path: Path) -> Path:
    """Return a model that loads with its own code only; the code leaves MARK when it runs."""
    folder = tmp_path / "homemade"
    config = transformers.LlamaConfig(
        vocab_size=16,
        hidden_size=8,
        intermediate_size=8,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=2,
    )
    transformers.LlamaForCausalLM(config).save_pretrained(folder)
    write_marking_code(folder / "modeling_homemade.py")
    with (folder / "modeling_homemade.py").open("a", encoding="utf-8") as file:
        file.write(HOMEMADE)
    edit(
        folder / "config.json",
        model_type="homemade",
        architectures=["HomemadeModel"],
        auto_map={
            "AutoConfig": "modeling_homemade.HomemadeConfig",
            "AutoModelForCausalLM": "modeling_homemade.HomemadeModel",
        },
    )
    return folder


def edit(path: Path, **changes: Any) -> None:
    content = json.loads(path.read_text("utf-8")) if path.exists() else {}
    path.write_text(json.dumps(content | changes), "utf-8")


def assert_refused(folder: Path, *named: str, revision: str | None = None, trust: bool) -> None:
    with pytest.raises(ModelUnavailable) as refusal:
        load(folder, revision=revision, trust=trust)
    assert all(word in str(refusal.value) for word in (*named, "revision", "trust_remote_code"))
    assert not (folder / MARK).exists()


@pytest.mark.parametrize(
    ("revision", "trust"),
    [
        (None, False),
        (None, True),
        (COMMIT, False),
        ("main", True),
        ("v1.0", True),
        ("", True),
        (COMMIT + "\n", True),
    ],
)
def test_code_needs_both_settings(homemade: Path, revision: str | None, trust: bool) -> None:
    assert_refused(homemade, "modeling_homemade.py", revision=revision, trust=trust)


def test_pinned_and_trusted_code_runs(homemade: Path) -> None:
    model = load(homemade, revision=COMMIT, trust=True)
    assert type(model).__name__ == "HomemadeModel"
    assert (homemade / MARK).exists()


def test_a_snapshot_of_another_commit_is_refused(homemade: Path) -> None:
    snapshots = homemade.parent / "snapshots"
    snapshots.mkdir()
    folder = homemade.rename(snapshots / COMMIT)
    assert remote_code_allowed(folder, revision=COMMIT, trust_remote_code=True)
    assert remote_code_allowed(folder, revision=COMMIT[:8], trust_remote_code=True)
    with pytest.raises(ModelUnavailable, match=COMMIT):
        remote_code_allowed(folder, revision="f" * 40, trust_remote_code=True)


def test_code_of_another_repository_is_refused(homemade: Path) -> None:
    edit(
        homemade / "config.json",
        auto_map={"AutoModelForCausalLM": "someone/else--modeling_x.Model"},
    )
    with pytest.raises(ModelUnavailable, match=r"someone/else--modeling_x\.py"):
        load(homemade, revision=COMMIT, trust=True)


def test_a_known_type_with_layers_of_its_own_is_not_taken_for_native(homemade: Path) -> None:
    edit(homemade / "config.json", model_type="llama")
    assert_refused(homemade, "modeling_homemade.py", trust=False)


@pytest.mark.parametrize("trust", [False, True])
@pytest.mark.parametrize("revision", [None, COMMIT])
def test_native_models_never_run_code(tmp_path: Path, trust: bool, revision: str | None) -> None:
    folder = write_internlm2(tmp_path / "m")
    assert remote_code_allowed(folder, revision=revision, trust_remote_code=trust) is False
    assert type(load(folder, revision=revision, trust=trust)).__name__ == "InternLM2ForCausalLM"
    assert not (folder / MARK).exists()


def test_a_native_model_that_brings_code_too_loads_natively(homemade: Path) -> None:
    edit(homemade / "config.json", model_type="llama", architectures=["LlamaForCausalLM"])
    assert type(load(homemade, trust=True)).__name__ == "LlamaForCausalLM"
    assert not (homemade / MARK).exists()


def test_a_tokenizer_with_code_needs_both_settings(tmp_path: Path) -> None:
    folder = write_internlm2(tmp_path / "m")
    edit(
        folder / "tokenizer_config.json",
        tokenizer_class="OddTokenizer",
        auto_map={"AutoTokenizer": ["tokenization_odd.OddTokenizer", None]},
    )
    assert_refused(folder, "tokenization_odd.py", trust=True)


def test_an_embedder_with_modules_of_its_own_needs_both_settings(tmp_path: Path) -> None:
    folder = write_internlm2(tmp_path / "m")
    stock = "sentence_transformers.models.Pooling"
    modules = [{"idx": 0, "path": "", "type": stock}]
    (folder / "modules.json").write_text(json.dumps(modules), "utf-8")
    assert remote_code_allowed(folder, revision=None, trust_remote_code=True) is False
    modules.append({"idx": 1, "path": "", "type": "custom_st.Transformer"})
    (folder / "modules.json").write_text(json.dumps(modules), "utf-8")
    assert_refused(folder, "custom_st.py", trust=True)


def test_unreadable_settings_are_said(homemade: Path) -> None:
    (homemade / "config.json").write_text('{"auto_map": ', "utf-8")
    with pytest.raises(ModelUnavailable, match=r"config\.json"):
        remote_code_allowed(homemade, revision=None, trust_remote_code=False)


# Pickles


class Mark:
    """What a malicious pickle holds: unpickling it calls ``open``, which leaves a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, tuple[str, str]]:
        return open, (str(self.path), "w")


def malicious(path: Path, weights: dict[str, Any], form: str) -> None:
    content = {**weights, "extra": Mark(path.parent / MARK)}
    if form == "plain":
        path.write_bytes(pickle.dumps(content["extra"]))
    else:
        torch.save(content, path, _use_new_zipfile_serialization=form == "zip")


@pytest.mark.parametrize("form", ["zip", "legacy", "plain"])
@pytest.mark.parametrize("trust", [False, True])
def test_a_malicious_pickle_is_not_run(tmp_path: Path, form: str, trust: bool) -> None:
    folder = write_internlm2(tmp_path / "m")
    weights = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    malicious(folder / "pytorch_model.bin", weights, form)
    with pytest.raises(ModelUnavailable, match=r"\.bin.*safetensors"):
        load(folder, revision=COMMIT, trust=trust)
    assert not (folder / MARK).exists()
    # The file does what it is said to do when it is read as pickles were.
    with suppress(RuntimeError):  # a plain pickle is no checkpoint, which torch says afterwards
        torch.load(folder / "pytorch_model.bin", weights_only=False)
    assert (folder / MARK).exists()


def test_a_malicious_shard_is_not_run(tmp_path: Path) -> None:
    folder = write_internlm2(tmp_path / "m", layout="bin-sharded")
    shard = folder / "pytorch_model-00002-of-00002.bin"
    malicious(shard, torch.load(shard, weights_only=True), "zip")
    with pytest.raises(ModelUnavailable, match=r"\.bin"):
        load(folder)
    assert not (folder / MARK).exists()


def test_safetensors_are_preferred(tmp_path: Path) -> None:
    folder = write_internlm2(tmp_path / "m")
    malicious(folder / "pytorch_model.bin", {}, "zip")
    assert load(folder).num_parameters() > 0
    assert not (folder / MARK).exists()


# Damaged weights


@pytest.mark.parametrize("kept", [0, 7, 5000, 20000])
def test_a_cut_file_is_said(tmp_path: Path, kept: int) -> None:
    folder = write_internlm2(tmp_path / "m")
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(ModelUnavailable, match="Download"):
        load(folder)


@pytest.mark.parametrize("layout", ["safetensors-sharded", "bin-sharded"])
def test_a_missing_shard_is_said(tmp_path: Path, layout: Any) -> None:
    folder = write_internlm2(tmp_path / "m", layout=layout)
    next(folder.glob("*-00002-of-*")).unlink()
    with pytest.raises(ModelUnavailable, match="00002-of-00002"):
        load(folder)


def test_missing_weights_are_said(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    folder = write_internlm2(tmp_path / "m")
    weights = load_file(folder / "model.safetensors")
    del weights["model.layers.1.attention.wqkv.weight"]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelUnavailable, match=r"3 are missing.*layers\.1\.self_attn"):
        load(folder)


def test_weights_of_another_shape_are_said(tmp_path: Path) -> None:
    folder = write_internlm2(tmp_path / "m")
    edit(folder / "config.json", num_key_value_heads=4)
    with pytest.raises(ModelUnavailable, match="do not load"):
        load(folder)
