"""Word, Excel and PowerPoint files that a password protects, with msoffcrypto-tool.

The extra ``passwords`` installs it (MIT licence; [MS-OFFCRYPTO] agile and standard encryption).
"""

from __future__ import annotations

import io
from collections.abc import Sequence

from ragkit.errors import IngestError
from ragkit.ingest.readers.content import NEEDS_PASSWORD, WRONG_PASSWORD

__all__ = ["decrypted"]

# With it Excel encrypts workbooks that are only protected from changes, and opens them unasked
# ([MS-OFFCRYPTO] 2.4.2.3).
_EXCELS_OWN = "VelvetSweatshop"
_MAX_ROUNDS = 1_000_000  # Office writes 100,000; the file itself says how many


def decrypted(data: bytes, passwords: Sequence[str]) -> bytes:
    """Return the bytes of the file inside, opened by the first of ``passwords`` that fits.

    Raises IngestError where none does or the file is damaged.
    """
    unopened = IngestError(
        f"{NEEDS_PASSWORD} Office file. Give its password with --password-file, or save it "
        "without one."
    )
    try:
        import msoffcrypto
        from msoffcrypto.exceptions import InvalidKeyError
    except ImportError:
        if not passwords:
            raise unopened from None
        raise IngestError(
            f"{NEEDS_PASSWORD} Office file, which ragkit's extra 'passwords' opens. "
            'Install it: pip install "ragkit[passwords]"'
        ) from None
    for password in (_EXCELS_OWN, *passwords):
        opened = io.BytesIO()
        try:
            protected = msoffcrypto.OfficeFile(io.BytesIO(data))
            _refuse_slow_key(protected)
            protected.load_key(password=password, verify_password=True)
            protected.decrypt(opened)
        except InvalidKeyError:
            continue
        except Exception:
            if passwords:
                raise
            continue  # damaged or not, what it takes first is a password
        return opened.getvalue()
    if not passwords:
        raise unopened
    raise IngestError(f"{WRONG_PASSWORD} for this Office file. Correct it in the password file.")


def _refuse_slow_key(protected: object) -> None:
    """Raise IngestError where the file asks for so much hashing that it would take minutes."""
    info = getattr(protected, "info", None)
    spins = info.get("spinValue") if isinstance(info, dict) else None
    if isinstance(spins, int) and spins > _MAX_ROUNDS:
        raise IngestError("Damaged Office file: its encryption asks for too much work.")
