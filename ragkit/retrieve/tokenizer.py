"""One tokenizer for index and question, in every script.

Text is normalised (Unicode NFKC, without soft hyphens), cut into words and identifiers, and each
becomes one or more terms:

- a word: its Snowball stem in the text's language, without case and diacritics;
- an identifier or number (``top_k``, ``v2.4.x``, ``--no-stream``, ``camelCase``): whole and in
  parts;
- Chinese and Japanese: single characters and pairs; Korean: pairs of syllables;
- Thai, Lao, Khmer and Burmese, which put no space between words: pairs of character clusters, that
  is of letters with the vowels and tones that belong to them (Theeramunkong et al. 2000, "Character
  cluster based Thai information retrieval").

Everything here is deterministic and linear in the length of the text.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import cache, lru_cache, partial
from itertools import chain, pairwise
from operator import add
from typing import TYPE_CHECKING

from ragkit.retrieve.languages import detect_language, function_words, stemmer_name
from ragkit.retrieve.memo import Memo

if TYPE_CHECKING:
    import Stemmer

__all__ = [
    "CJK",
    "HANGUL",
    "LETTER",
    "MARKS",
    "UNSPACED",
    "detect_language",
    "fold",
    "is_function_word",
    "normalize",
    "open_terms",
    "open_words_and_runs",
    "terms",
    "word_term",
    "words_and_runs",
]

CJK = (
    "\u3005-\u3007\u3041-\u3096\u309d-\u30ff\u31f0-\u31ff"
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af"
)
HANGUL = "\u1100-\u11ff\u3130-\u318f\uac00-\ud7a3"
# Letters, vowels and tone marks without the scripts' own digits and punctuation.
UNSPACED = (
    "\u0e01-\u0e3a\u0e40-\u0e4e\u0e81-\u0ece\u0edc-\u0edf\u1000-\u103f\u1050-\u108f\u1780-\u17d3"
)
# Combining marks that Python's \w leaves out but that belong to the word they stand in.
MARKS = (
    "\u0300-\u036f\u0483-\u0487\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06ed"
    "\u0900-\u0903\u093a-\u094f\u0951-\u0957\u0962\u0963\u0981-\u0983\u09bc-\u09d7\u0a01-\u0a4d"
    "\u0a81-\u0acd\u0b01-\u0bcd\u0bd7\u0c00-\u0c4d\u0c81-\u0ccd\u0d00-\u0d4d\u0d82-\u0ddf"
)
LETTER = rf"(?:[^\W_{CJK}{HANGUL}{UNSPACED}]|[{MARKS}])"
# Possessive: what may follow letters is never one, so no shorter run could match instead.
_LETTERS = rf"(?:[^\W_{CJK}{HANGUL}{UNSPACED}]++|[{MARKS}]++)++"
# A chunk holds words joined by the marks that hold identifiers, numbers, paths and dates together.
# Every repetition of a joined thing is bounded, so that no input takes quadratic time.
_CHUNK = re.compile(
    rf"[{CJK}]+|[{HANGUL}]+|[{UNSPACED}]+"
    rf"|(?:--?(?=[A-Za-z]{{2}}))?_{{0,2}}{_LETTERS}(?:[._\-/:'’@+#&·]{{1,3}}{_LETTERS}){{0,9}}(?:\+\+|#)?"
)
_RUN = re.compile(rf"(?P<cjk>[{CJK}])|(?P<hangul>[{HANGUL}])|(?P<unspaced>[{UNSPACED}])")
_FIRST_OF_RUNS = "\u0e01"  # the letters of runs, all of them, come behind those of alphabets
_PART = re.compile(_LETTERS)
# camelCase, HTTPServer, and letters beside digits: boundaries inside a word of ASCII letters.
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|(?<=[a-z]{2})(?=[0-9])")
_IDENTIFIER = re.compile(r"[0-9_/:@+#]|^-|[a-z][A-Z]|[A-Z]{2}[a-z]|\.")
# A letter with a vowel that is written before it, and all that is written around and under it:
# vowels, tones, and in Khmer and Burmese the letters stacked below.
_CLUSTER = re.compile(
    "[\u0e40-\u0e44\u0ec0-\u0ec4]?.(?:[\u0e30-\u0e3a\u0e45\u0e47-\u0e4e\u0eb0-\u0ebd\u0ec8-\u0ece"
    "\u102b-\u1038\u103a-\u103e\u1056-\u1059\u105e-\u1060\u1062-\u1064\u1067-\u106d\u1071-\u1074"
    "\u1082-\u108d\u108f\u17b6-\u17d1\u17d3]|[\u1039\u17d2].?)*"
)
# A longer run of letters is no word of any language (base64, a DNA string): it is cut.
_LONGEST = 40
# What NFKD leaves whole although readers type it without.
_PLAIN = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "ı": "i", "æ": "ae", "œ": "oe", "þ": "th", "ـ": None}
)


def normalize(text: str) -> str:
    """Return ``text`` in the form that every function here works on: NFKC, no soft hyphens."""
    return text if text.isascii() else unicodedata.normalize("NFKC", text.replace("\xad", ""))


@lru_cache(maxsize=1 << 16)
def fold(word: str) -> str:
    """Return ``word`` without case and, in alphabets, without diacritics."""
    if word.isascii():
        return word.lower()
    # Twice: a compatibility letter (𝝇) may turn into one that has a case.
    decomposed = unicodedata.normalize("NFKD", word.casefold()).casefold().translate(_PLAIN)
    kept = "".join(c for c in decomposed if not _is_diacritic(c))
    return unicodedata.normalize("NFC", kept)


def _is_diacritic(char: str) -> bool:
    # Latin, Greek, Cyrillic, Hebrew and Arabic marks; Indic vowel signs are letters.
    return "\u0300" <= char <= "\u06ed" and unicodedata.combining(char) != 0


def terms(text: str, *, language: str | None = None) -> list[str]:
    """Return the index terms of ``text`` in reading order, repeats kept; no term holds a space.

    ``language`` (ISO 639-1) chooses the stemmer; without it the language is detected.
    """
    text = normalize(text)
    if language is None:
        language = detect_language(text)
    return _terms_of(text, language)


def words_and_runs(text: str, *, language: str | None) -> tuple[list[str], str]:
    """Return the terms of ``text`` but those of Chinese and Japanese, and the runs of these.

    There is white space between any two runs; the terms of a run are its characters and their
    pairs. Together they are what `terms` returns, in another order.
    """
    rest, runs = _without_runs(text)
    return _terms_of(rest, language), runs


def _without_runs(text: str) -> tuple[str, str]:
    """Return ``text`` in its normal form without Chinese and Japanese, and the runs of these."""
    if text.isascii():
        return text, ""
    if _NOT_NORMAL.search(text):
        text = normalize(text)
    # The runs are normal by now, and the rest is soon made so.
    parts = _CJK_RUN.split(text)
    return normalize(" ".join(parts[::2])), " ".join(parts[1::2])


_CJK_RUN = re.compile(f"([{CJK}]+)")
# What NFKC turns into a letter of a run, or joins with one: radicals, ligatures and narrow forms,
# marks of voiced kana, letters in rings and squares, compatibility ideographs, soft hyphens.
_NOT_NORMAL = re.compile(
    "[\xad\u2e80-\u2fdf\u3038-\u303a\u3099\u309a\u309f\u30ff\u3190-\u319f\u3200-\u33ff\uf900-\ufaff"
    "\uff65-\uff9f\U0001f200-\U0001f2ff\U0002f800-\U0002fa1f]"
)


def _terms_of(text: str, language: str | None) -> list[str]:
    # No chunk holds white space or looks beyond it.
    return list(chain.from_iterable(map(_known(language).__getitem__, text.split())))


def _known(language: str | None) -> Memo[tuple[str, ...]]:
    """Return the terms, in one language, of what stands between white space."""
    if language not in _NOT_LATIN and stemmer_name(language) is None:
        language = None  # whatever a file says its language is: nothing is known of it
    known = _KNOWN.get(language)
    if known is None:
        find = partial(_piece_terms, language=language)
        known = _KNOWN[language] = Memo(find, most=_MOST_KNOWN)
    return known


def _piece_terms(piece: str, *, language: str | None) -> tuple[str, ...]:
    bare = _bare(piece)
    if bare != piece:
        return _known(language)[bare]
    if _is_word(piece):
        term = word_term(piece, language)
        return (term,) if term else ()
    found: list[str] = []
    for chunk in _CHUNK.findall(piece):
        run = _RUN.match(chunk)
        found += _run_terms(chunk, run.lastgroup) if run else _word_terms(chunk, language)
    return tuple(found)


def _is_word(piece: str) -> bool:
    """Return whether it is sure to be one word or number, as most are, without a look at chunks."""
    if len(piece) > _LONGEST:
        return False
    if not piece.isascii():
        return piece.isalpha() and max(piece) < _FIRST_OF_RUNS
    return piece.isdigit() or (piece.isalpha() and (piece.islower() or piece[1:].islower()))


def open_terms(text: str) -> list[str]:
    """Return the index terms of a text whose language is open, such as a table or code.

    They are those of English, and behind them once each those that the words would have in other
    languages, so that a question in any of them finds the text.
    """
    return _open_terms_of(normalize(text))


def open_words_and_runs(text: str) -> tuple[list[str], str]:
    """Return the same terms as `words_and_runs` does."""
    rest, runs = _without_runs(text)
    return _open_terms_of(rest), runs


def _open_terms_of(text: str) -> list[str]:
    """Return the English terms of ``text``, then once each the others that it has elsewhere."""
    found: list[str] = []
    others: list[str] = []
    for english, elsewhere in map(_OPEN.__getitem__, text.split()):
        found += english
        if elsewhere:
            others += elsewhere
    once = dict.fromkeys(others)
    for term in once.keys() & found:
        del once[term]
    return [*found, *once]


def _open_piece_terms(piece: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the English terms of what stands between white space, and the others it has."""
    bare = _bare(piece)
    if bare != piece:
        return _OPEN[bare]
    english = _known("en")[piece]
    chunks = [piece]
    if not _is_word(piece):
        chunks = [chunk for chunk in _CHUNK.findall(piece) if not _RUN.match(chunk)]
    others = dict.fromkeys(chain.from_iterable(map(_terms_elsewhere, chunks)))
    return english, tuple(term for term in others if term and term not in english)


