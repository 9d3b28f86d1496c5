"""Near-duplicates among the nodes found: copied pages, boilerplate, two versions of a file.

Two texts are near-duplicates when they have the same words and figures in the same order, whatever
their case, white space and punctuation; or when one only adds a few words to the other, none of
which has a digit, negates or limits. A word that stands *in place of* another may change the sense
("enabled", "disabled"), so nothing is ever taken for a slip.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import TYPE_CHECKING

from ragkit.retrieve.tokenizer import CJK, HANGUL, MARKS, UNSPACED, normalize

if TYPE_CHECKING:
    from llama_index.core.schema import NodeWithScore

__all__ = ["collapse_duplicates", "near_duplicates"]

_MOST_ADDED = 0.05  # of the longer text's words
_LONGEST_COMPARED = 2000  # words; longer texts must have the same ones
# A figure keeps its sign and points, a name its signs (C++, .NET); all else between words falls.
_LETTERS = rf"(?:[^\W\d_]|[{MARKS}{UNSPACED}])"
_WORD = re.compile(
    rf"[{CJK}{HANGUL}]|[-+−±~<>≤≥=!$€£¥]?\d[\d.,:/%°]*|{_LETTERS}+(?:['’]{_LETTERS}+)*"
    r"|(?<=\w)#|[+=<>≤≥!%&|^~$€£¥°]+"
)
# Words that turn a sentence round or bound it, in the commonest languages; whole words, lower case.
_TURNING = frozenset(
    "not no non never none nor neither without cannot except unless only but if until before after "
    "nicht kein keine keinen keinem keiner nie ohne nur außer wenn bis ne pas jamais sans sauf "
    "seulement si sin nunca solo sólo salvo excepto senza mai sem nunca não не ни нет без только "
    "если кроме tidak bukan tanpa không chưa لا لم لن غير بدون नहीं न मत ไม่ 不 没 沒 非 "
    "无 無 未 勿 莫 别 別 否 除 仅 僅 只 若 如 可 禁".split()
)
_CONTRACTED = re.compile(r"n['’]t$")


def collapse_duplicates(nodes: Sequence[NodeWithScore], *, limit: int) -> list[NodeWithScore]:
    """Return the first ``limit`` of ``nodes`` that are no near-duplicates of an earlier one.

    A node that is kept names the other files in which its text stands in ``metadata["also_in"]``,
    in the order found. Order and scores stay; the nodes handed in are not changed. Give some more
    nodes than ``limit``, so that others move up.
    """
    kept: list[NodeWithScore] = []
    words: list[list[str]] = []
    elsewhere: list[dict[str, None]] = []
    for found in nodes:
        own = _words(found.node.get_content())
        twin = next((i for i, other in enumerate(words) if _same(own, other)), None)
        if twin is not None:
            elsewhere[twin] |= dict.fromkeys(_sources(found))
        elif len(kept) < limit:
            kept.append(found)
            words.append(own)
            elsewhere.append({})
    return [_noted(found, list(also)) for found, also in zip(kept, elsewhere, strict=True)]


def near_duplicates(one: str, other: str) -> bool:
    """Return whether two texts say the same in all but the same words."""
    return _same(_words(one), _words(other))


def _words(text: str) -> list[str]:
    found = _WORD.findall(normalize(text).casefold())
    # "3," and "3." at the end of a clause are the figure 3.
    return [word.rstrip(".,:/") if word[-1:] in ".,:/" else word for word in found]


def _same(one: list[str], other: list[str]) -> bool:
    if one == other:
        return True
    short, long = sorted((one, other), key=len)
    most = int(_MOST_ADDED * len(long))
    if len(long) - len(short) > most or not most or len(long) > _LONGEST_COMPARED:
        return False
    added = Counter(long) - Counter(short)
    # Cheap, and decides nearly always: the shorter one may have no word that the longer lacks.
    if Counter(short) - Counter(long) or any(map(_turns, added)):
        return False
    steps = SequenceMatcher(None, short, long, autojunk=False).get_opcodes()
    return all(kind in ("equal", "insert") for kind, *_ in steps)


def _turns(word: str) -> bool:
    return (
        word in _TURNING
        or bool(_CONTRACTED.search(word))
        or any(char.isdigit() or not char.isalpha() for char in word if char not in "'’")
    )


def _sources(found: NodeWithScore) -> list[str]:
    metadata = found.node.metadata
    sources = metadata.get("sources")
    named = sources if isinstance(sources, list) else [metadata.get("source")]
    return [source for source in named if isinstance(source, str) and source]


def _noted(found: NodeWithScore, also: Sequence[str]) -> NodeWithScore:
    own = set(_sources(found))
    others = [source for source in also if source not in own]
    if not others:
        return found
    from llama_index.core.schema import NodeWithScore

    node = found.node.model_copy(deep=True)
    node.metadata["also_in"] = others
    # It is for the reader: neither embedded nor shown to a model.
    node.excluded_embed_metadata_keys = [*node.excluded_embed_metadata_keys, "also_in"]
    node.excluded_llm_metadata_keys = [*node.excluded_llm_metadata_keys, "also_in"]
    return NodeWithScore(node=node, score=found.score)
