# ruff: noqa: E501  (word lists and patterns read best one kind a line)

"""How fifteen languages ask: question words by what they ask for, and words that carry little.


Patterns are tried in order, and the first that is found names the kind of the question. Where a
pattern must look at the matter too, its group ``asks`` is the question word alone. Kinds:

``person``, ``time``, ``number``, ``place``, ``reason``, ``method``, ``definition``, ``choice``
(which of a kind), ``thing`` (anything) and ``polar`` (yes or no).
"""

from __future__ import annotations

__all__ = ["INTERROGATIVES", "REMOVED", "WEAK_WORDS"]

# Chinese covers both scripts: the characters in question differ, the words do not.
_CHINESE = (
    ("time", r"[哪何][一]?(?:年份|年代|年|月|日|天|世[纪紀]|朝代|时[期候间]?|時[期候間]?)"
             r"|(?:什么|什麼|甚麼|哪个|哪個|哪一个|哪一個)(?:时候|時候|时间|時間|时期|時期|年代|年份|日期|朝代|日子)"
             r"|[几幾](?:[年月点點时時日]|[号號](?![端楼樓线線门門房车車馆館厅廳公选選机機桌]))|公元几|西元幾|(?:年份|日期|时间|時間)(?:是|为|為)"),
    ("number", r"[多][少长長久大高重远遠深宽寬厚快]|百分之几|百分之幾|第?[几幾][^乎何]|[几幾]$|何[种種]?比例"),
    ("reason", r"[为為]什[么麼]|[为為]何|为啥|[为為]甚麼|因何|[何什][么麼]?原因|(?:原因|理由)(?:是|为|為|在)|[怎][么麼][会會]"
               r"|由[于於](?:什么|什麼|何)|因[为為](?:什么|什麼|何)"),
    ("person", r"[谁誰]|何人|哪[一]?[两兩]?[位名]|(?:什么|什麼|甚麼|哪些|哪个|哪個|哪一个|哪一個)人(?![类類种種口])"
               r"|(?:作者|导演|導演|创始人|創始人|主角|校长|校長|主席|总统|總統)(?P<asks>是|为|為|叫)"),
    ("place", r"哪里|哪裡|哪裏|哪儿|哪兒|何[处處地方]|(?:在|于|於|自|到|来自|來自)[哪何](?!年|时|時)"
              r"|(?:什么|什麼|甚麼|哪一?[个個座些]?)(?:地方|地[区區点點]|位置|国家|國家|城市|省份?|县|縣|[国國]|洲|州|岛|島)"
              r"|(?:位置|地点|地點|首都|首府|总部|總部)(?P<asks>在|是|位)"),
    ("method", r"如何|怎[么麼样樣]|怎[么麼](?:样|樣|办|辦)?|有(?:什么|什麼|哪些)(?:办法|方法|辦法|步骤|步驟)"
               r"|(?:方法|步骤|步驟)(?:是什么|是什麼|有哪些)|咋"),
    ("definition", r"^什么是|^什麼是|^何[为為谓謂]|是什么意思|是什麼意思|(?:指的?是?|意味[着著])(?:什么|什麼|甚麼)"
                   r"|^[^的]{2,20}(?P<asks>是(?:什么|什麼|甚麼|啥)(?:东西|東西)?[?？]?)$"),
    ("choice", r"哪[一二三两兩些几幾]*[个個种種类類项項家部本条條所间間支只隻届屆场場座款样樣位名方派]?|何[种種]"),
    ("thing", r"什么样|什么|什麼樣?|甚麼|啥|何"),
    ("polar", r"是否|是不是|能否|可否|能不能|可不可以|有没有|有沒有|会不会|會不會|[吗嗎么麼][?？]?$"),
)  # fmt: skip

