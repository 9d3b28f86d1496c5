"""The chat page."""

from __future__ import annotations

import argparse
import logging
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

# Streamlit puts the page's folder on the path.
from texts import LANGUAGES, TEXTS, preferred

import ragkit
from ragkit.render import answer_html

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator

    from ragkit.answer.engine import AnswerStream

log = logging.getLogger("ragkit.app")

_DRAW_SECONDS = 0.08


def draw() -> None:
    """Draw the page: settings in the sidebar, the conversation, and the question box."""
    # A local picture: Streamlit would fetch a named icon from a server of Google's.
    icon = str(Path(__file__).parent / "icon.png")
    st.set_page_config(page_title="ragkit", page_icon=icon, layout="centered")
    arguments = _arguments()
    language = st.session_state.setdefault("language", preferred(st.context.locale))
    texts = TEXTS[language]
    st.session_state.setdefault("history", [])
    try:
        kb = _knowledge(arguments.data, arguments.index, arguments.preset)
        if _report() is None:
            _index(kb, texts)
    except ragkit.RagkitError as error:
        st.title(texts["title"])
        st.error(str(error))
        return
    _sidebar(kb, texts)
    _conversation(kb, texts)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="app/main.py")
    parser.add_argument("data", nargs="?", default="data")
    parser.add_argument("--index")
    parser.add_argument("--preset")
    return parser.parse_args(sys.argv[1:])


@st.cache_resource(show_spinner=False)
def _knowledge(data: str, index: str | None, preset: str | None) -> ragkit.KnowledgeBase:
    """Open the folder once for all visitors."""
    return ragkit.open(data, index=index, preset=preset)


@st.cache_resource(show_spinner=False)
def _shared() -> dict[str, ragkit.IndexReport]:
    """Hold the last report for all visitors."""
    return {}


def _report() -> ragkit.IndexReport | None:
    return _shared().get("report")


def _index(kb: ragkit.KnowledgeBase, texts: dict[str, str]) -> ragkit.IndexReport | None:
    """Bring the index up to date with a progress bar; None while another process does so."""
    bar = st.progress(0.0, texts["indexing"].format(folder=kb.folder.name))

    def progress(done: int, total: int, _source: str) -> None:
        if done % 10 == 0 or done == total:
            bar.progress(done / max(total, 1), texts["reading"].format(done=done, total=total))

    report = kb.refresh(progress=progress)
    bar.empty()
    if report is None:
        st.info(texts["busy"])
    else:
        _shared()["report"] = report
    return report


def _sidebar(kb: ragkit.KnowledgeBase, texts: dict[str, str]) -> None:
    report = _report()
    with st.sidebar:
        st.subheader(kb.folder.resolve().name, anchor=False)
        st.caption(f"{texts['preset']}: {kb.config.preset}")
        figures = st.container()
        if st.button(texts["refresh"], icon=":material/sync:", width="stretch"):
            done = _index(kb, texts)
            if done:
                st.toast(
                    texts["refreshed"].format(
                        added=len(done.added),
                        updated=len(done.updated),
                        deleted=len(done.deleted),
                        skipped=len(done.skipped),
                    )
                )
                report = done
        with figures:
            left, right = st.columns(2)
            left.metric(texts["files"], len(kb.documents()))
            right.metric(texts["nodes"], report.nodes if report else "–")
        if st.button(texts["clear"], icon=":material/delete_sweep:", width="stretch"):
            st.session_state.history = []
        if report and report.skipped:
            with st.expander(texts["skipped"].format(count=len(report.skipped))):
                for skipped in report.skipped[:200]:
                    st.text(f"{skipped.source}: {skipped.reason}")
        st.segmented_control(
            texts["language"],
            options=list(LANGUAGES),
            format_func=LANGUAGES.__getitem__,
            key="language",
            required=True,
        )


def _conversation(kb: ragkit.KnowledgeBase, texts: dict[str, str]) -> None:
    st.title(texts["title"], anchor=False)
    files = len(kb.documents())
    greeting = "greeting" if files else "empty"
    st.markdown(texts[greeting].format(folder=_plain(kb.folder.resolve().name), files=files))
    if kb.notice:
        st.info(kb.notice, icon=":material/info:")
    question = st.chat_input(texts["placeholder"])
    if question:
        # Noted before the answer begins, so that a rerun in between loses nothing.
        st.session_state.history.append({"question": question, "answer": None, "error": None})
    for turn in st.session_state.history:
        with st.chat_message("user"):
            st.text(turn["question"])
        with st.chat_message("assistant"):
            if turn["answer"] is None and turn["error"] is None:
                _answer(kb, turn, texts)
            else:
                if turn["answer"] is not None:
                    st.html(_shown(turn["answer"]))
                if turn["error"]:
                    st.error(turn["error"])


def _answer(kb: ragkit.KnowledgeBase, turn: dict, texts: dict[str, str]) -> None:
    """Answer the turn's question, drawing what is written so far."""
    place = st.empty()
    stop = st.empty()
    place.caption(texts["searching"])
    chat = kb.chat([t["answer"] for t in st.session_state.history if t["answer"] is not None])
    try:
        kb.refresh()
        if kb.generates:
            with place, st.spinner(texts["loading"], show_time=True):
                kb.load()
            stop.button(texts["stop"], icon=":material/stop_circle:")
        _write(chat.stream(turn["question"]), turn, place, texts)
    except ragkit.RagkitError as error:
        turn["error"] = str(error)
    except Exception:
        # Broad on purpose: a page shows words, never a traceback; the log has the rest.
        log.exception("answering failed")
        turn["error"] = texts["failed"]
    stop.empty()
    if turn["answer"] is not None:
        place.html(_shown(turn["answer"]))
        place = st.empty()
    if turn["error"]:
        place.error(turn["error"])


def _write(stream: AnswerStream, turn: dict, place: DeltaGenerator, texts: dict[str, str]) -> None:
    """Draw the stream's text in ``place`` and keep its answer, also when the visitor stops it."""
    written, drawn = "", 0.0
    try:
        for piece in stream:
            written += piece
            # Not for every token: the browser gets the whole text each time.
            if time.monotonic() - drawn < _DRAW_SECONDS:
                continue
            drawn = time.monotonic()
            if written:
                # As text: nothing in an answer may become markup that the browser would follow.
                place.text(written)
            elif stream.place:
                place.caption(texts["waiting"].format(place=stream.place))
    except BaseException as reason:
        # Streamlit ends a run by an exception of its own: stop, the next question, a closed tab.
        stream.close()
        turn["answer"] = stream.answer if written else None
        if isinstance(reason, ragkit.RagkitError):
            turn["error"] = str(reason)
        elif not written:
            turn["error"] = texts["stopped"]
        raise
    turn["answer"] = stream.answer


def _shown(answer: ragkit.Answer) -> str:
    """Return the answer as HTML, its sources folded so that the answer stays in view."""
    return answer_html(answer, with_question=False, open_cited=False)


def _plain(name: str) -> str:
    """Return a folder's name without characters that Markdown would act on."""
    return "".join(c if c.isalnum() or c in " .-_" else " " for c in name)
