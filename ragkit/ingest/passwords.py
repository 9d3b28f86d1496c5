"""Passwords of protected files, out of a file that only its owner should be able to read.

No message, index or log ever holds one.
"""

from __future__ import annotations

import fnmatch
import hashlib
import os
import stat
from dataclasses import dataclass, field
from pathlib import Path

from ragkit.errors import ConfigError

__all__ = ["NO_PASSWORDS", "Passwords", "read_passwords"]

_MAX_BYTES = 1_000_000
_MOST_TRIED = 50  # an Office file takes a tenth of a second for each


@dataclass(frozen=True, slots=True)
class Passwords:
    """Which passwords to try on which file.

    ``rules`` are pairs of a name or glob, empty for every file, and a password. ``version`` is
    another after the file that they are from was changed, and gives nothing of it away.
    ``warning`` is a line for the user, or empty.
    """

    rules: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    version: str = ""
    warning: str = ""

    def for_source(self, source: str) -> tuple[str, ...]:
        """Return what to try on ``source``, those that name it before those for every file."""
        bare = source.rpartition("/")[2]
        named = [
            password
            for glob, password in self.rules
            if glob and any(fnmatch.fnmatchcase(name, glob) for name in (source, bare))
        ]
        general = [password for glob, password in self.rules if not glob]
        return tuple(dict.fromkeys((*named, *general)))[:_MOST_TRIED]


NO_PASSWORDS = Passwords()


def read_passwords(path: Path) -> Passwords:
    """Return the passwords in ``path``: UTF-8, one a line.

    ``name-or-glob<TAB>password`` or ``name-or-glob: password`` for some files, whose glob is
    compared with the path below the folder and with the bare name; any other line is a password
    for every file. Empty lines and lines that start with ``#`` are left out. Raises ConfigError
    where the file cannot be read or holds none.
    """
    try:
        status = path.expanduser().stat()
        if not stat.S_ISREG(status.st_mode):
            raise ConfigError(f"The password file {path} is not a regular file.")
        with path.expanduser().open("rb") as stream:
            data = stream.read(_MAX_BYTES + 1)
        text = data.decode("utf-8-sig")
    except OSError as error:
        raise ConfigError(f"The password file {path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise ConfigError(f"The password file {path} is not UTF-8. Convert it.") from None
    rules = tuple(map(_rule, filter(_counts, text.splitlines())))
    if len(data) > _MAX_BYTES or not rules:
        size = "is larger than 1 MB" if rules else "holds no password"
        raise ConfigError(f"The password file {path} {size}. Write one a line.")
    open_to_others = os.name == "posix" and status.st_mode & 0o077
    warning = f"Others can read the password file {path}. Close it: chmod 600 {path}"
    version = f"{path.expanduser().resolve()} {status.st_mtime_ns} {status.st_size}"
    digest = hashlib.sha256(version.encode("utf-8", "surrogateescape")).hexdigest()[:12]
    return Passwords(rules, digest, warning if open_to_others else "")


def _counts(line: str) -> bool:
    return bool(line.strip()) and not line.startswith("#")


def _rule(line: str) -> tuple[str, str]:
    for mark in ("\t", ": "):
        name, found, password = line.partition(mark)
        if found and name.strip() and password.strip():
            return name.strip(), password.strip()
    return "", line.strip()
