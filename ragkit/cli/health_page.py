"""The health report as one HTML file with its style inside, for light and dark screens."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from html import escape
from pathlib import Path

from ragkit.cli.health_words import WORDS, Words
from ragkit.cli.terminal import printable
from ragkit.evaluate.page_frame import page
from ragkit.health import FileHealth, Finding, Health

__all__ = ["health_page"]

_BARS = 8
_NAMED = 50  # files of one finding
_ROWS = 2000
_STYLE = """<style>
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
td.name{white-space:normal;overflow-wrap:anywhere;min-width:220px}
td.say{text-align:left;white-space:normal}th.say{text-align:left}
.chip{display:inline-block;border:1px solid var(--s2);color:var(--s2);border-radius:9px;
padding:0 7px;margin:1px 3px 1px 0;font-size:.75rem;white-space:nowrap}
table.text th:last-child,table.text td:last-child{text-align:left;white-space:normal}
table.text td:first-child{width:42%}
</style>"""
# They tell of how a folder is kept, not of text that is lost.
_MILD = frozenset(("pending", "duplicates", "near_duplicates"))
_GROUPED = ("duplicates", "near_duplicates")


def health_page(report: Health, language: str = "en") -> str:
    """Return ``report`` as a page; ``language`` is one of ``health_words.LANGUAGES``.

    Whatever comes from a file, its name included, is escaped.
    """
    words = WORDS[language]
    title = words["title"].format(folder=_shown(Path(report.folder).resolve().name or "/"))
    body = [
        _STYLE,
        f"<h1>{escape(title)}</h1>",
        _facts(report, words),
        _tiles(report, words),
        _notes(report, words),
        _plots(report, words),
        _findings(report.findings, words),
        _unread(report.files, words),
        _files(report.files, words),
    ]
    return page(f"ragkit · {title}", body, language=words["lang"])


def _shown(text: str) -> str:
    return printable(text).replace("\n", "\N{SYMBOL FOR NEWLINE}").replace("\t", " ")


def _facts(report: Health, words: Words) -> str:
    facts = words["facts"].format(
        path=_shown(report.folder),
        embedder=_shown(report.embedder) or words["no embedder"],
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
        ("size", _size(totals.bytes)),
    ]
    tiles = "".join(
        f'<div class="tile"><span>{escape(words[name])}</span><b>{value}</b></div>'
        for name, value in figures
    )
    return f'<div class="tiles">{tiles}</div>'


def _notes(report: Health, words: Words) -> str:
    notes = []
    if report.left_out:
        counts = ", ".join(f"{words.get(r, r)} {n:,}" for r, n in report.left_out.items())
        notes.append(words["left out"].format(counts=counts))
    if report.texts_read < report.texts:
        notes.append(words["partly"].format(read=report.texts_read, texts=report.texts))
    return "".join(f'<p class="facts">{escape(note)}</p>' for note in notes)


def _plots(report: Health, words: Words) -> str:
    totals = report.totals
    groups = [
        ("formats", totals.formats),
        ("languages", totals.languages),
        ("encodings", totals.encodings),
    ]
    plots = "".join(_bars(words[name], counts, words) for name, counts in groups if counts)
    return f'<div class="plots">{plots}</div>' if plots else ""


def _bars(title: str, counts: Mapping[str, int], words: Words) -> str:
    shown = list(counts.items())
    if len(shown) > _BARS:
        rest = shown[_BARS - 1 :]
        others = words["others"].format(count=len(rest))
        shown = [*shown[: _BARS - 1], (others, sum(count for _, count in rest))]
    most = max(count for _, count in shown)
    rows = "".join(
        f"<span>{escape(_shown(name))}</span>"
        f'<i style="width:{100 * count / most:.1f}%"></i><b>{count:,}</b>'
        for name, count in shown
    )
    return (
        f"<figure><figcaption><b>{escape(title)}</b><span>{escape(words['by files'])}</span>"
        f'</figcaption><div class="bars">{rows}</div></figure>'
    )


def _findings(findings: Sequence[Finding], words: Words) -> str:
    heading = f"<h2>{escape(words['findings'])}</h2>"
    if not findings:
        return f'{heading}<p class="sound">{escape(words["sound"])}</p>'
    single = [_finding(f, words) for f in findings if f.kind not in (*_GROUPED, "skipped")]
    skipped = [f for f in findings if f.kind == "skipped"]
    if skipped:
        reasons = [f"{len(f.sources):,} · {_shown(f.detail)}" for f in skipped]
        said = words["s_skipped"].format(count=f"{sum(len(f.sources) for f in skipped):,}")
        single.insert(0, _entry(said, reasons, words))
    grouped = [_groups([f for f in findings if f.kind == kind], words) for kind in _GROUPED]
    return heading + "".join([*single, *grouped])


def _groups(findings: Sequence[Finding], words: Words) -> str:
    """Return one entry for all groups of files with the same text."""
    if len(findings) < 2:
        return "".join(_finding(finding, words) for finding in findings)
    said = words[f"g_{findings[0].kind}"].format(count=len(findings))
    groups = [", ".join(map(_shown, finding.sources[:_NAMED])) for finding in findings]
    return _entry(said, groups, words, mild=True)


def _finding(finding: Finding, words: Words) -> str:
    template = words.get(f"f_{finding.kind}")
    count, detail = len(finding.sources), _shown(finding.detail)
    said = template.format(count=count, detail=detail) if template else _shown(finding.message)
    return _entry(said, list(map(_shown, finding.sources)), words, mild=finding.kind in _MILD)


def _entry(said: str, lines: Sequence[str], words: Words, *, mild: bool = False) -> str:
    """Return a line that opens into a list."""
    items = "".join(f"<li>{escape(line)}</li>" for line in lines[:_NAMED])
    if len(lines) > _NAMED:
        items += f"<li>{escape(words['and more'].format(count=len(lines) - _NAMED))}</li>"
    opening = "<details class=mild>" if mild else "<details>"
    return f"{opening}<summary>{escape(said)}</summary><ul>{items}</ul></details>"


def _unread(files: Iterable[FileHealth], words: Words) -> str:
    rows = [file for file in files if file.state != "indexed"]
    if not rows:
        return ""
    cells = "".join(
        f"<tr><td>{escape(_shown(file.source))}</td>"
        f"<td>{escape(_shown(file.reason or words.get(file.state, file.state)))}</td></tr>"
        for file in rows[:_ROWS]
    )
    return (
        f"<h2>{escape(words['not indexed'])}</h2><div class=wide><table class=text>"
        f"<thead><tr><th>{escape(words['file'])}</th><th>{escape(words['reason'])}</th></tr></thead>"
        f"<tbody>{cells}</tbody></table></div>{_cut(len(rows), words)}"
    )


def _files(files: Iterable[FileHealth], words: Words) -> str:
    rows = [file for file in files if file.state == "indexed"]
    if not rows:
        return ""
    timed = any(file.seconds for file in rows)
    texts = ["file", "format", "encoding", "language"]
    numbers = ["pages", "characters", "nodes", "size", *(["seconds"] * timed)]
    heads = "".join(f"<th class=say>{escape(words[name])}</th>" for name in texts)
    heads += "".join(f"<th>{escape(words[name])}</th>" for name in numbers)
    body = "".join(_file(file, words, timed=timed) for file in rows[:_ROWS])
    return (
        f"<h2>{escape(words['all files'])}</h2><div class=wide><table><thead><tr>{heads}"
        f"<th class=say>{escape(words['warnings'])}</th></tr></thead><tbody>{body}</tbody></table>"
        f"</div>{_cut(len(rows), words)}"
    )


def _file(file: FileHealth, words: Words, *, timed: bool) -> str:
    texts = [file.format, file.encoding, file.language]
    numbers = [
        f"{file.pages:,}" if file.pages else "",
        f"{file.characters:,}",
        f"{file.nodes:,}",
        _size(file.size),
        *([f"{file.seconds:.2f}" if file.seconds else ""] * timed),
    ]
    said = [words.get(f"w_{kind}", kind) for kind in file.warnings]
    if file.ocr_pages:
        said.append(words["by ocr"].format(count=file.ocr_pages))
    chips = "".join(f"<span class=chip>{escape(text)}</span>" for text in said)
    inner = "".join(f"<td class=say>{escape(_shown(text))}</td>" for text in texts)
    inner += "".join(f"<td>{number}</td>" for number in numbers)
    name = escape(_shown(file.source))
    return f"<tr><td class=name>{name}</td>{inner}<td class=say>{chips}</td></tr>"


def _cut(count: int, words: Words) -> str:
    if count <= _ROWS:
        return ""
    return f'<p class="facts">{escape(words["cut"].format(shown=_ROWS, count=count))}</p>'


def _count(number: int) -> str:
    return f"{number:,}" if number < 1_000_000 else f"{number / 1e6:,.1f} M"


def _size(size: int) -> str:
    for unit, scale in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size >= scale:
            return f"{size / scale:.1f} {unit}"
    return f"{size} B"
