"""The answer of a language model, streamed, with citations that were checked against the sources.

The text streams as the model writes it, without the model's own source marks. When a sentence has
ended it is compared with the sources, and its numbers follow it.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from ragkit.answer.citations import cite_generated, source_nodes
from ragkit.answer.engine import AnswerStream, Lap, answer_timings
from ragkit.answer.extractive import iter_pieces
from ragkit.answer.judgement import Judgement, OwnList
from ragkit.answer.markers import MarkerFilter
from ragkit.answer.near import near_numbers
from ragkit.answer.not_found import NotFoundWatch
from ragkit.answer.prompt import CountTokens, Prompt, choose_prompt
from ragkit.answer.proof import Proof
from ragkit.answer.question import analyze_question
from ragkit.answer.refusal import is_asking, refusal_text
from ragkit.answer.running import Ended, SentenceCutter
from ragkit.prompts import Texts, load_texts, text_languages
from ragkit.retrieve.tokenizer import detect_language
from ragkit.types import Answer, Citation, PromptStyle, Sentence, SourceNode

if TYPE_CHECKING:
    from llama_index.core.base.llms.types import ChatResponseGen
    from llama_index.core.llms import LLM
    from llama_index.core.schema import NodeWithScore

__all__ = ["Refuses", "prompt_for", "stream_generate"]

Refuses = Callable[[str, "Sequence[NodeWithScore]"], bool]
"""Given what was looked for and the nodes, tell whether they lack the answer."""

_USAGE = ("prompt_tokens", "completion_tokens", "tokens_per_second")


def stream_generate(
    question: str,
    search: str,
    nodes: Sequence[NodeWithScore],
    *,
    llm: LLM,
    count_tokens: CountTokens,
    preset: str,
    lap: Lap,
    history: Sequence[Answer] = (),
    language: str | None = None,
    temperature: float | None = None,
    style: PromptStyle = "direct",
    refuses: Refuses | None = None,
) -> AnswerStream:
    """Answer ``question`` from ``nodes``, best first, in the words of ``llm``.

    ``search`` is the question as it was looked for, and ``history`` the conversation before it,
    oldest first. The answer is asked for in ``language`` (ISO 639-1 or ``zh-Hant``; default: the
    question's), at ``temperature`` (default: the model's). The prompt fits the model's context
    window less the tokens it may write; see ``fit_prompt`` for what is let go. In the ``style``
    "grounded" the model first writes which sources it judges relevant, which the reader does not
    see; a list of sources of its own at the end is left out in every style.

    Refused, with the nearest sources, without running the model: when there are no nodes or nothing
    is asked, or when ``refuses`` says so; and when the model writes that the sources lack the
    answer, that no source is relevant, or nothing. Nothing runs before the first piece is asked
    for; ``GenerationError`` is raised to the reader of the stream.
    """
    texts = load_texts(language or detect_language(question))
    asked = analyze_question(search)
    draft = _Draft(Proof(source_nodes(nodes), language=language))

    def refusal() -> str:
        return refusal_text(asked, sources=draft.proof.sources, language=language)

    def written() -> Iterator[str]:
        if not nodes or not is_asking(asked) or (refuses and refuses(search, nodes)):
            yield from draft.refuse(refusal())
            return
        prompt = prompt_for(
            question,
            draft.proof.sources,
            llm=llm,
            count_tokens=count_tokens,
            history=history,
            language=language,
            style=style,
        )
        said = (
            texts.not_found,
            *(load_texts(known).not_found for known in ("en", "zh", "zh-Hant")),
        )
        watch = NotFoundWatch(said)
        options = {} if temperature is None else {"temperature": temperature}
        responses = llm.stream_chat(prompt.messages(), **options)
        judgement = _judgement(texts, draft.proof.sources) if style == "grounded" else None
        yield from _follow(draft, responses, watch, judgement)
        if watch.found or (judgement and judgement.none):
            yield from draft.refuse(refusal())
        elif not draft.text:
            nearest = texts.gap + texts.nearest
            yield from draft.refuse(texts.no_answer + nearest)

    def pieces() -> Generator[str, None, None]:
        for piece in written():
            if piece and not draft.text:
                lap("first_token")
            draft.text += piece
            yield piece

    def finish() -> Answer:
        answer = draft.answer(question, preset, answer_timings(lap))
        return replace(answer, near=near_numbers(asked, answer.sources))

    return AnswerStream(pieces(), finish, lambda: draft.place)


def prompt_for(
    question: str,
    sources: Sequence[SourceNode],
    *,
    llm: LLM,
    count_tokens: CountTokens,
    history: Sequence[Answer] = (),
    language: str | None = None,
    style: PromptStyle = "direct",
) -> Prompt:
    """Return the prompt that ``stream_generate`` sends: what fits the context window of ``llm``.

    Raises GenerationError where not even a piece of the best source has room.
    """
    return choose_prompt(
        load_texts(language or detect_language(question)),
        question,
        sources,
        history=history,
        limit=llm.metadata.context_window - max(0, llm.metadata.num_output),
        count_tokens=count_tokens,
        system_role=llm.metadata.system_role.value == "system",
        style=style,
    )


def _judgement(texts: Texts, sources: Sequence[SourceNode]) -> Judgement:
    """Return what takes the line of relevant sources off; models may keep to another language."""
    labels = [texts.relevant, *(load_texts(code).relevant for code in text_languages())]
    return Judgement(labels, sources)


def _follow(
    draft: _Draft,
    responses: ChatResponseGen,
    watch: NotFoundWatch,
    judgement: Judgement | None,
) -> Iterator[str]:
    """Yield the text of the model's answer and its numbers, at least once for each response.

    Ends early when ``watch`` has found what it watches for, or no source was judged relevant.
    """
    marks, own = MarkerFilter(), OwnList(draft.proof.sources)

    def shown(text: str) -> Iterator[str | tuple[int, ...]]:
        return marks.feed(own.feed(text))

    try:
        for response in responses:
            draft.note(response.additional_kwargs)
            heard, text = False, response.delta or ""
            if judgement:
                text = judgement.feed(text)
                draft.judged = judgement.numbers
            for piece in draft.write(shown(text), watch):
                heard = True
                yield piece
            if watch.found or (judgement and judgement.none):
                return
            if not heard:
                yield ""
        if judgement:
            yield from draft.write(shown(judgement.finish()), watch)
            draft.judged = judgement.numbers
        yield from draft.write(marks.feed(own.finish()), watch)
        yield from draft.write(marks.finish(), watch, last=True)
    finally:
        draft.place = None
        # A generator that is let go closes by itself, but not before the next collection of
        # garbage where something else still refers to it.
        close = getattr(responses, "close", None)
        if close is not None:
            close()


@dataclass(slots=True)
class _Draft:
    """What was written so far: ``text`` is what the reader has been given."""

    proof: Proof
    text: str = ""
    place: int | None = None
    judged: tuple[int, ...] = ()  # the sources that the model named before its answer
    refused: bool = False
    usage: dict[str, float] = field(default_factory=dict)
    cut_short: bool = False  # the model had written all that it may
    sentences: list[Sentence] = field(default_factory=list)
    citations: dict[Citation, None] = field(default_factory=dict)
    cutter: SentenceCutter = field(default_factory=SentenceCutter)
    _apart: bool = False  # the numbers of a block were just given out

    def note(self, told: Mapping[str, Any]) -> None:
        """Take the place in the queue, or at last the figures, of a response."""
        self.place = told.get("place")
        self.usage |= {name: told[name] for name in _USAGE if told.get(name) is not None}
        self.cut_short = told.get("finish_reason") == "length"

    def write(
        self,
        items: Iterator[str | tuple[int, ...]],
        watch: NotFoundWatch,
        *,
        last: bool = False,
    ) -> Iterator[str]:
        """Yield what the reader gets of the model's text and marks, ``items``."""
        for item in items:
            if isinstance(item, tuple):
                self.cutter.hint(item)
            else:
                yield from self._pieces(self.cutter.feed(watch.feed(item)))
            if watch.found:
                return
        if last:
            yield from self._pieces(self.cutter.feed(watch.finish()))
            if not watch.found:
                yield from self._pieces(self.cutter.finish(), last=True)

    def refuse(self, message: str) -> Iterator[str]:
        """Yield the refusal, after what may have been said before it."""
        self.refused = True
        self.sentences.clear()
        self.citations.clear()
        gap = " " if self.text and self.text[-1:].isascii() else ""
        yield from iter_pieces(gap + message)

    def answer(self, question: str, preset: str, timings: dict[str, float]) -> Answer:
        """Return the answer; a sentence that has not ended is left unchecked."""
        sentences = list(self.sentences)
        rest = self.cutter.unfinished
        if rest and not self.refused:
            sentences.append(_unchecked(rest))
        return Answer(
            question=question,
            text=self.text,
            refused=self.refused,
            preset=preset,
            sentences=tuple(sentences),
            citations=tuple(self.citations),
            sources=self.proof.sources,
            timings_ms=timings | self.usage,
        )

    def _pieces(self, parts: Iterator[str | Ended], *, last: bool = False) -> Iterator[str]:
        for part in parts:
            if isinstance(part, str):
                yield "\n\n" + part.lstrip("\n") if self._apart else part
                self._apart = False
                continue
            if last and self.cut_short and not part.complete:
                self.sentences.append(_unchecked(part.text))
                continue
            sentence, citations = cite_generated(
                part.text,
                self.proof.supports(part),
                self.proof.sources,
                hints=part.hints or self.judged,
                claim=self.proof.is_claim(part),
            )
            self.sentences.append(sentence)
            self.citations |= dict.fromkeys(citations)
            numbers = "".join(f"[{n}]" for n in sentence.citations)
            if numbers:
                self._apart = part.kind in ("code", "table")
                yield ("\n\n" if self._apart else " ") + numbers


def _unchecked(text: str) -> Sentence:
    """Return a sentence that breaks off: what it was to say is not known."""
    return Sentence(text, (), supported=False, claim=False)
