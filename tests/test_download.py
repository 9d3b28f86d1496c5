"""Weights come from a hub over real connections to a server on this machine, whatever breaks."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections import namedtuple
from collections.abc import Iterator
from pathlib import Path

import pytest
from hub_server import COMMIT, HubServer, serve

from ragkit.errors import ConfigError, ModelUnavailable
from ragkit.models.fetch import download as door
from ragkit.models.fetch.download import check_space, download_weights, plan_download
from ragkit.models.fetch.remote_files import (
    HubUnreachable,
    RemoteFile,
    answer_within,
    damage,
    needed_files,
    size_in_words,
)
from ragkit.models.hub import find_weights

pytest.importorskip("huggingface_hub", reason="the light installation downloads nothing")

ROOT = Path(__file__).resolve().parent.parent
LLM = "internlm/internlm2-chat-1_8b"
EMBEDDER = "sentence-transformers/paraphrase-multilingual-MiniLM-L12-v2"
QWEN = "Qwen/Qwen2-0.5B-Instruct"
WEIGHTS = "model.safetensors"
_noise = random.Random(7)
SIZE = 3_000_000


def repository(**more: bytes) -> dict[str, bytes]:
    return {
        "config.json": b'{"model_type": "internlm2"}',
        "tokenizer_config.json": b"{}",
        "tokenizer.model": _noise.randbytes(120_000),
        "modeling_internlm2.py": b"raise SystemExit('this must not run')",
        WEIGHTS: _noise.randbytes(SIZE),
        "pytorch_model.bin": _noise.randbytes(300_000),
        "onnx/model.onnx": _noise.randbytes(300_000),
        ".gitattributes": b"*",
        **more,
    }


@pytest.fixture
def hub() -> Iterator[HubServer]:
    content = repository()
    names = (LLM, EMBEDDER, QWEN, "qwen/Qwen2-0.5B-Instruct", "owner/model")
    with serve({name: dict(content) for name in names}) as server:
        yield server


@pytest.fixture(autouse=True)
def caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub.constants as constants

    for name in (
        "HF_ENDPOINT",
        "HF_HUB_CACHE",
        "HF_HUB_OFFLINE",
        "HF_TOKEN",
        "MODELSCOPE_ENDPOINT",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("MODELSCOPE_CACHE", str(tmp_path / "ms"))
    monkeypatch.setenv("MODELSCOPE_HOME", str(tmp_path / "ms-home"))
    monkeypatch.setenv("TQDM_DISABLE", "1")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    # Read from the environment when the library was imported, perhaps by another test.
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)


def snapshot(tmp_path: Path, name: str = "owner/model") -> Path:
    repository = tmp_path / "hf" / "hub" / ("models--" + name.replace("/", "--"))
    return repository / "snapshots" / COMMIT


def fetch(server: HubServer, name: str = "owner/model", **knobs: object) -> Path:
    return download_weights(plan_download(name, endpoint=server.url, **knobs))  # type: ignore[arg-type]


def command(
    *arguments: str, script: Path | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run ``ragkit download`` in a process of its own."""
    start = [str(script)] if script else ["-m", "ragkit", "download"]
    done = subprocess.run(
        [sys.executable, *start, *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONUTF8": "1", **environment},
        check=False,
        timeout=90,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done


# What is needed


def files(*paths: str) -> list[RemoteFile]:
    return [RemoteFile(path, 10) for path in paths]


def chosen(*paths: str, backend: str = "auto") -> set[str]:
    return {file.path for file in needed_files(files(*paths), backend=backend)}


def test_one_format_of_weights_is_enough() -> None:
    beside = {"config.json", "tokenizer.model", "vocab.txt", "merges.txt", "LICENSE", "code.py"}
    others = {"tf_model.h5", "flax_model.msgpack", "model.gguf", "rust_model.ot", "logo.png"}
    assert chosen(*beside, *others, WEIGHTS, "pytorch_model.bin") == {*beside, WEIGHTS}
    assert chosen(*beside, *others, "pytorch_model.bin") == {*beside, "pytorch_model.bin"}


def test_shards_come_with_their_index_and_nothing_twice() -> None:
    shards = {"model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"}
    index = "model.safetensors.index.json"
    bins = {"pytorch_model-00001-of-00001.bin", "pytorch_model.bin.index.json"}
    assert chosen("config.json", *shards, index, *bins) == {"config.json", *shards, index}
    assert chosen("config.json", *bins) == {"config.json", *bins}
    assert chosen(WEIGHTS, *shards, index) == {WEIGHTS}
    assert chosen(*shards, index, "consolidated.safetensors") == {*shards, index}


def test_folders_of_a_sentence_transformer_and_of_other_programs() -> None:
    own = {"modules.json", "1_Pooling/config.json", "2_Dense/config.json", f"2_Dense/{WEIGHTS}"}
    onnx, openvino = "onnx/model.onnx", "openvino/openvino_model.bin"
    more = {"original/consolidated.00.pth", "original/params.json", ".github/workflows/a.txt"}
    quantised = {"onnx/model_qint8_avx512.onnx", "openvino/openvino_model_qint8_quantized.bin"}
    everything = (*own, WEIGHTS, onnx, openvino, *more, *quantised)
    assert chosen(*everything) == {*own, WEIGHTS}
    assert chosen(*everything, backend="onnx") == {*own, WEIGHTS, onnx}
    assert chosen(*everything, backend="openvino") == {*own, WEIGHTS, openvino}


def test_damage_is_told_from_what_the_hub_announces(tmp_path: Path) -> None:
    place = tmp_path / "f"
    place.write_bytes(b"hello\n")
    git, sha = "ce013625030ba8dba906f756967f9e9ca394464a", "5891b5b522d5df086d0ff0b110fbd9d21bb4fc"
    assert damage(place, RemoteFile("f", 6, git_sha1=git)) is None
    assert damage(place, RemoteFile("f", 6)) is None
    assert "SHA-1" in (damage(place, RemoteFile("f", 6, git_sha1="0" * 40)) or "")
    assert "SHA-256" in (damage(place, RemoteFile("f", 6, sha256=sha + "0" * 26)) or "")
    assert "6 bytes instead of 7" in (damage(place, RemoteFile("f", 7)) or "")
    assert "missing" in (damage(tmp_path / "g", RemoteFile("g", 6)) or "")


def test_waiting_ends_whatever_is_waited_for() -> None:
    started = time.monotonic()
    with pytest.raises(TimeoutError, match=r"0\.2 seconds"):
        answer_within(0.2, lambda: time.sleep(30))
    assert time.monotonic() - started < 5
    assert answer_within(5, lambda: 3) == 3
    with pytest.raises(ZeroDivisionError):
        answer_within(5, lambda: 1 // 0)


def test_sizes_in_words() -> None:
    sizes = (0, 999, 1500, 2_340_000, 1_980_000_000)
    assert [size_in_words(n) for n in sizes] == [
        "0 bytes",
        "999 bytes",
        "1.5 kB",
        "2.3 MB",
        "1.98 GB",
    ]


# From a mirror of the Hugging Face hub


def test_what_is_needed_arrives_where_everything_looks(hub: HubServer, tmp_path: Path) -> None:
    plan = plan_download("owner/model", endpoint=hub.url)
    expected = {p for p in hub.repositories["owner/model"] if p[0] != "." and "onnx" not in p}
    expected.remove("pytorch_model.bin")
    assert {file.path for file in plan.files} == expected
    assert (plan.revision, plan.branch, plan.received) == (COMMIT, "main", 0)
    counts: list[int] = []
    folder = download_weights(plan, progress=counts.append)
    assert folder == snapshot(tmp_path) == find_weights("owner/model")
    assert find_weights("owner/model", revision=COMMIT) == folder
    for path in expected:
        assert (folder / path).read_bytes() == hub.repositories["owner/model"][path]
    assert sum(counts) == plan.size
    assert not hub.asked("onnx")
    assert not hub.asked("xet")  # a mirror has no such address


def test_other_programs_find_it_offline(hub: HubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import snapshot_download

    folder = fetch(hub)
    hub.requests.clear()
    patterns = ["*.json", WEIGHTS]
    found = snapshot_download("owner/model", local_files_only=True, allow_patterns=patterns,
                              cache_dir=Path(os.environ["HF_HOME"]) / "hub")  # fmt: skip
    assert Path(found) == folder
    assert not hub.requests


def test_a_second_run_fetches_nothing(hub: HubServer) -> None:
    fetch(hub)
    plan = plan_download("owner/model", endpoint=hub.url)
    assert plan.received == plan.size
    hub.requests.clear()
    download_weights(plan)
    assert not hub.asked("/storage/")


def test_a_dropped_connection_is_taken_up_where_it_broke(hub: HubServer) -> None:
    hub.drop_after[WEIGHTS] = [1_000_000, 800_000]
    said: list[str] = []
    counts: list[int] = []
    plan = plan_download("owner/model", endpoint=hub.url)
    folder = download_weights(plan, status=said.append, progress=counts.append)
    assert (folder / WEIGHTS).read_bytes() == hub.repositories["owner/model"][WEIGHTS]
    first, second, third = hub.asked(f"/storage/owner/model/{WEIGHTS}")
    assert first.range is None
    starts = [int(re.findall(r"\d+", r.range or "")[0]) for r in (second, third)]
    assert 1_000_000 - 262_144 < starts[0] <= 1_000_000
    assert starts[0] < starts[1] <= starts[0] + 800_000
    assert first.sent + second.sent + third.sent < SIZE + 3 * 262_144
    assert len([line for line in said if "connection was lost" in line]) == 2
    assert sum(counts) == plan.size


def test_a_killed_download_goes_on_in_the_next_process(hub: HubServer, tmp_path: Path) -> None:
    # The server sends a part and is silent: the process hangs until it is killed.
    slow = hub.repositories["owner/model"]
    hub.drop_after[WEIGHTS] = [1_500_000] + [0] * 50
    process = subprocess.Popen(
        [sys.executable, "-m", "ragkit", "download", "owner/model", "--endpoint", hub.url],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    blobs = snapshot(tmp_path).parent.parent / "blobs"
    deadline = time.monotonic() + 40
    while time.monotonic() < deadline and not any(
        p.stat().st_size > 1_000_000 for p in blobs.glob("*.incomplete")
    ):
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 130
    assert f"Go on with: ragkit download owner/model --endpoint {hub.url}" in said
    assert find_weights("owner/model") is None
    (part,) = blobs.glob("*.incomplete")
    kept = part.stat().st_size
    assert kept > 1_000_000
    hub.drop_after.clear()
    hub.requests.clear()
    done = command("owner/model", "--endpoint", hub.url)
    assert done.returncode == 0, done.stderr
    (again,) = hub.asked(f"/storage/owner/model/{WEIGHTS}")
    assert again.range == f"bytes={kept}-"
    assert again.sent == SIZE - kept
    assert (snapshot(tmp_path) / WEIGHTS).read_bytes() == slow[WEIGHTS]
    assert "here already" in done.stderr


def test_a_server_without_ranges_starts_again(hub: HubServer) -> None:
    hub.drop_after[WEIGHTS] = [1_000_000]
    hub.ignore_range = True
    folder = fetch(hub)
    assert (folder / WEIGHTS).read_bytes() == hub.repositories["owner/model"][WEIGHTS]


@pytest.mark.parametrize("spoilt", [WEIGHTS, "config.json"])
def test_a_wrong_checksum_is_said_and_nothing_stays(
    hub: HubServer, tmp_path: Path, spoilt: str
) -> None:
    hub.spoil.add(spoilt)
    with pytest.raises(ModelUnavailable, match=f"wrong {re.escape(spoilt)}: its SHA-"):
        fetch(hub)
    assert find_weights("owner/model") is None
    assert not list(tmp_path.rglob("*.incomplete"))
    hub.spoil.clear()
    assert find_weights("owner/model") is None
    assert (fetch(hub) / spoilt).read_bytes() == hub.repositories["owner/model"][spoilt]


@pytest.mark.parametrize("path", [WEIGHTS, "config.json"])
def test_damage_in_the_cache_is_found_and_mended(hub: HubServer, path: str) -> None:
    place = fetch(hub) / path
    content = hub.repositories["owner/model"][path]
    place.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    said: list[str] = []
    download_weights(plan_download("owner/model", endpoint=hub.url), status=said.append)
    assert place.read_bytes() == content
    assert any(path in line and "damaged" in line for line in said)


def test_a_part_of_other_content_is_started_again(hub: HubServer, tmp_path: Path) -> None:
    plan = plan_download("owner/model", endpoint=hub.url)
    weights = next(file for file in plan.files if file.path == WEIGHTS)
    part = snapshot(tmp_path).parent.parent / "blobs" / f"{weights.sha256}.incomplete"
    part.parent.mkdir(parents=True)
    part.write_bytes(b"x" * 500_000)
    said: list[str] = []
    folder = download_weights(plan, status=said.append)
    assert (folder / WEIGHTS).read_bytes() == hub.repositories["owner/model"][WEIGHTS]
    assert any("does not fit" in line for line in said)


def test_a_revision_is_asked_for_and_pinned(hub: HubServer) -> None:
    plan = plan_download("owner/model", endpoint=hub.url, revision=COMMIT)
    assert (plan.revision, plan.branch) == (COMMIT, None)
    with pytest.raises(ModelUnavailable, match="no revision 'v9'"):
        plan_download("owner/model", endpoint=hub.url, revision="v9")


@pytest.mark.parametrize(
    ("status", "code", "words"),
    [
        (404, "RepoNotFound", "There is no 'owner/model'|does not give 'owner/model'"),
        (401, "", "missing, private or gated|does not give"),
        (401, "GatedRepo", "licence"),
        (403, "GatedRepo", "licence"),
        (403, "", "HTTP 403"),
        (503, "", "HTTP 503"),
    ],
)
def test_refusals_in_words(hub: HubServer, status: int, code: str, words: str) -> None:
    hub.refuse["owner/model"] = (status, code)
    with pytest.raises(ModelUnavailable, match=words) as caught:
        plan_download("owner/model", endpoint=hub.url)
    assert hub.url in str(caught.value)
    assert not isinstance(caught.value, HubUnreachable)


def test_files_of_a_gated_model_are_refused_in_words(hub: HubServer) -> None:
    plan = plan_download("owner/model", endpoint=hub.url)
    hub.refuse["/resolve/"] = (403, "GatedRepo")
    with pytest.raises(ModelUnavailable, match="--send-token"):
        download_weights(plan)


def test_a_page_that_is_no_hub(hub: HubServer) -> None:
    with pytest.raises(ModelUnavailable):
        plan_download("other/model", endpoint=hub.url)
    hub.refuse["owner/model"] = (200, "")
    with pytest.raises(ModelUnavailable, match="not as a Hugging Face hub does"):
        plan_download("owner/model", endpoint=hub.url)


def test_no_weights_in_the_repository(hub: HubServer) -> None:
    del (
        hub.repositories["owner/model"][WEIGHTS],
        hub.repositories["owner/model"]["pytorch_model.bin"],
    )
    with pytest.raises(ModelUnavailable, match="no weights"):
        plan_download("owner/model", endpoint=hub.url)


@pytest.mark.parametrize("address", ["ftp://x", "hf-mirror.com", "http://", "http://x:y", "  "])
def test_addresses_that_are_none(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="--endpoint"):
        plan_download("owner/model", endpoint=address)
    monkeypatch.setenv("HF_ENDPOINT", address)
    with pytest.raises(ConfigError, match="HF_ENDPOINT"):
        plan_download("owner/model")


def test_a_full_disk_is_said_before_the_start(
    hub: HubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = plan_download("owner/model", endpoint=hub.url)
    check_space([plan])
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(door.shutil, "disk_usage", lambda _: usage(10**9, 10**9 - 10**6, 10**6))
    with pytest.raises(ModelUnavailable, match=r"3\.1 MB are still to fetch.*1\.0 MB free"):
        check_space([plan])


def test_a_login_token_goes_to_no_mirror_by_itself(
    hub: HubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    monkeypatch.setenv("MODELSCOPE_API_TOKEN", "ms-secret")
    fetch(hub)
    fetch(hub, hub="modelscope")
    assert hub.requests
    assert not any("secret" in str(r.headers) for r in hub.requests)


def test_a_login_token_goes_to_a_mirror_when_told_and_never_to_its_storage(
    hub: HubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    fetch(hub, send_token=True)
    assert all("hf_secret" in r.headers["authorization"] for r in hub.asked("/api/models"))
    assert hub.asked("/storage/")
    assert not any("secret" in str(r.headers) for r in hub.asked("/storage/"))


# From ModelScope

modelscope = pytest.mark.skipif(
    __import__("importlib.util").util.find_spec("modelscope_hub") is None,
    reason="modelscope is not installed",
)


@modelscope
def test_modelscope_has_its_own_name_and_cache(hub: HubServer, tmp_path: Path) -> None:
    plan = plan_download(QWEN, hub="modelscope", endpoint=hub.url)
    assert plan.name == "qwen/Qwen2-0.5B-Instruct"
    counts: list[int] = []
    folder = download_weights(plan, progress=counts.append)
    assert folder == tmp_path / "ms/models/qwen--Qwen2-0.5B-Instruct/snapshots/master"
    assert find_weights(QWEN) == find_weights("qwen/Qwen2-0.5B-Instruct") == folder
    assert (folder / WEIGHTS).read_bytes() == hub.repositories[QWEN][WEIGHTS]
    assert not (folder / "pytorch_model.bin").exists()
    assert sum(counts) == plan.size
    plan = plan_download(QWEN, hub="modelscope", endpoint=hub.url)
    assert plan.received == plan.size


@modelscope
def test_the_clients_own_download_is_found(hub: HubServer) -> None:
    from modelscope_hub import HubApi

    folder = HubApi(endpoint=hub.url, token="").download_repo(
        "owner/model", "model", cache_dir=os.environ["MODELSCOPE_CACHE"]
    )
    assert find_weights("owner/model") == folder


@modelscope
def test_modelscope_goes_on_with_what_came_before(hub: HubServer, tmp_path: Path) -> None:
    content = hub.repositories["owner/model"][WEIGHTS]
    place = tmp_path / "ms/models/owner--model/snapshots/master"
    place.mkdir(parents=True)
    (place / f"{WEIGHTS}.incomplete").write_bytes(content[:1_000_000])
    hub.drop_after[WEIGHTS] = [1_048_576]
    plan = plan_download("owner/model", hub="modelscope", endpoint=hub.url)
    assert plan.received == 1_000_000
    counts: list[int] = []
    folder = download_weights(plan, progress=counts.append)
    ranges = [r.range for r in hub.asked(f"/storage/owner/model/{WEIGHTS}")]
    assert ranges == ["bytes=1000000-", "bytes=2048576-"]
    assert (folder / WEIGHTS).read_bytes() == content
    assert sum(counts) == plan.size - plan.received


@modelscope
@pytest.mark.slow
def test_modelscope_checks_what_came(hub: HubServer) -> None:
    hub.spoil.add(WEIGHTS)
    with pytest.raises(ModelUnavailable, match=f"wrong {WEIGHTS}"):
        fetch(hub, hub="modelscope")
    assert find_weights("owner/model") is None


@modelscope
@pytest.mark.parametrize(
    ("status", "words"), [(404, "There is no"), (401, "login"), (403, "login")]
)
def test_modelscopes_refusals_in_words(hub: HubServer, status: int, words: str) -> None:
    hub.refuse["owner/model"] = (status, "")
    with pytest.raises(ModelUnavailable, match=words):
        plan_download("owner/model", hub="modelscope", endpoint=hub.url)


# As people run it


def test_preset_is_announced_fetched_checked_and_pinned(hub: HubServer, tmp_path: Path) -> None:
    done = command("internlm2", "--endpoint", hub.url)
    assert done.returncode == 0, done.stderr
    announced = done.stderr
    for word in (LLM, EMBEDDER, hub.url, COMMIT, "3.0 MB", "to fetch: 3.1 MB", "free"):
        assert word in announced
    assert str(snapshot(tmp_path, LLM)) in announced
    assert f'[llm]\nrevision = "{COMMIT}"' in done.stdout
    assert f'[embedder]\nrevision = "{COMMIT}"' in done.stdout
    assert "all checked" in done.stdout
    assert find_weights(LLM)
    assert find_weights(EMBEDDER)


def test_the_script_is_the_command(hub: HubServer) -> None:
    script = ROOT / "scripts" / "download_models.py"
    done = command("owner/model", script=script, HF_ENDPOINT=hub.url)
    assert done.returncode == 0, done.stderr
    assert find_weights("owner/model")


def test_settings_in_force_are_fetched(hub: HubServer) -> None:
    done = command(
        "internlm2", "--endpoint", hub.url,
        RAGKIT_LLM__MODEL="owner/model", RAGKIT_LLM__REVISION=COMMIT,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert find_weights("owner/model", revision=COMMIT)
    assert find_weights(LLM) is None


@modelscope
def test_a_preset_at_home_on_modelscope_comes_from_there(hub: HubServer) -> None:
    done = command("qwen2-faiss", MODELSCOPE_ENDPOINT=hub.url)
    assert done.returncode == 0, done.stderr
    assert hub.asked("/api/v1/models/qwen/Qwen2-0.5B-Instruct")
    assert "master" in done.stdout
    assert find_weights("qwen/Qwen2-0.5B-Instruct")
    assert "WARNING" not in done.stderr


def test_presets_that_need_nothing_or_do_not_exist() -> None:
    done = command("lite")
    assert (done.returncode, "no weights" in done.stdout) == (0, True)
    done = command("internlm")
    assert done.returncode == 2
    assert "Did you mean 'internlm2'" in done.stderr
    assert command("./here/model").returncode == 2
    assert command().returncode == 2


@pytest.mark.parametrize("source", ["hf", pytest.param("modelscope", marks=modelscope)])
@pytest.mark.parametrize("fault", ["silent", "closed"])
def test_without_network_it_says_so_within_ten_seconds(
    hub: HubServer, tmp_path: Path, fault: str, source: str
) -> None:
    hub.never_answer = True
    address = hub.url if fault == "silent" else "http://127.0.0.1:9"
    started = time.monotonic()
    done = command("internlm2", "--from", source, "--endpoint", address)
    assert time.monotonic() - started < 10
    assert done.returncode == 1
    said = done.stderr
    assert f"{address} cannot be reached" in said
    assert f"'{LLM}'" in said
    assert f"'{EMBEDDER}'" in said
    assert str(tmp_path / "hf" / "hub" / "models--internlm--internlm2-chat-1_8b") in said
    assert "ragkit download internlm2" in said
    assert "rsync" in said
    assert "WARNING" not in said


def test_without_network_what_is_here_is_named(hub: HubServer) -> None:
    folder = fetch(hub)
    done = command("owner/model", "--endpoint", "http://127.0.0.1:9")
    assert done.returncode == 0
    assert str(folder) in done.stdout
    assert "not checked" in done.stderr


def test_offline_mode_is_said() -> None:
    done = command("internlm2", HF_HUB_OFFLINE="1")
    assert done.returncode == 2
    assert "HF_HUB_OFFLINE" in done.stderr
    assert LLM in done.stderr


def test_proxies_of_the_environment_are_named(hub: HubServer) -> None:
    done = command(
        "owner/model", "--endpoint", "http://hub.invalid",
        HTTP_PROXY="http://user:secret@127.0.0.1:9", http_proxy="http://user:secret@127.0.0.1:9",
    )  # fmt: skip
    assert done.returncode == 1
    assert "through the proxy 127.0.0.1:9" in done.stderr
    assert "secret" not in done.stderr
    done = command("owner/model", "--endpoint", hub.url, HTTPS_PROXY="what://x", NO_PROXY="")
    assert done.returncode == 2
    assert "HTTPS_PROXY" in done.stderr


@pytest.mark.parametrize(
    ("library", "preset", "extra"),
    [("huggingface_hub", "internlm2", "models"), ("modelscope_hub", "qwen2-faiss", "modelscope")],
)
def test_a_missing_library_is_named(library: str, preset: str, extra: str) -> None:
    code = (
        f"import sys; sys.modules[{library!r}] = None\n"
        f"from ragkit.cli import main; main(['download', {preset!r}])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 1
    assert f'pip install "ragkit[{extra}]"' in done.stderr


def test_a_hub_that_goes_away_in_the_middle_leaves_what_came(
    hub: HubServer, tmp_path: Path
) -> None:
    hub.drop_after[WEIGHTS] = [1_000_000] + [0] * 50
    done = command("owner/model", "--endpoint", hub.url)
    assert done.returncode == 1
    assert "connection was lost" in done.stderr
    assert "kept" in done.stderr
    (part,) = tmp_path.rglob("*.incomplete")
    assert part.stat().st_size > 500_000
    hub.drop_after.clear()
    assert command("owner/model", "--endpoint", hub.url).returncode == 0


def test_a_cache_that_cannot_be_written_is_said(hub: HubServer, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", "utf-8")
    done = command("owner/model", "--endpoint", hub.url, HF_HOME=str(tmp_path / "file"))
    assert done.returncode == 1
    assert "HF_HOME" in done.stderr


# What doctor says of it


def checks(**environment: str) -> dict[str, dict[str, str]]:
    done = subprocess.run(
        [sys.executable, "-m", "ragkit", "doctor", "--json", "--preset", "internlm2"],
        capture_output=True, text=True, check=False, env={**os.environ, **environment}, timeout=60,
    )  # fmt: skip
    return {check["name"]: check for check in json.loads(done.stdout)["checks"]}


def test_doctor_names_the_command_and_then_the_folder(hub: HubServer) -> None:
    seen = checks(HF_ENDPOINT=hub.url)["preset internlm2"]
    assert LLM in seen["found"]
    assert "ragkit download internlm2" in seen["advice"]
    for name in (LLM, EMBEDDER):
        fetch(hub, name)
    seen = checks(HF_ENDPOINT=hub.url)["preset internlm2"]
    assert seen["state"] == "ok"
    assert str(find_weights(LLM)) in seen["found"]


def test_doctor_looks_at_the_settings_in_force(hub: HubServer) -> None:
    seen = checks(HF_ENDPOINT=hub.url, RAGKIT_LLM__MODEL="owner/other")
    assert "owner/other" in seen["llm.model"]["found"]
    assert "ragkit download" in seen["llm.model"]["advice"]
    assert "embedder.model" not in seen


def test_doctor_is_quick_with_a_silent_hub(hub: HubServer) -> None:
    hub.never_answer = True
    started = time.monotonic()
    seen = checks(HF_ENDPOINT=hub.url)
    assert time.monotonic() - started < 10
    assert seen["hub"]["state"] == "warning"
