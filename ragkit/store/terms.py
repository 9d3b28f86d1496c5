"""The terms of some rows, turned round: for each term the rows that hold it.

This is what a process that reads files hands over, what a segment of postings is written from, and
what segments are merged as. Everything is done on whole arrays: no step costs time for each term
or each posting by itself, but for the dictionary that numbers words.
"""

from __future__ import annotations

from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import compress, count
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Numbers = NDArray[np.int64]

__all__ = [
    "LONGEST",
    "Field",
    "Inverted",
    "RowTerms",
    "Terms",
    "count_terms",
    "invert",
    "invert_all",
    "join",
    "of_counted_rows",
    "select",
]

LONGEST = 65_534  # a row's length is stored plus one, in 16 bits
_MOST = 255
_ROWS = 4096  # turned round together at most
_CHARACTER = 21  # bits of a code point

Field = tuple[Sequence[str], str]
"""Words, and runs of characters with white space between them.

A run stands for its characters and for its pairs of neighbours; no word is one of these.
"""


class RowTerms(NamedTuple):
    """How often a row's terms are in each field, and how many terms there are with repeats."""

    counts: tuple[Mapping[str, int], ...]
    length: int


class Terms(NamedTuple):
    """``vocabulary`` has each term once, ascending, with a space between any two (UTF-8).

    ``sizes`` (int64) says how many rows hold each term. ``rows`` (uint16) are these rows, ascending
    for each term, and ``counts`` (uint8, one row a field) how often it is there, 255 for more.
    """

    vocabulary: bytes
    sizes: Numbers
    rows: NDArray[np.uint16]
    counts: NDArray[np.uint8]

    def names(self) -> list[str]:
        """Return the terms."""
        return self.vocabulary.decode().split(" ") if self.vocabulary else []


class Inverted(NamedTuple):
    """The terms of some rows, and how many each row has, with repeats."""

    terms: Terms
    lengths: Numbers


def count_terms(values: Sequence[str]) -> RowTerms:
    """Return what an index holds of a row: one string of space-separated terms for each field."""
    counts = [Counter(term for term in value.split(" ") if term) for value in values]
    length = min(sum(field.total() for field in counts), LONGEST)
    return RowTerms(
        tuple({term: min(n, _MOST) for term, n in field.items()} for field in counts), length
    )


def invert_all(rows: Sequence[Sequence[Field]], fields: int) -> tuple[Inverted, ...]:
    """Return the terms of ``rows``, each a `Field` for every one of ``fields``, in their order."""
    return tuple(
        Inverted(*invert(rows[at : at + _ROWS], fields)) for at in range(0, len(rows), _ROWS)
    )


def invert(rows: Iterable[Sequence[Field]], fields: int) -> tuple[Terms, Numbers]:
    """Return the terms of up to 65,536 ``rows``, numbered from 0, and how many each row has.

    The latter are with repeats. Each row has a `Field` for every one of ``fields``.
    """
    import numpy as np

    places: defaultdict[str, int] = defaultdict(count().__next__)
    index, sizes = array("I"), array("I")
    runs: list[str] = []
    for row in rows:
        for words, run in row:
            index.extend(map(places.__getitem__, words))
            sizes.append(len(words))
            runs.append(run)
    shift = (fields - 1).bit_length()
    owners = np.arange(len(sizes), dtype=np.uint64)
    if fields & (fields - 1):  # leave room to tell a field by its bits
        owners = owners // fields << np.uint64(shift) | owners % fields
    lengths = np.frombuffer(sizes, np.uint32).astype(np.int64)
    held = np.repeat(owners, lengths)
    names, ranks = _sorted(list(places))
    numbers = ranks[np.frombuffer(index, np.uint32)]
    width = np.uint64(16 + shift)
    of_words = _grouped(np.sort(numbers.astype(np.uint64) << width | held), fields, shift)
    codes, owned, added = _characters(runs, owners)
    of_runs = _grouped(np.sort(codes << width | owned), fields, shift)
    parts = [
        Terms(" ".join(names).encode(), *of_words[1:]),
        Terms(_spelled(of_runs[0]), *of_runs[1:]),
    ]
    # No word is a run's character or pair: these need not be looked for among the words.
    apart = [np.arange(len(names)), np.arange(len(of_runs[0])) + len(names)]
    terms = _united(parts, apart, names + parts[1].names(), fields)
    return terms, (lengths + added).reshape(-1, fields).sum(axis=1)


def _sorted(names: list[str]) -> tuple[list[str], Any]:
    """Return the names in their order, and the place of each."""
    import numpy as np

    order = sorted(range(len(names)), key=names.__getitem__)
    ranks = np.empty(len(names), np.int64)
    ranks[order] = np.arange(len(names))
    return [names[place] for place in order], ranks


