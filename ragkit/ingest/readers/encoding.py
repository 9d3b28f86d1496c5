"""Bytes to text: byte order marks, UTF-8, UTF-16 and 32 without marks, and legacy encodings.

Statistical detectors need long texts: a 90-byte GBK note defeats them. Here every candidate
encoding decodes a sample, and the result is scored by how common its characters are in the
language that the encoding is for (see ``letters``, which is loaded when it is needed). Valid UTF-8
always wins, since other encodings almost never form it by chance.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from ragkit.errors import IngestError

if TYPE_CHECKING:
    from ragkit.ingest.readers.letters import Profile

__all__ = ["Decoded", "charset_of", "codec_of", "decode"]

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark is a prefix of it
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CHARSET = re.compile(
    rb"""<(?:meta|\?xml)[^>]{0,300}?(?:charset|encoding)\s*=\s*["']?\s*([\w.:-]+)""", re.I
)
_SAMPLE = 24_000
_CONTROLS = bytes(n for n in (*range(0x20), 0x7F) if n not in b"\t\n\x0b\x0c\r\x1b")
_HZ = re.compile(rb"~\{(?:[\x21-\x77][\x21-\x7e])+~\}")
_NOTE, _FEWEST_WIDE = 400, 4  # bytes of a note, characters of UTF-16
_ACCEPT = 0.3
_MAX_CONTROLS = 0.02
_FEW, _SOME = 0.05, 0.2  # shares of bytes beyond ASCII
_WESTERN_BONUS = 0.25
_A_FEW = 6  # letters that are too few to tell a language by
# Where only signs of Windows' Western page stand, which are letters on others: 20 °C ± 2, 5 µm,
# 30 m², 10¹², ISO®, ½ cup. No byte beside them is beyond ASCII.
_SIGNS = re.compile(
    rb"(?<![\x80-\xff])(?:(?<=\d)\xb0|(?<=\d )\xb0|\xb1(?= ?[\d.])"
    rb"|(?:(?<=\d)|(?<=\d ))\xb5(?=[A-Za-z]{1,3}\b)|(?<![A-Za-z])\xb5(?![A-Za-z])"
    rb"|(?:(?<=[\d)])|\b(?:[A-Za-z]|[cdkm]m|ft|in|yd))[\xb2\xb3\xb9]{1,2}(?![A-Za-z])"
    rb"|(?<=[A-Za-z])[\x99\xa9\xae](?![A-Za-z])|(?<![A-Za-z])[\xbc-\xbe](?![A-Za-z])"
    rb")(?![\x80-\xff])"
)
_MULTIBYTE = frozenset(("gb18030", "cp932", "cp949", "cp950", "euc_jp", "big5hkscs", "johab"))
_MAX_DAMAGE = 0.05
_SURE = 8  # characters of a line that are not ASCII and valid UTF-8: more than chance


_WIDER = {"gb2312": "gb18030", "gbk": "gb18030", "iso8859-1": "cp1252", "shift_jis": "cp932",
          "euc_kr": "cp949", "big5": "cp950", "ascii": "cp1252"}  # fmt: skip


class Decoded(NamedTuple):
    """Text, the encoding it was in, and how many characters could not be decoded."""

    text: str
    encoding: str
    replaced: int = 0


def charset_of(data: bytes) -> str | None:
    """Return the encoding that an HTML or XML file declares in its first bytes, if any."""
    found = _CHARSET.search(data[:4096])
    return found[1].decode("ascii", errors="ignore") if found else None


