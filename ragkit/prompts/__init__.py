"""What ragkit itself says, to a reader and to a model, one TOML file a language."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

__all__ = ["Texts", "load_texts", "text_languages"]


@dataclass(frozen=True, slots=True)
class Texts:
    """What an answer says when it is not in the documents' own words, and what a model is told.

    To the reader: ``not_found``; ``looked_for``, which holds ``{terms}``; ``nearest``, or
    ``nothing_near`` where no source has a word of the question; ``no_question`` where nothing is
    asked; ``no_answer`` where a model wrote nothing; ``quoted``,
    which holds ``{term}``; ``separator`` between terms and ``gap`` between two sentences.

    To what is no question: ``greeting``, ``thanks`` and ``goodbye``; ``ability`` (``{count}``
    documents and an ``{example}``); ``documents`` (``{count}``, ``{formats}``), ``no_documents``
    and ``more_documents`` (``{count}``); ``summary`` and ``no_summary`` (``{source}``);
    ``no_such_document`` (``{name}``) and ``similar_documents`` (``{names}``).

    To the model, short enough for a small one: ``system``, the rules, which hold ``{not_found}``
    as the sentence to write when the sources lack the answer; ``sources``, the line above them;
    ``ask``, which holds ``{question}`` and says the two main rules again nearest the answer;
    ``condense``, which asks for a follow-up (``{question}``) made whole by ``{history}``. Where it
    is to judge its sources first: ``judge``, the rule, which holds ``{relevant}``, the words that
    begin the line of their numbers; ``grounding``, which lists their ``{names}``.
    """

    not_found: str
    looked_for: str
    nearest: str
    nothing_near: str
    no_question: str
    quoted: str
    separator: str
    gap: str
    no_answer: str
    greeting: str
    thanks: str
    goodbye: str
    ability: str
    documents: str
    no_documents: str
    more_documents: str
    summary: str
    no_summary: str
    no_such_document: str
    similar_documents: str
    system: str
    sources: str
    ask: str
    relevant: str
    judge: str
    grounding: str
    condense: str


def load_texts(language: str | None) -> Texts:
    """Return the texts in ``language`` (ISO 639-1 or ``zh-Hant``).

    Where there are none, those in English, in which a model is told to answer in the language of
    the question.
    """
    return _load(language or "other")


@cache
def text_languages() -> tuple[str, ...]:
    """Return the codes of the languages that there are texts in, in alphabetical order."""
    from importlib.resources import files

    names = (file.name for file in files(__name__).iterdir())
    codes = {name.removesuffix(".toml") for name in names if name.endswith(".toml")}
    return tuple(sorted(codes - {"other"}))


@cache
def _load(language: str) -> Texts:
    if language in text_languages():
        return Texts(**_table(language))
    return Texts(**(_table("en") | _table("other")))


def _table(name: str) -> dict[str, str]:
    import tomllib
    from importlib.resources import files

    return tomllib.loads((files(__name__) / f"{name}.toml").read_text(encoding="utf-8"))
