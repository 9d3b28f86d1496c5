"""Small PDFs, written by hand so that every mark on a page is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["PdfPage", "lines", "write_pdf"]


@dataclass(frozen=True)
class PdfPage:
    """A page: its content stream, and its size in points."""

    content: str = ""
    box: str = "0 0 612 792"
    extra: str = ""


def lines(*texts: str, x: int = 72, y: int = 700, size: int = 12) -> str:
    """Return the content of a page with one text a line, the first on the height ``y``."""
    shown = " T* ".join(f"({text}) Tj" for text in texts)
    return f"BT /F1 {size} Tf {size * 1.5} TL {x} {y} Td {shown} ET"


def write_pdf(*pages: PdfPage, bookmarks: Sequence[tuple[str, int]] = ()) -> bytes:
    """Return a PDF of ``pages``, their text in Helvetica.

    ``bookmarks`` are titles and the pages they lead to, from 0, each below the one before it.
    """
    kids = " ".join(f"{4 + 2 * i} 0 R" for i in range(len(pages)))
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    for i, page in enumerate(pages):
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [{page.box}] /Contents {5 + 2 * i} 0 R "
            f"{page.extra} /Resources << /Font << /F1 3 0 R >> >> >>"
        )
        objects.append(f"<< /Length {len(page.content)} >>\nstream\n{page.content}\nendstream")
    first = len(objects) + 1
    for i, (title, page) in enumerate(bookmarks):
        below = f"/First {first + i + 1} 0 R /Last {first + i + 1} 0 R /Count 1"
        objects.append(
            f"<< /Title ({title}) /Parent {first + i - 1 if i else first + len(bookmarks)} 0 R "
            f"{below if i + 1 < len(bookmarks) else ''} /Dest [{4 + 2 * page} 0 R /Fit] >>"
        )
    if bookmarks:
        objects.append(f"<< /Type /Outlines /First {first} 0 R /Last {first} 0 R /Count 1 >>")
        objects[0] = f"<< /Type /Catalog /Pages 2 0 R /Outlines {len(objects)} 0 R >>"
    out, places = "%PDF-1.4\n", []
    for number, content in enumerate(objects, start=1):
        places.append(len(out))
        out += f"{number} 0 obj\n{content}\nendobj\n"
    table = "".join(f"{place:010d} 00000 n \n" for place in places)
    size = len(objects) + 1
    trailer = f"trailer << /Size {size} /Root 1 0 R >>\nstartxref\n{len(out)}\n%%EOF\n"
    return f"{out}xref\n0 {size}\n0000000000 65535 f \n{table}{trailer}".encode("latin-1")
