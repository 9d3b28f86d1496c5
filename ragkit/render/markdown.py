"""Markdown, as models write it, in HTML of our own.

markdown-it-py finds the structure; every tag and attribute is then written here, so that nothing
can stand in the page that is not in this file. Pictures become words: an address is never fetched.
Raw HTML, addresses in angle brackets and reference definitions are text. So is LaTeX.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from html import escape
from typing import TYPE_CHECKING

from ragkit.render import style
from ragkit.render.flow import Event, Noted, split_events
from ragkit.render.labels import Labels
from ragkit.render.links import host_of, linkable

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.rules_inline import StateInline
    from markdown_it.token import Token

__all__ = ["Marks", "markdown_html", "words_html"]

# Beyond, inlines take quadratic time on hostile text; it is then shown as it is.
_LONGEST = 40_000
_MATH_ENDS = {"\\(": "\\)", "\\[": "\\]", "$$": "$$"}
_LONGEST_MATH = 2000
_DOLLARS = re.compile(r"\$(?=[^\s$])[^$\n]{1,500}(?<=[^\s\\])\$(?!\d)")
_ADDRESS_SHOWN = 200
_PLAIN_TAGS = {
    "paragraph": ("p", style.BLOCK),
    "bullet_list": ("ul", style.LIST),
    "blockquote": ("blockquote", style.QUOTATION),
    "list_item": ("li", ""),
    "thead": ("thead", ""),
    "tbody": ("tbody", ""),
    "tr": ("tr", ""),
    "strong": ("strong", ""),
    "em": ("em", ""),
    "s": ("s", ""),
}
_BLOCKS = frozenset(("paragraph", "bullet_list", "blockquote"))


@dataclass(frozen=True, slots=True)
class Marks:
    """How marks are written: ``cite`` takes the numbers of sources and returns their HTML.

    ``links`` tells whether addresses may be opened by a click.
    """

    cite: Callable[[Sequence[int]], str]
    labels: Labels
    links: bool = False


@dataclass(slots=True)
class _Writer:
    events: list[Event]
    marks: Marks
    out: list[str] = field(default_factory=list)
    doubted: bool = False
    short: bool = False
    addresses: list[str] = field(default_factory=list)  # what to write behind each open link

    def words(self, text: str) -> None:
        """Write text with what is noted in it; a mark stands at its word, without a space."""
        for item in split_events(text, self.events):
            if isinstance(item, str):
                self.out.append(self._styled(escape(item)))
                continue
            if item.kind in ("cite", "sure") and self.out:
                self.out[-1] = self.out[-1].rstrip(" ")
            self.event(item)

    def code(self, text: str) -> None:
        """Write code, in which numbers in brackets are its own."""
        for item in split_events(text, self.events):
            if isinstance(item, str):
                self.out.append(self._styled(escape(item)))
            elif item.kind == "cite":
                self.out += [f"[{n}]" for n in item.numbers]
            else:
                self.event(item)

    def event(self, event: Event) -> None:
        """Write a mark, or begin or end a stretch of text."""
        if event.kind == "cite":
            self.out.append(self.marks.cite(event.numbers))
        elif event.kind == "sure":
            self.out.append(_doubt_sign(self.marks.labels))
        elif event.kind in ("short", "plain"):
            self.short = event.kind == "short"
        self.doubted = event.kind == "doubt" or (self.doubted and event.kind in ("short", "plain"))

    def _styled(self, text: str) -> str:
        if not text.strip():
            return text
        if self.short:
            text = f'<mark style="{style.SHORT}">{text}</mark>'
        if self.doubted:
            title = escape(self.marks.labels.unsupported)
            text = f'<span style="{style.UNSUPPORTED}" title="{title}">{text}</span>'
        return text


def words_html(noted: Noted, marks: Marks) -> str:
    """Return a text as it is, its marks in place; white space is the style's business."""
    writer = _Writer(noted.events, marks)
    writer.words(noted.text)
    return "".join(writer.out)


def markdown_html(noted: Noted, marks: Marks) -> str:
    """Return Markdown as HTML blocks, its marks in place; a text of 40,000 characters as it is."""
    if len(noted.text) > _LONGEST:
        return f'<div style="{style.PLAIN}">{words_html(noted, marks)}</div>'
    writer = _Writer(noted.events, marks)
    _write(writer, _parser().parse(noted.text))
    return "".join(writer.out)


@cache
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark", {"html": False})
    parser.enable(["table", "strikethrough"])
    parser.disable(["html_block", "html_inline", "autolink", "reference", "code"])
    parser.inline.ruler.before("escape", "math", _math)
    return parser


