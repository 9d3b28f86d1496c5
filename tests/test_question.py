"""What a question asks for, and which of its words a document must speak of."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragkit.answer.asking import read_asking
from ragkit.answer.expected import definition_pattern, expected_spans
from ragkit.answer.question import analyze_question


@pytest.mark.parametrize(
    ("question", "kind"),
    [
        ("Who discovered penicillin?", "person"),
        ("When was the bridge built?", "time"),
        ("In what year did the war end?", "time"),
        ("How many rooms does the hotel have?", "number"),
        ("What percentage of users renewed?", "number"),
        ("Where is the head office?", "place"),
        ("Which city hosts the fair?", "place"),
        ("Why did the pump fail?", "reason"),
        ("How do I install the client?", "method"),
        ("What is a vector index?", "definition"),
        ("Which index is the fastest?", "choice"),
        ("Does it support GPUs?", "polar"),
        ("install client linux", "keywords"),
        ("青霉素是谁发现的？", "person"),
        ("这座桥是哪一年建成的？", "time"),
        ("酒店有多少个房间？", "number"),
        ("总部在哪里？", "place"),
        ("水泵为什么坏了？", "reason"),
        ("怎么安装客户端？", "method"),
        ("聊天页面用几号端口？", "number"),
        ("比赛几号开始？", "time"),
        ("偏移怎么理解？", "definition"),
        ("C'est quoi un nœud ?", "definition"),
        ("什么是向量索引？", "definition"),
        ("大正時代在哪一年開始?", "time"),
        ("誰發現了青黴素？", "person"),
        ("橋はいつ完成しましたか", "time"),
        ("누가 페니실린을 발견했습니까?", "person"),
        ("Wann wurde die Brücke gebaut?", "time"),
        ("Wie viele Zimmer hat das Hotel?", "number"),
        ("Qui a découvert la pénicilline ?", "person"),
        ("¿Dónde está la sede?", "place"),
        ("Почему сломался насос?", "reason"),
        ("Сколько комнат в гостинице?", "number"),
        ("متى بني الجسر؟", "time"),
        ("สะพานสร้างเมื่อใด", "time"),
        ("Cầu được xây năm nào?", "time"),
        ("पुल कब बना?", "time"),
        ("Köprü ne zaman yapıldı?", "time"),
        ("Πότε χτίστηκε η γέφυρα;", "time"),
    ],
)
def test_kind(question: str, kind: str) -> None:
    assert analyze_question(question).kind == kind


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ("What is the default of top_k?", ["default", "top_k"]),
        ("How do I delete a collection?", ["delete", "collection"]),
        ("天津犹太会堂在什么地方？", ["天津犹太会堂"]),
        ("请问 top_k 是什么意思？", ["top_k"]),
        ("Wann wurde die Universität gegründet?", ["Universität", "gegründet"]),
    ],
)
def test_words_are_shown_as_typed(question: str, words: list[str]) -> None:
    assert list(analyze_question(question).words) == words


def test_question_words_are_no_terms() -> None:
    terms = {term.term for term in analyze_question("战国无双是由哪两个公司开发的？").terms}
    assert "无双" in terms
    assert not any("哪" in term for term in terms)


def test_the_matter_of_a_framed_question_stays() -> None:
    terms = {term.term for term in analyze_question("What was the average temperature?").terms}
    assert any(term.startswith("temp") for term in terms)


@pytest.mark.parametrize("text", ["", "   ", "???", "。。。", "\0", "a" * 100_000, "的" * 5000])
def test_any_text_is_read(text: str) -> None:
    assert len(analyze_question(text).text) <= 1000


@given(st.text(max_size=80))
def test_terms_lie_where_they_say(text: str) -> None:
    question = analyze_question(text)
    for term in question.terms:
        assert 0 <= term.start < term.end <= len(question.text)
        assert 0 < term.weight <= 1


@pytest.mark.parametrize(
    ("text", "kind", "language", "span"),
    [
        ("It was built in May 1920 by hand.", "time", "en", "May 1920"),
        ("学校成立于1998年5月3日。", "time", "zh", "1998年5月3日"),
        ("Etwa 3.500 Menschen leben dort.", "number", "de", "3.500"),
        ("共有三百多个房间。", "number", "zh", "三百多个"),
        ("The rate is 12.5% today.", "number", "en", "12.5%"),
        ("lr=6e-05 is the default", "number", "en", "6e-05"),
        ("Then Albert Einstein replied.", "person", "en", "Albert Einstein"),
    ],
)
def test_expected_spans(text: str, kind: str, language: str, span: str) -> None:
    assert span in {text[start:end] for start, end in expected_spans(text, kind, language)}


@pytest.mark.parametrize(
    ("text", "subject", "beside", "defines"),
    [
        ("A preset is a named set of parts.", "preset", ["preset"], True),
        ("The `main` preset is the big one.", "preset", ["preset"], False),
        ("A Milvus collection is a table.", "collection", ["Milvus", "collection"], True),
        ("预设是一组命名的部件。", "预设", ["预设"], True),
        ("`internlm2` 预设是主系统。", "预设", ["预设"], False),
    ],
)
def test_a_definition_is_of_the_subject_itself(
    text: str, subject: str, beside: list[str], defines: bool
) -> None:
    assert definition_pattern(text, subject, beside=beside) is defines


@pytest.mark.parametrize(
    ("question", "build", "noun", "stranded"),
    [
        ("Who opened the bridge?", "subject", "", set()),
        ("What did the queen open?", "auxiliary", "", set()),
        ("What is the harbour known for?", "be", "", {"for"}),
        ("Which old city did they leave?", "noun_auxiliary", "old city", set()),
        ("In what year was it built?", "noun_be", "year", {"in"}),
        ("The queen wore which hat?", "late", "hat", set()),
        ("渡船卖给了谁？", "other", "", set()),
        ("harbour ferry", "other", "", set()),
    ],
)
def test_how_a_question_is_built(question: str, build: str, noun: str, stranded: set[str]) -> None:
    asking = read_asking(analyze_question(question))
    assert asking.build == build
    assert question[slice(*asking.noun)] == noun
    assert asking.stranded == stranded


@given(st.text(max_size=60))
def test_any_question_has_a_build(text: str) -> None:
    question = analyze_question(text)
    start, end = read_asking(question).noun
    assert 0 <= start <= end <= len(question.text)
