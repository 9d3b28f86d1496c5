"""Hybrid retrieval is never much worse than the better of its arms, whatever the vectors are worth.

No real embedder is needed: vectors of known worth are made, an oracle mixed with noise. The
collection is made up, too: each passage has words of its own among common ones, and questions name
some of them, so that full text is right in most questions but not in all.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from llama_index.core import VectorStoreIndex
from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.bridge.pydantic import PrivateAttr
from llama_index.core.schema import TextNode
from llama_index.core.vector_stores.types import VectorStoreQuery, VectorStoreQueryMode
from numpy.typing import NDArray

from ragkit.retrieve.analyzer import LexicalAnalyzer
from ragkit.store import open_store
from ragkit.store.fusion import fuse_by_worth
from ragkit.store.probes import read_kept
from ragkit.store.sqlite import SqliteStore
from ragkit.store.worth import Learner, Worth, script

Vectors = NDArray[np.float64]
PASSAGES, QUESTIONS, DIMENSION = 150, 200, 96
ALLOWED = 0.0101
_MODES = {
    "lexical": VectorStoreQueryMode.TEXT_SEARCH,
    "dense": VectorStoreQueryMode.DEFAULT,
    "hybrid": VectorStoreQueryMode.HYBRID,
}


@dataclass(frozen=True)
class Collection:
    """Half of the passages are in English, half in Russian; ``gold`` is each question's passage."""

    texts: list[str]
    questions: list[str]
    gold: NDArray[np.int64]
    russian: NDArray[np.bool_]


@pytest.fixture(scope="module")
def collection() -> Collection:
    rng = np.random.default_rng(7)
    syllables = {"en": "ba de fi go lu mer nop quin ras tol".split()}
    syllables["ru"] = "ба де фи го лу мер ноп квин рас тол".split()
    frame = {"en": "the of and in that with", "ru": "и в на что для это"}

    def word(language: str) -> str:
        return "".join(rng.choice(syllables[language], 3))

    common = {language: [word(language) for _ in range(60)] for language in syllables}
    texts, own = [], []
    for number in range(PASSAGES):
        language = "ru" if number % 2 else "en"
        own.append([word(language) for _ in range(6)])
        filler = rng.choice(common[language], 24).tolist() + frame[language].split()
        words = own[-1] + filler
        rng.shuffle(words)
        texts.append(" ".join(words) + ".")
    gold = rng.integers(0, PASSAGES, QUESTIONS)
    questions = []
    for place in gold:
        language = "ru" if place % 2 else "en"
        # Some have but one word of their passage, or none: full text then guesses among many.
        share = rng.choice([0, 1, 2, 3], p=[0.15, 0.25, 0.3, 0.3])
        said = rng.choice(own[place], share, replace=False).tolist()
        said += rng.choice(common[language], 5).tolist() + frame[language].split()[:3]
        questions.append(" ".join(said) + "?")
    return Collection(texts, questions, gold, gold % 2 == 1)


def units(rows: Vectors) -> Vectors:
    lengths: Vectors = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / lengths)


def fill(path: Path, collection: Collection, vectors: Vectors) -> SqliteStore:
    store = open_store(path, analyzer=LexicalAnalyzer(), fingerprint={})
    store.vector_store.add(
        [
            TextNode(
                id_=str(place),
                text=text,
                embedding=vectors[place].tolist(),
                metadata={"language": "ru" if place % 2 else "en"},
            )
            for place, text in enumerate(collection.texts)
        ]
    )
    return store


def search(store: SqliteStore, mode: str, question: str, vector: Vectors) -> list[str]:
    query = VectorStoreQuery(
        query_str=question,
        query_embedding=vector.tolist(),
        similarity_top_k=5,
        mode=_MODES[mode],
    )
    return list(store.vector_store.query(query).ids or [])


def prober(collection: Collection, asked: Vectors) -> Callable[[str], list[float]]:
    """Return what embeds a part of a passage as that passage's row of ``asked``."""

    def embed_query(text: str) -> list[float]:
        place = next(i for i, whole in enumerate(collection.texts) if text in whole)
        return [float(number) for number in asked[place]]

    return embed_query


def made(case: str, collection: Collection) -> tuple[Vectors, Vectors, Vectors]:
    """Return vectors of the passages, of the questions, and of one probe for each passage."""
    gold = np.concatenate([collection.gold, np.arange(PASSAGES)])
    both = replace(collection, gold=gold, russian=gold % 2 == 1)
    vectors, asked = CASES[case](np.random.default_rng(11), both)
    return vectors, asked[:QUESTIONS], asked[QUESTIONS:]


