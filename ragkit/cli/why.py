"""``ragkit why``: where a file was lost on the way from the folder to the answer."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ragkit.cli.options import (
    data_option,
    debug_option,
    index_option,
    number,
    open_knowledge,
    preset_option,
)
from ragkit.cli.refresh import refresh
from ragkit.cli.terminal import echo_json, printable

if TYPE_CHECKING:
    from ragkit.why import Arm, Passage, Ranking, Why, Word

__all__ = ["why"]

_LABEL = 12
_WIDEST = 100
_MOST_PASSAGE = 400


@click.command()
@click.argument("question")
@click.argument("file")
@data_option
@index_option
@preset_option
@click.option("--top-k", type=number(1, 100), metavar="N", help="Nodes to retrieve.")
@click.option(
    "--filter", "filters", multiple=True, metavar="KEY=VALUE", help="As for `ragkit query`."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option(
    "--no-refresh", is_flag=True, help="Look at the index as it is; don't look at the folder."
)
@debug_option
def why(
    question: str,
    file: str,
    *,
    data: Path,
    index: str | None,
    preset: str | None,
    top_k: int | None,
    filters: tuple[str, ...],
    as_json: bool,
    no_refresh: bool,
) -> None:
    """Say why FILE is not in the answer to QUESTION, or that it is, and what to do.

    FILE is its path below the folder, any path to it, or its bare name where only one file has it.
    No model writes anything. Exit status: 0 explained, 2 bad usage, 1 other failure.
    """
    if not question.strip():
        raise click.UsageError("The question is empty.")
    kb = open_knowledge(data, index=index, preset=preset, top_k=top_k)
    if not no_refresh:
        refresh(kb)
    found = kb.why(question.strip(), file, filters=filters)
    if as_json:
        echo_json(found.to_dict())
        return
    _print(found)


def _print(found: Why) -> None:
    """Print an explanation on about one screen."""
    _echo(found.reason, bold=True)
    rows = list(_rows(found))
    if rows:
        click.echo()
    for label, text in rows:
        _echo(text, first=f"{label:<{_LABEL}}", indent=" " * _LABEL)
    if found.passage:
        click.echo()
        _echo(_place(found, found.passage))
        _echo(_shortened(found.passage.text), first="    ", indent="    ")
    if found.advice:
        click.echo("\nWhat to do:")
    for line in found.advice:
        _echo(line, first="- ", indent="  ")


def _rows(found: Why) -> Iterator[tuple[str, str]]:
    held = [_word(word) for word in found.words if word.in_file]
    lacking = [_word(word) for word in found.words if not word.in_file]
    if found.words:
        yield "it has", ", ".join(held) or "none of the question's informative words"
        yield "it lacks", ", ".join(lacking) or "nothing of the question"
    if found.ranking:
        yield from _ranking_rows(found.ranking)
    if found.budget and found.budget.tokens is not None:
        cut = "; the best is cut" if found.budget.cut else ""
        kept = f"{found.budget.kept} of {found.budget.retrieved} sources"
        yield "prompt", f"{kept}, room for {found.budget.tokens} tokens{cut}"
    if found.judgement:
        judged = found.judgement
        verdict = "refused" if judged.refused else "answered"
        yield "confidence", f"{judged.confidence:.3f}, {judged.threshold:.3f} needed: {verdict}"
        yield "coverage", f"{judged.coverage:.0%} of the question in the best sentence of all files"


def _ranking_rows(ranking: Ranking) -> Iterator[tuple[str, str]]:
    few = ranking.searched < ranking.top_k
    place = f"{ranking.rank}" if ranking.rank else (
        f"none, {ranking.searched} found" if few else f"below {ranking.searched}"
    )  # fmt: skip
    score = "" if ranking.score is None else f", score {ranking.score:.3f}"
    yield "rank", f"{place}{score} ({ranking.retriever}); retrieved are the best {ranking.top_k}"
    if ranking.retriever == "hybrid":
        for name, arm in (("by words", ranking.lexical), ("by vectors", ranking.dense)):
            if arm:
                yield name, _arm(arm)
    if ranking.last and ranking.rank != ranking.top_k:
        last = ranking.last
        yield f"rank {ranking.top_k}", f"score {last.score:.3f}, {last.source}"


def _arm(arm: Arm) -> str:
    if arm.rank is None:
        return f"not among the best {arm.searched}"
    return f"rank {arm.rank}, score {arm.score:.3f}"


def _word(word: Word) -> str:
    other = "" if word.found or not word.in_file else "; here not found by it: another stem"
    return f"{word.text} ({word.nodes} node{'' if word.nodes == 1 else 's'}{other})"


def _place(found: Why, passage: Passage) -> str:
    page = f", page {passage.page}" if passage.page is not None else ""
    heading = f" · {passage.heading}" if passage.heading else ""
    return (
        f"Nearest in {found.source}{page}{heading} (characters {passage.start} to {passage.end}, "
        f"{passage.coverage:.0%} of the question):"
    )


def _shortened(text: str) -> str:
    return text if len(text) <= _MOST_PASSAGE else text[:_MOST_PASSAGE] + "…"


def _echo(text: str, *, first: str = "", indent: str = "", bold: bool = False) -> None:
    """Print ``text`` behind ``first``; on a terminal in lines that fit, later ones indented.

    Wide characters count double. In a pipe it is one line, which is easier to search.
    """
    plain = " ".join(printable(text).split())
    if not sys.stdout.isatty():
        click.echo(first + plain)
        return
    from rich.console import Console
    from rich.text import Text

    width = max(20, min(_WIDEST, shutil.get_terminal_size().columns) - len(indent) - 1)
    lines = [line.plain.rstrip() for line in Text(plain).wrap(Console(width=width), width)]
    for begins, line in zip([first] + [indent] * len(lines), lines, strict=False):
        click.echo(begins + (click.style(line, bold=True) if bold else line))
