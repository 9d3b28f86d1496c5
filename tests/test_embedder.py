"""An embedder from the disk, for real: tiny sentence-transformers made here, and the folder."""

from __future__ import annotations

import json
import math
import shutil
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("sentence_transformers", reason='needs pip install "ragkit[models]"')
pytest.importorskip("llama_index.embeddings.huggingface", reason='needs "ragkit[models]"')

from tiny_models import write_bert_embedder

import ragkit
from ragkit.errors import ConfigError, GenerationError, IngestError, ModelUnavailable
from ragkit.indexing import Sizing
from ragkit.ingest.splitter import split
from ragkit.models.embedder import embed_documents, load_embedder, token_counter
from ragkit.models.prefixes import Prefixes, find_prefixes

LIMIT = 32
ADVERSARIAL = {
    "long words": "supercalifragilistic" * 40 + " " + "a" * 900,
    "emoji": "👩‍👩‍👧‍👦🏳️‍🌈🇩🇪👍🏽" * 60,
    "cjk": "灯塔系统的内存备份默认端口手册安装每天凌晨三点" * 30,
    "thai": "ภาษาไทยเป็นภาษาที่ไม่มีช่องว่างระหว่างคำ" * 20,
    "marks": "a\u0301\u0302\u0303" * 200 + "\ufdfa" * 80,
    "special tokens": "[SEP] [CLS] </s> <s> [PAD] <|im_end|> " * 60,
    "code": "x=1;y+=f(x[0]);{}[]()<>!=&&||\n" * 60,
}


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a sentence-transformer that reads 32 tokens."""
    return write_bert_embedder(tmp_path_factory.mktemp("bert"), limit=LIMIT)


@pytest.fixture(scope="module")
def embedder(weights: Path) -> Any:
    return load_embedder(str(weights), device="cpu", dtype="float32")


@pytest.fixture
def e5(weights: Path, tmp_path: Path) -> Path:
    """Return the same model under a name that wants prefixes."""
    return Path(shutil.copytree(weights, tmp_path / "multilingual-e5-small"))


def settings(weights: Path, kind: str = "hybrid") -> dict[str, Any]:
    return {
        "embedder.kind": "huggingface",
        "embedder.model": str(weights),
        "embedder.device": "cpu",
        "retriever.kind": kind,
    }


def texts_of(kb: ragkit.KnowledgeBase) -> list[str]:
    return [node.text for node in kb._store.vector_store.get_nodes()]


def cosine(a: list[float], b: list[float]) -> float:
    return sum(x * y for x, y in zip(a, b, strict=True))


def test_counter_is_the_models_own(embedder: Any) -> None:
    count, limit = token_counter(embedder)
    assert limit == LIMIT - 2  # [CLS] and [SEP]
    reader = embedder._model.tokenizer
    for text in ["ab", "the lighthouse", "x" * 500, "a b " * 100, ""]:
        assert count(text) == len(reader(text, add_special_tokens=False)["input_ids"])


def test_counting_sees_past_the_limit_after_embedding(embedder: Any) -> None:
    """Embedding leaves padding and truncation switched on in the tokenizer."""
    count, limit = token_counter(embedder)
    long = "the port " * 100
    before = count(long)
    embedder.get_text_embedding_batch(["the", "the port of the server"])
    assert count(long) == before > limit
    assert count("the") == 1


def test_nothing_is_cut_off_before_it_is_embedded(
    weights: Path, folder: Path, tmp_path: Path, embedder: Any
) -> None:
    kb = ragkit.open(folder, index=tmp_path / "v.db", preset="lite", settings=settings(weights))
    for name, text in ADVERSARIAL.items():
        (folder / f"{name}.txt").write_text(text, "utf-8")
    assert kb.index().skipped == ()
    texts = texts_of(kb)
    assert {d.source for d in kb.documents()} >= {f"{name}.txt" for name in ADVERSARIAL}
    for text in texts:  # as the model itself is fed
        whole = embedder._model.tokenizer(text, truncation=False)["input_ids"]
        assert len(whole) <= LIMIT
    assert kb._store.catalog.counts().vectors == len(texts) > 3


@pytest.mark.parametrize("name", ADVERSARIAL)
def test_prefix_counts_towards_the_limit(name: str, weights: Path) -> None:
    prefix = "passage: "
    embedder = load_embedder(str(weights), device="cpu", document_prefix=prefix)
    count, limit = token_counter(embedder)
    assert limit < LIMIT - 2
    text = ADVERSARIAL[name]
    tokenizer = embedder._model.tokenizer  # type: ignore[attr-defined]
    for span in split(text, count_tokens=count, chunk_size=limit):
        fed = tokenizer(prefix + text[span.start : span.end], truncation=False)["input_ids"]
        assert len(fed) <= LIMIT


def test_text_beyond_the_limit_is_an_error_in_words(embedder: Any) -> None:
    with pytest.raises(IngestError, match="reads 30"):
        embed_documents(embedder, ["the port", "the port " * 40])


def test_prefix_that_leaves_no_room_is_refused(weights: Path) -> None:
    with pytest.raises(ConfigError, match="document_prefix"):
        load_embedder(str(weights), document_prefix="the server and the port " * 5)


def test_vectors_have_length_one_and_do_not_depend_on_the_batch(embedder: Any) -> None:
    texts = ["the lighthouse", "the port of the server is open", "a", "memory " * 20]
    together = embed_documents(embedder, texts)
    for text, vector in zip(texts, together, strict=True):
        alone = embedder.get_text_embedding(text)
        assert max(abs(x - y) for x, y in zip(alone, vector, strict=True)) < 1e-5
        assert math.isclose(math.hypot(*vector), 1, abs_tol=1e-6)


def test_half_precision_still_gives_vectors_of_length_one(weights: Path) -> None:
    embedder = load_embedder(str(weights), device="cpu", dtype="bfloat16")
    exact = load_embedder(str(weights), device="cpu", dtype="float32")
    (vector,) = embed_documents(embedder, ["the port of the server"])
    assert math.isclose(math.hypot(*vector), 1, abs_tol=1e-6)
    assert cosine(vector, exact.get_text_embedding("the port of the server")) > 0.999


def test_texts_are_embedded_by_length_and_come_back_in_order(
    embedder: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[list[str]] = []
    encode = embedder._model.encode

    def watched(inputs: list[str], **knobs: Any) -> Any:
        seen.append(list(inputs))
        return encode(inputs, **knobs)

    monkeypatch.setattr(embedder._model, "encode", watched)
    words = ["the", "port", "server", "memory"]
    texts = [" ".join(words[n % 4] for n in range(k, k + 1 + k * 7 % 25)) for k in range(100)]
    vectors = embed_documents(embedder, texts)
    assert [len(batch) for batch in seen] == [32, 32, 32, 4]
    fed = [text.count(" ") for batch in seen for text in batch]
    assert fed == sorted(fed, reverse=True)
    monkeypatch.undo()
    for text, vector in list(zip(texts, vectors, strict=True))[::9]:
        assert cosine(vector, embedder.get_text_embedding(text)) > 0.99999


def test_no_texts_give_no_vectors(embedder: Any) -> None:
    assert embed_documents(embedder, []) == []


def test_prefixes_of_a_known_model_are_put_once(e5: Path, embedder: Any) -> None:
    e5_embedder = load_embedder(str(e5), device="cpu", dtype="float32")
    text = "the port of the server"
    for found, wanted in [
        (e5_embedder.get_text_embedding(text), f"passage: {text}"),
        (e5_embedder.get_query_embedding(text), f"query: {text}"),
        (embed_documents(e5_embedder, [text])[0], f"passage: {text}"),
    ]:
        plain = embedder.get_text_embedding(wanted)
        assert max(abs(x - y) for x, y in zip(found, plain, strict=True)) < 1e-6


def test_settings_override_prefixes(e5: Path, embedder: Any) -> None:
    bare = load_embedder(
        str(e5), device="cpu", dtype="float32", query_prefix="", document_prefix=""
    )
    assert bare.get_query_embedding("port") == pytest.approx(embedder.get_query_embedding("port"))
    own = load_embedder(str(e5), device="cpu", dtype="float32", query_prefix="server ")
    wanted = embedder.get_text_embedding("server port")
    assert own.get_query_embedding("port") == pytest.approx(wanted, abs=1e-6)


@pytest.mark.parametrize(
    ("model", "query", "document"),
    [
        ("intfloat/e5-base-v2", "query: ", "passage: "),
        ("intfloat/multilingual-e5-large", "query: ", "passage: "),
        ("intfloat/multilingual-e5-large-instruct", "Query: ", ""),
        ("BAAI/bge-large-en-v1.5", "Represent this sentence for searching relevant passages: ", ""),
        ("BAAI/bge-small-zh-v1.5", "为这个句子生成表示以用于检索相关文章：", ""),
        ("BAAI/bge-m3", "", ""),
        ("moka-ai/m3e-large", "", ""),
        ("nomic-ai/nomic-embed-text-v1.5", "search_query: ", "search_document: "),
        ("Qwen/Qwen3-Embedding-0.6B", "Query:", ""),
        ("Snowflake/snowflake-arctic-embed-l-v2.0", "query: ", ""),
        ("sentence-transformers/paraphrase-multilingual-MiniLM-L12-v2", "", ""),
    ],
)
def test_prefixes_by_name(model: str, query: str, document: str, tmp_path: Path) -> None:
    cached = tmp_path / f"models--{model.replace('/', '--')}" / "snapshots" / "0123abcd"
    modelscope = tmp_path / model.replace(".", "___")
    for found in (
        find_prefixes(tmp_path, model=model),
        find_prefixes(cached),
        find_prefixes(modelscope),
    ):
        assert found.document == document
        assert found.query.endswith(query)
        assert bool(found.query) == bool(query)


@pytest.mark.parametrize(
    ("content", "wanted"),
    [
        ({"prompts": {"query": "Q: ", "passage": "P: "}}, Prefixes("Q: ", "P: ")),
        ({"prompts": {"query": "Q: ", "document": ""}}, Prefixes("Q: ", "")),
        ({"prompts": {"all": "A: "}, "default_prompt_name": "all"}, Prefixes("A: ", "A: ")),
        ({"prompts": {"query": "", "document": ""}}, Prefixes("query: ", "passage: ")),
        ({"prompts": None}, Prefixes("query: ", "passage: ")),
        ({"prompts": {"query": 3}}, Prefixes("query: ", "passage: ")),
        ([], Prefixes("query: ", "passage: ")),
    ],
)
def test_the_models_own_prompts_come_first(content: Any, wanted: Prefixes, tmp_path: Path) -> None:
    (tmp_path / "config_sentence_transformers.json").write_text(json.dumps(content), "utf-8")
    assert find_prefixes(tmp_path, model="intfloat/e5-small") == wanted


def test_positions_of_roberta_count_from_the_padding(weights: Path, tmp_path: Path) -> None:
    """A published RoBERTa has 514 positions and reads 512 tokens; beyond that it fails."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
    from transformers import AutoTokenizer, XLMRobertaConfig, XLMRobertaModel

    tokenizer = AutoTokenizer.from_pretrained(weights)
    config = XLMRobertaConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=50,
        pad_token_id=1,
    )
    XLMRobertaModel(config).save_pretrained(tmp_path / "m")
    tokenizer.model_max_length = 1_000_000
    tokenizer.save_pretrained(tmp_path / "m")
    reader = Transformer(str(tmp_path / "m"))
    model = SentenceTransformer(modules=[reader, Pooling(16, "mean")], device="cpu")
    model.save(str(tmp_path / "st"))
    embedder = load_embedder(str(tmp_path / "st"), device="cpu")
    count, limit = token_counter(embedder)
    assert limit == 48 - 2
    full = "the " * limit
    assert count(full) == limit
    assert len(embed_documents(embedder, [full])) == 1
    assert len(embedder.get_query_embedding("the " * 200)) == 16  # a long question is cut


