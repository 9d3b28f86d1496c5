"""Numbers are marked in the unit that the question asks for, with the unit."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from llama_index.core.schema import NodeWithScore, TextNode

from ragkit.answer.extractive import extract_answer
from ragkit.answer.measures import asked_unit
from ragkit.answer.question import analyze_question
from ragkit.retrieve.tokenizer import terms


def marks(question: str, text: str) -> list[str]:
    held = set(terms(text))

    def document_frequencies(wanted: Sequence[str]) -> tuple[int, dict[str, int]]:
        return 100, {term: int(term in held) for term in wanted}

    nodes = [NodeWithScore(node=TextNode(text=text), score=5.0)]
    answer = extract_answer(question, nodes, document_frequencies=document_frequencies)
    return [s.text[s.mark[0] : s.mark[1]] for s in answer.sentences if s.mark]


@pytest.mark.parametrize(
    ("question", "text", "mark"),
    [
        (
            "How much memory does the server need?",
            "The server needs 16 GB of memory and Python 3.11.",
            "16 GB",
        ),
        (
            "How high is the new tower?",
            "The new tower was finished in 2019 and is forty metres high.",
            "forty metres",
        ),
        (
            "How many days are backups kept?",
            "Backups run at 3 a.m. and are kept for thirty days.",
            "thirty days",
        ),
        (
            "How long does the ferry take?",
            "The ferry leaves pier 4 and takes 25 minutes.",
            "25 minutes",
        ),
        ("How heavy is the stone?", "The stone, found by 3 boys, weighs 450 kg.", "450 kg"),
        ("How much does a ticket cost?", "A ticket for zone 2 costs 12 euros.", "12 euros"),
        (
            "How many people cross the bridge every day?",
            "Today about 2,000 people cross the bridge every day.",
            "2,000",
        ),
        (
            "Wie hoch ist der neue Turm?",
            "Der neue Turm wurde 2019 fertig und ist 40 Meter hoch.",
            "40 Meter",
        ),
        (
            "备份保存多少天？",
            "备份每天凌晨三点自动进行，保存在 /srv/backup 目录，保留三十天。",
            "三十天",
        ),
        ("服务器需要多少内存？", "服务器需要十六吉字节内存和两块硬盘。", "十六吉字节"),
        ("门票多少钱？", "二号馆的门票是十二欧元。", "十二欧元"),
        ("塔有多高？", "这座塔建于1902年，高四十米。", "四十米"),
        ("服务器有多少个节点？", "服务器有 12 个节点和 64 GB 内存。", "12 个"),
    ],
)
def test_the_number_in_the_unit_asked_for(question: str, text: str, mark: str) -> None:
    assert marks(question, text) == [mark]


@pytest.mark.parametrize(
    ("question", "given", "other"),
    [
        ("How many days?", " days", " hours"),
        ("How many weeks?", " week", " days"),
        ("How deep is the lake?", " metres", " minutes"),
        ("How long does it take?", " hours", " metres"),
        ("要多少天？", "天", "个"),
        ("显存需要多少？", " GB", "天"),
        ("Wie lange dauert es?", " Stunden", " Meter"),
    ],
)
def test_units(question: str, given: str, other: str) -> None:
    unit = asked_unit(analyze_question(question))
    assert unit is not None
    assert unit.match(given)
    assert not unit.match(other)


@pytest.mark.parametrize(
    "question", ["", "?", "How many?", "How many nodes are there?", "Who is it?", "多少", "几", "m"]
)
def test_no_unit_is_asked_for(question: str) -> None:
    assert asked_unit(analyze_question(question)) is None
