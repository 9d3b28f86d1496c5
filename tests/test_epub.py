"""EPUB books whose packages are not as the standard wants them."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

from ragkit.ingest.extract import extract

_HEAD = '<?xml version="1.0"?>'
_CONTAINER = (
    '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
    '<rootfile full-path="OEBPS/book.opf"/></rootfiles></container>'
)


def page(body: str, *, before: str = "") -> str:
    return f'{_HEAD}{before}<html xmlns="http://www.w3.org/1999/xhtml"><body>{body}</body></html>'


def book(tmp_path: Path, pages: dict[str, str], spine: tuple[str, ...], hrefs: str = "") -> str:
    items = hrefs or "".join(
        f'<item id="{name}" href="{name}" media-type="application/xhtml+xml"/>' for name in pages
    )
    order = "".join(f'<itemref idref="{name}"/>' for name in spine)
    package = (
        f'<package xmlns="http://www.idpf.org/2007/opf"><manifest>{items}</manifest>'
        f"<spine>{order}</spine></package>"
    )
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("mimetype", "application/epub+zip")
        archive.writestr("META-INF/container.xml", _CONTAINER)
        archive.writestr("OEBPS/book.opf", package)
        for name, text in pages.items():
            archive.writestr(f"OEBPS/{name}", text)
    path = tmp_path / "a.epub"
    path.write_bytes(out.getvalue())
    return extract(path).text


def test_named_characters_are_read_where_only_a_dtd_declares_them(tmp_path: Path) -> None:
    dtd = '<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.1//EN" "xhtml11.dtd">'
    text = page(
        "<p>Caf&eacute;&mdash;&lt;pier&gt; &amp; &rsquo;s &#233; &unknownthing;</p>", before=dtd
    )
    assert book(tmp_path, {"a.xhtml": text}, ("a.xhtml",)).startswith("Café—<pier> & ’s é")


def test_entities_of_a_book_of_its_own_are_not_expanded(tmp_path: Path) -> None:
    dtd = '<!DOCTYPE html [<!ENTITY boat "boat">]>'
    text = book(tmp_path, {"a.xhtml": page("<p>The &boat; waits.</p>", before=dtd)}, ("a.xhtml",))
    assert text == "The &boat; waits."


def test_a_book_whose_spine_leads_nowhere_is_read_in_the_order_of_its_list(tmp_path: Path) -> None:
    pages = {"b.xhtml": page("<p>One</p>"), "a.xhtml": page("<p>Two</p>")}
    for spine in ((), ("gone.xhtml",)):
        assert book(tmp_path, pages, spine) == "One\n\nTwo"


def test_names_of_chapters_are_found_in_other_letters(tmp_path: Path) -> None:
    item = '<item id="a" href="Text/A.XHTML" media-type="application/xhtml+xml"/>'
    assert book(tmp_path, {"text/a.xhtml": page("<p>One</p>")}, ("a",), item) == "One"
