"""How much the dense arm is worth, language by language, learned without labels.

The words' scores are a calibrated guess at which candidate answers: the softmax of
``2.1 * score / sqrt(best score)`` fits every collection measured (docs/retrieval.md). The vectors
are a mixture: with probability ``1 - error`` they rank by ``softmax(slope * z)``, with ``error``
they say nothing; both are unknown and have a prior. An embedder that is useless in a language
tends to ``error = 1`` there and no longer moves anything.

What is known of both comes from probes, parts of the index's own nodes that are asked as
questions (``ragkit.store.probes``): a ``Measured`` a language, kept in the index, so that a
question is answered alike whatever was asked before. Where nobody ever handed the store an embedder
to ask probes with, ``Worth`` learns from the questions themselves instead, in memory, with the
words as the teacher.

Vectors that repeat what the words say (latent semantic analysis, hashed words) agree with them for
the wrong reason, also where both err. That shows among the *wrong* candidates: their two scores go
together. Two correlated witnesses are weighed as in Fisher's linear discriminant (1936).
"""

from __future__ import annotations

import math
import threading
import unicodedata
from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

__all__ = [
    "Learner",
    "Measured",
    "Observation",
    "Worth",
    "lexical_slope",
    "measure",
    "observe",
    "script",
    "weigh_candidates",
]

# Log odds of a share of 1 against one of 0: by the best score, in points of BM25.
_SLOPE_A_ROOT, _MOST_SLOPE = 2.1, 13.0
_SLOPES = (0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0)  # of a softmax over z-scores
_ERRORS = (0.003, 0.03, 0.15, 0.5, 0.9, 1.0)
_ERRORS_PRIOR = (0.15, 0.15, 0.15, 0.15, 0.2, 0.2)
# Steep slopes are believed with few errors, flat ones with many.
_TIE = 0.7
_MEMORY = 0.995  # of a question's evidence, with each later one
_MOST_EVIDENCE = 30.0  # nats against a hypothesis: it can always come back
_FIRST = 5.0  # the first guess of the moments counts as so many questions
_FIRST_MOMENTS = (0.15, 4.0, 4.0)
_SEEN = 4096
# Candidates after the first few by words are the wrong ones that tell how the arms go together.
_WRONG_FROM, _WRONG_TO, _FEWEST_WRONG = 3, 40, 9
# Correlation of wrong candidates: up to the first it is no sign of repetition (passages on one
# topic), beyond it counts double.
_TOPICAL, _STEEP = 0.2, 2.0
_LEAST_SHARE = 0.15
# Scores beyond so many deviations count less and less: a lead over a crowd proves no more.
_LINEAR = 3.0
# A proven dense arm takes so much off the words' own slope.
_YIELDING = 0.25
# A lead of the vectors so much beyond any that a probe showed is not what was measured.
_BEYOND = 1.1


@dataclass(slots=True)
class _Learned:
    """Evidence by slope and error, and moments: correlation, lead by words, lead by vectors."""

    evidence: Array
    moments: Array
    questions: float = 0.0


@dataclass(frozen=True, slots=True)
class Weights:
    """Of one question: ``mixture`` by slope and error sums to 1; shares of the arms are 0..1."""

    mixture: Array
    lexical: float
    dense: float


@dataclass(frozen=True, slots=True)
class Observation:
    """What one probe showed: likelihood by slope and error, moments, the vectors' greatest lead."""

    likelihood: Array
    moments: tuple[float, float, float] | None
    lead: float


@dataclass(frozen=True, slots=True)
class Measured:
    """What probes showed in one language; 58 numbers. ``reach`` is their greatest lead."""

    evidence: tuple[tuple[float, ...], ...]
    moments: tuple[float, float, float]
    reach: float

    def weights(self, lead: float) -> Weights:
        """Return how the arms are weighed in a question whose vectors lead by ``lead``.

        Beyond what any probe showed the prior decides: this is not the embedder that was measured.
        """
        import numpy as np

        if lead > _BEYOND * self.reach:
            return _weigh(_prior(), np.asarray(_FIRST_MOMENTS))
        return _weigh(_prior() + np.asarray(self.evidence), np.asarray(self.moments))


