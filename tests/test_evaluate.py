from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from click import UsageError
from click.testing import CliRunner

from ragkit.cli.evaluate import evaluate
from ragkit.errors import ConfigError, IngestError
from ragkit.evaluate.dataset import gold_passages, load_passages, load_questions
from ragkit.evaluate.metrics import score_rankings
from ragkit.evaluate.run import evaluate_retrieval, lexical_retriever, sample_questions

SHARED = Path(os.environ.get("SHARED_DATA") or Path(__file__).parents[2] / "shared") / "eval"

PASSAGES = [
    {"id": "a", "lang": "en", "title": "Cats", "text": "Cats sleep all day.", "group": "g1"},
    {"id": "b", "lang": "en", "title": "Dogs", "text": "Dogs bark at night."},
    {"id": "b2", "lang": "en", "title": "Hounds", "text": "Dogs bark at night."},
    {"id": "c", "lang": "zh", "title": "猫", "text": "猫整天睡觉。", "group": "g1"},
    {"id": "c2", "lang": "zh", "title": "猫", "text": "猫咪整日都在睡。", "group": "g1"},
]
QUESTIONS = [
    {"id": "q1", "lang": "en", "question": "What do cats do?", "passage_id": "a"},
    {"id": "q2", "lang": "en", "question": "When do dogs bark?", "passage_id": "b2"},
    {"id": "q3", "lang": "zh", "question": "猫整天做什么？", "passage_id": "c"},
    {"id": "q4", "lang": "en", "question": "Who built the tower?", "passage_id": None},
]


def write(path, rows):
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
    return path


@pytest.fixture
def files(tmp_path):
    return write(tmp_path / "p.jsonl", PASSAGES), write(tmp_path / "q.jsonl", QUESTIONS)


@pytest.fixture
def loaded(files):
    passages = load_passages([files[0]])
    return passages, load_questions([files[1]], passages)


def test_equal_text_and_equal_group_of_one_language_are_all_gold(loaded):
    assert gold_passages(*loaded) == {"q1": {"a"}, "q2": {"b", "b2"}, "q3": {"c", "c2"}}


def test_report_leaves_unanswerable_questions_out(loaded):
    with lexical_retriever(loaded[0]) as retrieve:
        report = evaluate_retrieval(*loaded, retrieve=retrieve, by="lang")
    assert report["questions"] == 3
    assert report["recall@1"] == 1.0
    assert report["by"]["en"]["questions"] == 2
    assert set(report["by"]) == {"en", "zh"}


def test_a_retriever_that_finds_nothing_scores_zero(loaded):
    report = evaluate_retrieval(*loaded, retrieve=lambda question, limit: [])
    assert report["recall@10"] == report["ndcg@10"] == 0.0
    assert report["by"] == {}


def test_metrics_by_hand():
    gold = {"q": {"a", "b"}, "r": {"x"}}
    scores = score_rankings(
        gold, {"q": ["z", "a", "y", "b"], "r": [f"n{n}" for n in range(10)] + ["x"]}
    )
    assert scores["q"]["recall@1"] == 0
    assert scores["q"]["recall@5"] == 1
    assert scores["q"]["precision@5"] == pytest.approx(0.4)
    assert scores["q"]["mrr@10"] == pytest.approx(0.5)
    ideal = 1 + 0.6309297535714575
    assert scores["q"]["ndcg@10"] == pytest.approx(
        (0.6309297535714575 + 0.43067655807339306) / ideal
    )
    assert set(scores["r"].values()) == {0.0}


