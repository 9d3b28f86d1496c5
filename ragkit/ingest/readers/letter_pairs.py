# ruff: noqa: E501  (one line a language)
"""Which of Windows' Latin code pages a few words are in, by the pairs of letters that stand in them.

Single letters cannot tell: the bytes of Czech "řě" are "øì" in the Western page, and both are letters.
But no Western language has "øe" behind "p". For each language the commonest pairs that hold a letter
beyond ASCII, most frequent first, a space being the border of a word; counted in the translations of
free programs (GNU gettext catalogs of Debian). Pairs fade as 1 / (rank + 6), after Zipf.
"""

from __future__ import annotations

import math
import re
from functools import lru_cache
from itertools import pairwise

__all__ = ["PAGES", "likelier_page"]

_PAIRS = {
    "cp1252": (
        "füürülängüüsüb ülürüßetüühräücüthälö äösläügköönähärwäätüfrömöögößältäöfnünöuß öötmüeßhöägörsäeäß öcmänäüpäcfäoßäuwüüneöümäsküöhwöädgäzöäfdühüäßzäü öpßiaßdätöiß",  # de
        "réé éedééc éérà  àténéêtséétéféséppémé êléémélvéèrtègéiéuéédféètégéaèmxéhéèscéaîénrèînlèévmèièôtrôôlébtêéjjàêmmênêuêèlhècècôrêéqdèpôônèqéézéîtâcçaègtâçuhôéiyéeç",  # fr
        "nºº óniótáálváá ó ínrálímánúímañúmñosíánódíalócóólróásña íámeñsóúnúsésrícíác áárúlmébúétmóué úág ómútógúórpááxbódíáté énísíoténáérítvínófíí ídiéíctímíaíú yúlúuíífáq",  # es
        "nºº ãoçãnãaçé  éívõesíárçõálá sãvápçeçtáórrãídnúiççotóçaúmaíránçênuámáávníémê  úínmíícuçcêtãté íiáúlsáágcóósês ámóódrêpórópáímtíméhá àáxeúà údsõérâmlêétbóólpôôdáqót",  # pt
        "è  èà tàò uòù iùiàé ràhénùnéiòì sìoèséròièdì ààèèììòòùtùlàètàlsùfàdànççosè",  # it
        "örföänärvä äå läpåälräånråtä öägövåtkämåätsäåltölåökåsämsöödäshånäjäfäår åågköhägåhöävönlögätåmäösvåröådsånåäköpmöfåölgöädömögdåöjbödäåeäfäcbååväxåkdöpääpjönöbä",  # sv
        "ærørå væænpålærætøøgfønøsææsætøjælérævårmålømæ æøthøsøkø åhårønåånåbåslåøbådsåønråødhæøl øgæækøvåløsjækæmødønægåtégøåeægæfrétæpøædøm éjøfævéléåvéntådæfåbåøkæcbø",  # da
        "ä täääkääymäsääläränpääsväjänääilätöätämiääoyöräö önötävählö äösäpäköyäjäeköyäiöeänöömökhäöööldäöiöäöjädöhöpöoäaörrööatššeödpöjödžžadö žž šuaš šhüübmöaäštšasöšk",  # fi
        "eïïniëén éééëreëënëivóóóórëlë oëaïvéïeïmèné cèésïsbéépëtléëxaððelüü rïnççorööeeécœœulè ššeïdké",  # nl
        "å  åørpåøknøføtømåærjøårlåøyrønåøtåpådhøråøvvæølsø øløønåtålåsmøångåømhåvåøssåtåødbåpøåvkøøp éénnæåkdælæåefåbømæø øeérdøåikåbædååfeætétæøflédérérææsfæuækéåg èèn",  # nb
        "ð iðaðá  á þðaráí  írððieðþe óðuærtæhæðsölögjáægvæákíltááltíjönú újótóæðuðóðátláóggöæksíútsýmöárlííðtöókýnásáaænvílýöpísbúræðrósæsréánlæétóvðkérínúnætsélópímáýt",  # is
    ),
    "cp1250": (
        "í nípřé řeánnáý váá nýnévýčeřírářiů ávužačázcíísži čěnožlíádměícíkpíněčíátkávé řžeýcmáě ítálkéšeočjídálávětízáímémzíéhíčtěínmíč ářvíšísářáméž čnílén žám úořečsí",  # cs
        "ć ówięożścę łożnośą ącałłaużżyaćłążeśldłjąbłróędyćeżeśądtółuęcśćkóyśjśsłażtęićłęł ń iąępnąńcż órzęwłołśw śkłgłeńłyłó żońętząył łełsąsóułązańżąjężkątgóódzłpóręwą",  # pl
        "ásáléstáítértéó  éájzáő fáláénárkökénáántómáléátlóváséülzévéráégsáépéllísí áámnéírétzőtöékévörtőókméözlőövódiótíönívpéeárérüzóbáölággézíösávdézödőábmódáímcí ö ú",  # hu
        "ť ý é nánénýá súúbiť čaťráoží čiačázvýžiáveľužmáú níátískáácžnčaíkéhoččíálčeríív šľaárjúzásťštláýcpížeoľvédárčvánúítlítáúčšečučnťaľkžk ž útéémčkzížíč ľbúcýsyťtí",  # sk
        "oččečičaič šiščn čšištačžnečožč učžišeškžeščešežošažčknč žžačjjšrščučršauššnzšužlžaščližlčzčžlrčržšlčodždčžjmšbččbžučtšvšpšučsnžčdž nšžbkšdšbšzžmčšjžkčzcčččsššš",  # sl
        "čićeućičačišešuččeeđžeškžašeržšičaočžištčnčkožđeećažrš čćišaađečđu šošćađač  ćužuščuaćašćnežšnoćć ođćuôdkôžnđi žčjićižš ždčlžušćčvpćnčšvžjjčpšščž šprčžđvšdžšužb",  # hr
        "ă ţi îtăşiînişcăzăăraţrăeş şsăcţştlămănănţpţiţângăătdăpăcâăsşeaşvăeţşuşafăţăţetâăţâtăuârţarţbăuţbţuăâmăşrşfârâîmlţăloş ţmâăcăgxăuşămâlnşşneîvâădăiş zâpâsâîloţîi",  # ro
    ),
    "cp1254": (
        "ı nıınsıdırıırlııliççiişçeeğği çeçtışlştışaş öş ürıkmıümağönyıımgöeşünü tüıyçarüçışiğıızısğecılüsükışıgüşazıaçiğöruşç dü şük üözüznüyüıcığğlöspıölşmüsğubömüğroğ",  # tr
    ),
    "cp1257": (
        "võärväõiälõtäi üsüõnmäääümühjätükälõõpnääsüstäülüüpä õsõüpähtõkõõraõöökütö äüklüäeätõllämõsärüötünnüõeõhõuö põnõübpüäbädäpõsräörõjhüürödägü ügökežžirõ šäoänüdši",  # et
        "ā rāāsīttātīēršaētvēādnāārēlkāējlēāttēdīībmēmāājzīīmpārīlāāmjāālkšiņ šīgļaēgvāē līūtsēošzēkļšiākrēbūašēmaļācpēīdļūīvdādēņueļešūdežšķņaēšbēbāījš ķisāšīnīšunēī gš",  # lv
        "ų išą  įį ėsašė čiiųnėlė šžišiša žtėešškėtmėėluždždėštmątųę ėjžykšbūtąįrrėnųėrūtlųš šmšvičmųažsąįvšyūršoečnįląkųnčkėjųjąšrrššuėmęsąrbėįjtęgąežlįūsįdtįnękąšųdųšs",  # lt
    ),
}
PAGES = frozenset(_PAIRS)
_SAMPLE = 4000  # bytes
_BESIDE_DIGIT = re.compile(r"(?<=\d)[^\W\d_]|[^\W\d_](?=\d)")  # a sign on another page: £5, 2ª
_RARE = math.log(1 / 440)  # a pair that no list holds
_MARGIN = 1.2  # how much likelier pairs must be, as a logarithm, to overrule single letters


