"""Plots as inline SVG, in colours and a font that the page sets; nothing is fetched.

Every text that comes from a test set is escaped. Series differ in dash or fill as well as in
colour, and each plot carries a title that screen readers say.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

__all__ = ["Curve", "Histogram", "Row", "bar_chart", "difference_chart", "histogram", "line_chart"]

_WIDTH, _HEIGHT = 420, 250
_LEFT, _RIGHT, _TOP, _BOTTOM = 54, 12, 14, 42
_ROW = 26
_LABEL = 118  # of a row's name


@dataclass(frozen=True, slots=True)
class Curve:
    """``points`` are (x, y, low, high); ``series`` is the page's colour, from 1."""

    name: str
    points: Sequence[tuple[float, float, float, float]]
    series: int = 1


@dataclass(frozen=True, slots=True)
class Histogram:
    """Values of one group; drawn as shares of the group."""

    name: str
    values: Sequence[float]
    series: int = 1


@dataclass(frozen=True, slots=True)
class Row:
    """One bar: a value, its interval, and a note at its end."""

    name: str
    value: float
    interval: tuple[float, float]
    note: str = ""

    @property
    def low(self) -> float:
        """The interval's lower end."""
        return self.interval[0]

    @property
    def high(self) -> float:
        """The interval's upper end."""
        return self.interval[1]


def line_chart(curves: Sequence[Curve], *, title: str, x_label: str, y_label: str) -> str:
    """Return curves with their intervals as bands; x at whole numbers, y in [0, 1]."""
    xs = [x for curve in curves for x, *_ in curve.points]
    lowest = min((low for curve in curves for _, _, low, _ in curve.points), default=0.0)
    floor = max(0.0, math.floor(lowest * 10 - 0.5) / 10)
    across = _scale(min(xs), max(xs), _LEFT, _WIDTH - _RIGHT)
    up = _scale(floor, 1.0, _HEIGHT - _BOTTOM, _TOP)
    parts = _grid(_ticks(floor, 1.0), up) + [
        _text(across(x), _HEIGHT - _BOTTOM + 16, f"{x:g}", "middle") for x in sorted(set(xs))
    ]
    for curve in curves:
        there = [f"{across(x):.1f},{up(high):.1f}" for x, _, _, high in curve.points]
        back = [f"{across(x):.1f},{up(low):.1f}" for x, _, low, _ in reversed(curve.points)]
        line = [f"{across(x):.1f},{up(y):.1f}" for x, y, _, _ in curve.points]
        parts.append(f'<polygon class="band s{curve.series}" points="{" ".join(there + back)}"/>')
        parts.append(f'<polyline class="line s{curve.series}" points="{" ".join(line)}"/>')
        for x, y, low, high in curve.points:
            said = f"{curve.name} @{x:g}: {y:.3f} ({low:.3f} to {high:.3f})"
            parts.append(
                f'<circle class="dot s{curve.series}" cx="{across(x):.1f}" cy="{up(y):.1f}" r="3">'
                f"<title>{escape(said)}</title></circle>"
            )
    parts += _axis_labels(x_label, y_label)
    return _svg(parts, title)


def histogram(
    groups: Sequence[Histogram],
    *,
    title: str,
    x_label: str,
    y_label: str = "share",
    marks: Sequence[tuple[str, float]] = (),
    low: float = 0.0,
    high: float | None = None,
    bins: int = 20,
) -> str:
    """Return the groups' distributions, as shares in each of ``bins`` from ``low`` to ``high``.

    Values beyond are counted in the last bin. ``marks`` are named vertical lines.
    """
    top = high if high is not None else _nice(max(v for g in groups for v in g.values))
    across = _scale(low, top, _LEFT, _WIDTH - _RIGHT)
    shares = [_shares(group.values, low, top, bins) for group in groups]
    most = _nice(max(share for each in shares for share in each))
    up = _scale(0.0, most, _HEIGHT - _BOTTOM, _TOP)
    parts = _grid(_ticks(0.0, most), up, percent=True)
    parts += [_tick_below(across(x), f"{x:g}") for x in _ticks(low, top)]
    width = (top - low) / bins
    for group, each in zip(groups, shares, strict=True):
        edge = [f"M{across(low):.1f},{up(0):.1f}"]
        for place, share in enumerate(each):
            edge.append(f"V{up(share):.1f}H{across(low + (place + 1) * width):.1f}")
        edge.append(f"V{up(0):.1f}Z")
        parts.append(f'<path class="hist s{group.series}" d="{"".join(edge)}"/>')
    for place, (name, x) in enumerate(marks):
        at = across(min(max(x, low), top))
        parts.append(
            f'<line class="mark" x1="{at:.1f}" x2="{at:.1f}" y1="{_TOP}" y2="{up(0):.1f}"/>'
        )
        left = at > _WIDTH * 0.6
        parts.append(
            _text(
                at + (-5 if left else 5), _TOP + 10 + 14 * place, name, "end" if left else "start"
            )
        )
    parts += _axis_labels(x_label, y_label)
    return _svg(parts, title)


