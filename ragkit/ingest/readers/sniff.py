"""What a file is, by its first bytes and, for zip and OLE containers, by what they hold.

The name's ending is used only to tell plain-text formats apart, which look alike.
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ragkit.errors import IngestError
from ragkit.ingest.readers.content import Limits

if TYPE_CHECKING:
    import zipfile

__all__ = ["binary_format", "is_protected_office", "megabytes", "text_format"]

_REFUSED = (
    (b"\x89PNG", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF8", "a GIF image"),
    (b"II*\x00", "a TIFF image"),
    (b"MM\x00*", "a TIFF image"),
    (b"BM", "a BMP image"),
    (b"RIFF", "a RIFF file (sound, video or WebP image)"),
    (b"OggS", "an Ogg sound file"),
    (b"ID3", "an MP3 sound file"),
    (b"fLaC", "a FLAC sound file"),
    (b"\x1aE\xdf\xa3", "a Matroska video"),
    (b"\x7fELF", "a program"),
    (b"MZ", "a Windows program"),
    (b"\xca\xfe\xba\xbe", "a compiled program"),
    (b"\xcf\xfa\xed\xfe", "a compiled program"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"BZh", "a bzip2 archive"),
    (b"\xfd7zXZ", "an xz archive"),
    (b"\x28\xb5\x2f\xfd", "a zstd archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"Rar!", "a rar archive"),
    (b"SQLite format 3\x00", "an SQLite database"),
    (b"PAR1", "a Parquet table"),
    (b"wOFF", "a font"),
    (b"wOF2", "a font"),
    (b"\x93NUMPY", "a NumPy array"),
    (b"GGUF", "model weights"),
    (b"%!PS", "a PostScript file. Convert it to PDF"),
)
_PRINTABLE_MAGIC = ("BM", "MZ", "ID3", "BZh", "GIF8", "PAR1", "RIFF", "OggS", "GGUF")
_ZIP = b"PK\x03\x04"
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_RTF = b"{\\rtf"
# Most texts begin with none of these, and need not be compared with each.
_FIRST_BYTES = frozenset(magic[:1] for magic in (_ZIP, _OLE, _RTF, *(m for m, _ in _REFUSED)))
_ENCRYPTED = "EncryptedPackage"
_OLE_STREAMS = (
    (_ENCRYPTED, "Password-protected Office file. Save it without a password."),
    ("WordDocument", "Old Word format (.doc). Save it as .docx."),
    ("Workbook", "Old Excel format (.xls). Save it as .xlsx."),
    ("PowerPoint Document", "Old PowerPoint format (.ppt). Save it as .pptx."),
    ("__nameid", "Outlook message (.msg). Save it as .eml or text."),
)
_BY_SUFFIX = {
    "md": "md", "markdown": "md", "mdx": "md", "qmd": "md", "rmd": "md", "rst": "rst",
    "html": "html", "htm": "html", "xhtml": "html", "json": "json", "geojson": "json",
    "jsonl": "jsonl", "ndjson": "jsonl", "ipynb": "ipynb", "csv": "csv", "tsv": "tsv",
    "tab": "tsv", "eml": "eml", "srt": "srt", "vtt": "srt", "xml": "xml", "rtf": "rtf",
}  # fmt: skip
_CODE = frozenset(
    "py js ts jsx tsx c h cc cpp hpp cs java kt go rs rb php pl lua r jl swift scala sh bash zsh "
    "fish ps1 bat sql yaml yml toml ini cfg conf env properties log tex bib css scss diff patch "
    "proto graphql vue svelte dart ex exs erl hs ml clj lisp el vim cmake makefile dockerfile tf "
    "po pot org adoc asciidoc textile wiki".split()
)
_PLAIN = ("txt", "text", "mht", "mhtml")
_HTML_START = re.compile(
    # Possessive: a comment is never read in another way, or many of them would take for ever.
    r"\s*+(?:<!--(?:(?!-->).)*+-->\s*+)*+(?:<!doctype\s+html|<html[\s>])",
    re.I | re.S,
)


def megabytes(size: int) -> str:
    """Return ``size`` in bytes as text in MB, with one digit after the point below 10 MB."""
    return f"{size / 1e6:.1f} MB" if size < 10_000_000 else f"{size // 1_000_000} MB"


def binary_format(data: bytes, suffix: str, limits: Limits) -> str | None:
    """Return ``pdf docx pptx xlsx epub odt ods odp rtf``, or None where ``data`` may be text.

    ``suffix`` (without dot) only words the reasons. Raises IngestError for kinds of file that hold
    no text that could be read, and for containers that unpack beyond ``limits``.
    """
    head = data[:1024]
    if b"%PDF-" in head and _is_pdf(head, suffix):
        return "pdf"
    if head[:1] in _FIRST_BYTES:
        if head.startswith(_ZIP):
            return _zip_format(data, suffix, limits)
        if head.startswith(_RTF):
            return "rtf"
        _refuse_other(data, head)
    if head[257:262] == b"ustar" and b"\x00" in head[:257]:
        raise IngestError("This is a tar archive. Unpack it into the folder.")
    if head[4:8] == b"ftyp" and head[0] == 0:  # a length of four bytes
        raise IngestError("This is a video, sound or HEIC image file, not a text document.")
    if suffix in ("pdf", "docx", "pptx", "xlsx", "epub", "odt") and b"\x00" in head:
        raise IngestError(f"Damaged, or no {suffix} at all: its content is of no known kind.")
    return None


def _refuse_other(data: bytes, head: bytes) -> None:
    """Raise IngestError for what begins like a format that is not read here."""
    if head.startswith(_OLE):
        raise IngestError(_ole_reason(data))
    for magic, kind in _REFUSED:
        if head.startswith(magic) and _is_binary(magic, head):
            told = "." if ". " in kind else ", not a text document."
            raise IngestError(f"This is {kind}{told}")


def _is_pdf(head: bytes, suffix: str) -> bool:
    """Tell a PDF, which other bytes may precede, from text that has ``%PDF-`` in it."""
    if head.lstrip(b"\xef\xbb\xbf\x00\t\n\r ").startswith(b"%PDF-"):
        return True
    is_text = suffix in _BY_SUFFIX or suffix in _CODE or suffix in _PLAIN
    return not is_text


def is_protected_office(data: bytes) -> bool:
    """Return whether ``data`` is a docx, xlsx or pptx that a password protects."""
    return data.startswith(_OLE) and _ENCRYPTED.encode("utf-16-le") in data


def _is_binary(magic: bytes, head: bytes) -> bool:
    """Tell short printable magics ("BM", "ID3") from texts that begin with these letters."""
    if magic.decode("latin-1") not in _PRINTABLE_MAGIC:
        return True
    return any(byte < 9 for byte in head)


def _ole_reason(data: bytes) -> str:
    for stream, reason in _OLE_STREAMS:
        if stream.encode("utf-16-le") in data:
            return reason
    return "Old Microsoft Office container. Save it in a current format, such as .docx."


def _zip_format(data: bytes, suffix: str, limits: Limits) -> str:
    import zipfile

    from ragkit.ingest.readers.ooxml import part_names

    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = archive.infolist()
            kind = _container_kind(archive, set(part_names(archive)))
    except (zipfile.BadZipFile, zipfile.LargeZipFile, OSError, ValueError, EOFError) as error:
        name = suffix if suffix in ("docx", "pptx", "xlsx", "epub", "odt") else "zip container"
        raise IngestError(f"Damaged {name}: {_zip_damage(error)}.") from error
    if kind is None:
        raise IngestError(_zip_reason({member.filename for member in members}))
    _refuse_bomb(members, limits)
    return kind


def _zip_damage(error: Exception) -> str:
    """Say what zipfile found; where it misses the list of parts, what that means to a person."""
    said = str(error).rstrip(".")
    if said == "File is not a zip file":  # it begins like one, else it would not have come here
        return "its end is missing. It may have been copied or downloaded in part"
    return said


def _container_kind(archive: zipfile.ZipFile, names: set[str]) -> str | None:
    if "mimetype" in names:
        with archive.open("mimetype") as stream:
            kind = stream.read(200).decode("ascii", errors="replace").strip()
        if kind == "application/epub+zip":
            return "epub"
        for last, name in (("text", "odt"), ("spreadsheet", "ods"), ("presentation", "odp")):
            if kind.startswith(f"application/vnd.oasis.opendocument.{last}"):
                return name
    if "META-INF/container.xml" in names:
        return "epub"
    if "xl/workbook.bin" in names:
        return None
    for folder, name in (("word/", "docx"), ("ppt/", "pptx"), ("xl/", "xlsx")):
        if "[Content_Types].xml" in names and any(n.startswith(folder) for n in names):
            return name
    return None


def _zip_reason(names: set[str]) -> str:
    if "xl/workbook.bin" in names:
        return "Binary Excel format (.xlsb). Save it as .xlsx."
    if any(name.startswith("Index/") and name.endswith(".iwa") for name in names):
        return "Apple iWork file. Export it as PDF or in an Office format."
    return "This is a zip archive. Unpack it into the folder."


def _refuse_bomb(members: Sequence[zipfile.ZipInfo], limits: Limits) -> None:
    if any(member.flag_bits & 1 for member in members):
        raise IngestError("Password-protected zip container. Save it without a password.")
    total = sum(member.file_size for member in members)
    if total > limits.max_unpacked:
        raise IngestError(
            f"Unpacks to {megabytes(total)}, limit {megabytes(limits.max_unpacked)}: "
            "it may be a zip bomb."
        )
    for member in members:
        ratio = member.file_size / max(1, member.compress_size)
        if member.file_size > limits.ratio_from and ratio > limits.max_ratio:
            raise IngestError(
                f"A part of it unpacks to {megabytes(member.file_size)}, {ratio:.0f} times its "
                "packed size: it may be a zip bomb."
            )


def text_format(text: str, suffix: str) -> str:
    """Return the format of decoded ``text``: by ``suffix`` (without dot), else by its start."""
    named = _BY_SUFFIX.get(suffix)
    if named in (None, "xml", "rtf") and _HTML_START.match(text[:2000]):
        return "html"
    if named == "rtf":
        return "txt"
    if named is not None:
        return named
    if text.startswith("<?xml"):
        return "xml"
    if suffix in ("doc", "xls") and text.lstrip().startswith("<"):
        return "html"  # what programs write that "export to Excel"
    if suffix == "xls":
        return "tsv" if "\t" in text[:2000] else "csv"
    return suffix if suffix in _CODE else "txt"
