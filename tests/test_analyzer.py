from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragkit.retrieve.analyzer import LexicalAnalyzer
from ragkit.retrieve.characters import character_grams, character_scores, fold_text
from ragkit.retrieve.proximity import proximity_scores

_PIECES = [
    "Häuser", "running", "runs,", "top_k", "--no-stream", "v2.4.x", "e.g.", "检索", "增强生成",
    "東京へ行く", "한국어를", "ภาษาไทยง่าย", "GPU显存", "a", "\x00", "ﬁne", "日本語",
]  # fmt: skip

ANALYZER = LexicalAnalyzer()


def test_one_string_of_terms_for_each_field():
    values = ANALYZER.index_fields("Cats were sleeping.", title="The Guide", language=None)
    assert len(values) == len(ANALYZER.fields)
    assert values[1].split() == ["cat", "were", "sleep"]
    assert values == ANALYZER.index_fields("Cats were sleeping.", title="The Guide", language=None)


def test_a_question_asks_for_each_term_once():
    (clause,) = ANALYZER.clauses("cat cats CAT?")
    assert clause.terms == ("cat",)
    assert len(clause.weights) == len(ANALYZER.fields)


@pytest.mark.parametrize("question", ["", "?!", "  "])
def test_a_question_without_a_word_has_no_clause(question):
    assert list(ANALYZER.clauses(question)) == []


def test_question_and_text_meet_in_every_script():
    for text, question in [
        ("数据库的备份与恢复", "如何恢复数据库"),
        ("ประเทศไทยมีเมืองหลวงคือกรุงเทพ", "เมืองหลวง"),
        ("데이터베이스를 복구합니다", "데이터베이스가"),
        ("Die Bibliotheken sind offen", "Bibliothek"),
    ]:
        _, body = ANALYZER.index_fields(text, title="", language=None)
        assert asked(question) & set(body.split())


def test_fold_text_makes_words_comparable():
    assert fold_text("Élan, vital_1!") == " elan vital 1 "
    assert fold_text("ＡＢ。中文") == " ab 中文 "
    assert fold_text("كِتَاب") == " كتاب "


def test_character_grams_mark_word_edges():
    assert character_grams("cats") == [" cat", "cats", "ats "]
    assert character_grams("数据库") == ["数据库"]
    assert character_grams("数据") == []


def test_shared_characters_find_a_compound():
    texts = ["Die Universitätsbibliothek ist offen.", "Das Rathaus ist offen.", "Der Park ist zu."]
    scores = character_scores("Universität", texts)
    assert scores[0] > 0
    assert scores[1] == scores[2] == 0


def test_rescore_adds_to_the_words_score_and_keeps_order_of_input():
    candidates = [(1.0, "nothing alike"), (1.0, "the misspeling of words")]
    scores = ANALYZER.rescore("misspelling", candidates)
    assert scores[1] > scores[0] >= 1.0
    assert ANALYZER.rescore("misspelling", []) == []


def asked(question: str) -> set[str]:
    return {term for clause in ANALYZER.clauses(question) for term in clause.terms}


def test_question_words_are_not_looked_for() -> None:
    assert asked("BM25 是什么？") == asked("BM25")
    assert asked("How does the splitter work?") == asked("the splitter work")
    assert asked("¿Dónde está el índice?") == asked("está el índice")


def test_a_question_of_question_words_alone_is_still_asked() -> None:
    assert asked("怎么办？")
    assert asked("What? How?")


def test_a_name_in_capitals_is_no_question_word() -> None:
    assert asked("Where is the WHO?") >= asked("WHO")


def test_grammar_counts_less_than_what_tells() -> None:
    telling, function = ANALYZER.clauses("Where is the port of Rotterdam?")
    assert telling.terms == ("port", "rotterdam")
    assert {"the", "of"} <= set(function.terms)
    assert function.weight < telling.weight
    telling, function = ANALYZER.clauses("港口的位置")
    assert set(telling.terms) == {"港", "口", "港口", "位", "置", "位置"}
    assert set(function.terms) == {"的", "口的", "的位"}


def test_a_question_of_grammar_alone_is_still_asked() -> None:
    assert asked("of the") == {"of", "the"}


def test_thai_question_words_are_not_looked_for() -> None:
    assert asked("เมืองหลวงคืออะไร") == asked("เมืองหลวงคือ")


NEAR = "the complete works of the old bridge company"


def test_words_near_each_other_count_in_either_order() -> None:
    texts = [NEAR, "a bridge so old", "a bridge, and far away from it something old"]
    scores = proximity_scores("old bridge", texts, language="en")
    assert scores[0] > 0 < scores[1]
    assert scores[2] == 0


def test_proximity_of_scripts_without_spaces_and_of_nothing_is_0() -> None:
    assert proximity_scores("旧桥公司", ["旧桥公司"], language="zh") == [0.0]
    assert proximity_scores("", [NEAR], language=None) == [0.0]
    assert proximity_scores("old bridge", [], language="en") == []


def test_a_text_without_a_word_does_not_stop_the_second_look() -> None:
    assert ANALYZER.rescore("old bridge", [(1.0, ""), (1.0, "……")]) == [1.0, 1.0]


@given(st.lists(st.sampled_from([*_PIECES, " ", "\n", "，"]), max_size=40).map("".join))
def test_runs_and_words_together_are_the_terms(text):
    for language in (None, "en", "de", "zh"):
        values = ANALYZER.index_fields(text, title=text[:9], language=language)
        fields = ANALYZER.index_runs(text, title=text[:9], language=language)
        for value, (words, runs) in zip(values, fields, strict=True):
            pairs = [a + b for run in runs.split() for a, b in pairwise(run)]
            assert sorted(value.split()) == sorted([*words, *"".join(runs.split()), *pairs])