def _math(state: StateInline, silent: bool) -> bool:
    r"""Take ``\(…\)``, ``\[…\]``, ``$…$`` and ``$$…$$`` as they are."""
    begin, source = state.pos, state.src
    if source[begin] not in "\\$":
        return False
    closing = _MATH_ENDS.get(source[begin : begin + 2])
    if closing:
        found = source.find(closing, begin + 3, min(state.posMax, begin + _LONGEST_MATH))
        end = found + 2 if found >= 0 else -1
    else:
        dollars = _DOLLARS.match(source, begin, state.posMax)
        end = dollars.end() if dollars else -1
    if end < 0:
        return False
    if not silent:
        state.push("math", "", 0).content = source[begin:end]
    state.pos = end
    return True


def _write(writer: _Writer, tokens: Sequence[Token]) -> None:
    for token in tokens:
        if token.type == "inline":
            _write(writer, token.children or [])
            continue
        name, _, side = token.type.rpartition("_")
        if side in ("open", "close") and name:
            _write_tag(writer, name, token, opens=side == "open")
        else:
            _write_leaf(writer, token)


def _write_tag(writer: _Writer, name: str, token: Token, *, opens: bool) -> None:
    out = writer.out
    if name == "paragraph" and token.hidden:
        return  # a tight list's
    if name == "link":
        _write_link(writer, token, opens=opens)
    elif name == "heading":
        level = min(6, int(token.tag[1:]) + 2)
        opening = f'<div role="heading" aria-level="{level}" dir="auto" style="{style.HEADING}">'
        out.append(opening if opens else "</div>")
    elif name == "ordered_list":
        start = token.attrGet("start")
        number = f' start="{int(start)}"' if isinstance(start, int | str) else ""
        out.append(f'<ol dir="auto" style="{style.LIST}"{number}>' if opens else "</ol>")
    elif name == "table":
        label = escape(writer.marks.labels.table)
        wide = f'<div role="region" tabindex="0" aria-label="{label}" style="{style.SCROLL}">'
        out.append(f'{wide}<table style="{style.TABLE}">' if opens else "</table></div>")
    elif name in ("th", "td"):
        out.append(_cell(name, token) if opens else f"</{name}>")
    elif name in _PLAIN_TAGS:
        tag, look = _PLAIN_TAGS[name]
        direction = ' dir="auto"' if name in _BLOCKS else ""
        styled = f' style="{look}"' if look else ""
        out.append(f"<{tag}{direction}{styled}>" if opens else f"</{tag}>")


def _cell(name: str, token: Token) -> str:
    found = re.fullmatch(r"text-align:(left|right|center)", str(token.attrGet("style") or ""))
    align = f"text-align:{found[1] if found else 'start'};"
    look = style.TABLE_HEAD if name == "th" else style.TABLE_CELL
    scope = ' scope="col"' if name == "th" else ""
    return f'<{name}{scope} dir="auto" style="{align}{look}">'


def _write_leaf(writer: _Writer, token: Token) -> None:
    out = writer.out
    if token.type == "code_inline":
        out.append(f'<code style="{style.CODE}">')
        writer.code(token.content)
        out.append("</code>")
    elif token.type == "fence":
        out.append(f'<pre style="{style.CODE_BLOCK}"><code>')
        writer.code(token.content.removesuffix("\n"))
        out.append("</code></pre>")
    elif token.type == "image":
        writer.words(_picture(token, writer.marks.labels))
    elif token.type in ("softbreak", "hardbreak"):
        out.append("<br>")  # models do not wrap their lines
    elif token.type == "hr":
        out.append(f'<hr style="{style.RULE}">')
    else:  # text, math, and whatever a later version of the library may add
        writer.words(token.content)


def _write_link(writer: _Writer, token: Token, *, opens: bool) -> None:
    """Write a link that says its host, or its words with the address behind them as text."""
    if not opens:
        writer.out.append(writer.addresses.pop() if writer.addresses else "")
        return
    address = str(token.attrGet("href") or "")
    allowed = linkable(address)
    if allowed and writer.marks.links:
        href, host = allowed
        writer.out.append(
            f'<a href="{escape(href)}" target="_blank" rel="noopener noreferrer"'
            f' style="{style.LINK}">'
        )
        writer.addresses.append(f'</a> <span style="{style.HOST}">({escape(host)})</span>')
        return
    if len(address) > _ADDRESS_SHOWN:
        address = address[:_ADDRESS_SHOWN] + "…"
    shown = f' <span style="{style.HOST}">({escape(address)})</span>' if address else ""
    writer.addresses.append(shown)


def _picture(token: Token, labels: Labels) -> str:
    """Return a picture in words: what it shows, and the host where it is."""
    alt = _plain_text(token.children or []).strip()
    host = host_of(str(token.attrGet("src") or ""))
    return f"{alt} ({labels.image}: {host})" if host else f"{alt} ({labels.image})"


def _plain_text(tokens: Sequence[Token]) -> str:
    return "".join(
        _plain_text(token.children) if token.children else token.content or "" for token in tokens
    )


def _doubt_sign(labels: Labels) -> str:
    title = escape(labels.unsupported)
    return f'<span role="img" aria-label="{title}" title="{title}" style="{style.DOUBT}">?</span>'