def recall(
    path: Path, collection: Collection, vectors: Vectors, asked: Vectors, probes: Vectors
) -> dict[str, Vectors]:
    """Return for each mode which questions have their passage first."""
    store = fill(path, collection, vectors)
    assert store.vector_store.measure_worth(prober(collection, probes))
    found = {}
    for mode in _MODES:
        first = [
            search(store, mode, question, vector)[:1]
            for question, vector in zip(collection.questions, asked, strict=True)
        ]
        right = [ids == [str(g)] for ids, g in zip(first, collection.gold, strict=True)]
        found[mode] = np.asarray(right, dtype=float)
    store.close()
    return found


Maker = Callable[[np.random.Generator, Collection], tuple[Vectors, Vectors]]


def plain(rng: np.random.Generator, asked: int = QUESTIONS) -> tuple[Vectors, Vectors]:
    return (
        units(rng.standard_normal((PASSAGES, DIMENSION))),
        units(rng.standard_normal((asked, DIMENSION))),
    )


def oracle(noise: float) -> Maker:
    def make(rng: np.random.Generator, c: Collection) -> tuple[Vectors, Vectors]:
        vectors, error = plain(rng, len(c.gold))
        return vectors, vectors[c.gold] + noise * error

    return make


def useless(rng: np.random.Generator, c: Collection) -> tuple[Vectors, Vectors]:
    return plain(rng, len(c.gold))


def one_language(rng: np.random.Generator, c: Collection) -> tuple[Vectors, Vectors]:
    vectors, error = plain(rng, len(c.gold))
    return vectors, np.where(c.russian[:, None], error, vectors[c.gold] + 0.5 * error)


def anisotropic(noise: float) -> Maker:
    def make(rng: np.random.Generator, c: Collection) -> tuple[Vectors, Vectors]:
        vectors, error = plain(rng, len(c.gold))
        vectors = units(2 * units(rng.standard_normal((1, DIMENSION))) + vectors)
        cosines = vectors @ vectors.T
        assert 0.6 < np.median(cosines) < 0.95
        return vectors, vectors[c.gold] + noise * error

    return make


def constant(rng: np.random.Generator, c: Collection) -> tuple[Vectors, Vectors]:
    return np.ones((PASSAGES, DIMENSION)), np.ones((len(c.gold), DIMENSION))


def hub(noise: float | None) -> Maker:
    def make(rng: np.random.Generator, c: Collection) -> tuple[Vectors, Vectors]:
        vectors, error = plain(rng, len(c.gold))
        centre = units(rng.standard_normal((1, DIMENSION)))
        vectors[3] = centre[0]
        return vectors, centre + (error if noise is None else vectors[c.gold] + noise * error)

    return make


def misled(rng: np.random.Generator, c: Collection) -> tuple[Vectors, Vectors]:
    vectors, error = plain(rng, len(c.gold))
    return vectors, vectors[rng.integers(0, PASSAGES, len(c.gold))] + 0.5 * error


CASES: dict[str, Maker] = {
    "near perfect": oracle(0.5),
    "good": oracle(2.0),
    "middling": oracle(3.0),
    "weak": oracle(6.0),
    "useless": useless,
    "right in English alone": one_language,
    "narrow and good": anisotropic(0.5),
    "narrow and weak": anisotropic(3.0),
    "constant": constant,
    "hub and good": hub(1.0),
    "hub and useless": hub(None),
    "certain of a wrong one": misled,
}


@pytest.mark.parametrize("case", CASES)
def test_hybrid_is_not_worse_than_the_better_arm(
    tmp_path: Path, collection: Collection, case: str
) -> None:
    vectors, asked, probes = made(case, collection)
    found = recall(tmp_path / "i.db", collection, vectors, asked, probes)
    mean = {mode: float(right.mean()) for mode, right in found.items()}
    assert 0.6 < mean["lexical"] < 0.9  # or the test would show nothing
    assert mean["hybrid"] >= max(mean["lexical"], mean["dense"]) - ALLOWED, mean
    if case == "middling":
        assert mean["hybrid"] >= max(mean["lexical"], mean["dense"]) + 0.05, mean
    if case == "right in English alone":
        for own in (collection.russian, ~collection.russian):
            best = max(found["lexical"][own].mean(), found["dense"][own].mean())
            assert found["hybrid"][own].mean() >= best - 2 * ALLOWED
        assert mean["hybrid"] > mean["lexical"] + 0.05