@dataclass(frozen=True, slots=True)
class Learner:
    """The memory of questions, for one of them: ``group`` is its language."""

    worth: Worth
    group: Hashable
    question: Hashable


@dataclass(slots=True)
class Worth:
    """What was learned from the questions asked so far. Safe to use from many threads."""

    _learned: dict[Hashable, _Learned] = field(default_factory=dict)
    _seen: dict[Hashable, None] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def weights(self, group: Hashable) -> Weights:
        """Return how the arms are weighed in questions of ``group`` (a language)."""
        import numpy as np

        with self._lock:
            learned = self._learned.get(group) or _nothing()
            evidence = _prior() + learned.evidence
            moments = learned.moments + _FIRST * np.asarray(_FIRST_MOMENTS)
            moments = moments / (learned.questions + _FIRST)
        return _weigh(evidence, moments)

    def learn(
        self,
        group: Hashable,
        question: Hashable,
        likelihood: Array,
        moments: tuple[float, float, float] | None,
    ) -> None:
        """Add a question's evidence; the same question counts once."""
        import numpy as np

        with self._lock:
            if (group, question) in self._seen:
                return
            self._seen[group, question] = None
            if len(self._seen) > _SEEN:
                del self._seen[next(iter(self._seen))]
            learned = self._learned.setdefault(group, _nothing())
            logs = np.log(likelihood)
            evidence = _MEMORY * learned.evidence + logs
            learned.evidence = np.maximum(evidence - evidence.max(), -_MOST_EVIDENCE)
            if moments is not None:
                learned.moments = _MEMORY * learned.moments + np.asarray(moments)
                learned.questions = _MEMORY * learned.questions + 1.0


def lexical_slope(greatest: float) -> float:
    """Return how many nats apart a score of ``greatest``, the best one by words, and 0 are."""
    return min(_MOST_SLOPE, _SLOPE_A_ROOT * math.sqrt(greatest)) if greatest > 0 else _MOST_SLOPE


def weigh_candidates(
    by_words: Array, cosines: Array, *, found: int, known: Measured | Learner
) -> Array:
    """Return the candidates' log odds, up to a constant.

    ``by_words`` are log odds by words alone; the first ``found`` candidates are those that the
    words found, best first, the others only the vectors. Cosines that are all but equal say nothing
    and leave the words alone. A ``Learner`` learns from the question, after it was weighed.
    """
    import numpy as np

    z = _z_scores(cosines, found)
    if z is None:
        return by_words
    by_vectors = _softmax(np.asarray(_SLOPES)[:, None] * z, axis=1)
    errors, count = np.asarray(_ERRORS), len(cosines)
    if isinstance(known, Measured):
        weights = known.weights(float(z.max()))
    else:
        weights = known.worth.weights(known.group)
    said = (weights.mixture * (1 - errors)).sum(axis=1) @ by_vectors
    said += (weights.mixture * errors).sum() / count
    if found and isinstance(known, Learner):
        guess = _softmax(by_words)
        likelihood = _likelihood(by_vectors, guess)
        moments = _moments(by_words, z, guess, found)
        known.worth.learn(known.group, known.question, likelihood, moments)
    odds: Array = weights.lexical * by_words + weights.dense * np.log(said)
    return odds


def observe(
    by_words: Array, cosines: Array, *, found: int, right: NDArray[np.bool_]
) -> Observation:
    """Return what a probe shows; ``right`` marks the candidates that hold it, at least one."""
    import numpy as np

    truth = right / right.sum()
    z = _z_scores(cosines, found)
    if z is None:  # these vectors say nothing, whatever their slope would be
        certain = np.full((len(_SLOPES), len(_ERRORS)), 1 / len(cosines))
        return Observation(certain, None, 0.0)
    by_vectors = _softmax(np.asarray(_SLOPES)[:, None] * z, axis=1)
    moments = _moments(by_words, z, truth, found)
    return Observation(_likelihood(by_vectors, truth), moments, float(z.max()))