_ENGLISH = (
    ("number", r"\bhow (?:many|much|long|far|old|tall|often|large|big|high|deep|heavy|wide|fast|soon|few)\b"
               r"|\bwhat(?: is| was| were| are)?(?: the)?(?: \w+){0,2}? (?:percent\w*|proportion|number|amount|fraction|population"
               r"|share|price|cost|size|length|height|temperature|speed|width|limit|ratio|density)\b"),
    ("time", r"\bwhen\b|\b(?:what|which)(?: \w+)? (?:years?|dates?|day|month|century|centuries|decades?|time|era|season)\b"),
    ("place", r"\bwhere\b|\b(?:what|which)(?: \w+)? (?:country|countries|city|cities|place|location|state|town|region|continent"
              r"|county|province|village|river|island|district|area)\b"),
    ("person", r"\bwho(?:m|se)?\b|\b(?:what|which)(?: (?!did\b|does\b|do\b|is\b|are\b|was\b|were\b|has\b|have\b|had\b|can\b|could\b|will\b)\w+)? (?:person|people|king|queen|president|author|scientists?|leader|actor"
               r"|actress|player|mathematician|professor|philosopher|emperor|general|scholar|man|woman|poet|artist)\b"),
    ("reason", r"\bwhy\b|\bfor (?:what|which) reasons?\b|\bhow come\b|\bwhat (?:caused?|causes|led)\b|\breasons? (?:for|why)\b"),
    ("method", r"\bhow (?:do|can|could|should|would|to|must|may|might)\b|^how (?:i|we|you)\b|\bways? to\b|\bsteps to\b"),
    ("definition", r"^(?:so )?what(?:'s| is| are| was| were) (?:an? |the )?[\w.\-/]+(?: [\w.\-/]+){0,2}\s*\??$"
                   r"|\bwhat (?:do|does|did) .{1,60} (?:mean|stand for)\b|\bdefin(?:e|ition)\b|\bmeaning of\b"),
    ("method", r"\bhow\b"),
    ("choice", r"\bwhich\b|\bwhat (?:kind|type|sort)s?\b"),
    ("thing", r"\bwhat\b|\bname (?:of|the|an?|one|two|three)\b"),
    ("polar", r"^(?:is|are|was|were|do|does|did|can|could|will|would|should|has|have|had|may|must)\b"),
)  # fmt: skip

