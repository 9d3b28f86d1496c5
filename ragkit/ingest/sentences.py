"""Where sentences begin and end, in any script, as character spans of the text.

A hand-written scanner in two passes, both linear in the text. Lines are first gathered into runs
in which a line break is only a wrapped line; then the terminators inside a run are judged one by
one. The rules follow Unicode UAX #29 (sentence boundaries) where it decides, and add what it
leaves to tailoring: abbreviations, ordinals, quotations that go on, Thai phrase spaces.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from ragkit.ingest.lines import is_row, soft_runs

__all__ = ["iter_sentences", "scan_run", "sentence_spans"]

# Terminators that always stand for a full stop, question or exclamation mark in their script:
# CJK, Devanagari, Arabic and Urdu, Armenian, Tibetan, Burmese, Khmer, Ethiopic, Sinhala, Mongolian.
_HARD = "!?。！？｡．︒﹒﹖﹗‼‽⁇⁈⁉।॥؟۔։།༎။។៕።፧፨෴᠃᠉"
_CLOSE = "\"'”’」』》〉）)\\]】〕｝}»›*_`"
_OPEN = "\"'“‘„‚「『《〈（(\\[【〔｛{«‹*_`¿¡<-"
_GOES_ON = frozenset(",，、;；:：")
_THAI = re.compile("[\u0e01-\u0e5b]")
_HIRAGANA = re.compile("[\u3041-\u309f]")

# Begun with one set of characters, which is looked for at a tenth of the time of anything else.
_STOP = f"(?P<stop>[.…‥{_HARD}][.…‥{_HARD}]*+)(?P<close>(?:[{_CLOSE}]|\\[\\d{{1,3}}\\])*+)"
_CANDIDATE = re.compile(_STOP)
_CANDIDATE_IN_GREEK_OR_THAI = re.compile(
    f"{_STOP}"
    "|(?<=[\u0370-\u03ff\u1f00-\u1fff]);(?=\\s)"  # the Greek question mark, typed as a semicolon
    "|(?<=[\u0e01-\u0e4e])\\s++(?=[\u0e01-\u0e4e])"  # a space between two Thai letters
)
_GREEK_OR_THAI = re.compile("[\u0370-\u03ff\u0e01-\u0e4e\u1f00-\u1fff]")
_EMPHASIS = re.compile(r"\*+|_+|`+")
_AHEAD = re.compile(f"\\s*+[{_OPEN}]*+(\\w{{0,20}})")
_TOKEN = re.compile(r"(?:[^\W\d_]\.)*[^\W_]+(?:['’-][^\W_]+)*$")
_LONE_LATIN = re.compile(r"(?:^|[^A-Za-zＡ-Ｚａ-ｚ])[A-Za-zＡ-Ｚａ-ｚ]$")
_DOTTED = re.compile(r"(?:[^\W\d_]{1,2}\.)+[^\W\d_]{1,2}")
_ROMAN = re.compile(r"[IVXLC]{2,6}")
_WORD = re.compile(r"[^\W_]")

# Thai spaces separate phrases, not sentences, and stand around names and numbers too: a phrase
# shorter than this is not cut off from the next,
# nor one of half that length from the one before.
_THAI_PHRASE = 80


def _words(listed: str) -> frozenset[str]:
    return frozenset(listed.split())


# Never the last word of a sentence: a name or a phrase follows.
_LEADING = _words(
    "mr mrs ms messrs mme mmes mlle dr drs prof profs rev hon st ste sr sra srta dott dña gen col "
    "capt cpt lt sgt cmdr adm gov sen rep pres supt sig sgra hr fr frl dipl ing mag vs viz cf e.g "
    "eg i.e ie resp bzw ca z.b z.t d.h u.a i.d.r v.a s.o s.u o.ä sog ggf evtl inkl exkl vgl "
    "p.ex ej p.ej т.е т.к т.н им проф акад гр тов см ср напр св ул г-н г-жа αρ βλ κ κα δηλ "
    "bkz dz vd doç yrd sn av tp ts ths pgs gs bs np tzn tj ad approx"
)
# An abbreviation only in front of a number: "No. 5", "Fig. 3", but "She said no."
_NUMBERED = _words(
    "no nos nr núm num nº fig figs abb tab eq eqs sec secs ch chap vol vols pp pg p s art arts § "
    "abs kap bd ver v rn az jan feb mar apr jun jul aug sep sept oct nov dec рис стр гл ст табл п "
    "№ σελ εικ op bl col cod ley tel tlf"
)
# May end a sentence; it does when a word that opens sentences follows.
_CLOSING = _words(
    "etc inc ltd co corp bros jr esq al ed eds dept univ assn ave blvd rd mt ft u.s u.k u.n u.s.a "
    "e.u d.c a.m p.m b.c a.d n.chr v.chr ph.d m.d b.a m.a usw u.s.w mio mrd str inh geb gest "
    "ee.uu uu ss aa pág págs cía kft т.д т.п н.э др пр млн млрд тыс руб коп обл"
)
_ABBREVIATED = _LEADING | _NUMBERED | _CLOSING
_OPENERS = _words(
    "the a an this that these those it its he she they we you i his her their our my your in on at "
    "by for from with as if when while after before since during because although however but and "
    "or so then there here what who how why where which der die das ein eine er sie es wir ihr im "
    "am in auf bei mit nach seit während wenn als und aber oder doch diese dieser dieses el la los "
    "las un una en por con al le les une il elle ils dans pour avec mais он она оно они мы вы это "
    "этот эта в на с по для при после если когда как но и а ο η το οι τα στην στο και"
)
_AFTER_ORDINAL = _words(
    "januar jänner februar märz april mai juni juli august september oktober november dezember "
    "jahrhundert jahrhunderts jahrhunderte jahrhunderten jh jhd jahrtausend jahrtausends klasse "
    "auflage kapitel platz rang stock teil band bundesliga liga weltkrieg weltkriegs"
)


def sentence_spans(text: str) -> list[tuple[int, int]]:
    """Return half-open character spans of the sentences of ``text``, in order.

    Spans are trimmed of white space, never empty and never overlap; together they cover every
    character of ``text`` that is not white space. A heading, a list item, a table row and a line
    of fenced code each end at their line's end; so does a paragraph. Linear in ``len(text)``.
    """
    return list(iter_sentences(text, 0, len(text)))


def iter_sentences(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield the spans of ``sentence_spans`` for ``text[start:end]``, as offsets into ``text``."""
    for run in soft_runs(text, start, end):
        if run.kind == "code" or (run.kind == "row" and is_row(text, run.start, run.end)):
            yield run.start, run.end
        else:
            yield from scan_run(text, run.start, run.end)


