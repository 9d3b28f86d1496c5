"""The answer without a model: the documents' own sentences, or a refusal.

``extract_answer`` is plain and needs no LlamaIndex object beyond the nodes it is given;
``ExtractiveSynthesizer`` puts it behind LlamaIndex's query engines.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Generator, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from llama_index.core.base.response.schema import (
    AsyncStreamingResponse,
    Response,
    StreamingResponse,
)
from llama_index.core.callbacks.base import CallbackManager
from llama_index.core.response_synthesizers.base import BaseSynthesizer
from llama_index.core.schema import NodeWithScore, QueryBundle

from ragkit.answer.citations import cite_extract, source_nodes
from ragkit.answer.evidence import (
    DocumentFrequencies,
    Evidence,
    Passage,
    gather_evidence,
    weigh_atoms,
)
from ragkit.answer.mark import mark_answer
from ragkit.answer.near import near_numbers
from ragkit.answer.question import Question, analyze_question
from ragkit.answer.refusal import HOPELESS, THRESHOLD, confidence, is_asking, refusal_text
from ragkit.answer.rows import cell_mark
from ragkit.answer.selection import Excerpt, rank_evidence, select_excerpts

__all__ = [
    "MOST_NODES",
    "ExtractedAnswer",
    "ExtractedSentence",
    "ExtractiveSynthesizer",
    "evidence_refuses",
    "extract_answer",
    "iter_pieces",
]

MOST_NODES = 8
"""Nodes beyond these are not read: the answer is in the best ones or nowhere."""
_PIECE = re.compile(r"[^\s\u2e80-\ud7ff]+\s*|\s+|[\u2e80-\ud7ff]{1,4}[^\w\s]*\s*")


@dataclass(frozen=True, slots=True)
class ExtractedSentence:
    """``text`` is verbatim ``nodes[node]``'s text from ``start`` to ``end``.

    It is one sentence, or a few adjacent ones that make sense only together: ``sentences`` counts
    them. ``mark`` is the span of the short answer inside ``text``, or None where unsure.
    """

    text: str
    node: int
    start: int
    end: int
    mark: tuple[int, int] | None
    sentences: int = 1


@dataclass(frozen=True, slots=True)
class ExtractedAnswer:
    """What the nodes say to a question.

    ``coverage`` is the share of the question's informative words that the best sentence holds,
    ``confidence`` the estimated probability that the nodes hold the answer; both in [0, 1]. When
    ``refused``, there are no sentences and ``message`` says so in the question's language;
    otherwise ``message`` is empty. ``looked_for`` are the informative words as typed; ``near`` the
    numbers, from 1, of the nodes that share one.
    """

    question: str
    sentences: tuple[ExtractedSentence, ...]
    refused: bool
    coverage: float
    confidence: float
    message: str
    looked_for: tuple[str, ...]
    near: tuple[int, ...] = ()


def extract_answer(
    question: str,
    nodes: Sequence[NodeWithScore],
    *,
    document_frequencies: DocumentFrequencies,
    language: str | None = None,
    reply_language: str | None = None,
    max_sentences: int = 2,
    threshold: float = THRESHOLD,
) -> ExtractedAnswer:
    """Return the sentences of ``nodes`` (best first) that best answer ``question``, or a refusal.

    ``document_frequencies`` gives, for index terms, the number of nodes in the collection and how
    many hold each term. ``language`` (ISO 639-1) overrides the language detected in the question,
    in which a refusal is worded unless ``reply_language`` is given.
    An answer has at most ``max_sentences`` sentences, those joined for sense not counted, and is
    refused below ``threshold`` of confidence. Never raises for any text.
    """
    asked = _read_question(question, nodes, language)
    reply = reply_language or language
    if not is_asking(asked) or not nodes:
        return _refusal(asked, question, nodes, reply)
    passages = _passages(nodes[:MOST_NODES])
    atoms = weigh_atoms(asked, document_frequencies)
    evidence = gather_evidence(asked, atoms, passages)
    ranked = rank_evidence(asked, evidence, passages)
    if not ranked:
        return _refusal(asked, question, nodes, reply)
    best = ranked[0][1]
    certain = confidence(asked, ranked, evidence, atoms, [p.score for p in passages])
    covered = best.features.own
    if certain < threshold:
        return _refusal(asked, question, nodes, reply, coverage=covered, certain=certain)
    excerpts = select_excerpts(asked, ranked, passages, max_sentences=max_sentences)
    return ExtractedAnswer(
        question=question,
        sentences=tuple(_sentence(asked, e, passages[e.node]) for e in excerpts),
        refused=False,
        coverage=covered,
        confidence=certain,
        message="",
        looked_for=asked.words,
        near=near_numbers(asked, source_nodes(nodes)),
    )


def evidence_refuses(
    question: str,
    nodes: Sequence[NodeWithScore],
    *,
    document_frequencies: DocumentFrequencies,
    by_words: bool,
    threshold: float = HOPELESS,
) -> bool:
    """Return whether it is hopeless to ask a model what the ``nodes`` say to ``question``.

    With the keywords bound it is the ``refuses`` of ``stream_generate``. ``by_words`` tells that
    the nodes were found by words alone. An embedder finds them by meaning: then it is hopeless only
    where the question also holds a number, identifier or name that occurs nowhere. Where a node is
    in another language than the question, or not known to be in the same, the model decides.
    """
    if not nodes:
        return True
    asked = _read_question(question, nodes, None)
    if not is_asking(asked):
        return False
    languages = {str(n.node.metadata.get("language") or "") for n in nodes[:MOST_NODES]}
    base = str(asked.language or "").partition("-")[0]
    if any(language.partition("-")[0] != base for language in languages):
        return False
    if not by_words and weigh_atoms(asked, document_frequencies).strangers < 1:
        return False
    found = extract_answer(question, nodes, document_frequencies=document_frequencies, threshold=0)
    return found.confidence < threshold


def iter_pieces(text: str) -> Iterator[str]:
    """Yield ``text`` in pieces of about a word (up to four characters of Chinese), whole in sum."""
    end = 0
    for match in _PIECE.finditer(text):
        yield text[end : match.end()]
        end = match.end()
    if end < len(text):
        yield text[end:]


class ExtractiveSynthesizer(BaseSynthesizer):  # type: ignore[misc,unused-ignore]
    """A LlamaIndex response synthesizer that quotes instead of generating; needs no LLM.

    The response's text carries ``[n]`` after each sentence, n being the place of its node in
    ``source_nodes``. Its ``metadata`` has ``refused``, ``confidence``, ``coverage``,
    ``sentences`` and ``citations`` (as in ``Answer.to_dict``) beside nothing else.
    """

    def __init__(
        self,
        *,
        document_frequencies: DocumentFrequencies,
        language: str | None = None,
        max_sentences: int = 2,
        streaming: bool = False,
        callback_manager: CallbackManager | None = None,
    ) -> None:
        """See ``extract_answer`` for the arguments; with ``streaming`` the text comes in pieces."""
        # The base class would resolve Settings.llm, which reaches for OpenAI, and load tiktoken.
        self._callback_manager = callback_manager or CallbackManager([])
        self._streaming = streaming
        self._document_frequencies = document_frequencies
        self._language = language
        self._max_sentences = max_sentences

    @property
    def callback_manager(self) -> CallbackManager:
        """The callback manager that the query engine shares."""
        return self._callback_manager

    @callback_manager.setter
    def callback_manager(self, callback_manager: CallbackManager) -> None:
        self._callback_manager = callback_manager

    def synthesize(
        self,
        query: str | QueryBundle,
        nodes: Sequence[NodeWithScore],
        additional_source_nodes: Sequence[NodeWithScore] | None = None,
        **response_kwargs: Any,
    ) -> Response | StreamingResponse:
        """Answer ``query`` from ``nodes``; refuse in words where they do not hold it."""
        text, metadata = self._answer(query, nodes)
        sources = [*nodes, *(additional_source_nodes or [])]
        if self._streaming:
            pieces: Generator[str, None, None] = (piece for piece in iter_pieces(text))
            return StreamingResponse(pieces, source_nodes=sources, metadata=metadata)
        return Response(text, source_nodes=sources, metadata=metadata)

    async def asynthesize(
        self,
        query: str | QueryBundle,
        nodes: Sequence[NodeWithScore],
        additional_source_nodes: Sequence[NodeWithScore] | None = None,
        **response_kwargs: Any,
    ) -> Response | AsyncStreamingResponse:
        """Like ``synthesize``; the work is too short to be worth a thread."""
        text, metadata = self._answer(query, nodes)
        sources = [*nodes, *(additional_source_nodes or [])]
        if self._streaming:
            return AsyncStreamingResponse(_apieces(text), source_nodes=sources, metadata=metadata)
        return Response(text, source_nodes=sources, metadata=metadata)

    def get_response(
        self, query_str: str, text_chunks: Sequence[str], **response_kwargs: Any
    ) -> str:
        """Answer from bare texts, best first."""
        from llama_index.core.schema import TextNode

        nodes = [NodeWithScore(node=TextNode(text=chunk)) for chunk in text_chunks]
        return self._answer(query_str, nodes)[0]

    async def aget_response(
        self, query_str: str, text_chunks: Sequence[str], **response_kwargs: Any
    ) -> str:
        """Like ``get_response``."""
        return self.get_response(query_str, text_chunks)

    def _get_prompts(self) -> dict[str, Any]:
        return {}

    def _update_prompts(self, prompts: Any) -> None:
        """There are none."""

    def _answer(
        self, query: str | QueryBundle, nodes: Sequence[NodeWithScore]
    ) -> tuple[str, dict[str, Any]]:
        question = query if isinstance(query, str) else query.query_str
        answer = extract_answer(
            question,
            nodes,
            document_frequencies=self._document_frequencies,
            language=self._language,
            max_sentences=self._max_sentences,
        )
        cited = cite_extract(answer, nodes)
        metadata = {
            "refused": answer.refused,
            "confidence": answer.confidence,
            "coverage": answer.coverage,
            "sentences": [asdict(sentence) for sentence in cited.sentences],
            "citations": [asdict(citation) for citation in cited.citations],
        }
        return cited.text, metadata


def _read_question(question: str, nodes: Sequence[NodeWithScore], language: str | None) -> Question:
    """Analyse the question; bare keywords are read in the language of the best node.

    Two or three words are too few to tell a language by, and another stemmer would miss.
    """
    asked = analyze_question(question, language=language)
    known = nodes[0].node.metadata.get("language") if nodes and language is None else None
    same_script = known not in _OTHER_SCRIPTS and asked.language not in _OTHER_SCRIPTS
    if asked.kind == "keywords" and known and known != asked.language and same_script:
        return analyze_question(question, language=str(known))
    return asked


_SCRIPTED = "zh zh-Hant ja ko th lo km my ru uk bg sr el he ar fa ur hi mr ne ta hy"
_OTHER_SCRIPTS = frozenset(_SCRIPTED.split())


def _passages(nodes: Sequence[NodeWithScore]) -> list[Passage]:
    scores = [max(0.0, float(scored.score or 0.0)) for scored in nodes]
    top = max(scores, default=0.0)
    passages = []
    for rank, (scored, score) in enumerate(zip(nodes, scores, strict=True)):
        metadata = scored.node.metadata
        path = str(metadata.get("heading_path") or "")
        headings = tuple(part for part in path.split(" > ") if part)
        # A store that gives no scores still gives an order.
        share = score / top if top else 1 / (1 + 0.2 * rank)
        context = f"{metadata.get('title') or ''}\n{path}"
        language = str(metadata.get("language") or "").partition("-")[0]
        passages.append(Passage(scored.node.get_content(), share, context, headings, language))
    return passages


def _sentence(question: Question, excerpt: Excerpt, passage: Passage) -> ExtractedSentence:
    text = passage.text[excerpt.start : excerpt.end]
    marks = (_mark(question, excerpt, core, passage) for core in _by_type(excerpt))
    mark = next((mark for mark in marks if mark), None)
    return ExtractedSentence(
        text, excerpt.node, excerpt.start, excerpt.end, mark, excerpt.sentences
    )


def _by_type(excerpt: Excerpt) -> list[Evidence]:
    """Return the sentences of the excerpt, those that hold what is asked for first."""
    return sorted(excerpt.cores, key=lambda core: core.features.lacking)


def _mark(
    question: Question, excerpt: Excerpt, core: Evidence, passage: Passage
) -> tuple[int, int] | None:
    unit = core.unit
    if unit.kind == "code":
        return None
    text = passage.text[unit.start : unit.end]
    found = mark_answer(question, text, core.places)
    if unit.kind == "row":
        found = cell_mark(question, text, core.places, found)
    if found is None:
        return None
    start, end = (at + unit.start - excerpt.start for at in found)
    return (start, end) if start >= 0 and end <= excerpt.end - excerpt.start else None


def _refusal(
    asked: Question,
    question: str,
    nodes: Sequence[NodeWithScore],
    language: str | None,
    *,
    coverage: float = 0.0,
    certain: float = 0.0,
) -> ExtractedAnswer:
    sources = source_nodes(nodes)
    message = refusal_text(asked, sources=sources, language=language)
    near = near_numbers(asked, sources)
    return ExtractedAnswer(question, (), True, coverage, certain, message, asked.words, near)


async def _apieces(text: str) -> AsyncGenerator[str, None]:
    for piece in iter_pieces(text):
        yield piece
