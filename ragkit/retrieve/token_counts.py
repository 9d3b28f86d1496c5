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
_KIND = re.compile(rf"({LETTER})|([{UNSPACED}])|([{CJK}{HANGUL}])")
_OTHER, _LETTER, _UNSPACED, _ALONE, _NOT_SEEN = 0, 1, 2, 4, 255  # what a character is
_LONGER_RUNS = (b"\1" * 17, b"\2" * 5)  # open every run that is several tokens
_WINDOW = 1 << 16  # characters; a multiple of 16 and 4, the longest tokens


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
    starts = array("I")
    at = 0
    while at < len(text):
        kinds = _kinds(text[at : at + _WINDOW])
        if at + len(kinds) < len(text):  # the last run may go on: it is the next window's
            kinds = kinds[: len(kinds.rstrip(kinds[-1:]))] or kinds
        starts.frombytes((_starts(kinds) + at).astype(starts.typecode).tobytes())
        at += len(kinds)
    return starts


def _starts(kinds: bytes) -> NDArray[np.intp]:
    """Return where tokens begin in a text whose characters are of these ``kinds``."""
    import numpy as np

    known = np.frombuffer(b"%c%b" % (_OTHER, kinds), np.uint8)
    here, before = known[1:], known[:-1]
    # A letter behind what is no letter, but a character that is a token alone behind anything.
    begins = (here != before & (_LETTER | _UNSPACED)) & (here != _OTHER)
    if any(longer in kinds for longer in _LONGER_RUNS):
        places = np.arange(len(here), dtype=np.int32)
        places -= np.maximum.accumulate(places * begins)  # in their runs
        begins |= (places & 15 == 0) & (here == _LETTER)
        begins |= (places & 3 == 0) & (here == _UNSPACED)
    found: NDArray[np.intp] = begins.nonzero()[0]
    return found


def _kinds(text: str) -> bytes:
    """Return of what kind each character is."""
    if text.isascii():
        return text.encode().translate(_ascii_kinds())
    import numpy as np

    table = _table()
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.dtype("<u4"))
    kinds = table.take(codes).tobytes()
    if _NOT_SEEN in kinds:
        for code in set(codes[table.take(codes) == _NOT_SEEN].tolist()):
            table[code] = _kind(code)
        kinds = table.take(codes).tobytes()
    return kinds


def _kind(code: int) -> int:
    found = _KIND.match(chr(code))
    return 1 << int(found.lastindex or 0) - 1 if found else _OTHER


@cache
def _ascii_kinds() -> bytes:
    return bytes(_kind(code) if code < 128 else _OTHER for code in range(256))


@cache
def _table() -> NDArray[np.uint8]:
    """Return the kind of each code point, as far as it was seen yet."""
    import numpy as np

    return np.full(sys.maxunicode + 1, _NOT_SEEN, np.uint8)
