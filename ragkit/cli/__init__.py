"""The command line: arguments, printing and exit codes; each command loads only when it is used."""

from __future__ import annotations

import atexit
import errno
import gc
import importlib
import io
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from ragkit._version import __version__
from ragkit.errors import ConfigError, RagkitError

__all__ = ["main"]

# Name -> module of ragkit.cli that holds a click command of that name.
_COMMANDS = {
    "query": "Ask a question and get a cited answer.",
    "index": "Build or refresh the index of a folder.",
    "why": "Say at which stage a file was lost for a question.",
    "show": "Print the extracted text of a file.",
    "chat": "Open the chat in the browser.",
    "move": "Copy an index to another store, verified.",
    "presets": "Show the presets and the settings in force.",
    "download": "Fetch the weights of a preset or a model.",
    "doctor": "Check this machine, the weights and the index.",
    "evaluate": "Measure retrieval, answers and refusals.",
}


class _LazyGroup(click.Group):
    """Lists commands without importing them, so that ``--help`` and one-offs start at once."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module = importlib.import_module(f"ragkit.cli.{cmd_name}")
        command: click.Command = getattr(module, cmd_name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = str(args[0])
        if name not in _COMMANDS and not name.startswith("-"):
            import difflib

            close = difflib.get_close_matches(name, _COMMANDS, n=1)
            hint = f"Did you mean '{close[0]}'?" if close else "List them: ragkit --help"
            ctx.fail(f"There is no command '{name}'. {hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="ragkit")
def ragkit() -> None:
    """Ask a folder of documents and get cited answers, on open models that you run."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit: 0 done, 3 not in the documents, 2 bad usage, 1 any failure."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    # At the end Python would look through all that torch leaves: two seconds in which the shell
    # waits for what the system frees anyway.
    atexit.register(gc.freeze)
    if sys.stdout is None:  # closed by the shell (`>&-`): nobody wants the output
        sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        # A character that the terminal's encoding lacks becomes "?", not an error.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        code = ragkit.main(arguments, prog_name="ragkit", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except click.Abort:
        click.echo("Stopped.", err=True)
        code = 130
    except RagkitError as error:
        if "--debug" in arguments:
            raise
        click.echo(f"Error: {error}", err=True)
        code = 2 if isinstance(error, ConfigError) else 1
    except BrokenPipeError:
        # The reader of our output left (`ragkit query … | head`): not an error.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 1
    except Exception as error:
        # Broad on purpose, the last line of defence: no traceback on a face.
        if "--debug" in arguments:
            raise
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EIO):
            click.echo(f"Error: Cannot write the output: {error.strerror}.", err=True)
            sys.exit(1)
        click.echo(
            f"Error: {type(error).__name__}: {error}. This is a bug in ragkit: run the command "
            "again with --debug and report what it prints.",
            err=True,
        )
        code = 1
    sys.exit(code or 0)
