"""``ragkit evaluate``: how well retrieval finds the passages that answer a test set's questions."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from ragkit.cli.options import debug_option, preset_option
from ragkit.errors import ConfigError

__all__ = ["evaluate"]

UNDER_THRESHOLD = 4

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command()
@click.option(
    "--passages",
    multiple=True,
    required=True,
    type=_FILE,
    metavar="FILE",
    help="JSONL; repeatable.",
)
@click.option(
    "--questions",
    multiple=True,
    required=True,
    type=_FILE,
    metavar="FILE",
    help="JSONL; repeatable.",
)
@click.option(
    "--retriever",
    type=click.Choice(["lexical", "dense", "hybrid"]),
    default="lexical",
    show_default=True,
)
@click.option("--by", type=click.Choice(["lang"]), help="Also report each language by itself.")
@preset_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option(
    "--fail-under",
    "thresholds",
    multiple=True,
    metavar="METRIC=X",
    help="Exit with status 4 when the metric is below X; repeatable.",
)
@debug_option
def evaluate(
    *,
    passages: tuple[Path, ...],
    questions: tuple[Path, ...],
    retriever: str,
    by: str | None,
    preset: str | None,
    as_json: bool,
    thresholds: tuple[str, ...],
) -> int:
    """Index the passages, ask the questions, and say how often the right passage came first.

    Exit status: 0 measured, 4 below a --fail-under, 2 bad usage or configuration, 1 other failure.
    """
    from ragkit.evaluate.dataset import load_passages, load_questions
    from ragkit.evaluate.run import evaluate_retrieval, lexical_retriever

    floors = _floors(thresholds)
    _check_preset(preset)
    if retriever != "lexical":
        raise ConfigError(
            f"The retriever '{retriever}' needs an embedder, and none is configured for "
            "evaluation. Use --retriever lexical."
        )
    passage_list = load_passages(passages)
    question_list = load_questions(questions, passage_list)
    with lexical_retriever(passage_list) as retrieve:
        measured = evaluate_retrieval(
            passage_list,
            question_list,
            retrieve=retrieve,
            by="lang" if by == "lang" else None,
        )
    report = {"retriever": retriever, **measured}
    if as_json:
        click.echo(json.dumps(report, ensure_ascii=False))
    else:
        _print_table(report)
    return _verdict(report, floors)


def _check_preset(preset: str | None) -> None:
    if preset is not None:
        from ragkit.config import load_config

        load_config(arguments={"preset": preset})


def _floors(thresholds: Sequence[str]) -> dict[str, float]:
    """Read ``METRIC=X`` arguments; ConfigError for an unknown metric or a bad number."""
    from ragkit.evaluate.metrics import METRICS

    floors = {}
    for threshold in thresholds:
        name, _, value = threshold.partition("=")
        if name not in METRICS:
            raise ConfigError(
                f"--fail-under knows no metric {name!r}. Known: {', '.join(METRICS)}."
            )
        try:
            floors[name] = float(value)
        except ValueError:
            raise ConfigError(
                f"--fail-under {threshold!r} has no number. Write it as {name}=0.8."
            ) from None
        if not 0 <= floors[name] <= 1:
            raise ConfigError(f"--fail-under {threshold!r} must be between 0 and 1.")
    return floors


def _verdict(report: dict[str, Any], floors: dict[str, float]) -> int:
    missed = [(name, floor) for name, floor in floors.items() if report[name] < floor]
    for name, floor in missed:
        click.echo(f"{name} is {report[name]:.4f}, below {floor:g}.", err=True)
    return UNDER_THRESHOLD if missed else 0


def _print_table(report: dict[str, Any]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    from ragkit.evaluate.metrics import METRICS

    title = f"{report['retriever']} retrieval"
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("lang", no_wrap=True)
    table.add_column("n", justify="right", no_wrap=True)
    for name in METRICS:
        table.add_column(name, justify="right", no_wrap=True)
    for label, row in [*report["by"].items(), ("all", report)]:
        table.add_row(label, str(row["questions"]), *(f"{row[name]:.3f}" for name in METRICS))
    Console().print(table)
