# ruff: noqa: E501  (patterns read best one kind a line)

"""Which unit a question of number asks for, and how that stands after a number in a text."""

from __future__ import annotations

import re

from ragkit.answer.question import Question

__all__ = ["asked_unit"]

# What is measured: the words of a question that ask for it, and the units it is given in.
_TIME_UNITS = (
    r"(?:milli|micro)?seconds?|secs?|ms|minutes?|mins?|hours?|days?|nights?|weeks?|months?|years?|decades?|century|centuries"
    r"|Sekunden?|Minuten?|Stunden?|Tage?n?|Wochen?|Monate?n?|Jahre?n?|secondes?|heures?|jours?|semaines?|mois|ans|années?"
    r"|segundos?|minutos?|horas?|días?|semanas?|meses|años?|секунд\w*|минут\w*|час(?:а|ов)?|дн(?:я|ей)|недел\w+|месяц\w*|лет|год(?:а|ов)?"
    r"|毫秒|秒钟?|秒鐘|分钟|分鐘|个?小时|個?小時|天|日|周|週|星期|个月|個月|月|年|岁|歲|世纪|世紀"
)
_MEASURES: tuple[tuple[str, str], ...] = (
    (r"\bmemory\b|\bRAM\b|\bVRAM\b|\bdisk\b|\bstorage\b|\bfile size\b|内存|顯存|显存|記憶體|磁盘|磁碟|硬盘|硬碟|存储空间",
     r"[KMGTP]i?B|[KMGT]\b|(?:kilo|mega|giga|tera)?bytes?|(?:[千兆吉太]?字节)"),
    (r"\bhow (?:high|tall|deep|far|wide|thick)\b|\b(?:height|depth|distance|altitude|elevation)\b"
     r"|\bwie (?:hoch|tief|weit|breit)\b|多[高深远遠宽寬厚]|高度|深度|距离|距離|海拔",
     r"[kcmn]?m|(?:kilo|centi|milli)?met(?:er|re)s?|miles?|f(?:ee|oo)t|ft|inch(?:es)?|yards?|Kilometern?|Metern?|kilomètres?|mètres?"
     r"|kilómetros?|metros?|километр\w*|метр\w*|平?方?(?:公里|千米|公尺|厘米|公分|毫米|英里|英尺|海里|里|米)"),
    (r"\bhow (?:long|old|soon)\b|\b(?:duration|age)\b|\bwie (?:lange|alt)\b|多久|多长时间|多長時間|几岁|幾歲|多大年[纪紀]|时长|時長", _TIME_UNITS),
    (r"\bhow heavy\b|\bweigh(?:t|s)?\b|\bwie schwer\b|多重|重量|体重|體重",
     r"[km]?g|(?:kilo|milli)?grams?|kilos?|pounds?|lbs?|tons?|tonnes?|Kilogramm|Tonnen|公斤|千克|[克吨噸斤]"),
    (r"\bcosts?\b|\bprice\b|\bfees?\b|\bpaid\b|\bmoney\b|\bwie teuer\b|多少[钱錢]|价格|價格|费用|費用|月费|年费",
     r"dollars?|euros?|pounds?|cents?|yuan|yen|rubles?|рубл\w+|USD|EUR|RMB|CNY|(?:美|欧|歐|日|港)?元|英镑|英鎊|欧|块"),
    (r"\bpercent\w*|\bproportion\b|\bshare\b|\bProzent\w*|百分之|比例|比率", r"%|％|percent|per cent|Prozent|процент\w*"),
    (r"\btemperature\b|\bhow (?:hot|cold|warm)\b|\bTemperatur\b|温度|溫度|几度|幾度|多少度", r"°\s?[CF]?|degrees?|Grad|градус\w*|℃|度|摄氏度"),
)  # fmt: skip
_SPECIFIC = re.compile(
    r"\b(?:how many|number of|wie viele?|combien d[e'’]|cu[áa]nt[oa]s|сколько)\s+([^\W\d_]{2,})"
    r"|(?:多少|[几幾])\s?([A-Za-z]{2,}|[^\W\d_])",
    re.IGNORECASE,
)
_ALIKE = {"日": "天日", "天": "天日", "岁": "岁歲", "歲": "岁歲", "个": "个個", "個": "个個"}
_WORD_UNITS = "|".join(units for _, units in _MEASURES)
_UNIT = re.compile(_WORD_UNITS)


def asked_unit(question: Question) -> re.Pattern[str] | None:
    """Return what must follow a number that answers ``question``, or None where any number may.

    "How many days" wants days, "how high" any unit of length, "多少天" 天 after the number.
    """
    if question.kind != "number":
        return None
    specific = _SPECIFIC.search(question.text)
    named = _named(specific[1] or specific[2]) if specific else None
    if named or (specific and specific[1]):
        return named
    for asks, units in _MEASURES:
        if re.search(asks, question.text, re.IGNORECASE):
            return re.compile(rf"[\s\u00a0-]?(?:{units})(?![A-Za-z])")
    return None


def _named(noun: str) -> re.Pattern[str] | None:
    """Return the pattern of a unit that the question names; None for a noun that is no unit."""
    if noun > "\u2e80":
        return re.compile(rf"[多余餘]?\s?[{_ALIKE.get(noun, noun)}]") if noun in _COUNTERS else None
    if not _UNIT.fullmatch(noun):
        return None
    stem = noun[:-1] if noun.lower().endswith("s") and len(noun) > 3 else noun
    return re.compile(rf"[\s\u00a0-]?{re.escape(stem)}\w*", re.IGNORECASE)


_COUNTERS = frozenset(
    "天日年月周週秒岁歲个個人名位次种種部本集所座条條支只隻家间間场場届屆层層倍元度级級期轮輪分票份块塊颗顆项項"
    "批卷册首张張户戶段站节節辆輛架艘枚台臺字米克吨噸公"
)
