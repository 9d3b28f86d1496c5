"""Reads the imports of every module: data flows one way, and importing ragkit is free."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "ragkit"

# A module imports only from its own row and from rows above it.
ROWS = [
    ["errors", "types", "render", "prompts", "_version"],
    ["config"],
    ["models"],
    ["ingest"],
    ["store"],
    ["retrieve"],
    ["answer"],
    ["changed_files", "exclusions", "index_batches", "indexing", "preparing", "read_ahead"],
    ["parts"],
    ["folder_index", "global_settings"],
    ["commands", "knowledge", "chat", "explain", "files", "ranks", "why", "words"],
    [
        "background",
        "chats",
        "collections",
        "fetching",
        "gate",
        "gate_page",
        "health",
        "langchain",
        "loading",
        "move",
        "originals",
        "passages",
        "pdf_pages",
        "pdf_quotes",
        "retrying",
        "uploads",
        "writing",
    ],
    ["evaluate"],
    ["cli", "query", "__main__"],
]
RANK = {name: rank for rank, row in enumerate(ROWS) for name in row}
STAGES = {"models", "ingest", "store", "retrieve", "answer"}
FORBIDDEN_CALLS = {"eval", "exec"}


def modules() -> list[Path]:
    return [p for p in sorted(PACKAGE.rglob("*.py")) if p != PACKAGE / "__init__.py"]


def unit(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path: Path) -> set[str]:
    """Return dotted names of everything a file imports, wherever in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_point_up(path: Path) -> None:
    own = unit(path)
    assert own in RANK, f"{own} has no place in the design"
    for name in imports(path):
        if not name.startswith("ragkit."):
            continue
        other = name.split(".")[1]
        if other not in RANK:  # a name of ragkit itself, such as ragkit.open
            assert own in ("cli", "query", "__main__"), f"{path} imports {name}"
            continue
        assert RANK[other] <= RANK[own], f"{own} imports {name}, which is below it"
        if own in STAGES:
            assert other != "config", f"stage {own} reaches for the configuration"


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_no_face_inside_the_package(path: Path) -> None:
    names = imports(path)
    assert not any(name.split(".")[0] == "streamlit" for name in names)
    if unit(path) in ("cli",):
        return
    calls = {
        node.func.id
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    assert "print" not in calls
    assert not calls & FORBIDDEN_CALLS


def test_no_drawer_of_odds_and_ends() -> None:
    names = {p.stem for p in PACKAGE.rglob("*.py")}
    assert not names & {"utils", "util", "helpers", "common", "misc", "manager"}


def test_every_package_is_shipped() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]
    found = {".".join(p.parent.relative_to(ROOT).parts) for p in PACKAGE.rglob("__init__.py")}
    assert set(settings["packages"]) == found | {"ragkit_app"}
    folders = {p.parent for p in PACKAGE.rglob("*.py")}
    assert all((folder / "__init__.py").exists() for folder in folders)


def loaded_after(statement: str) -> set[str]:
    code = f"{statement}\nimport sys; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    return {name.split(".")[0] for name in done.stdout.split()}


def test_import_is_free() -> None:
    heavy = {"llama_index", "torch", "transformers", "streamlit", "numpy", "pydantic", "click"}
    assert not loaded_after("import ragkit") & heavy


def test_help_is_quick() -> None:
    statement = "import ragkit.cli; ragkit.cli.ragkit.get_help"
    assert not loaded_after(statement) & {"llama_index", "torch", "streamlit", "numpy"}


def test_lite_never_loads_a_model_library(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("The sky is blue.", "utf-8")
    statement = (
        "import ragkit\n"
        f"kb = ragkit.open({str(tmp_path)!r}, index={str(tmp_path / 'i.db')!r}, preset='lite')\n"
        "assert not kb.ask('What colour is the sky?').refused"
    )
    assert not loaded_after(statement) & {"torch", "transformers", "streamlit", "openai"}
