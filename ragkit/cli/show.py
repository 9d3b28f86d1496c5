"""``ragkit show``: the extracted text of a file, to which citations refer."""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ragkit.cli.options import data_option, debug_option, index_option, number, open_knowledge
from ragkit.cli.refresh import refresh
from ragkit.cli.terminal import printable
from ragkit.commands import index_command, password_command
from ragkit.errors import IngestError, RagkitError
from ragkit.files import close_names, find_file, left_out, needs_password, source_name
from ragkit.ingest.folder import locate

if TYPE_CHECKING:
    from ragkit.knowledge import KnowledgeBase
    from ragkit.types import DocumentInfo, SkippedFile

__all__ = ["show"]


@click.command()
@click.argument("source")
@data_option
@index_option
@click.option("--preset", metavar="NAME", help="The preset whose index of the folder is read.")
@click.option("--page", type=number(1), metavar="N", help="Only this page of a PDF, or slide.")
@click.option("--no-refresh", is_flag=True, help="Read the index as it is; don't look at the file.")
@debug_option
def show(
    source: str,
    *,
    data: Path,
    index: str | None,
    preset: str | None,
    page: int | None,
    no_refresh: bool,
) -> None:
    """Print the extracted text of SOURCE, a file of the folder.

    SOURCE is its path below the folder, any path to it, or its bare name where only one file has
    it. Offsets in citations count the characters of this text. In a pipe or a file it is exactly
    that text, in UTF-8; on a terminal each control character is shown as one replacement character,
    so that offsets stay true, and a line break follows.
    """
    kb = open_knowledge(data, index=index, preset=preset)
    name = _find(kb, source, refreshing=not no_refresh)
    text = kb.text(name, page=page)
    if sys.stdout.isatty():
        click.echo(printable(text))
    else:
        # Bytes, because text streams translate line ends and have the encoding of the locale.
        sys.stdout.buffer.write(text.encode())
        sys.stdout.buffer.flush()


def _find(kb: KnowledgeBase, given: str, *, refreshing: bool) -> str:
    """Return the source of an indexed file; raise RagkitError where there is none.

    The index is refreshed only where it is behind the file: refreshing may load an embedder, which
    takes longer than reading a text.
    """
    documents = {document.source: document for document in kb.documents()}
    name = source_name(given, kb.folder, documents)
    skipped: tuple[SkippedFile, ...] = ()
    if refreshing and (name not in documents or _has_changed(kb.folder, documents[name])):
        report = refresh(kb)
        skipped = report.skipped if report else ()
        documents = {document.source: document for document in kb.documents()}
        name = source_name(given, kb.folder, {*documents, *(file.source for file in skipped)})
    if name in documents:
        return name
    reason = next((file.reason for file in skipped if file.source == name), "")
    if not reason:  # the last run's, or that of a link before it
        reason = find_file(name, kb.folder, kb.catalog, hidden=kb.config.ingest.hidden).reason
    if reason:
        said = f"'{printable(name)}' was not read: {printable(reason)}"
        give = f"\n{password_command(kb)}" if needs_password(reason) else ""
        raise RagkitError(said + give)
    if by_rule := left_out(kb, name):
        raise RagkitError("\n".join(printable(line) for line in by_rule if line))
    close = " or ".join(f"'{printable(like)}'" for like in close_names(name, documents))
    if _exists(kb.folder, name):
        raise RagkitError(
            f"'{printable(name)}' is in the folder, and the index does not know it yet. "
            f"Index it first: {index_command(kb)}"
        )
    like = f" Did you mean {close}?" if close else ""
    raise RagkitError(f"There is no file '{printable(name)}' in the folder '{kb.folder}'.{like}")


def _exists(folder: Path, source: str) -> bool:
    try:
        return os.path.lexists(locate(folder, source))
    except IngestError:
        return False


def _has_changed(folder: Path, document: DocumentInfo) -> bool:
    """Return whether the file no longer is what was indexed; gone is changed too."""
    try:
        with locate(folder, document.source).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() != document.sha256
    except (OSError, IngestError):
        return True
