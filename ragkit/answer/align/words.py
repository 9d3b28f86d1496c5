# ruff: noqa: E501  (tables read best one row a line)

"""Small closed classes of words that decide whether two sentences say the same.

Negations, words of condition, generality and doubt, words of opposite meaning, and the commonest
synonyms. Each is a class of the language, not of a subject; none knows names or terms.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from ragkit.retrieve.tokenizer import terms

__all__ = [
    "AGENT",
    "CONTRAST_CHARS",
    "LIGHT_WORDS",
    "MARKS",
    "NEGATION",
    "PASSIVE",
    "canonical_han",
    "han_opposites",
    "opposites",
    "synonyms",
]

# What turns a statement round. A limit ("no more than"), "not only" and the like are none.
_NOT_NEGATION = (
    r"\bnot only\b|\bnot just\b|\bno (?:more|less|fewer|later|earlier|longer|higher|lower) than\b|\bnot (?:more|less|fewer|later|exceed\w*)\b"
    r"|\bno\. ?(?=\d)|\bif not\b|\bor not\b|\bno matter\b|\bnot exceed\w*|\bnicht nur\b|\bnon seulement\b|\bno sólo\b|\bне только\b|\bне (?:более|менее)\b"
    r"|[不无]论|不管|不[但仅只同断过]|不超[过過]|不[低少高大晚迟早多]于|无[法不]不|非常|并非常|未来|不得?超过|不得[低少高大晚迟早多]于|不[到足](?=\d)|除非|无锡|无线|无人机|否则|是否|能否|与否|莫非|未必|不少|不久|不一"
    r"|不对称|不锈钢|不动产|不定期|无机|无线电|无数|无穷|无限|非法|非洲|未婚|未成年|不丹|勿忘|不过|不得不|不良|不幸|毫不|不妨|さない(?:と|ければ)|なければな|ไม่ว่า|ไม่เพียง|ไม่เกิน|ไม่น้อยกว่า"
)
_NEGATION = (
    r"\b(?:not|no|never|none|neither|nor|nobody|nothing|nowhere|cannot|hardly|unable|fail(?:s|ed)? to|lack(?:s|ed|ing)?|instead of|rather than|refus(?:e|es|ed))\b|n['’]t\b"
    r"|\b(?:nicht|kein(?:e|er|en|em|es)?|nie|niemals|ohne|weder)\b"
    r"|\b(?:ne|n['’]|pas|jamais|aucune?|sans|ni)\b|\bn['’](?=\w)"
    r"|\b(?:nunca|tampoco|ningun[ao]?|ningún|sin|não|nem|sem|non(?=\s)|mai|senza|niet|geen)\b"
    r"|\b(?:не|нет|ни|никогда|без|нельзя|ані|ні)\b"
    r"|不|没|沒|未|无(?!线|锡)|無|勿|莫|非(?=[a-zA-Z法正必])|并非|並非|免(?=于|除|收|费)|ない|ません|なかった|せず|ไม่|มิได้|ไร้|않|없|못"
)
_FORBIDDING = r"\b(?:prohibit\w*|forbid\w*|forbidden|ban(?:s|ned)?|disallow\w*|disallowed|verboten|untersagt|interdit\w*|prohibid\w*|запрещ\w*)\b|禁止|严禁|嚴禁|ห้าม"
_SANS = r"\bwithout\b"
_NO_PERMIT = r"不得(?!不|超|[低少高大晚迟早多]于)|不准|不许|不許|不可(?!避|思|缺|分)"
NEGATION = re.compile(
    rf"(?P<skip>{_NOT_NEGATION})|(?P<without>{_SANS})|(?P<forbid>{_FORBIDDING})|(?P<neg>{_NO_PERMIT}|{_NEGATION})",
    re.IGNORECASE,
)

# Marks of scope. "all", "only" and "must" may not be added; "maybe" and "only" may not be lost.
MARKS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (name, re.compile(pattern, re.IGNORECASE))
    for name, pattern in (
        ("all", r"\b(?:all|every(?! (?:\w+day|day|week|month|year|quarter|night|morning|evening|hour|minute|second|time|other|\d|two|three|four|few|half)s?\b)|everyone|everything|always|any|anyone|whenever|entirely|completely|alle[nrs]?|jede[rnsm]?|immer|tous|toutes|toujours|todos|todas|siempre|все|всегда|каждый)\b(?! other)"
                r"|所有|全部|全体|任何|一切|一律|总是|始终|永远|均(?!匀|衡|值)|全都|すべて|全て|常に|ทุก|เสมอ"),
        ("only", r"\b(?:only|solely|exclusively|except|unless|nur|ausschließlich|seulement|uniquement|solo|sólo|solamente|только)\b|[仅僅只](?!要)能?|除非|唯一|だけ|のみ|เท่านั้น"),
        ("maybe", r"\b(?:maybe|perhaps|possibly|probably|might|could|may(?= (?:\w+ )?(?:be|have|cause|block|lead|result|occur|become|fail|differ|vary|contain|not be)\b)|allegedly|reportedly|rumou?red|supposedly|vielleicht|möglicherweise|könnte|peut-être|quizás|возможно|может быть)\b"
                  r"|(?<!不)可能|也许|或许|恐怕|大概|据[说称传]|疑似|有望|かもしれ|だろう|อาจ"),
        ("rarely", r"\b(?:sometimes|occasionally|rarely|seldom|hardly|manchmal|selten|parfois|rarement|a veces|иногда|редко)\b|有时|偶尔|很少|罕见|个别"),
        ("plan", r"\b(?:plans?|planned|planning|proposed?|proposes|intends?|intended|hopes? to|wants? to|considering|geplant|plant)\b|计划|拟(?!合|定)|打算|提议|考虑|規劃|规划"),
        ("if", r"\b(?:if|unless|provided that|in case|as long as|wenn|falls|sofern|si|если)\b|如果|若(?!干)|倘若|假如|只要|一旦|除非|もし|ถ้า|หาก"),
        ("must", r"\b(?:must|required|requires?|mandatory|obliged|shall|have to|has to|needs? to|muss|müssen|doit|doivent|debe|deben|должен|должны)\b|必须|必須|须(?!知)|须要|務必|务必"),
        ("permit", r"\b(?:may|can|optional(?:ly)?|allowed|permitted|darf|kann|dürfen|peut|puede|может|можно)\b|可以|可选|允许|(?<![许认不])可(?=[在自用通向按以])|准许"),
        ("most", r"\b(?:most|many|some|several|few|often|usually|generally|mostly|partly|meisten|viele|einige|oft|meist|certains|souvent|plupart|muchos|algunos|многие|некоторые|часто|обычно)\b|大多|多数|部分|许多|一些|有些|往往|通常|一般(?!人)|经常"),
        ("entire", r"全国|全世界|全球|全省|全市|\b(?:worldwide|globally|nationwide)\b"),
    )
)  # fmt: skip

# A passive with its agent named: what is done, and by whom.
AGENT = re.compile(
    r"\b(?P<be>is|are|was|were|be|been|being|est|sont|fut|été|es|fue|fueron)\b"
    r"(?:\W+\w+){1,10}?\W+(?P<by>by|par|por)\b",
    re.IGNORECASE,
)
# The subject of a passive stands where the object of an active sentence does.
PASSIVE = re.compile(
    r"\b(?:is|are|was|were|be|been|being|gets?|got)\b(?:\W+\w+){1,14}?\W+by\b|\w(?:ed|en|wn|ht|lt|ld|nt)\W+by\b|\bw[iu]rden?\b.{1,80}\b(?:von|durch)\b|\bvon\b.{1,80}\bw[iu]rden?\b"
    r"|\b(?:est|sont|été|fut|était|étaient)\b.{1,80}\bpar\b|\b(?:es|fue|fueron|son|sido)\b.{1,60}\bpor\b|[被由受](?!于|益)|为.{1,12}所|られ|によって|ถูก|\b(?:был[аои]?|были)\b",
    re.IGNORECASE,
)

_OPPOSITES = (
    "before prior earlier previously until|after following afterward later since",
    "more greater higher larger bigger above over exceed|less fewer lower smaller below under",
    "increase rise rose risen grow grew grown raise raised gain climb|decrease fall fell fallen drop decline reduce shrink shrank lower lose lost",
    "enable activate allow permit|disable deactivate prevent",
    "on|off", "open opened|closed close shut", "start begin began begun launch|stop end finish cease",
    "always|never rarely seldom sometimes", "first|last", "maximum max most|minimum min least",
    "largest biggest greatest|smallest", "highest|lowest", "longest|shortest", "oldest earliest|youngest latest newest",
    "fastest|slowest", "best|worst", "north northern|south southern|east eastern|west western", "left|right",
    "upper top|lower bottom", "inside inner internal indoor|outside outer external outdoor", "buy bought purchase acquire|sell sold",
    "buyer purchaser|seller vendor", "landlord lessor|tenant lessee", "employer|employee", "lender creditor|borrower debtor",
    "import|export", "input|output", "upload|download", "read|write", "client|server", "push|pull", "add|remove delete",
    "include|exclude", "win won|lose lost", "hot warm|cold cool", "old|new", "young|old", "long|short", "high|low", "large big|small",
    "early|late", "fast quick|slow", "strong|weak", "light|heavy", "wide|narrow", "thick|thin", "deep|shallow", "rich|poor",
    "male man men boy father husband son brother|female woman women girl mother wife daughter sister", "public|private", "legal|illegal", "possible|impossible", "valid|invalid",
    "active|inactive passive", "positive|negative", "success succeed|failure fail", "accept|reject refuse decline", "encrypt|decrypt",
    "lock|unlock", "visible|hidden invisible", "same|different", "true|false", "safe|unsafe dangerous", "cheap|expensive",
    "primary|secondary", "local|remote", "manual manually|automatic automatically", "horizontal|vertical", "synchronous|asynchronous",
    "spring|summer|autumn fall|winter", "morning|afternoon|evening|night", "daily|weekly|monthly|yearly annual annually|hourly",
    "born|died", "arrive|depart leave", "love|hate", "support|oppose", "agree|disagree", "friend|enemy", "war|peace",
    "red|blue|green|yellow|black|white|brown|purple|pink|gray grey",
    "mandatory required compulsory|optional voluntary", "with|without", "single|multiple", "free|paid",
    "temporary|permanent", "major majority|minor minority", "mother|father", "present|absent", "full|empty",
    # German, French, Spanish and Russian: the commonest pairs only.
    "vor|nach", "mehr|weniger", "größer|kleiner", "größte|kleinste", "immer|nie", "öffnen geöffnet offen|schließen geschlossen", "steigen stieg gestiegen|sinken sank gesunken fallen fiel",
    "avant|après", "plus|moins", "toujours|jamais", "ouvert|fermé", "augmenter|diminuer baisser",
    "antes|después", "más|menos", "siempre|nunca", "abierto|cerrado", "aumentar|disminuir",
    "до|после", "больше более|меньше менее", "всегда|никогда", "открыт|закрыт",
)  # fmt: skip

# Opposites in Chinese; each side is a regular expression.
_HAN_PAIRS: tuple[tuple[str, ...], ...] = (
    (r"之前|以前|(?<![目此提面当以之跟从空])前(?![提台端景者身言往后线十几两三四五])", r"之后|以后|(?<![此然今最以之落])后(?![台端者续果悔备卫勤])"),
    (r"增[加长大多高强]|提[高升]|上[升涨调]|升[高至到]|上涨|涨", r"减[少小低弱]|降[低至到]|下[降跌调滑]|跌|缩[小减短]"),
    (r"最[大高多长]|至多", r"最[小低少短]|至少"),
    (r"最早|最先", r"最晚|最后|最近"),
    (r"[高大多长]于|以上|超过", r"[低小少短]于|以下|不[足到]"),
    (r"[更比较]高", r"[更比较]低"), (r"[更比较]大", r"[更比较]小"), (r"[更比较]多", r"[更比较]少"), (r"[更比较]快", r"[更比较]慢"),
    (r"开启|启用|打开|激活|解锁", r"关闭|禁用|停用|锁定"),
    (r"开始|启动", r"结束|停止|终止"),
    (r"包[括含]", r"排除|不含"),
    (r"输入|导入|上传|流入", r"输出|导出|下载|流出"), (r"进口", r"出口"), (r"收入", r"支出"),
    (r"登录", r"登出|退出"), (r"购买|买入|收购", r"出售|卖出|销售"), (r"买方|买家|购房", r"卖方|卖家"),
    (r"甲方", r"乙方", r"丙方"), (r"雇主|用人单位", r"雇员|劳动者"), (r"出租[人方]|房东", r"承租[人方]|租客"), (r"贷款人|出借人", r"借款人"),
    (r"上游", r"中游", r"下游"), (r"上午", r"下午"), (r"左[岸侧边]", r"右[岸侧边]"), (r"东[部岸侧边]", r"西[部岸侧边]", r"南[部岸侧边]", r"北[部岸侧边]"),
    (r"男", r"女"), (r"内部", r"外部"), (r"公开", r"保密|私有"), (r"成功|胜", r"失败|败"), (r"赞成|支持", r"反对"),
    (r"自动", r"手动"), (r"永久", r"临时|暂时"), (r"免费", r"收费|付费"), (r"出生", r"去世|逝世"), (r"春", r"夏", r"秋", r"冬"),
    (r"大火", r"中火", r"小火"), (r"冷水|凉水", r"热水|温水"), (r"合法", r"非法|违法"), (r"正确", r"错误"), (r"相同", r"不同"),
    (r"必[须需]|强制", r"可选|自愿"), (r"本地", r"远程"), (r"加密", r"解密"), (r"出发|离开", r"返回|到达|抵达"),
    (r"每[日天]", r"每周|每星期", r"每月", r"每季度?", r"每年"), (r"公历|阳历", r"农历|阴历"), (r"国内", r"国外|海外"), (r"同意", r"拒绝"),
    (r"添加|新增", r"删除|移除"), (r"首次|第一次", r"最后一次"), (r"红", r"蓝", r"绿", r"黄", r"黑", r"白"),
)  # fmt: skip

_SYNONYMS = (
    "need require must shall necessary", "use utilize employ utilise usage", "begin start commence", "end finish conclude", "build built construct construction",
    "make made create produce manufacture", "buy purchase bought", "acquire acquisition takeover", "get obtain receive gain", "big large", "small little", "about approximately around roughly circa",
    "show display demonstrate", "find found discover discovery", "locate situated lie lies lay", "call named name known", "contain include hold comprise have has had", "allow permit enable let can may",
    "help assist support", "keep retain kept preserve store stored save", "leave left depart", "change modify alter edit modification", "delete remove erase", "choose select pick chosen chose", "stop halt cease",
    "quick fast rapid", "car vehicle automobile", "staff employee worker personnel", "people person persons individual", "child children kid", "firm company corporation business enterprise", "purchase buy",
    "film movie", "author writer wrote written write", "painter painted paint", "invent inventor", "found establish founder founded set",
    "die died death dead", "born birth", "high height tall", "long length", "wide width", "deep depth", "heavy weight weigh", "year annual annually yearly", "day daily", "night nightly", "month monthly", "week weekly",
    "finish done ready complete completed completion", "repair fix", "error mistake fault", "happen occur take place", "give provide offer supply", "send transmit", "speak talk", "tell say said state stated",
    "think believe", "try attempt", "want wish", "maximum most max", "minimum least min", "entire whole", "almost nearly", "often frequently", "rise rose increase grow grew climb", "fall fell drop decrease decline",
    "lead led head headed", "win won victory", "kill killed", "rain rainfall", "cost price", "pay paid payment", "deliver delivery", "arrive arrival", "decide decision", "destroy destroyed destruction",
    "folder directory", "set configure configuration", "run execute launch", "application app program", "memory ram", "default standard", "entitle entitled eligible qualify right", "within inside",
    "submit hand", "obligation obligated oblige obliged required", "prohibit forbid forbidden ban banned", "consent approval permission approve", "terminate cancel termination cancellation", "expire lapse expiry", "reimburse refund reimbursement",
    "last take took lasts takes", "also too", "because since due", "former previous", "several various", "mainly primarily mostly chiefly",
    "automatic automatically", "rotate rotation", "orbit circle", "measure measurement", "collapse collapsed", "visit visited",
)  # fmt: skip

# Forms that no stemmer brings together.
_IRREGULAR = (
    "be was were been", "become became", "begin began begun", "bear bore born borne", "bite bit bitten", "bleed bled", "blow blew blown", "break broke broken", "bring brought", "build built", "burn burnt",
    "buy bought", "catch caught", "choose chose chosen", "come came", "deal dealt", "dig dug", "draw drew drawn", "drink drank drunk", "drive drove driven", "eat ate eaten", "fall fell fallen", "feed fed",
    "feel felt", "fight fought", "find found", "fly flew flown", "forbid forbade forbidden", "forget forgot forgotten", "freeze froze frozen", "get got gotten", "give gave given", "go went gone", "grow grew grown",
    "hang hung", "hear heard", "hide hid hidden", "hold held", "keep kept", "know knew known", "lay laid", "lead led", "learn learnt", "leave left", "lend lent", "lie lay lain", "lose lost", "make made",
    "mean meant", "meet met", "pay paid", "ride rode ridden", "ring rang rung", "rise rose risen", "run ran", "say said", "see saw seen", "seek sought", "sell sold", "send sent", "shake shook shaken",
    "shine shone", "shoot shot", "show shown", "sing sang sung", "sink sank sunk", "sit sat", "sleep slept", "speak spoke spoken", "spend spent", "spin spun", "stand stood", "steal stole stolen", "stick stuck",
    "strike struck", "swear swore sworn", "sweep swept", "swim swam swum", "take took taken", "teach taught", "tear tore torn", "tell told", "think thought", "throw threw thrown", "understand understood",
    "wake woke woken", "wear wore worn", "weave wove woven", "win won", "wind wound", "withdraw withdrew withdrawn", "write wrote written", "man men", "woman women", "child children", "foot feet", "tooth teeth",
    "mouse mice", "goose geese", "life lives", "half halves", "leaf leaves", "knife knives", "wife wives", "wolf wolves", "thief thieves", "analysis analyses", "criterion criteria", "datum data", "index indices indexes",
    "matrix matrices", "appendix appendices", "die died dying death dead", "high height", "long length", "wide width", "deep depth", "strong strength", "choose choice", "grow growth", "lose loss", "move movement", "fly flight", "see sight",
    "sell sale", "sit seat", "speak speech", "think thought", "weigh weight", "give gift", "believe belief", "decide decision", "destroy destruction", "explain explanation", "receive receipt", "pronounce pronunciation", "maintain maintenance",
    "simultaneous simultaneously same", "north northern", "south southern", "east eastern", "west western",
)  # fmt: skip

# Words that carry so little that a paraphrase may add them.
LIGHT_WORDS = frozenset(
    (
        "also only just then thus therefore however moreover furthermore additionally note called known named used use uses using located "
        "let lets given several various certain according based such same other another well very quite own still yet already "
        "now currently today made make makes become became including includes include has having being been do does did done "
        "get gets got take takes took taken place there here this that these those following order way please should must shall will "
        "would can could may might need needs needed needing require required requires requiring ensure available provide provided provides "
        "possible able allow allowed allows new one ones total both between while where when which who whom whose what each every during "
        "upon within via per like later first second actually overall specifically because since due if so too answer source document text states stated said "
        "mentions says auch nur dann hier dort bereits noch wurde worden sein haben kann muss soll aussi très bien encore déjà également peut doit "
        "también muy ya puede debe используется также является может можно"
    ).split()
)

# Chinese words of one meaning, brought to one form before comparing: form, then its variants.
_HAN_FORMS = (
    ("", "后者|前者|两者|二者|上述|这[个些项种款笔家座名]|该(?!死)|本(?=[合公条规系产]|次)"),
    ("须", "必须|必須|应当|應當|应该|應該|需要|须要|务必|应(?=[在于提按先当由向从自使将事立及])|需(?![求量])|应先|须"),
    ("可", "可以|能够|能夠|可(?!能|靠|见|爱|观|怕|惜|谓)|能(?=[被够在支使用])"),
    ("约", "大约|大約|大概|左右|约莫|約|将近|近(?=\\d)"), ("用", "使用|采用|採用|利用|运用|運用|应用于"), ("在", "位于|位於|坐落于|坐落在|地处|座落于|于|於"),
    ("成立", "建立|创立|创办|創辦|创建|設立|设立|成立|组建"), ("建", "建造|兴建|修建|興建|建成|建于|建設|建设"), ("享", "享受|享有|拥有|擁有|具有"), ("给", "给予|提供给|发给|付给"),
    ("约为", "大约是"), ("是", "乃|系(?=由)|即为|為|为(?!了)|成为"), ("有", "共有|设有|含有|带有|具备"), ("因", "因为|由于|因為|由於"), ("但", "但是|然而|不过|可是|却"),
    ("和", "与|及|以及|跟|同(?=[\\u4e00-\\u9fff]{2,4}一)|與"), ("每", "每一|每个"), ("修改", "更改|改变|变更|更换|改为|改成"), ("保存", "储存|存储|存放|保管|儲存"), ("删", "删除|移除|刪除"),
    ("开始", "开始|启动|起始"), ("买", "购买|買|购入|采购|购置"), ("收购", "收购|并购"), ("毕业", "毕业"), ("去世", "逝世|病逝|去世|身故|过世"), ("生", "出生|诞生|生于"), ("任", "担任|出任|擔任|就任"),
    ("名", "又叫|叫|名(?=为)|称为|称作|名为|叫做|叫作|被称为|又称|又名|別名|别名"), ("最多", "最多|至多|不超过|不多于|上限是"), ("最少", "最少|至少|不少于|不低于|起码"), ("之前", "之前|以前"), ("之后", "之后|以后|之後|以後"), ("时", "时候|的时候|之时|期间"),
    ("交", "提交|递交|上交|交付|缴交"), ("付", "支付|缴纳|付给|交纳"), ("员工", "职工|雇员|职员|员工"), ("公司", "公司|企业"), ("准", "允许|准许|许可|批准|同意|准予"), ("现", "目前|现在|如今|当前|现时"), ("主", "主要|首要"),
    ("多", "许多|众多|大量|很多"), ("要", "想要|要想"), ("进行", "进行|执行|开展"), ("运行", "运行|运转|工作(?=温度)"), ("包含", "包括|包含|涵盖|含"), ("没有", "没有|没|无|沒有"), ("全部", "全部|所有|一切"), ("立即", "立即|马上|立刻|即刻"),
    ("自", "从|自从|起自"), ("发现", "发现|發現"), ("写", "撰写|著|创作|编写"), ("说", "表示|称|指出|宣布|说|宣称"), ("价", "价格|售价|定价"), ("获", "获得|荣获|取得|得到|赢得|获取"), ("返", "返回|归还|退还"), ("增", "增加|增长|上升|提高|提升|上涨"), ("减", "减少|下降|降低|下跌"),
    ("年", "年度"), ("一", "单(?=[一个])"), ("用户", "用户|使用者"), ("登录", "登录|登陆|登入"), ("默认", "默认|缺省|預設"), ("目录", "目录|文件夹|路径"), ("程序", "程序|软件|应用程序"),
)  # fmt: skip
# Single characters of which another one at the same place makes another statement.
CONTRAST_CHARS = frozenset(
    "大小多少高低长短上下左右内外东西南北男女早晚新旧冷热快慢买卖甲乙丙丁进出升降涨跌增减胜负强弱深浅"
    "轻重开关正负公私黑白红蓝绿黄春夏秋冬父母子女兄弟姐妹首末"
)


def _variants() -> Iterator[tuple[str, str]]:
    """Yield every variant with its form, longest first, so that no variant hides a longer one."""
    pairs = [(v, form) for form, variants in _HAN_FORMS for v in _alternatives(variants)]
    yield from sorted(pairs, key=lambda pair: -len(re.sub(r"\(\?.*?\)", "", pair[0])))


def _alternatives(pattern: str) -> list[str]:
    """Split a pattern at the bars that stand outside brackets."""
    return re.split(r"\|(?![^(]*\))", pattern)


@cache
def _han_pattern() -> tuple[re.Pattern[str], tuple[str, ...]]:
    pairs = list(_variants())
    pattern = "|".join(f"(?P<v{n}>{variant})" for n, (variant, _) in enumerate(pairs))
    # Every variant begins with a plain character; most places are passed over by looking at it.
    first = "".join(sorted({variant[0] for variant, _ in pairs}))
    return re.compile(f"(?=[{first}])(?:{pattern})"), tuple(form for _, form in pairs)


def canonical_han(text: str) -> tuple[str, list[int]]:
    """Return Chinese ``text`` with common synonyms in one form, and each character's old place."""
    pattern, forms = _han_pattern()
    parts: list[str] = []
    places: list[int] = []
    at = 0
    for match in pattern.finditer(text):
        form = forms[int(str(match.lastgroup)[1:])]
        parts += [text[at : match.start()], form]
        places += [*range(at, match.start()), *[match.start()] * len(form)]
        at = match.end()
    return "".join([*parts, text[at:]]), [*places, *range(at, len(text))]


