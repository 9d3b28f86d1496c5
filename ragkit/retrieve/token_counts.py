"""How long a text is, in units of about one word: what the nodes of ``lite`` are measured in."""

from __future__ import annotations

import re
import sys
from array import array
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

from ragkit.retrieve.tokenizer import CJK, HANGUL, LETTER, UNSPACED

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["count_tokens", "token_starts"]

_ASCII_TOKEN = re.compile(r"[A-Za-z0-9]{1,16}")
_TOKEN = re.compile(rf"[{CJK}{HANGUL}]|[{UNSPACED}]{{1,4}}|{LETTER}{{1,16}}")
_KIND = re.compile(rf"([{CJK}{HANGUL}])|([{UNSPACED}])|({LETTER})")
_NOT_SEEN, _OTHER = 0, 4  # the kinds between are the groups above
_LENGTHS = (1, 1, 4, 16, 1)  # of the longest token of each kind; powers of two
_WINDOW = 1 << 16


def count_tokens(text: str) -> int:
    """Return the length of ``text`` in units of about one word.

    A word or number counts 1 (a run of more than 16 letters 1 for each 16), a Chinese, Japanese or
    Korean character 1, and Thai, Lao, Khmer or Burmese 1 for each 4 characters. Linear in time.
    """
    return len((_ASCII_TOKEN if text.isascii() else _TOKEN).findall(text))


def token_starts(text: str) -> Sequence[int]:
    """Return the offsets at which the tokens that `count_tokens` counts begin, ascending.

    With them the tokens of any part are counted without reading it again. Linear in time.
    """
    import numpy as np

    starts = array("I")
    lengths = np.array(_LENGTHS, np.int32)
    kind, place = _OTHER, 0  # of the last character, and its place in its run
    for at in range(0, len(text), _WINDOW):
        kinds = _kinds(text[at : at + _WINDOW])
        places = _places_in_runs(kinds, place + 1 if kinds[0] == kind else 0)
        begins = (places & lengths[kinds] - 1 == 0) & (kinds != _OTHER)
        starts.frombytes((np.flatnonzero(begins) + at).astype(starts.typecode).tobytes())
        kind, place = int(kinds[-1]), int(places[-1])
    return starts


def _kinds(text: str) -> NDArray[np.uint8]:
    """Return of what kind each character is."""
    import numpy as np

    table = _table()
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.dtype("<u4"))
    kinds = table[codes]
    if not kinds.all():
        for code in set(codes[kinds == _NOT_SEEN].tolist()):
            found = _KIND.match(chr(code))
            table[code] = int(found.lastindex or 0) if found else _OTHER
        kinds = table[codes]
    return kinds


@cache
def _table() -> NDArray[np.uint8]:
    """Return the kind of each code point, as far as it was seen yet."""
    import numpy as np

    return np.zeros(sys.maxunicode + 1, np.uint8)


def _places_in_runs(kinds: NDArray[np.uint8], first: int) -> NDArray[np.int32]:
    """Return the place of each character in its run of one kind; the first has place ``first``."""
    import numpy as np

    changes = np.flatnonzero(kinds[1:] != kinds[:-1])
    bounds = np.zeros(len(changes) + 2, np.int32)
    bounds[1:-1], bounds[-1] = changes + 1, len(kinds)
    lengths = bounds[1:] - bounds[:-1]
    bounds[0] = -first
    return np.arange(len(kinds), dtype=np.int32) - bounds[:-1].repeat(lengths)
