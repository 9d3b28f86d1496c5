"""Protected files: passwords out of a file, which no message, index or log ever shows."""

from __future__ import annotations

import hashlib
import io
import json
import os
import time
from pathlib import Path
from typing import Any

import pytest
from pdf_writer import PdfPage, lines, write_pdf
from test_cli import ragkit

from ragkit.errors import ConfigError, IngestError
from ragkit.ingest.extract import extract
from ragkit.ingest.passwords import NO_PASSWORDS, Passwords, read_passwords
from ragkit.ingest.reading import Means, Reading

_PADDING = bytes.fromhex("28BF4E5E4E758A4164004E56FFFA01082E2E00B6D0683E802F0CA9FE6453697A")
SECRET = "s3cret wörd"


def rc4(key: bytes, data: bytes) -> bytes:
    box, j = list(range(256)), 0
    for i in range(256):
        j = (j + box[i] + key[i % len(key)]) % 256
        box[i], box[j] = box[j], box[i]
    out, i, j = bytearray(), 0, 0
    for byte in data:
        i = (i + 1) % 256
        j = (j + box[i]) % 256
        box[i], box[j] = box[j], box[i]
        out.append(byte ^ box[(box[i] + box[j]) % 256])
    return bytes(out)


def locked_pdf(password: str, text: str) -> bytes:
    """Return a PDF that ``password`` opens: standard handler, revision 2 (ISO 32000-1, 7.6.3)."""
    padded = (password.encode("latin-1") + _PADDING)[:32]
    owner = rc4(hashlib.md5(padded).digest()[:5], padded)
    permissions = (-4).to_bytes(4, "little", signed=True)
    key = hashlib.md5(padded + owner + permissions + b"\x00").digest()[:5]
    user = rc4(key, _PADDING)
    content = lines(text).encode("latin-1")
    own = hashlib.md5(key + (5).to_bytes(3, "little") + b"\x00\x00").digest()[:10]
    locked = rc4(own, content)
    plain = write_pdf(PdfPage(lines(text)))
    body = plain[: plain.index(b"xref\n")]
    body = body.replace(content, locked)
    places = [body.index(b"%d 0 obj" % number) for number in range(1, 6)]
    places.append(len(body))
    body += b"6 0 obj\n<< /Filter /Standard /V 1 /R 2 /P -4 /O <%s> /U <%s> >>\nendobj\n" % (
        owner.hex().encode(), user.hex().encode(),
    )  # fmt: skip
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    return body + (
        b"xref\n0 7\n0000000000 65535 f \n%strailer << /Size 7 /Root 1 0 R /Encrypt 6 0 R "
        b"/ID [<00><00>] >>\nstartxref\n%d\n%%%%EOF\n" % (table, len(body))
    )


def password_file(folder: Path, text: str) -> Path:
    path = folder / "passwords.txt"
    path.write_text(text, "utf-8")
    path.chmod(0o600)
    return path


def test_the_pdf_of_these_tests_is_really_locked(tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(locked_pdf(SECRET, "The safe is in the cellar."))

    with pytest.raises(IngestError, match=r"^Password-protected PDF.*--password-file"):
        extract(tmp_path / "a.pdf")
    with pytest.raises(IngestError, match=r"^Wrong password") as caught:
        extract(tmp_path / "a.pdf", passwords=("guess-one", "guess-two"))
    assert "guess" not in str(caught.value)
    found = extract(tmp_path / "a.pdf", passwords=("guess", SECRET))
    assert found.text == "The safe is in the cellar."


@pytest.mark.parametrize("kind", ["docx", "xlsx"])
def test_office_files_open_with_the_extra(tmp_path: Path, kind: str) -> None:
    office = pytest.importorskip("msoffcrypto.format.ooxml", reason="the extra passwords")
    plain = io.BytesIO()
    made: Any
    if kind == "docx":
        import docx

        made = docx.Document()
        made.add_paragraph("The safe is in the cellar.")
    else:
        import openpyxl

        made = openpyxl.Workbook()
        made.active["A1"] = "The safe is in the cellar."
    made.save(plain)
    locked = io.BytesIO()
    office.OOXMLFile(io.BytesIO(plain.getvalue())).encrypt(SECRET, locked)
    path = tmp_path / f"a.{kind}"
    path.write_bytes(locked.getvalue())

    with pytest.raises(IngestError, match=r"^Password-protected Office file"):
        extract(path)
    with pytest.raises(IngestError, match=r"^Wrong password") as caught:
        extract(path, passwords=("guess",))
    assert "guess" not in str(caught.value)
    found = extract(path, passwords=("guess", SECRET))
    assert "cellar" in found.text
    assert found.metadata["format"] == kind


def test_a_damaged_office_container_is_a_reason(tmp_path: Path) -> None:
    ole = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(1000)
    (tmp_path / "a.docx").write_bytes(ole + "EncryptedPackage".encode("utf-16-le"))
    with pytest.raises(IngestError) as caught:
        extract(tmp_path / "a.docx", passwords=(SECRET,))
    assert SECRET not in str(caught.value)


def test_names_globs_and_one_for_all(tmp_path: Path) -> None:
    path = password_file(
        tmp_path,
        "# mine\n\nletters/*.pdf\tfor letters\nmemo.docx: for: memo\nfor all: \nlast resort\n",
    )
    found = read_passwords(path)

    assert found.for_source("letters/a.pdf") == ("for letters", "for all:", "last resort")
    assert found.for_source("x/memo.docx") == ("for: memo", "for all:", "last resort")
    assert found.for_source("other.pdf") == ("for all:", "last resort")
    assert found.warning == ""
    for secret in ("letters", "memo", "resort"):
        assert secret not in repr(found)
        assert secret not in repr(Reading(passwords=found))


@pytest.mark.skipif(os.name != "posix", reason="POSIX permissions")
def test_a_file_that_others_can_read_is_warned_of(tmp_path: Path) -> None:
    path = password_file(tmp_path, SECRET)
    path.chmod(0o644)
    found = read_passwords(path)
    assert "chmod 600" in found.warning
    assert SECRET not in found.warning


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"", "holds no password"), (b"# none\n", "holds no password"), (b"\xff\xfe\xff", "not UTF-8"),
     (b"x" * 1_000_001, "larger than 1 MB"), (None, "cannot be read")],
)  # fmt: skip
def test_a_password_file_that_is_none_is_said(
    tmp_path: Path, content: bytes | None, reason: str
) -> None:
    path = tmp_path / "p.txt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=reason):
        read_passwords(path)


