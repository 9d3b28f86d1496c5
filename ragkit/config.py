"""Settings: one frozen object, and where each value came from.

Precedence, highest first: arguments, ``RAGKIT_*`` environment variables, ``.env``, ``ragkit.toml``,
the preset, defaults. ``.env`` and ``ragkit.toml`` are looked for in the working directory. Nested
settings are tables in TOML (``[llm]``) and take two underscores in the environment
(``RAGKIT_LLM__MODEL``). A key that ragkit does not know is an error, never ignored.
"""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

from dotenv import dotenv_values
from pydantic import BaseModel, ConfigDict, Field, SecretStr, StringConstraints, ValidationError
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from ragkit.errors import ConfigError
from ragkit.types import PromptStyle, RetrieverKind

__all__ = ["Config", "Loaded", "load_config", "preset_names", "read_preset"]

PREFIX = "RAGKIT_"
AUTO = "auto"
_NO_SETTINGS = ("about", "reproduces", "hardware", "tested", "memory_gib")  # of a preset's file
Device = Annotated[str, Field(pattern=r"^(auto|cpu|mps|cuda(:\d+)?)$")]
Dtype = Literal["auto", "float32", "bfloat16", "float16"]
Prefix = Annotated[str, StringConstraints(strip_whitespace=False)]  # "query: " ends in a space
_FROZEN = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)


class EmbedderSettings(BaseModel):
    """Which model turns text into vectors; ``none`` leaves retrieval to words alone."""

    model_config = _FROZEN
    kind: Literal["none", "huggingface", "llm"] = "none"
    model: str = Field("", description="Name on a hub, or a local folder.")
    revision: str | None = Field(None, description="Commit of the weights.")
    trust_remote_code: bool = Field(False, description="Run the repository's own model code.")
    device: Device = Field("auto", description="auto, cpu, mps, cuda or cuda:N.")
    dtype: Dtype = Field("auto", description="Number format of the weights in memory.")
    backend: Literal["auto", "torch", "onnx", "openvino"] = Field(
        "auto", description="What computes the vectors; auto takes the fastest installed."
    )
    batch_size: int = Field(32, ge=1, le=4096, description="Texts embedded at once.")
    query_prefix: Prefix | None = Field(None, description="Put before questions; unset: by model.")
    document_prefix: Prefix | None = Field(None, description="Put before nodes; unset: by model.")


class LLMSettings(BaseModel):
    """Which model writes the answer; ``none`` answers in the documents' own sentences."""

    model_config = _FROZEN
    kind: Literal["none", "huggingface", "openai", "vllm"] = "none"
    model: str = Field("", description="Name on a hub, a local folder, or a server's model id.")
    revision: str | None = Field(None, description="Commit of the weights.")
    trust_remote_code: bool = Field(False, description="Run the repository's own model code.")
    base_url: str | None = Field(None, description="Address of an OpenAI-compatible server.")
    api_key: SecretStr | None = Field(None, description="The server's key, where it wants one.")
    device: Device = Field("auto", description="auto, cpu, mps, cuda or cuda:N.")
    dtype: Dtype = Field("auto", description="Number format of the weights in memory.")
    quantization: Literal["none", "int8", "int4"] = Field(
        "none", description="Weights in fewer bits: faster and smaller, a little less exact."
    )
    max_new_tokens: int = Field(512, ge=1, le=32768, description="Longest answer, in tokens.")
    temperature: float = Field(0.0, ge=0, le=2, description="0: always the likeliest token.")
    top_p: float = Field(1.0, gt=0, le=1, description="Share of likelihood that is sampled from.")
    seed: int | None = Field(None, ge=0, description="Makes sampling repeatable.")
    context_window: int | None = Field(
        None, ge=256, description="Tokens of prompt and answer; empty: what the model has."
    )
    timeout: float = Field(300.0, gt=0, description="Seconds for an answer, and for a server.")
    gpu_memory_utilization: float = Field(
        0.8, gt=0, le=1, description="Share of the GPU's memory for vLLM in this process."
    )
    prompt: PromptStyle = Field(
        "direct",
        description="grounded: sources are judged first; system: in the system message.",
    )


class StoreSettings(BaseModel):
    """Where the index is."""

    model_config = _FROZEN
    uri: str | None = Field(None, description="SQLite file or store URI; empty: one a folder.")
    token: SecretStr | None = Field(None, description="The store server's key or token.")
    words: Literal["file", "engine"] = Field(
        "file", description="Where words are looked up: in the file, or in the engine's copy."
    )


