"""Whether one sentence of a source says what a sentence of an answer says.

Precision before recall: whatever the answer says beyond the source (a figure, a name, a negation,
an opposite, a word of generality, another order of roles) is a reason against support.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ragkit.answer.align.match import Match, Slot, match_readings
from ragkit.answer.align.polarity import denied, opposed, scope
from ragkit.answer.align.reading import CONTENT, Element, Reading
from ragkit.answer.align.roles import (
    agent_acts,
    exchanged,
    misplaced_figure,
    object_made_subject,
    swapped_figures,
    turned,
)
from ragkit.answer.align.words import CONTRAST_CHARS

__all__ = ["Verdict", "judge"]


# The share of the content that must be found, and the share that may be missing in one place.
_ENOUGH = 0.74


_CONTEXT_CREDIT = 0.9


@dataclass(frozen=True, slots=True)
class Verdict:
    """``score`` in [0, 1]; ``against`` says in a word why there is no support, or is "".

    ``context`` are the numbers of the sentences before that the words were taken from.
    """

    score: float
    against: str
    context: tuple[int, ...] = ()


def judge(
    ours: Reading,
    theirs: Reading,
    part: range,
    before: Sequence[tuple[int, Reading]] = (),
    *,
    later: bool = False,
) -> Verdict:
    """Return whether ``theirs`` says what elements ``part`` of ``ours`` say.

    ``before`` are numbered sentences that stand before ``theirs`` in the same text, nearest first:
    a subject may be named there ("It burned down in 1861"). ``later`` tells that ``part`` goes on a
    sentence, whose subject is then in what came before.
    """
    match = match_readings(ours, theirs, part)
    against = _lost_figure(ours, match, part)
    if against:
        return Verdict(0.0, against)
    context, borrowed = _borrow(ours, theirs, match, part, before)
    credit = {i: max(match.credit[i], borrowed.get(i, 0.0)) for i in part}
    total = sum(ours.elements[i].weight for i in part)
    score = sum(ours.elements[i].weight * credit[i] for i in part) / total if total else 0.0
    against = (
        _lost_name(ours, credit, part)
        or ("coverage" if score < _ENOUGH else "")
        or _replaced(ours, theirs, match, credit)
        or exchanged(ours, theirs, match)
        or object_made_subject(ours, theirs, match)
        or misplaced_figure(ours, theirs, match, part)
        or swapped_figures(ours, theirs, match, part)
        or agent_acts(ours, theirs, match)
        or turned(ours, theirs, match)
        or denied(ours, theirs, match, part)
        or opposed(ours, theirs, match, part)
        or scope(ours, theirs, match, part)
        or (_other_subject(ours, theirs, match, part) if later else "")
    )
    return Verdict(score, against, context)


def _lost_figure(ours: Reading, match: Match, part: range) -> str:
    lost = any(ours.elements[i].figure and not match.credit[i] for i in part)
    return "figure" if lost else ""


def _lost_name(ours: Reading, credit: dict[int, float], part: range) -> str:
    for i in part:
        if ours.elements[i].kind in ("name", "identifier") and not credit[i]:
            return f"name {ours.elements[i].key}"
    return ""


def _borrow(
    ours: Reading,
    theirs: Reading,
    match: Match,
    part: range,
    before: Sequence[tuple[int, Reading]],
) -> tuple[tuple[int, ...], dict[int, float]]:
    """Take a subject and names from the sentences before, where ``theirs`` has nothing instead."""
    # "It was found by A" makes what it is the object of "A found ...".
    voiced = theirs.anaphor and ours.passive != theirs.passive
    borrowed: dict[int, float] = {}
    used: dict[int, None] = {}
    for n, slot in enumerate(match.slots):
        missing = [
            i for i in slot.ours
            if not match.credit[i] and (not n or ours.elements[i].kind == "name")
        ]  # fmt: skip
        heavy = [i for i in missing if ours.elements[i].weight >= CONTENT]
        names = all(ours.elements[i].kind == "name" for i in heavy)
        if not heavy or (_filler(theirs, match, slot) and not (voiced and names)):
            continue
        for number, reading in before:
            found = [i for i in missing if i not in borrowed and _holds(reading, ours.elements, i)]
            if found:
                used[number] = None
                borrowed.update(dict.fromkeys(found, _CONTEXT_CREDIT))
    return tuple(used), borrowed


def _holds(reading: Reading, elements: tuple[Element, ...], i: int) -> bool:
    element = elements[i]
    if element.kind != "char":
        return element.key in reading.index
    left = elements[i - 1].key + element.key if i else ""
    right = element.key + elements[i + 1].key if i + 1 < len(elements) else ""
    return left in reading.pairs or right in reading.pairs


def _filler(theirs: Reading, match: Match, slot: Slot) -> list[int]:
    """Return what the source has in a slot that the answer does not say anywhere."""
    taken = match.taken
    return [j for j in slot.theirs if j not in taken and theirs.elements[j].weight >= 2 * CONTENT]


def _replaced(
    ours: Reading,
    theirs: Reading,
    match: Match,
    credit: dict[int, float],
) -> str:
    """Tell whether something else stands in the answer where the source has its own word."""
    taken = match.taken
    for slot in match.slots:
        missing = [i for i in slot.ours if not credit[i] and ours.elements[i].weight >= 2 * CONTENT]
        filler = _filler(theirs, match, slot)
        if (missing and filler) or _other_letters(ours, theirs, match, slot, credit):
            return "replaced " + " ".join(ours.elements[i].key for i in missing)
        lone = any(i not in match.to and ours.elements[i].key in CONTRAST_CHARS for i in slot.ours)
        if lone and any(
            j not in taken and theirs.elements[j].key in CONTRAST_CHARS for j in slot.theirs
        ):
            return "contrast"
    return ""


def _other_letters(
    ours: Reading, theirs: Reading, match: Match, slot: Slot, credit: dict[int, float]
) -> bool:
    """Tell whether three letters or more of a script without spaces stand for others (Thai)."""
    taken = match.taken
    own = sum(not credit[i] and _is_letter(ours.elements[i]) for i in slot.ours)
    return own > 2 and sum(
        j not in taken and _is_letter(theirs.elements[j]) for j in slot.theirs
    ) > 2  # fmt: skip


def _is_letter(element: Element) -> bool:
    return element.kind == "char" and CONTENT <= element.weight < 2 * CONTENT


def _other_subject(ours: Reading, theirs: Reading, match: Match, part: range) -> str:
    """Tell whether the source's sentence opens with a subject that the answer does not name."""
    if not match.to:
        return "nothing"
    first = min(match.to.values())
    known = {element.key for element in ours.elements}
    lead = [
        e
        for e in theirs.elements[:first]
        if e.weight >= 2 * CONTENT and e.clause == theirs.elements[first].clause
    ]
    return "other subject" if any(e.key not in known for e in lead) else ""
