"""Markdown, as models write it, in HTML of our own.

markdown-it-py finds the structure; every tag and attribute is then written here, so that nothing
can stand in the page that is not in this file. Pictures become words: an address is never fetched.
Raw HTML, addresses in angle brackets and reference definitions are text. So is LaTeX.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from html import escape
from itertools import zip_longest
from typing import TYPE_CHECKING

from ragkit.render import style
from ragkit.render.flow import Noted, only_events
from ragkit.render.labels import Labels
from ragkit.render.links import host_of, linkable
from ragkit.render.writer import Marks, Writer

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.rules_inline import StateInline
    from markdown_it.token import Token

__all__ = ["markdown_html", "words_html"]

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


def words_html(noted: Noted, marks: Marks) -> str:
    """Return a text as it is, its marks in place; white space is the style's business."""
    writer = Writer(noted.events, marks)
    writer.words(noted.text)
    return "".join(writer.out)


def markdown_html(noted: Noted, marks: Marks) -> str:
    """Return Markdown as HTML blocks, its marks in place; a text of 40,000 characters as it is."""
    if len(noted.text) > _LONGEST:
        return f'<div style="{style.PLAIN}">{words_html(noted, marks)}</div>'
    writer = Writer(noted.events, marks)
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


def _write(writer: Writer, tokens: Sequence[Token]) -> None:
    for token, following in zip_longest(tokens, tokens[1:]):
        opens = token.type == "paragraph_open" and not token.hidden
        if opens and following is not None and only_events(following.content):
            writer.out.append(f'<p dir="auto" style="{style.MARKS}">')  # of the block above
        elif token.type == "inline":
            _write(writer, token.children or [])
        elif token.nesting:
            name = token.type.rpartition("_")[0]
            _write_tag(writer, name, token, opens=token.nesting > 0)
        else:
            _write_leaf(writer, token)


def _write_tag(writer: Writer, name: str, token: Token, *, opens: bool) -> None:
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


def _write_leaf(writer: Writer, token: Token) -> None:
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


def _write_link(writer: Writer, token: Token, *, opens: bool) -> None:
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
