"""What all pages and visitors share: folders, knowledge bases, indexers, conversations."""

from __future__ import annotations

import argparse
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

import ragkit

if TYPE_CHECKING:
    from ragkit.background import Indexer
    from ragkit.chats import Chats
    from ragkit.collections import Collections
    from ragkit.knowledge import KnowledgeBase
    from ragkit.loading import Loading
    from ragkit.store.facets import Facets

__all__ = [
    "Serving",
    "arguments",
    "chats",
    "collections",
    "default_preset",
    "home",
    "indexer",
    "knowledge",
    "label",
    "loading",
    "owner",
    "serving",
    "trouble",
]

_AFTER_THE_PAGE = 0.7  # seconds
_FIRST_LOOK = 0.4  # seconds; a small folder is read by then
_MOST_DETAIL = 500
_ASCII_MARKS = frozenset("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~")


def arguments() -> argparse.Namespace:
    """Return what the command line gave: folders, ``index`` and ``preset``."""
    parser = argparse.ArgumentParser(prog="app/main.py")
    parser.add_argument("data", nargs="*", default=["data"])
    parser.add_argument("--index")
    parser.add_argument("--preset")
    return parser.parse_args(sys.argv[1:])


def home() -> Path:
    """Return ragkit's own folder, of indexes, uploads and conversations."""
    import platformdirs

    configured = _main_knowledge().config.home
    place = configured or platformdirs.user_data_path("ragkit", appauthor=False)
    return Path(place).expanduser()


@st.cache_resource(show_spinner=False)
def collections() -> Collections:
    """Return the folders that this chat serves."""
    from ragkit.collections import Collections

    given = arguments()
    return Collections([Path(folder) for folder in given.data], home=home(), index=given.index)


def knowledge(name: str, preset: str | None = None) -> KnowledgeBase:
    """Return the knowledge base of the folder ``name``, opened once for all visitors.

    ``preset`` stands in place of the one that the server was started with. Raises RagkitError.
    """
    collection = collections().get(name)
    main = _main_knowledge()
    preset = preset or default_preset()
    if preset == default_preset() and collection.folder.resolve() == main.folder.resolve():
        return main
    # An index that was named is of the server's own preset; another preset has one of its own.
    index = collection.index if preset == default_preset() else None
    return _opened(str(collection.folder), index, preset)


def default_preset() -> str:
    """Return the name of the preset that the server was started with."""
    return _main_knowledge().config.preset


@st.cache_resource(show_spinner=False)
def _main_knowledge() -> KnowledgeBase:
    """Open the first folder as the command line says."""
    given = arguments()
    return ragkit.open(given.data[0], index=given.index, preset=given.preset)


@st.cache_resource(show_spinner=False)
def _opened(folder: str, index: str | None, preset: str) -> KnowledgeBase:
    return ragkit.open(folder, index=index, preset=preset)


class Serving:
    """What goes with one knowledge base for all visitors: its indexer, and its files' names."""

    def __init__(self, kb: KnowledgeBase) -> None:
        """Begin to follow the folder. Raises RagkitError where its index cannot be read."""
        from ragkit.background import Indexer

        self._kb = kb
        self._names = [document.source for document in kb.documents()]
        self._seen = 0
        self._facets: tuple[list[str], Facets] | None = None
        self.was_empty = not self._names
        self.indexer = Indexer(kb)
        if self.was_empty:
            self._follow_folder()
            self.indexer.wait(_FIRST_LOOK)
        else:
            # There is something to ask already: the page itself comes first.
            timer = threading.Timer(_AFTER_THE_PAGE, self._follow_folder)
            timer.daemon = True
            timer.start()

    def _follow_folder(self) -> None:
        if self._kb.folder.is_dir():
            self.indexer.start()
            self.indexer.watch(True)

    def sources(self) -> list[str]:
        """Return the names of the indexed files, read again only when some have changed."""
        generation = self.indexer.generation
        if generation != self._seen:
            report = self.indexer.state.report
            same = report is not None and not (report.added or report.updated or report.deleted)
            if not (same and generation == self._seen + 1):
                self._names = [document.source for document in self._kb.documents()]
            self._seen = generation
        return self._names

    def facets(self) -> Facets:
        """Return what the files can be told apart by, read again only when some have changed."""
        names = self.sources()
        if self._facets is None or self._facets[0] is not names:
            self._facets = names, self._kb.catalog.facets()
        return self._facets[1]


def indexer(name: str, preset: str | None = None) -> Indexer:
    """Return what indexes the folder ``name`` in the background."""
    return serving(knowledge(name, preset)).indexer


@st.cache_resource(show_spinner=False, hash_funcs={ragkit.KnowledgeBase: id})
def serving(kb: KnowledgeBase) -> Serving:
    """Return what goes with ``kb``, made with its first visitor."""
    return Serving(kb)


@st.cache_resource(show_spinner=False)
def chats() -> Chats:
    """Return the conversations, which are in a file of their own."""
    from ragkit.chats import chats_path, open_chats

    return open_chats(chats_path(_main_knowledge().config.home), keep_going=True)


def owner() -> str | None:
    """Return whose conversations these are: this browser's, everyone's (None) in shared mode."""
    if _main_knowledge().config.app.shared:
        return None
    cookie = st.context.cookies.get("ragkit_browser")
    return cookie if isinstance(cookie, str) and cookie else "local"  # AppTest has no cookies


def label(text: str, *, most: int = 80) -> str:
    """Return ``text`` for a widget's label: what Markdown would act on is escaped, and it is short.

    Labels are Markdown in Streamlit, in which a document's name or a person's title could hold a
    picture of another host.
    """
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    if len(line) > most:
        line = line[: most - 1].rstrip() + "…"
    return "".join("\\" + c if c in _ASCII_MARKS else c for c in line)


def trouble(what: str, detail: str) -> str:
    """Return, as Markdown, what happened in the page's language and ragkit's own message below it.

    ragkit's messages are in English wherever they are read: they name commands and settings.
    """
    return f"{what}\n\n{label(detail, most=_MOST_DETAIL)}"


def loading(kb: KnowledgeBase) -> Loading:
    """Return how far the models of ``kb`` are loaded."""
    return _loading(kb)


@st.cache_resource(show_spinner=False, hash_funcs={ragkit.KnowledgeBase: id})
def _loading(kb: KnowledgeBase) -> Loading:
    from ragkit.loading import Loading

    return Loading(kb)
