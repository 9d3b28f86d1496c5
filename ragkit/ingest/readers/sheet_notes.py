"""What stands on an Excel sheet beside its cells: text boxes, charts, diagrams and comments."""

from __future__ import annotations

import posixpath
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from typing import Any

from ragkit.errors import IngestError
from ragkit.ingest.readers.charts import chart_titles, paragraph_text
from ragkit.ingest.readers.content import one_line
from ragkit.ingest.readers.xml import parse_xml

__all__ = ["sheet_notes"]

_A = "{http://schemas.openxmlformats.org/drawingml/2006/main}"
_OTHERWISE = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
_MOST_LINES, _LARGEST_PART, _MOST_PARTS = 10_000, 20_000_000, 100
# What Excel writes into the old kind of comment for programs that do not know the new one.
_STAND_IN = "[Threaded comment]"


def sheet_notes(archive: zipfile.ZipFile, sheet: str, seen: set[str]) -> list[str]:
    """Return the paragraphs in the drawings of the sheet at path ``sheet``, then its comments.

    A comment is ``cell: text``. Parts in ``seen`` are left out, and those that are read are added
    to it, so that none is read for many sheets. A damaged part has no text.
    """
    lines: list[str] = []
    comments: list[str] = []
    for kind, part in _related(archive, sheet):
        if kind == "drawing":
            lines.extend(_drawn(archive, part, seen))
            for shown, path in _related(archive, part):
                if shown == "diagramData":
                    lines.extend(_drawn(archive, path, seen))
                elif shown == "chart":
                    lines.extend(_charted(archive, path, seen))
        elif kind in ("comments", "threadedComment"):
            comments.extend(_comments(archive, part, seen))
    return [*lines, *comments][:_MOST_LINES]


def _related(archive: zipfile.ZipFile, part: str) -> list[tuple[str, str]]:
    """Return kind and path of the parts to which ``part`` has relationships in the package."""
    folder, name = posixpath.split(part)
    root = _root(archive, posixpath.join(folder, "_rels", f"{name}.rels"))
    found: list[tuple[str, str]] = []
    for relation in [] if root is None else islice(root, _MOST_PARTS):
        if relation.get("TargetMode") != "External" and (target := relation.get("Target")):
            path = posixpath.normpath(posixpath.join("/", folder, target)).lstrip("/")
            found.append(((relation.get("Type") or "").rpartition("/")[2], path))
    return found


def _root(archive: zipfile.ZipFile, path: str) -> Any:
    """Return the root of a part; None where it is not there, too large or damaged."""
    with suppress(KeyError, IngestError):
        if archive.getinfo(path).file_size <= _LARGEST_PART:
            return parse_xml(archive.read(path))
    return None


def _once(archive: zipfile.ZipFile, path: str, seen: set[str]) -> Any:
    if path in seen:
        return None
    seen.add(path)
    return _root(archive, path)


def _drawn(archive: zipfile.ZipFile, path: str, seen: set[str]) -> Iterator[str]:
    root = _once(archive, path, seen)
    if root is None:
        return
    for twin in list(root.iter(_OTHERWISE)):  # says again what the choice above it says
        if twin.getparent() is not None:
            twin.getparent().remove(twin)
    yield from islice(filter(None, map(paragraph_text, root.iter(_A + "p"))), _MOST_LINES)


def _charted(archive: zipfile.ZipFile, path: str, seen: set[str]) -> Iterator[str]:
    """Yield what a chart says besides its numbers, which stand in cells."""
    if path not in seen:
        seen.add(path)
        with suppress(KeyError, IngestError):
            if archive.getinfo(path).file_size <= _LARGEST_PART:
                yield from filter(None, chart_titles(archive.read(path)).split("\n"))


def _comments(archive: zipfile.ZipFile, path: str, seen: set[str]) -> Iterator[str]:
    """Yield comments of the old kind (ECMA-376 part 1, 18.7) or the new (MS-XLSX, 2.6.205)."""
    root = _once(archive, path, seen)
    if root is None:
        return
    for comment in islice(root.iter("{*}comment", "{*}threadedComment"), _MOST_LINES):
        # Not how words in another script are pronounced (rPh).
        runs = comment.iterfind("{*}text/{*}r/{*}t")
        written = comment.findtext("{*}text/{*}t") or comment.findtext("{*}text") or ""
        text = one_line(written + "".join(run.text or "" for run in runs))
        if text and not text.startswith(_STAND_IN):
            yield f"{one_line(comment.get('ref') or '')}: {text}".removeprefix(": ")
