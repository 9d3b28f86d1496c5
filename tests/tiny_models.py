"""Tiny checkpoints of the kinds that the presets name, each written in about a second.

The real libraries load them with no network: InternLM2 in the original layout (see
``tiny_internlm2``), Qwen2 as the hub has it, and a BERT sentence-transformer in which texts that
share words are near each other. Weights that answer are written by ``tiny_training``.
"""

from __future__ import annotations

import json
import string
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from tiny_internlm2 import (
    CHAT_TEMPLATE,
    MARK,
    SPECIAL,
    Layout,
    Shape,
    random_weights,
    sentencepiece_model,
    write_internlm2,
    write_internlm2_tokenizer,
    write_marking_code,
    write_weights,
)

__all__ = [
    "CHAT_TEMPLATE",
    "MARK",
    "QWEN2_PADDING",
    "QWEN2_TEMPLATE",
    "SPECIAL",
    "Layout",
    "QwenShape",
    "Shape",
    "handbook_pieces",
    "random_weights",
    "sentencepiece_model",
    "write_bert_embedder",
    "write_internlm2",
    "write_internlm2_tokenizer",
    "write_marking_code",
    "write_qwen2",
    "write_weights",
]

HANDBOOK = Path(__file__).resolve().parent.parent / "data"
QWEN2_TEMPLATE = (
    "{% for message in messages %}"
    "{% if loop.first and messages[0]['role'] != 'system' %}"
    "{{ '<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n' }}{% endif %}"
    "{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
_QWEN2_SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
QWEN2_PADDING = 64  # as published, more rows than the tokenizer has tokens
# Of chat templates and fences: one token each, as in published models.
_MARKS = "\nassistant\nsystem\nuser\nsource\n"
# They say nothing of a text's subject, so they count nothing in its vector.
_STOP_WORDS = (
    "a an and are as at be by can did do does for from has have how i in into is it its many may "
    "much must of on or that the there they this to was were what when where which who why will "
    "with you your 的 了 是 在 和 有 什 么 吗 呢 多 少 哪 里 谁 个 一 这 那 也 就 都 我 你 们 请 问"
)


@dataclass(frozen=True, kw_only=True)
class QwenShape:
    """What the weights of a Qwen2 are like."""

    layers: int = 2
    hidden: int = 32
    heads: int = 4
    kv_heads: int = 2
    intermediate: int = 48
    positions: int = 4096
    rope_theta: float = 1_000_000.0
    tied: bool = True
    dtype: str = "float32"


# Embedder


def write_bert_embedder(
    folder: Path,
    *,
    limit: int = 128,
    vocabulary: Iterable[str] = (),
    hidden: int = 128,
    normalize: bool = True,
    seed: int = 0,
) -> Path:
    """Write a sentence-transformer that reads ``limit`` tokens, and return its folder.

    Each token has a random direction and the layer adds nothing to it, so that a text's vector is
    the mean of its words' and the cosine of two texts grows with what they share. Words of the
    handbook and of ``vocabulary`` are one token, other words pairs of letters, which count less.
    """
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer
    from transformers import BertConfig, BertModel, BertTokenizerFast

    pieces = _word_pieces(vocabulary)
    config = BertConfig(
        vocab_size=len(pieces),
        hidden_size=hidden,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=limit,
        layer_norm_eps=1.0,  # so that a short vector stays one
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = BertModel(config)
        directions = torch.randn(len(pieces), hidden) * torch.tensor(_weights(pieces))[:, None]
    _make_transparent(model, directions)
    model.save_pretrained(folder / "bert")
    numbers = {piece: number for number, piece in enumerate(pieces)}
    BertTokenizerFast(vocab=numbers, model_max_length=limit).save_pretrained(folder / "bert")
    reader = Transformer(str(folder / "bert"), max_seq_length=limit)
    modules = [reader, Pooling(hidden, "mean"), *([Normalize()] if normalize else [])]
    SentenceTransformer(modules=modules, device="cpu").save(str(folder / "st"))
    return folder / "st"


def _make_transparent(model: Any, directions: Any) -> None:
    """Set a BERT's weights so that each token's output is its embedding, made a little shorter."""
    import torch

    with torch.no_grad():
        embeddings, layer = model.embeddings, model.encoder.layer[0]
        embeddings.word_embeddings.weight.copy_(directions)
        embeddings.position_embeddings.weight.zero_()
        embeddings.token_type_embeddings.weight.zero_()
        for linear in (layer.attention.output.dense, layer.output.dense):
            linear.weight.zero_()
            linear.bias.zero_()


def _word_pieces(more: Iterable[str]) -> list[str]:
    """Return a BERT vocabulary: special tokens, words, pairs of letters, characters."""
    letters = string.ascii_lowercase + string.digits
    words = set(_STOP_WORDS.split()) | {w for w in _handbook_words() if w.isascii()}
    pairs = [one + two for one in letters for two in letters]
    parts = [*letters, *pairs]
    found = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *more, *sorted(words), *parts]
    found += [f"##{part}" for part in (*parts, *_other_letters())]
    found += [*string.punctuation, *_chinese(), *_other_letters(), *"，。？！：；、（）“”《》"]
    return list(dict.fromkeys(found))


def _weights(pieces: list[str]) -> list[float]:
    """Return how much each piece counts: words most, letters little, stop words nothing."""
    silent = {
        *_STOP_WORDS.split(),
        *string.punctuation,
        *"，。？！：；、（）“”《》",
        "[PAD]",
        "[SEP]",
    }
    small = {"[CLS]": 0.02, "[UNK]": 0.1}  # an empty text has a direction too

    def weight(piece: str) -> float:
        if piece in silent:
            return 0.0
        length = len(piece.removeprefix("##"))
        return small.get(piece, 1.0 if length > 2 or not piece.isascii() else 0.3 * length)

    return [weight(piece) for piece in pieces]


# Qwen2


def write_qwen2(folder: Path, *, shape: QwenShape | None = None, seed: int = 0) -> Path:
    """Write a random Qwen2 chat model with its tokenizer, and return ``folder``.

    Like the published ones it has a byte-level BPE in ``vocab.json`` and ``merges.txt``, special
    tokens after the vocabulary, a template that adds a system prompt, more rows of embeddings than
    tokens, two end tokens, and a ``generation_config.json`` that samples.
    """
    import torch
    from transformers import Qwen2Config, Qwen2ForCausalLM

    shape = shape or QwenShape()
    folder.mkdir(parents=True, exist_ok=True)
    first = write_qwen2_tokenizer(folder)
    end, end_of_turn = first, first + _QWEN2_SPECIAL.index("<|im_end|>")
    config = Qwen2Config(
        vocab_size=-(-(first + len(_QWEN2_SPECIAL)) // QWEN2_PADDING) * QWEN2_PADDING,
        hidden_size=shape.hidden,
        intermediate_size=shape.intermediate,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.kv_heads,
        max_position_embeddings=shape.positions,
        tie_word_embeddings=shape.tied,
        rope_theta=shape.rope_theta,
        bos_token_id=end,
        eos_token_id=end_of_turn,
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        Qwen2ForCausalLM(config).to(getattr(torch, shape.dtype)).save_pretrained(folder)
    settings = {
        "bos_token_id": end,
        "do_sample": True,
        "eos_token_id": [end_of_turn, end],
        "pad_token_id": end,
        "repetition_penalty": 1.1,
        "temperature": 0.7,
        "top_k": 20,
        "top_p": 0.8,
    }
    _dump(folder / "generation_config.json", settings)
    return folder


def write_qwen2_tokenizer(folder: Path) -> int:
    """Write Qwen2's tokenizer files; return the number of tokens before the special ones."""
    vocabulary, merges = _byte_level_bpe()
    _dump(folder / "vocab.json", vocabulary)
    lines = ["#version: 0.2", *(" ".join(pair) for pair in merges)]
    (folder / "merges.txt").write_text("\n".join(lines) + "\n", "utf-8")
    added = {
        str(number): {
            "content": text,
            "lstrip": False,
            "normalized": False,
            "rstrip": False,
            "single_word": False,
            "special": True,
        }
        for number, text in enumerate(_QWEN2_SPECIAL, len(vocabulary))
    }
    settings = {
        "add_prefix_space": False,
        "added_tokens_decoder": added,
        "additional_special_tokens": ["<|im_start|>", "<|im_end|>"],
        "bos_token": None,
        "chat_template": QWEN2_TEMPLATE,
        "clean_up_tokenization_spaces": False,
        "eos_token": "<|im_end|>",
        "errors": "replace",
        "model_max_length": 32768,
        "pad_token": "<|endoftext|>",
        "split_special_tokens": False,
        "tokenizer_class": "Qwen2Tokenizer",
        "unk_token": None,
    }
    _dump(folder / "tokenizer_config.json", settings)
    return len(vocabulary)


# Words


@cache
def handbook_pieces(size: int = 5000) -> tuple[str, ...]:
    """Return word pieces of the handbook, the first joined first, then common characters.

    Numbers are read digit by digit, and signs stay by themselves.
    """
    vocabulary, _ = _train_bpe("words", size)
    pieces = sorted(vocabulary, key=vocabulary.__getitem__)
    return tuple(dict.fromkeys([*pieces, *_chinese(), *string.printable[:95], "\n"]))


@cache
def _byte_level_bpe(size: int = 5000) -> tuple[dict[str, int], list[tuple[str, str]]]:
    return _train_bpe("bytes", size)


def _train_bpe(
    kind: Literal["words", "bytes"], size: int
) -> tuple[dict[str, int], list[tuple[str, str]]]:
    """Return the vocabulary and merges of a BPE over the handbook's text."""
    from tokenizers import Regex, Tokenizer, models, pre_tokenizers, trainers

    # Signs, digits and Chinese characters stay by themselves; ▁ is no sign here.
    alone = Regex(r"[[\p{P}\p{S}]&&[^▁]]|\n+|\p{N}|\p{Han}")
    signs = pre_tokenizers.Split(alone, behavior="isolated")
    if kind == "words":
        alphabet: list[str] = []
        split = [pre_tokenizers.Metaspace("▁", "never"), signs]
    else:
        alphabet = pre_tokenizers.ByteLevel.alphabet()
        words = pre_tokenizers.Split(Regex(r" ?\p{L}+|\s+|."), behavior="isolated")
        split = [signs, words, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(split)
    trainer = trainers.BpeTrainer(vocab_size=size, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator([*_handbook_texts(), _MARKS * 1000], trainer)
    found = json.loads(tokenizer.to_str())["model"]
    return found["vocab"], [tuple(pair) for pair in found["merges"]]


@cache
def _handbook_texts() -> tuple[str, ...]:
    return tuple(path.read_text("utf-8") for path in sorted(HANDBOOK.rglob("*.md")))


def _handbook_words() -> set[str]:
    signs = str.maketrans(dict.fromkeys(string.punctuation, " "))
    return {word for text in _handbook_texts() for word in text.lower().translate(signs).split()}


@cache
def _chinese() -> tuple[str, ...]:
    """Return the 3,755 common characters of GB 2312."""
    codes = (bytes((row, cell)) for row in range(0xB0, 0xD8) for cell in range(0xA1, 0xFF))
    return tuple(text for code in codes if (text := code.decode("gb2312", "ignore")))


def _other_letters() -> str:
    blocks = ((0x3041, 0x30FB), (0x0430, 0x0450), (0x03B1, 0x03CA))  # kana, Cyrillic, Greek
    return "".join(chr(code) for first, end in blocks for code in range(first, end))


def _dump(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False), "utf-8")
