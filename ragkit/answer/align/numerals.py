"""Numbers written in words: Chinese numerals, and the small numbers of some languages."""

from __future__ import annotations

import re
from collections.abc import Iterator

__all__ = ["HAN_DIGITS", "HAN_NUMERAL", "han_value", "spelled_numbers"]

HAN_DIGITS = "零〇一二三四五六七八九十百千万萬亿億两兩壹贰叁肆伍陆柒捌玖拾佰仟"
HAN_NUMERAL = re.compile(rf"[{HAN_DIGITS}]+(?:点[零〇一二三四五六七八九]+)?")
_DIGIT = {
    char: n
    for n, chars in enumerate(("零〇", "一壹", "二两兩贰", "三叁", "四肆", "五伍", "六陆", "七柒"))
    for char in chars
} | {"八": 8, "捌": 8, "九": 9, "玖": 9}
_PLACE = {"十": 10, "拾": 10, "百": 100, "佰": 100, "千": 1000, "仟": 1000}
_MYRIAD = {"万": 10**4, "萬": 10**4, "亿": 10**8, "億": 10**8}

_UNITS = {
    "en": "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
    "fifteen sixteen seventeen eighteen nineteen twenty",
    "de": "null ein zwei drei vier fünf sechs sieben acht neun zehn elf zwölf dreizehn vierzehn "
    "fünfzehn sechzehn siebzehn achtzehn neunzehn zwanzig",
    "fr": "zéro un deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze quinze "
    "seize",
    "es": "cero un dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince "
    "dieciséis diecisiete dieciocho diecinueve veinte",
    "it": "zero un due tre quattro cinque sei sette otto nove dieci undici dodici",
    "ru": "ноль один два три четыре пять шесть семь восемь девять десять одиннадцать двенадцать",
}
_MORE = {
    "en": "two:2 thirty:30 forty:40 fourty:40 fifty:50 sixty:60 seventy:70 eighty:80 ninety:90 "
    "dozen:12",
    "de": "zwo:2 eins:1 eine:1 einer:1 einem:1 einen:1 dreißig:30 vierzig:40 fünfzig:50 sechzig:60 "
    "siebzig:70 achtzig:80 neunzig:90 hundert:100 tausend:1000",
    "fr": "une:1 vingt:20 trente:30 quarante:40 cinquante:50 soixante:60 cent:100 mille:1000",
    "es": "una:1 uno:1 treinta:30 cuarenta:40 cincuenta:50 sesenta:60 setenta:70 ochenta:80 "
    "noventa:90 cien:100 mil:1000",
    "it": "uno:1 una:1 venti:20 trenta:30 cento:100 mille:1000",
    "ru": "одна:1 одного:1 две:2 двух:2 трёх:3 трех:3 четырёх:4 пяти:5 десяти:10 двадцать:20 "
    "тридцать:30 сорок:40 пятьдесят:50 сто:100",
}
_LARGE = {"hundred": 100, "thousand": 1000, "million": 10**6, "billion": 10**9}
_ORDINALS = {
    "en": "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth",
}


def _table(language: str) -> dict[str, int]:
    words = {word: n for n, word in enumerate(_UNITS.get(language, "").split())}
    for pair in _MORE.get(language, "").split():
        word, _, value = pair.partition(":")
        words[word] = int(value)
    return words


_TABLES = {language: _table(language) for language in _UNITS}
_ORDINAL_TABLES = {
    language: {word: n for n, word in enumerate(words.split(), 1)}
    for language, words in _ORDINALS.items()
}
_WORD = re.compile(r"[^\W\d_]+")


def han_value(numeral: str) -> float | None:
    """Return the value of a Chinese numeral, or None if it is not well formed.

    Digits alone are read one by one (二〇二四 is 2024), at least three of them.
    """
    whole, _, fraction = numeral.partition("点")
    if len(whole) > 30:
        return None
    if all(char in _DIGIT for char in whole):
        if len(whole) == 2 or (len(whole) > 1 and not fraction and len(whole) < 3):
            return None
        value = float("".join(str(_DIGIT[char]) for char in whole))
    else:
        read = _placed(whole)
        if read is None:
            return None
        value = float(read)
    if fraction:
        value += float("0." + "".join(str(_DIGIT[char]) for char in fraction))
    return value


def _placed(numeral: str) -> int | None:
    total = section = 0
    digit: int | None = None
    last = 10**12
    for char in numeral:
        if char in _DIGIT:
            if digit:  # 四五百: two digits in a row are no exact number
                return None
            digit = _DIGIT[char]
        elif char in _PLACE:
            section += (1 if digit is None else digit) * _PLACE[char]
            digit, last = None, _PLACE[char]
        else:
            size = _MYRIAD[char]
            section += digit or 0
            total = (total + (section or 1)) * size if size == 10**8 else total + (
                (section or 1) * size
            )  # fmt: skip
            section, digit, last = 0, None, size
    if digit:  # 三百五 is 350, 三百零五 is 305
        spoken = len(numeral) > 1 and numeral[-2] not in "零〇" and last > 10
        section += digit * (last // 10 if spoken else 1)
    return total + section


def spelled_numbers(text: str, language: str) -> Iterator[tuple[int, int, float, bool]]:
    """Yield ``(start, end, value, ordinal)`` of numbers in words; "twenty-one" is one number."""
    table = _TABLES.get(language)
    if not table:
        return
    ordinals = _ORDINAL_TABLES.get(language, {})
    run: list[tuple[int, int, int]] = []
    for match in _WORD.finditer(text):
        word = match[0].lower()
        if word == "and" and run and run[-1][2] >= 100:
            continue  # two hundred and fifty
        joined = not run or text[run[-1][1] : match.start()].strip(" -") in ("", "and")
        value = table.get(word, _LARGE.get(word) if run and language == "en" else None)
        if run and (value is None or not joined or not _goes_on(run, value, language)):
            yield (run[0][0], run[-1][1], _sum(run), False)
            run = []
            value = table.get(word)
        if value is not None:
            run.append((match.start(), match.end(), value))
        elif word in ordinals:
            yield (match.start(), match.end(), float(ordinals[word]), True)
    if run:
        yield (run[0][0], run[-1][1], _sum(run), False)


def _goes_on(run: list[tuple[int, int, int]], value: int, language: str) -> bool:
    """Tell whether a number word belongs to the number before it: tens and ones, or a multiple."""
    if language != "en":
        return False
    before = run[-1][2]
    return (
        value >= 100 or value == 12 or (before >= 100) or (before in range(20, 100) and value < 10)
    )


def _sum(run: list[tuple[int, int, int]]) -> float:
    total = part = 0
    for _, _, value in run:
        if value >= 1000:
            total, part = total + (part or 1) * value, 0
        elif value == 100 or (value == 12 and part):
            part = (part or 1) * value
        else:
            part += value
    return float(total + part)
