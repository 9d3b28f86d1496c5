"""An answer as HTML and as Markdown, for notebooks, exports and the chat.

Everything that comes from a document or a model is escaped, and nothing here refers to an outside
resource, so showing an answer never makes a browser fetch anything.
"""

from __future__ import annotations

from ragkit.render.answer import answer_html, is_generated, shown_sources, text_html
from ragkit.render.as_markdown import answer_markdown
from ragkit.render.labels import Labels
from ragkit.render.links import address_html
from ragkit.render.passage import passage_html
from ragkit.render.spans import beginning, highlight_spans, shown_name

__all__ = [
    "Labels",
    "address_html",
    "answer_html",
    "answer_markdown",
    "beginning",
    "highlight_spans",
    "is_generated",
    "passage_html",
    "shown_name",
    "shown_sources",
    "text_html",
]
