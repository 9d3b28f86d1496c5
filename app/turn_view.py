"""One question and its answer on the page, and what a person can do with them."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import asking
import shared
import streamlit as st
from texts import TEXTS

from ragkit.render import (
    Labels,
    answer_html,
    beginning,
    is_generated,
    shown_name,
    shown_sources,
    text_html,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streamlit.delta_generator import DeltaGenerator

    from ragkit.chats import Turn
    from ragkit.knowledge import KnowledgeBase
    from ragkit.types import Answer, SourceNode
    from ragkit.writing import Written

__all__ = ["answer", "labels", "nearest", "question", "status_html", "writing_html"]

_MOST_LISTED = 12
_LINKS = True  # hosts are not looked up unasked: see ragkit.gate_page


def labels(language: str) -> Labels:
    """Return the words of a rendered answer in the page's language."""
    if language == "zh":
        return Labels(
            unsupported="没有来源支持这句话。",
            source="来源 {n}：{name}",
            page="第 {n} 页",
            sources="来源",
            nearest="最接近的段落",
            image="图片",
            table="表格",
        )
    return Labels()


def question(chat_id: str, turn: Turn, texts: dict[str, str]) -> None:
    """Draw what was asked, or the box in which it is being edited."""
    with st.chat_message("user"):
        if st.session_state.get("editing") != turn.id:
            with st.container(horizontal=True, wrap=False, gap="xsmall", key=f"asked-{turn.id}"):
                st.text(turn.question, width="content")
                st.button(
                    texts["edit"],
                    key=f"edit-{turn.id}",
                    icon=":material/edit:",
                    type="tertiary",
                    on_click=_edit,
                    args=(turn.id,),
                )
            return
        with st.form(f"editing-{turn.id}", border=False):
            text = st.text_area(texts["edit"], turn.question, label_visibility="collapsed")
            st.caption(texts["edit_drops"])
            with st.container(horizontal=True, horizontal_alignment="right"):
                cancelled = st.form_submit_button(texts["cancel"], type="tertiary")
                sent = st.form_submit_button(texts["resend"], type="primary")
    if sent and text.strip():
        _ask_again(chat_id, turn.id, text)
        st.rerun()
    if cancelled:
        st.session_state.pop("editing", None)
        st.rerun()


def answer(
    kb: KnowledgeBase, chat_id: str, turn: Turn, *, last: bool, language: str, place: DeltaGenerator
) -> None:
    """Draw a finished answer in ``place``, and below it its sources and what can be done."""
    texts = TEXTS[language]
    found = turn.answer
    if found is None:
        place.empty()
    else:
        place.html(
            answer_html(
                found,
                with_question=False,
                open_cited=False,
                with_footer=False,
                links=_LINKS,
                prefix=f"t{turn.id}",
                labels=labels(language),
            )
        )
        if found.refused:
            nearest(found, turn.id, texts)
        else:
            _legend(found, texts)
            _source_pills(found, turn.id, texts)
            if last and not found.sources:
                _listed(kb, found, turn.id, texts)
    if turn.id in st.session_state.get("partial", ()):
        st.caption(texts["partial"])
    if turn.state == "failed":
        why = turn.error and shared.trouble(texts["error_question"], turn.error)
        st.error(why or texts["failed"])
    elif turn.state == "stopped":
        st.caption(texts["stopped"] if found else texts["stopped_empty"])
    _actions(chat_id, turn, last=last, texts=texts)


def writing_html(written: Written, *, markdown: bool, language: str) -> str:
    """Return what is written so far as HTML."""
    return text_html(written.text, markdown=markdown, labels=labels(language))


def status_html(line: str) -> str:
    """Return a quiet line that says what is going on, announced to screen readers."""
    return f'<div class="ragkit-status" role="status">{escape(line)}</div>'


def nearest(found: Answer, turn_id: int, texts: dict[str, str]) -> None:
    """Draw the passages that come nearest to a question without an answer, as cards."""
    if not (near := shown_sources(found)):
        return
    st.caption(texts["nearest"])
    for source in near:
        with st.container(border=True, key=f"near-{turn_id}-{source.n}"):
            with st.container(
                horizontal=True,
                wrap=False,
                vertical_alignment="center",
                key=f"card-{turn_id}-{source.n}",
            ):
                where = " · ".join(filter(None, (source.source, _last(source.heading))))
                st.html(f'<div class="ragkit-where">{escape(shown_name(where))}</div>')
                st.button(
                    texts["open_source"],
                    key=f"open-{turn_id}-{source.n}",
                    type="tertiary",
                    icon=":material/open_in_full:",
                    on_click=_open,
                    args=(turn_id, source.n),
                )
            st.text(beginning(source.text))


def _legend(found: Answer, texts: dict[str, str]) -> None:
    if any(s.claim and not s.supported for s in found.sentences) and is_generated(found):
        st.caption(texts["unsupported"])


