"""How the chat is served and what it looks like, as Streamlit's options.

``.streamlit/config.toml`` says the same to ``streamlit run``, which finds it only in the working
directory, and the package has none.
"""

from __future__ import annotations

from typing import Final

__all__ = ["HOST", "chat_flags", "chat_options"]

HOST: Final = "127.0.0.1"

# Local fonts only; Streamlit brings Source Sans and Source Code along. Chinese after Latin, so
# that Latin text keeps its own letters.
_FONTS = (
    "'Source Sans', 'Noto Sans', 'PingFang SC', 'Hiragino Sans GB', 'Microsoft YaHei', "
    "'Noto Sans CJK SC', 'Source Han Sans SC', 'WenQuanYi Micro Hei', sans-serif"
)
_CODE_FONTS = (
    "'Source Code', 'Sarasa Mono SC', 'Noto Sans Mono CJK SC', 'Noto Sans CJK SC', monospace"
)


def chat_options(max_upload_mb: int = 50) -> dict[str, str | int | bool | tuple[str, ...]]:
    """Return Streamlit's options for the chat by their dotted names, for this machine only.

    The colours are readable on each other in light and dark (WCAG AA), faded text included.
    """
    return {
        "server.address": HOST,
        "server.headless": True,
        "server.allowedHosts": ("localhost", HOST),
        "server.fileWatcherType": "none",
        "server.maxUploadSize": max_upload_mb,
        "client.showErrorDetails": "none",
        "client.toolbarMode": "minimal",
        "browser.gatherUsageStats": False,
        "theme.font": _FONTS,
        "theme.codeFont": _CODE_FONTS,
        "theme.baseRadius": "medium",
        "theme.light.primaryColor": "#0b6b63",
        "theme.light.linkColor": "#0b6b63",
        "theme.light.backgroundColor": "#ffffff",
        "theme.light.secondaryBackgroundColor": "#f4f6f5",
        "theme.light.textColor": "#131a18",
        "theme.dark.primaryColor": "#2dbdaf",
        "theme.dark.linkColor": "#4fd0c3",
        "theme.dark.backgroundColor": "#151a19",
        "theme.dark.secondaryBackgroundColor": "#1f2624",
        "theme.dark.textColor": "#e4eae8",
    }


def chat_flags(max_upload_mb: int) -> list[str]:
    """Return the same as arguments of ``streamlit run``."""
    return [
        f"--{name}={str(one).lower() if isinstance(one, bool) else one}"
        for name, value in chat_options(max_upload_mb).items()
        for one in (value if isinstance(value, tuple) else (value,))
    ]
