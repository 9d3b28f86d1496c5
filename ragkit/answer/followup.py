# ruff: noqa: E501  (patterns and word lists read best one kind a line)

"""A follow-up question made whole without a model: it carries on what was asked about before.

Three things are told apart: a question that stands alone is left as it is; one that points back
("it", "他") or leaves its subject out gets the subject of the question before; and one that only
names another thing ("那 macOS 呢？", "What about Sundays?") is the question before with that thing
in the place of its counterpart.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from ragkit.answer.mentions import Mention, counterpart, mentions, same_sort, subject
from ragkit.answer.question import Question, analyze_question
from ragkit.types import Answer

__all__ = ["in_context", "leans", "whole_questions"]

# What stands for something said before. A group that took part says who: a person, or anything.
_PERSON = re.compile(
    r"\b(?:he|him|his|she|her|hers)\b|(?<!其)[他她](?![们們国國人])|\b(?:il|elle|él|ella|он|она|его|её|ему|ей|er|lui)\b|彼女?",
    re.IGNORECASE,
)
_THING = re.compile(
    r"\b(?:it|its|they|them|their|theirs)\b|(?<!其)[它他她][们們]?|(?<![尤极極])其(?![他它她中实實余餘次])|(?<![应應])该(?![如怎不])|(?<![应應])該(?![如怎不])"
    r"|这(?!里|裡)|這(?!裡|里)|那(?=[个個些种種座家本部款])|(?<![因如彼])此(?![外前后後时時])|前者|后者|後者|上述"
    r"|\b(?:which|that|this|the other|the same) ones?\b"
    r"|\b(?:is|are|was|were|does|do|did|can|could|will|about|of|for|with|in|on|to|by|from|after|before|than)\s+(?:this|that|these|those)\b"
    r"|\b(?:this|that|these|those)\s*[?？]?$|\b(?:from|over|get|go|live|near|work|up|down|out|in) there\b|(?<!is )(?<!are )\bthere\s*[?？]?$"
    r"|\b(?:dessen|deren|dort|ils|elles|ello|ellos|eso|esto|оно|они|их|это|там|dies|das\s*[?？]?$)\b|それ|これ|その|この|そこ",
    re.IGNORECASE,
)
# "It" that stands for nothing.
_EXPLETIVE = re.compile(
    r"\b(?:does|did|will|would|do) it (?:take|cost|mean|matter)\b(?=.*\b(?:to|if|when|that)\b)"
    r"|\b(?:is|was|be) it (?:\w+ )?(?:possible|safe|true|necessary|ok|okay|allowed|legal|called when|best|better|worth|hard|easy)\b"
    r"|\bit (?:possible|called when)\b|\bwhat time is it\b",
    re.IGNORECASE,
)
# Beginnings and ends that join a question to the one before it.
_JOINS = re.compile(
    r"^\s*(?:(?:and|but|so|then|or|also|ok(?:ay)?)\b[\s,]*)+(?:(?:what|how) about\b)?\s*|^\s*(?:what|how) (?:about|of)\b\s*"
    r"|^\s*(?:und|aber|et|mais|y|pero|e|ma|mas|а|и|но)\s+(?:was ist mit|qué (?:tal|hay de)|что насчёт|что насчет)?\s*|^\s*(?:was ist mit|qué tal|que tal|что насчёт|что насчет)\s+"
    r"|^\s*(?:那么|那麼|那(?![个個些种種里裡座家本部款])|然后|然後|接着|另外|还有|還有|如果是|换成|換成|要是|对于|對於|而)[\s,，]*(?:如果是|换成|換成|要是|对于|對於)?",
    re.IGNORECASE,
)
_TAIL = re.compile(
    r"[\s,，]*(?:呢|的话呢|的話呢|怎么样|怎麼樣|如何|はどう(?:ですか)?|は)?[?？。!！\s]*$"
)
_AGAIN = re.compile(r"^\s*(?:还|還|又(?![一])|再(?![次版现現])|也)")
_ONLY_WHY = re.compile(
    r"\s*(?:why(?: not| is that| so)?|how(?: so| come)?|since when|[为為](?:什么|什麼|何)|怎么会|warum|wieso|pourquoi|por qué|почему)[?？\s]*",
    re.IGNORECASE,
)
_ASKS_FIRST = re.compile(
    r"\s*(?:请问)?(?:什么时候|什麼時候|何时|何時|哪[一]?[年天月]|谁(?!是)|誰(?!是)|为什么|為什麼|为何|為何|多少|几|幾|在?哪[里裡儿兒]|怎么|怎麼|怎样|怎樣|如何|多[久长長高大远遠重]|由谁|由誰|被谁|有多|哪些|能|可以|需要|是否|支持|有没有|有沒有|位于|位於|属于)"
)
# Nouns that are always something's: alone they leave out whose.
_RELATIONAL = re.compile(
    r"(?:price|cost|fee|size|weight|height|length|width|depth|age|population|area|capital|author|owner|founder|address|licen[cs]e|version|name|colour|color|speed|limit|default"
    r"|票价|票價|价格|價格|价钱|费用|費用|门票|大小|重量|高度|长度|長度|宽度|深度|面积|面積|人口|首都|作者|主人|创始人|創始人|地址|电话|電話|许可证|版本|名字|颜色|速度|上限|默认值|营业时间|开放时间|原料|成分|押金)",
    re.IGNORECASE,
)
_FEW = 3


def in_context(question: str, earlier: Sequence[str], *, found: Sequence[str] = ()) -> str:
    """Return ``question`` made whole by the questions before it; unchanged where it stands alone.

    ``earlier`` are the questions of the conversation, oldest first, and ``found`` the short
    answers to them ("" where there was none): "she" after "Who built it?" is the one found. Never
    raises.
    """
    whole: list[str] = []
    for number, past in enumerate(earlier):
        whole.append(_resolved(past, whole, found[:number]))
    return _resolved(question, whole, found)


def whole_questions(question: str, history: Sequence[Answer]) -> str:
    """Return ``question`` made whole by a conversation, its answers oldest first."""
    turns = [turn for turn in history if turn.question.strip()]
    return in_context(
        question, [turn.question for turn in turns], found=[_short(turn) for turn in turns]
    )


def leans(question: str) -> bool:
    """Return whether ``question`` may not make sense without the conversation before it."""
    asked = analyze_question(question)
    return bool(_pointer(question, asked) or _swapped(question, asked) or _lacks(question, asked))


def _short(turn: Answer) -> str:
    marks = [(s.text, s.mark) for s in turn.sentences if s.mark]
    return "" if turn.refused or not marks else marks[0][0][marks[0][1].start : marks[0][1].end]


def _resolved(question: str, whole: Sequence[str], found: Sequence[str]) -> str:
    """Return ``question`` made whole; ``whole`` are the earlier ones, made whole already."""
    if not whole:
        return question
    asked, last = analyze_question(question), whole[-1]
    named = _swapped(question, asked)
    if named:
        return _replaced(named, last)
    pointer = _pointer(question, asked)
    if pointer:
        person = pointer[2] and len(found) == len(whole) and bool(found[-1])
        if person and analyze_question(last).kind == "person":
            return _put(question, pointer, found[-1])
        return _put(question, pointer, _carried(question, whole))
    if _ONLY_WHY.fullmatch(question):
        return f"{question.strip()} {last}"
    if _lacks(question, asked):
        return " ".join(part for part in (_carried(question, whole), question) if part)
    return question


def _carried(question: str, whole: Sequence[str]) -> str:
    """Return the subject of the last question that has one, without what ``question`` says."""
    said = question.casefold()
    for past in reversed(whole):
        words = [word for word in subject(past) if word.casefold() not in said]
        if words:
            wide = any("\u2e80" < char < "\ud7ff" for word in words for char in word)
            return ("" if wide and all(w > "\u2e80" for w in words) else " ").join(words)
    return ""


def _put(question: str, pointer: tuple[int, int, bool], words: str) -> str:
    """Return ``question`` with ``words`` in the place of what points back."""
    if not words:
        return question
    start, end, _ = pointer
    before, after = question[:start], question[end:]
    wide = before[-1:] > "\u2e80" or after[:1] > "\u2e80"
    gap = "" if wide and words[:1] > "\u2e80" else " "
    if re.match(r"\s*[?？.,!]", after):
        return f"{before.rstrip()}{gap}{words}{after}".strip()
    own = re.fullmatch("its|his|her|their|theirs", question[start:end], re.IGNORECASE)
    words += "'s" if own and words.isascii() else ""
    return " ".join(f"{before}{gap}{words}{gap}{after}".split())


def _pointer(question: str, asked: Question) -> tuple[int, int, bool] | None:
    """Return where ``question`` points back, and whether at a person; None where it does not.

    A word that has something before it in the same question points at that.
    """
    if _EXPLETIVE.search(question):
        return None
    matches = [(m, True) for m in _PERSON.finditer(question)]
    matches += [(m, False) for m in _THING.finditer(question)]
    if not matches:
        return None
    match, person = min(matches, key=lambda pair: (pair[0].start(), not pair[1]))
    if any(mention.end <= match.start() and mention.strong for mention in mentions(question)):
        return None
    inner = re.search(r"\b(?:this|that|these|those|there)\b", match[0], re.IGNORECASE)
    start = match.start() + (inner.start() if inner else 0)
    return start, match.end(), person


def _swapped(question: str, asked: Question) -> str:
    """Return the other thing that is all that ``question`` names, or ""."""
    joined = _JOINS.match(question)
    end = _TAIL.search(question)
    stop = end.start() if end else len(question)
    asks_so = end is not None and re.search(r"呢|怎么样|怎麼樣|はどう", end[0]) is not None
    name = question[joined.end() if joined else 0 : stop].strip(" \t,，、")
    if not name or not (joined or asks_so or (question.strip()[-1:] in "?？" and len(name) <= 24)):
        return ""
    inner = analyze_question(name)
    if inner.kind != "keywords" or len(inner.words) > _FEW or not inner.words:
        return ""
    return "" if _PERSON.search(name) or _THING.search(name) else name


def _lacks(question: str, asked: Question) -> bool:
    """Tell a question that names nothing that it could be about."""
    if _ONLY_WHY.fullmatch(question):
        return True
    if asked.kind in ("keywords", "definition"):
        return False
    known = mentions(question)
    first = _ASKS_FIRST.match(question) or _AGAIN.match(question)
    wide = any("\u2e80" < char < "\ud7ff" for char in question)
    if len(asked.words) == 1 and _RELATIONAL.fullmatch(asked.words[0]):
        return True
    if any(mention.topic or (mention.strong and not (wide and first)) for mention in known):
        return False
    if _AGAIN.match(question):
        return True
    if wide:  # two characters are a verb by themselves, more have an object of their own
        return bool(first) and len(asked.words) < 2 and sum(map(len, asked.words)) <= 2
    return len(asked.words) < 2


def _replaced(name: str, last: str) -> str:
    """Return the question ``last`` about ``name``."""
    alike = same_sort(name, last)
    if alike:
        return f"{last[: alike[0]]}{name}{last[alike[1] :]}"
    old: Mention | None = counterpart(name, last)
    if old is None:
        return f"{name} {last}"
    before, after = last[: old.start], last[old.end :]
    bare = re.sub(r"^(?:on|in|at|for|with|by|from|the|a|an)\s+", "", name, flags=re.IGNORECASE)
    return f"{before}{bare if old.bare else name}{after}"