def _characters(runs: list[str], owners: Any) -> tuple[Any, Any, Numbers]:
    """Return the codes of the runs' characters and pairs, whose each is, and how many each has."""
    import numpy as np

    text = "\n".join(runs) + "\n"
    codes = np.frombuffer(text.encode("utf-32-le"), "<u4")
    within = np.repeat(np.arange(len(runs)), np.fromiter(map(len, runs), np.int64, len(runs)) + 1)
    is_letter = (codes != 0x20) & (codes != 0x0A)
    is_pair = is_letter[:-1] & is_letter[1:]
    wide = codes.astype(np.uint64) << np.uint64(_CHARACTER)
    pairs = (wide[:-1] | codes[1:])[is_pair]
    whose = np.concatenate([within[is_letter], within[:-1][is_pair]])
    added = np.bincount(whose, minlength=len(runs))
    return np.concatenate([wide[is_letter], pairs]), owners[whose], added


def _spelled(codes: Any) -> bytes:
    """Return a vocabulary of characters and pairs of them from their codes."""
    import numpy as np

    if not len(codes):
        return b""
    spelled = np.full((len(codes), 3), 0x20, "<u4")
    spelled[:, 0] = codes >> np.uint64(_CHARACTER)
    spelled[:, 1] = codes & np.uint64((1 << _CHARACTER) - 1)
    flat = spelled.ravel()
    return flat[flat > 0][:-1].tobytes().decode("utf-32-le").encode()


def _grouped(keys: Any, fields: int, shift: int) -> tuple[Any, Any, Any, Any]:
    """Return the terms of sorted keys (term, row, field), and sizes, rows and counts of each."""
    import numpy as np

    postings = keys >> np.uint64(shift)
    starts = np.flatnonzero(np.diff(postings, prepend=postings[:1] ^ np.uint64(1)))
    counts = np.empty((fields, len(starts)), np.uint8)
    which = keys & np.uint64((1 << shift) - 1)
    for field in range(fields):
        if len(starts):
            found = np.add.reduceat(which == field, starts, dtype=np.int64)
            counts[field] = np.minimum(found, _MOST)
    postings = postings[starts]
    terms = postings >> np.uint64(16)
    begins = np.flatnonzero(np.diff(terms, prepend=terms[:1] ^ np.uint64(1)))
    sizes = np.diff(begins, append=len(terms))
    return terms[begins], sizes, (postings & np.uint64(0xFFFF)).astype("<u2"), counts


def of_counted_rows(
    rows: Sequence[Sequence[str]], counts: NDArray[np.uint8], numbers: Sequence[int]
) -> Terms:
    """Return the terms of rows, each the terms of one of ``numbers``; ``counts`` are of all."""
    import numpy as np

    places: defaultdict[str, int] = defaultdict(count().__next__)
    index = [places[term] for row in rows for term in row]
    names, ranks = _sorted(list(places))
    ranked = ranks[index] if index else np.empty(0, np.int64)
    order = np.argsort(ranked, kind="stable")
    owners = np.repeat(np.asarray(numbers, "<u2"), [len(row) for row in rows])
    sizes = np.bincount(ranked, minlength=len(names))
    return Terms(" ".join(names).encode(), sizes, owners[order], counts[:, order])


def join(parts: Sequence[Terms], fields: int) -> Terms:
    """Return the terms of all ``parts`` together; no row of a part follows one of a later part.

    Parts that share no term may share rows.
    """
    places: defaultdict[str, int] = defaultdict(count().__next__)
    numbers = [[places[name] for name in part.names()] for part in parts]
    return _united(parts, numbers, list(places), fields)


def _united(parts: Sequence[Terms], numbers: Sequence[Any], names: list[str], fields: int) -> Terms:
    """Return the terms of all ``parts``; ``numbers`` are the places of theirs in ``names``."""
    import numpy as np

    held = [(part, of_part) for part, of_part in zip(parts, numbers, strict=True) if len(of_part)]
    if len(held) == 1:
        return held[0][0]
    names, ranks = _sorted(names)
    parts, ranked = [part for part, _ in held], [ranks[of_part] for _, of_part in held]
    sizes = np.zeros(len(names), np.int64)
    for part, terms in zip(parts, ranked, strict=True):
        sizes[terms] += part.sizes
    rows = np.empty(int(sizes.sum()), "<u2")
    counts = np.empty((fields, len(rows)), np.uint8)
    free = np.cumsum(sizes) - sizes  # where the next rows of each term go
    for part, terms in zip(parts, ranked, strict=True):
        begins = np.cumsum(part.sizes) - part.sizes
        places_of = np.repeat(free[terms] - begins, part.sizes) + np.arange(len(part.rows))
        rows[places_of] = part.rows
        counts[:, places_of] = part.counts
        free[terms] += part.sizes
    return Terms(" ".join(names).encode(), sizes, rows, counts)


def select(terms: Terms, numbers: Numbers) -> Terms:
    """Return the terms with ``numbers[row]`` in place of each row, without those that are -1.

    The numbers that are left are ascending, from 0 to 65,535.
    """
    import numpy as np

    if not len(terms.sizes):
        return terms
    renamed = numbers[terms.rows]
    kept = renamed >= 0
    if kept.all():
        return terms._replace(rows=renamed.astype("<u2"))
    sizes = np.add.reduceat(kept, np.cumsum(terms.sizes) - terms.sizes, dtype=np.int64)
    names = " ".join(compress(terms.names(), (sizes > 0).tolist())).encode()
    return Terms(names, sizes[sizes > 0], renamed[kept].astype("<u2"), terms.counts[:, kept])
