"""What Excel prints in the margins of a sheet (ECMA-376 part 1, 18.3.1.46, headerFooter)."""

from __future__ import annotations

import re
from html import unescape
from itertools import islice

from ragkit.ingest.readers.content import one_line
from ragkit.ingest.readers.running import only_counts_pages

__all__ = ["margin_texts"]

_MARGIN = re.compile(rb"<(?:\w+:)?(?:odd|even|first)(?:Header|Footer)(?:\s[^<>]*)?>([^<]{1,4000})<")
# Where a part of the line begins: left, centre, right.
_PLACE = re.compile("&[LCR]")
# Fonts, sizes, colours, styles; and fields, such as the number of the page, of which nothing stays.
_CODE = re.compile(r'&(?:"[^"]*"|\d{1,3}|K(?:[0-9A-Fa-f]{6}|\d\d[+-]\d{3})|[A-Za-z])', re.ASCII)
_AMPERSAND = "\ue000"  # written as two; kept apart from those of codes
_MOST = 100


def margin_texts(xml: bytes) -> list[str]:
    """Return what the headers and footers in a sheet's ``xml`` say besides numbers and dates."""
    texts: list[str] = []
    for found in islice(_MARGIN.finditer(xml), _MOST):
        whole = unescape(found[1].decode("utf-8", "replace"))
        for part in _PLACE.split(whole.replace("&&", _AMPERSAND)):
            text = one_line(_CODE.sub("", part).replace(_AMPERSAND, "&"))
            if text and not only_counts_pages(text):
                texts.append(text)
    return list(dict.fromkeys(texts))
