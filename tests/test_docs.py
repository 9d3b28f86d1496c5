"""The README is true: its examples run, and every command and flag is in it, in both languages."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest

from ragkit.cli import ragkit as group
from ragkit.config import Config, preset_names

ROOT = Path(__file__).resolve().parent.parent
READMES = [ROOT / "README.md", ROOT / "README_zh-CN.md"]
HANDBOOK = ROOT / "data"


def commands() -> dict[str, click.Command]:
    context = click.Context(group)
    found = {name: group.get_command(context, name) for name in group.list_commands(context)}
    return {name: command for name, command in found.items() if command}


def blocks(path: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", path.read_text("utf-8"), re.S | re.M)


@pytest.mark.parametrize("path", READMES, ids=lambda p: p.name)
def test_readme_is_short_and_names_everything(path: Path) -> None:
    text = path.read_text("utf-8")
    assert len(text.splitlines()) < 200
    for name, command in commands().items():
        assert f"ragkit {name}" in text
        for parameter in command.params:
            for option in parameter.opts:
                if option.startswith("--") and option != "--debug":
                    assert option in text, f"{path.name} does not mention {name} {option}"
    for preset in preset_names():
        assert f"`{preset}`" in text


@pytest.mark.parametrize("path", READMES, ids=lambda p: p.name)
def test_links_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", path.read_text("utf-8")):
        if not target.startswith("http"):
            assert (ROOT / target).exists(), f"{path.name} links to {target}"


def test_both_readmes_have_the_same_parts() -> None:
    shape = [re.findall(r"^(#+ |```\w*)", p.read_text("utf-8"), re.M) for p in READMES]
    assert shape[0] == shape[1]


@pytest.mark.parametrize("path", READMES, ids=lambda p: p.name)
def test_python_examples_run(path: Path, tmp_path: Path) -> None:
    (example,) = blocks(path, "python")
    done = subprocess.run(
        [sys.executable, "-c", example], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


@pytest.mark.parametrize("path", READMES, ids=lambda p: p.name)
def test_shell_examples_run(path: Path) -> None:
    ran = 0
    for line in "\n".join(blocks(path, "bash")).splitlines():
        words = shlex.split(line, comments=True)
        if "query" not in words:
            continue
        command = line.replace("ragkit query", f"{sys.executable} -m ragkit query")
        done = subprocess.run(
            ["bash", "-c", command], capture_output=True, text=True, cwd=ROOT, check=False
        )
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
        ran += 1
    assert ran >= 2


@pytest.mark.parametrize("language", ["en", "zh"])
def test_handbook_documents_every_flag_and_setting(language: str) -> None:
    text = "\n".join(p.read_text("utf-8") for p in sorted((HANDBOOK / language).glob("*.md")))
    for name, command in commands().items():
        for parameter in command.params:
            for option in parameter.opts:
                if option.startswith("--"):
                    assert option in text, f"{language} handbook lacks {name} {option}"
    for field in Config.model_fields:
        assert field in text


def test_handbook_is_complete_in_both_languages() -> None:
    names = [sorted(p.name for p in (HANDBOOK / code).glob("*.md")) for code in ("en", "zh")]
    assert names[0] == names[1]
    assert len(names[0]) >= 15


def test_changelog_names_the_version() -> None:
    from ragkit import __version__

    assert f"## {__version__}" in (ROOT / "CHANGELOG.md").read_text("utf-8")


def test_nothing_mentions_this_machine() -> None:
    listed = subprocess.run(
        ["git", "ls-files"], capture_output=True, text=True, cwd=ROOT, check=True
    ).stdout.splitlines()
    for name in listed:
        path = ROOT / name
        if path.suffix in (".md", ".py", ".toml", ".sh", ".txt", ".yaml", "") and path.is_file():
            text = path.read_text("utf-8", errors="replace")
            assert str(ROOT) not in text, name
