"""The language model as an embedder: the mean of its last hidden states, in its own queue."""

from __future__ import annotations

import asyncio
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("transformers", reason='needs pip install "ragkit[models]"')

from tiny_models import write_internlm2, write_qwen2

from ragkit.errors import ConfigError, IngestError
from ragkit.ingest.splitter import split
from ragkit.models.causal import Causal, load_causal
from ragkit.models.embedder import embed_documents, token_counter
from ragkit.models.llm_embedder import load_llm_embedder
from ragkit.models.turns import Turns

TEXTS = [
    "The port is 8080.",
    "灯塔系统每天凌晨三点备份。",
    "memory " * 60,
    "a",
    "👩‍👩‍👧‍👦 ภาษาไทย",
    "The server needs memory and a port, and " * 9,
]


@pytest.fixture(scope="module", params=["qwen2", "internlm2"])
def causal(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Causal:
    folder = tmp_path_factory.mktemp(request.param)
    write = write_qwen2 if request.param == "qwen2" else write_internlm2
    write(folder)
    return load_causal(str(folder), device="cpu", dtype="float32", trust_remote_code=True)


def by_hand(causal: Causal, text: str) -> list[float]:
    """Return the mean of the last hidden states, of length 1, without any of our code."""
    import torch

    tokens = causal.tokenizer([text], return_tensors="pt")
    with torch.no_grad():
        out = causal.model(
            input_ids=tokens["input_ids"],
            attention_mask=tokens["attention_mask"],
            output_hidden_states=True,
        )
    mean = out.hidden_states[-1][0].mean(dim=0)
    vector: list[float] = (mean / mean.norm()).tolist()
    return vector


def apart(a: list[float], b: list[float]) -> float:
    return max(abs(x - y) for x, y in zip(a, b, strict=True))


def test_mean_over_the_real_tokens(causal: Causal) -> None:
    embedder = load_llm_embedder(causal, batch_size=4)
    for text, vector in zip(TEXTS, embedder.get_text_embedding_batch(TEXTS), strict=True):
        assert apart(vector, by_hand(causal, text)) < 1e-5


@pytest.mark.parametrize("side", ["left", "right"])
def test_padding_changes_nothing(causal: Causal, side: str) -> None:
    usual = causal.tokenizer.padding_side
    causal.tokenizer.padding_side = side
    try:
        embedder = load_llm_embedder(causal, batch_size=8)
        together = embed_documents(embedder, TEXTS)
        for text, vector in zip(TEXTS, together, strict=True):
            assert apart(vector, embedder.get_text_embedding(text)) < 1e-5
            assert sum(x * x for x in vector) == pytest.approx(1, abs=1e-6)
    finally:
        causal.tokenizer.padding_side = usual


def test_prefixes_are_put_once(causal: Causal) -> None:
    embedder = load_llm_embedder(causal, query_prefix="query: ", document_prefix="passage: ")
    assert apart(embedder.get_query_embedding("port"), by_hand(causal, "query: port")) < 1e-5
    assert apart(embedder.get_text_embedding("port"), by_hand(causal, "passage: port")) < 1e-5
    assert apart(embed_documents(embedder, ["port"])[0], by_hand(causal, "passage: port")) < 1e-5


def test_async_gives_the_same(causal: Causal) -> None:
    embedder = load_llm_embedder(causal, batch_size=2)

    async def ask() -> tuple[list[float], list[list[float]]]:
        query = await embedder.aget_query_embedding("port")
        return query, await embedder.aget_text_embedding_batch(TEXTS)

    query, texts = asyncio.run(ask())
    assert apart(query, embedder.get_query_embedding("port")) < 1e-5
    for text, vector in zip(TEXTS, texts, strict=True):
        assert apart(vector, by_hand(causal, text)) < 1e-5


def test_weights_are_the_models_own_and_its_head_is_not_run(causal: Causal) -> None:
    before = {p.data_ptr() for p in causal.model.parameters()}
    embedder: Any = load_llm_embedder(causal)

    def refuse(*_: Any) -> None:
        pytest.fail("a number for each word of the vocabulary was computed")

    hook = causal.model.get_output_embeddings().register_forward_pre_hook(refuse)
    try:
        embedder.get_query_embedding("port")
    finally:
        hook.remove()
    assert {p.data_ptr() for p in embedder._causal.model.parameters()} == before


@pytest.mark.parametrize("prefix", ["", "passage: "])
def test_nothing_is_cut_off(causal: Causal, prefix: str) -> None:
    embedder: Any = load_llm_embedder(causal, document_prefix=prefix)
    count, limit = token_counter(embedder)
    longest = embedder._longest
    assert limit < longest or not prefix
    for text in (
        *TEXTS,
        "x" * 3000,
        "👩‍👩‍👧‍👦" * 300,
        "灯塔系统" * 400,
        "ภาษาไทย" * 200,
        "a\u0301" * 800,
    ):
        for span in split(text, count_tokens=count, chunk_size=limit):
            fed = causal.tokenizer(prefix + text[span.start : span.end])["input_ids"]
            assert len(fed) <= longest
    with pytest.raises(IngestError, match=f"reads {limit}"):
        embed_documents(embedder, ["灯塔系统" * 2000])


def test_reads_512_tokens_or_the_context(causal: Causal) -> None:
    _, limit = token_counter(load_llm_embedder(causal))
    special = causal.tokenizer.num_special_tokens_to_add()
    assert limit == min(512, causal.model.config.max_position_embeddings) - special


def test_prefix_that_leaves_no_room_is_refused(causal: Causal) -> None:
    with pytest.raises(ConfigError, match="document_prefix"):
        load_llm_embedder(causal, document_prefix="灯塔系统" * 500)


def test_long_texts_take_short_turns(causal: Causal) -> None:
    """Someone who asks while a folder is indexed waits for one batch, not for all of them."""
    watched = replace(causal, turns=Turns())
    embedder = load_llm_embedder(watched, batch_size=2)
    done = threading.Event()

    def index() -> None:
        embedder.get_text_embedding_batch(["memory port server " * 20] * 400)
        done.set()

    thread = threading.Thread(target=index)
    thread.start()
    time.sleep(0.05)
    turn = watched.turns.join()
    try:
        assert turn.wait(20)
        assert not done.is_set()
    finally:
        turn.leave()
    thread.join(60)
    assert done.is_set()
    assert len(watched.turns) == 0


def test_failure_gives_the_turn_back(causal: Causal, monkeypatch: pytest.MonkeyPatch) -> None:
    watched = replace(causal, turns=Turns())
    embedder = load_llm_embedder(watched)
    hook = causal.model.base_model.register_forward_pre_hook(lambda *_: 1 / 0)
    try:
        with pytest.raises(ZeroDivisionError):
            embedder.get_query_embedding("port")
    finally:
        hook.remove()
    assert len(watched.turns) == 0
    embedder.get_query_embedding("port")


def test_folder_is_found_by_its_vectors(causal: Causal, folder: Path) -> None:
    embedder = load_llm_embedder(causal)
    texts = [path.read_text("utf-8")[:80] for path in sorted(folder.rglob("*")) if path.is_file()]
    vectors = embed_documents(embedder, texts)
    for place, text in enumerate(texts):
        question = embedder.get_query_embedding(text)
        scores = [sum(x * y for x, y in zip(question, v, strict=True)) for v in vectors]
        assert max(range(len(texts)), key=scores.__getitem__) == place
