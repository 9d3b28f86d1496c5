"""Questions to begin with, made and tried once for all visitors, after the page is there."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

import shared
import streamlit as st

import ragkit

if TYPE_CHECKING:
    from ragkit.knowledge import KnowledgeBase

__all__ = ["found"]

log = logging.getLogger("ragkit.app")

_AFTER_THE_PAGE = 0.3  # seconds that the first visitor's page has the processor to itself


class _Examples:
    """The questions of one knowledge base by language; made anew when its files have changed."""

    def __init__(self, kb: KnowledgeBase) -> None:
        self._kb = kb
        self._guard = threading.Lock()
        self._made: dict[str, tuple[list[str], list[str]]] = {}
        self._begun: dict[str, list[str]] = {}

    def of(self, names: list[str], language: str) -> tuple[list[str], bool]:
        """Return the questions that there are, and whether they are those of the files ``names``.

        Until then those of the files as they were before stand.
        """
        with self._guard:
            made = self._made.get(language)
            if (made is None or made[0] is not names) and self._begun.get(language) is not names:
                self._begun[language] = names
                timer = threading.Timer(_AFTER_THE_PAGE, self._make, (names, language))
                timer.daemon = True
                timer.start()
        return (made[1], made[0] is names) if made else ([], False)

    def _make(self, names: list[str], language: str) -> None:
        try:
            questions = self._kb.examples(language=language)
        except Exception:
            # Broad on purpose: a page without examples is a page all the same.
            log.debug("no examples", exc_info=True)
            questions = []
        with self._guard:
            if self._begun.get(language) is names:  # else they are of files as they were before
                self._made[language] = names, questions


def found(kb: KnowledgeBase, language: str) -> tuple[list[str], bool]:
    """Return questions that the index answers well, and whether no others are being made."""
    return _examples(kb).of(shared.serving(kb).sources(), language)


@st.cache_resource(show_spinner=False, hash_funcs={ragkit.KnowledgeBase: id})
def _examples(kb: KnowledgeBase) -> _Examples:
    return _Examples(kb)
