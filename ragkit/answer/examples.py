# ruff: noqa: E501  (patterns read best one sort of sentence a line)

"""Questions to begin with, made from the documents' own words and tried on their index.

Headings that ask, sentences that say what something is, how much, when, or who: each gives a
question, and those are kept that the index answers well, from the place they were made of. Found
by words alone, without a model, so that it takes milliseconds.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ragkit.errors import RagkitError

if TYPE_CHECKING:
    from ragkit.store.sqlite import SqliteStore

__all__ = ["Example", "Trial", "index_examples", "made_from", "tried_examples"]

_MOST_FILES = 30
_MOST_TRIALS = 40
_MOST_OF_A_FILE = 5
_READ = 20_000  # characters of a file
_SECONDS = 1.5
_LONGEST, _SHORTEST = 70, 6
_SURE = 0.6
# Of what is written in sentences there is something to ask; of a table or a program there is less.
_PROSE = (".pdf", ".md", ".docx", ".html", ".htm", ".rst", ".epub", ".odt", ".rtf", ".pptx", ".txt")

_BLOCKS = ("```", "~~~", "|", ">")
_HEADING = re.compile(r"^\s{0,3}#{1,6}\s+(?P<words>.+?)\s*#*$")
_ITEM = re.compile(r"^\s*(?:[-*+•]|\(?\d{1,2}[.)、]|[一二三四五六七八九十]{1,2}、)\s*")
_SENTENCE = re.compile(r"[^.!?。！？；\n]+(?:\.(?=\d)[^.!?。！？；\n]*)*[.!?。！？；]?")
_MARKUP = re.compile(r"[*_`|<>\[\]{}\\]|https?:")

_EN_NAME = r"(?P<x>(?:[Aa]n? |[Tt]he |[Oo]ur |[A-Z])[\w'’-]*(?: (?!is |are |was |were |has )[\w'’-]+){0,5})"
_EN_NOT = re.compile(
    r"(?:\w+ing (?!is )|it|this|that|there|these|those|he|she|they|we|you|i|here|what|which|who|one|note|such|"
    r"if|when|but|and|or|in|on|at|as|each|every|all|some|an? (?:few|lot|number)|the (?:following|"
    r"first|second|third|last|other|same|former|latter|next|difference|result|rest))\b",
    re.IGNORECASE,
)
_EN = (
    (re.compile(rf"{_EN_NAME} (?P<is>is|are) (?:an?|the) \w{{3,}} "), "What {is} {x}?"),
    (
        re.compile(rf"{_EN_NAME} (?P<is>was|were) (?P<done>\w{{3,}}ed|built|held|made|written|sold)"
                   r"(?: \w+){0,4}? (?:in|on) (?:[A-Z]\w+ )?\d"),
        "When {is} {x} {done}?",
    ),
    (re.compile(rf"{_EN_NAME} (?P<is>is|are) (?:about )?[£$€]?\d"), "What {is} {x}?"),
)  # fmt: skip

_HAN = "\u4e00-\u9fffA-Za-z0-9"
_ZH_NOT = re.compile(
    r"[这那它他她其我你您此该本每各有如若但并而且所从在对当因由]|.*[的了不也都就]$"
)
_ZH_NUMBER = r"(?:人民币|约|每月|每年|大约)?[0-9０-９一二三四五六七八九十百千两]"
_ZH = (
    (re.compile(rf"(?P<x>[{_HAN}]{{2,14}})是(?:一[种个道名项款座部]|指|用来|由|将)"), "什么是{x}？"),
    (re.compile(rf"(?P<x>[{_HAN}]{{2,12}})(?:为|是|共){_ZH_NUMBER}[^，。；]{{0,8}}(?:年|个月|天|日|小时|分钟)"), "{x}是多久？"),
    (re.compile(rf"(?P<x>[{_HAN}]{{2,12}})(?:为|是|共){_ZH_NUMBER}[^，。；]{{0,12}}[元块吨名人台件套米斤克个%]"), "{x}是多少？"),
    (re.compile(rf"[\u4e00-\u9fff]{{2,4}}负责(?P<x>[{_HAN}]{{3,16}})"), "谁负责{x}？"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Example:
    """A question, the file that it was made from, and the words that should answer it."""

    question: str
    source: str
    answer: str
    language: str


@dataclass(frozen=True, slots=True)
class Trial:
    """How the index answered: how surely, from which file, in which words; "" for a refusal."""

    confidence: float
    source: str
    text: str


def index_examples(store: SqliteStore, *, language: str, most: int) -> list[str]:
    """Return the questions that ``tried_examples`` finds for the documents of ``store``."""
    from ragkit.answer.extractive import extract_answer
    from ragkit.retrieve.retriever import StoreRetriever

    if store.live_fingerprint() is None:
        return []
    retriever = StoreRetriever(store.vector_store, kind="lexical", top_k=5, collapse=True)

    def ask(question: str) -> Trial:
        nodes = retriever.retrieve(question)
        found = extract_answer(question, nodes, document_frequencies=store.document_frequencies)
        if not found.sentences:
            return Trial(0.0, "", "")
        first = found.sentences[0]
        source = str(nodes[first.node].node.metadata.get("source", ""))
        return Trial(found.confidence, source, first.text)

    sources = [document.source for document in store.catalog.documents()]
    return tried_examples(sources, text=store.catalog.text, ask=ask, language=language, most=most)


def tried_examples(
    sources: Sequence[str],
    *,
    text: Callable[[str], str],
    ask: Callable[[str], Trial],
    language: str = "en",
    most: int = 3,
) -> list[str]:
    """Return up to ``most`` questions that ``ask`` answers well, of different files where it can.

    Those in ``language`` come first. ``text`` gives a file's text; one that it cannot give is left
    out. Looks at a few dozen files, and ends after a second and a half of work.
    """
    ends: float | None = None
    kept: list[Example] = []
    waiting: list[Example] = []
    for at, example in enumerate(_candidates(sources, text, language)):
        if at >= _MOST_TRIALS or len(kept) >= most or (ends and time.thread_time() > ends):
            break
        trial = ask(example.question)
        # Of this thread's work, on a machine however busy; the first trial may import much.
        ends = ends or time.thread_time() + _SECONDS
        right = trial.source == example.source and example.answer in _plain(trial.text)
        if trial.confidence < _SURE or not right:
            continue
        new = all(example.source != k.source for k in kept)
        (kept if new else waiting).append(example)
    chosen = [*kept, *waiting][:most]
    chosen.sort(key=lambda e: e.language != language)
    return [example.question for example in chosen]


def _candidates(
    sources: Sequence[str], text: Callable[[str], str], language: str
) -> Iterator[Example]:
    """Yield what may be asked, one of each file at first, files in ``language`` before others."""
    made: list[list[Example]] = []
    for source in _spread(sources, language):
        try:
            made.append(made_from(text(source)[:_READ], source))
        except RagkitError:  # it went meanwhile
            continue
    made.sort(key=lambda of: not (of and of[0].language == language))
    mine = [of for of in made if of and of[0].language == language]
    for group in (mine, [of for of in made if of and of[0].language != language]):
        for turn in range(_MOST_OF_A_FILE):
            yield from (of[turn] for of in group if turn < len(of))


def _spread(sources: Sequence[str], language: str) -> list[str]:
    """Return a few dozen files of prose from all over the folder."""
    prose = [s for s in sources if s.casefold().endswith(_PROSE)]
    # Where a folder is named after the language it is of it.
    prose.sort(key=lambda s: language not in s.casefold().split("/"))
    step = max(1, len(prose) // _MOST_FILES)
    return prose[::step][:_MOST_FILES]


def made_from(text: str, source: str) -> list[Example]:
    """Return the questions that ``text`` gives, the most natural ones first, a few at most."""
    from ragkit.retrieve.tokenizer import detect_language

    language = detect_language(text[:3000]) or "en"
    base = language.partition("-")[0]
    asked = [*_questions(text)]
    patterns = {"en": _EN, "zh": _ZH}.get(base, ())
    no_name = {"en": _EN_NOT, "zh": _ZH_NOT}.get(base)
    found: dict[str, tuple[int, str]] = {q: (-1, a) for q, a in asked}
    for line in text.splitlines():
        if _HEADING.match(line) or _MARKUP.search(line):
            continue
        for match in _SENTENCE.finditer(_ITEM.sub("", line)):
            sentence = " ".join(match[0].split())
            for rank, (pattern, frame) in enumerate(patterns):
                named = pattern.match(sentence)
                if named and no_name and not no_name.match(named["x"]):
                    question = _framed(frame, named, base)
                    if _SHORTEST <= len(question) <= _LONGEST:
                        found.setdefault(question, (rank, sentence.rstrip(".。；")))
                    break
    best = sorted(found.items(), key=lambda item: item[1][0])[:_MOST_OF_A_FILE]
    return [Example(q, source, _plain(answer), base) for q, (_, answer) in best]


def _questions(text: str) -> Iterator[tuple[str, str]]:
    """Yield headings that ask, with the first line that stands below each."""
    lines = [line.strip() for line in text.splitlines()]
    for at, line in enumerate(lines):
        heading = _HEADING.match(line)
        words = heading["words"] if heading else ""
        if words.endswith(("?", "？")) and len(words) <= _LONGEST and not _MARKUP.search(words):
            below = next((below for below in lines[at + 1 :] if below), "")
            first = _SENTENCE.match(_ITEM.sub("", below))
            tells = first is not None and len(first[0]) >= _SHORTEST
            if first and tells and not _HEADING.match(below) and not below.startswith(_BLOCKS):
                yield words, first[0].strip().rstrip(".。；")


def _framed(frame: str, named: re.Match[str], language: str) -> str:
    words = {key: value or "" for key, value in named.groupdict().items()}
    name = words["x"].strip()
    if language == "en":
        first = name.split(" ")[0]
        # "The rent" begins a sentence; "Nordlicht Studio" is a name wherever it stands.
        words["x"] = name[:1].lower() + name[1:] if first in ("The", "A", "An", "Our") else name
        words["is"] = words.get("is", "").lower()
    return frame.format(**words)


def _plain(text: str) -> str:
    return " ".join(text.split())
