"""The weights of a preset that are not on this machine yet, fetched when a person wishes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import shared
import streamlit as st

from ragkit.fetching import Fetching

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["draw"]


def draw(models: Sequence[str], texts: dict[str, str], *, ended: Callable[[], None]) -> None:
    """Draw the button that asks how much it is, the one that fetches it, or how far it is.

    ``ended`` is called when a download is over, before the page is drawn again.
    """
    from ragkit.models.fetch.remote_files import size_in_words

    fetching = _fetching(tuple(models))
    if fetching.error:
        st.warning(shared.trouble(texts["error_download"], fetching.error))
    if fetching.stopped:
        st.caption(texts["download_stopped"])
    if fetching.done:
        st.caption(texts["download_done"])
    elif fetching.running:
        _follow(fetching, texts, ended)
    elif fetching.size is None:
        st.button(
            texts["download_plan"], icon=":material/download:", on_click=fetching.ask_size,
            width="stretch",
        )  # fmt: skip
    else:
        size = size_in_words(max(0, fetching.size - fetching.received))
        st.button(
            texts["download_size"].format(size=size),
            icon=":material/download:",
            on_click=fetching.start,
            width="stretch",
        )


@st.cache_resource(show_spinner=False)
def _fetching(models: tuple[str, ...]) -> Fetching:
    """Return the one download of a preset's models, whoever looks at it, as they come too."""
    return Fetching(models)


def _follow(fetching: Fetching, texts: dict[str, str], ended: Callable[[], None]) -> None:
    from ragkit.models.fetch.remote_files import size_in_words

    @st.fragment(run_every=1.0)
    def follow() -> None:
        if not fetching.running:
            ended()
            st.rerun()
        size = fetching.size or 0
        if not size:
            st.caption(texts["download_asking"])
            return
        line = texts["downloading"].format(
            done=size_in_words(fetching.received), total=size_in_words(size)
        )
        st.progress(min(1.0, max(0.0, fetching.received / size)), line)
        st.button(
            texts["download_stop"],
            icon=":material/stop_circle:",
            type="tertiary",
            on_click=fetching.stop,
            key="download-stop",
        )

    follow()
