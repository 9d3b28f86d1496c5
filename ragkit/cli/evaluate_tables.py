"""What ``ragkit evaluate`` shows on a terminal: tables that fit 80 columns, and a progress bar."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from ragkit.cli.terminal import printable

if TYPE_CHECKING:
    from rich.table import Table

    from ragkit.indexing import Progress

__all__ = ["asking_progress", "print_comparison", "print_report"]

_NAME = 18


@contextmanager
def asking_progress() -> Iterator[Progress | None]:
    """Yield a progress callback that draws with rich, or None when stderr is no terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("Asking"), BarColumn(bar_width=24), MofNCompleteColumn())
    with Bar(*columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None)

        def report(done: int, total: int, question: str) -> None:
            bar.update(task, completed=done, total=total)

        yield report


def print_report(report: Mapping[str, Any]) -> None:
    """Print the figures with their intervals, then each language and source."""
    name = f"{report['retriever']} retrieval, preset {report['preset']}"
    click.echo(f"{name}, {report['questions']} questions")
    _print(_overall(report))
    for key, title in (("by", "language"), ("by_source", "source")):
        for table in _groups(report.get(key, {}), title):
            _print(table)
    for line in _notes(report):
        _say(line)


def print_comparison(compared: Mapping[str, Any], reports: Sequence[Mapping[str, Any]]) -> None:
    """Print both systems' figures, their difference and how likely chance makes it."""
    first, second = (f"{r['preset']}, {r['retriever']}" for r in reports)
    # A table's own title is broken to the table's width.
    click.echo(f"A: {first}\nB: {second}\n{reports[0]['questions']} questions")
    table = _table()
    table.add_column("metric", no_wrap=True)
    for name in ("A", "B", "B - A", "95% interval", "p", "effect"):
        table.add_column(name, justify="right", no_wrap=True)
    for name, row in compared.items():
        low, high = row["interval"]
        effect = "–" if row["effect"] is None else f"{row['effect']:+.2f}"
        table.add_row(
            name,
            _figure(reports[0].get(name)),
            _figure(reports[1].get(name)),
            f"{row['difference']:+.3f}",
            f"{low:+.3f} – {high:+.3f}",
            f"{row['p']:.4f}",
            effect,
        )
    _print(table)
    for label, report in zip("AB", reports, strict=True):
        for line in _notes(report):
            _say(f"{label}: {line}")


def _overall(report: Mapping[str, Any]) -> Table:
    from ragkit.evaluate.summary import SHORT_NAMES

    table = _table()
    table.add_column("metric", no_wrap=True)
    table.add_column("value", justify="right", no_wrap=True)
    table.add_column("95% interval", justify="right", no_wrap=True)
    for name in SHORT_NAMES:
        if name not in report:
            continue
        edges = report["intervals"].get(name)
        spread = f"{edges[0]:.3f} – {edges[1]:.3f}" if edges else ""
        table.add_row(name, _figure(report[name]), spread)
    return table


def _groups(groups: Mapping[str, Any], title: str) -> Iterator[Table]:
    """Yield a table of retrieval, and one of answers where there are any."""
    from ragkit.evaluate.metrics import METRICS
    from ragkit.evaluate.summary import ANSWER_METRICS, SHORT_NAMES

    for names in (tuple(METRICS), ANSWER_METRICS):
        if not any(name in group for group in groups.values() for name in names):
            continue
        table = _table()
        table.add_column(title, no_wrap=True)
        table.add_column("n", justify="right", no_wrap=True)
        for name in names:
            table.add_column(SHORT_NAMES[name], justify="right", no_wrap=True)
        for label, group in groups.items():
            figures = (_figure(group.get(name)) for name in names)
            table.add_row(_fitted(label), str(group["questions"]), *figures)
        yield table


def _notes(report: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines on refusal and latency."""
    if "given" in report:
        given, refusal = report["given"], report["refusal"]
        yield (
            f"As given, refusals counting as misses: answered {_figure(given['answered'])}, "
            f"contains {_figure(given['contains'])}, f1 {_figure(given['f1'])}."
        )
        yield (
            f"Refused with the right one removed: {_figure(refusal['removed_refused'])}. "
            f"At a threshold of {_figure(refusal['suggested_threshold'])}: answered "
            f"{_figure(refusal['answered_at_suggested'])}, refused "
            f"{_figure(refusal['removed_refused_at_suggested'])}."
        )
    if "unanswerable" in report:
        told = report["unanswerable"]
        yield f"Unanswerable: {told['questions']} questions, refused {_figure(told['refused'])}."
    taken = [
        f"{name} {times['p50']:.1f} ms (p50), {times['p95']:.1f} ms (p95)"
        for name, times in report["latency_ms"].items()
    ]
    yield f"Latency: {'; '.join(taken)}."


def _table() -> Table:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    return Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0))


def _print(table: Table) -> None:
    from rich.console import Console

    Console().print(table)


def _say(line: str) -> None:
    """Print a line, broken between words where the terminal ends."""
    from rich.console import Console

    Console().print(line, markup=False, highlight=False)


def _fitted(label: str) -> str:
    from rich.markup import escape

    label = printable(label).replace("\n", " ") or "–"
    return escape(label if len(label) <= _NAME else "…" + label[1 - _NAME :])


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
