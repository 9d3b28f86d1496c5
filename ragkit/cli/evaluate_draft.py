"""``ragkit evaluate --from-folder``: draft a question set from a folder's documents."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ragkit.cli.options import open_knowledge
from ragkit.cli.progress import index_progress
from ragkit.cli.terminal import printable
from ragkit.errors import ConfigError

if TYPE_CHECKING:
    from ragkit.evaluate.draft import Section
    from ragkit.knowledge import KnowledgeBase

__all__ = ["draft"]


def draft(folder: Path, *, out: Path | None, preset: str | None, number: int | None) -> int:
    """Write drafted questions and the sections that they are about to ``out``, else to stdout.

    Raises ConfigError where ``out`` is there already, for it may have been edited.
    """
    from ragkit.evaluate.draft import DRAFTED, draft_rows, read_sections

    if out is not None and out.exists():
        raise ConfigError(
            f"{out} is there already and may hold your edits. Give another name, or remove it."
        )
    kb = open_knowledge(folder, index=None, preset=preset)
    kb.require_answerer()
    if not kb.folder.is_dir():
        raise ConfigError(f"There is no folder '{folder}'. Give the folder of your documents.")
    skipped: list[str] = []
    sections = list(
        read_sections(
            kb.folder,
            max_bytes=kb.config.ingest.max_file_mb * 1024 * 1024,
            skipped=lambda source, reason: skipped.append(source),
        )
    )
    rows = draft_rows(sections, number=number or DRAFTED, ask=_model(kb))
    count = _write(rows, out)
    if skipped:
        names = ", ".join(printable(source) for source in skipped[:3])
        files = "1 file" if len(skipped) == 1 else f"{len(skipped)} files"
        more = ", …" if len(skipped) > 3 else ""
        click.echo(f"{files} could not be read: {names}{more}", err=True)
    if not count:
        raise ConfigError(
            f"Nothing in '{folder}' could be turned into a question: no headings, no FAQ. "
            "Write the questions by hand, or use a preset with a model."
        )
    name, chosen = str(out or "FILE"), ["--preset", preset] if preset else []
    click.echo(f"{count} questions on {len(sections)} sections. Edit them, then:", err=True)
    for where in (["--passages", name], ["--data", str(folder)]):
        asking = ["ragkit", "evaluate", *where, "--questions", name, *chosen]
        click.echo(f"  {shlex.join(asking)}", err=True)
    return 0


def _model(kb: KnowledgeBase) -> Callable[[Section], str] | None:
    """Return what asks the preset's model about a section; None where the preset has none."""
    if not kb.generates:
        return None
    from llama_index.core.llms import ChatMessage

    from ragkit.evaluate.draft import ask_model

    with index_progress() as progress:
        kb.index(progress=progress)
    llm = kb.parts.llm
    assert llm is not None, "generates is true"

    def ask(prompt: str) -> str:
        return llm.chat([ChatMessage(role="user", content=prompt)]).message.content or ""

    return lambda section: ask_model(section, ask, lambda q: bool(kb.retrieve(q)))


def _write(rows: Iterator[dict[str, Any]], out: Path | None) -> int:
    """Write the rows, each on its line; return how many are questions."""
    if out is None:
        count = 0
        for row in rows:
            click.echo(json.dumps(row, ensure_ascii=False))
            count += "question" in row
        return count
    try:
        # "x": a file that came up meanwhile is not overwritten either.
        with out.open("x", encoding="utf-8") as file:
            return sum(_line(file.write, row) for row in rows)
    except OSError as error:
        raise ConfigError(f"Cannot write {out}: {error.strerror or error}.") from error


def _line(write: Callable[[str], Any], row: dict[str, Any]) -> bool:
    write(json.dumps(row, ensure_ascii=False) + "\n")
    return "question" in row
