"""Token ids to text, as they come."""

from __future__ import annotations

import codecs
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

__all__ = ["StreamedText"]

_REPLACEMENT = "\ufffd"
_BYTE = re.compile(r"<0x([0-9A-F]{2})>")


class StreamedText:
    """Text of one answer, decoded piece by piece.

    A piece is given out when later tokens cannot change it: never half of a character, nor a run
    of byte tokens before its end. All pieces together are what the tokenizer makes of all ids,
    without special tokens; a last character that the answer breaks off in is left out.
    """

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        added = tokenizer.added_tokens_decoder
        self._silent = frozenset(number for number, token in added.items() if token.special)
        self._ids: list[int] = []
        self._text = ""
        self._given = 0  # ids whose text was given out
        self._context = 0  # where the last piece began: some decoders look at the token before

    @property
    def text(self) -> str:
        """Return everything given out so far."""
        return self._text

    def push(self, ids: Sequence[int]) -> str:
        """Return the text that ``ids`` complete, which may be empty."""
        more = [number for number in ids if number not in self._silent]
        if not more:
            return ""
        self._ids += more
        before = self._decode(self._ids[self._context : self._given])
        now = self._decode(self._ids[self._context :])
        if len(now) <= len(before) or not now.startswith(before) or self._may_change(now):
            return ""
        self._context, self._given = self._given, len(self._ids)
        piece = now[len(before) :]
        self._text += piece
        return piece

    def finish(self) -> str:
        """Return the text held back until now."""
        whole = self._decode(self._ids)
        if whole.endswith(_REPLACEMENT) and (pending := self._pending_bytes()):
            whole = self._without_last(pending, whole)
        rest = whole[len(self._text) :] if whole.startswith(self._text) else ""
        self._text += rest
        return rest

    def _decode(self, ids: list[int]) -> str:
        text: str = self._tokenizer.decode(
            ids, skip_special_tokens=True, clean_up_tokenization_spaces=False
        )
        return text

    def _may_change(self, text: str) -> bool:
        last = self._tokenizer.convert_ids_to_tokens(self._ids[-1])
        # One bad byte turns the whole run of byte tokens into replacement characters.
        return text.endswith(_REPLACEMENT) or bool(_BYTE.fullmatch(last or ""))

    def _pending_bytes(self) -> int:
        """Return how many bytes at the end begin a character that never ended."""
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        for number in self._ids[-4:]:
            decoder.decode(self._bytes(number))
        return len(decoder.getstate()[0])

    def _without_last(self, pending: int, whole: str) -> str:
        keep = len(self._ids)
        while pending > 0:
            keep -= 1
            pending -= len(self._bytes(self._ids[keep]))
        # A byte-level token may hold a whole character and the beginning of the next.
        rest = self._decode(self._ids[:keep]) if pending == 0 else whole[:-1]
        return whole if rest.endswith(_REPLACEMENT) else rest  # else these are bytes, no text

    def _bytes(self, number: int) -> bytes:
        token = self._tokenizer.convert_ids_to_tokens(number) or ""
        if found := _BYTE.fullmatch(token):
            return bytes([int(found[1], 16)])
        table = _byte_level()
        # Asked only where the text ends in a replacement character: a vocabulary of bytes.
        return bytes(table[letter] for letter in token if letter in table)


@lru_cache(maxsize=1)
def _byte_level() -> dict[str, int]:
    """Return the byte of each letter in which byte-level vocabularies are written.

    Printable bytes stand for themselves, the others for the letters from U+0100 on, in order:
    Radford et al. 2019, https://github.com/openai/gpt-2/blob/master/src/encoder.py
    """
    own = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in own]
    return {chr(byte): byte for byte in own} | {chr(256 + n): b for n, b in enumerate(others)}
