"""``ragkit evaluate --feedback``: the answers that were rated in the chat, as a test set."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ragkit.errors import ConfigError

if TYPE_CHECKING:
    from ragkit.evaluate.dataset import Passage, Question

__all__ = ["rated_questions", "write_rated"]


def rated_questions(folder: Path) -> tuple[list[Passage], list[Question]]:
    """Return what all ratings about ``folder`` tell; say on stderr how many tell nothing.

    Raises ConfigError where none tells which passage is right, or there is no history.
    """
    from ragkit.chats import chats_path, folder_key, open_chats
    from ragkit.config import load_config
    from ragkit.evaluate.feedback import read_feedback
    from ragkit.ingest.folder import walk

    path = chats_path(load_config().config.home)
    nothing = ConfigError(
        f"No answer about '{folder}' was rated yet. Rate some in the chat: "
        f"ragkit chat {shlex.quote(str(folder))}"
    )
    if not path.exists():
        raise nothing
    if not folder.is_dir():
        raise ConfigError(f"There is no folder '{folder}'. Give the folder of your documents.")
    chats = open_chats(path)
    try:
        documents = [entry.source for entry in walk(folder)]
        found = read_feedback(chats, None, folder_key(folder), documents=documents)
    finally:
        chats.close()
    if not found.up + found.down:
        raise nothing
    if found.unknown:
        click.echo(f"{found.unknown} ratings do not tell what is right and are left out.", err=True)
    return list(found.passages), list(found.questions)


def write_rated(folder: Path, out: Path) -> int:
    """Write the set to ``out``, to be edited and asked; ConfigError where it is there already."""
    from ragkit.evaluate.dataset import set_rows

    passages, questions = rated_questions(folder)
    rows = [json.dumps(row, ensure_ascii=False) for row in set_rows(passages, questions)]
    try:
        with out.open("x", encoding="utf-8") as file:
            file.write("".join(f"{row}\n" for row in rows))
    except FileExistsError:
        raise ConfigError(
            f"{out} is there already and may hold your edits. Give another name, or remove it."
        ) from None
    except OSError as error:
        raise ConfigError(f"Cannot write {out}: {error.strerror or error}.") from error
    click.echo(f"{len(questions)} questions. Ask them:", err=True)
    asking = ["ragkit", "evaluate", "--data", str(folder), "--questions", str(out)]
    click.echo(f"  {shlex.join(asking)}", err=True)
    return 0
