"""``KnowledgeBase``: the one place that wires configuration, ingest, store and answer."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ragkit.chat import Chat
from ragkit.config import Config, load_config
from ragkit.errors import ConfigError
from ragkit.folder_index import FolderIndex
from ragkit.global_settings import configure
from ragkit.parts import Parts, Status, weights_present
from ragkit.types import Answer, DocumentInfo, IndexReport, IndexStatus, SourceNode

if TYPE_CHECKING:
    from threading import Event

    from llama_index.core.base.base_retriever import BaseRetriever
    from llama_index.core.query_engine import RetrieverQueryEngine
    from llama_index.core.response_synthesizers import BaseSynthesizer
    from llama_index.core.schema import BaseNode, NodeWithScore
    from llama_index.core.vector_stores.types import MetadataFilters

    from ragkit.answer.engine import AnswerStream
    from ragkit.answer.overview import Library
    from ragkit.exclusions import FolderNotes
    from ragkit.indexing import Progress
    from ragkit.ingest.reading import Reading
    from ragkit.retrieve.classic import ClassicRanking
    from ragkit.store.catalog import Catalog
    from ragkit.store.sqlite import SqliteStore
    from ragkit.why import Why

__all__ = ["Chat", "KnowledgeBase", "configure", "open"]


def open(
    folder: str | Path = "data",
    *,
    index: str | Path | None = None,
    preset: str | None = None,
    top_k: int | None = None,
    settings: Mapping[str, Any] | None = None,
    status: Status | None = None,
) -> KnowledgeBase:
    """Open the knowledge base of ``folder``; neither loads a model nor indexes.

    ``index`` is an SQLite file or a store URI (default: one index a folder, under the user's data
    directory). ``settings`` takes dotted keys, such as ``{"splitter.chunk_size": 300}``. ``status``
    is called with a line for the user while a model is loaded.
    Raises ConfigError for a setting that cannot be used, or when ``folder`` is a file.
    """
    arguments: dict[str, Any] = dict(settings or {})
    given = {"store.uri": index and str(index), "preset": preset, "top_k": top_k}
    arguments |= {key: value for key, value in given.items() if value is not None}
    loaded = load_config(arguments=arguments, weights_present=weights_present)
    return KnowledgeBase(Path(folder), loaded.config, notice=loaded.notice, status=status)


class KnowledgeBase:
    """A folder, its index, and the way to ask it. Safe to share between threads."""

    def __init__(
        self,
        folder: Path,
        config: Config,
        *,
        notice: str | None = None,
        status: Status | None = None,
    ) -> None:
        """Wire nothing yet; ``notice`` is a line that faces show once (what ``auto`` chose)."""
        self.folder = folder.expanduser()
        self.config = config
        self.parts = Parts(config, status=status)
        self.notice = notice
        if self.folder.is_file():
            raise ConfigError(
                f"'{self.folder}' is a file, not a folder. Give the folder that holds it."
            )
        self._index = FolderIndex(self.folder, config, self.parts, status=status)

    @property
    def generates(self) -> bool:
        """Whether a model writes the answers, token by token."""
        return self.config.llm.kind != "none"

    @property
    def index_uri(self) -> str:
        """Where the index is: ``store.uri``, or a file of its own for folder and fingerprint."""
        return self._index.uri

    @property
    def home(self) -> Path:
        """The folder of indexes and of what else ragkit keeps; it need not exist yet."""
        return self._index.home

    @property
    def notes(self) -> FolderNotes:
        """Which of the folder's files are left out of the index, and which were uploaded."""
        return self._index.notes

    @property
    def catalog(self) -> Catalog:
        """The index's files and their texts, for reports; change nothing through it."""
        return self._store.catalog

    @property
    def reading(self) -> Reading:
        """How the folder's files are read. Raises ConfigError for a bad password file."""
        return self._index.reading

    def index_files(self) -> frozenset[str]:
        """Return the paths of the index and of what SQLite keeps beside it."""
        from ragkit.indexing import own_files

        return own_files(self._store)

    def index(self, *, rebuild: bool = False, progress: Progress | None = None) -> IndexReport:
        """Bring the index up to date with the folder; wait for another process that does so.

        With ``rebuild`` everything is read again into a new generation beside the old one, which
        answers until the new one is complete. Raises ConfigError when the folder is missing,
        IndexMismatch when the index was built with other settings, StoreError when it cannot be
        written.
        """
        return self._index.sync(rebuild=rebuild, progress=progress)

    def refresh(self, *, progress: Progress | None = None) -> IndexReport | None:
        """Like ``index``, but return None at once while another process is indexing."""
        return self._index.refresh(progress=progress)

    def watch(self) -> Iterator[IndexReport]:
        """Follow the folder: yield a report after each change, until interrupted."""
        for _ in self.changes():
            report = self.index()
            if report.added or report.updated or report.deleted:
                yield report

    def changes(self, *, stop: Event | None = None) -> Iterator[None]:
        """Yield whenever it is time to look at the folder again, until ``stop`` is set.

        Raises ConfigError when the folder is missing.
        """
        return self._index.changes(stop=stop)

    def index_status(self) -> IndexStatus:
        """Return where the index is and how it fares; reads all of it to look for damage."""
        return self._index.status()

    def documents(self) -> list[DocumentInfo]:
        """Return one row for each indexed file, duplicates included, by source."""
        return self._store.catalog.documents()

    def text(self, source: str, *, page: int | None = None) -> str:
        """Return the extracted text of a file, to which citations' offsets refer.

        With ``page`` only that page's part, which has offsets of its own. Raises StoreError when no
        such file is indexed, or it has no such page.
        """
        if page is None:
            return self._store.catalog.text(source)
        from ragkit.files import page_text

        return page_text(source, page, self._store)

    def why(self, question: str, source: str, *, filters: Sequence[str] = ()) -> Why:
        """Return at which stage the file ``source`` was lost for ``question``; runs no model.

        See ``ragkit.explain.explain`` for the names of files that are understood and for what is
        raised, beside what ``index`` raises.
        """
        from ragkit.explain import explain

        self._index.ensure()
        return explain(self, self._store, question, source, filters=self._checked(filters))

    def examples(self, *, language: str = "en", most: int = 3) -> list[str]:
        """Return up to ``most`` questions that the index answers well, to begin with.

        They are made of its documents and tried by words alone, without a model, in at most some
        two seconds; those in ``language`` (ISO 639-1) come first. Empty where nothing is indexed.
        """
        from ragkit.answer.examples import index_examples

        return index_examples(self._store, language=language, most=most)

    def retrieve(self, question: str, *, filters: Sequence[str] = ()) -> tuple[SourceNode, ...]:
        """Return the nodes found for ``question``, best first, without an answer.

        Raises what ``ask`` raises.
        """
        from ragkit.answer.citations import source_nodes

        _require_text(question)
        return source_nodes(self._retrieve(question, filters))

    def ask(self, question: str, *, filters: Sequence[str] = ()) -> Answer:
        """Answer ``question`` from the folder, indexing it first when it never was.

        ``filters`` are ``KEY=VALUE`` strings over node metadata. Raises ConfigError for a question
        that is empty or no text, and for a filter that cannot be read or whose key no document
        has; and whatever ``index`` raises.
        """
        return self.stream(question, filters=filters).answer

    def stream(
        self,
        question: str,
        *,
        filters: Sequence[str] = (),
        history: Sequence[Answer] = (),
        top_k: int | None = None,
        language: str | None = None,
        temperature: float | None = None,
    ) -> AnswerStream:
        """Like ``ask``, but iterate over the answer's text; ``.answer`` has the whole.

        ``filters`` of one key are alternatives, those of different keys must all hold. ``history``
        is the conversation that the question may lean on, oldest first. ``top_k`` and
        ``temperature`` stand for this question in place of the configured ones; ``language``
        (ISO 639-1 or ``zh-Hant``) is what a model is told to answer in, and what a refusal is
        worded in (default: the question's). Closing the stream ends the generation.
        """
        _require_text(question)
        from ragkit.answer.intents import recognise
        from ragkit.answer.overview import answer_intent, summary_nodes

        self.require_answerer()
        clock = _Clock()
        self._index.ensure()
        filters = self._checked(filters)
        intent = recognise(question, lambda: [d.source for d in self._within(filters)])
        if intent is not None and not (self.generates and intent.sources):
            return answer_intent(
                replace(intent, language=language or intent.language),
                question,
                self._library(filters),
                preset=self.config.preset,
                lap=clock.lap,
            )
        self.load()
        clock.lap("load")
        if intent is not None:
            # Of a file that is to be summarised the model reads the sections' beginnings.
            search, nodes = question, summary_nodes(intent, self._library(filters))
        else:
            search = self._made_whole(question, history)
            nodes = self._retrieve(search, filters, top_k)
        clock.lap("retrieve")
        llm = self.parts.llm
        if llm is None:
            from ragkit.answer.engine import stream_extract

            return stream_extract(
                question,
                search,
                nodes,
                document_frequencies=self._store.document_frequencies,
                preset=self.config.preset,
                lap=clock.lap,
                language=language,
            )
        from ragkit.answer.generate import stream_generate

        return stream_generate(
            question,
            search,
            self.with_neighbours(nodes),
            llm=llm,
            count_tokens=self.parts.count_tokens,
            history=history,
            language=language,
            temperature=temperature,
            style=self.config.llm.prompt,
            refuses=None if intent else self.is_hopeless,
            preset=self.config.preset,
            lap=clock.lap,
        )

    def _made_whole(self, question: str, history: Sequence[Answer]) -> str:
        """Return what to look for: a follow-up with what it leans on."""
        if not history:
            return question
        llm = self.parts.llm
        if llm is None:
            from ragkit.answer.followup import whole_questions

            return whole_questions(question, history)
        from ragkit.answer.condense import condense

        return condense(question, history, llm, self.parts.count_tokens)

    def chat(self, history: Sequence[Answer] = ()) -> Chat:
        """Start a conversation, or go on from ``history``; questions may lean on earlier ones."""
        return Chat(self, history)

    def as_retriever(
        self,
        *,
        top_k: int | None = None,
        filters: MetadataFilters | None = None,
        collapse: bool = True,
    ) -> BaseRetriever:
        """Return a LlamaIndex retriever over this index; near-duplicates ``collapse`` into one."""
        from ragkit.retrieve.retriever import StoreRetriever

        self._index.ensure()
        # Words alone need no embedder: none is loaded for them.
        settings = self.config.retriever
        embedder = self.parts.embedder if settings.uses_vectors else None
        by_words = settings.kind in ("tfidf", "bm25")
        return StoreRetriever(
            self._classic if by_words else self._store.vector_store,
            kind=settings.kind if settings.kind in ("dense", "hybrid") else "lexical",
            top_k=top_k or self.config.top_k,
            embed_query=embedder.get_query_embedding if embedder else None,
            filters=filters,
            collapse=collapse,
            reranker=self.parts.reranker(top_k or self.config.top_k),
        )

    def as_query_engine(self, *, streaming: bool = False) -> RetrieverQueryEngine:
        """Return a LlamaIndex query engine that retrieves and answers like ``ask``.

        With ``streaming`` its response has the text in pieces (``response_gen``).
        """
        from llama_index.core.query_engine import RetrieverQueryEngine

        self.require_answerer()
        return RetrieverQueryEngine(
            retriever=self.as_retriever(), response_synthesizer=self._synthesizer(streaming)
        )

    def _synthesizer(self, streaming: bool) -> BaseSynthesizer:
        llm = self.parts.llm
        if llm is None:
            from ragkit.answer.extractive import ExtractiveSynthesizer

            return ExtractiveSynthesizer(
                document_frequencies=self._store.document_frequencies, streaming=streaming
            )
        from ragkit.answer.synthesizer import GenerativeSynthesizer

        return GenerativeSynthesizer(
            llm=llm,
            count_tokens=self.parts.count_tokens,
            style=self.config.llm.prompt,
            refuses=self.is_hopeless,
            streaming=streaming,
        )

    def is_hopeless(self, question: str, nodes: Sequence[NodeWithScore]) -> bool:
        """Return whether ``nodes`` lack so much of ``question`` that no model is asked."""
        from ragkit.answer.extractive import evidence_refuses

        return evidence_refuses(
            question,
            nodes,
            document_frequencies=self._store.document_frequencies,
            by_words=not self.config.retriever.uses_vectors,
        )

    def require_answerer(self) -> None:
        """Do nothing where ``ask`` can answer; else raise, at no cost, what it would raise.

        Raises ModelUnavailable without the model's weights, ConfigError for a model server
        without an address.
        """
        self.parts.require_llm()

    def load(self) -> None:
        """Load the models that answering needs, if any, which ``ask`` would do.

        Raises ModelUnavailable, MissingExtra.
        """
        if self.config.retriever.uses_vectors:
            _ = self.parts.embedder
        _ = self.parts.llm

    def close(self) -> None:
        """Close the index; using the knowledge base again opens it again."""
        self._index.close()

    @property
    def _store(self) -> SqliteStore:
        return self._index.store

    @cached_property
    def _classic(self) -> ClassicRanking:
        from ragkit.retrieve.classic import ClassicRanking

        kind = self.config.retriever.kind
        assert kind in ("tfidf", "bm25")
        store = self._store
        return ClassicRanking(
            kind, store.vector_store, analyzer=store.analyzer, version=store.nodes_version
        )

    def _retrieve(
        self, question: str, filters: Sequence[str], top_k: int | None = None
    ) -> list[NodeWithScore]:
        from ragkit.retrieve.retriever import parse_filters

        self._index.ensure()
        wanted = parse_filters(self._checked(filters))
        retriever = self.as_retriever(top_k=top_k, filters=wanted)
        # A text whose file just changed has no source until the run that saw it ends.
        return [n for n in retriever.retrieve(question) if n.node.metadata.get("source")]

    def _checked(self, filters: Sequence[str]) -> Sequence[str]:
        """Return ``filters`` as a sequence, all of whose keys the index has."""
        from ragkit.retrieve.filter_keys import check_filters

        pairs = (filters,) if isinstance(filters, str) else filters
        if pairs:
            check_filters(pairs, self.catalog)
        return pairs

    def with_neighbours(self, nodes: Sequence[NodeWithScore]) -> list[NodeWithScore]:
        """Return what a model reads: small nodes find, their sections are read."""
        from ragkit.retrieve.neighbours import expand_nodes

        store = self._store
        return expand_nodes(
            nodes,
            budget=self.config.retriever.neighbours,
            siblings=lambda owner, a, b: store.vector_store.nodes_of(owner, between=(a, b)),
            document_text=store.catalog.document_text,
        )

    def _within(self, filters: Sequence[str]) -> list[DocumentInfo]:
        """Return the documents of which some part is within ``filters``."""
        from ragkit.retrieve.retriever import parse_filters

        wanted = parse_filters(filters)
        if wanted is None:
            return self.documents()
        return self._store.catalog.documents_within(wanted)

    def _library(self, filters: Sequence[str]) -> Library:
        """Return what is known of the index, for answers about the documents themselves."""
        from ragkit.answer.overview import Library

        catalog = self._store.catalog
        owners = {s: f.document_id for s, f in catalog.files().items() if f.document_id}

        def title(source: str) -> str:
            return str(catalog.document_metadata(owners[source]).get("title") or "")

        def nodes(source: str) -> list[BaseNode]:
            return self._store.vector_store.nodes_of(owners[source])

        return Library(lambda: self._within(filters), title, nodes)


def _require_text(question: str) -> None:
    """Raise ConfigError for a question that is empty, or that no tokenizer takes."""
    if not isinstance(question, str) or not question.strip():
        raise ConfigError("The question is empty. Ask something about the documents.")
    try:
        question.encode()
    except UnicodeEncodeError:  # lone surrogates, as for bytes of another encoding in an argument
        raise ConfigError(
            f"The question {question[:40]!a} is not UTF-8. Convert it, for example with iconv."
        ) from None


class _Clock:
    """Milliseconds since it was made, noted by name."""

    def __init__(self) -> None:
        self._began = time.perf_counter()
        self._last = self._began
        self.timings: dict[str, float] = {}

    def lap(self, name: str) -> dict[str, float]:
        """Note the time since the last lap under ``name``, the total so far, and return all."""
        now = time.perf_counter()
        self.timings[name] = round((now - self._last) * 1000, 3)
        self.timings["total"] = round((now - self._began) * 1000, 3)
        self._last = now
        return self.timings