def test_the_rankings_order_stands_whatever_the_ids():
    for ranking in (["a", "b"], ["b", "a"]):
        scores = score_rankings({"q": {ranking[0]}}, {"q": ranking})
        assert scores["q"]["recall@1"] == 1


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{not json", "line 2: not JSON"),
        ("[1]", "line 2: a JSON object"),
        ('{"id": "x", "lang": "en"}', "line 2: 'text' is missing"),
        ('{"id": 5, "text": "t"}', "line 2: 'id' is 5"),
        ('{"id": "a", "text": "t"}', "line 2: the passage id 'a'"),
    ],
)
def test_a_bad_passage_is_named_by_line(tmp_path, line, message):
    path = tmp_path / "p.jsonl"
    path.write_text('{"id": "a", "lang": "en", "text": "t"}\n' + line + "\n", "utf-8")
    with pytest.raises(IngestError, match=message):
        load_passages([path])


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"id": "q", "question": "?x"}, "'passage_id' is missing"),
        ({"id": "q", "question": "x", "passage_id": "zz"}, "no passage has the id 'zz'"),
        ({"id": "q", "question": "x", "passage_id": "a", "answers": [1]}, "'answers' must be"),
    ],
)
def test_a_bad_question_is_named_by_line(tmp_path, files, row, message):
    path = write(tmp_path / "bad.jsonl", [row])
    with pytest.raises(IngestError, match=f"line 1: {message}"):
        load_questions([path], load_passages([files[0]]))


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(ConfigError, match=r"none\.jsonl"):
        load_passages([tmp_path / "none.jsonl"])


def test_only_unanswerable_questions(loaded):
    passages, questions = loaded
    with pytest.raises(IngestError, match="nothing to measure"):
        evaluate_retrieval(passages, questions[3:], retrieve=lambda question, limit: [])


def run(files, *more):
    arguments = ["--passages", str(files[0]), "--questions", str(files[1]), *more]
    return CliRunner().invoke(evaluate, arguments, standalone_mode=False)


def test_json_has_the_documented_keys(files):
    result = run(files, "--json")
    report = json.loads(result.stdout)
    assert list(report) == [
        "retriever", "questions", "recall@1", "recall@5", "recall@10", "precision@5", "mrr@10",
        "ndcg@10", "by", "intervals", "latency_ms", "preset",
    ]  # fmt: skip
    assert report["retriever"] == "lexical"
    assert report["by"] == {}
    assert result.return_value == 0


def test_json_of_answers_stands_at_top_level(files):
    report = json.loads(run(files, "--json", "--answers", "--by", "lang", "--by", "source").stdout)
    answers = {"contains", "em", "f1", "bleu", "refusal_auroc"}
    assert answers <= set(report)
    assert answers <= set(report["by"]["en"])
    assert set(report["by"]) == {"en", "zh"}
    assert set(report["by_source"]) == {"q"}, "the name of the file"
    assert report["contains"] is None, "no question has an answer's text"
    assert report["questions"] == 3
    assert report["unanswerable"]["questions"] == 1
    assert set(report["latency_ms"]) == {"retrieve", "answer"}
    for name, (low, high) in report["intervals"].items():
        assert low <= report[name] <= high


def test_a_threshold_missed_exits_4_and_says_which(files):
    assert run(files, "--fail-under", "recall@1=0.5").return_value == 0
    missed = run(files, "--fail-under", "precision@5=0.9")
    assert missed.return_value == 4
    assert "precision@5" in missed.stderr


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--fail-under", "recall@7=1"], "no metric 'recall@7'"),
        (["--fail-under", "recall@1=high"], "no number"),
        (["--fail-under", "recall@1=70"], "between 0 and 1"),
        (["--retriever", "dense"], "needs an embedder"),
        (["--preset", "litee"], "litee"),
        (["--fail-under", "f1=0.1"], "Add --answers"),
        (["--fail-under", "by.en.recall@1=0.1"], "Add --by lang"),
        (["--fail-under", "by.en.recall@1=0.1", "--by", "source"], "Add --by lang"),
        (["--fail-under", "by.fr.recall@1=0.1", "--by", "lang"], "There are: en, zh"),
        (["--fail-under", "en.recall@1=0.1"], "no metric 'en.recall@1'"),
        (["--fail-under", "to.en.recall@1=0.1"], "no group 'to'"),
        (["--fail-under", "f1=0.1", "--answers"], "no question has an answer's text"),
        (["--compare", "lite", "lite:sparse"], "names no retriever"),
        (["--compare", "lite", "lite:dense"], "needs an embedder"),
        (["--report", "nowhere/r.html"], "There is no folder"),
    ],
)
def test_bad_arguments_are_config_errors(files, more, message):
    result = run(files, *more)
    assert isinstance(result.exception, ConfigError)
    assert message in str(result.exception)


