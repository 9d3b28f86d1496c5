"""Refusals on the handbook in ``data``: technical text in which the product's name is everywhere.

A question is judged by whether it is answered, not by the answer. The floors are a little below
what was measured, so that a change that trades one side for the other is seen.
"""

from __future__ import annotations

from pathlib import Path

import pytest

import ragkit

DATA = Path(__file__).resolve().parent.parent / "data"

ANSWERABLE = [
    "Which port does the chat page use?",
    "How large may a single file be?",
    "Does ragkit encrypt the index?",
    "Which licence does ragkit have?",
    "What is a heading path?",
    "How many nodes does the retriever return?",
    "Where is the index stored on Windows?",
    "Can ragkit read scanned PDFs?",
    "What does exit code 3 mean?",
    "How do I rebuild the index?",
    "Is telemetry switched on?",
    "Which Python version does ragkit need?",
    "How can I keep the chat running after I log out?",
    "How do I leave a file out?",
    "Can I use ragkit commercially?",
    "What is BM25?",
    "聊天页面默认用哪个端口？",
    "扫描版 PDF 能读吗？",
    "ragkit 会修改我的文档吗？",
    "怎样重建索引？",
    "退出码 3 是什么意思？",
    "索引存放在哪里？",
    "怎样让 pip 使用国内镜像？",
    "什么是标题路径？",
    "怎样通过 SSH 打开聊天页面？",
    "答案是乱码怎么办？",
    "磁盘满了会怎样？",
    "端口被占用怎么办？",
]
UNANSWERABLE = [
    "When was ragkit founded?",
    "Who wrote ragkit?",
    "How many people use ragkit?",
    "Does ragkit support Kubernetes autoscaling?",
    "How much does a ragkit subscription cost?",
    "Can ragkit transcribe audio recordings?",
    "Which databases can ragkit import from Oracle?",
    "How do I configure LDAP login?",
    "Does the chat page have a mobile app?",
    "What is the default learning rate?",
    "How do I export answers to Excel?",
    "Which company sponsors ragkit?",
    "Can I schedule a nightly email report?",
    "What is the maximum number of users per licence?",
    "How do I fine-tune the embedder?",
    "What is the capital of France?",
    "ragkit 是哪家公司开发的？",
    "ragkit 支持语音输入吗？",
    "怎样配置 LDAP 登录？",
    "如何微调模型？",
    "ragkit 的月费是多少？",
    "怎样把答案导出成 Excel？",
    "可以发送邮件提醒吗？",
    "默认的学习率是多少？",
    "谁发明了 BM25？",
    "怎样在 Kubernetes 上部署 ragkit？",
    "索引支持外键吗？",
    "手机上有客户端吗？",
]


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[bool, float]]:
    """Return for every question whether it was refused, and the confidence."""
    kb = ragkit.open(DATA, index=tmp_path_factory.mktemp("handbook") / "i.db", preset="lite")
    engine = kb.as_query_engine()
    found = {}
    for question in ANSWERABLE + UNANSWERABLE:
        metadata = engine.query(question).metadata
        found[question] = (metadata["refused"], metadata["confidence"])
    kb.close()
    return found


def test_answerable_questions_are_answered(asked: dict[str, tuple[bool, float]]) -> None:
    refused = [question for question in ANSWERABLE if asked[question][0]]
    assert len(refused) <= 0.07 * len(ANSWERABLE), refused


def test_unanswerable_questions_are_refused(asked: dict[str, tuple[bool, float]]) -> None:
    answered = [question for question in UNANSWERABLE if not asked[question][0]]
    assert len(answered) <= 0.29 * len(UNANSWERABLE), answered


def test_confidence_tells_them_apart(asked: dict[str, tuple[bool, float]]) -> None:
    right = [asked[yes][1] > asked[no][1] for yes in ANSWERABLE for no in UNANSWERABLE]
    assert sum(right) / len(right) >= 0.95


@pytest.mark.parametrize(
    "question", ["Who wrote ragkit?", "How do I configure LDAP login?", "ragkit 的月费是多少？"]
)
def test_the_product_s_name_is_no_evidence(
    asked: dict[str, tuple[bool, float]], question: str
) -> None:
    assert asked[question][0]
