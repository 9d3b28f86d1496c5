"""Which reader reads which format. All but that of text are imported when a file needs them."""

from __future__ import annotations

from collections.abc import Sequence

from ragkit.errors import IngestError
from ragkit.ingest.readers.content import Content, Limits, Metadata
from ragkit.ingest.readers.encoding import charset_of, decode
from ragkit.ingest.readers.sniff import binary_format, is_protected_office, text_format
from ragkit.ingest.readers.text import read_markdown, read_plain, read_rst, read_subtitles

__all__ = ["read_bytes"]

_AS_TEXT = {"md": read_markdown, "rst": read_rst, "srt": read_subtitles}
_PARSED = frozenset(("json", "jsonl", "ipynb", "csv", "tsv", "html", "xml"))


def read_bytes(
    data: bytes, suffix: str, *, limits: Limits, passwords: Sequence[str] = (), ocr: bool = False
) -> Content:
    """Return the content of a file's bytes; ``suffix`` has no dot and is only a hint.

    ``passwords`` are tried in their order; with ``ocr`` pages that are images are read.

    The metadata always has ``format`` and ``markup``, for text formats also ``encoding``.
    Raises IngestError, or whatever the format's library raises on damaged input.
    """
    if is_protected_office(data):
        from ragkit.ingest.readers.protected import decrypted

        data = decrypted(data, passwords)
    kind = binary_format(data, suffix, limits)
    if kind is not None:
        content = _read_container(kind, data, limits, passwords, ocr)
        return Content(content.sections, content.metadata | {"format": kind})
    if suffix == "eml":
        from ragkit.ingest.readers.mail import read_mail

        if message := read_mail(data):
            return Content(message.sections, message.metadata | {"format": "eml"})
    if suffix in ("mht", "mhtml"):
        from ragkit.ingest.readers.mail import read_web_archive

        content = read_web_archive(data)
        return Content(content.sections, content.metadata | {"format": "mhtml"})
    decoded = decode(data, declared=charset_of(data))
    kind = text_format(decoded.text, suffix)
    try:
        content = _read_text(kind, decoded.text, limits)
    except IngestError as error:
        if kind != "xml" or not str(error).startswith("Damaged"):
            raise
        if suffix == "xml":
            from ragkit.ingest.readers.xml import read_damaged_xml

            content = read_damaged_xml(decoded.text)
        else:
            kind = "txt"  # it only begins like XML
            content = _read_text(kind, decoded.text, limits)
    file: Metadata = {"format": kind, "encoding": decoded.encoding}
    if decoded.replaced:
        file["undecodable"] = decoded.replaced
    return Content(content.sections, {**content.metadata, **file})


def _read_container(
    kind: str, data: bytes, limits: Limits, passwords: Sequence[str], ocr: bool
) -> Content:
    if kind not in ("docx", "pptx", "xlsx"):
        return _read_binary(kind, data, limits, passwords, ocr)
    from ragkit.ingest.readers.ooxml import as_usual, without_missing_parts

    data = as_usual(data)
    try:
        return _read_binary(kind, data, limits, passwords, ocr)
    except KeyError as error:
        if "archive" not in str(error):
            raise
    return _read_binary(kind, without_missing_parts(data), limits, passwords, ocr)


def _read_binary(
    kind: str, data: bytes, limits: Limits, passwords: Sequence[str], ocr: bool
) -> Content:
    if kind == "pdf":
        from ragkit.ingest.readers.pdf import read_pdf

        return read_pdf(data, passwords=passwords, ocr=ocr, ocr_seconds=limits.ocr_seconds)
    if kind == "docx":
        from ragkit.ingest.readers.docx import read_docx

        return read_docx(data)
    if kind == "pptx":
        from ragkit.ingest.readers.pptx import read_pptx

        return read_pptx(data)
    if kind == "xlsx":
        from ragkit.ingest.readers.spreadsheet import read_xlsx

        return read_xlsx(data, limits)
    if kind == "epub":
        from ragkit.ingest.readers.epub import read_epub

        return read_epub(data)
    if kind == "rtf":
        from ragkit.ingest.readers.rtf import read_rtf

        return read_rtf(data)
    from ragkit.ingest.readers.opendocument import read_opendocument

    return read_opendocument(data, kind, limits)


def _read_text(kind: str, text: str, limits: Limits) -> Content:
    if kind in _PARSED:
        return _read_parsed(kind, text, limits)
    return _AS_TEXT.get(kind, read_plain)(text)


def _read_parsed(kind: str, text: str, limits: Limits) -> Content:
    if kind in ("json", "jsonl"):
        from ragkit.ingest.readers.records import read_json, read_json_lines

        return (read_json if kind == "json" else read_json_lines)(text, limits)
    if kind == "ipynb":
        from ragkit.ingest.readers.notebook import read_notebook

        return read_notebook(text)
    if kind in ("csv", "tsv"):
        from ragkit.ingest.readers.spreadsheet import read_delimited

        return read_delimited(text, delimiter="\t" if kind == "tsv" else None)
    if kind == "html":
        from ragkit.ingest.readers.html import read_html

        return read_html(text)
    from ragkit.ingest.readers.xml import read_xml

    return read_xml(text)
