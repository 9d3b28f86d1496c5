"""The sidebar: which folder, which conversation, and the settings."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import chat_page
import scope
import settings
import shared
import streamlit as st
from texts import LANGUAGES, TEXTS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ragkit.chats import ChatInfo
    from ragkit.knowledge import KnowledgeBase

__all__ = ["choose_folder", "draw"]

_MOST_CHATS = 30
_SEARCH_FROM = 8  # fewer conversations are found at a glance


def choose_folder() -> str:
    """Return the name of the folder that is asked: the one chosen, else the first."""
    names = shared.collections().names()
    chosen = st.session_state.get("collection")
    return chosen if chosen in names else names[0]


def draw(name: str, kb: KnowledgeBase, language: str) -> None:
    """Draw the sidebar, but for the pages' names above it."""
    texts = TEXTS[language]
    with st.sidebar:
        _folders(name, texts)
        _failure(kb, texts)
        _chats(kb, texts)
        # Above what unfolds, which would push it out of view.
        st.segmented_control(
            texts["language"],
            list(LANGUAGES),
            default=language,
            format_func=LANGUAGES.__getitem__,
            key="page-language",
            required=True,
            label_visibility="collapsed",
            on_change=_speak,
            args=("page-language",),
        )
        scope.draw(kb, language)
        settings.draw(kb, language)
        # Last: it comes and goes, and nothing may move under a person's hand.
        with st.container(key="reading"):
            _progress(kb, texts)


def _speak(key: str) -> None:
    st.session_state["language"] = st.session_state[key] or st.session_state["language"]


def _folders(name: str, texts: dict[str, str]) -> None:
    names = shared.collections().names()
    if len(names) < 2:
        return
    if st.session_state.get("collection") not in names:
        st.session_state["collection"] = name
    st.selectbox(
        texts["folder"],
        names,
        key="collection",
        on_change=chat_page.forget,
        persist_state="session",
    )


def _failure(kb: KnowledgeBase, texts: dict[str, str]) -> None:
    """Say why the folder could not be read."""
    error = shared.serving(kb).indexer.state.error
    if error:
        st.warning(shared.trouble(texts["error_folder"], error))


def _progress(kb: KnowledgeBase, texts: dict[str, str]) -> None:
    """Show that the folder is being read, as long as it takes."""
    indexer = shared.serving(kb).indexer
    if not indexer.state.running:
        return

    @st.fragment(run_every=0.7)
    def follow() -> None:
        state = indexer.state
        if not state.running:
            st.rerun()
        if state.total:
            line = texts["reading"].format(done=state.done, total=state.total)
            st.progress(min(1.0, state.done / state.total), line)
        else:
            st.caption(texts["reading_start"])

    follow()


def _chats(kb: KnowledgeBase, texts: dict[str, str]) -> None:
    from ragkit.chats import folder_key

    current = st.session_state.get("chat_id")
    st.button(
        texts["new_chat"],
        key="new-chat",
        icon=":material/edit_square:",
        width="stretch",
        on_click=_open,
        args=(None,),
    )
    chats, owner, folder = shared.chats(), shared.owner(), folder_key(kb.folder)
    if chats.notice:
        st.warning(shared.trouble(texts["error_chats"], chats.notice))
    search = str(st.session_state.get("chat_search") or "")
    found = chats.list(owner, folder=folder, search=search, limit=_MOST_CHATS + 1)
    if search or len(found) >= _SEARCH_FROM:
        st.text_input(
            texts["search_chats"],
            key="chat_search",
            type="search",
            placeholder=texts["search_chats"],
            label_visibility="collapsed",
            live=True,
            persist_state="session",
        )
    if search and not found:
        st.caption(texts["nothing_found"])
    with st.container(key="chats", gap=None):
        _listed(found[:_MOST_CHATS], current, texts)
    if len(found) > _MOST_CHATS:
        st.caption(texts["more_chats"])


def _listed(found: Sequence[ChatInfo], current: str | None, texts: dict[str, str]) -> None:
    today = datetime.now(UTC).astimezone().date()
    heading = ""
    for info in found:
        day = datetime.fromisoformat(info.updated_at).astimezone().date()
        wanted = texts["today"] if day == today else texts["earlier"]
        if wanted != heading:
            heading = wanted
            st.caption(heading)
        if info.id != current:
            _entry(info, texts)
            continue
        with st.container(gap=None, key="current-chat"):
            _entry(info, texts)
            _menu(info, texts)


def _entry(info: ChatInfo, texts: dict[str, str]) -> None:
    st.button(
        shared.label(info.title or texts["new_chat"], most=60),
        key=f"chat-{info.id}",
        type="tertiary",
        width="stretch",
        wrap=False,
        on_click=_open,
        args=(info.id,),
    )


def _menu(info: ChatInfo, texts: dict[str, str]) -> None:
    """Draw what can be done with the conversation that is shown, below its name.

    Not in a popover: its content is the last on the page for the keyboard.
    """
    with st.expander(texts["chat_menu"], icon=":material/more_horiz:", key=f"options-{info.id}"):
        key = f"title-{info.id}"
        st.text_input(
            texts["title_label"], info.title, key=key, on_change=_rename, args=(info.id, key)
        )
        for ending, name in (("md", texts["export_md"]), ("html", texts["export_html"])):
            st.download_button(
                name,
                _exported(info, ending),
                file_name=f"chat-{info.created_at[:10]}.{ending}",
                mime="text/markdown" if ending == "md" else "text/html",
                icon=":material/download:",
                width="stretch",
                on_click="ignore",
                key=f"export-{ending}",
            )
        asked = f"delete-{info.id}"
        if not st.session_state.get(asked):
            st.button(
                texts["delete"],
                key="delete",
                icon=":material/delete:",
                width="stretch",
                on_click=_set,
                args=(asked, True),
            )
            return
        st.caption(texts["delete_ask"])
        with st.container(horizontal=True):
            st.button(texts["delete"], key="delete-yes", type="primary", on_click=_delete,
                      args=(info.id,))  # fmt: skip
            st.button(texts["cancel"], key="delete-no", on_click=_set, args=(asked, False))


def _exported(info: ChatInfo, ending: str):  # type: ignore[no-untyped-def]
    """Return what makes the file when it is asked for, which a rerun does not."""
    chats, owner, language = shared.chats(), shared.owner(), st.session_state["language"]

    def make() -> str:
        from ragkit.chats import export_html, export_markdown

        turns = chats.turns(info.id, owner)
        export = export_markdown if ending == "md" else export_html
        return export(info, turns, language=language)

    return make


def _open(chat_id: str | None) -> None:
    chat_page.open_chat(chat_id)
    st.session_state["go_to_chat"] = True


def _rename(chat_id: str, key: str) -> None:
    shared.chats().rename(chat_id, shared.owner(), st.session_state[key])


def _delete(chat_id: str) -> None:
    chat_page.forget()
    shared.chats().delete(chat_id, shared.owner())


def _set(key: str, value: bool) -> None:
    st.session_state[key] = value