def test_loads_with_no_network_and_in_a_home_that_cannot_be_written(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        pytest.fail("the network was tried")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    home = tmp_path / "home"
    home.touch()  # no folder: nothing can be made in it, not even by root
    for name in ("HOME", "XDG_CACHE_HOME", "LLAMA_INDEX_CACHE_DIR"):
        monkeypatch.setenv(name, str(home))
    lines: list[str] = []
    load_embedder(str(weights), device="cpu", status=lines.append).get_query_embedding("port")
    assert str(weights) in lines[0]
    assert lines[-1].endswith(" s")


def test_threads_may_count_and_embed_at_once(embedder: Any) -> None:
    """Padding and truncation are settings of a tokenizer: changing them in use is an error."""
    count, _ = token_counter(embedder)

    def work(number: int) -> None:
        for turn in range(30):
            assert count("the port " * 50) == 100
            embedder.get_text_embedding_batch(["the port"] * (1 + (number + turn) % 3))

    with ThreadPoolExecutor(4) as threads:
        for done in [threads.submit(work, number) for number in range(4)]:
            done.result()


@pytest.mark.parametrize("kind", ["dense", "hybrid"])
def test_vectors_find_the_text_they_were_made_of(
    kind: str, weights: Path, folder: Path, tmp_path: Path
) -> None:
    kb = ragkit.open(
        folder, index=tmp_path / "v.db", preset="lite", settings=settings(weights, kind)
    )
    kb.index()
    node = kb._store.vector_store.get_nodes()[0]
    found = kb.retrieve(node.get_content())
    assert found[0].text == node.text
    assert found[0].score > 0.5


def test_failure_while_embedding_keeps_whole_documents_alone(
    weights: Path, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, embedder: Any
) -> None:
    from ragkit import index_batches, indexing
    from ragkit.retrieve.tokenizer import detect_language

    for number in range(12):
        (folder / f"n{number}.txt").write_text(f"The port of server {number}. " * 12, "utf-8")
    kb = ragkit.open(folder, index=tmp_path / "v.db", preset="lite", settings=settings(weights))
    count, limit = token_counter(embedder)
    monkeypatch.setattr(index_batches, "_EMBEDDED_NODES", 10)
    calls = 0

    def interrupted(texts: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise KeyboardInterrupt
        return embed_documents(embedder, texts)

    def run(embed: Any) -> Any:
        return indexing.sync(
            folder,
            kb._store,
            sizing=Sizing(count, limit),
            detect_language=detect_language,
            embed=embed,
            max_bytes=10**7,
        )

    with kb._store.indexing_lock(timeout=5), pytest.raises(KeyboardInterrupt):
        run(interrupted)
    kept = kb.documents()
    counts = kb._store.catalog.counts()
    assert 0 < len(kept) < 15
    assert counts.vectors == counts.nodes > 0
    with kb._store.indexing_lock(timeout=5):
        report = run(lambda texts: embed_documents(embedder, texts))
    assert report.unchanged + len(report.added) == 15
    assert report.unchanged >= len(kept) - 1  # one may be too fresh to be told unchanged by date
    counts = kb._store.catalog.counts()
    assert counts.vectors == counts.nodes


def test_small_files_are_embedded_together(
    weights: Path, folder: Path, tmp_path: Path, embedder: Any
) -> None:
    from ragkit import indexing

    for number in range(40):
        (folder / f"n{number}.txt").write_text(f"The port is {number}.", "utf-8")
    kb = ragkit.open(folder, index=tmp_path / "v.db", preset="lite", settings=settings(weights))
    sizes: list[int] = []
    seen: list[tuple[int, int]] = []

    def embed(texts: Any) -> Any:
        sizes.append(len(texts))
        return embed_documents(embedder, texts)

    with kb._store.indexing_lock(timeout=5):
        report = indexing.sync(
            folder,
            kb._store,
            sizing=Sizing(*token_counter(embedder)),
            detect_language=lambda text: "en",
            embed=embed,
            max_bytes=10**7,
            progress=lambda done, total, source: seen.append((done, total)),
        )
    assert sum(sizes) == report.nodes
    assert max(sizes) >= 20
    assert seen == [(done, 43) for done in range(44)]


def lose_weights(folder: Path) -> None:
    from safetensors.torch import load_file, save_file

    path = folder / "model.safetensors"
    kept = {key: value for key, value in load_file(path).items() if "attention" not in key}
    save_file(kept, path, metadata={"format": "pt"})


def lose_the_pooler(folder: Path) -> None:
    from safetensors.torch import load_file, save_file

    path = folder / "model.safetensors"
    kept = {key: value for key, value in load_file(path).items() if "pooler" not in key}
    save_file(kept, path, metadata={"format": "pt"})


def lose_the_tokenizer(folder: Path) -> None:
    for path in folder.glob("tokenizer*"):
        path.unlink()


def cut_the_tokenizer(folder: Path) -> None:
    path = folder / "tokenizer.json"
    path.write_bytes(path.read_bytes()[:300])


def lose_the_pooling(folder: Path) -> None:
    shutil.rmtree(folder / "1_Pooling")


def break_the_modules(folder: Path) -> None:
    (folder / "modules.json").write_text("{", "utf-8")


@pytest.mark.parametrize(
    "damage",
    [lose_weights, lose_the_tokenizer, cut_the_tokenizer, lose_the_pooling, break_the_modules],
)
def test_what_is_missing_from_a_folder_is_said(
    damage: Callable[[Path], None], weights: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(weights, tmp_path / "st"))
    damage(folder)
    with pytest.raises(ModelUnavailable, match="st") as error:
        load_embedder(str(folder), device="cpu")
    assert "ownload the model again" in str(error.value)


def test_nothing_is_printed_while_loading(
    weights: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = Path(shutil.copytree(weights, tmp_path / "st"))
    lose_the_pooler(folder)  # as many published ones; nothing reads it
    load_embedder(str(folder), device="cpu").get_query_embedding("port")
    assert capfd.readouterr() == ("", "")


def test_failure_of_the_model_is_said(embedder: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory\nmore")

    monkeypatch.setattr(embedder._model, "encode", fail)
    with pytest.raises(GenerationError, match=r"allocate memory\. Lower embedder.batch_size"):
        embed_documents(embedder, ["port"])


def test_damaged_weights_are_said(weights: Path, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}", "utf-8")
    (tmp_path / "model.safetensors").write_bytes(b"nonsense")
    with pytest.raises(ModelUnavailable, match="do not load"):
        load_embedder(str(tmp_path))
    cut = Path(shutil.copytree(weights, tmp_path / "cut"))
    whole = (cut / "model.safetensors").read_bytes()
    (cut / "model.safetensors").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ModelUnavailable, match="do not load"):
        load_embedder(str(cut))


def test_missing_weights_are_said_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    began = time.monotonic()
    with pytest.raises(ModelUnavailable) as error:
        load_embedder("intfloat/multilingual-e5-small", revision="0a1b2c3d")
    assert time.monotonic() - began < 1
    for part in (
        "multilingual-e5-small' at revision 0a1b2c3d",
        str(tmp_path),
        "ragkit download",
        "--endpoint",
    ):
        assert part in str(error.value)


def test_nodes_may_be_counted_in_characters_and_are_still_read_whole(
    weights: Path, tmp_path: Path, embedder: Any
) -> None:
    folder = tmp_path / "long"
    folder.mkdir()
    (folder / "en.txt").write_text("The port is open. " * 100, "utf-8")
    (folder / "odd.txt").write_text("ꙮ𒀱𓂀" * 400, "utf-8")  # several tokens a character
    characters = {"splitter.unit": "characters", "splitter.chunk_size": 80}
    kb = ragkit.open(
        folder,
        index=tmp_path / "v.db",
        preset="lite",
        settings=settings(weights) | characters | {"splitter.chunk_overlap": 40},
    )
    report = kb.index()
    assert not report.skipped
    count, limit = token_counter(embedder)
    nodes: list[Any] = kb._store.vector_store.get_nodes()
    assert all(len(node.text) <= 80 and count(node.text) <= limit for node in nodes)
    english = sorted((n for n in nodes if n.text[0] == "T"), key=lambda n: n.start_char_idx)
    assert max(len(node.text) for node in english) > 60
    starts = [node.start_char_idx for node in english[1:]]
    ends = [node.end_char_idx for node in english[:-1]]
    assert all(0 < end - start <= 40 for start, end in zip(starts, ends, strict=True))
    kb.close()
    tokens = ragkit.open(folder, index=tmp_path / "v.db", preset="lite", settings=settings(weights))
    with pytest.raises(ragkit.IndexMismatch, match="characters"):
        tokens.index()
