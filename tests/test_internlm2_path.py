"""Preset internlm2 from end to end, on tiny models: index, query, stream, stop, chat, app.

The models are real checkpoints (see ``tiny_reader``), so that everything but their size is what a
user has: the original layout, the tokenizer, the template, the embedder, retrieval and citations.
"""

from __future__ import annotations

import json
import os
import pty
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason='needs pip install "ragkit[models]"')
pytest.importorskip("sentence_transformers", reason='needs "ragkit[models]"')
pytest.importorskip("llama_index.llms.huggingface", reason='needs "ragkit[models]"')

import ragkit  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent
LLM = "internlm/internlm2-chat-1_8b"
EMBEDDER = "sentence-transformers/paraphrase-multilingual-MiniLM-L12-v2"
COMMIT = "0123456789abcdef0123456789abcdef01234567"
ANSWERS = {
    "How much memory does the server need?": ("needs 16 GB of memory", "guide/install.md"),
    "Who built the lighthouse of Alnmouth?": ("1826 by Thomas Blackwood", "history.txt"),
    "备份什么时候进行？": ("备份每天凌晨三点自动进行", "手册.md"),
    "系统需要多少内存？": ("系统需要十六吉字节内存。", "手册.md"),
}


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Keep small matrices from waiting for a second core."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def settings(tiny_internlm2: Path, tiny_embedder: Path) -> dict[str, Any]:
    return {"llm.model": str(tiny_internlm2), "embedder.model": str(tiny_embedder)}


@pytest.fixture
def kb(settings: dict[str, Any], folder: Path, tmp_path: Path) -> Iterator[ragkit.KnowledgeBase]:
    found = ragkit.open(folder, index=tmp_path / "i.db", preset="internlm2", settings=settings)
    yield found
    found.close()


@pytest.fixture
def endless(
    settings: dict[str, Any], endless_internlm2: Path, folder: Path, tmp_path: Path
) -> Iterator[ragkit.KnowledgeBase]:
    own = settings | {"llm.model": str(endless_internlm2), "llm.max_new_tokens": 1000}
    found = ragkit.open(folder, index=tmp_path / "i.db", preset="internlm2", settings=own)
    yield found
    found.close()


# Command line


