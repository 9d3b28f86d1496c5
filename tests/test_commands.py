"""Commands that ragkit suggests: pasted as they are, they reach the same folder and index."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import ragkit
from ragkit.commands import (
    chat_command,
    index_command,
    password_command,
    query_command,
    show_command,
)

HOSTILE = "my docs' & $(资料); rm"


def pasted(command: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run what a shell makes of ``command``, with this checkout's ragkit."""
    python = shlex.quote(sys.executable)
    return subprocess.run(
        ["bash", "-c", f'ragkit() {{ {python} -m ragkit "$@"; }}; {command}'],
        capture_output=True,
        text=True,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        check=False,
        timeout=120,
    )


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    docs = tmp_path / HOSTILE
    docs.mkdir()
    (docs / "-dash & 灯塔.md").write_text("The lighthouse was built in 1826.\n", "utf-8")
    return docs


@pytest.mark.parametrize("index", ["an index.db", None])
def test_suggested_commands_work_when_pasted(
    docs: Path, tmp_path: Path, index: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RAGKIT_HOME", str(tmp_path / "home"))
    kb = ragkit.open(HOSTILE, index=index, preset="lite")
    kb.index()
    kb.close()
    again = pasted(index_command(kb, "--json"), tmp_path)
    assert json.loads(again.stdout)["unchanged"] == 1, again.stderr
    shown = pasted(show_command(kb, "-dash & 灯塔.md"), tmp_path)
    assert shown.stdout == "The lighthouse was built in 1826.\n".rstrip("\n"), shown.stderr
    for question in ("When was the lighthouse built?", "-v: when was the lighthouse built?"):
        asked = pasted(query_command(kb, question, "--json"), tmp_path)
        assert json.loads(asked.stdout)["question"] == question, asked.stderr
        assert "1826" in json.loads(asked.stdout)["answer"]
    (tmp_path / "FILE").write_text("secret\n", "utf-8")
    assert "1 unchanged" in pasted(password_command(kb), tmp_path).stdout


def test_a_command_for_another_place_names_both_from_the_root(
    docs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    kb = ragkit.open(docs, index="i.db", preset="lite")
    kb.index()
    kb.close()
    (tmp_path / "elsewhere").mkdir()
    done = pasted(index_command(kb), tmp_path / "elsewhere")
    assert "1 unchanged" in done.stdout, done.stderr


def test_an_address_is_named_where_the_preset_has_another(docs: Path) -> None:
    own = ragkit.open(docs, preset="qwen2-faiss")
    assert "--index" not in index_command(own)
    other = ragkit.open(docs, preset="qwen2-faiss", index="faiss:///srv/vectors")
    assert index_command(other).endswith("--index faiss:///srv/vectors")


def test_the_chat_is_opened_on_all_its_folders() -> None:
    command = chat_command(["my docs", Path("-b")], port=8502, index="a b.db", preset="lite")
    assert shlex.split(command) == [
        "ragkit", "chat", "my docs", "./-b", "--port", "8502", "--index", "a b.db",
        "--preset", "lite",
    ]  # fmt: skip
    assert chat_command(["d"], port=1, index=None, preset=None) == "ragkit chat d --port 1"
