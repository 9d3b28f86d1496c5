"""What chance does to a figure: bootstrap intervals and paired tests, all seeded.

The unit that is drawn is the question, so that two systems asked the same questions are compared
question by question. Bootstrap percentile intervals: Efron and Tibshirani 1993. Randomisation test
for IR systems: Smucker, Allan and Carterette 2007 (CIKM); for figures that are no means, such as
BLEU, the bootstrap's own test (Koehn 2004, EMNLP).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = [
    "RESAMPLES",
    "SEED",
    "bootstrap_p",
    "draws",
    "effect_size",
    "interval",
    "mean_draws",
    "randomisation_p",
]

SEED = 20070611
RESAMPLES = 1000
_FLIPS = 10_000
_AT_ONCE = 500_000  # numbers held at a time


def draws(questions: int, *, resamples: int = RESAMPLES, seed: int = SEED) -> Iterator[Floats]:
    """Yield, for each resample, how often each question was drawn: ``questions`` numbers.

    The same for the same ``questions`` and ``seed``: figures of one set are resampled alike.
    """
    import numpy as np

    random = np.random.default_rng(seed)
    for _ in range(resamples):
        drawn = random.integers(0, questions, size=questions)
        yield np.bincount(drawn, minlength=questions).astype(np.float64)


def mean_draws(values: Floats, *, resamples: int = RESAMPLES, seed: int = SEED) -> Floats:
    """Return the columns' means in each resample, (resamples, columns)."""
    import numpy as np

    return np.array(
        [weights @ values for weights in draws(len(values), resamples=resamples, seed=seed)]
    ) / len(values)


def interval(samples: Sequence[float] | Floats, *, level: float = 0.95) -> tuple[float, float]:
    """Return the percentile interval of a figure's resampled values."""
    import numpy as np

    tail = 100 * (1 - level) / 2
    low, high = np.percentile(np.asarray(samples, dtype=float), [tail, 100 - tail])
    return float(low), float(high)


def randomisation_p(differences: Floats, *, flips: int = _FLIPS, seed: int = SEED) -> float:
    """Return the two-sided p of a mean difference, by flipping the signs of paired differences.

    The share of ``flips`` (and of the one observed) whose mean is at least as far from 0.
    """
    import numpy as np

    moved = differences[differences != 0]
    if not len(moved):
        return 1.0
    random = np.random.default_rng(seed)
    observed = abs(moved.sum()) - 1e-9
    block = max(1, _AT_ONCE // len(moved))
    beyond, done = 0, 0
    while done < flips:
        rows = min(block, flips - done)
        signs = random.integers(0, 2, size=(rows, len(moved)), dtype=np.int8).astype(np.float32)
        sums = 2 * (signs @ moved) - moved.sum()
        beyond += int((np.abs(sums) >= observed).sum())
        done += rows
    return (beyond + 1) / (flips + 1)


def effect_size(differences: Floats) -> float:
    """Return the paired effect, mean over standard deviation of the differences (Cohen's d_z)."""
    if len(differences) < 2 or not differences.any():
        return 0.0
    spread = float(differences.std(ddof=1))
    return float(differences.mean()) / spread if spread else float("inf")


def bootstrap_p(differences: Sequence[float]) -> float:
    """Return the two-sided p that a figure's resampled differences lie around 0 (Koehn 2004)."""
    below = (sum(value <= 0 for value in differences) + 1) / (len(differences) + 1)
    above = (sum(value >= 0 for value in differences) + 1) / (len(differences) + 1)
    return min(1.0, 2 * min(below, above))
