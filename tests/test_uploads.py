"""What people upload: names that would escape or harm, content that lies, disks that are full."""

from __future__ import annotations

import errno
import os
import unicodedata
from pathlib import Path

import pytest

import ragkit.uploads as uploads_module
from ragkit.errors import IngestError
from ragkit.exclusions import FolderNotes
from ragkit.ingest.folder import walk
from ragkit.uploads import Received, UploadLimits, Uploads, safe_name, safe_source

TEXT = b"The sky over the harbour is blue.\n"
HOSTILE = [
    "../x.txt",
    "../../../../etc/passwd",
    "..",
    ".",
    "",
    "/",
    "\\",
    "/etc/cron.d/x",
    "..\\..\\x.txt",
    "C:\\Windows\\system32\\x.txt",
    "C:",
    "\\\\server\\share\\x.txt",
    "a\x00b.txt",
    "x.txt\x00.png",
    "CON",
    "con.txt",
    "NUL.tar.gz",
    "COM1",
    "lpt9.txt",
    "COM¹.txt",
    "AUX .txt",
    "CONIN$",
    "\u202efdp.exe",
    "a\u2066b\u2069.txt",
    "\u200bx.txt",
    "\ufeffx.txt",
    ".bashrc",
    "...",
    "..hidden",
    "~$lock.docx",
    ".~$x.docx",
    "trailing. . .",
    "trailing ",
    " leading.txt",
    "new\nline.txt",
    "tab\tx.txt",
    "\x1b[31mred.txt",
    'a<b>c:d"e|f?g*h.txt',
    "x" * 300 + ".txt",
    "é" * 300 + ".txt",
    "文" * 200 + ".pdf",
    "🧑‍🚒" * 60 + ".md",
    "a." + "b" * 300,
    "\udcff\udcfe.txt",
    "\ue000.txt",
    "\u2028x.txt",
    "cafe\u0301.txt",
    "．．／x.txt",
    "x.txt:stream",
    "!![a](http://127.0.0.1/?leak).md",
    "<img src=x onerror=alert(1)>.txt",
]


@pytest.fixture
def notes(tmp_path: Path) -> FolderNotes:
    return FolderNotes(tmp_path / "home" / "folders" / "notes.db")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    folder = tmp_path / "outer" / "docs"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def uploads(place: Path, notes: FolderNotes) -> Uploads:
    return Uploads(place, notes, UploadLimits(1_000_000, 100))


def one(uploads: Uploads, name: str, data: bytes = TEXT, **options: bool) -> Received:
    (received,) = uploads.receive([(name, data)], **options)
    return received


@pytest.mark.parametrize("name", HOSTILE, ids=ascii)
def test_hostile_names_become_safe_ones(name: str) -> None:
    safe = safe_name(name)
    assert 0 < len(safe.encode()) <= 255
    assert not set(safe) & set('<>:"/\\|?*\0')
    assert all(unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Zl", "Zp") for c in safe)
    assert safe == safe.strip(" ")
    assert not safe.startswith((".", "~$"))
    assert not safe.endswith(".")
    assert safe == unicodedata.normalize("NFC", safe)
    assert safe.split(".")[0].strip().upper() not in {"CON", "AUX", "NUL", "COM1", "LPT9", "COM¹"}
    assert safe_name(safe) == safe


@pytest.mark.parametrize("name", HOSTILE, ids=ascii)
@pytest.mark.parametrize("folders", [False, True])
def test_hostile_names_land_inside_the_folder(
    name: str, folders: bool, uploads: Uploads, place: Path, tmp_path: Path
) -> None:
    before = {p for p in tmp_path.rglob("*") if "home" not in p.parts}
    received = one(uploads, name, folders=folders)
    made = {p for p in tmp_path.rglob("*") if "home" not in p.parts} - before
    assert all(p.is_relative_to(place) for p in made)
    if received.outcome == "added":
        assert (place / received.source).read_bytes() == TEXT
        assert [e.source for e in walk(place)] == [received.source]  # and it will be indexed
    else:
        assert received.reason
        assert not made


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("report.pdf", "report.pdf"),
        ("季度 报告（终稿）.docx", "季度 报告（终稿）.docx"),
        ("naïve café.txt", "naïve café.txt"),
        ("a..b.txt", "a..b.txt"),
        ("con.txt", "_con.txt"),
        ("конец.txt", "конец.txt"),
    ],
)
def test_honest_names_stay(name: str, safe: str) -> None:
    assert safe_name(name) == safe


