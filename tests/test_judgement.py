"""The line in which a model names relevant sources, and the list it writes at the end."""

from __future__ import annotations

import random
import time

import pytest

from ragkit.answer.judgement import Judgement, OwnList
from ragkit.prompts import load_texts, text_languages
from ragkit.types import SourceNode

LABELS = [load_texts(code).relevant for code in text_languages()]
SOURCES = (
    SourceNode(
        1, "site/light.html", None, 1.0, "text", title="The lighthouse", url="https://example.org/l"
    ),
    SourceNode(2, "手册.md", 3, 0.5, "text"),
)


def cuts(text: str) -> list[list[str]]:
    """Return ``text`` in one piece, by characters, and cut at random."""
    draw = random.Random(text)
    found = [[text], list(text)]
    for _ in range(10):
        at = sorted(draw.sample(range(len(text) + 1), min(len(text), 4)))
        found.append([text[a:b] for a, b in zip([0, *at], [*at, None], strict=True)])
    return found


JUDGED = {
    "Relevant sources: [1] [3]\nThe port is 8501. [1]": ("The port is 8501. [1]", (1, 3)),
    "Relevant sources: 1, 3\n\nThe port is 8501.": ("The port is 8501.", (1, 3)),
    "Relevant sources: 1 and 3\nThe port is 8501.": ("The port is 8501.", (1, 3)),
    "**Relevant sources:** [2]\nThe port.": ("The port.", (2,)),
    "Relevant sources:\n[2], [1]\nThe port.": ("The port.", (2, 1)),
    "relevant sources: source 2\nThe port.": ("The port.", (2,)),
    "Relevant sources: [1] Yes, in 1826.": ("Yes, in 1826.", (1,)),
    "相关来源：[1] [2]\n端口是 8501。": ("端口是 8501。", (1, 2)),
    "相关来源：1、2\n端口是 8501。": ("端口是 8501。", (1, 2)),
    "Relevante Quellen: [1]\nDer Port.": ("Der Port.", (1,)),
    "Relevant sources: [1]": ("", (1,)),
    # An answer in the place of numbers is not lost.
    "Relevant sources: The hall costs money.": ("The hall costs money.", ()),
    "Relevant sources:\n\nThe rent is 40.": ("The rent is 40.", ()),
    "相关来源：租金是四十元。": ("租金是四十元。", ()),
    # An answer that begins otherwise is left as it is.
    "The port is 8501. [1]": ("The port is 8501. [1]", ()),
    "Relevant sources of power are wind and water, of which wind gives 40 percent.": (
        "Relevant sources of power are wind and water, of which wind gives 40 percent.",
        (),
    ),
    "Relevant": ("Relevant", ()),
    "": ("", ()),
}


@pytest.mark.parametrize("written", JUDGED)
def test_the_line_of_relevant_sources_is_taken_off(written: str) -> None:
    for deltas in cuts(written):
        judgement = Judgement(LABELS)
        text = "".join([*map(judgement.feed, deltas), judgement.finish()])
        assert (text.strip(), judgement.numbers) == JUDGED[written]
        assert not judgement.none


@pytest.mark.parametrize(
    "written",
    [
        "Relevant sources: none\nFrom what I know, 8501.",
        "相关来源：无",
        "相关来源：没有相关的来源。",
        "Relevant sources: None of the sources.",
        "関連する出典：なし",
        "Fuentes relevantes: ninguna\n",
    ],
)
def test_no_relevant_source_ends_the_answer(written: str) -> None:
    for deltas in cuts(written):
        judgement = Judgement(LABELS)
        for delta in deltas:
            judgement.feed(delta)
            if judgement.none:
                break
        judgement.finish()
        assert judgement.none


def test_what_is_no_judgement_is_not_held_back() -> None:
    judgement = Judgement(LABELS)
    assert judgement.feed("The port") == "The port"
    judgement = Judgement(LABELS)
    assert judgement.feed("Rel") == ""
    assert judgement.feed("ax, the port is 8501") == "Relax, the port is 8501"


LISTED = {
    "Yes. [1]\n\nSources:\n[1] site/light.html\n[2] 手册.md, page 3": "Yes. [1]",
    "Yes. [1]\n\n**Sources:**\n- [The lighthouse](https://example.org/l)": "Yes. [1]",
    "Yes.\nSources: [1], [2]": "Yes.",
    "是的。\n\n来源：\n[1] 手册.md 第3页": "是的。",
    "Yes.\n\nReferences\n1. https://invented.example/a": "Yes.",
    "Yes.\n\n## Grounding sources:\n* site/light.html\n": "Yes.",
    # Not a list of sources: it is left.
    "Sources:\n- The Nile rises in two springs.\n- The Po in one.": None,
    "Sources: the river has two springs [1].": None,
    "Set it:\n\n```yaml\nsources:\n  - type: folder\n    path: docs\n```\nThen start.": None,
    "Yes.\n\nSources:\n[1] site/light.html\n\nThe tower is forty metres high.": None,
    "The sources are listed below.\nThey are three.": None,
    "": None,
}


@pytest.mark.parametrize("written", LISTED)
def test_a_model_s_own_list_of_sources_is_left_out(written: str) -> None:
    expected = LISTED[written]
    for deltas in cuts(written):
        own = OwnList(SOURCES)
        text = "".join([*map(own.feed, deltas), own.finish()])
        assert text.rstrip() == (written if expected is None else expected).rstrip()


def test_an_ordinary_line_is_given_out_as_it_comes() -> None:
    own = OwnList(SOURCES)
    assert own.feed("The port") == "The port"
    assert own.feed(" is 8501.\nPo") == " is 8501.\nPo"


@pytest.mark.parametrize(
    ("line", "numbers"),
    [("手册.md", (2,)), ("site/light.html and 手册.md", (1, 2)), ("The Lighthouse", (1,))],
)
def test_sources_may_be_named_in_the_place_of_numbers(line: str, numbers: tuple[int, ...]) -> None:
    for pieces in cuts(f"Relevant sources: {line}\nThe port is open."):
        judgement = Judgement(LABELS, SOURCES)
        text = "".join(map(judgement.feed, pieces)) + judgement.finish()
        assert (text, judgement.numbers, judgement.none) == ("The port is open.", numbers, False)


def test_a_list_that_never_ends_is_read_quickly() -> None:
    own = OwnList(SOURCES)
    began = time.process_time()
    assert own.feed("Sources:\n") == ""
    assert "".join(own.feed("- 手册.md\n") for _ in range(1500)) == ""
    assert time.process_time() - began < 5
