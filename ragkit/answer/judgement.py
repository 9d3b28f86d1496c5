"""What a model writes around its answer on being told to judge its sources first.

The first line names the sources that it judged relevant; it is taken out, and known. A list of
sources that it writes at the end is taken out too: the reader's list is made of checked citations.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from ragkit.answer.markers import SOURCE_WORDS
from ragkit.types import SourceNode

__all__ = ["Judgement", "OwnList"]

# The answer goes on behind marks in brackets in the same line.
_MARKS = re.compile(r"[\s*_:：]*(?:[\[［【]\s*\d{1,3}\s*[\]］】][\s,，、;；.。*_]*)+")
_WORD = re.compile(r"[^\W\d_]+")
_BETWEEN = SOURCE_WORDS | frozenset(
    "and und et y e и 和 與 及 と および 및 와 과 و και और และ ve và".split()
)
_LONGEST_LINE = 80
# Words in the place of numbers are "none" in some language where they are few.
_LONGEST_NONE, _MOST_WORDS = 40, 2
_UNSPACED = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\u0e00-\u0e7f]")
_NONE_UNSPACED = re.compile(r"^[\s\[(（【]*(?:皆?[无無]|[没沒]|均?不|なし)|ない|ありません|なし|ไม่")

_URL = re.compile(r"https?://\S+")
_LIST_LABEL = re.compile(r"[\s*_#>\-•]*(?P<words>[^\W\d_]+(?: [^\W\d_]+){0,2})[\s*_]*[:：]?[\s*_]*")
_QUALIFIERS = frozenset("grounding used cited main the 参考 參考 引用".split())
_LONGEST_LABEL = 40
_LEFT_OVER = 12  # letters beside a source's name in its line: "page 3", "第3页"


class Judgement:
    """Takes the line of relevant sources off the beginning of an answer, however it is cut.

    ``numbers`` are those that the model named; ``none`` is True where it found no source relevant.
    An answer that begins otherwise goes through as it is.
    """

    def __init__(self, labels: Iterable[str], sources: Sequence[SourceNode] = ()) -> None:
        """``labels`` are the words that the line begins with, in any language.

        A model may write the names of ``sources`` in the place of their numbers.
        """
        self.numbers: tuple[int, ...] = ()
        self.none = False
        bare = {_letters(label) for label in labels}
        self._labels = sorted(bare, key=len, reverse=True)
        named = [(name.casefold(), s.n) for s in sources for name in (s.source, s.title) if name]
        self._named = sorted(named, key=lambda pair: -len(pair[0]))
        self._held = ""
        self._past = False

    def feed(self, text: str) -> str:
        """Return what goes through once ``text`` has come too."""
        if self._past:
            return text
        self._held += text
        return self._through(final=False)

    def finish(self) -> str:
        """Return the rest, at the text's end."""
        return "" if self._past else self._through(final=True)

    def _through(self, *, final: bool) -> str:
        rest = self._read(self._held, final=final)
        if rest is None:
            return ""
        self._past, self._held = True, ""
        return rest

    def _read(self, held: str, *, final: bool) -> str | None:
        """Return what follows the line, all of ``held`` where there is no line, None if unsure."""
        said = _letters(held)
        label = next((known for known in self._labels if said.startswith(known)), None)
        if label is None:
            open_ = any(known.startswith(said) for known in self._labels)
            return None if open_ and not final else held
        behind = held[_end_of(label, held) :]
        bare = behind.lstrip(" \t*_")
        behind = behind.lstrip(" \t*_:：\n")
        line, newline, after = behind.partition("\n")
        if not line.strip():
            return "" if final else None
        if not (final or newline or len(line) > _LONGEST_LINE):
            return None
        if re.search(r"\d", line) and all(w in _BETWEEN for w in _WORD.findall(line.casefold())):
            self._take(line)
            return after.lstrip()
        if marks := _MARKS.match(line):
            self._take(marks[0])
            return behind[marks.end() :]
        if (newline or final) and (numbers := self._numbers_of_names(line)):
            self.numbers = numbers
            return after.lstrip()
        if not _says_none(line):
            return behind if bare.startswith((":", "：")) else held
        self.none = True
        return ""

    def _numbers_of_names(self, line: str) -> tuple[int, ...]:
        """Return the numbers of the sources that the line names, if it does nothing else."""
        left, numbers = line.casefold(), set[int]()
        for name, _ in self._named:
            if name in left:
                left = left.replace(name, "\0")
                numbers |= {n for known, n in self._named if known == name}
        only = all(word in _BETWEEN for word in _WORD.findall(left))
        return tuple(sorted(numbers)) if only else ()

    def _take(self, line: str) -> None:
        self.numbers = tuple(dict.fromkeys(int(n) for n in re.findall(r"\d+", line)))