@pytest.fixture(scope="module")
def cache(
    tiny_internlm2: Path, tiny_embedder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Return a hub cache that has the tiny models under the preset's names."""
    cache = tmp_path_factory.mktemp("hub")
    for name, source in ((LLM, tiny_internlm2), (EMBEDDER, tiny_embedder)):
        repository = cache / f"models--{name.replace('/', '--')}"
        shutil.copytree(source, repository / "snapshots" / COMMIT)
        (repository / "refs").mkdir()
        (repository / "refs" / "main").write_text(COMMIT, "utf-8")
    return cache


def environment(**more: str) -> dict[str, str]:
    return os.environ | {"OMP_NUM_THREADS": "1", "PYTHONIOENCODING": "utf-8"} | more


def run(*arguments: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "ragkit", *map(str, arguments)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=240,
        check=False,
        env=environment(**variables),
    )


def test_auto_takes_the_models_that_are_on_the_disk(
    cache: Path, folder: Path, tmp_path: Path
) -> None:
    hub = {"HF_HUB_CACHE": str(cache)}
    done = run("index", folder, "--index", tmp_path / "i.db", "--json", **hub)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert sorted(report["added"]) == ["guide/install.md", "history.txt", "手册.md"]
    assert report["nodes"] >= 4
    where = ("--data", folder, "--index", tmp_path / "i.db")
    done = run("query", "Who built the lighthouse of Alnmouth?", *where, "--json", **hub)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    answer = json.loads(done.stdout)
    assert set(answer) == {
        *("question", "answer", "refused", "preset", "sentences", "citations", "sources"),
        "timings_ms",
    }
    assert (answer["preset"], answer["refused"]) == ("internlm2", False)
    assert all(s["supported"] and s["citations"] for s in answer["sentences"])
    (citation,) = answer["citations"]
    assert set(citation) == {"n", "source", "page", "start", "end", "quote"}
    text = (folder / citation["source"]).read_text("utf-8")
    assert text[citation["start"] : citation["end"]] == citation["quote"]
    assert "Thomas Blackwood" in citation["quote"]
    assert {"n", "source", "page", "score", "text"} == set(answer["sources"][0])
    timings = answer["timings_ms"]
    assert 0 < timings["load"] < timings["total"]
    assert 0 < timings["first_token"] <= timings["total"]
    assert timings["prompt_tokens"] > timings["completion_tokens"] > 5
    assert timings["tokens_per_second"] > 0


def test_without_weights_auto_is_lite_and_the_preset_says_what_to_do(
    folder: Path, tmp_path: Path
) -> None:
    hub = {"HF_HUB_CACHE": str(tmp_path / "empty")}
    where = ("--data", folder, "--index", tmp_path / "i.db")
    done = run("query", "Who built the lighthouse?", *where, "--json", **hub)
    assert json.loads(done.stdout)["preset"] == "lite"
    done = run("query", "Who built the lighthouse?", *where, "--preset=internlm2", **hub)
    assert done.returncode == 1
    assert "ragkit download internlm2" in done.stderr
    assert done.stdout == ""


class Terminal:
    """``ragkit`` on a terminal of its own."""

    def __init__(self, *arguments: str | Path, **variables: str) -> None:
        self.pid, self.master = pty.fork()
        if self.pid == 0:
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            command = [sys.executable, "-m", "ragkit", *map(str, arguments)]
            os.execve(sys.executable, command, environment(**variables))
        self.text = ""
        self.pieces: list[str] = []

    def read(self, *, until: str | None = None, timeout: float = 240) -> str:
        """Read until the text has ``until``, by default until the end."""
        end = time.monotonic() + timeout
        while until is None or until not in self.text:
            ready, _, _ = select.select([self.master], [], [], max(0, end - time.monotonic()))
            assert ready, f"nothing more within {timeout} s after: {self.text[-500:]}"
            try:
                data = os.read(self.master, 65536)
            except OSError:  # the terminal is gone
                data = b""
            if not data:
                assert until is None, f"ended without {until!r}: {self.text[-500:]}"
                break
            self.pieces.append(data.decode("utf-8", "replace"))
            self.text += self.pieces[-1]
        return self.text

    def exit_status(self) -> int:
        _, status = os.waitpid(self.pid, 0)
        self.pid = 0
        return os.waitstatus_to_exitcode(status)

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_: object) -> None:
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self.master)


@pytest.fixture
def variables(tiny_internlm2: Path, tiny_embedder: Path) -> dict[str, str]:
    return {
        "RAGKIT_LLM__MODEL": str(tiny_internlm2),
        "RAGKIT_EMBEDDER__MODEL": str(tiny_embedder),
        "COLUMNS": "200",
    }


def test_answer_streams_on_a_terminal(
    variables: dict[str, str], folder: Path, tmp_path: Path
) -> None:
    where = ("--data", folder, "--index", tmp_path / "i.db", "--preset=internlm2")
    with Terminal("query", "备份什么时候进行？", *where, **variables) as terminal:
        terminal.read()
        assert terminal.exit_status() == 0
    assert "备份每天凌晨三点自动进行，保存在 /srv/backup 目录，保留三十天。" in terminal.text
    assert "手册.md" in terminal.text
    assert "Traceback" not in terminal.text
    # The answer came in pieces, not when it was whole.
    assert not any("备份每天凌晨三点自动进行，保存在" in piece for piece in terminal.pieces)


def test_ctrl_c_ends_an_answer_cleanly(
    variables: dict[str, str], endless_internlm2: Path, folder: Path, tmp_path: Path
) -> None:
    own = {"RAGKIT_LLM__MODEL": str(endless_internlm2), "RAGKIT_LLM__MAX_NEW_TOKENS": "1000"}
    where = ("--data", folder, "--index", tmp_path / "i.db", "--preset=internlm2")
    question = "Who built the lighthouse of Alnmouth?"
    with Terminal("query", question, *where, **(variables | own)) as terminal:
        terminal.read(until="Thomas Blackwood")
        os.write(terminal.master, b"\x03")
        began = time.monotonic()
        terminal.read(timeout=20)
        assert terminal.exit_status() == 130
        assert time.monotonic() - began < 10
    assert "Traceback" not in terminal.text
    assert "Exception" not in terminal.text


