"""Bringing documents: the drop area, progress, and what became of each file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

import ragkit
from ragkit.health.reasons import reason
from ragkit.uploads import Received, UploadLimits, Uploads

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ragkit.background import Indexer
    from ragkit.health.overview import Overview
    from ragkit.knowledge import KnowledgeBase

__all__ = ["draw"]

_LISTED = 50
_OUTCOMES = ("added", "replaced", "unchanged", "differs", "refused")


def draw(kb: KnowledgeBase, indexer: Indexer, overview: Overview, language: str,
         texts: dict[str, str]) -> None:  # fmt: skip
    """Draw the drop area; what is dropped is taken in at once."""
    limits = kb.config.app
    turn = st.session_state.setdefault("upload_turn", 0)
    with st.container(border=True, key="upload"):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"**{texts['add']}**", width="stretch")
            kind = st.segmented_control(
                texts["add"],
                ["files", "folder"],
                format_func=texts.__getitem__,
                default="files",
                required=True,
                label_visibility="collapsed",
                key="upload_kind",
            )
        _translate(texts, kind)
        dropped = st.file_uploader(
            texts[f"drop_{kind}"],
            accept_multiple_files="directory" if kind == "folder" else True,
            max_upload_size=limits.max_upload_mb,
            label_visibility="collapsed",
            key=f"upload-{kind}-{turn}",
        )
        st.caption(texts["limits"].format(mb=limits.max_upload_mb, files=limits.max_upload_files))
        if dropped:
            files = [(file.name, file.getvalue()) for file in dropped]
            _receive(kb, indexer, overview, files, texts, folders=kind == "folder")
            st.session_state["upload_turn"] = turn + 1  # a widget of its own: an empty one
            st.rerun()
        _results(kb, indexer, overview, language, texts)


def _translate(texts: dict[str, str], kind: str) -> None:
    """Put the drop area's own words, which are English only, in the page's language."""
    area = '.st-key-upload [data-testid="stFileUploaderDropzone'
    st.html(
        f'<style>{area}Instructions"] span {{ display: none; }}'
        # Still the button's name for screen readers, which read no text of a style sheet.
        f'{area}"] button p {{ position: absolute; width: 1px; height: 1px; overflow: hidden;'
        f" clip-path: inset(50%); }}"
        f'{area}Instructions"]::after {{ content: "{texts[f"drop_{kind}"]}"; opacity: .8; }}'
        f'{area}"] button [data-testid="stMarkdownContainer"]::after'
        f' {{ content: "{texts[f"browse_{kind}"]}"; }}</style>'
    )


def _receive(
    kb: KnowledgeBase,
    indexer: Indexer,
    overview: Overview,
    files: Sequence[tuple[str, bytes]],
    texts: dict[str, str],
    *,
    folders: bool,
    replace: bool = False,
) -> None:
    """Take the files in with a progress bar and keep what became of them for the next run."""
    settings = kb.config.app
    limits = UploadLimits(settings.max_upload_mb * 1024 * 1024, settings.max_upload_files)
    bar = st.progress(0.0, texts["receiving"].format(done=0, total=len(files)))
    results: list[Received] = []
    kept: dict[str, Any] = {"results": results, "differ": [], "folders": folders, "in": kb.folder}
    st.session_state["upload"] = kept
    try:
        for result in Uploads(kb.folder, kb.notes, limits).receive(
            files, folders=folders, replace=replace
        ):
            if result.outcome == "differs":
                kept["differ"].append(files[len(results)])
            results.append(result)
            line = texts["receiving"].format(done=len(results), total=len(files))
            bar.progress(len(results) / len(files), line)
    except ragkit.RagkitError as error:
        results.append(Received("", "", "refused", str(error)))
    finally:
        bar.empty()
        if any(result.outcome in ("added", "replaced") for result in results):
            overview.forget()
            indexer.start()


def _results(
    kb: KnowledgeBase,
    indexer: Indexer,
    overview: Overview,
    language: str,
    texts: dict[str, str],
) -> None:
    kept: dict[str, Any] | None = st.session_state.get("upload")
    # Of another folder it is not shown: what is to be replaced there must not land here.
    if not kept or not kept["results"] or kept["in"] != kb.folder:
        return
    results: list[Received] = kept["results"]
    counts = {name: sum(r.outcome == name for r in results) for name in _OUTCOMES}
    line = " · ".join(texts[name].format(count=count) for name, count in counts.items() if count)
    troubled = counts["refused"] or counts["differs"]
    with st.container(horizontal=True, vertical_alignment="center"):
        icon = ":material/info:" if troubled else ":material/check_circle:"
        (st.warning if troubled else st.success)(line, icon=icon)
        st.button(texts["close"], key="upload-close", type="tertiary", icon=":material/close:",
                  on_click=_forget)  # fmt: skip
    refused = [r for r in results if r.outcome == "refused"]
    for result in refused[:_LISTED]:
        st.text(f"{shown_name(result.source or result.name)}: {reason(result.reason, language)}")
    if len(refused) > _LISTED:
        st.caption(texts["and_more"].format(count=len(refused) - _LISTED))
    if not kept["differ"]:
        return
    st.caption(texts["differs_ask"])
    for result in [r for r in results if r.outcome == "differs"][:_LISTED]:
        st.text(shown_name(result.source))
    with st.container(horizontal=True):
        if st.button(texts["replace"], type="primary", key="upload-replace"):
            again = kept["differ"]
            _receive(kb, indexer, overview, again, texts, folders=kept["folders"], replace=True)
            st.rerun()
        st.button(texts["keep"], key="upload-keep", on_click=_forget)


def _forget() -> None:
    st.session_state.pop("upload", None)


def shown_name(name: str) -> str:
    """Return a name on one line, without characters that would turn or hide it."""
    return "".join(c if c.isprintable() else "�" for c in name)
