"""Which addresses may be linked, and how their host is said."""

from __future__ import annotations

import re
from html import escape

from ragkit.render import style

__all__ = ["address_html", "host_of", "linkable"]

# Stricter than any standard, so that no browser can read another host than the one that is shown:
# no user name, no backslash, no letters but ASCII (other scripts stand as xn--…).
_WEB = re.compile(
    r"https?://(?P<host>[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?|\[[0-9a-f:.]{2,45}\])(?::\d{1,5})?"
    r"(?:[/?#][!#$%&'()*+,\-./0-9:;=?@A-Z_a-z~\[\]]*)?",
    re.IGNORECASE | re.ASCII,
)
_MAIL = re.compile(r"mailto:(?P<host>[\w.+-]{1,64}@[a-z0-9.-]{1,253})", re.IGNORECASE | re.ASCII)
_LONGEST = 2000
_SHOWN = 200
_HOST = re.compile(r"^[a-z][a-z0-9+.-]*:/*(?:[^/?#@]*@)?([^/?#:@\s]{1,253})", re.IGNORECASE)


def linkable(address: str) -> tuple[str, str] | None:
    """Return ``address`` as it may be linked, and the host or mailbox to show; None if it may not.

    ``http``, ``https`` and ``mailto`` may; what a mail would begin with is left out.
    """
    if len(address) > _LONGEST:
        return None
    if web := _WEB.fullmatch(address):
        return address, web["host"].lower()
    if mail := re.match(_MAIL, address.partition("?")[0]):
        return mail[0], mail["host"]
    return None


def host_of(address: str) -> str:
    """Return the host of any address, for words alone; "" for one without."""
    allowed = linkable(address)
    if allowed:
        return allowed[1]
    found = _HOST.match(address)
    return found[1] if found and not address.lower().startswith(("data:", "javascript:")) else ""


def address_html(address: str, *, links: bool) -> str:
    """Return an address as text, which with ``links`` opens by a click where it may be linked."""
    shown = escape(address if len(address) <= _SHOWN else address[:_SHOWN] + "…")
    allowed = linkable(address)
    if not (links and allowed):
        return f'<span style="{style.HOST}">{shown}</span>'
    return (
        f'<a href="{escape(allowed[0])}" target="_blank" rel="noopener noreferrer"'
        f' style="{style.LINK}">{shown}</a>'
    )
