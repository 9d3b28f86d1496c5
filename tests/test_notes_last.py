"""Notes, comments, boxes, headers and footers of RTF and OpenDocument files."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

from ragkit.ingest.extract import extract
from ragkit.ingest.readers.rtf import read_rtf

_NAMES = "".join(
    f' xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
    for name in ("office", "text", "style", "table", "drawing")
)
_NAMES += ' xmlns:dc="http://purl.org/dc/elements/1.1/"'


def rtf(text: str) -> str:
    return read_rtf(rf"{{\rtf1\ansi {text}}}".encode("latin-1")).sections[0].text


def odt(tmp_path: Path, body: str, styles: str = "") -> str:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.text")
        archive.writestr("META-INF/manifest.xml", "<manifest/>")
        whole = f"<office:body><office:text>{body}</office:text></office:body>"
        archive.writestr("content.xml", f"<office:d{_NAMES}>{whole}</office:d>")
        pages = f"<office:master-styles>{styles}</office:master-styles>"
        archive.writestr("styles.xml", f"<office:d{_NAMES}>{pages}</office:d>")
    path = tmp_path / "a.odt"
    path.write_bytes(out.getvalue())
    return extract(path).text


def test_footnotes_comments_and_boxes_of_rtf_come_last() -> None:
    text = rtf(
        r"Boats wait{\footnote \pard\plain \chftn See {\i page} 9.} here."
        r"{\*\annotation \pard Since when?}{\shp{\*\shpinst\shpleft0{\shptxt \pard Pier 4\par}}}"
        r"\par The end.\par"
    )
    assert [line.strip() for line in text.split("\n") if line.strip()] == [
        "Boats wait here.", "The end.", "See page 9.", "Since when?", "Pier 4",
    ]  # fmt: skip


def test_what_was_deleted_in_a_footnote_stays_deleted() -> None:
    assert "Gone" not in rtf(r"Here.{\footnote Kept {\deleted Gone}.}")


def test_a_group_of_rtf_that_never_ends_costs_no_text() -> None:
    assert "Here." in read_rtf(rb"{\rtf1 Here.{\footnote Note").sections[0].text


def test_binary_data_without_a_length_costs_no_text() -> None:
    assert "After." in rtf(r"{\pict\pngblip\bin }\par After.")


def test_notes_of_open_document_do_not_stick_to_words(tmp_path: Path) -> None:
    note = (
        "<text:note><text:note-citation>1</text:note-citation>"
        "<text:note-body><text:p>See page 9.</text:p></text:note-body></text:note>"
    )
    cell = f"<table:table-cell><text:p>North{note}</text:p></table:table-cell>"
    table = f"<table:table><table:table-row>{cell}{cell}</table:table-row></table:table>"
    body = f"<text:p>Boats wait{note} here.</text:p>{table}<text:p>The end.</text:p>"
    assert odt(tmp_path, body) == (
        "Boats wait here.\n\nNorth | North\n\nThe end.\n\nSee page 9.\n\nSee page 9.\n\nSee page 9."
    )


def test_comments_of_open_document_come_out_but_not_with_deleted_text(tmp_path: Path) -> None:
    comment = (
        "<office:annotation><dc:creator>Ana Ruiz</dc:creator><dc:date>2024-01-01</dc:date>"
        "<text:p>Since when?</text:p></office:annotation>"
    )
    gone = f"<text:tracked-changes><text:p>Gone{comment}</text:p></text:tracked-changes>"
    body = f"{gone}<text:p>The fee{comment} is 35.</text:p>"
    assert odt(tmp_path, body) == "The fee is 35.\n\nComment (Ana Ruiz): Since when?"


def test_headers_and_footers_of_open_document_come_last_and_once(tmp_path: Path) -> None:
    header = "<style:header><text:p>Contract 17</text:p></style:header>"
    footer = (
        "<style:footer><text:p>Page <text:page-number>1</text:page-number></text:p></style:footer>"
    )
    pages = f"<style:master-page>{header}{footer}</style:master-page>" * 2
    assert odt(tmp_path, "<text:p>Boats wait.</text:p>", pages) == "Boats wait.\n\nContract 17"


def test_a_comment_on_a_note_of_rtf_is_read() -> None:
    text = rtf(r"Boats wait{\footnote \pard See 9.{\*\annotation \pard Which 9?}} here.\par")
    assert [line.strip() for line in text.split("\n") if line.strip()] == [
        "Boats wait here.", "See 9.", "Which 9?",
    ]  # fmt: skip


def test_what_is_in_boxes_and_notes_of_open_document_comes_out_once(tmp_path: Path) -> None:
    comment = "<office:annotation><text:p>Which 9?</text:p></office:annotation>"
    box = "<drawing:text-box><text:p>Pier 4</text:p></drawing:text-box>"
    note = (
        "<text:note><text:note-citation>1</text:note-citation><text:note-body>"
        f"<text:p>See page 9.{comment}<drawing:frame>{box}</drawing:frame></text:p>"
        "</text:note-body></text:note>"
    )
    assert odt(tmp_path, f"<text:p>Boats wait{note}.</text:p>") == (
        "Boats wait.\n\nSee page 9.\n\nPier 4\n\nComment: Which 9?"
    )


def test_boxes_in_boxes_of_open_document_come_out_once(tmp_path: Path) -> None:
    body = "<text:p>Deepest</text:p>"
    for _ in range(40):
        boxed = f"<drawing:frame><drawing:text-box>{body}</drawing:text-box></drawing:frame>"
        body = f"<text:p>{boxed}</text:p>"
    assert odt(tmp_path, f"<text:h>Boats{boxed}</text:h>") == "# Boats\n\nDeepest"


def test_a_table_in_a_cell_of_open_document_comes_out_once(tmp_path: Path) -> None:
    def table(*cells: str) -> str:
        row = "".join(f"<table:table-cell>{cell}</table:table-cell>" for cell in cells)
        return f"<table:table><table:table-row>{row}</table:table-row></table:table>"

    body = table(table("<text:p>Inner</text:p>"), "<text:p>Outer</text:p>")
    assert odt(tmp_path, body) == "Inner | Outer"
