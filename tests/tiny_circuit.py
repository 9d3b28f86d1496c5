"""Weights that answer from a prompt, worked out instead of trained.

The attention heads below are set by hand so that a chat model of six small layers does what a large
one does with sources and a question: it finds the sentence that shares most words with the end of
the prompt, copies it, and ends its turn. They are the previous-token and induction heads that
trained models form by themselves (https://transformer-circuits.pub/2021/framework), with two more:
one that votes for a sentence and one that marks where a token's sentence begins.

The residual stream is cut into slots: a token's random code, the last token's, and those of the
tokens before it in one slot, told apart by a fixed signed permutation R: the code of the token k
places back is multiplied by R^k.
Copying is exact only while the prompt has fewer than ``POSITIONS`` tokens.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

POSITIONS = 4096
LAYERS, HIDDEN, HEADS, INTERMEDIATE = 6, 704, 2, 64
HEAD = HIDDEN // HEADS
CODE = 96
SALT = 4  # one of the draws of codes in which no two tokens of the tests are much alike
# Pairs of a head's dimensions turn with the position: the first ones tell neighbours apart, two
# tell near from far, and from _CONTENT on they hardly turn within POSITIONS.
ROPE_THETA = 0.71 ** -(HEAD // 2)
_NEIGHBOURS, _NEARNESS, _CONTENT = range(10), (14, 21), 32
_FLAGS = _CONTENT + CODE

# Slots of the residual stream: codes, then single numbers.
TOKEN, LAST, BEFORE, SENTENCE, MATCH, VOTE, OUT = range(7)
(ONE, SINK, LINE, ENDS, BEGINS, ENDS_1, ENDS_2, BEGINS_1, START, START_1, SILENT, CONTROL, STOP) = (
    range(7 * CODE, 7 * CODE + 13)
)
# Of the fence "<source 1> … </source 1>" and of titles; UNFENCED is 1 outside of a fence.
(FENCE, LESS, SLASH, LESS_1, LESS_2, SLASH_1, OPEN, CLOSE, UNFENCED) = range(ONE + 13, ONE + 22)
TITLE, TITLE_1, TITLE_START, IN_TITLE = range(ONE + 22, ONE + 26)
_ONE = 128.0  # large, so that the norm of a vector hardly depends on what else is in it

_DOTS = frozenset(".!?:;")
_ENDS = frozenset("。！？；…")
_STOP_WORDS = frozenset(
    "a an and are as at be by can did do does for from has have how i in into is it its many may "
    "much must of on or that the there they this to was were what when where which who why will "
    "with you your not only if no 的 了 是 在 和 有 什么 吗 呢 多少 哪里 谁 个 一 这 那 也 就 "
    "我 你 s t o f user assistant system".split()
)


@dataclass(frozen=True)
class Token:
    """What the weights know of a token.

    ``control`` is one of the chat template's, ``rule`` one of the words around every question.
    """

    text: str
    control: bool = False
    rule: bool = False


def reader_weights(
    tokens: Sequence[Token], *, stops: bool = True, rows: int = 1, seed: int = 0
) -> dict[str, Any]:
    """Return the weights by Llama's names; the vocabulary is padded to a multiple of ``rows``."""
    import torch

    generator = torch.Generator().manual_seed(seed)
    size = -(-len(tokens) // rows) * rows
    codes = torch.zeros(size, CODE)
    codes[: len(tokens)] = torch.tensor(list(_codes(tokens))) / CODE**0.5
    order = torch.randperm(CODE, generator=generator)
    turn = torch.eye(CODE)[order] * torch.randn(CODE, 1, generator=generator).sign()
    codes[[n for n, token in enumerate(tokens) if token.control]] = 0
    weights = {
        "model.embed_tokens.weight": _embeddings(tokens, codes),
        "model.norm.weight": _norm(),
        "lm_head.weight": _output(tokens, codes, stops=stops),
    }
    for layer, heads in enumerate(_heads(turn)):
        at = f"model.layers.{layer}."
        names = ("q_proj", "k_proj", "v_proj", "o_proj")
        for name, parts in zip(names, zip(*heads, strict=True), strict=True):
            matrix = torch.cat(parts, dim=1 if name == "o_proj" else 0)
            weights[f"{at}self_attn.{name}.weight"] = matrix
        weights[at + "input_layernorm.weight"] = _norm()
        weights[at + "post_attention_layernorm.weight"] = _norm()
        weights |= _feed_forward(at + "mlp.", flags=layer == 0)
    return weights


def _codes(tokens: Sequence[Token]) -> Iterator[list[float]]:
    """Yield signs that follow from a token's text, whatever else the vocabulary holds."""
    seen: Counter[str] = Counter()
    for token in tokens:
        # Bytes that are no character by themselves all read as one.
        name = f"{SALT}\x00{token.text}\x00{seen[token.text]}"
        seen[token.text] += 1
        bits = int.from_bytes(hashlib.shake_256(name.encode()).digest(CODE // 8), "big")
        yield [1.0 if bits >> place & 1 else -1.0 for place in range(CODE)]


def _embeddings(tokens: Sequence[Token], codes: Any) -> Any:
    import torch

    found = torch.zeros(len(codes), HIDDEN)
    found[:, _slot(TOKEN)] = codes
    found[:, ONE] = _ONE
    for number, token in enumerate(tokens):
        text = token.text
        line = "\n" in text
        word = text.strip().lower()
        ends = 1.0 * (word[-1:] in _DOTS and bool(word))
        if line or token.control or (word and word[-1] in _ENDS):
            ends = 2.0
        title = word.startswith(("#", "<", "[", "|", "="))
        begins = 1.0 * text.startswith(" ") - 4.0 * (line or token.control or title)
        found[number, TITLE] = 4.0 * title
        found[number, ENDS], found[number, BEGINS] = ends, begins
        found[number, LINE] = line
        found[number, FENCE] = text == "source"
        found[number, LESS], found[number, SLASH] = text == "<", text == "/"
        sink = token.text in ("<s>", "<|im_start|>")
        found[number, CONTROL], found[number, SINK] = token.control and not sink, sink
        found[number, SILENT] = 1.0 if token.control or token.rule else _silence(word)
    return found


def _silence(word: str) -> float:
    """Return 0 for a word that says what a text is about, up to 1 for one that does not."""
    if word in _STOP_WORDS or not any(letter.isalnum() for letter in word):
        return 1.0
    if not word.isascii():
        return 0.0
    return {1: 0.5, 2: 0.2}.get(len(word), 0.0)


def _output(tokens: Sequence[Token], codes: Any, *, stops: bool) -> Any:
    """Return the last matrix: a code gives its token, an end of line or sentence the turn's end."""
    import torch

    found = torch.zeros(len(codes), HIDDEN)
    found[:, _slot(OUT)] = 20 * codes
    if stops:
        lines = [n for n, token in enumerate(tokens) if "\n" in token.text]
        end = next(n for n, token in enumerate(tokens) if token.text == "<|im_end|>")
        found[end, _slot(OUT)] = found[lines, _slot(OUT)].sum(0)
        found[lines] = 0
        found[end, STOP] = 60
    return found


# Heads: each is rows of query, key and value, and columns of the output.

Head = tuple[Any, Any, Any, Any]
Score = Callable[[Any, Any], None]  # adds a term to the rows of query and key


def _heads(turn: Any) -> list[tuple[Head, Head]]:
    import torch

    one = torch.eye(CODE)
    turns = [torch.linalg.matrix_power(turn, distance) for distance in range(1, 5)]
    marks = (OPEN, CLOSE, CONTROL, SINK)
    idle = _head([], {})
    # The template's <s> and <|im_start|> hold nothing: what attends to them gets nothing.
    sunk = _flag(1, {SINK: 1000}, SINK)
    return [
        (
            _head(
                [_previous(1), sunk],
                {TOKEN: (LAST, one)},
                {ENDS: ENDS_1, BEGINS: BEGINS_1, LESS: LESS_1, SLASH: SLASH_1, TITLE: TITLE_1},
            ),
            _head([_previous(2), sunk], {TOKEN: (BEFORE, turns[1])}, {ENDS: ENDS_2, LESS: LESS_2}),
        ),
        (
            _head([_previous(3), sunk], {TOKEN: (BEFORE, turns[2])}),
            _head([_previous(4), sunk], {TOKEN: (BEFORE, turns[3])}),
        ),
        (
            # How a token's sentence begins, which is read behind the sentence's first token.
            _head(
                [_nearness(1.0), _flag(0, {ONE: 200}, START_1), sunk],
                {LAST: (SENTENCE, turn), BEFORE: (SENTENCE, one)},
                {TITLE_START: IN_TITLE},
            ),
            # Whether the last mark before it closed a fence, or belongs to the chat template.
            _head(
                [_nearness(0.5), *(_flag(n, {ONE: 200}, mark) for n, mark in enumerate(marks))],
                {},
                dict.fromkeys(marks[1:], UNFENCED),
            ),
        ),
        # The sentences in which the token stood before; nothing where it is new.
        (
            _head(
                [
                    _content(0, {TOKEN: 30 * one}, {LAST: one}),
                    _content(1, {LAST: 3 * turns[1]}, {BEFORE: one}),
                    _flag(0, {ONE: 18}, SINK),
                    _flag(1, {ONE: -8}, UNFENCED),
                    _flag(2, {ONE: -10}, IN_TITLE),
                ],
                {SENTENCE: (MATCH, one)},
            ),
            idle,
        ),
        # The sentence for which most of the last words vote.
        (_head([_nearness(0.08), _flag(0, {ONE: -20}, SILENT)], {MATCH: (VOTE, one)}), idle),
        (
            # At the line end that opens the answer: the first token of that sentence.
            _head(
                [
                    _content(1, {VOTE: 30 * one}, {TOKEN: turn, LAST: turns[1], BEFORE: turn}),
                    _flag(0, {ONE: 100}, START),
                    _flag(1, {ONE: 400, LINE: -400}, SINK),
                    _flag(2, {ONE: -40}, UNFENCED),
                ],
                {TOKEN: (OUT, one)},
            ),
            # Later: what follows the same four tokens, in that sentence where it has them.
            _head(
                [
                    _content(
                        0,
                        {TOKEN: 14 * turn, LAST: 7 * turns[1], BEFORE: 7 * turn},
                        {LAST: turn, BEFORE: one},
                    ),
                    _content(1, {VOTE: 30 * one}, {SENTENCE: one}),
                    _flag(1, {LINE: 400}, SINK),
                    _flag(2, {ONE: -30}, UNFENCED),
                    _flag(3, {ONE: -30}, IN_TITLE),
                ],
                {TOKEN: (OUT, one)},
                {START: STOP, CONTROL: STOP},
            ),
        ),
    ]


def _head(
    scores: Sequence[Score],
    copy: Mapping[int, tuple[int, Any]],
    flags: Mapping[int, int] | None = None,
) -> Head:
    """Return a head that copies slots and numbers from where its scores point.

    ``copy`` maps a slot to the one it is written to and the matrix it goes through.
    """
    import torch

    query, key, value = (torch.zeros(HEAD, HIDDEN) for _ in range(3))
    output = torch.zeros(HIDDEN, HEAD)
    for score in scores:
        score(query, key)
    query *= HEAD**0.5  # by which attention divides
    for start, (source, (target, matrix)) in enumerate(copy.items()):
        rows = slice(start * CODE, (start + 1) * CODE)
        value[rows, _slot(source)] = torch.eye(CODE)
        output[_slot(target), rows] = matrix
    for row, (source_flag, target_flag) in enumerate((flags or {}).items(), len(copy) * CODE):
        value[row, source_flag] = 1
        output[target_flag, row] = 1
    return query, key, value, output


def _previous(distance: int) -> Score:
    """Score the token ``distance`` places back above all others."""

    def score(query: Any, key: Any) -> None:
        for pair in _NEIGHBOURS:
            angle = -distance * ROPE_THETA ** (-2 * pair / HEAD)
            query[pair, ONE] = 13 * math.cos(angle) / _ONE
            query[pair + HEAD // 2, ONE] = 13 * math.sin(angle) / _ONE
            key[pair, ONE] = 1 / _ONE

    return score


def _nearness(slope: float) -> Score:
    """Take off about ``slope`` for each place back."""

    def score(query: Any, key: Any) -> None:
        # sin(frequency * distance) is nearly linear while it grows. The quick pair is exact in
        # bfloat16, and the slow one outweighs it where it has turned round.
        for pair, share in zip(_NEARNESS, (0.4, 0.6), strict=True):
            per_turn = ROPE_THETA ** (2 * pair / HEAD)
            query[pair + HEAD // 2, ONE] = share * slope * per_turn / _ONE
            key[pair, ONE] = 1 / _ONE

    return score


def _content(half: int, asked: Mapping[int, Any], held: Mapping[int, Any]) -> Score:
    """Score by the inner product of what is asked and what a token holds; two fit in a head."""
    rows = slice(_CONTENT + half * HEAD // 2, _CONTENT + half * HEAD // 2 + CODE)

    def score(query: Any, key: Any) -> None:
        for slot, matrix in asked.items():
            query[rows, _slot(slot)] = matrix
        for slot, matrix in held.items():
            key[rows, _slot(slot)] = matrix

    return score


def _flag(place: int, asked: Mapping[int, float], held: int) -> Score:
    """Add what is asked to the score of tokens that have the number ``held``."""

    def score(query: Any, key: Any) -> None:
        for number, weight in asked.items():
            query[_FLAGS + place, number] = weight / (_ONE if number == ONE else 1)
        key[_FLAGS + place, held] = 1

    return score


def _feed_forward(at: str, *, flags: bool) -> dict[str, Any]:
    """Return a layer that does nothing, or sets START and START_1 from what stands before."""
    import torch

    gate, up = torch.zeros(INTERMEDIATE, HIDDEN), torch.zeros(INTERMEDIATE, HIDDEN)
    down = torch.zeros(HIDDEN, INTERMEDIATE)
    rules = (
        ((ENDS_1, BEGINS), 1, START),
        ((ENDS_2, BEGINS_1, TITLE_1), 1, START_1),  # no answer begins with a title
        ((ENDS_2, TITLE_1), 5, TITLE_START),
        ((FENCE, LESS_1), 1, OPEN),
        ((FENCE, SLASH_1, LESS_2), 2, CLOSE),
    )
    sharpness = 40
    for number, (terms, less, target) in enumerate(rules if flags else ()):
        # 1 where the sum of the terms is above less + 3/4, 0 where it is below less + 1/4: all are
        # whole numbers, but for rounding
        for step, sign in ((0.25, 1), (0.75, -1)):
            row = 2 * number + (sign < 0)
            gate[row, list(terms)] = sharpness
            gate[row, ONE] = -sharpness * (less + step) / _ONE
            up[row, ONE] = 1 / _ONE
            down[target, row] = 2 * sign / sharpness
    names = ("gate_proj", "up_proj", "down_proj")
    return {f"{at}{n}.weight": m for n, m in zip(names, (gate, up, down), strict=True)}


def _slot(number: int) -> slice:
    return slice(number * CODE, (number + 1) * CODE)


def _norm() -> Any:
    """Return the norm's weight that leaves a vector about as long as it is."""
    import torch

    return torch.full((HIDDEN,), (_ONE**2 + 6) ** 0.5 / HIDDEN**0.5)
