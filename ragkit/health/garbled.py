"""Whether a text was read in a wrong encoding, or lost its characters before it came here.

A text that was written in UTF-8 and read as something else gives itself away: encoded back, its
bytes form valid multi-byte UTF-8, which text in any real language almost never does. Nothing here
knows particular garbled words.
"""

from __future__ import annotations

import re
from typing import Literal

__all__ = ["Garbling", "garbling"]

Garbling = Literal["replaced", "private", "mojibake", "lost"]

_SAMPLE = 4000  # characters, from the beginning, the middle and the end each
_FEWEST = 4
_SHARE = 0.01
_ONE_BYTE = ("cp1252", "latin-1", "cp1251", "cp437", "mac_roman")
_TWO_BYTES = ("gb18030", "big5", "cp932", "cp949")
_PRIVATE = re.compile("[\ue000-\uf8ff\U000f0000-\U0010ffff]")
_ACCENTED = re.compile("[\xa1-\xff]+")
_ASIAN = re.compile("[\u1100-\u11ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3\uff66-\uff9f]")
_LOST = re.compile(r"\?{3,}")
_NO_MAP = re.compile(r"\(cid:\d+\)")  # how PDF tools write a glyph without a character
_REPLACED_TWICE = "锟斤拷"  # U+FFFD in UTF-8, twice, read as GBK
_ASCII = re.compile("[\x00-\x7f]+")


def garbling(text: str) -> Garbling | None:
    """Return how ``text`` is garbled, or None.

    ``replaced``: at least 1% are U+FFFD. ``private``: at least 1% are private-use characters or
    ``(cid:12)``, as fonts without a character map leave them. ``mojibake``: most of what is not
    ASCII is UTF-8, or a Chinese encoding, read as another. ``lost``: runs of question marks in the
    place of letters. Looks at 12,000 characters at most.
    """
    sample = _sample(text)
    size = len(sample)
    if not size:
        return None
    lost = sum(len(run) for run in _LOST.findall(sample))
    if lost > 12 and lost > 0.2 * size:
        return "lost"
    unmapped = _NO_MAP.findall(sample)
    if len(unmapped) >= _FEWEST and sum(map(len, unmapped)) >= _SHARE * size:
        return "private"
    if sample.isascii():
        return None
    twice = 2 * sample.count(_REPLACED_TWICE)
    if (count := sample.count("\ufffd") + twice) >= _FEWEST and count >= _SHARE * size:
        return "replaced"
    if (count := len(_PRIVATE.findall(sample))) >= _FEWEST and count >= _SHARE * size:
        return "private"
    return "mojibake" if _misread(sample) or _crowded(sample) else None


def _sample(text: str) -> str:
    if len(text) <= 3 * _SAMPLE:
        return text
    middle = len(text) // 2
    return text[:_SAMPLE] + text[middle : middle + _SAMPLE] + text[-_SAMPLE:]


def _misread(sample: str) -> bool:
    """Return whether most of what is not ASCII becomes UTF-8 when it is encoded back."""
    foreign = _ASCII.sub(" ", sample)
    # Two-byte encodings hold other scripts too, with bytes that look like UTF-8 out of step.
    asian = 2 * len(_ASIAN.findall(foreign)) > len(foreign) - foreign.count(" ")
    for encoding in (*_ONE_BYTE, *(_TWO_BYTES if asian else ())):
        back = foreign.encode(encoding, errors="replace").decode("utf-8", errors="replace")
        # A character that the encoding lacks became "?", and so counts against it.
        bad = back.count("\ufffd") + back.count("?")
        good = len(back) - len(back.encode("ascii", errors="ignore")) - back.count("\ufffd")
        if good >= _FEWEST and good > bad:
            return True
    return False


def _crowded(sample: str) -> bool:
    """Return whether accented letters stand in runs: a Chinese encoding read as a Western one.

    In every language of that code page nearly each of them has plain letters beside it.
    """
    runs = _ACCENTED.findall(sample)
    every = sum(map(len, runs))
    crowded = sum(len(run) for run in runs if len(run) >= 4 and len(set(run)) > 2)
    return crowded >= 12 and crowded > 0.5 * every
