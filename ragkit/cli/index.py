"""``ragkit index``: build or refresh the index of a folder, once or for as long as it changes."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ragkit.cli.options import debug_option, index_option, open_knowledge, preset_option
from ragkit.cli.progress import index_progress
from ragkit.cli.terminal import echo_json, printable
from ragkit.commands import index_command
from ragkit.errors import ConfigError
from ragkit.types import IndexReport

if TYPE_CHECKING:
    from ragkit.knowledge import KnowledgeBase

__all__ = ["index"]

_SHOWN = 20
_PAGE_SUFFIXES = (".html", ".htm")


@click.command()
@click.argument("data", type=click.Path(path_type=Path), default=Path("data"), metavar="[DATA]")
@index_option
@preset_option
@click.option("--rebuild", is_flag=True, help="Read everything again, beside the old index.")
@click.option("--watch", is_flag=True, help="Stay and follow the folder until Ctrl-C.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a run.")
@click.option(
    "--report",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Also write the health of the folder to FILE.html, or to FILE.json.",
)
@click.option(
    "--password-file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Passwords of protected files, one a line, or NAME-OR-GLOB: PASSWORD.",
)
@debug_option
def index(
    data: Path,
    *,
    index: str | None,
    preset: str | None,
    rebuild: bool,
    watch: bool,
    as_json: bool,
    report: Path | None,
    password_file: Path | None,
) -> None:
    """Build or refresh the index of the folder DATA (default: data).

    A file that cannot be read is skipped with its reason and never stops the run.
    """
    _check_report(report)
    settings = {"ingest.password_file": str(password_file)} if password_file else {}
    kb = open_knowledge(data, index=index, preset=preset, settings=settings)
    with index_progress() as progress:
        done = kb.index(rebuild=rebuild, progress=progress)
    _show(kb, done, as_json)
    _write_report(kb, report)
    if watch:
        click.echo(f"Watching {kb.folder}. Stop with Ctrl-C.", err=True)
        for done in kb.watch():
            _show(kb, done, as_json)
            _write_report(kb, report)


def _show(kb: KnowledgeBase, report: IndexReport, as_json: bool) -> None:
    if as_json:
        echo_json(report.to_dict())
        return
    click.echo(
        f"{len(report.added)} added, {len(report.updated)} updated, {len(report.deleted)} deleted, "
        f"{report.unchanged} unchanged, {len(report.skipped)} skipped. "
        f"{report.nodes} nodes, {report.seconds:.1f} s."
    )
    if report.left_out:
        counts = ", ".join(f"{n} {_by(reason)}" for reason, n in report.left_out.items())
        click.echo(f"  left out: {counts}")
    for skipped in report.skipped[:_SHOWN]:
        source = printable(skipped.source).replace("\n", " ")
        click.echo(f"  skipped {source}: {printable(skipped.reason)}")
    if len(report.skipped) > _SHOWN:
        more = len(report.skipped) - _SHOWN
        click.echo(f"  … and {more} more. All: {printable(index_command(kb, '--json'))}")


def _by(reason: str) -> str:
    return f"by {reason}" if reason.startswith(".") else reason


def _check_report(path: Path | None) -> None:
    """Raise ConfigError, before a folder is read, where the report could not be written."""
    if path is None:
        return
    if path.suffix.lower() not in (*_PAGE_SUFFIXES, ".json"):
        raise ConfigError(f"--report {path} ends neither in .html nor in .json. Choose one.")
    if not path.absolute().parent.is_dir():
        raise ConfigError(f"There is no folder '{path.parent}' for --report. Make it first.")


def _write_report(kb: KnowledgeBase, path: Path | None) -> None:
    if path is None:
        return
    from ragkit.health import health

    found = health(kb)
    if path.suffix.lower() in _PAGE_SUFFIXES:
        from ragkit.cli.health_page import health_page

        text = health_page(found, _language())
    else:
        text = json.dumps(found.to_dict(), ensure_ascii=False, indent=2) + "\n"
    try:
        path.write_text(text, "utf-8", errors="backslashreplace")
    except OSError as error:
        raise ConfigError(f"The report {path} cannot be written: {error.strerror}.") from None
    click.echo(f"Report: {path}", err=True)


def _language() -> str:
    """Return the language of the terminal, by the variables that POSIX names for messages."""
    names = ("LC_ALL", "LC_MESSAGES", "LANG")
    locale = next((value for name in names if (value := os.environ.get(name))), "")
    return "zh" if locale.lower().startswith("zh") else "en"
