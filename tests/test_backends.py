"""What computes vectors: chosen by what is installed, exported once into the cache."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("sentence_transformers", reason='needs pip install "ragkit[models]"')
pytest.importorskip("llama_index.embeddings.huggingface", reason='needs "ragkit[models]"')

from tiny_models import write_bert_embedder

from ragkit.errors import ConfigError
from ragkit.models.embedder import embed_documents, load_embedder, token_counter

TEXTS = ["the port of the server", "memory", "the lighthouse " * 20, "灯塔"]


def is_installed(name: str) -> bool:
    return bool(importlib.util.find_spec("optimum") and importlib.util.find_spec(name))


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_bert_embedder(tmp_path_factory.mktemp("bert"))


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.mark.parametrize(
    ("backend", "package"), [("openvino", "optimum.intel"), ("onnx", "optimum.onnxruntime")]
)
def test_backend_that_is_not_installed_is_said(backend: Any, package: str, weights: Path) -> None:
    if is_installed(package):
        pytest.skip(f"{package} is installed")
    with pytest.raises(ConfigError, match=rf"sentence-transformers\[{backend}\]"):
        load_embedder(str(weights), device="cpu", backend=backend)


def test_backend_is_for_the_cpu(weights: Path) -> None:
    from ragkit.models.backends import choose_backend

    with pytest.raises(ConfigError, match="for the CPU"):
        choose_backend("openvino", weights, device="cuda:0", status=print)
    wanted = ("torch", weights)
    assert choose_backend("auto", weights, device="cuda:0", status=print) == wanted


def test_auto_exports_nothing(weights: Path, cache: Path) -> None:
    lines: list[str] = []
    load_embedder(str(weights), device="cpu", backend="auto", status=lines.append)
    assert "(torch)" in lines[-1]
    assert not cache.exists() or not list(cache.rglob("*export*"))


def test_export_of_a_package_that_is_missing_is_left_alone(weights: Path, tmp_path: Path) -> None:
    if is_installed("optimum.intel"):
        pytest.skip("OpenVINO is installed")
    import shutil

    folder = Path(shutil.copytree(weights, tmp_path / "st"))
    (folder / "openvino").mkdir()
    (folder / "openvino" / "openvino_model.xml").write_text("<net/>", "utf-8")
    lines: list[str] = []
    load_embedder(str(folder), device="cpu", status=lines.append).get_query_embedding("port")
    assert "(torch)" in lines[-1]


@pytest.mark.skipif(not is_installed("optimum.intel"), reason="needs OpenVINO and optimum-intel")
def test_openvino_gives_the_same_vectors_and_exports_once(weights: Path, cache: Path) -> None:
    before = sorted(weights.rglob("*"))
    lines: list[str] = []
    torch = load_embedder(str(weights), device="cpu", dtype="float32", backend="torch")
    for backend in ("openvino", "openvino", "auto"):
        found = load_embedder(
            str(weights),
            device="cpu",
            dtype="float32",
            backend=backend,
            status=lines.append,
        )
        assert token_counter(found)[1] == token_counter(torch)[1]
        vectors = zip(embed_documents(found, TEXTS), embed_documents(torch, TEXTS), strict=True)
        for ours, theirs in vectors:
            assert max(abs(a - b) for a, b in zip(ours, theirs, strict=True)) < 1e-5
        assert "(openvino)" in lines[-1]
    assert sum(line.startswith("Exporting") for line in lines) == 1
    assert sorted(weights.rglob("*")) == before
    assert len(list((cache / "ragkit" / "exports").iterdir())) == 1
