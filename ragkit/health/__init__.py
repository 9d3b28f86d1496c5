"""The health of an index: what is in it, what is not and why, and what answers will suffer from.

``health(kb)`` looks at every file in a bounded time and loads no model.
"""

from __future__ import annotations

import re
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from ragkit.health.embedder_languages import embedder_languages
from ragkit.health.garbled import garbling
from ragkit.health.inventory import FileRow, inventory, with_own_encodings

if TYPE_CHECKING:
    from ragkit.health.twins import Sketch
    from ragkit.ingest.ignore import Reason
    from ragkit.knowledge import KnowledgeBase

__all__ = ["FileHealth", "Finding", "Health", "Kind", "Totals", "health"]

Kind = Literal[
    "skipped", "pending", "empty_pages", "undecodable", "replaced", "private", "mojibake", "lost",
    "duplicates", "near_duplicates", "weak_language",
]  # fmt: skip

MESSAGES: Mapping[Kind, str] = {
    "skipped": "{files} skipped: {detail}.",
    "pending": "{files} new, changed or gone since the folder was last read.",
    "empty_pages": "{files} with pages that hold no text, {detail} in all. Scans need OCR.",
    "undecodable": "{files} with characters that could not be decoded.",
    "replaced": "{files} with replacement characters (U+FFFD): damaged before it came here.",
    "private": "{files} with private characters, as PDFs with odd fonts have. No search finds "
    "these words.",
    "mojibake": "{files} in what looks like a wrong encoding. Save as UTF-8.",
    "lost": "{files} with question marks in the place of letters.",
    "duplicates": "{files} with the very same text.",
    "near_duplicates": "{files} with nearly the same text.",
    "weak_language": "{files} in a language ({detail}) that the embedder was not trained in. "
    "Choose a multilingual one.",
}
_SECONDS = 20.0
_REASON = re.compile(r"^([^.:(]+)")


@dataclass(frozen=True, slots=True)
class Finding:
    """Something to know about some files. ``sources`` are sorted.

    ``detail`` depends on the kind: the reason's beginning, how many pages, a language's code.
    Each group of duplicates is a finding of its own.
    """

    kind: Kind
    sources: tuple[str, ...]
    detail: str = ""

    @property
    def message(self) -> str:
        """The finding in words."""
        count = len(self.sources)
        files = "1 file" if count == 1 else f"{count} files"
        return MESSAGES[self.kind].format(files=files, detail=self.detail)


@dataclass(frozen=True, slots=True)
class FileHealth:
    """One file; ``warnings`` are the kinds of findings that it is among. Sizes are in bytes.

    ``seconds`` is what reading and splitting took, 0 where that is not known.
    """

    source: str
    state: str
    reason: str
    format: str
    encoding: str
    language: str
    size: int
    pages: int
    empty_pages: int
    characters: int
    nodes: int
    warnings: tuple[Kind, ...]
    ocr_pages: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums over the folder; the mappings count indexed files, commonest first.

    ``seconds`` is what reading and splitting all files took, when each was last read.
    """

    files: int
    indexed: int
    skipped: int
    excluded: int
    pending: int
    bytes: int
    pages: int
    characters: int
    nodes: int
    formats: Mapping[str, int] = field(default_factory=dict)
    languages: Mapping[str, int] = field(default_factory=dict)
    encodings: Mapping[str, int] = field(default_factory=dict)
    seconds: float = 0.0

    def languages_and(self, unknown: str) -> dict[str, int]:
        """Return how many files are in each language, and how many in an ``unknown`` one."""
        rest = self.indexed - sum(self.languages.values())
        counts = dict(self.languages) | ({unknown: rest} if rest else {})
        return dict(sorted(counts.items(), key=lambda item: -item[1]))


@dataclass(frozen=True, slots=True)
class Health:
    """The report. ``texts_read`` of ``texts`` were looked into before time ran out.

    ``left_out`` counts, by reason, files and folders that are never looked at.
    """

    folder: str
    index: str
    embedder: str
    totals: Totals
    findings: tuple[Finding, ...]
    files: tuple[FileHealth, ...]
    texts: int
    texts_read: int
    seconds: float
    left_out: Mapping[str, int] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain values, each finding with its message."""
        report = asdict(self)
        for finding, plain in zip(self.findings, report["findings"], strict=True):
            plain["message"] = finding.message
        return report | {"seconds": round(self.seconds, 3)}


def health(kb: KnowledgeBase, *, seconds: float = _SECONDS) -> Health:
    """Return the report on the index and the folder of ``kb``; loads no model.

    Texts are looked into for up to ``seconds``; the report says how many were. Raises what reading
    the index raises.
    """
    began = time.monotonic()
    left_out: Counter[Reason] = Counter()
    rows = inventory(kb, left_out=left_out)
    rows = with_own_encodings(rows, kb.folder, deadline=began + seconds / 4)
    indexed = [row for row in rows if row.document_id]
    owners: dict[str, list[str]] = defaultdict(list)
    for row in indexed:
        owners[row.document_id].append(row.source)
    findings = [*_of_states(rows), *_of_reading(indexed)]
    read = _look_into(owners, kb.catalog.document_text, deadline=began + seconds)
    for kind, sources in read.garbled.items():
        findings.append(Finding(kind, tuple(sorted(sources))))
    findings += _of_duplicates(owners, read.sketches)
    embedder = kb.config.embedder
    model = embedder.model if embedder.kind != "none" else ""
    findings += _of_languages(indexed, model)
    return Health(
        folder=str(kb.folder),
        index=kb.index_uri,
        embedder=model,
        totals=_totals(rows, indexed),
        findings=tuple(findings),
        files=_files(rows, findings),
        texts=len(owners),
        texts_read=read.texts,
        seconds=time.monotonic() - began,
        left_out=dict(left_out.most_common()),
    )


