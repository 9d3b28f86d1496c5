"""An answer as an HTML fragment: its text with marks, and the sources that they lead to."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from html import escape
from itertools import groupby

from ragkit.render import style
from ragkit.render.flow import Noted, note_answer, note_numbers
from ragkit.render.labels import Labels
from ragkit.render.links import address_html
from ragkit.render.markdown import markdown_html, words_html
from ragkit.render.spans import highlight_spans, shown_name
from ragkit.render.writer import Marks
from ragkit.types import Answer, Citation, SourceNode

__all__ = ["answer_html", "is_generated", "shown_sources", "text_html"]

_ENGLISH = Labels()
_MOST_NEAR = 3
_DASH = "- "
_PREFIX = re.compile(r"[A-Za-z0-9_-]{0,64}", re.ASCII)


def answer_html(
    answer: Answer,
    *,
    with_question: bool = True,
    open_cited: bool = True,
    with_sources: bool = True,
    with_footer: bool = True,
    markdown: bool | None = None,
    links: bool = False,
    prefix: str = "",
    labels: Labels = _ENGLISH,
) -> str:
    """Return an HTML fragment: question, answer with numbers, and sources with quotes marked.

    Sources fold; with ``open_cited`` those that the answer quotes are open to begin with. With
    ``markdown`` the text is read as Markdown, else shown as it is; None: as Markdown where a model
    wrote it. ``prefix``, of letters, digits, ``-`` and ``_``, is what makes the fragment's ids its
    own in a page: with it the numbers in the text are links that open their source. ``links``
    allows addresses to be opened by a click; only for pages that are served with
    ``X-DNS-Prefetch-Control: off``, since browsers look up the hosts of links unasked.

    Nothing in it refers to an outside resource, and everything that comes from a document or a
    model is escaped. Raises ValueError for any other ``prefix``.
    """
    if not _PREFIX.fullmatch(prefix):
        raise ValueError(f"prefix {prefix!r} has other characters than letters, digits, - and _")
    anchors = f"rk-{prefix}" if prefix and with_sources else ""
    as_markdown = is_generated(answer) if markdown is None else markdown
    as_markdown = as_markdown and not answer.refused
    sources = {source.n: source for source in answer.sources}
    marks = Marks(lambda numbers: _cites(numbers, sources, anchors, labels), labels, links)
    parts = [f'<div class="ragkit-answer" style="{style.BOX}">']
    if with_question:
        parts.append(f'<div dir="auto" style="{style.MUTED}">{escape(answer.question)}</div>')
    noted = note_answer(answer, markdown=as_markdown)
    parts.append(_body(noted, marks, markdown=as_markdown, refused=answer.refused))
    shown = shown_sources(answer)
    if with_sources and shown:
        cited = {c.n for c in answer.citations} if open_cited else set()
        parts += [
            f'<div style="{style.SOURCES}">',
            *(_source(s, answer.citations, s.n in cited, anchors, marks) for s in shown),
            "</div>",
        ]
    if with_footer:
        total = answer.timings_ms.get("total")
        took = f" · {total / 1000:.2f} s" if total is not None else ""
        parts.append(f'<div style="{style.MUTED}">{escape(answer.preset)}{took}</div>')
    return "".join([*parts, "</div>"])


def text_html(
    text: str, *, markdown: bool = False, links: bool = False, labels: Labels = _ENGLISH
) -> str:
    """Return what is written so far of an answer as an HTML fragment, in the look of the whole.

    Numbers of sources are marked, but lead nowhere yet. See ``answer_html`` for what it never
    holds, and for ``links``.
    """
    marks = Marks(lambda numbers: _cites(numbers, {}, "", labels), labels, links)
    body = _body(note_numbers(text), marks, markdown=markdown, refused=False)
    return f'<div class="ragkit-writing" style="{style.BOX}">{body}</div>'


def is_generated(answer: Answer) -> bool:
    """Return whether a model wrote ``answer``: something in it is no verbatim quote."""
    if answer.refused:
        return False
    quotes = {citation.quote for citation in answer.citations}
    return "completion_tokens" in answer.timings_ms or any(
        s.text not in quotes for s in answer.sentences if s.claim or s.citations
    )


def shown_sources(answer: Answer) -> tuple[SourceNode, ...]:
    """Return the sources worth a reader's look: those quoted, and those near the question.

    Of a refusal the nearest three.
    """
    if answer.refused:
        return answer.near_sources[:_MOST_NEAR]
    cited = {n for sentence in answer.sentences for n in sentence.citations}
    near = {source.n for source in answer.near_sources}
    # Found by meaning alone, as in another language: words tell nothing about the others then.
    if not near & cited:
        return answer.sources
    return tuple(source for source in answer.sources if source.n in near | cited)


def _body(noted: Noted, marks: Marks, *, markdown: bool, refused: bool) -> str:
    look = f"{style.BODY};{style.REFUSAL}" if refused else style.BODY
    if markdown:
        return f'<div style="{look}">{markdown_html(noted, marks)}</div>'
    inner = _with_lists(words_html(noted, marks))
    return f'<div dir="auto" style="{look};{style.PLAIN}">{inner}</div>'


def _with_lists(html: str) -> str:
    """Return ``html`` with its lines that begin with a dash as items of lists."""
    lines = html.split("\n")
    if sum(line.startswith(_DASH) for line in lines) < 2:
        return html
    # A mark that goes on over lines is left as it is: an item could not hold half of it.
    if any(line.count("<") != 2 * line.count("</") for line in lines):
        return html
    pieces: list[str] = []
    for is_item, group in groupby(lines, key=lambda line: line.startswith(_DASH)):
        if is_item:
            items = "".join(f'<li dir="auto">{line[len(_DASH) :]}</li>' for line in group)
            pieces.append(f'<ul style="{style.LIST};white-space:normal">{items}</ul>')
        else:
            pieces.append("\n".join(group))
    return "".join(pieces)


def _cites(
    numbers: Sequence[int], sources: dict[int, SourceNode], anchors: str, labels: Labels
) -> str:
    """Return the marks of the sources ``numbers``; links where there is something to lead to."""
    pieces = []
    for n in numbers:
        source = sources.get(n)
        if source is None:
            pieces.append(f'<span style="{style.CITE}">{n}</span>')
            continue
        title = escape(labels.source.format(n=n, name=shown_name(source.source)))
        if anchors:
            pieces.append(
                f'<a href="#{anchors}-{n}" aria-label="{title}" title="{title}"'
                f' style="{style.CITE}">{n}</a>'
            )
        else:
            pieces.append(f'<sup style="{style.CITE}" title="{title}">{n}</sup>')
    return "".join(pieces)


def _source(
    source: SourceNode,
    citations: Iterable[Citation],
    opened: bool,
    anchors: str,
    marks: Marks,
) -> str:
    labels = marks.labels
    spans = _quotes_in(source, citations)
    page = f" · {escape(labels.page.format(n=source.page))}" if source.page is not None else ""
    heading = f" · {escape(shown_name(source.heading))}" if source.heading else ""
    address = f"<div>{address_html(source.url, links=marks.links)}</div>" if source.url else ""
    # In the folded part, not on it: a browser opens what an address leads into.
    anchor = f' id="{anchors}-{source.n}"' if anchors else ""
    return (
        f'<details style="{style.SOURCE}"{" open" if opened else ""}>'
        f'<summary style="{style.SUMMARY}"><span style="{style.NUMBER}">{source.n}</span>'
        f'<span style="{style.NAME}">{escape(shown_name(source.source))}</span>'
        f'<span style="{style.MUTED}">{page}{heading}</span></summary>{address}'
        f'<div{anchor} dir="auto" tabindex="0" style="{style.SOURCE_TEXT}">'
        f"{highlight_spans(source.text, spans, begin=True)}</div></details>"
    )


def _quotes_in(source: SourceNode, citations: Iterable[Citation]) -> list[tuple[int, int]]:
    """Return the spans of the quotes of ``source``, as offsets into its node's text."""
    offset = source.start or 0  # without a start, offsets count from the node's
    return [(c.start - offset, c.end - offset) for c in citations if c.n == source.n]
