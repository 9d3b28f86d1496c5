# ruff: noqa: E501  (patterns read best one kind a line)
"""Rows of tables as answers: those that a question speaks of, and the cell that it asks for.

The words that all rows share, such as the names of their columns, tell none of them from another.
A row answers if it holds those of the question's words that the best row holds and others lack.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ragkit.answer.evidence import Evidence, Passage
from ragkit.answer.question import Question
from ragkit.ingest.lines import row_cells

__all__ = ["MOST_ROWS", "cell_mark", "rows_meant"]

MOST_ROWS = 12
Places = Mapping[str, Sequence[tuple[int, int]]]
_HELD, _LACKED = 0.9, 0.3
_SLACK = 1e-6
# Of a column's name by the question: from the first it may be asked for, from the second it is.
_NAME_HELD, _NAME_NAMED = 0.3, 0.5
# Rows of one table have most of their columns' names in common; empty cells are left out.
_ALIKE = 0.5
_TYPED = frozenset({"person", "time", "number"})
_SHORT_VALUE = 40
_AND = re.compile(
    r"[,，、;；&]|[和与與及跟]|以及|\b(?:and|or|und|oder|sowie|et|ou|y|e|o|и|или|και|ve|veya|và|hoặc)\b|\bو",
    re.I,
)
_NONE = re.compile(
    r"\b(?:no|none|not|never|without|lacks?|out of|sold out|zero|un\w{4,}|missing|empty|kein\w*|nicht|ohne|leer|aucune?|sans|pas|sin|ningun\w*|no hay|senza|non|nessun\w*|sem|nenhum\w*|без|нет|не|yok)\b"
    r"|没有|沒有|没|沒|无|無|缺|未|不|售罄|卖完|用完|空的|ない|なし|無し|切れ|없는|없다|بدون|ليس|لا",
    re.I,
)
_SOME = re.compile(
    r"\b(?:in stock|available|have|has|with|left|still|vorrätig|verfügbar|noch|hat|haben|disponibles?|avec|con|com|есть|в наличии)\b|有|现货|現貨|還有|还有|ある|있는",
    re.I,
)
_NO = re.compile(
    r"(?:0+(?:[.,]0+)?|[-–—/x✗✘×]|n/?a|no|none|null|false|nein|kein\w*|non|ninguno|нет|не|无|無|没有|沒有|否|なし|無し|×|없음|لا|sold out|out of stock|ausverkauft|缺货|缺貨|售罄|断货|斷貨)",
    re.I,
)
_YES = re.compile(
    r"(?:yes|y|true|ja|oui|sí|si|да|是|有|✓|✔|√|○|はい|예|نعم|in stock|有货|有貨)", re.I
)
_NUMBER = re.compile(r"[+-]?\d[\d.,' ]*")


@dataclass(frozen=True, slots=True)
class _Row:
    """A row beside the question: its cells' values by their names, and which names it speaks of."""

    evidence: Evidence
    values: dict[str, str]
    asked: frozenset[str]


def rows_meant(
    question: Question, best: Evidence, evidence: Sequence[Evidence], passages: Sequence[Passage]
) -> list[Evidence]:
    """Return the rows of the table of ``best``, a row, that answer ``question``, in reading order.

    They hold the same words of the question as it; where two things are named, the rows of both.
    Of these, those with a yes or a nought in a column where that is asked for. All rows that were
    found where nothing tells them apart; at most ``MOST_ROWS``, at least one.
    """
    rows = _table(best, evidence, passages)
    if best.features.defines:  # the one whose first cell is what is to be explained
        rows = [r for r in rows if r.evidence.features.defines >= best.features.defines]
    if len(rows) < 2:
        return [best]
    found = _by_words(question, best, rows)
    found = _by_polarity(question, found) or found
    return [row.evidence for row in found[:MOST_ROWS]]


def cell_mark(
    question: Question, row: str, places: Places, guess: tuple[int, int] | None
) -> tuple[int, int] | None:
    """Return the span of the value in the column that is asked for.

    Else of the first one where rows are asked for ("which"), or of the value that ``guess`` is in.
    ``places`` says where the question's terms stand in the row. None where unsure.
    """
    if row.startswith("|") or " | " in row:
        return guess
    spans = _spans(places)
    cells = row_cells(row)
    focus = question.focus.casefold()
    best: tuple[int, int] | None = None
    most, tied = _NAME_HELD, False
    for name, value in cells:
        if _held(name, spans) <= 0 or _held(value, spans) > _HELD:
            continue
        called = row[slice(*name)].casefold()
        meant = len(called) > 1 and focus and (called.startswith(focus) or focus.startswith(called))
        held = _held(name, spans) + bool(meant)
        best, tied = (value, False) if held > most else (best, tied or held == most)
        most = max(most, held)
    listed = question.kind == "choice" and cells and _held(cells[0][1], spans) <= _NAME_NAMED
    if best and not tied and (most > 1 or not listed):
        return best
    if listed:
        return cells[0][1]  # "which": the first cell says what a row is about
    if guess is None or question.kind not in _TYPED or row[guess[0] - 1 : guess[0]].isalnum():
        return None
    for _, value in cells:
        if value[0] <= guess[0] and guess[1] <= value[1]:
            return value if value[1] - value[0] <= _SHORT_VALUE else guess
    return None


