"""Pages of PDFs as pictures: the quote is where the highlight is, and hostile files cost little."""

from __future__ import annotations

import io
import os
import threading
import time
from pathlib import Path

import pytest
from pdf_writer import PdfPage, lines, write_pdf
from test_hostile_files import encrypted_pdf
from test_protected import locked_pdf

from ragkit import pdf_pages
from ragkit.errors import IngestError
from ragkit.ingest.extract import extract
from ragkit.pdf_pages import page_count, page_png

MARKER = (255, 224, 102)


def put(folder: Path, data: bytes, name: str = "a.pdf") -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def picture(png: bytes):  # type: ignore[no-untyped-def]
    from PIL import Image

    assert png.startswith(b"\x89PNG")
    return Image.open(io.BytesIO(png)).convert("RGB")


def marked(png: bytes) -> list[tuple[int, int, int, int]]:
    """Return the box of each run of marked rows: left, top, right, bottom."""
    image = picture(png)
    rows: dict[int, tuple[int, int]] = {}
    pixels = image.load()
    for y in range(image.height):
        xs = [x for x in range(image.width) if pixels[x, y] == MARKER]
        if xs:
            rows[y] = (xs[0], xs[-1])
    boxes: list[list[int]] = []
    for y, (left, right) in rows.items():
        if boxes and y == boxes[-1][3] + 1:
            boxes[-1] = [min(boxes[-1][0], left), boxes[-1][1], max(boxes[-1][2], right), y]
        else:
            boxes.append([left, y, right, y])
    return [(a, b, c, d) for a, b, c, d in boxes]


def test_a_quote_is_highlighted_where_it_stands(tmp_path: Path) -> None:
    path = put(tmp_path, write_pdf(PdfPage(lines("Before it.", "The tower is high.", "After it."))))
    (box,) = marked(page_png(path, 1, ["The tower is high."], width=612))
    left, top, right, bottom = box
    assert 60 <= left <= 72
    assert 160 <= right <= 190
    # The second line's letters stand on 792 - 682 = 110.
    assert 92 <= top <= 104
    assert 108 <= bottom <= 118


def test_without_quotes_nothing_is_marked(tmp_path: Path) -> None:
    path = put(tmp_path, write_pdf(PdfPage(lines("The tower is high."))))
    assert marked(page_png(path, 1, [])) == []
    assert marked(page_png(path, 1, ["Something else entirely.", "", "  \n"])) == []


def test_width_decides_the_size_within_bounds(tmp_path: Path) -> None:
    path = put(tmp_path, write_pdf(PdfPage(lines("x"))))
    assert picture(page_png(path, 1, [])).size == (900, 1165)
    assert picture(page_png(path, 1, [], width=300)).size == (300, 388)
    assert picture(page_png(path, 1, [], width=10**9)).width <= 2400
    assert picture(page_png(path, 1, [], width=-5)).width == 50


@pytest.mark.parametrize(
    ("shown", "quote"),
    [
        (("The tower", "is high."), "The tower\nis high."),
        (("The tower", "is high."), "The tower is high."),
        (("The infor-", "mation desk."), "The information desk."),
        (("The \\256rst of\\257ce",), "The first offlce"),
        (("Wide   gaps    here",), "Wide gaps here"),
        (("A non\\255breaking hyphen",), "A nonbreaking hyphen"),
        (("The Tower",), "the tower"),
        (("50 % of it, or 1,000",), "50% of it, or 1,000"),
    ],
)
def test_white_space_hyphens_and_ligatures_do_not_matter(
    tmp_path: Path, shown: tuple[str, ...], quote: str
) -> None:
    path = put(tmp_path, write_pdf(PdfPage(lines("Some line before.", *shown, "And after."))))
    boxes = marked(page_png(path, 1, [quote], width=612))
    assert len(boxes) == len(shown)
    assert all(box[1] > 100 - 12 for box in boxes)