INTERROGATIVES: dict[str, tuple[tuple[str, str], ...]] = {
    "en": _ENGLISH,
    "zh": _CHINESE,
    "zh-Hant": _CHINESE,
    "ja": (
        ("time", r"いつ|何[年月日時世]\w?|どの(?:時代|年)"),
        ("number", r"いく[つら]|何[人個回本枚台歳倍度割%％]|どれ(?:くらい|ほど|だけ)|どの(?:くらい|程度)|何パーセント"),
        ("person", r"誰|だれ|どなた"),
        ("place", r"どこ|どちら|何処|どの(?:国|都市|県|地域)"),
        ("reason", r"なぜ|何故|どうして|なんで|理由は"),
        ("method", r"どうやって|どのように|どうすれば|どうしたら|方法"),
        ("definition", r"とは|どういう(?:意味|もの)|何ですか|って何"),
        ("choice", r"どの|どれ|どちら|どんな"),
        ("thing", r"何|なに"),
        ("polar", r"(?:です|ます|でしょう)か[?？。]?$"),
    ),
    "ko": (
        ("time", r"언제|몇\s?[년월일시]|어느 해"),
        ("number", r"몇|얼마"),
        ("person", r"누구|누가|누군"),
        ("place", r"어디|어느 (?:나라|도시|지역)"),
        ("reason", r"왜|이유"),
        ("method", r"어떻게|방법"),
        ("definition", r"[란은는이가]\s?(?:무엇|뭐)"),
        ("choice", r"어느|어떤"),
        ("thing", r"무엇|무슨|뭐"),
        ("polar", r"(?:습니|합니|입니)까\??$|나요\??$"),
    ),
    "de": (
        ("number", r"\bwie\s?(?:viele?[nr]?|lange|hoch|weit|oft|alt|groß|schwer|tief|teuer|schnell|breit)\b"
                   r"|\bwelche[rn]? (?:anteil|prozentsatz|anzahl|zahl|menge)\b|\bwelchen prozentsatz\b|\bwieviel\w*"),
        ("time", r"\bwann\b|\bwelche[mnrs]? (?:jahr\w*|datum|tag|monat|jahrhundert\w*|zeit\w*)\b"),
        ("person", r"\bwer\b|\bwem\b|\bwen\b|\bwessen\b"),
        ("place", r"\bwo(?:hin|her)?\b|\bwelche[mnrs]? (?:land|stadt|ort|region|staat|länder\w*|städte\w*)\b"),
        ("reason", r"\bwarum\b|\bweshalb\b|\bwieso\b|\baus welche[mn] gr[uü]nd\w*"),
        ("method", r"\bwie (?:kann|können|soll|muss|lässt|mache|macht|geht)\b"),
        ("definition", r"^was (?:ist|sind|bedeutet|heißt)(?: (?:ein|eine|der|die|das))? [\w.\-/]+\s*\??$|\bbedeutet\b"),
        ("method", r"\bwie\b"),
        ("choice", r"\bwelche[rsnm]?\b|\bwas für\b"),
        ("thing", r"\bwas\b|\bwo(?:mit|für|von|durch|rin|rauf|raus|bei|zu|nach|gegen|ran)\b"),
        ("polar", r"^(?:ist|sind|war|waren|hat|haben|kann|können|wird|werden|gibt|darf|muss)\b"),
    ),
    "fr": (
        ("number", r"\bcombien\b|\bquel(?:le)? (?:pourcentage|nombre|quantité|proportion|taille|âge)\b"),
        ("time", r"\bquand\b|\bquel(?:le)?s? (?:années?|date|jour|mois|siècle|époque)\b"),
        ("place", r"\boù\b|\bquel(?:le)?s? (?:pays|ville|endroit|lieu|région)s?\b"),
        ("reason", r"\bpourquoi\b|\bpour quelles? raisons?\b"),
        ("definition", r"\bqu['’]est-ce qu['’](?:un|une|est)\b|\bque signifie\b|\bveut dire\b|\bc['’]est quoi\b"),
        ("method", r"\bcomment\b"),
        ("thing", r"\bqu['’]est-ce qu[ei']|\bquoi\b"),
        ("person", r"\bqui\b"),
        ("choice", r"\bquel(?:le)?s?\b|\blaquelle\b|\blequel\b"),
        ("thing", r"\bque\b|\bqu['’]"),
        ("polar", r"\best-ce que\b|^(?:est|sont|peut|a|ont)\b"),
    ),
    "es": (
        ("number", r"\bcuánt[oa]s?\b|\bqué (?:porcentaje|número|cantidad|tamaño|edad|proporción)\b"),
        ("time", r"\bcuándo\b|\bqué (?:año|fecha|día|mes|siglo|época|década)s?\b"),
        ("person", r"\bqui[eé]n(?:es)?\b"),
        ("place", r"\bdónde\b|\b(?:qué|cuál es el) (?:país|ciudad|lugar|región|estado)(?:es)?\b"),
        ("reason", r"\bpor qué\b"),
        ("definition", r"^¿?qué (?:es|son|significa)\b"),
        ("method", r"\bcómo\b"),
        ("choice", r"\bcuál(?:es)?\b|\bqué (?:tipo|clase)s?\b"),
        ("thing", r"\bqué\b"),
        ("polar", r"^¿?(?:es|son|puede|hay|tiene|está)\b"),
    ),
    "it": (
        ("number", r"\bquant[oaie]\b"),
        ("time", r"\bquando\b|\b(?:che|quale) anno\b"),
        ("person", r"\bchi\b"),
        ("place", r"\bdov['’e]"),
        ("reason", r"\bperché\b"),
        ("method", r"\bcome\b"),
        ("definition", r"^(?:che )?cos['’]è\b|\bsignifica\b"),
        ("choice", r"\bqual[ei]?\b"),
        ("thing", r"\bche(?: cosa)?\b|\bcosa\b"),
    ),
    "pt": (
        ("number", r"\bquant[oa]s?\b"),
        ("time", r"\bquando\b|\bque ano\b"),
        ("person", r"\bquem\b"),
        ("place", r"\b(?:a)?onde\b"),
        ("reason", r"\bpor ?qu[eê]\b"),
        ("method", r"\bcomo\b"),
        ("definition", r"^o que (?:é|são|significa)\b"),
        ("choice", r"\bqua(?:l|is)\b"),
        ("thing", r"\bo? ?que\b"),
    ),
    "ru": (
        ("number", r"\bсколько\b|\bсколькими\b|\bскольких\b|\bкако(?:й|е|ва|ю|го|в) (?:процент\w*|количеств\w*|численность|числ\w*"
                   r"|дол\w+|размер\w*|площадь|высота|длина)\b"),
        ("time", r"\bкогда\b|\bкак(?:ом|ой|ие|их|ого) (?:\w+ )?(?:год\w*|век\w*|дат\w*|дн\w*|месяц\w*|период\w*)\b|\bво сколько\b"),
        ("person", r"\bкто\b|\bкого\b|\bкому\b|\bкем\b|\bком\b|\bчь\w+|\bчей\b"),
        ("place", r"\bгде\b|\bкуда\b|\bоткуда\b|\bкак(?:ой|ом|ие|их|ую|ая|ое) (?:\w+ )?(?:стран\w*|город\w*|мест\w*|регион\w*)\b"),
        ("reason", r"\bпочему\b|\bзачем\b|\bотчего\b|\bпо какой причине\b|\bиз-за чего\b"),
        ("definition", r"\bчто такое\b|\bчто (?:значит|означает)\b|\bчто собой представля\w+"),
        ("choice", r"\bкак(?:ой|ая|ое|ие|ого|ому|им|ом|ую|их|ими|ов|ова|овы|ово)\b|\bкотор\w+"),
        ("method", r"\bкак\b|\bкаким образом\b"),
        ("thing", r"\bчто\b|\bчего\b|\bчему\b|\bчем\b|\bчём\b"),
        ("polar", r"\bли\b"),
    ),
    "ar": (
        ("number", r"\bكم\b|\bما (?:هو |هي )?(?:عدد|نسبة|مقدار|حجم)"),
        ("time", r"\bمتى\b|\bأي (?:عام|سنة|تاريخ|قرن|عقد|يوم)"),
        ("place", r"\bأين\b|\bأي (?:بلد|مدينة|دولة|مكان|منطقة)"),
        ("reason", r"\bلماذا\b|\bلم\b|\bما (?:هو )?سبب"),
        ("method", r"\bكيف\b"),
        ("person", r"^من\b|\bمَن\b|\bمن (?:هو|هي|الذي|هم)\b"),
        ("definition", r"\bما معنى\b|\bماذا (?:يعني|تعني)\b"),
        ("choice", r"\bأي(?:ة|ّ)?\b"),
        ("thing", r"\bماذا\b|\bما\b|\bبماذا\b|\bبم\b"),
        ("polar", r"^هل\b"),
    ),
    "th": (
        ("number", r"กี่|เท่า(?:ไหร่|ไร|ใด)|มากแค่ไหน|นานแค่ไหน|จำนวนเท่า"),
        ("time", r"เมื่อ(?:ใด|ไหร่|ไร)|(?:ปี|วัน|ช่วง|ศตวรรษ|เดือน)(?:ใด|ไหน|อะไร)"),
        ("person", r"ใคร|ผู้ใด|บุคคลใด"),
        ("place", r"ที่(?:ไหน|ใด)|แห่งใด|(?:ประเทศ|เมือง|จังหวัด|สถานที่|รัฐ)(?:ใด|ไหน|อะไร)"),
        ("reason", r"ทำไม|(?:เพราะ)?เหตุใด|เพราะอะไร|สาเหตุ"),
        ("method", r"อย่างไร|ยังไง|วิธี"),
        ("definition", r"คืออะไร|หมายถึงอะไร|หมายความว่า"),
        ("choice", r"(?:สิ่ง|อัน|แบบ|ประเภท|ชนิด)?(?:ใด|ไหน)บ้าง|ใด|ไหน"),
        ("thing", r"อะไร(?:บ้าง)?"),
        ("polar", r"ไหม|หรือไม่|หรือเปล่า"),
    ),
    "vi": (
        ("number", r"\bbao nhiêu\b|\bbao lâu\b|\bbao xa\b|\bmấy\b"),
        ("time", r"\bkhi nào\b|\b(?:năm|ngày|tháng|thời gian|thế kỷ|lúc|hồi) nào\b|\bbao giờ\b|\bnăm bao nhiêu\b"),
        ("place", r"\bở đâu\b|\bđâu\b|\b(?:nước|thành phố|quốc gia|nơi|vùng|khu vực) nào\b"),
        ("reason", r"\btại sao\b|\bvì sao\b|\bvì lý do\b"),
        ("method", r"\bnhư thế nào\b|\blàm sao\b|\blàm thế nào\b|\bbằng cách nào\b"),
        ("definition", r"^\S+(?: \S+){0,3} là gì\b|\bcó nghĩa là gì\b"),
        ("person", r"\bai\b|\bngười nào\b"),
        ("choice", r"\bnào\b"),
        ("thing", r"\bgì\b"),
        ("polar", r"\bphải không\b|\bcó .{1,60} không\b"),
    ),
    "hi": (
        ("number", r"कितन[ाेी]|कितनों"),
        ("time", r"\bकब\b|किस (?:वर्ष|साल|तारीख|सदी|दिन|दशक|समय)|कौन से (?:वर्ष|साल)"),
        ("place", r"कहाँ|कहां|किस (?:देश|शहर|स्थान|जगह|राज्य|क्षेत्र)"),
        ("person", r"किसने|किन्होंने|कौन (?!स[ाेी])|किसके|किसे"),
        ("reason", r"क्यों|किस कारण"),
        ("method", r"कैसे|किस (?:तरह|प्रकार)"),
        ("definition", r"क्या (?:है|हैं)\s*\??$|का (?:अर्थ|मतलब)"),
        ("choice", r"कौन स[ाेी]|किस|किन"),
        ("thing", r"क्या"),
    ),
    "tr": (
        ("number", r"\bkaç\w*|\bne kadar\w*|\byüzde kaç\w*"),
        ("time", r"\bne zaman\w*|\bhangi (?:yıl|tarih|yüzyıl|gün|ay|dönem)\w*|\bkaç yılında\b"),
        ("place", r"\bnere\w*|\bhangi (?:ülke|şehir|kent|bölge|yer)\w*"),
        ("person", r"\bkim\w*"),
        ("reason", r"\bneden\b|\bniçin\b|\bniye\b"),
        ("method", r"\bnasıl\b"),
        ("definition", r"\bne demek\w*|^\S+(?: \S+){0,2} nedir\b"),
        ("choice", r"\bhangi\w*|\bne tür\b"),
        ("thing", r"\bne(?:dir|yi|ye|ler|leri|yle|yin)?\b"),
        ("polar", r"\bm[ıiuü](?:d[ıiuü]r)?\b"),
    ),
    "el": (
        ("number", r"\bπόσ\w+|\bποιο (?:ποσοστό|πλήθος)|\bποιος (?:ήταν |είναι )?ο (?:αριθμός|πληθυσμός)"),
        ("time", r"\bπότε\b|\bποι\w+ (?:έτος|έτη|χρονιά|χρονολογία|ημερομηνία|αιώνα|δεκαετία|ετών|χρόνο)"),
        ("place", r"\bπού\b|\bποι\w+ (?:χώρα|πόλη|περιοχή|μέρος|χώρες|τοποθεσία)"),
        ("reason", r"\bγιατί\b|\bγια ποιο λόγο\b"),
        ("method", r"\bπώς\b"),
        ("definition", r"\bτι σημαίνει\b|^τι είναι\b"),
        ("person", r"\bποιος\b|\bποιοι\b|\bποιον\b|\bποιανού\b"),
        ("choice", r"\bποι\w+"),
        ("thing", r"\bτι\b"),
    ),
}  # fmt: skip

