"""Source marks that a model writes (``[1]``, ``【1†source】``, ``(来源1)``), taken out of its text.

A model's own marks are often wrong, so they are never shown: the text gets marks of its own once
its sentences were compared with the sources. Code keeps its brackets.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

__all__ = ["SOURCE_WORDS", "MarkerFilter", "without_markers"]

_PAIRS = {"[": "]", "［": "］", "【": "】", "〔": "〕", "(": ")", "（": "）", "<": ">", "‹": "›"}
_ROUND, _ANGLE = frozenset("(（"), frozenset("<‹")
_INNER = str.maketrans("", "", "[]［］【】〔〕")
_LONGEST = 48
SOURCE_WORDS = frozenset(
    "source sources src quelle quellen fuente fuentes fonte fontes fonti kaynak kaynaklar nguồn "
    "источник источники المصدر المصادر مصدر स्रोत πηγή πηγές แหล่งที่มา แหล่ง 출처 来源 來源 出处 "
    "出處 资料来源 資料來源 参考来源 參考來源 信息来源 出典 引用".split()
)
_WORDS = SOURCE_WORDS | frozenset(
    "ref refs reference references doc docs document documents cite cited citation dokument siehe "
    "documento documentos документ 资料 資料 参考资料 參考資料 文档 文檔 文件 文献 文獻 参考 參考 "
    "参见 參見 见 見 参照 参考文献 参考文档 문서 자료".split()
)
_NUMBERS = r"\^?\d{1,3}(?:\s*(?:[,，、;；&\-–—~～]|and|und|et|y|и|和|与|與|及)\s*\^?\d{1,3})*"
_BODY = re.compile(
    rf"[\s/^]*(?P<word>[^\W\d_]*)(?P<colon>[\s.:：#№=\"]*)(?P<numbers>{_NUMBERS})\"?\s*"
    r"(?P<tail>[†:：,，].*)?",
    re.DOTALL,
)
# What may still become a body: the word, then numbers with what stands between them.
_BEGUN = re.compile(
    r"[\s/^]*(?P<word>[^\W\d_]*)"
    r"(?P<rest>[\s.:：#№=\"]*(?:\d[\d\s,，、;；&\-–—~～^\"]*"
    r"(?:(?:a|an|and|u|un|und|e|et|y|и|和|与|與|及)[\d\s,，、]*)?(?:[†:：,，].*)?)?)",
    re.DOTALL,
)
_SPECIAL = re.compile(r"[\[［【〔(（<‹`~\n]")
_BETWEEN = re.compile(r"[ \t]*[,，、;；]?[ \t]*")
_CLOSING = re.compile(r"[\s,，、;；:：.。!！?？…)）\]】」』”’»]")
_BEFORE_TEXT = re.compile(r"[ \t]*(?:[:：][ \t]*)?")
_BLANK_LINE = re.compile(r"[ \t>]*(?:[-*+]\s+|\d{1,3}[.)]\s+)?")

Mark = tuple[int, ...]


class MarkerFilter:
    """Takes a text in pieces; gives it out without source marks, each as soon as it is sure.

    Held back is only what may be part of a mark: an open bracket with what fits into it, and the
    white space before it. ``feed`` and ``finish`` yield pieces of text and, as tuples, the numbers
    of the marks at their place.
    """

    def __init__(self) -> None:
        self._held = ""
        self._line = ""  # what was given out of the current line
        self._fence = ""  # the mark that closes the block of code we are in
        self._inline = 0  # length of the run of backticks that opened code in this line

    def feed(self, text: str) -> Iterator[str | Mark]:
        """Yield what is sure once ``text`` has come too."""
        self._held += text
        return self._drain(final=False)

    def finish(self) -> Iterator[str | Mark]:
        """Yield the rest."""
        return self._drain(final=True)

    def _drain(self, *, final: bool) -> Iterator[str | Mark]:
        text, self._held = self._held, ""
        begin = at = 0  # text[begin:at] is sure and not yet given out
        while found := _SPECIAL.search(text, at):
            at = found.start()
            char = text[at]
            if char in "`~":
                run = re.compile(re.escape(char) + "+").match(text, at)
                end = run.end() if run else at + 1
                if end == len(text) and not final:
                    break  # the run may go on
                yield from self._give(text[begin:at])
                self._tick(text[at:end])
                yield from self._give(text[at:end])
                begin = at = end
            elif char == "\n":
                at += 1
                yield from self._give(text[begin:at])
                begin, self._line, self._inline = at, "", 0
            elif self._fence or self._inline:
                at += 1
            else:
                read = _read_marks(text, at, final=final)
                if read is None:
                    break
                numbers, end = read
                if not numbers:
                    at += 1
                    continue
                before = text[begin:at]
                opens = _BLANK_LINE.fullmatch(self._line + before) is not None
                rest = _BEFORE_TEXT.match(text, end)
                follows = rest.end() if rest and opens else end  # "[1]: notes" opens a line
                if follows == len(text) and not final:
                    break  # more of what belongs to the mark may come
                yield from self._give(before.rstrip(" \t"))
                yield numbers
                spaces = before[len(before.rstrip(" \t")) :]
                begin = at = follows
                if not opens:
                    yield from self._give(self._space(spaces, text[end : end + 1]))
        else:
            at = len(text)
        if final:
            yield from self._give(text[begin:])
            return
        # White space before what may come: a mark takes it along.
        sure = begin + len(text[begin:at].rstrip(" \t"))
        yield from self._give(text[begin:sure])
        self._held = text[sure:]

    def _give(self, text: str) -> Iterator[str]:
        if text:
            self._line += text
            yield text

    def _space(self, before: str, following: str) -> str:
        """Return what stands instead of marks that had ``before`` before them."""
        if not following or _CLOSING.match(following):
            return ""
        glued = self._line.endswith((".", "!", "?")) and following.isascii() and not before
        return " " if glued and following.isalnum() else before

    def _tick(self, run: str) -> None:
        """Follow where code begins and ends; ``run`` is the next of backticks or tildes."""
        blank = _BLANK_LINE.fullmatch(self._line) is not None
        if self._fence:
            if blank and run.startswith(self._fence):
                self._fence = ""
        elif blank and len(run) >= 3:
            self._fence = run
        elif run[0] == "`" and self._inline in (0, len(run)):
            self._inline = 0 if self._inline else len(run)


def without_markers(text: str) -> str:
    """Return ``text`` without source marks."""
    marks = MarkerFilter()
    pieces = [*marks.feed(text), *marks.finish()]
    return "".join(piece for piece in pieces if isinstance(piece, str))


def _read_marks(text: str, at: int, *, final: bool) -> tuple[Mark, int] | None:
    """Return numbers and end of the marks at ``at``, numbers empty for none; None if unsure yet."""
    numbers: list[int] = []
    end = at
    while True:
        between = _BETWEEN.match(text, end) if numbers else None
        start = between.end() if between else end
        if start == len(text) and not final:
            return None
        read = _read_mark(text, start, final=final)
        if read is None:
            return None
        found, stop = read
        if not found:
            return tuple(dict.fromkeys(numbers)), end
        numbers += found
        end = stop


def _read_mark(text: str, at: int, *, final: bool) -> tuple[Mark, int] | None:
    """Return numbers and end of the one mark at ``at``; see ``_read_marks``."""
    none: tuple[Mark, int] = ((), at)
    close = _PAIRS.get(text[at : at + 1])
    if close is None:
        return none
    double = text[at : at + 2] == text[at] * 2 and text[at] in "[【"
    close *= 2 if double else 1
    start = at + (2 if double else 1)
    end = text.find(close, start, at + _LONGEST)
    if end < 0:
        short = len(text) - at < _LONGEST
        return None if short and not final and _may_become(text[at], text[start:]) else none
    numbers = _numbers(text[at], text[start:end])
    return (numbers, end + len(close)) if numbers else none


def _numbers(opening: str, inside: str) -> Mark:
    """Return the numbers between the brackets of a mark; empty if it is none."""
    bare = inside.translate(_INNER)
    found = _BODY.fullmatch(bare)
    if "\n" in bare:
        return ()
    if found is None or (found["colon"].strip() and not found["word"]):
        # An answer in brackets, as the fence of a source without its number: </source>
        echoed = opening in _ANGLE and bare.strip("/ ").casefold() == "source"
        return (0,) if echoed else ()
    word = found["word"].casefold()
    named = word in (SOURCE_WORDS if opening in _ROUND and bare == inside else _WORDS)
    if opening in _ANGLE:
        if word != "source":
            return ()
    elif opening in _ROUND:
        if not named and (bare == inside or word):
            return ()
    elif word and not named:
        return ()
    if found["tail"] and not (named or found["tail"].startswith("†")):
        return ()
    numbers = tuple(int(n) for n in re.findall(r"\d+", found["numbers"]))
    fits = all(0 < n < 100 for n in numbers) or bool(named)
    return numbers if fits else ()


def _may_become(opening: str, inside: str) -> bool:
    """Tell whether ``inside``, in an open bracket at the text's end, may become a mark."""
    bare = inside.translate(_INNER)
    if "\n" in bare:
        return False
    found = _BEGUN.fullmatch(bare)
    if found is None:
        return False
    word = found["word"].casefold()
    words = frozenset({"source"}) if opening in _ANGLE else _WORDS
    if not found["rest"]:
        return not word or any(known.startswith(word) for known in words)
    if word:
        return word in words
    return opening not in _ROUND or bare != inside or not bare.strip()