@dataclass(slots=True)
class _Read:
    """What was found in the texts, by source and by document."""

    texts: int = 0
    garbled: dict[Kind, list[str]] = field(default_factory=dict)
    sketches: list[tuple[str, Sketch]] = field(default_factory=list)


def _look_into(
    owners: Mapping[str, Sequence[str]], text_of: Callable[[str], str], *, deadline: float
) -> _Read:
    from ragkit.errors import StoreError
    from ragkit.health.twins import sketch

    found = _Read()
    for document_id, sources in owners.items():
        if time.monotonic() > deadline:
            break
        try:
            text = text_of(document_id)
        except StoreError:
            continue  # replaced since the list was made
        found.texts += 1
        garbled = garbling(text)
        if garbled:
            found.garbled.setdefault(garbled, []).extend(sources)
        drawn = sketch(text)
        if drawn:
            found.sketches.append((document_id, drawn))
    return found


def _of_states(rows: Iterable[FileRow]) -> list[Finding]:
    reasons: dict[str, list[str]] = defaultdict(list)
    pending: list[str] = []
    for row in rows:
        if row.state == "skipped":
            reasons[_group(row.reason)].append(row.source)
        elif row.state in ("new", "changed", "gone"):
            pending.append(row.source)
    found = [Finding("pending", tuple(pending))] if pending else []
    commonest = sorted(reasons.items(), key=lambda item: (-len(item[1]), item[0]))
    return found + [Finding("skipped", tuple(sources), reason) for reason, sources in commonest]


def _group(reason: str) -> str:
    """Return what reasons of one kind have in common: all before the details, without figures."""
    beginning = _REASON.match(reason)
    return re.sub(r"\d[\d.]*", "…", (beginning[1] if beginning else reason).strip())


def _of_reading(indexed: Iterable[FileRow]) -> list[Finding]:
    rows = list(indexed)
    empty = [row for row in rows if row.empty_pages]
    undecodable = tuple(row.source for row in rows if row.undecodable)
    found = []
    if empty:
        pages = str(sum(row.empty_pages for row in empty))
        found.append(Finding("empty_pages", tuple(row.source for row in empty), pages))
    if undecodable:
        found.append(Finding("undecodable", undecodable))
    return found


def _of_duplicates(
    owners: Mapping[str, Sequence[str]], sketches: Iterable[tuple[str, Sketch]]
) -> list[Finding]:
    from ragkit.health.twins import group_similar

    same = [Finding("duplicates", tuple(sorted(s))) for s in owners.values() if len(s) > 1]
    near = [
        Finding("near_duplicates", tuple(sorted(owners[document][0] for document in group)))
        for group in group_similar(sketches)
    ]
    by_size = (
        sorted(same, key=lambda f: -len(f.sources)),
        sorted(near, key=lambda f: -len(f.sources)),
    )
    return [*by_size[0], *by_size[1]]


def _of_languages(indexed: Iterable[FileRow], model: str) -> list[Finding]:
    known = embedder_languages(model) if model else None
    if known is None:
        return []
    weak: dict[str, list[str]] = defaultdict(list)
    for row in indexed:
        if row.language and row.language.split("-")[0].lower() not in known:
            weak[row.language].append(row.source)
    commonest = sorted(weak.items(), key=lambda item: (-len(item[1]), item[0]))
    return [Finding("weak_language", tuple(sources), code) for code, sources in commonest]


def _totals(rows: Sequence[FileRow], indexed: Sequence[FileRow]) -> Totals:
    states = Counter(row.state for row in rows)

    def counted(values: Iterable[str]) -> dict[str, int]:
        return dict(Counter(value for value in values if value).most_common())

    # Files with the same text share their nodes.
    nodes = {row.document_id: row.nodes for row in indexed}
    return Totals(
        files=len(rows) - states["gone"],
        indexed=len(indexed),
        skipped=states["skipped"],
        excluded=states["excluded"],
        pending=states["new"] + states["changed"] + states["gone"],
        bytes=sum(row.size for row in rows if row.state != "gone"),
        pages=sum(row.pages for row in indexed),
        characters=sum(row.characters for row in indexed),
        nodes=sum(nodes.values()),
        formats=counted(row.format for row in indexed),
        languages=counted(row.language for row in indexed),
        encodings=counted(row.encoding for row in indexed),
        seconds=round(sum(row.seconds for row in rows), 3),
    )


def _files(rows: Iterable[FileRow], findings: Iterable[Finding]) -> tuple[FileHealth, ...]:
    warnings: dict[str, dict[Kind, None]] = defaultdict(dict)
    for finding in findings:
        for source in finding.sources:
            warnings[source][finding.kind] = None
    return tuple(
        FileHealth(
            row.source,
            row.state,
            row.reason,
            row.format,
            row.encoding,
            row.language,
            row.size,
            row.pages,
            row.empty_pages,
            row.characters,
            row.nodes,
            tuple(warnings.get(row.source, ())),
            row.ocr_pages,
            round(row.seconds, 6),  # small files take less than a millisecond; 0 is "not known"
        )
        for row in rows
    )
