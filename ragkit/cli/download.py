"""``ragkit download``: fetch a preset's weights, from a hub or a mirror, and pin what came."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import click

from ragkit.cli.options import debug_option
from ragkit.cli.terminal import printable
from ragkit.config import AUTO, EmbedderSettings, LLMSettings, load_config
from ragkit.errors import ConfigError
from ragkit.models.fetch.download import check_space, choose_hub, download_weights, plan_download
from ragkit.models.fetch.remote_files import (
    HubUnreachable,
    OfflineMode,
    Plan,
    Progress,
    size_in_words,
)
from ragkit.models.hub import copy_lines, find_weights, searched_folders

__all__ = ["download"]

_LISTED = 1_000_000  # bytes; smaller files are counted, not named


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A model, and the tables of ragkit.toml that name it."""

    model: str
    revision: str | None
    backend: str
    tables: tuple[str, ...]


@click.command()
@click.argument("preset")
@click.option(
    "--from",
    "hub",
    type=click.Choice(["hf", "modelscope"]),
    help="Hugging Face hub or ModelScope. Default: hf; for qwen2-faiss, modelscope.",
)
@click.option("--endpoint", metavar="URL", help="A mirror, such as https://hf-mirror.com.")
@click.option(
    "--send-token", is_flag=True, help="Send the login token to the mirror too (gated models)."
)
@debug_option
def download(
    preset: str,
    *,
    hub: Literal["hf", "modelscope"] | None,
    endpoint: str | None,
    send_token: bool,
) -> None:
    """Fetch the weights of PRESET, or of a model given as OWNER/NAME.

    Shows what will be fetched before it starts, goes on where an earlier run stopped, and checks
    every file. The last lines pin what came, for ragkit.toml.
    """
    os.environ.setdefault("TQDM_DISABLE", "1")  # the libraries' own bars; read at their import
    wanted = _wanted(preset)
    again = _again(preset, hub=hub, endpoint=endpoint, send_token=send_token)
    plans: list[tuple[_Wanted, Plan]] = []
    for item in wanted:
        try:
            plan = plan_download(
                item.model,
                hub=hub,
                endpoint=endpoint,
                revision=item.revision,
                backend=item.backend,
                send_token=send_token,
            )
        except (HubUnreachable, OfflineMode) as error:
            elsewhere = _again(preset, hub=hub, endpoint=None, send_token=send_token)
            from_hub = choose_hub(item.model, hub=hub, endpoint=endpoint)
            _do_without(wanted, error, hub=from_hub, command=elsewhere)
            return
        plans.append((item, plan))
        _announce(plan)
    if not plans:
        return
    check_space([plan for _, plan in plans])
    try:
        for item, plan in plans:
            with _bar(plan) as progress:
                folder = download_weights(plan, progress=progress, status=_status)
            _finished(item, plan, folder)
    except HubUnreachable as error:
        raise HubUnreachable(f"{error}\nWhat came is kept. Go on with: {again}") from error
    except KeyboardInterrupt:
        click.echo(f"\nWhat came is kept. Go on with: {again}", err=True)
        raise


def _wanted(preset: str) -> list[_Wanted]:
    """Return what ``preset`` needs on the disk under the settings in force; say what it does not.

    Raises ConfigError for a preset that is unknown and no model's name.
    """
    if preset.count("/") == 1 and not preset.startswith((".", "/", "~")):
        return [_Wanted(preset, None, "auto", ())]
    if "/" in preset:
        raise ConfigError(
            f"'{preset}' is neither a preset nor a model's name (OWNER/NAME). "
            "List the presets: ragkit presets"
        )
    # "auto" would choose by what is here already, and what is wanted is not.
    config = load_config(arguments={"preset": "internlm2" if preset == AUTO else preset}).config
    wanted: dict[tuple[str, str | None], _Wanted] = {}
    parts: tuple[tuple[str, EmbedderSettings | LLMSettings], ...] = (
        ("embedder", config.embedder),
        ("llm", config.llm),
    )
    for table, part in parts:
        if part.kind == "openai":
            click.echo(f"{part.model}: is on the model server; nothing to fetch here.", err=True)
        if part.kind not in ("huggingface", "llm", "vllm"):
            continue
        if find_weights(part.model) == Path(part.model).expanduser():
            click.echo(f"{part.model}: is a local folder; nothing to fetch.", err=True)
            continue
        backend = part.backend if isinstance(part, EmbedderSettings) else "auto"
        key = (part.model, part.revision)
        known = wanted.get(key, _Wanted(part.model, part.revision, backend, ()))
        wanted[key] = _Wanted(known.model, known.revision, known.backend, (*known.tables, table))
    if not wanted:
        click.echo(f"Preset {config.preset} needs no weights: nothing to fetch.")
    return list(wanted.values())


