"""The answer of a thinking model, without its thoughts.

Servers that know the model send the thoughts apart (``reasoning_content``, ``reasoning``). The
others send them in the text, before the answer: ``<think>thoughts</think>answer``, the form of
DeepSeek-R1 and Qwen3.
"""

from __future__ import annotations

from ragkit.errors import GenerationError

__all__ = ["AnswerText"]

_OPEN, _CLOSE = "<think>", "</think>"
_LONE_CLOSE = "\n" + _CLOSE


class AnswerText:
    """Text of one answer as it comes, thoughts left out, whatever chunks the marks are cut into.

    Only what stands before the answer is a thought: an answer may well speak of ``<think>``.
    """

    def __init__(self) -> None:
        self.text = ""
        self.thought = False
        self._held = ""
        self._thinking = False
        self._began = False

    def push(self, chunk: str) -> str:
        """Return the part of the answer that ``chunk`` completes, which may be empty.

        Raises GenerationError for thoughts that end without having begun: they cannot be told from
        the answer before it is too late, and the server can be told to send them apart.
        """
        self._held += chunk
        while not self._began:
            if self._thinking:
                _, end, rest = self._held.partition(_CLOSE)
                if not end:
                    self._held = self._held[1 - len(_CLOSE) :]
                    return ""
                self._thinking, self._held = False, rest
            self._held = self._held.lstrip()
            if self._held.startswith(_OPEN):
                self._thinking = self.thought = True
                self._held = self._held.removeprefix(_OPEN)
            elif self._held.startswith(_CLOSE):  # no thoughts: the mark that opens is in the prompt
                self._held = self._held.removeprefix(_CLOSE)
            elif _OPEN.startswith(self._held) or _CLOSE.startswith(self._held):
                return ""
            else:
                self._began = True
        return self._give(self._held if self.thought else self._without_mark())

    def finish(self) -> str:
        """Return the text held back until now: what looked like the beginning of a mark."""
        return "" if self._thinking else self._give(self._held)

    def _without_mark(self) -> str:
        if _LONE_CLOSE in self._held:
            raise GenerationError(
                "The model's thoughts came as if they were the answer. Choose a model that does "
                "not think, or start its server so that it sends them apart "
                "(vLLM: --reasoning-parser)."
            )
        keep = next(
            n for n in range(len(_LONE_CLOSE) - 1, -1, -1) if self._held.endswith(_LONE_CLOSE[:n])
        )
        return self._held[: len(self._held) - keep]

    def _give(self, piece: str) -> str:
        self._held = self._held[len(piece) :]
        self.text += piece
        return piece