# Cut out of a question beside its question word: politeness and the frame around the matter.
REMOVED: dict[str, str] = {
    "zh": r"请问|請問|麻烦|告诉我|告訴我|我想知道|想问一下|文中(?:提[到及])?|根据本文|到底|究竟|一下|[吗嗎呢吧啊呀]+[?？]?$",
    "en": r"\b(?:please|can you tell me|could you tell me|tell me|i want to know|do you know|according to the text)\b",
    "ja": r"教えてください|ください|について|でしょうか|ですか|ますか|ました(?:か)|か[?？]?$",
    "ko": r"알려\s?주세요|입니까|인가요|나요|습니까",
    "th": r"ครับ|ค่ะ|คะ|ช่วยบอก",
    "de": r"\b(?:bitte|sag mir)\b",
    "fr": r"\b(?:s['’]il vous plaît|dites-moi)\b",
    "ru": r"\b(?:пожалуйста|скажите)\b",
}  # fmt: skip

# Words of questions that documents seldom repeat: they say what sort of answer is wanted.
WEAK_WORDS: dict[str, str] = {
    "en": "name names named call called kind type types sort many much most did does do use used using mean "
    "means year years country countries city person people thing things example examples term considered "
    "according determine happen happened typically usually often main one two other common get make made "
    "take way ways work need want know explain describe difference default value long old large",
    "zh": "名字 名称 叫做 叫 称为 被称 时候 时间 时期 地方 位置 位于 国家 城市 原因 特点 特征 类型 种类 颜色 职业 作者 内容 作用 "
    "主要 可以 属于 哪 什么 多少 现在 担任 怎样 情况 东西 事情 方式 方面 包括 通常 一般 如果 是否 需要 区别 默认 意思 方法 "
    "時候 時間 時期 名稱 稱為 國家 類型 種類 顏色 職業 內容 屬於 東西 單位 認為 以及 之後 位於 因為 由於 可以 是由 還有 曾",
    "de": "heißt hieß genannt art arten namen name verwendet laut ansicht meisten führt viele oft statt gibt mann",
    "fr": "appelle appelé nom type sorte utilisé selon plupart fait",
    "es": "llama llamó llamado nombre tipo clase tipos utiliza tiene hace grupo según cuántas personas lugar",
    "ru": "называется называют назывался тип количество находится обычно качестве согласно люди человек "
    "занимает имеет против мнению является происходит",
    "tr": "adı tür türü kişi bölge ülke hangi göre olarak sahip bazı isim olduğu kadar",
    "vi": "điều gọi tên loại người vùng coi những",
    "ar": "اسم نوع عدد نسبة فترة شخص أشخاص الناس شيء تسمى يسمى الذي التي خلال أكثر",
    "hi": "नाम प्रकार लोग लोगों क्षेत्र व्यक्ति तरह मुख्य कुछ अन्य अनुसार कहा जाता गया",
    "el": "όνομα ονομάζεται λέγεται είδος τύπος έγινε ποσοστό βρίσκεται άνθρωποι χρησιμοποιείται",
    "ja": "名前 呼ば 種類 場所 時 主な 意味 方法",
    "ko": "이름 종류 방법",
    "th": "ชื่อ เรียก ประเภท ชนิด บุคคล สิ่ง เกิดขึ้น",
}
