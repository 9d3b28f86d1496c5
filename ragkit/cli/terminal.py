"""What may reach a terminal: text without control sequences, and JSON in its encoding."""

from __future__ import annotations

import json
import sys
import unicodedata
from collections.abc import Mapping
from typing import Any

import click

from ragkit.render import beginning, shown_sources
from ragkit.types import Answer, Sentence, SourceNode

__all__ = ["echo_answer", "echo_json", "echo_sources", "printable", "source_line"]

_BIDI = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_SNIPPET = 160


def printable(text: str) -> str:
    """Return ``text`` without control characters and direction overrides.

    A document or a file name must not be able to drive the terminal or to look like another name.
    """
    return "".join(
        "\N{REPLACEMENT CHARACTER}"
        if c in _BIDI or (unicodedata.category(c) in ("Cc", "Cs") and c not in "\n\t")
        else c
        for c in text
    )


def echo_json(value: Mapping[str, Any]) -> None:
    """Print one JSON object; characters that stdout's encoding lacks are escaped."""
    utf8 = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    click.echo(json.dumps(value, ensure_ascii=not utf8, indent=2))


def source_line(source: SourceNode) -> str:
    """Return ``[1] guide/install.md, page 3 · Install > CUDA · https://…`` for a source."""
    place = f", page {source.page}" if source.page is not None else ""
    more = "".join(f" · {part}" for part in (source.heading, source.url) if part)
    return printable(f"[{source.n}] {source.source}{place}{more}").replace("\n", " ")


def echo_sources(answer: Answer) -> None:
    """Print the cited sources; of a refusal a few that share a word with it, with their text."""
    cited = {n for sentence in answer.sentences for n in sentence.citations}
    shown = [s for s in answer.sources if s.n in cited] or shown_sources(answer)
    for source in shown:
        click.echo(source_line(source))
        if source.n not in cited:
            click.echo("    " + beginning(printable(source.text), _SNIPPET))


def echo_answer(answer: Answer) -> None:
    """Print an answer's text; on a terminal the short answer inside a sentence is bold."""
    if not sys.stdout.isatty() or not answer.sentences:
        click.echo(printable(answer.text))
        return
    text = answer.text
    for sentence in answer.sentences:
        text = text.replace(sentence.text, _with_bold(sentence), 1)
    click.echo(text)


def _with_bold(sentence: Sentence) -> str:
    if sentence.mark is None:
        return printable(sentence.text)
    start, end = sentence.mark.start, sentence.mark.end
    before, marked, after = sentence.text[:start], sentence.text[start:end], sentence.text[end:]
    return printable(before) + click.style(printable(marked), bold=True) + printable(after)
