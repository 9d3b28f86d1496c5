"""Whether filters name what an index has: a mistyped key would find nothing, and not say why."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ragkit.errors import ConfigError
from ragkit.retrieve.retriever import parse_filters

if TYPE_CHECKING:
    from ragkit.store.catalog import Catalog

__all__ = ["STANDARD_KEYS", "check_filters", "filter_keys"]

STANDARD_KEYS = (
    "source", "folder", "format", "language", "title", "author", "date", "page", "heading_path",
)  # fmt: skip
"""What a filter may always name, whether a document has it or not."""

_OTHERS = ("sources", "ref_doc_id", "doc_id", "document_id")
_MOST_KEYS = 24


def filter_keys(pairs: Sequence[str]) -> list[str]:
    """Return the keys of ``KEY=VALUE`` filters, each once, in their order."""
    keys = (re.split("[=<>!]", pair, maxsplit=1)[0].strip() for pair in pairs)
    return list(dict.fromkeys(keys))


def check_filters(pairs: Sequence[str], catalog: Catalog) -> None:
    """Raise ConfigError for a filter that cannot be read, or whose key no document has.

    An empty index has no keys to compare with, so that there any will do.
    """
    parse_filters(pairs)
    for key in filter_keys(pairs):
        if key in STANDARD_KEYS or key in _OTHERS or catalog.has_metadata_key(key):
            continue
        known = catalog.metadata_keys()
        if len(known) <= 2:  # source and folder, which every index has
            continue
        raise ConfigError(_unknown(key, [*STANDARD_KEYS, *known]))


def _unknown(key: str, known: Sequence[str]) -> str:
    known = list(dict.fromkeys(known))
    folded = {name.casefold(): name for name in reversed(known)}
    close = difflib.get_close_matches(key.casefold(), folded, n=1, cutoff=0.6)
    said = f"No document has '{key}' to filter by."
    if close:
        said += f" Did you mean '{folded[close[0]]}'?"
    listed = ", ".join(known[:_MOST_KEYS]) + (", …" if len(known) > _MOST_KEYS else "")
    return f"{said} Keys: {listed}."
