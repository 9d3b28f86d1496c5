"""The HTML report: one file with its style and its plots inside, for light and dark screens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from ragkit.evaluate.metrics import METRICS
from ragkit.evaluate.page_frame import figure, figure3, page, percent, table_row
from ragkit.evaluate.page_words import WORDS, Words
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


def report_page(
    report: Mapping[str, Any], outcomes: Sequence[Outcome], language: str = "en"
) -> str:
    """Return the report of one run as an HTML page; ``report`` is the object of ``--json``.

    ``language`` is one of ``page_words.LANGUAGES``.
    """
    words = WORDS[language]
    name = _name(report, words)
    figures = [
        _recall([(name, outcomes)], words, words["recall about"]),
        *_confidence(report, outcomes, words),
        *_latencies(report, outcomes, words),
        *_bars(report, words),
    ]
    body = [
        f"<h1>{words['evaluation']} · {escape(name)}</h1>",
        _facts(report, words),
        _figures_table(report, words),
        f'<div class="plots">{"".join(figures)}</div>',
        _groups_table(report, "by", words["language"]),
        _groups_table(report, "by_source", words["source"]),
        _missed(outcomes, words),
    ]
    return page(f"ragkit evaluate · {name}", body, language=words["lang"])


def comparison_page(
    compared: Mapping[str, Any],
    reports: Sequence[Mapping[str, Any]],
    outcomes: Sequence[Sequence[Outcome]],
    language: str = "en",
) -> str:
    """Return the report of two runs over the same questions; see ``compare_outcomes``."""
    words = WORDS[language]
    first, second = (_name(report, words) for report in reports)
    title = words["against"].format(first=first, second=second)
    rows = [
        Row(name, row["difference"], row["interval"], note=f"p = {row['p']:.4f}")
        for name, row in compared.items()
    ]
    chart = difference_chart(rows, title=words["differences"])
    figures = [
        figure(
            words["difference"],
            words["difference about"].format(first=first, second=second),
            chart,
        ),
        _recall([(first, outcomes[0]), (second, outcomes[1])], words, words["with intervals"]),
    ]
    body = [
        f"<h1>{escape(title)}</h1>",
        _facts(reports[0], words),
        _comparison_table(compared, reports, words),
        f'<div class="plots">{"".join(figures)}</div>',
        _moved(outcomes[0], outcomes[1], words),
    ]
    return page(f"ragkit evaluate · {title}", body, language=words["lang"])


def _name(report: Mapping[str, Any], words: Words) -> str:
    return words["system"].format(preset=report["preset"], retriever=report["retriever"])


def _facts(report: Mapping[str, Any], words: Words) -> str:
    facts = [words["answerable facts"].format(count=report["questions"])]
    if "unanswerable" in report:
        count = report["unanswerable"]["questions"]
        facts.append(words["unanswerable facts"].format(count=count))
    facts.append(words["retrieval facts"].format(**report["latency_ms"]["retrieve"]))
    return f'<p class="facts">{escape(" · ".join(facts))}</p>'


def _figures_table(report: Mapping[str, Any], words: Words) -> str:
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
        kind = "given" if told["contains"] is not None else "given alone"
        said = words[kind].format(
            answered=percent(told["answered"]),
            contains=figure3(told["contains"]),
            f1=figure3(told["f1"]),
        )
        given = f'<p class="facts">{escape(said)} {escape(_refusal_words(report, words))}</p>'
    return (
        f'<div class="tiles">{"".join(tiles)}</div>'
        f'<p class="facts">{escape(words["intervals"])}</p>{given}'
    )


def _refusal_words(report: Mapping[str, Any], words: Words) -> str:
    refusal = report["refusal"]
    return words["refusal"].format(
        removed=percent(refusal["removed_refused"]),
        threshold=figure3(refusal["suggested_threshold"]),
        kept=percent(refusal["answered_at_suggested"]),
        refused=percent(refusal["removed_refused_at_suggested"]),
    )


def _recall(runs: Sequence[tuple[str, Sequence[Outcome]]], words: Words, about: str) -> str:
    import numpy as np

    curves = []
    for place, (name, outcomes) in enumerate(runs):
        hits: Floats = np.array([_hits(o) for o in outcomes if o.right])
        samples, means = mean_draws(hits), hits.mean(axis=0)
        points = [(float(k + 1), float(means[k]), *interval(samples[:, k])) for k in range(_DEPTH)]
        curves.append(Curve(name, points, place + 1))
    chart = line_chart(curves, title=words["recall"], x_label="k", y_label="recall@k")
    names = [(curve.name, curve.series) for curve in curves] if len(curves) > 1 else []
    return figure(words["recall"], about, chart, names)


def _hits(outcome: Outcome) -> list[float]:
    place = _place(outcome)
    return [float(place is not None and place <= k) for k in range(_DEPTH)]


def _place(outcome: Outcome) -> int | None:
    found = (i for i, unit in enumerate(outcome.ranking) if unit in outcome.right)
    return next(found, None)


def _confidence(report: Mapping[str, Any], outcomes: Sequence[Outcome], words: Words) -> list[str]:
    answered = answered_of(outcomes)
    if not answered:
        return []
    groups = [
        Histogram(words["answerable"], [a.confidence for a in answered], 1),
        Histogram(words["removed"], [a.removed_confidence or 0.0 for a in answered], 2),
    ]
    nothing = [o.answered.confidence for o in outcomes if o.answered and not o.right]
    if nothing:
        groups.append(Histogram(words["unanswerable"], nothing, 3))
    threshold = report["refusal"]["suggested_threshold"]
    chart = histogram(
        groups,
        title=words["confidence title"],
        x_label=words["confidence axis"],
        y_label=words["share"],
        marks=[(words["suggested"].format(value=threshold), threshold)],
        high=1.0,
    )
    names = [(g.name, g.series) for g in groups]
    return [figure(words["confidence"], words["confidence about"], chart, names)]


def _latencies(report: Mapping[str, Any], outcomes: Sequence[Outcome], words: Words) -> list[str]:
    taken = {"retrieve": [o.milliseconds for o in outcomes]}
    if answers := [o.answered.milliseconds for o in outcomes if o.answered]:
        taken["answer"] = answers
    found = []
    for name, values in taken.items():
        shares = report["latency_ms"][name]
        title = words["latency"].format(name=words[name])
        marks = [(f"{share} {value:.0f} ms", value) for share, value in shares.items()]
        chart = histogram(
            [Histogram(name, values)],
            title=title,
            x_label=words["milliseconds"],
            y_label=words["share"],
            marks=marks,
            high=_ceiling(1.5 * shares["p95"]),
        )
        found.append(figure(title, words["latency about"], chart))
    return found


def _ceiling(value: float) -> float:
    step = 10.0 ** (len(str(int(max(value, 1)))) - 1)
    return max(step, -(-value // step) * step)


def _bars(report: Mapping[str, Any], words: Words) -> list[str]:
    found = []
    for key in ("by", "by_source"):
        title = words[key]
        groups = sorted(report.get(key, {}).items(), key=lambda item: -item[1]["questions"])
        rows = [
            Row(
                name or "–",
                group["recall@1"],
                group["intervals"]["recall@1"],
                note=words["questions"].format(count=group["questions"]),
            )
            for name, group in groups[:_BARS]
        ]
        if len(rows) > 1:
            about = words["with interval"]
            if len(groups) > _BARS:
                about += words["largest"].format(most=_BARS, count=len(groups))
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
    head = f"<th>{title}</th><th>n</th>{head}"
    return f"<h2>{title}</h2>{_table('<table>', head, rows)}"


def _table(opening: str, head: str, rows: str) -> str:
    """Return a table that scrolls sideways where it is too wide, by the keyboard too."""
    return (
        f'<div class="wide" tabindex="0">{opening}<thead><tr>{head}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )


def _missed(outcomes: Sequence[Outcome], words: Words) -> str:
    missed = [o for o in outcomes if o.right and _place(o) != 0]
    if not missed:
        return ""
    missed.sort(key=lambda outcome: -_depth(outcome))
    rows = "".join(
        f"<tr><td>{escape(o.question.question)}</td>"
        f"<td>{escape(', '.join(sorted(o.right)[:3]))}</td>"
        f"<td>{escape(o.ranking[0] if o.ranking else '–')}</td>"
        f"<td>{_place_words(o, words)}</td></tr>"
        for o in missed[:_MISSED]
    )
    facts = words["missed facts"].format(count=len(missed))
    if len(missed) > _MISSED:
        facts += words["missed more"].format(most=_MISSED)
    head = "".join(f"<th>{words[n]}</th>" for n in ("question", "right", "first instead", "rank"))
    return f'<h2>{words["missed"]}</h2><p class="facts">{facts}</p>' + _table(
        '<table class="text">', head, rows
    )


def _moved(first: Sequence[Outcome], second: Sequence[Outcome], words: Words) -> str:
    changed = [
        (a, b) for a, b in zip(first, second, strict=True) if a.right and _place(a) != _place(b)
    ]
    if not changed:
        return f"<h2>{words['none moved']}</h2>"
    changed.sort(key=lambda pair: -abs(_depth(pair[0]) - _depth(pair[1])))
    rows = "".join(
        f"<tr><td>{escape(a.question.question)}</td><td>{_place_words(a, words)}</td>"
        f"<td>{_place_words(b, words)}</td></tr>"
        for a, b in changed[:_MISSED]
    )
    facts = words["missed facts"].format(count=len(changed))
    if len(changed) > _MISSED:
        facts += words["moved more"].format(most=_MISSED)
    head = "".join(f"<th>{words[name]}</th>" for name in ("question", "rank before", "rank after"))
    return f'<h2>{words["moved"]}</h2><p class="facts">{facts}</p>' + _table(
        '<table class="text">', head, rows
    )


def _depth(outcome: Outcome) -> int:
    place = _place(outcome)
    return _DEPTH if place is None else place


def _place_words(outcome: Outcome, words: Words) -> str:
    place = _place(outcome)
    return f"{place + 1}" if place is not None else words["beyond"].format(depth=_DEPTH)


def _comparison_table(
    compared: Mapping[str, Any], reports: Sequence[Mapping[str, Any]], words: Words
) -> str:
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
    names = [escape(_name(report, words)) for report in reports]
    last = [words[name] for name in ("difference column", "interval")]
    last += ["p", words["effect"], words["better"]]
    head = "".join(f"<th>{name}</th>" for name in (words["metric"], *names, *last))
    return f'{_table("<table>", head, rows)}<p class="facts">{escape(words["p"])}</p>'
