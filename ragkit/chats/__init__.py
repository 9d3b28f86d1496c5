"""Conversations kept on disk: a reload, a dropped tunnel or a restart shows them again.

One SQLite file of its own, for an index can be rebuilt and a conversation cannot. ``folder`` is
``folder_key(kb.folder)`` throughout; ``owner`` is what binds a chat to the browser that began it,
and None sees every chat (the shared mode).
"""

from __future__ import annotations

from ragkit.chats.export import export_html, export_markdown
from ragkit.chats.file import chats_path, folder_key
from ragkit.chats.history import Chats, open_chats
from ragkit.chats.records import ChatInfo, ChatNotFound, Turn
from ragkit.chats.results import Result, delete_result, list_results, result_page, save_result

__all__ = [
    "ChatInfo",
    "ChatNotFound",
    "Chats",
    "Result",
    "Turn",
    "chats_path",
    "delete_result",
    "export_html",
    "export_markdown",
    "folder_key",
    "list_results",
    "open_chats",
    "result_page",
    "save_result",
]
