# ruff: noqa: E501  (patterns and word lists read best one kind a line)

"""What a question names: the things that it may be about."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from ragkit.answer.matching import is_unspaced, iter_tokens
from ragkit.answer.question import Question, analyze_question
from ragkit.retrieve.tokenizer import is_function_word

__all__ = ["Mention", "counterpart", "mentions", "subject"]

_DETERMINER = frozenset(
    "the a an my our your der die das den dem ein eine einen einer le la les un une el los las una il lo gli o os as um uma".split()
)
_PREPOSITION = re.compile(r"\b(on|in|at|for|with|by|from|under|to|of)\s+$", re.IGNORECASE)
_AUXILIARY = re.compile(
    r"\b(?:is|are|was|were|did|does|do|can|could|will|would|should|has|have|had|may|must)\b",
    re.IGNORECASE,
)
# A word that may end a question as its verb: "when was the old bridge built".
_PARTICIPLE = re.compile(
    r"\w+(?:ed|en|wn)$|(?:built|made|held|found|sold|kept|sent|set|put|cut|led|lost|paid|read|told|won|cost|run|open|close|begin|start|end|work|take|mean|last|weigh|live|need|support|cover|use|store|contain|have|get|go|leave|stand|lie|allow|offer|return|default|weigh|eat|grow|come|say)s?$",
    re.IGNORECASE,
)
_QUOTED = re.compile(r"《[^》]{1,40}》|“[^”]{1,40}”|「[^」]{1,40}」|\"[^\"]{1,40}\"|`[^`]{1,40}`")
_HAN = re.compile(r"[\u3400-\u9fff]")
# Words that set the frame of a Chinese question, not what it is about.
_FRAME = re.compile(
    r"默认|默認|情况|情況|如果|那么|那麼|现在|現在|通常|一般|请问|請問|另外|一共|总共|總共|大概|大约|平时|一次|每天|每年|每月|最多|最少|至少|最大|最小|可以|需要|应该|是否|支持|能够|属于|位于|每[个個周次]"
)
_PREDICATE = re.compile(
    r"^(?:[^\W\d_]{0,20}?)(?=(?:默认|默認|最早|最多|最少|最大|最高|一般|通常|大约|每[天年月周个次]|需要|支持|可以|能|会|會|要|由|被|用|叫|属于|位于|位於|建于|建於|建成|成立|开放|開放|开门|關門|关门|出生|发布|發布|收费|花|卖|賣|住|有|多[高大长長重久远少深宽]))"
)


# Things that come in a series: one stands for another of its kind.
_SERIES = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"(?:周|週|星期|礼拜)[一二三四五六日天末]",
        r"(?:今|明|昨|后|前)天|(?:上|下|这)(?:周|个?月|星期)",
        r"(?:[12]\d{3}|[〇零一二三四五六七八九]{4})\s?年",
        r"(?:\d{1,2}|[一二三四五六七八九十]{1,3})\s?[月日号楼层]",
        r"第\s?[一二三四五六七八九十百\d]+\s?[\u4e00-\u9fff]?",
        r"(?:春|夏|秋|冬)[天季]",
        r"(?:on\s+)?(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)days?|(?:on\s+)?(?:weekends?|weekdays|holidays)",
        r"(?:in\s+)?(?:January|February|March|April|May|June|July|August|September|October|November|December)",
        r"(?:in\s+)?(?:spring|summer|autumn|fall|winter)",
        r"(?:in\s+)?[12]\d{3}",
        r"\d+(?:[.,]\d+)*",
        r"早上|上午|中午|下午|晚上|周末|工作日|节假日",
        r"成人|儿童|学生|老人|小孩|孩子",
    )
)


@dataclass(frozen=True, slots=True)
class Mention:
    """``question[start:end]`` names a thing; ``strong`` if a pronoun after it may stand for it.

    ``shape`` is what it is made of: a number, a name, an identifier, Latin among Chinese, words.
    ``topic`` marks the one that the question sets out from. ``lead`` is the preposition before it, lower case, and ``bare`` that it has no article in it.
    """

    text: str
    start: int
    end: int
    shape: str
    strong: bool
    lead: str = ""
    bare: bool = True
    topic: bool = False


def mentions(question: str) -> list[Mention]:
    """Return what ``question`` names, in order."""
    asked = analyze_question(question)
    if _HAN.search(question):
        return list(_han_mentions(question, asked))
    return list(_word_mentions(question, asked))


def subject(question: str) -> list[str]:
    """Return the words of ``question`` that say what it is about: all of them where none stand out.

    Not its predicate: of "When was the old lighthouse built?" the lighthouse.
    """
    asked = analyze_question(question)
    known = mentions(question)
    topics = [m for m in known if m.topic or m.shape in ("latin", "quoted")]
    chosen = topics or [m for m in known if m.strong] or known
    return [m.text for m in chosen] or list(asked.words)


def same_sort(name: str, question: str) -> tuple[int, int] | None:
    """Return where ``question`` has a number, day or ordinal where ``name`` has another one."""
    for pattern in _SERIES:
        if pattern.fullmatch(name):
            found = [m.span() for m in pattern.finditer(question)]
            if found:
                return found[-1]
    return None


def counterpart(name: str, question: str) -> Mention | None:
    """Return what in ``question`` is of the same sort as ``name``; None where nothing is.

    The same preposition tells most, then the same shape, then a shared beginning or end; among
    equals the last but for Chinese, where the topic comes first.
    """
    wanted = re.match(r"(?:(on|in|at|for|with|by|from|under|to|of)\s+)?(.*)", name, re.I | re.S)
    lead, bare = ((wanted[1] or "").lower(), wanted[2]) if wanted else ("", name)
    found = mentions(question)
    if not found:
        return None
    shape = _shape(bare, wide=bool(_HAN.search(question)))
    wide = bool(_HAN.search(question))

    def likeness(pair: tuple[int, Mention]) -> tuple[float, int]:
        order, mention = pair
        shared = _shared(bare, mention.text)
        same = mention.shape == shape
        score = 4.0 * bool(lead and lead == mention.lead) + 2.0 * same + 1.5 * shared
        score += 0.5 * (len(bare) == len(mention.text)) if wide else 0.0
        return score, -order if wide else order

    best = max(enumerate(found), key=likeness)
    if likeness(best)[0] < 1.5:
        return best[1] if len(found) == 1 and found[0].strong else None
    mention = best[1]
    if lead and mention.lead == lead:
        return _widened(mention, question, lead)
    return mention


def _widened(mention: Mention, question: str, lead: str) -> Mention:
    """Return the mention with its preposition and article."""
    before = re.search(rf"\b{lead}\s+(?:(?:the|a|an)\s+)?$", question[: mention.start], re.I)
    start = before.start() if before else mention.start
    return Mention(
        question[start : mention.end], start, mention.end, mention.shape, True, lead, bare=False
    )


def _shared(a: str, b: str) -> float:
    """Return 1 where the words begin or end alike (周一 and 周二, version 2 and version 3)."""
    a, b = a.casefold(), b.casefold()
    first, last = a.split()[:1] == b.split()[:1], a.split()[-1:] == b.split()[-1:]
    if _HAN.search(a):
        first, last = a[:1] == b[:1], a[-1:] == b[-1:]
    return float(first or last)


def _shape(text: str, *, wide: bool) -> str:
    text = text.strip()
    if re.fullmatch(r"[\d.,:/%-]+", text):
        return "number"
    if wide:
        return "words" if _HAN.search(text) else "latin"
    if any(c.isdigit() or c in "_/@#." for c in text.strip(".")):
        return "identifier"
    words = [w for w in text.split() if w.lower() not in _DETERMINER]
    return "name" if words and any(map(str.isupper, words[0])) else "words"


def _word_mentions(question: str, asked: Question) -> Iterator[Mention]:
    """Yield runs of words after an article or with a capital, a digit or a mark in them."""
    tokens = list(iter_tokens(question))
    known = {word.casefold() for word in asked.words}
    run: list[tuple[int, int]] = []
    lead_at, determined = 0, False

    def mention(last: bool) -> Iterator[Mention]:
        spans = list(run)
        if last and len(spans) > 1 and _AUXILIARY.search(question[: spans[0][0]]):
            word = question[slice(*spans[-1])]
            if _PARTICIPLE.fullmatch(word) and not word[:1].isupper():
                spans.pop()
        start, end = spans[0][0], spans[-1][1]
        text = question[start:end]
        shape = _shape(text, wide=False)
        strong = determined or shape in ("name", "identifier")
        before = _PREPOSITION.search(
            re.sub(r"\b(?:the|a|an)\s+$", "", question[:start], flags=re.I)
        )
        lead = before[1].lower() if before else ""
        article = re.search(r"\b(?:the|an?|der|die|das|le|la|el|il)\s+$", question[:start], re.I)
        if article and determined:
            start, text = article.start(), question[article.start() : end]
        yield Mention(text, start, end, shape, strong, lead)

    for number, (start, end) in enumerate(tokens):
        word = question[start:end]
        joined = run and question[run[-1][1] : start].strip() == ""
        if word.casefold() in known and not (number == 0 and is_function_word(word, "en")):
            if run and not joined:
                yield from mention(False)
                run, determined = [], False
            if not run:
                previous = question[slice(*tokens[number - 1])].lower() if number else ""
                determined = previous in _DETERMINER
                lead_at = start
            elif _turns(question, run[-1], (start, end)) and not determined:
                yield from mention(False)
                run, determined = [], False
            run.append((start, end))
        elif run:
            yield from mention(False)
            run, determined = [], False
    if run and lead_at >= 0:
        yield from mention(True)


def _turns(question: str, a: tuple[int, int], b: tuple[int, int]) -> bool:
    """Tell where a name begins or ends inside a run: "does Linux store"."""
    return question[a[0]].isupper() != question[b[0]].isupper()


def _han_mentions(question: str, asked: Question) -> Iterator[Mention]:
    """Yield quoted names, Latin words, and the words between grammar, without predicates."""
    quoted = [m.span() for m in _QUOTED.finditer(question)]
    for start, end in quoted:
        yield Mention(question[start:end], start, end, "quoted", True)
    at = 0
    first = True
    for word in asked.words:
        start = question.find(word, at)
        if start < 0:
            start = question.find(word)
        if start < 0:
            continue
        end = at = start + len(word)
        if any(s < end and start < e for s, e in quoted):
            continue
        if not is_unspaced(word):
            yield Mention(word, start, end, _shape(word, wide=True), True)
            first = False
            continue
        noun = _noun(word)
        if noun:
            at_front = first and not question[:start].strip(" 请问請問那么")
            ends = start + len(word) >= len(question.rstrip("?？。 了的呢吗"))
            topic = len(noun) > 1 and at_front
            strong = topic or (len(noun) > 1 and ends and not _predicate(noun))
            shift = start + word.find(noun)
            yield Mention(noun, shift, shift + len(noun), "words", strong, topic=topic)
        first = False


def _noun(word: str) -> str:
    """Return the part of a run of Chinese before its predicate, without words of the frame."""
    for pattern in _SERIES:
        timed = pattern.search(word)
        if timed and timed.start() > 1:
            word = word[: timed.start()]
    bare = _FRAME.split(word)[0] if _FRAME.search(word) else word
    found = _PREDICATE.match(bare)
    if found and len(found[0]) > 1:
        return found[0]
    return bare


def _predicate(word: str) -> bool:
    return _PREDICATE.match(word) is not None and not (_PREDICATE.match(word) or [""])[0]