class RetrieverSettings(BaseModel):
    """How nodes are found."""

    model_config = _FROZEN
    kind: RetrieverKind = Field(
        "lexical", description="By words, by vectors, by both; or tfidf, bm25, to compare with."
    )
    neighbours: int = Field(
        1200,
        ge=0,
        le=20_000,
        description="Characters that a node grows to for a model to read; 0: as it was found.",
    )
    rerank_model: str = Field("", description="Cross-encoder that orders what was found.")
    rerank_seconds: float = Field(2.0, gt=0, description="Time for it; then the order stands.")
    rerank_candidates: int = Field(20, ge=1, le=200, description="Nodes that it orders.")

    @property
    def uses_vectors(self) -> bool:
        """Whether a question is embedded."""
        return self.kind in ("dense", "hybrid")


class SplitterSettings(BaseModel):
    """How documents become nodes; ``lite`` has words, and characters of Chinese, for tokens."""

    model_config = _FROZEN
    unit: Literal["tokens", "characters"] = Field(
        "tokens", description="What sizes are counted in: tokens of the embedder, or characters."
    )
    chunk_size: int = Field(200, ge=16, le=8192, description="Largest node.")
    chunk_overlap: int = Field(0, ge=0, le=4096, description="Repeated from the last node.")


class IngestSettings(BaseModel):
    """What is read from the folder."""

    model_config = _FROZEN
    max_file_mb: int = Field(100, ge=1, description="Larger files are skipped and reported.")
    file_seconds: float = Field(60, gt=0, description="Time to read one file; then it is skipped.")
    file_memory_mb: int = Field(1024, ge=64, description="Memory to read one file, in megabytes.")
    hidden: bool = Field(False, description="Read files whose names begin with a dot, too.")
    password_file: Path | None = Field(None, description="Passwords of protected files.")
    ocr: Literal["auto", "off"] = Field(
        "auto", description="Read scanned pages, where the extra ocr is installed."
    )


class AppSettings(BaseModel):
    """What the chat in the browser allows."""

    model_config = _FROZEN
    shared: bool = Field(False, description="Everyone sees all chats, not only the own ones.")
    max_upload_mb: int = Field(50, ge=1, le=10_000, description="Largest file to upload.")
    max_upload_files: int = Field(200, ge=1, le=100_000, description="Files of one upload.")


class Config(BaseSettings):
    """All settings, validated and frozen. Build it with ``load_config``."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        dotenv_filtering="only_existing",
        frozen=True,
        extra="forbid",
        str_strip_whitespace=True,
    )
    preset: str = Field(AUTO, description="One of `ragkit presets`, or auto.")
    home: Path | None = Field(None, description="Folder of the indexes, by default the user's.")
    top_k: int = Field(5, ge=1, le=100, description="Nodes retrieved for a question.")
    embedder: EmbedderSettings = EmbedderSettings()
    llm: LLMSettings = LLMSettings()
    store: StoreSettings = StoreSettings()
    retriever: RetrieverSettings = RetrieverSettings()
    splitter: SplitterSettings = SplitterSettings()
    ingest: IngestSettings = IngestSettings()
    app: AppSettings = AppSettings()
    app_token: SecretStr | None = Field(None, description="Word that the chat asks for.")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take values from ``load_config`` alone, which merges the layers and remembers them."""
        return (init_settings,)


@dataclass(frozen=True, slots=True)
class Loaded:
    """A ``Config`` and the layer each dotted key came from, such as ``{"llm.model": "preset"}``.

    ``notice`` is a line for the user when ``auto`` chose, else None.
    """

    config: Config
    origins: Mapping[str, str]
    notice: str | None = None


def preset_names() -> tuple[str, ...]:
    """Return the names of the presets that ship with ragkit, ``lite`` first."""
    folder = resources.files("ragkit") / "presets"
    names = {p.name.removesuffix(".toml") for p in folder.iterdir() if p.name.endswith(".toml")}
    return tuple(sorted(names, key=lambda name: (name != "lite", name)))


def read_preset(name: str) -> dict[str, Any]:
    """Return a preset's table; raise ConfigError for an unknown name.

    Besides settings it holds ``about``, a sentence; ``reproduces``, ``hardware`` and ``tested``,
    for people; and ``memory_gib``, what its models take.
    """
    if name not in preset_names():
        raise ConfigError(_unknown("preset", name, preset_names(), "List them: ragkit presets"))
    text = (resources.files("ragkit") / "presets" / f"{name}.toml").read_text("utf-8")
    return tomllib.loads(text)


