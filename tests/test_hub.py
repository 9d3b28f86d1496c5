"""Weights are found where other tools put them, and nowhere else is looked."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ragkit.models.hub import find_weights, home_hub, missing_weights, searched_folders
from ragkit.parts import weights_present

NAME = "owner/model-1.5"


def checkpoint(
    folder: Path,
    *,
    weights: str | None = "model.safetensors",
    vocabulary: str | None = "tokenizer.json",
) -> Path:
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}", "utf-8")
    if vocabulary:
        (folder / vocabulary).write_bytes(b"v")
    if weights:
        (folder / weights).write_bytes(b"w")
    return folder


@pytest.fixture(autouse=True)
def caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)
    monkeypatch.delenv("HUGGINGFACE_HUB_CACHE", raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("MODELSCOPE_CACHE", str(tmp_path / "ms"))


def snapshot(tmp_path: Path, commit: str, **kwargs: str | None) -> Path:
    repository = tmp_path / "hf" / "hub" / "models--owner--model-1.5"
    return checkpoint(repository / "snapshots" / commit, **kwargs)


def test_local_folder(tmp_path: Path) -> None:
    place = checkpoint(tmp_path / "mine")
    assert find_weights(str(place)) == place
    assert find_weights(str(tmp_path / "other")) is None
    assert find_weights("") is None


def test_configuration_without_weights_is_not_enough(tmp_path: Path) -> None:
    assert find_weights(str(checkpoint(tmp_path / "half", weights=None))) is None
    snapshot(tmp_path, "abc", weights=None)
    assert find_weights(NAME) is None


def test_weights_without_a_vocabulary_are_not_enough(tmp_path: Path) -> None:
    place = snapshot(tmp_path, "abc", vocabulary=None)
    (place / "tokenizer_config.json").write_text("{}", "utf-8")
    (place / "special_tokens_map.json").write_text("{}", "utf-8")
    assert find_weights(NAME) is None
    table = {"embedder": {"kind": "huggingface", "model": NAME}, "llm": {"kind": "none"}}
    assert not weights_present(table)
    (place / "tokenizer.model").write_bytes(b"v")
    assert find_weights(NAME) == place
    assert weights_present(table)


@pytest.mark.parametrize(
    "vocabulary", ["vocab.txt", "vocab.json", "spiece.model", "qwen.tiktoken", "tekken.json"]
)
def test_vocabularies_of_all_kinds_count(tmp_path: Path, vocabulary: str) -> None:
    place = snapshot(tmp_path, "abc", vocabulary=vocabulary)
    assert find_weights(NAME) == place


def test_half_of_the_shards_is_not_enough(tmp_path: Path) -> None:
    first, second = (f"model-0000{n}-of-00002.safetensors" for n in (1, 2))
    place = checkpoint(tmp_path / "mine", weights=first)
    index = place / "model.safetensors.index.json"
    assert find_weights(str(place)) is None
    index.write_text(json.dumps({"weight_map": {"a": first, "b": second}}), "utf-8")
    assert find_weights(str(place)) is None
    (place / second).write_bytes(b"w")
    assert find_weights(str(place)) == place
    index.unlink()
    assert find_weights(str(place)) == place


def test_a_link_into_the_void_is_no_weights(tmp_path: Path) -> None:
    place = checkpoint(tmp_path / "mine", weights=None)
    (place / "model.safetensors").symlink_to(tmp_path / "gone")
    assert find_weights(str(place)) is None


def test_huggingface_cache_prefers_main_and_honours_a_revision(tmp_path: Path) -> None:
    old, new = snapshot(tmp_path, "aaa"), snapshot(tmp_path, "bbb")
    references = old.parent.parent / "refs"
    references.mkdir()
    (references / "main").write_text("aaa", "utf-8")
    (references / "v2").write_text("bbb", "utf-8")
    assert find_weights(NAME) == old
    assert find_weights(NAME, revision="bbb") == new
    assert find_weights(NAME, revision="v2") == new
    assert find_weights(NAME, revision="ccc") is None


@pytest.mark.parametrize("variable", ["HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"])
def test_variables_of_the_library_move_its_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv("SCRATCH", str(tmp_path))
    monkeypatch.setenv(variable, "$SCRATCH/elsewhere")
    place = checkpoint(tmp_path / "elsewhere" / "models--owner--model-1.5" / "snapshots" / "aaa")
    assert find_weights(NAME) == place


@pytest.mark.parametrize(
    "layout",
    [
        "models/owner--model-1.5/snapshots/master",  # modelscope 1.38 and later
        "models/owner--model-1.5/snapshots/v1.0",
        "models/owner/model-1___5",
        "hub/models/owner/model-1___5",
        "hub/owner/model-1.5",
        "owner/model-1___5",
    ],
)
def test_modelscope_caches_of_all_versions(tmp_path: Path, layout: str) -> None:
    place = checkpoint(tmp_path / "ms" / layout)
    assert find_weights(NAME) == place
    pinned = find_weights(NAME, revision="v1.0")
    assert pinned == (place if layout.endswith("v1.0") else None)


@pytest.mark.parametrize(
    ("here", "there"),
    [
        ("internlm/internlm2-chat-1_8b", "Shanghai_AI_Laboratory/internlm2-chat-1_8b"),
        ("Qwen/Qwen2-0.5B-Instruct", "qwen/Qwen2-0.5B-Instruct"),
    ],
)
def test_a_model_is_found_under_the_other_hubs_name(tmp_path: Path, here: str, there: str) -> None:
    at_modelscope = tmp_path / "ms" / "models" / there.replace("/", "--") / "snapshots" / "master"
    checkpoint(at_modelscope)
    assert find_weights(here) == find_weights(there) == at_modelscope
    folder = "models--" + here.replace("/", "--")
    at_hf = checkpoint(tmp_path / "hf" / "hub" / folder / "snapshots" / "aaa")
    assert find_weights(here) == at_hf
    assert find_weights(there) is not None
    assert (home_hub(here), home_hub(there)) == ("hf", "modelscope")


def test_missing_weights_say_where_was_looked_and_what_to_do(tmp_path: Path) -> None:
    message = missing_weights(NAME)
    for place in searched_folders(NAME):
        assert str(place) in message
    assert f"ragkit download {NAME}" in message
    assert "--preset lite" in message
    assert f":{tmp_path / 'hf' / 'hub' / 'models--owner--model-1.5'}/" in message
    assert "ragkit download internlm2" in missing_weights(NAME, preset="internlm2")
    assert "abc" in missing_weights(NAME, revision="abc")


def test_a_missing_folder_is_not_offered_for_download(tmp_path: Path) -> None:
    message = missing_weights(str(tmp_path / "gone"))
    assert str(tmp_path / "gone") in message
    assert "download" not in message
