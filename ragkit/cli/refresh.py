"""Bring an index up to date before it is asked; what happened is said on stderr."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ragkit.cli.progress import index_progress
from ragkit.errors import IndexMismatch, StoreError

if TYPE_CHECKING:
    from ragkit.knowledge import KnowledgeBase
    from ragkit.types import IndexReport

__all__ = ["refresh"]


def refresh(kb: KnowledgeBase) -> IndexReport | None:
    """Bring the index up to date with its folder; None where it had to be left as it is.

    An index that is busy or cannot be written answers as it is, and stderr says so.
    """
    try:
        with index_progress() as progress:
            report = kb.refresh(progress=progress)
    except IndexMismatch:
        raise
    except StoreError as error:
        if not kb.documents():
            raise
        click.echo(f"Answering from the index as it is: {error}", err=True)
        return None
    if report is None:
        click.echo("Another process is indexing; answering from the last commit.", err=True)
        return None
    if report.added or report.updated or report.deleted:
        click.echo(
            f"Indexed {kb.folder}: {len(report.added)} added, {len(report.updated)} updated, "
            f"{len(report.deleted)} deleted, {len(report.skipped)} skipped "
            f"({report.seconds:.1f} s).",
            err=True,
        )
    return report
