"""Which documents are asked: chosen files, folders, formats, languages, and days."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import shared
import streamlit as st
from texts import TEXTS as COMMON
from texts_scope import TEXTS

from ragkit.render import shown_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from ragkit.knowledge import KnowledgeBase
    from ragkit.store.facets import Facets

__all__ = ["LANGUAGES", "draw", "filters", "note", "remember", "said"]

LANGUAGES = {
    "ar": "العربية", "de": "Deutsch", "el": "Ελληνικά", "en": "English", "es": "Español",
    "fr": "Français", "hi": "हिन्दी", "it": "Italiano", "ja": "日本語", "ko": "한국어",
    "pt": "Português", "ru": "Русский", "th": "ไทย", "tr": "Türkçe", "vi": "Tiếng Việt",
    "zh": "简体中文", "zh-Hant": "繁體中文",
}  # fmt: skip
_MOST_FILES = 200  # names in a list; beyond, they are searched for
_MOST_FOLDERS = 1000  # of very many those that lie highest
_MOST_SAID = 3
# Widgets of several values, and what a filter calls them; each has its own key in the state.
_SEVERAL = {
    "files": "source",
    "scope_folders": "folder",
    "scope_formats": "format",
    "scope_languages": "language",
}
_DAYS = {"scope_from": ">=", "scope_until": "<="}


def filters() -> tuple[str, ...]:
    """Return what the person chose, as ``KEY=VALUE`` filters; empty where all is asked."""
    state = st.session_state
    chosen = [f"{key}={value}" for name, key in _SEVERAL.items() for value in state.get(name) or ()]
    days = [f"date{sign}{state[name]}" for name, sign in _DAYS.items() if state.get(name)]
    return (*chosen, *days)


def draw(kb: KnowledgeBase, language: str) -> None:
    """Draw the choice, folded; nothing where there is nothing to choose between."""
    names, facets = shared.serving(kb).sources(), shared.serving(kb).facets()
    if len(names) < 2:
        return
    texts = TEXTS[language]
    with st.expander(texts["scope"], icon=":material/filter_alt:", key="scope"):
        _files(names, COMMON[language])
        _several("scope_folders", _highest(facets.folders), texts, shown_name)
        _several("scope_formats", facets.formats, texts, str.upper)
        _several("scope_languages", facets.languages, texts, lambda c: LANGUAGES.get(c, c))
        _days(facets, texts)
        if filters():
            st.button(
                texts["scope_clear"], key="scope-clear", icon=":material/filter_alt_off:",
                width="stretch", on_click=_clear,
            )  # fmt: skip


def note(language: str) -> None:
    """Draw above the question box what is asked, where that is not everything."""
    wanted = filters()
    if not wanted:
        return
    texts = TEXTS[language]
    with st.container(
        horizontal=True, vertical_alignment="center", wrap=False, gap="xsmall", key="scope-note"
    ):
        line = texts["scope_on"].format(scope=_in_words(wanted, texts))
        st.caption(f":material/filter_alt: {shared.label(line, most=160)}", width="stretch")
        st.button(
            texts["scope_clear"], key="menu-scope-clear", icon=":material/close:",
            type="tertiary", help=texts["scope_clear"], on_click=_clear,
        )  # fmt: skip


def remember(turn_id: int, wanted: Sequence[str]) -> None:
    """Keep for this visit which documents a question was put to."""
    if wanted:
        st.session_state.setdefault("scopes", {})[turn_id] = tuple(wanted)


def said(turn_id: int, language: str) -> None:
    """Draw above an answer which documents it is from, where these were not all."""
    wanted = st.session_state.get("scopes", {}).get(turn_id)
    if wanted:
        texts = TEXTS[language]
        line = texts["scope_was"].format(scope=_in_words(wanted, texts))
        st.caption(f":material/filter_alt: {shared.label(line, most=160)}")


def _in_words(wanted: Sequence[str], texts: dict[str, str]) -> str:
    by_key: dict[str, list[str]] = {}
    days: dict[str, str] = {}
    for pair in wanted:
        if pair.startswith("date"):
            days[pair[4:6]] = pair[6:]
        else:
            key, _, value = pair.partition("=")
            by_key.setdefault(key, []).append(value)
    parts = []
    for key, values in by_key.items():
        if len(values) > _MOST_SAID and key == "source":
            parts.append(texts["scope_files"].format(count=len(values)))
            continue
        more = ["…"] if len(values) > _MOST_SAID else []
        parts.append(", ".join([*(_value(key, v) for v in values[:_MOST_SAID]), *more]))
    if len(days) == 2:
        parts.append(f"{days['>=']} – {days['<=']}")
    elif days:
        since = texts["scope_since"].format(first=days.get(">="))
        parts.append(since if ">=" in days else texts["scope_to"].format(last=days["<="]))
    return " · ".join(parts)


def _value(key: str, value: str) -> str:
    if key == "source":
        return shown_name(value).rpartition("/")[2]
    if key == "folder":
        return f"{shown_name(value)}/"
    return value.upper() if key == "format" else LANGUAGES.get(value, value)


def _files(names: Sequence[str], texts: dict[str, str]) -> None:
    """Let files be chosen; of very many only those are sent to the browser that are looked for."""
    known = set(names)
    _drop("files", known)
    shown: Sequence[str] = names
    if len(names) > _MOST_FILES:
        part = st.text_input(
            texts["files_find"],
            key="files_find",
            type="search",
            placeholder=texts["files_find"],
            label_visibility="collapsed",
            live=True,
            persist_state="session",
        )
        words = (part or "").casefold().split()
        matching = (n for n in names if all(word in n.casefold() for word in words))
        found = [name for _, name in zip(range(_MOST_FILES), matching, strict=False)]
        shown = list(dict.fromkeys([*(st.session_state.get("files") or ()), *found]))
    st.multiselect(
        texts["files"],
        shown,
        key="files",
        placeholder=texts["files_all"],
        select_all=False,
        filter_mode="contains",
        persist_state="session",
    )
    if len(shown) < len(names):
        st.caption(texts["files_more"].format(count=len(shown), total=len(names)))


def _several(
    name: str, values: Sequence[str], texts: dict[str, str], shown: Callable[[str], str]
) -> None:
    _drop(name, values)
    if len(values) < 2:
        return
    st.multiselect(
        texts[name],
        values,
        key=name,
        format_func=shown,
        placeholder=texts["scope_any"],
        select_all=False,
        filter_mode="contains",
        persist_state="session",
    )


def _days(facets: Facets, texts: dict[str, str]) -> None:
    values = _coarsest(facets.days)
    for name in _DAYS:
        if st.session_state.get(name) not in ("", None, *values):
            st.session_state[name] = ""
    if not values:
        return
    for column, name in zip(st.columns(2), _DAYS, strict=True):
        column.selectbox(
            texts[name],
            ["", *(values if name == "scope_from" else reversed(values))],
            key=name,
            format_func=lambda value: value or texts["scope_any"],
            help=texts["scope_dates_help"],
            persist_state="session",
        )


def _coarsest(days: Sequence[str]) -> list[str]:
    """Return the years there are; where all is of one, its months; of one month, its days."""
    for length in (4, 7, 10):
        parts = sorted({day[:length] for day in days if len(day) >= length})
        if len(parts) > 1:
            return parts
    return []


def _highest(folders: Sequence[str]) -> list[str]:
    if len(folders) <= _MOST_FOLDERS:
        return list(folders)
    return sorted(sorted(folders, key=lambda name: name.count("/"))[:_MOST_FOLDERS])


def _drop(name: str, known: Iterable[str]) -> None:
    """Forget what was chosen and is not there any more, as in another folder."""
    chosen: list[Any] = st.session_state.get(name) or []
    there = set(known)
    if any(value not in there for value in chosen):
        st.session_state[name] = [value for value in chosen if value in there]


def _clear() -> None:
    for name in _SEVERAL:
        st.session_state[name] = []
    for name in _DAYS:
        st.session_state[name] = ""
