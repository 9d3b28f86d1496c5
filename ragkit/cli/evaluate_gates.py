"""``--fail-under``: figures that must not be below a floor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import click

from ragkit.errors import ConfigError

__all__ = ["UNDER_THRESHOLD", "read_floors", "verdict"]

UNDER_THRESHOLD = 4
_GROUPS = {"by": "lang", "by_source": "source"}


def read_floors(thresholds: Sequence[str], *, by: Sequence[str], answers: bool) -> dict[str, float]:
    """Read ``METRIC=X`` arguments; ConfigError for an unknown metric or a bad number."""
    floors = {}
    for threshold in thresholds:
        name, _, value = threshold.rpartition("=")
        _check_metric(name or threshold, by=by, answers=answers)
        try:
            floors[name] = float(value)
        except ValueError:
            raise ConfigError(
                f"--fail-under {threshold!r} has no number. Write it as {name}=0.8."
            ) from None
        if not 0 <= floors[name] <= 1:
            raise ConfigError(f"--fail-under {threshold!r} must be between 0 and 1.")
    return floors


def _check_metric(name: str, *, by: Sequence[str], answers: bool) -> None:
    from ragkit.evaluate.metrics import METRICS
    from ragkit.evaluate.summary import ANSWER_METRICS

    group, _, metric = name.rpartition(".")
    known = (*METRICS, *ANSWER_METRICS)
    if metric not in known or (group and "." not in group):
        raise ConfigError(
            f"--fail-under knows no metric {name!r}. Known: {', '.join(known)}, "
            "and by.LANG.METRIC, by_source.SOURCE.METRIC."
        )
    if metric in ANSWER_METRICS and not answers:
        raise ConfigError(f"--fail-under {name} needs the answers. Add --answers.")
    if group:
        key = group.partition(".")[0]
        if key not in _GROUPS:
            raise ConfigError(f"--fail-under knows no group {key!r}. Known: {', '.join(_GROUPS)}.")
        if _GROUPS[key] not in by:
            raise ConfigError(f"--fail-under {name} needs the groups. Add --by {_GROUPS[key]}.")


def verdict(report: Mapping[str, Any], floors: Mapping[str, float]) -> int:
    """Say on stderr which figures are below their floor; return the exit status, 4 or 0."""
    missed = [(name, _value(report, name), floor) for name, floor in floors.items()]
    missed = [(name, value, floor) for name, value, floor in missed if value < floor]
    for name, value, floor in missed:
        click.echo(f"{name} is {value:.4f}, below {floor:g}.", err=True)
    return UNDER_THRESHOLD if missed else 0


def _value(report: Mapping[str, Any], name: str) -> float:
    group, _, metric = name.rpartition(".")
    figures = report
    if group:
        key, _, label = group.partition(".")
        if label not in report[key]:
            raise ConfigError(
                f"--fail-under {name}: no question has the {_GROUPS[key]} {label!r}. "
                f"There are: {', '.join(report[key])}."
            )
        figures = report[key][label]
    if figures.get(metric) is None:
        raise ConfigError(f"--fail-under {name}: no question has an answer's text to compare with.")
    return float(figures[metric])