class OwnList:
    """Takes a list of ``sources`` that a model writes off the end of its answer, however it is cut.

    It is a line of its own that says "Sources", and lines that hold no more than numbers, names,
    titles or addresses of the sources. Everything else goes through; held back is only what may be
    such a list.
    """

    def __init__(self, sources: Sequence[SourceNode]) -> None:
        named = (name for s in sources for name in (s.source, s.title, s.url, s.heading) if name)
        self._names = sorted({name.casefold() for name in named}, key=len, reverse=True)
        self._entries: dict[str, bool] = {}  # lines that were looked at
        self._held = ""
        self._fresh = True  # what comes next begins a line

    def feed(self, text: str) -> str:
        """Return what goes through once ``text`` has come too."""
        self._held += text
        out = ""
        while self._held:
            if not self._fresh:
                line, newline, self._held = self._held.partition("\n")
                out += line + newline
                self._fresh = bool(newline)
                continue
            if self._may_be_list(self._held):
                break
            line, newline, rest = self._held.partition("\n")
            out += line + newline
            self._held, self._fresh = rest, bool(newline)
        return out

    def finish(self) -> str:
        """Return the rest, at the text's end: nothing where it is a list of sources."""
        held, self._held = self._held, ""
        lines = held.strip().splitlines()
        return "" if lines and self._is_list(lines) else held

    def _may_be_list(self, held: str) -> bool:
        """Tell whether ``held``, which begins a line, may still become a list at the end."""
        lines = held.lstrip("\n").split("\n")
        if len(lines) == 1:
            return self._may_begin(lines[0])
        return self._is_head(lines[0]) and all(self._is_entry(line) for line in lines[1:-1])

    def _may_begin(self, line: str) -> bool:
        if not line.strip(" \t*_#>-•"):
            return True
        head, colon, rest = line.replace("：", ":").partition(":")
        if colon:
            return self._is_head(head) and (not rest.strip() or len(rest) < 500)
        words = _letters(line)
        return len(line) < _LONGEST_LABEL and any(w.startswith(words) for w in _LABELS)

    def _is_list(self, lines: Sequence[str]) -> bool:
        head, _, rest = lines[0].replace("：", ":").partition(":")
        if not self._is_head(head) or (rest.strip(" *_") and not self._is_entry(rest)):
            return False
        return all(self._is_entry(line) for line in lines[1:])

    def _is_head(self, line: str) -> bool:
        head, _, rest = line.replace("：", ":").partition(":")
        found = _LIST_LABEL.fullmatch(head)
        said = _letters(head)
        return bool(found) and said in _LABELS and (not rest.strip(" *_") or self._is_entry(rest))

    def _is_entry(self, line: str) -> bool:
        """Tell whether a line holds no more than numbers, names and addresses of sources."""
        if line not in self._entries:
            self._entries[line] = self._holds_names(line)
        return self._entries[line]

    def _holds_names(self, line: str) -> bool:
        left = _MARKS.sub(" \0", _URL.sub(" \0", line.casefold()))
        for name in self._names:
            left = left.replace(name, "\0")
        letters = sum(char.isalpha() for char in left)
        return not letters or ("\0" in left and letters <= _LEFT_OVER)


def _says_none(line: str) -> bool:
    """Tell whether what stands in the place of numbers is a word for none, in any language."""
    words = _WORD.findall(line.casefold())
    if re.search(r"\d", line) or len(line) > _LONGEST_NONE:
        return False
    if _UNSPACED.search(line):
        return bool(_NONE_UNSPACED.search(line))
    return len(words) <= _MOST_WORDS or any(word in SOURCE_WORDS for word in words)


def _letters(text: str) -> str:
    return "".join(char for char in text.casefold() if char.isalpha())


def _end_of(label: str, text: str) -> int:
    """Return where in ``text`` the last letter of ``label`` ends, with which its letters begin."""
    left = len(label)
    for at, char in enumerate(text):
        left -= len(_letters(char))
        if left <= 0:
            return at + 1
    return len(text)


_LABELS = frozenset(
    qualifier + word
    for word in SOURCE_WORDS | {"references", "citations", "参考文献", "参考资料", "參考資料"}
    for qualifier in ("", *_QUALIFIERS)
)
