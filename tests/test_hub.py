"""Weights are found where other tools put them, and nowhere else is looked."""

from __future__ import annotations

from pathlib import Path

import pytest

from ragkit.errors import ModelUnavailable
from ragkit.models.embedder import load_embedder
from ragkit.models.hub import find_weights, searched_folders

NAME = "owner/model-1.5"


def checkpoint(folder: Path, *, weights: str | None = "model.safetensors") -> Path:
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}", "utf-8")
    if weights:
        (folder / weights).write_bytes(b"w")
    return folder


@pytest.fixture(autouse=True)
def caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)
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


def test_modelscope_cache_escapes_dots(tmp_path: Path) -> None:
    place = checkpoint(tmp_path / "ms" / "models" / "owner" / "model-1___5")
    assert find_weights(NAME) == place


def test_missing_weights_say_where_was_looked_and_what_to_do() -> None:
    with pytest.raises(ModelUnavailable) as error:
        load_embedder(NAME)
    for place in searched_folders(NAME):
        assert str(place) in str(error.value)
    assert f"hf download {NAME}" in str(error.value)
    assert "--preset lite" in str(error.value)