def _do_without(
    wanted: Sequence[_Wanted], error: HubUnreachable | OfflineMode, *, hub: str, command: str
) -> None:
    """Say where the weights are if all are here; else raise, naming what is missing.

    The error says as well where was looked, and how to bring the weights here by hand.
    """
    found = {item.model: find_weights(item.model, revision=item.revision) for item in wanted}
    missing = [model for model, folder in found.items() if folder is None]
    if missing:
        places = (
            f"'{model}' (not in {', '.join(map(str, searched_folders(model)))})"
            for model in missing
        )
        raise type(error)(
            f"{error}\nMissing on this machine: {'; '.join(places)}.\n"
            f"{copy_lines(*missing, hub=hub, command=command)}"
        ) from error
    click.echo(f"{error}\nThe weights are here already, and were not checked:", err=True)
    for model, folder in found.items():
        click.echo(f"{model}: {folder}")


def _announce(plan: Plan) -> None:
    """Say on stderr what will be fetched, from where to where."""

    def say(line: str) -> None:
        click.echo(printable(line), err=True)

    say(f"{plan.name} from {plan.endpoint}, revision {plan.revision}")
    large = [file for file in plan.files if file.size >= _LISTED]
    for file in large:
        say(f"    {file.path}  {size_in_words(file.size)}")
    if len(large) < len(plan.files):
        say(f"    and {len(plan.files) - len(large)} smaller files")
    left = max(0, plan.size - plan.received)
    say(
        f"  {len(plan.files)} files, {size_in_words(plan.size)}; "
        f"here already: {size_in_words(plan.received)}; to fetch: {size_in_words(left)}"
    )
    existing = next(p for p in (plan.folder, *plan.folder.parents) if p.is_dir())
    free = shutil.disk_usage(existing).free
    say(f"  into {plan.folder} ({size_in_words(free)} free on its disk)")


def _finished(item: _Wanted, plan: Plan, folder: Path) -> None:
    click.echo(
        f"{item.model}: {len(plan.files)} files, {size_in_words(plan.size)}, all checked, "
        f"in {folder}"
    )
    if plan.revision == plan.branch:
        click.echo(
            f"ModelScope names no commit for '{plan.revision}'; a tag, or --from hf, can be pinned."
        )
    elif item.tables and item.revision != plan.revision:
        click.echo("To keep exactly these weights, in ragkit.toml:")
        for table in item.tables:
            click.echo(f'[{table}]\nrevision = "{plan.revision}"')
    else:
        click.echo(f"revision {plan.revision}")


def _again(preset: str, *, hub: str | None, endpoint: str | None, send_token: bool) -> str:
    words: Sequence[str] = (
        "ragkit download",
        preset,
        f"--from {hub}" if hub else "",
        f"--endpoint {endpoint}" if endpoint else "",
        "--send-token" if send_token else "",
    )
    return " ".join(word for word in words if word)


def _status(line: str) -> None:
    click.echo(printable(line), err=True)


@contextmanager
def _bar(plan: Plan) -> Iterator[Progress | None]:
    """Yield a callback that draws a bar on a terminal, or None when stderr is none."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )
    from rich.progress import Progress as Bar

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        name = printable(plan.name)[-40:]
        task = bar.add_task(name, total=plan.size, completed=plan.received)

        def report(count: int) -> None:
            bar.advance(task, count)

        yield report
