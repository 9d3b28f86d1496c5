"""Made-up documents for measuring: Chinese and English prose with a natural spread of words."""

from __future__ import annotations

import random
from itertools import accumulate
from pathlib import Path

__all__ = ["make_folder", "make_question", "make_text"]

_SYLLABLES = ["ka", "to", "mi", "ren", "sol", "ver", "dan", "pel", "ix", "or", "une", "tra", "qui"]
_HAN = [chr(code) for code in range(0x4E00, 0x4E00 + 2500)]


def _vocabulary(rng: random.Random, size: int) -> tuple[list[str], list[str]]:
    latin = ["".join(rng.choices(_SYLLABLES, k=rng.randint(1, 4))) for _ in range(size)]
    han = ["".join(rng.choices(_HAN, k=rng.randint(1, 3))) for _ in range(size)]
    return latin, han


_RNG = random.Random(7)
_LATIN, _CHINESE = _vocabulary(_RNG, 20_000)
# Zipf: the word at rank r is drawn with a weight of 1/r.
_WEIGHTS = list(accumulate(1 / rank for rank in range(1, 20_001)))


def make_text(seed: int, *, sentences: int = 12) -> str:
    """Return a Markdown page of two sections, one in English-like words and one in Chinese."""
    rng = random.Random(seed)
    english = " ".join(
        " ".join(rng.choices(_LATIN, cum_weights=_WEIGHTS, k=rng.randint(8, 18))).capitalize() + "."
        for _ in range(sentences)
    )
    chinese = "".join(
        "".join(rng.choices(_CHINESE, cum_weights=_WEIGHTS, k=rng.randint(6, 14))) + "。"
        for _ in range(sentences)
    )
    return f"# Page {seed}\n\n{english}\n\n## 第 {seed} 节\n\n{chinese}\n"


def make_question(seed: int) -> str:
    """Return a question of six words, half of them rare, in one of the two languages."""
    rng = random.Random(seed)
    words = _LATIN if seed % 2 else _CHINESE
    chosen = [*rng.choices(words, cum_weights=_WEIGHTS, k=3), *rng.choices(words, k=3)]
    return " ".join(chosen) + "?" if seed % 2 else "".join(chosen) + "？"


def make_folder(folder: Path, files: int, *, sentences: int = 12) -> None:
    """Write ``files`` pages, a hundred to a folder."""
    for number in range(files):
        place = folder / f"{number // 100:04d}"
        place.mkdir(parents=True, exist_ok=True)
        text = make_text(number, sentences=sentences)
        (place / f"page-{number:06d}.md").write_text(text, encoding="utf-8")