def test_no_folder_and_no_pipe_as_a_password_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="not a regular file"):
        read_passwords(tmp_path)


def test_what_failed_is_tried_again_only_when_something_changed() -> None:
    def means(source: str = "a.pdf", seconds: float = 60, **how: Any) -> Means:
        reading = Reading(**how)
        found = reading.means(seconds=seconds, memory_mb=1024, max_bytes=1000)
        return found._replace(passwords=reading.passwords_for(source))

    one, other = Passwords((("", "x"),), "1"), Passwords((("", "y"),), "2")
    then = means().to_text()
    assert not means().exceed(then)
    assert not means().exceed("")
    assert means(passwords=one).exceed(then)
    assert not means(passwords=Passwords((("b.pdf", "x"),), "1")).exceed(then)
    assert not means(passwords=one).exceed(means(passwords=one).to_text())
    assert means(passwords=other).exceed(means(passwords=one).to_text())
    assert not means().exceed(means(passwords=one).to_text())
    assert means(ocr=True).exceed(then)
    assert not means().exceed(means(ocr=True).to_text())
    assert means(seconds=61).exceed(then)
    assert not means(seconds=59).exceed(then)
    assert "x" not in then
    assert NO_PASSWORDS.for_source("a.pdf") == ()


def test_the_version_of_passwords_follows_their_file(tmp_path: Path) -> None:
    path, another = tmp_path / "p.txt", tmp_path / "q.txt"
    path.write_text("secret\n")
    another.write_text("secret\n")
    before = read_passwords(path).version
    assert before == read_passwords(path).version != read_passwords(another).version
    path.write_text("other secret\n")
    assert read_passwords(path).version != before
    assert "secret" not in before


def test_from_the_command_line(folder: Path, tmp_path: Path) -> None:
    (folder / "safe.pdf").write_bytes(locked_pdf(SECRET, "The safe is in the cellar."))
    index = tmp_path / "i.db"
    options = (folder, "--index", index, "--preset", "lite", "--json")

    def run(*more: str | Path) -> tuple[dict[str, Any], str]:
        done = ragkit("index", *options, *more)
        assert done.returncode == 0, done.stderr
        assert SECRET not in done.stdout + done.stderr
        return json.loads(done.stdout), done.stderr

    report, _ = run()
    assert report["skipped"][0]["reason"].startswith("Password-protected PDF")
    passwords = password_file(tmp_path, "safe.pdf: wrong\n")
    report, _ = run("--password-file", passwords)
    assert report["skipped"][0]["reason"].startswith("Wrong password")
    report, _ = run("--password-file", passwords)
    assert report["skipped"][0]["reason"].startswith("Wrong password")
    time.sleep(1.1)  # indexed_at counts in seconds
    password_file(tmp_path, f"safe.pdf: {SECRET}\n").chmod(0o644)
    report, said = run("--password-file", passwords)
    assert report["added"] == ["safe.pdf"]
    assert os.name != "posix" or "chmod 600" in said
    done = ragkit("query", "Where is the safe?", "--data", folder, "--index", index,
                  "--preset", "lite")  # fmt: skip
    assert "cellar" in done.stdout
    for path in tmp_path.rglob("*"):
        if path.is_file() and path != passwords:
            assert SECRET.encode() not in path.read_bytes()
