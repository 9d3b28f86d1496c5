"""``ragkit index``: build or refresh the index of a folder, once or for as long as it changes."""

from __future__ import annotations

from pathlib import Path

import click

from ragkit.cli.options import debug_option, index_option, open_knowledge, preset_option
from ragkit.cli.progress import index_progress
from ragkit.cli.terminal import echo_json, printable
from ragkit.types import IndexReport

__all__ = ["index"]

_SHOWN = 20


@click.command()
@click.argument("data", type=click.Path(path_type=Path), default=Path("data"), metavar="[DATA]")
@index_option
@preset_option
@click.option("--rebuild", is_flag=True, help="Read everything again, beside the old index.")
@click.option("--watch", is_flag=True, help="Stay and follow the folder until Ctrl-C.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a run.")
@debug_option
def index(
    data: Path, *, index: str | None, preset: str | None, rebuild: bool, watch: bool, as_json: bool
) -> None:
    """Build or refresh the index of the folder DATA (default: data).

    A file that cannot be read is skipped with its reason and never stops the run.
    """
    kb = open_knowledge(data, index=index, preset=preset)
    with index_progress() as progress:
        report = kb.index(rebuild=rebuild, progress=progress)
    _show(report, as_json)
    if watch:
        click.echo(f"Watching {kb.folder}. Stop with Ctrl-C.", err=True)
        for report in kb.watch():
            _show(report, as_json)


def _show(report: IndexReport, as_json: bool) -> None:
    if as_json:
        echo_json(report.to_dict())
        return
    click.echo(
        f"{len(report.added)} added, {len(report.updated)} updated, {len(report.deleted)} deleted, "
        f"{report.unchanged} unchanged, {len(report.skipped)} skipped. "
        f"{report.nodes} nodes, {report.seconds:.1f} s."
    )
    for skipped in report.skipped[:_SHOWN]:
        source = printable(skipped.source).replace("\n", " ")
        click.echo(f"  skipped {source}: {printable(skipped.reason)}")
    if len(report.skipped) > _SHOWN:
        click.echo(f"  … and {len(report.skipped) - _SHOWN} more: ragkit index --json lists all.")
