"""How answers are judged: by hand, against sacrebleu's own corpus figure, and by brute force."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("ir_measures", reason='needs pip install "ragkit[eval]"')
pytest.importorskip("sacrebleu", reason='needs pip install "ragkit[eval]"')

import numpy as np
from sacrebleu.metrics.bleu import BLEU

from ragkit.evaluate.compare import compare_outcomes
from ragkit.evaluate.dataset import Passage, Question, gold_passages
from ragkit.evaluate.refusal import auroc, auroc_draws, suggested_threshold
from ragkit.evaluate.resampling import (
    bootstrap_p,
    draws,
    effect_size,
    interval,
    mean_draws,
    randomisation_p,
)
from ragkit.evaluate.run import Answered, Outcome, ask_questions
from ragkit.evaluate.summary import summarize
from ragkit.evaluate.system import passage_system
from ragkit.evaluate.text_metrics import (
    bleu_counts,
    bleu_of,
    contains,
    exact_match,
    token_f1,
    tokens,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The cat's  Hat!", ["cats", "hat"]),
        ("在2008年，北京", ["在", "2008", "年", "北", "京"]),
        ("ＧＰＵ ８ 张", ["gpu", "8", "张"]),
        ("東京タワー", ["東", "京", "タ", "ワ", "ー"]),
        ("an apple a day", ["apple", "day"]),
        ("…", []),
    ],
)
def test_tokens_are_words_or_characters(text: str, expected: list[str]) -> None:
    assert tokens(text) == expected


@pytest.mark.parametrize(
    ("said", "answers", "expected"),
    [
        ("There are 25 Days of leave.", ["25 days"], True),
        ("每年有25天年假。", ["25 天"], True),
        ("请使用 Windows 10 系统", ["windows 10"], True),
        ("There are 2 5 days", ["25 days"], False),
        ("anything", [], False),
    ],
)
def test_contains(said: str, answers: list[str], expected: bool) -> None:
    assert contains(said, answers) is expected


def test_exact_match_and_f1_take_the_best_answer() -> None:
    assert exact_match("The Beatles!", ["Stones", "beatles"]) == 1
    assert exact_match("The Beatles band", ["beatles"]) == 0
    assert token_f1("the big red dog", ["red dog"]) == pytest.approx(2 * 2 / (3 + 2))
    assert token_f1("北京市", ["北京", "上海"]) == pytest.approx(2 * 2 / (3 + 2))
    assert token_f1("x", ["!"]) == 0
    assert token_f1("", ["red"]) == 0


PAIRS = {
    "13a": [("the cat sat on the mat today", ["a cat sat on the mat"]), ("no match", ["other"])],
    "zh": [("我们在北京市中心开会", ["在北京中心开会", "在北京开会"]), ("二十五天", ["25 天"])],
    "char": [("東京タワーは高いです", ["東京タワーは高い"]), ("กรุงเทพ", ["กรุงเทพมหานคร"])],
}


@pytest.mark.parametrize("tokenizer", PAIRS)
def test_summed_bleu_is_sacrebleus_corpus_bleu(tokenizer: str) -> None:
    pairs = PAIRS[tokenizer]
    sums = [sum(column) for column in zip(*(bleu_counts(*pair) for pair in pairs), strict=True)]
    most = max(len(answers) for _, answers in pairs)
    references = [
        [answers[k] if k < len(answers) else None for _, answers in pairs] for k in range(most)
    ]
    whole = BLEU(tokenize=tokenizer).corpus_score([said for said, _ in pairs], references)
    assert 0 < bleu_of(sums) == pytest.approx(whole.score / 100)


def test_bleu_of_nothing_said_is_zero() -> None:
    assert bleu_of(bleu_counts("", ["something"])) == 0


def test_auroc_counts_a_tie_as_half() -> None:
    assert auroc([1, 2], [0, 1]) == (1 + 0.5 + 1 + 1) / 4
    assert auroc([], [1]) is None


def test_auroc_and_its_draws_agree_with_counting_pairs() -> None:
    dice = random.Random(1)
    kept = [dice.randrange(8) / 7 for _ in range(40)]
    removed = [dice.randrange(6) / 7 for _ in range(40)]

    def count(weights: list[float]) -> float:
        won = sum(
            a * b * ((k > r) + (k == r) / 2)
            for a, k in zip(weights, kept, strict=True)
            for b, r in zip(weights, removed, strict=True)
        )
        return won / sum(weights) ** 2

    assert auroc(kept, removed) == pytest.approx(count([1.0] * 40))
    drawn = auroc_draws(kept, removed, draws(40, resamples=3))
    assert drawn == pytest.approx([count(list(w)) for w in draws(40, resamples=3)])


def test_suggested_threshold_lets_the_share_through() -> None:
    confidences = [n / 100 for n in range(100)]
    threshold = suggested_threshold(confidences)
    assert threshold is not None
    assert sum(c >= threshold for c in confidences) == 95
    assert suggested_threshold([0.4]) == 0.4
    assert suggested_threshold([]) is None


def test_bootstrap_is_seeded_and_covers_the_mean() -> None:
    values = np.random.default_rng(3).normal(0.3, 1, size=(400, 1))
    first, again = mean_draws(values), mean_draws(values)
    assert (first == again).all()
    low, high = interval(first[:, 0])
    assert low < values.mean() < high
    spread = values.std(ddof=1) / 20  # of the mean, by the normal approximation
    assert high - low == pytest.approx(2 * 1.96 * spread, rel=0.12)


def test_randomisation_test_against_all_sign_flips() -> None:
    differences = np.array([0.2, 0.5, -0.1, 0.4, 0.3, 0.6, -0.2, 0.5])
    flips = np.array(np.meshgrid(*[[-1, 1]] * 8)).reshape(8, -1)
    exact = (abs(differences @ flips) >= differences.sum() - 1e-9).mean()
    assert randomisation_p(differences) == pytest.approx(exact, abs=0.01)
    assert randomisation_p(np.zeros(5)) == 1
    assert randomisation_p(np.ones(30)) < 0.001


def test_randomisation_test_is_honest_where_nothing_differs() -> None:
    random_ = np.random.default_rng(4)
    found = [randomisation_p(random_.normal(size=30), flips=400) for _ in range(200)]
    assert 0.01 <= np.mean(np.array(found) < 0.05) <= 0.11


def test_effect_size_and_bootstrap_p() -> None:
    assert effect_size(np.array([1.0, 3.0])) == pytest.approx(2 / 2**0.5)
    assert effect_size(np.zeros(3)) == 0
    assert bootstrap_p([0.1] * 999) == pytest.approx(0.002)
    assert bootstrap_p([-0.1, 0.1] * 50) > 0.9


PASSAGES = [
    Passage("a", "en", "Leave", "Employees have 25 days of annual leave. It expires in March."),
    Passage("b", "en", "Parking", "The car park opens at seven. It has ninety places."),
    Passage("c", "zh", "年假", "员工每年有二十五天年假。未休的年假三月底失效。"),
    Passage("d", "zh", "停车", "停车场早上七点开放，共有九十个车位。"),
]
QUESTIONS = [
    Question("q1", "en", "How many days of annual leave?", "a", (("25 days", 15),), "hr"),
    Question("q2", "en", "When does the car park open?", "b", (("seven", 22),), "site"),
    Question("q3", "zh", "员工每年有多少天年假？", "c", (("二十五天", 5),), "hr"),
    Question("q4", "en", "Who painted the ceiling in Rome?", None, (), "hr"),
]


@pytest.fixture(scope="module")
def outcomes() -> list[Outcome]:
    with passage_system(PASSAGES, preset="lite", answers=True) as system:
        return ask_questions(system, QUESTIONS, gold_passages(PASSAGES, QUESTIONS), answers=True)


def test_answers_are_judged_and_removal_lowers_confidence(outcomes: list[Outcome]) -> None:
    for outcome in outcomes[:3]:
        answered = outcome.answered
        assert answered is not None
        assert outcome.ranking[0] in outcome.right
        assert answered.contains == 1
        assert answered.removed_confidence is not None
        assert answered.removed_confidence < answered.confidence
    nothing = outcomes[3].answered
    assert nothing is not None
    assert nothing.refused
    assert nothing.contains is nothing.removed_refused is None


def test_summary_of_answers(outcomes: list[Outcome]) -> None:
    report = summarize(outcomes, by=("lang", "source"))
    assert report["contains"] == 1
    assert report["refusal_auroc"] == 1
    assert report["questions"] == 3
    assert set(report["by"]) == {"en", "zh"}
    assert report["by_source"]["hr"]["questions"] == 2
    assert report["unanswerable"] == {
        "questions": 1, "refused": 1.0, "refused_at_suggested": 1.0, "auroc": 1.0,
    }  # fmt: skip
    assert 0 < report["bleu"] <= 1
    assert report["given"]["answered"] == report["refusal"]["answered"]


def refused(outcome: Outcome) -> Outcome:
    from dataclasses import replace

    assert isinstance(outcome.answered, Answered)
    return replace(outcome, answered=replace(outcome.answered, refused=True))


def test_a_refused_answer_counts_as_a_miss_as_given_but_not_as_said(
    outcomes: list[Outcome],
) -> None:
    report = summarize([refused(outcomes[0]), *outcomes[1:3]])
    assert report["contains"] == 1
    assert report["given"]["contains"] == pytest.approx(2 / 3, abs=1e-4)
    assert report["given"]["answered"] == pytest.approx(2 / 3, abs=1e-4)


def test_a_comparison_sees_what_got_worse(outcomes: list[Outcome]) -> None:
    from dataclasses import replace

    right = [o for o in outcomes if o.right] * 8
    names = [replace(o.question, id=f"{n}") for n, o in enumerate(right)]
    before = [replace(o, question=q) for o, q in zip(right, names, strict=True)]
    missed: dict[str, Any] = {"ranking": (), "scores": dict.fromkeys(right[0].scores, 0.0)}
    after = [replace(o, **missed) if n % 2 else o for n, o in enumerate(before)]
    same = compare_outcomes(before, before)
    assert {row["difference"] for row in same.values()} == {0.0}
    assert same["recall@1"]["p"] == 1
    worse = compare_outcomes(before, after)["recall@1"]
    assert worse["difference"] == -0.5
    assert worse["p"] < 0.01
    assert worse["interval"][1] < 0
    assert (worse["better"], worse["worse"]) == (0, 12)
    with pytest.raises(ValueError, match="same questions"):
        compare_outcomes(before, after[1:])


def test_an_embedder_reads_long_passages_in_pieces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("sentence_transformers", reason='needs pip install "ragkit[models]"')
    from tiny_models import write_bert_embedder

    weights = write_bert_embedder(tmp_path, limit=32)
    monkeypatch.setenv("RAGKIT_EMBEDDER__KIND", "huggingface")
    monkeypatch.setenv("RAGKIT_EMBEDDER__MODEL", str(weights))
    monkeypatch.setenv("RAGKIT_EMBEDDER__DEVICE", "cpu")
    filler = "The server keeps a copy of the files on the disk. " * 12
    long = Passage("long", "en", "", filler + "The lighthouse opens on Sunday.")
    questions = [Question("q", "en", "When does the lighthouse open?", "long")]
    passages = [*PASSAGES, long]
    gold = gold_passages(passages, questions)
    for kind in ("dense", "hybrid"):
        with passage_system(passages, preset="lite", retriever=kind) as system:
            assert system.retriever == kind
            assert system.nodes_a_unit > 1
            (outcome,) = ask_questions(system, questions, gold)
        assert len(outcome.ranking) == len(set(outcome.ranking)) <= 5
        assert "long" in outcome.ranking
    with passage_system(passages, preset="lite", retriever="lexical") as system:
        assert system.nodes_a_unit == 1
        (outcome,) = ask_questions(system, questions, gold)
    assert outcome.ranking[0] == "long"


def test_the_presets_model_answers_what_is_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("llama_index.llms.openai_like", reason='needs "ragkit[openai]"')
    from openai_server import chunk, run_stub

    said = "Employees have 25 days of annual leave."

    def reply(exchange: Any) -> None:
        events = [chunk({"content": said}), chunk({}, finish_reason="stop")]
        body = "".join(f"data: {json.dumps(event)}\n\n" for event in events)
        exchange.text(body + "data: [DONE]\n\n", kind="text/event-stream")

    with run_stub() as stub:
        stub.on_chat(reply)
        monkeypatch.setenv("RAGKIT_LLM__KIND", "openai")
        monkeypatch.setenv("RAGKIT_LLM__MODEL", "tiny")
        monkeypatch.setenv("RAGKIT_LLM__BASE_URL", stub.url)
        monkeypatch.setenv("RAGKIT_LLM__CONTEXT_WINDOW", "4096")
        asked = QUESTIONS[:2]
        with passage_system(PASSAGES, preset="lite", answers=True) as system:
            found = ask_questions(system, asked, gold_passages(PASSAGES, asked), answers=True)
        assert stub.chats
    right, wrong = (outcome.answered for outcome in found)
    assert right is not None
    assert wrong is not None
    assert (right.contains, right.em) == (1, 0)
    assert wrong.contains == 0, "the model said something else"
    assert right.removed_confidence is not None
    assert right.confidence > right.removed_confidence
