# ruff: noqa: E501  (patterns and word lists read best one kind a line)

"""Messages that are no question to the documents: greetings, "what can you do", "summarise FILE".

Recognition is by whole-message patterns and by the names of the files there are; what is not
surely one of these is a question.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal

from ragkit.answer import intent_patterns as patterns
from ragkit.retrieve.tokenizer import detect_language

__all__ = ["Intent", "IntentKind", "recognise"]

IntentKind = Literal["greeting", "thanks", "goodbye", "ability", "documents", "summary"]

# A longer message is no greeting, and a name of a file hardly longer than a path may be.
_LONGEST = 300

_MARKS = " \t\r\n.。．!！?？؟।,，،、;；:：~～…¡¿'\"“”‘’«»「」『』（）()*_`#-—"
_POLITE = re.compile(rf"^{patterns.POLITE}[\s,，:：]*|[\s,，]*(?<![\w.]){patterns.POLITE}$")
_FILE_NAME = re.compile(r"[^\s/\\][^\n]*\.[A-Za-z0-9]{1,8}")
_QUOTES = " \t\"'“”‘’«»「」『』《》〈〉`*()（）"
_ALL = re.compile(
    r"(?:it|this|that|the|file|document|doc|page|text|this file|this document|the file|the document|它|这个|这份|这篇|本文|全文|文档|文件|这个文件|这个文档|这份文档|这份文件|文檔|這份文件|這個文件)?"
)


@dataclass(frozen=True, slots=True)
class Intent:
    """What a message wants that is no question; ``language`` is the one it is written in.

    A ``summary`` has the ``sources`` that are meant (several where the name fits several files,
    none where it fits none) and the ``name`` as it was typed.
    """

    kind: IntentKind
    language: str
    sources: tuple[str, ...] = ()
    name: str = ""


def recognise(question: str, sources: Callable[[], Sequence[str]]) -> Intent | None:
    """Return what ``question`` wants where it is not a question to the documents, else None.

    ``sources`` gives the indexed files, relative to the folder; it is called only for a message
    that reads like the wish for a summary. Such a message is a wish only where its object is one of
    these files (its path, name, or name without the suffix), or reads like a file's name. Never
    raises for any text.
    """
    text = _plain(question)
    if not text or len(text) > _LONGEST:
        return None
    for kind, table in _TABLES:
        for language, pattern in table.items():
            if _compiled(pattern).fullmatch(text):
                return Intent(kind, _language(language, question))
    return _summary(question, text, sources)


def _summary(question: str, text: str, sources: Callable[[], Sequence[str]]) -> Intent | None:
    known: Sequence[str] | None = None
    for language, name in _wished(text):
        known = sources() if known is None else known
        found = _meant(name, known)
        if found or _FILE_NAME.fullmatch(name):
            return Intent("summary", _language(language, question), found, name)
    return None


def _wished(text: str) -> Iterator[tuple[str, str]]:
    """Yield what a summary may be wished of, with the language of the wish."""
    for language, several in patterns.SUMMARY.items():
        for pattern in several:
            match = _compiled(pattern).fullmatch(text)
            if match and match["file"].strip(_QUOTES):
                yield language, match["file"].strip(_QUOTES)


def _meant(name: str, sources: Sequence[str]) -> tuple[str, ...]:
    """Return the files that ``name`` names: by path, else by file name, else without suffix."""
    if len(sources) == 1 and _ALL.fullmatch(name):
        return tuple(sources)
    folded = {source: unicodedata.normalize("NFKC", source).lower() for source in sources}
    wanted = name.replace("\\", "/").removeprefix("./")
    for written in (wanted, wanted.replace(" ", "-"), wanted.replace(" ", "_")):
        for way in (_whole, _tail, _without_suffix, _stem):
            found = tuple(source for source, text in folded.items() if way(text, written))
            if found:
                return found
    return ()


def _whole(source: str, name: str) -> bool:
    return source == name


def _tail(source: str, name: str) -> bool:
    return source.endswith(f"/{name}")


def _without_suffix(source: str, name: str) -> bool:
    return source.rpartition(".")[0] == name


def _stem(source: str, name: str) -> bool:
    return source.rpartition("/")[2].rpartition(".")[0] == name


def _plain(question: str) -> str:
    """Return the message in lower case, without the marks and the politeness around it."""
    text = unicodedata.normalize("NFKC", question[: 2 * _LONGEST]).lower()
    text = " ".join(text.split())
    while True:
        bare = _POLITE.sub("", text.strip(_MARKS)).strip(_MARKS)
        if not bare:
            return text.strip(_MARKS)
        if bare == text:
            return text
        text = bare


def _language(language: str, question: str) -> str:
    """Return the pattern's language; of Chinese, the script that was written."""
    if language != "zh":
        return language
    return "zh-Hant" if detect_language(question) == "zh-Hant" else "zh"


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(unicodedata.normalize("NFKC", pattern).replace("{file}", "(?P<file>.+?)"))


_TABLES: tuple[tuple[IntentKind, dict[str, str]], ...] = (
    ("greeting", patterns.GREETING),
    ("thanks", patterns.THANKS),
    ("goodbye", patterns.GOODBYE),
    ("ability", patterns.ABILITY),
    ("documents", patterns.DOCUMENTS),
)
