"""Answers about the index itself: what there is, what can be asked, and what a file is about."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import TYPE_CHECKING

from ragkit.answer.citations import source_nodes
from ragkit.answer.engine import AnswerStream, Lap, answer_timings
from ragkit.answer.extractive import iter_pieces
from ragkit.answer.intents import Intent
from ragkit.answer.matching import iter_tokens, token_terms
from ragkit.answer.selection import LEANS_BACK
from ragkit.answer.units import Unit, node_units
from ragkit.prompts import Texts, load_texts
from ragkit.render.spans import shown_name
from ragkit.types import Answer, Citation, DocumentInfo, Sentence, SourceNode

if TYPE_CHECKING:
    from llama_index.core.schema import BaseNode, NodeWithScore

__all__ = ["Library", "answer_intent", "summary_nodes"]

# Files are listed one by one up to so many, and by folder beyond.
_MOST_LISTED = 40
_MOST_FOLDERS = 20
# A summary has at most so many sentences, each from a section of its own.
_MOST_SENTENCES = 6
_SHORTEST, _LONGEST = 12, 400
# With fewer the beginning of a file says more than its sentences.
_FEWEST_SENTENCES = 3
_SHORTEST_LINE = 2
_TELLS_NOTHING = ("code", "header")
# How much the first sentence of a section counts beside the most central one.
_FIRST = 0.35
# So much of a long file is read for its summary.
_MOST_NODES = 400


@dataclass(frozen=True, slots=True)
class Library:
    """What is known of the index. ``title`` and ``nodes`` take a document's ``source``.

    ``title`` is "" where a file has none; ``nodes`` are in the order of the file's text.
    """

    documents: Callable[[], Sequence[DocumentInfo]]
    title: Callable[[str], str]
    nodes: Callable[[str], Sequence[BaseNode]]


def answer_intent(
    intent: Intent, question: str, library: Library, *, preset: str, lap: Lap
) -> AnswerStream:
    """Return the answer to a message that ``recognise`` found to be no question.

    It is made of ``library`` alone: a list of what there is, or sentences of a file, each cited.
    Refused only where a summary is wished of a file that there is not.
    """
    texts = load_texts(intent.language)
    if intent.kind == "summary" and intent.sources:
        sources, sentences, citations = _summary(intent, texts, library)
    else:
        said = _said(intent, texts, library)
        sources, sentences, citations = (), (_remark(said),), ()
    refused = intent.kind == "summary" and not intent.sources
    text = "\n".join(_line(sentence) for sentence in sentences)

    def pieces() -> Iterator[str]:
        lap("first_token")
        yield from iter_pieces(text)

    def finish() -> Answer:
        return Answer(
            question=question,
            text=text,
            refused=refused,
            preset=preset,
            sentences=() if refused else sentences,
            citations=citations,
            sources=sources,
            timings_ms=answer_timings(lap),
        )

    return AnswerStream(pieces(), finish)


def summary_nodes(intent: Intent, library: Library, *, limit: int = 8) -> list[NodeWithScore]:
    """Return the nodes that a model should read to summarise the files of ``intent``, best first.

    They are the beginnings of the files' sections, up to ``limit`` in all, and of a file in several
    languages the one in the reader's.
    """
    from llama_index.core.schema import NodeWithScore

    chosen = _in_language(intent, library)
    found: list[BaseNode] = []
    for source in chosen[:limit]:
        nodes = _nodes(library, source)
        firsts = [section[0] for section in _sections(nodes, max(1, limit // len(chosen)))]
        found += [_named(node, source) for node in firsts]
    return [NodeWithScore(node=node, score=1.0) for node in found[:limit]]


def _said(intent: Intent, texts: Texts, library: Library) -> str:
    if intent.kind == "greeting":
        return texts.greeting
    if intent.kind == "thanks":
        return texts.thanks
    if intent.kind == "goodbye":
        return texts.goodbye
    documents = library.documents()
    if intent.kind == "summary":
        return _no_such(intent, texts, [d.source for d in documents])
    if not documents:
        return texts.no_documents
    if intent.kind == "ability":
        return texts.ability.format(count=len(documents), example=shown_name(documents[0].source))
    return _listing(texts, library, documents)


def _listing(texts: Texts, library: Library, documents: Sequence[DocumentInfo]) -> str:
    """Return how many files there are, of which formats, and their names or folders."""
    formats = Counter(_suffix(d.source) or "?" for d in documents)
    counts = texts.separator.join(f"{name} {n}" for name, n in formats.most_common())
    lines = [texts.documents.format(count=len(documents), formats=counts)]
    if len(documents) <= _MOST_LISTED:
        lines += [f"- {_entry(d.source, library.title(d.source))}" for d in documents]
        return "\n".join(lines)
    folders = Counter(d.source.rpartition("/")[0] for d in documents)
    if len(folders) == 1:
        lines += [f"- {shown_name(d.source)}" for d in documents[:_MOST_LISTED]]
        rest = len(documents) - _MOST_LISTED
    else:
        shown = sorted(folders.most_common(_MOST_FOLDERS))
        lines += [f"- {shown_name(folder) or '.'}/ ({n})" for folder, n in shown]
        rest = len(documents) - sum(n for _, n in shown)
    return "\n".join(lines + ([texts.more_documents.format(count=rest)] if rest else []))


def _entry(source: str, title: str) -> str:
    title = " ".join(title.split())
    stem, name = source.rpartition("/")[2].rpartition(".")[0], shown_name(source)
    return f"{name} · {title}" if title and title.casefold() != stem.casefold() else name


def _suffix(source: str) -> str:
    name = source.rpartition("/")[2]
    return name.rpartition(".")[2].lower() if "." in name else ""


def _no_such(intent: Intent, texts: Texts, sources: Sequence[str]) -> str:
    """Return that there is no such file, and which have a like name."""
    from difflib import get_close_matches

    names: dict[str, list[str]] = {}
    for source in sources:
        names.setdefault(source.rpartition("/")[2].casefold(), []).append(source)
    like = get_close_matches(intent.name.rpartition("/")[2], list(names), n=3, cutoff=0.6)
    parts = [texts.no_such_document.format(name=intent.name)]
    if like:
        listed = texts.separator.join(shown_name(source) for name in like for source in names[name])
        parts.append(texts.similar_documents.format(names=listed))
    return texts.gap.join(parts)


def _summary(
    intent: Intent, texts: Texts, library: Library
) -> tuple[tuple[SourceNode, ...], tuple[Sentence, ...], tuple[Citation, ...]]:
    """Return sentences of the files, in the files' order, under a line that names each file."""
    from llama_index.core.schema import NodeWithScore

    sentences: list[Sentence] = []
    quoted: list[tuple[BaseNode, list[Unit]]] = []
    chosen = _in_language(intent, library)[:_MOST_SENTENCES]
    for source in chosen:
        picked = _picked(_nodes(library, source), max(1, _MOST_SENTENCES // len(chosen)))
        line = texts.summary if picked else texts.no_summary
        sentences.append(_remark(line.format(source=shown_name(source))))
        for node, units in picked:
            quoted.append((_named(node, source), units))
            for unit in units:
                text = node.get_content()[unit.start : unit.end]
                sentences.append(Sentence(text, (len(quoted),), supported=True))
    sources = source_nodes([NodeWithScore(node=node, score=1.0) for node, _ in quoted])
    citations = tuple(
        Citation(
            n=source.n,
            source=source.source,
            page=source.page,
            start=(source.start or 0) + unit.start,
            end=(source.start or 0) + unit.end,
            quote=source.text[unit.start : unit.end],
        )
        for source, (_, units) in zip(sources, quoted, strict=True)
        for unit in units
    )
    return sources, tuple(sentences), citations


def _line(sentence: Sentence) -> str:
    """Return a sentence of the file as an item with its number, anything else as it is."""
    numbers = "".join(f"[{n}]" for n in sentence.citations)
    return f"- {sentence.text} {numbers}" if numbers else sentence.text


def _remark(text: str) -> Sentence:
    return Sentence(text, (), supported=False, claim=False)


def _in_language(intent: Intent, library: Library) -> list[str]:
    """Return the files meant; of several with one name those in the language of the wish."""
    if len(intent.sources) < 2:
        return list(intent.sources)
    base = intent.language.partition("-")[0]
    mine = []
    for source in intent.sources:
        nodes = library.nodes(source)
        language = str(nodes[0].metadata.get("language") or "") if nodes else ""
        mine += [source] if language.partition("-")[0] == base else []
    return mine or list(intent.sources)


def _nodes(library: Library, source: str) -> list[BaseNode]:
    return list(library.nodes(source))[:_MOST_NODES]


def _named(node: BaseNode, source: str) -> BaseNode:
    """Return ``node`` under the name that was asked for: equal files share their nodes."""
    if node.metadata.get("source") == source:
        return node
    return node.model_copy(update={"metadata": dict(node.metadata) | {"source": source}})


def _sections(nodes: Sequence[BaseNode], most: int) -> list[list[BaseNode]]:
    """Return the nodes in up to ``most`` sections, in order: by headings, else in equal parts.

    The headings of the deepest level that does not give too many sections part them. Of too many
    at every level the longest ones are kept, beside the first.
    """
    for depth in (4, 3, 2, 1):
        found = [list(group) for _, group in groupby(nodes, key=lambda n: _path(n)[:depth])]
        if 1 < len(found) <= most:
            return found
    found = [list(group) for _, group in groupby(nodes, key=lambda n: _path(n)[:2])]
    if len(found) > most:
        longest = sorted(range(1, len(found)), key=lambda i: -_characters(found[i]))
        return [found[i] for i in sorted([0, *longest[: most - 1]])]
    size = math.ceil(len(nodes) / most) or 1
    return [list(nodes[i : i + size]) for i in range(0, len(nodes), size)]


def _path(node: BaseNode) -> tuple[str, ...]:
    path = str(node.metadata.get("heading_path") or "")
    return tuple(part for part in path.split(" > ") if part)


def _characters(nodes: Sequence[BaseNode]) -> int:
    return sum(len(node.get_content()) for node in nodes)


def _picked(nodes: Sequence[BaseNode], most: int) -> list[tuple[BaseNode, list[Unit]]]:
    """Return the most telling sentence of each section with its node; several if there is one.

    A file of hardly any sentences, such as a table or notes, is told by how it begins. A sentence
    tells the more, the more its words are those of the whole file (their mean share of
    all words, after SumBasic, Nenkova and Vanderwende 2005), and the first of a section the most.
    """
    shares = _shares(nodes)
    sections = _sections(nodes, most)
    each = max(1, most // max(1, len(sections))) if len(sections) == 1 else 1
    found: list[tuple[BaseNode, list[Unit]]] = []
    seen: set[str] = set()
    for section in sections:
        best = sorted(_scored(section, shares, seen), key=lambda s: -s[0])[:each]
        kept = sorted((order, at, unit) for order, (_, at, unit) in enumerate(best))
        for at in sorted({at for _, at, _ in kept}):
            units = sorted((u for _, a, u in kept if a == at), key=lambda u: u.start)
            text = section[at].get_content()
            seen |= {text[unit.start : unit.end] for unit in units}
            found.append((section[at], units))
    if sum(len(units) for _, units in found) < min(_FEWEST_SENTENCES, most):
        return _opening(nodes, most) or found
    return found


def _opening(nodes: Sequence[BaseNode], most: int) -> list[tuple[BaseNode, list[Unit]]]:
    """Return the first headings, items, rows and lines with their nodes, without repeats."""
    found: list[tuple[BaseNode, list[Unit]]] = []
    seen: set[str] = set()
    for node in nodes:
        text = node.get_content()
        kept: list[Unit] = []
        for unit in node_units(text, _path(node)):
            start = (
                unit.start
                + len(text[unit.start : unit.end])
                - len(text[unit.start : unit.end].lstrip("#|-*•+ \t"))
            )
            unit = replace(unit, start=start, end=min(unit.end, start + _LONGEST))
            piece = text[unit.start : unit.end]
            if unit.kind in _TELLS_NOTHING or len(piece) < _SHORTEST_LINE or piece in seen:
                continue
            seen.add(piece)
            kept.append(unit)
            if len(seen) == most:
                break
        if kept:
            found.append((node, kept))
        if len(seen) == most:
            break
    return found


def _scored(
    section: Sequence[BaseNode], shares: dict[str, float], seen: set[str]
) -> Iterator[tuple[float, int, Unit]]:
    """Yield the section's sentences with their scores and the places of their nodes."""
    first = True
    for at, node in enumerate(section):
        text = node.get_content()
        for unit in node_units(text, _path(node)):
            piece = text[unit.start : unit.end]
            size = (unit.end - unit.start) * (2 if piece[:1] > "\u2e80" else 1)
            if unit.kind != "sentence" or not _SHORTEST <= size <= _LONGEST or piece in seen:
                continue
            if LEANS_BACK.match(piece):
                continue
            terms = _terms(piece, node)
            central = sum(shares.get(term, 0.0) for term in terms) / (len(terms) + 4)
            yield central * (1.0 + (_FIRST if first else 0.0)), at, unit
            first = False


def _shares(nodes: Sequence[BaseNode]) -> dict[str, float]:
    """Return for each term of two letters and more in how large a share of the nodes it stands."""
    held = Counter(term for node in nodes for term in set(_terms(node.get_content(), node)))
    return {term: count / len(nodes) for term, count in held.items()} if nodes else {}


def _terms(text: str, node: BaseNode) -> list[str]:
    from ragkit.retrieve.tokenizer import is_function_word

    language = str(node.metadata.get("language") or "") or None
    return [
        term
        for start, end in iter_tokens(text)
        if not is_function_word(text[start:end], language)
        for term in token_terms(text[start:end], language)
        if len(term) > 1
    ]
