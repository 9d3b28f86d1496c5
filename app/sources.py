"""One source of an answer, opened: the passage with its quotes, the page, the file itself."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st
from texts_sources import TEXTS

import ragkit
from ragkit.originals import MOST_BYTES, find_original, is_pdf, read_original
from ragkit.passages import Passage, passage
from ragkit.pdf_pages import page_count, page_png
from ragkit.render import address_html, passage_html, shown_name, shown_sources

if TYPE_CHECKING:
    from ragkit.knowledge import KnowledgeBase
    from ragkit.types import Answer

__all__ = ["show"]

_SHOWN, _PAGE = "source_shown", "source_page"
_PICTURE_WIDTH = 1000  # pixels: sharp enough for a dialog's half on a fine screen
_AROUND = 400  # characters of the document on each side
_CLOSE, _BEST = 0.6, 0.999
_NAME_STYLE = "font-weight:600;font-size:1.05rem;line-height:1.4;overflow-wrap:anywhere"
_WHERE_STYLE = "opacity:.72;font-size:.88rem;line-height:1.5;overflow-wrap:anywhere"
_NOTE_STYLE = (
    "border-inline-start:3px solid rgba(217,119,6,.85);background:rgba(217,119,6,.1);"
    "padding:.45em .8em;border-radius:4px;font-size:.9rem"
)


@dataclass(frozen=True, slots=True)
class _Original:
    """A file of the folder; ``version`` changes when it does."""

    path: str
    version: tuple[int, int]
    size: int
    pdf: bool


def show(kb: KnowledgeBase, answer: Answer, n: int, language: str) -> None:
    """Draw the source number ``n`` of ``answer``, and the way to the others, in an open dialog."""
    # Only when the dialog opens: turning pages and sources runs the fragment alone.
    _go_to(n)
    st.fragment(_source)(kb, answer, language)


def _source(kb: KnowledgeBase, answer: Answer, language: str) -> None:
    texts = TEXTS[language]
    n = int(st.session_state.get(_SHOWN, 1))
    try:
        found = passage(kb, answer, n, around=_AROUND)
    except ragkit.RagkitError:
        st.html(_note(texts["unreadable"]))
        return
    _others(answer, n, texts)
    st.html(_head(answer, found, texts))
    original = _original(kb, found)
    if found.page is not None and original is not None and original.pdf:
        left, right = st.columns(2, gap="medium")
        with left:
            _passage(answer, found, texts, pdf=True)
        with right:
            _pdf_page(kb, original, found, texts)
    else:
        _passage(answer, found, texts, pdf=False)
    _downloads(kb, found, original, texts)


def _others(answer: Answer, n: int, texts: dict[str, str]) -> None:
    """Draw the way to the sources before and after, of those that have to do with the answer."""
    near = shown_sources(answer)
    numbers = [source.n for source in answer.sources if source.n == n or source in near]
    if len(numbers) < 2:
        return
    at = numbers.index(n)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        for label, icon, step in (
            (texts["previous"], ":material/chevron_left:", -1),
            (texts["next"], ":material/chevron_right:", 1),
        ):
            inside = 0 <= at + step < len(numbers)
            st.button(
                label,
                key=f"source-step-{step}",
                icon=icon,
                type="tertiary",
                disabled=not inside,
                on_click=_go_to,
                args=(numbers[at + step] if inside else n,),
            )
        st.caption(texts["of"].format(n=at + 1, count=len(numbers)), width="content")


def _head(answer: Answer, found: Passage, texts: dict[str, str]) -> str:
    """Return the file's name and address, where the passage stands, and how well it matched."""
    url = next((source.url for source in answer.sources if source.n == found.n), None)
    address = f"<div>{address_html(url, links=True)}</div>" if url else ""
    where = [shown_name(found.heading)] if found.heading else []
    if found.page is not None:
        where.append(texts["page"].format(page=found.page))
    best = max((source.score for source in answer.sources), default=0.0)
    share = found.score / best if best > 0 else 0.0
    match = "best" if share >= _BEST else "close" if share >= _CLOSE else "weaker"
    where.append(texts[match])
    return (
        f'<div dir="auto" style="{_NAME_STYLE}">{escape(shown_name(found.source))}</div>'
        f"{address}"
        f'<div dir="auto" style="{_WHERE_STYLE}">{escape(" · ".join(where))}</div>'
    )


