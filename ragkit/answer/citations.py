"""From an answer to numbered sentences, verbatim citations and sources."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ragkit.ingest.lines import is_row
from ragkit.types import Citation, Mark, Sentence, SourceNode

if TYPE_CHECKING:
    from llama_index.core.schema import NodeWithScore

    from ragkit.answer.align import Support
    from ragkit.answer.extractive import ExtractedAnswer

__all__ = ["CitedText", "cite_extract", "cite_generated", "joined_text", "source_nodes"]

# White space, marks that turn the direction of text, and what ends an address elsewhere are out.
_WEB = re.compile(
    r"https?://[^\s\x00-\x20\x7f<>\"`\\\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]{1,500}", re.I
)
_NAMED = ("source", "sources", "page")  # told by a source's own fields, or of its twins


@dataclass(frozen=True, slots=True)
class CitedText:
    """An answer's text with ``[n]`` after each sentence, and what stands behind it."""

    text: str
    sentences: tuple[Sentence, ...]
    citations: tuple[Citation, ...]


def source_nodes(nodes: Sequence[NodeWithScore]) -> tuple[SourceNode, ...]:
    """Return the retrieved nodes as the reader sees them, numbered from 1 in the given order."""
    found = []
    for n, scored in enumerate(nodes, 1):
        node, metadata = scored.node, scored.node.metadata
        found.append(
            SourceNode(
                n=n,
                source=str(metadata.get("source", "")),
                page=_page(metadata.get("page")),
                score=float(scored.score or 0.0),
                text=node.get_content(),
                start=getattr(node, "start_char_idx", None),
                heading=metadata.get("heading_path") or metadata.get("sheet") or None,
                title=str(metadata.get("title") or "") or None,
                url=_address(metadata.get("url")),
                metadata=_metadata(metadata),
            )
        )
    return tuple(found)


def cite_extract(answer: ExtractedAnswer, nodes: Sequence[NodeWithScore]) -> CitedText:
    """Return the sentences of ``answer`` with their citations into the files' texts.

    A citation's ``n`` is the number that ``source_nodes(nodes)`` gives its node, and its offsets
    count from the start of the file's extracted text (from the node's, where the store gave the
    node no offset). Empty sentences and citations for a refusal.
    """
    sources = source_nodes(nodes)
    sentences, citations = [], []
    for extracted in answer.sentences:
        source = sources[extracted.node]
        offset = source.start or 0
        mark = Mark(*extracted.mark) if extracted.mark else None
        sentences.append(Sentence(extracted.text, (source.n,), supported=True, mark=mark))
        citations.append(
            Citation(
                n=source.n,
                source=source.source,
                page=source.page,
                start=offset + extracted.start,
                end=offset + extracted.end,
                quote=extracted.text,
            )
        )
    text = answer.message if answer.refused else joined_text(sentences)
    return CitedText(text, tuple(sentences), tuple(citations))


def cite_generated(
    text: str,
    supports: Sequence[Support],
    sources: Sequence[SourceNode],
    *,
    hints: Sequence[int] = (),
    claim: bool = True,
) -> tuple[Sentence, tuple[Citation, ...]]:
    """Return a sentence that a model wrote, with a citation for each of its ``supports``.

    ``supports`` are spans of the texts of ``sources``, best first; the sources that the model named
    itself, ``hints``, come first among them. Without any the sentence is unsupported. Offsets count
    as in ``cite_extract``.
    """
    citations = []
    for support in sorted(supports, key=lambda s: sources[s.node].n not in hints):
        source = sources[support.node]
        offset = source.start or 0
        citations.append(
            Citation(
                n=source.n,
                source=source.source,
                page=source.page,
                start=offset + support.start,
                end=offset + support.end,
                quote=source.text[support.start : support.end],
            )
        )
    numbers = tuple(dict.fromkeys(citation.n for citation in citations))
    return Sentence(text, numbers, bool(numbers), claim=claim or bool(numbers)), tuple(citations)


def joined_text(sentences: Sequence[Sentence]) -> str:
    """Return the sentences, each followed by its numbers, with white space where the script has it.

    A sentence of several lines (a list, code) keeps its lines; its number and the next sentence
    then stand on lines of their own; rows of a table stand below each other.
    """
    text = ""
    row = False
    for sentence in sentences:
        below, row = row, is_row(sentence.text, 0, len(sentence.text))
        if text and below and row:
            text += "\n"
        elif text:
            wide = "\u3000" <= sentence.text[:1] <= "\u9fff" or sentence.text[:1] >= "\uff00"
            text += "\n\n" if "\n" in text or "\n" in sentence.text else "" if wide else " "
        numbers = "".join(f"[{n}]" for n in sentence.citations)
        block = sentence.text.endswith(("```", "~~~", "|"))
        text += sentence.text + (("\n\n" if block else " ") + numbers if numbers else "")
    return text


def _metadata(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Return what filters know of a node beside its source and page."""
    folder = str(metadata.get("source", "")).rpartition("/")[0]
    own = {key: value for key, value in metadata.items() if key not in _NAMED}
    return ({"folder": folder} if folder else {}) | own


def _address(value: object) -> str | None:
    """Return what a document says is its address, where it can be one of the web."""
    return value if isinstance(value, str) and _WEB.fullmatch(value) else None


def _page(value: object) -> int | None:
    return value if isinstance(value, int) else None
