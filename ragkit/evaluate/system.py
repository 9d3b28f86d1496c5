"""What is measured: a knowledge base seen as a retriever over passages or files, and an answerer.

``passage_system`` indexes the passages of a test set in a temporary store, with the embedder and
the language model of a preset; ``folder_system`` asks a folder's own index, in whatever store it
is. Both go through the objects that ``KnowledgeBase`` hands to LlamaIndex, so what is measured is
what answers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from ragkit.errors import ConfigError
from ragkit.evaluate.dataset import Passage
from ragkit.evaluate.sections import Sections

if TYPE_CHECKING:
    from llama_index.core.schema import NodeWithScore, TextNode

    from ragkit.indexing import Progress
    from ragkit.knowledge import KnowledgeBase

__all__ = ["Given", "System", "folder_system", "knowledge_system", "passage_system"]

_BATCH = 256
# Where several nodes make up what is to be found, so many are looked at for each that counts.
_NODES_A_UNIT = 4


Unit = Callable[["NodeWithScore", frozenset[str]], str]
"""A node, and what is right for the question that found it, in; what the node is part of out."""


@dataclass(frozen=True, slots=True)
class Given:
    """An answer as it is judged.

    ``text`` is all sentences without source numbers, ``short`` the marked short answer, or all of
    ``text`` where nothing is marked; both are empty where there is nothing to say. ``refused``
    tells whether the reader got them, ``confidence`` (0 to 1) how sure it was that the nodes hold
    the answer. ``sentences`` is their number.
    """

    text: str
    short: str
    refused: bool
    confidence: float
    sentences: int


@dataclass(frozen=True, slots=True)
class System:
    """A retriever and an answerer over units, which are passages or files.

    ``retrieve`` returns at most so many nodes, best first; ``unit`` names what a node is part of,
    one of those that are right where it is part of several;
    ``answer`` reads nodes, best first. ``top_k`` nodes are read for an answer; ``nodes_a_unit``
    nodes are looked at for each unit that counts.
    """

    preset: str
    retriever: str
    top_k: int
    retrieve: Callable[[str, int], list[NodeWithScore]]
    unit: Unit
    answer: Callable[[str, Sequence[NodeWithScore]], Given]
    nodes_a_unit: int = 1


@contextmanager
def passage_system(
    passages: Sequence[Passage],
    *,
    preset: str | None = None,
    retriever: str | None = None,
    answers: bool = False,
    models: KnowledgeBase | None = None,
    status: Callable[[str], None] | None = None,
    progress: Progress | None = None,
) -> Iterator[System]:
    """Index ``passages`` in a temporary store and yield what finds them; nothing is deduplicated.

    ``retriever`` (lexical, dense, hybrid) is the preset's own where it is None. A passage is one
    node, or several where the embedder would not read it to its end. ``answers`` tells whether
    ``answer`` will be used. ``models`` is an open knowledge base of the same preset, whose models
    are shared. ``status`` hears of models being loaded and of what preset ``auto`` chose,
    ``progress`` of passages indexed. Raises ConfigError without passages, and where the retriever
    needs an embedder that the preset lacks; ModelUnavailable without the weights of a model that is
    needed.
    """
    if not passages:
        raise ConfigError("There are no passages. Name a file that holds some: --passages FILE.")
    with TemporaryDirectory(prefix="ragkit-evaluate-") as name:
        folder = Path(name)
        kb = _open(folder, folder / "passages.db", preset, retriever, answers, status)
        if models is not None:
            kb.parts = models.parts
        try:
            cut = _index(kb, passages, progress)
            yield _system(kb, unit=lambda found, _: str(found.node.metadata["source"]), several=cut)
        finally:
            kb.close()


@contextmanager
def folder_system(
    folder: Path,
    sections: Sequence[Passage] = (),
    *,
    index: str | None = None,
    preset: str | None = None,
    retriever: str | None = None,
    answers: bool = False,
    status: Callable[[str], None] | None = None,
    progress: Callable[[], AbstractContextManager[Progress | None]] = nullcontext,
) -> Iterator[System]:
    """Bring the index of ``folder`` up to date and yield what finds its files.

    A unit is a file by its ``source``. Where ``sections`` quote parts of a file verbatim, its
    nodes count as the section that they share most characters with. Raises what
    ``KnowledgeBase.index`` does.
    """
    kb = _open(folder, index, preset, retriever, answers, status)
    try:
        with progress() as report:
            kb.index(progress=report)
        yield _system(kb, unit=Sections(kb, sections).of, several=True)
    finally:
        kb.close()


@contextmanager
def knowledge_system(
    kb: KnowledgeBase,
    sections: Sequence[Passage] = (),
    *,
    retriever: str | None = None,
    answers: bool = False,
    progress: Progress | None = None,
) -> Iterator[System]:
    """Like ``folder_system``, over an open knowledge base, with its models and its index.

    It stays open. An index that another process is writing is asked as it is. Raises what
    ``KnowledgeBase.index`` does, and ConfigError for a retriever that its index has no vectors for.
    """
    from ragkit.knowledge import KnowledgeBase

    settings = kb.config.retriever
    if retriever in ("dense", "hybrid") and kb.parts.fingerprint["embedder"] is None:
        raise ConfigError(
            f"Preset '{kb.config.preset}' has no embedder, which {retriever} retrieval needs. "
            "Choose lexical, or another preset."
        )
    if answers:
        kb.require_answerer()
    kb.refresh(progress=progress)
    if retriever in (None, settings.kind):
        yield _system(kb, unit=Sections(kb, sections).of, several=True)
        return
    changed = settings.model_copy(update={"kind": retriever})
    other = KnowledgeBase(kb.folder, kb.config.model_copy(update={"retriever": changed}))
    other.parts = kb.parts  # the models are loaded once
    try:
        yield _system(other, unit=Sections(other, sections).of, several=True)
    finally:
        other.close()


def _open(
    folder: Path,
    index: str | Path | None,
    preset: str | None,
    retriever: str | None,
    answers: bool,
    status: Callable[[str], None] | None,
) -> KnowledgeBase:
    from ragkit.knowledge import open as open_folder

    settings: dict[str, Any] = {"retriever.kind": retriever} if retriever else {}
    kb = open_folder(folder, index=index, preset=preset, settings=settings, status=status)
    if answers:
        kb.require_answerer()  # before anything is indexed in vain
    return kb


def _index(
    kb: KnowledgeBase, passages: Sequence[Passage], progress: Progress | None = None
) -> bool:
    """Write the passages; return whether one had to be cut into several nodes."""
    from ragkit.models.embedder import embed_documents

    store = kb.parts.open_store(kb.index_uri)
    # Words alone need no vectors: no embedder is loaded for them.
    embedder = kb.parts.embedder if kb.config.retriever.uses_vectors else None
    cut = False
    rows, done = iter(passages), 0
    try:
        while batch := list(islice(rows, _BATCH)):
            nodes = [node for passage in batch for node in _nodes(kb, passage, embedder is None)]
            cut = cut or len(nodes) > len(batch)
            if embedder is not None:
                vectors = embed_documents(embedder, [node.text for node in nodes])
                for node, vector in zip(nodes, vectors, strict=True):
                    node.embedding = vector
            with store.transaction():
                store.vector_store.add(nodes)
            done += len(batch)
            if progress:
                progress(done, len(passages), batch[-1].id)
        if embedder is not None and kb.config.retriever.kind == "hybrid":
            store.vector_store.measure_worth(embedder.get_query_embedding)
    finally:
        store.close()
    return cut


def _nodes(kb: KnowledgeBase, passage: Passage, whole: bool) -> list[TextNode]:
    from llama_index.core.schema import TextNode

    from ragkit.retrieve.tokenizer import detect_language

    metadata = {"source": passage.id, "title": passage.title}
    if language := detect_language(passage.text):
        metadata["language"] = language
    spans = [(0, len(passage.text))] if whole else _spans(kb, passage.text)
    return [
        TextNode(
            id_=f"{passage.id}/{number}",
            text=passage.text[start:end],
            start_char_idx=start,
            end_char_idx=end,
            metadata=metadata,
            excluded_embed_metadata_keys=list(metadata),
        )
        for number, (start, end) in enumerate(spans)
    ]


def _spans(kb: KnowledgeBase, text: str) -> list[tuple[int, int]]:
    """Return the spans that the embedder reads whole, as the preset would cut a document."""
    from ragkit.ingest.splitter import split

    sizing = kb.parts.sizing
    if sizing.count_tokens(text) <= sizing.chunk_size:
        return [(0, len(text))]
    spans = split(
        text,
        count_tokens=sizing.count_tokens,
        chunk_size=sizing.chunk_size,
        chunk_overlap=sizing.chunk_overlap,
    )
    return [(span.start, span.end) for span in spans]


def _system(kb: KnowledgeBase, *, unit: Unit, several: bool) -> System:
    return System(
        preset=kb.config.preset,
        retriever=kb.config.retriever.kind,
        top_k=kb.config.top_k,
        retrieve=_Retrieve(kb),
        unit=unit,
        answer=_Answer(kb),
        nodes_a_unit=_NODES_A_UNIT if several else 1,
    )


class _Retrieve:
    """The knowledge base's retriever, one for each number of nodes asked for."""

    def __init__(self, kb: KnowledgeBase) -> None:
        self._kb = kb
        self._retrievers: dict[int, Any] = {}

    def __call__(self, question: str, limit: int) -> list[NodeWithScore]:
        if limit not in self._retrievers:
            self._retrievers[limit] = self._kb.as_retriever(top_k=limit, collapse=False)
        found = self._retrievers[limit].retrieve(question)
        # As the knowledge base does: a text whose file is gone has no source.
        return [node for node in found if node.node.metadata.get("source")]


