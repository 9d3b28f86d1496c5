"""An embedder from the disk, for real: a tiny sentence-transformer made here, and the folder."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("sentence_transformers", reason='needs pip install "ragkit[models]"')
pytest.importorskip("llama_index.embeddings.huggingface", reason='needs "ragkit[models]"')

import ragkit
from ragkit.models.embedder import load_embedder, token_counter

LIMIT = 32


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a sentence-transformer of one random layer that reads 32 tokens."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.models import Pooling, Transformer
    from transformers import BertConfig, BertModel, BertTokenizerFast

    folder = tmp_path_factory.mktemp("tiny")
    letters = [
        *"abcdefghijklmnopqrstuvwxyz0123456789.,",
        *"灯塔系统内存备份默认端口手册安装每天凌晨三点",
    ]
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters]
    words += [f"##{letter}" for letter in letters]
    vocabulary = {word: number for number, word in enumerate(dict.fromkeys(words))}
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=64,
    )
    BertModel(config).save_pretrained(folder / "bert")
    BertTokenizerFast(vocab=vocabulary).save_pretrained(folder / "bert")
    reader = Transformer(str(folder / "bert"), max_seq_length=LIMIT)
    pooling = Pooling(config.hidden_size)
    SentenceTransformer(modules=[reader, pooling], device="cpu").save(str(folder / "st"))
    return folder / "st"


@pytest.fixture
def kb(weights: Path, folder: Path, tmp_path: Path) -> ragkit.KnowledgeBase:
    settings = {
        "embedder.kind": "huggingface",
        "embedder.model": str(weights),
        "retriever.kind": "hybrid",
    }
    return ragkit.open(folder, index=tmp_path / "v.db", preset="lite", settings=settings)


def test_counter_is_the_models_own(weights: Path) -> None:
    count, limit = token_counter(load_embedder(str(weights)))
    assert limit == LIMIT - 2  # [CLS] and [SEP]
    assert count("ab 灯") == 3


def test_nothing_is_cut_off_before_it_is_embedded(kb: ragkit.KnowledgeBase) -> None:
    kb.index()
    count, limit = token_counter(kb._embedder)
    nodes = kb._store.vector_store.get_nodes()
    assert len(nodes) > 3
    assert all(count(node.text) <= limit for node in nodes)
    assert kb._store.catalog.counts().vectors == len(nodes)


@pytest.mark.parametrize("kind", ["dense", "hybrid"])
def test_vectors_find_the_text_they_were_made_of(
    kind: str, weights: Path, folder: Path, tmp_path: Path
) -> None:
    settings = {
        "embedder.kind": "huggingface",
        "embedder.model": str(weights),
        "retriever.kind": kind,
    }
    kb = ragkit.open(folder, index=tmp_path / "v.db", preset="lite", settings=settings)
    kb.index()
    node = kb._store.vector_store.get_nodes()[0]
    found = kb.retrieve(node.get_content())
    assert found[0].text == node.text or kind == "dense"
    assert found[0].score > 0.5
    assert not kb.ask("Who built the lighthouse of Alnmouth?").refused or kind == "dense"


def test_damaged_weights_are_said(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}", "utf-8")
    (tmp_path / "model.safetensors").write_bytes(b"nonsense")
    with pytest.raises(ragkit.ModelUnavailable, match="do not load"):
        load_embedder(str(tmp_path))
