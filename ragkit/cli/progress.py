"""Progress on stderr: a bar when it is a terminal, silence when it is piped."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ragkit.cli.terminal import printable

if TYPE_CHECKING:
    from ragkit.indexing import Progress

__all__ = ["index_progress"]


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
