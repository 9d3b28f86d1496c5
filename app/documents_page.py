"""The documents page: what is in the folder, what became of it, and bringing more."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import chat_page
import documents_health
import documents_table
import documents_upload
import shared
import streamlit as st
from documents_upload import shown_name
from shared import label, trouble
from texts_documents import TEXTS

import ragkit
from ragkit.commands import password_command
from ragkit.files import needs_password
from ragkit.health.overview import Overview
from ragkit.health.reasons import reason
from ragkit.ingest.readers.sniff import megabytes
from ragkit.originals import MOST_BYTES, read_original
from ragkit.retrying import read_again
from ragkit.uploads import UploadLimits, Uploads, safe_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ragkit.background import Indexer
    from ragkit.health.inventory import FileRow
    from ragkit.knowledge import KnowledgeBase

__all__ = ["draw"]

_LISTED = 20
_TEXT_PART = 20_000  # characters of a text shown at once
_MOST_MESSAGE = 500
# Wider than the chat, for the table; the page's own setting would flicker at every run.
_STYLE = """<style>
[data-testid="stMainBlockContainer"] { max-width: 76rem; }
.st-key-file-actions { min-height: 2.6rem; }
/* The table's own buttons come up above it. */
.st-key-file-actions:has(+ div [data-testid="stDataFrame"]) { margin-bottom: 1rem; }
.st-key-file-reasons, .st-key-tried-reasons { font-size: .92rem; padding-inline-start: .7rem;
  border-inline-start: 3px solid #c2410c; margin-bottom: 1.4rem; overflow-wrap: anywhere; }
</style>"""


def draw(name: str, kb: KnowledgeBase, indexer: Indexer, language: str) -> None:
    """Draw the page of the folder ``name``."""
    st.html(_STYLE)
    texts = TEXTS[language]
    overview = _overview(kb)
    try:
        rows = overview.rows(indexer.generation)
    except ragkit.RagkitError as error:
        st.title(texts["documents"], anchor=False)
        st.error(trouble(texts["error_index"], str(error)))
        _rebuild_button(indexer, texts)
        return
    _header(name, kb, indexer, rows, texts)
    _progress(indexer, texts)
    _said(texts)
    told = _tried(kb, indexer, rows, language, texts)
    if kb.folder.is_dir():
        documents_upload.draw(kb, indexer, overview, language, texts)
    else:
        st.warning(texts["missing"])
    if not rows:
        st.info(texts["no_files"], icon=":material/folder_open:")
        return
    view = st.segmented_control(
        texts["documents"],
        ["view_files", "view_health"],
        format_func=texts.__getitem__,
        default="view_files",
        required=True,
        label_visibility="collapsed",
        key="documents_view",
    )
    if view == "view_health":
        documents_health.draw(indexer, overview, language, texts)
    else:
        _files(kb, indexer, overview, rows, language, texts, explain_passwords=not told)


@st.cache_resource(show_spinner=False, hash_funcs={ragkit.KnowledgeBase: id})
def _overview(kb: KnowledgeBase) -> Overview:
    return Overview(kb)


def _header(
    name: str,
    kb: KnowledgeBase,
    indexer: Indexer,
    rows: Sequence[FileRow],
    texts: dict[str, str],
) -> None:
    present = [row for row in rows if row.state != "gone"]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        with st.container(gap=None):
            st.title(texts["documents"], anchor=False)
            count = len(present)
            files = texts["f_file"] if count == 1 else texts["f_files"].format(count=f"{count:,}")
            line = f"{name} · {files} · {_size(sum(row.size for row in present))}"
            st.caption(label(line, most=200))
        st.button(
            texts["read_again"],
            icon=":material/sync:",
            help=texts["read_again_help"],
            disabled=indexer.state.running,
            on_click=_read_again,
            args=(kb, indexer),
            key="read-again",
        )
        # A key of its own for each folder: it closes when another one is made or chosen.
        with st.popover(
            texts["more"],  # hidden by the style sheet, for screen readers
            icon=":material/more_horiz:",
            help=texts["more"],
            width="content",
            key=f"menu-{name}",
        ):
            _menu(name, kb, indexer, len(present), texts)


def _size(size: int) -> str:
    return megabytes(size) if size > 999_999 else f"{-(-size // 1000)} kB"


def _menu(
    name: str, kb: KnowledgeBase, indexer: Indexer, files: int, texts: dict[str, str]
) -> None:
    watched = st.toggle(texts["watch"], value=indexer.watching, help=texts["watch_help"])
    if watched != indexer.watching:
        indexer.watch(watched)
    _rebuild_button(indexer, texts)
    st.caption(texts["rebuild_help"])
    st.divider()
    with st.form("new-folder", border=False, clear_on_submit=True):
        st.text_input(
            texts["new_folder"],
            max_chars=80,
            placeholder=texts["new_folder_name"],
            key="new_folder",
        )
        st.form_submit_button(
            texts["create"], icon=":material/create_new_folder:", on_click=_create
        )
    if not shared.collections().get(name).made_here:
        return
    st.divider()
    if st.button(texts["delete_folder"], icon=":material/delete:", key="delete-folder"):
        _delete_folder(name, kb, indexer, files, texts)


def _rebuild_button(indexer: Indexer, texts: dict[str, str]) -> None:
    st.button(
        texts["rebuild"],
        icon=":material/build:",
        disabled=indexer.state.running,
        on_click=indexer.start,
        kwargs={"rebuild": True},
        key="rebuild",
    )


def _read_again(kb: KnowledgeBase, indexer: Indexer) -> None:
    _overview(kb).forget()
    indexer.start()


def _create() -> None:
    """Make the folder whose name was given and go to it."""
    try:
        made = shared.collections().create(str(st.session_state.get("new_folder") or ""))
        shared.indexer(made.name).watch(True)
    except ragkit.RagkitError as error:
        st.session_state["documents_said"] = str(error)
        return
    st.session_state["collection"] = made.name
    chat_page.forget()


def _delete_folder(
    name: str, kb: KnowledgeBase, indexer: Indexer, files: int, texts: dict[str, str]
) -> None:
    @st.dialog(texts["delete_folder"])
    def ask() -> None:
        st.text(name)
        st.warning(texts["delete_folder_ask"].format(files=f"{files:,}"))
        with st.container(horizontal=True):
            if st.button(texts["delete"], type="primary", key="delete-folder-yes"):
                indexer.watch(False)
                indexer.wait(5)
                kb.close()
                _overview(kb).forget()
                try:
                    shared.collections().delete(name)
                except ragkit.RagkitError as error:
                    st.session_state["documents_said"] = str(error)
                else:
                    chat_page.forget()
                st.rerun()
            if st.button(texts["cancel"], key="delete-folder-no"):
                st.rerun()

    ask()


def _progress(indexer: Indexer, texts: dict[str, str]) -> None:
    """Show how far the folder is read, as long as it is being read."""
    state = indexer.state
    if state.error:
        st.error(trouble(texts["error_run"], state.error))
    if not state.running:
        return

    @st.fragment(run_every=1.0)
    def follow() -> None:
        now = indexer.state
        if not now.running:
            st.rerun()
        share = min(1.0, now.done / now.total) if now.total else 0.0
        line = texts["reading"].format(done=now.done, total=now.total) if now.total else ""
        st.progress(share, line or texts["looking"])
        st.caption(label(now.source, most=120) or texts["answers_meanwhile"])

    follow()


def _said(texts: dict[str, str]) -> None:
    """Show what went wrong in the run before, once."""
    message = st.session_state.pop("documents_said", None)
    if message:
        st.error(trouble(texts["error_done"], message))


def _tried(
    kb: KnowledgeBase,
    indexer: Indexer,
    rows: Sequence[FileRow],
    language: str,
    texts: dict[str, str],
) -> bool:
    """Show once what came of files that were tried again; return whether it explains passwords."""
    folder, sources = st.session_state.get("documents_tried", ("", ()))
    tried = [row for row in rows if row.source in sources] if folder == str(kb.folder) else []
    # A file that is yet to be read is new: its entry was taken out of the index.
    if not tried or indexer.state.running or any(row.state == "new" for row in tried):
        return False
    del st.session_state["documents_tried"]
    read = [shown_name(row.source) for row in tried if row.state == "indexed"]
    skipped = [row for row in tried if row.state == "skipped"]
    if read:
        more = texts["and_more"].format(count=len(read) - _LISTED) if len(read) > _LISTED else ""
        names = label(", ".join(read[:_LISTED]), most=_MOST_MESSAGE)
        st.success(" ".join((texts["tried_read"], names, more)))
    if skipped:
        st.warning(texts["tried_skipped"])
        _reasons(skipped, language, key="tried-reasons")
    lacking = any(map(_lacks_password, skipped))
    if lacking:
        _explain_passwords(kb, texts)
    return lacking


def _lacks_password(row: FileRow) -> bool:
    return row.state == "skipped" and needs_password(row.reason)


def _explain_passwords(kb: KnowledgeBase, texts: dict[str, str]) -> None:
    """Say how protected files are read: no password ever goes through the page."""
    if kb.config.ingest.password_file is not None:
        st.info(texts["password_add"], icon=":material/lock:")
    elif kb.config.app.shared:
        st.info(texts["password_how"], icon=":material/lock:")
    else:
        said = texts["password_how"] + texts["password_once"]
        st.info(said, icon=":material/lock:")
        st.code(password_command(kb), language=None, wrap_lines=True)


def _files(
    kb: KnowledgeBase,
    indexer: Indexer,
    overview: Overview,
    rows: Sequence[FileRow],
    language: str,
    texts: dict[str, str],
    *,
    explain_passwords: bool,
) -> None:
    found = documents_table.draw_filters(rows, texts)
    if not found:
        st.info(texts["nothing_found"], icon=":material/search_off:")
        return
    first = documents_table.first_row(len(found))
    shown = found[first : first + documents_table.PAGE]
    with st.container(horizontal=True, vertical_alignment="center", key="file-actions"):
        ticked = documents_table.chosen(shown)
        _actions(kb, indexer, overview, ticked, language, texts)
        st.space("stretch")
        documents_table.draw_pages(len(found), texts)
    _reasons(ticked, language)
    if explain_passwords and any(map(_lacks_password, ticked)):
        _explain_passwords(kb, texts)
    documents_table.draw_table(shown, language, texts)


def _reasons(rows: Sequence[FileRow], language: str, *, key: str = "file-reasons") -> None:
    """Draw in full why files were skipped: in the table there may be no room for it."""
    skipped = [row for row in rows if row.state == "skipped" and row.reason]
    lines = [f"{shown_name(r.source)}: {reason(r.reason, language)}" for r in skipped[:_LISTED]]
    if lines:
        with st.container(key=key):
            st.text("\n".join(lines))


def _actions(
    kb: KnowledgeBase,
    indexer: Indexer,
    overview: Overview,
    ticked: Sequence[FileRow],
    language: str,
    texts: dict[str, str],
) -> None:
    """Draw what can be done with the files that are ticked."""
    if not ticked:
        st.caption(texts["select_hint"], width="content")
        return
    st.caption(texts["selected"].format(count=len(ticked)), width="content")
    excluded = [row.source for row in ticked if row.state == "excluded"]
    skipped = [row.source for row in ticked if row.state == "skipped"]
    if skipped and kb.folder.is_dir():
        st.button(
            texts["try_again"],
            icon=":material/sync:",
            help=texts["try_again_help"],
            key="try-again",
            on_click=_try_again,
            args=(kb, indexer, skipped),
        )
    others = [row.source for row in ticked if row.state not in ("excluded", "gone")]
    if others:
        st.button(
            texts["exclude"],
            icon=":material/block:",
            help=texts["exclude_help"],
            key="exclude",
            on_click=_exclude,
            args=(kb, indexer, others, True),
        )
    if excluded:
        st.button(
            texts["include"],
            icon=":material/add_circle:",
            help=texts["include_help"],
            key="include",
            on_click=_exclude,
            args=(kb, indexer, excluded, False),
        )
    uploaded = [row.source for row in ticked if row.uploaded and row.state != "gone"]
    if uploaded and st.button(
        texts["delete"], icon=":material/delete:", key="delete-files", help=texts["delete_help"]
    ):
        _delete(kb, indexer, overview, uploaded, language, texts)
    if len(ticked) == 1:
        _one(kb, ticked[0], texts)


def _one(kb: KnowledgeBase, row: FileRow, texts: dict[str, str]) -> None:
    """Draw what can be done with a single file."""
    if row.document_id and st.button(texts["show_text"], icon=":material/notes:", key="show-text"):
        _show_text(kb, row, texts)
    if row.state != "gone" and 0 < row.size <= MOST_BYTES:
        st.download_button(
            texts["download"],
            partial(read_original, kb.folder, row.source),
            file_name=safe_name(row.source.rpartition("/")[2]),
            mime="application/octet-stream",  # saved, never opened in the page's name
            icon=":material/download:",
            on_click="ignore",
            key="download",
        )


def _try_again(kb: KnowledgeBase, indexer: Indexer, sources: Sequence[str]) -> None:
    st.session_state["documents_tried"] = str(kb.folder), frozenset(sources)
    try:
        read_again(kb, sources)
    except ragkit.RagkitError as error:
        st.session_state["documents_said"] = str(error)
    _overview(kb).forget()
    indexer.start()


def _exclude(kb: KnowledgeBase, indexer: Indexer, sources: Sequence[str], out: bool) -> None:
    try:
        (kb.notes.exclude if out else kb.notes.include)(sources)
    except ragkit.RagkitError as error:
        st.session_state["documents_said"] = str(error)
    _overview(kb).forget()
    indexer.start()


def _delete(
    kb: KnowledgeBase,
    indexer: Indexer,
    overview: Overview,
    sources: Sequence[str],
    language: str,
    texts: dict[str, str],
) -> None:
    @st.dialog(texts["delete"])
    def ask() -> None:
        st.write(texts["delete_ask"])
        st.text("\n".join(map(shown_name, sources[:_LISTED])))
        if len(sources) > _LISTED:
            st.caption(texts["and_more"].format(count=len(sources) - _LISTED))
        with st.container(horizontal=True):
            if st.button(texts["delete"], type="primary", key="delete-files-yes"):
                _delete_now(kb, sources, language)
                overview.forget()
                indexer.start()
                st.rerun()
            if st.button(texts["cancel"], key="delete-files-no"):
                st.rerun()

    ask()


def _delete_now(kb: KnowledgeBase, sources: Sequence[str], language: str) -> None:
    uploads = Uploads(kb.folder, kb.notes, UploadLimits(0, 0))
    failed = []
    for source in sources:
        try:
            uploads.delete(source)
        except ragkit.RagkitError as error:
            failed.append(f"{shown_name(source)}: {reason(str(error), language)}")
    if failed:
        st.session_state["documents_said"] = " ".join(failed)


def _show_text(kb: KnowledgeBase, row: FileRow, texts: dict[str, str]) -> None:
    @st.dialog(texts["text_of"], width="large")
    def show() -> None:
        st.text(shown_name(row.source))
        try:
            text = kb.text(row.source)
        except ragkit.RagkitError as error:
            st.error(trouble(texts["error_text"], str(error)))
            return
        parts = max(1, -(-len(text) // _TEXT_PART))
        part = 1
        if parts > 1:
            part = st.selectbox(
                texts["text_of"],
                range(1, parts + 1),
                format_func=lambda n: texts["text_part"].format(n=n, count=parts),
                label_visibility="collapsed",
                key="text-part",
            )
        with st.container(height=420, border=True):
            st.text(text[(part - 1) * _TEXT_PART : part * _TEXT_PART])
        st.download_button(
            texts["download_text"],
            text.encode(),
            file_name=f"{safe_name(row.source.rpartition('/')[2])}.txt",
            mime="text/plain",
            icon=":material/download:",
            on_click="ignore",
            key="download-text",
        )

    show()
