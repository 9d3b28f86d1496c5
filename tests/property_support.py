"""How many examples the property tests draw, and texts as people and machines write them."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

__all__ = ["FRAGMENTS", "SCRIPTS", "any_text", "natural_text"]

# The ordinary run is the same each time and costs seconds; HYPOTHESIS_PROFILE=deep looks further.
_QUIET = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large]
settings.register_profile(
    "ci", max_examples=60, deadline=None, derandomize=True, suppress_health_check=_QUIET
)
settings.register_profile("deep", max_examples=3000, deadline=None, suppress_health_check=_QUIET)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))

SCRIPTS = {
    "en": "The heron stands in the reeds at dawn. It waits for a fish, as every morning!",
    "zh": "苍鹭在黎明时站在芦苇丛中。它每天早晨都在等待一条鱼，一动也不动！",
    "zh-Hant": "蒼鷺在黎明時站在蘆葦叢中。牠每天早晨都在等待一條魚，一動也不動！",
    "ja": "アオサギは夜明けに葦の中に立っています。毎朝、魚を待っているのです。",
    "ko": "왜가리는 새벽에 갈대밭에 서 있습니다. 매일 아침 물고기를 기다립니다.",
    "ru": "Цапля стоит на рассвете в камышах. Каждое утро она ждёт рыбу, не двигаясь.",
    "el": "Ο ερωδιός στέκεται την αυγή στα καλάμια. Κάθε πρωί περιμένει ένα ψάρι.",
    "ar": "يقف مالك الحزين عند الفجر في القصب. وينتظر كل صباح سمكة دون أن يتحرك.",
    "he": "האנפה עומדת עם שחר בין קני הסוף. בכל בוקר היא מחכה לדג ואינה זזה.",
    "th": "นกกระสายืนอยู่ในดงอ้อตอนรุ่งสาง มันรอปลาอยู่ทุกเช้าโดยไม่ขยับเขยื้อน",
    "de": "Der Graureiher steht früh im Röhricht. Täglich wartet er größtenteils auf Fische.",
    "fr": "Le héron se dresse à l'aube dans les roseaux. Il guette chaque matin, immobile, là-bas.",
    "pl": "Czapla stoi o świcie w trzcinach. Każdego ranka czeka tu na rybę, gęś śpi dłużej.",
    "tr": "Balıkçıl şafakta sazlıkların içinde duruyor. Her sabah kımıldamadan balığı bekliyor.",
}
FRAGMENTS = st.sampled_from(
    [
        *SCRIPTS.values(), "a", " ", "\n", "\n\n", "\t", "\r\n", "\x0c", "\x85", "\u2028", "\xa0",
        "# Title\n", "Title\n=====\n", "=====\nTitle\n=====\n", "- item\n", "1. item\n",
        "1.1 Scope\n\n",
        "第一章 总则\n\n", "| a | b |\n|---|---|\n| 1 | 2 |\n", "```\n", "~~~py\n", "> quote\n",
        "---\na: b\n---\n",
        "::\n\n    code\n", "<div>\n", "</div>", "<!--", "e.g. ", "Dr. Rose ", "3.5", "...", "…",
        "。」", "U.S.A. ",
        "e\u0301", "👩‍👩‍👧", "🏳️‍🌈", "\u202eevil\u202c", "\u200f", "\u200b", "\ufeff", "𝒳𐍈", "ﬁ",
        "Ⅷ", "ก็", "ខ្មែរ", "မြန်မာ",
        "\x00", "\x1b[31m", "\ufffe", "\U0010ffff", "\ud800", "\udfff", "x" * 200, "字" * 200, "_",
        "*", "`", '"',
        "top_k", "--flag", "C++", "a/b.c", "user@example.org", "https://example.org/a?b=c&d",
    ]
)  # fmt: skip


def any_text(most: int = 40) -> st.SearchStrategy[str]:
    """Return texts of any code points, surrogates among them, and of fragments put together."""
    return st.one_of(
        st.text(st.characters(), max_size=5 * most),
        st.lists(FRAGMENTS | st.text(st.characters(), max_size=3), max_size=most).map("".join),
    )


def natural_text(language: str) -> st.SearchStrategy[str]:
    """Return lines of one language's prose, of at least a dozen characters."""
    prose = SCRIPTS[language]
    cuts = st.tuples(st.integers(0, len(prose) // 3), st.integers(2 * len(prose) // 3, len(prose)))
    return st.lists(cuts.map(lambda cut: prose[slice(*cut)].strip()), min_size=1, max_size=6).map(
        "\n".join
    )