def test_the_text_that_citations_refer_to_is_found_again(tmp_path: Path, shared: Path) -> None:
    folder = shared / "docs" / "files" / "samples" / "pdf"
    if not folder.is_dir():
        pytest.skip("no sample PDFs")
    looked_at = 0
    for path in sorted(folder.glob("*.pdf")):
        try:
            found = extract(path)
        except IngestError:
            continue
        for part in found.parts[:3]:
            page = int(part.metadata.get("page", found.metadata.get("page", 1)))
            text = found.text[part.start : part.end]
            quote = text[len(text) // 4 : len(text) // 4 + 120]
            looked_at += 1
            assert marked(page_png(path, page, [quote], width=600)), f"{path.name}: {quote!r}"
    assert looked_at >= 3


def test_a_quote_that_goes_on_elsewhere_is_marked_as_far_as_it_stands_here(tmp_path: Path) -> None:
    page = PdfPage(lines("An unrelated beginning.", "The end of the page has this half of"))
    path = put(tmp_path, write_pdf(page, PdfPage(lines("the sentence, and there it ends."))))
    quote = "The end of the page has this half of the sentence, and there it ends."
    first, second = (marked(page_png(path, n, [quote], width=612)) for n in (1, 2))
    assert len(first) == len(second) == 1
    assert first[0][1] > 95
    assert second[0][1] < 95


def test_several_quotes_and_overlaps_are_marked_once(tmp_path: Path) -> None:
    path = put(tmp_path, write_pdf(PdfPage(lines("One two three four.", "Five six seven."))))
    png = page_png(path, 1, ["One two three", "two three four", "Five six"], width=612)
    assert len(marked(png)) == 2
    colours = {colour for _, colour in picture(png).getcolors(1 << 24)}
    assert min(blue for red, green, blue in colours if red == 255 and green == 224) >= 102


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
def test_turned_and_cropped_pages(tmp_path: Path, turn: int) -> None:
    from PIL import ImageOps

    content = lines("The tower is high.", x=172, y=800)
    page = PdfPage(content, "100 100 712 892", f"/Rotate {turn}")
    path = put(tmp_path, write_pdf(page))
    plain, png = picture(page_png(path, 1, [])), page_png(path, 1, ["The tower is high."])
    (box,) = marked(png)
    left, top, right, bottom = ImageOps.invert(plain).getbbox()
    assert box[0] - 3 <= left <= right <= box[2] + 4
    assert box[1] - 3 <= top <= bottom <= box[3] + 4
    assert (box[2] - box[0]) * (box[3] - box[1]) < 250 * 40


def test_light_text_on_a_dark_page_stays_readable(tmp_path: Path) -> None:
    dark = "0 0 0 rg 0 0 612 792 re f 1 1 1 rg " + lines("The tower is high.", size=24)
    path = put(tmp_path, write_pdf(PdfPage(dark)))
    plain = picture(page_png(path, 1, [], width=612)).crop((72, 70, 280, 100))
    lit = picture(page_png(path, 1, ["The tower is high."], width=612)).crop((72, 70, 280, 100))
    assert plain.getpixel((0, 0)) == (0, 0, 0)
    assert lit.getpixel((60, 5))[0] > 80
    assert lit.getextrema()[0][1] > 240


@pytest.mark.parametrize("box", ["0 0 14400 14400", "0 0 10 14400", "0 0 14400 10", "0 0 1 1",
                                 "0 0 0 0", "0 0 1e9 1e9", "500 500 0 0"])  # fmt: skip
def test_pages_of_any_size_make_small_pictures(tmp_path: Path, box: str) -> None:
    path = put(tmp_path, write_pdf(PdfPage(lines("The tower is high."), box)))
    started = time.monotonic()
    image = picture(page_png(path, 1, ["The tower is high."], width=2400))
    assert image.width * image.height <= 6_100_000
    assert max(image.size) <= 4000
    assert time.monotonic() - started < 5


def test_a_page_that_takes_long_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pdf_pages, "_DRAW_SECONDS", 0.2)
    heavy = "\n".join(f"0.{i % 9}1 g 0 0 612 792 re f" for i in range(60_000))
    path = put(tmp_path, write_pdf(PdfPage(heavy)))
    started = time.monotonic()
    assert picture(page_png(path, 1, [], width=1800)).width == 1800
    assert time.monotonic() - started < 6