def test_long_names_keep_their_ending_and_whole_characters() -> None:
    safe = safe_name("文" * 200 + ".pdf")
    assert safe.endswith("文.pdf")
    assert len(safe.encode()) > 250


def test_folder_upload_keeps_its_folders() -> None:
    assert safe_source("manual/part 1/intro.md", folders=True) == "manual/part 1/intro.md"
    assert safe_source("manual/../../x.md", folders=True) == "manual/x.md"
    assert safe_source("manual\\part\\x.md", folders=True) == "manual/part/x.md"
    assert safe_source("manual/intro.md") == "intro.md"


@pytest.mark.parametrize("name", ["repo/.git/config", "a/node_modules/x.md", "a/__pycache__/b.md"])
def test_hidden_folders_and_caches_are_left_out(name: str, uploads: Uploads, place: Path) -> None:
    received = one(uploads, name, folders=True)
    assert received.outcome == "refused"
    assert "left out" in received.reason
    assert not list(place.iterdir())


def test_deep_folders_are_refused() -> None:
    with pytest.raises(IngestError, match="deep"):
        safe_source("/".join("d" * 200 for _ in range(8)) + "/x.md", folders=True)
    with pytest.raises(IngestError, match="deep"):
        safe_source("/".join("d" for _ in range(30)) + "/x.md", folders=True)


def test_same_name_same_content_is_unchanged(uploads: Uploads) -> None:
    assert one(uploads, "a.txt").outcome == "added"
    assert one(uploads, "a.txt").outcome == "unchanged"


def test_same_name_other_content_asks_and_then_replaces(uploads: Uploads, place: Path) -> None:
    one(uploads, "a.txt")
    other = b"It rains over the harbour.\n"
    assert one(uploads, "a.txt", other).outcome == "differs"
    assert (place / "a.txt").read_bytes() == TEXT
    assert one(uploads, "a.txt", other, replace=True).outcome == "replaced"
    assert (place / "a.txt").read_bytes() == other


@pytest.mark.parametrize("replace", [False, True])
def test_a_file_that_the_page_did_not_bring_is_never_touched(
    uploads: Uploads, place: Path, replace: bool
) -> None:
    (place / "own.txt").write_text("mine", "utf-8")
    received = one(uploads, "own.txt", replace=replace)
    assert received.outcome == "refused"
    assert "not uploaded here" in received.reason
    with pytest.raises(IngestError, match="not uploaded here"):
        uploads.delete("own.txt")
    assert (place / "own.txt").read_text("utf-8") == "mine"


def test_an_upload_that_was_changed_in_the_folder_is_the_owners(
    uploads: Uploads, place: Path
) -> None:
    one(uploads, "a.txt")
    (place / "a.txt").write_text("edited by hand", "utf-8")
    assert one(uploads, "a.txt", replace=True).outcome == "refused"
    with pytest.raises(IngestError, match="changed"):
        uploads.delete("a.txt")
    assert (place / "a.txt").read_text("utf-8") == "edited by hand"


def test_two_files_of_one_upload_with_one_name_are_numbered(uploads: Uploads, place: Path) -> None:
    files = [("a/x.txt", TEXT), ("b/x.txt", b"other text\n"), ("c/X.TXT", b"third text\n")]
    sources = [r.source for r in uploads.receive(files)]
    assert sources == ["x.txt", "x (2).txt", "X (3).TXT"] or sources[2] == "X (2).TXT"
    assert {(place / s).read_bytes() for s in sources} == {data for _, data in files}


@pytest.mark.skipif(os.name != "posix", reason="symbolic links")
def test_links_in_the_folder_are_not_followed(uploads: Uploads, place: Path) -> None:
    outside = place.parent / "outside"
    outside.mkdir()
    secret = outside / "secret.txt"
    secret.write_text("secret", "utf-8")
    (place / "link").symlink_to(outside)
    (place / "file.txt").symlink_to(secret)
    (place / "dangling.txt").symlink_to(outside / "made.txt")
    assert one(uploads, "link/x.txt", folders=True).outcome == "refused"
    assert one(uploads, "file.txt", replace=True).outcome == "refused"
    assert one(uploads, "dangling.txt", replace=True).outcome == "refused"
    assert [p.name for p in outside.iterdir()] == ["secret.txt"]
    assert secret.read_text("utf-8") == "secret"


