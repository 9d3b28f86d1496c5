"""The command line as people run it: a process, its two streams and its exit status."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

COMMANDS = (
    "query", "index", "why", "show", "chat", "presets", "download", "doctor", "evaluate",
)  # fmt: skip


def ragkit(
    *arguments: str | Path,
    stdin: str | bytes | None = None,
    module: str = "ragkit",
    cwd: Path | None = None,
    **environment: str,
) -> subprocess.CompletedProcess[str]:
    """Run the command line and decode what it printed."""
    done = subprocess.run(
        [sys.executable, "-m", module, *map(str, arguments)],
        input=stdin.encode() if isinstance(stdin, str) else stdin,
        stdin=subprocess.DEVNULL if stdin is None else None,
        capture_output=True,
        cwd=cwd,
        env={**os.environ, "PYTHONUTF8": "1", **environment},
        check=False,
        timeout=120,
    )
    out, err = done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace")
    assert "Traceback" not in err, err
    return subprocess.CompletedProcess(done.args, done.returncode, out, err)


@pytest.fixture
def asked(folder: Path, tmp_path: Path) -> tuple[str | Path, ...]:
    """Return the options that point at the folder and an index of this test."""
    return ("--data", folder, "--index", tmp_path / "i.db", "--preset", "lite")


def test_answer_and_numbered_sources_on_stdout(asked: tuple[str, ...]) -> None:
    done = ragkit("query", "When was the lighthouse of Alnmouth built?", *asked)
    assert done.returncode == 0
    assert "1826" in done.stdout
    assert "[1] history.txt" in done.stdout
    assert "Indexed" in done.stderr
    assert "Indexed" not in done.stdout


def test_query_module_is_the_query_command(asked: tuple[str, ...]) -> None:
    question = "备份保存多少天？"
    one = ragkit("query", question, *asked)
    two = ragkit(question, *asked, module="ragkit.query")
    assert "三十天" in one.stdout
    assert (one.stdout, one.returncode) == (two.stdout, two.returncode)


def test_json_is_the_contract(asked: tuple[str, ...], folder: Path) -> None:
    done = ragkit("query", "How many metres high is the new tower?", *asked, "--json")
    answer = json.loads(done.stdout)
    assert set(answer) == {
        "question", "answer", "refused", "preset",
        "sentences", "citations", "sources", "timings_ms",
    }  # fmt: skip
    assert answer["refused"] is False
    assert answer["preset"] == "lite"
    assert answer["citations"]
    for sentence in answer["sentences"]:
        assert {"text", "citations", "supported"} <= set(sentence)
        assert sentence["supported"]
        assert sentence["citations"]
    text = (folder / "history.txt").read_text("utf-8")
    for citation in answer["citations"]:
        assert set(citation) == {"n", "source", "page", "start", "end", "quote"}
        assert citation["quote"] == text[citation["start"] : citation["end"]]
    for source in answer["sources"]:
        assert set(source) == {"n", "source", "page", "score", "text"}
    assert set(answer["timings_ms"]) == {"load", "retrieve", "first_token", "total"}


def test_what_auto_chose_is_said_by_the_first_question_alone(folder: Path, tmp_path: Path) -> None:
    caches = ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "MODELSCOPE_CACHE")
    env = {name: str(tmp_path / "none") for name in caches}
    env |= {"RAGKIT_HOME": str(tmp_path / "home"), "RAGKIT_PRESET": "auto"}
    said = "Preset lite: answers are quoted"
    assert said not in ragkit("index", folder, **env).stderr
    assert said not in ragkit("show", "--data", folder, "history.txt", **env).stderr
    first = ragkit("query", "Who built the lighthouse?", "--data", folder, **env)
    assert first.stderr.count(said) == 1
    assert said not in ragkit("query", "Who built the lighthouse?", "--data", folder, **env).stderr
    (tmp_path / "home" / "notice.txt").write_bytes(b"\xff")
    assert said in ragkit("query", "Who built the lighthouse?", "--data", folder, **env).stderr


def test_bad_numbers_and_homes_are_said_in_words(folder: Path, tmp_path: Path) -> None:
    for value in ("abc", "0", "101"):
        done = ragkit("query", "q", "--top-k", value)
        assert done.returncode == 2
        assert "1" in done.stderr
        assert "100" in done.stderr
    assert "not a valid number from 1 to 100" in ragkit("query", "q", "--top-k", "abc").stderr
    taken = tmp_path / "file"
    taken.write_text("", "utf-8")
    for home in (str(taken / "x"), "/proc/x"):
        done = ragkit("query", "q", "--data", folder, RAGKIT_HOME=home)
        assert done.returncode == 1
        assert f"folder '{home}/indexes' cannot be made" in done.stderr
        assert "RAGKIT_HOME" in done.stderr


def test_refusal_exits_3_in_the_questions_language(asked: tuple[str, ...]) -> None:
    english = ragkit("query", "What is the salary of the finance director?", *asked)
    chinese = ragkit("query", "财务总监的工资是多少？", *asked)
    assert (english.returncode, chinese.returncode) == (3, 3)
    assert "documents" in english.stdout
    assert "文档" in chinese.stdout
    refused = json.loads(ragkit("query", "财务总监的工资是多少？", *asked, "--json").stdout)
    assert refused["refused"] is True
    assert refused["citations"] == []


def test_question_from_stdin(asked: tuple[str, ...]) -> None:
    done = ragkit("query", *asked, stdin="Who built the lighthouse?\n")
    assert "Thomas Blackwood" in done.stdout


def test_changed_folder_is_refreshed_unless_told_not_to(
    asked: tuple[str, ...], folder: Path
) -> None:
    question = "What colour is the submarine?"
    assert ragkit("query", question, *asked).returncode == 3
    (folder / "new.md").write_text("The submarine is yellow.\n", "utf-8")
    assert ragkit("query", question, *asked, "--no-refresh").returncode == 3
    done = ragkit("query", question, *asked)
    assert done.returncode == 0
    assert "1 added" in done.stderr


def test_filter_and_top_k(asked: tuple[str, ...]) -> None:
    def sources(*more: str) -> set[str]:
        done = ragkit("query", "端口 port memory 内存", *asked, "--sources-only", "--json", *more)
        return {s["source"] for s in json.loads(done.stdout)["sources"]}

    assert sources("--filter", "source=手册.md") == {"手册.md"}
    assert sources("--filter", "folder=guide") == {"guide/install.md"}
    both = sources("--filter", "source=手册.md", "--filter", "source=guide/install.md")
    assert both == {"手册.md", "guide/install.md"}
    assert sources("--filter", "language=zh") == {"手册.md"}
    assert sources("--filter", "source=none.md") == set()
    assert len(sources("--top-k", "1")) == 1
    assert ragkit("query", "x", *asked, "--filter", "source").returncode == 2


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["query", "   "], "empty"),
        (["query", "x", "--data", "no/such/folder"], "no folder"),
        (["query", "x", "--preset", "lit"], "Did you mean 'lite'?"),
        (["query", "x", "--top-k", "0"], "--top-k"),
        (["query", "x", "--jsn"], "--json"),
        (["qury", "x"], "qury"),
        (["index", "x.md"], "x.md"),
        (["presets", "lite2"], "Did you mean 'lite'?"),
        (["query"], "Ask a question"),
    ],
)
def test_bad_usage_exits_2_with_one_clear_line(
    arguments: list[str], says: str, tmp_path: Path
) -> None:
    (tmp_path / "x.md").write_text("x", "utf-8")
    stdin = "" if arguments == ["query"] else None
    done = ragkit(*arguments, cwd=tmp_path, stdin=stdin)
    assert done.returncode == 2
    assert done.stdout == ""
    assert says in done.stderr or (arguments == ["query"] and "empty" in done.stderr)


def test_unknown_variable_and_key_are_refused(tmp_path: Path) -> None:
    done = ragkit("presets", cwd=tmp_path, RAGKIT_TOPK="3")
    assert done.returncode == 2
    assert "RAGKIT_TOP_K" in done.stderr
    (tmp_path / "ragkit.toml").write_text("[retriver]\nkind = 'lexical'\n", "utf-8")
    done = ragkit("presets", cwd=tmp_path)
    assert done.returncode == 2
    assert "retriever.kind" in done.stderr


def test_model_presets_say_what_is_missing(asked: tuple[str, ...]) -> None:
    done = ragkit("query", "x y z", *asked[:4], "--preset", "internlm2")
    assert done.returncode == 1
    assert "internlm/internlm2-chat-1_8b" in done.stderr
    assert "--preset lite" in done.stderr
    done = ragkit("query", "x y z", *asked[:4], "--preset", "internlm2", "--sources-only")
    assert done.returncode == 1
    assert "sentence-transformers/paraphrase-multilingual-MiniLM-L12-v2" in done.stderr


def test_auto_says_what_it_chose_on_stderr(folder: Path) -> None:
    done = ragkit("query", "Who built the lighthouse?", "--data", folder)
    assert done.returncode == 0
    assert "lite" in done.stderr
    assert "lite" not in done.stdout


def test_index_reports_in_json(folder: Path, tmp_path: Path) -> None:
    (folder / "noise.txt").write_bytes(bytes(range(256)) * 40)
    arguments = ("index", folder, "--index", tmp_path / "i.db", "--json")
    first = json.loads(ragkit(*arguments).stdout)
    assert set(first) == {
        "added", "updated", "deleted", "unchanged", "skipped", "nodes", "seconds",
    }  # fmt: skip
    assert sorted(first["added"]) == ["guide/install.md", "history.txt", "手册.md"]
    assert first["skipped"][0]["source"] == "noise.txt"
    assert first["skipped"][0]["reason"]
    second = ragkit(*arguments)
    assert second.returncode == 0
    assert json.loads(second.stdout)["unchanged"] == 3
    rebuilt = json.loads(ragkit(*arguments, "--rebuild").stdout)
    assert (len(rebuilt["added"]), rebuilt["nodes"]) == (3, first["nodes"])


def test_watch_follows_the_folder(folder: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "ragkit", "index", str(folder), "--watch", "--json"]
    command += ["--index", str(tmp_path / "i.db")]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        # Where the tests run in the background, Ctrl-C is ignored, and so it would be here.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        first = read_object(process.stdout)
        assert len(first["added"]) == 3
        while "Watching" not in process.stderr.readline():
            pass
        time.sleep(0.5)
        (folder / "late.md").write_text("The comet returns in 2061.\n", "utf-8")
        assert read_object(process.stdout)["added"] == ["late.md"]
    finally:
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=20)
    assert "Traceback" not in errors


def read_object(stream: Any) -> dict[str, Any]:
    """Read one JSON object that is printed over several lines."""
    lines: list[str] = []
    while True:
        line = stream.readline()
        assert line, "the process ended"
        lines.append(line)
        if line.startswith("}"):
            return json.loads("".join(lines))


def test_presets_show_where_each_value_came_from(tmp_path: Path) -> None:
    (tmp_path / "ragkit.toml").write_text("top_k = 7\n[splitter]\nchunk_size = 300\n", "utf-8")
    (tmp_path / ".env").write_text("RAGKIT_SPLITTER__CHUNK_SIZE=400\nOTHER=1\n", "utf-8")
    done = ragkit("presets", "internlm2", "--json", cwd=tmp_path, RAGKIT_INGEST__MAX_FILE_MB="9")
    settings = json.loads(done.stdout)["settings"]
    assert settings["top_k"] == {"value": 7, "from": "ragkit.toml"}
    assert settings["splitter.chunk_size"] == {"value": 400, "from": ".env"}
    assert settings["ingest.max_file_mb"] == {"value": 9, "from": "environment"}
    assert settings["llm.model"] == {"value": "internlm/internlm2-chat-1_8b", "from": "preset"}
    assert settings["splitter.chunk_overlap"] == {"value": 0, "from": "default"}
    assert settings["preset"] == {"value": "internlm2", "from": "argument"}
    text = ragkit("presets", cwd=tmp_path).stdout
    for name in ("lite", "internlm2", "qwen2-faiss", "qdrant-openai", "milvus-vllm"):
        assert name in text


def test_doctor_finds_what_is_there_and_what_is_broken(folder: Path, tmp_path: Path) -> None:
    place = tmp_path / "i.db"
    arguments = ("doctor", "--data", folder, "--index", place, "--json")
    environment = {"HF_ENDPOINT": "http://127.0.0.1:9"}
    checks = by_name(ragkit(*arguments, **environment).stdout)
    assert checks["index"]["state"] == "warning"
    assert checks["hub"]["state"] == "warning"
    assert "ragkit download internlm2" in checks["preset internlm2"]["advice"]
    advice = checks["index"]["advice"].partition("Build it: ragkit ")[2]
    assert ragkit(*shlex.split(advice)).returncode == 0
    done = ragkit(*arguments, **environment)
    assert done.returncode == 0
    assert "3 files" in by_name(done.stdout)["index"]["found"]
    place.write_bytes(b"SQLite format 3\x00" + os.urandom(8000))
    done = ragkit(*arguments, **environment)
    assert done.returncode == 1
    assert by_name(done.stdout)["index"]["state"] == "error"
    assert json.loads(done.stdout)["ssh"].startswith("ssh -L 8501:127.0.0.1:8501 ")


def test_a_command_leaves_the_index_in_one_file(folder: Path, tmp_path: Path) -> None:
    place = tmp_path / "index" / "i.db"
    ragkit("index", folder, "--index", place)
    ragkit("query", "When was the lighthouse built?", "--data", folder, "--index", place)
    assert {path.name for path in place.parent.iterdir()} <= {"i.db", "i.db.lock"}


def by_name(output: str) -> dict[str, Any]:
    return {check["name"]: check for check in json.loads(output)["checks"]}


def test_documents_cannot_drive_the_terminal(folder: Path, tmp_path: Path) -> None:
    evil = "The zebra code is 42.\x1b]0;owned\x07\x1b[2J\u202egnp.exe Zebra code again."
    (folder / "evil\x1b[31m.md").write_text(evil, "utf-8")
    asked = ("--data", folder, "--index", tmp_path / "i.db")
    done = ragkit("query", "What is the zebra code?", *asked)
    assert "42" in done.stdout
    listed = ragkit("query", "zebra code", *asked, "--sources-only")
    for text in (done.stdout, done.stderr, listed.stdout):
        assert "\x1b" not in text
        assert "\u202e" not in text


def test_output_in_a_narrow_encoding_does_not_fail(asked: tuple[str, ...]) -> None:
    question = "备份保存多少天？"
    for encoding in ("ascii", "latin-1"):
        environment = {"PYTHONUTF8": "0", "PYTHONIOENCODING": encoding}
        done = ragkit("query", question, *asked, "--json", **environment)
        assert "三十天" in json.loads(done.stdout)["answer"]
        assert ragkit("query", question, *asked, **environment).returncode == 0


def test_reader_that_leaves_early_is_no_error(asked: tuple[str, ...]) -> None:
    ragkit("index", asked[1], "--index", asked[3])
    command = f"{sys.executable} -m ragkit query 'Who built the lighthouse?'"
    command += f" --data {asked[1]} --index {asked[3]} | head -c 1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr
    assert "Error" not in done.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str) -> None:
    done = ragkit(command, "--help")
    assert done.returncode == 0
    assert "Usage: ragkit " + command in done.stdout
    assert "--debug" in done.stdout


def test_no_arguments_shows_the_commands() -> None:
    done = ragkit("--help")
    for command in COMMANDS:
        assert command in done.stdout
    assert ragkit("--version").stdout.startswith("ragkit, version ")


def test_index_that_cannot_be_written_still_answers(folder: Path, tmp_path: Path) -> None:
    place = tmp_path / "shelf"
    place.mkdir()
    asked = ("--data", folder, "--index", place / "i.db", "--preset", "lite")
    ragkit("index", folder, "--index", place / "i.db")
    (folder / "new.md").write_text("The submarine is yellow.\n", "utf-8")
    for path in (*place.iterdir(), place):
        path.chmod(0o555 if path.is_dir() else 0o444)
    # Another user may not reach this Python: everything is imported before root is given up.
    code = (
        "import contextlib, io, os, sys\n"
        "from ragkit.cli import main\n"
        "with contextlib.suppress(SystemExit), contextlib.redirect_stdout(io.StringIO()):\n"
        "    main([*sys.argv[1:], '--no-refresh'])\n"
        "if os.getuid() == 0: os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        "main(sys.argv[1:])"
    )
    open_up(folder)
    done = subprocess.run(
        [sys.executable, "-c", code, "query", "Who built the lighthouse?", *map(str, asked)],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        timeout=120,
    )
    place.chmod(0o755)
    assert done.returncode == 0, done.stderr
    assert "Thomas Blackwood" in done.stdout
    assert "as it is" in done.stderr


def open_up(folder: Path) -> None:
    """Let every user reach ``folder``."""
    for path in (folder, *folder.parents):
        if path == path.parent or not path.is_relative_to(Path("/tmp")):
            break
        path.chmod(path.stat().st_mode | 0o055)


def test_why_not_even_a_near_source_was_found_is_said(
    asked: tuple[str, ...], tmp_path: Path
) -> None:
    filtered = ragkit("query", "Who built the lighthouse?", *asked, "--filter", "format=pdf")
    assert filtered.returncode == 3
    assert "--filter format=pdf. format is md, txt here." in filtered.stderr
    named = ragkit("query", "Who built the lighthouse?", *asked, "--filter", "source=histroy.txt")
    assert "Close to it: history.txt." in named.stderr
    there = ragkit("query", "xyzzy", *asked, "--filter", "source=history.txt")
    assert "The file that fits holds no word of the question." in there.stderr
    assert "Close to it" not in there.stderr
    dated = ragkit("query", "Who built the lighthouse?", *asked, "--filter", "date>=2024")
    assert "No document has a date." in dated.stderr
    strange = ragkit("query", "xyzzy", *asked, "--sources-only")
    assert (strange.returncode, strange.stdout) == (3, "")
    assert "No document holds" in strange.stderr
    (tmp_path / "bare").mkdir()
    empty = ragkit("query", "Who built the lighthouse?", "--data", tmp_path / "bare")
    assert empty.returncode == 3
    assert "No document of" in empty.stderr
    assert f"ragkit index {tmp_path / 'bare'} " in empty.stderr


def test_pages_that_there_are_come_as_a_range(tmp_path: Path) -> None:
    import pptx

    slides = pptx.Presentation()
    for _ in range(14):
        slides.slides.add_slide(slides.slide_layouts[5]).shapes.title.text = "The lighthouse"
    (tmp_path / "docs").mkdir()
    slides.save(str(tmp_path / "docs" / "tour.pptx"))
    place = ("--data", tmp_path / "docs", "--index", tmp_path / "i.db", "--preset", "lite")
    beyond = ragkit("query", "lighthouse", *place, "--filter", "page>=15")
    assert "page is between 1 and 14 here." in beyond.stderr


def test_a_number_too_long_for_the_store_matches_nothing(asked: tuple[str, ...]) -> None:
    for digits in ("9" * 19, "9" * 30, "9" * 5000):
        done = ragkit("query", "lighthouse", *asked, "--filter", f"page={digits}")
        assert done.returncode == 3, done.stderr


def test_question_from_stdin_in_another_encoding(asked: tuple[str, ...]) -> None:
    marked = ragkit("query", *asked, "--json", stdin="\ufeffWho built the lighthouse?\r\n")
    assert json.loads(marked.stdout)["question"] == "Who built the lighthouse?"
    done = ragkit("query", *asked, stdin="灯塔是谁建的？".encode("gbk"))
    assert (done.returncode, done.stdout) == (2, "")
    assert "UTF-8" in done.stderr
    argument = os.fsdecode("menu of the café".encode("latin-1"))
    done = ragkit("query", argument, *asked)
    assert (done.returncode, done.stdout) == (2, "")
    assert r"caf\udce9" in done.stderr


def test_the_end_of_a_command_is_not_spent_on_garbage() -> None:
    code = (
        "import atexit, gc; atexit.register(lambda: print(gc.get_freeze_count() > 1000));"
        "from ragkit.cli import main; main(['--version'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert done.stdout.splitlines()[-1] == "True"


def test_a_model_that_cannot_answer_is_said_before_the_folder_is_indexed(
    asked: tuple[str, ...], tmp_path: Path
) -> None:
    for preset in ("internlm2", "qwen2-faiss", "qdrant-openai", "milvus-vllm"):
        done = ragkit("query", "Who built it?", *asked[:-1], preset)
        assert done.returncode in (1, 2)
        assert "--preset lite" in done.stderr
    pinned = ragkit("query", "Who?", *asked[:-1], "internlm2", RAGKIT_LLM__REVISION="0a1b2c3d")
    assert "at revision 0a1b2c3d on this machine" in pinned.stderr
    assert not (tmp_path / "i.db").exists()


def test_no_refresh_without_folder_and_index(tmp_path: Path) -> None:
    done = ragkit("query", "Who?", "--data", tmp_path / "gone", "--no-refresh")
    assert done.returncode == 2
    assert "no index of it" in done.stderr
    assert "--no-refresh" not in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_output_that_cannot_be_written_is_no_bug(asked: tuple[str, ...]) -> None:
    command = f'exec "{sys.executable}" -m ragkit query "Who built the lighthouse?" "$@"'
    for target, code in ((">/dev/full", 1), (">&-", 0)):
        done = subprocess.run(
            ["bash", "-c", f"{command} {target}", "bash", *map(str, asked)],
            stderr=subprocess.PIPE,
            check=False,
            timeout=120,
        )
        assert done.returncode == code, done.stderr
        assert b"bug" not in done.stderr


def test_index_where_no_file_can_be_created_fails_at_once(folder: Path) -> None:
    if not Path("/proc/self").exists():
        pytest.skip("needs /proc")
    done = ragkit("index", folder, "--index", "/proc/x.db", "--preset", "lite")
    assert done.returncode == 1
    assert "/proc/x.db" in done.stderr


def test_a_mistyped_command_is_understood() -> None:
    done = ragkit("qurey", "x")
    assert done.returncode == 2
    assert "Did you mean 'query'?" in done.stderr
    assert "ragkit --help" in ragkit("nonsense").stderr
