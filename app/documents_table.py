"""The table of the folder's files: search, filter, pages, selection."""

from __future__ import annotations

import hashlib
import unicodedata
from typing import TYPE_CHECKING

import streamlit as st
from documents_upload import shown_name

from ragkit.health.reasons import reason

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ragkit.health.inventory import FileRow

__all__ = ["PAGE", "chosen", "draw_filters", "draw_pages", "draw_table", "first_row"]

PAGE = 200
_STATES = ("indexed", "skipped", "excluded", "new", "changed", "gone")
_SIGNS = {
    "indexed": "✓", "skipped": "⚠", "excluded": "–", "new": "+", "changed": "↻", "gone": "×",
}  # fmt: skip
_REASON = 380  # pixels: most reasons fit
_ORDERS = ("sort_name", "sort_new", "sort_large")


def draw_filters(rows: Sequence[FileRow], texts: dict[str, str]) -> list[FileRow]:
    """Draw search, filter and order; return the rows that are left, in that order."""
    counts = dict.fromkeys(_STATES, 0)
    uploaded = 0
    for row in rows:
        counts[row.state] += 1
        uploaded += row.uploaded
    shown: dict[str, int] = {"all": len(rows)}
    shown |= {state: count for state, count in counts.items() if count}
    if uploaded:
        shown["uploaded"] = uploaded
    left, right = st.columns([3, 1], vertical_alignment="bottom")
    search = left.text_input(
        texts["search"],
        key="file_search",
        type="search",
        icon=":material/search:",
        placeholder=texts["search"],
        label_visibility="collapsed",
        live=True,
        on_change=_first_page,
    )
    order = right.selectbox(
        texts["sort"],
        _ORDERS,
        format_func=texts.__getitem__,
        key="file_order",
        label_visibility="collapsed",
        on_change=_first_page,
    )
    if st.session_state.get("file_state") not in shown:
        st.session_state["file_state"] = "all"
    state = st.pills(
        texts["column_state"],
        list(shown),
        format_func=lambda name: f"{texts[name]} {shown[name]:,}",
        key="file_state",
        required=True,
        label_visibility="collapsed",
        on_change=_first_page,
    )
    wanted = _folded(search or "").strip()
    left_over = [
        row
        for row in rows
        if (state == "all" or row.state == state or (state == "uploaded" and row.uploaded))
        and (not wanted or wanted in _folded(row.source) or wanted in _folded(row.title))
    ]
    if order == "sort_new":
        left_over.sort(key=lambda row: -row.modified)
    elif order == "sort_large":
        left_over.sort(key=lambda row: -row.size)
    return left_over


def draw_pages(total: int, texts: dict[str, str]) -> None:
    """Draw the way through the pages, where there are several."""
    last = max(0, (total - 1) // PAGE)
    if last == 0:
        return
    first = first_row(total)
    page = first // PAGE
    line = texts["range"].format(
        first=f"{first + 1:,}", last=f"{min(total, first + PAGE):,}", total=f"{total:,}"
    )
    st.caption(line, width="content")
    _turn(texts["previous"], ":material/chevron_left:", page - 1, last)
    _turn(texts["next"], ":material/chevron_right:", page + 1, last)


def first_row(total: int) -> int:
    """Return the place of the first row of the page that is shown, of ``total`` rows."""
    last = max(0, (total - 1) // PAGE)
    return min(int(st.session_state.get("file_page", 0)), last) * PAGE


def draw_table(rows: Sequence[FileRow], language: str, texts: dict[str, str]) -> None:
    """Draw ``rows``, one page of them, each of which can be ticked."""
    import pandas

    shown = [shown_name(row.source) for row in rows]
    columns = {
        "name": [source.rpartition("/")[2] or source for source in shown],
        "state": [_state(row, language, texts) for row in rows],
        "pages": [row.pages or None for row in rows],
        "language": [row.language for row in rows],
        "modified": pandas.to_datetime(
            [row.modified or None for row in rows], unit="s", utc=True, errors="coerce"
        ).floor("s"),
        "source": shown,
        "size": [max(0.1, row.size / 1000) if row.size else 0.0 for row in rows],
        "format": [row.format for row in rows],
        "characters": [row.characters or None for row in rows],
        "nodes": [row.nodes or None for row in rows],
    }
    reasons = any(row.state == "skipped" for row in rows)
    empty = {key for key in ("pages", "language", "format", "characters") if not any(columns[key])}
    if columns["name"] == shown:  # all lie in the folder itself
        empty.add("source")
    order = [key for key in columns if key not in empty]
    config = st.column_config
    st.dataframe(
        pandas.DataFrame(columns),
        column_config={
            # With the box before it, it leaves room for the state on a phone.
            "name": config.TextColumn(texts["column_source"], width=192),
            # The other columns may lie beyond the edge: why a file is not read comes first.
            "state": config.TextColumn(texts["column_state"], width=_REASON if reasons else None),
            "pages": config.NumberColumn(texts["column_pages"], format="localized", width=64),
            "source": config.TextColumn(texts["column_path"], width=220),
            "format": config.TextColumn(texts["column_format"], width=72),
            "language": config.TextColumn(texts["column_language"], width=84),
            "size": config.NumberColumn(texts["column_size"], format="%.1f kB", width=96),
            "characters": config.NumberColumn(
                texts["column_characters"], format="localized", width=96
            ),
            "nodes": config.NumberColumn(texts["column_nodes"], format="localized", width=72),
            "modified": config.DatetimeColumn(
                texts["column_modified"],
                format="YYYY-MM-DD",
                timezone=st.context.timezone,
                width=104,
            ),
        },
        column_order=order,
        hide_index=True,
        placeholder="–",
        key=_key(rows),
        on_select="rerun",
        selection_mode="multi-row",
        height=min(36 * (len(rows) + 1) + 3, 560),
        alt=texts["table"],
    )


def _state(row: FileRow, language: str, texts: dict[str, str]) -> str:
    """Return in words what became of a file, and why."""
    said = texts[row.state]
    if row.state == "skipped" and row.reason:
        why = reason(row.reason, language).rstrip(".。")
        said = texts["skipped_because"].format(reason=why)
    more = f" · {texts['uploaded']}" if row.uploaded else ""
    return f"{_SIGNS[row.state]} {said}{more}"


def chosen(rows: Sequence[FileRow]) -> list[FileRow]:
    """Return those of ``rows``, the page that is shown, that are ticked."""
    state = st.session_state.get(_key(rows))
    ticked = state["selection"]["rows"] if state else []
    return [rows[at] for at in ticked if at < len(rows)]


def _key(rows: Sequence[FileRow]) -> str:
    """Return a key that changes with the files shown: a tick means a row by its place."""
    names = "\n".join(row.source for row in rows)
    return f"files-{hashlib.sha256(names.encode()).hexdigest()[:16]}"


def _turn(name: str, icon: str, page: int, last: int) -> None:
    st.button(
        name,  # hidden by the style sheet, for screen readers
        key=f"turn-{icon}",
        icon=icon,
        help=name,
        type="tertiary",
        disabled=not 0 <= page <= last,
        on_click=_turn_to,
        args=(page,),
    )


def _turn_to(page: int) -> None:
    st.session_state["file_page"] = page


def _first_page() -> None:
    st.session_state["file_page"] = 0


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()
