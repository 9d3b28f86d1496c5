"""How much of a text an embedder reads, counted in its own tokens.

An embedder drops whatever goes beyond its limit without a word, so texts are cut to it beforehand
and checked against it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any

from ragkit.errors import ConfigError

__all__ = ["Reach", "measure_reach"]

_SMALLEST = 8  # tokens; nodes smaller than this say nothing


@dataclass(frozen=True, slots=True)
class Reach:
    """``count`` gives the tokens of each text; one of up to ``limit`` is read whole.

    Both leave out the special tokens and the prefix that come on top. Safe to use from any thread.
    """

    count: Callable[[Sequence[str]], list[int]]
    limit: int


def measure_reach(tokenizer: Any, *, longest: int, prefix: str = "", lock: Lock) -> Reach:
    """Return the reach of a model that reads ``longest`` tokens, ``prefix`` and special ones too.

    ``tokenizer`` is transformers' or tokenizers' own. ``lock`` is held while it is used: whoever
    else pads or truncates with it must hold the same. Raises ConfigError for a prefix that leaves
    no room for a text.
    """

    def lengths(texts: list[str]) -> list[int]:
        with lock:
            return _lengths(tokenizer, texts)

    # A prefix joins with the text's first token or not: only counting both together is exact.
    own = lengths([prefix])[0] if prefix else 0
    limit = longest - int(tokenizer.num_special_tokens_to_add()) - own
    if limit < _SMALLEST:
        raise ConfigError(
            f"embedder.document_prefix has {own} tokens, and the embedder reads {longest} in all. "
            "Make it shorter."
        )

    def count(texts: Sequence[str]) -> list[int]:
        return [max(0, n - own) for n in lengths([prefix + text for text in texts])]

    return Reach(count, limit)


def _lengths(tokenizer: Any, texts: list[str]) -> list[int]:
    backend = getattr(tokenizer, "backend_tokenizer", tokenizer)
    if not hasattr(backend, "encode_batch_fast"):
        found = (tokenizer(text, add_special_tokens=False, verbose=False) for text in texts)
        return [len(encoded["input_ids"]) for encoded in found]
    # Whoever embeds sets both again. A copy of the tokenizer would do without this, and take 10 s
    # and 700 MiB with a vocabulary of 250,000.
    if backend.truncation is not None:
        backend.no_truncation()
    if backend.padding is not None:
        backend.no_padding()
    return [len(found) for found in backend.encode_batch_fast(texts, add_special_tokens=False)]
