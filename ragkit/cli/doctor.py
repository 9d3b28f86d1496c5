"""``ragkit doctor``: what this machine has, what is missing, and the command that helps."""

from __future__ import annotations

import importlib.util
import os
import platform
import socket
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import click

from ragkit._version import __version__
from ragkit.cli.options import data_option, debug_option, index_option, preset_option, ssh_line
from ragkit.cli.terminal import echo_json, printable
from ragkit.commands import chat_command, index_command
from ragkit.config import Config, preset_names, read_preset
from ragkit.errors import RagkitError
from ragkit.models.fetch.remote_files import answer_within
from ragkit.models.hub import find_weights, home_hub

__all__ = ["doctor"]

State = Literal["ok", "warning", "error"]
_SIGN = {"ok": "✓", "warning": "!", "error": "✗"}
_COLOUR = {"ok": "green", "warning": "yellow", "error": "red"}
_PORT = 8501
_HUB_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at: its state, what was found, and what to do about it."""

    name: str
    state: State
    found: str
    advice: str = ""


@click.command()
@data_option
@index_option
@preset_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@debug_option
def doctor(data: Path, *, index: str | None, preset: str | None, as_json: bool) -> int:
    """Check device, memory, weights, hub, index and port.

    Exit status 1 if something is broken. Looking whether the hub (or the mirror in HF_ENDPOINT) can
    be reached is the only request to the network.
    """
    with ThreadPoolExecutor(1) as beside:  # a silent hub and the start of torch take seconds each
        asked = beside.submit(_mirror)
        checks = [_python(), _sqlite(), _device(), *_memory(), *_weights()]
        checks += [asked.result(), *_index(data, index, preset), _port(data, index, preset)]
    tunnel = ssh_line(_PORT)
    if as_json:
        echo_json({"checks": [asdict(c) for c in checks], "ssh": tunnel})
    else:
        for check in checks:
            sign = click.style(_SIGN[check.state], fg=_COLOUR[check.state])
            click.echo(f"{sign} {check.name}: {printable(check.found)}")
            if check.advice:
                click.echo(f"    {printable(check.advice)}")
        click.echo(f"\nChat from another machine: {tunnel}")
    return 1 if any(check.state == "error" for check in checks) else 0


def _python() -> Check:
    return Check("ragkit", "ok", f"{__version__} on Python {platform.python_version()}")


def _sqlite() -> Check:
    try:
        with sqlite3.connect(":memory:") as connection:
            connection.execute("CREATE VIRTUAL TABLE t USING fts5(x)")
    except sqlite3.Error as error:
        advice = "Use a Python whose SQLite has FTS5, such as python.org's or Debian's."
        return Check("SQLite", "error", f"{sqlite3.sqlite_version} without FTS5: {error}", advice)
    return Check("SQLite", "ok", f"{sqlite3.sqlite_version} with FTS5")


def _device() -> Check:
    if importlib.util.find_spec("torch") is None:
        found = f"{os.cpu_count()} CPU cores; torch is not installed"
        advice = 'Preset lite needs neither; for the others: pip install "ragkit[models]"'
        return Check("device", "ok", found, advice)
    import torch

    if torch.cuda.is_available():
        free, total = torch.cuda.mem_get_info()
        name = torch.cuda.get_device_name()
        return Check("device", "ok", f"{name}, {free / 2**30:.1f} of {total / 2**30:.1f} GiB free")
    return Check("device", "ok", f"{os.cpu_count()} CPU cores, no GPU that torch can use")


def _memory() -> list[Check]:
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
        available = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_AVPHYS_PAGES") / 2**30
    except (AttributeError, ValueError, OSError):
        return []
    checks = [Check("memory", "ok", f"{available:.1f} of {total:.1f} GiB free")]
    gpu = _gpu_gib()
    for name in preset_names():
        need = read_preset(name).get("memory_gib", 0)
        where, has = ("the machine", total) if gpu is None else ("the GPU", gpu)
        if need > has:
            found = f"needs about {need} GiB, {where} has {has:.1f}"
            advice = "Use a smaller preset, or llm.quantization = 'int8'."
            checks.append(Check(f"memory for {name}", "warning", found, advice))
        elif gpu is None and need > available:
            found = f"needs about {need} GiB, and {available:.1f} are free now"
            advice = "Close other programs before using it."
            checks.append(Check(f"memory for {name}", "warning", found, advice))
    return checks


def _gpu_gib() -> float | None:
    """Return the memory of the GPU that models go to by default, or None without one."""
    if importlib.util.find_spec("torch") is None:
        return None
    import torch

    if not torch.cuda.is_available():
        return None
    return float(torch.cuda.mem_get_info()[1]) / 2**30


def _weights() -> list[Check]:
    checks = []
    for name in preset_names():
        table = read_preset(name)
        wanted = {
            part["model"]: find_weights(part["model"])
            for part in (table.get("embedder", {}), table.get("llm", {}))
            if part.get("kind") in ("huggingface", "llm")
        }
        missing = sorted(model for model, folder in wanted.items() if folder is None)
        if not wanted:
            checks.append(Check(f"preset {name}", "ok", "needs no weights"))
        elif missing:
            hubs = {home_hub(model) for model in missing}
            source = "ModelScope" if hubs == {"modelscope"} else "the Hugging Face hub"
            advice = f"Get them from {source}: ragkit download {name} (mirror: --endpoint URL)"
            found = f"weights missing: {', '.join(missing)}"
            checks.append(Check(f"preset {name}", "warning", found, advice))
        else:
            places = ", ".join(sorted(str(folder) for folder in wanted.values()))
            checks.append(Check(f"preset {name}", "ok", f"weights are in {places}"))
    return checks


def _weights_in_force(config: Config) -> list[Check]:
    """Look for the models that the settings name in the place of a preset's own."""
    checks = []
    own = read_preset(config.preset)
    for table, part in (("embedder", config.embedder), ("llm", config.llm)):
        preset = own.get(table, {})
        same = (part.model, part.revision) == (preset.get("model", ""), preset.get("revision"))
        if part.kind not in ("huggingface", "llm", "vllm") or same:
            continue
        folder = find_weights(part.model, revision=part.revision)
        name = f"{table}.model"
        if folder is None:
            at = f" at revision {part.revision}" if part.revision else ""
            advice = f"Get them: ragkit download {config.preset}, or correct the setting."
            found = f"weights missing: {part.model}{at}"
            checks.append(Check(name, "warning", found, advice))
        else:
            checks.append(Check(name, "ok", f"weights are in {folder}"))
    return checks


