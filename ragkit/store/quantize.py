"""Vectors in small: float16 for the file, signs and 4-bit codes for scans in memory.

The codes are a plain scalar quantiser. Both signs and codes are taken after the mean is off and
each number is measured in its own standard deviations, since embeddings are neither centred nor
even. For the same reason a sign counts by how much it says: the query's number times the spread.
On latent semantic vectors of 54,668 passages that raises recall among 1,000 rows left by signs
from .947 to .992 for twice the scan.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from ragkit.errors import StoreError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]
    Ids = NDArray[np.int64]
    Words = NDArray[np.uint64]
    Codes = NDArray[np.uint8]
    Distances = NDArray[np.uint16]
    Mask = NDArray[np.bool_]

__all__ = [
    "Codec",
    "decode",
    "greatest",
    "grown",
    "learn_codec",
    "pack_sound_vectors",
    "pack_vectors",
    "places_of",
    "products",
    "sign_distances",
    "unit_rows",
]

_UNEQUAL = "Embeddings of one call must have one and the same length, not 0."
_LEVELS, _CLIP = 16, 2.5  # codes, and the standard deviations that they span on either side
_PLANES = 2
_SCAN_ROWS = 32_768  # a block of signs that fits the CPU's cache
_PRODUCT_ROWS = 2_048  # rows that are turned into float32 at a time


def pack_vectors(vectors: Sequence[Sequence[float]]) -> tuple[list[bytes], int]:
    """Return vectors as float16 of unit length, as stored, and how many numbers each has.

    Raises ``StoreError`` for vectors of unequal length, with NaN or infinity, or all zero.
    """
    import numpy as np

    if len({len(vector) for vector in vectors}) != 1 or not len(vectors[0]):
        raise StoreError(_UNEQUAL)
    matrix = np.asarray(vectors, dtype=np.float64)
    units = unit_rows(matrix).astype("<f2")
    return [row.tobytes() for row in units], int(matrix.shape[1])


def pack_sound_vectors(vectors: Sequence[Sequence[float]]) -> tuple[list[bytes | None], int]:
    """Return the same, with None for a vector with NaN or infinity or of zeros alone.

    Raises ``StoreError`` for vectors of unequal length.
    """
    import numpy as np

    if len({len(vector) for vector in vectors}) != 1 or not len(vectors[0]):
        raise StoreError(_UNEQUAL)
    matrix = np.asarray(vectors, dtype=np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        lengths = np.linalg.norm(matrix, axis=1)
    sound = np.isfinite(lengths) & (lengths > 0)
    units = iter(unit_rows(matrix[sound]).astype("<f2"))
    return [next(units).tobytes() if kept else None for kept in sound], int(matrix.shape[1])


def unit_rows(matrix: Any) -> Any:
    """Return the rows at unit length; ``StoreError`` for NaN, infinity and zeros."""
    import numpy as np

    with np.errstate(over="ignore"):
        lengths = np.linalg.norm(matrix, axis=1, keepdims=True)
    if not np.isfinite(lengths).all():
        raise StoreError("An embedding holds NaN or infinity. The embedder failed; index again.")
    if not (lengths > 0).all():
        raise StoreError("An embedding is all zeros, so it has no direction to compare.")
    return matrix / lengths


@dataclass(frozen=True, slots=True)
class Codec:
    """Signs and 4-bit codes of vectors: of what is left when ``mean`` is taken off."""

    mean: Floats
    step: Floats

    def signs(self, vectors: Floats) -> Words:
        """Return the signs of each row as 64-bit words, one column a row."""
        return _words(vectors > self.mean)

    def sign_weights(self, unit: Floats) -> Words:
        """Return what each sign says about the product with ``unit``, 0..3, as two bit planes."""
        import numpy as np

        said = np.abs(unit - self.mean) * self.step
        most = 2**_PLANES - 1
        weight = np.clip(np.rint(said / (3 * said.mean()) * most), 0, most).astype(np.uint8)
        return np.stack([_words((weight[None, :] >> p & 1) > 0)[:, 0] for p in range(_PLANES)])

    def codes(self, vectors: Floats) -> Codes:
        """Return a code of 0..15 a number, the first half of them in the low nibbles."""
        import numpy as np

        level = np.rint((vectors - self.mean) / self.step + (_LEVELS - 1) / 2)
        code = np.clip(level, 0, _LEVELS - 1).astype(np.uint8)
        half = -(-code.shape[1] // 2)
        packed = code[:, :half].copy()
        packed[:, : code.shape[1] - half] |= code[:, half:] << 4
        return cast("Codes", packed)

    def estimate(self, codes: Codes, unit: Floats) -> Floats:
        """Return the products of the coded vectors with ``unit``, but for a constant."""
        weights = unit * self.step
        half = codes.shape[1]
        low, high = weights[:half], weights[half:]
        low_part = products(cast("Codes", codes & 15), low)
        return low_part + products(cast("Codes", codes[:, : len(high)] >> 4), high)


def _words(bits: Mask) -> Words:
    """Return the bits of each row as 64-bit words, one column a row, padded with zeros."""
    import numpy as np

    packed = np.packbits(bits, axis=1)
    padded = np.zeros((len(bits), -(-packed.shape[1] // 8) * 8), np.uint8)
    padded[:, : packed.shape[1]] = packed
    return np.ascontiguousarray(padded.view(np.uint64).T)


def learn_codec(vectors: Floats) -> Codec:
    """Measure mean and spread of each number on a sample of the vectors."""
    import numpy as np

    spread = np.maximum(vectors.std(axis=0), np.float32(1e-6))
    return Codec(vectors.mean(axis=0), spread * np.float32(2 * _CLIP / (_LEVELS - 1)))


def decode(blobs: list[bytes], dimension: int) -> Floats:
    """Return stored vectors as float32, one a row."""
    import numpy as np

    flat = np.frombuffer(b"".join(blobs), dtype="<f2")
    return flat.reshape(len(blobs), dimension).astype(np.float32)


def sign_distances(signs: Words, query: Words, planes: Words) -> Distances:
    """Return for each column how much it differs from ``query``, in weighted bits.

    ``planes`` holds the bits' weights in binary, the least significant plane first: one popcount
    a plane and word gives the weighted sum.
    """
    import numpy as np

    out = np.zeros(signs.shape[1], np.uint16)
    for start in range(0, signs.shape[1], _SCAN_ROWS):
        target = out[start : start + _SCAN_ROWS]
        for place, word in enumerate(signs[:, start : start + _SCAN_ROWS]):
            differing = word ^ query[place]
            for power, plane in enumerate(planes[:, place]):
                target += np.bitwise_count(differing & plane).astype(np.uint16) << power
    return out


def products(rows: Floats | Codes, weights: Floats) -> Floats:
    """Return the product of each row with ``weights``.

    Not by BLAS: it starts threads for more than about 9,000 numbers, which wait for each other on
    a busy machine (36 ms in place of 1.7 for 10,000 rows of 384), and one thread is as fast.
    """
    import numpy as np

    out = np.empty(len(rows), np.float32)
    for start in range(0, len(rows), _PRODUCT_ROWS):
        block = rows[start : start + _PRODUCT_ROWS].astype(np.float32, copy=False)
        np.einsum("ij,j->i", block, weights, out=out[start : start + _PRODUCT_ROWS])
    return out


def greatest(values: Floats, limit: int) -> Ids:
    """Return the places of the greatest values, greatest first; ties by place."""
    import numpy as np

    if limit < len(values):
        places = np.sort(np.argpartition(-values, limit - 1)[:limit])
    else:
        places = np.arange(len(values))
    return places[np.argsort(-values[places], kind="stable")]


def places_of(ids: Ids, wanted: Ids) -> Ids:
    """Return where those of ``wanted`` that are in the ascending ``ids`` stand in it."""
    import numpy as np

    places = np.searchsorted(ids, wanted)
    inside = places < len(ids)
    places, wanted = places[inside], wanted[inside]
    return cast("Ids", places[ids[places] == wanted])


def grown(old: Any, size: int, shape: tuple[int, ...]) -> Any:
    """Return a larger array that begins with the first ``size`` rows of ``old``."""
    import numpy as np

    new = np.empty(shape, old.dtype)
    new[:size] = old[:size]
    return new
