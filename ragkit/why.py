"""``Why``: at which stage a file was lost for a question, with the numbers of each stage."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from ragkit.types import RetrieverKind

__all__ = ["Arm", "Budget", "Judgement", "Passage", "Ranking", "Stage", "Standing", "Why", "Word"]

Stage = Literal[
    "missing", "left_out", "unindexed", "unread", "filtered", "unmatched", "outranked", "dropped",
    "refused", "uncited", "cited", "in_prompt", "retrieved",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Word:
    """A word of the question, or a run of characters where a script puts no space between words.

    ``in_file`` tells whether the file (text, title or headings) holds it; ``nodes`` is how many
    nodes of the whole index hold its rarest term. ``found`` is False for a word that the file lacks
    or that is written in it but indexed as a word of another language, by another stem.
    """

    text: str
    in_file: bool
    nodes: int
    found: bool


@dataclass(frozen=True, slots=True)
class Arm:
    """Where the file's best node stands by words alone, or by vectors alone.

    ``rank`` counts from 1 and is None, like ``score``, when it is not among the ``searched`` best.
    """

    rank: int | None
    score: float | None
    searched: int


@dataclass(frozen=True, slots=True)
class Standing:
    """The node that took the last of the places: its file and its score."""

    source: str
    score: float


@dataclass(frozen=True, slots=True)
class Ranking:
    """Where the file's best node stands; ranks as in ``Arm``.

    ``last`` is the node at rank ``top_k`` of the same ranking, or None where fewer were found.
    """

    retriever: RetrieverKind
    top_k: int
    rank: int | None
    score: float | None
    searched: int
    last: Standing | None
    lexical: Arm | None
    dense: Arm | None


@dataclass(frozen=True, slots=True)
class Judgement:
    """What an answer in the documents' own sentences came to.

    Refused below ``threshold`` of ``confidence``. ``coverage`` is the share of the question's
    informative words in the best sentence; all three are in 0..1. ``cited`` are the files quoted.
    """

    refused: bool
    confidence: float
    coverage: float
    threshold: float
    cited: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Budget:
    """How many of the retrieved nodes were read for the answer, and what set the limit.

    ``tokens`` is the room for the prompt in a model's context, or None where no model answers.
    ``cut`` tells that even the best node was cut.
    """

    kept: int
    retrieved: int
    tokens: int | None = None
    cut: bool = False


@dataclass(frozen=True, slots=True)
class Passage:
    """What of the file came nearest: ``text == kb.text(source)[start:end]``, verbatim.

    ``coverage`` (0..1) is the share of the question's informative words that it holds.
    """

    page: int | None
    heading: str | None
    start: int
    end: int
    text: str
    coverage: float


@dataclass(frozen=True, slots=True)
class Why:
    """Where a file was lost on the way from the folder to the answer, or that it was not.

    ``stage`` is one of: ``missing`` (no such file; ``close`` are names like it), ``left_out`` (a
    file that is never looked at), ``unindexed`` (not yet), ``unread`` (it could not be read),
    ``filtered`` (outside the filters), ``unmatched`` (no node of it was found), ``outranked``,
    ``dropped`` (retrieved, but not read for the answer), ``refused``, ``uncited``; and where
    nothing was lost ``cited``, ``in_prompt`` (the model reads it; whether it cites it, only asking
    tells) or ``retrieved`` (what the prompt keeps is not known without the model). ``lost`` sums
    that up. ``reason`` and ``advice`` say it in words. What was not reached is None or empty.
    """

    question: str
    source: str
    preset: str
    stage: Stage
    lost: bool
    reason: str
    advice: tuple[str, ...] = ()
    close: tuple[str, ...] = ()
    words: tuple[Word, ...] = ()
    ranking: Ranking | None = None
    budget: Budget | None = None
    judgement: Judgement | None = None
    passage: Passage | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the object that ``ragkit why --json`` prints: the fields by name."""
        return asdict(self)

    def __str__(self) -> str:
        return " ".join((self.reason, *self.advice))