def _passage(answer: Answer, found: Passage, texts: dict[str, str], *, pdf: bool) -> None:
    if found.state != "current":
        st.html(_note(texts[found.state]))
    if not found.spans:
        st.caption(texts["nearest" if answer.refused else "not_quoted"])
    st.html(
        passage_html(
            found.text,
            found.spans,
            before=found.before,
            after=found.after,
            more_before=found.more_before,
            more_after=found.more_after,
            join_lines=pdf,
        )
    )


def _pdf_page(
    kb: KnowledgeBase, original: _Original, found: Passage, texts: dict[str, str]
) -> None:
    """Draw the page as a picture, and the way to the pages before and after."""
    own = found.page or 1
    page = int(st.session_state.get(_PAGE) or own)
    quotes = tuple(found.text[start:end] for start, end in found.spans) if page == own else ()
    try:
        passwords = kb.reading.passwords.for_source(found.source)
        count = _count(original.path, original.version, passwords)
        picture = _picture(original.path, original.version, page, quotes, passwords)
    except ragkit.RagkitError as error:
        # As text: its message may hold the file's name.
        st.html(_note(f"{texts['no_picture']} {error}"))
        return
    caption = texts["page_of"].format(page=page, count=count)
    with st.container(border=True):
        st.image(picture, caption=caption, alt=caption, width="stretch", output_format="PNG")
    with st.container(horizontal=True, horizontal_alignment="center", gap="small"):
        _turn(texts["page_before"], ":material/chevron_left:", page - 1, count)
        if page != own:
            _turn(texts["page_back"].format(page=own), ":material/undo:", own, count)
        _turn(texts["page_after"], ":material/chevron_right:", page + 1, count)


def _turn(label: str, icon: str, page: int, count: int) -> None:
    st.button(
        label,
        key=f"page-{icon}",
        icon=icon,
        type="tertiary",
        disabled=not 1 <= page <= count,
        on_click=_turn_to,
        args=(page,),
    )


def _downloads(
    kb: KnowledgeBase, found: Passage, original: _Original | None, texts: dict[str, str]
) -> None:
    """Draw what can be saved; nothing is read before it is asked for."""
    name = shown_name(found.source).rpartition("/")[2] or "file"
    with st.container(horizontal=True, gap="small"):
        if original is not None and original.size <= MOST_BYTES:
            st.download_button(
                texts["original"],
                partial(read_original, kb.folder, found.source),
                file_name=name,
                mime="application/octet-stream",  # saved, never opened in the page's name
                icon=":material/download:",
                on_click="ignore",
                key="source-original",
            )
        if found.state != "gone":
            st.download_button(
                texts["text"],
                lambda: kb.text(found.source).encode(),
                file_name=f"{name}.txt",
                mime="text/plain",
                icon=":material/notes:",
                type="tertiary",
                on_click="ignore",
                key="source-text",
            )


def _original(kb: KnowledgeBase, found: Passage) -> _Original | None:
    """Return the original of a file that is in the index and still in the folder."""
    if found.state == "gone":
        return None
    try:
        path = find_original(kb.folder, found.source)
        status = path.stat()
    except (ragkit.RagkitError, OSError):
        return None
    version = (status.st_mtime_ns, status.st_size)
    return _Original(str(path), version, status.st_size, is_pdf(path))


@st.cache_data(max_entries=64, show_spinner=False)
def _picture(
    path: str,
    version: tuple[int, int],
    page: int,
    quotes: tuple[str, ...],
    _passwords: tuple[str, ...],
) -> bytes:
    """Return the page's picture; ``version`` is a part of the key under which it is kept."""
    return page_png(Path(path), page, quotes, width=_PICTURE_WIDTH, passwords=_passwords)


@st.cache_data(max_entries=256, show_spinner=False)
def _count(path: str, version: tuple[int, int], _passwords: tuple[str, ...]) -> int:
    return page_count(Path(path), passwords=_passwords)


def _note(text: str) -> str:
    return f'<div role="note" style="{_NOTE_STYLE}">{escape(text)}</div>'


def _go_to(n: int) -> None:
    st.session_state[_SHOWN] = n
    st.session_state[_PAGE] = None


def _turn_to(page: int) -> None:
    st.session_state[_PAGE] = page
