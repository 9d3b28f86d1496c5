"""Follow one file from the folder to the answer, and name the stage that lost it.

Every stage is the one that asking runs: the same index, the same retriever with a larger
``top_k``, the same judgement and the same prompt. No model writes anything.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ragkit.commands import index_command, password_command, query_command, show_command
from ragkit.errors import ConfigError, GenerationError, MissingExtra, ModelUnavailable
from ragkit.files import Found, close_names, find_file, left_out, needs_password
from ragkit.why import Budget, Judgement, Passage, Stage, Why, Word
from ragkit.words import question_words

if TYPE_CHECKING:
    from llama_index.core.schema import NodeWithScore
    from llama_index.core.vector_stores.types import MetadataFilters

    from ragkit.knowledge import KnowledgeBase
    from ragkit.ranks import Ranks
    from ragkit.store.sqlite import SqliteStore
    from ragkit.why import Ranking

__all__ = ["explain"]

_MOST_TOP_K = 100
_SNIPPET = 200


@dataclass(frozen=True, slots=True)
class _Case:
    """What is asked about: a question, a file that is indexed, and how it is searched for."""

    kb: KnowledgeBase
    store: SqliteStore
    question: str
    source: str
    document_id: str
    pairs: Sequence[str]
    filters: MetadataFilters | None
    words: tuple[Word, ...]
    ranks: Ranks

    def why(self, stage: Stage, reason: str, *advice: str, **found: Any) -> Why:
        """Return the verdict, with what is known of every file that is indexed."""
        return Why(
            question=self.question,
            source=self.source,
            preset=self.kb.config.preset,
            stage=stage,
            lost=stage not in ("cited", "in_prompt", "retrieved"),
            reason=reason,
            advice=tuple(line for line in advice if line),
            words=self.words,
            **found,
        )


def explain(
    kb: KnowledgeBase,
    store: SqliteStore,
    question: str,
    source: str,
    *,
    filters: Sequence[str] = (),
) -> Why:
    """Return at which stage ``source`` was lost for ``question``, asked with ``filters``.

    ``source`` is a path below the folder, relative or absolute, or a bare name that one file has.
    Raises ConfigError for an empty question, a filter that cannot be read, a folder, and a file
    outside the folder; and what loading the embedder raises.
    """
    if not isinstance(question, str) or not question.strip():
        raise ConfigError("The question is empty. Ask something about the documents.")
    from ragkit.ranks import Ranks
    from ragkit.retrieve.retriever import parse_filters

    wanted = parse_filters(filters)
    found = find_file(source, kb.folder, store.catalog, hidden=kb.config.ingest.hidden)
    if found.document_id is None:
        return _not_indexed(kb, store, question, found)
    case = _Case(
        kb, store, question, found.source, found.document_id, filters, wanted,
        words=question_words(question, found.document_id, store),
        ranks=Ranks(kb, store, question, found.document_id, wanted),
    )  # fmt: skip
    return _filtered(case) or _ranked(case)


def _not_indexed(kb: KnowledgeBase, store: SqliteStore, question: str, found: Found) -> Why:
    stage: Stage
    close: tuple[str, ...] = ()
    name, advice = f"'{found.source}'", ""
    if found.reason:
        stage, reason = "unread", f"{name} was not read: {found.reason}"
        advice = "Repair or convert the file; the next question reads it again."
        if found.unopened:
            advice = "Put a file that can be read in its place; the next question reads it."
        if found.unopened and "link" in found.reason:
            advice = "Put a copy of what it leads to in its place; the next question reads it."
        if needs_password(found.reason):
            advice = f"Give it: {password_command(kb)}"
    elif by_whom := left_out(kb, found.source):
        stage, (reason, advice) = "left_out", by_whom
    elif found.listed:
        stage, reason = "unindexed", f"{name} is in the folder, and the index does not know it yet."
        advice = f"Index it: {index_command(kb)}"
    else:
        close = close_names(found.source, store.catalog.files())
        stage, reason = "missing", f"There is no file {name} in the folder '{kb.folder}'."
        if close:
            advice = "Did you mean " + " or ".join(f"'{name}'" for name in close) + "?"
    return Why(
        question=question,
        source=found.source,
        preset=kb.config.preset,
        stage=stage,
        lost=True,
        reason=reason,
        advice=(advice,) if advice else (),
        close=close,
    )


def _filtered(case: _Case) -> Why | None:
    """Return the verdict for a file of which no node is within the filters, else None."""
    if case.filters is None or _has_node(case, case.filters):
        return None
    from ragkit.retrieve.filter_keys import filter_keys
    from ragkit.retrieve.retriever import parse_filters

    by_key: dict[str, list[str]] = {}
    for pair in case.pairs:
        by_key.setdefault(filter_keys([pair])[0], []).append(pair)
    failed = [key for key, pairs in by_key.items() if not _has_node(case, parse_filters(pairs))]
    told = "; ".join(_own_value(case, key) for key in failed)
    reason = f"'{case.source}' is outside the filter {' '.join(case.pairs)}: " + (
        told or "each key fits some part of it, but none fits all"
    )
    advice = f"Leave out or correct --filter {failed[0]}=…" if failed else "Use fewer filters."
    best = case.ranks.nearest(filtered=False)
    return case.why("filtered", reason + ".", advice, passage=best and _passage(case, best))


def _has_node(case: _Case, filters: MetadataFilters | None) -> bool:
    from ragkit.store.filters import filter_condition

    with case.store.reading() as snapshot:
        if snapshot is None or filters is None:
            return snapshot is not None
        condition = filter_condition(snapshot, filters)
        row = snapshot.conn.execute(
            f"SELECT 1 FROM {snapshot.table('node')} n WHERE n.document_id = ?"
            f" AND {condition.sql} LIMIT 1",
            (case.document_id, *condition.parameters),
        ).fetchone()
        return row is not None


def _own_value(case: _Case, key: str) -> str:
    """Say what the file has under the metadata key of a filter."""
    if key in ("source", "sources"):
        return f"its source is '{case.source}'"
    if key == "folder":
        folder = case.source.rpartition("/")[0]
        return f"its folder is '{folder}'" if folder else "it lies in no folder"
    if '"' in key or "\\" in key:  # no path of SQLite's names it
        return f"it has no {key}"
    with case.store.reading() as snapshot:
        rows = [] if snapshot is None else snapshot.conn.execute(
            f"SELECT DISTINCT json_extract(metadata, ?) FROM {snapshot.table('node')}"
            " WHERE document_id = ? LIMIT 4",
            (f'$."{key}"', case.document_id),
        ).fetchall()  # fmt: skip
    values = [str(row[0]) for row in rows if row[0] is not None]
    shown = ", ".join(values[:3]) + (", …" if len(values) > 3 else "")
    return f"its {key} is {shown}" if values else f"it has no {key}"


def _ranked(case: _Case) -> Why:
    best = case.ranks.nearest()
    lacking = [word.text for word in case.words if not word.in_file]
    if best is None:
        return case.why(
            "unmatched",
            f"No passage of '{case.source}' was found: no word of the question finds it.",
            _other_stems(case) or "Ask in the words of the document.",
            _own_text(case),
        )
    ranking, node = case.ranks.ranking()
    top_k = ranking.top_k
    found = {"ranking": ranking, "passage": _passage(case, node or best)}
    if ranking.rank is not None and ranking.rank <= top_k:
        return _read(case, found)
    alone = "" if any(word.found for word in case.words) or not case.words else (
        " It holds none of the question's informative words."
    )  # fmt: skip
    return case.why(
        "outranked",
        f"{_standing(case.source, ranking)}{alone}",
        _larger_top_k(case, ranking.rank),
        f"Ask in its own words: it lacks {_quoted(lacking)}." if lacking else "",
        _other_stems(case),
        f"Ask this file alone: --filter {shlex.quote(f'source={case.source}')}",
        **found,
    )


def _standing(source: str, ranking: Ranking) -> str:
    """Say where a file that was not retrieved stands."""
    if ranking.rank is None and ranking.searched < ranking.top_k:
        passages = "1 passage" if ranking.searched == 1 else f"{ranking.searched} passages"
        return f"'{source}' was not retrieved: the question finds {passages} in all, none of it."
    place = f"ranked {_ordinal(ranking.rank)}" if ranking.rank else (
        f"not among the best {ranking.searched}"
    )  # fmt: skip
    return f"'{source}' was {place}, and the best {ranking.top_k} are retrieved."


def _larger_top_k(case: _Case, rank: int | None) -> str:
    """Say which ``--top-k`` retrieves the file: tried out, since the ranking depends on it."""
    if rank is None or rank > _MOST_TOP_K:
        return ""
    step = 1 if rank < 10 else 5
    for top_k in (-(-rank // step) * step, min(_MOST_TOP_K, rank * 3 // 2 + 5), _MOST_TOP_K):
        if case.ranks.is_within(top_k):
            most = _most_read(case)
            beyond = most is not None and rank > most
            more = f" (the answer is made of the best {most} alone)" if beyond else ""
            return f"Retrieve more: --top-k {top_k}{more}."
    return ""


def _most_read(case: _Case) -> int | None:
    """Return how many nodes an answer is made of, where that is a number."""
    if case.kb.generates:
        return None
    from ragkit.answer.extractive import MOST_NODES

    return MOST_NODES


def _read(case: _Case, found: dict[str, Any]) -> Why:
    """Go on with a file that was retrieved: what the answer is made of it."""
    nodes = [n for n in case.ranks.retrieved() if n.node.metadata.get("source")]
    mine = [i for i, scored in enumerate(nodes) if scored.node.ref_doc_id == case.document_id]
    return _generated(case, nodes, mine, found) if case.kb.generates else (
        _extracted(case, nodes, mine, found)
    )  # fmt: skip


def _extracted(
    case: _Case, nodes: Sequence[NodeWithScore], mine: Sequence[int], found: dict[str, Any]
) -> Why:
    from ragkit.answer.extractive import MOST_NODES, extract_answer
    from ragkit.answer.refusal import THRESHOLD

    answer = extract_answer(
        case.question, nodes, document_frequencies=case.store.document_frequencies
    )
    cited = dict.fromkeys(str(nodes[s.node].node.metadata["source"]) for s in answer.sentences)
    found = found | {
        "budget": Budget(min(MOST_NODES, len(nodes)), len(nodes)),
        "judgement": Judgement(
            answer.refused, answer.confidence, answer.coverage, THRESHOLD, tuple(cited)
        ),
    }
    name = f"'{case.source}'"
    only = f"Ask this file alone: --filter {shlex.quote(f'source={case.source}')}"
    if mine[0] >= MOST_NODES:
        reason = f"{name} was retrieved, but the answer is made of the best {MOST_NODES} alone."
        return case.why("dropped", reason, only, **found)
    lacking = [word.text for word in case.words if not word.in_file]
    ask = f"Ask in its own words: it lacks {_quoted(lacking)}." if lacking else ""
    if answer.refused and not _asks(case.question):
        reason = "The question holds nothing to look for, so there is no answer."
        return case.why("refused", reason, "Ask about something in the documents.", **found)
    if answer.refused:
        reason = (
            f"{name} was retrieved, but the answer was refused: confidence "
            f"{answer.confidence:.2f} is below {THRESHOLD:.2f}."
        )
        pairs = [word for pair in case.pairs for word in ("--filter", pair)]
        see = query_command(case.kb, case.question, *pairs, "--sources-only")
        return case.why("refused", reason, ask, f"Read what was found: {see}", **found)
    if any(s.node in mine for s in answer.sentences):
        return case.why("cited", f"{name} was not lost: the answer cites it.", **found)
    reason = f"{name} was retrieved and read, but the answer cites {_quoted(list(cited))} instead."
    return case.why("uncited", reason, ask, only, **found)


def _generated(
    case: _Case, nodes: Sequence[NodeWithScore], mine: Sequence[int], found: dict[str, Any]
) -> Why:
    from ragkit.answer.citations import source_nodes
    from ragkit.answer.generate import prompt_for

    name = f"'{case.source}'"
    if not _asks(case.question):
        reason = "The question holds nothing to look for, so there is no answer."
        return case.why("refused", reason, "Ask about something in the documents.", **found)
    if case.kb.is_hopeless(case.question, nodes):
        reason = "What was found lacks too much of the question, so the model is not asked."
        return case.why("refused", reason, "Ask in words that the documents use.", **found)
    own = {nodes[place].node.node_id for place in mine}
    nodes = case.kb.with_neighbours(nodes)
    mine = [place for place, scored in enumerate(nodes) if scored.node.node_id in own]
    sources = source_nodes(nodes)
    parts = case.kb.parts
    try:
        case.kb.require_answerer()
        llm = parts.llm
        assert llm is not None, "the preset generates"
        prompt = prompt_for(
            case.question,
            sources,
            llm=llm,
            count_tokens=parts.count_tokens,
            style=parts.config.llm.prompt,
        )
    except (ConfigError, ModelUnavailable, MissingExtra) as error:
        reason = f"{name} was retrieved. What the prompt keeps is not known without the model: "
        return case.why("retrieved", f"{reason}{error}", **found)
    except GenerationError as error:
        return case.why("dropped", f"{name} was retrieved, but not read: {error}", **found)
    kept = {source.n for source in prompt.sources}
    room = llm.metadata.context_window - max(0, llm.metadata.num_output)
    cut = bool(prompt.sources) and prompt.sources[0].text != sources[0].text
    found = found | {"budget": Budget(len(kept), len(nodes), room, cut)}
    if any(sources[i].n in kept for i in mine):
        reason = (
            f"{name} was not lost: it is in the prompt, as one of {len(kept)} sources. "
            "Whether the model cites it, only asking tells."
        )
        return case.why("in_prompt", reason, **found)
    reason = (
        f"{name} was retrieved at rank {found['ranking'].rank}, but the prompt has room for "
        f"{len(kept)} of {len(nodes)} sources ({room} tokens)."
    )
    only = f"Ask this file alone: --filter {shlex.quote(f'source={case.source}')}"
    more = "Raise llm.context_window, or lower llm.max_new_tokens or splitter.chunk_size."
    return case.why("dropped", reason, only, more, **found)


def _asks(question: str) -> bool:
    from ragkit.answer.question import analyze_question
    from ragkit.answer.refusal import is_asking

    return is_asking(analyze_question(question))


def _passage(case: _Case, scored: NodeWithScore) -> Passage:
    """Return what of a node of the file answers best."""
    from ragkit.answer.extractive import extract_answer

    node: Any = scored.node
    answer = extract_answer(
        case.question,
        [scored],
        document_frequencies=case.store.document_frequencies,
        threshold=0.0,
    )
    text = node.get_content()
    start, end = 0, min(len(text), _SNIPPET)
    if answer.sentences:
        start, end = answer.sentences[0].start, answer.sentences[0].end
    page, heading = node.metadata.get("page"), node.metadata.get("heading_path")
    offset = node.start_char_idx or 0
    return Passage(
        page=page if isinstance(page, int) else None,
        heading=str(heading) if heading else None,
        start=offset + start,
        end=offset + end,
        text=text[start:end],
        coverage=answer.coverage,
    )


def _other_stems(case: _Case) -> str:
    """Say which words are written in the file but not found by this question, and why."""
    words = [word.text for word in case.words if word.in_file and not word.found]
    if not words:
        return ""
    language = case.store.catalog.document_metadata(case.document_id).get("language")
    return (
        f"It was taken for a text in language '{language or 'unknown'}', in which {_quoted(words)} "
        "has another stem. Ask in a whole sentence of that language."
    )


def _own_text(case: _Case) -> str:
    return f"See its text: {show_command(case.kb, case.source)}"


def _quoted(words: Sequence[str]) -> str:
    shown = ", ".join(f"'{word}'" for word in words[:6])
    return shown + (", …" if len(words) > 6 else "")


def _ordinal(n: int) -> str:
    if 10 < n % 100 < 14:
        return f"{n}th"
    return f"{n}{ {1: 'st', 2: 'nd', 3: 'rd'}.get(n % 10, 'th') }"
