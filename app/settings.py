"""The settings of the sidebar: who answers, from how much, in which language."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import scope
import shared
import streamlit as st
from asking import Options
from scope import LANGUAGES
from texts import PRESETS_ZH, TEXTS

import ragkit

if TYPE_CHECKING:
    from ragkit.knowledge import KnowledgeBase

__all__ = ["chosen_preset", "draw", "options"]


def chosen_preset() -> str:
    """Return the preset that answers: the one chosen where it can, else the server's own."""
    chosen = st.session_state.get("preset") or shared.default_preset()
    return chosen if _is_here(chosen) else shared.default_preset()


def options() -> Options:
    """Return what the person set for the next question."""
    state = st.session_state
    return Options(
        filters=scope.filters(),
        top_k=state.get("top_k"),
        language=state.get("answer_language") or None,
        temperature=state.get("temperature"),
    )


def draw(kb: KnowledgeBase, language: str) -> None:
    """Draw the settings, folded."""
    texts = TEXTS[language]
    with st.expander(texts["settings"], icon=":material/tune:", key="settings"):
        _preset(kb, texts, language)
        _model(kb, texts)
        st.slider(
            texts["top_k"],
            1,
            20,
            min(20, kb.config.top_k),
            key="top_k",
            help=texts["top_k_help"],
            persist_state="session",
        )
        st.selectbox(
            texts["answer_language"],
            ["", *_answer_languages()],
            format_func=lambda code: LANGUAGES.get(code, code) or texts["auto_language"],
            key="answer_language",
            help=texts["answer_language_help"],
            persist_state="session",
        )
        if kb.generates:
            st.slider(
                texts["temperature"],
                0.0,
                1.5,
                min(1.5, kb.config.llm.temperature),
                0.1,
                key="temperature",
                help=texts["temperature_help"],
                persist_state="session",
            )


def _preset(kb: KnowledgeBase, texts: dict[str, str], language: str) -> None:
    st.session_state.setdefault("preset", shared.default_preset())
    chosen = st.selectbox(texts["preset"], list(_tables()), key="preset", persist_state="session")
    about = _tables()[chosen].get("about", "")
    told = PRESETS_ZH.get(chosen, about) if language == "zh" else about
    st.caption(shared.label(told, most=400))


def _model(kb: KnowledgeBase, texts: dict[str, str]) -> None:
    """Say where the models are: loaded, loading, missing, or on a server."""
    chosen = st.session_state["preset"]
    if not _is_here(chosen) and (missing := _missing(chosen)):
        names = shared.label(", ".join(missing), most=200)
        st.caption(texts["model_missing"].format(models=names))
        st.code(f"ragkit download {chosen}", language=None)
        import downloads

        downloads.draw(_wanted(chosen), texts, ended=_is_here.clear)
        st.caption(texts["model_back"].format(preset=shared.label(kb.config.preset)))
        return
    loading = shared.loading(kb)
    if kb.config.llm.kind == "openai":
        url = shared.label(kb.config.llm.base_url or "–")
        st.caption(texts["model_server"].format(url=url))
    if not loading.needed:
        return
    if loading.error:
        st.warning(shared.trouble(texts["error_model"], loading.error))
    elif loading.loaded:
        st.caption(texts["model_loaded"].format(seconds=round(loading.seconds)))
    elif loading.running:
        _loading(kb, texts)
    else:
        st.caption(texts["model_idle"])


def _loading(kb: KnowledgeBase, texts: dict[str, str]) -> None:
    @st.fragment(run_every=1.0)
    def follow() -> None:
        loading = shared.loading(kb)
        if loading.running:
            st.caption(texts["model_loading"].format(seconds=int(loading.seconds)))
        else:
            st.caption(texts["model_loaded"].format(seconds=round(loading.seconds)))

    follow()


@cache
def _tables() -> dict[str, dict[str, Any]]:
    """Return the presets that this version has a store for, and the server's own."""
    from ragkit.config import preset_names, read_preset

    own = shared.default_preset()
    tables = {name: read_preset(name) for name in preset_names()}
    return {n: t for n, t in tables.items() if n == own or not t.get("store", {}).get("uri")}


@st.cache_data(show_spinner=False, ttl=5)
def _is_here(preset: str) -> bool:
    """Return whether the preset can answer on this machine now; looks at the disk."""
    if preset == shared.default_preset():
        try:
            shared.knowledge(shared.collections().names()[0]).require_answerer()
        except ragkit.RagkitError:
            return False
        return True
    return not _missing(preset)


def _missing(preset: str) -> list[str]:
    """Return the models that the preset wants and that are not on this machine."""
    from ragkit.models.hub import find_weights

    return [model for model in _wanted(preset) if find_weights(model) is None]


def _wanted(preset: str) -> list[str]:
    """Return the models that the preset takes from a hub."""
    parts = [_tables()[preset].get(key, {}) for key in ("embedder", "llm")]
    wanted = [p["model"] for p in parts if p.get("kind") in ("huggingface", "llm")]
    return list(dict.fromkeys(wanted))


@cache
def _answer_languages() -> list[str]:
    from ragkit.prompts import text_languages

    first = ("en", "zh")
    return sorted(text_languages(), key=lambda code: (code not in first, code))
