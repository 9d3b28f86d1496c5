"""The chat page: the conversation, the box for the next question, and the answer as it comes."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import asking
import scope
import shared
import streamlit as st
import turn_view
from following import following_html
from texts import TEXTS

import ragkit

if TYPE_CHECKING:
    from asking import Asked, Options
    from streamlit.delta_generator import DeltaGenerator

    from ragkit.chats import ChatInfo, Turn
    from ragkit.knowledge import KnowledgeBase
    from ragkit.writing import Written

__all__ = ["Conversation", "draw", "forget", "open_chat", "prepare"]

_DRAW_SECONDS = 0.08  # not for every token: the browser gets the whole text each time
_LOOK_SECONDS = 0.1  # a click is heard as often
_MOST_TURNS = 12


@dataclass
class Conversation:
    """What this run shows: a chat that may not have begun, and its turns, oldest first."""

    info: ChatInfo | None = None
    turns: list[Turn] = field(default_factory=list)
    message: str | None = None
    stop: DeltaGenerator | None = None


def open_chat(chat_id: str | None) -> None:
    """Show the chat from the next run on; None for a new one. What is being written ends."""
    asking.leave()
    st.session_state["chat_id"] = chat_id
    st.session_state.pop("editing", None)
    if chat_id:
        st.query_params["chat"] = chat_id
    else:
        st.query_params.pop("chat", None)


def forget() -> None:
    """Leave the chat that is shown, as when it was deleted or the folder was changed."""
    open_chat(None)


def find(texts: dict[str, str]) -> Conversation:
    """Return the chat of the address ``?chat=ID``, else the one that was shown last."""
    chat_id = st.query_params.get("chat") or st.session_state.get("chat_id")
    if not chat_id:
        return Conversation()
    try:
        info = shared.chats().get(chat_id, shared.owner())
    except ragkit.RagkitError:
        forget()
        return Conversation(message=texts["unknown_chat"])
    st.session_state["chat_id"] = info.id
    if st.query_params.get("chat") != info.id:
        st.query_params["chat"] = info.id
    return Conversation(info)


def prepare(kb: KnowledgeBase, conversation: Conversation, options: Options, language: str) -> None:
    """Draw the question box; begin to answer what was asked before anything else is drawn."""
    texts = TEXTS[language]
    with st.bottom:
        conversation.stop, following = st.empty(), st.empty()
        scope.note(language)
        # Inside st.bottom, where it would come anyway: or Streamlit would scroll too.
        typed = st.chat_input(texts["placeholder"], key="question")
    question = st.session_state.pop("pending", None) or typed
    chats, owner = shared.chats(), shared.owner()
    info = conversation.info
    if question and question.strip():
        st.session_state.pop("editing", None)
        if info is None:
            from ragkit.chats import folder_key

            info = conversation.info = chats.create(owner, folder=folder_key(kb.folder))
            st.session_state["chat_id"] = st.query_params["chat"] = info.id
        asking.leave()
        history = [t.answer for t in chats.turns(info.id, owner) if t.answer is not None]
        asked = asking.begin(kb, info.id, question, history=history, options=options)
        scope.remember(asked.turn_id, options.filters)
        conversation.info = chats.get(info.id, owner)
    if info is not None:
        conversation.turns = chats.turns(info.id, owner)
    if conversation.turns:
        html = following_html(conversation.turns[-1].id)
        following.html(html, unsafe_allow_javascript=True)
    asked = asking.current()
    if asked is not None and (info is None or asked.chat_id != info.id):
        asking.leave()


def draw(name: str, kb: KnowledgeBase, conversation: Conversation, language: str) -> None:
    """Draw the conversation, and follow the answer that is being written."""
    texts = TEXTS[language]
    if conversation.message:
        st.info(conversation.message, icon=":material/info:")
    info, turns = conversation.info, conversation.turns
    if info is None or not turns:
        import greeting

        greeting.draw(kb, language)
        return
    _note_other_folder(kb, info, texts)
    hidden = len(turns) - _MOST_TURNS
    if hidden > 0 and not st.session_state.get(f"whole-{info.id}"):
        st.button(
            texts["earlier_turns"].format(count=hidden),
            type="tertiary",
            icon=":material/history:",
            on_click=_show_whole,
            args=(info.id,),
        )
        turns = turns[hidden:]
    _open_source(kb, turns, language)
    asked = asking.current()
    for turn in turns:
        turn_view.question(info.id, turn, texts)
        with st.chat_message("assistant"):
            scope.said(turn.id, language)
            place = st.empty()
            if asked is not None and asked.turn_id == turn.id and turn.state == "writing":
                turn = _follow(kb, asked, turn, place, conversation.stop, language)
            elif turn.state == "writing":
                _watch_elsewhere(info.id, turn.id, place, texts)
                continue
            turn_view.answer(
                kb, info.id, turn, last=turn is turns[-1] or turn.id == turns[-1].id,
                language=language, place=place,
            )  # fmt: skip


def _follow(
    kb: KnowledgeBase,
    asked: Asked,
    turn: Turn,
    place: DeltaGenerator,
    stop: DeltaGenerator | None,
    language: str,
) -> Turn:
    """Draw the answer as it is written, until it ends; return the turn as it then is."""
    from streamlit.runtime.scriptrunner import RerunException, StopException

    texts = TEXTS[language]
    written, offered, since = asked.writing.wait(0), False, time.monotonic()
    try:
        while written.state == "writing":
            if written.text:
                place.html(
                    turn_view.writing_html(written, markdown=kb.generates, language=language)
                )
                time.sleep(_DRAW_SECONDS)
            else:
                line = _status(written, shared.serving(kb), texts)
                place.html(turn_view.status_html(line))
            if stop is not None and not offered and time.monotonic() - since > 2 * _DRAW_SECONDS:
                offered = True
                _offer_stop(stop, texts)
            written = asked.writing.wait(_LOOK_SECONDS, seen=written.text)
    except (StopException, RerunException):
        asking.let_go(asked)
        raise
    if stop is not None:
        stop.empty()
    if asked.partial.is_set():
        st.session_state.setdefault("partial", set()).add(turn.id)
    if asking.current() is asked:
        asking.leave()
    return replace(turn, answer=written.answer, state=written.state, error=written.error)


def _offer_stop(place: DeltaGenerator, texts: dict[str, str]) -> None:
    with place.container(key="stop"):
        st.button(
            texts["stop"],
            key="stop-button",
            icon=":material/stop_circle:",
            shortcut="Escape",
            on_click=asking.leave,
        )


def _status(written: Written, serving: shared.Serving, texts: dict[str, str]) -> str:
    """Return what goes on before the first word."""
    if written.place:
        line = texts["waiting_one"] if written.place == 1 else texts["waiting"]
        return line.format(place=written.place)
    if written.phase == "read":
        state = serving.indexer.state
        return texts["reading_first"].format(done=state.done, total=state.total)
    if written.phase == "load":
        return texts["load"].format(seconds=int(written.seconds))
    if written.phase == "write" and written.seconds >= 1:
        return texts["write_long"].format(seconds=int(written.seconds))
    return texts[written.phase]


def _watch_elsewhere(
    chat_id: str, turn_id: int, place: DeltaGenerator, texts: dict[str, str]
) -> None:
    """Say that another tab gets this answer, and show it once it is there."""
    place.html(turn_view.status_html(texts["elsewhere"]))

    @st.fragment(run_every=1.5)
    def look() -> None:
        turns = shared.chats().turns(chat_id, shared.owner())
        if not any(t.id == turn_id and t.state == "writing" for t in turns):
            st.rerun()

    look()


def _open_source(kb: KnowledgeBase, turns: list[Turn], language: str) -> None:
    """Open the source that was asked for in a dialog."""
    wanted = st.session_state.pop("open_source", None)
    if wanted is None:
        return
    turn_id, n = wanted
    found = next((t.answer for t in turns if t.id == turn_id and t.answer is not None), None)
    if found is None:
        return
    import sources

    title = TEXTS[language]["source_title"].format(n=n)
    st.dialog(title, width="large")(sources.show)(kb, found, n, language)


def _note_other_folder(kb: KnowledgeBase, info: ChatInfo, texts: dict[str, str]) -> None:
    from ragkit.chats import folder_key

    if info.folder != folder_key(kb.folder):
        st.info(texts["other_folder"].format(folder=shared.label(kb.folder.resolve().name)))


def _show_whole(chat_id: str) -> None:
    st.session_state[f"whole-{chat_id}"] = True
