"""InternLM2's tokenizer from its ``tokenizer.model``; imported by ``internlm2.register`` only.

Needs neither sentencepiece nor protobuf: the few fields used are read here. Format:
https://github.com/google/sentencepiece/blob/master/src/sentencepiece_model.proto
"""

# mypy: disable-error-code="import-not-found, misc, no-untyped-call"
# (Base classes of type Any where transformers is not installed, partly typed ones where it is.)

from __future__ import annotations

import struct
from collections.abc import Iterator
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from transformers import PreTrainedConfig, TokenizersBackend

from ragkit.errors import ModelUnavailable

if TYPE_CHECKING:
    from tokenizers import Tokenizer

__all__ = ["InternLM2Tokenizer", "InternLM2TokenizerConfig"]

_SPACE = "▁"  # sentencepiece's sign for a space
_UNKNOWN, _BYTE = 2, 6  # ModelProto.SentencePiece.Type
_BPE = 2  # TrainerSpec.ModelType


class InternLM2TokenizerConfig(PreTrainedConfig):
    """The key under which the tokenizer is registered; see ``internlm2.register``."""

    model_type = "internlm2-tokenizer"


class InternLM2Tokenizer(TokenizersBackend):
    """Byte-fallback BPE without a dummy prefix, as the original fast tokenizer has it."""

    vocab_files_names = {  # noqa: RUF012  # transformers' own declaration
        "vocab_file": "tokenizer.model",
        "tokenizer_file": "tokenizer.json",
    }
    padding_side = "left"
    model_input_names = ["input_ids", "attention_mask"]  # noqa: RUF012

    def __init__(
        self, vocab_file: str | None = None, tokenizer_file: str | None = None, **kwargs: Any
    ) -> None:
        if not (tokenizer_file or vocab_file or kwargs.get("tokenizer_object")):
            raise ValueError("there is neither tokenizer.model nor tokenizer.json")
        # Set before the base class runs, which would otherwise copy the whole vocabulary.
        if tokenizer_file is None and vocab_file is not None:
            added = kwargs.get("added_tokens_decoder") or {}
            names = {int(number): str(token) for number, token in added.items()}
            self._tokenizer = _build(Path(vocab_file), names)
        super().__init__(vocab_file=vocab_file, tokenizer_file=tokenizer_file, **kwargs)

    @classmethod
    def convert_to_native_format(
        cls, trust_remote_code: bool = False, **kwargs: Any
    ) -> dict[str, Any]:
        """Return ``kwargs`` as they are: the files are read in ``__init__``."""
        return kwargs


class _Pieces(NamedTuple):
    texts: list[str]
    scores: list[float]
    unknown: int
    byte_fallback: bool
    dummy_prefix: bool


def _build(path: Path, added: dict[int, str]) -> Tokenizer:
    """Return the tokenizer of a sentencepiece BPE model.

    ``added`` are tokens by id that replace what the model has there (``[UNUSED_TOKEN_145]`` is
    ``<|im_end|>``). Raises ModelUnavailable for a file of another kind.
    """
    from tokenizers import Tokenizer, decoders, normalizers
    from tokenizers.models import BPE

    try:
        pieces = _read(path.read_bytes())
    except (AttributeError, IndexError, KeyError, TypeError, ValueError, struct.error):
        raise ModelUnavailable(
            f"{path} is not a sentencepiece BPE model. Download the tokenizer again."
        ) from None
    texts = [added.get(number, text) for number, text in enumerate(pieces.texts)]
    tokenizer = Tokenizer(
        BPE(
            vocab={text: number for number, text in enumerate(texts)},
            merges=_merges(texts, pieces.scores),
            unk_token=texts[pieces.unknown],
            fuse_unk=True,
            byte_fallback=pieces.byte_fallback,
        )
    )
    prepend = [normalizers.Prepend(_SPACE)] if pieces.dummy_prefix else []
    tokenizer.normalizer = normalizers.Sequence([*prepend, normalizers.Replace(" ", _SPACE)])
    strip = [decoders.Strip(content=" ", left=1)] if pieces.dummy_prefix else []
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace(_SPACE, " "), decoders.ByteFallback(), decoders.Fuse(), *strip]
    )
    return tokenizer


def _merges(texts: list[str], scores: list[float]) -> list[tuple[str, str]]:
    """Return every pair of pieces that joins to a piece, the best score first.

    Sentencepiece joins the neighbours whose whole has the best score; the tokenizers library joins
    by the order of this list, which therefore says the same.
    """
    known = set(texts)
    found = [
        (score, cut, text)
        for text, score in zip(texts, scores, strict=True)
        for cut in range(1, len(text))
        if text[:cut] in known and text[cut:] in known
    ]
    found.sort(key=itemgetter(0, 1), reverse=True)
    return [(text[:cut], text[cut:]) for _, cut, text in found]


def _read(data: bytes) -> _Pieces:
    """Return what a ModelProto holds; raise ValueError for one that is not BPE."""
    texts, scores, kinds = [], [], []
    trainer: dict[int, Any] = {}
    normalizer: dict[int, Any] = {}
    for number, value in _fields(data):
        if number == 1:  # pieces: piece = 1, score = 2, type = 3
            piece = dict(_fields(value))
            texts.append(piece[1].decode("utf-8"))
            scores.append(struct.unpack("<f", piece.get(2, bytes(4)))[0])
            kinds.append(piece.get(3, 1))
        elif number == 2:  # trainer_spec: model_type = 3
            trainer = dict(_fields(value))
        elif number == 3:  # normalizer_spec: precompiled_charsmap = 2, add_dummy_prefix = 3
            normalizer = dict(_fields(value))
    if trainer.get(3) != _BPE or normalizer.get(2):
        raise ValueError("not a BPE model, or one that rewrites characters")
    unknown = kinds.index(_UNKNOWN)
    return _Pieces(texts, scores, unknown, _BYTE in kinds, bool(normalizer.get(3, 1)))


def _fields(data: bytes) -> Iterator[tuple[int, Any]]:
    """Yield number and value of each field of a protobuf message.

    https://protobuf.dev/programming-guides/encoding/
    """
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        kind = tag & 7
        if kind == 0:
            value: Any
            value, at = _varint(data, at)
            yield tag >> 3, value
            continue
        if kind == 2:
            size, at = _varint(data, at)
        elif kind in (1, 5):
            size = 8 if kind == 1 else 4
        else:
            raise ValueError(f"wire type {kind}")
        if at + size > len(data):
            raise ValueError("cut short")
        yield tag >> 3, data[at : at + size]
        at += size


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """Return the number at ``at`` and where it ends."""
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7
