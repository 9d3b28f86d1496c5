"""A conversation as one file, in Markdown or HTML, that can be read anywhere.

Nothing of a question, an answer or a document becomes markup, and the HTML page forbids scripts
and requests: opening it fetches nothing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape

from ragkit.chats.records import ChatInfo, Turn
from ragkit.chats.titles import storable
from ragkit.render import answer_html, answer_markdown
from ragkit.retrieve.tokenizer import detect_language

__all__ = ["export_html", "export_markdown"]

_WORDS = {
    "en": {
        "untitled": "Chat",
        "question": "Question",
        "stopped": "The answer was stopped.",
        "writing": "The answer was still being written.",
        "failed": "There is no answer.",
        "up": "rated good",
        "down": "rated bad",
    },
    "zh": {
        "untitled": "对话",
        "question": "问题",
        "stopped": "回答已停止。",
        "writing": "回答尚未写完。",
        "failed": "没有回答。",
        "up": "评为有用",
        "down": "评为无用",
    },
}


def export_markdown(info: ChatInfo, turns: Sequence[Turn], *, language: str = "en") -> str:
    """Return the chat as Markdown (CommonMark): questions, answers with numbers, sources, quotes.

    ``language`` ("en", "zh") is that of the few words of our own.
    """
    words = _WORDS.get(language, _WORDS["en"])
    parts = [f"# {_plain(info.title) or words['untitled']}", f"{_day(info.created_at)}"]
    for number, turn in enumerate(turns, start=1):
        parts.append(f"## {number}. {words['question']}")
        parts.append("\n".join(f"> {_plain(line)}".rstrip() for line in turn.question.splitlines()))
        if turn.answer is not None:
            parts.append(answer_markdown(turn.answer).strip())
        parts += [f"*{_plain(line)}*" for line in _notes(turn, words)]
    return storable("\n\n".join(part for part in parts if part) + "\n")


def export_html(info: ChatInfo, turns: Sequence[Turn], *, language: str = "en") -> str:
    """Return the chat as one HTML page, light or dark as its reader's system, fit to be printed.

    ``language`` ("en", "zh") is that of the few words of our own; questions and answers carry the
    language that they are in.
    """
    known = language if language in _WORDS else "en"
    words = _WORDS[known]
    title = escape(info.title or words["untitled"])
    body = "".join(_turn_html(turn, words, known) for turn in turns)
    return storable(
        f'<!doctype html>\n<html lang="{_tag(known)}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        "style-src 'unsafe-inline'; img-src data:\">"
        '<meta name="referrer" content="no-referrer"><meta name="color-scheme" '
        f'content="light dark"><title>{title}</title><style>{_STYLE}</style></head><body><main>'
        f"<h1{_lang(info.title, known)}>{title}</h1><p class=note>{_day(info.created_at)}</p>{body}"
        "</main></body></html>\n"
    )


def _turn_html(turn: Turn, words: dict[str, str], language: str) -> str:
    answer = ""
    if turn.answer is not None:
        shown = answer_html(turn.answer, with_question=False, open_cited=False)
        answer = f"<div{_lang(turn.answer.text, language)}>{shown}</div>"
    notes = "".join(f"<p class=note>{escape(line)}</p>" for line in _notes(turn, words))
    return (
        f"<section><h2{_lang(turn.question, language)}>{escape(turn.question)}</h2>"
        f"{answer}{notes}</section>"
    )


def _notes(turn: Turn, words: dict[str, str]) -> list[str]:
    """Return what is to be said below an answer: why it ends, and how it was rated."""
    lines = [turn.error] if turn.error else []
    if turn.state != "done" and not turn.error:
        lines.append(words[turn.state])
    if turn.feedback:
        comment = f": {turn.comment}" if turn.comment else ""
        lines.append(words[turn.feedback] + comment)
    return lines


def _lang(text: str, language: str) -> str:
    """Return a ``lang`` attribute where the text's language is not the page's."""
    found = _tag(detect_language(text) or language)
    return "" if found == _tag(language) else f' lang="{escape(found)}"'


def _tag(language: str) -> str:
    """Return the BCP 47 tag by which browsers choose glyphs."""
    return {"zh": "zh-Hans"}.get(language, language)


def _day(at: str) -> str:
    return f"{at[:10]} {at[11:16]} UTC"


def _plain(text: str) -> str:
    """Return one line in which Markdown finds no markup."""
    line = " ".join(text.split())
    line = re.sub(r"([\\`*_{}\[\]<>()#!|~&$])", r"\\\1", line)
    return re.sub(r"^([-+=]|\d+(?=[.)]))", r"\\\1", line) if line[:1] in "-+=" else _number(line)


def _number(line: str) -> str:
    return re.sub(r"^(\d+)([.)])", r"\1\\\2", line)


_STYLE = """
:root{--paper:#fff;--ink:#1d2523;--soft:#5b6764;--rule:#dde3e1;--accent:#0d7d74}
@media (prefers-color-scheme:dark){:root{--paper:#151a19;--ink:#e4eae8;--soft:#9fb0ac;
--rule:#2c3634;--accent:#2dbdaf}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.6 system-ui,-apple-system,
"Segoe UI","Noto Sans","PingFang SC","Microsoft YaHei","Noto Sans CJK SC",sans-serif}
main{max-width:50rem;margin:0 auto;padding:2.5rem 1.25rem 4rem}
h1{font-size:1.5rem;line-height:1.3;margin:0;overflow-wrap:anywhere}
h2{font-size:1.05rem;line-height:1.5;margin:0 0 .8rem;padding-left:.8rem;white-space:pre-wrap;
border-left:3px solid var(--accent);overflow-wrap:anywhere}
section{margin-top:2.2rem;padding-top:1.8rem;border-top:1px solid var(--rule)}
.note{color:var(--soft);font-size:.85rem;margin:.3rem 0}
@media print{:root{--paper:#fff;--ink:#000;--soft:#444;--rule:#bbb}
main{max-width:none;padding:0}body{font-size:11pt}
h2{break-after:avoid}details{break-inside:avoid}
details::details-content{content-visibility:visible;block-size:auto}}
"""
