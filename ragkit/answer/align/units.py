# ruff: noqa: E501  (tables read best one row a line)

"""Words of measure: units with their sizes, months, weekdays, number words, words of limit."""

from __future__ import annotations

import re

__all__ = [
    "BOUND_AFTER",
    "BOUND_BEFORE",
    "COUNTER",
    "CURRENCY",
    "MONTHS",
    "MULTIPLIERS",
    "UNIT",
    "WEEKDAYS",
    "unit_of",
]

# Dimension, size in its base, forms; the first row that matches wins. A dimension whose units are
# never converted (data sizes of 1000 or 1024, currencies) has one row a unit, of size 1.
_UNITS: tuple[tuple[str, float, str], ...] = (
    ("speed", 1, r"km/h|kph|公里/小时"),
    ("Mbps", 1, r"Mbps|Mbit/s|兆比特每秒"),
    ("Gbps", 1, r"Gbps|Gbit/s"),
    ("kbps", 1, r"[Kk]bps|kbit/s"),
    ("area", 1e6, r"km²|km2|square kilomet(?:er|re)s?|sq\.? km|Quadratkilometern?|平方公里|平方千米|km\^2"),
    ("area", 1, r"m²|m2|square met(?:er|re)s?|Quadratmetern?|平方米|平米|平方公尺"),
    ("area", 1e4, r"hectares?|ha|Hektar|公顷|公頃"),
    ("area", 666.6667, r"亩|畝"),
    ("area", 4046.856, r"acres?|英亩"),
    ("volume", 1e-3, r"ml|mL|millilit(?:er|re)s?|Milliliter|毫升"),
    ("volume", 1, r"l|L|lit(?:er|re)s?|Litern?|litros?|升|リットル|литр\w*"),
    ("volume", 1e3, r"m³|m3|cubic met(?:er|re)s?|立方米|立方公尺"),
    ("energy", 1, r"kWh|kilowatt[- ]hours?|千瓦时"),
    ("time", 1e-6, r"[μu]s|microseconds?|微秒"),
    ("time", 1e-3, r"ms|milliseconds?|msecs?|Millisekunden?|millisecondes?|毫秒|ミリ秒|миллисекунд\w*"),
    ("time", 1, r"seconds?|secs?|s|Sekunden?|secondes?|segundos?|secondi|секунд\w*|秒[钟鐘]?|วินาที"),
    ("time", 60, r"minutes?|mins?|min|Minuten?|minutos?|minuti|минут\w*|分[钟鐘]|分間|分(?!之)|นาที"),
    ("time", 3600, r"hours?|hrs?|h|Stunden?|heures?|horas?|ore|час(?:а|ов)?|[个個]?小[时時]|[个個]?钟头|時間|ชั่วโมง"),
    ("time", 86400, r"days?|Tage?n?|jours?|d[íi]as?|giorni|д(?:ень|ня|ней)|[个個]?(?:工作|自然|交易|营业)?[天日](?!元|圆)|วัน"),
    ("time", 604800, r"weeks?|Wochen?|semaines?|semanas?|settiman[ae]|недел\w+|[个個]?[周週](?!年|岁)|[个個]?星期|[个個]?礼拜|週間|สัปดาห์"),
    ("month", 1, r"months?|Monate?n?|mois|mes(?:es)?|mesi|месяц\w*|[个個]月|か月|ヶ月|เดือน"),
    ("quarter", 1, r"quarters?|季度?|Quartal\w*|квартал\w*"),
    ("month", 12, r"years?|yrs?|Jahre?n?|ans?|années?|años?|anni|лет|год(?:а|ов|у)?|周?年(?!代)|ปี"),
    ("decade", 1, r"decades?|Jahrzehnte?n?|décennies?|年代"),
    ("century", 1, r"century|centuries|Jahrhunderts?|siècles?|siglos?|века?|世[纪紀]|ศตวรรษ"),
    ("percent", 1, r"%|percent|per cent|Prozent|pour cent|por ciento|процент\w*|パーセント|เปอร์เซ็นต์"),
    ("points", 1, r"percentage points?|Prozentpunkte?n?|[个個]百分点"),
    ("celsius", 1, r"°\s?C|℃|degrees? (?:Celsius|centigrade)|Grad Celsius|摄氏度|攝氏度"),
    ("fahrenheit", 1, r"°\s?F|℉|degrees? Fahrenheit|华氏度"),
    ("kelvin", 1, r"K|kelvins?|开尔文"),
    ("degree", 1, r"°|degrees?|Grad|degrés?|grados?|градус\w*|度"),
    ("length", 1e-9, r"nm|nanomet(?:er|re)s?|纳米"),
    ("length", 1e-3, r"mm|millimet(?:er|re)s?|Millimetern?|millimètres?|毫米"),
    ("length", 1e-2, r"cm|centimet(?:er|re)s?|Zentimetern?|centimètres?|厘米|公分|сантиметр\w*"),
    ("length", 1e3, r"km|kilomet(?:er|re)s?|Kilometern?|kilomètres?|kilómetros?|公里|千米|キロメートル|километр\w*|กิโลเมตร"),
    ("length", 1, r"m|met(?:er|re)s?|Metern?|mètres?|metros?|метр\w*|米|公尺|メートル|เมตร"),
    ("length", 1609.344, r"miles?|mi|Meilen?|millas?|英里|哩"),
    ("length", 0.3048, r"feet|foot|ft|英尺|呎"),
    ("length", 0.0254, r"inch(?:es)?|英寸|吋"),
    ("length", 500, r"里"),
    ("mass", 1e-3, r"mg|milligrams?|毫克"),
    ("mass", 1, r"g|grams?|Gramm|grammes?|gramos?|грамм\w*|克|グラム"),
    ("mass", 1e3, r"kg|kilos?|kilograms?|Kilogramm|kilogrammes?|公斤|千克|キロ(?:グラム)?|килограмм\w*"),
    ("mass", 500, r"斤"),
    ("mass", 1e6, r"t|tons?|tonnes?|Tonnen?|тонн\w*|吨|噸|トン"),
    ("mass", 453.59237, r"pounds? of weight|lbs?|磅"),
    ("mass", 28.349523, r"ounces?|oz|盎司"),
    ("gallon", 1, r"gallons?|加仑"),
    ("spoon", 1, r"tablespoons?|tbsp|汤匙|大匙|EL"),
    ("teaspoon", 1, r"teaspoons?|tsp|茶匙|小匙|TL"),
    ("kB", 1, r"[Kk]i?B|kilobytes?|千字节"),
    ("MB", 1, r"Mi?B|megabytes?|兆字节|兆"),
    ("GB", 1, r"Gi?B|GB|gigabytes?|Gigabyte|吉字节|吉位元組|Go"),
    ("TB", 1, r"Ti?B|terabytes?|太字节|To"),
    ("byte", 1, r"bytes?|字节|位元組"),
    ("bit", 1, r"bits?|比特"),
    ("frequency", 1, r"Hz|hertz|赫兹"),
    ("frequency", 1e3, r"kHz|千赫"),
    ("frequency", 1e6, r"MHz|兆赫"),
    ("frequency", 1e9, r"GHz|吉赫"),
    ("power", 1, r"W|watts?|瓦"),
    ("power", 1e3, r"kW|kilowatts?|千瓦"),
    ("power", 1e6, r"MW|megawatts?|兆瓦"),
    ("volt", 1, r"V|volts?|伏"),
    ("ampere", 1, r"A|amps?|amperes?|安培"),
    ("mAh", 1, r"mAh|毫安时?"),
    ("pressure", 1, r"bars?"),
    ("pressure", 1e-5, r"Pa|pascals?|帕"),
    ("mph", 1, r"mph|miles per hour"),
    ("pixel", 1, r"px|pixels?|像素"),
    ("dollar", 1, r"dollars?|USD|US\$|美元|美金|долл\w*|dólares|ドル"),
    ("euro", 1, r"euros?|EUR|€|欧元|歐元|евро|ユーロ"),
    ("pound", 1, r"pounds?|GBP|£|英镑|英鎊|фунт\w*"),
    ("yuan", 1, r"yuan|CNY|RMB|元(?!年)|块钱?|人民币|юан\w*"),
    ("hkd", 1, r"HKD|港元|港币"),
    ("yen", 1, r"yen|JPY|日元|日圆|円"),
    ("ruble", 1, r"rubles?|roubles?|RUB|рубл\w+|卢布"),
    ("baht", 1, r"baht|บาท|泰铢"),
    ("cent", 1, r"cents?|美分"),
    ("times", 1, r"times|倍"),
)  # fmt: skip
CURRENCY = {
    "$": "dollar", "US$": "dollar", "USD": "dollar", "€": "euro", "EUR": "euro", "£": "pound",
    "GBP": "pound", "¥": "yuan", "RMB": "yuan", "CNY": "yuan", "人民币": "yuan", "HK$": "hkd",
    "港币": "hkd", "JPY": "yen",
}  # fmt: skip