class Shown(BaseEmbedding):
    """Embeds a text as it was told to."""

    _vectors: dict[str, list[float]] = PrivateAttr()

    def __init__(self, vectors: dict[str, list[float]]) -> None:
        super().__init__(model_name="shown")
        self._vectors = vectors

    def _get_text_embedding(self, text: str) -> list[float]:
        return self._vectors[text]

    def _get_query_embedding(self, query: str) -> list[float]:
        return self._vectors[query]

    async def _aget_query_embedding(self, query: str) -> list[float]:
        return self._vectors[query]


def test_through_llama_index(tmp_path: Path, collection: Collection) -> None:
    vectors, asked = oracle(0.5)(np.random.default_rng(1), collection)
    told = dict(zip(collection.texts, vectors.tolist(), strict=True))
    told |= dict(zip(collection.questions, asked.tolist(), strict=True))
    store = open_store(tmp_path / "i.db", analyzer=LexicalAnalyzer(), fingerprint={})
    index = VectorStoreIndex.from_vector_store(store.vector_store, embed_model=Shown(told))
    index.insert_nodes([TextNode(id_=str(i), text=t) for i, t in enumerate(collection.texts)])
    retriever = index.as_retriever(similarity_top_k=3, vector_store_query_mode="hybrid")
    found = [retriever.retrieve(question) for question in collection.questions]
    right = [
        nodes[0].node.node_id == str(g) for nodes, g in zip(found, collection.gold, strict=True)
    ]
    assert np.mean(right) >= 0.97
    for nodes in found:
        scores = [node.score or 0.0 for node in nodes]
        assert len(nodes) == 3
        assert scores == sorted(scores, reverse=True)
        assert scores[0] == 1.0
        assert all(0.0 <= score <= 1.0 for score in scores)


def test_scores_are_those_of_the_words_where_vectors_say_nothing(
    tmp_path: Path, collection: Collection
) -> None:
    store = fill(tmp_path / "i.db", collection, np.ones((PASSAGES, DIMENSION)))
    for question in collection.questions[:20]:
        same = np.ones(DIMENSION)
        query = VectorStoreQuery(
            query_str=question,
            query_embedding=same.tolist(),
            similarity_top_k=50,  # as deep as an arm of the fusion
            mode=VectorStoreQueryMode.TEXT_SEARCH,
        )
        by_words = store.vector_store.query(query)
        query.mode, query.similarity_top_k = VectorStoreQueryMode.HYBRID, 10
        both = store.vector_store.query(query)
        assert both.ids == (by_words.ids or [])[:10]
        words = np.asarray(by_words.similarities)[:10]
        assert both.similarities == pytest.approx(words / words[0])


def test_a_question_of_no_word_is_asked_by_vector(tmp_path: Path, collection: Collection) -> None:
    vectors, _ = plain(np.random.default_rng(2))
    store = fill(tmp_path / "i.db", collection, vectors)
    assert search(store, "hybrid", "???", vectors[17])[0] == "17"
    assert search(store, "hybrid", "", vectors[17])[0] == "17"