class _Answer:
    """The knowledge base's query engine, given its nodes; models load at the first question."""

    def __init__(self, kb: KnowledgeBase) -> None:
        self._kb = kb
        self._engine: Any = None
        self._frequencies: Any = None

    def __call__(self, question: str, nodes: Sequence[NodeWithScore]) -> Given:
        from llama_index.core.schema import QueryBundle

        if self._engine is None:
            self._engine = self._kb.as_query_engine()
            store = self._kb.parts.open_store(self._kb.index_uri)
            self._frequencies = store.document_frequencies
        response = self._engine.synthesize(QueryBundle(question), nodes=list(nodes))
        told: Mapping[str, Any] = response.metadata or {}
        sentences = [_sentence(sentence) for sentence in told["sentences"]]
        confidence = told.get("confidence")
        if confidence is None or (told["refused"] and not self._kb.generates):
            extracted = self._extracted(question, nodes)
            confidence = extracted.confidence if confidence is None else confidence
            if not self._kb.generates:
                sentences = [(s.text, s.mark) for s in extracted.sentences]
        return _given(sentences, bool(told["refused"]), float(confidence))

    def _extracted(self, question: str, nodes: Sequence[NodeWithScore]) -> Any:
        """Return what would be quoted with no threshold: what is worth and what is given apart."""
        from ragkit.answer.extractive import extract_answer

        return extract_answer(
            question, nodes, document_frequencies=self._frequencies, threshold=0.0
        )


def _sentence(told: Mapping[str, Any]) -> tuple[str, tuple[int, int] | None]:
    mark = told.get("mark")
    return str(told["text"]), (mark["start"], mark["end"]) if mark else None


def _given(
    sentences: Sequence[tuple[str, tuple[int, int] | None]], refused: bool, confidence: float
) -> Given:
    text = " ".join(sentence for sentence, _ in sentences)
    marked = [sentence[mark[0] : mark[1]] for sentence, mark in sentences if mark]
    return Given(text, marked[0] if marked else text, refused, confidence, len(sentences))
