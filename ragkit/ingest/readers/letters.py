"""How common characters are in the languages that each legacy encoding was made for.

The lists hold the most frequent characters of each script, written down from general knowledge
of the languages, not counted in any corpus. They only have to tell encodings apart: a wrong one
turns text into rare characters, into symbols inside words, or into capitals after small letters.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

__all__ = ["PROFILES", "Profile", "is_plausible"]

_HANS = (
    "的一是不了在人有我他这个们中来上大为和国地到以说时要就出会可也你对生能而子那得于着下自之年过发后作里"
    "用道行所然家种事成方多经么去法学如都同现当没动面起看定天分还进好小部其些主样理心她本前开但因只从想实"
    "日军者意无力它与长把机十民第公此已工使情明性知全三又关点正业外将两高间由问很最重并物手应战向头文体政"
    "美相见被利什二等产或新己制身果加西斯月话合回特代内信表化老给世位次度门任常先海通教儿原东声提立及比员"
    "解水名真论处走义各入几口认条平系气题活尔更别打女变四神总何电数安少报才结反受目太量再感建务做接必场件"
    "计管期市直德资命山金指克许统区保至队形社便空决治展马科司五基眼书非则听白却界达光放强即像难且权思王象"
    "完设式色路记南品住告类求据程北边死张该交规万取拉格望觉术领共确传师观清今切院让识候带导争运请支持选择"
    "数据库系统使用参数设置版本文件命令执行支持默认配置节点操作存储查询集群启动节约束类型服务网络安装更新错误"
)
_HANT = (
    "的一是不了在人有我他這個們中來上大為和國地到以說時要就出會可也你對生能而子那得於著下自之年過發後作裡裏"
    "用道行所然家種事成方多經麼去法學如都同現當沒動面起看定天分還進好小部其些主樣理心她本前開但因只從想實"
    "日軍者意無力它與長把機十民第公此已工使情明性知全三又關點正業外將兩高間由問很最重並物手應戰向頭文體政"
    "美相見被利什二等產或新己制身果加西斯月話合回特代內信表化老給世位次度門任常先海通教兒原東聲提立及比員"
    "解水名真論處走義各入幾口認條平系氣題活爾更別打女變四神總何電數安少報才結反受目太量再感建務做接必場件"
    "計管期市直德資命山金指克許統區保至隊形社便空決治展馬科司五基眼書非則聽白卻界達光放強即像難且權思王象"
    "完設式色路記南品住告類求據程北邊死張該交規萬取拉格望覺術領共確傳師觀清今切院讓識候帶導爭運請支持選擇"
    "據庫統參數設置檔案命令執行預設節點操作儲存查詢叢集啟動約束型服務網路安裝更新錯誤臺灣於"
)
_CANTONESE = "佢哋喺嘅咗唔嚟冇啲嗰咁乜嘢睇攞畀俾咩喎啦囉㗎嘞吖噉咪嗌諗揾搵瞓靚"
_JAPANESE = (
    "日一国人年大十二本中長出三同時政事自行社見月分議後前民生連五発間対上部東者党地合市業内相方四定今回新"
    "場金員九入選立開手米力学問高代明実円関決子動京全目表戦経通外最言氏現理調体化田当八六約主題下首意法不"
    "来作性的要用制治度務強気小七成期公野協取都和統以機平総加山思家話世受区領多県続進正安設保改数記院女初"
    "北午指権心界支第産結百派点教報済書府活原先共得解名交資予川向際査勝面委告軍文反元重近千考判認画海参売"
    "利組知案道信策集在件団別物側任引使求所次水半品昨論計死官増係感特情投示変打男基私各始島直両朝革価式確"
)
_HANGUL = (
    "이다의에는을가은를로하고지한기도사인서리어대자나라시과정해일으스전있아부아그여수장주제보구들상었안동적"
    "국원면조만우학선계세소공유비실중등모성용신무경영위산건생관미분연년했회한것오화개할말저합니습내러간되된게"
)  # fmt: skip
_CYRILLIC = "оеаинтсрвлкмдпуяыьгзбчйхжшюцщэфъёіїєґўѓќљњџјѕђћ"
_GREEK = "αοιετσνηυρπκμλςωδγχθφβξζψάέήίόύώϊϋΐΰ"
_HEBREW = "יוהלאתרבשמנםדקעחפסגטכןצזךףץאָ"
_ARABIC = "المينوترهبسدعفقكةحجشصطخذأضغزئىثءظإآؤپچژگ،؟َُِّْ"
_THAI = "านรอกเงมยลวดทสตะปบคหแจพชขใไโผซถธศณษฉฎฏฐภฝฟญอ่้็ีิัืุูึ์ำๆ"
_WEST = "éèàäöüßçñáíóúâêîôûãõåæøëïœùìò¿¡ºª"
_CENTRAL = ("ąćęłńóśźż", "áčďéěíňóřšťúůýžäľĺŕô", "áéíóöőúüű", "ăâîşţ", "čćđšž")
_TURKISH = "ğışçöüâîû"
_BALTIC = "āčēģīķļņšūžąęėįųõäöü"
_VIETNAMESE = "ăâđêôơưáàéèíóòúùýãõ\u0300\u0301\u0303\u0309\u0323"
_SIGNS = frozenset("“”‘’–—…•«»„‚‹›°§©®€£™·¶′×")
_WIDE_SIGNS = frozenset(
    "、。，．・：；？！「」『』（）【】《》〈〉“”‘’—…·～　％＋－＝／＆１２３４５６７８９０"
)


_KANA = "".join(map(chr, (*range(0x3041, 0x3094), *range(0x30A1, 0x30FD))))
# How much better a text must fit encodings that are rare today. Some differ from a common one by
# letters that the common one turns into signs, so that little is needed.
_RARE = dict.fromkeys(
    ("mac_roman", "cp850", "cp852", "cp855", "cp1258", "johab"), 0.05
) | dict.fromkeys(("iso8859_2", "iso8859_6", "mac_cyrillic"), 0.002)
_LETTER = frozenset("aAlLve")


@dataclass(frozen=True, slots=True)
class Profile:
    """Encodings, best first, and the characters of the text that they were made for.

    ``weights`` holds the common characters, ``ranges`` the possible ones. ``script`` tells which
    neighbours are odd: "latin" letters stand beside ASCII letters, "alphabet" letters never do.
    ``everyday`` names a character set and its first and last row of everyday Han characters.
    """

    encodings: tuple[str, ...]
    script: str
    weights: Mapping[str, float]
    ranges: tuple[str, ...] = ()
    everyday: tuple[str, int, int] | None = None

    def mean_weight(self, text: str) -> float:
        """Return the mean weight, from -3 to 1, of the non-ASCII characters of ``text``."""
        kinds = list(map(_kind, f" {text} "))
        total = 0.0
        placed = zip(text, kinds, kinds[2:], strict=False)
        seen = Counter(key for key in placed if key[0] > "\x7f")
        for (c, before, after), count in seen.items():
            total += count * self._weight(c, before, after)
        return total / max(1, seen.total()) - _RARE.get(self.encodings[0], 0.0)

    def _weight(self, c: str, before: str, after: str) -> float:
        alone = self._alone(c)
        if self.script == "han" or alone < 0:
            return alone
        if c in _SIGNS:
            if before in _LETTER and after in _LETTER and c not in "’–—·":
                return -0.5
            if c in "€£" and self.script != "latin" and (before in _LETTER or after in _LETTER):
                return -0.5  # "я" of Windows at the end of a word, read as Mac's Cyrillic
            return 0.9 if self.script == "latin" and _in_its_place(c, before, after) else alone
        if before in "al" and c.isupper():
            return -0.5
        if before == "L" and c.isupper():
            alone *= 0.6  # a line of capitals is rarer than the script that it would be misread in
        if self.script == "latin":
            if c in "¿¡" and before in _LETTER:
                return -0.5  # they open a sentence
            if before in "aA" or after in "aA":
                return alone
            if c.islower() and "l" in (before, after) and "L" not in (before, after):
                return 0.0  # as in Turkish "balığı"; what is misread mixes in capitals
            return -0.5 if before in "lL" or after in "lL" else min(alone, 0.2)
        if before in "aA" or after in "aA":
            return -0.7
        if self.script == "thai" and not _thai_order(c, before, after):
            return -1.0
        # "à" alone in French must not become a Cyrillic "а" alone.
        return alone if before in _LETTER or after in _LETTER else 0.3 * alone

    def _alone(self, c: str) -> float:
        """Return the weight of ``c`` whatever stands beside it."""
        weight = self.weights.get(c.lower())
        if weight is not None:
            return weight
        if c in _SIGNS or (c in _WIDE_SIGNS and self.everyday):
            return 0.5
        if any(pair[0] <= c <= pair[1] for pair in self.ranges):
            return 0.2
        if self.everyday and "\u4e00" <= c <= "\u9fff":
            charset, first, last = self.everyday
            coded = c.encode(charset, errors="ignore")
            return -0.3 if not coded else 0.4 if first <= coded[0] <= last else 0.0
        kind = unicodedata.category(c)
        return {"Co": -3.0, "Cn": -3.0, "Cc": -2.0}.get(kind, -3.0 if c == "\ufffd" else -0.5)


def _in_its_place(c: str, before: str, after: str) -> bool:
    """Tell whether quotes open before and close behind a word, and dashes stand free."""
    if c in "“‘„«":
        return before == "-" and after in _LETTER
    if c in "”»":
        return before in _LETTER and after == "-"
    return c in "–—€£" and before == after == "-"


@lru_cache(maxsize=16_384)  # asked for each character in each encoding
def _kind(c: str) -> str:
    """Return a for small and A for capital ASCII letters, l and L for others, v for Thai marks."""
    if "a" <= c <= "z":
        return "a"
    if c.isascii():
        return "A" if c.isalpha() else "-"
    if "\u0e40" <= c <= "\u0e44":
        return "e"
    if "\u0e31" <= c <= "\u0e3a" or "\u0e47" <= c <= "\u0e4e":
        return "v"
    return ("L" if c.isupper() else "l") if c.isalpha() else "-"


def _thai_order(c: str, before: str, after: str) -> bool:
    """Tell whether marks stand on a letter and leading vowels before one."""
    kind = _kind(c)
    return before in "lv" if kind == "v" else after == "l" if kind == "e" else True


def _ranked(letters: str) -> dict[str, float]:
    """Return weights for ``letters``, most frequent first: from 1 down to 0.2."""
    return {c: max(0.2, 1 - 0.04 * i) for i, c in reversed([*enumerate(letters)])}


def _alphabet(encodings: str, letters: str, *ranges: str, script: str = "alphabet") -> Profile:
    return Profile(tuple(encodings.split()), script, _ranked(letters), ranges)


def _latin(encodings: str, letters: str, rarer: str = "") -> Profile:
    weights = dict.fromkeys(letters, 1.0) | dict.fromkeys(rarer, 0.6)
    return Profile(tuple(encodings.split()), "latin", weights, ("Àſ",))


def _east_asian(encodings: str, common: str, everyday: tuple[str, int, int]) -> Profile:
    ranges = ("가힣",) if common is _HANGUL else ("｡ﾟ",) if _KANA in common else ()
    return Profile(tuple(encodings.split()), "han", dict.fromkeys(common, 1.0), ranges, everyday)


PROFILES = (
    _east_asian("gb18030", _HANS, ("gb2312", 0xB0, 0xD7)),
    _east_asian("cp950", _HANT, ("big5", 0xA4, 0xC6)),
    _east_asian("big5hkscs", _HANT + _CANTONESE, ("big5", 0xA4, 0xC6)),
    _east_asian("cp932 shift_jis_2004", _KANA + _JAPANESE, ("euc_jp", 0xB0, 0xCF)),
    _east_asian("euc_jp euc_jis_2004", _KANA + _JAPANESE, ("euc_jp", 0xB0, 0xCF)),
    _east_asian("cp949", _HANGUL, ("euc_kr", 0x00, 0x00)),
    _east_asian("johab", _HANGUL, ("euc_kr", 0x00, 0x00)),
    _alphabet("cp1251", _CYRILLIC, "Ѐџ", "Ґґ"),
    _alphabet("koi8_r", _CYRILLIC, "Ѐџ"),
    _alphabet("koi8_u", _CYRILLIC, "Ѐџ", "Ґґ"),
    _alphabet("cp866", _CYRILLIC, "Ѐџ"),
    _alphabet("iso8859_5", _CYRILLIC, "Ѐџ"),
    _alphabet("mac_cyrillic", _CYRILLIC, "Ѐџ"),
    _alphabet("cp855", _CYRILLIC, "Ѐџ"),
    _latin("cp1252", _WEST, "õû"),
    _latin("cp1254", _TURKISH),  # before cp1250, which has nearly all of its letters, too
    *(_latin("cp1250", letters) for letters in _CENTRAL),
    *(_latin("iso8859_2", letters) for letters in _CENTRAL),
    _latin("cp1257", _BALTIC),
    _latin("cp1258", _VIETNAMESE),
    _alphabet("cp1253", _GREEK, "ͰϿ"),
    _alphabet("iso8859_7", _GREEK, "ͰϿ"),
    _alphabet("cp1255", _HEBREW, "\u0590\u05ff"),
    _alphabet("cp1256", _ARABIC, "\u0600ۿ"),
    _alphabet("iso8859_6", _ARABIC, "\u0600ۿ"),
    _alphabet("cp874", _THAI, "\u0e01\u0e5b", script="thai"),
    _latin("mac_roman", _WEST, "õû"),
    _latin("cp850", _WEST),
    *(_latin("cp852", letters) for letters in _CENTRAL),
)
_COMMON_ANYWHERE = frozenset().union(*(profile.weights for profile in PROFILES))
_SCRIPTS = ("Àɏ", "Ͱӿ", "\u0590\u06ff", "\u0900\u0dff", "\u0e01\u0e5b", "ぁヿ", "가힣")


def is_plausible(c: str) -> bool:
    """Tell whether ``c`` is common in any language: a wrong byte order yields few that are."""
    if c.isascii():
        return c.isprintable() or c in "\t\r\n"
    if c in _COMMON_ANYWHERE or c in _WIDE_SIGNS or c in _SIGNS:
        return True
    if "\u4e00" <= c <= "\u9fff":
        return any(c.encode(name, errors="ignore") for name in ("gb2312", "big5", "euc_jp"))
    return any(pair[0] <= c <= pair[1] for pair in _SCRIPTS)