def test_the_same_question_teaches_once_and_threads_do_not_mind(
    tmp_path: Path, collection: Collection
) -> None:
    vectors, asked = oracle(2.0)(np.random.default_rng(3), collection)
    store = fill(tmp_path / "i.db", collection, vectors)
    question, vector = collection.questions[0], asked[0]
    search(store, "hybrid", question, vector)
    second = search(store, "hybrid", question, vector)
    found: list[list[str]] = []
    threads = [
        threading.Thread(target=lambda: found.append(search(store, "hybrid", question, vector)))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [second] * 8


def answers(store: SqliteStore, collection: Collection, asked: Vectors) -> dict[int, list[str]]:
    found = {}
    for place in np.random.default_rng(len(store.path.name)).permutation(40):
        found[int(place)] = search(store, "hybrid", collection.questions[place], asked[place])
    return found


@pytest.mark.parametrize("case", ["middling", "useless", "right in English alone"])
def test_a_question_is_answered_alike_whatever_was_asked_before(
    tmp_path: Path, collection: Collection, case: str
) -> None:
    vectors, asked, probes = made(case, collection)
    store = fill(tmp_path / "i.db", collection, vectors)
    embed_query = prober(collection, probes)
    assert store.vector_store.measure_worth(embed_query)
    first = answers(store, collection, asked)
    assert answers(store, collection, asked) == first
    store.close()
    # Another process asks one question, and finds what was measured in the index.
    for place in (3, 17):
        fresh = open_store(tmp_path / "i.db", analyzer=LexicalAnalyzer(), fingerprint={})
        assert not fresh.vector_store.measure_worth(embed_query)
        assert search(fresh, "hybrid", collection.questions[place], asked[place]) == first[place]
        fresh.close()
    # Measured again from scratch it is the same.
    again = fill(tmp_path / "again.db", collection, vectors)
    assert again.vector_store.measure_worth(embed_query)
    assert answers(again, collection, asked) == first


def test_worth_is_measured_again_when_a_quarter_changed(
    tmp_path: Path, collection: Collection
) -> None:
    vectors, _, probes = made("good", collection)
    store = fill(tmp_path / "i.db", collection, vectors)
    embedded: list[str] = []

    def embed_query(text: str) -> list[float]:
        embedded.append(text)
        return prober(collection, probes)(text)

    assert store.vector_store.measure_worth(embed_query)
    assert len(embedded) == 128  # 64 a language
    store.vector_store.delete_nodes([str(i) for i in range(PASSAGES // 5)])
    assert not store.vector_store.measure_worth(embed_query, again=True)
    store.vector_store.delete_nodes([str(i) for i in range(PASSAGES // 3)])
    assert not store.vector_store.measure_worth(embed_query)  # looked up once a process
    assert store.vector_store.measure_worth(embed_query, again=True)
    assert len(embedded) == 128 + 50 + 50
    # A new generation has to be measured anew, and the old one's figures go with it.
    target = store.begin_rebuild()
    target.vector_store.add([TextNode(text=t, embedding=[1.0, 2.0]) for t in collection.texts[:9]])
    assert target.vector_store.measure_worth(lambda text: [1.0, 1.0])
    target.finish_rebuild()
    with store.reading() as snapshot:
        assert snapshot is not None
        tables = snapshot.conn.execute("SELECT name FROM sqlite_master WHERE name LIKE '%worth'")
        assert tables.fetchall() == [("g2_worth",)]


def test_an_index_that_cannot_be_written_is_measured_in_memory(
    tmp_path: Path, collection: Collection
) -> None:
    vectors, asked, probes = made("useless", collection)
    fill(tmp_path / "i.db", collection, vectors).close()
    store = open_store(
        tmp_path / "i.db", analyzer=LexicalAnalyzer(), fingerprint={}, read_only=True
    )
    assert store.vector_store.measure_worth(prober(collection, probes))
    assert not store.vector_store.measure_worth(prober(collection, probes), again=True)
    first = answers(store, collection, asked)
    assert answers(store, collection, asked) == first
    with store.reading() as snapshot:
        assert snapshot is not None
        assert read_kept(snapshot) is None


def test_an_index_without_vectors_has_nothing_to_measure(
    tmp_path: Path, collection: Collection
) -> None:
    store = open_store(tmp_path / "i.db", analyzer=LexicalAnalyzer(), fingerprint={})
    assert not store.vector_store.measure_worth(lambda text: [1.0])
    store.vector_store.add([TextNode(text=text) for text in collection.texts[:20]])
    assert not store.vector_store.measure_worth(lambda text: [1.0])


def test_an_embedder_that_does_not_know_probes_is_not_taken_for_useless(
    tmp_path: Path, collection: Collection
) -> None:
    vectors, asked, _ = made("near perfect", collection)
    noise = np.random.default_rng(5).standard_normal((PASSAGES, DIMENSION))
    found = recall(tmp_path / "i.db", collection, vectors, asked, noise)
    assert found["hybrid"].mean() > found["lexical"].mean() + 0.1


def test_few_candidates_are_fused_half_and_half() -> None:
    lexical = [("a", 4.0), ("b", 3.9)]
    fused = fuse_by_worth(
        lexical,
        {"a": 0.1, "b": 0.9, "c": 0.5},
        depth=50,
        known=Learner(Worth(), "en", "q"),
    )
    assert [key for key, _ in fused] == ["b", "a", "c"]
    nothing = fuse_by_worth(lexical, {}, depth=50, known=Learner(Worth(), "en", "q"))
    assert [key for key, _ in nothing] == ["a", "b"]


def test_script_of_a_question() -> None:
    assert script("What is 长?") == "LATIN"
    assert script("灯塔的端口是什么 API") == "CJK"
    assert script("Где порт?") == "CYRILLIC"
    assert script("123 ??") == ""
