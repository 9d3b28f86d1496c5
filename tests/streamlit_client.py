"""A visitor without a browser: Streamlit's own messages over a websocket.

``open_session`` opens the page as a browser does, cookie first; ``Session.rerun`` runs the page,
``Session.ask`` types into the question box. Browsers are too heavy to have twenty of.
"""

from __future__ import annotations

import asyncio
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Asked", "Session", "first_visit", "open_session"]


@dataclass(frozen=True)
class Asked:
    """What came of a question: the page's text, and the seconds until ``wanted`` was on it."""

    text: str
    first: float | None
    seconds: float


def first_visit(address: str) -> str:
    """Load the page at ``host:port`` and return the cookies that it sets, as a header."""
    request = urllib.request.Request(f"http://{address}/", headers={"Accept": "text/html"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        set_cookies = answer.headers.get_all("Set-Cookie") or []
    return "; ".join(cookie.split(";")[0] for cookie in set_cookies)


async def open_session(address: str, *, cookie: str | None = None, query: str = "") -> Session:
    """Connect to the chat at ``host:port``, as a new browser or the one of ``cookie``."""
    from websockets.asyncio.client import connect

    if cookie is None:
        cookie = await asyncio.to_thread(first_visit, address)
    headers = {"Origin": f"http://{address}"} | ({"Cookie": cookie} if cookie else {})
    socket = await connect(
        f"ws://{address}/_stcore/stream",
        additional_headers=headers,
        subprotocols=["streamlit"],  # type: ignore[list-item]
        max_size=None,
        open_timeout=60,
    )
    return Session(socket, cookie, query)


@dataclass
class Session:
    """One open page: its elements by their place, and the widgets' identities."""

    socket: Any
    cookie: str
    query: str = ""
    elements: dict[tuple[int, ...], Any] = field(default_factory=dict)
    script: str = ""

    @property
    def text(self) -> str:
        """Return the words of the page, from its texts, HTML, alerts and Markdown."""
        parts = []
        for place in sorted(self.elements):
            element = self.elements[place]
            kind = element.WhichOneof("type")
            shown = getattr(element, kind)
            parts += [getattr(shown, name) for name in ("body", "label") if hasattr(shown, name)]
        return "\n".join(part for part in parts if isinstance(part, str))

    async def rerun(self, *, seconds: float = 120) -> str:
        """Run the page, wait until it is drawn, and return its words."""
        return (await self._run(None, "", seconds)).text

    async def ask(
        self,
        question: str,
        wanted: str,
        *,
        seconds: float = 120,
        told: Callable[[str], object] = lambda _words: None,
    ) -> Asked:
        """Send a question and wait until its run has ended; ``told`` hears each thing drawn."""
        return await self._run(question, wanted, seconds, told)

    async def send(self, question: str | None) -> None:
        """Send the message that runs the page, with a question or without."""
        from streamlit.proto.BackMsg_pb2 import BackMsg

        message = BackMsg()
        state = message.rerun_script
        state.query_string = self.query
        state.page_script_hash = self.script
        state.context_info.locale = "en-GB"
        if question is not None:
            box = next(
                e.chat_input for e in self.elements.values() if e.WhichOneof("type") == "chat_input"
            )
            widget = state.widget_states.widgets.add()
            widget.id = box.id
            widget.chat_input_value.data = question
        await self.socket.send(message.SerializeToString())

    async def _run(
        self,
        question: str | None,
        wanted: str,
        seconds: float,
        told: Callable[[str], object] = lambda _words: None,
    ) -> Asked:
        begun = time.perf_counter()
        first = None
        async with asyncio.timeout(seconds):
            await self.send(question)
            while True:
                message = self._take(await self.socket.recv())
                kind = message.WhichOneof("type")
                if kind == "delta":
                    words = str(message.delta)
                    told(words)
                    if wanted and first is None and wanted in words:
                        first = time.perf_counter() - begun
                # A run that st.rerun ends is followed by another.
                if kind == "script_finished" and message.script_finished in (0, 1):
                    return Asked(self.text, first, time.perf_counter() - begun)

    def _take(self, data: bytes) -> Any:
        from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

        message = ForwardMsg.FromString(data)
        kind = message.WhichOneof("type")
        if kind == "new_session":
            self.script = message.new_session.page_script_hash
        elif kind == "page_info_changed":
            self.query = message.page_info_changed.query_string
        elif kind == "delta":
            place = tuple(message.metadata.delta_path)
            for inside in [p for p in self.elements if p[: len(place)] == place]:
                del self.elements[inside]
            if message.delta.WhichOneof("type") == "new_element":
                self.elements[place] = message.delta.new_element
        return message

    async def close(self) -> None:
        """Close the tab."""
        await self.socket.close()
