"""How much of a text an embedder reads, counted in its own tokens.

An embedder drops whatever goes beyond its limit without a word, so texts are cut to it beforehand
and checked against it.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
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


def measure_reach(tokenizer: Any, *, longest: int, prefix: str = "") -> Reach:
    """Return the reach of a model that reads ``longest`` tokens, ``prefix`` and special ones too.

    ``tokenizer`` is transformers' or tokenizers' own. Raises ConfigError for a prefix that leaves
    no room for a text.
    """
    lengths = _lengths(tokenizer)
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


def _lengths(tokenizer: Any) -> Callable[[list[str]], list[int]]:
    backend = getattr(tokenizer, "backend_tokenizer", tokenizer)
    if not hasattr(backend, "encode_batch_fast"):
        return lambda texts: [
            len(tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"])
            for text in texts
        ]
    # A copy: padding and truncation are settings of the tokenizer, and changing them while another
    # thread uses it is an error ("Already borrowed").
    own = copy.deepcopy(backend)
    own.no_truncation()
    own.no_padding()
    return lambda texts: [len(e) for e in own.encode_batch_fast(texts, add_special_tokens=False)]
