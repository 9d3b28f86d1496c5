"""``ragkit presets``: what each preset is, and the settings in force with where they came from."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

import click
from pydantic import SecretStr

from ragkit.cli.options import debug_option
from ragkit.cli.terminal import echo_json
from ragkit.config import Loaded, load_config, preset_names, read_preset

__all__ = ["presets"]

_TOLD = {"reproduces": "Reproduces", "hardware": "Hardware", "tested": "Run here"}


@click.command()
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@debug_option
def presets(name: str | None, *, as_json: bool) -> None:
    """List the presets, or show the effective settings of NAME and where each came from.

    Without NAME the settings in force here are shown below the list.
    """
    loaded = load_config(arguments={"preset": name})
    values = _effective(loaded)
    if as_json:
        tables = {preset: read_preset(preset) for preset in preset_names()}
        about = {preset: table["about"] for preset, table in tables.items()}
        told = {key: tables[loaded.config.preset][key] for key in _TOLD}
        echo_json({"preset": loaded.config.preset, **told, "presets": about, "settings": values})
        return
    if name is None:
        for preset in preset_names():
            mark = "*" if preset == loaded.config.preset else " "
            click.echo(f"{mark} {click.style(preset, bold=True)}: {read_preset(preset)['about']}")
        click.echo()
    else:
        table = read_preset(name)
        click.echo(table["about"] + "\n")
        for key, title in _TOLD.items():
            _echo_folded(title, table[key])
        click.echo()
    width = max(map(len, values))
    for key, entry in values.items():
        click.echo(f"{key:<{width}}  {_shown(entry['value'])}  ({entry['from']})")


def _echo_folded(title: str, text: str) -> None:
    """Print a paragraph of at most 100 columns beside its title."""
    lines = textwrap.wrap(text, 86, break_on_hyphens=False)
    for number, line in enumerate(lines):
        click.echo(f"{'' if number else title:<12}{line}")


def _effective(loaded: Loaded) -> dict[str, dict[str, Any]]:
    """Return ``{"top_k": {"value": 5, "from": "default"}, …}`` in the order of the settings."""
    flat: dict[str, Any] = {}
    for key, value in loaded.config.model_dump().items():
        if isinstance(value, dict):
            flat |= {f"{key}.{leaf}": inner for leaf, inner in value.items()}
        else:
            flat[key] = value
    return {
        key: {"value": _plain(value), "from": loaded.origins.get(key, "default")}
        for key, value in flat.items()
    }


def _plain(value: Any) -> Any:
    """Return what JSON can hold; of a key no more than that there is one."""
    return str(value) if isinstance(value, (Path, SecretStr)) else value


def _shown(value: object) -> str:
    if value is None or value == "":
        return "–"
    return str(value).lower() if isinstance(value, bool) else str(value)
