"""A cross-encoder orders the nodes within its time, and never costs an answer."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from llama_index.core.bridge.pydantic import PrivateAttr
from llama_index.core.postprocessor.types import BaseNodePostprocessor
from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode
from store_support import make_node, make_store

from ragkit.errors import ModelUnavailable
from ragkit.retrieve.rerank import Reranker
from ragkit.retrieve.retriever import StoreRetriever

WORDS = "the port is 8080 backup runs at three harbour ships wait for tide of a".split()


def write_cross_encoder(folder: Path, *, labels: int = 1) -> Path:
    """Write a BERT of two layers with random weights that scores pairs of texts."""
    torch = pytest.importorskip("torch", reason='needs pip install "ragkit[models]"')
    from transformers import BertConfig, BertForSequenceClassification, BertTokenizerFast

    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]
    tokenizer = BertTokenizerFast(vocab={word: n for n, word in enumerate(vocabulary)})
    config = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=64,
        num_labels=labels,
    )
    with torch.random.fork_rng():
        torch.manual_seed(5)
        model = BertForSequenceClassification(config)
        with torch.no_grad():  # random weights alone score all pairs nearly the same
            for weights in model.parameters():
                weights.mul_(6.0)
        model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_cross_encoder(tmp_path_factory.mktemp("cross"))


TEXTS = ["the port is 8080", "ships wait for the tide", "backup runs at three", "a harbour", "a"]


def nodes() -> list[NodeWithScore]:
    return [
        NodeWithScore(node=TextNode(id_=str(n), text=text), score=1.0 - n / 10)
        for n, text in enumerate(TEXTS)
    ]


def ids(found: list[NodeWithScore]) -> list[str]:
    return [node.node.node_id for node in found]


def test_the_order_is_the_models_own(folder: Path) -> None:
    from sentence_transformers import CrossEncoder

    from ragkit.models.reranker import load_reranker

    told: list[str] = []
    reranker = Reranker(
        load_reranker(str(folder), device="cpu", status=told.append), top_n=5, seconds=60
    )
    given = nodes()
    found = reranker.rerank("the port", given)
    scores = CrossEncoder(str(folder), device="cpu").predict([("the port", t) for t in TEXTS])
    assert len(set(scores.tolist())) > 1
    assert ids(found) == [str(n) for n in sorted(range(5), key=lambda n: -scores[n])]
    assert [n.score for n in found] == pytest.approx(
        sorted(scores.tolist(), reverse=True), abs=1e-5
    )
    assert all(0 <= (n.score or 0) <= 1 for n in found)
    assert reranker.problem is None
    assert [n.score for n in given] == [n.score for n in nodes()]
    assert len(told) == 2
    two = Reranker(load_reranker(str(folder), device="cpu"), top_n=2, seconds=60)
    assert ids(two.rerank("the port", given)) == ids(found)[:2]


def test_weights_that_are_not_there_or_do_not_fit(tmp_path: Path, folder: Path) -> None:
    from ragkit.models.reranker import load_reranker

    with pytest.raises(ModelUnavailable, match="No weights"):
        load_reranker("nobody/no-such-cross-encoder")
    with pytest.raises(ModelUnavailable, match="3 numbers"):
        load_reranker(str(write_cross_encoder(tmp_path / "three", labels=3)))
    broken = tmp_path / "broken"
    broken.mkdir()
    for file in folder.iterdir():
        (broken / file.name).write_bytes(file.read_bytes())
    (broken / "model.safetensors").write_bytes(b"\x00" * 100)
    with pytest.raises(ModelUnavailable, match="do not load"):
        load_reranker(str(broken))


class Scripted(BaseNodePostprocessor):
    """Scores by a function of a node's text; not a model, but what one may do."""

    _score: Callable[[str], Any] = PrivateAttr()

    def __init__(self, score: Callable[[str], Any]) -> None:
        super().__init__()
        self._score = score

    def _postprocess_nodes(
        self, nodes: list[NodeWithScore], query_bundle: QueryBundle | None = None
    ) -> list[NodeWithScore]:
        for node in nodes:
            node.score = self._score(node.node.get_content())
        return sorted(nodes, key=lambda n: -(n.score or 0))


def raising(text: str) -> float:
    raise RuntimeError("CUDA out of memory")


@pytest.mark.parametrize("score", [raising, lambda text: float("nan"), lambda text: None])
def test_a_model_that_fails_leaves_the_order(score: Callable[[str], Any]) -> None:
    reranker = Reranker(Scripted(score), top_n=3, seconds=10)
    found = reranker.rerank("q", nodes())
    assert ids(found) == ["0", "1", "2"]
    assert [node.score for node in found] == [1.0, 0.9, 0.8]
    assert reranker.problem is not None
    assert "failed" in reranker.problem


def test_a_model_that_is_too_slow_leaves_the_order_in_time() -> None:
    release = threading.Event()

    def slow(text: str) -> float:
        release.wait(30)
        return float(len(text))

    reranker = Reranker(Scripted(slow), top_n=3, seconds=0.2)
    began = time.monotonic()
    assert ids(reranker.rerank("q", nodes())) == ["0", "1", "2"]
    # Who comes while it still runs waits no longer than the budget either.
    assert ids(reranker.rerank("q", nodes())) == ["0", "1", "2"]
    assert time.monotonic() - began < 5
    assert reranker.problem == "The reranker was not done within 0.2 s"
    release.set()
    deadline = time.monotonic() + 10
    while ids(reranker.rerank("q", nodes())) != ["1", "2", "0"]:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert reranker.problem is None


def test_scores_of_any_size_become_shares_and_ties_keep_their_order() -> None:
    reranker = Reranker(Scripted(lambda text: -40.0 if text == "a" else 7.0), top_n=5, seconds=10)
    found = reranker.rerank("q", nodes())
    assert ids(found) == ["0", "1", "2", "3", "4"]
    assert found[0].score == pytest.approx(1 / (1 + 2.718281828**-7))
    assert found[4].score == pytest.approx(0.0, abs=1e-9)
    assert reranker.rerank("q", []) == []


def test_the_retriever_hands_over_more_than_it_keeps(tmp_path: Path) -> None:
    store = make_store(tmp_path / "i.db")
    store.vector_store.add(
        [make_node(f"n{n}", f"d{n}", "port " * (9 - n) + "x" * n) for n in range(9)]
    )
    reranker = Reranker(Scripted(lambda text: text.count("x") / 10), top_n=2, seconds=10)
    found = StoreRetriever(store.vector_store, top_k=3, reranker=reranker).retrieve("port")
    assert ids(found) == ["n8", "n7"]
