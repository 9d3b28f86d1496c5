"""Options that several commands share, and how they become a knowledge base."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from ragkit.knowledge import KnowledgeBase

__all__ = [
    "data_option",
    "debug_option",
    "index_option",
    "number",
    "open_knowledge",
    "preset_option",
    "say_notice",
    "ssh_line",
]

F = TypeVar("F", bound=Callable[..., Any])


def data_option(command: F) -> F:
    """Add ``--data``."""
    return click.option(
        "--data",
        type=click.Path(path_type=Path),
        default=Path("data"),
        show_default=True,
        metavar="DIR",
        help="Folder of documents.",
    )(command)


def index_option(command: F) -> F:
    """Add ``--index``."""
    return click.option(
        "--index",
        metavar="PATH",
        help="SQLite file or store URI of the index. Default: one index a folder.",
    )(command)


def preset_option(command: F) -> F:
    """Add ``--preset``."""
    return click.option(
        "--preset", metavar="NAME", help="A preset of `ragkit presets`, or auto (default)."
    )(command)


def debug_option(command: F) -> F:
    """Add ``--debug``, which ``ragkit.cli.main`` reads."""
    return click.option(
        "--debug", is_flag=True, expose_value=False, help="Show tracebacks instead of messages."
    )(command)


def open_knowledge(
    data: Path,
    *,
    index: str | None,
    preset: str | None,
    top_k: int | None = None,
    settings: Mapping[str, Any] | None = None,
    answers: bool = False,
) -> KnowledgeBase:
    """Open the knowledge base of ``data``; model loading is told on stderr.

    What ``auto`` chose is told where the command ``answers``, once for each ragkit home.
    """
    from ragkit.knowledge import open as open_folder

    def status(line: str) -> None:
        click.echo(line, err=True)

    kb = open_folder(
        data, index=index, preset=preset, top_k=top_k, settings=settings, status=status
    )
    # Closed before the program ends, so that SQLite folds its log into the index's one file.
    click.get_current_context().call_on_close(kb.close)
    if answers:
        say_notice(kb)
    return kb


def number(least: int, most: int | None = None) -> click.IntRange:
    """Return the type of an option that takes a whole number, with an error in plain words."""
    made = click.IntRange(least, most)
    made.name = f"number from {least} to {most}" if most else f"number from {least}"
    return made


def say_notice(kb: KnowledgeBase) -> None:
    """Say on stderr what ``auto`` chose, unless it was said before."""
    if not kb.notice:
        return
    said = kb.home / "notice.txt"
    with suppress(OSError, UnicodeDecodeError):
        if said.read_text("utf-8") == kb.notice:
            return
    click.echo(kb.notice, err=True)
    with suppress(OSError):  # where it cannot be noted, it is said again
        kb.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        said.write_text(kb.notice, "utf-8")


def ssh_line(port: int) -> str:
    """Return the command that brings the chat's ``port`` to another machine."""
    user = os.environ.get("USER") or os.environ.get("LOGNAME") or "USER"
    return f"ssh -L {port}:127.0.0.1:{port} {user}@{socket.gethostname()}"
