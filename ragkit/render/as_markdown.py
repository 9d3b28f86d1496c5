"""An answer as Markdown, in which nothing of a document or a model is Markdown."""

from __future__ import annotations

import re

from ragkit.render.answer import shown_sources
from ragkit.render.spans import beginning
from ragkit.types import Answer

__all__ = ["answer_markdown"]


def answer_markdown(answer: Answer) -> str:
    """Return Markdown: the answer with numbers, then the sources with their quotes.

    Only those that are quoted; of a refusal the nearest, with their beginnings.
    """
    lines = [_escaped(answer.text), ""]
    cited = {citation.n for citation in answer.citations}
    for source in shown_sources(answer):
        if not (answer.refused or source.n in cited):
            continue
        page = f", p. {source.page}" if source.page is not None else ""
        # As text; a reader of Markdown may make a link of it, which opens by a click alone.
        address = f" · {_escaped(source.url)}" if source.url else ""
        name = _escaped(" ".join(source.source.split()))
        lines.append(f"**[{source.n}]** {name}{page}{address}  ")
        lines += [
            f"> {_escaped(' '.join(c.quote.split()))}" for c in answer.citations if c.n == source.n
        ]
        if answer.refused:
            lines.append(f"> {_escaped(beginning(source.text))}")
        lines.append("")
    return "\n".join(lines)


def _escaped(text: str) -> str:
    """Escape what Markdown would turn into links, images, emphasis or HTML."""
    return re.sub(r"([\\`*_\[\]<>!#|~])", r"\\\1", text)
