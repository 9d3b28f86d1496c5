"""The textbook rankings that ours is compared with."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

pytest.importorskip("sklearn", reason='needs the extra: pip install "ragkit[eval]"')
pytest.importorskip("bm25s", reason='needs the extra: pip install "ragkit[eval]"')

import numpy as np

import ragkit
from ragkit.cli import ragkit as command
from ragkit.errors import MissingExtra
from ragkit.retrieve.tokenizer import terms

TEXTS = {
    "a.md": "The lighthouse of Alnmouth was built in 1826 by Thomas Blackwood.",
    "b.md": "The harbour has two cranes. The harbour is deep, and the harbour is old.",
    "zh.md": "备份每天凌晨三点自动进行，保存三十天。",
}


def opened(tmp_path: Path, kind: str) -> ragkit.KnowledgeBase:
    folder = tmp_path / "docs"
    folder.mkdir(exist_ok=True)
    for name, text in TEXTS.items():
        (folder / name).write_text(text, "utf-8")
    settings = {"retriever.kind": kind}
    return ragkit.open(folder, index=tmp_path / "i.db", preset="lite", settings=settings)


@pytest.mark.parametrize("kind", ["tfidf", "bm25"])
def test_the_file_that_shares_rare_words_is_first(tmp_path: Path, kind: str) -> None:
    kb = opened(tmp_path, kind)
    assert kb.retrieve("Who built the lighthouse?")[0].source == "a.md"
    assert kb.retrieve("备份保存多久？")[0].source == "zh.md"
    assert [s.source for s in kb.retrieve("harbour", filters=["source=a.md"])] == []
    assert kb.retrieve("zzz") == ()
    assert "1826" in kb.ask("When was the lighthouse of Alnmouth built?").text
    kb.close()


@pytest.mark.parametrize("kind", ["tfidf", "bm25"])
def test_it_follows_the_folder(tmp_path: Path, kind: str) -> None:
    kb = opened(tmp_path, kind)
    assert kb.retrieve("zeppelin") == ()
    (tmp_path / "docs" / "new.md").write_text("A zeppelin is an airship.", "utf-8")
    kb.index()
    assert kb.retrieve("zeppelin")[0].source == "new.md"
    (tmp_path / "docs" / "new.md").unlink()
    kb.index()
    assert kb.retrieve("zeppelin") == ()
    kb.close()


def test_an_empty_index_finds_nothing(tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    for kind in ("tfidf", "bm25"):
        kb = ragkit.open(
            tmp_path / "none",
            index=tmp_path / f"{kind}.db",
            preset="lite",
            settings={"retriever.kind": kind},
        )
        assert kb.retrieve("anything") == ()
        kb.close()


def test_tfidf_is_the_cosine_by_hand(tmp_path: Path) -> None:
    kb = opened(tmp_path, "tfidf")
    found = {s.source: s.score for s in kb.retrieve("harbour lighthouse")}
    documents = {}
    for name, text in TEXTS.items():
        documents[name] = terms(text, language="zh" if name == "zh.md" else "en")
    vocabulary = sorted(set().union(*documents.values()))
    counts = np.array([[d.count(term) for term in vocabulary] for d in documents.values()], float)
    idf = np.log((1 + len(counts)) / (1 + (counts > 0).sum(0))) + 1
    rows = counts * idf
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    asked = terms("harbour lighthouse", language="en")
    question = np.array([asked.count(term) for term in vocabulary], float) * idf
    cosines = dict(zip(documents, rows @ question / np.linalg.norm(question), strict=True))
    for name, score in found.items():
        assert score == pytest.approx(cosines[name], abs=1e-6)
    kb.close()


def test_why_explains_it_too(tmp_path: Path) -> None:
    kb = opened(tmp_path, "bm25")
    why = kb.why("Who built the lighthouse?", "a.md")
    assert "bm25" in json.dumps(why.to_dict())
    kb.close()


def test_evaluate_compares_it(tmp_path: Path) -> None:
    passages, questions = tmp_path / "p.jsonl", tmp_path / "q.jsonl"
    rows = [{"id": n, "lang": "en", "title": "", "text": t} for n, t in TEXTS.items()]
    passages.write_text("\n".join(json.dumps(row) for row in rows), "utf-8")
    asked = {"id": "1", "lang": "en", "question": "Who built it?", "answers": []}
    questions.write_text(json.dumps(asked | {"passage_id": "a.md"}), "utf-8")
    arguments = ["evaluate", "--passages", str(passages), "--questions", str(questions)]
    done = CliRunner().invoke(command, [*arguments, "--retriever", "tfidf", "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["recall@1"] == 1.0


def test_without_the_library_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(MissingExtra, match=r"ragkit\[eval\]"):
        opened(tmp_path, "tfidf").retrieve("anything")
