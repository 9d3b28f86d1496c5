"""Scanned pages: read where the extra ``ocr`` is installed, in the order in which people read."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path
from typing import Any

import pytest
from pdf_writer import PdfPage, lines, write_pdf
from test_cli import ragkit

from ragkit.errors import IngestError
from ragkit.ingest.extract import extract
from ragkit.ingest.readers.ocr import Line, can_ocr, page_text

needs_ocr = pytest.mark.skipif(not can_ocr(), reason="the extra ocr is not installed")
FONTS = (
    "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/opentype/noto/NotoSerifCJK-Regular.ttc",
)
ENGLISH = ["The backup runs every night at", "three and keeps thirty days of", "snapshots."]
CHINESE = ["备份每天凌晨三点自动运行，", "保留三十天的快照。恢复一个", "快照大约需要十分钟。"]


def scan(path: Path, *texts: str, font: str | None = None) -> None:
    """Write a PDF whose one page is a picture of ``texts``."""
    from PIL import Image, ImageDraw, ImageFont

    picture = Image.new("RGB", (1240, 1754), "white")
    draw = ImageDraw.Draw(picture)
    face = ImageFont.truetype(font, 40) if font else ImageFont.load_default(40)
    for place, text in enumerate(texts):
        draw.text((120, 140 + 64 * place), text, font=face, fill="black")
    picture.save(path, resolution=150)


def boxes(*rows: tuple[str, float, float, float]) -> list[Line]:
    return [Line(text, left, top, left + width, top + 20) for text, left, top, width in rows]


def test_columns_are_read_one_after_the_other() -> None:
    left = [(f"left {n}", 0, 100 + 25 * n, 400) for n in range(4)]
    right = [(f"right {n}", 500, 103 + 25 * n, 400) for n in range(4)]
    page = boxes(("title", 0, 20, 900), *left, *right)
    random.Random(1).shuffle(page)

    assert page_text(page).replace("\n\n", "\n").split("\n") == [
        "title", *(f"left {n}" for n in range(4)), *(f"right {n}" for n in range(4)),
    ]  # fmt: skip


def test_rows_of_a_table_stay_together() -> None:
    page = boxes(
        ("Model", 0, 100, 60), ("Power", 300, 98, 60), ("X100", 0, 128, 50),
        ("250 W", 300, 131, 55), ("X200", 0, 160, 50), ("400 W", 300, 158, 55),
    )  # fmt: skip
    assert page_text(page) == "Model Power\nX100 250 W\nX200 400 W"


def test_gaps_become_empty_lines_and_nothing_stays_nothing() -> None:
    assert page_text(boxes(("a", 0, 0, 90), ("b", 0, 25, 90), ("c", 0, 120, 90))) == "a\nb\n\nc"
    assert page_text([]) == ""


def test_without_ocr_a_scan_says_what_to_do(tmp_path: Path) -> None:
    scan(tmp_path / "a.pdf", *ENGLISH)
    with pytest.raises(IngestError, match=r"^Scanned PDF.*extra 'ocr'"):
        extract(tmp_path / "a.pdf")


@needs_ocr
def test_a_scan_is_read_and_says_so(tmp_path: Path) -> None:
    scan(tmp_path / "a.pdf", *ENGLISH)

    found = extract(tmp_path / "a.pdf", ocr=True)

    assert found.text.split("\n") == ENGLISH
    assert found.metadata["ocr_pages"] == 1
    assert found.parts[0].metadata == {"page": 1, "ocr": "yes"}
    assert "empty_pages" not in found.metadata


@needs_ocr
def test_chinese_is_read(tmp_path: Path) -> None:
    font = next((name for name in FONTS if Path(name).exists()), None)
    if font is None:
        pytest.skip("no Chinese font: fonts-noto-cjk")
    scan(tmp_path / "a.pdf", *CHINESE, font=font)

    found = extract(tmp_path / "a.pdf", ocr=True).text

    wanted = "".join(CHINESE)
    same = sum(a == b for a, b in zip(found.replace("\n", ""), wanted, strict=False))
    assert same >= 0.95 * len(wanted), found


@needs_ocr
def test_a_blank_scan_is_tried_once_and_text_needs_no_ocr(tmp_path: Path) -> None:
    scan(tmp_path / "blank.pdf")
    with pytest.raises(IngestError, match="OCR found no text"):
        extract(tmp_path / "blank.pdf", ocr=True)
    (tmp_path / "text.pdf").write_bytes(write_pdf(PdfPage(lines("A line of text."))))
    found = extract(tmp_path / "text.pdf", ocr=True)
    assert "ocr_pages" not in found.metadata
    assert found.parts[0].metadata == {"page": 1}


@needs_ocr
@pytest.mark.slow
def test_a_scan_of_the_corpus_answers(tmp_path: Path, shared: Path) -> None:
    scans = list((shared / "docs").rglob("ocr_test.pdf"))
    if not scans:
        pytest.skip("no scanned PDF in the shared data")
    docs = tmp_path / "docs"
    docs.mkdir()
    shutil.copy(scans[0], docs / "scan.pdf")
    options: tuple[Any, ...] = ("--index", tmp_path / "i.db", "--preset", "lite")

    off = ragkit("index", docs, *options, "--json", RAGKIT_INGEST__OCR="off")
    assert json.loads(off.stdout)["skipped"][0]["reason"].startswith("Scanned PDF")
    on = ragkit("index", docs, *options, "--json")
    assert json.loads(on.stdout)["added"] == ["scan.pdf"], on.stdout
    asked = ragkit(
        "query", "What does Docling bundle?", "--data", docs, *options, "--filter", "ocr=yes",
        "--json",
    )  # fmt: skip
    assert "JSON and Markdown" in json.loads(asked.stdout)["sources"][0]["text"].replace("\n", " ")