def _mirror() -> Check:
    """Ask the hub, or the mirror in HF_ENDPOINT, for its front page."""
    import httpx

    address = os.environ.get("HF_ENDPOINT") or "https://huggingface.co"

    def ask() -> int:
        return httpx.head(address, timeout=_HUB_SECONDS, follow_redirects=False).status_code

    try:
        # Its own time-out leaves out the resolution of the name, which may take half a minute.
        status = answer_within(_HUB_SECONDS, ask)
    except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, ValueError, ImportError) as error:
        reason = str(error) or type(error).__name__
        advice = (
            "Only for downloads. Use a mirror: ragkit download PRESET --endpoint URL, "
            "or --from modelscope."
        )
        return Check("hub", "warning", f"{address} cannot be reached: {reason}", advice)
    return Check("hub", "ok", f"{address} answers (HTTP {status})")


def _index(data: Path, index: str | None, preset: str | None) -> list[Check]:
    from ragkit.knowledge import open as open_folder

    try:
        kb = open_folder(data, index=index, preset=preset)
        click.get_current_context().call_on_close(kb.close)
        checks = [Check("settings", "ok", f"preset {kb.config.preset}")]
        checks += _weights_in_force(kb.config)
        if not data.is_dir():
            advice = "Give the folder of your documents with --data."
            checks.append(Check("folder", "warning", f"there is no folder '{data}'", advice))
        status = kb.index_status()
    except RagkitError as error:
        return [Check("index", "error", str(error))]
    if status.files is None:
        advice = f"Build it: {index_command(kb)}" if data.is_dir() else ""
        return [*checks, Check("index", "warning", f"none yet at {status.uri}", advice)]
    size = f"{status.bytes / 2**20:.1f} MiB"
    found = f"{status.files} files, {status.nodes} nodes, {size} at {status.uri}"
    if status.damage:
        advice = f"Delete {status.uri}, then: {index_command(kb)}"
        return [*checks, Check("index", "error", f"{found}; damaged: {status.damage}", advice)]
    return [*checks, Check("index", "ok", found)]


def _port(data: Path, index: str | None, preset: str | None) -> Check:
    with socket.socket() as probe:
        probe.settimeout(1)
        taken = probe.connect_ex(("127.0.0.1", _PORT)) == 0
    if taken:
        other = chat_command([data], port=_PORT + 1, index=index, preset=preset)
        advice = f"If that is no ragkit chat, choose another port: {other}"
        return Check("port", "warning", f"{_PORT} is in use", advice)
    return Check("port", "ok", f"{_PORT} is free")