def _terms_elsewhere(chunk: str) -> Iterator[str]:
    """Yield the terms of a chunk's words in the languages a text is open to; it is no run.

    Not those that are the same in English: of numbers, and of words in other letters.
    """
    parts = [chunk]
    if len(chunk) > _LONGEST * 2:  # runs of letters that are cut are so in every language
        parts = [part for part in _PART.findall(chunk) if len(part) <= _LONGEST]
    for piece in filter(_is_latin, chain.from_iterable(map(_pieces, parts))):
        if piece.isalpha():
            folded = fold(piece)
            yield folded
            for stemmer in _open_stemmers():
                yield _folded_stem(stemmer, folded)
        elif not any(map(str.isdigit, piece)):
            yield from (word_term(piece, code) for code in _OPEN_TO)


# Of the languages in Latin letters those with the most texts; the first has no stemmer.
_OPEN_TO = ("und", "de", "es", "fr", "it", "nl", "pt")


@cache
def _open_stemmers() -> list[Stemmer.Stemmer]:
    return [stemmer for stemmer in map(_stemmer, _OPEN_TO) if stemmer]


_MOST_KNOWN = 1 << 16
_KNOWN: dict[str | None, Memo[tuple[str, ...]]] = {}
_OPEN = Memo(_open_piece_terms, most=_MOST_KNOWN)