def likelier_page(data: bytes, page: str) -> str:
    """Return the one of ``PAGES`` that ``data`` is in, or ``page`` unless another fits far better.

    Where ``page`` shows signs and no pairs, nothing tells against it.
    """
    scores = {name: _fit(data[:_SAMPLE], name) for name in _PAIRS}
    if scores[page] == -math.inf:
        return page
    best = max(scores, key=lambda name: scores[name])
    return best if scores[best] > scores[page] + _MARGIN else page


def _fit(data: bytes, page: str) -> float:
    """Return the mean logarithm of how common the pairs are in the language that fits best.

    Minus infinity where there are none, or the bytes are not all on the page.
    """
    try:
        text = _BESIDE_DIGIT.sub(" ", data.decode(page).lower())
    except UnicodeError:
        return -math.inf
    letters = "".join(c if c.isalpha() else " " for c in f" {text} ")
    pairs = [pair for pair in map("".join, pairwise(letters)) if not pair.isascii()]
    if not pairs:
        return -math.inf
    return max(sum(weights.get(pair, _RARE) for pair in pairs) for weights in _weights(page)) / len(
        pairs
    )


@lru_cache(maxsize=len(_PAIRS))
def _weights(page: str) -> tuple[dict[str, float], ...]:
    return tuple(
        {listed[2 * at : 2 * at + 2]: -math.log(at + 6) for at in range(len(listed) // 2)}
        for listed in _PAIRS[page]
    )
