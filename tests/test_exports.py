"""What ``import ragkit`` offers is what ``__all__`` says, and each name is documented."""

from __future__ import annotations

import importlib
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import ragkit

OPTIONAL = {
    "torch",
    "transformers",
    "tokenizers",
    "safetensors",
    "llama_index.llms.huggingface",
    "llama_index.embeddings.huggingface",
    "langchain_core",
}
PACKAGE = Path(ragkit.__file__).parent
MODULES = [
    ".".join(("ragkit", *p.relative_to(PACKAGE).with_suffix("").parts))
    for p in sorted(PACKAGE.rglob("*.py"))
    if p.name not in ("__init__.py", "__main__.py", "query.py")
]


def test_all_is_sorted_and_whole() -> None:
    assert list(ragkit.__all__) == sorted(ragkit.__all__)
    for name in ragkit.__all__:
        assert getattr(ragkit, name) is not None
    assert set(dir(ragkit)) == set(ragkit.__all__)


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="nonsense"):
        ragkit.nonsense  # noqa: B018


def test_every_error_is_exported() -> None:
    tree = {ragkit.RagkitError}
    while missing := {s for e in tree for s in e.__subclasses__()} - tree:
        tree |= missing
    public = {e for e in tree if e.__module__ == "ragkit.errors"}
    assert {e.__name__ for e in public} <= set(ragkit.__all__)


@pytest.mark.parametrize("name", MODULES)
def test_modules_say_what_they_export(name: str) -> None:
    try:
        module = importlib.import_module(name)
    except (ModuleNotFoundError, ragkit.MissingExtra) as error:
        missing = error if isinstance(error, ModuleNotFoundError) else error.__cause__
        if not isinstance(missing, ModuleNotFoundError) or missing.name not in OPTIONAL:
            raise
        pytest.skip(f"needs an extra: {missing.name} is not installed")
    assert module.__doc__
    for exported in getattr(module, "__all__", []):
        value = getattr(module, exported)
        if inspect.isfunction(value) or inspect.isclass(value):
            assert inspect.getdoc(value), f"{name}.{exported} has no docstring"


def test_the_types_are_there_without_an_import_of_their_own() -> None:
    code = "import ragkit; assert ragkit.types.Answer is ragkit.Answer"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
