# ruff: noqa: E501  (word lists read best one kind a line)

"""What is no question to the documents is recognised, and what is one is left alone."""

from __future__ import annotations

import pytest

from ragkit.answer.intents import recognise

FILES = [
    "en/glossary.md",
    "zh/glossary.md",
    "zh/quick-start.md",
    "手册.md",
    "reports/2023 年报.pdf",
]

MESSAGES = {
    "greeting": "你好|您好！|你好啊|大家好|hello|Hi there!|Good morning|在吗？|Привет!|안녕하세요|สวัสดีครับ|مرحبا|"
    "Bonjour !|こんにちは|Γεια σας|¡Hola!|नमस्ते|Xin chào|Merhaba",
    "thanks": "谢谢|谢谢你的帮助！|Thank you very much|ok thanks|Danke schön|merci beaucoup|ありがとうございます",
    "goodbye": "再见|bye|Auf Wiedersehen|до свидания",
    "ability": "你能做什么？|你会做什么|你能帮我做什么？|你可以帮我做些什么|你有什么功能？|你是谁|你能做甚麼？|帮助|"
    "what can you do|What can you do for me?|How can you help me?|help|Who are you?|介绍一下你自己|"
    "¿Qué puedes hacer?|Was kannst du?|Что ты умеешь?|何ができますか？|Bạn có thể làm gì?",
    "documents": "有哪些文档？|你有哪些文档|都有什么文件？|知识库里有哪些文档？|现在有多少个文件|列出所有文档|文档列表|"
    "有几篇文档|你都知道些什么？|这里有哪些资料可以查|有哪些文件？|有哪些文檔？|which documents do you have?|"
    "What files are there?|list all documents|how many documents are indexed?|Please list your documents|"
    "what do you know?|Could you show me the documents, please?|Welche Dokumente hast du?|"
    "quels documents as-tu ?|какие у тебя есть документы?|どんな文書がありますか？|문서 목록|belgeleri listele|"
    "ما هي الوثائق المتوفرة؟|कौन से दस्तावेज़ उपलब्ध हैं?",
}

QUESTIONS = (
    "什么是你好协议？|How do I say hello in French?|What does the greeting say?|"
    "which documents do I need for a visa?|有哪些文件格式支持？|支持哪些文件？|总结 2008 年的战争|"
    "summarise the installation steps|What is the war about?|what files are supported?|help me install it|"
    "你好，默认端口是多少？|what can I do if the disk is full?|索引里有什么字段？|关于文档的总结在哪里|"
    "Summarize the benefits of BM25|What can you do with a filter?|how do I list all documents|怎样列出所有文档？|"
    "ping 命令的用途|列出所有支持的文件格式|thanks to whom did it happen?|What is in the glossary of terms?|"
    "谁写了手册？|手册有多少页？|ragkit|hello world|手册讲的第一章在哪页|Which documents were signed in 1648?|"
    "What do you know about Luther?|明白了什么道理？|What is this function?|总结一下|"
    "Who are you going to call?|谢谢你这首歌是谁唱的？|help command|你好世界程序怎么写？|"
    "What is the summary of chapter 2?|介绍一下长城|手册"
)

SUMMARIES = [
    ("总结 手册.md", {"手册.md"}),
    ("总结一下手册", {"手册.md"}),
    ("请总结《手册.md》", {"手册.md"}),
    ("帮我概括一下 手册.md 的主要内容", {"手册.md"}),
    ("你能总结手册.md吗？", {"手册.md"}),
    ("手册.md 讲了什么？", {"手册.md"}),
    ("把手册.md总结一下", {"手册.md"}),
    ("手册的摘要", {"手册.md"}),
    ("总结一下 reports/2023 年报", {"reports/2023 年报.pdf"}),
    ("Summarise 2023 年报.pdf", {"reports/2023 年报.pdf"}),
    ("summarise GLOSSARY.md", {"en/glossary.md", "zh/glossary.md"}),
    ("Please summarize en/glossary.md", {"en/glossary.md"}),
    ("give me a short summary of the glossary", {"en/glossary.md", "zh/glossary.md"}),
    ("What is quick-start.md about?", {"zh/quick-start.md"}),
    ("Can you summarise zh\\quick-start.md?", {"zh/quick-start.md"}),
    ("summarise quick start", {"zh/quick-start.md"}),
    ("Fasse quick-start.md zusammen", {"zh/quick-start.md"}),
    ("quick-start.mdを要約して", {"zh/quick-start.md"}),
    ("สรุป quick-start.md", {"zh/quick-start.md"}),
]


@pytest.mark.parametrize("kind", MESSAGES)
def test_messages_are_recognised(kind: str) -> None:
    for message in MESSAGES[kind].split("|"):
        found = recognise(message, lambda: FILES)
        assert found is not None, message
        assert found.kind == kind, message


@pytest.mark.parametrize("question", QUESTIONS.split("|"))
def test_questions_stay_questions(question: str) -> None:
    assert recognise(question, lambda: FILES) is None


@pytest.mark.parametrize(("message", "meant"), SUMMARIES)
def test_a_summary_names_its_file(message: str, meant: set[str]) -> None:
    found = recognise(message, lambda: FILES)
    assert found is not None
    assert found.kind == "summary"
    assert set(found.sources) == meant


def test_a_file_that_is_not_there_is_said_so_and_another_thing_is_a_question() -> None:
    found = recognise("Summarise missing.md", lambda: FILES)
    assert found is not None
    assert found.sources == ()
    assert found.name == "missing.md"
    assert recognise("Summarise the missing", lambda: FILES) is None


def test_this_document_is_the_only_one() -> None:
    found = recognise("Summarise this document", lambda: ["a.txt"])
    assert found is not None
    assert found.sources == ("a.txt",)
    assert recognise("Summarise this document", lambda: ["a.txt", "b.txt"]) is None


def test_the_files_are_looked_up_only_for_a_summary() -> None:
    def fail() -> list[str]:
        raise AssertionError

    assert recognise("Which port does the page use?", fail) is None
    assert recognise("你好", fail) is not None


@pytest.mark.parametrize(
    "text", ["", "   ", "？！", "a" * 100_000, "你好" * 50_000, "\0\ud800", "总结 "]
)
def test_odd_messages_are_questions(text: str) -> None:
    assert recognise(text, lambda: FILES) is None


@pytest.mark.parametrize(
    ("message", "language"), [("你好", "zh"), ("總結 手册.md", "zh-Hant"), ("Hallo", "de")]
)
def test_the_language_is_the_message_s(message: str, language: str) -> None:
    found = recognise(message, lambda: FILES)
    assert found is not None
    assert found.language == language
