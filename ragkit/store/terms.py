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
    field_bits, row_bits = (fields - 1).bit_length(), (len(sizes) // fields).bit_length()
    owners = np.arange(len(sizes), dtype=np.uint64)
    if fields & (fields - 1):  # leave room to tell a field by its bits
        owners = owners // fields << np.uint64(field_bits) | owners % fields
    lengths = np.frombuffer(sizes, np.uint32).astype(np.int64)
    names, ranks = _sorted(places)
    width = row_bits + field_bits
    # Half as wide a key is sorted in half the time.
    kind = np.uint32 if len(names).bit_length() + width <= 32 else np.uint64
    keys = ranks.astype(kind)[np.frombuffer(index, np.uint32)] << kind(width)
    keys |= np.repeat(owners.astype(kind), lengths)
    of_words = _grouped(keys, fields, field_bits, row_bits)
    codes, owned, added = _characters(runs, owners)
    of_runs = _grouped(codes << np.uint64(width) | owned, fields, field_bits, row_bits)
    parts = [
        Terms(" ".join(names).encode(), *of_words[1:]),
        Terms(_spelled(of_runs[0]), *of_runs[1:]),
    ]
    return _apart(names, parts, fields), (lengths + added).reshape(-1, fields).sum(axis=1)


def _sorted(places: Mapping[str, int]) -> tuple[list[str], Any]:
    """Return the names in their order, and for each place that of its name in this order."""
    import numpy as np

    names = sorted(places)
    ranks = np.empty(len(names), np.int64)
    ranks[list(map(places.__getitem__, names))] = np.arange(len(names))
    return names, ranks


def _apart(words: list[str], parts: Sequence[Terms], fields: int) -> Terms:
    """Return the terms of two ``parts`` together; those of the first are ``words``.

    No word is a run's character or pair: these need not be looked for among the words.
    """
    import numpy as np

    runs = parts[1].names()
    if not runs:
        return parts[0]
    names = sorted(words + runs)  # two lists in order, which takes one comparison for each
    are_runs = np.fromiter(map(frozenset(runs).__contains__, names), np.bool_, len(names))
    return _united(parts, [np.flatnonzero(~are_runs), np.flatnonzero(are_runs)], names, fields)


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


def _grouped(keys: Any, fields: int, field_bits: int, row_bits: int) -> tuple[Any, Any, Any, Any]:
    """Return the terms of keys (term, row, field), and sizes, rows and counts of each."""
    import numpy as np

    kind = keys.dtype.type
    keys.sort()
    postings = keys >> kind(field_bits)
    is_new = _is_new(postings)
    which = (np.cumsum(is_new) - 1) * fields + (keys & kind((1 << field_bits) - 1)).astype(np.int64)
    postings = postings[is_new]
    counts = np.bincount(which, minlength=len(postings) * fields).reshape(-1, fields)
    terms = postings >> kind(row_bits)
    begins = np.flatnonzero(_is_new(terms))
    rows = (postings & kind((1 << row_bits) - 1)).astype("<u2")
    counts = np.ascontiguousarray(np.minimum(counts, _MOST).T, np.uint8)
    return terms[begins], np.diff(begins, append=len(terms)), rows, counts


def _is_new(values: Any) -> Any:
    """Return for each value whether it differs from the one before."""
    import numpy as np

    differs = np.ones(len(values), np.bool_)
    np.not_equal(values[1:], values[:-1], out=differs[1:])
    return differs


def of_counted_rows(
    rows: Sequence[Sequence[str]], counts: NDArray[np.uint8], numbers: Sequence[int]
) -> Terms:
    """Return the terms of rows, each the terms of one of ``numbers``; ``counts`` are of all."""
    import numpy as np

    places: defaultdict[str, int] = defaultdict(count().__next__)
    index = [places[term] for row in rows for term in row]
    names, ranks = _sorted(places)
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
    parts = [part for part in parts if part.vocabulary]
    if len(parts) == 1:
        return parts[0]
    numbers = [[places[name] for name in part.names()] for part in parts]
    names, ranks = _sorted(places)
    return _united(parts, [ranks[of_part] for of_part in numbers], names, fields)


def _united(parts: Sequence[Terms], ranked: Sequence[Any], names: list[str], fields: int) -> Terms:
    """Return the terms of all ``parts``; ``ranked`` are the places of theirs in ``names``."""
    import numpy as np

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
