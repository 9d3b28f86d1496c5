"""Progress on stderr: a bar when it is a terminal, silence when it is piped."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ragkit.cli.terminal import printable

if TYPE_CHECKING:
    from ragkit.indexing import Progress

__all__ = ["index_progress", "stage_progress"]


@contextmanager
def index_progress() -> Iterator[Progress | None]:
    """Yield a progress callback that draws with rich, or None when stderr is no terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (
        TextColumn("Indexing"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.description}", markup=False),
    )
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None)

        def report(done: int, total: int, source: str) -> None:
            bar.update(task, completed=done, total=total, description=printable(source)[-48:])

        yield report


@contextmanager
def stage_progress(names: Mapping[str, str]) -> Iterator[Callable[[str, int, int], None] | None]:
    """Yield a callback ``(stage, done, total)`` that draws one bar, or None without a terminal.

    ``names`` says what a stage is called; a total of 0 is not known.
    """
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("{task.description:<9}"), BarColumn(bar_width=24), MofNCompleteColumn())
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None)

        def report(stage: str, done: int, total: int) -> None:
            bar.update(task, completed=done, total=total or None, description=names[stage])

        yield report