# No term begins or ends with these.
_AROUND = ".,;:!?\"'()[]{}“”‘’«»…"


def _bare(piece: str) -> str:
    """Return the same word as it stands amid a sentence, so that its terms are known once."""
    word = piece.strip(_AROUND)
    return word.lower() if word.isascii() and word[1:].islower() and word.isalpha() else word


def _run_terms(run: str, kind: str | None) -> Iterable[str]:
    """Return the terms of a run of letters of a script that puts no space between words."""
    if kind == "cjk":
        return chain(run, map(add, run, run[1:]))
    if kind == "hangul":
        return _grams(run, 2) or [run]
    clusters = _CLUSTER.findall(run)
    return [one + two for one, two in pairwise(clusters)] or [run]


def is_function_word(word: str, language: str | None) -> bool:
    """Return whether ``word`` is one of the commonest words of ``language`` (its grammar)."""
    return language is not None and word.lower() in function_words(language)


def _grams(run: str, size: int) -> list[str]:
    return [run[i : i + size] for i in range(len(run) - size + 1)]


def _word_terms(chunk: str, language: str | None) -> tuple[str, ...]:
    """Return the terms of a chunk; of one longer than any identifier its parts', long runs cut."""
    if len(chunk) <= _LONGEST * 2:
        return _chunk_terms(chunk, language)
    found: list[str] = []
    for part in _PART.findall(chunk):
        if len(part) > _LONGEST:
            cut = (fold(part[i : i + _LONGEST]) for i in range(0, len(part), _LONGEST))
            found.extend(filter(None, cut))  # marks without a letter fold to nothing
        else:
            found.extend(_chunk_terms(part, language))
    return tuple(found)


