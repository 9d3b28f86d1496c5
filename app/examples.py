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

    def of(self, names: list[str], language: str) -> list[str] | None:
        """Return the questions for the files ``names``; None while they are being made.

        Those of the files as they were before stand until then.
        """
        with self._guard:
            made = self._made.get(language)
            if (made is None or made[0] is not names) and self._begun.get(language) is not names:
                self._begun[language] = names
                timer = threading.Timer(_AFTER_THE_PAGE, self._make, (names, language))
                timer.daemon = True
                timer.start()
        return made[1] if made else None

    def _make(self, names: list[str], language: str) -> None:
        try:
            questions = self._kb.examples(language=language)
        except Exception:
            # Broad on purpose: a page without examples is a page all the same.
            log.debug("no examples", exc_info=True)
            questions = []
        with self._guard:
            self._made[language] = names, questions


def found(kb: KnowledgeBase, language: str) -> list[str] | None:
    """Return questions that the index answers well; None while they are being made."""
    return _examples(kb).of(shared.serving(kb).sources(), language)


@st.cache_resource(show_spinner=False, hash_funcs={ragkit.KnowledgeBase: id})
def _examples(kb: KnowledgeBase) -> _Examples:
    return _Examples(kb)
