"""The frozen values that ragkit's stages hand to each other and to the faces.

Retrieved nodes inside the pipeline are LlamaIndex's ``NodeWithScore``; the values here are what
leaves the pipeline. Offsets are in characters (code points) of a file's extracted text, the text
that ``KnowledgeBase.text(source)`` returns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Protocol

__all__ = [
    "Analyzer",
    "Answer",
    "Citation",
    "Clause",
    "DocumentInfo",
    "IndexReport",
    "IndexStatus",
    "Mark",
    "PromptStyle",
    "RetrieverKind",
    "Sentence",
    "SkippedFile",
    "SourceNode",
]


RetrieverKind = Literal["lexical", "dense", "hybrid", "tfidf", "bm25"]
"""How nodes are found: by words, by vectors, by both, or by a textbook ranking of words."""

PromptStyle = Literal["direct", "grounded", "system"]
"""What a model is told: to answer from the sources, to judge first which are relevant, or to answer
from sources that are in the system message instead of beside the question."""


@dataclass(frozen=True, slots=True)
class Citation:
    """A verbatim quote: ``quote == kb.text(source)[start:end]``; ``n`` is its source's number."""

    n: int
    source: str
    page: int | None
    start: int
    end: int
    quote: str


@dataclass(frozen=True, slots=True)
class Mark:
    """The short answer inside a sentence, as offsets into ``Sentence.text``."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence of an answer, the numbers of its sources, and the short answer in it.

    ``supported`` tells whether a source says the same. ``claim`` is False where there is nothing to
    support: a heading, a greeting, a line that leads to a list, a sentence that was cut short.
    """

    text: str
    citations: tuple[int, ...]
    supported: bool
    mark: Mark | None = None
    claim: bool = True


@dataclass(frozen=True, slots=True)
class SourceNode:
    """A retrieved node as the reader sees it, numbered from 1, best first.

    ``start`` is the node's offset in its file's extracted text, or None for nodes that a store
    returned without one. ``title`` is the document's own, and ``url`` its address on the web
    (http or https, without white space), where the document names them. ``metadata`` is what else
    a filter knows of the node: ``folder``, ``format``, ``language``, ``title``, ``author``,
    ``date``, ``heading_path``, fields of front matter and records …, each only where there is one.
    """

    n: int
    source: str
    page: int | None
    score: float
    text: str
    start: int | None = None
    heading: str | None = None
    title: str | None = None
    url: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict, compare=False)

    def to_dict(self) -> dict[str, Any]:
        """Return the object that ``ragkit query --json`` prints of it; ``url`` where it has one."""
        told = {"n": self.n, "source": self.source, "page": self.page, "score": self.score}
        return told | {"text": self.text} | ({"url": self.url} if self.url else {})


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer with everything needed to check it.

    ``text`` carries source numbers as ``[1]`` after each sentence; ``sentences`` holds the same
    sentences without them. A refusal has ``refused=True``, no citations, and the nearest sources.
    ``near`` are the numbers of the sources that share a content word with the question, None where
    that was not looked for.
    ``timings_ms`` has ``load``, ``retrieve``, ``first_token`` and ``total``, in milliseconds; where
    a model wrote the answer to its end also ``prompt_tokens``, ``completion_tokens`` and
    ``tokens_per_second``, which are no times.
    """

    question: str
    text: str
    refused: bool
    preset: str
    sentences: tuple[Sentence, ...]
    citations: tuple[Citation, ...]
    sources: tuple[SourceNode, ...]
    timings_ms: Mapping[str, float] = field(default_factory=dict)
    near: tuple[int, ...] | None = None

    @property
    def near_sources(self) -> tuple[SourceNode, ...]:
        """The sources that share a content word with the question, best first; all if unknown."""
        if self.near is None:
            return self.sources
        return tuple(source for source in self.sources if source.n in self.near)

    def to_dict(self) -> dict[str, Any]:
        """Return the object that ``ragkit query --json`` prints."""
        return {
            "question": self.question,
            "answer": self.text,
            "refused": self.refused,
            "preset": self.preset,
            "sentences": [
                {"text": s.text, "citations": list(s.citations), "supported": s.supported}
                | ({"mark": asdict(s.mark)} if s.mark else {})
                for s in self.sentences
            ],
            "citations": [asdict(c) for c in self.citations],
            "sources": [source.to_dict() for source in self.sources],
            "timings_ms": dict(self.timings_ms),
        }

    def __str__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        from ragkit.render import answer_html

        return answer_html(self)

    def _repr_markdown_(self) -> str:
        from ragkit.render import answer_markdown

        return answer_markdown(self)


@dataclass(frozen=True, slots=True)
class DocumentInfo:
    """One indexed file. ``source`` is relative to the folder, with forward slashes.

    ``indexed_at`` is ISO 8601 in UTC; ``sha256`` is of the file's bytes. Files with the same text
    share their nodes, and each reports the full count.
    """

    source: str
    nodes: int
    characters: int
    indexed_at: str
    sha256: str


@dataclass(frozen=True, slots=True)
class SkippedFile:
    """A file that was not indexed, and why, in words."""

    source: str
    reason: str


@dataclass(frozen=True, slots=True)
class IndexReport:
    """What one run of indexing did. ``nodes`` counts all nodes of the index afterwards.

    ``left_out`` counts, by reason, files and folders that are never looked at, such as hidden ones.
    """

    added: tuple[str, ...]
    updated: tuple[str, ...]
    deleted: tuple[str, ...]
    unchanged: int
    skipped: tuple[SkippedFile, ...]
    nodes: int
    seconds: float
    left_out: Mapping[str, int] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return the object that ``ragkit index --json`` prints."""
        return {
            "added": list(self.added),
            "updated": list(self.updated),
            "deleted": list(self.deleted),
            "unchanged": self.unchanged,
            "skipped": [asdict(s) for s in self.skipped],
            "nodes": self.nodes,
            "seconds": round(self.seconds, 3),
        }


@dataclass(frozen=True, slots=True)
class Clause:
    """One full-text query: any of ``terms``, each field's matches weighted by ``weights``.

    ``weight`` scales the clause's scores when several clauses are added up.
    """

    terms: tuple[str, ...]
    weights: tuple[float, ...]
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class IndexStatus:
    """Where an index is and how it fares. ``files`` is None while there is none.

    ``bytes`` is the size of its file; ``damage`` says in words what is wrong with it, or is None.
    """

    uri: str
    files: int | None = None
    nodes: int = 0
    bytes: int = 0
    damage: str | None = None


class Analyzer(Protocol):
    """Turns text into index terms; one and the same for indexing and for questions."""

    @property
    def version(self) -> str:
        """Changes whenever the terms of the same text would; part of an index's fingerprint."""

    @property
    def fields(self) -> tuple[str, ...]:
        """Names of the full-text columns, in the order of ``index_fields`` and ``weights``."""

    def index_fields(self, text: str, *, title: str, language: str | None) -> tuple[str, ...]:
        """Return one string of space-separated terms for each field. Deterministic."""

    @property
    def pool(self) -> int:
        """How many of the best nodes ``rescore`` is to see."""

    def clauses(self, question: str) -> Sequence[Clause]:
        """Return the full-text queries that find the nodes for ``question``; empty if no term."""

    def rescore(self, question: str, candidates: Sequence[tuple[float, str]]) -> list[float]:
        """Return new scores for candidates ``(score, text)``, in their order; none falls."""