# Notebook


@pytest.mark.parametrize("question", ANSWERS)
def test_answers_are_copied_and_cited(kb: ragkit.KnowledgeBase, question: str) -> None:
    fact, source = ANSWERS[question]
    answer = kb.ask(question)
    assert not answer.refused
    assert fact in answer.text
    assert answer.citations[0].source == source
    for citation in answer.citations:
        assert kb.text(citation.source)[citation.start : citation.end] == citation.quote
    assert answer.to_dict()["preset"] == "internlm2"
    assert fact in answer._repr_html_() or fact.split()[0] in answer._repr_html_()
    assert source in answer._repr_markdown_()


def test_nothing_is_cut_off_before_it_is_embedded(kb: ragkit.KnowledgeBase) -> None:
    report = kb.index()
    assert len(report.added) == 3
    assert kb.index().unchanged == 3
    assert {document.source for document in kb.documents()} == {
        *("guide/install.md", "history.txt", "手册.md")
    }
    assert kb.retrieve("backup every night")  # by vectors and words


def test_stream_joins_to_the_answer(kb: ragkit.KnowledgeBase) -> None:
    stream = kb.stream("Who built the lighthouse of Alnmouth?")
    pieces = list(stream)
    assert len([piece for piece in pieces if piece]) > 5
    assert "".join(pieces) == stream.answer.text
    assert "Thomas Blackwood" in stream.answer.text


def test_a_file_is_summarised_by_the_model(kb: ragkit.KnowledgeBase) -> None:
    answer = kb.ask("Summarise install.md")
    assert {source.source for source in answer.sources} == {"guide/install.md"}
    assert answer.timings_ms["completion_tokens"] > 0, "the model wrote it"


def test_a_greeting_needs_no_model(kb: ragkit.KnowledgeBase) -> None:
    assert kb.ask("Hello").text
    assert "_llm" not in kb.parts.__dict__, "no weights were read for it"


def test_top_k_is_of_one_question(kb: ragkit.KnowledgeBase) -> None:
    question = "How much memory does the server need?"
    assert len(kb.stream(question, top_k=1).answer.sources) == 1
    assert len(kb.ask(question).sources) > 1


def test_closed_stream_ends_the_generation(endless: ragkit.KnowledgeBase) -> None:
    endless.load()
    steps: list[float] = []
    model = endless.parts.llm._model
    hook = model.register_forward_pre_hook(lambda *_: steps.append(time.monotonic()))
    stream = endless.stream("Who built the lighthouse of Alnmouth?")
    text = ""
    while len(text) < 20:
        text += next(stream)
    before = len(steps)
    stream.close()
    assert list(stream) == []
    time.sleep(1)
    assert len(steps) <= before + 2
    hook.remove()
    # The model is free for the next reader.
    other = endless.stream("系统需要多少内存？")
    text = ""
    while "系统需要" not in text:
        text += next(other)
    other.close()


def test_answer_that_never_ends_is_cut_at_the_limit(
    settings: dict[str, Any], endless_internlm2: Path, folder: Path, tmp_path: Path
) -> None:
    own = settings | {"llm.model": str(endless_internlm2), "llm.max_new_tokens": 60}
    kb = ragkit.open(folder, index=tmp_path / "i.db", preset="internlm2", settings=own)
    answer = kb.ask("Who built the lighthouse of Alnmouth?")
    assert answer.timings_ms["completion_tokens"] == 60
    assert "Thomas Blackwood" in answer.text
    kb.close()


