"""What could not be read, or only in part, is tried again when there is more to read it with."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from pdf_writer import PdfPage, lines, write_pdf
from test_indexing import settle
from test_ocr import ENGLISH, needs_ocr, scan
from test_protected import locked_pdf

import ragkit
import ragkit.ingest.readers.ocr as ocr
from ragkit.knowledge import KnowledgeBase
from ragkit.retrying import read_again
from ragkit.types import IndexReport


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "plain.md").write_text("# Plain\n\nThe boiler is checked in May.\n")
    return docs


def opened(folder: Path, **settings: Any) -> KnowledgeBase:
    named = {f"ingest.{key}": value for key, value in settings.items()}
    return ragkit.open(folder, index=folder.parent / "i.db", preset="lite", settings=named)


def run(folder: Path, **settings: Any) -> IndexReport:
    return opened(folder, **settings).index()


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the names of files that were given to the readers, as it happens."""
    from ragkit.read_ahead import ReadAhead

    seen: list[str] = []
    in_order = ReadAhead.in_order

    def counted(reader: ReadAhead, files: Any, **knobs: Any) -> Any:
        def noted() -> Iterator[Any]:
            for file in files:
                if file is not None:
                    seen.append(file.path.name)
                yield file

        return in_order(reader, noted(), **knobs)

    monkeypatch.setattr(ReadAhead, "in_order", counted)
    return seen


def test_more_time_brings_a_skipped_file_in(folder: Path, reads: list[str]) -> None:
    # Ten times as long to read as the time between two looks at the process.
    (folder / "page.html").write_text("<p>The pump is in the cellar.</p>" * 40_000)
    settle(folder)
    assert [f.reason for f in run(folder, file_seconds=0.001).skipped] == [
        "Reading it took longer than 0.001 s."
    ]
    reads.clear()
    assert len(run(folder, file_seconds=0.001).skipped) == 1
    assert reads == []
    report = run(folder, file_seconds=60)
    assert (report.added, report.skipped, reads) == (("page.html",), (), ["page.html"])


@pytest.mark.skipif(sys.platform != "linux", reason="memory is bounded on Linux alone")
def test_more_memory_brings_a_skipped_file_in(folder: Path) -> None:
    (folder / "large.json").write_text(
        '{"content": "Valve 7 opens at 9 bar.", "rest": [' + "[]," * 1_000_000 + "[]]}"
    )
    settle(folder)
    (skipped,) = run(folder, file_memory_mb=64, ocr="off").skipped
    assert "more than 64 MB of memory" in skipped.reason
    assert run(folder, file_memory_mb=1024, ocr="off").added == ("large.json",)


def test_a_larger_limit_brings_a_skipped_file_in(folder: Path) -> None:
    (folder / "large.txt").write_text("The meter is behind the door. \n" * 40_000)
    settle(folder)
    (skipped,) = run(folder, max_file_mb=1).skipped
    assert "Too large" in skipped.reason
    assert run(folder, max_file_mb=2).added == ("large.txt",)


def test_any_other_password_file_is_tried(folder: Path, tmp_path: Path, reads: list[str]) -> None:
    (folder / "safe.pdf").write_bytes(locked_pdf("right", "The safe is in the cellar."))
    settle(folder)
    right, wrong = tmp_path / "right", tmp_path / "wrong"
    right.write_text("right\n")
    wrong.write_text("wrong\n")
    for path in (right, wrong):
        path.chmod(0o600)
        os.utime(path, (time.time() - 9000,) * 2)  # older than the run that failed
    assert "Password-protected" in run(folder).skipped[0].reason
    assert "Wrong password" in run(folder, password_file=wrong).skipped[0].reason
    reads.clear()
    run(folder, password_file=wrong)
    run(folder)
    assert reads == []
    assert run(folder, password_file=right).added == ("safe.pdf",)
    assert run(folder).unchanged == 2  # the text stays without the password


def test_what_is_plainly_no_document_is_not_tried_for_ever(folder: Path, reads: list[str]) -> None:
    (folder / "noise.txt").write_bytes(bytes(range(256)) * 40)
    settle(folder)
    run(folder, file_seconds=10)
    run(folder, file_seconds=20)
    reads.clear()
    assert len(run(folder, file_seconds=20).skipped) == 1
    assert reads == []


def test_a_skipped_file_is_read_again_when_asked(folder: Path, reads: list[str]) -> None:
    (folder / "noise.txt").write_bytes(bytes(range(256)) * 40)
    settle(folder)
    kb = opened(folder)
    kb.index()
    reads.clear()
    assert read_again(kb, ["noise.txt", "plain.md", "none.md"]) == ("noise.txt",)
    report = kb.index()
    assert ([f.source for f in report.skipped], report.unchanged) == (["noise.txt"], 1)
    assert reads == ["noise.txt"]


