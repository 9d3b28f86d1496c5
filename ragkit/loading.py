"""Loading a knowledge base's models in the background, once for all who wait for them."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING

from ragkit.errors import RagkitError

if TYPE_CHECKING:
    from ragkit.knowledge import KnowledgeBase

__all__ = ["Loading"]

log = logging.getLogger(__name__)


class Loading:
    """The models that answering needs, on their way into memory. Safe to share between threads."""

    def __init__(self, kb: KnowledgeBase) -> None:
        """Start nothing yet. Where ``kb`` uses no model, it is ``loaded`` from the beginning."""
        self._kb = kb
        self._guard = threading.Lock()
        self._thread: threading.Thread | None = None
        self._began = self._took = 0.0
        self.needed = kb.generates or kb.config.embedder.kind != "none"
        self.loaded = not self.needed
        self.error: str | None = None

    @property
    def running(self) -> bool:
        """Whether they are being loaded now."""
        thread = self._thread
        return thread is not None and thread.is_alive()

    @property
    def seconds(self) -> float:
        """How long it took, or has taken so far."""
        return time.monotonic() - self._began if self.running else self._took

    def start(self) -> None:
        """Begin, unless it was done or is under way; after an error it is tried again."""
        with self._guard:
            if self.loaded or self.running:
                return
            self._began, self.error = time.monotonic(), None
            self._thread = threading.Thread(target=self._work, name="ragkit-load", daemon=True)
            self._thread.start()

    def wait(self, seconds: float) -> bool:
        """Wait for the end; return whether it came within ``seconds``."""
        thread = self._thread
        if thread is not None:
            thread.join(seconds)
        return not self.running

    def _work(self) -> None:
        try:
            self._kb.require_answerer()
            self._kb.load()
            self.loaded = True
        except RagkitError as error:
            self.error = str(error)
        except Exception as error:
            # Broad on purpose: a thread has no one to raise to; the log has the rest.
            log.exception("loading failed")
            self.error = f"The model could not be loaded ({type(error).__name__})."
        self._took = time.monotonic() - self._began
