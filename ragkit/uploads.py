"""Files that people bring through the page: safe names, checked content, and a safe place.

Nothing that is uploaded can leave the folder or harm a file in it. Names are rebuilt from harmless
characters; a file is written to a hidden temporary name through a handle on its own folder, which
follows no link, and appears under its name only when it is whole. A name that is taken is replaced
only where the page itself brought what is there.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import secrets
import stat
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ragkit.errors import IngestError
from ragkit.exclusions import FolderNotes
from ragkit.ingest.folder import SKIPPED_FOLDERS, locate
from ragkit.ingest.readers.content import Limits
from ragkit.ingest.readers.encoding import decode
from ragkit.ingest.readers.sniff import binary_format, megabytes

__all__ = ["Outcome", "Received", "UploadLimits", "Uploads", "safe_name", "safe_source"]

Outcome = Literal["added", "replaced", "unchanged", "differs", "refused"]

_LONGEST_NAME = 255  # bytes, in the common file systems
_LONGEST_SUFFIX = 20
_LONGEST_SOURCE = 1000  # bytes
_DEEPEST = 16  # folders
_UNSAFE = re.compile(r'[<>:"/\\|?*]')
_DRIVE = re.compile("[A-Za-z]:")
_DROPPED = ("Cc", "Cf", "Cs", "Cn", "Co", "Zl", "Zp")
# https://learn.microsoft.com/windows/win32/fileio/naming-a-file
_RESERVED = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])", re.I)
_SUFFIXES = {
    "pdf": ("pdf",),
    "docx": ("docx", "docm", "dotx", "dotm"),
    "pptx": ("pptx", "pptm", "ppsx", "ppsm", "potx", "potm"),
    "xlsx": ("xlsx", "xlsm", "xltx", "xltm"),
    "epub": ("epub",),
    "odt": ("odt", "ott"),
    "ods": ("ods", "ots"),
    "odp": ("odp", "otp"),
    "rtf": ("rtf", "doc"),
}
_BINARY_SUFFIXES = {suffix for kind in _SUFFIXES.values() for suffix in kind} - {"doc", "rtf"}
_NO_SPACE = (errno.ENOSPC, errno.EDQUOT)
_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)
_BINARY = getattr(os, "O_BINARY", 0)


@dataclass(frozen=True, slots=True)
class UploadLimits:
    """``max_bytes`` a file, ``max_files`` an upload."""

    max_bytes: int
    max_files: int


@dataclass(frozen=True, slots=True)
class Received:
    """What became of one uploaded file.

    ``name`` is as the browser sent it, ``source`` as it lies in the folder. ``differs``: a file of
    this name was uploaded before with other content; nothing was done. ``reason`` says in words
    why a file was refused.
    """

    name: str
    source: str
    outcome: Outcome
    reason: str = ""


def safe_name(name: str) -> str:
    """Return ``name`` as one component that every common file system takes and shows as it is.

    NFC; no control, format or direction characters; none of ``<>:"/\\|?*``; no dot, space or
    ``~$`` at its start, no dot or space at its end; no reserved Windows name; at most 255 bytes in
    UTF-8, the suffix kept. Never empty. Doing it again changes nothing.
    """
    composed = unicodedata.normalize("NFC", name)
    kept = "".join(
        " " if c.isspace() else c
        for c in composed
        if c.isspace() or unicodedata.category(c) not in _DROPPED
    )
    plain = " ".join(_UNSAFE.sub("_", kept).split())
    plain = re.sub(r"^(?:[. ]|~\$)+", "", plain).rstrip(". ")
    if not plain or not plain.strip("_"):
        plain = "file"
    if _RESERVED.fullmatch(plain.split(".", 1)[0].rstrip()):
        plain = f"_{plain}"
    return _shortened(plain)


def safe_source(name: str, *, folders: bool = False) -> str:
    """Return where an uploaded file belongs, relative to the folder, with forward slashes.

    Of a path only the last part counts, unless ``folders`` (a whole folder was uploaded). Raises
    IngestError for files in hidden folders and others that are never indexed, and for paths that
    are too long.
    """
    parts = [p for p in re.split(r"[/\\]", name) if p.strip(". \x00") and not _DRIVE.fullmatch(p)]
    if not folders:
        return safe_name(parts[-1] if parts else "")
    above, last = parts[:-1], parts[-1] if parts else ""
    for part in above:
        if part.startswith(".") or part in SKIPPED_FOLDERS:
            raise IngestError("Its folder is a hidden one or a cache: these are left out.")
    source = "/".join(safe_name(part) for part in (*above, last))
    if len(above) > _DEEPEST or len(source.encode()) > _LONGEST_SOURCE:
        raise IngestError("It lies too deep in folders. Upload its own folder alone.")
    return source


class Uploads:
    """Receives files into one folder and remembers them in ``notes``."""

    def __init__(self, folder: Path, notes: FolderNotes, limits: UploadLimits) -> None:
        self._folder = folder
        self._notes = notes
        self._limits = limits

    def receive(
        self, files: Iterable[tuple[str, bytes]], *, folders: bool = False, replace: bool = False
    ) -> Iterator[Received]:
        """Take in ``files``, pairs of name and bytes, one at a time; yield what became of each.

        ``replace`` puts new content in the place of what was uploaded before. Two files of one
        upload that get the same name are numbered. Raises StoreError where the notes cannot be
        written; the disk's trouble is a reason like any other.
        """
        taken: dict[str, str] = {}
        for number, (name, data) in enumerate(files):
            if number >= self._limits.max_files:
                most = self._limits.max_files
                yield Received(name, "", "refused", f"Only {most} files at once. Upload it later.")
                continue
            source = ""
            try:
                source = safe_source(name, folders=folders)
                self._check(data, source)
                sha256 = hashlib.sha256(data).hexdigest()
                source = _numbered(source, sha256, taken)
                taken[source.casefold()] = sha256
                yield Received(name, source, self._put(source, data, sha256, replace))
            except IngestError as error:
                yield Received(name, source, "refused", str(error))

    def delete(self, source: str) -> None:
        """Delete an uploaded file from the folder.

        Raises IngestError for a file that the page did not bring, that was changed in the folder
        since, or that cannot be deleted.
        """
        noted = self._notes.uploaded(source)
        if noted is None:
            raise IngestError("It was not uploaded here, so it stays. It can be excluded.")
        with _words(), _Place.of(self._folder, source, make=False) as place:
            present = place.sha256()
            if present is not None and present != noted.sha256:
                raise IngestError("It was changed in the folder since its upload, so it stays.")
            if present is not None:
                place.unlink(place.name)
        self._notes.forget_upload(source)

    def _check(self, data: bytes, source: str) -> None:
        if len(data) > self._limits.max_bytes:
            most = megabytes(self._limits.max_bytes)
            raise IngestError(f"Too large: {megabytes(len(data))}, limit {most}.")
        check_content(data, source)

    def _put(self, source: str, data: bytes, sha256: str, replace: bool) -> Outcome:
        noted = self._notes.uploaded(source)
        with _words(), _Place.of(self._folder, source, make=True) as place:
            present = place.sha256()
            if present == sha256:
                return "unchanged"
            if present is not None and (noted is None or noted.sha256 != present):
                raise IngestError(
                    "The folder has a file of this name that was not uploaded here, so it stays. "
                    "Rename yours."
                )
            if present is not None and not replace:
                return "differs"
            # Noted first: a file that nobody knows of could never be deleted again. The digest
            # keeps a note without its file from standing for another one.
            self._notes.note_upload(source, sha256=sha256, size=len(data))
            place.write(data, replace=present is not None)
        return "added" if present is None else "replaced"


def check_content(data: bytes, name: str) -> None:
    """Do nothing where ``data`` is what the ending of ``name`` says, and can be read.

    Decided by the sniffer that the readers use. Raises IngestError with the reason.
    """
    if not data:
        raise IngestError("Empty file.")
    suffix = Path(name).suffix.lower().removeprefix(".")
    kind = binary_format(data, suffix, Limits(max_bytes=len(data)))
    if kind is None:
        if suffix in _BINARY_SUFFIXES:
            raise IngestError(f"It is called .{suffix} but holds plain text.")
        decode(data)
    elif suffix and suffix not in _SUFFIXES[kind]:
        raise IngestError(
            f"It is called .{suffix} but holds {kind.upper()}. Rename it to .{_SUFFIXES[kind][0]}."
        )


class _Place:
    """A name in a folder, reached through a handle on that folder, so that no link is followed.

    Where the system has no such handles (Windows) paths are used, checked to lie in the folder.
    """

    def __init__(self, folder: Path, handle: int | None, name: str) -> None:
        self.name = name
        self._folder = folder
        self._handle = handle

    @classmethod
    @contextlib.contextmanager
    def of(cls, folder: Path, source: str, *, make: bool) -> Iterator[_Place]:
        """Open the folder of ``source`` below ``folder``, with ``make`` also one that is not there.

        Raises IngestError for a source that leads out of the folder, OSError where a folder on the
        way is none, or a link.
        """
        *above, name = locate(Path(), source).parts
        if os.open not in os.supports_dir_fd:
            inner = folder.joinpath(*above)
            if make:
                inner.mkdir(parents=True, exist_ok=True)
            if inner.resolve() != folder.resolve().joinpath(*above):
                raise IngestError("It would lie behind a link, outside the folder.")
            yield cls(inner, None, name)
            return
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            for part in above:
                if make:
                    with contextlib.suppress(FileExistsError):
                        os.mkdir(part, mode=0o777, dir_fd=handle)
                flags = os.O_RDONLY | os.O_DIRECTORY | _NO_FOLLOW
                inner_handle = os.open(part, flags, dir_fd=handle)
                os.close(handle)
                handle = inner_handle
            yield cls(folder, handle, name)
        finally:
            os.close(handle)

    def sha256(self) -> str | None:
        """Return the digest of the file under the name, None where nothing is there.

        Raises IngestError where it is no regular file.
        """
        try:
            opened = self._open(self.name, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        except FileNotFoundError:
            return None
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.EMLINK, errno.ENXIO, errno.EISDIR):
                raise _not_a_file() from error
            raise
        if not stat.S_ISREG(os.fstat(opened).st_mode):
            os.close(opened)
            raise _not_a_file()
        with os.fdopen(opened, "rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()

    def write(self, data: bytes, *, replace: bool) -> None:
        """Write the file under a hidden name and give it its own when it is whole."""
        temporary = f".ragkit-upload-{secrets.token_hex(8)}"
        made = [temporary]
        opened = self._open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        try:
            with os.fdopen(opened, "wb") as stream:
                stream.write(data)
                stream.flush()
                os.fsync(opened)
            if not replace:
                # Fails where another took the name meanwhile, which a renaming would not.
                os.close(self._open(self.name, os.O_WRONLY | os.O_CREAT | os.O_EXCL))
                made.append(self.name)
            self._rename(temporary)
        except BaseException:
            for name in made:
                with contextlib.suppress(OSError):
                    self.unlink(name)
            raise

    def unlink(self, name: str) -> None:
        if self._handle is None:
            (self._folder / name).unlink()
        else:
            os.unlink(name, dir_fd=self._handle)

    def _open(self, name: str, flags: int) -> int:
        if self._handle is None:
            return os.open(self._folder / name, flags | _BINARY, 0o600)
        return os.open(name, flags | _NO_FOLLOW, 0o600, dir_fd=self._handle)

    def _rename(self, temporary: str) -> None:
        if self._handle is None:
            (self._folder / temporary).replace(self._folder / self.name)
        else:
            os.replace(temporary, self.name, src_dir_fd=self._handle, dst_dir_fd=self._handle)


def _not_a_file() -> IngestError:
    return IngestError("The folder has something of this name that is no file. Rename yours.")


@contextlib.contextmanager
def _words() -> Iterator[None]:
    """Turn the file system's errors into reasons."""
    try:
        yield
    except FileExistsError as error:
        raise IngestError("Another file took its name at the same moment. Try again.") from error
    except PermissionError as error:
        raise IngestError("The folder cannot be written. Ask whoever runs this chat.") from error
    except OSError as error:
        if error.errno in _NO_SPACE:
            raise IngestError("The disk is full. Nothing of the file was kept.") from error
        if error.errno in (errno.ELOOP, errno.ENOTDIR):
            raise IngestError("A folder on its way is a link or a file. Rename yours.") from error
        raise IngestError(f"The disk refused it: {error.strerror}.") from error


def _numbered(source: str, sha256: str, taken: dict[str, str]) -> str:
    """Return ``source``, numbered where another file of this upload has it."""
    number, free = 1, source
    while taken.get(free.casefold(), sha256) != sha256:
        number += 1
        above, slash, name = source.rpartition("/")
        stem, dot, suffix = name.rpartition(".") if "." in name else (name, "", "")
        free = above + slash + _shortened(f"{stem} ({number}){dot}{suffix}", keep=f" ({number})")
    return free


def _shortened(name: str, *, keep: str = "") -> str:
    """Return ``name`` with at most 255 bytes, cut before its suffix, never inside a character."""
    if len(name.encode()) <= _LONGEST_NAME:
        return name
    stem, dot, suffix = name.rpartition(".")
    if not stem or len(suffix.encode()) > _LONGEST_SUFFIX:
        stem, dot, suffix = name, "", ""
    ending = f"{keep}{dot}{suffix}"
    room = _LONGEST_NAME - len(ending.encode())
    cut = stem.removesuffix(keep).encode()[:room].decode(errors="ignore").rstrip(". ")
    return cut + ending
