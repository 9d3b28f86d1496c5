"""The health of the folder on the documents page."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import streamlit as st
from documents_upload import shown_name
from shared import label

from ragkit.cli.health_words import WORDS
from ragkit.health.reasons import reason

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ragkit.background import Indexer
    from ragkit.health import Finding, Health
    from ragkit.health.overview import Overview

__all__ = ["draw"]

_LISTED = 100
_BARS = 12
_ICONS = {
    "skipped": ":material/block:",
    "pending": ":material/schedule:",
    "empty_pages": ":material/image:",
    "duplicates": ":material/content_copy:",
    "near_duplicates": ":material/difference:",
    "weak_language": ":material/translate:",
}
_GROUPED = ("duplicates", "near_duplicates")


def draw(indexer: Indexer, overview: Overview, language: str, texts: dict[str, str]) -> None:
    """Draw the report: figures, what is amiss, and what the folder is made of."""
    with st.spinner(texts["health_busy"]):
        report = overview.health(indexer.generation)
    totals = report.totals
    figures = [
        (texts["indexed"], totals.indexed),
        (texts["skipped"], totals.skipped),
        (texts["nodes"], totals.nodes),
        (texts["characters"], totals.characters),
        (texts["pages"], totals.pages),
    ]
    for column, (name, value) in zip(st.columns(len(figures)), figures, strict=True):
        column.metric(name, value, format="compact" if value > 99_999 else "localized")
    st.space("small")
    if not report.findings:
        st.success(texts["health_ok"], icon=":material/check_circle:")
    with st.container(gap="xsmall"):
        _skipped([f for f in report.findings if f.kind == "skipped"], language, texts)
        for finding in report.findings:
            if finding.kind not in (*_GROUPED, "skipped"):
                _finding(finding, texts)
        for kind in _GROUPED:
            _groups([f for f in report.findings if f.kind == kind], texts)
    if report.texts_read < report.texts:
        st.caption(texts["health_partly"].format(read=report.texts_read, all=report.texts))
    st.space("small")
    languages = totals.languages_and(WORDS[language]["unknown"])
    shares = (("formats", totals.formats), ("languages", languages),
              ("encodings", totals.encodings))  # fmt: skip
    filled = [(name, counts) for name, counts in shares if counts]
    if filled:
        for column, (name, counts) in zip(st.columns(len(filled)), filled, strict=True):
            with column:
                _bars(texts[name], counts, texts)
    if report.left_out:
        st.caption(_left_out(report.left_out, language))
    st.download_button(
        texts["health_download"],
        lambda: _json(report),
        file_name="ragkit-health.json",
        mime="application/json",
        icon=":material/download:",
        on_click="ignore",
        key="health-download",
    )


def _skipped(findings: Sequence[Finding], language: str, texts: dict[str, str]) -> None:
    """Draw why files were skipped, the commonest reason first."""
    if not findings:
        return
    line = texts["f_skipped"].format(files=_files(sum(len(f.sources) for f in findings), texts))
    with st.expander(line, icon=_ICONS["skipped"]):
        for finding in findings:
            why = reason(finding.detail, language).rstrip("。")
            st.markdown(f"**{label(why, most=120)}** · {len(finding.sources):,}")
            _sources(finding.sources, texts)


def _left_out(counts: Mapping[str, int], language: str) -> str:
    """Say how much is never looked at, and why."""
    words = WORDS[language]
    shown = " · ".join(f"{label(words.get(why, why))} {n:,}" for why, n in counts.items())
    return f"{words['left out']} – {shown}"


def _finding(finding: Finding, texts: dict[str, str]) -> None:
    files = _files(len(finding.sources), texts)
    line = texts[f"f_{finding.kind}"].format(files=files, detail=finding.detail)
    icon = _ICONS.get(finding.kind, ":material/warning:")
    with st.expander(label(line, most=200), icon=icon):
        _sources(finding.sources, texts)


def _files(count: int, texts: dict[str, str]) -> str:
    return texts["f_file"] if count == 1 else texts["f_files"].format(count=f"{count:,}")


def _groups(findings: Sequence[Finding], texts: dict[str, str]) -> None:
    """Draw all groups of one kind together: there may be hundreds of pairs."""
    if not findings:
        return
    kind = findings[0].kind
    count = len(findings)
    groups = texts["group"] if count == 1 else texts["groups"].format(count=f"{count:,}")
    title = texts[f"g_{kind}"].format(groups=groups)
    with st.expander(title, icon=_ICONS[kind]):
        for finding in findings[:_LISTED]:
            with st.container(border=True):
                _sources(finding.sources, texts)
        if len(findings) > _LISTED:
            st.caption(texts["and_more"].format(count=len(findings) - _LISTED))


def _sources(sources: Sequence[str], texts: dict[str, str]) -> None:
    st.text("\n".join(map(shown_name, sources[:_LISTED])))
    if len(sources) > _LISTED:
        st.caption(texts["and_more"].format(count=len(sources) - _LISTED))


def _bars(title: str, counts: Mapping[str, int], texts: dict[str, str]) -> None:
    shown = list(counts.items())[:_BARS]
    st.dataframe(
        {"name": [shown_name(name) for name, _ in shown], "files": [n for _, n in shown]},
        column_config={
            "name": st.column_config.TextColumn(title, width="small"),
            "files": st.column_config.ProgressColumn(
                texts["share"], format="%d", min_value=0, max_value=max(counts.values())
            ),
        },
        hide_index=True,
        height=35 * (len(shown) + 1) + 3,
        alt=title,
    )
    if len(counts) > _BARS:
        st.caption(texts["and_more"].format(count=len(counts) - _BARS))


def _json(report: Health) -> str:
    return json.dumps(report.to_dict(), ensure_ascii=False, indent=2)
