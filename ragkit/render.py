"""An answer as HTML and as Markdown, for notebooks and exports.

Everything that comes from a document or a model is escaped, and nothing here refers to an outside
resource, so showing an answer never makes a browser fetch anything. Colours are translucent over
the page's own, which reads well on light and on dark.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import escape

from ragkit.types import Answer, Citation, Sentence, SourceNode

__all__ = ["answer_html", "answer_markdown", "highlight_spans"]

_BOX = (
    "max-width:52rem;line-height:1.6;font-family:system-ui,sans-serif;color:inherit;"
    "overflow-wrap:anywhere"
)
_MUTED = "opacity:.65;font-size:.85em"
_QUOTE = "background:rgba(255,193,7,.32);color:inherit;border-radius:3px;padding:0 .1em"
_SHORT = "border-bottom:2px solid rgba(13,148,136,.9);font-weight:600"
_SOURCE = "border-left:3px solid rgba(13,148,136,.55);padding:.1em 0 .1em .8em;margin:.5em 0"
_UNSUPPORTED = "border-bottom:2px dotted rgba(220,38,38,.9)"
_NUMBER = "color:#0d9488;font-weight:600;margin-left:.15em"


def answer_html(answer: Answer, *, with_question: bool = True, open_cited: bool = True) -> str:
    """Return an HTML fragment: question, answer with numbers, and sources with quotes marked.

    Sources fold; with ``open_cited`` those that the answer quotes are open to begin with.
    """
    cited = {c.n for c in answer.citations} if open_cited else set()
    parts = [f'<div class="ragkit-answer" style="{_BOX}">']
    if with_question:
        parts.append(f'<div style="{_MUTED}">{escape(answer.question)}</div>')
    parts.append(f'<div style="margin:.4em 0 .8em;font-size:1.05em">{_answer_body(answer)}</div>')
    parts += [_source_html(s, answer.citations, opened=s.n in cited) for s in answer.sources]
    total = answer.timings_ms.get("total")
    took = f" · {total / 1000:.2f} s" if total is not None else ""
    parts.append(f'<div style="{_MUTED}">{escape(answer.preset)}{took}</div></div>')
    return "".join(parts)


def answer_markdown(answer: Answer) -> str:
    """Return Markdown: the answer with numbers, then the sources with their quotes."""
    lines = [_markdown_text(answer.text), ""]
    for source in answer.sources:
        page = f", p. {source.page}" if source.page is not None else ""
        lines.append(f"**[{source.n}]** {_markdown_text(' '.join(source.source.split()))}{page}  ")
        lines += [
            f"> {_markdown_text(' '.join(c.quote.split()))}"
            for c in answer.citations
            if c.n == source.n
        ]
        lines.append("")
    return "\n".join(lines)


def highlight_spans(text: str, spans: Iterable[tuple[int, int]], style: str = _QUOTE) -> str:
    """Return ``text`` escaped, with the half-open character ``spans`` inside ``<mark>``.

    Spans are clipped to the text; overlapping ones are joined.
    """
    pieces: list[str] = []
    at = 0
    for start, end in sorted(spans):
        start, end = max(start, at), min(end, len(text))
        if start >= end:
            continue
        marked = f'<mark style="{style}">{escape(text[start:end])}</mark>'
        pieces += [escape(text[at:start]), marked]
        at = end
    return "".join([*pieces, escape(text[at:])])


def _answer_body(answer: Answer) -> str:
    """Return the answer's text with its layout, its sentences and numbers marked up."""
    sources = {s.n: s for s in answer.sources}
    pieces: list[str] = []
    at = 0
    for sentence in answer.sentences:
        start = answer.text.find(sentence.text, at)
        if start >= 0:
            pieces.append(_between(answer.text[at:start], sources))
            at = start + len(sentence.text)
        else:  # an answer whose text was made by hand
            pieces.append(" ")
        pieces.append(_sentence_html(sentence))
    return "".join([*pieces, _between(answer.text[at:], sources)])


def _sentence_html(sentence: Sentence) -> str:
    spans = [(sentence.mark.start, sentence.mark.end)] if sentence.mark else []
    text = highlight_spans(sentence.text, spans, f"background:none;color:inherit;{_SHORT}")
    text = text.replace("\n", "<br>")
    if sentence.claim and not sentence.supported:
        return f'<span style="{_UNSUPPORTED}" title="No source supports this.">{text}</span>'
    return text


def _between(text: str, sources: dict[int, SourceNode]) -> str:
    """Return what stands between sentences: white space, and the numbers of sources."""
    if not sources:
        return escape(text).replace("\n", "<br>")
    pieces = []
    for n, number, other in re.findall(r"\s*(\[(\d+)\])|((?:(?!\s*\[\d+\]).)+)", text, re.DOTALL):
        source = sources.get(int(number)) if number else None
        if source:
            title = escape(source.source)
            pieces.append(f'<sup style="{_NUMBER}" title="{title}">{n}</sup>')
        else:
            pieces.append(escape(n or other).replace("\n", "<br>"))
    return "".join(pieces)


def _source_html(source: SourceNode, citations: Iterable[Citation], *, opened: bool) -> str:
    spans = _quotes_in(source, citations)
    page = f" · p. {source.page}" if source.page is not None else ""
    heading = f" · {escape(source.heading)}" if source.heading else ""
    return (
        f'<details style="{_SOURCE}"{" open" if opened else ""}>'
        f"<summary><b>[{source.n}] {escape(source.source)}</b>"
        f'<span style="{_MUTED}">{page}{heading} · {source.score:.2f}</span></summary>'
        f'<div style="white-space:pre-wrap;margin-top:.4em;font-size:.92em">'
        f"{highlight_spans(source.text, spans)}</div></details>"
    )


def _quotes_in(source: SourceNode, citations: Iterable[Citation]) -> list[tuple[int, int]]:
    """Return the spans of the quotes of ``source``, as offsets into its node's text."""
    if source.start is None:
        return []
    return [(c.start - source.start, c.end - source.start) for c in citations if c.n == source.n]


def _markdown_text(text: str) -> str:
    """Escape what Markdown would turn into links, images, emphasis or HTML."""
    return re.sub(r"([\\`*_\[\]<>!#|~])", r"\\\1", text)
