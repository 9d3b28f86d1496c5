"""Settings: who wins, what is refused, and that nothing can be changed afterwards."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from ragkit.config import load_config, preset_names, read_preset
from ragkit.errors import ConfigError


def write(folder: Path, *, toml: str = "", env: str = "") -> Path:
    (folder / "ragkit.toml").write_text(toml, "utf-8")
    (folder / ".env").write_text(env, "utf-8")
    return folder


def test_each_layer_wins_over_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, toml="top_k = 2", env="RAGKIT_TOP_K=3")
    monkeypatch.setenv("RAGKIT_TOP_K", "4")
    for argument, expected, origin in ((9, 9, "argument"), (None, 4, "environment")):
        loaded = load_config(arguments={"top_k": argument}, folder=tmp_path)
        assert (loaded.config.top_k, loaded.origins["top_k"]) == (expected, origin)
    monkeypatch.delenv("RAGKIT_TOP_K")
    assert load_config(folder=tmp_path).config.top_k == 3
    write(tmp_path, toml="top_k = 2")
    assert load_config(folder=tmp_path).config.top_k == 2
    write(tmp_path)
    assert load_config(folder=tmp_path).config.top_k == 5


def test_preset_lies_below_the_file(tmp_path: Path) -> None:
    write(tmp_path, toml="preset = 'internlm2'\n[llm]\nmodel = './mine'\n")
    loaded = load_config(folder=tmp_path)
    assert loaded.config.llm.model == "./mine"
    assert loaded.config.llm.kind == "huggingface"
    assert loaded.origins["llm.model"] == "ragkit.toml"
    assert loaded.origins["llm.kind"] == "preset"


@pytest.mark.parametrize("name", preset_names())
def test_every_preset_is_valid_and_described(name: str, tmp_path: Path) -> None:
    assert read_preset(name)["about"].endswith(".")
    assert load_config(arguments={"preset": name}, folder=tmp_path).config.preset == name


def test_auto_follows_the_weights(tmp_path: Path) -> None:
    asked: list[str] = []

    def present(table: dict[str, dict[str, str]]) -> bool:
        asked.append(table["llm"]["model"])
        return True

    loaded = load_config(folder=tmp_path, weights_present=present)
    assert loaded.config.preset == "internlm2"
    assert asked == ["internlm/internlm2-chat-1_8b"]
    without = load_config(folder=tmp_path, weights_present=lambda _: False)
    assert without.config.preset == "lite"
    assert without.notice
    assert "ragkit presets" in without.notice
    chosen = load_config(arguments={"preset": "lite"}, folder=tmp_path)
    assert chosen.notice is None


@pytest.mark.parametrize(
    ("toml", "says"),
    [
        ("topk = 3", "Did you mean 'top_k'?"),
        ("[llm]\nmodle = 'x'", "Did you mean 'llm.model'?"),
        ("top_k = 'many'", "top_k = 'many' (from ragkit.toml)"),
        ("top_k = 0", "greater than or equal to 1"),
        ("[splitter]\nchunk_size = 20\nchunk_overlap = 20", "chunk_overlap"),
        ("[retriever]\nkind = 'dense'", "needs an embedder"),
        ("[retriever]\nkind = 'magic'", "retriever.kind = 'magic'"),
        ("preset = 'internlm'", "Did you mean 'internlm2'?"),
        ("top_k = ", "ragkit.toml cannot be read"),
    ],
)
def test_what_cannot_be_used_is_refused(toml: str, says: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as error:
        load_config(folder=write(tmp_path, toml=toml))
    assert says in str(error.value)


@pytest.mark.parametrize("name", ["RAGKIT_TOPK", "ragkit_topk", "RAGKIT_LLM_MODEL", "RAGKIT_X"])
def test_unknown_variable_is_refused(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ConfigError, match=name.upper()):
        load_config(folder=write(tmp_path, env=f"{name}=1"))
    write(tmp_path)
    monkeypatch.setenv(name, "1")
    with pytest.raises(ConfigError, match=name.upper()):
        load_config(folder=tmp_path)


def test_other_programs_variables_are_not_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, env="HF_ENDPOINT=https://mirror.example\nTOP_K=3\n")
    monkeypatch.setenv("TOP_K", "4")
    assert load_config(folder=tmp_path).config.top_k == 5


def test_settings_are_frozen(tmp_path: Path) -> None:
    config = load_config(folder=tmp_path).config
    with pytest.raises(ValidationError):
        config.top_k = 3
    with pytest.raises(ValidationError):
        config.llm.model = "x"