def decode(data: bytes, *, declared: str | None = None) -> Decoded:
    """Return the text of ``data``; ``declared`` is an encoding that the file itself names.

    Raises IngestError where the bytes are not text in any encoding known here.
    """
    if _is_plain_ascii(data):
        return Decoded(data.decode("ascii"), "utf-8")
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return _replacing(data, encoding)
    wide = _wide_encoding(data)
    if wide is not None:
        return _replacing(data, wide)
    if b"\x1b$" in data[:_SAMPLE]:
        name = "iso2022_kr" if b"\x1b$)C" in data[:_SAMPLE] else "iso2022_jp"
        shifted = _strict(data, name.replace("jp", "jp_2"))
        if shifted is not None:
            return Decoded(shifted, name)
    if _HZ.search(data[:_SAMPLE]) and (hz := _as_hz(data)):
        return hz
    if 4 * _controls(data[:_NOTE]) > len(data) and (note := _as_wide_note(data)):
        return note
    utf8 = _as_utf8(data) or _as_two(data) or _as_damaged_utf8(data)
    if utf8 is not None:
        return utf8
    try:
        return _as_other(data, declared)
    except IngestError:
        if note := _as_wide_note(data):
            return note
        raise


def _is_plain_ascii(data: bytes) -> bool:
    """Tell text of nothing but ASCII, without what shifts to another set of characters."""
    return data.isascii() and b"~{" not in data and b"\x1b" not in data and not _controls(data)


def _as_other(data: bytes, declared: str | None) -> Decoded:
    sample = _sample(data)
    if _is_ebcdic(data[:_SAMPLE]):
        return Decoded(data.decode("cp500"), "cp500")
    _refuse_binary(data[: 4 * _SAMPLE])
    if declared and (named := _as_declared(data, sample, declared)) is not None:
        return named
    return _as_legacy(data, sample)


def _strict(data: bytes, encoding: str) -> str | None:
    try:
        return data.decode(encoding)
    except UnicodeError:
        return None


def _replacing(data: bytes, encoding: str) -> Decoded:
    text = data.decode(encoding, errors="replace")
    already = 0 if "utf" not in encoding else data.count("\ufffd".encode(encoding.split("-sig")[0]))
    name = encoding.removesuffix("-sig")
    return Decoded(text, name, max(0, text.count("\ufffd") - already))


def _as_utf8(data: bytes) -> Decoded | None:
    """Return ``data`` read as UTF-8 if it is valid."""
    text = _strict(data, "utf-8")
    if text is None:
        return None
    controls = _controls(data[: 4 * _SAMPLE].replace(b"\x00", b""))
    if controls > 8 + len(data[: 4 * _SAMPLE]) * _MAX_CONTROLS:
        raise IngestError("Not text: it is full of control characters.")
    return Decoded(text, "utf-8")


def _as_wide_note(data: bytes) -> Decoded | None:
    """Return a few words read as UTF-16 that has no mark and no ASCII, if they can be that."""
    if not 2 * _FEWEST_WIDE <= len(data) <= _NOTE or len(data) % 2:
        return None
    from ragkit.ingest.readers.letters import is_plausible

    for encoding in ("utf-16-le", "utf-16-be"):
        text = _strict(data, encoding)
        if text and all(map(is_plausible, text)):
            return Decoded(text, encoding)
    return None


def _as_hz(data: bytes) -> Decoded | None:
    """Return ``data`` read as HZ (RFC 1843), Chinese in seven bits, if that gives Chinese."""
    from ragkit.ingest.readers.letters import PROFILES

    text = _strict(data, "hz")
    if text is None or PROFILES[0].mean_weight(text[:_SAMPLE]) < _ACCEPT:
        return None
    return Decoded(text, "hz")


def _as_damaged_utf8(data: bytes) -> Decoded | None:
    """Return ``data`` read as UTF-8 if it is valid but for a few damaged places."""
    text = data.decode("utf-8", errors="replace")
    broken = text.count("\ufffd") - data.count(b"\xef\xbf\xbd")
    multibyte = _not_ascii(text[: 4 * _SAMPLE]) - broken
    if multibyte >= 4 * broken and _printable(data):
        return Decoded(text, "utf-8", broken)
    return None