def bar_chart(rows: Sequence[Row], *, title: str) -> str:
    """Return one bar a row, in [0, 1], with its interval as a whisker."""
    height = _TOP + _ROW * len(rows) + 26
    across = _scale(0.0, 1.0, _LABEL, _WIDTH - 64)
    parts = _columns(_ticks(0.0, 1.0), across, height)
    for place, row in enumerate(rows):
        y = _TOP + _ROW * place + _ROW / 2
        parts += [
            _text(_LABEL - 8, y + 4, _short(row.name), "end", full=row.name),
            f'<rect class="bar s1" x="{across(0):.1f}" y="{y - 8:.1f}" height="16" rx="2" '
            f'width="{max(0.0, across(row.value) - across(0)):.1f}"/>',
            _whisker(across(row.low), across(row.high), y),
            _text(_WIDTH - 48, y + 4, f"{row.value:.3f}", "start", cls="value"),
        ]
        if row.note:
            parts[-1] = _text(
                _WIDTH - 48, y + 4, f"{row.value:.3f}", "start", cls="value", full=row.note
            )
    return _svg(parts, title, height)


def difference_chart(rows: Sequence[Row], *, title: str) -> str:
    """Return each row's difference and interval around a line at 0."""
    height = _TOP + _ROW * len(rows) + 26
    reach = _nice(max([abs(edge) for row in rows for edge in (row.low, row.high)] + [0.01]))
    across = _scale(-reach, reach, _LABEL, _WIDTH - 68)
    parts = _columns([-reach, -reach / 2, 0.0, reach / 2, reach], across, height)
    zero = across(0.0)
    parts.append(
        f'<line class="zero" x1="{zero:.1f}" x2="{zero:.1f}" y1="{_TOP}" y2="{height - 26}"/>'
    )
    for place, row in enumerate(rows):
        y = _TOP + _ROW * place + _ROW / 2
        series = 1 if row.low > 0 else 2 if row.high < 0 else 3
        parts += [
            _text(_LABEL - 8, y + 4, _short(row.name), "end", full=row.name),
            _whisker(across(row.low), across(row.high), y, f"whisker s{series}"),
            f'<circle class="dot s{series}" cx="{across(row.value):.1f}" cy="{y:.1f}" r="4.5">'
            f"<title>{escape(row.note)}</title></circle>",
            _text(_WIDTH - 52, y + 4, f"{row.value:+.3f}", "start", cls="value"),
        ]
    return _svg(parts, title, height)


def _scale(low: float, high: float, start: float, end: float):  # type: ignore[no-untyped-def]
    span = (high - low) or 1.0
    return lambda value: start + (value - low) / span * (end - start)


def _shares(values: Sequence[float], low: float, high: float, bins: int) -> list[float]:
    counts = [0] * bins
    for value in values:
        place = int((value - low) / (high - low) * bins)
        counts[min(max(place, 0), bins - 1)] += 1
    return [count / max(1, len(values)) for count in counts]


def _nice(value: float) -> float:
    """Return the next round number that is at least ``value``."""
    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(
        step * power for step in (1, 1.5, 2, 3, 4, 5, 6, 8, 10) if step * power >= value * 0.999
    )


def _ticks(low: float, high: float) -> list[float]:
    rough = (high - low) / 5
    power = 10.0 ** math.floor(math.log10(rough)) if rough > 0 else 1.0
    step = next(s * power for s in (1, 2, 2.5, 5, 10) if s * power >= rough * 0.999)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [round(n * step, 10) for n in range(first, last + 1)]


def _grid(ticks: Sequence[float], up, *, percent: bool = False) -> list[str]:  # type: ignore[no-untyped-def]
    parts = []
    for tick in ticks:
        y = up(tick)
        said = f"{100 * tick:g}%" if percent else f"{tick:g}"
        parts.append(
            f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        )
        parts.append(_text(_LEFT - 6, y + 4, said, "end"))
    return parts


def _tick_below(x: float, said: str) -> str:
    """Return a label below the axis, which ends at the chart's edge where it would be cut."""
    cut = x + 4 * len(said) > _WIDTH
    return _text(_WIDTH - 1 if cut else x, _HEIGHT - _BOTTOM + 16, said, "end" if cut else "middle")


def _columns(ticks: Sequence[float], across, height: float) -> list[str]:  # type: ignore[no-untyped-def]
    parts = []
    for tick in ticks:
        x = across(tick)
        parts.append(
            f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP}" y2="{height - 26}"/>'
        )
        parts.append(_text(x, height - 10, f"{tick:g}", "middle"))
    return parts


def _whisker(low: float, high: float, y: float, cls: str = "whisker") -> str:
    return f'<path class="{cls}" d="M{low:.1f},{y - 4:.1f}v8m0,-4H{high:.1f}m0,-4v8"/>'


def _axis_labels(x_label: str, y_label: str) -> list[str]:
    return [
        _text((_LEFT + _WIDTH - _RIGHT) / 2, _HEIGHT - 8, x_label, "middle", cls="label"),
        f'<text class="label" text-anchor="middle" transform="translate(11 '
        f'{(_TOP + _HEIGHT - _BOTTOM) / 2:.0f}) rotate(-90)">{escape(y_label)}</text>',
    ]


def _text(x: float, y: float, said: str, anchor: str, *, cls: str = "tick", full: str = "") -> str:
    title = f"<title>{escape(full)}</title>" if full else ""
    return (
        f'<text class="{cls}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">'
        f"{escape(said)}{title}</text>"
    )


def _short(name: str, most: int = 16) -> str:
    return name if len(name) <= most else "…" + name[1 - most :]


def _svg(parts: Sequence[str], title: str, height: float = _HEIGHT) -> str:
    return (
        f'<svg viewBox="0 0 {_WIDTH} {height:.0f}" role="img" aria-label="{escape(title)}">'
        + "".join(parts)
        + "</svg>"
    )
