"""What a chat shows before its first question."""

from __future__ import annotations

from typing import TYPE_CHECKING

import examples
import shared
import streamlit as st
from texts import TEXTS

from ragkit.render import shown_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ragkit.knowledge import KnowledgeBase

__all__ = ["draw"]

_FEW, _MOST_ABOUT = 2, 1
_LONGEST_NAME = 40
# Of what is written in sentences there is something to tell; of a table there is not.
_PROSE = (".pdf", ".md", ".docx", ".html", ".htm", ".rst", ".epub", ".odt", ".rtf", ".pptx", ".txt")


def draw(kb: KnowledgeBase, language: str) -> None:
    """Draw the greeting, what ``auto`` chose, and questions to begin with."""
    texts = TEXTS[language]
    names = shared.serving(kb).sources()
    folder = shown_name(kb.folder.resolve().name)
    st.title(texts["title"], anchor=False)
    if not names:
        running = shared.serving(kb).indexer.state.running
        st.text(texts["first_reading" if running else "empty"].format(folder=folder))
        return
    line = texts["greeting_one"] if len(names) == 1 else texts["greeting"]
    st.text(line.format(folder=folder, files=len(names)))
    _notice(kb, texts)
    found, ready = examples.found(kb, language)
    questions = list(found)
    if ready and len(found) < _FEW:
        questions += [texts["example_about"].format(name=n) for n in _tellable(names, language)]
    if len(names) > 1:
        questions.append(texts["example_list"])
    if not ready:
        _await(kb, language)
    if not questions:
        return
    st.caption(texts["try"])
    with st.container(key="examples", gap="xsmall"):
        for number, example in enumerate(questions):
            st.button(
                shared.label(example, most=90),
                key=f"example-{number}",
                icon=":material/arrow_forward:",
                on_click=_ask,
                args=(example,),
            )


def _await(kb: KnowledgeBase, language: str) -> None:
    """Draw the page again once there are questions; it can be used all the while."""

    @st.fragment(run_every=0.3)
    def look() -> None:
        if examples.found(kb, language)[1]:
            st.rerun()

    look()


def _notice(kb: KnowledgeBase, texts: dict[str, str]) -> None:
    """Say once that ``auto`` chose a preset without a model, and how to get one."""
    if not kb.notice or kb.generates or st.session_state.get("notice_seen"):
        return
    with st.container(border=True, key="notice"):
        with st.container(horizontal=True, vertical_alignment="top", wrap=False):
            st.markdown(f":material/info: {texts['notice_lite']}")
            st.button(
                texts["dismiss"],
                type="tertiary",
                icon=":material/close:",
                key="dismiss",
                on_click=_dismiss,
            )
        st.code("ragkit download internlm2", language=None)


def _tellable(names: Sequence[str], language: str) -> list[str]:
    """Return a few files whose names read well, of the page's language where folders tell it."""
    chosen: dict[str, str] = {}
    for name in sorted(names, key=lambda n: (language not in n.casefold().split("/"), n)):
        leaf = shown_name(name).rpartition("/")[2]
        if len(leaf) <= _LONGEST_NAME and leaf[:1].isalpha() and leaf.endswith(_PROSE):
            chosen.setdefault(leaf.casefold(), leaf)
        if len(chosen) == _MOST_ABOUT:
            break
    return list(chosen.values())


def _ask(text: str) -> None:
    st.session_state["pending"] = text


def _dismiss() -> None:
    st.session_state["notice_seen"] = True
