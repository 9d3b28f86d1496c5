"""``ragkit chat``: the chat page in the browser, on this machine only."""

from __future__ import annotations

import importlib
import importlib.util
import socket
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import click

from ragkit.cli.chat_options import HOST, chat_flags
from ragkit.cli.options import (
    debug_option,
    index_option,
    number,
    preset_option,
    say_notice,
    ssh_line,
)
from ragkit.commands import chat_command
from ragkit.errors import ConfigError, MissingExtra, RagkitError

if TYPE_CHECKING:
    from ragkit.config import Config

__all__ = ["chat"]


@click.command()
@click.argument("folders", type=click.Path(path_type=Path), nargs=-1, metavar="[DATA]...")
@click.option("--port", type=number(1, 65535), default=8501, show_default=True)
@index_option
@preset_option
@debug_option
def chat(folders: tuple[Path, ...], *, port: int, index: str | None, preset: str | None) -> int:
    """Open the chat on the folder DATA (default: data) at http://127.0.0.1:PORT.

    Several folders are chosen from in the sidebar; --index is the first one's.
    From another machine: ssh -L PORT:127.0.0.1:PORT HOST, then open the same address there.
    """
    from ragkit.knowledge import open as open_folder

    if importlib.util.find_spec("streamlit") is None:
        raise MissingExtra("The chat page", "app")
    page = _page()
    folders = folders or (Path("data"),)
    kb = open_folder(folders[0], index=index, preset=preset)
    for folder in folders:
        if not folder.expanduser().is_dir():
            raise ConfigError(f"There is no folder '{folder}'. Give the folder of your documents.")
    if not _is_free(port):
        other = chat_command(folders, port=_next(port), index=index, preset=preset)
        raise RagkitError(f"Port {port} on {HOST} is in use. Choose another: {other}")
    say_notice(kb)
    click.echo(f"Chat on {_link(port, kb.config)} (only this machine). Stop with Ctrl-C.", err=True)
    click.echo(f"From elsewhere: {ssh_line(port)}", err=True)
    given = [str(folder.expanduser().resolve()) for folder in folders]
    given += [f"--index={index}"] if index else []
    given += [f"--preset={preset}"] if preset else []
    options = [f"--server.port={port}", *chat_flags(kb.config.app.max_upload_mb)]
    # Started by name, as ``python -m streamlit`` would: the package itself does not build on it.
    # In this process, since a second one would import everything again.
    streamlit = importlib.import_module("streamlit.web.cli").main
    # Ctrl-C is the way to end it, not a failure.
    with suppress(KeyboardInterrupt, click.Abort):
        streamlit(["run", str(page), *options, "--", *given], standalone_mode=False)
    return 0


def _link(port: int, config: Config) -> str:
    """Return the chat's address, with the token where a person reads it."""
    address = f"http://{HOST}:{port}"
    if config.app_token is None:
        return address
    # Only on a terminal, where whoever set it looks: in a log it would lie about.
    if not sys.stderr.isatty():
        return f"{address}, which asks for the token,"
    return f"{address}/?{urlencode({'token': config.app_token.get_secret_value()})}"


def _page() -> Path:
    """Return the chat page: beside the package in a checkout, installed as ``ragkit_app`` else."""
    import ragkit

    page = Path(ragkit.__file__).parent.parent / "app" / "main.py"
    if page.is_file():
        return page
    spec = importlib.util.find_spec("ragkit_app")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        if (Path(folder) / "main.py").is_file():
            return Path(folder) / "main.py"
    raise RagkitError("The chat page app/main.py is not installed. Install ragkit again.")


def _next(port: int) -> int:
    """Return a free port near ``port``, else the one behind it."""
    near = range(port + 1, min(port + 20, 65535) + 1)
    return next(filter(_is_free, near), port - 1 if port == 65535 else port + 1)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True
