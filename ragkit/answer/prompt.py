"""The messages that a model answers from: rules, earlier turns, fenced sources, the question.

Everything that comes from a document, a reader or an earlier answer is data: it can neither close
its fence nor end its turn, since what would do so is changed by a character. Citations are made
from the documents themselves and quote the original.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from llama_index.core.base.llms.types import ChatMessage, MessageRole

from ragkit.answer.markers import without_markers
from ragkit.errors import GenerationError
from ragkit.ingest.sentences import sentence_spans
from ragkit.prompts import Texts
from ragkit.types import Answer, PromptStyle, SourceNode

__all__ = ["CountTokens", "Prompt", "as_data", "choose_prompt", "fit_prompt"]

CountTokens = Callable[[Sequence[ChatMessage]], int]
"""Return how many tokens a model reads for messages, with its template around them."""

# Older turns than these are of no help, and neither is what a long answer said in the end.
_MOST_TURNS = 4
_TURN_LENGTH = 600
# Let go after all earlier turns but the last; sources beyond are let go before any turn.
_SOURCES_BEFORE_TURNS = 3
_CUT = " […]"
_LONGEST_TITLE, _LONGEST_URL = 120, 200  # at the head of a source; longer ones are left out

# Marks by which chat templates are written (ChatML, Llama, Mistral, Gemma, DeepSeek, T5 and the
# tokenizers' own): the character they begin with.
_CONTROL = re.compile(
    r"[<＜﹤](?=[|｜¦│])"
    r"|[<＜﹤](?=/?(?:s|unk|pad|bos|eos|eod|mask|sep|cls|think|image|eoh|eoa|sop|eop|[a-z]+(?:_[a-z0-9]+)+)"
    r"\s*>)"
    r"|<(?=</?SYS>>)"
    r"|\[(?=/?(?:INST|[A-Z]+(?:_[A-Z0-9]+)+|[gs]?MASK|SEP|CLS|PAD|UNK|BOS|EOS)\])",
    re.IGNORECASE,
)
_FENCE = re.compile(r"[<＜﹤‹〈](?=\s*[/／]?\s*source)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Prompt:
    """What goes to the model. ``sources`` are numbered, best first; turns are oldest first."""

    texts: Texts
    question: str
    sources: tuple[SourceNode, ...]
    turns: tuple[tuple[str, str], ...] = ()
    system_role: bool = True
    style: PromptStyle = "direct"

    def messages(self) -> list[ChatMessage]:
        """Return the messages, the best source nearest the question.

        Without ``system_role`` the rules stand at the head of the first message of the user. In the
        style ``grounded`` the model is told to judge first which sources are relevant, and where
        they are from is listed before the question. In the style ``system`` the sources stand
        behind the rules.
        """
        rules = self.texts.system.format(not_found=self.texts.not_found)
        asked = self.texts.ask.format(question=as_data(self.question.strip()))
        if self.style == "grounded":
            judge = self.texts.judge.format(relevant=self.texts.relevant)
            about, _, others = rules.lstrip().partition("\n")
            rules = f"{about}\n- {judge}\n{others}"
            asked = f"{self._grounding()}\n{asked}\n{judge}"
        blocks = [self.texts.sources, *(_block(source) for source in reversed(self.sources))]
        if self.style == "system":
            rules, blocks = "\n\n".join([rules, *blocks]), []
        found = [ChatMessage(role=MessageRole.SYSTEM, content=rules)] if self.system_role else []
        for question, answer in self.turns:
            found.append(ChatMessage(role=MessageRole.USER, content=question))
            found.append(ChatMessage(role=MessageRole.ASSISTANT, content=answer))
        last = "\n\n".join([*blocks, asked])
        found.append(ChatMessage(role=MessageRole.USER, content=last))
        if not self.system_role:
            first = f"{rules}\n\n{found[0].content}"
            found[0] = ChatMessage(role=MessageRole.USER, content=first)
        return found

    def _grounding(self) -> str:
        """Return the line that names each document once, the best last."""
        names = (source.url or source.source for source in self.sources)
        listed = list(dict.fromkeys(as_data(" ".join(name.split())) for name in names))
        return self.texts.grounding.format(names=self.texts.separator.join(reversed(listed)))


def fit_prompt(
    texts: Texts,
    question: str,
    sources: Sequence[SourceNode],
    *,
    history: Sequence[Answer] = (),
    limit: int,
    count_tokens: CountTokens,
    system_role: bool = True,
    style: PromptStyle = "direct",
) -> list[ChatMessage]:
    """Return the messages of ``choose_prompt``."""
    prompt = choose_prompt(
        texts,
        question,
        sources,
        history=history,
        limit=limit,
        count_tokens=count_tokens,
        system_role=system_role,
        style=style,
    )
    return prompt.messages()


def choose_prompt(
    texts: Texts,
    question: str,
    sources: Sequence[SourceNode],
    *,
    history: Sequence[Answer] = (),
    limit: int,
    count_tokens: CountTokens,
    system_role: bool = True,
    style: PromptStyle = "direct",
) -> Prompt:
    """Return the prompt for ``question`` that takes at most ``limit`` tokens.

    ``sources`` are best first. What does not fit is let go in this order, until the rest fits: the
    sources from the lowest rank up to the fourth, the earlier turns from the oldest, but not the
    last; the third and the second source; the last turn. Then the best source is cut at the end of
    a sentence, and within its first sentence at the end of a word. Rules and question stay whole.
    Counts tokens once where everything fits, else a number of times that is logarithmic in what is
    let go. Raises GenerationError when not even a piece of the best source has room.
    """
    whole = Prompt(texts, question, tuple(sources), _turns(history), system_role, style)

    def fits(prompt: Prompt) -> bool:
        return count_tokens(prompt.messages()) <= limit

    if fits(whole):
        return whole
    smaller = _smaller(whole)
    found = bisect_left(range(len(smaller)), True, key=lambda n: fits(smaller[n]))
    if found < len(smaller):
        return smaller[found]
    cuts = _cuts(smaller[-1] if smaller else whole)
    kept = bisect_left(range(len(cuts)), True, key=lambda n: not fits(cuts[n]))
    if kept:
        return cuts[kept - 1]
    bare = count_tokens(replace(whole, sources=(), turns=()).messages())
    raise GenerationError(
        f"The question and its rules take {bare} tokens, and the model has room for "
        f"{max(0, limit)} beside its answer: too few for a source. "
        "Ask more briefly, raise llm.context_window, or lower llm.max_new_tokens."
    )


def as_data(text: str) -> str:
    """Return ``text`` without anything that ends a turn, opens a role or closes a fence.

    A space goes after the first character of a template's mark (``<|im_end|>``, ``[INST]``,
    ``</s>``), so that no tokenizer takes it for one; ``<`` before ``source`` becomes ``(``.
    """
    return _CONTROL.sub(lambda found: found[0] + " ", _FENCE.sub("(", text))


def _block(source: SourceNode) -> str:
    parts = [source.source, _title(source), source.heading]
    if source.url and len(source.url) <= _LONGEST_URL:
        parts.append(source.url)
    name = " · ".join(" ".join(part.split()) for part in parts if part)
    return (
        f"[{source.n}] {as_data(name)}\n"
        f"<source {source.n}>\n{as_data(source.text.strip())}\n</source {source.n}>"
    )


def _title(source: SourceNode) -> str | None:
    """Return the document's title where it says more than the file's name and the heading."""
    title = source.title
    if not title or len(title) > _LONGEST_TITLE:
        return None
    return None if title in f"{source.heading or ''}\n{source.source}" else title


def _turns(history: Sequence[Answer]) -> tuple[tuple[str, str], ...]:
    """Return question and answer of the last turns; a refusal tells a model only to refuse again.

    The numbers of an earlier answer belong to other sources and are left out.
    """
    answered = [turn for turn in history if not turn.refused and turn.text.strip()]
    return tuple(
        (as_data(turn.question.strip()), as_data(_clipped(without_markers(turn.text))))
        for turn in answered[-_MOST_TURNS:]
    )


def _clipped(text: str) -> str:
    if len(text) <= _TURN_LENGTH:
        return text
    ends = [end for _, end in sentence_spans(text) if end <= _TURN_LENGTH]
    return text[: ends[-1] if ends else _TURN_LENGTH] + _CUT


def _smaller(prompt: Prompt) -> list[Prompt]:
    """Return ``prompt`` with ever more let go, down to the best source alone."""
    found = [prompt]

    def keep(*, sources: int | None = None, turns: int | None = None) -> None:
        last = found[-1]
        if sources is not None and sources < len(last.sources):
            found.append(replace(last, sources=last.sources[:sources]))
        if turns is not None and turns < len(last.turns):
            found.append(replace(last, turns=last.turns[len(last.turns) - turns :]))

    for count in range(len(prompt.sources) - 1, _SOURCES_BEFORE_TURNS - 1, -1):
        keep(sources=count)
    for count in range(len(prompt.turns) - 1, 0, -1):
        keep(turns=count)
    for count in range(_SOURCES_BEFORE_TURNS - 1, 0, -1):
        keep(sources=count)
    keep(turns=0)
    return found[1:]


def _cuts(prompt: Prompt) -> list[Prompt]:
    """Return ``prompt`` with ever more of its best source, the least first."""
    if not prompt.sources:
        return []
    best = prompt.sources[0]
    text = best.text.strip()
    spans = sentence_spans(text)
    first = text[: spans[0][1]] if spans else ""
    ends = [
        match.end() for match in re.finditer(r"[\u2e80-\ud7ff]|[^\s\u2e80-\ud7ff]{1,40}", first)
    ]
    ends += [end for _, end in spans[:-1] if end > len(first) or len(spans) > 1]
    return [
        replace(prompt, sources=(replace(best, text=text[:end] + _CUT),))
        for end in sorted(set(ends))
        if end < len(text)
    ]