@pytest.mark.skipif(os.name != "posix", reason="pipes")
def test_a_pipe_or_folder_of_the_name_is_no_hang(uploads: Uploads, place: Path) -> None:
    os.mkfifo(place / "pipe.txt")
    (place / "folder.txt").mkdir()
    for name in ("pipe.txt", "folder.txt"):
        received = one(uploads, name, replace=True)
        assert (received.outcome, "no file" in received.reason) == ("refused", True)


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("a.txt", b"", "Empty"),
        ("a.txt", b"%PDF-1.7\n%\xe2\xe3\xcf\xd3", "holds PDF. Rename it to .pdf"),
        ("a.pdf", TEXT, "holds plain text"),
        ("a.docx", TEXT, "holds plain text"),
        ("a.md", b"\x89PNG\r\n\x1a\n" + bytes(60), "PNG image"),
        ("a.txt", b"\x7fELF" + bytes(60), "a program"),
        ("a.txt", bytes(range(256)) * 40, "Not text"),
        ("a.txt", b"PK\x03\x04" + bytes(40), "zip"),
        ("a.doc", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "Office"),
    ],
)
def test_content_decides(
    name: str, data: bytes, reason: str, uploads: Uploads, place: Path
) -> None:
    received = one(uploads, name, data)
    assert received.outcome == "refused"
    assert reason in received.reason
    assert not list(place.iterdir())


@pytest.mark.parametrize("encoding", ["utf-8", "gbk", "utf-16", "big5"])
def test_text_of_any_encoding_is_taken(encoding: str, uploads: Uploads) -> None:
    text = "系統每天凌晨自動備份資料，請聯絡管理員。" if encoding == "big5" else (
        "系统每天凌晨自动备份数据，请联系管理员。"
    )  # fmt: skip
    assert one(uploads, "说明.txt", (text * 5).encode(encoding)).outcome == "added"


def test_limits_are_said_in_words(place: Path, notes: FolderNotes) -> None:
    uploads = Uploads(place, notes, UploadLimits(40, 2))
    received = list(
        uploads.receive([("a.txt", TEXT), ("b.txt", TEXT * 9), ("c.txt", TEXT), ("d.txt", TEXT)])
    )
    assert [r.outcome for r in received] == ["added", "refused", "refused", "refused"]
    assert "Too large" in received[1].reason
    assert "Only 2 files" in received[2].reason


@pytest.mark.parametrize(
    ("number", "words"), [(errno.ENOSPC, "disk is full"), (errno.EACCES, "cannot be written")]
)
def test_trouble_with_the_disk_is_said_and_leaves_nothing(
    number: int, words: str, uploads: Uploads, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(uploads_module.os, "fsync", fail)
    received = one(uploads, "a.txt")
    assert received.outcome == "refused"
    assert words in received.reason
    assert not list(place.iterdir())
    monkeypatch.undo()
    assert one(uploads, "a.txt").outcome == "added"


def test_a_full_disk_while_replacing_keeps_the_old_file(
    uploads: Uploads, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one(uploads, "a.txt")

    def fail(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(uploads_module.os, "fsync", fail)
    assert one(uploads, "a.txt", b"new text\n", replace=True).outcome == "refused"
    assert (place / "a.txt").read_bytes() == TEXT
    assert [p.name for p in place.iterdir()] == ["a.txt"]


def test_uploads_are_remembered_and_deleted(
    uploads: Uploads, place: Path, notes: FolderNotes
) -> None:
    one(uploads, "a/b.txt", folders=True)
    assert notes.uploads()["a/b.txt"].size == len(TEXT)
    uploads.delete("a/b.txt")
    assert not (place / "a" / "b.txt").exists()
    assert notes.uploads() == {}
    with pytest.raises(IngestError, match="not uploaded here"):
        uploads.delete("a/b.txt")


@pytest.mark.parametrize("source", ["../outside.txt", "/etc/passwd", "a/../../outside.txt"])
def test_deleting_never_leaves_the_folder(
    source: str, uploads: Uploads, place: Path, notes: FolderNotes
) -> None:
    outside = place.parent / "outside.txt"
    outside.write_bytes(TEXT)
    import hashlib

    notes.note_upload(source, sha256=hashlib.sha256(TEXT).hexdigest(), size=len(TEXT))
    with pytest.raises(IngestError):
        uploads.delete(source)
    assert outside.exists()


def test_uploading_again_takes_an_excluded_file_in(uploads: Uploads, notes: FolderNotes) -> None:
    one(uploads, "a.txt")
    notes.exclude(["a.txt"])
    one(uploads, "a.txt", b"a newer text\n", replace=True)
    assert notes.excluded() == frozenset()
