"""``ragkit chat``: the chat page in the browser, on this machine only."""

from __future__ import annotations

import importlib.util
import os
import socket
import subprocess
import sys
from pathlib import Path

import click

from ragkit.cli.options import debug_option, index_option, preset_option, ssh_line
from ragkit.errors import ConfigError, MissingExtra, RagkitError

__all__ = ["chat"]

HOST = "127.0.0.1"
# The same as .streamlit/config.toml, which Streamlit finds only in the working directory.
_FLAGS = (
    f"--server.address={HOST}",
    "--server.headless=true",
    "--server.allowedHosts=localhost",
    f"--server.allowedHosts={HOST}",
    "--server.fileWatcherType=none",
    "--server.maxUploadSize=50",
    "--client.showErrorDetails=none",
    "--client.toolbarMode=minimal",
    "--browser.gatherUsageStats=false",
)


@click.command()
@click.argument("data", type=click.Path(path_type=Path), default=Path("data"), metavar="[DATA]")
@click.option("--port", type=click.IntRange(1, 65535), default=8501, show_default=True)
@index_option
@preset_option
@debug_option
def chat(data: Path, *, port: int, index: str | None, preset: str | None) -> int:
    """Open the chat on the folder DATA (default: data) at http://127.0.0.1:PORT.

    From another machine: ssh -L PORT:127.0.0.1:PORT HOST, then open the same address there.
    """
    from ragkit.knowledge import open as open_folder

    if importlib.util.find_spec("streamlit") is None:
        raise MissingExtra("The chat page", "app")
    page = _page()
    kb = open_folder(data, index=index, preset=preset)
    if not kb.folder.is_dir():
        raise ConfigError(f"There is no folder '{data}'. Give the folder of your documents.")
    if not _is_free(port):
        raise RagkitError(
            f"Port {port} on {HOST} is in use. Choose another: ragkit chat --port {port + 1}"
        )
    if kb.notice:
        click.echo(kb.notice, err=True)
    click.echo(f"Chat on http://{HOST}:{port} (only this machine). Stop with Ctrl-C.", err=True)
    click.echo(f"From elsewhere: {ssh_line(port)}", err=True)
    command = [sys.executable, "-m", "streamlit", "run", str(page)]
    command += [f"--server.port={port}", *_FLAGS, "--", str(data.resolve())]
    command += [f"--index={index}"] if index else []
    command += [f"--preset={preset}"] if preset else []
    if os.name == "posix":
        # In place of this process, so that a signal to it reaches the server.
        os.execv(command[0], command)
    return subprocess.run(command, check=False).returncode


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


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True
