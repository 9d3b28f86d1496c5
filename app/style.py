"""The few rules by which the chat looks like one; colours are the theme's own."""

from __future__ import annotations

__all__ = ["STYLE"]

STYLE = """<style>
/* What was asked stands to the right, in a bubble; the answer has the full width. */
[data-testid="stChatMessage"] { background: transparent; padding: 0; gap: 0; }
[data-testid="stChatMessageAvatarUser"], [data-testid="stChatMessageAvatarAssistant"]
  { display: none; }
.ragkit-status { opacity: .72; font-size: .92rem; }
.ragkit-where { font-weight: 600; font-size: .88rem; overflow-wrap: anywhere; }
/* A mark in the text opens its source below; the others stay out of sight. */
.ragkit-answer details { display: none; }
.ragkit-answer details:has(:target) { display: block; }
</style>"""
