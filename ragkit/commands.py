"""Commands that a person can paste: each names the folder, the preset and the index in force."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ragkit.config import read_preset

if TYPE_CHECKING:
    from ragkit.config import Config
    from ragkit.knowledge import KnowledgeBase

__all__ = [
    "chat_command",
    "index_command",
    "password_command",
    "query_command",
    "show_command",
]


def index_command(kb: KnowledgeBase, *flags: str) -> str:
    """Return the command that refreshes the very index of ``kb``, as a shell reads it."""
    return shlex.join(["ragkit", "index", _name(kb.folder), *_same_index(kb), *flags])


def show_command(kb: KnowledgeBase, source: str) -> str:
    """Return the command that prints the text of ``source`` as the very index of ``kb`` has it."""
    return shlex.join(["ragkit", "show", _name(source), *_same_folder(kb)])


def query_command(kb: KnowledgeBase, question: str, *flags: str) -> str:
    """Return the command that asks the very index of ``kb``."""
    flags = (*_same_folder(kb), *flags)
    asked = [*flags, "--", question] if question.startswith("-") else [question, *flags]
    return shlex.join(["ragkit", "query", *asked])


def password_command(kb: KnowledgeBase) -> str:
    """Return the command that reads the protected files of ``kb`` into the very same index.

    A person puts the name of the password file in the place of ``FILE``.
    """
    return index_command(kb, "--password-file", "FILE")


def chat_command(
    folders: Sequence[str | Path], *, port: int, index: str | None, preset: str | None
) -> str:
    """Return the command that opens the chat on ``folders`` with what was given for it."""
    given = ["--index", index] if index else []
    given += ["--preset", preset] if preset else []
    return shlex.join(["ragkit", "chat", *map(_name, folders), "--port", str(port), *given])


def _same_folder(kb: KnowledgeBase) -> list[str]:
    return ["--data", str(kb.folder), *_same_index(kb)]


def _same_index(kb: KnowledgeBase) -> list[str]:
    words = ["--preset", kb.config.preset]
    if uri := _own_uri(kb.config):
        # A page shows the folder from the root, since whoever reads it may work elsewhere.
        is_path = "://" not in uri and kb.folder.is_absolute()
        words += ["--index", str(Path(uri).expanduser().absolute()) if is_path else uri]
    return words


def _own_uri(config: Config) -> str:
    """Return the address of the store where the preset alone would not lead there."""
    uri = config.store.uri
    return "" if uri == read_preset(config.preset).get("store", {}).get("uri") else uri or ""


def _name(path: str | Path) -> str:
    """Return a path as an argument, which must not look like a flag."""
    return f"./{path}" if str(path).startswith("-") else str(path)
