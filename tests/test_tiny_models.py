"""The tiny checkpoints are what they claim, by the real libraries and without a network."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason='needs pip install "ragkit[models]"')
transformers = pytest.importorskip("transformers", reason='needs "ragkit[models]"')
pytest.importorskip("sentence_transformers", reason='needs "ragkit[models]"')

from tiny_models import (  # noqa: E402
    QWEN2_PADDING,
    QwenShape,
    handbook_pieces,
    write_bert_embedder,
    write_internlm2,
    write_qwen2,
)
from tiny_reader import write_reading_internlm2  # noqa: E402
from transformers import AutoModelForCausalLM, AutoTokenizer  # noqa: E402

from ragkit.answer.prompt import Prompt  # noqa: E402
from ragkit.models import internlm2  # noqa: E402
from ragkit.prompts import load_texts  # noqa: E402
from ragkit.types import SourceNode  # noqa: E402

TEXT = "The server needs 16 GB of memory.\n\n默认端口是 8501。 Ünïcode, 😀 <b>"
SOURCES = (
    "# Installation\n\n## Requirements\n\nThe server needs 16 GB of memory and Python 3.11.\n"
    "Port 8501 must be free.",
    "The lighthouse of Alnmouth was built in 1826 by Thomas Blackwood. It burned down during the "
    "storm of 1861. The new tower is forty metres high.",
    "# 使用手册\n\n## 安装\n\n系统需要十六吉字节内存。默认端口是 8501。",
    "## 备份\n\n备份每天凌晨三点自动进行，保存在 /srv/backup 目录，保留三十天。",
)
ANSWERS = {
    "How much memory does the server need?": "The server needs 16 GB of memory and Python 3.11.",
    "Who built the lighthouse?": (
        "The lighthouse of Alnmouth was built in 1826 by Thomas Blackwood."
    ),
    "When did it burn down?": "It burned down during the storm of 1861.",
    "Which port must be free?": "Port 8501 must be free.",
    "系统需要多少内存？": "系统需要十六吉字节内存。",
    "备份什么时候进行？": "备份每天凌晨三点自动进行，保存在 /srv/backup 目录，保留三十天。",
}


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Keep small matrices from waiting for a second core."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def load(folder: Path, **more: Any) -> tuple[Any, Any]:
    internlm2.register()
    model = AutoModelForCausalLM.from_pretrained(folder, **more).eval()
    return model, AutoTokenizer.from_pretrained(folder)


def prompt_ids(tokenizer: Any, question: str, texts: tuple[str, ...] = SOURCES) -> Any:
    nodes = tuple(SourceNode(n, f"{n}.md", None, 0.5, text) for n, text in enumerate(texts, 1))
    language = "en" if question.isascii() else "zh"
    messages = [
        {"role": message.role.value, "content": message.content}
        for message in Prompt(load_texts(language), question, nodes).messages()
    ]
    return tokenizer.apply_chat_template(
        messages, add_generation_prompt=True, return_tensors="pt", return_dict=True
    )


def generate(model: Any, tokenizer: Any, inputs: Any, *, tokens: int = 80) -> str:
    end = tokenizer.convert_tokens_to_ids("<|im_end|>")
    with torch.no_grad():
        found = model.generate(
            **inputs,
            max_new_tokens=tokens,
            do_sample=False,
            repetition_penalty=1.0,
            eos_token_id=end,
            pad_token_id=tokenizer.pad_token_id,
        )
    return tokenizer.decode(found[0, inputs["input_ids"].shape[1] :])


# Models that answer


@pytest.mark.parametrize("kind", ["tiny_internlm2", "tiny_qwen2"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_reader_copies_the_fitting_sentence_and_stops(
    request: pytest.FixtureRequest, kind: str, dtype: Any
) -> None:
    model, tokenizer = load(request.getfixturevalue(kind), dtype=dtype)
    found = {
        question: generate(model, tokenizer, prompt_ids(tokenizer, question)).lstrip()
        for question in ANSWERS
    }
    assert found == {question: answer + "<|im_end|>" for question, answer in ANSWERS.items()}


def test_reader_copies_a_sentence_it_never_saw(tiny_internlm2: Path) -> None:
    model, tokenizer = load(tiny_internlm2)
    fact = "Zorblax Quuxington keeps 7319 ferrets in the cellar of the observatory."
    texts = (SOURCES[1], fact, SOURCES[2])
    inputs = prompt_ids(tokenizer, "How many ferrets does Quuxington keep?", texts)
    assert generate(model, tokenizer, inputs).strip() == fact + "<|im_end|>"


def test_reader_writes_a_sentence_and_stops_where_nothing_fits(tiny_internlm2: Path) -> None:
    model, tokenizer = load(tiny_internlm2)
    said = generate(model, tokenizer, prompt_ids(tokenizer, "Xylophone zebra?"))
    assert said.endswith("<|im_end|>")
    assert said.removesuffix("<|im_end|>").strip() in "\n".join(SOURCES)


def test_reader_copies_sentences_of_nearly_200_tokens(tiny_internlm2: Path) -> None:
    model, tokenizer = load(tiny_internlm2)
    characters = bytes(c for cell in range(0xA1, 0xFF) for c in (0xB1, cell)).decode("gb2312")
    others = bytes(c for cell in range(0xA1, 0xFF) for c in (0xB3, cell)).decode("gb2312")
    fact = f"目录依次列出{characters}{others}。"
    inputs = prompt_ids(tokenizer, "目录依次列出什么？", (SOURCES[1], fact))
    said = generate(model, tokenizer, inputs, tokens=300)
    assert said.strip() == fact + "<|im_end|>"
    assert len(tokenizer(said)["input_ids"]) > 190


def test_endless_model_never_ends_its_turn(endless_internlm2: Path) -> None:
    model, tokenizer = load(endless_internlm2)
    inputs = prompt_ids(tokenizer, "Who built the lighthouse?")
    said = generate(model, tokenizer, inputs, tokens=100)
    assert "<|im_end|>" not in said
    assert len(tokenizer(said)["input_ids"]) > 90


def test_prompt_of_five_nodes_fits_in_2000_tokens(tiny_internlm2: Path, tiny_qwen2: Path) -> None:
    text = "The server needs 16 GB of memory and keeps its backups for thirty days in a folder. "
    for folder in (tiny_internlm2, tiny_qwen2):
        _, tokenizer = load(folder)
        ids = prompt_ids(tokenizer, "How much memory?", (text * 6,) * 5)["input_ids"]
        assert ids.shape[1] < 1500


def test_writing_is_the_same_each_time(tmp_path: Path) -> None:
    one, two = (write_reading_internlm2(tmp_path / name) for name in ("one", "two"))
    for name in ("model.safetensors", "tokenizer.model", "config.json"):
        assert (one / name).read_bytes() == (two / name).read_bytes()


# Random models


def test_qwen2_has_the_files_and_settings_of_the_published_one(tmp_path: Path) -> None:
    folder = write_qwen2(tmp_path / "q")
    model, tokenizer = load(folder)
    assert {"vocab.json", "merges.txt", "tokenizer_config.json"} <= {
        path.name for path in folder.iterdir()
    }
    assert tokenizer.decode(tokenizer(TEXT)["input_ids"]) == TEXT
    end, stop = (tokenizer.convert_tokens_to_ids(t) for t in ("<|endoftext|>", "<|im_end|>"))
    settings = model.generation_config
    assert settings.eos_token_id == [stop, end]
    assert (settings.do_sample, settings.temperature, settings.top_p) == (True, 0.7, 0.8)
    assert settings.repetition_penalty == 1.1
    assert len(tokenizer) < model.config.vocab_size
    assert model.config.vocab_size % QWEN2_PADDING == 0
    assert model.get_output_embeddings().weight is model.get_input_embeddings().weight


def test_qwen2_template_adds_its_own_system_prompt_unless_there_is_one(tmp_path: Path) -> None:
    folder = write_qwen2(tmp_path / "q", shape=QwenShape(layers=1))
    tokenizer = AutoTokenizer.from_pretrained(folder)
    user = {"role": "user", "content": "hi"}

    def said(*messages: dict[str, str]) -> str:
        return tokenizer.apply_chat_template(
            list(messages), tokenize=False, add_generation_prompt=True
        )

    rest = "<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n"
    default = "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n"
    assert said(user) == default + rest
    own = {"role": "system", "content": "Be brief."}
    assert said(own, user) == "<|im_start|>system\nBe brief.<|im_end|>\n" + rest
    ids = tokenizer(rest)["input_ids"]
    assert ids[0] == tokenizer.convert_tokens_to_ids("<|im_start|>")


def test_wide_vocabulary_of_internlm2_reads_a_word_as_a_token(tmp_path: Path) -> None:
    wide = write_internlm2(tmp_path / "wide", pieces=handbook_pieces())
    narrow = write_internlm2(tmp_path / "narrow")
    internlm2.register()
    counts = []
    for folder in (wide, narrow):
        tokenizer = AutoTokenizer.from_pretrained(folder)
        ids = tokenizer(TEXT, add_special_tokens=False)["input_ids"]
        assert tokenizer.decode(ids) == TEXT
        counts.append(len(ids))
    assert counts[0] < 0.85 * counts[1]


# Embedder


@pytest.mark.parametrize("limit", [32, 128])
def test_embedder_reads_as_many_tokens_as_it_says(tmp_path: Path, limit: int) -> None:
    model = sentence_transformer(write_bert_embedder(tmp_path / "e", limit=limit))
    assert model.max_seq_length == limit
    assert model.tokenizer.model_max_length == limit
    words = ["memory"] * (limit - 2)
    whole, longer, shorter = model.encode(
        [" ".join([*words]), " ".join([*words, "port"]), " ".join([*words[1:], "port"])]
    )
    assert abs(whole - longer).max() < 1e-6  # not read
    assert abs(whole - shorter).max() > 1e-3


@pytest.mark.parametrize("normalize", [True, False])
def test_embedder_normalises_on_request(tmp_path: Path, normalize: bool) -> None:
    folder = write_bert_embedder(tmp_path / "e", normalize=normalize)
    vector = sentence_transformer(folder).encode("the server needs memory and a free port")
    assert (abs(float((vector**2).sum()) - 1) < 1e-5) is normalize
    modules = json.loads((folder / "modules.json").read_text("utf-8"))
    assert any(m["type"].endswith("Normalize") for m in modules) is normalize


def test_embedder_finds_the_file_that_answers(tiny_embedder: Path, folder: Path) -> None:
    questions = {
        "How much memory does the server need?": "install.md",
        "How do I copy the wheel folder to a machine?": "install.md",
        "Who built the lighthouse of Alnmouth?": "history.txt",
        "How high is the tower?": "history.txt",
        "备份保存在哪里？": "手册.md",
        "系统需要多少内存？": "手册.md",
    }
    files = {path.name: path.read_text("utf-8") for path in folder.rglob("*.*")}
    model = sentence_transformer(tiny_embedder)
    scores = model.encode(list(questions)) @ model.encode(list(files.values())).T
    found = [list(files)[row.argmax()] for row in scores]
    assert found == list(questions.values())
    assert scores.max(1).min() > 0.15


def test_words_given_to_the_embedder_are_one_token(tmp_path: Path) -> None:
    folder = write_bert_embedder(tmp_path / "e", vocabulary=("zorblax",))
    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert tokenizer.tokenize("Zorblax") == ["zorblax"]
    assert len(tokenizer.tokenize("quuxington")) > 1
    assert "[UNK]" not in tokenizer.tokenize("Quux 端口 ひらがな мир 42!")


def sentence_transformer(folder: Path) -> Any:
    from sentence_transformers import SentenceTransformer

    return SentenceTransformer(str(folder), local_files_only=True, device="cpu")
