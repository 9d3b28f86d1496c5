"""What must hold of any input, one function a target, for ``scripts/fuzz.py`` and the seeds' test.

A target takes bytes and raises where something does not hold: it reads them as a file of its
format, cuts the text into nodes and finds their terms, all as indexing does.

Targets of formats that are zip containers take ``member name``, a line feed and the bytes of that
member, which replaces the one of a whole container made here; so a fuzzer need not forge checksums.
Input that is a zip file itself is read as it is.
"""

from __future__ import annotations

import io
import json
import os
import re
import tempfile
import time
import traceback
import zipfile
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from ragkit.errors import ConfigError, IngestError, StoreError
from ragkit.ingest.extract import Extraction, extract
from ragkit.ingest.ignore import parse_ignore_lines
from ragkit.ingest.readers.content import clean
from ragkit.ingest.readers.dates import iso_day
from ragkit.ingest.readers.encoding import charset_of, decode
from ragkit.ingest.readers.front_matter import front_matter
from ragkit.ingest.sentences import sentence_spans
from ragkit.ingest.splitter import split
from ragkit.ingest.structure import find_blocks
from ragkit.preparing import Draft, Drafts, FileToRead, Sizing, Texts
from ragkit.retrieve.analyzer import LexicalAnalyzer
from ragkit.retrieve.token_counts import count_tokens
from ragkit.retrieve.tokenizer import detect_language, normalize, terms

__all__ = ["TARGETS", "check_spans", "container", "templates"]

SECONDS = 3.0  # of CPU for inputs of some kB: a hundred times what they should take
_NOT_FOR_PEOPLE = re.compile(
    r"\b\w+(?:Error|Exception)\b|NoneType|has no attribute|Traceback|<class|\b0x[0-9a-f]{5,}|"
    r"subscriptable|positional argument|codec can't|out of range|not iterable|unsupported operand|"
    r"invalid literal|expected str|must be str|unpack"
)
_MARKUPS = ("text", "markdown", "rst", "table")
_OWN = f"{os.sep}ragkit{os.sep}"


def _counter(kind: int) -> Callable[[str], int]:
    """Return ways to count tokens as embedders do: additive or not, with and without extras."""
    return (
        count_tokens,
        len,
        lambda text: len(text.encode("utf-8", "surrogatepass")) // 3 + 2,
        lambda text: len(text.split()) + 2,
    )[kind % 4]


def _text(data: bytes) -> str:
    try:
        return data.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def splitter(data: bytes) -> None:
    """Two bytes of settings, then text: what ``split`` promises."""
    if len(data) < 2:
        return
    text = _text(data[2:])
    size = data[1] + 1
    overlap = min(size - 1, (data[0] >> 4) * 4)
    markup = _MARKUPS[data[0] & 3]
    count = _counter(data[0] >> 2)
    spans = split(text, count_tokens=count, chunk_size=size, chunk_overlap=overlap, markup=markup)  # type: ignore[call-overload]
    check_spans(text, spans, count=count, size=size, overlap=overlap)


def check_spans(
    text: str, spans: Sequence[Any], *, count: Callable[[str], int], size: int, overlap: int = 0
) -> None:
    """Raise AssertionError where ``spans`` are not what ``split`` promises."""
    covered = before = 0
    for span in spans:
        own = text[span.start : span.end]
        assert own, "an empty node"
        assert own == own.strip(), "a node begins or ends with white space"
        assert span.start > before - 1 or span.start == 0, "nodes are not in order"
        assert not text[covered : span.start].strip(), "text between two nodes is lost"
        assert overlap or span.start >= covered, "nodes overlap"
        assert span.end > covered, "a node adds nothing"
        assert len(own) == 1 or count(own) <= size, "a node has too many tokens"
        assert len(own) <= 20 * size, "a node has too many characters"
        before, covered = span.start + 1, span.end
    assert not text[covered:].strip(), "text after the last node is lost"


def tokenizer(data: bytes) -> None:
    """Terms, sentences, blocks and the language of any text."""
    text = _text(data)
    found = terms(text)
    assert all(term and not re.search(r"\s", term) for term in found), "a term is empty or two"
    assert terms(text) == found, "the same text has other terms"
    language = detect_language(text)
    assert terms(normalize(text), language=language) == terms(text, language=language)
    assert 0 <= count_tokens(text) <= len(text)
    at = 0
    for start, end in sentence_spans(text):
        assert start >= at
        assert end > start
        assert not text[at:start].strip(), "text between two sentences is lost"
        assert text[start:end] == text[start:end].strip()
        at = end
    assert not text[at:].strip()
    for markup in _MARKUPS:
        at = 0
        for block in find_blocks(text, markup):  # type: ignore[arg-type]
            assert at <= block.start < block.end <= len(text), "blocks overlap"
            at = block.end


