"""The XML of an Excel workbook's sheets without the cells and rows that only have a style.

Whoever formats whole columns leaves up to a million empty rows. openpyxl builds an object for each
cell and keeps one for each row: a minute and half a gigabyte for nothing.
"""

from __future__ import annotations

import io
import re
import zipfile
from typing import IO, Any

__all__ = ["SheetArchive"]

_NAME = rb"(?:\w++:)?+"
# ECMA-376 part 1, 18.3.1.4 (c) and 18.3.1.73 (row): with ``r`` they say where they stand, so that
# they can go without moving others; Excel, LibreOffice and openpyxl write it first, and where it
# comes later they just stay. ``<`` must be escaped in
# attributes, ``>`` is only taken for the end of a tag of which nothing but this can remain.
_CELL = rb"""<%sc r=["'][^<>]*+(?:(?<=/)>|>\s*+</%sc>)\s*+""" % (_NAME, _NAME)
_ROW = rb"""<%srow r=["'][^<>]*+(?:(?<=/)>|>\s*+(?:%s)*+</%srow>)\s*+""" % (_NAME, _CELL, _NAME)
_EMPTY = re.compile(b"(?:%s)++|(?:%s)++" % (_ROW, _CELL))
_CHUNK, _LONGEST_TAG = 1 << 18, 1 << 22


class SheetArchive(zipfile.ZipFile):
    """A workbook's zip, opened for reading, in which sheets come without what is empty."""

    def open(self, name: str | zipfile.ZipInfo, *args: Any, **options: Any) -> IO[bytes]:
        """Return the member as a stream; see ``zipfile.ZipFile.open``."""
        stream = super().open(name, *args, **options)
        path = name if isinstance(name, str) else name.filename
        if "worksheets/" not in path.lower() or not path.lower().endswith(".xml"):
            return stream
        return io.BufferedReader(_Filled(stream), _CHUNK)


class _Filled(io.RawIOBase):
    """The stream of a sheet's XML without what is empty, in constant memory.

    It is cut only behind a tag: what a cut keeps from being seen as empty just stays.
    """

    def __init__(self, xml: IO[bytes]) -> None:
        self._xml = xml
        self._rest = b""
        self._ready = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._ready:
            chunk = self._xml.read(_CHUNK)
            data = self._rest + chunk
            cut = data.rfind(b">") + 1 if chunk and len(data) < _LONGEST_TAG else len(data)
            self._rest = data[cut:]
            self._ready = memoryview(_EMPTY.sub(b"", data[:cut]))
            if not chunk:
                break
        length = min(len(buffer), len(self._ready))
        buffer[:length] = self._ready[:length]
        self._ready = self._ready[length:]
        return length

    def close(self) -> None:
        self._xml.close()
        super().close()