# A unit in letters ends its word.
_END = r"(?![A-Za-z0-9À-ɏа-яё])"
UNIT = re.compile("|".join(f"(?P<u{n}>(?:{row[2]}){_END})" for n, row in enumerate(_UNITS)))


def unit_of(match: re.Match[str]) -> tuple[str, float]:
    """Return the dimension and the size of a match of ``UNIT``."""
    dimension, size, _ = _UNITS[int(str(match.lastgroup)[1:])]
    return dimension, size


# Attached or after a space: 3.5 million, 1.2亿, 8万.
MULTIPLIERS = {
    "hundred": 1e2, "thousand": 1e3, "million": 1e6, "millions": 1e6, "billion": 1e9, "billions": 1e9,
    "trillion": 1e12, "bn": 1e9, "mn": 1e6, "tausend": 1e3, "million.": 1e6, "millionen": 1e6,
    "mio": 1e6, "milliarde": 1e9, "milliarden": 1e9, "mrd": 1e9, "mille": 1e3, "milliard": 1e9,
    "milliards": 1e9, "mil": 1e3, "millón": 1e6, "millones": 1e6, "тыс": 1e3, "тысяч": 1e3, "тысячи": 1e3,
    "млн": 1e6, "миллион": 1e6, "миллиона": 1e6, "миллионов": 1e6, "млрд": 1e9, "миллиард": 1e9,
    "миллиарда": 1e9, "миллиардов": 1e9, "k": 1e3, "百": 1e2, "千": 1e3, "万": 1e4, "萬": 1e4, "百万": 1e6,
    "百萬": 1e6, "千万": 1e7, "千萬": 1e7, "亿": 1e8, "億": 1e8, "万亿": 1e12, "兆": 1e12, "พัน": 1e3,
    "ล้าน": 1e6,
}  # fmt: skip
# What a lone Chinese numeral counts; before anything else it is part of a word (四川, 一般).
COUNTER = re.compile(
    r"[个個名位次种種年月日天周秒分时時岁歲人部本集所座条條支只隻家间間台臺场場届屆层層倍元度级級轮輪份块塊颗顆项項批卷册首张張户"
    r"戶段站节節辆輛架艘枚米克吨噸升斤里票枪槍杯勺碗片路道点點章款版代期季方重步门門套件篇句行列组組折成大小]|[公英]里|公[斤顷尺]|星期|小[时時]|美元|世[纪紀]|工作日"
)

