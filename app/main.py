"""The chat's entry: ``streamlit run app/main.py [-- DATA --index=PATH --preset=NAME]``.

Streamlit finds ``app`` below by reading this file and serves it; for every visitor and rerun it
then runs the file again, as a script. ``AppTest`` knows the script only.
"""

from __future__ import annotations

if __name__ == "__main__":
    # Streamlit puts this folder on the path.
    import page

    page.draw()
elif __name__ != "__mp_main__":  # a process that reads documents needs neither
    import streamlit as st

    app = st.App(__file__)