def encodings(data: bytes) -> None:
    """Bytes in any encoding: text or a reason; and what is Unicode is read back as it was."""
    try:
        found = decode(data, declared=charset_of(data))
    except IngestError as error:
        _is_a_reason(str(error))
    else:
        clean(found.text).encode()
        assert 0 <= found.replaced <= len(found.text)
    text = clean(_text(data))
    # A NUL or a control character is what binary data has; a wide encoding needs something that
    # shows its byte order.
    if not text.strip() or re.search("[\x00-\x1f\x7f-\x9f\ufffd]", text):
        return
    assert decode(text.encode()).text == text
    for encoding in ("utf-8-sig", "utf-16", "utf-32"):
        assert decode(text.encode(encoding)).text == text, encoding


def ignore(data: bytes) -> None:
    """A path on the first line, patterns below it."""
    path, _, lines = os.fsdecode(data).partition("\n")
    names = [name for name in path.split("/") if name] or ["a"]
    file = parse_ignore_lines(lines.split("\n"))
    for count in range(1, len(names) + 1):
        for is_folder in (False, True):
            verdict = file.verdict(names[:count], is_folder=is_folder)
            assert verdict in (True, False, None)
            alone = [parse_ignore_lines([line]) for line in lines.split("\n")]
            said = [one.verdict(names[:count], is_folder=is_folder) for one in alone]
            last = next((one for one in reversed(said) if one is not None), None)
            assert verdict is last, "the last pattern that matches decides"


def fields(data: bytes) -> None:
    """Front matter and dates."""
    text = clean(_text(data))
    found, end = front_matter(text)
    assert 0 <= end <= len(text)
    assert len(found) <= 50
    _is_metadata(found)
    for line in text.split("\n")[:20]:
        assert re.fullmatch(r"(\d{4}(-\d\d(-\d\d)?)?)?", iso_day(line), re.ASCII)


def asking(data: bytes) -> None:
    """A question, and filters on the lines below it, over a small index."""
    question, *filters = _text(data).split("\n")
    kb = _knowledge()
    try:
        answer = kb.ask(question)
    except ConfigError as error:
        _is_readable(str(error))
    else:
        for citation in answer.citations:
            text = kb.text(citation.source)
            assert text[citation.start : citation.end] == citation.quote, "a quote is not verbatim"
        json.dumps(answer.to_dict(), ensure_ascii=False, allow_nan=False).encode()
    if filters:
        try:
            kb.retrieve(question, filters=filters[:8])
        except (ConfigError, StoreError) as error:
            _is_readable(str(error))


@cache
def _knowledge() -> Any:
    import ragkit

    folder = Path(tempfile.mkdtemp(prefix="ragkit-fuzz-"))
    (folder / "docs").mkdir()
    (folder / "docs" / "install.md").write_text(
        "---\ntags: [setup, server]\ndate: 2024-05-01\n---\n# Installation\n\nThe server needs "
        "16 GB of memory. Port 8501 must be free. Dr. Rose built it in 1826.\n",
        encoding="utf-8",
    )
    (folder / "docs" / "手册.md").write_text(
        "# 使用手册\n\n默认端口是 8501。备份每天凌晨三点自动进行，保留三十天。\n",
        encoding="utf-8",
    )
    kb = ragkit.open(folder / "docs", index=folder / "index.db", preset="lite")
    kb.index()
    return kb


# Files


@cache
def _place() -> Path:
    memory = Path("/dev/shm")
    base = memory if memory.is_dir() and os.access(memory, os.W_OK) else None
    return Path(tempfile.mkdtemp(prefix="ragkit-fuzz-", dir=base))


@cache
def _drafts() -> Drafts:
    return Drafts(Sizing(count_tokens, 200), LexicalAnalyzer(), detect_language, 100_000_000)


def read(data: bytes, suffix: str) -> Extraction | None:
    """Return what is in ``data`` as a file of that name's ending; None where it is refused.

    Raises where the text, its parts and metadata are not as promised, where the reason is none
    for people, or where it comes from a slip in ragkit's own code.
    """
    path = _place() / f"input.{suffix}"
    path.write_bytes(data)
    texts = Texts(100_000_000)([FileToRead(path, len(data))])
    (found,) = texts.drafts
    if isinstance(found, str):
        _is_a_reason(found)
        _no_slip(path)
        return None
    assert isinstance(found, Extraction)
    _is_extraction(found)
    (draft,) = _drafts().of_texts(texts).drafts
    assert isinstance(draft, Draft | str)
    if isinstance(draft, Draft):
        for node in draft.nodes:
            assert found.text.startswith(node.text, node.start)
            json.loads(node.metadata)
    return found


