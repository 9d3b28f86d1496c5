"""The HTML report: one file with its style and its plots inside, for light and dark screens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from ragkit.evaluate.metrics import METRICS
from ragkit.evaluate.page_frame import figure, figure3, page, percent, table_row
from ragkit.evaluate.plots import (
    Curve,
    Histogram,
    Row,
    bar_chart,
    difference_chart,
    histogram,
    line_chart,
)
from ragkit.evaluate.resampling import interval, mean_draws
from ragkit.evaluate.run import Outcome
from ragkit.evaluate.summary import ANSWER_METRICS, SHORT_NAMES, answered_of

if TYPE_CHECKING:
    from ragkit.evaluate.resampling import Floats

__all__ = ["comparison_page", "report_page"]

_DEPTH = 10
_MISSED = 50
_BARS = 24


def report_page(report: Mapping[str, Any], outcomes: Sequence[Outcome]) -> str:
    """Return the report of one run as an HTML page; ``report`` is the object of ``--json``."""
    name = _name(report)
    figures = [
        _recall(
            [(name, outcomes)],
            "Recall by depth",
            "share of questions whose right passage is among the first k",
        ),
        *_confidence(report, outcomes),
        *_latencies(report, outcomes),
        *_bars(report),
    ]
    body = [
        f"<h1>Evaluation · {escape(name)}</h1>",
        _facts(report),
        _figures_table(report),
        f'<div class="plots">{"".join(figures)}</div>',
        _groups_table(report, "by", "Language"),
        _groups_table(report, "by_source", "Source"),
        _missed(outcomes),
    ]
    return page(f"ragkit evaluate · {name}", body)


def comparison_page(
    compared: Mapping[str, Any],
    reports: Sequence[Mapping[str, Any]],
    outcomes: Sequence[Sequence[Outcome]],
) -> str:
    """Return the report of two runs over the same questions; see ``compare_outcomes``."""
    first, second = (_name(report) for report in reports)
    rows = [
        Row(name, row["difference"], row["interval"], note=f"p = {row['p']:.4f}")
        for name, row in compared.items()
    ]
    chart = difference_chart(rows, title="Differences with 95% intervals")
    figures = [
        figure("Difference", f"{second} less {first}, 95% interval; right of 0 is better", chart),
        _recall(
            [(first, outcomes[0]), (second, outcomes[1])], "Recall by depth", "with 95% intervals"
        ),
    ]
    body = [
        f"<h1>{escape(first)} against {escape(second)}</h1>",
        _facts(reports[0]),
        _comparison_table(compared, reports),
        f'<div class="plots">{"".join(figures)}</div>',
        _moved(outcomes[0], outcomes[1]),
    ]
    return page(f"ragkit evaluate · {first} against {second}", body)


def _name(report: Mapping[str, Any]) -> str:
    return f"{report['preset']}, {report['retriever']}"


def _facts(report: Mapping[str, Any]) -> str:
    facts = [f"{report['questions']:,} questions with an answer in the index"]
    if "unanswerable" in report:
        facts.append(f"{report['unanswerable']['questions']:,} without")
    taken = report["latency_ms"]["retrieve"]
    facts.append(f"retrieval {taken['p50']:.0f} ms (p50), {taken['p95']:.0f} ms (p95)")
    return f'<p class="facts">{escape(" · ".join(facts))}</p>'


def _figures_table(report: Mapping[str, Any]) -> str:
    tiles = []
    for name in (*METRICS, *ANSWER_METRICS):
        if report.get(name) is None:
            continue
        edges = report["intervals"].get(name)
        spread = f"{edges[0]:.3f} – {edges[1]:.3f}" if edges else ""
        tiles.append(
            f'<div class="tile"><span>{escape(name)}</span><b>{report[name]:.3f}</b>'
            f"<small>{spread}</small></div>"
        )
    given = ""
    if "given" in report:
        told = report["given"]
        given = (
            '<p class="facts">As given, a refusal counting as a miss: '
            f"answered {percent(told['answered'])}, contains {figure3(told['contains'])}, "
            f"F1 {figure3(told['f1'])}. {escape(_refusal_words(report))}</p>"
        )
    return (
        f'<div class="tiles">{"".join(tiles)}</div>'
        '<p class="facts">Below each figure its 95% bootstrap interval, by question.</p>' + given
    )


def _refusal_words(report: Mapping[str, Any]) -> str:
    refusal = report["refusal"]
    return (
        f"With the right passage removed, {percent(refusal['removed_refused'])} are refused. "
        f"A threshold of {figure3(refusal['suggested_threshold'])} answers "
        f"{percent(refusal['answered_at_suggested'])} and refuses "
        f"{percent(refusal['removed_refused_at_suggested'])} of those."
    )


def _recall(runs: Sequence[tuple[str, Sequence[Outcome]]], title: str, about: str) -> str:
    import numpy as np

    curves = []
    for place, (name, outcomes) in enumerate(runs):
        hits: Floats = np.array([_hits(o) for o in outcomes if o.right])
        samples, means = mean_draws(hits), hits.mean(axis=0)
        points = [(float(k + 1), float(means[k]), *interval(samples[:, k])) for k in range(_DEPTH)]
        curves.append(Curve(name, points, place + 1))
    chart = line_chart(curves, title=title, x_label="k", y_label="recall@k")
    names = [(curve.name, curve.series) for curve in curves] if len(curves) > 1 else []
    return figure(title, about, chart, names)


def _hits(outcome: Outcome) -> list[float]:
    place = _place(outcome)
    return [float(place is not None and place <= k) for k in range(_DEPTH)]


def _place(outcome: Outcome) -> int | None:
    found = (i for i, unit in enumerate(outcome.ranking) if unit in outcome.right)
    return next(found, None)


def _confidence(report: Mapping[str, Any], outcomes: Sequence[Outcome]) -> list[str]:
    answered = answered_of(outcomes)
    if not answered:
        return []
    groups = [
        Histogram("answerable", [a.confidence for a in answered], 1),
        Histogram("right passage removed", [a.removed_confidence or 0.0 for a in answered], 2),
    ]
    nothing = [o.answered.confidence for o in outcomes if o.answered and not o.right]
    if nothing:
        groups.append(Histogram("unanswerable", nothing, 3))
    threshold = report["refusal"]["suggested_threshold"]
    chart = histogram(
        groups,
        title="Confidence by kind of question",
        x_label="confidence",
        marks=[(f"suggested {threshold:.2f}", threshold)],
        high=1.0,
    )
    about = "share of each kind of question; what lies left of the threshold is refused"
    return [figure("Confidence", about, chart, [(g.name, g.series) for g in groups])]


def _latencies(report: Mapping[str, Any], outcomes: Sequence[Outcome]) -> list[str]:
    taken = {"retrieve": [o.milliseconds for o in outcomes]}
    if answers := [o.answered.milliseconds for o in outcomes if o.answered]:
        taken["answer"] = answers
    found = []
    for name, values in taken.items():
        shares = report["latency_ms"][name]
        marks = [(f"{share} {value:.0f} ms", value) for share, value in shares.items()]
        chart = histogram(
            [Histogram(name, values)],
            title=f"Latency: {name}",
            x_label="milliseconds",
            marks=marks,
            high=_ceiling(1.5 * shares["p95"]),
        )
        found.append(figure(f"Latency: {name}", "one question at a time", chart))
    return found


def _ceiling(value: float) -> float:
    step = 10.0 ** (len(str(int(max(value, 1)))) - 1)
    return max(step, -(-value // step) * step)


def _bars(report: Mapping[str, Any]) -> list[str]:
    found = []
    for key, title in (("by", "Recall@1 by language"), ("by_source", "Recall@1 by source")):
        groups = sorted(report.get(key, {}).items(), key=lambda item: -item[1]["questions"])
        rows = [
            Row(
                name or "–",
                group["recall@1"],
                group["intervals"]["recall@1"],
                note=f"{group['questions']} questions",
            )
            for name, group in groups[:_BARS]
        ]
        if len(rows) > 1:
            about = "with 95% interval" + (
                f"; the {_BARS} largest of {len(groups)}" if len(groups) > _BARS else ""
            )
            found.append(figure(title, about, bar_chart(rows, title=title)))
    return found


def _groups_table(report: Mapping[str, Any], key: str, title: str) -> str:
    groups = report.get(key)
    if not groups:
        return ""
    names = [
        n for n in (*METRICS, *ANSWER_METRICS) if any(g.get(n) is not None for g in groups.values())
    ]
    head = "".join(f"<th>{escape(SHORT_NAMES[name])}</th>" for name in names)
    rows = "".join(
        f"<tr><td>{escape(group or '–')}</td><td>{figures['questions']:,}</td>"
        + "".join(f"<td>{figure3(figures.get(name))}</td>" for name in names)
        + "</tr>"
        for group, figures in groups.items()
    )
    return (
        f'<h2>{title}</h2><div class="wide"><table><thead><tr><th>{title}</th><th>n</th>{head}'
        f"</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _missed(outcomes: Sequence[Outcome]) -> str:
    missed = [o for o in outcomes if o.right and _place(o) != 0]
    if not missed:
        return ""
    missed.sort(key=lambda outcome: -_depth(outcome))
    rows = "".join(
        f"<tr><td>{escape(o.question.question)}</td>"
        f"<td>{escape(', '.join(sorted(o.right)[:3]))}</td>"
        f"<td>{escape(o.ranking[0] if o.ranking else '–')}</td>"
        f"<td>{_place_words(o)}</td></tr>"
        for o in missed[:_MISSED]
    )
    more = f" The worst {_MISSED} are shown." if len(missed) > _MISSED else ""
    return (
        f'<h2>Not found first</h2><p class="facts">{len(missed):,} questions.{more}</p>'
        '<div class="wide"><table class="text"><thead><tr><th>question</th><th>right</th>'
        f"<th>first instead</th><th>rank</th></tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _moved(first: Sequence[Outcome], second: Sequence[Outcome]) -> str:
    changed = [
        (a, b) for a, b in zip(first, second, strict=True) if a.right and _place(a) != _place(b)
    ]
    if not changed:
        return "<h2>No question moved</h2>"
    changed.sort(key=lambda pair: -abs(_depth(pair[0]) - _depth(pair[1])))
    rows = "".join(
        f"<tr><td>{escape(a.question.question)}</td><td>{_place_words(a)}</td>"
        f"<td>{_place_words(b)}</td></tr>"
        for a, b in changed[:_MISSED]
    )
    more = f" The {_MISSED} that moved most are shown." if len(changed) > _MISSED else ""
    return (
        f'<h2>Questions that moved</h2><p class="facts">{len(changed):,} questions.{more}</p>'
        '<div class="wide"><table class="text"><thead><tr><th>question</th><th>rank before</th>'
        f"<th>rank after</th></tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _depth(outcome: Outcome) -> int:
    place = _place(outcome)
    return _DEPTH if place is None else place


def _place_words(outcome: Outcome) -> str:
    place = _place(outcome)
    return f"{place + 1}" if place is not None else f"beyond {_DEPTH}"


def _comparison_table(compared: Mapping[str, Any], reports: Sequence[Mapping[str, Any]]) -> str:
    rows = "".join(
        table_row(
            [
                escape(name),
                figure3(reports[0].get(name)),
                figure3(reports[1].get(name)),
                f"{row['difference']:+.3f}",
                f"{row['interval'][0]:+.3f} – {row['interval'][1]:+.3f}",
                f"{row['p']:.4f}",
                "–" if row["effect"] is None else f"{row['effect']:+.2f}",
                "–" if row["better"] is None else f"{row['better']} / {row['worse']}",
            ]
        )
        for name, row in compared.items()
    )
    first, second = (escape(_name(report)) for report in reports)
    return (
        f'<div class="wide"><table><thead><tr><th>metric</th><th>{first}</th><th>{second}</th>'
        "<th>difference</th><th>95% interval</th><th>p</th><th>effect</th><th>better / worse</th>"
        f"</tr></thead><tbody>{rows}</tbody></table></div>"
        '<p class="facts">p: two-sided paired randomisation test (of the bootstrap for BLEU and '
        "AUROC). effect: mean difference over its standard deviation.</p>"
    )
