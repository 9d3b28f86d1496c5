"""The frame of every page: what was asked for on the command line, language, pages, sidebar."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import asking
import chat_page
import settings
import shared
import sidebar
import streamlit as st
from logo import LOGO
from style import STYLE
from texts import TEXTS, preferred

import ragkit

if TYPE_CHECKING:
    from ragkit.knowledge import KnowledgeBase

__all__ = ["draw"]

_ICON = Path(__file__).parent / "icon.png"


def draw() -> None:
    """Draw the page that the address names; the chat is the first."""
    asking.current()  # held while this run finds out whether it is still wanted
    # A local picture: Streamlit would fetch a named icon from a server of Google's.
    st.set_page_config(page_title="ragkit", page_icon=str(_ICON), layout="centered")
    st.html(STYLE)
    st.logo(LOGO, size="medium", icon_image=str(_ICON))
    language = st.session_state.setdefault("language", preferred(st.context.locale))
    try:
        _draw(language)
    except ragkit.RagkitError as error:
        st.title(TEXTS[language]["title"], anchor=False)
        st.error(shared.trouble(TEXTS[language]["error_page"], str(error)))


def _draw(language: str) -> None:
    texts = TEXTS[language]
    name = sidebar.choose_folder()
    kb = shared.knowledge(name, settings.chosen_preset())
    _require_folder(kb)
    serving = shared.serving(kb)
    conversation = chat_page.Conversation()

    def chat() -> None:
        chat_page.draw(name, kb, conversation, language)

    def documents() -> None:
        import documents_page

        documents_page.draw(name, kb, serving.indexer, language)

    def evaluation() -> None:
        import evaluation_page

        evaluation_page.draw(name, kb, shared.chats(), shared.owner(), language)

    first = st.Page(
        chat, title=texts["page_chat"], icon=":material/forum:", url_path="chat", default=True
    )
    pages = [first, *_built(texts, documents, evaluation)]
    page = st.navigation(pages)
    if st.session_state.pop("go_to_chat", False) and page is not first:
        st.switch_page(first)
    if page is first:
        if kb.generates:
            shared.loading(kb).start()
        conversation = chat_page.find(texts)
        chat_page.prepare(kb, conversation, settings.options(), language)
    else:
        asking.leave()
    sidebar.draw(name, kb, language)
    page.run()


def _built(
    texts: dict[str, str], documents: Callable[[], None], evaluation: Callable[[], None]
) -> list[st.Page]:
    """Return the pages beside the chat."""
    pages = []
    if importlib.util.find_spec("documents_page"):
        pages.append(
            st.Page(
                documents,
                title=texts["page_documents"],
                icon=":material/folder_open:",
                url_path="documents",
            )
        )
    if importlib.util.find_spec("evaluation_page"):
        pages.append(
            st.Page(
                evaluation,
                title=texts["page_evaluation"],
                icon=":material/monitoring:",
                url_path="evaluation",
            )
        )
    return pages


def _require_folder(kb: KnowledgeBase) -> None:
    if not kb.folder.is_dir():
        raise ragkit.ConfigError(
            f"There is no folder '{kb.folder}'. Give the folder of your documents."
        )