_MONTH_NAMES = (
    "january jan januar jänner janvier enero gennaio janeiro января январь",
    "february feb februar février febrero febbraio fevereiro февраля февраль",
    "march mar märz mars marzo março марта март",
    "april apr avril abril aprile апреля апрель",
    "may mai mayo maggio maio мая май",
    "june jun juni juin junio giugno junho июня июнь",
    "july jul juli juillet julio luglio julho июля июль",
    "august aug août agosto августа август",
    "september sep sept septembre septiembre settembre setembro сентября сентябрь",
    "october oct oktober okt octobre octubre ottobre outubro октября октябрь",
    "november nov novembre noviembre novembro ноября ноябрь",
    "december dec dezember dez décembre diciembre dicembre dezembro декабря декабрь",
)
MONTHS = {name: n for n, names in enumerate(_MONTH_NAMES, 1) for name in names.split()}
_DAY_NAMES = (
    "monday mon montag montags lundi lunes понедельник",
    "tuesday tue tues dienstag dienstags mardi martes вторник",
    "wednesday wed mittwoch mittwochs mercredi miércoles среда среду",
    "thursday thu thurs donnerstag donnerstags jeudi jueves четверг",
    "friday fri freitag freitags vendredi viernes пятница пятницу",
    "saturday samstag samstags sonnabend samedi sábado суббота субботу",
    "sunday sonntag sonntags dimanche domingo воскресенье",
)
WEEKDAYS = {name: n for n, names in enumerate(_DAY_NAMES, 1) for name in names.split()}

_MOST = (
    r"up to|at most|no(?:t)? (?:more|later|longer|higher|greater|larger) than|(?:not|never) exceed(?:ing|s)?|maximum(?: of)?|max\.?"
    r"|less than|fewer than|lower than|smaller than|younger than|under|below|höchstens|maximal|bis zu|weniger als|unter|au plus|jusqu'à|moins de|como máximo"
    r"|hasta|menos de|не более|до|менее|[不未][超大高多晚迟]?[过於于]|不得?超过|最[多大高长長]|至多|上限为?|[低少小短]于|不[到足]|未满"
)
_LEAST = (
    r"at least|no(?:t)? (?:less|fewer|lower|earlier|shorter) than|minimum(?: of)?|more than|over|above|greater than|higher than|larger than"
    r"|older than|exceed(?:s|ed|ing)?|mindestens|mehr als|über|au moins|plus de|al menos|más de|не менее|более|свыше"
    r"|不[少小低早短]于|最[少小低短]|至少|起码|[高多大长長]于|超[过過]|[逾达]"
)
BOUND_BEFORE = re.compile(
    rf"(?:(?P<max>(?<![A-Za-z])(?:{_MOST}))|(?P<min>(?<![A-Za-z])(?:{_LEAST})))[^,，。;；、]{{0,6}}$",
    re.IGNORECASE,
)
BOUND_AFTER = re.compile(
    r"\s?[^\s,，。]{0,3}?(?:(?P<max>or (?:less|fewer|earlier|below|under)|at most|以下|及以下|oder weniger|maximum)"
    r"|(?P<min>or (?:more|later|above|over|higher)|at least|以上|及以上|起|oder mehr|minimum))",
    re.IGNORECASE,
)
