"""Numbers as lists of Office files show them (ISO 29500-1, 17.18.59, ST_NumberFormat)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

__all__ = ["BULLET", "small_number", "written"]

BULLET = "- "
"""What stands before an item of a list that does not count."""

_ROMAN = (
    (1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"), (50, "l"),
    (40, "xl"), (10, "x"), (9, "ix"), (5, "v"), (4, "iv"), (1, "i"),
)  # fmt: skip
_DIGITS = "零一二三四五六七八九"
_UNITS = ("", "十", "百", "千")
_LONGEST_LETTERS = 10


def written(number: int, kind: str) -> str | None:
    """Return ``number`` in the format called ``kind``; None where that cannot show it.

    Formats that are rare, or differ by the language of the text, are not known.
    """
    form = _FORMATS.get(kind)
    return None if form is None else form(number)


def small_number(text: str | None, otherwise: int) -> int:
    """Return the number that an attribute says, ``otherwise`` where it says none below 100,000."""
    return int(text) if text and text.isdecimal() and len(text) < 6 else otherwise


def _letters(number: int) -> str | None:
    """Return a, b … z, aa, bb …: the letter is repeated."""
    times, at = divmod(number - 1, 26)
    return chr(ord("a") + at) * (times + 1) if 0 <= times < _LONGEST_LETTERS else None


def _roman(number: int) -> str | None:
    if not 0 < number < 4000:
        return None
    parts: list[str] = []
    for value, letters in _ROMAN:
        times, number = divmod(number, value)
        parts.append(letters * times)
    return "".join(parts)


def _chinese(number: int) -> str | None:
    """Return 一, 十一, 二十, 一百零五: counting as in China and Taiwan."""
    if not 0 < number < 10_000:
        return None
    parts: list[str] = []
    gap = False
    for place in range(3, -1, -1):
        digit = number // 10**place % 10
        if digit:
            parts.append("零" * gap + _DIGITS[digit] + _UNITS[place])
            gap = False
        else:
            gap = bool(parts)
    text = "".join(parts)
    return text[1:] if text.startswith("一十") else text


def _upper(form: Callable[[int], str | None]) -> Callable[[int], str | None]:
    def raised(number: int) -> str | None:
        said = form(number)
        return None if said is None else said.upper()

    return raised


def _below(form: Callable[[int], str | None], most: int) -> Callable[[int], str | None]:
    return lambda number: form(number) if number < most else None


def _one_of(characters: str) -> Callable[[int], str | None]:
    """Return a format with one character for each number from 1 on."""
    return lambda number: characters[number - 1] if 0 < number <= len(characters) else None


def _from(first: str, count: int) -> Callable[[int], str | None]:
    return _one_of("".join(chr(ord(first) + at) for at in range(count)))


_FORMATS: Mapping[str, Callable[[int], str | None]] = {
    "none": lambda number: "",
    "decimal": str,
    "decimalZero": lambda number: f"{number:02}",
    "lowerLetter": _letters,
    "upperLetter": _upper(_letters),
    "lowerRoman": _roman,
    "upperRoman": _upper(_roman),
    "chineseCountingThousand": _chinese,
    "taiwaneseCountingThousand": _chinese,
    # From a hundred on each of these is written in its own way.
    "chineseCounting": _below(_chinese, 100),
    "taiwaneseCounting": _below(_chinese, 100),
    "japaneseCounting": _below(_chinese, 100),
    "ideographTraditional": _one_of("甲乙丙丁戊己庚辛壬癸"),
    "ideographZodiac": _one_of("子丑寅卯辰巳午未申酉戌亥"),
    "decimalEnclosedCircle": _from("①", 20),
    "decimalEnclosedCircleChinese": _from("①", 20),
    "decimalEnclosedParen": _from("⑴", 20),
    "decimalEnclosedFullstop": _from("⒈", 20),
    "ideographEnclosedCircle": _from("㊀", 10),
}
