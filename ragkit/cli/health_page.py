"""The health report as one HTML file with its style inside, for light and dark screens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from html import escape
from pathlib import Path

from ragkit.cli.health_table import (
    SCRIPT,
    STYLE,
    indexed_table,
    name_html,
    one_line,
    size,
    unread_table,
)
from ragkit.cli.health_words import WORDS, Words
from ragkit.evaluate.page_frame import page
from ragkit.health import Finding, Health
from ragkit.health.reasons import reason

__all__ = ["health_page"]

_BARS = 8
_NAMED = 50  # files of one finding
_STYLE = f"""<style>
main{{max-width:1180px}}{STYLE}"""
_STYLE += """
.bars{display:grid;grid-template-columns:minmax(48px,max-content) 1fr max-content;gap:5px 10px;
align-items:center;font-size:.85rem;font-variant-numeric:tabular-nums}
.bars i{display:block;height:12px;border-radius:3px;background:var(--s1);opacity:.8;min-width:2px}
.bars span:nth-child(3n+1){overflow-wrap:anywhere}.bars b{font-weight:500;text-align:right}
.plots{grid-template-columns:repeat(auto-fit,minmax(min(100%,260px),1fr))}
details{border:1px solid var(--rule);border-left:3px solid var(--s2);border-radius:6px;
background:var(--card);margin:6px 0;padding:8px 12px}
details.mild{border-left-color:var(--s3)}
summary{cursor:pointer}
details ul{margin:8px 0 2px;padding-left:20px;font-size:.85rem;overflow-wrap:anywhere}
.sound{color:var(--s1);font-weight:600}
h1{overflow-wrap:anywhere}.facts{overflow-wrap:anywhere}
details li .dir{color:var(--soft)}
@media (min-width:761px){.wide:has(.files){overflow:visible}}
@media print{details{break-inside:avoid}.plots{grid-template-columns:repeat(3,1fr)}
details:not([open])::details-content{content-visibility:visible;display:block}}
</style>"""
# They tell of how a folder is kept, not of text that is lost.
_MILD = frozenset(("pending", "duplicates", "near_duplicates"))
_GROUPED = ("duplicates", "near_duplicates")


def health_page(report: Health, language: str = "en") -> str:
    """Return ``report`` as a page; ``language`` is one of ``health_words.LANGUAGES``.

    Whatever comes from a file, its name included, is escaped.
    """
    words = WORDS[language]
    title = words["title"].format(folder=one_line(Path(report.folder).resolve().name or "/"))
    body = [
        _STYLE,
        f"<h1>{escape(title)}</h1>",
        _facts(report, words),
        _tiles(report, words),
        _notes(report, words),
        _plots(report, words),
        _findings(report.findings, words),
        unread_table(report.files, words),
        indexed_table(report.files, words, mild=_MILD),
    ]
    return page(f"ragkit · {title}", body, language=words["lang"], script=SCRIPT)


def _facts(report: Health, words: Words) -> str:
    facts = words["facts"].format(
        path=one_line(report.folder),
        embedder=one_line(report.embedder) or words["no embedder"],
        when=datetime.now().astimezone().strftime("%Y-%m-%d %H:%M"),
    )
    return f'<p class="facts">{escape(facts)}</p>'


def _tiles(report: Health, words: Words) -> str:
    totals = report.totals
    figures = [
        ("files", f"{totals.files:,}"),
        ("indexed", f"{totals.indexed:,}"),
        ("skipped", f"{totals.skipped:,}"),
        *([("excluded", f"{totals.excluded:,}")] if totals.excluded else []),
        *([("pending", f"{totals.pending:,}")] if totals.pending else []),
        ("pages", _count(totals.pages)),
        ("characters", _count(totals.characters)),
        ("nodes", _count(totals.nodes)),
        ("size", size(totals.bytes)),
        *([("reading", _time(totals.seconds))] if totals.seconds else []),
    ]
    tiles = "".join(
        f'<div class="tile"><span>{escape(words[name])}</span><b>{value}</b></div>'
        for name, value in figures
    )
    return f'<div class="tiles">{tiles}</div>'


def _notes(report: Health, words: Words) -> str:
    if report.texts_read >= report.texts:
        return ""
    note = words["partly"].format(read=report.texts_read, texts=report.texts)
    return f'<p class="facts">{escape(note)}</p>'


def _plots(report: Health, words: Words) -> str:
    totals = report.totals
    groups = [
        ("formats", totals.formats),
        ("languages", totals.languages_and(words["unknown"])),
        ("encodings", totals.encodings),
    ]
    plots = "".join(
        _bars(words[name], words["by files"], counts, words) for name, counts in groups if counts
    )
    if report.left_out:
        counts = {words.get(name, name): count for name, count in report.left_out.items()}
        plots += _bars(words["left out"], words["left out by"], counts, words)
    return f'<div class="plots">{plots}</div>' if plots else ""


def _bars(title: str, about: str, counts: Mapping[str, int], words: Words) -> str:
    shown = list(counts.items())
    if len(shown) > _BARS:
        rest = shown[_BARS - 1 :]
        others = words["others"].format(count=len(rest))
        shown = [*shown[: _BARS - 1], (others, sum(count for _, count in rest))]
    most = max(count for _, count in shown)
    rows = "".join(
        f"<span>{escape(one_line(name))}</span>"
        f'<i style="width:{100 * count / most:.1f}%"></i><b>{count:,}</b>'
        for name, count in shown
    )
    return (
        f"<figure><figcaption><b>{escape(title)}</b><span>{escape(about)}</span>"
        f'</figcaption><div class="bars">{rows}</div></figure>'
    )


def _findings(findings: Sequence[Finding], words: Words) -> str:
    heading = f"<h2>{escape(words['findings'])}</h2>"
    if not findings:
        return f'{heading}<p class="sound">{escape(words["sound"])}</p>'
    single = [_finding(f, words) for f in findings if f.kind not in (*_GROUPED, "skipped")]
    skipped = [f for f in findings if f.kind == "skipped"]
    if skipped:
        reasons = [
            f"{len(f.sources):,} · {escape(one_line(reason(f.detail, words['lang'])))}"
            for f in skipped
        ]
        said = words["s_skipped"].format(count=f"{sum(len(f.sources) for f in skipped):,}")
        single.insert(0, _entry(said, reasons, words))
    grouped = [_groups([f for f in findings if f.kind == kind], words) for kind in _GROUPED]
    return heading + "".join([*single, *grouped])


def _groups(findings: Sequence[Finding], words: Words) -> str:
    """Return one entry for all groups of files with the same text."""
    if len(findings) < 2:
        return "".join(_finding(finding, words) for finding in findings)
    said = words[f"g_{findings[0].kind}"].format(count=len(findings))
    groups = [", ".join(map(name_html, finding.sources[:_NAMED])) for finding in findings]
    return _entry(said, groups, words, mild=True)


def _finding(finding: Finding, words: Words) -> str:
    template = words.get(f"f_{finding.kind}")
    count, detail = len(finding.sources), one_line(finding.detail)
    said = template.format(count=count, detail=detail) if template else one_line(finding.message)
    return _entry(said, list(map(name_html, finding.sources)), words, mild=finding.kind in _MILD)


def _entry(said: str, lines: Sequence[str], words: Words, *, mild: bool = False) -> str:
    """Return a line that opens into a list of ``lines``, which are HTML."""
    items = "".join(f"<li>{line}</li>" for line in lines[:_NAMED])
    if len(lines) > _NAMED:
        items += f"<li>{escape(words['and more'].format(count=len(lines) - _NAMED))}</li>"
    opening = "<details class=mild>" if mild else "<details>"
    return f"{opening}<summary>{escape(said)}</summary><ul>{items}</ul></details>"


def _count(number: int) -> str:
    return f"{number:,}" if number < 1_000_000 else f"{number / 1e6:,.1f} M"


def _time(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    if not minutes:
        return f"{seconds:.1f} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"
