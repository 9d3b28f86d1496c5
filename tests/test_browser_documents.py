"""The documents page in real Chromium: bringing files, asking about them, leaving them out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from browser_support import (
    Listener,
    ask,
    browser,
    listener,
    serving,
)

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser
__all__ = ["browser", "listener"]


def pdf(line: str) -> bytes:
    """Return a PDF of one page that says ``line``."""
    content = f"BT /F1 18 Tf 72 720 Td ({line}) Tj ET".encode()
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R"
        b" /Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    out, places = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    start = len(out)
    out += b"xref\n0 6\n0000000000 65535 f \n" + table
    return out + b"trailer\n<< /Size 6 /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % start


@pytest.fixture(scope="module")
def docs(tmp_path_factory: pytest.TempPathFactory, listener: Listener) -> Path:
    folder = tmp_path_factory.mktemp("outer") / "docs"
    folder.mkdir()
    (folder / "history.txt").write_text(
        "The lighthouse of Alnmouth was built in 1826 by Thomas Blackwood.\n", "utf-8"
    )
    (folder / "empty.md").write_text("", "utf-8")
    (folder / f"![a]({listener.address.replace('/', '∕')}).md").write_text("Nothing.\n", "utf-8")
    return folder


@pytest.fixture(scope="module")
def chat(docs: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving(docs, tmp_path_factory.mktemp("home")) as address:
        yield address


@pytest.fixture
def page(browser: Browser, chat: str) -> Iterator[Page]:
    yield from documents(browser, chat)


def documents(browser: Browser, chat: str, **context: Any) -> Iterator[Page]:
    made = browser.new_context(**{"locale": "en-GB", **context})
    opened = made.new_page()
    opened.goto(f"{chat}/documents")
    opened.get_by_test_id("stDataFrame").wait_for(timeout=60_000)
    yield opened
    made.close()


def drop(page: Page, *files: tuple[str, bytes]) -> None:
    """Give files to the drop area, as a person does, and wait for what became of them."""
    area = page.get_by_test_id("stFileUploaderDropzoneInput")
    for _ in range(100):  # the area of the upload before goes when its dialog has
        if area.count() == 1:
            break
        page.wait_for_timeout(100)
    area.set_input_files(
        [
            {"name": name, "mimeType": "application/octet-stream", "buffer": data}
            for name, data in files
        ]
    )
    page.get_by_role("button", name="Close").wait_for(timeout=60_000)


def tick(page: Page, row: int) -> None:
    """Tick a row of the table, which is a canvas."""
    box = page.get_by_test_id("stDataFrame").bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + 18, box["y"] + 36 + 35 * row + 17)


def test_uploaded_gbk_text_and_pdf_are_answered_from(page: Page, docs: Path) -> None:
    drop(
        page,
        (
            "../../备份说明.txt",
            "备份系统每天凌晨三点自动运行，备份文件保留四十五天。\n".encode("gbk"),
        ),
        ("harbour.pdf", pdf("The harbour of Alnmouth has seventeen blue cranes.")),
    )
    page.get_by_text("2 added").wait_for(timeout=20_000)
    assert (docs / "harbour.pdf").exists()
    assert (docs / "备份说明.txt").exists()
    assert not list(docs.parent.glob("*.txt"))
    page.get_by_text("Indexed 4").wait_for(timeout=60_000)
    page.get_by_role("link", name="Chat", exact=True).click()
    page.get_by_test_id("stChatInputTextArea").wait_for(timeout=30_000)
    assert "seventeen" in ask(page, "How many blue cranes has the harbour of Alnmouth?")
    assert "四十五天" in ask(page, "备份文件保留多少天？")


def test_what_is_no_document_is_refused_in_words(page: Page, docs: Path) -> None:
    before = set(docs.iterdir())
    drop(
        page,
        ("photo.pdf", b"\x89PNG\r\n\x1a\n" + bytes(64)),
        ("history.txt", b"Another history.\n"),
        ("empty.txt", b""),
    )
    page.get_by_text("3 not taken in").wait_for(timeout=20_000)
    text = page.get_by_test_id("stMain").inner_text()
    assert "PNG image" in text
    assert "not uploaded here" in text
    assert "Blackwood" in (docs / "history.txt").read_text("utf-8")
    assert set(docs.iterdir()) == before


def test_replacing_asks_first_and_uploads_can_be_deleted(page: Page, docs: Path) -> None:
    drop(page, ("aa notes.txt", b"The first version.\n"))
    page.get_by_role("button", name="Close").click()
    drop(page, ("aa notes.txt", b"The second version.\n"))
    page.get_by_text("Replace them?").wait_for(timeout=20_000)
    assert (docs / "aa notes.txt").read_text("utf-8") == "The first version.\n"
    page.get_by_role("button", name="Replace").click()
    page.get_by_text("1 replaced").wait_for(timeout=20_000)
    assert (docs / "aa notes.txt").read_text("utf-8") == "The second version.\n"
    page.get_by_placeholder("Search by name").fill("aa notes")
    page.get_by_text("1 selected").or_(page.get_by_text("Tick files")).first.wait_for()
    page.wait_for_timeout(3000)
    tick(page, 0)
    page.get_by_role("button", name="Delete").click()
    page.get_by_test_id("stDialog").get_by_text("aa notes.txt").wait_for(timeout=20_000)
    page.get_by_test_id("stDialog").get_by_role("button", name="Delete").click()
    page.get_by_text("No file matches.").wait_for(timeout=30_000)
    assert not (docs / "aa notes.txt").exists()


def test_a_file_is_excluded_and_included_again(page: Page, docs: Path) -> None:
    page.get_by_placeholder("Search by name").fill("history")
    page.wait_for_timeout(3000)
    tick(page, 0)
    page.get_by_role("button", name="Exclude").click()
    page.get_by_text("Excluded 1").wait_for(timeout=30_000)
    assert (docs / "history.txt").exists()
    page.wait_for_timeout(2000)
    page.get_by_role("button", name="Include").click()
    page.get_by_text("Excluded 1").wait_for(state="detached", timeout=30_000)


def test_nothing_in_a_files_name_is_fetched(page: Page, listener: Listener) -> None:
    page.get_by_text("Health").click()
    report = page.get_by_test_id("stMain")  # the sidebar has formats, too
    report.get_by_text("Formats").or_(report.get_by_text("skipped")).first.wait_for(timeout=30_000)
    page.wait_for_timeout(1000)
    assert listener.paths == []


def test_a_folder_for_uploads_is_made_and_deleted(page: Page) -> None:
    menu = page.get_by_test_id("stMain").get_by_test_id("stPopoverButton").first
    menu.click()
    page.get_by_placeholder("Name of the folder").fill("Project 7")
    page.get_by_role("button", name="Create").click()
    page.get_by_text("Project 7 · 0 files").wait_for(timeout=30_000)
    drop(page, ("plan.md", b"# Plan\n\nThe bridge opens in May 2031.\n"))
    page.get_by_text("1 added").wait_for(timeout=20_000)
    page.get_by_text("Project 7 · 1 file").first.wait_for(timeout=30_000)
    menu.click()
    page.get_by_role("button", name="Delete this folder").click()
    page.get_by_test_id("stDialog").get_by_role("button", name="Delete").click()
    page.get_by_text("docs · ").wait_for(timeout=30_000)


def test_phone_and_chinese(browser: Browser, chat: str) -> None:
    viewport = {"width": 390, "height": 844}
    for page in documents(browser, chat, locale="zh-CN", viewport=viewport):
        page.get_by_text("添加文档").first.wait_for(timeout=30_000)
        page.get_by_text("健康状况").click()
        page.get_by_text("下载报告").wait_for(timeout=60_000)
        wide = page.evaluate("() => document.documentElement.scrollWidth")
        assert wide <= 390
