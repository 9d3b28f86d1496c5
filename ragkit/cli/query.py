"""``ragkit query``: one question, one answer with its sources on stdout."""

from __future__ import annotations

import sys
from contextlib import closing
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
from ragkit.cli.terminal import echo_answer, echo_json, echo_sources, printable, source_line
from ragkit.commands import index_command
from ragkit.files import close_names

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ragkit.knowledge import KnowledgeBase
    from ragkit.types import Answer, SourceNode

__all__ = ["query"]

NOT_IN_DOCUMENTS = 3
_MOST_VALUES = 12
_MOST_COUNTED = 100_000
_LONGEST_VALUE = 60


@click.command()
@click.argument("question", required=False)
@data_option
@index_option
@preset_option
@click.option("--top-k", type=number(1, 100), metavar="N", help="Nodes to retrieve.")
@click.option(
    "--filter",
    "filters",
    multiple=True,
    metavar="KEY=VALUE",
    help="Only nodes with this metadata, such as source=a.md, folder=guide, format=pdf, "
    "language=zh, page=3, 'date>=2024'. Repeat a key to widen, use several keys to narrow.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--no-stream", is_flag=True, help="Print the answer when it is complete.")
@click.option("--sources-only", is_flag=True, help="Print what was retrieved, without an answer.")
@click.option(
    "--no-refresh", is_flag=True, help="Ask the index as it is; don't look at the folder."
)
@debug_option
def query(
    question: str | None,
    *,
    data: Path,
    index: str | None,
    preset: str | None,
    top_k: int | None,
    filters: tuple[str, ...],
    as_json: bool,
    no_stream: bool,
    sources_only: bool,
    no_refresh: bool,
) -> int:
    """Ask QUESTION (or read it from stdin) and print the answer and its numbered sources.

    Exit status: 0 answered, 3 not in the documents, 2 bad usage or configuration, 1 other failure.
    """
    question = _question(question)
    kb = open_knowledge(data, index=index, preset=preset, top_k=top_k, answers=True)
    if not sources_only:
        kb.require_answerer()  # before a folder is indexed in vain
    if not no_refresh:
        refresh(kb)
    if sources_only:
        sources = kb.retrieve(question, filters=filters)
        _say_why_nothing(kb, sources, filters)
        return _print_sources(sources, as_json, question)
    if as_json:
        answer = kb.ask(question, filters=filters)
        echo_json(answer.to_dict())
    elif no_stream or not sys.stdout.isatty():
        answer = kb.ask(question, filters=filters)
        echo_answer(answer)
    else:
        answer = _stream(kb, question, filters)
    if not as_json:
        click.echo()
        echo_sources(answer)
    if answer.refused:
        _say_why_nothing(kb, answer.sources, filters)
    return NOT_IN_DOCUMENTS if answer.refused else 0


def _question(argument: str | None) -> str:
    """Return the question from the argument or from stdin; raise UsageError when there is none."""
    question = argument
    if question is None:
        if sys.stdin is None or sys.stdin.isatty():
            raise click.UsageError('Ask a question: ragkit query "How do I …?"')
        try:
            question = sys.stdin.buffer.read().decode("utf-8-sig")
        except UnicodeDecodeError:
            raise click.UsageError(
                "The question on standard input is not UTF-8. Convert it, for example with iconv."
            ) from None
    if not question.strip():
        raise click.UsageError("The question is empty.")
    return question.strip()


def _say_why_nothing(
    kb: KnowledgeBase, sources: tuple[SourceNode, ...], filters: tuple[str, ...]
) -> None:
    """Say on stderr why not even a near source was found."""
    if sources:
        return
    if not kb.documents():
        click.echo(
            f"No document of '{kb.folder}' is indexed. See which files were skipped, and why: "
            f"{index_command(kb)}",
            err=True,
        )
    elif filters:
        given = " --filter ".join(map(printable, filters))
        why = _within(kb, filters) or _values(kb, filters)
        click.echo(f"Nothing was found with --filter {given}. {why}", err=True)
    else:
        click.echo("No document holds a word of the question.", err=True)


def _within(kb: KnowledgeBase, filters: tuple[str, ...]) -> str:
    """Say how many files the filters let through, where it is not they that hide everything."""
    from ragkit.retrieve.retriever import parse_filters

    wanted = parse_filters(filters)
    count = len(kb.catalog.documents_within(wanted)) if wanted is not None else 0
    if not count:
        return ""
    files = "file that fits holds" if count == 1 else f"{count} files that fit hold"
    return f"The {files} no word of the question."


def _values(kb: KnowledgeBase, filters: tuple[str, ...]) -> str:
    """Return what the documents have under the keys of ``filters``, in words."""
    from ragkit.retrieve.filter_keys import filter_keys

    return " ".join(_value(kb, key, filters) for key in filter_keys(filters))


def _value(kb: KnowledgeBase, key: str, filters: tuple[str, ...]) -> str:
    if key in ("source", "sources", "folder"):
        named = (pair.partition("=")[2].strip() for pair in filters if pair.startswith(key))
        known = kb.catalog.facets().folders if key == "folder" else _sources(kb)
        close = list(dict.fromkeys(c for name in named for c in close_names(name, known)))
        return f"Close to it: {_listed(close)}." if close else f"No {key} is called so."
    values = kb.catalog.metadata_values(key, most=_MOST_COUNTED)
    if not values:
        return f"No document has a {key}."
    if len(values) > _MOST_VALUES and all(v.isdecimal() and len(v) < 10 for v in values):
        numbers = sorted(map(int, values))
        return f"{key} is between {numbers[0]} and {numbers[-1]} here."
    shown = [value[:_LONGEST_VALUE] for value in values[:_MOST_VALUES]]
    return f"{key} is {_listed(shown)}{', …' if len(values) > _MOST_VALUES else ''} here."


def _sources(kb: KnowledgeBase) -> list[str]:
    return [document.source for document in kb.documents()]


def _listed(names: Sequence[str]) -> str:
    return ", ".join(printable(name).replace("\n", " ") for name in names)


def _stream(kb: KnowledgeBase, question: str, filters: tuple[str, ...]) -> Answer:
    """Print the answer while it is written."""
    if not kb.generates:
        answer = kb.ask(question, filters=filters)
        echo_answer(answer)
        return answer
    with closing(kb.stream(question, filters=filters)) as stream:
        for piece in stream:
            click.echo(printable(piece), nl=False)
        click.echo()
        return stream.answer


def _print_sources(sources: tuple[SourceNode, ...], as_json: bool, question: str) -> int:
    """Print retrieved nodes; exit status 3 when there are none."""
    if as_json:
        found = [source.to_dict() | {"metadata": dict(source.metadata)} for source in sources]
        echo_json({"question": question, "sources": found})
    else:
        for source in sources:
            click.echo(f"{source_line(source)} · {source.score:.3f}")
            click.echo(printable(source.text) + "\n")
    return 0 if sources else NOT_IN_DOCUMENTS