def measure(observations: Sequence[Observation]) -> Measured:
    """Return what probes of one language show together. Raises ``ValueError`` without any."""
    import numpy as np

    if not observations:
        raise ValueError("Nothing was observed; without probes there is nothing to measure.")
    evidence = np.sum([np.log(one.likelihood) for one in observations], axis=0)
    evidence = np.maximum(evidence - evidence.max(), -_MOST_EVIDENCE)
    seen = [one.moments for one in observations if one.moments is not None]
    first = _FIRST * np.asarray(_FIRST_MOMENTS)
    total = (np.asarray(seen).reshape(-1, 3).sum(axis=0) + first) / (len(seen) + _FIRST)
    return Measured(
        tuple(tuple(round(float(nats), 3) for nats in row) for row in evidence),
        (float(total[0]), float(total[1]), float(total[2])),
        max(one.lead for one in observations),
    )


def script(text: str) -> str:
    """Return the script of most letters of ``text`` by its Unicode name: LATIN, CJK, THAI, …"""
    letters = Counter(unicodedata.name(c, "").partition(" ")[0] for c in text if c.isalpha())
    return letters.most_common(1)[0][0] if letters else ""


def _z_scores(cosines: Array, found: int) -> Array | None:
    """Return cosines in robust deviations of the wrong candidates, or None where all are equal."""
    import numpy as np

    wrong = cosines[_WRONG_FROM:found]
    background = wrong if len(wrong) >= _FEWEST_WRONG else cosines
    middle = float(np.median(background))
    # The median deviation alone is 0 where most vectors share nothing with the question.
    spread = max(
        1.4826 * float(np.median(np.abs(background - middle))), 0.25 * float(background.std())
    )
    # Less is the rounding of vectors that are stored in 16 bits.
    if spread < 2e-4:
        return None
    scores = (cosines - middle) / spread
    return np.asarray(_LINEAR * np.arcsinh(scores / _LINEAR))


def _moments(
    by_words: Array, z: Array, guess: Array, found: int
) -> tuple[float, float, float] | None:
    """Return the wrong candidates' correlation, and the right one's expected lead in each arm."""
    wrong = slice(_WRONG_FROM, min(found, _WRONG_TO))
    words, vectors = by_words[wrong], z[wrong]
    if len(words) < _FEWEST_WRONG:
        return None
    spread = float(words.std() * vectors.std())
    together = float(((words - words.mean()) * (vectors - vectors.mean())).mean())
    return (
        together / spread if spread > 1e-9 else 0.0,
        float((guess @ by_words - words.mean()) / (words.std() + 0.3)),
        float((guess @ z - vectors.mean()) / (vectors.std() + 0.1)),
    )


def _independence(correlation: float, lead_words: float, lead_vectors: float) -> float:
    """Return the share of what the vectors say that the words have not said already."""
    excess = min(0.9, max(0.0, _STEEP * (correlation - _TOPICAL)))
    fisher = (1 - excess * lead_words / max(lead_vectors, 0.1)) / (1 - excess**2)
    linear = 1 - _STEEP * (correlation - _TOPICAL)
    return min(1.0, max(0.0, fisher), max(_LEAST_SHARE, linear))


def _weigh(evidence: Array, moments: Array) -> Weights:
    import numpy as np

    mixture = _softmax(evidence)
    dense = _independence(*map(float, moments))
    sure = float(mixture[:, np.asarray(_ERRORS) <= 0.03].sum())
    return Weights(mixture, 1.0 - _YIELDING * sure * dense**2, dense)


def _likelihood(by_vectors: Array, guess: Array) -> Array:
    """Return by slope and error how likely the vectors point where ``guess`` does."""
    import numpy as np

    errors = np.asarray(_ERRORS)
    likely: Array = (1 - errors) * (by_vectors @ guess)[:, None] + errors / by_vectors.shape[1]
    return likely


def _nothing() -> _Learned:
    import numpy as np

    return _Learned(np.zeros((len(_SLOPES), len(_ERRORS))), np.zeros(3))


def _prior() -> Array:
    import numpy as np

    tie = np.outer(np.linspace(-1, 1, len(_SLOPES)), np.linspace(1, -1, len(_ERRORS)))
    return np.asarray(np.log(_ERRORS_PRIOR)[None, :] + _TIE * tie, dtype=np.float64)


def _softmax(values: Array, axis: int | None = None) -> Array:
    import numpy as np

    raised = np.exp(values - values.max(axis=axis, keepdims=True))
    return np.asarray(raised / raised.sum(axis=axis, keepdims=True))