def test_chat_of_two_turns(kb: ragkit.KnowledgeBase) -> None:
    chat = kb.chat()
    first = chat.ask("Who built the lighthouse of Alnmouth?")
    second = chat.ask("And how high is the new tower?")
    assert "Thomas Blackwood" in first.text
    assert "forty metres" in second.text
    assert second.timings_ms["prompt_tokens"] > first.timings_ms["prompt_tokens"]


def test_small_window_drops_sources_and_answers(
    settings: dict[str, Any], folder: Path, tmp_path: Path
) -> None:
    own = settings | {"llm.context_window": 450, "llm.max_new_tokens": 60}
    kb = ragkit.open(folder, index=tmp_path / "i.db", preset="internlm2", settings=own)
    answer = kb.ask("Who built the lighthouse of Alnmouth?")
    assert "Thomas Blackwood" in answer.text
    assert answer.timings_ms["prompt_tokens"] <= 390
    kb.close()


def test_qwen2_answers_too(
    settings: dict[str, Any], tiny_qwen2: Path, folder: Path, tmp_path: Path
) -> None:
    own = settings | {"llm.model": str(tiny_qwen2)}
    kb = ragkit.open(folder, index=tmp_path / "i.db", preset="internlm2", settings=own)
    texts = [kb.ask("系统需要多少内存？").text for _ in range(2)]
    assert "系统需要十六吉字节内存。" in texts[0]
    assert texts[0] == texts[1]  # although its own settings sample
    kb.close()


# LlamaIndex


def test_query_engine_of_the_knowledge_base(kb: ragkit.KnowledgeBase) -> None:
    kb.index()
    response = kb.as_query_engine().query("Who built the lighthouse of Alnmouth?")
    assert "Thomas Blackwood" in str(response)
    assert response.source_nodes


def test_llama_index_itself_runs_on_the_configured_models(settings: dict[str, Any]) -> None:
    from llama_index.core import Document, Settings, VectorStoreIndex

    saved = {name: getattr(Settings, name) for name in ("_llm", "_embed_model", "_node_parser")}
    try:
        config = ragkit.configure("internlm2", settings=settings)
        assert config.preset == "internlm2"
        index = VectorStoreIndex.from_documents(
            [
                Document(text="The lighthouse of Alnmouth was built in 1826 by Thomas Blackwood."),
                Document(text="The comet returns in the winter of 2061."),
            ]
        )
        engine = index.as_query_engine(similarity_top_k=1)
        response = engine.query("When does the comet return?")
        assert [node.text for node in response.source_nodes] == [
            "The comet returns in the winter of 2061."
        ]
        assert str(response).strip()
        assert "<|im_end|>" not in str(response)
        streamed = index.as_query_engine(streaming=True).query("Who built the lighthouse?")
        assert len(list(streamed.response_gen)) > 1
    finally:
        for name, value in saved.items():
            setattr(Settings, name, value)


# App


def test_chat_page_answers_with_the_model(
    settings: dict[str, Any], folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    st = pytest.importorskip("streamlit", reason='needs the extra: pip install "ragkit[app]"')
    from streamlit.testing.v1 import AppTest

    for key, value in settings.items():
        monkeypatch.setenv("RAGKIT_" + key.upper().replace(".", "__"), str(value))
    st.cache_resource.clear()
    page = ROOT / "app" / "main.py"
    # AppTest puts the page in the place of __main__, which new processes would then import.
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])
    arguments = [str(page), str(folder), f"--index={tmp_path / 'i.db'}", "--preset=internlm2"]
    monkeypatch.setattr("sys.argv", arguments)
    monkeypatch.syspath_prepend(str(page.parent))
    test = AppTest.from_file(str(page), default_timeout=120)
    test.session_state["language"] = "en"
    test.run()
    assert not test.exception
    test.chat_input[0].set_value("Who built the lighthouse of Alnmouth?").run()
    assert not test.exception
    shown = "\n".join(str(element.proto) for element in test.get("html"))
    assert "Thomas Blackwood" in shown
    assert "history.txt" in shown
    test.chat_input[0].set_value("系统需要多少内存？").run()
    assert not test.exception
    assert len(test.chat_message) == 4