def test_a_group_can_be_gated(files):
    right = run(files, "--by", "lang", "--fail-under", "by.zh.recall@1=1")
    assert right.return_value == 0
    wrong = run(files, "--by", "source", "--fail-under", "by_source.q.precision@5=0.9")
    assert wrong.return_value == 4
    assert "by_source.q.precision@5" in wrong.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Give --passages"),
        (["--questions", "q"], "Give --passages"),
        (["--passages", "p", "--questions", "q", "--data", "d"], "not both"),
        (["--passages", "p", "--questions", "q", "--index", "i"], "add --data"),
        (["--passages", "p", "--questions", "q", "--questions-out", "o"], "--from-folder"),
        (["--from-folder", "d", "--questions", "q"], "second run"),
        (
            ["--passages", "p", "--questions", "q", "--compare", "a", "b", "--preset", "a"],
            "names both",
        ),
    ],
)
def test_options_that_do_not_go_together_are_bad_usage(arguments, message):
    result = CliRunner().invoke(evaluate, arguments, standalone_mode=False)
    assert isinstance(result.exception, UsageError)
    assert message in result.exception.message


def test_a_sample_is_the_same_each_time(loaded):
    _, questions = loaded
    chosen = sample_questions(questions, 2)
    assert chosen == sample_questions(questions, 2)
    assert len(chosen) == 2
    assert sample_questions(questions, 99) == questions


def test_the_table_fits_80_columns(files, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    out = run(files, "--answers", "--by", "lang", "--by", "source").stdout
    assert max(map(len, out.splitlines())) <= 80
    assert "recall@1" in out
    assert "AUROC" in out
    assert "Unanswerable: 1 questions" in out


def test_a_label_is_no_markup_and_no_control_sequence(tmp_path, files):
    rows = [{**row, "lang": "[red]\x1b[31mx"} for row in QUESTIONS]
    questions = write(tmp_path / "odd.jsonl", rows)
    out = run((files[0], questions), "--by", "lang").stdout
    assert "[red]" in out
    assert "\x1b" not in out


# Best lexical recall@1 and nDCG@10 of the baseline table, column by column.
BASELINES = {
    ("xquad", "en"): (0.919, 0.963),
    ("xquad", "zh"): (0.915, 0.958),
    ("xquad", "de"): (0.894, 0.943),
    ("xquad", "ru"): (0.894, 0.944),
    ("cmrc2018-dev", None): (0.984, 0.993),
    ("drcd-dev", None): (0.950, 0.977),
    ("squad2-dev", None): (0.792, 0.877),
    ("techfaq", "en"): (0.679, 0.806),
    ("techfaq", "zh"): (0.718, 0.838),
    ("xquad-more", "th"): (0.919, 0.964),
    ("xquad-more", "ar"): (0.864, 0.935),
    ("xquad-more", "es"): (0.902, 0.952),
}
POOLED = ("xquad", "cmrc2018-dev", "drcd-dev", "squad2-dev", "techfaq")


def measure(names, lang=None, extra=(), step=1):
    passages = load_passages([SHARED / f"{name}.passages.jsonl" for name in (*names, *extra)])
    questions = load_questions([SHARED / f"{name}.questions.jsonl" for name in names], passages)
    if lang is not None:
        passages = [passage for passage in passages if passage.lang == lang]
        questions = [question for question in questions if question.lang == lang]
    with lexical_retriever(passages) as retrieve:
        return evaluate_retrieval(passages, questions[::step], retrieve=retrieve)


needs_shared = pytest.mark.skipif(
    not SHARED.is_dir(), reason="the shared test sets are not there (set SHARED_DATA)"
)


@needs_shared
@pytest.mark.slow
@pytest.mark.parametrize(("name", "lang"), BASELINES)
def test_no_column_is_below_the_best_lexical_baseline(name, lang):
    recall, ndcg = BASELINES[name, lang]
    report = measure([name], lang)
    assert round(report["recall@1"], 3) >= recall
    assert round(report["ndcg@10"], 3) >= ndcg


@needs_shared
@pytest.mark.slow
def test_the_pooled_index_is_not_below_the_baseline():
    # Every third question: all of them take half a minute and stand 0.015 above the baseline.
    report = measure(POOLED, extra=("distractors",), step=3)
    assert round(report["recall@1"], 3) >= 0.887
    assert round(report["ndcg@10"], 3) >= 0.933