def test_files_that_cannot_be_shown_say_why(tmp_path: Path) -> None:
    good = write_pdf(PdfPage(lines("x")))
    cases = {
        "no.pdf": (None, "not there any more"),
        "text.pdf": (b"only text", "damaged or no PDF"),
        "empty.pdf": (b"", "damaged or no PDF"),
        "half.pdf": (good[: len(good) // 3], "damaged or no PDF"),
        "locked.pdf": (encrypted_pdf(), "password"),
    }
    for name, (data, words) in cases.items():
        if data is not None:
            put(tmp_path, data, name)
        for call in (lambda p: page_png(p, 1, []), page_count):
            with pytest.raises(IngestError, match=words) as caught:
                call(tmp_path / name)
            assert name in str(caught.value)
            assert str(tmp_path) not in str(caught.value)
    path = put(tmp_path, good)
    for page in (0, 2, -1, 10**9):
        with pytest.raises(IngestError, match="has no page"):
            page_png(path, page, [])


def test_a_pipe_does_not_hang_and_a_folder_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.pdf")
    (tmp_path / "folder.pdf").mkdir()
    for name in ("pipe.pdf", "folder.pdf"):
        with pytest.raises(IngestError, match="is not a file"):
            page_png(tmp_path / name, 1, [])


def test_huge_files_are_refused_unread(tmp_path: Path) -> None:
    with (tmp_path / "huge.pdf").open("wb") as file:
        file.truncate(101_000_000)
    with pytest.raises(IngestError, match="too large"):
        page_png(tmp_path / "huge.pdf", 1, [])


def test_pages_are_counted(tmp_path: Path) -> None:
    assert page_count(put(tmp_path, write_pdf(*[PdfPage()] * 3))) == 3


def test_threads_take_turns_with_each_other_and_with_indexing(tmp_path: Path) -> None:
    path = put(tmp_path, write_pdf(*(PdfPage(lines(f"Page {n} is here.")) for n in range(1, 9))))
    expected = [page_png(path, n, [f"Page {n} is here."], width=200) for n in range(1, 9)]
    text = extract(path).text
    wrong: list[object] = []

    def draw(n: int) -> None:
        if page_png(path, n, [f"Page {n} is here."], width=200) != expected[n - 1]:
            wrong.append(n)

    def read() -> None:
        if extract(path).text != text:
            wrong.append("text")

    threads = [threading.Thread(target=draw, args=(n % 8 + 1,)) for n in range(24)]
    threads += [threading.Thread(target=read) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert wrong == []


def test_whoever_waits_too_long_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = put(tmp_path, write_pdf(PdfPage(lines("x"))))
    monkeypatch.setattr(pdf_pages, "_WAIT_SECONDS", 0.05)
    with pdf_pages._PDFIUM_LOCK, pytest.raises(IngestError, match="Try again"):
        page_count(path)
    assert page_count(path) == 1


def test_protected_pages_open_with_the_password_of_the_index(tmp_path: Path) -> None:
    path = put(tmp_path, locked_pdf("right", "The tower is high."))
    with pytest.raises(IngestError, match="protected by a password"):
        page_png(path, 1, [])
    with pytest.raises(IngestError, match="protected by a password"):
        page_count(path, passwords=("wrong", "also wrong"))
    opened = ("wrong", "right")
    assert page_count(path, passwords=opened) == 1
    assert marked(page_png(path, 1, ["The tower is high."], width=612, passwords=opened))
