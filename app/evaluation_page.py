"""The evaluation page: choose questions, measure in the background, look at the results."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import evaluation_run
import shared
import streamlit as st
from texts_evaluation import TEXTS

from ragkit.chats import delete_result, folder_key, list_results, result_page
from ragkit.errors import RagkitError

if TYPE_CHECKING:
    from evaluation_run import Order

    from ragkit.chats import Chats, Result
    from ragkit.evaluate.job import QuestionSet
    from ragkit.knowledge import KnowledgeBase

__all__ = ["draw"]

_SETS = ("rated", "drafted", "uploaded")
_SAMPLES = (25, 100, 200, 1000, None)
_STYLE = """<style>
[data-testid="stMainBlockContainer"] { max-width: 76rem; }
</style>"""
_FORMAT = """\
{"question": "How long are backups kept?", "source": "guide/backup.md"}
{"question": "备份保留多久？", "source": "手册.md", "answers": ["三十天"]}
{"question": "Who won the cup?", "source": null}

{"id": "p1", "lang": "en", "title": "Backups", "text": "Kept for thirty days."}
{"id": "q1", "lang": "en", "question": "How long?", "passage_id": "p1"}"""


def draw(name: str, kb: KnowledgeBase, chats: Chats, owner: str | None, language: str) -> None:
    """Draw the page of the folder ``name``."""
    texts = TEXTS[language]
    st.html(_STYLE)
    st.title(texts["title"], anchor=False)
    st.caption(texts["about"])
    order = _form(name, kb, chats, owner, texts)
    try:
        _running(order, owner, folder_key(kb.folder), texts)
        _results(kb, chats, owner, texts, language)
    except RagkitError as error:
        st.error(shared.trouble(texts["error"], str(error)))


def _form(
    name: str, kb: KnowledgeBase, chats: Chats, owner: str | None, texts: dict[str, str]
) -> Order | None:
    """Draw what is to be measured; return it once the button was pressed."""
    rated = _ratings(kb, chats, owner, folder_key(kb.folder))
    with st.container(border=True, key="evaluation-form"):
        chosen = st.segmented_control(
            texts["set"],
            _SETS,
            format_func=lambda key: texts[f"set_{key}"],
            default="rated" if rated[2] else "drafted",
            required=True,
            key="evaluation-set",
        )
        load, ready = _testset(str(chosen), kb, chats, owner, rated, texts)
        left, middle, right = st.columns([2, 2, 1], vertical_alignment="top")
        names = _systems(kb.config.preset, kb.config.retriever.kind, kb)
        system = left.selectbox(texts["system"], names, format_func=_shown, key="evaluation-a")
        others = ["", *(other for other in names if other != system)]
        other = middle.selectbox(
            texts["compare"],
            others,
            format_func=lambda key: _shown(key) if key else texts["compare_none"],
            key="evaluation-b",
        )
        sample = right.selectbox(
            texts["sample"],
            _SAMPLES,
            index=2,
            format_func=lambda number: str(number or texts["sample_all"]),
            key="evaluation-sample",
        )
        left, right = st.columns([3, 1], vertical_alignment="center")
        answers = left.toggle(
            texts["answers"], help=texts["answers_help"], key="evaluation-answers"
        )
        busy = evaluation_run.busy()
        pressed = right.button(
            texts["run"],
            type="primary",
            icon=":material/play_arrow:",
            width="stretch",
            disabled=busy or not ready,
            key="evaluation-run",
        )
    if not pressed or busy:
        return None
    systems = (system, other) if other else (system,)
    return evaluation_run.Order(
        title=f"{texts[f'set_{chosen}']} · {' / '.join(map(_shown, systems))}",
        load=load,
        opened={each.partition(":")[0]: _knowledge(name, kb, each) for each in systems},
        systems=systems,
        sample=sample,
        answers=answers,
        chats=chats,
        owner=owner,
        folder=folder_key(kb.folder),
    )


def _testset(
    chosen: str,
    kb: KnowledgeBase,
    chats: Chats,
    owner: str | None,
    rated: tuple[int, int, int],
    texts: dict[str, str],
) -> tuple[Callable[[], QuestionSet], bool]:
    """Draw what the chosen set is; return what loads it, and whether there is one."""
    from ragkit.evaluate.dataset import Uploaded
    from ragkit.evaluate.testsets import drafted_set, rated_set, uploaded_set

    if chosen == "rated":
        up, down, questions = rated
        if up + down:
            told = texts["rated"].format(up=up, down=down, questions=questions)
            st.caption(f"{told} {texts['rated_bias']}")
        else:
            st.info(texts["rated_none"], icon=":material/thumb_up:")
        return lambda: rated_set(kb, chats, owner), questions > 0
    if chosen == "drafted":
        st.caption(texts["drafted"])
        _draft(kb, texts)
        return lambda: drafted_set(kb), True
    st.caption(texts["uploaded"])
    files = st.file_uploader(
        texts["upload"],
        type=["jsonl"],
        accept_multiple_files=True,
        label_visibility="collapsed",
        key="evaluation-files",
    )
    with st.expander(texts["format"]):
        st.code(_FORMAT, language="json", wrap_lines=True)
    given = [Uploaded(file.name, file.getvalue()) for file in files]

    def load() -> QuestionSet:
        return uploaded_set(given, documents=[d.source for d in kb.documents()])

    return load, bool(given)


def _draft(kb: KnowledgeBase, texts: dict[str, str]) -> None:
    """Offer the drafted questions as a file, which is written when it is asked for."""
    from ragkit.evaluate.testsets import drafted_file

    st.download_button(
        texts["draft_save"],
        data=lambda: drafted_file(kb),
        file_name="questions.jsonl",
        mime="application/x-ndjson",
        icon=":material/download:",
        on_click="ignore",
        type="tertiary",
    )


def _running(order: Order | None, owner: str | None, folder: str, texts: dict[str, str]) -> None:
    """Begin what was ordered, and draw how far it is, or how the last one ended."""
    if order is not None:
        evaluation_run.begin(order)
        st.rerun()
    mine = evaluation_run.mine(owner, folder)
    if mine is not None and mine.state.running:
        _progress(owner, folder, texts)
    elif evaluation_run.busy():
        _someone_elses(texts)
    elif mine is not None and mine.state.phase == "failed":
        st.error(shared.trouble(texts["error"], mine.state.error))
    elif mine is not None and mine.state.phase == "cancelled":
        st.info(texts["cancelled"])


@st.fragment(run_every=0.5)
def _progress(owner: str | None, folder: str, texts: dict[str, str]) -> None:
    job = evaluation_run.mine(owner, folder)
    if job is None or not job.state.running:
        st.rerun()
    state = job.state
    said = texts[state.phase].format(
        system=_literal(_shown(state.system)), done=state.done, total=state.total
    )
    share = state.done / state.total if state.total else 0.0
    with st.container(border=True, key="evaluation-progress"):
        st.progress(min(1.0, share), said)
        left, right = st.columns([3, 1], vertical_alignment="center")
        line = texts["seconds"].format(seconds=state.seconds)
        left.caption(texts["cancelling"] if state.cancelling else line)
        if right.button(
            texts["cancel"],
            icon=":material/stop_circle:",
            width="stretch",
            disabled=state.cancelling,
            key="evaluation-cancel",
        ):
            job.cancel()


@st.fragment(run_every=2)
def _someone_elses(texts: dict[str, str]) -> None:
    if not evaluation_run.busy():
        st.rerun()
    st.info(texts["busy"], icon=":material/hourglass_top:")


def _results(
    kb: KnowledgeBase, chats: Chats, owner: str | None, texts: dict[str, str], language: str
) -> None:
    """Draw one of the kept results, the newest unless another was chosen."""
    kept = {result.id: result for result in list_results(chats, owner, folder_key(kb.folder))}
    if not kept:
        st.caption(texts["results_none"])
        return
    newest = next(iter(kept))
    if st.session_state.get("evaluation-newest") != newest:
        # A new result is shown as soon as it is there.
        st.session_state["evaluation-newest"] = newest
        st.session_state["evaluation-result"] = newest
    chosen = st.selectbox(
        texts["results"],
        list(kept),
        format_func=lambda id_: _result_name(kept[id_], texts),
        key="evaluation-result",
    )
    page = result_page(chats, owner, chosen, language)
    with st.container(horizontal=True, key="evaluation-save"):
        st.download_button(
            texts["save_html"],
            page,
            file_name="evaluation.html",
            mime="text/html",
            icon=":material/download:",
            on_click="ignore",
        )
        st.download_button(
            texts["save_json"],
            json.dumps(kept[chosen].report, indent=2),
            file_name="evaluation.json",
            mime="application/json",
            icon=":material/download:",
            on_click="ignore",
        )
        st.button(
            texts["delete"],
            icon=":material/delete:",
            type="tertiary",
            on_click=delete_result,
            args=(chats, owner, chosen),
            key="evaluation-delete",
        )
    from ragkit.evaluate.page_frame import embedded

    st.html(embedded(page, dark=st.context.theme.type == "dark"))


def _result_name(result: Result, texts: dict[str, str]) -> str:
    report: Any = result.report
    first = report["reports"][0] if "reports" in report else report
    figures = [f"R@1 {each['recall@1']:.3f}" for each in report.get("reports", [report]) if each]
    day = f"{result.created_at[:10]} {result.created_at[11:16]} UTC"
    count = texts["questions"].format(count=first["questions"])
    return f"{day} · {result.title} · {count} · {' / '.join(figures)}"


@st.cache_data(ttl=5, show_spinner=False, max_entries=100)
def _ratings(
    _kb: KnowledgeBase, _chats: Chats, owner: str | None, folder: str
) -> tuple[int, int, int]:
    """Return how many answers were rated good, how many bad, and how many can be asked."""
    from ragkit.evaluate.feedback import read_feedback

    documents = [document.source for document in _kb.documents()]
    found = read_feedback(_chats, owner, folder, documents=documents)
    return found.up, found.down, sum(bool(q.passage_id or q.source) for q in found.questions)


@st.cache_data(ttl=60, show_spinner=False, max_entries=20)
def _systems(preset: str, retriever: str, _kb: KnowledgeBase) -> list[str]:
    """Return what can be measured here; it looks for weights, so not at every rerun."""
    from ragkit.evaluate.choices import runnable_presets, system_names

    return system_names(_kb, runnable_presets())


def _knowledge(name: str, kb: KnowledgeBase, system: str) -> KnowledgeBase:
    preset = system.partition(":")[0]
    return kb if preset == kb.config.preset else shared.knowledge(name, preset)


def _shown(system: str) -> str:
    return system.replace(":", " · ")


def _literal(text: str) -> str:
    """Return ``text`` for a message, in which Markdown finds nothing."""
    return shared.label(text, most=2000)
