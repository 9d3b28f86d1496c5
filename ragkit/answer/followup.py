"""A follow-up question made whole without a model: it carries on the subject asked about before."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ragkit.answer.question import analyze_question

__all__ = ["in_context"]

# Words that stand for something said before, or that open a question which goes on from the last.
_LEANS = re.compile(
    r"\b(?:it|its|he|him|his|she|her|they|them|their|this|that|these|those|there|one|ones|same)\b"
    r"|^\s*(?:and|but|so|then|also|what about|how about|why|why not|else)\b"
    r"|\b(?:er|sie|es|dessen|deren|dort|il|elle|ils|elles|lui|y|él|ella|ellos|eso|esto)\b"
    r"|\b(?:он|она|оно|они|его|её|их|это|там)\b"
    r"|[它他她其該该]|这|這|那|此|上述|前者|后者|後者|呢[?？]?\s*$|^\s*(?:还|還|又|再|也)"
    r"|それ|これ|その|この|そこ|彼|彼女",
    re.IGNORECASE,
)
_ENOUGH_WORDS = 2


def in_context(question: str, earlier: Sequence[str]) -> str:
    """Return ``question``, with the informative words of ``earlier`` added where it needs them.

    ``earlier`` are the questions of the conversation, oldest first. A question leans on them when
    it points back ("it", "他", "And …") or says too little by itself; then the words of the last
    question that named its own subject are carried on. A question that stands alone is returned
    unchanged. Never raises.
    """
    own = analyze_question(question)
    if not earlier or not (_LEANS.search(question) or len(own.words) < _ENOUGH_WORDS):
        return question
    for past in reversed(earlier):
        known = analyze_question(past)
        if len(known.words) >= _ENOUGH_WORDS or past == earlier[0]:
            said = question.casefold()
            carried = [word for word in known.words if word.casefold() not in said]
            return " ".join([question, *carried])
    return question
