"""What the confidence of an answer is made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from ragkit.answer.evidence import Atoms, Evidence, Passage, gather_evidence, weigh_atoms
from ragkit.answer.question import Question, analyze_question
from ragkit.answer.refusal import confidence
from ragkit.answer.selection import rank_evidence
from ragkit.answer.signals import refusal_signals

NODES = 200
NODE = "The lighthouse of Marrow was built in 1874. Its keeper lit the lamp at dusk."
OTHER = "The ferry to Marrow runs every forty minutes. Dogs travel free of charge."

Seen = tuple[Question, list[tuple[float, Evidence]], Sequence[Evidence], Atoms, Sequence[float]]


def see(question: str, texts: Sequence[str], held: Mapping[str, int], language: str = "en") -> Seen:
    """Read ``texts`` for ``question`` in a collection that holds the terms ``held`` so often."""
    asked = analyze_question(question, language=language)
    atoms = weigh_atoms(asked, lambda terms: (NODES, {t: held[t] for t in terms if t in held}))
    passages = [Passage(text, 1 / (1 + n), "", ()) for n, text in enumerate(texts)]
    evidence = gather_evidence(asked, atoms, passages)
    ranked = rank_evidence(asked, evidence, passages)
    return asked, ranked, evidence, atoms, [passage.score for passage in passages]


HELD = {"lighthous": 2, "marrow": 9, "built": 5, "build": 5, "ferri": 3, "owner": 4}


def test_shares_lie_between_nothing_and_all() -> None:
    for question in ("When was the lighthouse of Marrow built?", "Who owns Xyzzy 77?", "Marrow"):
        found = refusal_signals(*see(question, [NODE, OTHER], HELD))
        for name in ("around", "everywhere", "runs", "runs_everywhere", "unknown"):
            assert 0 <= found[name] <= 1, (question, name)
        for scope in ("around", "node", "everywhere"):
            assert 0 <= found[f"lost_{scope}"] <= 1, (question, scope)


def test_what_is_covered_is_not_lost() -> None:
    found = refusal_signals(*see("When was the lighthouse of Marrow built?", [NODE, OTHER], HELD))
    assert found["lost_around"] == found["lost_everywhere"] == found["unknown"] == 0
    assert found["runs"] == 1


def test_a_known_word_is_lost_and_an_unknown_one_is_not_known() -> None:
    known = refusal_signals(*see("Who is the owner of the lighthouse?", [NODE, OTHER], HELD))
    assert known["lost_everywhere"] > 0
    assert known["unknown"] == 0
    unknown = refusal_signals(*see("Who is the sponsor of the lighthouse?", [NODE, OTHER], HELD))
    assert unknown["lost_everywhere"] == 0
    assert unknown["unknown"] > 0


def test_a_word_that_another_node_holds_is_lost_in_the_best_node_only() -> None:
    found = refusal_signals(*see("When does the lighthouse ferry run?", [NODE, OTHER], HELD))
    assert found["lost_node"] > found["lost_everywhere"] == 0


@pytest.mark.parametrize(
    ("question", "text", "language"),
    [
        ("Welche Bibliothek ist die älteste?", "Die Universitätsbibliothek ist alt.", "de"),
        ("Who are its rivals?", "The rivalry with the other school is intense.", "en"),
        ("ประภาคารสร้างเมื่อไร", "ประภาคารแห่งนี้สร้างขึ้นในปี 1874", "th"),
    ],
)
def test_runs_of_characters_bridge_forms_of_a_word(question: str, text: str, language: str) -> None:
    near = refusal_signals(*see(question, [text], {}, language))
    far = refusal_signals(*see(question, ["1234 5678."], {}, language))
    assert near["runs"] > far["runs"] == 0


def test_confidence_falls_with_what_is_lost() -> None:
    whole = confidence(*see("When was the lighthouse of Marrow built?", [NODE, OTHER], HELD))
    lost = confidence(*see("When was the lighthouse owner built?", [NODE, OTHER], HELD))
    assert whole > lost


def test_no_informative_word_breaks_nothing() -> None:
    found = refusal_signals(*see("what is it?", [NODE], HELD))
    assert all(value == value for value in found.values())


@pytest.mark.parametrize(
    ("question", "unfounded"),
    [
        ("Does the lighthouse have a xylophone?", True),
        ("What is the xylophone of Marrow?", True),
        ("Who painted the lighthouse of Marrow?", False),
        ("Does the lighthouse of Marrow have a keeper?", False),
    ],
)
def test_all_of_a_yes_or_no_question_must_be_met(question: str, unfounded: bool) -> None:
    held = HELD | {"keeper": 2}
    found = refusal_signals(*see(question, [NODE, OTHER], held))
    assert (found["unfounded"] > 0) is unfounded
    if unfounded:
        assert found["unfounded"] == found["unknown"]


def test_a_definition_makes_a_common_word_answerable() -> None:
    often = {"ferri": 150, "boat": 40}
    defined = see("What is a ferry?", ["A ferry is a boat that carries people.", OTHER], often)
    mentioned = see("What is a ferry?", ["The boat meets the ferry at noon.", OTHER], often)
    assert refusal_signals(*defined)["defines"] == 1
    assert refusal_signals(*mentioned)["defines"] == 0
    # Many nodes hold the word, and their scores are alike.
    alike = [1.0, 0.99, 0.98]
    assert confidence(*defined[:4], alike) > 0.9
    assert confidence(*mentioned[:4], alike) < 0.5