@cache
def _stem(word: str, language: str) -> str:
    found = terms(word, language=language)
    return found[0] if found else word


@cache
def synonyms(language: str) -> dict[str, frozenset[int]]:
    """Return for each stem of a listed word the groups of synonyms that it is in."""
    groups: dict[str, set[int]] = {}
    for n, listed in enumerate(_SYNONYMS + _IRREGULAR):
        for word in listed.split():
            groups.setdefault(_stem(word, language), set()).add(n)
    return {stem: frozenset(found) for stem, found in groups.items()}


@cache
def opposites(language: str) -> dict[str, frozenset[tuple[int, int]]]:
    """Return for each stem of a listed word the ``(pair, side)`` that it stands for."""
    sides: dict[str, set[tuple[int, int]]] = {}
    for n, pair in enumerate(_OPPOSITES):
        for side, listed in enumerate(pair.split("|")):
            for word in listed.split():
                sides.setdefault(_stem(word, language), set()).add((n, side))
    return {stem: frozenset(found) for stem, found in sides.items()}


@cache
def _han_pair_pattern() -> re.Pattern[str]:
    return re.compile(
        "|".join(
            f"(?P<p{n}_{side}>{pattern})"
            for n, pair in enumerate(_HAN_PAIRS)
            for side, pattern in enumerate(pair)
        )
    )


def han_opposites(text: str) -> Iterator[tuple[int, tuple[int, int]]]:
    """Yield where ``text`` holds a Chinese word of a pair of opposites, and ``(pair, side)``."""
    for match in _han_pair_pattern().finditer(text):
        pair, side = str(match.lastgroup)[1:].split("_")
        yield match.start(), (-1 - int(pair), int(side))
