"""The chat's entry: ``streamlit run app/main.py [-- DATA --index=PATH --preset=NAME]``.

Streamlit finds ``app`` below by reading this file and serves it, behind the gate; for every
visitor and rerun it then runs the file again, as a script. ``AppTest`` knows the script only.
"""

from __future__ import annotations

# Streamlit puts this folder on the path.
if __name__ == "__main__":
    import page
    import warm

    page.draw()
    warm.drawn.set()
elif __name__ != "__mp_main__":  # a process that reads documents needs neither
    from collections.abc import AsyncIterator
    from contextlib import asynccontextmanager
    from pathlib import Path

    import streamlit as st
    import warm
    from following import SCRIPT
    from starlette.middleware import Middleware

    from ragkit.config import load_config
    from ragkit.errors import RagkitError
    from ragkit.gate import Gate

    @asynccontextmanager
    async def serving(_app: st.App) -> AsyncIterator[None]:
        """Get ready while the first visitor is on the way."""
        warm.begin()
        yield

    def say_failed(_error: Exception) -> bool:
        """Show words in place of an error of the page; the terminal has the traceback."""
        chinese = st.session_state.get("language") == "zh"
        # Words of its own: what failed may be the page's.
        st.error(
            "出错了。运行聊天的终端里有详细信息。"
            if chinese
            else "Something went wrong. The terminal that runs the chat says more."
        )
        return True

    try:
        token = load_config().config.app_token
    except RagkitError as error:
        # Without its settings the gate would stand open.
        raise SystemExit(str(error)) from None
    gate = Middleware(
        Gate,
        token=token.get_secret_value() if token else None,
        hosts=st.get_option("server.allowedHosts"),
        page=(Path(st.__file__).parent / "static" / "index.html").read_text("utf-8")
        + f"<script>{SCRIPT}</script>",
    )
    app = st.App(__file__, middleware=[gate], lifespan=serving, on_script_error=say_failed)
