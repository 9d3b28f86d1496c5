"""A model's own words for "not in the documents", recognised before the reader sees them."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["NotFoundWatch"]

# The sentence may have so many letters before it: "Sorry, …", "Answer: …".
_MOST_BEFORE = 40
_ENDS = frozenset(".!?。！？…।؟۔\n\r")
_MARKS = frozenset(" \t*_`\"'“”’」』»)）")


class NotFoundWatch:
    """Lets a text through in pieces, but for one of ``said`` near its beginning.

    ``said`` are fixed sentences; case, punctuation, white space and what a hesitant model puts
    around them don't matter, other words do. Held back is only what may become one of them.
    ``found`` is True once one was met; nothing goes through from then on.
    """

    def __init__(self, said: Sequence[str]) -> None:
        self.found = False
        self._said = frozenset("".join(c for c in s.casefold() if c.isalnum()) for s in said)
        self._held = ""
        self._before = 0  # letters that went through
        self._glued = False  # the last character that went through is part of a spaced word
        self._past = False

    def feed(self, text: str) -> str:
        """Return what goes through once ``text`` has come too."""
        if self._past:
            return text
        return self._through(text, final=False)

    def finish(self) -> str:
        """Return the rest, at the text's end."""
        return "" if self._past or self.found else self._through("", final=True)

    def _through(self, text: str, *, final: bool) -> str:
        if self.found:
            return ""
        self._held += text
        held = self._held
        letters = [(at, c) for at, char in enumerate(held) for c in char.casefold() if c.isalnum()]
        low = "".join(c for _, c in letters)
        glued = self._glued
        last = 0  # where held text that can't belong to a sentence ends
        for n, (at, char) in enumerate(letters):
            if self._before + n > _MOST_BEFORE:
                break
            begins = not (glued if at == 0 else _in_word(held[at - 1]) and _in_word(char))
            verdict = self._verdict(held, letters, low, n, final=final) if begins else "no"
            if verdict == "yes":
                self.found, self._held = True, ""
                return held[: at if self._before + n else 0].rstrip("".join(_MARKS))
            if verdict == "open":
                return self._let(held, last, n)
            last = at + 1
        self._past = self._before + len(letters) > _MOST_BEFORE or final
        if self._past:
            self._held = ""
            return held
        return self._let(held, last, len(letters))

    def _verdict(
        self, held: str, letters: list[tuple[int, str]], low: str, n: int, *, final: bool
    ) -> str:
        """Tell whether a sentence begins at letter ``n``: "yes", "no", or still "open"."""
        rest = low[n:]
        for said in self._said:
            if said.startswith(rest) and len(rest) < len(said):
                if not final:
                    return "open"
            elif rest.startswith(said):
                after = held[letters[n + len(said) - 1][0] + 1 :].lstrip("".join(_MARKS))
                if not after:
                    return "yes" if final else "open"
                if after[0] in _ENDS:
                    return "yes"
        return "no"

    def _let(self, held: str, end: int, letters: int) -> str:
        self._held = held[end:]
        self._before += letters
        if end:
            self._glued = _in_word(held[end - 1])
        return held[:end]


def _in_word(char: str) -> bool:
    """Tell whether ``char`` is a letter of a script that puts spaces between words."""
    return char.isalnum() and not ("\u0e00" <= char <= "\u0e7f" or "\u2e80" <= char <= "\ua4cf")
