"""Office packages that are right but rare, rewritten as the readers' libraries know them.

ECMA-376 part 1 ("strict") names everything otherwise than part 4 ("transitional"), which all of
python-docx, python-pptx and openpyxl read; templates, slide shows and files with macros differ from
documents by the content type of one part; some programs write Windows' paths into the zip, and some
relationships to parts that are not there.
"""

from __future__ import annotations

import io
import posixpath
import re
import zipfile
from collections.abc import Callable, Mapping
from urllib.parse import unquote

__all__ = ["as_usual", "part_names", "without_missing_parts"]

_TYPES = "[Content_Types].xml"
_STRICT = re.compile(rb"http://purl\.oclc\.org/ooxml/(\w+)/")
_TRANSITIONAL = rb"http://schemas.openxmlformats.org/\1/2006/"
_WORD = re.compile(
    rb"application/vnd\.(?:openxmlformats-officedocument\.wordprocessingml\.template|"
    rb"ms-word\.(?:document\.macroEnabled|template\.macroEnabledTemplate))\.main\+xml"
)
_SLIDES = re.compile(
    rb"application/vnd\.(?:openxmlformats-officedocument\.presentationml\.(?:template|slideshow)|"
    rb"ms-powerpoint\.(?:template|slideshow|presentation)\.macroEnabled)\.main\+xml"
)
_OFFICE = rb"application/vnd.openxmlformats-officedocument."
_PART = re.compile(rb"""\bPartName\s*=\s*["']/([^"']+)["']""")
_DECLARED = re.compile(rb"<(?:\w+:)?(?:Default|Override)\s[^<>]*+>")
_MAIN = re.compile(rb"(?<=[\"'])application/[\w.-]+\.main\+xml(?=[\"'])")
_ENDS_IN_XML = re.compile(rb"\bExtension\s*=\s*[\"']xml[\"']", re.I)
_BYTES = b"application/octet-stream"
_RELATION = re.compile(rb"<(?:\w+:)?Relationship\s[^<>]*+>(?:(?<=/>)|\s*+</(?:\w+:)?Relationship>)")
_TARGET = re.compile(rb"""\bTarget\s*=\s*["']([^"']*)["']""")
_EXTERNAL = re.compile(rb"""\bTargetMode\s*=\s*["']External["']""")


def part_names(archive: zipfile.ZipFile) -> dict[str, str]:
    """Return the name of each part with slashes, and the name that the zip has for it."""
    names = {member.filename.replace("\\", "/"): member.filename for member in archive.infolist()}
    for name in [name for name in names if name.lower() == _TYPES.lower()]:
        names[_TYPES] = names.pop(name)
    return names


def as_usual(data: bytes) -> bytes:
    """Return an Office package as a transitional document; most are one and come back as is."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        names = part_names(archive)
        types = archive.read(names[_TYPES]) if _TYPES in names else b""
        names = _as_declared(names, types)
        relations = archive.read(names["_rels/.rels"]) if "_rels/.rels" in names else b""
        strict = _STRICT.search(relations) is not None
        odd = _WORD.search(types) or _SLIDES.search(types)
        inner = _inner_documents(archive, names, types)
        usual = all(name == there for name, there in names.items())
        if not strict and not odd and not inner and usual:
            return data

        def changed(name: str, part: bytes) -> bytes:
            if name == _TYPES:
                part = _DECLARED.sub(
                    lambda one: _MAIN.sub(_BYTES, one[0]) if one[0] in inner else one[0], part
                )
                part = _WORD.sub(_OFFICE + b"wordprocessingml.document.main+xml", part)
                part = _SLIDES.sub(_OFFICE + b"presentationml.presentation.main+xml", part)
            return _STRICT.sub(_TRANSITIONAL, part) if strict else part

        return _rewritten(archive, names, changed)


def without_missing_parts(data: bytes) -> bytes:
    """Return an Office package without the relationships to parts that it does not hold."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        names = part_names(archive)
        there = {name.lower() for name in names}

        def changed(name: str, part: bytes) -> bytes:
            if not name.endswith(".rels"):
                return part
            folder = posixpath.dirname(posixpath.dirname(name))

            def kept(relation: re.Match[bytes]) -> bytes:
                target = _TARGET.search(relation[0])
                if target is None or _EXTERNAL.search(relation[0]):
                    return relation[0]
                path = posixpath.join("/", folder, unquote(target[1].decode("utf-8", "replace")))
                found = posixpath.normpath(path).lstrip("/").lower() in there
                return relation[0] if found else b""

            return _RELATION.sub(kept, part)

        return _rewritten(archive, names, changed)


def _as_declared(names: dict[str, str], types: bytes) -> dict[str, str]:
    """Return ``names`` in the letters of the package's list of types: names have no case."""
    declared = (unquote(name.decode("utf-8", "replace")) for name in _PART.findall(types))
    written = {name.lower(): name for name in declared if name not in names}
    return {written.get(name.lower(), name): there for name, there in names.items()}


def _inner_documents(
    archive: zipfile.ZipFile, names: Mapping[str, str], types: bytes
) -> set[bytes]:
    """Return the declarations of types that take a whole Word document in it for the main part.

    That is what programs made with Microsoft's Open XML SDK call one that stands in another.
    """
    found: set[bytes] = set()
    for declared in _DECLARED.findall(types):
        part = _PART.search(declared)
        there = names.get(unquote(part[1].decode("utf-8", "replace"))) if part else None
        if not _MAIN.search(declared):
            continue
        if there is None:
            inner = part is None and not _ENDS_IN_XML.search(declared)
        else:
            with archive.open(there) as stream:
                inner = stream.read(2) == b"PK"
        if inner:
            found.add(declared)
    return found


def _rewritten(
    archive: zipfile.ZipFile, names: dict[str, str], changed: Callable[[str, bytes], bytes]
) -> bytes:
    """Return ``archive`` with its XML parts as ``changed`` returns them."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as copy:
        for name, there in names.items():
            part = archive.read(there)
            copy.writestr(name, changed(name, part) if name.endswith((".xml", ".rels")) else part)
    return out.getvalue()