def _chunk_terms(chunk: str, language: str | None) -> tuple[str, ...]:
    """Return the terms of a word, or of an identifier whole and in parts."""
    pieces = _pieces(chunk)
    if len(pieces) == 1 and pieces[0] == chunk:
        term = word_term(chunk, language)
        return (term,) if term else ()
    # A run of combining marks without a letter folds to nothing.
    found = [term for piece in pieces if (term := word_term(piece, language))]
    if _IDENTIFIER.search(chunk):
        whole = fold(chunk)
        found.append(whole)
        bare = whole.lstrip("-_")
        if bare and bare != whole and bare not in found:
            found.append(bare)
    return tuple(found)


def _pieces(chunk: str) -> list[str]:
    """Return the words of an identifier, or a word by itself."""
    if chunk.isalpha() and (chunk.islower() or chunk[1:].islower()):
        return [chunk]  # small letters behind the first, as in nearly all
    parts = _PART.findall(chunk)
    return [p for part in parts for p in (_HUMP.split(part) if part.isascii() else [part]) if p]


@lru_cache(maxsize=1 << 16)
def word_term(word: str, language: str | None) -> str:
    """Return the term of one word: its stem without case and diacritics; it may be empty."""
    stemmer = _stemmer(_script_language(word, language))
    if stemmer is None or (not word.isalpha() and any(c.isdigit() for c in word)):
        return fold(word)
    if word.isascii():
        return _folded_stem(stemmer, word.lower())
    if _is_latin(word):
        # Folded first: readers leave diacritics out, and both spellings must meet.
        return _folded_stem(stemmer, fold(word))
    # These stemmers expect their diacritics, and a second round takes off what the first uncovers.
    return fold(stemmer.stemWord(fold(stemmer.stemWord(word.lower()))))


def _folded_stem(stemmer: Stemmer.Stemmer, folded: str) -> str:
    stem: str = stemmer.stemWord(folded)
    return stem if stem.isascii() else fold(stem)


def _is_latin(word: str) -> bool:
    return word[0] < "\u0250" or "\u1e00" <= word[0] < "\u1f00"


def _script_language(word: str, language: str | None) -> str | None:
    """Return the language to stem ``word`` in; Latin words among another script are English."""
    latin = _is_latin(word)
    if latin and language in _NOT_LATIN:
        return "en"
    if not latin and (language is None or language not in _NOT_LATIN):
        return detect_language(word)
    return language


_NOT_LATIN = frozenset(
    (
        "am", "ar", "bg", "bn", "bo", "el", "fa", "gu", "he", "hi", "hy", "ja", "ka", "km", "kn",
        "ko", "lo", "ml", "mr", "my", "ne", "pa", "ru", "si", "sr", "ta", "te", "th", "uk", "ur",
        "zh", "zh-Hant",
    )
)  # fmt: skip


@cache
def _stemmer(language: str | None) -> Stemmer.Stemmer | None:
    name = stemmer_name(language)
    if name is None:
        return None
    import Stemmer

    return Stemmer.Stemmer(name, 0)