def half_scanned(path: Path) -> None:
    """Write a PDF of a page of text and a page that is a picture of text."""
    import pypdfium2

    aside = path.parent.parent
    plain, picture = aside / "plain.pdf", aside / "picture.pdf"
    plain.write_bytes(write_pdf(PdfPage(lines("The lease ends in March."))))
    scan(picture, *ENGLISH)
    whole = pypdfium2.PdfDocument(plain)
    whole.import_pages(pypdfium2.PdfDocument(picture))
    whole.save(path)


@needs_ocr
def test_empty_pages_are_read_when_ocr_comes(folder: Path, reads: list[str]) -> None:
    half_scanned(folder / "lease.pdf")
    settle(folder)
    assert run(folder, ocr="off").added == ("lease.pdf", "plain.md")
    reads.clear()
    assert run(folder, ocr="off").unchanged == 2
    assert reads == []
    assert run(folder, ocr="auto").updated == ("lease.pdf",)
    kb = opened(folder, ocr="auto")
    assert "thirty days" in kb.text("lease.pdf", page=2)
    reads.clear()
    assert kb.index().unchanged == 2
    assert reads == []


def test_ocr_that_is_installed_later_is_noticed(
    folder: Path, monkeypatch: pytest.MonkeyPatch, reads: list[str]
) -> None:
    half_scanned(folder / "lease.pdf")
    settle(folder)
    monkeypatch.setattr(ocr, "can_ocr", lambda: False)
    run(folder)
    reads.clear()
    assert run(folder).unchanged == 2
    monkeypatch.setattr(ocr, "can_ocr", lambda: True)
    run(folder)
    assert reads == ["lease.pdf"]


@contextmanager
def not_root() -> Iterator[None]:
    """Be a user for whom permissions hold."""
    own = os.geteuid()
    if own == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(own)


@pytest.mark.skipif(os.name != "posix", reason="POSIX permissions")
def test_a_file_that_may_not_be_read_any_more_is_said(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = folder / "secret.md"
    secret.write_text("# Secret\n\nThe vault opens at noon.\n")
    settle(folder)
    if os.geteuid() == 0:
        for path in (folder.parent, folder, *folder.parent.parents):
            if path != Path("/") and path.stat().st_uid == 0 and str(path).startswith("/tmp/"):
                path.chmod(0o755)
        os.chown(secret, 65534, 65534)
    kb = opened(folder)
    entries = lambda: {e.source: e.problem for e in walked(folder)}  # noqa: E731
    assert kb.index().unchanged == 0
    secret.chmod(0)
    with not_root():
        assert entries() == {"plain.md": None, "secret.md": "No permission to read it."}
    real = os.access
    if os.geteuid() == 0:  # the index is root's: only what asks for permission acts for another
        monkeypatch.setattr(
            os, "access",
            lambda path, mode, **how: False if Path(path) == secret else real(path, mode, **how),
        )  # fmt: skip
    report = kb.index()
    assert [(f.source, f.reason) for f in report.skipped] == [
        ("secret.md", "No permission to read it.")
    ]
    assert (report.deleted, report.unchanged) == (("secret.md",), 1)
    assert [d.source for d in kb.documents()] == ["plain.md"]
    monkeypatch.setattr(os, "access", real)
    secret.chmod(0o644)
    assert kb.index().added == ("secret.md",)


def walked(folder: Path) -> Any:
    from ragkit.ingest.folder import walk

    return walk(folder)


def test_seconds_are_kept_by_file(folder: Path) -> None:
    (folder / "page.html").write_text("<p>The pump is in the cellar.</p>" * 10)
    (folder / "empty.txt").write_text("")
    settle(folder)
    kb = opened(folder)
    kb.index()
    took = {d.state.source: d.state.seconds for d in kb.catalog.details()}
    assert took.keys() == {"plain.md", "page.html", "empty.txt"}
    assert all(0 < seconds < 60 for seconds in took.values())
    kb.index()
    assert {d.state.source: d.state.seconds for d in kb.catalog.details()} == took
    slow = opened(folder, file_seconds=0.001)
    (folder / "new.html").write_text("<p>Slow.</p>")
    slow.index()
    (details,) = [d for d in slow.catalog.details() if d.state.source == "new.html"]
    assert details.state.seconds >= 0.001


def test_a_password_file_is_followed_while_a_program_runs(folder: Path, tmp_path: Path) -> None:
    (folder / "safe.pdf").write_bytes(locked_pdf("right", "The safe is in the cellar."))
    settle(folder)
    passwords = tmp_path / "passwords"
    passwords.write_text("wrong\n")
    passwords.chmod(0o600)
    kb = opened(folder, password_file=passwords)
    assert "Wrong password" in kb.index().skipped[0].reason
    passwords.write_text("the right one comes second\nright\n")
    assert kb.index().added == ("safe.pdf",)