def _controls(data: bytes) -> int:
    """Return how many control characters there are that no text holds."""
    return len(data) - len(data.translate(None, _CONTROLS))


def _printable(data: bytes) -> bool:
    head = data[: 4 * _SAMPLE]
    return _controls(head.replace(b"\x00", b"")) <= len(head) * _MAX_CONTROLS


def _wide_encoding(data: bytes) -> str | None:
    """Return UTF-16 or UTF-32 in the byte order that the NUL bytes of unmarked text show."""
    head = data[: 4 * _SAMPLE]
    if b"\x00" not in head:
        return None
    if len(data) % 4 == 0:
        for encoding in ("utf-32-le", "utf-32-be"):
            if _strict(head[: len(head) // 4 * 4], encoding) is not None:
                return encoding
    if len(data) % 2:
        return None
    from ragkit.ingest.readers.letters import is_plausible

    shares = {
        encoding: sum(map(is_plausible, text)) / len(text)
        for encoding in ("utf-16-le", "utf-16-be")
        if (text := codecs.getincrementaldecoder(encoding)("replace").decode(head, final=False))
    }
    best = max(shares, key=lambda encoding: shares[encoding], default=None)
    return best if best and shares[best] > 0.8 else None


def _is_ebcdic(head: bytes) -> bool:
    """Tell whether spaces and small letters are where EBCDIC has them."""
    if len(head) < 64 or head.count(b"\x40") * 20 < len(head):
        return False
    text = head.decode("cp500")
    return sum(c.isalnum() or c in " .,-\n\r\x85'\"" for c in text) > 0.9 * len(text)


def _refuse_binary(head: bytes) -> None:
    if not _printable(head):
        raise IngestError("Not text: it looks like binary data.")


def _sample(data: bytes) -> bytes:
    """Return lines that hold non-ASCII bytes, up to a few thousand bytes of them."""
    if len(data) <= _SAMPLE:
        return data
    taken: list[bytes] = []
    size = 0
    for line in _lines(data):
        if not line.isascii():
            taken.append(line[: _SAMPLE - size])
            size += len(taken[-1])
            if size >= _SAMPLE:
                break
    return b"\n".join(taken)


def _lines(data: bytes) -> Iterator[bytes]:
    start = 0
    while start < len(data):
        end = data.find(b"\n", start)
        end = len(data) if end < 0 else end
        yield data[start:end]
        start = end + 1


def codec_of(declared: str) -> str:
    """Return Python's name for an encoding as pages and letters name it; empty for none.

    Where "gb2312" or "iso-8859-1" is said, the superset is meant that browsers use.
    """
    name = declared.strip().lower().replace("windows-31j", "cp932").removesuffix("-i")
    for spelling in (name, name.removeprefix("x-"), name.replace("windows-", "cp")):
        try:
            found = codecs.lookup(spelling).name
        except (LookupError, UnicodeError, ValueError):
            continue
        return _WIDER.get(found, found)
    return ""


def _as_declared(data: bytes, sample: bytes, declared: str) -> Decoded | None:
    name = codec_of(declared)
    if not name or name.startswith(("utf", "iso2022")):
        return None
    try:
        text = codecs.getincrementaldecoder(name)("replace").decode(sample, final=False)
    except (LookupError, UnicodeError, AttributeError, TypeError):  # such as rot13, base64
        return None
    if text.count("\ufffd") > 0.01 * len(text):
        return None
    from ragkit.ingest.readers.letters import PROFILES

    # Templates say iso-8859-1 whatever follows: it must give readable text, not only decode.
    scores = [_score(sample, profile) for profile in PROFILES if name in profile.encodings]
    # Bytes that no such text has by chance: rare characters may be what the page is about.
    least = 0.0 if name in _MULTIBYTE and _strict(data, name) is not None else _ACCEPT
    return None if scores and max(scores) < least else _replacing(data, name)


def _as_two(data: bytes) -> Decoded | None:
    """Return ``data`` whose lines are in UTF-8 or else in one legacy encoding, if they are.

    Two programs that write to one log leave such files. A short line of a legacy encoding may be
    valid UTF-8 by chance, a long one is not.
    """
    if not _printable(data):
        return None
    lines = data.split(b"\n")
    strange = [at for at, line in enumerate(lines) if _is_foreign(line)]
    foreign = b"\n".join(lines[at] for at in strange)
    taken = set(strange)
    sure = sum(len(line) for at, line in enumerate(lines) if at not in taken and _is_sure(line))
    if not sure or len(foreign) < _MAX_DAMAGE * sure or sure < _MAX_DAMAGE * len(foreign):
        return None
    try:
        found = _as_legacy(foreign, _sample(foreign))
    except IngestError:
        return None
    texts = found.text.split("\n")
    if len(texts) != len(strange):
        return None
    decoded = [line.decode("utf-8", errors="replace") for line in lines]
    for at, text in zip(strange, texts, strict=True):
        decoded[at] = text
    whole = "\n".join(decoded)
    return Decoded(whole, f"utf-8+{found.encoding}", whole.count("\ufffd"))


def _is_foreign(line: bytes) -> bool:
    """Return whether ``line`` is no UTF-8, not even with a few damaged places."""
    text = line.decode("utf-8", errors="replace")
    broken = text.count("\ufffd") - line.count(b"\xef\xbf\xbd")
    return broken > 0 and _not_ascii(text) - broken < 4 * broken


def _is_sure(line: bytes) -> bool:
    """Return whether ``line`` can only be UTF-8."""
    text = _strict(line, "utf-8")
    return text is not None and _not_ascii(text) >= _SURE


def _not_ascii(text: str) -> int:
    return len(text) - len(text.encode("ascii", "ignore"))


def _as_legacy(data: bytes, sample: bytes) -> Decoded:
    from ragkit.ingest.readers.letter_pairs import PAGES, likelier_page
    from ragkit.ingest.readers.letters import PROFILES

    rest = _SIGNS.sub(b" ", sample)  # signs say little of a language
    if rest.isascii() and (text := _strict(data, "cp1252")) is not None:
        return Decoded(text, "cp1252")
    # Two such bytes may be one Chinese character.
    scores = [_score(sample if p.script == "han" else rest, p) for p in PROFILES]
    high = sum(byte > 127 for byte in sample)
    ascii_mostly = high < _FEW * len(sample)
    western = next(i for i, profile in enumerate(PROFILES) if profile.encodings[0] == "cp1252")
    if ascii_mostly:  # a few signs and names: Windows' Western code page is likeliest by far
        scores[western] += _WESTERN_BONUS * min(1.0, _A_FEW / max(1, high))
    best = max(range(len(scores)), key=scores.__getitem__)  # the first of equals
    if scores[best] < _ACCEPT and not ascii_mostly:
        if high > _SOME * len(sample) or _controls(sample):
            raise IngestError("Not text: no known encoding gives readable characters.")
        best = western  # a line with a sign or two
    encodings = PROFILES[best].encodings
    if encodings[0] in PAGES:
        encodings = (likelier_page(rest, encodings[0]),)
    for encoding in encodings:
        text = _strict(data, encoding)
        if text is not None:
            return Decoded(text, encodings[0])
    decoded = _replacing(data, encodings[0])
    if decoded.replaced > _MAX_DAMAGE * sum(not c.isascii() for c in decoded.text) + 2:
        raise IngestError("Not text: no known encoding gives readable characters.")
    return decoded


def _score(sample: bytes, profile: Profile) -> float:
    """Return the mean weight of the non-ASCII characters of ``sample`` under ``profile``."""
    decoder = codecs.getincrementaldecoder(profile.encodings[0])("replace")
    return profile.mean_weight(decoder.decode(sample, final=False))