def _no_slip(path: Path) -> None:
    """Raise what a reader of ours raised, other than on purpose."""
    try:
        extract(path)
    except IngestError as error:
        cause = error.__cause__
        if cause is not None and not isinstance(cause, IngestError | MemoryError | RecursionError):
            last = traceback.extract_tb(cause.__traceback__)[-1]
            if _OWN in last.filename and "site-packages" not in last.filename:
                raise cause from None


def _is_extraction(found: Extraction) -> None:
    assert found.text.strip()
    assert clean(found.text) == found.text, "text that is not clean"
    found.text.encode()
    at = 0
    for part in found.parts:
        assert at <= part.start < part.end <= len(found.text), "parts overlap"
        assert not found.text[at : part.start].strip(), "text outside of parts"
        _is_metadata(part.metadata)
        at = part.end
    assert not found.text[at:].strip()
    assert "format" in found.metadata
    assert "markup" in found.metadata or any("markup" in part.metadata for part in found.parts)
    _is_metadata(found.metadata)


def _is_metadata(metadata: Mapping[str, Any]) -> None:
    json.dumps(metadata, ensure_ascii=False, allow_nan=False).encode()
    for key, value in metadata.items():
        assert isinstance(key, str)
        for one in value if isinstance(value, list) else [value]:
            assert isinstance(one, str | int), f"{key} is {type(one)}"
            if isinstance(one, str):
                assert clean(one) == one, f"{key} is not clean"
                assert len(one) <= 500, f"{key} has {len(one)} characters"
                assert "\n" not in one, f"{key} has more than one line"
            else:
                assert abs(one) < 2**63


def _is_readable(message: str) -> None:
    assert message.strip()
    assert not _NOT_FOR_PEOPLE.search(message), f"not for people: {message!r}"


def _is_a_reason(reason: str) -> None:
    _is_readable(reason)
    assert reason[0].isupper() or reason[0] == "'", f"not a sentence: {reason!r}"
    assert reason.endswith((".", '"', ")")), f"not a sentence: {reason!r}"
    assert "\n" not in reason
    assert len(reason) < 300
    reason.encode()


def _file(suffix: str) -> Callable[[bytes], None]:
    def target(data: bytes) -> None:
        read(data, suffix)

    return target


# Containers


def container(kind: str, data: bytes) -> bytes:
    """Return a container of that kind in which one member is what ``data`` says."""
    if data.startswith(b"PK"):
        return data
    name, _, body = data.partition(b"\n")
    member = name.decode("utf-8", "replace")[:200] or "mimetype"
    members = dict(templates()[kind]) | {member: body}
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for key, content in members.items():
            archive.writestr(zipfile.ZipInfo(key), content)
    return out.getvalue()


def _container(kind: str, *more: str) -> Callable[[bytes], None]:
    """Return a target; the first letter of the member's line may choose another kind."""

    def target(data: bytes) -> None:
        for choice in more:
            if data.startswith(choice.encode() + b":"):
                read(container(choice, data[len(choice) + 1 :]), choice)
                return
        read(container(kind, data), kind)

    return target


@cache
def templates() -> dict[str, dict[str, bytes]]:
    """Return whole containers of each kind, member by member."""
    from fuzz_seeds import containers

    return containers()


def _timed(target: Callable[[bytes], None]) -> Callable[[bytes], None]:
    def timed(data: bytes) -> None:
        began = time.process_time()
        target(data)
        took = time.process_time() - began
        assert took < SECONDS, f"took {took:.1f} s for {len(data)} bytes"

    return timed


TARGETS: dict[str, Callable[[bytes], None]] = {
    name: _timed(target)
    for name, target in {
        "splitter": splitter,
        "tokenizer": tokenizer,
        "encodings": encodings,
        "ignore": ignore,
        "fields": fields,
        "asking": asking,
        **{
            name: _file(suffix)
            for name, suffix in {
                "txt": "txt", "markdown": "md", "rst": "rst", "html": "html", "csv": "csv",
                "json": "json", "jsonl": "jsonl", "ipynb": "ipynb", "srt": "srt", "xml": "xml",
                "rtf": "rtf", "eml": "eml", "pdf": "pdf",
            }.items()
        },
        "docx": _container("docx"),
        "pptx": _container("pptx"),
        "xlsx": _container("xlsx"),
        "epub": _container("epub"),
        "odt": _container("odt", "ods", "odp"),
    }.items()
}  # fmt: skip
"""By name, each with a bound of CPU time; they take bytes and raise where something is wrong."""