def _source_pills(found: Answer, turn_id: int, texts: dict[str, str]) -> None:
    """Draw the cited files as buttons, one for each; what else is near the question on demand."""
    cited = {n for sentence in found.sentences for n in sentence.citations}
    near = shown_sources(found)
    if not near:
        return
    everything = st.session_state.get(f"all-{turn_id}", False)
    shown = [s for s in near if everything or s.n in cited]
    names = _by_file(shown, texts)
    if rest := len(near) - len(shown):
        key = "more_source" if rest == 1 else "more_sources"
        names[0] = "+ " + texts[key].format(count=rest)
    elif everything and any(s.n not in cited for s in near):
        names[0] = "− " + texts["fewer_sources"]
    key = f"sources-{turn_id}"
    st.pills(
        texts["sources_of"],
        list(names),
        format_func=lambda n: shared.label(names[n], most=48),
        key=key,
        label_visibility="collapsed",
        on_change=_pick,
        args=(turn_id, key),
    )


def _listed(kb: KnowledgeBase, found: Answer, turn_id: int, texts: dict[str, str]) -> None:
    """Draw the files that an answer lists as buttons that ask what each is about."""
    items = (line[2:] for line in found.text.splitlines() if line.startswith("- "))
    known = set(shared.serving(kb).sources())
    names = [name for name in (item.split(" · ")[0] for item in items) if name in known]
    if not names:
        return
    key = f"listed-{turn_id}"
    st.caption(texts["listed"])
    st.pills(
        texts["listed"],
        names[:_MOST_LISTED],
        format_func=lambda name: shared.label(_short(name), most=40),
        key=key,
        label_visibility="collapsed",
        on_change=_ask_about,
        args=(key, texts["example_about"]),
    )


def _ask_about(key: str, question: str) -> None:
    name = st.session_state[key]
    st.session_state[key] = None  # a button, not a choice
    if name:
        st.session_state["pending"] = question.format(name=name)


def _by_file(sources: Sequence[SourceNode], texts: dict[str, str]) -> dict[int, str]:
    """Return what names each file, with its places, under the number of the first of them."""
    places: dict[str, list[SourceNode]] = {}
    for source in sources:
        places.setdefault(source.source, []).append(source)
    names = {}
    for name, group in places.items():
        numbers = ", ".join(str(source.n) for source in group)
        pages = ", ".join(map(str, sorted({s.page for s in group if s.page is not None})))
        where = f" · {texts['page_short'].format(page=pages)}" if pages else ""
        names[group[0].n] = f"{numbers} · {_short(name)}{where}"
    return names


def _actions(chat_id: str, turn: Turn, *, last: bool, texts: dict[str, str]) -> None:
    with st.container(
        horizontal=True, vertical_alignment="center", gap="xsmall", key=f"act-{turn.id}"
    ):
        if turn.answer is not None:
            key = f"thumbs-{turn.id}"
            given = {"up": 1, "down": 0}.get(turn.feedback or "")
            st.feedback("thumbs", key=key, default=given, on_change=_rate, args=(turn.id, key))
            with st.empty():
                if turn.feedback:
                    _comment(turn, texts)
            with st.popover(texts["copy"], type="tertiary", icon=":material/content_copy:"):
                st.caption(texts["copy_text"])
                st.code(turn.answer.text, language=None, wrap_lines=True)
        again = st.empty()  # a place of its own: what is no longer drawn would stay for a while
        if last:
            again.button(
                texts["regenerate"],
                key=f"again-{turn.id}",
                type="tertiary",
                icon=":material/refresh:",
                on_click=_ask_again,
                args=(chat_id, turn.id, turn.question),
            )
        if turn.answer is not None:
            total = turn.answer.timings_ms.get("total")
            took = f" · {total / 1000:.1f} s" if total is not None else ""
            st.caption(shared.label(turn.answer.preset) + took, width="content")


def _comment(turn: Turn, texts: dict[str, str]) -> None:
    with st.popover(texts["comment"], type="tertiary", icon=":material/comment:"):
        key = f"comment-{turn.id}"
        st.text_area(texts["comment_ask"], turn.comment, key=key, max_chars=2000)
        st.button(
            texts["save"],
            key=f"save-{turn.id}",
            on_click=_save_comment,
            args=(turn.id, turn.feedback, key),
        )


def _edit(turn_id: int) -> None:
    st.session_state["editing"] = turn_id


def _ask_again(chat_id: str, turn_id: int, text: str) -> None:
    """Drop the turn and what follows it, and ask ``text`` in its place."""
    asking.leave()
    shared.chats().drop_from(chat_id, shared.owner(), turn_id)
    st.session_state.pop("editing", None)
    st.session_state["pending"] = text


def _open(turn_id: int, n: int) -> None:
    st.session_state["open_source"] = (turn_id, n)


def _pick(turn_id: int, key: str) -> None:
    n = st.session_state[key]
    st.session_state[key] = None  # a button, not a choice
    if n == 0:
        st.session_state[f"all-{turn_id}"] = not st.session_state.get(f"all-{turn_id}", False)
    elif n is not None:
        _open(turn_id, n)


def _rate(turn_id: int, key: str) -> None:
    value = {0: "down", 1: "up"}.get(st.session_state[key])
    shared.chats().set_feedback(turn_id, shared.owner(), value)  # type: ignore[arg-type]


def _save_comment(turn_id: int, feedback: str, key: str) -> None:
    text = st.session_state[key]
    shared.chats().set_feedback(turn_id, shared.owner(), feedback, comment=text)  # type: ignore[arg-type]


def _last(heading: str | None) -> str:
    """Return the innermost heading of a path of headings."""
    return (heading or "").rpartition(" > ")[2]


def _short(source: str) -> str:
    return shown_name(source).rpartition("/")[2] or source