def load_config(
    *,
    arguments: Mapping[str, Any] | None = None,
    folder: Path | None = None,
    weights_present: Callable[[Mapping[str, Any]], bool] | None = None,
) -> Loaded:
    """Merge the layers and validate them.

    ``arguments`` are dotted keys (``{"top_k": 3, "store.uri": "i.db"}``); None values are left out.
    ``folder`` holds ``.env`` and ``ragkit.toml`` (default: the working directory).
    ``weights_present`` is asked with the table of preset ``internlm2`` when the preset is ``auto``.
    Raises ConfigError for a key, preset or value that cannot be used.
    """
    folder = folder or Path()
    layers: list[tuple[str, dict[str, Any]]] = [
        ("ragkit.toml", _flatten(_read_toml(folder / "ragkit.toml"))),
        (".env", _read_environment(folder / ".env")),
        ("environment", _read_environment(None)),
        ("argument", {k: v for k, v in (arguments or {}).items() if v is not None}),
    ]
    known = set(_keys(Config))
    for name, layer in layers:
        for key in layer:
            if key not in known:
                raise ConfigError(_unknown("setting", key, known, f"It comes from {name}."))
    requested = AUTO
    for _, layer in layers:
        requested = layer.get("preset", requested)
    name, notice = _choose_preset(requested, weights_present)
    table = read_preset(name)
    for key in _NO_SETTINGS:
        table.pop(key, None)
    layers.insert(0, ("preset", _flatten(table)))
    merged: dict[str, Any] = {}
    origins: dict[str, str] = dict.fromkeys(known, "default")
    for layer_name, layer in layers:
        merged.update(layer)
        origins.update(dict.fromkeys(layer, layer_name))
    merged["preset"] = name
    try:
        config = Config(**_nest(merged))
    except ValidationError as error:
        raise ConfigError(_invalid(error, origins)) from None
    _check_together(config)
    return Loaded(config, origins, notice)


def _choose_preset(
    requested: str, weights_present: Callable[[Mapping[str, Any]], bool] | None
) -> tuple[str, str | None]:
    if requested != AUTO:
        return requested, None
    if weights_present and weights_present(read_preset("internlm2")):
        return "internlm2", "Preset internlm2: its weights are on this machine."
    return "lite", (
        "Preset lite: answers are quoted from the documents, without a model. "
        "For one that writes: ragkit download internlm2; the others: ragkit presets"
    )


def _check_together(config: Config) -> None:
    if config.splitter.chunk_overlap >= config.splitter.chunk_size:
        raise ConfigError(
            f"splitter.chunk_overlap is {config.splitter.chunk_overlap}, but a node holds "
            f"{config.splitter.chunk_size} {config.splitter.unit}. "
            "Make the overlap smaller than chunk_size."
        )
    if config.retriever.uses_vectors and config.embedder.kind == "none":
        raise ConfigError(
            f"retriever.kind '{config.retriever.kind}' needs an embedder, and preset "
            f"'{config.preset}' has none. Set embedder.kind and embedder.model, or use lexical."
        )


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise ConfigError(f"{path} cannot be read: {error}. Correct or remove the file.") from None


def _read_environment(env_file: Path | None) -> dict[str, Any]:
    """Return dotted keys from a ``.env`` file, or from the process's environment when None."""
    names: Mapping[str, Any] = os.environ
    if env_file is not None:
        if not env_file.is_file():
            return {}
        try:
            names = dotenv_values(env_file)
        except (UnicodeDecodeError, OSError) as error:
            raise ConfigError(f"{env_file} cannot be read: {error}.") from None
    known = {PREFIX + key.upper().replace(".", "__"): key for key in _keys(Config)}
    for name in names:
        if name.upper().startswith(PREFIX) and name.upper() not in known:
            where = "It is set in .env." if env_file else "Unset it, or correct its name."
            raise ConfigError(_unknown("variable", name.upper(), known, where))
    source: EnvSettingsSource
    if env_file is None:
        source = EnvSettingsSource(Config)
    else:
        source = DotEnvSettingsSource(Config, env_file=env_file)
    return _flatten(source())


def _keys(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from _keys(field.annotation, f"{prefix}{name}.")
        else:
            yield prefix + name


def _flatten(table: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in table.items():
        if isinstance(value, Mapping):
            flat |= _flatten(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = value
    return flat


def _nest(flat: Mapping[str, Any]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for key, value in flat.items():
        *path, leaf = key.split(".")
        node = tree
        for part in path:
            node = node.setdefault(part, {})
        node[leaf] = value
    return tree


def _unknown(what: str, name: str, known: Any, then: str) -> str:
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    hint = f" Did you mean '{close[0]}'?" if close else ""
    return f"Unknown {what} '{name}'.{hint} {then}"


def _invalid(error: ValidationError, origins: Mapping[str, str]) -> str:
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"])
    value = "***" if key in ("llm.api_key", "store.token", "app_token") else first.get("input")
    reason = first["msg"][0].lower() + first["msg"][1:]
    return f"{key} = {value!r} (from {origins.get(key, 'argument')}) cannot be used: {reason}."