def scan_run(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield the sentences of a soft run, which opens and closes with no white space."""
    begin = seen = start
    quotes = 0  # straight double quotes up to ``seen``; an odd count means that one is open
    special = not text.isascii() and _GREEK_OR_THAI.search(text, start, end)
    candidates = _CANDIDATE_IN_GREEK_OR_THAI if special else _CANDIDATE
    for match in candidates.finditer(text, start, end):
        if match["stop"] is None:
            cut = match.start() if text[match.start()].isspace() else match.end()
            phrase = cut == match.start()
            if phrase and (cut - begin < _THAI_PHRASE or end - cut < _THAI_PHRASE // 2):
                continue
        else:
            stop = match.end("stop")
            if match.end() == stop < end and _ends_surely(text[stop - 1], text[stop]):
                yield begin, stop
                begin = stop
                continue
            quotes += text.count('"', seen, stop)
            seen, cut = stop, match.end()
            if text.startswith('"', stop) and quotes % 2 == 0 and not _at_gap(text, stop + 1, end):
                cut = stop  # the quote opens what follows
            cut = _without_openers(text, begin, stop, cut, end)
            if not _ends(text, begin, match.start(), stop, cut, end):
                continue
        after = _skip_space(text, cut, end)
        if after == end:
            break
        if not text[after].isalnum() and _only_marks(text, after, end):
            break  # they belong to this sentence
        if cut > begin:
            yield begin, cut
        begin = after
    yield begin, end


def _ends_surely(mark: str, following: str) -> bool:
    """Tell what `_ends` would say of a Chinese stop before a Chinese character, as most are."""
    return mark in "。！？" and "\u4e00" <= following <= "\u9fff"


def _without_openers(text: str, begin: int, stop: int, cut: int, end: int) -> int:
    """Return ``cut``, moved before marks of code or emphasis that open what follows.

    「端口是 8501。`DATA` 默认…」: where no such mark is open and no space follows, it opens.
    """
    if _at_gap(text, cut, end):
        return cut
    for mark in _EMPHASIS.finditer(text, stop, cut):
        if text.count(mark[0], begin, stop) % 2 == 0:
            return mark.start()
    return cut


def _is_cjk(character: str) -> bool:
    return not character.isascii() and _cjk().match(character) is not None


@cache
def _cjk() -> re.Pattern[str]:
    # So many characters take milliseconds to compile, which plain ASCII can do without.
    return re.compile(
        "[\u2e80-\u2fff\u3005-\u30ff\u3130-\u318f\u31a0-\u4dbf\u4e00-\ua4cf\uac00-\ud7af"
        "\uf900-\ufaff\uff21-\uff5a\uff66-\uffdc\U00020000-\U0003ffff]"
    )


def _ends(text: str, begin: int, stop: int, stop_end: int, cut: int, end: int) -> bool:
    """Tell whether the terminator ``text[stop:stop_end]``, closed at ``cut``, ends a sentence."""
    if cut >= end:
        return True
    following = text[cut]
    mark = text[stop:stop_end]
    gap = following.isspace()
    if not gap:
        if following in _GOES_ON or (mark.isascii() and not _is_cjk(following)):
            return False
        if cut > stop_end and _HIRAGANA.match(following):
            return False  # 「行く。」と言った: the quotation is part of the sentence
    ahead = _AHEAD.match(text, cut, end)
    word = ahead[1] if ahead else ""
    if ahead and len(word) == 1 and text.startswith(".", ahead.end()):
        word = word.upper() + "."  # the next of several initials opens no sentence
    if mark == ".":
        return not word[:1].islower() and _dot_ends(text, begin, stop, word, gap=gap)
    if not mark.strip(".…‥"):  # an ellipsis ends a sentence only before a fresh start
        return gap and bool(word) and not word[0].islower()
    if mark == "．":
        return not (following.isdigit() or _LONE_LATIN.search(text, max(begin, stop - 2), stop))
    return not (cut > stop_end and gap and word[:1].islower())


def _dot_ends(text: str, begin: int, dot: int, word: str, *, gap: bool) -> bool:
    """Tell whether a single full stop at ``dot`` ends a sentence; ``word`` follows it."""
    back = max(begin, dot - 24)
    found = _TOKEN.search(text, max(back, text.rfind(" ", back, dot)), dot)
    if found is None:
        return True
    token = found[0]
    if not gap:  # Chinese typed with ASCII stops: 你好.我们走 ends, 1.安装 and E.I.杜邦 do not
        return not token.isascii() or (token[-2:].isalpha() and len(token) > 1)
    key = token.casefold()
    if key not in _ABBREVIATED and len(key) > 1 and token.isascii() and token[1:].islower():
        return True  # a plain word, as nearly always
    if token.lower() == token.upper() and token[-1].isalpha():
        # Caseless scripts: a short word is an initial; Thai ends nothing with a full stop.
        return len(token) > 2 and not _THAI.match(token)
    lead = text[begin : found.start()] if found.start() - begin < 16 else "a"
    marker = len(token) <= 4 and not _WORD.search(lead)
    opens = word.casefold() in _OPENERS
    if marker and (token.isdigit() or len(token) == 1 or _ROMAN.fullmatch(token)):
        return False  # the marker of a list item or a numbered heading
    if key in _LEADING:
        return False
    if key in _NUMBERED and word[:1].isdigit():
        return False
    if token.isdigit():
        return not (len(token) <= 2 and word.casefold() in _AFTER_ORDINAL)
    if len(token) == 1:
        return opens if not token.islower() else _lone_letter_ends(text, found.start(), begin)
    if key in _CLOSING or _DOTTED.fullmatch(token) or _ROMAN.fullmatch(token):
        return opens
    return True


def _lone_letter_ends(text: str, at: int, begin: int) -> bool:
    """Tell whether the stop after the small letter at ``at`` can end a sentence.

    Russian writes "1990 г." and "и т. д." at a sentence's end, with a number or another dotted
    letter before it; German "z. B." and "d. h." never stand there.
    """
    before = text[max(begin, at - 3) : at].rstrip()
    cyrillic = "\u0400" <= text[at] <= "\u04ff"
    return cyrillic and (before[-1:].isdigit() or (before[-2:] in {"т.", "н."}))


def _only_marks(text: str, start: int, end: int) -> bool:
    return end - start < 200 and not _WORD.search(text, start, end)


def _skip_space(text: str, at: int, end: int) -> int:
    while at < end and text[at].isspace():
        at += 1
    return at


def _at_gap(text: str, at: int, end: int) -> bool:
    return at >= end or text[at].isspace()
