"""Near-duplicate documents, found at a bounded cost: bottom-k sketches of character shingles.

The sketch of a text is the smallest hashes of its shingles; two sketches estimate the share of
shingles that two texts have in common (Broder, "On the resemblance and containment of documents",
1997; bottom-k: Cohen and Kaplan, 2007). A document is compared only with those that share one of
its smallest hashes. Imports numpy.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

__all__ = ["Sketch", "group_similar", "similarity", "sketch"]

Sketch = tuple[int, ...]
"""The smallest distinct hashes of a text's shingles, ascending."""

_LONGEST = 40_000  # characters read of a text
_SHINGLE, _SHINGLE_HAN = 8, 4  # letters; a Chinese character says as much as two or three
_FEWEST = 60  # shingles; shorter texts are no documents to compare
_SIZE = 128
_KEYS = 12  # hashes by which a document is found
_MOST_COMPARED = 8
_MOST_SHARING = 16  # documents found by one hash, such as a common footer's
_NO_LETTERS = re.compile(r"[\W_]+")
_HAN = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3]+")


def sketch(text: str) -> Sketch | None:
    """Return the sketch of ``text``'s letters and digits; None for one too short to compare.

    Case, white space and punctuation make no difference. Reads 40,000 characters at most.
    """
    letters = _NO_LETTERS.sub("", text[:_LONGEST]).casefold()
    width = _SHINGLE_HAN if 2 * len(_HAN.sub("", letters)) < len(letters) else _SHINGLE
    count = len(letters) - width + 1
    if count < _FEWEST:
        return None
    codes = np.frombuffer(letters.encode("utf-32-le", "surrogatepass"), dtype="<u4")
    hashes = _mixed(codes.astype(np.uint64), count, width)
    near = 4 * _SIZE
    found = np.unique(np.partition(hashes, near)[:near]) if count > near else np.unique(hashes)
    if len(found) < _SIZE < count:  # the text repeats itself
        found = np.unique(hashes)
    return tuple(found[:_SIZE].tolist())


def _mixed(codes: npt.NDArray[np.uint64], count: int, width: int) -> npt.NDArray[np.uint64]:
    """Return a well mixed hash of each shingle (polynomial, then splitmix64's finaliser)."""
    hashes = np.zeros(count, dtype=np.uint64)
    for at in range(width):
        hashes = hashes * np.uint64(1_099_511_628_211) + codes[at : at + count]
    hashes ^= hashes >> np.uint64(30)
    hashes *= np.uint64(0xBF58476D1CE4E5B9)
    hashes ^= hashes >> np.uint64(27)
    hashes *= np.uint64(0x94D049BB133111EB)
    return hashes ^ (hashes >> np.uint64(31))


def similarity(one: Sketch, other: Sketch) -> float:
    """Return the estimated share of common shingles, 0 to 1 (standard error at most 0.045)."""
    mine, theirs = set(one), set(other)
    both = mine & theirs
    smallest = sorted(mine | theirs)[:_SIZE]
    return sum(value in both for value in smallest) / len(smallest)


def group_similar(
    sketches: Iterable[tuple[str, Sketch]], *, least: float = 0.75
) -> list[Sequence[str]]:
    """Return the groups of ids whose texts resemble their first one by ``least``, in order.

    Each id is in one group at most; groups have two members or more. Takes a time linear in the
    number of documents.
    """
    found_by: dict[int, list[str]] = {}
    firsts: dict[str, Sketch] = {}
    groups: dict[str, list[str]] = {}
    for name, own in sketches:
        sharing = Counter(first for key in own[:_KEYS] for first in found_by.get(key, ()))
        likely = [first for first, _ in sharing.most_common(_MOST_COMPARED)]
        scores = {first: similarity(own, firsts[first]) for first in likely}
        best = max(scores, key=scores.__getitem__, default=None)
        if best is not None and scores[best] >= least:
            groups.setdefault(best, [best]).append(name)
            continue
        firsts[name] = own
        for key in own[:_KEYS]:
            names = found_by.setdefault(key, [])
            if len(names) < _MOST_SHARING:
                names.append(name)
    return list(groups.values())
