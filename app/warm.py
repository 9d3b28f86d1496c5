"""What the server gets ready by itself, so that no visitor has to wait for it.

The first answer imports LlamaIndex, a second of work, and reads the index's pages from the disk.
"""

from __future__ import annotations

import logging
import threading
from pathlib import PurePosixPath

__all__ = ["begin", "drawn"]

log = logging.getLogger("ragkit.app")

drawn = threading.Event()  # set by the script when a page is drawn

# So long the server leaves a first visitor's page the processor to itself.
_VISIT_SECONDS = 3.0


def begin() -> None:
    """Start getting ready, in a thread of its own that never raises."""
    threading.Thread(target=_work, name="ragkit-warm", daemon=True).start()


def _work() -> None:
    try:
        # While the browser loads its part: what the first page takes.
        import page  # noqa: F401
        import shared

        kb = shared.knowledge(shared.collections().names()[0])
        files = kb.documents()
        drawn.wait(_VISIT_SECONDS)
        if not shared.loading(kb).loaded:
            shared.loading(kb).start()
        elif files:
            from ragkit.render import answer_html

            # A real question: imports alone would leave the index cold.
            answer_html(kb.ask(PurePosixPath(files[0].source).stem))
    except Exception:
        # Broad on purpose: the page says what is wrong to the person who can read it.
        log.debug("getting ready failed", exc_info=True)
