# ruff: noqa: E501  (patterns read best one language a line)

"""Questions what something is, and sentences that say so: the subject, then a form of "to be"."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from ragkit.answer.matching import is_unspaced, iter_tokens, token_terms
from ragkit.retrieve.tokenizer import is_function_word

__all__ = ["asked_subject", "is_heading_of", "says_what_it_is"]

# Tried in order on the whole question without its closing marks. "Who" asks it of a person.
_FRAMES = tuple(
    re.compile(frame, re.IGNORECASE)
    for frame in (
        r"(?:so |and |please )*(?:what (?:is|are) meant by|what do(?:es)? (?:you|it|one) mean by|what is the (?:meaning|definition) of|define|the (?:meaning|definition) of) (?P<x>.+)",
        r"(?:so |and |please )*what do(?:es)? (?P<x>.+?) (?:mean|stand for|refer to)",
        r"(?:so |and |please )*(?:what|who)(?:['’]s|['’]re| exactly is| is| are| was| were) (?P<x>.+)",
        r"(?:请问|請問)?(?:什么|什麼|甚麼|啥|何|谁|誰)(?:是|叫做?|叫作|[为為]|[谓謂])(?P<x>.+?)[呢啊呀]?",
        r"(?:请问|請問)?(?P<x>.+?)(?:是|指的?是?|是指|意味[着著]|表示|代表)(?:什么|什麼|甚麼|啥|谁|誰)(?:意思|东西|東西)?[呢啊呀]?",
        r"(?:请问|請問)?(?P<x>.+?)的?(?:定义|定義|含义|含義|意思)(?:是(?:什么|什麼|甚麼|啥))?[呢啊呀]?",
        r"(?:请问|請問)?(?:该|應|应|應該|应该)?(?:怎[么麼样樣]|如何)理解(?P<x>.+?)[呢啊呀]?",
        r"(?:请问|請問)?(?P<x>.+?)(?:该|應該|应该)?(?:怎[么麼样樣]|如何)理解[呢啊呀]?",
        r"(?P<x>.+?)(?:の意味)?(?:とは|って|は)(?:(?:何|なに|なん|誰|だれ|どういう(?:意味|もの|こと))(?:です|でしょう)?か?|(?:です|でしょう)か)?",
        r"(?P<x>.+?)\s?(?:이?란|이라는 것은|라는 것은|은|는|이|가)\s?(?:무엇|무슨 뜻|뭐|뭔|누구)\S*",
        r"was (?:ist|sind|war|waren|bedeute[tn]|heißt|bezeichnet)(?: denn| eigentlich)? (?P<x>.+)",
        r"was versteht man unter (?P<x>.+)|wer (?:ist|sind|war|waren) (?P<y>.+)",
        r"qu['’]est[- ]ce qu(?:e |['’])(?:c['’]est que )?(?P<x>.+)|c['’]est quoi,? (?P<y>.+)|(?:que (?:signifie|veut dire)|qui (?:est|sont|était)) (?P<z>.+)",
        r"¿?(?:qu[eé] (?:es|son|era|significa)|qui[eé]n(?:es)? (?:es|son|fue|era)) (?P<x>.+)",
        r"(?:che )?(?:cos['’]\s?|cosa )(?:è|sono|era|significa) (?P<x>.+)|chi (?:è|era) (?P<y>.+)",
        r"(?:o )?que (?:é|são|era|significa) (?P<x>.+)|quem (?:é|foi|era) (?P<y>.+)",
        r"(?:что (?:такое|значит|означа[ею]т|собой представля[ею]т|представля[ею]т собой)|кто (?:такой|такая|такие)) (?P<x>.+)",
        r"(?:ما|من) (?:هو|هي|هم|معنى) (?P<x>.+)|ماذا (?:يعني|تعني) (?P<y>.+)",
        r"(?P<x>.+?)\s?(?:คือ|หมายถึง|แปลว่า)\s?(?:อะไร|ใคร)|อะไรคือ(?P<y>.+)",
        r"(?P<x>.+?) (?:là|nghĩa là|có nghĩa là) (?:gì|ai)",
        r"(?P<x>.+?) (?:का (?:अर्थ|मतलब) )?(?:क्या|कौन) (?:है|हैं|था|थे|थी|होता है|होती है|होते हैं)",
        r"(?P<x>.+?) (?:nedir|ne demek(?:tir)?|ne anlama gelir|kimdir)",
        r"τι (?:είναι|ήταν|σημαίνει) (?P<x>.+)",
    )
)
_CLOSING = " \t?？؟;；。.!！"
_LONGEST_SUBJECT = 60

# After the subject; a pattern that must see the end of the sentence ends in "$".
_SAYS = re.compile(
    r"\s+(?:(?:is|are|was|were)\s+(?:an?|the|one|any|some|each|what|when|where|how)\b|means?\b|refers? to\b|denotes?\b|stands? for\b)"
    r"|\s*(?:是(?![否由在不因从從谁誰什哪如怎])|[为為](?![了什何])|指(?!定|向|出)|即|意思是|意味[着著]|表示|叫做)"
    r"|\s*とは|\s*は[^。]*(?:である|です|だ|のこと|を?指す|という|を?意味する)。?$"
    r"|(?:이?란|이?라는 것은)\s|(?:은|는)\s.*(?:이다|입니다|이에요|예요|[을를] (?:말한다|말합니다|뜻한다|뜻합니다|의미한다|의미합니다|가리킨다|가리킵니다))\.?$"
    r"|\s+(?:(?:ist|sind|war|waren)\s+(?:ein\w*|der|die|das|jede\w*)\b|bezeichne[tn]\b|bedeute[tn]\b|heißt\b|steht für\b)"
    r"|\s+(?:(?:est|sont|était)\s+(?:une?|le|la|les|des|l['’])|désigne\b|signifie\b)"
    r"|\s+(?:(?:es|son|era|fue)\s+(?:una?s?|el|la|los|las|lo)\b|significa\b|designa\b)"
    r"|\s+(?:è|sono|era)\s+(?:un[ao]?|il|lo|la|i|gli|le|l['’])|\s+(?:é|são|era|foi)\s+(?:uma?|o|a|os|as)\b"
    r"|\s+(?:это|является|означа[ею]т|называ[ею]тся)\b"
    r"|\s+(?:هو|هي|هم|عبارة عن|يعني|تعني|يشير إلى|تشير إلى)\s"
    r"|\s*(?:คือ|หมายถึง|เป็น|แปลว่า)|\s+(?:là|có nghĩa là|nghĩa là)\s"
    r"|\s+(?:एक|वह|का अर्थ|का मतलब)\s|,?\s+(?:bir\s|.*[dt][ıiuü]r\.?$)|\s+(?:είναι|ήταν)\s+(?:έν|μ[ιί]α|το|η|ο)|\s+σημαίνει\b"
    # A glossary: "Node: a piece of a document".
    r"|\s*[:：—–]\s*(?=\w)|\s+-\s+(?=\w)",
    re.IGNORECASE,
)
_BARELY_SAYS = re.compile(
    r"\s+(?:is|are|was|were|ist|sind|est|sont|es|son|è|sono|é|são|είναι)\b", re.IGNORECASE
)
_BARELY = 0.6
_HEAD = re.compile(r"(?:[-*+•]\s+|\d{1,2}[.)]\s+)?(?:所谓的?|所謂的?)?")
_PARENTHESIS = re.compile(r"\s*[(（]([^)）]{1,60})[)）]")
_QUOTES = " \t*_`\"'“”‘’«»„「」『』《》|#"
_APART = re.compile(r"[,，、;；/]")


@lru_cache(maxsize=64)
def asked_subject(question: str) -> tuple[int, int] | None:
    """Return where ``question`` names what it wants explained ("what is *a node*?"), or None."""
    end = len(question.rstrip(_CLOSING))
    start = len(question) - len(question.lstrip(_CLOSING))
    for frame in _FRAMES:
        match = frame.fullmatch(question, start, end)
        if match:
            group = next(n for n, text in enumerate(match.groups(), 1) if text)
            start, end = match.span(group)
            return (start, end) if 0 < end - start <= _LONGEST_SUBJECT else None
    return None


def says_what_it_is(text: str, subject: str, language: str | None) -> float:
    """Return how surely ``text`` defines ``subject``, from 0 to 1: it opens with it and "is a".

    Marks, articles and a bullet may stand before the subject and a parenthesis behind it, and the
    parenthesis may hold it: "A language model (LLM) is …". "Is" alone is less sure.
    """
    head = _HEAD.match(text)
    subject = subject.strip(_QUOTES)
    end = _after(text, head.end() if head else 0, subject, language)
    if end is None:
        return 0.0
    if _SAYS.match(text, end):
        return 1.0
    return _BARELY if _BARELY_SAYS.match(text, end) else 0.0


def is_heading_of(heading: str, subject: str, language: str | None) -> bool:
    """Return whether ``heading`` names ``subject`` and nothing else: "Preset", "Preset (parts)"."""
    inside = _PARENTHESIS.search(heading)
    plain = re.split(r"[:：]", _PARENTHESIS.sub("", heading))[0]
    names = [plain, *(_APART.split(inside[1]) if inside else ())]
    key = _key(subject, language)
    return bool(key) and any(_key(name, language) == key for name in names)


def _after(text: str, start: int, subject: str, language: str | None) -> int | None:
    """Return where the subject at the head of ``text`` ends, or None."""
    end = _subject_end(text, start, subject, language)
    if end is not None:
        while end < len(text) and text[end] in _QUOTES.strip():
            end += 1
        behind = _PARENTHESIS.match(text, end)
        return behind.end() if behind else end
    aside = _PARENTHESIS.search(text, start, start + 2 * _LONGEST_SUBJECT)
    key = _key(subject, language)
    before = text[start : aside.start()] if aside else ""
    # The subject of the sentence is short; a parenthesis further on names something else.
    if not aside or not key or _BARELY_SAYS.search(before) or _APART.search(before):
        return None
    named = any(_key(name, language) == key for name in _APART.split(aside[1]))
    return aside.end() if named else None


def _subject_end(text: str, start: int, subject: str, language: str | None) -> int | None:
    if any(is_unspaced(subject[s:e]) for s, e in iter_tokens(subject)):
        return _spelled_end(text, start, subject)
    wanted = list(_key(subject, language))
    if not wanted:
        return None
    for s, e in iter_tokens(text[start : start + 3 * _LONGEST_SUBJECT]):
        key = _token_key(text[start + s : start + e], language)
        if key and key != wanted.pop(0):
            return None
        if not wanted:
            return start + e
    return None


def _spelled_end(text: str, start: int, subject: str) -> int | None:
    """Return where ``subject`` ends at the head of ``text``; spaces and quotes do not count."""
    at = start
    for char in subject.casefold():
        if char in _QUOTES:
            continue
        while at < len(text) and text[at] in _QUOTES:
            at += 1
        if at >= len(text) or text[at].casefold() != char:
            return None
        at += 1
    return at


@lru_cache(maxsize=4096)
def _key(phrase: str, language: str | None) -> tuple[Sequence[str], ...]:
    """Return the stems of a phrase without articles, by which forms of a word are one."""
    keys = (_token_key(phrase[s:e], language) for s, e in iter_tokens(phrase))
    return tuple(key for key in keys if key)


def _token_key(token: str, language: str | None) -> tuple[str, ...]:
    if not is_unspaced(token) and is_function_word(token, language):
        return ()
    return token_terms(token, language)
