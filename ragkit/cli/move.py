"""``ragkit move``: copy an index to another store, and see that it answers as before."""

from __future__ import annotations

import shlex
from pathlib import Path

import click
import platformdirs

from ragkit.cli.options import debug_option
from ragkit.cli.progress import stage_progress
from ragkit.cli.terminal import echo_json, printable
from ragkit.config import load_config
from ragkit.move import MoveReport
from ragkit.move import move as move_index

__all__ = ["move"]

_STAGES = {
    "document": "texts",
    "content": "nodes",
    "vector": "vectors",
    "fts": "words",
    "node": "metadata",
    "engine": "engine",
    "questions": "questions",
}


@click.command()
@click.argument("source", metavar="FROM")
@click.argument("target", metavar="TO")
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Folder whose index is meant by an address that names no file. Default: the one that "
    "FROM follows.",
)
@click.option("--overwrite", is_flag=True, help="Replace an index of something else at TO.")
@click.option(
    "--sample",
    type=click.IntRange(min=0, max=10_000),
    default=50,
    show_default=True,
    metavar="N",
    help="Questions asked of both, by words and by vectors.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@debug_option
@click.pass_context
def move(
    context: click.Context,
    source: str,
    target: str,
    *,
    data: Path | None,
    overwrite: bool,
    sample: int,
    as_json: bool,
) -> None:
    """Copy the index FROM to TO, an index file or a vector engine, and compare how both answer.

    Nothing is embedded again and the documents are not read; FROM stays as it is. A run that was
    cut short goes on where it was. Then: ragkit query --index TO.
    """
    config = load_config().config
    token = config.store.token
    with stage_progress(_STAGES) as progress:
        report = move_index(
            source,
            target,
            home=Path(
                config.home or platformdirs.user_data_path("ragkit", appauthor=False)
            ).expanduser(),
            folder=data,
            token=token.get_secret_value() if token else None,
            overwrite=overwrite,
            sample=sample,
            words=config.store.words,
            progress=progress,
        )
    if as_json:
        echo_json(report.to_dict())
    else:
        _show(report)
    if not report.verified:
        context.exit(1)


def _show(report: MoveReport) -> None:
    went_on = " Went on with an earlier run." if report.resumed else ""
    click.echo(
        f"{report.nodes:,} nodes of {report.files:,} files, {report.vectors:,} vectors: "
        f"{report.copied:,} copied, {report.published:,} written to the engine, "
        f"{report.seconds:.1f} s.{went_on}"
    )
    words, dense = report.words, report.dense
    if words.asked:
        click.echo(
            f"Asked both: {words.same} of {words.asked} alike by words"
            + (
                f", {dense.same} of {dense.asked} by vectors (recall@10 {dense.recall:.3f})."
                if dense.asked
                else "; there are no vectors."
            )
        )
    if report.verified:
        data, index = shlex.quote(report.folder), shlex.quote(report.target)
        click.echo(printable(f"Moved. Ask it: ragkit query --data {data} --index {index} QUESTION"))
        return
    click.echo("Not moved, since the copy is not like the source:", err=True)
    for difference in report.differences:
        click.echo(f"  {printable(difference)}", err=True)
