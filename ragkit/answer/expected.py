# ruff: noqa: E501  (word lists and patterns read best one kind a line)

"""What an answer of each kind looks like in a sentence: dates, numbers, names, reasons."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from functools import cache

from ragkit.retrieve.tokenizer import is_function_word

__all__ = ["definition_pattern", "expected_spans", "has_expected"]

_HAN_NUMBER = "[零〇一二两兩三四五六七八九十百千万萬亿億几幾数數半]"
_DIGITS = (
    r"\d[\d,.，٫٬\u00a0']*\d(?:[eE][-+]?\d+)?|\d(?:[eE][-+]?\d+)?|[०-९๐-๙٠-٩۰-۹][०-९๐-๙٠-٩۰-۹,.٫٬]*"
)
_UNITS_HAN = (
    "(?:多|余|餘|几|幾)?(?:[万萬亿億千百]+)?(?:公里|千米|平方公里|平方千米|平方米|英里|英尺|海里|米|厘米|公分|毫米|公尺|吨|噸|公斤|千克|克"
    "|个|個|人|名|位|次|年|月|日|天|小时|小時|分钟|分鐘|秒|岁|歲|种|種|部|本|集|所|座|条|條|支|只|隻|家|间|間|场|場|届|屆|层|層|倍|%|％|"
    "元|美元|英镑|度|℃|级|級|号|號|期|轮|輪|分|票|份|块|塊|颗|顆|项|項|批|卷|册|首|张|張|户|戶|段|大|成|站|节|節|辆|輛|架|艘|枚|台|臺|字)*"
)
_NUMBER_WORDS = {
    "en": "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred hundreds thousand "
    "thousands million millions billion trillion dozen half third quarter quarters thirds twice once several both",
    "de": "eins zwei drei vier fünf sechs sieben acht neun zehn elf zwölf zwanzig dreißig hundert tausend million "
    "millionen milliarden hälfte drittel viertel dutzend beide",
    "fr": "deux trois quatre cinq six sept huit neuf dix onze douze vingt trente cent mille million millions milliard moitié tiers quart",
    "es": "dos tres cuatro cinco seis siete ocho nueve diez once doce veinte treinta cien mil millón millones mitad tercio cuarto",
    "ru": "один одна два две двух три трех трёх четыре четырех пять пяти шесть семь восемь девять десять двенадцать двадцать сто тысяч "
    "тысячи миллион миллиона миллионов миллиардов половина половины треть четверть",
    "tr": "bir iki üç dört beş altı yedi sekiz dokuz on yirmi yüz bin milyon milyar yarısı",
    "vi": "một hai ba bốn năm sáu bảy tám chín mười trăm nghìn ngàn triệu tỷ nửa",
    "ar": "واحد اثنان اثنين ثلاثة ثلاث أربعة أربع خمسة خمس ستة سبعة ثمانية تسعة عشرة عشر مئة مائة ألف آلاف مليون مليار نصف ثلث ربع",
    "hi": "एक दो तीन चार पांच पाँच छह सात आठ नौ दस सौ हजार हज़ार लाख करोड़ मिलियन अरब आधा आधे",
    "el": "ένα δύο τρία τρεις τέσσερα τέσσερις πέντε έξι επτά οκτώ εννέα δέκα είκοσι εκατό χίλια χιλιάδες εκατομμύρια εκατομμύριο μισό τρίτο",
    "th": "หนึ่ง สอง สาม สี่ ห้า หก เจ็ด แปด เก้า สิบ ร้อย พัน หมื่น แสน ล้าน ครึ่ง",
}  # fmt: skip
_MONTHS = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
    "jan",
    "feb",
    "mar",
    "apr",
    "jun",
    "jul",
    "aug",
    "sept",
    "sep",
    "oct",
    "nov",
    "dec",
    "januar",
    "februar",
    "märz",
    "mai",
    "juni",
    "juli",
    "oktober",
    "dezember",
    "janvier",
    "février",
    "mars",
    "avril",
    "juin",
    "juillet",
    "août",
    "septembre",
    "octobre",
    "novembre",
    "décembre",
    "enero",
    "febrero",
    "marzo",
    "abril",
    "mayo",
    "junio",
    "julio",
    "agosto",
    "septiembre",
    "octubre",
    "noviembre",
    "diciembre",
    "января",
    "февраля",
    "марта",
    "апреля",
    "мая",
    "июня",
    "июля",
    "августа",
    "сентября",
    "октября",
    "ноября",
    "декабря",
    "ocak",
    "şubat",
    "mart",
    "nisan",
    "mayıs",
    "haziran",
    "temmuz",
    "ağustos",
    "eylül",
    "ekim",
    "kasım",
    "aralık",
    "ιανουαρίου",
    "φεβρουαρίου",
    "μαρτίου",
    "απριλίου",
    "μαΐου",
    "ιουνίου",
    "ιουλίου",
    "αυγούστου",
    "σεπτεμβρίου",
    "οκτωβρίου",
    "νοεμβρίου",
    "δεκεμβρίου",
    "يناير",
    "فبراير",
    "مارس",
    "أبريل",
    "مايو",
    "يونيو",
    "يوليو",
    "أغسطس",
    "سبتمبر",
    "أكتوبر",
    "نوفمبر",
    "ديسمبر",
    "जनवरी",
    "फरवरी",
    "मार्च",
    "अप्रैल",
    "मई",
    "जून",
    "जुलाई",
    "अगस्त",
    "सितंबर",
    "अक्टूबर",
    "नवंबर",
    "दिसंबर",
]
_MONTH = "|".join(sorted(_MONTHS, key=len, reverse=True))
_TIME = re.compile(
    # Chinese and Japanese dates
    r"(?:公元前?|西元前?|前)?(?:\d{1,4}|[〇零一二三四五六七八九十]{2,4})(?:年代?|世[紀纪])(?:[初中末]期?|[上下]半[年叶葉]|前后|前後)?(?:\s?\d{1,2}月)?(?:\s?\d{1,2}[日号號])?"
    r"|\d{1,2}月(?:\d{1,2}[日号號])?|[一二三四五六七八九十]{1,3}月[初中底]?|\d{1,2}[:：]\d{2}"
    rf"|(?:(?:\d{{1,2}}\.?(?:st|nd|rd|th)?(?: of| de)?\s+)?\b(?:{_MONTH})\b\.?(?:\s+\d{{1,2}}(?:st|nd|rd|th)?\b)?(?:,?\s+(?:de\s+)?\d{{4}})?)"
    r"|\b\d{4}[-/.]\d{1,2}[-/.]\d{1,2}\b|\b\d{1,2}[./]\d{1,2}[./]\d{2,4}\b"
    r"|\b(?:1\d{3}|20\d{2})s?(?:\s?[-–—]\s?(?:1\d{3}|20\d{2}|\d{2}))?\b(?![\d%])|\b\d{1,4}\s?(?:BC|BCE|AD|CE|v\. Chr\.|n\. Chr\.|до н\. э\.)"
    r"|\b(?:\d{1,2}(?:st|nd|rd|th)|\d{1,2}\.|[IVX]{1,5}|\d{1,2}-?(?:й|го|м)?)\s?(?:-?\s?)?(?:century|centuries|Jahrhunderts?|siècle|siglo|век\w*|в\.|yüzyıl\w*|αιώνα\w*|secolo)"
    r"|\b(?:siglo|thế kỷ|القرن|ศตวรรษที่|năm|ปี|พ\.ศ\.|ค\.ศ\.)\s?[\w]+"
    r"|[०-९๐-๙٠-٩]{4}|(?<!\d)(?:1\d{3}|20\d{2})(?!\d)",
    re.IGNORECASE,
)
_PERSON_TITLES = (
    r"(?:\b(?:Mr|Mrs|Ms|Dr|Prof|Sir|Lord|Lady|King|Queen|President|Pope|Saint|St|Emperor|General|Captain|Herr|Frau"
    r"|König|Kaiser|Don|Doña|Rey)\.?\s+)?"
)
_NAME_WORD = r"[^\W\d_a-zа-яёα-ωά-ώßà-öø-ÿ][\w’'\-]*"
_NAME = re.compile(
    rf"{_PERSON_TITLES}{_NAME_WORD}(?:\s+(?:(?:of|the|de|la|von|van|der|den|du|da|del|bin|ibn|al|and|&|und|y|и|of the)\s+){{0,2}}{_NAME_WORD})*"
)
_HAN_NAME = re.compile(
    r"[\u4e00-\u9fff]{1,8}(?:[·•・‧．][\u4e00-\u9fffA-Z]{1,8})+"
    r"|(?:[赵趙钱錢孙孫李周吴吳郑鄭王冯馮陈陳褚卫衛蒋蔣沈韩韓杨楊朱秦尤许許何吕呂施张張孔曹严嚴华華金魏陶姜戚谢謝邹鄒喻苏蘇潘葛范彭郎鲁魯韦韋马馬"
    r"苗凤鳳方俞任袁柳鲍鮑史唐费費廉岑薛雷贺賀倪汤湯滕殷罗羅毕畢郝邬安常乐樂于时傅皮卞齐齊康伍余元卜顾顧孟平黄黃和穆萧蕭尹姚邵汪祁毛狄"
    r"米贝貝明臧计計伏成戴宋茅庞龐熊纪紀舒屈项項祝董梁杜阮蓝藍闵闵席季麻强贾賈路娄危江童颜顏郭梅盛林刁钟鍾徐邱骆駱高夏蔡田樊胡凌霍虞万萬"
    r"支柯管卢盧莫经房裘缪干解应应宗丁宣邓鄧郁单杭洪包诸諸左石崔吉龚龔程邢裴陆陸荣榮翁荀羊惠甄曲封靳焦巴侯仇刘劉叶葉白鄂蒲赖賴卓蔺屠蒙池"
    r"乔喬阴郁能苍双闻莘党翟谭譚贡劳姬申扶冉宰雍桑桂濮牛寿通边扈燕冀浦尚农温柴瞿阎充慕连茹习宦艾鱼容向古易慎戈廖居衡步都耿满弘匡国文寇广"
    r"东歐欧利蔚越隆师巩聂晁勾敖融冷辛阚那简饶空曾毋沙养须丰巢关關蒯相查后荆红游竺权盖益桓公]|欧阳|歐陽|司马|司馬|诸葛|諸葛|上官|慕容|皇甫|令狐|司徒|尉迟)[\u4e00-\u9fff]{1,2}(?=[，。、（(；;和与與及在于於为為曾是的所等出担擔获獲执執率领領]|$)"
)
_PLACE = re.compile(
    r"[\u4e00-\u9fff]{1,10}(?:国|國|省|市|县|縣|州|区|區|岛|島|山|镇|鎮|村|乡|鄉|路|街|大学|大學|洲|洋|海|湖|河|江|港|湾|灣|地区|地區|半岛|半島|盆地|平原|流域|府|郡|城|寺|站)"
    r"|[\u4e00-\u9fff]{1,4}[东西南北東中]部"
)
_REASON = re.compile(
    r"因为|因為|由于|由於|所以|因此|因而|原因|为了|為了|导致|導致|以免|以便|故此|ため|から|ので|때문|"
    r"\bbecause\b|\bdue to\b|\bsince\b|\bas a result\b|\btherefore\b|\bso that\b|\breason|\bcause[ds]?\b|\bin order to\b|\bowing to\b|\bthanks to\b|\bled to\b|\bto (?:avoid|prevent|ensure)\b|"
    r"\bweil\b|\bda\b|\bwegen\b|\bdeshalb\b|\baufgrund\b|\bum .{1,60} zu\b|\bparce qu|\bcar\b|\bafin\b|\bà cause\b|\bporque\b|\bdebido\b|\bpara\b|\bpor lo que\b|"
    r"\bпотому что\b|\bтак как\b|\bиз-за\b|\bпоскольку\b|\bчтобы\b|\bпоэтому\b|لأن|بسبب|نتيجة|เพราะ|เนื่องจาก|เพื่อ|\bvì\b|\bdo\b|\bđể\b|\bbởi\b|क्योंकि|कारण|इसलिए|\bçünkü\b|\bnedeniyle\b|\biçin\b|\bγιατί\b|\bεπειδή\b|\bλόγω\b|\bδιότι\b",
    re.IGNORECASE,
)
_STEP = re.compile(
    r"^\s*(?:\d{1,2}[.)、．]|[-*+•]\s|步骤|第[一二三四五六七八九十]步|step \d)|`[^`]+`|^\s*(?:\$|>>>|pip|sudo|npm|docker|git)\s|执行|运行|点击|设置|配置|使用|通过|可以|"
    r"\b(?:run|set|use|click|open|install|add|type|enter|execute|call|create|configure|by \w+ing)\b",
    re.IGNORECASE | re.MULTILINE,
)
_SENTENCE_START = re.compile(r"(?:^|[.!?:]\s+|[\"“«(\-*>]\s*)$")
_SCRIPT_HAN = re.compile(r"[\u3041-\u30ff\u4e00-\u9fff]")


@cache
def _number(language: str) -> re.Pattern[str]:
    words = _NUMBER_WORDS.get(language, _NUMBER_WORDS["en"]).split()
    spelled = "|".join(sorted(words, key=len, reverse=True))
    edge = "" if language == "th" else r"\b"
    return re.compile(
        rf"(?:第|约|約|超过|超過)?(?:{_DIGITS})\s?{_UNITS_HAN}\s?(?:%|％|percent|per cent|Prozent|процент\w*|por ciento)?"
        rf"|第?{_HAN_NUMBER}+{_UNITS_HAN}"
        rf"|{edge}(?:{spelled}){edge}(?:[ -](?:{spelled}){edge})*",
        re.IGNORECASE,
    )


def expected_spans(text: str, kind: str, language: str | None) -> Iterator[tuple[int, int]]:
    """Yield the spans of ``text`` that look like an answer of ``kind``; may overlap, in order."""
    if kind == "time":
        yield from (match.span() for match in _TIME.finditer(text))
    elif kind == "number":
        base = "zh" if language == "zh-Hant" else language or "en"
        for match in _number(base).finditer(text):
            if match[0].strip():
                yield match.start(), match.start() + len(match[0].rstrip(" ,.，'\u00a0"))
    elif kind in ("person", "place"):
        if _SCRIPT_HAN.search(text):
            pattern = _HAN_NAME if kind == "person" else _PLACE
            yield from (match.span() for match in pattern.finditer(text))
        else:
            yield from _names(text, language)


def _names(text: str, language: str | None) -> Iterator[tuple[int, int]]:
    """Yield capitalised runs; the first word of a sentence is no name by its capital alone."""
    for match in _NAME.finditer(text):
        start, end = match.span()
        if not _SENTENCE_START.search(text, max(0, start - 4), start):
            yield start, end
            continue
        first, _, rest = match[0].partition(" ")
        if rest and not is_function_word(first, language):
            yield start, end
        if rest:
            yield start + len(first) + 1, end


def has_expected(text: str, kind: str, language: str | None) -> bool | None:
    """Return whether ``text`` holds what ``kind`` asks for; None where the kind tells nothing."""
    if kind in ("time", "number", "person", "place"):
        return next(expected_spans(text, kind, language), None) is not None
    if kind == "reason":
        return _REASON.search(text) is not None
    if kind == "method":
        return _STEP.search(text) is not None
    return None


def definition_pattern(text: str, subject: str, *, beside: Collection[str] = ()) -> bool:
    """Return whether ``text`` says what ``subject`` is: it opens with it and a form of "to be".

    Only articles and the words ``beside`` it in the question may stand before the subject: "The
    main preset is …" does not say what a preset is.
    """
    head = text[: len(subject) + 80].casefold()
    at = head.find(subject.casefold())
    if at < 0 or at > 40:
        return False
    allowed = {word.casefold() for word in beside} | _ARTICLES
    if any(word not in allowed for word in re.findall(r"\w[\w.-]*", head[:at])):
        return False
    tail = head[at + len(subject) :]
    return re.match(_IS, tail) is not None


_ARTICLES = frozenset(
    "a an the ein eine einen der die das un une le la les el los las il lo o os as "
    "所谓 所謂 中的 里的 裡的 的".split()
)


_IS = re.compile(
    r"[\s*`\"'”’」』》（(\w/:：，,\-)）]{0,40}?\s*(?:是|為|为|指|即|とは|は|란|은|는|คือ|là\b|\b(?:is|are|was|were|means|refers|ist|sind|war|bezeichnet|est|sont|était"
    r"|es|son|era|является|это|είναι|هو|هي|é|è)\b|—|–)",
    re.IGNORECASE,
)