def _held(cell: tuple[int, int], spans: Sequence[tuple[int, int]]) -> float:
    """Return the share of a cell's characters that are words of the question."""
    places = {at for start, end in spans for at in range(max(start, cell[0]), min(end, cell[1]))}
    return len(places) / max(1, cell[1] - cell[0])


def _spans(places: Places) -> list[tuple[int, int]]:
    return [span for spans in places.values() for span in spans]


def _table(best: Evidence, evidence: Sequence[Evidence], passages: Sequence[Passage]) -> list[_Row]:
    """Return the rows that are of the same table as ``best``, in reading order."""
    own = _row(best, passages)
    rows = []
    for other in evidence:
        if other.unit.kind != "row":
            continue
        row = own if other is best else _row(other, passages)
        if _same_table(own, row, best.node == other.node):
            rows.append(row)
    return sorted(rows, key=lambda row: (row.evidence.node, row.evidence.position))


def _row(evidence: Evidence, passages: Sequence[Passage]) -> _Row:
    unit = evidence.unit
    text = passages[evidence.node].text[unit.start : unit.end]
    cells = row_cells(text) if not text.startswith("|") and " | " not in text else []
    spans = _spans(evidence.places)
    named = [(text[slice(*name)], text[slice(*value)], name) for name, value in cells]
    return _Row(
        evidence,
        {name: value for name, value, _ in named},
        frozenset(name for name, _, span in named if _held(span, spans) > _NAME_NAMED),
    )


def _same_table(a: _Row, b: _Row, same_node: bool) -> bool:
    if len(a.values) < 2 or len(b.values) < 2:
        return same_node and len(a.values) < 2 and len(b.values) < 2
    shared = len(a.values.keys() & b.values.keys())
    return shared > _ALIKE * max(len(a.values), len(b.values))


def _by_words(question: Question, best: Evidence, rows: list[_Row]) -> list[_Row]:
    """Return the rows that hold what the best one holds and others lack; all where none lacks."""
    columns = list(zip(*(row.evidence.covered for row in rows), strict=True))
    telling = [at for at, column in enumerate(columns) if max(column) - min(column) > _SLACK]
    if not telling:
        return rows
    wanted = {at: best.covered[at] - _SLACK for at in telling}
    found = [row for row in rows if all(row.evidence.covered[at] >= c for at, c in wanted.items())]
    if not _AND.search(question.text):
        return found
    held = sum(best.covered[at] for at in telling)
    missing = [at for at in telling if best.covered[at] < _LACKED]
    for row in rows:
        covered = row.evidence.covered
        if row in found or sum(covered[at] for at in telling) < held / 2:
            continue
        new = [at for at in missing if covered[at] >= _HELD]
        if new:
            found.append(row)
            missing = [at for at in missing if at not in new]
    order = {id(row): at for at, row in enumerate(rows)}
    return sorted(found, key=lambda row: order[id(row)])


def _by_polarity(question: Question, rows: list[_Row]) -> list[_Row]:
    """Return the rows with a yes, or with a no or nought, in the column that is asked about.

    Empty where it is a number or a time that is asked for, or the rows do not differ there.
    """
    if question.kind in ("number", "time"):
        return []
    names = {name for row in rows for name in row.asked}
    negated = _NONE.search(question.text) is not None
    for name in sorted(names):
        signs = [_sign(row.values.get(name, "")) for row in rows]
        if {0, 1} - set(signs) or signs.count(None) > len(signs) // 4:
            continue
        numeric = any(_NUMBER.fullmatch(row.values.get(name, "")) for row in rows)
        if numeric and not negated and not _SOME.search(question.text):
            continue
        return [row for row, sign in zip(rows, signs, strict=True) if sign == (not negated)]
    return []


def _sign(value: str) -> int | None:
    value = value.strip(" *_`")
    if not value or _NO.fullmatch(value):
        return 0
    return 1 if _YES.fullmatch(value) or _NUMBER.fullmatch(value) else None
